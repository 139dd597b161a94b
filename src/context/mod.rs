//! Who is asking: sessions, API keys, gateways, impersonation, and the context they make.

mod account;
mod begin;
mod claims;
mod jwt;
mod last_use;
pub mod secret;
pub mod session;
pub mod session_limits;
pub mod setting;
mod verification;

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use uuid::{ContextV7, Timestamp, Uuid};

// After the functions that they describe.
::pgrx::extension_sql_file!(
    "../../sql/context/comments.sql",
    name = "context_comments",
    requires = [
        begin_request,
        begin_request_from,
        begin_request_jwt,
        begin_request_jwt_from,
        begin_request_claims,
        import_jwks,
        link_account,
        unlink_account,
        begin_request_as,
        begin_request_as_from,
        create_user,
        create_session,
        revoke_session,
        revoke_sessions,
        create_verification,
        use_verification,
        uuid_v7,
        current_user_id,
        oneself,
        current_tenant_id,
        current_session_id,
        current_request_id,
        current_impersonator_id
    ]
);

pub fn to_uuid(id: pgrx::Uuid) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

pub fn from_uuid(id: Uuid) -> pgrx::Uuid {
    pgrx::Uuid::from_bytes(*id.as_bytes())
}

thread_local! {
    // With fractions of a millisecond: two sessions' audit rows are told apart by their ids, too.
    static CLOCK: ContextV7 = ContextV7::new().with_additional_precision();
}

/// A new UUID version 7 (RFC 9562).
pub fn new_id() -> Uuid {
    CLOCK.with(|clock| Uuid::new_v7(Timestamp::now(clock)))
}

/// A new key for a row: UUID version 7 (RFC 9562), so that new rows stand together in an index.
#[pg_extern(volatile, parallel_safe)]
fn uuid_v7() -> pgrx::Uuid {
    from_uuid(new_id())
}

/// The context, unless it is an impersonation that is over.
fn asking() -> std::result::Result<Option<setting::Context>, ErrorReport> {
    Ok(crate::iam::check::acting()?)
}

/// The user of this request, or NULL. Under impersonation: the user acted for.
#[pg_extern(stable, parallel_safe)]
fn current_user_id() -> std::result::Result<Option<pgrx::Uuid>, ErrorReport> {
    Ok(asking()?.map(|context| from_uuid(context.user)))
}

/// The current user if he himself asks: NULL with an API key and under impersonation. What is a
/// person's own business (sessions, consents) goes by this.
#[pg_extern(stable, parallel_safe)]
fn oneself() -> Option<pgrx::Uuid> {
    let context = setting::current()?;
    (context.role.is_none() && context.actor.is_none()).then(|| from_uuid(context.user))
}

/// The tenant that this request is bound to, or NULL.
#[pg_extern(stable, parallel_safe)]
fn current_tenant_id() -> std::result::Result<Option<pgrx::Uuid>, ErrorReport> {
    Ok(asking()?.and_then(|context| context.tenant).map(from_uuid))
}

/// The session of this request, or NULL.
#[pg_extern(stable, parallel_safe)]
fn current_session_id() -> std::result::Result<Option<pgrx::Uuid>, ErrorReport> {
    Ok(asking()?.and_then(|context| context.session).map(from_uuid))
}

/// The id under which this request's rows are in the audit log, or NULL.
#[pg_extern(stable, parallel_safe)]
fn current_request_id() -> std::result::Result<Option<pgrx::Uuid>, ErrorReport> {
    Ok(asking()?.and_then(|context| context.request).map(from_uuid))
}

/// Who acts as the current user, or NULL.
#[pg_extern(stable, parallel_safe)]
fn current_impersonator_id() -> std::result::Result<Option<pgrx::Uuid>, ErrorReport> {
    Ok(asking()?.and_then(|context| context.actor).map(from_uuid))
}
