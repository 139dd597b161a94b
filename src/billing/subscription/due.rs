//! What waits for its day: the end of a trial, new terms, the end of a contract.

use super::{Trial, begin};
use crate::error::{Error, Result, given};
use crate::iam::kind::{self, Kind};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// How many tenants are locked at once.
const BATCH: i64 = 1000;

/// Applies what has come due by a moment; returns how many subscriptions it changed.
#[pg_extern(volatile, parallel_unsafe)]
fn advance_subscriptions(
    as_of: default!(Option<TimestampWithTimeZone>, "now()"),
) -> std::result::Result<i64, ErrorReport> {
    kind::require(&[Kind::Worker])?;
    let as_of = finite(given(as_of, "as_of")?)?;
    Ok(as_data_owner(|| {
        let mut changed = 0;
        let mut after: Option<pgrx::Uuid> = None;
        loop {
            // The tenants in a statement before, so that what is decided on is what was there when they were held.
            let tenants: Vec<_> = sql::write(
                include_str!("../../../sql/billing/waiting_tenants.sql"),
                &[as_of.into(), after.into(), BATCH.into()],
                |table| table.map(|row| Ok(row.get::<pgrx::Uuid>(1)?)).collect::<Result<Vec<_>>>(),
            )?
            .into_iter()
            .flatten()
            .collect();
            let Some(last) = tenants.last() else { return Ok(changed) };
            after = Some(*last);
            changed += apply_due(&tenants, as_of)?;
        }
    })?)
}

/// A moment that is one.
pub fn finite(at: TimestampWithTimeZone) -> Result<TimestampWithTimeZone> {
    if [i64::MIN, i64::MAX].contains(&i64::from(at)) {
        return Err(Error::Invalid("as_of must be a moment".into()));
    }
    Ok(at)
}

/// The same for tenants whose rows the caller holds.
pub fn apply_due(tenants: &[pgrx::Uuid], as_of: TimestampWithTimeZone) -> Result<i64> {
    let args = || [tenants.to_vec().into(), as_of.into()];
    let waits = sql::write_one::<bool>(include_str!("../../../sql/billing/waits.sql"), &args())?;
    if waits != Some(true) {
        return Ok(0);
    }
    let mut changed = 0;
    // The earlier first: a contract may end on the day for which new terms wait, and then has none.
    for statement in [
        include_str!("../../../sql/billing/end_trials.sql"),
        include_str!("../../../sql/billing/apply_terms.sql"),
        include_str!("../../../sql/billing/end_contracts.sql"),
    ] {
        changed += sql::run(statement, &args())?;
    }
    for next in
        sql::write(include_str!("../../../sql/billing/end_for_next.sql"), &args(), |table| {
            table
                .map(|row| {
                    let contract = row.get::<pgrx::Uuid>(1)?.zip(row.get::<pgrx::Uuid>(2)?);
                    let begins = row.get::<i32>(3)?.zip(row.get::<TimestampWithTimeZone>(4)?);
                    let trial_end = row.get::<TimestampWithTimeZone>(5)?;
                    Ok(contract.zip(begins).map(|next| (next, trial_end)))
                })
                .collect::<Result<Vec<_>>>()
        })?
        .into_iter()
        .flatten()
    {
        let (((tenant, plan), (seats, starts_at)), trial_end) = next;
        succeed(tenant, plan, seats, starts_at, trial_end)?;
        changed += 1;
    }
    Ok(changed)
}

/// A contract that follows on one that has just ended, with what is left of its trial. The provider's stays the same.
pub fn succeed(
    tenant: pgrx::Uuid,
    plan: pgrx::Uuid,
    seats: i32,
    starts_at: TimestampWithTimeZone,
    trial_end: Option<TimestampWithTimeZone>,
) -> Result<pgrx::Uuid> {
    let id = begin(tenant, plan, seats, starts_at, Trial::Until(trial_end))?;
    sql::run(
        include_str!("../../../sql/billing/hand_link_on.sql"),
        &[tenant.into(), id.into(), starts_at.into()],
    )?;
    Ok(id)
}
