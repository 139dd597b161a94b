//! A provider's subscription is followed, in order, and for its own tenant only.

use crate::world::*;
use serde_json::json;
use uuid::Uuid;

#[test]
fn an_older_event_has_no_effect() {
    let mut world = World::new();
    let events = [
        (subscription_event("evt_1", "created", 0, "cus_acme", "active"), "ignored", "active"),
        (subscription_event("evt_2", "updated", 20, "cus_acme", "past_due"), "applied", "past_due"),
        (subscription_event("evt_3", "updated", 10, "cus_acme", "active"), "stale", "past_due"),
        (subscription_event("evt_4", "created", 20, "cus_acme", "active"), "stale", "past_due"),
        (subscription_event("evt_5", "updated", 20, "cus_acme", "active"), "applied", "active"),
        (subscription_event("evt_6", "deleted", 30, "cus_acme", "canceled"), "applied", "canceled"),
        (subscription_event("evt_7", "updated", 30, "cus_acme", "active"), "stale", "canceled"),
    ];
    for (event, fate, status) in &events {
        let fate = if event["id"] == "evt_1" { "applied" } else { *fate }; // it links the two
        assert_eq!(world.play(event), fate, "{}", event["id"]);
        assert_eq!(world.subscription_status(world.acme.subscription), *status, "{}", event["id"]);
    }
    let ended: bool = world.one(
        "SELECT ended_at = to_timestamp($1) FROM saas.tenant_subscriptions WHERE id = $2",
        &[&((START + 30) as f64), &world.acme.subscription.clone()],
    );
    assert!(ended);
}

#[test]
fn states_between_are_gone_through() {
    let mut world = World::new();
    let play = |world: &mut World, id, at, status| {
        let fate = world.play(&subscription_event(id, "updated", at, "cus_acme", status));
        (fate, world.subscription_status(world.acme.subscription))
    };
    // What is due until the pause is billed when it ends: of the month that runs.
    world
        .owner
        .batch_execute(
            "UPDATE saas.tenant_subscriptions
                SET current_period_start = date_trunc('month', now())::date,
                    current_period_end = (date_trunc('month', now()) + interval '1 month')::date",
        )
        .unwrap();
    assert_eq!(play(&mut world, "evt_1", 1, "paused"), ("applied".into(), "paused".into()));
    assert_eq!(play(&mut world, "evt_2", 2, "unpaid"), ("applied".into(), "past_due".into()));
    assert_eq!(play(&mut world, "evt_3", 3, "incomplete"), ("ignored".into(), "past_due".into()));
    let (fate, status) = play(&mut world, "evt_4", 4, "trialing");
    assert!(fate.starts_with("55000: "), "{fate}");
    assert_eq!(status, "past_due");
}

/// Terms that came due in a pause make another contract, with which the provider's goes on.
#[test]
fn what_waited_in_a_pause_is_followed() {
    let mut world = World::new();
    world
        .owner
        .batch_execute(
            "UPDATE saas.tenant_subscriptions
                SET current_period_start = date_trunc('month', now())::date,
                    current_period_end = (date_trunc('month', now()) + interval '1 month')::date",
        )
        .unwrap();
    let paused = subscription_event("evt_1", "updated", 1, "cus_acme", "paused");
    assert_eq!(world.play(&paused), "applied");
    let next: Uuid = world.one(
        r#"SELECT saas.define_plan('{"key": "year", "base_price": 1, "billing_interval": "yearly"}')"#,
        &[],
    );
    world
        .owner
        .execute(
            "UPDATE saas.tenant_subscriptions SET scheduled_for = now()::date, scheduled_plan_id = $1, scheduled_seats = 1 WHERE tenant_id = $2",
            &[&next, &world.acme.id],
        )
        .unwrap();
    let resumed = subscription_event("evt_2", "updated", 2, "cus_acme", "active");
    assert_eq!(world.play(&resumed), "applied");
    assert_eq!(world.subscription_status(world.acme.subscription), "canceled");
    let live: (Uuid, bool) = world
        .owner
        .query_one(
            "SELECT plan_id, status = 'active' AND provider_subscription_id IS NOT NULL
               FROM saas.tenant_subscriptions WHERE tenant_id = $1 AND status <> 'canceled'",
            &[&world.acme.id],
        )
        .map(|row| (row.get(0), row.get(1)))
        .unwrap();
    assert_eq!(live, (next, true));
}

#[test]
fn an_event_of_one_tenants_customer_does_nothing_to_another_tenant() {
    let mut world = World::new();
    world.link_invoice(world.acme.invoice, "in_acme");
    let linked = invoice_paid("evt_1", 0, "cus_globex", "in_acme", 3000);
    assert!(world.play(&linked).starts_with("23505: "));
    let mut named = invoice_paid("evt_2", 0, "cus_globex", "in_other", 3000);
    named["data"]["object"]["metadata"] =
        json!({"saas_invoice_id": world.acme.invoice.to_string()});
    assert!(world.play(&named).starts_with("23503: "));
    let mut claims = subscription_event("evt_3", "updated", 0, "cus_globex", "past_due");
    claims["data"]["object"]["metadata"] = json!({"tenant_id": world.acme.id.to_string()});
    assert_eq!(world.play(&claims), "applied");

    assert_eq!(world.invoice_status(world.acme.invoice), "open");
    assert_eq!(world.subscription_status(world.acme.subscription), "active");
    assert_eq!(world.subscription_status(world.globex.subscription), "past_due");
    assert_eq!(world.security_events("payment_event_foreign"), 2);
    world.make_due();
    assert_eq!(world.process(), 0);
    assert_eq!(world.security_events("payment_event_foreign"), 2, "not with every attempt");
    let whose: Vec<(Uuid, String)> = world
        .owner
        .query("SELECT tenant_id, evidence ->> 'other_tenant_id' FROM saas.security_events", &[])
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    let expected = (world.globex.id, world.acme.id.to_string());
    assert_eq!(whose, [expected.clone(), expected]);
}
