use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Result<Definition> {
    Definition::from_json(text, "USD")
}

#[track_caller]
fn refused(text: &str, sqlstate: &str) {
    let error = read(text).unwrap_err();
    let code = match &error {
        Error::Invalid(_) | Error::UnknownKey(..) => "22023",
        Error::Malformed(_) => "22P02",
        Error::OutOfRange(_) => "22003",
        Error::Billing(error) => error.sqlstate(),
        other => panic!("{text}: {other}"),
    };
    assert_eq!(code, sqlstate, "{text}: {error}");
}

#[test]
fn what_is_not_said_is_the_default() {
    let plan = read(r#"{"key": "plus", "base_price": 2000}"#).unwrap();
    assert_eq!(plan.key, "plus");
    assert_eq!(
        plan.terms,
        json!({
            "base_price": 2000, "seat_price": 0, "included_seats": 1, "currency": "USD", "billing_interval": "monthly",
            "billing_cycle": "calendar", "bill_in": "arrears", "setup_fee": 0, "minimum_amount": 0, "is_custom": false,
            "tenant_id": null, "prices": [], "features": [], "add_ons": [],
        })
    );
    assert_eq!(
        plan.limits,
        json!({"name": "plus", "trial_days": 0, "workspace_count": 1, "guest_count": 10, "member_seat": 100, "is_active": true})
    );
    let same = r#"{"key": "plus", "base_price": 2000, "setup_fee": null, "prices": null, "billing_interval": "monthly"}"#;
    assert_eq!(read(same).unwrap(), plan);
}

#[test]
fn the_same_in_other_words_is_the_same() {
    let one = r#"{"key": "p", "base_price": 1, "prices": [{"currency": "EUR", "base_price": 2}, {"currency": "CHF", "base_price": 3}],
        "features": [{"feature_key": "b", "overage_price": "1.50"}, {"feature_key": "a", "included_units": 5},
                     {"feature_key": "a", "currency": "EUR", "overage_price": "7"}],
        "add_ons": [{"key": "b", "price": 5}, {"key": "a", "price": 6, "most": 2}, {"key": "a", "currency": "EUR", "price": 7}]}"#;
    let other = r#"{"add_ons": [{"key": "a", "name": "a", "currency": "EUR", "price": 7}, {"key": "a", "price": 6, "most": 2, "currency": "USD"},
                     {"most": null, "price": 5, "key": "b"}], "features": [{"feature_key": "a", "currency": "EUR", "overage_price": "7.00", "included_units": 0},
                     {"feature_key": "a", "currency": "USD", "included_units": 5, "aggregation": "sum"},
                     {"overage_price": "1.5", "feature_key": "b"}],
        "prices": [{"base_price": 3, "currency": "CHF"}, {"base_price": 2, "currency": "EUR", "seat_price": 0}], "base_price": 1, "key": "p"}"#;
    assert_eq!(read(one).unwrap(), read(other).unwrap());
}

