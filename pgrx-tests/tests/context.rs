//! Who is asking: the ways into a context, the ways out of it, and that there are no others.

use postgres::{Client, Config, IsolationLevel, NoTls};
use saas_core_tests::story::{Story, asking, one, who};
use saas_core_tests::{TestDb, assert_sqlstate};
use std::env;
use uuid::Uuid;

const FOREIGN: &str = "not a tenant of this user";

/// Ends the transaction that a refusal aborted, and says whether somebody is asking afterwards.
fn nobody_after(client: &mut Client) -> bool {
    client.batch_execute("ROLLBACK").unwrap();
    who(client).is_none()
}

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
fn a_token_begins_a_request() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    for kind in ["app", "gateway", "admin"] {
        let mut client = story.db.kind(kind);
        let mut request = client.transaction().unwrap();
        let user: Uuid = one(&mut request, "SELECT saas.begin_request($1)", &[&acme.owner.token]);
        assert_eq!(user, acme.owner.id);
        assert_eq!(who(&mut request), Some(acme.owner.id));
        assert_eq!(one::<Option<Uuid>>(&mut request, "SELECT saas.current_tenant_id()", &[]), None);
        let session: Option<Uuid> = one(&mut request, "SELECT saas.current_session_id()", &[]);
        let known = "SELECT id FROM saas.sessions WHERE user_id = $1";
        assert_eq!(session, one(&mut story.data, known, &[&acme.owner.id]));
        assert_eq!(one::<Option<Uuid>>(&mut request, "SELECT saas.current_impersonator_id()", &[]), None);

        one::<Uuid>(&mut request, "SELECT saas.begin_request($1, $2)", &[&acme.owner.token, &acme.id]);
        assert_eq!(one::<Option<Uuid>>(&mut request, "SELECT saas.current_tenant_id()", &[]), Some(acme.id));
    }
}

#[test]
fn a_request_may_be_read_only() {
    let story = Story::new();
    let mut app = story.db.kind("app");
    let mut request = app.build_transaction().read_only(true).start().unwrap();
    one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[&story.acme.guest.token]);
    assert_eq!(one::<i64>(&mut request, "SELECT count(*) FROM saas.tenants", &[]), 1);
}

#[test]
fn what_is_no_live_token_is_refused() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let live = acme.member.token.clone();
    let data = &mut story.data;
    let mut other = |change: &str| -> String {
        let token: String = one(data, "SELECT saas.create_session($1)", &[&acme.member.id]);
        data.execute(&format!("UPDATE saas.sessions SET {change} WHERE token_hash = sha256($1::text::bytea)"), &[&token])
            .unwrap();
        token
    };
    let expired = other("created_at = now() - interval '2 days', expires_at = now() - interval '1 s'");
    let revoked = other("revoked_at = now()");
    let hash: String = one(&mut story.data, "SELECT encode(sha256($1::text::bytea), 'hex')", &[&live]);
    story.data.execute("UPDATE saas.users SET deleted_at = now() WHERE id = $1", &[&acme.guest.id]).unwrap();

    let mut tokens: Vec<Option<String>> = [
        "", " ", "garbage", "saas_session_", "saas_key_", "saas_key__", "saas_key_x_y", "saas_",
        "saas_session_%", "' OR true --", "\u{1F600}", "null",
    ]
    .map(|token| Some(token.to_owned()))
    .to_vec();
    tokens.extend([
        None,
        Some("x".repeat(10_000_000)),
        Some(format!("saas_session_{}", "0".repeat(64))),
        Some(format!("saas_session_{}", "a".repeat(10_000_000))),
        Some(format!("saas_session_{hash}")),
        Some(hash),
        Some(format!("{live} ")),
        Some(format!(" {live}")),
        Some(live.to_uppercase()),
        Some(live[..live.len() - 1].to_owned()),
        Some(format!("{live}0")),
        Some(format!("saas_key_{}_{}", acme.id, "0".repeat(64))),
        Some(format!("saas_key_{}_{}", Uuid::new_v4(), "0".repeat(64))),
        Some(expired),
        Some(revoked),
        Some(acme.guest.token.clone()),
    ]);
    let mut client = story.db.kind("app");
    for token in tokens {
        client.batch_execute("BEGIN").unwrap();
        let refused = assert_sqlstate(client.execute("SELECT saas.begin_request($1)", &[&token]), "28000");
        assert_eq!(refused.message(), "unknown, expired or revoked session or key");
        assert!(nobody_after(&mut client));
        // With a tenant it is the same: nothing is said of the tenant before the token is known.
        let result = client.execute("SELECT saas.begin_request($1, $2)", &[&token, &acme.id]);
        let refused = assert_sqlstate(result, "28000");
        assert_eq!(refused.message(), "unknown, expired or revoked session or key");
    }
    assert_sqlstate(client.execute("SELECT saas.begin_request(NULL, NULL, NULL)", &[]), "28000");
    // PostgreSQL itself keeps out what is no text.
    assert_sqlstate(client.batch_execute(r"SELECT saas.begin_request(E'saas_session_\xff')"), "22021");
}

