//! `rainbarf`: the processors' history over the memory's classes, in one chart, and the battery.

mod config;
mod history;
mod memory;
mod options;
mod storable;
mod style;

use std::path::PathBuf;

use rainline_segments::machine::MemoryReader;

use self::memory::{Memory, cells, memory};
use self::options::Options;
use self::style::Style;
use super::base::peer::{Call, Deviation, Peer, Printed};
use super::base::power::{Power, power};
use super::spark::TICKS;

pub(super) static PEER: Peer = Peer {
    name: "rainbarf",
    about: "the processors' history over the memory's classes, and the battery",
    link: true,
    deviations: &[
        Deviation {
            case: "memory whose cache is counted twice, so that `wired` is below nothing",
            peer: "too many cells, and the cache loses its own",
            ours: "classes that add up to all there is, each with its share of cells",
        },
        Deviation {
            case: "cells that round to fewer than the width",
            peer: "a shorter chart",
            ours: "the width",
        },
        Deviation {
            case: "an empty meminfo",
            peer: "no chart",
            ours: "the chart in the default colours",
        },
        Deviation { case: "time in iowait", peer: "busy", ours: "idle" },
        Deviation { case: "a guest's time", peer: "counted twice", ours: "counted once" },
        Deviation {
            case: "the processors' sample",
            peer: "0.1 s of each interval, asleep",
            ours: "all of the interval; only the first call measures for 0.1 s",
        },
        Deviation {
            case: "no tick between the readings",
            peer: "a division by zero, no line",
            ours: "the last sample again",
        },
        Deviation {
            case: "`--rgb` with the battery at 50 %",
            peer: "a crash on a terminal, black in tmux",
            ours: "yellow",
        },
        Deviation {
            case: "several batteries",
            peer: "the first",
            ours: "all, weighed by what they hold",
        },
        Deviation { case: "more than a day left", peer: "hours modulo 24", ours: "the hours" },
        Deviation {
            case: "`skip=0`, `width=`, `bolt=1`, `bolt=0` in the config",
            peer: "a usage error; `bolt=0` puts it on",
            ours: "as they are meant",
        },
        Deviation {
            case: "`fg=#ff8800` in the config",
            peer: "a usage error: the colour is a comment",
            ours: "the colour",
        },
        Deviation {
            case: "the same rank twice in `--order`",
            peer: "any order, another each time",
            ours: "the usual order",
        },
        Deviation {
            case: "the history file",
            peer: "written; no line where it cannot be, lost samples, a shorter history after a \
                   smaller `--width`",
            ours: "read once and never written; samples are kept in a file of our own, and the \
                   daemon's history fills an empty chart",
        },
        Deviation {
            case: "`--loadavg` beside a chart without it",
            peer: "one history for both",
            ours: "each its own",
        },
        Deviation {
            case: "colours that the terminal mode does not know",
            peer: "a crash",
            ours: "the colour, or the default",
        },
    ],
    run,
};

const HELP: &str = "\
Usage:
     rainbarf --tmux --width 40 --no-battery

Options:
     --help              this
     --[no]battery       the battery at the right (on)
     --[no]remaining     how long it lasts
     --[no]bolt          a wider sign for it
     --[no]bright        bright foregrounds
     --[no]rgb           256 colours
     --fg COLOUR         foreground of all cells
     --bg COLOUR         background of all cells
     --[no]loadavg       the load instead of the processors
     --[no]swap          used swap as a class of its own
     --max N             the least height of the scale (1)
     --order INDEXES     the order of the classes (fwaic)
     --[no]tmux          colours of tmux (unless on a terminal)
     --screen            colours of GNU screen
     --width N           cells (38)
     --datfile FILE      the history to begin with (~/.rainbarf.dat)
     --skip SECONDS      no new sample before
";

fn run(call: &mut Call) -> Printed {
    let home = call.variable("HOME").map(PathBuf::from);
    let mut words = config::config(call, home.as_deref());
    words.extend_from_slice(call.words);
    let options = match Options::read(&words) {
        Ok(options) => options,
        Err(errors) => return Printed::wrong(HELP, errors),
    };
    let width = usize::try_from(options.width).unwrap_or(0).min(4096);
    let history = history::history(call, &options, width, home.as_deref());
    let meminfo = MemoryReader::default().read(call.machine).unwrap_or_default();
    let style = Style::of(&options, call.output_is_terminal);
    let mut out = chart(&options, &style, &memory(&meminfo, &options), &history, width);
    out += &style.reset();
    if (options.battery || options.remaining)
        && let Some(power) = power(call.machine)
    {
        out += &battery(&options, &style, &power);
    }
    Printed::line(out)
}

