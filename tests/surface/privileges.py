"""Who may call and touch what: expected/privileges.tsv, and each of its cells tried over a connection.

A line is an object; a cell names the kinds that have the privilege, with the columns it is restricted to.
"""

import re

from catalog import KINDS, psql

HEADER = ["object", "EXECUTE or SELECT", "INSERT", "UPDATE", "DELETE"]
TYPES = {"r": "table", "p": "table", "v": "view", "m": "materialized view", "f": "foreign table", "S": "sequence"}
DENIED = re.compile(r"^permission denied for (function|procedure|aggregate|table|view|materialized view|sequence) \w+$")
# What PostgreSQL says of a view that takes no writing, before it looks at privileges.
READ_ONLY = re.compile(r"^cannot (insert into|update|delete from) (view|column)")
PRIVILEGES = ["SELECT", "INSERT", "UPDATE"]


def cell(columns, by_kind):
    """Kinds with their columns; those who have the same ones stand together."""
    groups = {}
    for kind, own in by_kind.items():
        if own:
            missing = [c for c in columns if c not in own]
            note = "" if not missing else f" without {', '.join(missing)}" if len(missing) <= len(own) else f" only {', '.join(own)}"
            groups.setdefault(note, []).append(kind)
    return "; ".join(" ".join(kinds) + note for note, kinds in groups.items()) or "-"


def cells(relation):
    """A relation's line of the matrix but for its name."""
    held = relation["privileges"]
    columns = [column["name"] for column in relation["columns"]]
    line = [cell(columns, {kind: held[kind][privilege] for kind in ["PUBLIC", *KINDS]}) for privilege in PRIVILEGES]
    line.append(" ".join(kind for kind in ["PUBLIC", *KINDS] if held[kind]["DELETE"]) or "-")
    more = [f"{kind} {', '.join(held[kind]['more'])}" for kind in ["PUBLIC", *KINDS] if held[kind]["more"]]
    return line + (["also " + "; ".join(more)] if more else [])


def reads_and_writes(relation):
    """The same in words."""
    words = [*PRIVILEGES, "DELETE", "more"]
    return [f"{word}: {text}" for word, text in zip(words, cells(relation)) if text != "-"]


def matrix(catalog):
    lines = []
    for function in catalog.functions:
        what = {"p": "procedure", "a": "aggregate"}.get(function["kind"], "function")
        lines.append([f"{what} {function['name']}({function['identity']})", " ".join(function["kinds"]) or "-", "", "", ""])
    partitions = {}
    for relation in catalog.relations:
        name = f"{TYPES[relation['kind']]} {relation['name']}"
        if relation["is_partition"]:
            name = f"table {relation['parent'].removeprefix('saas.')}, each partition"
        line = [name, *cells(relation)]
        if not relation["is_partition"]:
            lines.append(line)
        elif partitions.setdefault(name, line) != line:
            lines.append([f"partition {relation['name']}", *line[1:]])
    lines += partitions.values()
    lines.sort()
    return "".join("\t".join(line).rstrip("\t") + "\n" for line in [HEADER, *lines])


def attempts(catalog, kind):
    """Statements and whether this kind may: (what, statement, may, is it a view)."""
    for function in catalog.functions:
        if "internal" in function["types"]:
            # No SQL has a value of this type: PostgreSQL refuses the call itself.
            continue
        call = f"saas.{function['name']}"
        may = kind in function["kinds"] or "PUBLIC" in function["kinds"]
        if function["kind"] == "p":
            statement = f"CALL {call}({', '.join(f'NULL::{t}' for t in function['types'])})"
        else:
            # Not a plain NULL, with which a STRICT function is not even looked at.
            statement = f"SELECT {call}({', '.join(f'(SELECT NULL::{t})' for t in function['types'])})"
        yield f"{function['name']}({function['identity']})", statement, may, False
    for relation in catalog.relations:
        name, is_view = f"saas.{relation['name']}", relation["kind"] == "v"
        if relation["kind"] == "S":
            continue
        columns = [column["name"] for column in relation["columns"]]
        own = {p: [c for c in columns if c in relation["privileges"][kind][p] or c in relation["privileges"]["PUBLIC"][p]] for p in PRIVILEGES}
        quoted = [f'"{column}"' for column in columns]
        if own["SELECT"]:
            readable = ", ".join(f'"{column}"' for column in own["SELECT"])
            yield f"SELECT {name}", f"SELECT {readable} FROM {name} WHERE false", True, is_view
        else:
            yield f"SELECT {name}", f"SELECT FROM {name}", False, is_view
        for column in columns:
            if own["SELECT"] and column not in own["SELECT"]:
                yield f"SELECT {name}.{column}", f'SELECT "{column}" FROM {name} WHERE false', False, is_view
        if own["INSERT"] == columns or not own["INSERT"]:
            yield f"INSERT {name}", f"INSERT INTO {name} DEFAULT VALUES", bool(own["INSERT"]), is_view
        else:
            for column in columns:
                yield f"INSERT {name}.{column}", f'INSERT INTO {name} ("{column}") VALUES (DEFAULT)', column in own["INSERT"], is_view
        for column in columns:
            yield f"UPDATE {name}.{column}", f'UPDATE {name} SET "{column}" = DEFAULT WHERE false', column in own["UPDATE"], is_view
        delete = relation["privileges"][kind]["DELETE"] or relation["privileges"]["PUBLIC"]["DELETE"]
        yield f"DELETE {name}", f"DELETE FROM {name} WHERE false", delete, is_view


def complaints(database, kind, tried):
    """What did not go as listed. Each statement by itself, and rolled back."""
    script = ["\\o /dev/null", "SET client_min_messages = error;"]
    for number, (_, statement, _, _) in enumerate(tried):
        script.append(f"BEGIN;\n{statement};\n\\echo {number} :SQLSTATE :LAST_ERROR_MESSAGE\nROLLBACK;")
    # \echo goes to standard output, whatever \o says.
    outcomes = psql(database, user=f"saas_{kind}", script="\n".join(script), check=False).splitlines()
    found = []
    if len(outcomes) != len(tried):
        found.append(f"{kind}: {len(tried)} statements have {len(outcomes)} outcomes: the connection was lost, or one spoke of itself")
    for (what, statement, may, is_view), outcome in zip(tried, outcomes):
        _, state, message = (outcome.split(" ", 2) + [""])[:3]
        denied = state == "42501" and DENIED.match(message)
        if may and denied:
            found.append(f"{kind} may not {what}: {statement}: {message}")
        elif not may and not denied and not (is_view and state in ("55000", "0A000") and READ_ONLY.match(message)):
            found.append(f"{kind} may {what}, which the matrix does not list: {statement}: {state} {message if state != '00000' else ''}")
    return found


def run(database, catalog):
    """(what was tried, complaints) for each kind, and for somebody who may enter the schema but has no kind."""
    psql("postgres", script="SELECT 'CREATE ROLE saas_nobody LOGIN' WHERE to_regrole('saas_nobody') IS NULL \\gexec")
    psql(database, "-c", "GRANT USAGE ON SCHEMA saas TO saas_nobody")
    for relation in catalog.relations:
        relation["privileges"]["nobody"] = relation["privileges"]["PUBLIC"]
    for kind in [*KINDS, "nobody"]:
        tried = list(attempts(catalog, kind))
        yield f"{kind}: {len(tried)} statements", complaints(database, kind, tried)
    psql(database, "-c", "DROP OWNED BY saas_nobody")
    psql("postgres", "-c", "DROP ROLE saas_nobody")
