//! Ways to pay less than one uses, each tried: what it would have cost, and what it costs.

#[allow(unused)] // of the module that tests of billing share
mod books;

use books::{Books, CANCEL_NOW};
use postgres::{Client, Error};
use saas_core_tests::assert_sqlstate;
use std::thread::sleep;
use std::time::Duration;
use uuid::Uuid;

/// A tenant whose owner has a session: the tenant and his token.
fn owned(books: &mut Books, name: &str) -> (Uuid, String) {
    let tenant = books.tenant(name);
    books.run(&format!(
        "INSERT INTO saas.users (email) VALUES ('{name}@example.com');
         INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
         SELECT '{tenant}', u.id, r.id FROM saas.users u, saas.roles r
          WHERE u.email = '{name}@example.com' AND r.key = 'tenant_owner'"
    ));
    let session = format!(
        "SELECT saas.create_session(id) FROM saas.users WHERE email = '{name}@example.com'"
    );
    (tenant, books.one(&session, &[]))
}

/// One call in a request of its own.
fn ask(app: &mut Client, token: &str, call: &str, tenant: Uuid) -> Result<(), Error> {
    let mut request = app.transaction()?;
    request.query("SELECT saas.begin_request($1)", &[&token])?;
    request.query(&format!("SELECT saas.{call}"), &[&tenant])?;
    request.commit()
}

/// The sum of what a tenant was invoiced.
fn total(books: &mut Books, tenant: Uuid) -> i64 {
    let sql = "SELECT coalesce(sum(total_amount), 0)::bigint FROM saas.payment_invoices WHERE tenant_id = $1";
    books.one(sql, &[&tenant])
}

