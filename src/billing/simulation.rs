//! A year of a contract, drawn at random but always the same for a seed, billed by the pure engine. After each day the
//! books are looked at with arithmetic that has nothing of the engine's; what has been billed again says the same.
//!
//! The statements of `sql/billing` have a simulation of their own, through the database (`pgrx-tests/tests/year`).

mod biller;
mod facts;

use biller::{Biller, Invoice, Kind};
use chrono::{Days, NaiveDate};
use facts::{Contract, Fact, Plan};
use std::collections::BTreeMap;

/// A contract and what happens on each day.
struct Year {
    contract: Contract,
    days: Vec<(NaiveDate, Vec<Fact>)>,
}

fn play(year: &Year, days: usize) -> Biller<'_> {
    let mut biller = Biller::new(&year.contract);
    for (day, facts) in &year.days[..days] {
        biller.day(*day, facts);
    }
    biller
}

#[test]
fn a_hundred_years_are_in_order_after_each_day() {
    let (mut kinds, mut voids) = (BTreeMap::<Kind, usize>::new(), 0);
    for seed in 0..100 {
        let year = facts::draw(seed);
        let mut biller = Biller::new(&year.contract);
        let mut billed = 0;
        for (number, (day, facts)) in year.days.iter().enumerate() {
            biller.day(*day, facts);
            let place = format!("seed {seed}, {day}");
            tiles(&biller, *day, &place);
            ledger(&biller, &place);
            for (at, invoice) in biller.invoices.iter().enumerate() {
                sums(invoice, &format!("{place}, invoice {at}"));
            }
            // Whoever comes to the same day by himself has made the same invoices.
            if biller.invoices.len() > billed {
                billed = biller.invoices.len();
                assert_eq!(play(&year, number + 1).invoices, biller.invoices, "{place}: replay");
            }
        }
        fees(&biller, &year, seed);
        usage(&biller, &year, seed);
        for invoice in &biller.invoices {
            voids += usize::from(invoice.is_void);
            invoice.lines.iter().for_each(|line| *kinds.entry(line.kind).or_default() += 1);
        }
    }
    // What did not come up was not tested.
    let often = |kind: &Kind, lines: usize| lines > 50 || *kind == Kind::Carried && lines > 5;
    let told = format!("{kinds:?}, {voids} void");
    assert!(kinds.len() == 12 && kinds.iter().all(|(kind, lines)| often(kind, *lines)), "{told}");
    assert!(voids > 50, "{told}");
}

/// The closed periods and the running one follow each other, each as it is computed from the anchor, and each closed one has
/// one invoice that stands, but for a void one that is made again on the next day.
fn tiles(biller: &Biller, day: NaiveDate, place: &str) {
    let contract = biller.contract;
    let mut at = contract.first_day;
    for closed in &biller.closed {
        assert_eq!(closed.0, at, "{place}: no gap and no overlap");
        assert_eq!(closed.1, contract.period(closed.0).1, "{place}: from the anchor");
        assert!(closed.1 <= day, "{place}: nothing is billed that still runs");
        at = closed.1;
    }
    assert!(at <= day && day < contract.period(at).1, "{place}: all that has ended is closed");
    for closed in &biller.closed {
        let of_period = || biller.invoices.iter().filter(|invoice| invoice.period == *closed);
        let standing = of_period().filter(|invoice| !invoice.is_void).count();
        let waits = usize::from(biller.voided_today == Some(*closed));
        assert_eq!(standing + waits, 1, "{place}: one invoice of {closed:?}");
    }
}

/// Lines add up; each rate's tax is of its discounted sum, rounded once; nothing is negative that must not be.
fn sums(invoice: &Invoice, place: &str) {
    let sum = |kind: fn(Kind) -> bool| -> i64 {
        invoice.lines.iter().filter(|line| kind(line.kind)).map(|line| line.amount).sum()
    };
    assert_eq!(sum(|_| true), invoice.total, "{place}: Σ lines = total");
    assert!(invoice.total >= 0, "{place}: {invoice:?}");
    let mut rates = BTreeMap::<(i64, bool), (i64, i64)>::new();
    for line in &invoice.lines {
        let of_rate = rates.entry((line.permille, line.contains_tax)).or_default();
        match line.kind {
            Kind::Tax => of_rate.1 += line.amount,
            Kind::Credit | Kind::Carried | Kind::Contained => {}
            _ => of_rate.0 += line.amount,
        }
        assert!(
            !matches!(line.kind, Kind::Discount | Kind::Credit) || line.amount < 0,
            "{place}: {line:?}"
        );
        assert!(
            !matches!(line.kind, Kind::Subscription | Kind::Seat | Kind::Minimum)
                || line.amount >= 0,
            "{place}: {line:?}"
        );
    }
    for ((permille, contains), (base, tax)) in rates {
        let of = if contains { 1000 + permille } else { 1000 };
        let exact = i128::from(base) * i128::from(permille);
        let rounded = (exact.abs() * 2 + of as i128) / (2 * of as i128) * exact.signum();
        assert_eq!(i128::from(tax), rounded, "{place}: {permille} ‰ of {base}");
    }
    let charged = sum(|kind| {
        !matches!(kind, Kind::Discount | Kind::Tax | Kind::Contained | Kind::Credit | Kind::Carried)
    });
    let discount = -sum(|kind| kind == Kind::Discount);
    assert!((0..=charged.max(0)).contains(&discount), "{place}: {discount} off {charged}");
    assert!(invoice.carried == 0 || invoice.total == 0, "{place}: who gets credits owes nothing");
    // Credit notes take back all of it, of the net and of each tax, and no more.
    if let Some(left) = invoice.credited {
        assert_eq!(left, (0, 0), "{place}: credit notes sum to the invoice");
    }
}

