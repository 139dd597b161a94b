//! API keys and service accounts: made, used, rotated and ended, never beyond whoever makes them.

use postgres::types::ToSql;
use postgres::{Client, Error, IsolationLevel};
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::{Person, Story, Tenant, asking, assign, join, one, who};
use std::sync::mpsc;
use std::time::Duration;
use uuid::Uuid;

type Args<'a> = &'a [&'a (dyn ToSql + Sync)];

const CREATE: &str = "SELECT saas.create_api_key($1, $2, $3)";
const BEGIN: &str = "SELECT saas.begin_request($1)";

/// What one statement answers in a request with a token, committed.
fn ask(app: &mut Client, token: &str, sql: &str, args: Args<'_>) -> Result<String, Error> {
    let mut request = app.transaction()?;
    request.execute(BEGIN, &[&token])?;
    let answer = request.query_one(sql, args)?.try_get(0).unwrap_or_default();
    request.commit()?;
    Ok(answer)
}

/// The key that somebody makes for himself.
fn create(app: &mut Client, by: &Person, tenant: &Tenant, role: &str) -> Result<String, Error> {
    ask(app, &by.token, CREATE, &[&tenant.id, &"CI", &role])
}

fn key_id(data: &mut Client, key: &str) -> Uuid {
    let sql = "SELECT id FROM saas.api_keys WHERE key_hash = sha256($1::text::bytea)";
    one(data, sql, &[&key])
}

fn permissions(app: &mut Client, token: &str, tenant: &Tenant) -> Vec<String> {
    let mut request = app.transaction().unwrap();
    request.execute(BEGIN, &[&token]).unwrap();
    one(
        &mut request,
        "SELECT coalesce(array_agg(p), '{}') FROM saas.tenant_permissions($1) p",
        &[&tenant.id],
    )
}

#[test]
fn a_key_is_shown_once_and_acts_for_its_maker() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let mut app = story.db.kind("app");
    let key = create(&mut app, &acme.owner, &acme, "tenant_guest").unwrap();
    let row = story
        .data
        .query_one("SELECT prefix, user_id, (k)::text FROM saas.api_keys k", &[])
        .unwrap();
    let (prefix, whole): (String, String) = (row.get(0), row.get(2));
    assert!(key.starts_with(&prefix) && prefix.len() + 56 == key.len());
    assert!(!whole.contains(&key[prefix.len()..]));
    assert_eq!(row.get::<_, Uuid>(1), acme.owner.id);
    assert_eq!(permissions(&mut app, &key, &acme), ["tenant.read"]);
    // Those who may update the tenant see it in the list, without its hash; others see none.
    let list = "SELECT string_agg(name || ' ' || prefix, ',') FROM saas.api_keys";
    assert_eq!(ask(&mut app, &acme.owner.token, list, &[]).unwrap(), format!("CI {prefix}"));
    for nobody in [&acme.admin.token, &story.globex.owner.token, &key] {
        assert_eq!(ask(&mut app, nobody, list, &[]).unwrap(), "");
    }
}

