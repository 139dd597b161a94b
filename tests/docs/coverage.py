"""Whether what docs/coverage.md names is there: functions, tables and other names of the database, files, tests and suites."""

import re

from support import ROOT  # noqa: I001
from catalog import create_database, drop_database, psql

DATABASE = "docs_coverage"
NAMES = """
SELECT relname FROM pg_class WHERE relnamespace = 'saas'::regnamespace
UNION SELECT proname FROM pg_proc WHERE pronamespace = 'saas'::regnamespace
UNION SELECT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'saas'::regnamespace AND a.attnum > 0
UNION SELECT tgname FROM pg_trigger UNION SELECT key FROM saas.roles UNION SELECT key FROM saas.permissions
"""
NAME = re.compile(r"(?:CALL )?(?:saas\.)?([a-z_]\w*)(?:\.([a-z_]\w*))?(?:\(.*\))?")
SOURCES = ("", "docs/", "pgrx-tests/tests/", "tests/", "src/", "sql/")


def file_named(path):
    """The first file of that name in the folders where names are said from."""
    return next((found for folder in SOURCES for found in ROOT.glob(folder + path)), None)


def missing(cell, names):
    """What a cell of the table names and is not there."""
    for awaited in (names_awaited := re.findall(r"not there yet \(`(\w+)`\)", cell)):
        if awaited in names:
            yield f"{awaited} is there by now: say so"
    test_file, kind, end = None, "", None
    for match in re.finditer(r"(?:\b(regress|suite|unit|rust)\s+)?`([^`]+)`", cell):
        # "regress `a`, `b`" says what both are.
        kind = match[1] or (kind if cell[end or 0 : match.start()] == ", " else "")
        end = match.end()
        code = match[2]
        if kind == "regress":
            if not list((ROOT / "tests/regress/sql").glob(code + ".sql")):
                yield f"no test tests/regress/sql/{code}.sql"
        elif kind == "suite":
            if code not in ("unit", "rust") and not (ROOT / "tests" / code / "run").exists():
                yield f"no suite {code}"
        elif re.search(r"\.(rs|sql|md|py|toml)$", code) or "/" in code:
            found = file_named(code)
            if not found:
                yield f"no file {code}"
            test_file = found if found and code.endswith(".rs") else None
        elif test_file and re.search(rf"fn {re.escape(code)}\(", test_file.read_text()):
            continue
        elif code in names or code in names_awaited:
            continue
        elif (name := NAME.fullmatch(code)) and {part for part in name.groups() if part} <= names:
            continue
        elif not re.fullmatch(r"[a-z_]+ = '\w+'|[A-Z ]+|\w+=\w+", code):
            yield f"nothing is called {code}"


def unknown_tests(text):
    for kind, code, tests in re.findall(r"(regress )?`(\w+\.rs|\w+)`((?:,?\s+`\w+`)*)", text):
        if kind:
            yield from missing(f"regress `{code}`", set())
        elif code.endswith(".rs"):
            yield from missing(f"`{code}`" + tests, set())


def run():
    create_database(DATABASE)
    try:
        names = set(psql(DATABASE, "-c", NAMES).split())
        for number, line in enumerate((ROOT / "docs/coverage.md").read_text().splitlines(), 1):
            # The first column is the source document's.
            cells = line.split("|")[2:-1] if line.startswith("|") else []
            if not cells or set(line) <= set("|- "):
                continue
            complaints = [complaint for cell in cells for complaint in missing(cell, names)]
            yield f"docs/coverage.md:{number}", "\n".join(complaints)
        yield "tests that SECURITY.md names", "\n".join(unknown_tests((ROOT / "SECURITY.md").read_text()))
    finally:
        drop_database(DATABASE)
