//! Closing a month for all tenants, batch by batch.

use super::batch::{Batch, Due, Found, Work};
use super::pace;
use crate::error::{Error, Result, given};
use crate::iam::kind::{self, Kind};
use crate::owner::as_data_owner;
use crate::sql;
use crate::subtransaction::subtransaction;
use crate::usage::period;
use pgrx::datum::{Date, TimestampWithTimeZone};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::cell::Cell;
use std::time::{Duration, Instant};

thread_local! {
    /// How long this session's last batch took, if others are left.
    static WORKED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Closes the next batch of billing periods that begin in a calendar month (or earlier) and have
/// ended; false when none is left. `started_at` is when the caller began: what was parked since then
/// is not tried again.
#[pg_extern(volatile, parallel_unsafe)]
fn close_next_batch(
    period: Option<Date>,
    batch_size: Option<i32>,
    started_at: Option<TimestampWithTimeZone>,
) -> std::result::Result<bool, ErrorReport> {
    kind::require(&[Kind::Worker])?;
    let period = given(period, "period")?;
    let batch_size = given(batch_size, "batch_size")?;
    let started_at = given(started_at, "started_at")?;
    if batch_size < 1 {
        return Err(Error::Invalid("batch_size must be at least 1".into()).into());
    }
    WORKED.set(Duration::ZERO);
    let began = Instant::now();
    let (goes_on, left) = as_data_owner(|| close(period, batch_size, started_at))?;
    if left > 0 {
        WORKED.set(began.elapsed());
    }
    Ok(goes_on)
}

/// How often a closer that rests looks whether anybody writes.
const NAP: Duration = Duration::from_millis(3);
/// For so many naps nobody is seen writing before work goes on.
const QUIET: u32 = 3;

/// After a batch that another one follows, while others write: rests, so that closing takes no more than its share of the
/// time (settings.close_share).
#[pg_extern(volatile, parallel_unsafe)]
fn give_way() -> std::result::Result<(), ErrorReport> {
    kind::require(&[Kind::Worker])?;
    let share = as_data_owner(|| {
        sql::read_one::<f64>("SELECT close_share::float8 FROM saas.settings", &[])
    })?;
    let rest_ends = Instant::now() + pace::rest(WORKED.take(), share.unwrap_or(1.0));
    let mut quiet = 0;
    while Instant::now() < rest_ends && quiet < QUIET {
        as_data_owner(|| {
            sql::read_one::<bool>("SELECT pg_sleep($1) IS NULL", &[NAP.as_secs_f64().into()])
        })?;
        // SAFETY: looks through shared memory for other transactions that have written.
        quiet = if unsafe { pg_sys::MinimumActiveBackends(1) } { 0 } else { quiet + 1 };
    }
    Ok(())
}

/// Whether there was anything to close, and how many subscriptions are left.
fn close(day: Date, batch_size: i32, started: TimestampWithTimeZone) -> Result<(bool, i64)> {
    let now = pgrx::datum::datetime_support::transaction_timestamp();
    let (month, next) = period::month(day)?;
    let over = sql::read_one::<bool>(
        "SELECT $1 <= ($2 AT TIME ZONE s.time_zone)::date FROM saas.settings s",
        &[next.into(), now.into()],
    )?;
    if over != Some(true) {
        return Err(Error::State(
            "the month still runs".into(),
            "It can be closed when it is over.",
        ));
    }
    let due = Due { before: next, ended_by: now, most: batch_size, not_parked_since: started };
    for work in [Work::Periods, Work::Late] {
        match due.find(work)? {
            Found::Nothing => {}
            Found::Again => return Ok((true, 0)),
            Found::Batch(batch) => {
                let parked = bill_or_park(&batch, month)?;
                let left = match work {
                    Work::Periods => report(month, next, now, batch.len() as i64 - parked, false)?,
                    Work::Late => 0,
                };
                return Ok((true, left));
            }
        }
    }
    report(month, next, now, 0, true)?;
    Ok((false, 0))
}

/// Bills what can be billed and parks the rest, found by halving. Returns how many were parked.
fn bill_or_park(batch: &Batch, month: Date) -> Result<i64> {
    if batch.len() == 0 {
        return Ok(0);
    }
    match subtransaction(|| batch.bill()) {
        Ok(()) => {
            sql::run(
                "DELETE FROM saas.close_parked k USING unnest($1::uuid[], $2::uuid[]) AS d (tenant_id, id)
                  WHERE k.tenant_id = d.tenant_id AND k.subscription_id = d.id",
                &[batch.tenant_ids.clone().into(), batch.subscription_ids.clone().into()],
            )?;
            Ok(0)
        }
        Err(failure) if batch.len() == 1 => {
            sql::run(
                include_str!("../../sql/billing/park.sql"),
                &[
                    batch.tenant_ids[0].into(),
                    batch.subscription_ids[0].into(),
                    month.into(),
                    failure.sqlstate.into(),
                    failure.message.into(),
                ],
            )?;
            Ok(1)
        }
        Err(_) => {
            let (first, second) = batch.split();
            Ok(bill_or_park(&first, month)? + bill_or_park(&second, month)?)
        }
    }
}

/// Notes the progress at the end of a batch, when its row is held only until the commit that follows. Returns how many are left.
fn report(
    month: Date,
    next: Date,
    now: TimestampWithTimeZone,
    closed: i64,
    finished: bool,
) -> Result<i64> {
    let left = sql::write_one::<i64>(
        include_str!("../../sql/billing/count_due.sql"),
        &[next.into(), now.into()],
    )?;
    let line = sql::write_one::<String>(
        include_str!("../../sql/billing/note_progress.sql"),
        &[month.into(), closed.into(), left.into(), finished.into()],
    )?;
    if let Some(line) = line {
        pgrx::notice!("{line}");
    }
    Ok(left.unwrap_or(0))
}
