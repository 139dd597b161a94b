//! Subscriptions: begun here; changed, ended and paused in the modules below.

mod add_on;
mod change;
mod due;
mod end;

pub use due::apply_due;
pub use end::resume;

use crate::billing::advance::charge_in_advance;
use crate::billing::gate;
use crate::context::{from_uuid, new_id, setting, to_uuid};
use crate::error::{Error, Result, given};
use crate::iam::check;
use crate::iam::kind::{self, Kind};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::datum::datetime_support::transaction_timestamp;
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use uuid::Uuid;

/// Puts a tenant on the current version of a plan and returns the subscription.
#[pg_extern(volatile, parallel_unsafe)]
fn subscribe(
    tenant_id: Option<pgrx::Uuid>,
    plan_key: Option<&str>,
    seats: default!(Option<i32>, 1),
    starts_at: default!(Option<TimestampWithTimeZone>, "now()"),
    trial: default!(Option<Interval>, "NULL"),
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    let tenant_id = given(tenant_id, "tenant_id")?;
    let plan_key = given(plan_key, "plan_key")?;
    let seats = given(seats, "seats")?;
    let starts_at = given(starts_at, "starts_at")?;
    require_subscriber(to_uuid(tenant_id), gate::is_now(starts_at)? && trial.is_none())?;
    Ok(as_data_owner(|| {
        let plan = Plan::current(tenant_id, plan_key)?;
        plan.require_seats(seats)?;
        if sql::run(
            "SELECT FROM saas.tenant_subscriptions WHERE tenant_id = $1 AND ended_at > $2",
            &[tenant_id.into(), starts_at.into()],
        )? > 0
        {
            return Err(Error::State(
                "the tenant's last contract ended later than this one would begin".into(),
                "Days are billed once: begin when it has ended.",
            ));
        }
        let trial = trial.map_or(Trial::OfPlan, Trial::For);
        let id = begin(tenant_id, plan.id, seats, starts_at, trial, false)?;
        charge_in_advance(&[tenant_id], transaction_timestamp())?;
        Ok(id)
    })?)
}

/// How long nothing is due.
enum Trial {
    /// The plan's own, for a tenant's first contract.
    OfPlan,
    For(Interval),
    Until(Option<TimestampWithTimeZone>),
}

fn begin(
    tenant: pgrx::Uuid,
    plan: pgrx::Uuid,
    seats: i32,
    starts_at: TimestampWithTimeZone,
    trial: Trial,
    goes_on_behind: bool,
) -> Result<pgrx::Uuid> {
    let id = from_uuid(new_id());
    let (length, until, of_plan) = match trial {
        Trial::OfPlan => (None, None, true),
        Trial::For(length) => (Some(length), None, false),
        Trial::Until(until) => (None, until, false),
    };
    let args = [
        tenant.into(),
        id.into(),
        plan.into(),
        seats.into(),
        starts_at.into(),
        length.into(),
        until.into(),
        of_plan.into(),
        goes_on_behind.into(),
    ];
    if sql::run(include_str!("../../sql/billing/subscribe.sql"), &args)? == 0 {
        return Err(Error::State(
            "the tenant has a live subscription".into(),
            "A tenant has one at a time: saas.change_subscription changes it.",
        ));
    }
    Ok(id)
}

/// Who may subscribe a tenant and change its contract: itself at once (`plainly`); other dates, trials and whatever
/// takes days off a bill are for those who bill.
fn require_subscriber(tenant: Uuid, plainly: bool) -> Result<()> {
    let context = setting::current();
    if context.is_none() && kind::caller_is(&[Kind::Worker, Kind::Gateway])? {
        return Ok(());
    }
    check::require_context()?;
    if gate::adjusts()? {
        return Ok(());
    }
    check::require_in_tenant(tenant, "billing.manage")?;
    if plainly || kind::caller_is(&[Kind::Worker, Kind::Gateway])? {
        return Ok(());
    }
    Err(Error::Denied(
        "a date, trial, pause or refund of days of one's own needs platform.billing.adjust".into(),
    ))
}

struct Plan {
    id: pgrx::Uuid,
    key: String,
    most_seats: i32,
}

impl Plan {
    fn require_seats(&self, seats: i32) -> Result<()> {
        if seats < 1 {
            return Err(Error::Invalid("a subscription has at least one seat".into()));
        }
        if self.most_seats >= 0 && seats > self.most_seats {
            return Err(Error::Limit(
                format!("the plan \"{}\" has {} seats at most", self.key, self.most_seats),
                "Choose a larger plan.",
            ));
        }
        Ok(())
    }

    /// One that a contract has, current or not.
    fn of(id: pgrx::Uuid) -> Result<Plan> {
        let found = sql::read(
            "SELECT key, member_seat FROM saas.plans WHERE id = $1",
            &[id.into()],
            |mut rows| {
                let Some(row) = rows.next() else { return Ok(None) };
                Ok(row.get::<String>(1)?.zip(row.get::<i32>(2)?))
            },
        )?;
        let (key, most_seats) = found.ok_or_else(|| Error::NoSuchRow("no such plan".into()))?;
        Ok(Plan { id, key, most_seats })
    }

    /// # Errors
    /// 23503 without the tenant, 42704 without the plan, 22023 without a price in the tenant's currency.
    fn current(tenant: pgrx::Uuid, key: &str) -> Result<Plan> {
        // Two subscribe calls meet here, and the second sees the first's subscription.
        let currency = sql::write_one::<String>(
            "SELECT currency FROM saas.tenants WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE",
            &[tenant.into()],
        )?
        .ok_or_else(|| Error::NoSuchRow("no such tenant".into()))?;
        let found = sql::write(
            include_str!("../../sql/billing/current_plan.sql"),
            &[tenant.into(), key.into(), currency.clone().into()],
            |mut rows| {
                let Some(row) = rows.next() else { return Ok(None) };
                let plan = row.get::<pgrx::Uuid>(1)?.zip(row.get::<i32>(2)?);
                Ok(plan.zip(row.get::<bool>(3)?))
            },
        )?;
        match found {
            Some(((id, most_seats), true)) => Ok(Plan { id, key: key.to_owned(), most_seats }),
            Some((_, false)) => {
                Err(Error::Invalid(format!("the plan \"{key}\" has no price in {currency}")))
            }
            None => {
                let known = sql::read_rows(
                    "SELECT DISTINCT key FROM saas.plans WHERE is_active AND tenant_id IS NULL",
                    &[],
                    |row| Ok(row.get::<String>(1)?),
                )?;
                let nearest = check::nearest(key, known.iter().flatten().map(String::as_str));
                Err(Error::Unknown(format!("plan \"{key}\" does not exist"), nearest))
            }
        }
    }
}
