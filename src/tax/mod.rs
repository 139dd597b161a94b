//! What is taxed, and whom invoices are written to. The taxes themselves are lines of the line query of invoices.

pub mod details;

use crate::billing::gate;
use crate::billing::rounding::{Taxable, parse_decimal, tax_by_rate};
use crate::error::{Error, Result, given};
use crate::iam::check;
use crate::jsonb::Jsonb;
use crate::owner::{self, as_data_owner};
use crate::sql;
use pgrx::datum::Date;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

// After the functions that they describe.
::pgrx::extension_sql_file!(
    "../../sql/tax/comments.sql",
    name = "tax_comments",
    requires = [
        "tax_functions",
        tax_amount,
        set_tax_rate,
        set_tax_category,
        set_tax_treatment,
        set_tax_function,
        set_billing_details
    ]
);

/// The tax on an amount, or in it.
#[pg_extern(immutable, parallel_safe)]
fn tax_amount(
    amount: i64,
    percent: AnyNumeric,
    is_inclusive: bool,
) -> std::result::Result<i64, ErrorReport> {
    let percent = parse_decimal(&percent.to_string()).map_err(Error::from)?;
    let taxes = tax_by_rate(&[Taxable { amount, percent, inclusive: is_inclusive }])
        .map_err(Error::from)?;
    Ok(taxes.first().map_or(0, |tax| tax.tax))
}

fn require_seller() -> Result<()> {
    if owner::caller_is_free()? {
        return Ok(());
    }
    check::require_in_system("platform.plan.manage")
}

/// Sets the rate of a country and category from a day on.
#[pg_extern(volatile, parallel_unsafe)]
fn set_tax_rate(
    country: Option<&str>,
    percent: Option<AnyNumeric>,
    valid_from: Option<Date>,
    name: default!(Option<&str>, "'VAT'"),
    category: default!(Option<&str>, "'standard'"),
    is_inclusive: default!(Option<bool>, "false"),
) -> std::result::Result<(), ErrorReport> {
    require_seller()?;
    let country = given(country, "country")?;
    let args = [
        country.into(),
        given(category, "category")?.into(),
        given(valid_from, "valid_from")?.into(),
        given(name, "name")?.into(),
        given(percent, "percent")?.into(),
        given(is_inclusive, "is_inclusive")?.into(),
    ];
    as_data_owner(|| {
        details::require_country(Some(country))?;
        sql::run(include_str!("../../sql/tax/set_rate.sql"), &args)
    })?;
    Ok(())
}

/// Says what a plan's fees or a feature's usage are taxed as.
#[pg_extern(volatile, parallel_unsafe)]
fn set_tax_category(
    kind: Option<&str>,
    key: Option<&str>,
    category: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    require_seller()?;
    let kind = given(kind, "kind")?;
    let key = given(key, "key")?;
    let category = given(category, "category")?;
    let known = match kind {
        "plan" => "SELECT DISTINCT key FROM saas.plans",
        "feature" => "SELECT key FROM saas.features",
        _ => return Err(Error::Invalid("kind is plan or feature".into()).into()),
    };
    as_data_owner(|| {
        let known = sql::read_rows(known, &[], |row| Ok(row.get::<String>(1)?))?;
        let known = || known.iter().flatten().map(String::as_str);
        if !known().any(|other| other == key) {
            return Err(Error::Unknown(
                format!("{kind} \"{key}\" does not exist"),
                check::nearest(key, known()),
            ));
        }
        sql::run(
            "INSERT INTO saas.tax_categories AS c (kind, key, category) VALUES ($1, $2, $3)
             ON CONFLICT (kind, key) DO UPDATE SET category = excluded.category WHERE c.category <> excluded.category",
            &[kind.into(), key.into(), category.into()],
        )
    })?;
    Ok(())
}

/// Says how a tenant is taxed.
#[pg_extern(volatile, parallel_unsafe)]
fn set_tax_treatment(
    tenant_id: Option<pgrx::Uuid>,
    treatment: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    gate::require_adjuster()?;
    let tenant_id = given(tenant_id, "tenant_id")?;
    let treatment = given(treatment, "treatment")?;
    Ok(as_data_owner(|| details::treat(tenant_id, treatment))?)
}

/// Changes whom a tenant's invoices are written to.
#[pg_extern(volatile, parallel_unsafe)]
fn set_billing_details(
    tenant_id: Option<pgrx::Uuid>,
    changes: Option<Jsonb>,
) -> std::result::Result<(), ErrorReport> {
    let tenant_id = given(tenant_id, "tenant_id")?;
    gate::require_in_tenant(tenant_id, "billing.manage")?;
    let changes = given(changes, "changes")?.text();
    Ok(as_data_owner(|| details::change(tenant_id, &changes))?)
}

/// Lets a function tell taxes in place of the rates; NULL: the rates again.
#[pg_extern(
    volatile,
    parallel_unsafe,
    sql = "
    CREATE FUNCTION saas.set_tax_function(function regprocedure) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn set_tax_function(function: Option<pg_sys::Oid>) -> std::result::Result<(), ErrorReport> {
    if !owner::caller_is_free()? {
        return Err(Error::Denied("only the data owner may name a tax function".into()).into());
    }
    as_data_owner(|| match function {
        None => sql::run("UPDATE saas.settings SET tax_function = NULL", &[]),
        Some(function) => {
            let set = sql::run(include_str!("../../sql/tax/set_function.sql"), &[function.into()])?;
            if set == 0 {
                return Err(Error::Invalid(
                    "a tax function is the data owner's, stable or immutable, takes (uuid, text, text, date) and returns \
                     a set with the columns name, percent, is_inclusive and note"
                        .into(),
                ));
            }
            Ok(set)
        }
    })?;
    Ok(())
}
