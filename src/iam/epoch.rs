//! The trigger on the tables that decide permissions.

use crate::owner;
use pgrx::prelude::*;

/// Tells every backend, when and if this transaction commits, to forget its permissions.
///
/// Fires BEFORE each row (logical replication fires no statement triggers; an AFTER trigger would
/// come after checks made within the same statement) and before TRUNCATE, and is ENABLE ALWAYS.
#[pg_trigger]
fn permissions_changed<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
    if let Some(epoch) = owner::relation(c"permission_epoch") {
        // SAFETY: the relation exists; the message is sent with the commit only.
        unsafe { pg_sys::CacheInvalidateRelcacheByRelid(epoch) };
    }
    Ok(match trigger.op()? {
        PgTriggerOperation::Insert | PgTriggerOperation::Update => trigger.new(),
        PgTriggerOperation::Delete => trigger.old(),
        PgTriggerOperation::Truncate => None,
    })
}
