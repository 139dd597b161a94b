//! What was used: counting events exactly once, what plans allow, and what a period's usage costs.

mod apart;
mod consume;
mod correct;
mod entitlement;
mod ingest;
mod known;
mod limits;
pub mod metering;
pub mod period;
mod record;
pub mod retention;
mod store;

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
    requires = [
        "usage_functions",
        record_usage,
        record_usage_batch,
        record_usage_batch_report,
        entitlement_of,
        consume_units,
        correct_usage,
        void_usage,
        set_spend_cap,
        set_usage_alert,
        remove_usage_alert,
        raise_usage_alerts,
        roll_up_usage,
        assess_usage_fees,
        apply_usage_retention,
        saas_core::usage::ingest::ingest_usage
    ]
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
    let recorded = record::record(&[record::Event {
        tenant_id: given(tenant_id, "tenant_id")?,
        feature_key: given(feature_key, "feature_key")?.to_owned(),
        units: given(units, "units")?,
        event_id: event_id.map(str::to_owned),
        occurred_at: given(occurred_at, "occurred_at")?,
    }])?;
    Ok(recorded.new == 1)
}

/// Parallel arrays of events.
struct Batch {
    tenant_ids: Vec<Option<pgrx::Uuid>>,
    feature_keys: Vec<Option<String>>,
    units: Vec<Option<i64>>,
    event_ids: Option<Vec<Option<String>>>,
    occurred_at: Option<Vec<Option<TimestampWithTimeZone>>>,
}

impl Batch {
    /// The events, or what is missing of one.
    fn events(self) -> Result<Vec<Result<record::Event>>> {
        let count = self.tenant_ids.len();
        let now = pgrx::datum::datetime_support::transaction_timestamp();
        let event_ids = self.event_ids.unwrap_or_else(|| vec![None; count]);
        let occurred_at = self.occurred_at.unwrap_or_else(|| vec![Some(now); count]);
        for (name, length) in [
            ("feature_keys", self.feature_keys.len()),
            ("units", self.units.len()),
            ("event_ids", event_ids.len()),
            ("occurred_at", occurred_at.len()),
        ] {
            if length != count {
                return Err(Error::Invalid(format!("{name} has another length than tenant_ids")));
            }
        }
        let rest = self.feature_keys.into_iter().zip(self.units).zip(event_ids).zip(occurred_at);
        let events = self.tenant_ids.into_iter().zip(rest).enumerate();
        Ok(events
            .map(|(at, (tenant_id, (((feature_key, units), event_id), occurred_at)))| {
                Ok(record::Event {
                    tenant_id: held(tenant_id, "tenant_ids", at)?,
                    feature_key: held(feature_key, "feature_keys", at)?,
                    units: held(units, "units", at)?,
                    event_id,
                    occurred_at: held(occurred_at, "occurred_at", at)?,
                })
            })
            .collect())
    }
}

fn held<T>(value: Option<T>, name: &str, at: usize) -> Result<T> {
    value.ok_or_else(|| Error::Invalid(format!("event {at}: {name} holds a NULL")))
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
    let batch = Batch {
        tenant_ids: given(tenant_ids, "tenant_ids")?,
        feature_keys: given(feature_keys, "feature_keys")?,
        units: given(units, "units")?,
        event_ids,
        occurred_at,
    };
    let events = batch.events()?.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(record::record(&events)?.new)
}

/// Counts those of many usage events that can be counted; a row for each of the others.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::type_complexity)] // the row's columns
fn record_usage_batch_report(
    tenant_ids: Option<Vec<Option<pgrx::Uuid>>>,
    feature_keys: Option<Vec<Option<String>>>,
    units: Option<Vec<Option<i64>>>,
    event_ids: default!(Option<Vec<Option<String>>>, "NULL"),
    occurred_at: default!(Option<Vec<Option<TimestampWithTimeZone>>>, "NULL"),
) -> std::result::Result<
    TableIterator<'static, (name!(position, i32), name!(sqlstate, String), name!(message, String))>,
    ErrorReport,
> {
    let batch = Batch {
        tenant_ids: given(tenant_ids, "tenant_ids")?,
        feature_keys: given(feature_keys, "feature_keys")?,
        units: given(units, "units")?,
        event_ids,
        occurred_at,
    };
    let (_, left_out) = record::record_good(batch.events()?, 0)?;
    let rows = left_out.into_iter().map(|(at, sqlstate, message)| (at as i32, sqlstate, message));
    Ok(TableIterator::new(rows))
}

