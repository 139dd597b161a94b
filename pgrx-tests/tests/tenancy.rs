//! Tenants, users and sessions: who may make and end them, and how many.

use postgres::{Client, IsolationLevel};
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::{Story, asking, one, person, who};
use std::thread;
use std::time::Duration;
use uuid::Uuid;

const CREATE: &str = "SELECT saas.create_tenant($1, $2)";
const NOBODY: Option<Uuid> = None;

#[test]
fn a_tenant_is_created_for_oneself() {
    let mut story = Story::new();
    let (stranger, acme) = (story.stranger.clone(), story.acme.clone());
    let mut app = story.db.kind("app");
    assert_sqlstate(app.execute(CREATE, &[&"x", &NOBODY]), "28000");
    assert_sqlstate(app.execute(CREATE, &[&"x", &Some(stranger.id)]), "28000");

    let mut request = asking(&mut app, &stranger, None);
    request.batch_execute("SAVEPOINT s").unwrap();
    assert_sqlstate(request.execute(CREATE, &[&"x", &Some(acme.guest.id)]), "42501");
    request.batch_execute("ROLLBACK TO s").unwrap();
    for (name, sqlstate) in [(Some(""), "23514"), (Some("  "), "23514"), (None, "23502")] {
        assert_sqlstate(request.execute(CREATE, &[&name, &NOBODY]), sqlstate);
        request.batch_execute("ROLLBACK TO s").unwrap();
    }
    assert_sqlstate(request.execute(CREATE, &[&"x".repeat(201), &NOBODY]), "23514");
    request.batch_execute("ROLLBACK TO s").unwrap();
    let tenant: Uuid = one(&mut request, CREATE, &[&"mine", &Some(stranger.id)]);
    // He owns it at once, and sees it.
    assert!(one::<bool>(
        &mut request,
        "SELECT saas.has_tenant_permission($1, 'billing.manage')",
        &[&tenant]
    ));
    let seen: (String, String, String) = {
        let row =
            request.query_one("SELECT name, plan, billing_state FROM saas.tenants", &[]).unwrap();
        (row.get(0), row.get(1), row.get(2))
    };
    assert_eq!(seen, ("mine".into(), "free".into(), "trial".into()));
    // The free plan has one workspace.
    assert_sqlstate(request.execute(CREATE, &[&"second", &NOBODY]), "53400");
    drop(request);
    // A request that is bound to a tenant is no place for another.
    let mut request = asking(&mut app, &acme.guest, Some(&acme));
    assert_sqlstate(request.execute(CREATE, &[&"x", &NOBODY]), "42501");
    drop(request);
    // The data owner names whom it is for, who must be there.
    assert_sqlstate(story.data.execute(CREATE, &[&"x", &NOBODY]), "22023");
    assert_sqlstate(story.data.execute(CREATE, &[&"x", &Some(Uuid::new_v4())]), "23503");
    story
        .data
        .execute("UPDATE saas.users SET deleted_at = now() WHERE id = $1", &[&stranger.id])
        .unwrap();
    assert_sqlstate(story.data.execute(CREATE, &[&"x", &Some(stranger.id)]), "23503");
}

