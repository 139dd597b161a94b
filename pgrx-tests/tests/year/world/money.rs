//! What becomes of money: credits, coupons, payments, and invoices that are taken back.

use super::World;
use chrono::{Days, NaiveDate};
use postgres::types::Json;
use saas_core_tests::assert_sqlstate;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

/// 2024-01-01; each event of the provider is made a second later.
const FIRST_EVENT: i64 = 1_704_067_200;
/// A percentage or an amount, and for how many invoices.
const COUPONS: [(Option<&str>, Option<i64>, Option<i32>); 3] =
    [(Some("12.5"), None, Some(3)), (None, Some(40_000), Some(2)), (Some("5"), None, None)];

impl World {
    pub fn define_coupons(&mut self) {
        for (number, (percent, amount, times)) in COUPONS.iter().enumerate() {
            let mut definition = json!({"code": format!("C{number}"), "invoices": times});
            match amount {
                Some(amount) => definition["amounts"] = json!({"USD": amount}),
                None => definition["percent"] = json!(percent),
            }
            self.write("SELECT saas.define_coupon($1)", &[&Json(definition)]);
        }
    }

    pub fn pay(&mut self, tenant: usize, day: NaiveDate) {
        let id = self.tenants[tenant].id;
        match self.dice.below(100) {
            0 | 1 => {
                let (amount, priority) = (1 + self.dice.below(500_000), self.dice.below(3) as i32);
                let expires = self.dice.one_in(2).then_some("2100-01-01Z");
                self.books.credit(id, amount, priority, expires);
                self.op(tenant, "grant", amount, None);
            }
            2 if self.dice.one_in(4) => {
                // One that nobody gets to use.
                let sql = "SELECT saas.grant_credit($1, 777, 'Short', 'promo', NULL, clock_timestamp() + interval '2 ms')";
                self.write(sql, &[&id]);
                std::thread::sleep(Duration::from_millis(5));
            }
            3 => {
                let (amount, balance) = (1 + self.dice.below(20_000), self.books.balance(id));
                let spent = self
                    .books
                    .data
                    .execute("SELECT saas.spend_credit($1, $2, 'Spent')", &[&id, &amount]);
                if amount <= balance {
                    spent.unwrap();
                    self.op(tenant, "spend", amount, None);
                } else {
                    assert_sqlstate(spent, "53400");
                }
            }
            4 if self.tenants[tenant].tax != "DE"
                && self.tenants[tenant].coupons < COUPONS.len() =>
            {
                let number = self.tenants[tenant].coupons;
                self.tenants[tenant].coupons += 1;
                let at = self.noon(tenant, day);
                self.write(
                    "SELECT saas.apply_coupon($1, $2, $3::text::timestamptz)",
                    &[&id, &format!("C{number}"), &at],
                );
                self.step += 1;
                let step = self.step;
                let (percent, amount, times) = COUPONS[number];
                self.write(
                    "INSERT INTO world.op (step, tenant, kind, percent, amount, times, day) VALUES ($1, $2, 'coupon', $3::text::numeric, $4::bigint, $5, $6)",
                    &[&step, &id, &percent, &amount, &times, &day],
                );
            }
            5..=9 => self.void(tenant, day),
            10 | 11 => self.credit_note(tenant),
            12 => {
                if let Some(invoice) = self.some_invoice(tenant, "status IN ('open', 'failed')") {
                    self.write("SELECT saas.mark_uncollectible($1, 'Given up')", &[&invoice]);
                }
            }
            _ => {}
        }
        self.bill_again(tenant, day);
    }

    fn some_invoice(&mut self, tenant: usize, which: &str) -> Option<Uuid> {
        let id = self.tenants[tenant].id;
        let sql = format!(
            "SELECT id FROM saas.payment_invoices WHERE tenant_id = $1 AND {which} ORDER BY period_start DESC, id DESC LIMIT 3"
        );
        let found: Vec<Uuid> =
            self.books.data.query(&sql, &[&id]).unwrap().iter().map(|row| row.get(0)).collect();
        let place = self.dice.below(3) as usize;
        found.get(place).copied()
    }

    /// Voids one of the newest invoices, unless the credits that it gave are used; on a later day it is made again.
    fn void(&mut self, tenant: usize, day: NaiveDate) {
        let Some(invoice) = self.some_invoice(
            tenant,
            "status IN ('draft', 'open', 'failed') AND subscription_id IS NOT NULL",
        ) else {
            return;
        };
        let period: NaiveDate =
            self.one("SELECT period_start FROM saas.payment_invoices WHERE id = $1", &[&invoice]);
        match self.books.data.execute("SELECT saas.void_invoice($1, 'Wrong')", &[&invoice]) {
            Ok(_) => {
                self.op(tenant, "void", 0, Some(invoice));
                let later = day + Days::new(self.dice.below(20) as u64);
                self.tenants[tenant].again.push((period, later));
            }
            refused => drop(assert_sqlstate(refused, "55000")),
        }
    }

