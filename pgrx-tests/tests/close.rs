//! Closing months for everybody: batch by batch, from several sessions, interrupted, with tenants that can't be billed.

mod books;

use books::{Books, close, generate};
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::one;
use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;
use uuid::Uuid;

impl Books {
    fn many(&mut self, count: usize, plan: &str, from: &str) -> Vec<Uuid> {
        // In one session and statement after the other; the ids are in the order of the tenants.
        (0..count).map(|_| self.subscribed(plan, from)).collect()
    }

    fn progress(&mut self, month: &str) -> String {
        let sql = "SELECT format('%s of %s, %s parked, %s', done, total, parked, CASE WHEN finished_at IS NULL THEN 'running' ELSE 'finished' END)
                     FROM saas.close_progress WHERE period = $1::text::date";
        self.one(sql, &[&month])
    }

    fn everything(&mut self) -> String {
        self.one(
            "SELECT md5(string_agg(r, '' ORDER BY r)) FROM (
               SELECT to_jsonb(x)::text AS r FROM saas.payment_invoices x UNION ALL SELECT to_jsonb(x)::text FROM saas.payment_invoice_lines x
               UNION ALL SELECT to_jsonb(x)::text FROM saas.tenant_credit_ledger x UNION ALL SELECT to_jsonb(x)::text FROM saas.usage_fees x
               UNION ALL SELECT to_jsonb(x)::text FROM saas.usage_summaries x UNION ALL SELECT to_jsonb(x)::text FROM saas.billed_periods x
               UNION ALL SELECT to_jsonb(x)::text FROM saas.tenant_subscriptions x UNION ALL SELECT to_jsonb(x)::text FROM saas.usage_adjustments x) rows",
            &[],
        )
    }
}

#[test]
fn a_month_is_closed_batch_by_batch_and_once() {
    let mut books = Books::new();
    let tenants = books.many(7, "plus", "2026-01-01Z");
    for (place, tenant) in tenants.iter().enumerate() {
        books.used(*tenant, "project.create", 1000 + place as i64, "2026-01-10Z");
        books.credit(*tenant, 5, 50, None);
    }
    let mut worker = books.db.connect("saas_worker");
    close(&mut worker, "2026-01-31", 3).unwrap();
    assert_eq!(books.progress("2026-01-01"), "7 of 7, 0 parked, finished");
    // A batch was a transaction: three of them wrote invoices.
    assert_eq!(
        books.one::<i64>("SELECT count(DISTINCT created_at) FROM saas.payment_invoices", &[]),
        3
    );
    for (place, tenant) in tenants.iter().enumerate() {
        let usage = if place == 0 { String::new() } else { format!(", usage {}", place * 10) };
        assert_eq!(
            books.invoices(*tenant),
            [format!("2026-01-01 subscription 2000{usage}, credit -5 = {}", 1995 + place * 10)]
        );
    }
    let before = books.everything();
    close(&mut worker, "2026-01-01", 1000).unwrap();
    close(&mut worker, "2025-06-01", 1).unwrap();
    assert_eq!(books.everything(), before);
    assert_eq!(books.progress("2026-01-01"), "7 of 7, 0 parked, finished");
    // The worker sees its progress.
    assert_eq!(
        one::<i64>(
            &mut worker,
            "SELECT done FROM saas.close_progress WHERE period = '2026-01-01'",
            &[]
        ),
        7
    );
    books.balanced();
}

