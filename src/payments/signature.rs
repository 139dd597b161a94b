//! Signatures of webhooks. Pure: headers, body, secrets and the time in; an event's id out.
//!
//! Stripe signs `t.body` (docs.stripe.com, "Verify webhook signatures manually"); Standard Webhooks, which Polar and Dodo
//! Payments follow, `id.timestamp.body` (the specification at standardwebhooks.com).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// How far the signature's time may be from ours, in seconds: what both schemes recommend.
const TOLERANCE: i64 = 300;
/// More signatures than anybody sends while secrets change.
const MOST_SIGNATURES: usize = 20;

/// How a provider signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Stripe,
    StandardWebhooks,
}

impl Scheme {
    pub fn of(provider: &str) -> Option<Scheme> {
        match provider {
            "stripe" => Some(Scheme::Stripe),
            "polar" | "dodo" => Some(Scheme::StandardWebhooks),
            _ => None,
        }
    }
}

/// Why a webhook is not believed. Nothing of it is told to whoever sent it.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    NoSignature,
    Stale,
    Forged,
}

/// A header's value by its name in lower case.
pub type Header<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Verifies the signature by any of the secrets; returns the event's id where a header carries it.
///
/// # Errors
/// Why it is not believed.
pub fn verify(
    scheme: Scheme,
    header: &Header,
    body: &str,
    secrets: &[String],
    now: i64,
) -> Result<Option<String>, Refusal> {
    let signed = match scheme {
        Scheme::Stripe => stripe(header)?,
        Scheme::StandardWebhooks => standard(header)?,
    };
    // The time is part of what is signed, so that an old webhook can't be sent again.
    if signed.at.abs_diff(now) > TOLERANCE.unsigned_abs() {
        return Err(Refusal::Stale);
    }
    let content = format!("{}{body}", signed.prefix);
    // All keys and signatures are tried, so that the time tells nothing of which would have done.
    let mut is_genuine = false;
    for secret in secrets {
        for key in keys(scheme, secret) {
            for signature in &signed.signatures {
                is_genuine |= is_of(&key, &content, signature);
            }
        }
    }
    if is_genuine { Ok(signed.id) } else { Err(Refusal::Forged) }
}

struct Signed {
    /// What precedes the body in what is signed.
    prefix: String,
    at: i64,
    signatures: Vec<Vec<u8>>,
    id: Option<String>,
}

/// `t=1492774577,v1=5257a869e7…,v0=…`
fn stripe(header: &Header) -> Result<Signed, Refusal> {
    let value = header("stripe-signature").ok_or(Refusal::NoSignature)?;
    let parts = || value.split(',').filter_map(|part| part.trim().split_once('='));
    let time = parts().find(|(name, _)| *name == "t").ok_or(Refusal::NoSignature)?.1;
    let at = seconds(time)?;
    let signatures: Vec<_> = parts()
        .filter(|(name, _)| *name == "v1")
        .take(MOST_SIGNATURES)
        .filter_map(|(_, text)| from_hex(text))
        .collect();
    some(signatures).map(|signatures| Signed {
        prefix: format!("{time}."),
        at,
        signatures,
        id: None,
    })
}

/// `webhook-id`, `webhook-timestamp`, and `webhook-signature: v1,g0hM9SsE+… v1,…`
fn standard(header: &Header) -> Result<Signed, Refusal> {
    let get = |name: &str| header(name).ok_or(Refusal::NoSignature);
    let (id, time, value) =
        (get("webhook-id")?, get("webhook-timestamp")?, get("webhook-signature")?);
    // What is signed is joined by points: an id with one in it could say another time.
    if id.is_empty() || id.contains('.') {
        return Err(Refusal::NoSignature);
    }
    let at = seconds(&time)?;
    let signatures: Vec<_> = value
        .split(' ')
        .filter_map(|part| part.strip_prefix("v1,"))
        .take(MOST_SIGNATURES)
        .filter_map(|text| STANDARD.decode(text).ok())
        .collect();
    let prefix = format!("{id}.{time}.");
    some(signatures).map(|signatures| Signed { prefix, at, signatures, id: Some(id) })
}

