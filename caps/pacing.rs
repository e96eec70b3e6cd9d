//! When a line of a stream may be written. Shared by the client, which writes, and the daemon, which
//! wakes it only then.

use std::time::Duration;

/// How a host takes the lines of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// Each line as it comes.
    Immediate,
    /// tmux: at most one line in each second of the wall clock, and none in the second in which the
    /// job started.
    OncePerSecond,
}

impl Pacing {
    /// Until when a line has to wait at this moment of the wall clock, if it has to; `last` is the
    /// second of the one before.
    pub fn hold(self, last: Option<u64>, wall: Duration) -> Option<Duration> {
        let last = last.filter(|_| self == Pacing::OncePerSecond)?;
        let second = wall.as_secs();
        let is_late = wall + BEFORE >= Duration::from_secs(second + 1);
        // Equal, not earlier: a clock set back must not silence the stream.
        let is_taken = second == last;
        let held = is_taken || is_late || wall < clear(second);
        held.then(|| clear(second + u64::from(is_taken || is_late)))
    }
}

/// tmux's clock lags: `time()` is as old as the kernel's last tick, up to a hundredth of a second. A
/// line written right after a boundary would count for the second before.
pub const AFTER: Duration = Duration::from_millis(15);
/// A line written this shortly before a boundary may be read after it and count for the next second.
const BEFORE: Duration = Duration::from_millis(50);

/// Holds the newest line back until its host takes it.
pub struct Pacer {
    pacing: Pacing,
    /// The newest line, with its newline, until it is written.
    next: Option<Vec<u8>>,
    /// The line written last.
    shown: Vec<u8>,
    /// The second of the last write.
    second: Option<u64>,
    /// Whether the first line was written again. tmux drops it if its second is the job's first.
    repeated: bool,
}

impl Pacer {
    /// With nothing to write yet.
    pub fn new(pacing: Pacing) -> Self {
        let repeated = pacing == Pacing::Immediate;
        Pacer { pacing, next: None, shown: Vec::new(), second: None, repeated }
    }

    /// Takes a line that should be shown; the newest wins.
    pub fn offer(&mut self, mut line: Vec<u8>) {
        line.push(b'\n');
        self.next = (line != self.shown).then_some(line);
    }

    /// The line to write at this moment of the wall clock, if any.
    pub fn due(&mut self, wall: Duration) -> Option<&[u8]> {
        if self.pacing.hold(self.second, wall).is_some() {
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
        self.second = Some(wall.as_secs());
        Some(&self.shown)
    }

    /// The moment of the wall clock at which something is due; it may have passed.
    pub fn wake(&self, wall: Duration) -> Option<Duration> {
        let waiting = self.next.is_some() || (!self.repeated && self.second.is_some());
        waiting.then(|| self.pacing.hold(self.second, wall).unwrap_or_default())
    }
}

/// The moment from which on even a lagging clock is in this second.
fn clear(second: u64) -> Duration {
    Duration::from_secs(second) + AFTER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tmux_gets_the_first_line_again_and_one_line_a_second() {
        let at = |millis| Duration::from_millis(millis);
        let mut pacer = Pacer::new(Pacing::OncePerSecond);
        pacer.offer(b"a".to_vec());
        assert_eq!(pacer.due(at(5_500)), Some(&b"a\n"[..]));
        assert_eq!(pacer.due(at(5_900)), None);
        assert_eq!(pacer.wake(at(5_900)), Some(at(6_015)));
        assert_eq!(pacer.due(at(6_015)), Some(&b"a\n"[..]));
        assert_eq!(pacer.wake(at(6_015)), None);
        pacer.offer(b"b".to_vec());
        pacer.offer(b"c".to_vec());
        assert_eq!(pacer.due(at(6_500)), None);
        assert_eq!(pacer.due(at(7_015)), Some(&b"c\n"[..]));
        pacer.offer(b"c".to_vec());
        assert_eq!(pacer.due(at(9_500)), None);
    }

    /// Written 2 ms after the boundary, a line that never changes was drawn by tmux 15 s later.
    #[test]
    fn tmux_gets_no_line_near_a_boundary_of_its_lagging_clock() {
        let at = |millis| Duration::from_millis(millis);
        let mut pacer = Pacer::new(Pacing::OncePerSecond);
        pacer.offer(b"a".to_vec());
        assert_eq!(pacer.due(at(5_999)), Some(&b"a\n"[..]), "the first one at once");
        assert_eq!(pacer.due(at(6_002)), None);
        assert_eq!(pacer.wake(at(6_002)), Some(at(6_015)));
        assert_eq!(pacer.due(at(6_015)), Some(&b"a\n"[..]));
        pacer.offer(b"b".to_vec());
        assert_eq!(pacer.due(at(7_960)), None);
        assert_eq!(pacer.wake(at(7_960)), Some(at(8_015)));
        assert_eq!(pacer.due(at(8_020)), Some(&b"b\n"[..]));
        pacer.offer(b"c".to_vec());
        assert_eq!(pacer.due(at(3_500)), Some(&b"c\n"[..]), "the clock was set back");
    }

    #[test]
    fn other_hosts_get_each_change_at_once() {
        let mut pacer = Pacer::new(Pacing::Immediate);
        pacer.offer(b"a".to_vec());
        assert_eq!(pacer.due(Duration::from_millis(5_100)), Some(&b"a\n"[..]));
        pacer.offer(b"b".to_vec());
        assert_eq!(pacer.due(Duration::from_millis(5_200)), Some(&b"b\n"[..]));
        assert_eq!(pacer.due(Duration::from_millis(5_300)), None);
    }
}
