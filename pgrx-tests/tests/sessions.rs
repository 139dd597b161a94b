//! Sessions: when they end by themselves, and what ends them.

use postgres::{Client, IsolationLevel};
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::{Story, asking, one, who};
use std::sync::mpsc;
use std::time::Duration;
use uuid::Uuid;

const BEGIN: &str = "SELECT saas.begin_request($1)";

fn login(data: &mut Client, user: Uuid) -> String {
    one(data, "SELECT saas.create_session($1)", &[&user])
}

fn id_of(data: &mut Client, token: &str) -> Uuid {
    one(data, "SELECT id FROM saas.sessions WHERE token_hash = sha256($1::text::bytea)", &[&token])
}

fn works(client: &mut Client, token: &str) -> bool {
    match client.execute(BEGIN, &[&token]) {
        Ok(_) => true,
        Err(error) => {
            assert_sqlstate(Err::<(), _>(error), "28000");
            false
        }
    }
}

#[test]
fn an_idle_session_ends_and_one_in_use_does_not() {
    let mut story = Story::new();
    let owner = story.acme.owner.clone();
    let mut app = story.db.kind("app");
    let id = id_of(&mut story.data, &owner.token);
    let seen = "UPDATE saas.sessions SET last_seen_at = now() - $2::text::interval WHERE id = $1";
    story.data.execute(seen, &[&id, &"70 minutes"]).unwrap();
    assert!(works(&mut app, &owner.token), "there is no timeout by default");
    story
        .data
        .batch_execute("UPDATE saas.settings SET session_idle_timeout = '30 minutes'")
        .unwrap();
    // That request was a use, and has committed.
    assert!(works(&mut app, &owner.token));
    story.data.execute(seen, &[&id, &"31 minutes"]).unwrap();
    assert!(!works(&mut app, &owner.token));
    let mut old =
        app.build_transaction().isolation_level(IsolationLevel::RepeatableRead).start().unwrap();
    assert_sqlstate(old.execute(BEGIN, &[&owner.token]), "28000");
    drop(old);
    // One in use is seen again and again, but for requests so near that nothing is gained.
    story.data.execute(seen, &[&id, &"29 minutes"]).unwrap();
    assert!(works(&mut app, &owner.token));
    let age = "SELECT last_seen_at > now() - interval '1 minute' FROM saas.sessions WHERE id = $1";
    assert!(one::<bool>(&mut story.data, age, &[&id]));
    let version = "SELECT xmin::text FROM saas.sessions WHERE id = $1";
    let before: String = one(&mut story.data, version, &[&id]);
    assert!(works(&mut app, &owner.token));
    assert_eq!(one::<String>(&mut story.data, version, &[&id]), before);
    for nonsense in ["'0'", "'-1 hour'", "'1 second'", "'11 years'"] {
        for setting in ["session_idle_timeout", "session_lifetime_limit"] {
            let sql = format!("UPDATE saas.settings SET {setting} = {nonsense}");
            assert_sqlstate(story.data.batch_execute(&sql), "23514");
        }
    }
}

#[test]
fn a_session_ends_whatever_it_was_opened_for() {
    let mut story = Story::new();
    let owner = story.acme.owner.clone();
    let mut app = story.db.kind("app");
    story
        .data
        .batch_execute("UPDATE saas.settings SET session_lifetime_limit = '8 hours'")
        .unwrap();
    let token = login(&mut story.data, owner.id);
    let id = id_of(&mut story.data, &token);
    let limited =
        "SELECT expires_at = created_at + interval '8 hours' FROM saas.sessions WHERE id = $1";
    assert!(one::<bool>(&mut story.data, limited, &[&id]));
    // Shorter ones stay as short; those from before the limit end by it too.
    let short: String =
        one(&mut story.data, "SELECT saas.create_session($1, '1 hour')", &[&owner.id]);
    let short = id_of(&mut story.data, &short);
    let kept =
        "SELECT expires_at = created_at + interval '1 hour' FROM saas.sessions WHERE id = $1";
    assert!(one::<bool>(&mut story.data, kept, &[&short]));
    let old = "UPDATE saas.sessions SET created_at = now() - $2::text::interval, expires_at = now() + interval '20 days' WHERE id = $1";
    story.data.execute(old, &[&id, &"9 hours"]).unwrap();
    assert!(!works(&mut app, &token));
    // It ends in the middle of a transaction, too.
    story.data.execute(old, &[&id, &"7 hours 59 minutes 58.5 seconds"]).unwrap();
    let mut request = app.transaction().unwrap();
    request.execute(BEGIN, &[&token]).unwrap();
    assert_eq!(who(&mut request), Some(owner.id));
    request.batch_execute("SELECT pg_sleep(1.7)").unwrap();
    assert_eq!(who(&mut request), None);
}

