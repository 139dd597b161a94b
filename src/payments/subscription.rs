//! Following a provider's subscription.

use super::effect::{Outcome, Subject};
use super::key::{Key, Kind};
use super::stripe::{self, Status};
use super::transition;
use crate::error::{Error, Result};
use crate::sql;

/// One of the tenant's subscriptions, locked.
struct Ours {
    id: pgrx::Uuid,
    status: String,
    /// The provider and its id.
    linked: Option<(String, String)>,
}

const ENTITY: &str = "tenant_subscriptions";

/// Takes the tenant's subscription to the state that the provider's has, and links the two.
pub fn follow(subject: Subject, change: &stripe::Subscription) -> Result<Outcome> {
    let Key { provider, id, .. } = subject.key;
    let ours = find(
        include_str!("../../sql/payments/find_subscription.sql"),
        &[subject.tenant.into(), provider.into(), id.into()],
    )?;
    let ends = change.status == Status::Canceled;
    let Some(ours) = ours else {
        return match ends {
            true => Ok(Outcome::Ignored),
            false => Err(Error::State(
                "the tenant has no live subscription yet".into(),
                "Call saas.subscribe: the event is tried again.",
            )),
        };
    };
    let mut outcome = Outcome::Ignored;
    match &ours.linked {
        Some((its_provider, its_id)) if its_provider == provider && its_id == id => {}
        // The end of another contract than ours.
        _ if ends => return Ok(Outcome::Ignored),
        Some((its_provider, its_id)) => {
            return Err(Error::Conflict(format!(
                "the tenant's subscription is \"{its_id}\" of {its_provider}: saas.link_provider_subscription says otherwise"
            )));
        }
        None => {
            link(subject.tenant, ours.id, provider, id)?;
            outcome = Outcome::Applied;
        }
    }
    // Once ended here it stays ended.
    if ours.status == Status::Canceled.name() || ours.status == change.status.name() {
        return Ok(outcome);
    }
    go(subject.tenant, &ours, change.status, change.ended_at)?;
    Ok(Outcome::Applied)
}

pub fn link(tenant: pgrx::Uuid, id: pgrx::Uuid, provider: &str, provider_id: &str) -> Result<()> {
    sql::run(
        "UPDATE saas.tenant_subscriptions
            SET provider = $3, provider_subscription_id = $4
          WHERE tenant_id = $1 AND id = $2",
        &[tenant.into(), id.into(), provider.into(), provider_id.into()],
    )?;
    Ok(())
}

/// An invoice of this subscription could not be collected.
pub fn invoice_failed(subject: Subject, subscription: Option<pgrx::Uuid>) -> Result<()> {
    settle(subject, subscription, Status::Active, Status::PastDue)
}

/// An invoice of this subscription was paid: in good standing again, unless another one failed, of whichever contract.
pub fn invoice_paid(subject: Subject, subscription: Option<pgrx::Uuid>) -> Result<()> {
    let owes = sql::write_one::<bool>(
        "SELECT EXISTS (SELECT FROM saas.payment_invoices WHERE tenant_id = $1 AND status = 'failed')",
        &[subject.tenant.into()],
    )?;
    if owes == Some(true) {
        return Ok(());
    }
    settle(subject, subscription, Status::PastDue, Status::Active)
}

fn settle(
    subject: Subject,
    subscription: Option<pgrx::Uuid>,
    from: Status,
    to: Status,
) -> Result<()> {
    let Some(id) = subscription else {
        return Ok(());
    };
    let ours = find(
        "SELECT id, status, provider, provider_subscription_id FROM saas.tenant_subscriptions
          WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
        &[subject.tenant.into(), id.into()],
    )?;
    let Some(ours) = ours.filter(|ours| ours.status == from.name()) else {
        return Ok(());
    };
    if let Some((provider, id)) = &ours.linked {
        // What the provider has said of the subscription itself since then counts more.
        let key = Key { provider, kind: Kind::Subscription, id };
        if !key.advance(subject.tenant, subject.moment)? {
            return Ok(());
        }
    }
    go(subject.tenant, &ours, to, subject.moment.created)
}

fn find(text: &'static str, args: &[pgrx::datum::DatumWithOid<'_>]) -> Result<Option<Ours>> {
    sql::write(text, args, |mut rows| {
        let Some(row) = rows.next() else {
            return Ok(None);
        };
        let (Some(id), Some(status)) = (row.get(1)?, row.get(2)?) else {
            return Ok(None);
        };
        Ok(Some(Ours { id, status, linked: row.get(3)?.zip(row.get(4)?) }))
    })
}

fn go(tenant: pgrx::Uuid, ours: &Ours, to: Status, ended_at: i64) -> Result<()> {
    let (mut id, mut from) = (ours.id, ours.status.clone());
    if from == Status::Paused.name() && to != Status::Canceled {
        // A pause has its place among the billed periods: it began and ends on the day on which we hear of it.
        let now = pgrx::datum::datetime_support::transaction_timestamp();
        crate::billing::subscription::resume(tenant, now)?;
        // What waited in the pause may have made another contract of it, or ended it.
        let live = find(
            "SELECT id, status, provider, provider_subscription_id FROM saas.tenant_subscriptions
              WHERE tenant_id = $1 AND status <> 'canceled' FOR NO KEY UPDATE",
            &[tenant.into()],
        )?;
        let Some(live) = live else { return Ok(()) };
        (id, from) = (live.id, live.status);
    }
    for state in transition::path(ENTITY, &from, to.name())? {
        sql::run(
            "UPDATE saas.tenant_subscriptions
                SET status = $3, ended_at = CASE $3 WHEN 'canceled' THEN to_timestamp($4) END
              WHERE tenant_id = $1 AND id = $2",
            &[tenant.into(), id.into(), state.into(), ended_at.into()],
        )?;
    }
    Ok(())
}
