//! Verifications: one use, in time, a number of guesses, and the same answer and work for what is wrong and what is nobody's.

use postgres::Client;
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::{Story, one};
use std::sync::Barrier;
use uuid::Uuid;

const CREATE: &str = "SELECT saas.create_verification($1, $2, $3)";
const CODE: &str = "SELECT saas.create_verification($1, $2, $3, as_code => true)";
const USE: &str = "SELECT verified, user_id FROM saas.use_verification($1, $2, $3)";

fn used(
    client: &mut Client,
    purpose: &str,
    secret: &str,
    whose: Option<&str>,
) -> (bool, Option<Uuid>) {
    let row = client.query_one(USE, &[&purpose, &secret, &whose]).unwrap();
    (row.get(0), row.get(1))
}

/// Another code of eight digits.
fn wrong(code: &str) -> String {
    let digit = if code.ends_with('0') { "1" } else { "0" };
    format!("{}{digit}", &code[..7])
}

#[test]
fn a_link_works_once_and_for_its_purpose() {
    let mut story = Story::new();
    let owner = story.acme.owner.id;
    let mut gateway = story.db.kind("gateway");
    let link: String =
        one(&mut gateway, CREATE, &[&"magic_link", &"Acme.Owner@example.com", &owner]);
    assert!(link.starts_with("saas_verify_") && link.len() == 12 + 64);
    let stored: String = one(&mut story.data, "SELECT (v)::text FROM saas.verifications v", &[]);
    assert!(!stored.contains(&link[12..]));
    let nobody = (false, None);
    assert_eq!(used(&mut gateway, "password_reset", &link, None), nobody);
    assert_eq!(used(&mut gateway, "magic_link", &link, Some("other@example.com")), nobody);
    assert_eq!(used(&mut gateway, "magic_link", &format!("{link}0"), None), nobody);
    assert_eq!(used(&mut gateway, "magic_link", &link.to_uppercase(), Some("x")), nobody);
    // Whatever was guessed, the link is good; then it is not.
    assert_eq!(
        used(&mut gateway, "magic_link", &link, Some("ACME.OWNER@example.com")),
        (true, Some(owner))
    );
    assert_eq!(used(&mut gateway, "magic_link", &link, None), nobody);
    // A second one takes the place of the first; one for another purpose does not.
    let first: String =
        one(&mut gateway, CREATE, &[&"magic_link", &"a@example.com", &None::<Uuid>]);
    let reset: String =
        one(&mut gateway, CREATE, &[&"password_reset", &"a@example.com", &None::<Uuid>]);
    let second: String =
        one(&mut gateway, CREATE, &[&"magic_link", &"A@example.com", &None::<Uuid>]);
    assert_eq!(used(&mut gateway, "magic_link", &first, None), nobody);
    assert_eq!(used(&mut gateway, "magic_link", &second, None), (true, None));
    assert_eq!(used(&mut gateway, "password_reset", &reset, None), (true, None));
    // Too late.
    let late: String = one(&mut gateway, CREATE, &[&"magic_link", &"b@example.com", &owner]);
    let past = "UPDATE saas.verifications SET created_at = now() - interval '1 hour', expires_at = now() - interval '1 s' WHERE used_at IS NULL";
    story.data.execute(past, &[]).unwrap();
    assert_eq!(used(&mut gateway, "magic_link", &late, None), nobody);
}

