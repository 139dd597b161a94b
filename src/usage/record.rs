//! Counting events.

use super::apart::apart;
use crate::context::{setting, to_uuid};
use crate::error::{Error, Result};
use crate::iam::check;
use crate::iam::kind::{self, Kind};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::datum::{Date, TimestampWithTimeZone};
use pgrx::prelude::*;
use std::collections::HashSet;
use uuid::Uuid;

/// An event as it is sent.
#[derive(Clone, Debug)]
pub struct Event {
    pub tenant_id: pgrx::Uuid,
    pub feature_key: String,
    pub units: i64,
    pub event_id: Option<String>,
    pub occurred_at: TimestampWithTimeZone,
}

/// What became of events.
pub struct Recorded {
    /// How many were new.
    pub new: i64,
    /// The first period that new ones count in.
    pub period: Option<Date>,
}

/// An event that was left out: its position from 0, SQLSTATE and message.
pub type LeftOut = (i32, String, String);

/// Who may count.
pub fn require_recorder() -> Result<()> {
    kind::require(&[Kind::Gateway, Kind::Worker])
}

/// Counts events, all or none.
///
/// # Errors
/// That of the first event that can't be counted, by its position.
pub fn record(events: &[Event]) -> Result<Recorded> {
    require_recorder()?;
    as_data_owner(|| {
        let rules = Rules::read()?;
        for (at, event) in events.iter().enumerate() {
            rules.check(at, event)?;
        }
        store(events, &rules)
    })
}

/// Counts the events that can be counted, and tells of the others. `Err` in `events`: what is wrong with
/// one already.
pub fn record_good(events: Vec<Result<Event>>) -> Result<Vec<LeftOut>> {
    require_recorder()?;
    as_data_owner(|| {
        let rules = Rules::read()?;
        let mut left_out = Vec::new();
        let mut good = Vec::new();
        for (at, event) in events.into_iter().enumerate() {
            match event.and_then(|event| rules.check(at, &event).map(|()| event)) {
                Ok(event) => good.push((at, event)),
                Err(error) => left_out.push((at as i32, error.sqlstate(), error.to_string())),
            }
        }
        let unknown = unknown(good.iter().map(|(at, event)| (*at, event)))?;
        for (at, error) in &unknown {
            left_out.push((*at as i32, error.sqlstate(), error.to_string()));
        }
        let unknown: HashSet<usize> = unknown.into_iter().map(|(at, _)| at).collect();
        good.retain(|(at, _)| !unknown.contains(at));
        apart(
            &good,
            &|good| {
                let events: Vec<Event> = good.iter().map(|(_, event)| event.clone()).collect();
                Ok(store(&events, &rules)?.new)
            },
            &mut |(at, _), failure| left_out.push((*at as i32, failure.sqlstate, failure.message)),
        )?;
        left_out.sort_by_key(|(at, ..)| *at);
        Ok(left_out)
    })
}

/// What holds for every event of a call.
struct Rules {
    slots: i16,
    /// What events may be, in microseconds since 2000.
    oldest: i64,
    newest: i64,
    /// The request's.
    tenant: Option<Uuid>,
}

impl Rules {
    fn read() -> Result<Rules> {
        let found = sql::read(
            "SELECT usage_slots, greatest(now() - usage_id_retention, usage_ids_kept_since), now() + usage_clock_skew
               FROM saas.settings",
            &[],
            |table| {
                let row = table.first();
                let times =
                    row.get::<TimestampWithTimeZone>(2)?.zip(row.get::<TimestampWithTimeZone>(3)?);
                Ok(row.get::<i16>(1)?.zip(times))
            },
        )?;
        let (slots, (oldest, newest)) = found.ok_or_else(|| {
            Error::State("saas.settings has no row".into(), "Call saas.install().")
        })?;
        let tenant = setting::current().and_then(|context| context.tenant);
        Ok(Rules { slots, oldest: oldest.into(), newest: newest.into(), tenant })
    }

