//! Taking invoices back, with a number of its own.

use crate::billing::credit_note::{Group, reverse};
use crate::billing::ledger;
use crate::billing::void::find;
use crate::error::{Error, Result};
use crate::sql;

/// What is left of an invoice's money, in minor units.
struct Left {
    /// What is due still.
    due: i64,
    /// What came in and was not paid back.
    paid: i64,
}

pub fn write(
    invoice: pgrx::Uuid,
    reason: &str,
    amount: Option<i64>,
    refund_reference: Option<&str>,
) -> Result<pgrx::Uuid> {
    if reason.trim().is_empty() {
        return Err(Error::Invalid("the reason must say something".into()));
    }
    let (tenant, status) = find(invoice)?;
    if matches!(status.as_str(), "draft" | "void") {
        return Err(Error::State(
            format!("an invoice that is {status} can't be credited"),
            "Drafts are voided; what is void is owed by nobody.",
        ));
    }
    if refund_reference.is_some() && status != "paid" {
        return Err(Error::State("only what was paid can be paid back".into(), ""));
    }
    let (positions, groups) = groups(tenant, invoice)?;
    let whole = groups.iter().fold(0i64, |sum, group| {
        sum.saturating_add(group.gross).saturating_sub(group.credited_gross)
    });
    let amount = amount.unwrap_or(whole);
    if amount == whole && whole == 0 {
        return Err(Error::State("nothing is left of the invoice to credit".into(), ""));
    }
    let parts = reverse(&groups, amount)?;
    let left = left(tenant, invoice, &status)?;
    let settled = amount.min(left.due);
    let refunded = match refund_reference {
        Some(_) => (amount - settled).min(left.paid),
        None => 0,
    };
    // Credits that were used come back as credits, whatever the money does.
    let returned = amount - settled - refunded;
    let note = sql::write_one::<pgrx::Uuid>(
        include_str!("../../sql/documents/add_credit_note.sql"),
        &[
            tenant.into(),
            invoice.into(),
            reason.into(),
            positions.into(),
            parts.iter().map(|part| part.gross).collect::<Vec<i64>>().into(),
            parts.iter().map(|part| part.tax).collect::<Vec<i64>>().into(),
            settled.into(),
            returned.into(),
            refunded.into(),
            refund_reference.filter(|_| refunded > 0).into(),
        ],
    )?
    .ok_or_else(|| Error::State("the credit note was not written".into(), ""))?;
    if settled > 0 && settled == left.due {
        pay(tenant, invoice, &status)?;
    }
    Ok(note)
}

/// Nothing is due any more. What a provider could not collect is open first.
fn pay(tenant: pgrx::Uuid, invoice: pgrx::Uuid, status: &str) -> Result<()> {
    if status == "failed" {
        sql::run(
            "UPDATE saas.payment_invoices SET status = 'open' WHERE tenant_id = $1 AND id = $2",
            &[tenant.into(), invoice.into()],
        )?;
    }
    sql::run(
        "UPDATE saas.payment_invoices SET status = 'paid', paid_at = now() WHERE tenant_id = $1 AND id = $2",
        &[tenant.into(), invoice.into()],
    )?;
    if matches!(status, "failed" | "uncollectible") {
        ledger::recover(tenant)?;
    }
    Ok(())
}

/// The invoice by its taxes: their lines' positions, and what they come to.
fn groups(tenant: pgrx::Uuid, invoice: pgrx::Uuid) -> Result<(Vec<i32>, Vec<Group>)> {
    let args = [tenant.into(), invoice.into()];
    sql::write(include_str!("../../sql/documents/credit_groups.sql"), &args, |rows| {
        let mut groups = (Vec::new(), Vec::new());
        for row in rows {
            let (Some(position), Some(gross), Some(tax), Some(credited_gross), Some(credited_tax)) =
                (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?)
            else {
                continue;
            };
            groups.0.push(position);
            groups.1.push(Group { gross, tax, credited_gross, credited_tax });
        }
        Ok(groups)
    })
}

fn left(tenant: pgrx::Uuid, invoice: pgrx::Uuid, status: &str) -> Result<Left> {
    let found = sql::write(
        "SELECT i.total_amount - i.credited_amount,
                coalesce((SELECT sum(n.refunded_amount) FROM saas.credit_notes n
                           WHERE n.tenant_id = i.tenant_id AND n.invoice_id = i.id), 0)::bigint
           FROM saas.payment_invoices i WHERE i.tenant_id = $1 AND i.id = $2",
        &[tenant.into(), invoice.into()],
        |mut rows| {
            let Some(row) = rows.next() else { return Ok(None) };
            Ok(row.get::<i64>(1)?.zip(row.get::<i64>(2)?))
        },
    )?;
    let Some((after_notes, refunded)) = found else {
        return Err(Error::NoSuchRow("no such invoice".into()));
    };
    Ok(match status {
        // What came in may have gone back as credits before, too: those are limited by the whole.
        "paid" => Left { due: 0, paid: after_notes.saturating_sub(refunded) },
        _ => Left { due: after_notes, paid: 0 },
    })
}
