//! Requests of data subjects, from receipt to answer.

use super::{handler, hold_living, require_handler, require_oneself_or_handler};
use crate::context::{from_uuid, new_id};
use crate::error::{Error, Result, given};
use crate::jsonb::Jsonb;
use crate::owner::as_data_owner;
use crate::{audit, sql};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

const KINDS: [&str; 5] = ["access", "rectification", "erasure", "portability", "objection"];

/// A request, held until the end of the transaction.
pub struct Request {
    pub id: pgrx::Uuid,
    pub person: pgrx::Uuid,
    pub kind: String,
    pub status: String,
    pub result: Option<Jsonb>,
}

/// Looks a request up and holds it, so that nobody else moves it on meanwhile. As the data owner.
///
/// # Errors
/// 23503 for one that does not exist.
pub fn hold(id: pgrx::Uuid) -> Result<Request> {
    let found = sql::write(
        "SELECT user_id, kind, status, result
           FROM saas.privacy_requests WHERE id = $1 FOR NO KEY UPDATE",
        &[id.into()],
        |mut table| {
            let Some(row) = table.next() else { return Ok(None) };
            let columns = (row.get(1)?, row.get(2)?, row.get(3)?);
            let (Some(person), Some(kind), Some(status)) = columns else { return Ok(None) };
            let result = row.get::<Jsonb>(4)?.map(Jsonb::keep);
            Ok(Some(Request { id, person, kind, status, result }))
        },
    )?;
    found.ok_or_else(|| Error::NoSuchRow("no such privacy request".into()))
}

impl Request {
    /// Moves the request on; the legal moves are rows of saas.state_transitions.
    pub fn move_to(&mut self, status: &str, decision: Option<&str>) -> Result<()> {
        if self.status == status {
            return Err(Error::State(format!("this request is {status} already"), ""));
        }
        let by = handler().filter(|by| *by != self.person);
        sql::run(
            "UPDATE saas.privacy_requests
                SET status = $2, decision = coalesce($3, decision), handled_by = coalesce($4, handled_by),
                    verified_at = CASE $2 WHEN 'verified' THEN now() ELSE verified_at END,
                    completed_at = CASE WHEN $2 IN ('completed', 'refused') THEN now() END
              WHERE id = $1",
            &[self.id.into(), status.into(), decision.into(), by.into()],
        )?;
        self.status = status.to_owned();
        Ok(())
    }
}

/// Opens a request of a data subject, due in a month.
#[pg_extern(volatile, parallel_unsafe)]
fn open_privacy_request(
    user_id: Option<pgrx::Uuid>,
    kind: Option<&str>,
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    let user_id = given(user_id, "user_id")?;
    require_oneself_or_handler(user_id)?;
    let kind = given(kind, "kind")?;
    if !KINDS.contains(&kind) {
        let kinds = KINDS.join(", ");
        return Err(Error::Invalid(format!("\"{kind}\" is no kind of request: {kinds}")).into());
    }
    let id = from_uuid(new_id());
    let opened = as_data_owner(|| {
        hold_living(user_id)?;
        // A month of the calendar, whatever the session's time zone.
        sql::run(
            "INSERT INTO saas.privacy_requests (id, user_id, kind, received_at, due_at)
             SELECT $1, $2, $3, now(), (now() AT TIME ZONE 'UTC' + s.privacy_request_term) AT TIME ZONE 'UTC'
               FROM saas.settings s
             ON CONFLICT (user_id, kind) WHERE completed_at IS NULL DO NOTHING",
            &[id.into(), user_id.into(), kind.into()],
        )
    })?;
    if opened == 0 {
        return Err(Error::Conflict(format!("a request for {kind} is open already")).into());
    }
    Ok(id)
}

/// Notes that the person who asks is the one whose data it is.
#[pg_extern(volatile, parallel_unsafe)]
fn verify_privacy_request(request_id: Option<pgrx::Uuid>) -> std::result::Result<(), ErrorReport> {
    require_handler()?;
    let request_id = given(request_id, "request_id")?;
    Ok(as_data_owner(|| hold(request_id)?.move_to("verified", None))?)
}

/// Takes a request into work, completes or refuses it.
#[pg_extern(volatile, parallel_unsafe)]
fn decide_privacy_request(
    request_id: Option<pgrx::Uuid>,
    decision: Option<&str>,
    reason: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    require_handler()?;
    let request_id = given(request_id, "request_id")?;
    let decision = given(decision, "decision")?;
    let reason = reason.filter(|reason| !reason.trim().is_empty());
    if !["in_progress", "completed", "refused"].contains(&decision) {
        return Err(Error::Invalid(format!(
            "\"{decision}\" is no decision: in_progress, completed or refused"
        ))
        .into());
    }
    if decision != "in_progress" && reason.is_none() {
        return Err(Error::Invalid("the person is told why or how: give a reason".into()).into());
    }
    Ok(as_data_owner(|| {
        let mut request = hold(request_id)?;
        // What a function does is not said to be done by hand.
        let function = match request.kind.as_str() {
            "access" | "portability" => Some("Call saas.export_personal_data."),
            "erasure" => Some("Call saas.erase_user."),
            _ => None,
        };
        if let ("completed", Some(hint)) = (decision, function) {
            return Err(Error::State(
                format!("a request for {} is completed by its answer", request.kind),
                hint,
            ));
        }
        audit::because(reason.unwrap_or(decision), || request.move_to(decision, reason))
    })?)
}
