//! The usage of the processors between two readings of their counters, in percent.
//!
//! - Waiting for a disk is idle time: the processor would run anything else meanwhile.
//! - A guest's time is the host's user time, counted once.
//! - Where the counters stand still, hardly moved or went backwards (frozen file, processor taken
//!   away, checkpoint restored), the last usage stays: it is the latest that is known to be true.

use std::fmt::Write;
use std::sync::Arc;

use super::contract::Error;
use super::rate::{SAME_BOOT, growth};
use crate::machine::{CoreTimes, Machine, Processors, Times};

/// Ticks that must pass in all before their shares say something: at the usual 100 a second and two
/// processors this is a twentieth of a second, and steps of ten percent.
const ENOUGH: u64 = 10;

/// The usage as of the last reading, and what the next one is compared with.
#[derive(Default)]
pub struct CpuUsage {
    now: Arc<Processors>,
    /// The reading that the next one is compared with.
    before: Option<Arc<Processors>>,
    /// The last true shares.
    bands: Option<Bands>,
    /// The last true usage of each processor in percent, by number.
    cores: Vec<Option<f64>>,
}

/// Shares of all time, in percent.
#[derive(Clone, Copy, Debug)]
pub struct Bands {
    pub user: f64,
    pub nice: f64,
    pub system: f64,
    pub irq: f64,
    pub steal: f64,
    /// Idle while some disk was at work; no part of the usage.
    pub iowait: f64,
}

impl Bands {
    /// All that is no idling, in percent.
    pub fn usage(&self) -> f64 {
        self.user + self.nice + self.system + self.irq + self.steal
    }
}

impl CpuUsage {
    /// Reads the counters and compares them with the reading before.
    pub fn read(&mut self, machine: &Machine) -> Result<(), Error> {
        self.now = machine.processor_times()?;
        self.compare();
        Ok(())
    }

    /// How many processors are on.
    pub fn count(&self) -> usize {
        self.now.cores.iter().flatten().count()
    }

    /// Whether the kinds of work are known.
    pub fn tells_bands(&self) -> bool {
        self.now.bands
    }

    /// `None` before there were two readings.
    pub fn bands(&self) -> Option<Bands> {
        self.bands
    }

    /// The usage of each processor in percent, by its number; `None` where it is off or unknown.
    pub fn cores(&self) -> &[Option<f64>] {
        &self.cores
    }

    /// `1 BOOT` and the counters of [`Times`], then ` NUMBER:BUSY:IDLE` of each processor.
    pub fn save(&self) -> Option<String> {
        let Processors { boot, bands: true, all, cores } = self.before.as_deref()? else {
            // What sysinfo counts begins anew in each process.
            return None;
        };
        let Times { user, nice, system, idle, iowait, irq, steal } = all;
        let mut saved = format!("1 {boot} {user} {nice} {system} {idle} {iowait} {irq} {steal}");
        for (number, core) in cores.iter().enumerate() {
            if let Some(CoreTimes { busy, idle }) = core {
                // Writing to a String cannot fail.
                let _ = write!(saved, " {number}:{busy}:{idle}");
            }
        }
        Some(saved)
    }

    /// Takes over what [`CpuUsage::save`] gave; anything else is ignored.
    pub fn restore(&mut self, saved: &str) {
        if self.before.is_none() {
            self.before = parse_saved(saved).map(Arc::new);
        }
    }

    /// Takes the shares from the difference to the reading before, where there is one.
    fn compare(&mut self) {
        let Some(before) = &mut self.before else {
            self.before = Some(self.now.clone());
            return;
        };
        let (then, now) = (&before.all, &self.now.all);
        if before.boot.abs_diff(self.now.boot) > SAME_BOOT || went_back(then, now) {
            before.clone_from(&self.now);
            return;
        }
        let grown = Times {
            user: growth(then.user, now.user),
            nice: growth(then.nice, now.nice),
            system: growth(then.system, now.system),
            idle: growth(then.idle, now.idle),
            iowait: growth(then.iowait, now.iowait),
            irq: growth(then.irq, now.irq),
            steal: growth(then.steal, now.steal),
        };
        let Times { user, nice, system, idle, iowait, irq, steal } = grown;
        let all = [user, nice, system, idle, iowait, irq, steal].map(|ticks| ticks as f64);
        let all: f64 = all.iter().sum();
        if all < ENOUGH as f64 {
            // Too short: the next reading is compared with the same one.
            return;
        }
        let share = |ticks: u64| 100.0 * ticks as f64 / all;
        self.bands = Some(Bands {
            user: share(user),
            nice: share(nice),
            system: share(system),
            irq: share(irq),
            steal: share(steal),
            iowait: share(iowait),
        });
        self.cores.resize(self.now.cores.len(), None);
        for (number, usage) in self.cores.iter_mut().enumerate() {
            let then = before.cores.get(number).copied().flatten();
            *usage = match (then, self.now.cores[number]) {
                (_, None) => None,
                (Some(then), Some(now)) => usage_of(then, now).or(*usage),
                (None, Some(_)) => *usage,
            };
        }
        before.clone_from(&self.now);
    }
}

/// Whether a counter that only grows has shrunk. `iowait` may: processors hand it to each other.
fn went_back(then: &Times, now: &Times) -> bool {
    now.user < then.user
        || now.nice < then.nice
        || now.system < then.system
        || now.idle < then.idle
        || now.irq < then.irq
        || now.steal < then.steal
}

/// One processor's usage in percent, if its counters moved forwards.
fn usage_of(then: CoreTimes, now: CoreTimes) -> Option<f64> {
    if now.busy < then.busy {
        return None;
    }
    let busy = (now.busy - then.busy) as f64;
    let all = busy + growth(then.idle, now.idle) as f64;
    (all > 0.0).then(|| 100.0 * busy / all)
}

/// Reads what [`CpuUsage::save`] wrote; `None` if it is anything else.
fn parse_saved(saved: &str) -> Option<Processors> {
    let mut words = saved.split(' ');
    if words.next() != Some("1") {
        return None;
    }
    let mut number = || words.next()?.parse().ok();
    let boot = number()?;
    let all = Times {
        user: number()?,
        nice: number()?,
        system: number()?,
        idle: number()?,
        iowait: number()?,
        irq: number()?,
        steal: number()?,
    };
    let mut cores = Vec::new();
    for word in words {
        let (number, load) = word.split_once(':')?;
        let (busy, idle) = load.split_once(':')?;
        let number: u16 = number.parse().ok()?;
        let number = usize::from(number);
        if number >= cores.len() {
            cores.resize(number + 1, None);
        }
        cores[number] = Some(CoreTimes { busy: busy.parse().ok()?, idle: idle.parse().ok()? });
    }
    Some(Processors { boot, bands: true, all, cores })
}