#[test]
fn unknown_foreign_suspended_and_deleted_tenants_look_the_same() {
    let mut story = Story::new();
    let (acme, globex) = (story.acme.clone(), story.globex.clone());
    let mut messages = Vec::new();
    let mut refuse = |client: &mut Client, token: &str, tenant: Uuid| {
        client.batch_execute("BEGIN").unwrap();
        let result = client.execute("SELECT saas.begin_request($1, $2)", &[&token, &tenant]);
        let refused = assert_sqlstate(result, "42501");
        messages.push(format!(
            "{} {:?} {:?} {:?}", refused.message(), refused.detail(), refused.hint(), refused.where_()
        ));
        assert!(nobody_after(client));
    };
    let mut app = story.db.kind("app");
    refuse(&mut app, &acme.owner.token, globex.id);
    refuse(&mut app, &acme.owner.token, Uuid::new_v4());
    refuse(&mut app, &acme.owner.token, Uuid::nil());
    // No platform role opens a tenant.
    refuse(&mut app, &story.superadmin.token, acme.id);
    let mut gateway = story.db.kind("gateway");
    let result = gateway.execute("SELECT saas.begin_request_as($1, $2)", &[&acme.owner.id, &globex.id]);
    assert_eq!(assert_sqlstate(result, "42501").message(), FOREIGN);
    let key = story.api_key(&acme, &acme.owner, "tenant_guest");
    refuse(&mut app, &key, globex.id);
    for change in ["suspended_at", "deleted_at"] {
        let set = |value: &str| format!("UPDATE saas.tenants SET {change} = {value} WHERE id = '{}'", acme.id);
        story.data.batch_execute(&set("now()")).unwrap();
        refuse(&mut app, &acme.owner.token, acme.id);
        refuse(&mut app, &key, acme.id);
        story.data.batch_execute(&set("NULL")).unwrap();
    }
    messages.sort();
    messages.dedup();
    assert_eq!(messages, [format!("{FOREIGN} None None None")]);
}

#[test]
fn a_context_lives_in_one_transaction() {
    let story = Story::new();
    let acme = &story.acme;
    let mut app = story.db.kind("app");

    asking(&mut app, &acme.member, None).commit().unwrap();
    assert_eq!(who(&mut app), None);
    asking(&mut app, &acme.member, None).rollback().unwrap();
    assert_eq!(who(&mut app), None);
    let mut request = asking(&mut app, &acme.member, None);
    assert_sqlstate(request.execute("SELECT 1/0", &[]), "22012");
    drop(request);
    assert_eq!(who(&mut app), None);

    let mut request = asking(&mut app, &acme.member, None);
    request.batch_execute("PREPARE TRANSACTION 'lives_in_one'").unwrap();
    drop(request);
    assert_eq!(who(&mut app), None);
    app.batch_execute("COMMIT PREPARED 'lives_in_one'").unwrap();
    assert_eq!(who(&mut app), None);
    assert_eq!(one::<String>(&mut app, "SELECT current_setting('saas.context')", &[]), "");

    // A procedure that commits.
    let token = &acme.member.token;
    app.batch_execute(&format!(
        "DO $$ BEGIN
           PERFORM saas.begin_request('{token}');
           ASSERT saas.current_user_id() IS NOT NULL;
           COMMIT;
           ASSERT saas.current_user_id() IS NULL, 'after COMMIT';
           PERFORM saas.begin_request('{token}');
           ROLLBACK;
           ASSERT saas.current_user_id() IS NULL, 'after ROLLBACK';
         END $$"
    ))
    .unwrap();
    // COMMIT AND CHAIN begins a new transaction.
    let mut request = asking(&mut app, &acme.member, None);
    request.batch_execute("COMMIT AND CHAIN").unwrap();
    assert_eq!(who(&mut request), None);
}

