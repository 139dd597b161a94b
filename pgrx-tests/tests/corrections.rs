//! Usage that was recorded wrongly: corrected once, before or after it was billed, whatever runs meanwhile.

mod books;

use books::{Books, record, until_so_many_wait, until_somebody_waits};
use postgres::Client;
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::one;
use std::thread;
use std::time::Duration;
use uuid::Uuid;

const JANUARY: &str = "2026-01-10 12:00Z";

impl Books {
    fn correct(&mut self, tenant: Uuid, event: &str, units: i64) -> bool {
        let sql = "SELECT saas.correct_usage($1, $2, $3, 'Told wrongly')";
        one(&mut self.worker, sql, &[&tenant, &event, &units])
    }

    fn void(&mut self, tenant: Uuid, event: &str) -> bool {
        one(&mut self.worker, VOID, &[&tenant, &event])
    }

    fn event(&mut self, tenant: Uuid, feature: &str, units: i64, event: &str, at: &str) {
        assert!(record(&mut self.worker, tenant, feature, units, Some(event), at).unwrap());
    }

    fn total(&mut self, tenant: Uuid, feature: &str) -> i64 {
        let sql = "SELECT sum(units)::bigint FROM saas.usage_totals WHERE tenant_id = $1 AND feature_key = $2";
        self.one(sql, &[&tenant, &feature])
    }

    /// What the next invoice would say, or what it says of adjustments: `-5 call: 3 units less of January 2026`.
    fn adjustments(&mut self, rows: &str, tenant: Uuid) -> String {
        let sql = format!(
            "SELECT coalesce(string_agg(amount || ' ' || description, ', ' ORDER BY position), '') FROM {rows} WHERE kind = 'adjustment'"
        );
        self.one(&sql, &[&tenant])
    }

    /// Metered by a sum, a maximum and a last value, a unit of which costs 1, 10 and 100.
    fn metered(&mut self) {
        self.plan("metered", "base_price", "0");
        self.run(
            "INSERT INTO saas.plan_features (plan_id, feature_key, aggregation, included_units, overage_price)
             SELECT id, f, f, 0, p FROM saas.plans, (VALUES ('sum', 1), ('max', 10), ('last', 100)) AS f (f, p) WHERE key = 'metered'",
        );
    }
}

const VOID: &str = "SELECT saas.void_usage($1, $2, 'Never happened')";
const PREVIEW: &str = "saas.preview_invoice($1, '2026-02-15Z')";
const BILLED: &str = "(SELECT l.* FROM saas.payment_invoices i JOIN saas.payment_invoice_lines l ON l.invoice_id = i.id
                         WHERE i.tenant_id = $1 AND i.period_start = '2026-02-01') l";

#[test]
fn what_is_corrected_in_time_is_billed_right() {
    let mut books = Books::new();
    books.metered();
    let acme = books.subscribed("metered", "2026-01-01Z");
    for feature in ["sum", "max", "last"] {
        books.event(acme, feature, 5, &format!("{feature} a"), "2026-01-10Z");
        books.event(acme, feature, 9, &format!("{feature} b"), "2026-01-20Z");
        books.event(acme, feature, 7, &format!("{feature} c"), "2026-01-15Z");
        // Folded or not, fees looked at or not.
        if feature != "last" {
            books.one::<i64>("SELECT saas.roll_up_usage('2026-01-01')", &[]);
            books.one::<i64>("SELECT saas.assess_usage_fees('2026-01-01')", &[]);
        }
        assert!(books.void(acme, &format!("{feature} b")));
    }
    assert_eq!(
        books.bill(acme, "2026-01-01"),
        "subscription 0, usage 700, usage 70, usage 12 = 782"
    );
    assert_eq!(books.count("saas.usage_adjustments"), 0);
    books.balanced();
}

