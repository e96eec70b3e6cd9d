//! `tmux-plugins`: the names that tmux-cpu and tmux-battery give to tmux's status line, without
//! their scripts.
//!
//! Called without words it does what those plugins do when tmux reads its config: it finds their
//! names in the options of the status line and puts a job in their place. Here that is one job for
//! each stretch of names with plain text between, and it prints for ever: tmux starts nothing to
//! refresh it. A job it is, and not an option of tmux's own (`#{@name}`): setting one draws every
//! pane of every client anew, in all versions so far. What tmux itself must fill in (a time, another
//! job, a condition) stays outside of the job.
//!
//! The text and the user's options travel as words of the job in an encoding of letters and digits,
//! so nothing of them goes through a shell or is taken for a format.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rainline_segments::Host;
use rainline_segments::base::host::{Charging, MemoryDoor, Processors, ProcessorsDoor, Times};
use rustix::event::{PollFd, PollFlags, poll};

use super::base::counters::between;
use super::base::power::{Power, number, power, word};
use super::base::usage::busy;
use super::{Call, Deviation, Peer, Printed};
use crate::client::{Pace, timespec, write_whole};
use crate::hosts::{in_quotes, shell_word};
use crate::{paths, sys};

/// What `init` and `compat` call it.
pub const NAME: &str = "tmux-plugins";

pub(super) static PEER: Peer = Peer {
    name: NAME,
    about: "the names of tmux-cpu and tmux-battery in tmux's status line",
    link: false,
    deviations: &[
        Deviation {
            case: "a refresh of the status line",
            peer: "20 to 100 processes",
            ours: "none",
        },
        Deviation { case: "time in iowait", peer: "busy", ours: "idle" },
        Deviation {
            case: "no iostat and no sar",
            peer: "the mean since each process began",
            ours: "the last two seconds",
        },
        Deviation { case: "no sensors", peer: "`-nan`", ours: "nothing" },
        Deviation {
            case: "no GPU",
            peer: "`No GPU`, with the icon and the colours of a high load",
            ours: "`No GPU`, without",
        },
        Deviation {
            case: "`#{battery_remain}` on Linux",
            peer: "nothing, or the time to full while it discharges",
            ours: "the time until empty or full",
        },
        Deviation {
            case: "`#{battery_graph}` below 95 %",
            peer: "a stray `▇`, or a digit lost",
            ours: "the bar",
        },
        Deviation {
            case: "several batteries, or a mouse's",
            peer: "the last of all, a mouse's as well",
            ours: "all of this machine, weighed by what they hold",
        },
        Deviation { case: "no battery", peer: "a full battery, or `?`", ours: "nothing" },
    ],
    run,
};

/// How often numbers are read: as long as tmux-cpu keeps its own.
const EVERY: Duration = Duration::from_secs(2);
/// What takes a process to ask is asked each so many times.
const RARELY: u32 = 5;
/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(2);

const LOADS: [&str; 6] = ["cpu", "gpu", "ram", "gram", "cpu_temp", "gpu_temp"];
const LEVELS: [&str; 3] = ["low", "medium", "high"];
const STATES: [&str; 5] = ["charged", "charging", "discharging", "attached", "unknown"];
const BATTERY: [&str; 13] = [
    "battery_charging_watts",
    "battery_color_bg",
    "battery_color_charge_bg",
    "battery_color_charge_fg",
    "battery_color_fg",
    "battery_color_status_bg",
    "battery_color_status_fg",
    "battery_graph",
    "battery_icon",
    "battery_icon_charge",
    "battery_icon_status",
    "battery_percentage",
    "battery_remain",
];

/// Every name that is filled in.
pub fn names() -> Vec<String> {
    let of = |load: &&str| {
        let value = if load.ends_with("temp") { "" } else { "_percentage" };
        [value, "_icon", "_fg_color", "_bg_color"].map(|end| format!("{load}{end}"))
    };
    let loads = LOADS.iter().flat_map(of);
    loads.chain(BATTERY.iter().map(|name| (*name).to_owned())).collect()
}

