//! On whose authority a tenant's people are changed: nobody gives, takes or changes more than he has himself.

use crate::context::{from_uuid, setting, to_uuid};
use crate::error::{Error, Result};
use crate::iam::check;
use crate::owner;
use crate::sql;
use std::iter;

pub const OWNER: &str = "tenant_owner";

/// Who acts in a tenant, whose row he holds until the end of the transaction.
pub enum Authority {
    /// The data owner without a context.
    Free,
    /// The role that somebody has there, and with an API key the key's own: he gives what both carry.
    Member { role: Role, key: Option<Role> },
}

/// A tenant role, or what somebody took for one.
#[derive(Clone)]
pub struct Role {
    pub id: pgrx::Uuid,
    pub key: String,
    pub is_system: bool,
}

/// The gate: who calls needs `permissions` in the tenant.
///
/// # Errors
/// 28000, 42501; to the data owner 23503 for an unknown tenant.
pub fn require(tenant: pgrx::Uuid, permissions: &[&str]) -> Result<()> {
    if owner::caller_is_free()? {
        return Ok(());
    }
    permissions.iter().try_for_each(|key| check::require_in_tenant(to_uuid(tenant), key))
}

/// Takes the tenant's row, so that one change of its people follows the other, and finds the caller's role as it is then. The row
/// is written, not only locked, so that under REPEATABLE READ the second fails instead of deciding on an old snapshot.
/// Runs as the data owner.
pub fn enter(tenant: pgrx::Uuid) -> Result<Authority> {
    let held = sql::run(
        "UPDATE saas.tenants SET name = name WHERE id = $1 AND deleted_at IS NULL",
        &[tenant.into()],
    )?;
    let Some(context) = setting::current() else {
        return match held {
            0 => Err(Error::NoSuchRow("no such tenant".into())),
            _ => Ok(Authority::Free),
        };
    };
    let not_his = || Error::Denied("not a tenant of this user".into());
    let role = role_of(tenant, from_uuid(context.user))?.ok_or_else(not_his)?;
    let key = match context.role {
        Some(key) => Some(role_by_id(from_uuid(key))?.ok_or_else(not_his)?),
        None => None,
    };
    Ok(Authority::Member { role, key })
}

impl Authority {
    /// # Errors
    /// 42501 for a role that may more than the caller's, and for that of owners unless he is one.
    pub fn may_give(&self, role: &Role) -> Result<()> {
        let Authority::Member { role: own, key } = self else { return Ok(()) };
        for own in iter::once(own).chain(key) {
            if let Some(what) = beyond(own, role)? {
                return Err(Error::Denied(format!(
                    "the role \"{}\" may more than you: {what}",
                    role.key
                )));
            }
        }
        Ok(())
    }
}

/// What `role` has that `own` has not.
pub fn beyond(own: &Role, role: &Role) -> Result<Option<String>> {
    if role.key == OWNER && own.key != OWNER {
        return Ok(Some("it owns the tenant".into()));
    }
    sql::write_one(include_str!("../../sql/tenancy/beyond.sql"), &[own.id.into(), role.id.into()])
}

pub fn role_of(tenant: pgrx::Uuid, user: pgrx::Uuid) -> Result<Option<Role>> {
    find(
        "SELECT r.id, r.key, r.is_system FROM saas.tenant_members m JOIN saas.roles r ON r.id = m.role_id
          WHERE m.tenant_id = $1 AND m.user_id = $2",
        &[tenant.into(), user.into()],
    )
}

pub fn role_by_id(id: pgrx::Uuid) -> Result<Option<Role>> {
    find("SELECT id, key, is_system FROM saas.roles WHERE id = $1", &[id.into()])
}

/// A role that may be given in the tenant: one of the catalog, or its own.
///
/// # Errors
/// 42704 for an unknown key, with the nearest known one.
pub fn role_named(tenant: pgrx::Uuid, key: &str) -> Result<Role> {
    let found = find(
        "SELECT id, key, is_system FROM saas.roles WHERE key = $2 AND (tenant_id IS NULL OR tenant_id = $1)",
        &[tenant.into(), key.into()],
    )?;
    if let Some(role) = found {
        return Ok(role);
    }
    let known = sql::read_rows(
        "SELECT key FROM saas.roles WHERE NOT is_system AND (tenant_id IS NULL OR tenant_id = $1)",
        &[tenant.into()],
        |row| Ok(row.get::<String>(1)?),
    )?;
    let nearest = check::nearest(key, known.iter().flatten().map(String::as_str));
    Err(Error::Unknown(format!("role \"{key}\" does not exist"), nearest))
}

fn find(query: &'static str, args: &[pgrx::datum::DatumWithOid<'_>]) -> Result<Option<Role>> {
    sql::write(query, args, |mut rows| {
        let Some(row) = rows.next() else { return Ok(None) };
        let id = row.get::<pgrx::Uuid>(1)?.zip(row.get::<String>(2)?);
        let is_system = row.get::<bool>(3)?.unwrap_or(true);
        Ok(id.map(|(id, key)| Role { id, key, is_system }))
    })
}
