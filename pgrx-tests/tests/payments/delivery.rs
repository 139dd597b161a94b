//! Events come twice, at once, wrong and too early.

use crate::world::*;
use saas_core_tests::assert_sqlstate;
use serde_json::{Value, json};
use std::thread;
use std::time::Duration;

#[test]
fn an_event_delivered_twice_has_its_effect_once() {
    let mut world = World::new();
    world.link_invoice(world.acme.invoice, "in_1");
    let created = subscription_event("evt_1", "created", 0, "cus_acme", "active");
    let paid = invoice_paid("evt_2", 60, "cus_acme", "in_1", 3000);
    for event in [&created, &paid] {
        assert!(world.ingest(event));
        assert!(!world.ingest(event));
    }
    assert_eq!(world.process(), 2);
    assert_eq!(world.process(), 0);
    assert_eq!(world.fate(&created), "applied");
    assert_eq!(world.fate(&paid), "applied");
    let linked: String = world.one(
        "SELECT provider_subscription_id FROM saas.tenant_subscriptions WHERE tenant_id = $1",
        &[&world.acme.id.clone()],
    );
    assert_eq!(linked, "sub_cus_acme");
    let paid_at: bool = world.one(
        "SELECT status = 'paid' AND paid_at = to_timestamp($2) FROM saas.payment_invoices WHERE id = $1",
        &[&world.acme.invoice.clone(), &((START + 60) as f64)],
    );
    assert!(paid_at);
    assert_eq!(world.security_events("payment_event_conflict"), 0);
}

#[test]
fn of_two_deliveries_at_once_the_second_waits_and_wins_if_the_first_rolls_back() {
    for first_commits in [false, true] {
        let mut world = World::new();
        let event = invoice_paid("evt_1", 0, "cus_acme", "in_1", 3000);
        let mut first = world.gateway.transaction().unwrap();
        let stored: bool = first
            .query_one(
                "SELECT saas.ingest_payment_event('stripe', 'evt_1', 'invoice.paid', $1)",
                &[&event],
            )
            .unwrap()
            .get(0);
        assert!(stored);
        let mut other = world.db.kind("gateway");
        let second = thread::spawn({
            let event = event.clone();
            move || ingest(&mut other, &event).unwrap()
        });
        wait_for_a_lock(&mut world.owner);
        match first_commits {
            true => first.commit().unwrap(),
            false => first.rollback().unwrap(),
        }
        assert_eq!(second.join().unwrap(), !first_commits);
        let rows: i64 = world.one("SELECT count(*) FROM saas.payment_events", &[]);
        assert_eq!(rows, 1);
    }
}

fn wait_for_a_lock(owner: &mut postgres::Client) {
    let sql = "SELECT count(*) FROM pg_locks WHERE NOT granted
                  AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";
    while owner.query_one(sql, &[]).unwrap().get::<_, i64>(0) == 0 {
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_known_id_with_another_body_or_type_is_reported_and_the_first_stands() {
    let mut world = World::new();
    let event = invoice_paid("evt_1", 0, "cus_acme", "in_1", 3000);
    assert!(world.ingest(&event));
    let mut again = event.clone();
    again["pending_webhooks"] = json!(0);
    assert!(!world.ingest(&again));
    assert_eq!(world.security_events("payment_event_conflict"), 0);

    again["data"]["object"]["amount_paid"] = json!(1);
    assert!(!world.ingest(&again));
    assert_eq!(world.security_events("payment_event_conflict"), 1);
    let mut again = event.clone();
    again["type"] = json!("invoice.payment_failed");
    assert!(!world.ingest(&again));
    assert_eq!(world.security_events("payment_event_conflict"), 2);
    let stored: Value = world.one("SELECT payload FROM saas.payment_events", &[]);
    assert_eq!(stored, event);
    let subject: String = world.one("SELECT DISTINCT subject FROM saas.security_events", &[]);
    assert_eq!(subject, "stripe:evt_1");
}

#[test]
fn a_failing_event_is_kept_and_tried_again_and_does_not_stop_others() {
    let mut world = World::new();
    let early = subscription_event("evt_1", "created", 0, "cus_new", "past_due");
    let good = subscription_event("evt_2", "created", 0, "cus_globex", "past_due");
    assert!(world.ingest(&early) && world.ingest(&good));
    assert_eq!(world.process(), 1);
    assert_eq!(world.subscription_status(world.globex.subscription), "past_due");
    assert!(
        world.fate(&early).starts_with("23503: customer \"cus_new\" of stripe is no tenant's yet")
    );

    let waits = "SELECT extract(epoch FROM next_attempt_at - now())::int4 FROM saas.payment_events
                  WHERE provider_event_id = 'evt_1'";
    let attempts = "SELECT attempts FROM saas.payment_events WHERE provider_event_id = 'evt_1'";
    assert_eq!(world.one::<i32>(attempts, &[]), 1);
    assert!((25..=30).contains(&world.one::<i32>(waits, &[])));
    assert_eq!(world.process(), 0);
    assert_eq!(world.one::<i32>(attempts, &[]), 1, "not due yet");
    world.make_due();
    assert_eq!(world.process(), 0);
    assert_eq!(world.one::<i32>(attempts, &[]), 2);
    assert!((55..=60).contains(&world.one::<i32>(waits, &[])));

    world
        .gateway
        .execute("SELECT saas.link_provider_customer($1, 'stripe', 'cus_new')", &[&world.acme.id])
        .unwrap();
    world.make_due();
    assert_eq!(world.process(), 1);
    assert_eq!(world.fate(&early), "applied");
    assert_eq!(world.subscription_status(world.acme.subscription), "past_due");
}

#[test]
fn after_a_failing_event_the_session_is_who_it_was() {
    let mut world = World::new();
    world.worker.batch_execute("SET search_path = public").unwrap();
    world.ingest(&subscription_event("evt_1", "created", 0, "cus_nobody", "active"));
    assert_eq!(world.process(), 0);
    let row = world
        .worker
        .query_one("SELECT current_user::text, current_setting('search_path')", &[])
        .unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1)), ("saas_worker", "public"));
    assert_sqlstate(world.worker.query("SELECT FROM saas.payment_events", &[]), "42501");
}
