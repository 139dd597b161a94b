//! Service accounts: users that are programs. They belong to one tenant, never log in, and act by API keys only.

use super::authority;
use crate::context::{from_uuid, new_id};
use crate::error::{Result, given};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

const NEEDS: [&str; 2] = ["tenant.update", "member.invite"];

/// Creates a service account as a member of its tenant.
#[pg_extern(volatile, parallel_unsafe)]
fn create_service_account(
    tenant_id: Option<pgrx::Uuid>,
    name: Option<&str>,
    role_key: Option<&str>,
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    let tenant = given(tenant_id, "tenant_id")?;
    authority::require_in_person(tenant, &NEEDS)?;
    let name = given(name, "name")?;
    let role_key = given(role_key, "role_key")?;
    Ok(as_data_owner(|| create(tenant, name, role_key))?)
}

fn create(tenant: pgrx::Uuid, name: &str, role_key: &str) -> Result<pgrx::Uuid> {
    let authority = authority::enter(tenant, &NEEDS)?;
    let role = authority::role_named(tenant, role_key)?;
    authority.may_give(&role)?;
    let id = from_uuid(new_id());
    // Nobody reads mail at a name that is reserved for nothing (RFC 2606), so nobody can be invited or logged in as it.
    sql::run(
        "INSERT INTO saas.users (id, email, name, service_tenant_id) VALUES ($1, $1::text || '@service.invalid', $2, $3)",
        &[id.into(), name.into(), tenant.into()],
    )?;
    sql::run(
        "INSERT INTO saas.tenant_members (tenant_id, user_id, role_id, member_type) VALUES ($1, $2, $3, 'service')",
        &[tenant.into(), id.into(), role.id.into()],
    )?;
    Ok(id)
}
