//! `rainbarf`: the processors' past over the memory's classes, in one chart, and the battery.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rainline_segments::base::host::{Meminfo, MemoryDoor};

use super::base::power::{Power, power};
use super::base::state::{self, Chart};
use super::base::{past, usage};
use super::{Call, Deviation, Peer, Printed};
use crate::{runtime, sys};

pub(super) static PEER: Peer = Peer {
    name: "rainbarf",
    about: "the processors' past over the memory's classes, and the battery",
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
            ours: "what they say",
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
            peer: "written; no line where it cannot be, lost samples, a shorter past after a \
                   smaller `--width`",
            ours: "read once and never written; samples are kept in a file of our own, and the \
                   daemon's past fills an empty chart",
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

const TICKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

#[derive(Debug)]
struct Options {
    battery: bool,
    remaining: bool,
    bolt: bool,
    bright: bool,
    rgb: bool,
    loadavg: bool,
    swap: bool,
    tmux: Option<bool>,
    screen: bool,
    help: bool,
    width: i64,
    max: i64,
    fg: String,
    bg: String,
    order: String,
    datfile: String,
    skip: String,
}

/// What an option is.
enum Slot<'a> {
    /// On, or off with `no` before it.
    Switch(&'a mut bool),
    Maybe(&'a mut Option<bool>),
    /// On.
    Flag(&'a mut bool),
    Text(&'a mut String),
    Whole(&'a mut i64),
}

impl Options {
    fn new() -> Options {
        Options {
            battery: true,
            remaining: false,
            bolt: false,
            bright: false,
            rgb: false,
            loadavg: false,
            swap: false,
            tmux: None,
            screen: false,
            help: false,
            width: 38,
            max: 1,
            fg: String::new(),
            bg: String::new(),
            order: "fwaic".into(),
            datfile: String::new(),
            skip: String::new(),
        }
    }

    fn slot(&mut self, name: &str) -> Slot<'_> {
        match name {
            "battery" => Slot::Switch(&mut self.battery),
            "remaining" => Slot::Switch(&mut self.remaining),
            "bolt" => Slot::Switch(&mut self.bolt),
            "bright" => Slot::Switch(&mut self.bright),
            "rgb" => Slot::Switch(&mut self.rgb),
            "loadavg" => Slot::Switch(&mut self.loadavg),
            "swap" => Slot::Switch(&mut self.swap),
            "tmux" => Slot::Maybe(&mut self.tmux),
            "screen" => Slot::Flag(&mut self.screen),
            "help" => Slot::Flag(&mut self.help),
            "width" => Slot::Whole(&mut self.width),
            "max" => Slot::Whole(&mut self.max),
            "fg" => Slot::Text(&mut self.fg),
            "bg" => Slot::Text(&mut self.bg),
            "order" => Slot::Text(&mut self.order),
            "datfile" => Slot::Text(&mut self.datfile),
            _ => Slot::Text(&mut self.skip),
        }
    }

    /// By the rules of Perl's `Getopt::Long`: any case, unique beginnings, one dash or two, a value
    /// after `=` or in the next word; words that are no options are passed over.
    fn read(words: &[String]) -> Result<Options, String> {
        let mut options = Options::new();
        let mut errors = String::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--" {
                break;
            }
            if word == "+" {
                errors += "Missing option after +\n";
            }
            let Some(rest) = word.strip_prefix(['-', '+']).filter(|rest| !rest.is_empty()) else {
                continue;
            };
            let rest = match word.starts_with("--") {
                true => &word[2..],
                false => rest,
            };
            let (said, value) = match rest.split_once('=') {
                Some((said, value)) => (said, Some(value.to_owned())),
                None => (rest, None),
            };
            let (full, name, on) = match resolve(said) {
                Ok(found) => found,
                Err(error) => {
                    errors += &error;
                    continue;
                }
            };
            let slot = options.slot(name);
            let takes = matches!(slot, Slot::Text(_) | Slot::Whole(_));
            if !takes && value.is_some() {
                errors += &format!("Option {full} does not take an argument\n");
                continue;
            }
            // Nothing after `=` is no value; an empty word of its own is one.
            let value = match value {
                Some(value) => Some(value).filter(|value| !value.is_empty()),
                None if takes => words.next().cloned(),
                None => None,
            };
            match (slot, value) {
                (Slot::Switch(slot), _) => *slot = on,
                (Slot::Maybe(slot), _) => *slot = Some(on),
                (Slot::Flag(slot), _) => *slot = true,
                (Slot::Text(slot), Some(value)) => *slot = value,
                (Slot::Whole(slot), Some(text)) => match whole(&text) {
                    Some(number) => *slot = number,
                    None => {
                        errors += &format!(
                            "Value \"{text}\" invalid for option {name} (number expected)\n"
                        );
                    }
                },
                (_, None) => errors += &format!("Option {name} requires an argument\n"),
            }
        }
        if errors.is_empty() && !options.help { Ok(options) } else { Err(errors) }
    }
}

const NAMES: [&str; 17] = [
    "battery",
    "bg",
    "bolt",
    "bright",
    "datfile",
    "fg",
    "help",
    "loadavg",
    "max",
    "order",
    "remaining",
    "rgb",
    "screen",
    "skip",
    "swap",
    "tmux",
    "width",
];
const SWITCHES: [&str; 8] =
    ["battery", "bolt", "bright", "loadavg", "remaining", "rgb", "swap", "tmux"];

/// A whole number as Perl's options have it: a sign, digits, and `_` between them.
fn whole(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let plain = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || c == '_');
    let size = plain.then(|| digits.replace('_', "").parse().unwrap_or(i64::MAX))?;
    Some(if text.starts_with('-') { -size } else { size })
}

/// The option that is meant, with all its letters, its name, and whether it is put on or off.
fn resolve(said: &str) -> Result<(String, &'static str, bool), String> {
    let said = said.to_lowercase();
    let off = SWITCHES.iter().flat_map(|name| {
        [(format!("no{name}"), (*name, false)), (format!("no-{name}"), (*name, false))]
    });
    let all = NAMES.iter().map(|name| ((*name).to_owned(), (*name, true))).chain(off);
    let all: Vec<_> = all.collect();
    if let Some((_, (name, on))) = all.iter().find(|(name, _)| *name == said) {
        return Ok((said, name, *on));
    }
    let mut like: Vec<_> = all.iter().filter(|(name, _)| name.starts_with(&said)).collect();
    // `no` and `no-` before one name are one option.
    like.dedup_by_key(|(_, meant)| *meant);
    match *like {
        [(full, (name, on))] if !said.is_empty() => Ok((full.clone(), name, *on)),
        [] => Err(format!("Unknown option: {said}\n")),
        _ => {
            let names: Vec<_> = like.iter().map(|(name, _)| name.as_str()).collect();
            Err(format!("Option {said} is ambiguous ({})\n", names.join(", ")))
        }
    }
}

fn run(call: &mut Call) -> Printed {
    let home = call.variable("HOME").map(PathBuf::from);
    let mut words = config(call, home.as_deref());
    words.extend(call.words());
    let options = match Options::read(&words) {
        Ok(options) => options,
        Err(errors) => return Printed::wrong(HELP, errors),
    };
    let width = usize::try_from(options.width).unwrap_or(0).min(4096);
    let history = history(call, &options, width, home.as_deref());
    let meminfo = MemoryDoor::default().read(call.host).unwrap_or_default();
    let style = Style::of(&options, call.output_is_terminal);
    let mut out = chart(&options, &style, &memory(&meminfo, &options), &history, width);
    out += &style.reset();
    if (options.battery || options.remaining)
        && let Some(power) = power(call.host)
    {
        out += &battery(&options, &style, &power);
    }
    Printed::line(out)
}

/// The words of the config file, the last line first: what is said last counts.
fn config(call: &Call, home: Option<&Path>) -> Vec<String> {
    let named = call.variable("RAINBARF").map(PathBuf::from);
    let Some(path) = named.or_else(|| home.map(|home| home.join(".rainbarf.conf"))) else {
        return Vec::new();
    };
    let bytes = rainline_segments::Host::real().read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let mut words: Vec<String> = text.lines().filter_map(|line| word_of(line, call.env)).collect();
    words.reverse();
    words
}

/// The word that a line of the config stands for; `None`: it says nothing. A switch may be given
/// `0`, and what is given nothing is as if it weren't there.
fn word_of(line: &str, env: &dyn Fn(&str) -> Option<OsString>) -> Option<String> {
    let line = uncommented(line).trim();
    let (name, value) = match line.split_once('=') {
        Some((name, value)) => (name.trim_end(), expanded(value.trim_start(), env)),
        None => (line, String::new()),
    };
    let name = name.trim_start_matches('-');
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(is_name) {
        return None;
    }
    let mut all = Options::new();
    let known = resolve(name).ok().map(|(_, name, on)| (name, on, all.slot(name)));
    match known {
        None if value.is_empty() => Some(format!("--{name}")),
        None => Some(format!("--{name}={value}")),
        Some((name, _, Slot::Text(_) | Slot::Whole(_))) => {
            (!value.is_empty()).then(|| format!("--{name}={value}"))
        }
        Some((name, on, slot)) => {
            let off = ["0", "no", "off", "false"].contains(&value.to_lowercase().as_str());
            match (on != off, slot) {
                (true, _) => Some(format!("--{name}")),
                (false, Slot::Flag(_)) => None,
                (false, _) => Some(format!("--no{name}")),
            }
        }
    }
}

/// A line without what stands behind a `#`, unless that follows a `=` at once: there it is a colour.
fn uncommented(line: &str) -> &str {
    let ends = line.match_indices('#').find(|(at, _)| !line[..*at].trim_end().ends_with('='));
    ends.map_or(line, |(at, _)| &line[..at])
}

/// A value with `$NAME` as the environment has it.
fn expanded(value: &str, env: &dyn Fn(&str) -> Option<OsString>) -> String {
    let mut parts = value.split('$');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, rest) = part.split_at(end.unwrap_or(part.len()));
        match name {
            "" => out.push('$'),
            name => out += &env(name).unwrap_or_default().to_string_lossy(),
        }
        out += rest;
    }
    out
}

