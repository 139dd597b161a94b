//! Impersonation as an attacker tries it: whom, how long, from where, and when it is over.

use postgres::types::ToSql;
use postgres::{Client, GenericClient, IsolationLevel, Transaction};
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::{Person, Story, Tenant, asking, assign, join, one, who};
use uuid::Uuid;

const START: &str = "SELECT saas.start_impersonation($1, $2, 'ticket', $3::text::interval)";
const ENTER: &str = "SELECT saas.begin_request($1, NULL, $2)";
const MAY: &str = "SELECT saas.has_tenant_permission('tenant.read')";

/// The refusal of one statement, after which the transaction goes on.
#[track_caller]
fn refused(
    request: &mut impl GenericClient,
    sql: &str,
    args: &[&(dyn ToSql + Sync)],
    sqlstate: &str,
) {
    request.batch_execute("SAVEPOINT refused").unwrap();
    let result = request.query(sql, args);
    assert_sqlstate(result.map(|rows| format!("{sql}: {} rows", rows.len())), sqlstate);
    request.batch_execute("ROLLBACK TO refused").unwrap();
}

#[track_caller]
fn healthy(story: &mut Story) {
    let broken = story.data.query("SELECT * FROM saas.check_invariants()", &[]).unwrap();
    let broken: Vec<[String; 3]> =
        broken.iter().map(|row| [row.get(0), row.get(1), row.get(2)]).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Starts one, in a request of the actor.
#[track_caller]
fn start(story: &Story, actor: &Person, target: &Person, tenant: &Tenant, lasts: &str) -> Uuid {
    let mut admin = story.db.kind("admin");
    let mut request = asking(&mut admin, actor, None);
    let id = one(&mut request, START, &[&target.id, &tenant.id, &lasts]);
    request.commit().unwrap();
    id
}

#[track_caller]
fn enter<'a>(client: &'a mut Client, actor: &Person, id: Uuid) -> Transaction<'a> {
    let mut request = client.transaction().unwrap();
    one::<Uuid>(&mut request, ENTER, &[&actor.token, &id]);
    assert!(one::<bool>(&mut request, MAY, &[]));
    request
}

/// Neither right nor user is left of it in this transaction, nor can it be entered again.
#[track_caller]
fn over(mut request: Transaction<'_>, other: &mut Client, actor: &Person, id: Uuid) {
    let left: i64 = one(
        &mut request,
        "SELECT count(*) FROM saas.permissions WHERE saas.has_tenant_permission(key) OR saas.permitted_tenant_ids(key) <> '{}'",
        &[],
    );
    assert_eq!((left, who(&mut request)), (0, None));
    let rows = "SELECT (SELECT count(*) FROM saas.tenants) + (SELECT count(*) FROM saas.users) + (SELECT count(*) FROM saas.roles)";
    assert_eq!(one::<i64>(&mut request, rows, &[]), 0);
    for current in ["current_tenant_id", "current_impersonator_id", "current_session_id"] {
        let sql = format!("SELECT saas.{current}()");
        assert_eq!(one::<Option<Uuid>>(&mut request, &sql, &[]), None);
    }
    refused(&mut request, "SELECT saas.require_tenant_permission('tenant.read')", &[], "28000");
    refused(&mut request, "SELECT saas.create_tenant('his')", &[], "28000");
    drop(request);
    assert_sqlstate(other.query(ENTER, &[&actor.token, &id]), "42501");
}

fn ended_at(story: &mut Story, id: Uuid) -> bool {
    let sql = "SELECT ended_at IS NOT NULL FROM saas.impersonation_sessions WHERE id = $1";
    one(&mut story.data, sql, &[&id])
}

fn revoke(story: &mut Story, person: &Person) {
    let sql = "SELECT saas.revoke_system_role(id, 'test') FROM saas.system_role_assignments
                WHERE assigned_user_id = $1 AND revoked_at IS NULL";
    assert!(!story.data.query(sql, &[&person.id]).unwrap().is_empty());
}

