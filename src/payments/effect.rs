//! Whose an event is, whether it comes too late, and what it changes.

use super::key::{Key, Kind, Moment};
use super::stripe::{self, Change, Event};
use super::{invoice, one_time, subscription};
use crate::error::{Error, Result};
use crate::sql;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Applied,
    Ignored,
    Stale,
}

impl Outcome {
    /// As in `payment_events.outcome`.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Applied => "applied",
            Outcome::Ignored => "ignored",
            Outcome::Stale => "stale",
        }
    }
}

/// What was found out about an event, also when processing it fails.
#[derive(Default)]
pub struct Findings {
    pub tenant: Option<pgrx::Uuid>,
    /// The other tenant whose invoice, subscription or payment it names.
    pub foreign: Option<pgrx::Uuid>,
}

/// What an event is about.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub tenant: pgrx::Uuid,
    pub key: Key<'a>,
    pub moment: Moment,
}

/// Does what the event asks for. `None`: another session is at its tenant, and not `may_wait`.
///
/// # Errors
/// Whatever keeps the event from its effect, now or for good: it is tried again either way.
pub fn apply(
    provider: &str,
    event_type: &str,
    payload: &str,
    may_wait: bool,
    findings: &mut Findings,
) -> Result<Option<Outcome>> {
    if provider != "stripe" {
        return Err(Error::State(
            format!("events of \"{provider}\" are not understood by this version"),
            "They are kept and tried again.",
        ));
    }
    let event = stripe::parse(event_type, payload)
        .map_err(|stripe::Unreadable(what)| Error::Malformed(what))?;
    let Some(event) = event else {
        return Ok(Some(Outcome::Ignored));
    };
    let kind = match event.change {
        Change::Subscription(_) => Kind::Subscription,
        Change::InvoicePaid { .. } | Change::InvoiceFailed { .. } => Kind::Invoice,
        Change::Payment(_) | Change::Refund => Kind::Payment,
    };
    let key = Key { provider, kind, id: &event.object };
    let Some(tenant) = tenant_of(&event, key, findings)? else {
        return Ok(Some(Outcome::Ignored));
    };
    if !lock(tenant, may_wait)? {
        return Ok(None);
    }
    let moment = Moment { created: event.created, rank: event.rank };
    if !key.advance(tenant, moment)? {
        return Ok(Some(Outcome::Stale));
    }
    let subject = Subject { tenant, key, moment };
    let outcome = match &event.change {
        Change::Subscription(change) => subscription::follow(subject, change),
        Change::InvoicePaid { amount, currency, paid_at, ours } => {
            let payment = invoice::Payment { amount: *amount, currency, paid_at: *paid_at };
            invoice::paid(subject, &payment, *ours, findings)
        }
        Change::InvoiceFailed { ours } => invoice::failed(subject, *ours, findings),
        Change::Payment(payment) => one_time::follow(subject, payment),
        Change::Refund => one_time::refunded(subject),
    };
    outcome.map(Some)
}

/// Holds the tenant until the end of the transaction. Everything here that changes a tenant's
/// subscription, invoices or credits holds the tenant first, so that nobody waits in a circle; and who
/// holds one tenant already does not wait for another.
fn lock(tenant: pgrx::Uuid, may_wait: bool) -> Result<bool> {
    let text = match may_wait {
        true => "SELECT FROM saas.tenants WHERE id = $1 FOR NO KEY UPDATE",
        false => "SELECT FROM saas.tenants WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED",
    };
    Ok(sql::run(text, &[tenant.into()])? == 1)
}

/// The tenant that the customer is, or that the object is known to be of. What the payload's metadata
/// says is no proof: it may come from the customer's own browser.
fn tenant_of(event: &Event, key: Key, findings: &mut Findings) -> Result<Option<pgrx::Uuid>> {
    let of_customer = match &event.customer {
        Some(id) => Key { provider: key.provider, kind: Kind::Customer, id }.tenant()?,
        None => None,
    };
    let of_object = key.tenant()?;
    findings.tenant = of_customer.or(of_object);
    match (of_customer, of_object, &event.customer) {
        (Some(one), Some(other), _) if one != other => {
            findings.foreign = Some(other);
            Err(key.is_of_another_tenant())
        }
        (None, None, Some(customer)) => Err(Error::NoSuchRow(format!(
            "customer \"{customer}\" of {} is no tenant's yet: saas.link_provider_customer says whose",
            key.provider
        ))),
        _ => Ok(findings.tenant),
    }
}
