//! Invoices that will not be paid: void ones, and those given up.

use super::{gate, ledger};
use crate::error::{Error, Result, given};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Declares an invoice void and gives its credits back.
#[pg_extern(volatile, parallel_unsafe)]
fn void_invoice(
    invoice_id: Option<pgrx::Uuid>,
    reason: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    gate::require_adjuster()?;
    let invoice_id = given(invoice_id, "invoice_id")?;
    let reason = stated(reason)?;
    Ok(as_data_owner(|| void(invoice_id, reason))?)
}

fn void(invoice: pgrx::Uuid, reason: &str) -> Result<()> {
    let (tenant, status) = find(invoice)?;
    let args = || [tenant.into(), invoice.into(), reason.into()];
    if sql::run(include_str!("../../sql/billing/void.sql"), &args())? == 0 {
        return Err(cannot(&status, "voided"));
    }
    let credited = sql::write_one::<bool>(
        "SELECT EXISTS (SELECT FROM saas.credit_notes WHERE tenant_id = $1 AND invoice_id = $2)",
        &[tenant.into(), invoice.into()],
    )?;
    if credited == Some(true) {
        return Err(Error::State(
            "this invoice has credit notes".into(),
            "saas.credit_invoice takes back what is left of it.",
        ));
    }
    let given = sql::write_one::<bool>(
        "SELECT EXISTS (SELECT FROM saas.tenant_credit_ledger g
                          JOIN saas.credit_allocations a ON a.tenant_id = g.tenant_id AND a.grant_id = g.id
                         WHERE g.tenant_id = $1 AND g.invoice_id = $2 AND g.delta > 0)",
        &[tenant.into(), invoice.into()],
    )?;
    if given == Some(true) {
        return Err(Error::State(
            "the credits that this invoice gave have been used".into(),
            "Void the invoice that used them first.",
        ));
    }
    sql::run(include_str!("../../sql/billing/take_carried_back.sql"), &args())?;
    sql::run(include_str!("../../sql/billing/give_back.sql"), &args())?;
    if matches!(status.as_str(), "failed" | "uncollectible") {
        ledger::recover(tenant)?;
    }
    Ok(())
}

/// Gives an invoice up: nobody expects its money any more, but it may still come.
#[pg_extern(volatile, parallel_unsafe)]
fn mark_uncollectible(
    invoice_id: Option<pgrx::Uuid>,
    reason: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    gate::require_adjuster()?;
    let invoice_id = given(invoice_id, "invoice_id")?;
    let reason = stated(reason)?;
    Ok(as_data_owner(|| {
        let (tenant, status) = find(invoice_id)?;
        let given_up = sql::run(
            "UPDATE saas.payment_invoices i SET status = 'uncollectible', status_reason = $3
              WHERE i.tenant_id = $1 AND i.id = $2
                AND EXISTS (SELECT FROM saas.state_transitions t
                             WHERE t.entity = 'payment_invoices' AND t.from_state = i.status AND t.to_state = 'uncollectible')
              RETURNING i.id",
            &[tenant.into(), invoice_id.into(), reason.into()],
        )?;
        if given_up == 0 { Err(cannot(&status, "marked uncollectible")) } else { Ok(()) }
    })?)
}

/// The invoice's tenant and status; holds both until the end of the transaction, the tenant first, as
/// everybody does who changes what a tenant owes.
pub fn find(invoice: pgrx::Uuid) -> Result<(pgrx::Uuid, String)> {
    let missing = || Error::NoSuchRow("no such invoice".into());
    let tenant = sql::read_one::<pgrx::Uuid>(
        "SELECT tenant_id FROM saas.payment_invoices WHERE id = $1",
        &[invoice.into()],
    )?
    .ok_or_else(missing)?;
    ledger::lock(tenant)?;
    let status = sql::write_one::<String>(
        "SELECT status FROM saas.payment_invoices WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
        &[tenant.into(), invoice.into()],
    )?;
    Ok((tenant, status.ok_or_else(missing)?))
}

pub fn stated(reason: Option<&str>) -> Result<&str> {
    let reason = given(reason, "reason")?;
    if reason.trim().is_empty() {
        return Err(Error::Invalid("the reason must say something".into()));
    }
    Ok(reason)
}

fn cannot(status: &str, what: &str) -> Error {
    let hint = match status {
        "paid" => "A paid invoice is final.",
        _ => "",
    };
    Error::State(format!("an invoice that is {status} can't be {what}"), hint)
}
