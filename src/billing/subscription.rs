//! Subscriptions.

use crate::context::{from_uuid, new_id, setting, to_uuid};
use crate::error::{Error, Result, given};
use crate::iam::check::{self, Permission};
use crate::iam::kind::{self, Kind};
use crate::owner::as_data_owner;
use crate::sql;
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
    let now = pgrx::datum::datetime_support::transaction_timestamp();
    require_subscriber(to_uuid(tenant_id), starts_at == now && trial.is_none())?;
    if seats < 1 {
        return Err(Error::Invalid("a subscription has at least one seat".into()).into());
    }
    Ok(as_data_owner(|| {
        let plan = Plan::current(tenant_id, plan_key)?;
        if plan.most_seats >= 0 && seats > plan.most_seats {
            return Err(Error::Limit(
                format!("the plan \"{plan_key}\" has {} seats at most", plan.most_seats),
                "Choose a larger plan.",
            ));
        }
        let id = from_uuid(new_id());
        let args = [
            tenant_id.into(),
            id.into(),
            plan.id.into(),
            seats.into(),
            starts_at.into(),
            trial.into(),
        ];
        if sql::run(include_str!("../../sql/billing/subscribe.sql"), &args)? == 0 {
            return Err(Error::State(
                "the tenant has a live subscription".into(),
                "A tenant has one at a time.",
            ));
        }
        Ok(id)
    })?)
}

/// Who may subscribe a tenant: itself at once (`plainly`); other dates and trials are for those who
/// bill.
fn require_subscriber(tenant: Uuid, plainly: bool) -> Result<()> {
    let context = setting::current();
    if context.is_none() && kind::caller_is(&[Kind::Worker, Kind::Gateway])? {
        return Ok(());
    }
    check::require_context()?;
    if check::in_system(&Permission::named("platform.billing.adjust")?) {
        return Ok(());
    }
    check::require_in_tenant(tenant, "billing.manage")?;
    if plainly || kind::caller_is(&[Kind::Worker, Kind::Gateway])? {
        return Ok(());
    }
    Err(Error::Denied("a start date or trial of one's own needs platform.billing.adjust".into()))
}

struct Plan {
    id: pgrx::Uuid,
    most_seats: i32,
}

impl Plan {
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
            Some(((id, most_seats), true)) => Ok(Plan { id, most_seats }),
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
