//! The deferred trigger that holds an invoice to its lines.

use crate::owner::as_data_owner;
use crate::sql;
use pgrx::pg_sys::panic::{ErrorReport, ErrorReportable};
use pgrx::prelude::*;

const WRONG_SUMS: &str = include_str!("../../sql/billing/wrong_invoice_sums.sql");

/// At commit: the lines of an invoice add up to its amounts.
///
/// Deferred triggers run as whoever commits, hence the guard.
#[pg_trigger]
fn check_invoice_total<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, pgrx::datum::TryFromDatumError> {
    if let Some(invoice) = trigger.new() {
        let tenant = invoice.get_by_name::<pgrx::Uuid>("tenant_id")?;
        let id = invoice.get_by_name::<pgrx::Uuid>("id")?;
        let wrong =
            as_data_owner(|| sql::read_one::<String>(WRONG_SUMS, &[tenant.into(), id.into()]))
                .map_err(ErrorReport::from)
                .unwrap_or_report();
        if let Some(wrong) = wrong {
            ErrorReport::new(PgSqlErrorCode::ERRCODE_CHECK_VIOLATION, wrong, "check_invoice_total")
                .report(PgLogLevel::ERROR);
        }
    }
    Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByPostgres>>)
}
