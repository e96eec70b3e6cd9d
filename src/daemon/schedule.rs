//! When things are due and how old they look. Pure arithmetic on times; no clock is read here.

use std::time::Duration;

use rainline_segments::Pace;

use crate::line::rows::Age;

/// The shortest time for which a request keeps its line's readings going.
const LEASE: Duration = Duration::from_secs(60);
/// How long readings are kept going once their last stream is gone: a terminal that reads its
/// config again ends a stream and begins the same one anew.
pub const GRACE: Duration = Duration::from_secs(5);
/// How often something that should change only when told is looked at all the same.
const CHANGE: Duration = Duration::from_secs(60);
/// The longest pause after errors.
const MOST_BACKOFF: Duration = Duration::from_secs(300);

/// The three clocks at one moment, see `sys`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    pub boot: Duration,
    pub awake: Duration,
    pub wall: Duration,
}

impl Now {
    pub fn read() -> Now {
        use rainline_client::sys;
        Now { boot: sys::boot(), awake: sys::awake(), wall: sys::wall() }
    }

    /// Whether the machine slept, or the wall clock was set, since an earlier moment.
    pub fn jumped(&self, earlier: &Now) -> bool {
        let grown = |now: Duration, before: Duration| now.as_secs_f64() - before.as_secs_f64();
        let awake = grown(self.awake, earlier.awake);
        // Two seconds: more than any scheduling delay between two reads of a clock.
        (grown(self.boot, earlier.boot) - awake).abs() > 2.0
            || (grown(self.wall, earlier.wall) - awake).abs() > 2.0
    }
}

/// How often a reading is due.
pub fn interval(pace: Pace) -> Duration {
    match pace {
        Pace::Tick(every) => every.max(Duration::from_millis(100)),
        Pace::Change | Pace::Ask => CHANGE,
    }
}

/// How long a worker may take for a reading: a source that is read rarely may do more (ask a package
/// manager), and a longer wait for it is no harm.
pub fn patience(pace: Pace) -> Duration {
    const LEAST: Duration = Duration::from_secs(2);
    match pace {
        Pace::Tick(every) => (every / 10).clamp(LEAST, Duration::from_secs(60)),
        // Somebody waits for these.
        Pace::Change | Pace::Ask => LEAST,
    }
}

/// How long a request keeps the readings of its line going.
pub fn lease(pace: Pace) -> Duration {
    match pace {
        Pace::Tick(every) => (every * 3).max(LEASE),
        Pace::Change | Pace::Ask => LEASE,
    }
}

/// How far into a second readings are taken. tmux's clock lags behind by up to a tick of the kernel,
/// and a line that comes right after the boundary counts for the second before: it would have to wait
/// at its client, which costs that one another wake-up.
const LATE: Duration = Duration::from_millis(16);

/// How long until the next reading after `errors` failures in a row: aligned to the wall clock, so
/// that everything due in a second is read in one wake-up.
pub fn next(pace: Pace, errors: u32, wall: Duration) -> Duration {
    let every = interval(pace);
    let factor = 1_u32 << errors.saturating_sub(1).min(10);
    let every = if errors > 1 { (every * factor).min(MOST_BACKOFF.max(every)) } else { every };
    let since = wall.saturating_sub(LATE).as_nanos();
    let into = Duration::from_nanos((since % every.as_nanos().max(1)) as u64);
    every - into
}

/// How long until something is started again that ended `errors` times in a row: 1, 2, 4 … seconds.
pub fn restart(errors: u32) -> Duration {
    Duration::from_secs(1 << errors.saturating_sub(1).min(10)).min(MOST_BACKOFF)
}

/// How long a sample looks fresh.
pub fn fresh(pace: Pace) -> Duration {
    interval(pace) * 3
}

/// How old a reading looks, `since` its sample was taken; `None` if there never was one.
pub fn age(pace: Pace, since: Option<Duration>, errors: u32) -> Age {
    let every = interval(pace);
    match since {
        None if errors == 0 => Age::Waiting,
        None => Age::Lost,
        Some(since) if since > every * 10 => Age::Lost,
        Some(since) if since > fresh(pace) => Age::Stale,
        Some(_) => Age::Fresh,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn readings_are_due_when_a_second_has_begun_for_everybody() {
        let wall = LATE + Duration::from_millis(10_250);
        assert_eq!(next(Pace::Tick(SECOND), 0, wall), Duration::from_millis(750));
        assert_eq!(next(Pace::Tick(SECOND * 5), 0, wall), Duration::from_millis(4_750));
        assert_eq!(next(Pace::Tick(SECOND), 0, LATE + SECOND * 10), SECOND);
    }

    #[test]
    fn errors_make_it_rarer_up_to_five_minutes() {
        let at = LATE + SECOND * 1_200;
        assert_eq!(next(Pace::Tick(SECOND), 1, at), SECOND);
        assert_eq!(next(Pace::Tick(SECOND), 4, at), SECOND * 8);
        assert_eq!(next(Pace::Tick(SECOND), 99, at), SECOND * 300);
    }

    #[test]
    fn a_reading_looks_old_after_three_paces_and_lost_after_ten() {
        let pace = Pace::Tick(SECOND);
        assert_eq!(age(pace, None, 0), Age::Waiting);
        assert_eq!(age(pace, None, 1), Age::Lost);
        assert_eq!(age(pace, Some(SECOND * 3), 0), Age::Fresh);
        assert_eq!(age(pace, Some(SECOND * 4), 0), Age::Stale);
        assert_eq!(age(pace, Some(SECOND * 11), 0), Age::Lost);
    }

    #[test]
    fn who_is_read_rarely_may_take_its_time() {
        let patience = |seconds| patience(Pace::Tick(SECOND * seconds));
        assert_eq!([1, 15, 30, 600, 3600].map(patience), [2, 2, 3, 60, 60].map(|s| SECOND * s));
        assert_eq!(super::patience(Pace::Ask), SECOND * 2);
    }

    #[test]
    fn sleep_and_a_set_clock_are_jumps_and_a_slow_second_is_not() {
        let now = Now { boot: SECOND * 50, awake: SECOND * 50, wall: SECOND * 1_000 };
        let later = |boot, awake, wall| Now {
            boot: now.boot + SECOND * boot,
            awake: now.awake + SECOND * awake,
            wall: now.wall + SECOND * wall,
        };
        assert!(!later(30, 30, 30).jumped(&now));
        assert!(later(600, 1, 600).jumped(&now));
        assert!(later(1, 1, 3_600).jumped(&now));
    }
}