/// The last `width` samples with the newest, oldest first; nothing before them.
fn history(call: &Call, options: &Options, width: usize, home: Option<&Path>) -> Vec<f64> {
    let dat = match &*options.datfile {
        "" => home.map(|home| home.join(".rainbarf.dat")),
        named => Some(PathBuf::from(named)),
    };
    let dat = dat.and_then(|path| std::path::absolute(path).ok());
    let path = dat.as_ref().map(|path| path.as_os_str().as_bytes()).unwrap_or_default();
    let what = if options.loadavg { "load" } else { "cpu" };
    let key = format!("{what}-{:016x}", runtime::hash(std::ffi::OsStr::from_bytes(path)));
    let skip = options.skip.trim().parse::<f64>().unwrap_or(0.0);
    let now = sys::wall().as_secs();
    let stored = state::read(call.state.as_deref()).charts.get(&key).map_or(now, |c| c.stored);
    let sample = match options.loadavg {
        true => call.host.load().ok().flatten().map(|load| load.one),
        false => usage::busy(call, now.saturating_sub(stored)),
    };
    let mut samples = Vec::new();
    state::update(call.state.as_deref(), |state| {
        let known = state.charts.get(&key).cloned().unwrap_or_default();
        let mut chart = dat.as_deref().and_then(|path| imported(path, &known)).unwrap_or(known);
        if chart.samples.is_empty() && !options.loadavg && call.host.counts_for_all() {
            chart.samples = usage::past().unwrap_or_default();
            chart.samples.retain(|sample| sample.is_finite());
        }
        let newest = sample.or(chart.samples.last().copied()).unwrap_or(0.0);
        samples.clone_from(&chart.samples);
        samples.push(newest);
        let due = now.saturating_sub(chart.stored) as f64 >= skip || chart.stored > now;
        if due {
            chart.samples.push(newest);
            chart.stored = now;
            let surplus = chart.samples.len().saturating_sub(state::MOST_SAMPLES);
            chart.samples.drain(..surplus);
        }
        state.charts.insert(key, chart);
    });
    let surplus = samples.len().saturating_sub(width.max(1));
    samples.drain(..surplus);
    samples
}

