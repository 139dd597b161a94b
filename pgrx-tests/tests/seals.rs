//! Seals over real connections: who commits late, who seals at the same time, who lies in the way.

use postgres::Client;
use saas_core_tests::story::{Story, asking, one};
use saas_core_tests::{TestDb, assert_sqlstate};
use std::thread;
use std::time::Duration;

const SEAL: &str = "SELECT saas.seal_audit_log()";

/// Waits until nothing that runs on the server holds back a seal of what is committed here.
fn settle(client: &mut Client) {
    let running = "SELECT coalesce((SELECT max(xid) FROM saas.platform_audit_logs) >= pg_snapshot_xmin(pg_current_snapshot()), false)";
    for _ in 0..1000 {
        if !one::<bool>(client, running, &[]) {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("something runs on");
}

fn until_somebody_waits(client: &mut Client) {
    let waits = "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                                 WHERE NOT l.granted AND a.datname = current_database())";
    for _ in 0..500 {
        if one::<bool>(client, waits, &[]) {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("nobody waits");
}

fn problems(client: &mut Client) -> Vec<(Option<i64>, String)> {
    let rows = client.query("SELECT seal, problem FROM saas.verify_audit_log()", &[]).unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn unsealed(client: &mut Client) -> i64 {
    one(
        client,
        "SELECT count(*) FROM saas.platform_audit_logs l
          WHERE NOT EXISTS (SELECT FROM saas.audit_seal_rows s WHERE s.log_id = l.id)",
        &[],
    )
}

fn user(client: &mut impl postgres::GenericClient, name: &str) {
    client.execute("SELECT saas.create_user($1 || '@example.com')", &[&name]).unwrap();
}

/// A transaction that writes before a seal and commits after it is in the next one.
#[test]
fn who_commits_late_is_in_a_later_seal() {
    let db = TestDb::new();
    let (mut owner, mut late) = (db.owner(), db.owner());
    let mut worker = db.kind("worker");
    user(&mut owner, "early");
    settle(&mut owner);
    let mut open = late.transaction().unwrap();
    user(&mut open, "late");
    // Committed, but after one that is still running has begun.
    user(&mut owner, "between");
    assert_eq!(one::<Option<i64>>(&mut worker, SEAL, &[]), Some(1));
    assert_eq!(unsealed(&mut owner), 1);
    assert_eq!(one::<Option<i64>>(&mut worker, SEAL, &[]), None);
    open.commit().unwrap();
    assert_eq!(unsealed(&mut owner), 2);
    assert_eq!(problems(&mut owner), []);
    settle(&mut owner);
    assert_eq!(one::<Option<i64>>(&mut worker, SEAL, &[]), Some(2));
    assert_eq!(unsealed(&mut owner), 0);
    assert_eq!(problems(&mut owner), []);
}

/// So is one that was prepared for two-phase commit, and one that committed in a savepoint.
#[test]
fn a_prepared_transaction_is_waited_for() {
    let db = TestDb::new();
    let mut owner = db.owner();
    let name = db.name().to_owned();
    settle(&mut owner);
    owner
        .batch_execute(&format!(
            "BEGIN; SAVEPOINT s; SELECT saas.create_user('prepared@example.com'); RELEASE s; PREPARE TRANSACTION '{name}'"
        ))
        .unwrap();
    user(&mut owner, "between");
    assert_eq!(one::<Option<i64>>(&mut owner, SEAL, &[]), None);
    owner.batch_execute(&format!("COMMIT PREPARED '{name}'")).unwrap();
    settle(&mut owner);
    assert_eq!(one::<Option<i64>>(&mut owner, SEAL, &[]), Some(1));
    assert_eq!(unsealed(&mut owner), 0);
    assert_eq!(problems(&mut owner), []);
}

#[test]
fn two_sealers_follow_each_other() {
    let db = TestDb::new();
    let (mut owner, mut first) = (db.owner(), db.owner());
    let mut second = db.kind("worker");
    user(&mut owner, "one");
    settle(&mut owner);
    let mut sealing = first.transaction().unwrap();
    assert_eq!(one::<Option<i64>>(&mut sealing, SEAL, &[]), Some(1));
    let other = thread::spawn(move || one::<Option<i64>>(&mut second, SEAL, &[]));
    until_somebody_waits(&mut owner);
    // Readers and writers go on meanwhile.
    user(&mut owner, "two");
    assert_eq!(problems(&mut owner), []);
    sealing.commit().unwrap();
    // What the second seals, the first has not.
    let second = other.join().unwrap();
    assert!(second.is_none_or(|seal| seal == 2), "{second:?}");
    settle(&mut owner);
    one::<Option<i64>>(&mut owner, SEAL, &[]);
    assert_eq!(unsealed(&mut owner), 0);
    assert_eq!(problems(&mut owner), []);

    let sealers: Vec<_> = (0..4)
        .map(|_| {
            let mut sealer = db.owner();
            thread::spawn(move || {
                for n in 0..10 {
                    user(&mut sealer, &format!("{:?}.{n}", thread::current().id()));
                    one::<Option<i64>>(&mut sealer, SEAL, &[]);
                }
            })
        })
        .collect();
    sealers.into_iter().for_each(|sealer| sealer.join().unwrap());
    settle(&mut owner);
    one::<Option<i64>>(&mut owner, SEAL, &[]);
    assert_eq!(unsealed(&mut owner), 0);
    assert_eq!(problems(&mut owner), []);
    let gapless = "SELECT count(*) = max(seal) AND sum(row_count) = (SELECT count(*) FROM saas.platform_audit_logs) FROM saas.audit_seals";
    assert!(one::<bool>(&mut owner, gapless, &[]));
}

#[test]
fn a_rolled_back_seal_leaves_no_gap() {
    let db = TestDb::new();
    let mut owner = db.owner();
    user(&mut owner, "one");
    settle(&mut owner);
    let mut sealing = owner.transaction().unwrap();
    assert_eq!(one::<Option<i64>>(&mut sealing, SEAL, &[]), Some(1));
    drop(sealing);
    assert_eq!(one::<Option<i64>>(&mut owner, SEAL, &[]), Some(1));
    assert_eq!(problems(&mut owner), []);
}

/// A superuser without triggers changes, deletes and inserts: all three are told, with their seals.
#[test]
fn tampering_is_found() {
    let mut story = Story::new();
    settle(&mut story.data);
    assert_eq!(one::<Option<i64>>(&mut story.data, SEAL, &[]), Some(1));
    let mut superuser = story.db.superuser();
    let partition: String = one(
        &mut superuser,
        "SELECT tableoid::regclass::text FROM saas.platform_audit_logs LIMIT 1",
        &[],
    );
    superuser.batch_execute(&format!("ALTER TABLE {partition} DISABLE TRIGGER ALL")).unwrap();
    let ids: Vec<uuid::Uuid> = superuser
        .query("SELECT id FROM saas.platform_audit_logs ORDER BY id", &[])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    let change = format!("UPDATE {partition} SET actor_type = 'user', actor_id = $1 WHERE id = $2");
    superuser.execute(&change, &[&story.stranger.id, &ids[3]]).unwrap();
    superuser.execute(&format!("DELETE FROM {partition} WHERE id = $1"), &[&ids[5]]).unwrap();
    // The whole row again, under another id and with another time.
    for column in ["id = saas.uuid_v7()", "occurred_at = occurred_at + interval '1 us'"] {
        superuser
            .batch_execute(&format!(
                "CREATE TEMP TABLE copy AS SELECT * FROM {partition} WHERE id = '{}';
                 UPDATE copy SET {column}; INSERT INTO {partition} SELECT * FROM copy; DROP TABLE copy",
                ids[7]
            ))
            .unwrap();
    }
    let found = problems(&mut story.data);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found.contains(&(Some(1), format!("audit row {} was changed", ids[3]))), "{found:?}");
    assert!(found.contains(&(Some(1), format!("audit row {} is gone", ids[5]))), "{found:?}");
    // Its hash is another row's, too.
    let inserted = found.iter().filter(|(_, text)| text.contains("is not what its hash says"));
    assert_eq!(inserted.count(), 2, "{found:?}");
}

/// Only so many problems are told one by one.
#[test]
fn a_month_that_is_gone_is_told_of_in_bounds() {
    let db = TestDb::new();
    let mut owner = db.owner();
    owner
        .batch_execute("INSERT INTO saas.users (email) SELECT n || '@example.com' FROM generate_series(1, 12000) n")
        .unwrap();
    settle(&mut owner);
    assert_eq!(one::<Option<i64>>(&mut owner, SEAL, &[]), Some(1));
    assert_eq!(problems(&mut owner), []);
    let mut superuser = db.superuser();
    let partition: String = one(
        &mut superuser,
        "SELECT tableoid::regclass::text FROM saas.platform_audit_logs LIMIT 1",
        &[],
    );
    superuser
        .batch_execute(&format!(
            "ALTER TABLE {partition} DISABLE TRIGGER ALL; DELETE FROM {partition}"
        ))
        .unwrap();
    let found = problems(&mut owner);
    assert_eq!(found.len(), 10_001);
    assert!(found.last().unwrap().1.starts_with("there are more"));
}

#[test]
fn who_may_seal_and_verify() {
    let mut story = Story::new();
    let verify = "SELECT count(*) FROM saas.verify_audit_log()";
    for (kind, seals) in
        [("app", false), ("gateway", false), ("worker", true), ("auditor", false), ("admin", false)]
    {
        let mut client = story.db.kind(kind);
        match seals {
            true => assert!(client.query(SEAL, &[]).is_ok(), "{kind}"),
            false => drop(assert_sqlstate(client.query(SEAL, &[]), "42501")),
        }
        match kind {
            "auditor" => assert_eq!(one::<i64>(&mut client, verify, &[]), 0),
            _ => drop(assert_sqlstate(client.query(verify, &[]), "42501")),
        }
    }
    let mut admin = story.db.kind("admin");
    let mut request = asking(&mut admin, &story.support, None);
    assert_eq!(one::<i64>(&mut request, verify, &[]), 0);
    drop(request);
    let mut request = asking(&mut admin, &story.acme.owner, None);
    assert_sqlstate(request.query(verify, &[]), "42501");
    drop(request);
    // Nobody writes seals by hand.
    for table in ["audit_seals", "audit_seal_rows", "audit_retirements"] {
        for kind in ["worker", "admin", "auditor"] {
            let mut client = story.db.kind(kind);
            assert_sqlstate(client.batch_execute(&format!("DELETE FROM saas.{table}")), "42501");
        }
        assert_sqlstate(
            story.data.batch_execute(&format!("TRUNCATE saas.{table} CASCADE")),
            "55000",
        );
    }
}
