//! What a backend has refused and not written down yet: bounded, and equal refusals counted together. Knows no database
//! and no clock; moments are microseconds.

use uuid::Uuid;

/// More than these are not told apart; a backend's memory has a limit.
pub const MOST: usize = 64;
/// How long the next refusals that equal one in the log are only counted. A log that can't be written is left alone for
/// as long.
pub const QUIET: i64 = 60_000_000;
/// How many commits in a row are burdened with a log that can't be written.
const TRIES: u32 = 3;

const OTHERS: &str = "more refusals of one connection than are told apart";

/// Who was refused, as far as is known.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Who {
    pub user: Uuid,
    /// Under impersonation, who really acts.
    pub actor: Option<Uuid>,
    pub impersonation: Option<Uuid>,
    pub session: Option<Uuid>,
    pub by_key: bool,
}

/// What makes two refusals the same.
#[derive(Clone, PartialEq, Debug)]
pub struct Denial {
    pub action: &'static str,
    pub target_type: &'static str,
    pub target: Option<String>,
    pub reason: String,
    pub sqlstate: &'static str,
    pub who: Option<Who>,
    /// Whose log it belongs to: never that of a tenant in which the refused one is nobody.
    pub tenant: Option<Uuid>,
    /// The database role, by its oid.
    pub role: u32,
    /// Where a gateway says that it came from.
    pub address: Option<String>,
}

impl Denial {
    /// What is too many to be told apart.
    fn others() -> Denial {
        Denial {
            action: super::ACCESS,
            target_type: "permission",
            target: None,
            reason: OTHERS.into(),
            sqlstate: "42501",
            who: None,
            tenant: None,
            role: 0,
            address: None,
        }
    }
}

/// Equal refusals since the last that was written.
#[derive(Clone, Debug)]
pub struct Counted {
    pub denial: Denial,
    /// Of the first of them.
    pub request: Option<Uuid>,
    /// The tenant that the first of them was about, whosever it is.
    pub asked: Option<Uuid>,
    pub count: u64,
    pub first: i64,
    pub last: i64,
}

struct Entry {
    counted: Counted,
    /// How many of them are written in a transaction that has not ended.
    in_flight: u64,
    written: Option<i64>,
}

impl Entry {
    fn is_quiet(&self, now: i64) -> bool {
        self.written.is_some_and(|written| now.saturating_sub(written) < QUIET)
    }

    fn is_due(&self, now: i64, at_exit: bool) -> bool {
        self.counted.count > 0 && self.in_flight == 0 && (at_exit || !self.is_quiet(now))
    }
}

#[derive(Default)]
pub struct Queue {
    entries: Vec<Entry>,
    failures: u32,
    /// Until then commits are left alone.
    patient_until: i64,
}

impl Queue {
    pub const fn new() -> Queue {
        Queue { entries: Vec::new(), failures: 0, patient_until: i64::MIN }
    }

    pub fn note(&mut self, denial: Denial, request: Option<Uuid>, asked: Option<Uuid>, now: i64) {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.counted.denial == denial)
        else {
            let denial = if self.make_room(now) { denial } else { Denial::others() };
            if let Some(at) = self.entries.iter().position(|e| e.counted.denial == denial) {
                return self.entries[at].counted.again(None, None, now);
            }
            let counted = Counted { denial, request, asked, count: 1, first: now, last: now };
            return self.entries.push(Entry { counted, in_flight: 0, written: None });
        };
        entry.counted.again(request, asked, now);
    }

    /// Whether one more can be told apart, perhaps in place of one that was written a while ago. Those written just now
    /// stay: else whoever asks for ever new things could fill the log.
    fn make_room(&mut self, now: i64) -> bool {
        if self.entries.len() < MOST {
            return true;
        }
        let is_over = |entry: &Entry| entry.counted.count == 0 && !entry.is_quiet(now);
        let over = self.entries.iter().position(is_over);
        over.map(|at| self.entries.swap_remove(at)).is_some()
    }

    pub fn is_due(&self, now: i64, at_exit: bool) -> bool {
        (at_exit || now >= self.patient_until)
            && self.entries.iter().any(|entry| entry.is_due(now, at_exit))
    }

    /// What is to be written now. It stays here until [`Queue::committed`] says that it is.
    pub fn take(&mut self, now: i64, at_exit: bool) -> Vec<Counted> {
        let due = self.entries.iter_mut().filter(|entry| entry.is_due(now, at_exit));
        due.map(|entry| {
            entry.in_flight = entry.counted.count;
            entry.counted.clone()
        })
        .collect()
    }

    pub fn committed(&mut self, now: i64) {
        if self.entries.iter().any(|entry| entry.in_flight > 0) {
            (self.failures, self.patient_until) = (0, i64::MIN);
        }
        for entry in self.entries.iter_mut().filter(|entry| entry.in_flight > 0) {
            entry.counted.count = entry.counted.count.saturating_sub(entry.in_flight);
            entry.counted.first = entry.counted.last;
            entry.in_flight = 0;
            entry.written = Some(now);
        }
    }

    /// The transaction that they were written in is undone.
    pub fn undone(&mut self) {
        self.entries.iter_mut().for_each(|entry| entry.in_flight = 0);
    }

    /// They could not be written, and are kept: whoever can make a write fail gets rid of nothing. How many commits have
    /// been burdened in vain, once that is enough.
    pub fn failed(&mut self, now: i64) -> Option<u32> {
        self.undone();
        self.failures = self.failures.saturating_add(1);
        if self.failures < TRIES {
            return None;
        }
        self.patient_until = now.saturating_add(QUIET);
        Some(self.failures)
    }

    /// How many were not written.
    pub fn forget(&mut self) -> u64 {
        let count = self.entries.drain(..).map(|entry| entry.counted.count).sum();
        *self = Queue::new();
        count
    }
}

