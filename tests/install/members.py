"""What belongs to whom, and that installing again changes nothing."""

from support import HERE, ROOT, as_app, check, equal

# The source document's script, word for word; the Rust tests play it too.
SEED_SCRIPT = ROOT / "pgrx-tests/tests/seed_sections_1_to_4.sql"

MEMBERS = """
SELECT coalesce(string_agg(pg_describe_object(d.classid, d.objid, d.objsubid), ', '), '')
  FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'saas_core'
 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND"""
STRANGERS = """
SELECT coalesce(string_agg(c.oid::regclass::text, ', '), '')
  FROM pg_class c JOIN pg_database d ON d.datname = current_database()
 WHERE c.relnamespace = 'saas'::regnamespace AND c.relkind <> 'c' AND c.relowner <> d.datdba"""
PUBLIC = """
SELECT coalesce(string_agg(what, ', '), '') FROM (
  SELECT p.oid::regprocedure::text, coalesce(p.proacl, acldefault('f', p.proowner)) FROM pg_proc p WHERE pronamespace = 'saas'::regnamespace
  UNION ALL SELECT c.oid::regclass::text, coalesce(c.relacl, acldefault('r', c.relowner)) FROM pg_class c
             WHERE relnamespace = 'saas'::regnamespace AND relkind IN ('r', 'p', 'v')
  UNION ALL SELECT 'schema saas', coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace WHERE nspname = 'saas'
) AS objects (what, acl)
 WHERE EXISTS (SELECT FROM aclexplode(acl) WHERE grantee = 0)"""
VERSIONS = """
SELECT string_agg(seed, ' ' ORDER BY seed) FROM (
  SELECT format('role %s %s %s', ctid, xmin, key) FROM saas.roles UNION ALL
  SELECT format('permission %s %s %s', ctid, xmin, key) FROM saas.permissions UNION ALL
  SELECT format('mapping %s %s %s %s', ctid, xmin, role_id, permission_id) FROM saas.role_permissions UNION ALL
  SELECT format('currency %s %s %s', ctid, xmin, code) FROM saas.currencies UNION ALL
  SELECT format('plan %s %s %s', ctid, xmin, key) FROM saas.plans UNION ALL
  SELECT format('transition %s %s %s %s %s', ctid, xmin, entity, from_state, to_state) FROM saas.state_transitions UNION ALL
  SELECT format('settings %s %s', ctid, xmin) FROM saas.settings UNION ALL
  SELECT format('version %s %s', ctid, xmin) FROM saas.schema_version UNION ALL
  SELECT format('registry %s %s %s %s', ctid, xmin, table_name, column_name) FROM saas.personal_data_registry UNION ALL
  SELECT format('grant %s %s %s', ctid, xmin, role_id) FROM saas.access_grants) AS rows (seed)"""
MAPPING = """
SELECT string_agg(r.key || ' ' || n.permissions, ', ' ORDER BY r.key COLLATE "C") FROM saas.roles r,
  LATERAL (SELECT count(*) AS permissions FROM saas.role_permissions m WHERE m.role_id = r.id) n"""


def run(cluster):
    database = cluster.database("inst_members")
    belonging(database)
    again(database)
    seed(cluster)
    superuser_owns(cluster)
    two_databases(cluster)
    restore_mode(cluster)


