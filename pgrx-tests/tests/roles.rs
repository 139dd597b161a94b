//! A tenant's own roles, and that nobody gives more than he has himself, whatever changes meanwhile.

use postgres::types::ToSql;
use postgres::{Client, Error};
use saas_core_tests::story::{Person, Story, Tenant, asking, one};
use saas_core_tests::{TestDb, assert_sqlstate};
use std::time::Duration;
use uuid::Uuid;

type Args<'a> = &'a [&'a (dyn ToSql + Sync)];

const CREATE: &str = "SELECT saas.create_role($1, $2, $3::text::text[])";
const UPDATE: &str = "SELECT saas.update_role($1, $2, $3::text::text[])";
const DELETE: &str = "SELECT saas.delete_role($1, $2)";
const INVITE: &str = "SELECT saas.invite_member($1, $2, $3)";
const ROLE: &str = "SELECT saas.set_member_role($1, $2, $3)";

fn try_as(app: &mut Client, who: &Person, sql: &str, args: Args<'_>) -> Result<(), Error> {
    let mut request = app.transaction()?;
    request.execute("SELECT saas.begin_request($1)", &[&who.token])?;
    request.execute(sql, args)?;
    request.commit()
}

fn carries(data: &mut Client, key: &str) -> Vec<String> {
    one(
        data,
        "SELECT coalesce(array_agg(p.key ORDER BY p.key), '{}')
           FROM saas.roles r LEFT JOIN saas.role_permissions rp ON rp.role_id = r.id LEFT JOIN saas.permissions p ON p.id = rp.permission_id
          WHERE r.key = $1 AND p.key IS NOT NULL",
        &[&key],
    )
}

/// Somebody with a role of acme's own that carries these, made by the owner.
fn with_own_role(story: &mut Story, who: &Person, key: &str, permissions: &str) {
    let acme = story.acme.clone();
    let mut app = story.db.connect("saas_app");
    try_as(&mut app, &acme.owner, CREATE, &[&acme.id, &key, &permissions]).unwrap();
    try_as(&mut app, &acme.owner, ROLE, &[&acme.id, &who.id, &key]).unwrap();
}

#[test]
fn a_tenants_own_role() {
    let mut story = Story::new();
    let (acme, globex) = (story.acme.clone(), story.globex.clone());
    let mut app = story.db.kind("app");
    let full = |tenant: &Tenant, key: &str| format!("{}:{key}", tenant.id);
    let args: Args<'_> = &[&acme.id, &"accountant", &"{billing.view,tenant.read,billing.view}"];
    try_as(&mut app, &acme.owner, CREATE, args).unwrap();
    assert_eq!(
        carries(&mut story.data, &full(&acme, "accountant")),
        ["billing.view", "tenant.read"]
    );
    // The same key once a tenant, and none of the catalog's.
    for (tenant, key, sqlstate) in [
        (&acme, "accountant", Some("23505")),
        (&globex, "accountant", None),
        (&acme, "tenant_owner", Some("23505")),
        (&acme, "platform_admin", Some("23505")),
        (&acme, "", Some("22023")),
        (&acme, "Accountant", Some("22023")),
        (&acme, "a:b", Some("22023")),
        (&acme, "ä", Some("22023")),
    ] {
        let result = try_as(&mut app, &tenant.owner, CREATE, &[&tenant.id, &key, &"{tenant.read}"]);
        match sqlstate {
            Some(sqlstate) => drop(assert_sqlstate(result, sqlstate)),
            None => result.unwrap(),
        }
    }
    for (permissions, sqlstate) in
        [("{tenant.reed}", "42704"), ("{platform.tenant.read}", "23514"), ("{NULL}", "22023")]
    {
        for sql in [CREATE, UPDATE] {
            let key = if sql == CREATE { "another" } else { "accountant" };
            assert_sqlstate(
                try_as(&mut app, &acme.owner, sql, &[&acme.id, &key, &permissions]),
                sqlstate,
            );
        }
    }
    for sql in [CREATE, UPDATE] {
        let nothing: [Args<'_>; 3] = [
            &[&None::<Uuid>, &"accountant", &"{}"],
            &[&acme.id, &None::<String>, &"{}"],
            &[&acme.id, &"accountant", &None::<String>],
        ];
        for args in nothing {
            assert_sqlstate(try_as(&mut app, &acme.owner, sql, args), "23502");
        }
    }
    // It is given by its short key or its whole one, in its tenant only.
    try_as(&mut app, &acme.owner, ROLE, &[&acme.id, &acme.guest.id, &"accountant"]).unwrap();
    try_as(&mut app, &acme.owner, ROLE, &[&acme.id, &acme.member.id, &full(&acme, "accountant")])
        .unwrap();
    assert_sqlstate(
        try_as(
            &mut app,
            &globex.owner,
            ROLE,
            &[&globex.id, &globex.guest.id, &full(&acme, "accountant")],
        ),
        "42704",
    );
    let view = "SELECT saas.has_tenant_permission($1, 'billing.view')";
    assert!(one::<bool>(&mut asking(&mut app, &acme.guest, None), view, &[&acme.id]));
    // Changed, for whoever has it, from the next statement on.
    let mut running = app.transaction().unwrap();
    running.execute("SELECT saas.begin_request($1)", &[&acme.guest.token]).unwrap();
    assert!(one::<bool>(&mut running, view, &[&acme.id]));
    let mut other = story.db.connect("saas_app");
    try_as(&mut other, &acme.owner, UPDATE, &[&acme.id, &"accountant", &"{tenant.read}"]).unwrap();
    assert!(!one::<bool>(&mut running, view, &[&acme.id]));
    drop(running);
    // The catalog's and other tenants' are nobody's to change.
    for (by, tenant, key, sqlstate) in [
        (&acme.owner, &acme, "tenant_guest".to_owned(), "42501"),
        (&acme.owner, &acme, full(&globex, "accountant"), "42704"),
        (&globex.owner, &acme, "accountant".to_owned(), "42501"),
        (&acme.admin, &acme, "accountant".to_owned(), "42501"),
    ] {
        assert_sqlstate(try_as(&mut app, by, UPDATE, &[&tenant.id, &key, &"{}"]), sqlstate);
        assert_sqlstate(try_as(&mut app, by, DELETE, &[&tenant.id, &key]), sqlstate);
    }
    let audited: i64 = one(
        &mut story.data,
        "SELECT count(*) FROM saas.platform_audit_logs WHERE actor_id = $1 AND action IN ('roles.insert', 'role_permissions.delete')",
        &[&acme.owner.id],
    );
    assert_eq!(audited, 2);
}

#[test]
fn a_role_in_use_stays() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let mut app = story.db.kind("app");
    with_own_role(&mut story, &acme.guest, "reader", "{tenant.read}");
    try_as(&mut app, &acme.owner, INVITE, &[&acme.id, &"a@example.com", &"reader"]).unwrap();
    try_as(&mut app, &acme.owner, INVITE, &[&acme.id, &"b@example.com", &"reader"]).unwrap();
    let key = "SELECT saas.create_api_key($1, 'CI', 'reader')";
    try_as(&mut app, &acme.owner, key, &[&acme.id]).unwrap();
    let refused =
        assert_sqlstate(try_as(&mut app, &acme.owner, DELETE, &[&acme.id, &"reader"]), "55000");
    assert_eq!(
        refused.message(),
        "the role is in use: by 1 members, 2 open invitations and 1 API keys"
    );
    try_as(&mut app, &acme.owner, ROLE, &[&acme.id, &acme.guest.id, &"tenant_guest"]).unwrap();
    assert_sqlstate(try_as(&mut app, &acme.owner, DELETE, &[&acme.id, &"reader"]), "55000");
    // An invitation that has run out is past, also if nobody has taken it back.
    story
        .data
        .batch_execute(
            "UPDATE saas.tenant_invitations SET created_at = now() - interval '8 days', expires_at = now() - interval '1 day'
              WHERE email = 'a@example.com';
             UPDATE saas.tenant_invitations SET revoked_at = now() WHERE email = 'b@example.com'",
        )
        .unwrap();
    assert_sqlstate(try_as(&mut app, &acme.owner, DELETE, &[&acme.id, &"reader"]), "55000");
    story.data.batch_execute("UPDATE saas.api_keys SET revoked_at = now()").unwrap();
    try_as(&mut app, &acme.owner, DELETE, &[&acme.id, &"reader"]).unwrap();
    assert_sqlstate(try_as(&mut app, &acme.owner, DELETE, &[&acme.id, &"reader"]), "42704");
    // What is past is kept without it.
    let kept: i64 = one(
        &mut story.data,
        "SELECT (SELECT count(*) FROM saas.tenant_invitations WHERE role_id IS NULL AND revoked_at IS NOT NULL)
              + (SELECT count(*) FROM saas.api_keys WHERE role_id IS NULL)",
        &[],
    );
    assert_eq!(kept, 3);
    let broken = story.data.query("SELECT (c)::text FROM saas.check_invariants() c", &[]).unwrap();
    assert!(
        broken.is_empty(),
        "{:?}",
        broken.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>()
    );
}

