//! What is owed: plans, periods, credits, invoices.

mod books;

use books::{Books, finalize, generate, subscribe};
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::{Story, asking, one};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Barrier;
use std::thread;
use uuid::Uuid;

/// The seed's story, each step by whom it is for.
#[test]
fn acme_owes_3000_and_pays_once() {
    let mut story = Story::new();
    let db = &story.db;
    let (mut worker, mut gateway, mut admin, mut app) =
        (db.kind("worker"), db.kind("gateway"), db.kind("admin"), db.kind("app"));
    story
        .data
        .batch_execute(
            "UPDATE saas.settings SET usage_id_retention = '1000 years';
             INSERT INTO saas.plans (key, name, base_price, currency, billing_interval) VALUES ('plus', 'Plus', 2000, 'USD', 'monthly');
             INSERT INTO saas.plan_features (plan_id, feature_key, included_units, overage_price)
             SELECT id, 'project.create', 1000, 10 FROM saas.plans WHERE key = 'plus'",
        )
        .unwrap();
    let acme = story.acme.id;
    subscribe(&mut worker, acme, "plus", 1, "2026-01-01Z", None).unwrap();
    let mut asked = asking(&mut admin, &story.platform_admin, None);
    asked
        .execute("SELECT saas.grant_credit($1, 1000, 'Welcome', 'promo', 'welcome')", &[&acme])
        .unwrap();
    asked.commit().unwrap();
    for i in 0..12 {
        let event = format!("event {i}");
        for new in [true, false] {
            let at = format!("2026-01-{:02} 12:00Z", i + 1);
            assert_eq!(
                books::record(&mut gateway, acme, "project.create", 100, Some(&event), &at)
                    .unwrap(),
                new
            );
        }
    }
    books::close(&mut worker, "2026-01-15", 1000).unwrap();
    let invoice = generate(&mut worker, acme, "2026-01-31").unwrap();
    let mut asked = asking(&mut admin, &story.platform_admin, None);
    let number: String = one(&mut asked, "SELECT saas.finalize_invoice($1)", &[&invoice]);
    assert_eq!(number, "INV-000001");
    asked.commit().unwrap();
    let mut asked = asking(&mut app, &story.acme.owner, Some(&story.acme));
    let seen: String = one(
        &mut asked,
        "SELECT format('%s %s: %s + %s - %s = %s', number, status, subscription_amount, usage_amount, credit_amount, total_amount)
           FROM saas.payment_invoices",
        &[],
    );
    assert_eq!(seen, "INV-000001 open: 2000 + 2000 - 1000 = 3000");
    assert_eq!(one::<i64>(&mut asked, "SELECT saas.credit_balance($1)", &[&acme]), 0);
    drop(asked);

    gateway
        .execute("SELECT saas.link_provider_customer($1, 'stripe', 'cus_acme')", &[&acme])
        .unwrap();
    gateway
        .execute("SELECT saas.link_provider_invoice($1, 'stripe', 'in_1')", &[&invoice])
        .unwrap();
    let paid = serde_json::json!({
        "id": "evt_1", "object": "event", "created": 1_770_000_000, "type": "invoice.paid", "livemode": false,
        "data": {"object": {"id": "in_1", "object": "invoice", "customer": "cus_acme", "currency": "usd", "status": "paid",
                            "amount_due": 3000, "amount_paid": 3000, "amount_remaining": 0, "total": 3000, "metadata": {}}}
    });
    for new in [true, false] {
        let sql = "SELECT saas.ingest_payment_event('stripe', 'evt_1', 'invoice.paid', $1)";
        assert_eq!(one::<bool>(&mut gateway, sql, &[&paid]), new);
    }
    assert_eq!(one::<i32>(&mut worker, "SELECT saas.process_payment_events()", &[]), 1);
    assert_eq!(one::<i32>(&mut worker, "SELECT saas.process_payment_events()", &[]), 0);
    let sql = "SELECT status || (paid_at IS NOT NULL) FROM saas.payment_invoices WHERE id = $1";
    assert_eq!(one::<String>(&mut story.data, sql, &[&invoice]), "paidtrue");
}

#[test]
fn a_stub_month_costs_its_days() {
    let mut books = Books::new();
    books.plan("flat", "base_price", "31000");
    let january = books.subscribed("flat", "2026-01-15Z");
    assert_eq!(books.bill(january, "2026-01-20"), "subscription 17000 = 17000");
    assert_eq!(books.bill(january, "2026-02-20"), "subscription 31000 = 31000");
    books.plan("february", "base_price", "28000");
    let february = books.subscribed("february", "2026-02-15Z");
    assert_eq!(books.bill(february, "2026-02-20"), "subscription 14000 = 14000");
    // The day begins at midnight where the tenant is: at 23:00 in New York it is the 14th still.
    let new_york = books.tenant_in("America/New_York", "USD");
    books.subscribe(new_york, "flat", 1, "2026-01-15 04:00Z", None);
    assert_eq!(books.bill(new_york, "2026-01-20"), "subscription 18000 = 18000");
    let last_day = books.subscribed("flat", "2026-01-31 23:59:59.999999Z");
    assert_eq!(books.bill(last_day, "2026-01-31"), "subscription 1000 = 1000");
    assert_eq!(books.periods(last_day), ["2026-01-31 - 2026-02-01"]);
    books.balanced();
}

#[test]
fn a_trial_is_free() {
    let mut books = Books::new();
    books.plan("five", "base_price, trial_days, setup_fee, minimum_amount", "5000, 5, 0, 0");
    books.plan("ten", "base_price", "5000000");
    let april = books.subscribed("five", "2026-04-01Z");
    assert_eq!(books.bill(april, "2026-04-01"), "subscription 4167 = 4167");
    let march = books.tenant("march");
    books.subscribe(march, "ten", 1, "2024-03-05Z", Some("10 days"));
    assert_eq!(books.bill(march, "2024-03-01"), "subscription 2741935 = 2741935");
    // Over a month's end; through the whole month; none at all.
    let over = books.tenant("over");
    books.subscribe(over, "ten", 1, "2024-03-25Z", Some("1 month"));
    assert_eq!(books.bill(over, "2024-03-31"), "nothing = 0");
    assert_eq!(books.bill(over, "2024-04-01"), "subscription 1000000 = 1000000");
    let none = books.tenant("none");
    books.subscribe(none, "five", 1, "2026-04-01Z", Some("0"));
    assert_eq!(books.bill(none, "2026-04-01"), "subscription 5000 = 5000");
    let sql = "SELECT string_agg(status, ' ' ORDER BY status) FROM saas.tenant_subscriptions";
    // Whoever closes a period ends the trials that are over.
    assert_eq!(books.one::<String>(sql, &[]), "active active active active");
    // Ten days of New York are ten days, also when its clock goes back in between.
    let new_york = books.tenant_in("America/New_York", "USD");
    books.subscribe(new_york, "ten", 1, "2025-10-30 04:00Z", Some("10 days"));
    let sql = "SELECT (trial_end AT TIME ZONE 'America/New_York')::text FROM saas.tenant_subscriptions WHERE tenant_id = $1";
    assert_eq!(books.one::<String>(sql, &[&new_york]), "2025-11-09 00:00:00");
    assert_eq!(books.bill(new_york, "2025-11-01"), "subscription 3666667 = 3666667");
    books.balanced();
}

