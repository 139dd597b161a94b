use super::*;
use jsonwebtoken::{EncodingKey, Header, encode};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: f64 = 1_800_000_000.0;
const SECRET: &[u8] = b"a secret of 256 bits or more, as RFC 7518 asks";

fn signers() -> [(Algorithm, EncodingKey); 4] {
    [
        (Algorithm::EdDSA, EncodingKey::from_ed_der(include_bytes!("test_keys/ed25519.der"))),
        (Algorithm::ES256, EncodingKey::from_ec_der(include_bytes!("test_keys/p256.der"))),
        (Algorithm::RS256, EncodingKey::from_rsa_der(include_bytes!("test_keys/rsa2048.der"))),
        (Algorithm::HS256, EncodingKey::from_secret(SECRET)),
    ]
}

fn jwk(algorithm: Algorithm, key: &EncodingKey) -> Value {
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(key, algorithm).unwrap()).unwrap();
    jwk["kid"] = format!("{algorithm:?}").into();
    jwk
}

fn claims() -> Value {
    json!({"iss": "https://login.example.com/", "sub": "user-1", "exp": NOW + 60.0})
}

fn token(algorithm: Algorithm, key: &EncodingKey, claims: &Value) -> String {
    let header = Header { kid: Some(format!("{algorithm:?}")), ..Header::new(algorithm) };
    encode(&header, claims, key).unwrap()
}

fn check(
    token: &str,
    key: &Value,
    audience: Option<&str>,
) -> std::result::Result<Verified, JwtError> {
    verify(&presented(token)?, &key.to_string(), audience, NOW)
}

fn by_secret(claims: &Value) -> std::result::Result<Verified, JwtError> {
    let key = EncodingKey::from_secret(SECRET);
    check(&token(Algorithm::HS256, &key, claims), &jwk(Algorithm::HS256, &key), Some("us"))
}

fn base64url(bytes: &[u8]) -> String {
    // What the library itself writes into a token.
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for i in 0..=chunk.len() {
            text.push(DIGITS[(word >> (18 - 6 * i) & 63) as usize] as char);
        }
    }
    text
}

#[test]
fn each_algorithm_verifies_its_own_tokens_and_no_others() {
    for (algorithm, signer) in signers() {
        let token = token(algorithm, &signer, &claims());
        let read = presented(&token).unwrap();
        assert_eq!(
            (read.algorithm, read.issuer.as_str()),
            (&*format!("{algorithm:?}"), "https://login.example.com/")
        );
        for (other, key) in signers() {
            let verified = check(&token, &jwk(other, &key), None);
            assert_eq!(
                verified.is_ok(),
                other == algorithm,
                "{algorithm:?} by {other:?}: {verified:?}"
            );
        }
        // One bit of any part.
        for (place, byte) in token.bytes().enumerate().step_by(7) {
            let mut forged = token.clone().into_bytes();
            forged[place] = if byte == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            // The last digit of a part has bits that are no part of it.
            if !forged[place + 1..].is_empty() && !forged[place + 1..].starts_with('.') {
                assert!(check(&forged, &jwk(algorithm, &signer), None).is_err(), "{forged}");
            }
        }
    }
}

#[test]
fn a_public_key_is_no_shared_secret() {
    // The attack that made JWT infamous: HS256 with the bytes of the public key, in each form it may be kept in.
    for (algorithm, signer) in signers().into_iter().take(3) {
        let public = jwk(algorithm, &signer);
        for secret in [
            public.to_string().into_bytes(),
            public["x"].as_str().or(public["n"].as_str()).unwrap().as_bytes().to_vec(),
        ] {
            let header = Header { kid: Some("k".into()), ..Header::new(Algorithm::HS256) };
            let forged = encode(&header, &claims(), &EncodingKey::from_secret(&secret)).unwrap();
            assert_eq!(check(&forged, &public, None), Err(JwtError::Forged));
        }
    }
}

#[test]
fn none_is_no_algorithm() {
    let body = base64url(claims().to_string().as_bytes());
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"None"}"#,
        r#"{"alg":""}"#,
        r#"{}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"alg":"PS256"}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":"HS256","crit":["exp"]}"#,
        "null",
        "[]",
        "not json",
    ] {
        for signature in ["", "AAAA"] {
            let token = format!("{}.{body}.{signature}", base64url(header.as_bytes()));
            assert!(matches!(presented(&token), Err(JwtError::Malformed)), "{header}");
        }
    }
}