#[test]
fn a_savepoint_brings_back_who_was_asking() {
    let story = Story::new();
    let acme = &story.acme;
    let mut app = story.db.kind("app");
    let mut request = asking(&mut app, &acme.member, Some(acme));
    request.batch_execute("SAVEPOINT one").unwrap();
    one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[&acme.guest.token]);
    assert_eq!(who(&mut request), Some(acme.guest.id));
    request.batch_execute("ROLLBACK TO SAVEPOINT one").unwrap();
    assert_eq!(who(&mut request), Some(acme.member.id));
    assert_eq!(one::<Option<Uuid>>(&mut request, "SELECT saas.current_tenant_id()", &[]), Some(acme.id));

    // Released: the inner one stays, until the outer savepoint is rolled back.
    request.batch_execute("SAVEPOINT two").unwrap();
    one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[&acme.guest.token]);
    request.batch_execute("RELEASE SAVEPOINT two").unwrap();
    assert_eq!(who(&mut request), Some(acme.guest.id));
    request.batch_execute("ROLLBACK TO SAVEPOINT one").unwrap();
    assert_eq!(who(&mut request), Some(acme.member.id));

    // Begun inside only: before the savepoint nobody was asking.
    request.rollback().unwrap();
    let mut request = app.transaction().unwrap();
    request.batch_execute("SAVEPOINT one").unwrap();
    one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[&acme.guest.token]);
    request.batch_execute("ROLLBACK TO SAVEPOINT one").unwrap();
    assert_eq!(who(&mut request), None);
}

#[test]
fn the_second_request_replaces_the_first() {
    let story = Story::new();
    let acme = &story.acme;
    let mut app = story.db.kind("app");
    let mut request = asking(&mut app, &acme.owner, Some(acme));
    one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[&story.globex.guest.token]);
    assert_eq!(who(&mut request), Some(story.globex.guest.id));
    assert_eq!(one::<Option<Uuid>>(&mut request, "SELECT saas.current_tenant_id()", &[]), None);
    assert!(one::<bool>(&mut request, "SELECT NOT saas.has_tenant_permission($1, 'tenant.read')", &[&acme.id]));
    drop(request);
    // A refused one aborts the transaction, and with it the first.
    let mut request = asking(&mut app, &acme.owner, Some(acme));
    assert_sqlstate(request.execute("SELECT saas.begin_request('garbage')", &[]), "28000");
    assert_sqlstate(request.execute("SELECT saas.current_user_id()", &[]), "25P02");
    drop(request);
    assert_eq!(who(&mut app), None);
}

#[test]
fn outside_of_a_transaction_block_it_warns() {
    let story = Story::new();
    let (warnings, collect) = std::sync::mpsc::channel();
    let mut config = Config::new();
    story.db.kind("app");
    config
        .host(&env::var("PGHOST").unwrap())
        .user("saas_app")
        .dbname(story.db.name())
        .notice_callback(move |notice| warnings.send(notice.code().code().to_owned()).unwrap());
    let mut app = config.connect(NoTls).unwrap();
    one::<Uuid>(&mut app, "SELECT saas.begin_request($1)", &[&story.acme.owner.token]);
    assert_eq!(who(&mut app), None);
    assert_eq!(collect.try_iter().collect::<Vec<_>>(), ["25P01"]);
    drop(asking(&mut app, &story.acme.owner, None));
    assert_eq!(collect.try_iter().count(), 0);
}

