//! What a backend knows about permissions: when it forgets, also in the middle of its loading, and how much it keeps.

use postgres::{Client, GenericClient};
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::{Story, Tenant, asking, join, one};
use std::thread;
use std::time::Duration;
use uuid::Uuid;

const MAY: &str = "SELECT saas.has_tenant_permission($1, 'project.create')";

fn may(client: &mut impl GenericClient, tenant: &Tenant) -> bool {
    one(client, MAY, &[&tenant.id])
}

/// A transaction that runs for an hour does nothing else than one that runs on while everything else happens:
/// it hears of it whatever its next statement is, and when there were more messages than PostgreSQL keeps.
#[test]
fn a_long_transaction_hears_of_every_change() {
    let mut story = Story::new();
    let (acme, member) = (story.acme.clone(), story.acme.member.clone());
    story
        .data
        .batch_execute(
            "CREATE FUNCTION public.ask(tenant uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
             BEGIN RETURN saas.has_tenant_permission(tenant, 'project.create'); END $$",
        )
        .unwrap();
    let mut app = story.db.kind("app");
    let prepared = app.prepare(MAY).unwrap();
    let mut request = asking(&mut app, &member, None);
    let ways = [
        "SELECT public.ask($1)",
        "SELECT saas.has_tenant_permission(t, 'project.create') FROM unnest(ARRAY[$1::uuid]) t",
        "SELECT $1 = ANY (saas.permitted_tenant_ids('project.create'))",
        "SELECT 'project.create' IN (SELECT saas.tenant_permissions($1))",
    ];
    for round in 0..12 {
        let member_now = round % 2 == 0;
        let way = ways[round % ways.len()];
        assert_eq!(one::<bool>(&mut request, way, &[&acme.id]), member_now, "{round}: {way}");
        let asked: bool = request.query_one(&prepared, &[&acme.id]).unwrap().get(0);
        assert_eq!(asked, member_now, "{round}");
        match member_now {
            true => story.remove(&acme, &member),
            false => join(&mut story.data, &acme, &member, "tenant_member"),
        }
    }
    // More messages than the queue holds (4,096), none of them about this user but the last.
    assert!(may(&mut request, &acme));
    story
        .data
        .batch_execute(
            "DO $$ BEGIN FOR n IN 1..3000 LOOP
               CREATE TABLE public.busy (); DROP TABLE public.busy;
               IF n % 500 = 0 THEN COMMIT; END IF;
             END LOOP; END $$",
        )
        .unwrap();
    story.remove(&acme, &member);
    assert!(!may(&mut request, &acme));
}

/// The load has its snapshot and waits for a table's lock; what it then reads is of before the revocation, of which
/// the lock's coming tells. Nothing of it may be answered or kept.
#[test]
fn what_was_loaded_while_it_changed_does_not_count() {
    for revocation in [
        "DELETE FROM saas.tenant_members WHERE user_id = '{user}'",
        "UPDATE saas.tenants SET suspended_at = now()",
        "UPDATE saas.users SET deleted_at = now() WHERE id = '{user}'",
    ] {
        let mut story = Story::new();
        let (acme, both) = (story.acme.clone(), story.both.clone());
        let mut app = story.db.kind("app");
        // The statements of the load are prepared by then.
        for person in [&acme.member, &acme.admin, &acme.owner] {
            assert!(may(&mut asking(&mut app, person, None), &acme));
        }
        let mut request = asking(&mut app, &both, None);
        let mut change = story.data.transaction().unwrap();
        change
            .batch_execute(&format!(
                "LOCK TABLE saas.tenants IN ACCESS EXCLUSIVE MODE; {}",
                revocation.replace("{user}", &both.id.to_string())
            ))
            .unwrap();
        let mut watching = story.db.superuser();
        let allowed = thread::scope(|scope| {
            let asked = scope.spawn(|| may(&mut request, &acme));
            let blocked = (0..500).any(|_| {
                thread::sleep(Duration::from_millis(10));
                one::<i64>(
                    &mut watching,
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
                    &[],
                ) > 0
            });
            assert!(blocked, "nobody waits for a lock");
            change.commit().unwrap();
            asked.join().unwrap()
        });
        assert!(!allowed, "{revocation}");
        assert!(!may(&mut request, &acme), "{revocation}");
        let tenants: Vec<Uuid> =
            one(&mut request, "SELECT saas.permitted_tenant_ids('project.create')", &[]);
        assert!(!tenants.contains(&acme.id), "{revocation}");
    }
}

