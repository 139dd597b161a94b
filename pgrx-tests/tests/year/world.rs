//! Plays the year, and writes down what it does.

mod debts;
mod money;
mod offers;
mod terms;
mod usage;

use crate::books::Books;
use crate::dice::Dice;
use chrono::{Datelike, Days, Months, NaiveDate};
use offers::Plan;
use postgres::Client;
use postgres::types::{FromSqlOwned, ToSql};
use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use uuid::Uuid;

const ZONES: [&str; 4] = ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"];
const CURRENCIES: [&str; 2] = ["USD", "EUR"];
/// Lines as one text, of a preview or of an invoice.
const TOLD: &str = "coalesce(string_agg(concat_ws(' ', kind, description, amount), ', ' ORDER BY position), 'nothing')";

/// The live contract of a tenant.
struct Contract {
    number: i32,
    plan: usize,
    seats: i64,
    first_day: NaiveDate,
    trial_end: NaiveDate,
    /// Terms from this day on.
    waits: Option<(NaiveDate, usize, i64)>,
    ends: Option<NaiveDate>,
    paused: Option<NaiveDate>,
    /// Where its last pause was over.
    resumed: Option<NaiveDate>,
}

struct Tenant {
    id: Uuid,
    number: usize,
    zone: &'static str,
    /// A place in `CURRENCIES`.
    currency: usize,
    customer: String,
    contract: Option<Contract>,
    /// Nothing begins before.
    free_from: NaiveDate,
    /// Contracts, and the days of each on which something can have been used.
    lived: Vec<(i32, NaiveDate, NaiveDate)>,
    coupons: Vec<usize>,
    has_cap: bool,
    /// First days of void invoices, whether they close a period, and when they are billed again.
    again: Vec<(NaiveDate, bool, NaiveDate)>,
}

pub struct World {
    books: Books,
    closers: Vec<Client>,
    dice: Dice,
    plans: Vec<Plan>,
    /// Months are those of the calendar, and closed for all at once.
    is_calendar: bool,
    tenants: Vec<Tenant>,
    contracts: i32,
    events: i64,
    payments: i64,
    step: i32,
    /// The first month that is not closed.
    open_month: NaiveDate,
    /// Who has something that is over and not billed.
    behind: BTreeSet<usize>,
    /// What came up, and how often.
    seen: BTreeMap<&'static str, usize>,
    seed: u64,
}

impl World {
    pub fn new(seed: u64, tenants: usize, closers: usize) -> World {
        let mut books = Books::new();
        for script in
            [include_str!("facts.sql"), include_str!("charges.sql"), include_str!("recount.sql")]
        {
            books.run(script);
        }
        let closers = (0..closers).map(|_| books.db.kind("worker")).collect();
        let first = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap();
        let mut world = World {
            books,
            closers,
            dice: Dice::new(seed),
            plans: vec![],
            is_calendar: seed % 2 == 1,
            tenants: vec![],
            contracts: 0,
            events: 0,
            payments: 0,
            step: 0,
            open_month: first,
            behind: BTreeSet::new(),
            seen: BTreeMap::new(),
            seed,
        };
        world.define_plans();
        world.define_taxes();
        world.define_coupons();
        for number in 0..tenants {
            world.tenant(number, first);
        }
        world
    }

    fn tenant(&mut self, number: usize, first: NaiveDate) {
        let zone = ZONES[self.dice.below(4) as usize];
        let currency = usize::from(number % 3 == 2);
        let id: Uuid = self.one(
            "INSERT INTO saas.tenants (name, time_zone, currency) VALUES ($1, $2, $3) RETURNING id",
            &[&format!("tenant {number}"), &zone, &CURRENCIES[currency]],
        );
        let customer = format!("cus_{number}");
        self.books
            .run(&format!("SELECT saas.link_provider_customer('{id}', 'stripe', '{customer}')"));
        self.write(
            "INSERT INTO world.tenant VALUES ($1, $2, $3)",
            &[&id, &(number as i32), &CURRENCIES[currency]],
        );
        self.tenants.push(Tenant {
            id,
            number,
            zone,
            currency,
            customer,
            contract: None,
            free_from: first + Days::new(self.dice.below(60) as u64),
            lived: vec![],
            coupons: vec![],
            has_cap: false,
            again: vec![],
        });
        self.move_taxes(number);
        if number.is_multiple_of(4) {
            self.define_custom_plan(number);
        }
    }