/// The plugins' options and what they are without a word of the user.
fn defaults() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut say = |name: String, value: &str| all.insert(name, value.to_owned());
    for load in LOADS {
        for (level, (icon, colour)) in
            LEVELS.iter().zip([("=", "green"), ("≡", "yellow"), ("≣", "red")])
        {
            say(format!("{load}_{level}_icon"), icon);
            say(format!("{load}_{level}_fg_color"), &format!("#[fg={colour}]"));
            say(format!("{load}_{level}_bg_color"), &format!("#[bg={colour}]"));
        }
        let (medium, high) = if load.ends_with("temp") { ("80", "90") } else { ("30", "80") };
        say(format!("{load}_medium_thresh"), medium);
        say(format!("{load}_high_thresh"), high);
        if load.ends_with("temp") {
            say(format!("{load}_format"), "%2.0f");
            say(format!("{load}_unit"), "C");
        } else {
            say(format!("{load}_percentage_format"), "%3.1f%%");
        }
    }
    let tiers = [
        ("▁", "#ff0000"),
        ("▂", "#ff4000"),
        ("▃", "#ff8000"),
        ("▄", "#ffc000"),
        ("▅", "#ffff00"),
        ("▆", "#aaff00"),
        ("▇", "#55ff00"),
        ("█", "#00ff00"),
    ];
    for (tier, (icon, colour)) in (1..).zip(tiers) {
        say(format!("batt_icon_charge_tier{tier}"), icon);
        say(format!("batt_color_charge_primary_tier{tier}"), colour);
        say(format!("batt_color_charge_secondary_tier{tier}"), "colour0");
    }
    let icons = ["\u{1f50c}", "\u{1f50c}", "\u{1f50b}", "\u{26a0}\u{fe0f}", "?"];
    let colours = ["33", "33", "14", "201", "7"];
    for (state, (icon, colour)) in STATES.iter().zip(icons.iter().zip(colours)) {
        say(format!("batt_icon_status_{state}"), icon);
        say(format!("batt_color_status_primary_{state}"), &format!("colour{colour}"));
        say(format!("batt_color_status_secondary_{state}"), "colour0");
    }
    all
}

/// The options as they are in force.
struct Options(BTreeMap<String, String>);

impl Options {
    fn with(said: impl IntoIterator<Item = (String, String)>) -> Options {
        let mut all = defaults();
        for (name, value) in said {
            all.insert(name, value);
        }
        Options(all)
    }

    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    fn number(&self, name: &str, usual: f64) -> f64 {
        self.get(name).trim().parse().unwrap_or(usual)
    }
}

/// The lines for tmux's config.
pub fn init(program: &Path) -> String {
    let command = format!("{} compat {NAME}", shell_word(program)).replace('#', "##");
    format!(
        "# Rainline fills in what tmux-cpu and tmux-battery would: #{{cpu_percentage}}, \
         #{{battery_icon}} …\n\
         # Put this at the end of ~/.tmux.conf, in place of those plugins.\n\
         run-shell {}\n",
        in_quotes(&command, "\"\\$")
    )
}

fn run(call: &mut Call) -> Printed {
    let words = call.words();
    match words.split_first() {
        None => rewrite(),
        Some((what, [template, options @ ..])) if what == "print" => {
            let mut machine = Machine::default();
            Printed::line(machine.line(call, &decoded(template), &given(options)))
        }
        Some((what, [template, options @ ..])) if what == "stream" => {
            stream(call, &decoded(template), &given(options));
            Printed::default()
        }
        Some(_) => {
            Printed::wrong("", "rainline: only `rainline init tmux-plugins` is for people\n")
        }
    }
}