#[test]
fn whoever_may_not_makes_none() {
    let mut story = Story::new();
    let (acme, globex) = (story.acme.clone(), story.globex.clone());
    let mut app = story.db.kind("app");
    for (by, tenant, role) in [
        (&acme.admin, &acme, "tenant_guest"),
        (&acme.member, &acme, "tenant_guest"),
        (&globex.owner, &acme, "tenant_guest"),
        (&story.superadmin, &acme, "tenant_guest"),
        (&acme.owner, &globex, "tenant_guest"),
    ] {
        assert_sqlstate(create(&mut app, by, tenant, role), "42501");
    }
    assert_sqlstate(create(&mut app, &acme.owner, &acme, "platform_support"), "23514");
    assert_sqlstate(create(&mut app, &acme.owner, &acme, "tenant_gest"), "42704");
    let past = "SELECT saas.create_api_key($1, 'x', 'tenant_guest', now() - interval '1 hour')";
    assert_sqlstate(ask(&mut app, &acme.owner.token, past, &[&acme.id]), "23514");
    let named = "SELECT saas.create_api_key($1, ' ', 'tenant_guest')";
    assert_sqlstate(ask(&mut app, &acme.owner.token, named, &[&acme.id]), "23514");
    for nothing in ["NULL, 'x', 'tenant_guest'", "$1, NULL, 'tenant_guest'", "$1, 'x', NULL"] {
        let sql = format!("SELECT saas.create_api_key({nothing}), $1::uuid");
        assert_sqlstate(ask(&mut app, &acme.owner.token, &sql, &[&acme.id]), "23502");
    }
    assert_sqlstate(app.query_one(CREATE, &[&acme.id, &"x", &"tenant_guest"]), "28000");
    // A key makes none, and neither does an impersonation: it would outlast both.
    let key = create(&mut app, &acme.owner, &acme, "tenant_owner").unwrap();
    assert_sqlstate(ask(&mut app, &key, CREATE, &[&acme.id, &"x", &"tenant_guest"]), "42501");
    let id = story.impersonation(&story.support.clone(), &acme.owner, &acme, "30 min");
    let support = story.support.token.clone();
    for (sql, args) in [
        (CREATE, &[&acme.id as &(dyn ToSql + Sync), &"x", &"tenant_guest"][..]),
        ("SELECT saas.create_service_account($1, 'x', 'tenant_guest')", &[&acme.id]),
        ("SELECT saas.create_role($1, 'x', '{tenant.read}')", &[&acme.id]),
        ("SELECT saas.invite_member($1, 'x@example.com', 'tenant_guest')", &[&acme.id]),
        ("SELECT saas.set_member_role($1, $2, 'tenant_owner')", &[&acme.id, &acme.member.id]),
    ] {
        let mut request = app.transaction().unwrap();
        let enter = "SELECT saas.begin_request($1, NULL, $2)";
        request.execute(enter, &[&support, &id]).unwrap();
        assert_eq!(who(&mut request), Some(acme.owner.id));
        let refused = assert_sqlstate(request.query(sql, args), "42501");
        assert!(refused.message().contains("outlast"), "{sql}: {refused:?}");
    }
}

/// Made by the owner, it would may more than he who was demoted, or the role that was widened, lets it.
#[test]
fn a_key_keeps_within_its_user_whatever_changes() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    join(&mut story.data, &acme, &story.stranger.clone(), "tenant_owner");
    let mut app = story.db.kind("app");
    let create_role = "SELECT saas.create_role($1, 'builder', '{tenant.read,tenant.update,project.create}')::text";
    ask(&mut app, &acme.owner.token, create_role, &[&acme.id]).unwrap();
    let to_builder = "SELECT saas.set_member_role($1, $2, 'builder')";
    ask(&mut app, &acme.owner.token, to_builder, &[&acme.id, &acme.member.id]).unwrap();
    // A lesser maker: within his role only.
    assert_sqlstate(create(&mut app, &acme.member, &acme, "tenant_admin"), "42501");
    let role = "SELECT saas.create_role($1, 'bot', '{tenant.read,project.create}')::text";
    ask(&mut app, &acme.member.token, role, &[&acme.id]).unwrap();
    let key = create(&mut app, &acme.member, &acme, "bot").unwrap();
    assert_eq!(permissions(&mut app, &key, &acme), ["project.create", "tenant.read"]);
    // An owner widens the role beyond the key's user: the key stays within him.
    let widen = "SELECT saas.update_role($1, 'bot', '{tenant.read,project.create,billing.manage}')";
    ask(&mut app, &acme.owner.token, widen, &[&acme.id]).unwrap();
    assert_eq!(permissions(&mut app, &key, &acme), ["project.create", "tenant.read"]);
    // His own role is narrowed: so is the key.
    let narrow = "SELECT saas.update_role($1, 'builder', '{tenant.read}')";
    ask(&mut app, &acme.owner.token, narrow, &[&acme.id]).unwrap();
    assert_eq!(permissions(&mut app, &key, &acme), ["tenant.read"]);
}

