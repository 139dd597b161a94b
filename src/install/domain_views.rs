//! The tables under the names of their domains, as views in a schema of the application's choice:
//! `docs/naming.md`.

use crate::error::{Error, Result, given};
use crate::iam::access;
use crate::owner::{self, as_data_owner};
use crate::sql;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::ffi::CStr;

/// Makes the views, or brings them up to date, and returns their names.
#[pg_extern(
    volatile,
    parallel_unsafe,
    sql = "
    CREATE FUNCTION saas.create_domain_views(schema name) RETURNS TABLE (view_name text, table_name text)
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn create_domain_views(
    schema: Option<&CStr>,
) -> std::result::Result<
    TableIterator<'static, (name!(view_name, String), name!(table_name, String))>,
    ErrorReport,
> {
    // A `name` is text that ends with NUL.
    let schema = given(schema, "schema")?.to_string_lossy();
    if !owner::caller_is_data_owner()? {
        return Err(Error::Denied("only the data owner may make domain views".into()).into());
    }
    if schema.is_empty()
        || schema.starts_with("pg_")
        || ["saas", "information_schema"].contains(&&*schema)
    {
        return Err(Error::Invalid(format!("schema \"{schema}\" is not for views of yours")).into());
    }
    Ok(TableIterator::new(as_data_owner(|| create(&schema))?))
}

fn create(schema: &str) -> Result<Vec<(String, String)>> {
    // To nobody else's schema, where they would be his to replace.
    let own = sql::read_one::<bool>(
        "SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = $1",
        &[schema.into()],
    )?;
    match own {
        Some(true) => (),
        Some(false) => {
            return Err(Error::Denied(format!("schema \"{schema}\" is not the data owner's")));
        }
        None => sql::execute("SELECT format('CREATE SCHEMA %I', $1)", &[schema.into()])?,
    }
    let (tables, secrets): (Vec<&str>, Vec<&str>) = access::secret_columns().unzip();
    let statements = sql::write(
        include_str!("../../sql/install/domain_views/make.sql"),
        &[schema.into(), tables.into(), secrets.into()],
        |rows| {
            rows.map(|row| match row.get::<String>(1)? {
                Some(stranger) => Err(Error::State(
                    format!("{stranger} is there, and is no view of this function's"),
                    "Choose a schema of its own for the domain views.",
                )),
                None => Ok(row.get::<String>(2)?),
            })
            .collect::<Result<Vec<_>>>()
        },
    )?;
    sql::execute_all(statements)?;
    grant(None)?;
    // Not sql::read, whose snapshot is older than the views.
    sql::write(include_str!("../../sql/install/domain_views/list.sql"), &[schema.into()], |rows| {
        rows.filter_map(|row| {
            let names = row.get::<String>(1).and_then(|view| Ok(view.zip(row.get::<String>(2)?)));
            names.map_err(Error::from).transpose()
        })
        .collect()
    })
}

/// Gives `role`, or without one every role that has access, on the views what it may do with the tables.
pub fn grant(role: Option<pg_sys::Oid>) -> Result<()> {
    sql::execute(include_str!("../../sql/install/domain_views/grants.sql"), &[role.into()])
}