#[test]
fn whom_and_how_long() {
    let mut story = Story::new();
    let (acme, globex, support) = (story.acme.clone(), story.globex.clone(), story.support.clone());
    // Somebody of the platform who is a member as well.
    join(&mut story.data, &acme, &story.platform_admin.clone(), "tenant_guest");
    let mut admin = story.db.kind("admin");
    let mut request = asking(&mut admin, &support, None);
    let (unknown, ten) = (Uuid::new_v4(), "10 min");
    for (target, tenant, lasts, sqlstate) in [
        (&story.platform_admin.id, &acme.id, ten, "42501"),
        (&story.superadmin.id, &acme.id, ten, "42501"),
        (&support.id, &acme.id, ten, "42501"),
        (&story.stranger.id, &acme.id, ten, "42501"),
        (&acme.owner.id, &globex.id, ten, "42501"),
        (&acme.owner.id, &unknown, ten, "42501"),
        (&unknown, &acme.id, ten, "42501"),
        (&acme.owner.id, &acme.id, "1 hour 1 us", "22023"),
        (&acme.owner.id, &acme.id, "1 year", "22023"),
        (&acme.owner.id, &acme.id, "0", "22023"),
        (&acme.owner.id, &acme.id, "-10 min", "22023"),
        (&acme.owner.id, &acme.id, "-1 day 10 min", "22023"),
        (&acme.owner.id, &acme.id, "178000000 years", "22023"),
    ] {
        refused(&mut request, START, &[target, tenant, &lasts], sqlstate);
    }
    // Exactly an hour is what there is; however it is written, whatever the zone.
    request.batch_execute("SET LOCAL timezone = 'America/New_York'").unwrap();
    for lasts in ["1 hour", "60 min", "1 day -23 hours"] {
        let id: Uuid = one(&mut request, START, &[&acme.owner.id, &acme.id, &lasts]);
        let sql = "SELECT expires_at - started_at = '1 hour' FROM saas.impersonation_sessions WHERE id = $1";
        assert!(one::<bool>(&mut request, sql, &[&id]));
    }
    drop(request);
    // Who else tries: no right, no person.
    let key = story.api_key(&acme, &acme.owner, "tenant_owner");
    let own = story.impersonation(&support, &acme.owner, &acme, "30 min");
    let args: [(&str, &[&(dyn ToSql + Sync)]); 4] = [
        ("SELECT saas.begin_request($1)", &[&story.platform_admin.token]),
        ("SELECT saas.begin_request($1)", &[&acme.owner.token]),
        ("SELECT saas.begin_request($1)", &[&key]),
        (ENTER, &[&support.token, &own]),
    ];
    for (begin, who) in args {
        let mut request = admin.transaction().unwrap();
        request.execute(begin, who).unwrap();
        refused(&mut request, START, &[&acme.member.id, &acme.id, &ten], "42501");
    }
    assert_sqlstate(admin.query(START, &[&acme.member.id, &acme.id, &ten]), "28000");
    // A tenant that is suspended is closed to support too.
    let mut suspending = story.data.transaction().unwrap();
    suspending
        .execute("UPDATE saas.tenants SET suspended_at = now() WHERE id = $1", &[&acme.id])
        .unwrap();
    one::<Uuid>(&mut suspending, "SELECT saas.begin_request($1)", &[&support.token]);
    refused(&mut suspending, START, &[&acme.member.id, &acme.id, &ten], "42501");
    suspending.rollback().unwrap();
    healthy(&mut story);
}

