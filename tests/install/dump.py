"""A dump comes back whole: into a fresh database and a fresh server, plain and custom, and from an older PostgreSQL."""

import os
import re
import tempfile

from support import HERE, ROOT, Cluster, Failure, as_app, check, equal, second_cluster, stop

WRITE = """
INSERT INTO saas.users (email) VALUES ('new@example.com');
SELECT saas.create_tenant('New', (SELECT id FROM saas.users WHERE email = 'new@example.com')) AS new \\gset
INSERT INTO saas.projects (tenant_id, title) VALUES (:'new', 'First');
SELECT saas.subscribe(:'new', 'plus', starts_at => '2026-01-15 00:00Z'), saas.record_usage(:'new', 'project.create', 5, 'x', '2026-01-20Z') \\g /dev/null
CALL saas.close_period('2026-02-01');
SELECT saas.finalize_invoice(id) FROM saas.payment_invoices WHERE status = 'draft' \\g /dev/null
"""
WRITTEN = """
SELECT uuid_extract_version(id) FROM saas.projects WHERE title = 'First';
SELECT count(*), count(DISTINCT number), max(substring(number FROM '\\d+$')::int) FROM saas.payment_invoices;
SELECT count(*) FROM app.changes WHERE what = 'New';
SELECT bool_and(database_role = 'inst_owner') FROM saas.platform_audit_logs WHERE tenant_id = (SELECT id FROM saas.tenants WHERE name = 'New');
"""


def run(cluster):
    source = cluster.database("inst_source")
    source.file("data.sql", "inst_owner")
    other, elsewhere, _ = second_cluster(os.environ["SAAS_PG"])
    try:
        with tempfile.TemporaryDirectory() as folder:
            roundtrips(cluster, elsewhere, source, folder)
            as_owner(cluster, source, folder)
            other_owner(cluster, source, folder)
            schema_only(cluster, source, folder)
    finally:
        stop(other)
    source.drop()
    older(cluster)


def comes_back(what, source, target, rows=True):
    """The restored database looks like its source, and works."""
    equal(f"{what}: tables, columns, indexes, constraints, policies, triggers, functions, grants, comments", target.catalog(), source.catalog())
    if rows:
        equal(f"{what}: all rows", target.rows(), source.rows())
    works(what, target)


def works(what, target):
    equal(f"{what}: all invariants hold", target.sql("SELECT * FROM saas.check_invariants()"), "")
    equal(f"{what}: its seals verify", target.sql("SELECT max(seal) FROM saas.audit_seals; SELECT * FROM saas.verify_audit_log()"), "1")
    body = "SELECT count(*) FROM saas.projects; SELECT body FROM app.notes; INSERT INTO app.notes (tenant_id, body) SELECT id, 'again' FROM saas.tenants"
    equal(f"{what}: Ada sees hers", as_app(target, "ada", body), "4\nHello Acme")
    equal(f"{what}: Hank sees his", as_app(target, "hank", body), "2\nHello Globex")
    before = target.looks()
    target.sql("SELECT saas.install()", "inst_owner")
    equal(f"{what}: saas.install() changes nothing", target.looks(), before)
    target.sql("SELECT saas.protect_table('app.papers', 'tenant.read', 'project.create')", "inst_owner")
    equal(f"{what}: nor does saas.protect_table()", target.looks(), before)
    papers = "INSERT INTO app.papers (tenant_id, title) SELECT id, 'Ours' FROM saas.tenants; SELECT count(DISTINCT tenant_id) FROM app.papers"
    equal(f"{what}: Ada writes into a protected table, and sees hers", as_app(target, "ada", papers), "1")
    equal(f"{what}: Hank does not", as_app(target, "hank", "SELECT count(*) FROM app.papers"), "0")
    moved = target.state("UPDATE app.papers SET tenant_id = (SELECT id FROM saas.tenants WHERE name = 'Globex')", "inst_owner")
    equal(f"{what}: its rows stay where they are", moved[0], "55000")
    target.sql(WRITE, "inst_owner")
    written = WRITTEN if os.environ["SAAS_PG"] == "18" else WRITTEN.replace("uuid_extract_version(id)", "substr(id::text, 15, 1)")
    equal(f"{what}: new rows, new invoices and their numbers, triggers, audit", target.sql(written), "7\n6|6|6\n2\nt")
    equal(f"{what}: the log can't be changed", target.state("SET session_replication_role = replica; DELETE FROM saas.platform_audit_logs")[0], "55000")
    equal(f"{what}: all invariants still hold", target.sql("SELECT * FROM saas.check_invariants()"), "")
    sealed = "SELECT saas.seal_audit_log(); SELECT count(*) FROM saas.platform_audit_logs WHERE id NOT IN (SELECT log_id FROM saas.audit_seal_rows)"
    equal(f"{what}: the next seal takes what was left, and verifies", target.sql(sealed + "; SELECT * FROM saas.verify_audit_log()"), "2\n0")


