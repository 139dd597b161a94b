//! Stripe's amounts in minor units of ISO 4217.

use super::json::{Result, Unreadable};

/// An ISO 4217 code; Stripe writes them small.
pub fn currency(code: String) -> Result<String> {
    if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        Ok(code.to_ascii_uppercase())
    } else {
        Err(Unreadable("currency is no currency code".into()))
    }
}

/// The amount in minor units, where Stripe counts in another unit than ISO 4217
/// (<https://docs.stripe.com/currencies>): ISK and UGX in hundredths that don't exist, MGA in whole ariary.
pub fn amount(amount: i64, currency: &str) -> Result<i64> {
    let units = match currency {
        "ISK" | "UGX" if amount % 100 != 0 => None,
        "ISK" | "UGX" => Some(amount / 100),
        "MGA" => amount.checked_mul(100),
        _ => Some(amount),
    };
    match units {
        Some(units) if units >= 0 => Ok(units),
        _ => Err(Unreadable(format!("{amount} is no amount of {currency}"))),
    }
}
