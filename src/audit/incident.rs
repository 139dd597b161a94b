//! Incidents, from opening to the reviewed post-mortem.

use super::security_event::{one_of, require_responder, responder, said};
use crate::context::{from_uuid, new_id};
use crate::error::{Error, Result, given};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

const SEVERITIES: &[&str] = &["low", "medium", "high", "critical"];
const KINDS: &[&str] = &["security", "availability", "privacy"];
const STATES: &[&str] = &["open", "contained", "resolved", "reviewed"];

/// Opens an incident over the events that tell of it.
#[pg_extern(volatile, parallel_unsafe)]
fn open_incident(
    title: Option<&str>,
    severity: Option<&str>,
    security_event_ids: default!(Option<Vec<Option<pgrx::Uuid>>>, "'{}'"),
    description: default!(Option<&str>, "NULL"),
    kind: default!(Option<&str>, "'security'"),
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    require_responder()?;
    let title = said(title, "title")?;
    let severity = one_of(severity, "severity", SEVERITIES)?;
    let kind = one_of(kind, "kind", KINDS)?;
    let events = given(security_event_ids, "security_event_ids")?;
    let mut events = events
        .into_iter()
        .map(|event| given(event, "an element of security_event_ids"))
        .collect::<Result<Vec<_>>>()?;
    events.sort_unstable();
    events.dedup();
    let id = from_uuid(new_id());
    as_data_owner(|| {
        sql::run(
            "INSERT INTO saas.incidents (id, kind, severity, title, description, opened_by) VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                id.into(),
                kind.into(),
                severity.into(),
                title.into(),
                description.into(),
                responder().into(),
            ],
        )?;
        escalate(events, id, &format!("Incident: {title}"))
    })?;
    Ok(id)
}

/// An event belongs to one incident, and stays with it.
fn escalate(events: Vec<pgrx::Uuid>, incident: pgrx::Uuid, note: &str) -> Result<()> {
    let wanted = events.len() as i64;
    let (known, open) = sql::write(
        "SELECT count(*), count(*) FILTER (WHERE status IN ('open', 'acknowledged'))
           FROM (SELECT status FROM saas.security_events WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE) e",
        &[events.clone().into()],
        |table| {
            let row = table.first();
            Ok((row.get::<i64>(1)?.unwrap_or_default(), row.get::<i64>(2)?.unwrap_or_default()))
        },
    )?;
    if known < wanted {
        return Err(Error::NoSuchRow("no such security event".into()));
    }
    if open < wanted {
        return Err(Error::State(
            "one of these events was dismissed, or is of another incident".into(),
            "",
        ));
    }
    sql::run(
        "UPDATE saas.security_events SET status = 'escalated', status_reason = $3, incident_id = $2
          WHERE id = ANY ($1::uuid[])",
        &[events.into(), incident.into(), note.into()],
    )?;
    Ok(())
}

/// Adds an event to an incident that is known already.
#[pg_extern(volatile, parallel_unsafe)]
fn escalate_security_event(
    event_id: Option<pgrx::Uuid>,
    incident_id: Option<pgrx::Uuid>,
    note: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    require_responder()?;
    let event = given(event_id, "event_id")?;
    let incident = given(incident_id, "incident_id")?;
    let note = said(note, "note")?;
    Ok(as_data_owner(|| {
        if hold(incident)? == "reviewed" {
            return Err(Error::State(
                "this incident is reviewed".into(),
                "Open another one: saas.open_incident.",
            ));
        }
        escalate(vec![event], incident, note)
    })?)
}

/// The state of an incident, held until the end of the transaction.
fn hold(incident: pgrx::Uuid) -> Result<String> {
    sql::write_one::<String>(
        "SELECT status FROM saas.incidents WHERE id = $1 FOR NO KEY UPDATE",
        &[incident.into()],
    )?
    .ok_or_else(|| Error::NoSuchRow("no such incident".into()))
}

/// Moves an incident on, or opens it again.
#[pg_extern(volatile, parallel_unsafe)]
fn move_incident(
    incident_id: Option<pgrx::Uuid>,
    to_state: Option<&str>,
    note: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    require_responder()?;
    let incident = given(incident_id, "incident_id")?;
    let state = one_of(to_state, "to_state", STATES)?;
    let note = said(note, "note")?;
    Ok(as_data_owner(|| {
        if hold(incident)? == state {
            return Err(Error::State(format!("this incident is {state} already"), ""));
        }
        if state == "reviewed"
            && let Some(reviewer) = responder()
            && is_about(incident, reviewer)?
        {
            return Err(Error::Denied(
                "an incident about oneself is reviewed by somebody else".into(),
            ));
        }
        sql::run(
            include_str!("../../sql/audit/move_incident.sql"),
            &[incident.into(), state.into(), note.into(), responder().into()],
        )?;
        Ok(())
    })?)
}

/// Whether an incident is about this person: his emergency access, or an event that is about him.
fn is_about(incident: pgrx::Uuid, person: pgrx::Uuid) -> Result<bool> {
    let found = sql::write_one::<bool>(
        include_str!("../../sql/audit/incident_is_about.sql"),
        &[incident.into(), person.into()],
    )?;
    Ok(found == Some(true))
}