    /// Makes void invoices again whose day has come, as soon as that bills nothing else.
    pub fn bill_again(&mut self, tenant: usize, day: NaiveDate) {
        let id = self.tenants[tenant].id;
        let due = self.tenants[tenant].again.clone();
        for (period, on) in due {
            let is_open: bool = self.one(
                "SELECT EXISTS (SELECT FROM saas.tenant_subscriptions s WHERE s.tenant_id = $1 AND s.settled_at IS NULL
                                   AND (s.current_period_start <= $2 OR date_trunc('month', s.current_period_start) = date_trunc('month', $2)))",
                &[&id, &period],
            );
            if on > day || is_open {
                continue;
            }
            self.tenants[tenant].again.retain(|other| *other != (period, on));
            crate::books::generate(&mut self.books.worker, id, &period.to_string()).unwrap();
            self.step += 1;
            self.note_invoices();
        }
    }

    /// Takes all or a part of an invoice back.
    fn credit_note(&mut self, tenant: usize) {
        let Some(invoice) = self.some_invoice(tenant, "status IN ('open', 'failed', 'paid') AND number IS NOT NULL AND total_amount + credit_amount > 0") else {
            return;
        };
        let row = self
            .books
            .data
            .query_one("SELECT total_amount + credit_amount, CASE status WHEN 'paid' THEN 0 ELSE total_amount - credited_amount END FROM saas.payment_invoices WHERE id = $1", &[&invoice])
            .unwrap();
        let (whole, due): (i64, i64) = (row.get(0), row.get(1));
        let amount = if self.dice.one_in(2) { whole } else { 1 + self.dice.below(whole) };
        let noted = self
            .books
            .data
            .query_one("SELECT saas.credit_invoice($1, 'Goodwill', $2)", &[&invoice, &amount]);
        match noted {
            Ok(row) => {
                let note: Uuid = row.get(0);
                let returned: i64 = self
                    .one("SELECT returned_amount FROM saas.credit_notes WHERE id = $1", &[&note]);
                assert_eq!(
                    returned,
                    amount - amount.min(due),
                    "what is not due any more comes back as credits"
                );
                if returned > 0 {
                    self.op(tenant, "note", returned, None);
                }
            }
            // More than is left of it, or a part of one that takes more back at one rate than it charges.
            refused => drop(assert_sqlstate(refused, "22023")),
        }
    }

    /// Drafts get their numbers, and providers try to collect what is open.
    pub fn settle(&mut self, day: NaiveDate) {
        let drafts =
            "SELECT i.id FROM saas.payment_invoices i JOIN world.tenant t ON t.id = i.tenant_id
                       WHERE i.status = 'draft' ORDER BY t.number, i.period_start, i.id";
        for row in self.books.data.query(drafts, &[]).unwrap() {
            if self.dice.below(6) > 0 {
                crate::books::finalize(&mut self.books.worker, row.get(0)).unwrap();
            }
        }
        let open = "SELECT i.id, t.number, i.total_amount, i.status, i.provider_invoice_id FROM saas.payment_invoices i JOIN world.tenant t ON t.id = i.tenant_id
                     WHERE i.status IN ('open', 'failed') AND i.total_amount > 0 AND i.credited_amount = 0 ORDER BY t.number, i.period_start, i.id";
        let mut sent = 0;
        for row in self.books.data.query(open, &[]).unwrap() {
            if self.dice.below(12) > 0 {
                continue;
            }
            let (invoice, amount): (Uuid, i64) = (row.get(0), row.get(2));
            let customer = self.tenants[row.get::<_, i32>(1) as usize].customer.clone();
            let linked: Option<String> = row.get(4);
            self.payments += 1;
            let object = linked.clone().unwrap_or_else(|| format!("in_{}", self.payments));
            if linked.is_none() {
                self.write(
                    "SELECT saas.link_provider_invoice($1, 'stripe', $2)",
                    &[&invoice, &object],
                );
            }
            let fails = row.get::<_, &str>(3) == "open" && self.dice.one_in(2);
            self.send(&customer, &object, amount, fails);
            sent += 1;
        }
        if sent > 0 {
            let applied: i32 = saas_core_tests::story::one(
                &mut self.books.worker,
                "SELECT saas.process_payment_events(1000)",
                &[],
            );
            assert_eq!(applied, sent, "seed {}, {day}", self.seed);
        }
    }

    fn send(&mut self, customer: &str, invoice: &str, amount: i64, fails: bool) {
        let (kind, paid) =
            if fails { ("invoice.payment_failed", 0) } else { ("invoice.paid", amount) };
        let id = format!("evt_{}", self.payments);
        let event: Value = json!({
            "id": id, "object": "event", "type": kind, "created": FIRST_EVENT + self.payments, "data": {"object": {
                "id": invoice, "object": "invoice", "customer": customer, "currency": "usd", "status": if fails { "open" } else { "paid" },
                "amount_due": amount, "amount_paid": paid, "amount_remaining": amount - paid, "total": amount, "metadata": {}}}
        });
        self.write(
            "SELECT saas.ingest_payment_event('stripe', $1, $2, $3)",
            &[&id, &kind, &Json(event)],
        );
    }
}