/// The chart that begins with a peer's own history, unless it began with this very one already.
fn imported(path: &Path, known: &Chart) -> Option<Chart> {
    let file = std::fs::metadata(path).ok()?;
    let (second, part) = (file.mtime(), file.mtime_nsec());
    let which = format!("{second}.{part}.{}.{}", file.len(), file.ino());
    if which == known.imported {
        return None;
    }
    let samples = past::samples(&rainline_segments::Host::real().read(path).ok()?)?;
    Some(Chart { stored: u64::try_from(second).unwrap_or(0), imported: which, samples })
}

/// A class of memory: its letter, its colour, and its size in any one unit.
#[derive(Clone, Debug, PartialEq)]
struct Class {
    letter: char,
    size: f64,
}

impl Class {
    fn colour(&self) -> &'static str {
        match self.letter {
            'f' => "green",
            'w' => "red",
            'a' => "yellow",
            'i' => "blue",
            'c' => "cyan",
            'x' => "magenta",
            _ => "default",
        }
    }
}

/// The memory as a chart has it.
#[derive(Debug, Default)]
struct Memory {
    /// In their order; none where there are no numbers. Sizes are never negative.
    classes: Vec<Class>,
    /// Whether these are not the peer's sizes, which would not add up.
    mended: bool,
}