/// What psql shows after each batch, and what is in the table.
#[test]
fn a_close_tells_its_rate_and_when_it_will_be_done() {
    let mut books = Books::new();
    let bounded = r#"{"model":"graduated","tiers":[{"up_to":10,"unit_amount":"1"}]}"#;
    books.plan("bounded", "base_price", "0");
    books.feature("bounded", "call", 0, Some(bounded));
    books.many(5, "plus", "2026-01-01Z");
    let broken = books.subscribed("bounded", "2026-01-01Z");
    books.used(broken, "call", 11, "2026-01-10Z");
    let next = |books: &mut Books, started: &str| -> (bool, String) {
        let sql = "SELECT saas.close_next_batch('2026-01-01', 2, $1::text::timestamptz)";
        let more = one(&mut books.worker, sql, &[&started]);
        let sql = "SELECT concat_ws(', ', done || ' of ' || total, parked || ' parked', run_done || ' in this run',
                     CASE WHEN rate / (run_done / extract(epoch FROM updated_at - run_started_at)) BETWEEN 0.5 AND 2 THEN 'a rate' END,
                     CASE WHEN estimated_at > updated_at AND estimated_at < updated_at + interval '10 minutes' THEN 'an estimate' END,
                     CASE WHEN finished_at IS NOT NULL THEN 'finished' END)
                     FROM saas.close_progress";
        (more, books.one(sql, &[]))
    };
    let started: String = books.one("SELECT clock_timestamp()::text", &[]);
    let told: Vec<(bool, String)> = (0..5).map(|_| next(&mut books, &started)).collect();
    let wanted = [
        (true, "2 of 6, 0 parked, 2 in this run, a rate, an estimate"),
        (true, "4 of 6, 0 parked, 4 in this run, a rate, an estimate"),
        (true, "5 of 6, 1 parked, 5 in this run, a rate"), // what is parked is not waited for
        (false, "5 of 6, 1 parked, 5 in this run, a rate, finished"),
    ];
    for ((more, told), (goes_on, wanted)) in told.iter().zip(wanted) {
        assert_eq!((*more, told.as_str()), (goes_on, wanted));
    }
    // The next run counts from its own beginning, and so does one after somebody gave up.
    books.many(2, "plus", "2026-01-01Z");
    let started: String = books.one("SELECT clock_timestamp()::text", &[]);
    assert_eq!(
        next(&mut books, &started).1,
        "6 of 8, 1 parked, 1 in this run, a rate, an estimate"
    );
    books.run("UPDATE saas.close_progress SET updated_at = updated_at - interval '1 hour'");
    assert_eq!(next(&mut books, &started).1, "7 of 8, 1 parked, 1 in this run, a rate");
}

/// It works for a share of the time while others write, and goes on as soon as nobody does.
#[test]
fn a_close_rests_between_batches_while_others_write() {
    let mut books = Books::new();
    for share in ["0", "1.01", "NaN"] {
        let sql = format!("UPDATE saas.settings SET close_share = '{share}'");
        assert_sqlstate(books.data.batch_execute(&sql), "23514");
    }
    books.run("UPDATE saas.settings SET close_share = 0.05");
    books.many(3, "plus", "2026-01-01Z");
    let mut writer = books.db.connect("saas_worker");
    writer.batch_execute("BEGIN; SELECT pg_current_xact_id()").unwrap();
    let mut closer = books.db.connect("saas_worker");
    let pid: i32 = one(&mut closer, "SELECT pg_backend_pid()", &[]);
    let closing = thread::spawn(move || close(&mut closer, "2026-01-01", 1));
    let rests = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep' AND backend_xid IS NULL)";
    while !one::<bool>(&mut books.worker, rests, &[&pid]) {
        assert!(!closing.is_finished(), "it did not rest");
        thread::sleep(Duration::from_millis(1));
    }
    writer.batch_execute("COMMIT").unwrap();
    closing.join().unwrap().unwrap();
    assert_eq!(books.progress("2026-01-01"), "3 of 3, 0 parked, finished");
}

