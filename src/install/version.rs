//! Which data version the tables have, and whether this code works with it.
//!
//! Code accepts its own version and the one before, so that there is no outage between a new library and
//! `saas.migrate()`. Whatever it does with the tables goes through [`crate::owner::as_data_owner`], which asks here.

use crate::error::{Error, Result};
use crate::iam::{epoch, fresh};
use crate::{owner, sql};
use std::cell::Cell;

/// What changes the tables that are there from each version to the next: the first leads from 1 to 2. What is only
/// missing, install makes. Released steps are never changed.
#[cfg(not(feature = "data_version_2"))]
pub const STEPS: &[&str] = &[];
// The next versions, as the upgrade suite builds them.
#[cfg(all(feature = "data_version_2", not(feature = "data_version_3")))]
pub const STEPS: &[&str] = &[include_str!("../../tests/upgrade/2.sql")];
#[cfg(feature = "data_version_3")]
pub const STEPS: &[&str] =
    &[include_str!("../../tests/upgrade/2.sql"), include_str!("../../tests/upgrade/3.sql")];

/// The data version that this code was written for.
pub const DATA_VERSION: i32 = STEPS.len() as i32 + 1;

thread_local! {
    /// The last message to everybody before the version was found to be right. Its table sends one.
    static ACCEPTED: Cell<u64> = const { Cell::new(0) };
}

/// # Errors
/// 55000 when the tables are of a version that this code does not work with.
pub fn require_known() -> Result<()> {
    if ACCEPTED.get() == epoch::last(None) {
        return Ok(());
    }
    epoch::attend();
    let at = epoch::last(None);
    match there()? {
        Some(version) if version > DATA_VERSION => Err(newer(version)),
        Some(version) if version < DATA_VERSION - 1 => Err(older(version)),
        // Without a row the tables are just being made.
        _ => {
            ACCEPTED.set(at);
            Ok(())
        }
    }
}

pub fn newer(version: i32) -> Error {
    Error::State(
        format!(
            "the tables are of data version {version}, and this library knows no later one than {DATA_VERSION}"
        ),
        "Install the library that made them, or a later one; sessions that are open use the old one until they end.",
    )
}

pub fn older(version: i32) -> Error {
    Error::State(
        format!(
            "the tables are of data version {version}, and this library works with {DATA_VERSION}"
        ),
        "Call saas.migrate() as the owner of the database.",
    )
}

/// The version as it is now, whatever the transaction's snapshot. None where there is none yet.
fn there() -> Result<Option<i32>> {
    if owner::relation(c"schema_version").is_none() {
        return Ok(None);
    }
    let mut version = None;
    owner::as_role(owner::data_owner()?, || {
        fresh::read_now("SELECT version FROM saas.schema_version", &[], &[], |row| {
            version = row.get::<i32>(1);
        })
    })?;
    Ok(version)
}

/// The version, held until the end of the transaction, so that two don't migrate at once. As the data owner.
pub fn hold() -> Result<Option<i32>> {
    if owner::relation(c"schema_version").is_none() {
        return Ok(None);
    }
    sql::run("LOCK TABLE saas.schema_version IN SHARE ROW EXCLUSIVE MODE", &[])?;
    sql::write_one::<i32>("SELECT version FROM saas.schema_version", &[])
}