fn memory(meminfo: &Meminfo, options: &Options) -> Memory {
    let Some(total) = meminfo.total.filter(|total| *total > 0) else { return Memory::default() };
    let number = |value: Option<u64>| value.unwrap_or(0) as f64;
    let total = total as f64;
    let free = number(meminfo.free).min(total);
    let (mut active, mut inactive) = (number(meminfo.active), number(meminfo.inactive));
    let cached = number(meminfo.cached) - number(meminfo.swap_cached);
    let mut cached = (cached >= 0.0).then_some(cached);
    let mut wired = total - (free + active + inactive + cached.unwrap_or(0.0));
    let mended = wired < 0.0;
    if mended {
        // The cache is within what is active and inactive: it is taken out of both.
        let taken = total - free;
        let paged = active + inactive;
        let fits = if paged > taken { taken / paged } else { 1.0 };
        let within = cached.unwrap_or(0.0).min(paged * fits);
        let rest = if paged > 0.0 { (paged * fits - within) / paged } else { 0.0 };
        (active, inactive) = (active * rest, inactive * rest);
        wired = (taken - within - active - inactive).max(0.0);
        cached = cached.map(|_| within);
    }
    let swap = number(meminfo.swap_total) - number(meminfo.swap_free);
    let all = [
        ('f', Some(free)),
        ('w', Some(wired)),
        ('a', Some(active)),
        ('i', Some(inactive)),
        ('c', cached),
        ('x', options.swap.then_some(swap.max(0.0))),
    ];
    let mut classes: Vec<Class> =
        all.into_iter().filter_map(|(letter, size)| Some(Class { letter, size: size? })).collect();
    let rank = |class: &Class| {
        let usual = match class.letter {
            'f' => 1,
            'w' => 2,
            'a' => 3,
            'i' => 4,
            'c' => 5,
            _ => 6,
        };
        options.order.chars().position(|c| c == class.letter).map_or(usual, |at| at + 1)
    };
    classes.sort_by_key(rank);
    Memory { classes, mended }
}

