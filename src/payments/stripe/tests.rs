use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const CREATED: i64 = 1_760_000_000;

fn read(event_type: &str, object: Value) -> Result<Option<Event>> {
    read_version(event_type, "2024-06-20", object)
}

fn read_version(event_type: &str, api_version: &str, object: Value) -> Result<Option<Event>> {
    let payload = json!({
        "id": "evt_1", "object": "event", "api_version": api_version, "created": CREATED,
        "livemode": false, "pending_webhooks": 1, "request": {"id": null, "idempotency_key": null},
        "type": event_type, "data": {"object": object}
    });
    parse(event_type, &payload.to_string())
}

fn complaint(event_type: &str, object: Value) -> String {
    read(event_type, object).unwrap_err().0
}

fn subscription_with(status: &str) -> Value {
    json!({"id": "sub_1", "object": "subscription", "customer": "cus_1", "status": status})
}

fn paid_invoice() -> Value {
    json!({
        "id": "in_1", "object": "invoice", "customer": "cus_1", "currency": "usd", "amount_due": 3000,
        "amount_paid": 3000, "total": 3000, "status": "paid", "metadata": {},
        "status_transitions": {"finalized_at": 1_759_000_000, "paid_at": 1_759_999_999}
    })
}

fn intent() -> Value {
    json!({
        "id": "pi_1", "object": "payment_intent", "customer": "cus_1", "currency": "eur", "amount": 500,
        "amount_received": 500, "invoice": null, "metadata": {}
    })
}

/// `object` with the fields of `change` in place of its own.
fn with(mut object: Value, change: Value) -> Value {
    let (Some(into), Value::Object(from)) = (object.as_object_mut(), change) else { panic!() };
    into.extend(from);
    object
}

fn payment_of(event: Result<Option<Event>>) -> Payment {
    match event.unwrap().unwrap().change {
        Change::Payment(payment) => payment,
        other => panic!("{other:?}"),
    }
}

#[test]
fn statuses_of_subscriptions() {
    for (theirs, ours) in [
        ("trialing", Some(Status::Trialing)),
        ("active", Some(Status::Active)),
        ("past_due", Some(Status::PastDue)),
        ("unpaid", Some(Status::PastDue)),
        ("paused", Some(Status::Paused)),
        ("canceled", Some(Status::Canceled)),
        ("incomplete_expired", Some(Status::Canceled)),
        ("incomplete", None),
    ] {
        let event = read("customer.subscription.updated", subscription_with(theirs)).unwrap();
        let status = event.map(|event| match event.change {
            Change::Subscription(subscription) => subscription.status,
            other => panic!("{other:?}"),
        });
        assert_eq!(status, ours, "{theirs}");
    }
    let message = complaint("customer.subscription.updated", subscription_with("sleeping"));
    assert_eq!(message, "status \"sleeping\" is unknown");
}

#[test]
fn a_deleted_subscription_is_canceled_and_comes_last() {
    let ended = with(subscription_with("active"), json!({"ended_at": 1_759_000_000}));
    let event = read("customer.subscription.deleted", ended).unwrap().unwrap();
    assert_eq!(event.rank, 2);
    let expected = Subscription { status: Status::Canceled, ended_at: 1_759_000_000 };
    assert_eq!(event.change, Change::Subscription(expected));
}

#[test]
fn a_paid_invoice() {
    let event = read("invoice.paid", paid_invoice()).unwrap().unwrap();
    assert_eq!(
        event,
        Event {
            created: CREATED,
            rank: 1,
            customer: Some("cus_1".into()),
            object: "in_1".into(),
            change: Change::InvoicePaid {
                amount: 3000,
                currency: "USD".into(),
                paid_at: 1_759_999_999,
                ours: None
            },
        }
    );
}

#[test]
fn an_invoice_paid_out_of_band() {
    let object = with(paid_invoice(), json!({"amount_paid": 0, "paid_out_of_band": true}));
    let Some(Change::InvoicePaid { amount, .. }) =
        read("invoice.paid", object).unwrap().map(|event| event.change)
    else {
        panic!()
    };
    assert_eq!(amount, 3000);
}

#[test]
fn our_own_invoice_id() {
    let id = Uuid::now_v7();
    let object = with(paid_invoice(), json!({"metadata": {"saas_invoice_id": id.to_string()}}));
    let event = read("invoice.payment_failed", object).unwrap().unwrap();
    assert_eq!(event.change, Change::InvoiceFailed { ours: Some(id) });
    let object = with(paid_invoice(), json!({"metadata": {"saas_invoice_id": "1; DROP TABLE"}}));
    assert_eq!(complaint("invoice.paid", object), "metadata.saas_invoice_id is no uuid");
}

