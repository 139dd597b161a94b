//! Invoices are made by sets: a batch of tenants at once, one invoice each.

use super::{ledger, subscription};
use crate::error::Result;
use crate::sql;
use crate::subtransaction::found;
use crate::usage::period;
use pgrx::datum::{Date, DatumWithOid, TimestampWithTimeZone};

const STORE_PERIODS: &str = concat!(
    include_str!("../../sql/billing/asked_current.sql"),
    include_str!("../../sql/usage/rate.sql"),
    include_str!("../../sql/usage/store_fees.sql"),
    include_str!("../../sql/billing/sources.sql"),
    include_str!("../../sql/billing/invoice_lines.sql"),
    include_str!("../../sql/billing/store_invoices.sql"),
    include_str!("../../sql/billing/extend_chain.sql"),
);
const STORE_LATE: &str = concat!(
    include_str!("../../sql/billing/asked_late.sql"),
    include_str!("../../sql/usage/no_fees.sql"),
    include_str!("../../sql/billing/sources.sql"),
    include_str!("../../sql/billing/invoice_lines.sql"),
    include_str!("../../sql/billing/store_invoices.sql"),
    "SELECT tenant_id, id FROM invoices",
);

const PERIODS: &str = include_str!("../../sql/billing/pick_batch.sql");
const PERIODS_LOCKED: &str =
    concat!(include_str!("../../sql/billing/pick_batch.sql"), " FOR NO KEY UPDATE OF t, s");
const PERIODS_UNHELD: &str = concat!(
    include_str!("../../sql/billing/pick_batch.sql"),
    " FOR NO KEY UPDATE OF t, s SKIP LOCKED"
);
const LATE: &str = include_str!("../../sql/billing/pick_late.sql");
const LATE_LOCKED: &str =
    concat!(include_str!("../../sql/billing/pick_late.sql"), " FOR NO KEY UPDATE OF t");
const LATE_UNHELD: &str =
    concat!(include_str!("../../sql/billing/pick_late.sql"), " FOR NO KEY UPDATE OF t SKIP LOCKED");

/// What a batch's invoices are for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Work {
    /// The current periods, which are closed.
    Periods,
    /// What came late to tenants whose contracts have ended.
    Late,
}

/// Subscriptions that are billed together, one of a tenant, as parallel lists.
#[derive(Clone, Debug)]
pub struct Batch {
    work: Work,
    pub tenant_ids: Vec<pgrx::Uuid>,
    pub subscription_ids: Vec<pgrx::Uuid>,
    /// What the periods' usage is counted under; of late usage the day of its invoice.
    periods: Vec<Date>,
}

impl Batch {
    pub fn new(work: Work) -> Batch {
        Batch { work, tenant_ids: vec![], subscription_ids: vec![], periods: vec![] }
    }

    pub fn len(&self) -> usize {
        self.tenant_ids.len()
    }

    fn filled(self) -> Option<Batch> {
        Some(self).filter(|batch| batch.len() > 0)
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
            work: self.work,
            tenant_ids: self.tenant_ids[range.clone()].to_vec(),
            subscription_ids: self.subscription_ids[range.clone()].to_vec(),
            periods: self.periods[range].to_vec(),
        };
        (part(0..middle), part(middle..self.len()))
    }

    /// Makes the draft invoices. Runs as the data owner, who holds the locks of the statement that picked them.
    pub fn bill(&self) -> Result<()> {
        ledger::expire(&self.tenant_ids)?;
        period::roll_up(&self.tenant_ids, &self.periods, self.work == Work::Periods)?;
        match self.work {
            Work::Periods => self.close(),
            Work::Late => {
                let args = [self.tenant_ids.clone().into(), self.periods.clone().into()];
                sql::run_batch(self.len(), STORE_LATE, &args)?;
                Ok(())
            }
        }
    }

    /// Closes the periods: usage is priced, credits are applied, a draft is stored for each, and the
    /// subscriptions move on to their next periods.
    fn close(&self) -> Result<()> {
        let now = pgrx::datum::datetime_support::transaction_timestamp();
        subscription::apply_due(&self.tenant_ids, now)?;
        let tenants = || self.tenant_ids.clone().into();
        let subscriptions = || self.subscription_ids.clone().into();
        period::clear_fees(&self.tenant_ids, &self.periods)?;
        sql::run_batch(self.len(), STORE_PERIODS, &[tenants(), subscriptions()])?;
        sql::run_batch(
            self.len(),
            include_str!("../../sql/billing/close_usage.sql"),
            &[tenants(), self.periods.clone().into()],
        )?;
        let advance = include_str!("../../sql/billing/advance.sql");
        sql::run_batch(self.len(), advance, &[tenants(), subscriptions()])?;
        Ok(())
    }
}