#[test]
fn it_ends_with_its_session() {
    let mut story = Story::new();
    let token: String =
        one(&mut story.data, "SELECT saas.create_session($1, '1.5 s')", &[&story.acme.owner.id]);
    let mut app = story.db.kind("app");
    let mut request = app.transaction().unwrap();
    one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[&token]);
    assert!(who(&mut request).is_some());
    request.batch_execute("SELECT pg_sleep(1.6)").unwrap();
    assert_eq!(who(&mut request), None);
    assert_eq!(one::<i64>(&mut request, "SELECT count(*) FROM saas.tenants", &[]), 0);
    assert_sqlstate(request.execute("SELECT saas.require_tenant_permission('tenant.read')", &[]), "28000");
}

#[test]
fn revoked_before_it_begins_counts_in_an_old_snapshot_too() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let key = story.api_key(&acme, &acme.owner, "tenant_admin");
    let revoke = ["UPDATE saas.sessions SET revoked_at = now()", "UPDATE saas.api_keys SET revoked_at = now()"];
    for (token, revoke) in [&acme.owner.token, &key].into_iter().zip(revoke) {
        let mut app = story.db.kind("app");
        let mut request =
            app.build_transaction().isolation_level(IsolationLevel::RepeatableRead).start().unwrap();
        one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[token]);
        story.data.batch_execute(revoke).unwrap();
        assert_sqlstate(request.execute("SELECT saas.begin_request($1)", &[token]), "28000");
    }
    // And a deleted user for a gateway.
    let mut gateway = story.db.kind("gateway");
    let mut request =
        gateway.build_transaction().isolation_level(IsolationLevel::Serializable).start().unwrap();
    one::<Uuid>(&mut request, "SELECT saas.begin_request_as($1)", &[&acme.guest.id]);
    story.data.execute("UPDATE saas.users SET deleted_at = now() WHERE id = $1", &[&acme.guest.id]).unwrap();
    assert_sqlstate(request.execute("SELECT saas.begin_request_as($1)", &[&acme.guest.id]), "28000");
}

#[test]
fn only_a_gateway_asserts_a_user() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let mut gateway = story.db.kind("gateway");
    let mut request = gateway.transaction().unwrap();
    let user: Uuid = one(&mut request, "SELECT saas.begin_request_as($1, $2)", &[&acme.owner.id, &acme.id]);
    assert_eq!(user, acme.owner.id);
    assert!(one::<bool>(&mut request, "SELECT saas.has_tenant_permission('billing.manage')", &[]));
    drop(request);
    assert_sqlstate(gateway.execute("SELECT saas.begin_request_as($1)", &[&Uuid::new_v4()]), "28000");
    assert_sqlstate(gateway.execute("SELECT saas.begin_request_as(NULL)", &[]), "23502");
    for kind in ["app", "worker", "auditor", "admin"] {
        let mut client = story.db.kind(kind);
        for call in ["begin_request_as($1)", "create_session($1)"] {
            assert_sqlstate(client.execute(&format!("SELECT saas.{call}"), &[&acme.owner.id]), "42501");
        }
        assert_sqlstate(client.execute("SELECT saas.create_user('x@example.com')", &[]), "42501");
    }
    assert_sqlstate(story.db.kind("worker").execute("SELECT saas.begin_request('x')", &[]), "42501");
    // The data owner may, by himself.
    one::<Uuid>(&mut story.data, "SELECT saas.begin_request_as($1)", &[&acme.owner.id]);
}

