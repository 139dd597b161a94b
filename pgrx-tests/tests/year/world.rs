//! Plays the year, and writes down what it does.

mod money;
mod terms;

use crate::books::Books;
use crate::dice::Dice;
use chrono::{Datelike, Days, Months, NaiveDate};
use postgres::Client;
use postgres::types::ToSql;
use saas_core_tests::story;
use std::collections::BTreeSet;
use std::thread;
use uuid::Uuid;

const FEATURES: [&str; 2] = ["calls", "bytes"];
const ZONES: [&str; 4] = ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"];

pub struct Plan {
    key: String,
    is_yearly: bool,
    base: i64,
    seat: i64,
    included: i64,
}

impl Plan {
    fn value(&self, seats: i64) -> i64 {
        self.base + self.seat * (seats - self.included).max(0)
    }
}

/// The live contract of a tenant.
struct Contract {
    number: i32,
    family: usize,
    plan: usize,
    seats: i64,
    first_day: NaiveDate,
    trial_end: NaiveDate,
    /// From this day on.
    waits: Option<(NaiveDate, usize, i64)>,
    ends: Option<NaiveDate>,
    paused: Option<NaiveDate>,
    /// Where its last pause was over.
    resumed: Option<NaiveDate>,
}

struct Tenant {
    id: Uuid,
    zone: &'static str,
    customer: String,
    family: usize,
    tax: &'static str,
    contract: Option<Contract>,
    /// Nothing begins before.
    free_from: NaiveDate,
    used_from: Option<NaiveDate>,
    coupons: usize,
    /// Periods of void invoices, and when they are billed again.
    again: Vec<(NaiveDate, NaiveDate)>,
}

pub struct World {
    books: Books,
    closers: Vec<Client>,
    dice: Dice,
    /// Families of plans: who is on one changes within it.
    families: Vec<Vec<Plan>>,
    is_calendar: bool,
    tenants: Vec<Tenant>,
    contracts: i32,
    events: i64,
    payments: i64,
    step: i32,
    /// The first month that is not closed.
    open_month: NaiveDate,
    /// Who has a period that is over and not billed.
    behind: BTreeSet<usize>,
    seed: u64,
}

impl World {
    pub fn new(seed: u64, tenants: usize, closers: usize) -> World {
        let mut books = Books::new();
        books.run(include_str!("facts.sql"));
        books.run(include_str!("recount.sql"));
        books.run(
            "SELECT saas.set_tax_rate('DE', 19, '2020-01-01'), saas.set_tax_rate('DE', 16, '2024-07-01'),
                    saas.set_tax_rate('FR', 20, '2020-01-01', is_inclusive => true)",
        );
        let closers = (0..closers).map(|_| books.db.kind("worker")).collect();
        let first = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap();
        let mut world = World {
            books,
            closers,
            dice: Dice::new(seed),
            families: vec![],
            is_calendar: seed % 2 == 1,
            tenants: vec![],
            contracts: 0,
            events: 0,
            payments: 0,
            step: 0,
            open_month: first,
            behind: BTreeSet::new(),
            seed,
        };
        for family in 0..4 {
            let plans = world.family(family);
            world.families.push(plans);
        }
        world.define_coupons();
        for number in 0..tenants {
            world.tenant(number, first);
        }
        world
    }

