//! Coupons, taxes and billing details: who may, and what several sessions do at once.

mod books;

use books::{Books, generate};
use postgres::Client;
use saas_core_tests::assert_sqlstate;
use saas_core_tests::story::{Story, asking, join, one, person};
use std::sync::Barrier;
use std::thread;
use uuid::Uuid;

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

/// The SQLSTATE, or the redemption.
fn apply(client: &mut Client, tenant: Uuid, code: &str) -> Result<Uuid, String> {
    client
        .query_one("SELECT saas.apply_coupon($1, $2)", &[&tenant, &code])
        .map(|row| row.get(0))
        .map_err(|error| error.code().unwrap().code().to_owned())
}

#[test]
fn a_coupon_is_taken_as_often_as_it_may_be() {
    for isolation in ["read committed", "repeatable read"] {
        let mut books = Books::new();
        books.run("SELECT saas.define_coupon('{\"code\": \"THREE\", \"percent\": \"10\", \"max_redemptions\": 3}')");
        let tenants: Vec<Uuid> = (0..8).map(|n| books.tenant(&format!("tenant {n}"))).collect();
        let clients = (0..8)
            .map(|_| {
                let mut client = books.db.owner();
                let level = format!("SET default_transaction_isolation = '{isolation}'");
                client.batch_execute(&level).unwrap();
                client
            })
            .collect();
        let outcomes = at_once(clients, |place, client| {
            // Who could not see the others tries again.
            loop {
                match apply(client, tenants[place], "three") {
                    Err(code) if code == "40001" => {}
                    outcome => return outcome,
                }
            }
        });
        let refused = outcomes.iter().filter(|outcome| **outcome == Err("53400".into())).count();
        assert_eq!((outcomes.iter().filter(|o| o.is_ok()).count(), refused), (3, 5), "{isolation}");
        assert_eq!(books.one::<i64>("SELECT redeemed FROM saas.coupons", &[]), 3);
        assert_eq!(books.count("saas.coupon_redemptions"), 3);
        books.balanced();
    }
}

#[test]
fn a_tenant_takes_a_coupon_once() {
    let mut books = Books::new();
    books.run("SELECT saas.define_coupon('{\"code\": \"ONE\", \"percent\": \"10\"}')");
    for round in 0..10 {
        let acme = books.tenant(&format!("acme {round}"));
        let clients = (0..4).map(|_| books.db.owner()).collect();
        let outcomes = at_once(clients, |_, client| apply(client, acme, "one"));
        assert!(outcomes.iter().all(|outcome| outcome.is_ok() && *outcome == outcomes[0]));
        assert_eq!(books.one::<i64>("SELECT redeemed FROM saas.coupons", &[]), round + 1);
    }
}

/// Fees, usage, seats, minimum, two rates, a change of rates, discounts and credits, drawn at random but always the same:
/// each invoice is what plain arithmetic says, and what its preview said.
#[test]
fn invoices_with_discounts_and_taxes_recount() {
    let mut books = Books::new();
    books.plan("big", "base_price, seat_price, minimum_amount, setup_fee", "997, 331, 2500, 77");
    books.feature("big", "project.create", 3, Some("0.37"));
    books.feature(
        "big",
        "book",
        0,
        Some("{\"model\": \"package\", \"package_size\": 7, \"amount\": \"13\"}"),
    );
    books.run(
        "SELECT saas.set_tax_rate('DE', 19, '2020-01-01'), saas.set_tax_rate('DE', 7, '2020-01-01', category => 'reduced'),
                saas.set_tax_rate('DE', 16, '2026-02-01'), saas.set_tax_rate('FR', 20, '2020-01-01', is_inclusive => true),
                saas.set_tax_rate('FR', 5.5, '2020-01-01', category => 'reduced', is_inclusive => true),
                saas.set_tax_category('feature', 'book', 'reduced'),
                saas.define_coupon('{\"code\": \"SHARE\", \"percent\": \"12.5\"}'),
                saas.define_coupon('{\"code\": \"ONCE\", \"percent\": \"33\", \"invoices\": 1, \"applies_to\": [\"usage\", \"seat\"]}'),
                saas.define_coupon('{\"code\": \"FIXED\", \"amounts\": {\"USD\": 777}, \"invoices\": 2}')",
    );
    let mut seed = 7u64;
    let mut draw = |below: u64| {
        // A linear congruential generator, for the same story each time.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for number in 0..24 {
        let tenant = books.tenant(&format!("tenant {number}"));
        let seats = 1 + draw(5) as i32;
        let _ = books.subscribe(tenant, "big", seats, "2026-01-01Z", None);
        let country = ["DE", "FR", "US"][draw(3) as usize];
        books.run(&format!(
            "SELECT saas.set_billing_details('{tenant}', '{{\"country\": \"{country}\"}}')"
        ));
        if draw(5) == 0 {
            books.run(&format!("SELECT saas.set_tax_treatment('{tenant}', 'reverse_charge')"));
        }
        for code in ["once", "fixed", "share"] {
            if draw(2) == 0 {
                books
                    .run(&format!("SELECT saas.apply_coupon('{tenant}', '{code}', '2026-01-01Z')"));
            }
        }
        if draw(2) == 0 {
            books.credit(tenant, 1 + draw(3000) as i64, 50, None);
        }
        for month in 1..=3 {
            for feature in ["project.create", "book"] {
                let units = draw(9000) as i64;
                if units > 0 {
                    books.used(tenant, feature, units, &format!("2026-0{month}-10Z"));
                }
            }
            // A month late.
            if month > 1 && draw(2) == 0 {
                let units = 1 + draw(500) as i64;
                books.used(tenant, "book", units, &format!("2026-0{}-11Z", month - 1));
            }
            let preview: String = books.one(
                "SELECT string_agg(concat_ws(' ', kind, amount), ', ' ORDER BY position)
                   FROM saas.preview_invoice($1, $2::text::timestamptz)",
                &[&tenant, &format!("2026-0{month}-28Z")],
            );
            let invoice =
                generate(&mut books.worker, tenant, &format!("2026-0{month}-01")).unwrap();
            let told = books.told(invoice);
            assert_eq!(told.split(" = ").next(), Some(preview.as_str()), "{number} {month}");
            if draw(4) == 0 {
                let sql = "SELECT saas.void_invoice($1, 'Again')";
                books.data.execute(sql, &[&invoice]).unwrap();
                let again =
                    generate(&mut books.worker, tenant, &format!("2026-0{month}-01")).unwrap();
                assert_eq!(books.told(again), told, "the reissue says the same");
            }
        }
    }
    let kinds: i64 = books.one("SELECT count(DISTINCT kind) FROM saas.payment_invoice_lines", &[]);
    assert!(kinds >= 7, "the story has everything in it");
    books.balanced();
}

