//! What becomes of contracts.

use super::{Contract, World};
use chrono::{Days, Months, NaiveDate};

impl World {
    /// Terms that waited for the day apply, and contracts that were to end on it have ended.
    pub fn come_due(&mut self, day: NaiveDate) {
        for at in 0..self.tenants.len() {
            let Some(contract) = &mut self.tenants[at].contract else { continue };
            if contract.ends.is_some_and(|end| end <= day) {
                let end = contract.ends.unwrap();
                self.ended(at, end, end + Days::new(1));
                continue;
            }
            if let Some((from, plan, seats)) = contract.waits.take_if(|waits| waits.0 <= day) {
                (contract.plan, contract.seats) = (plan, seats);
                self.note_terms(at, from, false);
            }
        }
        // By whichever comes first, a job or the close.
        if self.dice.one_in(7) {
            self.advance(day);
        }
    }

    fn advance(&mut self, day: NaiveDate) {
        let at = format!("{} 11:30Z", day - Days::new(1));
        self.books
            .worker
            .execute("SELECT saas.advance_subscriptions($1::text::timestamptz)", &[&at])
            .unwrap();
    }

    /// The month, or with a yearly plan the year, that holds the day.
    fn whole(&self, contract: &Contract, day: NaiveDate) -> (NaiveDate, NaiveDate) {
        let months = if self.families[contract.family][contract.plan].is_yearly { 12 } else { 1 };
        self.span(contract, day, months)
    }

    fn span(&self, contract: &Contract, day: NaiveDate, months: u32) -> (NaiveDate, NaiveDate) {
        let origin = if self.is_calendar && months == 1 {
            chrono::Datelike::with_day(&contract.first_day, 1).unwrap()
        } else {
            contract.first_day
        };
        let mut number = 0;
        while origin + Months::new((number + 1) * months) <= day {
            number += 1;
        }
        (origin + Months::new(number * months), origin + Months::new((number + 1) * months))
    }

    /// Something happens to the tenant's contract on this day, or nothing.
    pub fn live(&mut self, tenant: usize, day: NaiveDate) {
        let what = self.dice.below(100);
        let Some(contract) = &self.tenants[tenant].contract else {
            if day >= self.tenants[tenant].free_from && what < 20 {
                self.begin(tenant, day);
            }
            return;
        };
        let is_yearly = self.families[contract.family][contract.plan].is_yearly;
        let month = self.span(contract, day, 1);
        let (is_first, is_paused) = (day == contract.first_day, contract.paused.is_some());
        let is_free = contract.waits.is_none() && contract.ends.is_none();
        let is_whole = day > month.0 && contract.resumed != Some(day) && !is_first && !is_paused;
        // A close applies what is due by now, not by the simulated day: nothing waits while a period is open that is over.
        let is_up_to_date = !self.behind.contains(&tenant);
        if day < contract.trial_end {
            return;
        }
        match what {
            0..=1 if !is_paused && contract.ends.is_none() => self.change(tenant, day, "prorate"),
            2 if !is_paused && contract.ends.is_none() && is_up_to_date && !is_yearly => {
                self.change(tenant, day, "auto")
            }
            3 if !is_paused && contract.ends.is_none() && is_up_to_date && !is_yearly => {
                self.change(tenant, day, "next_period")
            }
            4 if is_whole && is_free && is_up_to_date && !is_yearly => {
                self.call("cancel_subscription($1, true, $2::text::timestamptz)", tenant, day);
                self.contract(tenant).ends = Some(month.1);
            }
            5 if is_whole && !is_yearly && is_free => {
                // A day that has begun is paid for.
                let is_noon = self.dice.one_in(2);
                let (hour, end) =
                    if is_noon { ("12:00", day + Days::new(1)) } else { ("00:00", day) };
                let what = "cancel_subscription($1, false, $2::text::timestamptz)";
                self.call_at(what, tenant, day, hour);
                self.ended(tenant, end, day + Days::new(1));
            }
            6 if is_whole && !is_yearly && is_free => {
                self.call("pause_subscription($1, $2::text::timestamptz)", tenant, day);
                self.contract(tenant).paused = Some(day);
                let number = self.contract(tenant).number;
                self.write("INSERT INTO world.pause VALUES ($1, $2, 'infinity')", &[&number, &day]);
            }
            7..=16 if is_paused && contract.paused < Some(day) => self.resume(tenant, day),
            17 if is_paused && contract.paused < Some(day) => {
                let paused = contract.paused.unwrap();
                self.call("cancel_subscription($1, false, $2::text::timestamptz)", tenant, day);
                self.ended(tenant, paused, day + Days::new(1));
            }
            18..=22 if !is_free && !is_paused => {
                self.call("resume_subscription($1, $2::text::timestamptz)", tenant, day);
                let contract = self.contract(tenant);
                (contract.waits, contract.ends) = (None, None);
            }
            _ => {}
        }
    }

    fn contract(&mut self, tenant: usize) -> &mut Contract {
        self.tenants[tenant].contract.as_mut().unwrap()
    }

