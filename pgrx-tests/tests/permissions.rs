//! What they may do: that checks agree with the tables, and from when on.

use postgres::{Client, GenericClient, IsolationLevel};
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::{Person, Story, Tenant, asking, assign, join, one, person};
use uuid::Uuid;

const EVERY_FUNCTION: [&str; 9] = [
    "has_tenant_permission(KEY)",
    "has_tenant_permission(TENANT, KEY)",
    "has_tenant_permission(USER, TENANT, KEY)",
    "has_system_permission(KEY)",
    "has_system_permission(USER, KEY)",
    "require_tenant_permission(KEY)",
    "require_tenant_permission(TENANT, KEY)",
    "authorized_tenant_id(KEY)",
    "permitted_tenant_ids(KEY)",
];

fn may(client: &mut impl GenericClient, tenant: &Tenant, permission: &str) -> bool {
    one(client, "SELECT saas.has_tenant_permission($1, $2)", &[&tenant.id, &permission])
}

fn may_in_system(client: &mut impl GenericClient, permission: &str) -> bool {
    one(client, "SELECT saas.has_system_permission($1)", &[&permission])
}

fn call(function: &str, person: &Person, tenant: &Tenant, key: &str) -> String {
    let arguments = function
        .replace("USER", &format!("'{}'::uuid", person.id))
        .replace("TENANT", &format!("'{}'::uuid", tenant.id))
        .replace("KEY", key);
    format!("SELECT saas.{arguments}")
}

#[test]
fn an_unknown_key_is_no_denial() {
    let story = Story::new();
    let acme = &story.acme;
    let mut app = story.db.kind("app");
    let mut all = EVERY_FUNCTION.map(str::to_owned).to_vec();
    all.push("require_system_permission(KEY)".into());
    for function in all {
        for bound in [None, Some(acme)] {
            let mut request = asking(&mut app, &acme.owner, bound);
            for (key, hint) in [
                ("'project.creat'", Some("Did you mean \"project.create\"?")),
                ("'Tenant.Read'", None),
                ("'tenant.read '", Some("Did you mean \"tenant.read\"?")),
                ("''", None),
                ("'\u{1F600}'", None),
                ("repeat('x', 1000000)", None),
            ] {
                request.batch_execute("SAVEPOINT s").unwrap();
                let result = request.batch_execute(&call(&function, &acme.owner, acme, key));
                let refused = assert_sqlstate(result, "42704");
                if hint.is_some() {
                    assert_eq!(refused.hint(), hint, "{function} {key}");
                }
                request.batch_execute("ROLLBACK TO s").unwrap();
            }
            // NULL is no answer: IF NOT has_tenant_permission(NULL) would let everybody through.
            let result = request.batch_execute(&call(&function, &acme.owner, acme, "NULL::text"));
            assert_sqlstate(result, "23502");
        }
        // Nor does a typo hide behind a missing context.
        if !function.contains("USER") {
            let result = app.batch_execute(&call(&function, &acme.owner, acme, "'project.creat'"));
            assert_sqlstate(result, "42704");
        }
    }
}

#[test]
fn nobody_may_nothing() {
    let story = Story::new();
    let acme = &story.acme;
    for kind in ["app", "gateway", "admin"] {
        let mut client = story.db.kind(kind);
        for key in ["tenant.read", "platform.tenant.read"] {
            assert!(!may(&mut client, acme, key));
            assert!(!one::<bool>(&mut client, "SELECT saas.has_tenant_permission($1)", &[&key]));
            assert!(!may_in_system(&mut client, key));
            let tenant =
                one::<Option<Uuid>>(&mut client, "SELECT saas.authorized_tenant_id($1)", &[&key]);
            assert_eq!(tenant, None);
            let tenants =
                one::<Vec<Uuid>>(&mut client, "SELECT saas.permitted_tenant_ids($1)", &[&key]);
            assert!(tenants.is_empty());
            for require in [
                "require_tenant_permission($1)",
                "require_tenant_permission(NULL, $1)",
                "require_system_permission($1)",
            ] {
                assert_sqlstate(
                    client.execute(&format!("SELECT saas.{require}"), &[&key]),
                    "28000",
                );
            }
            let sql = "SELECT saas.require_tenant_permission($1, $2)";
            assert_sqlstate(client.execute(sql, &[&acme.id, &key]), "28000");
        }
    }
}

#[test]
fn gates_let_through_or_raise() {
    let story = Story::new();
    let (acme, globex) = (&story.acme, &story.globex);
    let mut app = story.db.kind("app");
    let mut gate = |person: &Person, bound: Option<&Tenant>, gate: &str, passes: bool| {
        let mut request = asking(&mut app, person, bound);
        let result = request.batch_execute(&format!("SELECT saas.{gate}"));
        if passes {
            result.unwrap();
            String::new()
        } else {
            assert_sqlstate(result, "42501").message().to_owned()
        }
    };
    gate(&acme.member, Some(acme), "require_tenant_permission('project.create')", true);
    gate(&acme.member, Some(acme), "require_tenant_permission('billing.view')", false);
    gate(&acme.member, None, "require_tenant_permission('project.create')", false);
    gate(&acme.owner, Some(acme), "require_system_permission('platform.tenant.read')", false);
    gate(&story.superadmin, None, "require_system_permission('platform.system.configure')", true);
    gate(&story.support, None, "require_system_permission('platform.system.configure')", false);
    let of = |tenant: Uuid| format!("require_tenant_permission('{tenant}', 'tenant.read')");
    gate(&acme.guest, None, &of(acme.id), true);
    gate(&story.both, None, &of(globex.id), true);
    gate(&story.both, Some(acme), &of(globex.id), false);
    // What exists and what does not look the same.
    let foreign = gate(&acme.owner, None, &of(globex.id), false);
    assert_eq!(foreign, gate(&acme.owner, None, &of(Uuid::new_v4()), false));
    assert_eq!(foreign, gate(&acme.owner, Some(acme), &of(globex.id), false));
    gate(&acme.owner, None, "require_tenant_permission(NULL, 'tenant.read')", false);
}

