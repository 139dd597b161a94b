//! To whom a tenant's invoices are written, and how it is taxed.

use crate::billing::ledger;
use crate::billing::object::Object;
use crate::error::{Error, Result};
use crate::sql;
use serde_json::{Map, Value};

/// What may be changed, and how many characters it has at most.
const DETAILS: &[(&str, usize)] =
    &[("name", 300), ("address", 2000), ("country", 2), ("tax_id", 100), ("email", 320)];

pub fn change(tenant: pgrx::Uuid, changes: &str) -> Result<()> {
    let changes = read(changes)?.to_string();
    ledger::lock(tenant)?;
    let args = [tenant.into(), changes.as_str().into()];
    sql::run(include_str!("../../sql/tax/change_details.sql"), &args)?;
    Ok(())
}

/// The changes as they are stored: trimmed; a null, or nothing but spaces, takes away.
fn read(changes: &str) -> Result<Value> {
    let value: Value = serde_json::from_str(changes)
        .map_err(|error| Error::Malformed(format!("the changes can't be read: {error}")))?;
    let named: Vec<String> =
        value.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default();
    let keys: Vec<&str> = DETAILS.iter().map(|(key, _)| *key).collect();
    let given = Object::new("changes", value, &keys)?;
    let mut read = Map::new();
    for (key, most) in DETAILS {
        if !named.iter().any(|name| name == key) {
            continue;
        }
        let text = given.text(key)?.map(|text| text.trim().to_owned());
        let text = text.filter(|text| !text.is_empty());
        if text.as_ref().is_some_and(|text| text.chars().count() > *most) {
            return Err(given.refuse(key, &format!("{most} characters at most")));
        }
        let is_country = |text: &String| {
            text.len() == 2 && text.chars().all(|letter| letter.is_ascii_uppercase())
        };
        if *key == "country" && !text.as_ref().is_none_or(is_country) {
            return Err(given.refuse(key, "two capital letters, as in ISO 3166-1"));
        }
        read.insert((*key).to_owned(), text.map_or(Value::Null, Value::String));
    }
    Ok(Value::Object(read))
}

pub fn treat(tenant: pgrx::Uuid, treatment: &str) -> Result<()> {
    if !matches!(treatment, "standard" | "reverse_charge" | "exempt") {
        return Err(Error::Invalid("treatment is standard, reverse_charge or exempt".into()));
    }
    ledger::lock(tenant)?;
    sql::run(
        "INSERT INTO saas.billing_details AS b (tenant_id, tax_treatment) VALUES ($1, $2)
         ON CONFLICT (tenant_id) DO UPDATE SET tax_treatment = excluded.tax_treatment, updated_at = now()
          WHERE b.tax_treatment <> excluded.tax_treatment",
        &[tenant.into(), treatment.into()],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_are_trimmed_and_known() {
        let changes = r#"{"name": " Acme Inc. ", "tax_id": null, "address": "  "}"#;
        assert_eq!(
            read(changes).unwrap(),
            json!({"name": "Acme Inc.", "tax_id": null, "address": null})
        );
        for bad in [
            r#"{"nam": "x"}"#,
            r#"{"country": "de"}"#,
            r#"{"country": "DEU"}"#,
            r#"{"email": 5}"#,
            r#"{"tax_treatment": "exempt"}"#,
            r#"[]"#,
        ] {
            assert_eq!(read(bad).unwrap_err().sqlstate(), "22023", "{bad}");
        }
        let long = json!({"name": "x".repeat(301)}).to_string();
        assert_eq!(read(&long).unwrap_err().sqlstate(), "22023");
    }
}