#[test]
fn an_api_key_has_its_tenant_and_its_role() {
    let mut story = Story::new();
    let (acme, both) = (story.acme.clone(), story.both.clone());
    // Two tenants and billing.manage are his, this one tenant and reading is the key's.
    story.data.execute(
        "UPDATE saas.tenant_members SET role_id = (SELECT id FROM saas.roles WHERE key = 'tenant_owner')
          WHERE user_id = $1", &[&both.id]).unwrap();
    // A system role is not the key's either.
    saas_core_tests::story::assign(&mut story.data, &both, "platform_superadmin");
    let key = story.api_key(&acme, &both, "tenant_guest");
    let mut app = story.db.kind("app");
    let mut admin = story.db.kind("admin");
    for tenant in [None, Some(acme.id)] {
        let mut request = app.transaction().unwrap();
        one::<Uuid>(&mut request, "SELECT saas.begin_request($1, $2)", &[&key, &tenant]);
        assert_eq!(who(&mut request), Some(both.id));
        assert_eq!(one::<Option<Uuid>>(&mut request, "SELECT saas.current_tenant_id()", &[]), Some(acme.id));
        let permissions: Vec<String> = one(
            &mut request,
            "SELECT array_agg(key ORDER BY key) FROM saas.permissions
              WHERE saas.has_tenant_permission(key) OR saas.has_tenant_permission($1, key)
                 OR saas.has_system_permission(key) OR saas.has_system_permission($2, key)
                 OR saas.has_tenant_permission($2, $1, key) OR saas.has_tenant_permission($2, $3, key)",
            &[&acme.id, &both.id, &story.globex.id],
        );
        assert_eq!(permissions, ["tenant.read"]);
        let tenants: Vec<Uuid> = one(&mut request, "SELECT array_agg(id) FROM saas.tenants", &[]);
        assert_eq!(tenants, [acme.id]);
        let result = request.execute("SELECT saas.create_tenant('another')", &[]);
        assert_sqlstate(result, "42501");
    }
    let mut request = admin.transaction().unwrap();
    one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[&key]);
    assert_eq!(one::<i64>(&mut request, "SELECT count(*) FROM saas.tenants", &[]), 0);
    drop(request);

    // The key goes with the membership, and with its own revocation and expiry.
    let mut refuse = |story: &mut Story, change: &str, sqlstate: &str, back: &str| {
        story.data.execute(change, &[&both.id]).unwrap();
        assert_sqlstate(app.execute("SELECT saas.begin_request($1)", &[&key]), sqlstate);
        story.data.execute(back, &[&both.id]).unwrap();
        app.execute("SELECT saas.begin_request($1)", &[&key]).unwrap();
    };
    let set = |value: &str| format!("UPDATE saas.api_keys SET {value} WHERE user_id = $1");
    refuse(&mut story, &set("revoked_at = now()"), "28000", &set("revoked_at = NULL"));
    refuse(
        &mut story,
        &set("created_at = now() - interval '1 day', expires_at = now()"),
        "28000",
        &set("expires_at = NULL"),
    );
    story.remove(&acme, &both);
    assert_sqlstate(app.execute("SELECT saas.begin_request($1)", &[&key]), "42501");
    // A key's hash is no key; nor does another tenant's name in it serve.
    let swapped = key.replace(&acme.id.to_string(), &story.globex.id.to_string());
    assert_sqlstate(app.execute("SELECT saas.begin_request($1)", &[&swapped]), "28000");
    // Keys don't impersonate.
    let key = story.api_key(&story.acme.clone(), &acme.owner, "tenant_owner");
    let result = app.execute("SELECT saas.begin_request($1, NULL, $2)", &[&key, &Uuid::new_v4()]);
    assert_sqlstate(result, "28000");
}

#[test]
fn an_api_key_ends_inside_the_transaction() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let key = story.api_key(&acme, &acme.owner, "tenant_owner");
    story.data.batch_execute("UPDATE saas.api_keys SET expires_at = now() + interval '1.5 s'").unwrap();
    let mut app = story.db.kind("app");
    let mut request = app.transaction().unwrap();
    one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[&key]);
    assert!(one::<bool>(&mut request, "SELECT saas.has_tenant_permission('tenant.read')", &[]));
    request.batch_execute("SELECT pg_sleep(1.6)").unwrap();
    assert!(!one::<bool>(&mut request, "SELECT saas.has_tenant_permission('tenant.read')", &[]));
    assert_eq!(who(&mut request), None);
}

