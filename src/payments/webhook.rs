//! Webhooks as they come over the wire: believed by their signature, then stored as events.

use super::signature::{self, Refusal, Scheme};
use super::{ingest, key};
use crate::audit::because;
use crate::error::{Error, Result};
use crate::jsonb::Jsonb;
use crate::owner::as_data_owner;
use crate::sql;
use serde_json::Value;

/// No provider sends more.
const LONGEST: usize = 1024 * 1024;

/// Verifies and stores; false if the event's id is known.
pub fn receive(provider: &str, headers: &str, body: &str) -> Result<bool> {
    let scheme = scheme(provider)?;
    if body.len() > LONGEST {
        return Err(Error::Invalid("the body is longer than a webhook's".into()));
    }
    let Ok(Value::Object(headers)) = serde_json::from_str(headers) else {
        return Err(Error::Invalid("headers must be an object".into()));
    };
    let header = |name: &str| {
        let (_, value) = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        // Frameworks that know repeated headers give lists.
        value.as_str().or_else(|| value.as_array()?.first()?.as_str()).map(str::to_owned)
    };
    let now = sql::read_one::<i64>("SELECT extract(epoch FROM clock_timestamp())::bigint", &[])?;
    let secrets = as_data_owner(|| {
        sql::read_rows(
            "SELECT secret FROM saas.webhook_secrets
              WHERE provider = $1 AND (retires_at IS NULL OR retires_at > clock_timestamp())",
            &[provider.into()],
            |row| Ok(row.get::<String>(1)?),
        )
    })?;
    let secrets: Vec<String> = secrets.into_iter().flatten().collect();
    let by_header = signature::verify(scheme, &header, body, &secrets, now.unwrap_or_default())
        .map_err(|refusal| refused(provider, &refusal))?;
    // From here on it is the provider who speaks.
    let malformed = || Error::Malformed("the body is no event of this provider".into());
    let event: Value = serde_json::from_str(body).map_err(|_| malformed())?;
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    let id = by_header.or_else(|| text("id").map(str::to_owned)).ok_or_else(malformed)?;
    let event_type = text("type").ok_or_else(malformed)?;
    let payload = as_jsonb(body)?;
    ingest::ingest(provider, &id, event_type, payload)
}

/// A webhook that is not believed is told to whoever reads the server's log: an error undoes what would be told in a table.
fn refused(provider: &str, refusal: &Refusal) -> Error {
    let why = match refusal {
        Refusal::NoSignature => "it has no signature that can be read",
        Refusal::Stale => "its time is too far from now",
        Refusal::Forged => "no secret of the provider's has signed it",
    };
    pgrx::log!("a webhook of {provider} was refused: {why}");
    Error::Refused("the webhook's signature is not valid")
}

fn as_jsonb(body: &str) -> Result<Jsonb> {
    sql::write("SELECT $1::jsonb", &[body.into()], |table| {
        Ok(table.first().get::<Jsonb>(1)?.map(Jsonb::keep))
    })?
    .ok_or_else(|| Error::Malformed("the body is no event".into()))
}

fn scheme(provider: &str) -> Result<Scheme> {
    key::require_provider(provider)?;
    Scheme::of(provider).ok_or_else(|| {
        Error::Invalid(format!(
            "how \"{provider}\" signs is not known: verify it yourself and call saas.ingest_payment_event"
        ))
    })
}

/// Adds a secret; those that are there are believed for as long as `overlap` lasts.
pub fn add_secret(provider: &str, secret: &str, overlap: pgrx::datum::Interval) -> Result<()> {
    scheme(provider)?;
    // What comes before it is in every secret, and so no part of it.
    let bare = secret.strip_prefix("whsec_").unwrap_or(secret);
    if bare.chars().count() < 16 || secret.chars().count() > 500 {
        return Err(Error::Invalid(
            "a secret has 16 to 500 characters, without counting whsec_".into(),
        ));
    }
    as_data_owner(|| {
        because("webhook secret", || {
            let args = [provider.into(), secret.into(), overlap.into()];
            sql::run(include_str!("../../sql/payments/retire_secrets.sql"), &args)?;
            sql::run(include_str!("../../sql/payments/add_secret.sql"), &args)
        })?;
        Ok(())
    })
}