#[test]
fn seats_beyond_the_included_ones_are_paid() {
    let mut books = Books::new();
    books.plan("team", "base_price, seat_price, included_seats, member_seat", "3100, 620, 3, 10");
    for (seats, january, february) in [
        (1, "subscription 1700 = 1700", "subscription 3100 = 3100"),
        (3, "subscription 1700 = 1700", "subscription 3100 = 3100"),
        (8, "subscription 1700, seat 1700 = 3400", "subscription 3100, seat 3100 = 6200"),
    ] {
        let tenant = books.tenant(&format!("{seats} seats"));
        books.subscribe(tenant, "team", seats, "2026-01-15Z", None);
        assert_eq!(books.bill(tenant, "2026-01-31"), january);
        assert_eq!(books.bill(tenant, "2026-02-01"), february);
    }
    let tenant = books.tenant("eleven seats");
    assert_sqlstate(subscribe(&mut books.worker, tenant, "team", 11, "2026-01-01Z", None), "53400");
    assert_sqlstate(subscribe(&mut books.worker, tenant, "team", 0, "2026-01-01Z", None), "22023");
    // A line that does not fit into bigint is refused, not wrapped.
    books.plan(
        "huge",
        "base_price, seat_price, included_seats, member_seat",
        "1, 9223372036854775807, 0, -1",
    );
    books.subscribe(tenant, "huge", 2, "2026-01-01Z", None);
    assert_sqlstate(generate(&mut books.worker, tenant, "2026-01-01"), "22003");
    books.balanced();
}

#[test]
fn a_minimum_is_made_up_for() {
    let mut books = Books::new();
    books.plan("enterprise", "base_price, minimum_amount, trial_days", "10000, 1000000, 0");
    for feature in ["a", "b", "c"] {
        books.feature("enterprise", feature, 0, Some("1000"));
    }
    let acme = books.subscribed("enterprise", "2026-01-01Z");
    for feature in ["a", "b", "c"] {
        books.used(acme, feature, 1, "2026-01-10Z");
    }
    assert_eq!(
        books.bill(acme, "2026-01-01"),
        "subscription 10000, usage 1000, usage 1000, usage 1000, minimum 987000 = 1000000"
    );
    // Reached by usage.
    books.used(acme, "a", 990, "2026-02-10Z");
    assert_eq!(books.bill(acme, "2026-02-01"), "subscription 10000, usage 990000 = 1000000");
    // For the days that are paid for, as the fee; none in a trial.
    let stub = books.tenant("stub");
    books.subscribe(stub, "enterprise", 1, "2025-03-20Z", Some("27 days"));
    assert_eq!(books.bill(stub, "2025-03-01"), "nothing = 0");
    assert_eq!(books.bill(stub, "2025-04-01"), "subscription 5000, minimum 495000 = 500000");
    // Of a year's plan: once, at the year's end, less what all its months charged.
    books.plan("yearly", "base_price, minimum_amount, billing_interval", "12000, 20000, 'yearly'");
    books.feature("yearly", "a", 0, Some("1000"));
    let yearly = books.subscribed("yearly", "2024-02-10Z");
    books.used(yearly, "a", 3, "2024-05-10Z");
    books.used(yearly, "a", 1, "2025-02-05Z");
    books.close("2025-04-01");
    let invoices = books.invoices(yearly);
    assert_eq!(invoices.len(), 15);
    assert_eq!(invoices[3], "2024-05-01 usage 3000 = 3000");
    assert_eq!(invoices[12], "2025-02-01 subscription 12000, usage 1000, minimum 4000 = 17000");
    let others = [&invoices[..3], &invoices[4..12], &invoices[13..]].concat();
    assert!(others.iter().all(|invoice| invoice.ends_with("nothing = 0")), "{others:?}");
    books.balanced();
}

#[test]
fn a_set_up_fee_is_due_once() {
    let mut books = Books::new();
    books.plan("install", "setup_fee", "700");
    let acme = books.subscribed("install", "2026-01-01Z");
    assert_eq!(books.bill(acme, "2026-01-01"), "subscription 1000, setup 700 = 1700");
    assert_eq!(books.bill(acme, "2026-02-01"), "subscription 1000 = 1000");
    assert_eq!(books.bill(acme, "2026-03-01"), "subscription 1000 = 1000");
}

/// In their order, to the unit, whatever becomes of the invoice: discounted, voided and made again.
#[test]
fn a_fee_by_tiers_is_its_lines() {
    let mut books = Books::new();
    let tiers = r#"{"model":"graduated","tiers":[{"up_to":1,"unit_amount":"0.4"},{"up_to":3,"unit_amount":"0.4"},
                    {"up_to":10,"unit_amount":"30"},{"up_to":11,"unit_amount":"0"},{"up_to":null,"unit_amount":"0.4"}],"maximum":"200"}"#;
    books.plan("tiers", "base_price", "0");
    books.feature("tiers", "call", 0, Some(tiers));
    books.feature(
        "tiers",
        "pack",
        0,
        Some(r#"{"model":"package","package_size":5,"amount":"70"}"#),
    );
    books.run(
        r#"SELECT saas.define_coupon('{"code": "HALF", "percent": "50", "applies_to": ["usage"]}')"#,
    );
    let tenant = books.subscribed("tiers", "2026-01-01Z");
    books.run(&format!("SELECT saas.apply_coupon('{tenant}', 'half', '2026-01-01Z')"));
    books.used(tenant, "call", 12, "2026-01-10Z");
    books.used(tenant, "pack", 6, "2026-01-10Z");
    // 0.4 + 0.8 + 210 + 0 + 0.4, of which 11.6 are beyond the maximum: 200; and half of it and of 140.
    let january = "subscription 0, usage 1, usage 1, usage 210, usage 0, usage 0, usage -12, usage 140, discount -170 = 170";
    assert_eq!(books.bill(tenant, "2026-01-01"), january);
    let fees: Vec<String> = books
        .data
        .query(
            "SELECT concat_ws(' ', l.description, l.quantity, l.unit_amount, sum(l.amount) OVER (PARTITION BY l.source_id) = f.total_amount)
               FROM saas.payment_invoice_lines l JOIN saas.usage_fees f ON f.id = l.source_id ORDER BY l.position",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(
        fees,
        [
            "call beyond 0 included: up to 1 1 0.4 t",
            "call beyond 0 included: over 1 up to 3 2 0.4 t",
            "call beyond 0 included: over 3 up to 10 7 30 t",
            "call beyond 0 included: over 10 up to 11 1 0 t",
            "call beyond 0 included: over 11 1 0.4 t",
            "call beyond 0 included: beyond the maximum 1 -11.6 t",
            "pack beyond 0 included 6 23.3333333333333333 t"
        ]
    );
    books.run("SELECT saas.void_invoice(id, 'mistake') FROM saas.payment_invoices");
    assert_eq!(books.bill(tenant, "2026-01-01"), january);
    books.balanced();
}

