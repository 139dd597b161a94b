//! Who may bill, and who may look at bills.

use crate::context::{setting, to_uuid};
use crate::error::Result;
use crate::iam::check::{self, Permission};
use crate::iam::kind::{self, Kind};
use crate::owner;

const ADJUST: &str = "platform.billing.adjust";

/// Worker roles and the data owner; anybody else with platform.billing.adjust.
pub fn require_biller() -> Result<()> {
    if setting::current().is_none() && kind::caller_is(&[Kind::Worker])? {
        return Ok(());
    }
    check::require_in_system(ADJUST)
}

/// The data owner; anybody else with platform.billing.adjust.
pub fn require_adjuster() -> Result<()> {
    if owner::caller_is_free()? { Ok(()) } else { check::require_in_system(ADJUST) }
}

/// Whoever has the permission in the tenant; platform.billing.adjust, in a request that is bound to no
/// tenant; the data owner.
pub fn require_in_tenant(tenant: pgrx::Uuid, permission: &'static str) -> Result<()> {
    if owner::caller_is_free()? {
        return Ok(());
    }
    check::require_context()?;
    let tenant = to_uuid(tenant);
    let allowed = check::try_in_tenant(tenant, &Permission::named(permission)?)?
        || setting::current().is_some_and(|context| context.tenant.is_none())
            && check::in_system(&Permission::named(ADJUST)?);
    if allowed { Ok(()) } else { check::require_in_tenant(tenant, permission) }
}
