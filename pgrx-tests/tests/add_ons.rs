//! Add-ons: what a contract takes beside its plan, from when, and what that costs.

#[allow(unused)] // of the module that tests of billing share
mod books;

use books::{Books, CANCEL, CANCEL_NOW, PAUSE, RESUME, change};
use postgres::{Client, Error};
use saas_core_tests::story::{Story, asking};
use saas_core_tests::{assert_sqlstate, story};
use std::sync::Barrier;
use std::thread;
use uuid::Uuid;

fn set(
    client: &mut Client,
    tenant: Uuid,
    key: &str,
    quantity: i32,
    mode: &str,
    at: &str,
) -> Result<Uuid, Error> {
    let sql = "SELECT saas.set_add_on($1, $2, $3, $4, $5::text::timestamptz)";
    Ok(client.query_one(sql, &[&tenant, &key, &quantity, &mode, &at])?.get(0))
}

fn take(books: &mut Books, tenant: Uuid, key: &str, quantity: i32, at: &str) -> Uuid {
    set(&mut books.worker, tenant, key, quantity, "auto", at).unwrap()
}

/// `bare` offers nothing, `small` and `large` support and environments, `year` both for a year.
fn plans() -> Books {
    let mut books = Books::new();
    for (plan, offers) in [
        (r#""key": "bare", "base_price": 5000"#, ""),
        (
            r#""key": "small", "base_price": 10000"#,
            r#"{"key": "support", "name": "Support", "price": 3000, "most": 1}, {"key": "env", "name": "Environment", "price": 500}"#,
        ),
        (
            r#""key": "large", "base_price": 30000"#,
            r#"{"key": "support", "name": "Fast support", "price": 6000, "most": 2}, {"key": "env", "name": "Environment", "price": 400}"#,
        ),
        (
            r#""key": "year", "base_price": 365000, "billing_interval": "yearly""#,
            r#"{"key": "support", "name": "Support", "price": 36500}, {"key": "env", "name": "Environment", "price": 3650}"#,
        ),
    ] {
        books.run(&format!("SELECT saas.define_plan('{{{plan}, \"add_ons\": [{offers}]}}')"));
    }
    books
}

#[test]
fn more_comes_at_once_and_less_at_the_end() {
    let mut books = plans();
    let tenant = books.subscribed("small", "2025-06-01Z");
    take(&mut books, tenant, "env", 2, "2025-06-16T12:00Z");
    assert_eq!(books.preview(tenant, "2025-06-16Z"), "subscription 10000, add_on 500");
    take(&mut books, tenant, "env", 5, "2025-06-21Z");
    take(&mut books, tenant, "env", 1, "2025-06-25Z");
    // 2 × 500 × 5/30, and 5 × 500 × 10/30.
    let june = "subscription 10000, add_on 167, add_on 833";
    assert_eq!(books.preview(tenant, "2025-06-16Z"), june);
    assert_eq!(books.preview(tenant, "2025-07-16Z"), "subscription 10000, add_on 500");
    assert_eq!(books.bill(tenant, "2025-06-01"), format!("{june} = 11000"));
    let lines: String = books.one(
        "SELECT string_agg(concat_ws(' ', description, quantity, unit_amount, period_start, period_end), ', ' ORDER BY position)
           FROM saas.payment_invoice_lines WHERE tenant_id = $1 AND kind = 'add_on'",
        &[&tenant],
    );
    assert_eq!(
        lines,
        "Environment 2 500 2025-06-16 2025-06-21, Environment 5 500 2025-06-21 2025-07-01"
    );
    // As many as now takes back what waits, and divides nothing. Once more is nothing.
    take(&mut books, tenant, "env", 0, "2025-07-10Z");
    assert_eq!(books.preview(tenant, "2025-08-10Z"), "subscription 10000");
    for _ in 0..2 {
        take(&mut books, tenant, "env", 1, "2025-07-11Z");
        assert_eq!(books.count("saas.subscription_add_ons"), 5);
    }
    assert_eq!(books.preview(tenant, "2025-08-10Z"), "subscription 10000, add_on 500");
    // More drops what waits.
    take(&mut books, tenant, "env", 0, "2025-07-20Z");
    take(&mut books, tenant, "env", 4, "2025-08-01Z");
    assert_eq!(books.bill(tenant, "2025-07-01"), "subscription 10000, add_on 500 = 10500");
    assert_eq!(books.bill(tenant, "2025-08-01"), "subscription 10000, add_on 2000 = 12000");
    // Who bills gives days back; an increase may wait, too.
    set(&mut books.worker, tenant, "env", 1, "prorate", "2025-09-16Z").unwrap();
    set(&mut books.worker, tenant, "env", 3, "next_period", "2025-09-20Z").unwrap();
    assert_eq!(
        books.bill(tenant, "2025-09-01"),
        "subscription 10000, add_on 1000, add_on 250 = 11250"
    );
    assert_eq!(books.bill(tenant, "2025-10-01"), "subscription 10000, add_on 1500 = 11500");
    books.balanced();
}

#[test]
fn a_trial_is_for_nothing() {
    let mut books = plans();
    let tenant = books.tenant("Trying");
    books.subscribe(tenant, "small", 1, "2025-06-01Z", Some("14 days"));
    take(&mut books, tenant, "env", 10, "2025-06-02Z");
    take(&mut books, tenant, "env", 4, "2025-06-05Z");
    // At once, and from the 15th on.
    assert_eq!(
        books.bill(tenant, "2025-06-01"),
        "subscription 5333, add_on 1067 = 6400",
        "4 × 500 × 16/30"
    );
    books.balanced();
}

#[test]
fn pauses_and_ends_are_not_billed() {
    let mut books = plans();
    let tenant = books.subscribed("small", "2025-06-01Z");
    take(&mut books, tenant, "env", 3, "2025-06-01Z");
    books.work(PAUSE, tenant, "2025-06-11Z").unwrap();
    assert_sqlstate(set(&mut books.worker, tenant, "env", 4, "auto", "2025-06-12Z"), "55000");
    books.work(RESUME, tenant, "2025-07-21Z").unwrap();
    // Nothing is said while the contract is about to end.
    books.work(CANCEL, tenant, "2025-08-05Z").unwrap();
    assert_sqlstate(set(&mut books.worker, tenant, "env", 4, "auto", "2025-08-06Z"), "55000");
    books.work(RESUME, tenant, "2025-08-06Z").unwrap();
    assert_eq!(books.bill(tenant, "2025-07-25"), "subscription 3548, add_on 532 = 4080");
    books.work(CANCEL_NOW, tenant, "2025-08-10T12:00Z").unwrap();
    assert_sqlstate(set(&mut books.worker, tenant, "env", 4, "auto", "2025-08-11Z"), "55000");
    assert_eq!(books.bill(tenant, "2025-08-01"), "subscription 3226, add_on 484 = 3710");
    assert_eq!(
        books.invoices(tenant)[0],
        "2025-06-01 subscription 3333, add_on 500 = 3833",
        "until the pause"
    );
    // They were the contract's.
    books.subscribe(tenant, "small", 1, "2025-09-01Z", None);
    assert_eq!(books.bill(tenant, "2025-09-01"), "subscription 10000 = 10000");
    books.balanced();
}

#[test]
fn each_day_has_the_price_of_its_plan() {
    let mut books = plans();
    let tenant = books.subscribed("small", "2025-06-01Z");
    take(&mut books, tenant, "support", 1, "2025-06-01Z");
    take(&mut books, tenant, "env", 2, "2025-06-01Z");
    change(&mut books.worker, tenant, Some("large"), None, "auto", "2025-06-16Z").unwrap();
    // A change of seats divides nothing.
    let seats = "change_subscription($1, seats => 2, as_of => $2::text::timestamptz)";
    books.work(seats, tenant, "2025-06-20Z").unwrap();
    let lines: String = books.one(
        "SELECT string_agg(concat_ws(' ', description, quantity, unit_amount, amount), ', ')
           FROM saas.preview_invoice($1, '2025-06-30Z') WHERE kind = 'add_on'",
        &[&tenant],
    );
    assert_eq!(
        lines,
        "Support 1 3000 1500, Environment 2 500 500, Fast support 1 6000 3000, Environment 2 400 400"
    );
    let june = "subscription 10000, proration -5000, proration 15000, add_on 1500, add_on 500, add_on 3000, add_on 400 = 25400";
    assert_eq!(books.bill(tenant, "2025-06-01"), june);
    // Another version of the plan has other prices, for who comes.
    books.run(r#"SELECT saas.define_plan('{"key": "large", "base_price": 30000, "add_ons": [{"key": "env", "price": 1}]}')"#);
    assert_eq!(
        books.bill(tenant, "2025-07-01"),
        "subscription 30000, add_on 6000, add_on 800 = 36800"
    );
    books.balanced();
}

#[test]
fn another_plan_offers_what_is_taken() {
    let mut books = plans();
    let tenant = books.subscribed("large", "2025-06-01Z");
    take(&mut books, tenant, "support", 2, "2025-06-01Z");
    for (plan, mode, says) in [
        ("bare", "auto", "does not offer the add-on \"support\", of which the contract has 2"),
        ("bare", "prorate", "does not offer the add-on \"support\", of which the contract has 2"),
        ("small", "auto", "offers 1 of the add-on \"support\" at most, the contract has 2"),
    ] {
        let refused = change(&mut books.worker, tenant, Some(plan), None, mode, "2025-06-10Z");
        let error = assert_sqlstate(refused, "55000");
        assert_eq!(error.message(), format!("the plan \"{plan}\" {says}"));
        assert!(error.hint().unwrap().contains("set_add_on"));
    }
    // Until the month is over it is there, also for a plan that would come before.
    take(&mut books, tenant, "support", 0, "2025-06-11Z");
    let refused = change(&mut books.worker, tenant, Some("bare"), None, "prorate", "2025-06-12Z");
    assert_sqlstate(refused, "55000");
    change(&mut books.worker, tenant, Some("bare"), None, "auto", "2025-06-12Z").unwrap();
    // The plan that waits counts for what is taken, not for what is given back.
    let back = set(&mut books.worker, tenant, "support", 2, "auto", "2025-06-13Z");
    assert!(assert_sqlstate(back, "55000").message().contains("\"bare\", for which"));
    let more = set(&mut books.worker, tenant, "env", 1, "auto", "2025-06-13Z");
    assert_sqlstate(more, "55000");
    take(&mut books, tenant, "support", 0, "2025-06-13Z");
    books.work(RESUME, tenant, "2025-06-14Z").unwrap();
    take(&mut books, tenant, "env", 1, "2025-06-16Z");
    assert_eq!(
        books.bill(tenant, "2025-06-01"),
        "subscription 30000, add_on 12000, add_on 200 = 42200"
    );
    assert_eq!(books.bill(tenant, "2025-07-01"), "subscription 30000, add_on 400 = 30400");
    books.balanced();
}

#[test]
fn a_year_bills_them_with_its_fee() {
    let mut books = plans();
    let tenant = books.subscribed("year", "2025-01-01Z");
    take(&mut books, tenant, "env", 2, "2025-03-02Z");
    take(&mut books, tenant, "env", 1, "2025-07-01Z");
    // The year is sold as a whole.
    assert_eq!(books.preview(tenant, "2025-12-31Z"), "subscription 365000, add_on 6100");
    assert_eq!(books.preview(tenant, "2026-12-31Z"), "subscription 365000, add_on 3650");
    for month in 1..12 {
        assert_eq!(books.bill(tenant, &format!("2025-{month:02}-01")), "nothing = 0");
    }
    take(&mut books, tenant, "env", 3, "2025-12-02Z");
    assert_eq!(
        books.bill(tenant, "2025-12-01"),
        "subscription 365000, add_on 5500, add_on 900 = 371400"
    );
    assert_eq!(books.preview(tenant, "2026-12-31Z"), "subscription 365000, add_on 10950");
    books.balanced();
}

#[test]
fn another_interval_takes_them_along() {
    let mut books = plans();
    let tenant = books.subscribed("small", "2025-06-01Z");
    let first = take(&mut books, tenant, "env", 2, "2025-06-01Z");
    take(&mut books, tenant, "support", 1, "2025-06-01Z");
    take(&mut books, tenant, "env", 1, "2025-06-05Z");
    take(&mut books, tenant, "support", 0, "2025-06-05Z");
    let next =
        change(&mut books.worker, tenant, Some("year"), None, "prorate", "2025-06-11Z").unwrap();
    assert_ne!(first, next);
    // Ten days of June, then those until the end that was asked for, which is not put off by a year.
    let june = "subscription 3333, add_on 333, add_on 1000 = 4666";
    let year = "subscription 365000, add_on 400, add_on 2000, add_on 3450";
    assert_eq!(books.preview(tenant, "2026-06-10Z"), year);
    // Back again when the year is over, with what is there then.
    change(&mut books.worker, tenant, Some("small"), None, "auto", "2025-06-12Z").unwrap();
    assert_eq!(books.bill(tenant, "2025-06-05"), june);
    books.close("2026-06-01");
    assert_eq!(
        books.invoices(tenant).last().unwrap(),
        "2026-06-11 subscription 6667, add_on 333 = 7000"
    );
    // Twice on one day, there and back: what was taken last goes on, and once.
    let tenant = books.subscribed("small", "2025-06-01Z");
    take(&mut books, tenant, "env", 2, "2025-06-01Z");
    let mut worker = books.db.kind("worker");
    let mut both = worker.transaction().unwrap();
    for sql in [
        "SELECT saas.change_subscription($1, 'year', mode => 'prorate', as_of => '2025-06-11Z')",
        "SELECT saas.set_add_on($1, 'env', 5, as_of => '2025-06-11Z')",
        "SELECT saas.change_subscription($1, 'small', mode => 'prorate', as_of => '2025-06-11Z')",
    ] {
        both.execute(sql, &[&tenant]).unwrap();
    }
    both.commit().unwrap();
    assert_eq!(books.preview(tenant, "2025-06-20Z"), "subscription 6667, add_on 1667");
    books.balanced();
}

#[test]
fn a_preview_is_the_invoice_and_a_reissue_the_same() {
    let mut books = plans();
    let tenant = books.subscribed("small", "2025-06-01Z");
    let preview = |books: &mut Books, quantity: i32, mode: &str| -> String {
        books.one(
            "SELECT string_agg(concat_ws(' ', kind, amount), ', ') FROM saas.preview_add_on($1, 'env', $2, $3, '2025-06-16Z')",
            &[&tenant, &quantity, &mode],
        )
    };
    let june = "subscription 10000, add_on 1500";
    assert_eq!(preview(&mut books, 6, "auto"), june);
    assert_eq!(preview(&mut books, 6, "next_period"), "subscription 10000, add_on 3000");
    assert_eq!(books.count("saas.subscription_add_ons"), 0);
    take(&mut books, tenant, "env", 6, "2025-06-16Z");
    assert_eq!(preview(&mut books, 1, "auto"), "subscription 10000, add_on 500");
    assert_eq!(books.bill(tenant, "2025-06-01"), format!("{june} = 11500"));
    // What is said later changes nothing of it.
    take(&mut books, tenant, "env", 9, "2025-07-02Z");
    books.run("SELECT saas.void_invoice(id, 'mistake') FROM saas.payment_invoices");
    assert_eq!(books.preview(tenant, "2025-06-01Z"), june);
    assert_eq!(books.bill(tenant, "2025-06-01"), format!("{june} = 11500"));
    books.balanced();
}

#[test]
fn what_can_not_be_billed_is_not_sold() {
    let mut books = plans();
    let tenant = books.subscribed("small", "2025-06-01Z");
    let mut refused = |key: &str, quantity: i32, mode: &str, at: &str, sqlstate: &str| {
        let tried = set(&mut books.worker, tenant, key, quantity, mode, at);
        assert_sqlstate(tried, sqlstate).hint().unwrap_or("").to_owned()
    };
    let at = "2025-06-10Z";
    assert_eq!(refused("suport", 1, "auto", at, "42704"), "Did you mean \"support\"?");
    refused("nothing", 0, "auto", at, "42704");
    refused("", 1, "auto", at, "42704");
    refused("env", -1, "auto", at, "22023");
    refused("env", 1, "soon", at, "22023");
    refused("env", 1, "auto", "infinity", "22023");
    refused("env", 1, "auto", "-infinity", "22023");
    refused("env", 1, "auto", "2025-05-31Z", "55000");
    assert_eq!(refused("support", 2, "auto", at, "53400"), "Choose a larger plan.");
    for null in 1..=4 {
        let args: Vec<&str> = [(1, "$1"), (2, "'env'"), (3, "1"), (4, "'auto'")]
            .iter()
            .map(|(place, value)| if *place == null { "NULL" } else { *value })
            .collect();
        let sql = format!("SELECT saas.set_add_on({})", args.join(", "));
        let tried = if null == 1 {
            books.worker.execute(&sql, &[])
        } else {
            books.worker.execute(&sql, &[&tenant])
        };
        assert_sqlstate(tried, "23502");
    }
    let mut refused = |tenant: Uuid, key: &str, quantity: i32, at: &str, sqlstate: &str| {
        let tried = set(&mut books.worker, tenant, key, quantity, "auto", at);
        assert_sqlstate(tried, sqlstate);
    };
    refused(Uuid::new_v4(), "env", 1, at, "23503");
    // Without a contract there is the free plan, which offers nothing.
    let free = story::one(
        &mut books.data,
        "INSERT INTO saas.tenants (name) VALUES ('Free') RETURNING id",
        &[],
    );
    refused(free, "env", 1, at, "55000");
    // Not before what was said of a later day, nor of a day that is billed.
    take(&mut books, tenant, "env", 3, "2025-06-20Z");
    let refused = |books: &mut Books, at: &str| {
        assert_sqlstate(set(&mut books.worker, tenant, "env", 5, "auto", at), "55000");
    };
    refused(&mut books, "2025-06-19Z");
    books.bill(tenant, "2025-06-01");
    refused(&mut books, "2025-06-30Z");
    books.balanced();
}

#[test]
fn a_currency_has_its_price() {
    let mut books = Books::new();
    books.run(
        r#"SELECT saas.define_plan('{"key": "both", "base_price": 10000, "prices": [{"currency": "EUR", "base_price": 9000}, {"currency": "GBP", "base_price": 8000}],
             "add_ons": [{"key": "env", "price": 500, "most": 9}, {"key": "env", "name": "Umgebung", "currency": "EUR", "price": 450, "most": 5},
                         {"key": "gold", "price": 9000000000000000000}]}')"#,
    );
    let mut tenant = |currency: &str| {
        let tenant = books.tenant_in("UTC", currency);
        books.subscribe(tenant, "both", 1, "2025-06-01Z", None);
        tenant
    };
    let (usd, eur, gbp) = (tenant("USD"), tenant("EUR"), tenant("GBP"));
    take(&mut books, usd, "env", 9, "2025-06-01Z");
    take(&mut books, eur, "env", 5, "2025-06-01Z");
    assert_sqlstate(set(&mut books.worker, eur, "env", 6, "auto", "2025-06-02Z"), "53400");
    assert_sqlstate(set(&mut books.worker, gbp, "env", 1, "auto", "2025-06-02Z"), "22023");
    assert_sqlstate(set(&mut books.worker, usd, "gold", 2, "auto", "2025-06-02Z"), "22003");
    assert_eq!(books.bill(usd, "2025-06-01"), "subscription 10000, add_on 4500 = 14500");
    assert_eq!(books.bill(eur, "2025-06-01"), "subscription 9000, add_on 2250 = 11250");
    assert_eq!(books.bill(gbp, "2025-06-01"), "subscription 8000 = 8000");
    books.balanced();
}

/// Discounted and taxed as charges are; they fill no minimum, and are on the page.
#[test]
fn they_are_charges_of_their_own() {
    let mut books = Books::new();
    books.run(
        r#"SELECT saas.define_plan('{"key": "least", "base_price": 10000, "minimum_amount": 15000, "add_ons": [{"key": "env", "name": "Environment", "price": 500}]}'),
                  saas.define_coupon('{"code": "HALF", "percent": "50", "applies_to": ["add_on"]}'),
                  saas.set_issuer('{"country": "DE"}'), saas.set_tax_rate('DE', 19, '2020-01-01')"#,
    );
    let tenant = books.subscribed("least", "2025-06-01Z");
    books.run(&format!("SELECT saas.apply_coupon('{tenant}', 'half', '2025-06-01Z')"));
    take(&mut books, tenant, "env", 4, "2025-06-01Z");
    assert_eq!(
        books.bill(tenant, "2025-06-01"),
        "subscription 10000, minimum 5000, add_on 2000, discount -1000, tax 3040 = 19040"
    );
    let sums: String = books.one(
        "SELECT concat_ws(' ', subscription_amount, usage_amount, other_amount, discount, tax) FROM saas.payment_invoices",
        &[],
    );
    assert_eq!(sums, "10000 0 7000 1000 3040");
    let page: String = books.one("SELECT saas.invoice_html(id) FROM saas.payment_invoices", &[]);
    assert!(page.contains("Environment"), "{page}");
    books.balanced();
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, below: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// April, May and June 2025, day by day: how many of an add-on there are, as it is said.
struct Quantities([i64; 91]);

const MONTHS: [(usize, usize); 3] = [(0, 30), (30, 61), (61, 91)];

impl Quantities {
    fn set(&mut self, quantity: i64, day: usize) {
        let now = self.0[day];
        let from = if quantity > now {
            Some(day)
        } else if quantity < now {
            MONTHS.iter().map(|month| month.1).find(|end| *end > day)
        } else {
            (day..91).find(|day| self.0[*day] != now)
        };
        if let Some(rest) = from.and_then(|from| self.0.get_mut(from..)) {
            rest.fill(quantity);
        }
    }
}

/// Three months of increases, decreases and changes of plan, drawn at random, against a count of days.
#[test]
fn random_months_recount_by_days() {
    let mut books = plans();
    let date = |day: usize| {
        let month = MONTHS.iter().rposition(|month| month.0 <= day).unwrap();
        format!("2025-{:02}-{:02}", month + 4, day - MONTHS[month].0 + 1)
    };
    for seed in 0..10 {
        let mut dice = Dice(seed);
        let tenant = books.subscribed("small", "2025-04-01Z");
        let grows = 1 + dice.throw(90) as usize;
        let keys = ["env", "support"];
        let mut taken = keys.map(|_| Quantities([0; 91]));
        for day in 0..91 {
            let at = format!("{}T12:00Z", date(day));
            if day == grows {
                change(&mut books.worker, tenant, Some("large"), None, "auto", &at).unwrap();
            }
            for (place, key) in keys.iter().enumerate() {
                if dice.throw(8) == 0 {
                    let quantity = dice.throw(if *key == "env" { 7 } else { 2 }) as i64;
                    take(&mut books, tenant, key, quantity as i32, &at);
                    taken[place].set(quantity, day);
                }
            }
        }
        for (first, end) in MONTHS {
            let mut wanted = Vec::new();
            for (quantities, prices) in taken.iter().zip([(500, 400), (3000, 6000)]) {
                let terms =
                    |day: usize| (quantities.0[day], if day < grows { prices.0 } else { prices.1 });
                let mut from = first;
                for day in first + 1..=end {
                    if day == end || terms(day) != terms(from) {
                        let ((quantity, price), days) = (terms(from), (day - from) as i64);
                        let length = (end - first) as i64;
                        let amount = (2 * quantity * price * days + length) / (2 * length);
                        if quantity > 0 {
                            wanted
                                .push(format!("{quantity} {price} {amount} {} {days}", date(from)));
                        }
                        from = day;
                    }
                }
            }
            let invoice = books::generate(&mut books.worker, tenant, &date(first)).unwrap();
            let lines = books
                .data
                .query(
                    "SELECT concat_ws(' ', quantity, unit_amount, amount, period_start, period_end - period_start)
                       FROM saas.payment_invoice_lines WHERE invoice_id = $1 AND kind = 'add_on'",
                    &[&invoice],
                )
                .unwrap();
            let mut billed: Vec<String> = lines.iter().map(|row| row.get(0)).collect();
            billed.sort();
            wanted.sort();
            assert_eq!(billed, wanted, "seed {seed}, {}", date(first));
        }
    }
    // What did not come up was not tested.
    assert!(books.count("saas.payment_invoice_lines WHERE kind = 'add_on'") > 60);
    assert!(books.count("saas.subscription_add_ons WHERE NOT at_once") > 20);
    books.balanced();
}

/// Prices are those of the plan: what none offers is no zero.
#[test]
fn what_nobody_offers_is_parked() {
    let mut books = plans();
    let (good, bad) =
        (books.subscribed("small", "2025-06-01Z"), books.subscribed("small", "2025-06-01Z"));
    books.run(&format!(
        "INSERT INTO saas.subscription_add_ons (tenant_id, subscription_id, number, key, quantity, day, at_once)
         SELECT tenant_id, id, 1, 'horse', 1, '2025-06-01', true FROM saas.tenant_subscriptions WHERE tenant_id = '{bad}'"
    ));
    books.close("2025-06-01");
    assert_eq!(books.count(&format!("saas.close_parked WHERE tenant_id = '{bad}'")), 1);
    assert_eq!(books.invoices(good), ["2025-06-01 subscription 10000 = 10000"]);
    assert_eq!(books.invoices(bad), Vec::<String>::new());
    // What was said stays said.
    for change in [
        "UPDATE saas.subscription_add_ons SET quantity = 0",
        "DELETE FROM saas.subscription_add_ons",
    ] {
        assert_sqlstate(books.data.execute(change, &[]), "55000");
    }
    let price = "UPDATE saas.plan_add_ons SET price = 1 FROM saas.plans p WHERE p.id = plan_id AND p.key = 'small'";
    assert_sqlstate(books.data.execute(price, &[]), "55000");
}

#[test]
fn two_at_once_follow_each_other() {
    let mut books = plans();
    let tenant = books.subscribed("small", "2025-06-01Z");
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        for quantity in 1..=4 {
            let mut worker = books.db.kind("worker");
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                set(&mut worker, tenant, "env", quantity, "prorate", "2025-06-10Z").unwrap();
            });
        }
    });
    assert_eq!(books.count("saas.subscription_add_ons"), 4);
    assert_eq!(books.count("saas.subscription_add_ons a, saas.add_on_days(a.tenant_id, a.subscription_id) d WHERE d.id = a.id"), 1);
    // Who takes an add-on and who changes to a plan without it can't both have their way.
    for _ in 0..5 {
        let tenant = books.subscribed("small", "2025-06-01Z");
        let (mut one, mut other) = (books.db.kind("worker"), books.db.kind("worker"));
        let barrier = Barrier::new(2);
        let done = thread::scope(|scope| {
            let takes = scope.spawn(|| {
                barrier.wait();
                set(&mut one, tenant, "support", 1, "auto", "2025-06-10Z").is_ok()
            });
            let changes = scope.spawn(|| {
                barrier.wait();
                change(&mut other, tenant, Some("bare"), None, "prorate", "2025-06-10Z").is_ok()
            });
            (takes.join().unwrap(), changes.join().unwrap())
        });
        assert_ne!(done.0, done.1);
    }
    books.close("2025-06-01");
    assert_eq!(books.count("saas.close_parked"), 0);
    books.balanced();
}