#[test]
fn nobody_moves_midnight() {
    let mut books = Books::new();
    for zone in [
        "<A>167",
        "A-167",
        "UTC+3",
        "posix/Europe/Berlin",
        "Factory",
        "Europe/Berlim",
        "europe/berlin",
    ] {
        let error = assert_sqlstate(
            books
                .data
                .execute("INSERT INTO saas.tenants (name, time_zone) VALUES ('x', $1)", &[&zone]),
            "22023",
        );
        assert!(
            zone != "Europe/Berlim" || error.hint().unwrap().contains("Europe/Berlin"),
            "{error:?}"
        );
        let settings = "UPDATE saas.settings SET time_zone = $1";
        assert_sqlstate(books.data.execute(settings, &[&zone]), "22023");
    }
    books.tenant_in("Pacific/Kiritimati", "USD");
    books.tenant_in("Etc/GMT+12", "USD");
    let (tenant, token) = owned(&mut books, "mover");
    let mut app = books.db.kind("app");
    let zone = |app: &mut Client, zone: &str| {
        ask(app, &token, &format!(r#"update_tenant($1, '{{"time_zone": "{zone}"}}')"#), tenant)
    };
    zone(&mut app, "Europe/Berlin").unwrap();
    assert_sqlstate(zone(&mut app, "<A>167"), "22023");
    // Days are billed by the midnight that was agreed, until the last of them is billed.
    ask(&mut app, &token, "subscribe($1, 'plus')", tenant).unwrap();
    assert_sqlstate(zone(&mut app, "Pacific/Kiritimati"), "42501");
    zone(&mut app, "Europe/Berlin").unwrap();
    ask(&mut app, &token, r#"update_tenant($1, '{"name": "Stayer"}')"#, tenant).unwrap();
    ask(&mut app, &token, "cancel_subscription($1, false)", tenant).unwrap();
    assert_sqlstate(zone(&mut app, "Pacific/Kiritimati"), "42501");
    books.run(&format!(
        "SELECT saas.update_tenant('{tenant}', '{{\"time_zone\": \"Asia/Tokyo\"}}')"
    ));
}

#[test]
fn nobody_acts_in_the_past() {
    let mut books = Books::new();
    books.plan("large", "base_price", "30000");
    books.run(
        "UPDATE saas.settings SET now_tolerance = '1 second';
         SELECT saas.define_coupon('{\"code\": \"TEN\", \"percent\": \"10\"}')",
    );
    let (tenant, token) = owned(&mut books, "holder");
    books.credit(tenant, 100, 50, None);
    let (late, late_token) = owned(&mut books, "latecomer");
    let mut app = books.db.kind("app");
    ask(&mut app, &token, "subscribe($1, 'plus')", tenant).unwrap();
    for call in [
        "cancel_subscription($1, false)",
        "cancel_subscription($1)",
        "change_subscription($1, 'large')",
        "set_add_on($1, 'env', 1)",
        "resume_subscription($1)",
        "spend_credit($1, 1, 'Voucher')",
        "apply_coupon($1, 'ten')",
    ] {
        let mut request = app.transaction().unwrap();
        request.query("SELECT saas.begin_request($1)", &[&token]).unwrap();
        sleep(Duration::from_millis(1200));
        assert_sqlstate(request.query(&format!("SELECT saas.{call}"), &[&tenant]), "55000");
    }
    // Nor within one statement.
    let mut request = app.transaction().unwrap();
    request.query("SELECT saas.begin_request($1)", &[&late_token]).unwrap();
    let slept = "SELECT saas.subscribe($1, 'plus') FROM pg_sleep(1.2)";
    assert_sqlstate(request.query(slept, &[&late]), "55000");
    drop(request);
    ask(&mut app, &late_token, "subscribe($1, 'plus')", late).unwrap();
    // A coupon that has expired meanwhile is not taken: by the clock, whenever the transaction began.
    books.run("UPDATE saas.settings SET now_tolerance = '5 minutes'");
    books.run(
        "SELECT saas.define_coupon(jsonb_build_object('code', 'SOON', 'percent', '10', 'expires_at', clock_timestamp() + interval '1 second'))",
    );
    let mut request = app.transaction().unwrap();
    request.query("SELECT saas.begin_request($1)", &[&token]).unwrap();
    sleep(Duration::from_millis(1200));
    assert_sqlstate(request.query("SELECT saas.apply_coupon($1, 'soon')", &[&tenant]), "42704");
}

#[test]
fn nobody_tries_twice_or_something_else() {
    let mut books = Books::new();
    books.plan("cheap", "base_price, trial_days", "1000, 60");
    books.plan("dear", "base_price, trial_days", "30000, 10");
    books.plan("dearest", "base_price", "60000");
    books.plan("year", "base_price, billing_interval, trial_days", "100000, 'yearly', 10");
    // The second contract has no trial: it would have cost nothing for ever.
    let again = books.subscribed("dear", "2025-06-01Z");
    books.work(CANCEL_NOW, again, "2025-06-09Z").unwrap();
    books.subscribe(again, "dear", 1, "2025-06-09Z", None);
    books.close("2025-06-01");
    assert_eq!(
        books.invoices(again),
        ["2025-06-01 nothing = 0", "2025-06-09 subscription 22000 = 22000"]
    );
    // Whoever bills may give another one.
    let given = books.subscribed("dear", "2025-06-01Z");
    books.work(CANCEL_NOW, given, "2025-06-09Z").unwrap();
    books.subscribe(given, "dear", 1, "2025-06-09Z", Some("6 days"));
    assert_eq!(books.bill(given, "2025-06-10"), "subscription 16000 = 16000");
    // Sixty days of the cheap one were sixty of the dear one: 0 instead of 20000 for June.
    for (mode, june, july) in [
        ("auto", "subscription 20000 = 20000", "subscription 30000 = 30000"),
        ("next_period", "nothing = 0", "subscription 30000 = 30000"),
    ] {
        let tenant = books.subscribed("cheap", "2025-06-01Z");
        books.to(tenant, "dear", mode, "2025-06-05Z");
        assert_eq!(books.bill(tenant, "2025-06-01"), june, "{mode}");
        assert_eq!(books.bill(tenant, "2025-07-01"), july, "{mode}");
    }
    // Without a trial of its own the dear plan costs from the day of the change on.
    let tenant = books.subscribed("cheap", "2025-06-01Z");
    books.to(tenant, "dearest", "auto", "2025-06-16T12:00Z");
    assert_eq!(
        books.bill(tenant, "2025-06-01"),
        "subscription 500, proration -500, proration 30000 = 30000"
    );
    // What is worth less, and another interval, keep what is left.
    let tenant = books.subscribed("dear", "2025-06-01Z");
    books.to(tenant, "cheap", "auto", "2025-06-05Z");
    assert_eq!(books.bill(tenant, "2025-06-01"), "subscription 667 = 667");
    let tenant = books.subscribed("dear", "2025-06-01Z");
    books.to(tenant, "year", "auto", "2025-06-05Z");
    assert_eq!(
        books.one::<String>(
            "SELECT status || ' ' || (trial_end AT TIME ZONE 'UTC')::date FROM saas.tenant_subscriptions
              WHERE tenant_id = $1 AND status <> 'canceled'",
            &[&tenant]
        ),
        "trialing 2025-06-11"
    );
    books.balanced();
}

#[test]
fn nobody_uses_a_day_for_nothing() {
    let mut books = Books::new();
    books.plan("month", "base_price", "30000");
    // One contract a day, each gone by the evening: nothing before, a thirtieth now.
    let tenant = books.tenant("Daily");
    for day in 10..13 {
        books.subscribe(tenant, "month", 1, &format!("2025-06-{day}T08:00Z"), None);
        books.work(CANCEL_NOW, tenant, &format!("2025-06-{day}T20:00Z")).unwrap();
    }
    // From morning to the evening of the next day it is two days.
    books.subscribe(tenant, "month", 1, "2025-06-20T00:10Z", None);
    books.work(CANCEL_NOW, tenant, "2025-06-21T23:50Z").unwrap();
    books.close("2025-06-01");
    assert_eq!(total(&mut books, tenant), 5000);
    // At once within one transaction, too.
    let (hasty, token) = owned(&mut books, "hasty");
    let mut app = books.db.kind("app");
    let mut request = app.transaction().unwrap();
    request.query("SELECT saas.begin_request($1)", &[&token]).unwrap();
    request.query("SELECT saas.subscribe($1, 'month')", &[&hasty]).unwrap();
    request.query("SELECT saas.cancel_subscription($1, false)", &[&hasty]).unwrap();
    request.commit().unwrap();
    assert_eq!(
        books.one::<i32>(
            "SELECT ended_on - (anchor AT TIME ZONE 'UTC')::date FROM saas.tenant_subscriptions WHERE tenant_id = $1",
            &[&hasty]
        ),
        1
    );
    // A trial is free to its last day.
    let trying = books.tenant("Trying");
    books.subscribe(trying, "month", 1, "2025-06-01T08:00Z", Some("10 days"));
    books.work(CANCEL_NOW, trying, "2025-06-11T07:00Z").unwrap();
    assert_eq!(books.bill(trying, "2025-06-01"), "nothing = 0");
    books.balanced();
}

#[test]
fn nobody_gets_around_set_up_and_minimum() {
    let mut books = Books::new();
    books.plan("bare", "base_price", "3000");
    books.plan("kit", "base_price, setup_fee", "6000, 50000");
    books.plan("big", "base_price, setup_fee", "9000, 80000");
    books.plan("kity", "base_price, setup_fee, billing_interval", "120000, 90000, 'yearly'");
    // In through the plan without a fee: 50000 were never due, and the difference of the next one.
    let tenant = books.subscribed("bare", "2025-06-01Z");
    books.to(tenant, "kit", "auto", "2025-06-01T12:00Z");
    books.to(tenant, "big", "auto", "2025-06-16Z");
    assert_eq!(
        books.bill(tenant, "2025-06-01"),
        "subscription 3000, proration -3000, proration 6000, proration -3000, proration 4500, setup 30000, setup 50000 = 87500"
    );
    // Another interval owes the difference again; what is worth less owes nothing back.
    books.to(tenant, "kity", "auto", "2025-07-11Z");
    assert_eq!(books.bill(tenant, "2025-07-20"), "setup 10000 = 10000");
    let waits = books.subscribed("bare", "2025-06-01Z");
    books.to(waits, "kit", "next_period", "2025-06-10Z");
    let preview = "SELECT string_agg(concat_ws(' ', kind, amount), ', ') FROM saas.preview_invoice($1, '2025-07-10Z')";
    assert_eq!(books.one::<String>(preview, &[&waits]), "subscription 6000, setup 50000");
    assert_eq!(books.bill(waits, "2025-07-01"), "subscription 6000, setup 50000 = 56000");
    // Who leaves within his trial was not set up for money: 50000 were due before.
    let leaving = books.tenant("Leaving");
    books.subscribe(leaving, "kit", 1, "2025-06-01Z", Some("40 days"));
    let staying = books.tenant("Staying");
    books.subscribe(staying, "kit", 1, "2025-06-01Z", Some("40 days"));
    books.work(CANCEL_NOW, leaving, "2025-06-20Z").unwrap();
    assert_eq!(books.bill(leaving, "2025-06-01"), "nothing = 0");
    assert_eq!(books.bill(staying, "2025-06-01"), "nothing = 0");
    assert_eq!(books.bill(staying, "2025-07-01"), "subscription 4065, setup 50000 = 54065");
    // The minimum of thirty days was gone on the last of them: 1000 + 67 before.
    books.plan("least", "base_price, minimum_amount", "1000, 60000");
    let tenant = books.subscribed("least", "2025-06-01Z");
    books.to(tenant, "bare", "auto", "2025-06-30Z");
    assert_eq!(
        books.bill(tenant, "2025-06-01"),
        "subscription 1000, proration -33, proration 100, minimum 56933 = 58000"
    );
    books.balanced();
}

#[test]
fn nobody_takes_an_amount_a_day() {
    let mut books = Books::new();
    books.plan("month", "base_price", "30000");
    books.run(
        "SELECT saas.define_coupon('{\"code\": \"EVER\", \"amounts\": {\"USD\": 1500}}'),
                saas.define_coupon('{\"code\": \"TWICE\", \"amounts\": {\"USD\": 1500}, \"invoices\": 2}')",
    );
    // A contract a day had 1500 each, and so was free.
    let tenant = books.tenant("Daily");
    books.run(&format!("SELECT saas.apply_coupon('{tenant}', 'ever', '2025-06-01Z')"));
    for day in 10..13 {
        books.subscribe(tenant, "month", 1, &format!("2025-06-{day}T08:00Z"), None);
        books.work(CANCEL_NOW, tenant, &format!("2025-06-{day}T20:00Z")).unwrap();
    }
    books.close("2025-06-01");
    assert_eq!(total(&mut books, tenant), 3 * (1000 - 50));
    let whole = books.subscribed("month", "2025-06-01Z");
    let stub = books.subscribed("month", "2025-06-21Z");
    let counted = books.subscribed("month", "2025-06-30Z");
    books.run(&format!(
        "SELECT saas.apply_coupon('{whole}', 'ever', '2025-06-01Z'), saas.apply_coupon('{stub}', 'ever', '2025-06-01Z'),
                saas.apply_coupon('{counted}', 'twice', '2025-06-01Z')"
    ));
    assert_eq!(books.bill(whole, "2025-06-01"), "subscription 30000, discount -1500 = 28500");
    assert_eq!(books.bill(stub, "2025-06-21"), "subscription 10000, discount -500 = 9500");
    // For a number of invoices it is that number of amounts, at most what is due.
    assert_eq!(books.bill(counted, "2025-06-30"), "subscription 1000, discount -1000 = 0");
    assert_eq!(books.bill(counted, "2025-07-01"), "subscription 30000, discount -1500 = 28500");
    assert_eq!(books.bill(counted, "2025-08-01"), "subscription 30000 = 30000");
    books.balanced();
}

#[test]
fn nobody_is_taxed_nowhere() {
    let mut books = Books::new();
    books.plan("month", "base_price", "10000");
    books.run(
        "SELECT saas.set_issuer('{\"country\": \"DE\"}'), saas.set_tax_rate('DE', 19, '2021-01-01'), saas.set_tax_rate('HK', 0, '2021-01-01')",
    );
    let (tenant, token) = owned(&mut books, "nomad");
    books.subscribe(tenant, "month", 1, "2025-06-01Z", None);
    let mut app = books.db.kind("app");
    let mut lines = |books: &mut Books, country: &str| -> String {
        let details = format!(r#"set_billing_details($1, '{{"country": "{country}"}}')"#);
        ask(&mut app, &token, &details, tenant).unwrap();
        let sql = "SELECT string_agg(concat_ws(' ', kind, amount), ', ') FROM saas.preview_invoice($1, '2025-06-10Z')";
        books.one(sql, &[&tenant])
    };
    // Nothing is known of Andorra's taxes: they were 0.
    assert_eq!(lines(&mut books, "AD"), "subscription 10000, tax 1900");
    assert_eq!(lines(&mut books, "HK"), "subscription 10000, tax 0");
    assert_eq!(lines(&mut books, "AD"), "subscription 10000, tax 1900");
    books.run(&format!("SELECT saas.set_tax_treatment('{tenant}', 'exempt')"));
    let sql = "SELECT string_agg(concat_ws(' ', kind, amount), ', ') FROM saas.preview_invoice($1, '2025-06-10Z')";
    assert_eq!(books.one::<String>(sql, &[&tenant]), "subscription 10000, tax 0");
    let nowhere = r#"set_billing_details($1, '{"country": "ZZ"}')"#;
    assert_sqlstate(ask(&mut app, &token, nowhere, tenant), "23503");
    for call in ["set_issuer('{\"country\": \"ZZ\"}')", "set_tax_rate('ZZ', 1, '2021-01-01')"] {
        assert_sqlstate(books.data.query(&format!("SELECT saas.{call}"), &[]), "23503");
    }
    books.balanced();
}

#[test]
fn nobody_leaves_a_year_by_himself() {
    let mut books = Books::new();
    books.plan("year", "base_price, billing_interval", "365000, 'yearly'");
    books.plan("month", "base_price", "90000");
    let (tenant, token) = owned(&mut books, "leaver");
    books.run("INSERT INTO saas.role_permissions (role_id, permission_id)
               SELECT r.id, p.id FROM saas.roles r, saas.permissions p WHERE r.key = 'tenant_owner' AND p.key = 'tenant.delete'
               ON CONFLICT DO NOTHING");
    books.run(&format!("SELECT saas.subscribe('{tenant}', 'year', starts_at => '2025-01-01Z'::timestamptz + (now() - '2025-12-01Z'))"));
    let mut app = books.db.kind("app");
    // Ten months at the price of the year, of which ten twelfths were paid.
    assert_sqlstate(ask(&mut app, &token, "cancel_subscription($1, false)", tenant), "42501");
    let ends = |books: &mut Books| -> String {
        books.one(
            "SELECT concat_ws(' ', s.status, coalesce((s.cancel_at AT TIME ZONE 'UTC')::date, s.scheduled_for, s.ended_on) = (s.anchor + interval '1 year')::date)
               FROM saas.tenant_subscriptions s WHERE s.tenant_id = $1",
            &[&tenant],
        )
    };
    // What is worth more by the month waits as well.
    ask(&mut app, &token, "change_subscription($1, 'month')", tenant).unwrap();
    assert_eq!(ends(&mut books), "active t");
    ask(&mut app, &token, "cancel_subscription($1)", tenant).unwrap();
    assert_eq!(ends(&mut books), "active t");
    ask(&mut app, &token, "resume_subscription($1)", tenant).unwrap();
    // The tenant may go, its year stays owed.
    ask(&mut app, &token, "delete_tenant($1, 'gone')", tenant).unwrap();
    assert_eq!(ends(&mut books), "canceled t");
    // Whoever bills may end it, by its days.
    let other = books.subscribed("year", "2025-01-01Z");
    books.work(CANCEL_NOW, other, "2025-01-11Z").unwrap();
    assert_eq!(books.bill(other, "2025-01-01"), "subscription 10000 = 10000");
    let prorated = books.subscribed("year", "2025-01-01Z");
    books.to(prorated, "month", "prorate", "2025-01-11Z");
    assert_eq!(books.bill(prorated, "2025-01-05"), "subscription 10000 = 10000");
    books.balanced();
}

#[test]
fn nobody_finds_codes_by_trying() {
    let mut books = Books::new();
    books.run(
        "SELECT saas.define_coupon('{\"code\": \"EMPTY\", \"percent\": \"5\", \"max_redemptions\": 0}'),
                saas.define_coupon('{\"code\": \"LATE\", \"percent\": \"5\", \"expires_at\": \"2020-01-01Z\"}'),
                saas.define_coupon('{\"code\": \"SHUT\", \"percent\": \"5\", \"is_active\": false}'),
                saas.define_coupon('{\"code\": \"EURO\", \"amounts\": {\"EUR\": 5}}')",
    );
    let (tenant, token) = owned(&mut books, "guesser");
    let mut app = books.db.kind("app");
    for (code, to_the_owner) in [
        ("empty", "53400"),
        ("late", "55000"),
        ("shut", "55000"),
        ("euro", "22023"),
        ("none", "42704"),
    ] {
        let call = format!("apply_coupon($1, '{code}')");
        let error = assert_sqlstate(ask(&mut app, &token, &call, tenant), "42704");
        assert_eq!((error.message(), error.hint()), ("there is no such coupon", None), "{code}");
        let sql = format!("SELECT saas.{call}");
        assert_sqlstate(books.data.query(&sql, &[&tenant]), to_the_owner);
    }
    assert_sqlstate(books.data.execute("TRUNCATE saas.coupon_redemptions", &[]), "55000");
}

#[test]
fn nobody_adjusts_from_within_a_tenant() {
    let mut books = Books::new();
    let (tenant, token) = owned(&mut books, "biller");
    let (other, _) = owned(&mut books, "victim");
    books.run(
        "INSERT INTO saas.system_role_assignments (assigned_user_id, role_id, assigned_by, reason)
         SELECT u.id, r.id, u.id, 'bills' FROM saas.users u, saas.roles r WHERE u.email = 'biller@example.com' AND r.key = 'platform_superadmin'",
    );
    let tried = |kind: &str, bound: Option<Uuid>, call: &str| -> String {
        let mut client = books.db.kind(kind);
        let mut request = client.transaction().unwrap();
        request.query("SELECT saas.begin_request($1, $2)", &[&token, &bound]).unwrap();
        let outcome = request.query(&format!("SELECT saas.{call}"), &[&other]);
        outcome.map_or_else(|error| error.code().unwrap().code().to_owned(), |_| "done".into())
    };
    for (kind, call) in [
        ("app", "subscribe($1, 'plus')"),
        ("admin", "grant_credit($1, 5, 'Sorry', 'admin')"),
        ("admin", "set_tax_treatment($1, 'exempt')"),
    ] {
        assert_eq!(tried(kind, Some(tenant), call), "42501", "{call}");
        assert_eq!(tried(kind, None, call), "done", "{call}");
    }
}
