//! The ways into a context.

use super::last_use::{self, Used};
use super::secret::{self, Presented};
use super::session_limits::Session;
use super::setting::{self, Context};
use super::{from_uuid, new_id, to_uuid};
use crate::audit::denial;
use crate::error::{Error, Result, given};
use crate::iam::kind::{self, Kind};
use crate::iam::{cache, fresh, impersonation};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use uuid::Uuid;

const REFUSED: Error = Error::Refused("unknown, expired or revoked session or key");

/// Authenticates this transaction by a session token or an API key.
#[pg_extern(volatile, parallel_unsafe)]
fn begin_request(
    token: Option<&str>,
    tenant_id: default!(Option<pgrx::Uuid>, "NULL"),
    impersonation_id: default!(Option<pgrx::Uuid>, "NULL"),
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    begin_request_from(token, tenant_id, impersonation_id, None)
}

/// The same for a gateway that says where it was asked from. Apart, since others' programs name the one above by its arguments.
#[pg_extern(volatile, parallel_unsafe, name = "begin_request")]
fn begin_request_from(
    token: Option<&str>,
    tenant_id: Option<pgrx::Uuid>,
    impersonation_id: Option<pgrx::Uuid>,
    ip_address: Option<pgrx::Inet>,
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    let tenant = tenant_id.map(to_uuid);
    denial::attempt("begin_request", tenant, ip_address, || {
        by_token(token.unwrap_or_default(), tenant, impersonation_id.map(to_uuid))
    })
}

fn by_token(token: &str, tenant: Option<Uuid>, impersonation: Option<Uuid>) -> Result<pgrx::Uuid> {
    // Whatever was there ends first: after a refusal nobody is asking.
    setting::set(None)?;
    let context = match secret::presented(token) {
        Presented::Session(token) => {
            let context = by_session(token)?;
            match impersonation {
                Some(id) => impersonate(context, id, tenant)?,
                None => bound_to(context, tenant)?,
            }
        }
        Presented::Key(own, token) if impersonation.is_none() => by_key(own, token, tenant)?,
        _ => return Err(REFUSED),
    };
    begin(&context)
}

/// Begins a request for a user whom the caller has authenticated.
#[pg_extern(volatile, parallel_unsafe)]
fn begin_request_as(
    user_id: Option<pgrx::Uuid>,
    tenant_id: default!(Option<pgrx::Uuid>, "NULL"),
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    begin_request_as_from(user_id, tenant_id, None)
}

/// The same with where it was asked from.
#[pg_extern(volatile, parallel_unsafe, name = "begin_request_as")]
fn begin_request_as_from(
    user_id: Option<pgrx::Uuid>,
    tenant_id: Option<pgrx::Uuid>,
    ip_address: Option<pgrx::Inet>,
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    let tenant = tenant_id.map(to_uuid);
    denial::attempt("begin_request_as", tenant, ip_address, || by_assertion(user_id, tenant))
}

fn by_assertion(user_id: Option<pgrx::Uuid>, tenant: Option<Uuid>) -> Result<pgrx::Uuid> {
    kind::require(&[Kind::Gateway])?;
    setting::set(None)?;
    let user_id = given(user_id, "user_id")?;
    let lives = one(
        "SELECT u.id FROM saas.users u WHERE u.id = $1 AND u.deleted_at IS NULL AND u.service_tenant_id IS NULL",
        [(user_id.into_datum(), pg_sys::UUIDOID)],
        |_| Some(()),
    )?;
    if lives.is_none() {
        return Err(Error::Refused("unknown or deleted user"));
    }
    begin(&bound_to(new_context(to_uuid(user_id)), tenant)?)
}

pub(super) fn new_context(user: Uuid) -> Context {
    Context {
        user,
        tenant: None,
        role: None,
        actor: None,
        impersonation: None,
        read_only: false,
        session: None,
        request: Some(new_id()),
        until: None,
    }
}

pub(super) fn begin(context: &Context) -> Result<pgrx::Uuid> {
    if context.read_only {
        impersonation::make_transaction_read_only()?;
    }
    setting::set(Some(context))?;
    // SAFETY: reads the state of the transaction.
    if !unsafe { pg_sys::IsTransactionBlock() } {
        ereport!(
            PgLogLevel::WARNING,
            PgSqlErrorCode::ERRCODE_NO_ACTIVE_SQL_TRANSACTION,
            "this request ends with the statement: begin_request is for use inside a transaction block"
        );
    }
    Ok(from_uuid(context.user))
}

