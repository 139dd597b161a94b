//! Attempts to become somebody else: by settings, by what lies in the way, by borrowed rights.

use postgres::{Client, Config, NoTls};
use saas_core_tests::story::{Story, asking, one, who};
use saas_core_tests::{TestDb, assert_sqlstate};
use std::env;
use uuid::Uuid;

/// A connection with startup options, as libpq's PGOPTIONS.
fn connect_with(db: &TestDb, role: &str, options: &str) -> Client {
    Config::new()
        .host(&env::var("PGHOST").unwrap())
        .user(role)
        .dbname(db.name())
        .options(options)
        .connect(NoTls)
        .unwrap()
}

/// What a forger would put into the setting.
fn forged(user: Uuid) -> String {
    format!("{{\"user\":\"{user}\"}}")
}

#[test]
fn no_client_sets_the_context() {
    let story = Story::new();
    let value = forged(story.acme.owner.id);
    for kind in ["app", "gateway", "worker", "auditor", "admin"] {
        let mut client = story.db.kind(kind);
        // The library is not loaded yet: what is set now is a placeholder of PostgreSQL's.
        client.batch_execute(&format!("SET saas.context = '{value}'")).unwrap();
        client.batch_execute("SELECT saas.version()").unwrap();
        assert_eq!(one::<String>(&mut client, "SELECT current_setting('saas.context')", &[]), "");

        let role = format!("saas_{kind}");
        let database = story.db.name();
        for statement in [
            format!("SET saas.context = '{value}'"),
            format!("SET SESSION saas.context = '{value}'"),
            format!("SET LOCAL saas.context = '{value}'"),
            "SET saas.context TO DEFAULT".into(),
            "SET SAAS.Context = ''".into(),
            "RESET saas.context".into(),
            "RESET SAAS.CONTEXT".into(),
            format!("SELECT set_config('saas.context', '{value}', false)"),
            format!("SELECT set_config('saas.context', '{value}', true)"),
            format!("SELECT set_config('SAAS.context', '{value}', true)"),
            format!("UPDATE pg_settings SET setting = '{value}' WHERE name = 'saas.context'"),
            format!("ALTER ROLE {role} SET saas.context = '{value}'"),
            format!("ALTER ROLE {role} IN DATABASE {database} SET saas.context = '{value}'"),
            format!("ALTER DATABASE {database} SET saas.context = '{value}'"),
            format!("GRANT SET ON PARAMETER saas.context TO {role}"),
            format!(
                "CREATE FUNCTION pg_temp.f() RETURNS void LANGUAGE sql SET saas.context = '{value}' AS ''"
            ),
            "CREATE FUNCTION pg_temp.f() RETURNS void LANGUAGE sql SET saas.context FROM CURRENT AS ''".into(),
        ] {
            assert_sqlstate(client.batch_execute(&format!("BEGIN; {statement}; COMMIT")), "42501");
            client.batch_execute("ROLLBACK").unwrap();
            let first = assert_sqlstate(client.batch_execute(&statement), "42501");
            let allowed = ["permission denied", "must be owner", "must be superuser"];
            assert!(allowed.iter().any(|start| first.message().starts_with(start)), "{statement}: {first:?}");
        }
        let system = format!("ALTER SYSTEM SET saas.context = '{value}'");
        assert_sqlstate(client.batch_execute(&system), "42501");
        // The prefix is taken.
        assert_sqlstate(client.batch_execute("SET saas.other = 'x'"), "42602");
        assert_sqlstate(
            client.batch_execute("SELECT set_config('saas.context.user', 'x', true)"),
            "42602",
        );
        let (context, source): (String, String) = {
            let row = client
                .query_one(
                    "SELECT context, source FROM pg_settings WHERE name = 'saas.context'",
                    &[],
                )
                .unwrap();
            (row.get(0), row.get(1))
        };
        assert_eq!((context.as_str(), source.as_str()), ("superuser", "default"));
    }
}

