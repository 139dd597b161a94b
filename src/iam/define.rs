//! What an application adds of its own: permissions and platform roles.
//!
//! Permissions that begin with `platform.` are the platform's and live in its roles; all others are
//! the tenants' and live in theirs. Only `platform_superadmin`, which carries everything, carries
//! tenant permissions too, and they count in no tenant.

use super::check::Permission;
use super::fresh;
use super::grants::{
    CONFIGURE, Role, configurator, last_configurator, lock_configurators, role, within_ceiling,
};
use super::lookup::unknown_role;
use crate::context::{from_uuid, new_id};
use crate::error::{Error, Result, given};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::collections::BTreeSet;
use uuid::Uuid;

const EVERYTHING: &str = "platform_superadmin";
const LONGEST: usize = 200;

/// Defines a permission and gives it to roles.
#[pg_extern(volatile, parallel_unsafe)]
fn define_permission(
    key: Option<&str>,
    description: Option<&str>,
    role_keys: default!(Option<Vec<Option<String>>>, "'{}'"),
) -> std::result::Result<(), ErrorReport> {
    let definer = configurator()?;
    let key = given(key, "key")?;
    let description = given(description, "description")?;
    let role_keys = texts(role_keys, "role_keys")?;
    if !key.contains('.') || !key.split('.').all(is_word) || key.len() > LONGEST {
        return Err(Error::Invalid(format!(
            "\"{key}\" is no key of a permission: words of a-z, 0-9 and _, joined by dots"
        ))
        .into());
    }
    let mut roles = Vec::new();
    for role_key in &role_keys {
        let role = match role(role_key)? {
            Some(role) if role.tenant.is_none() => role,
            _ => return Err(unknown_role(role_key)?.into()),
        };
        fits(key, role_key, role.is_system)?;
        if !role.permissions.iter().any(|known| known == key) {
            roles.push(role);
        }
    }
    Ok(as_data_owner(|| permit(definer, key, description, &roles))?)
}

fn permit(definer: Option<Uuid>, key: &str, description: &str, roles: &[Role]) -> Result<()> {
    let is_new = 1
        == sql::run(
            "INSERT INTO saas.permissions (id, key, description) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING",
            &[from_uuid(new_id()).into(), key.into(), description.into()],
        )?;
    // A permission that is new is nobody's yet, and opens nothing yet. One that exists is not given by
    // somebody who has it not.
    if is_platforms(key) && !roles.is_empty() && !is_new {
        within_ceiling(definer, &[key.to_owned()], None)?;
    }
    sql::run(
        "UPDATE saas.permissions SET description = $2 WHERE key = $1 AND description IS DISTINCT FROM $2",
        &[key.into(), description.into()],
    )?;
    let roles: Vec<_> = roles.iter().map(|role| from_uuid(role.id)).collect();
    sql::run(
        "INSERT INTO saas.role_permissions (role_id, permission_id)
         SELECT role.id, p.id FROM unnest($2) AS role (id) JOIN saas.permissions p ON p.key = $1
         ON CONFLICT DO NOTHING",
        &[key.into(), roles.into()],
    )?;
    Ok(())
}

/// Defines a platform role: it carries exactly these permissions.
#[pg_extern(volatile, parallel_unsafe)]
fn define_platform_role(
    key: Option<&str>,
    permissions: Option<Vec<Option<String>>>,
    is_break_glass: default!(Option<bool>, "false"),
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    let definer = configurator()?;
    let key = given(key, "key")?;
    let permissions = texts(permissions, "permissions")?;
    let is_break_glass = given(is_break_glass, "is_break_glass")?;
    if !is_word(key) || key.len() > LONGEST {
        return Err(Error::Invalid(format!(
            "\"{key}\" is no key of a platform role: a word of a-z, 0-9 and _"
        ))
        .into());
    }
    for permission in &permissions {
        Permission::named(permission)?;
        fits(permission, key, true)?;
    }
    Ok(as_data_owner(|| {
        sql::run(
            "INSERT INTO saas.roles (id, key, is_system, is_break_glass) VALUES ($1, $2, true, $3)
             ON CONFLICT (key) DO NOTHING",
            &[from_uuid(new_id()).into(), key.into(), is_break_glass.into()],
        )?;
        // One definition at a time.
        sql::run("SELECT FROM saas.roles WHERE key = $1 FOR NO KEY UPDATE", &[key.into()])?;
        let role = match role(key)? {
            Some(role) if role.is_system => role,
            _ => return Err(Error::Conflict(format!("\"{key}\" is a tenant role"))),
        };
        if role.is_break_glass != is_break_glass {
            return Err(Error::State(
                format!("whether \"{key}\" is a break-glass role was decided when it was defined"),
                "Define another role.",
            ));
        }
        let before: BTreeSet<_> = role.permissions.iter().cloned().collect();
        if before != permissions {
            // What it has and what it gets: nobody meddles with a role above his own.
            let all: Vec<_> = before.union(&permissions).cloned().collect();
            within_ceiling(definer, &all, None)?;
            redefine(&role, permissions.into_iter().collect(), definer.is_some())?;
        }
        Ok(from_uuid(role.id))
    })?)
}

fn redefine(role: &Role, permissions: Vec<String>, by_person: bool) -> Result<()> {
    let loses_configure = role.permissions.iter().any(|known| known == CONFIGURE)
        && !permissions.iter().any(|wanted| wanted == CONFIGURE);
    if loses_configure {
        lock_configurators()?;
    }
    sql::run(
        "DELETE FROM saas.role_permissions rp USING saas.permissions p
          WHERE rp.role_id = $1 AND p.id = rp.permission_id AND p.key <> ALL ($2)",
        &[from_uuid(role.id).into(), permissions.clone().into()],
    )?;
    sql::run(
        "INSERT INTO saas.role_permissions (role_id, permission_id)
         SELECT $1, p.id FROM saas.permissions p WHERE p.key = ANY ($2)
         ON CONFLICT DO NOTHING",
        &[from_uuid(role.id).into(), permissions.into()],
    )?;
    if loses_configure && by_person && !somebody_configures()? {
        return Err(last_configurator());
    }
    Ok(())
}

/// Whether anybody may configure the platform, but for emergencies.
fn somebody_configures() -> Result<bool> {
    let mut found = false;
    fresh::read(include_str!("../../sql/iam/configurators.sql"), &[], &[], |_| found = true)?;
    Ok(found)
}

fn is_platforms(permission: &str) -> bool {
    permission.starts_with("platform.")
}

/// # Errors
/// 23514 for a permission of one world in a role of the other.
fn fits(permission: &str, role: &str, role_is_system: bool) -> Result<()> {
    if is_platforms(permission) == role_is_system || (role == EVERYTHING && role_is_system) {
        return Ok(());
    }
    Err(Error::Violation(
        match role_is_system {
            true => {
                format!("\"{permission}\" is a tenant permission and \"{role}\" a platform role")
            }
            false => {
                format!("\"{permission}\" is a platform permission and \"{role}\" a tenant role")
            }
        },
        "Permissions of the platform begin with \"platform.\", and live in platform roles only.",
    ))
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The texts of an array argument, each once.
fn texts(array: Option<Vec<Option<String>>>, name: &'static str) -> Result<BTreeSet<String>> {
    let texts = given(array, name)?;
    texts
        .into_iter()
        .map(|text| text.ok_or_else(|| Error::Invalid(format!("{name} must not contain NULL"))))
        .collect()
}