/// How many cells each class gets: the peer's rounding where that fills the width, else shares that
/// add up to it.
fn cells(memory: &Memory, width: usize) -> Vec<usize> {
    let Memory { classes, mended } = memory;
    let total: f64 = classes.iter().map(|class| class.size).sum();
    if total <= 0.0 || width == 0 {
        return vec![0; classes.len()];
    }
    let share = |class: &Class| width as f64 * class.size / total;
    let rounded: Vec<usize> =
        classes.iter().map(|class| (share(class).round_ties_even() as usize).max(1)).collect();
    // One cell too few is given to the last class when it is drawn.
    if !mended && rounded.iter().sum::<usize>() + 1 >= width {
        return rounded;
    }
    let least = |class: &Class| usize::from(class.size > 0.0);
    let mut fair: Vec<usize> =
        classes.iter().map(|class| (share(class) as usize).max(least(class))).collect();
    let short = |fair: &[usize], at: usize| share(&classes[at]) - fair[at] as f64;
    while fair.iter().sum::<usize>() < width {
        let neediest =
            (0..fair.len()).rev().max_by(|a, b| short(&fair, *a).total_cmp(&short(&fair, *b)));
        neediest.into_iter().for_each(|at| fair[at] += 1);
    }
    while fair.iter().sum::<usize>() > width {
        // A cell is the smallest part of the largest class.
        let Some(largest) = (0..fair.len()).rev().max_by_key(|at| fair[*at]) else { break };
        if fair[largest] <= 1 {
            break;
        }
        fair[largest] -= 1;
    }
    fair
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
        let named = |said: &str| if said.is_empty() { class.colour() } else { said }.to_owned();
        out += &style.both(&named(&options.fg), &named(&options.bg));
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
    let direction = if power.discharging { "red" } else { "green" };
    let minutes = power.minutes.filter(|_| options.remaining);
    if options.battery {
        out += &style.fore(direction);
        out.push(if options.bolt { '\u{26a1}' } else { '|' });
        out += &style.level(power.share);
        out.push(TICKS[((7.0 * power.share) as usize).min(7)]);
    } else if minutes.is_some() {
        out += &style.fore(direction);
    } else {
        return out;
    }
    if let Some(minutes) = minutes {
        out += &format!(" {}h{}m", minutes / 60, minutes % 60);
    }
    out + &style.reset()
}

/// How colours are written.
struct Style {
    target: Target,
    bright: bool,
    rgb: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Target {
    Tmux,
    Ansi,
    Screen,
}

/// A colour's name, its number, and its numbers in the cube before and behind.
const COLOURS: [(&str, u8, u8, u8); 8] = [
    ("black", 0, 16, 16),
    ("red", 1, 196, 88),
    ("green", 2, 46, 28),
    ("yellow", 3, 226, 100),
    ("blue", 4, 21, 18),
    ("magenta", 5, 201, 90),
    ("cyan", 6, 51, 30),
    ("white", 7, 231, 102),
];

impl Style {
    fn of(options: &Options, terminal: bool) -> Style {
        let target = match options.tmux.unwrap_or(!terminal) {
            _ if options.screen => Target::Screen,
            true => Target::Tmux,
            false => Target::Ansi,
        };
        Style { target, bright: options.bright, rgb: options.rgb }
    }

    fn reset(&self) -> String {
        match self.target {
            Target::Tmux => "#[fg=default,bg=default]".into(),
            Target::Ansi => "\x1b[0m".into(),
            Target::Screen => "\x05{= dd}".into(),
        }
    }

    fn fore(&self, fg: &str) -> String {
        self.written(fg, None)
    }

    fn both(&self, fg: &str, bg: &str) -> String {
        self.written(fg, Some(bg))
    }

    /// The colour of a battery that is so full.
    fn level(&self, share: f64) -> String {
        if self.rgb && self.target != Target::Screen {
            // The cube has six steps: exactly the half would be a seventh.
            let step = |part: f64| ((12.0 * part) as u8).min(5);
            let (red, green) = match share {
                share if share > 0.5 => (step(1.0 - share), 5),
                share => (5, step(share)),
            };
            return self.numbered(16 + 36 * red + 6 * green, None);
        }
        self.fore(match share {
            share if share < 0.333 => "red",
            share if share < 0.666 => "yellow",
            _ => "green",
        })
    }

