//! Reading a plan's definition from JSON: everything that can be refused without a look at the database is refused here.

use crate::billing::object::{Object, WHOLE};
use crate::error::{Error, Result};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A valid definition, split by what a change of it means.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    pub key: String,
    /// What its subscribers pay and get: a change makes a new version. Written in one way only, so that two
    /// definitions of the same are equal.
    pub terms: Value,
    /// What may change for running subscriptions, too: names, limits, the trial of those who come.
    pub limits: Value,
}

const PLAN: &[&str] = &[
    "key",
    "name",
    "base_price",
    "currency",
    "prices",
    "seat_price",
    "included_seats",
    "billing_interval",
    "billing_cycle",
    "bill_in",
    "trial_days",
    "setup_fee",
    "minimum_amount",
    "workspace_count",
    "guest_count",
    "member_seat",
    "is_active",
    "is_custom",
    "tenant_id",
    "features",
    "add_ons",
];
const PRICE: &[&str] = &["currency", "base_price", "seat_price", "setup_fee", "minimum_amount"];
const FEATURE: &[&str] =
    &["feature_key", "currency", "included_units", "overage_price", "price_model", "aggregation"];
const ADD_ON: &[&str] = &["key", "name", "currency", "price", "most"];

impl Definition {
    /// Reads a definition; `currency` is the plan's where it names none.
    ///
    /// # Errors
    /// 22023 for what no plan can be, for an unknown key with the nearest known one as hint; 22P02 for malformed
    /// numbers; 22003 for numbers beyond what can be stored.
    pub fn from_json(text: &str, currency: &str) -> Result<Definition> {
        let value = serde_json::from_str(text)
            .map_err(|error| Error::Malformed(format!("the definition can't be read: {error}")))?;
        let plan = Object::new(WHOLE, value, PLAN)?;
        let key = plan.text("key")?.ok_or_else(|| missing("key"))?;
        if key.is_empty() || key.chars().count() > 200 {
            return Err(Error::Invalid("a plan's key has 1 to 200 characters".into()));
        }
        let currency = plan.text("currency")?.unwrap_or_else(|| currency.to_owned());
        let base_price = plan.money("base_price")?.ok_or_else(|| missing("base_price"))?;
        let tenant_id = match plan.text("tenant_id")? {
            None => None,
            Some(id) => Some(
                id.parse::<uuid::Uuid>()
                    .map_err(|_| Error::Malformed("tenant_id is no UUID".into()))?
                    .to_string(),
            ),
        };
        let is_custom = plan.flag("is_custom")?;
        if tenant_id.is_some() && is_custom == Some(false) {
            return Err(Error::Invalid("a plan for one tenant is a custom one".into()));
        }
        let terms = json!({
            "base_price": base_price,
            "seat_price": plan.money("seat_price")?.unwrap_or(0),
            "included_seats": plan.count("included_seats", 0, i32::MAX)?.unwrap_or(1),
            "currency": currency,
            "billing_interval": plan.one_of("billing_interval", &["monthly", "yearly"])?,
            "billing_cycle": plan.one_of("billing_cycle", &["calendar", "anniversary"])?,
            "bill_in": plan.one_of("bill_in", &["arrears", "advance"])?,
            "setup_fee": plan.money("setup_fee")?.unwrap_or(0),
            "minimum_amount": plan.money("minimum_amount")?.unwrap_or(0),
            "is_custom": is_custom.unwrap_or(tenant_id.is_some()),
            "tenant_id": tenant_id,
            "prices": prices(&plan, &currency)?,
            "features": features(&plan, &currency)?,
            "add_ons": add_ons(&plan, &currency)?,
        });
        let name = plan.text("name")?.unwrap_or_else(|| key.clone());
        if name.trim().is_empty() {
            return Err(Error::Invalid("a plan's name must say something".into()));
        }
        let limits = json!({
            "name": name,
            "trial_days": plan.count("trial_days", 0, 3650)?.unwrap_or(0),
            "workspace_count": plan.count("workspace_count", -1, i32::MAX)?.unwrap_or(1),
            "guest_count": plan.count("guest_count", -1, i32::MAX)?.unwrap_or(10),
            "member_seat": plan.count("member_seat", -1, i32::MAX)?.unwrap_or(100),
            "is_active": plan.flag("is_active")?.unwrap_or(true),
        });
        Ok(Definition { key, terms, limits })
    }
}

