//! Plans that are billed in advance: what is charged when, once, and what is not given back.

#[allow(unused)] // of the module that tests of billing share
mod books;

use books::{Books, change};
use saas_core_tests::{assert_sqlstate, story};
use std::sync::Barrier;
use std::thread;
use uuid::Uuid;

fn advance(books: &mut Books, at: &str) -> i64 {
    story::one(
        &mut books.worker,
        "SELECT saas.advance_subscriptions($1::text::timestamptz)",
        &[&at],
    )
}

fn preview_change(
    books: &mut Books,
    tenant: Uuid,
    plan: Option<&str>,
    seats: Option<i32>,
    at: &str,
) -> String {
    books.one(
        "SELECT coalesce(string_agg(concat_ws(' ', kind, amount), ', ' ORDER BY position), 'nothing')
           FROM saas.preview_change($1, $2, $3, 'auto', $4::text::timestamptz)",
        &[&tenant, &plan, &seats, &at],
    )
}

/// `2026-01-15 - 2026-02-01`: the days whose fee is charged, in the chain's order.
fn charged(books: &mut Books, tenant: Uuid) -> Vec<String> {
    let sql = "SELECT fee_start || ' - ' || fee_end FROM saas.advance_fees WHERE tenant_id = $1 ORDER BY fee_start";
    books.data.query(sql, &[&tenant]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// `small` and `large` a month in advance for 10000 and 30000, with 500 a seat beyond the first and calls at 10; `year` is 60000.
fn plans() -> Books {
    let mut books = Books::new();
    for (key, price, interval) in
        [("small", 10_000, "monthly"), ("large", 30_000, "monthly"), ("year", 60_000, "yearly")]
    {
        books.plan(
            key,
            "base_price, seat_price, bill_in, billing_interval",
            &format!("{price}, 500, 'advance', '{interval}'"),
        );
        books.feature(key, "calls", 100, Some("10"));
    }
    books
}

#[test]
fn the_fee_comes_first_and_the_usage_with_the_next() {
    let mut books = plans();
    let tenant = books.tenant("advance");
    books.subscribe(tenant, "small", 3, "2025-06-16Z", None);
    // Half of June at once.
    assert_eq!(books.invoices(tenant), ["2025-06-16 subscription 5000, seat 500 = 5500"]);
    books.used(tenant, "calls", 150, "2025-06-20Z");
    let expected = "subscription 10000, seat 1000, usage 500";
    assert_eq!(books.preview(tenant, "2025-06-20Z"), expected);
    assert_eq!(books.preview(tenant, "2025-07-20Z"), "subscription 10000, seat 1000");
    books.close("2025-06-01");
    books.close("2025-07-01");
    assert_eq!(
        books.invoices(tenant),
        [
            "2025-06-16 subscription 5000, seat 500 = 5500",
            "2025-06-16 subscription 10000, seat 1000, usage 500 = 11500",
            "2025-07-01 subscription 10000, seat 1000 = 11000",
        ]
    );
    assert_eq!(
        charged(&mut books, tenant),
        ["2025-06-16 - 2025-07-01", "2025-07-01 - 2025-08-01", "2025-08-01 - 2025-09-01"]
    );
    assert_eq!(advance(&mut books, "2025-08-20Z"), 0);
    books.balanced();
}

#[test]
fn a_contract_that_ends_owes_no_further_fee_and_gets_none_back() {
    let mut books = plans();
    // At the period's end, asked for before it was charged; and at once, in the middle of what is paid.
    for (at_end, expected) in [(true, "usage 500 = 500"), (false, "usage 500 = 500")] {
        let tenant = books.subscribed("small", "2025-06-01Z");
        books.used(tenant, "calls", 150, "2025-06-05Z");
        books
            .worker
            .execute("SELECT saas.cancel_subscription($1, $2, '2025-06-10Z')", &[&tenant, &at_end])
            .unwrap();
        assert_eq!(books.bill(tenant, "2025-06-01"), expected);
        assert_eq!(charged(&mut books, tenant), ["2025-06-01 - 2025-07-01"]);
    }
    // A month that has begun is owed, also when its fee was not charged yet because nobody had closed the one before.
    let tenant = books.subscribed("small", "2025-06-01Z");
    books
        .worker
        .execute("SELECT saas.cancel_subscription($1, false, '2025-07-02Z')", &[&tenant])
        .unwrap();
    assert_eq!(books.bill(tenant, "2025-06-01"), "subscription 10000 = 10000");
    assert_eq!(books.bill(tenant, "2025-07-01"), "nothing = 0");
    books.balanced();
}

#[test]
fn a_change_is_charged_at_once_and_by_itself() {
    let mut books = plans();
    let tenant = books.subscribed("small", "2025-06-01Z");
    let expected = "proration -5000, proration 15000";
    assert_eq!(preview_change(&mut books, tenant, Some("large"), None, "2025-06-16Z"), expected);
    assert_eq!(books.invoices(tenant).len(), 1);
    books.to(tenant, "large", "auto", "2025-06-16Z");
    change(&mut books.worker, tenant, None, Some(3), "auto", "2025-06-16Z").unwrap();
    assert_eq!(
        books.invoices(tenant),
        [
            "2025-06-01 subscription 10000 = 10000",
            "2025-06-16 proration -5000, proration 15000 = 10000",
            "2025-06-16 proration 500 = 500",
        ]
    );
    // What is worth less waits for the fee that follows.
    let expected = "subscription 10000, seat 1000";
    assert_eq!(preview_change(&mut books, tenant, Some("small"), None, "2025-06-20Z"), expected);
    books.to(tenant, "small", "auto", "2025-06-20Z");
    assert_eq!(books.bill(tenant, "2025-06-01"), format!("{expected} = 11000"));
    // Asked for at once by who bills, it gives back.
    change(&mut books.worker, tenant, None, Some(1), "prorate", "2025-07-17Z").unwrap();
    assert_eq!(
        books.invoices(tenant).pop().unwrap(),
        "2025-07-17 proration -484, adjustment 484 = 0"
    );
    assert_eq!(books.balance(tenant), 484);
    assert_eq!(books.bill(tenant, "2025-07-01"), "subscription 10000, credit -484 = 9516");
    books.balanced();
}

#[test]
fn a_change_before_its_fee_is_charged_comes_with_it() {
    let mut books = plans();
    let tenant = books.subscribed("small", "2025-06-01Z");
    // June is not closed yet when July changes.
    books.to(tenant, "large", "auto", "2025-07-17Z");
    let lines = "subscription 10000, proration -4839, proration 14516";
    assert_eq!(books.preview(tenant, "2025-06-20Z"), lines);
    assert_eq!(books.bill(tenant, "2025-06-01"), format!("{lines} = 19677"));
    // One in days that span two charged fees is charged in both.
    let tenant = books.subscribed("small", "2025-06-01Z");
    books.bill(tenant, "2025-06-01");
    books.bill(tenant, "2025-07-01");
    let sql = "SELECT count(*) FROM saas.charged_changes WHERE tenant_id = $1";
    assert_eq!(books.one::<i64>(sql, &[&tenant]), 0);
    books.to(tenant, "large", "auto", "2025-08-01Z");
    assert_eq!(
        books.invoices(tenant).pop().unwrap(),
        "2025-08-01 proration -10000, proration 30000 = 20000"
    );
    assert_eq!(books.one::<i64>(sql, &[&tenant]), 1);
    books.balanced();
}

#[test]
fn nothing_is_due_before_the_trial_is_over() {
    let mut books = plans();
    let tenant = books.tenant("trial");
    books.subscribe(tenant, "small", 1, "2035-06-06 12:00Z", Some("10 days"));
    assert!(books.invoices(tenant).is_empty());
    assert_eq!(advance(&mut books, "2035-06-16 11:00Z"), 0);
    assert_eq!(books.preview(tenant, "2035-06-10Z"), "subscription 10000");
    assert_eq!(advance(&mut books, "2035-06-16 12:00Z"), 2);
    assert_eq!(books.invoices(tenant), ["2035-06-16 subscription 5000 = 5000"]);
    assert_eq!(advance(&mut books, "2035-06-30Z"), 0);
    // One that was over before anybody heard of the contract.
    let late = books.tenant("late");
    books.subscribe(late, "small", 1, "2025-06-06 12:00Z", Some("10 days"));
    assert_eq!(books.invoices(late), ["2025-06-16 subscription 5000 = 5000"]);
    assert_eq!(books.bill(late, "2025-06-01"), "subscription 10000 = 10000");
    // Who leaves within the trial owes nothing, also on its last day.
    let gone = books.tenant("gone");
    books.subscribe(gone, "small", 1, "2035-06-06 12:00Z", Some("10 days"));
    books
        .worker
        .execute("SELECT saas.cancel_subscription($1, false, '2035-06-16 10:00Z')", &[&gone])
        .unwrap();
    advance(&mut books, "2035-06-20Z");
    assert!(books.invoices(gone).is_empty());
    // A larger plan may end it, and is charged then.
    let larger = books.tenant("larger");
    books.subscribe(larger, "small", 1, "2035-06-06Z", Some("10 days"));
    let expected = "subscription 8000, proration -8000, proration 24000";
    assert_eq!(preview_change(&mut books, larger, Some("large"), None, "2035-06-07Z"), expected);
    books.to(larger, "large", "auto", "2035-06-07Z");
    assert_eq!(books.invoices(larger), [format!("2035-06-07 {expected} = 24000")]);
    books.balanced();
}

#[test]
fn a_contract_that_is_to_come_is_charged_when_it_begins() {
    let mut books = plans();
    let tenant = books.subscribed("small", "2035-06-10 15:00Z");
    assert_eq!(advance(&mut books, "2035-06-10 14:00Z"), 0);
    assert_eq!(advance(&mut books, "2035-06-10 15:00Z"), 1);
    assert_eq!(books.invoices(tenant), ["2035-06-10 subscription 7000 = 7000"]);
}

#[test]
fn a_year_in_advance() {
    let mut books = plans();
    let tenant = books.subscribed("year", "2024-03-10Z");
    assert_eq!(books.invoices(tenant), ["2024-03-10 subscription 60000 = 60000"]);
    books.used(tenant, "calls", 150, "2024-04-20Z");
    // Two seats for the 150 days that are left of 365.
    change(&mut books.worker, tenant, None, Some(3), "auto", "2024-10-11Z").unwrap();
    assert_eq!(books.invoices(tenant).pop().unwrap(), "2024-10-11 proration 411 = 411");
    books.bill(tenant, "2024-03-31");
    assert_eq!(books.bill(tenant, "2024-04-30"), "usage 500 = 500");
    books.bill(tenant, "2025-02-28");
    // The second year begins within a month: it is charged then, by the daily job or else before the month is closed.
    assert_eq!(advance(&mut books, "2025-03-09Z"), 0);
    assert_eq!(books.preview(tenant, "2025-03-20Z"), "nothing");
    let lines = "subscription 60000, seat 1000";
    assert_eq!(advance(&mut books, "2025-03-10Z"), 1);
    assert_eq!(books.invoices(tenant).pop().unwrap(), format!("2025-03-10 {lines} = 61000"));
    assert_eq!(books.bill(tenant, "2025-03-31"), "nothing = 0");
    assert_eq!(charged(&mut books, tenant), ["2024-03-10 - 2025-03-10", "2025-03-10 - 2026-03-10"]);
    let other = books.subscribed("year", "2024-03-10Z");
    assert_eq!(books.bill(other, "2025-03-31"), "nothing = 0");
    assert_eq!(books.invoices(other).pop().unwrap(), "2025-03-10 subscription 60000 = 60000");
    assert_eq!(charged(&mut books, other), ["2024-03-10 - 2025-03-10", "2025-03-10 - 2026-03-10"]);
    assert_sqlstate(
        books.worker.execute("SELECT saas.pause_subscription($1, '2025-05-01Z')", &[&other]),
        "55000",
    );
    books.balanced();
}

#[test]
fn another_contract_waits_until_what_is_paid_is_over() {
    let mut books = plans();
    books.plan("arrears", "base_price", "20000");
    let tenant = books.subscribed("small", "2025-06-01Z");
    // Asked for at once it is refused, by itself it waits.
    assert_sqlstate(
        change(&mut books.worker, tenant, Some("arrears"), None, "prorate", "2025-06-10Z"),
        "55000",
    );
    books.to(tenant, "arrears", "auto", "2025-06-10Z");
    assert_eq!(books.preview(tenant, "2025-06-20Z"), "nothing");
    assert_eq!(advance(&mut books, "2025-07-01Z"), 1);
    assert_eq!(books.bill(tenant, "2025-06-01"), "nothing = 0");
    assert_eq!(books.bill(tenant, "2025-07-01"), "subscription 20000 = 20000");
    // From arrears into advance it may be at once: the days until then come at the end, those after it now.
    assert_eq!(
        preview_change(&mut books, tenant, Some("large"), None, "2025-08-17Z"),
        "subscription 14516"
    );
    books.to(tenant, "large", "auto", "2025-08-17Z");
    assert_eq!(books.invoices(tenant).pop().unwrap(), "2025-08-17 subscription 14516 = 14516");
    books.close("2025-08-01");
    assert_eq!(
        books.invoices(tenant)[3..],
        [
            "2025-08-01 subscription 10323 = 10323",
            "2025-08-17 subscription 14516 = 14516",
            "2025-08-17 subscription 30000 = 30000"
        ]
    );
    books.balanced();
}

#[test]
fn set_up_minimum_coupons_and_credits() {
    let mut books = Books::new();
    books.plan(
        "base",
        "base_price, setup_fee, minimum_amount, bill_in, seat_price",
        "10000, 300, 12000, 'advance', 500",
    );
    books.plan(
        "more",
        "base_price, setup_fee, minimum_amount, bill_in, seat_price",
        "20000, 500, 20000, 'advance', 500",
    );
    books.feature("base", "calls", 0, Some("10"));
    let tenant = books.tenant("all");
    books.credit(tenant, 1000, 50, None);
    books.subscribe(tenant, "base", 1, "2025-06-01Z", None);
    assert_eq!(
        books.invoices(tenant),
        ["2025-06-01 subscription 10000, setup 300, credit -1000 = 9300"]
    );
    // June used 500 and paid 10000 of at least 12000; what is paid for July does not count for June.
    books.used(tenant, "calls", 50, "2025-06-20Z");
    let lines = "subscription 10000, usage 500, minimum 1500";
    assert_eq!(books.preview(tenant, "2025-06-20Z"), lines);
    // Nor does a month that is only previewed leave out what its own fee has paid.
    assert_eq!(books.preview(tenant, "2025-07-20Z"), "subscription 10000, minimum 2000");
    assert_eq!(books.bill(tenant, "2025-06-01"), format!("{lines} = 12000"));
    // The dearer plan owes the difference of the set-up fee, with the change.
    books.to(tenant, "more", "auto", "2025-07-01Z");
    assert_eq!(
        books.invoices(tenant).pop().unwrap(),
        "2025-07-01 proration -10000, proration 20000, setup 200 = 10200"
    );
    assert_eq!(books.bill(tenant, "2025-07-01"), "subscription 20000 = 20000");
    books.balanced();

    // A share once: the change has it too, since what it credits was paid with it; the next month has not.
    for code in [
        r#"{"code": "HALF", "percent": "50", "invoices": 1}"#,
        r#"{"code": "FIVE", "amounts": {"USD": 500}}"#,
    ] {
        books.data.execute("SELECT saas.define_coupon($1::text::jsonb)", &[&code]).unwrap();
    }
    let half = books.tenant("half");
    books.data.execute("SELECT saas.apply_coupon($1, 'HALF', '2025-06-01Z')", &[&half]).unwrap();
    books.plan("plain", "base_price, bill_in", "10000, 'advance'");
    books.plan("rich", "base_price, bill_in", "30000, 'advance'");
    books.subscribe(half, "plain", 1, "2025-06-01Z", None);
    books.to(half, "rich", "auto", "2025-06-16Z");
    assert_eq!(
        books.invoices(half),
        [
            "2025-06-01 subscription 10000, discount -5000 = 5000",
            "2025-06-16 proration -5000, proration 15000, discount -5000 = 5000"
        ]
    );
    assert_eq!(books.bill(half, "2025-06-01"), "subscription 30000 = 30000");
    // An amount for ever is taken off each fee, and by its days: not again off the change, nor off the last usage.
    let five = books.tenant("five");
    books.data.execute("SELECT saas.apply_coupon($1, 'FIVE', '2025-06-01Z')", &[&five]).unwrap();
    books.subscribe(five, "plain", 1, "2025-06-16Z", None);
    books.to(five, "rich", "auto", "2025-06-16Z");
    books.bill(five, "2025-06-30");
    books
        .worker
        .execute("SELECT saas.cancel_subscription($1, true, '2025-07-10Z')", &[&five])
        .unwrap();
    books.bill(five, "2025-07-01");
    assert_eq!(
        books.invoices(five),
        [
            "2025-06-16 subscription 5000, discount -250 = 4750",
            "2025-06-16 proration -5000, proration 15000 = 10000",
            "2025-06-16 subscription 30000, discount -500 = 29500",
            "2025-07-01 nothing = 0"
        ]
    );
    books.balanced();
}

#[test]
fn a_set_up_fee_is_owed_once_whatever_changes_on_its_day() {
    let mut books = Books::new();
    for (key, price, fee) in [("base", 10_000, 300), ("more", 20_000, 500)] {
        books.plan(key, "base_price, setup_fee, bill_in", &format!("{price}, {fee}, 'advance'"));
    }
    // More on the day of the fee owes the difference with the change.
    let tenant = books.subscribed("base", "2025-06-01Z");
    books.to(tenant, "more", "auto", "2025-06-01Z");
    assert_eq!(
        books.invoices(tenant),
        [
            "2025-06-01 subscription 10000, setup 300 = 10300",
            "2025-06-01 proration -10000, proration 20000, setup 200 = 10200",
        ]
    );
    // Less, and more again: what was owed was owed once.
    books.to(tenant, "base", "prorate", "2025-06-01Z");
    books.to(tenant, "more", "auto", "2025-06-16Z");
    assert_eq!(
        books.invoices(tenant).pop().unwrap(),
        "2025-06-16 proration -5000, proration 10000, credit -5000 = 0"
    );
    let other = books.subscribed("more", "2025-06-01Z");
    books.to(other, "base", "prorate", "2025-06-01Z");
    books.to(other, "more", "auto", "2025-06-16Z");
    let setups: i64 = books.one(
        "SELECT sum(amount)::bigint FROM saas.payment_invoice_lines WHERE tenant_id = $1 AND kind = 'setup'",
        &[&other],
    );
    assert_eq!(setups, 500);
    books.balanced();
}

#[test]
fn a_void_fee_or_change_is_made_again_as_it_was() {
    let mut books = plans();
    let tenant = books.subscribed("small", "2025-06-01Z");
    books.to(tenant, "large", "auto", "2025-06-16Z");
    books.bill(tenant, "2025-06-01");
    change(&mut books.worker, tenant, None, Some(2), "auto", "2025-07-16Z").unwrap();
    let before = books.invoices(tenant);
    let all: Vec<Uuid> = books.one(
        "SELECT array_agg(id ORDER BY period_start, id) FROM saas.payment_invoices WHERE tenant_id = $1",
        &[&tenant],
    );
    for (invoice, day) in all.iter().zip(["2025-06-01", "2025-06-20", "2025-06-20", "2025-07-20"]) {
        books.data.execute("SELECT saas.void_invoice($1, 'mistake')", &[invoice]).unwrap();
        books.bill(tenant, day);
    }
    let mut again = books.invoices(tenant);
    let mut twice: Vec<String> = before.iter().chain(&before).cloned().collect();
    again.sort();
    twice.sort();
    assert_eq!(again, twice);
    assert_eq!(books.count("saas.payment_invoices WHERE status <> 'void'"), before.len() as i64);
    // What is charged stays what it was, whoever writes.
    for sql in [
        "DELETE FROM saas.advance_fees",
        "UPDATE saas.advance_fees SET fee_end = fee_end + 1",
        "UPDATE saas.charged_changes SET charged_at = now()",
        "DELETE FROM saas.charged_changes",
        "TRUNCATE saas.advance_fees CASCADE",
        "TRUNCATE saas.charged_changes",
    ] {
        assert_sqlstate(books.data.execute(sql, &[]), "55000");
    }
    books.balanced();
}

#[test]
fn periods_of_its_own_and_a_tax_that_changes() {
    let mut books = Books::new();
    books.plan("own", "base_price, bill_in, billing_cycle", "10000, 'advance', 'anniversary'");
    books.feature("own", "calls", 0, Some("10"));
    for (percent, day) in [("10", "2025-01-01"), ("20", "2025-02-28")] {
        books
            .data
            .execute(
                "SELECT saas.set_tax_rate('DE', $1::text::numeric, $2::text::date)",
                &[&percent, &day],
            )
            .unwrap();
    }
    let tenant = books.tenant("own");
    books
        .data
        .execute("SELECT saas.set_billing_details($1, '{\"country\": \"DE\"}')", &[&tenant])
        .unwrap();
    books.subscribe(tenant, "own", 1, "2025-01-31Z", None);
    books.used(tenant, "calls", 100, "2025-02-10Z");
    // What comes first is taxed as on its first day, usage as on its last.
    let lines = "subscription 10000, usage 1000, tax 100, tax 2000";
    assert_eq!(books.preview(tenant, "2025-02-01Z"), lines);
    assert_eq!(books.bill(tenant, "2025-02-01"), format!("{lines} = 13100"));
    assert_eq!(books.invoices(tenant)[0], "2025-01-31 subscription 10000, tax 1000 = 11000");
    assert_eq!(charged(&mut books, tenant), ["2025-01-31 - 2025-02-28", "2025-02-28 - 2025-03-31"]);
    books.balanced();
}

#[test]
fn add_ons_come_with_the_fee_or_by_themselves() {
    let mut books = Books::new();
    for (key, price) in [("app", 500), ("large", 400)] {
        let plan = format!(
            r#"{{"key": "{key}", "base_price": 10000, "bill_in": "advance", "add_ons": [{{"key": "env", "name": "Environment", "price": {price}}}]}}"#
        );
        books.data.execute("SELECT saas.define_plan($1::text::jsonb)", &[&plan]).unwrap();
    }
    let tenant = books.subscribed("app", "2025-06-01Z");
    let set = |books: &mut Books, quantity: i32, mode: &str, at: &str| {
        let sql = "SELECT saas.set_add_on($1, 'env', $2, $3, $4::text::timestamptz)";
        books.worker.execute(sql, &[&tenant, &quantity, &mode, &at]).unwrap()
    };
    // Taken within what is paid: the days that are left, at once.
    let told: String = books.one(
        "SELECT string_agg(concat_ws(' ', kind, quantity, amount), ', ') FROM saas.preview_add_on($1, 'env', 2, as_of => '2025-06-16Z')",
        &[&tenant],
    );
    assert_eq!(told, "add_on 2 500");
    set(&mut books, 2, "auto", "2025-06-16Z");
    set(&mut books, 5, "auto", "2025-06-22Z");
    // Fewer wait for the fee that follows.
    set(&mut books, 1, "auto", "2025-06-25Z");
    // The plan changes, what is paid keeps its price.
    books.to(tenant, "large", "prorate", "2025-06-26Z");
    assert_eq!(books.bill(tenant, "2025-06-01"), "subscription 10000, add_on 400 = 10400");
    assert_eq!(
        books.invoices(tenant),
        [
            "2025-06-01 subscription 10000 = 10000",
            "2025-06-01 subscription 10000, add_on 400 = 10400",
            "2025-06-16 add_on 500 = 500",
            "2025-06-22 add_on 450 = 450",
            "2025-06-26 proration -1667, proration 1667 = 0",
        ]
    );
    // In July one more for fifteen days, then none: asked for at once by whoever bills, it is given back.
    set(&mut books, 2, "auto", "2025-07-17Z");
    set(&mut books, 0, "prorate", "2025-07-17Z");
    let before = books.invoices(tenant);
    assert_eq!(
        before[5..],
        ["2025-07-17 add_on 194 = 194", "2025-07-17 add_on -387, adjustment 387 = 0"]
    );
    assert_eq!(books.bill(tenant, "2025-07-01"), "subscription 10000, credit -387 = 9613");
    // Made again after a void, each is what it was.
    for invoice in books
        .data
        .query("SELECT id, period_start::text FROM saas.payment_invoices WHERE tenant_id = $1 AND period_start < '2025-07-01' ORDER BY id", &[&tenant])
        .unwrap()
    {
        let (invoice, day): (Uuid, String) = (invoice.get(0), invoice.get(1));
        let said = books.told(invoice);
        books.data.execute("SELECT saas.void_invoice($1, 'mistake')", &[&invoice]).unwrap();
        assert_eq!(books.bill(tenant, &day), said);
    }
    books.balanced();
}

#[test]
fn what_costs_nothing_makes_no_invoice() {
    let mut books = Books::new();
    let plan = r#"{"key": "app", "base_price": 10000, "bill_in": "advance", "add_ons": [{"key": "gift", "price": 0}]}"#;
    books.data.execute("SELECT saas.define_plan($1::text::jsonb)", &[&plan]).unwrap();
    let tenant = books.subscribed("app", "2025-06-01Z");
    books
        .work("set_add_on($1, 'gift', 2, as_of => $2::text::timestamptz)", tenant, "2025-06-16Z")
        .unwrap();
    assert_eq!(books.invoices(tenant), ["2025-06-01 subscription 10000 = 10000"]);
    assert_eq!(books.bill(tenant, "2025-06-01"), "subscription 10000, add_on 0 = 10000");
    books.balanced();
}

#[test]
fn a_change_of_days_before_those_of_the_last_fee() {
    let mut books = plans();
    let tenant = books.subscribed("small", "2025-06-01Z");
    // The first of July is charged before June is closed, as by a job that runs as of tomorrow; then who bills changes June.
    let fee = "INSERT INTO saas.payment_invoices (tenant_id, subscription_id, issuer_id, billing_reason, period, period_start, period_end, subscription_amount, total_amount, currency)
               SELECT s.tenant_id, s.id, i.id, 'advance', '2025-07-01', '2025-07-01', '2025-08-01', 10000, 10000, 'USD'
                 FROM saas.tenant_subscriptions s, saas.issuers i WHERE s.tenant_id = $1 RETURNING id";
    let mut transaction = books.data.transaction().unwrap();
    let july: Uuid = transaction.query_one(fee, &[&tenant]).unwrap().get(0);
    transaction
        .execute(
            "INSERT INTO saas.payment_invoice_lines (tenant_id, invoice_id, position, kind, description, quantity, unit_amount, amount, period_start, period_end)
             VALUES ($1, $2, 1, 'subscription', 'Small plan', 1, 10000, 10000, '2025-07-01', '2025-08-01')",
            &[&tenant, &july],
        )
        .unwrap();
    transaction
        .execute(
            "INSERT INTO saas.advance_fees (tenant_id, subscription_id, fee_start, fee_end, previous_end, invoice_id)
             SELECT tenant_id, subscription_id, period_start, period_end, period_start, id FROM saas.payment_invoices WHERE id = $1",
            &[&july],
        )
        .unwrap();
    transaction.commit().unwrap();
    books.to(tenant, "large", "auto", "2025-06-16Z");
    // Half of June and all of July, each by its own month.
    let last = books_last(&mut books, tenant);
    let told = books.told(last);
    assert_eq!(told, "proration -5000, proration 15000, proration -10000, proration 30000 = 30000");
    // July's own fee, made again, is still that of the small plan.
    books.data.execute("SELECT saas.void_invoice($1, 'mistake')", &[&july]).unwrap();
    assert_eq!(books.bill(tenant, "2025-07-10"), "subscription 10000 = 10000");
    assert_eq!(books.bill(tenant, "2025-06-01"), "nothing = 0");
    assert_eq!(books.bill(tenant, "2025-07-01"), "subscription 30000 = 30000");
    books.balanced();
}

fn books_last(books: &mut Books, tenant: Uuid) -> Uuid {
    books.one(
        "SELECT id FROM saas.payment_invoices WHERE tenant_id = $1 ORDER BY id DESC LIMIT 1",
        &[&tenant],
    )
}

#[test]
fn a_void_fee_still_counts_for_the_minimum() {
    let mut books = Books::new();
    books.plan("base", "base_price, minimum_amount, bill_in", "10000, 12000, 'advance'");
    let tenant = books.subscribed("base", "2025-06-01Z");
    let fee = books_last(&mut books, tenant);
    books.data.execute("SELECT saas.void_invoice($1, 'mistake')", &[&fee]).unwrap();
    // June is closed while its fee waits to be made again: it is owed all the same, and once.
    books.close("2025-06-01");
    assert_eq!(books.bill(tenant, "2025-06-10"), "subscription 10000 = 10000");
    assert_eq!(books.bill(tenant, "2025-06-01"), "subscription 10000, minimum 2000 = 12000");
    books.balanced();
}

#[test]
fn a_set_up_fee_is_taxed_with_the_fee_that_it_comes_with() {
    let mut books = Books::new();
    books.plan("base", "base_price, bill_in", "10000, 'advance'");
    books.plan("more", "base_price, setup_fee, bill_in", "20000, 500, 'advance'");
    books.run("SELECT saas.set_tax_rate('DE', 10, '2025-01-01'), saas.set_tax_rate('DE', 20, '2025-07-01')");
    let tenant = books.tenant("set-up");
    books.run(&format!("SELECT saas.set_billing_details('{tenant}', '{{\"country\": \"DE\"}}')"));
    books.subscribe(tenant, "base", 1, "2025-06-01Z", None);
    // From July on, which is charged when June is closed.
    books.to(tenant, "more", "next_period", "2025-06-10Z");
    let expected = "subscription 20000, setup 500, tax 4100";
    assert_eq!(books.preview(tenant, "2025-06-10Z"), expected);
    assert_eq!(books.bill(tenant, "2025-06-01"), format!("{expected} = 24600"));
    let days: String = books.one(
        "SELECT period_start || ' - ' || period_end FROM saas.payment_invoice_lines WHERE tenant_id = $1 AND kind = 'setup'",
        &[&tenant],
    );
    assert_eq!(days, "2025-07-01 - 2025-08-01");
    books.balanced();
}

#[test]
fn with_a_years_fee_an_amount_for_ever_is_taken_once_a_month() {
    let mut books = plans();
    books.run(r#"SELECT saas.define_coupon('{"code": "FIVE", "amounts": {"USD": 500}}')"#);
    let tenant = books.tenant("year");
    books.data.execute("SELECT saas.apply_coupon($1, 'FIVE', '2025-06-01Z')", &[&tenant]).unwrap();
    books.subscribe(tenant, "year", 1, "2025-06-16Z", None);
    books.used(tenant, "calls", 200, "2025-06-20Z");
    books.bill(tenant, "2025-06-16");
    // Half of June's: not with the fee and then with the usage.
    assert_eq!(
        books.invoices(tenant),
        ["2025-06-16 subscription 60000 = 60000", "2025-06-16 usage 1000, discount -250 = 750"]
    );
    books.balanced();
}

#[test]
fn at_once_each_fee_is_charged_once() {
    let mut books = plans();
    let tenants: Vec<Uuid> = (0..6).map(|_| books.subscribed("small", "2035-06-01Z")).collect();
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for worker in 0..4 {
            let (mut client, start, tenants) = (books.db.kind("worker"), &start, &tenants);
            scope.spawn(move || {
                start.wait();
                for tenant in tenants {
                    if worker < 2 {
                        client
                            .execute("SELECT saas.advance_subscriptions('2035-06-02Z')", &[])
                            .unwrap();
                    } else {
                        change(&mut client, *tenant, None, Some(2 + worker), "auto", "2035-06-02Z")
                            .ok();
                    }
                }
            });
        }
    });
    advance(&mut books, "2035-06-03Z");
    for tenant in tenants {
        assert_eq!(charged(&mut books, tenant), ["2035-06-01 - 2035-07-01"]);
        // Whoever came first: the fee and the seats from the second day on, up to the most.
        let sum: i64 = books.one(
            "SELECT sum(total_amount)::bigint FROM saas.payment_invoices WHERE tenant_id = $1",
            &[&tenant],
        );
        let changes: i64 = books.one(
            "SELECT sum(saas.prorate((to_seats - from_seats) * 500, '[2035-06-01,2035-07-01)', '[2035-06-02,2035-07-01)'))::bigint
               FROM saas.subscription_changes WHERE tenant_id = $1",
            &[&tenant],
        );
        assert!((sum - 10_000 - changes).abs() <= 1, "{sum} for changes of {changes}");
    }
    books.balanced();
}