#[test]
fn the_largest_plan_says_how_many() {
    let mut story = Story::new();
    let owner = story.acme.owner.clone();
    story
        .data
        .batch_execute(
            "INSERT INTO saas.plans (name, key, base_price, currency, billing_interval, workspace_count)
             VALUES ('Three', 'three', 0, 'USD', 'monthly', 3), ('Any', 'any', 0, 'USD', 'monthly', -1)",
        )
        .unwrap();
    let mut app = story.db.kind("app");
    let mut create = |sqlstate: Option<&str>| {
        let mut request = asking(&mut app, &owner, None);
        let made = request.query_one(CREATE, &[&"another", &NOBODY]);
        match sqlstate {
            Some(sqlstate) => {
                assert_sqlstate(made, sqlstate);
                Uuid::nil()
            }
            None => {
                request.commit().unwrap();
                made.unwrap().get(0)
            }
        }
    };
    create(Some("53400"));
    story.data.execute("SELECT saas.subscribe($1, 'three')", &[&story.acme.id]).unwrap();
    create(None);
    let third = create(None);
    create(Some("53400"));
    // A deleted tenant gives its place back, being a member only takes none.
    story
        .data
        .execute("UPDATE saas.tenants SET deleted_at = now() WHERE id = $1", &[&third])
        .unwrap();
    let last = create(None);
    create(Some("53400"));
    story.data.execute("SELECT saas.subscribe($1, 'any')", &[&last]).unwrap();
    create(None);
    create(None);
    let globex = story.globex.clone();
    let sql = "UPDATE saas.tenant_members SET role_id = (SELECT id FROM saas.roles WHERE key = 'tenant_owner') WHERE user_id = $1";
    story.data.execute(sql, &[&globex.guest.id]).unwrap();
    let mut request = asking(&mut app, &globex.guest, None);
    assert_sqlstate(request.execute(CREATE, &[&"x", &NOBODY]), "53400");
    drop(request);
    let mut request = asking(&mut app, &globex.admin, None);
    request.execute(CREATE, &[&"x", &NOBODY]).unwrap();
}