#[test]
fn a_permission_or_role_that_is_deleted_or_renamed() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    let member = acme.member.clone();
    let mut app = story.db.kind("app");
    let mut request = asking(&mut app, &member, None);
    assert!(may(&mut request, &acme));
    let refused = |request: &mut postgres::Transaction<'_>, key: &str| {
        request.batch_execute("SAVEPOINT s").unwrap();
        let sql = "SELECT saas.has_tenant_permission($1, $2)";
        assert_sqlstate(request.execute(sql, &[&acme.id, &key]), "42704");
        request.batch_execute("ROLLBACK TO s").unwrap();
    };
    // Another name: whoever had it has it by its new name.
    let rename = "UPDATE saas.permissions SET key = $1 WHERE key = $2";
    story.data.execute(rename, &[&"project.make", &"project.create"]).unwrap();
    refused(&mut request, "project.create");
    let made = "SELECT saas.has_tenant_permission($1, 'project.make')";
    assert!(one::<bool>(&mut request, made, &[&acme.id]));
    story.data.execute(rename, &[&"project.create", &"project.make"]).unwrap();
    assert!(may(&mut request, &acme));
    refused(&mut request, "project.make");
    // Two that change their names: each role has what the rows say now.
    story
        .data
        .batch_execute(
            "UPDATE saas.permissions SET key = 'a.swap' WHERE key = 'project.create';
             UPDATE saas.permissions SET key = 'project.create' WHERE key = 'tenant.delete';
             UPDATE saas.permissions SET key = 'tenant.delete' WHERE key = 'a.swap'",
        )
        .unwrap();
    assert!(!may(&mut request, &acme));
    let delete = "SELECT saas.has_tenant_permission($1, 'tenant.delete')";
    assert!(one::<bool>(&mut request, delete, &[&acme.id]));
    // One that is deleted is unknown; made again by the same name it is another one, and nobody's.
    story.data.batch_execute("DELETE FROM saas.permissions WHERE key = 'tenant.delete'").unwrap();
    refused(&mut request, "tenant.delete");
    story
        .data
        .batch_execute("INSERT INTO saas.permissions (key) VALUES ('tenant.delete')")
        .unwrap();
    assert!(!one::<bool>(&mut request, delete, &[&acme.id]));

    // A role that goes, with who had it, and one of its name that comes.
    let role = |data: &mut Client| {
        data.batch_execute(
            "INSERT INTO saas.roles (key, is_system) VALUES ('passing', false);
             INSERT INTO saas.role_permissions SELECT r.id, p.id FROM saas.roles r, saas.permissions p
              WHERE r.key = 'passing' AND p.key = 'tenant.delete';
             UPDATE saas.tenant_members m SET role_id = r.id FROM saas.roles r, saas.users u
              WHERE r.key = 'passing' AND u.id = m.user_id AND u.email LIKE 'acme.member@%'",
        )
        .unwrap();
    };
    role(&mut story.data);
    assert!(one::<bool>(&mut request, delete, &[&acme.id]));
    story
        .data
        .batch_execute(
            "BEGIN;
             UPDATE saas.tenant_members m SET role_id = g.id FROM saas.roles r, saas.roles g
              WHERE r.key = 'passing' AND g.key = 'tenant_guest' AND m.role_id = r.id;
             DELETE FROM saas.roles WHERE key = 'passing';
             COMMIT",
        )
        .unwrap();
    assert!(!one::<bool>(&mut request, delete, &[&acme.id]));
    role(&mut story.data);
    assert!(one::<bool>(&mut request, delete, &[&acme.id]));
}

