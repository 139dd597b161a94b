//! Counting: each event exactly once, whoever sends it however often, and no unit lost on its way to an invoice.

mod books;

use books::{Books, record, until_so_many_wait, until_somebody_waits};
use postgres::Client;
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::one;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use uuid::Uuid;

const JANUARY: &str = "2026-01-10 12:00Z";

impl Books {
    /// As a reader sees it, folded or not.
    fn total(&mut self, tenant: Uuid, feature: &str) -> i64 {
        let sql = "SELECT coalesce(sum(units), 0)::bigint FROM saas.usage_totals WHERE tenant_id = $1 AND feature_key = $2";
        self.one(sql, &[&tenant, &feature])
    }

    fn roll_up(&mut self, day: &str) -> i64 {
        one(&mut self.worker, "SELECT saas.roll_up_usage($1::text::date)", &[&day])
    }

    fn conflicts(&mut self) -> i64 {
        self.count("saas.security_events WHERE kind = 'usage_event_conflict'")
    }
}

/// A batch of one tenant in January: (feature, units, id).
fn batch(
    client: &mut Client,
    tenant: Uuid,
    events: &[(&str, i64, Option<&str>)],
) -> Result<i64, postgres::Error> {
    let tenants = vec![tenant; events.len()];
    let features: Vec<&str> = events.iter().map(|event| event.0).collect();
    let units: Vec<i64> = events.iter().map(|event| event.1).collect();
    let ids: Vec<Option<&str>> = events.iter().map(|event| event.2).collect();
    let sql = "SELECT saas.record_usage_batch($1, $2, $3, $4, array_fill(timestamptz '2026-01-10 12:00Z', ARRAY[cardinality($3::bigint[])]))";
    Ok(client.query_one(sql, &[&tenants, &features, &units, &ids])?.get(0))
}

#[test]
fn an_event_counts_once_however_it_comes() {
    let mut books = Books::new();
    let (acme, globex) =
        (books.subscribed("plus", "2026-01-01Z"), books.subscribed("plus", "2026-01-01Z"));
    let p = "project.create";
    let worker = &mut books.worker;
    // Within a batch, across batches, across kinds of call; another tenant's id is another id.
    assert_eq!(
        batch(worker, acme, &[(p, 1, Some("a")), (p, 1, Some("a")), (p, 2, Some("b"))]).unwrap(),
        2
    );
    assert_eq!(
        batch(worker, acme, &[(p, 1, Some("a")), (p, 4, Some("c")), (p, 2, Some("b"))]).unwrap(),
        1
    );
    assert!(!record(worker, acme, p, 4, Some("c"), JANUARY).unwrap());
    assert!(record(worker, globex, p, 100, Some("c"), JANUARY).unwrap());
    // Without an id every delivery counts.
    assert_eq!(batch(worker, acme, &[(p, 8, None), (p, 8, None)]).unwrap(), 2);
    assert!(record(worker, acme, p, 16, None, JANUARY).unwrap());
    // Another time is no other event.
    assert!(!record(worker, acme, p, 1, Some("a"), "2026-03-10Z").unwrap());
    assert_eq!(batch(worker, acme, &[]).unwrap(), 0);
    assert!(record(worker, acme, p, 0, Some("nothing"), JANUARY).unwrap());
    assert_eq!((books.total(acme, p), books.total(globex, p)), (7 + 32, 100));
    assert_eq!(books.conflicts(), 0);
    books.balanced();
}

#[test]
fn the_first_of_two_meanings_of_an_id_stands() {
    let mut books = Books::new();
    books.feature("plus", "call", 0, None);
    let acme = books.subscribed("plus", "2026-01-01Z");
    assert!(record(&mut books.worker, acme, "call", 5, Some("a"), JANUARY).unwrap());
    assert!(!record(&mut books.worker, acme, "call", 6, Some("a"), JANUARY).unwrap());
    assert!(!record(&mut books.worker, acme, "project.create", 5, Some("a"), JANUARY).unwrap());
    assert!(!record(&mut books.worker, acme, "call", 5, Some("a"), JANUARY).unwrap());
    assert_eq!(
        (books.total(acme, "call"), books.total(acme, "project.create"), books.conflicts()),
        (5, 0, 2)
    );
    let sql = "SELECT concat_ws(' ', severity, subject, evidence->>'first_units', evidence->>'units') FROM saas.security_events
                WHERE kind = 'usage_event_conflict' AND tenant_id = $1 ORDER BY id LIMIT 1";
    assert_eq!(books.one::<String>(sql, &[&acme]), "low a 5 6");
    // Within one batch the earlier one is the first.
    assert_eq!(
        batch(&mut books.worker, acme, &[("call", 7, Some("b")), ("call", 8, Some("b"))]).unwrap(),
        1
    );
    assert_eq!((books.total(acme, "call"), books.conflicts()), (12, 3));
    // And of two sessions at once the one that commits.
    let mut first = books.db.connect("saas_worker");
    let mut transaction = first.transaction().unwrap();
    transaction
        .execute("SELECT saas.record_usage($1, 'call', 100, 'c', '2026-01-10Z')", &[&acme])
        .unwrap();
    thread::scope(|scope| {
        let mut second = books.db.connect("saas_worker");
        let waiting = scope
            .spawn(move || record(&mut second, acme, "call", 200, Some("c"), JANUARY).unwrap());
        until_somebody_waits(&mut books.data);
        transaction.commit().unwrap();
        assert!(!waiting.join().unwrap());
    });
    assert_eq!((books.total(acme, "call"), books.conflicts()), (112, 4));
    books.balanced();
}

