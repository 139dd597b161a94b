//! What payment providers tell us, and what follows from it.
//!
//! Events are stored first ([`ingest`]) and processed afterwards ([`process`]), each once. [`stripe`]
//! reads them, without PostgreSQL; [`effect`] finds whose they are and what they change.

mod effect;
mod ingest;
mod invoice;
mod key;
mod link;
mod one_time;
mod process;
mod signature;
mod stripe;
mod subscription;
mod transition;
mod webhook;

use crate::error::{Error, Result};
use crate::iam::check;
use crate::iam::kind::{self, Kind};
use crate::jsonb::Jsonb;
use crate::owner;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

// After the functions that they describe.
::pgrx::extension_sql_file!(
    "../../sql/payments/comments.sql",
    name = "payments_comments",
    requires = [
        ingest_payment_event,
        ingest_webhook,
        add_webhook_secret,
        payment_event_effects,
        process_payment_events,
        record_one_time_payment,
        link_provider_customer,
        link_provider_subscription,
        link_provider_invoice
    ]
);

/// Stores a payment provider's event. False: an event with this id was there already.
#[pg_extern(volatile, parallel_unsafe)]
fn ingest_payment_event(
    provider: Option<&str>,
    event_id: Option<&str>,
    event_type: Option<&str>,
    payload: Option<Jsonb>,
) -> std::result::Result<bool, ErrorReport> {
    kind::require(&[Kind::Worker, Kind::Gateway])?;
    Ok(ingest::ingest(
        given(provider, "provider")?,
        given(event_id, "event_id")?,
        given(event_type, "event_type")?,
        given(payload, "payload")?,
    )?)
}

/// Stores an event that comes with its provider's signature. False: an event with this id was there already.
#[pg_extern(volatile, parallel_unsafe)]
fn ingest_webhook(
    provider: Option<&str>,
    headers: Option<Jsonb>,
    body: Option<&str>,
) -> std::result::Result<bool, ErrorReport> {
    kind::require(&[Kind::Worker, Kind::Gateway])?;
    Ok(webhook::receive(
        crate::error::given(provider, "provider")?,
        &crate::error::given(headers, "headers")?.text(),
        crate::error::given(body, "body")?,
    )?)
}

/// Adds a secret that a provider signs its webhooks with, in place of those that are there.
#[pg_extern(volatile, parallel_unsafe)]
fn add_webhook_secret(
    provider: Option<&str>,
    secret: Option<&str>,
    overlap: default!(Option<pgrx::datum::Interval>, "'1 day'"),
) -> std::result::Result<(), ErrorReport> {
    if !owner::caller_is_free()? {
        check::require_in_system("platform.system.configure")?;
    }
    Ok(webhook::add_secret(
        crate::error::given(provider, "provider")?,
        crate::error::given(secret, "secret")?,
        crate::error::given(overlap, "overlap")?,
    )?)
}

/// What providers' events change here: the very table by which they are read.
#[pg_extern(immutable, parallel_safe)]
fn payment_event_effects() -> TableIterator<
    'static,
    (
        name!(provider, &'static str),
        name!(event_type, &'static str),
        name!(provider_says, &'static str),
        name!(entity, &'static str),
        name!(to_state, &'static str),
    ),
> {
    TableIterator::new(
        stripe::effects().into_iter().map(|[event_type, says, entity, to_state]| {
            ("stripe", event_type, says, entity, to_state)
        }),
    )
}

/// Processes stored events, the oldest first, and returns how many are done. One that fails keeps its
/// error and is tried again later.
#[pg_extern(volatile, parallel_unsafe)]
fn process_payment_events(
    max_events: default!(Option<i32>, 100),
) -> std::result::Result<i32, ErrorReport> {
    kind::require(&[Kind::Worker])?;
    Ok(process::process(crate::error::given(max_events, "max_events")?)?)
}

/// Records a payment that does not recur before the provider confirms it.
#[pg_extern(volatile, parallel_unsafe)]
fn record_one_time_payment(
    tenant_id: Option<pgrx::Uuid>,
    provider: Option<&str>,
    provider_payment_id: Option<&str>,
    amount: Option<i64>,
    currency: Option<&str>,
    reason: Option<&str>,
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    kind::require(&[Kind::Worker, Kind::Gateway])?;
    Ok(one_time::record(
        given(tenant_id, "tenant_id")?,
        given(provider, "provider")?,
        given(provider_payment_id, "provider_payment_id")?,
        given(amount, "amount")?,
        given(currency, "currency")?,
        given(reason, "reason")?,
    )?)
}

/// Says who a tenant is at a payment provider.
#[pg_extern(volatile, parallel_unsafe)]
fn link_provider_customer(
    tenant_id: Option<pgrx::Uuid>,
    provider: Option<&str>,
    provider_customer_id: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    may_link()?;
    Ok(link::customer(
        given(tenant_id, "tenant_id")?,
        given(provider, "provider")?,
        given(provider_customer_id, "provider_customer_id")?,
    )?)
}

/// Says what a payment provider calls the tenant's live subscription.
#[pg_extern(volatile, parallel_unsafe)]
fn link_provider_subscription(
    tenant_id: Option<pgrx::Uuid>,
    provider: Option<&str>,
    provider_subscription_id: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    may_link()?;
    Ok(link::subscription(
        given(tenant_id, "tenant_id")?,
        given(provider, "provider")?,
        given(provider_subscription_id, "provider_subscription_id")?,
    )?)
}

/// Says what a payment provider calls one of our invoices.
#[pg_extern(volatile, parallel_unsafe)]
fn link_provider_invoice(
    invoice_id: Option<pgrx::Uuid>,
    provider: Option<&str>,
    provider_invoice_id: Option<&str>,
) -> std::result::Result<(), ErrorReport> {
    may_link()?;
    Ok(link::invoice(
        given(invoice_id, "invoice_id")?,
        given(provider, "provider")?,
        given(provider_invoice_id, "provider_invoice_id")?,
    )?)
}

fn may_link() -> Result<()> {
    if kind::caller_is(&[Kind::Worker, Kind::Gateway])? {
        return Ok(());
    }
    check::require_in_system("platform.billing.adjust")
}

/// STRICT functions answer NULL to a missing argument, which a caller may take for done.
fn given<T>(argument: Option<T>, name: &str) -> Result<T> {
    argument.ok_or_else(|| Error::Invalid(format!("{name} is missing")))
}
