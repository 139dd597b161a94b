//! Invoices: made from a period that has ended, numbered when finalized.

use crate::error::{Error, Result};
use crate::iam::check;
use crate::iam::kind::{self, Kind};
use crate::owner::as_data_owner;
use crate::sql;
use crate::usage::period;
use pgrx::datum::{Date, TimestampWithTimeZone};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

const STORE_INVOICES: &str = concat!(
    include_str!("../../sql/billing/invoice_lines.sql"),
    include_str!("../../sql/billing/store_invoices.sql"),
);

/// Subscriptions whose current periods are closed together, as parallel lists.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub tenant_ids: Vec<pgrx::Uuid>,
    pub subscription_ids: Vec<pgrx::Uuid>,
    /// What the periods' usage is counted under.
    pub periods: Vec<Date>,
}

impl Batch {
    pub fn len(&self) -> usize {
        self.tenant_ids.len()
    }

    pub fn push(&mut self, tenant: pgrx::Uuid, subscription: pgrx::Uuid, period: Date) {
        self.tenant_ids.push(tenant);
        self.subscription_ids.push(subscription);
        self.periods.push(period);
    }

    /// Both halves.
    pub fn split(&self) -> (Batch, Batch) {
        let middle = self.len() / 2;
        let part = |range: std::ops::Range<usize>| Batch {
            tenant_ids: self.tenant_ids[range.clone()].to_vec(),
            subscription_ids: self.subscription_ids[range.clone()].to_vec(),
            periods: self.periods[range].to_vec(),
        };
        (part(0..middle), part(middle..self.len()))
    }

    /// Closes the periods: usage is rolled up and priced, credits are applied, a draft invoice is
    /// stored for each, and the subscriptions move on to their next periods. Runs as the data owner,
    /// who holds the locks of `pick_batch.sql`.
    pub fn bill(&self) -> Result<()> {
        let tenants = || self.tenant_ids.clone().into();
        let subscriptions = || self.subscription_ids.clone().into();
        sql::run(include_str!("../../sql/billing/expire_credits.sql"), &[tenants()])?;
        period::roll_up(&self.tenant_ids, &self.periods)?;
        period::assess(&self.tenant_ids, &self.subscription_ids, &self.periods)?;
        sql::run(STORE_INVOICES, &[tenants(), subscriptions()])?;
        sql::run(
            include_str!("../../sql/billing/close_usage.sql"),
            &[tenants(), self.periods.clone().into()],
        )?;
        sql::run(include_str!("../../sql/billing/advance.sql"), &[tenants(), subscriptions()])?;
        Ok(())
    }
}

/// Worker roles and the data owner; anybody else with platform.billing.adjust.
fn require_biller() -> Result<()> {
    if crate::context::setting::current().is_none() && kind::caller_is(&[Kind::Worker])? {
        return Ok(());
    }
    check::require_in_system("platform.billing.adjust")
}

/// The invoice of the tenant's billing period that contains a day, made if it is not there yet.
#[pg_extern(volatile, parallel_unsafe)]
fn generate_invoice(
    tenant_id: pgrx::Uuid,
    period: Date,
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    require_biller()?;
    Ok(as_data_owner(|| generate(tenant_id, period))?)
}

fn generate(tenant: pgrx::Uuid, day: Date) -> Result<pgrx::Uuid> {
    let now = pgrx::datum::datetime_support::transaction_timestamp();
    loop {
        // Locks first, so that of two callers the second finds what the first has made.
        let open = sql::write(
            include_str!("../../sql/billing/find_open.sql"),
            &[tenant.into(), day.into(), now.into()],
            |mut rows| {
                let Some(row) = rows.next() else { return Ok(None) };
                let found = row.get::<pgrx::Uuid>(1)?.zip(row.get::<Date>(2)?);
                Ok(found.zip(row.get::<bool>(3)?))
            },
        )?;
        let billed = sql::write(
            include_str!("../../sql/billing/find_billed.sql"),
            &[tenant.into(), day.into()],
            |mut rows| {
                let Some(row) = rows.next() else { return Ok(None) };
                Ok(row.get::<pgrx::Uuid>(1)?.zip(row.get::<String>(2)?))
            },
        )?;
        match (open, billed) {
            // All up to that day are closed, earlier ones that were left open first.
            (Some(((subscription, period), true)), _) => {
                let mut batch = Batch::default();
                batch.push(tenant, subscription, period);
                batch.bill()?;
            }
            (_, Some((invoice, status))) if status != "void" => return Ok(invoice),
            (_, Some(_)) => {
                return Err(Error::State("the invoice of this period is void".into(), ""));
            }
            (Some((_, false)), None) => {
                return Err(Error::State(
                    "the billing period still runs".into(),
                    "It can be billed when its last day is over in the tenant's time zone.",
                ));
            }
            (None, None) => return Err(nothing_to_bill(tenant)?),
        }
    }
}

fn nothing_to_bill(tenant: pgrx::Uuid) -> Result<Error> {
    let known =
        sql::read_one::<bool>("SELECT true FROM saas.tenants WHERE id = $1", &[tenant.into()])?;
    Ok(match known {
        Some(_) => Error::State("the tenant had no subscription on that day".into(), ""),
        None => Error::NoSuchRow("no such tenant".into()),
    })
}

/// Opens a draft and returns the number it gets.
#[pg_extern(volatile, parallel_unsafe)]
fn finalize_invoice(invoice_id: pgrx::Uuid) -> std::result::Result<String, ErrorReport> {
    require_biller()?;
    Ok(as_data_owner(|| finalize(invoice_id))?)
}

fn finalize(invoice: pgrx::Uuid) -> Result<String> {
    let opened = sql::write(
        include_str!("../../sql/billing/finalize.sql"),
        &[invoice.into()],
        |mut rows| {
            let Some(row) = rows.next() else { return Ok(None) };
            Ok(row.get::<String>(1)?.zip(row.get::<i64>(2)?))
        },
    )?;
    if let Some((number, total)) = opened {
        if total == 0 {
            // Nothing is owed, so nothing is waited for.
            sql::run(
                "UPDATE saas.payment_invoices SET status = 'paid', paid_at = now() WHERE id = $1",
                &[invoice.into()],
            )?;
        }
        return Ok(number);
    }
    sql::write_one::<String>(
        "SELECT number FROM saas.payment_invoices WHERE id = $1",
        &[invoice.into()],
    )?
    .ok_or_else(|| Error::NoSuchRow("no such invoice".into()))
}

/// The subscriptions that are to be closed next; see `pick_batch.sql`.
pub fn pick(
    query: &'static str,
    before: Date,
    ended_by: TimestampWithTimeZone,
    most: i32,
    not_parked_since: TimestampWithTimeZone,
) -> Result<Batch> {
    let args = [
        before.into(),
        ended_by.into(),
        i64::from(most).into(),
        not_parked_since.into(),
        None::<pgrx::Uuid>.into(),
    ];
    sql::write(query, &args, |table| {
        let mut batch = Batch::default();
        for row in table {
            let ids = row.get::<pgrx::Uuid>(1)?.zip(row.get::<pgrx::Uuid>(2)?);
            if let Some(((tenant, subscription), period)) = ids.zip(row.get::<Date>(3)?) {
                batch.push(tenant, subscription, period);
            }
        }
        Ok(batch)
    })
}
