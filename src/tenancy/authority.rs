//! On whose authority a tenant's people are changed: nobody gives, takes or changes more than he has himself.
//!
//! What decides is read as it is now ([`fresh`]), after the tenant's row was taken: a snapshot may be older than a demotion.

use crate::context::{from_uuid, setting, to_uuid};
use crate::error::{Error, Result};
use crate::iam::{check, fresh};
use crate::owner;
use crate::sql;
use pgrx::prelude::*;
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
    /// One of the tenant's own.
    pub is_own: bool,
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

/// The gate of what gives rights that outlast the request: not open to an impersonation, which ends.
///
/// # Errors
/// As [`require`]; 42501 under impersonation.
pub fn require_lasting(tenant: pgrx::Uuid, permissions: &[&str]) -> Result<()> {
    require(tenant, permissions)?;
    match setting::current() {
        Some(context) if context.actor.is_some() => {
            Err(Error::Denied("an impersonation gives nobody rights that would outlast it".into()))
        }
        _ => Ok(()),
    }
}

/// The gate of what only a person does: what it makes is a secret that acts for somebody.
///
/// # Errors
/// As [`require_lasting`]; 42501 with an API key, so that one that leaked makes no others.
pub fn require_in_person(tenant: pgrx::Uuid, permissions: &[&str]) -> Result<()> {
    require_lasting(tenant, permissions)?;
    match setting::current() {
        Some(context) if context.role.is_some() => {
            Err(Error::Denied("only a person himself may do this".into()))
        }
        _ => Ok(()),
    }
}

/// Takes the tenant's row, so that one change of its people follows the other, and finds the caller's role as it is then, which
/// must still carry what the gate asked for. The row is written, not only locked, so that under REPEATABLE READ the second
/// fails instead of deciding on an old snapshot. Runs as the data owner.
pub fn enter(tenant: pgrx::Uuid, permissions: &[&str]) -> Result<Authority> {
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
    for own in iter::once(&role).chain(&key) {
        for permission in permissions {
            if !carries(own.id, permission)? {
                return Err(Error::LackingInTenant {
                    permission: (*permission).to_owned(),
                    tenant: to_uuid(tenant),
                    is_member: true,
                });
            }
        }
    }
    Ok(Authority::Member { role, key })
}