/// Whoever has part of what an owner has makes, widens and gives within that part only.
#[test]
fn a_role_is_no_way_to_more_than_one_has() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let mut app = story.db.kind("app");
    let lead = "{tenant.read,tenant.update,member.invite,member.remove,project.create}";
    with_own_role(&mut story, &acme.admin, "lead", lead);
    with_own_role(&mut story, &acme.member, "treasurer", "{tenant.read,billing.manage}");
    let admin = &acme.admin;
    let mut refused = |sql: &str, args: Args<'_>| {
        let refused = assert_sqlstate(try_as(&mut app, admin, sql, args), "42501");
        assert!(
            refused.message().contains("billing.manage")
                || refused.message().contains("more than you"),
            "{refused:?}"
        );
    };
    refused(CREATE, &[&acme.id, &"own", &"{tenant.read,billing.manage}"]);
    // Not a role of his own either, nor somebody else's that he could take over or take away.
    refused(UPDATE, &[&acme.id, &"lead", &"{tenant.read,tenant.update,billing.manage}"]);
    refused(UPDATE, &[&acme.id, &"treasurer", &"{tenant.read}"]);
    refused(DELETE, &[&acme.id, &"treasurer"]);
    refused(ROLE, &[&acme.id, &acme.guest.id, &"treasurer"]);
    refused(ROLE, &[&acme.id, &acme.member.id, &"tenant_guest"]);
    refused(INVITE, &[&acme.id, &"x@example.com", &"treasurer"]);
    refused(INVITE, &[&acme.id, &"x@example.com", &"tenant_owner"]);
    refused("SELECT saas.create_api_key($1, 'x', $2)", &[&acme.id, &"treasurer"]);
    refused("SELECT saas.create_service_account($1, 'x', $2)", &[&acme.id, &"treasurer"]);
    refused("SELECT saas.remove_member($1, $2)", &[&acme.id, &acme.member.id]);
    // Within it he may.
    try_as(&mut app, admin, CREATE, &[&acme.id, &"junior", &"{tenant.read,project.create}"])
        .unwrap();
    try_as(&mut app, admin, ROLE, &[&acme.id, &acme.guest.id, &"junior"]).unwrap();
    // A key of an owner's that may less asks within the key.
    let key = story.api_key(&acme, &acme.owner, "tenant_admin");
    let mut request = app.transaction().unwrap();
    request.execute("SELECT saas.begin_request($1)", &[&key]).unwrap();
    assert_sqlstate(request.execute(CREATE, &[&acme.id, &"by_key", &"{tenant.read}"]), "42501");
}

