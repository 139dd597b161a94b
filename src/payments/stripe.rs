//! What Stripe's events say, in our words. Pure: text in, values out.

mod json;
mod money;
#[cfg(test)]
mod tests;

pub use json::Unreadable;
use json::{Object, Result};
use uuid::Uuid;

/// An event that may change something here.
#[derive(Debug, PartialEq)]
pub struct Event {
    /// When Stripe made it, in seconds since 1970.
    pub created: i64,
    /// Which comes first of two events about one object in one second.
    pub rank: i16,
    /// Stripe's id of the customer.
    pub customer: Option<String>,
    /// Stripe's id of the subscription, invoice or payment.
    pub object: String,
    pub change: Change,
}

#[derive(Debug, PartialEq)]
pub enum Change {
    Subscription(Subscription),
    InvoicePaid { amount: i64, currency: String, paid_at: i64, ours: Option<Uuid> },
    InvoiceFailed { ours: Option<Uuid> },
    Payment(Payment),
    Refund,
}

#[derive(Debug, PartialEq)]
pub struct Subscription {
    pub status: Status,
    /// When it ended, for one that has.
    pub ended_at: i64,
}

/// Our states of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Trialing,
    Active,
    PastDue,
    Paused,
    Canceled,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Status::Trialing => "trialing",
            Status::Active => "active",
            Status::PastDue => "past_due",
            Status::Paused => "paused",
            Status::Canceled => "canceled",
        }
    }
}

#[derive(Debug, PartialEq)]
pub struct Payment {
    pub progress: Progress,
    pub amount: i64,
    pub currency: String,
    pub purpose: Purpose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Pending,
    Succeeded,
    Failed,
}

/// What a payment that does not recur is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    TopUp,
    AddOn,
    /// It does not say: a top-up, unless it was recorded as something else.
    Unsaid,
    /// It does not say, and might as well pay an invoice: what was recorded, or nothing to us.
    Unclear,
}

/// Reads an event. `None`: of a kind without effect here.
///
/// # Errors
/// What a known kind of event lacks, or has in a form that Stripe does not send.
pub fn parse(event_type: &str, payload: &str) -> Result<Option<Event>> {
    let Some(read) = reader(event_type) else {
        return Ok(None);
    };
    let event = Object::parse(payload)?;
    if let Some(own) = event.text("type")?
        && own != event_type
    {
        return Err(Unreadable("type is not the type that the event was ingested with".into()));
    }
    let created = seconds(&event, "created")?;
    let created = event.required("created", Ok(created))?;
    let data = event.required("data", event.object("data"))?;
    let object = data.required("object", data.object("object"))?;
    // Expanded objects come from the API, not with events, but are easily mistaken for them in tests.
    let customer = match object.object("customer") {
        Ok(Some(customer)) => Some(customer.required("id", customer.text("id"))?),
        Ok(None) => None,
        Err(_) => object.text("customer")?,
    };
    let about = About { event: &event, event_type, object: &object, created };
    Ok(read(&about)?.map(|(rank, id, change)| Event {
        created,
        rank,
        customer,
        object: id,
        change,
    }))
}

struct About<'a> {
    event: &'a Object<'a>,
    event_type: &'a str,
    object: &'a Object<'a>,
    created: i64,
}

/// The rank, the object's id and the change.
type Read = Result<Option<(i16, String, Change)>>;

/// A kind of event with an effect here.
struct Known {
    event_type: &'static str,
    read: fn(&About) -> Read,
    effects: Effects,
}

enum Effects {
    /// Our subscription follows the status that the provider's has.
    Follows,
    /// What the object says, the entity, its state then.
    Moves(&'static [(&'static str, &'static str, &'static str)]),
}

const INVOICE_PAID: Effects = Effects::Moves(&[
    ("", "payment_invoices", "paid"),
    ("of our subscription, and no other is failed", "tenant_subscriptions", "active"),
]);
const CHECKOUT_PAID: Effects =
    Effects::Moves(&[("mode payment", "payment_one_times", "succeeded")]);

