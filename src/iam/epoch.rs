//! Telling every backend which permissions to forget, and hearing it.
//!
//! The messages are PostgreSQL's own, for its relation cache: it delivers them with the commit, to
//! standbys through WAL, to this backend at the end of each command and again at a rollback: exactly
//! when what is visible changes. Two kinds of them are used:
//!
//! - for the empty table `saas.permission_epoch`: all that was known is to be forgotten;
//! - for a number in place of a relation's oid that is made of one user's id: only what is known of
//!   this user. So a thousand memberships that change in a second are nothing to everybody else.
//!   Should a number be that of a real relation, or of another user, somebody looks up once more
//!   what he knew already.

use crate::error::Error;
use crate::owner;
use pgrx::pg_sys::panic::{ErrorReport, ErrorReportable};
use pgrx::prelude::*;
use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use uuid::Uuid;

// A backend has one thread: these are atomic only to be plain loads, without a look-up of the thread.

/// Moves whenever an answer may change: with each message and each context.
static STAMP: AtomicU64 = AtomicU64::new(1);
/// Moves with each message.
static MESSAGES: AtomicU64 = AtomicU64::new(1);
/// The last message to forget everything.
static ALL: AtomicU64 = AtomicU64::new(1);
/// The last message about the users of each number.
static SUBJECTS: [AtomicU64; 4096] = [const { AtomicU64::new(0) }; 4096];
/// Moves with each message about any relation, and with every message to forget all.
static RELATIONS: AtomicU64 = AtomicU64::new(1);
/// The oid of `saas.permission_epoch`, or 0 when it has to be looked up.
static EPOCH: AtomicU32 = AtomicU32::new(0);

/// Set in the numbers of users: relations have such oids only after two thousand million others.
const USERS: u32 = 1 << 31;

fn number(subject: Uuid) -> u32 {
    let (high, low) = subject.as_u64_pair();
    USERS | ((high.rotate_left(32) ^ low).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) as u32
}

fn last_about(number: u32) -> &'static AtomicU64 {
    &SUBJECTS[number as usize % SUBJECTS.len()]
}

/// As long as this stays the same, so does every answer within one statement.
#[inline(always)]
pub fn stamp() -> u64 {
    STAMP.load(Relaxed)
}

/// Makes the call sites of checks think again: another context is in force.
pub fn context_changed() {
    STAMP.fetch_add(1, Relaxed);
}

/// The number of messages so far.
pub fn now() -> u64 {
    MESSAGES.load(Relaxed)
}

/// The last message that concerns a user's rights, or everybody's: what was loaded before it is void.
pub fn last(subject: Option<Uuid>) -> u64 {
    let all = ALL.load(Relaxed);
    subject.map_or(all, |subject| all.max(last_about(number(subject)).load(Relaxed)))
}

/// As long as this stays the same, no relation has changed, nor what is told as a change of everything.
pub fn relations() -> u64 {
    RELATIONS.load(Relaxed)
}

/// Registers for PostgreSQL's messages. Called once a backend.
pub fn register() {
    // SAFETY: the callback lives as long as the library, which is never unloaded.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(on_message), pg_sys::Datum::from(0usize)) };
}

/// May be called at almost any time, so it does nothing that can fail.
///
/// # Safety
/// Called by PostgreSQL with a message for its relation cache.
unsafe extern "C-unwind" fn on_message(_: pg_sys::Datum, relation: pg_sys::Oid) {
    let (oid, epoch) = (relation.to_u32(), EPOCH.load(Relaxed));
    let about_user = oid >= USERS;
    if !about_user {
        RELATIONS.fetch_add(1, Relaxed);
    }
    let about_all = oid == 0 || oid == epoch || (epoch == 0 && !about_user);
    if !(about_user || about_all) {
        return;
    }
    let now = MESSAGES.fetch_add(1, Relaxed) + 1;
    STAMP.fetch_add(1, Relaxed);
    if about_user {
        last_about(oid).store(now, Relaxed);
    }
    if about_all {
        ALL.store(now, Relaxed);
        EPOCH.store(0, Relaxed);
    }
}

