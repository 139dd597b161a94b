"""What the tests of this folder share: databases, psql, checks, and what a database looks like."""

import difflib
import os
import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ROLES = ["inst_owner", "inst_app", "inst_gateway", "inst_worker", "inst_auditor", "inst_admin", "inst_reporter", "inst_stranger"]
SESSION = {"PGTZ": "UTC", "PGCLIENTENCODING": "UTF8", "PGOPTIONS": "-c client_min_messages=warning"}
passed = failed = 0


def check(what, ok, detail=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print(("ok " if ok else "FAILED ") + what + ("" if ok else f"\n{detail}".rstrip()), flush=True)
    return ok


def equal(what, got, expected):
    if isinstance(got, str) and isinstance(expected, str) and "\n" in got + expected:
        lines = list(difflib.unified_diff(expected.splitlines(), got.splitlines(), "expected", "got", "", "", 0))
        return check(what, got == expected, "\n".join(line[:400] for line in lines[2:30]))
    return check(what, got == expected, f"  got      {got!r}\n  expected {expected!r}")


class Failure(Exception):
    """A statement failed: its SQLSTATE and message."""

    def __init__(self, output):
        found = re.search(r"(?:ERROR|FATAL):  (\w{5}): (.*)", output)
        self.state, self.message = found.groups() if found else ("?????", output)
        super().__init__(output)


class Cluster:
    """A server, as libpq's environment."""

    def __init__(self, env=None):
        self.env = {**os.environ, **SESSION, **(env or {})}

    def run(self, *command, env=None, **options):
        done = subprocess.run([str(part) for part in command], env={**self.env, **(env or {})}, text=True, capture_output=True, **options)
        if done.returncode != 0:
            raise Failure(done.stderr or f"status {done.returncode}")
        return done.stdout

    def database(self, name, owner="inst_owner", extension=True, template=None):
        database = Database(self, name)
        admin = Database(self, "postgres")
        for role in ROLES:
            admin.sql(f"SELECT 'CREATE ROLE {role} LOGIN' WHERE to_regrole('{role}') IS NULL \\gexec")
        admin.sql(f"CREATE DATABASE {name} OWNER {owner}" + (f" TEMPLATE {template}" if template else " TEMPLATE template0"))
        if extension and not template:
            database.sql("CREATE EXTENSION saas_core")
        return database


class Database:
    def __init__(self, cluster, name):
        self.cluster, self.name = cluster, name

    def psql(self, *arguments, user="postgres", **options):
        settings = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose"]
        return self.cluster.run("psql", *settings, "-d", self.name, "-U", user, *arguments, **options)

    def sql(self, text, user="postgres"):
        """What the statements return; raises Failure at the first error."""
        return self.psql("-f", "-", user=user, input=text).strip()

    def file(self, name, user="postgres"):
        return self.psql("-f", HERE / name, user=user)

    def state(self, text, user="postgres"):
        """The SQLSTATE that the statements end with, and the message."""
        try:
            self.sql(text, user)
        except Failure as failure:
            return failure.state, failure.message
        return "00000", ""

    def catalog(self):
        return self.file("catalog.sql")

    def rows(self):
        return self.file("rows.sql")

    def looks(self):
        return self.catalog() + self.rows()

    def dump(self):
        """A plain dump, as text to compare: newer pg_dump gives each a random key."""
        dump = self.cluster.run("pg_dump", "-d", self.name)
        return re.sub(r"^\\(un)?restrict .*$", "", dump, flags=re.M)

    def drop(self):
        Database(self.cluster, "postgres").sql(f"DROP DATABASE {self.name} WITH (FORCE)")


def second_cluster(version):
    """Another server beside ours: (process, Cluster, the folder of its programs). Ends when stop() is called."""
    process = subprocess.Popen(
        [ROOT / "scripts" / "cluster", str(version), "--", "sh", "-c", 'echo "$PGHOST"; echo "$SAAS_PG_BIN"; cat >/dev/null'],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    host, programs = process.stdout.readline().strip(), process.stdout.readline().strip()
    if not host:
        process.wait()
        raise RuntimeError("the second server did not start")
    return process, Cluster({"PGHOST": host}), programs


def stop(process):
    process.stdin.close()
    process.wait()


def as_app(database, who, body, path=None):
    """Runs body in a request of this user, as the application's role."""
    token = database.sql(f"SELECT token FROM app.tokens WHERE who = '{who}'")
    before = f"SET search_path = {path};" if path else ""
    return database.sql(f"{before} BEGIN; SELECT saas.begin_request('{token}') \\g /dev/null\n{body};\nCOMMIT;", user="inst_app")