#[test]
fn a_rolled_back_delivery_leaves_the_id_to_the_next() {
    let mut books = Books::new();
    let acme = books.subscribed("plus", "2026-01-01Z");
    let mut first = books.db.connect("saas_worker");
    let sql = "SELECT saas.record_usage($1, 'project.create', 5, 'a', '2026-01-10Z')";
    let mut transaction = first.transaction().unwrap();
    assert!(one::<bool>(&mut transaction, sql, &[&acme]));
    thread::scope(|scope| {
        let mut second = books.db.connect("saas_worker");
        let waiting = scope.spawn(move || one::<bool>(&mut second, sql, &[&acme]));
        until_somebody_waits(&mut books.data);
        transaction.rollback().unwrap();
        assert!(waiting.join().unwrap());
    });
    // A savepoint takes the id back as well.
    let mut transaction = first.transaction().unwrap();
    let mut savepoint = transaction.savepoint("s").unwrap();
    savepoint
        .execute("SELECT saas.record_usage($1, 'project.create', 7, 'b', '2026-01-10Z')", &[&acme])
        .unwrap();
    savepoint.rollback().unwrap();
    let again = "SELECT saas.record_usage($1, 'project.create', 7, 'b', '2026-01-10Z')";
    assert!(one::<bool>(&mut transaction, again, &[&acme]));
    transaction.commit().unwrap();
    assert_eq!(books.total(acme, "project.create"), 12);
    books.balanced();
}

/// Eight sessions deliver the same thousand events of many tenants, each in another order and other batches.
#[test]
fn eight_deliveries_at_once_count_as_one() {
    let mut books = Books::new();
    books.feature("plus", "call", 0, None);
    let tenants: Vec<Uuid> = (0..5).map(|_| books.subscribed("plus", "2026-01-01Z")).collect();
    let events: Vec<(Uuid, &str, i64, String)> = (0..1000)
        .map(|i| {
            (
                tenants[i % 5],
                if i % 3 == 0 { "call" } else { "project.create" },
                1 + i as i64 % 7,
                format!("e{i}"),
            )
        })
        .collect();
    let start = Barrier::new(8);
    let new: i64 = thread::scope(|scope| {
        let deliveries: Vec<_> = (0..8usize)
            .map(|session| {
                let (mut client, events, start) = (books.db.connect("saas_worker"), &events, &start);
                scope.spawn(move || {
                    start.wait();
                    let mut mixed: Vec<_> = events.iter().collect();
                    mixed.sort_by_key(|event| (event.3.len() * 31 + event.3.bytes().map(usize::from).sum::<usize>() * (session + 3)) % 101);
                    let sql = "SELECT saas.record_usage_batch($1, $2, $3, $4, array_fill(timestamptz '2026-01-10Z', ARRAY[cardinality($3::bigint[])]))";
                    mixed
                        .chunks(20 + 13 * session)
                        .map(|part| {
                            let tenants: Vec<Uuid> = part.iter().map(|event| event.0).collect();
                            let features: Vec<&str> = part.iter().map(|event| event.1).collect();
                            let units: Vec<i64> = part.iter().map(|event| event.2).collect();
                            let ids: Vec<&str> = part.iter().map(|event| event.3.as_str()).collect();
                            one::<i64>(&mut client, sql, &[&tenants, &features, &units, &ids])
                        })
                        .sum::<i64>()
                })
            })
            .collect();
        deliveries.into_iter().map(|delivery| delivery.join().unwrap()).sum()
    });
    assert_eq!(new, 1000);
    for tenant in tenants {
        let wanted: i64 =
            events.iter().filter(|event| event.0 == tenant).map(|event| event.2).sum();
        assert_eq!(books.total(tenant, "call") + books.total(tenant, "project.create"), wanted);
    }
    assert_eq!(books.conflicts(), 0);
    books.balanced();
}

