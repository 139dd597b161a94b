//! What an invoice would say, without making it: the same line query as for the real one, over what is stored now.
//! Nothing is written, so that it works in read-only transactions and on standbys.

use super::gate;
use super::invoice::{FIND_BILLED, billed};
use super::ledger;
use crate::error::{Error, Result, given};
use crate::owner::as_data_owner;
use crate::sql;
use pgrx::datum::{Date, DatumWithOid, TimestampWithTimeZone};
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

const OPEN: &str = concat!(
    include_str!("../../sql/billing/asked_given.sql"),
    include_str!("../../sql/usage/rate.sql"),
    include_str!("../../sql/billing/sources_live.sql"),
    include_str!("../../sql/billing/invoice_lines.sql"),
    include_str!("../../sql/billing/preview_lines.sql"),
);
const REISSUED: &str = concat!(
    include_str!("../../sql/billing/asked_void.sql"),
    include_str!("../../sql/billing/sources_void.sql"),
    include_str!("../../sql/billing/invoice_lines.sql"),
    include_str!("../../sql/billing/preview_lines.sql"),
);
const STORED: &str =
    "SELECT position, kind, description, feature_key, quantity, unit_amount, amount, period_start, period_end, 0, source_id
       FROM saas.payment_invoice_lines WHERE tenant_id = $1 AND invoice_id = $2 ORDER BY position";
/// The rank, in `invoice_lines.sql`, of the line that carries an invoice's surplus over.
const CARRIED: i32 = 11;

/// The columns of `saas.invoice_line`.
pub type Line = (
    Option<i32>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<AnyNumeric>,
    Option<AnyNumeric>,
    Option<i64>,
    Option<Date>,
    Option<Date>,
);

::pgrx::extension_sql_file!("../../sql/billing/types.sql", name = "billing_types");

/// The lines of the invoice for the tenant's billing period that contains a moment.
#[pg_extern(
    stable,
    parallel_restricted,
    requires = ["billing_types"],
    sql = "
    CREATE FUNCTION saas.preview_invoice(tenant_id uuid, as_of timestamptz DEFAULT now()) RETURNS SETOF saas.invoice_line
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';"
)]
#[allow(clippy::type_complexity)] // the columns have to stand here
fn preview_invoice(
    tenant_id: Option<pgrx::Uuid>,
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
    let tenant_id = given(tenant_id, "tenant_id")?;
    gate::require_in_tenant(tenant_id, "billing.view")?;
    let as_of = given(as_of, "as_of")?;
    Ok(TableIterator::new(as_data_owner(|| preview(tenant_id, as_of))?))
}

pub fn preview(tenant: pgrx::Uuid, as_of: TimestampWithTimeZone) -> Result<Vec<Line>> {
    let (day, today) = days(tenant, as_of)?;
    let open = open_periods(tenant, day)?;
    let wanted = open.iter().position(|period| period.is_wanted);
    let closed = sql::read(FIND_BILLED, &[tenant.into(), day.into()], billed)?;
    match (wanted, closed) {
        (Some(place), None) => follow(tenant, &open[..=place]),
        // Of two contracts' periods that hold the day, the later one's: it was live then.
        (Some(place), Some(billed))
            if open[place].holds && (!billed.holds || billed.start < open[place].start) =>
        {
            follow(tenant, &open[..=place])
        }
        (_, Some(billed)) if billed.is_void => {
            let balance = ledger::balance(tenant)?;
            lines(REISSUED, &[tenant.into(), billed.invoice.into(), balance.into()]).map(only_lines)
        }
        (_, Some(billed)) => stored_lines(tenant, billed.invoice),
        // A contract that has ended may leave late usage behind, which is billed alone.
        (None, None) if open.is_empty() && day == today => follow(tenant, &[Period::none(today)]),
        (None, None) => Ok(Vec::new()),
    }
}