#[test]
fn what_is_corrected_after_the_close_is_adjusted_at_its_own_prices() {
    let mut books = Books::new();
    let tiers = r#"{"model":"graduated","tiers":[{"up_to":10,"unit_amount":"100"},{"up_to":null,"unit_amount":"10"}]}"#;
    books.plan("tiers", "base_price", "500");
    books.feature("tiers", "call", 5, Some(tiers));
    let acme = books.subscribed("tiers", "2026-01-01Z");
    books.event(acme, "call", 12, "a", JANUARY);
    books.event(acme, "call", 8, "b", JANUARY);
    // 15 beyond the included ones: 10 at 100, 5 at 10.
    assert_eq!(books.bill(acme, "2026-01-01"), "subscription 500, usage 1000, usage 50 = 1550");
    // 17: two less in the second tier. Then 5: what is left of it, and nine of the first. 5 more that came late are netted.
    assert!(books.correct(acme, "b", 5));
    assert!(!books.correct(acme, "b", 5));
    assert_eq!(books.adjustments(PREVIEW, acme), "-30 call: 3 units less of January 2026");
    books.event(acme, "call", 5, "late", JANUARY);
    assert!(books.void(acme, "a"));
    assert!(!books.void(acme, "a"));
    let told = "-30 call: 3 units less of January 2026, -520 call: 7 units less of January 2026, 50 Carried over as credits";
    assert_eq!(books.adjustments(PREVIEW, acme), told);
    books.balanced();
    // The invoice owes nothing, its tenant has what it doesn't take.
    assert_eq!(
        books.bill(acme, "2026-02-01"),
        "subscription 500, adjustment -30, adjustment -520, adjustment 50 = 0"
    );
    assert_eq!(books.adjustments(BILLED, acme), told);
    assert_eq!(books.balance(acme), 50);
    // What was January's stays; and what is given back is billed again, at the same prices.
    assert!(books.correct(acme, "a", 12));
    assert_eq!(
        books.bill(acme, "2026-03-01"),
        "subscription 500, adjustment 570, credit -50 = 1020"
    );
    books.balanced();
    let billed: i64 = books
        .one("SELECT sum(usage_amount + other_amount)::bigint FROM saas.payment_invoices", &[]);
    // 12 + 5 + 5 = 22 units in the end, of which 17 are beyond: 1070. The 50 are carried over and used.
    assert_eq!(billed, 1070 + 50);
    // All that is void in the end costs nothing. A reissued invoice says what the void one did, and no more.
    for event in ["a", "b", "late"] {
        assert!(books.void(acme, event));
    }
    for what in ["finalize_invoice(id)", "void_invoice(id, 'Again')"] {
        books.run(&format!(
            "SELECT saas.{what} FROM saas.payment_invoices WHERE period_start = '2026-03-01'"
        ));
    }
    assert_eq!(
        books.bill(acme, "2026-03-01"),
        "subscription 500, adjustment 570, credit -50 = 1020"
    );
    assert_eq!(
        books.bill(acme, "2026-04-01"),
        "subscription 500, adjustment -570, adjustment -500, adjustment 570 = 0"
    );
    assert_eq!(books.balance(acme), 570);
    books.balanced();
}

#[test]
fn maxima_and_last_values_of_closed_months_go_by_what_is_left() {
    let mut books = Books::new();
    books.metered();
    let acme = books.subscribed("metered", "2026-01-01Z");
    for feature in ["max", "last"] {
        books.event(acme, feature, 5, &format!("{feature} a"), "2026-01-10Z");
        books.event(acme, feature, 9, &format!("{feature} b"), "2026-01-20Z");
    }
    assert_eq!(books.bill(acme, "2026-01-01"), "subscription 0, usage 900, usage 90 = 990");
    // One that doesn't decide changes nothing.
    assert!(books.correct(acme, "max a", 6) && books.correct(acme, "last a", 6));
    assert_eq!(books.count("saas.usage_adjustments"), 0);
    assert!(books.void(acme, "max b") && books.void(acme, "last b"));
    assert_eq!(
        books.bill(acme, "2026-02-01"),
        "subscription 0, adjustment -300, adjustment -30, adjustment 330 = 0"
    );
    // Nothing is left of January, then something comes after all.
    assert!(books.void(acme, "max a") && books.void(acme, "last a"));
    assert_eq!((books.total(acme, "max"), books.total(acme, "last")), (0, 0));
    books.event(acme, "max", 2, "max c", "2026-01-02Z");
    books.event(acme, "last", 2, "last c", "2026-01-02Z");
    assert_eq!(
        books.bill(acme, "2026-03-01"),
        "subscription 0, adjustment -600, adjustment 200, adjustment -60, adjustment 20, adjustment 440 = 0"
    );
    // 990 were charged, 2 units of each are 220.
    assert_eq!(books.balance(acme), 990 - 220);
    books.balanced();
}

