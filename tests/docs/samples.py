"""Plays the SQL of the documentation, each page from top to bottom in a database of its own.

A fenced block of `sql` runs as the data owner, or as whom its first line names: `-- as superuser`, `-- as owner`, `-- as app` (or
another kind of access), `-- as web` (a role that the page has made). Where a page says `-- as shop_owner`, that role, which may make
roles, is there and owns the data. A line `-->` is a row that the statement above it returns, its columns apart by ` | `;
`--> (no rows)` says that there are none, `--> ERROR 42501` how it fails. A statement ends with the line that ends with `;` or `\\gset`.
Variables of psql last through a page, and `$1` is the one named "1". In an HTML comment before a block stands what readers need not
see: `<!-- before: SQL -->` runs first, as the superuser; `<!-- not run: why -->` leaves the block out.
"""

import os
import re
import subprocess

from support import ROOT  # noqa: I001
from catalog import KINDS, create_database, drop_database, psql

# Pages that other tests play, and which.
ELSEWHERE = {"docs/install.md": "tests/install/docs.py"}
BLOCK = re.compile(r"(?:<!-- (before|not run):\s*(.*?)-->\s*)?^```sql\n(.*?)^```", re.M | re.S)
LIMIT_NOT_RUN = 2


def pages():
    found = [ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md")] + sorted((ROOT / "docs").glob("*.md"))
    return [path for path in found if "```sql" in path.read_text()]


def statements(block):
    """(SQL, the rows it says it returns), by lines that end with a semicolon."""
    sql, found = [], []
    for line in block.splitlines():
        code = line.split(" -- ")[0].rstrip()
        if line.startswith("-->"):
            if sql or not found:
                raise ValueError(f"no statement ends above {line}")
            found[-1][1].append(line[3:].strip())
        else:
            sql.append(line)
            if re.search(r"(;|\\g(set)?( \S+)?)$", code) and not line.startswith("--"):
                found.append(("\n".join(sql), []))
                sql = []
    if any(line.strip() and not line.startswith("--") for line in sql):
        raise ValueError(f"no semicolon after {sql[-1]}")
    return found


def connect(role, owner):
    if role in ("owner", owner):
        return f"\\connect - postgres\nSET SESSION AUTHORIZATION {owner};"
    return f"\\connect - {'postgres' if role == 'superuser' else f'saas_{role}' if role in KINDS else role}"


def play(database, blocks, owner):
    """What each statement printed: (sql, wanted, got)."""
    script, played = ["\\set VERBOSITY verbose", "\\pset fieldsep ' | '"], []
    for note, text, block in blocks:
        if note == "not run":
            continue
        if note == "before":
            script += ["\\connect - postgres", text, "\\echo @@done before"]
        role = re.match(r"-- as (?:the )?(\w+)", block)
        script.append(connect(role[1] if role else "owner", owner))
        for sql, wanted in statements(block):
            script += [re.sub(r"\$(\d)\b", r":'\1'", sql), f"\\echo @@done {len(played)}"]
            played.append((sql, wanted))
    found, rows = {}, []
    for line in psql_with_errors(database, "\n".join(script) + "\n"):
        if line.startswith("@@done"):
            if line != "@@done before":
                found[int(line.split()[1])] = rows or ["(no rows)"]
            elif any(row.startswith("ERROR") for row in rows):
                played.append(("what runs before a block", []))
                found[len(played) - 1] = rows
            rows = []
        else:
            # After an error nothing else that was printed counts.
            failed = re.match(r"(?:ERROR|FATAL):  (\w{5}): (.*)", line)
            rows = [f"ERROR {failed[1]}", failed[2]] if failed else rows if rows[:1] and rows[0].startswith("ERROR ") else [*rows, line]
    for number, (sql, wanted) in enumerate(played):
        yield sql, wanted, found.get(number, ["ERROR ?????", "did not run"])


def psql_with_errors(database, script):
    """Lines of output and of errors, in the order in which they come."""
    done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-d", database, "-U", "postgres"], input=script, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "PGTZ": "UTC", "PGOPTIONS": "-c client_min_messages=error"})
    return done.stdout.splitlines()


def run(names):
    subprocess.run([ROOT / "scripts" / "template"], check=True)
    known = [name for name, by in ELSEWHERE.items() if name in (ROOT / by).read_text()]
    yield "pages that other tests play", "" if known == list(ELSEWHERE) else f"{ELSEWHERE} don't name them"
    left_out = 0
    for path in pages():
        page = str(path.relative_to(ROOT))
        if page in ELSEWHERE or (names and not any(name in page for name in names)):
            continue
        blocks = BLOCK.findall(path.read_text())
        left_out += sum(note == "not run" for note, _, _ in blocks)
        yield page, complaint(path.stem.lower().replace("-", "_"), blocks)
    yield "nearly all samples run", "" if left_out <= LIMIT_NOT_RUN else f"{left_out} blocks are marked as not run"


def complaint(name, blocks):
    database, owner = f"docs_{name}", "saas_owner"
    before = roles()
    text = "".join(block for _, _, block in blocks)
    if "-- as shop_owner" in text:
        owner = "shop_owner"
        psql("postgres", "-c", f"CREATE ROLE {owner} LOGIN CREATEROLE")
    if owner != "saas_owner" or "CREATE EXTENSION saas_core" in text:
        drop_database(database)
        psql("postgres", "-c", f"CREATE DATABASE {database} OWNER {owner}")
        if "CREATE EXTENSION saas_core" not in text:
            psql(database, "-c", "CREATE EXTENSION saas_core")
    else:
        create_database(database)
    wrong, count = [], 0
    try:
        for sql, wanted, got in play(database, blocks, owner):
            count += 1
            failed = got[0].startswith("ERROR ")
            if (got[:1] if failed else got) != wanted if wanted else failed:
                wrong.append(f"{sql}\n  " + "\n  ".join(got) + ("\nbut the page says\n  " + "\n  ".join(wanted) if wanted else ""))
    except ValueError as error:
        wrong.append(str(error))
    drop_database(database)
    for role in sorted(roles() - before):
        psql("postgres", "-c", f'DROP ROLE "{role}"')
    return "\n".join(wrong) if count or wrong else "no statement was found"


def roles():
    return set(psql("postgres", "-c", "SELECT rolname FROM pg_roles").splitlines())
