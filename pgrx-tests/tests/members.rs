//! A tenant's people: invited, promoted, removed; and the tenant itself, suspended and deleted.

use postgres::types::ToSql;
use postgres::{Client, Error};
use saas_core_tests::story::{Person, Story, Tenant, join, one, person};
use saas_core_tests::{TestDb, assert_sqlstate};
use std::sync::Barrier;
use uuid::Uuid;

const INVITE: &str = "SELECT saas.invite_member($1, $2, $3)";
const ACCEPT: &str = "SELECT saas.accept_invitation($1)";
const ROLE: &str = "SELECT saas.set_member_role($1, $2, $3)";
const REMOVE: &str = "SELECT saas.remove_member($1, $2)";
const TRANSFER: &str = "SELECT saas.transfer_ownership($1, $2)";

type Args<'a> = &'a [&'a (dyn ToSql + Sync)];

/// One statement in a request of somebody, committed.
fn try_as(app: &mut Client, who: &Person, sql: &str, args: Args<'_>) -> Result<(), Error> {
    try_with(app, &who.token, sql, args)
}

fn try_with(app: &mut Client, token: &str, sql: &str, args: Args<'_>) -> Result<(), Error> {
    let mut transaction = app.transaction()?;
    transaction.execute("SELECT saas.begin_request($1)", &[&token])?;
    transaction.execute(sql, args)?;
    transaction.commit()
}

fn invite(
    app: &mut Client,
    who: &Person,
    tenant: &Tenant,
    email: &str,
    role: &str,
) -> Result<String, Error> {
    let mut transaction = app.transaction()?;
    transaction.execute("SELECT saas.begin_request($1)", &[&who.token])?;
    let token = transaction.query_one(INVITE, &[&tenant.id, &email, &role])?.get(0);
    transaction.commit()?;
    Ok(token)
}

fn email(data: &mut Client, person: &Person) -> String {
    one(data, "SELECT email FROM saas.users WHERE id = $1", &[&person.id])
}

fn role(data: &mut Client, tenant: &Tenant, person: &Person) -> Option<String> {
    let sql = "SELECT max(r.key) FROM saas.tenant_members m JOIN saas.roles r ON r.id = m.role_id
                WHERE m.tenant_id = $1 AND m.user_id = $2";
    data.query_one(sql, &[&tenant.id, &person.id]).unwrap().get(0)
}

fn healthy(db: &TestDb) {
    let broken = db.owner().query("SELECT (c)::text FROM saas.check_invariants() c", &[]).unwrap();
    let broken: Vec<String> = broken.iter().map(|row| row.get(0)).collect();
    assert!(broken.is_empty(), "{broken:?}");
}

/// A plan with so many seats and places for guests, and Acme on it.
fn with_seats(story: &mut Story, seats: i32, guests: i32) {
    let sql =
        "INSERT INTO saas.plans (key, name, base_price, currency, billing_interval, guest_count)
               VALUES ('small', 'Small', 0, 'USD', 'monthly', $1)";
    story.data.execute(sql, &[&guests]).unwrap();
    story
        .data
        .execute("SELECT saas.subscribe($1, 'small', $2)", &[&story.acme.id, &seats])
        .unwrap();
}

#[test]
fn an_invitation_makes_one_member_of_one_person() {
    let mut story = Story::new();
    let mut app = story.db.kind("app");
    let address = email(&mut story.data, &story.stranger.clone()).to_uppercase();
    let token =
        invite(&mut app, &story.acme.owner, &story.acme, &address, "tenant_member").unwrap();
    assert!(token.starts_with(&format!("saas_invite_{}_", story.acme.id)) && token.len() > 64 + 40);
    // Not for others, not for programs and impersonators, not with a changed token.
    assert_sqlstate(try_as(&mut app, &story.globex.owner, ACCEPT, &[&token]), "42501");
    let mut forged = token.clone();
    forged.replace_range(forged.len() - 1.., if token.ends_with('0') { "1" } else { "0" });
    for wrong in [
        &forged,
        "",
        "saas_invite_",
        &token.replace(&story.acme.id.to_string(), &story.globex.id.to_string()),
    ] {
        assert_sqlstate(try_as(&mut app, &story.stranger, ACCEPT, &[&wrong]), "28000");
    }
    assert_sqlstate(app.execute(ACCEPT, &[&token]), "28000");
    let key = story.api_key(&story.globex.clone(), &story.both.clone(), "tenant_member");
    assert_sqlstate(try_with(&mut app, &key, ACCEPT, &[&token]), "42501");
    try_as(&mut app, &story.stranger, ACCEPT, &[&token]).unwrap();
    assert_eq!(
        role(&mut story.data, &story.acme, &story.stranger).as_deref(),
        Some("tenant_member")
    );
    assert_sqlstate(try_as(&mut app, &story.stranger, ACCEPT, &[&token]), "28000");
    // Whoever is a member is not invited.
    let again = invite(&mut app, &story.acme.owner, &story.acme, &address, "tenant_member");
    assert_sqlstate(again, "55000");
    healthy(&story.db);
}

#[test]
fn invitations_end() {
    let mut story = Story::new();
    let mut app = story.db.kind("app");
    let (acme, stranger) = (story.acme.clone(), story.stranger.clone());
    let address = email(&mut story.data, &stranger);
    let new =
        |app: &mut Client| invite(app, &acme.admin, &acme, &address, "tenant_member").unwrap();
    // A second one takes the place of the first.
    let (first, second) = (new(&mut app), new(&mut app));
    assert_sqlstate(try_as(&mut app, &stranger, ACCEPT, &[&first]), "28000");
    // Taken back.
    let open: Uuid = one(
        &mut story.data,
        "SELECT id FROM saas.tenant_invitations WHERE accepted_at IS NULL AND revoked_at IS NULL",
        &[],
    );
    let revoke = "SELECT saas.revoke_invitation($1, $2)";
    assert_sqlstate(try_as(&mut app, &acme.member, revoke, &[&acme.id, &open]), "42501");
    assert_sqlstate(
        try_as(&mut app, &story.globex.owner, revoke, &[&story.globex.id, &open]),
        "23503",
    );
    try_as(&mut app, &acme.admin, revoke, &[&acme.id, &open]).unwrap();
    assert_sqlstate(try_as(&mut app, &stranger, ACCEPT, &[&second]), "28000");
    // Run out.
    let third = new(&mut app);
    let run_out = "UPDATE saas.tenant_invitations SET created_at = now() - interval '8 days', expires_at = now() - interval '1 day'
                    WHERE accepted_at IS NULL AND revoked_at IS NULL";
    story.data.execute(run_out, &[]).unwrap();
    assert_sqlstate(try_as(&mut app, &stranger, ACCEPT, &[&third]), "28000");
    // Whoever invited was demoted since, or is gone.
    let fourth = new(&mut app);
    try_as(&mut app, &acme.owner, ROLE, &[&acme.id, &acme.admin.id, &"tenant_guest"]).unwrap();
    assert_sqlstate(try_as(&mut app, &stranger, ACCEPT, &[&fourth]), "55000");
    try_as(&mut app, &acme.owner, REMOVE, &[&acme.id, &acme.admin.id]).unwrap();
    assert_sqlstate(try_as(&mut app, &stranger, ACCEPT, &[&fourth]), "55000");
    assert_eq!(role(&mut story.data, &acme, &stranger), None);
    healthy(&story.db);
}

#[test]
fn nobody_gives_more_than_he_has() {
    let mut story = Story::new();
    let mut app = story.db.kind("app");
    let (acme, globex) = (story.acme.clone(), story.globex.clone());
    for (who, role) in [
        (&acme.admin, "tenant_owner"),
        (&acme.member, "tenant_guest"),
        (&acme.guest, "tenant_guest"),
    ] {
        assert_sqlstate(invite(&mut app, who, &acme, "new@example.com", role), "42501");
    }
    assert_sqlstate(
        invite(&mut app, &globex.owner, &acme, "new@example.com", "tenant_guest"),
        "42501",
    );
    assert_sqlstate(
        invite(&mut app, &story.superadmin, &acme, "new@example.com", "tenant_guest"),
        "42501",
    );
    for (who, target, role) in [
        (&acme.admin, &acme.admin, "tenant_owner"),
        (&acme.admin, &acme.owner, "tenant_guest"),
        (&acme.member, &acme.guest, "tenant_member"),
        (&globex.owner, &acme.guest, "tenant_member"),
    ] {
        assert_sqlstate(try_as(&mut app, who, ROLE, &[&acme.id, &target.id, &role]), "42501");
    }
    assert_sqlstate(try_as(&mut app, &acme.admin, REMOVE, &[&acme.id, &acme.owner.id]), "42501");
    assert_sqlstate(try_as(&mut app, &acme.member, REMOVE, &[&acme.id, &acme.guest.id]), "42501");
    // Roles that are none for members.
    let mut owner =
        |role: &str| try_as(&mut app, &acme.owner, ROLE, &[&acme.id, &acme.guest.id, &role]);
    assert_sqlstate(owner("platform_admin"), "23514");
    let error = assert_sqlstate(owner("tenant_membr"), "42704");
    assert_eq!(error.hint(), Some("Did you mean \"tenant_member\"?"));
    owner("tenant_admin").unwrap();
    // A key's own role is its ceiling, whatever its user may.
    let key = story.api_key(&acme, &acme.owner, "tenant_admin");
    assert_sqlstate(
        try_with(&mut app, &key, INVITE, &[&acme.id, &"new@example.com", &"tenant_owner"]),
        "42501",
    );
    try_with(&mut app, &key, INVITE, &[&acme.id, &"new@example.com", &"tenant_admin"]).unwrap();
    // A request that is bound to another tenant.
    let mut transaction = app.transaction().unwrap();
    transaction
        .execute("SELECT saas.begin_request($1, $2)", &[&story.both.token, &globex.id])
        .unwrap();
    assert_sqlstate(transaction.execute(REMOVE, &[&acme.id, &story.both.id]), "42501");
    transaction.rollback().unwrap();
    // Who demotes himself has lost it within the same transaction.
    let mut transaction = app.transaction().unwrap();
    transaction.execute("SELECT saas.begin_request($1)", &[&acme.admin.token]).unwrap();
    transaction.execute(ROLE, &[&acme.id, &acme.admin.id, &"tenant_member"]).unwrap();
    assert_sqlstate(
        transaction.execute(INVITE, &[&acme.id, &"x@example.com", &"tenant_member"]),
        "42501",
    );
    transaction.rollback().unwrap();
    healthy(&story.db);
}

#[test]
fn keys_go_with_what_their_member_loses() {
    let mut story = Story::new();
    let mut app = story.db.kind("app");
    let acme = story.acme.clone();
    let strong = story.api_key(&acme, &acme.admin, "tenant_admin");
    let weak = story.api_key(&acme, &acme.admin, "tenant_guest");
    let sql = "SELECT saas.require_tenant_permission('tenant.read')";
    try_as(&mut app, &acme.owner, ROLE, &[&acme.id, &acme.admin.id, &"tenant_member"]).unwrap();
    assert_sqlstate(try_with(&mut app, &strong, sql, &[]), "28000");
    try_with(&mut app, &weak, sql, &[]).unwrap();
    // He leaves and comes back: his keys don't.
    try_as(&mut app, &acme.admin, REMOVE, &[&acme.id, &acme.admin.id]).unwrap();
    assert_sqlstate(try_as(&mut app, &acme.admin, REMOVE, &[&acme.id, &acme.admin.id]), "42501");
    join(&mut story.data, &acme, &acme.admin, "tenant_member");
    assert_sqlstate(try_with(&mut app, &weak, sql, &[]), "28000");
    healthy(&story.db);
}

#[test]
fn ownership_changes_hands() {
    let mut story = Story::new();
    let mut app = story.db.kind("app");
    let acme = story.acme.clone();
    for who in [&acme.admin, &acme.member, &story.globex.owner, &story.superadmin] {
        assert_sqlstate(try_as(&mut app, who, TRANSFER, &[&acme.id, &acme.member.id]), "42501");
    }
    let key = story.api_key(&acme, &acme.owner, "tenant_owner");
    assert_sqlstate(try_with(&mut app, &key, TRANSFER, &[&acme.id, &acme.member.id]), "42501");
    assert_sqlstate(
        try_as(&mut app, &acme.owner, TRANSFER, &[&acme.id, &story.stranger.id]),
        "23503",
    );
    assert_sqlstate(try_as(&mut app, &acme.owner, TRANSFER, &[&acme.id, &acme.owner.id]), "55000");
    // The free plan allows one workspace.
    join(&mut story.data, &acme, &story.globex.owner.clone(), "tenant_member");
    assert_sqlstate(
        try_as(&mut app, &acme.owner, TRANSFER, &[&acme.id, &story.globex.owner.id]),
        "53400",
    );
    assert_sqlstate(try_as(&mut app, &acme.owner, REMOVE, &[&acme.id, &acme.owner.id]), "55000");
    try_as(&mut app, &acme.owner, TRANSFER, &[&acme.id, &acme.member.id]).unwrap();
    assert_eq!(role(&mut story.data, &acme, &acme.member).as_deref(), Some("tenant_owner"));
    assert_eq!(role(&mut story.data, &acme, &acme.owner).as_deref(), Some("tenant_admin"));
    assert_sqlstate(try_with(&mut app, &key, "SELECT 1", &[]), "28000");
    healthy(&story.db);
}

#[test]
fn two_last_owners_don_t_leave_together() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    story.db.kind("app");
    try_as(
        &mut story.db.connect("saas_app"),
        &acme.owner,
        ROLE,
        &[&acme.id, &acme.admin.id, &"tenant_owner"],
    )
    .unwrap();
    let results = at_once(&story.db, &[&acme.owner, &acme.admin], |app, who| {
        try_as(app, who, REMOVE, &[&acme.id, &who.id])
    });
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    let owners = "SELECT count(*) FROM saas.tenant_members m JOIN saas.roles r ON r.id = m.role_id
                   WHERE m.tenant_id = $1 AND r.key = 'tenant_owner'";
    assert_eq!(one::<i64>(&mut story.data, owners, &[&acme.id]), 1);
    healthy(&story.db);
}

