//! When a session or an API key was last used: noted when a request begins, and written with a commit, once in a while.
//!
//! Not by the request itself: its transaction would hold the row until it ends, and whoever revokes would wait for whom he
//! wants to be rid of.

use super::from_uuid;
use crate::commit;
use crate::error::Result;
use crate::sql;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use uuid::Uuid;

#[derive(Clone, Copy, PartialEq)]
pub enum Used {
    Session(Uuid),
    /// Tenant and key.
    Key(Uuid, Uuid),
}

/// One connection that only reads serves many users before it writes. What is beyond is noted by its next request.
const MOST: usize = 16;

thread_local! {
    static NOTED: RefCell<Vec<(Used, i64)>> = const { RefCell::new(Vec::new()) };
    static REGISTERED: Cell<bool> = const { Cell::new(false) };
}

/// Keeps that it was used now.
pub fn note(used: Used) {
    if !commit::may_keep() {
        return;
    }
    if !REGISTERED.replace(true) {
        // SAFETY: lives as long as the library, which is never unloaded.
        unsafe { pg_sys::RegisterXactCallback(Some(on_transaction), std::ptr::null_mut()) };
    }
    // SAFETY: reads a variable of the backend.
    let now = unsafe { pg_sys::GetCurrentStatementStartTimestamp() };
    NOTED.with_borrow_mut(|noted| {
        noted.retain(|(known, _)| *known != used);
        if noted.len() < MOST {
            noted.push((used, now));
        }
    });
}

/// # Safety
/// Called by PostgreSQL when a transaction ends.
#[pg_guard]
unsafe extern "C-unwind" fn on_transaction(
    event: pg_sys::XactEvent::Type,
    _arg: *mut std::ffi::c_void,
) {
    // What a transaction that is undone or only reads has noted waits for the next commit of this connection.
    if event != pg_sys::XactEvent::XACT_EVENT_PRE_COMMIT
        || NOTED.with_borrow(Vec::is_empty)
        || !commit::may_write()
    {
        return;
    }
    let noted = NOTED.take();
    // A use that could not be written is noted anew by the next request; the commit is not to suffer.
    let _ = commit::write(|| store(&noted));
}

fn store(noted: &[(Used, i64)]) -> Result<()> {
    for (used, at) in noted {
        let Ok(at) = TimestampWithTimeZone::try_from(*at) else { continue };
        match used {
            Used::Session(id) => sql::run(
                include_str!("../../sql/context/session_seen.sql"),
                &[from_uuid(*id).into(), at.into()],
            )?,
            Used::Key(tenant, id) => sql::run(
                include_str!("../../sql/context/key_used.sql"),
                &[from_uuid(*tenant).into(), from_uuid(*id).into(), at.into()],
            )?,
        };
    }
    Ok(())
}