#[test]
fn it_lasts_no_longer_than_what_it_rests_on() {
    let mut story = Story::new();
    let (acme, support) = (story.acme.clone(), story.support.clone());
    let limit = |story: &mut Story, sql: &str| {
        assert!(story.data.execute(sql, &[&support.id]).unwrap() > 0, "{sql}");
    };
    let lasts = "SELECT extract(epoch FROM expires_at - started_at)::float8 FROM saas.impersonation_sessions WHERE id = $1";
    let id = start(&story, &support, &acme.owner, &acme, "30 min");
    assert_eq!(one::<f64>(&mut story.data, lasts, &[&id]), 1800.0);
    limit(
        &mut story,
        "UPDATE saas.system_role_assignments SET expires_at = now() + interval '20 min' WHERE assigned_user_id = $1",
    );
    let id = start(&story, &support, &acme.owner, &acme, "30 min");
    let seconds: f64 = one(&mut story.data, lasts, &[&id]);
    assert!((1100.0..=1200.0).contains(&seconds), "{seconds}");
    limit(
        &mut story,
        "UPDATE saas.sessions SET expires_at = now() + interval '10 min' WHERE user_id = $1",
    );
    let id = start(&story, &support, &acme.owner, &acme, "30 min");
    let seconds: f64 = one(&mut story.data, lasts, &[&id]);
    assert!((500.0..=600.0).contains(&seconds), "{seconds}");
    // In the middle of a transaction.
    let id = start(&story, &support, &acme.owner, &acme, "1.5 s");
    let mut app = story.db.kind("app");
    let mut other = story.db.connect("saas_app");
    let mut request = enter(&mut app, &support, id);
    request.batch_execute("SELECT pg_sleep(1.6)").unwrap();
    over(request, &mut other, &support, id);
    healthy(&mut story);
}

#[test]
fn it_ends_with_what_it_rests_on() {
    let mut story = Story::new();
    let (acme, support) = (story.acme.clone(), story.support.clone());
    let mut app = story.db.kind("app");
    let mut other = story.db.connect("saas_app");
    let mut long = story.db.connect("saas_app");
    type End = fn(&mut Story, &Tenant, &Person);
    let ends: [(&str, End); 7] = [
        ("the actor's role is revoked", |story, _, support| {
            revoke(story, support);
            assign(&mut story.data, support, "platform_support");
        }),
        ("the role loses the right", |story, _, _| {
            let take =
                "SELECT saas.define_platform_role('platform_support', '{platform.tenant.read}')";
            let give = "SELECT saas.define_platform_role('platform_support', '{platform.tenant.read,platform.user.impersonate,platform.security.view}')";
            story.data.batch_execute(take).unwrap();
            story.data.batch_execute(give).unwrap();
        }),
        ("the target becomes one of the platform's", |story, acme, _| {
            let sql = "SELECT saas.grant_system_role($1, 'platform_admin', 'promoted')";
            story.data.execute(sql, &[&acme.owner.id]).unwrap();
            revoke(story, &acme.owner);
        }),
        ("logging out", |story, _, support| {
            let mut app = story.db.connect("saas_app");
            let mut request = asking(&mut app, support, None);
            let session: Uuid = one(&mut request, "SELECT saas.current_session_id()", &[]);
            request.execute("SELECT saas.revoke_session($1)", &[&session]).unwrap();
            request.commit().unwrap();
            let sql = "UPDATE saas.sessions SET revoked_at = NULL WHERE user_id = $1";
            story.data.execute(sql, &[&support.id]).unwrap();
        }),
        ("logging out everywhere", |story, _, support| {
            let mut app = story.db.connect("saas_app");
            let mut request = asking(&mut app, support, None);
            one::<i64>(&mut request, "SELECT saas.revoke_sessions()", &[]);
            request.commit().unwrap();
            let sql = "UPDATE saas.sessions SET revoked_at = NULL WHERE user_id = $1";
            story.data.execute(sql, &[&support.id]).unwrap();
        }),
        ("the session is deleted", |story, _, support| {
            let mut deleting = story.data.transaction().unwrap();
            let sql = "WITH gone AS (DELETE FROM saas.sessions WHERE user_id = $1 RETURNING *) SELECT count(*) FROM gone";
            deleting
                .batch_execute("CREATE TEMP TABLE kept ON COMMIT DROP AS TABLE saas.sessions")
                .unwrap();
            assert_eq!(one::<i64>(&mut deleting, sql, &[&support.id]), 1);
            deleting
                .execute(
                    "INSERT INTO saas.sessions SELECT * FROM kept WHERE user_id = $1",
                    &[&support.id],
                )
                .unwrap();
            deleting.commit().unwrap();
        }),
        ("stopped by its actor elsewhere", |story, _, support| {
            let mut app = story.db.connect("saas_app");
            let mut request = asking(&mut app, support, None);
            let id: Uuid = one(
                &mut story.data,
                "SELECT id FROM saas.impersonation_sessions WHERE ended_at IS NULL",
                &[],
            );
            request.execute("SELECT saas.stop_impersonation($1)", &[&id]).unwrap();
            request.commit().unwrap();
        }),
    ];
    for (what, end) in ends {
        let id = start(&story, &support, &acme.owner, &acme, "30 min");
        let request = enter(&mut app, &support, id);
        let mut lasting = long
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .start()
            .unwrap();
        one::<Uuid>(&mut lasting, ENTER, &[&support.token, &id]);
        assert!(one::<bool>(&mut lasting, MAY, &[]));
        // What ended it is taken back at once: it stays over.
        end(&mut story, &acme, &support);
        assert!(ended_at(&mut story, id), "{what}");
        over(request, &mut other, &support, id);
        over(lasting, &mut other, &support, id);
    }
    // A membership that goes takes the right along; nothing of it is left over.
    let id = start(&story, &support, &acme.member, &acme, "30 min");
    let mut request = enter(&mut app, &support, id);
    story.remove(&acme, &acme.member);
    assert!(!one::<bool>(&mut request, MAY, &[]));
    drop(request);
    assert_sqlstate(other.query(ENTER, &[&support.token, &id]), "42501");
    healthy(&mut story);
}

