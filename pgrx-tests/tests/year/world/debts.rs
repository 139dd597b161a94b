//! What becomes of invoices: numbered, paid or not, reminded of, given up, taken back, made again.

use super::World;
use chrono::{Days, NaiveDate};
use postgres::types::Json;
use saas_core_tests::{assert_sqlstate, story};
use serde_json::{Value, json};
use uuid::Uuid;

/// 2024-01-01; each event of the provider is made a second later.
const FIRST_EVENT: i64 = 1_704_067_200;

/// What a provider is asked to collect.
struct Debt {
    invoice: Uuid,
    tenant: usize,
    due: i64,
    currency: String,
    /// The provider's id.
    object: String,
    fails: bool,
}

impl World {
    /// Voids one of the newest invoices, unless the credits that it gave are used; on a later day it is made again.
    pub fn void(&mut self, tenant: usize, day: NaiveDate) {
        let Some(invoice) = self.some_invoice(
            tenant,
            "status IN ('draft', 'open', 'failed', 'uncollectible') AND subscription_id IS NOT NULL",
        ) else {
            return;
        };
        let row = self
            .books
            .data
            .query_one(
                "SELECT period_start, billing_reason = 'period' FROM saas.payment_invoices WHERE id = $1",
                &[&invoice],
            )
            .unwrap();
        let (first, closes): (NaiveDate, bool) = (row.get(0), row.get(1));
        match self.books.data.execute("SELECT saas.void_invoice($1, 'Wrong')", &[&invoice]) {
            Ok(_) => {
                self.for_a_moment();
                self.op(tenant, "void", "invoice", &[&invoice]);
                let later = day + Days::new(self.dice.below(20) as u64);
                self.tenants[tenant].again.push((first, closes, later));
            }
            refused => drop(assert_sqlstate(refused, "55000")),
        }
    }

