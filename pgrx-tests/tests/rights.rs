//! Lists, explanations, definitions, system roles and emergency access: that all answers agree, who is
//! refused, and what happens at once or in the middle of a transaction.

use postgres::types::ToSql;
use postgres::{Client, GenericClient, IsolationLevel};
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::{Person, Story, Tenant, asking, assign, join, one, person};
use std::sync::Barrier;
use uuid::Uuid;

type Args<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The refusal of one statement, after which the transaction goes on.
#[track_caller]
fn refused(request: &mut impl GenericClient, sql: &str, args: Args<'_>, sqlstate: &str) {
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

fn may_in_system(client: &mut impl GenericClient, user: Uuid, permission: &str) -> bool {
    one(client, "SELECT saas.has_system_permission($1, $2)", &[&user, &permission])
}

/// A new session: another platform role has ended the old ones.
fn log_in(story: &mut Story, person: &mut Person) {
    person.token = one(&mut story.data, "SELECT saas.create_session($1)", &[&person.id]);
}

/// Defines a break-glass role.
fn emergency_role(story: &mut Story) {
    let sql = "SELECT saas.define_platform_role('platform_fire', ARRAY['platform.tenant.suspend', 'platform.system.configure'], true)";
    story.data.execute(sql, &[]).unwrap();
}

/// All tenant rights of all users, from the tables and from each function; equal in a healthy database.
const TENANT_RIGHTS: &str = "
    WITH asked AS (
      SELECT u.id AS user_id, t.id AS tenant_id, p.key FROM saas.users u, saas.tenants t, saas.permissions p
    ),
    truth AS (
      SELECT m.user_id, m.tenant_id, p.key
        FROM saas.tenant_members m
        JOIN saas.users u ON u.id = m.user_id AND u.deleted_at IS NULL
        JOIN saas.tenants t ON t.id = m.tenant_id AND t.suspended_at IS NULL AND t.deleted_at IS NULL
        JOIN saas.role_permissions rp ON rp.role_id = m.role_id
        JOIN saas.permissions p ON p.id = rp.permission_id
    ),
    members AS (
      SELECT m AS user_id, t.id AS tenant_id, p.key
        FROM saas.tenants t CROSS JOIN saas.permissions p CROSS JOIN LATERAL saas.members_with_permission(t.id, p.key) m
    )
    SELECT count(*), count(*) FILTER (WHERE truth.key IS NOT NULL),
           string_agg(format('%s %s %s: tables %s, check %s, members %s, %s', user_id, tenant_id, key, truth.key IS NOT NULL,
                             may, members.key IS NOT NULL, why), E'\n')
             FILTER (WHERE (truth.key IS NOT NULL, members.key IS NOT NULL, (why ->> 'allowed')::boolean, why ->> 'reason' = 'granted',
                            why ->> 'explanation' LIKE 'Yes: %')
                     IS DISTINCT FROM (may, may, may, may, may)
                        OR saas.explain_permission_text(user_id, tenant_id, key) <> why ->> 'explanation')
      FROM (SELECT *, saas.has_tenant_permission(user_id, tenant_id, key) AS may,
                   saas.explain_permission(user_id, tenant_id, key) AS why FROM asked) asked
      LEFT JOIN truth USING (user_id, tenant_id, key)
      LEFT JOIN members USING (user_id, tenant_id, key)";

/// The same of the platform.
const SYSTEM_RIGHTS: &str = "
    WITH truth AS (
      SELECT DISTINCT a.assigned_user_id AS user_id, p.key
        FROM saas.system_role_assignments a
        JOIN saas.users u ON u.id = a.assigned_user_id AND u.deleted_at IS NULL
        JOIN saas.role_permissions rp ON rp.role_id = a.role_id
        JOIN saas.permissions p ON p.id = rp.permission_id
       WHERE a.revoked_at IS NULL AND (a.expires_at IS NULL OR a.expires_at > now())
    )
    SELECT count(*), count(*) FILTER (WHERE truth.key IS NOT NULL),
           string_agg(format('%s %s: tables %s, %s', user_id, key, truth.key IS NOT NULL, why), E'\n')
             FILTER (WHERE (truth.key IS NOT NULL, (why ->> 'allowed')::boolean, why ->> 'reason' = 'granted')
                     IS DISTINCT FROM (may, may, may))
      FROM (SELECT u.id AS user_id, p.key, saas.has_system_permission(u.id, p.key) AS may, saas.explain_system_permission(u.id, p.key) AS why
              FROM saas.users u, saas.permissions p) asked
      LEFT JOIN truth USING (user_id, key)";

/// What somebody is told of himself, in his own request.
const OF_ONESELF: &str = "
    SELECT string_agg(format('%s %s %s', t.id, p.key, why), E'\n')
      FROM unnest($1::uuid[]) AS t (id)
     CROSS JOIN saas.permissions p
     CROSS JOIN LATERAL (
       SELECT saas.has_tenant_permission(t.id, p.key) AS may, saas.has_system_permission(p.key) AS may_in_system,
              saas.explain_permission(saas.current_user_id(), t.id, p.key) AS why,
              saas.explain_system_permission(saas.current_user_id(), p.key) AS why_in_system
     ) asked
     WHERE (p.key IN (SELECT saas.tenant_permissions(t.id)), (why ->> 'allowed')::boolean, why ->> 'reason' = 'granted')
           IS DISTINCT FROM (may, may, may)
        OR (p.key IN (SELECT saas.system_permissions()), (why_in_system ->> 'allowed')::boolean)
           IS DISTINCT FROM (may_in_system, may_in_system)";

/// Good enough, and the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

#[test]
fn lists_explanations_and_checks_agree() {
    for seed in [3, 2026] {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15 ^ seed);
        let mut story = Story::new();
        let (acme, globex) = (story.acme.clone(), story.globex.clone());
        let tenants = [acme.id, globex.id, Uuid::new_v4()];
        story
            .data
            .batch_execute(&format!(
                "INSERT INTO saas.roles (key, is_system, tenant_id) VALUES ('acme:own', false, '{}');
                 SELECT saas.define_platform_role('platform_little', ARRAY['platform.tenant.read'])",
                acme.id
            ))
            .unwrap();
        let people =
            [&acme.owner, &acme.admin, &acme.member, &acme.guest, &globex.owner, &globex.member];
        let people: Vec<Person> = people
            .into_iter()
            .chain([&story.both, &story.stranger, &story.superadmin, &story.support])
            .cloned()
            .collect();
        let mut app = story.db.kind("app");
        let mut most = (0, 0);
        for round in 0..15 {
            for _ in 0..8 {
                change(&mut dice, &mut story.data, &tenants[..2], &people);
            }
            for (sql, counted) in [(TENANT_RIGHTS, &mut most.0), (SYSTEM_RIGHTS, &mut most.1)] {
                let row = story.data.query_one(sql, &[]).unwrap();
                let (asked, held): (i64, i64) = (row.get(0), row.get(1));
                assert!(asked > 100, "{asked}");
                *counted = held.max(*counted);
                assert_eq!(row.get::<_, Option<&str>>(2), None, "seed {seed} round {round}");
            }
            let who = dice.pick(&people);
            let bound = [None, None, Some(acme.id), Some(globex.id)][dice.below(4)];
            let mut request = app.transaction().unwrap();
            let begin = "SELECT saas.begin_request($1, $2)";
            if request.execute(begin, &[&who.token, &bound]).is_ok() {
                let odd: Option<String> = one(&mut request, OF_ONESELF, &[&&tenants[..]]);
                assert_eq!(odd, None, "seed {seed} round {round}: {} in {bound:?}", who.id);
            }
        }
        assert!(most.0 > 20 && most.1 > 20, "there was little to agree about: {most:?}");
    }
}

