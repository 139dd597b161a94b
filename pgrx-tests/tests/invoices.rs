//! Invoices before and after they are real: previews, voids, reissues, late usage, and credits that are spent.

mod books;

use books::{Books, finalize, generate, subscribe};
use postgres::{Client, GenericClient};
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::{Story, asking, one};
use std::sync::Barrier;
use std::thread;
use uuid::Uuid;

/// `subscription 2000 Plus plan 2026-01-01 2026-02-01` a line, as the preview of that moment tells it.
fn preview(client: &mut impl GenericClient, tenant: Uuid, as_of: &str) -> Vec<String> {
    let sql = "SELECT concat_ws(' ', position, kind, amount, description, feature_key, quantity, trim_scale(unit_amount), period_start, period_end)
                 FROM saas.preview_invoice($1, $2::text::timestamptz)";
    client.query(sql, &[&tenant, &as_of]).unwrap().iter().map(|row| row.get(0)).collect()
}

impl Books {
    fn lines(&mut self, invoice: Uuid) -> Vec<String> {
        let sql = "SELECT concat_ws(' ', position, kind, amount, description, feature_key, quantity, trim_scale(unit_amount), period_start, period_end)
                     FROM saas.payment_invoice_lines WHERE invoice_id = $1 ORDER BY position";
        self.data.query(sql, &[&invoice]).unwrap().iter().map(|row| row.get(0)).collect()
    }

    fn void(&mut self, invoice: Uuid) {
        void(&mut self.data, invoice).unwrap();
    }

    fn status(&mut self, invoice: Uuid) -> String {
        self.one("SELECT status FROM saas.payment_invoices WHERE id = $1", &[&invoice])
    }

    /// Makes sure that a preview says what the real one then says.
    #[track_caller]
    fn bill_as_previewed(&mut self, tenant: Uuid, day: &str) -> Uuid {
        let noon = format!("{day} 12:00Z");
        let before = preview(&mut self.data, tenant, &noon);
        let invoice = generate(&mut self.worker, tenant, day).unwrap();
        assert_eq!(before, self.lines(invoice), "{day}");
        assert_eq!(preview(&mut self.data, tenant, &noon), before, "{day}, when it is billed");
        invoice
    }
}

fn void(client: &mut Client, invoice: Uuid) -> Result<u64, postgres::Error> {
    client.execute("SELECT saas.void_invoice($1, 'Wrong plan')", &[&invoice])
}

fn code<T: std::fmt::Debug>(result: Result<T, postgres::Error>) -> String {
    result.map_or_else(|error| error.code().unwrap().code().to_owned(), |_| "done".to_owned())
}

