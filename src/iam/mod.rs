//! What they may do: permission checks for row-level security and for applications.

pub mod access;
pub mod cache;
pub mod check;
mod epoch;
pub mod fresh;
pub mod kind;

use crate::error::{Error, Result};
use check::Permission;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Whether the current user has a permission in a tenant.
#[pg_extern(stable, parallel_safe, name = "has_tenant_permission")]
fn has_permission_in_tenant(
    tenant_id: Option<pgrx::Uuid>,
    permission: &str,
) -> std::result::Result<bool, ErrorReport> {
    let permission = Permission::named(permission)?;
    Ok(tenant_id.is_some_and(|tenant| check::in_tenant(crate::context::to_uuid(tenant), &permission)))
}

/// Whether the current user has a permission in the current tenant.
#[pg_extern(stable, parallel_safe, name = "has_tenant_permission")]
fn has_permission_in_current_tenant(permission: &str) -> std::result::Result<bool, ErrorReport> {
    let permission = Permission::named(permission)?;
    Ok(check::authorized_tenant(&permission).is_some())
}

/// Whether another user has a permission in a tenant.
#[pg_extern(stable, parallel_safe, name = "has_tenant_permission")]
fn user_has_permission_in_tenant(
    user_id: pgrx::Uuid,
    tenant_id: pgrx::Uuid,
    permission: &str,
) -> std::result::Result<bool, ErrorReport> {
    let permission = Permission::named(permission)?;
    let (user, tenant) = (crate::context::to_uuid(user_id), crate::context::to_uuid(tenant_id));
    match asking_about(user)? {
        About::Anybody => Ok(check::user_in_tenant(user, tenant, &permission)?),
        About::Oneself => Ok(check::in_tenant(tenant, &permission)),
    }
}

#[pg_extern(stable, parallel_safe, name = "has_system_permission")]
fn has_permission_in_system(permission: &str) -> std::result::Result<bool, ErrorReport> {
    Ok(check::in_system(&Permission::named(permission)?))
}

#[pg_extern(stable, parallel_safe, name = "has_system_permission")]
fn user_has_permission_in_system(
    user_id: pgrx::Uuid,
    permission: &str,
) -> std::result::Result<bool, ErrorReport> {
    let permission = Permission::named(permission)?;
    let user = crate::context::to_uuid(user_id);
    match asking_about(user)? {
        About::Anybody => Ok(check::user_in_system(user, &permission)?),
        About::Oneself => Ok(check::in_system(&permission)),
    }
}

#[pg_extern(stable, parallel_safe, name = "require_tenant_permission")]
fn require_permission_in_current_tenant(
    permission: &str,
) -> std::result::Result<(), ErrorReport> {
    Permission::named(permission)?;
    let tenant = check::require_context()?
        .tenant
        .ok_or_else(|| Error::Denied("this request is not bound to a tenant".into()))?;
    Ok(check::require_in_tenant(tenant, permission)?)
}

#[pg_extern(stable, parallel_safe, name = "require_tenant_permission")]
fn require_permission_in_tenant(
    tenant_id: Option<pgrx::Uuid>,
    permission: &str,
) -> std::result::Result<(), ErrorReport> {
    Permission::named(permission)?;
    check::require_context()?;
    let tenant = tenant_id.ok_or_else(|| Error::Denied("no tenant given".into()))?;
    Ok(check::require_in_tenant(crate::context::to_uuid(tenant), permission)?)
}

#[pg_extern(stable, parallel_safe)]
fn require_system_permission(permission: &str) -> std::result::Result<(), ErrorReport> {
    Ok(check::require_in_system(permission)?)
}

/// The current tenant if the current user has the permission there, else NULL.
#[pg_extern(stable, parallel_safe)]
fn authorized_tenant_id(
    permission: &str,
) -> std::result::Result<Option<pgrx::Uuid>, ErrorReport> {
    let permission = Permission::named(permission)?;
    Ok(check::authorized_tenant(&permission).map(crate::context::from_uuid))
}

/// All tenants in which the current user has the permission, sorted.
#[pg_extern(stable, parallel_safe)]
fn permitted_tenant_ids(permission: &str) -> std::result::Result<Vec<pgrx::Uuid>, ErrorReport> {
    let permission = Permission::named(permission)?;
    Ok(check::permitted_tenants(&permission).into_iter().map(crate::context::from_uuid).collect())
}

/// Gives a database role exactly what its kind of access needs.
#[pg_extern(volatile, parallel_unsafe, sql = "
    CREATE FUNCTION saas.grant_access(role regrole, kind text) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';")]
fn grant_access(role: pg_sys::Oid, kind: &str) -> std::result::Result<(), ErrorReport> {
    Ok(access::grant(role, kind)?)
}

enum About {
    /// The truth about whomever: for the data owner, a gateway, and platform.security.view.
    Anybody,
    /// What this request may: a key or an impersonation is not told what else its user may.
    Oneself,
}

fn asking_about(user: uuid::Uuid) -> Result<About> {
    if kind::caller_is(&[kind::Kind::Gateway])?
        || check::in_system(&Permission::named("platform.security.view")?)
    {
        return Ok(About::Anybody);
    }
    match crate::context::setting::current() {
        Some(context) if context.user == user => Ok(About::Oneself),
        _ => Err(Error::Denied("not allowed to ask about another user".into())),
    }
}
