//! What a contract keeps through changes, pauses and new beginnings: debts, discounts, previews; and who waits for whom.

#[allow(unused)] // of the module that tests of billing share
mod books;

use books::{Books, finalize, generate};
use saas_core_tests::assert_sqlstate;
use uuid::Uuid;

fn standing(books: &mut Books, tenant: Uuid) -> String {
    books.one(
        "SELECT s.status || ' ' || t.billing_state FROM saas.tenant_subscriptions s JOIN saas.tenants t ON t.id = s.tenant_id
          WHERE t.id = $1 AND s.status <> 'canceled'",
        &[&tenant],
    )
}

fn remind(books: &mut Books) -> i64 {
    let sql = "SELECT saas.advance_dunning()";
    books.worker.query_one(sql, &[]).unwrap().get(0)
}

/// A tenant on a plan since June, whose invoice for June is long overdue.
fn debtor(books: &mut Books, plan: &str) -> (Uuid, Uuid) {
    let tenant = books.subscribed(plan, "2025-06-01Z");
    let invoice = generate(&mut books.worker, tenant, "2025-06-01").unwrap();
    finalize(&mut books.worker, invoice).unwrap();
    books.run(&format!(
        "UPDATE saas.payment_invoices SET due_at = now() - interval '30 days' WHERE id = '{invoice}'"
    ));
    (tenant, invoice)
}

#[test]
fn a_debt_is_not_washed_off() {
    let mut books = Books::new();
    books.plan("month", "base_price", "30000");
    books.plan("year", "base_price, billing_interval", "900000, 'yearly'");
    let (tenant, invoice) = debtor(&mut books, "month");
    assert_eq!(remind(&mut books), 1);
    assert_eq!(standing(&mut books, tenant), "past_due past_due");
    // Each of these was in good standing again, and stayed so.
    books.work("pause_subscription($1, $2::text::timestamptz)", tenant, "2025-08-01Z").unwrap();
    books.work("resume_subscription($1, $2::text::timestamptz)", tenant, "2025-08-10Z").unwrap();
    assert_eq!(standing(&mut books, tenant), "past_due past_due");
    books.to(tenant, "year", "prorate", "2025-08-20Z");
    assert_eq!(standing(&mut books, tenant), "past_due past_due");
    books.to(tenant, "month", "next_period", "2025-08-21Z");
    let advance = "SELECT saas.advance_subscriptions('2026-08-20Z')";
    assert_eq!(books.worker.query_one(advance, &[]).unwrap().get::<_, i64>(0), 1);
    assert_eq!(standing(&mut books, tenant), "past_due past_due");
    books
        .work("cancel_subscription($1, false, $2::text::timestamptz)", tenant, "2026-08-25Z")
        .unwrap();
    books.subscribe(tenant, "month", 1, "2026-08-26Z", None);
    assert_eq!(standing(&mut books, tenant), "past_due past_due");
    assert_eq!(remind(&mut books), 1);
    assert_eq!(standing(&mut books, tenant), "past_due past_due");
    books.run(&format!("SELECT saas.mark_uncollectible('{invoice}', 'gone')"));
    assert_eq!(remind(&mut books), 0);
    assert_eq!(standing(&mut books, tenant), "past_due past_due");
    // Paid, whichever contract it was of.
    books.run(&format!(
        "UPDATE saas.payment_invoices SET status = 'paid', paid_at = now() WHERE id = '{invoice}'"
    ));
    remind(&mut books);
    assert_eq!(standing(&mut books, tenant), "active active");
    // A void invoice is owed no more; a trial ends as whoever owes stands.
    let (tenant, invoice) = debtor(&mut books, "month");
    books
        .work("cancel_subscription($1, false, $2::text::timestamptz)", tenant, "2025-07-05Z")
        .unwrap();
    books.subscribe(tenant, "month", 1, "2025-07-06Z", Some("10 days"));
    assert_eq!(standing(&mut books, tenant), "trialing trial");
    books.worker.query_one("SELECT saas.advance_subscriptions('2025-07-20Z')", &[]).unwrap();
    // Not overdue at that time.
    assert_eq!(standing(&mut books, tenant), "active active");
    books
        .run(&format!("UPDATE saas.payment_invoices SET status = 'failed' WHERE id = '{invoice}'"));
    remind(&mut books);
    assert_eq!(standing(&mut books, tenant), "past_due past_due");
    books.run(&format!("SELECT saas.void_invoice('{invoice}', 'wrong')"));
    assert_eq!(standing(&mut books, tenant), "active active");
    books.balanced();
}

