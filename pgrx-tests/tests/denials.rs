//! What was refused is in the audit log although the refusal undid its transaction, and names whom it concerned.

use postgres::{Client, IsolationLevel};
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::{Person, Story, Tenant, asking, one};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Who, for whom, in which tenant, what, on what, why, and how often.
type Row = (Option<Uuid>, Option<Uuid>, Option<Uuid>, String, Option<String>, String, i64);

const ROWS: &str = "SELECT actor_id, on_behalf_of, tenant_id, action, target_id, reason, (new_values ->> 'count')::bigint
    FROM saas.platform_audit_logs WHERE outcome = 'denied' ORDER BY id";

fn rows(data: &mut Client) -> Vec<Row> {
    let rows = data.query(ROWS, &[]).unwrap();
    let row =
        |r: postgres::Row| (r.get(0), r.get(1), r.get(2), r.get(3), r.get(4), r.get(5), r.get(6));
    rows.into_iter().map(row).collect()
}

/// As many rows as are waited for: a backend ends after its client has gone.
fn rows_in_time(data: &mut Client, many: usize) -> Vec<Row> {
    let began = Instant::now();
    loop {
        let rows = rows(data);
        if rows.len() >= many || began.elapsed() > Duration::from_secs(20) {
            assert_eq!(rows.len(), many, "{rows:#?}");
            return rows;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn commit(client: &mut Client) {
    client.batch_execute("SELECT 1").unwrap();
}

/// The person asks for what he may not, and the transaction is undone.
fn refused(client: &mut Client, person: &Person, tenant: &Tenant, permission: &str) {
    let mut request = asking(client, person, Some(tenant));
    let required = request.execute("SELECT saas.require_tenant_permission($1)", &[&permission]);
    assert_sqlstate(required, "42501");
}

fn lacking(permission: &str) -> String {
    format!("permission \"{permission}\" is required in this tenant")
}

fn of_member(story: &Story, permission: &str, count: i64) -> Row {
    let (who, tenant) = (Some(story.acme.member.id), Some(story.acme.id));
    let (action, reason) = ("access.denied".into(), lacking(permission));
    (who, None, tenant, action, Some(permission.into()), reason, count)
}

#[test]
fn a_refusal_survives_its_rollback_and_names_the_refused() {
    let mut story = Story::new();
    let mut app = story.db.kind("app");
    refused(&mut app, &story.acme.member.clone(), &story.acme.clone(), "tenant.delete");
    assert_eq!(rows(&mut story.data), []);
    // The next commit of a pooled connection is somebody else's.
    let (owner, acme) = (story.acme.owner.clone(), story.acme.clone());
    asking(&mut app, &owner, Some(&acme)).commit().unwrap();
    let expected = of_member(&story, "tenant.delete", 1);
    assert_eq!(rows(&mut story.data), [expected]);
    let facts = "SELECT actor_type || ' ' || database_role || ' ' || target_type || ' ' || (new_values ->> 'sqlstate') || ' '
        || (new_values ->> 'database_role') || ' ' || (session_id = (SELECT id FROM saas.sessions WHERE user_id = actor_id))
        || ' ' || (request_id IS NOT NULL) || ' ' || ((new_values ->> 'first_at')::timestamptz < occurred_at)
        FROM saas.platform_audit_logs WHERE outcome = 'denied'";
    let facts: String = one(&mut story.data, facts, &[]);
    assert_eq!(facts, "user saas_app permission 42501 saas_app true true true");
}

#[test]
fn savepoints_and_exception_blocks_hide_no_refusal() {
    let mut story = Story::new();
    let mut app = story.db.kind("app");
    let (member, acme) = (story.acme.member.clone(), story.acme.clone());
    let mut request = asking(&mut app, &member, Some(&acme));
    request
        .batch_execute(
            "DO $$ BEGIN PERFORM saas.require_tenant_permission('tenant.delete'); EXCEPTION WHEN OTHERS THEN NULL; END $$;
             SAVEPOINT s",
        )
        .unwrap();
    let result = request.execute("SELECT saas.require_tenant_permission('billing.manage')", &[]);
    assert_sqlstate(result, "42501");
    request.batch_execute("ROLLBACK TO s").unwrap();
    request.commit().unwrap();
    let expected = ["tenant.delete", "billing.manage"].map(|p| of_member(&story, p, 1));
    assert_eq!(rows(&mut story.data), expected);
}

#[test]
fn a_connection_that_only_fails_writes_when_it_ends() {
    let mut story = Story::new();
    let (member, acme) = (story.acme.member.clone(), story.acme.clone());
    let mut app = story.db.kind("app");
    // Its own transactions would be read-only and serializable; the last one still runs when the connection ends.
    app.batch_execute(
        "SET default_transaction_read_only = on; SET default_transaction_isolation = 'serializable'",
    )
    .unwrap();
    for _ in 0..3 {
        refused(&mut app, &member, &acme, "tenant.delete");
    }
    app.batch_execute("BEGIN").unwrap();
    drop(app);
    let expected = of_member(&story, "tenant.delete", 3);
    assert_eq!(rows_in_time(&mut story.data, 1), [expected]);

    // One that is ended by somebody else does, too.
    let mut app = story.db.kind("app");
    refused(&mut app, &member, &acme, "billing.manage");
    let id: i32 = one(
        &mut story.db.superuser(),
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename = 'saas_app'",
        &[],
    );
    let ended: bool = one(&mut story.db.superuser(), "SELECT pg_terminate_backend($1)", &[&id]);
    assert!(ended);
    let expected = of_member(&story, "billing.manage", 1);
    assert_eq!(rows_in_time(&mut story.data, 2)[1], expected);
}

#[test]
fn what_can_not_be_written_to_is_left_alone() {
    let mut story = Story::new();
    let (member, acme) = (story.acme.member.clone(), story.acme.clone());
    let mut app = story.db.kind("app");
    refused(&mut app, &member, &acme, "tenant.delete");
    app.build_transaction().read_only(true).start().unwrap().commit().unwrap();
    let serializable = IsolationLevel::Serializable;
    app.build_transaction().isolation_level(serializable).start().unwrap().commit().unwrap();
    assert_eq!(rows(&mut story.data), []);
    let repeatable = IsolationLevel::RepeatableRead;
    app.build_transaction().isolation_level(repeatable).start().unwrap().commit().unwrap();
    assert_eq!(rows(&mut story.data).len(), 1);
}

#[test]
fn a_prepared_transaction_takes_no_refusal_with_it() {
    let mut story = Story::new();
    let mut owner = story.db.superuser();
    let name = format!("{}_refused", story.db.name());
    // Of a superuser's session, which may begin requests too.
    let begin = format!("BEGIN; SELECT saas.begin_request('{}')", story.acme.member.token);
    owner.batch_execute(&begin).unwrap();
    let tenant = story.acme.id;
    owner
        .batch_execute(&format!(
            "DO $$ BEGIN PERFORM saas.require_tenant_permission('{tenant}', 'tenant.delete'); EXCEPTION WHEN OTHERS THEN NULL; END $$;
             CREATE TABLE public.t (); PREPARE TRANSACTION '{name}'"
        ))
        .unwrap();
    owner.batch_execute(&format!("ROLLBACK PREPARED '{name}'")).unwrap();
    commit(&mut owner);
    assert_eq!(rows(&mut story.data).len(), 1);
}

#[test]
fn a_refusal_in_a_parallel_query_is_the_leaders() {
    let mut story = Story::new();
    let (member, acme) = (story.acme.member.clone(), story.acme.clone());
    let mut app = story.db.kind("app");
    let version: i32 = one(&mut app, "SELECT current_setting('server_version_num')::int", &[]);
    let force = if version >= 160_000 { "debug_parallel_query" } else { "force_parallel_mode" };
    app.batch_execute(&format!("SET {force} = on")).unwrap();
    refused(&mut app, &member, &acme, "tenant.delete");
    let mut request = asking(&mut app, &member, Some(&acme));
    let about = "SELECT saas.has_tenant_permission($1::uuid, $2::uuid, 'tenant.read')";
    assert_sqlstate(request.execute(about, &[&acme.owner.id, &acme.id]), "42501");
    drop(request);
    // Somebody's function that is wrongly marked as safe gets no answer in a worker, whatever it would be.
    let mut superuser = story.db.superuser();
    superuser
        .batch_execute(
            "CREATE FUNCTION public.required(text) RETURNS void LANGUAGE sql PARALLEL SAFE AS 'SELECT saas.require_tenant_permission($1)';
             CREATE FUNCTION public.about(uuid, uuid) RETURNS boolean LANGUAGE sql PARALLEL SAFE
                 AS $$ SELECT saas.has_tenant_permission($1, $2, 'tenant.read') $$;",
        )
        .unwrap();
    for permission in ["tenant.delete", "tenant.read"] {
        let mut request = asking(&mut app, &member, Some(&acme));
        let required = request.execute("SELECT public.required($1)", &[&permission]);
        assert_sqlstate(required, "55000");
    }
    let mut request = asking(&mut app, &member, Some(&acme));
    let about = "SELECT public.about($1, $2)";
    assert_sqlstate(request.execute(about, &[&member.id, &acme.id]), "55000");
    drop(request);
    commit(&mut app);
    assert_eq!(rows(&mut story.data).len(), 2);
    // Whatever may refuse is no parallel worker's: these are all that may run in one and are granted to applications.
    let safe: Vec<String> = story
        .data
        .query(
            "SELECT DISTINCT proname::text FROM pg_proc p WHERE pronamespace = 'saas'::regnamespace AND proparallel = 's'
                AND has_function_privilege('saas_app', p.oid, 'EXECUTE') ORDER BY 1",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    let harmless = [
        "authorized_tenant_id",
        "billing_period",
        "current_impersonator_id",
        "current_request_id",
        "current_session_id",
        "current_tenant_id",
        "current_user_id",
        "has_system_permission",
        "has_tenant_permission",
        "oneself",
        "payment_event_effects",
        "permitted_tenant_ids",
        "permitted_tenants",
        "price_quantity",
        "prorate",
        "role_permission_diff",
        "round_minor",
        "system_permissions",
        "tax_amount",
        "tenant_permissions",
        "uuid_v7",
        "version",
    ];
    assert_eq!(safe, harmless);
}

#[test]
fn a_flood_is_counted_not_listed() {
    let mut story = Story::new();
    let (member, acme) = (story.acme.member.clone(), story.acme.clone());
    let mut app = story.db.kind("app");
    for _ in 0..5 {
        refused(&mut app, &member, &acme, "tenant.delete");
    }
    commit(&mut app);
    for _ in 0..30 {
        refused(&mut app, &member, &acme, "tenant.delete");
        commit(&mut app);
    }
    let expected = of_member(&story, "tenant.delete", 5);
    assert_eq!(rows(&mut story.data), std::slice::from_ref(&expected));
    drop(app);
    let later = of_member(&story, "tenant.delete", 30);
    assert_eq!(rows_in_time(&mut story.data, 2), [expected, later]);
}

#[test]
fn a_log_that_can_not_be_written_fails_nobody() {
    let mut story = Story::new();
    let (member, acme) = (story.acme.member.clone(), story.acme.clone());
    let mut app = story.db.kind("app");
    // Locked by somebody: the commit goes on, and the next one writes.
    refused(&mut app, &member, &acme, "tenant.delete");
    let mut lock = story.data.transaction().unwrap();
    lock.batch_execute("LOCK TABLE saas.platform_audit_logs IN ACCESS EXCLUSIVE MODE").unwrap();
    commit(&mut app);
    lock.rollback().unwrap();
    assert_eq!(rows(&mut story.data), []);
    commit(&mut app);
    assert_eq!(rows(&mut story.data).len(), 1);

    // Whoever cancels the writing gets rid of nothing.
    let number = "SELECT pg_backend_pid()";
    let id: i32 = one(&mut app, number, &[]);
    refused(&mut app, &member, &acme, "member.remove");
    let slow = "CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1); RETURN NEW; END';
                CREATE TRIGGER a_slow BEFORE INSERT ON saas.platform_audit_logs FOR EACH ROW EXECUTE FUNCTION public.slow()";
    story.data.batch_execute(slow).unwrap();
    let mut superuser = story.db.superuser();
    let mut while_it_is_written = |mut app: Client, id: i32, signal: &str| {
        let commits = std::thread::spawn(move || (app.batch_execute("SELECT 'a commit'"), app));
        let sleeps = "SELECT coalesce((SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $1), false)";
        let began = Instant::now();
        while !one::<bool>(&mut superuser, sleeps, &[&id]) {
            assert!(began.elapsed() < Duration::from_secs(20));
        }
        assert!(one::<bool>(&mut superuser, &format!("SELECT {signal}($1)"), &[&id]));
        commits.join().unwrap()
    };
    for _ in 0..3 {
        let (committed, same) = while_it_is_written(app, id, "pg_cancel_backend");
        committed.unwrap();
        app = same;
    }
    commit(&mut app);
    assert_eq!(rows(&mut story.data).len(), 1);
    drop(app);
    rows_in_time(&mut story.data, 2);

    // Ended in the middle of the commit that writes it: the end writes it.
    let mut app = story.db.kind("app");
    let id: i32 = one(&mut app, number, &[]);
    refused(&mut app, &member, &acme, "member.invite");
    let (ended, _) = while_it_is_written(app, id, "pg_terminate_backend");
    ended.unwrap_err();
    assert_eq!(rows_in_time(&mut story.data, 3)[2].4.as_deref(), Some("member.invite"));
    story.data.batch_execute("DROP TRIGGER a_slow ON saas.platform_audit_logs").unwrap();
    let mut app = story.db.kind("app");

    // Broken: what the transaction itself does is done, and after three tries commits are left alone.
    story
        .data
        .batch_execute(
            "CREATE FUNCTION public.no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE division_by_zero; END';
             CREATE TRIGGER a_no BEFORE INSERT ON saas.platform_audit_logs FOR EACH ROW EXECUTE FUNCTION public.no()",
        )
        .unwrap();
    refused(&mut app, &member, &acme, "billing.manage");
    for n in 0..4 {
        let mut request = asking(&mut app, &story.acme.owner.clone(), Some(&acme));
        let sql = "INSERT INTO saas.projects (tenant_id, title) VALUES ($1, 'kept')";
        request.execute(sql, &[&acme.id]).unwrap();
        request.commit().unwrap();
        let kept: i64 = one(&mut story.data, "SELECT count(*) FROM saas.projects", &[]);
        assert_eq!(kept, n + 1);
    }
    // At the end of a connection nobody but its own log is told.
    let mut other = story.db.kind("app");
    refused(&mut other, &member, &acme, "tenant.update");
    let id: i32 = one(&mut other, number, &[]);
    drop(other);
    let there = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)";
    let began = Instant::now();
    while one::<bool>(&mut superuser, there, &[&id]) {
        assert!(began.elapsed() < Duration::from_secs(20));
    }
    // The server lives, and what another connection has kept is written once it can be.
    story.data.batch_execute("DROP TRIGGER a_no ON saas.platform_audit_logs").unwrap();
    commit(&mut app);
    assert_eq!(rows(&mut story.data).len(), 3);
    drop(app);
    assert_eq!(rows_in_time(&mut story.data, 4)[3].4.as_deref(), Some("billing.manage"));
    let mut app = story.db.kind("app");

    // Gone: there is nothing to write to.
    refused(&mut app, &member, &acme, "billing.manage");
    story
        .db
        .superuser()
        .batch_execute("DROP EXTENSION saas_core CASCADE; DROP SCHEMA saas CASCADE")
        .unwrap();
    commit(&mut app);
    drop(app);
}

#[test]
fn a_request_that_does_not_begin_is_in_the_log_without_its_secret() {
    let mut story = Story::new();
    let (acme, globex) = (story.acme.clone(), story.globex.clone());
    let key = story.api_key(&acme, &acme.owner.clone(), "tenant_admin");
    let impersonation = Uuid::new_v4();
    let mut app = story.db.kind("app");
    let none: Option<Uuid> = None;
    let begin = "SELECT saas.begin_request($1, $2, $3)";
    let wrong = format!("saas_session_{}", "7".repeat(64));
    assert_sqlstate(app.execute(begin, &[&wrong, &none, &none]), "28000");
    assert_sqlstate(app.execute(begin, &[&acme.member.token, &globex.id, &none]), "42501");
    assert_sqlstate(app.execute(begin, &[&key, &globex.id, &none]), "42501");
    assert_sqlstate(app.execute(begin, &[&story.support.token, &none, &impersonation]), "42501");
    assert_sqlstate(app.execute("SELECT saas.begin_request_jwt('a.b.c')", &[]), "28000");
    assert_sqlstate(app.execute("SELECT saas.begin_request_claims()", &[]), "42501");
    assert_sqlstate(
        app.execute("SELECT saas.require_system_permission('platform.tenant.read')", &[]),
        "28000",
    );
    let asserted = "SELECT saas.begin_request_as($1)";
    let mut gateway = story.db.kind("gateway");
    assert_sqlstate(gateway.execute(asserted, &[&Uuid::new_v4()]), "28000");
    commit(&mut app);
    let found = rows(&mut story.data);
    let refusal = |who: Option<Uuid>, way: &str, reason: &str| -> Row {
        (who, None, None, "request.refused".into(), Some(way.into()), reason.into(), 1)
    };
    let no_tenant = "not a tenant of this user";
    let anybody = "access.denied".to_owned();
    assert_eq!(
        found,
        [
            refusal(None, "begin_request", "unknown, expired or revoked session or key"),
            refusal(Some(acme.member.id), "begin_request", no_tenant),
            refusal(Some(acme.owner.id), "begin_request", no_tenant),
            refusal(
                Some(story.support.id),
                "begin_request",
                "no such open impersonation of this user"
            ),
            refusal(None, "begin_request_jwt", "the token is malformed"),
            refusal(
                None,
                "begin_request_claims",
                "claims without a signature are believed only if settings.request_claims_issuer says whose"
            ),
            (
                None,
                None,
                None,
                anybody,
                None,
                "no authenticated user in this transaction".into(),
                1
            ),
        ]
    );
    commit(&mut gateway);
    let row = rows(&mut story.data).pop();
    assert_eq!(row, Some(refusal(None, "begin_request_as", "unknown or deleted user")));
    let texts: String = one(
        &mut story.data,
        "SELECT string_agg(l::text, ' ') FROM saas.platform_audit_logs l",
        &[],
    );
    for secret in [&wrong, &acme.member.token, &key, &story.support.token] {
        let (_, secret) = secret.rsplit_once('_').unwrap();
        assert!(!texts.contains(secret));
    }
    // The foreign tenant is told to the platform, not to itself: somebody else's people are none of its business.
    let told: Vec<Option<String>> = story
        .data
        .query("SELECT new_values ->> 'tenant_id' FROM saas.platform_audit_logs WHERE reason = $1 ORDER BY id", &[&no_tenant])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(told, [Some(globex.id.to_string()), Some(globex.id.to_string())]);
    let mut request = asking(&mut app, &globex.owner, Some(&globex));
    let seen = "SELECT count(*) FROM saas.platform_audit_logs WHERE outcome = 'denied'";
    assert_eq!(one::<i64>(&mut request, seen, &[]), 0);
    drop(request);
    // A gate asked about a tenant in which he is nobody, too.
    let mut request = asking(&mut app, &acme.member, None);
    let require = "SELECT saas.require_tenant_permission($1::uuid, 'tenant.read')";
    assert_sqlstate(request.execute(require, &[&globex.id]), "42501");
    drop(request);
    commit(&mut app);
    let row = rows(&mut story.data).pop().unwrap();
    assert_eq!((row.0, row.2, row.4.as_deref()), (Some(acme.member.id), None, Some("tenant.read")));
}

#[test]
fn under_impersonation_both_are_named() {
    let mut story = Story::new();
    let (acme, support) = (story.acme.clone(), story.support.clone());
    let id = story.impersonation(&support, &acme.member, &acme, "30 min");
    let mut app = story.db.kind("app");
    let mut request = app.transaction().unwrap();
    let none: Option<Uuid> = None;
    request
        .execute("SELECT saas.begin_request($1, $2, $3)", &[&support.token, &none, &id])
        .unwrap();
    let require = "SELECT saas.require_tenant_permission('tenant.delete')";
    assert_sqlstate(request.execute(require, &[]), "42501");
    drop(request);
    commit(&mut app);
    let row = rows(&mut story.data).pop().unwrap();
    assert_eq!((row.0, row.1, row.2), (Some(support.id), Some(acme.member.id), Some(acme.id)));
}

#[test]
fn what_is_no_refusal_leaves_nothing() {
    let mut story = Story::new();
    let (member, acme) = (story.acme.member.clone(), story.acme.clone());
    let mut app = story.db.kind("app");
    let mut request = asking(&mut app, &member, Some(&acme));
    for permission in ["tenant.delete", "billing.manage"] {
        let may: bool = one(&mut request, "SELECT saas.has_tenant_permission($1)", &[&permission]);
        assert!(!may);
    }
    request.execute("SELECT saas.require_tenant_permission('project.create')", &[]).unwrap();
    request.commit().unwrap();
    assert_sqlstate(
        app.execute("SELECT saas.require_tenant_permission('tenant.reed')", &[]),
        "42704",
    );
    assert_sqlstate(app.execute("SELECT saas.require_tenant_permission(NULL)", &[]), "23502");
    assert_sqlstate(app.execute("DELETE FROM saas.tenants", &[]), "42501");
    commit(&mut app);
    assert_eq!(rows(&mut story.data), []);
}

const EVENTS: &str = "SELECT coalesce(string_agg(subject || ' ' || coalesce(host(ip_address), '-') || ' ' || (evidence ->> 'failures'), ', '
                          ORDER BY subject), '') FROM saas.security_events WHERE kind = 'repeated_failures'";