/// Every kind of event that is read; all others are ignored.
const KNOWN: &[Known] = &[
    Known {
        event_type: "customer.subscription.created",
        read: subscription,
        effects: Effects::Follows,
    },
    Known {
        event_type: "customer.subscription.updated",
        read: subscription,
        effects: Effects::Follows,
    },
    Known {
        event_type: "customer.subscription.paused",
        read: subscription,
        effects: Effects::Follows,
    },
    Known {
        event_type: "customer.subscription.resumed",
        read: subscription,
        effects: Effects::Follows,
    },
    Known {
        event_type: DELETED,
        read: subscription,
        effects: Effects::Moves(&[("", "tenant_subscriptions", "canceled")]),
    },
    Known { event_type: "invoice.paid", read: invoice_paid, effects: INVOICE_PAID },
    Known { event_type: "invoice.payment_succeeded", read: invoice_paid, effects: INVOICE_PAID },
    Known {
        event_type: "invoice.payment_failed",
        read: invoice_failed,
        effects: Effects::Moves(&[
            ("", "payment_invoices", "failed"),
            ("of our subscription", "tenant_subscriptions", "past_due"),
        ]),
    },
    Known {
        event_type: "payment_intent.succeeded",
        read: payment_intent,
        effects: Effects::Moves(&[("of no invoice", "payment_one_times", "succeeded")]),
    },
    Known {
        event_type: "payment_intent.payment_failed",
        read: payment_intent,
        effects: Effects::Moves(&[("of no invoice", "payment_one_times", "failed")]),
    },
    Known {
        event_type: "checkout.session.completed",
        read: checkout,
        effects: Effects::Moves(&[
            ("mode payment, unpaid", "payment_one_times", "pending"),
            ("mode payment, paid", "payment_one_times", "succeeded"),
        ]),
    },
    Known {
        event_type: "checkout.session.async_payment_succeeded",
        read: checkout,
        effects: CHECKOUT_PAID,
    },
    Known {
        event_type: "checkout.session.async_payment_failed",
        read: checkout,
        effects: Effects::Moves(&[("mode payment", "payment_one_times", "failed")]),
    },
    Known {
        event_type: "charge.refunded",
        read: refund,
        effects: Effects::Moves(&[("in full, of no invoice", "payment_one_times", "refunded")]),
    },
];

const DELETED: &str = "customer.subscription.deleted";

/// The states of Stripe's subscriptions, and ours.
const STATUSES: &[(&str, Option<Status>)] = &[
    ("trialing", Some(Status::Trialing)),
    ("active", Some(Status::Active)),
    ("past_due", Some(Status::PastDue)),
    ("unpaid", Some(Status::PastDue)),
    ("paused", Some(Status::Paused)),
    ("canceled", Some(Status::Canceled)),
    ("incomplete_expired", Some(Status::Canceled)),
    // The first payment is still being made: nothing has begun.
    ("incomplete", None),
];

/// What each kind of event changes: the kind, what its object says, the entity, its state then.
pub fn effects() -> Vec<[&'static str; 4]> {
    let of = |known: &'static Known| -> Vec<[&'static str; 4]> {
        match known.effects {
            Effects::Follows => STATUSES
                .iter()
                .filter_map(|(says, status)| {
                    Some([known.event_type, *says, "tenant_subscriptions", (*status)?.name()])
                })
                .collect(),
            Effects::Moves(moves) => moves
                .iter()
                .map(|(says, entity, state)| [known.event_type, *says, *entity, *state])
                .collect(),
        }
    };
    KNOWN.iter().flat_map(of).collect()
}

fn reader(event_type: &str) -> Option<fn(&About) -> Read> {
    KNOWN.iter().find(|known| known.event_type == event_type).map(|known| known.read)
}

fn subscription(about: &About) -> Read {
    let object = about.object;
    let theirs = object.required("status", object.text("status"))?;
    let Some((_, status)) = STATUSES.iter().find(|(name, _)| *name == theirs) else {
        return Err(Unreadable(format!("status \"{}\" is unknown", brief(&theirs))));
    };
    let Some(status) = *status else { return Ok(None) };
    let (status, rank) = match about.event_type {
        "customer.subscription.created" => (status, 0),
        DELETED => (Status::Canceled, 2),
        _ => (status, 1),
    };
    let ended_at = seconds(object, "ended_at")?.unwrap_or(about.created);
    let change = Change::Subscription(Subscription { status, ended_at });
    Ok(Some((rank, id(object)?, change)))
}

fn invoice_paid(about: &About) -> Read {
    let object = about.object;
    let currency = money::currency(object.required("currency", object.text("currency"))?)?;
    // API versions before 2025-03-31 leave amount_paid at 0 when the money came another way.
    let paid =
        if object.boolean("paid_out_of_band")? == Some(true) { "total" } else { "amount_paid" };
    let amount = money::amount(object.required(paid, object.integer(paid))?, &currency)?;
    let paid_at = match object.object("status_transitions")? {
        Some(transitions) => seconds(&transitions, "paid_at")?,
        None => None,
    };
    let paid_at = paid_at.unwrap_or(about.created);
    let change = Change::InvoicePaid { amount, currency, paid_at, ours: our_invoice(object)? };
    Ok(Some((1, id(object)?, change)))
}

