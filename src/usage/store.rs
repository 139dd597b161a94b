//! From events to rows.
//!
//! What an event needs to know, and what events of a batch have in common, is worked out here; the rows are written by
//! statements that only take arrays apart. Such a statement has one plan, whatever tables hold and however long the
//! arrays are.

use super::known::{Aggregation, Known};
use super::record::{Event, Recorded};
use crate::context::{from_uuid, to_uuid};
use crate::error::{Error, Result};
use crate::sql;
use pgrx::datum::{Date, TimestampWithTimeZone};
use std::collections::HashMap;
use uuid::Uuid;

/// Counts events, which are all known; `slot` says which of its rows a counter is written to.
pub fn store(events: &[&Event], known: &Known, slot: i16) -> Result<Recorded> {
    let periods = known.periods(events)?;
    if let ([event], [period]) = (events, periods.as_slice()) {
        return store_one(event, day(*period)?, known.aggregation(&event.feature_key)?, slot);
    }
    let mut sorted: Vec<usize> = (0..events.len()).collect();
    sorted.sort_by(|a, b| place(events[*a]).cmp(&place(events[*b])).then(a.cmp(b)));
    let (new, again) = keep_ids(events, &sorted)?;
    if !again.is_empty() {
        tell_conflicts(events, &again)?;
    }
    if new.is_empty() {
        return Ok(Recorded { new: 0, period: None });
    }
    keep_events(events, &periods, &new)?;
    count(events, &periods, &new, known, slot)?;
    let first = new.iter().map(|at| periods[*at]).min();
    Ok(Recorded { new: new.len() as i64, period: first.map(day).transpose()? })
}

/// The same for a single event, without the arrays, which cost more than its rows.
fn store_one(event: &Event, period: Date, aggregation: Aggregation, slot: i16) -> Result<Recorded> {
    let (tenant, units, at) = (event.tenant_id, event.units, event.occurred_at);
    let (feature, id) = (event.feature_key.as_str(), event.event_id.as_deref());
    if id.is_some() {
        let key = [tenant.into(), id.into(), feature.into(), units.into(), at.into()];
        if sql::run(include_str!("../../sql/usage/key_one.sql"), &key)? == 0 {
            tell_conflicts(&[event], &[0])?;
            return Ok(Recorded { new: 0, period: None });
        }
    }
    sql::run(
        include_str!("../../sql/usage/event_one.sql"),
        &[tenant.into(), feature.into(), units.into(), period.into(), id.into(), at.into()],
    )?;
    let counter = [tenant.into(), feature.into(), period.into(), units.into(), at.into()];
    let how = [slot.into(), aggregation.name().into()];
    let args: Vec<_> = counter.into_iter().chain(how).collect();
    sql::run(include_str!("../../sql/usage/slot_one.sql"), &args)?;
    Ok(Recorded { new: 1, period: Some(period) })
}

/// The order in which everybody writes ids.
fn place(event: &Event) -> (Uuid, Option<&str>) {
    (to_uuid(event.tenant_id), event.event_id.as_deref())
}

/// Which of the events, by their positions, are new, and which were there already.
fn keep_ids(events: &[&Event], sorted: &[usize]) -> Result<(Vec<usize>, Vec<usize>)> {
    let named: Vec<usize> =
        sorted.iter().copied().filter(|at| events[*at].event_id.is_some()).collect();
    if named.is_empty() {
        return Ok((sorted.to_vec(), Vec::new()));
    }
    let of = |at: &usize| events[*at];
    let args = [
        named.iter().map(|at| of(at).tenant_id).collect::<Vec<_>>().into(),
        named.iter().map(|at| of(at).event_id.as_deref()).collect::<Vec<_>>().into(),
        named.iter().map(|at| of(at).feature_key.as_str()).collect::<Vec<_>>().into(),
        named.iter().map(|at| of(at).units).collect::<Vec<_>>().into(),
        named.iter().map(|at| of(at).occurred_at).collect::<Vec<_>>().into(),
    ];
    sql::write(include_str!("../../sql/usage/keys.sql"), &args, |table| {
        if table.len() == named.len() {
            return Ok((sorted.to_vec(), Vec::new()));
        }
        let mut kept = table.map(|row| -> Result<Option<(pgrx::Uuid, String)>> {
            Ok(row.get(1)?.zip(row.get(2)?))
        });
        let mut next = || -> Result<_> { Ok(kept.next().transpose()?.flatten()) };
        let (mut new, mut again) = (Vec::new(), Vec::new());
        let mut first = next()?;
        for at in sorted {
            let event = events[*at];
            let Some(id) = &event.event_id else {
                new.push(*at);
                continue;
            };
            // Of two in one batch the first was kept.
            if first.as_ref().is_some_and(|(tenant, kept)| *tenant == event.tenant_id && kept == id)
            {
                new.push(*at);
                first = next()?;
            } else {
                again.push(*at);
            }
        }
        Ok((new, again))
    })
}

