//! What they may do: permission checks for row-level security and for applications.

pub mod access;
mod bounded;
mod break_glass;
pub mod cache;
pub mod check;
mod condition;
mod define;
pub mod epoch;
mod estimate;
mod explain;
mod fast;
pub mod fresh;
pub mod grants;
pub mod impersonation;
pub mod kind;
mod lint;
mod load;
mod lookup;
mod memberships;
mod planner;
mod protect;

use crate::context::to_uuid;
use crate::error::{Error, Result, given};
use check::Permission;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use uuid::Uuid;

// After the functions that they describe.
::pgrx::extension_sql_file!(
    "../../sql/iam/comments.sql",
    name = "iam_comments",
    requires = [
        grant_access,
        revoke_access,
        "fast_checks",
        has_permission_in_current_tenant,
        user_has_permission_in_tenant,
        user_has_permission_in_system,
        require_permission_in_current_tenant,
        require_permission_in_tenant,
        require_system_permission,
        authorized_tenant_id,
        permissions_changed,
        lookup::tenant_permissions,
        lookup::system_permissions,
        lookup::members_with_permission,
        lookup::role_permission_diff,
        explain::explain_permission,
        explain::explain_permission_text,
        explain::explain_system_permission,
        explain::explain_system_permission_text,
        define::define_permission,
        define::define_platform_role,
        grants::grant_system_role,
        grants::revoke_system_role,
        impersonation::start_impersonation,
        impersonation::approve_impersonation,
        impersonation::stop_impersonation,
        break_glass::open_break_glass,
        break_glass::close_break_glass,
        break_glass::review_break_glass,
        break_glass::escalate_break_glass,
        protect::protect_table,
        lint::lint
    ]
);

/// Whether the current user has a permission in the current tenant.
#[pg_extern(stable, parallel_safe, name = "has_tenant_permission")]
fn has_permission_in_current_tenant(
    permission: Option<&str>,
) -> std::result::Result<bool, ErrorReport> {
    let permission = Permission::given(permission)?;
    Ok(check::authorized_tenant(&permission).is_some())
}

/// Whether another user has a permission in a tenant.
#[pg_extern(stable, parallel_restricted, name = "has_tenant_permission")]
fn user_has_permission_in_tenant(
    user_id: Option<pgrx::Uuid>,
    tenant_id: Option<pgrx::Uuid>,
    permission: Option<&str>,
) -> std::result::Result<bool, ErrorReport> {
    let permission = Permission::given(permission)?;
    let about = asking_about(user_id.map(to_uuid))?;
    let Some(tenant) = tenant_id.map(to_uuid) else { return Ok(false) };
    match about {
        About::Anybody(user) => Ok(check::user_in_tenant(user, tenant, &permission)?),
        About::Oneself => Ok(check::in_tenant(tenant, &permission)),
        About::Nobody => Ok(false),
    }
}

#[pg_extern(stable, parallel_restricted, name = "has_system_permission")]
fn user_has_permission_in_system(
    user_id: Option<pgrx::Uuid>,
    permission: Option<&str>,
) -> std::result::Result<bool, ErrorReport> {
    let user = user_id.map(to_uuid);
    let permission = Permission::in_system(given(permission, "permission")?, user)?;
    match asking_about(user)? {
        About::Anybody(user) => Ok(check::user_in_system(user, &permission)?),
        About::Oneself => Ok(check::in_system(&permission)),
        About::Nobody => Ok(false),
    }
}

#[pg_extern(stable, parallel_restricted, name = "require_tenant_permission")]
fn require_permission_in_current_tenant(
    permission: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    let tenant = crate::context::setting::current().and_then(|context| context.tenant);
    Ok(require_in(tenant, permission, "this request is not bound to a tenant")?)
}

#[pg_extern(stable, parallel_restricted, name = "require_tenant_permission")]
fn require_permission_in_tenant(
    tenant_id: Option<pgrx::Uuid>,
    permission: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    Ok(require_in(tenant_id.map(to_uuid), permission, "no tenant given")?)
}

fn require_in(tenant: Option<Uuid>, permission: Option<&str>, without: &str) -> Result<()> {
    let key = given(permission, "permission")?;
    if let Some(tenant) = tenant {
        return check::require_in_tenant(tenant, key);
    }
    // A typo comes first, then who is asking.
    Permission::named(key)?;
    check::require_context()?;
    Err(Error::Denied(without.into()))
}

#[pg_extern(stable, parallel_restricted)]
fn require_system_permission(permission: Option<&str>) -> std::result::Result<(), ErrorReport> {
    Ok(check::require_in_system(given(permission, "permission")?)?)
}

/// The current tenant if the current user has the permission there, else NULL.
#[pg_extern(stable, parallel_safe)]
fn authorized_tenant_id(
    permission: Option<&str>,
) -> std::result::Result<Option<pgrx::Uuid>, ErrorReport> {
    let permission = Permission::given(permission)?;
    Ok(check::authorized_tenant(&permission).map(crate::context::from_uuid))
}

/// Gives a database role exactly what its kind of access needs.
#[pg_extern(
    volatile,
    parallel_unsafe,
    sql = "
    CREATE FUNCTION saas.grant_access(role regrole, kind text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn grant_access(
    role: Option<pg_sys::Oid>,
    kind: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    Ok(access::grant(given(role, "role")?, given(kind, "kind")?)?)
}

/// An argument that says why, and says something.
fn reason_given(reason: Option<&str>) -> Result<&str> {
    let reason = given(reason, "reason")?;
    if reason.trim().is_empty() {
        return Err(Error::Invalid("reason must say something".into()));
    }
    Ok(reason)
}

enum About {
    /// The truth about whomever: for the data owner, a gateway, and platform.security.view.
    Anybody(Uuid),
    /// What this request may: a key or an impersonation is not told what else its user may.
    Oneself,
    Nobody,
}

fn asking_about(user: Option<Uuid>) -> Result<About> {
    check::require_leader()?;
    let Some(user) = user else { return Ok(About::Nobody) };
    if kind::caller_is(&[kind::Kind::Gateway])?
        || check::in_system(&Permission::named("platform.security.view")?)
    {
        return Ok(About::Anybody(user));
    }
    match crate::context::setting::current() {
        Some(context) if context.user == user => Ok(About::Oneself),
        _ => Err(Error::Denied("not allowed to ask about another user".into())),
    }
}
