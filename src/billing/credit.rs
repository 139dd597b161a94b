//! In which order a tenant's credit lots pay an amount.

use super::error::{BillingError, Result};

/// What is left of a grant. Times are microseconds on any one clock: only their order matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lot {
    /// Minor units that are left, zero or more.
    pub remaining: i64,
    /// The lower number is spent first.
    pub priority: i32,
    /// From this moment on the lot gives nothing; `None`: it never expires.
    pub expires_at: Option<i64>,
    /// When it was granted; older first where all else is equal.
    pub granted_at: i64,
}

/// What one lot gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// The lot's place in the slice that was given.
    pub lot: usize,
    /// Minor units, more than zero.
    pub amount: i64,
}

/// Takes up to `amount` minor units from the lots that live at `at`: the lower priority number first, then what expires
/// first (never is last), then the older grant, then the earlier in the slice. The draws come in that order; what they
/// lack to `amount` is not covered. Lots that give nothing are left out.
///
/// # Errors
/// [`BillingError::Invalid`] for a negative amount or a lot with less than nothing left.
pub fn draw(lots: &[Lot], amount: i64, at: i64) -> Result<Vec<Draw>> {
    if amount < 0 || lots.iter().any(|lot| lot.remaining < 0) {
        return Err(BillingError::invalid(
            "credits can't be drawn from, or to, a negative amount",
            "Draw an amount of zero or more; give credit back by a grant.",
        ));
    }
    let mut order: Vec<(usize, &Lot)> = lots
        .iter()
        .enumerate()
        .filter(|(_, lot)| lot.expires_at.is_none_or(|end| at < end))
        .collect();
    order.sort_by_key(|(place, lot)| {
        (lot.priority, lot.expires_at.is_none(), lot.expires_at, lot.granted_at, *place)
    });
    let mut open = amount;
    let mut draws = Vec::new();
    for (lot, from) in order {
        let amount = from.remaining.min(open);
        if amount > 0 {
            // Both are at least zero and `amount` is the smaller: this can't go below zero.
            open -= amount;
            draws.push(Draw { lot, amount });
        }
    }
    Ok(draws)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn lot(remaining: i64, priority: i32, expires_at: Option<i64>, granted_at: i64) -> Lot {
        Lot { remaining, priority, expires_at, granted_at }
    }

    fn left(lots: &[Lot], amount: i64) -> Vec<i64> {
        let mut left: Vec<i64> = lots.iter().map(|lot| lot.remaining).collect();
        for draw in draw(lots, amount, 0).unwrap() {
            left[draw.lot] -= draw.amount;
        }
        left
    }

    #[test]
    fn priority_then_expiry_then_age() {
        assert_eq!(left(&[lot(100, 1, None, 1), lot(100, 2, Some(5), 0)], 120), [0, 80]);
        assert_eq!(left(&[lot(100, 2, None, 1), lot(100, 1, None, 2)], 120), [80, 0]);
        assert_eq!(left(&[lot(100, 1, Some(9), 1), lot(100, 1, Some(5), 2)], 120), [80, 0]);
        assert_eq!(left(&[lot(100, 1, None, 1), lot(100, 1, Some(5), 2)], 120), [80, 0]);
        assert_eq!(left(&[lot(100, 1, None, 2), lot(100, 1, None, 1)], 120), [80, 0]);
        assert_eq!(left(&[lot(100, 1, None, 1), lot(100, 1, None, 1)], 120), [0, 80]);
    }

    #[test]
    fn expired_and_empty_lots_give_nothing() {
        assert_eq!(
            left(&[lot(100, 1, Some(0), 1), lot(0, 1, None, 1), lot(50, 9, Some(1), 1)], 70),
            [100, 0, 0]
        );
        assert_eq!(draw(&[lot(100, 1, None, 1)], 0, 0), Ok(vec![]));
        assert_eq!(draw(&[], 5, 0), Ok(vec![]));
        assert_eq!(draw(&[lot(-1, 1, None, 1)], 5, 0).unwrap_err().sqlstate(), "22023");
        assert_eq!(draw(&[], -5, 0).unwrap_err().sqlstate(), "22023");
        let full = lot(i64::MAX, 1, None, 1);
        assert_eq!(left(&[full, full], i64::MAX), [0, i64::MAX]);
    }

    proptest! {
        #[test]
        fn draws_stay_within_lots_and_amount(
            lots in prop::collection::vec(
                (0..1000i64, 0..3i32, prop::option::of(-2..5i64), 0..3i64).prop_map(|(r, p, e, g)| lot(r, p, e, g)), 0..9),
            amount in 0..5000i64,
        ) {
            let draws = draw(&lots, amount, 0).unwrap();
            let live: i64 = lots.iter().filter(|lot| lot.expires_at.is_none_or(|end| end > 0)).map(|lot| lot.remaining).sum();
            prop_assert_eq!(draws.iter().map(|draw| draw.amount).sum::<i64>(), amount.min(live));
            for draw in &draws {
                prop_assert!(0 < draw.amount && draw.amount <= lots[draw.lot].remaining);
            }
            // All but the last are emptied, and the order is the rule's.
            for pair in draws.windows(2) {
                let (a, b) = (lots[pair[0].lot], lots[pair[1].lot]);
                prop_assert_eq!(pair[0].amount, a.remaining);
                let key = |lot: Lot| (lot.priority, lot.expires_at.unwrap_or(i64::MAX), lot.granted_at);
                prop_assert!(key(a) <= key(b));
            }
        }
    }
}
