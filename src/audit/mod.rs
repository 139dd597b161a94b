//! The proof of what was done: audit rows, their stamps, and the invariants that hold over all data.

mod changes;
pub mod denial;
mod evidence;
mod incident;
mod invariants;
mod merkle;
mod partitions;
mod seal;
mod security_event;
mod stamp;
mod verify;

pub use changes::SECRETS;
pub use invariants::may_check;
use pgrx::prelude::*;
use std::cell::RefCell;

// After the functions that they describe.
::pgrx::extension_sql_file!(
    "../../sql/audit/comments.sql",
    name = "audit_comments",
    requires = [
        check_invariants,
        make_partitions,
        seal_audit_log,
        verify_audit_log,
        audit_hash,
        report_security_event,
        report_failed_login,
        acknowledge_security_event,
        dismiss_security_event,
        open_incident,
        escalate_security_event,
        move_incident,
        evidence
    ]
);

extension_sql_file!("../../sql/audit/functions.sql", name = "audit_functions");

thread_local! {
    static REASON: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work`; the audit rows of what it changes carry `reason`, where the changed rows themselves
/// have no column for it.
pub fn because<T>(reason: &str, work: impl FnOnce() -> T) -> T {
    struct Before(Option<String>);
    impl Drop for Before {
        fn drop(&mut self) {
            REASON.set(self.0.take());
        }
    }
    // Dropped while an error unwinds too.
    let _before = Before(REASON.replace(Some(reason.to_owned())));
    work()
}

fn stated_reason() -> Option<String> {
    REASON.with_borrow(Clone::clone)
}

/// Until the end of the enclosing [`crate::owner::as_data_owner`]: jsonb shows times in the session's
/// zone, and what is logged shall not depend on who logs it.
fn in_utc() {
    // SAFETY: NUL-terminated strings. SAVE makes the end of the guard's level of settings undo it.
    unsafe {
        pg_sys::set_config_option(
            c"timezone".as_ptr(),
            c"UTC".as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        );
    }
}
