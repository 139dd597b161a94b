//! Changing plan and seats.

use super::add_on::require_offers;
use super::due::{Left, apply_due, finite, succeed};
use super::end::{hold, sought};
use super::{Plan, require_subscriber};
use crate::billing::advance::{charge_change, charge_in_advance};
use crate::billing::gate;
use crate::billing::preview::{Line, preview, stored_lines};
use crate::context::to_uuid;
use crate::error::{Error, Result, given};
use crate::owner::as_data_owner;
use crate::sql;
use crate::subtransaction::undone;
use pgrx::datum::{Date, TimestampWithTimeZone};
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// What somebody wants to change, and how.
struct Wish<'a> {
    plan_key: Option<&'a str>,
    seats: Option<i32>,
    mode: Mode,
    as_of: TimestampWithTimeZone,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Mode {
    Auto,
    Prorate,
    NextPeriod,
}

impl Mode {
    pub fn new(mode: Option<&str>) -> Result<Mode> {
        match given(mode, "mode")? {
            "auto" => Ok(Mode::Auto),
            "prorate" => Ok(Mode::Prorate),
            "next_period" => Ok(Mode::NextPeriod),
            other => Err(Error::Invalid(format!(
                "the mode is auto, prorate or next_period, not \"{other}\""
            ))),
        }
    }
}

/// What has become of it.
pub enum Done {
    /// The terms are there, and apply to this contract; with the draft that charges them where the time is paid already.
    AtOnce(pgrx::Uuid, Option<pgrx::Uuid>),
    /// They wait for a moment.
    Later(pgrx::Uuid, TimestampWithTimeZone),
}

impl Done {
    pub fn subscription(&self) -> pgrx::Uuid {
        let (Done::AtOnce(id, _) | Done::Later(id, _)) = self;
        *id
    }
}

impl Wish<'_> {
    fn new<'a>(
        plan_key: Option<&'a str>,
        seats: Option<i32>,
        mode: Option<&str>,
        as_of: Option<TimestampWithTimeZone>,
    ) -> Result<Wish<'a>> {
        if plan_key.is_none() && seats.is_none() {
            return Err(Error::Invalid("a change is of the plan, of the seats or of both".into()));
        }
        let mode = Mode::new(mode)?;
        Ok(Wish { plan_key, seats, mode, as_of: finite(given(as_of, "as_of")?)? })
    }
}

/// Changes plan or seats of the tenant's contract.
#[pg_extern(volatile, parallel_unsafe)]
fn change_subscription(
    tenant_id: Option<pgrx::Uuid>,
    plan_key: default!(Option<&str>, "NULL"),
    seats: default!(Option<i32>, "NULL"),
    mode: default!(Option<&str>, "'auto'"),
    as_of: default!(Option<TimestampWithTimeZone>, "now()"),
) -> std::result::Result<pgrx::Uuid, ErrorReport> {
    let tenant = given(tenant_id, "tenant_id")?;
    require_subscriber(to_uuid(tenant), gate::is_now(given(as_of, "as_of")?)?)?;
    let wish = Wish::new(plan_key, seats, mode, as_of)?;
    if wish.mode == Mode::Prorate {
        // What is worth less would give days back that were used: up in the morning, down at night.
        require_subscriber(to_uuid(tenant), false)?;
    }
    Ok(as_data_owner(|| Ok(change(tenant, &wish)?.subscription()))?)
}

/// The lines of the first invoice that the change would make different. The change is made, looked at and undone.
#[pg_extern(
    volatile,
    parallel_unsafe,
    requires = ["billing_types"],
    sql = "
    CREATE FUNCTION saas.preview_change(tenant_id uuid, plan_key text DEFAULT NULL, seats integer DEFAULT NULL,
      mode text DEFAULT 'auto', as_of timestamptz DEFAULT now()) RETURNS SETOF saas.invoice_line
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
#[allow(clippy::type_complexity)] // as of preview_invoice
fn preview_change(
    tenant_id: Option<pgrx::Uuid>,
    plan_key: Option<&str>,
    seats: Option<i32>,
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
    let wish = Wish::new(plan_key, seats, mode, as_of)?;
    let lines: Vec<Line> = previewed(tenant, wish.as_of, || change(tenant, &wish))?;
    Ok(TableIterator::new(lines))
}

