//! Support acting as a user: in one tenant, for a reason, for an hour at most.
//!
//! Entering is `begin_request`'s part. Whether an impersonation goes on is asked with every check, so
//! that it ends in the middle of a transaction too.

use super::check::{self, IMPERSONATE, Permission};
use super::{cache, fresh, reason_given};
use crate::context::setting::{self, Context};
use crate::context::{from_uuid, new_id, to_uuid};
use crate::error::{Error, Result, given};
use crate::owner::{self, as_data_owner};
use crate::sql;
use pgrx::datum::Interval;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use uuid::Uuid;

/// Why an impersonation does not go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Over {
    Ended,
    ActorMayNot,
    TargetIsPlatforms,
    MayWrite,
}

/// Why the impersonation of this context, if it is one, is over. That its time has run out is for the
/// context to say.
pub fn over(context: &Context) -> Result<Option<Over>> {
    let Some(id) = context.impersonation else { return Ok(None) };
    if !cache::impersonation_is_open(id)? {
        return Ok(Some(Over::Ended));
    }
    // A released savepoint takes the read-only mode of a transaction back. A parallel worker never
    // writes, and before 16 does not know the mode.
    // SAFETY: reads variables of the backend.
    if context.read_only && !unsafe { pg_sys::XactReadOnly || pg_sys::ParallelWorkerNumber >= 0 } {
        return Ok(Some(Over::MayWrite));
    }
    refusal(context)
}

/// Why these two are not the ones to impersonate and to be impersonated.
pub fn refusal(context: &Context) -> Result<Option<Over>> {
    let Some(actor) = context.actor else { return Ok(None) };
    if !check::user_in_system(actor, &Permission::in_system(IMPERSONATE, Some(actor))?)? {
        return Ok(Some(Over::ActorMayNot));
    }
    if check::holds_system_role(context.user)? {
        return Ok(Some(Over::TargetIsPlatforms));
    }
    Ok(None)
}

/// PostgreSQL then refuses every write, and refuses to make the transaction writable again.
///
/// # Errors
/// 55000 after a savepoint, whose release would make it writable.
pub fn make_transaction_read_only() -> Result<()> {
    // SAFETY: reads the state of the transaction.
    if unsafe { pg_sys::GetCurrentTransactionNestLevel() } > 1 {
        return Err(Error::State(
            "a read-only impersonation can't begin after a savepoint".into(),
            "Begin the request first in the transaction, outside of exception blocks.",
        ));
    }
    // SAFETY: NUL-terminated strings; LOCAL as SET TRANSACTION READ ONLY does it.
    unsafe {
        pg_sys::set_config_option(
            c"transaction_read_only".as_ptr(),
            c"on".as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_LOCAL,
            true,
            0,
            false,
        );
    }
    Ok(())
}

/// Opens an impersonation, to be entered by begin_request.
#[pg_extern(volatile, parallel_unsafe)]
fn start_impersonation(
    user_id: Option<pgrx::Uuid>,
    tenant_id: Option<pgrx::Uuid>,
    reason: Option<&str>,
    duration: default!(Option<Interval>, "'30 minutes'"),
    read_only: default!(Option<bool>, "false"),
    ticket: default!(Option<&str>, "NULL"),
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    let context = check::require_context()?;
    let target = to_uuid(given(user_id, "user_id")?);
    let tenant = to_uuid(given(tenant_id, "tenant_id")?);
    let reason = reason_given(reason)?;
    let duration = given(duration, "duration")?;
    let read_only = given(read_only, "read_only")?;
    // Neither an API key nor an impersonation has a say on the platform: so there is no nesting.
    check::require_in_system(IMPERSONATE)?;
    may_be_impersonated(&context, target, tenant)?;
    Ok(start(&context, target, tenant, reason, duration, read_only, ticket)?)
}

fn may_be_impersonated(context: &Context, target: Uuid, tenant: Uuid) -> Result<()> {
    if context.user == target {
        return Err(Error::Denied("nobody impersonates himself".into()));
    }
    if !cache::memberships(target, Some(tenant))?.contains_key(&tenant) {
        return Err(Error::Denied("no such member of such a tenant".into()));
    }
    if check::holds_system_role(target)? {
        return Err(Error::Denied("users with a system role can't be impersonated".into()));
    }
    Ok(())
}

