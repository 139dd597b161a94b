//! What is charged before its time: fees in advance, and changes within days whose fee is charged.

use super::ledger;
use crate::error::Result;
use crate::sql;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::spi::SpiTupleTable;

/// The statement that makes and stores the invoices that one file asks for.
macro_rules! store {
    ($asked:literal) => {
        concat!(
            include_str!($asked),
            include_str!("../../sql/usage/no_fees.sql"),
            include_str!("../../sql/billing/sources.sql"),
            include_str!("../../sql/billing/invoice_lines.sql"),
            include_str!("../../sql/billing/store_invoices.sql"),
            include_str!("../../sql/billing/extend_chain.sql"),
        )
    };
}
const STORE_ADVANCE: &str = store!("../../sql/billing/asked_advance.sql");
const STORE_CHANGE: &str = store!("../../sql/billing/asked_change.sql");

/// Charges what tenants owe in advance at a moment and comes on no invoice of a period; returns the drafts. The caller holds
/// the tenants.
pub fn charge_in_advance(
    tenants: &[pgrx::Uuid],
    as_of: TimestampWithTimeZone,
) -> Result<Vec<pgrx::Uuid>> {
    let mut drafts = Vec::new();
    // An invoice of a tenant at a time, so that each sees what credits are left.
    loop {
        let batch = sql::write(
            include_str!("../../sql/billing/owes_in_advance.sql"),
            &[tenants.to_vec().into(), as_of.into()],
            |table| {
                table
                    .map(|row| Ok(row.get::<pgrx::Uuid>(1)?.zip(row.get::<pgrx::Uuid>(2)?)))
                    .collect::<Result<Vec<_>>>()
            },
        )?;
        let (owing, subscriptions): (Vec<_>, Vec<_>) = batch.into_iter().flatten().unzip();
        if owing.is_empty() {
            return Ok(drafts);
        }
        ledger::expire(&owing)?;
        let rows = owing.len();
        let args = [owing.into(), subscriptions.into(), as_of.into()];
        drafts.extend(sql::write_batch(rows, STORE_ADVANCE, &args, stored)?);
    }
}

/// Charges a change of a contract, of its terms or of an add-on, by itself, if days that it changes are charged already; returns
/// the draft. The caller holds the tenant.
pub fn charge_change(
    tenant: pgrx::Uuid,
    subscription: pgrx::Uuid,
    change: Option<pgrx::Uuid>,
) -> Result<Option<pgrx::Uuid>> {
    ledger::expire(&[tenant])?;
    let args = [tenant.into(), subscription.into(), change.into()];
    let drafts = sql::write(STORE_CHANGE, &args, stored)?;
    Ok(drafts.first().copied())
}

/// The invoices that a statement says it has stored.
fn stored(table: SpiTupleTable<'_>) -> Result<Vec<pgrx::Uuid>> {
    let ids = table.map(|row| Ok(row.get::<pgrx::Uuid>(2)?)).collect::<Result<Vec<_>>>()?;
    Ok(ids.into_iter().flatten().collect())
}