const ENTER: &str = "SELECT saas.begin_request($1, $2, $3)";
const NO_TENANT: Option<Uuid> = None;

#[test]
fn an_impersonation_opens_one_tenant() {
    let mut story = Story::new();
    let (acme, both, support) = (story.acme.clone(), story.both.clone(), story.support.clone());
    // A tempting target: his platform rights are not for whoever impersonates him.
    saas_core_tests::story::assign(&mut story.data, &both, "platform_superadmin");
    let id = story.impersonation(&support, &both, &acme, "30 min");
    for kind in ["app", "admin"] {
        let mut client = story.db.kind(kind);
        let mut request = client.transaction().unwrap();
        let user: Uuid = one(&mut request, ENTER, &[&support.token, &NO_TENANT, &id]);
        assert_eq!((user, who(&mut request)), (both.id, Some(both.id)));
        assert_eq!(
            one::<Option<Uuid>>(&mut request, "SELECT saas.current_impersonator_id()", &[]),
            Some(support.id)
        );
        assert_eq!(one::<Option<Uuid>>(&mut request, "SELECT saas.current_tenant_id()", &[]), Some(acme.id));
        let count = "SELECT count(*) FROM saas.permissions WHERE saas.has_system_permission(key)
                        OR saas.has_system_permission($1, key) OR saas.has_tenant_permission($1, $2, key)";
        assert_eq!(one::<i64>(&mut request, count, &[&both.id, &story.globex.id]), 0);
        assert!(one::<bool>(&mut request, "SELECT saas.has_tenant_permission('project.create')", &[]));
        let tenants: i64 = one(&mut request, "SELECT count(*) FROM saas.tenants", &[]);
        assert_eq!(tenants, i64::from(kind == "app"));
        assert_sqlstate(request.execute("SELECT saas.create_tenant('his')", &[]), "42501");
    }
    let mut app = story.db.kind("app");
    let mut enter = |token: &str, tenant: Option<Uuid>, id: Uuid, sqlstate: &str| {
        assert_sqlstate(app.execute(ENTER, &[&token, &tenant, &id]), sqlstate);
    };
    enter(&support.token, Some(story.globex.id), id, "42501");
    enter(&support.token, None, Uuid::new_v4(), "42501");
    // It is its actor's only, also for those with the same right and for its target.
    enter(&story.superadmin.token, None, id, "42501");
    enter(&both.token, None, id, "42501");
    enter("garbage", None, id, "28000");
    // A target who is not a member of the tenant.
    let id = story.impersonation(&support, &story.stranger.clone(), &acme, "30 min");
    enter(&support.token, None, id, "42501");
    // An actor without the right.
    let (actor, owner) = (story.platform_admin.clone(), acme.owner.clone());
    let id = story.impersonation(&actor, &owner, &acme, "30 min");
    enter(&actor.token, None, id, "42501");
    // Nobody makes one that is too long, of himself or approved by himself.
    let sql = "INSERT INTO saas.impersonation_sessions (actor_id, target_user_id, tenant_id, reason, expires_at, approved_by)
               SELECT $1, $2, $3, 'why', now() + $4::text::interval, $5";
    let none: Option<Uuid> = None;
    for (target, lasts, approved) in
        [(owner.id, "61 min", none), (support.id, "30 min", none), (owner.id, "30 min", Some(support.id)),
         (owner.id, "-1 s", none), (owner.id, "0", none)]
    {
        let result = story.data.execute(sql, &[&support.id, &target, &acme.id, &lasts, &approved]);
        assert_sqlstate(result, "23514");
    }
}