#[test]
fn a_price_model_rates_what_is_beyond() {
    let mut books = Books::new();
    let graduated = r#"{"model":"graduated","tiers":[{"up_to":5,"unit_amount":"1000","flat_amount":"10000"},
                                                     {"up_to":null,"unit_amount":"500","flat_amount":"5000"}]}"#;
    books.plan("graduated", "base_price", "0");
    books.feature("graduated", "call", 100, Some(graduated));
    books.plan("fractions", "base_price", "0");
    books.feature("fractions", "call", 0, Some("0.015"));
    books.feature("fractions", "unpriced", 0, None);
    for (units, wanted) in [
        (0, "usage 10000 = 10000"),
        (100, "usage 10000 = 10000"),
        (103, "usage 3000, usage 10000 = 13000"),
        (108, "usage 5000, usage 10000, usage 1500, usage 5000 = 21500"),
    ] {
        let tenant = books.subscribed("graduated", "2026-01-01Z");
        if units > 0 {
            books.used(tenant, "call", units, "2026-01-10Z");
        }
        assert_eq!(
            books.bill(tenant, "2026-01-01").replace("subscription 0, ", ""),
            wanted,
            "{units}"
        );
    }
    // Rounded once, half away from zero: 0.495 is nothing, 0.51 a unit, 1.5 two.
    for (units, wanted) in [(33, ""), (34, ", usage 1"), (99, ", usage 1"), (100, ", usage 2")] {
        let tenant = books.subscribed("fractions", "2026-01-01Z");
        books.used(tenant, "call", units, "2026-01-10Z");
        books.used(tenant, "unpriced", 1_000_000, "2026-01-10Z");
        let told = books.bill(tenant, "2026-01-01");
        assert!(told.starts_with(&format!("subscription 0{wanted} =")), "{units}: {told}");
    }
    books.balanced();
}

#[test]
fn prices_are_in_the_tenants_currency_or_there_are_none() {
    let mut books = Books::new();
    books.run(
        "INSERT INTO saas.plan_prices (plan_id, currency, base_price, setup_fee) SELECT id, 'JPY', 3000, 50 FROM saas.plans WHERE key = 'plus'",
    );
    let tokyo = books.tenant_in("Asia/Tokyo", "JPY");
    // A base price is not enough where usage is priced.
    assert_sqlstate(subscribe(&mut books.worker, tokyo, "plus", 1, "2026-01-01Z", None), "22023");
    books.run(
        "INSERT INTO saas.plan_features (plan_id, feature_key, currency, included_units, overage_price)
         SELECT id, 'project.create', 'JPY', 900, 15 FROM saas.plans WHERE key = 'plus'",
    );
    books.subscribe(tokyo, "plus", 1, "2025-12-31 15:00Z", None);
    books.used(tokyo, "project.create", 1000, "2026-01-10Z");
    assert_eq!(books.bill(tokyo, "2026-01-01"), "subscription 3000, usage 1500, setup 50 = 4550");
    let sql = "SELECT currency FROM saas.payment_invoices";
    assert_eq!(books.one::<String>(sql, &[]), "JPY");
    let paris = books.tenant_in("Europe/Paris", "EUR");
    let refused = assert_sqlstate(
        subscribe(&mut books.worker, paris, "plus", 1, "2026-01-01Z", None),
        "22023",
    );
    assert_eq!(refused.message(), "the plan \"plus\" has no price in EUR");
    let refused = assert_sqlstate(
        subscribe(&mut books.worker, paris, "pluss", 1, "2026-01-01Z", None),
        "42704",
    );
    assert_eq!(refused.hint(), Some("Did you mean \"plus\"?"));
    // What is billed in one currency stays in it.
    assert_sqlstate(
        books.data.execute("UPDATE saas.tenants SET currency = 'USD' WHERE id = $1", &[&tokyo]),
        "55000",
    );
}

#[test]
fn a_year_is_billed_at_its_end_and_usage_every_month() {
    let mut books = Books::new();
    books.plan(
        "yearly",
        "base_price, seat_price, billing_interval, setup_fee",
        "36500, 3650, 'yearly', 9",
    );
    books.feature("yearly", "call", 10, Some("1"));
    let tenant = books.tenant("yearly");
    books.subscribe(tenant, "yearly", 2, "2024-03-10 15:30Z", None);
    for (at, units) in
        [("2024-03-31 23:00Z", 15), ("2024-08-01Z", 11), ("2025-03-09Z", 12), ("2025-03-31Z", 20)]
    {
        books.used(tenant, "call", units, at);
    }
    books.close("2026-03-01");
    let mut wanted = vec!["2024-03-10 usage 5, setup 9 = 14".to_owned()];
    for month in 4..=27 {
        let (year, month) = (2024 + (month - 1) / 12, (month - 1) % 12 + 1);
        wanted.push(match (year, month) {
            (2024, 8) => "2024-08-01 usage 1 = 1".into(),
            (2025, 3) => "2025-03-01 subscription 36500, seat 3650, usage 22 = 40172".into(),
            (2026, 3) => "2026-03-01 subscription 36500, seat 3650 = 40150".into(),
            _ => format!("{year}-{month:02}-01 nothing = 0"),
        });
    }
    assert_eq!(books.invoices(tenant), wanted);
    // A contract that ends before its year does pays for its days.
    let short = books.tenant("short");
    books.subscribe(short, "yearly", 1, "2025-01-01Z", None);
    books.run(&format!(
        "UPDATE saas.tenant_subscriptions SET status = 'canceled', ended_at = '2025-04-11Z' WHERE tenant_id = '{short}'"
    ));
    books.close("2026-03-01");
    assert_eq!(
        books.invoices(short),
        [
            "2025-01-01 setup 9 = 9",
            "2025-02-01 nothing = 0",
            "2025-03-01 nothing = 0",
            "2025-04-01 subscription 10000 = 10000"
        ]
    );
    // A year that ends with the month's last day belongs to that month.
    let new_year = books.subscribed("yearly", "2024-01-01 08:00Z");
    books.close("2025-02-01");
    let invoices = books.invoices(new_year);
    assert_eq!(invoices[11], "2024-12-01 subscription 36500 = 36500");
    assert_eq!(invoices[12], "2025-01-01 nothing = 0");
    books.balanced();
}