#[test]
fn what_can_not_be_counted_is_refused_whole() {
    let mut books = Books::new();
    let acme = books.subscribed("plus", "2026-01-01Z");
    let p = "project.create";
    let worker = &mut books.worker;
    let refused = assert_sqlstate(
        batch(worker, acme, &[(p, 1, Some("a")), ("project.crate", 1, Some("b"))]),
        "42704",
    );
    assert_eq!(refused.message(), "event 1: no plan has the feature \"project.crate\"");
    assert_eq!(refused.hint(), Some("Did you mean \"project.create\"?"));
    assert_sqlstate(batch(worker, Uuid::new_v4(), &[(p, 1, Some("a"))]), "23503");
    assert_sqlstate(batch(worker, acme, &[(p, 1, Some("a")), (p, -1, Some("b"))]), "22023");
    assert_sqlstate(batch(worker, acme, &[(p, 1, Some("a")), (p, 1, Some(""))]), "22023");
    assert_sqlstate(batch(worker, acme, &[(p, 1, Some(&"x".repeat(256)))]), "22023");
    assert_sqlstate(
        batch(worker, acme, &[(p, 1, Some("a")), (p, i64::MAX, None), (p, 1, None)]),
        "22003",
    );
    for (sql, sqlstate) in [
        (
            "SELECT saas.record_usage_batch(ARRAY[$1::uuid, NULL], ARRAY['project.create', 'project.create'], ARRAY[1, 1])",
            "22023",
        ),
        ("SELECT saas.record_usage_batch(ARRAY[$1::uuid], ARRAY[NULL::text], ARRAY[1])", "22023"),
        (
            "SELECT saas.record_usage_batch(ARRAY[$1::uuid], ARRAY['project.create'], ARRAY[NULL::bigint])",
            "22023",
        ),
        (
            "SELECT saas.record_usage_batch(ARRAY[$1::uuid], ARRAY['project.create'], ARRAY[1], occurred_at => ARRAY[NULL::timestamptz])",
            "22023",
        ),
        (
            "SELECT saas.record_usage_batch(ARRAY[$1::uuid], ARRAY['project.create', 'project.create'], ARRAY[1])",
            "22023",
        ),
        (
            "SELECT saas.record_usage_batch(ARRAY[$1::uuid], ARRAY['project.create'], ARRAY[1, 1])",
            "22023",
        ),
        (
            "SELECT saas.record_usage_batch(ARRAY[$1::uuid], ARRAY['project.create'], ARRAY[1], '{}')",
            "22023",
        ),
        (
            "SELECT saas.record_usage_batch(ARRAY[$1::uuid], ARRAY['project.create'], ARRAY[1], NULL, '{}')",
            "22023",
        ),
        (
            "SELECT saas.record_usage_batch(NULL, ARRAY['project.create'], ARRAY[1]) WHERE $1::uuid IS NOT NULL",
            "23502",
        ),
        ("SELECT saas.record_usage_batch(ARRAY[$1::uuid], NULL, ARRAY[1])", "23502"),
        ("SELECT saas.record_usage_batch(ARRAY[$1::uuid], ARRAY['project.create'], NULL)", "23502"),
        (
            "SELECT saas.record_usage(NULL, 'project.create', 1, 'e') WHERE $1::uuid IS NOT NULL",
            "23502",
        ),
        ("SELECT saas.record_usage($1, NULL, 1, 'e')", "23502"),
        ("SELECT saas.record_usage($1, 'project.create', NULL, 'e')", "23502"),
        ("SELECT saas.record_usage($1, 'project.create', 1, 'e', NULL)", "23502"),
        (
            "SELECT saas.record_usage($1, 'project.create', 1, 'e', now() + interval '6 minutes')",
            "22023",
        ),
        ("SELECT saas.record_usage($1, 'project.create', 1, 'e', 'infinity')", "22023"),
        ("SELECT saas.record_usage($1, 'project.create', 1, 'e', '-infinity')", "22023"),
        ("SELECT saas.record_usage($1, 'project.create', 1, 'e', '294276-12-31')", "22023"),
        ("SELECT saas.record_usage($1, 'project.create', 1, 'e', '4713-01-01 BC')", "22023"),
    ] {
        let error = worker.query(sql, &[&acme]).unwrap_err();
        assert_eq!(error.code().map(|code| code.code()), Some(sqlstate), "{sql}: {error:?}");
    }
    // The same with periods of one's own.
    books.plan("anniversary", "billing_cycle", "'anniversary'");
    let globex = books.subscribed("anniversary", "2026-01-10Z");
    for at in ["infinity", "-infinity", "294276-12-31", "4713-01-01 BC"] {
        let sql = "SELECT saas.record_usage($1, 'project.create', 1, 'e', $2::text::timestamptz)";
        let error = books.worker.query(sql, &[&globex, &at]).unwrap_err();
        assert_eq!(error.code().map(|code| code.code()), Some("22023"), "{at}: {error:?}");
    }
    books.run(&format!("UPDATE saas.tenants SET deleted_at = now() WHERE id = '{globex}'"));
    assert_sqlstate(record(&mut books.worker, globex, p, 1, None, JANUARY), "23503");
    // With the ids' usual life.
    books.run("UPDATE saas.settings SET usage_id_retention = '400 days'");
    let sql = "SELECT saas.record_usage($1, 'project.create', 1, 'e', now() - interval '401 days')";
    assert_sqlstate(books.worker.query(sql, &[&acme]), "22023");
    let sql = "SELECT saas.record_usage($1, 'project.create', 1, 'e', now() - interval '399 days'),
                      saas.record_usage($1, 'project.create', 2, 'f', now() + interval '4 minutes')";
    books.worker.query(sql, &[&acme]).unwrap();
    assert_eq!((books.total(acme, p), books.count("saas.usage_event_keys")), (3, 2));
    books.balanced();
}

#[test]
fn a_million_events_are_one_batch() {
    let mut books = Books::new();
    let acme = books.subscribed("plus", "2026-01-01Z");
    let sql = "SELECT saas.record_usage_batch(array_fill($1::uuid, ARRAY[1000000]), array_fill('project.create'::text, ARRAY[1000000]),
                 array_fill(3::bigint, ARRAY[1000000]), NULL, array_fill(timestamptz '2026-01-10Z', ARRAY[1000000]))";
    assert_eq!(one::<i64>(&mut books.worker, sql, &[&acme]), 1_000_000);
    // As many with a slip at the end leave nothing.
    let sql = "SELECT saas.record_usage_batch(array_fill($1::uuid, ARRAY[1000000]), array_fill('project.create'::text, ARRAY[1000000]),
                 array_fill(3::bigint, ARRAY[999999]) || -1::bigint)";
    assert_sqlstate(books.worker.query(sql, &[&acme]), "22023");
    let sql = "SELECT saas.record_usage_batch(array_fill($1::uuid, ARRAY[1000000]), array_fill('project.create'::text, ARRAY[999999]) || 'x'::text,
                 array_fill(3::bigint, ARRAY[1000000]), NULL, array_fill(timestamptz '2026-01-10Z', ARRAY[1000000]))";
    assert_sqlstate(books.worker.query(sql, &[&acme]), "42704");
    assert_eq!(books.total(acme, "project.create"), 3_000_000);
    assert_eq!(books.bill(acme, "2026-01-01"), "subscription 2000, usage 29990000 = 29992000");
    books.balanced();
}