#[test]
fn who_may_take_add_ons() {
    let mut story = Story::new();
    let acme = story.acme.clone();
    story
        .data
        .batch_execute(&format!(
            "SELECT saas.define_plan('{{\"key\": \"plan\", \"base_price\": 100, \"add_ons\": [{{\"key\": \"env\", \"price\": 5}}]}}');
             SELECT saas.subscribe('{}', 'plan'), saas.set_add_on('{}', 'env', 3)",
            acme.id, acme.id
        ))
        .unwrap();
    let calls = [
        ("set_add_on", "4"),
        ("set_add_on", "1"),
        ("set_add_on", "1, 'next_period'"),
        ("set_add_on", "1, 'prorate'"),
        ("set_add_on", "4, as_of => now() + interval '1 second'"),
        ("set_add_on", "4, as_of => now() + interval '1 day'"),
        ("preview_add_on", "4"),
    ];
    let (stranger, owner_of_other) = (story.stranger.clone(), story.globex.owner.clone());
    let mut app = story.db.kind("app");
    let mut admin = story.db.kind("admin");
    let outcome = |transaction: &mut postgres::Transaction<'_>, call: &(&str, &str)| {
        let sql = format!("SELECT saas.{}('{}', 'env', {})", call.0, acme.id, call.1);
        let done = transaction.query(&sql, &[]);
        done.map_or_else(|error| error.code().unwrap().code().to_owned(), |_| "done".into())
    };
    for (person, expected) in [
        (&acme.owner, "done done done 42501 42501 42501 done"),
        (&acme.admin, "42501 42501 42501 42501 42501 42501 done"),
        (&acme.member, "42501 42501 42501 42501 42501 42501 42501"),
        (&owner_of_other, "42501 42501 42501 42501 42501 42501 42501"),
        (&stranger, "42501 42501 42501 42501 42501 42501 42501"),
    ] {
        let outcomes = calls.iter().map(|call| outcome(&mut asking(&mut app, person, None), call));
        assert_eq!(outcomes.collect::<Vec<_>>().join(" "), expected, "{}", person.id);
    }
    let mut nobody = app.transaction().unwrap();
    assert_eq!(outcome(&mut nobody, &calls[0]), "28000");
    nobody.rollback().unwrap();
    // platform.billing.adjust, and nothing less.
    for (person, expected) in [(&story.superadmin, "done"), (&story.support, "42501")] {
        let outcomes =
            calls.iter().map(|call| outcome(&mut asking(&mut admin, person, None), call));
        assert_eq!(outcomes.collect::<Vec<_>>(), vec![expected; 7], "{}", person.id);
    }
    for kind in ["auditor", "gateway", "worker"] {
        let mut client = story.db.kind(kind);
        let mut transaction = client.transaction().unwrap();
        let expected = if kind == "auditor" { "42501" } else { "done" };
        assert_eq!(outcome(&mut transaction, &calls[3]), expected, "{kind}");
    }
    // Whoever took it is in the log.
    let mut request = asking(&mut app, &acme.owner, None);
    outcome(&mut request, &calls[0]);
    request.commit().unwrap();
    let logged: i64 = story::one(
        &mut story.data,
        "SELECT count(*) FROM saas.platform_audit_logs WHERE action = 'subscription_add_ons.insert' AND actor_id = $1 AND tenant_id = $2",
        &[&acme.owner.id, &acme.id],
    );
    assert_eq!(logged, 1);
    let wrong: i64 =
        story::one(&mut story.data, "SELECT count(*) FROM saas.check_invariants()", &[]);
    assert_eq!(wrong, 0);
}
