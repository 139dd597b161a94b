//! Consents and other legal bases: what a person agreed to, in which words, until when.

use super::{hold_living, require_oneself_or_handler};
use crate::context::{from_uuid, new_id};
use crate::error::{Error, Result, given};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

const LEGAL_BASES: [&str; 6] = [
    "consent",
    "contract",
    "legal_obligation",
    "vital_interests",
    "public_task",
    "legitimate_interests",
];

pub fn legal_basis(given: &str) -> Result<&str> {
    match LEGAL_BASES.contains(&given) {
        true => Ok(given),
        false => Err(Error::Invalid(format!(
            "\"{given}\" is no legal basis: {}",
            LEGAL_BASES.join(", ")
        ))),
    }
}

/// Records what a person agreed to, or on which other legal basis his data is used.
#[pg_extern(volatile, parallel_unsafe)]
fn record_consent(
    user_id: Option<pgrx::Uuid>,
    purpose: Option<&str>,
    legal_basis: Option<&str>,
    version: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    let user_id = given(user_id, "user_id")?;
    require_oneself_or_handler(user_id)?;
    let purpose = named(purpose, "purpose")?;
    let basis = self::legal_basis(given(legal_basis, "legal_basis")?)?;
    let version = named(version, "version")?;
    Ok(as_data_owner(|| {
        one_at_a_time(user_id)?;
        // Said again, it is one consent: the newest row of a purpose is what applies.
        sql::run(
            "INSERT INTO saas.user_consents (id, user_id, purpose, legal_basis, version)
             SELECT $1, $2, $3, $4, $5
              WHERE NOT EXISTS (
                SELECT FROM (SELECT c.version, c.legal_basis, c.withdrawn_at FROM saas.user_consents c
                              WHERE c.user_id = $2 AND c.purpose = $3
                              ORDER BY c.granted_at DESC, c.id DESC LIMIT 1) newest
                 WHERE newest.withdrawn_at IS NULL AND newest.version = $5 AND newest.legal_basis = $4)",
            &[
                from_uuid(new_id()).into(),
                user_id.into(),
                purpose.into(),
                basis.into(),
                version.into(),
            ],
        )?;
        Ok(())
    })?)
}

/// Withdraws what a person agreed to for a purpose, in all its versions.
#[pg_extern(volatile, parallel_unsafe)]
fn withdraw_consent(
    user_id: Option<pgrx::Uuid>,
    purpose: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    let user_id = given(user_id, "user_id")?;
    require_oneself_or_handler(user_id)?;
    let purpose = named(purpose, "purpose")?;
    Ok(as_data_owner(|| {
        one_at_a_time(user_id)?;
        let withdrawn = sql::run(
            "UPDATE saas.user_consents SET withdrawn_at = greatest(now(), granted_at)
              WHERE user_id = $1 AND purpose = $2 AND withdrawn_at IS NULL",
            &[user_id.into(), purpose.into()],
        )?;
        match withdrawn {
            0 => Err(Error::State(
                format!("there is no consent to \"{purpose}\" that could be withdrawn"),
                "",
            )),
            _ => Ok(()),
        }
    })?)
}

/// Two statements of one person follow each other. The row is written, not only locked, so that under
/// REPEATABLE READ the second fails instead of deciding on an old snapshot.
fn one_at_a_time(person: pgrx::Uuid) -> Result<()> {
    sql::run("UPDATE saas.users SET name = name WHERE id = $1", &[person.into()])?;
    hold_living(person)
}

fn named<'a>(value: Option<&'a str>, name: &'static str) -> Result<&'a str> {
    let value = given(value, name)?;
    match value.trim().is_empty() {
        true => Err(Error::Invalid(format!("{name} must not be empty"))),
        false => Ok(value),
    }
}