/// Something random happens to somebody's rights; what is refused leaves nothing.
fn change(dice: &mut Dice, data: &mut Client, tenants: &[Uuid], people: &[Person]) {
    let (tenant, user) = (dice.pick(tenants), dice.pick(people).id);
    let role = *dice.pick(&["tenant_admin", "tenant_member", "tenant_guest", "acme:own"]);
    let system = *dice.pick(&["platform_admin", "platform_support", "platform_little"]);
    let key = *dice.pick(&["tenant.read", "project.create", "billing.view", "tenant.delete"]);
    let change = match dice.below(10) {
        0 | 1 => format!("INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
                          SELECT '{tenant}', '{user}', id FROM saas.roles WHERE key = '{role}'
                          ON CONFLICT (tenant_id, user_id) DO UPDATE SET role_id = excluded.role_id"),
        2 => format!("DELETE FROM saas.tenant_members WHERE tenant_id = '{tenant}' AND user_id = '{user}'"),
        3 => format!("SELECT saas.define_permission('{key}', 'changed', ARRAY['{role}'])"),
        4 => format!("DELETE FROM saas.role_permissions rp USING saas.roles r, saas.permissions p
                       WHERE r.id = rp.role_id AND p.id = rp.permission_id AND r.key = '{role}' AND p.key = '{key}'"),
        5 => format!("UPDATE saas.tenants SET suspended_at = CASE WHEN suspended_at IS NULL THEN now() END WHERE id = '{tenant}'"),
        6 => format!("UPDATE saas.users SET deleted_at = CASE WHEN deleted_at IS NULL THEN now() END WHERE id = '{user}'"),
        7 | 8 => format!("SELECT saas.grant_system_role('{user}', '{system}', 'random', CASE WHEN {} = 0 THEN now() + interval '1 hour' END)", dice.below(2)),
        _ => format!("SELECT saas.revoke_system_role(id, 'random') FROM saas.system_role_assignments
                       WHERE assigned_user_id = '{user}' AND revoked_at IS NULL LIMIT 1"),
    };
    // A refusal is as good as a change: nothing may be left of it.
    let _ = data.batch_execute(&change);
}

#[test]
fn each_refusal_has_its_sqlstate() {
    let mut story = Story::new();
    emergency_role(&mut story);
    let (acme, support, root) =
        (story.acme.clone(), story.support.clone(), story.superadmin.clone());
    let nobody = Uuid::new_v4();
    let mut admin = story.db.kind("admin");
    let mut request = asking(&mut admin, &root, None);
    for (sql, sqlstate) in [
        ("SELECT saas.define_permission('x', 'x')", "22023"),
        ("SELECT saas.define_permission('x.y', NULL)", "23502"),
        ("SELECT saas.define_permission('x.y', 'x', '{nobodys}')", "42704"),
        ("SELECT saas.define_permission('x.y', 'x', '{NULL}')", "22023"),
        ("SELECT saas.define_permission('x.y', 'x', '{platform_support}')", "23514"),
        ("SELECT saas.define_permission('platform.y', 'x', '{tenant_owner}')", "23514"),
        ("SELECT saas.define_platform_role('a b', '{}')", "22023"),
        ("SELECT saas.define_platform_role('platform_x', '{platform.x}')", "42704"),
        ("SELECT saas.define_platform_role('platform_x', '{tenant.read}')", "23514"),
        ("SELECT saas.define_platform_role('tenant_guest', '{}')", "23505"),
        ("SELECT saas.define_platform_role('platform_fire', '{}')", "55000"),
        ("SELECT saas.define_platform_role('platform_superadmin', '{}')", "55000"),
        ("SELECT saas.grant_system_role($1, 'platform_admin', '')", "22023"),
        ("SELECT saas.grant_system_role($1, 'platform_admin', NULL)", "23502"),
        ("SELECT saas.grant_system_role($1, 'platform_admin', 'x', now())", "22023"),
        ("SELECT saas.grant_system_role($1, 'platform_admin', 'x', 'infinity')", "22023"),
        ("SELECT saas.grant_system_role($1, 'nobodys', 'x')", "42704"),
        ("SELECT saas.grant_system_role($1, 'tenant_owner', 'x')", "23514"),
        ("SELECT saas.grant_system_role($1, 'platform_fire', 'x')", "23514"),
        ("SELECT saas.grant_system_role($1, 'platform_support', 'x')", "23505"),
        ("SELECT saas.open_break_glass('platform_admin', $1::text)", "22023"),
        ("SELECT saas.open_break_glass('platform_fire', $1::text, '1 week')", "22023"),
        ("SELECT saas.open_break_glass('tenant_owner', $1::text)", "23514"),
    ] {
        let args: Args<'_> = match sql.contains("$1") {
            true => &[&support.id],
            false => &[],
        };
        if sql.contains("$1::text") {
            refused(&mut request, &sql.replace("$1::text", "'x'"), &[], sqlstate);
        } else {
            refused(&mut request, sql, args, sqlstate);
        }
    }
    for (sql, sqlstate) in [
        ("SELECT saas.grant_system_role($1, 'platform_support', 'x')", "23503"),
        ("SELECT saas.revoke_system_role($1, 'x')", "23503"),
        ("SELECT saas.review_break_glass($1, 'x')", "23503"),
        ("SELECT saas.close_break_glass($1)", "42501"),
        ("SELECT saas.members_with_permission($1, 'tenant.read')", "42501"),
        ("SELECT saas.explain_permission($1, NULL, 'tenant.read')", "23502"),
    ] {
        refused(&mut request, sql, &[&nobody], sqlstate);
    }
    drop(request);
    // An erased user gets no role.
    let mut erasing = story.data.transaction().unwrap();
    erasing
        .execute("UPDATE saas.users SET deleted_at = now() WHERE id = $1", &[&story.stranger.id])
        .unwrap();
    let sql = "SELECT saas.grant_system_role($1, 'platform_support', 'x')";
    refused(&mut erasing, sql, &[&story.stranger.id], "23503");
    erasing.rollback().unwrap();
    // Members of tenants, API keys and impersonations have no say on the platform, whoever they are of.
    join(&mut story.data, &acme, &root, "tenant_owner");
    let key = story.api_key(&acme, &root, "tenant_owner");
    let impersonation = story.impersonation(&support, &acme.owner, &acme, "30 min");
    let begun: [(&str, Args<'_>); 3] = [
        ("SELECT saas.begin_request($1)", &[&acme.owner.token]),
        ("SELECT saas.begin_request($1)", &[&key]),
        ("SELECT saas.begin_request($1, NULL, $2)", &[&support.token, &impersonation]),
    ];
    for (begin, args) in begun {
        let mut request = admin.transaction().unwrap();
        request.execute(begin, args).unwrap();
        for sql in [
            "SELECT saas.define_permission('x.y', 'x')",
            "SELECT saas.define_platform_role('platform_x', '{}')",
            "SELECT saas.grant_system_role($1, 'platform_admin', 'x')",
            "SELECT saas.revoke_system_role($1, 'x')",
            "SELECT saas.open_break_glass('platform_fire', 'x')",
            "SELECT saas.close_break_glass($1)",
            "SELECT saas.review_break_glass($1, 'x')",
            "SELECT saas.approve_impersonation($1)",
            "SELECT saas.start_impersonation($1, $1, 'x')",
            "SELECT saas.explain_permission($1, $1, 'tenant.read')",
            "SELECT saas.explain_system_permission($1, 'platform.tenant.read')",
        ] {
            let args: Args<'_> = if sql.contains("$1") { &[&story.both.id] } else { &[] };
            refused(&mut request, sql, args, "42501");
        }
        let count = "SELECT count(*) FROM saas.system_permissions()";
        assert_eq!(one::<i64>(&mut request, count, &[]), 0);
    }
    healthy(&mut story);
}

#[test]
fn a_granted_role_ends_in_time_and_on_revocation() {
    let mut story = Story::new();
    let (root, mut stranger) = (story.superadmin.clone(), story.stranger.clone());
    let may = "SELECT saas.has_system_permission('platform.tenant.read')";
    let listed = "SELECT count(*) FROM saas.system_permissions()";
    let grant = "SELECT saas.grant_system_role($1, 'platform_support', 'on call', now() + $2::text::interval)";
    let mut admin = story.db.kind("admin");
    let mut his = story.db.connect("saas_admin");
    for level in [IsolationLevel::ReadCommitted, IsolationLevel::RepeatableRead] {
        // In time, within his transaction.
        let mut request = asking(&mut admin, &root, None);
        one::<Uuid>(&mut request, grant, &[&stranger.id, &"1.5 s"]);
        request.commit().unwrap();
        log_in(&mut story, &mut stranger);
        let mut request = his.build_transaction().isolation_level(level).start().unwrap();
        one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[&stranger.token]);
        assert!(one::<bool>(&mut request, may, &[]));
        request.batch_execute("SELECT pg_sleep(1.6)").unwrap();
        assert!(!one::<bool>(&mut request, may, &[]));
        assert_eq!(one::<i64>(&mut request, listed, &[]), 0);
        let why: String = one(
            &mut request,
            "SELECT saas.explain_system_permission(saas.current_user_id(), 'platform.tenant.read') ->> 'reason'",
            &[],
        );
        assert_eq!(why, "expired");
        drop(request);
        // The expired one is no obstacle; and revoked, it ends in the transaction that runs.
        let mut request = asking(&mut admin, &root, None);
        let assignment: Uuid = one(&mut request, grant, &[&stranger.id, &"1 hour"]);
        request.commit().unwrap();
        log_in(&mut story, &mut stranger);
        let mut running = his.build_transaction().isolation_level(level).start().unwrap();
        one::<Uuid>(&mut running, "SELECT saas.begin_request($1)", &[&stranger.token]);
        assert!(one::<bool>(&mut running, may, &[]));
        let revoke = "SELECT saas.revoke_system_role($1, 'off call')";
        let mut request = asking(&mut admin, &root, None);
        request.execute(revoke, &[&assignment]).unwrap();
        // A rollback takes it back,
        request.rollback().unwrap();
        assert!(one::<bool>(&mut running, may, &[]));
        let mut request = asking(&mut admin, &root, None);
        request.execute(revoke, &[&assignment]).unwrap();
        request.commit().unwrap();
        // a commit does not.
        assert!(!one::<bool>(&mut running, may, &[]));
        assert_eq!(one::<i64>(&mut running, listed, &[]), 0);
        refused(
            &mut running,
            "SELECT saas.grant_system_role($1, 'platform_support', 'x')",
            &[&stranger.id],
            "42501",
        );
    }
    healthy(&mut story);
}

#[test]
fn what_is_limited_gives_nothing_that_is_not() {
    let mut story = Story::new();
    emergency_role(&mut story);
    let (support, stranger) = (story.support.clone(), story.stranger.clone());
    story
        .data
        .execute(
            "SELECT saas.define_platform_role('platform_small', ARRAY['platform.tenant.suspend'])",
            &[],
        )
        .unwrap();
    let mut admin = story.db.kind("admin");
    let mut request = asking(&mut admin, &support, None);
    one::<Uuid>(&mut request, "SELECT saas.open_break_glass('platform_fire', 'fire')", &[]);
    let grant =
        "SELECT saas.grant_system_role($1, 'platform_small', 'x', now() + $2::text::interval)";
    for (to, lasts, sqlstate) in [
        (&support, Some("61 min"), Some("42501")),
        (&support, None, Some("42501")),
        (&stranger, None, Some("42501")),
        (&stranger, Some("59 min"), None),
    ] {
        match sqlstate {
            Some(sqlstate) => refused(&mut request, grant, &[&to.id, &lasts], sqlstate),
            None => drop(one::<Uuid>(&mut request, grant, &[&to.id, &lasts])),
        }
    }
    for sql in [
        "SELECT saas.define_permission('platform.tenant.suspend', 'x', '{platform_support}')",
        "SELECT saas.define_platform_role('platform_mine', '{platform.tenant.suspend}')",
        "SELECT saas.define_platform_role('platform_small', '{}')",
    ] {
        refused(&mut request, sql, &[], "42501");
    }
    // The last who may configure for good is out of his reach.
    let revoke = "SELECT saas.revoke_system_role(id, 'x') FROM saas.system_role_assignments WHERE assigned_user_id = $1";
    let args: Args<'_> = &[&story.superadmin.id];
    request.batch_execute("SAVEPOINT s").unwrap();
    // Seen only by those with platform.security.view, which support has.
    assert_sqlstate(request.query(revoke, args).map(|rows| rows.len()), "55000");
    request.batch_execute("ROLLBACK TO s").unwrap();
    request.commit().unwrap();
    healthy(&mut story);
}

/// Runs both at once, each in a transaction of its own; how many committed, and the refusals.
fn at_once(
    story: &Story,
    level: IsolationLevel,
    who: [&Person; 2],
    sql: &str,
    args: [Args<'_>; 2],
) -> (usize, Vec<String>) {
    let barrier = Barrier::new(2);
    let outcomes: Vec<Result<(), String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = [0, 1]
            .map(|side| {
                let barrier = &barrier;
                let mut client = story.db.connect("saas_admin");
                let args: Vec<_> = args[side].to_vec();
                scope.spawn(move || {
                    let mut request =
                        client.build_transaction().isolation_level(level).start().unwrap();
                    one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[&who[side].token]);
                    barrier.wait();
                    let done = request.execute(sql, &args);
                    let code = |error: postgres::Error| {
                        error.code().map(|code| code.code().to_owned()).unwrap_or_default()
                    };
                    done.map_err(code)?;
                    // The other one comes while this is not committed.
                    std::thread::sleep(std::time::Duration::from_millis(150));
                    request.commit().map_err(code)
                })
            })
            .into_iter()
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let refusals: Vec<String> = outcomes.into_iter().filter_map(Result::err).collect();
    (2 - refusals.len(), refusals)
}

#[test]
fn two_at_once() {
    let mut story = Story::new();
    emergency_role(&mut story);
    story.db.kind("admin");
    let (mut root, stranger) = (story.superadmin.clone(), story.stranger.clone());
    let mut other = person(&mut story.data, "other");
    for level in [IsolationLevel::ReadCommitted, IsolationLevel::RepeatableRead] {
        log_in(&mut story, &mut other);
        // Two who may configure take it from each other: one is left.
        assign(&mut story.data, &other, "platform_superadmin");
        let mut own = |person: &Person| -> Uuid {
            one(
                &mut story.data,
                "SELECT id FROM saas.system_role_assignments WHERE assigned_user_id = $1 AND revoked_at IS NULL",
                &[&person.id],
            )
        };
        let (roots, others) = (own(&root), own(&other));
        let (done, refusals) = at_once(
            &story,
            level,
            [&root, &other],
            "SELECT saas.revoke_system_role($1, 'mutiny')",
            [&[&others], &[&roots]],
        );
        assert_eq!(done, 1, "{refusals:?}");
        assert!(
            ["42501", "55000", "40001"].contains(&&*refusals[0]),
            "the loser is refused: {refusals:?}"
        );
        let left: i64 = one(
            &mut story.data,
            "SELECT count(*) FROM saas.system_role_assignments a JOIN saas.roles r ON r.id = a.role_id
              WHERE r.key = 'platform_superadmin' AND a.revoked_at IS NULL",
            &[],
        );
        assert_eq!(left, 1);
        // Both as before.
        story
            .data
            .execute(
                "SELECT saas.revoke_system_role(id, 'again') FROM saas.system_role_assignments
                  WHERE id IN ($1, $2) AND revoked_at IS NULL",
                &[&roots, &others],
            )
            .unwrap();
        assign(&mut story.data, &root, "platform_superadmin");
        log_in(&mut story, &mut root);
        // The same role twice: once.
        let (done, refusals) = at_once(
            &story,
            level,
            [&root, &root],
            "SELECT saas.grant_system_role($1, 'platform_admin', 'both')",
            [&[&stranger.id], &[&stranger.id]],
        );
        assert_eq!(done, 1, "{refusals:?}");
        assert!(["23505", "40001"].contains(&&*refusals[0]), "{refusals:?}");
        story
            .data
            .execute(
                "SELECT saas.revoke_system_role(id, 'again') FROM saas.system_role_assignments
                  WHERE assigned_user_id = $1 AND revoked_at IS NULL",
                &[&stranger.id],
            )
            .unwrap();
        // The same emergency twice: once.
        let support = story.support.clone();
        let (done, refusals) = at_once(
            &story,
            level,
            [&support, &support],
            "SELECT saas.open_break_glass('platform_fire', 'fire')",
            [&[], &[]],
        );
        assert_eq!(done, 1, "{refusals:?}");
        assert!(["23505", "40001"].contains(&&*refusals[0]), "{refusals:?}");
        let event: Uuid = one(
            &mut story.data,
            "SELECT id FROM saas.break_glass_events WHERE closed_at IS NULL",
            &[],
        );
        // Two reviews: one outcome.
        let admin = story.platform_admin.clone();
        let (done, refusals) = at_once(
            &story,
            level,
            [&root, &admin],
            "SELECT saas.review_break_glass($1, 'fine')",
            [&[&event], &[&event]],
        );
        assert_eq!(done, 1, "{refusals:?}");
        assert!(["55000", "40001"].contains(&&*refusals[0]), "{refusals:?}");
        assert!(!may_in_system(&mut story.data, support.id, "platform.tenant.suspend"));
    }
    // One definition from two sides is one role and one permission.
    for (sql, count) in [
        ("SELECT saas.define_permission('report.export', 'x', '{tenant_owner}')", "permissions"),
        ("SELECT saas.define_platform_role('platform_new', '{platform.tenant.read}')", "roles"),
    ] {
        let (done, refusals) =
            at_once(&story, IsolationLevel::ReadCommitted, [&root, &root], sql, [&[], &[]]);
        assert_eq!(done, 2, "{refusals:?}");
        let count = format!(
            "SELECT count(*) FROM saas.{count} WHERE key IN ('report.export', 'platform_new')"
        );
        assert_eq!(one::<i64>(&mut story.data, &count, &[]), 1);
    }
    healthy(&mut story);
}

#[test]
fn whoever_redefines_and_whoever_revokes_leave_one_who_configures() {
    let mut story = Story::new();
    story.db.kind("admin");
    let (root, second) = (story.superadmin.clone(), person(&mut story.data, "second"));
    story
        .data
        .batch_execute("SELECT saas.define_platform_role('platform_second', '{platform.system.configure,platform.tenant.read}')")
        .unwrap();
    assign(&mut story.data, &second, "platform_second");
    let roots: Uuid = one(
        &mut story.data,
        "SELECT id FROM saas.system_role_assignments WHERE assigned_user_id = $1",
        &[&root.id],
    );
    // One takes the right out of the other's role, who takes the first one's role.
    let barrier = Barrier::new(2);
    let run = |who: &Person, sql: &str, args: Args<'_>| {
        let mut client = story.db.connect("saas_admin");
        let mut request = asking(&mut client, who, None);
        barrier.wait();
        let done = request.execute(sql, args).map(|_| ());
        std::thread::sleep(std::time::Duration::from_millis(150));
        done.and_then(|()| request.commit())
    };
    let done = std::thread::scope(|scope| {
        let redefines = scope.spawn(|| {
            run(
                &root,
                "SELECT saas.define_platform_role('platform_second', '{platform.tenant.read}')",
                &[],
            )
        });
        let revokes =
            scope.spawn(|| run(&second, "SELECT saas.revoke_system_role($1, 'mutiny')", &[&roots]));
        [redefines.join().unwrap(), revokes.join().unwrap()]
    });
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1, "{done:?}");
    let configures: i64 = one(
        &mut story.data,
        "SELECT count(*) FROM saas.users u WHERE saas.has_system_permission(u.id, 'platform.system.configure')",
        &[],
    );
    assert_eq!(configures, 1);
}