    fn begin(&mut self, tenant: usize, day: NaiveDate) {
        self.advance(day);
        // Months from a day of their own overlap with those of the contract before until it is billed.
        let unsettled = format!(
            "saas.tenant_subscriptions WHERE settled_at IS NULL AND tenant_id = '{}'",
            self.tenants[tenant].id
        );
        if !self.is_calendar && self.books.count(&unsettled) > 0 {
            return;
        }
        let family = self.tenants[tenant].family;
        let (plan, seats) = (self.dice.below(3) as usize, 1 + self.dice.below(6));
        let may_try = self.tenants[tenant].used_from.is_none();
        let trial = if may_try && self.dice.one_in(3) { 1 + self.dice.below(40) } else { 0 };
        let key = self.families[family][plan].key.clone();
        let (id, at) = (self.tenants[tenant].id, self.noon(tenant, day));
        let trial_text = (trial > 0).then(|| format!("{trial} days"));
        let subscription = crate::books::subscribe(
            &mut self.books.worker,
            id,
            &key,
            seats as i32,
            &at,
            trial_text.as_deref(),
        )
        .unwrap();
        let number = self.contracts;
        self.contracts += 1;
        let trial_end = day + Days::new(trial as u64);
        self.write(
            "INSERT INTO world.contract VALUES ($1, $2, $3, $4, $5)",
            &[&number, &id, &subscription, &day, &trial_end],
        );
        let contract = Contract {
            number,
            family,
            plan,
            seats,
            first_day: day,
            trial_end,
            waits: None,
            ends: None,
            paused: None,
            resumed: None,
        };
        self.tenants[tenant].contract = Some(contract);
        self.tenants[tenant].used_from.get_or_insert(day);
        self.note_terms(tenant, day, false);
    }

    fn change(&mut self, tenant: usize, day: NaiveDate, mode: &str) {
        let (plan, seats) = (self.dice.below(3) as usize, 1 + self.dice.below(6));
        let contract = self.tenants[tenant].contract.as_ref().unwrap();
        let plans = &self.families[contract.family];
        let is_down = plans[plan].value(seats) < plans[contract.plan].value(contract.seats);
        let is_same = (plan, seats) == (contract.plan, contract.seats);
        let ends = self.whole(contract, day).1;
        let waits = mode == "next_period" || mode == "auto" && is_down;
        let key = plans[plan].key.clone();
        let (id, at) = (self.tenants[tenant].id, self.noon(tenant, day));
        let sql = "SELECT saas.change_subscription($1, $2, $3, $4, $5::text::timestamptz)";
        if let Err(error) =
            self.books.worker.execute(sql, &[&id, &key, &(seats as i32), &mode, &at])
        {
            panic!("seed {}, tenant {tenant}, {day}: {error:?}", self.seed);
        }
        let contract = self.contract(tenant);
        if is_same {
            contract.waits = None;
        } else if waits {
            contract.waits = Some((ends, plan, seats));
        } else {
            (contract.waits, contract.plan, contract.seats) = (None, plan, seats);
            self.note_terms(tenant, day, true);
        }
    }

    fn resume(&mut self, tenant: usize, day: NaiveDate) {
        self.call("resume_subscription($1, $2::text::timestamptz)", tenant, day);
        let contract = self.contract(tenant);
        contract.resumed = Some(day);
        let (number, paused) = (contract.number, contract.paused.take());
        self.write(
            "UPDATE world.pause SET until = $3 WHERE contract = $1 AND first_day = $2",
            &[&number, &paused, &day],
        );
        // What was open until the pause is billed now.
        self.step += 1;
        self.note_invoices();
    }

    fn ended(&mut self, tenant: usize, end: NaiveDate, free_from: NaiveDate) {
        let number = self.contract(tenant).number;
        self.write("UPDATE world.contract SET ended = $2 WHERE number = $1", &[&number, &end]);
        self.tenants[tenant].contract = None;
        self.tenants[tenant].free_from = free_from;
    }

    fn note_terms(&mut self, tenant: usize, day: NaiveDate, charged: bool) {
        let contract = self.tenants[tenant].contract.as_ref().unwrap();
        let (number, seats) = (contract.number, contract.seats as i32);
        let plan = self.families[contract.family][contract.plan].key.clone();
        self.write(
            "INSERT INTO world.terms (contract, day, plan, seats, charged) VALUES ($1, $2, $3, $4, $5)",
            &[&number, &day, &plan, &seats, &charged],
        );
    }

    pub fn noon(&self, tenant: usize, day: NaiveDate) -> String {
        format!("{day} 12:00 {}", self.tenants[tenant].zone)
    }

    fn call(&mut self, what: &str, tenant: usize, day: NaiveDate) {
        self.call_at(what, tenant, day, "12:00");
    }

    fn call_at(&mut self, what: &str, tenant: usize, day: NaiveDate, hour: &str) {
        let (id, at) =
            (self.tenants[tenant].id, format!("{day} {hour} {}", self.tenants[tenant].zone));
        if let Err(error) = self.books.worker.execute(&format!("SELECT saas.{what}"), &[&id, &at]) {
            panic!("seed {}, tenant {tenant}, {day}, {what}: {error:?}", self.seed);
        }
    }
}