impl Counted {
    fn again(&mut self, request: Option<Uuid>, asked: Option<Uuid>, now: i64) {
        if self.count == 0 {
            (self.first, self.request, self.asked) = (now, request, asked);
        }
        self.count = self.count.saturating_add(1);
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denial(reason: impl ToString) -> Denial {
        Denial { reason: reason.to_string(), ..Denial::others() }
    }

    fn counts(taken: &[Counted]) -> Vec<u64> {
        taken.iter().map(|counted| counted.count).collect()
    }

    #[test]
    fn equal_ones_are_counted() {
        let mut queue = Queue::new();
        for now in 1..=3 {
            queue.note(denial("a"), None, None, now);
        }
        queue.note(denial("b"), None, None, 4);
        let taken = queue.take(5, false);
        assert_eq!(counts(&taken), [3, 1]);
        assert_eq!((taken[0].first, taken[0].last), (1, 3));
    }

    #[test]
    fn what_is_undone_is_written_again_and_what_is_committed_is_not() {
        let mut queue = Queue::new();
        queue.note(denial("a"), None, None, 1);
        assert_eq!(counts(&queue.take(1, false)), [1]);
        // In flight: the commit of the very transaction that writes them asks again.
        assert!(!queue.is_due(1, true));
        queue.undone();
        assert_eq!(counts(&queue.take(1, false)), [1]);
        queue.committed(1);
        assert!(!queue.is_due(1 + QUIET, true));
    }

    #[test]
    fn after_one_is_written_the_next_are_counted_for_a_while() {
        let mut queue = Queue::new();
        queue.note(denial("a"), None, None, 0);
        queue.take(0, false);
        queue.committed(0);
        queue.note(denial("a"), None, None, 5);
        queue.note(denial("a"), None, None, 6);
        assert!(!queue.is_due(QUIET - 1, false));
        assert!(queue.is_due(QUIET - 1, true));
        let taken = queue.take(QUIET, false);
        assert_eq!(counts(&taken), [2]);
        assert_eq!((taken[0].first, taken[0].last), (5, 6));
    }

    #[test]
    fn however_many_differ_memory_is_bounded_and_none_goes_uncounted() {
        let mut queue = Queue::new();
        for n in 0..10_000 {
            queue.note(denial(n), None, None, n);
        }
        let taken = queue.take(10_000, false);
        assert_eq!(taken.len(), MOST + 1);
        assert_eq!(counts(&taken).iter().sum::<u64>(), 10_000);
        // Those that have just come into the log are no room for new ones,
        queue.committed(10_000);
        queue.note(denial("new"), None, None, 10_001);
        assert!(!queue.is_due(10_001, false));
        // later they are.
        let later = 10_000 + QUIET;
        queue.note(denial("newer"), None, None, later);
        let taken = queue.take(later, false);
        assert_eq!(
            taken.iter().map(|counted| &*counted.denial.reason).collect::<Vec<_>>(),
            [OTHERS, "newer"]
        );
        assert!(queue.entries.len() <= MOST + 1);
    }

    #[test]
    fn a_log_that_fails_is_left_alone_and_loses_nothing() {
        let mut queue = Queue::new();
        queue.note(denial("a"), None, None, 1);
        queue.note(denial("a"), None, None, 2);
        queue.take(2, false);
        assert_eq!([queue.failed(2), queue.failed(2), queue.failed(2)], [None, None, Some(3)]);
        assert!(!queue.is_due(1 + QUIET, false));
        assert!(queue.is_due(3, true));
        assert_eq!(counts(&queue.take(2 + QUIET, false)), [2]);
        assert_eq!(queue.failed(2 + QUIET), Some(4));
        queue.take(3 + 2 * QUIET, false);
        queue.committed(3 + 2 * QUIET);
        queue.note(denial("b"), None, None, 4 + 2 * QUIET);
        assert!(queue.is_due(4 + 2 * QUIET, false));
        assert_eq!(queue.forget(), 1);
        assert!(!queue.is_due(i64::MAX, true));
    }
}
