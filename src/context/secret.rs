//! Secrets that are shown once and stored as their hash.

use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const SESSION: &str = "saas_session_";
const KEY: &str = "saas_key_";

/// What a presented secret claims to be. Nothing of it is believed before its hash is found.
pub enum Presented<'a> {
    Session(&'a str),
    /// An API key names its tenant, so that it is looked up there.
    Key(Uuid, &'a str),
    Nothing,
}

/// Longer input is refused before it is hashed.
const LONGEST: usize = 200;

pub fn presented(token: &str) -> Presented<'_> {
    if token.len() > LONGEST {
        return Presented::Nothing;
    }
    if token.starts_with(SESSION) {
        return Presented::Session(token);
    }
    let tenant = token
        .strip_prefix(KEY)
        .and_then(|rest| rest.split_once('_'))
        .and_then(|(tenant, _)| Uuid::try_parse(tenant).ok());
    match tenant {
        Some(tenant) => Presented::Key(tenant, token),
        None => Presented::Nothing,
    }
}

/// A new session token with 256 bits from the operating system.
pub fn session_token() -> Result<String> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes)
        .map_err(|e| Error::State(format!("no randomness to be had: {e}"), ""))?;
    Ok(bytes.iter().fold(SESSION.to_owned(), |token, byte| token + &format!("{byte:02x}")))
}

/// SHA-256: enough for secrets of 256 random bits, which can't be guessed.
pub fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_and_new() {
        let (a, b) = (session_token().unwrap(), session_token().unwrap());
        assert_ne!(a, b);
        assert_eq!(a.len(), SESSION.len() + 64);
        assert!(matches!(presented(&a), Presented::Session(_)));
    }

    #[test]
    fn garbage_is_nothing() {
        for token in ["", "saas_key_", "saas_key_x_y", "x", &"saas_session_".repeat(100)] {
            assert!(matches!(presented(token), Presented::Nothing), "{token}");
        }
        let key = format!("saas_key_{}_00", Uuid::nil());
        assert!(matches!(presented(&key), Presented::Key(tenant, _) if tenant.is_nil()));
    }

    #[test]
    fn hash_is_sha256() {
        let hex: String = hash("abc").iter().map(|b| format!("{b:02x}")).collect();
        assert!(hex.starts_with("ba7816bf8f01cfea"));
    }
}