/// Everybody does the same at the same moment, each on a connection of his own.
fn at_once(
    db: &TestDb,
    people: &[&Person],
    act: impl Fn(&mut Client, &Person) -> Result<(), Error> + Sync,
) -> Vec<Result<(), Error>> {
    let barrier = Barrier::new(people.len());
    std::thread::scope(|scope| {
        let (barrier, act) = (&barrier, &act);
        let running: Vec<_> = people
            .iter()
            .map(|who| {
                let mut app = db.connect("saas_app");
                scope.spawn(move || {
                    barrier.wait();
                    act(&mut app, who)
                })
            })
            .collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

#[test]
fn the_last_seat_is_taken_once() {
    for isolation in ["read committed", "repeatable read"] {
        let mut story = Story::new();
        let acme = story.acme.clone();
        let mut app = story.db.kind("app");
        // Four people and the one of both tenants are members; three seats more, of which two are taken first.
        with_seats(&mut story, 8, 10);
        let people: Vec<Person> =
            (0..5).map(|i| person(&mut story.data, &format!("new{i}"))).collect();
        let tokens: Vec<String> = people
            .iter()
            .take(3)
            .map(|who| {
                let address = email(&mut story.data, who);
                invite(&mut app, &acme.owner, &acme, &address, "tenant_member").unwrap()
            })
            .collect();
        // Open invitations count for who invites.
        assert_sqlstate(
            invite(&mut app, &acme.owner, &acme, "eighth@example.com", "tenant_member"),
            "53400",
        );
        let seats =
            "UPDATE saas.tenant_subscriptions SET subscription_seat = 6 WHERE tenant_id = $1";
        story.data.execute(seats, &[&acme.id]).unwrap();
        let who: Vec<&Person> = people.iter().take(3).collect();
        let results = at_once(&story.db, &who, |app, who| {
            let token = &tokens[people.iter().position(|person| person.id == who.id).unwrap()];
            app.batch_execute(&format!("SET default_transaction_isolation = '{isolation}'"))?;
            try_as(app, who, ACCEPT, &[token])
        });
        let joined = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(joined, 1, "{isolation}: {results:?}");
        for failure in results.iter().filter_map(|result| result.as_ref().err()) {
            let code = failure.code().unwrap().code();
            assert!(
                code == "53400" || (code == "40001" && isolation == "repeatable read"),
                "{failure:?}"
            );
        }
        healthy(&story.db);
    }
}

#[test]
fn guests_are_free_up_to_a_number() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let mut app = story.db.kind("app");
    with_seats(&mut story, 5, 1);
    let guest = "SELECT saas.invite_member($1, $2, 'tenant_guest', 'guest')";
    assert_sqlstate(
        invite(&mut app, &acme.owner, &acme, "m@example.com", "tenant_member"),
        "53400",
    );
    try_as(&mut app, &acme.owner, guest, &[&acme.id, &"g1@example.com"]).unwrap();
    assert_sqlstate(try_as(&mut app, &acme.owner, guest, &[&acme.id, &"g2@example.com"]), "53400");
    let wrong = "SELECT saas.invite_member($1, $2, 'tenant_guest', 'visitor')";
    assert_sqlstate(try_as(&mut app, &acme.owner, wrong, &[&acme.id, &"g3@example.com"]), "22023");
}

#[test]
fn an_invitation_is_accepted_once() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let mut app = story.db.kind("app");
    let address = email(&mut story.data, &story.stranger.clone());
    let token = invite(&mut app, &acme.owner, &acme, &address, "tenant_member").unwrap();
    let who = [&story.stranger; 4];
    let results = at_once(&story.db, &who, |app, who| try_as(app, who, ACCEPT, &[&token]));
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    for result in results.into_iter().filter(Result::is_err) {
        assert_sqlstate(result, "28000");
    }
    healthy(&story.db);
}

#[test]
fn a_suspended_tenant_stands_still() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let mut app = story.db.kind("app");
    let mut admin = story.db.kind("admin");
    let (suspend, reinstate) =
        ("SELECT saas.suspend_tenant($1, $2)", "SELECT saas.reinstate_tenant($1, $2)");
    let address = email(&mut story.data, &story.stranger.clone());
    let token = invite(&mut app, &acme.owner, &acme, &address, "tenant_member").unwrap();
    assert_sqlstate(try_as(&mut admin, &story.support, suspend, &[&acme.id, &"r"]), "42501");
    assert_sqlstate(try_as(&mut app, &acme.owner, suspend, &[&acme.id, &"r"]), "42501");
    let platform = story.platform_admin.clone();
    assert_sqlstate(try_as(&mut admin, &platform, suspend, &[&acme.id, &" "]), "22023");
    assert_sqlstate(try_as(&mut admin, &platform, suspend, &[&Uuid::new_v4(), &"r"]), "23503");
    assert_sqlstate(try_as(&mut admin, &platform, reinstate, &[&acme.id, &"r"]), "55000");
    // The rights end within a running transaction.
    let mut running = app.transaction().unwrap();
    running.execute("SELECT saas.begin_request($1, $2)", &[&acme.owner.token, &acme.id]).unwrap();
    let may = "SELECT saas.has_tenant_permission('tenant.read')";
    assert!(running.query_one(may, &[]).unwrap().get::<_, bool>(0));
    try_as(&mut admin, &platform, suspend, &[&acme.id, &"unpaid"]).unwrap();
    assert!(!running.query_one(may, &[]).unwrap().get::<_, bool>(0));
    running.rollback().unwrap();
    assert_sqlstate(try_as(&mut admin, &platform, suspend, &[&acme.id, &"unpaid"]), "55000");
    assert_sqlstate(try_as(&mut app, &story.stranger, ACCEPT, &[&token]), "28000");
    // A payment does not reinstate.
    story.data.execute("SELECT saas.subscribe($1, 'free', 9)", &[&acme.id]).unwrap();
    let state = "SELECT billing_state FROM saas.tenants WHERE id = $1";
    assert_eq!(one::<String>(&mut story.data, state, &[&acme.id]), "suspended");
    try_as(&mut admin, &platform, reinstate, &[&acme.id, &"paid"]).unwrap();
    assert_eq!(one::<String>(&mut story.data, state, &[&acme.id]), "active");
    try_as(&mut app, &story.stranger, ACCEPT, &[&token]).unwrap();
    let reasons: String = one(
        &mut story.data,
        "SELECT string_agg(reason, ', ' ORDER BY id) FROM saas.platform_audit_logs
          WHERE action = 'tenants.update' AND new_values ? 'suspended_at' AND tenant_id = $1",
        &[&acme.id],
    );
    assert_eq!(reasons, "unpaid, paid");
    healthy(&story.db);
}

