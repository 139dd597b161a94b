//! What waits for its day: the end of a trial, new terms, the end of a contract.

use super::{Trial, begin};
use crate::billing::advance::charge_in_advance;
use crate::context::to_uuid;
use crate::error::{Error, Result, given};
use crate::iam::kind::{self, Kind};
use crate::owner::as_data_owner;
use crate::sql;
use crate::subtransaction::{Failure, subtransaction};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// How many tenants are locked at once.
const BATCH: i64 = 1000;

/// Applies what has come due by a moment; returns how many subscriptions it changed, and fees it charged in advance.
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
            changed += advance(&tenants, as_of)?;
        }
    })?)
}

/// Applies what has come due for tenants whose rows are held. One for whom it can't be done stops no other: he is found by
/// halving, and left out with a warning.
fn advance(tenants: &[pgrx::Uuid], as_of: TimestampWithTimeZone) -> Result<i64> {
    match subtransaction(|| apply_due(tenants, as_of)) {
        Ok(changed) => Ok(changed),
        // A deadlock is nobody's fault: it is the caller's to repeat.
        Err(failure) if failure.sqlstate.starts_with("40") => apply_due(tenants, as_of),
        Err(failure) => match tenants {
            [tenant] => {
                let tenant = to_uuid(*tenant);
                let Failure { sqlstate, message } = failure;
                pgrx::warning!("tenant {tenant} is left out: {sqlstate}: {message}");
                Ok(0)
            }
            _ => {
                let (first, second) = tenants.split_at(tenants.len() / 2);
                Ok(advance(first, as_of)? + advance(second, as_of)?)
            }
        },
    }
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
    let mut changed = 0;
    if waits == Some(true) {
        changed += apply_waiting(tenants, as_of)?;
    }
    Ok(changed + charge_in_advance(tenants, as_of)?.len() as i64)
}

fn apply_waiting(tenants: &[pgrx::Uuid], as_of: TimestampWithTimeZone) -> Result<i64> {
    let args = || [tenants.to_vec().into(), as_of.into()];
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
                    let left =
                        Left { trial_end: row.get(5)?, is_behind: row.get(6)? == Some(true) };
                    Ok(contract.zip(begins).map(|next| (next, left)))
                })
                .collect::<Result<Vec<_>>>()
        })?
        .into_iter()
        .flatten()
    {
        let (((tenant, plan), (seats, starts_at)), left) = next;
        succeed(tenant, plan, seats, starts_at, left)?;
        changed += 1;
    }
    Ok(changed)
}

/// What a contract leaves to the one that follows on it.
pub struct Left {
    pub trial_end: Option<TimestampWithTimeZone>,
    pub is_behind: bool,
}

/// A contract that follows on one that has just ended. The provider's stays the same, and so do its add-ons.
pub fn succeed(
    tenant: pgrx::Uuid,
    plan: pgrx::Uuid,
    seats: i32,
    starts_at: TimestampWithTimeZone,
    left: Left,
) -> Result<pgrx::Uuid> {
    let trial = Trial::Until(left.trial_end);
    let id = begin(tenant, plan, seats, starts_at, trial, left.is_behind)?;
    for statement in [
        include_str!("../../../sql/billing/hand_link_on.sql"),
        include_str!("../../../sql/billing/hand_add_ons_on.sql"),
    ] {
        sql::run(statement, &[tenant.into(), id.into(), starts_at.into()])?;
    }
    Ok(id)
}