/// Puts jobs in the place of the names, in the options of the tmux that runs this.
fn rewrite() -> Printed {
    let known: Vec<String> = defaults().into_keys().collect();
    let list = "@plugin_interpolated_options".to_owned();
    let mut wanted = vec![list.clone(), "status-left".into(), "status-right".into()];
    wanted.extend(known.iter().map(|name| format!("@{name}")));
    let Some(mut all) = shown(&wanted) else {
        return Printed::wrong("", "rainline: tmux does not answer\n");
    };
    let more: Vec<String> = all
        .get(&list)
        .map(|names| names.split_whitespace().map(str::to_owned).collect())
        .unwrap_or_default();
    let is_name = |name: &String| !name.starts_with('-') && !name.contains(';');
    let more: Vec<String> =
        more.into_iter().filter(|name| is_name(name) && !wanted.contains(name)).collect();
    if !more.is_empty() {
        all.extend(shown(&more).unwrap_or_default());
    }
    let said: Vec<(String, String)> = known
        .into_iter()
        .filter_map(|name| Some((name.clone(), all.get(&format!("@{name}"))?.clone())))
        .collect();
    let mut command = Command::new("tmux");
    let mut any = false;
    for name in ["status-left", "status-right"].into_iter().chain(more.iter().map(String::as_str)) {
        let Some(value) = all.get(name) else { continue };
        let new = rewritten(value, &paths::program(), &said);
        if new != *value {
            if any {
                command.arg(";");
            }
            // A `;` at a word's end would end the command.
            let new = match new.strip_suffix(';') {
                Some(new) => format!("{new}\\;"),
                None => new,
            };
            command.args(["set-option", "-g", name]).arg(new);
            any = true;
        }
    }
    if any && !command.stdin(Stdio::null()).status().is_ok_and(|status| status.success()) {
        return Printed::wrong("", "rainline: tmux does not take its new status line\n");
    }
    Printed::default()
}

/// What tmux's global options are, those that are set. One process, however many they are.
fn shown(names: &[String]) -> Option<BTreeMap<String, String>> {
    const MARK: &str = "@rainline_mark";
    let mut command = Command::new("tmux");
    command.args(["set-option", "-gq", MARK, MARK]);
    for name in names {
        command.args([";", "show", "-gqv", name, ";", "show", "-gqv", MARK]);
    }
    command.args([";", "set-option", "-gqu", MARK]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mark = format!("{MARK}\n");
    let values = text.split(&mark).map(|value| value.strip_suffix('\n').unwrap_or(value));
    let pairs = names.iter().cloned().zip(values.map(str::to_owned));
    output.status.success().then(|| pairs.filter(|(_, value)| !value.is_empty()).collect())
}

/// An option's text with a job for each stretch of names.
fn rewritten(text: &str, program: &Path, said: &[(String, String)]) -> String {
    let names = names();
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, _)) = first(rest, &names) {
        let mut end = before;
        // As far as the next name, again and again, over plain text only.
        while let Some((gap, length)) = first(&rest[end..], &names) {
            if end > before && !is_plain(&rest[end..end + gap]) {
                break;
            }
            end += gap + length;
        }
        out += &rest[..before];
        out += &job(&rest[before..end], program, said);
        rest = &rest[end..];
    }
    out + rest
}

/// Where the next name stands, and how long it is with its braces.
fn first(text: &str, names: &[String]) -> Option<(usize, usize)> {
    let mut from = 0;
    while let Some(at) = text[from..].find("#{").map(|at| from + at) {
        let inside = &text[at + 2..];
        let name = inside.split('}').next().unwrap_or_default();
        // `##{` is a sign and a brace.
        let hashes = text[..at].bytes().rev().take_while(|byte| *byte == b'#').count();
        if hashes % 2 == 0 && inside.len() > name.len() && names.iter().any(|known| known == name) {
            return Some((at, name.len() + 3));
        }
        from = at + 2;
    }
    None
}

/// Whether a text means the same in a job's output: no time, no job, no format with braces, and
/// nothing that ends an arm of one. A style may have commas.
fn is_plain(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find(['%', '#', '{', '}', ',', '\n']) {
        let Some(style) = rest[at..].strip_prefix("#[") else { return false };
        let Some(end) = style.find(']') else { return false };
        if style[..end].contains(['#', '%', '{', '}']) {
            return false;
        }
        rest = &style[end + 1..];
    }
    true
}