#[test]
fn before_the_library_is_loaded_nothing_can_be_prepared() {
    let story = Story::new();
    let value = forged(story.acme.owner.id);
    story.db.kind("app");
    let check = |mut client: Client, how: &str| {
        let seen = "SELECT saas.current_user_id(), (SELECT count(*) FROM saas.tenants)";
        let row = client.query_one(seen, &[]).unwrap();
        assert_eq!((row.get::<_, Option<Uuid>>(0), row.get::<_, i64>(1)), (None, 0), "{how}");
        // And afterwards a request works as ever.
        let mut request = asking(&mut client, &story.acme.guest, None);
        assert_eq!(who(&mut request), Some(story.acme.guest.id), "{how}");
    };
    for options in [
        format!("-c saas.context={}", value.replace('\\', "\\\\")),
        format!("--saas.context={value}"),
        "-c saas.context=garbage".into(),
        "-c saas.other=x".into(),
    ] {
        check(connect_with(&story.db, "saas_app", &options), &options);
    }
    for first in [
        format!("SET saas.context = '{value}'"),
        format!("SELECT set_config('saas.context', '{value}', false)"),
        "SET saas.context = 'garbage'".into(),
        "SET saas.other = 'x'".into(),
        format!(
            "SET saas.context = '{value}'; BEGIN; SET LOCAL saas.context = '{value}'; SAVEPOINT s; \
                 SET LOCAL saas.context = 'garbage'; SELECT saas.version(); ROLLBACK TO s; ROLLBACK"
        ),
    ] {
        let mut client = story.db.connect("saas_app");
        client.batch_execute(&first).unwrap();
        check(client, &first);
    }
    // In one transaction with the load of the library.
    let mut client = story.db.connect("saas_app");
    client.batch_execute(&format!("BEGIN; SET LOCAL saas.context = '{value}'")).unwrap();
    assert_eq!(who(&mut client), None);
    client.batch_execute("COMMIT").unwrap();
    check(client, "SET LOCAL");
    // As a default of the role and the database, also without the library.
    for statement in [
        format!("ALTER ROLE saas_app SET saas.context = '{value}'"),
        format!("ALTER DATABASE {} SET saas.context = '{value}'", story.db.name()),
        format!(
            "CREATE FUNCTION pg_temp.f() RETURNS void LANGUAGE sql SET saas.context = '{value}' AS ''"
        ),
    ] {
        assert_sqlstate(story.db.connect("saas_app").batch_execute(&statement), "42501");
    }
    // The owner of the database is no superuser, and may not either.
    let mut owner = story.db.owner();
    let statement = format!("ALTER DATABASE {} SET saas.context = '{value}'", story.db.name());
    assert_sqlstate(owner.batch_execute(&statement), "42501");
}

#[test]
fn no_reset_ends_or_changes_a_request() {
    let story = Story::new();
    let acme = &story.acme;
    let mut app = story.db.kind("app");
    let mut request = asking(&mut app, &acme.member, Some(acme));
    request
        .batch_execute("RESET ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; DISCARD PLANS")
        .unwrap();
    assert_eq!(who(&mut request), Some(acme.member.id));
    for statement in ["RESET saas.context", "SET LOCAL saas.context = ''"] {
        request.batch_execute("SAVEPOINT s").unwrap();
        assert_sqlstate(request.batch_execute(statement), "42501");
        request.batch_execute("ROLLBACK TO SAVEPOINT s").unwrap();
        assert_eq!(who(&mut request), Some(acme.member.id));
    }
    // A request begun inside a function with settings of its own lasts beyond the function.
    request
        .batch_execute(&format!(
            "CREATE FUNCTION pg_temp.login() RETURNS uuid LANGUAGE sql SET work_mem = '1MB' \
             AS $$ SELECT saas.begin_request('{}') $$; SELECT pg_temp.login()",
            acme.guest.token
        ))
        .unwrap();
    assert_eq!(who(&mut request), Some(acme.guest.id));
    // What FROM CURRENT would keep for later is refused.
    assert_sqlstate(
        request.batch_execute(
            "CREATE FUNCTION pg_temp.keep() RETURNS void LANGUAGE sql SET saas.context FROM CURRENT AS ''",
        ),
        "42501",
    );
    drop(request);
    app.batch_execute("DISCARD ALL").unwrap();
    assert_eq!(who(&mut app), None);
    drop(asking(&mut app, &acme.member, None));
}

#[test]
fn a_superuser_is_kept_from_nonsense() {
    let story = Story::new();
    let mut superuser = story.db.superuser();
    superuser.batch_execute("SELECT saas.version()").unwrap();
    for value in ["garbage", "{}", "[]", "{\"user\": 1}", "{\"user\": \"x\"}", "{\"user\": null}"] {
        assert_sqlstate(superuser.batch_execute(&format!("SET saas.context = '{value}'")), "22023");
    }
    assert_eq!(who(&mut superuser), None);
}