def roundtrips(cluster, elsewhere, source, folder):
    plain, custom, tree, roles = (os.path.join(folder, name) for name in ("plain.sql", "custom.dump", "tree.dump", "roles.sql"))
    cluster.run("pg_dump", "-d", source.name, "-f", plain)
    cluster.run("pg_dump", "-d", source.name, "-Fc", "-f", custom)
    cluster.run("pg_dump", "-d", source.name, "-Fd", "-j2", "-f", tree)
    cluster.run("pg_dumpall", "--roles-only", "-f", roles)
    # The other server has a postgres already.
    with open(roles) as script:
        text = "".join(line for line in script if not re.match(r"(CREATE|ALTER) ROLE postgres\b", line))
    elsewhere.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-f", "-", input=text)

    def target(where, name):
        return where.database(name, extension=False)

    for where, place in ((cluster, "same server"), (elsewhere, "another server")):
        for what, restore in (
            ("plain", lambda d: d.psql("-f", plain)),
            ("plain in one transaction", lambda d: d.psql("-1", "-f", plain)),
            ("custom", lambda d: where.run("pg_restore", "--exit-on-error", "-d", d.name, custom)),
            ("custom, 2 jobs", lambda d: where.run("pg_restore", "--exit-on-error", "-j2", "-d", d.name, custom)),
            ("directory, 2 jobs", lambda d: where.run("pg_restore", "--exit-on-error", "-j2", "-d", d.name, tree)),
            ("sections", lambda d: [where.run("pg_restore", "--exit-on-error", f"--section={s}", "-d", d.name, custom) for s in ("pre-data", "data", "post-data")]),
        ):
            restored = target(where, "inst_restored")
            restore(restored)
            comes_back(f"{what}, {place}", source, restored)
            restored.drop()
    # A dump of a restored database is the dump.
    restored = target(cluster, "inst_restored")
    restored.psql("-f", plain)
    equal("the dump of what was restored is the same dump", restored.dump(), source.dump())
    # With --disable-triggers ENABLE ALWAYS is lost; install() has it again.
    cluster.run("pg_dump", "-d", source.name, "-f", plain, "--data-only", "--disable-triggers")
    restored.drop()
    restored = target(cluster, "inst_restored")
    cluster.run("pg_restore", "--exit-on-error", "--schema-only", "-d", restored.name, custom)
    restored.psql("-f", plain)
    lost = restored.state("SET session_replication_role = replica; BEGIN; DELETE FROM saas.platform_audit_logs; ROLLBACK")[0]
    equal("--disable-triggers takes away ENABLE ALWAYS, which append-only rests on", lost, "00000")
    restored.sql("SELECT saas.install(), saas.protect_table('app.papers', 'tenant.read', 'project.create'); ALTER TABLE saas.tenants ENABLE ALWAYS TRIGGER note_change", "inst_owner")
    comes_back("schema and data apart, --disable-triggers, install()", source, restored)
    restored.drop()


def as_owner(cluster, source, folder):
    """The data owner, who is no superuser, dumps and restores by himself but for CREATE EXTENSION."""
    dump, listed = os.path.join(folder, "owner.dump"), os.path.join(folder, "list")
    cluster.run("pg_dump", "-U", "inst_owner", "-d", source.name, "-Fc", "-f", dump)
    restored = cluster.database("inst_restored", extension=False)
    try:
        cluster.run("pg_restore", "--exit-on-error", "-U", "inst_owner", "-d", restored.name, dump)
        refusal = "none"
    except Failure as failure:
        refusal = str(failure)
    check("the data owner can't create the extension himself", 'permission denied to create extension "saas_core"' in refusal, refusal)
    restored.drop()
    restored = cluster.database("inst_restored", extension=False)
    restored.sql("SET row_security = off; CREATE EXTENSION saas_core")
    listing = cluster.run("pg_restore", "-l", dump)
    with open(listed, "w") as file:
        file.write("".join(line + "\n" for line in listing.splitlines() if not re.search(r" (EXTENSION - saas_core|COMMENT - EXTENSION saas_core|SCHEMA - saas) ", line + " ")))
    cluster.run("pg_restore", "--exit-on-error", "-U", "inst_owner", "-L", listed, "-d", restored.name, dump)
    comes_back("dumped and restored by the data owner", source, restored)
    restored.drop()


