//! How much of its time a closer works, while others write.

use std::time::Duration;

/// The rest after `worked`, for work to be `share` of the time, from above 0 to 1.
pub fn rest(worked: Duration, share: f64) -> Duration {
    Duration::try_from_secs_f64(worked.as_secs_f64() * (1.0 / share - 1.0))
        .unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_its_share_of_the_time() {
        let worked = Duration::from_millis(300);
        for share in [0.01, 0.25, 0.4, 0.5, 0.99] {
            let whole = worked + rest(worked, share);
            let difference = worked.as_secs_f64() / whole.as_secs_f64() - share;
            assert!(difference.abs() < 1e-6, "{share}: {difference}");
        }
        assert_eq!(rest(worked, 1.0), Duration::ZERO);
        assert_eq!(rest(Duration::ZERO, 0.01), Duration::ZERO);
    }

    #[test]
    fn what_is_no_share_is_no_rest() {
        for share in [0.0, -1.0, 2.0, f64::NAN] {
            assert_eq!(rest(Duration::from_secs(1), share), Duration::ZERO, "{share}");
        }
    }
}
