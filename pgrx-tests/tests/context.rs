//! Who is asking: the ways into a context, and how it ends.

use postgres::types::ToSql;
use postgres::{Client, Config, IsolationLevel, NoTls};
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::{Story, asking, assign, join, one, who};
use std::env;
use uuid::Uuid;

const FOREIGN: &str = "not a tenant of this user";

/// Ends the transaction that a refusal aborted, and says whether somebody is asking afterwards.
fn nobody_after(client: &mut Client) -> bool {
    client.batch_execute("ROLLBACK").unwrap();
    who(client).is_none()
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
        assert_eq!(
            one::<Option<Uuid>>(&mut request, "SELECT saas.current_impersonator_id()", &[]),
            None
        );

        one::<Uuid>(
            &mut request,
            "SELECT saas.begin_request($1, $2)",
            &[&acme.owner.token, &acme.id],
        );
        assert_eq!(
            one::<Option<Uuid>>(&mut request, "SELECT saas.current_tenant_id()", &[]),
            Some(acme.id)
        );
    }
}

#[test]
fn a_request_has_the_id_that_the_log_says() {
    let mut story = Story::new();
    let token = story.acme.owner.token.clone();
    let mut app = story.db.kind("app");
    let id = "SELECT saas.current_request_id()";
    let begin = "SELECT saas.begin_request($1)";
    let mut request = app.transaction().unwrap();
    assert_eq!(one::<Option<Uuid>>(&mut request, id, &[]), None);
    one::<Uuid>(&mut request, begin, &[&token]);
    let first: Uuid = one(&mut request, id, &[]);
    let invite = "SELECT saas.invite_member($1, 'carol@example.com', 'tenant_guest') IS NOT NULL";
    assert!(one::<bool>(&mut request, invite, &[&story.acme.id]));
    let mut savepoint = request.savepoint("again").unwrap();
    one::<Uuid>(&mut savepoint, begin, &[&token]);
    assert_ne!(one::<Uuid>(&mut savepoint, id, &[]), first);
    savepoint.rollback().unwrap();
    assert_eq!(one::<Uuid>(&mut request, id, &[]), first);
    request.commit().unwrap();
    assert_eq!(one::<Option<Uuid>>(&mut app, id, &[]), None);
    let logged = "SELECT count(*) > 0 FROM saas.platform_audit_logs WHERE tenant_id = $1 AND request_id = $2";
    assert!(one::<bool>(&mut story.data, logged, &[&story.acme.id, &first]));
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
        data.execute(
            &format!(
                "UPDATE saas.sessions SET {change} WHERE token_hash = sha256($1::text::bytea)"
            ),
            &[&token],
        )
        .unwrap();
        token
    };
    let expired =
        other("created_at = now() - interval '2 days', expires_at = now() - interval '1 s'");
    let revoked = other("revoked_at = now()");
    let hash: String =
        one(&mut story.data, "SELECT encode(sha256($1::text::bytea), 'hex')", &[&live]);
    story
        .data
        .execute("UPDATE saas.users SET deleted_at = now() WHERE id = $1", &[&acme.guest.id])
        .unwrap();

    let mut tokens: Vec<Option<String>> = [
        "",
        " ",
        "garbage",
        "saas_session_",
        "saas_key_",
        "saas_key__",
        "saas_key_x_y",
        "saas_",
        "saas_session_%",
        "' OR true --",
        "\u{1F600}",
        "null",
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
        let refused =
            assert_sqlstate(client.execute("SELECT saas.begin_request($1)", &[&token]), "28000");
        assert_eq!(refused.message(), "unknown, expired or revoked session or key");
        assert!(nobody_after(&mut client));
        // With a tenant it is the same: nothing is said of the tenant before the token is known.
        let result = client.execute("SELECT saas.begin_request($1, $2)", &[&token, &acme.id]);
        let refused = assert_sqlstate(result, "28000");
        assert_eq!(refused.message(), "unknown, expired or revoked session or key");
    }
    assert_sqlstate(client.execute("SELECT saas.begin_request(NULL, NULL, NULL)", &[]), "28000");
    // PostgreSQL itself keeps out what is no text.
    assert_sqlstate(
        client.batch_execute(r"SELECT saas.begin_request(E'saas_session_\xff')"),
        "22021",
    );
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
            "{} {:?} {:?} {:?}",
            refused.message(),
            refused.detail(),
            refused.hint(),
            refused.where_()
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
    let result =
        gateway.execute("SELECT saas.begin_request_as($1, $2)", &[&acme.owner.id, &globex.id]);
    assert_eq!(assert_sqlstate(result, "42501").message(), FOREIGN);
    let key = story.api_key(&acme, &acme.owner, "tenant_guest");
    refuse(&mut app, &key, globex.id);
    for change in ["suspended_at", "deleted_at"] {
        let set = |value: &str| {
            format!("UPDATE saas.tenants SET {change} = {value} WHERE id = '{}'", acme.id)
        };
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
    assert_eq!(
        one::<Option<Uuid>>(&mut request, "SELECT saas.current_tenant_id()", &[]),
        Some(acme.id)
    );

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
    assert!(one::<bool>(
        &mut request,
        "SELECT NOT saas.has_tenant_permission($1, 'tenant.read')",
        &[&acme.id]
    ));
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
    assert_sqlstate(
        request.execute("SELECT saas.require_tenant_permission('tenant.read')", &[]),
        "28000",
    );
}