def other_owner(cluster, source, folder):
    """Into a database that belongs to the superuser, as plain createdb makes it."""
    plain = os.path.join(folder, "plain.sql")
    cluster.run("pg_dump", "-d", source.name, "-f", plain)
    restored = cluster.database("inst_restored", owner="postgres", extension=False)
    restored.psql("-f", plain)
    equal("into somebody else's database: all objects", restored.catalog(), source.catalog())
    equal("into somebody else's database: all rows", restored.rows(), source.rows())
    state, message = restored.state("SELECT saas.install()")
    check("saas.install() says that the database must be the data owner's", state == "42501" and "belongs to inst_owner, not to postgres" in message, message)
    restored.sql("ALTER DATABASE inst_restored OWNER TO inst_owner")
    comes_back("into somebody else's database, given to the data owner", source, restored)
    restored.drop()
    # Without the old owner's name everything is the new owner's.
    restored = cluster.database("inst_restored", owner="postgres", extension=False)
    cluster.run("pg_dump", "-d", source.name, "-f", plain, "--no-owner", "--no-acl")
    restored.psql("-f", plain)
    equal("--no-owner --no-acl: saas.install() grants again", restored.state("SELECT saas.install()")[0], "00000")
    equal("--no-owner --no-acl: the application's role is there again", as_app(restored, "ada", "SELECT count(*) FROM saas.projects"), "4")
    restored.drop()


def schema_only(cluster, source, folder):
    plain = os.path.join(folder, "schema.sql")
    cluster.run("pg_dump", "-d", source.name, "--schema-only", "-f", plain)
    restored = cluster.database("inst_restored", extension=False)
    restored.psql("-f", plain)
    equal("--schema-only: no rows", restored.sql("SELECT count(*) FROM saas.roles"), "0")
    restored.sql("SELECT saas.install()", "inst_owner")
    equal("--schema-only, saas.install(): the seed", restored.sql("SELECT count(*), (SELECT count(*) FROM saas.permissions), (SELECT count(*) FROM saas.role_permissions), (SELECT count(*) FROM saas.schema_version), (SELECT count(*) FROM saas.settings) FROM saas.roles"), "7|18|45|1|1")
    # What is common to both: the story can be told again.
    story = (HERE / "data.sql").read_text().partition("-- What developers do")[0]
    restored.sql(story + "CREATE TABLE IF NOT EXISTS app.tokens (who text, token text); INSERT INTO app.tokens VALUES ('ada', saas.create_session(:'ada')), ('hank', saas.create_session(:'hank'));"
                 "INSERT INTO app.notes (tenant_id, body) SELECT id, 'Hello ' || name FROM saas.tenants", "inst_owner")
    comes_back("--schema-only, saas.install(), data anew", source, restored, rows=False)
    restored.drop()


def older(cluster):
    """From PostgreSQL 15 to this one, when that is newer and both builds are of the same state."""
    if os.environ["SAAS_PG"] == "15":
        print("(the dump from 15 to 18 is in the run of 18)")
        return
    scripts = {version: sorted((ROOT / "target" / f"pg{version}").rglob("extension/saas_core--*.sql")) for version in ("15", os.environ["SAAS_PG"])}
    if not all(scripts.values()):
        print("(not run: from 15 to 18 needs a build for 15, `make build PG=15`)")
        return
    texts = [sorted(line for line in files[-1].read_text().splitlines() if not line.startswith("--")) for files in scripts.values()]
    if texts[0] != texts[1]:
        print("(not run: the build for 15 is of another state of the source; `make build PG=15`)")
        return
    other, old, programs = second_cluster("15")
    try:
        source = old.database("inst_old")
        plain = old.database("inst_plain", extension=False)
        plain.sql("CREATE TABLE a_table_of_no_extension (a int)")
        source.file("data.sql", "inst_owner")
        with tempfile.TemporaryDirectory() as folder:
            for what, pg_dump in (("15's pg_dump", os.path.join(programs, "pg_dump")), (f"{os.environ['SAAS_PG']}'s pg_dump", "pg_dump")):
                if not readable(cluster, old, plain, pg_dump):
                    print(f"(not run: {what} can't dump any table of this server of 15)")
                    continue
                dump = os.path.join(folder, "old.dump")
                old.run(pg_dump, "-d", source.name, "-Fc", "-f", dump)
                restored = cluster.database("inst_restored", extension=False)
                cluster.run("pg_restore", "--exit-on-error", "-j2", "-d", restored.name, dump)
                comes_back(f"from PostgreSQL 15 with {what}", source, restored)
                restored.drop()
    finally:
        stop(other)


def readable(cluster, old, plain, pg_dump):
    """Debian's 15.20 keeps an option `pg_attver` with each column, which only pg_dump of that age or newer leaves out."""
    restored = cluster.database("inst_restored", extension=False)
    try:
        restored.psql("-f", "-", input=old.run(pg_dump, "-d", plain.name))
        return True
    except Failure:
        return False
    finally:
        restored.drop()