/// Whoever has stolen a token must not be able to keep its owner from logging out.
#[test]
fn nobody_waits_for_a_session_that_is_in_use() {
    let mut story = Story::new();
    let owner = story.acme.owner.clone();
    let id = id_of(&mut story.data, &owner.token);
    let long_ago =
        "UPDATE saas.sessions SET last_seen_at = now() - interval '2 hours' WHERE id = $1";
    story.data.execute(long_ago, &[&id]).unwrap();
    let mut app = story.db.kind("app");
    let mut open = app.transaction().unwrap();
    open.execute(BEGIN, &[&owner.token]).unwrap();
    let (done, finished) = mpsc::channel();
    std::thread::scope(|scope| {
        let (db, owner) = (&story.db, &owner);
        scope.spawn(move || {
            let mut app = db.connect("saas_app");
            let mut request = asking(&mut app, owner, None);
            request.execute("SELECT saas.revoke_session($1)", &[&id]).unwrap();
            request.commit().unwrap();
            done.send(()).unwrap();
        });
        finished.recv_timeout(Duration::from_secs(20)).expect("logging out waits for a request");
        // Its commit comes too late to note anything, and is not disturbed.
        open.commit().unwrap();
    });
    assert!(!works(&mut app, &owner.token));
}

#[test]
fn all_of_ones_own_or_by_those_who_may() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let owner = acme.owner.clone();
    let second = login(&mut story.data, owner.id);
    let mut app = story.db.kind("app");
    // One sees one's own, without the token's hash.
    let list = "SELECT count(*) FROM saas.sessions";
    assert_eq!(one::<i64>(&mut asking(&mut app, &owner, None), list, &[]), 2);
    let secret = asking(&mut app, &owner, None)
        .query("SELECT token_hash FROM saas.sessions", &[])
        .map(|rows| rows.len());
    assert_sqlstate(secret, "42501");
    let all = "SELECT saas.revoke_sessions($1, $2)";
    let nobody = None::<Uuid>;
    assert_sqlstate(app.query_one(all, &[&nobody, &false]), "28000");
    let mut request = asking(&mut app, &owner, None);
    assert_sqlstate(request.query_one(all, &[&acme.member.id, &false]), "42501");
    drop(request);
    let mut request = asking(&mut app, &owner, None);
    assert_sqlstate(request.query_one(all, &[&nobody, &None::<bool>]), "23502");
    drop(request);
    // Neither a key nor an impersonator speaks for him in this.
    let key = story.api_key(&acme, &owner, "tenant_owner");
    let mut request = app.transaction().unwrap();
    request.execute(BEGIN, &[&key]).unwrap();
    assert_sqlstate(request.query_one(all, &[&nobody, &false]), "42501");
    drop(request);
    let id = story.impersonation(&story.support.clone(), &owner, &acme, "10 min");
    let mut request = app.transaction().unwrap();
    request
        .execute("SELECT saas.begin_request($1, NULL, $2)", &[&story.support.token, &id])
        .unwrap();
    assert_sqlstate(request.query_one(all, &[&nobody, &false]), "42501");
    drop(request);
    // All but this one, then all.
    let mut request = asking(&mut app, &owner, None);
    assert_eq!(one::<i64>(&mut request, all, &[&nobody, &true]), 1);
    assert_eq!(who(&mut request), Some(owner.id));
    request.commit().unwrap();
    assert!(works(&mut app, &owner.token) && !works(&mut app, &second));
    let third = login(&mut story.data, owner.id);
    let mut request = asking(&mut app, &owner, None);
    assert_eq!(one::<i64>(&mut request, all, &[&owner.id, &false]), 2);
    assert_eq!(who(&mut request), None);
    request.commit().unwrap();
    assert!(!works(&mut app, &owner.token) && !works(&mut app, &third));
    // A gateway, and whoever configures the platform, anybody's.
    let mut gateway = story.db.kind("gateway");
    assert_sqlstate(gateway.query_one(all, &[&nobody, &false]), "23502");
    assert_eq!(one::<i64>(&mut gateway, all, &[&acme.member.id, &false]), 1);
    assert!(!works(&mut app, &acme.member.token));
    let mut admin = story.db.kind("admin");
    let mut request = asking(&mut admin, &story.support, None);
    assert_sqlstate(request.query_one(all, &[&acme.guest.id, &false]), "42501");
    drop(request);
    let mut request = asking(&mut admin, &story.superadmin, None);
    assert_eq!(one::<i64>(&mut request, all, &[&acme.guest.id, &false]), 1);
    assert_eq!(who(&mut request), Some(story.superadmin.id));
    request.commit().unwrap();
    assert!(!works(&mut app, &acme.guest.token));
}

