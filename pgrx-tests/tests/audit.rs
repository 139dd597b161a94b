//! The audit log as faults find it: `testing.md`, faults 1 to 10, over real connections.

use postgres::Client;
use saas_core_tests::story::{Story, asking, one};
use saas_core_tests::{TestDb, assert_sqlstate};
use std::io::Write;

const TENANT: &str = "00000000-0000-7000-8000-000000000001";

fn count(client: &mut Client, action: &str) -> i64 {
    one(client, "SELECT count(*) FROM saas.platform_audit_logs WHERE action = $1", &[&action])
}

fn healthy(client: &mut Client) {
    let found =
        client.query("SELECT invariant, object, detail FROM saas.check_invariants()", &[]).unwrap();
    let found: Vec<[String; 3]> =
        found.iter().map(|row| [row.get(0), row.get(1), row.get(2)]).collect();
    assert!(found.is_empty(), "{found:?}");
}

/// A tenant with a credit, by the data owner.
fn ledger(owner: &mut Client) {
    owner
        .batch_execute(&format!(
            "INSERT INTO saas.tenants (id, name) VALUES ('{TENANT}', 'Acme');
             SELECT saas.grant_credit('{TENANT}', 100, 'Welcome', 'promo');"
        ))
        .unwrap();
}

/// Fault 1: the data owner's own DML is recorded with his role; others can't write at all.
#[test]
fn nothing_is_written_unrecorded() {
    let db = TestDb::new();
    let mut owner = db.owner();
    let sql = format!("INSERT INTO saas.tenants (id, name) VALUES ('{TENANT}', 'Acme')");
    owner.batch_execute(&sql).unwrap();
    let role: String = one(
        &mut owner,
        "SELECT database_role FROM saas.platform_audit_logs WHERE action = 'tenants.insert'",
        &[],
    );
    assert_eq!(role, "saas_owner");
    for kind in ["app", "gateway", "worker", "auditor", "admin"] {
        let mut client = db.kind(kind);
        for sql in [
            "INSERT INTO saas.tenants (name) VALUES ('Mine')",
            "UPDATE saas.tenants SET name = 'Mine'",
            "DELETE FROM saas.tenants",
            "TRUNCATE saas.tenants CASCADE",
            "INSERT INTO saas.platform_audit_logs (actor_type, database_role, action, target_type) VALUES ('database_role', 'x', 'x', 'x')",
            "UPDATE saas.platform_audit_logs SET reason = 'x'",
            "DELETE FROM saas.platform_audit_logs",
            "TRUNCATE saas.platform_audit_logs",
            "ALTER TABLE saas.platform_audit_logs DISABLE TRIGGER ALL",
            "DROP TRIGGER trg_audit_insert ON saas.tenants",
            "SET session_replication_role = replica",
        ] {
            assert_sqlstate(client.batch_execute(sql), "42501");
        }
    }
    assert_eq!(count(&mut owner, "tenants.insert"), 1);
    healthy(&mut owner);
}

/// Fault 2.
#[test]
fn a_savepoint_takes_the_change_and_its_audit_row() {
    let db = TestDb::new();
    let mut owner = db.owner();
    owner
        .batch_execute(
            "BEGIN; INSERT INTO saas.tenants (name) VALUES ('One');
             SAVEPOINT s; INSERT INTO saas.tenants (name) VALUES ('Two'); UPDATE saas.tenants SET name = name || '.';
             ROLLBACK TO s; INSERT INTO saas.tenants (name) VALUES ('Three'); COMMIT;",
        )
        .unwrap();
    assert_eq!((count(&mut owner, "tenants.insert"), count(&mut owner, "tenants.update")), (2, 0));
    // A statement that fails after its rows were written leaves nothing either.
    let half = "INSERT INTO saas.tenants (name) SELECT CASE n WHEN 3 THEN '' ELSE 'Tenant ' || n END FROM generate_series(1, 3) n";
    assert_sqlstate(owner.batch_execute(half), "23514");
    assert_eq!(count(&mut owner, "tenants.insert"), 2);
    healthy(&mut owner);
}

