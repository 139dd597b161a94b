//! Work that is done whole or not at all, within a transaction that goes on either way.

use crate::error::{Error, Result};
use pgrx::pg_sys;
use pgrx::pg_sys::panic::{CaughtError, ErrorReport, ErrorReportable};
use pgrx::{PgSqlErrorCode, PgTryBuilder};
use std::panic::AssertUnwindSafe;

/// Why a subtransaction was undone.
#[derive(Debug)]
pub struct Failure {
    /// The five characters.
    pub sqlstate: String,
    pub message: String,
}

impl Failure {
    /// Whether the data themselves are at fault: a number out of range, a violated constraint.
    pub fn is_of_data(&self) -> bool {
        self.sqlstate.starts_with("22") || self.sqlstate.starts_with("23")
    }
}

/// Runs `work` in a subtransaction. When it fails, everything it did is undone (rows, locks, user id,
/// settings, SPI connections) and the caller goes on.
///
/// Don't call it from inside one of the closures of [`crate::sql`]: those are connected to SPI.
///
/// A cancel or timeout is not `work`'s failure but an order to stop: it is passed on.
pub fn subtransaction<T>(work: impl FnOnce() -> Result<T>) -> std::result::Result<T, Failure> {
    attempt(work).map_err(|caught| {
        let report = match &caught {
            CaughtError::PostgresError(report)
            | CaughtError::ErrorReport(report)
            | CaughtError::RustPanic { ereport: report, .. } => report,
        };
        let code = report.sql_error_code();
        if is_order_to_stop(code) {
            caught.rethrow();
        }
        Failure { sqlstate: sqlstate(code as i32), message: report.message().to_owned() }
    })
}

/// As [`subtransaction`], but nothing is passed on, a cancel neither: for what must not fail its caller. What went wrong
/// is told as text.
pub fn whatever_happens(work: impl FnOnce() -> Result<()>) -> std::result::Result<(), String> {
    attempt(work).map_err(|caught| match caught {
        CaughtError::PostgresError(report)
        | CaughtError::ErrorReport(report)
        | CaughtError::RustPanic { ereport: report, .. } => report.message().to_owned(),
    })
}

fn attempt<T>(work: impl FnOnce() -> Result<T>) -> std::result::Result<T, CaughtError> {
    // SAFETY: reads variables of the backend.
    let (memory, resources) =
        unsafe { (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner) };
    // SAFETY: what PL/pgSQL does for BEGIN … EXCEPTION: it works in its own memory, not in the
    // subtransaction's, so that results outlive it.
    unsafe {
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(memory);
    }
    let outcome = PgTryBuilder::new(AssertUnwindSafe(|| {
        let value = work().map_err(ErrorReport::from).unwrap_or_report();
        // SAFETY: ends the subtransaction that was begun above; `work` leaves none of its own.
        unsafe { pg_sys::ReleaseCurrentSubTransaction() };
        Ok(value)
    }))
    .catch_others(Err)
    .execute();
    if outcome.is_err() {
        // SAFETY: the error was copied and flushed when it was caught, so that the abort may run now,
        // in memory that it does not free.
        unsafe {
            pg_sys::MemoryContextSwitchTo(memory);
            pg_sys::RollbackAndReleaseCurrentSubTransaction();
        }
    }
    // SAFETY: both are as old as this call, and so still there.
    unsafe {
        pg_sys::MemoryContextSwitchTo(memory);
        pg_sys::CurrentResourceOwner = resources;
    }
    outcome
}

/// Runs `work` in a subtransaction that is undone also when it succeeds: what it would do is told and not done.
///
/// # Errors
/// What `work` returns; what PostgreSQL raises in it goes on being raised.
pub fn undone<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let mut told = None;
    let caught = attempt(|| {
        told = Some(work());
        Err::<(), _>(Error::State("undone".into(), ""))
    });
    match (told, caught) {
        (Some(told), _) => told,
        (None, Err(caught)) => caught.rethrow(),
        (None, Ok(())) => Err(Error::State("nothing was done".into(), "")),
    }
}

/// Runs `work` in a subtransaction that is undone where it finds nothing, so that what it locked on the way is let go.
///
/// # Errors
/// What `work` returns; what PostgreSQL raises in it goes on being raised.
pub fn found<T>(work: impl FnOnce() -> Result<Option<T>>) -> Result<Option<T>> {
    let mut told = None;
    let caught = attempt(|| match work() {
        Ok(Some(value)) => Ok(value),
        nothing => {
            told = Some(nothing);
            Err(Error::State("undone".into(), ""))
        }
    });
    match (told, caught) {
        (Some(told), _) => told,
        (None, Ok(value)) => Ok(Some(value)),
        (None, Err(caught)) => caught.rethrow(),
    }
}

fn is_order_to_stop(code: PgSqlErrorCode) -> bool {
    matches!(
        code,
        PgSqlErrorCode::ERRCODE_QUERY_CANCELED
            | PgSqlErrorCode::ERRCODE_ADMIN_SHUTDOWN
            | PgSqlErrorCode::ERRCODE_CRASH_SHUTDOWN
    )
}

/// The five characters of an error code, of which PostgreSQL packs six bits each.
pub fn sqlstate(code: i32) -> String {
    (0..5).map(|i| char::from(((code >> (6 * i)) & 0x3f) as u8 + b'0')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unpacked() {
        assert_eq!(sqlstate(PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION as i32), "23505");
        assert_eq!(sqlstate(PgSqlErrorCode::ERRCODE_INTERNAL_ERROR as i32), "XX000");
        assert_eq!(sqlstate(PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION as i32), "22P02");
    }
}
