//! Somebody with an application's database role, all of SQL and a session of a member of Acme, who wants more than that:
//! to be somebody else, to see Globex's rows or that they exist, to keep what he saw, to leave no trace.
//!
//! What is tried with settings and borrowed rights is in `forgery.rs`; every table and function by itself in `privileges.rs`.

use postgres::{Client, GenericClient};
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::{Person, Story, asking, one, who};
use uuid::Uuid;

/// What only Globex may read.
const SECRET: &str = "globex-secret";

struct Attack {
    story: Story,
    /// His connection. He has a schema of his own.
    app: Client,
    me: Person,
    acme: Uuid,
    globex: Uuid,
}

impl Attack {
    fn new() -> Attack {
        let mut story = Story::new();
        let (acme, globex) = (story.acme.id, story.globex.id);
        story
            .data
            .execute(
                "INSERT INTO saas.projects (tenant_id, title)
                 SELECT CASE WHEN n % 2 = 0 THEN $1::uuid ELSE $2 END, CASE WHEN n % 2 = 0 THEN 'acme-' ELSE $3 || '-' END || n
                   FROM generate_series(1, 200) n",
                &[&acme, &globex, &SECRET],
            )
            .unwrap();
        let app = story.db.kind("app");
        let mut superuser = story.db.superuser();
        superuser.batch_execute("CREATE SCHEMA evil AUTHORIZATION saas_app").unwrap();
        // Statistics are what a leaking operator would be fed with.
        superuser.batch_execute("VACUUM ANALYZE saas.projects").unwrap();
        let me = story.acme.member.clone();
        Attack { story, app, me, acme, globex }
    }

    /// Each statement fails as it says, with his request running or without; nothing of it stays.
    #[track_caller]
    fn fails(&mut self, attempts: &[(&str, &str)]) {
        for (sql, sqlstate) in attempts {
            for with_request in [false, true] {
                let mut transaction = self.app.transaction().unwrap();
                if with_request {
                    let begin = "SELECT saas.begin_request($1)";
                    one::<Uuid>(&mut transaction, begin, &[&self.me.token]);
                }
                match transaction.batch_execute(sql) {
                    Ok(()) => panic!("went through: {sql}"),
                    Err(error) => {
                        let code = error.code().map(|code| code.code()).unwrap_or("no SQLSTATE");
                        assert_eq!(code, *sqlstate, "{sql}: {error:?}");
                    }
                }
            }
        }
    }
}

/// The first column of each row, as text.
fn texts(client: &mut impl GenericClient, sql: &str) -> Vec<String> {
    let rows = client.query(sql, &[]).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    rows.iter().map(|row| row.get::<_, Option<String>>(0).unwrap_or_default()).collect()
}