#[test]
fn max_and_last_meters_know_late_values() {
    let mut books = Books::new();
    books.plan("metered", "base_price", "0");
    books.run(
        "INSERT INTO saas.plan_features (plan_id, feature_key, aggregation, included_units, overage_price)
         SELECT id, f, f, 0, 1 FROM saas.plans, unnest(ARRAY['max', 'last']) f WHERE key = 'metered'",
    );
    let acme = books.subscribed("metered", "2026-01-01Z");
    // Several sessions at a time, so that values sit in several slots.
    let mut sessions = Vec::new();
    for (units, at) in [
        (5, "2026-01-10Z"),
        (9, "2026-01-12Z"),
        (7, "2026-01-20Z"),
        (8, "2026-01-15Z"),
        (6, "2026-01-05Z"),
    ] {
        let mut session = books.db.connect("saas_worker");
        for feature in ["max", "last"] {
            record(&mut session, acme, feature, units, None, at).unwrap();
        }
        sessions.push(session);
        if units == 8 {
            assert!(books.count("saas.usage_counter_slots WHERE feature_key = 'last'") > 1);
            books.roll_up("2026-01-01");
            books.roll_up("2026-01-01");
        }
    }
    assert_eq!((books.total(acme, "max"), books.total(acme, "last")), (9, 7));
    assert_eq!(books.bill(acme, "2026-01-01"), "subscription 0, usage 7, usage 9 = 16");
    // Late: an older value changes nothing, a higher one raises the maximum, a newer one is the last.
    books.used(acme, "max", 8, "2026-01-31Z");
    books.used(acme, "last", 100, "2026-01-19Z");
    assert_eq!(books.bill(acme, "2026-02-01"), "subscription 0 = 0");
    books.used(acme, "max", 11, "2026-01-02Z");
    books.used(acme, "last", 3, "2026-01-31Z");
    books.used(acme, "max", 1, "2026-03-02Z");
    assert_eq!(
        books.bill(acme, "2026-03-01"),
        "subscription 0, usage 1, adjustment -4, adjustment 2, adjustment 1 = 0"
    );
    assert_eq!((books.balance(acme), books.count("saas.usage_adjustments")), (1, 2));
    books.balanced();
}

/// However many count for one tenant and feature at a time: each session has a row of its own, and the rows are no more than sessions
/// there can be. By the numbers of processes they would be more.
#[test]
fn sessions_have_slots_of_their_own() {
    let mut books = Books::new();
    books.run("UPDATE saas.settings SET usage_slots = 256");
    let acme = books.subscribed("plus", "2026-01-01Z");
    let mut sessions = Vec::new();
    for number in 0..200 {
        // Others come and go meanwhile, and the numbers of processes go on.
        let session = books.db.connect("saas_worker");
        if number % 20 == 0 {
            sessions.push(session);
        }
    }
    for session in &mut sessions {
        session.batch_execute("SET lock_timeout = '10s'; BEGIN").unwrap();
        record(session, acme, "project.create", 1, None, JANUARY).unwrap();
    }
    for session in &mut sessions {
        session.batch_execute("COMMIT").unwrap();
    }
    assert_eq!(books.count("saas.usage_counter_slots"), 10);
    assert!(books.one::<bool>(
        "SELECT max(slot) < current_setting('max_connections')::integer FROM saas.usage_counter_slots",
        &[]
    ));
}

/// What a session keeps of tenants, features, plans and settings it forgets when another one changes them, also in a transaction that goes on.
#[test]
fn a_session_counts_by_what_holds_now() {
    let mut books = Books::new();
    let (p, at) = ("project.create", "2026-01-31 23:30Z");
    let periods = |books: &mut Books, tenant: Uuid| -> String {
        books.one(
            "SELECT coalesce(string_agg(format('%s %s: %s', feature_key, period, units), ', ' ORDER BY feature_key, period), '')
               FROM saas.usage_totals WHERE tenant_id = $1",
            &[&tenant],
        )
    };
    let acme = books.subscribed("plus", "2026-01-01Z");
    books.used(acme, p, 1, at);
    books.worker.batch_execute("BEGIN").unwrap();
    books.used(acme, p, 2, at);
    books.feature("plus", "new", 0, None);
    books.used(acme, "new", 8, at);
    books.run(&format!("UPDATE saas.tenants SET time_zone = 'Europe/Berlin' WHERE id = '{acme}'"));
    books.used(acme, p, 4, at);
    books.worker.batch_execute("COMMIT").unwrap();
    let expected = format!("new 2026-01-01: 8, {p} 2026-01-01: 3, {p} 2026-02-01: 4");
    assert_eq!(periods(&mut books, acme), expected);
    // What is undone is forgotten too.
    books.run(&format!("BEGIN; UPDATE saas.tenants SET time_zone = 'UTC' WHERE id = '{acme}'"));
    assert!(record(&mut books.data, acme, p, 16, None, at).unwrap());
    books.run("ROLLBACK");
    assert!(record(&mut books.data, acme, p, 32, None, at).unwrap());
    let expected = format!("new 2026-01-01: 8, {p} 2026-01-01: 3, {p} 2026-02-01: 36");
    assert_eq!(periods(&mut books, acme), expected);
    books.run(&format!("UPDATE saas.tenants SET deleted_at = now() WHERE id = '{acme}'"));
    assert_sqlstate(record(&mut books.worker, acme, p, 1, None, at), "23503");
    // A transaction of one snapshot counts by that, as its limits do.
    let umbrella = books.subscribed("plus", "2026-01-01Z");
    books.worker.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ").unwrap();
    books.used(umbrella, p, 1, at);
    books.feature("plus", "limited", 0, None);
    let sql = "SELECT saas.consume($1, 'limited', 1, NULL)";
    assert_sqlstate(books.worker.query(sql, &[&umbrella]), "42704");
    books.worker.batch_execute("ROLLBACK").unwrap();
    assert_sqlstate(books.worker.query(sql, &[&umbrella]), "53400");
    // The first plan with periods of its own.
    let globex = books.subscribed("plus", "2026-01-15Z");
    books.used(globex, p, 1, at);
    books.plan("own", "billing_cycle", "'anniversary'");
    let initech = books.subscribed("own", "2026-01-15Z");
    books.used(initech, p, 1, "2026-02-10Z");
    assert_eq!(periods(&mut books, initech), format!("{p} 2026-01-15: 1"));
    assert_eq!(periods(&mut books, globex), format!("{p} 2026-01-01: 1"));
    books.balanced();
}