#[test]
fn revoked_before_it_begins_counts_in_an_old_snapshot_too() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let key = story.api_key(&acme, &acme.owner, "tenant_admin");
    let revoke = [
        "UPDATE saas.sessions SET revoked_at = now()",
        "UPDATE saas.api_keys SET revoked_at = now()",
    ];
    for (token, revoke) in [&acme.owner.token, &key].into_iter().zip(revoke) {
        let mut app = story.db.kind("app");
        let mut request = app
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .start()
            .unwrap();
        one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[token]);
        story.data.batch_execute(revoke).unwrap();
        assert_sqlstate(request.execute("SELECT saas.begin_request($1)", &[token]), "28000");
    }
    // And a deleted user for a gateway.
    let mut gateway = story.db.kind("gateway");
    let mut request =
        gateway.build_transaction().isolation_level(IsolationLevel::Serializable).start().unwrap();
    one::<Uuid>(&mut request, "SELECT saas.begin_request_as($1)", &[&acme.guest.id]);
    story
        .data
        .execute("UPDATE saas.users SET deleted_at = now() WHERE id = $1", &[&acme.guest.id])
        .unwrap();
    assert_sqlstate(
        request.execute("SELECT saas.begin_request_as($1)", &[&acme.guest.id]),
        "28000",
    );
}

#[test]
fn only_a_gateway_asserts_a_user() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let mut gateway = story.db.kind("gateway");
    let mut request = gateway.transaction().unwrap();
    let user: Uuid =
        one(&mut request, "SELECT saas.begin_request_as($1, $2)", &[&acme.owner.id, &acme.id]);
    assert_eq!(user, acme.owner.id);
    assert!(one::<bool>(&mut request, "SELECT saas.has_tenant_permission('billing.manage')", &[]));
    drop(request);
    assert_sqlstate(
        gateway.execute("SELECT saas.begin_request_as($1)", &[&Uuid::new_v4()]),
        "28000",
    );
    assert_sqlstate(gateway.execute("SELECT saas.begin_request_as(NULL)", &[]), "23502");
    for kind in ["app", "worker", "auditor", "admin"] {
        let mut client = story.db.kind(kind);
        for call in ["begin_request_as($1)", "create_session($1)"] {
            assert_sqlstate(
                client.execute(&format!("SELECT saas.{call}"), &[&acme.owner.id]),
                "42501",
            );
        }
        assert_sqlstate(client.execute("SELECT saas.create_user('x@example.com')", &[]), "42501");
    }
    assert_sqlstate(
        story.db.kind("worker").execute("SELECT saas.begin_request('x')", &[]),
        "42501",
    );
    // The data owner may, by himself.
    one::<Uuid>(&mut story.data, "SELECT saas.begin_request_as($1)", &[&acme.owner.id]);
}

