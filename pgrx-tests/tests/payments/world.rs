//! Two tenants with an invoice each, and events as Stripe sends them.

use postgres::Client;
use postgres::types::ToSql;
use saas_core_tests::TestDb;
use serde_json::{Value, json};
use uuid::Uuid;

/// 2026-01-15: events of the tests are made so many seconds later.
pub const START: i64 = 1_768_435_200;

pub struct World {
    pub db: TestDb,
    pub owner: Client,
    pub gateway: Client,
    pub worker: Client,
    pub acme: Tenant,
    pub globex: Tenant,
}

/// A tenant that is `cus_<name>` at Stripe, with a live subscription and an open invoice over 3000.
pub struct Tenant {
    pub id: Uuid,
    pub subscription: Uuid,
    pub invoice: Uuid,
}

impl World {
    pub fn new() -> World {
        let db = TestDb::new();
        let mut owner = db.owner();
        let acme = tenant(&mut owner, "acme");
        let globex = tenant(&mut owner, "globex");
        World { gateway: db.kind("gateway"), worker: db.kind("worker"), db, owner, acme, globex }
    }

    pub fn ingest(&mut self, event: &Value) -> bool {
        ingest(&mut self.gateway, event).unwrap()
    }

    pub fn process(&mut self) -> i32 {
        process(&mut self.worker).unwrap()
    }

    /// Ingests and processes one event: what came of it, or its error.
    pub fn play(&mut self, event: &Value) -> String {
        assert!(self.ingest(event), "{event}");
        self.process();
        self.fate(event)
    }

    pub fn fate(&mut self, event: &Value) -> String {
        self.one(
            "SELECT coalesce(outcome, last_error, 'waiting') FROM saas.payment_events WHERE provider_event_id = $1",
            &[&event["id"].as_str().unwrap()],
        )
    }

    /// The first column of the one row, as the owner sees it.
    pub fn one<T: for<'a> postgres::types::FromSql<'a>>(
        &mut self,
        sql: &str,
        args: &[&(dyn ToSql + Sync)],
    ) -> T {
        self.owner.query_one(sql, args).unwrap().get(0)
    }

    pub fn subscription_status(&mut self, id: Uuid) -> String {
        self.one("SELECT status FROM saas.tenant_subscriptions WHERE id = $1", &[&id])
    }

    pub fn invoice_status(&mut self, id: Uuid) -> String {
        self.one("SELECT status FROM saas.payment_invoices WHERE id = $1", &[&id])
    }

    /// Status of the one payment with this id.
    pub fn payment_status(&mut self, id: &str) -> String {
        self.one("SELECT status FROM saas.payment_one_times WHERE provider_payment_id = $1", &[&id])
    }

    pub fn balance(&mut self, tenant: Uuid) -> i64 {
        self.one(
            "SELECT coalesce(sum(delta), 0)::bigint FROM saas.tenant_credit_ledger WHERE tenant_id = $1",
            &[&tenant],
        )
    }

    pub fn security_events(&mut self, kind: &str) -> i64 {
        self.one("SELECT count(*) FROM saas.security_events WHERE kind = $1", &[&kind])
    }

    /// As if the time until the next attempt had passed.
    pub fn make_due(&mut self) {
        self.owner
            .batch_execute(
                "UPDATE saas.payment_events SET next_attempt_at = now() WHERE NOT processed",
            )
            .unwrap();
    }

    pub fn link_invoice(&mut self, invoice: Uuid, provider_id: &str) {
        self.gateway
            .execute(
                "SELECT saas.link_provider_invoice($1, 'stripe', $2)",
                &[&invoice, &provider_id],
            )
            .unwrap();
    }
}

pub fn ingest(client: &mut Client, event: &Value) -> Result<bool, postgres::Error> {
    let (id, kind) = (event["id"].as_str().unwrap(), event["type"].as_str().unwrap());
    let row = client.query_one(
        "SELECT saas.ingest_payment_event('stripe', $1, $2, $3)",
        &[&id, &kind, event],
    )?;
    Ok(row.get(0))
}

pub fn process(client: &mut Client) -> Result<i32, postgres::Error> {
    Ok(client.query_one("SELECT saas.process_payment_events()", &[])?.get(0))
}

