"""Whoever had a hand in schema saas before us gains nothing by it, nor does a caller's search path."""

from support import Failure, as_app, check, equal

# What a role does that the data owner let create things in the schema; how the error names it.
IN_THE_SCHEMA = [
    ("table with a trigger", """CREATE TABLE saas.roles (id int);
        CREATE FUNCTION pg_temp.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER t BEFORE INSERT ON saas.roles FOR EACH ROW EXECUTE FUNCTION pg_temp.f()""", "table saas.roles"),
    ("table saas.tenants, from which the data owner is read", "CREATE TABLE saas.tenants (id uuid PRIMARY KEY)", "table saas.tenants"),
    ("function of ours", "CREATE FUNCTION saas.has_tenant_permission(uuid, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
     "function saas.has_tenant_permission(uuid,text)"),
    ("function that would be found in place of ours", "CREATE FUNCTION saas.has_tenant_permission(uuid, varchar) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
     "function saas.has_tenant_permission(uuid,character varying)"),
    ("function that CREATE EXTENSION calls", "CREATE FUNCTION saas.install() RETURNS void LANGUAGE sql AS ''", "function saas.install()"),
    ("look-alike of a function of PostgreSQL", "CREATE FUNCTION saas.format(text, regrole) RETURNS text LANGUAGE sql AS 'SELECT $1'", "function saas.format(text,regrole)"),
    ("operator", "CREATE OPERATOR saas.= (LEFTARG = name, RIGHTARG = text, FUNCTION = pg_catalog.nameeqtext)", "operator saas.=(name,text)"),
    ("enum", "CREATE TYPE saas.kind AS ENUM ('app')", "type saas.kind"),
    ("composite type", "CREATE TYPE saas.uuid AS (a int)", "type saas.uuid"),
    ("domain", "CREATE DOMAIN saas.text AS pg_catalog.text", "type saas.text"),
    ("view", "CREATE VIEW saas.usage_totals AS SELECT 1 AS a", "view saas.usage_totals"),
    ("sequence", "CREATE SEQUENCE saas.numbers", "sequence saas.numbers"),
    ("collation", "CREATE COLLATION saas.c (LOCALE = 'C')", "collation saas.c"),
    ("conversion", "CREATE CONVERSION saas.c FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8", "conversion saas.c"),
    ("text search configuration", "CREATE TEXT SEARCH CONFIGURATION saas.c (PARSER = pg_catalog.\"default\")", "text search configuration saas.c"),
    ("default privileges", "ALTER DEFAULT PRIVILEGES IN SCHEMA saas GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
     "default privileges on new functions belonging to role inst_stranger in schema saas"),
]
# Run by any of these, a body of the attacker's would tell.
HOSTILE = """
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE FUNCTION evil.hijacked() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hijacked as %', current_user; END $$;
SELECT format('CREATE VIEW evil.%I AS SELECT evil.hijacked() AS oid, evil.hijacked() AS relname, evil.hijacked() AS nspname', c.relname)
  FROM pg_class c WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relname IN
       ('pg_class', 'pg_namespace', 'pg_proc', 'pg_policy', 'pg_policies', 'pg_trigger', 'pg_attribute', 'pg_roles', 'pg_database', 'pg_depend', 'pg_inherits')
\\gexec
SELECT format('CREATE FUNCTION evil.%I(%s) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN RAISE EXCEPTION ''hijacked %%'', %L; END $f$',
              p.proname, pg_get_function_identity_arguments(p.oid), p.prorettype::regtype, p.oid::regprocedure)
  FROM pg_proc p
 WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND p.provariadic = 0 AND p.prorettype <> 'internal'::regtype
   AND NOT 'internal'::regtype = ANY (p.proargtypes)
   AND p.proname IN ('now', 'statement_timestamp', 'quote_ident', 'quote_literal', 'to_regclass', 'to_regnamespace', 'current_database', 'current_setting',
                     'set_config', 'string_to_array', 'unnest', 'lower', 'length', 'to_jsonb', 'date_trunc', 'to_char', 'make_interval', 'sha256',
                     'pg_current_xact_id', 'has_function_privilege', 'split_part', 'aclexplode', 'uuid_eq', 'texteq', 'coalesce')
\\gexec
CREATE FUNCTION evil.format(text, text) RETURNS text LANGUAGE sql AS 'SELECT evil.hijacked()';
CREATE FUNCTION evil.format(text, name) RETURNS text LANGUAGE sql AS 'SELECT evil.hijacked()';
CREATE FUNCTION evil.format(text, regrole) RETURNS text LANGUAGE sql AS 'SELECT evil.hijacked()';
CREATE FUNCTION evil.format(text, regprocedure, regrole) RETURNS text LANGUAGE sql AS 'SELECT evil.hijacked()';
SELECT format('CREATE FUNCTION evil.o%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN RAISE EXCEPTION ''hijacked operator''; END $f$;
               CREATE OPERATOR evil.%s (LEFTARG = %2$s, RIGHTARG = %3$s, FUNCTION = evil.o%1$s)',
              o.oid, o.oprleft::regtype, o.oprright::regtype, o.oprresult::regtype, o.oprname)
  FROM pg_operator o
 WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprkind = 'b' AND o.oprname IN ('=', '<>', '>', '<', '>=', '<=', '||', '+', '-')
   AND o.oprleft IN ('uuid'::regtype, 'text'::regtype, 'name'::regtype, 'oid'::regtype, 'timestamptz'::regtype, 'bytea'::regtype, '"char"'::regtype, 'date'::regtype, 'int8'::regtype)
\\gexec
"""
PATH = "evil, pg_catalog, saas"
# The data owner's own trap in a table that the installation writes to: %s is what it does.
TRAP = """
CREATE SCHEMA trap;
CREATE TABLE trap.caught (as_whom text, session text);
CREATE FUNCTION trap.spring() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO trap.caught VALUES (current_user, session_user);
  %s
  RETURN NULL;
END $$;
"""
ESCALATE = """
  BEGIN EXECUTE 'ALTER ROLE inst_owner SUPERUSER'; EXCEPTION WHEN insufficient_privilege THEN NULL; END;
  BEGIN EXECUTE 'SET ROLE postgres'; EXCEPTION WHEN OTHERS THEN NULL; END;
  BEGIN EXECUTE 'RESET SESSION AUTHORIZATION'; EXCEPTION WHEN OTHERS THEN NULL; END;
  BEGIN EXECUTE 'CREATE TEMP TABLE pg_class (a int)'; EXCEPTION WHEN OTHERS THEN NULL; END;
  BEGIN EXECUTE 'ALTER ROLE inst_owner SUPERUSER'; EXCEPTION WHEN insufficient_privilege THEN NULL; END;
  PERFORM set_config('search_path', 'trap, pg_catalog', false);
"""
SUPERUSERS = "SELECT string_agg(rolname, ', ') FROM pg_roles WHERE rolsuper AND rolname LIKE 'inst%'"


