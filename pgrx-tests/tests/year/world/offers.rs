//! What is offered: plans of all kinds, coupons, and what is taxed where.

use super::{CURRENCIES, World};
use postgres::types::Json;
use serde_json::{Value, json};

pub const FEATURES: [&str; 2] = ["calls", "bytes"];
/// Each plan offers both, at prices of its own.
pub const ADD_ONS: [&str; 2] = ["help", "room"];
/// Interval, whether months are the contract's own where the year allows that, whether there is a minimum, and whether it is in advance.
const KINDS: [(&str, bool, bool, bool); 8] = [
    ("monthly", true, false, false),
    ("monthly", false, true, false),
    ("yearly", true, true, false),
    ("yearly", false, false, false),
    ("monthly", true, true, true),
    ("monthly", false, false, true),
    ("yearly", true, false, true),
    ("yearly", false, true, true),
];

/// A version of a plan.
pub struct Plan {
    /// As it is sold.
    pub name: String,
    /// With its version.
    pub key: String,
    kind: usize,
    pub is_yearly: bool,
    pub is_calendar: bool,
    pub is_ahead: bool,
    included: i64,
    /// Base and seats, by currency.
    values: [(i64, i64); 2],
    owner: Option<usize>,
    pub is_offered: bool,
}

impl Plan {
    /// A year's worth.
    pub fn worth(&self, seats: i64, currency: usize) -> i64 {
        let (base, seat) = self.values[currency];
        (base + seat * (seats - self.included).max(0)) * if self.is_yearly { 1 } else { 12 }
    }

    /// Whether a contract on the one can be on the other.
    pub fn is_like(&self, other: &Plan) -> bool {
        (self.is_yearly, self.is_calendar, self.is_ahead)
            == (other.is_yearly, other.is_calendar, other.is_ahead)
    }
}

/// A coupon: percent, amounts by currency, for how many invoices, and of what.
pub struct Coupon {
    pub percent: Option<&'static str>,
    pub amounts: [Option<i64>; 2],
    pub times: Option<i32>,
    pub applies: Option<&'static [&'static str]>,
}

pub const COUPONS: [Coupon; 5] = [
    Coupon { percent: Some("12.5"), amounts: [None; 2], times: Some(3), applies: None },
    Coupon { percent: None, amounts: [Some(40_000), Some(30_000)], times: Some(2), applies: None },
    Coupon {
        percent: Some("5"),
        amounts: [None; 2],
        times: None,
        applies: Some(&["subscription", "seat"]),
    },
    Coupon { percent: None, amounts: [Some(3_001), None], times: None, applies: None },
    Coupon {
        percent: Some("30"),
        amounts: [None; 2],
        times: Some(4),
        applies: Some(&["usage", "adjustment"]),
    },
];

/// Where tenants are, and how they are treated there; of the last no rate is known.
const PLACES: [(Option<&str>, &str); 8] = [
    (None, "standard"),
    (Some("DE"), "standard"),
    (Some("DE"), "standard"),
    (Some("FR"), "standard"),
    (Some("FR"), "reverse_charge"),
    (Some("DE"), "exempt"),
    (Some("AT"), "standard"),
    (Some("US"), "standard"),
];

impl World {
    /// Germany charges its tax beside the prices, at rates that change, France within them; Austria has none on what is reduced.
    pub fn define_taxes(&mut self) {
        self.books.run(
            "INSERT INTO world.tax VALUES ('DE', 'standard', '2020-01-01', 19, false), ('DE', 'standard', '2024-07-01', 16, false),
                                          ('DE', 'reduced', '2020-01-01', 7, false), ('DE', 'reduced', '2024-07-01', 5, false),
                                          ('FR', 'standard', '2020-01-01', 20, true), ('FR', 'reduced', '2020-01-01', 5.5, true),
                                          ('AT', 'standard', '2020-01-01', 20, false);
             SELECT saas.set_tax_rate(country, percent, since, category => category, is_inclusive => contained) FROM world.tax;
             SELECT saas.set_tax_category('feature', 'bytes', 'reduced')",
        );
    }

    /// From now on the tenant is taxed somewhere else, or in another way.
    pub fn move_taxes(&mut self, tenant: usize) {
        let (country, treatment) = PLACES[self.dice.below(8) as usize];
        let id = self.tenants[tenant].id;
        self.write(
            "SELECT saas.set_billing_details($1, $2)",
            &[&id, &Json(json!({"country": country}))],
        );
        self.write("SELECT saas.set_tax_treatment($1, $2)", &[&id, &treatment]);
        let label = country.map(|country| match treatment {
            "standard" => country.to_owned(),
            other => format!("{country} {other}"),
        });
        self.op(tenant, "tax", "label", &[&label]);
    }

    pub fn define_coupons(&mut self) {
        for (number, coupon) in COUPONS.iter().enumerate() {
            let mut definition = json!({"code": format!("C{number}"), "invoices": coupon.times, "applies_to": coupon.applies});
            match coupon.percent {
                Some(percent) => definition["percent"] = json!(percent),
                None => {
                    let amounts = CURRENCIES.iter().zip(coupon.amounts);
                    definition["amounts"] = amounts
                        .filter_map(|(currency, amount)| {
                            Some(((*currency).to_owned(), json!(amount?)))
                        })
                        .collect::<serde_json::Map<_, _>>()
                        .into();
                }
            }
            self.write("SELECT saas.define_coupon($1)", &[&Json(definition)]);
        }
    }

