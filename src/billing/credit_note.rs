//! What a credit note takes back of an invoice: of each tax its share, so that all of them together take back exactly
//! what was invoiced.

use super::error::{BillingError, Result};
use super::rounding::{div_round, spread};

/// What an invoice charges at one tax rate, and what earlier credit notes took back of it. Minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// With the tax.
    pub gross: i64,
    pub tax: i64,
    pub credited_gross: i64,
    pub credited_tax: i64,
}

/// What is taken back of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reversal {
    pub gross: i64,
    pub tax: i64,
}

/// Takes `amount` back, tax included: of each group in proportion to what is left of it, by largest remainder. The tax
/// that all credit notes took back of a group is the rounded share of its tax; of the last one, what is left.
///
/// # Errors
/// [`BillingError::Invalid`] for an amount below one or beyond what is left, and for less than all of an invoice that has
/// groups below zero; [`BillingError::OutOfRange`] if the sum overflows.
pub fn reverse(groups: &[Group], amount: i64) -> Result<Vec<Reversal>> {
    let left: Vec<i64> =
        groups.iter().map(|group| group.gross.saturating_sub(group.credited_gross)).collect();
    let whole: i128 = left.iter().copied().map(i128::from).sum();
    if amount < 1 || i128::from(amount) > whole {
        return Err(BillingError::invalid(
            format!("{amount} can't be credited: {} of the invoice are left", whole.max(0)),
            "Credit from one minor unit to what is left.",
        ));
    }
    let parts = if i128::from(amount) == whole {
        left
    } else if left.iter().any(|amount| *amount < 0) {
        return Err(BillingError::invalid(
            "an invoice that takes more back at one tax rate than it charges can only be credited as a whole",
            "Leave the amount away.",
        ));
    } else {
        spread(amount, &left)?
    };
    groups
        .iter()
        .zip(parts)
        .map(|(group, gross)| {
            // Within the group, since what is credited is: neither sum can overflow.
            let credited = group.credited_gross + gross;
            let tax = if group.gross == 0 {
                group.tax
            } else {
                let (sign, all) = (i128::from(group.gross.signum()), i128::from(group.gross).abs());
                div_round(i128::from(group.tax) * i128::from(credited) * sign, all)?
            };
            Ok(Reversal { gross, tax: tax - group.credited_tax })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn group(gross: i64, tax: i64) -> Group {
        Group { gross, tax, credited_gross: 0, credited_tax: 0 }
    }

    fn pairs(groups: &[Group], amount: i64) -> Vec<(i64, i64)> {
        let parts = reverse(groups, amount).unwrap();
        parts.iter().map(|part| (part.gross, part.tax)).collect()
    }

    #[test]
    fn each_tax_is_taken_back_in_proportion() {
        // 100 + 19, 100 + 7: a third of each.
        let groups = [group(11900, 1900), group(10700, 700)];
        assert_eq!(pairs(&groups, 22600), [(11900, 1900), (10700, 700)]);
        assert_eq!(pairs(&groups, 7533), [(3966, 633), (3567, 233)]);
        assert_eq!(pairs(&[group(100, 0)], 40), [(40, 0)]);
    }

    #[test]
    fn no_more_than_there_is() {
        let groups = [Group { credited_gross: 60, ..group(100, 16) }];
        for amount in [-1, 0, 41] {
            assert_eq!(reverse(&groups, amount).unwrap_err().sqlstate(), "22023");
        }
        let mixed = [group(500, 80), group(-100, -16)];
        assert_eq!(reverse(&mixed, 399).unwrap_err().sqlstate(), "22023");
        assert_eq!(pairs(&mixed, 400), [(500, 80), (-100, -16)]);
    }

    proptest! {
        /// However an invoice is credited, all credit notes together take back what it said, and none gives tax.
        #[test]
        fn credit_notes_sum_to_the_invoice(
            groups in prop::collection::vec((1..100_000i64, 0..500i64), 1..5), cuts in prop::collection::vec(1..60_000i64, 0..8),
        ) {
            let mut groups: Vec<Group> = groups.into_iter().map(|(net, per_mille)| {
                let tax = net * per_mille / 1000;
                group(net + tax, tax)
            }).collect();
            let mut left: i64 = groups.iter().map(|group| group.gross).sum();
            for cut in cuts.into_iter().chain([i64::MAX]) {
                let amount = cut.min(left);
                if amount == 0 {
                    break;
                }
                let parts = reverse(&groups, amount).unwrap();
                prop_assert_eq!(parts.iter().map(|part| part.gross).sum::<i64>(), amount);
                for (group, part) in groups.iter_mut().zip(&parts) {
                    prop_assert!(part.tax >= 0 && part.tax <= part.gross);
                    group.credited_gross += part.gross;
                    group.credited_tax += part.tax;
                }
                left -= amount;
            }
            for group in groups {
                prop_assert_eq!((group.credited_gross, group.credited_tax), (group.gross, group.tax));
            }
        }
    }
}