#[test]
fn the_two_worlds_never_meet() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    // A superadmin's role carries every permission, tenant permissions too; it opens no tenant.
    for kind in ["app", "gateway", "admin"] {
        let mut client = story.db.kind(kind);
        let mut request = asking(&mut client, &story.superadmin, None);
        let tenants: i64 = one(
            &mut request,
            "SELECT count(*) FROM saas.permissions p
              WHERE saas.has_tenant_permission($1, p.key) OR saas.permitted_tenant_ids(p.key) <> '{}'",
            &[&acme.id],
        );
        assert_eq!(tenants, 0);
        assert!(may_in_system(&mut request, "tenant.read"));
    }
    // And a tenant's role that was given a platform permission does nothing on the platform.
    story
        .data
        .batch_execute(
            "INSERT INTO saas.role_permissions SELECT r.id, p.id FROM saas.roles r, saas.permissions p
              WHERE r.key = 'tenant_owner' AND p.key LIKE 'platform.%'",
        )
        .unwrap();
    let mut admin = story.db.kind("admin");
    let mut request = asking(&mut admin, &acme.owner, Some(&acme));
    assert!(may(&mut request, &acme, "platform.tenant.read"));
    assert!(!may_in_system(&mut request, "platform.tenant.read"));
    assert_eq!(one::<i64>(&mut request, "SELECT count(*) FROM saas.tenants", &[]), 0);
}

#[test]
fn others_may_be_asked_about_by_the_trusted() {
    let mut story = Story::new();
    let (acme, superadmin) = (story.acme.clone(), story.superadmin.clone());
    let (in_tenant, in_system) = (
        "SELECT saas.has_tenant_permission($1, $2, 'tenant.read')",
        "SELECT saas.has_system_permission($1, 'platform.tenant.read')",
    );
    let query = |client: &mut Client| {
        (
            client
                .query_one(in_tenant, &[&acme.owner.id, &acme.id])
                .map(|row| row.get::<_, bool>(0)),
            client.query_one(in_system, &[&superadmin.id]).map(|row| row.get::<_, bool>(0)),
        )
    };
    for kind in ["app", "admin"] {
        let mut client = story.db.kind(kind);
        let (tenant, system) = query(&mut client);
        assert_sqlstate(tenant, "42501");
        assert_sqlstate(system, "42501");
        // Not even a colleague, or whoever does not exist.
        let mut request = asking(&mut client, &acme.owner, Some(&acme));
        for other in [acme.member.id, Uuid::new_v4()] {
            for (sql, args) in
                [(in_tenant, &[&other as _, &acme.id as _][..]), (in_system, &[&other as _][..])]
            {
                request.batch_execute("SAVEPOINT s").unwrap();
                assert_sqlstate(request.query_one(sql, args), "42501");
                request.batch_execute("ROLLBACK TO s").unwrap();
            }
        }
        assert!(one::<bool>(&mut request, in_tenant, &[&acme.owner.id, &acme.id]));
        assert!(!one::<bool>(&mut request, in_tenant, &[&acme.owner.id, &story.globex.id]));
        assert!(!one::<bool>(&mut request, in_system, &[&acme.owner.id]));
        drop(request);
        // platform.security.view may.
        let mut request = asking(&mut client, &story.support, None);
        assert!(one::<bool>(&mut request, in_tenant, &[&acme.owner.id, &acme.id]));
        assert!(one::<bool>(&mut request, in_system, &[&superadmin.id]));
    }
    // About oneself, a request that is bound to a tenant is told of that tenant only.
    let mut app = story.db.kind("app");
    let mut request = asking(&mut app, &story.both, Some(&acme));
    assert!(one::<bool>(&mut request, in_tenant, &[&story.both.id, &acme.id]));
    assert!(!one::<bool>(&mut request, in_tenant, &[&story.both.id, &story.globex.id]));
    drop(request);

    let mut gateway = story.db.kind("gateway");
    let (tenant, system) = query(&mut gateway);
    assert!(tenant.unwrap() && system.unwrap());
    let (tenant, system) = query(&mut story.data);
    assert!(tenant.unwrap() && system.unwrap());
    for kind in ["worker", "auditor"] {
        let mut client = story.db.kind(kind);
        assert_sqlstate(query(&mut client).0, "42501");
    }
}

