//! What a tenant sets for itself: alerts, and a cap on what it spends.

use super::entitlement::unknown_feature;
use crate::context::to_uuid;
use crate::error::{Error, Result};
use crate::iam::check::{self, Permission};
use crate::owner::{self, as_data_owner};
use crate::sql;
use pgrx::AnyNumeric;
use pgrx::datum::TimestampWithTimeZone;

/// So that nobody fills the table.
const MOST_ALERTS: i64 = 100;

/// Sets or, with None, removes the cap.
pub fn set_spend_cap(tenant: pgrx::Uuid, amount: Option<i64>) -> Result<()> {
    require_manager(tenant)?;
    if amount.is_some_and(|amount| amount < 0) {
        return Err(Error::Invalid("a spend cap can't be negative".into()));
    }
    as_data_owner(|| {
        lock(tenant)?;
        match amount {
            Some(amount) => sql::run(
                "INSERT INTO saas.spend_caps AS c (tenant_id, amount) VALUES ($1, $2)
                 ON CONFLICT (tenant_id) DO UPDATE SET amount = excluded.amount
                  WHERE c.amount <> excluded.amount",
                &[tenant.into(), amount.into()],
            )?,
            None => sql::run("DELETE FROM saas.spend_caps WHERE tenant_id = $1", &[tenant.into()])?,
        };
        Ok(())
    })
}

/// The alert's id; the same alert again is the same one.
pub fn set_alert(
    tenant: pgrx::Uuid,
    feature: &str,
    kind: &str,
    threshold: AnyNumeric,
) -> Result<pgrx::Uuid> {
    require_manager(tenant)?;
    if !matches!(kind, "percent" | "units" | "forecast") {
        return Err(Error::Invalid("kind is percent, units or forecast".into()));
    }
    as_data_owner(|| {
        lock(tenant)?;
        let usable =
            sql::read_one::<bool>("SELECT $1 > 0 AND $1 < 1e20", &[threshold.clone().into()])?;
        if usable != Some(true) {
            return Err(Error::Invalid("threshold is a number above 0".into()));
        }
        let known = sql::read_one::<bool>(
            "SELECT true FROM saas.features WHERE key = $1",
            &[feature.into()],
        )?;
        if known.is_none() {
            return Err(unknown_feature(feature)?);
        }
        let args = [tenant.into(), feature.into(), kind.into(), threshold.into()];
        let id = sql::write_one(include_str!("../../sql/usage/set_alert.sql"), &args)?;
        let count = sql::write_one::<i64>(
            "SELECT count(*) FROM saas.usage_alerts WHERE tenant_id = $1",
            &[tenant.into()],
        )?;
        if count > Some(MOST_ALERTS) {
            return Err(Error::Limit(
                format!("a tenant has {MOST_ALERTS} usage alerts at most"),
                "Remove one with saas.remove_usage_alert.",
            ));
        }
        id.ok_or_else(|| Error::NoSuchRow("the alert that was just set is gone".into()))
    })
}

pub fn remove_alert(tenant: pgrx::Uuid, alert: pgrx::Uuid) -> Result<()> {
    require_manager(tenant)?;
    let removed = as_data_owner(|| {
        sql::run(
            "DELETE FROM saas.usage_alerts WHERE tenant_id = $1 AND id = $2",
            &[tenant.into(), alert.into()],
        )
    })?;
    match removed {
        0 => Err(Error::NoSuchRow("the tenant has no such usage alert".into())),
        _ => Ok(()),
    }
}

/// Raises what is reached, of all tenants and features or of those given; returns how many alerts are new.
/// Runs as the data owner.
pub fn raise_alerts(
    at: TimestampWithTimeZone,
    tenants: Option<Vec<pgrx::Uuid>>,
    feature: Option<&str>,
) -> Result<i64> {
    let args = [at.into(), tenants.into(), feature.into()];
    sql::run(include_str!("../../sql/usage/raise_alerts.sql"), &args)
}

fn require_manager(tenant: pgrx::Uuid) -> Result<()> {
    if owner::caller_is_free()? {
        return match known(tenant)? {
            true => Ok(()),
            false => Err(Error::NoSuchRow("no such tenant".into())),
        };
    }
    check::require_context()?;
    if check::in_system(&Permission::named("platform.billing.adjust")?) && known(tenant)? {
        return Ok(());
    }
    check::require_in_tenant(to_uuid(tenant), "billing.manage")
}

fn known(tenant: pgrx::Uuid) -> Result<bool> {
    let known = as_data_owner(|| {
        sql::read_one::<bool>(
            "SELECT true FROM saas.tenants WHERE id = $1 AND deleted_at IS NULL",
            &[tenant.into()],
        )
    })?;
    Ok(known.is_some())
}

/// Until the end of the transaction, so that two sessions don't set the same at once.
fn lock(tenant: pgrx::Uuid) -> Result<()> {
    sql::run("SELECT FROM saas.tenants WHERE id = $1 FOR NO KEY UPDATE", &[tenant.into()])?;
    Ok(())
}