#[test]
fn a_code_has_so_many_guesses() {
    let mut story = Story::new();
    let owner = story.acme.owner.id;
    let mut gateway = story.db.kind("gateway");
    let me = Some("acme.owner@example.com");
    let code: String = one(&mut gateway, CODE, &[&"mfa", &me, &owner]);
    assert!(code.len() == 8 && code.bytes().all(|digit| digit.is_ascii_digit()));
    // A code is its identifier's.
    assert_sqlstate(gateway.query_one(USE, &[&"mfa", &code, &None::<String>]), "22023");
    assert_eq!(used(&mut gateway, "mfa", &code, Some("other@example.com")), (false, None));
    for _ in 0..4 {
        assert_eq!(used(&mut gateway, "mfa", &wrong(&code), me), (false, None));
    }
    assert_eq!(used(&mut gateway, "mfa", &code, me), (true, Some(owner)));
    assert_eq!(used(&mut gateway, "mfa", &code, me), (false, None));
    let code: String = one(&mut gateway, CODE, &[&"mfa", &me, &owner]);
    for _ in 0..5 {
        assert_eq!(used(&mut gateway, "mfa", &wrong(&code), me), (false, None));
    }
    assert_eq!(used(&mut gateway, "mfa", &code, me), (false, None));
    // More codes are more guesses: so there is an end of those too.
    let mut made = 2;
    let refused = loop {
        match gateway.query_one(CODE, &[&"mfa", &me, &owner]) {
            Ok(_) => made += 1,
            Err(error) => break Err::<(), _>(error),
        }
    };
    assert_sqlstate(refused, "53400");
    assert_eq!(made, 10);
    one::<String>(&mut gateway, CODE, &[&"mfa", &"another", &None::<Uuid>]);
    // Guesses are refusals, in the log and for whoever counts them.
    drop(gateway);
    let mut denials = 0i64;
    for _ in 0..50 {
        let sql = "SELECT coalesce(sum((new_values ->> 'count')::bigint), 0)::bigint FROM saas.platform_audit_logs WHERE target_id = 'use_verification'";
        denials = one(&mut story.data, sql, &[]);
        if denials > 0 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(denials > 0);
}

/// Sixteen guesses at the same moment are not more than five.
#[test]
fn guesses_at_once_are_counted() {
    let mut story = Story::new();
    let owner = story.acme.owner.id;
    let mut gateway = story.db.kind("gateway");
    let code: String = one(&mut gateway, CODE, &[&"mfa", &"me", &owner]);
    let barrier = Barrier::new(16);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            let mut client = story.db.connect("saas_gateway");
            let (guess, barrier) = (wrong(&code), &barrier);
            scope.spawn(move || {
                barrier.wait();
                assert_eq!(used(&mut client, "mfa", &guess, Some("me")), (false, None));
            });
        }
    });
    let attempts = "SELECT attempts FROM saas.verifications";
    assert_eq!(one::<i32>(&mut story.data, attempts, &[]), 5);
    assert_eq!(used(&mut gateway, "mfa", &code, Some("me")), (false, None));
}

#[test]
fn a_link_is_used_once_by_many() {
    let story = Story::new();
    let mut gateway = story.db.kind("gateway");
    let link: String =
        one(&mut gateway, CREATE, &[&"email_verification", &"a@example.com", &None::<Uuid>]);
    let barrier = Barrier::new(4);
    let verified = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..4)
            .map(|_| {
                let mut client = story.db.connect("saas_gateway");
                let (barrier, link) = (&barrier, &link);
                scope.spawn(move || {
                    barrier.wait();
                    used(&mut client, "email_verification", link, None).0
                })
            })
            .collect();
        tries.into_iter().map(|one| one.join().unwrap()).filter(|verified| *verified).count()
    });
    assert_eq!(verified, 1);
}