fn start(
    context: &Context,
    target: Uuid,
    tenant: Uuid,
    reason: &str,
    duration: Interval,
    read_only: bool,
    ticket: Option<&str>,
) -> Result<pgrx::Uuid> {
    let id = from_uuid(new_id());
    let opened = as_data_owner(|| {
        sql::run(
            include_str!("../../sql/iam/start_impersonation.sql"),
            &[
                id.into(),
                from_uuid(context.user).into(),
                from_uuid(target).into(),
                from_uuid(tenant).into(),
                context.session.map(from_uuid).into(),
                reason.into(),
                duration.into(),
                read_only.into(),
                ticket.into(),
            ],
        )
    })?;
    if opened == 0 {
        return Err(Error::Invalid("duration is more than nothing and at most one hour".into()));
    }
    Ok(id)
}

/// Whose impersonation it is, and whether it still needs what approval gives.
struct Known {
    actor: Uuid,
    over: bool,
    needs_approval: bool,
}

/// An impersonation as it is, whatever this transaction's snapshot shows, so that nobody approves what
/// has ended.
fn known(id: pgrx::Uuid) -> Result<Option<Known>> {
    // Locked, so that it stays as it is read.
    sql::run("SELECT FROM saas.impersonation_sessions WHERE id = $1 FOR UPDATE", &[id.into()])?;
    let mut known = None;
    fresh::read(
        "SELECT i.actor_id, i.ended_at IS NOT NULL OR i.expires_at <= statement_timestamp(),
                i.approval_required AND i.approved_by IS NULL
           FROM saas.impersonation_sessions i WHERE i.id = $1",
        &[pg_sys::UUIDOID],
        &id.into_datum().into_iter().collect::<Vec<_>>(),
        |row| {
            known = row.get_uuid(1).map(|actor| Known {
                actor,
                over: row.get(2).unwrap_or(true),
                needs_approval: row.get(3).unwrap_or(false),
            });
        },
    )?;
    Ok(known)
}

/// Lets an impersonation be entered that waits for a second person.
#[pg_extern(volatile, parallel_unsafe)]
fn approve_impersonation(
    impersonation_id: Option<pgrx::Uuid>,
) -> std::result::Result<(), ErrorReport> {
    let context = check::require_context()?;
    let id = given(impersonation_id, "impersonation_id")?;
    check::require_in_system("platform.security.view")?;
    Ok(as_data_owner(|| {
        let known = known(id)?.ok_or_else(|| Error::NoSuchRow("no such impersonation".into()))?;
        if known.actor == context.user {
            return Err(Error::Denied("an impersonation is approved by somebody else".into()));
        }
        if known.over || !known.needs_approval {
            return Err(Error::State(
                match known.over {
                    true => "this impersonation is over".into(),
                    false => "this impersonation does not wait for approval".into(),
                },
                "",
            ));
        }
        sql::run(
            "UPDATE saas.impersonation_sessions SET approved_by = $2 WHERE id = $1",
            &[id.into(), from_uuid(context.user).into()],
        )?;
        Ok(())
    })?)
}

/// Ends an impersonation: its actor may, also while he acts as the target, and the data owner.
#[pg_extern(volatile, parallel_unsafe)]
fn stop_impersonation(
    impersonation_id: Option<pgrx::Uuid>,
) -> std::result::Result<(), ErrorReport> {
    Ok(stop(impersonation_id)?)
}

fn stop(id: Option<pgrx::Uuid>) -> Result<()> {
    // Not only while it goes on: whoever stops what has just ended by itself shall not be refused.
    let context = setting::current();
    if context.is_none() && !owner::caller_is_free()? {
        return Err(Error::Unauthenticated("no authenticated user in this transaction"));
    }
    let id = given(id, "impersonation_id")?;
    let not_his = || Error::Denied("no such impersonation of this user".into());
    // A key acts for its user in a tenant, and has no part in what he does on the platform.
    if context.is_some_and(|context| context.role.is_some()) {
        return Err(not_his());
    }
    let actor = context.map(|context| context.actor.unwrap_or(context.user));
    as_data_owner(|| {
        let known = match (known(id)?, actor) {
            (Some(known), Some(actor)) if known.actor == actor => known,
            (Some(known), None) => known,
            (None, None) => return Err(Error::NoSuchRow("no such impersonation".into())),
            _ => return Err(not_his()),
        };
        if !known.over {
            sql::run(
                "UPDATE saas.impersonation_sessions
                    SET ended_at = greatest(statement_timestamp(), started_at) WHERE id = $1",
                &[id.into()],
            )?;
        }
        Ok(())
    })?;
    if context.and_then(|context| context.impersonation) == Some(to_uuid(id)) {
        setting::set(None)?;
    }
    Ok(())
}
