//! What counting goes by, of all tenants. Each session keeps it until it changes: [`crate::iam::cache`].

use super::known::Aggregation;
use crate::error::{Error, Result};
use crate::iam::fresh;
use pgrx::datum::{Interval, TimestampWithTimeZone};
use std::collections::HashMap;

pub struct Metering {
    pub slots: i16,
    id_retention: Interval,
    ids_kept_since: TimestampWithTimeZone,
    clock_skew: Interval,
    pub features: HashMap<String, Aggregation>,
    /// Some plan's periods are not calendar months.
    pub own_periods: bool,
}

impl Metering {
    pub fn load() -> Result<Metering> {
        let mut settings = None;
        fresh::read(
            "SELECT usage_slots, usage_id_retention, usage_ids_kept_since, usage_clock_skew,
                    EXISTS (SELECT FROM saas.plans WHERE billing_cycle <> 'calendar')
               FROM saas.settings",
            &[],
            &[],
            |row| {
                let times = row.get::<Interval>(2).zip(row.get(3)).zip(row.get::<Interval>(4));
                settings = row.get::<i16>(1).zip(times).zip(row.get::<bool>(5));
            },
        )?;
        let mut rows = Vec::new();
        fresh::read("SELECT key, aggregation FROM saas.features", &[], &[], |row| {
            rows.extend(row.get::<String>(1).zip(row.get::<String>(2)));
        })?;
        let ((slots, ((id_retention, ids_kept_since), clock_skew)), own_periods) = settings
            .ok_or_else(|| {
                Error::State("saas.settings has no row".into(), "Call saas.install().")
            })?;
        let features = rows
            .into_iter()
            .map(|(key, name)| Ok((key, Aggregation::named(&name)?)))
            .collect::<Result<_>>()?;
        Ok(Metering { slots, id_retention, ids_kept_since, clock_skew, features, own_periods })
    }

    /// The oldest and the newest an event may be now, in microseconds since 2000.
    pub fn window(&self) -> (i64, i64) {
        let now = pgrx::datum::datetime_support::transaction_timestamp();
        let oldest = i64::from(now - self.id_retention).max(i64::from(self.ids_kept_since));
        (oldest, i64::from(now + self.clock_skew))
    }
}