#[test]
fn other_platform_roles_and_another_password_ask_for_a_new_login() {
    let mut story = Story::new();
    let (root, support) = (story.superadmin.clone(), story.support.clone());
    let mut admin = story.db.kind("admin");
    let give = "SELECT saas.grant_system_role($1, 'platform_admin', 'on call')";
    let mut request = asking(&mut admin, &root, None);
    let assignment: Uuid = one(&mut request, give, &[&support.id]);
    request.commit().unwrap();
    assert!(!works(&mut admin, &support.token) && works(&mut admin, &root.token));
    let again = login(&mut story.data, support.id);
    let mut request = asking(&mut admin, &root, None);
    request.execute("SELECT saas.revoke_system_role($1, 'off call')", &[&assignment]).unwrap();
    request.commit().unwrap();
    assert!(!works(&mut admin, &again) && works(&mut admin, &root.token));
    // His own session goes on in which he does it himself.
    let mut request = asking(&mut admin, &root, None);
    one::<Uuid>(&mut request, give, &[&root.id]);
    request.commit().unwrap();
    assert!(works(&mut admin, &root.token));
    // Opening a break-glass role is no time to log in.
    let support = story.platform_admin.clone();
    story
        .data
        .batch_execute(
            "SELECT saas.define_platform_role('platform_fire', '{platform.tenant.suspend}', true)",
        )
        .unwrap();
    let mut request = asking(&mut admin, &support, None);
    one::<Uuid>(&mut request, "SELECT saas.open_break_glass('platform_fire', 'fire')", &[]);
    request.commit().unwrap();
    assert!(works(&mut admin, &support.token));
    // A password: the same one changes nothing.
    let owner = story.acme.owner.clone();
    let account = "INSERT INTO saas.accounts (user_id, provider_id, account_id, password_hash) VALUES ($1, 'credential', 'x', 'old')";
    story.data.execute(account, &[&owner.id]).unwrap();
    story.data.batch_execute("UPDATE saas.accounts SET password_hash = 'old'").unwrap();
    assert!(works(&mut admin, &owner.token));
    story.data.batch_execute("UPDATE saas.accounts SET password_hash = 'new'").unwrap();
    assert!(!works(&mut admin, &owner.token) && works(&mut admin, &story.acme.admin.token));
}