#[test]
fn an_impersonation_ends() {
    let story = std::cell::RefCell::new(Story::new());
    let (acme, support) = (story.borrow().acme.clone(), story.borrow().support.clone());
    let may = "SELECT saas.has_tenant_permission('tenant.read'),
                      saas.permitted_tenant_ids('tenant.read') <> '{}', (SELECT count(*) FROM saas.tenants)";
    let mut app = story.borrow().db.kind("app");
    let mut ends = |lasts: &str, end: &dyn Fn(&mut Client, Uuid)| {
        let id = story.borrow_mut().impersonation(&support, &acme.owner, &acme, lasts);
        let mut request = app.transaction().unwrap();
        one::<Uuid>(&mut request, ENTER, &[&support.token, &NO_TENANT, &id]);
        let row = request.query_one(may, &[]).unwrap();
        assert_eq!((row.get(0), row.get(1), row.get(2)), (true, true, 1i64));
        end(&mut story.borrow_mut().data, id);
        // In the transaction that runs already,
        let row = request.query_one(may, &[]).unwrap();
        assert_eq!((row.get(0), row.get(1), row.get(2)), (false, false, 0i64));
        drop(request);
        // and for every later one.
        assert_sqlstate(app.execute(ENTER, &[&support.token, &NO_TENANT, &id]), "42501");
    };
    ends("1.5 s", &|data, _| data.batch_execute("SELECT pg_sleep(1.6)").unwrap());
    ends("30 min", &|data, id| {
        data.execute("UPDATE saas.impersonation_sessions SET ended_at = now() WHERE id = $1", &[&id]).unwrap();
    });
    let revoke = "UPDATE saas.system_role_assignments SET revoked_at = now() WHERE assigned_user_id = $1";
    ends("30 min", &|data, _| assert_eq!(data.execute(revoke, &[&support.id]).unwrap(), 1));
    saas_core_tests::story::assign(&mut story.borrow_mut().data, &support, "platform_support");
    ends("30 min", &|data, _| {
        data.batch_execute(
            "DELETE FROM saas.role_permissions rp USING saas.permissions p, saas.roles r
              WHERE p.id = rp.permission_id AND r.id = rp.role_id
                AND p.key = 'platform.user.impersonate' AND r.key = 'platform_support'",
        )
        .unwrap();
    });
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
        assert_sqlstate(client.batch_execute("SELECT set_config('saas.context.user', 'x', true)"), "42602");
        let (context, source): (String, String) = {
            let row = client
                .query_one("SELECT context, source FROM pg_settings WHERE name = 'saas.context'", &[])
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
        format!("SET saas.context = '{value}'; BEGIN; SET LOCAL saas.context = '{value}'; SAVEPOINT s; \
                 SET LOCAL saas.context = 'garbage'; SELECT saas.version(); ROLLBACK TO s; ROLLBACK"),
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
        format!("CREATE FUNCTION pg_temp.f() RETURNS void LANGUAGE sql SET saas.context = '{value}' AS ''"),
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
    request.batch_execute("RESET ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; DISCARD PLANS").unwrap();
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
fn parallel_workers_know_who_is_asking() {
    let mut story = Story::new();
    let (acme, globex) = (story.acme.clone(), story.globex.clone());
    for (tenant, rows) in [(&acme, 3000), (&globex, 2000)] {
        story
            .data
            .execute(
                "INSERT INTO saas.projects (tenant_id, title) SELECT $1, 'p' FROM generate_series(1, $2)",
                &[&tenant.id, &rows],
            )
            .unwrap();
    }
    story.db.superuser().batch_execute("VACUUM ANALYZE saas.projects").unwrap();
    let mut app = story.db.kind("app");
    let version: i32 = one(&mut app, "SELECT current_setting('server_version_num')::int", &[]);
    let force = if version >= 160_000 { "debug_parallel_query" } else { "force_parallel_mode" };
    app.batch_execute(&format!(
        "SET {force} = on; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0"
    ))
    .unwrap();
    let count = "SELECT count(*) FROM saas.projects";
    let mut counted = |token: &str, tenant: Option<Uuid>| -> i64 {
        let mut request = app.transaction().unwrap();
        one::<Uuid>(&mut request, "SELECT saas.begin_request($1, $2)", &[&token, &tenant]);
        let plan: Vec<String> =
            request.query(&format!("EXPLAIN (ANALYZE, COSTS off) {count}"), &[]).unwrap().iter().map(|row| row.get(0)).collect();
        let launched = plan.iter().any(|line| line.contains("Workers Launched") && !line.contains(": 0"));
        assert!(launched, "no worker took part: {plan:#?}");
        one(&mut request, count, &[])
    };
    assert_eq!(counted(&acme.member.token, None), 3000);
    assert_eq!(counted(&globex.guest.token, Some(globex.id)), 2000);
    assert_eq!(counted(&story.both.token, None), 5000);
    assert_eq!(counted(&story.both.token, Some(acme.id)), 3000);
    assert_eq!(counted(&story.stranger.token, None), 0);
    // A right of this very transaction, and one taken back by another session.
    let mut request = asking(&mut app, &acme.member, None);
    assert_eq!(one::<i64>(&mut request, count, &[]), 3000);
    story.remove(&acme, &acme.member);
    assert_eq!(one::<i64>(&mut request, count, &[]), 0);
    drop(request);
    // The functions themselves, in a worker, without a context too.
    let sql = "SELECT saas.current_user_id() IS NULL AND NOT saas.has_tenant_permission('tenant.read')
                  AND NOT saas.has_system_permission('platform.tenant.read')
                  AND saas.permitted_tenant_ids('tenant.read') = '{}'";
    assert!(one::<bool>(&mut app, sql, &[]));
}

#[test]
fn a_definer_function_opens_no_gate() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    story.db.kind("app");
    // By the data owner, by a superuser, and by a role that has both the owner's and a gateway's rights.
    let mut superuser = story.db.superuser();
    superuser
        .batch_execute("CREATE SCHEMA trap AUTHORIZATION saas_owner; GRANT USAGE ON SCHEMA trap TO saas_app;
                        CREATE SCHEMA trap_super; GRANT USAGE ON SCHEMA trap_super TO saas_app")
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
        format!("PERFORM saas.has_tenant_permission('{}', '{}', 'tenant.read')", acme.owner.id, acme.id),
        format!("PERFORM saas.has_system_permission('{}', 'platform.tenant.read')", story.superadmin.id),
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
    let unchanged = "SELECT count(*) FROM saas.access_grants WHERE kind <> 'app'";
    assert_eq!(one::<i64>(&mut story.data, unchanged, &[]), 0);
    // Called by themselves they may: the refusal is the definer's.
    story.data.batch_execute("SELECT trap.f1()").unwrap_err();
    one::<bool>(&mut story.data, "SELECT saas.has_system_permission($1, 'platform.tenant.read')", &[&story.superadmin.id]);
}

#[test]
fn what_lies_in_the_callers_way_is_ignored() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    story
        .data
        .execute("INSERT INTO saas.projects (tenant_id, title) VALUES ($1, 'secret'), ($2, 'open')",
                 &[&story.globex.id, &acme.id])
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
        let titles: Vec<String> =
            request.query("SELECT title FROM saas.projects", &[]).unwrap().iter().map(|row| row.get(0)).collect();
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
    assert_eq!(one::<i64>(&mut request, "SELECT count(*) FROM saas.projects WHERE evil.leak(title)", &[]), 0);
    drop(request);
    let mut request = asking(&mut app, &acme.guest, None);
    let leaked = assert_sqlstate(request.execute("SELECT FROM saas.projects WHERE evil.leak(title)", &[]), "P0LEA");
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

#[test]
fn two_databases_do_not_mix() {
    let one_story = Story::new();
    let other = Story::new();
    let mut app = other.db.kind("app");
    let result = app.execute("SELECT saas.begin_request($1)", &[&one_story.acme.owner.token]);
    assert_sqlstate(result, "28000");
    // Roles are the server's, kinds are the database's.
    other.db.grant("mixed_kinds", "gateway");
    one_story.db.grant("mixed_kinds", "app");
    let sql = "SELECT saas.begin_request_as($1)";
    other.db.connect("mixed_kinds").execute(sql, &[&other.acme.owner.id]).unwrap();
    let result = one_story.db.connect("mixed_kinds").execute(sql, &[&one_story.acme.owner.id]);
    assert_sqlstate(result, "42501");
}