#[test]
fn emergency_access_ends_in_time_and_does_not_prolong_itself() {
    let mut story = Story::new();
    emergency_role(&mut story);
    let support = story.support.clone();
    let mut admin = story.db.kind("admin");
    let mut request = asking(&mut admin, &support, None);
    let open = "SELECT saas.open_break_glass('platform_fire', 'fire', $1::text::interval)";
    one::<Uuid>(&mut request, open, &[&"1.5 s"]);
    let may = "SELECT saas.has_system_permission('platform.tenant.suspend')";
    assert!(one::<bool>(&mut request, may, &[]));
    request.batch_execute("SELECT pg_sleep(1.6)").unwrap();
    assert!(!one::<bool>(&mut request, may, &[]));
    // It can be opened anew, by whoever has an ordinary role,
    let event: Uuid = one(&mut request, open, &[&"1 hour"]);
    request.commit().unwrap();
    story
        .data
        .execute(
            "SELECT saas.revoke_system_role(a.id, 'left') FROM saas.system_role_assignments a JOIN saas.roles r ON r.id = a.role_id
              WHERE a.assigned_user_id = $1 AND r.key = 'platform_support'",
            &[&support.id],
        )
        .unwrap();
    // not by whoever has the emergency's only, which he may give back all the same.
    let mut request = asking(&mut admin, &support, None);
    assert!(one::<bool>(&mut request, may, &[]));
    refused(&mut request, open, &[&"1 hour"], "42501");
    request.execute("SELECT saas.close_break_glass($1)", &[&event]).unwrap();
    assert!(!one::<bool>(&mut request, may, &[]));
    refused(&mut request, open, &[&"1 hour"], "42501");
    request.commit().unwrap();
    // A revocation that no commit shows to this old snapshot counts too.
    let mut request =
        admin.build_transaction().isolation_level(IsolationLevel::RepeatableRead).start().unwrap();
    assign(&mut story.data, &support, "platform_support");
    one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[&support.token]);
    story
        .data
        .execute(
            "SELECT saas.revoke_system_role(id, 'left') FROM saas.system_role_assignments
              WHERE assigned_user_id = $1 AND revoked_at IS NULL",
            &[&support.id],
        )
        .unwrap();
    refused(&mut request, open, &[&"1 hour"], "42501");
    drop(request);
    healthy(&mut story);
}

