//! Whether both readers of the machine tell the same, field by field: for `doctor`, and for a test that
//! holds the portable reader to the native one.
//!
//! Every field must be equal, except where `RULES` allows a difference or tells why one of the
//! readers does not have it.

use std::fmt;
use std::time::Duration;

use super::contract::{Ask, Kind, Source, Unit};
use super::value::{Sample, Value};
use crate::machine::{Machine, Reader};

/// Between two readings: sysinfo wants 0.2 s before it counts processors anew.
const PAUSE: Duration = Duration::from_millis(300);
/// A machine is busy while it is compared: a field disagrees if it does so this many times.
const ROUNDS: usize = 3;

/// What is allowed of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    /// A difference in the field's unit, or as a share of the larger value, and why.
    Within { most: f64, share: f64, why: &'static str },
    /// The same, where the portable reader has the field; it may lack it.
    IfThere { most: f64, why: &'static str },
    /// No comparison, and why.
    Excused(&'static str),
}

const fn within(most: f64, share: f64, why: &'static str) -> Rule {
    Rule::Within { most, share, why }
}

const TICKS: &str = "the readings are a moment apart, and a processor counts in hundredths";
const MOVES: &str = "it changes between the two readings";
const NO_BANDS: &str = "sysinfo does not tell what processors do";
const NO_CLASSES: &str = "sysinfo tells only what is free and available";
const NO_GROUPS: &str = "sysinfo does not tell how processors belong together";
const NO_ZONES: &str = "sysinfo knows chips, and no thermal zones without one";
const MOUNTED: &str = "sysinfo sees what is mounted, not whole disks";
const MIB: f64 = 1024.0 * 1024.0;

/// What is allowed: kind, fields (none for all), rule.
static RULES: &[(&str, &[&str], Rule)] = &[
    ("battery", &["charge"], within(1.0, 0.0, MOVES)),
    ("battery", &["remaining", "empty", "full"], within(600.0, 0.1, MOVES)),
    ("battery", &["power"], within(0.5, 0.05, MOVES)),
    ("battery", &["limit"], Rule::Excused("the crate does not tell where charging ends")),
    ("clock", &["time"], within(2.0, 0.0, MOVES)),
    ("cores", &["busiest", "cores"], within(15.0, 0.0, TICKS)),
    ("cores", &["number"], Rule::Excused("of two equally busy ones either may come first")),
    ("cores", &["usage"], within(10.0, 0.0, TICKS)),
    ("cores", &["busy"], within(1.0, 0.0, TICKS)),
    ("cores", &["performance", "efficiency", "groups"], Rule::Excused(NO_GROUPS)),
    ("cpu", &["usage"], within(10.0, 0.0, TICKS)),
    ("cpu", &["cores"], within(15.0, 0.0, TICKS)),
    ("cpu", &["user", "nice", "system", "irq", "steal", "bands"], Rule::Excused(NO_BANDS)),
    ("disk", &["used", "free"], within(64.0 * MIB, 0.01, MOVES)),
    ("disk", &["usage", "inodes"], within(1.0, 0.0, MOVES)),
    ("disk", &["inodes_free"], within(1000.0, 0.01, MOVES)),
    ("disk-io", &["read", "write"], within(4.0 * MIB, 0.3, MOUNTED)),
    ("disk-io", &["disks"], Rule::Excused(MOUNTED)),
    ("disk-io", &["busy"], Rule::Excused("sysinfo does not tell how long a disk was busy")),
    ("fan", &[], Rule::Excused("sysinfo knows no fans")),
    ("frequency", &["mean", "highest", "lowest"], within(0.0, 0.3, MOVES)),
    ("ip", &["v6"], Rule::Excused("sysinfo does not tell a temporary address from a lasting one")),
    ("load", &["one", "five", "fifteen", "each"], within(0.3, 0.1, MOVES)),
    ("load", &["usage"], within(30.0, 0.1, MOVES)),
    ("load", &["running", "tasks"], Rule::Excused("sysinfo does not count what runs")),
    ("memory", &["used", "available"], within(256.0 * MIB, 0.1, MOVES)),
    ("memory", &["usage"], within(5.0, 0.0, MOVES)),
    ("memory", &["parts"], Rule::Excused(NO_CLASSES)),
    ("network", &["down", "up"], within(MIB, 0.3, MOVES)),
    ("network", &["received", "sent"], within(4.0 * MIB, 0.01, MOVES)),
    ("os", &["codename"], Rule::Excused("sysinfo does not tell a release's name")),
    ("pressure", &[], Rule::Excused("sysinfo knows no pressure")),
    ("processes", &["count", "zombies"], within(5.0, 0.1, MOVES)),
    ("processes", &["running", "blocked"], Rule::Excused("it changes from moment to moment")),
    ("processes", &["pid"], Rule::Excused("of two equally large ones either may come first")),
    ("processes", &["share"], within(2.0, 0.0, MOVES)),
    ("processes", &["memory"], within(32.0 * MIB, 0.2, MOVES)),
    ("rainbar", &["cpu"], within(10.0, 0.0, TICKS)),
    ("rainbar", &["user", "system", "wait", "work"], Rule::Excused(NO_BANDS)),
    ("rainbar", &["memory"], Rule::Excused(NO_CLASSES)),
    ("rainbar", &["used"], within(256.0 * MIB, 0.1, MOVES)),
    ("rainbar", &["usage"], within(5.0, 0.0, MOVES)),
    ("rainbar", &["charge"], within(1.0, 0.0, MOVES)),
    ("swap", &["used", "free"], within(64.0 * MIB, 0.1, MOVES)),
    ("swap", &["usage"], within(5.0, 0.0, MOVES)),
    ("swap", &["zram", "saved", "zswap"], Rule::Excused("sysinfo knows no compressed swap")),
    ("temperature", &[], Rule::IfThere { most: 5.0, why: NO_ZONES }),
    ("uptime", &["uptime"], within(60.0, 0.0, "shown in whole minutes")),
    ("uptime", &["since"], within(2.0, 0.0, "sysinfo counts in whole seconds")),
    ("vpn", &[], Rule::Excused("sysinfo knows no routes, and a tap counts only with one")),
    ("wifi", &[], Rule::Excused("sysinfo knows no wireless networks")),
];

/// The kinds that ask a reader. All others have the asker, a command, or a file that only Linux has.
const READ: &[&str] = &[
    "battery",
    "cores",
    "cpu",
    "disk",
    "disk-io",
    "hostname",
    "ip",
    "load",
    "memory",
    "network",
    "os",
    "processes",
    "rainbar",
    "swap",
    "temperature",
    "uptime",
];

/// Options with which a kind is compared: what no limit of a control group hides, and a choice that
/// two readings a moment apart make alike.
const OPTIONS: &[(&str, &str)] = &[
    ("memory", "limit = 'machine'"),
    ("rainbar", "limit = 'machine'"),
    ("processes", "by = 'memory'"),
];

/// A field by both readers.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The kind's name.
    pub kind: &'static str,
    /// The field's name.
    pub field: &'static str,
    /// Its value by the native reader.
    pub native: Option<Value>,
    /// Its value by the portable reader.
    pub portable: Option<Value>,
    /// What came of the comparison.
    pub verdict: Verdict,
}

/// What came of a comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Neither reader has it on this machine.
    Absent,
    /// Both are compared.
    Compared {
        /// How far the two are apart, in the field's unit; infinite where they are no numbers but
        /// differ, or only one is there.
        apart: f64,
        /// How far they may be apart, in the field's unit.
        most: f64,
    },
    /// They cannot be compared, and why.
    Excused(&'static str),
}

impl Comparison {
    /// Whether the two are as near to each other as they must be, or cannot be compared.
    pub fn agrees(&self) -> bool {
        match self.verdict {
            Verdict::Compared { apart, most } => apart <= most,
            Verdict::Absent | Verdict::Excused(_) => true,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |value: &Option<Value>| value.as_ref().map_or_else(|| "–".into(), shown);
        let (native, portable) = (value(&self.native), value(&self.portable));
        write!(f, "{}.{}: native {native}, portable {portable}", self.kind, self.field)?;
        match self.verdict {
            Verdict::Absent => Ok(()),
            Verdict::Compared { apart: 0.0, .. } => write!(f, "; equal"),
            Verdict::Compared { apart, most } if apart.is_finite() => {
                write!(f, "; apart by {apart:.3} of {most:.3} allowed")
            }
            Verdict::Compared { .. } => write!(f, "; they differ"),
            Verdict::Excused(why) => write!(f, "; not compared: {why}"),
        }
    }
}

/// A value for a person: as short as may be.
fn shown(value: &Value) -> String {
    match value {
        Value::Number { value, .. } => format!("{value:.2}"),
        Value::Duration(duration) => format!("{duration:?}"),
        Value::Time(time) => time.to_rfc3339(),
        Value::Text(text) => format!("{:?}", text.reveal()),
        Value::Sign(sign) => format!("{:?}", sign.ascii.reveal()),
        Value::Parts { parts, .. } => {
            let parts = parts.iter().map(|part| format!("{} {:.2}", part.name, part.value));
            parts.collect::<Vec<_>>().join(", ")
        }
        other => format!("{other:?}"),
    }
}

/// How many fields were compared, in words.
pub fn summary(all: &[Comparison]) -> String {
    let count = |is: fn(&Verdict) -> bool| all.iter().filter(|one| is(&one.verdict)).count();
    let compared = count(|verdict| matches!(verdict, Verdict::Compared { .. }));
    let excused = count(|verdict| matches!(verdict, Verdict::Excused(_)));
    let absent = count(|verdict| *verdict == Verdict::Absent);
    format!("{compared} fields compared, {excused} that cannot be, {absent} not on this machine")
}

/// Compares the kinds that ask a reader.
pub fn compare_readers(all: &[&'static Kind]) -> Vec<Comparison> {
    let read: Vec<_> = all.iter().copied().filter(|kind| READ.contains(&kind.name)).collect();
    compare(&read)
}

/// Compares these kinds, except those that ask a service on the web.
fn compare(kinds: &[&'static Kind]) -> Vec<Comparison> {
    let machines = Reader::ALL.map(Machine::read_by);
    let local = |kind: &&&'static Kind| kind.options.iter().all(|option| option.name != "url");
    let opened = kinds.iter().filter(local).filter_map(|kind| Pair::open(kind));
    let mut pairs: Vec<Pair> = opened.collect();
    pairs.iter_mut().for_each(|pair| drop(pair.sample(&machines)));
    let mut all: Vec<Comparison> = Vec::new();
    for _ in 0..ROUNDS {
        pause();
        for pair in &mut pairs {
            let known: Vec<_> = all.iter().filter(|one| one.kind == pair.kind.name).collect();
            if !known.is_empty() && known.iter().all(|one| one.agrees()) {
                continue;
            }
            let agreed = |field| known.iter().any(|one| one.field == field && one.agrees());
            let mut compared = pair.compare(&machines);
            compared.retain(|one| !agreed(one.field));
            all.retain(|one| {
                compared.iter().all(|new| (new.kind, new.field) != (one.kind, one.field))
            });
            all.extend(compared);
        }
        if all.iter().all(Comparison::agrees) {
            break;
        }
    }
    all.sort_by_key(|one| (one.kind, one.field));
    all
}

#[allow(clippy::disallowed_methods, reason = "the use of processors is that of some time")]
fn pause() {
    std::thread::sleep(PAUSE);
}

/// A kind, opened once for each reader.
struct Pair {
    kind: &'static Kind,
    sources: [Box<dyn Source>; 2],
}

impl Pair {
    fn open(kind: &'static Kind) -> Option<Pair> {
        let options = OPTIONS.iter().find(|(name, _)| *name == kind.name);
        let options: toml::Table = options.map_or("", |(_, text)| text).parse().ok()?;
        let open = || (kind.open)(&options).ok();
        Some(Pair { kind, sources: [open()?, open()?] })
    }

    /// By both readers, as near to each other as can be.
    fn sample(&mut self, machines: &[Machine; 2]) -> [Sample; 2] {
        let [native, portable] = &mut self.sources;
        let sample = |source: &mut Box<dyn Source>, machine| {
            source.sample(machine, &Ask::default()).ok().flatten().unwrap_or_default()
        };
        [sample(native, &machines[0]), sample(portable, &machines[1])]
    }

    fn compare(&mut self, machines: &[Machine; 2]) -> Vec<Comparison> {
        let [native, portable] = self.sample(machines);
        let fields = self.kind.fields.iter();
        let fields = fields.filter(|field| !matches!(field.unit, Unit::History(_)));
        let compared = fields.map(|field| {
            let of = |sample: &Sample| sample.get(field.name).cloned();
            let (native, portable) = (of(&native), of(&portable));
            let verdict = judge(self.kind.name, field.name, native.as_ref(), portable.as_ref());
            Comparison { kind: self.kind.name, field: field.name, native, portable, verdict }
        });
        compared.collect()
    }
}

fn judge(kind: &str, field: &str, native: Option<&Value>, portable: Option<&Value>) -> Verdict {
    let is_of = |(known, fields, _): &&(&str, &[&str], Rule)| {
        *known == kind && (fields.is_empty() || fields.contains(&field))
    };
    let rule = RULES.iter().find(is_of).map(|(_, _, rule)| *rule);
    match (native, portable, rule) {
        (None, None, _) => Verdict::Absent,
        (_, _, Some(Rule::Excused(why))) => Verdict::Excused(why),
        (Some(_), None, Some(Rule::IfThere { why, .. })) => Verdict::Excused(why),
        (Some(native), Some(portable), rule) => {
            let (most, share) = match rule {
                Some(Rule::Within { most, share, .. }) => (most, share),
                Some(Rule::IfThere { most, .. }) => (most, 0.0),
                _ => (0.0, 0.0),
            };
            let (apart, larger) = difference(native, portable);
            Verdict::Compared { apart, most: most.max(share * larger) }
        }
        _ => Verdict::Compared { apart: f64::INFINITY, most: 0.0 },
    }
}

/// How far two values are apart, and the larger one.
fn difference(one: &Value, other: &Value) -> (f64, f64) {
    let numbers = match (one, other) {
        (Value::Duration(one), Value::Duration(other)) => (one.as_secs_f64(), other.as_secs_f64()),
        (Value::Time(one), Value::Time(other)) => ((*one - *other).as_seconds_f64(), 0.0),
        (Value::Parts { parts: one, .. }, Value::Parts { parts: other, .. }) => {
            let alike =
                one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.name == b.name);
            let apart = one.iter().zip(other).map(|(a, b)| (a.value - b.value).abs());
            (if alike { apart.fold(0.0, f64::max) } else { f64::INFINITY }, 0.0)
        }
        _ => match (one.as_number(), other.as_number()) {
            (Some(one), Some(other)) => (one, other),
            _ => (if one == other { 0.0 } else { f64::INFINITY }, 0.0),
        },
    };
    ((numbers.0 - numbers.1).abs(), numbers.0.abs().max(numbers.1.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The comparison that comes nearest to what is allowed of it, and how near, from 0 to 1.
    fn furthest(all: &[Comparison]) -> Option<(&Comparison, f64)> {
        let share = |one: &Comparison| match one.verdict {
            Verdict::Compared { apart, most } if apart > 0.0 => apart / most,
            _ => 0.0,
        };
        all.iter().map(|one| (one, share(one))).max_by(|a, b| a.1.total_cmp(&b.1))
    }

    #[track_caller]
    fn check(all: &[Comparison]) {
        let there = all.iter().filter(|one| one.verdict != Verdict::Absent);
        there.for_each(|one| println!("{one}"));
        println!("{}", summary(all));
        if let Some((one, share)) = furthest(all) {
            println!("furthest apart, at {:.0} % of what is allowed: {one}", 100.0 * share);
        }
        let apart: Vec<_> =
            all.iter().filter(|one| !one.agrees()).map(|one| one.to_string()).collect();
        assert!(apart.is_empty(), "{apart:#?}");
    }

    #[test]
    fn every_segment_tells_the_same_by_both_readers() {
        let all = compare(crate::ALL);
        check(&all);
        // What the portable reader must have wherever this runs.
        for (kind, field) in
            [("cpu", "usage"), ("memory", "used"), ("load", "one"), ("os", "kernel")]
        {
            let one = all.iter().find(|one| (one.kind, one.field) == (kind, field));
            assert!(one.is_some_and(|one| one.portable.is_some()), "{kind}.{field}");
        }
    }

    #[test]
    #[ignore = "wants hardware; the next test runs it where files stand for some"]
    fn what_the_readers_read_is_the_same() {
        check(&compare_readers(crate::ALL));
    }

    /// The same on a machine with a battery, a temperature and swap: files that stand for them are
    /// mounted over the real ones, where a user may have a mount namespace.
    #[test]
    #[cfg(target_os = "linux")]
    #[allow(clippy::disallowed_methods, reason = "a test runs itself in another mount namespace")]
    fn a_battery_and_other_hardware_are_told_alike() {
        let files = [
            ("class/power_supply/BAT0/type", "Battery\n"),
            ("class/power_supply/BAT0/status", "Discharging\n"),
            ("class/power_supply/BAT0/capacity", "42\n"),
            ("class/power_supply/BAT0/energy_now", "21000000\n"),
            ("class/power_supply/BAT0/energy_full", "50000000\n"),
            ("class/power_supply/BAT0/energy_full_design", "60000000\n"),
            ("class/power_supply/BAT0/power_now", "10500000\n"),
            ("class/power_supply/BAT0/voltage_now", "11800000\n"),
            ("class/hwmon/hwmon0/name", "coretemp\n"),
            ("class/hwmon/hwmon0/temp1_label", "Package id 0\n"),
            ("class/hwmon/hwmon0/temp1_input", "61000\n"),
            ("class/hwmon/hwmon0/temp1_crit", "100000\n"),
        ];
        let (dir, _) = crate::machine::tests::machine_with(&files);
        const SCRIPT: &str =
            "cd \"$1\" && cp -a /sys/class/net class/ && mount --bind class /sys/class &&
            sed 's/^SwapTotal:.*/SwapTotal: 8000 kB/; s/^SwapFree:.*/SwapFree: 2000 kB/' \
                /proc/meminfo > meminfo && mount --bind meminfo /proc/meminfo &&
            echo mounted && exec \"$2\" --ignored --nocapture --exact \
            base::reader_comparison::tests::what_the_readers_read_is_the_same";
        let mut command = std::process::Command::new("unshare");
        command.args(["-r", "-m", "sh", "-c", SCRIPT, "sh"]).arg(dir.path());
        command.arg(std::env::current_exe().expect("our own file"));
        let output = match command.output() {
            Ok(output) => output,
            Err(error) => return println!("skipped: unshare: {error}"),
        };
        let printed = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        if !printed.contains("mounted") {
            return println!("skipped: no mount namespace: {errors}");
        }
        println!("{printed}");
        assert!(output.status.success() && printed.contains("1 passed"), "{printed}{errors}");
        for equal in [
            "battery.charge: native 42.00, portable 42.00",
            "battery.power: native 10.50, portable 10.50",
            "battery.remaining: native 7200s, portable 7200s",
            "temperature.temperature: native 61.00, portable 61.00",
            "temperature.sensor: native \"coretemp Package id 0\", portable \"coretemp Package id 0\"",
            "swap.usage: native 75.00, portable 75.00",
        ] {
            assert!(printed.contains(equal), "{equal} is not in\n{printed}");
        }
    }

    #[test]
    fn each_rule_is_of_a_field_that_there_is() {
        for (name, fields, _) in RULES {
            let kind = crate::find(name).unwrap_or_else(|| panic!("no kind {name}"));
            for field in *fields {
                assert!(kind.fields.iter().any(|known| known.name == *field), "{name}.{field}");
            }
        }
        let known = |name: &&str| crate::find(name).is_some();
        assert!(READ.iter().all(known) && OPTIONS.iter().all(|(name, _)| known(name)));
    }

    #[test]
    fn a_difference_is_judged_by_its_rule() {
        let judged = |kind, field, native: Option<f64>, portable: Option<f64>| {
            let [native, portable] = [native, portable].map(|number| number.map(Value::number));
            judge(kind, field, native.as_ref(), portable.as_ref())
        };
        let agrees = |kind, field, native, portable| {
            let verdict = judged(kind, field, native, portable);
            let (kind, field) = ("", "");
            Comparison { kind, field, native: None, portable: None, verdict }.agrees()
        };
        assert!(agrees("cpu", "usage", Some(10.0), Some(19.0)));
        assert!(!agrees("cpu", "usage", Some(10.0), Some(21.0)));
        assert!(!agrees("cpu", "usage", Some(10.0), None), "one reader alone");
        assert!(!agrees("cpu", "count", Some(4.0), Some(5.0)), "equal without a rule");
        assert!(agrees("frequency", "mean", Some(1e9), Some(1.2e9)), "a share");
        assert!(agrees("cpu", "user", Some(10.0), None));
        assert_eq!(judged("cpu", "usage", None, None), Verdict::Absent);
        let (one, other) = (Value::text("a"), Value::text("b"));
        assert_eq!(difference(&one, &one).0, 0.0);
        assert!(difference(&one, &other).0.is_infinite());
    }
}
