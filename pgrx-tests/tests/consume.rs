//! Limits hold when many consume at once, whatever else happens to the counters meanwhile.

mod books;

use books::Books;
use postgres::{Client, IsolationLevel};
use saas_core_tests::assert_sqlstate;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use uuid::Uuid;

const SESSIONS: usize = 16;

impl Books {
    /// A plan with `limited` (100 units), `dear` (0, then 7 each) and `cheap` (10, then 1 each), and a tenant on it.
    fn limited(&mut self) -> Uuid {
        self.db.grant("saas_gateway", "gateway");
        self.plan("limited", "base_price", "0");
        self.feature("limited", "limited", 100, None);
        self.feature("limited", "dear", 0, Some("7"));
        self.feature("limited", "cheap", 10, Some("1"));
        self.subscribed("limited", "2026-01-01Z")
    }

    fn used_of(&mut self, tenant: Uuid, feature: &str) -> i64 {
        self.one("SELECT used FROM saas.entitlement($1, $2)", &[&tenant, &feature])
    }

    fn gateway(&self) -> Client {
        self.db.connect("saas_gateway")
    }

    fn gateways(&self) -> Vec<Client> {
        (0..SESSIONS).map(|_| self.gateway()).collect()
    }
}

const CONSUME: &str = "SELECT saas.consume($1, $2, $3, $4)";

fn consume(
    client: &mut impl postgres::GenericClient,
    tenant: Uuid,
    feature: &str,
    units: i64,
    id: Option<&str>,
) -> Result<bool, postgres::Error> {
    Ok(client.query_one(CONSUME, &[&tenant, &feature, &units, &id])?.get(0))
}

/// Whether it went through; anything but 53400 is a fault.
fn allowed(result: Result<bool, postgres::Error>) -> bool {
    match result {
        Ok(recorded) => recorded,
        Err(error) => {
            assert_eq!(error.code().map(|code| code.code()), Some("53400"), "{error:?}");
            false
        }
    }
}

