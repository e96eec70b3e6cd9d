//! The door to the processors' counters: how long each has done what since boot.
//!
//! `/proc/stat` where there is one. Elsewhere sysinfo, which knows only how busy a processor was
//! since it was last asked: that is added up into counters of the same shape, so that a source
//! makes differences and nothing else.
//!
//! Guest time is not read: the kernel has already counted it in `user` and `nice` (proc(5)).

use std::path::PathBuf;

use super::{Doors, Kept, Machine};
use crate::base::contract::Error;

/// Processors beyond this number are passed over: the kernel allows 8192 (`NR_CPUS`).
const MAX_CORES: usize = 8192;

/// Time since boot by kind of work, all processors together, in ticks of any one length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    pub user: u64,
    pub nice: u64,
    pub system: u64,
    pub idle: u64,
    /// Idle while some disk was at work. The only one that may go backwards on a sound machine.
    pub iowait: u64,
    /// Hard and soft interrupts.
    pub irq: u64,
    /// Taken by the hypervisor for other guests.
    pub steal: u64,
}

/// One processor's time since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    pub busy: u64,
    /// Idle and waiting for disks.
    pub idle: u64,
}

/// A reading of the counters.
#[derive(Clone, Debug, Default)]
pub struct Processors {
    /// When the machine booted, in seconds of the wall clock; 0 if unknown. Counters of different
    /// boots have nothing to do with each other.
    pub boot: u64,
    /// Whether the kinds of work are told apart; if not, all of it is in `user`.
    pub bands: bool,
    pub all: Times,
    /// By the processor's number; `None` where it is off.
    pub cores: Vec<Option<Load>>,
}

impl Times {
    /// Ticks of work of any kind.
    pub fn busy(&self) -> u64 {
        [self.nice, self.system, self.irq, self.steal]
            .iter()
            .fold(self.user, |a, b| a.saturating_add(*b))
    }
}

/// Keeps what reading the counters again and again needs.
pub struct ProcessorsDoor {
    stat: Kept,
    sysinfo: Option<sysinfo::System>,
}

impl Default for ProcessorsDoor {
    fn default() -> Self {
        ProcessorsDoor { stat: Kept::new("/proc/stat"), sysinfo: None }
    }
}

impl ProcessorsDoor {
    /// Reads the counters into `now`, whose room is used again.
    pub fn read(&mut self, machine: &Machine, now: &mut Processors) -> Result<(), Error> {
        match machine.doors() {
            Doors::Proc => self.read_proc(machine, now),
            Doors::Sysinfo => self.read_sysinfo(now),
        }
    }

    fn read_proc(&mut self, machine: &Machine, now: &mut Processors) -> Result<(), Error> {
        let path = || PathBuf::from("/proc/stat");
        let text = self.stat.read(machine).map_err(|cause| Error::Read { path: path(), cause })?;
        parse(text, now).map_err(|what| Error::Strange { path: path(), what: what.into() })
    }

    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    fn read_sysinfo(&mut self, now: &mut Processors) -> Result<(), Error> {
        /// A processor's time between two readings; usage has two decimals at best.
        const SLICE: f64 = 10_000.0;
        let system = match &mut self.sysinfo {
            Some(system) => system,
            none => {
                let system = sysinfo::System::new().map_err(|error| {
                    Error::Other(format!("The processors cannot be read: {error}."))
                })?;
                none.insert(system)
            }
        };
        system.refresh_cpu_usage();
        now.bands = false;
        now.cores.resize(system.cpus().len().min(MAX_CORES), None);
        for (core, cpu) in now.cores.iter_mut().zip(system.cpus()) {
            let usage = f64::from(cpu.usage());
            let busy =
                if usage.is_finite() { usage.clamp(0.0, 100.0) / 100.0 * SLICE } else { 0.0 };
            let core = core.get_or_insert_default();
            core.busy += busy as u64;
            core.idle += (SLICE - busy) as u64;
        }
        now.all = Times {
            user: now.cores.iter().flatten().map(|core| core.busy).sum(),
            idle: now.cores.iter().flatten().map(|core| core.idle).sum(),
            ..Times::default()
        };
        Ok(())
    }
}