/// Writers write and folders fold: every unit is in exactly one place, and nobody waits in a circle.
#[test]
fn folding_loses_nothing_while_writers_write() {
    let mut books = Books::new();
    for feature in ["a", "b", "c", "d"] {
        books.feature("plus", feature, 0, Some("1"));
    }
    let tenants: Vec<Uuid> = (0..4).map(|_| books.subscribed("plus", "2026-01-01Z")).collect();
    let done = AtomicBool::new(false);
    let written: i64 = thread::scope(|scope| {
        let writers: Vec<_> = (0..4i64)
            .map(|session| {
                let (mut client, tenants) = (books.db.connect("saas_worker"), &tenants);
                scope.spawn(move || {
                    let sql = "SELECT saas.record_usage_batch($1, ARRAY['d', 'a', 'c', 'b'], $2, NULL, array_fill(timestamptz '2026-01-10Z', ARRAY[4]))";
                    let mut written = 0;
                    for i in 0..150 {
                        let of = tenants[((i + session) % 4) as usize];
                        let units = [1, 2, 3, i];
                        written += units.iter().sum::<i64>();
                        client.query(sql, &[&vec![of; 4], &units.as_slice()]).unwrap();
                    }
                    written
                })
            })
            .collect();
        let folders: Vec<_> = (0..2)
            .map(|_| {
                let (mut client, done) = (books.db.connect("saas_worker"), &done);
                scope.spawn(move || {
                    while !done.load(Ordering::Relaxed) {
                        client.query("SELECT saas.roll_up_usage('2026-01-01')", &[]).unwrap();
                    }
                })
            })
            .collect();
        let written = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        done.store(true, Ordering::Relaxed);
        folders.into_iter().for_each(|folder| folder.join().unwrap());
        written
    });
    books.roll_up("2026-01-01");
    let folded: i64 = books.one("SELECT sum(count)::bigint FROM saas.usage_records", &[]);
    let summed: i64 = books.one("SELECT sum(units_used)::bigint FROM saas.usage_summaries", &[]);
    assert_eq!((folded, summed, books.count("saas.usage_counter_slots")), (written, written, 0));
    books.balanced();
}

/// A writer takes counters in the order of their names, a folder as well, though they lie the other way round.
#[test]
fn folders_and_writers_never_wait_in_a_circle() {
    let mut books = Books::new();
    books.run("UPDATE saas.settings SET usage_slots = 1");
    let acme = books.subscribed("plus", "2026-01-01Z");
    for feature in ["d", "c", "b", "a"] {
        books.feature("plus", feature, 0, None);
        books.used(acme, feature, 1, JANUARY);
    }
    let mut holder = books.db.owner();
    let mut holding = holder.transaction().unwrap();
    holding
        .execute("SELECT FROM saas.usage_counter_slots WHERE feature_key = 'b' FOR UPDATE", &[])
        .unwrap();
    let (mut folder, mut writer) =
        (books.db.connect("saas_worker"), books.db.connect("saas_worker"));
    thread::scope(|scope| {
        let folding = scope.spawn(move || {
            folder
                .batch_execute("SET enable_indexscan = off; SET enable_bitmapscan = off")
                .unwrap();
            folder.query("SELECT saas.roll_up_usage('2026-01-01')", &[])
        });
        until_so_many_wait(&mut books.data, 1);
        let writing = scope.spawn(move || {
            batch(
                &mut writer,
                acme,
                &[("a", 1, None), ("b", 1, None), ("c", 1, None), ("d", 1, None)],
            )
        });
        until_so_many_wait(&mut books.data, 2);
        holding.commit().unwrap();
        folding.join().unwrap().unwrap();
        assert_eq!(writing.join().unwrap().unwrap(), 4);
    });
    books.balanced();
}

/// A fold that began while its month was being closed finds what the close has left: it is late.
#[test]
fn what_is_folded_during_a_close_is_late() {
    let mut books = Books::new();
    let acme = books.subscribed("plus", "2026-01-01Z");
    books.used(acme, "project.create", 1000, JANUARY);
    books.roll_up("2026-01-01");
    let mut holder = books.db.owner();
    let mut holding = holder.transaction().unwrap();
    holding.execute("SELECT FROM saas.issuers FOR UPDATE", &[]).unwrap();
    let (mut closer, mut folder) =
        (books.db.connect("saas_worker"), books.db.connect("saas_worker"));
    thread::scope(|scope| {
        // It has summed up, and waits for the issuer.
        let closing = scope.spawn(move || books::close(&mut closer, "2026-01-01", 10));
        until_so_many_wait(&mut books.data, 1);
        books.used(acme, "project.create", 5, JANUARY);
        let folding = scope
            .spawn(move || folder.query("SELECT saas.roll_up_usage('2026-01-01')", &[]).map(drop));
        thread::sleep(Duration::from_millis(300));
        holding.commit().unwrap();
        closing.join().unwrap().unwrap();
        folding.join().unwrap().unwrap();
    });
    books.balanced();
    assert_eq!(books.bill(acme, "2026-02-01"), "subscription 2000, adjustment 50 = 2050");
}

