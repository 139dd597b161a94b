//! Ending, pausing and resuming a contract.

use super::due::{apply_due, finite};
use super::require_subscriber;
use crate::billing::batch::{Batch, Work};
use crate::billing::{gate, ledger};
use crate::context::to_uuid;
use crate::error::{Error, Result, given};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::datum::{Date, TimestampWithTimeZone};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Ends the tenant's contract, at the end of what its fee covers or at once.
#[pg_extern(volatile, parallel_unsafe)]
fn cancel_subscription(
    tenant_id: Option<pgrx::Uuid>,
    at_period_end: default!(Option<bool>, true),
    as_of: default!(Option<TimestampWithTimeZone>, "now()"),
) -> std::result::Result<(), ErrorReport> {
    let (tenant, as_of) = enter(tenant_id, as_of)?;
    let at_period_end = given(at_period_end, "at_period_end")?;
    // Whether he may give days back: a year that is paid by its days would be a cheaper month.
    let refunds = at_period_end || require_subscriber(to_uuid(tenant), false).is_ok();
    Ok(as_data_owner(|| {
        hold(tenant, as_of)?;
        if !refunds && is_in_sold_year(tenant, as_of)? {
            return Err(Error::Denied(
                "a year is sold as a whole: to end it before its end needs platform.billing.adjust"
                    .into(),
            ));
        }
        let statement = match at_period_end {
            true => include_str!("../../../sql/billing/cancel_later.sql"),
            false => include_str!("../../../sql/billing/cancel_now.sql"),
        };
        match sql::run(statement, &[tenant.into(), as_of.into()])? {
            0 => Err(sought(tenant, as_of)?),
            _ => Ok(()),
        }
    })?)
}

/// Whether the tenant's contract is on a yearly plan whose trial is over.
fn is_in_sold_year(tenant: pgrx::Uuid, as_of: TimestampWithTimeZone) -> Result<bool> {
    let sold = sql::write_one::<bool>(
        "SELECT true FROM saas.tenant_subscriptions s JOIN saas.plans p ON p.id = s.plan_id
          WHERE s.tenant_id = $1 AND s.status <> 'canceled' AND p.billing_interval = 'yearly'
            AND (s.trial_end IS NULL OR s.trial_end <= $2)",
        &[tenant.into(), as_of.into()],
    )?;
    Ok(sold == Some(true))
}

/// Stops the contract: nothing is given and nothing is billed from this day on.
#[pg_extern(volatile, parallel_unsafe)]
fn pause_subscription(
    tenant_id: Option<pgrx::Uuid>,
    as_of: default!(Option<TimestampWithTimeZone>, "now()"),
) -> std::result::Result<(), ErrorReport> {
    // Whoever might pause by himself would pause each night.
    require_subscriber(to_uuid(given(tenant_id, "tenant_id")?), false)?;
    let (tenant, as_of) = enter(tenant_id, as_of)?;
    Ok(as_data_owner(|| {
        hold(tenant, as_of)?;
        let sold_whole = sql::write_one::<bool>(
            "SELECT true FROM saas.tenant_subscriptions s JOIN saas.plans p ON p.id = s.plan_id
              WHERE s.tenant_id = $1 AND s.status <> 'canceled' AND (p.billing_interval = 'yearly' OR p.bill_in = 'advance')",
            &[tenant.into()],
        )?;
        if sold_whole.is_some() {
            return Err(Error::State(
                "a year, and what is billed in advance, is sold as a whole".into(),
                "Cancel the contract, or change to a plan that is billed monthly in arrears first.",
            ));
        }
        let paused = include_str!("../../../sql/billing/pause.sql");
        match sql::run(paused, &[tenant.into(), as_of.into()])? {
            0 => Err(sought(tenant, as_of)?),
            _ => Ok(()),
        }
    })?)
}