/// The balance is the sum of the entries and of what is left of the grants, and was never negative.
fn ledger(biller: &Biller, place: &str) {
    let mut balance = 0;
    for entry in &biller.entries {
        balance += entry.delta;
        assert_eq!((entry.balance_after, balance >= 0), (balance, true), "{place}: {entry:?}");
    }
    let left: i64 = biller.lots.iter().map(|lot| lot.remaining).sum();
    assert_eq!(left, balance, "{place}: lots and ledger");
    for invoice in &biller.invoices {
        let used: i64 =
            invoice.lines.iter().filter(|l| l.kind == Kind::Credit).map(|l| -l.amount).sum();
        assert_eq!(
            used,
            invoice.draws.iter().map(|draw| draw.amount).sum::<i64>(),
            "{place}: what was used has its grants"
        );
    }
}

/// Of each period, fees and prorations are what its days cost one by one, to half a unit a line.
fn fees(biller: &Biller, year: &Year, seed: u64) {
    let value =
        |plan: &Plan, seats: i64| plan.base + plan.seat * (seats - plan.included_seats).max(0);
    for invoice in biller.invoices.iter().filter(|invoice| !invoice.is_void) {
        let whole = year.contract.whole(invoice.period.0);
        let length = i128::from((whole.1 - whole.0).num_days());
        let mut cost = 0i128;
        let mut day = invoice.period.0.max(year.contract.trial_end);
        while day < invoice.period.1 {
            let (plan, seats) = biller.terms_on(day);
            cost += i128::from(value(&year.contract.plans[plan], seats));
            day = day + Days::new(1);
        }
        let lines: Vec<i64> = invoice
            .lines
            .iter()
            .filter(|line| matches!(line.kind, Kind::Subscription | Kind::Seat | Kind::Proration))
            .map(|line| line.amount)
            .collect();
        let off = i128::from(lines.iter().sum::<i64>()) * length - cost;
        assert!(
            off.abs() * 2 <= length * lines.len() as i128,
            "seed {seed}, {:?}: {lines:?} is {off}/{length} off {cost}/{length}",
            invoice.period
        );
    }
}

/// Whatever came when, a period's usage has cost in the end what all of it costs, unit by unit.
fn usage(biller: &Biller, year: &Year, seed: u64) {
    for (place, period) in biller.closed.iter().enumerate() {
        for (feature, rated) in biller.rated[place].iter().enumerate() {
            let units: i64 = biller
                .used
                .iter()
                .filter(|used| used.0 == feature && used.1 >= period.0 && used.1 < period.1)
                .map(|used| used.2)
                .sum();
            // What has come since the last close is not billed yet.
            let open: i64 = biller.used[biller.seen..]
                .iter()
                .filter(|used| used.0 == feature && used.1 >= period.0 && used.1 < period.1)
                .map(|used| used.2)
                .sum();
            assert_eq!(rated.units, units - open, "seed {seed}, {period:?}");
            let price = &year.contract.plans[rated.plan].prices[feature];
            assert_eq!(
                rated.amount,
                price.unit_by_unit(rated.units),
                "seed {seed}, {period:?}, feature {feature}"
            );
            let billed: i64 = biller
                .invoices
                .iter()
                .filter(|invoice| !invoice.is_void || Some(invoice.period) == biller.voided_today)
                .flat_map(|invoice| &invoice.lines)
                .filter(|line| line.usage == Some((feature, place)))
                .map(|line| line.amount)
                .sum();
            assert_eq!(billed, rated.amount, "seed {seed}, {period:?}, feature {feature}: lines");
        }
    }
}
