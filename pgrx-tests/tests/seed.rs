//! The roles, permissions and triggers of the source document, and the ways around them.

use postgres::{Client, IsolationLevel};
use saas_core_tests::story::{Person, Story, Tenant, asking, one, person};
use saas_core_tests::{TestDb, assert_sqlstate};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use uuid::Uuid;

/// Sections 1 to 4 of the document's seed script, word for word.
const SECTIONS_1_TO_4: &str = include_str!("seed_sections_1_to_4.sql");
const SECTION_6: &str = "INSERT INTO tenant_members (tenant_id, user_id, role_id)
SELECT
  t.id,
  u.id,
  r.id
FROM tenants t, users u, roles r
WHERE
  t.name = 'Default Workspace'
  AND u.email = 'owner@example.com'
  AND r.key = 'tenant_owner';";
const SECTION_7: &str = "INSERT INTO system_role_assignments (
  assigned_user_id,
  role_id,
  assigned_by,
  reason
)
SELECT
  u.id,
  r.id,
  u.id,
  'Initial platform bootstrap'
FROM users u, roles r
WHERE
  u.email = 'admin@example.com'
  AND r.key = 'platform_superadmin';";

const NO_SYSTEM_ROLE: &str = "System roles cannot be assigned to tenant members";
const ONLY_SYSTEM_ROLES: &str = "Only system roles can be assigned via system_role_assignments";

/// Everything in the three tables, as one text.
fn catalog(client: &mut Client) -> String {
    one(
        client,
        "SELECT (SELECT string_agg(r::text, ';' ORDER BY r.key) FROM saas.roles r)
             || (SELECT string_agg(p::text, ';' ORDER BY p.key) FROM saas.permissions p)
             || (SELECT string_agg(rp::text, ';' ORDER BY rp::text) FROM saas.role_permissions rp)
             || (SELECT count(*) FROM saas.platform_audit_logs)",
        &[],
    )
}

#[test]
fn the_documents_script_runs_as_it_stands() {
    let db = TestDb::new();
    let mut data = db.owner();
    let before = catalog(&mut data);
    data.batch_execute("SET search_path = saas").unwrap();
    for _ in 0..2 {
        data.batch_execute(SECTIONS_1_TO_4).unwrap();
        assert_eq!(catalog(&mut data), before);
    }
    data.batch_execute(
        "INSERT INTO users (email) VALUES ('owner@example.com'), ('admin@example.com');
         INSERT INTO tenants (name) VALUES ('Default Workspace')",
    )
    .unwrap();
    for (section, count) in [(SECTION_6, "tenant_members"), (SECTION_7, "system_role_assignments")]
    {
        data.batch_execute(section).unwrap();
        assert_eq!(one::<i64>(&mut data, &format!("SELECT count(*) FROM {count}"), &[]), 1);
    }
    // Running them again is a duplicate, not a second row.
    assert_sqlstate(data.batch_execute(SECTION_6), "23505");
    assert_sqlstate(data.batch_execute(SECTION_7), "23505");
    let admin: Uuid = one(&mut data, "SELECT id FROM users WHERE email = 'admin@example.com'", &[]);
    let sql = "SELECT count(*) FROM saas.permissions WHERE saas.has_system_permission($1, key)";
    assert_eq!(one::<i64>(&mut data, sql, &[&admin]), 18);
}

#[test]
fn the_documents_script_fills_empty_tables() {
    let db = TestDb::new();
    let mut data = db.owner();
    let keys = "SELECT string_agg(r.key || ' ' || r.is_system || ' ' || p.key, E'\\n' ORDER BY r.key, p.key)
                  FROM saas.role_permissions rp JOIN saas.roles r ON r.id = rp.role_id
                  JOIN saas.permissions p ON p.id = rp.permission_id";
    let seeded: String = one(&mut data, keys, &[]);
    data.batch_execute(
        "DELETE FROM saas.role_permissions; DELETE FROM saas.roles; DELETE FROM saas.permissions",
    )
    .unwrap();
    data.batch_execute("SET search_path = saas").unwrap();
    data.batch_execute(SECTIONS_1_TO_4).unwrap();
    assert_eq!(one::<String>(&mut data, keys, &[]), seeded);
}