fn job(template: &str, program: &Path, said: &[(String, String)]) -> String {
    let command = format!("exec {} compat {NAME} stream", shell_word(program));
    // A `#` would begin a format and a `%` a time.
    let command = command.replace('#', "##").replace('%', "%%");
    let uses = |option: &str| match option.strip_prefix("batt_") {
        Some(_) => template.contains("#{battery_"),
        None => LOADS.iter().any(|load| {
            option.starts_with(&format!("{load}_")) && template.contains(&format!("#{{{load}"))
        }),
    };
    let options = said.iter().filter(|(name, _)| uses(name));
    let options: String =
        options.map(|(name, value)| format!(" {name}:{}", encoded(value))).collect();
    format!("#({command} {}{options})", encoded(template))
}

/// A text as one word that no shell and no tmux sees anything in: letters, digits, and `=` with two
/// hexadecimal digits for any other byte.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' => out.push(char::from(byte)),
            other => out += &format!("={other:02x}"),
        }
    }
    out
}

fn decoded(word: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = word.as_bytes();
    while let [first, after @ ..] = rest {
        let pair = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).filter(|_| *first == b'=') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn given(words: &[String]) -> Options {
    let pairs = words.iter().filter_map(|word| word.split_once(':'));
    Options::with(pairs.map(|(name, value)| (name.to_owned(), decoded(value))))
}

/// Prints the line now and whenever it changes, until nobody reads.
fn stream(call: &Call, template: &str, options: &Options) {
    let mut machine = Machine::default();
    let mut pace = Pace::new(true);
    let mut due = sys::awake();
    loop {
        if sys::awake() >= due {
            pace.offer(machine.line(call, template, options).into_bytes());
            due = sys::awake() + EVERY;
        }
        if let Some(line) = pace.due(sys::wall())
            && !write_whole(line)
        {
            return;
        }
        let wall = sys::wall();
        let mut left = due.saturating_sub(sys::awake());
        if let Some(at) = pace.wake(wall) {
            left = left.min(at.saturating_sub(wall).min(EVERY));
        }
        // Without wanted events poll still tells of the reader's end.
        let stdout = rustix::stdio::stdout();
        let mut fds = [PollFd::from_borrowed_fd(stdout, PollFlags::empty())];
        let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        if poll(&mut fds, Some(&timespec(left))).is_ok() && fds[0].revents().intersects(gone) {
            return;
        }
    }
}

/// What is known of the machine from one line to the next.
#[derive(Default)]
struct Machine {
    processors: ProcessorsDoor,
    memory: MemoryDoor,
    now: Processors,
    before: Option<Times>,
    usage: Option<f64>,
    turn: u32,
    gpu: Option<Gpu>,
}

/// Means over all GPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Gpu {
    percent: f64,
    memory: f64,
    celsius: f64,
}

impl Machine {
    fn line(&mut self, call: &Call, template: &str, options: &Options) -> String {
        let names = names();
        if template.contains("#{cpu_") {
            self.count(call);
        }
        if (template.contains("#{gpu_") || template.contains("#{gram_"))
            && self.turn.is_multiple_of(RARELY)
        {
            self.gpu = gpu(call.host);
        }
        self.turn = self.turn.wrapping_add(1);
        let battery = template.contains("#{battery_").then(|| Battery::read(call.host)).flatten();
        let mut out = String::new();
        let mut rest = template;
        while let Some((before, length)) = first(rest, &names) {
            out += &rest[..before];
            let name = &rest[before + 2..before + length - 1];
            out += &match name.starts_with("battery_") {
                true => battery.as_ref().map(|b| b.value(name, options)).unwrap_or_default(),
                false => self.load(call.host, name, options),
            };
            rest = &rest[before + length..];
        }
        out + rest
    }

    fn count(&mut self, call: &Call) {
        let Some(before) = self.before else {
            self.usage = busy(call, EVERY.as_secs());
            if call.host.counts_for_all() {
                let read = self.processors.glance(call.host, &mut self.now, LIMIT);
                self.before = read.ok().map(|()| self.now.all);
            }
            return;
        };
        if self.processors.glance(call.host, &mut self.now, LIMIT).is_ok() {
            self.usage = between(&before, &self.now.all).or(self.usage);
            self.before = Some(self.now.all);
        }
    }

