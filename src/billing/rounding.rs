//! The only places where billing rounds: half away from zero, once a line, exactly.
//!
//! Shares are computed as integer fractions, not by decimal division: a quotient that is cut at 28 digits can land on
//! the wrong side of a half.

use super::error::{BillingError, Result, shorten};
use rust_decimal::Decimal;
use rust_decimal::prelude::{RoundingStrategy, ToPrimitive};
use std::collections::BTreeMap;

const BIGINT_HINT: &str = "Amounts are minor units and must fit into bigint.";
const DIGITS_HINT: &str = "Amounts and quantities have at most 28 significant digits.";

fn too_large() -> BillingError {
    BillingError::out_of_range("the amount does not fit into bigint", BIGINT_HINT)
}

fn inexact() -> BillingError {
    BillingError::out_of_range("the number has too many digits to be billed exactly", DIGITS_HINT)
}

/// `amount` in minor units, rounded half away from zero: 0.5 → 1, −2.5 → −3.
///
/// # Errors
/// [`BillingError::OutOfRange`] beyond bigint.
pub fn round_minor(amount: Decimal) -> Result<i64> {
    amount
        .round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero)
        .to_i64()
        .ok_or_else(too_large)
}

/// A decimal as PostgreSQL's `numeric` prints it, taken exactly: more digits than 28 are an error, never rounded, since
/// rounding here and again at the line could turn 0.49…9 into 1.
///
/// # Errors
/// [`BillingError::Malformed`] for what is no plain decimal (no exponent, no separators), [`BillingError::OutOfRange`]
/// for too many digits, `NaN` and `Infinity`.
pub fn parse_decimal(text: &str) -> Result<Decimal> {
    if matches!(text, "NaN" | "Infinity" | "-Infinity") {
        return Err(BillingError::out_of_range(
            format!("{text} is not a billable number"),
            "Use a finite number.",
        ));
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) {
        return Err(BillingError::malformed(
            format!("\"{}\" is not a decimal number", shorten(text)),
            "Write digits, optionally a point and more digits, such as 12.50.",
        ));
    }
    // Zeros at the end carry nothing, and numeric keeps as many of them as its scale says.
    let text =
        if digits.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    Decimal::from_str_exact(text).map(|value| value.normalize()).map_err(|_| inexact())
}

/// Product without any loss.
pub(super) fn mul(a: Decimal, b: Decimal) -> Result<Decimal> {
    let (a, b) = (a.normalize(), b.normalize());
    let product = a.checked_mul(b).ok_or_else(inexact)?;
    // rust_decimal lowers the scale, and rounds, when the digits don't fit.
    if a.is_zero() || b.is_zero() || product.scale() == a.scale() + b.scale() {
        Ok(product.normalize())
    } else {
        Err(inexact())
    }
}

/// Sum without any loss.
pub(super) fn add(a: Decimal, b: Decimal) -> Result<Decimal> {
    let (a, b) = (a.normalize(), b.normalize());
    let sum = a.checked_add(b).ok_or_else(inexact)?;
    if sum.is_zero() || sum.scale() >= a.scale().max(b.scale()) {
        Ok(sum.normalize())
    } else {
        Err(inexact())
    }
}

/// `numerator / denominator`, rounded half away from zero; the denominator must be positive.
pub(super) fn div_round(numerator: i128, denominator: i128) -> Result<i64> {
    let quotient = numerator.checked_div(denominator).ok_or_else(too_large)?;
    let rest = numerator.checked_rem(denominator).ok_or_else(too_large)?;
    let away = if rest.unsigned_abs() >= denominator.unsigned_abs() - rest.unsigned_abs() {
        rest.signum()
    } else {
        0
    };
    quotient.checked_add(away).and_then(|value| i64::try_from(value).ok()).ok_or_else(too_large)
}

/// `percent` as the integer fraction `numerator / denominator` of one.
fn percent_fraction(percent: Decimal) -> Result<(i128, i128)> {
    if percent.is_sign_negative() && !percent.is_zero() {
        return Err(BillingError::invalid(
            format!("a percentage can't be negative: {percent}"),
            "Use a percentage of zero or more.",
        ));
    }
    let percent = percent.normalize();
    let denominator = 10i128.checked_pow(percent.scale() + 2).ok_or_else(inexact)?;
    Ok((percent.mantissa(), denominator))
}

fn share(amount: i64, numerator: i128, denominator: i128) -> Result<i64> {
    let product = i128::from(amount).checked_mul(numerator).ok_or_else(inexact)?;
    div_round(product, denominator)
}

/// `percent` of `amount` (minor units), rounded half away from zero; 7.7 means 7.7 %.
///
/// # Errors
/// [`BillingError::Invalid`] for a negative percentage, [`BillingError::OutOfRange`] on overflow.
pub fn percent_of(amount: i64, percent: Decimal) -> Result<i64> {
    let (numerator, denominator) = percent_fraction(percent)?;
    share(amount, numerator, denominator)
}

