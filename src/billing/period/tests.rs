use super::*;
use chrono::TimeDelta;
use proptest::prelude::*;

fn time(text: &str) -> NaiveDateTime {
    let text = if text.len() == 10 { format!("{text}T00:00:00") } else { text.to_owned() };
    text.parse().unwrap()
}

fn period(anchor: &str, every: Every, at: &str) -> (NaiveDateTime, NaiveDateTime) {
    let period = Period::at(time(anchor), every, time(at)).unwrap();
    (period.start, period.end)
}

#[test]
fn month_ends_never_drift() {
    let starts = |anchor: &str, from: i64, count: i64| -> Vec<String> {
        (from..from + count)
            .map(|i| Every::MONTH.boundary(time(anchor), i).unwrap().date().to_string())
            .collect()
    };
    assert_eq!(
        starts("2023-01-31", 0, 5),
        ["2023-01-31", "2023-02-28", "2023-03-31", "2023-04-30", "2023-05-31"]
    );
    assert_eq!(starts("2024-01-31", 1, 2), ["2024-02-29", "2024-03-31"]);
    assert_eq!(
        starts("2022-12-31", 0, 5),
        ["2022-12-31", "2023-01-31", "2023-02-28", "2023-03-31", "2023-04-30"]
    );
    assert_eq!(starts("2022-12-31", 13, 3), ["2024-01-31", "2024-02-29", "2024-03-31"]);
    assert_eq!(starts("2024-03-31", -2, 2), ["2024-01-31", "2024-02-29"]);
}

#[test]
fn leap_day_yearly_and_day_31() {
    let leap = |at| period("2024-02-29", Every::YEAR, at);
    assert_eq!(leap("2024-02-29"), (time("2024-02-29"), time("2025-02-28")));
    assert_eq!(leap("2025-02-27T23:59:59"), leap("2024-02-29"));
    assert_eq!(leap("2025-02-28T12:00:00"), (time("2025-02-28"), time("2026-02-28")));
    assert_eq!(leap("2028-03-01"), (time("2028-02-29"), time("2029-02-28")));
    for anchor in ["2023-12-31", "2024-05-31", "1999-01-31"] {
        let day_31 = |at| period(anchor, Every::MONTH, at);
        assert_eq!(day_31("2024-02-15"), (time("2024-01-31"), time("2024-02-29")));
        assert_eq!(day_31("2024-02-29"), (time("2024-02-29"), time("2024-03-31")));
    }
}

#[test]
fn other_lengths_and_times_of_day() {
    let at = "2025-05-20T09:59:59";
    let anchor = "2025-01-07T10:00:00";
    assert_eq!(
        period(anchor, Every::DAY, at),
        (time("2025-05-19T10:00:00"), time("2025-05-20T10:00:00"))
    );
    assert_eq!(
        period(anchor, Every::WEEK, at),
        (time("2025-05-13T10:00:00"), time("2025-05-20T10:00:00"))
    );
    assert_eq!(
        period(anchor, Every::QUARTER, at),
        (time("2025-04-07T10:00:00"), time("2025-07-07T10:00:00"))
    );
    assert_eq!(
        period(anchor, Every::QUARTER, "2025-01-07T09:00:00").0,
        time("2024-10-07T10:00:00")
    );
    let may = Period::calendar_month(time(at).date()).unwrap();
    assert!(may.contains(may.start) && !may.contains(may.end));
    assert_eq!((may.start, may.end), (time("2025-05-01"), time("2025-06-01")));
    assert_eq!(may.dates(), (time("2025-05-01").date(), time("2025-06-01").date()));
}