    fn load(&mut self, host: &Host, name: &str, options: &Options) -> String {
        // The longest first: `cpu_temp_icon` is not of `cpu`.
        let load = LOADS
            .iter()
            .filter(|load| {
                name.strip_prefix(**load).is_some_and(|end| end.is_empty() || end.starts_with('_'))
            })
            .max_by_key(|load| load.len());
        let Some(load) = load else { return String::new() };
        let what = name[load.len()..].trim_start_matches('_');
        let value = match *load {
            "cpu" => self.usage.map(|share| 100.0 * share),
            "ram" => ram(&mut self.memory, host),
            "cpu_temp" => cpu_celsius(host),
            "gpu" => self.gpu.map(|gpu| gpu.percent),
            "gram" => self.gpu.map(|gpu| gpu.memory),
            _ => self.gpu.map(|gpu| gpu.celsius),
        };
        let Some(value) = value else {
            let is_gpu = load.starts_with('g') && matches!(what, "percentage" | "");
            return if is_gpu { "No GPU".into() } else { String::new() };
        };
        // As the peer: the GPU's temperature is judged by the processors' thresholds.
        let judge = if *load == "gpu_temp" { "cpu_temp" } else { load };
        match what {
            "percentage" => printf(options.get(&format!("{load}_percentage_format")), value),
            "" => {
                let unit = options.get(&format!("{load}_unit"));
                let value = if unit == "F" { value * 1.8 + 32.0 } else { value };
                printf(options.get(&format!("{load}_format")), value) + unit
            }
            of => {
                let level = match value {
                    v if v >= options.number(&format!("{judge}_high_thresh"), 80.0) => "high",
                    v if v >= options.number(&format!("{judge}_medium_thresh"), 30.0) => "medium",
                    _ => "low",
                };
                options.get(&format!("{load}_{level}_{of}")).to_owned()
            }
        }
    }
}

/// Used memory in percent: what is not available.
fn ram(door: &mut MemoryDoor, host: &Host) -> Option<f64> {
    let meminfo = door.read(host).ok()?;
    let total = meminfo.total.filter(|total| *total > 0)?;
    let given_back = || {
        let parts = [meminfo.free, meminfo.buffers, meminfo.cached, meminfo.reclaimable];
        parts.iter().flatten().fold(0_u64, |sum, part| sum.saturating_add(*part))
    };
    let available = meminfo.available.unwrap_or_else(given_back).min(total);
    Some(100.0 * (total - available) as f64 / total as f64)
}

/// The mean temperature of the cores, or of the groups of them that have a sensor.
fn cpu_celsius(host: &Host) -> Option<f64> {
    let chips = host.list("/sys/class/hwmon").ok()?;
    let mut all = Vec::new();
    for chip in chips {
        let dir = Path::new("/sys/class/hwmon").join(&chip.name);
        for file in host.list(&dir).unwrap_or_default() {
            let Some(name) = file.name.to_str().and_then(|name| name.strip_suffix("_label")) else {
                continue;
            };
            let label = word(host, dir.join(&file.name)).unwrap_or_default();
            if label.starts_with("Core ") || label.starts_with("Tccd") {
                all.extend(number(host, dir.join(format!("{name}_input"))));
            }
        }
    }
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64 / 1000.0)
}

fn gpu(host: &Host) -> Option<Gpu> {
    const COMMAND: [&str; 3] = [
        "nvidia-smi",
        "--query-gpu=utilization.gpu,memory.used,memory.total,temperature.gpu",
        "--format=csv,noheader,nounits",
    ];
    let printed = host.run(&COMMAND, LIMIT).ok()??;
    gpus(&String::from_utf8_lossy(&printed))
}