/// Fault 3.
#[test]
fn immediate_constraints_refuse_no_legal_write() {
    let mut story = Story::new();
    let (acme, guest) = (story.acme.clone(), story.acme.guest.clone());
    story.data.batch_execute("BEGIN; SET CONSTRAINTS ALL IMMEDIATE").unwrap();
    story
        .data
        .execute("UPDATE saas.tenants SET name = 'Acme Inc.' WHERE id = $1", &[&acme.id])
        .unwrap();
    story.remove(&acme, &guest);
    let credit = "SELECT saas.grant_credit($1, 100, 'Welcome', 'promo')";
    story.data.execute(credit, &[&acme.id]).unwrap();
    story.data.batch_execute("COMMIT").unwrap();
    assert_eq!(count(&mut story.data, "tenant_credit_ledger.insert"), 1);
    healthy(&mut story.data);
}

/// Fault 4.
#[test]
fn a_prepared_transaction_keeps_both() {
    let db = TestDb::new();
    let mut owner = db.owner();
    let name = db.name().to_owned();
    owner
        .batch_execute(&format!("BEGIN; INSERT INTO saas.tenants (name) VALUES ('Kept'); PREPARE TRANSACTION '{name}_kept'"))
        .unwrap();
    owner
        .batch_execute(&format!("BEGIN; INSERT INTO saas.tenants (name) VALUES ('Dropped'); PREPARE TRANSACTION '{name}_dropped'"))
        .unwrap();
    assert_eq!(count(&mut owner, "tenants.insert"), 0);
    let mut another = db.owner();
    another.batch_execute(&format!("COMMIT PREPARED '{name}_kept'")).unwrap();
    another.batch_execute(&format!("ROLLBACK PREPARED '{name}_dropped'")).unwrap();
    assert_eq!(count(&mut owner, "tenants.insert"), 1);
    healthy(&mut owner);
}

/// Fault 5.
#[test]
fn copy_is_audited() {
    let db = TestDb::new();
    let mut owner = db.owner();
    let mut copy = owner.copy_in("COPY saas.tenants (name) FROM STDIN").unwrap();
    for n in 0..1000 {
        writeln!(copy, "Tenant {n}").unwrap();
    }
    assert_eq!(copy.finish().unwrap(), 1000);
    assert_eq!(count(&mut owner, "tenants.insert"), 1000);
    healthy(&mut owner);
}

/// Faults 6 to 9: by the owner of the tables, and by a superuser with the triggers of ordinary tables off.
#[test]
fn logs_and_ledger_are_append_only() {
    let db = TestDb::new();
    let mut owner = db.owner();
    ledger(&mut owner);
    let mut superuser = db.superuser();
    superuser.batch_execute("SET session_replication_role = replica").unwrap();
    let partition: String = one(
        &mut owner,
        "SELECT tableoid::regclass::text FROM saas.platform_audit_logs LIMIT 1",
        &[],
    );
    for client in [&mut owner, &mut superuser] {
        for sql in [
            "TRUNCATE saas.platform_audit_logs",
            &format!("TRUNCATE {partition}"),
            &format!("DELETE FROM {partition}"),
            &format!("UPDATE {partition} SET reason = 'x'"),
            "TRUNCATE saas.tenant_credit_ledger CASCADE",
            "TRUNCATE saas.tenants CASCADE",
            "DELETE FROM saas.platform_audit_logs",
            "UPDATE saas.platform_audit_logs SET reason = 'x'",
            "UPDATE saas.platform_audit_logs SET occurred_at = occurred_at + interval '1 month'",
            "UPDATE saas.tenant_credit_ledger SET delta = 1",
            "DELETE FROM saas.tenant_credit_ledger",
            "INSERT INTO saas.tenant_credit_ledger SELECT * FROM saas.tenant_credit_ledger
               ON CONFLICT (tenant_id, id) DO UPDATE SET delta = 5",
            "MERGE INTO saas.tenant_credit_ledger l USING (SELECT 1) one ON true WHEN MATCHED THEN UPDATE SET delta = 7",
        ] {
            let refused = client.batch_execute(sql);
            // With triggers on, the insert of a copy may fail before its conflict is met.
            let code = refused.expect_err(sql).code().map(|code| code.code().to_owned());
            assert!(matches!(code.as_deref(), Some("55000" | "428C9")), "{sql}: {code:?}");
        }
    }
    // A cascade can't reach them: the foreign key refuses, or the trigger.
    assert_sqlstate(owner.batch_execute("DELETE FROM saas.tenants"), "23503");
    assert_eq!(
        one::<i64>(&mut owner, "SELECT sum(delta)::bigint FROM saas.tenant_credit_ledger", &[]),
        100
    );
    healthy(&mut owner);
}

