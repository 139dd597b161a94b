//! Amounts as people read them: in the currency's own number of decimals, thousands apart.

/// `minor` units of a currency with `exponent` decimals: 123456 with 2 is `1,234.56`.
pub fn amount(minor: i64, exponent: usize) -> String {
    let digits = minor.unsigned_abs().to_string();
    let text = shifted(&digits, exponent, exponent);
    if minor < 0 { format!("−{text}") } else { text }
}

/// A unit price in minor units, which may have fractions of them: as many decimals as it has, no fewer than the currency.
/// What is no plain number comes back as it is.
pub fn unit(minor: &str, exponent: usize) -> String {
    let (sign, number) = minor.strip_prefix('-').map_or(("", minor), |rest| ("−", rest));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |text: &str| text.chars().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return minor.to_owned();
    }
    let decimals = exponent + fraction.len();
    format!("{sign}{}", shifted(&format!("{whole}{fraction}"), decimals, exponent))
}

/// Digits with a point before the last `decimals` of them; zeros at the end go, but for `least`.
fn shifted(digits: &str, decimals: usize, least: usize) -> String {
    let padded = format!("{digits:0>width$}", width = decimals + 1);
    let (whole, fraction) = padded.split_at(padded.len() - decimals);
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let mut fraction = fraction.to_owned();
    while fraction.len() > least && fraction.ends_with('0') {
        fraction.pop();
    }
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if fraction.is_empty() { grouped } else { format!("{grouped}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_have_the_currencys_decimals() {
        assert_eq!(amount(123_456, 2), "1,234.56");
        assert_eq!(amount(5, 2), "0.05");
        assert_eq!(amount(-5, 2), "−0.05");
        assert_eq!(amount(0, 2), "0.00");
        // Yen have none, dinars three, a Chilean unit of account four.
        assert_eq!(amount(1_234_567, 0), "1,234,567");
        assert_eq!(amount(1_234_567, 3), "1,234.567");
        assert_eq!(amount(1, 4), "0.0001");
        assert_eq!(amount(i64::MIN, 2), "−92,233,720,368,547,758.08");
    }

    #[test]
    fn unit_prices_keep_their_fractions() {
        assert_eq!(unit("10", 2), "0.10");
        assert_eq!(unit("0.37", 2), "0.0037");
        assert_eq!(unit("1234.50", 2), "12.345");
        assert_eq!(unit("1234.50", 0), "1,234.5");
        assert_eq!(unit("-1500", 2), "−15.00");
        assert_eq!(unit("NaN", 2), "NaN");
        assert_eq!(unit("", 2), "");
    }

    proptest! {
        #[test]
        fn the_digits_are_those_of_the_amount(minor: i64, exponent in 0..5usize) {
            let text = amount(minor, exponent);
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            prop_assert_eq!(digits.parse::<u64>().unwrap(), minor.unsigned_abs());
            prop_assert_eq!(text.split_once('.').map_or(0, |(_, fraction)| fraction.len()), exponent);
        }
    }
}