fn some(signatures: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, Refusal> {
    if signatures.is_empty() { Err(Refusal::NoSignature) } else { Ok(signatures) }
}

fn seconds(text: &str) -> Result<i64, Refusal> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or(Refusal::NoSignature)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

/// The keys that a secret may stand for. Polar's older endpoints sign with the bytes of the whole text, its newer ones
/// and Dodo with what it encodes.
fn keys(scheme: Scheme, secret: &str) -> Vec<Vec<u8>> {
    let whole = secret.as_bytes().to_vec();
    match scheme {
        Scheme::Stripe => vec![whole],
        Scheme::StandardWebhooks => {
            let encoded = secret.strip_prefix("whsec_").unwrap_or(secret);
            STANDARD
                .decode(encoded)
                .into_iter()
                .chain([whole])
                .filter(|key| !key.is_empty())
                .collect()
        }
    }
}

/// In constant time.
fn is_of(key: &[u8], content: &str, signature: &[u8]) -> bool {
    Hmac::<Sha256>::new_from_slice(key)
        .is_ok_and(|mac| mac.chain_update(content.as_bytes()).verify_slice(signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AT: i64 = 1_614_265_330;
    /// The vector that the libraries of Standard Webhooks test themselves with.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &str = r#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn sign(key: &[u8], content: &str) -> Vec<u8> {
        Hmac::<Sha256>::new_from_slice(key)
            .unwrap()
            .chain_update(content)
            .finalize()
            .into_bytes()
            .to_vec()
    }

    fn standard_of(
        id: &str,
        time: &str,
        signature: &str,
        secrets: &[&str],
        now: i64,
    ) -> Result<Option<String>, Refusal> {
        let header = |name: &str| {
            let value = match name {
                "webhook-id" => id,
                "webhook-timestamp" => time,
                "webhook-signature" => signature,
                _ => return None,
            };
            Some(value.to_owned())
        };
        let secrets: Vec<_> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        verify(Scheme::StandardWebhooks, &header, BODY, &secrets, now)
    }

    fn stripe_of(
        value: &str,
        body: &str,
        secret: &str,
        now: i64,
    ) -> Result<Option<String>, Refusal> {
        let header = |name: &str| (name == "stripe-signature").then(|| value.to_owned());
        verify(Scheme::Stripe, &header, body, &[secret.to_owned()], now)
    }

    #[test]
    fn the_published_vector() {
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let of = |signature: &str, secrets: &[&str], now| {
            standard_of(id, "1614265330", signature, secrets, now)
        };
        assert_eq!(of(SIGNATURE, &[SECRET], AT), Ok(Some(id.to_owned())));
        // Of several signatures and secrets one is enough.
        assert!(of(&format!("v1,AAAA v2,x {SIGNATURE}"), &["whsec_AAAA", SECRET], AT).is_ok());
        assert_eq!(of(SIGNATURE, &["whsec_AAAA"], AT), Err(Refusal::Forged));
        assert_eq!(of(SIGNATURE, &[], AT), Err(Refusal::Forged));
        assert!(of(SIGNATURE, &[SECRET], AT + TOLERANCE).is_ok());
        assert_eq!(of(SIGNATURE, &[SECRET], AT + TOLERANCE + 1), Err(Refusal::Stale));
        assert_eq!(of(SIGNATURE, &[SECRET], AT - TOLERANCE - 1), Err(Refusal::Stale));
        assert_eq!(standard_of(id, "1614265331", SIGNATURE, &[SECRET], AT), Err(Refusal::Forged));
        assert_eq!(
            standard_of("msg_other", "1614265330", SIGNATURE, &[SECRET], AT),
            Err(Refusal::Forged)
        );
        for (id, time, signature) in [
            ("", "1614265330", SIGNATURE),
            ("a.b", "1614265330", SIGNATURE),
            (id, "", SIGNATURE),
            (id, "+1614265330", SIGNATURE),
            (id, "99999999999999999999", SIGNATURE),
            (id, "1614265330", ""),
            (id, "1614265330", "v1a,g0hM"),
            (id, "1614265330", "v1,??"),
        ] {
            assert_eq!(
                standard_of(id, time, signature, &[SECRET], AT),
                Err(Refusal::NoSignature),
                "{id} {time} {signature}"
            );
        }
    }

    /// What a secret stands for differs between Polar's endpoints.
    #[test]
    fn a_secret_as_it_is() {
        let secret = "polar_whs_abc";
        let signature =
            format!("v1,{}", STANDARD.encode(sign(secret.as_bytes(), &format!("id.{AT}.{BODY}"))));
        assert!(standard_of("id", &AT.to_string(), &signature, &[secret], AT).is_ok());
    }

    #[test]
    fn stripes_scheme() {
        let hex =
            |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let signature = hex(sign(b"whsec_x", &format!("{AT}.{BODY}")));
        let value = format!("t={AT},v1={signature},v0=00");
        assert_eq!(stripe_of(&value, BODY, "whsec_x", AT), Ok(None));
        assert!(stripe_of(&format!("v1=00, v1={signature}, t={AT}"), BODY, "whsec_x", AT).is_ok());
        assert_eq!(stripe_of(&value, &format!("{BODY} "), "whsec_x", AT), Err(Refusal::Forged));
        assert_eq!(stripe_of(&value, BODY, "whsec_y", AT), Err(Refusal::Forged));
        assert_eq!(stripe_of(&value, BODY, "whsec_x", AT + 301), Err(Refusal::Stale));
        assert_eq!(
            stripe_of(&format!("t={AT},v0={signature}"), BODY, "whsec_x", AT),
            Err(Refusal::NoSignature)
        );
        for garbage in ["", "t=", "t=1", "v1=00", "t=x,v1=00", "=,=,=", "t=1,v1=0", "t=1,v1=zz"] {
            assert!(stripe_of(garbage, BODY, "whsec_x", AT).is_err(), "{garbage}");
        }
    }

    proptest! {
        #[test]
        fn garbage_is_refused(value in "\\PC{0,200}", body in "\\PC{0,50}", at in 0i64..i64::MAX) {
            prop_assert!(stripe_of(&value, &body, "whsec_x", at).is_err());
            prop_assert!(standard_of(&value, &at.to_string(), &value, &[&body], at).is_err());
        }
    }
}
