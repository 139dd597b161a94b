//! What is written with a commit, whosever it is: notes that a backend keeps outside of transactions. They are never the
//! fault of whoever commits, and hold him up for a moment at most.

use crate::error::Result;
use crate::owner::as_data_owner;
use crate::subtransaction;
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

/// Writes notes with the transaction that is about to commit, as the data owner and in a subtransaction: whatever goes wrong
/// is told as text and undone, and the commit goes on. It waits a moment for locks, not for as long as the client allows
/// his own statements.
pub fn write(work: impl FnOnce() -> Result<()>) -> std::result::Result<(), String> {
    subtransaction::whatever_happens(|| {
        set_local(c"lock_timeout", c"100ms");
        in_snapshot(work)
    })
}

/// Between statements, where there is no snapshot yet; as the data owner.
pub fn in_snapshot(work: impl FnOnce() -> Result<()>) -> Result<()> {
    // SAFETY: a transaction runs, and none of its statements. An error leaves this snapshot to the abort of the
    // (sub)transaction.
    unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot()) };
    as_data_owner(work)?;
    // SAFETY: the one from above.
    unsafe { pg_sys::PopActiveSnapshot() };
    Ok(())
}

/// Until the end of the (sub)transaction's work.
pub fn set_local(name: &CStr, value: &CStr) {
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
