//! Verifications: secrets that are sent to somebody, who by returning one proves that it reached him.
//!
//! Links are 256 random bits and found by their hash: a wrong one is nobody's. Codes can be guessed, so they belong to an
//! identifier, and every wrong one counts.

use super::{from_uuid, new_id, secret, session, to_uuid};
use crate::audit::denial;
use crate::error::{Error, Result, given};
use crate::iam::kind::{self, Kind};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::datum::Interval;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

const PURPOSES: [&str; 4] = ["email_verification", "password_reset", "mfa", "magic_link"];
const RESET: &str = "password_reset";

fn purpose_of(purpose: Option<&str>) -> Result<&'static str> {
    let purpose = given(purpose, "purpose")?;
    PURPOSES.into_iter().find(|known| *known == purpose).ok_or_else(|| {
        Error::Invalid(format!("purpose is one of {}, not \"{purpose}\"", PURPOSES.join(", ")))
    })
}

/// Makes a secret to send to somebody, in place of the one that is open for the same purpose.
#[pg_extern(volatile, parallel_unsafe)]
fn create_verification(
    purpose: Option<&str>,
    identifier: Option<&str>,
    user_id: default!(Option<pgrx::Uuid>, "NULL"),
    expires_in: default!(Option<Interval>, "'15 minutes'"),
    as_code: default!(Option<bool>, "false"),
    max_attempts: default!(Option<i32>, "5"),
) -> std::result::Result<String, ErrorReport> {
    kind::require(&[Kind::Gateway])?;
    let purpose = purpose_of(purpose)?;
    let identifier = given(identifier, "identifier")?;
    let expires_in = given(expires_in, "expires_in")?;
    let as_code = given(as_code, "as_code")?;
    let max_attempts = given(max_attempts, "max_attempts")?;
    let id = from_uuid(new_id());
    let secret = if as_code { secret::code()? } else { secret::verification()? };
    let hash =
        if as_code { secret::hash_of_code(to_uuid(id), &secret) } else { secret::hash(&secret) };
    let made = as_data_owner(|| {
        // One after the other, so that none is missed in counting.
        sql::run(
            "SELECT pg_advisory_xact_lock(hashtextextended($1 || ':' || lower($2), 0))",
            &[purpose.into(), identifier.into()],
        )?;
        sql::run(
            "UPDATE saas.verifications SET used_at = statement_timestamp()
              WHERE identifier = lower($2) AND purpose = $1 AND used_at IS NULL",
            &[purpose.into(), identifier.into()],
        )?;
        sql::run(
            include_str!("../../sql/context/create_verification.sql"),
            &[
                id.into(),
                purpose.into(),
                identifier.into(),
                user_id.into(),
                hash.into(),
                as_code.into(),
                expires_in.into(),
                max_attempts.into(),
            ],
        )
    })?;
    match made {
        // Whoever asks for ever new codes gets ever new guesses.
        0 => Err(Error::Limit(
            format!("too many verifications of this identifier for {purpose}"),
            "Wait for an hour.",
        )
        .into()),
        _ => Ok(secret),
    }
}

/// What was looked up under a secret.
struct Found {
    id: pgrx::Uuid,
    user: Option<pgrx::Uuid>,
    hash: Vec<u8>,
}

/// Takes a secret back from somebody. A refusal is an answer and no error, which would undo the counting.
#[pg_extern(volatile, parallel_unsafe)]
fn use_verification(
    purpose: Option<&str>,
    secret: Option<&str>,
    identifier: default!(Option<&str>, "NULL"),
) -> std::result::Result<
    TableIterator<'static, (name!(verified, bool), name!(user_id, Option<pgrx::Uuid>))>,
    ErrorReport,
> {
    kind::require(&[Kind::Gateway])?;
    let purpose = purpose_of(purpose)?;
    let secret = given(secret, "secret")?;
    let is_code = !secret::is_verification(secret);
    if is_code && identifier.is_none() {
        return Err(Error::Invalid("a code needs the identifier that it was sent to".into()).into());
    }
    let (verified, user) = as_data_owner(|| match is_code {
        true => by_code(purpose, secret, identifier.unwrap_or_default()),
        false => by_link(purpose, secret, identifier),
    })?;
    if !verified {
        denial::failed_login(user.map(to_uuid), None, "use_verification");
        return Ok(TableIterator::once((false, None)));
    }
    if let Some(user) = user.filter(|_| purpose == RESET) {
        // Somebody else may have had the password.
        as_data_owner(|| session::end_all(user, None))?;
    }
    Ok(TableIterator::once((true, user)))
}

fn by_link(
    purpose: &str,
    secret: &str,
    identifier: Option<&str>,
) -> Result<(bool, Option<pgrx::Uuid>)> {
    let found = find(
        include_str!("../../sql/context/verification_by_link.sql"),
        &[purpose.into(), secret::hash(secret).into(), identifier.into()],
    )?;
    let Some(found) = found else { return Ok((false, None)) };
    note(&found, true)?;
    Ok((true, found.user))
}

fn by_code(purpose: &str, code: &str, identifier: &str) -> Result<(bool, Option<pgrx::Uuid>)> {
    let found = find(
        include_str!("../../sql/context/verification_by_code.sql"),
        &[purpose.into(), identifier.into()],
    )?;
    let Some(found) = found else {
        // As much work as a wrong code: a hash, and something for the commit to write.
        std::hint::black_box(secret::hash_of_code(new_id(), code));
        sql::run("SELECT pg_logical_emit_message(true, 'saas_core', repeat(' ', 64))", &[])?;
        return Ok((false, None));
    };
    let verified = secret::hash_of_code(to_uuid(found.id), code) == found.hash;
    note(&found, verified)?;
    Ok((verified, found.user))
}

fn find(query: &'static str, args: &[pgrx::datum::DatumWithOid<'_>]) -> Result<Option<Found>> {
    sql::write(query, args, |mut rows| {
        let Some(row) = rows.next() else { return Ok(None) };
        let user = row.get::<pgrx::Uuid>(2)?;
        let found = row.get::<pgrx::Uuid>(1)?.zip(row.get::<Vec<u8>>(3)?);
        Ok(found.map(|(id, hash)| Found { id, user, hash }))
    })
}

fn note(found: &Found, verified: bool) -> Result<()> {
    sql::run(
        "UPDATE saas.verifications
            SET attempts = attempts + 1, used_at = CASE WHEN $2 THEN statement_timestamp() END
          WHERE id = $1",
        &[found.id.into(), verified.into()],
    )?;
    Ok(())
}
