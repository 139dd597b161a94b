//! The pure engine as SQL functions: conversions between PostgreSQL's types and ours, nothing else.

use super::error::BillingError;
use super::period::{self, Every, Period};
use super::price::Model;
use super::{proration, rounding};
use crate::error::Error;
use crate::jsonb::Jsonb;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use pgrx::datum::{Date, Interval, RangeBound, Timestamp, TimestampWithTimeZone};
use pgrx::direct_function_call;
use pgrx::iter::TableIterator;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use rust_decimal::Decimal;

impl From<BillingError> for Error {
    fn from(error: BillingError) -> Self {
        Error::Billing(error)
    }
}

/// What a quantity costs under a price model, in minor units, not rounded.
#[pg_extern(immutable, parallel_safe)]
fn price_quantity(
    model: Jsonb,
    quantity: AnyNumeric,
) -> std::result::Result<AnyNumeric, ErrorReport> {
    let price = Model::from_json(&model.text())
        .and_then(|model| model.price(to_decimal(&quantity)?))
        .map_err(Error::from)?;
    Ok(from_decimal(price)?)
}

/// The lines of a fee by tiers, in minor units; they add up to the price, rounded once.
#[pg_extern(immutable, parallel_safe)]
#[allow(clippy::type_complexity)] // the columns have to stand here
fn usage_tiers(
    price_model: Jsonb,
    units: AnyNumeric,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(place, i32),
            name!(description, String),
            name!(quantity, AnyNumeric),
            name!(unit_amount, AnyNumeric),
            name!(amount, i64),
        ),
    >,
    ErrorReport,
> {
    let model = Model::from_json(&price_model.text()).map_err(Error::from)?;
    let lines = to_decimal(&units).and_then(|units| model.billed(units)).map_err(Error::from)?;
    let lines = (1..)
        .zip(lines)
        .map(|(place, (line, amount))| {
            let (quantity, unit_amount) =
                (from_decimal(line.quantity)?, from_decimal(line.unit_amount)?);
            let description = model.describe(line.kind).map_err(Error::from)?;
            Ok((place, description, quantity, unit_amount, amount))
        })
        .collect::<Result<Vec<_>, Error>>()?;
    Ok(TableIterator::new(lines))
}

/// The billing period that contains a moment.
#[pg_extern(immutable, parallel_safe)]
fn billing_period(
    anchor: TimestampWithTimeZone,
    every: Interval,
    at: TimestampWithTimeZone,
    time_zone: default!(&str, "'UTC'"),
) -> std::result::Result<pgrx::datum::Range<TimestampWithTimeZone>, ErrorReport> {
    let every = Every::new(every.months(), every.days(), every.micros()).map_err(Error::from)?;
    let (start, end) = Period::instants(
        (civil(anchor, time_zone)?, i64::from(anchor)),
        every,
        (civil(at, time_zone)?, i64::from(at)),
        |civil| instant(civil, time_zone),
    )?;
    let moment = |micros: i64| {
        TimestampWithTimeZone::try_from(micros)
            .map_err(|_| Error::OutOfRange("the period ends beyond what a timestamp can be".into()))
    };
    Ok(pgrx::datum::Range::new(
        RangeBound::Inclusive(moment(start)?),
        RangeBound::Exclusive(moment(end)?),
    ))
}

/// The billing period, in whole days, that contains a day: subscriptions begin and end with the day.
#[pg_extern(immutable, parallel_safe)]
fn billing_days(
    anchor: Date,
    every: Interval,
    day: Date,
) -> std::result::Result<pgrx::datum::Range<Date>, ErrorReport> {
    let every = Every::new(every.months(), every.days(), every.micros()).map_err(Error::from)?;
    let midnight = |day: Date| {
        let day = period::civil_day(day.to_pg_epoch_days()).map_err(Error::from)?;
        Ok::<_, Error>(day.and_time(NaiveTime::MIN))
    };
    let (first, end) =
        Period::at(midnight(anchor)?, every, midnight(day)?).map_err(Error::from)?.dates();
    let date = |day: NaiveDate| {
        Date::try_from(period::civil_day_number(day))
            .map_err(|_| Error::OutOfRange("the period ends beyond what a date can be".into()))
    };
    Ok(pgrx::datum::Range::new(
        RangeBound::Inclusive(date(first)?),
        RangeBound::Exclusive(date(end)?),
    ))
}