/// Fault 10.
#[test]
fn what_the_database_says_can_not_be_forged() {
    let db = TestDb::new();
    let mut owner = db.owner();
    let id: uuid::Uuid = one(
        &mut owner,
        "INSERT INTO saas.platform_audit_logs (id, xid, epoch, database_role, row_hash, actor_type, action, target_type)
         OVERRIDING SYSTEM VALUE
         VALUES ('00000000-0000-0000-0000-000000000000', '3', 'x', 'nobody', sha256('x'), 'database_role', 'x', 'x') RETURNING id",
        &[],
    );
    assert_eq!(id.get_version_num(), 7);
    let role: String = one(&mut owner, "SELECT database_role FROM saas.platform_audit_logs", &[]);
    assert_eq!(role, "saas_owner");
    for time in ["now() - interval '1 second'", "now() + interval '1 month'", "'infinity'", "NULL"]
    {
        let sql = format!(
            "INSERT INTO saas.platform_audit_logs (occurred_at, actor_type, database_role, action, target_type)
             VALUES ({time}, 'database_role', 'x', 'x', 'x')"
        );
        assert_sqlstate(owner.batch_execute(&sql), "22023");
    }
}

/// A person's change carries the person and the session.
#[test]
fn a_request_leaves_its_person_in_the_log() {
    let mut story = Story::new();
    let mut app = story.db.kind("app");
    let mut request = asking(&mut app, &story.stranger, None);
    let founded: uuid::Uuid = one(&mut request, "SELECT saas.create_tenant('Initech')", &[]);
    request.commit().unwrap();
    let sql = "SELECT actor_type, actor_id, database_role, session_id, request_id IS NOT NULL, tenant_id
                 FROM saas.platform_audit_logs WHERE action = 'tenants.insert' ORDER BY id DESC LIMIT 1";
    let row = story.data.query_one(sql, &[]).unwrap();
    assert_eq!(row.get::<_, String>(0), "user");
    assert_eq!(row.get::<_, uuid::Uuid>(1), story.stranger.id);
    assert_eq!(row.get::<_, String>(2), "saas_app");
    let session = "SELECT id FROM saas.sessions WHERE user_id = $1";
    let session: uuid::Uuid = one(&mut story.data, session, &[&story.stranger.id]);
    assert_eq!(row.get::<_, uuid::Uuid>(3), session);
    assert!(row.get::<_, bool>(4));
    assert_eq!(row.get::<_, uuid::Uuid>(5), founded);
    // The next transaction of a connection carries nothing of it.
    let mut gateway = story.db.kind("gateway");
    let mut request = asking(&mut gateway, &story.stranger, None);
    one::<uuid::Uuid>(&mut request, "SELECT saas.create_user('by@example.com')", &[]);
    request.commit().unwrap();
    one::<uuid::Uuid>(&mut gateway, "SELECT saas.create_user('nobody@example.com')", &[]);
    let sql = "SELECT actor_type FROM saas.platform_audit_logs WHERE action = 'users.insert' ORDER BY id DESC LIMIT 2";
    let actors: Vec<String> =
        story.data.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(actors, ["database_role", "user"]);
    healthy(&mut story.data);
}