#[test]
fn payments_and_what_they_are_for() {
    let payment = payment_of(read("payment_intent.succeeded", intent()));
    assert_eq!(payment.purpose, Purpose::Unsaid);
    assert_eq!((payment.amount, payment.currency.as_str()), (500, "EUR"));
    let payment =
        payment_of(read_version("payment_intent.succeeded", "2025-09-30.clover", intent()));
    assert_eq!(payment.purpose, Purpose::Unclear);
    let addon = with(intent(), json!({"metadata": {"reason": "addon"}}));
    let payment = payment_of(read_version("payment_intent.succeeded", "2025-09-30.clover", addon));
    assert_eq!(payment.purpose, Purpose::AddOn);
    let odd = with(intent(), json!({"metadata": {"reason": "gift"}}));
    assert!(complaint("payment_intent.succeeded", odd).contains("neither topup nor addon"));
}

#[test]
fn a_payment_of_an_invoice_is_no_one_time_payment() {
    let object = with(intent(), json!({"invoice": "in_1"}));
    assert_eq!(read("payment_intent.succeeded", object), Ok(None));
}

#[test]
fn checkout_sessions() {
    let session = json!({
        "id": "cs_1", "object": "checkout.session", "mode": "payment", "customer": "cus_1",
        "payment_intent": "pi_1", "payment_status": "paid", "amount_total": 500, "currency": "eur",
        "metadata": {"reason": "topup"}
    });
    let completed = "checkout.session.completed";
    let event = read(completed, session.clone()).unwrap().unwrap();
    assert_eq!(event.object, "pi_1");
    let progress = |change| payment_of(read(completed, with(session.clone(), change))).progress;
    assert_eq!(progress(json!({})), Progress::Succeeded);
    assert_eq!(progress(json!({"payment_status": "unpaid"})), Progress::Pending);
    for change in [
        json!({"mode": "subscription"}),
        json!({"amount_total": 0}),
        json!({"payment_intent": null, "payment_status": "no_payment_required"}),
    ] {
        assert_eq!(read(completed, with(session.clone(), change)), Ok(None));
    }
}

#[test]
fn only_a_whole_refund_counts() {
    let charge = json!({"id": "ch_1", "customer": "cus_1", "payment_intent": "pi_1",
                        "amount": 500, "amount_refunded": 100, "refunded": false});
    assert_eq!(read("charge.refunded", charge.clone()), Ok(None));
    let event = read("charge.refunded", with(charge, json!({"refunded": true}))).unwrap().unwrap();
    assert_eq!((event.object.as_str(), event.change), ("pi_1", Change::Refund));
}

#[test]
fn an_expanded_customer() {
    let object =
        with(subscription_with("active"), json!({"customer": {"id": "cus_9", "email": null}}));
    let event = read("customer.subscription.created", object).unwrap().unwrap();
    assert_eq!(event.customer.as_deref(), Some("cus_9"));
}

#[test]
fn currencies_that_stripe_counts_in_its_own_way() {
    assert_eq!(money::amount(500, "ISK"), Ok(5));
    assert!(money::amount(501, "UGX").is_err());
    assert_eq!(money::amount(7, "MGA"), Ok(700));
    assert!(money::amount(i64::MAX, "MGA").is_err());
    assert!(money::amount(-1, "USD").is_err());
    assert_eq!(money::amount(500, "JPY"), Ok(500));
    assert!(money::currency("usdollar".into()).is_err());
    assert!(money::currency("u€".into()).is_err());
}

#[test]
fn unknown_types_are_not_even_read() {
    assert_eq!(parse("invoice.finalized", "[[["), Ok(None));
}