/// Every session consumes until it is refused; how many units went through.
fn race(sessions: Vec<Client>, one: impl Fn(&mut Client, usize) -> bool + Sync) -> i64 {
    let barrier = Barrier::new(sessions.len());
    let (barrier, one) = (&barrier, &one);
    thread::scope(|scope| {
        let racers: Vec<_> = sessions
            .into_iter()
            .enumerate()
            .map(|(session, mut client)| {
                scope.spawn(move || {
                    barrier.wait();
                    let mut through = 0;
                    while one(&mut client, session) {
                        through += 1;
                    }
                    through
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).sum()
    })
}

fn until_so_many_wait(data: &mut Client, count: i64) {
    let sql = "SELECT count(DISTINCT pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.datname = current_database()";
    for _ in 0..2000 {
        if saas_core_tests::story::one::<i64>(data, sql, &[]) >= count {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("nobody waits");
}

#[test]
fn many_racing_for_the_last_units_get_exactly_those() {
    let mut books = Books::new();
    let acme = books.limited();
    // Counters are folded, and read, in the middle of it.
    let done = AtomicBool::new(false);
    let mut folder = books.db.connect("saas_worker");
    let sessions = books.gateways();
    let through = thread::scope(|scope| {
        let folding = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                folder.query("SELECT saas.roll_up_usage(current_date)", &[]).unwrap();
            }
        });
        let through =
            race(sessions, |client, _| allowed(consume(client, acme, "limited", 1, None)));
        done.store(true, Ordering::Relaxed);
        folding.join().unwrap();
        through
    });
    assert_eq!((through, books.used_of(acme, "limited")), (100, 100));
    books.balanced();
}

#[test]
fn units_that_do_not_fit_leave_room_for_those_that_do() {
    let mut books = Books::new();
    let acme = books.limited();
    let through = race(books.gateways(), |client, session| {
        let units = if session % 2 == 0 { 30 } else { 7 };
        allowed(consume(client, acme, "limited", units, None))
    });
    assert!(through > 0);
    let used = books.used_of(acme, "limited");
    // Whoever takes 7 stopped when 7 more did not fit.
    assert!((94..=100).contains(&used), "{used}");
    books.balanced();
}

#[test]
fn a_spend_cap_holds_over_all_features_together() {
    let mut books = Books::new();
    let acme = books.limited();
    books.run(&format!("SELECT saas.set_spend_cap('{acme}', 100)"));
    race(books.gateways(), |client, session| {
        let feature = if session % 2 == 0 { "dear" } else { "cheap" };
        allowed(consume(client, acme, feature, 1, None))
    });
    let cost = 7 * books.used_of(acme, "dear") + (books.used_of(acme, "cheap") - 10).max(0);
    // Whoever takes what costs 1 stopped at exactly the cap.
    assert_eq!(cost, 100);
    books.balanced();
}

/// What decides is not the snapshot that a session began with.
#[test]
fn no_isolation_level_lets_two_pass() {
    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        let mut books = Books::new();
        let acme = books.limited();
        for (feature, cap) in [("limited", None), ("dear", Some(700i64))] {
            books.data.execute("SELECT saas.set_spend_cap($1, $2)", &[&acme, &cap]).unwrap();
            assert!(consume(&mut books.worker, acme, feature, 99, None).unwrap());
            let (mut one, mut other) = (books.gateway(), books.gateway());
            let mut one = one.build_transaction().isolation_level(level).start().unwrap();
            let mut other = other.build_transaction().isolation_level(level).start().unwrap();
            one.query("SELECT 1", &[]).unwrap();
            other.query("SELECT 1", &[]).unwrap();
            assert!(consume(&mut one, acme, feature, 1, None).unwrap());
            one.commit().unwrap();
            // It still sees 99.
            assert_sqlstate(consume(&mut other, acme, feature, 1, None), "40001");
            other.rollback().unwrap();
            let mut again = books.gateway();
            assert_sqlstate(consume(&mut again, acme, feature, 1, None), "53400");
            assert_eq!(books.used_of(acme, feature), 100);
        }
        // And in a race, with retries, the limit is reached exactly.
        let globex = books.subscribed("limited", "2026-01-01Z");
        let through = race(books.gateways(), |client, _| {
            loop {
                let mut transaction =
                    client.build_transaction().isolation_level(level).start().unwrap();
                let result = consume(&mut transaction, globex, "limited", 1, None)
                    .and_then(|recorded| transaction.commit().map(|()| recorded));
                match result {
                    Err(error) if error.code().is_some_and(|code| code.code() == "40001") => {}
                    result => return allowed(result),
                }
            }
        });
        assert_eq!((through, books.used_of(globex, "limited")), (100, 100));
        books.balanced();
    }
}

#[test]
fn the_second_waits_for_the_first_and_gets_what_its_rollback_leaves() {
    for first_commits in [true, false] {
        let mut books = Books::new();
        let acme = books.limited();
        let mut first = books.gateway();
        let mut transaction = first.transaction().unwrap();
        assert!(consume(&mut transaction, acme, "limited", 100, Some("all")).unwrap());
        let mut second = books.gateway();
        thread::scope(|scope| {
            let waiting =
                scope.spawn(move || allowed(consume(&mut second, acme, "limited", 1, Some("one"))));
            until_so_many_wait(&mut books.data, 1);
            match first_commits {
                true => transaction.commit().unwrap(),
                false => transaction.rollback().unwrap(),
            }
            assert_eq!(waiting.join().unwrap(), !first_commits);
        });
        assert_eq!(books.used_of(acme, "limited"), if first_commits { 100 } else { 1 });
        books.balanced();
    }
}

/// A refusal leaves nothing, also where the caller catches it and goes on.
#[test]
fn what_is_refused_leaves_nothing() {
    let mut books = Books::new();
    let acme = books.limited();
    assert!(consume(&mut books.worker, acme, "limited", 95, Some("a")).unwrap());
    let mut transaction = books.worker.transaction().unwrap();
    let refused = assert_sqlstate(
        consume(&mut transaction.savepoint("s").unwrap(), acme, "limited", 6, Some("b")),
        "53400",
    );
    assert_eq!(refused.message(), "the plan includes 100 of \"limited\" in a period, and no more");
    assert!(consume(&mut transaction, acme, "limited", 5, Some("c")).unwrap());
    transaction.commit().unwrap();
    assert_eq!(books.used_of(acme, "limited"), 100);
    let ids: Vec<String> =
        books.one("SELECT array_agg(event_id ORDER BY event_id) FROM saas.usage_event_keys", &[]);
    assert_eq!(ids, ["a", "c"]);
    // What was refused may come again when there is room, under its own id.
    books.run(&format!("SELECT saas.record_usage('{acme}', 'limited', 0, 'b')"));
    assert!(!consume(&mut books.worker, acme, "limited", 6, Some("b")).unwrap());
    books.balanced();
}

#[test]
fn one_event_from_many_sessions_counts_once() {
    let mut books = Books::new();
    let acme = books.limited();
    // The limit is reached by the event itself.
    for (feature, units) in [("limited", 100), ("dear", 3)] {
        let barrier = Barrier::new(SESSIONS);
        let new: i64 = thread::scope(|scope| {
            let sessions: Vec<_> = books
                .gateways()
                .into_iter()
                .map(|mut client| {
                    let barrier = &barrier;
                    scope.spawn(move || {
                        barrier.wait();
                        i64::from(
                            consume(&mut client, acme, feature, units, Some(feature)).unwrap(),
                        )
                    })
                })
                .collect();
            sessions.into_iter().map(|session| session.join().unwrap()).sum()
        });
        assert_eq!((new, books.used_of(acme, feature)), (1, units));
    }
    // By record_usage before, too.
    let mut first = books.gateway();
    let mut transaction = first.transaction().unwrap();
    transaction.query("SELECT saas.record_usage($1, 'limited', 50, 'late')", &[&acme]).unwrap();
    let mut second = books.gateway();
    thread::scope(|scope| {
        let waiting = scope.spawn(move || consume(&mut second, acme, "limited", 50, Some("late")));
        until_so_many_wait(&mut books.data, 1);
        transaction.commit().unwrap();
        assert!(!waiting.join().unwrap().unwrap());
    });
    books.balanced();
}

/// Everything at once: consuming with retries and rollbacks, recording, folding, alerts; then a recount.
#[test]
fn a_random_load_adds_up() {
    let mut books = Books::new();
    let tenants: Vec<Uuid> = {
        let first = books.limited();
        let mut tenants = vec![first];
        tenants.extend((0..3).map(|_| books.subscribed("limited", "2026-01-01Z")));
        tenants
    };
    for tenant in &tenants {
        books.run(&format!(
            "SELECT saas.set_usage_alert('{tenant}', 'limited', 'percent', p) FROM unnest(ARRAY[25, 50, 100]) p"
        ));
    }
    books.run(&format!("SELECT saas.set_spend_cap('{}', 200)", tenants[1]));
    let done = AtomicBool::new(false);
    let counted: Vec<(usize, &str, i64)> = thread::scope(|scope| {
        let mut folder = books.db.connect("saas_worker");
        let done = &done;
        let folding = scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                folder.query("SELECT saas.roll_up_usage(current_date)", &[]).unwrap();
                folder.query("SELECT saas.raise_usage_alerts()", &[]).unwrap();
            }
        });
        let sessions: Vec<_> = books
            .gateways()
            .into_iter()
            .enumerate()
            .map(|(session, mut client)| {
                let tenants = &tenants;
                scope.spawn(move || {
                    let mut random = session as u64 * 7919 + 12345;
                    let mut next = move |below: u64| {
                        random = random
                            .wrapping_mul(6364136223846793005)
                            .wrapping_add(1442695040888963407);
                        (random >> 33) % below
                    };
                    let mut counted = Vec::new();
                    for round in 0..60 {
                        let place = next(4) as usize;
                        let feature = ["limited", "limited", "dear", "cheap"][next(4) as usize];
                        let units = next(5) as i64;
                        // Some ids are sent by several sessions, with the same meaning.
                        let shared = next(4) == 0;
                        let (id, units, feature) = match shared {
                            true => (format!("shared {}", round % 20), 2, "limited"),
                            false => (format!("{session} {round}"), units, feature),
                        };
                        let mut transaction = client.transaction().unwrap();
                        let result = match next(4) {
                            0 if !shared => transaction
                                .query_one(
                                    "SELECT saas.record_usage($1, $2, $3, $4)",
                                    &[&tenants[place], &"cheap", &units, &id],
                                )
                                .map(|row| (row.get::<_, bool>(0), "cheap")),
                            _ => {
                                consume(&mut transaction, tenants[place], feature, units, Some(&id))
                                    .map(|recorded| (recorded, feature))
                            }
                        };
                        let (recorded, feature) = match result {
                            Ok(recorded) => recorded,
                            Err(error) => {
                                assert!(!allowed(Err(error)));
                                continue;
                            }
                        };
                        match next(5) {
                            0 => transaction.rollback().unwrap(),
                            _ => {
                                transaction.commit().unwrap();
                                if recorded {
                                    counted.push((place, feature, units));
                                }
                            }
                        }
                    }
                    counted
                })
            })
            .collect();
        let counted = sessions.into_iter().flat_map(|session| session.join().unwrap()).collect();
        done.store(true, Ordering::Relaxed);
        folding.join().unwrap();
        counted
    });
    for (place, tenant) in tenants.iter().enumerate() {
        for feature in ["limited", "dear", "cheap"] {
            let wanted: i64 = counted
                .iter()
                .filter(|event| (event.0, event.1) == (place, feature))
                .map(|event| event.2)
                .sum();
            assert_eq!(books.used_of(*tenant, feature), wanted, "{place} {feature}");
        }
        assert!(books.used_of(*tenant, "limited") <= 100);
    }
    // Each threshold once, by which it was reached; none of what was not.
    books.run("SELECT saas.raise_usage_alerts()");
    let sql = "SELECT count(*) FROM saas.usage_alerts a LEFT JOIN saas.usage_alerts_raised r ON r.alert_id = a.id
                 JOIN saas.usage_totals u ON u.tenant_id = a.tenant_id AND u.feature_key = a.feature_key
                WHERE (u.units >= a.threshold) <> (r.alert_id IS NOT NULL) OR r.used < r.threshold OR r.used > u.units";
    assert_eq!(books.one::<i64>(sql, &[]), 0);
    assert!(books.count("saas.usage_alerts_raised") > 0);
    books.balanced();
}

