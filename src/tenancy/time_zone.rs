//! The names of time zones.

use crate::error::{Error, Result};
use crate::iam::check::nearest;
use crate::sql;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::rc::Rc;

thread_local! {
    // Reading them takes PostgreSQL a file each.
    static NAMES: OnceCell<Rc<BTreeSet<String>>> = const { OnceCell::new() };
}

/// PostgreSQL also takes what POSIX calls a time zone, such as `A167`: a week from here, and days are what is billed.
///
/// # Errors
/// 22023 for what is no name, with the nearest that is as hint.
#[pg_extern(stable, parallel_restricted)]
fn require_time_zone(time_zone: Option<&str>) -> std::result::Result<(), ErrorReport> {
    // A NULL is refused by its column.
    let Some(name) = time_zone else { return Ok(()) };
    let names = names()?;
    if names.contains(name) {
        return Ok(());
    }
    let nearest = nearest(name, names.iter().map(String::as_str));
    Err(Error::UnknownKey(format!("time zone \"{name}\" is not known"), nearest).into())
}

fn names() -> Result<Rc<BTreeSet<String>>> {
    if let Some(names) = NAMES.with(|names| names.get().cloned()) {
        return Ok(names);
    }
    let found = sql::read_rows(
        "SELECT name FROM pg_timezone_names WHERE name !~ '^(posix|right)/' AND name NOT IN ('Factory', 'localtime', 'posixrules')",
        &[],
        |row| Ok(row.get::<String>(1)?),
    )?;
    let found = Rc::new(found.into_iter().flatten().collect());
    Ok(NAMES.with(|names| names.get_or_init(|| found).clone()))
}
