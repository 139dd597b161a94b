//! Add-ons: what a contract takes of what its plan offers beside itself.

use super::change::{Done, Mode, Terms, current, previewed, terms};
use super::due::finite;
use super::end::{hold, sought};
use super::{Plan, require_subscriber};
use crate::billing::advance::charge_change;
use crate::billing::gate;
use crate::billing::preview::Line;
use crate::context::to_uuid;
use crate::error::{Error, Result, given};
use crate::iam::check::nearest;
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::datum::{Date, TimestampWithTimeZone};
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// How many of which add-on somebody wants, and from when.
struct Wish<'a> {
    key: &'a str,
    quantity: i32,
    mode: Mode,
    as_of: TimestampWithTimeZone,
}

impl Wish<'_> {
    fn new<'a>(
        key: Option<&'a str>,
        quantity: Option<i32>,
        mode: Option<&str>,
        as_of: Option<TimestampWithTimeZone>,
    ) -> Result<Wish<'a>> {
        let key = given(key, "add_on_key")?;
        let quantity = given(quantity, "quantity")?;
        if quantity < 0 {
            return Err(Error::Invalid("the quantity of an add-on is 0 or more".into()));
        }
        Ok(Wish { key, quantity, mode: Mode::new(mode)?, as_of: finite(given(as_of, "as_of")?)? })
    }
}

/// Says how many of an add-on the tenant's contract takes.
#[pg_extern(volatile, parallel_unsafe)]
fn set_add_on(
    tenant_id: Option<pgrx::Uuid>,
    add_on_key: Option<&str>,
    quantity: Option<i32>,
    mode: default!(Option<&str>, "'auto'"),
    as_of: default!(Option<TimestampWithTimeZone>, "now()"),
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    let tenant = given(tenant_id, "tenant_id")?;
    require_subscriber(to_uuid(tenant), gate::is_now(given(as_of, "as_of")?)?)?;
    let wish = Wish::new(add_on_key, quantity, mode, as_of)?;
    if wish.mode == Mode::Prorate {
        // As of change_subscription: it would give days back that were used.
        require_subscriber(to_uuid(tenant), false)?;
    }
    Ok(as_data_owner(|| Ok(set(tenant, &wish)?.subscription()))?)
}

/// The lines of the first invoice that it would make different. It is said, looked at and undone.
#[pg_extern(
    volatile,
    parallel_unsafe,
    requires = ["billing_types"],
    sql = "
    CREATE FUNCTION saas.preview_add_on(tenant_id uuid, add_on_key text, quantity integer,
      mode text DEFAULT 'auto', as_of timestamptz DEFAULT now()) RETURNS SETOF saas.invoice_line
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
#[allow(clippy::type_complexity)] // as of preview_invoice
fn preview_add_on(
    tenant_id: Option<pgrx::Uuid>,
    add_on_key: Option<&str>,
    quantity: Option<i32>,
    mode: Option<&str>,
    as_of: Option<TimestampWithTimeZone>,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(position, Option<i32>),
            name!(kind, Option<String>),
            name!(description, Option<String>),
            name!(feature_key, Option<String>),
            name!(quantity, Option<AnyNumeric>),
            name!(unit_amount, Option<AnyNumeric>),
            name!(amount, Option<i64>),
            name!(period_start, Option<Date>),
            name!(period_end, Option<Date>),
        ),
    >,
    ErrorReport,
> {
    let tenant = given(tenant_id, "tenant_id")?;
    gate::require_in_tenant(tenant, "billing.view")?;
    let wish = Wish::new(add_on_key, quantity, mode, as_of)?;
    let lines: Vec<Line> = previewed(tenant, wish.as_of, || set(tenant, &wish))?;
    Ok(TableIterator::new(lines))
}

fn set(tenant: pgrx::Uuid, wish: &Wish<'_>) -> Result<Done> {
    hold(tenant, wish.as_of)?;
    let Some(current) = current(tenant)? else {
        return Err(sought(tenant, wish.as_of)?);
    };
    let Terms { subscription, in_trial, period_ends, refused, is_paid_ahead, .. } =
        terms(tenant, current.plan, current.seats, wish.as_of)?;
    let taken = Taken::of(tenant, subscription, wish)?;
    if let Some(why) = refused.or(taken.refused) {
        return Err(Error::State(why, ""));
    }
    if wish.quantity > 0 || taken.quantity == 0 {
        require_offer(tenant, subscription, wish)?;
    }
    if wish.quantity == taken.quantity {
        // Staying with as many takes back what waits.
        if let Some(day) = taken.changes_on {
            note(tenant, subscription, wish, day, false)?;
        }
        return Ok(Done::AtOnce(subscription, None));
    }
    let later = match wish.mode {
        Mode::Auto => wish.quantity < taken.quantity && !in_trial,
        Mode::Prorate => false,
        Mode::NextPeriod => true,
    };
    if later {
        note(tenant, subscription, wish, period_ends, false)?;
        return Ok(Done::Later(subscription, period_ends));
    }
    let row = note(tenant, subscription, wish, wish.as_of, true)?;
    let charged = if is_paid_ahead { charge_change(tenant, subscription, row)? } else { None };
    Ok(Done::AtOnce(subscription, charged))
}