/// With a snapshot from before a close, usage of the closed month looks as if it were still to be billed.
#[test]
fn a_fold_that_can_not_see_a_close_fails() {
    let mut books = Books::new();
    let acme = books.subscribed("plus", "2026-01-01Z");
    let mut holder = books.db.owner();
    let mut holding = holder.transaction().unwrap();
    holding.execute("SELECT FROM saas.issuers FOR UPDATE", &[]).unwrap();
    let (mut closer, mut folder) =
        (books.db.connect("saas_worker"), books.db.connect("saas_worker"));
    let mut folding = folder
        .build_transaction()
        .isolation_level(postgres::IsolationLevel::RepeatableRead)
        .start()
        .unwrap();
    thread::scope(|scope| {
        let closing = scope.spawn(move || books::close(&mut closer, "2026-01-01", 10));
        until_so_many_wait(&mut books.data, 1);
        books.used(acme, "project.create", 1005, JANUARY);
        folding.execute("SELECT now()", &[]).unwrap();
        holding.commit().unwrap();
        closing.join().unwrap().unwrap();
    });
    assert_sqlstate(folding.query("SELECT saas.roll_up_usage('2026-01-01')", &[]), "40001");
    folding.rollback().unwrap();
    assert_eq!(books.bill(acme, "2026-02-01"), "subscription 2000, adjustment 50 = 2050");
    books.balanced();
}

/// Its events are older than the close, its commit is later: no moment, number or id tells that it was there.
#[test]
fn what_commits_after_the_close_is_late() {
    let mut books = Books::new();
    let acme = books.subscribed("plus", "2026-01-01Z");
    books.used(acme, "project.create", 1000, JANUARY);
    let sql = "SELECT saas.record_usage_batch(ARRAY[$1::uuid, $1], ARRAY['project.create', 'project.create'], ARRAY[3, 4], ARRAY['a', 'b'],
                 array_fill(timestamptz '2026-01-10Z', ARRAY[2]))";
    let mut slow = books.db.connect("saas_worker");
    let mut transaction = slow.transaction().unwrap();
    assert_eq!(one::<i64>(&mut transaction, sql, &[&acme]), 2);
    // Others come and go, also with later ids, and the month is closed; nobody waits for the slow one.
    books.used(acme, "project.create", 5, JANUARY);
    books.close("2026-01-01");
    books.used(acme, "project.create", 6, JANUARY);
    books.roll_up("2026-01-01");
    transaction.commit().unwrap();
    books.balanced();
    books.close("2026-02-01");
    assert_eq!(
        books.invoices(acme),
        [
            "2026-01-01 subscription 2000, usage 50 = 2050",
            "2026-02-01 subscription 2000, adjustment 60, adjustment 70 = 2130"
        ]
    );
    books.balanced();
}

/// Writers and folders while months are closed: what a closed month did not bill is an adjustment, all of it.
#[test]
fn closing_loses_nothing_while_writers_write() {
    let mut books = Books::new();
    books.plan("metered", "base_price", "0");
    for feature in ["a", "b", "c"] {
        books.feature("metered", feature, 0, Some("1"));
    }
    let tenants: Vec<Uuid> = (0..30).map(|_| books.subscribed("metered", "2026-01-01Z")).collect();
    let done = AtomicBool::new(false);
    let written: i64 = thread::scope(|scope| {
        let writers: Vec<_> = (0..3usize)
            .map(|session| {
                let (mut client, tenants) = (books.db.connect("saas_worker"), &tenants);
                scope.spawn(move || {
                    let sql = "SELECT saas.record_usage_batch($1, ARRAY['c', 'a', 'b'], ARRAY[1, 10, 100], NULL, array_fill(timestamptz '2026-01-10Z', ARRAY[3]))";
                    for i in 0..200 {
                        client.query(sql, &[&vec![tenants[(i * 7 + session) % 30]; 3]]).unwrap();
                    }
                    200 * 111
                })
            })
            .collect();
        let folder = scope.spawn(|| {
            let mut client = books.db.connect("saas_worker");
            while !done.load(Ordering::Relaxed) {
                client.query("SELECT saas.roll_up_usage('2026-01-01')", &[]).unwrap();
            }
        });
        let mut closer = books.db.connect("saas_worker");
        books::close(&mut closer, "2026-01-01", 3).unwrap();
        let written = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        done.store(true, Ordering::Relaxed);
        folder.join().unwrap();
        written
    });
    assert_eq!(books.count("saas.close_parked"), 0);
    books.close("2026-02-01");
    let billed: i64 = books.one("SELECT sum(total_amount)::bigint FROM saas.payment_invoices", &[]);
    assert_eq!(billed, written);
    books.balanced();
}

/// What a late unit costs is price(total) − price(billed), by the plan of its own month.
#[test]
fn late_usage_is_an_adjustment_on_the_next_invoice() {
    let mut books = Books::new();
    let tiers = r#"{"model":"graduated","tiers":[{"up_to":10,"unit_amount":"100"},{"up_to":null,"unit_amount":"10"}]}"#;
    books.plan("tiers", "base_price", "0");
    books.feature("tiers", "call", 5, Some(tiers));
    books.feature("tiers", "mail", 2, Some("7"));
    books.feature("tiers", "free", 0, None);
    let acme = books.subscribed("tiers", "2025-12-01Z");
    books.used(acme, "call", 13, "2025-12-10Z");
    books.used(acme, "call", 4, "2026-01-10Z");
    books.close("2026-01-01");
    // Before the next close: several arrivals, a feature that was not used at all, a month two back, what costs nothing.
    books.used(acme, "call", 3, "2026-01-11Z");
    books.roll_up("2026-01-01");
    books.used(acme, "call", 9, "2026-01-12Z");
    books.used(acme, "mail", 1, "2026-01-12Z");
    books.roll_up("2026-02-01");
    books.roll_up("2026-01-01");
    books.used(acme, "mail", 3, "2026-01-13Z");
    books.used(acme, "call", 4, "2025-12-31 23:59:59.999999Z");
    books.used(acme, "free", 4, "2026-01-13Z");
    books.used(acme, "call", 1, "2026-02-13Z");
    // December: 8 beyond were 800; 12 are 1020. January: 4 of 5 were free; 7 are 200, 16 are 1010. Mail: 1 of 2, then 4: 14.
    assert_eq!(
        books.bill(acme, "2026-02-01"),
        "subscription 0, adjustment 220, adjustment 200, adjustment 810, adjustment 14 = 1244"
    );
    // Billed once; later ones go on from there.
    books.used(acme, "call", 1, "2026-01-12Z");
    assert_eq!(books.bill(acme, "2026-03-01"), "subscription 0, adjustment 10 = 10");
    assert_eq!(books.bill(acme, "2026-04-01"), "subscription 0 = 0");
    // The next month's plan has no say in it.
    books.plan("dear", "base_price", "0");
    books.feature("dear", "call", 0, Some("1000000"));
    books.run("UPDATE saas.tenant_subscriptions SET plan_id = (SELECT id FROM saas.plans WHERE key = 'dear')");
    books.used(acme, "call", 1, "2026-01-12Z");
    assert_eq!(books.bill(acme, "2026-05-01"), "subscription 0, adjustment 10 = 10");
    books.balanced();
}