#[test]
fn one_of_two_tenants() {
    let story = Story::new();
    let (acme, globex, both) = (&story.acme, &story.globex, &story.both);
    let mut app = story.db.kind("app");
    let permitted = "SELECT saas.permitted_tenant_ids('project.create')";
    let mut sorted = vec![acme.id, globex.id];
    sorted.sort();
    let mut request = asking(&mut app, both, None);
    assert_eq!(one::<Vec<Uuid>>(&mut request, permitted, &[]), sorted);
    assert!(
        may(&mut request, acme, "project.create") && may(&mut request, globex, "project.create")
    );
    assert!(!one::<bool>(&mut request, "SELECT saas.has_tenant_permission('project.create')", &[]));
    drop(request);
    for (here, there) in [(acme, globex), (globex, acme)] {
        let mut request = asking(&mut app, both, Some(here));
        assert_eq!(one::<Vec<Uuid>>(&mut request, permitted, &[]), [here.id]);
        assert!(
            may(&mut request, here, "project.create")
                && !may(&mut request, there, "project.create")
        );
        let authorized = "SELECT saas.authorized_tenant_id($1)";
        assert_eq!(one::<Option<Uuid>>(&mut request, authorized, &[&"tenant.read"]), Some(here.id));
        assert_eq!(one::<Option<Uuid>>(&mut request, authorized, &[&"billing.view"]), None);
    }
}

/// What the data owner may do to the rights of acme's member, and the permission that he loses by it.
const REVOCATIONS: &[&str] = &[
    "DELETE FROM saas.tenant_members WHERE user_id = MEMBER",
    "UPDATE saas.tenant_members SET role_id = (SELECT id FROM saas.roles WHERE key = 'tenant_guest') WHERE user_id = MEMBER",
    "UPDATE saas.tenant_members SET user_id = STRANGER WHERE user_id = MEMBER",
    "DELETE FROM saas.role_permissions rp USING saas.roles r, saas.permissions p
      WHERE r.id = rp.role_id AND p.id = rp.permission_id AND r.key = 'tenant_member' AND p.key = 'project.create'",
    "UPDATE saas.role_permissions rp SET permission_id = (SELECT id FROM saas.permissions WHERE key = 'tenant.delete')
       FROM saas.roles r, saas.permissions p
      WHERE r.id = rp.role_id AND p.id = rp.permission_id AND r.key = 'tenant_member' AND p.key = 'project.create'",
    "UPDATE saas.tenants SET suspended_at = now() WHERE id = TENANT",
    "UPDATE saas.tenants SET deleted_at = now() WHERE id = TENANT",
    "UPDATE saas.users SET deleted_at = now() WHERE id = MEMBER",
    "MERGE INTO saas.tenant_members m USING (SELECT MEMBER::uuid AS id) gone ON m.user_id = gone.id WHEN MATCHED THEN DELETE",
];

#[test]
fn a_revocation_is_seen_by_the_next_statement() {
    let levels = [
        IsolationLevel::ReadCommitted,
        IsolationLevel::RepeatableRead,
        IsolationLevel::Serializable,
    ];
    for (number, revocation) in REVOCATIONS.iter().enumerate() {
        // Every level's transaction runs already when the right is taken away.
        let mut story = Story::new();
        let acme = story.acme.clone();
        let revocation = revocation
            .replace("MEMBER", &format!("'{}'", acme.member.id))
            .replace("STRANGER", &format!("'{}'", story.stranger.id))
            .replace("TENANT", &format!("'{}'", acme.id));
        story.db.kind("app");
        let mut clients = levels.map(|_| story.db.connect("saas_app"));
        let mut requests: Vec<_> = clients
            .iter_mut()
            .zip(levels)
            .map(|(client, level)| {
                client.batch_execute("SET plan_cache_mode = force_generic_plan").unwrap();
                let check = client
                    .prepare("SELECT saas.has_tenant_permission($1, 'project.create')")
                    .unwrap();
                let mut request =
                    client.build_transaction().isolation_level(level).start().unwrap();
                one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[&acme.member.token]);
                for _ in 0..3 {
                    assert!(request.query_one(&check, &[&acme.id]).unwrap().get::<_, bool>(0));
                }
                (request, check)
            })
            .collect();
        // It counts from its commit on, and only then.
        let mut change = story.data.transaction().unwrap();
        change.batch_execute(&revocation).unwrap();
        if number % 2 == 0 {
            for (request, check) in &mut requests {
                assert!(
                    request.query_one(&*check, &[&acme.id]).unwrap().get::<_, bool>(0),
                    "{revocation}"
                );
            }
        }
        change.commit().unwrap();
        for (request, check) in &mut requests {
            assert!(
                !request.query_one(&*check, &[&acme.id]).unwrap().get::<_, bool>(0),
                "{revocation}"
            );
            let none: Vec<Uuid> =
                one(request, "SELECT saas.permitted_tenant_ids('project.create')", &[]);
            assert!(none.is_empty());
            let sql = "INSERT INTO saas.projects (tenant_id, title) VALUES ($1, 'p')";
            assert_sqlstate(request.execute(sql, &[&acme.id]), "42501");
        }
    }
}

/// A running transaction that has checked something holds its tables' locks, so TRUNCATE waits for it.
#[test]
fn truncation_is_seen_by_the_next_transaction() {
    for table in ["role_permissions", "tenant_members"] {
        let mut story = Story::new();
        let acme = story.acme.clone();
        let mut app = story.db.kind("app");
        let mut request = asking(&mut app, &acme.member, None);
        assert!(may(&mut request, &acme, "project.create"));
        request.commit().unwrap();
        story.data.batch_execute(&format!("TRUNCATE saas.{table}")).unwrap();
        let mut request = asking(&mut app, &acme.member, None);
        assert!(!may(&mut request, &acme, "project.create"));
    }
}

