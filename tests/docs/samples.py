"""Plays the SQL of the documentation, each page from top to bottom in a database of its own.

A fenced block of `sql` runs as the data owner, or as whom its first line names: `-- as superuser`, `-- as owner`, `-- as app` (or
another kind of access), `-- as web` (a role that the page has made). A line `-->` is a row that the statement above it returns, its
columns apart by ` | `; `--> (no rows)` says that there are none, `--> ERROR 42501` how it fails. `$1` is the psql variable "1". In an HTML comment before a block stands
what readers need not see: `<!-- before: SQL -->` runs first, as the superuser; `<!-- not run: why -->` leaves the block out.
"""

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
            if code.endswith(";") and not line.startswith("--"):
                found.append(("\n".join(sql), []))
                sql = []
    if any(line.strip() and not line.startswith("--") for line in sql):
        found.append(("\n".join(sql) + ";", []))
    return found


def connect(role):
    if role == "owner":
        return "\\connect - postgres\nSET SESSION AUTHORIZATION saas_owner;"
    return f"\\connect - {'postgres' if role == 'superuser' else f'saas_{role}' if role in KINDS else role}"


def play(database, blocks):
    """What each statement printed: (sql, wanted, got)."""
    script, played = ["\\set VERBOSITY sqlstate", "\\pset fieldsep ' | '"], []
    for note, text, block in blocks:
        if note == "not run":
            continue
        if note == "before":
            script += ["\\connect - postgres", text, "\\echo @@done before"]
        role = re.match(r"-- as (?:the )?(\w+)", block)
        script.append(connect(role[1] if role else "owner"))
        for sql, wanted in statements(block):
            script += [re.sub(r"\$(\d)\b", r":'\1'", sql), f"\\echo @@done {len(played)} :SQLSTATE"]
            played.append((sql, wanted))
    printed = psql(database, script="\n".join(script) + "\n", check=False)
    found, rows = {}, []
    for line in printed.splitlines():
        if not line.startswith("@@done"):
            rows.append(line)
            continue
        _, number, *state = line.split()
        if number != "before":
            found[int(number)] = [f"ERROR {state[0]}"] if state != ["00000"] else rows or ["(no rows)"]
        rows = []
    for number, (sql, wanted) in enumerate(played):
        yield sql, wanted, found.get(number, ["ERROR: did not run"])


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
        yield page, complaint(path.stem.lower(), blocks)
    yield "nearly all samples run", "" if left_out <= LIMIT_NOT_RUN else f"{left_out} blocks are marked as not run"


def complaint(name, blocks):
    database = f"docs_{name}"
    before = roles()
    if any("CREATE EXTENSION saas_core" in block for _, _, block in blocks):
        drop_database(database)
        psql("postgres", "-c", f"CREATE DATABASE {database} OWNER saas_owner")
    else:
        create_database(database)
    wrong, count = [], 0
    for sql, wanted, got in play(database, blocks):
        count += 1
        if got != wanted if wanted else got and got[0].startswith("ERROR"):
            wrong.append(f"{sql}\n  " + "\n  ".join(got) + ("\nbut the page says\n  " + "\n  ".join(wanted) if wanted else ""))
    drop_database(database)
    for role in roles() - before:
        psql("postgres", "-c", f'DROP ROLE "{role}"')
    return "\n".join(wrong) if count else "no statement was found"


def roles():
    return set(psql("postgres", "-c", "SELECT rolname FROM pg_roles").splitlines())