/// What a contract has of an add-on on the day of a wish.
struct Taken {
    quantity: i32,
    /// The next day for which another number was said.
    changes_on: Option<TimestampWithTimeZone>,
    refused: Option<String>,
}

impl Taken {
    fn of(tenant: pgrx::Uuid, subscription: pgrx::Uuid, wish: &Wish<'_>) -> Result<Taken> {
        sql::write(
            include_str!("../../../sql/billing/taken_add_on.sql"),
            &[tenant.into(), subscription.into(), wish.key.into(), wish.as_of.into()],
            |mut rows| {
                let Some(row) = rows.next() else {
                    return Ok(Taken { quantity: 0, changes_on: None, refused: None });
                };
                Ok(Taken {
                    quantity: row.get(1)?.unwrap_or(0),
                    changes_on: row.get(2)?,
                    refused: row.get(3)?,
                })
            },
        )
    }
}

/// Notes it; returns the row's id.
fn note(
    tenant: pgrx::Uuid,
    subscription: pgrx::Uuid,
    wish: &Wish<'_>,
    from: TimestampWithTimeZone,
    at_once: bool,
) -> Result<Option<pgrx::Uuid>> {
    let args = [
        tenant.into(),
        subscription.into(),
        wish.key.into(),
        wish.quantity.into(),
        from.into(),
        at_once.into(),
    ];
    sql::write_one(include_str!("../../../sql/billing/take_add_on.sql"), &args)
}

/// What can't be billed is not sold: by the plan of now, nor by one that waits.
fn require_offer(tenant: pgrx::Uuid, subscription: pgrx::Uuid, wish: &Wish<'_>) -> Result<()> {
    struct Offer {
        plan: String,
        waits: bool,
        is_known: bool,
        price: Option<i64>,
        most: Option<i32>,
        currency: String,
    }
    let offers = sql::write(
        include_str!("../../../sql/billing/offered_add_on.sql"),
        &[tenant.into(), subscription.into(), wish.key.into(), wish.quantity.into()],
        |rows| {
            rows.map(|row| {
                Ok(Offer {
                    plan: row.get(1)?.unwrap_or_default(),
                    waits: row.get(2)? == Some(true),
                    is_known: row.get(3)? == Some(true),
                    price: row.get(4)?,
                    most: row.get(5)?,
                    currency: row.get(6)?.unwrap_or_default(),
                })
            })
            .collect::<Result<Vec<_>>>()
        },
    )?;
    for Offer { plan, waits, is_known, price, most, currency } in offers {
        let key = wish.key;
        let too_many = most.is_some_and(|most| wish.quantity > most);
        if waits && (price.is_none() || too_many) {
            return Err(Error::State(
                format!(
                    "the plan \"{plan}\", for which the contract waits, does not offer {} of the add-on \"{key}\"",
                    wish.quantity
                ),
                "saas.resume_subscription takes back what waits.",
            ));
        }
        if !is_known {
            let known = sql::read_rows(
                "SELECT DISTINCT a.key FROM saas.plan_add_ons a JOIN saas.tenant_subscriptions s ON s.plan_id = a.plan_id
                  WHERE s.tenant_id = $1 AND s.id = $2",
                &[tenant.into(), subscription.into()],
                |row| Ok(row.get::<String>(1)?),
            )?;
            let nearest = nearest(key, known.iter().flatten().map(String::as_str));
            return Err(Error::Unknown(
                format!("the plan \"{plan}\" offers no add-on \"{key}\""),
                nearest,
            ));
        }
        if price.is_none() {
            return Err(Error::Invalid(format!(
                "the add-on \"{key}\" of the plan \"{plan}\" has no price in {currency}"
            )));
        }
        if let Some(most) = most.filter(|_| too_many) {
            return Err(Error::Limit(
                format!("the plan \"{plan}\" offers {most} of the add-on \"{key}\" at most"),
                "Choose a larger plan.",
            ));
        }
    }
    Ok(())
}

/// Another plan must offer what the contract takes from a day on.
pub fn require_offers(
    tenant: pgrx::Uuid,
    subscription: pgrx::Uuid,
    plan: &Plan,
    from: TimestampWithTimeZone,
) -> Result<()> {
    let lacking = sql::write_one::<String>(
        include_str!("../../../sql/billing/lacking_add_on.sql"),
        &[tenant.into(), subscription.into(), plan.id.into(), from.into()],
    )?;
    match lacking {
        Some(lacking) => Err(Error::State(
            lacking,
            "saas.set_add_on gives add-ons back; what was paid for ends with its period.",
        )),
        None => Ok(()),
    }
}