    pub fn define_plans(&mut self) {
        for kind in 0..KINDS.len() {
            for number in 0..2 {
                self.define_plan(&format!("family {kind} plan {number}"), 1, kind, None);
            }
        }
    }

    /// One that nobody else can take.
    pub fn define_custom_plan(&mut self, tenant: usize) {
        let kind = self.dice.below(KINDS.len() as i64) as usize;
        self.define_plan(&format!("custom {tenant}"), 1, kind, Some(tenant));
    }

    /// The same plan at other prices: who is on it stays where he is.
    pub fn redefine_plan(&mut self) {
        let place = self.dice.below(self.plans.len() as i64) as usize;
        let plan = &mut self.plans[place];
        if !plan.is_offered {
            return;
        }
        plan.is_offered = false;
        let (name, kind, owner) = (plan.name.clone(), plan.kind, plan.owner);
        let version = self.plans.iter().filter(|other| other.name == name).count() + 1;
        self.define_plan(&name, version, kind, owner);
        self.saw("new version");
    }

    /// Prices, included seats and set-up fees are drawn; where a family has a minimum, that too.
    fn define_plan(&mut self, name: &str, version: usize, kind: usize, owner: Option<usize>) {
        let (interval, is_own, has_minimum, is_ahead) = KINDS[kind];
        let cycle = if is_own && !self.is_calendar { "anniversary" } else { "calendar" };
        let (is_yearly, key) = (interval == "yearly", format!("{name} v{version}"));
        let included = self.dice.below(4);
        let scale = if is_yearly { 8 } else { 1 };
        self.write(
            "INSERT INTO world.plan VALUES ($1, $2, $3, $4, $5)",
            &[&key, &cycle, &interval, &is_ahead, &(included as i32)],
        );
        let mut prices = vec![];
        let mut values = [(0, 0); 2];
        for (place, currency) in CURRENCIES.iter().enumerate() {
            let (base, seat) = (self.dice.below(600_000) * scale, self.dice.below(9000) * scale);
            let setup = self.dice.below(2) * self.dice.below(9000);
            let least = if has_minimum { self.dice.below(500_000) * scale } else { 0 };
            values[place] = (base, seat);
            self.books.run(&format!(
                "INSERT INTO world.plan_price VALUES ('{key}', '{currency}', {base}, {seat}, {setup}, {least})"
            ));
            prices.push(json!({"currency": currency, "base_price": base, "seat_price": seat, "setup_fee": setup, "minimum_amount": least}));
        }
        let mut features = vec![];
        for feature in FEATURES {
            for currency in CURRENCIES {
                features.push(self.price(&key, feature, currency));
            }
        }
        let mut add_ons = vec![];
        for add_on in ADD_ONS {
            for currency in CURRENCIES {
                let price = self.dice.below(7000) * scale;
                self.books.run(&format!(
                    "INSERT INTO world.add_on_price VALUES ('{key}', '{add_on}', '{currency}', {price})"
                ));
                add_ons.push(
                    json!({"key": add_on, "name": add_on, "currency": currency, "price": price}),
                );
            }
        }
        let mut definition = prices.remove(0);
        let more = json!({"key": name, "included_seats": included, "billing_interval": interval, "billing_cycle": cycle,
                          "bill_in": if is_ahead { "advance" } else { "arrears" },
                          "prices": prices, "features": features, "add_ons": add_ons, "tenant_id": owner.map(|owner| self.tenants[owner].id.to_string())});
        definition.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.write("SELECT saas.define_plan($1)", &[&Json(definition)]);
        let (is_calendar, name) = (cycle == "calendar", name.to_owned());
        self.plans.push(Plan {
            name,
            key,
            kind,
            is_yearly,
            is_calendar,
            is_ahead,
            included,
            values,
            owner,
            is_offered: true,
        });
    }

    /// Bytes have one price, calls have two.
    fn price(&mut self, plan: &str, feature: &str, currency: &str) -> Value {
        let mut price = |most: i64| {
            let thousandths = self.dice.below(most);
            format!("{}.{:03}", thousandths / 1000, thousandths % 1000)
        };
        let (first, mut further) = (price(20_000), price(9000));
        let (free, tier) = (self.dice.below(300), 1 + self.dice.below(400));
        let mut said =
            json!({"feature_key": feature, "currency": currency, "included_units": free});
        if feature == "bytes" {
            further.clone_from(&first);
            said["overage_price"] = json!(first);
        } else {
            said["price_model"] = json!({"model": "graduated", "tiers": [{"up_to": tier, "unit_amount": first}, {"up_to": null, "unit_amount": further}]});
        }
        self.books.run(&format!(
            "INSERT INTO world.price VALUES ('{plan}', '{feature}', '{currency}', {free}, {first}, {tier}, {further})"
        ));
        said
    }

    /// A plan that the tenant can take; mostly one that its contract can go on with.
    pub fn some_plan(&mut self, tenant: usize) -> usize {
        let present = self.tenants[tenant].contract.as_ref().map(|contract| contract.plan);
        let is_near = present.is_some() && self.dice.below(4) > 0;
        let fits: Vec<usize> = (0..self.plans.len())
            .filter(|place| {
                let plan = &self.plans[*place];
                plan.is_offered
                    && plan.owner.is_none_or(|owner| owner == self.tenants[tenant].number)
                    && present.is_none_or(|present| !is_near || plan.is_like(&self.plans[present]))
            })
            .collect();
        match (fits.len(), present) {
            (0, Some(present)) => present,
            (most, _) => fits[self.dice.below(most as i64) as usize],
        }
    }
}