/// One that was given up before it was overdue, or failed under a contract that has ended, left whoever owes in good standing.
#[test]
fn who_owes_with_an_old_contract_is_behind_with_the_new_one() {
    let mut books = Books::new();
    books.plan("month", "base_price", "30000");
    for debt in ["uncollectible", "failed"] {
        let (tenant, invoice) = debtor(&mut books, "month");
        books.run(&format!(
            "UPDATE saas.payment_invoices SET due_at = now() + interval '1 day' WHERE id = '{invoice}'"
        ));
        books
            .work("cancel_subscription($1, false, $2::text::timestamptz)", tenant, "2025-07-05Z")
            .unwrap();
        books.subscribe(tenant, "month", 1, "2025-07-06Z", None);
        remind(&mut books);
        assert_eq!(standing(&mut books, tenant), "active active");
        books.run(&format!(
            "UPDATE saas.payment_invoices SET status = '{debt}' WHERE id = '{invoice}'"
        ));
        assert_eq!(remind(&mut books), 0);
        assert_eq!(standing(&mut books, tenant), "past_due past_due", "{debt}");
        books.run(&format!("SELECT saas.void_invoice('{invoice}', 'wrong')"));
        assert_eq!(standing(&mut books, tenant), "active active", "{debt}");
    }
    books.balanced();
}

/// Whoever changes a contract holds its tenant first; reminders that held the contract first and then wanted the tenant ended
/// one of the two with 40P01.
#[test]
fn reminders_wait_for_nobody() {
    let mut books = Books::new();
    books.plan("month", "base_price", "30000");
    let (held, _) = debtor(&mut books, "month");
    let (free, _) = debtor(&mut books, "month");
    let mut other = books.db.owner();
    let mut changing = other.transaction().unwrap();
    changing.execute("SELECT FROM saas.tenants WHERE id = $1 FOR NO KEY UPDATE", &[&held]).unwrap();
    books.worker.batch_execute("SET lock_timeout = '1s'").unwrap();
    assert_eq!(remind(&mut books), 1);
    assert_eq!(standing(&mut books, free), "past_due past_due");
    assert_eq!(standing(&mut books, held), "active active");
    changing.execute("SELECT saas.cancel_subscription($1)", &[&held]).unwrap();
    changing.commit().unwrap();
    assert_eq!(remind(&mut books), 2, "the first of one, the second of the other");
    assert_eq!(standing(&mut books, held), "past_due past_due");
    books.balanced();
}

#[test]
fn a_year_is_previewed_as_it_will_be_billed() {
    let mut books = Books::new();
    for (key, price) in [("small", 36_500), ("large", 73_000)] {
        books.plan(key, "base_price, billing_interval", &format!("{price}, 'yearly'"));
    }
    books.plan("month", "base_price", "30000");
    let preview = |books: &mut Books, tenant: Uuid, plan: &str, mode: &str, at: &str| -> String {
        let sql = "SELECT coalesce(string_agg(concat_ws(' ', kind, amount), ', '), '') FROM saas.preview_change($1, $2, NULL, $3, $4::text::timestamptz)";
        books.one(sql, &[&tenant, &plan, &mode, &at])
    };
    let tenant = books.subscribed("small", "2025-01-01Z");
    let lines = "subscription 36500, proration -33500, proration 67000";
    // It was what the running month says: nothing.
    assert_eq!(preview(&mut books, tenant, "large", "auto", "2025-01-31Z"), lines);
    books.to(tenant, "large", "auto", "2025-01-31Z");
    for month in 1..=12 {
        books.close(&format!("2025-{month:02}-01"));
    }
    assert_eq!(books.invoices(tenant).last().unwrap(), &format!("2025-12-01 {lines} = 70000"));
    // A month that waits for the year's end: not the year's contract goes on then, with the month's fee once a year.
    books.to(tenant, "month", "auto", "2026-02-01Z");
    assert_eq!(books.preview(tenant, "2026-12-31Z"), "subscription 73000");
    assert_eq!(books.preview(tenant, "2027-01-10Z"), "nothing");
    assert_eq!(preview(&mut books, tenant, "month", "auto", "2026-02-01Z"), "subscription 30000");
    // A year that begins within a month ends within one, and so does what its last invoice says.
    let tenant = books.subscribed("small", "2025-03-11Z");
    books.to(tenant, "month", "auto", "2025-04-01Z");
    assert_eq!(books.preview(tenant, "2026-03-05Z"), "subscription 36500");
    assert_eq!(books.preview(tenant, "2026-04-05Z"), "nothing");
    // From months to years the running month keeps its own end.
    let tenant = books.subscribed("month", "2025-06-01Z");
    books.to(tenant, "small", "next_period", "2025-06-10Z");
    assert_eq!(books.preview(tenant, "2025-06-20Z"), "subscription 30000");
    assert_eq!(books.preview(tenant, "2025-07-20Z"), "nothing");
    books.balanced();
}

