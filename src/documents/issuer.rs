//! Who writes the invoices.

use crate::billing::object::texts;
use crate::error::{Error, Result};
use crate::sql;
use crate::tax::details::require_country;
use serde_json::Value;

/// What may be changed, how many characters it has at most, and whether it may be taken away.
const DETAILS: &[(&str, usize)] = &[
    ("name", 300),
    ("address", 2000),
    ("country", 2),
    ("tax_id", 100),
    ("email", 320),
    ("payment_note", 2000),
    ("reverse_charge_note", 300),
    ("exempt_note", 300),
    ("number_prefix", 30),
    ("credit_note_prefix", 30),
];
const NEEDED: &[&str] =
    &["name", "reverse_charge_note", "exempt_note", "number_prefix", "credit_note_prefix"];

pub fn change(key: &str, changes: &str) -> Result<()> {
    let changes = read(changes)?;
    require_country(changes.get("country").and_then(Value::as_str))?;
    let changes = changes.to_string();
    let changed = sql::run(
        include_str!("../../sql/documents/set_issuer.sql"),
        &[key.into(), changes.as_str().into()],
    )?;
    if changed == 0 { Err(Error::NoSuchRow("no such issuer".into())) } else { Ok(()) }
}

fn read(changes: &str) -> Result<Value> {
    let read = texts(changes, DETAILS)?;
    for key in NEEDED {
        if read.get(*key).is_some_and(Value::is_null) {
            return Err(Error::Invalid(format!("{key} can't be taken away")));
        }
    }
    for key in ["number_prefix", "credit_note_prefix"] {
        let prefix = read.get(key).and_then(Value::as_str).unwrap_or_default();
        if prefix.ends_with(|last: char| last.is_ascii_digit()) {
            // Where it ends and the number begins has to be seen.
            return Err(Error::Invalid(format!("{key} must not end with a digit")));
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_numbers_need_stays() {
        assert!(read(r#"{"name": "Us", "tax_id": null, "number_prefix": "A-"}"#).is_ok());
        for bad in [
            r#"{"name": null}"#,
            r#"{"name": " "}"#,
            r#"{"number_prefix": "2026"}"#,
            r#"{"credit_note_prefix": "C1"}"#,
            r#"{"country": "usa"}"#,
            r#"{"last_number": "5"}"#,
        ] {
            assert_eq!(read(bad).unwrap_err().sqlstate(), "22023", "{bad}");
        }
    }
}