impl Authority {
    /// # Errors
    /// 42501 for a role that may more than the caller's, and for that of owners unless he is one; 23514 for a system role.
    pub fn may_give(&self, role: &Role) -> Result<()> {
        if role.is_system {
            return Err(Error::Violation(
                "System roles cannot be assigned to tenant members".into(),
                "Platform access is given with saas.grant_system_role.",
            ));
        }
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

    /// # Errors
    /// 42501 that names the first of these permissions that the caller has not.
    pub fn may_give_all(&self, permissions: &[String]) -> Result<()> {
        let Authority::Member { role: own, key } = self else { return Ok(()) };
        for own in iter::once(own).chain(key) {
            for permission in permissions {
                if !carries(own.id, permission)? {
                    return Err(Error::Denied(format!(
                        "nobody gives what he has not himself: {permission}"
                    )));
                }
            }
        }
        Ok(())
    }
}

/// Whether a role carries a permission now.
pub fn carries(role: pgrx::Uuid, permission: &str) -> Result<bool> {
    let mut found = false;
    fresh::read(
        "SELECT rp.role_id FROM saas.role_permissions rp JOIN saas.permissions p ON p.id = rp.permission_id
          WHERE rp.role_id = $1 AND p.key = $2",
        &[pg_sys::UUIDOID, pg_sys::TEXTOID],
        &datums([role.into_datum(), permission.into_datum()]),
        |_| found = true,
    )?;
    Ok(found)
}

/// What `role` has that `own` has not.
pub fn beyond(own: &Role, role: &Role) -> Result<Option<String>> {
    if role.key == OWNER && own.key != OWNER {
        return Ok(Some("it owns the tenant".into()));
    }
    let mut beyond = None;
    fresh::read(
        include_str!("../../sql/tenancy/beyond.sql"),
        &[pg_sys::UUIDOID, pg_sys::UUIDOID],
        &datums([own.id.into_datum(), role.id.into_datum()]),
        |row| beyond = row.get::<String>(1),
    )?;
    Ok(beyond)
}

pub fn role_of(tenant: pgrx::Uuid, user: pgrx::Uuid) -> Result<Option<Role>> {
    find(
        "SELECT r.id, r.key, r.is_system, r.tenant_id IS NOT NULL
           FROM saas.tenant_members m JOIN saas.roles r ON r.id = m.role_id
          WHERE m.tenant_id = $1 AND m.user_id = $2",
        &[pg_sys::UUIDOID, pg_sys::UUIDOID],
        &datums([tenant.into_datum(), user.into_datum()]),
    )
}

pub fn role_by_id(id: pgrx::Uuid) -> Result<Option<Role>> {
    find(
        "SELECT r.id, r.key, r.is_system, r.tenant_id IS NOT NULL FROM saas.roles r WHERE r.id = $1",
        &[pg_sys::UUIDOID],
        &datums([id.into_datum()]),
    )
}

/// What the key of a tenant's own role begins with: keys are unique in the database.
pub fn own_key(tenant: pgrx::Uuid, key: &str) -> String {
    format!("{}:{key}", to_uuid(tenant))
}

/// A role that may be given in the tenant: one of its own, with or without what its key begins with, or one of the catalog.
///
/// # Errors
/// 42704 for an unknown key, with the nearest known one.
pub fn role_named(tenant: pgrx::Uuid, key: &str) -> Result<Role> {
    let found = find(
        "SELECT r.id, r.key, r.is_system, r.tenant_id IS NOT NULL FROM saas.roles r
          WHERE r.key IN ($2, $3) AND (r.tenant_id IS NULL OR r.tenant_id = $1)
          ORDER BY r.tenant_id IS NULL DESC",
        &[pg_sys::UUIDOID, pg_sys::TEXTOID, pg_sys::TEXTOID],
        &datums([tenant.into_datum(), key.into_datum(), own_key(tenant, key).into_datum()]),
    )?;
    match found {
        Some(role) => Ok(role),
        None => Err(unknown(tenant, key)?),
    }
}

fn unknown(tenant: pgrx::Uuid, key: &str) -> Result<Error> {
    let mut known = Vec::new();
    fresh::read(
        "SELECT r.key FROM saas.roles r WHERE NOT r.is_system AND (r.tenant_id IS NULL OR r.tenant_id = $1)",
        &[pg_sys::UUIDOID],
        &datums([tenant.into_datum()]),
        |row| known.extend(row.get::<String>(1)),
    )?;
    let prefix = own_key(tenant, "");
    let short = known.iter().map(|known| known.strip_prefix(&prefix).unwrap_or(known));
    let nearest = check::nearest(key, short);
    Ok(Error::Unknown(format!("role \"{key}\" does not exist"), nearest))
}

/// The last row is the one: a tenant's own role stands behind the catalog's.
fn find(
    query: &'static str,
    types: &[pg_sys::Oid],
    args: &[pg_sys::Datum],
) -> Result<Option<Role>> {
    let mut found = None;
    fresh::read(query, types, args, |row| {
        found = row.get::<pgrx::Uuid>(1).zip(row.get::<String>(2)).map(|(id, key)| Role {
            id,
            key,
            is_system: row.get(3).unwrap_or(true),
            is_own: row.get(4).unwrap_or(false),
        });
    })?;
    Ok(found)
}

fn datums<const N: usize>(of: [Option<pg_sys::Datum>; N]) -> Vec<pg_sys::Datum> {
    of.into_iter().flatten().collect()
}