fn tenant(owner: &mut Client, name: &str) -> Tenant {
    let mut one = |sql: &str, args: &[&(dyn ToSql + Sync)]| -> Uuid {
        owner.query_one(sql, args).unwrap().get(0)
    };
    let id = one("INSERT INTO saas.tenants (name) VALUES ($1) RETURNING id", &[&name]);
    let subscription = one(
        "INSERT INTO saas.tenant_subscriptions
                (tenant_id, plan_id, status, anchor, current_period_start, current_period_end)
         SELECT $1, id, 'active', '2026-01-01', '2026-01-01', '2026-02-01' FROM saas.plans WHERE key = 'free'
         RETURNING id",
        &[&id],
    );
    let customer = format!("cus_{name}");
    let invoice = invoice(owner, id, subscription, "2026-01-01");
    owner
        .execute("SELECT saas.link_provider_customer($1, 'stripe', $2)", &[&id, &customer])
        .unwrap();
    Tenant { id, subscription, invoice }
}

/// An open invoice over 3000 for the month.
pub fn invoice(owner: &mut Client, tenant: Uuid, subscription: Uuid, month: &str) -> Uuid {
    let mut transaction = owner.transaction().unwrap();
    let id: Uuid = transaction
        .query_one(
            "INSERT INTO saas.payment_invoices
                    (tenant_id, subscription_id, issuer_id, period, period_start, period_end,
                     subscription_amount, total_amount, currency)
             SELECT $1, $2, id, $3::text::date, $3::text::date, $3::text::date + interval '1 month', 3000, 3000, 'USD'
               FROM saas.issuers WHERE key = 'default'
             RETURNING id",
            &[&tenant, &subscription, &month],
        )
        .unwrap()
        .get(0);
    transaction
        .execute(
            "INSERT INTO saas.payment_invoice_lines
                    (tenant_id, invoice_id, position, kind, description, quantity, unit_amount, amount)
             VALUES ($1, $2, 1, 'subscription', 'Plan', 1, 3000, 3000)",
            &[&tenant, &id],
        )
        .unwrap();
    transaction
        .execute(
            "UPDATE saas.payment_invoices SET status = 'open', number = 'T-' || id, finalized_at = now() WHERE id = $1",
            &[&id],
        )
        .unwrap();
    transaction.commit().unwrap();
    id
}

/// An event of Stripe's, made `at` seconds after [`START`].
pub fn event(id: &str, event_type: &str, at: i64, object: Value) -> Value {
    json!({
        "id": id, "object": "event", "api_version": "2025-09-30.clover", "created": START + at,
        "data": {"object": object}, "livemode": false, "pending_webhooks": 1,
        "request": {"id": null, "idempotency_key": null}, "type": event_type
    })
}

pub fn subscription_event(id: &str, what: &str, at: i64, customer: &str, status: &str) -> Value {
    let object = json!({
        "id": format!("sub_{customer}"), "object": "subscription", "customer": customer, "status": status,
        "currency": "usd", "cancel_at_period_end": false, "metadata": {}
    });
    event(id, &format!("customer.subscription.{what}"), at, object)
}

pub fn invoice_paid(id: &str, at: i64, customer: &str, invoice: &str, amount: i64) -> Value {
    let object = json!({
        "id": invoice, "object": "invoice", "customer": customer, "currency": "usd", "status": "paid",
        "amount_due": amount, "amount_paid": amount, "amount_remaining": 0, "total": amount, "metadata": {}
    });
    event(id, "invoice.paid", at, object)
}

pub fn invoice_failed(id: &str, at: i64, customer: &str, invoice: &str) -> Value {
    let object = json!({
        "id": invoice, "object": "invoice", "customer": customer, "currency": "usd", "status": "open",
        "amount_due": 3000, "amount_paid": 0, "amount_remaining": 3000, "total": 3000, "metadata": {}
    });
    event(id, "invoice.payment_failed", at, object)
}

pub fn intent(id: &str, what: &str, at: i64, customer: &str, payment: &str, reason: &str) -> Value {
    let object = json!({
        "id": payment, "object": "payment_intent", "customer": customer, "currency": "usd",
        "amount": 5000, "amount_received": if what == "succeeded" { 5000 } else { 0 },
        "metadata": {"reason": reason}
    });
    event(id, &format!("payment_intent.{what}"), at, object)
}

pub fn checkout(id: &str, at: i64, customer: &str, payment: &str, paid: &str) -> Value {
    let object = json!({
        "id": format!("cs_{payment}"), "object": "checkout.session", "mode": "payment", "customer": customer,
        "payment_intent": payment, "payment_status": paid, "amount_total": 5000, "currency": "usd",
        "metadata": {}
    });
    event(id, "checkout.session.completed", at, object)
}

pub fn refund(id: &str, at: i64, customer: &str, payment: &str) -> Value {
    let object = json!({
        "id": format!("ch_{payment}"), "object": "charge", "customer": customer, "payment_intent": payment,
        "amount": 5000, "amount_refunded": 5000, "refunded": true, "currency": "usd"
    });
    event(id, "charge.refunded", at, object)
}