#[test]
fn nobody_taxes_or_discounts_himself() {
    let mut story = Story::new();
    story
        .data
        .batch_execute("SELECT saas.define_coupon('{\"code\": \"TEN\", \"percent\": \"10\"}')")
        .unwrap();
    let (acme, globex) = (story.acme.id, story.globex.id);
    let member = person(&mut story.data, "plain");
    join(&mut story.data, &story.acme, &member, "tenant_member");
    let mut app = story.db.kind("app");
    let try_as =
        |app: &mut Client, who: &saas_core_tests::story::Person, sql: &str, tenant: Uuid| {
            let mut request = asking(app, who, None);
            let done = request.execute(sql, &[&tenant]);
            request.commit().ok();
            done
        };
    let owner = &story.acme.owner;
    let apply = "SELECT saas.apply_coupon($1, 'ten')";
    // A member without billing.manage, and the owner of another tenant.
    assert_sqlstate(try_as(&mut app, &member, apply, acme), "42501");
    assert_sqlstate(try_as(&mut app, owner, apply, globex), "42501");
    let details = "SELECT saas.set_billing_details($1, '{\"country\": \"DE\"}')";
    assert_sqlstate(try_as(&mut app, &member, details, acme), "42501");
    assert_sqlstate(try_as(&mut app, owner, details, globex), "42501");
    // Backwards is the platform's.
    let back = "SELECT saas.apply_coupon($1, 'ten', '2020-01-01Z')";
    assert_sqlstate(try_as(&mut app, owner, back, acme), "42501");
    assert_eq!(try_as(&mut app, owner, apply, acme).unwrap(), 1);
    assert_eq!(try_as(&mut app, owner, details, acme).unwrap(), 1);
    // The treatment is not his, and goes with what it was given for.
    for sql in [
        "SELECT saas.set_tax_treatment($1, 'exempt')",
        "SELECT saas.set_tax_rate('DE', 0, '2020-01-01') WHERE $1::uuid IS NOT NULL",
        "SELECT saas.define_coupon('{\"code\": \"MINE\", \"percent\": \"100\"}') WHERE $1::uuid IS NOT NULL",
    ] {
        assert_sqlstate(try_as(&mut app, owner, sql, acme), "42501");
    }
    let mut admin = story.db.kind("admin");
    let treat = "SELECT saas.set_tax_treatment($1, 'reverse_charge')";
    assert_sqlstate(try_as(&mut admin, &story.support, treat, acme), "42501");
    assert_eq!(try_as(&mut admin, &story.superadmin, treat, acme).unwrap(), 1);
    let treatment = "SELECT tax_treatment FROM saas.billing_details WHERE tenant_id = $1";
    assert_eq!(one::<String>(&mut story.data, treatment, &[&acme]), "reverse_charge");
    let moved = "SELECT saas.set_billing_details($1, '{\"country\": \"FR\"}')";
    try_as(&mut app, &story.acme.owner, moved, acme).unwrap();
    assert_eq!(one::<String>(&mut story.data, treatment, &[&acme]), "standard");
}
