use super::*;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn numbers_are_no_amounts() {
    for text in [
        r#"{"model":"per_unit","unit_amount":10}"#,
        r#"{"model":"per_unit","unit_amount":0.1}"#,
        r#"{"model":"flat","amount":"1","minimum":1}"#,
        r#"{"model":"graduated","tiers":[{"up_to":1.5,"unit_amount":"1"},{"unit_amount":"1"}]}"#,
        r#"{"model":"package","package_size":1e1,"amount":"1"}"#,
    ] {
        let error = Model::from_json(text).unwrap_err();
        assert_eq!(error.sqlstate(), "22023", "{text}");
        assert!(error.hint().contains("quotes"), "{text}");
    }
}

#[test]
fn what_is_refused() {
    let tier = |up_to: Value, unit: &str| json!({"up_to": up_to, "unit_amount": unit});
    let tiered = |tiers: Value| json!({"model": "graduated", "tiers": tiers});
    let many: Vec<Value> = (1..=MAX_TIERS + 1).map(|up_to| tier(json!(up_to), "1")).collect();
    for value in [
        json!(null),
        json!([]),
        json!({}),
        json!({"model": 1}),
        json!({"model": "free"}),
        json!({"model": "per_unit"}),
        json!({"model": "per_unit", "unit_amount": null}),
        json!({"model": "per_unit", "unit_amount": "-1"}),
        json!({"model": "per_unit", "unit_amount": "1", "unit": "1"}),
        json!({"model": "flat", "amount": "1", "free_units": 1}),
        json!({"model": "flat", "amount": "1", "minimum": "3", "maximum": "2"}),
        json!({"model": "per_unit", "unit_amount": "1", "free_units": 1, "included_units": 1}),
        json!({"model": "per_unit", "unit_amount": "1", "free_units": -1}),
        json!({"model": "package", "package_size": 0, "amount": "1"}),
        json!({"model": "package", "package_size": -5, "amount": "1"}),
        json!({"model": "package", "amount": "1"}),
        json!({"model": "percentage", "percent": "1", "rate": "1"}),
        json!({"model": "percentage", "percent": "-1"}),
        tiered(json!(null)),
        tiered(json!([])),
        tiered(json!([{"up_to": 5}])),
        tiered(json!([tier(json!(null), "1"), tier(json!(null), "1")])),
        tiered(json!([tier(json!(5), "1"), tier(json!(5), "1"), tier(json!(null), "1")])),
        tiered(json!([tier(json!(5), "1"), tier(json!("4.9"), "1"), tier(json!(null), "1")])),
        tiered(json!([tier(json!(0), "1"), tier(json!(null), "1")])),
        tiered(json!([tier(json!(null), "-1")])),
        tiered(json!(many)),
        tiered(json!([{"up_to": null, "unit_amount": "1", "flat": "1"}])),
    ] {
        assert_eq!(
            Model::from_value(value.clone()).map_err(|error| error.sqlstate()),
            Err("22023"),
            "{value}"
        );
    }
    for text in [
        "",
        "{",
        "{\"model\":}",
        &"[".repeat(100_000),
        r#"{"model":"per_unit","unit_amount":"ten"}"#,
    ] {
        assert_eq!(Model::from_json(text).unwrap_err().sqlstate(), "22P02");
    }
    let digits = json!({"model": "per_unit", "unit_amount": "9".repeat(40)});
    assert_eq!(Model::from_value(digits).unwrap_err().sqlstate(), "22003");
    let long = json!({"model": "x".repeat(1_000_000), "y".repeat(1_000_000): 1});
    assert!(Model::from_value(long).unwrap_err().to_string().len() < 200);
    let long = json!({"model": "flat", "amount": "1", "y".repeat(1_000_000): 1});
    assert!(Model::from_value(long).unwrap_err().to_string().len() < 200);
}

#[test]
fn null_is_absent_and_names_have_aliases() {
    let read = |value| Model::from_value(value).unwrap();
    assert_eq!(
        read(
            json!({"model": "per_unit", "unit_amount": "1.50", "minimum": null, "included_units": "7"})
        ),
        read(json!({"model": "per_unit", "unit_amount": "1.5", "free_units": 7}))
    );
    assert_eq!(
        read(json!({"model": "percentage", "rate": "2.9"})),
        read(json!({"model": "percentage", "percent": "2.9", "fixed_amount": "0"}))
    );
    assert_eq!(
        read(json!({"model": "per_unit", "unit_amount": "4", "free_units": 1000})),
        Model::included_overage(1000, Some(Decimal::from(4))).unwrap()
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "model",
        "per_unit",
        "graduated",
        "volume",
        "package",
        "percentage",
        "flat",
        "tiers",
        "up_to",
        "unit_amount",
        "flat_amount",
        "package_size",
        "amount",
        "free_units",
        "percent",
        "fixed_amount",
        "minimum",
        "maximum",
        "0",
        "1",
        "2.5",
        "-1",
        "99999999999999999999",
        "0.0000000000000000000000000001",
        "NaN",
        "",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..20u8).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        ".{0,9}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 40, 6, move |inner| {
        let object =
            prop::collection::btree_map(word.clone().prop_map(str::to_owned), inner.clone(), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            object.prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn no_panic_on_random_json(
        value in any_json(), mantissa: i64, scale in 0..=28u32,
        kind in prop::sample::select(vec!["per_unit", "graduated", "volume", "package", "percentage", "flat"]),
    ) {
        let mut known = value.clone();
        if let Value::Object(map) = &mut known {
            map.insert("model".to_owned(), kind.into());
        }
        for value in [value, known] {
            if let Ok(model) = Model::from_value(value) {
                for quantity in [Decimal::new(mantissa, scale), Decimal::MAX, Decimal::ZERO] {
                    if let Ok(price) = model.price(quantity) {
                        prop_assert!(price >= Decimal::ZERO);
                    }
                }
            }
        }
    }

    #[test]
    fn no_panic_on_random_text(text in ".{0,200}") {
        let _ = Model::from_json(&text);
    }
}
