//! When things are due and how old they look. Pure arithmetic on times; no clock is read here.

use std::time::Duration;

use rainline_segments::Pace;

use crate::line::rows::Age;

/// The shortest time for which a request keeps its line's readings going.
const SHORTEST_LEASE: Duration = Duration::from_secs(60);
/// How long readings are kept going once their last stream is gone: a host that reads its config
/// again ends a stream and starts the same one anew.
pub const STREAM_GRACE: Duration = Duration::from_secs(5);
/// A lease covers this many intervals, so that the next request comes before its end.
const LEASE_INTERVALS: u32 = 3;
/// How often a reading that changes only by events is taken even without one.
const CHANGE: Duration = Duration::from_secs(60);
/// No reading is taken more often.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// The longest pause after errors.
const MAX_BACKOFF: Duration = Duration::from_secs(300);
/// Doublings beyond this exceed every limit.
const MAX_DOUBLINGS: u32 = 10;
/// How long a worker may take for a reading.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(2);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);
/// A sample looks fresh for three intervals, and lost after ten.
const FRESH_INTERVALS: u32 = 3;
const LOST_INTERVALS: u32 = 10;
/// Two clocks that moved apart by more jumped: no two reads of a clock are so far apart.
const JUMP: Duration = Duration::from_secs(2);

/// The three clocks at one moment, see `sys`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// Time since boot, suspend included.
    pub boot: Duration,
    /// Time since boot while awake.
    pub awake: Duration,
    /// Time since 1970.
    pub wall: Duration,
}

impl Now {
    /// Reads the three clocks.
    pub fn read() -> Now {
        use rainline_client::sys;
        Now { boot: sys::boot(), awake: sys::awake(), wall: sys::wall() }
    }

    /// Whether the machine slept, or the wall clock was set, since an earlier moment.
    pub fn jumped(&self, earlier: &Now) -> bool {
        let awake = earlier.awake.abs_diff(self.awake);
        let expected =
            |then: Duration, now: Duration| then.saturating_add(awake).abs_diff(now) <= JUMP;
        !expected(earlier.boot, self.boot) || !expected(earlier.wall, self.wall)
    }
}

/// How often a reading is due.
pub fn interval(pace: Pace) -> Duration {
    match pace {
        Pace::Tick(every) => every.max(SHORTEST_INTERVAL),
        Pace::Change | Pace::Ask => CHANGE,
    }
}

/// How long a worker may take for a reading: a source that is read rarely may do more (ask a package
/// manager), and a longer wait for it does no harm.
pub fn timeout(pace: Pace) -> Duration {
    match pace {
        Pace::Tick(every) => (every / 10).clamp(SHORTEST_TIMEOUT, LONGEST_TIMEOUT),
        // A request waits for these.
        Pace::Change | Pace::Ask => SHORTEST_TIMEOUT,
    }
}

/// How long a request keeps the readings of its line going.
pub fn lease(pace: Pace) -> Duration {
    match pace {
        Pace::Tick(every) => every.saturating_mul(LEASE_INTERVALS).max(SHORTEST_LEASE),
        Pace::Change | Pace::Ask => SHORTEST_LEASE,
    }
}

/// How far into a second readings are taken. tmux's clock is up to a kernel tick behind, so a line
/// written right at the boundary counts for the second before: its client would hold it back, which
/// costs another wake-up.
const INTO_SECOND: Duration = Duration::from_millis(16);

/// How long until the next reading after `errors` failures in a row: aligned to the wall clock, so
/// that everything due in a second is read in one wake-up.
pub fn next(pace: Pace, errors: u32, wall: Duration) -> Duration {
    let every = interval(pace);
    let factor = 1_u32 << errors.saturating_sub(1).min(MAX_DOUBLINGS);
    let every =
        if errors > 1 { every.saturating_mul(factor).min(MAX_BACKOFF.max(every)) } else { every };
    let since = wall.saturating_sub(INTO_SECOND).as_nanos();
    let into = Duration::from_nanos((since % every.as_nanos().max(1)) as u64);
    every.saturating_sub(into)
}

/// How long until something is started again that ended `times` in a row: 1, 2, 4 … seconds.
pub fn restart_pause(times: u32) -> Duration {
    Duration::from_secs(1 << times.saturating_sub(1).min(MAX_DOUBLINGS)).min(MAX_BACKOFF)
}

/// How old a reading looks, `since` its sample was taken; `None` if there never was one.
pub fn age(pace: Pace, since: Option<Duration>, errors: u32) -> Age {
    let every = interval(pace);
    match since {
        None if errors == 0 => Age::Waiting,
        None => Age::Lost,
        Some(since) if since > every.saturating_mul(LOST_INTERVALS) => Age::Lost,
        Some(since) if since > every.saturating_mul(FRESH_INTERVALS) => Age::Stale,
        Some(_) => Age::Fresh,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn readings_are_due_shortly_after_a_second_begins() {
        let wall = INTO_SECOND + Duration::from_millis(10_250);
        assert_eq!(next(Pace::Tick(SECOND), 0, wall), Duration::from_millis(750));
        assert_eq!(next(Pace::Tick(SECOND * 5), 0, wall), Duration::from_millis(4_750));
        assert_eq!(next(Pace::Tick(SECOND), 0, INTO_SECOND + SECOND * 10), SECOND);
    }

    #[test]
    fn errors_make_it_rarer_up_to_five_minutes() {
        let at = INTO_SECOND + SECOND * 1_200;
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
    fn a_source_that_is_read_rarely_has_a_longer_timeout() {
        let timeout = |seconds| timeout(Pace::Tick(SECOND * seconds));
        assert_eq!([1, 15, 30, 600, 3600].map(timeout), [2, 2, 3, 60, 60].map(|s| SECOND * s));
        assert_eq!(super::timeout(Pace::Ask), SECOND * 2);
    }

    #[test]
    fn the_longest_times_there_are_overflow_nothing() {
        let pace = Pace::Tick(Duration::MAX);
        assert_eq!((interval(pace), lease(pace)), (Duration::MAX, Duration::MAX));
        assert_eq!(timeout(pace), LONGEST_TIMEOUT);
        for errors in [0, 1, 2, u32::MAX] {
            assert!(next(pace, errors, SECOND * 1_200) > SECOND * 1_000);
        }
        assert_eq!(age(pace, Some(Duration::MAX), 0), Age::Fresh);
        let last = Now { boot: Duration::MAX, awake: Duration::MAX, wall: Duration::MAX };
        assert!(!last.jumped(&Now::default()) && Now::default().jumped(&last));
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
        let set_back = Now { wall: now.wall.saturating_sub(SECOND * 600), ..later(1, 1, 0) };
        assert!(set_back.jumped(&now));
    }
}