#[test]
fn a_definer_function_opens_no_gate() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    // There are roles of every kind, of whose rights a superuser has a share.
    for kind in ["app", "gateway", "worker", "auditor", "admin"] {
        story.db.kind(kind);
    }
    // Functions of the data owner and of a superuser.
    let mut superuser = story.db.superuser();
    superuser
        .batch_execute(
            "CREATE SCHEMA trap AUTHORIZATION saas_owner; GRANT USAGE ON SCHEMA trap TO saas_app;
                        CREATE SCHEMA trap_super; GRANT USAGE ON SCHEMA trap_super TO saas_app",
        )
        .unwrap();
    let calls = [
        format!("PERFORM saas.begin_request_as('{}')", acme.owner.id),
        "PERFORM saas.grant_access('saas_app', 'gateway')".into(),
        "PERFORM saas.create_user('trap@example.com')".into(),
        format!("PERFORM saas.create_session('{}')", acme.owner.id),
        format!("PERFORM saas.create_tenant('trap', '{}')", acme.owner.id),
        format!("PERFORM saas.subscribe('{}', 'free')", acme.id),
        format!("PERFORM saas.grant_credit('{}', 100, 'why', 'admin')", acme.id),
        format!("PERFORM saas.credit_balance('{}')", acme.id),
        format!(
            "PERFORM saas.has_tenant_permission('{}', '{}', 'tenant.read')",
            acme.owner.id, acme.id
        ),
        format!(
            "PERFORM saas.has_system_permission('{}', 'platform.tenant.read')",
            story.superadmin.id
        ),
        format!("PERFORM saas.record_usage('{}', 'project.create', 1, 'trap')", acme.id),
        format!("PERFORM saas.generate_invoice('{}', '2020-01-01')", acme.id),
        "PERFORM saas.process_payment_events()".into(),
        "PERFORM saas.check_invariants()".into(),
        "PERFORM saas.revoke_session((SELECT id FROM saas.sessions LIMIT 1))".into(),
        "PERFORM saas.install()".into(),
    ];
    for (i, call) in calls.iter().enumerate() {
        for (client, schema) in [(&mut story.data, "trap"), (&mut superuser, "trap_super")] {
            client
                .batch_execute(&format!(
                    "CREATE FUNCTION {schema}.f{i}() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN {call}; END $$"
                ))
                .unwrap();
        }
    }
    let mut app = story.db.connect("saas_app");
    for (i, call) in calls.iter().enumerate() {
        for schema in ["trap", "trap_super"] {
            let call = call.replace("PERFORM", "");
            match app.execute(&format!("SELECT {schema}.f{i}()"), &[]) {
                Ok(_) => panic!("{schema}: {call} went through"),
                Err(error) => {
                    let code = error.code().map(|code| code.code().to_owned()).unwrap_or_default();
                    assert!(code == "42501" || code == "28000", "{schema}: {call}: {error:?}");
                }
            }
        }
        // With a context of somebody small it is no different.
        let mut request = asking(&mut app, &story.stranger, None);
        if !call.contains("create_tenant") && !call.contains("revoke_session") {
            assert_sqlstate(request.execute(&format!("SELECT trap.f{i}()"), &[]), "42501");
        }
    }
    let unchanged = "SELECT kind FROM saas.access_grants WHERE role_id = 'saas_app'::regrole";
    assert_eq!(one::<String>(&mut story.data, unchanged, &[]), "app");
    // Called by themselves they may: the refusal is the definer's.
    story.data.batch_execute("SELECT trap.f1()").unwrap_err();
    one::<bool>(
        &mut story.data,
        "SELECT saas.has_system_permission($1, 'platform.tenant.read')",
        &[&story.superadmin.id],
    );
}

