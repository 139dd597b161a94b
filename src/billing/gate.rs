//! Who may bill, and who may look at bills.

use crate::context::{setting, to_uuid};
use crate::error::{Error, Result};
use crate::iam::check::{self, Permission};
use crate::iam::kind::{self, Kind};
use crate::owner::{self, as_data_owner};
use crate::sql;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::datum::datetime_support::transaction_timestamp;

const ADJUST: &str = "platform.billing.adjust";

/// Worker roles and the data owner; anybody else with platform.billing.adjust.
pub fn require_biller() -> Result<()> {
    if setting::current().is_none() && kind::caller_is(&[Kind::Worker])? {
        return Ok(());
    }
    require_adjusting()
}

/// The data owner; anybody else with platform.billing.adjust.
pub fn require_adjuster() -> Result<()> {
    if owner::caller_is_free()? { Ok(()) } else { require_adjusting() }
}

/// platform.billing.adjust, in a request that is bound to no tenant: one that is bound opens its tenant and nothing else.
pub fn adjusts() -> Result<bool> {
    Ok(setting::current().is_some_and(|context| context.tenant.is_none())
        && check::in_system(&Permission::named(ADJUST)?))
}

fn require_adjusting() -> Result<()> {
    if adjusts()? {
        return Ok(());
    }
    check::require_in_system(ADJUST)?;
    Err(Error::Denied("a request that is bound to a tenant does nothing on the platform".into()))
}

/// Whether a moment is now, as the default of `as_of` says it.
///
/// # Errors
/// 55000 in a transaction that was held open: its now() is another day's.
pub fn is_now(at: TimestampWithTimeZone) -> Result<bool> {
    if at != transaction_timestamp() {
        return Ok(false);
    }
    require_fresh()?;
    Ok(true)
}

/// What goes by the transaction's time is refused where that has passed: who holds a transaction open would choose his day.
pub fn require_fresh() -> Result<()> {
    let fresh = as_data_owner(|| {
        sql::read_one::<bool>(
            "SELECT clock_timestamp() <= now() + now_tolerance FROM saas.settings",
            &[],
        )
    })?;
    match fresh {
        Some(true) => Ok(()),
        _ => Err(Error::State(
            "this transaction began too long ago: its time is not now".into(),
            "Begin another one.",
        )),
    }
}

/// Whoever has the permission in the tenant; platform.billing.adjust, in a request that is bound to no
/// tenant; the data owner.
pub fn require_in_tenant(tenant: pgrx::Uuid, permission: &'static str) -> Result<()> {
    if owner::caller_is_free()? {
        return Ok(());
    }
    check::require_context()?;
    let tenant = to_uuid(tenant);
    let allowed = check::try_in_tenant(tenant, &Permission::named(permission)?)? || adjusts()?;
    if allowed { Ok(()) } else { check::require_in_tenant(tenant, permission) }
}
