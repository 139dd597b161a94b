"""docs/reference.md and docs/reference/<domain>.md: functions by their comments, tables by their columns and policies."""

import re

from catalog import KINDS, described, is_internal, joined, short, signature, title

INDEX = """\
# Reference

Every function and table of schema `saas`, made from the catalog of an installed database: `make surface-update` writes these pages, and
suite `surface` fails when they are not current.

Amounts are minor units (cents) of an ISO 4217 currency. Arguments are named, so that `f(tenant_id => …)` works. A function runs with
the rights of its caller; "called by" names the [kinds of access](../README.md#kinds-of-access) that may call it at all, "needs" what
it then asks for. The data owner may call every function. Errors carry these SQLSTATEs:

| SQLSTATE | when | HTTP |
|---|---|---|
| 28000 | no, expired, revoked or unknown session, key or token; user deleted | 401 |
| 42501 | known caller, not allowed; a tenant that is unknown or not one's own looks the same | 403 |
| 42704 | unknown permission, role, plan or feature key | 404 |
| 22023, 22P02, 22003, 23502, 23503 | bad argument, malformed, out of range, missing, no such row | 400 |
| 23514, 23505, 23P01 | a constraint or invariant | 409 |
| 53400 | a plan's limit is reached | 402 or 429 |
| 55000 | not in the right state | 409 |

Each example runs in a test, as a database role of the kind that it names: `app` within a request of Alice in Acme, `admin` within a
request of the platform's superadmin, the others without one. The variables are psql's: Alice owns tenant `:'acme'`, Bob is a member
of it, Carol is in no tenant, and `:'globex'` is another tenant.
"""
PAGE = """\
# Reference: {title}

Made from the catalog: `make surface-update` writes this page. [All functions and tables](../reference.md) says how to read it.
"""


def anchor(heading):
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")).replace(" ", "-")


def heading(function):
    types = ", ".join(short(t) for t in function["types"])
    return f"{'CALL ' if function['kind'] == 'p' else ''}{function['name']}({types})"


def public(catalog, domain):
    return [f for f in catalog.functions if f["domain"] == domain and not is_internal(f)]


def first_sentence(text):
    return re.split(r"(?<=[.:])\s", text, maxsplit=1)[0].rstrip(":")


def callers(function):
    if function["kinds"] == KINDS:
        return "any kind"
    return ", ".join(function["kinds"]) or "the data owner only"


def function_section(function):
    yield f"\n### {heading(function)}\n"
    yield f"`{signature(function)}`\n"
    parts = described(function)
    if not parts:
        yield (function["comment"] or "") + "\n"
        return
    yield f"{parts['text']}\n"
    yield f"- **Arguments**: {parts['arguments']}"
    yield f"- **Returns**: {parts['returns']}"
    yield f"- **Called by**: {callers(function)}. **Needs**: {parts['needs']}"
    yield f"- **Errors**: {parts['errors']}\n"
    yield f"```sql\n-- as {parts['kind']}\n{parts['example'].rstrip(';')};\n```"


def internal_section(functions):
    yield "\n## Internal functions\n"
    yield "Nobody's to call: what triggers and the extension's own statements use.\n\n| function | what it does |\n|---|---|"
    for f in functions:
        yield f"| `{f['name']}` | {(f['comment'] or '').removeprefix('Internal: ')} |"


def plain(expression):
    """Without the parentheses around it and the types that go without saying."""
    expression = " ".join(expression.replace("::text", "").split())
    depth = [expression[:i].count("(") - expression[:i].count(")") for i in range(1, len(expression))]
    return expression[1:-1] if expression.startswith("(") and depth and min(depth) > 0 else expression