/// An adjustment that was written before another, but committed after that was billed, is priced on top of it.
#[test]
fn late_usage_is_priced_in_the_order_of_billing() {
    let mut books = Books::new();
    let tiers = r#"{"model":"graduated","tiers":[{"up_to":1,"unit_amount":"100"},{"up_to":null,"unit_amount":"10"}]}"#;
    books.plan("tiers", "base_price", "0");
    books.feature("tiers", "call", 0, Some(tiers));
    let acme = books.subscribed("tiers", "2026-01-01Z");
    books.close("2026-01-01");
    // A session that began before the first unit was billed, and folds after that.
    let mut slow = books.db.connect("saas_worker");
    let mut transaction = slow.transaction().unwrap();
    transaction.query("SELECT now()", &[]).unwrap();
    books.used(acme, "call", 1, JANUARY);
    assert_eq!(books.bill(acme, "2026-02-01"), "subscription 0, adjustment 100 = 100");
    books.used(acme, "call", 1, JANUARY);
    transaction.query("SELECT saas.roll_up_usage('2026-01-01')", &[]).unwrap();
    transaction.commit().unwrap();
    assert_eq!(books.bill(acme, "2026-03-01"), "subscription 0, adjustment 10 = 10");
    books.balanced();
}

#[test]
fn usage_of_the_months_first_days_is_rated_with_the_month() {
    let mut books = Books::new();
    let acme = books.tenant("Acme");
    books.used(acme, "project.create", 600, "2026-01-02Z");
    books.subscribe(acme, "plus", 1, "2026-01-15Z", None);
    books.used(acme, "project.create", 600, "2026-01-20Z");
    // Included units whole: 1000, not 17/31 of them.
    assert_eq!(books.bill(acme, "2026-01-01"), "subscription 1097, usage 2000 = 3097");
    // What was used before there was a contract is nobody's.
    books.used(acme, "project.create", 5000, "2025-12-31Z");
    assert_eq!(books.bill(acme, "2026-02-01"), "subscription 2000 = 2000");
    books.balanced();
}

/// Usage counts in the month of the tenant's own clock.
#[test]
fn a_month_begins_where_the_tenant_is() {
    let mut books = Books::new();
    books.plan("metered", "base_price", "0");
    books.feature("metered", "call", 0, Some("1"));
    for (zone, before, after) in [
        ("America/New_York", "2026-02-01 04:59:59.999999Z", "2026-02-01 05:00Z"),
        ("America/New_York", "2026-04-01 03:59:59.999999Z", "2026-04-01 04:00Z"),
        ("Asia/Kolkata", "2026-01-31 18:29:59.999999Z", "2026-01-31 18:30Z"),
        ("Pacific/Apia", "2026-01-31 10:59:59.999999Z", "2026-01-31 11:00Z"),
    ] {
        let tenant = books.tenant_in(zone, "USD");
        books.subscribe(tenant, "metered", 1, "2025-12-15Z", None);
        books.used(tenant, "call", 1, before);
        books.used(tenant, "call", 10, after);
        let sql = "SELECT string_agg(period || ' ' || units, ', ' ORDER BY period) FROM saas.usage_totals WHERE tenant_id = $1";
        let months: String = books.one(sql, &[&tenant]);
        assert!(
            months == "2026-01-01 1, 2026-02-01 10" || months == "2026-03-01 1, 2026-04-01 10",
            "{zone}: {months}"
        );
    }
    books.close("2026-04-01");
    assert_eq!(
        books.one::<i64>("SELECT sum(total_amount)::bigint FROM saas.payment_invoices", &[]),
        44
    );
    books.balanced();
}

