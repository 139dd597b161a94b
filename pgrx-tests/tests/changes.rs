//! What becomes of a contract: changes, cancellations, pauses, and what they cost.

#[allow(unused)] // of the module that tests of billing share
mod books;

use books::{Books, CANCEL, CANCEL_NOW, PAUSE, RESUME, change};
use saas_core_tests::{assert_sqlstate, story};
use std::sync::Barrier;
use std::thread;
use uuid::Uuid;

fn to(books: &mut Books, tenant: Uuid, plan: &str, at: &str) -> Uuid {
    change(&mut books.worker, tenant, Some(plan), None, "auto", at).unwrap()
}

fn seats(books: &mut Books, tenant: Uuid, seats: i32, at: &str) -> Uuid {
    change(&mut books.worker, tenant, None, Some(seats), "auto", at).unwrap()
}

/// Plans of 10000 to 40000 a month.
fn plans() -> Books {
    let mut books = Books::new();
    for price in [10_000, 20_000, 30_000, 40_000] {
        books.plan(&format!("p{price}"), "base_price", &price.to_string());
    }
    books
}

fn told(books: &mut Books, tenant: Uuid, day: &str) -> Vec<String> {
    let sql =
        "SELECT concat_ws(' ', kind, amount) FROM saas.preview_invoice($1, $2::text::timestamptz)";
    books.data.query(sql, &[&tenant, &day]).unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn the_days_left_are_credited_and_charged_at_full_values() {
    let mut books = plans();
    for (day, lines) in [
        ("16", "subscription 10000, proration -5000, proration 15000 = 20000"),
        ("11", "subscription 10000, proration -6667, proration 20000 = 23333"),
        // On the first day all of it, on the last a thirtieth.
        ("01", "subscription 10000, proration -10000, proration 30000 = 30000"),
        ("30", "subscription 10000, proration -333, proration 1000 = 10667"),
    ] {
        let tenant = books.subscribed("p10000", "2025-06-01Z");
        to(&mut books, tenant, "p30000", &format!("2025-06-{day}T12:00Z"));
        assert_eq!(books.bill(tenant, "2025-06-01"), lines);
        assert_eq!(books.bill(tenant, "2025-07-01"), "subscription 30000 = 30000");
    }
    books.balanced();
}

/// What was last charged is never what is credited.
#[test]
fn three_changes_in_a_month() {
    let mut books = plans();
    let tenant = books.subscribed("p10000", "2025-06-01Z");
    for (plan, day) in [("p20000", "07"), ("p30000", "13"), ("p40000", "19")] {
        to(&mut books, tenant, plan, &format!("2025-06-{day}Z"));
    }
    let expected = [
        "subscription 10000",
        "proration -8000",
        "proration 16000",
        "proration -12000",
        "proration 18000",
        "proration -12000",
        "proration 16000",
    ];
    assert_eq!(told(&mut books, tenant, "2025-06-20Z"), expected);
    assert_eq!(books.bill(tenant, "2025-06-01"), format!("{} = 28000", expected.join(", ")));
    // Once more after a void it is the same.
    let invoice: Uuid =
        books.one("SELECT id FROM saas.payment_invoices WHERE tenant_id = $1", &[&tenant]);
    books.data.execute("SELECT saas.void_invoice($1, 'mistake')", &[&invoice]).unwrap();
    assert_eq!(books.bill(tenant, "2025-06-01"), format!("{} = 28000", expected.join(", ")));
    books.balanced();
}

#[test]
fn what_is_worth_less_waits_for_the_next_period() {
    let mut books = plans();
    // With and without somebody who calls advance_subscriptions.
    for advances in [true, false] {
        let tenant = books.subscribed("p30000", "2025-06-01Z");
        let id = to(&mut books, tenant, "p10000", "2025-06-10Z");
        assert_eq!(
            books.count(&format!("saas.subscription_changes WHERE tenant_id = '{tenant}'")),
            0
        );
        assert_eq!(told(&mut books, tenant, "2025-06-20Z"), ["subscription 30000"]);
        assert_eq!(told(&mut books, tenant, "2025-07-20Z"), ["subscription 10000"]);
        if advances {
            let changed: i64 = story::one(
                &mut books.worker,
                "SELECT saas.advance_subscriptions('2025-07-01Z')",
                &[],
            );
            assert_eq!(changed, 1);
            assert_eq!(
                books.one::<String>("SELECT plan FROM saas.tenants WHERE id = $1", &[&tenant]),
                "p10000"
            );
        }
        assert_eq!(books.bill(tenant, "2025-06-01"), "subscription 30000 = 30000");
        assert_eq!(books.bill(tenant, "2025-07-01"), "subscription 10000 = 10000");
        assert_eq!(
            books.one::<Uuid>(
                "SELECT id FROM saas.tenant_subscriptions WHERE tenant_id = $1",
                &[&tenant]
            ),
            id
        );
    }
    // Staying takes back what waits, and so does resuming.
    let tenant = books.subscribed("p30000", "2025-06-01Z");
    to(&mut books, tenant, "p10000", "2025-06-10Z");
    to(&mut books, tenant, "p30000", "2025-06-11Z");
    assert_eq!(books.bill(tenant, "2025-07-01"), "subscription 30000 = 30000");
    to(&mut books, tenant, "p10000", "2025-08-10Z");
    books.work(RESUME, tenant, "2025-08-11Z").unwrap();
    assert_eq!(books.bill(tenant, "2025-09-01"), "subscription 30000 = 30000");
    assert_sqlstate(books.work(RESUME, tenant, "2025-10-11Z"), "55000");
    books.balanced();
}

#[test]
fn seats_come_at_once_and_go_at_the_end() {
    let mut books = Books::new();
    books.plan("team", "base_price, seat_price, included_seats", "1000, 300, 2");
    let tenant = books.subscribed("team", "2025-06-01Z");
    // Within what is included nothing is due.
    seats(&mut books, tenant, 2, "2025-06-05Z");
    seats(&mut books, tenant, 4, "2025-06-16Z");
    seats(&mut books, tenant, 3, "2025-06-20Z");
    assert_eq!(books.bill(tenant, "2025-06-01"), "subscription 1000, proration 300 = 1300");
    assert_eq!(books.bill(tenant, "2025-07-01"), "subscription 1000, seat 300 = 1300");
    assert_eq!(
        books.one::<Vec<i32>>("SELECT array_agg(seats ORDER BY period_start) FROM saas.billed_periods WHERE tenant_id = $1", &[&tenant]),
        [4, 3]
    );
    // Asked for at once, the days are given back.
    change(&mut books.worker, tenant, None, Some(2), "prorate", "2025-08-17Z").unwrap();
    assert_eq!(
        books.bill(tenant, "2025-08-01"),
        "subscription 1000, seat 300, proration -145 = 1155"
    );
    books.balanced();
}

#[test]
fn a_period_that_is_not_closed_yet_keeps_its_terms() {
    let mut books = plans();
    let tenant = books.subscribed("p10000", "2025-01-01Z");
    to(&mut books, tenant, "p20000", "2025-02-15Z");
    to(&mut books, tenant, "p40000", "2025-03-17Z");
    assert_eq!(books.bill(tenant, "2025-01-01"), "subscription 10000 = 10000");
    assert_eq!(
        books.bill(tenant, "2025-02-01"),
        "subscription 10000, proration -5000, proration 10000 = 15000"
    );
    // Neither a billed day nor one before another change can change any more.
    for day in ["2025-02-20Z", "2025-03-16Z", "2024-12-01Z"] {
        assert_sqlstate(
            change(&mut books.worker, tenant, Some("p30000"), None, "prorate", day),
            "55000",
        );
    }
    assert_sqlstate(books.work(CANCEL_NOW, tenant, "2025-03-16Z"), "55000");
    assert_eq!(
        books.bill(tenant, "2025-03-01"),
        "subscription 20000, proration -9677, proration 19355 = 29678"
    );
    assert_eq!(
        books.periods(tenant),
        ["2025-01-01 - 2025-02-01", "2025-02-01 - 2025-03-01", "2025-03-01 - 2025-04-01"]
    );
    books.balanced();
}

#[test]
fn usage_is_rated_once_by_the_plan_at_the_end() {
    let mut books = plans();
    books.feature("p10000", "calls", 100, Some("10"));
    books.feature("p20000", "calls", 1000, Some("5"));
    let tenant = books.subscribed("p10000", "2025-06-01Z");
    books.used(tenant, "calls", 700, "2025-06-02Z");
    to(&mut books, tenant, "p20000", "2025-06-16Z");
    books.used(tenant, "calls", 700, "2025-06-20Z");
    let lines = "subscription 10000, proration -5000, proration 10000, usage 2000 = 17000";
    assert_eq!(
        told(&mut books, tenant, "2025-06-20Z").join(", "),
        lines.split(" = ").next().unwrap()
    );
    assert_eq!(books.bill(tenant, "2025-06-01"), lines);
    // A unit that comes late is rated as its period was.
    books.used(tenant, "calls", 10, "2025-06-20Z");
    to(&mut books, tenant, "p40000", "2025-07-01Z");
    assert!(books.bill(tenant, "2025-07-01").contains("adjustment 50"));
    books.balanced();
}

#[test]
fn each_day_has_the_minimum_of_its_plan() {
    let mut books = plans();
    books.plan("least", "base_price, minimum_amount", "20000, 60000");
    let tenant = books.subscribed("p10000", "2025-06-01Z");
    to(&mut books, tenant, "least", "2025-06-16Z");
    assert_eq!(
        books.bill(tenant, "2025-06-01"),
        "subscription 10000, proration -5000, proration 10000, minimum 15000 = 30000"
    );
    books.balanced();
}

#[test]
fn a_trial_changes_for_nothing() {
    let mut books = plans();
    let tenant = books.tenant("Trying");
    books.subscribe(tenant, "p30000", 1, "2025-06-01Z", Some("10 days"));
    // Down, too, at once.
    to(&mut books, tenant, "p10000", "2025-06-05Z");
    assert_eq!(books.bill(tenant, "2025-06-01"), "subscription 6667 = 6667");
    assert_eq!(
        books.one::<String>(
            "SELECT status FROM saas.tenant_subscriptions WHERE tenant_id = $1",
            &[&tenant]
        ),
        "active"
    );
    let leaving = books.tenant("Leaving");
    books.subscribe(leaving, "p30000", 1, "2025-06-01Z", Some("10 days"));
    books.work(CANCEL, leaving, "2025-06-05Z").unwrap();
    assert_eq!(books.bill(leaving, "2025-06-01"), "nothing = 0");
    books.balanced();
}

#[test]
fn a_contract_ends_with_its_period_or_at_once() {
    let mut books = plans();
    let (later, now, back) = (
        books.subscribed("p10000", "2025-06-01Z"),
        books.subscribed("p10000", "2025-06-01Z"),
        books.subscribed("p10000", "2025-06-01Z"),
    );
    books.work(CANCEL, later, "2025-06-10Z").unwrap();
    books.work(CANCEL, back, "2025-06-10Z").unwrap();
    books.work(CANCEL_NOW, now, "2025-06-16Z").unwrap();
    // It is about to end: nothing else can come before.
    assert_sqlstate(
        change(&mut books.worker, later, Some("p20000"), None, "auto", "2025-06-12Z"),
        "55000",
    );
    assert!(told(&mut books, later, "2025-07-10Z").is_empty());
    books.work(RESUME, back, "2025-06-20Z").unwrap();
    assert_eq!(told(&mut books, back, "2025-07-10Z"), ["subscription 10000"]);
    assert_eq!(books.bill(now, "2025-06-01"), "subscription 5000 = 5000");
    books.close("2025-06-01");
    books.close("2025-07-01");
    assert_eq!(books.invoices(later), ["2025-06-01 subscription 10000 = 10000"]);
    assert_eq!(books.invoices(now), ["2025-06-01 subscription 5000 = 5000"]);
    assert_eq!(books.invoices(back).len(), 2);
    for tenant in [later, now] {
        assert_eq!(
            books.one::<String>(
                "SELECT concat_ws(' ', plan, billing_state) FROM saas.tenants WHERE id = $1",
                &[&tenant]
            ),
            "free canceled"
        );
        assert_sqlstate(books.work(CANCEL, tenant, "2025-08-01Z"), "55000");
    }
    // Days are billed once: the next contract begins when the last has ended.
    let again = |books: &mut Books, at: &str| {
        books::subscribe(&mut books.worker, later, "p10000", 1, at, None)
    };
    assert_sqlstate(again(&mut books, "2025-06-20Z"), "55000");
    again(&mut books, "2025-07-01Z").unwrap();
    books.balanced();
}

#[test]
fn a_pause_is_not_billed() {
    let mut books = plans();
    let tenant = books.subscribed("p30000", "2025-06-01Z");
    books.work(PAUSE, tenant, "2025-06-11Z").unwrap();
    assert_sqlstate(books.work(PAUSE, tenant, "2025-06-12Z"), "55000");
    assert_sqlstate(
        change(&mut books.worker, tenant, Some("p10000"), None, "auto", "2025-06-12Z"),
        "55000",
    );
    assert_sqlstate(books.work(RESUME, tenant, "2025-06-10Z"), "55000");
    assert_eq!(told(&mut books, tenant, "2025-06-20Z"), ["subscription 10000"]);
    for month in ["2025-06-01", "2025-07-01", "2025-08-01"] {
        books.close(month);
    }
    assert_eq!(books.invoices(tenant), ["2025-06-01 subscription 10000 = 10000"]);
    books.work(RESUME, tenant, "2025-08-22Z").unwrap();
    books.close("2025-09-01");
    assert_eq!(
        books.invoices(tenant)[1..],
        ["2025-08-22 subscription 9677 = 9677", "2025-09-01 subscription 30000 = 30000"]
    );
    assert_eq!(
        books.periods(tenant),
        [
            "2025-06-01 - 2025-06-11",
            "2025-06-11 - 2025-08-22",
            "2025-08-22 - 2025-09-01",
            "2025-09-01 - 2025-10-01"
        ]
    );
    // Within a month, with the usage of all of it; and with a cycle of one's own.
    books.plan("own", "base_price, billing_cycle", "30000, 'anniversary'");
    books.feature("own", "calls", 0, Some("1"));
    for (plan, first) in [("p30000", "2025-06-01"), ("own", "2025-05-20")] {
        let tenant = books.subscribed(plan, &format!("{first}Z"));
        if plan == "own" {
            books.used(tenant, "calls", 7, "2025-06-02Z");
        }
        books.work(PAUSE, tenant, "2025-06-05Z").unwrap();
        books.work(RESUME, tenant, "2025-06-15Z").unwrap();
        if plan == "own" {
            books.used(tenant, "calls", 5, "2025-06-17Z");
        }
        books.bill(tenant, "2025-06-16");
        books.bill(tenant, "2025-07-25");
        let expected: &[&str] = match plan {
            "own" => &[
                "2025-05-20 subscription 15484, usage 7 = 15491",
                "2025-06-15 subscription 4839, adjustment 5 = 4844",
                "2025-06-20 subscription 30000 = 30000",
                "2025-07-20 subscription 30000 = 30000",
            ],
            _ => &[
                "2025-06-01 subscription 4000 = 4000",
                "2025-06-15 subscription 16000 = 16000",
                "2025-07-01 subscription 30000 = 30000",
            ],
        };
        assert_eq!(books.invoices(tenant), expected);
    }
    // Who goes while he pauses owes what he owed before it.
    let gone = books.subscribed("p30000", "2025-06-01Z");
    books.work(PAUSE, gone, "2025-06-11Z").unwrap();
    books.work(CANCEL_NOW, gone, "2025-06-20Z").unwrap();
    books.close("2025-06-01");
    books.close("2025-07-01");
    assert_eq!(books.invoices(gone), ["2025-06-01 subscription 10000 = 10000"]);
    // Months that were left open are closed one after the other before it goes on.
    let behind = books.subscribed("p30000", "2025-05-01Z");
    books.work(PAUSE, behind, "2025-07-11Z").unwrap();
    books.work(RESUME, behind, "2025-07-21Z").unwrap();
    assert_eq!(
        books.periods(behind),
        [
            "2025-05-01 - 2025-06-01",
            "2025-06-01 - 2025-07-01",
            "2025-07-01 - 2025-07-11",
            "2025-07-11 - 2025-07-21"
        ]
    );
    // A year is sold as a whole.
    books.plan("year", "billing_interval", "'yearly'");
    let yearly = books.subscribed("year", "2025-01-01Z");
    assert_sqlstate(books.work(PAUSE, yearly, "2025-02-01Z"), "55000");
    books.balanced();
}

#[test]
fn another_interval_is_another_contract() {
    let mut books = plans();
    books.plan("year", "base_price, billing_interval", "365000, 'yearly'");
    // A year at a thousand a day is worth more than 10000 a month: at once.
    let tenant = books.subscribed("p10000", "2025-01-01Z");
    let first: Uuid =
        books.one("SELECT id FROM saas.tenant_subscriptions WHERE tenant_id = $1", &[&tenant]);
    let second = to(&mut books, tenant, "year", "2025-01-11Z");
    assert_ne!(first, second);
    books.bill(tenant, "2025-01-05");
    for month in 1..=12 {
        books.close(&format!("2025-{month:02}-01"));
    }
    books.close("2026-01-01");
    assert_eq!(
        books
            .invoices(tenant)
            .into_iter()
            .filter(|told| !told.ends_with("nothing = 0"))
            .collect::<Vec<_>>(),
        ["2025-01-01 subscription 3226 = 3226", "2026-01-01 subscription 365000 = 365000"]
    );
    // Back to months when the year is over.
    to(&mut books, tenant, "p10000", "2026-03-01Z");
    let changed: i64 =
        story::one(&mut books.worker, "SELECT saas.advance_subscriptions('2027-01-11Z')", &[]);
    assert_eq!(changed, 1);
    assert_eq!(
        books.one::<String>(
            "SELECT string_agg(concat_ws(' ', p.key, s.status, s.anchor::date), ', ' ORDER BY s.anchor)
               FROM saas.tenant_subscriptions s JOIN saas.plans p ON p.id = s.plan_id WHERE s.tenant_id = $1",
            &[&tenant]
        ),
        "p10000 canceled 2025-01-01, year canceled 2025-01-11, p10000 active 2027-01-11"
    );
    books.balanced();
}

#[test]
fn a_year_changes_by_its_days() {
    let mut books = Books::new();
    for (key, price) in [("small", 36_500), ("large", 73_000)] {
        books.plan(key, "base_price, billing_interval", &format!("{price}, 'yearly'"));
    }
    let tenant = books.subscribed("small", "2025-01-01Z");
    to(&mut books, tenant, "large", "2025-12-22Z");
    for month in 1..=12 {
        books.close(&format!("2025-{month:02}-01"));
    }
    assert_eq!(
        books.invoices(tenant).last().unwrap(),
        "2025-12-01 subscription 36500, proration -1000, proration 2000 = 37500"
    );
    // What is worth less waits until the year is over, and so does an end.
    to(&mut books, tenant, "small", "2026-02-01Z");
    assert_eq!(
        books.one::<String>(
            "SELECT scheduled_for::text FROM saas.tenant_subscriptions WHERE tenant_id = $1",
            &[&tenant]
        ),
        "2027-01-01"
    );
    books.work(CANCEL, tenant, "2026-02-01Z").unwrap();
    assert_eq!(
        books.one::<String>("SELECT (cancel_at AT TIME ZONE 'UTC')::date::text FROM saas.tenant_subscriptions WHERE tenant_id = $1", &[&tenant]),
        "2027-01-01"
    );
    books.balanced();
}

#[test]
fn a_preview_is_the_change_undone() {
    let mut books = plans();
    let tenant = books.subscribed("p10000", "2025-06-01Z");
    let preview = |books: &mut Books, plan: &str, mode: &str| -> Vec<String> {
        let sql = "SELECT concat_ws(' ', kind, amount) FROM saas.preview_change($1, $2, NULL, $3, '2025-06-16Z')";
        books
            .data
            .query(sql, &[&tenant, &plan, &mode])
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect()
    };
    let before: String = books
        .one("SELECT s::text FROM saas.tenant_subscriptions s WHERE tenant_id = $1", &[&tenant]);
    let logged = books.count("saas.platform_audit_logs");
    let now = preview(&mut books, "p30000", "auto");
    assert_eq!(now, ["subscription 10000", "proration -5000", "proration 15000"]);
    assert_eq!(preview(&mut books, "p30000", "next_period"), ["subscription 30000"]);
    assert_eq!(
        books.one::<String>(
            "SELECT s::text FROM saas.tenant_subscriptions s WHERE tenant_id = $1",
            &[&tenant]
        ),
        before
    );
    assert_eq!(books.count("saas.platform_audit_logs"), logged);
    assert_eq!(books.count("saas.subscription_changes"), 0);
    // Errors are those of the change, with their hints.
    let error = assert_sqlstate(
        books.data.query("SELECT saas.preview_change($1, 'p3000')", &[&tenant]),
        "42704",
    );
    assert!(error.hint().unwrap().contains("p30000"), "{error:?}");
    to(&mut books, tenant, "p30000", "2025-06-16Z");
    assert_eq!(books.bill(tenant, "2025-06-01"), format!("{} = 20000", now.join(", ")));
}

#[test]
fn nobody_is_put_out_by_a_smaller_plan() {
    let mut books = plans();
    books.plan("tiny", "base_price, member_seat, guest_count", "500, 1, 0");
    let tenant = books.tenant("Crowded");
    books.subscribe(tenant, "p10000", 5, "2025-06-01Z", None);
    for n in 0..3 {
        books.run(&format!(
            "INSERT INTO saas.users (email) VALUES ('u{n}@example.com');
             INSERT INTO saas.tenant_members (tenant_id, user_id, role_id, member_type)
             SELECT '{tenant}', u.id, r.id, '{}' FROM saas.users u, saas.roles r WHERE u.email = 'u{n}@example.com' AND r.key = 'tenant_owner'",
            if n < 2 { "member" } else { "guest" }
        ));
    }
    let mut refused = |plan: Option<&str>, seats: Option<i32>, says: &str| {
        let error = assert_sqlstate(
            change(&mut books.worker, tenant, plan, seats, "auto", "2025-06-10Z"),
            "53400",
        );
        assert!(error.message().contains(says), "{error:?}");
    };
    refused(None, Some(1), "2 members and would have 1 seats");
    refused(Some("tiny"), Some(2), "1 seats at most");
    refused(Some("tiny"), Some(1), "2 members and would have 1 seats");
    refused(None, Some(101), "100 seats at most");
    books.run(&format!("DELETE FROM saas.tenant_members m USING saas.users u WHERE u.id = m.user_id AND u.email = 'u1@example.com' AND m.tenant_id = '{tenant}'"));
    let error = assert_sqlstate(
        change(&mut books.worker, tenant, Some("tiny"), Some(1), "auto", "2025-06-10Z"),
        "53400",
    );
    assert!(error.message().contains("1 guests and would have room for 0"), "{error:?}");
    change(&mut books.worker, tenant, None, Some(2), "auto", "2025-06-10Z").unwrap();
}

#[test]
fn changes_at_once_follow_each_other() {
    let mut books = plans();
    let tenant = books.subscribed("p10000", "2025-06-01Z");
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        for seats in 2..6 {
            let mut worker = books.db.kind("worker");
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                change(&mut worker, tenant, None, Some(seats), "prorate", "2025-06-10Z").unwrap();
            });
        }
    });
    assert_eq!(
        books.count("saas.subscription_changes c LEFT JOIN saas.subscription_changes n ON n.subscription_id = c.subscription_id AND n.number = c.number + 1
           WHERE (c.to_plan_id, c.to_seats) IS DISTINCT FROM (n.from_plan_id, n.from_seats) AND n.id IS NOT NULL"),
        0
    );
    assert_eq!(books.count("saas.subscription_changes"), 4);
    // Two who advance at once change once.
    to(&mut books, tenant, "p40000", "2025-06-11Z");
    to(&mut books, tenant, "p10000", "2025-06-12Z");
    let changed: i64 = thread::scope(|scope| {
        let advancing: Vec<_> = (0..2)
            .map(|_| {
                let mut worker = books.db.kind("worker");
                scope.spawn(move || {
                    story::one::<i64>(
                        &mut worker,
                        "SELECT saas.advance_subscriptions('2025-07-01Z')",
                        &[],
                    )
                })
            })
            .collect();
        advancing.into_iter().map(|advancing| advancing.join().unwrap()).sum()
    });
    assert_eq!(changed, 1);
    books.balanced();
}

