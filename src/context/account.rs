//! Users whose identity lives elsewhere: which of an issuer's subjects is which user.

use super::begin::one;
use super::{from_uuid, new_id};
use crate::error::{Error, Result, given};
use crate::iam::kind::{self, Kind};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use uuid::Uuid;

/// The user whom an issuer knows as `subject`; as it is now, like everything that says who is asking.
pub fn user(issuer: &str, subject: &str) -> Result<Option<Uuid>> {
    let text = |value: &str| (value.into_datum(), pg_sys::TEXTOID);
    one(
        include_str!("../../sql/context/user_of_account.sql"),
        [text(issuer), text(subject)],
        |row| row.get_uuid(1),
    )
}

/// Registers a user for a subject that is seen for the first time.
///
/// # Errors
/// 28000 when the address is another user's, because whoever controls an account at the issuer is not
/// thereby him; and when the subject's user was deleted.
pub fn first_seen(issuer: &str, subject: &str, email: &str, name: Option<&str>) -> Result<Uuid> {
    as_data_owner(|| {
        let id = new_id();
        // Of two first requests at once the second waits here, and then finds what the first made.
        let created = sql::run(
            "INSERT INTO saas.users (id, email, name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            &[from_uuid(id).into(), email.into(), name.into()],
        )?;
        if created == 1 && insert(from_uuid(id), issuer, subject)? == 1 {
            return Ok(id);
        }
        match user(issuer, subject)? {
            Some(user) if created == 0 => Ok(user),
            _ => Err(Error::Refused("the token's subject or its e-mail address is taken")),
        }
    })
}

fn insert(user: pgrx::Uuid, issuer: &str, subject: &str) -> Result<i64> {
    sql::run(
        "INSERT INTO saas.accounts (user_id, provider_id, account_id) VALUES ($1, $2, $3)
         ON CONFLICT (provider_id, account_id) DO NOTHING",
        &[user.into(), issuer.into(), subject.into()],
    )
}

/// Says that a user is who an issuer knows as a subject.
#[pg_extern(volatile, parallel_unsafe)]
fn link_account(
    user_id: Option<pgrx::Uuid>,
    provider_id: Option<&str>,
    account_id: Option<&str>,
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    kind::require(&[Kind::Gateway])?;
    let user_id = given(user_id, "user_id")?;
    let (issuer, subject) = (given(provider_id, "provider_id")?, given(account_id, "account_id")?);
    Ok(as_data_owner(|| link(user_id, issuer, subject))?)
}

fn link(user: pgrx::Uuid, issuer: &str, subject: &str) -> Result<pgrx::Uuid> {
    // The lock keeps the user from being erased meanwhile.
    let lives = sql::write_one::<bool>(
        "SELECT true FROM saas.users WHERE id = $1 AND deleted_at IS NULL FOR KEY SHARE",
        &[user.into()],
    )?;
    if lives.is_none() {
        return Err(Error::NoSuchRow("no such user".into()));
    }
    insert(user, issuer, subject)?;
    let linked = sql::write_one::<pgrx::Uuid>(
        "SELECT id FROM saas.accounts WHERE provider_id = $1 AND account_id = $2 AND user_id = $3",
        &[issuer.into(), subject.into(), user.into()],
    )?;
    linked.ok_or_else(|| Error::Conflict("this account is another user's".into()))
}

/// Takes an issuer's subject from its user.
#[pg_extern(volatile, parallel_unsafe)]
fn unlink_account(
    provider_id: Option<&str>,
    account_id: Option<&str>,
) -> std::result::Result<bool, ErrorReport> {
    kind::require(&[Kind::Gateway])?;
    let (issuer, subject) = (given(provider_id, "provider_id")?, given(account_id, "account_id")?);
    let gone = as_data_owner(|| {
        sql::run(
            "DELETE FROM saas.accounts WHERE provider_id = $1 AND account_id = $2",
            &[issuer.into(), subject.into()],
        )
    })?;
    Ok(gone > 0)
}
