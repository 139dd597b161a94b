//! The months of the audit log and of the usage events.

use crate::iam::kind::{self, Kind};
use crate::owner;
use crate::sql;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Makes the partitions of this month and of as many ahead; returns how many were missing.
#[pg_extern(volatile, parallel_unsafe)]
fn make_partitions(ahead: default!(i32, 3)) -> std::result::Result<i32, ErrorReport> {
    // Whoever is the data owner at this moment, be it in a function of his own, can do the same by hand.
    // SAFETY: reads a variable of the backend.
    if unsafe { pg_sys::GetUserId() } != owner::data_owner()? {
        kind::require(&[Kind::Worker])?;
    }
    let made = owner::as_data_owner(|| {
        sql::write_one::<i32>("SELECT saas.add_partitions($1)", &[ahead.into()])
    })?;
    Ok(made.unwrap_or_default())
}
