//! Top-ups and add-ons.

use crate::world::*;
use saas_core_tests::assert_sqlstate;
use serde_json::json;
use std::thread;
use uuid::Uuid;

#[test]
fn a_top_up_gives_its_credit_once() {
    let mut world = World::new();
    let events = [
        checkout("evt_1", 1, "cus_acme", "pi_1", "unpaid"),
        intent("evt_2", "succeeded", 2, "cus_acme", "pi_1", "topup"),
        intent("evt_3", "succeeded", 3, "cus_acme", "pi_1", "topup"),
        checkout("evt_4", 4, "cus_acme", "pi_1", "paid"),
    ];
    for event in &events {
        assert!(world.ingest(event) && !world.ingest(event));
    }
    let mut other = world.db.kind("worker");
    let second = thread::spawn(move || (0..3).map(|_| process(&mut other).unwrap()).sum::<i32>());
    let mut done: i32 = (0..3).map(|_| world.process()).sum();
    done += second.join().unwrap();
    assert_eq!(done, 4);
    let row = world
        .owner
        .query_one(
            "SELECT delta, source, reason, idempotency_key FROM saas.tenant_credit_ledger",
            &[],
        )
        .unwrap();
    assert_eq!(row.get::<_, i64>(0), 5000);
    let said: [&str; 3] = [row.get(1), row.get(2), row.get(3)];
    assert_eq!(said, ["billing", "Top-up purchase", "payment:stripe:pi_1"]);
    assert_eq!(world.payment_status("pi_1"), "succeeded");
    assert_eq!(world.balance(world.globex.id), 0);
}

#[test]
fn an_add_on_gives_no_credit_and_an_unclear_payment_is_left_alone() {
    let mut world = World::new();
    assert_eq!(
        world.play(&intent("evt_1", "succeeded", 1, "cus_acme", "pi_1", "addon")),
        "applied"
    );
    let mut unclear = intent("evt_2", "succeeded", 2, "cus_acme", "pi_2", "");
    unclear["data"]["object"]["metadata"] = json!({});
    assert_eq!(world.play(&unclear), "ignored", "it may pay an invoice");
    assert_eq!(world.balance(world.acme.id), 0);
    let payments: i64 = world.one("SELECT count(*) FROM saas.payment_one_times", &[]);
    assert_eq!(payments, 1);
    unclear["id"] = json!("evt_3");
    unclear["api_version"] = json!("2024-06-20"); // would have an invoice if it paid one
    assert_eq!(world.play(&unclear), "applied");
    assert_eq!(world.balance(world.acme.id), 5000);
}

#[test]
fn a_failed_payment_gives_nothing() {
    let mut world = World::new();
    assert_eq!(
        world.play(&intent("evt_1", "payment_failed", 1, "cus_acme", "pi_1", "topup")),
        "applied"
    );
    assert_eq!(world.payment_status("pi_1"), "failed");
    assert_eq!(world.balance(world.acme.id), 0);
}

#[test]
fn a_payment_that_failed_may_succeed_where_that_is_legal() {
    let mut world = World::new();
    world.play(&intent("evt_1", "payment_failed", 1, "cus_acme", "pi_1", "topup"));
    world
        .owner
        .batch_execute(
            "INSERT INTO saas.state_transitions VALUES ('payment_one_times', 'failed', 'succeeded')
             ON CONFLICT DO NOTHING",
        )
        .unwrap();
    assert_eq!(
        world.play(&intent("evt_2", "succeeded", 2, "cus_acme", "pi_1", "topup")),
        "applied"
    );
    assert_eq!(world.balance(world.acme.id), 5000);
}

