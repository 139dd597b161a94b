use super::*;
use crate::billing::rounding::{parse_decimal, round_minor};
use proptest::prelude::*;
use serde_json::{Value, json};

fn dec(text: &str) -> Decimal {
    parse_decimal(text).unwrap()
}

fn model(value: Value) -> Model {
    Model::from_value(value).unwrap()
}

fn check(value: Value, prices: &[(&str, &str)]) {
    let model = model(value);
    for (quantity, price) in prices {
        assert_eq!(model.price(dec(quantity)), Ok(dec(price)), "quantity {quantity}");
    }
}

#[test]
fn volume() {
    check(
        json!({"model": "volume", "tiers": [{"up_to": 5, "unit_amount": "700"}, {"up_to": 10, "unit_amount": "650"},
            {"up_to": null, "unit_amount": "600"}]}),
        &[
            ("0", "0"),
            ("1", "700"),
            ("5", "3500"),
            ("6", "3900"),
            ("10", "6500"),
            ("20", "12000"),
            ("25", "15000"),
        ],
    );
    check(
        json!({"model": "volume", "tiers": [{"up_to": 5, "unit_amount": "1", "flat_amount": "100"},
            {"up_to": null, "flat_amount": "50"}]}),
        &[("0", "100"), ("5", "105"), ("5.001", "50")],
    );
}

#[test]
fn package() {
    check(
        json!({"model": "package", "package_size": 5, "amount": "1000"}),
        &[
            ("0", "0"),
            ("1", "1000"),
            ("5", "1000"),
            ("6", "2000"),
            ("7", "2000"),
            ("5.0000000001", "2000"),
        ],
    );
    check(
        json!({"model": "package", "package_size": 10, "amount": "10000", "free_units": 5}),
        &[
            ("3", "0"),
            ("5", "0"),
            ("6", "10000"),
            ("12", "10000"),
            ("15", "10000"),
            ("16", "20000"),
        ],
    );
    check(
        json!({"model": "package", "package_size": "0.1", "amount": "1"}),
        &[("0.3", "3"), ("0.31", "4")],
    );
}

#[test]
fn graduated() {
    check(
        json!({"model": "graduated", "tiers": [{"up_to": 5, "unit_amount": "1000", "flat_amount": "10000"},
            {"up_to": null, "unit_amount": "500", "flat_amount": "5000"}]}),
        &[("0", "10000"), ("3", "13000"), ("8", "21500")],
    );
    check(
        json!({"model": "graduated", "tiers": [{"up_to": 5, "flat_amount": "100"}, {"up_to": 10, "flat_amount": "50"},
            {"up_to": 15, "unit_amount": "10"}, {"unit_amount": "5"}]}),
        &[
            ("0", "100"),
            ("3", "100"),
            ("5", "100"),
            ("5.001", "150"),
            ("7", "150"),
            ("12", "170"),
            ("22", "235"),
        ],
    );
    let kill_bill = json!({"model": "graduated", "tiers": [{"up_to": 10, "unit_amount": "1.5"},
        {"up_to": 110, "unit_amount": "1.0"}, {"up_to": 1110, "unit_amount": "0.5"}]});
    check(kill_bill.clone(), &[("111", "115.5"), ("1110", "615")]);
    assert_eq!(model(kill_bill.clone()).limit(), Some(Decimal::from(1110)));
    assert_eq!(model(kill_bill).price(dec("1110.1")).unwrap_err().sqlstate(), "22003");
}

#[test]
fn included_then_overage() {
    let plan = Model::included_overage(1000, Some(Decimal::from(4))).unwrap();
    for (quantity, price) in [(0, 0), (1000, 0), (1001, 4), (2500, 6000)] {
        assert_eq!(plan.price(Decimal::from(quantity)), Ok(Decimal::from(price)));
    }
    assert_eq!(Model::included_overage(5, None).unwrap().price(dec("9")), Ok(Decimal::ZERO));
    assert!(
        Model::included_overage(-1, None).is_err()
            && Model::included_overage(1, Some(dec("-0.1"))).is_err()
    );
    assert_eq!(plan.price(dec("-1")).unwrap_err().sqlstate(), "22023");
    let tiers = json!({"model": "graduated", "tiers": [{"up_to": 1000, "unit_amount": "0"}, {"unit_amount": "4"}]});
    check(tiers, &[("1000", "0"), ("1001", "4"), ("2500", "6000")]);
}

