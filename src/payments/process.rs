//! Taking stored events to their effects.

use super::effect::{self, Findings, Outcome};
use crate::error::{Error, Result};
use crate::owner::as_data_owner;
use crate::sql;
use crate::subtransaction::{Failure, subtransaction};

struct Stored {
    id: pgrx::Uuid,
    provider: String,
    event_type: String,
}

/// Processes up to `max_events`; returns how many are done.
pub fn process(max_events: i32) -> Result<i32> {
    if max_events < 1 {
        return Err(Error::Invalid("max_events is less than 1".into()));
    }
    as_data_owner(|| {
        let mut done = 0;
        for event in claim(max_events)? {
            // Waiting for a tenant is safe for who holds none yet.
            done += i32::from(process_one(&event, done == 0)?);
        }
        Ok(done)
    })
}

/// The oldest events that are due and that no other session is at; ours until the transaction ends.
fn claim(max_events: i32) -> Result<Vec<Stored>> {
    sql::write(include_str!("../../sql/payments/claim_events.sql"), &[max_events.into()], |rows| {
        let mut events = Vec::new();
        for row in rows {
            if let (Some(id), Some(provider), Some(event_type)) =
                (row.get(1)?, row.get(2)?, row.get(3)?)
            {
                events.push(Stored { id, provider, event_type });
            }
        }
        Ok(events)
    })
}

/// Whether it is done. Its effect and the mark that it is processed stand or fall together.
fn process_one(event: &Stored, may_wait: bool) -> Result<bool> {
    let mut findings = Findings::default();
    let attempt = subtransaction(|| {
        // Read one by one: payloads can be large.
        let payload = sql::write_one::<String>(
            "SELECT payload::text FROM saas.payment_events WHERE id = $1",
            &[event.id.into()],
        )?;
        let payload = payload.unwrap_or_default();
        let (provider, kind) = (&event.provider, &event.event_type);
        match effect::apply(provider, kind, &payload, may_wait, &mut findings)? {
            Some(outcome) => finish(event, outcome, findings.tenant).map(|()| true),
            // It stays as it is, for the next call.
            None => Ok(false),
        }
    });
    match attempt {
        Ok(done) => Ok(done),
        Err(failure) => keep(event, &failure, &findings).map(|()| false),
    }
}

fn finish(event: &Stored, outcome: Outcome, tenant: Option<pgrx::Uuid>) -> Result<()> {
    sql::run(
        "UPDATE saas.payment_events
            SET processed = true, processed_at = statement_timestamp(), outcome = $2, last_error = NULL,
                tenant_id = coalesce($3, tenant_id)
          WHERE id = $1",
        &[event.id.into(), outcome.name().into(), tenant.into()],
    )?;
    Ok(())
}

/// Keeps the error, and a security event where somebody meddles with another tenant's: once, not with
/// every attempt.
fn keep(event: &Stored, failure: &Failure, findings: &Findings) -> Result<()> {
    let error = format!("{}: {}", failure.sqlstate, failure.message);
    if let Some(foreign) = findings.foreign {
        sql::run(
            include_str!("../../sql/payments/report_foreign.sql"),
            &[event.id.into(), error.as_str().into(), findings.tenant.into(), foreign.into()],
        )?;
    }
    sql::run(
        include_str!("../../sql/payments/keep_failure.sql"),
        &[event.id.into(), error.into(), findings.tenant.into()],
    )?;
    Ok(())
}