/// What is prorated is a part of the fee, and discounted with it: else the days left are credited at a price nobody paid.
#[test]
fn a_discounted_fee_is_prorated_as_discounted() {
    let mut books = Books::new();
    books.plan("small", "base_price, seat_price", "10000, 3000");
    books.plan("large", "base_price, seat_price", "30000, 3000");
    books.run(
        "SELECT saas.define_coupon('{\"code\": \"FEE\", \"percent\": \"100\", \"applies_to\": [\"subscription\"]}'),
                saas.define_coupon('{\"code\": \"SEAT\", \"percent\": \"100\", \"applies_to\": [\"seat\"]}')",
    );
    for (code, plan, seats) in [
        // It was 20000, and -5000 for whoever is given days back.
        (
            "fee",
            "subscription 10000, proration -5000, proration 15000, discount -20000 = 0",
            "subscription 10000, proration 1500, discount -10000 = 1500",
        ),
        (
            "seat",
            "subscription 10000, proration -5000, proration 15000 = 20000",
            "subscription 10000, proration 1500, discount -1500 = 10000",
        ),
    ] {
        let changing = books.subscribed("small", "2025-06-01Z");
        let growing = books.subscribed("small", "2025-06-01Z");
        books.run(&format!("SELECT saas.apply_coupon(t, '{code}', '2025-06-01Z') FROM unnest('{{{changing},{growing}}}'::uuid[]) t"));
        books.to(changing, "large", "auto", "2025-06-16Z");
        books
            .work(
                "change_subscription($1, seats => 2, as_of => $2::text::timestamptz)",
                growing,
                "2025-06-16Z",
            )
            .unwrap();
        assert_eq!(books.bill(changing, "2025-06-01"), plan, "{code}");
        assert_eq!(books.bill(growing, "2025-06-01"), seats, "{code}");
    }
    books.balanced();
}

#[test]
fn one_bad_contract_stops_no_other() {
    let mut books = Books::new();
    books.plan("small", "base_price", "10000");
    books.plan("large", "base_price", "30000");
    let tenants: Vec<Uuid> = (0..5).map(|_| books.subscribed("large", "2025-06-01Z")).collect();
    for tenant in &tenants {
        books.to(*tenant, "small", "auto", "2025-06-10Z");
    }
    let bad = tenants[2];
    books.run(&format!(
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON saas.subscription_changes FOR EACH ROW WHEN (NEW.tenant_id = '{bad}') EXECUTE FUNCTION public.refuse()"
    ));
    let advance = "SELECT saas.advance_subscriptions('2025-07-01Z')";
    assert_eq!(books.worker.query_one(advance, &[]).unwrap().get::<_, i64>(0), 4);
    let on =
        |books: &mut Books, plan: &str| books.count(&format!("saas.tenants WHERE plan = '{plan}'"));
    assert_eq!((on(&mut books, "small"), on(&mut books, "large")), (4, 1));
    books.run("DROP TRIGGER refuse ON saas.subscription_changes");
    assert_eq!(books.worker.query_one(advance, &[]).unwrap().get::<_, i64>(0), 1);
    books.balanced();
}

