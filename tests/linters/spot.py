"""pgspot on extension scripts, statement by statement: rule, place and text of each finding, apart by tabs.

Its own command ends at a statement that it can't read: a function whose body is SQL of the standard (RETURN, BEGIN ATOMIC).
PostgreSQL reads such a body when the function is made, so that there is nothing in it that a search path could change later.
"""

import argparse
import contextlib
import io
import re
import sys

from pglast import ast, parse_sql, split
from pgspot.state import Counter, State
from pgspot.visitors import visit_sql

OPTIONS = argparse.Namespace(
    append=False, explain=None, ignore=[], ignore_lang=[], plpgsql=True, proc_without_search_path=[], sql_fn=[], summary_only=False
)


def place_of(statement):
    """The object that it is about, or its beginning."""
    tree = parse_sql(statement)[0].stmt
    if isinstance(tree, ast.CreateFunctionStmt):
        return "function " + ".".join(part.sval for part in tree.funcname), tree.sql_body is not None
    return " ".join(re.sub(r"(?s)/\*.*?\*/|--[^\n]*", "", statement).split())[:60], False


for path in sys.argv[1:]:
    with open(path, encoding="utf8") as script:
        statements = split(script.read())
    for statement in statements:
        place, has_sql_body = place_of(statement)
        if has_sql_body:
            continue
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            visit_sql(State(Counter(OPTIONS)), statement, toplevel=True)
        for line in output.getvalue().splitlines():
            if found := re.match(r"(PS\d+): (.*?)(?: at line \d+)?$", line):
                print(found[1], place, found[2], sep="\t")
