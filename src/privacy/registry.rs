//! The record of processing: which columns hold personal data, why, and what ends it.

use super::{consent, require_handler};
use crate::error::{Error, given};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::datum::Interval;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Puts a column of an application's table into the record of processing, or changes what is said of it.
#[allow(clippy::too_many_arguments)] // they are the columns of the record
#[pg_extern(volatile, parallel_unsafe)]
fn register_personal_data(
    table_name: Option<&str>,
    column_name: Option<&str>,
    category: Option<&str>,
    purpose: Option<&str>,
    legal_basis: Option<&str>,
    on_erasure: Option<&str>,
    user_column: default!(Option<&str>, "NULL"),
    email_column: default!(Option<&str>, "NULL"),
    retention: default!(Option<Interval>, "NULL"),
    time_column: default!(Option<&str>, "NULL"),
    duty: default!(Option<&str>, "NULL"),
    replacement: default!(Option<&str>, "NULL"),
) -> std::result::Result<(), ErrorReport> {
    require_handler()?;
    let table_name = given(table_name, "table_name")?;
    let column_name = given(column_name, "column_name")?;
    let category = given(category, "category")?;
    let purpose = given(purpose, "purpose")?;
    let legal_basis = consent::legal_basis(given(legal_basis, "legal_basis")?)?;
    let on_erasure = given(on_erasure, "on_erasure")?;
    if !["delete", "anonymize", "keep"].contains(&on_erasure) {
        return Err(Error::Invalid(format!(
            "\"{on_erasure}\" is nothing that erasure does: delete, anonymize or keep"
        ))
        .into());
    }
    Ok(as_data_owner(|| {
        let problem = sql::write_one::<String>(
            include_str!("../../sql/privacy/check_registration.sql"),
            &[
                table_name.into(),
                column_name.into(),
                on_erasure.into(),
                user_column.into(),
                email_column.into(),
                time_column.into(),
                replacement.into(),
                retention.into(),
            ],
        )?;
        if let Some(problem) = problem {
            return Err(Error::Invalid(problem));
        }
        sql::run(
            include_str!("../../sql/privacy/register.sql"),
            &[
                table_name.into(),
                column_name.into(),
                category.into(),
                purpose.into(),
                legal_basis.into(),
                retention.into(),
                on_erasure.into(),
                duty.into(),
                user_column.into(),
                email_column.into(),
                time_column.into(),
                replacement.into(),
            ],
        )?;
        Ok(())
    })?)
}
