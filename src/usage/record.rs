//! Counting events.

use crate::context::{setting, to_uuid};
use crate::error::{Error, Result};
use crate::iam::check;
use crate::iam::kind::{self, Kind};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;

/// Parallel lists, as SQL takes them.
pub struct Events {
    pub tenant_ids: Vec<pgrx::Uuid>,
    pub feature_keys: Vec<String>,
    pub units: Vec<i64>,
    pub event_ids: Vec<Option<String>>,
    pub occurred_at: Vec<TimestampWithTimeZone>,
}

/// Counts events and returns how many were new.
pub fn record(events: Events) -> Result<i64> {
    kind::require(&[Kind::Gateway, Kind::Worker])?;
    if let Some(tenant) = setting::current().and_then(|context| context.tenant)
        && events.tenant_ids.iter().any(|id| to_uuid(*id) != tenant)
    {
        return Err(Error::Denied("usage of another tenant than this request's".into()));
    }
    if let Some(at) = events.units.iter().position(|units| *units < 0) {
        return Err(Error::Invalid(format!("event {at}: units can't be negative")));
    }
    let wrong_id = |id: &Option<String>| {
        id.as_ref().is_some_and(|id| id.is_empty() || id.chars().count() > 255)
    };
    if let Some(at) = events.event_ids.iter().position(wrong_id) {
        return Err(Error::Invalid(format!("event {at}: an event id has 1 to 255 characters")));
    }
    let count = events.tenant_ids.len() as i64;
    as_data_owner(|| {
        let settings = Settings::read()?;
        if let Some(at) = events.occurred_at.iter().position(|at| i64::from(*at) < settings.oldest)
        {
            return Err(Error::Invalid(format!(
                "event {at} is older than event ids are kept (settings.usage_id_retention): a retry of it could count twice"
            )));
        }
        if let Some(at) = events.occurred_at.iter().position(|at| i64::from(*at) > settings.newest)
        {
            return Err(Error::Invalid(format!(
                "event {at} is in the future (settings.usage_clock_skew)"
            )));
        }
        // SAFETY: reads a variable of the backend.
        let slot = (unsafe { pg_sys::MyProcPid } % i32::from(settings.slots)) as i16;
        let args = [
            events.tenant_ids.clone().into(),
            events.feature_keys.clone().into(),
            events.units.clone().into(),
            events.event_ids.clone().into(),
            events.occurred_at.into(),
            slot.into(),
        ];
        let (new, known) =
            sql::write(include_str!("../../sql/usage/record.sql"), &args, |table| {
                let row = table.first();
                Ok((row.get::<i64>(1)?, row.get::<i64>(2)?))
            })?;
        if known != Some(count) {
            return Err(unknown(events.tenant_ids, events.feature_keys)?);
        }
        if new != known {
            // A statement of its own sees what a concurrent one, or this batch itself, has just written.
            let args = [
                events.tenant_ids.into(),
                events.feature_keys.into(),
                events.units.into(),
                events.event_ids.into(),
            ];
            sql::run(include_str!("../../sql/usage/conflicts.sql"), &args)?;
        }
        Ok(new.unwrap_or(0))
    })
}

struct Settings {
    slots: i16,
    /// What events may be, in microseconds since 2000.
    oldest: i64,
    newest: i64,
}

impl Settings {
    fn read() -> Result<Settings> {
        let found = sql::read(
            "SELECT usage_slots, now() - usage_id_retention, now() + usage_clock_skew FROM saas.settings",
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
        Ok(Settings { slots, oldest: oldest.into(), newest: newest.into() })
    }
}

fn unknown(tenant_ids: Vec<pgrx::Uuid>, feature_keys: Vec<String>) -> Result<Error> {
    let found = sql::read(
        include_str!("../../sql/usage/unknown.sql"),
        &[tenant_ids.into(), feature_keys.into()],
        |table| {
            let row = table.first();
            Ok((row.get::<bool>(1)?, row.get::<String>(2)?, row.get::<i64>(3)?))
        },
    )?;
    let (no_tenant, feature, at) = found;
    let at = at.unwrap_or(0);
    if no_tenant == Some(true) {
        return Ok(Error::NoSuchRow(format!("event {at}: no such tenant")));
    }
    let feature = feature.unwrap_or_default();
    let known =
        sql::read_rows("SELECT key FROM saas.features", &[], |row| Ok(row.get::<String>(1)?))?;
    let nearest = check::nearest(&feature, known.iter().flatten().map(String::as_str));
    Ok(Error::Unknown(format!("event {at}: no plan has the feature \"{feature}\""), nearest))
}