#[test]
fn an_overdue_review_is_one_incident() {
    let mut story = Story::new();
    emergency_role(&mut story);
    let mut admin = story.db.kind("admin");
    let mut request = asking(&mut admin, &story.support, None);
    let event: Uuid =
        one(&mut request, "SELECT saas.open_break_glass('platform_fire', 'fire')", &[]);
    request.commit().unwrap();
    let escalate = "SELECT saas.escalate_break_glass(now() + $1::text::interval)";
    for kind in ["app", "gateway", "auditor", "admin"] {
        assert_sqlstate(story.db.kind(kind).query(escalate, &[&"4 days"]), "42501");
    }
    let mut workers = [story.db.kind("worker"), story.db.connect("saas_worker")];
    assert_eq!(one::<i64>(&mut workers[0], escalate, &[&"71 h"]), 0);
    // Two at once: the second waits for the first, and finds it done.
    let [first, second] = &mut workers;
    let mut running = first.transaction().unwrap();
    assert_eq!(one::<i64>(&mut running, escalate, &[&"73 h"]), 1);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| one::<i64>(second, escalate, &[&"73 h"]));
        std::thread::sleep(std::time::Duration::from_millis(200));
        running.commit().unwrap();
        assert_eq!(waits.join().unwrap(), 0);
    });
    let incidents = "SELECT count(*) FROM saas.incidents WHERE break_glass_event_id = $1";
    assert_eq!(one::<i64>(&mut story.data, incidents, &[&event]), 1);
    // Whoever is late reviews it all the same; what is reviewed opens none.
    let mut request = asking(&mut admin, &story.platform_admin, None);
    request.execute("SELECT saas.review_break_glass($1, 'late, but fine')", &[&event]).unwrap();
    request.commit().unwrap();
    let mut request = asking(&mut admin, &story.support, None);
    let event: Uuid =
        one(&mut request, "SELECT saas.open_break_glass('platform_fire', 'again')", &[]);
    request.commit().unwrap();
    let mut request = asking(&mut admin, &story.platform_admin, None);
    request.execute("SELECT saas.review_break_glass($1, 'fine')", &[&event]).unwrap();
    request.commit().unwrap();
    assert_eq!(one::<i64>(second, escalate, &[&"1 year"]), 0);
    healthy(&mut story);
}