/// The part of an amount for a period that falls on the days used.
#[pg_extern(immutable, parallel_safe)]
fn prorate(
    amount: i64,
    period: pgrx::datum::Range<Date>,
    used: pgrx::datum::Range<Date>,
) -> std::result::Result<i64, ErrorReport> {
    let Some(used) = dates(&used, "used")? else { return Ok(0) };
    let period =
        dates(&period, "period")?.ok_or_else(|| Error::Invalid("the period is empty".into()))?;
    Ok(proration::prorate(amount, period, used).map_err(Error::from)?)
}

/// Rounds to whole minor units, half away from zero.
#[pg_extern(immutable, parallel_safe)]
fn round_minor(amount: AnyNumeric) -> std::result::Result<i64, ErrorReport> {
    // PostgreSQL's own rounding of numerics is the rule, and takes any number of digits.
    // SAFETY: the function has this signature and is strict.
    let rounded = unsafe {
        direct_function_call::<AnyNumeric>(
            pg_sys::numeric_round,
            &[amount.into_datum(), 0i32.into_datum()],
        )
    };
    rounded
        .ok_or_else(|| Error::OutOfRange("no amount".into()))
        .map(i64::try_from)?
        .map_err(|_| Error::OutOfRange("the amount is not a number of minor units".into()).into())
}

fn to_decimal(number: &AnyNumeric) -> super::error::Result<Decimal> {
    rounding::parse_decimal(&number.to_string())
}

fn from_decimal(number: Decimal) -> Result<AnyNumeric, Error> {
    AnyNumeric::try_from(number.to_string().as_str()).map_err(|e| Error::OutOfRange(e.to_string()))
}

/// The two days of a range; None for an empty one.
fn dates(
    range: &pgrx::datum::Range<Date>,
    name: &str,
) -> Result<Option<(NaiveDate, NaiveDate)>, Error> {
    if range.is_empty() {
        return Ok(None);
    }
    // A range of days always comes as [first, day after last).
    match (range.lower(), range.upper()) {
        (Some(RangeBound::Inclusive(first)), Some(RangeBound::Exclusive(end))) => Ok(Some((
            period::civil_day(first.to_pg_epoch_days())?,
            period::civil_day(end.to_pg_epoch_days())?,
        ))),
        _ => Err(Error::Invalid(format!("{name} must have a first and a last day"))),
    }
}

/// The civil time of a moment in a zone. PostgreSQL's time zones are the only ones.
fn civil(moment: TimestampWithTimeZone, zone: &str) -> Result<NaiveDateTime, Error> {
    // SAFETY: the function has this signature and is strict.
    let civil = unsafe {
        direct_function_call::<Timestamp>(
            pg_sys::timestamptz_zone,
            &[zone.into_datum(), moment.into_datum()],
        )
    };
    let civil = civil.ok_or_else(|| Error::OutOfRange("no such moment".into()))?;
    Ok(period::civil_from_micros(i64::from(civil))?)
}

fn instant(civil: NaiveDateTime, zone: &str) -> Result<i64, Error> {
    let civil = Timestamp::try_from(period::civil_to_micros(civil)?)
        .map_err(|_| Error::OutOfRange("the period ends beyond what a timestamp can be".into()))?;
    // SAFETY: the function has this signature and is strict.
    let moment = unsafe {
        direct_function_call::<TimestampWithTimeZone>(
            pg_sys::timestamp_zone,
            &[zone.into_datum(), civil.into_datum()],
        )
    };
    moment.map(i64::from).ok_or_else(|| Error::OutOfRange("no such moment".into()))
}
