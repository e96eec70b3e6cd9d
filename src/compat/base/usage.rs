//! How busy the processors are: by the daemon, which counts every second, by the counters of the
//! last call, or by a measurement of a tenth of a second where there is neither.
//!
//! The daemon and the last call know this machine only. A fixture is read twice, as the peers do.
//!
//! Waiting for a disk is idle; interrupts and what the hypervisor took are busy; a guest's time is
//! counted once (the kernel has it in `user` already).

use std::time::Duration;

use rainline_segments::base::rate::SAME_BOOT;
use rainline_segments::machine::{Processors, ProcessorsReader, Times};

use super::peer::Call;
use super::state::{self, Counted};
use rainline_client::protocol::{Body, LineRequest, ReplyKind, Request};
use rainline_client::runtime;

use crate::paths;

/// The shortest time that is measured over: the window of rainbarf.
const WINDOW: Duration = Duration::from_millis(100);
/// Counters of a call before this are not compared with.
const TOO_OLD: Duration = Duration::from_secs(3600);
/// How long the daemon has to answer.
const DAEMON_TIMEOUT: Duration = Duration::from_millis(60);

/// The busy share between two readings of the counters, from 0 to 1; `None` where no tick passed, or
/// a counter went back.
pub fn between(then: &Times, now: &Times) -> Option<f64> {
    let busy = now.busy().checked_sub(then.busy())?;
    let idle = now.idle.checked_sub(then.idle)?;
    // The one counter that may shrink on a sound machine.
    let idle = idle.saturating_add(now.iowait.saturating_sub(then.iowait));
    let all = busy.saturating_add(idle);
    // Taken from one, as the peers take it, so that a bar changes where theirs does.
    (all > 0).then(|| 1.0 - idle as f64 / all as f64)
}

/// The busy share from 0 to 1 over the last `seconds`, where the daemon knows them, else since the
/// last call; `None` where the counters cannot be read or stand still.
pub fn busy(call: &Call, seconds: u64) -> Option<f64> {
    let is_real = call.machine.is_real();
    if is_real && let Some(share) = daemon_history().and_then(|history| mean(&history, seconds)) {
        return Some(share);
    }
    let mut reader = ProcessorsReader::default();
    let mut counters = Processors::default();
    let mut read = || {
        reader.read(call.machine, &mut counters).ok()?;
        Some(Counted { at: call.machine.uptime(), boot: counters.boot, times: counters.all })
    };
    let first = read()?;
    let kept = if is_real { state::read(call.state.as_deref()).readings } else { Vec::new() };
    let is_recent = |kept: &&Counted| {
        let age = first.at.saturating_sub(kept.at);
        (WINDOW..TOO_OLD).contains(&age) && kept.boot.abs_diff(first.boot) <= SAME_BOOT
    };
    let (before, last) = match kept.iter().rev().find(is_recent) {
        Some(before) => (*before, first),
        None => {
            std::thread::sleep(WINDOW);
            (first, read()?)
        }
    };
    if is_real {
        state::update(call.state.as_deref(), |state| {
            // Of two calls at once the second has nothing new to keep.
            let newest = state.readings.last().map_or(Duration::ZERO, |newest| newest.at);
            if newest > last.at || last.at.saturating_sub(newest) >= WINDOW {
                let older = state.readings.pop().filter(|newest| newest.at < last.at);
                state.readings = older.into_iter().chain([last]).collect();
            }
        });
    }
    between(&before.times, &last.times)
}

/// The mean of the newest readings, back to so many or to a gap.
fn mean(history: &[f64], seconds: u64) -> Option<f64> {
    let wanted = usize::try_from(seconds).unwrap_or(usize::MAX).max(1);
    let newest = history.iter().rev().take(wanted).take_while(|share| share.is_finite());
    let (count, sum) = newest.fold((0_u32, 0.0), |(count, sum), share| (count + 1, sum + share));
    (count > 0).then(|| sum / f64::from(count))
}

/// The busy share in each of the last seconds, oldest first, as the daemon has it; NaN where it has
/// none. `None`: no daemon runs, or none of its lines shows the processors.
pub fn daemon_history() -> Option<Vec<f64>> {
    let runtime = runtime::open().ok()?;
    let config = paths::config().filter(|path| path.is_absolute());
    // The user's config, then the default one.
    for config in config.into_iter().map(Some).chain([None]) {
        let line = LineRequest {
            config: config.unwrap_or_default(),
            line: "tmux".into(),
            target: "plain".into(),
            ..LineRequest::default()
        };
        let request = Request::new(Body::History(line), DAEMON_TIMEOUT);
        let (kind, text) = rainline_client::ask(&runtime, &request).ok()?;
        if matches!(kind, ReplyKind::Text)
            && let Some(history) = usage_in(&String::from_utf8_lossy(&text))
        {
            return Some(history);
        }
    }
    None
}

/// The history of `usage` among the lines of a feed: `NAME KIND FIELD PERCENT …` with tabs between.
fn usage_in(feed: &str) -> Option<Vec<f64>> {
    let mut lines = feed.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let line = lines.find(|line| line.get(1..3) == Some(&["cpu", "usage"]))?;
    let share = |word: &&str| word.parse::<f64>().map_or(f64::NAN, |percent| percent / 100.0);
    Some(line[3..].iter().map(share).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(now: Times) -> Option<f64> {
        let then = Times { user: 100, system: 50, idle: 850, ..Times::default() };
        between(&then, &now)
    }

    #[test]
    fn every_mix_of_ticks_has_its_true_share() {
        let base = Times { user: 100, system: 50, idle: 860, ..Times::default() };
        let mixes = [
            (Times { iowait: 90, ..base }, 0.0),
            (Times { irq: 90, ..base }, 0.9),
            (Times { steal: 90, ..base }, 0.9),
            (Times { nice: 90, ..base }, 0.9),
            // 90 of these are a guest's as well.
            (Times { user: 190, ..base }, 0.9),
        ];
        for (now, share) in mixes {
            assert_eq!(busy(now), Some(share), "{now:?}");
        }
        assert_eq!(busy(Times { user: 150, system: 60, idle: 940, ..base }), Some(0.4));
    }

    #[test]
    fn frozen_counters_and_those_that_went_back_have_no_share() {
        assert_eq!(busy(Times { user: 100, system: 50, idle: 850, ..Times::default() }), None);
        assert_eq!(busy(Times::default()), None);
    }

    #[test]
    fn a_mean_ends_at_a_gap() {
        let history = [0.9, f64::NAN, 0.2, 0.4];
        assert_eq!(mean(&history, 1), Some(0.4));
        assert!(mean(&history, 60).is_some_and(|share| (share - 0.3).abs() < 1e-9));
        assert_eq!((mean(&[], 9), mean(&[0.5, f64::NAN], 9)), (None, None));
    }

    #[test]
    fn the_usage_is_found_in_a_feed() {
        let feed = "memory\tmemory\tusage\t9\nmine\tcpu\tusage\t50\t-\t25\n";
        let history = usage_in(feed).expect("there");
        assert!((history[0], history[2]) == (0.5, 0.25) && history[1].is_nan());
        assert!(usage_in("").is_none() && usage_in("a\tcpu\n").is_none());
    }
}
