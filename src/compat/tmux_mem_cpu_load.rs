//! `tmux-mem-cpu-load`: memory, processors and load in one line for tmux.

mod colours;
mod options;

use std::num::NonZero;

use rainline_segments::machine::{Averages, Meminfo, MemoryReader};

use self::colours::{CPU, LOAD, MEMORY};
use self::options::{Colouring, Options, Refused, parse};
use super::base::peer::{Call, Deviation, Peer, Printed};
use super::base::usage::busy;

pub(super) static PEER: Peer = Peer {
    name: "tmux-mem-cpu-load",
    about: "memory, processors and load in one line for tmux",
    link: true,
    deviations: &[
        Deviation {
            case: "waiting",
            peer: "blocks for the whole interval, each time",
            ours: "the first call measures for 0.1 s, and none does while the daemon runs",
        },
        Deviation {
            case: "time in iowait, irq, softirq, steal",
            peer: "not counted: 0.0 % of a processor that serves interrupts",
            ours: "waiting for disks is idle, the rest is busy",
        },
        Deviation { case: "no tick between the readings", peer: "`-nan%`", ours: "`0.0%`" },
        Deviation {
            case: "a meminfo with more cache than memory in use (LXC)",
            peer: "`4193620/3906MB`, and a crash with `-c`",
            ours: "what is not available, at least 0",
        },
        Deviation { case: "an empty meminfo", peer: "an exception", ours: "`0/0MB`" },
        Deviation { case: "no load to be read", peer: "`0.00 0.00 0.00`", ours: "no load" },
        Deviation { case: "`-a 0`", peer: "a NUL byte in the line", ours: "nothing in its place" },
    ],
    run,
};

const HELP: &str = "\
Usage: tmux-mem-cpu-load [OPTIONS]
Memory, processors and load for tmux's status line.

  -h, --help                  this
  -i, --interval N            seconds to look back (1)
  -g, --graph-lines N         cells of the bar (10), 0: none
  -v, --vertical-graph        one upright bar
  -m, --mem-mode 0|1|2        used and total, free, percent
  -t, --cpu-mode 0|1          of all processors, or each counts 100
  -a, --averages-count 0..3   how many load averages
  -c, --colors                colours
  -p, --powerline-left        colours, with arrows to the right
  -q, --powerline-right       colours, with arrows to the left
  -l, --segments-left N       colour at the left of the line
  -r, --segments-right N      colour at the right of the line
";

fn run(call: &mut Call) -> Printed {
    let options = match parse(call.words) {
        Ok(options) => options,
        Err(Refused::Wrong(message)) => return Printed::wrong("", message),
        Err(Refused::Help(message)) => return Printed::wrong(format!("{message}{HELP}"), ""),
    };
    let meminfo = MemoryReader::default().read(call.machine).unwrap_or_default();
    let busy = busy(call, options.interval).unwrap_or(0.0);
    let load = call.machine.load().ok().flatten();
    let usable = || std::thread::available_parallelism().ok().map(NonZero::get);
    let count = call.machine.processors().or_else(usable).unwrap_or(1).max(1) as f64;
    Printed::line(line(&options, &meminfo, percent(busy), load, count))
}

/// A share in percent, with the peer's short floating point: 29 of 100 are 29, not a hair less.
fn percent(share: f64) -> f32 {
    (f64::from(share as f32) * 100.0) as f32
}