/// It closed the month that still runs.
#[test]
fn nobody_resumes_on_a_day_to_come() {
    let mut books = Books::new();
    books.plan("month", "base_price", "30000");
    let tenant = books.tenant("Early");
    books.run(&format!(
        "SELECT saas.subscribe('{tenant}', 'month'), saas.pause_subscription('{tenant}', now() + interval '2 days')"
    ));
    let resume = "SELECT saas.resume_subscription($1, now() + interval '3 days')";
    assert_sqlstate(books.worker.execute(resume, &[&tenant]), "55000");
    assert_eq!(books.count("saas.payment_invoices"), 0);
    books.balanced();
}

/// Months of one's own overlap with those of the contract before: the preview told that one's, when the invoice was the live one's.
#[test]
fn a_day_of_two_contracts_is_previewed_as_it_is_billed() {
    let mut books = Books::new();
    books.plan("month", "base_price", "30000");
    books.plan("own", "base_price, billing_cycle", "31000, 'anniversary'");
    // Calendar months go on as months of one's own.
    let tenant = books.subscribed("month", "2025-06-01Z");
    books.to(tenant, "own", "prorate", "2025-06-16Z");
    assert_eq!(books.preview(tenant, "2025-06-10Z"), "subscription 15000");
    assert_eq!(books.preview(tenant, "2025-06-20Z"), "subscription 31000");
    assert_eq!(books.bill(tenant, "2025-06-20"), "subscription 31000 = 31000");
    // The contract before is billed already.
    let tenant = books.subscribed("own", "2025-06-05Z");
    books
        .work("cancel_subscription($1, false, $2::text::timestamptz)", tenant, "2025-06-15Z")
        .unwrap();
    books.subscribe(tenant, "own", 1, "2025-06-16Z", None);
    assert_eq!(books.bill(tenant, "2025-06-05"), "subscription 10333 = 10333");
    assert_eq!(books.preview(tenant, "2025-06-20Z"), "subscription 31000");
    assert_eq!(books.bill(tenant, "2025-06-20"), "subscription 31000 = 31000");
    assert_eq!(books.preview(tenant, "2025-06-10Z"), "subscription 10333");
    // Both begin on the day: the one that ended on it has its year's days left to bill.
    books.plan("year", "base_price, billing_interval", "365000, 'yearly'");
    let tenant = books.subscribed("year", "2025-06-21Z");
    assert_eq!(books.bill(tenant, "2025-06-21"), "nothing = 0");
    books.to(tenant, "month", "prorate", "2025-07-01 12:00Z");
    assert_eq!(books.preview(tenant, "2025-07-01Z"), "subscription 30000");
    assert_eq!(books.bill(tenant, "2025-07-01"), "subscription 30000 = 30000");
    assert_eq!(
        books.invoices(tenant)[1..],
        ["2025-07-01 subscription 30000 = 30000", "2025-07-01 subscription 10000 = 10000"]
    );
    books.balanced();
}

/// Terms that make another contract, and came due in a pause, began it on their day: the days of the pause were billed by it.
#[test]
fn what_came_due_in_a_pause_begins_after_it() {
    let mut books = Books::new();
    books.plan("month", "base_price", "31000");
    books.plan("own", "base_price, billing_cycle", "30000, 'anniversary'");
    for days in ["", "with a day of it before the pause"] {
        let tenant = books.subscribed("month", "2025-06-01Z");
        books.to(tenant, "own", "next_period", "2025-06-10Z");
        let paused = if days.is_empty() { "2025-06-16Z" } else { "2025-06-30Z" };
        books.work("pause_subscription($1, $2::text::timestamptz)", tenant, paused).unwrap();
        books
            .work("resume_subscription($1, $2::text::timestamptz)", tenant, "2025-07-16Z")
            .unwrap();
        books.close("2025-07-01");
        let first = if days.is_empty() {
            "2025-06-01 subscription 15500 = 15500"
        } else {
            "2025-06-01 subscription 29967 = 29967"
        };
        assert_eq!(
            books.invoices(tenant),
            [first, "2025-07-16 subscription 30000 = 30000"],
            "{days}"
        );
    }
    books.balanced();
}

