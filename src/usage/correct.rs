//! Events that were recorded wrongly.
//!
//! An event stays as it was recorded, and so does its id: the sender may deliver it again. A correction is a row of its own,
//! which says what the event counts for in truth. Its counter is written anew at once: from its own sum, or for maxima and
//! last values from the events that count. Of a closed period the difference becomes an adjustment, as late usage does.

use super::known::Aggregation;
use super::period;
use crate::billing::{gate, void};
use crate::error::{Error, Result};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::AnyNumeric;
use pgrx::datum::{Date, TimestampWithTimeZone};

const RECOUNT_MAX: &str = concat!(
    include_str!("../../sql/usage/recount_events.sql"),
    "ORDER BY counted.units DESC, e.occurred_at DESC\n",
    include_str!("../../sql/usage/recounted.sql"),
);
const RECOUNT_LAST: &str = concat!(
    include_str!("../../sql/usage/recount_events.sql"),
    "ORDER BY e.occurred_at DESC, e.recorded_at DESC\n",
    include_str!("../../sql/usage/recounted.sql"),
);

/// The event as it counts now.
struct Found {
    feature: String,
    aggregation: Aggregation,
    recorded_at: TimestampWithTimeZone,
    corrections: i32,
    /// None: it is void.
    units: Option<i64>,
    /// None: the event itself is gone.
    period: Option<Date>,
    others_gone: bool,
}

/// Makes an event count for `units`, or for nothing at all; false if it does already.
///
/// # Errors
/// 42501 for who may not bill; 22023 for negative units and an empty reason; 23503 for an unknown tenant or event; 55000 where
/// the events are gone that the counter would have to be worked out from; 22003 and 23514 for a counter that can't be so large,
/// or so small; 40001 under REPEATABLE READ when a period was closed meanwhile.
pub fn correct(
    tenant: pgrx::Uuid,
    event_id: &str,
    units: Option<i64>,
    reason: Option<&str>,
) -> Result<bool> {
    gate::require_biller()?;
    let reason = void::stated(reason)?;
    if units.is_some_and(|units| units < 0) {
        return Err(Error::Invalid("units can't be negative".into()));
    }
    as_data_owner(|| {
        // Until the end of the transaction: whoever folds counters or closes periods holds the tenant too.
        if period::hold(&[tenant])? == 0 {
            return Err(Error::NoSuchRow("no such tenant".into()));
        }
        let event = find(tenant, event_id)?
            .ok_or_else(|| Error::NoSuchRow("the tenant has no usage event of this id".into()))?;
        if event.units == units {
            return Ok(false);
        }
        let period = event.period.ok_or_else(gone)?;
        let correction = [
            tenant.into(),
            event_id.into(),
            event.recorded_at.into(),
            (event.corrections + 1).into(),
            event.feature.as_str().into(),
            period.into(),
            event.units.into(),
            units.into(),
            reason.into(),
        ];
        sql::run(include_str!("../../sql/usage/keep_correction.sql"), &correction)?;
        recount(tenant, &event, period, units)?;
        period::settle(tenant, &event.feature, period)?;
        Ok(true)
    })
}

fn find(tenant: pgrx::Uuid, event_id: &str) -> Result<Option<Found>> {
    let args = [tenant.into(), event_id.into()];
    sql::write(include_str!("../../sql/usage/find_event.sql"), &args, |mut rows| {
        let Some(row) = rows.next() else { return Ok(None) };
        let lacks = || Error::State("a usage event lacks a value".into(), "");
        Ok(Some(Found {
            feature: row.get(1)?.ok_or_else(lacks)?,
            aggregation: Aggregation::named(row.get(2)?.ok_or_else(lacks)?)?,
            recorded_at: row.get(3)?.ok_or_else(lacks)?,
            corrections: row.get(4)?.ok_or_else(lacks)?,
            units: row.get(5)?,
            period: row.get(6)?,
            others_gone: row.get(7)? == Some(true),
        }))
    })
}

fn recount(tenant: pgrx::Uuid, event: &Found, period: Date, units: Option<i64>) -> Result<()> {
    let counter = || [tenant.into(), event.feature.as_str().into(), period.into()];
    sql::run(include_str!("../../sql/usage/hold_slots.sql"), &counter())?;
    match event.aggregation {
        Aggregation::Sum => {
            let [now, before] = [units, event.units].map(|units| i128::from(units.unwrap_or(0)));
            let more = AnyNumeric::from(now - before).into();
            let args: Vec<_> = counter().into_iter().chain([more]).collect();
            sql::run(include_str!("../../sql/usage/recount_sum.sql"), &args)?;
        }
        _ if event.others_gone => return Err(gone()),
        Aggregation::Max => {
            sql::run(RECOUNT_MAX, &counter())?;
        }
        Aggregation::Last => {
            sql::run(RECOUNT_LAST, &counter())?;
        }
    }
    Ok(())
}

fn gone() -> Error {
    Error::State(
        "the events that the counter would be worked out from are no longer kept".into(),
        "They are dropped by settings.usage_event_retention. saas.grant_credit settles what was billed too high.",
    )
}