    /// Plans that differ in prices, set-up fees and, where they are monthly, minimums.
    fn family(&mut self, family: usize) -> Vec<Plan> {
        let (cycle, is_yearly) =
            (if self.is_calendar { "calendar" } else { "anniversary" }, family == 3);
        let every = if is_yearly { "yearly" } else { "monthly" };
        (0..3)
            .map(|number| {
                let key = format!("family {family} plan {number}");
                let (base, seat, included) = (self.dice.below(600_000), self.dice.below(9000), self.dice.below(4));
                let setup = self.dice.below(2) * self.dice.below(9000);
                let least = if family == 1 { self.dice.below(500_000) } else { 0 };
                let features: Vec<String> = FEATURES.iter().map(|feature| self.feature(&key, feature)).collect();
                let definition = format!(
                    r#"{{"key": "{key}", "base_price": {base}, "seat_price": {seat}, "included_seats": {included}, "setup_fee": {setup},
                         "minimum_amount": {least}, "billing_interval": "{every}", "billing_cycle": "{cycle}", "features": [{}]}}"#,
                    features.join(", ")
                );
                self.books.run(&format!("SELECT saas.define_plan('{definition}')"));
                self.books.run(&format!(
                    "INSERT INTO world.plan VALUES ('{key}', '{cycle}', '{every}', {base}, {seat}, {included}, {setup}, {least})"
                ));
                Plan { key, is_yearly, base, seat, included }
            })
            .collect()
    }

    /// Bytes have one price, calls have two.
    fn feature(&mut self, plan: &str, feature: &str) -> String {
        let thousandths = |dice: &mut Dice, most: i64| {
            let price = dice.below(most);
            format!("{}.{:03}", price / 1000, price % 1000)
        };
        let free = self.dice.below(300);
        let (first, further, tier) = (
            thousandths(&mut self.dice, 20_000),
            thousandths(&mut self.dice, 9000),
            1 + self.dice.below(400),
        );
        let (further, price) = match feature {
            "bytes" => (first.clone(), format!(r#""overage_price": "{first}""#)),
            _ => (
                further.clone(),
                format!(
                    r#""price_model": {{"model": "graduated", "tiers": [{{"up_to": {tier}, "unit_amount": "{first}"}}, {{"up_to": null, "unit_amount": "{further}"}}]}}"#
                ),
            ),
        };
        self.books.run(&format!("INSERT INTO world.price VALUES ('{plan}', '{feature}', {free}, {first}, {tier}, {further})"));
        format!(r#"{{"feature_key": "{feature}", "included_units": {free}, {price}}}"#)
    }

    fn tenant(&mut self, number: usize, first: NaiveDate) {
        let zone = ZONES[self.dice.below(4) as usize];
        let tax = ["none", "DE", "FR", "FR"][self.dice.below(4) as usize];
        let id: Uuid = self.one(
            "INSERT INTO saas.tenants (name, time_zone) VALUES ($1, $2) RETURNING id",
            &[&format!("tenant {number}"), &zone],
        );
        if tax != "none" {
            self.books.run(&format!(
                "SELECT saas.set_billing_details('{id}', '{{\"country\": \"{tax}\"}}')"
            ));
        }
        let customer = format!("cus_{number}");
        self.books
            .run(&format!("SELECT saas.link_provider_customer('{id}', 'stripe', '{customer}')"));
        self.write("INSERT INTO world.tenant VALUES ($1, $2, $3)", &[&id, &(number as i32), &tax]);
        let family = self.dice.below(4) as usize;
        self.tenants.push(Tenant {
            id,
            zone,
            customer,
            family,
            tax,
            contract: None,
            free_from: first + Days::new(self.dice.below(60) as u64),
            used_from: None,
            coupons: 0,
            again: vec![],
        });
    }

    pub fn day(&mut self, day: NaiveDate) {
        self.come_due(day);
        self.close(day);
        self.use_features(day);
        for tenant in 0..self.tenants.len() {
            self.live(tenant, day);
            self.pay(tenant, day);
        }
        self.settle(day);
        self.look(day);
    }

    /// All months are closed, late usage of ended contracts is billed, and everything is recounted.
    pub fn finish(&mut self, horizon: NaiveDate) {
        self.close_month(horizon - Months::new(1));
        for tenant in 0..self.tenants.len() {
            self.bill_again(tenant, horizon + Months::new(2));
        }
        self.settle(horizon);
        self.books.balanced();
        self.write("SELECT world.recount($1)", &[&horizon]);
        let rows = self
            .books
            .data
            .query("SELECT difference FROM world.difference ORDER BY 1", &[])
            .unwrap();
        let wrong: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert!(
            wrong.is_empty(),
            "seed {}: {} differ\n{}",
            self.seed,
            wrong.len(),
            wrong[..wrong.len().min(12)].join("\n")
        );
        for (what, least) in
            [("coupon", 3), ("void", 3), ("reissue", 3), ("note", 3), ("spend", 3), ("grant", 5)]
        {
            let times = self.books.count(&format!("world.op WHERE kind = '{what}'"));
            assert!(times >= least, "seed {}: {what} came up {times} times", self.seed);
        }
    }

    /// The year's invoices, tenant by tenant, with their numbers and lines.
    pub fn told(&mut self) -> Vec<String> {
        let sql = "SELECT format('%s %s %s %s: %s', t.number, CASE WHEN i.subscription_id IS NULL THEN 'late' ELSE i.period_start || ' - ' || i.period_end END, i.number, i.status,
                                 (SELECT string_agg(concat_ws(' ', l.kind, l.description, l.amount), ', ' ORDER BY l.position)
                                    FROM saas.payment_invoice_lines l WHERE l.tenant_id = i.tenant_id AND l.invoice_id = i.id))
                     FROM saas.payment_invoices i JOIN world.tenant t ON t.id = i.tenant_id ORDER BY t.number, i.period_start, i.id";
        self.books.data.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// Periods that are over are billed: of calendar months by several workers for all, else one by one; not always at once.
    fn close(&mut self, day: NaiveDate) {
        if self.is_calendar && day.day() == 1 && day > self.open_month && self.dice.below(4) > 0 {
            self.close_month(day - Months::new(1));
            self.balance(day);
        }
        let slow = if self.is_calendar { 40 } else { 2 };
        let over: Vec<(usize, NaiveDate)> =
            self.over(day).into_iter().filter(|_| self.dice.below(slow) == 0).collect();
        self.bill(&over);
        self.behind = self.over(day).into_iter().map(|over| over.0).collect();
        if !self.is_calendar && day.day() == 1 {
            self.balance(day);
        }
    }

    /// All promises, `check_invariants()` among them: each month, or where time is short each quarter.
    fn balance(&mut self, day: NaiveDate) {
        if self.tenants.len() >= 100 || day.month() % 3 == 1 {
            self.books.balanced();
        }
    }

    /// Who has a period that is over and not billed, and when the first of them ended.
    fn over(&mut self, day: NaiveDate) -> Vec<(usize, NaiveDate)> {
        let sql = "SELECT t.number, min(s.current_period_end) FROM saas.tenant_subscriptions s JOIN world.tenant t ON t.id = s.tenant_id
                    WHERE s.settled_at IS NULL AND s.paused_on IS DISTINCT FROM s.current_period_start AND s.current_period_end <= $1
                    GROUP BY t.number ORDER BY t.number";
        let rows = self.books.data.query(sql, &[&day]).unwrap();
        rows.iter().map(|row| (row.get::<_, i32>(0) as usize, row.get(1))).collect()
    }

    /// Bills these periods by the workers at once; each invoice is what was previewed.
    fn bill(&mut self, over: &[(usize, NaiveDate)]) {
        if over.is_empty() {
            return;
        }
        let mut due: Vec<(Uuid, NaiveDate, String, Option<Uuid>)> = vec![];
        for (tenant, end) in over {
            let last = *end - Days::new(1);
            let (id, noon) = (self.tenants[*tenant].id, self.noon(*tenant, last));
            let preview = self.one(
                "SELECT coalesce(string_agg(concat_ws(' ', kind, description, amount), ', ' ORDER BY position), 'nothing')
                   FROM saas.preview_invoice($1, $2::text::timestamptz)",
                &[&id, &noon],
            );
            due.push((id, last, preview, None));
        }
        let share = due.len().div_ceil(self.closers.len());
        thread::scope(|scope| {
            for (client, part) in self.closers.iter_mut().zip(due.chunks_mut(share)) {
                scope.spawn(move || {
                    for (tenant, last, _, made) in part {
                        *made = Some(
                            crate::books::generate(client, *tenant, &last.to_string()).unwrap(),
                        );
                    }
                });
            }
        });
        for (tenant, last, preview, made) in &due {
            let told: String = self.one(
                "SELECT coalesce(string_agg(concat_ws(' ', kind, description, amount), ', ' ORDER BY position), 'nothing')
                   FROM saas.payment_invoice_lines WHERE invoice_id = $1",
                &[made],
            );
            assert_eq!(
                told, *preview,
                "seed {}, tenant {tenant}, {last}: as it was previewed",
                self.seed
            );
        }
        self.step += 1;
        self.note_invoices();
    }

    fn close_month(&mut self, month: NaiveDate) {
        let batch = 1 + self.dice.below(9);
        thread::scope(|scope| {
            for client in &mut self.closers {
                scope.spawn(move || {
                    client
                        .batch_execute(&format!("CALL saas.close_period('{month}', {batch})"))
                        .unwrap()
                });
            }
        });
        self.open_month = month + Months::new(1);
        self.step += 1;
        self.note_invoices();
        assert_eq!(self.books.count("saas.close_parked"), 0);
    }

    /// Writes down which invoices there are since; made in place of a void one, or for the first time.
    fn note_invoices(&mut self) {
        let step = self.step;
        self.write(
            "INSERT INTO world.op (step, tenant, kind, invoice)
             SELECT $1, i.tenant_id, CASE WHEN EXISTS (SELECT FROM saas.payment_invoices v WHERE v.tenant_id = i.tenant_id AND v.subscription_id = i.subscription_id
                                                          AND v.period_start = i.period_start AND v.status = 'void' AND v.id < i.id) THEN 'reissue' ELSE 'invoice' END, i.id
               FROM saas.payment_invoices i WHERE NOT EXISTS (SELECT FROM world.op o WHERE o.tenant = i.tenant_id AND o.invoice = i.id) ORDER BY i.id",
            &[&step],
        );
        self.step += 1;
    }

    /// What holds after each day.
    fn look(&mut self, day: NaiveDate) {
        let wrong = self.books.data.query(include_str!("daily.sql"), &[]).unwrap();
        assert!(wrong.is_empty(), "seed {}, {day}: {}", self.seed, wrong[0].get::<_, String>(0));
    }

    fn use_features(&mut self, day: NaiveDate) {
        self.step += 1;
        let (mut tenants, mut features, mut units, mut ids, mut times) =
            (vec![], vec![], vec![], vec![], vec![]);
        for at in 0..self.tenants.len() {
            let Some(contract) = &self.tenants[at].contract else { continue };
            let from = if self.is_calendar {
                self.tenants[at].used_from.unwrap_or(day)
            } else {
                contract.first_day
            };
            let of_contract = (!self.is_calendar).then_some(contract.number);
            while self.dice.one_in(4) {
                let late = if self.dice.one_in(3) { self.dice.below(70) as u64 } else { 0 };
                let used = (day - Days::new(late)).max(from);
                let (tenant, feature) = (&self.tenants[at], FEATURES[self.dice.below(2) as usize]);
                let (amount, zone) = (1 + self.dice.below(150), tenant.zone);
                let id = format!("event {}", self.events);
                self.events += 1;
                self.books
                    .data
                    .execute(
                        "INSERT INTO world.event VALUES ($1, $2, $3, $4, $5::bigint, $6, $7)",
                        &[&tenant.id, &id, &feature, &used, &amount, &self.step, &of_contract],
                    )
                    .unwrap();
                tenants.push(tenant.id);
                features.push(feature);
                units.push(amount);
                ids.push(id);
                times.push(format!("{used} 10:00 {zone}"));
            }
        }
        let sql = "SELECT saas.record_usage_batch($1, $2, $3, $4, $5::text[]::timestamptz[])";
        let counted: i64 =
            story::one(&mut self.books.worker, sql, &[&tenants, &features, &units, &ids, &times]);
        assert_eq!(counted, ids.len() as i64);
        // Some are delivered twice.
        if self.dice.one_in(3) {
            let counted: i64 = story::one(
                &mut self.books.worker,
                sql,
                &[&tenants, &features, &units, &ids, &times],
            );
            assert_eq!(counted, 0);
        }
        self.step += 1;
    }

    fn one<T: postgres::types::FromSqlOwned>(
        &mut self,
        sql: &str,
        args: &[&(dyn ToSql + Sync)],
    ) -> T {
        self.books.one(sql, args)
    }

    fn write(&mut self, sql: &str, args: &[&(dyn ToSql + Sync)]) {
        if let Err(error) = self.books.data.execute(sql, args) {
            panic!("seed {}: {sql}: {error:?}", self.seed);
        }
    }

    fn op(&mut self, tenant: usize, kind: &str, amount: i64, invoice: Option<Uuid>) {
        let id = self.tenants[tenant].id;
        self.step += 1;
        let step = self.step;
        self.write("INSERT INTO world.op (step, tenant, kind, amount, invoice) VALUES ($1, $2, $3, $4::bigint, $5)", &[&step, &id, &kind, &amount, &invoice]);
    }
}