#[test]
fn whoever_fails_too_often_is_one_security_event() {
    let mut story = Story::new();
    let begin = "SELECT saas.begin_request($1, NULL, NULL, $2::text::inet)";
    let wrong = format!("saas_session_{}", "7".repeat(64));
    let mut gateway = story.db.kind("gateway");
    for n in 1..=25 {
        assert_sqlstate(gateway.execute(begin, &[&wrong, &"192.0.2.7"]), "28000");
        if n == 19 {
            commit(&mut gateway);
            assert_eq!(one::<String>(&mut story.data, EVENTS, &[]), "");
        }
    }
    drop(gateway);
    rows_in_time(&mut story.data, 2);
    assert_eq!(one::<String>(&mut story.data, EVENTS, &[]), "address 192.0.2.7 192.0.2.7 25");

    // What an application role says of its address is not believed.
    let mut app = story.db.kind("app");
    for _ in 0..25 {
        assert_sqlstate(app.execute(begin, &[&wrong, &"192.0.2.8"]), "28000");
    }
    commit(&mut app);
    assert_eq!(one::<String>(&mut story.data, EVENTS, &[]), "address 192.0.2.7 192.0.2.7 25");

    // One user, from several connections at once.
    let (member, acme) = (story.acme.member.clone(), story.acme.clone());
    let connections: Vec<Client> = (0..8)
        .map(|_| {
            let mut app = story.db.kind("app");
            for _ in 0..10 {
                refused(&mut app, &member, &acme, "tenant.delete");
            }
            app
        })
        .collect();
    drop(connections);
    rows_in_time(&mut story.data, 2 + 1 + 8);
    let events: i64 = one(
        &mut story.data,
        "SELECT count(*) FROM saas.security_events WHERE kind = 'repeated_failures' AND user_id = $1",
        &[&member.id],
    );
    assert_eq!(events, 1);

    // Not for a user who is none any more, and not without a limit.
    story.data.batch_execute("UPDATE saas.settings SET failure_limit = NULL").unwrap();
    let guest = acme.guest.clone();
    for _ in 0..25 {
        refused(&mut app, &guest, &acme, "tenant.delete");
    }
    commit(&mut app);
    let all: i64 = one(&mut story.data, "SELECT count(*) FROM saas.security_events", &[]);
    assert_eq!(all, 2);
}