fn chart(
    options: &Options,
    style: &Style,
    memory: &Memory,
    history: &[f64],
    width: usize,
) -> String {
    let scale = history.iter().copied().fold(options.max as f64, f64::max);
    let scale = if scale > 0.0 { 7.0 / scale } else { 0.0 };
    let tick = |sample: f64| TICKS[((scale * sample) as usize).min(7)];
    let newest = history.last().copied().unwrap_or(0.0);
    let mut levels = std::iter::repeat_n(0.0, width.saturating_sub(history.len()))
        .chain(history.iter().copied())
        .take(width);
    let mut out = String::new();
    let mut left = width;
    let counts = cells(memory, width);
    for (class, count) in memory.classes.iter().zip(counts) {
        let or_class =
            |colour: &str| if colour.is_empty() { class.colour() } else { colour }.to_owned();
        out += &style.both(&or_class(&options.fg), &or_class(&options.bg));
        for _ in 0..count.min(left) {
            out.push(tick(levels.next().unwrap_or(newest)));
        }
        left -= count.min(left);
    }
    if memory.classes.is_empty() && width > 0 {
        out += &style.both("default", "default");
    }
    (0..left).for_each(|_| out.push(tick(levels.next().unwrap_or(newest))));
    out
}

fn battery(options: &Options, style: &Style, power: &Power) -> String {
    let mut out = String::new();
    let flow = if power.discharging { "red" } else { "green" };
    let minutes = power.minutes.filter(|_| options.remaining);
    if options.battery {
        out += &style.fore(flow);
        out.push(if options.bolt { '\u{26a1}' } else { '|' });
        out += &style.level(power.share);
        out.push(TICKS[((7.0 * power.share) as usize).min(7)]);
    } else if minutes.is_some() {
        out += &style.fore(flow);
    } else {
        return out;
    }
    if let Some(minutes) = minutes {
        out += &format!(" {}h{}m", minutes / 60, minutes % 60);
    }
    out + &style.reset()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rainline_segments::machine::Meminfo;

    fn options(words: &[&str]) -> Options {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Options::read(&words).expect("known")
    }

    fn drawn(options: &Options, meminfo: &Meminfo, history: &[f64], width: usize) -> String {
        let style = Style::of(options, false);
        let chart = chart(options, &style, &memory(meminfo, options), history, width);
        chart.chars().filter(|c| TICKS.contains(c)).collect()
    }

    #[test]
    fn the_scale_is_the_greatest_of_all() {
        let ticks = |words: &[&str], history: &[f64]| {
            drawn(&options(words), &Meminfo::default(), history, history.len())
        };
        assert_eq!(ticks(&[], &[0.0, 0.142, 0.143, 0.5, 0.99, 1.0]), "▁▁▂▄▇█");
        assert_eq!(ticks(&[], &[1.0, 2.0, 4.0]), "▂▄█");
        assert_eq!(ticks(&["--max", "8"], &[1.0, 4.0]), "▁▄");
        assert_eq!(ticks(&["--max=0"], &[0.0, 0.0]), "▁▁");
        assert_eq!(ticks(&["--max", "-3"], &[0.5]), "█");
    }

    #[test]
    fn more_than_a_day_is_shown_in_hours() {
        let style = Style::of(&options(&[]), false);
        let power = Power { share: 0.8, discharging: true, minutes: Some(1501) };
        let text = battery(&options(&["--remaining"]), &style, &power);
        assert_eq!(text, "#[fg=red]|#[fg=green]▆ 25h1m#[fg=default,bg=default]");
    }

    fn number() -> impl Strategy<Value = Option<u64>> {
        prop_oneof![Just(None), (0_u64..1 << 50).prop_map(Some), any::<u64>().prop_map(Some)]
    }

    proptest! {
        #[test]
        fn a_chart_is_as_wide_as_it_should_be(
            numbers in proptest::array::uniform8(number()),
            history in proptest::collection::vec(0.0..100.0_f64, 0..80),
            width in 0_usize..120,
            swap: bool,
        ) {
            let [total, free, active, inactive, cached, swap_cached, swap_total, swap_free] = numbers;
            let meminfo = Meminfo {
                total, free, active, inactive, cached, swap_cached, swap_total, swap_free,
                ..Meminfo::default()
            };
            let options = options(if swap { &["--swap"] } else { &[] });
            let history = &history[history.len().saturating_sub(width)..];
            let cells = drawn(&options, &meminfo, history, width);
            prop_assert_eq!(cells.chars().count(), width);
        }
    }
}