#[test]
fn who_may_change_a_contract() {
    let mut books = plans();
    let (tenant, other) = (books.tenant("Acme"), books.tenant("Globex"));
    for (email, role, of) in [
        ("owner@example.com", "tenant_owner", tenant),
        ("admin@example.com", "tenant_admin", tenant),
        ("stranger@example.com", "tenant_owner", other),
    ] {
        books.run(&format!(
            "INSERT INTO saas.users (email) VALUES ('{email}');
             INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
             SELECT '{of}', u.id, r.id FROM saas.users u, saas.roles r WHERE u.email = '{email}' AND r.key = '{role}'"
        ));
    }
    books.run(&format!("SELECT saas.subscribe('{tenant}', 'p10000', 3)"));
    let tokens: Vec<String> = ["owner", "admin", "stranger"]
        .iter()
        .map(|who| books.one(&format!("SELECT saas.create_session(id) FROM saas.users WHERE email = '{who}@example.com'"), &[]))
        .collect();
    let mut app = books.db.kind("app");
    let calls = [
        format!("saas.change_subscription('{tenant}', 'p20000')"),
        format!("saas.cancel_subscription('{tenant}')"),
        format!("saas.pause_subscription('{tenant}')"),
        format!("saas.resume_subscription('{tenant}')"),
        format!(
            "saas.change_subscription('{tenant}', seats => 2, as_of => now() + interval '1 second')"
        ),
        format!("saas.cancel_subscription('{tenant}', as_of => now() - interval '1 day')"),
        format!("saas.preview_change('{tenant}', seats => 2)"),
        format!("saas.change_subscription('{tenant}', seats => 2, mode => 'prorate')"),
        format!("saas.change_subscription('{tenant}', seats => 2, mode => 'next_period')"),
    ];
    let mut tried = |token: Option<&str>, call: &str| -> String {
        let mut transaction = app.transaction().unwrap();
        if let Some(token) = token {
            transaction.query("SELECT saas.begin_request($1)", &[&token]).unwrap();
        }
        let outcome = transaction.query(&format!("SELECT {call}"), &[]);
        outcome.map_or_else(|error| error.code().unwrap().code().to_owned(), |_| "done".into())
    };
    let outcomes = |tried: &mut dyn FnMut(&str) -> String| {
        calls.iter().map(|call| tried(call)).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        outcomes(&mut |call| tried(None, call)),
        "28000 28000 28000 28000 28000 28000 28000 28000 28000"
    );
    assert_eq!(
        outcomes(&mut |call| tried(Some(&tokens[0]), call)),
        "done done 42501 55000 42501 42501 done 42501 done"
    );
    assert_eq!(
        outcomes(&mut |call| tried(Some(&tokens[1]), call)),
        "42501 42501 42501 42501 42501 42501 done 42501 42501"
    );
    assert_eq!(
        outcomes(&mut |call| tried(Some(&tokens[2]), call)),
        "42501 42501 42501 42501 42501 42501 42501 42501 42501"
    );
    for (call, sqlstate) in [
        ("saas.change_subscription(NULL, 'p20000')", "23502"),
        ("saas.change_subscription($1, NULL)", "22023"),
        ("saas.change_subscription($1, 'p20000', mode => 'soon')", "22023"),
        ("saas.change_subscription($1, 'p20000', mode => NULL)", "23502"),
        ("saas.change_subscription($1, seats => 0)", "22023"),
        ("saas.change_subscription($1, seats => 2, as_of => 'infinity')", "22023"),
        ("saas.change_subscription($1, seats => 2, as_of => '-infinity')", "22023"),
        ("saas.change_subscription($1, 'nothing')", "42704"),
        ("saas.cancel_subscription($1, NULL)", "23502"),
        ("saas.pause_subscription($1, NULL)", "23502"),
        ("saas.advance_subscriptions('infinity')", "22023"),
        ("saas.advance_subscriptions(NULL)", "23502"),
        ("saas.change_subscription('00000000-0000-0000-0000-000000000009', seats => 2)", "23503"),
    ] {
        let sql = format!("SELECT {}", call.replace("$1", &format!("'{tenant}'")));
        assert_sqlstate(books.worker.query(&sql, &[]), sqlstate);
    }
    // What was changed stays known.
    books.run(&format!("SELECT saas.change_subscription('{tenant}', 'p20000')"));
    for sql in [
        "UPDATE saas.subscription_changes SET day = day + 1",
        "DELETE FROM saas.subscription_changes",
        "TRUNCATE saas.subscription_changes CASCADE",
    ] {
        assert_sqlstate(books.data.execute(sql, &[]), "55000");
    }
}

