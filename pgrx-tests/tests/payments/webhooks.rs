//! Webhooks are believed by their signature alone.

use super::world::World;
use hmac::{Hmac, Mac};
use postgres::Client;
use saas_core_tests::assert_sqlstate;
use serde_json::{Value, json};
use sha2::Sha256;
use std::time::{SystemTime, UNIX_EPOCH};

const SECRET: &str = "whsec_0123456789abcdef0123456789abcdef";
const BODY: &str = r#"{"id": "evt_1", "type": "customer.updated", "note": "ä  as it came"}"#;

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// What Stripe sends in its header.
fn signed(secret: &str, at: i64, body: &str) -> Value {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    let bytes = mac.chain_update(format!("{at}.{body}")).finalize().into_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({"Stripe-Signature": format!("t={at},v1={hex}")})
}

fn send(client: &mut Client, headers: &Value, body: &str) -> Result<bool, postgres::Error> {
    let sql = "SELECT saas.ingest_webhook('stripe', $1, $2)";
    Ok(client.query_one(sql, &[headers, &body])?.get(0))
}

fn world() -> World {
    let mut world = World::new();
    world.owner.execute("SELECT saas.add_webhook_secret('stripe', $1)", &[&SECRET]).unwrap();
    world
}

#[test]
fn a_signed_webhook_is_stored_once() {
    let mut world = world();
    let headers = signed(SECRET, now(), BODY);
    assert!(send(&mut world.gateway, &headers, BODY).unwrap());
    assert!(!send(&mut world.worker, &headers, BODY).unwrap());
    let stored: Value =
        world.one("SELECT payload FROM saas.payment_events WHERE provider_event_id = 'evt_1'", &[]);
    assert_eq!(stored, serde_json::from_str::<Value>(BODY).unwrap());
    // Frameworks give names in lower case and lists of values.
    let listed = json!({"stripe-signature": [signed(SECRET, now(), BODY)["Stripe-Signature"]]});
    assert!(!send(&mut world.gateway, &listed, BODY).unwrap());
}

#[test]
fn what_is_not_signed_is_refused_and_leaves_nothing() {
    let mut world = world();
    let good = signed(SECRET, now(), BODY);
    for (headers, body, sqlstate) in [
        (json!({}), BODY, "28000"),
        (json!({"stripe-signature": "t=1,v1=00"}), BODY, "28000"),
        (json!({"stripe-signature": null}), BODY, "28000"),
        (json!({"stripe-signature": 5}), BODY, "28000"),
        (signed("whsec_00000000000000000000", now(), BODY), BODY, "28000"),
        (signed(SECRET, now() - 301, BODY), BODY, "28000"),
        (signed(SECRET, now() + 302, BODY), BODY, "28000"),
        (good.clone(), "{}", "28000"),
        (json!([]), BODY, "22023"),
        (signed(SECRET, now(), "no json"), "no json", "22P02"),
        (signed(SECRET, now(), "[]"), "[]", "22P02"),
        (signed(SECRET, now(), r#"{"id": 5, "type": "x"}"#), r#"{"id": 5, "type": "x"}"#, "22P02"),
    ] {
        assert_sqlstate(send(&mut world.gateway, &headers, body), sqlstate);
    }
    let long = " ".repeat(1024 * 1024 + 1);
    assert_sqlstate(send(&mut world.gateway, &signed(SECRET, now(), &long), &long), "22023");
    for sql in [
        "SELECT saas.ingest_webhook('stripe', NULL, '')",
        "SELECT saas.ingest_webhook('stripe', '{}', NULL)",
        "SELECT saas.ingest_webhook(NULL, '{}', '')",
    ] {
        assert_sqlstate(world.gateway.execute(sql, &[]), "23502");
    }
    assert_sqlstate(
        world.gateway.execute("SELECT saas.ingest_webhook('other', '{}', '')", &[]),
        "22023",
    );
    // Polar signs with a secret of its own: Stripe's does not do.
    assert_sqlstate(
        world.gateway.execute("SELECT saas.ingest_webhook('polar', '{}', '')", &[]),
        "28000",
    );
    assert_eq!(world.one::<i64>("SELECT count(*) FROM saas.payment_events", &[]), 0);
}

#[test]
fn secrets_change_without_a_gap_and_are_nobodys() {
    let mut world = world();
    const NEXT: &str = "whsec_fedcba9876543210fedcba9876543210";
    world.owner.execute("SELECT saas.add_webhook_secret('stripe', $1)", &[&NEXT]).unwrap();
    for secret in [SECRET, NEXT] {
        let body = BODY.replace("evt_1", secret);
        assert!(send(&mut world.gateway, &signed(secret, now(), &body), &body).unwrap());
    }
    world.owner.execute("SELECT saas.add_webhook_secret('stripe', $1, '0')", &[&NEXT]).unwrap();
    assert_sqlstate(send(&mut world.gateway, &signed(SECRET, now(), BODY), BODY), "28000");
    assert!(send(&mut world.gateway, &signed(NEXT, now(), BODY), BODY).unwrap());
    for mut client in [world.db.kind("app"), world.db.kind("admin"), world.db.kind("auditor")] {
        assert_sqlstate(client.query("SELECT secret FROM saas.webhook_secrets", &[]), "42501");
    }
    for client in [&mut world.gateway, &mut world.worker] {
        assert_sqlstate(client.query("SELECT secret FROM saas.webhook_secrets", &[]), "42501");
        assert_sqlstate(
            client.execute(
                "SELECT saas.add_webhook_secret('stripe', 'whsec_00000000000000000000')",
                &[],
            ),
            "42501",
        );
    }
    let told: i64 = world
        .one("SELECT count(*) FROM saas.platform_audit_logs l WHERE l::text LIKE '%whsec_%'", &[]);
    assert_eq!(told, 0);
    let logged: i64 = world.one(
        "SELECT count(*) FROM saas.platform_audit_logs WHERE target_type = 'webhook_secrets'",
        &[],
    );
    assert!(logged >= 3, "{logged}");
    for (secret, sqlstate) in
        [("short", "22023"), ("", "22023"), ("whsec_0123456789abcde", "22023")]
    {
        assert_sqlstate(
            world.owner.execute("SELECT saas.add_webhook_secret('stripe', $1)", &[&secret]),
            sqlstate,
        );
    }
    assert_sqlstate(
        world.owner.execute("SELECT saas.add_webhook_secret('paypal', $1)", &[&SECRET]),
        "22023",
    );
}
