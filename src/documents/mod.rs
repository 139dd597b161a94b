//! What is given out: invoices and credit notes as documents, who writes them, and reminders.

mod credit_note;
mod dunning;
mod issuer;
mod money;
mod page;

use crate::billing::gate;
use crate::error::{Error, Result, given};
use crate::jsonb::Jsonb;
use crate::owner::{self, as_data_owner};
use crate::sql;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

// After the functions that they describe.
::pgrx::extension_sql_file!(
    "../../sql/documents/comments.sql",
    name = "documents_comments",
    requires = [
        "documents_functions",
        set_issuer,
        invoice_document,
        invoice_html,
        credit_invoice,
        credit_note_document,
        credit_note_html,
        dunning::advance_dunning
    ]
);

const INVOICE: &str = include_str!("../../sql/documents/invoice.sql");
const CREDIT_NOTE: &str = include_str!("../../sql/documents/credit_note.sql");
const TENANT_OF_INVOICE: &str = "SELECT tenant_id FROM saas.payment_invoices WHERE id = $1";
const TENANT_OF_CREDIT_NOTE: &str = "SELECT tenant_id FROM saas.credit_notes WHERE id = $1";

/// The tenant of a document that the caller may read. What is not there looks to others like what is not theirs.
fn readable(tenant_of: &'static str, id: pgrx::Uuid) -> Result<pgrx::Uuid> {
    let tenant = as_data_owner(|| sql::read_one::<pgrx::Uuid>(tenant_of, &[id.into()]))?;
    match tenant {
        Some(tenant) => {
            gate::require_in_tenant(tenant, "billing.view")?;
            Ok(tenant)
        }
        None if owner::caller_is_free()? => Err(Error::NoSuchRow("no such document".into())),
        None => {
            // 28000 without a user, then what a tenant that is not one's own gets.
            gate::require_in_tenant(id, "billing.view")?;
            Err(Error::NoSuchRow("no such document".into()))
        }
    }
}

/// The document as PostgreSQL's jsonb prints it.
fn text(query: &'static str, tenant: pgrx::Uuid, id: pgrx::Uuid) -> Result<String> {
    as_data_owner(|| {
        sql::read(query, &[tenant.into(), id.into()], |mut rows| {
            Ok(rows.next().map(|row| row.get::<Jsonb>(1)).transpose()?.flatten().map(Jsonb::text))
        })
    })?
    .ok_or_else(|| Error::NoSuchRow("no such document".into()))
}

fn html(query: &'static str, tenant: pgrx::Uuid, id: pgrx::Uuid) -> Result<String> {
    let document = serde_json::from_str(&text(query, tenant, id)?)
        .map_err(|error| Error::OutOfRange(format!("the document can't be printed: {error}")))?;
    Ok(page::page(&document))
}

/// An invoice as a document.
#[pg_extern(
    stable,
    parallel_restricted,
    sql = "
    CREATE FUNCTION saas.invoice_document(invoice_id uuid) RETURNS jsonb
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn invoice_document(
    invoice_id: Option<pgrx::Uuid>,
) -> std::result::Result<pgrx::JsonB, ErrorReport> {
    let invoice_id = given(invoice_id, "invoice_id")?;
    let tenant = readable(TENANT_OF_INVOICE, invoice_id)?;
    Ok(parsed(&text(INVOICE, tenant, invoice_id)?)?)
}

/// An invoice as a page to print.
#[pg_extern(stable, parallel_restricted)]
fn invoice_html(invoice_id: Option<pgrx::Uuid>) -> std::result::Result<String, ErrorReport> {
    let invoice_id = given(invoice_id, "invoice_id")?;
    let tenant = readable(TENANT_OF_INVOICE, invoice_id)?;
    Ok(html(INVOICE, tenant, invoice_id)?)
}

/// A credit note as a document.
#[pg_extern(
    stable,
    parallel_restricted,
    sql = "
    CREATE FUNCTION saas.credit_note_document(credit_note_id uuid) RETURNS jsonb
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
fn credit_note_document(
    credit_note_id: Option<pgrx::Uuid>,
) -> std::result::Result<pgrx::JsonB, ErrorReport> {
    let credit_note_id = given(credit_note_id, "credit_note_id")?;
    let tenant = readable(TENANT_OF_CREDIT_NOTE, credit_note_id)?;
    Ok(parsed(&text(CREDIT_NOTE, tenant, credit_note_id)?)?)
}

/// A credit note as a page to print.
#[pg_extern(stable, parallel_restricted)]
fn credit_note_html(
    credit_note_id: Option<pgrx::Uuid>,
) -> std::result::Result<String, ErrorReport> {
    let credit_note_id = given(credit_note_id, "credit_note_id")?;
    let tenant = readable(TENANT_OF_CREDIT_NOTE, credit_note_id)?;
    Ok(html(CREDIT_NOTE, tenant, credit_note_id)?)
}

fn parsed(text: &str) -> Result<pgrx::JsonB> {
    serde_json::from_str(text)
        .map(pgrx::JsonB)
        .map_err(|error| Error::OutOfRange(format!("the document can't be read: {error}")))
}

/// Changes what documents say of their issuer.
#[pg_extern(volatile, parallel_unsafe)]
fn set_issuer(
    changes: Option<Jsonb>,
    key: default!(Option<&str>, "'default'"),
) -> std::result::Result<(), ErrorReport> {
    gate::require_adjuster()?;
    let changes = given(changes, "changes")?.text();
    let key = given(key, "key")?;
    Ok(as_data_owner(|| issuer::change(key, &changes))?)
}

/// Takes an invoice back, as a whole or in part.
#[pg_extern(volatile, parallel_unsafe)]
fn credit_invoice(
    invoice_id: Option<pgrx::Uuid>,
    reason: Option<&str>,
    amount: default!(Option<i64>, "NULL"),
    refund_reference: default!(Option<&str>, "NULL"),
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    gate::require_adjuster()?;
    let invoice_id = given(invoice_id, "invoice_id")?;
    let reason = given(reason, "reason")?;
    Ok(as_data_owner(|| credit_note::write(invoice_id, reason, amount, refund_reference))?)
}