def run(cluster):
    refused(cluster)
    traps(cluster)
    search_path(cluster)


def refused(cluster):
    """Pre-created by somebody else: refused whole, and nothing is changed."""
    database = cluster.database("inst_refused", extension=False)
    database.sql("GRANT CREATE ON DATABASE inst_refused TO inst_stranger")

    def refuses(what, name, statement="CREATE EXTENSION saas_core"):
        before = database.dump()
        state, message = database.state(statement)
        check(f"{what}: refused with 42501, naming it", state == "42501" and message.startswith(f"{name} belongs to "), f"{state} {message}")
        equal(f"{what}: nothing is changed", database.dump(), before)

    database.sql("CREATE SCHEMA saas", "inst_stranger")
    refuses("somebody's schema", "schema saas")
    database.sql("CREATE TABLE saas.tenants (id uuid PRIMARY KEY)", "inst_stranger")
    refuses("somebody's schema with saas.tenants", "schema saas")
    database.sql("ALTER SCHEMA saas OWNER TO postgres")
    refuses("a superuser's schema with somebody's saas.tenants", "table saas.tenants")
    database.sql("DROP SCHEMA saas CASCADE")
    for what, statement, name in IN_THE_SCHEMA:
        database.sql("CREATE SCHEMA saas; GRANT USAGE, CREATE ON SCHEMA saas TO inst_stranger", "inst_owner")
        database.sql(statement, "inst_stranger")
        refuses(f"somebody's {what}", name)
        database.sql("DROP SCHEMA saas CASCADE")
        database.sql("DROP OWNED BY inst_stranger; GRANT CREATE ON DATABASE inst_refused TO inst_stranger")
    equal("without them it installs", database.state("CREATE EXTENSION saas_core")[0], "00000")
    # A restore sets row_security = off: no way around it.
    database.sql("DROP EXTENSION saas_core CASCADE; GRANT USAGE, CREATE ON SCHEMA saas TO inst_stranger")
    database.sql("CREATE FUNCTION saas.lower(text) RETURNS text LANGUAGE sql AS 'SELECT $1'", "inst_stranger")
    refuses("somebody's function, in a restore", "function saas.lower(text)", "SET row_security = off; CREATE EXTENSION saas_core")
    database.sql("DROP FUNCTION saas.lower(text); CREATE EXTENSION saas_core; GRANT USAGE, CREATE ON SCHEMA saas TO inst_stranger")
    database.sql("CREATE FUNCTION saas.lower(text) RETURNS text LANGUAGE sql AS 'SELECT $1'", "inst_stranger")
    refuses("somebody's function, when saas.install() is called again", "function saas.lower(text)", "SELECT saas.install()")
    equal("also by the data owner", database.state("SELECT saas.install()", "inst_owner")[0], "42501")
    database.drop()
    # The tables stay with whom they belong to when the database changes hands.
    database = cluster.database("inst_refused", extension=True)
    database.sql("ALTER DATABASE inst_refused OWNER TO inst_stranger")
    refuses("tables of the database's last owner", "schema saas", "SELECT saas.install()")
    database.sql("ALTER DATABASE inst_refused OWNER TO inst_owner; REASSIGN OWNED BY inst_owner TO inst_gateway; SELECT saas.install()")
    equal("REASSIGN OWNED moves both, and install() gives the new owner the functions",
          database.sql("SELECT count(*), (SELECT datdba::regrole FROM pg_database WHERE datname = current_database()) FROM pg_proc WHERE pronamespace = 'saas'::regnamespace AND NOT has_function_privilege('inst_gateway', oid, 'EXECUTE WITH GRANT OPTION')"),
          "0|inst_gateway")
    database.drop()