/// After the last invoice of an ended contract too; and where there was no contract nothing is billed or given back.
#[test]
fn corrections_of_ended_contracts_and_of_none() {
    let mut books = Books::new();
    books.metered();
    let (acme, free) = (books.subscribed("metered", "2026-01-01Z"), books.tenant("Free"));
    books.event(acme, "sum", 500, "a", JANUARY);
    books.event(free, "sum", 500, "a", JANUARY);
    books.run(&format!("SELECT saas.cancel_subscription('{acme}', false, '2026-02-01Z')"));
    books.close("2026-01-01");
    assert_eq!(books.invoices(acme), ["2026-01-01 subscription 0, usage 500 = 500"]);
    assert!(books.correct(acme, "a", 400) && books.correct(free, "a", 400));
    books.close("2026-02-01");
    assert_eq!(books.balance(acme), 100);
    assert_eq!((books.total(free, "sum"), books.count("saas.usage_adjustments")), (400, 1));
    books.balanced();
}

#[test]
fn of_two_corrections_at_once_one_changes_something() {
    let mut books = Books::new();
    let acme = books.subscribed("plus", "2026-01-01Z");
    books.event(acme, "project.create", 5, "a", JANUARY);
    books.event(acme, "project.create", 3, "b", JANUARY);
    books.close("2026-01-01");
    let mut first = books.db.connect("saas_worker");
    let mut transaction = first.transaction().unwrap();
    assert!(one::<bool>(&mut transaction, VOID, &[&acme, &"a"]));
    thread::scope(|scope| {
        let again: Vec<_> = (0..2)
            .map(|_| {
                let mut client = books.db.connect("saas_worker");
                scope.spawn(move || one::<bool>(&mut client, VOID, &[&acme, &"a"]))
            })
            .collect();
        until_so_many_wait(&mut books.data, 2);
        transaction.commit().unwrap();
        again.into_iter().for_each(|session| assert!(!session.join().unwrap()));
    });
    assert_eq!(
        (books.total(acme, "project.create"), books.count("saas.usage_corrections")),
        (3, 1)
    );
    // One that is undone leaves it to the next.
    let mut transaction = first.transaction().unwrap();
    assert!(one::<bool>(&mut transaction, VOID, &[&acme, &"b"]));
    thread::scope(|scope| {
        let mut client = books.db.connect("saas_worker");
        let second = scope.spawn(move || one::<bool>(&mut client, VOID, &[&acme, &"b"]));
        until_somebody_waits(&mut books.data);
        transaction.rollback().unwrap();
        assert!(second.join().unwrap());
    });
    assert_eq!(
        (books.total(acme, "project.create"), books.count("saas.usage_corrections")),
        (0, 2)
    );
    books.balanced();
}