/// A plan with everything: seats, set-up, minimum, tiers, packages, units that cost nothing.
fn everything(books: &mut Books) {
    books.plan(
        "whole",
        "base_price, seat_price, included_seats, setup_fee, minimum_amount, trial_days",
        "3100, 620, 1, 700, 9000, 0",
    );
    books.feature("whole", "call", 10, Some("2.5"));
    books.feature(
        "whole",
        "page",
        0,
        Some(r#"{"model":"graduated","tiers":[{"up_to":5,"unit_amount":"100","flat_amount":"50"},{"up_to":null,"unit_amount":"7"}]}"#),
    );
    books.feature("whole", "free", 0, None);
}

#[test]
fn a_preview_says_what_the_invoice_will_say() {
    let mut books = Books::new();
    everything(&mut books);
    let tenant = books.tenant("Acme");
    books.subscribe(tenant, "whole", 3, "2026-01-11Z", None);
    books.credit(tenant, 5000, 50, None);
    books.credit(tenant, 300, 1, Some("2099-01-01Z"));
    books.used(tenant, "call", 25, "2026-01-20Z");
    books.used(tenant, "page", 9, "2026-01-20Z");
    books.used(tenant, "free", 9, "2026-01-20Z");
    let invoice = books.bill_as_previewed(tenant, "2026-01-20");
    assert_eq!(
        books.told(invoice),
        "subscription 2100, seat 840, usage 38, usage 500, usage 50, usage 28, minimum 2541, setup 700, credit -5300 = 1497"
    );
    assert_eq!(
        books.lines(invoice)[3..6],
        [
            "4 usage 500 page beyond 0 included: up to 5 page 5 100 2026-01-11 2026-02-01",
            "5 usage 50 page beyond 0 included: up to 5, flat amount page 1 50 2026-01-11 2026-02-01",
            "6 usage 28 page beyond 0 included: over 5 page 4 7 2026-01-11 2026-02-01"
        ]
    );
    // Late usage that is folded already, late usage that is not, and both of one feature.
    books.used(tenant, "page", 3, "2026-01-21Z");
    books.run("SELECT saas.roll_up_usage('2026-01-01')");
    books.used(tenant, "page", 1, "2026-01-22Z");
    books.used(tenant, "call", 2, "2026-01-22Z");
    books.used(tenant, "call", 11, "2026-02-22Z");
    let invoice = books.bill_as_previewed(tenant, "2026-02-01");
    assert_eq!(
        books.told(invoice),
        "subscription 3100, seat 1240, usage 3, usage 50, minimum 4607, adjustment 5, adjustment 21, adjustment 7 = 9033"
    );
    assert_eq!(
        books.lines(invoice)[5..],
        [
            "6 adjustment 5 call: 2 late units of January 2026 call 2 2.5 2026-01-01 2026-02-01",
            "7 adjustment 21 page: 3 late units of January 2026 page 3 7 2026-01-01 2026-02-01",
            "8 adjustment 7 page: 1 late unit of January 2026 page 1 7 2026-01-01 2026-02-01"
        ]
    );
    books.balanced();
}

/// Where several periods are open, the earlier ones take the credits, the usage of a shared month, the set-up fee.
#[test]
fn a_preview_bills_earlier_periods_first() {
    let mut books = Books::new();
    books.plan(
        "year",
        "base_price, billing_interval, minimum_amount, setup_fee",
        "12000, 'yearly', 20000, 9",
    );
    books.feature("year", "call", 0, Some("10"));
    let yearly = books.subscribed("year", "2025-01-01Z");
    books.used(yearly, "call", 70, "2025-06-10Z");
    books.used(yearly, "call", 10, "2025-12-10Z");
    let foreseen = preview(&mut books.data, yearly, "2025-12-31 12:00Z");
    assert_eq!(foreseen.len(), 3, "{foreseen:?}");
    assert!(foreseen[2].starts_with("3 minimum 7200 "), "{foreseen:?}");
    books.close("2025-12-01");
    let december = generate(&mut books.worker, yearly, "2025-12-01").unwrap();
    assert_eq!(foreseen, books.lines(december));

    let acme = books.subscribed("plus", "2026-01-01Z");
    books.credit(acme, 5000, 50, None);
    books.used(acme, "project.create", 1100, "2026-01-10Z");
    let foreseen = preview(&mut books.data, acme, "2026-02-10Z");
    let january = preview(&mut books.data, acme, "2026-01-10Z");
    assert_eq!(foreseen.len(), 2, "{foreseen:?}");
    assert!(foreseen[1].starts_with("2 credit -2000 Credits used"), "{foreseen:?}");
    let future = preview(&mut books.data, acme, "2027-06-10Z");
    assert_eq!(future, ["1 subscription 2000 Plus plan 1 2000 2027-06-01 2027-07-01"]);
    books.close("2026-02-01");
    for (day, foreseen) in [("2026-02-10", foreseen), ("2026-01-10", january)] {
        let invoice = generate(&mut books.worker, acme, day).unwrap();
        assert_eq!(books.lines(invoice), foreseen);
    }

    // Two contracts in a month: the later one rates the month's usage.
    books.plan("dear", "base_price", "31000");
    books.feature("dear", "project.create", 0, Some("5"));
    let globex = books.subscribed("plus", "2026-01-01Z");
    books.run(&format!(
        "UPDATE saas.tenant_subscriptions SET status = 'canceled', ended_at = '2026-01-11Z' WHERE tenant_id = '{globex}'"
    ));
    books.subscribe(globex, "dear", 1, "2026-01-21Z", None);
    books.credit(globex, 17500, 50, None);
    books.used(globex, "project.create", 1200, "2026-01-05Z");
    let first = preview(&mut books.data, globex, "2026-01-05Z");
    let second = preview(&mut books.data, globex, "2026-01-25Z");
    assert_eq!(preview(&mut books.data, globex, "2026-01-15Z"), first, "between the two");
    books.close("2026-01-01");
    for (day, foreseen) in [("2026-01-05", first), ("2026-01-25", second)] {
        let invoice = generate(&mut books.worker, globex, day).unwrap();
        assert_eq!(books.lines(invoice), foreseen, "{day}");
    }
    books.balanced();
}

#[test]
fn a_preview_writes_nothing() {
    let mut books = Books::new();
    everything(&mut books);
    let tenant = books.subscribed("whole", "2026-01-01Z");
    books.used(tenant, "call", 25, "2026-01-20Z");
    let wanted = preview(&mut books.data, tenant, "2026-01-20Z");
    let mut reading = books.data.build_transaction().read_only(true).start().unwrap();
    assert_eq!(preview(&mut reading, tenant, "2026-01-20Z"), wanted);
    reading.rollback().unwrap();
    let mut transaction = books.data.transaction().unwrap();
    preview(&mut transaction, tenant, "2026-01-20Z");
    let sql = "SELECT pg_current_xact_id_if_assigned() IS NULL";
    assert!(one::<bool>(&mut transaction, sql, &[]));
    drop(transaction);
    assert_eq!(books.count("saas.usage_summaries"), 0);
    let sql = "SELECT * FROM saas.preview_invoice($1, $2::text::timestamptz)";
    for (as_of, sqlstate) in
        [("infinity", "22023"), ("-infinity", "22023"), ("294276-01-01Z", "22023")]
    {
        assert_sqlstate(books.data.query(sql, &[&tenant, &as_of]), sqlstate);
    }
    let none = None::<&str>;
    assert_sqlstate(books.data.query(sql, &[&tenant, &none]), "23502");
    assert_sqlstate(books.data.query(sql, &[&None::<Uuid>, &"2026-01-01Z"]), "23502");
    assert_sqlstate(books.data.query(sql, &[&Uuid::new_v4(), &"2026-01-01Z"]), "23503");
    assert!(preview(&mut books.data, tenant, "1999-01-01Z").is_empty());
    let nobody = books.tenant("nobody");
    assert!(preview(&mut books.data, nobody, "2026-01-01Z").is_empty());
}

#[test]
fn a_void_gives_back_what_was_used() {
    let mut books = Books::new();
    let acme = books.subscribed("plus", "2026-01-01Z");
    books.credit(acme, 300, 1, Some("2099-01-01Z"));
    books.credit(acme, 500, 7, None);
    let invoice = generate(&mut books.worker, acme, "2026-01-01").unwrap();
    assert_eq!(books.told(invoice), "subscription 2000, credit -800 = 1200");
    let number = finalize(&mut books.worker, invoice).unwrap();
    books.void(invoice);
    let sql = "SELECT string_agg(concat_ws(' ', delta, priority, expires_at AT TIME ZONE 'UTC'), ', ' ORDER BY entry)
                 FROM saas.tenant_credit_ledger WHERE tenant_id = $1 AND entry > 3";
    assert_eq!(books.one::<String>(sql, &[&acme]), "300 1 2099-01-01 00:00:00, 500 7");
    let sql = "SELECT concat_ws(' ', status, number, status_reason, voided_at IS NOT NULL) FROM saas.payment_invoices WHERE id = $1";
    assert_eq!(books.one::<String>(sql, &[&invoice]), format!("void {number} Wrong plan t"));
    let sql = "SELECT reason FROM saas.platform_audit_logs WHERE action = 'payment_invoices.update' AND target_id = $1 ORDER BY id DESC LIMIT 1";
    assert_eq!(books.one::<String>(sql, &[&invoice.to_string()]), "Wrong plan");
    assert_eq!(books.balance(acme), 800);
    assert_sqlstate(void(&mut books.data, invoice), "55000");
    assert_eq!(books.balance(acme), 800);

    // A grant that has expired since lives on for as long as it had left.
    let globex = books.subscribed("plus", "2026-01-01Z");
    books.run(&format!(
        "INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, expires_at)
         VALUES ('{globex}', 300, 'Short', 'promo', now() + interval '2 seconds')"
    ));
    let invoice = generate(&mut books.worker, globex, "2026-01-01").unwrap();
    thread::sleep(std::time::Duration::from_millis(2300));
    books.void(invoice);
    assert_eq!(books.balance(globex), 300);
    let again = generate(&mut books.worker, globex, "2026-01-01").unwrap();
    assert_eq!(books.told(again), "subscription 2000, credit -300 = 1700");
    books.balanced();
}

#[test]
fn who_is_paid_is_not_voided() {
    let mut books = Books::new();
    let invoice_of = |books: &mut Books, way: &[&str]| {
        let acme = books.subscribed("plus", "2026-01-01Z");
        let invoice = generate(&mut books.worker, acme, "2026-01-01").unwrap();
        for state in way {
            if *state == "open" {
                finalize(&mut books.worker, invoice).unwrap();
            } else {
                let sql = "UPDATE saas.payment_invoices SET status = $2 WHERE id = $1";
                books.data.execute(sql, &[&invoice, state]).unwrap();
            }
        }
        invoice
    };
    let give_up = "SELECT saas.mark_uncollectible($1, 'Insolvent')";
    for (way, voided, given_up) in [
        (&[][..], "done", "55000"),
        (&["open"], "done", "done"),
        (&["open", "failed"], "done", "done"),
        (&["open", "uncollectible"], "done", "55000"),
        (&["open", "paid"], "55000", "55000"),
        (&["open", "void"], "55000", "55000"),
    ] {
        let invoice = invoice_of(&mut books, way);
        assert_eq!(code(void(&mut books.data, invoice)), voided, "{way:?}");
        let invoice = invoice_of(&mut books, way);
        assert_eq!(code(books.data.execute(give_up, &[&invoice])), given_up, "{way:?}");
    }
    // What was given up may be paid after all, or voided.
    for to in ["paid", "void"] {
        let invoice = invoice_of(&mut books, &["open"]);
        books.data.execute(give_up, &[&invoice]).unwrap();
        let sql = "UPDATE saas.payment_invoices SET status = $2 WHERE id = $1";
        books.data.execute(sql, &[&invoice, &to]).unwrap();
    }
    // A draft that was voided gets no number any more.
    let draft = invoice_of(&mut books, &[]);
    books.void(draft);
    assert_sqlstate(finalize(&mut books.worker, draft), "55000");
    assert_eq!(
        books.one::<Option<String>>(
            "SELECT number FROM saas.payment_invoices WHERE id = $1",
            &[&draft]
        ),
        None
    );
    assert_sqlstate(
        books
            .data
            .execute("UPDATE saas.payment_invoices SET total_amount = 1 WHERE id = $1", &[&draft]),
        "55000",
    );
    for function in ["void_invoice", "mark_uncollectible"] {
        let sql = format!("SELECT saas.{function}($1, $2)");
        let id = Uuid::new_v4();
        assert_sqlstate(books.data.execute(&sql, &[&id, &"x"]), "23503");
        assert_sqlstate(books.data.execute(&sql, &[&id, &" "]), "22023");
        assert_sqlstate(books.data.execute(&sql, &[&id, &None::<&str>]), "23502");
        assert_sqlstate(books.data.execute(&sql, &[&None::<Uuid>, &"x"]), "23502");
    }
    // A contract that was behind only with what is void is behind no more.
    let invoice = invoice_of(&mut books, &["open", "failed"]);
    let behind = "tenant_subscriptions s SET status = 'past_due' FROM saas.payment_invoices i WHERE i.subscription_id = s.id";
    books.run(&format!("UPDATE saas.{behind} AND i.id = '{invoice}'"));
    books.void(invoice);
    let sql = "SELECT t.billing_state FROM saas.tenants t JOIN saas.payment_invoices i ON i.tenant_id = t.id WHERE i.id = $1";
    assert_eq!(books.one::<String>(sql, &[&invoice]), "active");
    books.balanced();
}

#[test]
fn a_reissue_is_the_same_invoice_again() {
    let mut books = Books::new();
    everything(&mut books);
    let acme = books.tenant("Acme");
    books.subscribe(acme, "whole", 3, "2026-01-11Z", None);
    books.credit(acme, 1000, 50, None);
    books.used(acme, "call", 25, "2026-01-20Z");
    books.used(acme, "page", 9, "2026-01-20Z");
    let january = generate(&mut books.worker, acme, "2026-01-11").unwrap();
    books.used(acme, "page", 3, "2026-01-21Z");
    books.used(acme, "call", 11, "2026-02-22Z");
    books.close("2026-03-01");
    let february = generate(&mut books.worker, acme, "2026-02-11").unwrap();
    finalize(&mut books.worker, february).unwrap();
    assert!(books.told(february).contains("adjustment 21"));
    // Later usage of January and of February is not this invoice's.
    books.used(acme, "page", 4, "2026-01-22Z");
    books.used(acme, "call", 8, "2026-02-22Z");
    let mut last = february;
    for round in 0..3 {
        let was = books.lines(last);
        books.void(last);
        let foreseen = preview(&mut books.data, acme, "2026-02-11Z");
        let again = generate(&mut books.worker, acme, "2026-02-11").unwrap();
        assert_ne!(again, last);
        assert_eq!(books.lines(again), was, "round {round}");
        assert_eq!(foreseen, was, "round {round}");
        assert_eq!(generate(&mut books.worker, acme, "2026-02-01").unwrap(), again);
        assert_eq!(books.status(again), "draft");
        books.balanced();
        last = again;
        if round == 0 {
            // Folded between two reissues: it stays out of the second too.
            books.run("SELECT saas.roll_up_usage('2026-02-01')");
        }
    }
    // The first one with its set-up fee and credits, after the later ones.
    let was = books.lines(january);
    books.void(january);
    let again = generate(&mut books.worker, acme, "2026-01-31").unwrap();
    assert_eq!(books.lines(again), was);
    assert_eq!(books.periods(acme).len(), 3);
    // What came late is on the next invoice, once.
    let april = generate(&mut books.worker, acme, "2026-04-01").unwrap();
    assert_eq!(
        books.told(april),
        "subscription 3100, seat 1240, usage 50, minimum 4610, adjustment 28, adjustment 20 = 9048"
    );
    assert_eq!(books.count("saas.usage_adjustments WHERE amount IS NULL"), 0);
    books.balanced();
}

/// What an invoice gave as credits is taken back with it, unless it is gone.
#[test]
fn a_void_takes_back_what_it_gave() {
    let mut books = Books::new();
    let volume = r#"{"model":"volume","tiers":[{"up_to":10,"unit_amount":"100"},{"up_to":null,"unit_amount":"10"}]}"#;
    books.plan("volume", "base_price", "0");
    books.feature("volume", "call", 0, Some(volume));
    let acme = books.subscribed("volume", "2026-01-01Z");
    books.used(acme, "call", 10, "2026-01-10Z");
    books.close("2026-01-01");
    books.used(acme, "call", 1, "2026-01-10Z");
    let february = books.bill_as_previewed(acme, "2026-02-01");
    assert_eq!(books.told(february), "subscription 0, adjustment -890, adjustment 890 = 0");
    assert_eq!(books.balance(acme), 890);
    books.void(february);
    assert_eq!(books.balance(acme), 0);
    let again = generate(&mut books.worker, acme, "2026-02-01").unwrap();
    assert_eq!(books.balance(acme), 890);
    books.used(acme, "call", 5, "2026-03-10Z");
    let march = generate(&mut books.worker, acme, "2026-03-01").unwrap();
    assert_eq!(books.told(march), "subscription 0, usage 500, credit -500 = 0");
    assert_sqlstate(void(&mut books.data, again), "55000");
    assert_eq!(books.status(again), "draft");
    books.void(march);
    // The credits came back as a grant of their own; those of the draft are gone still.
    assert_sqlstate(void(&mut books.data, again), "55000");
    books.balanced();
}

#[test]
fn late_usage_after_the_last_invoice_is_billed() {
    let mut books = Books::new();
    books.plan("anniversary", "base_price, billing_cycle", "3100, 'anniversary'");
    books.feature("anniversary", "call", 0, Some("3"));
    books.feature("anniversary", "unpriced", 0, None);
    let ended = |books: &mut Books, plan: &str| {
        let tenant = books.subscribed(plan, "2026-01-15Z");
        books.run(&format!(
            "UPDATE saas.tenant_subscriptions SET status = 'canceled', ended_at = '2026-02-20Z' WHERE tenant_id = '{tenant}'"
        ));
        tenant
    };
    let calendar = ended(&mut books, "plus");
    let anniversary = ended(&mut books, "anniversary");
    let for_nothing = ended(&mut books, "anniversary");
    let back = ended(&mut books, "anniversary");
    let before = ended(&mut books, "anniversary");
    books.close("2026-02-01");
    assert_eq!(books.count("saas.tenant_subscriptions WHERE settled_at IS NULL"), 0);
    let settled = books.count("saas.payment_invoices");
    books.credit(calendar, 50, 50, None);
    books.used(calendar, "project.create", 1020, "2026-01-20Z");
    books.used(anniversary, "call", 20, "2026-01-20Z");
    books.used(anniversary, "call", 1, "2026-02-19Z");
    books.used(for_nothing, "unpriced", 5, "2026-01-20Z");
    books.used(back, "call", 7, "2026-01-20Z");
    // Recorded and folded while the contract lived, but after its last invoice.
    books.used(before, "call", 2, "2026-01-20Z");
    books.run("SELECT saas.roll_up_usage('2026-01-01')");
    books.subscribe(back, "plus", 1, "2026-03-01Z", None);
    let today: String = books.one("SELECT (now() AT TIME ZONE 'UTC')::date::text", &[]);
    let foreseen = preview(&mut books.data, anniversary, &format!("{today} 12:00Z"));
    books.close("2026-02-01");
    books.close("2026-02-01");
    assert_eq!(books.count("saas.payment_invoices"), settled + 3, "none for nothing, none twice");
    let one_off = |books: &mut Books, tenant: Uuid| -> Uuid {
        books.one(
            "SELECT id FROM saas.payment_invoices WHERE tenant_id = $1 AND subscription_id IS NULL",
            &[&tenant],
        )
    };
    let invoice = one_off(&mut books, calendar);
    assert_eq!(
        books.lines(invoice),
        [
            "1 adjustment 200 project.create: 1020 late units of January 2026 project.create 1020 0.19607843137254901961 2026-01-01 2026-02-01",
            "2 credit -50 Credits used 1 -50"
        ]
    );
    let invoice = one_off(&mut books, anniversary);
    let lines = [
        "1 adjustment 60 call: 20 late units of 2026-01-15 to 2026-02-14 call 20 3 2026-01-15 2026-02-15",
        "2 adjustment 3 call: 1 late unit of 2026-02-15 to 2026-03-14 call 1 3 2026-02-15 2026-03-15",
    ];
    assert_eq!(books.lines(invoice), lines);
    assert_eq!(foreseen, lines);
    let invoice = one_off(&mut books, before);
    assert_eq!(books.told(invoice), "adjustment 6 = 6");
    assert_eq!(books.bill(back, "2026-03-01"), "subscription 2000, adjustment 21 = 2021");
    assert_eq!(books.count("saas.usage_adjustments WHERE amount IS NULL"), 0);
    books.balanced();

    // By generate_invoice, for today; again the same; void and once more.
    books.used(anniversary, "call", 4, "2026-01-21Z");
    let more = generate(&mut books.worker, anniversary, &today).unwrap();
    assert_eq!(books.told(more), "adjustment 12 = 12");
    assert_eq!(generate(&mut books.worker, anniversary, &today).unwrap(), more);
    books.void(more);
    assert_eq!(books.count("saas.usage_adjustments WHERE amount IS NULL"), 0);
    let again = generate(&mut books.worker, anniversary, &today).unwrap();
    assert_ne!(again, more);
    assert_eq!(books.told(again), "adjustment 12 = 12");
    assert_eq!(generate(&mut books.worker, anniversary, &today).unwrap(), again);
    assert_sqlstate(generate(&mut books.worker, for_nothing, "2026-04-01"), "55000");
    // A last-value meter keeps its slots, and is not late for ever.
    books.run(
        "INSERT INTO saas.plan_features (plan_id, feature_key, aggregation, included_units, overage_price)
         SELECT id, 'seats', 'last', 0, 2 FROM saas.plans WHERE key = 'free'",
    );
    let last = books.subscribed("free", "2026-01-01Z");
    books.used(last, "seats", 3, "2026-01-20Z");
    books.run(&format!(
        "UPDATE saas.tenant_subscriptions SET status = 'canceled', ended_at = '2026-02-01Z' WHERE tenant_id = '{last}'"
    ));
    books.close("2026-02-01");
    books.used(last, "seats", 2, "2026-01-31Z");
    books.close("2026-02-01");
    books.close("2026-02-01");
    let sql = "SELECT string_agg(description, ', ') FROM saas.payment_invoice_lines l JOIN saas.payment_invoices i ON i.id = l.invoice_id
                WHERE i.tenant_id = $1 AND i.subscription_id IS NULL";
    assert_eq!(
        books.one::<String>(sql, &[&last]),
        "seats: 1 units less of January 2026, Carried over as credits"
    );
    books.balanced();
}

fn at_once<T: Send>(clients: Vec<Client>, work: impl Fn(usize, &mut Client) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(clients.len());
    thread::scope(|scope| {
        let running: Vec<_> = clients
            .into_iter()
            .enumerate()
            .map(|(place, mut client)| {
                let (start, work) = (&start, &work);
                scope.spawn(move || {
                    start.wait();
                    work(place, &mut client)
                })
            })
            .collect();
        running.into_iter().map(|session| session.join().unwrap()).collect()
    })
}

#[test]
fn of_two_voids_one_wins() {
    let mut books = Books::new();
    for _ in 0..10 {
        let acme = books.subscribed("plus", "2026-01-01Z");
        books.credit(acme, 700, 50, None);
        let invoice = generate(&mut books.worker, acme, "2026-01-01").unwrap();
        let clients = (0..4).map(|_| books.db.owner()).collect();
        let mut outcomes = at_once(clients, |_, client| code(void(client, invoice)));
        outcomes.sort();
        assert_eq!(outcomes, ["55000", "55000", "55000", "done"]);
        assert_eq!(books.balance(acme), 700);
    }
    books.balanced();
}

/// A payment that comes while its invoice is voided: paid, or an event that failed; never both.
#[test]
fn a_void_and_a_payment_exclude_each_other() {
    let mut books = Books::new();
    let mut wins = [0, 0];
    for round in 0..12 {
        let acme = books.subscribed("plus", "2026-01-01Z");
        let invoice = generate(&mut books.worker, acme, "2026-01-01").unwrap();
        finalize(&mut books.worker, invoice).unwrap();
        let (customer, bill) = (format!("cus_{round}"), format!("in_{round}"));
        books
            .data
            .execute("SELECT saas.link_provider_customer($1, 'stripe', $2)", &[&acme, &customer])
            .unwrap();
        books
            .data
            .execute("SELECT saas.link_provider_invoice($1, 'stripe', $2)", &[&invoice, &bill])
            .unwrap();
        let paid = serde_json::json!({
            "id": format!("evt_{round}"), "object": "event", "created": 1_770_000_000, "type": "invoice.paid", "livemode": false,
            "data": {"object": {"id": bill, "object": "invoice", "customer": customer, "currency": "usd", "status": "paid",
                                "amount_due": 2000, "amount_paid": 2000, "amount_remaining": 0, "total": 2000, "metadata": {}}}
        });
        let sql = "SELECT saas.ingest_payment_event('stripe', $1, 'invoice.paid', $2)";
        books.data.execute(sql, &[&format!("evt_{round}"), &paid]).unwrap();
        let clients = vec![books.db.owner(), books.db.connect("saas_worker")];
        let outcomes = at_once(clients, |place, client| match place {
            0 => code(void(client, invoice)),
            _ => one::<i32>(client, "SELECT saas.process_payment_events()", &[]).to_string(),
        });
        let status = books.status(invoice);
        let expected = if outcomes[0] == "done" { "void" } else { "paid" };
        assert_eq!(status, expected, "{outcomes:?}");
        wins[usize::from(status == "paid")] += 1;
    }
    assert_eq!(wins[0] + wins[1], 12);
    books.balanced();
}

/// A void invoice is made again by one of many, while the next month is closed.
#[test]
fn a_reissue_and_a_close_do_not_meet() {
    let mut books = Books::new();
    let tenants: Vec<Uuid> = (0..6).map(|_| books.subscribed("plus", "2026-01-01Z")).collect();
    for tenant in &tenants {
        books.credit(*tenant, 3000, 50, None);
        books.used(*tenant, "project.create", 1010, "2026-01-10Z");
    }
    books.close("2026-01-01");
    for tenant in &tenants {
        let invoice = generate(&mut books.worker, *tenant, "2026-01-01").unwrap();
        books.void(invoice);
        books.used(*tenant, "project.create", 1, "2026-01-10Z");
    }
    let clients = (0..4).map(|_| books.db.connect("saas_worker")).collect();
    let made = at_once(clients, |place, client| {
        if place == 0 {
            books::close(client, "2026-02-01", 2).unwrap();
            Vec::new()
        } else {
            tenants.iter().map(|tenant| generate(client, *tenant, "2026-01-01").unwrap()).collect()
        }
    });
    assert_eq!(made[1], made[2]);
    assert_eq!(made[1], made[3]);
    for tenant in &tenants {
        let sql = "SELECT sum(credit_amount)::bigint FROM saas.payment_invoices WHERE tenant_id = $1 AND status <> 'void'";
        assert_eq!(books.one::<i64>(sql, &[tenant]), 3000);
        let sql = "SELECT string_agg(concat_ws(' ', kind, amount), ', ' ORDER BY position) FROM saas.payment_invoice_lines l
                    WHERE invoice_id = (SELECT invoice_id FROM saas.billed_periods WHERE tenant_id = $1 AND period = '2026-02-01') AND kind <> 'credit'";
        assert_eq!(books.one::<String>(sql, &[tenant]), "subscription 2000, adjustment 10");
    }
    books.balanced();
}

#[test]
fn credits_are_spent_once_a_key() {
    let mut books = Books::new();
    let acme = books.tenant("Acme");
    books.credit(acme, 1000, 50, None);
    let sql = "SELECT saas.spend_credit($1, $2, 'Voucher', $3)";
    let spend =
        |client: &mut Client, amount: i64, key: Option<&str>| -> Result<Uuid, postgres::Error> {
            Ok(client.query_one(sql, &[&acme, &amount, &key])?.get(0))
        };
    let first = spend(&mut books.data, 900, Some("one")).unwrap();
    // More than what is left now, but it is the same.
    assert_eq!(spend(&mut books.data, 900, Some("one")).unwrap(), first);
    assert_sqlstate(spend(&mut books.data, 901, Some("one")), "23505");
    assert_sqlstate(spend(&mut books.data, 101, Some("two")), "53400");
    assert_sqlstate(spend(&mut books.data, 101, None), "53400");
    for amount in [0, -1, i64::MIN] {
        assert_sqlstate(spend(&mut books.data, amount, None), "22023");
    }
    assert_sqlstate(spend(&mut books.data, i64::MAX, None), "53400");
    assert_sqlstate(spend(&mut books.data, 1, Some("")), "23514");
    // A grant's key is not a payment's.
    let grant = "SELECT saas.grant_credit($1, 5, 'Present', 'promo', 'gift')";
    books.data.execute(grant, &[&acme]).unwrap();
    assert_sqlstate(spend(&mut books.data, 5, Some("gift")), "23505");
    assert_sqlstate(books.data.execute(sql, &[&Uuid::new_v4(), &1i64, &None::<&str>]), "23503");
    assert_sqlstate(books.data.execute("SELECT saas.spend_credit($1, 1, NULL)", &[&acme]), "23502");
    assert_sqlstate(
        books.data.execute("SELECT saas.spend_credit($1, NULL, 'x')", &[&acme]),
        "23502",
    );
    assert_sqlstate(books.data.execute("SELECT saas.spend_credit(NULL, 1, 'x')", &[]), "23502");
    // Expired credits can't be spent.
    books.run(&format!(
        "INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, expires_at)
         VALUES ('{acme}', 300, 'Old', 'promo', now() - interval '1 second')"
    ));
    assert_sqlstate(spend(&mut books.data, 106, None), "53400");
    assert_eq!(books.balance(acme), 105);
    // Two, then many at once: one key once, and never beyond the balance.
    let clients = (0..4).map(|_| books.db.owner()).collect();
    let ids = at_once(clients, |_, client| spend(client, 60, Some("key")).unwrap());
    assert!(ids.iter().all(|id| *id == ids[0]));
    let clients = (0..4).map(|_| books.db.owner()).collect();
    let mut outcomes = at_once(clients, |_, client| code(spend(client, 30, None)));
    outcomes.sort();
    assert_eq!(outcomes, ["53400", "53400", "53400", "done"]);
    assert_eq!(books.balance(acme), 15);
    books.balanced();
}

#[test]
fn who_may_preview_spend_and_void() {
    let mut story = Story::new();
    let (acme, globex) = (story.acme.clone(), story.globex.clone());
    let (mut app, mut admin) = (story.db.kind("app"), story.db.kind("admin"));
    let (mut worker, mut auditor) = (story.db.kind("worker"), story.db.kind("auditor"));
    story.data.batch_execute("UPDATE saas.settings SET usage_id_retention = '1000 years'").unwrap();
    subscribe(&mut worker, acme.id, "free", 1, "2026-01-01Z", None).unwrap();
    let invoice = generate(&mut worker, acme.id, "2026-01-01").unwrap();
    story.data.execute("SELECT saas.grant_credit($1, 100, 'x', 'promo')", &[&acme.id]).unwrap();
    let see = "SELECT count(*) FROM saas.preview_invoice($1)";
    let spend = "SELECT saas.spend_credit($1, 1, 'x')";
    // A person, the tenant of the request, and what preview and spend answer.
    for (person, within, seen, spent) in [
        (&acme.owner, Some(&acme), "done", "done"),
        (&acme.admin, Some(&acme), "done", "42501"),
        (&acme.member, Some(&acme), "42501", "42501"),
        (&acme.guest, Some(&acme), "42501", "42501"),
        (&acme.owner, None, "done", "done"),
        (&globex.owner, Some(&globex), "42501", "42501"),
        (&globex.owner, None, "42501", "42501"),
        (&story.stranger, None, "42501", "42501"),
        (&story.superadmin, None, "done", "done"),
        (&story.support, None, "42501", "42501"),
    ] {
        for (sql, wanted) in [(see, seen), (spend, spent)] {
            let client = if person.id == story.superadmin.id || person.id == story.support.id {
                &mut admin
            } else {
                &mut app
            };
            let mut asked = asking(client, person, within);
            assert_eq!(code(asked.query(sql, &[&acme.id])), wanted, "{sql} {person:?}");
            drop(asked);
            // A tenant that does not exist looks like one that is not his.
            let mut asked = asking(client, person, within);
            let unknown = if person.id == story.superadmin.id { "23503" } else { "42501" };
            assert_eq!(code(asked.query(sql, &[&Uuid::new_v4()])), unknown, "{sql} {person:?}");
        }
    }
    for sql in [see, spend] {
        assert_sqlstate(app.query(sql, &[&acme.id]), "28000");
        assert_sqlstate(worker.query(sql, &[&acme.id]), "42501");
        assert_sqlstate(auditor.query(sql, &[&acme.id]), "42501");
    }
    for sql in [
        "SELECT saas.void_invoice($1, 'x')",
        "SELECT saas.mark_uncollectible($1, 'x')",
        "SELECT saas.finalize_invoice($1)",
    ] {
        let mut asked = asking(&mut app, &acme.owner, Some(&acme));
        assert_sqlstate(asked.execute(sql, &[&invoice]), "42501");
        drop(asked);
        let mut asked = asking(&mut admin, &story.support, None);
        assert_sqlstate(asked.execute(sql, &[&invoice]), "42501");
        drop(asked);
        assert_sqlstate(admin.execute(sql, &[&invoice]), "28000");
        if !sql.contains("finalize") {
            assert_sqlstate(worker.execute(sql, &[&invoice]), "42501");
        }
    }
    let mut asked = asking(&mut admin, &story.platform_admin, None);
    asked.execute("SELECT saas.void_invoice($1, 'x')", &[&invoice]).unwrap();
    asked.commit().unwrap();
    let wrong: i64 = one(&mut story.data, "SELECT count(*) FROM saas.check_invariants()", &[]);
    assert_eq!(wrong, 0);
    for sql in [
        "SELECT saas.generate_invoice(NULL, '2026-01-01')",
        "SELECT saas.generate_invoice(gen_random_uuid(), NULL)",
        "SELECT saas.finalize_invoice(NULL)",
        "SELECT saas.credit_balance(NULL)",
    ] {
        assert_sqlstate(story.data.execute(sql, &[]), "23502");
    }
}