/// Reads the text of `/proc/stat`; an error says what is missing.
fn parse(text: &[u8], now: &mut Processors) -> Result<(), &'static str> {
    now.bands = true;
    now.cores.clear();
    now.boot = 0;
    let mut all = None;
    let mut rest = text;
    // Behind the processors the interrupts stand in a line of thousands of bytes: it is not gone
    // through.
    while let Some(after) = rest.strip_prefix(b"cpu") {
        let end = after.iter().position(|b| *b == b'\n').unwrap_or(after.len());
        let (line, after) = after.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        let digits = line.iter().take_while(|b| b.is_ascii_digit()).count();
        let (number, columns) = line.split_at(digits);
        let Some(times) = times(columns) else { continue };
        if number.is_empty() {
            all = Some(times);
        } else if number.len() <= 4 {
            let number = number.iter().fold(0, |n, b| n * 10 + usize::from(b - b'0'));
            if number < MAX_CORES {
                if number >= now.cores.len() {
                    now.cores.resize(number + 1, None);
                }
                let idle = times.idle.saturating_add(times.iowait);
                now.cores[number] = Some(Load { busy: times.busy(), idle });
            }
        }
    }
    let mut lines = rest.rsplit(|b| *b == b'\n');
    let boot = lines.find_map(|line| line.strip_prefix(b"btime "));
    now.boot = boot.and_then(|rest| Numbers(rest).next()).unwrap_or(0);
    now.all = all.ok_or("no line \"cpu\" with four numbers")?;
    Ok(())
}

/// The columns of a line of `/proc/stat`; the oldest kernels have four.
fn times(columns: &[u8]) -> Option<Times> {
    let mut columns = Numbers(columns);
    let (user, nice) = (columns.next()?, columns.next()?);
    let (system, idle) = (columns.next()?, columns.next()?);
    let mut more = || columns.next().unwrap_or(0);
    let (iowait, hard, soft, steal) = (more(), more(), more(), more());
    Some(Times { user, nice, system, idle, iowait, irq: hard.saturating_add(soft), steal })
}

/// Numbers separated by blanks, up to the first thing that is none; too large ones saturate.
pub(super) struct Numbers<'a>(pub &'a [u8]);

impl Iterator for Numbers<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let mut rest = self.0;
        while let [b' ' | b'\t' | b'\n' | b'\r' | b'\x0c', more @ ..] = rest {
            rest = more;
        }
        let start = rest.len();
        let mut number = 0u64;
        while let [digit @ b'0'..=b'9', more @ ..] = rest {
            number = number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
            rest = more;
        }
        let ends = rest.first().is_none_or(u8::is_ascii_whitespace);
        let found = rest.len() < start && ends;
        self.0 = if found { rest } else { &[] };
        found.then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Processors, &'static str> {
        let mut now = Processors::default();
        parse(text.as_bytes(), &mut now).map(|()| now)
    }

    #[test]
    fn reads_bands_cores_and_boot_time() {
        let now = read(
            "cpu  10 2 3 40 5 6 7 8 9 1\ncpu0 1 1 1 20 2 3 3 4 0 0\ncpu3 9 1 2 20 3 3 4 4 9 1\n\
             intr 9 8 7\nbtime 1700000000\n",
        )
        .expect("well formed");
        let all = Times { user: 10, nice: 2, system: 3, idle: 40, iowait: 5, irq: 13, steal: 8 };
        assert_eq!((now.all, now.boot), (all, 1_700_000_000));
        let load = |busy, idle| Some(Load { busy, idle });
        assert_eq!(now.cores, [load(13, 22), None, None, load(23, 23)]);
    }

    #[test]
    fn what_is_no_stat_is_refused() {
        for text in ["", "\n", "cpu\n", "cpu  1 2 3\n", "cpu  a b c d\n", "\u{0}\u{0}\u{0}"] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn absurd_numbers_saturate_and_absurd_processors_are_passed_over() {
        let now = read(
            "cpu  99999999999999999999999 1 1 1\ncpu99999 1 1 1 1\ncpu9999 1 1 1 1\ncpu0 1 x 1 1\n",
        )
        .expect("has a first line");
        assert_eq!(now.all.user, u64::MAX);
        assert!(now.cores.is_empty());
    }

    #[test]
    fn four_thousand_processors_are_read() {
        let mut text = String::from("cpu  1 1 1 1 1 1 1 1 0 0\n");
        (0..4096).for_each(|n| text.push_str(&format!("cpu{n} {n} 0 0 1 0 0 0 0 0 0\n")));
        let now = read(&text).expect("well formed");
        assert_eq!(now.cores.len(), 4096);
        assert_eq!(now.cores[4095], Some(Load { busy: 4095, idle: 1 }));
    }

    /// Both doors look at the machine we run on: the same processors, counters that only grow.
    #[test]
    fn sysinfo_sees_the_same_processors_as_proc() {
        let machine = Machine::real();
        let mut door = ProcessorsDoor::default();
        let (mut other, mut proc) = (Processors::default(), Processors::default());
        door.read_sysinfo(&mut other).expect("sysinfo");
        assert!(!other.cores.is_empty() && !other.bands);
        let before = other.all;
        door.read_sysinfo(&mut other).expect("sysinfo");
        assert!(other.all.busy() + other.all.idle > before.busy() + before.idle);
        if door.read_proc(&machine, &mut proc).is_ok() {
            assert_eq!(proc.cores.iter().flatten().count(), other.cores.len());
        }
    }
}