fn prices(plan: &Object, own: &str) -> Result<Value> {
    let mut prices = Vec::new();
    for (name, value) in plan.list("prices")? {
        let price = Object::new(&name, value, PRICE)?;
        let currency = price.text("currency")?.ok_or_else(|| missing(&price.name("currency")))?;
        if currency == own {
            return Err(Error::Invalid(format!("{name}: {own} is the plan's own currency")));
        }
        let base_price =
            price.money("base_price")?.ok_or_else(|| missing(&price.name("base_price")))?;
        prices.push(json!({
            "currency": currency,
            "base_price": base_price,
            "seat_price": price.money("seat_price")?.unwrap_or(0),
            "setup_fee": price.money("setup_fee")?.unwrap_or(0),
            "minimum_amount": price.money("minimum_amount")?.unwrap_or(0),
        }));
    }
    sorted_once(prices, |price| price["currency"].as_str().unwrap_or_default().to_owned())
}

fn features(plan: &Object, own: &str) -> Result<Value> {
    let mut features = Vec::new();
    for (name, value) in plan.list("features")? {
        let feature = Object::new(&name, value, FEATURE)?;
        let key =
            feature.text("feature_key")?.ok_or_else(|| missing(&feature.name("feature_key")))?;
        if key.is_empty() || key.chars().count() > 200 {
            return Err(Error::Invalid(format!(
                "{} has 1 to 200 characters",
                feature.name("feature_key")
            )));
        }
        let overage_price = feature.unit_price("overage_price")?;
        let model = feature.model("price_model")?;
        if overage_price.is_some() && model.is_some() {
            return Err(Error::Invalid(format!(
                "{name}: an overage_price and a price_model say the same thing twice"
            )));
        }
        features.push(json!({
            "feature_key": key,
            // NULL is the plan's own.
            "currency": feature.text("currency")?.filter(|currency| currency != own),
            "included_units": feature.units("included_units")?.unwrap_or(0),
            "overage_price": overage_price.map(|price| price.to_string()),
            "price_model": model,
            "aggregation": feature.one_of("aggregation", &["sum", "max", "last"])?,
        }));
    }
    sorted_once(features, |feature| in_currency(feature, "feature_key"))
}

fn add_ons(plan: &Object, own: &str) -> Result<Value> {
    let mut add_ons = Vec::new();
    for (name, value) in plan.list("add_ons")? {
        let add_on = Object::new(&name, value, ADD_ON)?;
        let key = add_on.text("key")?.ok_or_else(|| missing(&add_on.name("key")))?;
        if key.is_empty() || key.chars().count() > 200 {
            return Err(add_on.refuse("key", "a string of 1 to 200 characters"));
        }
        let called = add_on.text("name")?.unwrap_or_else(|| key.clone());
        if called.trim().is_empty() || called.chars().count() > 200 {
            return Err(
                add_on.refuse("name", "a string of 1 to 200 characters that says something")
            );
        }
        add_ons.push(json!({
            "key": key,
            "name": called,
            // NULL is the plan's own.
            "currency": add_on.text("currency")?.filter(|currency| currency != own),
            "price": add_on.money("price")?.ok_or_else(|| missing(&add_on.name("price")))?,
            "most": add_on.count("most", 1, i32::MAX)?,
        }));
    }
    sorted_once(add_ons, |add_on| in_currency(add_on, "key"))
}

/// What a row of the terms is about. A zero byte sorts before every other and is in no text of PostgreSQL's.
fn in_currency(row: &Value, key: &str) -> String {
    let text = |key: &str| row[key].as_str().unwrap_or_default();
    format!("{}\0{}", text(key), text("currency"))
}

/// In one order, whatever order they were given in, and each thing once.
fn sorted_once(mut rows: Vec<Value>, key: impl Fn(&Value) -> String) -> Result<Value> {
    rows.sort_by_cached_key(&key);
    let mut seen = BTreeSet::new();
    for row in &rows {
        let key = key(row);
        if !seen.insert(key.clone()) {
            let name = key.replace('\0', " ");
            return Err(Error::Invalid(format!("\"{}\" is there twice", name.trim_end())));
        }
    }
    Ok(Value::Array(rows))
}

fn missing(name: &str) -> Error {
    Error::Invalid(format!("{name} is missing"))
}

#[cfg(test)]
mod tests;
