//! What becomes of a tenant: changed, suspended, reinstated, deleted.

use super::authority;
use crate::audit::because;
use crate::billing::ledger;
use crate::context::to_uuid;
use crate::error::{Error, Result, given};
use crate::iam::check::{self, Permission};
use crate::jsonb::Jsonb;
use crate::owner::{self, as_data_owner};
use crate::sql;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use serde_json::{Map, Value};

const FIELDS: [&str; 3] = ["name", "time_zone", "currency"];

/// Changes what a tenant says of itself.
#[pg_extern(volatile, parallel_unsafe)]
fn update_tenant(
    tenant_id: Option<pgrx::Uuid>,
    changes: Option<Jsonb>,
) -> std::result::Result<(), ErrorReport> {
    let tenant_id = given(tenant_id, "tenant_id")?;
    authority::require(tenant_id, &["tenant.update"])?;
    let changes = parse(&given(changes, "changes")?.text())?;
    let field = |name: &str| changes.get(name).and_then(Value::as_str);
    let args = [
        tenant_id.into(),
        field(FIELDS[0]).into(),
        field(FIELDS[1]).into(),
        field(FIELDS[2]).into(),
    ];
    // Who moves midnight moves days from one bill to another.
    let may_move_days = owner::caller_is_free()?;
    let changed = as_data_owner(|| {
        if let Some(zone) = field(FIELDS[1])
            && !may_move_days
            && is_billed_elsewhere(tenant_id, zone)?
        {
            return Err(Error::Denied(
                "the time zone of a tenant with a contract is changed by the data owner: bills go by it"
                    .into(),
            ));
        }
        sql::run(include_str!("../../sql/tenancy/change_tenant.sql"), &args)
    })?;
    match changed {
        0 => Err(Error::NoSuchRow("no such tenant".into()).into()),
        _ => Ok(()),
    }
}

/// Whether the tenant has a contract that is not billed to its end, in another time zone. Holds the tenant, so that none begins
/// meanwhile.
fn is_billed_elsewhere(tenant: pgrx::Uuid, zone: &str) -> Result<bool> {
    ledger::lock(tenant)?;
    let elsewhere = sql::write_one::<bool>(
        "SELECT EXISTS (SELECT FROM saas.tenant_subscriptions s JOIN saas.tenants t ON t.id = s.tenant_id
                         WHERE t.id = $1 AND s.settled_at IS NULL AND t.time_zone <> $2)",
        &[tenant.into(), zone.into()],
    )?;
    Ok(elsewhere == Some(true))
}

fn parse(changes: &str) -> Result<Map<String, Value>> {
    let Ok(Value::Object(changes)) = serde_json::from_str(changes) else {
        return Err(Error::Invalid("changes must be an object".into()));
    };
    for (name, value) in &changes {
        if !FIELDS.contains(&name.as_str()) {
            return Err(Error::Invalid(format!(
                "\"{name}\" is nothing to change: {} are",
                FIELDS.join(", ")
            )));
        }
        if !value.is_string() {
            return Err(Error::Invalid(format!("\"{name}\" must be a string")));
        }
    }
    Ok(changes)
}

/// Ends what a tenant's people may do, until it is reinstated.
#[pg_extern(volatile, parallel_unsafe)]
fn suspend_tenant(
    tenant_id: Option<pgrx::Uuid>,
    reason: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    let moved = include_str!("../../sql/tenancy/suspend.sql");
    Ok(as_platform(tenant_id, reason, moved, "the tenant is suspended already")?)
}

/// Gives a suspended tenant back to its people.
#[pg_extern(volatile, parallel_unsafe)]
fn reinstate_tenant(
    tenant_id: Option<pgrx::Uuid>,
    reason: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    let moved = include_str!("../../sql/tenancy/reinstate.sql");
    Ok(as_platform(tenant_id, reason, moved, "the tenant is not suspended")?)
}

fn as_platform(
    tenant: Option<pgrx::Uuid>,
    reason: Option<&str>,
    statement: &'static str,
    otherwise: &str,
) -> Result<()> {
    if !owner::caller_is_free()? {
        check::require_in_system("platform.tenant.suspend")?;
    }
    let (tenant, reason) = (given(tenant, "tenant_id")?, stated(reason)?);
    as_data_owner(|| {
        if because(reason, || sql::run(statement, &[tenant.into()]))? > 0 {
            return Ok(());
        }
        Err(not_there(tenant, otherwise)?)
    })
}

/// A reason that says something.
fn stated(reason: Option<&str>) -> Result<&str> {
    let reason = given(reason, "reason")?;
    if reason.trim().is_empty() {
        return Err(Error::Invalid("a reason must be given".into()));
    }
    Ok(reason)
}

fn not_there(tenant: pgrx::Uuid, otherwise: &str) -> Result<Error> {
    let deleted = sql::write_one::<bool>(
        "SELECT deleted_at IS NOT NULL FROM saas.tenants WHERE id = $1",
        &[tenant.into()],
    )?;
    Ok(match deleted {
        Some(false) => Error::State(otherwise.into(), ""),
        Some(true) => Error::State("the tenant is deleted".into(), ""),
        None => Error::NoSuchRow("no such tenant".into()),
    })
}

/// Deletes a tenant, as far as its people can see. What was billed stays.
#[pg_extern(volatile, parallel_unsafe)]
fn delete_tenant(
    tenant_id: Option<pgrx::Uuid>,
    reason: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    let tenant = given(tenant_id, "tenant_id")?;
    let by_platform =
        owner::caller_is_free()? || check::in_system(&Permission::named("platform.tenant.delete")?);
    if !by_platform {
        check::require_in_tenant(to_uuid(tenant), "tenant.delete")?;
    }
    let reason = stated(reason)?;
    Ok(as_data_owner(|| because(reason, || delete(tenant, by_platform)))?)
}

/// Everything that could still act for the tenant ends with it. Its last billing period ends now and is
/// billed as usual, but for a year that its own people leave.
const ENDS: [&str; 3] = [
    "UPDATE saas.api_keys SET revoked_at = now() WHERE tenant_id = $1 AND revoked_at IS NULL",
    "UPDATE saas.tenant_invitations SET revoked_at = now()
      WHERE tenant_id = $1 AND accepted_at IS NULL AND revoked_at IS NULL",
    "UPDATE saas.impersonation_sessions SET ended_at = now() WHERE tenant_id = $1 AND ended_at IS NULL",
];

fn delete(tenant: pgrx::Uuid, by_platform: bool) -> Result<()> {
    let held = sql::run(
        "SELECT FROM saas.tenants WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE",
        &[tenant.into()],
    )?;
    if held == 0 {
        return Err(not_there(tenant, "")?);
    }
    for statement in ENDS {
        sql::run(statement, &[tenant.into()])?;
    }
    let ended = include_str!("../../sql/tenancy/end_contract.sql");
    sql::run(ended, &[tenant.into(), by_platform.into()])?;
    sql::run(
        "UPDATE saas.tenants SET deleted_at = now(), billing_state = 'canceled' WHERE id = $1",
        &[tenant.into()],
    )?;
    Ok(())
}
