//! Credits: given, used, and what is left.

use crate::context::{setting, to_uuid};
use crate::error::{Error, Result, given};
use crate::iam::check::{self, Permission};
use crate::owner::{self, as_data_owner};
use crate::sql;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Gives a tenant credits and returns the ledger entry.
#[pg_extern(volatile, parallel_unsafe)]
fn grant_credit(
    tenant_id: Option<pgrx::Uuid>,
    amount: Option<i64>,
    reason: Option<&str>,
    source: Option<&str>,
    idempotency_key: default!(Option<&str>, "NULL"),
    expires_at: default!(Option<TimestampWithTimeZone>, "NULL"),
    priority: default!(Option<i32>, 50),
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    if !owner::caller_is_free()? {
        check::require_in_system("platform.billing.adjust")?;
    }
    let tenant_id = given(tenant_id, "tenant_id")?;
    let amount = given(amount, "amount")?;
    let reason = given(reason, "reason")?;
    let source = given(source, "source")?;
    let priority = given(priority, "priority")?;
    if amount <= 0 {
        return Err(Error::Invalid("a grant must be of at least one minor unit".into()).into());
    }
    let now = pgrx::datum::datetime_support::transaction_timestamp();
    if expires_at.is_some_and(|at| at <= now) {
        return Err(Error::Invalid("the grant would have expired already".into()).into());
    }
    Ok(as_data_owner(|| {
        let granted = sql::write_one::<pgrx::Uuid>(
            "INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, idempotency_key, expires_at, priority)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (tenant_id, idempotency_key) DO NOTHING RETURNING id",
            &[
                tenant_id.into(),
                amount.into(),
                reason.into(),
                source.into(),
                idempotency_key.into(),
                expires_at.into(),
                priority.into(),
            ],
        )?;
        match granted {
            Some(id) => Ok(id),
            None => repeated(tenant_id, idempotency_key, amount),
        }
    })?)
}

/// The entry that the same key made before, if it is for the same amount.
fn repeated(tenant: pgrx::Uuid, key: Option<&str>, delta: i64) -> Result<pgrx::Uuid> {
    let entry = sql::write(
        "SELECT id, delta FROM saas.tenant_credit_ledger WHERE tenant_id = $1 AND idempotency_key = $2",
        &[tenant.into(), key.into()],
        |mut rows| {
            let Some(row) = rows.next() else { return Ok(None) };
            Ok(row.get::<pgrx::Uuid>(1)?.zip(row.get::<i64>(2)?))
        },
    )?;
    match entry {
        Some((id, known)) if known == delta => Ok(id),
        _ => Err(Error::Conflict("this idempotency key was used for another amount".into())),
    }
}

/// The credits that a tenant has, in minor units of its currency. What has expired counts no more,
/// whether its entry is written yet or not.
#[pg_extern(stable, parallel_safe)]
fn credit_balance(tenant_id: pgrx::Uuid) -> std::result::Result<i64, ErrorReport> {
    if !owner::caller_is_free()? {
        check::require_context()?;
        let tenant = to_uuid(tenant_id);
        let allowed = check::try_in_tenant(tenant, &Permission::named("billing.view")?)?
            || setting::current().is_some_and(|context| context.tenant.is_none())
                && check::in_system(&Permission::named("platform.billing.adjust")?);
        if !allowed {
            check::require_in_tenant(tenant, "billing.view")?;
        }
    }
    let balance = as_data_owner(|| {
        sql::read_one::<i64>(include_str!("../../sql/billing/balance.sql"), &[tenant_id.into()])
    })?;
    Ok(balance.unwrap_or(0))
}
