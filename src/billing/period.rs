//! Billing periods in civil (local) time.
//!
//! Every boundary is computed from the anchor, never from the boundary before it: that is what keeps a subscription of
//! January 31 on the 31st after it has been through February. Periods are half-open, so they tile time. What instant a
//! civil time is in a zone is PostgreSQL's knowledge; [`Period::instants`] asks for it through a function.

use super::error::{BillingError, Result};
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime};

const RANGE_HINT: &str = "Use dates between the years -4712 and 262142.";
/// 2000-01-01, where PostgreSQL's clock is zero, in microseconds since 1970.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;
/// 2000-01-01 in chrono's count of days since 0001-01-01 (which is day 1).
const POSTGRES_EPOCH_DAY: i32 = 730_120;
/// PostgreSQL's first timestamp, 4713-11-24 BC, in microseconds since 2000-01-01.
const POSTGRES_FIRST_MICROS: i64 = -211_813_488_000_000_000;

/// How long a period is: a positive number of months or of days, never both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Every(Step);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Months(i32),
    Days(i32),
}

impl Every {
    /// One day.
    pub const DAY: Self = Self(Step::Days(1));
    /// Seven days.
    pub const WEEK: Self = Self(Step::Days(7));
    /// One month.
    pub const MONTH: Self = Self(Step::Months(1));
    /// Three months.
    pub const QUARTER: Self = Self(Step::Months(3));
    /// Twelve months.
    pub const YEAR: Self = Self(Step::Months(12));

    /// From the three fields of a PostgreSQL interval: a year is 12 months, a week 7 days.
    ///
    /// # Errors
    /// [`BillingError::Invalid`] unless exactly one of months and days is positive, the other zero, and there are no
    /// microseconds: months and days together have no single order of adding, and hours are no civil length.
    pub fn new(months: i32, days: i32, micros: i64) -> Result<Self> {
        match (months, days, micros) {
            (1.., 0, 0) => Ok(Self(Step::Months(months))),
            (0, 1.., 0) => Ok(Self(Step::Days(days))),
            _ => Err(BillingError::invalid(
                format!(
                    "a billing interval can't be {months} months, {days} days and {micros} microseconds"
                ),
                "Use a positive number of either months (or years) or days (or weeks).",
            )),
        }
    }

    /// The start of the period number `index`; number 0 starts at the anchor, negative ones lie before it.
    ///
    /// # Errors
    /// [`BillingError::OutOfRange`] beyond the calendar.
    pub fn boundary(self, anchor: NaiveDateTime, index: i64) -> Result<NaiveDateTime> {
        let checked = match self.0 {
            // chrono clamps to the last day of a shorter month.
            Step::Months(months) => index.checked_mul(months.into()).and_then(|count| {
                let distance = Months::new(u32::try_from(count.unsigned_abs()).ok()?);
                if count < 0 {
                    anchor.checked_sub_months(distance)
                } else {
                    anchor.checked_add_months(distance)
                }
            }),
            Step::Days(days) => index.checked_mul(days.into()).and_then(|count| {
                let distance = Days::new(count.unsigned_abs());
                if count < 0 {
                    anchor.checked_sub_days(distance)
                } else {
                    anchor.checked_add_days(distance)
                }
            }),
        };
        checked.ok_or_else(|| {
            BillingError::out_of_range("the billing period lies beyond the calendar", RANGE_HINT)
        })
    }

    /// The number of the period that contains `at`, without walking there from the anchor.
    ///
    /// # Errors
    /// [`BillingError::OutOfRange`] beyond the calendar.
    pub fn index_at(self, anchor: NaiveDateTime, at: NaiveDateTime) -> Result<i64> {
        let index = match self.0 {
            Step::Months(months) => {
                (month_number(at) - month_number(anchor)).div_euclid(months.into())
            }
            Step::Days(days) => (at.date() - anchor.date()).num_days().div_euclid(days.into()),
        };
        // The count looks at the month or the day alone; within it, the boundary may still be ahead of `at`. The next
        // boundary can't be behind it, since it falls into a later month or day.
        if self.boundary(anchor, index)? <= at { Ok(index) } else { Ok(index - 1) }
    }
}

fn month_number(at: NaiveDateTime) -> i64 {
    i64::from(at.year()) * 12 + i64::from(at.month0())
}

/// A half-open span of civil time: `start` belongs to it, `end` to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first moment, in civil time.
    pub start: NaiveDateTime,
    /// The first moment after it, in civil time.
    pub end: NaiveDateTime,
}

impl Period {
    /// The period number `index`; number 0 starts at the anchor.
    ///
    /// # Errors
    /// [`BillingError::OutOfRange`] beyond the calendar.
    pub fn nth(anchor: NaiveDateTime, every: Every, index: i64) -> Result<Self> {
        Ok(Self {
            start: every.boundary(anchor, index)?,
            end: every.boundary(anchor, index.saturating_add(1))?,
        })
    }