/// A connection that has written before notices another session's change of the table.
#[test]
fn a_changed_table_is_logged_as_it_is_now() {
    let db = TestDb::new();
    let (mut writer, mut other) = (db.owner(), db.owner());
    let newest = "SELECT new_values::text FROM saas.platform_audit_logs ORDER BY id DESC LIMIT 1";
    writer.batch_execute("INSERT INTO saas.tenants (name) VALUES ('One')").unwrap();
    other
        .batch_execute(
            "ALTER TABLE saas.tenants ADD slug text DEFAULT 'new', DROP suspended_at CASCADE",
        )
        .unwrap();
    writer.batch_execute("INSERT INTO saas.tenants (name) VALUES ('Two')").unwrap();
    let logged: String = one(&mut writer, newest, &[]);
    assert!(logged.contains("\"slug\": \"new\"") && !logged.contains("suspended_at"), "{logged}");
    other.batch_execute("ALTER TABLE saas.tenants RENAME slug TO short_name").unwrap();
    writer.batch_execute("UPDATE saas.tenants SET short_name = 'x' WHERE name = 'Two'").unwrap();
    assert_eq!(one::<String>(&mut writer, newest, &[]), "{\"short_name\": \"x\"}");
}

/// What erasure will remove is masked from the moment on at which the registry says so, also in sessions that wrote before; and
/// a rollback takes that back.
#[test]
fn what_is_masked_follows_the_registry_at_once() {
    let db = TestDb::new();
    let (mut writer, mut other) = (db.owner(), db.owner());
    let mut logged = |name: &str| -> String {
        let sql = format!("INSERT INTO saas.tenants (name) VALUES ('{name}')");
        writer.batch_execute(&sql).unwrap();
        let newest =
            "SELECT new_values ->> 'name' FROM saas.platform_audit_logs ORDER BY id DESC LIMIT 1";
        one(&mut writer, newest, &[])
    };
    let register = "INSERT INTO saas.personal_data_registry (table_name, column_name, category, purpose, legal_basis, on_erasure)
                    VALUES ('tenants', 'name', 'contact', 'billing', 'contract', 'anonymize')";
    let masked = "***";
    assert_eq!(logged("One"), "One");
    other.batch_execute(register).unwrap();
    assert_eq!(logged("Two"), masked);
    other.batch_execute("UPDATE saas.personal_data_registry SET on_erasure = 'keep', duty = 'tax' WHERE table_name = 'tenants' AND column_name = 'name'").unwrap();
    assert_eq!(logged("Three"), "Three");
    other.batch_execute("TRUNCATE saas.personal_data_registry").unwrap();
    assert_eq!(logged("Four"), "Four");
    // In one transaction, and undone.
    writer
        .batch_execute(&format!(
            "BEGIN; {register}; INSERT INTO saas.tenants (name) VALUES ('Five')"
        ))
        .unwrap();
    let newest = "SELECT new_values ->> 'name' FROM saas.platform_audit_logs WHERE action = 'tenants.insert' ORDER BY id DESC LIMIT 1";
    assert_eq!(one::<String>(&mut writer, newest, &[]), masked);
    writer.batch_execute("ROLLBACK; INSERT INTO saas.tenants (name) VALUES ('Six')").unwrap();
    assert_eq!(one::<String>(&mut writer, newest, &[]), "Six");
}

/// While the log can't be written nothing is.
#[test]
fn without_a_log_there_is_no_change() {
    let db = TestDb::new();
    let mut owner = db.owner();
    owner.batch_execute("ALTER TABLE saas.platform_audit_logs ADD CONSTRAINT full_disk CHECK (action <> 'tenants.insert')").unwrap();
    assert_sqlstate(owner.batch_execute("INSERT INTO saas.tenants (name) VALUES ('One')"), "23514");
    assert_eq!(one::<i64>(&mut owner, "SELECT count(*) FROM saas.tenants", &[]), 0);
    owner.batch_execute("ALTER TABLE saas.platform_audit_logs DROP CONSTRAINT full_disk").unwrap();
    owner
        .batch_execute("ALTER TABLE saas.platform_audit_logs DISABLE TRIGGER trg_stamp_audit_log")
        .unwrap();
    assert_sqlstate(owner.batch_execute("INSERT INTO saas.tenants (name) VALUES ('One')"), "23502");
}
