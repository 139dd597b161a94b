//! Members: their roles, leaving, ownership.

use super::authority::{self, Authority, OWNER, Role};
use super::workspaces;
use crate::context::{from_uuid, setting};
use crate::error::{Error, Result, given};
use crate::iam::check;
use crate::owner::{self, as_data_owner};
use crate::sql;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

const GIVES_ROLES: [&str; 2] = ["member.invite", "member.remove"];

/// Gives a member another role.
#[pg_extern(volatile, parallel_unsafe)]
fn set_member_role(
    tenant_id: Option<pgrx::Uuid>,
    user_id: Option<pgrx::Uuid>,
    role_key: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    let (tenant, user) = (given(tenant_id, "tenant_id")?, given(user_id, "user_id")?);
    authority::require_lasting(tenant, &GIVES_ROLES)?;
    let role_key = given(role_key, "role_key")?;
    Ok(as_data_owner(|| {
        let authority = authority::enter(tenant, &GIVES_ROLES)?;
        let role = authority::role_named(tenant, role_key)?;
        authority.may_give(&member(tenant, user)?)?;
        authority.may_give(&role)?;
        give(tenant, user, &role)
    })?)
}

/// # Errors
/// 23503 for somebody who is no member.
fn member(tenant: pgrx::Uuid, user: pgrx::Uuid) -> Result<Role> {
    let role = authority::role_of(tenant, user)?;
    role.ok_or_else(not_a_member)
}

fn not_a_member() -> Error {
    Error::NoSuchRow("not a member of this tenant".into())
}

/// A key may not keep what its member loses.
fn give(tenant: pgrx::Uuid, user: pgrx::Uuid, role: &Role) -> Result<()> {
    sql::run(
        "UPDATE saas.tenant_members SET role_id = $3 WHERE tenant_id = $1 AND user_id = $2 AND role_id <> $3",
        &[tenant.into(), user.into(), role.id.into()],
    )?;
    revoke_keys(tenant, user, Some(role))
}

fn revoke_keys(tenant: pgrx::Uuid, user: pgrx::Uuid, beyond: Option<&Role>) -> Result<()> {
    let args = [tenant.into(), user.into(), beyond.map(|role| role.id).into()];
    sql::run(include_str!("../../sql/tenancy/revoke_keys.sql"), &args)?;
    Ok(())
}

/// Removes a member; everybody may leave.
#[pg_extern(volatile, parallel_unsafe)]
fn remove_member(
    tenant_id: Option<pgrx::Uuid>,
    user_id: Option<pgrx::Uuid>,
) -> std::result::Result<(), ErrorReport> {
    let (tenant, user) = (given(tenant_id, "tenant_id")?, given(user_id, "user_id")?);
    let leaves = himself(tenant)? == Some(user);
    let needs: &[&str] = if leaves { &[] } else { &["member.remove"] };
    if !leaves {
        authority::require(tenant, needs)?;
    }
    Ok(as_data_owner(|| {
        let authority = authority::enter(tenant, needs)?;
        let role = member(tenant, user)?;
        if !leaves {
            authority.may_give(&role)?;
        }
        revoke_keys(tenant, user, None)?;
        sql::run(
            "DELETE FROM saas.tenant_members WHERE tenant_id = $1 AND user_id = $2",
            &[tenant.into(), user.into()],
        )?;
        Ok(())
    })?)
}

/// Who asks, if he asks himself: neither an API key nor an impersonator, and not about another tenant than he is bound to.
pub fn himself(tenant: pgrx::Uuid) -> Result<Option<pgrx::Uuid>> {
    let context = setting::current().filter(|context| {
        context.role.is_none()
            && context.actor.is_none()
            && context.tenant.is_none_or(|bound| from_uuid(bound) == tenant)
    });
    Ok(context.map(|context| from_uuid(context.user)))
}

/// Makes a member the owner, in place of the caller.
#[pg_extern(volatile, parallel_unsafe)]
fn transfer_ownership(
    tenant_id: Option<pgrx::Uuid>,
    new_owner_id: Option<pgrx::Uuid>,
) -> std::result::Result<(), ErrorReport> {
    let tenant = given(tenant_id, "tenant_id")?;
    let new_owner = given(new_owner_id, "new_owner_id")?;
    let owner = match owner::caller_is_free()? {
        true => None,
        false => {
            authority::require(tenant, &["tenant.update"])?;
            let denied =
                || Error::Denied("only an owner himself may transfer the ownership".into());
            Some(himself(tenant)?.ok_or_else(denied)?)
        }
    };
    Ok(as_data_owner(|| transfer(tenant, owner, new_owner))?)
}

fn transfer(tenant: pgrx::Uuid, owner: Option<pgrx::Uuid>, new_owner: pgrx::Uuid) -> Result<()> {
    // The user before the tenant, as when a tenant is created.
    let held = workspaces::hold(new_owner);
    let authority = authority::enter(tenant, &[])?;
    if matches!(&authority, Authority::Member { role, .. } if role.key != OWNER) {
        return Err(Error::Denied("only an owner himself may transfer the ownership".into()));
    }
    // Whether there is such a user elsewhere is not told.
    if matches!(held, Err(Error::NoSuchRow(_))) {
        return Err(not_a_member());
    }
    held?;
    if member(tenant, new_owner)?.key == OWNER {
        return Err(Error::State("he owns the tenant already".into(), ""));
    }
    workspaces::require_room(new_owner)?;
    let [to, down] = [OWNER, "tenant_admin"].map(|key| authority::role_named(tenant, key));
    let (to, down) = (to?, down?);
    // An owner is a member: he takes a seat, not a guest's place.
    super::invitation::require_seat_for_guest(tenant, new_owner)?;
    sql::run(
        "UPDATE saas.tenant_members SET role_id = $3, member_type = 'member' WHERE tenant_id = $1 AND user_id = $2",
        &[tenant.into(), new_owner.into(), to.id.into()],
    )?;
    let owners = sql::read_rows(
        "SELECT user_id FROM saas.tenant_members WHERE tenant_id = $1 AND role_id = $2 AND user_id <> $3
            AND ($4 IS NULL OR user_id = $4)",
        &[tenant.into(), to.id.into(), new_owner.into(), owner.into()],
        |row| Ok(row.get::<pgrx::Uuid>(1)?),
    )?;
    owners.into_iter().flatten().try_for_each(|former| give(tenant, former, &down))
}

/// The person who asks, for what only a person does.
pub fn person() -> Result<pgrx::Uuid> {
    let context = check::require_context()?;
    if context.role.is_some() || context.actor.is_some() || context.tenant.is_some() {
        return Err(Error::Denied(
            "this needs a request of the user himself that is bound to no tenant".into(),
        ));
    }
    Ok(from_uuid(context.user))
}
