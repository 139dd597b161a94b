//! What was used: counting events exactly once, and what a period's usage costs.

pub mod period;
mod record;

use crate::error::{Error, Result, given};
use crate::iam::kind::{self, Kind};
use crate::owner::as_data_owner;
use pgrx::datum::{Date, TimestampWithTimeZone};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

// After the functions that they describe.
::pgrx::extension_sql_file!(
    "../../sql/usage/comments.sql",
    name = "usage_comments",
    requires =
        ["usage_functions", record_usage, record_usage_batch, roll_up_usage, assess_usage_fees]
);

/// Counts one usage event. False when its id was counted before.
#[pg_extern(volatile, parallel_unsafe)]
fn record_usage(
    tenant_id: Option<pgrx::Uuid>,
    feature_key: Option<&str>,
    units: Option<i64>,
    event_id: Option<&str>,
    occurred_at: default!(Option<TimestampWithTimeZone>, "now()"),
) -> std::result::Result<bool, ErrorReport> {
    let counted = record::record(record::Events {
        tenant_ids: vec![given(tenant_id, "tenant_id")?],
        feature_keys: vec![given(feature_key, "feature_key")?.to_owned()],
        units: vec![given(units, "units")?],
        event_ids: vec![event_id.map(str::to_owned)],
        occurred_at: vec![given(occurred_at, "occurred_at")?],
    })?;
    Ok(counted == 1)
}

/// Counts many usage events; returns how many were new. All or none.
#[pg_extern(volatile, parallel_unsafe)]
fn record_usage_batch(
    tenant_ids: Option<Vec<Option<pgrx::Uuid>>>,
    feature_keys: Option<Vec<Option<String>>>,
    units: Option<Vec<Option<i64>>>,
    event_ids: default!(Option<Vec<Option<String>>>, "NULL"),
    occurred_at: default!(Option<Vec<Option<TimestampWithTimeZone>>>, "NULL"),
) -> std::result::Result<i64, ErrorReport> {
    let tenant_ids = given(tenant_ids, "tenant_ids")?;
    let count = tenant_ids.len();
    let now = pgrx::datum::datetime_support::transaction_timestamp();
    let events = record::Events {
        tenant_ids: all(tenant_ids, "tenant_ids", count)?,
        feature_keys: all(given(feature_keys, "feature_keys")?, "feature_keys", count)?,
        units: all(given(units, "units")?, "units", count)?,
        event_ids: match event_ids {
            Some(ids) if ids.len() == count => ids,
            Some(_) => return Err(unequal("event_ids").into()),
            None => vec![None; count],
        },
        occurred_at: match occurred_at {
            Some(times) => all(times, "occurred_at", count)?,
            None => vec![now; count],
        },
    };
    Ok(record::record(events)?)
}

fn unequal(name: &str) -> Error {
    Error::Invalid(format!("{name} has another length than tenant_ids"))
}

fn all<T>(values: Vec<Option<T>>, name: &str, count: usize) -> Result<Vec<T>> {
    if values.len() != count {
        return Err(unequal(name));
    }
    let values: Option<Vec<T>> = values.into_iter().collect();
    values.ok_or_else(|| Error::Invalid(format!("{name} holds a NULL")))
}

/// Folds counters into usage_records and fixes what was used in the periods that begin in a calendar
/// month; returns how many summaries changed.
#[pg_extern(volatile, parallel_unsafe)]
fn roll_up_usage(
    period: Option<Date>,
    tenant_id: default!(Option<pgrx::Uuid>, "NULL"),
) -> std::result::Result<i64, ErrorReport> {
    kind::require(&[Kind::Worker])?;
    let period = given(period, "period")?;
    Ok(as_data_owner(|| period::roll_up_month(period, tenant_id))?)
}

/// Prices the usage of the current periods that begin in a calendar month; returns how many fees there are.
#[pg_extern(volatile, parallel_unsafe)]
fn assess_usage_fees(
    period: Option<Date>,
    tenant_id: default!(Option<pgrx::Uuid>, "NULL"),
) -> std::result::Result<i64, ErrorReport> {
    kind::require(&[Kind::Worker])?;
    let period = given(period, "period")?;
    Ok(as_data_owner(|| period::assess_month(period, tenant_id))?)
}
