"""saas.grant_access and saas.revoke_access: exactly a kind's privileges, and no trace of roles that are gone."""

from support import as_app, check, equal

# What of schema saas a role has: privileges of its own, and the policies that name it.
HAS = """
SELECT count(*) FROM (
  SELECT x.grantee FROM pg_proc, aclexplode(proacl) x WHERE pronamespace = 'saas'::regnamespace UNION ALL
  SELECT x.grantee FROM pg_class, aclexplode(relacl) x WHERE relnamespace = 'saas'::regnamespace UNION ALL
  SELECT x.grantee FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid, aclexplode(attacl) x WHERE relnamespace = 'saas'::regnamespace UNION ALL
  SELECT x.grantee FROM pg_namespace, aclexplode(nspacl) x WHERE nspname = 'saas' UNION ALL
  SELECT unnest(polroles) FROM pg_policy p) AS granted WHERE grantee = '{}'::regrole"""
KINDS = "SELECT string_agg(DISTINCT split_part(polname, '_', 1), ', ') FROM pg_policy WHERE '{}'::regrole = ANY (polroles)"
MAY = """SELECT has_function_privilege('inst_app', 'saas.create_session(uuid, interval, inet, text)', 'EXECUTE'),
                has_function_privilege('inst_app', 'saas.process_payment_events(integer)', 'EXECUTE'),
                has_table_privilege('inst_app', 'saas.projects', 'INSERT'), has_table_privilege('inst_app', 'saas.security_events', 'SELECT'),
                has_column_privilege('inst_app', 'saas.users', 'email', 'SELECT'), has_any_column_privilege('inst_app', 'saas.sessions', 'SELECT'),
                has_column_privilege('inst_app', 'saas.sessions', 'token_hash', 'SELECT'), has_schema_privilege('inst_app', 'saas', 'USAGE')"""
MAY_BY_KIND = {
    #            session process insert events users sessions token_hash usage
    "app": "f|f|t|f|t|t|f|t", "gateway": "t|f|t|f|t|t|f|t", "worker": "f|t|f|f|f|f|f|t",
    "auditor": "f|f|f|t|f|f|f|t", "admin": "f|f|f|t|t|t|f|t",
}
POLICIES = "SELECT count(*) FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE c.relnamespace = 'saas'::regnamespace"
ORPHANS = "SELECT count(*) FROM pg_policy p, unnest(polroles) role WHERE role <> 0 AND NOT EXISTS (SELECT FROM pg_roles WHERE oid = role)"


def run(cluster):
    database = cluster.database("inst_access")
    database.file("data.sql", "inst_owner")
    kinds(database)
    refusals(database)
    by_hand(database)
    dropped(database)
    database.drop()


def kinds(database):
    before = database.catalog()
    for kind, may in list(MAY_BY_KIND.items()) + [("app", MAY_BY_KIND["app"])]:
        database.sql(f"SELECT saas.grant_access('inst_app', '{kind}')", "inst_owner")
        equal(f"a role of kind {kind} may do what that kind may and no more", database.sql(MAY), may)
        named = "app" if kind == "gateway" else kind
        equal(f"and is named in that kind's policies only", database.sql(KINDS.format("inst_app") + " AND polrelid <> 'app.notes'::regclass"), named)
    equal("back at its first kind everything is as before", database.catalog(), before)


def refusals(database):
    for what, statement, user, state in (
        ("an unknown kind", "SELECT saas.grant_access('inst_reporter', 'owner')", "inst_owner", "22023"),
        ("the empty kind", "SELECT saas.grant_access('inst_reporter', '')", "inst_owner", "22023"),
        ("a superuser as the target", "SELECT saas.grant_access('postgres', 'app')", "inst_owner", "22023"),
        ("the data owner as the target", "SELECT saas.grant_access('inst_owner', 'app')", "inst_owner", "22023"),
        ("the data owner loses nothing", "SELECT saas.revoke_access('inst_owner')", "inst_owner", "22023"),
        ("a role that is not there", "SELECT saas.grant_access('nobody', 'app')", "inst_owner", "42704"),
        ("a caller without EXECUTE", "SELECT saas.grant_access('inst_stranger', 'app')", "inst_app", "42501"),
    ):
        equal(f"grant_access refuses: {what}", database.state(statement, user)[0], state)
    database.sql("GRANT USAGE ON SCHEMA saas TO inst_stranger; GRANT EXECUTE ON FUNCTION saas.grant_access(regrole, text), saas.revoke_access(regrole) TO inst_stranger", "inst_owner")
    for call in ("saas.grant_access('inst_stranger', 'admin')", "saas.revoke_access('inst_app')"):
        state, message = database.state(f"SELECT {call}", "inst_stranger")
        check(f"with EXECUTE {call} is still the data owner's alone", state == "42501" and message.startswith("only the data owner"), message)
    database.sql("SELECT saas.revoke_access('inst_stranger')", "inst_owner")
    equal("revoke_access also takes what was given by hand", database.sql(HAS.format("inst_stranger")), "0")
    # As to_regrole() answers for a name that is mistyped: the role meant would keep its access.
    for call in ("grant_access(NULL, 'app')", "grant_access('inst_app', NULL)", "revoke_access(NULL)"):
        equal(f"NULL is refused: {call}", database.state(f"SELECT saas.{call}", "inst_owner")[0], "23502")