#[test]
fn logins_that_fail_elsewhere_count_too() {
    let mut story = Story::new();
    let member = story.acme.member.clone();
    let report = "SELECT saas.report_failed_login($1::text::inet, $2, $3)";
    let mut gateway = story.db.kind("gateway");
    for _ in 0..20 {
        gateway.execute(report, &[&"2001:db8::1", &member.id, &"password"]).unwrap();
    }
    let row = rows(&mut story.data).remove(0);
    assert_eq!(
        (row.0, row.3.as_str(), row.4.as_deref()),
        (Some(member.id), "request.refused", Some("password"))
    );
    // The first was written by its own commit, the others wait.
    drop(gateway);
    rows_in_time(&mut story.data, 2);
    let expected = format!("address 2001:db8::1 2001:db8::1 20, user {} - 20", member.id);
    assert_eq!(one::<String>(&mut story.data, EVENTS, &[]), expected);

    let mut gateway = story.db.kind("gateway");
    let result = gateway.execute(report, &[&"192.0.2.1", &member.id, &"hunter2 is it"]);
    assert_sqlstate(result, "22023");
    let none: Option<String> = None;
    assert_sqlstate(gateway.execute(report, &[&"192.0.2.1", &member.id, &none]), "23502");
    let mut app = story.db.kind("app");
    assert_sqlstate(app.execute(report, &[&"192.0.2.1", &member.id, &"password"]), "42501");
}

#[test]
fn refusals_are_sealed_with_the_rest() {
    let mut story = Story::new();
    let mut app = story.db.kind("app");
    refused(&mut app, &story.acme.member.clone(), &story.acme.clone(), "tenant.delete");
    commit(&mut app);
    // Other tests' transactions on the same server hold seals back.
    let sealed = "SELECT count(*) FROM saas.audit_seal_rows s JOIN saas.platform_audit_logs l ON l.id = s.log_id WHERE l.outcome = 'denied'";
    let began = Instant::now();
    while one::<i64>(&mut story.data, sealed, &[]) == 0 {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
        one::<Option<i64>>(&mut story.data, "SELECT saas.seal_audit_log()", &[]);
    }
    let wrong = "SELECT (SELECT count(*) FROM saas.verify_audit_log()) + (SELECT count(*) FROM saas.check_invariants())";
    assert_eq!(one::<i64>(&mut story.data, wrong, &[]), 0);
    for sql in [
        "UPDATE saas.platform_audit_logs SET reason = NULL",
        "DELETE FROM saas.platform_audit_logs",
    ] {
        assert_sqlstate(story.data.batch_execute(sql), "55000");
    }
}