#[test]
fn seven_roles_eighteen_permissions() {
    let db = TestDb::new();
    let mut data = db.owner();
    let listed = |data: &mut Client, sql: &str| -> Vec<String> {
        data.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
    };
    assert_eq!(
        listed(&mut data, "SELECT key || ' ' || is_system FROM saas.roles ORDER BY key"),
        [
            "platform_admin true",
            "platform_superadmin true",
            "platform_support true",
            "tenant_admin false",
            "tenant_guest false",
            "tenant_member false",
            "tenant_owner false",
        ]
    );
    let permissions = [
        "billing.manage",
        "billing.view",
        "member.invite",
        "member.remove",
        "platform.billing.adjust",
        "platform.plan.manage",
        "platform.security.view",
        "platform.system.configure",
        "platform.tenant.delete",
        "platform.tenant.read",
        "platform.tenant.suspend",
        "platform.user.impersonate",
        "project.create",
        "project.delete",
        "project.update",
        "tenant.delete",
        "tenant.read",
        "tenant.update",
    ];
    assert_eq!(listed(&mut data, "SELECT key FROM saas.permissions ORDER BY key"), permissions);
    let mapping: [(&str, &[&str]); 7] = [
        (
            "tenant_owner",
            &[
                "billing.manage",
                "billing.view",
                "member.invite",
                "member.remove",
                "project.create",
                "project.delete",
                "project.update",
                "tenant.read",
                "tenant.update",
            ],
        ),
        (
            "tenant_admin",
            &[
                "billing.view",
                "member.invite",
                "member.remove",
                "project.create",
                "project.update",
                "tenant.read",
            ],
        ),
        ("tenant_member", &["project.create", "project.update", "tenant.read"]),
        ("tenant_guest", &["tenant.read"]),
        (
            "platform_support",
            &["platform.security.view", "platform.tenant.read", "platform.user.impersonate"],
        ),
        (
            "platform_admin",
            &[
                "platform.billing.adjust",
                "platform.plan.manage",
                "platform.security.view",
                "platform.tenant.read",
                "platform.tenant.suspend",
            ],
        ),
        ("platform_superadmin", &permissions),
    ];
    for (role, keys) in mapping {
        let sql = format!(
            "SELECT p.key FROM saas.role_permissions rp JOIN saas.permissions p ON p.id = rp.permission_id
               JOIN saas.roles r ON r.id = rp.role_id WHERE r.key = '{role}' ORDER BY p.key"
        );
        assert_eq!(listed(&mut data, &sql), keys, "{role}");
    }
}

#[test]
fn triggers_and_index_have_the_documents_names() {
    let db = TestDb::new();
    let mut data = db.owner();
    let sql = "SELECT count(*) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
                WHERE t.tgrelid = format('saas.%I', $1::text)::regclass AND t.tgname = $2 AND p.proname = $3
                  AND t.tgtype & 3 = 3 AND t.tgtype & 20 = 20 AND t.tgenabled <> 'D'";
    for (table, trigger, function) in [
        ("tenant_members", "trg_no_system_roles_in_tenant", "prevent_system_role_in_tenant"),
        (
            "system_role_assignments",
            "trg_enforce_system_role_assignment",
            "enforce_system_role_assignment",
        ),
    ] {
        // Row-level, BEFORE, INSERT and UPDATE.
        assert_eq!(one::<i64>(&mut data, sql, &[&table, &trigger, &function]), 1, "{trigger}");
    }
    let index: String = one(
        &mut data,
        "SELECT pg_get_indexdef('saas.uniq_active_system_role_assignment'::regclass)",
        &[],
    );
    assert!(
        index.contains("UNIQUE")
            && index.ends_with("(assigned_user_id, role_id) WHERE (revoked_at IS NULL)")
    );
}

