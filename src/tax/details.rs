//! To whom a tenant's invoices are written, and how it is taxed.

use crate::billing::ledger;
use crate::billing::object::texts;
use crate::error::{Error, Result};
use crate::sql;
use serde_json::Value;

/// What may be changed, and how many characters it has at most.
const DETAILS: &[(&str, usize)] =
    &[("name", 300), ("address", 2000), ("country", 2), ("tax_id", 100), ("email", 320)];

pub fn change(tenant: pgrx::Uuid, changes: &str) -> Result<()> {
    let changes = read(changes)?;
    require_country(changes.get("country").and_then(Value::as_str))?;
    let changes = changes.to_string();
    ledger::lock(tenant)?;
    let args = [tenant.into(), changes.as_str().into()];
    sql::run(include_str!("../../sql/tax/change_details.sql"), &args)?;
    Ok(())
}

/// # Errors
/// 23503 for a country that there is not.
pub fn require_country(country: Option<&str>) -> Result<()> {
    let Some(code) = country else { return Ok(()) };
    let known = sql::read_one::<bool>(
        "SELECT EXISTS (SELECT FROM saas.countries WHERE code = $1)",
        &[code.into()],
    )?;
    match known {
        Some(true) => Ok(()),
        _ => Err(Error::NoSuchRow(format!("there is no country \"{code}\""))),
    }
}

fn read(changes: &str) -> Result<Value> {
    texts(changes, DETAILS)
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
