//! How long things are kept.

use super::HANDLE;
use crate::error::{Error, Result, given};
use crate::iam::check;
use crate::iam::kind::{self, Kind};
use crate::owner::{self, as_data_owner};
use crate::{audit, sql, usage};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Removes what has been kept for long enough, and makes the partitions of the months to come.
/// Returns how many rows went.
#[pg_extern(volatile, parallel_unsafe)]
fn apply_retention(
    as_of: default!(Option<TimestampWithTimeZone>, "now()"),
) -> std::result::Result<i64, ErrorReport> {
    let is_free = owner::caller_is_free()?;
    if !is_free && !kind::caller_is(&[Kind::Worker])? {
        check::require_in_system(HANDLE)?;
    }
    let as_of = given(as_of, "as_of")?;
    if [i64::MIN, i64::MAX].contains(&i64::from(as_of)) {
        return Err(Error::Invalid("as_of is a moment, not infinity".into()).into());
    }
    // SAFETY: reads a variable of the backend.
    let now = unsafe { pg_sys::GetCurrentStatementStartTimestamp() };
    // Whoever may name any time may remove everything.
    if !is_free && i64::from(as_of) > now {
        return Err(Error::Invalid("as_of must not be later than now".into()).into());
    }
    Ok(as_data_owner(|| audit::because("retention", || apply(as_of)))?)
}

fn apply(as_of: TimestampWithTimeZone) -> Result<i64> {
    // One after the other: two would wait for each other's partitions.
    sql::run("LOCK TABLE saas.audit_retirements IN SHARE UPDATE EXCLUSIVE MODE", &[])?;
    sql::run("SELECT saas.add_partitions(3)", &[])?;
    let removed = sql::write_one::<i64>("SELECT saas.apply_registry($1)", &[as_of.into()])?;
    // What takes time comes before what makes others wait: dropping a month stops its table for the
    // rest of the transaction. Never ahead of the real time: proof is not to be had sooner.
    let (starts, counts) = sql::write(
        "SELECT array_agg(m.period_start), array_agg(m.row_count)
           FROM saas.settings s, saas.sealed_audit_months(least($1, now()) - s.audit_retention) m
          WHERE s.audit_retention IS NOT NULL",
        &[as_of.into()],
        |table| {
            let row = table.first();
            let starts = row.get::<Vec<TimestampWithTimeZone>>(1)?.unwrap_or_default();
            Ok((starts, row.get::<Vec<i64>>(2)?.unwrap_or_default()))
        },
    )?;
    let usage = usage::retention::apply(as_of)?;
    let retired = sql::write_one::<i64>(
        "SELECT saas.retire_audit_months($1, $2)",
        &[starts.into(), counts.into()],
    )?;
    Ok(removed.unwrap_or_default() + usage + retired.unwrap_or_default())
}