/// An id that stands for something else than it did at first is somebody's mistake.
fn tell_conflicts(events: &[&Event], again: &[usize]) -> Result<()> {
    let args = [
        again.iter().map(|at| events[*at].tenant_id).collect::<Vec<_>>().into(),
        again.iter().map(|at| events[*at].feature_key.as_str()).collect::<Vec<_>>().into(),
        again.iter().map(|at| events[*at].units).collect::<Vec<_>>().into(),
        again.iter().map(|at| events[*at].event_id.as_deref()).collect::<Vec<_>>().into(),
    ];
    // A statement of its own sees what a concurrent one, or this batch itself, has just written.
    sql::run(include_str!("../../sql/usage/conflicts.sql"), &args)?;
    Ok(())
}

fn day(days: i32) -> Result<Date> {
    Date::try_from(days)
        .map_err(|_| Error::OutOfRange("the period is beyond what a date can be".into()))
}

fn keep_events(events: &[&Event], periods: &[i32], new: &[usize]) -> Result<()> {
    let args = [
        new.iter().map(|at| events[*at].tenant_id).collect::<Vec<_>>().into(),
        new.iter().map(|at| events[*at].feature_key.as_str()).collect::<Vec<_>>().into(),
        new.iter().map(|at| events[*at].units).collect::<Vec<_>>().into(),
        new.iter().map(|at| day(periods[*at])).collect::<Result<Vec<_>>>()?.into(),
        new.iter().map(|at| events[*at].event_id.as_deref()).collect::<Vec<_>>().into(),
        new.iter().map(|at| events[*at].occurred_at).collect::<Vec<_>>().into(),
    ];
    sql::run(include_str!("../../sql/usage/events.sql"), &args)?;
    Ok(())
}

/// What events of one counter come to.
struct Total {
    units: i128,
    /// When, in microseconds, and which of those at one time, is the last.
    last: (i64, usize),
    last_at: TimestampWithTimeZone,
}

fn count(
    events: &[&Event],
    periods: &[i32],
    new: &[usize],
    known: &Known,
    slot: i16,
) -> Result<()> {
    let mut totals: HashMap<(Uuid, &str, i32), Total> = HashMap::new();
    for at in new {
        let event = events[*at];
        let counter = (to_uuid(event.tenant_id), event.feature_key.as_str(), periods[*at]);
        let units = i128::from(event.units);
        let last = (i64::from(event.occurred_at), *at);
        let total = totals.entry(counter).or_insert_with(|| Total {
            units: 0,
            last: (i64::MIN, 0),
            last_at: event.occurred_at,
        });
        let is_last = last >= total.last;
        match known.aggregation(&event.feature_key)? {
            Aggregation::Sum => total.units += units,
            Aggregation::Max => total.units = total.units.max(units),
            Aggregation::Last if is_last => total.units = units,
            Aggregation::Last => {}
        }
        if is_last {
            (total.last, total.last_at) = (last, event.occurred_at);
        }
    }
    let (mut tenants, mut features, mut starts, mut units, mut times) =
        (vec![], vec![], vec![], vec![], vec![]);
    for ((tenant, feature, period), total) in totals {
        let start = day(period)?;
        let Ok(sum) = i64::try_from(total.units) else {
            let args = [from_uuid(tenant).into(), feature.into(), start.into()];
            sql::run("SELECT saas.refuse_usage_count($1, $2, $3)", &args)?;
            continue;
        };
        tenants.push(from_uuid(tenant));
        features.push(feature);
        starts.push(start);
        units.push(sum);
        times.push(total.last_at);
    }
    let args =
        [tenants.into(), features.into(), starts.into(), units.into(), times.into(), slot.into()];
    sql::run(include_str!("../../sql/usage/slots.sql"), &args)?;
    Ok(())
}
