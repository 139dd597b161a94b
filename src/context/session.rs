//! Sessions and users, for backends that authenticate by themselves.

use super::{from_uuid, new_id, secret, setting, to_uuid};
use crate::error::{Error, Result, given};
use crate::iam::kind::{self, Kind};
use crate::iam::{check, grants};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::datum::Interval;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Registers a user.
#[pg_extern(volatile, parallel_unsafe)]
fn create_user(
    email: Option<&str>,
    name: default!(Option<&str>, "NULL"),
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    kind::require(&[Kind::Gateway])?;
    let email = given(email, "email")?;
    let id = from_uuid(new_id());
    as_data_owner(|| {
        sql::run(
            "INSERT INTO saas.users (id, email, name) VALUES ($1, $2, $3)",
            &[id.into(), email.into(), name.into()],
        )
    })?;
    Ok(id)
}

/// Opens a session for a user and returns its token, which is shown this once.
#[pg_extern(volatile, parallel_unsafe)]
fn create_session(
    user_id: Option<pgrx::Uuid>,
    lifetime: default!(Option<Interval>, "'30 days'"),
    ip_address: default!(Option<pgrx::Inet>, "NULL"),
    user_agent: default!(Option<&str>, "NULL"),
) -> std::result::Result<String, ErrorReport> {
    kind::require(&[Kind::Gateway])?;
    let (user_id, lifetime) = (given(user_id, "user_id")?, given(lifetime, "lifetime")?);
    let token = secret::session_token()?;
    let opened = as_data_owner(|| {
        sql::run(
            include_str!("../../sql/context/create_session.sql"),
            &[
                from_uuid(new_id()).into(),
                user_id.into(),
                secret::hash(&token).into(),
                ip_address.into(),
                user_agent.into(),
                lifetime.into(),
            ],
        )
    })?;
    if opened == 0 {
        return Err(Error::Refused("unknown or deleted user").into());
    }
    Ok(token)
}

/// Ends a session: one's own, or for a gateway anybody's.
#[pg_extern(volatile, parallel_unsafe)]
fn revoke_session(session_id: Option<pgrx::Uuid>) -> std::result::Result<(), ErrorReport> {
    Ok(revoke(session_id)?)
}

fn revoke(session_id: Option<pgrx::Uuid>) -> Result<()> {
    let only_of = match setting::current() {
        // A key that leaked logs nobody out.
        Some(context) if context.role.is_some() => {
            return Err(Error::Denied("an API key has no sessions".into()));
        }
        Some(context) => Some(from_uuid(context.actor.unwrap_or(context.user))),
        None if kind::caller_is(&[Kind::Gateway])? => None,
        None => return Err(Error::Unauthenticated("no authenticated user in this transaction")),
    };
    let session_id = given(session_id, "session_id")?;
    let known = as_data_owner(|| {
        sql::run(
            "UPDATE saas.sessions SET revoked_at = coalesce(revoked_at, statement_timestamp())
              WHERE id = $1 AND ($2 IS NULL OR user_id = $2)",
            &[session_id.into(), only_of.into()],
        )
    })?;
    if known == 0 {
        return Err(Error::Denied("not a session of this user".into()));
    }
    let own = setting::current().and_then(|context| context.session);
    if own == Some(to_uuid(session_id)) {
        setting::set(None)?;
    }
    Ok(())
}

/// Ends all sessions of a user, but for the one that is asked with if it is to be kept.
#[pg_extern(volatile, parallel_unsafe)]
fn revoke_sessions(
    user_id: default!(Option<pgrx::Uuid>, "NULL"),
    keep_current: default!(Option<bool>, "false"),
) -> std::result::Result<i64, ErrorReport> {
    let keep_current = given(keep_current, "keep_current")?;
    let user = whose_sessions(user_id)?;
    let current = setting::current().and_then(|context| context.session);
    let kept = current.filter(|_| keep_current).map(from_uuid);
    let ended = as_data_owner(|| end_all(user, kept))?;
    let asking = setting::current().map(|context| from_uuid(context.user));
    if current.is_some() && kept.is_none() && asking == Some(user) {
        setting::set(None)?;
    }
    Ok(ended)
}

/// One's own, those of anybody for whoever configures the platform, and without a context for a gateway.
fn whose_sessions(user: Option<pgrx::Uuid>) -> Result<pgrx::Uuid> {
    let Some(context) = setting::current() else {
        return match kind::caller_is(&[Kind::Gateway])? {
            true => given(user, "user_id"),
            false => Err(Error::Unauthenticated("no authenticated user in this transaction")),
        };
    };
    let own = from_uuid(context.user);
    let user = user.unwrap_or(own);
    if user == own {
        return grants::person().map(from_uuid);
    }
    check::require_in_system(grants::CONFIGURE)?;
    Ok(user)
}

/// Ends all sessions of a user but one; how many. Runs as the data owner.
pub fn end_all(user: pgrx::Uuid, kept: Option<pgrx::Uuid>) -> Result<i64> {
    sql::run(
        "UPDATE saas.sessions SET revoked_at = statement_timestamp()
          WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > statement_timestamp() AND ($2 IS NULL OR id <> $2)",
        &[user.into(), kept.into()],
    )
}