fn line(
    options: &Options,
    meminfo: &Meminfo,
    cpu: f32,
    load: Option<Averages>,
    count: f64,
) -> String {
    let (used, total) = used_of(meminfo);
    let memory = memory(options, used, total);
    let graph = graph(options, cpu as u64);
    let shown = if options.each { cpu * count as f32 } else { cpu };
    let cpu_text = format!("{graph}{shown:6.1}%");
    let averages = load.map(|load| [load.one, load.five, load.fifteen]).unwrap_or_default();
    let known = if load.is_some() { options.averages } else { 0 };
    let loads: String = averages[..known].iter().map(|average| format!(" {average:.2}")).collect();
    if options.colouring == Colouring::Plain {
        return format!("{memory}{cpu_text}{loads}");
    }
    let share = if total > 0.0 { 100.0 * used / total } else { 0.0 };
    // What precedes the text, its style with the background, the text.
    let mut parts = vec![(" ", MEMORY.at(share), memory), ("", CPU.at(cpu), cpu_text)];
    if known > 0 {
        parts.push(("", LOAD.at((averages[0] / count * 50.0) as f32), loads));
    }
    const RESET: &str = "#[fg=default,bg=default]";
    const RIGHT: char = '\u{e0b0}';
    const LEFT: char = '\u{e0b2}';
    let mut out = String::new();
    let first = &parts[0].1;
    let last = &parts[parts.len() - 1].1;
    match options.colouring {
        Colouring::Plain | Colouring::Colours => {
            parts.iter().for_each(|(_, (style, _), text)| out += &format!("{style}{text}{RESET}"));
        }
        Colouring::Left => {
            if let Some(left) = options.left {
                out += &format!("{}#[fg=colour{left}]{RIGHT}", first.0);
            }
            for (at, (lead, (style, back), text)) in parts.iter().enumerate() {
                out += &format!("{style}{lead}{text} #[fg=colour{back}]");
                if let Some((_, (_, next), _)) = parts.get(at + 1) {
                    out += &format!("#[bg=colour{next}]{RIGHT}");
                }
            }
            out += &match (options.right, last) {
                (Some(right), (style, back)) => {
                    format!("#[fg=colour{back}]#[bg=colour{right}]{RIGHT}{style}")
                }
                (None, _) => format!("#[bg=default]{RIGHT}{RESET}"),
            };
        }
        Colouring::Right => {
            out += &match options.left {
                Some(left) => format!("#[fg=colour{}] #[bg=colour{left}]{LEFT}", first.1),
                None => format!("#[bg=default] #[fg=colour{}]{LEFT}", first.1),
            };
            for (at, (lead, (style, _), text)) in parts.iter().enumerate() {
                out += &format!("{style}{lead}{text}");
                if let Some((_, (_, next), _)) = parts.get(at + 1) {
                    out += &format!(" #[fg=colour{next}]{LEFT}");
                }
            }
            if let Some(right) = options.right {
                out += &format!("{style}#[fg=colour{right}] {LEFT}{style}", style = last.0);
            }
        }
    }
    out
}

/// Used and total memory in megabytes, with the peer's short floating point.
fn used_of(meminfo: &Meminfo) -> (f32, f32) {
    let kilobytes = |bytes: Option<u64>| bytes.unwrap_or(0) / 1024;
    let total = kilobytes(meminfo.total);
    let taken = total.saturating_sub(kilobytes(meminfo.free)) + kilobytes(meminfo.shmem);
    let given_back =
        [meminfo.buffers, meminfo.cached, meminfo.reclaimable].map(kilobytes).iter().sum::<u64>();
    let used = taken.checked_sub(given_back).filter(|used| *used <= total);
    // Numbers that contradict each other: what the kernel itself counts as available.
    let used = used.unwrap_or_else(|| match meminfo.available {
        Some(_) => total.saturating_sub(kilobytes(meminfo.available)),
        None => 0,
    });
    (used as f32 / 1024.0, total as f32 / 1024.0)
}

fn memory(options: &Options, used: f32, total: f32) -> String {
    match options.memory {
        1 => {
            let free = total - used;
            match free / 1024.0 {
                gigabytes if gigabytes >= 1.0 => format!("{gigabytes:.2}GB"),
                _ => format!("{free:.2}MB"),
            }
        }
        2 if total == 0.0 => "0.00%".into(),
        2 => format!("{:.2}%", percent(f64::from(used / total))),
        _ => {
            let whole = |number: f32| number as u64;
            // Exactly 10 000 is neither.
            match () {
                () if used > 10_000.0 => {
                    format!("{}/{}GB", whole(used / 1024.0), whole(total / 1024.0))
                }
                () if used < 10_000.0 && total > 10_000.0 => {
                    format!("{}MB/{}GB", whole(used), whole(total / 1024.0))
                }
                () => format!("{}/{}MB", whole(used), whole(total)),
            }
        }
    }
}

