//! `/proc/stat`. Guest time is not read: the kernel has already counted it in `user` and `nice`
//! (proc(5)).

use super::numbers::Numbers;
use crate::machine::processors::MAX_CORES;
use crate::machine::{CachedFile, CoreTimes, Error, Machine, Processors, Times};

const PATH: &str = "/proc/stat";

/// The file, kept open.
pub struct Stat(CachedFile);

impl Default for Stat {
    fn default() -> Self {
        Stat(CachedFile::new(PATH))
    }
}

impl Stat {
    pub fn read(&mut self, machine: &Machine, now: &mut Processors) -> Result<(), Error> {
        let strange = |what: &str| Error::Strange { path: PATH.into(), what: what.into() };
        parse(self.0.text(machine)?, now).map_err(strange)
    }
}

/// Reads the text of `/proc/stat`; an error says what is missing.
pub fn parse(text: &[u8], now: &mut Processors) -> Result<(), &'static str> {
    now.bands = true;
    now.cores.clear();
    now.boot = 0;
    let mut all = None;
    let mut rest = text;
    // The processors come first; the line of interrupts behind them has thousands of bytes and is
    // skipped.
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
                now.cores[number] = Some(CoreTimes { busy: times.busy(), idle });
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
        let load = |busy, idle| Some(CoreTimes { busy, idle });
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
        assert_eq!(now.cores[4095], Some(CoreTimes { busy: 4095, idle: 1 }));
    }
}
