//! What becomes of contracts.

use super::offers::ADD_ONS;
use super::{Contract, World};
use chrono::{Days, Months, NaiveDate};
use saas_core_tests::{assert_sqlstate, story};
use uuid::Uuid;

impl World {
    /// Terms that waited for the day apply, and contracts that were to end on it have ended.
    pub fn come_due(&mut self, day: NaiveDate) {
        for at in 0..self.tenants.len() {
            let Some(contract) = &mut self.tenants[at].contract else { continue };
            if contract.ends.is_some_and(|end| end <= day) {
                let end = contract.ends.unwrap();
                self.ended(at, end, end + Days::new(1));
            } else if contract.paused.is_none()
                && let Some((from, plan, seats)) = contract.waits.take_if(|waits| waits.0 <= day)
            {
                if self.plans[plan].is_like(&self.plans[contract.plan]) {
                    let contract = self.contract(at);
                    (contract.plan, contract.seats) = (plan, seats);
                    self.note_terms(at, from, false);
                } else {
                    // Asking for what there is brings it up to the day.
                    let (id, noon) = (self.tenants[at].id, self.noon(at, day));
                    let sql = "SELECT saas.change_subscription($1, NULL, $2, 'auto', $3::text::timestamptz)";
                    let next: Uuid =
                        story::one(&mut self.books.worker, sql, &[&id, &(seats as i32), &noon]);
                    self.go_on(at, from, from, plan, seats, next);
                    self.note_invoices();
                }
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
        self.note_invoices();
    }

    /// The month, or with a yearly plan the year, that holds the day.
    fn whole(&self, contract: &Contract, day: NaiveDate) -> (NaiveDate, NaiveDate) {
        self.span(contract, day, if self.plans[contract.plan].is_yearly { 12 } else { 1 })
    }

    fn span(&self, contract: &Contract, day: NaiveDate, months: u32) -> (NaiveDate, NaiveDate) {
        let origin = if self.plans[contract.plan].is_calendar && months == 1 {
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
        let plan = &self.plans[contract.plan];
        let (may_pause, is_ahead) = (!plan.is_yearly && !plan.is_ahead, plan.is_ahead);
        let (month, whole) = (self.span(contract, day, 1), self.whole(contract, day));
        let (is_first, is_paused) = (day == contract.first_day, contract.paused.is_some());
        let is_free = contract.waits.is_none() && contract.ends.is_none();
        let runs = !is_paused && contract.ends.is_none();
        // A close applies what is due by now, not by the simulated day: nothing waits while a period is open that is over, or
        // beyond the end of the one that runs.
        let may_wait = !self.behind.contains(&tenant) && whole.1 <= month.1;
        // A trial ends at the hour at which it began.
        if contract.trial_end > contract.first_day && day <= contract.trial_end {
            return;
        }
        match what {
            0..=1 if runs => self.change(tenant, day, "prorate"),
            2 if runs && may_wait => self.change(tenant, day, "auto"),
            3 if runs && may_wait => self.change(tenant, day, "next_period"),
            4 if is_free && !is_paused && may_wait => {
                self.call("cancel_subscription($1, true, $2::text::timestamptz)", tenant, day);
                self.contract(tenant).ends = Some(whole.1);
                self.note_ending(tenant, Some(whole.1));
            }
            5 if is_free && !is_paused => {
                // A day that has begun is paid for.
                let is_noon = is_first || self.dice.one_in(2);
                let (hour, end) =
                    if is_noon { ("12:00", day + Days::new(1)) } else { ("00:00", day) };
                if !is_noon {
                    self.leave_empty_period(tenant, day);
                }
                let what = "cancel_subscription($1, false, $2::text::timestamptz)";
                self.call_at(what, tenant, day, hour);
                self.ended(tenant, end, day + Days::new(1));
            }
            6 if !is_paused && may_pause && contract.ends.is_none() => {
                self.call("pause_subscription($1, $2::text::timestamptz)", tenant, day);
                self.contract(tenant).paused = Some(day);
                let number = self.contract(tenant).number;
                self.write("INSERT INTO world.pause VALUES ($1, $2, 'infinity')", &[&number, &day]);
            }
            7..=16 if is_paused && contract.paused < Some(day) => self.resume(tenant, day),
            17 if is_paused && contract.paused < Some(day) => {
                self.cancel_paused(tenant, day);
            }
            18..=22 if !is_free && !is_paused => {
                self.call("resume_subscription($1, $2::text::timestamptz)", tenant, day);
                let contract = self.contract(tenant);
                (contract.waits, contract.ends) = (None, None);
                self.note_ending(tenant, None);
            }
            38..=41 if runs => self.take_add_on(tenant, day),
            // Before its fee is charged, since the period before is not closed.
            23..=70 if runs && is_ahead && self.behind.contains(&tenant) => {
                self.change(tenant, day, "prorate");
            }
            _ => {}
        }
    }

    fn contract(&mut self, tenant: usize) -> &mut Contract {
        self.tenants[tenant].contract.as_mut().unwrap()
    }

    fn begin(&mut self, tenant: usize, day: NaiveDate) {
        self.advance(day);
        let (plan, seats) = (self.some_plan(tenant), 1 + self.dice.below(6));
        let may_try = self.tenants[tenant].lived.is_empty();
        let trial = if may_try && self.dice.one_in(3) { 1 + self.dice.below(40) } else { 0 };
        let name = self.plans[plan].name.clone();
        let (id, at) = (self.tenants[tenant].id, self.noon(tenant, day));
        let trial_text = (trial > 0).then(|| format!("{trial} days"));
        let subscription = crate::books::subscribe(
            &mut self.books.worker,
            id,
            &name,
            seats as i32,
            &at,
            trial_text.as_deref(),
        )
        .unwrap();
        let trial_end = day + Days::new(trial as u64);
        self.add_contract(tenant, day, trial_end, plan, seats, subscription, None);
        self.note_invoices();
    }

    #[allow(clippy::too_many_arguments)] // each is a column
    fn add_contract(
        &mut self,
        tenant: usize,
        first_day: NaiveDate,
        trial_end: NaiveDate,
        plan: usize,
        seats: i64,
        subscription: Uuid,
        goes_on_from: Option<i32>,
    ) {
        let (number, id) = (self.contracts, self.tenants[tenant].id);
        self.contracts += 1;
        self.write(
            "INSERT INTO world.contract VALUES ($1, $2, $3, $4, $5, NULL, $6)",
            &[&number, &id, &subscription, &first_day, &trial_end, &goes_on_from],
        );
        self.tenants[tenant].contract = Some(Contract {
            number,
            plan,
            seats,
            first_day,
            trial_end,
            waits: None,
            ends: None,
            paused: None,
            resumed: None,
        });
        self.note_terms(tenant, first_day, false);
    }

    /// Another interval or cycle makes another contract, which has the day.
    fn go_on(
        &mut self,
        tenant: usize,
        end: NaiveDate,
        day: NaiveDate,
        plan: usize,
        seats: i64,
        subscription: Uuid,
    ) {
        let before = self.contract(tenant).number;
        self.ended(tenant, end, day);
        self.add_contract(tenant, day, day, plan, seats, subscription, Some(before));
        // What it takes beside its plan it takes along, and what was said of later days.
        self.step += 1;
        let (number, step) = (self.contract(tenant).number, self.step);
        self.write(
            "INSERT INTO world.add_on (contract, step, key, quantity, day, at_once)
             SELECT $2, $3, a.key, a.quantity, greatest(a.first, $4), false FROM world.add_on_days($1, NULL) a
              WHERE a.next > $4 AND (a.quantity > 0 OR a.first > $4) ORDER BY a.key, a.first",
            &[&before, &number, &step, &day],
        );
    }

    /// A contract that is about to end without a day in its running period has that one billed none the less: for what was used in
    /// it, and of a year for its days. Not where nothing can have been, after a pause, or beside another contract that rates it.
    fn leave_empty_period(&mut self, tenant: usize, day: NaiveDate) {
        let contract = self.tenants[tenant].contract.as_ref().unwrap();
        let (number, id) = (contract.number, self.tenants[tenant].id);
        let is_yearly = self.plans[contract.plan].is_yearly;
        let leaves: bool = contract.resumed != Some(day)
            && self.one(
                "SELECT s.current_period_start = $2 AND ($3 OR NOT EXISTS (SELECT FROM saas.tenant_subscriptions o
                                                                         WHERE o.tenant_id = s.tenant_id AND o.id <> s.id AND o.settled_at IS NULL))
                   FROM saas.tenant_subscriptions s WHERE s.tenant_id = $1 AND s.status <> 'canceled'",
                &[&id, &day, &is_yearly],
            );
        if leaves {
            self.write(
                "UPDATE world.contract SET leaves_empty = true WHERE number = $1",
                &[&number],
            );
            self.saw("empty period");
        }
    }

    fn change(&mut self, tenant: usize, day: NaiveDate, mode: &str) {
        let (plan, seats) = (self.some_plan(tenant), 1 + self.dice.below(6));
        let currency = self.tenants[tenant].currency;
        let contract = self.tenants[tenant].contract.as_ref().unwrap();
        let (old, new) = (&self.plans[contract.plan], &self.plans[plan]);
        let is_down = new.worth(seats, currency) < old.worth(contract.seats, currency)
            || old.is_yearly && !new.is_yearly;
        let (is_same, is_like) =
            ((plan, seats) == (contract.plan, contract.seats), new.is_like(old));
        let ends = self.whole(contract, day).1;
        // What is paid in advance is not given back.
        let must_wait = !is_like && old.is_ahead;
        let waits = mode == "next_period" || mode == "auto" && (is_down || must_wait);
        let name = (plan != contract.plan).then(|| new.name.clone());
        let (id, at) = (self.tenants[tenant].id, self.noon(tenant, day));
        let sql = "SELECT saas.change_subscription($1, $2, $3, $4, $5::text::timestamptz)";
        if !is_like && !waits && !must_wait {
            self.leave_empty_period(tenant, day);
        }
        let changed = self.books.worker.query_one(sql, &[&id, &name, &(seats as i32), &mode, &at]);
        if must_wait && !waits {
            drop(assert_sqlstate(changed, "55000"));
            self.saw("what is paid ahead");
            return;
        }
        let subscription: Uuid = match changed {
            Ok(row) => row.get(0),
            Err(error) => panic!("seed {}, tenant {tenant}, {day}: {error:?}", self.seed),
        };
        // Fees that came due until then were charged by the terms of before.
        self.note_some_invoices("i.billing_reason <> 'change'");
        self.note_ending(tenant, (waits && !is_like).then_some(ends));
        let contract = self.contract(tenant);
        contract.waits = None;
        if is_same {
            return;
        }
        if waits {
            contract.waits = Some((ends, plan, seats));
        } else if is_like {
            (contract.plan, contract.seats) = (plan, seats);
            self.note_terms(tenant, day, true);
        } else {
            self.go_on(tenant, day, day, plan, seats, subscription);
        }
        self.note_invoices();
    }

    /// More or fewer of an add-on: at once or when what the fee covers is over.
    fn take_add_on(&mut self, tenant: usize, day: NaiveDate) {
        let key = ADD_ONS[self.dice.below(2) as usize];
        let quantity = self.dice.below(4) as i32;
        let mode = ["auto", "auto", "prorate", "next_period"][self.dice.below(4) as usize];
        let contract = self.tenants[tenant].contract.as_ref().unwrap();
        let (number, ends) = (contract.number, self.whole(contract, day).1);
        let (id, at) = (self.tenants[tenant].id, self.noon(tenant, day));
        let sql = "SELECT saas.set_add_on($1, $2, $3, $4, $5::text::timestamptz)";
        if let Err(error) = self.books.worker.query_one(sql, &[&id, &key, &quantity, &mode, &at]) {
            panic!("seed {}, tenant {tenant}, {day}, {quantity} {key}: {error:?}", self.seed);
        }
        self.note_some_invoices("i.billing_reason <> 'change'");
        let sql = "SELECT coalesce((SELECT quantity FROM world.add_on_days($1, NULL) WHERE key = $2 AND $3 >= first AND $3 < next), 0)";
        let taken: i32 = self.one(sql, &[&number, &key, &day]);
        let said = if quantity == taken {
            // As many as there are takes back what waits.
            let sql = "SELECT min(first) FROM world.add_on_days($1, NULL) WHERE key = $2 AND first > $3 AND quantity <> $4";
            self.one::<Option<NaiveDate>>(sql, &[&number, &key, &day, &taken])
                .map(|first| (first, false))
        } else if mode == "next_period" || mode == "auto" && quantity < taken {
            Some((ends, false))
        } else {
            Some((day, true))
        };
        if let Some((from, at_once)) = said {
            self.step += 1;
            let step = self.step;
            self.write(
                "INSERT INTO world.add_on (contract, step, key, quantity, day, at_once) VALUES ($1, $2, $3, $4, $5, $6)",
                &[&number, &step, &key, &quantity, &from, &at_once],
            );
        }
        self.note_invoices();
    }

    /// The days until the pause are billed, as a part of the month if that was running already, else as all of it.
    fn cancel_paused(&mut self, tenant: usize, day: NaiveDate) {
        let contract = self.tenants[tenant].contract.as_ref().unwrap();
        let (id, number, paused) =
            (self.tenants[tenant].id, contract.number, contract.paused.unwrap());
        let is_behind: bool = self.one(
            "SELECT current_period_end < $2 FROM saas.tenant_subscriptions WHERE tenant_id = $1 AND status <> 'canceled'",
            &[&id, &paused],
        );
        if is_behind {
            self.write(
                "DELETE FROM world.pause WHERE contract = $1 AND first_day = $2",
                &[&number, &paused],
            );
        }
        self.call("cancel_subscription($1, false, $2::text::timestamptz)", tenant, day);
        self.ended(tenant, paused, day + Days::new(1));
    }

    fn resume(&mut self, tenant: usize, day: NaiveDate) {
        self.call("resume_subscription($1, $2::text::timestamptz)", tenant, day);
        let contract = self.contract(tenant);
        contract.resumed = Some(day);
        let (number, paused) = (contract.number, contract.paused.take().unwrap());
        let came = contract.waits.take_if(|waits| waits.0 <= day);
        let present = contract.plan;
        self.write(
            "UPDATE world.pause SET until = $3 WHERE contract = $1 AND first_day = $2",
            &[&number, &paused, &day],
        );
        // What came due in the pause applies from this day on.
        if let Some((from, plan, seats)) = came {
            if self.plans[plan].is_like(&self.plans[present]) {
                let contract = self.contract(tenant);
                (contract.plan, contract.seats) = (plan, seats);
                self.note_terms(tenant, from, false);
            } else {
                let id = self.tenants[tenant].id;
                let next = self.one(
                    "SELECT id FROM saas.tenant_subscriptions WHERE tenant_id = $1 AND status <> 'canceled'",
                    &[&id],
                );
                self.go_on(tenant, paused, day, plan, seats, next);
                self.saw("another contract after a pause");
            }
        }
        // What was open until the pause is billed now.
        self.note_invoices();
    }

    fn ended(&mut self, tenant: usize, end: NaiveDate, free_from: NaiveDate) {
        self.note_ending(tenant, Some(end));
        let contract = self.tenants[tenant].contract.take().unwrap();
        self.write(
            "UPDATE world.contract SET ended = $2 WHERE number = $1",
            &[&contract.number, &end],
        );
        let tenant = &mut self.tenants[tenant];
        tenant.lived.push((contract.number, contract.first_day + Days::new(1), end - Days::new(1)));
        tenant.free_from = free_from;
    }

    /// From now on the contract is known to end on a day, or on none.
    fn note_ending(&mut self, tenant: usize, end: Option<NaiveDate>) {
        self.step += 1;
        let (number, step) = (self.contract(tenant).number, self.step);
        self.write("INSERT INTO world.ending VALUES ($1, $2, $3)", &[&number, &step, &end]);
    }

    fn note_terms(&mut self, tenant: usize, day: NaiveDate, charged: bool) {
        self.step += 1;
        let step = self.step;
        let contract = self.tenants[tenant].contract.as_ref().unwrap();
        let (number, seats) = (contract.number, contract.seats as i32);
        let key = self.plans[contract.plan].key.clone();
        self.write(
            "INSERT INTO world.terms (contract, step, day, plan, seats, charged) VALUES ($1, $2, $3, $4, $5, $6)",
            &[&number, &step, &day, &key, &seats, &charged],
        );
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
        self.note_invoices();
    }
}
