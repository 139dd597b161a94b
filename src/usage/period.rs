//! A period's usage: from counters to summaries to fees. Set-based; every function runs as the data owner.

use super::apart::apart;
use super::limits;
use crate::context::to_uuid;
use crate::error::{Error, Result};
use crate::sql;
use pgrx::datum::Date;

const ASSESS: &str = concat!(
    include_str!("../../sql/usage/summarized.sql"),
    include_str!("../../sql/usage/rate.sql"),
    include_str!("../../sql/usage/assess_fees.sql"),
);

/// How many tenants are taken at once, so that memory does not follow their number.
const BATCH: i64 = 10_000;

/// Folds the counters of tenants up to their periods, and fixes what was used in these, for ever if they are closed now. Returns
/// how many summaries changed. The caller holds the tenants' rows.
pub fn roll_up(tenant_ids: &[pgrx::Uuid], periods: &[Date], closes: bool) -> Result<i64> {
    let args = || [tenant_ids.to_vec().into(), periods.to_vec().into()];
    let count = tenant_ids.len();
    let late =
        sql::write_batch(count, include_str!("../../sql/usage/fold.sql"), &args(), |table| {
            table
                .map(|row| {
                    Ok((row.get::<pgrx::Uuid>(1)?, row.get::<String>(2)?, row.get::<Date>(3)?))
                })
                .collect::<Result<Vec<_>>>()
        })?;
    adjust(&late)?;
    let args = [tenant_ids.to_vec().into(), periods.to_vec().into(), closes.into()];
    sql::run_batch(count, include_str!("../../sql/usage/summarize.sql"), &args)
}

/// Forgets what usage of periods that are not closed was priced at before.
pub fn clear_fees(tenant_ids: &[pgrx::Uuid], periods: &[Date]) -> Result<()> {
    sql::run_batch(
        tenant_ids.len(),
        include_str!("../../sql/usage/clear_fees.sql"),
        &[tenant_ids.to_vec().into(), periods.to_vec().into()],
    )?;
    Ok(())
}

/// The same for one counter that was written anew.
pub fn settle(tenant: pgrx::Uuid, feature: &str, period: Date) -> Result<()> {
    let billed = sql::write_one::<bool>(
        "SELECT true FROM saas.billed_periods WHERE tenant_id = $1 AND period = $2 AND kind = 'billed' LIMIT 1",
        &[tenant.into(), period.into()],
    )?;
    if billed == Some(true) {
        adjust(&[(Some(tenant), Some(feature.to_owned()), Some(period))])?;
    }
    let args = [vec![tenant].into(), vec![period].into(), false.into()];
    sql::run(include_str!("../../sql/usage/summarize.sql"), &args)?;
    Ok(())
}

/// What of these counters (tenant, feature, closed period) is not what was billed becomes adjustments.
fn adjust(late: &[(Option<pgrx::Uuid>, Option<String>, Option<Date>)]) -> Result<()> {
    if late.is_empty() {
        return Ok(());
    }
    let tenants: Vec<_> = late.iter().map(|(tenant, ..)| *tenant).collect();
    let features: Vec<_> = late.iter().map(|(_, feature, _)| feature.clone()).collect();
    let periods: Vec<_> = late.iter().map(|(.., period)| *period).collect();
    let args = [tenants.into(), features.into(), periods.into()];
    sql::run_batch(late.len(), include_str!("../../sql/usage/late_summaries.sql"), &args)?;
    sql::run_batch(late.len(), include_str!("../../sql/usage/late.sql"), &args)?;
    Ok(())
}

/// Prices what subscriptions used beyond their plans. Returns how many fees there are.
fn assess(
    tenant_ids: &[pgrx::Uuid],
    subscription_ids: &[pgrx::Uuid],
    periods: &[Date],
) -> Result<i64> {
    clear_fees(tenant_ids, periods)?;
    sql::run_batch(
        tenant_ids.len(),
        ASSESS,
        &[tenant_ids.to_vec().into(), subscription_ids.to_vec().into(), periods.to_vec().into()],
    )
}