/// Private memory of a backend, in MB.
fn memory(client: &mut impl GenericClient) -> u64 {
    let pid: i32 = one(client, "SELECT pg_backend_pid()", &[]);
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// A user in 100,000 tenants, a tenant of 100,000 members, 1,000 permissions and 10,000 roles: right, and within bounds.
#[test]
fn very_many_of_everything() {
    let mut story = Story::new();
    let (everywhere, large) = (story.stranger.clone(), story.acme.clone());
    let mut superuser = story.db.superuser();
    superuser
        .batch_execute(&format!(
            "SET session_replication_role = replica;
             INSERT INTO saas.permissions (key) SELECT 'many.p' || n FROM generate_series(1, 1000) n;
             INSERT INTO saas.roles (key, is_system) SELECT 'many_' || n, false FROM generate_series(1, 10000) n;
             INSERT INTO saas.role_permissions SELECT r.id, p.id FROM generate_series(1, 10000) n
               JOIN saas.roles r ON r.key = 'many_' || n JOIN generate_series(0, 4) i ON true
               JOIN saas.permissions p ON p.key = 'many.p' || 1 + (n + i * 200) % 1000;
             INSERT INTO saas.role_permissions SELECT r.id, p.id FROM saas.roles r, saas.permissions p
              WHERE r.key = 'tenant_owner' AND p.key LIKE 'many.%';
             INSERT INTO saas.tenants (name) SELECT 'many ' || n FROM generate_series(1, 100000) n;
             INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
             SELECT t.id, '{0}', r.id FROM (SELECT id, row_number() OVER () AS n FROM saas.tenants WHERE name LIKE 'many %') t
               JOIN saas.roles r ON r.key = CASE WHEN t.n % 2 = 0 THEN 'tenant_owner' ELSE 'many_' || 1 + t.n / 2 % 10000 END;
             INSERT INTO saas.users (email) SELECT 'many.' || n || '@example.com' FROM generate_series(1, 100000) n;
             INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
             SELECT '{1}', u.id, r.id FROM (SELECT id, row_number() OVER () AS n FROM saas.users WHERE email LIKE 'many.%') u
               JOIN saas.roles r ON r.key = 'many_' || 1 + u.n % 10000;
             ANALYZE",
            everywhere.id, large.id
        ))
        .unwrap();
    let of_everywhere = |data: &mut Client, key: &str| -> Vec<Uuid> {
        one(
            data,
            "SELECT coalesce(array_agg(m.tenant_id ORDER BY m.tenant_id), '{}')
               FROM saas.tenant_members m JOIN saas.role_permissions rp ON rp.role_id = m.role_id
               JOIN saas.permissions p ON p.id = rp.permission_id WHERE m.user_id = $1 AND p.key = $2",
            &[&everywhere.id, &key],
        )
    };
    let mut app = story.db.kind("app");
    let mut request = asking(&mut app, &everywhere, None);
    for key in ["many.p1", "many.p777", "tenant.read"] {
        let wanted = of_everywhere(&mut story.data, key);
        let listed: Vec<Uuid> = one(&mut request, "SELECT saas.permitted_tenant_ids($1)", &[&key]);
        assert!(wanted.len() > 40_000 && listed == wanted, "{key}");
        let checked: i64 = one(
            &mut request,
            "SELECT count(*) FROM unnest($1::uuid[]) t WHERE saas.has_tenant_permission(t, $2)",
            &[&wanted, &key],
        );
        assert_eq!(checked as usize, wanted.len());
        assert!(!may(&mut request, &story.globex));
    }
    // 300 arrays of 50,000 tenants would be 240 MB.
    let before = memory(&mut request);
    for n in 1..=300 {
        let sql = format!("SELECT cardinality(saas.permitted_tenant_ids('many.p{n}'))");
        assert!(one::<i32>(&mut request, &sql, &[]) >= 50_000);
    }
    let after = memory(&mut request);
    assert!(after < before + 40, "{before} MB, then {after} MB");
    drop(request);

    // One after the other, 100,000 users are asked about in one backend.
    let mut gateway = story.db.kind("gateway");
    let ask = "SELECT count(*) FROM saas.users u WHERE saas.has_tenant_permission(u.id, $1, $2)";
    story.data.batch_execute("GRANT SELECT ON saas.users TO saas_gateway; CREATE POLICY all_users ON saas.users TO saas_gateway USING (true)").unwrap();
    let before = memory(&mut gateway);
    for key in ["many.p5", "many.p600"] {
        let wanted: i64 = one(
            &mut story.data,
            "SELECT count(*) FROM saas.tenant_members m JOIN saas.role_permissions rp ON rp.role_id = m.role_id
               JOIN saas.permissions p ON p.id = rp.permission_id WHERE m.tenant_id = $1 AND p.key = $2",
            &[&large.id, &key],
        );
        assert!(wanted >= 500);
        assert_eq!(one::<i64>(&mut gateway, ask, &[&large.id, &key]), wanted);
        let members: i64 = one(
            &mut gateway,
            "SELECT count(*) FROM saas.members_with_permission($1, $2)",
            &[&large.id, &key],
        );
        assert_eq!(members, wanted);
    }
    let after = memory(&mut gateway);
    assert!(after < before + 60, "{before} MB, then {after} MB");
}
