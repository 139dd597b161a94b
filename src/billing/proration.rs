//! Proration by whole civil days, rounded once a line.

use super::error::{BillingError, Result};
use super::rounding::div_round;
use chrono::NaiveDate;

/// Days from the first of a pair to the second, which is not counted.
type Dates = (NaiveDate, NaiveDate);

/// The part of `amount` (minor units, any sign) that falls to the days `used` of `period`, both half-open, rounded half
/// away from zero. No days used: 0.
///
/// # Errors
/// [`BillingError::Invalid`] if the period has no days, a range ends before it starts, or `used` is not within `period`.
pub fn prorate(amount: i64, period: Dates, used: Dates) -> Result<i64> {
    let total_days = days(period)?;
    let used_days = days(used)?;
    if total_days == 0 {
        return Err(BillingError::invalid(
            format!("the billing period [{}, {}) has no days", period.0, period.1),
            "Give a period of at least one day; ranges are half-open.",
        ));
    }
    if used.0 < period.0 || period.1 < used.1 {
        return Err(BillingError::invalid(
            format!(
                "the used days [{}, {}) are not within the period [{}, {})",
                used.0, used.1, period.0, period.1
            ),
            "Cut the used days at the period's ends.",
        ));
    }
    div_round(i128::from(amount) * i128::from(used_days), total_days.into())
}

fn days(range: Dates) -> Result<i64> {
    let days = (range.1 - range.0).num_days();
    if days < 0 {
        return Err(BillingError::invalid(
            format!("the range [{}, {}) ends before it starts", range.0, range.1),
            "Give the earlier day first.",
        ));
    }
    Ok(days)
}

/// The two lines of a plan change, in minor units; each is rounded by itself, so their sum may differ by one from the
/// rounded difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeLines {
    /// What is given back for the unused days of the old plan: the old value's sign turned.
    pub credit: i64,
    /// What the same days of the new plan cost.
    pub debit: i64,
    /// The days from the change to the period's end; both lines bill these.
    pub unused: Dates,
}

