//! Every row that breaks a rule which this database promises: `docs/invariants.md`.

use crate::error::{Error, Result};
use crate::iam::check::{self, Permission};
use crate::iam::kind::{self, Kind};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// The six invariants that must never break.
const INVARIANTS: &str = include_str!("../../sql/audit/check_invariants.sql");
/// What else the tables promise: sums, gapless numbers, the guards themselves.
const PROMISES: &str = include_str!("../../sql/audit/check_promises.sql");

/// Every row that breaks an invariant; none in a healthy database.
#[pg_extern(stable, parallel_unsafe)]
fn check_invariants() -> std::result::Result<
    TableIterator<
        'static,
        (name!(invariant, String), name!(object, String), name!(detail, String)),
    >,
    ErrorReport,
> {
    may_check()?;
    Ok(TableIterator::new(as_data_owner(broken)?))
}

/// Invariant, object and detail of each finding. As the data owner.
pub fn broken() -> Result<Vec<(String, String, String)>> {
    super::in_utc();
    let mut found = rows(INVARIANTS)?;
    found.extend(rows(PROMISES)?);
    Ok(found)
}

/// The gate of what shows whether all is well.
pub fn may_check() -> Result<()> {
    if kind::caller_is(&[Kind::Auditor])?
        || check::in_system(&Permission::named("platform.security.view")?)
    {
        return Ok(());
    }
    Err(Error::Denied(
        "kind auditor or platform permission \"platform.security.view\" is required".into(),
    ))
}

fn rows(text: &'static str) -> Result<Vec<(String, String, String)>> {
    sql::read_rows(text, &[], |row| {
        let column = |number| Ok::<_, Error>(row.get::<String>(number)?.unwrap_or_default());
        Ok((column(1)?, column(2)?, column(3)?))
    })
}