    pub fn day(&mut self, day: NaiveDate) {
        self.come_due(day);
        self.close(day);
        self.use_features(day);
        for tenant in 0..self.tenants.len() {
            self.live(tenant, day);
            self.pay(tenant, day);
            self.consume(tenant, day);
        }
        self.settle(day);
        if day.ordinal().is_multiple_of(4) {
            self.remind(day);
        }
        if self.dice.one_in(60) {
            self.redefine_plan();
        }
        self.look(day);
    }

    /// All months are closed, late usage of ended contracts is billed, and everything is recounted.
    pub fn finish(&mut self, horizon: NaiveDate) {
        // The close applies what is due by the clock, also of the periods that it opens.
        self.come_due(horizon + Months::new(1));
        self.close_month(horizon - Months::new(1));
        for tenant in 0..self.tenants.len() {
            self.bill_again(tenant, horizon + Months::new(2));
        }
        self.settle(horizon);
        self.remind(horizon);
        self.books.balanced();
        self.write("SELECT world.recount($1)", &[&horizon]);
        let sql = "SELECT tenant, difference FROM world.difference ORDER BY 1, 2";
        let rows = self.books.data.query(sql, &[]).unwrap();
        if let Some(row) = rows.first() {
            let wrong: Vec<String> = rows.iter().take(12).map(|row| row.get(1)).collect();
            let story = self.story(row.get(0));
            panic!("seed {}: {} differ\n{}\n{story}", self.seed, rows.len(), wrong.join("\n"));
        }
        self.has_seen_everything();
    }