fn invoice_failed(about: &About) -> Read {
    let change = Change::InvoiceFailed { ours: our_invoice(about.object)? };
    Ok(Some((0, id(about.object)?, change)))
}

fn our_invoice(object: &Object) -> Result<Option<Uuid>> {
    let Some(metadata) = object.object("metadata")? else {
        return Ok(None);
    };
    let Some(text) = metadata.text("saas_invoice_id")? else {
        return Ok(None);
    };
    let id = Uuid::try_parse(&text);
    id.map(Some).map_err(|_| Unreadable("metadata.saas_invoice_id is no uuid".into()))
}

fn payment_intent(about: &About) -> Read {
    let object = about.object;
    if object.has("invoice") {
        return Ok(None);
    }
    let (progress, rank, field) = match about.event_type {
        "payment_intent.succeeded" if object.has("amount_received") => {
            (Progress::Succeeded, 1, "amount_received")
        }
        "payment_intent.succeeded" => (Progress::Succeeded, 1, "amount"),
        _ => (Progress::Failed, 0, "amount"),
    };
    // From API version 2025-03-31 on, a payment intent no longer says whether it pays an invoice.
    let silent = match about.event.text("api_version")? {
        Some(version) if version.as_str() >= "2025-03-31" => Purpose::Unclear,
        _ => Purpose::Unsaid,
    };
    payment(object, id(object)?, field, progress, rank, silent)
}

fn checkout(about: &About) -> Read {
    let object = about.object;
    if object.text("mode")?.as_deref() != Some("payment") {
        return Ok(None);
    }
    let paid = object.text("payment_status")?;
    let (progress, rank) = match (about.event_type, paid.as_deref()) {
        ("checkout.session.async_payment_failed", _) => (Progress::Failed, 0),
        ("checkout.session.async_payment_succeeded", _) => (Progress::Succeeded, 1),
        (_, Some("unpaid")) => (Progress::Pending, 0),
        _ => (Progress::Succeeded, 1),
    };
    // The payment intent is what other events are about; without one, nothing was to pay.
    let Some(id) = object.text("payment_intent")? else {
        return Ok(None);
    };
    payment(object, key(id, "payment_intent")?, "amount_total", progress, rank, Purpose::Unsaid)
}

fn payment(
    object: &Object,
    id: String,
    amount_field: &str,
    progress: Progress,
    rank: i16,
    silent: Purpose,
) -> Read {
    let currency = money::currency(object.required("currency", object.text("currency"))?)?;
    let amount = object.required(amount_field, object.integer(amount_field))?;
    let amount = money::amount(amount, &currency)?;
    if amount == 0 {
        return Ok(None);
    }
    let metadata = object.object("metadata")?;
    let reason = metadata.map(|metadata| metadata.text("reason")).transpose()?.flatten();
    let purpose = match reason.as_deref() {
        Some("topup") => Purpose::TopUp,
        Some("addon") => Purpose::AddOn,
        None => silent,
        Some(other) => {
            let message =
                format!("metadata.reason \"{}\" is neither topup nor addon", brief(other));
            return Err(Unreadable(message));
        }
    };
    let change = Change::Payment(Payment { progress, amount, currency, purpose });
    Ok(Some((rank, id, change)))
}

fn refund(about: &About) -> Read {
    let object = about.object;
    // A part that is given back leaves the payment as it is.
    if object.boolean("refunded")? != Some(true) || object.has("invoice") {
        return Ok(None);
    }
    let Some(id) = object.text("payment_intent")? else {
        return Ok(None);
    };
    Ok(Some((2, key(id, "payment_intent")?, Change::Refund)))
}

fn id(object: &Object) -> Result<String> {
    key(object.required("id", object.text("id"))?, "id")
}

/// A key as it can be stored.
fn key(text: String, name: &str) -> Result<String> {
    if text.is_empty() || text.chars().count() > 500 {
        return Err(Unreadable(format!("{name} is no id")));
    }
    Ok(text)
}

/// Seconds since 1970, up to the year 9999.
fn seconds(object: &Object, name: &str) -> Result<Option<i64>> {
    match object.integer(name)? {
        Some(value) if !(0..=253_402_300_799).contains(&value) => {
            Err(Unreadable(format!("{name} is no time")))
        }
        value => Ok(value),
    }
}

fn brief(text: &str) -> String {
    text.chars().take(50).collect()
}