/// What an observer can measure is the commit: it has something to flush for both. PostgreSQL tells of one backend's WAL since 18.
#[test]
fn an_unknown_identifier_costs_a_commit_as_a_wrong_code_does() {
    let story = Story::new();
    let owner = story.acme.owner.id;
    let mut gateway = story.db.kind("gateway");
    let code: String = one(&mut gateway, CODE, &[&"mfa", &"known", &owner]);
    let version: i32 = one(&mut gateway, "SELECT current_setting('server_version_num')::int", &[]);
    let records = |client: &mut Client| -> i64 {
        client.batch_execute("SELECT pg_stat_force_next_flush(); SELECT 1").unwrap();
        one(client, "SELECT wal_records FROM pg_stat_get_backend_wal(pg_backend_pid())", &[])
    };
    // The first of each loads what it needs.
    for whose in ["known", "unknown", "known", "unknown"] {
        let before = if version >= 180_000 { records(&mut gateway) } else { 0 };
        let mut guess = gateway.transaction().unwrap();
        let row = guess.query_one(USE, &[&"mfa", &wrong(&code), &whose]).unwrap();
        assert!(!row.get::<_, bool>(0));
        let writes: bool =
            one(&mut guess, "SELECT pg_current_xact_id_if_assigned() IS NOT NULL", &[]);
        assert!(writes, "{whose}");
        guess.commit().unwrap();
        if version >= 180_000 {
            // One beside the commit's own.
            let written = records(&mut gateway) - before;
            assert!(written >= 2, "{whose}: {written}");
        }
    }
}

#[test]
fn a_reset_logs_everybody_out() {
    let story = Story::new();
    let owner = story.acme.owner.clone();
    let mut gateway = story.db.kind("gateway");
    for (purpose, ends) in [("email_verification", false), ("password_reset", true)] {
        let link: String =
            one(&mut gateway, CREATE, &[&purpose, &"acme.owner@example.com", &owner.id]);
        assert_eq!(used(&mut gateway, purpose, &link, None), (true, Some(owner.id)));
        let begun = gateway.execute("SELECT saas.begin_request($1)", &[&owner.token]);
        match ends {
            true => drop(assert_sqlstate(begun, "28000")),
            false => drop(begun.unwrap()),
        }
    }
    gateway.execute("SELECT saas.begin_request($1)", &[&story.acme.admin.token]).unwrap();
}

#[test]
fn they_are_a_gateways() {
    let mut story = Story::new();
    let owner = story.acme.owner.id;
    for kind in ["app", "admin", "worker", "auditor"] {
        let mut client = story.db.kind(kind);
        assert_sqlstate(
            client.query(CREATE, &[&"mfa", &"x", &owner]).map(|rows| rows.len()),
            "42501",
        );
        assert_sqlstate(client.query(USE, &[&"mfa", &"x", &"x"]).map(|rows| rows.len()), "42501");
    }
    let mut gateway = story.db.kind("gateway");
    let gone = "UPDATE saas.users SET deleted_at = now() WHERE id = $1";
    story.data.execute(gone, &[&story.stranger.id]).unwrap();
    for (arguments, sqlstate) in [
        ("'login', 'x'", "22023"),
        ("NULL, 'x'", "23502"),
        ("'mfa', NULL", "23502"),
        ("'mfa', ''", "23514"),
        ("'mfa', 'x', expires_in => NULL", "23502"),
        ("'mfa', 'x', expires_in => '0'", "23514"),
        ("'mfa', 'x', expires_in => '-1 day'", "23514"),
        ("'mfa', 'x', as_code => NULL", "23502"),
        ("'mfa', 'x', max_attempts => NULL", "23502"),
        ("'mfa', 'x', max_attempts => 0", "23514"),
        ("'mfa', 'x', gen_random_uuid()", "23503"),
        (&*format!("'mfa', 'x', '{}'", story.stranger.id), "23503"),
    ] {
        let sql = format!("SELECT saas.create_verification({arguments})");
        assert_sqlstate(gateway.batch_execute(&sql), sqlstate);
    }
    for (arguments, sqlstate) in
        [("NULL, 'x', 'x'", "23502"), ("'mfa', NULL, 'x'", "23502"), ("'login', 'x', 'x'", "22023")]
    {
        let sql = format!("SELECT * FROM saas.use_verification({arguments})");
        assert_sqlstate(gateway.batch_execute(&sql), sqlstate);
    }
    // What is no code at all is a wrong one.
    for garbage in ["", "saas_verify_", "'; --", &"9".repeat(100_000)] {
        assert_eq!(used(&mut gateway, "mfa", garbage, Some("x")), (false, None));
    }
}
