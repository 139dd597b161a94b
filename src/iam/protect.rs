//! Row-level security for an application's own tables: `docs/policies.md`.

use super::access;
use super::check::Permission;
use crate::error::{Error, Result, given};
use crate::owner;
use crate::sql;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::ffi::CStr;

/// By their comment the policies that were made here are told from others, also after a restore.
pub const COMMENT: &str = "Made by saas.protect_table, for roles of kind app and gateway.";

/// Makes a table's rows those of the tenants in which the user has the permission.
#[pg_extern(
    volatile,
    parallel_unsafe,
    sql = "
    CREATE FUNCTION saas.protect_table(table_name regclass, read text, write text DEFAULT NULL, tenant_column name DEFAULT 'tenant_id')
    RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn protect_table(
    table_name: Option<pg_sys::Oid>,
    read: Option<&str>,
    write: Option<&str>,
    tenant_column: Option<&CStr>,
) -> std::result::Result<(), ErrorReport> {
    let table = given(table_name, "table_name")?;
    let read = given(read, "read")?;
    // A `name` is text that ends with NUL.
    let column = given(tenant_column, "tenant_column")?.to_string_lossy();
    if !owner::caller_is_data_owner()? {
        return Err(Error::Denied("only the data owner may protect a table".into()).into());
    }
    permission_in_tenants(read)?;
    write.map_or(Ok(()), permission_in_tenants)?;
    Ok(owner::as_data_owner(|| protect(table, &column, read, write))?)
}

/// A permission that somebody can have in a tenant.
fn permission_in_tenants(key: &str) -> Result<()> {
    Permission::named(key)?;
    if key.starts_with("platform.") {
        return Err(Error::Invalid(format!(
            "\"{key}\" is a permission of the platform: nobody has it in a tenant"
        )));
    }
    Ok(())
}

fn protect(table: pg_sys::Oid, column: &str, read: &str, write: Option<&str>) -> Result<()> {
    // One at a time; and grant_access, which writes this table, either sees the new policies or comes before.
    sql::run("LOCK TABLE saas.access_grants IN SHARE ROW EXCLUSIVE MODE", &[])?;
    if let Some(refusal) = refusal(table, column)? {
        return Err(refusal);
    }
    let taken = sql::write_one::<String>(
        include_str!("../../sql/iam/protect_table/taken.sql"),
        &[table.into(), COMMENT.into()],
    )?;
    if let Some(taken) = taken {
        return Err(Error::State(
            format!("{taken} of this table is there, and is not of saas.protect_table"),
            "Drop it, or rename it.",
        ));
    }
    sql::execute(
        include_str!("../../sql/iam/protect_table/statements.sql"),
        &[table.into(), column.into(), read.into(), write.into(), COMMENT.into()],
    )?;
    access::name_roles()?;
    tell_of_others(table)
}

fn refusal(table: pg_sys::Oid, column: &str) -> Result<Option<Error>> {
    let query = include_str!("../../sql/iam/protect_table/refused.sql");
    sql::write(query, &[table.into(), column.into()], |rows| {
        rows.map(|row| {
            let problem = row.get::<String>(2)?.unwrap_or_default();
            let is_denied = row.get::<bool>(1)? == Some(true);
            Ok(if is_denied { Error::Denied(problem) } else { Error::Invalid(problem) })
        })
        .next()
        .transpose()
    })
}

/// Permissive policies are joined by OR: what another one lets through is seen, whatever ours say.
fn tell_of_others(table: pg_sys::Oid) -> Result<()> {
    let others = sql::write_one::<String>(
        include_str!("../../sql/iam/protect_table/others.sql"),
        &[table.into(), COMMENT.into()],
    )?;
    if let Some(others) = others {
        ereport!(
            PgLogLevel::WARNING,
            PgSqlErrorCode::ERRCODE_WARNING,
            format!("other policies of this table let rows through, too: {others}"),
            "Drop them, make them AS RESTRICTIVE, or give them TO roles that serve no tenants. Beside another policy the index is not used."
        );
    }
    Ok(())
}