#[test]
fn nobody_judges_what_is_about_himself() {
    let mut story = Story::new();
    emergency_role(&mut story);
    let (support, other) = (story.support.clone(), story.platform_admin.clone());
    let mut admin = story.db.kind("admin");
    let mut request = asking(&mut admin, &support, None);
    let opened: Uuid =
        one(&mut request, "SELECT saas.open_break_glass('platform_fire', 'fire')", &[]);
    request.commit().unwrap();
    let event: Uuid = one(
        &mut story.data,
        "SELECT id FROM saas.security_events WHERE kind = 'break_glass_opened' AND user_id = $1",
        &[&support.id],
    );
    let mut worker = story.db.kind("worker");
    let overdue = "SELECT saas.escalate_break_glass(now() + interval '4 days')";
    assert_eq!(one::<i64>(&mut worker, overdue, &[]), 1);
    let incident: Uuid = one(
        &mut story.data,
        "SELECT id FROM saas.incidents WHERE break_glass_event_id = $1",
        &[&opened],
    );
    // Support sees both, and would rather have them gone.
    let mut request = asking(&mut admin, &support, None);
    for judge in ["acknowledge", "dismiss"] {
        let sql = format!("SELECT saas.{judge}_security_event($1, 'it was nothing')");
        refused(&mut request, &sql, &[&event], "42501");
    }
    let to = "SELECT saas.move_incident($1, $2, 'it was nothing')";
    request.execute(to, &[&incident, &"resolved"]).unwrap();
    refused(&mut request, to, &[&incident, &"reviewed"], "42501");
    // An incident of his own over his own event is no way around.
    let own: Uuid = one(
        &mut request,
        "SELECT saas.open_incident('Nothing', 'low', ARRAY[$1::uuid])",
        &[&event],
    );
    request.execute(to, &[&own, &"resolved"]).unwrap();
    refused(&mut request, to, &[&own, &"reviewed"], "42501");
    // Nor does an API key or an impersonation get him there: they have no say on the platform at all.
    request.commit().unwrap();
    let mut request = asking(&mut admin, &other, None);
    request.execute(to, &[&incident, &"reviewed"]).unwrap();
    request.execute(to, &[&own, &"reviewed"]).unwrap();
    request.commit().unwrap();
    // What others did he may judge.
    let theirs: Uuid = one(
        &mut worker,
        "SELECT saas.report_security_event('odd', 'low', user_id => $1)",
        &[&other.id],
    );
    let mut request = asking(&mut admin, &support, None);
    request.execute("SELECT saas.dismiss_security_event($1, 'a scan')", &[&theirs]).unwrap();
    request.commit().unwrap();
    healthy(&mut story);
}