#[test]
fn a_deleted_tenant_leaves_its_trail() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let mut app = story.db.kind("app");
    let mut admin = story.db.kind("admin");
    let delete = "SELECT saas.delete_tenant($1, $2)";
    with_seats(&mut story, 10, 10);
    let address = email(&mut story.data, &story.stranger.clone());
    let token = invite(&mut app, &acme.owner, &acme, &address, "tenant_member").unwrap();
    let key = story.api_key(&acme, &acme.owner, "tenant_owner");
    for who in [&acme.owner, &story.globex.owner] {
        assert_sqlstate(try_as(&mut app, who, delete, &[&acme.id, &"r"]), "42501");
    }
    assert_sqlstate(try_as(&mut admin, &story.platform_admin, delete, &[&acme.id, &"r"]), "42501");
    assert_sqlstate(try_as(&mut admin, &story.superadmin, delete, &[&acme.id, &""]), "22023");
    try_as(&mut admin, &story.superadmin, delete, &[&acme.id, &"on request"]).unwrap();
    assert_sqlstate(try_as(&mut admin, &story.superadmin, delete, &[&acme.id, &"again"]), "55000");
    assert_sqlstate(try_with(&mut app, &key, "SELECT 1", &[]), "28000");
    assert_sqlstate(try_as(&mut app, &story.stranger, ACCEPT, &[&token]), "28000");
    assert_sqlstate(
        try_as(&mut app, &acme.owner, INVITE, &[&acme.id, &"x@example.com", &"tenant_guest"]),
        "42501",
    );
    let left = "SELECT (SELECT count(*) FROM saas.tenant_members WHERE tenant_id = $1)
                     + (SELECT count(*) FROM saas.tenant_subscriptions WHERE tenant_id = $1 AND status = 'canceled')";
    assert_eq!(one::<i64>(&mut story.data, left, &[&acme.id]), 6);
    let reason = "SELECT reason FROM saas.platform_audit_logs WHERE action = 'tenants.update' AND new_values ? 'deleted_at'";
    assert_eq!(one::<String>(&mut story.data, reason, &[]), "on request");
    healthy(&story.db);
}