fn gpus(text: &str) -> Option<Gpu> {
    let rows: Vec<[f64; 4]> = text
        .lines()
        .filter_map(|line| {
            let numbers: Vec<f64> =
                line.split(',').map(|cell| cell.trim().parse().unwrap_or(0.0)).collect();
            numbers.try_into().ok()
        })
        .collect();
    let sum = |at: usize| rows.iter().map(|row| row[at]).sum::<f64>();
    let count = rows.len() as f64;
    (count > 0.0).then(|| Gpu {
        percent: sum(0) / count,
        memory: if sum(2) > 0.0 { 100.0 * sum(1) / sum(2) } else { 0.0 },
        celsius: sum(3) / count,
    })
}

/// The batteries as the names want them.
struct Battery {
    percent: u64,
    state: &'static str,
    minutes: Option<u64>,
    watts: Option<f64>,
}

impl Battery {
    fn read(host: &Host) -> Option<Battery> {
        let Power { share, minutes, .. } = power(host)?;
        let all = host.batteries().unwrap_or_default();
        let any = |state| all.iter().any(|one| one.state == state);
        let state = match () {
            () if any(Charging::Discharging) => "discharging",
            () if any(Charging::Charging) => "charging",
            () if any(Charging::NotCharging) => "attached",
            () if any(Charging::Full) => "charged",
            () => "unknown",
        };
        let to_full = || {
            let lacks: f64 =
                all.iter().filter_map(|one| Some(one.capacity? * (1.0 - one.share))).sum();
            let rate: f64 = all.iter().filter_map(|one| one.rate).sum();
            (state == "charging" && rate > 0.0).then(|| (lacks / rate * 60.0 + 1e-6) as u64)
        };
        let watts: Vec<f64> = all.iter().filter_map(|one| one.power).collect();
        Some(Battery {
            percent: (100.0 * share + 1e-9) as u64,
            state,
            minutes: minutes.or_else(to_full),
            watts: (state == "charging" && !watts.is_empty()).then(|| watts.iter().sum()),
        })
    }

    fn tier(&self) -> usize {
        match self.percent {
            95.. => 8,
            80.. => 7,
            65.. => 6,
            50.. => 5,
            35.. => 4,
            20.. => 3,
            6.. => 2,
            _ => 1,
        }
    }

    fn value(&self, name: &str, options: &Options) -> String {
        let tier = format!("tier{}", self.tier());
        // While it discharges the charge counts, else what it does.
        let (what, of) = match self.state {
            "discharging" => ("charge", tier.as_str()),
            state => ("status", state),
        };
        let colour = |what: &str, of: &str, plane: &str| {
            let other = if plane == "bg" { "fg" } else { "bg" };
            let first = options.get(&format!("batt_color_{what}_primary_{of}"));
            let second = options.get(&format!("batt_color_{what}_secondary_{of}"));
            match second {
                "" => format!("#[{plane}={first}]"),
                second => format!("#[{plane}={first},{other}={second}]"),
            }
        };
        let icon = |what: &str, of: &str| options.get(&format!("batt_icon_{what}_{of}")).to_owned();
        match name {
            "battery_percentage" => format!("{}%", self.percent),
            "battery_graph" => match self.percent {
                95.. => "█",
                75.. => "▆",
                50.. => "▄",
                25.. => "▂",
                6.. => "▁",
                _ => " ",
            }
            .into(),
            "battery_remain" => self.minutes.map_or(String::new(), |minutes| {
                format!("{:02}:{:02}", minutes / 60, minutes % 60)
            }),
            "battery_charging_watts" => {
                self.watts.map_or(String::new(), |watts| format!("{watts:.1}W"))
            }
            "battery_icon" => icon(what, of),
            "battery_icon_charge" => icon("charge", &tier),
            "battery_icon_status" => icon("status", self.state),
            "battery_color_bg" => colour(what, of, "bg"),
            "battery_color_fg" => colour(what, of, "fg"),
            "battery_color_charge_bg" => colour("charge", &tier, "bg"),
            "battery_color_charge_fg" => colour("charge", &tier, "fg"),
            "battery_color_status_bg" => colour("status", self.state, "bg"),
            _ => colour("status", self.state, "fg"),
        }
    }
}