    /// What did not come up was not tested.
    fn has_seen_everything(&mut self) {
        let least = if self.tenants.len() < 50 { 1 } else { 20 };
        let often = [
            "coupon", "void", "reissue", "note", "spend", "grant", "fail", "pay", "give up",
            "expire", "tax", "remind",
        ];
        for what in often {
            let times = self.books.count(&format!("world.op WHERE kind = '{what}'"));
            assert!(times >= least, "seed {}: {what} came up {times} times", self.seed);
        }
        let came = [
            ("contracts that go on in another way", "world.contract WHERE goes_on_from IS NOT NULL"),
            ("pauses", "world.pause"),
            ("euros", "saas.payment_invoices WHERE currency = 'EUR'"),
            ("minimums", "world.charge WHERE kind = 'minimum'"),
            ("set-up fees", "world.charge WHERE kind = 'setup'"),
            ("final notices", "saas.dunning WHERE final_at IS NOT NULL"),
            ("standing behind", "world.standing WHERE status = 'past_due'"),
            ("fees charged in advance alone", "saas.payment_invoices WHERE billing_reason = 'advance'"),
            ("changes charged alone", "world.alone JOIN world.terms USING (step)"),
            ("add-ons charged alone", "world.alone JOIN world.add_on USING (step)"),
            ("add-ons charged with fees", "world.charge WHERE kind = 'add_on' AND invoice NOT IN (SELECT invoice FROM world.alone)"),
            ("fees or changes made again", "world.op o JOIN saas.payment_invoices i ON i.id = o.invoice
                                             WHERE o.kind = 'reissue' AND i.billing_reason IN ('advance', 'change')"),
            ("changes that come with their fee", "world.charge c JOIN world.wanted w USING (invoice) JOIN world.fee f USING (invoice)
                                                   WHERE c.kind = 'proration' AND w.reason <> 'change'"),
            ("fees of a year", "world.charge c JOIN world.wanted w USING (invoice) JOIN world.piece p ON p.contract = w.contract AND p.first = w.first AND w.reason = 'period'
                                 WHERE c.kind = 'subscription' AND c.first < p.first"),
        ];
        for (what, rows) in came {
            let times = self.books.count(rows);
            assert!(times >= least, "seed {}: {what} came up {times} times", self.seed);
        }
        for what in ["consumed", "beyond the cap", "new version"] {
            let times = self.seen.get(what).copied().unwrap_or(0) as i64;
            assert!(times >= least.min(3), "seed {}: {what} came up {times} times", self.seed);
        }
    }

    /// What happened to a tenant, for whoever looks for a mistake.
    fn story(&mut self, tenant: Uuid) -> String {
        self.one("SELECT world.story($1)", &[&tenant])
    }

    fn saw(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    /// The year's invoices, tenant by tenant, with their numbers and lines.
    pub fn told(&mut self) -> Vec<String> {
        let sql = "SELECT format('%s %s %s %s %s %s: %s', t.number, i.billing_reason, CASE WHEN i.subscription_id IS NULL THEN 'late' ELSE i.period_start || ' - ' || i.period_end END, i.number, i.status, i.currency,
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
        let unsettled =
            "SELECT DISTINCT t.number FROM saas.tenant_subscriptions s JOIN world.tenant t ON t.id = s.tenant_id
                          WHERE s.status = 'canceled' AND s.settled_at IS NULL";
        let rows = self.books.data.query(unsettled, &[]).unwrap();
        self.behind.extend(rows.iter().map(|row| row.get::<_, i32>(0) as usize));
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

    /// Who has a period that is over and not billed, and when the first of them began. Not where the month of the live contract would be
    /// billed with it, which runs by the simulated day, and not by the clock.
    fn over(&mut self, day: NaiveDate) -> Vec<(usize, NaiveDate)> {
        let sql = "SELECT DISTINCT ON (t.number) t.number, s.current_period_start FROM saas.tenant_subscriptions s JOIN world.tenant t ON t.id = s.tenant_id
                    WHERE s.settled_at IS NULL AND s.paused_on IS DISTINCT FROM s.current_period_start AND s.current_period_end <= $1
                      AND NOT EXISTS (SELECT FROM saas.tenant_subscriptions o JOIN saas.plans p ON p.id = o.plan_id
                                       WHERE o.tenant_id = s.tenant_id AND o.status <> 'canceled' AND o.id <> s.id AND o.current_period_end > $1 AND p.billing_cycle = 'calendar'
                                         AND date_trunc('month', o.current_period_start) = date_trunc('month', s.current_period_start))
                    ORDER BY t.number, s.current_period_end, s.current_period_start DESC";
        let rows = self.books.data.query(sql, &[&day]).unwrap();
        rows.iter().map(|row| (row.get::<_, i32>(0) as usize, row.get(1))).collect()
    }

    /// Bills these periods by the workers at once; each invoice is what was previewed.
    fn bill(&mut self, over: &[(usize, NaiveDate)]) {
        if over.is_empty() {
            return;
        }
        let mut due: Vec<(Uuid, NaiveDate, String, Option<Uuid>)> = vec![];
        for (tenant, first) in over {
            // What is asked for by a day is made again first.
            self.bill_alone_again(*tenant, *first);
            let (id, noon) = (self.tenants[*tenant].id, self.noon(*tenant, *first));
            let sql = format!("SELECT {TOLD} FROM saas.preview_invoice($1, $2::text::timestamptz)");
            let preview = self.one(&sql, &[&id, &noon]);
            due.push((id, *first, preview, None));
        }
        let share = due.len().div_ceil(self.closers.len());
        thread::scope(|scope| {
            for (client, part) in self.closers.iter_mut().zip(due.chunks_mut(share)) {
                scope.spawn(move || {
                    for (tenant, first, _, made) in part {
                        *made = Some(
                            crate::books::generate(client, *tenant, &first.to_string()).unwrap(),
                        );
                    }
                });
            }
        });
        for (tenant, first, preview, made) in &due {
            let sql =
                format!("SELECT {TOLD} FROM saas.payment_invoice_lines WHERE invoice_id = $1");
            let told: String = self.one(&sql, &[made]);
            if told != *preview {
                let story = self.story(*tenant);
                panic!("seed {}, {first}: previewed {preview}, made {told}\n{story}", self.seed);
            }
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

    /// Writes down which invoices there are since, of contracts that are written down; made in place of a void one, or for the first time.
    fn note_invoices(&mut self) {
        self.note_some_invoices("true");
    }

    fn note_some_invoices(&mut self, which: &str) {
        self.step += 1;
        let step = self.step;
        let sql = format!(
            "INSERT INTO world.op (step, tenant, kind, invoice)
             SELECT $1, i.tenant_id, CASE WHEN EXISTS (SELECT FROM saas.payment_invoices v WHERE v.tenant_id = i.tenant_id AND v.subscription_id = i.subscription_id
                                                          AND (v.billing_reason, v.period_start, v.status) = (i.billing_reason, i.period_start, 'void') AND v.id < i.id) THEN 'reissue' ELSE 'invoice' END, i.id
               FROM saas.payment_invoices i
              WHERE {which} AND (i.subscription_id IS NULL OR EXISTS (SELECT FROM world.contract c WHERE c.id = i.subscription_id))
                AND NOT EXISTS (SELECT FROM world.op o WHERE o.tenant = i.tenant_id AND o.invoice = i.id) ORDER BY i.id"
        );
        self.write(&sql, &[&step]);
        self.step += 1;
    }

    /// What holds after each day.
    fn look(&mut self, day: NaiveDate) {
        let wrong = self.books.data.query(include_str!("daily.sql"), &[]).unwrap();
        assert!(wrong.is_empty(), "seed {}, {day}: {}", self.seed, wrong[0].get::<_, String>(0));
    }

    fn noon(&self, tenant: usize, day: NaiveDate) -> String {
        format!("{day} 12:00 {}", self.tenants[tenant].zone)
    }

    fn one<T: FromSqlOwned>(&mut self, sql: &str, args: &[&(dyn ToSql + Sync)]) -> T {
        self.books.one(sql, args)
    }

    fn write(&mut self, sql: &str, args: &[&(dyn ToSql + Sync)]) {
        if let Err(error) = self.books.data.execute(sql, args) {
            panic!("seed {}: {sql}: {error:?}", self.seed);
        }
    }

    /// Writes down what was done: the kind's own columns and their values, as SQL.
    fn op(&mut self, tenant: usize, kind: &str, columns: &str, values: &[&(dyn ToSql + Sync)]) {
        let id = self.tenants[tenant].id;
        self.step += 1;
        let step = self.step;
        let places: String = columns
            .split_whitespace()
            .enumerate()
            .map(|(place, column)| match column.trim_end_matches(',') {
                "amount" => format!(", ${}::bigint", place + 4),
                "percent" => format!(", ${}::text::numeric", place + 4),
                "expires" | "at" => format!(", ${}::text::timestamptz", place + 4),
                _ => format!(", ${}", place + 4),
            })
            .collect();
        let comma = if columns.is_empty() { "" } else { ", " };
        let sql = format!(
            "INSERT INTO world.op (step, tenant, kind{comma}{columns}) VALUES ($1, $2, $3{places})"
        );
        let mut args: Vec<&(dyn ToSql + Sync)> = vec![&step, &id, &kind];
        args.extend_from_slice(values);
        self.write(&sql, &args);
    }
}
