//! Counting events.

use super::apart::apart;
use super::known::Known;
use super::store::store;
use crate::context::{setting, to_uuid};
use crate::error::{Error, Result};
use crate::iam::cache;
use crate::iam::kind::{self, Kind};
use crate::owner::as_data_owner;
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
pub type LeftOut = (i64, String, String);

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
        let events: Vec<&Event> = events.iter().collect();
        let known = Known::of(&events)?;
        match known.unknown(events.iter().copied().enumerate())?.into_iter().next() {
            Some((_, error)) => Err(error),
            None => store(&events, &known, rules.slot()),
        }
    })
}

/// Counts the events that can be counted, of which the first has the position `first`; returns how many were new, and
/// those that were left out. `Err` in `events`: what is wrong with one already.
pub fn record_good(events: Vec<Result<Event>>, first: i64) -> Result<(i64, Vec<LeftOut>)> {
    require_recorder()?;
    as_data_owner(|| {
        let rules = Rules::read()?;
        let mut left_out = Vec::new();
        let mut good = Vec::new();
        for (event, at) in events.into_iter().zip(first as usize..) {
            match event.and_then(|event| rules.check(at, &event).map(|()| event)) {
                Ok(event) => good.push((at, event)),
                Err(error) => left_out.push((at as i64, error.sqlstate(), error.to_string())),
            }
        }
        let known = Known::of(&good.iter().map(|(_, event)| event).collect::<Vec<_>>())?;
        let unknown = known.unknown(good.iter().map(|(at, event)| (*at, event)))?;
        for (at, error) in &unknown {
            left_out.push((*at as i64, error.sqlstate(), error.to_string()));
        }
        let unknown: HashSet<usize> = unknown.into_iter().map(|(at, _)| at).collect();
        good.retain(|(at, _)| !unknown.contains(at));
        let new = apart(
            &good,
            &|good| {
                let events: Vec<&Event> = good.iter().map(|(_, event)| event).collect();
                Ok(store(&events, &known, rules.slot())?.new)
            },
            &mut |(at, _), failure| left_out.push((*at as i64, failure.sqlstate, failure.message)),
        )?;
        left_out.sort_by_key(|(at, ..)| *at);
        Ok((new, left_out))
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
        let metering = cache::metering()?;
        let (oldest, newest) = metering.window();
        let tenant = setting::current().and_then(|context| context.tenant);
        Ok(Rules { slots: metering.slots, oldest, newest, tenant })
    }

    /// Which of a counter's rows this session writes: its own, as long as there are not more sessions than rows. Process ids would
    /// meet by chance, places of the process array are given out from the first on.
    fn slot(&self) -> i16 {
        // SAFETY: a backend has its place in the array of shared memory for as long as it lives.
        let place = unsafe { pg_sys::MyProc.offset_from((*pg_sys::ProcGlobal).allProcs) };
        (place % isize::from(self.slots)) as i16
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