#[test]
fn a_refund_takes_back_what_is_left_of_its_credit() {
    let mut world = World::new();
    let acme = world.acme.id;
    let ledger = |world: &mut World, delta: i64| {
        // Of other grants the first is used: a refund must not.
        let sql =
            "INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, priority)
                   VALUES ($1, $2, 'test', 'admin', 1)";
        world.owner.execute(sql, &[&acme, &delta]).unwrap();
    };
    world.play(&intent("evt_1", "succeeded", 1, "cus_acme", "pi_1", "topup"));
    ledger(&mut world, -2000);
    ledger(&mut world, 700);
    assert_eq!(world.play(&refund("evt_2", 2, "cus_acme", "pi_1")), "applied");
    assert_eq!(world.payment_status("pi_1"), "refunded");
    assert_eq!(world.balance(acme), 700);
    let grants: i64 =
        world.one("SELECT count(DISTINCT grant_id) FROM saas.credit_allocations", &[]);
    assert_eq!(grants, 1, "the other credit is untouched");
    assert_eq!(world.play(&refund("evt_3", 3, "cus_acme", "pi_1")), "ignored");
    assert_eq!(world.balance(acme), 700);
    // A refund that comes before its payment: the payment is the older one then.
    assert_eq!(world.play(&refund("evt_4", 9, "cus_acme", "pi_2")), "ignored");
    assert_eq!(world.play(&intent("evt_5", "succeeded", 8, "cus_acme", "pi_2", "topup")), "stale");
    assert_eq!(world.balance(acme), 700);
}

#[test]
fn a_payment_recorded_first_is_the_one_that_succeeds() {
    let mut world = World::new();
    let record = "SELECT saas.record_one_time_payment($1, 'stripe', $2, $3, $4, $5)";
    let acme = world.acme.id;
    let id: Uuid = world
        .gateway
        .query_one(record, &[&acme, &"pi_1", &5000i64, &"usd", &"addon"])
        .unwrap()
        .get(0);
    let again: Uuid = world
        .worker
        .query_one(record, &[&acme, &"pi_1", &5000i64, &"USD", &"addon"])
        .unwrap()
        .get(0);
    assert_eq!(id, again);
    for (amount, currency, reason) in
        [(5001i64, "USD", "addon"), (5000, "EUR", "addon"), (5000, "USD", "topup")]
    {
        let result = world.gateway.query(record, &[&acme, &"pi_1", &amount, &currency, &reason]);
        assert_sqlstate(result, "23505");
    }
    let globex = world.globex.id;
    let result = world.gateway.query(record, &[&globex, &"pi_1", &5000i64, &"USD", &"addon"]);
    assert_sqlstate(result, "23505");
    for (amount, currency, reason, sqlstate) in
        [(0i64, "USD", "addon", "22023"), (5, "USD", "gift", "22023"), (5, "XYZ", "addon", "23503")]
    {
        let result = world.gateway.query(record, &[&acme, &"pi_9", &amount, &currency, &reason]);
        assert_sqlstate(result, sqlstate);
    }
    let result = world.gateway.query(record, &[&acme, &"pi_9", &None::<i64>, &"USD", &"addon"]);
    assert_sqlstate(result, "22023");
    let nobody = Uuid::from_u128(1);
    let args: [&(dyn postgres::types::ToSql + Sync); 5] =
        [&nobody, &"pi_9", &5i64, &"USD", &"addon"];
    assert_sqlstate(world.gateway.query(record, &args), "42501");
    assert_sqlstate(world.owner.query(record, &args), "23503");

    let mut unclear = intent("evt_1", "succeeded", 1, "cus_acme", "pi_1", "");
    unclear["data"]["object"]["metadata"] = json!({});
    assert_eq!(world.play(&unclear), "applied");
    assert_eq!(world.payment_status("pi_1"), "succeeded");
    assert_eq!(world.balance(acme), 0);
}

#[test]
fn what_fails_halfway_leaves_nothing() {
    let mut world = World::new();
    let mut euros = intent("evt_1", "succeeded", 1, "cus_acme", "pi_1", "topup");
    euros["data"]["object"]["currency"] = json!("eur");
    assert!(
        world
            .play(&euros)
            .starts_with("23505: a top-up in EUR, but the tenant's credits are in USD")
    );
    assert_eq!(world.balance(world.acme.id), 0);
    let left: i64 = world.one(
        "SELECT (SELECT count(*) FROM saas.payment_one_times)
              + (SELECT count(*) FROM saas.provider_keys WHERE kind = 'payment')",
        &[],
    );
    assert_eq!(left, 0);
}