#[test]
fn what_is_not_to_be_closed_is_refused() {
    let mut books = Books::new();
    let acme = books.subscribed("plus", "2026-01-01Z");
    let worker = &mut books.worker;
    assert_sqlstate(
        worker.batch_execute("BEGIN; CALL saas.close_period('2026-01-01'); COMMIT"),
        "2D000",
    );
    worker.batch_execute("ROLLBACK").unwrap();
    assert_sqlstate(
        worker.batch_execute("BEGIN; CALL saas.close_period('2020-01-01'); COMMIT"),
        "2D000",
    );
    worker.batch_execute("ROLLBACK").unwrap();
    assert_sqlstate(worker.batch_execute("DO $$ BEGIN PERFORM 1; CALL saas.close_period('2026-01-01'); EXCEPTION WHEN division_by_zero THEN NULL; END $$"), "2D000");
    assert_sqlstate(worker.batch_execute("CALL saas.close_period(current_date)"), "55000");
    assert_sqlstate(worker.batch_execute("CALL saas.close_period(current_date + 400)"), "55000");
    assert_sqlstate(worker.batch_execute("CALL saas.close_period('2026-01-01', 0)"), "22023");
    assert_sqlstate(worker.batch_execute("CALL saas.close_period('2026-01-01', -5)"), "22023");
    assert_sqlstate(worker.batch_execute("CALL saas.close_period('2026-01-01', NULL)"), "23502");
    assert_sqlstate(worker.batch_execute("CALL saas.close_period(NULL)"), "23502");
    assert_sqlstate(worker.batch_execute("CALL saas.close_period('infinity')"), "22023");
    assert_sqlstate(worker.batch_execute("CALL saas.close_period('-infinity')"), "22023");
    assert_sqlstate(worker.batch_execute("CALL saas.close_period('5874897-12-31')"), "22008");
    let this_month: String = one(worker, "SELECT current_date::text", &[]);
    assert_sqlstate(generate(worker, acme, &this_month), "55000");
    assert_eq!(books.count("saas.payment_invoices"), 0);
    books.close("4713-01-01 BC");
    assert_eq!(books.count("saas.payment_invoices"), 0);
}

#[test]
fn a_backlog_is_closed_in_order() {
    let mut books = Books::new();
    let acme = books.subscribed("plus", "2025-10-20Z");
    books.used(acme, "project.create", 1100, "2025-11-10Z");
    books.credit(acme, 3000, 50, None);
    books.close("2025-11-01");
    assert_eq!(books.invoices(acme).len(), 2);
    books.close("2026-02-01");
    assert_eq!(
        books.invoices(acme),
        [
            "2025-10-20 subscription 774, credit -774 = 0",
            "2025-11-01 subscription 2000, usage 1000, credit -2226 = 774",
            "2025-12-01 subscription 2000 = 2000",
            "2026-01-01 subscription 2000 = 2000",
            "2026-02-01 subscription 2000 = 2000",
        ]
    );
    assert_eq!(books.periods(acme)[0], "2025-10-20 - 2025-11-01");
    // By generate_invoice as well: the earlier ones first.
    let globex = books.subscribed("plus", "2025-10-20Z");
    assert_eq!(books.bill(globex, "2026-01-15"), "subscription 2000 = 2000");
    assert_eq!(books.invoices(globex).len(), 4);
    books.balanced();
}

#[test]
fn an_anniversary_that_still_runs_is_left_for_the_next_call() {
    let mut books = Books::new();
    books.plan("anniversary", "billing_cycle", "'anniversary'");
    let tenant = books.tenant("Acme");
    // From the last day of the month before this one: closed only on the last day of this month.
    let from: String =
        books.one("SELECT (date_trunc('month', now()) - interval '1 day')::text", &[]);
    books.subscribe(tenant, "anniversary", 1, &from, None);
    books.close(&from[..10]);
    let ended: i64 =
        books.one("SELECT count(*) FROM saas.billed_periods WHERE period_end <= current_date", &[]);
    let runs: bool =
        books.one("SELECT current_period_end > current_date FROM saas.tenant_subscriptions", &[]);
    assert!(runs);
    assert_eq!(books.count("saas.payment_invoices"), ended);
}

#[test]
fn two_closers_at_once_make_one_invoice_each() {
    let mut books = Books::new();
    let tenants = books.many(40, "plus", "2025-12-01Z");
    for tenant in &tenants {
        books.credit(*tenant, 100, 50, None);
    }
    let start = Barrier::new(3);
    thread::scope(|scope| {
        for batch in [2, 3, 2] {
            let (mut client, start) = (books.db.connect("saas_worker"), &start);
            scope.spawn(move || {
                start.wait();
                close(&mut client, "2026-01-01", batch).unwrap();
            });
        }
    });
    assert_eq!(books.count("saas.close_parked"), 0);
    for tenant in tenants {
        assert_eq!(
            books.invoices(tenant),
            [
                "2025-12-01 subscription 2000, credit -100 = 1900",
                "2026-01-01 subscription 2000 = 2000"
            ]
        );
    }
    // Whoever comes last waits for what the other holds, and then says that all is done.
    assert_eq!(books.progress("2026-01-01"), "80 of 80, 0 parked, finished");
    books.balanced();
}