/// How many rows of what is a person's own this request sees.
fn own_business(request: &mut impl postgres::GenericClient) -> i64 {
    one(
        request,
        "SELECT (SELECT count(*) FROM (SELECT id FROM saas.sessions) s)
              + (SELECT count(*) FROM saas.system_role_assignments)",
        &[],
    )
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
    assign(&mut story.data, &both, "platform_superadmin");
    let key = story.api_key(&acme, &both, "tenant_guest");
    let mut app = story.db.kind("app");
    let mut admin = story.db.kind("admin");
    for tenant in [None, Some(acme.id)] {
        let mut request = app.transaction().unwrap();
        one::<Uuid>(&mut request, "SELECT saas.begin_request($1, $2)", &[&key, &tenant]);
        assert_eq!(who(&mut request), Some(both.id));
        assert_eq!(
            one::<Option<Uuid>>(&mut request, "SELECT saas.current_tenant_id()", &[]),
            Some(acme.id)
        );
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
        // His sessions and system roles are his own business, not a program's.
        assert_eq!(own_business(&mut request), 0);
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

/// A key of the owner's role whose user was demoted: not by saas.set_member_role, which revokes it.
#[test]
fn an_api_key_may_no_more_than_its_user() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let key = story.api_key(&acme, &acme.owner, "tenant_owner");
    let mut demote = |role: &str| {
        let sql = "UPDATE saas.tenant_members SET role_id = (SELECT id FROM saas.roles WHERE key = $2) WHERE user_id = $1";
        assert_eq!(story.data.execute(sql, &[&acme.owner.id, &role]).unwrap(), 1);
    };
    let mut other = story.db.owner();
    join(&mut other, &acme, &story.stranger, "tenant_owner");
    let mut app = story.db.kind("app");
    let mut request = app.transaction().unwrap();
    one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[&key]);
    let project = "INSERT INTO saas.projects (tenant_id, title) VALUES ($1, 'x')";
    request.execute(project, &[&acme.id]).unwrap();
    let seen = "SELECT count(*) FROM saas.projects";
    assert_eq!(one::<i64>(&mut request, seen, &[]), 1);
    // The next statement of the same transaction knows, by every way of asking.
    demote("tenant_guest");
    let permissions: Vec<String> =
        one(&mut request, "SELECT array_agg(p) FROM saas.tenant_permissions($1) p", &[&acme.id]);
    assert_eq!(permissions, ["tenant.read"]);
    let none: Vec<Uuid> =
        one(&mut request, "SELECT saas.permitted_tenant_ids('project.create')", &[]);
    assert!(none.is_empty());
    assert_eq!(one::<i64>(&mut request, seen, &[]), 1);
    let why = "SELECT saas.explain_permission($1, $2, 'project.create') ->> 'reason'";
    let reason: String = one(&mut request, why, &[&acme.owner.id, &acme.id]);
    assert_eq!(reason, "user_lacks_permission");
    for (sql, args) in [
        (project, &[&acme.id as &(dyn ToSql + Sync)][..]),
        ("SELECT saas.require_tenant_permission($1, 'project.create')", &[&acme.id]),
        ("SELECT saas.invite_member($1, 'x@example.com', 'tenant_guest')", &[&acme.id]),
    ] {
        request.batch_execute("SAVEPOINT s").unwrap();
        assert_sqlstate(request.execute(sql, args), "42501");
        request.batch_execute("ROLLBACK TO s").unwrap();
    }
    drop(request);
    // Whoever may invite invites with his key as far as he himself could.
    let mut invite = |role: &str| {
        let mut request = app.transaction()?;
        request.execute("SELECT saas.begin_request($1)", &[&key])?;
        let sql = "SELECT saas.invite_member($1, 'x@example.com', $2)";
        request.execute(sql, &[&acme.id, &role])?;
        request.commit()
    };
    demote("tenant_admin");
    assert_sqlstate(invite("tenant_owner"), "42501");
    invite("tenant_admin").unwrap();
    demote("tenant_owner");
    invite("tenant_owner").unwrap();
}

