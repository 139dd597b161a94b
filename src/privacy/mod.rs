//! What the law gives a person: consents, requests, a copy of his data, its end, and how long things are kept.
//!
//! What is personal, why it is here and what ends it is data: `saas.personal_data_registry`. Export, erasure and
//! retention do what it says, on the tables of this schema and on those that an application registers.

mod consent;
mod erase;
mod export;
mod registry;
mod request;
mod retention;

use crate::context::to_uuid;
use crate::error::{Error, Result};
use crate::iam::check::{self, Permission};
use crate::{owner, sql};

// After the functions that they describe.
::pgrx::extension_sql_file!(
    "../../sql/privacy/comments.sql",
    name = "privacy_comments",
    requires = [
        record_consent,
        withdraw_consent,
        open_privacy_request,
        verify_privacy_request,
        decide_privacy_request,
        export_personal_data,
        erase_user,
        register_personal_data,
        apply_retention
    ]
);

/// Who handles other people's privacy.
const HANDLE: &str = "platform.system.configure";

/// The gate of what only the platform does.
fn require_handler() -> Result<()> {
    if owner::caller_is_free()? { Ok(()) } else { check::require_in_system(HANDLE) }
}

/// The gate of a person's own affairs: himself in his own session, or who handles privacy.
fn require_oneself_or_handler(person: pgrx::Uuid) -> Result<()> {
    if owner::caller_is_free()? {
        return Ok(());
    }
    check::require_context()?;
    if is_oneself(person) || check::in_system(&Permission::named(HANDLE)?) {
        return Ok(());
    }
    Err(Error::Denied(format!(
        "this is a person's own affair: himself, not by API key nor impersonated, or platform permission \"{HANDLE}\""
    )))
}

/// Whether the person asks for himself: an API key or an impersonator is not he.
fn is_oneself(person: pgrx::Uuid) -> bool {
    crate::context::setting::current().is_some_and(|context| {
        context.role.is_none() && context.actor.is_none() && context.user == to_uuid(person)
    })
}

/// The person of the current request, as who handles something.
fn handler() -> Option<pgrx::Uuid> {
    let context = crate::context::setting::current()?;
    Some(crate::context::from_uuid(context.actor.unwrap_or(context.user)))
}

/// Holds a living user's row, as a foreign key does, so that he isn't erased meanwhile.
fn hold_living(person: pgrx::Uuid) -> Result<()> {
    let lives = sql::write_one::<bool>(
        "SELECT true FROM saas.users WHERE id = $1 AND deleted_at IS NULL FOR KEY SHARE",
        &[person.into()],
    )?;
    lives.map(|_| ()).ok_or_else(|| Error::NoSuchRow("no such user".into()))
}
