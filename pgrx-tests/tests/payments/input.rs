//! Whatever anybody sends.

use crate::world::*;
use saas_core_tests::assert_sqlstate;
use serde_json::{Value, json};

#[test]
fn no_payload_breaks_anything() {
    let mut world = World::new();
    let deep = format!("{}{}", "[".repeat(3000), "]".repeat(3000));
    let valid = invoice_paid("evt", 0, "cus_acme", "in_1", 3000).to_string();
    let payloads = [
        "null".to_owned(),
        "true".into(),
        "17".into(),
        "\"text\"".into(),
        "[]".into(),
        "{}".into(),
        "[{\"created\": 1}]".into(),
        deep.clone(),
        format!("{{\"created\": {deep}}}"),
        format!("{{\"created\": 1, \"data\": {deep}}}"),
        "{\"created\": 1e400, \"data\": {\"object\": {}}}".into(),
        "{\"created\": 99999999999999999999, \"data\": {\"object\": {}}}".into(),
        "{\"created\": 1, \"data\": {\"object\": []}}".into(),
        "{\"created\": 1, \"data\": {\"object\": [\"in_1\", \"cus_acme\"]}}".into(),
        "{\"created\": 1, \"data\": {\"object\": {\"id\": {}, \"customer\": []}}}".into(),
        "{\"created\": 1, \"data\": {\"object\": {\"id\": \"\", \"customer\": \"\", \"status\": \"\"}}}".into(),
        valid.replace("3000", "1e400"),
        valid.replace("3000", "-3000"),
        valid.replace("3000", "3000.5"),
        valid.replace("3000", "99999999999999999999999999"),
        valid.replace("\"usd\"", "\"\u{1F4B0}\""),
        valid.replace("\"in_1\"", &format!("\"{}\"", "x".repeat(100_000))),
        valid.replace("\"cus_acme\"", "[\"cus_acme\"]"),
        valid.replace("\"cus_acme\"", "{\"id\": 7}"),
        valid.replace("\"metadata\":{}", "\"metadata\":[1]"),
        valid.replace("\"metadata\":{}", "\"metadata\":{\"saas_invoice_id\":[]}"),
    ];
    let types = [
        "customer.subscription.created",
        "customer.subscription.deleted",
        "invoice.paid",
        "invoice.payment_failed",
        "payment_intent.succeeded",
        "checkout.session.completed",
        "charge.refunded",
        "something.else",
    ];
    for provider in ["stripe", "dodo"] {
        for (t, event_type) in types.iter().enumerate() {
            for (p, payload) in payloads.iter().enumerate() {
                let id = format!("evt_{t}_{p}");
                let sql = "SELECT saas.ingest_payment_event($1, $2, $3, $4::text::jsonb)";
                world.gateway.query_one(sql, &[&provider, &id, event_type, payload]).unwrap();
            }
        }
    }
    while world.process() > 0 {}
    let none = world.worker.query("SELECT saas.process_payment_events(NULL)", &[]);
    assert_sqlstate(none, "23502");
    world.worker.query_one("SELECT saas.process_payment_events(100000)", &[]).unwrap();
    let odd: Vec<String> = world
        .owner
        .query(
            "SELECT DISTINCT event_type || ' ' || coalesce(outcome, last_error, 'waiting') FROM saas.payment_events
              WHERE outcome IS DISTINCT FROM 'ignored'
                AND (last_error IS NULL OR last_error !~ '^(22P02|22023|23503|23505|55000): ')",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(odd, Vec::<String>::new());
    assert_eq!(world.invoice_status(world.acme.invoice), "open");
    assert_eq!(world.subscription_status(world.acme.subscription), "active");
    assert_eq!(world.balance(world.acme.id), 0);
}

#[test]
fn bad_arguments_are_refused_in_plain_words() {
    let mut world = World::new();
    let sql = "SELECT saas.ingest_payment_event($1, $2, $3, $4)";
    let body = json!({});
    for (provider, id, event_type) in [
        (Some("Stripe"), Some("evt_1"), Some("a")),
        (Some(""), Some("evt_1"), Some("a")),
        (Some("stripe"), Some(""), Some("a")),
        (Some("stripe"), Some("evt_1"), Some("")),
        (None, Some("evt_1"), Some("a")),
        (Some("stripe"), None, Some("a")),
        (Some("stripe"), Some("evt_1"), None),
    ] {
        assert_sqlstate(world.gateway.query(sql, &[&provider, &id, &event_type, &body]), "22023");
    }
    let long = "x".repeat(501);
    assert_sqlstate(world.gateway.query(sql, &[&"stripe", &long, &"a", &body]), "22023");
    assert_sqlstate(
        world.gateway.query(sql, &[&"stripe", &"evt_1", &"a", &None::<Value>]),
        "22023",
    );
    for kind in ["app", "admin", "auditor"] {
        let mut other = world.db.kind(kind);
        assert_sqlstate(other.query(sql, &[&"stripe", &"evt_1", &"a", &body]), "42501");
    }
}