/// A batch works its periods out by itself, single events have SQL do it: both say the same, of months in zones and of
/// periods that begin with the contract, before it, and after it was canceled.
#[test]
fn a_batch_counts_in_the_periods_of_single_events() {
    let mut books = Books::new();
    books.plan("monthly", "base_price", "0");
    books.plan("own", "billing_cycle", "'anniversary'");
    for plan in ["monthly", "own"] {
        books.feature(plan, "call", 0, Some("1"));
    }
    let mut tenants = Vec::new();
    for zone in ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Apia"] {
        for plan in ["monthly", "own"] {
            let tenant = books.tenant_in(zone, "USD");
            books.subscribe(tenant, plan, 1, "2026-01-31 12:00Z", None);
            tenants.push(tenant);
        }
    }
    // One that went from months to periods of its own, and one without a contract.
    let changed = books.tenant("Changed");
    books.subscribe(changed, "monthly", 1, "2026-01-05Z", None);
    books.run(&format!("SELECT saas.cancel_subscription('{changed}', false, '2026-03-10Z')"));
    books.subscribe(changed, "own", 1, "2026-03-20Z", None);
    tenants.extend([changed, books.tenant("Without")]);
    let times = [
        "2026-01-01 04:59:59.999999Z",
        "2026-01-31 10:59:59.999999Z",
        "2026-02-01 05:00Z",
        "2026-02-28 18:30Z",
        "2026-03-09Z",
        "2026-03-19Z",
        "2026-03-31 11:00Z",
        "2026-04-30 20:00Z",
    ];
    let events: Vec<(Uuid, &str)> =
        tenants.iter().flat_map(|tenant| times.iter().map(|time| (*tenant, *time))).collect();
    for (at, (tenant, time)) in events.iter().enumerate() {
        let id = format!("single {at}");
        assert!(record(&mut books.worker, *tenant, "call", 1, Some(&id), time).unwrap());
    }
    let ids: Vec<String> = (0..events.len()).map(|at| format!("batch {at}")).collect();
    let (tenants, times): (Vec<Uuid>, Vec<&str>) = events.iter().copied().unzip();
    let sql = "SELECT saas.record_usage_batch($1, array_fill('call'::text, ARRAY[cardinality($1::uuid[])]), array_fill(1::bigint, ARRAY[cardinality($1::uuid[])]), $2,
                 $3::text[]::timestamptz[])";
    let new: i64 = one(&mut books.worker, sql, &[&tenants, &ids, &times]);
    assert_eq!(new, events.len() as i64);
    let sql = "SELECT count(*) FILTER (WHERE b.period = s.period), count(DISTINCT s.period)
                 FROM saas.usage_events s
                 JOIN saas.usage_events b ON b.event_id = replace(s.event_id, 'single', 'batch') AND b.tenant_id = s.tenant_id
                WHERE s.event_id LIKE 'single %' AND b.event_id LIKE 'batch %'";
    let row = books.data.query_one(sql, &[]).unwrap();
    assert_eq!(row.get::<_, i64>(0), events.len() as i64);
    assert!(row.get::<_, i64>(1) > 6, "periods of many kinds");
    books.balanced();
}

/// Fees can be looked at before the month is over, and follow the usage until it is closed.
#[test]
fn fees_of_an_open_month_are_assessed_anew() {
    let mut books = Books::new();
    let acme = books.subscribed("plus", "2026-01-01Z");
    let globex = books.subscribed("plus", "2026-01-01Z");
    let assess = |books: &mut Books| -> i64 {
        one(&mut books.worker, "SELECT saas.assess_usage_fees('2026-01-15')", &[])
    };
    let fees = "SELECT coalesce(sum(total_amount), 0)::bigint FROM saas.usage_fees";
    books.used(acme, "project.create", 1100, JANUARY);
    assert_eq!((books.roll_up("2026-01-15"), books.roll_up("2026-01-15")), (1, 0));
    assert_eq!((assess(&mut books), assess(&mut books)), (1, 1));
    assert_eq!(books.one::<i64>(fees, &[]), 1000);
    books.used(acme, "project.create", 100, JANUARY);
    books.used(globex, "project.create", 1001, JANUARY);
    assert_eq!(
        one::<i64>(&mut books.worker, "SELECT saas.roll_up_usage('2026-01-15', $1)", &[&acme]),
        1
    );
    assert_eq!(assess(&mut books), 1);
    assert_eq!(books.one::<i64>(fees, &[]), 2000);
    books.close("2026-01-01");
    assert_eq!(books.one::<i64>(fees, &[]), 2010);
    assert_eq!((books.roll_up("2026-01-15"), assess(&mut books)), (0, 0));
    assert_eq!(books.one::<i64>(fees, &[]), 2010);
    for sql in ["SELECT saas.roll_up_usage(NULL)", "SELECT saas.assess_usage_fees(NULL)"] {
        assert_sqlstate(books.worker.query(sql, &[]), "23502");
    }
    for sql in
        ["SELECT saas.roll_up_usage('infinity')", "SELECT saas.assess_usage_fees('-infinity')"]
    {
        assert_sqlstate(books.worker.query(sql, &[]), "22023");
    }
    books.balanced();
}

/// Who counts: backends and workers, within their request's tenant.
#[test]
fn a_request_counts_for_its_own_tenant() {
    let mut story = saas_core_tests::story::Story::new();
    story
        .data
        .batch_execute(
            "INSERT INTO saas.plan_features (plan_id, feature_key, included_units) SELECT id, 'call', 1 FROM saas.plans WHERE key = 'free'",
        )
        .unwrap();
    let mut gateway = story.db.kind("gateway");
    let mut transaction = gateway.transaction().unwrap();
    transaction
        .execute("SELECT saas.begin_request_as($1, $2)", &[&story.acme.member.id, &story.acme.id])
        .unwrap();
    let sql = "SELECT saas.record_usage($1, 'call', 1, 'e')";
    assert!(one::<bool>(&mut transaction, sql, &[&story.acme.id]));
    assert_sqlstate(transaction.query(sql, &[&story.globex.id]), "42501");
    drop(transaction);
    for kind in ["app", "admin", "auditor"] {
        assert_sqlstate(story.db.kind(kind).query(sql, &[&story.acme.id]), "42501");
    }
    for kind in ["app", "gateway", "admin", "auditor"] {
        let mut client = story.db.kind(kind);
        assert_sqlstate(client.query("SELECT saas.roll_up_usage('2026-01-01')", &[]), "42501");
        assert_sqlstate(client.query("SELECT saas.assess_usage_fees('2026-01-01')", &[]), "42501");
    }
}
