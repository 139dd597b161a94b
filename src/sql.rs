//! Running SQL from Rust: statements are prepared once a backend and kept.

use crate::error::Result;
use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;
use pgrx::spi::{OwnedPreparedStatement, SpiClient, SpiHeapTupleData, SpiTupleTable};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

thread_local! {
    // Keyed by the text's address: every statement here is a constant of the program.
    static PLANS: RefCell<HashMap<*const u8, Rc<OwnedPreparedStatement>>> = RefCell::default();
}

fn prepared(
    client: &SpiClient<'_>,
    text: &'static str,
    args: &[DatumWithOid<'_>],
) -> Result<Rc<OwnedPreparedStatement>> {
    let key = text.as_ptr();
    if let Some(plan) = PLANS.with_borrow(|plans| plans.get(&key).cloned()) {
        return Ok(plan);
    }
    let types: Vec<PgOid> = args.iter().map(|arg| PgOid::from(arg.oid())).collect();
    let plan = Rc::new(client.prepare(text, &types)?.keep());
    PLANS.with_borrow_mut(|plans| plans.insert(key, Rc::clone(&plan)));
    Ok(plan)
}

/// Says cleanly that nothing is written on a standby (25006): pgrx would ask for a transaction id there, which
/// ends in an internal error.
pub fn will_write() {
    // SAFETY: a NUL-terminated string; raises or returns.
    unsafe { pg_sys::PreventCommandDuringRecovery(c"a function that writes".as_ptr()) };
}

/// Whether all statements of the transaction see what was there when it began.
pub fn has_one_snapshot() -> bool {
    // SAFETY: reads a variable of the backend.
    unsafe { pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ as i32 }
}

/// Runs a statement that may write; `read` gets what it returned.
pub fn write<T>(
    text: &'static str,
    args: &[DatumWithOid<'_>],
    read: impl FnOnce(SpiTupleTable<'_>) -> Result<T>,
) -> Result<T> {
    will_write();
    Spi::connect_mut(|client| {
        let plan = prepared(client, text, args)?;
        read(client.update(&*plan, None, args)?)
    })
}

/// Like [`write()`], for a statement that works on `rows` at once. For many it is planned for these arguments and for
/// what the tables hold now: a plan that was kept from a time when they were empty compares each row with each.
pub fn write_batch<T>(
    rows: usize,
    text: &'static str,
    args: &[DatumWithOid<'_>],
    read: impl FnOnce(SpiTupleTable<'_>) -> Result<T>,
) -> Result<T> {
    if rows < MANY {
        return write(text, args, read);
    }
    will_write();
    Spi::connect_mut(|client| read(client.update(text, None, args)?))
}

/// Like [`run`], planned as by [`write_batch`].
pub fn run_batch(rows: usize, text: &'static str, args: &[DatumWithOid<'_>]) -> Result<i64> {
    write_batch(rows, text, args, |table| Ok(table.len() as i64))
}

/// So many rows that planning costs little beside them.
const MANY: usize = 50;

/// Runs a statement that only reads, in the caller's snapshot; safe on standbys and in parallel workers.
pub fn read<T>(
    text: &'static str,
    args: &[DatumWithOid<'_>],
    read: impl FnOnce(SpiTupleTable<'_>) -> Result<T>,
) -> Result<T> {
    Spi::connect(|client| {
        let plan = prepared(client, text, args)?;
        read(client.select(&*plan, None, args)?)
    })
}

/// Runs a statement that may write; returns the number of rows it touched or returned.
pub fn run(text: &'static str, args: &[DatumWithOid<'_>]) -> Result<i64> {
    write(text, args, |table| Ok(table.len() as i64))
}

/// Runs a statement that may write; returns the first column of its first row, if there is one and it is not NULL.
pub fn write_one<T: FromDatum + IntoDatum>(
    text: &'static str,
    args: &[DatumWithOid<'_>],
) -> Result<Option<T>> {
    write(text, args, first)
}

/// Like [`write_one`], for a statement that only reads.
pub fn read_one<T: FromDatum + IntoDatum>(
    text: &'static str,
    args: &[DatumWithOid<'_>],
) -> Result<Option<T>> {
    read(text, args, first)
}

/// Runs a statement that only reads and collects its rows.
pub fn read_rows<T>(
    text: &'static str,
    args: &[DatumWithOid<'_>],
    mut row: impl FnMut(SpiHeapTupleData<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    read(text, args, |table| table.map(&mut row).collect())
}

fn first<T: FromDatum + IntoDatum>(mut table: SpiTupleTable<'_>) -> Result<Option<T>> {
    match table.next() {
        Some(row) => Ok(row.get::<T>(1)?),
        None => Ok(None),
    }
}

/// Runs the statements that a query returns.
pub fn execute(query: &'static str, args: &[DatumWithOid<'_>]) -> Result<()> {
    let statements = write(query, args, |table| {
        table.map(|row| Ok(row.get::<String>(1)?)).collect::<Result<Vec<_>>>()
    })?;
    execute_all(statements)
}

/// Runs statements that were put together; `None` is none.
pub fn execute_all(statements: Vec<Option<String>>) -> Result<()> {
    will_write();
    for statement in statements.into_iter().flatten() {
        Spi::connect_mut(|client| client.update(&*statement, None, &[]).map(|_| ()))?;
    }
    Ok(())
}