/// The lines of the first invoice that a change makes different, after which the change is undone.
pub fn previewed(
    tenant: pgrx::Uuid,
    as_of: TimestampWithTimeZone,
    change: impl FnOnce() -> Result<Done>,
) -> Result<Vec<Line>> {
    undone(|| {
        as_data_owner(|| {
            let (from, waits) = match change()? {
                Done::AtOnce(_, Some(draft)) => return stored_lines(tenant, draft),
                Done::AtOnce(_, None) => (as_of, false),
                Done::Later(_, starts_at) => {
                    apply_due(&[tenant], starts_at)?;
                    (starts_at, true)
                }
            };
            preview(tenant, fee_is_billed(tenant, from, waits)?.unwrap_or(from))
        })
    })
}

/// A moment of the period that bills the fee for a moment, where that is another: of a year its last; in advance, of a fee that
/// begins then, the one before.
fn fee_is_billed(
    tenant: pgrx::Uuid,
    at: TimestampWithTimeZone,
    begins: bool,
) -> Result<Option<TimestampWithTimeZone>> {
    sql::write_one(
        "SELECT CASE WHEN p.bill_in = 'arrears' AND p.billing_interval = 'yearly' THEN saas.fee_period_end(s.tenant_id, s.plan_id, $2) - interval '1 day'
                     WHEN p.bill_in = 'advance' AND $3 THEN $2 - interval '1 day' END
           FROM saas.tenant_subscriptions s JOIN saas.plans p ON p.id = s.plan_id
          WHERE s.tenant_id = $1 AND s.status <> 'canceled'",
        &[tenant.into(), at.into(), begins.into()],
    )
}

/// The contract as it is, with what the new terms mean for it. See `change_terms.sql`.
pub struct Terms {
    pub subscription: pgrx::Uuid,
    plan: pgrx::Uuid,
    seats: i32,
    /// Whether the new terms are worth less for the same time.
    is_down: bool,
    /// Another interval or cycle makes another contract.
    is_other_contract: bool,
    /// Nothing is due for the day yet, under the new terms.
    pub in_trial: bool,
    /// When the fee's own period ends.
    pub period_ends: TimestampWithTimeZone,
    waits: bool,
    /// Why the contract can't change then.
    pub refused: Option<String>,
    /// Until when a trial goes on.
    trial_end: Option<TimestampWithTimeZone>,
    /// Whether the time is paid in advance.
    pub is_paid_ahead: bool,
}

fn change(tenant: pgrx::Uuid, wish: &Wish<'_>) -> Result<Done> {
    hold(tenant, wish.as_of)?;
    let Some(current) = current(tenant)? else {
        return Err(sought(tenant, wish.as_of)?);
    };
    let plan = match wish.plan_key {
        Some(key) => Plan::current(tenant, key)?,
        None => Plan::of(current.plan)?,
    };
    let seats = wish.seats.unwrap_or(current.seats);
    plan.require_seats(seats)?;
    let terms = terms(tenant, plan.id, seats, wish.as_of)?;
    if let Some(why) = terms.refused {
        return Err(Error::State(why, ""));
    }
    let id = terms.subscription;
    if (terms.plan, terms.seats) == (plan.id, seats) {
        // Staying as one is takes back what waits.
        if terms.waits {
            sql::run(
                "UPDATE saas.tenant_subscriptions SET scheduled_for = NULL, scheduled_plan_id = NULL, scheduled_seats = NULL
                  WHERE tenant_id = $1 AND id = $2",
                &[tenant.into(), id.into()],
            )?;
        }
        return Ok(Done::AtOnce(id, None));
    }
    require_room(tenant, &plan, seats)?;
    // What is paid in advance is not given back: another contract begins when it is over.
    let must_wait = terms.is_other_contract && terms.is_paid_ahead;
    let later = match wish.mode {
        Mode::Auto => must_wait || terms.is_down && !terms.in_trial,
        Mode::Prorate if must_wait => {
            return Err(Error::State(
                "the time until the fee's end is paid in advance, and another interval, cycle or bill_in makes another contract".into(),
                "It can begin then: mode next_period.",
            ));
        }
        Mode::Prorate => false,
        Mode::NextPeriod => true,
    };
    let from = if later { terms.period_ends } else { wish.as_of };
    require_offers(tenant, id, &plan, from)?;
    if later {
        let args =
            [tenant.into(), id.into(), plan.id.into(), seats.into(), terms.period_ends.into()];
        sql::run(include_str!("../../../sql/billing/schedule_terms.sql"), &args)?;
        return Ok(Done::Later(id, terms.period_ends));
    }
    if terms.is_other_contract {
        let args = [tenant.into(), id.into(), wish.as_of.into()];
        sql::run(include_str!("../../../sql/billing/end_for_change.sql"), &args)?;
        let left = Left { trial_end: terms.trial_end, is_behind: current.is_behind };
        let id = succeed(tenant, plan.id, seats, wish.as_of, left)?;
        return Ok(Done::AtOnce(id, charge_in_advance(&[tenant], wish.as_of)?.first().copied()));
    }
    let args = [
        tenant.into(),
        id.into(),
        plan.id.into(),
        seats.into(),
        wish.as_of.into(),
        (!terms.in_trial).into(),
        terms.trial_end.into(),
    ];
    let change = sql::write_one(include_str!("../../../sql/billing/change_terms_now.sql"), &args)?;
    let charged = if terms.is_paid_ahead { charge_change(tenant, id, change)? } else { None };
    // The new terms may have ended a trial.
    let due = charge_in_advance(&[tenant], wish.as_of)?;
    Ok(Done::AtOnce(id, charged.or(due.first().copied())))
}

