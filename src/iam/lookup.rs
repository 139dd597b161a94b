//! Who may what: the checks' answers as lists.

use super::check::{self, Permission};
use super::kind::{self, Kind};
use super::{cache, fresh};
use crate::context::{from_uuid, to_uuid};
use crate::error::{Error, Result, given};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use uuid::Uuid;

/// What the current user may in a tenant.
#[pg_extern(stable, parallel_safe)]
fn tenant_permissions(
    tenant_id: Option<pgrx::Uuid>,
) -> std::result::Result<SetOfIterator<'static, String>, ErrorReport> {
    let tenant = to_uuid(given(tenant_id, "tenant_id")?);
    Ok(SetOfIterator::new(all_that(|permission| check::try_in_tenant(tenant, permission))?))
}

/// What the current user may on the platform.
#[pg_extern(stable, parallel_safe)]
fn system_permissions() -> std::result::Result<SetOfIterator<'static, String>, ErrorReport> {
    Ok(SetOfIterator::new(all_that(|permission| Ok(check::in_system(permission)))?))
}

fn all_that(may: impl Fn(&Permission) -> Result<bool>) -> Result<Vec<String>> {
    cache::consistently(|| {
        let mut keys = Vec::new();
        for key in cache::permissions()?.keys() {
            if may(&Permission::named(key)?)? {
                keys.push(key.to_string());
            }
        }
        keys.sort_unstable();
        Ok(keys)
    })
}

/// The members of a tenant who have a permission there.
#[pg_extern(stable, parallel_restricted)]
fn members_with_permission(
    tenant_id: Option<pgrx::Uuid>,
    permission: Option<&str>,
) -> std::result::Result<SetOfIterator<'static, pgrx::Uuid>, ErrorReport> {
    Permission::given(permission)?;
    let tenant = given(tenant_id, "tenant_id")?;
    may_ask_for_members(to_uuid(tenant))?;
    let mut members = Vec::new();
    fresh::read(
        include_str!("../../sql/iam/members_with_permission.sql"),
        &[pg_sys::UUIDOID, pg_sys::TEXTOID],
        &[tenant.into_datum(), permission.into_datum()].into_iter().flatten().collect::<Vec<_>>(),
        |row| members.extend(row.get::<pgrx::Uuid>(1)),
    )?;
    Ok(SetOfIterator::new(members))
}

fn may_ask_for_members(tenant: Uuid) -> Result<()> {
    let trusted = kind::caller_is(&[Kind::Gateway])?;
    if !trusted {
        check::require_context()?;
        if check::try_in_tenant(tenant, &Permission::named("tenant.read")?)? {
            return Ok(());
        }
    }
    let mut exists = false;
    fresh::read(
        "SELECT t.id FROM saas.tenants t WHERE t.id = $1",
        &[pg_sys::UUIDOID],
        &from_uuid(tenant).into_datum().into_iter().collect::<Vec<_>>(),
        |_| exists = true,
    )?;
    if exists && (trusted || check::in_system(&Permission::named("platform.security.view")?)) {
        return Ok(());
    }
    match trusted {
        true => Err(Error::NoSuchRow("no such tenant".into())),
        false => check::lacking_in_tenant(tenant, "tenant.read"),
    }
}

/// What two roles carry, side by side.
#[pg_extern(stable, parallel_safe)]
fn role_permission_diff(
    role_a: Option<&str>,
    role_b: Option<&str>,
) -> std::result::Result<
    TableIterator<'static, (name!(permission, String), name!(in_a, bool), name!(in_b, bool))>,
    ErrorReport,
> {
    let (role_a, role_b) = (given(role_a, "role_a")?, given(role_b, "role_b")?);
    let (role_a, role_b) = (visible_role(role_a)?, visible_role(role_b)?);
    let mut permissions = Vec::new();
    fresh::read(
        include_str!("../../sql/iam/role_permission_diff.sql"),
        &[pg_sys::UUIDOID, pg_sys::UUIDOID],
        &[role_a, role_b]
            .map(from_uuid)
            .into_iter()
            .filter_map(pgrx::Uuid::into_datum)
            .collect::<Vec<_>>(),
        |row| {
            permissions
                .extend(row.get(1).zip(row.get(2)).zip(row.get(3)).map(|((p, a), b)| (p, a, b)))
        },
    )?;
    Ok(TableIterator::new(permissions))
}

/// The role of this key. A tenant's own roles are known to those who may read the tenant, and to the
/// platform; to others they don't exist.
fn visible_role(key: &str) -> Result<Uuid> {
    let trusted = kind::caller_is(&[Kind::Gateway, Kind::Auditor])?;
    if !trusted {
        check::require_context()?;
    }
    let mut found = None;
    fresh::read(
        "SELECT r.id, r.tenant_id FROM saas.roles r WHERE r.key = $1",
        &[pg_sys::TEXTOID],
        &key.into_datum().into_iter().collect::<Vec<_>>(),
        |row| found = row.get_uuid(1).map(|role| (role, row.get_uuid(2))),
    )?;
    if let Some((role, tenant)) = found
        && match tenant {
            None => true,
            Some(_) if trusted => true,
            Some(tenant) => {
                check::try_in_tenant(tenant, &Permission::named("tenant.read")?)?
                    || check::in_system(&Permission::named("platform.tenant.read")?)
            }
        }
    {
        return Ok(role);
    }
    Err(unknown_role(key)?)
}

/// 42704, with the nearest key of those that everybody may know.
pub fn unknown_role(key: &str) -> Result<Error> {
    let mut known = Vec::new();
    fresh::read("SELECT r.key FROM saas.roles r WHERE r.tenant_id IS NULL", &[], &[], |row| {
        known.extend(row.get::<String>(1));
    })?;
    let nearest = check::nearest(key, known.iter().map(String::as_str));
    Ok(Error::Unknown(format!("role \"{key}\" does not exist"), nearest))
}
