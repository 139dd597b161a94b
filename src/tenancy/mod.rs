//! Tenants and their members.

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
    requires = [create_tenant]
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
    // Two calls for one user follow each other, so that they can't both take the last place. The row
    // is written, not only locked, so that under REPEATABLE READ the second fails instead of counting
    // in an old snapshot.
    let lives = sql::write_one::<bool>(
        "UPDATE saas.users SET name = name WHERE id = $1 RETURNING deleted_at IS NULL",
        &[owner.into()],
    )?;
    if lives != Some(true) {
        return Err(Error::NoSuchRow("no such user".into()));
    }
    let (owned, most) = sql::write(
        include_str!("../../sql/tenancy/owned_tenants.sql"),
        &[owner.into()],
        |table| {
            let row = table.first();
            Ok((row.get::<i64>(1)?.unwrap_or(0), row.get::<i32>(2)?.unwrap_or(1)))
        },
    )?;
    if most >= 0 && owned >= i64::from(most) {
        return Err(Error::Limit(
            format!("this user owns {owned} tenants, his plans allow {most}"),
            "Choose a plan with more workspaces for one of them.",
        ));
    }
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