#[test]
fn two_at_once_don_t_both_take_the_last_place() {
    for level in [
        IsolationLevel::ReadCommitted,
        IsolationLevel::RepeatableRead,
        IsolationLevel::Serializable,
    ] {
        let story = Story::new();
        let stranger = story.stranger.clone();
        let mut first = story.db.kind("app");
        let mut second = story.db.connect("saas_app");
        let begin = |client: &mut Client| {
            client.batch_execute("BEGIN").unwrap();
            let level = match level {
                IsolationLevel::ReadCommitted => "READ COMMITTED",
                IsolationLevel::RepeatableRead => "REPEATABLE READ",
                _ => "SERIALIZABLE",
            };
            client.batch_execute(&format!("SET TRANSACTION ISOLATION LEVEL {level}")).unwrap();
            client.execute("SELECT saas.begin_request($1)", &[&stranger.token]).unwrap();
        };
        begin(&mut first);
        begin(&mut second);
        first.execute(CREATE, &[&"first", &NOBODY]).unwrap();
        let waiting = thread::spawn(move || {
            let made = second.execute(CREATE, &[&"second", &NOBODY]);
            second.batch_execute(if made.is_ok() { "COMMIT" } else { "ROLLBACK" }).unwrap();
            made
        });
        let mut watch = story.db.superuser();
        for _ in 0..500 {
            let waits = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database())";
            if waiting.is_finished() || one::<bool>(&mut watch, waits, &[]) {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        first.batch_execute("COMMIT").unwrap();
        let error = waiting.join().unwrap().expect_err("both were created");
        let code = error.code().unwrap().code().to_owned();
        let expected =
            if matches!(level, IsolationLevel::ReadCommitted) { "53400" } else { "40001" };
        assert_eq!(code, expected, "{error:?}");
        let owned = "SELECT count(*) FROM saas.tenant_members WHERE user_id = $1";
        assert_eq!(one::<i64>(&mut watch, owned, &[&stranger.id]), 1);
    }
}

#[test]
fn an_address_is_one_user() {
    let story = Story::new();
    let mut gateway = story.db.kind("gateway");
    let create = "SELECT saas.create_user($1, $2)";
    one::<Uuid>(&mut gateway, create, &[&"Jane@Example.com", &"Jane"]);
    for email in ["Jane@Example.com", "jane@example.com", "JANE@EXAMPLE.COM"] {
        assert_sqlstate(gateway.execute(create, &[&email, &"x"]), "23505");
    }
    for email in
        ["", "jane", "@example.com", "jane@", "a b@example.com", "a@b@c", "a\n@example.com"]
    {
        assert_sqlstate(gateway.execute(create, &[&email, &"x"]), "23514");
    }
    let long = format!("{}@example.com", "a".repeat(400));
    assert_sqlstate(gateway.execute(create, &[&long, &"x"]), "23514");
    assert_sqlstate(
        gateway.execute("SELECT saas.create_user('x@example.com', repeat('x', 501))", &[]),
        "23514",
    );
    assert_sqlstate(gateway.execute("SELECT saas.create_user(NULL)", &[]), "23502");
    one::<Uuid>(&mut gateway, "SELECT saas.create_user('without.name@example.com')", &[]);
}

#[test]
fn a_session_has_a_sane_end() {
    let mut story = Story::new();
    let user = story.stranger.id;
    let mut gateway = story.db.kind("gateway");
    for lifetime in [
        "0",
        "-1 s",
        "-1 month",
        "-infinity",
        "infinity",
        "300000 years",
        "178000000 years",
        "-300000 years",
        "2147483647 months",
        "2147483647 days",
        "9223372036854775807 microseconds",
        "garbage",
        "",
    ] {
        // As text, since what some versions call an interval others don't.
        let sql = format!("SELECT saas.create_session($1, '{lifetime}')");
        let error = gateway.execute(&sql, &[&user]).expect_err(lifetime);
        let code = error.code().unwrap().code();
        assert!(["23514", "22007", "22008", "22015"].contains(&code), "{lifetime}: {error:?}");
    }
    assert_sqlstate(gateway.execute("SELECT saas.create_session($1, NULL)", &[&user]), "23502");
    assert_sqlstate(gateway.execute("SELECT saas.create_session(NULL)", &[]), "23502");
    assert_sqlstate(gateway.execute("SELECT saas.create_session($1)", &[&Uuid::new_v4()]), "28000");
    let long_agent = "SELECT saas.create_session($1, '1 day', NULL, repeat('x', 2001))";
    assert_sqlstate(gateway.execute(long_agent, &[&user]), "23514");
    // Far away is no error; what is stored is the hash.
    let token: String = one(
        &mut gateway,
        "SELECT saas.create_session($1, '200000 years', '192.0.2.1', 'curl')",
        &[&user],
    );
    let found: i64 = one(
        &mut story.data,
        "SELECT count(*) FROM saas.sessions s WHERE token_hash = sha256($1::text::bytea) AND host(ip_address) = '192.0.2.1'
            AND user_agent = 'curl' AND NOT s::text LIKE '%' || $1 || '%'",
        &[&token],
    );
    assert_eq!(found, 1);
    story.data.execute("UPDATE saas.users SET deleted_at = now() WHERE id = $1", &[&user]).unwrap();
    assert_sqlstate(gateway.execute("SELECT saas.create_session($1)", &[&user]), "28000");
}

#[test]
fn one_ends_ones_own_sessions() {
    let mut story = Story::new();
    let (owner, guest) = (story.acme.owner.clone(), story.acme.guest.clone());
    let session = |story: &mut Story, user: Uuid| -> Uuid {
        let sql = "SELECT id FROM saas.sessions WHERE user_id = $1 AND revoked_at IS NULL ORDER BY created_at LIMIT 1";
        one(&mut story.data, sql, &[&user])
    };
    let revoke = "SELECT saas.revoke_session($1)";
    let (his, hers) = (session(&mut story, owner.id), session(&mut story, guest.id));
    let mut app = story.db.kind("app");
    assert_sqlstate(app.execute(revoke, &[&his]), "28000");
    for foreign in [hers, Uuid::new_v4()] {
        let mut request = asking(&mut app, &owner, None);
        let refused = assert_sqlstate(request.execute(revoke, &[&foreign]), "42501");
        assert_eq!(refused.message(), "not a session of this user");
    }
    // A program's key logs nobody out, and nothing is no session.
    let acme = story.acme.clone();
    let key = story.api_key(&acme, &owner, "tenant_owner");
    let mut request = app.transaction().unwrap();
    request.execute("SELECT saas.begin_request($1)", &[&key]).unwrap();
    assert_sqlstate(request.execute(revoke, &[&his]), "42501");
    drop(request);
    let mut request = asking(&mut app, &owner, None);
    assert_sqlstate(request.execute(revoke, &[&None::<Uuid>]), "23502");
    drop(request);
    // Another of his own: the request goes on.
    let token: String = one(&mut story.data, "SELECT saas.create_session($1)", &[&owner.id]);
    let other: Uuid = one(
        &mut story.data,
        "SELECT id FROM saas.sessions WHERE token_hash = sha256($1::text::bytea)",
        &[&token],
    );
    let mut request = asking(&mut app, &owner, None);
    request.execute(revoke, &[&other]).unwrap();
    request.execute(revoke, &[&other]).unwrap();
    assert_eq!(who(&mut request), Some(owner.id));
    // This very one: nobody is asking any more.
    request.execute(revoke, &[&his]).unwrap();
    assert_eq!(who(&mut request), None);
    request.commit().unwrap();
    for token in [&token, &owner.token] {
        assert_sqlstate(app.execute("SELECT saas.begin_request($1)", &[token]), "28000");
    }
    // A gateway without a context ends anybody's, with one only that user's.
    let mut gateway = story.db.kind("gateway");
    let mut request = asking(&mut gateway, &story.stranger, None);
    assert_sqlstate(request.execute(revoke, &[&hers]), "42501");
    drop(request);
    gateway.execute(revoke, &[&hers]).unwrap();
    assert_sqlstate(app.execute("SELECT saas.begin_request($1)", &[&guest.token]), "28000");
    assert_sqlstate(gateway.execute(revoke, &[&Uuid::new_v4()]), "42501");
    // An impersonator ends his own, not his target's.
    let (support, admin) = (story.support.clone(), story.acme.admin.clone());
    let id = story.impersonation(&support, &admin, &story.acme.clone(), "10 min");
    let (of_support, of_admin) = (session(&mut story, support.id), session(&mut story, admin.id));
    let mut request = app.transaction().unwrap();
    one::<Uuid>(&mut request, "SELECT saas.begin_request($1, NULL, $2)", &[&support.token, &id]);
    request.batch_execute("SAVEPOINT s").unwrap();
    assert_sqlstate(request.execute(revoke, &[&of_admin]), "42501");
    request.batch_execute("ROLLBACK TO s").unwrap();
    request.execute(revoke, &[&of_support]).unwrap();
    assert_eq!(who(&mut request), None);
}

#[test]
fn a_tenant_that_is_suspended_is_closed_to_its_people() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    story
        .data
        .execute("UPDATE saas.tenants SET suspended_at = now() WHERE id = $1", &[&acme.id])
        .unwrap();
    let mut app = story.db.kind("app");
    // Unbound he may still come, and sees his other tenants only.
    let mut request = asking(&mut app, &story.both, None);
    let seen: Vec<Uuid> = one(&mut request, "SELECT array_agg(id) FROM saas.tenants", &[]);
    assert_eq!(seen, [story.globex.id]);
    drop(request);
    // The platform sees it.
    let mut admin = story.db.kind("admin");
    let mut request = asking(&mut admin, &story.support, None);
    assert_eq!(one::<i64>(&mut request, "SELECT count(*) FROM saas.tenants", &[]), 2);
    drop(request);
    story
        .data
        .execute("UPDATE saas.tenants SET suspended_at = NULL WHERE id = $1", &[&acme.id])
        .unwrap();
    drop(asking(&mut app, &acme.guest, Some(&acme)));
    let newcomer = person(&mut story.data, "newcomer");
    let mut request = asking(&mut app, &newcomer, None);
    assert_eq!(one::<i64>(&mut request, "SELECT count(*) FROM saas.users", &[]), 1);
}