    fn written(&self, fg: &str, bg: Option<&str>) -> String {
        let known = |name: &str| COLOURS.iter().find(|(known, ..)| *known == name);
        match self.target {
            Target::Screen => {
                let letter = |name: &str| name.chars().next().filter(char::is_ascii_alphabetic);
                let fore = letter(fg).unwrap_or('d');
                let fore = if self.bright { fore.to_ascii_uppercase() } else { fore };
                let back = bg.map_or('.', |bg| letter(bg).unwrap_or('d'));
                format!("\x05{{{back}{fore}}}")
            }
            _ if self.rgb && fg != "default" => {
                let fore = known(fg).map_or(16, |(_, _, number, _)| *number);
                let back = bg.map(|bg| known(bg).map_or(16, |(.., number)| *number));
                self.numbered(fore, back)
            }
            Target::Tmux => {
                let bright = if self.bright && fg != "default" { ",bright" } else { "" };
                match bg {
                    Some(bg) => format!("#[fg={fg}{bright},bg={bg}]"),
                    None => format!("#[fg={fg}{bright}]"),
                }
            }
            Target::Ansi => {
                let code = |name: &str, base: u8| {
                    let name = name.to_lowercase();
                    let plain = name.strip_prefix("bright_").unwrap_or(&name);
                    let bright = plain.len() < name.len() || (self.bright && base == 30);
                    match known(plain) {
                        Some((_, number, ..)) if bright => (base + 60 + number).to_string(),
                        Some((_, number, ..)) => (base + number).to_string(),
                        None => other(&name, base),
                    }
                };
                match bg {
                    Some(bg) => format!("\x1b[{};{}m", code(fg, 30), code(bg, 40)),
                    None => format!("\x1b[{}m", code(fg, 30)),
                }
            }
        }
    }