#[test]
fn generating_while_closing_makes_one_invoice() {
    let mut books = Books::new();
    let tenants = books.many(24, "plus", "2026-01-01Z");
    let start = Barrier::new(3);
    thread::scope(|scope| {
        for direction in [false, true] {
            let (mut client, tenants, start) =
                (books.db.connect("saas_worker"), tenants.clone(), &start);
            scope.spawn(move || {
                start.wait();
                let mut order: Vec<_> = tenants.iter().collect();
                if direction {
                    order.reverse();
                }
                for tenant in order {
                    let first = generate(&mut client, *tenant, "2026-01-10").unwrap();
                    assert_eq!(generate(&mut client, *tenant, "2026-01-20").unwrap(), first);
                }
            });
        }
        let mut closer = books.db.connect("saas_worker");
        start.wait();
        close(&mut closer, "2026-01-01", 5).unwrap();
    });
    assert_eq!((books.count("saas.payment_invoices"), books.count("saas.close_parked")), (24, 0));
    books.balanced();
}

/// A tenant that can't be billed is set aside with its error; the others are billed; mended, it is billed by the next call.
#[test]
fn a_tenant_that_can_not_be_billed_stops_nobody() {
    let mut books = Books::new();
    let bounded = r#"{"model":"graduated","tiers":[{"up_to":10,"unit_amount":"1"}]}"#;
    books.plan("bounded", "base_price", "0");
    books.feature("bounded", "call", 0, Some(bounded));
    let mut tenants = books.many(5, "plus", "2025-12-01Z");
    let broken = books.subscribed("bounded", "2025-12-01Z");
    let (overflowing, moneyless) =
        (books.subscribed("plus", "2025-12-01Z"), books.subscribed("plus", "2025-12-01Z"));
    tenants.extend(books.many(5, "plus", "2025-12-01Z"));
    books.used(broken, "call", 11, "2025-12-10Z");
    books.used(broken, "call", 2, "2026-01-10Z");
    books.used(overflowing, "project.create", i64::MAX, "2026-01-10Z");
    books.run(&format!("UPDATE saas.tenants SET currency = 'EUR' WHERE id = '{moneyless}'"));
    let mut worker = books.db.connect("saas_worker");
    close(&mut worker, "2026-01-01", 4).unwrap();
    for tenant in &tenants {
        assert_eq!(books.invoices(*tenant).len(), 2);
    }
    let parked = |books: &mut Books| -> Vec<(Uuid, String, i32)> {
        let sql = "SELECT tenant_id, sqlstate, attempts FROM saas.close_parked ORDER BY tenant_id";
        books
            .data
            .query(sql, &[])
            .unwrap()
            .iter()
            .map(|row| (row.get(0), row.get(1), row.get(2)))
            .collect()
    };
    let mut wanted = vec![
        (broken, "22003".to_owned(), 1),
        (overflowing, "22003".into(), 1),
        (moneyless, "23502".into(), 1),
    ];
    wanted.sort();
    assert_eq!(parked(&mut books), wanted);
    // Nothing of theirs is half done; the overflowing one's December was fine.
    assert_eq!(
        (
            books.invoices(broken).len(),
            books.invoices(overflowing).len(),
            books.invoices(moneyless).len()
        ),
        (0, 1, 0)
    );
    assert_eq!(books.progress("2026-01-01"), "21 of 24, 3 parked, finished");
    let error: String =
        books.one("SELECT error FROM saas.close_parked WHERE tenant_id = $1", &[&broken]);
    assert_eq!(error, "the price model's last tier ends below 11");
    books.balanced();
    close(&mut worker, "2026-01-01", 4).unwrap();
    assert_eq!(parked(&mut books).iter().map(|row| row.2).collect::<Vec<_>>(), [2, 2, 2]);
    // A new version of the plan, the counter put right, the currency back.
    books.run(
        "UPDATE saas.plans SET is_current = false WHERE key = 'bounded';
         INSERT INTO saas.plans (key, version, name, base_price, currency, billing_interval) VALUES ('bounded', 2, 'Bounded', 0, 'USD', 'monthly')",
    );
    books.run(
        r#"INSERT INTO saas.plan_features (plan_id, feature_key, included_units, price_model)
           SELECT id, 'call', 0, '{"model":"per_unit","unit_amount":"1"}' FROM saas.plans WHERE key = 'bounded' AND version = 2"#,
    );
    books.run(&format!(
        "UPDATE saas.tenant_subscriptions SET plan_id = (SELECT id FROM saas.plans WHERE key = 'bounded' AND version = 2) WHERE tenant_id = '{broken}';
         UPDATE saas.usage_counter_slots SET units = 1100 WHERE tenant_id = '{overflowing}';
         UPDATE saas.tenants SET currency = 'USD' WHERE id = '{moneyless}'"
    ));
    close(&mut worker, "2026-01-01", 4).unwrap();
    assert_eq!(
        books.invoices(broken),
        ["2025-12-01 subscription 0, usage 11 = 11", "2026-01-01 subscription 0, usage 2 = 2"]
    );
    assert_eq!(books.invoices(overflowing)[1], "2026-01-01 subscription 2000, usage 1000 = 3000");
    assert_eq!(books.invoices(moneyless).len(), 2);
    assert_eq!(
        (parked(&mut books), books.progress("2026-01-01")),
        (vec![], "26 of 26, 0 parked, finished".into())
    );
}