#[test]
fn what_is_wrong_is_named() {
    for (payload, message) in [
        ("[]", "the payload is no JSON object"),
        ("7", "the payload is no JSON object"),
        ("{}", "created is missing"),
        (r#"{"created": "soon"}"#, "created is not an integer that can be stored"),
        (r#"{"created": 1e30}"#, "created is not an integer that can be stored"),
        (r#"{"created": -5}"#, "created is no time"),
        (r#"{"created": 1}"#, "data is missing"),
        (r#"{"created": 1, "data": [1, 2]}"#, "data is no object"),
        (r#"{"created": 1, "data": {"object": ["in_1", "cus_1"]}}"#, "data.object is no object"),
        (r#"{"created": 1, "data": {"object": {}}}"#, "data.object.currency is missing"),
        (
            r#"{"created": 1, "data": {"object": {"customer": 5}}}"#,
            "data.object.customer is not text",
        ),
        (
            r#"{"created": 1, "type": "invoice.voided"}"#,
            "type is not the type that the event was ingested with",
        ),
    ] {
        assert_eq!(parse("invoice.paid", payload).unwrap_err().0, message, "{payload}");
    }
    let huge = with(paid_invoice(), json!({"amount_paid": u64::MAX}));
    assert!(complaint("invoice.paid", huge).contains("amount_paid"));
    let long = with(paid_invoice(), json!({"id": "x".repeat(501)}));
    assert_eq!(complaint("invoice.paid", long), "id is no id");
}

#[test]
fn what_is_not_asked_for_does_not_matter() {
    let nested = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let number = "9".repeat(5000);
    let payload = format!(
        r#"{{"created": 5, "a": {nested}, "b": {number}, "data": {{"c": {nested}, "object":
           {{"id": "sub_1", "customer": "cus_1", "status": "active", "d": {number}}}}}}}"#
    );
    assert!(parse("customer.subscription.updated", &payload).unwrap().is_some());
}

const TYPES: [&str; 7] = [
    "customer.subscription.updated",
    "invoice.paid",
    "invoice.payment_failed",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "checkout.session.completed",
    "charge.refunded",
];

/// Values of every shape, under the names that are read.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "(usd|payment|paid|active|topup|cus_1|.{0,8})".prop_map(Value::from),
    ];
    let name = prop::sample::select(vec![
        "id",
        "customer",
        "status",
        "currency",
        "amount",
        "amount_paid",
        "amount_total",
        "total",
        "mode",
        "payment_intent",
        "metadata",
        "reason",
        "saas_invoice_id",
        "refunded",
        "status_transitions",
        "paid_at",
        "payment_status",
        "ended_at",
        "invoice",
    ]);
    leaf.prop_recursive(3, 60, 12, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(name.clone(), inner, 0..12).prop_map(|fields| {
                fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(event_type in prop::sample::select(&TYPES[..]), payload in ".*") {
        let _ = parse(event_type, &payload);
    }

    #[test]
    fn any_object_is_read_or_refused(event_type in prop::sample::select(&TYPES[..]), object in any_value()) {
        if let Ok(Some(event)) = read(event_type, object) {
            prop_assert!(!event.object.is_empty());
            if let Change::Payment(payment) = event.change {
                prop_assert!(payment.amount > 0);
                prop_assert_eq!(payment.currency.len(), 3);
            }
        }
    }
}

/// The table of effects says what is read: each kind of event, in each state that it names.
#[test]
fn effects_are_what_is_read() {
    for [event_type, says, entity, to_state] in effects() {
        let object = match event_type.split_once('.').unwrap().0 {
            "customer" => subscription_with(if says.is_empty() { "active" } else { says }),
            "invoice" => paid_invoice(),
            "payment_intent" => intent(),
            "checkout" => {
                json!({"id": "cs_1", "mode": "payment", "payment_intent": "pi_1", "currency": "usd", "amount_total": 5,
                                 "payment_status": if says.ends_with("unpaid") { "unpaid" } else { "paid" }})
            }
            "charge" => json!({"id": "ch_1", "payment_intent": "pi_1", "refunded": true}),
            other => panic!("{other}"),
        };
        let change = read(event_type, object).unwrap().unwrap().change;
        let found = match &change {
            Change::Subscription(change) => ("tenant_subscriptions", change.status.name()),
            Change::InvoicePaid { .. } if entity == "tenant_subscriptions" => (entity, "active"),
            Change::InvoiceFailed { .. } if entity == "tenant_subscriptions" => {
                (entity, "past_due")
            }
            Change::InvoicePaid { .. } => ("payment_invoices", "paid"),
            Change::InvoiceFailed { .. } => ("payment_invoices", "failed"),
            Change::Refund => ("payment_one_times", "refunded"),
            Change::Payment(payment) => (
                "payment_one_times",
                match payment.progress {
                    Progress::Pending => "pending",
                    Progress::Succeeded => "succeeded",
                    Progress::Failed => "failed",
                },
            ),
        };
        assert_eq!(found, (entity, to_state), "{event_type} {says}");
    }
}