#[test]
fn an_api_key_ends_inside_the_transaction() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let key = story.api_key(&acme, &acme.owner, "tenant_owner");
    story
        .data
        .batch_execute("UPDATE saas.api_keys SET expires_at = now() + interval '1.5 s'")
        .unwrap();
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
        assert_eq!(
            one::<Option<Uuid>>(&mut request, "SELECT saas.current_tenant_id()", &[]),
            Some(acme.id)
        );
        let count = "SELECT count(*) FROM saas.permissions WHERE saas.has_system_permission(key)
                        OR saas.has_system_permission($1, key) OR saas.has_tenant_permission($1, $2, key)";
        assert_eq!(one::<i64>(&mut request, count, &[&both.id, &story.globex.id]), 0);
        assert!(one::<bool>(
            &mut request,
            "SELECT saas.has_tenant_permission('project.create')",
            &[]
        ));
        let tenants: i64 = one(&mut request, "SELECT count(*) FROM saas.tenants", &[]);
        assert_eq!(tenants, i64::from(kind == "app"));
        assert_eq!(own_business(&mut request), 0);
        assert_sqlstate(request.execute("SELECT saas.create_tenant('his')", &[]), "42501");
    }
    let mut app = story.db.kind("app");
    let mut enter = |token: &str, tenant: Option<Uuid>, id: Uuid, sqlstate: &str| {
        assert_sqlstate(app.execute(ENTER, &[&token, &tenant, &id]), sqlstate);
    };
    enter(&support.token, Some(story.globex.id), id, "42501");
    enter(&support.token, None, Uuid::new_v4(), "42501");
    // A tempting target: his platform rights are not for whoever impersonates him.
    assign(&mut story.data, &both, "platform_superadmin");
    enter(&support.token, None, id, "42501");
    let revoke =
        "UPDATE saas.system_role_assignments SET revoked_at = now() WHERE assigned_user_id = $1";
    story.data.execute(revoke, &[&both.id]).unwrap();
    enter(&support.token, None, id, "42501");
    let id = story.impersonation(&support, &both, &acme, "30 min");
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
    for (target, lasts, approved) in [
        (owner.id, "61 min", none),
        (support.id, "30 min", none),
        (owner.id, "30 min", Some(support.id)),
        (owner.id, "-1 s", none),
        (owner.id, "0", none),
    ] {
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
        data.execute(
            "UPDATE saas.impersonation_sessions SET ended_at = now() WHERE id = $1",
            &[&id],
        )
        .unwrap();
    });
    let revoke =
        "UPDATE saas.system_role_assignments SET revoked_at = now() WHERE assigned_user_id = $1";
    ends("30 min", &|data, _| assert_eq!(data.execute(revoke, &[&support.id]).unwrap(), 1));
    assign(&mut story.borrow_mut().data, &support, "platform_support");
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
        let plan: Vec<String> = request
            .query(&format!("EXPLAIN (ANALYZE, COSTS off) {count}"), &[])
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect();
        let launched =
            plan.iter().any(|line| line.contains("Workers Launched") && !line.contains(": 0"));
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
    let sql =
        "SELECT saas.current_user_id() IS NULL AND NOT saas.has_tenant_permission('tenant.read')
                  AND NOT saas.has_system_permission('platform.tenant.read')
                  AND saas.permitted_tenant_ids('tenant.read') = '{}'";
    assert!(one::<bool>(&mut app, sql, &[]));
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
