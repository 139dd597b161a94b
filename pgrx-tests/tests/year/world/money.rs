//! What becomes of credits, coupons and taxes.

use super::World;
use super::offers::COUPONS;
use chrono::NaiveDate;
use saas_core_tests::assert_sqlstate;
use std::thread::sleep;
use std::time::Duration;
use uuid::Uuid;

/// Longer than what lives for a moment.
const MOMENT: Duration = Duration::from_millis(3);

impl World {
    pub fn pay(&mut self, tenant: usize, day: NaiveDate) {
        match self.dice.below(100) {
            0 => self.grant(tenant),
            1 | 12 => self.give_up(tenant),
            2 => self.grant_for_a_moment(tenant, day),
            3 => self.spend(tenant),
            4 => self.take_coupon(tenant, day),
            5..=9 => self.void(tenant, day),
            10 | 11 => self.credit_note(tenant),
            13 if self.dice.one_in(3) => self.move_taxes(tenant),
            14 if self.dice.one_in(3) => self.leave_coupon(tenant),
            _ => {}
        }
        self.bill_again(tenant, day);
    }

    fn grant(&mut self, tenant: usize) {
        let id = self.tenants[tenant].id;
        let (amount, priority) = (1 + self.dice.below(200_000), self.dice.below(3) as i32);
        let expires = [None, Some("2100-01-01Z"), Some("2101-06-01Z")][self.dice.below(3) as usize];
        self.books.credit(id, amount, priority, expires);
        self.op(tenant, "grant", "amount, priority, expires", &[&amount, &priority, &expires]);
    }

    /// Credits that expire when the transaction is over in which an invoice, or somebody, uses a part of them.
    fn grant_for_a_moment(&mut self, tenant: usize, day: NaiveDate) {
        let id = self.tenants[tenant].id;
        let (amount, priority) = (1 + self.dice.below(200_000), self.dice.below(4) as i32);
        let over = self.over(day).into_iter().find(|over| over.0 == tenant);
        if let Some((_, first)) = over {
            self.bill_alone_again(tenant, first);
        }
        let balance = self.books.balance(id);
        let spent = 1 + self.dice.below(amount + balance);
        let mut moment = self.books.data.transaction().unwrap();
        let sql =
            "SELECT saas.grant_credit($1, $2, 'Short', 'promo', NULL, now() + interval '1 ms', $3)";
        moment.execute(sql, &[&id, &amount, &priority]).unwrap();
        if let Some((_, first)) = &over {
            moment.execute("SELECT saas.generate_invoice($1, $2)", &[&id, first]).unwrap();
        } else {
            moment.execute("SELECT saas.spend_credit($1, $2, 'Spent')", &[&id, &spent]).unwrap();
        }
        moment.commit().unwrap();
        sleep(MOMENT);
        // The day is any; what counts is the order.
        let expires = "2000-01-01Z";
        self.op(
            tenant,
            "grant",
            "amount, priority, expires, label",
            &[&amount, &priority, &expires, &"dies"],
        );
        if over.is_some() {
            self.step += 1;
            self.note_invoices();
        } else {
            self.op(tenant, "spend", "amount", &[&spent]);
        }
        self.op(tenant, "expire", "", &[]);
    }

    fn spend(&mut self, tenant: usize) {
        let id = self.tenants[tenant].id;
        let (amount, balance) = (1 + self.dice.below(20_000), self.books.balance(id));
        let spent =
            self.books.data.execute("SELECT saas.spend_credit($1, $2, 'Spent')", &[&id, &amount]);
        if amount <= balance {
            spent.unwrap();
            self.op(tenant, "spend", "amount", &[&amount]);
        } else {
            assert_sqlstate(spent, "53400");
        }
    }

    /// The next that the tenant has not taken, if there is one in its currency.
    fn take_coupon(&mut self, tenant: usize, day: NaiveDate) {
        let number = self.tenants[tenant].coupons.len();
        let Some(coupon) = COUPONS.get(number) else { return };
        self.tenants[tenant].coupons.push(number);
        let (id, at) = (self.tenants[tenant].id, self.noon(tenant, day));
        let (code, amount) = (format!("C{number}"), coupon.amounts[self.tenants[tenant].currency]);
        let taken = self
            .books
            .data
            .execute("SELECT saas.apply_coupon($1, $2, $3::text::timestamptz)", &[&id, &code, &at]);
        if amount.is_none() && coupon.percent.is_none() {
            assert_sqlstate(taken, "22023");
            return;
        }
        taken.unwrap();
        let applies = coupon.applies.map(<[_]>::to_vec);
        self.op(
            tenant,
            "coupon",
            "amount, percent, times, day, label, applies",
            &[&amount, &coupon.percent, &coupon.times, &day, &code, &applies],
        );
    }

    fn leave_coupon(&mut self, tenant: usize) {
        let Some(number) = self.tenants[tenant].coupons.last() else { return };
        let (id, code) = (self.tenants[tenant].id, format!("C{number}"));
        let left =
            "world.op WHERE kind = 'coupon' AND tenant = '{id}'".replace("{id}", &id.to_string());
        let has = self.books.count(&format!("{left} AND label = '{code}'"));
        let gone = self.books.count(&format!(
            "world.op WHERE kind = 'uncoupon' AND tenant = '{id}' AND label = '{code}'"
        ));
        if has > gone {
            self.write("SELECT saas.remove_coupon($1, $2)", &[&id, &code]);
            self.op(tenant, "uncoupon", "label", &[&code]);
        }
    }

    pub fn some_invoice(&mut self, tenant: usize, which: &str) -> Option<Uuid> {
        let id = self.tenants[tenant].id;
        let sql = format!(
            "SELECT id FROM saas.payment_invoices WHERE tenant_id = $1 AND {which} ORDER BY period_start DESC, id DESC LIMIT 3"
        );
        let found: Vec<Uuid> =
            self.books.data.query(&sql, &[&id]).unwrap().iter().map(|row| row.get(0)).collect();
        let place = self.dice.below(3) as usize;
        found.get(place).copied()
    }

    pub fn for_a_moment(&self) {
        sleep(MOMENT);
    }
}