/// Lets a paused contract go on, or takes back an end or new terms that wait.
#[pg_extern(volatile, parallel_unsafe)]
fn resume_subscription(
    tenant_id: Option<pgrx::Uuid>,
    as_of: default!(Option<TimestampWithTimeZone>, "now()"),
) -> std::result::Result<(), ErrorReport> {
    let (tenant, as_of) = enter(tenant_id, as_of)?;
    Ok(as_data_owner(|| {
        hold(tenant, as_of)?;
        if resume(tenant, as_of)? {
            return Ok(());
        }
        let kept = sql::run(
            "UPDATE saas.tenant_subscriptions
                SET cancel_at = NULL, scheduled_for = NULL, scheduled_plan_id = NULL, scheduled_seats = NULL
              WHERE tenant_id = $1 AND status <> 'canceled' AND (cancel_at IS NOT NULL OR scheduled_for IS NOT NULL)
              RETURNING id",
            &[tenant.into()],
        )?;
        match kept {
            0 => Err(Error::State(
                "the contract is neither paused nor about to end or to change".into(),
                "One that has ended is not resumed: call saas.subscribe.",
            )),
            _ => Ok(()),
        }
    })?)
}

/// Goes on with a paused contract; false if it is not paused. What was billed until the pause is closed first,
/// then the pause takes its place in the chain of periods. The caller holds the tenant.
pub fn resume(tenant: pgrx::Uuid, as_of: TimestampWithTimeZone) -> Result<bool> {
    loop {
        let Some(paused) = find_paused(tenant, as_of)? else { return Ok(false) };
        if paused.is_ahead {
            return Err(Error::State("the pause begins later than that".into(), ""));
        }
        if paused.is_to_come {
            // What runs until the pause would be billed before it is over.
            return Err(Error::State(
                "a contract goes on from today, or from a day before".into(),
                "Call it on that day.",
            ));
        }
        if !paused.is_open {
            let args = || [tenant.into(), paused.subscription.into(), as_of.into()];
            sql::run(include_str!("../../../sql/billing/chain_pause.sql"), &args())?;
            sql::run(include_str!("../../../sql/billing/resume.sql"), &args())?;
            apply_due(&[tenant], as_of)?;
            return Ok(true);
        }
        let mut batch = Batch::new(Work::Periods);
        batch.push(tenant, paused.subscription, paused.counted);
        batch.bill()?;
    }
}

struct Paused {
    subscription: pgrx::Uuid,
    /// What the usage of its unbilled period is counted under.
    counted: Date,
    /// Whether that period lies before the pause.
    is_open: bool,
    is_ahead: bool,
    /// Whether the day to go on from is one to come.
    is_to_come: bool,
}

fn find_paused(tenant: pgrx::Uuid, as_of: TimestampWithTimeZone) -> Result<Option<Paused>> {
    sql::write(
        include_str!("../../../sql/billing/find_paused.sql"),
        &[tenant.into(), as_of.into()],
        |mut rows| {
            let Some(row) = rows.next() else { return Ok(None) };
            let (Some(subscription), Some(counted)) = (row.get(1)?, row.get(2)?) else {
                return Ok(None);
            };
            let is = |number| Ok::<_, Error>(row.get::<bool>(number)? == Some(true));
            let (is_open, is_ahead, is_to_come) = (is(3)?, is(4)?, is(5)?);
            Ok(Some(Paused { subscription, counted, is_open, is_ahead, is_to_come }))
        },
    )
}

/// The gate of all three.
fn enter(
    tenant: Option<pgrx::Uuid>,
    as_of: Option<TimestampWithTimeZone>,
) -> Result<(pgrx::Uuid, TimestampWithTimeZone)> {
    let tenant = given(tenant, "tenant_id")?;
    let as_of = given(as_of, "as_of")?;
    require_subscriber(to_uuid(tenant), gate::is_now(as_of)?)?;
    Ok((tenant, finite(as_of)?))
}

/// Takes the tenant, and brings its contract up to the moment.
pub fn hold(tenant: pgrx::Uuid, as_of: TimestampWithTimeZone) -> Result<()> {
    ledger::lock(tenant)?;
    apply_due(&[tenant], as_of)?;
    Ok(())
}

/// Why no contract was found that could be ended or paused.
pub fn sought(tenant: pgrx::Uuid, as_of: TimestampWithTimeZone) -> Result<Error> {
    let why = sql::write_one::<String>(
        include_str!("../../../sql/billing/why_not.sql"),
        &[tenant.into(), as_of.into()],
    )?;
    Ok(match why {
        Some(why) => Error::State(why, ""),
        None => {
            Error::State("the tenant has no live subscription".into(), "saas.subscribe begins one.")
        }
    })
}
