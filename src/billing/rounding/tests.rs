use super::*;
use proptest::prelude::*;

fn dec(text: &str) -> Decimal {
    parse_decimal(text).unwrap()
}

#[test]
fn half_away_from_zero() {
    for (amount, rounded) in [
        ("0.5", 1),
        ("2.5", 3),
        ("-2.5", -3),
        ("-0.5", -1),
        ("0.49999999999999999999", 0),
        ("7", 7),
        ("-0", 0),
    ] {
        assert_eq!(round_minor(dec(amount)), Ok(rounded));
    }
    assert_eq!(round_minor(dec("9223372036854775807.4")), Ok(i64::MAX));
    assert_eq!(round_minor(dec("9223372036854775807.5")).unwrap_err().sqlstate(), "22003");
    assert_eq!(round_minor(dec("-9223372036854775808.4")), Ok(i64::MIN));
    assert!(round_minor(Decimal::MAX).is_err() && round_minor(Decimal::MIN).is_err());
}

#[test]
fn decimals_are_taken_exactly_or_refused() {
    assert_eq!(dec("1.500000000000000000000000000000000000"), Decimal::new(15, 1));
    assert_eq!(dec("0.000000000000000000000000000000000000"), Decimal::ZERO);
    assert_eq!(dec("-100").to_string(), "-100");
    for text in [
        "", "-", ".", ".5", "5.", "+5", "1e3", "1_000", "1,5", " 1", "0x1", "١", "--1", "1.2.3",
        "nan",
    ] {
        assert_eq!(parse_decimal(text).unwrap_err().sqlstate(), "22P02", "{text}");
    }
    for text in [
        "0.49999999999999999999999999999999",
        "100000000000000000000000000000",
        "NaN",
        "Infinity",
        "-Infinity",
    ] {
        assert_eq!(parse_decimal(text).unwrap_err().sqlstate(), "22003", "{text}");
    }
}

#[test]
fn arithmetic_is_exact_or_refused() {
    assert_eq!(mul(dec("1.5"), dec("0.2")), Ok(dec("0.3")));
    assert!(mul(dec("0.000000000000001"), dec("0.000000000000001")).is_err());
    assert!(mul(dec("9999999999999999.999999999"), dec("9999999999999999.999999999")).is_err());
    assert!(add(dec("9999999999999999999999999999"), dec("0.1")).is_err());
    assert!(add(Decimal::MAX, Decimal::MAX).is_err());
    assert_eq!(add(dec("0.1"), dec("-0.1")), Ok(Decimal::ZERO));
}

#[test]
fn discounts_and_true_up() {
    assert_eq!(spread(100, &[1, 1, 1]), Ok(vec![34, 33, 33]));
    assert_eq!(spread(-100, &[1, 1, 1]), Ok(vec![-34, -33, -33]));
    assert_eq!(spread(5, &[0, 10]), Ok(vec![0, 5]));
    assert_eq!(spread(0, &[]), Ok(vec![]));
    assert!(spread(1, &[]).is_err() && spread(1, &[0]).is_err() && spread(1, &[-1, 2]).is_err());
    assert_eq!(spread_discount(5000, &[1000, -200]), Ok(vec![800, 0]));
    assert_eq!(spread_discount(5000, &[-200]), Ok(vec![0]));
    assert!(spread_discount(-1, &[1]).is_err());
    assert_eq!(percent_of(1005, dec("10")), Ok(101));
    assert_eq!(true_up(1_000_000, 10_000 + 3 * 1000), Ok(987_000));
    assert_eq!(true_up(10, 11), Ok(0));
    assert!(true_up(i64::MAX, -1).is_err());
}

