//! What discounts take from the lines of an invoice.

use super::error::Result;
use super::rounding::{percent_of, spread_discount};
use rust_decimal::Decimal;

/// How much a discount takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// A share of what it applies to; 20 means 20 %.
    Percent(Decimal),
    /// Minor units, as far as there is something to take them from.
    Amount(i64),
}

/// A discount, and for each line whether it applies to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discount {
    pub value: Value,
    pub applies: Vec<bool>,
}

/// What one discount takes from one line, in minor units, more than zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub discount: usize,
    pub line: usize,
    pub amount: i64,
}

/// Applies discounts one after the other, each to what those before it left. A share is of the sum of the lines that the
/// discount applies to, credits among them; lines below zero give nothing. Neither those lines nor the whole invoice
/// get below zero. A line without a mark is not applied to.
///
/// # Errors
/// [`BillingError::Invalid`](super::error::BillingError::Invalid) for a negative discount,
/// [`BillingError::OutOfRange`](super::error::BillingError::OutOfRange) if a sum overflows.
pub fn apply(lines: &[i64], discounts: &[Discount]) -> Result<Vec<Part>> {
    let mut left = lines.to_vec();
    let mut parts = Vec::new();
    for (place, discount) in discounts.iter().enumerate() {
        let applies = |line: usize| discount.applies.get(line) == Some(&true);
        let within: Vec<i64> = left
            .iter()
            .enumerate()
            .map(|(line, amount)| if applies(line) { *amount } else { 0 })
            .collect();
        let sum = |amounts: &[i64]| amounts.iter().copied().map(i128::from).sum::<i128>().max(0);
        let whole = sum(&left).min(sum(&within));
        // Beyond bigint it is more than any amount, and spreading says so.
        let most = i64::try_from(whole).unwrap_or(i64::MAX);
        let wanted = match discount.value {
            Value::Percent(percent) => {
                percent_of(i64::try_from(sum(&within)).unwrap_or(i64::MAX), percent)?
            }
            Value::Amount(amount) => amount,
        };
        for (line, amount) in spread_discount(wanted.min(most), &within)?.into_iter().enumerate() {
            if amount > 0 {
                // A part is at most its line.
                left[line] -= amount;
                parts.push(Part { discount: place, line, amount });
            }
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn percent(percent: i64) -> Value {
        Value::Percent(Decimal::from(percent))
    }

    fn all(value: Value, lines: &[i64]) -> Discount {
        Discount { value, applies: vec![true; lines.len()] }
    }

    fn taken(lines: &[i64], discounts: &[Discount]) -> Vec<(usize, usize, i64)> {
        let parts = apply(lines, discounts).unwrap();
        parts.iter().map(|part| (part.discount, part.line, part.amount)).collect()
    }

    #[test]
    fn one_after_the_other() {
        let lines = [1000, 500];
        assert_eq!(taken(&lines, &[all(percent(20), &lines)]), [(0, 0, 200), (0, 1, 100)]);
        // A share of what the first left: 20 % of 1300.
        assert_eq!(
            taken(&lines, &[all(Value::Amount(200), &lines), all(percent(20), &lines)]),
            [(0, 0, 133), (0, 1, 67), (1, 0, 173), (1, 1, 87)]
        );
        let first = Discount { value: percent(50), applies: vec![true] };
        assert_eq!(taken(&lines, &[first]), [(0, 0, 500)]);
    }

    #[test]
    fn nothing_gets_below_zero() {
        let lines = [1000, -400, 300];
        // 10 % of 900, from the lines that are charges.
        assert_eq!(taken(&lines, &[all(percent(10), &lines)]), [(0, 0, 69), (0, 2, 21)]);
        assert_eq!(taken(&lines, &[all(Value::Amount(5000), &lines)]), [(0, 0, 692), (0, 2, 208)]);
        // The credit is not the coupon's business, but the invoice is.
        let charges = Discount { value: Value::Amount(5000), applies: vec![true, false, true] };
        assert_eq!(taken(&lines, &[charges]), [(0, 0, 692), (0, 2, 208)]);
        assert_eq!(taken(&[-5, 3], &[all(percent(100), &[0, 0])]), []);
        assert_eq!(taken(&[], &[all(percent(100), &[])]), []);
    }

    #[test]
    fn what_can_not_be_is_an_error() {
        let bad = |value| apply(&[10], &[all(value, &[10])]).unwrap_err().sqlstate();
        assert_eq!(bad(Value::Amount(-1)), "22023");
        assert_eq!(bad(percent(-1)), "22023");
        assert_eq!(
            apply(&[i64::MAX, i64::MAX], &[all(percent(10), &[0, 0])]).unwrap_err().sqlstate(),
            "22003"
        );
    }

    fn discounts() -> impl Strategy<Value = Vec<Discount>> {
        let value =
            prop_oneof![(0..=100i64).prop_map(percent), (0..200_000i64).prop_map(Value::Amount)];
        prop::collection::vec(
            (value, prop::collection::vec(any::<bool>(), 0..12))
                .prop_map(|(value, applies)| Discount { value, applies }),
            0..5,
        )
    }

    proptest! {
        #[test]
        fn lines_and_invoice_stay_at_zero_or_above(
            lines in prop::collection::vec(-1000..100_000i64, 0..12), discounts in discounts(),
        ) {
            let mut left = lines.clone();
            for part in apply(&lines, &discounts).unwrap() {
                prop_assert!(part.amount > 0 && discounts[part.discount].applies[part.line]);
                left[part.line] -= part.amount;
                prop_assert!(left[part.line] >= 0);
            }
            let before: i64 = lines.iter().sum();
            prop_assert!(left.iter().sum::<i64>() >= before.min(0));
        }

        /// What one takes is its share, however it is spread.
        #[test]
        fn parts_sum_to_the_share(lines in prop::collection::vec(0..100_000i64, 1..12), share in 0..=100i64) {
            let parts = apply(&lines, &[all(percent(share), &lines)]).unwrap();
            let sum: i64 = lines.iter().sum();
            prop_assert_eq!(parts.iter().map(|part| part.amount).sum::<i64>(), (sum * share + 50) / 100);
        }
    }
}