pub fn roll_up_month(day: Date, tenant: Option<pgrx::Uuid>) -> Result<i64> {
    let (from, to) = month(day)?;
    let mut after: Option<pgrx::Uuid> = None;
    let mut changed = 0;
    loop {
        let used = sql::read_rows(
            include_str!("../../sql/usage/used_in_month.sql"),
            &[from.into(), to.into(), after.into(), BATCH.into(), tenant.into()],
            |row| Ok(row.get::<pgrx::Uuid>(1)?.zip(row.get::<Date>(2)?)),
        )?;
        let used: Vec<_> = used.into_iter().flatten().collect();
        let Some((last, _)) = used.last().copied() else { return Ok(changed) };
        let tenants: Vec<_> = used.iter().map(|(tenant, _)| *tenant).collect();
        hold(&tenants)?;
        changed += each(&used, tenant.is_some(), |used| used.0, &|used| {
            let (tenants, periods): (Vec<_>, Vec<_>) = used.iter().copied().unzip();
            roll_up(&tenants, &periods, false)
        })?;
        let now = pgrx::datum::datetime_support::transaction_timestamp();
        limits::raise_alerts(now, Some(tenants), None)?;
        after = Some(last);
    }
}

pub fn assess_month(day: Date, tenant: Option<pgrx::Uuid>) -> Result<i64> {
    let (from, to) = month(day)?;
    let mut after: Option<pgrx::Uuid> = None;
    let mut fees = 0;
    loop {
        let due = sql::read_rows(
            include_str!("../../sql/billing/due_in_month.sql"),
            &[from.into(), to.into(), after.into(), BATCH.into(), tenant.into()],
            |row| {
                let ids = row.get::<pgrx::Uuid>(1)?.zip(row.get::<pgrx::Uuid>(2)?);
                Ok(ids.zip(row.get::<Date>(3)?))
            },
        )?;
        let due: Vec<_> = due.into_iter().flatten().collect();
        let Some(((last, _), _)) = due.last().copied() else { return Ok(fees) };
        hold(&due.iter().map(|((tenant, _), _)| *tenant).collect::<Vec<_>>())?;
        fees += each(&due, tenant.is_some(), |due| due.0.0, &|due| {
            let (ids, periods): (Vec<_>, Vec<_>) = due.iter().copied().unzip();
            let (tenants, subscriptions): (Vec<_>, Vec<_>) = ids.into_iter().unzip();
            assess(&tenants, &subscriptions, &periods)
        })?;
        after = Some(last);
    }
}

/// Holds the tenants' rows, in one order for everybody: closers hold them too. Returns how many there are.
///
/// # Errors
/// 40001 for a transaction whose one snapshot is older than a close of theirs: it would take a closed period for an open
/// one. A close moves subscriptions on, so it fails there.
pub fn hold(tenants: &[pgrx::Uuid]) -> Result<i64> {
    let found = sql::run(
        "SELECT FROM saas.tenants WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE",
        &[tenants.to_vec().into()],
    )?;
    if sql::has_one_snapshot() {
        sql::run(
            "SELECT FROM saas.tenant_subscriptions WHERE tenant_id = ANY ($1) ORDER BY tenant_id, id FOR NO KEY UPDATE",
            &[tenants.to_vec().into()],
        )?;
    }
    Ok(found)
}

/// What is one tenant's fault stops no other: he is left out with a warning, unless somebody asked for
/// him alone.
fn each<T>(
    rows: &[T],
    alone: bool,
    tenant: impl Fn(&T) -> pgrx::Uuid,
    work: &dyn Fn(&[T]) -> Result<i64>,
) -> Result<i64> {
    if alone {
        return work(rows);
    }
    apart(rows, work, &mut |row, failure| {
        let tenant = to_uuid(tenant(row));
        pgrx::warning!("tenant {tenant} is left out: {}: {}", failure.sqlstate, failure.message);
    })
}

/// The first day of the calendar month of `day`, and of the next.
///
/// # Errors
/// 22023 for an infinite day.
pub fn month(day: Date) -> Result<(Date, Date)> {
    let month = sql::read(
        "SELECT date_trunc('month', $1)::date, (date_trunc('month', $1) + interval '1 month')::date
          WHERE isfinite($1)",
        &[day.into()],
        |mut rows| {
            let Some(row) = rows.next() else { return Ok(None) };
            Ok(row.get::<Date>(1)?.zip(row.get::<Date>(2)?))
        },
    )?;
    month.ok_or_else(|| Error::Invalid("the period must be a day".into()))
}
