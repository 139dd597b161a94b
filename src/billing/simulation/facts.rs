//! What happens in a simulated year.

use super::Year;
use crate::billing::discount::Value;
use crate::billing::period::{Every, Period};
use crate::billing::price::Model;
use chrono::{Days, NaiveDate, NaiveTime};
use proptest::prelude::RngExt;
use proptest::test_runner::{RngAlgorithm, TestRng};
use rust_decimal::Decimal;

pub const FEATURES: usize = 2;

/// Minor units an interval, and prices of what is used.
pub struct Plan {
    pub base: i64,
    pub seat: i64,
    pub included_seats: i64,
    pub minimum: i64,
    pub prices: [Price; FEATURES],
}

/// So many units free, so many at one price, more at another: the rest of them, or with volume all of them, so that more
/// may cost less. In thousandths of a minor unit.
pub struct Price {
    is_volume: bool,
    free: i64,
    tier: i64,
    first: i64,
    further: i64,
    flat: i64,
    pub model: Model,
}

impl Price {
    fn new(is_volume: bool, [free, tier, first, further, flat]: [i64; 5]) -> Price {
        let text = |thousandths: i64| Decimal::new(thousandths, 3).to_string();
        let model = Model::from_json(&format!(
            r#"{{"model": "{}", "free_units": {free}, "tiers": [
                 {{"up_to": {tier}, "unit_amount": "{}", "flat_amount": "{flat}"}},
                 {{"up_to": null, "unit_amount": "{}"}}]}}"#,
            if is_volume { "volume" } else { "graduated" },
            text(first),
            text(further)
        ));
        Price { is_volume, free, tier, first, further, flat, model: model.unwrap() }
    }

    /// What so many units cost, counted one after the other; the model's own arithmetic takes no part.
    pub fn unit_by_unit(&self, units: i64) -> i64 {
        let is_beyond = units - self.free > self.tier;
        let thousandths: i64 = (1..=units)
            .map(|unit| match unit - self.free {
                ..=0 => 0,
                _ if self.is_volume && is_beyond => self.further,
                paid if paid <= self.tier => self.first,
                _ => self.further,
            })
            .sum();
        let flat = if self.is_volume && is_beyond { 0 } else { self.flat };
        flat + (thousandths + 500) / 1000
    }
}

/// One contract for the year.
pub struct Contract {
    pub plans: Vec<Plan>,
    pub first_day: NaiveDate,
    pub trial_end: NaiveDate,
    pub setup: i64,
    /// `None`: calendar months, of which the first is a part.
    pub every: Option<Every>,
    /// Of fees and of usage: in thousandths, and whether prices contain it.
    pub taxes: [(i64, bool); 2],
    pub seats: i64,
}

impl Contract {
    /// What a fee covers that is due for the day.
    pub fn whole(&self, day: NaiveDate) -> (NaiveDate, NaiveDate) {
        let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN);
        let period = match self.every {
            None => Period::calendar_month(day),
            Some(every) => Period::at(midnight(self.first_day), every, midnight(day)),
        };
        period.unwrap().dates()
    }

    /// The billing period that contains the day.
    pub fn period(&self, day: NaiveDate) -> (NaiveDate, NaiveDate) {
        let whole = self.whole(day);
        (whole.0.max(self.first_day), whole.1)
    }
}

#[derive(Clone, Debug)]
pub enum Fact {
    /// Other terms from this day on, charged by days.
    Changed {
        plan: usize,
        seats: i64,
    },
    /// Other terms from the next period on.
    Waits {
        plan: usize,
        seats: i64,
    },
    /// Units of a feature on a day that may be long past.
    Used {
        feature: usize,
        day: NaiveDate,
        units: i64,
    },
    Granted {
        amount: i64,
        priority: i32,
        expires: Option<NaiveDate>,
    },
    /// For so many invoices; of fees only, or of all charges.
    Coupon {
        value: Value,
        fees_only: bool,
        invoices: Option<usize>,
    },
    /// The newest invoice is tried to be collected.
    Collected {
        succeeds: bool,
    },
    /// The newest invoice is void, and made again on the next day.
    Voided,
    /// The newest invoice is credited, in so many notes.
    Credited {
        notes: i64,
    },
}

pub fn draw(seed: u64) -> Year {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut below = |most: i64| rng.random_range(0..most);
    let price = |is_volume: bool, below: &mut dyn FnMut(i64) -> i64| {
        let terms = [below(50), 1 + below(60), below(30_000), below(9000), below(3) * below(700)];
        Price::new(is_volume, terms)
    };
    // Where only usage costs, what has become cheaper can be more than what is due.
    let fees = below(3).min(1);
    let plans = (0..4)
        .map(|_| Plan {
            base: fees * below(90_000),
            seat: fees * below(7000),
            included_seats: below(4),
            minimum: if below(3) == 0 { fees * below(300_000) } else { 0 },
            prices: [price(false, &mut below), price(true, &mut below)],
        })
        .collect();
    let january = NaiveDate::from_ymd_opt(2023 + (seed % 2) as i32, 1, 1).unwrap();
    let first_day = january + Days::new(below(70) as u64);
    let every = [
        None,
        None,
        Some(Every::MONTH),
        Some(Every::MONTH),
        Some(Every::WEEK),
        Some(Every::QUARTER),
        Some(Every::YEAR),
    ][below(7) as usize];
    let taxes = [(below(250), below(2) == 0), (below(100), below(2) == 0)];
    let trial_end = first_day + Days::new((below(3) / 2 * below(40)) as u64);
    let contract = Contract {
        plans,
        first_day,
        trial_end,
        setup: below(2) * below(5000),
        every,
        taxes,
        seats: 1 + below(5),
    };
    let days = (0..400).map(|offset| first_day + Days::new(offset)).collect::<Vec<_>>();
    let days = days
        .into_iter()
        .map(|day| {
            let mut facts = Vec::new();
            let terms = (below(4) as usize, 1 + below(8));
            match below(60) {
                0..=2 => facts.push(Fact::Changed { plan: terms.0, seats: terms.1 }),
                3 => facts.push(Fact::Waits { plan: terms.0, seats: terms.1 }),
                4 | 5 => {
                    let expires = (below(2) == 0).then(|| day + Days::new(1 + below(90) as u64));
                    facts.push(Fact::Granted {
                        amount: 1 + below(40_000),
                        priority: below(3) as i32,
                        expires,
                    });
                }
                6 if below(3) == 0 => {
                    let value = match below(2) {
                        0 => Value::Percent(Decimal::new(1 + below(400), 1)),
                        _ => Value::Amount(1 + below(9000)),
                    };
                    let invoices = (below(3) > 0).then(|| 1 + below(4) as usize);
                    facts.push(Fact::Coupon { value, fees_only: below(2) == 0, invoices });
                }
                7..=16 => facts.push(Fact::Collected { succeeds: below(3) > 0 }),
                17 | 18 => facts.push(Fact::Voided),
                19 => facts.push(Fact::Credited { notes: 1 + below(4) }),
                _ => {}
            }
            while below(3) == 0 {
                let late = if below(4) == 0 { below(80) as u64 } else { 0 };
                let on = (day - Days::new(late)).max(first_day);
                facts.push(Fact::Used {
                    feature: below(FEATURES as i64) as usize,
                    day: on,
                    units: 1 + below(40),
                });
            }
            (day, facts)
        })
        .collect();
    Year { contract, days }
}
