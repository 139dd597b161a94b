//! Reading a price model from JSON: validated once, so that rating need not ask again.

use super::{Charge, Model, Tier};
use crate::billing::error::{BillingError, Result, shorten};
use crate::billing::rounding::{mul, parse_decimal};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

/// More is no price list but an attack on the biller's time.
const MAX_TIERS: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PerUnitSpec {
    unit_amount: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TiersSpec {
    tiers: Vec<TierSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TierSpec {
    #[serde(default)]
    up_to: Value,
    #[serde(default)]
    unit_amount: Value,
    #[serde(default)]
    flat_amount: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PackageSpec {
    package_size: Value,
    amount: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PercentageSpec {
    #[serde(alias = "rate")]
    percent: Value,
    #[serde(default)]
    fixed_amount: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlatSpec {
    amount: Value,
}

impl Model {
    /// Reads a model from JSON text:
    ///
    /// - `{"model":"per_unit","unit_amount":"10"}`
    /// - `{"model":"graduated","tiers":[{"up_to":5,"unit_amount":"1000","flat_amount":"10000"},{"up_to":null,"unit_amount":"500"}]}`:
    ///   each tier's units at its price, the flat amounts of all tiers reached. `up_to` is inclusive; the first tier's
    ///   flat amount is due at zero usage. A last tier with an end is legal, a quantity beyond it has no price.
    /// - `{"model":"volume", …}`: the same form; the whole quantity at the price of the tier that it ends in.
    /// - `{"model":"package","package_size":10,"amount":"10000"}`: begun packages are due as a whole.
    /// - `{"model":"percentage","percent":"2.9","fixed_amount":"30"}`: 2.9 % of the metered amount, and 30 an event;
    ///   `rate` is another name of `percent`.
    /// - `{"model":"flat","amount":"5000"}`: due at any quantity, zero included.
    ///
    /// All may have `"minimum"` and `"maximum"` (of the whole, also at zero usage), all but `flat` `"free_units"` (or
    /// `"included_units"`), which are taken off the quantity first.
    ///
    /// Amounts (minor units) are decimal strings: a JSON number may have gone through a float on its way. Quantities
    /// (`up_to`, `package_size`, `free_units`) are integers or decimal strings.
    ///
    /// # Errors
    /// [`BillingError::Malformed`] for what is no JSON, or an amount that is no decimal; [`BillingError::Invalid`] for unknown
    /// or missing fields, numbers for amounts, tiers out of order, negative values; [`BillingError::OutOfRange`] for
    /// more than 28 digits.
    pub fn from_json(text: &str) -> Result<Self> {
        let value = serde_json::from_str(text).map_err(|error| {
            BillingError::malformed(
                format!("the price model is not JSON: {error}"),
                "Write a JSON object.",
            )
        })?;
        Self::from_value(value)
    }

    /// Reads a model from a JSON value; see [`Model::from_json`].
    ///
    /// # Errors
    /// As [`Model::from_json`].
    pub fn from_value(value: Value) -> Result<Self> {
        let Value::Object(mut object) = value else {
            return Err(invalid("a price model is a JSON object"));
        };
        let model = match object.remove("model") {
            Some(Value::String(model)) => model,
            _ => return Err(invalid("a price model has a \"model\", which is a string")),
        };
        let minimum =
            object.remove("minimum").map_or(Ok(None), |value| amount("minimum", &value))?;
        let maximum =
            object.remove("maximum").map_or(Ok(None), |value| amount("maximum", &value))?;
        if let (Some(minimum), Some(maximum)) = (minimum, maximum)
            && minimum > maximum
        {
            return Err(invalid("the price model's minimum is larger than its maximum"));
        }
        let free_units = match (object.remove("free_units"), object.remove("included_units")) {
            (Some(_), Some(_)) => {
                return Err(invalid("free_units and included_units are two names of one field"));
            }
            (Some(value), None) | (None, Some(value)) => quantity("free_units", &value)?,
            (None, None) => None,
        };
        if model == "flat" && free_units.is_some() {
            return Err(invalid("a flat price has no free_units"));
        }
        let charge = charge(&model, Value::Object(object))?;
        Ok(Self { charge, free_units: free_units.unwrap_or_default(), minimum, maximum })
    }
}

fn charge(model: &str, rest: Value) -> Result<Charge> {
    Ok(match model {
        "per_unit" => {
            let spec: PerUnitSpec = fields(rest)?;
            Charge::PerUnit {
                unit_amount: required("unit_amount", amount("unit_amount", &spec.unit_amount)?)?,
            }
        }
        "graduated" => Charge::Graduated { tiers: tiers(fields(rest)?)? },
        "volume" => Charge::Volume { tiers: tiers(fields(rest)?)? },
        "package" => {
            let spec: PackageSpec = fields(rest)?;
            let package_size =
                required("package_size", quantity("package_size", &spec.package_size)?)?;
            if package_size.is_zero() {
                return Err(invalid("package_size must be more than zero"));
            }
            Charge::Package {
                package_size,
                amount: required("amount", amount("amount", &spec.amount)?)?,
            }
        }
        "percentage" => {
            let spec: PercentageSpec = fields(rest)?;
            let percent = required("percent", amount("percent", &spec.percent)?)?;
            Charge::Percentage {
                share: mul(percent, Decimal::new(1, 2))?,
                fixed_amount: amount("fixed_amount", &spec.fixed_amount)?.unwrap_or_default(),
            }
        }
        "flat" => {
            let spec: FlatSpec = fields(rest)?;
            Charge::Flat { amount: required("amount", amount("amount", &spec.amount)?)? }
        }
        other => {
            return Err(invalid(format!("unknown price model \"{}\"", shorten(other))));
        }
    })
}

fn tiers(spec: TiersSpec) -> Result<Vec<Tier>> {
    let last = match spec.tiers.len() {
        0 => return Err(invalid("a price model with tiers has at least one tier")),
        count if count > MAX_TIERS => {
            return Err(invalid(format!(
                "a price model has at most {MAX_TIERS} tiers, not {count}"
            )));
        }
        count => count - 1,
    };
    let mut below = Decimal::ZERO;
    let mut tiers = Vec::with_capacity(spec.tiers.len());
    for (place, tier) in spec.tiers.into_iter().enumerate() {
        let name = |field: &str| format!("tiers[{place}].{field}");
        let up_to = quantity(&name("up_to"), &tier.up_to)?;
        match up_to {
            None if place < last => {
                return Err(invalid(format!(
                    "{} is null, but only the last tier may be without an end",
                    name("up_to")
                )));
            }
            Some(up_to) if up_to <= below => {
                return Err(invalid(format!("{} must be more than {below}", name("up_to"))));
            }
            Some(up_to) => below = up_to,
            None => {}
        }
        let unit_amount = amount(&name("unit_amount"), &tier.unit_amount)?;
        let flat_amount = amount(&name("flat_amount"), &tier.flat_amount)?;
        // A tier that is free by omission is more likely a slip than a gift.
        if unit_amount.is_none() && flat_amount.is_none() {
            return Err(invalid(format!("tiers[{place}] has neither unit_amount nor flat_amount")));
        }
        tiers.push(Tier {
            up_to,
            unit_amount: unit_amount.unwrap_or_default(),
            flat_amount: flat_amount.unwrap_or_default(),
        });
    }
    Ok(tiers)
}

fn fields<T: for<'de> Deserialize<'de>>(rest: Value) -> Result<T> {
    serde_json::from_value(rest)
        .map_err(|error| invalid(format!("price model: {}", shorten(&error.to_string()))))
}

fn required(field: &str, value: Option<Decimal>) -> Result<Decimal> {
    value.ok_or_else(|| invalid(format!("{field} must not be null")))
}

fn amount(field: &str, value: &Value) -> Result<Option<Decimal>> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => not_negative(field, text).map(Some),
        _ => Err(BillingError::invalid(
            format!("{field} must be a decimal string"),
            "Put the amount into quotes, such as \"12.50\": JSON numbers may be floats.",
        )),
    }
}

fn quantity(field: &str, value: &Value) -> Result<Option<Decimal>> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => not_negative(field, text).map(Some),
        Value::Number(number) if number.is_i64() || number.is_u64() => {
            not_negative(field, &number.to_string()).map(Some)
        }
        _ => Err(BillingError::invalid(
            format!("{field} must be an integer or a decimal string"),
            "Put fractions into quotes, such as \"0.5\": JSON numbers may be floats.",
        )),
    }
}

fn not_negative(field: &str, text: &str) -> Result<Decimal> {
    let value = parse_decimal(text)?;
    if value < Decimal::ZERO {
        return Err(invalid(format!("{field} must not be negative")));
    }
    Ok(value)
}

fn invalid(message: impl Into<String>) -> BillingError {
    BillingError::invalid(
        message,
        "Models are per_unit, graduated, volume, package, percentage and flat; see the price models in the documentation.",
    )
}

#[cfg(test)]
mod tests;