/// The lines of an invoice that is stored.
pub fn stored_lines(tenant: pgrx::Uuid, invoice: pgrx::Uuid) -> Result<Vec<Line>> {
    lines(STORED, &[tenant.into(), invoice.into()]).map(only_lines)
}

/// The tenant's day of a moment, and today.
fn days(tenant: pgrx::Uuid, as_of: TimestampWithTimeZone) -> Result<(Date, Date)> {
    let found = sql::read(
        "SELECT (least($2, now() + interval '10 years 1 day') AT TIME ZONE t.time_zone)::date,
                (now() AT TIME ZONE t.time_zone)::date,
                isfinite($2) AND $2 <= now() + interval '10 years'
           FROM saas.tenants t WHERE t.id = $1",
        &[tenant.into(), as_of.into()],
        |mut rows| {
            let Some(row) = rows.next() else { return Ok(None) };
            Ok(row.get::<Date>(1)?.zip(row.get::<Date>(2)?).zip(row.get::<bool>(3)?))
        },
    )?;
    match found {
        Some((days, true)) => Ok(days),
        Some(_) => Err(Error::Invalid("as_of must be a moment, at most ten years ahead".into())),
        None => Err(Error::NoSuchRow("no such tenant".into())),
    }
}

/// A period that is not closed yet.
struct Period {
    subscription: Option<pgrx::Uuid>,
    plan: Option<pgrx::Uuid>,
    seats: Option<i32>,
    /// What its usage is counted under.
    counted: Option<Date>,
    start: Option<Date>,
    end: Option<Date>,
    /// Whether it contains the day that is asked for.
    holds: bool,
    is_wanted: bool,
    /// Whether its fee was charged before it began.
    in_advance: bool,
}

impl Period {
    /// What an invoice without a subscription is for.
    fn none(day: Date) -> Period {
        Period {
            subscription: None,
            plan: None,
            seats: None,
            counted: Some(day),
            start: Some(day),
            end: Some(day),
            holds: true,
            is_wanted: true,
            in_advance: false,
        }
    }
}

fn open_periods(tenant: pgrx::Uuid, day: Date) -> Result<Vec<Period>> {
    let args = [tenant.into(), day.into()];
    sql::read_rows(include_str!("../../sql/billing/open_periods.sql"), &args, |row| {
        Ok(Period {
            subscription: row.get(1)?,
            plan: row.get(2)?,
            seats: row.get(3)?,
            counted: row.get(4)?,
            start: row.get(5)?,
            end: row.get(6)?,
            holds: row.get(7)? == Some(true),
            is_wanted: row.get(8)? == Some(true),
            in_advance: row.get(9)? == Some(true),
        })
    })
}

/// An invoice that will be made, and what it says.
struct Made<'a> {
    period: &'a Period,
    lines: Vec<Found>,
}

/// The lines of the last of these periods, when those before it are billed first, as they would be. Before each comes what is
/// charged alone in advance.
fn follow(tenant: pgrx::Uuid, periods: &[Period]) -> Result<Vec<Line>> {
    let mut balance = ledger::balance(tenant)?;
    let mut made: Vec<Made<'_>> = Vec::new();
    for (place, period) in periods.iter().enumerate() {
        let kinds: &[&str] = match (period.subscription, period.in_advance) {
            (None, _) => &["late"],
            (_, true) => &["advance", "period"],
            (_, false) => &["period"],
        };
        for kind in kinds {
            let is_closing = *kind != "advance";
            let rates = periods[..place].iter().all(|earlier| earlier.counted != period.counted);
            let mut starts = Vec::new();
            let mut ends = Vec::new();
            let mut charged = Vec::new();
            let mut ahead = Ahead::default();
            for earlier in
                made.iter().filter(|made| made.period.subscription == period.subscription)
            {
                let fees = if earlier.period.in_advance {
                    ahead.charge(&earlier.lines);
                    0
                } else {
                    sum(&earlier.lines, is_fee)
                };
                let is_before = !std::ptr::eq(earlier.period, period);
                if let Some((start, end)) = earlier.period.start.zip(earlier.period.end)
                    && is_before
                {
                    starts.push(start);
                    ends.push(end);
                    charged.push(fees.saturating_add(sum(&earlier.lines, |kind| kind == "usage")));
                }
            }
            let found = lines(
                OPEN,
                &[
                    tenant.into(),
                    period.subscription.into(),
                    period.plan.into(),
                    period.seats.into(),
                    period.counted.into(),
                    period.start.into(),
                    period.end.into(),
                    (is_closing && rates).into(),
                    (is_closing && place == 0).into(),
                    balance.into(),
                    starts.into(),
                    charged.into(),
                    used_coupons(&made).into(),
                    ends.into(),
                    ahead.until.into(),
                    ahead.starts.into(),
                    ahead.amounts.into(),
                    (*kind).into(),
                ],
            )?;
            balance = balance.saturating_add(kept(&found));
            made.push(Made { period, lines: found });
        }
    }
    Ok(made.pop().map(|made| only_lines(made.lines)).unwrap_or_default())
}