#[test]
fn percentage_flat_and_bounds() {
    let card = model(json!({"model": "percentage", "percent": "2.9", "fixed_amount": "30"}));
    assert_eq!(card.price(dec("10000")), Ok(dec("320")));
    assert_eq!(card.price(Metered { quantity: dec("10000"), events: 3 }), Ok(dec("380")));
    check(
        json!({"model": "percentage", "rate": "1.5", "free_units": 1000, "minimum": "10", "maximum": "50"}),
        &[("0", "10"), ("1000", "10"), ("2000", "15"), ("2001", "15.015"), ("9000", "50")],
    );
    check(json!({"model": "flat", "amount": "5000"}), &[("0", "5000"), ("7.5", "5000")]);
    check(
        json!({"model": "per_unit", "unit_amount": "0.0035", "minimum": "1"}),
        &[("0", "1"), ("1001", "3.5035")],
    );
}

#[test]
fn a_late_unit_costs_the_difference() {
    let capped = model(json!({"model": "per_unit", "unit_amount": "1000", "maximum": "10000"}));
    let lines = capped.breakdown_between(dec("7"), dec("12")).unwrap();
    let amounts: Vec<(LineKind, Decimal)> =
        lines.iter().map(|line| (line.kind, line.amount)).collect();
    assert_eq!(amounts, [(LineKind::Unit, dec("5000")), (LineKind::Maximum, dec("-2000"))]);
    assert_eq!(capped.price(dec("12")).unwrap() - capped.price(dec("7")).unwrap(), dec("3000"));
    let more = capped.breakdown_between(dec("12"), dec("13")).unwrap();
    assert_eq!(
        more.iter().map(|line| line.amount).collect::<Vec<_>>(),
        [dec("1000"), dec("-1000")]
    );
    assert_eq!(capped.breakdown_between(dec("12"), dec("12")), Ok(vec![]));
}

#[test]
fn breakdown_names_its_tiers() {
    let lago = model(json!({"model": "graduated", "free_units": 2, "tiers": [
        {"up_to": 5, "unit_amount": "1000", "flat_amount": "10000"}, {"unit_amount": "500", "flat_amount": "5000"}]}));
    let lines: Vec<_> = lago
        .breakdown(dec("10"))
        .unwrap()
        .into_iter()
        .map(|l| (l.kind, l.quantity, l.amount))
        .collect();
    assert_eq!(
        lines,
        [
            (LineKind::Included, dec("2"), dec("0")),
            (LineKind::Tier(0), dec("5"), dec("5000")),
            (LineKind::TierFlat(0), dec("1"), dec("10000")),
            (LineKind::Tier(1), dec("3"), dec("1500")),
            (LineKind::TierFlat(1), dec("1"), dec("5000")),
        ]
    );
}

#[test]
fn what_can_not_be_exact_is_an_error() {
    let tiny = model(json!({"model": "per_unit", "unit_amount": "0.00000000000000000001"}));
    assert_eq!(tiny.price(dec("0.0000000001")).unwrap_err().sqlstate(), "22003");
    let huge = model(json!({"model": "per_unit", "unit_amount": "9999999999999999999999999999"}));
    assert_eq!(huge.price(dec("10000")).unwrap_err().sqlstate(), "22003");
    let grain = model(
        json!({"model": "package", "package_size": "0.0000000000000000000000000001", "amount": "1"}),
    );
    assert_eq!(grain.price(dec("99999999999")).unwrap_err().sqlstate(), "22003");
}

/// `up to 5: 5 x 1000 = 5000` a line.
fn billed(model: &Model, units: &str) -> Vec<String> {
    let lines = model.billed(dec(units)).unwrap();
    let told = |(line, amount): &(Line, i64)| {
        let what = model.describe(line.kind).unwrap();
        format!("{what}: {} x {} = {amount}", line.quantity, line.unit_amount)
    };
    lines.iter().map(told).collect()
}