/// Who listens is told once, when it is committed.
#[test]
fn an_alert_notifies() {
    use postgres::fallible_iterator::FallibleIterator;
    let mut books = Books::new();
    let acme = books.limited();
    books.run(&format!("SELECT saas.set_usage_alert('{acme}', 'limited', 'units', 10)"));
    let mut listener = books.db.connect("saas_worker");
    listener.batch_execute("LISTEN saas_usage_alert").unwrap();
    for _ in 0..3 {
        assert!(consume(&mut books.worker, acme, "limited", 9, None).unwrap());
    }
    let mut heard = listener.notifications();
    let told = heard.timeout_iter(Duration::from_secs(5)).next().unwrap().unwrap();
    assert_eq!(told.channel(), "saas_usage_alert");
    assert_eq!(told.payload(), "");
    assert!(heard.timeout_iter(Duration::from_millis(100)).next().unwrap().is_none());
    // The worker reads what it was.
    let sql = "SELECT used FROM saas.usage_alerts_raised WHERE tenant_id = $1";
    let used: i64 = saas_core_tests::story::one(&mut books.worker, sql, &[&acme]);
    assert_eq!(used, 18);
}

/// One tenant's counter beyond bigint is its own affair.
#[test]
fn an_overflow_stops_nobody_else() {
    let mut books = Books::new();
    let tenants: Vec<Uuid> = (0..5).map(|_| books.subscribed("plus", "2026-01-01Z")).collect();
    for tenant in &tenants {
        books.used(*tenant, "project.create", 1001, "2026-01-10Z");
    }
    let broken = tenants[2];
    books.run(&format!(
        "INSERT INTO saas.usage_counter_slots (tenant_id, feature_key, period, slot, units, last_at)
         VALUES ('{broken}', 'project.create', '2026-01-01', 200, 9223372036854775807, '2026-01-10Z')"
    ));
    let rolled: i64 = books.one("SELECT saas.roll_up_usage('2026-01-01')", &[]);
    assert_eq!(rolled, 4);
    let refused = assert_sqlstate(
        books.worker.query("SELECT saas.roll_up_usage('2026-01-01', $1)", &[&broken]),
        "22003",
    );
    let wanted = format!(
        "tenant {broken} has used more of \"project.create\" in the period of 2026-01-01 than can be counted"
    );
    assert_eq!(refused.message(), wanted);
    // What its people see of it, and others of theirs.
    let used: i64 = books
        .one("SELECT used FROM saas.entitlement($1, 'project.create', '2026-01-10Z')", &[&broken]);
    assert_eq!(used, i64::MAX);
    assert_eq!(books.count("saas.usage_totals"), 5);
    books.close("2026-01-01");
    for tenant in tenants.iter().filter(|tenant| **tenant != broken) {
        assert_eq!(books.invoices(*tenant), ["2026-01-01 subscription 2000, usage 10 = 2010"]);
    }
    let parked: Vec<String> = books.one(
        "SELECT array_agg(concat_ws(' ', tenant_id, sqlstate, error)) FROM saas.close_parked",
        &[],
    );
    assert_eq!(parked, [format!("{broken} 22003 {wanted}")]);
    // A price that no bigint holds, likewise.
    let fees: i64 = books.one("SELECT saas.assess_usage_fees('2026-02-01')", &[]);
    assert_eq!(fees, 0);
    for tenant in &tenants[3..] {
        books.used(*tenant, "project.create", 2000, "2026-02-10Z");
    }
    books.used(tenants[4], "project.create", i64::MAX / 2, "2026-02-10Z");
    books.one::<i64>("SELECT saas.roll_up_usage('2026-02-01')", &[]);
    let fees: i64 = books.one("SELECT saas.assess_usage_fees('2026-02-01')", &[]);
    assert_eq!(fees, 1);
    // Mended, it is billed.
    books.run(&format!(
        "DELETE FROM saas.usage_counter_slots WHERE tenant_id = '{broken}' AND slot = 200"
    ));
    books.close("2026-01-01");
    assert_eq!(books.invoices(broken), ["2026-01-01 subscription 2000, usage 10 = 2010"]);
    books.balanced();
}