#[test]
fn a_grant_is_seen_by_the_next_statement() {
    let mut story = Story::new();
    let (acme, stranger) = (story.acme.clone(), story.stranger.clone());
    let mut app = story.db.kind("app");
    let mut request =
        app.build_transaction().isolation_level(IsolationLevel::RepeatableRead).start().unwrap();
    one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[&stranger.token]);
    assert!(
        !may(&mut request, &acme, "tenant.read")
            && !may_in_system(&mut request, "platform.tenant.read")
    );
    join(&mut story.data, &acme, &stranger, "tenant_guest");
    assert!(may(&mut request, &acme, "tenant.read"));
    assign(&mut story.data, &stranger, "platform_support");
    assert!(may_in_system(&mut request, "platform.tenant.read"));
    story.data.batch_execute("INSERT INTO saas.permissions (key) VALUES ('report.read')").unwrap();
    assert!(!may(&mut request, &acme, "report.read"));
    story
        .data
        .batch_execute(
            "INSERT INTO saas.role_permissions SELECT r.id, p.id FROM saas.roles r, saas.permissions p
              WHERE r.key = 'tenant_guest' AND p.key = 'report.read'",
        )
        .unwrap();
    assert!(may(&mut request, &acme, "report.read"));
    story.data.batch_execute("DELETE FROM saas.permissions WHERE key = 'report.read'").unwrap();
    let sql = "SELECT saas.has_tenant_permission($1, 'report.read')";
    assert_sqlstate(request.execute(sql, &[&acme.id]), "42704");
}

#[test]
fn system_roles_end_by_revocation_and_by_time() {
    let mut story = Story::new();
    let support = story.support.clone();
    let mut admin = story.db.kind("admin");
    let tenants = "SELECT count(*) FROM saas.tenants";
    for level in [IsolationLevel::ReadCommitted, IsolationLevel::RepeatableRead] {
        let update = |data: &mut Client, set: &str| {
            let sql = format!(
                "UPDATE saas.system_role_assignments SET {set} WHERE assigned_user_id = $1"
            );
            assert_eq!(data.execute(&sql, &[&support.id]).unwrap(), 1);
        };
        let mut ends = |data: &mut Client, revoke: &dyn Fn(&mut Client)| {
            let mut request = admin.build_transaction().isolation_level(level).start().unwrap();
            one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[&support.token]);
            assert!(may_in_system(&mut request, "platform.tenant.read"));
            assert_eq!(one::<i64>(&mut request, tenants, &[]), 2);
            revoke(data);
            assert!(!may_in_system(&mut request, "platform.tenant.read"));
            assert_eq!(one::<i64>(&mut request, tenants, &[]), 0);
            let sql = "SELECT saas.require_system_permission('platform.tenant.read')";
            assert_sqlstate(request.execute(sql, &[]), "42501");
        };
        ends(&mut story.data, &|data| update(data, "revoked_at = now()"));
        update(&mut story.data, "revoked_at = NULL");
        // Nobody writes when the time comes.
        update(
            &mut story.data,
            "assigned_at = now() - interval '1 day', expires_at = now() + interval '1 s'",
        );
        ends(&mut story.data, &|data| data.batch_execute("SELECT pg_sleep(1.1)").unwrap());
        update(&mut story.data, "expires_at = NULL");
    }
    // The user's deletion ends it too.
    let mut request = asking(&mut admin, &support, None);
    assert!(may_in_system(&mut request, "platform.tenant.read"));
    story
        .data
        .execute("UPDATE saas.users SET deleted_at = now() WHERE id = $1", &[&support.id])
        .unwrap();
    assert!(!may_in_system(&mut request, "platform.tenant.read"));
}

