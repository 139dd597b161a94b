//! Giving system roles and taking them back.

use super::check;
use super::lookup::unknown_role;
use super::{fresh, reason_given};
use crate::audit::because;
use crate::context::{from_uuid, new_id, session, setting, to_uuid};
use crate::error::{Error, Result, given};
use crate::owner::{self, as_data_owner};
use crate::sql;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use uuid::Uuid;

pub const CONFIGURE: &str = "platform.system.configure";

/// Who configures the platform: a person with the right to, or `None`, the data owner without a context.
///
/// # Errors
/// 28000 and 42501 for everybody else.
pub fn configurator() -> Result<Option<Uuid>> {
    if owner::caller_is_free()? {
        return Ok(None);
    }
    check::require_in_system(CONFIGURE)?;
    Ok(Some(check::require_context()?.user))
}

/// Refuses a person who would give on what he has not himself, or for longer than he has it: else
/// whoever may give roles for an hour has every right for ever.
///
/// # Errors
/// 42501 that names the permissions.
pub fn within_ceiling(
    giver: Option<Uuid>,
    permissions: &[String],
    until: Option<TimestampWithTimeZone>,
) -> Result<()> {
    let Some(giver) = giver else { return Ok(()) };
    let until = until.unwrap_or_else(TimestampWithTimeZone::positive_infinity);
    let mut beyond = Vec::new();
    fresh::read(
        include_str!("../../sql/iam/beyond_ceiling.sql"),
        &[pg_sys::UUIDOID, pg_sys::TEXTARRAYOID, pg_sys::TIMESTAMPTZOID],
        &[from_uuid(giver).into_datum(), permissions.to_vec().into_datum(), until.into_datum()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>(),
        |row| beyond.extend(row.get::<String>(1)),
    )?;
    if beyond.is_empty() {
        return Ok(());
    }
    Err(Error::Denied(format!(
        "nobody gives what he has not himself, for as long: {}",
        beyond.join(", ")
    )))
}

/// A role of the catalog as it is now.
pub struct Role {
    pub id: Uuid,
    pub is_system: bool,
    pub is_break_glass: bool,
    pub tenant: Option<Uuid>,
    pub permissions: Vec<String>,
}

pub fn role(key: &str) -> Result<Option<Role>> {
    let mut found = None;
    fresh::read(
        "SELECT r.id, r.is_system, r.is_break_glass, r.tenant_id,
                ARRAY(SELECT p.key FROM saas.role_permissions rp JOIN saas.permissions p ON p.id = rp.permission_id
                       WHERE rp.role_id = r.id)
           FROM saas.roles r WHERE r.key = $1",
        &[pg_sys::TEXTOID],
        &key.into_datum().into_iter().collect::<Vec<_>>(),
        |row| {
            found = row.get_uuid(1).map(|id| Role {
                id,
                is_system: row.get(2).unwrap_or_default(),
                is_break_glass: row.get(3).unwrap_or_default(),
                tenant: row.get_uuid(4),
                permissions: row.get(5).unwrap_or_default(),
            });
        },
    )?;
    Ok(found)
}

/// The system role of this key.
///
/// # Errors
/// 42704 when there is none; 23514 for a tenant role.
pub fn system_role(key: &str) -> Result<Role> {
    match role(key)? {
        Some(role) if role.is_system => Ok(role),
        // Another tenant's own role does not exist for anybody else.
        Some(role) if role.tenant.is_none() => Err(Error::Violation(
            "Only system roles can be assigned via system_role_assignments".into(),
            "Tenant roles are given to tenant_members.",
        )),
        _ => Err(unknown_role(key)?),
    }
}

/// Gives a system role to a user.
#[pg_extern(volatile, parallel_unsafe)]
fn grant_system_role(
    user_id: Option<pgrx::Uuid>,
    role_key: Option<&str>,
    reason: Option<&str>,
    expires_at: default!(Option<TimestampWithTimeZone>, "NULL"),
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    let giver = configurator()?;
    let user = given(user_id, "user_id")?;
    let key = given(role_key, "role_key")?;
    let reason = reason_given(reason)?;
    // SAFETY: reads a variable of the backend.
    let now = unsafe { pg_sys::GetCurrentStatementStartTimestamp() };
    if expires_at.is_some_and(|at| i64::from(at) <= now || at.is_infinity()) {
        return Err(Error::Invalid("expires_at is a time to come, or NULL".into()).into());
    }
    let role = system_role(key)?;
    if role.is_break_glass {
        return Err(Error::Violation(
            "Break-glass roles are not assigned, but opened in an emergency".into(),
            "Use saas.open_break_glass.",
        )
        .into());
    }
    within_ceiling(giver, &role.permissions, expires_at)?;
    Ok(as_data_owner(|| {
        let assignment = grant(giver, user, &role, reason, expires_at)?;
        log_in_anew(giver, user)?;
        Ok(assignment)
    })?)
}

/// Whose platform roles were changed by somebody logs in anew: a session that was stolen before has no part in them. The session
/// in which it is done goes on, and where the data owner does it, at his console, none is ended.
fn log_in_anew(by: Option<Uuid>, user: pgrx::Uuid) -> Result<()> {
    if by.is_some() {
        let current = setting::current().and_then(|context| context.session).map(from_uuid);
        session::end_all(user, current)?;
    }
    Ok(())
}

fn grant(
    giver: Option<Uuid>,
    user: pgrx::Uuid,
    role: &Role,
    reason: &str,
    expires_at: Option<TimestampWithTimeZone>,
) -> Result<pgrx::Uuid> {
    let lives = sql::write_one::<bool>(
        "SELECT u.deleted_at IS NULL FROM saas.users u WHERE u.id = $1 FOR SHARE",
        &[user.into()],
    )?;
    if lives != Some(true) {
        return Err(Error::NoSuchRow("no such user".into()));
    }
    close_expired(to_uuid(user), role.id)?;
    let assignment = sql::write_one::<pgrx::Uuid>(
        "INSERT INTO saas.system_role_assignments
           (id, assigned_user_id, role_id, assigned_by, reason, assigned_at, expires_at)
         VALUES ($1, $2, $3, coalesce($4, $2), $5, statement_timestamp(), $6)
         ON CONFLICT (assigned_user_id, role_id) WHERE revoked_at IS NULL DO NOTHING
         RETURNING id",
        &[
            from_uuid(new_id()).into(),
            user.into(),
            from_uuid(role.id).into(),
            giver.map(from_uuid).into(),
            reason.into(),
            expires_at.into(),
        ],
    )?;
    assignment.ok_or_else(holds_it_already)
}

pub fn holds_it_already() -> Error {
    Error::Conflict("the user holds this role already: revoke it first to give it anew".into())
}

/// An assignment whose time has run out takes the one place of its user and role until it is closed.
pub fn close_expired(user: Uuid, role: Uuid) -> Result<()> {
    sql::run(
        "UPDATE saas.system_role_assignments
            SET revoked_at = statement_timestamp(), revoke_reason = 'expired'
          WHERE assigned_user_id = $1 AND role_id = $2 AND revoked_at IS NULL
            AND expires_at <= statement_timestamp()",
        &[from_uuid(user).into(), from_uuid(role).into()],
    )?;
    Ok(())
}

/// Takes a system role back.
#[pg_extern(volatile, parallel_unsafe)]
fn revoke_system_role(
    assignment_id: Option<pgrx::Uuid>,
    reason: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    let revoker = configurator()?;
    let assignment = given(assignment_id, "assignment_id")?;
    let reason = reason_given(reason)?;
    Ok(as_data_owner(|| revoke(revoker, assignment, reason))?)
}

fn revoke(revoker: Option<Uuid>, assignment: pgrx::Uuid, reason: &str) -> Result<()> {
    lock_configurators()?;
    sql::run(
        "SELECT FROM saas.system_role_assignments WHERE id = $1 FOR UPDATE",
        &[assignment.into()],
    )?;
    let mut found = None;
    fresh::read(
        include_str!("../../sql/iam/assignment.sql"),
        &[pg_sys::UUIDOID],
        &assignment.into_datum().into_iter().collect::<Vec<_>>(),
        |row| found = row.get::<bool>(1).zip(row.get::<bool>(2)).zip(row.get::<pgrx::Uuid>(3)),
    )?;
    let ((revoked, last), user) =
        found.ok_or_else(|| Error::NoSuchRow("no such assignment".into()))?;
    if revoked {
        return Err(Error::State("this assignment is revoked already".into(), ""));
    }
    if last && revoker.is_some() {
        return Err(last_configurator());
    }
    take_back(assignment, revoker, reason)?;
    log_in_anew(revoker, user)
}

/// Revokes an assignment, and closes the emergency it was opened in, if it was.
pub fn take_back(assignment: pgrx::Uuid, revoker: Option<Uuid>, reason: &str) -> Result<()> {
    sql::run(
        "UPDATE saas.system_role_assignments
            SET revoked_at = greatest(statement_timestamp(), assigned_at), revoked_by = $2, revoke_reason = $3
          WHERE id = $1 AND revoked_at IS NULL",
        &[assignment.into(), revoker.map(from_uuid).into(), reason.into()],
    )?;
    because(reason, || {
        sql::run(
            "UPDATE saas.break_glass_events SET closed_at = greatest(statement_timestamp(), opened_at)
              WHERE assignment_id = $1 AND closed_at IS NULL AND expires_at > statement_timestamp()",
            &[assignment.into()],
        )
    })?;
    Ok(())
}

/// Whoever takes the right to configure away from somebody waits here for the others who do: else two
/// could take it from each other. What there is then is to be read anew.
pub fn lock_configurators() -> Result<()> {
    sql::run(
        "SELECT a.id FROM saas.system_role_assignments a
          WHERE a.revoked_at IS NULL
            AND EXISTS (SELECT FROM saas.role_permissions rp JOIN saas.permissions p ON p.id = rp.permission_id
                         WHERE rp.role_id = a.role_id AND p.key = 'platform.system.configure')
          ORDER BY a.id FOR UPDATE OF a",
        &[],
    )?;
    Ok(())
}

pub fn last_configurator() -> Error {
    Error::State(
        "somebody must be left who may configure the platform".into(),
        "Give the role to somebody else first; the data owner may take it all the same.",
    )
}

/// The current user, if he himself asks.
///
/// # Errors
/// 28000 without a user; 42501 for an API key and an impersonation.
pub fn person() -> Result<Uuid> {
    let context = check::require_context()?;
    if context.role.is_some() || context.actor.is_some() {
        return Err(Error::Denied("only a person himself may do this".into()));
    }
    Ok(context.user)
}