#[test]
fn an_anniversary_on_the_31st_never_drifts() {
    let mut books = Books::new();
    books.plan("anniversary", "base_price, billing_cycle", "3100, 'anniversary'");
    books.feature("anniversary", "call", 0, Some("1"));
    for (zone, from) in [
        ("UTC", "2026-01-31 00:00"),
        ("America/New_York", "2026-01-31 15:30"),
        ("Asia/Kolkata", "2026-01-31 23:59:59"),
        ("Pacific/Apia", "2026-01-31 00:00"),
    ] {
        let tenant = books.tenant_in(zone, "USD");
        let instant = |books: &mut Books, civil: &str| -> String {
            books.one("SELECT ($1::text::timestamp AT TIME ZONE $2)::text", &[&civil, &zone])
        };
        let at = instant(&mut books, from);
        books.subscribe(tenant, "anniversary", 1, &at, None);
        // The last moment of one period and the first of the next.
        for (civil, units) in [
            ("2026-01-31 00:00:00", 1),
            ("2026-02-27 23:59:59.999999", 10),
            ("2026-02-28 00:00:00", 100),
            ("2026-03-30 23:59:59.999999", 1000),
            ("2026-03-31 00:00:00", 10000),
            ("2026-04-29 23:59:59.999999", 100_000),
            ("2026-04-30 00:00:00", 1_000_000),
        ] {
            let at = instant(&mut books, civil);
            books.used(tenant, "call", units, &at);
        }
        books.close("2026-05-31");
        assert_eq!(
            books.invoices(tenant),
            [
                "2026-01-31 subscription 3100, usage 11 = 3111",
                "2026-02-28 subscription 3100, usage 1100 = 4200",
                "2026-03-31 subscription 3100, usage 110000 = 113100",
                "2026-04-30 subscription 3100, usage 1000000 = 1003100",
                "2026-05-31 subscription 3100 = 3100",
            ],
            "{zone}"
        );
        assert_eq!(books.periods(tenant)[1], "2026-02-28 - 2026-03-31");
    }
    books.balanced();
}

#[test]
fn late_usage_of_an_ended_contract_counts_in_its_period() {
    let mut books = Books::new();
    books.plan("anniversary", "base_price, billing_cycle", "3100, 'anniversary'");
    books.feature("anniversary", "call", 0, Some("1"));
    let acme = books.subscribed("anniversary", "2026-01-10 09:00Z");
    books.used(acme, "call", 1, "2026-01-11Z");
    books.run("UPDATE saas.tenant_subscriptions SET status = 'canceled', ended_at = '2026-01-20Z'");
    books.subscribe(acme, "anniversary", 1, "2026-01-20 10:00Z", None);
    books.used(acme, "call", 10, "2026-01-15Z");
    books.used(acme, "call", 100, "2026-01-25Z");
    books.close("2026-01-01");
    assert_eq!(
        books.invoices(acme),
        [
            "2026-01-10 subscription 1000, usage 11 = 1011",
            "2026-01-20 subscription 3100, usage 100 = 3200"
        ]
    );
    books.balanced();
}

/// Ended and begun anew in one month: two base fees for their days, the usage once, by the plan at the month's end.
#[test]
fn two_contracts_in_a_month_bill_the_usage_once() {
    for together in [true, false] {
        let mut books = Books::new();
        books.plan("dear", "base_price", "31000");
        books.feature("dear", "project.create", 0, Some("5"));
        let acme = books.tenant("Acme");
        books.credit(acme, 100, 50, None);
        books.subscribe(acme, "plus", 1, "2026-01-01Z", None);
        books.run(
            "UPDATE saas.tenant_subscriptions SET status = 'canceled', ended_at = '2026-01-11Z'",
        );
        books.subscribe(acme, "dear", 1, "2026-01-21Z", None);
        books.used(acme, "project.create", 1200, "2026-01-05Z");
        if together {
            books.close("2026-01-01");
        } else {
            let second = generate(&mut books.worker, acme, "2026-01-25").unwrap();
            let first = generate(&mut books.worker, acme, "2026-01-05").unwrap();
            assert_ne!(first, second);
            assert_eq!(generate(&mut books.worker, acme, "2026-01-21").unwrap(), second);
        }
        assert_eq!(
            books.invoices(acme),
            [
                "2026-01-01 subscription 645 = 645",
                "2026-01-21 subscription 11000, usage 6000, credit -100 = 16900"
            ]
        );
        // A late unit is rated as the others were, and once.
        books.used(acme, "project.create", 2, "2026-01-06Z");
        books.close("2026-02-01");
        assert_eq!(books.invoices(acme)[2], "2026-02-01 subscription 31000, adjustment 10 = 31010");
        books.balanced();
    }
}

#[test]
fn credits_go_by_priority_then_expiry_then_age() {
    let mut books = Books::new();
    books.plan("hundred", "base_price", "120");
    let left = |books: &mut Books, tenant: Uuid| -> Vec<i64> {
        let sql = "SELECT delta - coalesce((SELECT sum(amount) FROM saas.credit_allocations WHERE grant_id = g.id), 0)::bigint
                     FROM saas.tenant_credit_ledger g WHERE tenant_id = $1 AND delta > 0 ORDER BY entry";
        books.data.query(sql, &[&tenant]).unwrap().iter().map(|row| row.get(0)).collect()
    };
    let soon = "2099-01-01Z";
    for (grants, wanted) in [
        ([(1, None), (2, None)], [0, 80]),
        ([(2, None), (1, None)], [80, 0]),
        ([(2, Some(soon)), (1, None)], [80, 0]),
        ([(1, None), (1, Some(soon))], [80, 0]),
        ([(1, None), (1, None)], [0, 80]),
        ([(1, Some("2098-01-01Z")), (1, Some(soon))], [0, 80]),
    ] {
        let acme = books.subscribed("hundred", "2026-01-01Z");
        for (priority, expires) in grants {
            books.credit(acme, 100, priority, expires);
        }
        assert_eq!(books.bill(acme, "2026-01-01"), "subscription 120, credit -120 = 0");
        assert_eq!(left(&mut books, acme), wanted, "{grants:?}");
        assert_eq!(books.balance(acme), 80);
    }
    books.balanced();
}