def in_cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def readers(relation):
    """Who may read, and which rows: from the privileges and the policies."""
    policies = {}
    for policy in relation["policies"]:
        expression = plain(policy["using"] or policy["check"] or "")
        for kind in policy["kinds"]:
            policies.setdefault((kind, policy["command"]), []).append(expression)
    columns = [c["name"] for c in relation["columns"]]
    groups = {}
    for kind in KINDS:
        held = relation["privileges"][kind]
        for command, word in (("r", "SELECT"), ("a", "INSERT"), ("w", "UPDATE"), ("d", "DELETE")):
            own = held[word]
            if not own:
                continue
            rows = " or ".join(policies.get((kind, command), []) + policies.get((kind, "*"), []))
            without = [c for c in columns if own is not True and c not in own]
            groups.setdefault((rows, tuple(without)), {}).setdefault(kind, []).append(word)
    for (rows, without), kinds in groups.items():
        by_words = {}
        for kind, words in kinds.items():
            by_words.setdefault(", ".join(words), []).append(kind)
        who = "; ".join(f"{', '.join(names)}: {words}" for words, names in by_words.items())
        if relation["kind"] == "v" and not rows:
            where = "the rows of the tables below it"
        else:
            where = "every row" if rows == "true" else f"rows where `{rows}`"
        yield f"- {who} – {where}" + (f", without {', '.join(f'`{c}`' for c in without)}" if without else "")


def table_section(relation):
    yield f"\n### {relation['name']}\n"
    yield f"{relation['comment'] or ''}\n"
    if relation["kind"] == "c":
        yield "A composite type, for results."
    else:
        yield "\n".join(readers(relation)) or "- nobody but the data owner"
    keys = {}
    for c in relation["constraints"]:
        for name in c["columns"] or []:
            if c["type"] == "p":
                keys.setdefault(name, []).append("key")
            elif c["type"] == "f":
                keys.setdefault(name, []).append(f"→ {c['references'].removeprefix('saas.')}")
    yield "\n| column | type | |\n|---|---|---|"
    for c in relation["columns"]:
        notes = list(dict.fromkeys(keys.get(c["name"], [])))
        if not c["not_null"] and relation["kind"] in "rp":
            notes.append("may be NULL")
        if c["generated"]:
            notes.append(f"generated: `{c['default']}`")
        elif c["default"] is not None:
            notes.append(f"default `{re.sub(r'::[a-z ]+$', '', c['default'])}`")
        if c["comment"]:
            notes.append(c["comment"])
        yield f"| {c['name']} | {short(c['type'])} | {in_cell('; '.join(notes))} |"


def pages(catalog):
    index = [INDEX]
    for domain in catalog.domains:
        functions, page = public(catalog, domain), f"reference/{domain}.md"
        types = [r for r in catalog.tables if r["domain"] == domain and r["kind"] == "c"]
        tables = [r for r in catalog.tables if r["domain"] == domain and r["kind"] != "c"]
        internal = [f for f in catalog.functions if f["domain"] == domain and is_internal(f)]
        index.append(f"\n## [{title(domain)}]({page})\n")
        if functions:
            index.append("| function | |\n|---|---|")
            for f in functions:
                text = described(f)
                index.append(f"| [`{heading(f)}`]({page}#{anchor(heading(f))}) | {first_sentence(text['text']) if text else ''} |")
            index.append("")
        if tables:
            index.append("Tables: " + ", ".join(f"[{r['name']}]({page}#{anchor(r['name'])})" for r in tables))
        lines = [PAGE.format(title=title(domain))]
        if functions:
            lines.append("## Functions")
            for f in functions:
                lines.extend(function_section(f))
        if internal:
            lines.extend(internal_section(internal))
        for heading_of_all, relations in (("Types", types), ("Tables", tables)):
            if relations:
                lines.append(f"\n## {heading_of_all}")
                for r in relations:
                    lines.extend(table_section(r))
        yield page, joined(lines)
    yield "reference.md", joined(index)


def complaints(catalog):
    """Functions and tables that are not described."""
    for name in catalog.unplaced:
        yield f"{name}: no file of sql/<domain>/ makes or comments on it"
    for f in catalog.functions:
        name = f"saas.{f['name']}({f['identity']})"
        if is_internal(f):
            if not f["comment"] or "\n" in f["comment"]:
                yield f"{name}: an internal function has one line of comment"
        elif not described(f):
            yield f"{name}: its comment is not in the format (text, Arguments:, Returns:, Needs:, Errors:, Example as <kind>:); CONTRIBUTING.md shows it"
        elif (kind := described(f)["kind"]) != "owner" and kind not in f["kinds"]:
            yield f"{name}: the example runs as {kind}, who may not call it"
        elif f["name"] not in described(f)["example"]:
            yield f"{name}: the example does not call it"
    for r in catalog.tables:
        if not r["comment"]:
            yield f"table saas.{r['name']} has no comment"