/// Learns which messages are meant for us: before the first load, and after the table was dropped.
pub fn attend() {
    if EPOCH.load(Relaxed) == 0
        && let Some(oid) = owner::relation(c"permission_epoch")
    {
        EPOCH.store(oid.to_u32(), Relaxed);
    }
}

/// How many users one transaction names. Beyond it, it tells everybody to forget everything:
/// PostgreSQL compares each new message with those of the same command.
const MOST_NAMED: u32 = 32;

thread_local! {
    /// When the transaction began, whom it named last, and how many.
    static NAMED: Cell<(i64, u32, u32)> = const { Cell::new((0, 0, 0)) };
}

/// Whether to name this one, or rather everybody.
fn may_name(number: u32) -> bool {
    // SAFETY: reads a variable of the backend.
    let transaction = unsafe { pg_sys::GetCurrentTransactionStartTimestamp() };
    let (begun, last, count) = NAMED.get();
    let count = match (begun == transaction, last == number) {
        (true, true) => count,
        (true, false) => count.saturating_add(1),
        (false, _) => 1,
    };
    NAMED.set((transaction, number, count));
    count <= MOST_NAMED
}

/// Has every backend forget what it knows of this user, or of everybody, when and if this
/// transaction commits.
fn send(subject: Option<Uuid>) {
    let Some(epoch) = owner::relation(c"permission_epoch") else { return };
    let number = subject.map(number).filter(|&number| may_name(number));
    // SAFETY: the row of a relation that exists, and a copy of it that carries another oid, which is
    // all that PostgreSQL takes from it.
    unsafe {
        let Some(number) = number else { return pg_sys::CacheInvalidateRelcacheByRelid(epoch) };
        let row = pg_sys::SearchSysCache1(
            pg_sys::SysCacheIdentifier::RELOID as _,
            pg_sys::Datum::from(epoch),
        );
        if row.is_null() {
            return;
        }
        let copy = pg_sys::heap_copytuple(row);
        pg_sys::ReleaseSysCache(row);
        let class = pg_sys::GETSTRUCT(copy) as *mut pg_sys::FormData_pg_class;
        (*class).oid = pg_sys::Oid::from_u32(number);
        pg_sys::CacheInvalidateRelcacheByTuple(copy);
        pg_sys::heap_freetuple(copy);
    }
}

/// The trigger on the tables that decide permissions. Its argument is the column that names whose;
/// without one it is everybody's.
///
/// Fires BEFORE each row (logical replication fires no statement triggers; an AFTER trigger would
/// come after checks made within the same statement) and before TRUNCATE, and is ENABLE ALWAYS.
#[pg_trigger]
fn permissions_changed<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
    let (old, new) = (trigger.old(), trigger.new());
    match trigger.extra_args()?.first() {
        Some(column) => {
            let of = |row: &Option<PgHeapTuple<'a, _>>| row.as_ref().map(|row| whose(row, column));
            let (before, after) = (of(&old), of(&new));
            if let Some(subject) = before {
                send(subject);
            }
            if let Some(subject) = after
                && after != before
            {
                send(subject);
            }
        }
        None => send(None),
    }
    Ok(match trigger.op()? {
        PgTriggerOperation::Insert | PgTriggerOperation::Update => new,
        PgTriggerOperation::Delete => old,
        PgTriggerOperation::Truncate => None,
    })
}

fn whose(row: &PgHeapTuple<'_, impl WhoAllocated>, column: &str) -> Option<Uuid> {
    match row.get_by_name::<pgrx::Uuid>(column) {
        Ok(id) => id.map(crate::context::to_uuid),
        // A trigger's error as a caller may see it: somebody changed the trigger or the table.
        Err(error) => Err(ErrorReport::from(Error::Invalid(format!(
            "permissions_changed is for a uuid column: {error}"
        ))))
        .unwrap_or_report(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_no_relations_and_spread() {
        let numbers: std::collections::HashSet<u32> =
            (0..10_000u128).map(|i| number(Uuid::from_u128((i << 64) | (i * 7)))).collect();
        assert!(numbers.iter().all(|&number| number >= USERS));
        assert!(numbers.len() > 9_900);
    }
}