/// One number by a format of awk's `printf`: flags, a width, a precision, `f`, `g`, `e`, `d`, `i` or
/// `s` (which is a `g` there); `%%` is a `%`. What is none of these is printed as it stands.
fn printf(format: &str, number: f64) -> String {
    /// A wider number is a mistake.
    const MOST: usize = 80;
    let mut out = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        out += before;
        if let Some(after) = after.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let end = after.find(|c: char| !"-+ 0123456789.#".contains(c)).unwrap_or(after.len());
        let (spec, tail) = after.split_at(end);
        let mut letters = tail.chars();
        let kind = letters.next().filter(|c| "fFgGeEdis".contains(*c));
        let Some(kind) = kind else {
            out.push('%');
            rest = after;
            continue;
        };
        let flags = spec.len() - spec.trim_start_matches(['-', '+', ' ', '0', '#']).len();
        let (flags, sizes) = spec.split_at(flags);
        let (width, precision) = match sizes.split_once('.') {
            Some((width, precision)) => (width, Some(precision.parse().unwrap_or(0))),
            None => (sizes, None),
        };
        let width = width.parse::<usize>().unwrap_or(0).min(MOST);
        let digits = precision.unwrap_or(6).min(MOST);
        let mut text = match kind {
            'd' | 'i' => format!("{}", number.trunc()),
            'e' | 'E' => exponential(number, digits),
            'g' | 'G' => shortest(number, digits),
            's' => shortest(number, 6).chars().take(precision.unwrap_or(MOST)).collect(),
            _ => format!("{number:.digits$}"),
        };
        if kind.is_ascii_uppercase() {
            text = text.to_uppercase();
        }
        for sign in ['+', ' '] {
            if flags.contains(sign) && text.starts_with(|c: char| c.is_ascii_digit()) {
                text.insert(0, sign);
            }
        }
        out += &match () {
            () if flags.contains('-') => format!("{text:<width$}"),
            () if flags.contains('0') => format!("{text:0>width$}"),
            () => format!("{text:>width$}"),
        };
        rest = letters.as_str();
    }
    out + rest
}

/// As C's `%e`: an exponent of two digits at least.
fn exponential(number: f64, digits: usize) -> String {
    let text = format!("{number:.digits$e}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{exponent:0>2}")
}