/// An admin invites to a role within his; an owner widens it before the invitation is accepted.
#[test]
fn an_invitation_gives_no_role_that_was_widened_beyond_its_sender() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let mut app = story.db.kind("app");
    let lead = "{tenant.read,tenant.update,member.invite,project.create}";
    with_own_role(&mut story, &acme.admin, "lead", lead);
    try_as(&mut app, &acme.owner, CREATE, &[&acme.id, &"helper", &"{tenant.read}"]).unwrap();
    let stranger = story.stranger.clone();
    let mut request = asking(&mut app, &acme.admin, None);
    let token: String = one(&mut request, INVITE, &[&acme.id, &"stranger@example.com", &"helper"]);
    request.commit().unwrap();
    let accept = "SELECT saas.accept_invitation($1)";
    try_as(&mut app, &acme.owner, UPDATE, &[&acme.id, &"helper", &"{tenant.read,billing.manage}"])
        .unwrap();
    assert_sqlstate(try_as(&mut app, &stranger, accept, &[&token]), "55000");
    // Narrowed again it is good; so it is when its sender has grown with it.
    try_as(&mut app, &acme.owner, UPDATE, &[&acme.id, &"helper", &"{tenant.read,project.create}"])
        .unwrap();
    try_as(&mut app, &stranger, accept, &[&token]).unwrap();
}

/// Runs `second` on another connection while `first` has not committed yet, and says what became of it.
fn meanwhile(
    db: &TestDb,
    first: (&Person, &str, Args<'_>),
    second: (&Person, &str, Args<'_>),
    isolation: &str,
) -> Result<(), Error> {
    let mut one = db.connect("saas_app");
    let mut holds = one.transaction().unwrap();
    holds.execute("SELECT saas.begin_request($1)", &[&first.0.token]).unwrap();
    holds.execute(first.1, first.2).unwrap();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| {
            let mut two = db.connect("saas_app");
            two.batch_execute(&format!("SET default_transaction_isolation = '{isolation}'"))?;
            try_as(&mut two, second.0, second.1, second.2)
        });
        std::thread::sleep(Duration::from_millis(300));
        assert!(!waits.is_finished(), "{} did not wait for {}", second.1, first.1);
        holds.commit().unwrap();
        waits.join().unwrap()
    })
}