#[test]
fn a_list_of_members_is_for_those_who_may_read_the_tenant() {
    let mut story = Story::new();
    let (acme, globex): (Tenant, Tenant) = (story.acme.clone(), story.globex.clone());
    let list = "SELECT array_agg(m) FROM saas.members_with_permission($1, 'billing.manage') m";
    let mut app = story.db.kind("app");
    for (who, bound, tenant, sqlstate) in [
        (&acme.guest, None, &acme, None),
        (&acme.guest, Some(&acme), &acme, None),
        (&story.both, Some(&acme), &globex, Some("42501")),
        (&acme.owner, None, &globex, Some("42501")),
        (&story.stranger, None, &acme, Some("42501")),
        (&story.support, None, &acme, None),
    ] {
        let mut request = asking(&mut app, who, bound);
        match sqlstate {
            Some(sqlstate) => refused(&mut request, list, &[&tenant.id], sqlstate),
            None => assert_eq!(
                one::<Vec<Uuid>>(&mut request, list, &[&tenant.id]),
                [tenant.owner.id],
                "{who:?}"
            ),
        }
    }
    // A key with tenant.read is told as well, an unknown one not.
    let key = story.api_key(&acme, &acme.owner, "tenant_guest");
    let mut request = app.transaction().unwrap();
    one::<Uuid>(&mut request, "SELECT saas.begin_request($1)", &[&key]);
    assert_eq!(one::<Vec<Uuid>>(&mut request, list, &[&acme.id]), [acme.owner.id]);
    drop(request);
    for kind in ["worker", "auditor"] {
        assert_sqlstate(story.db.kind(kind).query(list, &[&acme.id]), "42501");
    }
    let mut gateway = story.db.kind("gateway");
    assert_eq!(one::<Vec<Uuid>>(&mut gateway, list, &[&acme.id]), [acme.owner.id]);
    assert_sqlstate(gateway.query(list, &[&Uuid::new_v4()]), "23503");
}