#[test]
fn expired_credits_are_gone_and_the_ledger_says_so() {
    let mut books = Books::new();
    let acme = books.subscribed("plus", "2026-01-01Z");
    books.credit(acme, 500, 50, None);
    let expiring = books.credit(acme, 700, 1, Some("2099-01-01Z"));
    // As if the time had passed: an entry can't be changed, so it is written with a past expiry by its owner.
    books.run(&format!(
        "INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, expires_at)
         VALUES ('{acme}', 300, 'Old', 'promo', now() - interval '1 second')"
    ));
    assert_eq!(books.balance(acme), 1200);
    assert_eq!(books.bill(acme, "2026-01-01"), "subscription 2000, credit -1200 = 800");
    let sql = "SELECT string_agg(concat_ws(' ', entry, delta, balance_after), ', ' ORDER BY entry) FROM saas.tenant_credit_ledger WHERE tenant_id = $1";
    assert_eq!(
        books.one::<String>(sql, &[&acme]),
        "1 500 500, 2 700 1200, 3 300 1500, 4 -300 1200, 5 -1200 0"
    );
    let sql = "SELECT amount FROM saas.credit_allocations WHERE grant_id = $1";
    assert_eq!(books.one::<i64>(sql, &[&expiring]), 700);
    // Expired ones can't be spent, though the balance of the last entry still counts them.
    books.run(&format!(
        "INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, expires_at)
         VALUES ('{acme}', 300, 'Old', 'promo', now() - interval '1 second')"
    ));
    assert_eq!(books.balance(acme), 0);
    assert_sqlstate(spend(&mut books.data, acme, 1), "53400");
    books.balanced();
}

fn spend(client: &mut postgres::Client, tenant: Uuid, amount: i64) -> Result<u64, postgres::Error> {
    client.execute(
        "INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source) VALUES ($1, -$2::bigint, 'Spent', 'admin')",
        &[&tenant, &amount],
    )
}

/// Closers and plain inserts spend the same credits at once: each is used once, and the balance never falls below zero.
#[test]
fn credits_are_spent_once_by_many() {
    let mut books = Books::new();
    let tenants: Vec<Uuid> = (0..8).map(|_| books.subscribed("plus", "2026-01-01Z")).collect();
    for tenant in &tenants {
        books.credit(*tenant, 1000, 50, None);
    }
    let start = Barrier::new(5);
    let spent: i64 = thread::scope(|scope| {
        let spenders: Vec<_> = (0..4)
            .map(|_| {
                let (mut client, tenants, start) = (books.db.owner(), &tenants, &start);
                scope.spawn(move || {
                    start.wait();
                    let mut spent = 0;
                    for _ in 0..5 {
                        for tenant in tenants {
                            match spend(&mut client, *tenant, 90) {
                                Ok(_) => spent += 90,
                                Err(error) => assert_eq!(error.code().unwrap().code(), "53400"),
                            }
                        }
                    }
                    spent
                })
            })
            .collect();
        let mut closer = books.db.kind("worker");
        start.wait();
        books::close(&mut closer, "2026-01-01", 2).unwrap();
        spenders.into_iter().map(|spender| spender.join().unwrap()).sum()
    });
    let billed: i64 =
        books.one("SELECT sum(credit_amount)::bigint FROM saas.payment_invoices", &[]);
    let left: i64 = books.one("SELECT sum(saas.credit_balance(id))::bigint FROM saas.tenants", &[]);
    assert_eq!(spent + billed + left, 8000);
    books.balanced();
}

#[test]
fn a_grant_is_given_once_a_key() {
    let mut books = Books::new();
    let acme = books.tenant("Acme");
    let globex = books.tenant("Globex");
    let sql = "SELECT saas.grant_credit($1, $2, 'Present', 'promo', 'key')";
    let first: Uuid = books.one(sql, &[&acme, &5i64]);
    assert_eq!(books.one::<Uuid>(sql, &[&acme, &5i64]), first);
    assert_sqlstate(books.data.query(sql, &[&acme, &6i64]), "23505");
    assert_ne!(books.one::<Uuid>(sql, &[&globex, &6i64]), first);
    assert_eq!((books.balance(acme), books.balance(globex)), (5, 6));
    // At once.
    let ids: BTreeSet<Uuid> = thread::scope(|scope| {
        let sessions: Vec<_> = (0..6)
            .map(|_| {
                let mut client = books.db.owner();
                scope.spawn(move || -> Uuid {
                    one(
                        &mut client,
                        "SELECT saas.grant_credit($1, 7, 'Present', 'promo', 'other key')",
                        &[&acme],
                    )
                })
            })
            .collect();
        sessions.into_iter().map(|session| session.join().unwrap()).collect()
    });
    assert_eq!(ids.len(), 1);
    assert_eq!(books.balance(acme), 12);
    let unknown = Uuid::new_v4();
    assert_sqlstate(books.data.query(sql, &[&unknown, &5i64]), "23503");
    books.balanced();
}

/// Late usage can make what was billed cheaper. What is then more than the invoice is a credit.
#[test]
fn an_invoice_never_owes_its_tenant() {
    let mut books = Books::new();
    let volume = r#"{"model":"volume","tiers":[{"up_to":10,"unit_amount":"100"},{"up_to":null,"unit_amount":"10"}]}"#;
    books.plan("volume", "base_price", "0");
    books.feature("volume", "call", 0, Some(volume));
    let acme = books.subscribed("volume", "2026-01-01Z");
    books.used(acme, "call", 10, "2026-01-10Z");
    books.close("2026-01-01");
    books.used(acme, "call", 1, "2026-01-10Z");
    books.close("2026-02-01");
    books.used(acme, "call", 100, "2026-03-10Z");
    books.close("2026-03-01");
    assert_eq!(
        books.invoices(acme),
        [
            "2026-01-01 subscription 0, usage 1000 = 1000",
            "2026-02-01 subscription 0, adjustment -890, adjustment 890 = 0",
            "2026-03-01 subscription 0, usage 1000, credit -890 = 110",
        ]
    );
    assert_eq!(books.balance(acme), 0);
    books.balanced();
}