/// Spreads `amount` (minor units, any sign) over lines in proportion to their weights, by largest remainder; the parts
/// sum to `amount` exactly, each is less than one unit off its proportion. Of equal remainders the earlier line gets the unit.
///
/// # Errors
/// [`BillingError::Invalid`] for a negative weight, or an amount with no weight to spread it over.
pub fn spread(amount: i64, weights: &[i64]) -> Result<Vec<i64>> {
    if weights.iter().any(|weight| *weight < 0) {
        return Err(BillingError::invalid(
            "a weight can't be negative",
            "Use weights of zero or more.",
        ));
    }
    let total: i128 = weights.iter().copied().map(i128::from).sum();
    if total == 0 {
        return if amount == 0 {
            Ok(vec![0; weights.len()])
        } else {
            Err(BillingError::invalid(
                format!("{amount} can't be spread over lines that weigh nothing"),
                "Give at least one line a positive weight.",
            ))
        };
    }
    let mut parts = Vec::with_capacity(weights.len());
    let mut remainders = Vec::with_capacity(weights.len());
    let mut rest = i128::from(amount);
    for (line, weight) in weights.iter().enumerate() {
        let product = i128::from(amount) * i128::from(*weight);
        let part = product / total;
        rest -= part;
        parts.push(i64::try_from(part).map_err(|_| too_large())?);
        remainders.push(((product % total).unsigned_abs(), line));
    }
    remainders.sort_by_key(|(remainder, line)| (std::cmp::Reverse(*remainder), *line));
    let unit = if amount < 0 { -1 } else { 1 };
    // What is left is smaller than the number of lines that had a remainder, so that each of these gets one at most.
    let count = usize::try_from(rest.unsigned_abs()).map_err(|_| too_large())?;
    for (_, line) in remainders.into_iter().take(count) {
        if let Some(part) = parts.get_mut(line) {
            *part = part.checked_add(unit).ok_or_else(too_large)?;
        }
    }
    Ok(parts)
}

/// Rounds amounts (minor units) so that they add up to what their sum rounds to: each is cut, and by largest remainder as many get
/// one more as are missing. Each is less than one unit off; of equal remainders the earlier amount gets the unit.
///
/// # Errors
/// [`BillingError::OutOfRange`] beyond bigint.
pub fn round_together(amounts: &[Decimal]) -> Result<Vec<i64>> {
    let mut rounded = Vec::with_capacity(amounts.len());
    let mut remainders = Vec::with_capacity(amounts.len());
    let mut sum = Decimal::ZERO;
    let mut cut: i64 = 0;
    for (place, amount) in amounts.iter().enumerate() {
        let whole = amount.floor();
        sum = add(sum, *amount)?;
        let part = whole.to_i64().ok_or_else(too_large)?;
        cut = cut.checked_add(part).ok_or_else(too_large)?;
        rounded.push(part);
        remainders.push((add(*amount, -whole)?, place));
    }
    remainders.sort_by_key(|(remainder, place)| (std::cmp::Reverse(*remainder), *place));
    let missing = round_minor(sum)?.checked_sub(cut).ok_or_else(too_large)?;
    // No more than there are remainders above zero: their sum is less than one for each.
    let missing = usize::try_from(missing).map_err(|_| too_large())?;
    for (_, place) in remainders.into_iter().take(missing) {
        if let Some(part) = rounded.get_mut(place) {
            *part = part.checked_add(1).ok_or_else(too_large)?;
        }
    }
    Ok(rounded)
}

/// What a discount (minor units, positive) takes from each line, as positive amounts. It is cut at the sum of the lines,
/// so that no invoice falls below zero; lines that are negative already (credits for unused days) get none of it.
///
/// # Errors
/// [`BillingError::Invalid`] for a negative discount, [`BillingError::OutOfRange`] if the lines' sum overflows.
pub fn spread_discount(discount: i64, lines: &[i64]) -> Result<Vec<i64>> {
    if discount < 0 {
        return Err(BillingError::invalid(
            format!("a discount can't be negative: {discount}"),
            "Use a charge instead.",
        ));
    }
    let sum: i128 = lines.iter().copied().map(i128::from).sum();
    let sum = i64::try_from(sum.max(0)).map_err(|_| too_large())?;
    let weights: Vec<i64> = lines.iter().map(|line| (*line).max(0)).collect();
    spread(discount.min(sum), &weights)
}

/// What is missing to a minimum, in minor units: the amount of the true-up line, never negative.
///
/// # Errors
/// [`BillingError::OutOfRange`] on overflow.
pub fn true_up(minimum: i64, charged: i64) -> Result<i64> {
    minimum.checked_sub(charged).map(|missing| missing.max(0)).ok_or_else(too_large)
}

/// A line as tax sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taxable {
    /// Minor units, after discounts; negative on a credit.
    pub amount: i64,
    /// 7.7 means 7.7 %.
    pub percent: Decimal,
    /// Whether `amount` already contains the tax.
    pub inclusive: bool,
}

/// The tax of all lines of one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tax {
    /// 7.7 means 7.7 %.
    pub percent: Decimal,
    /// Whether the lines contain the tax.
    pub inclusive: bool,
    /// The sum without tax, in minor units.
    pub net: i64,
    /// The tax, in minor units.
    pub tax: i64,
}

/// Tax a rate: the discounted lines of a rate are summed first and rounded once, ordered by rate, exclusive first.
///
/// # Errors
/// [`BillingError::Invalid`] for a negative rate, [`BillingError::OutOfRange`] on overflow.
pub fn tax_by_rate(lines: &[Taxable]) -> Result<Vec<Tax>> {
    let mut sums: BTreeMap<(Decimal, bool), i128> = BTreeMap::new();
    for line in lines {
        *sums.entry((line.percent.normalize(), line.inclusive)).or_default() +=
            i128::from(line.amount);
    }
    sums.into_iter()
        .map(|((percent, inclusive), sum)| {
            let sum = i64::try_from(sum).map_err(|_| too_large())?;
            let (numerator, denominator) = percent_fraction(percent)?;
            let (net, tax) = if inclusive {
                let whole = denominator.checked_add(numerator).ok_or_else(inexact)?;
                let tax = share(sum, numerator, whole)?;
                (sum.checked_sub(tax).ok_or_else(too_large)?, tax)
            } else {
                (sum, share(sum, numerator, denominator)?)
            };
            Ok(Tax { percent, inclusive, net, tax })
        })
        .collect()
}

#[cfg(test)]
mod tests;
