//! JSON Web Tokens (RFC 7519): what a token claims, and whether a key has signed it. Knows no database and no clock.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use std::collections::HashSet;

/// Longer tokens are refused before anything of them is looked at.
pub const LONGEST: usize = 16 * 1024;
/// How far an issuer's clock may be ahead of ours, in seconds. Expiry is exact.
const CLOCK_SKEW: f64 = 60.0;
/// The last second of the year 9999: a token that claims to live longer lives until then.
const LAST_SECOND: f64 = 253_402_300_799.0;

#[derive(Debug, PartialEq, thiserror::Error)]
pub enum JwtError {
    #[error("the token is malformed")]
    Malformed,
    #[error("no key of the token's issuer has signed it")]
    Forged,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    Early,
    #[error("the token is for somebody else")]
    Audience,
}

/// What a token says of itself. Nothing of it is believed before a key has verified it.
#[derive(Debug)]
pub struct Presented<'a> {
    token: &'a str,
    pub algorithm: &'static str,
    pub kid: Option<String>,
    pub issuer: String,
}

/// Whom a verified token stands for.
#[derive(Debug, PartialEq)]
pub struct Verified {
    pub subject: String,
    /// An address that the issuer does not say to be unverified.
    pub email: Option<String>,
    pub name: Option<String>,
    /// Unix time in seconds.
    pub expires: i64,
}

#[derive(Deserialize)]
struct Issued {
    iss: String,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    nbf: Option<f64>,
    aud: Option<Audience>,
    email: Option<String>,
    email_verified: Option<serde_json::Value>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn contains(&self, wanted: &str) -> bool {
        match self {
            Audience::One(one) => one == wanted,
            Audience::Many(many) => many.iter().any(|one| one == wanted),
        }
    }
}

/// Reads what is needed to find the key.
pub fn presented(token: &str) -> Result<Presented<'_>, JwtError> {
    if token.len() > LONGEST || token.split('.').count() != 3 {
        return Err(JwtError::Malformed);
    }
    let read = jsonwebtoken::dangerous::insecure_decode::<Issued>(token);
    let read = read.map_err(|_: jsonwebtoken::errors::Error| JwtError::Malformed)?;
    let Issued { iss: issuer } = read.claims;
    // A critical extension is one that must be understood (RFC 7515, 4.1.11), and none is.
    let algorithm = name_of(read.header.alg);
    match algorithm {
        Some(algorithm) if read.header.crit.is_none() => {
            Ok(Presented { token, algorithm, kid: read.header.kid, issuer })
        }
        _ => Err(JwtError::Malformed),
    }
}

/// The algorithms that are accepted; `none` is not one that the library knows.
fn name_of(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::EdDSA => Some("EdDSA"),
        Algorithm::ES256 => Some("ES256"),
        Algorithm::RS256 => Some("RS256"),
        Algorithm::HS256 => Some("HS256"),
        _ => None,
    }
}

/// Verifies a token by a key (a JWK, RFC 7517) that its issuer is known to have.
///
/// The key says which algorithm is used, never the token: a public key can't be taken for a shared secret.
pub fn verify(
    presented: &Presented<'_>,
    key: &str,
    audience: Option<&str>,
    now: f64,
) -> Result<Verified, JwtError> {
    let key: Jwk = serde_json::from_str(key).map_err(|_| JwtError::Forged)?;
    let algorithm = algorithm(&key).ok_or(JwtError::Forged)?;
    let decoding = DecodingKey::from_jwk(&key).map_err(|_| JwtError::Forged)?;
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims = HashSet::new();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let claims = jsonwebtoken::decode::<Claims>(presented.token, &decoding, &validation);
    let claims = claims
        .map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::Json(_) => JwtError::Malformed,
            _ => JwtError::Forged,
        })?
        .claims;
    if claims.exp.is_nan() || claims.exp <= now {
        return Err(JwtError::Expired);
    }
    if claims.nbf.is_some_and(|nbf| nbf.is_nan() || nbf > now + CLOCK_SKEW) {
        return Err(JwtError::Early);
    }
    if let Some(wanted) = audience
        && !claims.aud.is_some_and(|audience| audience.contains(wanted))
    {
        return Err(JwtError::Audience);
    }
    if claims.sub.is_empty() {
        return Err(JwtError::Malformed);
    }
    let verified =
        !matches!(claims.email_verified, Some(value) if value != true && value != "true");
    Ok(Verified {
        subject: claims.sub,
        email: claims.email.filter(|_| verified),
        name: claims.name,
        expires: claims.exp.min(LAST_SECOND) as i64,
    })
}

/// A key of a set that can be used here.
#[derive(Debug, PartialEq)]
pub struct Usable {
    pub kid: String,
    pub algorithm: &'static str,
    /// The JWK.
    pub key: String,
}

/// The keys of a JWKS (RFC 7517, 5) that can verify tokens; others, such as those for encryption, are left out.
///
/// # Errors
/// What is wrong with the set: not a JWKS, no usable key, a private key, a key without kid, a short secret.
pub fn usable_keys(set: &str) -> Result<Vec<Usable>, String> {
    let JwkSet { keys } =
        serde_json::from_str(set).map_err(|error| format!("not a JWKS: {error}"))?;
    let raw: serde_json::Value =
        serde_json::from_str(set).map_err(|error| format!("not a JWKS: {error}"))?;
    let private = |key: &serde_json::Value| key.get("d").is_some();
    if raw["keys"].as_array().is_some_and(|keys| keys.iter().any(private)) {
        return Err("the JWKS has a private key, which is nobody's but the issuer's".into());
    }
    let mut usable: Vec<Usable> = Vec::new();
    for key in keys {
        let Some(algorithm) = algorithm(&key) else { continue };
        let name = name_of(algorithm).unwrap_or_default();
        let kid = key.common.key_id.clone().filter(|kid| !kid.is_empty());
        let kid = kid.ok_or("a key of the JWKS has no kid")?;
        let decoding =
            DecodingKey::from_jwk(&key).map_err(|_| format!("key {kid} is malformed"))?;
        if name == "HS256" && decoding.try_get_as_bytes().is_ok_and(|secret| secret.len() < 32) {
            return Err(format!("the secret {kid} is shorter than 256 bits (RFC 7518, 3.2)"));
        }
        if usable.iter().any(|other| other.kid == kid) {
            return Err(format!("the JWKS has two keys {kid}"));
        }
        let key = serde_json::to_string(&key).map_err(|error| error.to_string())?;
        usable.push(Usable { kid, algorithm: name, key });
    }
    if usable.is_empty() {
        return Err("the JWKS has no key for EdDSA, ES256, RS256 or HS256".into());
    }
    Ok(usable)
}

/// What a key is for, by its type, if it is for signatures that are accepted here.
fn algorithm(key: &Jwk) -> Option<Algorithm> {
    use jsonwebtoken::jwk::{KeyAlgorithm, PublicKeyUse};
    let (algorithm, named) = match &key.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        AlgorithmParameters::OctetKey(_) => (Algorithm::HS256, KeyAlgorithm::HS256),
        _ => return None,
    };
    let signs = key.common.public_key_use.as_ref().is_none_or(|u| *u == PublicKeyUse::Signature);
    let fits = key.common.key_algorithm.is_none_or(|of_key| of_key == named);
    (signs && fits).then_some(algorithm)
}

#[cfg(test)]
mod tests;