    fn numbered(&self, fg: u8, bg: Option<u8>) -> String {
        match (self.target, bg) {
            (Target::Ansi, Some(bg)) => format!("\x1b[38;5;{fg};48;5;{bg}m"),
            (Target::Ansi, None) => format!("\x1b[38;5;{fg}m"),
            (_, Some(bg)) => format!("#[fg=colour{fg},bg=colour{bg}]"),
            (_, None) => format!("#[fg=colour{fg}]"),
        }
    }
}

/// A colour for a terminal by one of Perl's other names (`ansi9`, `grey23`, `rgb520`,
/// `r255g136b0`) or of tmux's (`colour235`, `#ff8800`); anything else is its default.
fn other(name: &str, base: u8) -> String {
    let after = |start: &str, most: u8| {
        let digits = name.strip_prefix(start).filter(|digits| !digits.starts_with('+'));
        digits?.parse::<u8>().ok().filter(|number| *number <= most)
    };
    let cube = || {
        let steps: Option<Vec<u8>> =
            name.strip_prefix("rgb")?.bytes().map(|b| b.checked_sub(b'0')).collect();
        match *steps? {
            [red, green, blue] if red.max(green).max(blue) < 6 => {
                Some(16 + 36 * red + 6 * green + blue)
            }
            _ => None,
        }
    };
    let numbered = after("colour", 255)
        .or_else(|| after("color", 255))
        .or_else(|| after("ansi", 15))
        .or_else(|| after("grey", 23).map(|grey| 232 + grey))
        .or_else(cube);
    if let Some(number) = numbered {
        return format!("{};5;{number}", base + 8);
    }
    let digits = name.strip_prefix('#').filter(|digits| digits.len() == 6);
    let hexadecimal = || {
        let rgb = u32::from_str_radix(digits?, 16).ok()?;
        Some([rgb >> 16, rgb >> 8 & 255, rgb & 255])
    };
    let spelled = || {
        let (red, rest) = name.strip_prefix('r')?.split_once('g')?;
        let (green, blue) = rest.split_once('b')?;
        let part = |text: &str| text.parse::<u8>().ok().map(u32::from);
        Some([part(red)?, part(green)?, part(blue)?])
    };
    match hexadecimal().or_else(spelled) {
        Some([red, green, blue]) => format!("{};2;{red};{green};{blue}", base + 8),
        None => (base + 9).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
    fn classes_keep_the_order_that_is_said() {
        let some = Some(1024);
        let meminfo = Meminfo {
            total: Some(8 * 1024),
            free: some,
            active: some,
            inactive: some,
            cached: some,
            swap_total: some,
            ..Meminfo::default()
        };
        let letters = |words: &[&str]| -> String {
            memory(&meminfo, &options(words)).classes.iter().map(|class| class.letter).collect()
        };
        assert_eq!(letters(&[]), "fwaic");
        assert_eq!(letters(&["--swap"]), "fwaicx");
        assert_eq!(letters(&["--order", "xciawf", "--swap"]), "xciawf");
        // What shares a rank stays as it usually is.
        assert_eq!(letters(&["--order", "c"]), "fcwai");
        let no_cache = Meminfo { swap_cached: Some(4096), ..meminfo };
        let letters: Vec<char> =
            memory(&no_cache, &options(&[])).classes.iter().map(|class| class.letter).collect();
        assert_eq!(letters, ['f', 'w', 'a', 'i']);
    }

    #[test]
    fn batteries_have_their_colours_at_every_charge() {
        let style = |words: &[&str]| Style::of(&options(words), false);
        let rgb = style(&["--rgb"]);
        for (share, colour) in
            [(0.0, 196), (0.2, 208), (0.5, 226), (0.51, 226), (0.8, 118), (1.0, 46)]
        {
            assert_eq!(rgb.level(share), format!("#[fg=colour{colour}]"), "{share}");
        }
        assert_eq!(style(&["--screen", "--rgb"]).level(0.1), "\x05{.r}");
        assert_eq!(style(&["--notmux"]).level(0.4), "\x1b[33m");
        assert_eq!(style(&["--bright"]).level(0.7), "#[fg=green,bright]");
        let power = Power { share: 0.8, discharging: true, minutes: Some(1501) };
        let text = battery(&options(&["--remaining"]), &style(&[]), &power);
        assert_eq!(text, "#[fg=red]|#[fg=green]▆ 25h1m#[fg=default,bg=default]");
    }

    #[test]
    fn a_terminal_gets_colours_it_knows() {
        let ansi = Style::of(&options(&["--notmux"]), false);
        assert_eq!(ansi.both("#ff8000", "colour235"), "\x1b[38;2;255;128;0;48;5;235m");
        assert_eq!(ansi.both("purple", "#12"), "\x1b[39;49m");
        for (name, codes) in [
            ("bright_red", "91;101"),
            ("RED", "31;41"),
            ("ansi9", "38;5;9;48;5;9"),
            ("ansi16", "39;49"),
            ("grey23", "38;5;255;48;5;255"),
            ("rgb520", "38;5;208;48;5;208"),
            ("rgb560", "39;49"),
            ("r255g136b0", "38;2;255;136;0;48;2;255;136;0"),
        ] {
            assert_eq!(ansi.both(name, name), format!("\x1b[{codes}m"));
        }
        assert_eq!(Style::of(&options(&["--screen"]), true).both("#f00", "é"), "\x05{dd}");
    }

    #[test]
    fn values_of_a_config_have_variables_and_colours() {
        let env = |name: &str| (name == "HOME").then(|| OsString::from("/home/é"));
        assert_eq!(expanded("$HOME/x$NONE.$", &env), "/home/é/x.$");
        assert_eq!(uncommented("fg=#ff0 # c"), "fg=#ff0 ");
        assert_eq!(uncommented("fg = #ff0#c"), "fg = #ff0");
        assert_eq!((uncommented("#x"), uncommented("a #é")), ("", "a "));
        for (line, word) in [
            (" width = 5 # five", "--width=5"),
            ("-width=5", "--width=5"),
            ("skip=0", "--skip=0"),
            ("wid=7", "--width=7"),
            ("bolt", "--bolt"),
            ("bolt=", "--bolt"),
            ("bolt=1", "--bolt"),
            ("BOLT=0", "--nobolt"),
            ("no-battery", "--nobattery"),
            ("nobattery=off", "--battery"),
            ("screen=0", ""),
            ("fg=", ""),
            ("datfile = $NONE", ""),
            ("width 20", ""),
            ("b=1", "--b=1"),
            ("nonsense", "--nonsense"),
        ] {
            assert_eq!(word_of(line, &env).unwrap_or_default(), word, "{line}");
        }
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

        #[test]
        fn no_words_and_no_config_break_it(
            words in proptest::collection::vec("(-{0,2}[a-zA-Z-]{0,9}(=\\PC{0,9})?|\\PC{0,9})", 0..9),
            line in "\\PC{0,40}",
        ) {
            let _ = Options::read(&words);
            let _ = word_of(&line, &|_| Some("é=".into()));
        }
    }
}