fn role(data: &mut Client, key: &str) -> Uuid {
    one(data, "SELECT id FROM saas.roles WHERE key = $1", &[&key])
}

#[test]
fn a_system_role_gets_into_no_tenant() {
    let mut story = Story::new();
    let (acme, stranger) = (story.acme.clone(), story.stranger.clone());
    let (system, member) =
        (role(&mut story.data, "platform_admin"), role(&mut story.data, "tenant_member"));
    let (t, u) = (acme.id, stranger.id);
    let columns = "tenant_id, user_id, role_id";
    let mut refused = |sql: String| {
        let error = assert_sqlstate(story.data.batch_execute(&sql), "23514");
        assert_eq!(error.message(), NO_SYSTEM_ROLE, "{sql}");
    };
    refused(format!(
        "INSERT INTO saas.tenant_members ({columns}) VALUES ('{t}', '{u}', '{system}')"
    ));
    refused(format!(
        "INSERT INTO saas.tenant_members ({columns}) VALUES ('{t}', '{u}', '{member}'), ('{t}', '{u}', '{system}')"
    ));
    refused(format!(
        "UPDATE saas.tenant_members SET role_id = '{system}' WHERE user_id = '{}'",
        acme.member.id
    ));
    refused(format!("UPDATE saas.tenant_members SET role_id = '{system}'"));
    refused(format!(
        "INSERT INTO saas.tenant_members ({columns}) VALUES ('{t}', '{}', '{member}')
         ON CONFLICT (tenant_id, user_id) DO UPDATE SET role_id = '{system}'",
        acme.member.id
    ));
    // The trigger comes before ON CONFLICT looks.
    refused(format!(
        "INSERT INTO saas.tenant_members ({columns}) VALUES ('{t}', '{}', '{system}') ON CONFLICT DO NOTHING",
        acme.member.id
    ));
    refused(format!(
        "MERGE INTO saas.tenant_members m USING (SELECT '{u}'::uuid AS u) s ON m.user_id = s.u
         WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ('{t}', s.u, '{system}')"
    ));
    refused(format!(
        "MERGE INTO saas.tenant_members m USING (SELECT '{}'::uuid AS u) s ON m.user_id = s.u
         WHEN MATCHED THEN UPDATE SET role_id = '{system}'",
        acme.member.id
    ));
    refused(format!(
        "WITH made AS (INSERT INTO saas.tenant_members ({columns}) VALUES ('{t}', '{u}', '{system}') RETURNING 1) TABLE made"
    ));
    let copied = copy(
        &mut story.data,
        &format!("COPY saas.tenant_members ({columns}) FROM STDIN"),
        &format!("{t}\t{u}\t{system}\n"),
    );
    assert_eq!(assert_sqlstate(copied, "23514").message(), NO_SYSTEM_ROLE);
    // The constant column is not the client's to set, nor the constraint's to outwait.
    let set = format!(
        "INSERT INTO saas.tenant_members ({columns}, role_is_system) VALUES ('{t}', '{u}', '{system}', true)"
    );
    assert_sqlstate(story.data.batch_execute(&set), "428C9");
    let deferred = format!(
        "BEGIN; SET CONSTRAINTS ALL DEFERRED; INSERT INTO saas.tenant_members ({columns}) VALUES ('{t}', '{u}', '{system}')"
    );
    assert_sqlstate(story.data.batch_execute(&deferred), "23514");
    story.data.batch_execute("ROLLBACK").unwrap();
    // Invitations and keys take none either.
    let sql =
        "INSERT INTO saas.tenant_invitations (tenant_id, email, role_id, token_hash, expires_at)
               VALUES ($1, 'x@example.com', $2, sha256('x'), now() + interval '1 day')";
    assert_sqlstate(story.data.execute(sql, &[&t, &system]), "23503");
    let sql = "INSERT INTO saas.api_keys (tenant_id, user_id, role_id, name, prefix, key_hash) VALUES ($1, $2, $3, 'k', 'k', sha256('x'))";
    assert_sqlstate(story.data.execute(sql, &[&t, &acme.owner.id, &system]), "23503");
}

