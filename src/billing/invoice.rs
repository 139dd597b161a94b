//! Invoices: made from a period that has ended, numbered when finalized, made again after a void.

use super::batch::{self, Batch, Work};
use super::{gate, ledger};
use crate::error::{Error, Result, given};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::datum::Date;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::spi::SpiTupleTable;

const REISSUE: &str = concat!(
    include_str!("../../sql/billing/asked_void.sql"),
    include_str!("../../sql/billing/sources_void.sql"),
    include_str!("../../sql/billing/invoice_lines.sql"),
    include_str!("../../sql/billing/store_invoices.sql"),
    include_str!("../../sql/billing/rename_in_chain.sql"),
);

/// The invoice of the tenant's billing period that contains a day, made if it is not there yet.
#[pg_extern(volatile, parallel_unsafe)]
fn generate_invoice(
    tenant_id: Option<pgrx::Uuid>,
    period: Option<Date>,
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    gate::require_biller()?;
    let tenant_id = given(tenant_id, "tenant_id")?;
    let period = given(period, "period")?;
    Ok(as_data_owner(|| generate(tenant_id, period))?)
}

fn generate(tenant: pgrx::Uuid, day: Date) -> Result<pgrx::Uuid> {
    // First, so that of two callers the second finds what the first has made.
    ledger::lock(tenant)?;
    let now = pgrx::datum::datetime_support::transaction_timestamp();
    let void = sql::write_one::<pgrx::Uuid>(
        include_str!("../../sql/billing/find_void_alone.sql"),
        &[tenant.into(), day.into()],
    )?;
    if let Some(void) = void {
        return reissue(tenant, void);
    }
    loop {
        let open = sql::write(
            include_str!("../../sql/billing/find_open.sql"),
            &[tenant.into(), day.into(), now.into()],
            |mut rows| {
                let Some(row) = rows.next() else { return Ok(None) };
                let found = row.get::<pgrx::Uuid>(1)?.zip(row.get::<Date>(2)?);
                Ok(found.zip(row.get::<bool>(3)?))
            },
        )?;
        let closed = sql::write(FIND_BILLED, &[tenant.into(), day.into()], billed)?;
        match (open, closed) {
            // All up to that day are closed, earlier ones that were left open first.
            (Some(((subscription, period), true)), _) => {
                let mut batch = Batch::new(Work::Periods);
                batch.push(tenant, subscription, period);
                batch.bill()?;
            }
            (_, Some(billed)) if billed.is_void => return reissue(tenant, billed.invoice),
            (_, Some(billed)) => return Ok(billed.invoice),
            (Some((_, false)), None) => {
                return Err(Error::State(
                    "the billing period still runs".into(),
                    "It can be billed when its last day is over in the tenant's time zone.",
                ));
            }
            (None, None) => return one_off(tenant, day),
        }
    }
}

/// The invoice of a closed period.
pub struct Billed {
    pub invoice: pgrx::Uuid,
    pub is_void: bool,
    /// Whether the period contains the day itself, not only its month.
    pub holds: bool,
    pub start: Option<Date>,
}

pub const FIND_BILLED: &str = include_str!("../../sql/billing/find_billed.sql");

/// What `FIND_BILLED` found.
pub fn billed(mut rows: SpiTupleTable<'_>) -> Result<Option<Billed>> {
    let Some(row) = rows.next() else { return Ok(None) };
    let (Some(invoice), Some(status)) = (row.get(1)?, row.get::<String>(2)?) else {
        return Ok(None);
    };
    let holds = row.get(3)? == Some(true);
    Ok(Some(Billed { invoice, is_void: status == "void", holds, start: row.get(4)? }))
}

/// A new draft in place of a void invoice, of what that one was made of.
fn reissue(tenant: pgrx::Uuid, void: pgrx::Uuid) -> Result<pgrx::Uuid> {
    ledger::expire(&[tenant])?;
    let balance = sql::write_one::<i64>(ledger::BALANCE, &[tenant.into()])?;
    sql::write(REISSUE, &[tenant.into(), void.into(), balance.into()], |mut rows| {
        Ok(rows.next().map(|row| row.get::<pgrx::Uuid>(2)).transpose()?.flatten())
    })?
    .ok_or_else(|| Error::State("there is nothing left to bill again".into(), ""))
}

/// The invoice of a tenant without a contract on that day: for late usage of one that has ended.
fn one_off(tenant: pgrx::Uuid, day: Date) -> Result<pgrx::Uuid> {
    let today = sql::read_one::<bool>(
        "SELECT $2 = (now() AT TIME ZONE time_zone)::date FROM saas.tenants WHERE id = $1",
        &[tenant.into(), day.into()],
    )?;
    if today == Some(true) {
        let late = batch::late_of(tenant)?;
        if late.len() > 0 {
            late.bill()?;
        }
    }
    let found = sql::write(
        include_str!("../../sql/billing/find_one_off.sql"),
        &[tenant.into(), day.into()],
        |mut rows| {
            let Some(row) = rows.next() else { return Ok(None) };
            Ok(row.get::<pgrx::Uuid>(1)?.zip(row.get::<String>(2)?))
        },
    )?;
    match found {
        Some((void, status)) if status == "void" => reissue(tenant, void),
        Some((invoice, _)) => Ok(invoice),
        None => Err(Error::State("the tenant had no subscription on that day".into(), "")),
    }
}

/// Opens a draft and returns the number it gets; NULL for one that charges nothing and goes without.
#[pg_extern(volatile, parallel_unsafe)]
fn finalize_invoice(
    invoice_id: Option<pgrx::Uuid>,
) -> std::result::Result<Option<String>, ErrorReport> {
    gate::require_biller()?;
    let invoice_id = given(invoice_id, "invoice_id")?;
    Ok(as_data_owner(|| finalize(invoice_id))?)
}

fn finalize(invoice: pgrx::Uuid) -> Result<Option<String>> {
    let opened = sql::write(
        include_str!("../../sql/billing/finalize.sql"),
        &[invoice.into()],
        |mut rows| {
            let Some(row) = rows.next() else { return Ok(None) };
            let (number, total) = (row.get::<String>(1)?, row.get::<i64>(2)?);
            Ok(Some((number, total == Some(0) && row.get::<bool>(3)? == Some(false))))
        },
    )?;
    if let Some((number, is_settled)) = opened {
        if is_settled {
            // Nothing is owed, so nothing is waited for.
            sql::run(
                "UPDATE saas.payment_invoices SET status = 'paid', paid_at = now() WHERE id = $1",
                &[invoice.into()],
            )?;
        }
        return Ok(number);
    }
    let known = sql::write(
        "SELECT number, status FROM saas.payment_invoices WHERE id = $1",
        &[invoice.into()],
        |mut rows| {
            let Some(row) = rows.next() else { return Ok(None) };
            Ok(row.get::<String>(2)?.map(|status| (row.get::<String>(1), status)))
        },
    )?;
    match known {
        Some((number, status)) => match (number?, status.as_str()) {
            (None, "void") => Err(Error::State(
                "this invoice was voided before it had a number".into(),
                "saas.generate_invoice makes a new one for its period.",
            )),
            (number, _) => Ok(number),
        },
        None => Err(Error::NoSuchRow("no such invoice".into())),
    }
}