    /// Makes void invoices again whose day has come, as soon as that bills nothing else.
    pub fn bill_again(&mut self, tenant: usize, day: NaiveDate) {
        let id = self.tenants[tenant].id;
        let due = self.tenants[tenant].again.clone();
        for (first, closes, on) in due {
            if on > day {
                continue;
            }
            self.bill_alone_again(tenant, first);
            if !closes {
                self.tenants[tenant].again.retain(|other| *other != (first, closes, on));
                continue;
            }
            let is_open: bool = self.one(
                "SELECT EXISTS (SELECT FROM saas.tenant_subscriptions s WHERE s.tenant_id = $1 AND s.settled_at IS NULL
                                   AND (s.current_period_start <= $2 OR date_trunc('month', s.current_period_start) = date_trunc('month', $2)))",
                &[&id, &first],
            );
            if is_open {
                continue;
            }
            self.tenants[tenant].again.retain(|other| *other != (first, closes, on));
            crate::books::generate(&mut self.books.worker, id, &first.to_string()).unwrap();
            self.note_invoices();
        }
    }

    /// Makes void fees and changes again that are of a day.
    pub fn bill_alone_again(&mut self, tenant: usize, day: NaiveDate) {
        let id = self.tenants[tenant].id;
        let void = format!(
            "saas.payment_invoices v WHERE v.tenant_id = '{id}' AND v.billing_reason IN ('advance', 'change') AND v.status = 'void'
                AND v.period_start <= '{day}' AND '{day}' < v.period_end
                AND NOT EXISTS (SELECT FROM world.op o JOIN saas.payment_invoices i ON i.id = o.invoice
                                 WHERE o.tenant = v.tenant_id AND o.kind = 'reissue' AND i.subscription_id = v.subscription_id AND i.id > v.id
                                   AND (i.billing_reason, i.period_start) = (v.billing_reason, v.period_start))"
        );
        while self.books.count(&void) > 0 {
            crate::books::generate(&mut self.books.worker, id, &day.to_string()).unwrap();
            self.note_invoices();
        }
    }

    /// Takes all or a part of an invoice back; what was paid is sometimes paid back.
    pub fn credit_note(&mut self, tenant: usize) {
        let Some(invoice) = self.some_invoice(
            tenant,
            "status IN ('open', 'failed', 'paid', 'uncollectible') AND number IS NOT NULL AND total_amount + credit_amount > 0",
        ) else {
            return;
        };
        let row = self
            .books
            .data
            .query_one("SELECT total_amount + credit_amount, status = 'paid' FROM saas.payment_invoices WHERE id = $1", &[&invoice])
            .unwrap();
        let (whole, is_paid): (i64, bool) = (row.get(0), row.get(1));
        let amount = if self.dice.one_in(2) { whole } else { 1 + self.dice.below(whole) };
        let refund = (is_paid && self.dice.one_in(2)).then(|| format!("re_{}", self.step));
        let sql = "SELECT saas.credit_invoice($1, 'Goodwill', $2, $3)";
        match self.books.data.execute(sql, &[&invoice, &amount, &refund]) {
            Ok(_) => {
                self.op(tenant, "note", "invoice, amount, label", &[&invoice, &amount, &refund])
            }
            // More than is left of it, or a part of one that takes more back at one rate than it charges.
            refused => drop(assert_sqlstate(refused, "22023")),
        }
    }

    pub fn give_up(&mut self, tenant: usize) {
        if let Some(invoice) = self.some_invoice(tenant, "status IN ('open', 'failed')") {
            self.write("SELECT saas.mark_uncollectible($1, 'Given up')", &[&invoice]);
            self.op(tenant, "give up", "invoice", &[&invoice]);
        }
    }

    /// Drafts get their numbers, and providers try to collect what is open.
    pub fn settle(&mut self, day: NaiveDate) {
        let drafts =
            "SELECT i.id, t.number FROM saas.payment_invoices i JOIN world.tenant t ON t.id = i.tenant_id
                       WHERE i.status = 'draft' ORDER BY t.number, i.period_start, i.id";
        // It is due by the simulated days.
        let due = format!("{} 12:00Z", day + Days::new(14));
        for row in self.books.data.query(drafts, &[]).unwrap() {
            if self.dice.below(6) > 0 {
                let (invoice, tenant): (Uuid, i32) = (row.get(0), row.get(1));
                crate::books::finalize(&mut self.books.worker, invoice).unwrap();
                self.write(
                    "UPDATE saas.payment_invoices SET due_at = $2::text::timestamptz WHERE id = $1",
                    &[&invoice, &due],
                );
                self.op(tenant as usize, "finalize", "invoice, at", &[&invoice, &due]);
            }
        }
        let debts = self.some_debts();
        for debt in &debts {
            self.collect(debt);
        }
        if !debts.is_empty() {
            let applied: i32 =
                story::one(&mut self.books.worker, "SELECT saas.process_payment_events(1000)", &[]);
            assert_eq!(applied as usize, debts.len(), "seed {}, {day}", self.seed);
        }
    }

    /// Some of what is owed; what failed once is paid then, and of what was given up a little.
    fn some_debts(&mut self) -> Vec<Debt> {
        let owed = "SELECT i.id, t.number, i.total_amount - i.credited_amount, i.currency, i.status, i.provider_invoice_id
                      FROM saas.payment_invoices i JOIN world.tenant t ON t.id = i.tenant_id
                     WHERE i.status IN ('open', 'failed', 'uncollectible') AND i.total_amount > i.credited_amount ORDER BY t.number, i.period_start, i.id";
        let mut debts = vec![];
        for row in self.books.data.query(owed, &[]).unwrap() {
            let status: &str = row.get(4);
            if self.dice.below(if status == "uncollectible" { 60 } else { 14 }) > 0 {
                continue;
            }
            self.payments += 1;
            let invoice: Uuid = row.get(0);
            let object = match row.get::<_, Option<String>>(5) {
                Some(object) => object,
                None => {
                    let object = format!("in_{}", self.payments);
                    self.write(
                        "SELECT saas.link_provider_invoice($1, 'stripe', $2)",
                        &[&invoice, &object],
                    );
                    object
                }
            };
            debts.push(Debt {
                invoice,
                tenant: row.get::<_, i32>(1) as usize,
                due: row.get(2),
                currency: row.get(3),
                object,
                fails: status == "open" && self.dice.one_in(2),
            });
        }
        debts
    }

    /// What the provider tells of it.
    fn collect(&mut self, debt: &Debt) {
        let (kind, status, paid) = match debt.fails {
            true => ("invoice.payment_failed", "open", 0),
            false => ("invoice.paid", "paid", debt.due),
        };
        self.payments += 1;
        let id = format!("evt_{}", self.payments);
        let event: Value = json!({
            "id": id, "object": "event", "type": kind, "created": FIRST_EVENT + self.payments, "data": {"object": {
                "id": debt.object, "object": "invoice", "customer": self.tenants[debt.tenant].customer, "currency": debt.currency.to_lowercase(),
                "status": status, "amount_due": debt.due, "amount_paid": paid, "amount_remaining": debt.due - paid, "total": debt.due, "metadata": {}}}
        });
        self.write(
            "SELECT saas.ingest_payment_event('stripe', $1, $2, $3)",
            &[&id, &kind, &Json(event)],
        );
        self.op(debt.tenant, if debt.fails { "fail" } else { "pay" }, "invoice", &[&debt.invoice]);
    }

    /// Reminders are written, and everybody stands as he owes.
    pub fn remind(&mut self, day: NaiveDate) {
        let at = format!("{day} 12:00Z");
        self.books
            .worker
            .execute("SELECT saas.advance_dunning($1::text::timestamptz)", &[&at])
            .unwrap();
        self.step += 1;
        let step = self.step;
        self.write(
            "WITH run AS (INSERT INTO world.op (step, kind, at) VALUES ($1, 'remind', $2::text::timestamptz) RETURNING number)
             INSERT INTO world.standing SELECT r.number, s.tenant_id, s.status FROM run r, saas.tenant_subscriptions s WHERE s.status IN ('active', 'past_due')",
            &[&step, &at],
        );
    }
}