#[test]
fn what_lies_in_the_callers_way_is_ignored() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    story
        .data
        .execute(
            "INSERT INTO saas.projects (tenant_id, title) VALUES ($1, 'secret'), ($2, 'open')",
            &[&story.globex.id, &acme.id],
        )
        .unwrap();
    let mut app = story.db.kind("app");
    story.db.superuser().batch_execute("CREATE SCHEMA evil AUTHORIZATION saas_app").unwrap();
    app.batch_execute(
        "CREATE TEMP TABLE users (id uuid, deleted_at timestamptz);
         CREATE TEMP TABLE roles (id uuid, key text, is_system boolean, tenant_id uuid);
         CREATE TEMP TABLE permissions (id uuid, key text);
         CREATE TEMP TABLE role_permissions (role_id uuid, permission_id uuid);
         CREATE TEMP TABLE tenants (id uuid, suspended_at timestamptz, deleted_at timestamptz);
         CREATE TEMP TABLE tenant_members AS SELECT saas.uuid_v7() AS tenant_id, saas.uuid_v7() AS user_id, saas.uuid_v7() AS role_id;
         CREATE TEMP TABLE sessions (id uuid, user_id uuid, token_hash bytea, expires_at timestamptz, revoked_at timestamptz);
         CREATE TEMP TABLE permission_epoch ();
         CREATE TEMP TABLE pg_class (relname text);
         CREATE FUNCTION evil.yes(uuid, uuid) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
         CREATE FUNCTION evil.yes(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
         CREATE FUNCTION evil.yes(bytea, bytea) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
         CREATE FUNCTION evil.yes(timestamptz, timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
         CREATE OPERATOR evil.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = evil.yes);
         CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.yes);
         CREATE OPERATOR evil.= (LEFTARG = bytea, RIGHTARG = bytea, FUNCTION = evil.yes);
         CREATE OPERATOR evil.> (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = evil.yes);
         CREATE FUNCTION evil.statement_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT timestamptz '-infinity' $$;
         CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT timestamptz '-infinity' $$;
         CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$;
         CREATE FUNCTION evil.has_tenant_permission(uuid, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
         CREATE FUNCTION evil.has_tenant_permission(text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
         CREATE FUNCTION evil.current_user_id() RETURNS uuid LANGUAGE sql AS $$ SELECT uuid_nil FROM (SELECT gen_random_uuid() AS uuid_nil) x $$;
         CREATE FUNCTION pg_temp.has_tenant_permission(uuid, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    )
    .unwrap();
    // Rows that nobody may see don't come by way of a function that is cheap and talks.
    app.batch_execute(
        "CREATE FUNCTION evil.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
         BEGIN RAISE EXCEPTION '%', $1 USING ERRCODE = 'P0LEA'; END $$",
    )
    .unwrap();
    for path in ["evil, pg_temp, saas, pg_catalog", "pg_temp, evil, saas, pg_catalog", "evil"] {
        // A connection's plans are made under the first path they meet.
        let mut app = story.db.connect("saas_app");
        app.batch_execute(&format!("SET search_path = {path}")).unwrap();
        assert_sqlstate(app.execute("SELECT saas.begin_request('saas_session_x')", &[]), "28000");
        let mut request = asking(&mut app, &acme.guest, None);
        assert_eq!(who(&mut request), Some(acme.guest.id));
        let titles: Vec<String> = request
            .query("SELECT title FROM saas.projects", &[])
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect();
        assert_eq!(titles, ["open"], "{path}");
        let may: bool = one(
            &mut request,
            "SELECT saas.has_tenant_permission($1, 'tenant.read') OR saas.has_tenant_permission($2, 'project.create')
                 OR saas.has_system_permission('platform.tenant.read')",
            &[&story.globex.id, &acme.id],
        );
        assert!(!may, "{path}");
        let sql = "INSERT INTO saas.projects (tenant_id, title) VALUES ($1, 'mine')";
        assert_sqlstate(request.execute(sql, &[&story.globex.id]), "42501");
    }
    app.batch_execute("SET search_path = evil, pg_temp, saas, pg_catalog").unwrap();
    let mut request = asking(&mut app, &story.stranger, None);
    assert_eq!(
        one::<i64>(&mut request, "SELECT count(*) FROM saas.projects WHERE evil.leak(title)", &[]),
        0
    );
    drop(request);
    let mut request = asking(&mut app, &acme.guest, None);
    let leaked = assert_sqlstate(
        request.execute("SELECT FROM saas.projects WHERE evil.leak(title)", &[]),
        "P0LEA",
    );
    assert_eq!(leaked.message(), "open");
}

#[test]
fn temporary_tables_of_the_same_connection_are_ignored() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let mut app = story.db.kind("app");
    // The data owner's own connection, after the application's objects were put in front of it.
    app.batch_execute("SELECT saas.version()").unwrap();
    story
        .data
        .batch_execute(
            "CREATE TEMP TABLE roles AS SELECT * FROM saas.roles;
             UPDATE pg_temp.roles SET is_system = NOT is_system;
             SET search_path = pg_temp, saas",
        )
        .unwrap();
    let role = "SELECT id FROM saas.roles WHERE key = 'platform_admin'";
    let role: Uuid = one(&mut story.data, role, &[]);
    let sql = "INSERT INTO saas.tenant_members (tenant_id, user_id, role_id) VALUES ($1, $2, $3)";
    assert_sqlstate(story.data.execute(sql, &[&acme.id, &story.stranger.id, &role]), "23514");
}