#[test]
fn one_live_subscription_one_invoice_one_number() {
    let mut books = Books::new();
    let acme = books.tenant("Acme");
    let outcomes = at_once(&books, 6, |client| {
        subscribe(client, acme, "plus", 1, "2026-01-01Z", None)
            .map_err(|error| error.code().unwrap().code().to_owned())
    });
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(
        outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(|code| code == "55000")
    );
    let invoices: BTreeSet<Uuid> =
        at_once(&books, 6, |client| generate(client, acme, "2026-01-20").unwrap())
            .into_iter()
            .collect();
    assert_eq!(invoices.len(), 1);
    let invoice = *invoices.first().unwrap();
    let numbers: BTreeSet<String> =
        at_once(&books, 6, |client| finalize(client, invoice).unwrap()).into_iter().collect();
    assert_eq!(numbers, BTreeSet::from(["INV-000001".to_owned()]));
    assert_eq!(generate(&mut books.worker, acme, "2026-01-01").unwrap(), invoice);
    assert_sqlstate(finalize(&mut books.worker, Uuid::new_v4()), "23503");
    assert_sqlstate(generate(&mut books.worker, Uuid::new_v4(), "2026-01-01"), "23503");
    assert_sqlstate(generate(&mut books.worker, acme, "2025-12-31"), "55000");
    assert_sqlstate(generate(&mut books.worker, acme, "infinity"), "55000");
    assert_sqlstate(generate(&mut books.worker, acme, "-infinity"), "55000");
    // Nothing was left behind by the call that closed months on its way to one that still runs.
    assert_eq!(books.count("saas.payment_invoices"), 1);
    books.balanced();
}

fn at_once<T: Send>(
    books: &Books,
    sessions: usize,
    work: impl Fn(&mut postgres::Client) -> T + Sync,
) -> Vec<T> {
    let start = Barrier::new(sessions);
    thread::scope(|scope| {
        let running: Vec<_> = (0..sessions)
            .map(|_| {
                let mut client = books.db.connect("saas_worker");
                let (start, work) = (&start, &work);
                scope.spawn(move || {
                    start.wait();
                    work(&mut client)
                })
            })
            .collect();
        running.into_iter().map(|session| session.join().unwrap()).collect()
    })
}