/// What is to be billed next, within limits that the caller knows.
pub struct Due {
    /// Periods that begin before this day, and have ended by this moment.
    pub before: Date,
    pub ended_by: TimestampWithTimeZone,
    pub most: i32,
    pub not_parked_since: TimestampWithTimeZone,
}

/// What a look for work has found.
pub enum Found {
    Batch(Batch),
    /// Somebody else was at it: look again, in another transaction.
    Again,
    Nothing,
}

impl Due {
    /// The next batch of what nobody else holds, or else one tenant's, who is waited for. Who waits holds nothing: whoever
    /// he waits for may want what he had. A row that was changed since the statement began stays locked although it is not
    /// picked; so what found nothing is undone, and a tenant is waited for by its name, then looked at.
    pub fn find(&self, work: Work) -> Result<Found> {
        let batch = found(|| self.pick(work, Lock::Unheld, self.most, None).map(Batch::filled))?;
        if let Some(batch) = batch {
            return Ok(Found::Batch(batch));
        }
        let held = self.pick(work, Lock::None, 1, None)?;
        let Some(tenant) = held.tenant_ids.first() else { return Ok(Found::Nothing) };
        ledger::lock(*tenant)?;
        let batch = self.pick(work, Lock::Wait, 1, Some(*tenant))?.filled();
        Ok(batch.map_or(Found::Again, Found::Batch))
    }

    fn pick(&self, work: Work, lock: Lock, most: i32, tenant: Option<pgrx::Uuid>) -> Result<Batch> {
        let most = i64::from(most);
        match work {
            Work::Periods => {
                let query = match lock {
                    Lock::None => PERIODS,
                    Lock::Wait => PERIODS_LOCKED,
                    Lock::Unheld => PERIODS_UNHELD,
                };
                let args = [
                    self.before.into(),
                    self.ended_by.into(),
                    most.into(),
                    self.not_parked_since.into(),
                    tenant.into(),
                ];
                pick(work, query, &args)
            }
            Work::Late => {
                let query = match lock {
                    Lock::None => LATE,
                    Lock::Wait => LATE_LOCKED,
                    Lock::Unheld => LATE_UNHELD,
                };
                pick(work, query, &[most.into(), self.not_parked_since.into(), tenant.into()])
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Lock {
    None,
    Wait,
    /// What somebody else holds is left out.
    Unheld,
}

/// What came late to a tenant that the caller holds; see `pick_late.sql`.
pub fn late_of(tenant: pgrx::Uuid) -> Result<Batch> {
    let never = TimestampWithTimeZone::positive_infinity();
    pick(Work::Late, LATE_LOCKED, &[1i64.into(), never.into(), tenant.into()])
}

fn pick(work: Work, query: &'static str, args: &[DatumWithOid<'_>]) -> Result<Batch> {
    sql::write(query, args, |table| {
        let mut batch = Batch::new(work);
        for row in table {
            let ids = row.get::<pgrx::Uuid>(1)?.zip(row.get::<pgrx::Uuid>(2)?);
            if let Some(((tenant, subscription), period)) = ids.zip(row.get::<Date>(3)?) {
                batch.push(tenant, subscription, period);
            }
        }
        Ok(batch)
    })
}