#[test]
fn bad_intervals_and_the_ends_of_the_calendar() {
    for (months, days, micros) in [
        (0, 0, 0),
        (-1, 0, 0),
        (0, -1, 0),
        (1, 1, 0),
        (1, -1, 0),
        (-1, 2, 0),
        (0, 0, 1),
        (1, 0, 1),
        (i32::MIN, 0, 0),
    ] {
        assert_eq!(Every::new(months, days, micros).unwrap_err().sqlstate(), "22023");
    }
    assert_eq!(Every::new(12, 0, 0), Ok(Every::YEAR));
    assert_eq!(Every::new(0, 7, 0), Ok(Every::WEEK));
    for every in [Every::new(i32::MAX, 0, 0).unwrap(), Every::new(0, i32::MAX, 0).unwrap()] {
        let error = Period::at(time("2024-01-01"), every, time("2024-01-02")).unwrap_err();
        assert_eq!(error.sqlstate(), "22003");
        assert!(every.boundary(NaiveDateTime::MIN, i64::MIN).is_err());
    }
    for every in [Every::DAY, Every::MONTH] {
        assert!(Period::at(time("2024-01-01"), every, NaiveDateTime::MAX).is_err());
        let _ = Period::at(NaiveDateTime::MAX, every, NaiveDateTime::MIN);
    }
    assert!(Period::calendar_month(NaiveDate::MAX).is_err());
    for micros in [i64::MIN, i64::MAX, 9_223_371_331_199_999_999, POSTGRES_FIRST_MICROS - 1] {
        assert_eq!(civil_from_micros(micros).unwrap_err().sqlstate(), "22003");
    }
    assert!(
        civil_from_micros(POSTGRES_FIRST_MICROS).is_ok()
            && civil_to_micros(NaiveDateTime::MIN).is_err()
    );
    assert_eq!(civil_from_micros(0), Ok(time("2000-01-01")));
    assert_eq!(civil_day(0), Ok(time("2000-01-01").date()));
    assert!(civil_day(i32::MIN).is_err() && civil_day(i32::MAX).is_err());
}

/// New York in 2024 as PostgreSQL reads it: skipped times move ahead, repeated ones are standard time.
fn new_york(civil: NaiveDateTime) -> Result<NaiveDateTime> {
    let summer = time("2024-03-10T03:00:00") <= civil && civil < time("2024-11-03T01:00:00");
    Ok(civil + TimeDelta::hours(if summer { 4 } else { 5 }))
}

fn new_york_civil(at: NaiveDateTime) -> NaiveDateTime {
    let summer = time("2024-03-10T07:00:00") <= at && at < time("2024-11-03T06:00:00");
    at - TimeDelta::hours(if summer { 4 } else { 5 })
}

proptest! {
    #[test]
    fn periods_tile_time(
        anchor in -2_000_000_000_000_000i64..4_000_000_000_000_000,
        at in -2_000_000_000_000_000i64..4_000_000_000_000_000,
        months in prop::sample::select(vec![0, 1, 2, 3, 12]),
        days in 1..400i32,
    ) {
        let every = Every::new(months, if months == 0 { days } else { 0 }, 0).unwrap();
        let (anchor, at) = (civil_from_micros(anchor).unwrap(), civil_from_micros(at).unwrap());
        prop_assert_eq!(civil_from_micros(civil_to_micros(at).unwrap()), Ok(at));
        let index = every.index_at(anchor, at).unwrap();
        let period = Period::at(anchor, every, at).unwrap();
        prop_assert!(period.contains(at) && period.start < period.end);
        prop_assert_eq!(Period::nth(anchor, every, index + 1).unwrap().start, period.end);
        prop_assert_eq!(Period::nth(anchor, every, index - 1).unwrap().end, period.start);
        prop_assert_eq!(Period::at(anchor, every, period.start).unwrap(), period);
        prop_assert_eq!(Period::at(anchor, every, period.end).unwrap().start, period.end);
    }

    #[test]
    fn instants_tile_time_across_clock_changes(
        anchor in 0..525_600i64, at in 0..525_600i64, every in prop::sample::select(vec![Every::DAY, Every::WEEK, Every::MONTH]),
        near in prop::sample::select(vec!["2024-01-01T00:00:00", "2024-03-10T06:00:00", "2024-11-03T04:00:00"]),
    ) {
        let base = time(near);
        let span = if near.starts_with("2024-01") { 525_600 } else { 240 };
        let anchor = base + TimeDelta::minutes(anchor % span);
        let at = base + TimeDelta::minutes(at % span);
        let find = |at| Period::instants((new_york_civil(anchor), anchor), every, (new_york_civil(at), at), new_york);
        let (start, end) = find(at).unwrap();
        prop_assert!(start <= at && at < end);
        prop_assert_eq!(find(start), Ok((start, end)));
        prop_assert_eq!(find(end).unwrap().0, end);
        prop_assert_eq!(find(anchor).unwrap().0, anchor);
    }

    #[test]
    fn no_panic(anchor: i64, at: i64, months: i32, days: i32, index: i64) {
        let _ = Every::new(months, days, 0);
        if let (Ok(anchor), Ok(at)) = (civil_from_micros(anchor), civil_from_micros(at)) {
            for every in [Every::new(months, 0, 0), Every::new(0, days, 0)].into_iter().flatten() {
                let _ = (Period::at(anchor, every, at), Period::nth(anchor, every, index));
            }
        }
    }
}
