"""The public surface as text, a file a domain: expected/<domain>.txt."""

import textwrap

from privileges import reads_and_writes

VOLATILITY = {"i": "immutable", "s": "stable", "v": "volatile"}
PARALLEL = {"s": "safe", "r": "restricted", "u": "unsafe"}
FUNCTIONS = {"f": "function", "p": "procedure", "a": "aggregate", "w": "window function"}
TABLES = {"r": "table", "p": "partitioned table", "v": "view", "m": "materialized view", "f": "foreign table", "S": "sequence", "c": "type"}
ENABLED = {"O": "", "A": " ALWAYS", "R": " REPLICA", "D": " DISABLED"}
COMMANDS = {"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}


def granted(acl):
    return "; ".join(f"{who}: {privileges}" for who, privileges in sorted(acl.items()))


def function(f):
    how = [f["language"], VOLATILITY[f["volatility"]], "strict" if f["strict"] else "", f"parallel {PARALLEL[f['parallel']]}",
           "security definer" if f["definer"] else "", "leakproof" if f["leakproof"] else "", *f["settings"],
           f"support {f['support']}" if f["support"] else ""]
    yield f"{FUNCTIONS[f['kind']]} {f['name']}({f['arguments']})"
    yield f"  returns {f['result']}; " + ", ".join(filter(None, how))
    yield f"  {granted(f['acl']) or 'nobody'}"


def column(c):
    parts = [c["name"], c["type"]]
    if c["not_null"]:
        parts.append("NOT NULL")
    if c["generated"]:
        parts.append(f"GENERATED ({c['default']}) {'STORED' if c['generated'] == 's' else 'VIRTUAL'}")
    elif c["default"] is not None:
        parts.append(f"DEFAULT {c['default']}")
    if c["identity"]:
        parts.append(f"IDENTITY {'ALWAYS' if c['identity'] == 'a' else 'BY DEFAULT'}")
    return " ".join(parts)


def relation(r):
    notes = ["row security" if r["row_security"] else "", "forced" if r["forced"] else "", *r["options"]]
    key = f" by {r['partition_key']}" if r["partition_key"] else ""
    yield f"{TABLES[r['kind']]} {r['name']}{key}" + (f" ({', '.join(filter(None, notes))})" if any(notes) else "")
    if r["owner"] != "owner":
        yield f"  owned by {r['owner']}"
    if r["kind"] != "c":
        yield f"  {'; '.join(reads_and_writes(r)) or 'nobody'}"
    for c in r["columns"]:
        yield f"  {column(c)}"
    for c in r["constraints"]:
        yield f"  constraint {c['name']} {c['definition']}" + ("" if c["valid"] else " NOT VALID")
    for i in r["indexes"]:
        yield f"  {'unique ' if 'UNIQUE' in i['definition'].split(' INDEX ')[0] else ''}index {i['definition'].split(' INDEX ', 1)[1]}" + ("" if i["valid"] else " INVALID")
    for t in r["triggers"]:
        yield f"  {'constraint ' if ' CONSTRAINT ' in t['definition'].split(' TRIGGER ')[0] + ' ' else ''}trigger{ENABLED[t['enabled']]} {t['definition'].split(' TRIGGER ', 1)[1]}"
    for p in r["policies"]:
        text = f"policy {p['name']} {'' if p['permissive'] else 'RESTRICTIVE '}FOR {COMMANDS[p['command']]} TO {', '.join(p['kinds'])}"
        for word in ("using", "check"):
            if p[word]:
                text += f" {word.upper()} {' '.join(p[word].split())}"
        yield f"  {text}"
    if r["view"]:
        yield from textwrap.indent(r["view"], "  ").splitlines()


def pages(catalog):
    """The text of each file."""
    for domain in catalog.domains:
        blocks = [function(f) for f in catalog.functions if f["domain"] == domain]
        blocks += [relation(r) for r in catalog.tables if r["domain"] == domain]
        yield f"{domain}.txt", "\n".join("\n".join(block) + "\n" for block in blocks)
