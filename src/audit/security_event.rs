//! Security events: what somebody should look at, and what became of it.

use crate::context::{from_uuid, new_id, setting};
use crate::error::{Error, Result, given};
use crate::iam::check;
use crate::iam::kind::{self, Kind};
use crate::jsonb::Jsonb;
use crate::owner::{self, as_data_owner};
use crate::sql;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Whoever sees events and incidents handles them: those on call are support and administrators, who configure nothing.
pub fn require_responder() -> Result<()> {
    if owner::caller_is_free()? {
        Ok(())
    } else {
        check::require_in_system("platform.security.view")
    }
}

/// The person of the current request.
pub fn responder() -> Option<pgrx::Uuid> {
    setting::current().map(|context| from_uuid(context.actor.unwrap_or(context.user)))
}

/// A text that is there and not blank.
pub fn said<'a>(text: Option<&'a str>, name: &'static str) -> Result<&'a str> {
    let text = given(text, name)?;
    match text.trim().is_empty() {
        true => Err(Error::Invalid(format!("{name} must not be empty"))),
        false => Ok(text),
    }
}

/// One of a few words.
pub fn one_of<'a>(word: Option<&'a str>, name: &'static str, words: &[&str]) -> Result<&'a str> {
    let word = given(word, name)?;
    match words.contains(&word) {
        true => Ok(word),
        false => {
            Err(Error::Invalid(format!("{name} is one of {}, not \"{word}\"", words.join(", "))))
        }
    }
}

/// Reports what looks suspicious or is exceptional.
#[allow(clippy::too_many_arguments)] // they are the columns of the event
#[pg_extern(volatile, parallel_unsafe)]
fn report_security_event(
    kind: Option<&str>,
    severity: Option<&str>,
    subject: default!(Option<&str>, "NULL"),
    detail: default!(Option<Jsonb>, "'{}'"),
    user_id: default!(Option<pgrx::Uuid>, "NULL"),
    tenant_id: default!(Option<pgrx::Uuid>, "NULL"),
    ip_address: default!(Option<pgrx::Inet>, "NULL"),
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    kind::require(&[Kind::Gateway, Kind::Worker])?;
    let kind = said(kind, "kind")?;
    let severity = one_of(severity, "severity", &["info", "low", "medium", "high", "critical"])?;
    let detail = given(detail, "detail")?;
    let id = from_uuid(new_id());
    as_data_owner(|| {
        let is_object =
            sql::write_one::<bool>("SELECT jsonb_typeof($1) = 'object'", &[detail.into()])?;
        if is_object != Some(true) {
            return Err(Error::Invalid("detail is an object".into()));
        }
        sql::run(
            "INSERT INTO saas.security_events (id, severity, kind, subject, user_id, tenant_id, ip_address, evidence)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[
                id.into(),
                severity.into(),
                kind.into(),
                subject.into(),
                user_id.into(),
                tenant_id.into(),
                ip_address.into(),
                detail.into(),
            ],
        )?;
        Ok(())
    })?;
    Ok(id)
}

/// Reports a login that failed before it came to the database.
#[pg_extern(volatile, parallel_unsafe)]
fn report_failed_login(
    ip_address: Option<pgrx::Inet>,
    user_id: default!(Option<pgrx::Uuid>, "NULL"),
    method: default!(Option<&str>, "'password'"),
) -> std::result::Result<(), ErrorReport> {
    kind::require(&[Kind::Gateway])?;
    let method = given(method, "method")?;
    // A word, so that nobody's password gets into the log by mistake.
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if method.is_empty() || method.len() > 30 || !method.chars().all(is_word) {
        return Err(Error::Invalid(
            "method is a word of lower-case letters, digits and underscores".into(),
        )
        .into());
    }
    super::denial::failed_login(user_id.map(crate::context::to_uuid), ip_address, method);
    Ok(())
}

/// Notes that somebody has looked at an event and what he made of it.
#[pg_extern(volatile, parallel_unsafe)]
fn acknowledge_security_event(
    event_id: Option<pgrx::Uuid>,
    note: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    Ok(judge(event_id, "acknowledged", note)?)
}

/// Notes that an event means nothing, and why.
#[pg_extern(volatile, parallel_unsafe)]
fn dismiss_security_event(
    event_id: Option<pgrx::Uuid>,
    note: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    Ok(judge(event_id, "dismissed", note)?)
}

fn judge(event: Option<pgrx::Uuid>, status: &str, note: Option<&str>) -> Result<()> {
    require_responder()?;
    let event = given(event, "event_id")?;
    let note = said(note, "note")?;
    as_data_owner(|| {
        let (before, about) = sql::write(
            "SELECT status, user_id FROM saas.security_events WHERE id = $1 FOR NO KEY UPDATE",
            &[event.into()],
            |mut rows| {
                let Some(row) = rows.next() else { return Ok(None) };
                Ok(row.get::<String>(1)?.zip(Some(row.get::<pgrx::Uuid>(2)?)))
            },
        )?
        .ok_or_else(|| Error::NoSuchRow("no such security event".into()))?;
        // Whoever opened a break-glass role sees its event too, and others whom one is about see theirs.
        if about.is_some() && about == responder() {
            return Err(Error::Denied("an event about oneself is judged by somebody else".into()));
        }
        if before == status {
            return Err(Error::State(format!("this event is {status} already"), ""));
        }
        sql::run(
            "UPDATE saas.security_events SET status = $2, status_reason = $3 WHERE id = $1",
            &[event.into(), status.into(), note.into()],
        )?;
        Ok(())
    })
}
