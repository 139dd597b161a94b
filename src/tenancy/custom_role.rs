//! A tenant's own roles: they carry permissions in tenants only, and never more than whoever makes or changes them has himself.

use super::authority::{self, Role, own_key, role_named};
use crate::context::{from_uuid, new_id};
use crate::error::{Error, Result, given};
use crate::iam::check::Permission;
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::collections::BTreeSet;

const NEEDS: [&str; 1] = ["tenant.update"];
const LONGEST: usize = 100;

/// Creates a role of a tenant's own.
#[pg_extern(volatile, parallel_unsafe)]
fn create_role(
    tenant_id: Option<pgrx::Uuid>,
    key: Option<&str>,
    permissions: Option<Vec<Option<String>>>,
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    let tenant = given(tenant_id, "tenant_id")?;
    authority::require_lasting(tenant, &NEEDS)?;
    let key = given(key, "key")?;
    let is_word = key.starts_with(|first: char| first.is_ascii_lowercase())
        && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !is_word || key.len() > LONGEST {
        return Err(Error::Invalid(format!(
            "\"{key}\" is no key of a role: a word of a-z, 0-9 and _, {LONGEST} at most"
        ))
        .into());
    }
    let permissions = of_tenants(permissions)?;
    Ok(as_data_owner(|| {
        authority::enter(tenant, &NEEDS)?.may_give_all(&permissions)?;
        let id = from_uuid(new_id());
        // Roles are looked up by their short key too: so it is none of the catalog's.
        let made = sql::run(
            "INSERT INTO saas.roles (id, key, is_system, tenant_id)
             SELECT $1, $2, false, $3 WHERE NOT EXISTS (SELECT FROM saas.roles WHERE key = $4)
             ON CONFLICT (key) DO NOTHING",
            &[id.into(), own_key(tenant, key).into(), tenant.into(), key.into()],
        )?;
        if made == 0 {
            return Err(Error::Conflict(format!("there is a role \"{key}\" already")));
        }
        carry(id, permissions)?;
        Ok(id)
    })?)
}

/// Makes a tenant's own role carry exactly these permissions.
#[pg_extern(volatile, parallel_unsafe)]
fn update_role(
    tenant_id: Option<pgrx::Uuid>,
    role_key: Option<&str>,
    permissions: Option<Vec<Option<String>>>,
) -> std::result::Result<(), ErrorReport> {
    let tenant = given(tenant_id, "tenant_id")?;
    authority::require_lasting(tenant, &NEEDS)?;
    let role_key = given(role_key, "role_key")?;
    let permissions = of_tenants(permissions)?;
    Ok(as_data_owner(|| {
        let authority = authority::enter(tenant, &NEEDS)?;
        let role = own(tenant, role_key)?;
        // What it has and what it gets: nobody meddles with a role above his own.
        authority.may_give(&role)?;
        authority.may_give_all(&permissions)?;
        carry(role.id, permissions)
    })?)
}

/// Deletes a tenant's own role that nobody has.
#[pg_extern(volatile, parallel_unsafe)]
fn delete_role(
    tenant_id: Option<pgrx::Uuid>,
    role_key: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    let tenant = given(tenant_id, "tenant_id")?;
    authority::require(tenant, &NEEDS)?;
    let role_key = given(role_key, "role_key")?;
    Ok(as_data_owner(|| {
        let authority = authority::enter(tenant, &NEEDS)?;
        let role = own(tenant, role_key)?;
        authority.may_give(&role)?;
        require_unused(tenant, role.id)?;
        // What is past keeps its row without the role: the log knows which it was.
        let args = [tenant.into(), role.id.into()];
        for statement in [
            "UPDATE saas.tenant_invitations
                SET role_id = NULL, revoked_at = CASE WHEN accepted_at IS NULL THEN coalesce(revoked_at, statement_timestamp()) END
              WHERE tenant_id = $1 AND role_id = $2",
            "UPDATE saas.api_keys SET role_id = NULL, revoked_at = coalesce(revoked_at, statement_timestamp())
              WHERE tenant_id = $1 AND role_id = $2",
            "DELETE FROM saas.roles WHERE tenant_id = $1 AND id = $2",
        ] {
            sql::run(statement, &args)?;
        }
        Ok(())
    })?)
}

/// # Errors
/// 55000 that says who has it: members, open invitations, live API keys.
fn require_unused(tenant: pgrx::Uuid, role: pgrx::Uuid) -> Result<()> {
    let query = include_str!("../../sql/tenancy/role_in_use.sql");
    let [members, invitations, keys] = sql::write(query, &[tenant.into(), role.into()], |table| {
        let row = table.first();
        let count = |column| Ok::<_, Error>(row.get::<i64>(column)?.unwrap_or_default());
        Ok([count(1)?, count(2)?, count(3)?])
    })?;
    if members + invitations + keys == 0 {
        return Ok(());
    }
    Err(Error::State(
        format!(
            "the role is in use: by {members} members, {invitations} open invitations and {keys} API keys"
        ),
        "Give them another role, or take them back, first.",
    ))
}

/// # Errors
/// 42704 for an unknown key; 42501 for a role that is not the tenant's own.
fn own(tenant: pgrx::Uuid, key: &str) -> Result<Role> {
    let role = role_named(tenant, key)?;
    match role.is_own {
        true => Ok(role),
        false => Err(Error::Denied(format!("the role \"{key}\" is not the tenant's own"))),
    }
}

/// Stores what the role carries.
fn carry(role: pgrx::Uuid, permissions: Vec<String>) -> Result<()> {
    let args = [role.into(), permissions.into()];
    sql::run(
        "DELETE FROM saas.role_permissions rp USING saas.permissions p
          WHERE rp.role_id = $1 AND p.id = rp.permission_id AND p.key <> ALL ($2)",
        &args,
    )?;
    sql::run(
        "INSERT INTO saas.role_permissions (role_id, permission_id)
         SELECT $1, p.id FROM saas.permissions p WHERE p.key = ANY ($2)
         ON CONFLICT DO NOTHING",
        &args,
    )?;
    Ok(())
}

/// The permissions of an argument, each once.
///
/// # Errors
/// 23502 and 22023 for NULLs, 42704 for an unknown one, 23514 for one of the platform.
fn of_tenants(permissions: Option<Vec<Option<String>>>) -> Result<Vec<String>> {
    let mut keys = BTreeSet::new();
    for key in given(permissions, "permissions")? {
        let key = key.ok_or_else(|| Error::Invalid("permissions must not contain NULL".into()))?;
        Permission::named(&key)?;
        if key.starts_with("platform.") {
            return Err(Error::Violation(
                format!("\"{key}\" is a platform permission"),
                "A tenant's role carries permissions in tenants only.",
            ));
        }
        keys.insert(key);
    }
    Ok(keys.into_iter().collect())
}