#[test]
fn no_race_makes_a_platform_user_a_target() {
    let mut story = Story::new();
    let (acme, support) = (story.acme.clone(), story.support.clone());
    let mut admin = story.db.kind("admin");
    let mut app = story.db.kind("app");
    // Neither sees the other while both go on.
    let mut granting = story.data.transaction().unwrap();
    let sql = "SELECT saas.grant_system_role($1, 'platform_admin', 'promoted')";
    one::<Uuid>(&mut granting, sql, &[&acme.owner.id]);
    let mut request = asking(&mut admin, &support, None);
    let id: Uuid = one(&mut request, START, &[&acme.owner.id, &acme.id, &"30 min"]);
    request.commit().unwrap();
    let mut entered = enter(&mut app, &support, id);
    granting.commit().unwrap();
    assert!(!one::<bool>(&mut entered, MAY, &[]));
    assert_eq!(who(&mut entered), None);
    drop(entered);
    assert_sqlstate(app.query(ENTER, &[&support.token, &id]), "42501");
}

#[test]
fn it_is_its_actors_in_his_session() {
    let mut story = Story::new();
    let (acme, support, root) =
        (story.acme.clone(), story.support.clone(), story.superadmin.clone());
    let id = start(&story, &support, &acme.owner, &acme, "30 min");
    let token: String = one(&mut story.data, "SELECT saas.create_session($1)", &[&support.id]);
    let elsewhere = Person { id: support.id, token };
    let mut app = story.db.kind("app");
    for (token, tenant, sqlstate) in [
        (&root.token, None, "42501"),
        (&acme.owner.token, None, "42501"),
        (&elsewhere.token, None, "42501"),
        (&support.token, Some(story.globex.id), "42501"),
        (&"saas_session_0".to_owned(), None, "28000"),
    ] {
        let result = app.query("SELECT saas.begin_request($1, $2, $3)", &[token, &tenant, &id]);
        assert_sqlstate(result, sqlstate);
        // After a refusal nobody is asking.
        assert_eq!(who(&mut app), None);
    }
    // Nobody else stops it: another one of support's, the target, the target's API key.
    let key = story.api_key(&acme, &acme.owner, "tenant_owner");
    for token in [&root.token, &acme.owner.token, &key] {
        let mut request = app.transaction().unwrap();
        one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[token]);
        refused(&mut request, "SELECT saas.stop_impersonation($1)", &[&id], "42501");
    }
    assert_sqlstate(app.query("SELECT saas.stop_impersonation($1)", &[&id]), "28000");
    // Another session of his that ends does not end it; its own does.
    let log_out = |story: &Story, person: &Person| {
        let mut app = story.db.connect("saas_app");
        let mut request = asking(&mut app, person, None);
        let session: Uuid = one(&mut request, "SELECT saas.current_session_id()", &[]);
        request.execute("SELECT saas.revoke_session($1)", &[&session]).unwrap();
        request.commit().unwrap();
    };
    log_out(&story, &elsewhere);
    assert!(!ended_at(&mut story, id));
    // Logging out while he acts as the target is logging out.
    let mut request = enter(&mut app, &support, id);
    let session: Uuid = one(&mut request, "SELECT saas.current_session_id()", &[]);
    request.execute("SELECT saas.revoke_session($1)", &[&session]).unwrap();
    assert_eq!(who(&mut request), None);
    request.commit().unwrap();
    assert!(ended_at(&mut story, id));
    healthy(&mut story);
}