/// What a tenant may use of a feature in the current period, and has used.
#[pg_extern(volatile, parallel_unsafe, name = "entitlement")]
#[allow(clippy::type_complexity)] // the row's columns
fn entitlement_of(
    tenant_id: Option<pgrx::Uuid>,
    feature_key: Option<&str>,
    as_of: default!(Option<TimestampWithTimeZone>, "now()"),
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(included, i64),
            name!(used, i64),
            name!(remaining, i64),
            name!(overage_price, Option<pgrx::AnyNumeric>),
            name!(allowed, bool),
        ),
    >,
    ErrorReport,
> {
    let (found, allowed) = entitlement::look_up(
        given(tenant_id, "tenant_id")?,
        given(feature_key, "feature_key")?,
        given(as_of, "as_of")?,
    )?;
    let (included, remaining) = (found.included.unwrap_or_default(), found.remaining());
    Ok(TableIterator::once((included, found.used, remaining, found.overage_price, allowed)))
}

/// Records usage if the plan allows it. False when its id was recorded before.
#[pg_extern(volatile, parallel_unsafe, name = "consume")]
fn consume_units(
    tenant_id: Option<pgrx::Uuid>,
    feature_key: Option<&str>,
    units: Option<i64>,
    event_id: Option<&str>,
) -> std::result::Result<bool, ErrorReport> {
    Ok(consume::consume(record::Event {
        tenant_id: given(tenant_id, "tenant_id")?,
        feature_key: given(feature_key, "feature_key")?.to_owned(),
        units: given(units, "units")?,
        event_id: event_id.map(str::to_owned),
        occurred_at: pgrx::datum::datetime_support::transaction_timestamp(),
    })?)
}

/// Says what an event should have counted for. False when it counts for that already.
#[pg_extern(volatile, parallel_unsafe)]
fn correct_usage(
    tenant_id: Option<pgrx::Uuid>,
    event_id: Option<&str>,
    units: Option<i64>,
    reason: Option<&str>,
) -> std::result::Result<bool, ErrorReport> {
    let units = given(units, "units")?;
    let tenant_id = given(tenant_id, "tenant_id")?;
    Ok(correct::correct(tenant_id, given(event_id, "event_id")?, Some(units), reason)?)
}

/// Takes an event back, as if it had never happened. False when that was done before.
#[pg_extern(volatile, parallel_unsafe)]
fn void_usage(
    tenant_id: Option<pgrx::Uuid>,
    event_id: Option<&str>,
    reason: Option<&str>,
) -> std::result::Result<bool, ErrorReport> {
    let tenant_id = given(tenant_id, "tenant_id")?;
    Ok(correct::correct(tenant_id, given(event_id, "event_id")?, None, reason)?)
}

/// Caps what a tenant's usage beyond its plan may cost in a period; NULL takes the cap away.
#[pg_extern(volatile, parallel_unsafe)]
fn set_spend_cap(
    tenant_id: Option<pgrx::Uuid>,
    amount: Option<i64>,
) -> std::result::Result<(), ErrorReport> {
    Ok(limits::set_spend_cap(given(tenant_id, "tenant_id")?, amount)?)
}

/// Says that a tenant wants to be told when its usage reaches a threshold.
#[pg_extern(volatile, parallel_unsafe)]
fn set_usage_alert(
    tenant_id: Option<pgrx::Uuid>,
    feature_key: Option<&str>,
    kind: Option<&str>,
    threshold: Option<pgrx::AnyNumeric>,
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    Ok(limits::set_alert(
        given(tenant_id, "tenant_id")?,
        given(feature_key, "feature_key")?,
        given(kind, "kind")?,
        given(threshold, "threshold")?,
    )?)
}

/// Takes a usage alert away, with what was raised by it.
#[pg_extern(volatile, parallel_unsafe)]
fn remove_usage_alert(
    tenant_id: Option<pgrx::Uuid>,
    alert_id: Option<pgrx::Uuid>,
) -> std::result::Result<(), ErrorReport> {
    Ok(limits::remove_alert(given(tenant_id, "tenant_id")?, given(alert_id, "alert_id")?)?)
}

/// Raises the alerts whose thresholds are reached; returns how many.
#[pg_extern(volatile, parallel_unsafe)]
fn raise_usage_alerts(
    as_of: default!(Option<TimestampWithTimeZone>, "now()"),
) -> std::result::Result<i64, ErrorReport> {
    kind::require(&[Kind::Worker])?;
    let as_of = given(as_of, "as_of")?;
    Ok(as_data_owner(|| limits::raise_alerts(as_of, None, None))?)
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

/// Forgets event ids and events that are older than they are kept.
#[pg_extern(volatile, parallel_unsafe)]
fn apply_usage_retention(
    as_of: default!(Option<TimestampWithTimeZone>, "now()"),
) -> std::result::Result<i64, ErrorReport> {
    kind::require(&[Kind::Worker])?;
    let as_of = given(as_of, "as_of")?;
    Ok(as_data_owner(|| retention::apply(as_of))?)
}