/// Beside another contract that is not settled yet, a year that ended on the first day of a month was settled without its fee.
#[test]
fn the_days_of_a_year_are_billed_beside_another_contract() {
    let mut books = Books::new();
    books.plan("own", "base_price, billing_cycle", "31000, 'anniversary'");
    books.plan("year", "base_price, billing_interval", "365000, 'yearly'");
    let tenant = books.subscribed("own", "2025-06-20Z");
    books
        .work("cancel_subscription($1, false, $2::text::timestamptz)", tenant, "2025-06-21Z")
        .unwrap();
    books.subscribe(tenant, "year", 1, "2025-06-21Z", None);
    // The month's contract waits for the end of its period.
    let year: Uuid = books.one(
        "SELECT id FROM saas.tenant_subscriptions WHERE tenant_id = $1 AND status <> 'canceled'",
        &[&tenant],
    );
    books.run(&format!(
        "UPDATE saas.tenant_subscriptions SET current_period_end = (now() + interval '1 day')::date WHERE tenant_id = '{tenant}' AND id <> '{year}'"
    ));
    assert_eq!(books.bill(tenant, "2025-06-21"), "nothing = 0");
    books
        .work("cancel_subscription($1, false, $2::text::timestamptz)", tenant, "2025-07-01Z")
        .unwrap();
    books.close("2025-07-01");
    let of_year = "SELECT string_agg(period_start || ' ' || total_amount, ', ' ORDER BY period_start) FROM saas.payment_invoices WHERE subscription_id = $1";
    assert_eq!(books.one::<String>(of_year, &[&year]), "2025-06-21 0, 2025-07-01 10000");
}

/// A void invoice of a year that has ended since was made again with the year's fee, which the last invoice has.
#[test]
fn an_invoice_that_is_made_again_knows_of_no_later_end() {
    let mut books = Books::new();
    books.plan("year", "base_price, billing_interval", "365000, 'yearly'");
    for is_billed in [false, true] {
        let tenant = books.subscribed("year", "2025-06-21Z");
        let june = generate(&mut books.worker, tenant, "2025-06-21").unwrap();
        books.run(&format!("SELECT saas.void_invoice('{june}', 'wrong')"));
        books
            .work("cancel_subscription($1, false, $2::text::timestamptz)", tenant, "2025-07-01Z")
            .unwrap();
        if is_billed {
            books.close("2025-07-01");
            let again = generate(&mut books.worker, tenant, "2025-06-21").unwrap();
            assert_eq!(books.told(again), "nothing = 0");
        } else {
            assert_eq!(books.bill(tenant, "2025-06-21"), "nothing = 0");
            books.close("2025-07-01");
        }
        let of_tenant = "SELECT sum(total_amount)::bigint FROM saas.payment_invoices WHERE tenant_id = $1 AND status <> 'void'";
        assert_eq!(books.one::<i64>(of_tenant, &[&tenant]), 10_000, "{is_billed}");
    }
    books.balanced();
}

/// Late units are priced by the plan that priced the others; which of two contracts' periods of the same days that was, chance told.
#[test]
fn late_units_cost_what_the_others_cost() {
    let mut books = Books::new();
    books.plan("old", "base_price, billing_interval", "365000, 'yearly'");
    books.plan("new", "base_price", "30000");
    books.feature("old", "call", 0, Some("7"));
    books.feature("new", "call", 0, Some("3"));
    let tenant = books.subscribed("old", "2025-06-21Z");
    books.bill(tenant, "2025-06-21");
    books.to(tenant, "new", "prorate", "2025-07-01 12:00Z");
    books.used(tenant, "call", 10, "2025-07-10Z");
    books.close("2025-07-01");
    // Made again, the period's row comes last.
    let july = generate(&mut books.worker, tenant, "2025-07-01").unwrap();
    books.run(&format!("SELECT saas.void_invoice('{july}', 'wrong')"));
    assert_eq!(books.bill(tenant, "2025-07-01"), "subscription 30000, usage 30 = 30030");
    books.used(tenant, "call", 100, "2025-07-11Z");
    assert_eq!(books.bill(tenant, "2025-08-01"), "subscription 30000, adjustment 300 = 30300");
    books.balanced();
}