#[test]
fn a_key_is_rotated_by_whom_it_acts_for() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    join(&mut story.data, &acme, &story.stranger.clone(), "tenant_owner");
    let mut app = story.db.kind("app");
    let make = "SELECT saas.create_api_key($1, 'CI', 'tenant_admin', now() + interval '90 days')";
    let old = ask(&mut app, &acme.owner.token, make, &[&acme.id]).unwrap();
    let id = key_id(&mut story.data, &old);
    let rotate = "SELECT saas.rotate_api_key($1, $2, $3::text::interval)";
    let mut try_rotate = |token: &str, id: Uuid, overlap: Option<&str>| {
        ask(&mut app, token, rotate, &[&acme.id, &id, &overlap])
    };
    // Another owner would act in his name.
    assert_sqlstate(try_rotate(&story.stranger.token, id, Some("1 hour")), "42501");
    assert_sqlstate(try_rotate(&acme.admin.token, id, Some("1 hour")), "42501");
    assert_sqlstate(try_rotate(&old, id, Some("1 hour")), "42501");
    assert_sqlstate(try_rotate(&acme.owner.token, id, Some("-1 hour")), "22023");
    assert_sqlstate(try_rotate(&acme.owner.token, id, Some("31 days")), "22023");
    assert_sqlstate(try_rotate(&acme.owner.token, id, None), "23502");
    assert_sqlstate(try_rotate(&acme.owner.token, Uuid::new_v4(), Some("1 hour")), "23503");
    let new = try_rotate(&acme.owner.token, id, Some("1.5 s")).unwrap();
    let both = "SELECT saas.current_user_id()::text";
    for key in [&old, &new] {
        assert_eq!(ask(&mut app, key, both, &[]).unwrap(), acme.owner.id.to_string());
    }
    let alike: bool = one(
        &mut story.data,
        "SELECT a.role_id = b.role_id AND a.name = b.name AND b.expires_at > now() + interval '89 days'
           FROM saas.api_keys a, saas.api_keys b WHERE a.id = $1 AND b.id <> $1",
        &[&id],
    );
    assert!(alike);
    std::thread::sleep(Duration::from_millis(1600));
    assert_sqlstate(app.execute(BEGIN, &[&old]), "28000");
    app.execute(BEGIN, &[&new]).unwrap();
    // What has ended has no successor.
    assert_sqlstate(ask(&mut app, &acme.owner.token, rotate, &[&acme.id, &id, &"0"]), "23503");
}

#[test]
fn a_key_is_revoked_by_whoever_finds_it() {
    let mut story = Story::new();
    let (acme, globex) = (story.acme.clone(), story.globex.clone());
    let mut app = story.db.kind("app");
    let key = create(&mut app, &acme.owner, &acme, "tenant_guest").unwrap();
    let id = key_id(&mut story.data, &key);
    let revoke = "SELECT saas.revoke_api_key($1, $2)";
    for (by, tenant, sqlstate) in [
        (&acme.admin, acme.id, "42501"),
        (&globex.owner, acme.id, "42501"),
        (&globex.owner, globex.id, "23503"),
    ] {
        assert_sqlstate(ask(&mut app, &by.token, revoke, &[&tenant, &id]), sqlstate);
    }
    assert_sqlstate(ask(&mut app, &acme.owner.token, revoke, &[&acme.id, &None::<Uuid>]), "23502");
    app.execute(BEGIN, &[&key]).unwrap();
    // He who was demoted ends his own all the same; twice is no error.
    join(&mut story.data, &acme, &story.stranger.clone(), "tenant_owner");
    let demote = "UPDATE saas.tenant_members SET role_id = (SELECT id FROM saas.roles WHERE key = 'tenant_guest') WHERE user_id = $1";
    story.data.execute(demote, &[&acme.owner.id]).unwrap();
    for _ in 0..2 {
        ask(&mut app, &acme.owner.token, revoke, &[&acme.id, &id]).unwrap();
    }
    assert_sqlstate(app.execute(BEGIN, &[&key]), "28000");
}

