//! Invoices are paid, or not.

use crate::world::*;
use serde_json::json;

#[test]
fn metadata_leads_to_ones_own_invoice() {
    let mut world = World::new();
    let mut event = invoice_paid("evt_1", 0, "cus_acme", "in_1", 3000);
    event["data"]["object"]["metadata"] =
        json!({"saas_invoice_id": world.acme.invoice.to_string()});
    assert_eq!(world.play(&event), "applied");
    assert_eq!(world.invoice_status(world.acme.invoice), "paid");
    let linked: String = world.one(
        "SELECT provider_invoice_id FROM saas.payment_invoices WHERE id = $1",
        &[&world.acme.invoice.clone()],
    );
    assert_eq!(linked, "in_1");
}

#[test]
fn an_invoice_is_paid_once_and_with_its_amount() {
    let mut world = World::new();
    world.link_invoice(world.acme.invoice, "in_1");
    let little = invoice_paid("evt_1", 1, "cus_acme", "in_1", 2999);
    assert!(
        world.play(&little).starts_with("23505: 2999 USD came in, but the invoice is for 3000 USD")
    );
    let mut euros = invoice_paid("evt_2", 2, "cus_acme", "in_1", 3000);
    euros["data"]["object"]["currency"] = json!("eur");
    assert!(world.play(&euros).starts_with("23505: 3000 EUR"));
    assert_eq!(world.invoice_status(world.acme.invoice), "open");
    assert_eq!(world.play(&invoice_paid("evt_3", 3, "cus_acme", "in_1", 3000)), "applied");
    assert_eq!(world.play(&invoice_paid("evt_4", 4, "cus_acme", "in_1", 3000)), "ignored");
    assert_eq!(world.play(&invoice_failed("evt_5", 5, "cus_acme", "in_1")), "ignored");
    assert_eq!(world.invoice_status(world.acme.invoice), "paid");
    assert!(
        world
            .play(&invoice_paid("evt_6", 6, "cus_acme", "in_2", 3000))
            .starts_with("23503: no invoice is linked")
    );
}

#[test]
fn a_failed_payment_makes_past_due_until_everything_is_paid() {
    let mut world = World::new();
    let february = invoice(&mut world.owner, world.acme.id, world.acme.subscription, "2026-02-01");
    world.link_invoice(world.acme.invoice, "in_1");
    world.link_invoice(february, "in_2");
    let steps = [
        (invoice_failed("evt_1", 1, "cus_acme", "in_1"), "applied", "past_due"),
        (invoice_failed("evt_2", 2, "cus_acme", "in_1"), "ignored", "past_due"),
        (invoice_failed("evt_3", 3, "cus_acme", "in_2"), "applied", "past_due"),
        (invoice_paid("evt_4", 4, "cus_acme", "in_1", 3000), "applied", "past_due"),
        (invoice_paid("evt_5", 5, "cus_acme", "in_2", 3000), "applied", "active"),
        (invoice_failed("evt_6", 2, "cus_acme", "in_2"), "stale", "active"),
    ];
    for (event, fate, status) in &steps {
        assert_eq!(world.play(event), *fate, "{}", event["id"]);
        assert_eq!(world.subscription_status(world.acme.subscription), *status, "{}", event["id"]);
    }
    let state: String = world
        .one("SELECT billing_state FROM saas.tenants WHERE id = $1", &[&world.acme.id.clone()]);
    assert_eq!(state, "active");
}

#[test]
fn an_invoice_says_less_of_a_subscription_than_its_own_later_event() {
    let mut world = World::new();
    world.link_invoice(world.acme.invoice, "in_1");
    world.play(&subscription_event("evt_1", "updated", 50, "cus_acme", "active"));
    assert_eq!(world.play(&invoice_failed("evt_2", 40, "cus_acme", "in_1")), "applied");
    assert_eq!(world.invoice_status(world.acme.invoice), "failed");
    assert_eq!(world.subscription_status(world.acme.subscription), "active");
}

#[test]
fn void_and_draft_invoices_are_not_paid() {
    let mut world = World::new();
    world.link_invoice(world.acme.invoice, "in_1");
    world
        .owner
        .execute(
            "UPDATE saas.payment_invoices SET status = 'void', voided_at = now() WHERE id = $1",
            &[&world.acme.invoice],
        )
        .unwrap();
    assert!(world.play(&invoice_paid("evt_1", 1, "cus_acme", "in_1", 3000)).starts_with("55000: "));
    assert_eq!(world.invoice_status(world.acme.invoice), "void");
    world.link_invoice(world.globex.invoice, "in_2");
    world
        .owner
        .execute(
            "UPDATE saas.payment_invoices SET status = 'uncollectible' WHERE id = $1",
            &[&world.globex.invoice],
        )
        .unwrap();
    assert_eq!(world.play(&invoice_paid("evt_2", 1, "cus_globex", "in_2", 3000)), "applied");
    assert_eq!(world.invoice_status(world.globex.invoice), "paid");
}
