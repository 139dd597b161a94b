//! API keys: a program acting for a user in one tenant, with a role of its own and never more than its user may.

use super::authority::{self, Role};
use crate::context::{from_uuid, new_id, secret, setting, to_uuid};
use crate::error::{Error, Result, given};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

const NEEDS: [&str; 1] = ["tenant.update"];

/// Creates an API key and returns it, which is shown this once.
#[pg_extern(volatile, parallel_unsafe)]
fn create_api_key(
    tenant_id: Option<pgrx::Uuid>,
    name: Option<&str>,
    role_key: Option<&str>,
    expires_at: default!(Option<TimestampWithTimeZone>, "NULL"),
    service_account_id: default!(Option<pgrx::Uuid>, "NULL"),
) -> std::result::Result<String, ErrorReport> {
    let tenant = given(tenant_id, "tenant_id")?;
    authority::require_in_person(tenant, &NEEDS)?;
    let name = given(name, "name")?;
    let role_key = given(role_key, "role_key")?;
    Ok(as_data_owner(|| {
        let authority = authority::enter(tenant, &NEEDS)?;
        let role = authority::role_named(tenant, role_key)?;
        authority.may_give(&role)?;
        let user = match (service_account_id, setting::current()) {
            (Some(account), _) => service_account(tenant, account)?,
            (None, Some(context)) => from_uuid(context.user),
            (None, None) => {
                return Err(Error::Invalid(
                    "an API key acts for somebody: give service_account_id, or begin a request"
                        .into(),
                ));
            }
        };
        insert(tenant, user, &role, name, expires_at)
    })?)
}

/// A service account of the tenant.
///
/// # Errors
/// 23503 for anything else, a person too: nobody makes a key that acts for another person.
fn service_account(tenant: pgrx::Uuid, account: pgrx::Uuid) -> Result<pgrx::Uuid> {
    let found = sql::write_one::<pgrx::Uuid>(
        "SELECT m.user_id FROM saas.tenant_members m JOIN saas.users u ON u.id = m.user_id AND u.deleted_at IS NULL
          WHERE m.tenant_id = $1 AND m.user_id = $2 AND m.member_type = 'service'",
        &[tenant.into(), account.into()],
    )?;
    found.ok_or_else(|| Error::NoSuchRow("no such service account of this tenant".into()))
}

fn insert(
    tenant: pgrx::Uuid,
    user: pgrx::Uuid,
    role: &Role,
    name: &str,
    expires_at: Option<TimestampWithTimeZone>,
) -> Result<String> {
    let (key, prefix) = secret::api_key(to_uuid(tenant))?;
    sql::run(
        "INSERT INTO saas.api_keys (tenant_id, id, user_id, role_id, name, prefix, key_hash, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, statement_timestamp(), $8)",
        &[
            tenant.into(),
            from_uuid(new_id()).into(),
            user.into(),
            role.id.into(),
            name.into(),
            prefix.into(),
            secret::hash(&key).into(),
            expires_at.into(),
        ],
    )?;
    Ok(key)
}

/// Makes the successor of an API key, which for a while works beside it.
#[pg_extern(volatile, parallel_unsafe)]
fn rotate_api_key(
    tenant_id: Option<pgrx::Uuid>,
    api_key_id: Option<pgrx::Uuid>,
    overlap: default!(Option<Interval>, "'1 day'"),
) -> std::result::Result<String, ErrorReport> {
    let tenant = given(tenant_id, "tenant_id")?;
    authority::require_in_person(tenant, &NEEDS)?;
    let id = given(api_key_id, "api_key_id")?;
    let overlap = given(overlap, "overlap")?;
    Ok(as_data_owner(|| {
        let authority = authority::enter(tenant, &NEEDS)?;
        let query = include_str!("../../sql/tenancy/key_to_rotate.sql");
        let old = sql::write(query, &[tenant.into(), id.into(), overlap.into()], |mut rows| {
            let Some(row) = rows.next() else { return Ok(None) };
            let who = row.get::<pgrx::Uuid>(1)?.zip(row.get::<pgrx::Uuid>(2)?);
            let what = row.get::<String>(3)?.zip(row.get::<bool>(4)?);
            let times = (row.get::<TimestampWithTimeZone>(5)?, row.get::<bool>(6)?);
            Ok(who.zip(what).map(|(who, what)| (who, what, times)))
        })?;
        let Some(((user, role), (name, is_service), (expires_at, is_sane))) = old else {
            return Err(Error::NoSuchRow("no such live API key of this tenant".into()));
        };
        if is_sane != Some(true) {
            return Err(Error::Invalid("overlap is from nothing to 30 days".into()));
        }
        // The successor acts for the same user, so it is his to make, or a service account's.
        let asking = setting::current().map(|context| from_uuid(context.user));
        if !is_service && asking.is_some_and(|asking| asking != user) {
            return Err(Error::Denied("a key that acts for a person is rotated by himself".into()));
        }
        let role = authority::role_by_id(role)?
            .ok_or_else(|| Error::NoSuchRow("no such live API key of this tenant".into()))?;
        authority.may_give(&role)?;
        sql::run(
            "UPDATE saas.api_keys
                SET expires_at = least(expires_at, greatest(statement_timestamp(), created_at + interval '1 microsecond') + $3)
              WHERE tenant_id = $1 AND id = $2",
            &[tenant.into(), id.into(), overlap.into()],
        )?;
        insert(tenant, user, &role, &name, expires_at)
    })?)
}

/// Ends an API key for good.
#[pg_extern(volatile, parallel_unsafe)]
fn revoke_api_key(
    tenant_id: Option<pgrx::Uuid>,
    api_key_id: Option<pgrx::Uuid>,
) -> std::result::Result<(), ErrorReport> {
    let tenant = given(tenant_id, "tenant_id")?;
    let id = given(api_key_id, "api_key_id")?;
    // Whoever finds that a key of his has leaked ends it, whatever else he may by now.
    let himself = super::member::himself(tenant)?;
    let is_his = match himself {
        Some(user) => as_data_owner(|| {
            sql::write_one::<bool>(
                "SELECT true FROM saas.api_keys WHERE tenant_id = $1 AND id = $2 AND user_id = $3",
                &[tenant.into(), id.into(), user.into()],
            )
        })?
        .is_some(),
        None => false,
    };
    if !is_his {
        authority::require(tenant, &NEEDS)?;
    }
    // No ceiling: a key above one's own is ended as well. Twice is no error, so that it can be tried again.
    let known = as_data_owner(|| {
        sql::run(
            "UPDATE saas.api_keys SET revoked_at = coalesce(revoked_at, statement_timestamp())
              WHERE tenant_id = $1 AND id = $2",
            &[tenant.into(), id.into()],
        )
    })?;
    match known {
        0 => Err(Error::NoSuchRow("no such API key of this tenant".into()).into()),
        _ => Ok(()),
    }
}
