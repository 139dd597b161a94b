//! Saying which of a provider's ids are whose.

use super::key::{Key, Kind};
use super::subscription;
use crate::error::{Error, Result};
use crate::owner::{self, as_data_owner};
use crate::sql;

/// A provider's customer is this tenant, in place of the one that was.
pub fn customer(tenant: pgrx::Uuid, provider: &str, id: &str) -> Result<()> {
    let key = Key::new(provider, Kind::Customer, id)?;
    require_tenant(tenant)?;
    as_data_owner(|| {
        lock(tenant)?;
        require_free(key, tenant)?;
        sql::run(
            include_str!("../../sql/payments/link_customer.sql"),
            &[tenant.into(), provider.into(), id.into()],
        )?;
        Ok(())
    })
}

/// A provider's subscription is the tenant's live one.
pub fn subscription(tenant: pgrx::Uuid, provider: &str, id: &str) -> Result<()> {
    let key = Key::new(provider, Kind::Subscription, id)?;
    require_tenant(tenant)?;
    as_data_owner(|| {
        lock(tenant)?;
        require_free(key, tenant)?;
        let live = sql::write_one::<pgrx::Uuid>(
            "SELECT id FROM saas.tenant_subscriptions WHERE tenant_id = $1 AND status <> 'canceled' FOR NO KEY UPDATE",
            &[tenant.into()],
        )?;
        match live {
            Some(live) => subscription::link(tenant, live, provider, id),
            None => Err(Error::State(
                "the tenant has no live subscription".into(),
                "Call saas.subscribe first.",
            )),
        }
    })
}

/// A provider's invoice is this one of ours.
pub fn invoice(invoice: pgrx::Uuid, provider: &str, id: &str) -> Result<()> {
    let key = Key::new(provider, Kind::Invoice, id)?;
    let tenant = as_data_owner(|| {
        sql::write_one::<pgrx::Uuid>(
            "SELECT tenant_id FROM saas.payment_invoices WHERE id = $1",
            &[invoice.into()],
        )
    })?;
    let Some(tenant) = tenant else {
        return Err(missing("invoice")?);
    };
    as_data_owner(|| {
        lock(tenant)?;
        require_free(key, tenant)?;
        sql::run(
            include_str!("../../sql/payments/link_invoice.sql"),
            &[tenant.into(), invoice.into(), provider.into(), id.into()],
        )?;
        Ok(())
    })
}

/// Comes before every other lock, as in processing events.
fn lock(tenant: pgrx::Uuid) -> Result<()> {
    sql::run("SELECT FROM saas.tenants WHERE id = $1 FOR NO KEY UPDATE", &[tenant.into()])?;
    Ok(())
}

/// # Errors
/// 23503 for the data owner, who may know; 42501 for others.
pub fn require_tenant(tenant: pgrx::Uuid) -> Result<()> {
    let known = as_data_owner(|| {
        sql::read_one::<bool>("SELECT true FROM saas.tenants WHERE id = $1", &[tenant.into()])
    })?;
    if known.is_some() { Ok(()) } else { Err(missing("tenant")?) }
}

fn missing(what: &str) -> Result<Error> {
    Ok(match owner::caller_is_data_owner()? {
        true => Error::NoSuchRow(format!("there is no such {what}")),
        false => Error::Denied(format!("not allowed for this {what}")),
    })
}

/// Says so in words; what guarantees it is the trigger that registers keys, and the key's table.
fn require_free(key: Key, tenant: pgrx::Uuid) -> Result<()> {
    match key.tenant()? {
        Some(other) if other != tenant => Err(key.is_of_another_tenant()),
        _ => Ok(()),
    }
}
