//! The proof of what was done: audit rows, their stamps, and the invariants that hold over all data.

mod changes;
mod invariants;
mod stamp;

use pgrx::prelude::*;
use std::cell::RefCell;

extension_sql_file!("../../sql/audit/functions.sql", name = "audit_functions");

thread_local! {
    static REASON: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work`; the audit rows of what it changes carry `reason`, where the changed rows themselves
/// have no column for it.
#[allow(dead_code)] // suspend_tenant and its like, which come later
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
