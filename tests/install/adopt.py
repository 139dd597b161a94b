"""DROP EXTENSION, CREATE EXTENSION again, and leaving for good."""

from support import as_app, check, equal

LEFT = """
SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = 'saas'), (SELECT count(*) FROM pg_extension WHERE extname = 'saas_core'),
       (SELECT count(*) FROM pg_proc WHERE prosrc LIKE '%saas%' AND pronamespace IS DISTINCT FROM to_regnamespace('app')),
       (SELECT count(*) FROM pg_constraint WHERE confrelid <> 0 AND NOT EXISTS (SELECT FROM pg_class WHERE oid = confrelid)),
       (SELECT count(*) FROM pg_event_trigger), (SELECT count(*) FROM pg_settings WHERE name LIKE 'saas%')"""


def run(cluster):
    database = cluster.database("inst_adopt")
    database.file("data.sql", "inst_owner")
    adopt(database)
    database.drop()
    leave(cluster)


def adopt(database):
    catalog, rows = database.catalog(), database.rows()
    state, message = database.state("DROP EXTENSION saas_core")
    equal("DROP EXTENSION is refused", (state, message), ("2BP01", "cannot drop extension saas_core because other objects depend on it"))
    equal("also DROP FUNCTION of a member", database.state("DROP FUNCTION saas.uuid_v7() CASCADE")[0], "2BP01")
    equal("nothing is changed", database.catalog() + database.rows(), catalog + rows)

    database.sql("DROP EXTENSION saas_core CASCADE")
    equal("DROP EXTENSION CASCADE keeps all rows", database.rows(), rows)
    equal("and drops all functions", database.sql("SELECT count(*) FROM pg_proc WHERE pronamespace = 'saas'::regnamespace"), "0")
    seen = database.sql("""SELECT format('SELECT %L FROM %s LIMIT 1', a.attrelid::regclass, a.attrelid::regclass) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         WHERE c.relnamespace IN ('saas'::regnamespace, 'app'::regnamespace) AND c.relkind IN ('r', 'p', 'v')
         GROUP BY a.attrelid HAVING bool_or(has_column_privilege(a.attrelid, a.attnum, 'SELECT')) \\gexec""", "inst_app")
    equal("an application sees no row of any table meanwhile", seen, "")
    left = [line for line in database.catalog().splitlines() if line.startswith("trigger")]
    equal("of the triggers only the user's own is left", len(left), 1)

    database.sql("CREATE EXTENSION saas_core")
    equal("CREATE EXTENSION adopts: all rows are as they were", database.rows(), rows)
    lost = sorted(set(catalog.splitlines()) - set(database.catalog().splitlines()))
    new = sorted(set(database.catalog().splitlines()) - set(catalog.splitlines()))
    # What the user made with our functions is gone with them, as docs/install.md says.
    expected = ["column app.notes.id uuid not null t default saas.uuid_v7() generated ", "column app.papers.id uuid not null t default saas.uuid_v7() generated ",
                *(f"comment on policy {name} on table app.papers: Made by saas.protect_table," for name in ("app_delete", "app_insert", "app_read", "app_update")),
                "comment on policy read on table app.notes: Members read.", "grant EXECUTE on saas.uuid_v7() to inst_reporter by inst_owner",
                *(f"policy {name} on app.papers" for name in ("app_delete", "app_insert", "app_read", "app_update")),
                "policy read on app.notes", "policy write on app.notes",
                "trigger CREATE TRIGGER trg_tenant_fixed AFTER UPDATE ON app.papers FOR EACH ROW WHEN ((old.tenant_id IS DISTINCT FROM new.tenant_id)) EXECUTE FUNCTION saas.keep_tenant('tenant_id') enabled A"]
    equal("all is back but the user's own policies, defaults and grants that used the functions",
          [line.split(" for ")[0] for line in lost], expected)
    equal("and nothing else is there", new, [f"column app.{name}.id uuid not null t default  generated " for name in ("notes", "papers")])
    database.sql("""ALTER TABLE app.notes ALTER COLUMN id SET DEFAULT saas.uuid_v7();
        CREATE POLICY read ON app.notes FOR SELECT TO inst_app USING (saas.has_tenant_permission(tenant_id, 'tenant.read'));
        CREATE POLICY write ON app.notes FOR INSERT TO inst_app WITH CHECK (saas.has_tenant_permission(tenant_id, 'project.create'));
        COMMENT ON POLICY read ON app.notes IS 'Members read.';
        ALTER TABLE app.papers ALTER COLUMN id SET DEFAULT saas.uuid_v7(); SELECT saas.protect_table('app.papers', 'tenant.read', 'project.create'); GRANT EXECUTE ON FUNCTION saas.uuid_v7() TO inst_reporter""", "inst_owner")
    equal("with these made again the catalogs are as before", database.catalog(), catalog)
    equal("and an application works on", as_app(database, "ada", "SELECT count(*) FROM saas.projects; SELECT body FROM app.notes"), "4\nHello Acme")
    equal("all invariants hold", database.sql("SELECT * FROM saas.check_invariants()"), "")

    # Part of the tables gone, part there: what is missing comes back.
    database.sql("DROP EXTENSION saas_core CASCADE; DROP TABLE saas.outbox, saas.verifications; CREATE EXTENSION saas_core")
    equal("a table that was dropped meanwhile is made again", database.sql("SELECT relrowsecurity FROM pg_class WHERE oid IN ('saas.outbox'::regclass, 'saas.verifications'::regclass)"), "t\nt")
    database.sql("DROP EXTENSION saas_core CASCADE")
    check("a dump of what is left does not need the extension", "EXTENSION" not in database.dump())


def leave(cluster):
    for user in ("postgres", "inst_owner"):
        database = cluster.database("inst_leave")
        database.file("data.sql", "inst_owner")
        database.sql("CREATE ROLE inst_gone LOGIN; SELECT saas.grant_access('inst_gone', 'app')")
        notes = database.sql("SELECT count(*), min(body) FROM app.notes")
        database.sql("DROP SCHEMA saas CASCADE", user)
        equal(f"DROP SCHEMA saas CASCADE as {user} leaves nothing", database.sql(LEFT), "0|0|0|0|0|0")
        equal("but the user's own tables", database.sql("SELECT count(*), min(body) FROM app.notes"), notes)
        equal("roles that had access can be dropped", database.state("DROP ROLE inst_gone")[0], "00000")
        equal("and it can be installed anew", database.state("CREATE EXTENSION saas_core; SELECT 1 / count(*) FROM saas.roles")[0], "00000")
        database.drop()