    fn check(&self, at: usize, event: &Event) -> Result<()> {
        if self.tenant.is_some_and(|tenant| tenant != to_uuid(event.tenant_id)) {
            return Err(Error::Denied("usage of another tenant than this request's".into()));
        }
        if event.units < 0 {
            return Err(Error::Invalid(format!("event {at}: units can't be negative")));
        }
        if event.event_id.as_ref().is_some_and(|id| id.is_empty() || id.chars().count() > 255) {
            return Err(Error::Invalid(format!("event {at}: an event id has 1 to 255 characters")));
        }
        let occurred_at = i64::from(event.occurred_at);
        if occurred_at < self.oldest {
            return Err(Error::Invalid(format!(
                "event {at} is older than event ids are kept (settings.usage_id_retention): a retry of it could count twice"
            )));
        }
        if occurred_at > self.newest {
            return Err(Error::Invalid(format!(
                "event {at} is in the future (settings.usage_clock_skew)"
            )));
        }
        Ok(())
    }
}

/// Parallel lists, as SQL takes them.
struct Lists {
    tenant_ids: Vec<pgrx::Uuid>,
    feature_keys: Vec<String>,
    units: Vec<i64>,
    event_ids: Vec<Option<String>>,
}

fn store(events: &[Event], rules: &Rules) -> Result<Recorded> {
    let lists = || Lists {
        tenant_ids: events.iter().map(|event| event.tenant_id).collect(),
        feature_keys: events.iter().map(|event| event.feature_key.clone()).collect(),
        units: events.iter().map(|event| event.units).collect(),
        event_ids: events.iter().map(|event| event.event_id.clone()).collect(),
    };
    // SAFETY: reads a variable of the backend.
    let slot = (unsafe { pg_sys::MyProcPid } % i32::from(rules.slots)) as i16;
    let Lists { tenant_ids, feature_keys, units, event_ids } = lists();
    let occurred_at: Vec<_> = events.iter().map(|event| event.occurred_at).collect();
    let args = [
        tenant_ids.into(),
        feature_keys.into(),
        units.into(),
        event_ids.into(),
        occurred_at.into(),
        slot.into(),
    ];
    let (new, known, period) =
        sql::write(include_str!("../../sql/usage/record.sql"), &args, |table| {
            let row = table.first();
            Ok((row.get::<i64>(1)?, row.get::<i64>(2)?, row.get::<Date>(3)?))
        })?;
    if known != Some(events.len() as i64) {
        let first = unknown(events.iter().enumerate())?.into_iter().next();
        return Err(first.map_or_else(
            || Error::NoSuchRow("a tenant was not there a moment ago: try again".into()),
            |(_, error)| error,
        ));
    }
    if new != known {
        // A statement of its own sees what a concurrent one, or this batch itself, has just written.
        let Lists { tenant_ids, feature_keys, units, event_ids } = lists();
        let args = [tenant_ids.into(), feature_keys.into(), units.into(), event_ids.into()];
        sql::run(include_str!("../../sql/usage/conflicts.sql"), &args)?;
    }
    Ok(Recorded { new: new.unwrap_or_default(), period })
}

/// Which of the events name an unknown tenant or feature, by their positions.
fn unknown<'a>(events: impl Iterator<Item = (usize, &'a Event)>) -> Result<Vec<(usize, Error)>> {
    let (positions, named): (Vec<usize>, Vec<_>) =
        events.map(|(at, event)| (at, (event.tenant_id, event.feature_key.clone()))).unzip();
    let (tenant_ids, feature_keys): (Vec<_>, Vec<_>) = named.into_iter().unzip();
    let found = sql::write(
        include_str!("../../sql/usage/unknown.sql"),
        &[tenant_ids.into(), feature_keys.into()],
        |table| {
            table
                .map(|row| Ok((row.get::<i64>(1)?, row.get::<bool>(2)?, row.get::<String>(3)?)))
                .collect::<Result<Vec<_>>>()
        },
    )?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let known =
        sql::read_rows("SELECT key FROM saas.features", &[], |row| Ok(row.get::<String>(1)?))?;
    let error = |(index, no_tenant, feature): (Option<i64>, Option<bool>, Option<String>)| {
        let at = positions.get(index? as usize)?;
        if no_tenant? {
            return Some((*at, Error::NoSuchRow(format!("event {at}: no such tenant"))));
        }
        let feature = feature?;
        let nearest = check::nearest(&feature, known.iter().flatten().map(String::as_str));
        let message = format!("event {at}: no plan has the feature \"{feature}\"");
        Some((*at, Error::Unknown(message, nearest)))
    };
    Ok(found.into_iter().filter_map(error).collect())
}
