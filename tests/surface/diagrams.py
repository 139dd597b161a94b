"""docs/schema.md and docs/states.md: Mermaid diagrams of the tables and of the legal moves."""

import re

from catalog import joined, short, title

SCHEMA = """\
# Tables and how they hang together

One diagram a domain, made from the catalog (`make surface-update`): keys, foreign keys and what is unique. Tables of other domains
stand without columns. A line to `tenants` is drawn only where no other key leads there: all tables with a `tenant_id` lead to it.
[The reference](reference.md) has all columns.
"""
STATES = """\
# States

The legal moves, as rows of `saas.state_transitions`; a trigger refuses all others with 55000. Made from the catalog
(`make surface-update`).
"""
EVENTS = """
## What a provider's events change

The rows of `saas.payment_event_effects()`, by which events are read. A move that is not legal from the state that is there goes through those
between (`failed`, `open`, `paid`), or the event is kept with its error and tried again.
"""


def bare(name):
    return name.removeprefix("saas.")


def key_columns(relation):
    """Columns that are part of a key: name, type and Mermaid's marks."""
    marks = {}
    for c in relation["constraints"]:
        for name in c["columns"] or []:
            if c["type"] in "pfu":
                mark = {"p": "PK", "f": "FK", "u": "UK"}[c["type"]]
                if mark not in marks.setdefault(name, []):
                    marks[name].append(mark)
    for c in relation["columns"]:
        if c["name"] in marks:
            kind = re.sub(r"\W+", "_", short(c["type"])).strip("_")
            yield f"        {kind} {c['name']} {', '.join(m for m in ('PK', 'FK', 'UK') if m in marks[c['name']])}"


def relations(relation):
    """Lines from a table to those that it references."""
    optional = {c["name"] for c in relation["columns"] if not c["not_null"]}
    unique = [set(c["columns"]) for c in relation["constraints"] if c["type"] in "pu"]
    foreign = [c for c in relation["constraints"] if c["type"] == "f"]
    for c in foreign:
        if c["columns"] == ["tenant_id"] and any(other is not c and "tenant_id" in other["columns"] for other in foreign):
            continue
        columns = [name for name in c["columns"] if name != "tenant_id"] or c["columns"]
        parent = "|o" if optional & set(c["columns"]) else "||"
        child = "o|" if set(c["columns"]) in unique else "o{"
        yield f"    {bare(c['references'])} {parent}--{child} {relation['name']} : \"{', '.join(columns)}\""


def schema(catalog):
    yield SCHEMA
    for domain in catalog.domains:
        tables = [r for r in catalog.tables if r["domain"] == domain and r["kind"] in "rp"]
        if not tables:
            continue
        yield f"\n## {title(domain)}\n\n```mermaid\nerDiagram"
        for r in tables:
            columns = list(key_columns(r))
            yield f"    {r['name']} {{" if columns else f"    {r['name']}"
            yield from columns
            if columns:
                yield "    }"
        for r in tables:
            yield from dict.fromkeys(relations(r))
        yield "```"


def states(catalog):
    yield STATES
    entities = {}
    for t in catalog.transitions:
        entities.setdefault(t["entity"], []).append((t["from_state"], t["to_state"]))
    tables = {r["name"]: r for r in catalog.tables}
    for entity, moves in entities.items():
        froms, tos = {a for a, _ in moves}, {b for _, b in moves}
        yield f"\n## {entity}\n\n```mermaid\nstateDiagram-v2"
        for first in first_states(tables.get(entity), froms | tos):
            yield f"    [*] --> {first}"
        for a, b in moves:
            yield f"    {a} --> {b}"
        for last in sorted(tos - froms):
            yield f"    {last} --> [*]"
        yield "```"
    if catalog.effects:
        names = list(catalog.effects[0])
        yield EVENTS
        yield f"| {' | '.join(names)} |\n|{'---|' * len(names)}"
        for row in catalog.effects:
            yield f"| {' | '.join(show(row[name]) for name in names)} |"


def first_states(table, known):
    """Where a new row begins: the default of the column that holds the state."""
    for c in table["columns"] if table else []:
        found = re.match(r"'(\w+)'::text$", c["default"] or "")
        if found and found[1] in known:
            return [found[1]]
    return []


def show(value):
    return "" if value is None else str(value).replace("|", "\\|")


def pages(catalog):
    yield "schema.md", joined(schema(catalog))
    yield "states.md", joined(states(catalog))
