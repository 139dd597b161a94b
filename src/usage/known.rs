//! What the tenants and features are that events name, and in which periods the events count.

use super::record::Event;
use crate::billing::period::{civil_day_number, civil_from_micros};
use crate::context::to_uuid;
use crate::error::{Error, Result};
use crate::iam::{cache, check};
use crate::sql;
use chrono::Datelike;
use pgrx::datum::{Date, Timestamp};
use pgrx::prelude::*;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// How a feature's events add up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aggregation {
    Sum,
    Max,
    Last,
}

impl Aggregation {
    pub fn name(self) -> &'static str {
        match self {
            Aggregation::Sum => "sum",
            Aggregation::Max => "max",
            Aggregation::Last => "last",
        }
    }

    pub fn named(name: &str) -> Result<Aggregation> {
        match name {
            "sum" => Ok(Aggregation::Sum),
            "max" => Ok(Aggregation::Max),
            "last" => Ok(Aggregation::Last),
            _ => Err(Error::State(format!("unknown aggregation \"{name}\""), "")),
        }
    }
}

struct Tenant {
    zone: usize,
    /// It has, or had, a plan whose periods are not months.
    own_periods: bool,
}

/// The tenants and features that events name, as far as there are any.
#[derive(Default)]
pub struct Known {
    tenants: HashMap<Uuid, Tenant>,
    features: HashMap<String, Aggregation>,
    zones: Vec<String>,
    /// Of a single event, with which it was looked up.
    period: Option<i32>,
}

impl Known {
    /// Runs as the data owner.
    pub fn of(events: &[&Event]) -> Result<Known> {
        match events {
            [] => Ok(Known::default()),
            [event] => Known::of_one(event),
            _ => Known::of_many(events),
        }
    }

    fn of_one(event: &Event) -> Result<Known> {
        let metering = cache::metering()?;
        // A batch, a limit or a roll-up in the same transaction knows no more than its snapshot.
        if metering.own_periods || sql::has_one_snapshot() {
            return Known::look_up(event);
        }
        let mut known = Known::default();
        if let Some(aggregation) = metering.features.get(&event.feature_key) {
            known.features.insert(event.feature_key.clone(), *aggregation);
        }
        let id = to_uuid(event.tenant_id);
        if let Some(zone) = cache::time_zone(id)? {
            known.zones.push(zone.to_string());
            known.tenants.insert(id, Tenant { zone: 0, own_periods: false });
        }
        Ok(known)
    }

    fn look_up(event: &Event) -> Result<Known> {
        let args =
            [event.tenant_id.into(), event.feature_key.as_str().into(), event.occurred_at.into()];
        sql::write(include_str!("../../sql/usage/known_one.sql"), &args, |table| {
            let row = table.first();
            let period = row.get::<Date>(2)?.map(|first| first.to_pg_epoch_days());
            let mut known = Known { period, ..Known::default() };
            if let Some(name) = row.get::<&str>(1)? {
                known.features.insert(event.feature_key.clone(), Aggregation::named(name)?);
            }
            if row.get(3)? == Some(true) {
                let tenant = Tenant { zone: 0, own_periods: false };
                known.tenants.insert(to_uuid(event.tenant_id), tenant);
            }
            Ok(known)
        })
    }

    fn of_many(events: &[&Event]) -> Result<Known> {
        let mut known = Known::default();
        let tenants: HashSet<Uuid> = events.iter().map(|event| to_uuid(event.tenant_id)).collect();
        let mut tenants: Vec<Uuid> = tenants.into_iter().collect();
        tenants.sort(); // neighbours in the index
        let tenants: Vec<_> = tenants.into_iter().map(crate::context::from_uuid).collect();
        let features: HashSet<&str> =
            events.iter().map(|event| event.feature_key.as_str()).collect();
        let features: Vec<&str> = features.into_iter().collect();
        let mut zones: HashMap<String, usize> = HashMap::new();
        let tenants = [tenants.into()];
        sql::write(include_str!("../../sql/usage/known_tenants.sql"), &tenants, |table| {
            for row in table {
                let Some((id, zone)) = row.get::<pgrx::Uuid>(1)?.zip(row.get::<String>(2)?) else {
                    continue;
                };
                let next = zones.len();
                let zone = *zones.entry(zone).or_insert(next);
                let tenant = Tenant { zone, own_periods: row.get(3)? == Some(true) };
                known.tenants.insert(to_uuid(id), tenant);
            }
            Ok(())
        })?;
        let features = [features.into()];
        let sql = "SELECT key, aggregation FROM saas.features WHERE key = ANY ($1)";
        sql::write(sql, &features, |table| {
            for row in table {
                if let Some((key, name)) = row.get::<String>(1)?.zip(row.get::<&str>(2)?) {
                    known.features.insert(key, Aggregation::named(name)?);
                }
            }
            Ok(())
        })?;
        known.zones = vec![String::new(); zones.len()];
        for (zone, place) in zones {
            known.zones[place] = zone;
        }
        Ok(known)
    }

