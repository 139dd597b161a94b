//! The evidence of each day for SOC 2 and ISO 27001, by control.

use super::invariants::{self, may_check};
use super::verify;
use crate::error::{Error, Result, given};
use crate::jsonb::Jsonb;
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

type Finding = (String, String, String, Option<Jsonb>);

/// Every control that a finding is of.
const CONTROLS: &[&str] = &[
    "CC4.1", "CC6.1", "CC6.2", "CC6.3", "CC7.2", "CC7.3", "CC7.4", "CC7.5", "CC8.1", "C1.2",
    "P2.1", "P4.2", "P4.3", "P5.1", "P8.1", "A.5.15", "A.5.16", "A.5.17", "A.5.18", "A.5.25",
    "A.5.26", "A.5.27", "A.5.33", "A.5.34", "A.5.36", "A.8.2", "A.8.3", "A.8.10", "A.8.15",
    "A.8.16", "A.8.32",
];
/// What Rust finds, and SQL doesn't.
const INVARIANTS: &str = "CC4.1/A.5.36";
const TAMPERING: &str = "CC7.2/A.8.15";

/// What happened since a time and what is not as it should be now, by control.
#[pg_extern(stable, parallel_unsafe)]
#[allow(clippy::type_complexity)] // the row's columns
fn evidence(
    control: default!(Option<&str>, "NULL"),
    since: default!(Option<TimestampWithTimeZone>, "now() - interval '1 day'"),
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(control, String),
            name!(finding, String),
            name!(subject, String),
            name!(detail, Option<Jsonb>),
        ),
    >,
    ErrorReport,
> {
    may_check()?;
    let since = given(since, "since")?;
    if let Some(control) = control
        && !CONTROLS.contains(&control)
    {
        let known = CONTROLS.join(", ");
        return Err(
            Error::Invalid(format!("no finding is of control \"{control}\": {known}")).into()
        );
    }
    Ok(TableIterator::new(as_data_owner(|| findings(control, since))?))
}

fn findings(control: Option<&str>, since: TimestampWithTimeZone) -> Result<Vec<Finding>> {
    super::in_utc();
    let asked = |of: &str| control.is_none_or(|control| of.split('/').any(|one| one == control));
    let mut found = sql::read_rows(
        include_str!("../../sql/audit/evidence.sql"),
        &[since.into(), control.into()],
        |row| {
            let text = |number| Ok::<_, Error>(row.get::<String>(number)?.unwrap_or_default());
            Ok((text(1)?, text(2)?, text(3)?, row.get::<Jsonb>(4)?.map(Jsonb::keep)))
        },
    )?;
    if asked(INVARIANTS) {
        for (invariant, object, detail) in invariants::broken()? {
            let detail = detail_of([("invariant", invariant), ("detail", detail)])?;
            found.push((INVARIANTS.into(), "invariant_broken".into(), object, detail));
        }
    }
    if asked(TAMPERING) {
        for (seal, problem) in verify::problems()? {
            let subject =
                seal.map_or("platform_audit_logs".into(), |seal| format!("audit_seals {seal}"));
            let detail = detail_of([("problem", problem)])?;
            found.push((TAMPERING.into(), "audit_log_not_as_sealed".into(), subject, detail));
        }
    }
    Ok(found)
}

fn detail_of<const N: usize>(pairs: [(&str, String); N]) -> Result<Option<Jsonb>> {
    let (keys, values): (Vec<String>, Vec<String>) =
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).unzip();
    sql::read(
        "SELECT jsonb_object($1::text[], $2::text[])",
        &[keys.into(), values.into()],
        |table| Ok(table.first().get::<Jsonb>(1)?.map(Jsonb::keep)),
    )
}