/// A correction that waits for a close is an adjustment; one that a close waits for is billed with the month.
#[test]
fn a_correction_beside_a_close_is_never_lost() {
    let mut books = Books::new();
    let acme = books.subscribed("plus", "2026-01-01Z");
    let globex = books.subscribed("plus", "2026-01-01Z");
    for (at, event) in [(JANUARY, "a"), ("2026-02-10Z", "b")] {
        books.event(acme, "project.create", 1100, event, at);
    }
    // Folded already, so that the close writes nothing that the correction could see.
    for month in ["2026-01-01", "2026-02-01"] {
        one::<i64>(&mut books.worker, "SELECT saas.roll_up_usage($1::text::date)", &[&month]);
    }
    let mut holder = books.db.owner();
    let mut holding = holder.transaction().unwrap();
    holding.execute("SELECT FROM saas.issuers FOR UPDATE", &[]).unwrap();
    let (mut closer, mut corrector) =
        (books.db.connect("saas_worker"), books.db.connect("saas_worker"));
    let mut snapshot = books.db.connect("saas_worker");
    let mut before = snapshot
        .build_transaction()
        .isolation_level(postgres::IsolationLevel::RepeatableRead)
        .start()
        .unwrap();
    thread::scope(|scope| {
        let closing = scope.spawn(move || books::close(&mut closer, "2026-01-01", 10));
        until_somebody_waits(&mut books.data);
        let correcting = scope.spawn(move || one::<bool>(&mut corrector, VOID, &[&acme, &"a"]));
        until_so_many_wait(&mut books.data, 2);
        // The close has summed up without it, and is not to be seen when it will have committed.
        books.event(globex, "project.create", 1007, "late", JANUARY);
        before.execute("SELECT now()", &[]).unwrap();
        holding.commit().unwrap();
        closing.join().unwrap().unwrap();
        assert!(correcting.join().unwrap());
    });
    // Who can't see the close can't tell that the period is closed.
    assert_sqlstate(before.query(VOID, &[&globex, &"late"]), "40001");
    before.rollback().unwrap();
    assert!(books.void(globex, "late"));
    books.balanced();
    let mut corrector = books.db.connect("saas_worker");
    let mut correcting = corrector.transaction().unwrap();
    assert!(one::<bool>(&mut correcting, VOID, &[&acme, &"b"]));
    let mut closer = books.db.connect("saas_worker");
    thread::scope(|scope| {
        let closing = scope.spawn(move || books::close(&mut closer, "2026-02-01", 10));
        until_somebody_waits(&mut books.data);
        correcting.commit().unwrap();
        closing.join().unwrap().unwrap();
    });
    assert_eq!(
        books.invoices(acme),
        [
            "2026-01-01 subscription 2000, usage 1000 = 3000",
            "2026-02-01 subscription 2000, adjustment -1000 = 1000"
        ]
    );
    assert_eq!(
        books.invoices(globex),
        ["2026-01-01 subscription 2000 = 2000", "2026-02-01 subscription 2000 = 2000"]
    );
    books.balanced();
}

