//! The end of a person's data.

use super::request::{Request, hold};
use super::{handler, require_handler};
use crate::error::{Error, Result, given};
use crate::iam::check;
use crate::jsonb::Jsonb;
use crate::owner::{self, as_data_owner};
use crate::{audit, sql};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Answers a request for erasure: does what the registry says, and tells what was done.
#[pg_extern(volatile, parallel_unsafe)]
fn erase_user(request_id: Option<pgrx::Uuid>) -> std::result::Result<Jsonb, ErrorReport> {
    require_handler()?;
    Ok(erase(given(request_id, "request_id")?)?)
}

fn erase(id: pgrx::Uuid) -> Result<Jsonb> {
    let may_delete_tenants =
        owner::caller_is_free()? || check::require_in_system("platform.tenant.delete").is_ok();
    as_data_owner(|| {
        let mut request = hold(id)?;
        if request.kind != "erasure" {
            return Err(Error::State(
                format!("this is a request for {}", request.kind),
                "Only a request for erasure erases.",
            ));
        }
        // Done is done: the same answer.
        if let ("completed", Some(result)) = (request.status.as_str(), request.result) {
            return Ok(result);
        }
        if !["verified", "in_progress"].contains(&request.status.as_str()) {
            return Err(Error::State(
                format!(
                    "this request is {}, and what can't be undone needs a verified one",
                    request.status
                ),
                "Call saas.verify_privacy_request, and saas.decide_privacy_request to take it into work.",
            ));
        }
        audit::because(&format!("privacy request {id}"), || {
            if request.status == "verified" {
                request.move_to("in_progress", None)?;
            }
            let tenants = end_memberships(&request, may_delete_tenants)?;
            finish(&mut request, tenants)
        })
    })
}

/// Sees to it that nothing but his own rows hangs on the person. Returns the tenants that ended with him.
fn end_memberships(request: &Request, may_delete_tenants: bool) -> Result<Vec<pgrx::Uuid>> {
    let person = request.person;
    // Tenants before users, as everybody else locks them.
    sql::run(
        "SELECT FROM saas.tenants t
          WHERE t.id IN (SELECT m.tenant_id FROM saas.tenant_members m WHERE m.user_id = $1)
          ORDER BY t.id FOR NO KEY UPDATE",
        &[person.into()],
    )?;
    // Whoever is being tied to him right now is waited for; who comes later sees that he is gone.
    sql::run("SELECT FROM saas.users WHERE id = $1 FOR UPDATE", &[person.into()])?;
    let owned = sql::write(
        include_str!("../../sql/privacy/tenants_owned.sql"),
        &[person.into()],
        |table| {
            table
                .map(|row| Ok((row.get::<pgrx::Uuid>(1)?, row.get::<i64>(2)?.unwrap_or_default())))
                .collect::<Result<Vec<_>>>()
        },
    )?;
    let owned = || owned.iter().filter_map(|(id, others)| id.map(|id| (id, *others)));
    let shared: Vec<_> =
        owned().filter(|(_, others)| *others > 0).map(|(id, _)| id.to_string()).collect();
    if !shared.is_empty() {
        return Err(Error::State(
            format!(
                "this user is the last owner of tenants with other members: {}",
                shared.join(", ")
            ),
            "Transfer their ownership first (saas.transfer_ownership), or delete them (saas.delete_tenant).",
        ));
    }
    let holds_system_role = sql::write_one::<bool>(
        "SELECT true FROM saas.system_role_assignments
          WHERE assigned_user_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) LIMIT 1",
        &[person.into()],
    )?;
    if holds_system_role.is_some() {
        return Err(Error::State(
            "this user holds a system role".into(),
            "Revoke it first (saas.revoke_system_role), with its own reason.",
        ));
    }
    let alone: Vec<_> = owned().map(|(id, _)| id).collect();
    if !alone.is_empty() && !may_delete_tenants {
        return Err(Error::Denied(
            "with this user end tenants of which he is the only member: platform permission \"platform.tenant.delete\" is required"
                .into(),
        ));
    }
    // A tenant without anybody in it is nobody's. Its bills stay.
    sql::run(
        "UPDATE saas.tenant_subscriptions SET status = 'canceled', ended_at = now()
          WHERE tenant_id = ANY ($1::uuid[]) AND status <> 'canceled'",
        &[alone.clone().into()],
    )?;
    sql::run(
        "UPDATE saas.tenants SET deleted_at = now() WHERE id = ANY ($1::uuid[])",
        &[alone.clone().into()],
    )?;
    sql::run(
        "UPDATE saas.impersonation_sessions SET ended_at = greatest(now(), started_at)
          WHERE (actor_id = $1 OR target_user_id = $1) AND ended_at IS NULL AND expires_at > now()",
        &[person.into()],
    )?;
    Ok(alone)
}

fn finish(request: &mut Request, tenants: Vec<pgrx::Uuid>) -> Result<Jsonb> {
    let result = sql::write(
        "SELECT saas.erase_personal_data($1)
             || jsonb_build_object('user_id', $1, 'request_id', $2, 'erased_at', now(), 'tenants_deleted', to_jsonb($3::uuid[]))",
        &[request.person.into(), request.id.into(), tenants.into()],
        |table| Ok(table.first().get::<Jsonb>(1)?.map(Jsonb::keep)),
    )?
    .ok_or_else(|| Error::State("nothing was erased".into(), ""))?;
    sql::run(
        "UPDATE saas.users SET deleted_at = coalesce(deleted_at, now()) WHERE id = $1",
        &[request.person.into()],
    )?;
    // What else he had asked for has nothing left to be about.
    sql::run(
        "UPDATE saas.privacy_requests
            SET status = 'refused', completed_at = now(), handled_by = coalesce($3, handled_by),
                decision = 'Nothing is left: the person was erased by request ' || $2
          WHERE user_id = $1 AND id <> $2 AND completed_at IS NULL",
        &[request.person.into(), request.id.into(), handler().into()],
    )?;
    sql::run(
        "UPDATE saas.privacy_requests SET result = $2, result_digest = sha256(convert_to($2::text, 'UTF8')) WHERE id = $1",
        &[request.id.into(), result.into()],
    )?;
    request.move_to("completed", None)?;
    Ok(result)
}
