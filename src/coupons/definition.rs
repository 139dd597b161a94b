//! Reading a coupon's definition from JSON.

use crate::billing::object::{Object, WHOLE};
use crate::error::{Error, Result};
use serde_json::{Map, Value, json};

/// A valid definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// In capitals.
    pub code: String,
    pub terms: Value,
}

const COUPON: &[&str] = &[
    "code",
    "name",
    "percent",
    "amounts",
    "applies_to",
    "invoices",
    "max_redemptions",
    "starts_at",
    "expires_at",
    "is_active",
];
/// Lines that are charges.
const CHARGES: &[&str] =
    &["subscription", "seat", "usage", "proration", "minimum", "add_on", "setup", "adjustment"];

impl Definition {
    /// # Errors
    /// 22023 for what no coupon can be, for an unknown key with the nearest known one as hint; 22P02 for malformed
    /// numbers; 22003 for numbers beyond what can be stored.
    pub fn from_json(text: &str) -> Result<Definition> {
        let value = serde_json::from_str(text)
            .map_err(|error| Error::Malformed(format!("the definition can't be read: {error}")))?;
        let coupon = Object::new(WHOLE, value, COUPON)?;
        let code =
            coupon.text("code")?.ok_or_else(|| invalid("code is missing"))?.trim().to_uppercase();
        let is_plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || "-_".contains(c);
        if code.is_empty() || code.len() > 64 || !code.chars().all(is_plain) {
            return Err(invalid("code has 1 to 64 letters, digits, hyphens and underscores"));
        }
        let name = coupon.text("name")?.unwrap_or_else(|| code.clone());
        if name.trim().is_empty() || name.chars().count() > 200 {
            return Err(invalid("name has 1 to 200 characters"));
        }
        let percent = coupon.unit_price("percent")?;
        let amounts = amounts(&coupon)?;
        if percent.is_some() == amounts.is_some() {
            return Err(invalid("a coupon has either a percent or amounts"));
        }
        if percent.is_some_and(|share| share.is_zero() || share > 100.into()) {
            return Err(invalid("percent is more than 0 and at most 100"));
        }
        let terms = json!({
            "name": name,
            "percent": percent.map(|share| share.to_string()),
            "amounts": amounts,
            "applies_to": applies_to(&coupon)?,
            "invoice_count": coupon.count("invoices", 1, i32::MAX)?,
            "max_redemptions": coupon.units("max_redemptions")?,
            "starts_at": coupon.text("starts_at")?,
            "expires_at": coupon.text("expires_at")?,
            "is_active": coupon.flag("is_active")?.unwrap_or(true),
        });
        Ok(Definition { code, terms })
    }
}

/// Minor units by currency.
fn amounts(coupon: &Object) -> Result<Option<Map<String, Value>>> {
    let wanted = || coupon.refuse("amounts", "an object of minor units by currency, 1 or more");
    match coupon.get("amounts") {
        None => Ok(None),
        Some(Value::Object(amounts)) if !amounts.is_empty() => {
            if amounts.values().all(|amount| amount.as_i64().is_some_and(|amount| amount > 0)) {
                Ok(Some(amounts.clone()))
            } else {
                Err(wanted())
            }
        }
        Some(_) => Err(wanted()),
    }
}

fn applies_to(coupon: &Object) -> Result<Option<Vec<String>>> {
    let wanted = || coupon.refuse("applies_to", &format!("an array of {}", CHARGES.join(", ")));
    match coupon.get("applies_to") {
        None => Ok(None),
        Some(Value::Array(kinds)) if !kinds.is_empty() && kinds.len() <= CHARGES.len() => kinds
            .iter()
            .map(|kind| match kind.as_str() {
                Some(kind) if CHARGES.contains(&kind) => Ok(kind.to_owned()),
                _ => Err(wanted()),
            })
            .collect::<Result<_>>()
            .map(Some),
        Some(_) => Err(wanted()),
    }
}

fn invalid(message: &str) -> Error {
    Error::Invalid(message.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_read() {
        let read = Definition::from_json(r#"{"code": " spring-26 ", "percent": "12.50"}"#).unwrap();
        assert_eq!(read.code, "SPRING-26");
        assert_eq!(
            (&read.terms["percent"], &read.terms["name"]),
            (&json!("12.5"), &json!("SPRING-26"))
        );
        let fixed =
            r#"{"code": "A", "amounts": {"USD": 1000}, "invoices": 3, "applies_to": ["seat"]}"#;
        let read = Definition::from_json(fixed).unwrap();
        assert_eq!(read.terms["amounts"], json!({"USD": 1000}));
        assert_eq!(
            (&read.terms["invoice_count"], &read.terms["applies_to"]),
            (&json!(3), &json!(["seat"]))
        );
    }

    #[test]
    fn what_no_coupon_can_be_is_refused() {
        for text in [
            r#"{"percent": "1"}"#,
            r#"{"code": "", "percent": "1"}"#,
            r#"{"code": "ä", "percent": "1"}"#,
            r#"{"code": "A"}"#,
            r#"{"code": "A", "percent": "1", "amounts": {"USD": 1}}"#,
            r#"{"code": "A", "percent": "0"}"#,
            r#"{"code": "A", "percent": "100.01"}"#,
            r#"{"code": "A", "percent": 10}"#,
            r#"{"code": "A", "amounts": {}}"#,
            r#"{"code": "A", "amounts": {"USD": 0}}"#,
            r#"{"code": "A", "amounts": {"USD": 1.5}}"#,
            r#"{"code": "A", "amounts": [1]}"#,
            r#"{"code": "A", "percent": "1", "invoices": 0}"#,
            r#"{"code": "A", "percent": "1", "max_redemptions": -1}"#,
            r#"{"code": "A", "percent": "1", "applies_to": []}"#,
            r#"{"code": "A", "percent": "1", "applies_to": ["tax"]}"#,
            r#"{"code": "A", "percent": "1", "nam": "x"}"#,
            r#"["A"]"#,
        ] {
            let error = Definition::from_json(text).unwrap_err();
            assert_eq!(error.sqlstate(), "22023", "{text}: {error}");
        }
        assert_eq!(Definition::from_json("{").unwrap_err().sqlstate(), "22P02");
    }
}