/// Events of others that are under way when a counter is worked out anew are in it, whichever of its rows they write.
#[test]
fn a_recount_and_writers_lose_nothing() {
    // The first counter is the one that waits; what is looked at after that is committed.
    for (slots, features) in [
        (1, ["sum", "max", "last"]),
        (1, ["max", "last", "sum"]),
        (1, ["last", "sum", "max"]),
        (256, ["max", "last", "sum"]),
    ] {
        let mut books = Books::new();
        books.metered();
        books.run(&format!("UPDATE saas.settings SET usage_slots = {slots}"));
        let acme = books.subscribed("metered", "2026-01-01Z");
        for feature in features {
            books.event(acme, feature, 5, &format!("{feature} a"), "2026-01-10Z");
            books.event(acme, feature, 9, &format!("{feature} b"), "2026-01-20Z");
        }
        let mut writer = books.db.connect("saas_worker");
        let mut writing = writer.transaction().unwrap();
        let sql = "SELECT saas.record_usage($1, f, 7, NULL, '2026-01-15Z') FROM unnest(ARRAY['sum', 'max', 'last']) f";
        writing.execute(sql, &[&acme]).unwrap();
        thread::scope(|scope| {
            let mut client = books.db.connect("saas_worker");
            let correcting = scope.spawn(move || {
                for feature in features {
                    assert!(one::<bool>(&mut client, VOID, &[&acme, &format!("{feature} b")]));
                }
            });
            if slots == 1 {
                until_somebody_waits(&mut books.data);
            } else {
                thread::sleep(Duration::from_millis(300));
            }
            writing.commit().unwrap();
            correcting.join().unwrap();
        });
        let totals = ["sum", "max", "last"].map(|feature| books.total(acme, feature));
        assert_eq!(totals, [12, 7, 7], "{slots} slots, {features:?}");
        // And the other way round: a writer that waits for the recount.
        let mut corrector = books.db.connect("saas_worker");
        let mut correcting = corrector.transaction().unwrap();
        for feature in features {
            assert!(one::<bool>(&mut correcting, VOID, &[&acme, &format!("{feature} a")]));
        }
        thread::scope(|scope| {
            let mut client = books.db.connect("saas_worker");
            let writing = scope.spawn(move || {
                let sql = "SELECT saas.record_usage($1, f, 8, NULL, '2026-01-16Z') FROM unnest(ARRAY['sum', 'max', 'last']) f";
                client.execute(sql, &[&acme]).unwrap();
            });
            if slots == 1 {
                until_somebody_waits(&mut books.data);
            } else {
                thread::sleep(Duration::from_millis(300));
            }
            correcting.commit().unwrap();
            writing.join().unwrap();
        });
        let totals = ["sum", "max", "last"].map(|feature| books.total(acme, feature));
        assert_eq!(totals, [15, 8, 8], "{slots} slots, {features:?}");
        assert_eq!(
            books.bill(acme, "2026-01-01"),
            "subscription 0, usage 800, usage 80, usage 15 = 895"
        );
        books.balanced();
    }
}

/// Writers, folders, closers and correctors at once, and in the end as if it had been one after the other.
#[test]
fn corrections_by_many_at_once_add_up() {
    let mut books = Books::new();
    books.metered();
    let tenants: Vec<Uuid> = (0..6).map(|_| books.subscribed("metered", "2026-01-01Z")).collect();
    for tenant in &tenants {
        for n in 0..20 {
            for feature in ["sum", "max"] {
                books.event(*tenant, feature, n + 1, &format!("{feature} {n}"), JANUARY);
            }
        }
    }
    let correct = |mut client: Client, from: usize, tenants: &[Uuid]| -> usize {
        let mut changed = 0;
        for n in 0..20 {
            // Everybody takes back the odd ones, each from another end.
            let n = (n * 7 + from) % 20;
            for tenant in tenants.iter().filter(|_| n % 2 == 1) {
                for feature in ["sum", "max"] {
                    let event = format!("{feature} {n}");
                    changed += usize::from(one::<bool>(&mut client, VOID, &[tenant, &event]));
                }
            }
        }
        changed
    };
    let changed: usize = thread::scope(|scope| {
        let sessions: Vec<_> = (0..3)
            .map(|from| {
                let (client, tenants) = (books.db.connect("saas_worker"), &tenants);
                scope.spawn(move || correct(client, from * 5, tenants))
            })
            .collect();
        let mut folder = books.db.connect("saas_worker");
        scope.spawn(move || {
            for _ in 0..10 {
                folder.query("SELECT saas.roll_up_usage('2026-01-01')", &[]).unwrap();
            }
        });
        let mut closer = books.db.connect("saas_worker");
        scope.spawn(move || books::close(&mut closer, "2026-01-01", 2).unwrap());
        sessions.into_iter().map(|session| session.join().unwrap()).sum()
    });
    assert_eq!(changed, 6 * 2 * 10);
    books.close("2026-02-01");
    for tenant in &tenants {
        // 1 + 3 + … + 19, and 19.
        assert_eq!((books.total(*tenant, "sum"), books.total(*tenant, "max")), (100, 19));
        let sql = "SELECT sum(total_amount)::bigint - saas.credit_balance($1) FROM saas.payment_invoices WHERE tenant_id = $1";
        assert_eq!(books.one::<i64>(sql, &[tenant]), 100 + 190);
    }
    assert_eq!(books.count("saas.close_parked"), 0);
    books.balanced();
}