fn graph(options: &Options, percent: u64) -> String {
    const UPRIGHT: [char; 10] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█', '▲'];
    if options.upright {
        return format!("▕{}▏", UPRIGHT[(percent / 10).min(9) as usize]);
    }
    if options.cells == 0 {
        return String::new();
    }
    let filled = (percent as f64 / 99.9 * options.cells as f64) as usize;
    let filled = filled.min(options.cells);
    format!(" [{:<1$}]", "|".repeat(filled), options.cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &str) -> Option<Options> {
        parse(&words.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).ok()
    }

    #[test]
    fn a_line_without_a_load_ends_as_it_should() {
        let kilobytes = |number: u64| Some(number * 1024);
        let meminfo = Meminfo { total: kilobytes(4), free: kilobytes(4), ..Meminfo::default() };
        let load = Some(Averages { one: 1.0, five: 1.0, fifteen: 1.0, tasks: None });
        let drawn = |words: &str| line(&parsed(words).expect("known"), &meminfo, 40.0, load, 2.0);
        let (m, c) = ("#[fg=brightwhite,bg=colour16]", "#[fg=brightwhite,bg=colour21]");
        let reset = "#[fg=default,bg=default]";
        assert_eq!(drawn("-g0 -a0"), "0/0MB  40.0%");
        assert_eq!(drawn("-g0 -a0 -c"), format!("{m}0/0MB{reset}{c}  40.0%{reset}"));
        assert!(
            drawn("-g0 -a0 -p")
                .ends_with(&format!("{c}  40.0% #[fg=colour21]#[bg=default]\u{e0b0}{reset}"))
        );
        assert!(drawn("-g0 -a0 -q").ends_with(&format!("\u{e0b2}{c}  40.0%")));
    }

    #[test]
    fn memory_changes_its_unit_where_the_peer_does() {
        let shown = |words: &str, used: u16, total: u16| {
            memory(&parsed(words).expect("known"), used.into(), total.into())
        };
        assert_eq!(shown("", 9999, 16_000), "9999MB/15GB");
        assert_eq!(shown("", 10_000, 16_000), "10000/16000MB");
        assert_eq!(shown("", 10_001, 16_000), "9/15GB");
        assert_eq!(shown("", 5000, 10_000), "5000/10000MB");
        assert_eq!([shown("-m1", 0, 1023), shown("-m1", 0, 1024)], ["1023.00MB", "1.00GB"]);
        assert_eq!(shown("-m2", 1, 3), "33.33%");
    }

    #[test]
    fn bars_have_their_width() {
        let bar = |words: &str, percent| graph(&parsed(words).expect("known"), percent);
        assert_eq!(bar("", 40), " [||||      ]");
        assert_eq!(bar("", 100), " [||||||||||]");
        assert_eq!(bar("-g 2000", 100).len(), 2003);
        assert_eq!((bar("-g 0", 40), bar("-v", 9)), (String::new(), "▕ ▏".into()));
        assert_eq!((bar("-v -g 3", 89), bar("-v", 100)), ("▕█▏".into(), "▕▲▏".into()));
    }

    #[test]
    fn contradicting_numbers_are_no_underflow() {
        let kilobytes = |number: u64| Some(number * 1024);
        let container = Meminfo {
            total: kilobytes(4_000_000),
            free: kilobytes(2_000_000),
            cached: kilobytes(2_500_000),
            available: kilobytes(11_000_000),
            ..Meminfo::default()
        };
        assert_eq!(used_of(&container), (0.0, 3906.25));
        let available = kilobytes(3_000_000);
        assert_eq!(used_of(&Meminfo { available, ..container }), (976.5625, 3906.25));
        assert_eq!(used_of(&Meminfo::default()), (0.0, 0.0));
    }
}
