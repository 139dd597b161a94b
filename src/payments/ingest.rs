//! Storing an event before anything else.

use super::key::{require_provider, require_text};
use crate::error::Result;
use crate::jsonb::Jsonb;
use crate::owner::as_data_owner;
use crate::sql;

/// Stores the event; false if its id is known. Of two deliveries at once the second waits for the
/// first, and wins if that one is rolled back.
pub fn ingest(provider: &str, id: &str, event_type: &str, payload: Jsonb) -> Result<bool> {
    require_provider(provider)?;
    require_text(id, "event_id")?;
    require_text(event_type, "event_type")?;
    as_data_owner(|| {
        let args = [provider.into(), id.into(), event_type.into(), payload.into()];
        let stored = sql::run(
            "INSERT INTO saas.payment_events (id, provider, provider_event_id, event_type, payload)
             VALUES (saas.uuid_v7(), $1, $2, $3, $4)
             ON CONFLICT (provider, provider_event_id) DO NOTHING",
            &args,
        )?;
        if stored == 0 {
            sql::run(include_str!("../../sql/payments/report_conflict.sql"), &args)?;
        }
        Ok(stored == 1)
    })
}