#[test]
fn a_fee_by_tiers_is_billed_by_tiers() {
    let tiers = json!([{"up_to": 5, "unit_amount": "1000", "flat_amount": "10000"}, {"up_to": 8, "flat_amount": "1"},
        {"up_to": null, "unit_amount": "500"}]);
    let plain = model(json!({"model": "graduated", "tiers": tiers}));
    assert_eq!(billed(&plain, "0"), ["up to 5, flat amount: 1 x 10000 = 10000"]);
    assert_eq!(
        billed(&plain, "9"),
        [
            "up to 5: 5 x 1000 = 5000",
            "up to 5, flat amount: 1 x 10000 = 10000",
            "over 5 up to 8: 3 x 0 = 0",
            "over 5 up to 8, flat amount: 1 x 1 = 1",
            "over 8: 1 x 500 = 500",
        ]
    );
    // What is free has no line, but is counted; bounds have lines of their own.
    let bounded = |bound: &str, amount: &str| {
        model(
            json!({"model": "graduated", "free_units": 10, "tiers": [{"up_to": 5, "unit_amount": "100"}, {"up_to": null, "unit_amount": "50"}],
            bound: amount}),
        )
    };
    assert_eq!(
        billed(&bounded("maximum", "520"), "16"),
        [
            "over 10 up to 15: 5 x 100 = 500",
            "over 15: 1 x 50 = 50",
            "beyond the maximum: 1 x -30 = -30"
        ]
    );
    assert_eq!(billed(&bounded("minimum", "40"), "7"), ["minimum: 1 x 40 = 40"]);
    // 0.4 + 0.8 + 0.4 = 1.6: the fee is 2, of which the largest remainder has one, and of equal ones the first.
    let small = model(
        json!({"model": "graduated", "tiers": [{"up_to": 1, "unit_amount": "0.4"}, {"up_to": 3, "unit_amount": "0.4"},
        {"up_to": null, "unit_amount": "0.4"}]}),
    );
    assert_eq!(
        billed(&small, "4"),
        ["up to 1: 1 x 0.4 = 1", "over 1 up to 3: 2 x 0.4 = 1", "over 3: 1 x 0.4 = 0"]
    );
    assert_eq!(
        billed(
            &model(json!({"model": "graduated", "tiers": [{"up_to": null, "unit_amount": "2"}]})),
            "3"
        ),
        ["all: 3 x 2 = 6"]
    );
    let huge = model(json!({"model": "per_unit", "unit_amount": "9223372036854775808"}));
    assert_eq!(huge.billed(dec("1")).unwrap_err().sqlstate(), "22003");
}

fn money() -> impl Strategy<Value = Value> {
    (0..1_000_000i64, 0..5u32)
        .prop_map(|(mantissa, scale)| json!(Decimal::new(mantissa, scale).to_string()))
}

fn tiers() -> impl Strategy<Value = Value> {
    prop::collection::vec((1..500u32, money(), money()), 1..6).prop_map(|tiers| {
        let last = tiers.len() - 1;
        let mut up_to = 0;
        let tier = |(place, (size, unit, flat)): (usize, (u32, Value, Value))| {
            up_to += size;
            json!({"up_to": if place == last { Value::Null } else { json!(up_to) }, "unit_amount": unit, "flat_amount": flat})
        };
        tiers.into_iter().enumerate().map(tier).collect()
    })
}

fn any_model() -> impl Strategy<Value = Model> {
    let charge = prop_oneof![
        money().prop_map(|unit| json!({"model": "per_unit", "unit_amount": unit})),
        tiers().prop_map(|tiers| json!({"model": "graduated", "tiers": tiers})),
        tiers().prop_map(|tiers| json!({"model": "volume", "tiers": tiers})),
        (1..50u32, money()).prop_map(|(size, amount)| json!({"model": "package", "package_size": size, "amount": amount})),
        (money(), money()).prop_map(|(percent, fixed)| json!({"model": "percentage", "percent": percent, "fixed_amount": fixed})),
    ];
    let bound = || prop::option::of(0..3_000_000i64);
    (charge, prop::option::of(0..300u32), bound(), bound()).prop_map(
        |(mut value, free, minimum, span)| {
            if let Some(free) = free {
                value["free_units"] = json!(free);
            }
            if let Some(minimum) = minimum {
                value["minimum"] = json!(minimum.to_string());
            }
            if let Some(span) = span {
                value["maximum"] = json!((minimum.unwrap_or(0) + span).to_string());
            }
            model(value)
        },
    )
}

fn usage() -> impl Strategy<Value = Metered> {
    (0..3_000_000i64, 0..4u32, 0..100u64).prop_map(|(mantissa, scale, events)| Metered {
        quantity: Decimal::new(mantissa, scale),
        events,
    })
}