/// Who uses a key must not be able to keep others from revoking it, nor from using it.
#[test]
fn use_is_noted_with_a_commit_and_nobody_waits_for_it() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let mut app = story.db.kind("app");
    let key = create(&mut app, &acme.owner, &acme, "tenant_guest").unwrap();
    let id = key_id(&mut story.data, &key);
    let used = "SELECT last_used_at IS NOT NULL FROM saas.api_keys WHERE id = $1";
    // Neither what is undone nor what only reads writes anything, not even a transaction id.
    let mut request = app.transaction().unwrap();
    request.execute(BEGIN, &[&key]).unwrap();
    assert_eq!(
        one::<Option<String>>(&mut request, "SELECT pg_current_xact_id_if_assigned()::text", &[]),
        None
    );
    request.rollback().unwrap();
    let mut reader = story.db.connect("saas_app");
    let mut request = reader.build_transaction().read_only(true).start().unwrap();
    request.execute(BEGIN, &[&key]).unwrap();
    request.commit().unwrap();
    assert!(!one::<bool>(&mut story.data, used, &[&id]));
    // A commit does, once an hour.
    ask(&mut app, &key, "SELECT 'x'", &[]).unwrap();
    assert!(one::<bool>(&mut story.data, used, &[&id]));
    let version = "SELECT xmin::text FROM saas.api_keys WHERE id = $1";
    let before: String = one(&mut story.data, version, &[&id]);
    for level in [
        IsolationLevel::ReadCommitted,
        IsolationLevel::RepeatableRead,
        IsolationLevel::Serializable,
    ] {
        let mut request = app.build_transaction().isolation_level(level).start().unwrap();
        request.execute(BEGIN, &[&key]).unwrap();
        request.commit().unwrap();
    }
    assert_eq!(one::<String>(&mut story.data, version, &[&id]), before);
    let hours_ago =
        "UPDATE saas.api_keys SET last_used_at = now() - interval '2 hours' WHERE id = $1";
    story.data.execute(hours_ago, &[&id]).unwrap();
    // The use is no change of the key: the log has nothing of it.
    let rows = "SELECT count(*) FROM saas.platform_audit_logs WHERE action = 'api_keys.update'";
    let logged: i64 = one(&mut story.data, rows, &[]);
    // While a request with the key is open, and another one as well, it is revoked at once.
    let mut open = app.transaction().unwrap();
    open.execute(BEGIN, &[&key]).unwrap();
    let mut other = story.db.connect("saas_app");
    let mut beside = other.transaction().unwrap();
    beside.execute(BEGIN, &[&key]).unwrap();
    let (done, finished) = mpsc::channel();
    std::thread::scope(|scope| {
        let (db, acme) = (&story.db, &acme);
        scope.spawn(move || {
            let revoke = "SELECT saas.revoke_api_key($1, $2)";
            ask(&mut db.connect("saas_app"), &acme.owner.token, revoke, &[&acme.id, &id]).unwrap();
            done.send(()).unwrap();
        });
        finished
            .recv_timeout(Duration::from_secs(20))
            .expect("revoking waits for the key's own requests");
        open.commit().unwrap();
        beside.commit().unwrap();
    });
    assert_eq!(one::<i64>(&mut story.data, rows, &[]), logged + 1);
    assert_sqlstate(app.execute(BEGIN, &[&key]), "28000");
}

