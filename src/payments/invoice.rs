//! Our invoices, as a provider collects them.

use super::effect::{Findings, Outcome, Subject};
use super::key::Key;
use super::{subscription, transition};
use crate::context::from_uuid;
use crate::error::{Error, Result};
use crate::sql;
use uuid::Uuid;

/// The money that came.
pub struct Payment<'a> {
    pub amount: i64,
    pub currency: &'a str,
    pub paid_at: i64,
}

/// One of the tenant's invoices, locked.
struct Ours {
    id: pgrx::Uuid,
    status: String,
    total: i64,
    currency: String,
    subscription: Option<pgrx::Uuid>,
    /// The provider's id.
    linked: Option<String>,
}

const ENTITY: &str = "payment_invoices";

/// The provider has collected an invoice.
pub fn paid(
    subject: Subject,
    payment: &Payment,
    ours: Option<Uuid>,
    findings: &mut Findings,
) -> Result<Outcome> {
    let ours = find(subject, ours, findings)?;
    match ours.status.as_str() {
        "paid" if ours.total == 0 && payment.amount > 0 => {
            return Err(Error::State(
                "of this invoice nothing was due, but it was paid".into(),
                "Give the money back.",
            ));
        }
        "paid" => return Ok(Outcome::Ignored),
        "draft" => return Err(not_finalized()),
        "void" => {
            return Err(Error::State(
                "this invoice is void, but was paid".into(),
                "Give the money back.",
            ));
        }
        _ => {}
    }
    if (payment.amount, payment.currency) != (ours.total, ours.currency.as_str()) {
        return Err(Error::Conflict(format!(
            "{} {} came in, but the invoice is for {} {}",
            payment.amount, payment.currency, ours.total, ours.currency
        )));
    }
    go(subject, &ours, "paid", Some(payment.paid_at))?;
    subscription::invoice_paid(subject, ours.subscription)?;
    Ok(Outcome::Applied)
}

/// The provider could not collect an invoice, and may try again.
pub fn failed(subject: Subject, ours: Option<Uuid>, findings: &mut Findings) -> Result<Outcome> {
    let ours = find(subject, ours, findings)?;
    match ours.status.as_str() {
        "open" => {}
        "draft" => return Err(not_finalized()),
        _ => return Ok(Outcome::Ignored),
    }
    go(subject, &ours, "failed", None)?;
    subscription::invoice_failed(subject, ours.subscription)?;
    Ok(Outcome::Applied)
}

fn not_finalized() -> Error {
    Error::State(
        "this invoice is not finalized yet".into(),
        "Finalize it: the event is tried again.",
    )
}

/// The invoice that the provider's is linked to, or that its metadata names and that is this tenant's.
fn find(subject: Subject, named: Option<Uuid>, findings: &mut Findings) -> Result<Ours> {
    let Key { provider, id, .. } = subject.key;
    let named = named.map(from_uuid);
    let ours = sql::write(
        include_str!("../../sql/payments/find_invoice.sql"),
        &[subject.tenant.into(), provider.into(), id.into(), named.into()],
        |mut rows| {
            let Some(row) = rows.next() else {
                return Ok(None);
            };
            let (Some(id), Some(status), Some(total), Some(currency)) =
                (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)
            else {
                return Ok(None);
            };
            Ok(Some(Ours {
                id,
                status,
                total,
                currency,
                subscription: row.get(5)?,
                linked: row.get(6)?,
            }))
        },
    )?;
    match (ours, named) {
        (Some(ours), _) if ours.linked.as_deref().is_some_and(|linked| linked != id) => {
            Err(Error::Conflict("the invoice that metadata names is linked to another one".into()))
        }
        (Some(ours), Some(named)) if ours.id != named => Err(Error::Conflict(
            "metadata names another invoice than the one it is linked to".into(),
        )),
        (Some(ours), _) => Ok(ours),
        (None, None) => Err(Error::NoSuchRow(format!(
            "no invoice is linked to \"{id}\" yet: saas.link_provider_invoice does"
        ))),
        (None, Some(named)) => {
            findings.foreign = sql::write_one(
                "SELECT tenant_id FROM saas.payment_invoices WHERE id = $1",
                &[named.into()],
            )?;
            Err(Error::NoSuchRow("the invoice that metadata names is none of this tenant's".into()))
        }
    }
}

/// Moves it on, and links it if metadata led here.
fn go(subject: Subject, ours: &Ours, to: &str, paid_at: Option<i64>) -> Result<()> {
    for state in transition::path(ENTITY, &ours.status, to)? {
        sql::run(
            "UPDATE saas.payment_invoices
                SET status = $3, paid_at = CASE $3 WHEN 'paid' THEN to_timestamp($4) END,
                    provider = $5, provider_invoice_id = $6
              WHERE tenant_id = $1 AND id = $2",
            &[
                subject.tenant.into(),
                ours.id.into(),
                state.into(),
                paid_at.into(),
                subject.key.provider.into(),
                subject.key.id.into(),
            ],
        )?;
    }
    Ok(())
}
