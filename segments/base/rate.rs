//! Growing counters into differences that cannot lie: no jump when a counter wraps or is reset.

use std::fmt::Write;
use std::time::Duration;

/// What a counter grew by since the last reading, in its own unit.
///
/// A counter that went backwards (hot-unplugged CPU, reset interface, suspend) grew by nothing:
/// the reading after it is right again.
pub fn growth(before: u64, now: u64) -> u64 {
    now.saturating_sub(before)
}

/// Seconds by which the boot time of one boot may seem to move when the clock is set.
pub const SAME_BOOT: u64 = 5;

/// The least time between two readings that a rate is taken from.
const ENOUGH: Duration = Duration::from_millis(100);

/// Counters into rates, by the time that passed between two readings.
///
/// Where a counter went backwards, or no time passed, the last rates stay: they are the latest known
/// to be true.
#[derive(Clone, Debug)]
pub struct Meter<const N: usize> {
    before: Option<([u64; N], Duration)>,
    rates: Option<[f64; N]>,
}

impl<const N: usize> Default for Meter<N> {
    fn default() -> Self {
        Meter { before: None, rates: None }
    }
}

impl<const N: usize> Meter<N> {
    /// The rates a second, with the counters as they stand at `now` of the boot clock; `None`
    /// before the second reading.
    pub fn read(&mut self, counters: [u64; N], now: Duration) -> Option<[f64; N]> {
        let Some((before, then)) = self.before else {
            self.before = Some((counters, now));
            return None;
        };
        let backwards = before.iter().zip(&counters).any(|(before, now)| now < before);
        match now.checked_sub(then).filter(|_| !backwards) {
            // An earlier clock is another boot's.
            None => self.before = Some((counters, now)),
            Some(passed) if passed >= ENOUGH => {
                let seconds = passed.as_secs_f64();
                let mut rates = [0.0; N];
                for (rate, (before, now)) in rates.iter_mut().zip(before.iter().zip(&counters)) {
                    *rate = growth(*before, *now) as f64 / seconds;
                }
                self.rates = Some(rates);
                self.before = Some((counters, now));
            }
            Some(_) => {}
        }
        self.rates
    }

    /// The counters and their time in nanoseconds, as words.
    pub fn save(&self) -> Option<String> {
        let (counters, then) = self.before?;
        let mut saved = String::new();
        for counter in counters {
            // Writing to a String cannot fail.
            let _ = write!(saved, "{counter} ");
        }
        Some(saved + &then.as_nanos().to_string())
    }

    /// A meter from what [`Meter::save`] gave; `None` if it is anything else.
    pub fn restored(saved: &str) -> Option<Meter<N>> {
        let mut words = saved.split(' ').map(|word| word.parse::<u64>().ok());
        let mut counters = [0; N];
        for counter in &mut counters {
            *counter = words.next()??;
        }
        let then = Duration::from_nanos(words.next()??);
        words.next().is_none().then_some(Meter { before: Some((counters, then)), rates: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backwards_is_nothing() {
        assert_eq!(growth(10, 15), 5);
        assert_eq!(growth(15, 10), 0);
    }

    fn after(readings: &[(u64, u64)]) -> Option<f64> {
        let mut meter = Meter::<1>::default();
        let read = |(count, ms): &(u64, u64)| meter.read([*count], Duration::from_millis(*ms));
        readings.iter().map(read).last().flatten().map(|[rate]| rate)
    }

    #[test]
    fn a_rate_is_by_the_time_that_passed() {
        assert_eq!(after(&[(5, 0)]), None);
        assert_eq!(after(&[(5, 0), (10, 500)]), Some(10.0));
        assert_eq!(after(&[(5, 0), (10, 500), (10, 900)]), Some(0.0));
    }

    #[test]
    fn no_time_and_no_sense_keep_the_last_rate() {
        let start = [(0, 0), (10, 1000)];
        assert_eq!(after(&[start[0], start[1], (5000, 1050)]), Some(10.0));
        assert_eq!(after(&[start[0], start[1], (3, 2000)]), Some(10.0));
        assert_eq!(after(&[start[0], start[1], (3, 2000), (5, 3000)]), Some(2.0));
        assert_eq!(after(&[start[0], start[1], (9000, 500)]), Some(10.0), "another boot");
    }

    #[test]
    fn what_is_remembered_is_counters_or_nothing() {
        let mut meter = Meter::<2>::default();
        meter.read([7, 8], Duration::from_secs(1));
        let saved = meter.save().expect("a reading");
        let mut again = Meter::<2>::restored(&saved).expect("the same");
        assert_eq!(again.read([9, 8], Duration::from_secs(2)), Some([2.0, 0.0]));
        for saved in ["", "1 2", "1 2 3 4", "a b c", "1 2 -3"] {
            assert!(Meter::<2>::restored(saved).is_none(), "{saved:?}");
        }
    }
}