#[test]
fn he_becomes_nobody_else() {
    let mut attack = Attack::new();
    for kind in ["gateway", "worker", "admin", "auditor"] {
        attack.story.db.kind(kind);
    }
    let owner = attack.story.acme.owner.id;
    let assert_owner = format!("SELECT saas.begin_request_as('{owner}')");
    let session = format!("SELECT saas.create_session('{owner}')");
    attack.fails(&[
        // Another database role.
        ("SET ROLE saas_owner", "42501"),
        ("SET ROLE saas_gateway", "42501"),
        ("SET LOCAL ROLE postgres", "42501"),
        ("SELECT set_config('role', 'saas_gateway', true)", "42501"),
        ("SET SESSION AUTHORIZATION saas_gateway", "42501"),
        ("SELECT set_config('session_authorization', 'postgres', true)", "42501"),
        ("GRANT saas_gateway TO saas_app", "42501"),
        ("GRANT saas_owner TO saas_app", "42501"),
        ("CREATE ROLE saas_app_helper IN ROLE saas_gateway", "42501"),
        ("ALTER ROLE saas_app SUPERUSER", "42501"),
        ("ALTER ROLE saas_app BYPASSRLS", "42501"),
        ("ALTER ROLE saas_gateway PASSWORD 'x'", "42501"),
        ("DROP OWNED BY saas_gateway", "42501"),
        ("ALTER DEFAULT PRIVILEGES FOR ROLE saas_owner GRANT ALL ON TABLES TO saas_app", "42501"),
        // Its rights.
        ("SELECT saas.grant_access('saas_app', 'gateway')", "42501"),
        ("SELECT saas.revoke_access('saas_gateway')", "42501"),
        ("INSERT INTO saas.access_grants VALUES ('saas_app'::regrole, 'gateway')", "42501"),
        ("GRANT EXECUTE ON FUNCTION saas.begin_request_as(uuid, uuid) TO saas_app", "42501"),
        ("GRANT SELECT ON saas.sessions TO saas_app", "42501"),
        ("ALTER FUNCTION saas.begin_request_as(uuid, uuid) OWNER TO saas_app", "42501"),
        ("ALTER FUNCTION saas.has_tenant_permission(uuid, text) IMMUTABLE", "42501"),
        ("ALTER FUNCTION saas.current_user_id() SECURITY DEFINER", "42501"),
        (&assert_owner, "42501"),
        (&session, "42501"),
        ("SELECT saas.create_user('evil@example.com')", "42501"),
        ("SELECT saas.link_account(saas.uuid_v7(), 'evil', 'x')", "42501"),
        ("SELECT saas.import_jwks('evil', '{\"keys\": []}')", "42501"),
        ("INSERT INTO saas.jwt_keys DEFAULT VALUES", "42501"),
        ("INSERT INTO saas.sessions (user_id) VALUES (saas.uuid_v7())", "42501"),
        ("UPDATE saas.sessions SET expires_at = 'infinity'", "42501"),
        ("UPDATE saas.settings SET request_claims_issuer = 'evil'", "42501"),
        ("SET LOCAL request.jwt.claims = '{\"sub\": \"x\"}'; SELECT saas.begin_request_claims()", "42501"),
        // PostgreSQL's own catalogs, files and programs.
        ("UPDATE pg_catalog.pg_proc SET prosecdef = true", "42501"),
        ("UPDATE pg_catalog.pg_authid SET rolsuper = true", "42501"),
        ("SELECT rolpassword FROM pg_catalog.pg_authid", "42501"),
        ("INSERT INTO pg_catalog.pg_auth_members DEFAULT VALUES", "42501"),
        ("SET allow_system_table_mods = on", "42501"),
        ("SET session_replication_role = replica", "42501"),
        ("SET session_preload_libraries = 'evil'", "42501"),
        ("LOAD '/tmp/evil'", "42501"),
        ("ALTER SYSTEM SET work_mem = '1MB'", "25001"),
        ("SELECT pg_catalog.pg_read_file('postgresql.conf')", "42501"),
        ("SELECT pg_catalog.pg_ls_dir('.')", "42501"),
        ("SELECT pg_catalog.lo_import('/etc/passwd')", "42501"),
        ("COPY evil.t FROM PROGRAM 'id'", "42501"),
        ("COPY (SELECT 1) TO PROGRAM 'id'", "42501"),
        ("COPY (SELECT 1) TO '/tmp/evil'", "42501"),
        ("SELECT pg_catalog.pg_reload_conf()", "42501"),
        ("SELECT pg_catalog.pg_create_logical_replication_slot('evil', 'test_decoding')", "42501"),
        ("SELECT pg_catalog.pg_logical_emit_message(true, 'evil', 'x') FROM pg_catalog.pg_largeobject", "42501"),
        // Code that others would run.
        ("CREATE EVENT TRIGGER evil ON ddl_command_start EXECUTE FUNCTION evil.f()", "42501"),
        ("CREATE FUNCTION evil.c() RETURNS int LANGUAGE c AS 'libc', 'getpid'", "42501"),
        ("CREATE FUNCTION evil.i() RETURNS void LANGUAGE internal AS 'pg_reload_conf'", "42501"),
        ("CREATE CAST (text AS uuid) WITH INOUT AS IMPLICIT", "42501"),
        ("CREATE FUNCTION pg_catalog.evil() RETURNS int LANGUAGE sql AS 'SELECT 1'", "42501"),
        ("CREATE OPERATOR CLASS evil.o DEFAULT FOR TYPE uuid USING btree AS STORAGE uuid", "42501"),
        ("CREATE OR REPLACE FUNCTION saas.current_user_id() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'", "42501"),
        ("CREATE FUNCTION evil.f() RETURNS boolean LANGUAGE sql LEAKPROOF AS 'SELECT true'", "42501"),
        ("CREATE SUBSCRIPTION evil CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false)", "42501"),
        ("CREATE PUBLICATION evil FOR TABLE saas.projects", "42501"),
        ("CREATE TABLE evil.child () INHERITS (saas.projects)", "42501"),
        ("ALTER TABLE saas.platform_audit_logs ATTACH PARTITION evil.t DEFAULT", "42501"),
        ("CREATE STATISTICS evil.s ON tenant_id, title FROM saas.projects", "42501"),
        ("REINDEX TABLE saas.projects", "42501"),
        ("CREATE TABLE evil.t (user_id uuid REFERENCES saas.users (id))", "42501"),
        ("CREATE TABLE evil.t (id uuid); CREATE RULE r AS ON SELECT TO saas.users DO INSTEAD SELECT * FROM evil.t", "42501"),
    ]);
    assert_eq!(who(&mut attack.app), None);
    // A way of his own to call what asks for somebody: he is asked, not his function.
    attack
        .app
        .batch_execute(&format!(
            "CREATE FUNCTION evil.assert() RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RETURN saas.begin_request_as('{owner}'); END $$;
             CREATE FUNCTION evil.setting() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RETURN set_config('saas.context', '{{}}', true); END $$;
             CREATE FUNCTION evil.execute(text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE $1; END $$"
        ))
        .unwrap();
    attack.fails(&[
        ("SELECT evil.assert()", "42501"),
        ("SELECT evil.setting()", "42501"),
        ("SELECT evil.execute('SET saas.context = ''{}''')", "42501"),
        ("DO $$ BEGIN EXECUTE 'SET LOCAL saas.context = ''x'''; END $$", "42501"),
        ("DEALLOCATE ALL; PREPARE p AS SELECT saas.begin_request_as($1); EXECUTE p (saas.uuid_v7())", "42501"),
        ("DECLARE c CURSOR FOR SELECT saas.begin_request_as(saas.uuid_v7()); FETCH c", "42501"),
        ("EXPLAIN ANALYZE SELECT saas.begin_request_as(saas.uuid_v7())", "42501"),
        ("CREATE MATERIALIZED VIEW evil.m AS SELECT saas.begin_request_as(saas.uuid_v7())", "42501"),
        ("COPY (SELECT saas.begin_request_as(saas.uuid_v7())) TO STDOUT", "42501"),
        ("CREATE TABLE evil.d (id uuid DEFAULT saas.begin_request_as(saas.uuid_v7())); INSERT INTO evil.d DEFAULT VALUES", "42501"),
        ("CREATE INDEX ON evil.none (id)", "42P01"),
    ]);
    // What others of the server do is not shown to him.
    let _others = asking(&mut attack.story.data, &attack.story.superadmin, None);
    let seen = texts(
        &mut attack.app,
        "SELECT query FROM pg_stat_activity WHERE usename <> current_user AND datname = current_database()",
    );
    assert!(
        !seen.is_empty() && seen.iter().all(|query| query == "<insufficient privilege>"),
        "{seen:?}"
    );
}

#[test]
fn a_request_that_fails_inside_is_nobodys() {
    let mut attack = Attack::new();
    let (me, owner) = (attack.me.clone(), attack.story.acme.owner.clone());
    let mut request = asking(&mut attack.app, &me, None);
    // Caught in an exception block, the context is the one from before it.
    request
        .batch_execute(
            "DO $$ BEGIN
               PERFORM saas.begin_request('saas_session_of_nobody');
             EXCEPTION WHEN invalid_authorization_specification THEN NULL; END $$",
        )
        .unwrap();
    assert_eq!(who(&mut request), Some(me.id));
    // A trigger that runs when the transaction commits knows whom it began for, and nobody after it.
    request
        .batch_execute(
            "CREATE TABLE evil.late (who uuid);
             CREATE FUNCTION evil.late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               UPDATE evil.late SET who = saas.current_user_id(); RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER late AFTER INSERT ON evil.late DEFERRABLE INITIALLY DEFERRED
               FOR EACH ROW EXECUTE FUNCTION evil.late();
             INSERT INTO evil.late DEFAULT VALUES",
        )
        .unwrap();
    request.commit().unwrap();
    assert_eq!(one::<Option<Uuid>>(&mut attack.app, "SELECT who FROM evil.late", &[]), Some(me.id));
    attack.app.batch_execute("TRUNCATE evil.late; INSERT INTO evil.late DEFAULT VALUES").unwrap();
    assert_eq!(one::<Option<Uuid>>(&mut attack.app, "SELECT who FROM evil.late", &[]), None);
    // With the owner's token he would be the owner. A hash of it, as in a backup, is no token.
    let hash: String = one(
        &mut attack.story.data,
        "SELECT encode(token_hash, 'hex') FROM saas.sessions WHERE user_id = $1",
        &[&owner.id],
    );
    for token in [format!("saas_session_{hash}"), hash] {
        let begun = attack.app.execute("SELECT saas.begin_request($1)", &[&token]);
        assert_sqlstate(begun, "28000");
    }
}

/// Makes whatever its argument is show in an error, as cheap as can be.
const LEAK: &str = "CREATE FUNCTION evil.leak(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 0.0000001 AS $$
     BEGIN IF $1 LIKE 'globex%' THEN RAISE EXCEPTION 'seen: %', $1 USING ERRCODE = 'P0LEA'; END IF; RETURN true; END $$;
     CREATE FUNCTION evil.leak(text, text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 0.0000001 AS $$
     BEGIN RETURN evil.leak($1) AND evil.leak($2); END $$;
     CREATE OPERATOR evil.<<< (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.leak, RESTRICT = scalarltsel);
     CREATE OPERATOR evil.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.leak, RESTRICT = eqsel, JOIN = eqjoinsel);
     CREATE FUNCTION evil.keep(text, text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM evil.leak($2); RETURN $2; END $$;
     CREATE AGGREGATE evil.all_of(text) (SFUNC = evil.keep, STYPE = text)";

#[test]
fn rows_of_others_reach_nothing_of_his() {
    let mut attack = Attack::new();
    attack.app.batch_execute(LEAK).unwrap();
    let (me, globex) = (attack.me.clone(), attack.globex);
    let others = format!("'{globex}'");
    let queries = [
        "SELECT title FROM saas.projects WHERE evil.leak(title)".to_owned(),
        format!("SELECT title FROM saas.projects WHERE tenant_id = {others} AND evil.leak(title)"),
        format!("SELECT title FROM saas.projects WHERE tenant_id = {others} OR evil.leak(title)"),
        "SELECT title FROM saas.projects WHERE title OPERATOR(evil.<<<) 'x'".into(),
        "SELECT title FROM saas.projects WHERE title OPERATOR(evil.===) 'x'".into(),
        "EXPLAIN SELECT title FROM saas.projects WHERE title OPERATOR(evil.<<<) 'x'".into(),
        "EXPLAIN SELECT FROM saas.projects a JOIN saas.projects b ON a.title OPERATOR(evil.===) b.title".into(),
        "SELECT a.title FROM saas.projects a JOIN saas.projects b ON evil.leak(a.title, b.title) LIMIT 5".into(),
        "SELECT title FROM saas.projects WHERE CASE WHEN evil.leak(title) THEN true END".into(),
        "SELECT max(title) FILTER (WHERE evil.leak(title)) FROM saas.projects".into(),
        "SELECT evil.all_of(title) FROM saas.projects".into(),
        "SELECT max(title) FROM saas.projects GROUP BY evil.leak(title)".into(),
        "SELECT title FROM saas.projects ORDER BY evil.leak(title)".into(),
        "SELECT x FROM saas.projects p, LATERAL (SELECT p.title AS x WHERE evil.leak(p.title)) l".into(),
        "SELECT title FROM (SELECT * FROM saas.projects OFFSET 0) p WHERE evil.leak(title)".into(),
        "WITH p AS MATERIALIZED (SELECT * FROM saas.projects) SELECT title FROM p WHERE evil.leak(title)".into(),
        "SELECT title FROM saas.projects TABLESAMPLE SYSTEM (100) WHERE evil.leak(title)".into(),
        "SELECT title FROM saas.projects WHERE ctid = ANY (SELECT format('(0,%s)', n)::tid FROM generate_series(1, 200) n) AND evil.leak(title)".into(),
        "SELECT title FROM saas.projects WHERE evil.leak(title) FOR UPDATE".into(),
        "SELECT p::text FROM saas.projects p WHERE evil.leak((p).title)".into(),
        "SELECT saas_projects.title FROM saas.projects AS saas_projects WHERE evil.leak(to_jsonb(saas_projects) ->> 'title')".into(),
        "UPDATE saas.projects SET title = title WHERE evil.leak(title) RETURNING title".into(),
        "UPDATE saas.projects p SET title = p.title FROM saas.projects q WHERE evil.leak(q.title) RETURNING q.title".into(),
    ];
    let settings = [
        "",
        "SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_tidscan = off",
        "SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan",
        "SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0",
    ];
    for setting in settings {
        for sql in &queries {
            let mut request = asking(&mut attack.app, &me, None);
            request.batch_execute(setting).unwrap();
            let seen = texts(&mut request, sql);
            assert!(!seen.iter().any(|text| text.contains(SECRET)), "{sql}: {seen:?}");
        }
    }
    // The same function tells when the rows are there to be seen: it would have told.
    let mut request = asking(&mut attack.app, &attack.story.globex.member, None);
    let leaked = request.execute("SELECT FROM saas.projects WHERE evil.leak(title)", &[]);
    assert_sqlstate(leaked, "P0LEA");
    drop(request);
    // Statistics of the table show common values and bounds; of this one they are nobody's.
    let mut request = asking(&mut attack.app, &me, None);
    let told = "SELECT count(*) FROM pg_stats WHERE schemaname = 'saas' AND tablename = 'projects'";
    assert_eq!(one::<i64>(&mut request, told, &[]), 0);
    assert_sqlstate(request.execute("SELECT stavalues1 FROM pg_statistic", &[]), "42501");
}

#[test]
fn what_he_saw_is_all_that_he_keeps() {
    let mut attack = Attack::new();
    let (me, stranger, globex) =
        (attack.me.clone(), attack.story.stranger.clone(), attack.story.globex.member.clone());
    attack
        .app
        .batch_execute(
            "PREPARE kept AS SELECT title FROM saas.projects;
             CREATE VIEW evil.v AS SELECT title FROM saas.projects;
             CREATE MATERIALIZED VIEW evil.m AS SELECT title FROM saas.projects;
             CREATE FUNCTION evil.f() RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT title FROM saas.projects';
             CREATE FUNCTION evil.d() RETURNS SETOF text LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT title FROM saas.projects';
             GRANT USAGE ON SCHEMA evil TO PUBLIC; GRANT SELECT ON evil.v TO PUBLIC",
        )
        .unwrap();
    let ways = [
        "EXECUTE kept",
        "SELECT title FROM evil.v",
        "SELECT * FROM evil.f()",
        "SELECT * FROM evil.d()",
    ];
    let mut counts = |person: Option<&Person>| -> Vec<(usize, bool)> {
        let count = |client: &mut dyn FnMut(&str) -> Vec<String>| {
            ways.map(|way| {
                let seen = client(way);
                (seen.len(), seen.iter().any(|text| text.contains(SECRET)))
            })
            .to_vec()
        };
        match person {
            Some(person) => {
                let mut request = asking(&mut attack.app, person, None);
                count(&mut |way| texts(&mut request, way))
            }
            None => count(&mut |way| texts(&mut attack.app, way)),
        }
    };
    // Plans that were kept while somebody saw much show the next one what is his.
    for _ in 0..7 {
        assert_eq!(counts(Some(&globex)), [(100, true); 4]);
    }
    assert_eq!(counts(Some(&me)), [(100, false); 4]);
    assert_eq!(counts(Some(&stranger)), [(0, false); 4]);
    assert_eq!(counts(None), [(0, false); 4]);
    // A view is read with its owner's rights and the reader's request.
    let mut worker = attack.story.db.kind("worker");
    assert_sqlstate(worker.query("SELECT title FROM evil.v", &[]), "42501");
    let mut admin = attack.story.db.kind("admin");
    let mut request = asking(&mut admin, &attack.story.superadmin, None);
    assert_eq!(texts(&mut request, "SELECT title FROM evil.v").len(), 0);
    drop(request);
    // A cursor WITH HOLD keeps the rows that were his, and gets no others when somebody else asks.
    let mut request = asking(&mut attack.app, &me, None);
    request
        .batch_execute("DECLARE held CURSOR WITH HOLD FOR SELECT title FROM saas.projects; REFRESH MATERIALIZED VIEW evil.m")
        .unwrap();
    request.commit().unwrap();
    let mut request = asking(&mut attack.app, &globex, None);
    for all in ["FETCH ALL FROM held", "SELECT title FROM evil.m"] {
        let seen = texts(&mut request, all);
        assert!(seen.len() == 100 && seen.iter().all(|title| title.starts_with("acme-")), "{all}");
    }
    // One that is opened for him and read by the next in the same transaction shows the next one's rows, or none.
    request.batch_execute("DECLARE open CURSOR FOR SELECT title FROM saas.projects").unwrap();
    one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[&me.token]);
    let seen = texts(&mut request, "FETCH ALL FROM open");
    assert!(!seen.iter().any(|title| title.contains(SECRET)), "{seen:?}");
    drop(request);
    // Nobody's: refreshed without a request it is empty.
    attack.app.batch_execute("CLOSE held; REFRESH MATERIALIZED VIEW evil.m").unwrap();
    assert_eq!(one::<i64>(&mut attack.app, "SELECT count(*) FROM evil.m", &[]), 0);
    // COPY and the like are no other doors.
    let mut copied = String::new();
    let mut request = asking(&mut attack.app, &me, None);
    let mut reader = request.copy_out("COPY saas.projects (title) TO STDOUT").unwrap();
    std::io::Read::read_to_string(&mut reader, &mut copied).unwrap();
    drop(reader);
    assert!(copied.lines().count() == 100 && !copied.contains(SECRET));
    let xml: String = one(
        &mut request,
        "SELECT coalesce(string_agg(title, ' '), '') FROM saas.projects WHERE tenant_id <> $1",
        &[&attack.acme],
    );
    assert_eq!(xml, "");
}

/// Rows of a tenant for each kind of id that a function may be asked about.
const THINGS: &str = "
BEGIN;
INSERT INTO saas.plans (name, key, base_price, currency, billing_interval, is_custom, tenant_id)
  VALUES ('Its own', 'its_own', 100, 'USD', 'monthly', true, 'T');
INSERT INTO saas.plan_features (plan_id, feature_key, included_units) SELECT id, 'its.calls', 10 FROM saas.plans WHERE key = 'its_own';
INSERT INTO saas.tenant_subscriptions (tenant_id, plan_id, status, anchor, current_period_start, current_period_end)
  SELECT 'T', id, 'active', '2026-01-01', '2026-01-01', '2026-02-01' FROM saas.plans WHERE key = 'its_own';
INSERT INTO saas.payment_invoices
    (tenant_id, subscription_id, issuer_id, period, period_start, period_end, subscription_amount, total_amount, currency)
  SELECT 'T', s.id, i.id, '2026-01-01', '2026-01-01', '2026-02-01', 100, 100, 'USD'
    FROM saas.issuers i, saas.tenant_subscriptions s WHERE i.key = 'default' AND s.tenant_id = 'T';
INSERT INTO saas.payment_invoice_lines (tenant_id, invoice_id, position, kind, description, quantity, unit_amount, amount)
  SELECT 'T', id, 1, 'subscription', 'Plan', 1, 100, 100 FROM saas.payment_invoices WHERE tenant_id = 'T';
SELECT saas.finalize_invoice(id), saas.credit_invoice(id, 'sorry', 40) FROM saas.payment_invoices WHERE tenant_id = 'T';
SELECT saas.grant_credit('T', 500, 'welcome', 'promo'), saas.set_usage_alert('T', 'its.calls', 'units', 1);
INSERT INTO saas.tenant_invitations (tenant_id, email, role_id, token_hash, expires_at)
  SELECT 'T', 'invited@example.com', id, sha256('x'), now() + interval '1 day' FROM saas.roles WHERE key = 'tenant_guest';
SELECT saas.open_privacy_request('U', 'access');
COMMIT";

/// Where the ids are that an argument of this name takes; a tenant's id if nothing is said.
const OF_ARGUMENTS: &[(&str, &str)] = &[
    ("user_id", "users"),
    ("owner_id", "users"),
    ("new_owner_id", "users"),
    ("session_id", "sessions"),
    ("invitation_id", "tenant_invitations"),
    ("impersonation_id", "impersonation_sessions"),
    ("invoice_id", "payment_invoices"),
    ("credit_note_id", "credit_notes"),
    ("alert_id", "usage_alerts"),
    ("request_id", "privacy_requests"),
    ("api_key_id", "api_keys"),
    ("key_id", "api_keys"),
    ("role_id", "roles"),
];

/// What lets a call get as far as its gate.
const TEXTS: &[(&str, &str)] = &[
    ("permission", "tenant.read"),
    ("role_key", "tenant_guest"),
    ("plan_key", "free"),
    ("feature_key", "project.create"),
    ("email", "somebody@example.com"),
    ("member_type", "guest"),
    ("kind", "access"),
    ("legal_basis", "consent"),
    ("mode", "auto"),
];

/// What must be refused, for a tenant that exists and one that does not.
const REFUSED: &[&str] = &[
    "apply_coupon",
    "begin_request",
    "cancel_subscription",
    "change_subscription",
    "create_tenant",
    "credit_balance",
    "credit_note_document",
    "credit_note_html",
    "delete_tenant",
    "entitlement",
    "explain_permission",
    "explain_permission_text",
    "explain_system_permission",
    "export_personal_data",
    "invite_member",
    "invoice_document",
    "invoice_html",
    "members_with_permission",
    "open_privacy_request",
    "pause_subscription",
    "preview_add_on",
    "preview_change",
    "preview_invoice",
    "record_consent",
    "remove_coupon",
    "remove_member",
    "remove_usage_alert",
    "require_tenant_permission",
    "resume_subscription",
    "revoke_invitation",
    "revoke_session",
    "set_add_on",
    "set_billing_details",
    "set_member_role",
    "set_spend_cap",
    "set_usage_alert",
    "spend_credit",
    "stop_impersonation",
    "subscribe",
    "transfer_ownership",
    "update_tenant",
    "withdraw_consent",
];

struct Function {
    name: String,
    /// Name and type.
    arguments: Vec<(String, String)>,
}

/// Whatever he may call and tell an id.
fn functions_with_ids(client: &mut Client) -> Vec<Function> {
    let sql = "SELECT p.proname::text, p.proargnames[1:p.pronargs]::text[], (p.proargtypes::oid[])::regtype[]::text[]
                 FROM pg_proc p
                WHERE p.pronamespace = 'saas'::regnamespace AND p.prokind = 'f' AND 'uuid'::regtype = ANY (p.proargtypes::oid[])
                  AND has_function_privilege('saas_app', p.oid, 'EXECUTE')
                ORDER BY 1";
    let function = |row: &postgres::Row| {
        let (names, types): (Vec<String>, Vec<String>) = (row.get(1), row.get(2));
        // An impersonation comes before the tenant, and is the business of who may impersonate: NULL, as what is of no type.
        let typed = |(name, kind): (String, String)| {
            let is_left_out = name == "impersonation_id" && names.len() > 1;
            (name, if is_left_out { String::new() } else { kind })
        };
        let arguments = names.iter().cloned().zip(types).map(typed).collect();
        Function { name: row.get(0), arguments }
    };
    client.query(sql, &[]).unwrap().iter().map(function).collect()
}

impl Function {
    fn ids(&self) -> Vec<&str> {
        let ids = self.arguments.iter().filter(|(_, kind)| kind == "uuid");
        ids.map(|(name, _)| &**name).collect()
    }

    fn call(&self, ids: &[Uuid], token: &str) -> String {
        let mut ids = ids.iter();
        let value = |(name, kind): &(String, String)| {
            let value = match kind.as_str() {
                "uuid" => format!("'{}'", ids.next().unwrap()),
                "text" if name == "token" => format!("'{token}'"),
                "text" => {
                    let known = TEXTS.iter().find(|(known, _)| known == name);
                    format!("'{}'", known.map_or("x", |(_, text)| text))
                }
                "integer" | "bigint" | "numeric" => "1".into(),
                "boolean" => "true".into(),
                "interval" => "'1 day'".into(),
                "jsonb" => "'{\"name\": \"x\"}'".into(),
                "timestamp with time zone" => "now()".into(),
                _ => "NULL".into(),
            };
            format!("{name} => {value}")
        };
        let arguments: Vec<_> = self.arguments.iter().map(value).collect();
        format!("SELECT saas.{}({})::text", self.name, arguments.join(", "))
    }
}

/// Without ids and tokens, which differ anyway.
fn without_ids(text: &str) -> String {
    let is_of_id = |c: char| c.is_ascii_hexdigit() || c == '-';
    let parts = text.split_inclusive(|c| !is_of_id(c));
    parts
        .map(|part| {
            if part.len() > 32 {
                format!("…{}", &part[part.trim_end_matches(|c| !is_of_id(c)).len()..])
            } else {
                part.to_owned()
            }
        })
        .collect()
}

/// All that a client is told.
fn outcome(client: &mut impl GenericClient, sql: &str) -> String {
    match client.query(sql, &[]) {
        Ok(rows) => {
            let rows: Vec<Option<String>> = rows.iter().map(|row| row.get(0)).collect();
            format!("{rows:?}")
        }
        Err(error) => {
            let error = error.as_db_error().unwrap();
            let (detail, hint, place) = (error.detail(), error.hint(), error.where_());
            format!("{} {} {detail:?} {hint:?} {place:?}", error.code().code(), error.message())
        }
    }
}

#[test]
fn no_function_tells_what_exists() {
    let mut attack = Attack::new();
    let (acme, globex) = (attack.story.acme.clone(), attack.story.globex.clone());
    let things = THINGS
        .replace("'T'", &format!("'{}'", globex.id))
        .replace("'U'", &format!("'{}'", globex.owner.id));
    attack.story.data.batch_execute(&things).unwrap();
    let support = attack.story.support.clone();
    attack.story.impersonation(&support, &globex.member, &globex, "30 min");
    attack.story.api_key(&globex, &globex.owner, "tenant_guest");
    let unknown = Uuid::new_v4();
    let mut existing = |name: &str| -> Uuid {
        let Some((_, table)) = OF_ARGUMENTS.iter().find(|(argument, _)| *argument == name) else {
            return globex.id;
        };
        let of = match *table {
            "users" => format!("id = '{}'", globex.owner.id),
            "sessions" | "privacy_requests" => format!("user_id = '{}'", globex.owner.id),
            "roles" => "key = 'tenant_guest'".into(),
            _ => format!("tenant_id = '{}'", globex.id),
        };
        one(&mut attack.story.data, &format!("SELECT id FROM saas.{table} WHERE {of} LIMIT 1"), &[])
    };
    let functions = functions_with_ids(&mut attack.story.db.superuser());
    for function in &functions {
        let names = function.ids();
        // As somebody small who asks about others, and as an owner who asks of his own tenant about what is others'.
        for (person, of_tenant) in [(&attack.me, None), (&acme.owner, Some(acme.id))] {
            let mut told: Option<(String, String)> = None;
            // Each combination of what exists and what does not.
            for exists in 0..1u32 << names.len() {
                let id = |(at, name): (usize, &&str)| match of_tenant {
                    Some(own) if *name == "tenant_id" => own,
                    _ if exists & (1 << at) != 0 => existing(name),
                    _ => unknown,
                };
                let ids: Vec<Uuid> = names.iter().enumerate().map(id).collect();
                let sql = function.call(&ids, &person.token);
                let mut request = asking(&mut attack.app, person, None);
                let outcome = outcome(&mut request, &sql);
                if of_tenant.is_none() && REFUSED.contains(&&*function.name) {
                    assert!(outcome.starts_with("42501"), "{sql}: {outcome}");
                }
                let outcome = without_ids(&outcome);
                let (first, of) = told.get_or_insert_with(|| (outcome.clone(), sql.clone()));
                assert_eq!(*first, outcome, "{of} and {sql} differ");
            }
        }
    }
    let is_asked = |name: &&str| functions.iter().any(|function| function.name == **name);
    assert!(REFUSED.iter().all(is_asked));
    // Nor does a unique key: his own tenant may have rows with the same id.
    let id: Uuid = one(
        &mut attack.story.data,
        "SELECT id FROM saas.projects WHERE tenant_id = $1 LIMIT 1",
        &[&globex.id],
    );
    let mut request = asking(&mut attack.app, &attack.me, None);
    let insert = "INSERT INTO saas.projects (tenant_id, id, title) VALUES ($1, $2, 'x')";
    assert_eq!(
        request.execute(&format!("{insert} ON CONFLICT DO NOTHING"), &[&acme.id, &id]).unwrap(),
        1
    );
    let savepoint = |request: &mut postgres::Transaction, tenant: &Uuid, id: &Uuid| {
        request.batch_execute("SAVEPOINT s").unwrap();
        let refused = assert_sqlstate(request.execute(insert, &[tenant, id]), "42501");
        request.batch_execute("ROLLBACK TO s").unwrap();
        refused.message().to_owned()
    };
    let told = [(globex.id, id), (globex.id, unknown), (unknown, unknown)]
        .map(|(tenant, id)| savepoint(&mut request, &tenant, &id));
    assert!(told.iter().all(|text| *text == told[0]), "{told:?}");
    drop(request);
    // Nor who listens: that there is something is all that is said.
    use postgres::fallible_iterator::FallibleIterator;
    attack.app.batch_execute("LISTEN saas_usage_alert").unwrap();
    let used = "SELECT saas.record_usage($1, 'its.calls', 5, 'x', '2026-01-10Z'), saas.raise_usage_alerts('2026-01-20Z')";
    attack.story.data.execute(used, &[&globex.id]).unwrap();
    let mut heard = attack.app.notifications();
    let told = heard.timeout_iter(std::time::Duration::from_secs(10)).next().unwrap().unwrap();
    assert_eq!((told.channel(), told.payload()), ("saas_usage_alert", ""));
}

#[test]
fn he_gives_himself_nothing() {
    let mut attack = Attack::new();
    let (acme, me, globex) = (attack.story.acme.clone(), attack.me.clone(), attack.globex);
    let token: String = one(
        &mut attack.story.data,
        "SELECT saas.invite_member($1, 'invited@example.com', 'tenant_owner')",
        &[&acme.id],
    );
    let calls = [
        format!("SELECT saas.set_member_role('{}', '{}', 'tenant_owner')", acme.id, me.id),
        format!("SELECT saas.invite_member('{}', 'friend@example.com', 'tenant_owner')", acme.id),
        format!("SELECT saas.remove_member('{}', '{}')", acme.id, acme.owner.id),
        format!("SELECT saas.transfer_ownership('{}', '{}')", acme.id, me.id),
        format!("SELECT saas.accept_invitation('{token}')"),
        format!("SELECT saas.create_tenant('mine', '{}')", acme.owner.id),
        format!("SELECT saas.update_tenant('{}', '{{\"name\": \"mine\"}}')", acme.id),
        format!("SELECT saas.subscribe('{}', 'free')", acme.id),
        format!("SELECT saas.spend_credit('{}', 1, 'x')", acme.id),
        format!("SELECT saas.grant_credit('{}', 1000000, 'x', 'admin')", acme.id),
        format!("SELECT saas.record_usage('{}', 'project.create', -5, 'x')", acme.id),
        format!("SELECT saas.revoke_session((SELECT id FROM saas.sessions WHERE user_id = '{}'))", acme.owner.id),
        format!("SELECT saas.start_impersonation('{}', '{}', 'x')", acme.owner.id, acme.id),
        format!("SELECT saas.grant_system_role('{}', 'platform_admin', 'x')", me.id),
        "SELECT saas.open_break_glass('platform_superadmin', 'x')".into(),
        "SELECT saas.define_permission('evil.all', 'x', '{tenant_member}')".into(),
        "SELECT saas.erase_user(saas.current_user_id())".into(),
        format!("INSERT INTO saas.tenant_members (tenant_id, user_id, role_id) SELECT '{globex}', '{}', id FROM saas.roles LIMIT 1", me.id),
        "UPDATE saas.tenant_members SET role_id = (SELECT id FROM saas.roles WHERE key = 'tenant_owner')".into(),
        "INSERT INTO saas.role_permissions SELECT r.id, p.id FROM saas.roles r, saas.permissions p".into(),
        "UPDATE saas.users SET email = 'invited@example.com'".into(),
        "MERGE INTO saas.tenant_members m USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE".into(),
        format!("UPDATE saas.projects SET tenant_id = '{globex}'"),
        format!("INSERT INTO saas.projects (tenant_id, title) VALUES ('{globex}', 'mine')"),
    ];
    for call in &calls {
        let mut request = asking(&mut attack.app, &me, None);
        // A session that he can't see is none that he could name: NULL is refused as such.
        let code = match () {
            _ if call.contains("revoke_session") => "23502",
            _ if call.contains("SET tenant_id") => "55000",
            _ => "42501",
        };
        assert_sqlstate(request.batch_execute(call), code);
    }
    // Rows of others are none that he could change.
    let mut request = asking(&mut attack.app, &me, None);
    for (sql, many) in [
        ("UPDATE saas.projects SET title = 'mine' WHERE title LIKE 'globex%'", 0),
        ("UPDATE saas.projects SET title = 'mine'", 100),
    ] {
        assert_eq!(request.execute(sql, &[]).unwrap(), many, "{sql}");
    }
    request.commit().unwrap();
    let mine = "SELECT count(*) FROM saas.projects WHERE title = 'mine' AND tenant_id = $1";
    assert_eq!(one::<i64>(&mut attack.story.data, mine, &[&globex]), 0);
}

#[test]
fn no_setting_of_his_changes_an_answer() {
    let mut attack = Attack::new();
    let (me, acme, globex) = (attack.me.clone(), attack.acme, attack.globex);
    let settings = [
        "standard_conforming_strings = off",
        "backslash_quote = on",
        "transform_null_equals = on",
        "array_nulls = off",
        "DateStyle = 'SQL, DMY'",
        "IntervalStyle = 'sql_standard'",
        "TimeZone = 'Pacific/Kiritimati'",
        "bytea_output = 'escape'",
        "extra_float_digits = -15",
        "xmloption = 'document'",
        "enable_indexscan = off",
        "enable_seqscan = off",
        "enable_hashjoin = off",
        "enable_material = off",
        "from_collapse_limit = 1",
        "join_collapse_limit = 1",
        "geqo_threshold = 2",
        "plan_cache_mode = force_generic_plan",
        "plan_cache_mode = force_custom_plan",
        "constraint_exclusion = on",
        "gin_fuzzy_search_limit = 1",
        "default_transaction_deferrable = on",
        "check_function_bodies = off",
        "search_path = ''",
        "search_path = 'pg_temp'",
        "default_text_search_config = 'simple'",
        "work_mem = '64kB'",
        "jit_above_cost = 0",
        "cursor_tuple_fraction = 0",
        "escape_string_warning = off",
        "row_security = on",
        "quote_all_identifiers = on",
        "statement_timeout = '1min'",
        "lock_timeout = '1min'",
        "max_parallel_workers_per_gather = 0",
        "client_min_messages = 'error'",
    ];
    for setting in settings {
        let mut app = attack.story.db.connect("saas_app");
        app.batch_execute(&format!("SET {setting}")).unwrap();
        let mut request = asking(&mut app, &me, None);
        let row = request
            .query_one(
                "SELECT saas.current_user_id(), saas.permitted_tenant_ids('tenant.read'), saas.has_tenant_permission($1, 'tenant.read'),
                        saas.has_tenant_permission($2, 'tenant.read'), saas.has_system_permission('platform.tenant.read'),
                        (SELECT count(*) FROM saas.projects), (SELECT count(*) FROM saas.users WHERE email LIKE 'globex%')",
                &[&acme, &globex],
            )
            .unwrap();
        assert_eq!(row.get::<_, Uuid>(0), me.id, "{setting}");
        assert_eq!(row.get::<_, Vec<Uuid>>(1), [acme], "{setting}");
        let answers: Vec<bool> = (2..5).map(|at| row.get(at)).collect();
        assert_eq!(answers, [true, false, false], "{setting}");
        assert_eq!((row.get::<_, i64>(5), row.get::<_, i64>(6)), (100, 0), "{setting}");
        let require = "SELECT saas.require_tenant_permission($1::uuid, 'tenant.read')";
        assert_sqlstate(request.execute(require, &[&globex]), "42501");
        drop(request);
        // And the refusal is in the log, as soon as his next commit.
        app.batch_execute("SELECT 1").unwrap();
        let last = "SELECT new_values ->> 'tenant_id' FROM saas.platform_audit_logs WHERE outcome = 'denied' ORDER BY id DESC LIMIT 1";
        assert_eq!(
            one::<String>(&mut attack.story.data, last, &[]),
            globex.to_string(),
            "{setting}"
        );
        let many = "SELECT count(*) FROM saas.platform_audit_logs WHERE outcome = 'denied'";
        let at = settings.iter().position(|other| *other == setting).unwrap_or_default() as i64;
        assert_eq!(one::<i64>(&mut attack.story.data, many, &[]), at + 1, "{setting}");
    }
}

#[test]
fn his_traces_stay() {
    let mut attack = Attack::new();
    attack.fails(&[
        ("DELETE FROM saas.platform_audit_logs", "42501"),
        ("UPDATE saas.platform_audit_logs SET actor_id = NULL", "42501"),
        ("TRUNCATE saas.platform_audit_logs", "42501"),
        ("INSERT INTO saas.platform_audit_logs (action, target_type) VALUES ('x', 'x')", "42501"),
        ("MERGE INTO saas.platform_audit_logs l USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE", "42501"),
        ("COPY saas.platform_audit_logs FROM STDIN", "42501"),
        ("ALTER TABLE saas.platform_audit_logs DISABLE TRIGGER ALL", "42501"),
        ("ALTER TABLE saas.projects DISABLE TRIGGER ALL", "42501"),
        ("ALTER TABLE saas.platform_audit_logs DETACH PARTITION saas.platform_audit_logs_default", "42501"),
        ("DROP TABLE saas.platform_audit_logs CASCADE", "42501"),
        ("LOCK TABLE saas.platform_audit_logs IN SHARE MODE", "42501"),
        ("LOCK TABLE saas.security_events IN ACCESS SHARE MODE", "42501"),
        ("SELECT * FROM saas.security_events", "42501"),
        ("SELECT saas.seal_audit_log()", "42501"),
        ("SELECT saas.apply_retention(now())", "42501"),
        ("SELECT saas.dismiss_security_event(saas.uuid_v7(), 'nothing')", "42501"),
        ("DROP EXTENSION saas_core CASCADE", "42501"),
        ("SELECT pg_catalog.pg_stat_reset()", "42501"),
        ("SET log_min_messages = 'panic'", "42501"),
        ("SET log_statement = 'none'", "42501"),
        ("ALTER ROLE saas_app IN DATABASE postgres SET log_min_messages = 'panic'", "42501"),
    ]);
    // Whatever ends his transaction or his connection, what he was refused is written.
    let me = attack.me.clone();
    let refused = |client: &mut Client, permission: &str, then: &str| {
        client.execute("BEGIN", &[]).unwrap();
        client.execute("SELECT saas.begin_request($1)", &[&me.token]).unwrap();
        let require = "SELECT saas.require_system_permission($1)";
        assert_sqlstate(client.execute(require, &[&permission]), "42501");
        client.batch_execute("ROLLBACK").unwrap();
        // The last of these end the connection, which is no error of ours.
        then.split(';').map(|statement| client.batch_execute(statement)).last()
    };
    let mut written = |permission: &str| {
        let began = std::time::Instant::now();
        let count = "SELECT count(*) FROM saas.platform_audit_logs WHERE outcome = 'denied' AND target_id = $1 AND actor_id = $2";
        while one::<i64>(&mut attack.story.data, count, &[&permission, &me.id]) == 0 {
            assert!(began.elapsed() < std::time::Duration::from_secs(20), "{permission}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    for (permission, then) in [
        ("platform.tenant.read", "DISCARD ALL"),
        ("platform.tenant.suspend", "DISCARD PLANS;RESET ALL;SELECT 1"),
        ("platform.tenant.delete", "SELECT pg_terminate_backend(pg_backend_pid())"),
        (
            "platform.user.impersonate",
            "SET default_transaction_read_only = on;SELECT 1;SELECT pg_terminate_backend(pg_backend_pid())",
        ),
        ("platform.billing.adjust", "SET default_transaction_isolation = 'serializable';SELECT 1"),
        (
            "platform.security.view",
            "SET transaction_read_only = on;SET search_path = pg_temp;SELECT pg_cancel_backend(pg_backend_pid())",
        ),
        ("platform.plan.manage", "BEGIN;SET LOCAL idle_in_transaction_session_timeout = '10ms'"),
        ("platform.system.configure", "SET idle_session_timeout = '10ms'"),
    ] {
        let mut app = attack.story.db.connect("saas_app");
        let _ = refused(&mut app, permission, then);
        if then.contains("timeout") {
            // The server ends it.
            written(permission);
        }
        drop(app);
        written(permission);
    }
}