/// A stop in the middle of a batch undoes the batch, keeps those before, parks nobody, and the next call goes on.
#[test]
fn a_stopped_close_keeps_whole_batches() {
    for by_timeout in [true, false] {
        let mut books = Books::new();
        let tenants = books.many(12, "plus", "2026-01-01Z");
        for tenant in &tenants {
            books.used(*tenant, "project.create", 1001, "2026-01-10Z");
        }
        // Somebody holds a counter of the sixth: folding it waits, in the middle of the second batch.
        let mut holder = books.db.owner();
        let mut holding = holder.transaction().unwrap();
        holding
            .execute(
                "SELECT FROM saas.usage_counter_slots WHERE tenant_id = $1 FOR UPDATE",
                &[&tenants[5]],
            )
            .unwrap();

        let mut worker = books.db.connect("saas_worker");
        if by_timeout {
            worker.batch_execute("SET statement_timeout = '700ms'").unwrap();
            assert_sqlstate(close(&mut worker, "2026-01-01", 4), "57014");
            worker.batch_execute("SET statement_timeout = 0").unwrap();
        } else {
            let cancel = worker.cancel_token();
            let stopper = thread::spawn(move || {
                thread::sleep(Duration::from_millis(700));
                cancel.cancel_query(postgres::NoTls).unwrap();
            });
            assert_sqlstate(close(&mut worker, "2026-01-01", 4), "57014");
            stopper.join().unwrap();
        }
        assert_eq!(
            (books.count("saas.payment_invoices"), books.count("saas.close_parked")),
            (4, 0)
        );
        assert_eq!(books.count("saas.usage_fees"), 4);
        assert_eq!(books.progress("2026-01-01"), "4 of 12, 0 parked, running");
        books.balanced();
        holding.rollback().unwrap();
        close(&mut worker, "2026-01-01", 4).unwrap();
        assert_eq!(books.count("saas.payment_invoices"), 12);
        assert_eq!(books.progress("2026-01-01"), "12 of 12, 0 parked, finished");
        for tenant in tenants {
            assert_eq!(books.invoices(tenant), ["2026-01-01 subscription 2000, usage 10 = 2010"]);
        }
        books.balanced();
    }
}