#[test]
fn a_service_account_acts_by_keys_in_its_tenant_only() {
    let mut story = Story::new();
    let (acme, globex) = (story.acme.clone(), story.globex.clone());
    let mut app = story.db.kind("app");
    let make = "SELECT saas.create_service_account($1, 'Export', $2)::text";
    assert_sqlstate(ask(&mut app, &acme.admin.token, make, &[&acme.id, &"tenant_guest"]), "42501");
    assert_sqlstate(
        ask(&mut app, &acme.owner.token, make, &[&globex.id, &"tenant_guest"]),
        "42501",
    );
    assert_sqlstate(ask(&mut app, &acme.owner.token, make, &[&acme.id, &"tenant_owner"]), "23514");
    assert_sqlstate(
        ask(&mut app, &acme.owner.token, make, &[&acme.id, &"platform_admin"]),
        "23514",
    );
    let account = ask(&mut app, &acme.owner.token, make, &[&acme.id, &"tenant_member"]).unwrap();
    let account: Uuid = account.parse().unwrap();
    // A key of it may what both it and the key's role may; the maker's own rights are the ceiling.
    let key_for = "SELECT saas.create_api_key($1, 'nightly', $2, service_account_id => $3)";
    let key =
        ask(&mut app, &acme.owner.token, key_for, &[&acme.id, &"tenant_admin", &account]).unwrap();
    assert_eq!(
        permissions(&mut app, &key, &acme),
        ["project.create", "project.update", "tenant.read"]
    );
    let mut request = app.transaction().unwrap();
    request.execute(BEGIN, &[&key]).unwrap();
    assert_eq!(who(&mut request), Some(account));
    drop(request);
    // Nobody makes a key that acts for a person, or for an account elsewhere.
    for (tenant, by, whom) in [
        (&acme, &acme.owner, acme.member.id),
        (&globex, &globex.owner, account),
        (&acme, &acme.owner, Uuid::new_v4()),
    ] {
        let args: Args<'_> = &[&tenant.id, &"tenant_guest", &whom];
        assert_sqlstate(ask(&mut app, &by.token, key_for, args), "23503");
    }
    // It does not log in, is asserted by nobody, joins nothing else, owns nothing and has no part in the platform.
    let mut gateway = story.db.kind("gateway");
    assert_sqlstate(gateway.execute("SELECT saas.create_session($1)", &[&account]), "23514");
    assert_sqlstate(gateway.execute("SELECT saas.begin_request_as($1)", &[&account]), "28000");
    assert_sqlstate(
        gateway.execute("SELECT saas.link_account($1, 'x', 'x')", &[&account]),
        "23514",
    );
    let verify = "SELECT saas.create_verification('magic_link', 'x', $1)";
    assert_sqlstate(gateway.execute(verify, &[&account]), "23514");
    for (sql, sqlstate) in [
        ("INSERT INTO saas.tenant_members (tenant_id, user_id, role_id, member_type)
          SELECT $2, $1, id, 'service' FROM saas.roles WHERE key = 'tenant_guest'", "23514"),
        ("UPDATE saas.tenant_members SET member_type = 'member' WHERE user_id = $1 AND $2::uuid IS NOT NULL", "23514"),
        ("UPDATE saas.tenant_members SET role_id = (SELECT id FROM saas.roles WHERE key = 'tenant_owner')
           WHERE user_id = $1 AND $2::uuid IS NOT NULL", "23514"),
        ("UPDATE saas.users SET service_tenant_id = NULL WHERE id = $1 AND $2::uuid IS NOT NULL", "55000"),
        ("INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
          SELECT $1, id, $1, 'x' FROM saas.roles WHERE key = 'platform_admin' AND $2::uuid IS NOT NULL", "23514"),
        ("SELECT saas.transfer_ownership($2, $1)", "23503"),
    ] {
        assert_sqlstate(story.data.execute(sql, &[&account, &globex.id]), sqlstate);
    }
    let transfer = "SELECT saas.transfer_ownership($1, $2)";
    assert_sqlstate(story.data.execute(transfer, &[&acme.id, &account]), "23514");
    // A person is none.
    let person = "UPDATE saas.tenant_members SET member_type = 'service' WHERE user_id = $1";
    assert_sqlstate(story.data.execute(person, &[&acme.member.id]), "23514");
    // Its keys are rotated by whoever may, and go with it.
    let id = key_id(&mut story.data, &key);
    let rotate = "SELECT saas.rotate_api_key($1, $2, '1 hour')";
    let new = ask(&mut app, &acme.owner.token, rotate, &[&acme.id, &id]).unwrap();
    let remove = "SELECT saas.remove_member($1, $2)";
    ask(&mut app, &acme.owner.token, remove, &[&acme.id, &account]).unwrap();
    for key in [&key, &new] {
        assert_sqlstate(app.execute(BEGIN, &[key]), "28000");
    }
    let broken: i64 = one(&mut story.data, "SELECT count(*) FROM saas.check_invariants()", &[]);
    assert_eq!(broken, 0);
}

#[test]
fn service_accounts_take_no_seat() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let mut app = story.db.kind("app");
    let plan = "INSERT INTO saas.plans (key, name, base_price, currency, billing_interval, member_seat, guest_count)
                VALUES ('small', 'Small', 0, 'USD', 'monthly', 6, 0)";
    story.data.batch_execute(plan).unwrap();
    story.data.execute("SELECT saas.subscribe($1, 'small', 6)", &[&acme.id]).unwrap();
    let invite = "SELECT saas.invite_member($1, $2, 'tenant_guest')";
    let make = "SELECT saas.create_service_account($1, 'Export', 'tenant_guest')";
    // Five of the six seats are taken. An account leaves the sixth free, and one more comes when all are gone.
    ask(&mut app, &acme.owner.token, make, &[&acme.id]).unwrap();
    ask(&mut app, &acme.owner.token, invite, &[&acme.id, &"x@example.com"]).unwrap();
    assert_sqlstate(
        ask(&mut app, &acme.owner.token, invite, &[&acme.id, &"y@example.com"]),
        "53400",
    );
    ask(&mut app, &acme.owner.token, make, &[&acme.id]).unwrap();
}

/// A platform's own rights are no key's, whoever it is of.
#[test]
fn a_key_of_a_platform_user_has_no_say_there() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    assign(&mut story.data, &acme.owner, "platform_superadmin");
    let mut admin = story.db.kind("admin");
    let key = create(&mut admin, &acme.owner, &acme, "tenant_owner").unwrap();
    let mut request = admin.transaction().unwrap();
    request.execute(BEGIN, &[&key]).unwrap();
    assert!(!one::<bool>(
        &mut request,
        "SELECT saas.has_system_permission('platform.tenant.read')",
        &[]
    ));
    drop(request);
    let mut request = asking(&mut admin, &acme.owner, None);
    assert!(one::<bool>(
        &mut request,
        "SELECT saas.has_system_permission('platform.tenant.read')",
        &[]
    ));
}
