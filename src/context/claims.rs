//! Requests that begin with a token of somebody else: a JWT, or claims that a proxy has verified.

use super::begin::{begin, bound_to, new_context, one};
use super::jwt::{self, JwtError, Verified};
use super::{account, setting, to_uuid};
use crate::audit::denial;
use crate::error::{Error, Result, given};
use crate::iam::check;
use crate::jsonb::Jsonb;
use crate::owner::{self, as_data_owner};
use crate::sql;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use serde::Deserialize;
use uuid::Uuid;

/// Between the epochs of Unix and of PostgreSQL.
const EPOCHS: i64 = 946_684_800;

impl From<JwtError> for Error {
    fn from(error: JwtError) -> Error {
        Error::Refused(match error {
            JwtError::Malformed => "the token is malformed",
            JwtError::Forged => "no key of the token's issuer has signed it",
            JwtError::Expired => "the token has expired",
            JwtError::Early => "the token is not valid yet",
            JwtError::Audience => "the token is for somebody else",
        })
    }
}

/// Authenticates this transaction by a JSON Web Token.
#[pg_extern(volatile, parallel_unsafe)]
fn begin_request_jwt(
    jwt: Option<&str>,
    tenant_id: default!(Option<pgrx::Uuid>, "NULL"),
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    begin_request_jwt_from(jwt, tenant_id, None)
}

/// The same for a gateway that says where it was asked from.
#[pg_extern(volatile, parallel_unsafe, name = "begin_request_jwt")]
fn begin_request_jwt_from(
    jwt: Option<&str>,
    tenant_id: Option<pgrx::Uuid>,
    ip_address: Option<pgrx::Inet>,
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    let tenant = tenant_id.map(to_uuid);
    denial::attempt("begin_request_jwt", tenant, ip_address, || {
        by_jwt(jwt.unwrap_or_default(), tenant)
    })
}

fn by_jwt(jwt: &str, tenant: Option<Uuid>) -> Result<pgrx::Uuid> {
    // Whatever was there ends first: after a refusal nobody is asking.
    setting::set(None)?;
    let presented = jwt::presented(jwt).map_err(Error::from)?;
    let key = key_of(&presented)?;
    let verified = jwt::verify(&presented, &key.jwk, key.audience.as_deref(), unix_time());
    let verified = verified.map_err(Error::from)?;
    let user = match account::user(&presented.issuer, &verified.subject)? {
        Some(user) => user,
        None if key.creates_users => first_seen(&presented.issuer, &verified)?,
        None => return Err(UNKNOWN),
    };
    begin_until(user, verified.expires, tenant)
}

const UNKNOWN: Error = Error::Refused("the token's subject is no user here");

fn first_seen(issuer: &str, verified: &Verified) -> Result<Uuid> {
    let email = verified.email.as_deref().ok_or(UNKNOWN)?;
    // A subject whose user was deleted stays without one.
    account::first_seen(issuer, &verified.subject, email, verified.name.as_deref())
}

fn begin_until(user: Uuid, expires: i64, tenant: Option<Uuid>) -> Result<pgrx::Uuid> {
    let mut context = bound_to(new_context(user), tenant)?;
    context.until = Some((expires - EPOCHS).saturating_mul(1_000_000));
    begin(&context)
}

/// The statement's time, so that a test and a replay get the same answer as everything else in it.
fn unix_time() -> f64 {
    // SAFETY: reads a variable of the backend.
    let micros = unsafe { pg_sys::GetCurrentStatementStartTimestamp() };
    micros as f64 / 1e6 + EPOCHS as f64
}

struct Key {
    jwk: String,
    audience: Option<String>,
    creates_users: bool,
}