    /// The period that contains `at`, also before the anchor.
    ///
    /// # Errors
    /// [`BillingError::OutOfRange`] beyond the calendar.
    pub fn at(anchor: NaiveDateTime, every: Every, at: NaiveDateTime) -> Result<Self> {
        Self::nth(anchor, every, every.index_at(anchor, at)?)
    }

    /// The same for instants, when civil time jumps: `anchor` and `at` are each given as civil time and instant, and
    /// `instant` says which instant a civil time is (`timestamp AT TIME ZONE zone`).
    ///
    /// # Errors
    /// What `instant` returns; [`BillingError::OutOfRange`] beyond the calendar.
    pub fn instants<T, E>(
        anchor: (NaiveDateTime, T),
        every: Every,
        at: (NaiveDateTime, T),
        instant: impl Fn(NaiveDateTime) -> std::result::Result<T, E>,
    ) -> std::result::Result<(T, T), E>
    where
        T: Ord + Copy,
        E: From<BillingError>,
    {
        let boundary = |index: i64| match index {
            // A civil time that the clock shows twice would otherwise move the anchor itself by an hour.
            0 => Ok(anchor.1),
            _ => instant(every.boundary(anchor.0, index)?),
        };
        let mut index = every.index_at(anchor.0, at.0)?;
        // A boundary in the hour that the clock skips or repeats is an instant on the other side of `at` than its civil
        // time says. No zone has ever jumped by more than a day or so: a few steps are enough.
        for _ in 0..4 {
            let (start, end) = (boundary(index)?, boundary(index.saturating_add(1))?);
            if at.1 < start {
                index = index.saturating_sub(1);
            } else if at.1 >= end {
                index = index.saturating_add(1);
            } else {
                return Ok((start, end));
            }
        }
        Err(BillingError::out_of_range("no billing period contains this moment", RANGE_HINT).into())
    }

    /// The calendar month of a day, from midnight to midnight.
    ///
    /// # Errors
    /// [`BillingError::OutOfRange`] in the last month of the calendar.
    pub fn calendar_month(day: NaiveDate) -> Result<Self> {
        let first = day.with_day(1).unwrap_or(day).and_time(NaiveTime::MIN);
        Self::nth(first, Every::MONTH, 0)
    }

    /// Whether the moment lies in the period.
    #[must_use]
    pub fn contains(&self, at: NaiveDateTime) -> bool {
        self.start <= at && at < self.end
    }

    /// The first day and the day after the last, for proration by whole days; the time of day is left out on both sides
    /// alike, so that the days of adjoining periods adjoin.
    #[must_use]
    pub const fn dates(&self) -> (NaiveDate, NaiveDate) {
        (self.start.date(), self.end.date())
    }
}

/// A PostgreSQL `timestamp` (microseconds since 2000-01-01) as civil time.
///
/// # Errors
/// [`BillingError::OutOfRange`] for infinity and beyond the year 262142.
pub fn civil_from_micros(micros: i64) -> Result<NaiveDateTime> {
    micros
        .checked_add(POSTGRES_EPOCH_MICROS)
        .and_then(DateTime::from_timestamp_micros)
        .filter(|_| micros >= POSTGRES_FIRST_MICROS)
        .map(|at| at.naive_utc())
        .ok_or_else(|| {
            BillingError::out_of_range("the timestamp lies beyond the calendar", RANGE_HINT)
        })
}

/// Civil time as a PostgreSQL `timestamp`, in microseconds since 2000-01-01.
///
/// # Errors
/// [`BillingError::OutOfRange`] before PostgreSQL's first timestamp.
pub fn civil_to_micros(at: NaiveDateTime) -> Result<i64> {
    at.and_utc()
        .timestamp_micros()
        .checked_sub(POSTGRES_EPOCH_MICROS)
        .filter(|micros| *micros >= POSTGRES_FIRST_MICROS)
        .ok_or_else(|| {
            BillingError::out_of_range("the timestamp lies beyond the calendar", RANGE_HINT)
        })
}

/// A PostgreSQL `date` (days since 2000-01-01) as a civil day.
///
/// # Errors
/// [`BillingError::OutOfRange`] for infinity and beyond the year 262142.
pub fn civil_day(days: i32) -> Result<NaiveDate> {
    days.checked_add(POSTGRES_EPOCH_DAY)
        .and_then(NaiveDate::from_num_days_from_ce_opt)
        .ok_or_else(|| BillingError::out_of_range("the date lies beyond the calendar", RANGE_HINT))
}

/// A civil day as a PostgreSQL `date` (days since 2000-01-01).
#[must_use]
pub fn civil_day_number(day: NaiveDate) -> i32 {
    day.num_days_from_ce() - POSTGRES_EPOCH_DAY
}

#[cfg(test)]
mod tests;
