//! Reminders of overdue invoices, and who is behind.

use crate::billing::gate;
use crate::context::setting;
use crate::error::{Error, Result, given};
use crate::iam::kind::{self, Kind};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// How many tenants are locked at once.
const BATCH: i64 = 1000;

/// Reminds of overdue invoices; returns how many reminders were written.
#[pg_extern(volatile, parallel_unsafe)]
fn advance_dunning(
    as_of: default!(Option<TimestampWithTimeZone>, "now()"),
) -> std::result::Result<i64, ErrorReport> {
    if setting::current().is_some() || !kind::caller_is(&[Kind::Worker])? {
        gate::require_adjuster()?;
    }
    let as_of = given(as_of, "as_of")?;
    Ok(as_data_owner(|| {
        if sql::read_one::<bool>("SELECT isfinite($1)", &[as_of.into()])? != Some(true) {
            return Err(Error::Invalid("as_of must be a moment".into()));
        }
        let mut written = 0;
        let mut after: Option<pgrx::Uuid> = None;
        loop {
            // In a statement before, so that what is decided on is what was there when they were held.
            let tenants = sql::write(
                include_str!("../../sql/documents/dunning_tenants.sql"),
                &[as_of.into(), after.into(), BATCH.into()],
                |table| table.map(|row| Ok(row.get::<pgrx::Uuid>(1)?)).collect::<Result<Vec<_>>>(),
            )?;
            let tenants: Vec<_> = tenants.into_iter().flatten().collect();
            let Some(last) = tenants.last() else { return Ok(written) };
            after = Some(*last);
            written += advance(as_of, &tenants)?;
        }
    })?)
}

fn advance(as_of: TimestampWithTimeZone, tenants: &[pgrx::Uuid]) -> Result<i64> {
    let args = || [as_of.into(), tenants.to_vec().into()];
    sql::run(include_str!("../../sql/documents/settle_dunning.sql"), &args())?;
    sql::run(include_str!("../../sql/documents/catch_up.sql"), &args())?;
    sql::run(include_str!("../../sql/documents/fall_behind.sql"), &args())?;
    sql::run(include_str!("../../sql/documents/advance_dunning.sql"), &args())
}
