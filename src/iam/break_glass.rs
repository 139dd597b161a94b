//! Emergency access: opened at once by whoever works for the platform, seen by everybody who watches,
//! and reviewed by somebody else.

use super::check;
use super::grants::{close_expired, holds_it_already, person, system_role, take_back};
use super::kind::{self, Kind};
use super::{fresh, reason_given};
use crate::audit::because;
use crate::context::{from_uuid, new_id, setting};
use crate::error::{Error, Result, given};
use crate::owner::{self, as_data_owner};
use crate::sql;
use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use uuid::Uuid;

/// Takes a break-glass role for a while.
#[pg_extern(volatile, parallel_unsafe)]
fn open_break_glass(
    role_key: Option<&str>,
    reason: Option<&str>,
    duration: default!(Option<Interval>, "'1 hour'"),
    ticket: default!(Option<&str>, "NULL"),
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    let user = person()?;
    works_for_the_platform(user)?;
    let key = given(role_key, "role_key")?;
    let reason = reason_given(reason)?;
    let duration = given(duration, "duration")?;
    let role = system_role(key)?;
    if !role.is_break_glass {
        return Err(Error::Invalid(format!("\"{key}\" is not a break-glass role")).into());
    }
    let session = setting::current().and_then(|context| context.session).map(from_uuid);
    Ok(as_data_owner(|| {
        close_expired(user, role.id)?;
        let event = from_uuid(new_id());
        let opened = sql::write_one::<bool>(
            include_str!("../../sql/iam/open_break_glass.sql"),
            &[
                event.into(),
                from_uuid(new_id()).into(),
                from_uuid(user).into(),
                from_uuid(role.id).into(),
                reason.into(),
                ticket.into(),
                duration.into(),
                session.into(),
                key.into(),
            ],
        )?;
        match opened {
            Some(true) => Ok(event),
            Some(false) => Err(holds_it_already()),
            None => Err(Error::Invalid(
                "duration is more than nothing and at most settings.break_glass_limit".into(),
            )),
        }
    })?)
}

/// An ordinary role, that is: emergency access does not prolong itself.
fn works_for_the_platform(user: Uuid) -> Result<()> {
    let mut found = false;
    fresh::read(
        "SELECT a.id
           FROM saas.system_role_assignments a
           JOIN saas.roles r ON r.id = a.role_id AND NOT r.is_break_glass
           JOIN saas.users u ON u.id = a.assigned_user_id AND u.deleted_at IS NULL
          WHERE a.assigned_user_id = $1 AND a.revoked_at IS NULL
            AND (a.expires_at IS NULL OR a.expires_at > statement_timestamp())",
        &[pg_sys::UUIDOID],
        &from_uuid(user).into_datum().into_iter().collect::<Vec<_>>(),
        |_| found = true,
    )?;
    if found {
        return Ok(());
    }
    Err(Error::Denied("break-glass roles are for whoever has a system role".into()))
}

/// An event as it is now, and locked so that it stays so.
struct Event {
    user: Uuid,
    assignment: Option<Uuid>,
    is_open: bool,
    is_reviewed: bool,
}

fn event(id: pgrx::Uuid) -> Result<Option<Event>> {
    sql::run("SELECT FROM saas.break_glass_events WHERE id = $1 FOR UPDATE", &[id.into()])?;
    let mut found = None;
    fresh::read(
        "SELECT b.user_id, b.assignment_id, b.closed_at IS NULL AND b.expires_at > statement_timestamp(),
                b.reviewed_at IS NOT NULL
           FROM saas.break_glass_events b WHERE b.id = $1",
        &[pg_sys::UUIDOID],
        &id.into_datum().into_iter().collect::<Vec<_>>(),
        |row| {
            found = row.get_uuid(1).map(|user| Event {
                user,
                assignment: row.get_uuid(2),
                is_open: row.get(3).unwrap_or_default(),
                is_reviewed: row.get(4).unwrap_or_default(),
            });
        },
    )?;
    Ok(found)
}

fn end(event: &Event, by: Option<Uuid>, reason: &str) -> Result<()> {
    match event.assignment {
        Some(assignment) if event.is_open => take_back(from_uuid(assignment), by, reason),
        _ => Ok(()),
    }
}

/// Ends one's own emergency access before its time.
#[pg_extern(volatile, parallel_unsafe)]
fn close_break_glass(event_id: Option<pgrx::Uuid>) -> std::result::Result<(), ErrorReport> {
    let user = if owner::caller_is_free()? { None } else { Some(person()?) };
    let id = given(event_id, "event_id")?;
    Ok(as_data_owner(|| match (event(id)?, user) {
        (Some(event), Some(user)) if user == event.user => {
            end(&event, Some(event.user), "closed by whoever opened it")
        }
        (Some(event), None) => end(&event, None, "closed by the data owner"),
        (None, None) => Err(Error::NoSuchRow("no such break-glass event".into())),
        _ => Err(Error::Denied("no such break-glass event of this user".into())),
    })?)
}

/// Says what emergency access was used for, as somebody else found it. What is still open ends.
#[pg_extern(volatile, parallel_unsafe)]
fn review_break_glass(
    event_id: Option<pgrx::Uuid>,
    outcome: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    let reviewer = person()?;
    check::require_in_system("platform.security.view")?;
    let id = given(event_id, "event_id")?;
    let outcome = given(outcome, "outcome")?;
    if outcome.trim().is_empty() {
        return Err(Error::Invalid("outcome must say something".into()).into());
    }
    Ok(as_data_owner(|| {
        let event =
            event(id)?.ok_or_else(|| Error::NoSuchRow("no such break-glass event".into()))?;
        if reviewer == event.user {
            return Err(Error::Denied("break-glass access is reviewed by somebody else".into()));
        }
        if event.is_reviewed {
            return Err(Error::State("this break-glass event is reviewed already".into(), ""));
        }
        end(&event, Some(reviewer), "ended by its review")?;
        because(outcome, || {
            sql::run(
                "UPDATE saas.break_glass_events
                    SET reviewed_at = greatest(statement_timestamp(), opened_at), reviewed_by = $2, outcome = $3
                  WHERE id = $1",
                &[id.into(), from_uuid(reviewer).into(), outcome.into()],
            )
        })?;
        Ok(())
    })?)
}

/// Opens an incident for each emergency access whose review is overdue.
#[pg_extern(volatile, parallel_unsafe)]
fn escalate_break_glass(
    as_of: default!(Option<TimestampWithTimeZone>, "now()"),
) -> std::result::Result<i64, ErrorReport> {
    kind::require(&[Kind::Worker])?;
    let as_of = given(as_of, "as_of")?;
    Ok(as_data_owner(|| {
        sql::run(include_str!("../../sql/iam/escalate_break_glass.sql"), &[as_of.into()])
    })?)
}
