//! How busy the processors are, from whoever knows best: the daemon that counts every second, the
//! counters of the last call, or a measurement of a tenth of a second for whoever is alone and
//! first.
//!
//! The daemon and the last call are of this machine. Where something else stands in the place of
//! the kernel's counters (a fixture, a test bench), it is read twice, as the peers do.

use std::time::Duration;

use rainline_segments::machine::{Processors, ProcessorsDoor};

use super::counters::between;
use super::state::{self, Counted};
use crate::compat::Call;
use crate::paths;
use rainline_client;
use rainline_client::protocol::{Body, LineRequest, ReplyKind, Request};
use rainline_client::runtime;

/// The shortest stretch that says something, and what is measured where nothing is known: the
/// window of rainbarf.
const WINDOW: Duration = Duration::from_millis(100);
/// After this long the counters of the last call tell of another time.
const OLD: Duration = Duration::from_secs(3600);
/// Seconds by which the boot time of one boot may seem to move when the clock is set.
const SAME_BOOT: u64 = 5;
/// How long something that stands in for the counters may take to answer.
const LIMIT: Duration = Duration::from_secs(5);
/// How long the daemon has to answer.
const TIMEOUT: Duration = Duration::from_millis(60);

/// The busy share from 0 to 1 over the last `seconds`, where they are known, else since the last
/// call; `None` where the counters cannot be read or stand still.
pub fn busy(call: &Call, seconds: u64) -> Option<f64> {
    let live = call.host.counts_for_all();
    if live && let Some(share) = past().and_then(|past| mean(&past, seconds)) {
        return Some(share);
    }
    let mut door = ProcessorsDoor::default();
    let mut now = Processors::default();
    let mut look = |now: &mut Processors| door.glance(call.host, now, LIMIT).ok();
    look(&mut now)?;
    let first = Counted { at: call.host.uptime(), boot: now.boot, times: now.all };
    let known = if live { state::read(call.state.as_deref()).counted } else { Vec::new() };
    let recent = |counted: &&Counted| {
        let age = first.at.saturating_sub(counted.at);
        age >= WINDOW && age < OLD && counted.boot.abs_diff(first.boot) <= SAME_BOOT
    };
    let before = known.iter().rev().find(recent);
    let (share, last) = match before {
        Some(before) => (between(&before.times, &first.times), first),
        None => {
            std::thread::sleep(WINDOW);
            look(&mut now)?;
            let last = Counted { at: call.host.uptime(), boot: now.boot, times: now.all };
            (between(&first.times, &last.times), last)
        }
    };
    if live {
        state::update(call.state.as_deref(), |state| {
            // Of two calls at once the second has nothing new to say.
            let newest = state.counted.last().map_or(Duration::ZERO, |counted| counted.at);
            if newest > last.at || last.at - newest >= WINDOW {
                let keep = state.counted.pop().filter(|counted| counted.at < last.at);
                state.counted = keep.into_iter().chain([last]).collect();
            }
        });
    }
    share
}

/// The mean of the newest readings, back to so many or to a gap.
fn mean(past: &[f64], seconds: u64) -> Option<f64> {
    let wanted = usize::try_from(seconds).unwrap_or(usize::MAX).max(1);
    let newest = past.iter().rev().take(wanted).take_while(|share| share.is_finite());
    let (count, sum) = newest.fold((0_u32, 0.0), |(count, sum), share| (count + 1, sum + share));
    (count > 0).then(|| sum / f64::from(count))
}

/// The busy share in each of the last seconds, oldest first, as the daemon has it; NaN where it has
/// none. `None`: there is no daemon, or it looks at no processor.
pub fn past() -> Option<Vec<f64>> {
    let runtime = runtime::open().ok()?;
    let config = paths::config().filter(|path| path.is_absolute());
    let configs = config.into_iter().map(Some).chain([None]);
    for config in configs {
        let line = LineRequest {
            config: config.unwrap_or_default(),
            line: "tmux".into(),
            target: "plain".into(),
            ..LineRequest::default()
        };
        let request = Request::new(Body::History(line), TIMEOUT);
        match rainline_client::ask(&runtime, &request) {
            Ok((ReplyKind::Text, text)) => {
                if let Some(past) = usage_in(&String::from_utf8_lossy(&text)) {
                    return Some(past);
                }
            }
            Ok(_) => {}
            Err(_) => return None,
        }
    }
    None
}

/// The past of `usage` among the lines of a feed: `NAME KIND FIELD PERCENT …` with tabs between.
fn usage_in(feed: &str) -> Option<Vec<f64>> {
    let mut lines = feed.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let line = lines.find(|line| line.get(1..3) == Some(&["cpu", "usage"]))?;
    let share = |word: &&str| word.parse::<f64>().map_or(f64::NAN, |percent| percent / 100.0);
    Some(line[3..].iter().map(share).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_ends_at_a_gap() {
        let past = [0.9, f64::NAN, 0.2, 0.4];
        assert_eq!(mean(&past, 1), Some(0.4));
        assert!(mean(&past, 60).is_some_and(|share| (share - 0.3).abs() < 1e-9));
        assert_eq!((mean(&[], 9), mean(&[0.5, f64::NAN], 9)), (None, None));
    }

    #[test]
    fn the_usage_is_found_in_a_feed() {
        let feed = "memory\tmemory\tusage\t9\nmine\tcpu\tusage\t50\t-\t25\n";
        let past = usage_in(feed).expect("there");
        assert!((past[0], past[2]) == (0.5, 0.25) && past[1].is_nan());
        assert!(usage_in("").is_none() && usage_in("a\tcpu\n").is_none());
    }
}