/// The data owner changes rights and asks in one transaction.
#[test]
fn own_changes_show_at_once_and_go_with_their_rollback() {
    let mut story = Story::new();
    let (acme, globex) = (story.acme.clone(), story.globex.clone());
    let (stranger, member) = (story.stranger.clone(), acme.member.clone());
    let leave = "DELETE FROM saas.tenant_members WHERE user_id = $1";
    let data = &mut story.data;
    let begin = |data: &mut Client, person: &Person| {
        data.batch_execute("BEGIN").unwrap();
        one::<Uuid>(data, "SELECT saas.begin_request_as($1)", &[&person.id]);
    };

    begin(data, &stranger);
    assert!(!may(data, &acme, "project.create"));
    data.batch_execute("SAVEPOINT s").unwrap();
    join(data, &acme, &stranger, "tenant_member");
    assert!(may(data, &acme, "project.create"));
    data.batch_execute("ROLLBACK TO s").unwrap();
    assert!(!may(data, &acme, "project.create"));
    join(data, &acme, &stranger, "tenant_member");
    assert!(may(data, &acme, "project.create"));
    data.batch_execute("ROLLBACK").unwrap();
    begin(data, &stranger);
    assert!(!may(data, &acme, "project.create"));
    data.batch_execute("ROLLBACK").unwrap();

    begin(data, &member);
    assert!(may(data, &acme, "project.create"));
    data.batch_execute("SAVEPOINT s").unwrap();
    data.execute(leave, &[&member.id]).unwrap();
    assert!(!may(data, &acme, "project.create"));
    data.batch_execute("SAVEPOINT inner_one; RELEASE s; ROLLBACK").unwrap();
    begin(data, &member);
    assert!(may(data, &acme, "project.create"));
    data.batch_execute("SAVEPOINT s; TRUNCATE saas.role_permissions").unwrap();
    assert!(!may(data, &acme, "project.create"));
    data.batch_execute("ROLLBACK TO s").unwrap();
    assert!(may(data, &acme, "project.create"));
    data.batch_execute("ROLLBACK").unwrap();

    // A statement that changes rights, asks, and fails: three rows, of which the last is a duplicate.
    begin(data, &stranger);
    assert!(!may(data, &acme, "project.create"));
    let failing = format!(
        "INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
         SELECT t.id, '{0}', (SELECT id FROM saas.roles WHERE key = 'tenant_member')
           FROM unnest(ARRAY['{1}', '{2}', '{1}']::uuid[]) AS t (id)
          WHERE set_config('test.seen', saas.has_tenant_permission('{1}', 'project.create')::text, false) IS NOT NULL",
        stranger.id, acme.id, globex.id
    );
    data.batch_execute("SAVEPOINT s").unwrap();
    assert_sqlstate(data.batch_execute(&failing), "23505");
    data.batch_execute("ROLLBACK TO s").unwrap();
    assert!(!may(data, &acme, "project.create"));
    // The same in a block that catches the error, where the row is known before the error comes.
    data.batch_execute(&format!(
        "DO $$ BEGIN
           BEGIN
             INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
             SELECT '{1}', '{0}', id FROM saas.roles WHERE key = 'tenant_member';
             ASSERT saas.has_tenant_permission('{1}', 'project.create'), 'in the block';
             {failing};
           EXCEPTION WHEN unique_violation THEN NULL; END;
           ASSERT NOT saas.has_tenant_permission('{1}', 'project.create'), 'after the block';
         END $$",
        stranger.id, acme.id
    ))
    .unwrap();
    assert!(!may(data, &acme, "project.create"));
    data.batch_execute("COMMIT").unwrap();

    // And where a trigger of a later row asks while the statement still runs.
    data.batch_execute(
        "CREATE FUNCTION public.ask() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           ASSERT saas.has_tenant_permission(NEW.tenant_id, 'project.create'), 'in the trigger';
           RETURN NULL; END $$;
         CREATE TRIGGER ask AFTER INSERT ON saas.tenant_members FOR EACH ROW EXECUTE FUNCTION public.ask()",
    )
    .unwrap();
    data.batch_execute(
        "CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           RAISE EXCEPTION 'after having asked' USING ERRCODE = 'P0FAI'; END $$;
         CREATE TRIGGER fail AFTER INSERT ON saas.tenant_members FOR EACH ROW EXECUTE FUNCTION public.fail()",
    )
    .unwrap();
    begin(data, &stranger);
    assert!(!may(data, &acme, "project.create"));
    data.batch_execute("SAVEPOINT s").unwrap();
    let sql = "INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
               SELECT $1, $2, id FROM saas.roles WHERE key = 'tenant_member'";
    assert_sqlstate(data.execute(sql, &[&acme.id, &stranger.id]), "P0FAI");
    data.batch_execute("ROLLBACK TO s").unwrap();
    assert!(!may(data, &acme, "project.create"));
    data.batch_execute("COMMIT").unwrap();
    begin(data, &stranger);
    assert!(!may(data, &acme, "project.create"));
}

#[test]
fn a_prepared_transaction_counts_from_its_commit() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let mut app = story.db.kind("app");
    let name = format!("leaves_{}", story.db.name());
    let mut request = asking(&mut app, &acme.member, None);
    story
        .data
        .batch_execute(&format!(
            "BEGIN; DELETE FROM saas.tenant_members WHERE user_id = '{}'; PREPARE TRANSACTION '{name}'",
            acme.member.id
        ))
        .unwrap();
    let own: bool = one(
        &mut story.data,
        "SELECT saas.has_tenant_permission($1, $2, 'project.create')",
        &[&acme.member.id, &acme.id],
    );
    assert!(own && may(&mut request, &acme, "project.create"));
    story.data.batch_execute(&format!("COMMIT PREPARED '{name}'")).unwrap();
    assert!(!may(&mut request, &acme, "project.create"));
    let own: bool = one(
        &mut story.data,
        "SELECT saas.has_tenant_permission($1, $2, 'project.create')",
        &[&acme.member.id, &acme.id],
    );
    assert!(!own);
}

#[test]
fn changes_from_a_subscriber_and_by_replica_sessions_are_heard() {
    // session_replication_role = replica fires only what is ENABLE ALWAYS, as a subscriber's apply does.
    let mut story = Story::new();
    let acme = story.acme.clone();
    let mut app = story.db.kind("app");
    let mut request = asking(&mut app, &acme.member, None);
    assert!(may(&mut request, &acme, "project.create"));
    let mut superuser = story.db.superuser();
    superuser.batch_execute("SET session_replication_role = replica").unwrap();
    superuser
        .execute("DELETE FROM saas.tenant_members WHERE user_id = $1", &[&acme.member.id])
        .unwrap();
    assert!(!may(&mut request, &acme, "project.create"));
    join(&mut story.data, &acme, &acme.member, "tenant_member");
    assert!(may(&mut request, &acme, "project.create"));
}

