//! Bulk loads: what is inserted into the view `usage_ingest`, by COPY as well.
//!
//! A table would not do: COPY refuses those with row-level security. The view's triggers collect rows and count them, some
//! thousands at a time, as `record_usage_batch_report` does; what can't be counted is kept in `usage_refused`.

use super::record::{self, Event, LeftOut};
use crate::context::{from_uuid, new_id};
use crate::error::{self, Error};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::{ErrorReport, ErrorReportable};
use pgrx::prelude::*;
use std::cell::RefCell;
use uuid::Uuid;

/// How many rows are counted at once, so that memory does not follow the length of a load.
const CHUNK: usize = 10_000;

/// A row as it came.
#[derive(Clone)]
struct Row {
    tenant_id: Option<pgrx::Uuid>,
    feature_key: Option<String>,
    units: Option<i64>,
    event_id: Option<String>,
    occurred_at: Option<TimestampWithTimeZone>,
}

impl Row {
    fn event(self, at: i64) -> error::Result<Event> {
        let lacks = |name: &str| Error::Invalid(format!("event {at}: {name} is NULL"));
        Ok(Event {
            tenant_id: self.tenant_id.ok_or_else(|| lacks("tenant_id"))?,
            feature_key: self.feature_key.ok_or_else(|| lacks("feature_key"))?,
            units: self.units.ok_or_else(|| lacks("units"))?,
            event_id: self.event_id,
            occurred_at: self
                .occurred_at
                .unwrap_or_else(pgrx::datum::datetime_support::transaction_timestamp),
        })
    }
}

/// One statement that loads.
struct Load {
    id: Uuid,
    /// The transaction and subtransaction that it belongs to, and is undone with.
    transaction: u64,
    subtransaction: pg_sys::SubTransactionId,
    rows: Vec<Row>,
    /// What was counted, or refused, before these rows.
    done: i64,
    new: i64,
    refused: i64,
}

thread_local! {
    /// One within the other, should a row of one be made by a function that loads as well.
    static LOADS: RefCell<Vec<Load>> = RefCell::default();
}

/// What the triggers of the view `usage_ingest` do: before and after a statement, and for each of its rows.
#[pg_trigger]
fn ingest_usage<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, pgrx::datum::TryFromDatumError> {
    let row = match trigger.level() {
        PgTriggerLevel::Statement => None,
        PgTriggerLevel::Row => trigger.new(),
    };
    let done = match (trigger.when(), &row) {
        (Ok(PgTriggerWhen::Before), None) => begin(),
        (Ok(PgTriggerWhen::After), None) => end(),
        (Ok(PgTriggerWhen::InsteadOf), Some(new)) => add(Row {
            tenant_id: new.get_by_name("tenant_id")?,
            feature_key: new.get_by_name("feature_key")?,
            units: new.get_by_name("units")?,
            event_id: new.get_by_name("event_id")?,
            occurred_at: new.get_by_name("occurred_at")?,
        }),
        _ => Err(misplaced()),
    };
    done.map_err(ErrorReport::from).unwrap_or_report();
    Ok(row)
}

fn misplaced() -> Error {
    Error::State("saas.ingest_usage is the trigger of saas.usage_ingest".into(), "")
}

fn begin() -> error::Result<()> {
    record::require_recorder()?;
    sql::will_write();
    forget_undone();
    // SAFETY: both read the state of the running transaction; the first may give it its id.
    let (transaction, subtransaction) =
        unsafe { (pg_sys::GetTopFullTransactionId().value, pg_sys::GetCurrentSubTransactionId()) };
    let load = Load {
        id: new_id(),
        transaction,
        subtransaction,
        rows: Vec::new(),
        done: 0,
        new: 0,
        refused: 0,
    };
    LOADS.with_borrow_mut(|loads| loads.push(load));
    Ok(())
}

/// A statement that failed left its rows behind.
fn forget_undone() {
    // SAFETY: as above; a number that belongs to no running subtransaction is answered with false.
    LOADS.with_borrow_mut(|loads| {
        loads.retain(|load| unsafe {
            load.transaction == pg_sys::GetTopFullTransactionId().value
                && pg_sys::SubTransactionIsActive(load.subtransaction)
        });
    });
}

fn add(row: Row) -> error::Result<()> {
    forget_undone();
    let full = LOADS.with_borrow_mut(|loads| {
        let load = loads.last_mut().ok_or_else(misplaced)?;
        load.rows.push(row);
        Ok::<_, Error>(load.rows.len() >= CHUNK)
    })?;
    if full { count() } else { Ok(()) }
}

fn end() -> error::Result<()> {
    forget_undone();
    count()?;
    let load = LOADS.with_borrow_mut(Vec::pop).ok_or_else(misplaced)?;
    let Load { id, done, new, refused, .. } = load;
    let known = done - new - refused;
    let told = format!("usage load {id}: {new} new, {known} counted before, {refused} refused");
    match refused {
        0 => pgrx::notice!("{told}"),
        _ => ErrorReport::new(PgSqlErrorCode::ERRCODE_WARNING, told, "ingest_usage")
            .set_hint(format!("SELECT * FROM saas.usage_refused WHERE load_id = '{id}'"))
            .report(PgLogLevel::WARNING),
    }
    Ok(())
}

/// Counts the rows that have come so far.
fn count() -> error::Result<()> {
    let (id, first, rows) = LOADS.with_borrow_mut(|loads| {
        let load = loads.last_mut().ok_or_else(misplaced)?;
        Ok::<_, Error>((load.id, load.done, std::mem::take(&mut load.rows)))
    })?;
    let events = rows.iter().cloned().zip(first..).map(|(row, at)| row.event(at)).collect();
    let (new, refused) = record::record_good(events, first)?;
    keep(id, first, &rows, &refused)?;
    LOADS.with_borrow_mut(|loads| {
        let load = loads.last_mut().ok_or_else(misplaced)?;
        load.done += rows.len() as i64;
        load.new += new;
        load.refused += refused.len() as i64;
        Ok(())
    })
}

/// Keeps what was refused, with the reason.
fn keep(load: Uuid, first: i64, rows: &[Row], refused: &[LeftOut]) -> error::Result<()> {
    if refused.is_empty() {
        return Ok(());
    }
    let rows: Vec<&Row> =
        refused.iter().filter_map(|(at, ..)| rows.get((at - first) as usize)).collect();
    let texts =
        |text: fn(&Row) -> Option<&str>| rows.iter().map(|row| text(row)).collect::<Vec<_>>();
    let args = [
        from_uuid(load).into(),
        refused.iter().map(|(at, ..)| *at).collect::<Vec<_>>().into(),
        rows.iter().map(|row| row.tenant_id).collect::<Vec<_>>().into(),
        texts(|row| row.feature_key.as_deref()).into(),
        rows.iter().map(|row| row.units).collect::<Vec<_>>().into(),
        texts(|row| row.event_id.as_deref()).into(),
        rows.iter().map(|row| row.occurred_at).collect::<Vec<_>>().into(),
        refused.iter().map(|(_, sqlstate, _)| sqlstate.as_str()).collect::<Vec<_>>().into(),
        refused.iter().map(|(.., message)| message.as_str()).collect::<Vec<_>>().into(),
    ];
    as_data_owner(|| sql::run(include_str!("../../sql/usage/refuse.sql"), &args)).map(|_| ())
}