def traps(cluster):
    """The data owner prepares his own tables for the superuser who installs."""
    database = cluster.database("inst_traps")
    database.sql("DROP EXTENSION saas_core CASCADE")
    database.sql("DELETE FROM saas.role_permissions; DELETE FROM saas.roles; DELETE FROM saas.currencies WHERE code = 'XOF';" + TRAP % ESCALATE + """
        CREATE TRIGGER row BEFORE INSERT ON saas.currencies FOR EACH ROW EXECUTE FUNCTION trap.spring();
        DROP TRIGGER row ON saas.currencies;
        CREATE TRIGGER row AFTER INSERT ON saas.roles FOR EACH ROW EXECUTE FUNCTION trap.spring();
        CREATE TRIGGER statement AFTER INSERT ON saas.roles FOR EACH STATEMENT EXECUTE FUNCTION trap.spring();
        CREATE FUNCTION trap.note() RETURNS void LANGUAGE sql AS 'INSERT INTO trap.caught VALUES (current_user, session_user)';
        CREATE FUNCTION trap.spring(uuid) RETURNS uuid IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM trap.note(); RETURN $1; END $$;
        CREATE INDEX trap ON saas.roles (trap.spring(id));""", "inst_owner")
    path = database.sql("CREATE EXTENSION saas_core; SHOW search_path; SELECT current_user, session_user")
    equal("a trap in the data owner's table is run with his rights only", database.sql("SELECT DISTINCT as_whom FROM trap.caught"), "inst_owner")
    check("(it was run)", int(database.sql("SELECT count(*) FROM trap.caught")) >= 15)
    equal("it makes nobody a superuser", database.sql(SUPERUSERS), "")
    equal("it leaves no setting with the superuser", path, '"$user", public\npostgres|postgres')
    database.sql("DELETE FROM saas.role_permissions; DELETE FROM saas.roles; DELETE FROM trap.caught", "inst_owner")
    path = database.sql("SELECT saas.install(); SHOW search_path; SELECT current_user, session_user; SELECT count(*) FROM pg_class WHERE relpersistence = 't'")
    equal("the same when a superuser calls saas.install()", path, '"$user", public\npostgres|postgres\n0')
    equal("as whom", database.sql("SELECT DISTINCT as_whom FROM trap.caught"), "inst_owner")
    equal("still nobody is a superuser", database.sql(SUPERUSERS), "")
    # Deferred triggers run at COMMIT, before PostgreSQL 18 as whoever commits.
    database.sql("""DROP TRIGGER row ON saas.roles; DROP TRIGGER statement ON saas.roles; DELETE FROM saas.schema_version;
        CREATE CONSTRAINT TRIGGER later AFTER INSERT ON saas.schema_version DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION trap.spring()""", "inst_owner")
    state, message = database.state("SELECT saas.install()")
    equal("a deferred trap is refused", (state, message), ("42501", "cannot fire deferred trigger within security-restricted operation"))
    database.sql("DROP EXTENSION saas_core CASCADE")
    equal("in CREATE EXTENSION too", database.state("CREATE EXTENSION saas_core")[0], "42501")
    equal("and still nobody is a superuser", database.sql(SUPERUSERS), "")
    database.sql("DROP TRIGGER later ON saas.schema_version", "inst_owner")
    equal("without the trap it installs", database.state("CREATE EXTENSION saas_core")[0], "00000")
    equal("whole", database.sql("SELECT count(*), (SELECT count(*) FROM saas.schema_version) FROM saas.roles"), "7|1")
    database.drop()