#[test]
fn kinds_change_at_once() {
    let mut story = Story::new();
    let owner = story.acme.owner.id;
    let mut client = story.db.kind("gateway");
    let sql = "SELECT saas.begin_request_as($1)";
    client.execute(sql, &[&owner]).unwrap();
    story.data.batch_execute("SELECT saas.grant_access('saas_gateway', 'app')").unwrap();
    assert_sqlstate(client.execute(sql, &[&owner]), "42501");
    assert_sqlstate(client.execute("SELECT saas.create_user('a@example.com')", &[]), "42501");
    story.data.batch_execute("SELECT saas.grant_access('saas_gateway', 'gateway')").unwrap();
    client.execute(sql, &[&owner]).unwrap();
    // Without EXECUTE the kind alone opens nothing, and with EXECUTE alone neither.
    story.db.kind("app");
    story.data.batch_execute("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA saas TO saas_app").unwrap();
    let mut app = story.db.connect("saas_app");
    for call in [
        format!("begin_request_as('{owner}')"),
        format!("create_session('{owner}')"),
        "create_user('b@example.com')".into(),
        "grant_access('saas_app', 'gateway')".into(),
    ] {
        let refused = assert_sqlstate(app.batch_execute(&format!("SELECT saas.{call}")), "42501");
        assert!(!refused.message().starts_with("permission denied"), "{refused:?}");
    }
    assert_sqlstate(
        story.data.batch_execute("SELECT saas.grant_access('saas_app', 'root')"),
        "22023",
    );
    assert_sqlstate(
        story.data.batch_execute("SELECT saas.grant_access('saas_owner', 'app')"),
        "22023",
    );
    assert_sqlstate(
        story.data.batch_execute("SELECT saas.grant_access('postgres', 'app')"),
        "22023",
    );
    // Nothing is not a role: whoever takes access away by a look-up that finds nobody is told so.
    for call in [
        "grant_access(NULL, 'app')",
        "grant_access('saas_app', NULL)",
        "revoke_access(NULL)",
        "revoke_access(to_regrole('nobody_of_that_name'))",
    ] {
        assert_sqlstate(story.data.batch_execute(&format!("SELECT saas.{call}")), "23502");
    }
}

