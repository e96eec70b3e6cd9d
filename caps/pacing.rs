//! When a line of a stream may be written. Shared by the client and by the daemon, whoever of them
//! writes.

use std::time::Duration;

/// tmux's clock lags behind: `time()` is as old as the kernel's last tick, up to a hundredth of a
/// second. A line that comes at once after a boundary would be one of the second before to it.
pub const AFTER: Duration = Duration::from_millis(15);
/// Before a boundary: what is written here may be read behind it, and count for the next second.
const BEFORE: Duration = Duration::from_millis(50);

/// When a line may be written. tmux draws at most one line of a job in each second of the wall
/// clock, and none in the second in which the job started.
pub struct Pace {
    tmux: bool,
    /// The newest line, with its newline, until it is written.
    next: Option<Vec<u8>>,
    shown: Vec<u8>,
    /// The second of the last write.
    second: Option<u64>,
    /// Whether the first line was written again.
    repeated: bool,
}

impl Pace {
    pub fn new(tmux: bool) -> Self {
        Pace { tmux, next: None, shown: Vec::new(), second: None, repeated: !tmux }
    }

    /// Takes a line that should be shown; the newest wins.
    pub fn offer(&mut self, mut line: Vec<u8>) {
        line.push(b'\n');
        self.next = (line != self.shown).then_some(line);
    }

    /// The line to write at this moment of the wall clock, if any.
    pub fn due(&mut self, wall: Duration) -> Option<&[u8]> {
        let second = wall.as_secs();
        // A clock set back is no reason to fall silent: only the very same second is.
        if self.tmux && self.second == Some(second) {
            return None;
        }
        let near = wall < clear(second) || wall + BEFORE >= Duration::from_secs(second + 1);
        if self.tmux && self.second.is_some() && near {
            return None;
        }
        match self.next.take() {
            Some(line) => self.shown = line,
            None if !self.repeated && self.second.is_some() => {}
            None => return None,
        }
        if self.second.is_some() {
            self.repeated = true;
        }
        self.second = Some(second);
        Some(&self.shown)
    }

    /// The moment of the wall clock at which something is due; it may be over.
    pub fn wake(&self, wall: Duration) -> Option<Duration> {
        let waiting = self.next.is_some() || (!self.repeated && self.second.is_some());
        waiting.then(|| match self.second {
            Some(last) if self.tmux => {
                let late = wall + BEFORE >= Duration::from_secs(wall.as_secs() + 1);
                clear((wall.as_secs() + u64::from(late)).max(last + 1))
            }
            _ => Duration::ZERO,
        })
    }
}

/// The moment from which on even a clock that lags is in this second.
fn clear(second: u64) -> Duration {
    Duration::from_secs(second) + AFTER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tmux_gets_the_first_line_again_and_one_line_a_second() {
        let at = |millis| Duration::from_millis(millis);
        let mut pace = Pace::new(true);
        pace.offer(b"a".to_vec());
        assert_eq!(pace.due(at(5_500)), Some(&b"a\n"[..]));
        assert_eq!(pace.due(at(5_900)), None);
        assert_eq!(pace.wake(at(5_900)), Some(at(6_015)));
        assert_eq!(pace.due(at(6_015)), Some(&b"a\n"[..]));
        assert_eq!(pace.wake(at(6_015)), None);
        pace.offer(b"b".to_vec());
        pace.offer(b"c".to_vec());
        assert_eq!(pace.due(at(6_500)), None);
        assert_eq!(pace.due(at(7_015)), Some(&b"c\n"[..]));
        pace.offer(b"c".to_vec());
        assert_eq!(pace.due(at(9_500)), None);
    }

    /// Written 2 ms after the boundary, a line that never changes was drawn by tmux 15 s later.
    #[test]
    fn tmux_gets_no_line_near_a_boundary_of_its_lagging_clock() {
        let at = |millis| Duration::from_millis(millis);
        let mut pace = Pace::new(true);
        pace.offer(b"a".to_vec());
        assert_eq!(pace.due(at(5_999)), Some(&b"a\n"[..]), "the first one at once");
        assert_eq!(pace.due(at(6_002)), None);
        assert_eq!(pace.wake(at(6_002)), Some(at(6_015)));
        assert_eq!(pace.due(at(6_015)), Some(&b"a\n"[..]));
        pace.offer(b"b".to_vec());
        assert_eq!(pace.due(at(7_960)), None);
        assert_eq!(pace.wake(at(7_960)), Some(at(8_015)));
        assert_eq!(pace.due(at(8_020)), Some(&b"b\n"[..]));
        pace.offer(b"c".to_vec());
        assert_eq!(pace.due(at(3_500)), Some(&b"c\n"[..]), "the clock was set back");
    }

    #[test]
    fn other_hosts_get_each_change_at_once() {
        let mut pace = Pace::new(false);
        pace.offer(b"a".to_vec());
        assert_eq!(pace.due(Duration::from_millis(5_100)), Some(&b"a\n"[..]));
        pace.offer(b"b".to_vec());
        assert_eq!(pace.due(Duration::from_millis(5_200)), Some(&b"b\n"[..]));
        assert_eq!(pace.due(Duration::from_millis(5_300)), None);
    }
}
