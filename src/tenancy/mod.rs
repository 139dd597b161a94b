//! Tenants and their members.

mod api_key;
mod authority;
mod custom_role;
mod invitation;
mod lifecycle;
mod member;
mod service_account;
mod time_zone;
mod workspaces;

use crate::context::{from_uuid, new_id, to_uuid};
use crate::error::{Error, Result, given};
use crate::iam::check;
use crate::owner::{self, as_data_owner};
use crate::sql;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

// After the functions that they describe.
::pgrx::extension_sql_file!(
    "../../sql/tenancy/comments.sql",
    name = "tenancy_comments",
    requires = [
        create_tenant,
        update_tenant,
        suspend_tenant,
        reinstate_tenant,
        delete_tenant,
        invite_member,
        revoke_invitation,
        accept_invitation,
        set_member_role,
        remove_member,
        require_time_zone,
        transfer_ownership,
        create_role,
        update_role,
        delete_role,
        create_service_account,
        create_api_key,
        rotate_api_key,
        revoke_api_key
    ]
);

/// Creates a tenant with its owner.
#[pg_extern(volatile, parallel_unsafe)]
fn create_tenant(
    name: Option<&str>,
    owner_id: default!(Option<pgrx::Uuid>, "NULL"),
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    let owner = if owner::caller_is_free()? {
        owner_id.ok_or_else(|| Error::Invalid("a tenant needs an owner: give owner_id".into()))?
    } else {
        let context = check::require_context()?;
        if owner_id.is_some_and(|owner| to_uuid(owner) != context.user) {
            return Err(Error::Denied("a tenant is created for oneself".into()).into());
        }
        if context.role.is_some() || context.tenant.is_some() {
            return Err(Error::Denied(
                "this request is bound to a tenant and can't create another".into(),
            )
            .into());
        }
        from_uuid(context.user)
    };
    let name = given(name, "name")?;
    Ok(as_data_owner(|| create(name, owner))?)
}

fn create(name: &str, owner: pgrx::Uuid) -> Result<pgrx::Uuid> {
    workspaces::hold(owner)?;
    workspaces::require_room(owner)?;
    let id = from_uuid(new_id());
    sql::run(
        "INSERT INTO saas.tenants (id, name, currency, time_zone)
         SELECT $1, $2, s.currency, s.time_zone FROM saas.settings s",
        &[id.into(), name.into()],
    )?;
    sql::run(
        "INSERT INTO saas.tenant_members (tenant_id, user_id, role_id)
         SELECT $1, $2, r.id FROM saas.roles r WHERE r.key = 'tenant_owner'",
        &[id.into(), owner.into()],
    )?;
    Ok(id)
}