/// A small generator (xorshift), so that a failure comes again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// Tenant and permission, as a sorted list of texts, by plain SQL over the tables. $3: the role of an API key.
const IN_TENANTS: &str = "
    SELECT coalesce(array_agg(m.tenant_id || ' ' || p.key ORDER BY m.tenant_id, p.key COLLATE \"C\"), '{}')
      FROM saas.tenant_members m
      JOIN saas.tenants t ON t.id = m.tenant_id AND t.suspended_at IS NULL AND t.deleted_at IS NULL
      JOIN saas.users u ON u.id = m.user_id AND u.deleted_at IS NULL
      JOIN saas.role_permissions rp ON rp.role_id = coalesce((SELECT id FROM saas.roles WHERE key = $3), m.role_id)
      JOIN saas.permissions p ON p.id = rp.permission_id
     WHERE m.user_id = $1 AND ($2::uuid IS NULL OR m.tenant_id = $2)
       -- A key may no more than its user by now.
       AND EXISTS (SELECT FROM saas.role_permissions own WHERE own.role_id = m.role_id AND own.permission_id = rp.permission_id)";
const ON_PLATFORM: &str = "
    SELECT coalesce(array_agg(key ORDER BY key COLLATE \"C\"), '{}') FROM (
      SELECT DISTINCT p.key
        FROM saas.system_role_assignments a
        JOIN saas.users u ON u.id = a.assigned_user_id AND u.deleted_at IS NULL
        JOIN saas.role_permissions rp ON rp.role_id = a.role_id
        JOIN saas.permissions p ON p.id = rp.permission_id
       WHERE a.assigned_user_id = $1 AND a.revoked_at IS NULL AND (a.expires_at IS NULL OR a.expires_at > now())) x";
/// The same by the functions, one by one; all answers must agree with each other.
const ASKED: &str = "
    SELECT coalesce(array_agg(t.id || ' ' || p.key ORDER BY t.id, p.key COLLATE \"C\")
                    FILTER (WHERE saas.has_tenant_permission(t.id, p.key)), '{}'),
           coalesce(array_agg(t.id || ' ' || p.key ORDER BY t.id, p.key COLLATE \"C\")
                    FILTER (WHERE t.id = ANY (saas.permitted_tenant_ids(p.key))), '{}'),
           coalesce(array_agg(t.id || ' ' || p.key ORDER BY t.id, p.key COLLATE \"C\")
                    FILTER (WHERE t.id = saas.authorized_tenant_id(p.key)), '{}'),
           coalesce(array_agg(t.id || ' ' || p.key ORDER BY t.id, p.key COLLATE \"C\")
                    FILTER (WHERE t.id = saas.current_tenant_id() AND saas.has_tenant_permission(p.key)), '{}'),
           coalesce(array_agg(t.id || ' ' || p.key ORDER BY t.id, p.key COLLATE \"C\")
                    FILTER (WHERE saas.has_tenant_permission(saas.current_user_id(), t.id, p.key)), '{}'),
           (SELECT coalesce(array_agg(p.key ORDER BY p.key COLLATE \"C\"), '{}')
              FROM unnest($2::text[]) AS p (key) WHERE saas.has_system_permission(p.key)),
           (SELECT coalesce(array_agg(p.key ORDER BY p.key COLLATE \"C\"), '{}')
              FROM unnest($2::text[]) AS p (key) WHERE saas.has_system_permission(saas.current_user_id(), p.key)),
           (SELECT coalesce(array_agg(key ORDER BY key COLLATE \"C\"), '{}') FROM saas.system_permissions() key),
           (SELECT coalesce(array_agg(p.key ORDER BY p.key COLLATE \"C\"), '{}') FROM unnest($2::text[]) AS p (key)
             WHERE (saas.explain_system_permission(saas.current_user_id(), p.key) ->> 'allowed')::boolean),
           (SELECT coalesce(array_agg(t.id || ' ' || key ORDER BY t.id, key COLLATE \"C\"), '{}')
              FROM unnest($1::uuid[]) AS t (id) CROSS JOIN LATERAL saas.tenant_permissions(t.id) key),
           coalesce(array_agg(t.id || ' ' || p.key ORDER BY t.id, p.key COLLATE \"C\")
                    FILTER (WHERE (saas.explain_permission(saas.current_user_id(), t.id, p.key) ->> 'allowed')::boolean), '{}'),
           -- Whoever may not read the tenant may not ask who its members are; a key is not its user.
           coalesce(array_agg(t.id || ' ' || p.key ORDER BY t.id, p.key COLLATE \"C\")
                    FILTER (WHERE CASE WHEN $3 OR NOT saas.has_tenant_permission(t.id, 'tenant.read') THEN saas.has_tenant_permission(t.id, p.key)
                                       ELSE saas.current_user_id() IN (SELECT saas.members_with_permission(t.id, p.key)) END), '{}')
      FROM unnest($1::uuid[]) AS t (id) CROSS JOIN unnest($2::text[]) AS p (key)";

#[test]
fn checks_agree_with_the_tables_whatever_happens() {
    for seed in [1, 42] {
        random_walk(0x9E37_79B9_7F4A_7C15 ^ seed, 80);
    }
}

fn random_walk(seed: u64, steps: usize) {
    let mut dice = Dice(seed);
    let mut story = Story::new();
    let tenants = [story.acme.id, story.globex.id];
    let mut people = vec![
        story.both.clone(),
        story.stranger.clone(),
        story.superadmin.clone(),
        story.support.clone(),
    ];
    for tenant in [&story.acme, &story.globex] {
        people.extend(
            [&tenant.owner, &tenant.admin, &tenant.member, &tenant.guest].map(Clone::clone),
        );
    }
    people.push(person(&mut story.data, "another"));
    let mut app = story.db.kind("app");
    let mut long = story.db.connect("saas_app");
    // One request that lasts through everything, in a snapshot of the beginning.
    let mut lasting =
        long.build_transaction().isolation_level(IsolationLevel::RepeatableRead).start().unwrap();
    one::<Uuid>(&mut lasting, "SELECT saas.begin_request($1)", &[&story.both.token]);
    let mut changed = 0;
    for step in 0..steps {
        let (tenant, user) = (*dice.pick(&tenants), dice.pick(&people).id);
        let role = *dice.pick(&[
            "tenant_owner",
            "tenant_admin",
            "tenant_member",
            "tenant_guest",
            "custom_a",
            "custom_b",
            "acme:own",
        ]);
        let system = *dice.pick(&["platform_admin", "platform_support", "platform_superadmin"]);
        let any_role = if dice.below(3) == 0 { system } else { role };
        let permission = format!("p.{}", ["a", "b", "c"][dice.below(3)]);
        let known =
            ["tenant.read", "project.create", "billing.view", "platform.tenant.read", &permission];
        let key = *dice.pick(&known);
        let change = match dice.below(20) {
            0..=2 => format!("INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
                              SELECT '{tenant}', '{user}', id FROM saas.roles WHERE key = '{role}' ON CONFLICT DO NOTHING"),
            3 | 4 => format!("DELETE FROM saas.tenant_members WHERE tenant_id = '{tenant}' AND user_id = '{user}'"),
            5 | 6 => format!("UPDATE saas.tenant_members m SET role_id = r.id FROM saas.roles r
                               WHERE r.key = '{role}' AND m.tenant_id = '{tenant}' AND m.user_id = '{user}'"),
            7 | 8 => format!("INSERT INTO saas.role_permissions SELECT r.id, p.id FROM saas.roles r, saas.permissions p
                               WHERE r.key = '{any_role}' AND p.key = '{key}' ON CONFLICT DO NOTHING"),
            9 | 10 => format!("DELETE FROM saas.role_permissions rp USING saas.roles r, saas.permissions p
                                WHERE r.id = rp.role_id AND p.id = rp.permission_id AND r.key = '{any_role}' AND p.key = '{key}'"),
            11 => format!("UPDATE saas.tenants SET suspended_at = CASE WHEN suspended_at IS NULL THEN now() END WHERE id = '{tenant}'"),
            12 => format!("UPDATE saas.users SET deleted_at = CASE WHEN deleted_at IS NULL THEN now() END WHERE id = '{user}'"),
            13 => format!("INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason, expires_at)
                           SELECT '{user}', id, '{user}', 'random', now() + interval '1 hour' FROM saas.roles WHERE key = '{system}'"),
            14 => format!("UPDATE saas.system_role_assignments SET revoked_at = now()
                            WHERE assigned_user_id = '{user}' AND revoked_at IS NULL"),
            15 => format!("INSERT INTO saas.permissions (key) VALUES ('{permission}')"),
            // One that has ended, and one that ends now.
            16 => format!("INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason, assigned_at, expires_at)
                           SELECT '{user}', id, '{user}', 'random', now() - interval '2 hours', now() - interval '1 hour' FROM saas.roles WHERE key = '{system}'"),
            17 => format!("UPDATE saas.system_role_assignments SET assigned_at = least(assigned_at, now() - interval '1 hour'), expires_at = now()
                            WHERE assigned_user_id = '{user}' AND revoked_at IS NULL"),
            18 => format!("DELETE FROM saas.permissions WHERE key = '{permission}'"),
            _ => format!("INSERT INTO saas.roles (key, is_system, tenant_id)
                          VALUES ('{role}', false, CASE WHEN '{role}' = 'acme:own' THEN '{}'::uuid END)", tenants[0]),
        };
        // Some are rolled back, some are refused, both leave nothing.
        story.data.batch_execute("BEGIN").unwrap();
        let done = story.data.batch_execute(&change).is_ok();
        story.data.batch_execute(if dice.below(5) == 0 { "ROLLBACK" } else { "COMMIT" }).unwrap();
        changed += usize::from(done);

        let keys: Vec<String> =
            one(&mut story.data, "SELECT array_agg(key) FROM saas.permissions", &[]);
        let who = dice.pick(&people).clone();
        let bound = [None, None, Some(tenants[0]), Some(tenants[1])][dice.below(4)];
        let lives: bool = one(
            &mut story.data,
            "SELECT deleted_at IS NULL FROM saas.users WHERE id = $1",
            &[&who.id],
        );
        let his: bool = one(
            &mut story.data,
            "SELECT $2::uuid IS NULL OR EXISTS (SELECT FROM saas.tenant_members m JOIN saas.tenants t ON t.id = m.tenant_id
              WHERE m.user_id = $1 AND t.id = $2 AND t.suspended_at IS NULL AND t.deleted_at IS NULL)",
            &[&who.id, &bound],
        );
        let context = format!("seed {seed:#x} step {step}: {change}\nasks {} in {bound:?}", who.id);
        let mut request = app.transaction().unwrap();
        let begun = request.execute("SELECT saas.begin_request($1, $2)", &[&who.token, &bound]);
        if !lives || !his {
            assert_sqlstate(begun, if lives { "42501" } else { "28000" });
        } else {
            begun.unwrap_or_else(|error| panic!("{context}: {error:?}"));
            compare(
                &mut request,
                &mut story.data,
                (who.id, bound, None),
                &tenants,
                &keys,
                &context,
            );
        }
        drop(request);
        // A key of his with a role of its own.
        if lives
            && his
            && let Some(bound) = bound
        {
            let tenant =
                if bound == story.acme.id { story.acme.clone() } else { story.globex.clone() };
            let role =
                ["tenant_owner", "tenant_admin", "tenant_member", "tenant_guest"][dice.below(4)];
            let key = story.api_key(&tenant, &who, role);
            let mut request = app.transaction().unwrap();
            request.execute("SELECT saas.begin_request($1)", &[&key]).unwrap();
            let asking = (who.id, Some(bound), Some(role));
            compare(&mut request, &mut story.data, asking, &tenants, &keys, &context);
        }
        compare(
            &mut lasting,
            &mut story.data,
            (story.both.id, None, None),
            &tenants,
            &keys,
            &context,
        );
    }
    assert!(changed > steps / 2, "most of the changes were refused");
}

fn compare(
    request: &mut impl GenericClient,
    data: &mut Client,
    (user, bound, key_role): (Uuid, Option<Uuid>, Option<&str>),
    tenants: &[Uuid],
    keys: &[String],
    context: &str,
) {
    let expected: Vec<String> = one(data, IN_TENANTS, &[&user, &bound, &key_role]);
    let expected_system: Vec<String> = match key_role {
        None => one(data, ON_PLATFORM, &[&user]),
        Some(_) => Vec::new(),
    };
    let row = request
        .query_one(ASKED, &[&tenants, &keys, &key_role.is_some()])
        .unwrap_or_else(|error| panic!("{context}: {error:?}"));
    for column in [0, 1, 4, 9, 10, 11] {
        assert_eq!(row.get::<_, Vec<String>>(column), expected, "{context}, column {column}");
    }
    for column in [2, 3] {
        let here = if bound.is_some() { expected.clone() } else { Vec::new() };
        assert_eq!(row.get::<_, Vec<String>>(column), here, "{context}, column {column}");
    }
    for column in [5, 6, 7, 8] {
        assert_eq!(
            row.get::<_, Vec<String>>(column),
            expected_system,
            "{context}, column {column}"
        );
    }
}
