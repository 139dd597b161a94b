//! Credits: given, used, and what is left.

use super::gate;
use crate::error::{Error, Result, given};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

const GRANT: &str = "INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, idempotency_key, expires_at, priority)
    VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id";
const GRANT_ONCE: &str = "INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, idempotency_key, expires_at, priority)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, idempotency_key) DO NOTHING RETURNING id";

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
    gate::require_adjuster()?;
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
        // Without a key there is nothing to be twice, and to look for it costs.
        let statement = if idempotency_key.is_none() { GRANT } else { GRANT_ONCE };
        let granted = sql::write_one::<pgrx::Uuid>(
            statement,
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
            None => match entry_of(tenant_id, idempotency_key)? {
                Some(entry) => same(entry, amount),
                None => Err(Error::State("the entry was not written".into(), "")),
            },
        }
    })?)
}

/// Uses credits of a tenant and returns the ledger entry.
#[pg_extern(volatile, parallel_unsafe)]
fn spend_credit(
    tenant_id: Option<pgrx::Uuid>,
    amount: Option<i64>,
    reason: Option<&str>,
    idempotency_key: default!(Option<&str>, "NULL"),
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    let tenant_id = given(tenant_id, "tenant_id")?;
    gate::require_in_tenant(tenant_id, "billing.manage")?;
    // Credits that have expired since would still be there.
    gate::require_fresh()?;
    let amount = given(amount, "amount")?;
    let reason = given(reason, "reason")?;
    if amount <= 0 {
        return Err(Error::Invalid("at least one minor unit can be spent".into()).into());
    }
    Ok(as_data_owner(|| {
        // Who comes second finds what the first has spent. The balance is looked at before the key otherwise.
        lock(tenant_id)?;
        if let Some(entry) = entry_of(tenant_id, idempotency_key)? {
            return same(entry, -amount);
        }
        expire(&[tenant_id])?;
        let spent = sql::write_one::<pgrx::Uuid>(
            "INSERT INTO saas.tenant_credit_ledger (tenant_id, delta, reason, source, idempotency_key)
             VALUES ($1, -$2, $3, 'billing', $4) RETURNING id",
            &[tenant_id.into(), amount.into(), reason.into(), idempotency_key.into()],
        )?;
        spent.ok_or_else(|| Error::State("the entry was not written".into(), ""))
    })?)
}

/// Holds the tenant until the end of the transaction: who changes its credits or invoices holds it first.
pub fn lock(tenant: pgrx::Uuid) -> Result<()> {
    let found =
        sql::run("SELECT FROM saas.tenants WHERE id = $1 FOR NO KEY UPDATE", &[tenant.into()])?;
    if found == 1 { Ok(()) } else { Err(Error::NoSuchRow("no such tenant".into())) }
}

/// Takes what is left of expired grants out of the balances, with entries of their own.
pub fn expire(tenants: &[pgrx::Uuid]) -> Result<()> {
    // Mostly nothing has, and to look costs less than a statement that writes, with its triggers.
    let any = sql::write_one::<bool>(
        "SELECT EXISTS (SELECT FROM saas.credit_lots WHERE tenant_id = ANY ($1) AND expires_at <= now())",
        &[tenants.to_vec().into()],
    )?;
    if any == Some(true) {
        sql::run(include_str!("../../sql/billing/expire_credits.sql"), &[tenants.to_vec().into()])?;
    }
    Ok(())
}

/// The tenant's contract is behind no more, if no invoice is.
pub fn recover(tenant: pgrx::Uuid) -> Result<()> {
    sql::run(include_str!("../../sql/billing/recover.sql"), &[tenant.into()])?;
    Ok(())
}

/// The entry that a key made before, and its amount.
fn entry_of(tenant: pgrx::Uuid, key: Option<&str>) -> Result<Option<(pgrx::Uuid, i64)>> {
    if key.is_none() {
        return Ok(None);
    }
    sql::write(
        "SELECT id, delta FROM saas.tenant_credit_ledger WHERE tenant_id = $1 AND idempotency_key = $2",
        &[tenant.into(), key.into()],
        |mut rows| {
            let Some(row) = rows.next() else { return Ok(None) };
            Ok(row.get::<pgrx::Uuid>(1)?.zip(row.get::<i64>(2)?))
        },
    )
}

fn same(entry: (pgrx::Uuid, i64), delta: i64) -> Result<pgrx::Uuid> {
    match entry {
        (id, known) if known == delta => Ok(id),
        _ => Err(Error::Conflict("this idempotency key was used for another amount".into())),
    }
}

/// The credits that a tenant has, in minor units of its currency. What has expired counts no more,
/// whether its entry is written yet or not.
#[pg_extern(stable, parallel_restricted)]
fn credit_balance(tenant_id: Option<pgrx::Uuid>) -> std::result::Result<i64, ErrorReport> {
    let tenant_id = given(tenant_id, "tenant_id")?;
    gate::require_in_tenant(tenant_id, "billing.view")?;
    Ok(as_data_owner(|| balance(tenant_id))?)
}

pub const BALANCE: &str = include_str!("../../sql/billing/balance.sql");

/// What of a tenant's credits has not expired, in the caller's snapshot. Runs as the data owner.
pub fn balance(tenant: pgrx::Uuid) -> Result<i64> {
    Ok(sql::read_one::<i64>(BALANCE, &[tenant.into()])?.unwrap_or(0))
}
