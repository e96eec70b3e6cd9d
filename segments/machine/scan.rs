//! What a search through directories found, so that it need not be made for each reading.

use std::time::Duration;

use super::Machine;

/// How long a result holds: a plugged-in card or fan is seen after a minute.
const LIFETIME: Duration = Duration::from_secs(60);
/// How long it holds after something of it could not be read: a device may only be asleep.
const LIFETIME_IN_DOUBT: Duration = Duration::from_secs(10);

/// The result of a search: made once, and again every minute, or sooner when told that something of
/// it is gone.
pub struct Scan<T> {
    found: Option<(T, Duration)>,
    lifetime: Duration,
}

impl<T> Default for Scan<T> {
    fn default() -> Self {
        Scan { found: None, lifetime: LIFETIME }
    }
}

impl<T> Scan<T> {
    /// The result, by a new `search` if it is time for one.
    pub fn get(&mut self, machine: &Machine, search: impl FnOnce(&Machine) -> T) -> &mut T {
        let now = machine.uptime();
        if self.found.as_ref().is_some_and(|(_, at)| now.saturating_sub(*at) >= self.lifetime) {
            *self = Scan::default();
        }
        &mut self.found.get_or_insert_with(|| (search(machine), now)).0
    }

    /// Something of it could not be read.
    pub fn doubt(&mut self) {
        self.lifetime = LIFETIME_IN_DOUBT;
    }

    /// Invalidates the result.
    pub fn forget(&mut self) {
        self.found = None;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::machine_with;
    use super::*;

    #[test]
    fn a_search_is_made_again_after_a_minute_or_when_told() {
        let times = [100, 100, 159, 161, 165, 171, 230, 230];
        let files: Vec<_> = (1..)
            .zip(times)
            .map(|(read, time)| (format!("proc/uptime@{read}"), format!("{time}.0 1\n")))
            .collect();
        let files: Vec<_> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
        let (_dir, machine) = machine_with(&files);
        let mut searches = 0;
        let mut found = Scan::default();
        let seen = (0..times.len()).map(|read| {
            match read {
                4 => found.doubt(),
                7 => found.forget(),
                _ => {}
            }
            *found.get(&machine, |_| {
                searches += 1;
                searches
            })
        });
        assert_eq!(seen.collect::<Vec<_>>(), [1, 1, 1, 2, 2, 3, 3, 4]);
    }
}
