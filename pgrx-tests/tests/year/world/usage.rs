//! What is used: recorded, late and twice, and consumed up to what is allowed.

use super::World;
use super::offers::FEATURES;
use chrono::{Days, NaiveDate};
use saas_core_tests::{assert_sqlstate, story};

impl World {
    pub fn use_features(&mut self, day: NaiveDate) {
        self.step += 1;
        let (mut tenants, mut features, mut units, mut ids, mut times) =
            (vec![], vec![], vec![], vec![], vec![]);
        for at in 0..self.tenants.len() {
            while self.dice.one_in(4) {
                let late = if self.dice.one_in(3) { self.dice.below(70) as u64 } else { 0 };
                let Some((contract, used)) = self.lived_on(at, day - Days::new(late)) else {
                    continue;
                };
                let (tenant, feature) = (&self.tenants[at], FEATURES[self.dice.below(2) as usize]);
                let (amount, zone, id) =
                    (1 + self.dice.below(150), tenant.zone, format!("event {}", self.events));
                self.events += 1;
                self.books
                    .data
                    .execute(
                        "INSERT INTO world.event VALUES ($1, $2, $3, $4, $5::bigint, $6, $7)",
                        &[&tenant.id, &id, &feature, &used, &amount, &self.step, &contract],
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
        // Some are delivered twice.
        for new in [ids.len() as i64, 0].into_iter().take(1 + usize::from(self.dice.one_in(3))) {
            let counted: i64 = story::one(
                &mut self.books.worker,
                sql,
                &[&tenants, &features, &units, &ids, &times],
            );
            assert_eq!(counted, new);
        }
        self.step += 1;
    }

    /// Which contract was live in the morning of a day. Too early: the first one that is there, on its second day; and none if that is to come.
    fn lived_on(&self, tenant: usize, day: NaiveDate) -> Option<(i32, NaiveDate)> {
        let tenant = &self.tenants[tenant];
        let running = tenant
            .contract
            .as_ref()
            .map(|live| (live.number, live.first_day + Days::new(1), NaiveDate::MAX));
        let lived =
            || tenant.lived.iter().copied().chain(running).filter(|(_, first, last)| first <= last);
        lived()
            .find(|(_, first, last)| *first <= day && day <= *last)
            .map(|(number, ..)| (number, day))
    }

    /// Uses something now, as far as the plan and a cap allow; what was consumed until now is in a month that the year doesn't bill.
    pub fn consume(&mut self, tenant: usize, day: NaiveDate) {
        let what = self.dice.below(100);
        let id = self.tenants[tenant].id;
        if what == 0 {
            let cap = (!self.tenants[tenant].has_cap).then(|| 1 + self.dice.below(20_000));
            self.write("SELECT saas.set_spend_cap($1, $2)", &[&id, &cap]);
            self.write("UPDATE world.tenant SET cap = $2::bigint WHERE id = $1", &[&id, &cap]);
            self.tenants[tenant].has_cap = cap.is_some();
        }
        let Some(contract) = &self.tenants[tenant].contract else { return };
        if what > 3
            || contract.waits.is_some()
            || contract.ends.is_some()
            || day < contract.first_day
        {
            return;
        }
        let (number, seats, is_paused) =
            (contract.number, contract.seats as i32, contract.paused.is_some());
        let (feature, units) = (FEATURES[self.dice.below(2) as usize], 1 + self.dice.below(400));
        let (event, noon) = (format!("event {}", self.events), self.noon(tenant, day));
        self.events += 1;
        if !is_paused {
            // What came due may not have been applied yet.
            let sql =
                "SELECT saas.change_subscription($1, NULL, $2, 'auto', $3::text::timestamptz)";
            self.books.worker.execute(sql, &[&id, &seats, &noon]).unwrap();
            self.note_invoices();
        }
        let may: bool = !is_paused
            && self
                .one("SELECT world.may_consume($1, $2, $3::bigint)", &[&number, &feature, &units]);
        let consumed = self
            .books
            .worker
            .execute("SELECT saas.consume($1, $2, $3, $4)", &[&id, &feature, &units, &event]);
        if may {
            assert_eq!(consumed.unwrap(), 1, "seed {}, tenant {tenant}, {day}", self.seed);
            self.write("SELECT world.consumed($1, $2, $3::bigint)", &[&number, &feature, &units]);
            self.saw("consumed");
        } else {
            assert_sqlstate(consumed, "53400");
            self.saw(if is_paused { "paused" } else { "beyond the cap" });
        }
    }
}
