"""What schema saas of an installed database looks like, and what the tests of this folder share."""

import json
import os
import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
KINDS = ["app", "gateway", "worker", "auditor", "admin"]
# In the order of the documentation: what a reader needs first.
DOMAINS = {
    "install": "Installing",
    "context": "Who is asking",
    "iam": "What they may",
    "tenancy": "Tenants and members",
    "billing": "Plans, subscriptions and invoices",
    "usage": "Usage",
    "payments": "Payments",
    "audit": "Audit",
    "privacy": "Privacy",
}


def psql(database, *arguments, user="postgres", script=None, check=True):
    """Runs psql; what it printed."""
    settings = ["-X", "-q", "-A", "-t"] + (["-v", "ON_ERROR_STOP=1"] if check else [])
    done = subprocess.run(["psql", *settings, "-d", database, "-U", user, *(["-f", "-"] if script else []), *map(str, arguments)],
                          input=script, text=True, capture_output=True,
                          env={**os.environ, "PGTZ": "UTC", "PGOPTIONS": "-c client_min_messages=warning"})
    if check and done.returncode != 0:
        raise RuntimeError(done.stderr or f"psql ended with status {done.returncode}")
    return done.stdout


def create_database(name):
    """A database with the extension in which each role saas_<kind> has its kind of access."""
    drop_database(name)
    subprocess.run([ROOT / "scripts" / "template", name], check=True)
    grants = "".join(f"SELECT saas.grant_access('saas_{kind}', '{kind}');" for kind in KINDS)
    psql(name, script="SET SESSION AUTHORIZATION saas_owner;" + grants)


def drop_database(name):
    psql("postgres", "-c", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


class Catalog:
    def __init__(self, database):
        lines = psql(database, "-f", HERE / "catalog.sql").splitlines()
        self.functions, self.relations, self.transitions, self.effects = (json.loads(line) for line in lines)
        # Composite types: nobody's to read, so they are in the snapshot and the reference only.
        types = [r for r in self.relations if r["kind"] == "c"]
        self.relations = [r for r in self.relations if r["kind"] != "c"]
        self.tables = [r for r in self.relations if not r["is_partition"]] + types
        self.unplaced = place(self.functions, self.tables)
        domains = [item["domain"] for item in self.functions + self.tables]
        self.domains = [d for d in DOMAINS if d in domains] + sorted(set(domains) - set(DOMAINS))


def place(functions, tables):
    """Says of each object in which domain it is: the folder of sql/ that makes it or comments on it. Those in none are returned."""
    made = {}
    for path in sorted((ROOT / "sql").glob("*/*.sql")):
        text = path.read_text()
        for name in re.findall(r"^\s*CREATE (?:TABLE|VIEW|SEQUENCE|TYPE) saas\.(\w+)", text, re.M):
            made.setdefault(("table", name), path.parent.name)
        for name in re.findall(r"^\s*(?:COMMENT ON|CREATE(?: OR REPLACE)?) (?:FUNCTION|PROCEDURE|AGGREGATE) saas\.(\w+)", text, re.M):
            made.setdefault(("function", name), path.parent.name)
    unplaced = []
    for what, items in (("function", functions), ("table", tables)):
        for item in items:
            item["domain"] = made.get((what, item["name"]))
            if item["domain"] is None:
                item["domain"] = "install"
                unplaced.append(f"{what} {item['name']}")
    return unplaced


def title(domain):
    return DOMAINS.get(domain, domain.capitalize())


COMMENT = re.compile(
    r"(?P<text>.+?)\nArguments: (?P<arguments>.+?)\nReturns: (?P<returns>.+?)\nNeeds: (?P<needs>.+?)\nErrors: (?P<errors>.+?)"
    r"\nExample as (?P<kind>app|gateway|worker|auditor|admin|owner):\n(?P<example>.+)", re.S)


def described(function):
    """The parts of a function's comment; None if it is not in the format."""
    found = COMMENT.fullmatch(function["comment"] or "")
    return found and found.groupdict()


def is_internal(function):
    """For triggers and for the extension's own statements: nobody's, and one line says what it is."""
    if function["kinds"]:
        return False
    return function["result"] == "trigger" or function["kind"] == "a" or (function["comment"] or "").startswith("Internal: ")


def signature(function):
    """As a reader writes it: types without what is obvious."""
    arguments = re.sub(r"\bIN (?=\w)", "", function["arguments"])
    arguments = re.sub(r"(DEFAULT (?:NULL|'[^']*'))::[a-z ]+(?:\[\])?", r"\1", arguments)
    text = f"{function['name']}({short(arguments)})"
    return text if function["kind"] == "p" else f"{text} → {short(function['result'])}"


def short(types):
    return types.replace("timestamp with time zone", "timestamptz")


def joined(lines):
    """A page."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"
