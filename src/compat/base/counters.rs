//! How busy the processors were between two readings of their counters.
//!
//! Waiting for a disk is idle; interrupts and what the hypervisor took are busy; a guest's time is
//! counted once (the kernel has it in `user` already).

use rainline_segments::machine::Times;

/// The busy share between two readings, from 0 to 1; `None` where no tick passed, or a counter went
/// back.
pub fn between(then: &Times, now: &Times) -> Option<f64> {
    let busy = now.busy().checked_sub(then.busy())?;
    let idle = now.idle.checked_sub(then.idle)?;
    // The one counter that may shrink on a sound machine.
    let idle = idle.saturating_add(now.iowait.saturating_sub(then.iowait));
    let all = busy.saturating_add(idle);
    // Taken from one, as the peers take it, so that a bar changes where theirs does.
    (all > 0).then(|| 1.0 - idle as f64 / all as f64)
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
    fn frozen_counters_and_those_that_went_back_say_nothing() {
        assert_eq!(busy(Times { user: 100, system: 50, idle: 850, ..Times::default() }), None);
        assert_eq!(busy(Times::default()), None);
    }
}
