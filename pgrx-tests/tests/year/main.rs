//! A year of many tenants through the public functions, drawn at random but always the same for a seed: plans in two currencies and in
//! versions, monthly and yearly, by the calendar and by months of one's own, in arrears and in advance, one tenant's alone; seats,
//! minimums, set-up fees, trials; changes now and later, to other intervals too, add-ons, pauses, ends and new beginnings; usage that
//! comes late and twice, caps; credits by priority that expire, coupons, taxes that differ and move; payments that fail and succeed,
//! reminders, debts that are given up; voids, reissues, credit notes; closes by several workers. After each day and each close the books
//! are looked at. In the end plain SQL recounts every invoice line by line (`charges.sql`, `recount.sql`) from what was written down
//! (`facts.sql`), and what became of it, of credits, reminders and standing; and the same year, closed by another number of workers, is
//! the same.

#[path = "../books/mod.rs"]
mod books;
mod dice;
mod world;

use chrono::NaiveDate;
use world::World;

/// How many tenants, and how many years of each kind; more of both with `make test-slow`.
fn sizes() -> (usize, u64) {
    match std::env::var_os("SAAS_SLOW") {
        Some(_) => (100, 2),
        None => (8, 1),
    }
}

fn play(seed: u64, tenants: usize, closers: usize) -> Vec<String> {
    let mut world = World::new(seed, tenants, closers);
    let first = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap();
    let horizon = NaiveDate::from_ymd_opt(2025, 3, 1).unwrap();
    for day in first.iter_days().take_while(|day| *day < horizon) {
        world.day(day);
    }
    world.finish(horizon);
    world.told()
}

/// Odd seeds are of calendar months, closed for all at once; even ones mix them with months of one's own, closed tenant by tenant.
fn recounts_and_replays(first_seed: u64) {
    let (tenants, years) = sizes();
    for seed in (0..years).map(|year| first_seed + 2 * year) {
        let told = play(seed, tenants, 3);
        assert!(told.len() > tenants * 7, "seed {seed}: {} invoices", told.len());
        let again = play(seed, tenants, 1);
        for (one, other) in told.iter().zip(&again) {
            assert_eq!(one, other, "seed {seed}: a replay is the same");
        }
        assert_eq!(told.len(), again.len(), "seed {seed}");
    }
}

#[test]
fn a_simulated_year_of_calendar_months_recounts_and_replays() {
    recounts_and_replays(1);
}

#[test]
fn a_simulated_year_of_mixed_months_recounts_and_replays() {
    recounts_and_replays(2);
}