/// A tenant that another session holds is waited for, not left out.
#[test]
fn a_close_waits_for_what_is_held() {
    let mut books = Books::new();
    let tenants = books.many(5, "plus", "2026-01-01Z");
    let mut holder = books.db.owner();
    let mut holding = holder.transaction().unwrap();
    holding
        .execute("INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source) VALUES ($1, 500, 'Present', 'admin')", &[&tenants[2]])
        .unwrap();
    thread::scope(|scope| {
        let mut worker = books.db.connect("saas_worker");
        let closing = scope.spawn(move || close(&mut worker, "2026-01-01", 2).unwrap());
        for _ in 0..1000 {
            if books.count("saas.payment_invoices") == 4 {
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(books.count("saas.payment_invoices"), 4);
        holding.commit().unwrap();
        closing.join().unwrap();
    });
    assert_eq!(books.invoices(tenants[2]), ["2026-01-01 subscription 2000, credit -500 = 1500"]);
    books.balanced();
}

/// Who waits for a tenant holds no other: a closer went on to the next one with a tenant that had been billed meanwhile, and somebody
/// who had that next one and wanted this one ended with 40P01.
#[test]
fn a_closer_that_waits_holds_nothing() {
    let mut books = Books::new();
    let tenants = books.many(2, "plus", "2026-01-01Z");
    let (mut first, mut second) = (books.db.owner(), books.db.owner());
    let bill = |client: &mut postgres::Transaction<'_>, tenant: Uuid| {
        client.execute("SELECT saas.generate_invoice($1, '2026-01-01')", &[&tenant]).unwrap();
    };
    let (mut one, mut other) = (first.transaction().unwrap(), second.transaction().unwrap());
    bill(&mut one, tenants[0]);
    bill(&mut other, tenants[1]);
    let waits_for = |books: &mut Books, holder: &mut postgres::Transaction<'_>| {
        let holder: i32 = holder.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
        let waiting = "SELECT EXISTS (SELECT FROM pg_locks l, unnest(pg_blocking_pids(l.pid)) b WHERE NOT l.granted AND b = $1)";
        (0..1000).any(|_| {
            thread::sleep(Duration::from_millis(5));
            books.one(waiting, &[&holder])
        })
    };
    thread::scope(|scope| {
        let mut worker = books.db.connect("saas_worker");
        let closing = scope.spawn(move || close(&mut worker, "2026-01-01", 2).unwrap());
        assert!(waits_for(&mut books, &mut one));
        one.commit().unwrap();
        assert!(waits_for(&mut books, &mut other));
        bill(&mut other, tenants[0]);
        other.commit().unwrap();
        closing.join().unwrap();
    });
    assert_eq!((books.count("saas.payment_invoices"), books.count("saas.close_parked")), (2, 0));
    books.balanced();
}

/// Fifty workspaces at random; every line of every invoice equals a recount in plain SQL.
#[test]
fn a_random_world_equals_its_recount() {
    for seed in [0.1, 0.4, 0.7] {
        let mut books = Books::new();
        books.run(&format!("SELECT setseed({seed}); {}", include_str!("books/world.sql")));
        let recorded: i64 = books.one("SELECT world.deliver(false)", &[]);
        let mut other = books.db.connect("saas_worker");
        thread::scope(|scope| {
            scope.spawn(move || close(&mut other, "2026-01-01", 7).unwrap());
            books.close("2026-01-01");
        });
        let late: i64 = books.one("SELECT world.deliver(true)", &[]);
        assert_eq!(recorded + late, 6000, "each event once");
        books.close("2026-02-01");
        let wrong: Vec<String> = books
            .data
            .query(
                "SELECT concat_ws(' ', t.i, t.plan, t.zone, t.starts, t.trial, 'month', month, E'\\n wanted', w.invoice, E'\\n is    ', m.invoice)
                   FROM world.wanted w FULL JOIN world.made m USING (id, month) LEFT JOIN world.tenant t USING (id)
                  WHERE w.invoice IS DISTINCT FROM m.invoice ORDER BY t.i, month",
                &[],
            )
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect();
        assert!(
            wrong.is_empty(),
            "seed {seed}: {} of {}\n{}",
            wrong.len(),
            books.count("world.wanted"),
            wrong[..wrong.len().min(4)].join("\n")
        );
        // It was no idle world.
        for line in ["seat", "used", "late", "set-up", "minimum", "="] {
            let sql = "SELECT count(*) FROM world.made WHERE invoice ~ ('[1-9][0-9]* ' || $1)";
            let some: i64 = books.one(sql, &[&line]);
            assert!(some > 2, "{line}: {some}");
        }
        let numbers: BTreeSet<String> = books
            .data
            .query("SELECT saas.finalize_invoice(id) FROM saas.payment_invoices", &[])
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect();
        assert_eq!(numbers.len() as i64, books.count("world.wanted"));
        books.balanced();
    }
}