def belonging(database):
    equal("the database's owner is no superuser", database.sql("SELECT rolsuper FROM pg_roles WHERE rolname = 'inst_owner'"), "f")
    check("there are tables", int(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'saas'")) > 40)
    equal("nothing but functions and the type of their results is a member of the extension",
          # Newer versions list its array type as well.
          database.sql(MEMBERS + " d.classid <> 'pg_proc'::regclass").replace(", type saas.invoice_line[]", ""), "type saas.invoice_line")
    equal("every routine in the schema is a member",
          database.sql("""SELECT count(*) FROM pg_proc p WHERE pronamespace = 'saas'::regnamespace AND NOT EXISTS
                       (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e')"""), "0")
    equal("all relations belong to the database's owner", database.sql(STRANGERS), "")
    equal("so does the schema", database.sql("SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'saas'"), "inst_owner")
    equal("PUBLIC has nothing", database.sql(PUBLIC), "")
    equal("the data owner may call every routine and give it on",
          database.sql("""SELECT count(*) FROM pg_proc WHERE pronamespace = 'saas'::regnamespace
                       AND NOT has_function_privilege('inst_owner', oid, 'EXECUTE WITH GRANT OPTION')"""), "0")
    equal("no routine is SECURITY DEFINER",
          database.sql("SELECT count(*) FROM pg_proc WHERE pronamespace = 'saas'::regnamespace AND prosecdef"), "0")
    equal("the extension is not trusted", database.sql("SELECT bool_or(trusted OR NOT superuser) FROM pg_available_extension_versions WHERE name = 'saas_core'"), "f")
    database.sql("CREATE ROLE inst_lowly LOGIN; GRANT CREATE ON DATABASE inst_members TO inst_lowly")
    equal("a plain role can't drop it", database.state("DROP EXTENSION saas_core CASCADE", "inst_lowly")[0], "42501")
    equal("nor install", database.state("SELECT saas.install()", "inst_lowly")[0], "42501")
    database.sql("GRANT USAGE ON SCHEMA saas TO inst_lowly; GRANT EXECUTE ON FUNCTION saas.install() TO inst_lowly")
    equal("nor with EXECUTE on it", database.state("SELECT saas.install()", "inst_lowly"),
          ("42501", "only the owner of the database may install saas_core"))
    database.sql("""CREATE FUNCTION public.lend() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'SELECT saas.install()';
                    ALTER FUNCTION public.lend() OWNER TO inst_owner""")
    equal("nor through the owner's SECURITY DEFINER function", database.state("SELECT public.lend()", "inst_lowly")[0], "42501")
    database.sql("""DROP FUNCTION public.lend(); REVOKE ALL ON FUNCTION saas.install() FROM inst_lowly; REVOKE USAGE ON SCHEMA saas FROM inst_lowly;
                    REVOKE CREATE ON DATABASE inst_members FROM inst_lowly; DROP ROLE inst_lowly""")
    equal("row-level security is on everywhere",
          database.sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'saas'::regnamespace AND relkind IN ('r', 'p') AND NOT relrowsecurity"), "0")


def again(database):
    database.file("data.sql", "inst_owner")
    before, versions = database.dump(), database.sql(VERSIONS)
    for user in ("inst_owner", "postgres"):
        database.sql("SELECT saas.install()", user)
        equal(f"installing again as {user}: the dump is the same", database.dump(), before)
        equal(f"installing again as {user}: no seed row was touched", database.sql(VERSIONS), versions)
    equal("CREATE EXTENSION IF NOT EXISTS again", database.state("CREATE EXTENSION IF NOT EXISTS saas_core")[0], "00000")
    equal("changes nothing either", database.dump(), before)
    database.sql("DELETE FROM saas.role_permissions m USING saas.roles r WHERE r.id = m.role_id AND r.key = 'tenant_guest'; SELECT saas.install()", "inst_owner")
    equal("a seed row that somebody deleted comes back", "tenant_guest 1" in database.sql(MAPPING), True)
    database.sql("""DROP TRIGGER trg_refuse_change ON saas.tenant_credit_ledger; ALTER TABLE saas.roles DISABLE TRIGGER USER;
                    DROP POLICY app_read ON saas.tenants; DROP INDEX saas.roles_tenant_id_idx; SELECT saas.install()""", "inst_owner")
    restored = database.sql("""SELECT (SELECT tgenabled FROM pg_trigger WHERE tgrelid = 'saas.tenant_credit_ledger'::regclass AND tgname = 'trg_refuse_change'),
        (SELECT tgenabled FROM pg_trigger WHERE tgrelid = 'saas.roles'::regclass AND tgname = 'trg_permissions_changed'),
        (SELECT polroles::regrole[] FROM pg_policy WHERE polrelid = 'saas.tenants'::regclass AND polname = 'app_read'),
        to_regclass('saas.roles_tenant_id_idx') IS NOT NULL""")
    equal("what somebody dropped comes back: trigger, its mode, policy with its roles, index", restored, "A|A|{inst_app,inst_gateway}|t")
    database.drop()


def seed(cluster):
    """The source document's own script, before ours knows of it and after."""
    database = cluster.database("inst_seed")
    versions, mapping = database.sql(VERSIONS), database.sql(MAPPING)
    equal("the source document's roles and how many permissions each has", mapping,
          "platform_admin 5, platform_superadmin 18, platform_support 3, tenant_admin 6, tenant_guest 1, tenant_member 3, tenant_owner 9")
    for time in ("once", "twice"):
        database.psql("-c", "SET search_path = saas", "-f", SEED_SCRIPT, user="inst_owner")
        equal(f"its seed script, sections 1 to 4, runs {time} and changes nothing", database.sql(VERSIONS), versions)
    # And it makes the same rows where there are none.
    database.sql("DELETE FROM saas.roles; DELETE FROM saas.permissions", "inst_owner")
    database.psql("-c", "SET search_path = saas", "-f", SEED_SCRIPT, user="inst_owner")
    equal("and makes the same roles, permissions and mappings as ours where there are none", database.sql(MAPPING), mapping)
    database.drop()


def superuser_owns(cluster):
    database = cluster.database("inst_super", owner="postgres")
    equal("with a superuser as the database's owner the tables are his",
          database.sql("SELECT DISTINCT relowner::regrole FROM pg_class WHERE relnamespace = 'saas'::regnamespace"), "postgres")
    database.file("data.sql")
    equal("and an application works", as_app(database, "ada", "SELECT count(*) FROM saas.projects; SELECT body FROM app.notes"), "4\nHello Acme")
    before = database.dump()
    database.sql("SELECT saas.install()")
    equal("and installing again changes nothing", database.dump(), before)
    database.drop()


def two_databases(cluster):
    one = cluster.database("inst_one")
    one.file("data.sql", "inst_owner")
    two = cluster.database("inst_two", template="inst_one")
    two.sql("""UPDATE saas.tenant_members m SET role_id = (SELECT id FROM saas.roles WHERE key = 'tenant_guest') FROM saas.users u
                WHERE u.id = m.user_id AND u.name IS NULL; UPDATE saas.tenants SET name = 'Ajax' WHERE name = 'Acme'""", "inst_owner")
    question = "SELECT name, saas.has_tenant_permission(id, 'project.update') FROM saas.tenants"
    equal("two databases of a cluster: a user's rights in the one", as_app(one, "mia", question), "Acme|t")
    equal("and in the other", as_app(two, "mia", question), "Ajax|f")
    one.drop()
    equal("and when the one is gone", as_app(two, "mia", question), "Ajax|f")
    two.drop()


def restore_mode(cluster):
    database = cluster.database("inst_restoring", extension=False)
    database.sql("SET row_security = off; CREATE EXTENSION saas_core")
    equal("with row_security = off, as in a restore, no tables are made",
          database.sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'saas'::regnamespace AND relkind <> 'c'"), "0")
    equal("calls then say what to do", database.state("SELECT saas.create_user('a@b.c')", "inst_owner")[0], "55000")
    equal("the schema is the data owner's", database.sql("SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'saas'"), "inst_owner")
    database.sql("SET row_security = off; SELECT saas.install()", "inst_owner")
    normal = cluster.database("inst_normal")
    equal("saas.install() makes them, as CREATE EXTENSION does", database.catalog(), normal.catalog())
    database.drop()
    normal.drop()
