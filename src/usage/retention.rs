//! Forgetting what is no longer needed: event ids, and the events themselves.

use crate::error::Result;
use crate::sql;
use pgrx::datum::TimestampWithTimeZone;

/// Deletes event ids and drops events that are older than they are kept by `saas.settings`; returns how
/// many went. Runs as the data owner.
///
/// Before an id goes, the moment up to which ids may be gone is noted, and recording refuses older
/// events from then on: no retry counts twice, also when ids are kept for longer again later. Ids are
/// forgotten by the real time at most, whatever `as_of` says.
pub fn apply(as_of: TimestampWithTimeZone) -> Result<i64> {
    sql::run(include_str!("../../sql/usage/note_forgotten.sql"), &[as_of.into()])?;
    let ids = sql::run(include_str!("../../sql/usage/forget_ids.sql"), &[])?;
    let refused = sql::run(
        "DELETE FROM saas.usage_refused r USING saas.settings s WHERE r.refused_at < least($1, now()) - s.usage_id_retention",
        &[as_of.into()],
    )?;
    let events = sql::write_one::<i64>(
        "SELECT saas.drop_usage_events($1 - usage_event_retention) FROM saas.settings
          WHERE usage_event_retention IS NOT NULL",
        &[as_of.into()],
    )?;
    Ok(ids + refused + events.unwrap_or_default())
}
