//! Secrets that are shown once and stored as their hash.

use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const SESSION: &str = "saas_session_";
const KEY: &str = "saas_key_";
const INVITATION: &str = "saas_invite_";
const VERIFICATION: &str = "saas_verify_";

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
    match tenant_in(token, KEY) {
        Some(tenant) => Presented::Key(tenant, token),
        None => Presented::Nothing,
    }
}

/// The tenant that a secret names after its prefix.
fn tenant_in(token: &str, prefix: &str) -> Option<Uuid> {
    let (tenant, _) = token.strip_prefix(prefix)?.split_once('_')?;
    Uuid::try_parse(tenant).ok()
}

/// The tenant that an invitation claims to be for.
pub fn tenant_of_invitation(token: &str) -> Option<Uuid> {
    if token.len() > LONGEST { None } else { tenant_in(token, INVITATION) }
}

pub fn invitation_token(tenant: Uuid) -> Result<String> {
    random(format!("{INVITATION}{tenant}_"))
}

/// A new API key of a tenant, and its beginning, which may be shown later to tell keys apart.
pub fn api_key(tenant: Uuid) -> Result<(String, String)> {
    let beginning = format!("{KEY}{tenant}_");
    let shown = beginning.len() + 8;
    let key = random(beginning)?;
    let prefix = key.chars().take(shown).collect();
    Ok((key, prefix))
}

/// A new secret for a link.
pub fn verification() -> Result<String> {
    random(VERIFICATION.to_owned())
}

pub fn is_verification(secret: &str) -> bool {
    secret.starts_with(VERIFICATION)
}

/// A new code of eight digits, to be typed.
pub fn code() -> Result<String> {
    let mut bytes = [0u8; 8];
    fill(&mut bytes)?;
    Ok(format!("{:08}", u64::from_ne_bytes(bytes) % 100_000_000))
}

/// A code's hash, which is that of this verification only: equal codes of two have different ones.
pub fn hash_of_code(verification: Uuid, code: &str) -> Vec<u8> {
    let digest = Sha256::new().chain_update(verification.as_bytes()).chain_update(code.as_bytes());
    digest.finalize().to_vec()
}

pub fn session_token() -> Result<String> {
    random(SESSION.to_owned())
}

/// A new secret: 256 bits from the operating system behind a prefix.
fn random(prefix: String) -> Result<String> {
    let mut bytes = [0u8; 32];
    fill(&mut bytes)?;
    Ok(bytes.iter().fold(prefix, |token, byte| token + &format!("{byte:02x}")))
}

fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|e| Error::State(format!("no randomness to be had: {e}"), ""))
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
    fn a_key_names_its_tenant_and_shows_its_beginning() {
        let tenant = Uuid::from_u128(7);
        let (key, prefix) = api_key(tenant).unwrap();
        assert!(matches!(presented(&key), Presented::Key(found, _) if found == tenant));
        // 224 bits stay secret.
        assert!(key.starts_with(&prefix) && key.len() == prefix.len() + 56);
        assert_ne!(key, api_key(tenant).unwrap().0);
        assert_eq!(tenant_of_invitation(&key), None);
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