#[test]
fn what_can_not_be_meant_is_refused() {
    for (text, sqlstate) in [
        ("", "22P02"),
        ("[]", "22023"),
        ("null", "22023"),
        (r#"{"base_price": 1}"#, "22023"),
        (r#"{"key": "p"}"#, "22023"),
        (r#"{"key": "", "base_price": 1}"#, "22023"),
        (r#"{"key": 5, "base_price": 1}"#, "22023"),
        (r#"{"key": "p", "base_price": -1}"#, "22023"),
        (r#"{"key": "p", "base_price": 1.5}"#, "22023"),
        (r#"{"key": "p", "base_price": 1e2}"#, "22023"),
        (r#"{"key": "p", "base_price": "1"}"#, "22023"),
        (r#"{"key": "p", "base_price": 9223372036854775808}"#, "22003"),
        (r#"{"key": "p", "base_price": 1e999}"#, "22P02"),
        (r#"{"key": "p", "base_price": 1, "billing_interval": "daily"}"#, "22023"),
        (r#"{"key": "p", "base_price": 1, "trial_days": 3651}"#, "22023"),
        (r#"{"key": "p", "base_price": 1, "member_seat": -2}"#, "22023"),
        (r#"{"key": "p", "base_price": 1, "included_seats": 2147483648}"#, "22023"),
        (r#"{"key": "p", "base_price": 1, "name": " "}"#, "22023"),
        (r#"{"key": "p", "base_price": 1, "tenant_id": "x"}"#, "22P02"),
        (
            r#"{"key": "p", "base_price": 1, "is_custom": false, "tenant_id": "00000000-0000-0000-0000-000000000001"}"#,
            "22023",
        ),
        (r#"{"key": "p", "base_price": 1, "prices": {}}"#, "22023"),
        (
            r#"{"key": "p", "base_price": 1, "prices": [{"currency": "USD", "base_price": 1}]}"#,
            "22023",
        ),
        (r#"{"key": "p", "base_price": 1, "prices": [{"currency": "EUR"}]}"#, "22023"),
        (
            r#"{"key": "p", "base_price": 1, "prices": [{"currency": "EUR", "base_price": 1}, {"currency": "EUR", "base_price": 2}]}"#,
            "22023",
        ),
        (r#"{"key": "p", "base_price": 1, "features": [{}]}"#, "22023"),
        (
            r#"{"key": "p", "base_price": 1, "features": [{"feature_key": "a"}, {"feature_key": "a"}]}"#,
            "22023",
        ),
        (
            r#"{"key": "p", "base_price": 1, "features": [{"feature_key": "a", "overage_price": 5}]}"#,
            "22023",
        ),
        (
            r#"{"key": "p", "base_price": 1, "features": [{"feature_key": "a", "overage_price": "-5"}]}"#,
            "22023",
        ),
        (
            r#"{"key": "p", "base_price": 1, "features": [{"feature_key": "a", "overage_price": "five"}]}"#,
            "22P02",
        ),
        (
            r#"{"key": "p", "base_price": 1, "features": [{"feature_key": "a", "overage_price": "NaN"}]}"#,
            "22003",
        ),
        (
            r#"{"key": "p", "base_price": 1, "features": [{"feature_key": "a", "price_model": {"model": "volume", "tiers": []}}]}"#,
            "22023",
        ),
        (
            r#"{"key": "p", "base_price": 1, "features": [{"feature_key": "a", "overage_price": "1",
                "price_model": {"model": "flat", "amount": "1"}}]}"#,
            "22023",
        ),
        (r#"{"key": "p", "base_price": 1, "add_ons": [{"price": 1}]}"#, "22023"),
        (r#"{"key": "p", "base_price": 1, "add_ons": [{"key": "a"}]}"#, "22023"),
        (r#"{"key": "p", "base_price": 1, "add_ons": [{"key": "", "price": 1}]}"#, "22023"),
        (
            r#"{"key": "p", "base_price": 1, "add_ons": [{"key": "a", "name": " ", "price": 1}]}"#,
            "22023",
        ),
        (r#"{"key": "p", "base_price": 1, "add_ons": [{"key": "a", "price": -1}]}"#, "22023"),
        (r#"{"key": "p", "base_price": 1, "add_ons": [{"key": "a", "price": 1.5}]}"#, "22023"),
        (
            r#"{"key": "p", "base_price": 1, "add_ons": [{"key": "a", "price": 18446744073709551615}]}"#,
            "22003",
        ),
        (
            r#"{"key": "p", "base_price": 1, "add_ons": [{"key": "a", "price": 1, "most": 0}]}"#,
            "22023",
        ),
        (
            r#"{"key": "p", "base_price": 1, "add_ons": [{"key": "a", "price": 1}, {"key": "a", "price": 2, "currency": "USD"}]}"#,
            "22023",
        ),
    ] {
        refused(text, sqlstate);
    }
}

#[test]
fn an_unknown_key_names_the_nearest() {
    for (text, nearest) in [
        (r#"{"key": "p", "base_price": 1, "seats_price": 5}"#, Some("seat_price")),
        (r#"{"key": "p", "base_price": 1, "trial": 5}"#, Some("trial_days")),
        (r#"{"key": "p", "base_price": 1, "features": [{"feature": "a"}]}"#, Some("feature_key")),
        (r#"{"key": "p", "base_price": 1, "prices": [{"curency": "EUR"}]}"#, Some("currency")),
        (r#"{"key": "p", "base_price": 1, "add_ons": [{"key": "a", "prise": 1}]}"#, Some("price")),
        (r#"{"key": "p", "base_price": 1, "zzz": 5}"#, None),
    ] {
        match read(text).unwrap_err() {
            Error::UnknownKey(_, hint) => assert_eq!(hint.as_deref(), nearest, "{text}"),
            other => panic!("{text}: {other}"),
        }
    }
}

proptest! {
    #[test]
    fn nothing_panics(text in "\\PC{0,200}") {
        let _ = read(&text);
    }

    #[test]
    fn money_is_kept_to_the_unit(base: i64, setup in 0..=i64::MAX) {
        let plan = read(&format!(r#"{{"key": "p", "base_price": {base}, "setup_fee": {setup}}}"#));
        match plan {
            Ok(plan) => prop_assert_eq!((plan.terms["base_price"].as_i64(), plan.terms["setup_fee"].as_i64()), (Some(base), Some(setup))),
            Err(_) => prop_assert!(base < 0),
        }
    }
}