def by_hand(database):
    database.sql("GRANT SELECT ON saas.outbox TO inst_app", "inst_owner")
    before = database.catalog()
    database.sql("SELECT saas.install()", "inst_owner")
    equal("install() leaves what was granted by hand", database.catalog(), before)
    database.sql("SELECT saas.grant_access('inst_app', 'app')", "inst_owner")
    equal("grant_access does not: exactly its kind", database.sql("SELECT has_table_privilege('inst_app', 'saas.outbox', 'SELECT')"), "f")


def dropped(database):
    policies = database.sql(POLICIES)
    database.sql("CREATE ROLE inst_leaver LOGIN; SELECT saas.grant_access('inst_leaver', 'worker')")
    equal("a role that has access can't be dropped", database.state("DROP ROLE inst_leaver")[0], "2BP01")
    database.sql("SELECT saas.revoke_access('inst_leaver')", "inst_owner")
    equal("revoke_access leaves nothing with it", database.sql(HAS.format("inst_leaver")), "0")
    equal("nor in saas.access_grants", database.sql("SELECT count(*) FROM saas.access_grants WHERE role_id = 'inst_leaver'::regrole"), "0")
    equal("then it can be dropped", database.state("DROP ROLE inst_leaver")[0], "00000")
    # DROP OWNED takes away policies that name only this role, and does not take the functions.
    database.sql("ALTER POLICY read ON app.notes TO inst_app, inst_gateway; ALTER POLICY write ON app.notes TO inst_app, inst_gateway;"
                 "SELECT saas.revoke_access('inst_gateway')", "inst_owner")
    database.sql("DROP OWNED BY inst_app")
    check("(DROP OWNED drops policies)", int(database.sql(POLICIES)) < int(policies))
    database.sql("SELECT saas.revoke_access('inst_app')", "inst_owner")
    equal("after DROP OWNED, revoke_access leaves nothing", database.sql(HAS.format("inst_app")), "0")
    equal("and has all policies back", database.sql(POLICIES), policies)
    equal("and the role can be dropped", database.state("DROP ROLE inst_app")[0], "00000")
    equal("no policy names a role that is gone", database.sql(ORPHANS), "0")
    database.sql("CREATE ROLE inst_app LOGIN; SELECT saas.grant_access('inst_app', 'app'), saas.grant_access('inst_gateway', 'gateway');"
                 "GRANT USAGE ON SCHEMA app TO inst_app; GRANT SELECT ON app.notes TO inst_app; ALTER POLICY read ON app.notes TO inst_app, inst_gateway")
    equal("its successor sees what it saw", as_app(database, "ada", "SELECT count(*) FROM saas.projects; SELECT body FROM app.notes"), "4\nHello Acme")
    # An oid without a role, as it comes out of a dump.
    for what, call in (("install()", "saas.install()"), ("grant_access", "saas.grant_access('inst_app', 'app')"), ("revoke_access", "saas.revoke_access('inst_stranger')")):
        database.sql("INSERT INTO saas.access_grants (role_id, kind) VALUES ('4242424242'::regrole, 'gateway')", "inst_owner")
        equal(f"{what} with the row of a dropped role", database.state(f"SELECT {call}", "inst_owner")[0], "00000")
        equal(f"{what} removes that row", database.sql("SELECT count(*) FROM saas.access_grants WHERE role_id = 4242424242::oid"), "0")
    equal("and the others work on", as_app(database, "hank", "SELECT count(*) FROM saas.projects"), "2")