/// The lines of a change from a plan of `old` to one of `new` (minor units a full period) on the day `on`, which is
/// already billed at the new value.
///
/// `old` is the full value of the plan that ends now, not what was last charged for it: after a second change in one
/// period these differ, and crediting the charge overcharges.
///
/// # Errors
/// [`BillingError::Invalid`] if `on` is no day of the period; [`BillingError::OutOfRange`] if a line overflows.
pub fn plan_change(old: i64, new: i64, period: Dates, on: NaiveDate) -> Result<ChangeLines> {
    if on < period.0 || period.1 <= on {
        return Err(BillingError::invalid(
            format!("{on} is not a day of the period [{}, {})", period.0, period.1),
            "A change on the period's end belongs to the next period.",
        ));
    }
    let unused = (on, period.1);
    let credit = prorate(old, period, unused)?.checked_neg().ok_or_else(|| {
        BillingError::out_of_range(
            "the credit does not fit into bigint",
            "Use a smaller plan value.",
        )
    })?;
    let debit = prorate(new, period, unused)?;
    Ok(ChangeLines { credit, debit, unused })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    const fn june(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2025, 6, day).unwrap()
    }

    fn in_june(old: i64, new: i64, on: u32) -> (i64, i64) {
        let lines = plan_change(old, new, (june(1), day("2025-07-01")), june(on)).unwrap();
        (lines.credit, lines.debit)
    }

    #[test]
    fn plan_changes() {
        assert_eq!(in_june(1000, 2000, 16), (-500, 1000));
        assert_eq!(in_june(10_000, 30_000, 16), (-5000, 15_000));
        assert_eq!(in_june(10_000, 30_000, 11), (-6667, 20_000));
        assert_eq!(in_june(10_000, 20_000, 7), (-8000, 16_000));
        assert_eq!(in_june(20_000, 30_000, 13), (-12_000, 18_000));
        assert_eq!(in_june(30_000, 40_000, 19), (-12_000, 16_000));
        assert_eq!(in_june(3000, 6000, 1), (-3000, 6000));
        assert_eq!(in_june(3000, 6000, 30), (-100, 200));
    }

    #[test]
    fn each_line_rounds_by_itself() {
        let may = (day("2025-05-01"), day("2025-06-01"));
        let lines = plan_change(1000, 2000, may, day("2025-05-15")).unwrap();
        assert_eq!((lines.credit, lines.debit, lines.credit + lines.debit), (-548, 1097, 549));
        assert_eq!(prorate(1000, may, lines.unused), Ok(548));
    }

    #[test]
    fn trials_and_stubs() {
        let stub = |amount, from: &str, until: &str, used: &str| {
            prorate(amount, (day(from), day(until)), (day(used), day(until))).unwrap()
        };
        assert_eq!(stub(5000, "2025-04-01", "2025-05-01", "2025-04-06"), 4167);
        assert_eq!(stub(5_000_000, "2024-03-01", "2024-04-01", "2024-03-15"), 2_741_935);
        assert_eq!(stub(2800, "2025-02-01", "2025-03-01", "2025-02-15"), 1400);
        assert_eq!(stub(3100, "2025-01-01", "2025-02-01", "2025-01-15"), 1700);
    }

    #[test]
    fn bad_ranges() {
        let (a, b, c, d) = (june(1), june(10), june(20), june(30));
        assert_eq!(prorate(100, (a, b), (a, a)), Ok(0));
        assert_eq!(prorate(i64::MIN, (a, b), (a, b)), Ok(i64::MIN));
        for (period, used) in [
            ((b, b), (b, b)),
            ((c, a), (a, a)),
            ((b, c), (c, b)),
            ((b, c), (a, b)),
            ((b, c), (c, d)),
        ] {
            assert_eq!(prorate(100, period, used).unwrap_err().sqlstate(), "22023");
        }
        assert_eq!(plan_change(1, 2, (a, b), b).unwrap_err().sqlstate(), "22023");
        assert_eq!(plan_change(1, 2, (b, c), a).unwrap_err().sqlstate(), "22023");
        assert_eq!(plan_change(i64::MIN, 2, (a, b), a).unwrap_err().sqlstate(), "22003");
        assert!(
            prorate(i64::MAX, (NaiveDate::MIN, NaiveDate::MAX), (NaiveDate::MIN, NaiveDate::MAX))
                .is_ok()
        );
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_whole(amount: i64, length in 1..1000u64, cuts in prop::collection::vec(0..1000u64, 0..6)) {
            let mut cuts: Vec<u64> = cuts.into_iter().map(|cut| cut % (length + 1)).collect();
            cuts.extend([0, length]);
            cuts.sort_unstable();
            let days: Vec<NaiveDate> = cuts.iter().map(|cut| june(1) + chrono::Days::new(*cut)).collect();
            let whole = (june(1), june(1) + chrono::Days::new(length));
            let sum: i128 = days.windows(2).map(|pair| i128::from(prorate(amount, whole, (pair[0], pair[1])).unwrap())).sum();
            let lines = i128::try_from(days.len() - 1).unwrap();
            prop_assert!((sum - i128::from(amount)).abs() <= lines);
        }

        #[test]
        fn proration_is_bounded_and_symmetric(amount in i64::MIN + 1..=i64::MAX, length in 1..1000u64, used in 0..1000u64) {
            let whole = (june(1), june(1) + chrono::Days::new(length));
            let part = (june(1), june(1) + chrono::Days::new(used % (length + 1)));
            let share = prorate(amount, whole, part).unwrap();
            prop_assert!(share.unsigned_abs() <= amount.unsigned_abs() && share.signum() * amount.signum() >= 0);
            prop_assert_eq!(prorate(-amount, whole, part), Ok(-share));
        }

        #[test]
        fn a_change_to_the_same_plan_costs_nothing(amount in 0..=i64::MAX, on in 1..=30u32) {
            let (credit, debit) = in_june(amount, amount, on);
            prop_assert_eq!(credit + debit, 0);
        }
    }
}