pub struct Current {
    pub plan: pgrx::Uuid,
    pub seats: i32,
    is_behind: bool,
}

pub fn current(tenant: pgrx::Uuid) -> Result<Option<Current>> {
    sql::write(
        "SELECT plan_id, subscription_seat, status = 'past_due' FROM saas.tenant_subscriptions
          WHERE tenant_id = $1 AND status NOT IN ('canceled', 'paused') FOR NO KEY UPDATE",
        &[tenant.into()],
        |mut rows| {
            let Some(row) = rows.next() else { return Ok(None) };
            let terms = row.get::<pgrx::Uuid>(1)?.zip(row.get::<i32>(2)?);
            let is_behind = row.get(3)? == Some(true);
            Ok(terms.map(|(plan, seats)| Current { plan, seats, is_behind }))
        },
    )
}

pub fn terms(
    tenant: pgrx::Uuid,
    plan: pgrx::Uuid,
    seats: i32,
    as_of: TimestampWithTimeZone,
) -> Result<Terms> {
    let found = sql::write(
        include_str!("../../../sql/billing/change_terms.sql"),
        &[tenant.into(), plan.into(), seats.into(), as_of.into()],
        |mut rows| {
            let Some(row) = rows.next() else { return Ok(None) };
            let (Some(subscription), Some(plan), Some(seats), Some(period_ends)) =
                (row.get(1)?, row.get(2)?, row.get(3)?, row.get(7)?)
            else {
                return Ok(None);
            };
            let is = |number| Ok::<_, Error>(row.get::<bool>(number)? == Some(true));
            Ok(Some(Terms {
                subscription,
                plan,
                seats,
                is_down: is(4)?,
                is_other_contract: is(5)?,
                in_trial: is(6)?,
                period_ends,
                waits: is(8)?,
                refused: row.get(9)?,
                trial_end: row.get(10)?,
                is_paid_ahead: is(11)?,
            }))
        },
    )?;
    found.ok_or_else(|| Error::State("the tenant has no live subscription".into(), ""))
}

/// Nobody is put out by a smaller plan: those who are there must have their place in it.
fn require_room(tenant: pgrx::Uuid, plan: &Plan, seats: i32) -> Result<()> {
    let lacking = sql::write_one::<String>(
        include_str!("../../../sql/billing/lacking_room.sql"),
        &[tenant.into(), plan.id.into(), seats.into()],
    )?;
    match lacking {
        Some(lacking) => Err(Error::Limit(
            lacking,
            "Remove members or guests first, or choose more seats or a larger plan.",
        )),
        None => Ok(()),
    }
}