/// Eight sessions finalize, and a third of them change their mind.
#[test]
fn numbers_have_no_gap() {
    let mut books = Books::new();
    for _ in 0..40 {
        books.subscribed("plus", "2026-01-01Z");
    }
    books.close("2026-01-01");
    let invoices: Vec<Uuid> = books
        .data
        .query("SELECT id FROM saas.payment_invoices", &[])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    thread::scope(|scope| {
        for session in 0..8 {
            let (mut client, invoices) = (books.db.connect("saas_worker"), &invoices);
            scope.spawn(move || {
                for (place, invoice) in
                    invoices.iter().enumerate().filter(|(place, _)| place % 8 == session)
                {
                    if place % 3 == 0 {
                        let mut transaction = client.transaction().unwrap();
                        transaction
                            .execute("SELECT saas.finalize_invoice($1)", &[invoice])
                            .unwrap();
                        transaction.rollback().unwrap();
                    }
                    if place % 5 > 0 {
                        finalize(&mut client, *invoice).unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(books.count("saas.payment_invoices WHERE number IS NOT NULL"), 32);
    assert_eq!(
        books.one::<String>("SELECT max(number) FROM saas.payment_invoices", &[]),
        "INV-000032"
    );
    books.balanced();
}

#[test]
fn an_invoice_over_nothing_is_paid() {
    let mut books = Books::new();
    let acme = books.subscribed("free", "2026-01-01Z");
    let invoice = generate(&mut books.worker, acme, "2026-01-01").unwrap();
    finalize(&mut books.worker, invoice).unwrap();
    let sql = "SELECT status FROM saas.payment_invoices WHERE id = $1";
    assert_eq!(books.one::<String>(sql, &[&invoice]), "paid");
}

/// The data owner's own DML, before and after the commit that could have been.
#[test]
fn an_invoice_is_the_sum_of_its_lines_at_every_commit() {
    let mut books = Books::new();
    let acme = books.subscribed("plus", "2026-01-01Z");
    books.used(acme, "project.create", 1200, "2026-01-10Z");
    let draft = generate(&mut books.worker, acme, "2026-01-01").unwrap();
    let lines = format!("saas.payment_invoice_lines WHERE invoice_id = '{draft}'");
    for tampering in [
        format!("UPDATE saas.payment_invoices SET total_amount = 1, subscription_amount = -1999 WHERE id = '{draft}'"),
        format!("UPDATE saas.payment_invoices SET subscription_amount = 1999, usage_amount = 2001 WHERE id = '{draft}'"),
        format!("UPDATE saas.payment_invoice_lines SET amount = amount + 1 WHERE invoice_id = '{draft}'"),
        format!("UPDATE saas.payment_invoice_lines SET amount = amount + CASE position WHEN 1 THEN 1 ELSE -1 END WHERE invoice_id = '{draft}'"),
        format!("UPDATE saas.payment_invoice_lines SET kind = 'seat' WHERE invoice_id = '{draft}' AND kind = 'usage'"),
        format!("DELETE FROM {lines} AND kind = 'usage'"),
        format!("INSERT INTO saas.payment_invoice_lines (tenant_id, invoice_id, position, kind, description, quantity, unit_amount, amount)
                 VALUES ('{acme}', '{draft}', 9, 'tax', 'Tax', 1, 1, 1)"),
        format!("INSERT INTO saas.payment_invoices (tenant_id, billing_reason, issuer_id, period, period_start, period_end, total_amount, subscription_amount, currency)
                 SELECT '{acme}', 'late', id, '2027-01-01', '2027-01-01', '2027-02-01', 5, 5, 'USD' FROM saas.issuers"),
    ] {
        let mut transaction = books.data.transaction().unwrap();
        transaction.batch_execute(&tampering).unwrap_or_else(|error| panic!("{tampering}: {error:?}"));
        assert_sqlstate(transaction.commit(), "23514");
        // At the statement, for whoever asks for it.
        let mut transaction = books.data.transaction().unwrap();
        transaction.batch_execute("SET CONSTRAINTS ALL IMMEDIATE").unwrap();
        assert_sqlstate(transaction.batch_execute(&tampering), "23514");
    }
    for (refused, sqlstate) in [
        ("TRUNCATE saas.payment_invoice_lines", "55000"),
        ("TRUNCATE saas.payment_invoices CASCADE", "55000"),
        ("TRUNCATE saas.billed_periods", "55000"),
        ("TRUNCATE saas.usage_fees", "55000"),
        ("TRUNCATE saas.usage_summaries CASCADE", "55000"),
        ("UPDATE saas.usage_fees SET total_amount = 1", "55000"),
        ("DELETE FROM saas.usage_fees", "55000"),
        ("UPDATE saas.usage_summaries SET units_used = 1", "55000"),
        ("DELETE FROM saas.payment_invoices", "23503"),
    ] {
        assert_sqlstate(books.data.batch_execute(refused), sqlstate);
    }
    assert_eq!(books.told(draft), "subscription 2000, usage 2000 = 4000");

    // Every legal flow goes through with the constraints checked at once.
    let mut transaction = books.worker.transaction().unwrap();
    transaction.batch_execute("SET CONSTRAINTS ALL IMMEDIATE").unwrap();
    let february: Uuid =
        one(&mut transaction, "SELECT saas.generate_invoice($1, '2026-02-01')", &[&acme]);
    let number: String = one(&mut transaction, "SELECT saas.finalize_invoice($1)", &[&draft]);
    assert_eq!(number, "INV-000001");
    transaction.commit().unwrap();
    assert_eq!(books.told(february), "subscription 2000 = 2000");

    // What is finalized stays as it is.
    for tampering in [
        "UPDATE saas.payment_invoices SET total_amount = 1, subscription_amount = -1999 WHERE number IS NOT NULL".to_owned(),
        "UPDATE saas.payment_invoices SET number = 'INV-000009' WHERE number IS NOT NULL".into(),
        "UPDATE saas.payment_invoices SET currency = 'EUR' WHERE number IS NOT NULL".into(),
        "UPDATE saas.payment_invoices SET finalized_at = now() WHERE number IS NOT NULL".into(),
        "UPDATE saas.payment_invoices SET status = 'draft', number = NULL, finalized_at = NULL WHERE number IS NOT NULL".into(),
        "DELETE FROM saas.payment_invoices WHERE number IS NOT NULL".into(),
        "UPDATE saas.payment_invoice_lines SET description = 'x' WHERE amount > 0".into(),
        format!("UPDATE saas.payment_invoice_lines SET invoice_id = '{february}' WHERE kind = 'usage'"),
        format!("DELETE FROM {lines}"),
        format!("INSERT INTO saas.payment_invoice_lines (tenant_id, invoice_id, position, kind, description, quantity, unit_amount, amount)
                 VALUES ('{acme}', '{draft}', 9, 'tax', 'Nothing', 1, 0, 0)"),
        // A line of a draft can't be moved in either.
        format!("UPDATE saas.payment_invoice_lines SET invoice_id = '{draft}', position = 9 WHERE invoice_id = '{february}'"),
    ] {
        assert_sqlstate(books.data.batch_execute(&tampering), "55000");
    }
    books.run(&format!(
        "UPDATE saas.payment_invoices SET due_at = now(), provider = NULL WHERE id = '{draft}'"
    ));
    assert_eq!(books.told(draft), "subscription 2000, usage 2000 = 4000");
    books.balanced();
}

#[test]
fn an_invoice_moves_from_state_to_state_as_listed() {
    let mut books = Books::new();
    let states = ["draft", "open", "paid", "failed", "void", "uncollectible"];
    let ways: Vec<(&str, &[&str])> = vec![
        ("open", &[]),
        ("paid", &["paid"]),
        ("void", &["void"]),
        ("failed", &["failed"]),
        ("uncollectible", &["uncollectible"]),
    ];
    let mut legal = String::new();
    for (from, way) in ways {
        for to in states {
            let acme = books.subscribed("plus", "2026-01-01Z");
            let invoice = generate(&mut books.worker, acme, "2026-01-01").unwrap();
            finalize(&mut books.worker, invoice).unwrap();
            let sql = "UPDATE saas.payment_invoices SET status = $2 WHERE id = $1";
            for state in way {
                books.data.execute(sql, &[&invoice, state]).unwrap();
            }
            match books.data.execute(sql, &[&invoice, &to]) {
                Ok(_) if from != to => write!(legal, "{from}>{to} ").unwrap(),
                Ok(_) => {}
                Err(error) => {
                    let code = error.code().unwrap().code();
                    assert!(
                        code == "55000" || to == "draft" && code == "23514",
                        "{from} to {to}: {error:?}"
                    );
                }
            }
        }
    }
    assert_eq!(
        legal,
        "open>paid open>failed open>void open>uncollectible failed>open failed>void failed>uncollectible \
         uncollectible>paid uncollectible>void "
    );
    // A draft has no number, and so no other state but void.
    let acme = books.subscribed("plus", "2026-01-01Z");
    let draft = generate(&mut books.worker, acme, "2026-01-01").unwrap();
    for to in ["paid", "uncollectible", "open"] {
        let sql = "UPDATE saas.payment_invoices SET status = $2 WHERE id = $1";
        let code =
            books.data.execute(sql, &[&draft, &to]).unwrap_err().code().unwrap().code().to_owned();
        assert!(code == "55000" || code == "23514", "draft to {to}: {code}");
    }
}

/// One first period, then each after the one before: no fork, no gap, no overlap.
#[test]
fn the_chain_of_billed_periods_has_one_way_on() {
    let mut books = Books::new();
    let acme = books.subscribed("plus", "2026-01-01Z");
    books.close("2026-02-01");
    for (start, end, previous, constraint) in [
        (
            "2026-04-01",
            "2026-05-01",
            "'2026-04-01'",
            "billed_periods_tenant_id_subscription_id_previous_end_fkey",
        ),
        ("2026-02-01", "2026-02-15", "'2026-02-01'", "billed_periods_pkey"),
        ("2026-02-15", "2026-04-01", "'2026-02-01'", "billed_periods_check1"),
        (
            "2026-02-15",
            "2026-04-01",
            "'2026-02-15'",
            "billed_periods_tenant_id_subscription_id_previous_end_fkey",
        ),
        (
            "2026-04-01",
            "2026-05-01",
            "NULL",
            "billed_periods_tenant_id_subscription_id_previous_end_key",
        ),
        (
            "2025-12-01",
            "2026-01-01",
            "NULL",
            "billed_periods_tenant_id_subscription_id_previous_end_key",
        ),
        ("2026-03-01", "2026-03-01", "'2026-03-01'", "billed_periods_check"),
        (
            "2026-01-15",
            "2026-02-01",
            "'2026-01-15'",
            "billed_periods_tenant_id_subscription_id_period_end_key",
        ),
    ] {
        let sql = format!(
            "INSERT INTO saas.billed_periods (tenant_id, subscription_id, period_start, period_end, previous_end, plan_id, seats, period, invoice_id)
             SELECT tenant_id, subscription_id, '{start}', '{end}', {previous}, plan_id, seats, '{start}', invoice_id
               FROM saas.billed_periods LIMIT 1"
        );
        let error = books.data.batch_execute(&sql).unwrap_err();
        let error = error.as_db_error().unwrap();
        assert_eq!(error.constraint(), Some(constraint), "{start} {end} {previous}: {error:?}");
    }
    for refused in [
        "UPDATE saas.billed_periods SET period_end = '2026-02-02' WHERE period_start = '2026-01-01'",
        "UPDATE saas.billed_periods SET invoice_id = NULL",
        "DELETE FROM saas.billed_periods",
    ] {
        assert_sqlstate(books.data.batch_execute(refused), "55000");
    }
    assert_eq!(books.periods(acme), ["2026-01-01 - 2026-02-01", "2026-02-01 - 2026-03-01"]);
    books.balanced();
}

#[test]
fn the_terms_of_a_plan_in_use_are_fixed() {
    let mut books = Books::new();
    books.subscribed("plus", "2026-01-01Z");
    for refused in [
        "UPDATE saas.plans SET base_price = 1 WHERE key = 'plus'",
        "UPDATE saas.plan_features SET overage_price = 1",
        "DELETE FROM saas.plan_features",
        "DELETE FROM saas.plans WHERE key = 'plus'",
    ] {
        assert_sqlstate(books.data.batch_execute(refused), "55000");
    }
    // A new version is for those who come.
    books.run(
        "UPDATE saas.plans SET is_current = false WHERE key = 'plus';
         INSERT INTO saas.plans (key, version, name, base_price, currency, billing_interval) VALUES ('plus', 2, 'Plus', 2500, 'USD', 'monthly')",
    );
    let new = books.subscribed("plus", "2026-01-01Z");
    assert_eq!(books.bill(new, "2026-01-01"), "subscription 2500 = 2500");
    assert_eq!(
        books.count(
            "saas.tenant_subscriptions s JOIN saas.plans p ON p.id = s.plan_id WHERE p.version = 1"
        ),
        1
    );
}

/// Billing is the worker's and the platform's; a tenant may put itself on a plan, from now on and without a trial of its own.
#[test]
fn who_may_bill() {
    let mut story = Story::new();
    let (acme, globex) = (story.acme.clone(), story.globex.clone());
    let mut app = story.db.kind("app");
    let mut admin = story.db.kind("admin");
    let mut gateway = story.db.kind("gateway");
    for sql in [
        "SELECT saas.generate_invoice($1, '2026-01-01')",
        "SELECT saas.grant_credit($1, 5, 'x', 'promo')",
        "SELECT saas.record_usage($1, 'x', 1, 'e')",
        "SELECT saas.roll_up_usage('2026-01-01', $1)",
        "SELECT saas.assess_usage_fees('2026-01-01', $1)",
        "INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source) VALUES ($1, 5, 'x', 'promo')",
        "UPDATE saas.payment_invoices SET total_amount = 0 WHERE tenant_id = $1",
        "DELETE FROM saas.billed_periods WHERE tenant_id = $1",
    ] {
        let mut asked = asking(&mut app, &story.acme.owner, Some(&acme));
        assert_sqlstate(asked.execute(sql, &[&acme.id]), "42501");
    }
    assert_sqlstate(app.batch_execute("CALL saas.close_period('2026-01-01')"), "42501");
    assert_sqlstate(admin.batch_execute("CALL saas.close_period('2026-01-01')"), "42501");
    assert_sqlstate(gateway.batch_execute("CALL saas.close_period('2026-01-01')"), "42501");
    // Without a context nobody is asking; support may not bill; the platform's admin may.
    let grant = "SELECT saas.grant_credit($1, 5, 'x', 'promo')";
    let bill = "SELECT saas.generate_invoice($1, '2026-01-01')";
    assert_sqlstate(admin.execute(grant, &[&acme.id]), "28000");
    assert_sqlstate(admin.execute(bill, &[&acme.id]), "28000");
    for sql in [grant, bill] {
        let mut asked = asking(&mut admin, &story.support, None);
        assert_sqlstate(asked.execute(sql, &[&acme.id]), "42501");
    }
    let mut asked = asking(&mut admin, &story.platform_admin, None);
    asked.execute(grant, &[&acme.id]).unwrap();
    assert_sqlstate(asked.execute(bill, &[&acme.id]), "55000");
    drop(asked);
    // Subscribing.
    let plainly = "SELECT saas.subscribe($1, 'free')";
    for (person, tenant, sql, refused) in [
        (&acme.guest, &acme, plainly, true),
        (&acme.member, &acme, plainly, true),
        (&globex.owner, &acme, plainly, true),
        (&acme.owner, &acme, "SELECT saas.subscribe($1, 'free', trial => '10 years')", true),
        (
            &acme.owner,
            &acme,
            "SELECT saas.subscribe($1, 'free', starts_at => now() - interval '1 day')",
            true,
        ),
        (&acme.owner, &acme, plainly, false),
    ] {
        let within = if person.id == globex.owner.id { None } else { Some(&acme) };
        let mut asked = asking(&mut app, person, within);
        let outcome = asked.execute(sql, &[&tenant.id]);
        if refused {
            assert_sqlstate(outcome, "42501");
        } else {
            outcome.unwrap();
            asked.commit().unwrap();
        }
    }
    assert_sqlstate(story.data.execute(plainly, &[&acme.id]), "55000");
    // The balance is for billing.view, of one's own tenant.
    let balance = "SELECT saas.credit_balance($1)";
    for (person, tenant, sqlstate) in
        [(&acme.admin, &acme, ""), (&acme.member, &acme, "42501"), (&globex.owner, &acme, "42501")]
    {
        let mut asked = asking(&mut app, person, None);
        match (asked.query_one(balance, &[&tenant.id]), sqlstate) {
            (Ok(row), "") => assert_eq!(row.get::<_, i64>(0), 0),
            (outcome, sqlstate) => drop(assert_sqlstate(outcome, sqlstate)),
        }
    }
    assert_sqlstate(app.query_one(balance, &[&acme.id]), "28000");
}