/// The fees that the invoices before charge in advance.
#[derive(Default)]
struct Ahead {
    until: Option<Date>,
    starts: Vec<Date>,
    amounts: Vec<i64>,
}

impl Ahead {
    fn charge(&mut self, lines: &[Found]) {
        for found in lines.iter().filter(|found| found.kind().is_some_and(is_fee)) {
            if let Some(((start, end), amount)) = found.line.7.zip(found.line.8).zip(found.line.6) {
                self.starts.push(start);
                self.amounts.push(amount);
                self.until = self.until.max(Some(end));
            }
        }
    }
}

/// Whether lines of a kind are the plan's fees.
fn is_fee(kind: &str) -> bool {
    matches!(kind, "subscription" | "seat" | "proration")
}

fn sum(lines: &[Found], counts: impl Fn(&str) -> bool) -> i64 {
    lines
        .iter()
        .filter(|found| found.kind().is_some_and(&counts))
        .filter_map(|found| found.line.6)
        .fold(0, i64::saturating_add)
}

/// What an invoice adds to the credits, negative for what it uses.
fn kept(lines: &[Found]) -> i64 {
    lines
        .iter()
        .filter(|found| found.rank == CARRIED || found.kind() == Some("credit"))
        .filter_map(|found| found.line.6)
        .fold(0, i64::saturating_add)
}

/// The coupons that these invoices use, once for each.
fn used_coupons(invoices: &[Made<'_>]) -> Vec<pgrx::Uuid> {
    let mut used = Vec::new();
    for invoice in invoices {
        let mut of_invoice: Vec<pgrx::Uuid> = invoice
            .lines
            .iter()
            .filter(|found| found.kind() == Some("discount"))
            .filter_map(|found| found.source)
            .collect();
        of_invoice.sort_by_key(|id| *id.as_bytes());
        of_invoice.dedup();
        used.append(&mut of_invoice);
    }
    used
}

/// A line, and what of it is not shown.
struct Found {
    line: Line,
    /// Its kind's place among the lines, as in `invoice_lines.sql`.
    rank: i32,
    source: Option<pgrx::Uuid>,
}

impl Found {
    fn kind(&self) -> Option<&str> {
        self.line.1.as_deref()
    }
}

fn only_lines(lines: Vec<Found>) -> Vec<Line> {
    lines.into_iter().map(|found| found.line).collect()
}

fn lines(query: &'static str, args: &[DatumWithOid<'_>]) -> Result<Vec<Found>> {
    sql::read_rows(query, args, |row| {
        let line = (
            row.get(1)?,
            row.get(2)?,
            row.get(3)?,
            row.get(4)?,
            row.get(5)?,
            row.get(6)?,
            row.get(7)?,
            row.get(8)?,
            row.get(9)?,
        );
        Ok(Found { line, rank: row.get(10)?.unwrap_or(0), source: row.get(11)? })
    })
}