#[test]
fn two_of_one_actor_are_stopped_one_by_one() {
    let mut story = Story::new();
    let (acme, support) = (story.acme.clone(), story.support.clone());
    let first = start(&story, &support, &acme.owner, &acme, "30 min");
    let second = start(&story, &support, &acme.member, &acme, "30 min");
    let mut app = story.db.kind("app");
    let mut request = enter(&mut app, &support, first);
    // In the first he stops the second: he goes on.
    request.execute("SELECT saas.stop_impersonation($1)", &[&second]).unwrap();
    assert!(one::<bool>(&mut request, MAY, &[]));
    request.execute("SELECT saas.stop_impersonation($1)", &[&first]).unwrap();
    assert_eq!(who(&mut request), None);
    // A rollback takes the stopping back.
    request.rollback().unwrap();
    assert!(!ended_at(&mut story, first) && !ended_at(&mut story, second));
    drop(enter(&mut app, &support, first));
    // Two at once stop it once.
    let mut one_side = story.db.connect("saas_app");
    let mut stopping = asking(&mut one_side, &support, None);
    stopping.execute("SELECT saas.stop_impersonation($1)", &[&first]).unwrap();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let mut request = asking(&mut app, &support, None);
            request.execute("SELECT saas.stop_impersonation($1)", &[&first]).unwrap();
            request.commit().unwrap();
        });
        std::thread::sleep(std::time::Duration::from_millis(200));
        stopping.commit().unwrap();
        waits.join().unwrap();
    });
    assert!(ended_at(&mut story, first) && !ended_at(&mut story, second));
    healthy(&mut story);
}

