//! Whose a provider's keys are.

use crate::world::*;
use saas_core_tests::assert_sqlstate;
use uuid::Uuid;

#[test]
fn keys_are_linked_once_and_to_one_tenant() {
    let mut world = World::new();
    let (acme, globex) = (world.acme.id, world.globex.id);
    for kind in ["customer", "subscription"] {
        let link = format!("SELECT saas.link_provider_{kind}($1, 'stripe', $2)");
        world.gateway.execute(&link, &[&acme, &"new_1"]).unwrap();
        world.worker.execute(&link, &[&acme, &"new_1"]).unwrap();
        assert_sqlstate(world.gateway.execute(&link, &[&globex, &"new_1"]), "23505");
        world.gateway.execute(&link, &[&acme, &"new_2"]).unwrap();
        assert_sqlstate(world.gateway.execute(&link, &[&globex, &"new_1"]), "23505");
        let nobody = Uuid::from_u128(1);
        assert_sqlstate(world.gateway.execute(&link, &[&nobody, &"new_3"]), "42501");
        assert_sqlstate(world.owner.execute(&link, &[&nobody, &"new_3"]), "23503");
        assert_sqlstate(world.gateway.execute(&link, &[&acme, &""]), "22023");
        assert_sqlstate(world.gateway.execute(&link, &[&acme, &None::<&str>]), "22023");
        for kind in ["app", "auditor"] {
            let mut other = world.db.kind(kind);
            assert_sqlstate(other.execute(&link, &[&acme, &"new_3"]), "42501");
        }
        // Without a user, an admin's right can't be told.
        assert_sqlstate(world.db.kind("admin").execute(&link, &[&acme, &"new_3"]), "28000");
    }
    let customers: i64 =
        world.one("SELECT count(*) FROM saas.payment_customers WHERE tenant_id = $1", &[&acme]);
    assert_eq!(customers, 1);
    let link = "SELECT saas.link_provider_invoice($1, 'stripe', $2)";
    world.gateway.execute(link, &[&world.acme.invoice, &"in_1"]).unwrap();
    world.gateway.execute(link, &[&world.acme.invoice, &"in_1"]).unwrap();
    assert_sqlstate(world.gateway.execute(link, &[&world.globex.invoice, &"in_1"]), "23505");
    assert_sqlstate(world.gateway.execute(link, &[&Uuid::from_u128(1), &"in_2"]), "42501");
    assert_sqlstate(world.owner.execute(link, &[&Uuid::from_u128(1), &"in_2"]), "23503");
    let other = invoice(&mut world.owner, acme, world.acme.subscription, "2026-02-01");
    assert_sqlstate(world.gateway.execute(link, &[&other, &"in_1"]), "23505");
}

#[test]
fn plain_dml_of_the_owner_registers_keys_too() {
    let mut world = World::new();
    let (acme, globex) = (world.acme.id, world.globex.id);
    let insert = "INSERT INTO saas.payment_customers (tenant_id, provider, provider_customer_id) VALUES ($1, $2, $3)";
    world.owner.execute(insert, &[&acme, &"polar", &"c1"]).unwrap();
    assert_sqlstate(world.owner.execute(insert, &[&globex, &"polar", &"c1"]), "23505");
    let update = "UPDATE saas.tenant_subscriptions SET provider = 'polar', provider_subscription_id = 's1' WHERE id = $1";
    world.owner.execute(update, &[&world.acme.subscription]).unwrap();
    assert_sqlstate(world.owner.execute(update, &[&world.globex.subscription]), "23505");
    let update = "UPDATE saas.payment_invoices SET provider = 'polar', provider_invoice_id = 'i1' WHERE id = $1";
    world.owner.execute(update, &[&world.acme.invoice]).unwrap();
    assert_sqlstate(world.owner.execute(update, &[&world.globex.invoice]), "23505");
    let insert = "INSERT INTO saas.payment_one_times (tenant_id, provider, provider_payment_id, amount, currency, reason)
                  VALUES ($1, 'polar', 'p1', 5, 'USD', 'addon')";
    world.owner.execute(insert, &[&acme]).unwrap();
    assert_sqlstate(world.owner.execute(insert, &[&globex]), "23505");
    let kinds: Vec<String> = world.one(
        "SELECT array_agg(kind ORDER BY kind) FROM saas.provider_keys WHERE provider = 'polar' AND tenant_id = $1",
        &[&acme],
    );
    assert_eq!(kinds, ["customer", "invoice", "payment", "subscription"]);
}
