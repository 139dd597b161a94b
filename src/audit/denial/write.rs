//! Writing what was refused to the audit log: with the next commit of this backend, or when it ends.

use super::QUEUE;
use super::queue::{Counted, Queue};
use crate::audit::in_utc;
use crate::context::from_uuid;
use crate::error::Result;
use crate::owner::{self, as_data_owner};
use crate::{sql, subtransaction};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use std::ffi::CStr;

/// Whether this backend can ever write a note down. A standby can't, and PostgreSQL's own log has the refusal there. Nor can
/// a parallel worker: so what refuses is not marked as safe for those.
pub fn may_keep() -> bool {
    // SAFETY: these read variables of the backend and of shared memory.
    unsafe {
        pg_sys::IsUnderPostmaster
            && pg_sys::MyDatabaseId != pg_sys::InvalidOid
            && pg_sys::ParallelWorkerNumber < 0
            && !pg_sys::proc_exit_inprogress
            && !pg_sys::RecoveryInProgress()
    }
}

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

/// Whether this transaction, which is about to commit, may be burdened with rows of ours.
pub fn may_write() -> bool {
    // SAFETY: these read variables of the backend and of shared memory.
    unsafe {
        let apart = (pg_sys::PROC_IN_VACUUM | pg_sys::PROC_IN_SAFE_IC) as u8;
        !pg_sys::XactReadOnly
            // Rows of ours could be what it can't be serialized with.
            && pg_sys::XactIsoLevel != pg_sys::XACT_SERIALIZABLE as i32
            && !pg_sys::IsInParallelMode()
            // VACUUM and CREATE INDEX CONCURRENTLY tell others that they write no rows.
            && (*pg_sys::MyProc).statusFlags & apart == 0
            && may_keep()
    }
}

/// In a subtransaction: whatever goes wrong with the notes is not the transaction's fault.
fn with_this_commit() {
    if !queue(|queue| queue.is_due(now(), false)) || !may_write() {
        return;
    }
    if !is_installed() {
        queue(Queue::forget);
        return;
    }
    let rows = queue(|queue| queue.take(now(), false));
    let stored = subtransaction::whatever_happens(|| {
        dont_wait();
        store(&rows)
    });
    if let Err(message) = stored
        && let Some(tries) = queue(|queue| queue.failed(now()))
    {
        // For the administrator; the client has nothing to do with it.
        log!(
            "saas_core: refusals could not be written to the audit log by {tries} commits, and are kept: {message}"
        );
    }
}

/// In a transaction of its own. What PostgreSQL raises here ends the backend, which is ending anyway.
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
    set_local(c"synchronous_commit", c"local");
    let stored = match lock_at_once() {
        true => {
            let rows = queue(|queue| queue.take(now(), true));
            store(&rows).map_err(|error| error.to_string())
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

/// Somebody's COMMIT waits a moment for locks, not for as long as he allows his own statements.
pub fn dont_wait() {
    set_local(c"lock_timeout", c"100ms");
}

/// Until the end of the (sub)transaction's work.
fn set_local(name: &CStr, value: &CStr) {
    // SAFETY: NUL-terminated strings.
    unsafe {
        pg_sys::set_config_option(
            name.as_ptr(),
            value.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_LOCAL,
            true,
            0,
            false,
        );
    }
}

fn given_up(count: u64, why: &str) {
    if count > 0 {
        // For the administrator; the client has nothing to do with it.
        log!("saas_core: {count} refusals could not be written to the audit log: {why}");
    }
}

/// Writes the rows, and raises a security event for whoever is refused too often.
fn store(rows: &[Counted]) -> Result<()> {
    // SAFETY: a transaction runs, and none of its statements, so that there is no snapshot yet. An error leaves this one
    // to the abort of the (sub)transaction.
    unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot()) };
    as_data_owner(|| {
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
    })?;
    // SAFETY: the one from above.
    unsafe { pg_sys::PopActiveSnapshot() };
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
