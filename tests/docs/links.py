"""Links between pages lead somewhere, and the functions that the README names exist."""

import re

from support import ROOT  # noqa: I001
from catalog import Catalog, create_database, drop_database
from reference import anchor

DATABASE = "docs_links"


def text_of(path):
    """A page without its code, in which brackets are no links."""
    return re.sub(r"^```.*?^```", "", path.read_text(), flags=re.M | re.S)


def run():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    anchors = {path.resolve(): {anchor(title) for title in re.findall(r"^#+ (.*)$", text_of(path), re.M)} for path in pages}
    for path in pages:
        broken = []
        for link in re.findall(r"\]\(([^)\s]+)\)", text_of(path)):
            name, _, place = link.partition("#")
            target = (path.parent / name).resolve() if name else path.resolve()
            if "://" not in link and (not target.exists() or (place and place not in anchors.get(target, ()))):
                broken.append(link)
        yield f"links of {path.relative_to(ROOT)}", "\n".join(broken)
    create_database(DATABASE)
    catalog = Catalog(DATABASE)
    drop_database(DATABASE)
    overview = (ROOT / "README.md").read_text().split("## What is there")[1].split("\n## ")[0]
    named = set(re.findall(r"`(?:CALL )?([a-z]\w+)(?:\([^`]*\))?`", overview))
    unknown = named - {function["name"] for function in catalog.functions}
    unlinked = [domain for domain in catalog.domains if f"(docs/reference/{domain}.md)" not in overview]
    yield "the README's overview", "\n".join(sorted(unknown) + [f"domain {domain} is missing" for domain in unlinked])