def search_path(cluster):
    normal = cluster.database("inst_normal")
    database = cluster.database("inst_path", extension=False)
    database.sql(HOSTILE)
    equal("(the look-alikes bite)", database.state(f"SET search_path = {PATH}; SELECT count(*) FROM pg_class")[1], "hijacked as postgres")
    equal("(the operators too)", database.state(f"SET search_path = {PATH}; SELECT gen_random_uuid() = gen_random_uuid()")[1], "hijacked operator")
    temp = "".join(f"CREATE TEMP TABLE {name} (id uuid); " for name in ("roles", "users", "sessions", "pg_class", "pg_policy", "tenant_members", "permissions"))
    database.sql(f"{temp} SET search_path = pg_temp, {PATH}; CREATE EXTENSION saas_core")
    equal("a caller's search path and temporary tables have no part in CREATE EXTENSION", database.catalog(), normal.catalog())
    before = database.dump()
    database.sql(f"{temp} SET search_path = pg_temp, {PATH}; SELECT saas.install()", "inst_owner")
    equal("nor in saas.install()", database.dump(), before)
    database.file("data.sql", "inst_owner")
    body = """SELECT saas.has_tenant_permission(id, 'project.create'), saas.has_tenant_permission(id, 'project.delete') FROM saas.tenants;
              SELECT count(*) FROM saas.projects; SELECT body FROM app.notes"""
    for who, answer in (("ada", "t|t\n4\nHello Acme"), ("mia", "f|f\n4\nHello Acme"), ("hank", "t|t\n2\nHello Globex")):
        equal(f"what {who} sees", as_app(database, who, body), answer)
        equal(f"what {who} sees under that search path", as_app(database, who, body, path=PATH), answer)
        equal(f"and with temporary tables in the way", as_app(database, who, body, path="public; " + temp + f"SET search_path = pg_temp, {PATH}"), answer)
    try:
        database.sql(f"SET search_path = {PATH}; SELECT saas.grant_access('inst_stranger', 'app'), saas.grant_access('inst_stranger', 'auditor'), saas.revoke_access('inst_stranger')", "inst_owner")
        fine = ""
    except Failure as failure:
        fine = str(failure)
    equal("grant_access and revoke_access under that search path", fine, "")
    database.drop()
    normal.drop()
