//! How long a session lasts beside the end it was opened with. Moments and durations are microseconds.

/// What settings say; `None` is no limit.
#[derive(Clone, Copy, Default, Debug)]
pub struct SessionLimits {
    /// Without use.
    pub idle: Option<i64>,
    /// Whatever happens.
    pub lifetime: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
pub struct Session {
    pub created: i64,
    pub seen: i64,
    pub expires: i64,
}

/// A session that counts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Live {
    pub until: i64,
    /// Whether it is time to note that it was seen.
    pub is_due: bool,
}

const HOUR: i64 = 3_600_000_000;

impl SessionLimits {
    /// `None` for a session that has ended. That one was seen is noted early enough that nobody is idle while he works: a
    /// tenth of the timeout is what he may lose of it.
    pub fn live(&self, session: Session, now: i64) -> Option<Live> {
        let at_last = self.lifetime.map(|limit| session.created.saturating_add(limit));
        let until = at_last.unwrap_or(i64::MAX).min(session.expires);
        let idle_from = self.idle.map_or(i64::MAX, |idle| session.seen.saturating_add(idle));
        if now >= until || now >= idle_from {
            return None;
        }
        let often = self.idle.map_or(HOUR, |idle| HOUR.min(idle / 10));
        Some(Live { until, is_due: now.saturating_sub(session.seen) >= often })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: i64 = 60_000_000;

    #[test]
    fn each_limit_ends_it() {
        let session = Session { created: 0, seen: 50 * MINUTE, expires: 100 * MINUTE };
        let limits = |idle: i64, lifetime: i64| SessionLimits {
            idle: (idle > 0).then_some(idle * MINUTE),
            lifetime: (lifetime > 0).then_some(lifetime * MINUTE),
        };
        let until = |limits: SessionLimits, now: i64| {
            limits.live(session, now * MINUTE).map(|live| live.until / MINUTE)
        };
        assert_eq!(until(limits(0, 0), 99), Some(100));
        assert_eq!(until(limits(0, 0), 100), None);
        assert_eq!(until(limits(0, 80), 79), Some(80));
        assert_eq!(until(limits(0, 80), 80), None);
        assert_eq!(until(limits(20, 0), 69), Some(100));
        assert_eq!(until(limits(20, 0), 70), None);
        assert!(!limits(20, 0).live(session, 51 * MINUTE).is_some_and(|live| live.is_due));
        assert!(limits(20, 0).live(session, 52 * MINUTE).is_some_and(|live| live.is_due));
    }

    proptest! {
        /// Whoever comes again before nine tenths of the timeout are over is never idle, however he comes.
        #[test]
        fn whoever_works_is_not_idle(
            idle in MINUTE..1_000 * MINUTE,
            steps in prop::collection::vec(0.0..0.899f64, 1..100),
        ) {
            let limits = SessionLimits { idle: Some(idle), lifetime: None };
            let (mut now, mut seen) = (0i64, 0i64);
            for step in steps {
                now += (idle as f64 * step) as i64;
                let session = Session { created: 0, seen, expires: i64::MAX };
                let live = limits.live(session, now);
                prop_assert!(live.is_some());
                if live.is_some_and(|live| live.is_due) {
                    seen = now;
                }
            }
        }
    }
}