#[test]
fn a_tenant_says_of_itself() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let mut app = story.db.kind("app");
    let update = "SELECT saas.update_tenant($1, $2::text::jsonb)";
    let mut change =
        |who: &Person, changes: &str| try_as(&mut app, who, update, &[&acme.id, &changes]);
    change(&acme.owner, r#"{"name": "Acme Ltd", "time_zone": "Europe/Berlin", "currency": "EUR"}"#)
        .unwrap();
    change(&acme.owner, "{}").unwrap();
    for (changes, code) in [
        (r#"{"nmae": "x"}"#, "22023"),
        (r#"{"plan": "pro"}"#, "22023"),
        (r#"{"suspended_at": null}"#, "22023"),
        (r#"{"name": 7}"#, "22023"),
        (r#"{"name": " "}"#, "23514"),
        (r#"{"time_zone": "Mars/Base"}"#, "22023"),
        (r#"{"currency": "XXQ"}"#, "23503"),
        ("[]", "22023"),
        ("null", "22023"),
    ] {
        assert_sqlstate(change(&acme.owner, changes), code);
    }
    for who in [&acme.admin, &acme.guest, &story.globex.owner, &story.superadmin] {
        assert_sqlstate(change(who, r#"{"name": "Mine"}"#), "42501");
    }
    let said: String = one(
        &mut story.data,
        "SELECT name || ' ' || time_zone || ' ' || currency FROM saas.tenants WHERE id = $1",
        &[&acme.id],
    );
    assert_eq!(said, "Acme Ltd Europe/Berlin EUR");
    story.data.execute("SELECT saas.grant_credit($1, 100, 'r', 'promo')", &[&acme.id]).unwrap();
    assert_sqlstate(change(&acme.owner, r#"{"currency": "USD"}"#), "55000");
    healthy(&story.db);
}

#[test]
fn two_tenants_in_opposite_order_don_t_block_each_other_for_good() {
    let mut story = Story::new();
    let both = person(&mut story.data, "busy");
    for tenant in [&story.acme.clone(), &story.globex.clone()] {
        join(&mut story.data, tenant, &both, "tenant_admin");
    }
    story.db.kind("app");
    let orders = [[story.acme.id, story.globex.id], [story.globex.id, story.acme.id]];
    // Each touches both, one transaction a tenant as the API is used: nobody waits in a circle.
    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        for order in orders {
            let mut app = story.db.connect("saas_app");
            let (both, barrier) = (&both, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for round in 0..10 {
                    for tenant in order {
                        let address = format!("r{round}-{}@example.com", order[0]);
                        try_as(&mut app, both, INVITE, &[&tenant, &address, &"tenant_guest"])
                            .unwrap();
                    }
                }
            });
        }
    });
    healthy(&story.db);
}