    /// What of the events is unknown, by their positions.
    pub fn unknown<'a>(
        &self,
        events: impl Iterator<Item = (usize, &'a Event)>,
    ) -> Result<Vec<(usize, Error)>> {
        let mut features: Option<Vec<Option<String>>> = None;
        let mut unknown = Vec::new();
        for (at, event) in events {
            if !self.tenants.contains_key(&to_uuid(event.tenant_id)) {
                unknown.push((at, Error::NoSuchRow(format!("event {at}: no such tenant"))));
            } else if !self.features.contains_key(&event.feature_key) {
                let features = match &mut features {
                    Some(features) => features,
                    None => features.insert(sql::read_rows(
                        "SELECT key FROM saas.features",
                        &[],
                        |row| Ok(row.get(1)?),
                    )?),
                };
                let known = features.iter().flatten().map(String::as_str);
                let nearest = check::nearest(&event.feature_key, known);
                let message =
                    format!("event {at}: no plan has the feature \"{}\"", event.feature_key);
                unknown.push((at, Error::Unknown(message, nearest)));
            }
        }
        Ok(unknown)
    }

    pub fn aggregation(&self, feature: &str) -> Result<Aggregation> {
        self.features
            .get(feature)
            .copied()
            .ok_or_else(|| Error::State(format!("\"{feature}\" was not looked up"), ""))
    }

    /// The first days (of PostgreSQL's count) of the periods that events count in, in their order. All of them are known.
    pub fn periods(&self, events: &[&Event]) -> Result<Vec<i32>> {
        if let ([_], Some(period)) = (events, self.period) {
            return Ok(vec![period]);
        }
        let mut months = Months::new(&self.zones);
        let mut periods = Vec::with_capacity(events.len());
        let mut own = Vec::new();
        for (at, event) in events.iter().enumerate() {
            let tenant = self
                .tenants
                .get(&to_uuid(event.tenant_id))
                .ok_or_else(|| Error::State("a tenant was not looked up".into(), ""))?;
            if tenant.own_periods {
                own.push(at);
            }
            periods.push(months.first_day(tenant.zone, event)?);
        }
        if !own.is_empty() {
            let args = [
                own.iter().map(|at| events[*at].tenant_id).collect::<Vec<_>>().into(),
                own.iter().map(|at| events[*at].occurred_at).collect::<Vec<_>>().into(),
            ];
            sql::write(include_str!("../../sql/usage/own_periods.sql"), &args, |table| {
                for (at, row) in own.iter().zip(table) {
                    periods[*at] = row.get::<Date>(1)?.ok_or_else(gone)?.to_pg_epoch_days();
                }
                Ok(())
            })?;
        }
        Ok(periods)
    }
}

fn gone() -> Error {
    Error::NoSuchRow("a tenant was not there a moment ago: try again".into())
}

/// Calendar months in zones. Events of a batch often have one time.
struct Months<'a> {
    zones: &'a [String],
    last: Vec<Option<(i64, i32)>>,
}

impl<'a> Months<'a> {
    fn new(zones: &'a [String]) -> Months<'a> {
        Months { zones, last: vec![None; zones.len()] }
    }

    fn first_day(&mut self, zone: usize, event: &Event) -> Result<i32> {
        let at = i64::from(event.occurred_at);
        if let Some((time, day)) = self.last[zone]
            && time == at
        {
            return Ok(day);
        }
        // SAFETY: what `AT TIME ZONE` calls, with arguments of its types that are not NULL.
        let local = unsafe {
            pgrx::direct_function_call::<Timestamp>(
                pg_sys::timestamptz_zone,
                &[self.zones[zone].as_str().into_datum(), event.occurred_at.into_datum()],
            )
        };
        let local = local.ok_or_else(gone)?;
        let day = civil_from_micros(i64::from(local))?.date();
        let first = civil_day_number(day.with_day(1).unwrap_or(day));
        self.last[zone] = Some((at, first));
        Ok(first)
    }
}