#[test]
fn two_at_once_give_no_more_than_one_after_the_other() {
    for isolation in ["read committed", "repeatable read"] {
        let mut story = Story::new();
        let acme = story.acme.clone();
        story.db.kind("app");
        let lead = "{tenant.read,tenant.update,member.invite,member.remove,project.create}";
        with_own_role(&mut story, &acme.admin, "lead", lead);
        let mut app = story.db.connect("saas_app");
        try_as(&mut app, &acme.owner, CREATE, &[&acme.id, &"helper", &"{tenant.read}"]).unwrap();
        let refused = |result: Result<(), Error>, what: &str| {
            let error = result.expect_err(what);
            let code = error.code().map_or("", |code| code.code()).to_owned();
            let expected = if isolation == "read committed" { "42501" } else { "40001" };
            assert_eq!(code, expected, "{what}: {error:?}");
        };
        // The role is widened while a lesser admin invites to it, gives it, and makes a key of it.
        let wide = "{tenant.read,billing.manage}";
        let widen = (&acme.owner, UPDATE, &[&acme.id as &(dyn ToSql + Sync), &"helper", &wide][..]);
        let narrow: Args<'_> = &[&acme.id, &"helper", &"{tenant.read}"];
        let attempts: [(&str, Args<'_>); 3] = [
            (INVITE, &[&acme.id, &"x@example.com", &"helper"]),
            (ROLE, &[&acme.id, &acme.guest.id, &"helper"]),
            ("SELECT saas.create_api_key($1, 'x', $2)", &[&acme.id, &"helper"]),
        ];
        for (sql, args) in attempts {
            refused(meanwhile(&story.db, widen, (&acme.admin, sql, args), isolation), sql);
            try_as(&mut app, &acme.owner, UPDATE, narrow).unwrap();
        }
        // The admin is demoted while he makes a role of what he had, and one of what he keeps: the gate itself is gone.
        let demote: Args<'_> = &[&acme.id, &acme.admin.id, &"tenant_member"];
        for permissions in ["{member.remove}", "{tenant.read}"] {
            let args: Args<'_> = &[&acme.id, &"mine", &permissions];
            let create = (&acme.admin, CREATE, args);
            refused(
                meanwhile(&story.db, (&acme.owner, ROLE, demote), create, isolation),
                permissions,
            );
            try_as(&mut app, &acme.owner, ROLE, &[&acme.id, &acme.admin.id, &"lead"]).unwrap();
        }
        // Somebody gets the role while it is deleted.
        let give: Args<'_> = &[&acme.id, &acme.guest.id, &"helper"];
        let delete: Args<'_> = &[&acme.id, &"helper"];
        let result = meanwhile(
            &story.db,
            (&acme.owner, ROLE, give),
            (&acme.owner, DELETE, delete),
            isolation,
        );
        let expected = if isolation == "read committed" { "55000" } else { "40001" };
        assert_sqlstate(result, expected);
    }
}

#[test]
fn the_last_guests_place_is_taken_once() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let mut app = story.db.kind("app");
    let plan =
        "INSERT INTO saas.plans (key, name, base_price, currency, billing_interval, guest_count)
                VALUES ('small', 'Small', 0, 'USD', 'monthly', 2)";
    story.data.batch_execute(plan).unwrap();
    story.data.execute("SELECT saas.subscribe($1, 'small', 20)", &[&acme.id]).unwrap();
    let people = [story.stranger.clone(), story.globex.guest.clone()];
    let emails = ["stranger@example.com", "globex.guest@example.com"];
    let mut tokens = Vec::new();
    for email in emails {
        let mut request = asking(&mut app, &acme.owner, None);
        let sql = "SELECT saas.invite_member($1, $2, 'tenant_guest', 'guest')";
        tokens.push(one::<String>(&mut request, sql, &[&acme.id, &email]));
        request.commit().unwrap();
    }
    story.data.batch_execute("UPDATE saas.plans SET guest_count = 1 WHERE key = 'small'").unwrap();
    let accept = "SELECT saas.accept_invitation($1)";
    let [first, second] = [0, 1].map(|i| (&people[i], accept, [&tokens[i] as &(dyn ToSql + Sync)]));
    let result = meanwhile(
        &story.db,
        (first.0, first.1, &first.2),
        (second.0, second.1, &second.2),
        "read committed",
    );
    assert_sqlstate(result, "53400");
}