fn sum(lines: &[Line]) -> Decimal {
    lines.iter().map(|line| line.amount).sum()
}

proptest! {
    #[test]
    fn lines_sum_to_the_price(model in any_model(), usage in usage()) {
        let lines = model.breakdown(usage).unwrap();
        let price = model.price(usage).unwrap();
        prop_assert_eq!(sum(&lines), price);
        prop_assert!(price >= Decimal::ZERO);
        prop_assert!(model.minimum.is_none_or(|minimum| price >= minimum) && model.maximum.is_none_or(|maximum| price <= maximum));
        for line in &lines {
            prop_assert_eq!(line.quantity * line.unit_amount, line.amount);
        }
        let units: Decimal = lines.iter()
            .filter(|line| matches!(line.kind, LineKind::Included | LineKind::Unit | LineKind::Tier(_) | LineKind::Percentage))
            .map(|line| line.quantity).sum();
        let counts_packages = matches!(model.charge, Charge::Package { .. });
        prop_assert!(units == usage.quantity || counts_packages);
    }

    /// As it is billed it is the price, rounded once, and no line is a unit off.
    #[test]
    fn what_is_billed_sums_to_the_rounded_price(model in any_model(), usage in usage()) {
        let lines = model.billed(usage).unwrap();
        prop_assert_eq!(lines.iter().map(|(_, amount)| amount).sum::<i64>(), round_minor(model.price(usage).unwrap()).unwrap());
        for (line, amount) in &lines {
            prop_assert!((Decimal::from(*amount) - line.amount).abs() < Decimal::ONE);
            prop_assert!(!line.amount.fract().is_zero() || line.amount == Decimal::from(*amount));
            prop_assert!(line.kind != LineKind::Included);
        }
    }

    /// Rating [a, c) at once equals rating [a, b) and then [b, c).
    #[test]
    fn rating_does_not_depend_on_the_cut(model in any_model(), usage in prop::collection::vec(usage(), 2..5)) {
        let mut billed = Metered { quantity: Decimal::ZERO, events: 0 };
        let mut charged = sum(&model.breakdown(billed).unwrap());
        for part in usage {
            let total = Metered { quantity: billed.quantity + part.quantity, events: billed.events + part.events };
            let lines = model.breakdown_between(billed, total).unwrap();
            for line in &lines {
                prop_assert_eq!(line.quantity * line.unit_amount, line.amount);
            }
            charged += sum(&lines);
            billed = total;
        }
        prop_assert_eq!(charged, model.price(billed).unwrap());
    }

    #[test]
    fn a_graduated_part_costs_its_units_alone(tiers in tiers(), billed in 0..3000i64, more in 0..3000i64) {
        // Unit by unit, without the model's own arithmetic.
        let price_of = |unit: i64| -> Decimal {
            let tier = tiers.as_array().unwrap().iter().find(|tier| tier["up_to"].as_i64().is_none_or(|end| unit <= end)).unwrap();
            dec(tier["unit_amount"].as_str().unwrap())
        };
        let mut unit_tiers = tiers.clone();
        for tier in unit_tiers.as_array_mut().unwrap() {
            tier["flat_amount"] = Value::Null;
        }
        let model = model(json!({"model": "graduated", "tiers": unit_tiers}));
        let difference = model.price(Decimal::from(billed + more)).unwrap() - model.price(Decimal::from(billed)).unwrap();
        prop_assert_eq!(difference, (billed + 1..=billed + more).map(price_of).sum::<Decimal>());
    }
}

proptest! {
    #[test]
    fn packages_are_counted_exactly_or_refused(
        rated in 0..=i64::MAX, rated_scale in 0..19u32, size in 1..=i64::MAX, size_scale in 0..19u32,
    ) {
        // Both on one scale, as integers.
        let scaled = |mantissa: i64, scale: u32| i128::from(mantissa) * 10i128.pow(18 - scale);
        let (whole, part) = (scaled(rated, rated_scale), scaled(size, size_scale));
        let expected = whole / part + i128::from(whole % part != 0);
        if let Ok(count) = packages(Decimal::new(rated, rated_scale), Decimal::new(size, size_scale)) {
            prop_assert_eq!(count.to_string(), expected.to_string());
        }
    }
}