#[test]
fn only_to_look_is_only_to_look() {
    let mut story = Story::new();
    let (acme, support) = (story.acme.clone(), story.support.clone());
    let mut admin = story.db.kind("admin");
    let mut request = asking(&mut admin, &support, None);
    let sql = "SELECT saas.start_impersonation($1, $2, 'ticket', read_only => true)";
    let id: Uuid = one(&mut request, sql, &[&acme.owner.id, &acme.id]);
    request.commit().unwrap();
    story
        .data
        .execute("INSERT INTO saas.projects (tenant_id, title) VALUES ($1, 'p')", &[&acme.id])
        .unwrap();
    let mut app = story.db.kind("app");
    let mut request = enter(&mut app, &support, id);
    assert_eq!(one::<i64>(&mut request, "SELECT count(*) FROM saas.projects", &[]), 1);
    let insert =
        format!("INSERT INTO saas.projects (tenant_id, title) VALUES ('{}', 'x')", acme.id);
    // Whatever he tries to write with.
    for sql in [
        &insert,
        "UPDATE saas.projects SET title = 'x'",
        "DELETE FROM saas.projects",
        "DO $$ BEGIN UPDATE saas.projects SET title = 'x'; END $$",
        "SELECT saas.stop_impersonation(saas.uuid_v7())",
        "WITH x AS (DELETE FROM saas.projects RETURNING 1) SELECT * FROM x",
    ] {
        refused(&mut request, sql, &[], "25006");
    }
    // Whatever he tries to be allowed with: PostgreSQL refuses, or he is nobody afterwards.
    for sql in [
        "SET TRANSACTION READ WRITE",
        "SET transaction_read_only = off",
        "SET LOCAL transaction_read_only = off",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "RESET transaction_read_only",
        "SET transaction_read_only TO DEFAULT",
        "RESET ALL",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        "DO $$ BEGIN SET LOCAL transaction_read_only = off; EXCEPTION WHEN OTHERS THEN NULL; END $$",
        "DO $$ BEGIN PERFORM 1 / 0; EXCEPTION WHEN OTHERS THEN NULL; END $$",
    ] {
        let mut within = app_again(&story, &support, id);
        let mut request = within.transaction().unwrap();
        one::<Uuid>(&mut request, ENTER, &[&support.token, &id]);
        request.batch_execute("SAVEPOINT s").unwrap();
        if request.batch_execute(sql).is_err() {
            request.batch_execute("ROLLBACK TO s").unwrap();
        }
        request.batch_execute("RELEASE s").unwrap();
        assert!(request.batch_execute(&insert).is_err(), "{sql}");
    }
    drop(request);
    let projects: i64 = one(&mut story.data, "SELECT count(*) FROM saas.projects", &[]);
    assert_eq!(projects, 1);
    // Nor where leaving a savepoint or an exception block would make the transaction writable.
    let mut request = app.transaction().unwrap();
    request.batch_execute("SAVEPOINT s").unwrap();
    assert_sqlstate(request.query(ENTER, &[&support.token, &id]), "55000");
    drop(request);
    let mut request = app.transaction().unwrap();
    let within = format!(
        "DO $$ BEGIN
           BEGIN PERFORM saas.begin_request('{}', NULL, '{id}'); EXCEPTION WHEN division_by_zero THEN NULL; END;
           UPDATE saas.projects SET title = 'x';
         END $$",
        support.token
    );
    assert_sqlstate(request.batch_execute(&within), "55000");
    drop(request);
    // Whoever becomes himself again in that transaction still only looks.
    let mut request = enter(&mut app, &support, id);
    one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[&acme.owner.token]);
    assert!(one::<bool>(
        &mut request,
        "SELECT saas.has_tenant_permission($1, 'tenant.read')",
        &[&acme.id]
    ));
    refused(&mut request, &insert, &[], "25006");
    drop(request);
    // Parallel workers look along.
    let mut request = enter(&mut app, &support, id);
    let version: i32 = one(&mut request, "SELECT current_setting('server_version_num')::int", &[]);
    let force = if version >= 160_000 { "debug_parallel_query" } else { "force_parallel_mode" };
    request
        .batch_execute(&format!(
            "SET LOCAL {force} = on; SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0"
        ))
        .unwrap();
    assert_eq!(one::<i64>(&mut request, "SELECT count(*) FROM saas.projects", &[]), 1);
    drop(request);
    healthy(&mut story);
}

fn app_again(story: &Story, support: &Person, id: Uuid) -> Client {
    let mut client = story.db.connect("saas_app");
    // It is open.
    drop(enter(&mut client, support, id));
    client
}