#[test]
fn tax_is_rounded_once_a_rate() {
    let line = |amount, percent, inclusive| Taxable { amount, percent: dec(percent), inclusive };
    // 7.7 % of 33 is 2.541 → 3 a line, 9 in all; of the sum 99 it is 7.623 → 8.
    let taxes = tax_by_rate(&[
        line(33, "7.7", false),
        line(33, "7.70", false),
        line(33, "7.7", false),
        line(100, "0", false),
    ])
    .unwrap();
    assert_eq!(taxes.iter().map(|tax| (tax.net, tax.tax)).collect::<Vec<_>>(), [(100, 0), (99, 8)]);
    let taxes = tax_by_rate(&[line(11_900, "19", true), line(-11_900, "19", false)]).unwrap();
    assert_eq!(
        taxes.iter().map(|tax| (tax.net, tax.tax)).collect::<Vec<_>>(),
        [(-11_900, -2261), (10_000, 1900)]
    );
    assert_eq!(tax_by_rate(&[line(1, "-1", false)]).unwrap_err().sqlstate(), "22023");
    assert!(tax_by_rate(&[line(i64::MAX, "0", false), line(1, "0", false)]).is_err());
    assert!(tax_by_rate(&[line(i64::MAX, "200", false)]).is_err());
}

proptest! {
    #[test]
    fn rounding_is_symmetric_and_near(mantissa: i64, scale in 0..19u32) {
        let amount = Decimal::new(mantissa, scale);
        let rounded = round_minor(amount).unwrap();
        prop_assert!((Decimal::from(rounded) - amount).abs() <= Decimal::new(5, 1));
        prop_assert_eq!(round_minor(-amount).ok(), rounded.checked_neg());
        prop_assert_eq!(div_round(mantissa.into(), 10i128.pow(scale)), Ok(rounded));
        prop_assert_eq!(parse_decimal(&amount.to_string()), Ok(amount));
    }

    #[test]
    fn parts_sum_to_the_amount(amount: i64, weights in prop::collection::vec(0..=i64::MAX, 1..20)) {
        prop_assume!(weights.iter().any(|weight| *weight > 0));
        let parts = spread(amount, &weights).unwrap();
        prop_assert_eq!(parts.iter().copied().map(i128::from).sum::<i128>(), i128::from(amount));
        let total: i128 = weights.iter().copied().map(i128::from).sum();
        for (part, weight) in parts.iter().zip(&weights) {
            let exact = i128::from(amount) * i128::from(*weight);
            prop_assert!((i128::from(*part) * total - exact).abs() < total);
        }
    }

    #[test]
    fn rounded_together_they_are_their_rounded_sum(amounts in prop::collection::vec((-1_000_000..1_000_000i64, 0..5u32), 0..20)) {
        let amounts: Vec<Decimal> = amounts.into_iter().map(|(mantissa, scale)| Decimal::new(mantissa, scale)).collect();
        let rounded = round_together(&amounts).unwrap();
        let sum: Decimal = amounts.iter().sum();
        prop_assert_eq!(rounded.iter().sum::<i64>(), round_minor(sum).unwrap());
        for (rounded, amount) in rounded.iter().zip(&amounts) {
            prop_assert!((Decimal::from(*rounded) - amount).abs() < Decimal::ONE);
        }
    }

    #[test]
    fn a_discount_never_exceeds_a_line(discount in 0..2_000_000i64, lines in prop::collection::vec(-1000..100_000i64, 0..20)) {
        let parts = spread_discount(discount, &lines).unwrap();
        prop_assert_eq!(parts.iter().sum::<i64>(), discount.min(lines.iter().sum::<i64>().max(0)));
        for (part, line) in parts.iter().zip(&lines) {
            prop_assert!(0 <= *part && *part <= (*line).max(0));
        }
    }

    #[test]
    fn net_and_tax_are_the_inclusive_sum(amounts in prop::collection::vec(-1_000_000..1_000_000i64, 1..9), percent in 0..4000i64) {
        let percent = Decimal::new(percent, 2);
        let lines: Vec<Taxable> = amounts.iter().map(|amount| Taxable { amount: *amount, percent, inclusive: true }).collect();
        let taxes = tax_by_rate(&lines).unwrap();
        prop_assert_eq!(taxes.iter().map(|tax| tax.net + tax.tax).sum::<i64>(), amounts.iter().sum::<i64>());
    }

    #[test]
    fn no_panic(text in ".{0,40}", amount: i64, mantissa: i64, scale in 0..28u32, weights: Vec<i64>) {
        let _ = parse_decimal(&text);
        let percent = Decimal::new(mantissa, scale);
        let _ = (percent_of(amount, percent), spread(amount, &weights), spread_discount(amount, &weights));
        let _ = tax_by_rate(&[Taxable { amount, percent, inclusive: true }, Taxable { amount, percent, inclusive: false }]);
    }
}
