//! Reading the tables that decide permissions as they are now, not as they were when the transaction began.

use crate::error::Result;
use crate::owner;
use pgrx::prelude::*;
use pgrx::spi;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CString;

thread_local! {
    static PLANS: RefCell<HashMap<*const u8, pg_sys::SPIPlanPtr>> = RefCell::default();
}

/// One row of a result, by column from 1.
pub struct Row {
    tuple: pg_sys::HeapTuple,
    descriptor: pg_sys::TupleDesc,
}

impl Row {
    pub fn get<T: FromDatum>(&self, column: i32) -> Option<T> {
        let mut is_null = false;
        // SAFETY: tuple and descriptor are of the result that is being read; the caller names a type that the column has.
        unsafe {
            let datum = pg_sys::SPI_getbinval(self.tuple, self.descriptor, column, &mut is_null);
            T::from_datum(datum, is_null)
        }
    }

    pub fn get_uuid(&self, column: i32) -> Option<uuid::Uuid> {
        self.get::<pgrx::Uuid>(column).map(crate::context::to_uuid)
    }
}

/// Runs a read-only statement as the data owner in a snapshot taken now.
///
/// A right that another session revoked must not live on in a REPEATABLE READ transaction, hence the
/// snapshot that PostgreSQL reads its own catalogs with; it also works in parallel workers and on standbys.
pub fn read(
    text: &'static str,
    types: &[pg_sys::Oid],
    args: &[pg_sys::Datum],
    each: impl FnMut(&Row),
) -> Result<()> {
    owner::as_data_owner(|| read_now(text, types, args, each))
}

/// As [`read`], but as the current user.
pub fn read_now(
    text: &'static str,
    types: &[pg_sys::Oid],
    args: &[pg_sys::Datum],
    mut each: impl FnMut(&Row),
) -> Result<()> {
    // SAFETY: the SPI protocol: connect, run, read while connected, finish. An error on the way
    // is undone by the abort of the (sub)transaction, snapshot and connection included.
    unsafe {
        spi::Spi::check_status(pg_sys::SPI_connect())?;
        let plan = plan(text, types)?;
        let relation = owner::relation(c"permission_epoch").unwrap_or(pg_sys::InvalidOid);
        let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetCatalogSnapshot(relation));
        let mut values = args.to_vec();
        let status = pg_sys::SPI_execute_snapshot(
            plan,
            values.as_mut_ptr(),
            std::ptr::null(),
            snapshot,
            std::ptr::null_mut(),
            true,
            false,
            0,
        );
        pg_sys::UnregisterSnapshot(snapshot);
        spi::Spi::check_status(status)?;
        let table = pg_sys::SPI_tuptable;
        for row in 0..pg_sys::SPI_processed as usize {
            each(&Row { tuple: *(*table).vals.add(row), descriptor: (*table).tupdesc });
        }
        spi::Spi::check_status(pg_sys::SPI_finish())?;
    }
    Ok(())
}

const UNPREPARED: spi::SpiError = spi::SpiError::SpiError(spi::SpiErrorCodes::Argument);

/// The kept plan of a statement.
///
/// # Safety
/// The caller is connected to SPI.
unsafe fn plan(text: &'static str, types: &[pg_sys::Oid]) -> Result<pg_sys::SPIPlanPtr> {
    let key = text.as_ptr();
    if let Some(plan) = PLANS.with_borrow(|plans| plans.get(&key).copied()) {
        return Ok(plan);
    }
    let query = CString::new(text).map_err(|_| UNPREPARED)?;
    let mut types = types.to_vec();
    // SAFETY: called while connected to SPI; the kept plan lives as long as the backend.
    let plan = unsafe {
        let plan = pg_sys::SPI_prepare(query.as_ptr(), types.len() as i32, types.as_mut_ptr());
        if plan.is_null() || pg_sys::SPI_keepplan(plan) != 0 {
            return Err(UNPREPARED.into());
        }
        plan
    };
    PLANS.with_borrow_mut(|plans| plans.insert(key, plan));
    Ok(plan)
}
