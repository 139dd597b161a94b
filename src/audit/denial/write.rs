//! Writing what was refused to the audit log: with the next commit of this backend, or when it ends.

use super::QUEUE;
use super::queue::{Counted, Queue};
use crate::audit::in_utc;
use crate::context::from_uuid;
use crate::error::Result;
use crate::{commit, owner, sql};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;

/// Asks PostgreSQL to be called. Once a backend, at its first refusal: others pay nothing.
pub fn register() {
    // SAFETY: both live as long as the library, which is never unloaded.
    unsafe {
        pg_sys::RegisterXactCallback(Some(on_transaction), std::ptr::null_mut());
        pg_sys::before_shmem_exit(Some(on_exit), pg_sys::Datum::null());
    }
}

fn queue<T>(work: impl FnOnce(&mut Queue) -> T) -> T {
    QUEUE.with_borrow_mut(work)
}

fn now() -> i64 {
    // SAFETY: reads the clock.
    unsafe { pg_sys::GetCurrentTimestamp() }
}

/// # Safety
/// Called by PostgreSQL when a transaction ends.
#[pg_guard]
unsafe extern "C-unwind" fn on_transaction(
    event: pg_sys::XactEvent::Type,
    _arg: *mut std::ffi::c_void,
) {
    match event {
        pg_sys::XactEvent::XACT_EVENT_PRE_COMMIT => with_this_commit(),
        pg_sys::XactEvent::XACT_EVENT_COMMIT => queue(|queue| queue.committed(now())),
        pg_sys::XactEvent::XACT_EVENT_ABORT => queue(Queue::undone),
        // A prepared transaction may be undone by anybody at any time, so nothing is written before it.
        _ => {}
    }
}

fn with_this_commit() {
    if !queue(|queue| queue.is_due(now(), false)) || !commit::may_write() {
        return;
    }
    if !is_installed() {
        queue(Queue::forget);
        return;
    }
    let rows = queue(|queue| queue.take(now(), false));
    if let Err(message) = commit::write(|| store(&rows))
        && let Some(tries) = queue(|queue| queue.failed(now()))
    {
        // For the administrator; the client has nothing to do with it.
        log!(
            "saas_core: refusals could not be written to the audit log by {tries} commits, and are kept: {message}"
        );
    }
}

/// In a transaction of its own. What PostgreSQL raises here ends the backend, which is ending anyway.
///
/// # Safety
/// Called by PostgreSQL when the backend ends.
#[pg_guard]
unsafe extern "C-unwind" fn on_exit(_code: std::ffi::c_int, _arg: pg_sys::Datum) {
    // SAFETY: as below. Ended in the middle of a commit, whose transaction is undone, some may have been on their way.
    unsafe { pg_sys::AbortOutOfAnyTransaction() };
    // SAFETY: reads a variable of shared memory.
    if !queue(|queue| queue.is_due(now(), true)) || unsafe { pg_sys::RecoveryInProgress() } {
        return;
    }
    // SAFETY: what PostgreSQL does at the same moment to remove temporary tables. The settings are those of the
    // new transaction, which may be read-only or serializable by default.
    unsafe {
        pg_sys::StartTransactionCommand();
        pg_sys::XactReadOnly = false;
        pg_sys::XactDeferrable = false;
        pg_sys::XactIsoLevel = pg_sys::XACT_READ_COMMITTED as i32;
    }
    // A standby that does not answer must not keep the backend from ending.
    commit::set_local(c"synchronous_commit", c"local");
    let stored = match lock_at_once() {
        true => {
            let rows = queue(|queue| queue.take(now(), true));
            commit::in_snapshot(|| store(&rows)).map_err(|error| error.to_string())
        }
        false => Err("the log is locked, or not there".into()),
    };
    match stored {
        // SAFETY: ends the transaction that was begun above.
        Ok(()) => unsafe { pg_sys::CommitTransactionCommand() },
        Err(message) => {
            // SAFETY: as above.
            unsafe { pg_sys::AbortOutOfAnyTransaction() };
            given_up(queue(Queue::forget), &message);
        }
    }
}

fn is_installed() -> bool {
    owner::relation(c"platform_audit_logs").is_some() && owner::relation(c"settings").is_some()
}

/// A backend that ends can't be interrupted any more, so it does not wait for anybody.
fn lock_at_once() -> bool {
    let tables = [c"platform_audit_logs", c"security_events"];
    tables.into_iter().all(|name| {
        owner::relation(name).is_some_and(|oid| {
            // SAFETY: a relation's oid.
            unsafe { pg_sys::ConditionalLockRelationOid(oid, pg_sys::RowExclusiveLock as i32) }
        })
    })
}

fn given_up(count: u64, why: &str) {
    if count > 0 {
        // For the administrator; the client has nothing to do with it.
        log!("saas_core: {count} refusals could not be written to the audit log: {why}");
    }
}

/// Writes the rows, and raises a security event for whoever is refused too often.
fn store(rows: &[Counted]) -> Result<()> {
    in_utc();
    let mut users = Vec::new();
    let mut addresses = Vec::new();
    for row in rows {
        let (actor, address) = insert(row)?;
        users.extend(actor);
        if row.denial.action == super::REQUEST {
            addresses.extend(address.map(|address| address.0));
        }
    }
    // In one order, so that two backends never wait for each other.
    users.sort_unstable_by_key(|user| *user.as_bytes());
    users.dedup();
    addresses.sort_unstable();
    addresses.dedup();
    sql::run(
        include_str!("../../../sql/audit/repeated_failures.sql"),
        &[users.into(), addresses.into()],
    )?;
    Ok(())
}

/// Who was refused, and where he came from, as the row has it.
fn insert(row: &Counted) -> Result<(Option<pgrx::Uuid>, Option<pgrx::Inet>)> {
    let Counted { denial, request, asked, count, first, last } = row;
    let who = denial.who;
    let actor = who.map(|who| from_uuid(who.actor.unwrap_or(who.user)));
    let actor_type = match who {
        None => "database_role",
        Some(who) if who.by_key => "api_key",
        Some(_) => "user",
    };
    let moment = |micros: i64| TimestampWithTimeZone::try_from(micros).ok();
    let args = [
        actor_type.into(),
        actor.into(),
        who.and_then(|who| who.actor.and(Some(from_uuid(who.user)))).into(),
        who.and_then(|who| who.impersonation).map(from_uuid).into(),
        who.and_then(|who| who.session).map(from_uuid).into(),
        request.map(from_uuid).into(),
        denial.tenant.map(from_uuid).into(),
        denial.action.into(),
        denial.target_type.into(),
        denial.target.as_deref().into(),
        denial.reason.as_str().into(),
        denial.address.as_deref().into(),
        denial.sqlstate.into(),
        i64::try_from(*count).unwrap_or(i64::MAX).into(),
        moment(*first).into(),
        moment(*last).into(),
        pg_sys::Oid::from_u32(denial.role).into(),
        asked.map(from_uuid).into(),
    ];
    sql::write(include_str!("../../../sql/audit/denied.sql"), &args, |mut table| {
        match table.next() {
            Some(written) => Ok((actor, written.get::<pgrx::Inet>(1)?)),
            None => Ok((actor, None)),
        }
    })
}