/// Looks up what proves who is asking, as it is now: a transaction's snapshot may be older than a
/// revocation.
pub(super) fn one<T, const N: usize>(
    text: &'static str,
    args: [(Option<pg_sys::Datum>, pg_sys::Oid); N],
    take: impl Fn(&fresh::Row) -> Option<T>,
) -> Result<Option<T>> {
    let values: Vec<_> = args.iter().filter_map(|(value, _)| *value).collect();
    let mut found = None;
    fresh::read(text, &args.map(|(_, oid)| oid), &values, |row| found = take(row))?;
    Ok(found)
}

fn by_session(token: &str) -> Result<Context> {
    let found = one(
        include_str!("../../sql/context/find_session.sql"),
        [(secret::hash(token).into_datum(), pg_sys::BYTEAOID)],
        |row| {
            let moment = |column| row.get::<TimestampWithTimeZone>(column).map(i64::from);
            let times = Session { created: moment(3)?, seen: moment(4)?, expires: moment(5)? };
            Some((row.get_uuid(1)?, row.get_uuid(2)?, times))
        },
    )?;
    let (user, session, times) = found.ok_or(REFUSED)?;
    // SAFETY: reads a variable of the backend.
    let now = unsafe { pg_sys::GetCurrentStatementStartTimestamp() };
    let live = cache::session_limits()?.live(times, now).ok_or(REFUSED)?;
    if live.is_due {
        last_use::note(Used::Session(session));
    }
    let context = Context { session: Some(session), until: Some(live.until), ..new_context(user) };
    denial::known(&context);
    Ok(context)
}

fn by_key(own: Uuid, token: &str, tenant: Option<Uuid>) -> Result<Context> {
    let found = one(
        include_str!("../../sql/context/find_key.sql"),
        [
            (from_uuid(own).into_datum(), pg_sys::UUIDOID),
            (secret::hash(token).into_datum(), pg_sys::BYTEAOID),
        ],
        |row| {
            let until = row.get::<TimestampWithTimeZone>(3);
            Some((row.get_uuid(1)?, row.get_uuid(2)?, until, row.get_uuid(4)?, row.get::<bool>(5)?))
        },
    )?;
    let (user, role, until, key, is_due) = found.ok_or(REFUSED)?;
    if is_due {
        last_use::note(Used::Key(own, key));
    }
    let context = Context { role: Some(role), ..new_context(user) };
    denial::known(&context);
    if tenant.is_some_and(|tenant| tenant != own) {
        return Err(not_his());
    }
    let context = bound_to(context, Some(own))?;
    Ok(Context { until: until.map(i64::from), ..context })
}

fn not_his() -> Error {
    Error::Denied("not a tenant of this user".into())
}

/// Binds the request to a tenant. One that is unknown, foreign, suspended or deleted looks the same.
pub(super) fn bound_to(context: Context, tenant: Option<Uuid>) -> Result<Context> {
    denial::known(&context);
    if let Some(tenant) = tenant {
        let memberships = cache::memberships(context.user, Some(tenant))?;
        if !memberships.contains_key(&tenant) {
            return Err(not_his());
        }
    }
    Ok(Context { tenant, ..context })
}

/// Enters an impersonation that is open: the actor's own session, the target's rights, its one tenant.
fn impersonate(actor: Context, id: Uuid, tenant: Option<Uuid>) -> Result<Context> {
    let found = one(
        include_str!("../../sql/context/impersonation.sql"),
        [
            (from_uuid(id).into_datum(), pg_sys::UUIDOID),
            (from_uuid(actor.user).into_datum(), pg_sys::UUIDOID),
            (from_uuid(actor.session.unwrap_or_default()).into_datum(), pg_sys::UUIDOID),
        ],
        |row| {
            let until = row.get::<TimestampWithTimeZone>(3)?;
            Some((row.get_uuid(1)?, row.get_uuid(2)?, i64::from(until), row.get::<bool>(4)?))
        },
    )?;
    let denied = || Error::Denied("no such open impersonation of this user".into());
    let (target, own, until, read_only) = found.ok_or_else(denied)?;
    let context = Context {
        user: target,
        actor: Some(actor.user),
        impersonation: Some(id),
        until: Some(until.min(actor.until.unwrap_or(i64::MAX))),
        read_only,
        ..actor
    };
    if tenant.is_some_and(|tenant| tenant != own) || impersonation::refusal(&context)?.is_some() {
        return Err(denied());
    }
    bound_to(context, Some(own))
}