/// As C's `%g`: so many digits in all, whichever form is shorter, no zeros at the end.
fn shortest(number: f64, digits: usize) -> String {
    let digits = digits.max(1);
    let scientific = exponential(number, digits - 1);
    let exponent = scientific.rsplit_once('e').and_then(|(_, exponent)| exponent.parse().ok());
    let exponent: i64 = exponent.unwrap_or(0);
    let without_zeros = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..digits as i64).contains(&exponent) {
        let decimals = usize::try_from(digits as i64 - 1 - exponent).unwrap_or(0);
        return without_zeros(&format!("{number:.decimals$}"));
    }
    match scientific.split_once('e') {
        Some((mantissa, exponent)) => format!("{}e{exponent}", without_zeros(mantissa)),
        None => scientific,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_seven_names_and_no_one_twice() {
        let mut names = names();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 24 + 13);
    }

    #[test]
    fn one_job_for_a_stretch_of_names() {
        let rewritten = |text: &str| rewritten(text, Path::new("/r"), &[]);
        let job = |text: &str| format!("#(exec /r compat tmux-plugins stream {})", encoded(text));
        let whole = "#{cpu_bg_color} CPU: #{cpu_icon}#[fg=red,bold] #{ram_percentage}";
        assert_eq!(rewritten(&format!("#S {whole} | %H:%M")), format!("#S {} | %H:%M", job(whole)));
        // A time, a job, an arm of a condition, a format.
        for gap in [" %H ", "#(date)", ",", "}#{?x,", "#S", "#{host}", "{"] {
            let text = format!("a#{{cpu_icon}}{gap}#{{battery_icon}}b");
            let one = format!("a{}{gap}{}b", job("#{cpu_icon}"), job("#{battery_icon}"));
            assert_eq!(rewritten(&text), one);
        }
        for same in ["", "#S", "##{cpu_icon}", "#{cpu_icons}", "#{cpu_icon", "#{@cpu_icon}"] {
            assert_eq!(rewritten(same), same);
        }
    }

    #[test]
    fn a_job_has_nothing_for_a_shell_or_tmux_to_see() {
        let said = [
            ("cpu_low_icon".to_owned(), "$(id) '#(x)'\"%H;é".to_owned()),
            ("ram_low_icon".to_owned(), "unused".to_owned()),
        ];
        let job =
            rewritten("#{cpu_icon} `id` $(id) \\ '\" #{cpu_percentage}", Path::new("/r"), &said);
        let inside = job.strip_prefix("#(").and_then(|job| job.strip_suffix(')')).expect("a job");
        let plain = |c: char| c.is_ascii_alphanumeric() || "=_./: -".contains(c);
        assert!(inside.chars().all(plain), "{inside}");
        let words: Vec<&str> = inside.split(' ').collect();
        assert_eq!(decoded(words[5]), "#{cpu_icon} `id` $(id) \\ '\" #{cpu_percentage}");
        assert_eq!(given(&[words[6].to_owned()]).get("cpu_low_icon"), said[0].1);
        assert_eq!(words.len(), 7, "only what is used");
    }

    #[test]
    fn formats_of_c() {
        for (format, number, text) in [
            ("%3.1f%%", 40.0, "40.0%"),
            ("%3.1f%%", 5.06, "5.1%"),
            ("%2.0f", 7.4, " 7"),
            ("%5.1f%%", 5.0, "  5.0%"),
            ("%-5.1f|", 5.0, "5.0  |"),
            ("%03.0f", 7.0, "007"),
            ("%d %i", 7.9, "7 7"),
            ("%g %.3g %G", 40.0, "40 40 40"),
            ("%g %.2g", 12.345_678_9, "12.3457 12"),
            ("%g %G", 1_234_567.0, "1.23457e+06 1.23457E+06"),
            ("%s|%5.1s", 32.9, "32.9|    3"),
            ("%.1e %E", 40.0, "4.0e+01 4.000000E+01"),
            ("%+d % .1f", 7.9, "+7  7.9"),
            ("%n %", 7.0, "%n %"),
            ("%99999999f", 1.0, &format!("{:>80}", "1.000000")),
        ] {
            assert_eq!(printf(format, number), text, "{format}");
        }
    }

    #[test]
    fn gpus_are_one() {
        let all = gpus("10, 1000, 4000, 50\n30, 3000, 4000, 70\n").expect("two");
        assert_eq!(all, Gpu { percent: 20.0, memory: 50.0, celsius: 60.0 });
        assert_eq!(gpus("no devices\n"), None);
    }

    #[test]
    fn tiers_and_graphs_change_where_the_peer_changes_them() {
        let options = Options::with([]);
        let battery = |percent, state| Battery { percent, state, minutes: Some(135), watts: None };
        let value = |percent, name: &str| battery(percent, "discharging").value(name, &options);
        let tiers: Vec<usize> = [0, 5, 6, 19, 20, 35, 50, 65, 80, 94, 95, 100]
            .map(|percent| battery(percent, "full").tier())
            .to_vec();
        assert_eq!(tiers, [1, 1, 2, 2, 3, 4, 5, 6, 7, 7, 8, 8]);
        assert_eq!(value(50, "battery_graph"), "▄");
        assert_eq!(value(94, "battery_graph"), "▆");
        assert_eq!(value(5, "battery_graph"), " ");
        assert_eq!(value(50, "battery_remain"), "02:15");
        assert_eq!(value(50, "battery_icon"), "▅");
        assert_eq!(value(50, "battery_color_bg"), "#[bg=#ffff00,fg=colour0]");
        let charging = battery(50, "charging");
        assert_eq!(charging.value("battery_icon", &options), "\u{1f50c}");
        assert_eq!(charging.value("battery_color_fg", &options), "#[fg=colour33,bg=colour0]");
        assert_eq!(charging.value("battery_icon_charge", &options), "▅");
    }
}