fn copy(client: &mut Client, sql: &str, lines: &str) -> Result<u64, postgres::Error> {
    use std::io::Write;
    let mut writer = client.copy_in(sql)?;
    writer.write_all(lines.as_bytes()).unwrap();
    writer.finish()
}

#[test]
fn a_tenant_role_opens_no_platform() {
    let mut story = Story::new();
    let (stranger, support) = (story.stranger.id, story.support.id);
    let (tenant, system) =
        (role(&mut story.data, "tenant_owner"), role(&mut story.data, "platform_admin"));
    let columns = "assigned_user_id, role_id, assigned_by, reason";
    let mut refused = |sql: String| {
        let error = assert_sqlstate(story.data.batch_execute(&sql), "23514");
        assert_eq!(error.message(), ONLY_SYSTEM_ROLES, "{sql}");
    };
    let values = |role: Uuid| format!("VALUES ('{stranger}', '{role}', '{stranger}', 'why')");
    refused(format!("INSERT INTO saas.system_role_assignments ({columns}) {}", values(tenant)));
    refused(format!(
        "INSERT INTO saas.system_role_assignments ({columns}) {}",
        values(Uuid::new_v4())
    ));
    refused(format!(
        "UPDATE saas.system_role_assignments SET role_id = '{tenant}' WHERE assigned_user_id = '{support}'"
    ));
    refused(format!(
        "INSERT INTO saas.system_role_assignments ({columns})
         SELECT assigned_user_id, role_id, assigned_by, 'again' FROM saas.system_role_assignments WHERE assigned_user_id = '{support}'
         ON CONFLICT (assigned_user_id, role_id) WHERE revoked_at IS NULL DO UPDATE SET role_id = '{tenant}'"));
    refused(format!(
        "MERGE INTO saas.system_role_assignments a USING (SELECT '{support}'::uuid AS u) s ON a.assigned_user_id = s.u
         WHEN MATCHED THEN UPDATE SET role_id = '{tenant}'
         WHEN NOT MATCHED THEN INSERT ({columns}) VALUES (s.u, '{tenant}', s.u, 'why')"));
    let lines = format!("{stranger}\t{tenant}\t{stranger}\twhy\n");
    let copied = copy(
        &mut story.data,
        &format!("COPY saas.system_role_assignments ({columns}) FROM STDIN"),
        &lines,
    );
    assert_eq!(assert_sqlstate(copied, "23514").message(), ONLY_SYSTEM_ROLES);

    // One live assignment of a role; a new one after the old one is revoked.
    let insert = format!("INSERT INTO saas.system_role_assignments ({columns}) {}", values(system));
    story.data.batch_execute(&insert).unwrap();
    let twice = assert_sqlstate(story.data.batch_execute(&insert), "23505");
    assert_eq!(twice.constraint(), Some("uniq_active_system_role_assignment"));
    let revoke =
        "UPDATE saas.system_role_assignments SET revoked_at = now() WHERE assigned_user_id = $1";
    story.data.execute(revoke, &[&stranger]).unwrap();
    story.data.batch_execute(&insert).unwrap();
    let alive =
        "UPDATE saas.system_role_assignments SET revoked_at = NULL WHERE assigned_user_id = $1";
    assert_sqlstate(story.data.execute(alive, &[&stranger]), "23505");
    // A reason is not optional.
    for reason in ["NULL", "''", "'  '"] {
        let sql = format!(
            "INSERT INTO saas.system_role_assignments ({columns}) SELECT '{}', '{system}', '{stranger}', {reason}",
            story.both.id
        );
        let error = story.data.batch_execute(&sql).unwrap_err();
        assert!(["23502", "23514"].contains(&error.code().unwrap().code()));
    }
}

#[test]
fn a_role_in_use_does_not_change_its_world() {
    let mut story = Story::new();
    let flip = |data: &mut Client, key: &str, to: bool| {
        data.execute("UPDATE saas.roles SET is_system = $2 WHERE key = $1", &[&key, &to])
    };
    for (key, to) in [("tenant_member", true), ("tenant_owner", true), ("platform_admin", false)] {
        assert_sqlstate(flip(&mut story.data, key, to), "23503");
    }
    assert_sqlstate(
        story.data.batch_execute("UPDATE saas.roles SET is_system = NOT is_system"),
        "23503",
    );
    let result = story.data.batch_execute(
        "INSERT INTO saas.roles (key, is_system) VALUES ('tenant_guest', true) ON CONFLICT (key) DO UPDATE SET is_system = true");
    assert_sqlstate(result, "23503");
    assert_sqlstate(
        story.data.batch_execute("DELETE FROM saas.roles WHERE key = 'tenant_member'"),
        "23503",
    );
    assert_sqlstate(story.data.batch_execute("TRUNCATE saas.roles"), "0A000");
    // A revoked assignment still holds its role where it is: history stays true.
    story.data.batch_execute("UPDATE saas.system_role_assignments SET revoked_at = now()").unwrap();
    assert_sqlstate(flip(&mut story.data, "platform_admin", false), "23503");
    // One that nobody has may change.
    story
        .data
        .batch_execute("INSERT INTO saas.roles (key, is_system) VALUES ('free', false)")
        .unwrap();
    assert_eq!(flip(&mut story.data, "free", true).unwrap(), 1);
}

#[test]
fn a_tenants_own_role_stays_there() {
    let mut story = Story::new();
    let (acme, globex) = (story.acme.id, story.globex.id);
    let own: Uuid = one(
        &mut story.data,
        "INSERT INTO saas.roles (key, is_system, tenant_id) VALUES ('acme.editor', false, $1) RETURNING id",
        &[&acme],
    );
    let join = "INSERT INTO saas.tenant_members (tenant_id, user_id, role_id) VALUES ($1, $2, $3)";
    assert_sqlstate(story.data.execute(join, &[&globex, &story.stranger.id, &own]), "23514");
    story.data.execute(join, &[&acme, &story.stranger.id, &own]).unwrap();
    let result =
        story.data.execute("UPDATE saas.roles SET tenant_id = $1 WHERE id = $2", &[&globex, &own]);
    assert_sqlstate(result, "55000");
    let sql = "INSERT INTO saas.roles (key, is_system, tenant_id) VALUES ('acme.root', true, $1)";
    assert_sqlstate(story.data.execute(sql, &[&acme]), "23514");
}

/// Runs `second` in a session of its own, which is expected to wait for `first`'s transaction, and ends
/// that with COMMIT. What came of the second.
fn while_open(
    story: &Story,
    level: IsolationLevel,
    first: &str,
    second: &str,
) -> Result<(), postgres::Error> {
    let mut one_session = story.db.owner();
    let mut other = story.db.owner();
    let second = second.to_owned();
    let mut holding = one_session.build_transaction().isolation_level(level).start().unwrap();
    holding.batch_execute(first).unwrap();
    let (send, receive) = mpsc::channel();
    let pid: i32 = one(&mut other, "SELECT pg_backend_pid()", &[]);
    let waiting = thread::spawn(move || {
        let mut transaction = other.build_transaction().isolation_level(level).start().unwrap();
        // Its snapshot is from before the first one's commit.
        transaction.batch_execute("SELECT count(*) FROM saas.tenant_members").unwrap();
        send.send(()).unwrap();
        transaction.batch_execute(&second)?;
        transaction.commit()
    });
    receive.recv().unwrap();
    // Until it waits for a lock, or is through.
    let mut watch = story.db.superuser();
    for _ in 0..500 {
        let waits = "SELECT coalesce((SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $1), true)";
        if waiting.is_finished() || one::<bool>(&mut watch, waits, &[&pid]) {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    holding.commit().unwrap();
    waiting.join().unwrap()
}

#[test]
fn a_race_of_flip_and_grant_has_one_winner() {
    for level in [
        IsolationLevel::ReadCommitted,
        IsolationLevel::RepeatableRead,
        IsolationLevel::Serializable,
    ] {
        let mut story = Story::new();
        let (acme, stranger) = (story.acme.clone(), story.stranger.clone());
        story
            .data
            .batch_execute("INSERT INTO saas.roles (key, is_system) VALUES ('r1', false), ('r2', false), ('s1', true), ('s2', true)")
            .unwrap();
        let flip = |key: &str| {
            format!("UPDATE saas.roles SET is_system = NOT is_system WHERE key = '{key}'")
        };
        let member = |key: &str, user: &Person| {
            format!(
                "INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
                     SELECT '{}', '{}', id FROM saas.roles WHERE key = '{key}'",
                acme.id, user.id
            )
        };
        let assignment = |key: &str| {
            format!("INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
                     SELECT '{0}', id, '{0}', 'race' FROM saas.roles WHERE key = '{key}'", stranger.id)
        };
        let another = person(&mut story.data, "another");
        for (first, second) in [
            (member("r1", &stranger), flip("r1")),
            (flip("r2"), member("r2", &another)),
            (assignment("s1"), flip("s1")),
            (flip("s2"), assignment("s2")),
        ] {
            let error = while_open(&story, level, &first, &second).expect_err(&second);
            let code = error.code().unwrap().code().to_owned();
            assert!(["23503", "23514", "40001"].contains(&code.as_str()), "{second}: {error:?}");
        }
        let wrong: i64 = one(
            &mut story.data,
            "SELECT (SELECT count(*) FROM saas.tenant_members m JOIN saas.roles r ON r.id = m.role_id WHERE r.is_system)
                  + (SELECT count(*) FROM saas.system_role_assignments a JOIN saas.roles r ON r.id = a.role_id WHERE NOT r.is_system)",
            &[],
        );
        assert_eq!(wrong, 0);
    }
}

#[test]
fn the_last_owner_stays() {
    let mut story = Story::new();
    let (acme, owner) = (story.acme.clone(), story.acme.owner.id);
    let mut refused = |sql: String| {
        let refused = assert_sqlstate(story.data.batch_execute(&sql), "55000");
        assert!(refused.message().starts_with("The last owner"), "{refused:?}");
    };
    refused(format!("DELETE FROM saas.tenant_members WHERE user_id = '{owner}'"));
    refused(format!("DELETE FROM saas.tenant_members WHERE tenant_id = '{}'", acme.id));
    let demote = "role_id = (SELECT id FROM saas.roles WHERE key = 'tenant_admin')";
    refused(format!("UPDATE saas.tenant_members SET {demote} WHERE user_id = '{owner}'"));
    refused(format!("DELETE FROM saas.users WHERE id = '{owner}'"));
    refused(format!(
        "MERGE INTO saas.tenant_members m USING (SELECT '{owner}'::uuid AS u) s ON m.user_id = s.u WHEN MATCHED THEN DELETE"
    ));
    // It goes with the tenant itself, and the place may be handed on in one statement.
    story
        .data
        .batch_execute(&format!(
            "UPDATE saas.tenant_members m SET role_id = (SELECT id FROM saas.roles WHERE key = CASE m.user_id
               WHEN '{owner}' THEN 'tenant_admin' ELSE 'tenant_owner' END)
              WHERE m.user_id IN ('{owner}', '{}')", acme.admin.id))
        .unwrap();
    let gone = story.data.execute("DELETE FROM saas.tenants WHERE id = $1", &[&story.globex.id]);
    assert_eq!(gone.unwrap(), 1);
}

#[test]
fn two_last_owners_do_not_both_go() {
    for level in [
        IsolationLevel::ReadCommitted,
        IsolationLevel::RepeatableRead,
        IsolationLevel::Serializable,
    ] {
        let mut story = Story::new();
        let race = |story: &mut Story, tenant: &Tenant, first: &str, second: &str| {
            let (one_owner, other) = (tenant.owner.id, tenant.admin.id);
            story
                .data
                .execute(
                    "UPDATE saas.tenant_members SET role_id = (SELECT id FROM saas.roles WHERE key = 'tenant_owner')
                      WHERE user_id = $1",
                    &[&other],
                )
                .unwrap();
            let of = |sql: &str, user: Uuid| sql.replace("USER", &format!("'{user}'"));
            let error =
                while_open(story, level, &of(first, one_owner), &of(second, other)).unwrap_err();
            let code = error.code().unwrap().code().to_owned();
            assert!(
                code == "55000"
                    || (!matches!(level, IsolationLevel::ReadCommitted) && code == "40001"),
                "{error:?}"
            );
            let owners =
                "SELECT count(*) FROM saas.tenant_members m JOIN saas.roles r ON r.id = m.role_id
                           WHERE r.key = 'tenant_owner' AND m.tenant_id = $1";
            assert_eq!(one::<i64>(&mut story.data, owners, &[&tenant.id]), 1);
        };
        let leave = "DELETE FROM saas.tenant_members WHERE user_id = USER";
        let demote = "UPDATE saas.tenant_members SET role_id = (SELECT id FROM saas.roles WHERE key = 'tenant_guest')
                       WHERE user_id = USER";
        let (acme, globex) = (story.acme.clone(), story.globex.clone());
        race(&mut story, &acme, leave, demote);
        race(&mut story, &globex, demote, leave);
    }
}

/// A superuser with session_replication_role = replica turns off the triggers, foreign keys' included:
/// what PostgreSQL then still holds are columns' and rows' own constraints. `check_invariants` tells the rest.
#[test]
fn what_a_replica_session_may_break_is_found() {
    let mut story = Story::new();
    let (acme, stranger) = (story.acme.clone(), story.stranger.clone());
    let mut superuser = story.db.superuser();
    superuser.batch_execute("SET session_replication_role = replica").unwrap();
    let insert =
        "INSERT INTO saas.tenant_members (tenant_id, user_id, role_id) VALUES ($1, $2, $3)";
    let system = role(&mut story.data, "platform_admin");
    superuser.execute(insert, &[&acme.id, &stranger.id, &system]).unwrap();
    let mut app = story.db.kind("app");
    let found =
        "SELECT count(*) FROM saas.check_invariants() WHERE object LIKE '%' || $1::text || '%'
                    OR detail LIKE '%' || $1::text || '%'";
    let known: i64 = one(
        &mut story.data,
        "SELECT count(*) FROM saas.tenant_members m JOIN saas.roles r ON r.id = m.role_id WHERE r.is_system",
        &[],
    );
    assert_eq!(known, 1);
    let row: String = one(
        &mut story.data,
        "SELECT id::text FROM saas.tenant_members WHERE user_id = $1",
        &[&stranger.id],
    );
    let shown: i64 = one(&mut story.data, found, &[&row]);
    let shown_user: i64 = one(&mut story.data, found, &[&stranger.id.to_string()]);
    assert!(shown + shown_user > 0, "check_invariants does not show it");
    // Such a row gives tenant permissions of the role at most, and nothing on the platform.
    let mut request = asking(&mut app, &stranger, None);
    assert!(!one::<bool>(
        &mut request,
        "SELECT saas.has_system_permission('platform.tenant.read')",
        &[]
    ));
    // Uniqueness and NOT NULL hold in a replica session too.
    assert_sqlstate(superuser.execute(insert, &[&acme.id, &stranger.id, &system]), "23505");
}