/// The issuer's key for a token: the one with its kid, or without a kid the only one.
fn key_of(presented: &jwt::Presented<'_>) -> Result<Key> {
    let found = one(
        "SELECT min(k.key::text), min(k.audience), bool_and(k.creates_users)
           FROM saas.jwt_keys k
          WHERE k.issuer = $1 AND k.algorithm = $2 AND ($3 = '' OR k.kid = $3) AND k.retired_at IS NULL
         HAVING count(*) = 1",
        [
            (presented.issuer.as_str().into_datum(), pg_sys::TEXTOID),
            (presented.algorithm.into_datum(), pg_sys::TEXTOID),
            (presented.kid.as_deref().unwrap_or_default().into_datum(), pg_sys::TEXTOID),
        ],
        |row| {
            Some(Key {
                jwk: row.get(1)?,
                audience: row.get(2),
                creates_users: row.get(3)?,
            })
        },
    )?;
    found.ok_or_else(|| JwtError::Forged.into())
}

/// Takes an issuer's keys: what it has not any more is retired.
#[pg_extern(volatile, parallel_unsafe)]
fn import_jwks(
    issuer: Option<&str>,
    jwks: Option<Jsonb>,
    audience: default!(Option<&str>, "NULL"),
    creates_users: default!(Option<bool>, false),
) -> std::result::Result<i64, ErrorReport> {
    if !owner::caller_is_free()? {
        check::require_in_system("platform.system.configure")?;
    }
    let issuer = given(issuer, "issuer")?;
    let creates_users = given(creates_users, "creates_users")?;
    let keys = jwt::usable_keys(&given(jwks, "jwks")?.text()).map_err(Error::Invalid)?;
    let kids: Vec<String> = keys.iter().map(|key| key.kid.clone()).collect();
    as_data_owner(|| {
        for key in &keys {
            let args = [
                issuer.into(),
                key.kid.as_str().into(),
                key.algorithm.into(),
                key.key.as_str().into(),
                audience.into(),
                creates_users.into(),
            ];
            sql::run(include_str!("../../sql/context/store_jwt_key.sql"), &args)?;
        }
        sql::run(
            "UPDATE saas.jwt_keys SET retired_at = now()
              WHERE issuer = $1 AND retired_at IS NULL AND NOT kid = ANY ($2)",
            &[issuer.into(), kids.into()],
        )
    })?;
    Ok(keys.len() as i64)
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    exp: Option<f64>,
}

/// Authenticates this transaction by the claims that a proxy such as PostgREST has put into `request.jwt.claims`.
#[pg_extern(volatile, parallel_unsafe)]
fn begin_request_claims(
    tenant_id: default!(Option<pgrx::Uuid>, "NULL"),
) -> std::result::Result<Option<pgrx::Uuid>, ErrorReport> {
    let tenant = tenant_id.map(to_uuid);
    denial::attempt("begin_request_claims", tenant, None, || by_claims(tenant))
}

fn by_claims(tenant: Option<Uuid>) -> Result<Option<pgrx::Uuid>> {
    setting::set(None)?;
    let issuer = as_data_owner(|| {
        sql::read_one::<String>("SELECT request_claims_issuer FROM saas.settings", &[])
    })?;
    let Some(issuer) = issuer else {
        return Err(Error::Denied(
            "claims without a signature are believed only if settings.request_claims_issuer says whose".into(),
        ));
    };
    let text = sql::read_one::<String>(
        "SELECT pg_catalog.current_setting('request.jwt.claims', true)",
        &[],
    )?;
    let text = text.unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    let malformed = |_| Error::Refused("request.jwt.claims is malformed");
    let claims: Claims = serde_json::from_str(&text).map_err(malformed)?;
    // A request without a subject is anonymous: nobody is asking.
    let Some(subject) = claims.sub else { return Ok(None) };
    if claims.iss.is_some_and(|claimed| claimed != issuer) {
        return Err(Error::Refused("the claims are of another issuer"));
    }
    let expires = match claims.exp {
        Some(exp) if exp > unix_time() => exp.min(253_402_300_799.0) as i64,
        Some(_) => return Err(JwtError::Expired.into()),
        None => return Err(Error::Refused("the claims have no exp")),
    };
    let user = account::user(&issuer, &subject)?.ok_or(UNKNOWN)?;
    Ok(Some(begin_until(user, expires, tenant)?))
}