/// A plan that comes and goes on one day is paid for that day, and then has rated the month's usage.
#[test]
fn a_day_that_has_begun_counts() {
    let mut books = Books::new();
    books.plan("u", "", "");
    books.feature("u", "calls", 0, Some("10"));
    for (key, columns, values, bills) in [
        (
            "ent",
            "base_price",
            "900000",
            &["2025-09-01 subscription 967, proration -33, proration 30000 = 30934"][..],
        ),
        (
            "enty",
            "base_price, billing_interval",
            "9125000, 'yearly'",
            &["2025-09-01 subscription 933 = 933", "2025-09-29 subscription 25000 = 25000"],
        ),
    ] {
        books.plan(key, columns, values);
        books.feature(key, "calls", 1_000_000, None);
        let tenant = books.subscribed("u", "2025-09-01Z");
        books.used(tenant, "calls", 10_000, "2025-09-10Z");
        to(&mut books, tenant, key, "2025-09-29T10:00Z");
        books.work(CANCEL_NOW, tenant, "2025-09-29T11:00Z").unwrap();
        books.close("2025-09-01");
        assert_eq!(books.invoices(tenant), bills, "{key}");
    }
    books.balanced();
}

#[test]
fn a_pause_closes_no_usage_and_takes_no_fee() {
    let mut books = Books::new();
    books.plan("a", "base_price, setup_fee", "3000, 50000");
    books.feature("a", "calls", 0, Some("10"));
    let tenant = books.subscribed("a", "2025-10-01Z");
    books.work(PAUSE, tenant, "2025-10-01Z").unwrap();
    books.work(RESUME, tenant, "2025-10-11Z").unwrap();
    books.used(tenant, "calls", 100, "2025-10-15Z");
    let lines = "subscription 2032, usage 1000, setup 50000";
    assert_eq!(told(&mut books, tenant, "2025-10-20Z").join(", "), lines);
    assert_eq!(books.bill(tenant, "2025-10-20"), format!("{lines} = 53032"));
    // Each part of a split month has its own minimum, and usage of all of it counts once.
    books.plan("min", "base_price, minimum_amount", "3000, 30000");
    books.feature("min", "calls", 0, Some("10"));
    for (units, last) in [
        (0, "subscription 1000, minimum 9000 = 10000"),
        (3000, "subscription 1000, adjustment 30000 = 31000"),
    ] {
        let split = books.subscribed("min", "2025-09-01Z");
        books.work(PAUSE, split, "2025-09-11Z").unwrap();
        books.work(RESUME, split, "2025-09-21Z").unwrap();
        if units > 0 {
            books.used(split, "calls", units, "2025-09-25Z");
        }
        books.bill(split, "2025-09-25");
        assert_eq!(
            books.invoices(split),
            [
                "2025-09-01 subscription 1000, minimum 9000 = 10000".to_owned(),
                format!("2025-09-21 {last}")
            ]
        );
    }
    // A pause that is still ahead of what is billed cuts the preview as it will cut the invoice.
    let ahead = books.subscribed("min", "2025-09-01Z");
    books.work(PAUSE, ahead, "2025-10-11Z").unwrap();
    assert_eq!(told(&mut books, ahead, "2025-10-05Z"), ["subscription 968", "minimum 8709"]);
    books.balanced();
}

#[test]
fn each_plan_is_taxed_as_itself() {
    let mut books = plans();
    books.run(
        "SELECT saas.set_tax_rate('DE', 19, '2021-01-01'), saas.set_tax_rate('DE', 7, '2021-01-01', 'Reduced', 'reduced'),
                saas.set_tax_category('plan', 'p10000', 'reduced')",
    );
    let tenant = books.tenant("Taxed");
    books.run(&format!(r#"SELECT saas.set_billing_details('{tenant}', '{{"country": "DE"}}')"#));
    books.subscribe(tenant, "p10000", 1, "2025-09-01Z", None);
    to(&mut books, tenant, "p30000", "2025-09-16Z");
    assert_eq!(
        books.bill(tenant, "2025-09-01"),
        "subscription 10000, proration -5000, proration 15000, tax 350, tax 2850 = 23200"
    );
    books.balanced();
}