#[test]
fn time_and_audience() {
    let with = |change: Value| {
        let mut all = claims();
        all["aud"] = "us".into();
        for (name, value) in change.as_object().unwrap() {
            all[name] = value.clone();
        }
        by_secret(&all)
    };
    assert_eq!(with(json!({})).unwrap().expires, NOW as i64 + 60);
    assert_eq!(with(json!({"exp": NOW})), Err(JwtError::Expired));
    assert_eq!(with(json!({"exp": NOW - 1.0})), Err(JwtError::Expired));
    assert_eq!(with(json!({"exp": -1e300})), Err(JwtError::Expired));
    assert_eq!(with(json!({"exp": NOW + 0.5})).unwrap().expires, NOW as i64);
    assert_eq!(with(json!({"exp": 1e300})).unwrap().expires, LAST_SECOND as i64);
    for exp in [json!(null), json!("1900000000"), json!([1]), json!(true)] {
        assert_eq!(with(json!({ "exp": exp })), Err(JwtError::Malformed));
    }
    assert!(with(json!({"nbf": NOW + 60.0})).is_ok());
    assert_eq!(with(json!({"nbf": NOW + 61.0})), Err(JwtError::Early));
    assert!(with(json!({"aud": ["them", "us"]})).is_ok());
    for audience in [json!("them"), json!(["them"]), json!([]), json!(null)] {
        assert_eq!(with(json!({ "aud": audience })), Err(JwtError::Audience));
    }
    assert_eq!(with(json!({"sub": ""})), Err(JwtError::Malformed));
    assert_eq!(with(json!({"sub": 7})), Err(JwtError::Malformed));
}

#[test]
fn an_unverified_address_is_none() {
    let email = |change: Value| {
        let mut all = claims();
        all["aud"] = "us".into();
        all["email"] = "jane@example.com".into();
        all["email_verified"] = change;
        by_secret(&all).unwrap().email
    };
    assert!(
        email(json!(null)).is_some()
            && email(json!(true)).is_some()
            && email(json!("true")).is_some()
    );
    assert!(
        email(json!(false)).is_none()
            && email(json!("false")).is_none()
            && email(json!(0)).is_none()
    );
}

#[test]
fn the_example_of_rfc_7515_is_signed_by_its_key() {
    // Appendix A.1 and A.3. Its claims name no subject, so that only the signatures can be right.
    let hs256 = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let secret = json!({"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"});
    assert_eq!(check(hs256, &secret, None), Err(JwtError::Malformed));
    assert_eq!(
        check(&format!("{}A", &hs256[..hs256.len() - 1]), &secret, None),
        Err(JwtError::Forged)
    );
    let es256 = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let public = json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
    assert_eq!(check(es256, &public, None), Err(JwtError::Malformed));
    assert_eq!(check(es256, &jwk(Algorithm::ES256, &signers()[1].1), None), Err(JwtError::Forged));
}

#[test]
fn a_set_gives_its_usable_keys() {
    let mut keys: Vec<Value> =
        signers().iter().map(|(algorithm, key)| jwk(*algorithm, key)).collect();
    keys.push(json!({"kty": "RSA", "use": "enc", "kid": "e", "n": "AQAB", "e": "AQAB"}));
    keys.push(json!({"kty": "EC", "crv": "P-384", "kid": "p", "x": "AQAB", "y": "AQAB"}));
    keys.push(json!({"kty": "future", "kid": "f"}));
    let usable = usable_keys(&json!({ "keys": keys }).to_string()).unwrap();
    let found: Vec<_> = usable.iter().map(|key| (key.kid.as_str(), key.algorithm)).collect();
    assert_eq!(found, ["EdDSA", "ES256", "RS256", "HS256"].map(|name| (name, name)));
    for (wrong, says) in [
        (json!([]), "not a JWKS"),
        (json!({"keys": []}), "no key for"),
        (json!({"keys": [{"kty": "oct", "kid": "k", "k": "c2hvcnQ"}]}), "shorter than 256 bits"),
        (json!({"keys": [keys[0], keys[0]]}), "two keys"),
        (
            json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": "AAAA", "d": "AAAA"}]}),
            "private key",
        ),
        (json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}]}), "no kid"),
    ] {
        let error = usable_keys(&wrong.to_string()).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

proptest! {
    #[test]
    fn garbage_is_refused_quietly(text in ".{0,300}", a in "[A-Za-z0-9_-]{0,80}", b in "[A-Za-z0-9_-]{0,80}", c in "[A-Za-z0-9_-]{0,80}") {
        prop_assert!(presented(&text).is_err());
        let three_parts = format!("{a}.{b}.{c}");
        prop_assert!(presented(&three_parts).is_err());
        prop_assert!(usable_keys(&text).is_err());
        let (_, signer) = &signers()[0];
        let token = token(Algorithm::EdDSA, signer, &claims());
        prop_assert!(verify(&presented(&token).unwrap(), &text, None, NOW).is_err());
    }
}