#[test]
fn a_second_person_approves() {
    let mut story = Story::new();
    let (acme, support, root) =
        (story.acme.clone(), story.support.clone(), story.superadmin.clone());
    story.data.batch_execute("UPDATE saas.settings SET impersonation_approval = true").unwrap();
    let approve = "SELECT saas.approve_impersonation($1)";
    let id = start(&story, &support, &acme.owner, &acme, "30 min");
    let mut app = story.db.kind("app");
    assert_sqlstate(app.query(ENTER, &[&support.token, &id]), "42501");
    // Turning the setting off later lets none in that was to be approved.
    story.data.batch_execute("UPDATE saas.settings SET impersonation_approval = false").unwrap();
    assert_sqlstate(app.query(ENTER, &[&support.token, &id]), "42501");
    let mut admin = story.db.kind("admin");
    for (who, what, sqlstate) in [
        (&support, id, "42501"),
        (&acme.owner, id, "42501"),
        (&story.stranger, id, "42501"),
        (&root, Uuid::new_v4(), "23503"),
    ] {
        let mut request = asking(&mut admin, who, None);
        refused(&mut request, approve, &[&what], sqlstate);
    }
    assert_sqlstate(admin.query(approve, &[&id]), "28000");
    // The actor does not approve as his target either, nor by somebody's key.
    let open = story.impersonation(&support, &acme.owner, &acme, "30 min");
    let mut request = admin.transaction().unwrap();
    one::<Uuid>(&mut request, ENTER, &[&support.token, &open]);
    refused(&mut request, approve, &[&id], "42501");
    drop(request);
    let mut request = asking(&mut admin, &root, None);
    request.execute(approve, &[&id]).unwrap();
    refused(&mut request, approve, &[&id], "55000");
    request.commit().unwrap();
    drop(enter(&mut app, &support, id));
    let mut request = asking(&mut admin, &support, None);
    request.execute("SELECT saas.stop_impersonation($1)", &[&id]).unwrap();
    request.commit().unwrap();
    // What is over is not approved, also in an old snapshot.
    story.data.batch_execute("UPDATE saas.settings SET impersonation_approval = true").unwrap();
    let id = start(&story, &support, &acme.owner, &acme, "30 min");
    let mut request =
        admin.build_transaction().isolation_level(IsolationLevel::RepeatableRead).start().unwrap();
    one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[&root.token]);
    story.data.execute("SELECT saas.stop_impersonation($1)", &[&id]).unwrap();
    let refused = request.query(approve, &[&id]).expect_err("it was over");
    let code = refused.code().map(|code| code.code().to_owned()).unwrap_or_default();
    assert!(["40001", "55000"].contains(&&*code), "{code}");
    drop(request);
    healthy(&mut story);
}

#[test]
fn the_tenant_sees_who_was_there() {
    let mut story = Story::new();
    let (acme, globex, support) = (story.acme.clone(), story.globex.clone(), story.support.clone());
    let id = start(&story, &support, &acme.member, &acme, "30 min");
    let mut gateway = story.db.kind("gateway");
    let mut request = enter(&mut gateway, &support, id);
    request.execute("SELECT saas.stop_impersonation($1)", &[&id]).unwrap();
    request.commit().unwrap();
    let mut app = story.db.kind("app");
    let sessions = "SELECT count(*) FROM saas.impersonation_sessions WHERE id = $1 AND actor_id = $2 AND ended_at IS NOT NULL";
    let logged = "SELECT count(*) FROM saas.platform_audit_logs WHERE impersonation_id = $1 AND actor_id = $2 AND on_behalf_of IS NOT NULL";
    for (who, tenant, sees) in [
        (&acme.owner, &acme, 1),
        (&acme.admin, &acme, 0),
        (&acme.member, &acme, 0),
        (&globex.owner, &globex, 0),
    ] {
        let mut request = asking(&mut app, who, Some(tenant));
        for sql in [sessions, logged] {
            assert_eq!(one::<i64>(&mut request, sql, &[&id, &support.id]), sees, "{sql} {who:?}");
        }
    }
    healthy(&mut story);
}
