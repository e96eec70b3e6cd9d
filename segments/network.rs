//! What the network carries: rates of one interface, by the time that really passed between two
//! readings.
//!
//! - A counter that went backwards (an interface reset or made anew, a counter of 32 bits that came
//!   round) gives no rate for that reading; the last ones stay, and the next reading is right again.
//! - An interface that vanished is not shown. When it comes back its rates begin with its second
//!   reading.
//! - Without a name it is the interface of the default route, whichever that is at the moment.

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, Scope, Source, Unit, Where,
};
use crate::base::rate::Meter;
use crate::base::untrusted::Untrusted;
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Machine, NetworkReader, Traffic};

crate::options! {
    /// The interface; empty: the one of the default route.
    interface: String = "",
    /// Bytes a second below which, in both directions, nothing is shown.
    hide_below("hide-below"): f64 = 0.0,
    /// Bytes a second in either direction from which the level is `warning`; 0: never.
    warning: f64 = 0.0,
    /// Bytes a second in either direction from which the level is `critical`; 0: never.
    critical: f64 = 0.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "network",
    about: "What the network carries, down and up.",
    icons: Icons { nerd: "\u{f06f3}", unicode: "net", ascii: "net" },
    format: " ($icon )[$down_arrow](label)$down.eng(w:2) [$up_arrow](label)$up.eng(w:2) \
             [$down_history.mirror(w:8,with:up_history)](fg:gradient(cool) bg:gradient(tide)) ",
    fields: &[
        Field::new("down", "bytes that come, a second", Unit::Bytes),
        Field::new("up", "bytes that go, a second", Unit::Bytes),
        Field::new("received", "bytes that came since the interface is there", Unit::Bytes),
        Field::new("sent", "bytes that went since the interface is there", Unit::Bytes),
        Field::new("interface", "the interface's name", Unit::Text),
        Field::new("state", "`up`, `down`, `dormant`, … in the kernel's words", Unit::Text),
        Field::new("down_arrow", "an arrow down", Unit::Text),
        Field::new("up_arrow", "an arrow up", Unit::Text),
        Field::new("down_history", "the past of `down`", Unit::History("down")),
        Field::new("up_history", "the past of `up`", Unit::History("up")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    place: Where::Daemon,
    pace: Pace::Tick(Duration::from_secs(1)),
    priority: 52,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    if options.interface.contains('/') {
        let message = "an interface's name has no slash".into();
        return Err(OptionError { key: "interface".into(), message });
    }
    Ok(Box::new(Network {
        options,
        reader: NetworkReader::default(),
        watched: None,
        recalled: None,
        boot: None,
        level: Level::Idle,
    }))
}

struct Network {
    options: Options,
    reader: NetworkReader,
    watched: Option<Watched>,
    /// What an earlier process saw, and when the machine had booted then.
    recalled: Option<(Watched, i64)>,
    /// When the machine booted, in seconds since 1970.
    boot: Option<i64>,
    level: Level,
}

/// Seconds by which the boot time of one boot may seem to move when the clock is set.
const SAME_BOOT: u64 = 5;

/// The interface of the last reading.
struct Watched {
    name: Vec<u8>,
    /// Received and sent.
    meter: Meter<2>,
}

impl Watched {
    fn new(name: &[u8]) -> Watched {
        Watched { name: name.to_owned(), meter: Meter::default() }
    }
}

impl Source for Network {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let name = match &*self.options.interface {
            "" => self.reader.default_interface(machine)?.map(<[u8]>::to_owned),
            name => Some(name.as_bytes().to_owned()),
        };
        let found = match &name {
            Some(name) => self.reader.traffic(machine, name)?.map(|traffic| (name, traffic)),
            None => None,
        };
        let Some((name, traffic)) = found else {
            self.watched = None;
            return Ok(None);
        };
        let now = machine.uptime();
        let boot = *self.boot.get_or_insert_with(|| {
            machine.now().timestamp().saturating_sub_unsigned(now.as_secs())
        });
        if let Some((recalled, then)) = self.recalled.take()
            && boot.abs_diff(then) <= SAME_BOOT
        {
            self.watched = Some(recalled);
        }
        if self.watched.as_ref().is_none_or(|watched| watched.name != *name) {
            self.watched = Some(Watched::new(name));
        }
        let Some(watched) = &mut self.watched else { return Ok(None) };
        let Traffic { received, sent } = traffic;
        let rates = watched.meter.read([received, sent], now);
        let state = self.reader.state(machine, &watched.name);
        let down = matches!(&*state, b"down" | b"lowerlayerdown");
        if let Some(rates) = rates
            && !down
            && rates.iter().all(|rate| *rate < self.options.hide_below)
        {
            return Ok(None);
        }
        let most = rates.map_or(0.0, |[down, up]| down.max(up));
        let never = |limit: f64| if limit > 0.0 { limit } else { f64::INFINITY };
        let (warning, critical) = (never(self.options.warning), never(self.options.critical));
        // The slack of thresholds is for percentages: this is one of the threshold.
        let share = |limit: f64| if limit.is_finite() { 100.0 * most / limit } else { 0.0 };
        self.level = match self.level.settle(share(critical), f64::INFINITY, 100.0) {
            Level::Critical => Level::Critical,
            _ => self.level.min(Level::Warning).settle(share(warning), 100.0, f64::INFINITY),
        };
        let level = if down { Level::Warning.max(self.level) } else { self.level };
        let mut sample = Sample::new(level);
        if let Some([down, up]) = rates {
            sample = sample.with("down", Value::number(down)).with("up", Value::number(up));
        }
        Ok(Some(
            sample
                .with("received", Value::number(received as f64))
                .with("sent", Value::number(sent as f64))
                .with("interface", Value::text(Untrusted::new(&watched.name)))
                .with("state", Value::text(Untrusted::new(state)))
                .with("down_arrow", Value::sign("↓", "↓", "v"))
                .with("up_arrow", Value::sign("↑", "↑", "^")),
        ))
    }

    /// `1 BOOT RECEIVED SENT NANOSECONDS NAME`.
    fn memo(&self) -> Option<String> {
        let watched = self.watched.as_ref()?;
        let name = std::str::from_utf8(&watched.name).ok()?;
        Some(format!("1 {} {} {name}", self.boot?, watched.meter.memo()?))
    }

    fn recall(&mut self, memo: &str) {
        if self.watched.is_none() {
            self.recalled = remembered(memo);
        }
    }
}

/// Reads what [`Network::memo`] wrote; `None` if it is anything else.
fn remembered(memo: &str) -> Option<(Watched, i64)> {
    let (boot, rest) = memo.strip_prefix("1 ")?.split_once(' ')?;
    let (counters, name) = rest.rsplit_once(' ')?;
    let meter = Meter::recalled(counters)?;
    let watched = Watched { meter, ..Watched::new(name.as_bytes()) };
    (!name.contains('/')).then_some((watched, boot.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::machine_with;

    const ROUTE: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n\
        eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\n";

    fn dev(received: u64, sent: u64) -> String {
        format!("head\nhead\n eth0: {received} 0 0 0 0 0 0 0 {sent} 0\n")
    }

    fn source(options: &str) -> Box<dyn Source> {
        open(&options.parse().expect("TOML")).expect("good options")
    }

    fn sample(source: &mut dyn Source, machine: &Machine) -> Option<Sample> {
        source.sample(machine, &Ask::default()).expect("readable")
    }

    fn rates(sample: &Sample) -> Option<(f64, f64)> {
        let number = |field| sample.get(field).and_then(Value::as_number);
        Some((number("down")?, number("up")?))
    }

    /// The rates after each of these readings, two seconds apart: received, sent.
    fn seen(readings: &[Option<(u64, u64)>]) -> Vec<Option<Option<(f64, f64)>>> {
        let mut files = vec![("proc/net/route".to_owned(), ROUTE.to_owned())];
        for (index, reading) in (1..).zip(readings) {
            let text = reading.map_or("head\nhead\n".into(), |(down, up)| dev(down, up));
            files.push((format!("proc/net/dev@{index}"), text));
        }
        // The clock is read only where there is an interface.
        for (index, (at, _)) in (1..).zip(readings.iter().enumerate().filter(|r| r.1.is_some())) {
            files.push((format!("proc/uptime@{index}"), format!("{}.00 0.00\n", 100 + 2 * at)));
        }
        let files: Vec<_> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
        let (_dir, machine) = machine_with(&files);
        let mut source = source("");
        readings
            .iter()
            .map(|_| sample(&mut *source, &machine).map(|sample| rates(&sample)))
            .collect()
    }

    #[test]
    fn rates_are_by_the_time_that_passed() {
        let seen = seen(&[Some((1000, 0)), Some((3000, 500)), Some((3000, 2500))]);
        assert_eq!(seen, [Some(None), Some(Some((1000.0, 250.0))), Some(Some((0.0, 1000.0)))]);
    }

    #[test]
    fn counters_that_go_backwards_or_come_round_never_jump() {
        let last = Some(Some((1000.0, 0.0)));
        let wrap = u64::from(u32::MAX);
        assert_eq!(
            seen(&[Some((1000, 9)), Some((3000, 9)), Some((10, 0)), Some((2010, 0))]),
            [Some(None), last, last, last]
        );
        assert_eq!(
            seen(&[Some((wrap - 2000, 0)), Some((wrap, 0)), Some((1000, 0)), Some((3000, 0))]),
            [Some(None), last, last, last]
        );
    }

    #[test]
    fn an_interface_that_vanishes_comes_back_with_its_second_reading() {
        let seen =
            seen(&[Some((0, 0)), Some((10, 0)), None, Some((9_000_000, 0)), Some((9_000_020, 2))]);
        assert_eq!(
            seen,
            [Some(None), Some(Some((5.0, 0.0))), None, Some(None), Some(Some((10.0, 1.0)))]
        );
    }

    #[test]
    fn a_named_interface_needs_no_route_and_a_dead_link_is_a_warning() {
        let (_dir, machine) = machine_with(&[
            ("proc/net/dev", &dev(1, 2)),
            ("sys/class/net/eth0/operstate", "down\n"),
            ("proc/uptime", "5.0 1\n"),
        ]);
        assert_eq!(sample(&mut *source(""), &machine), None, "no default route");
        let shown = sample(&mut *source("interface = 'eth0'"), &machine).expect("shown");
        assert_eq!((shown.level, shown.get("state")), (Level::Warning, Some(&Value::text("down"))));
        assert_eq!(sample(&mut *source("interface = 'eth1'"), &machine), None);
        assert!(open(&"interface = '../x'".parse().expect("TOML")).is_err());
    }

    #[test]
    fn levels_have_slack_and_a_quiet_line_can_be_hidden() {
        let readings = [0, 2000, 3980, 4000];
        let mut files = vec![("proc/net/route".to_owned(), ROUTE.to_owned())];
        for (index, received) in (1..).zip(readings) {
            files.push((format!("proc/net/dev@{index}"), dev(received, 0)));
            files.push((format!("proc/uptime@{index}"), format!("{index}.00 0\n")));
        }
        let files: Vec<_> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
        let levels = |options: &str| {
            let (_dir, machine) = machine_with(&files);
            let mut source = source(options);
            readings.map(|_| sample(&mut *source, &machine).map(|sample| sample.level))
        };
        let (idle, warning) = (Some(Level::Idle), Some(Level::Warning));
        assert_eq!(levels("warning = 2000"), [idle, warning, warning, idle]);
        assert_eq!(levels("critical = 1500")[1..3], [Some(Level::Critical); 2]);
        assert_eq!(levels("hide-below = 100")[3], None);
    }

    #[test]
    fn what_was_remembered_makes_the_first_reading_a_difference() {
        let on = |clock: &str, uptime: &str, received: u64, sent: u64| {
            machine_with(&[
                ("proc/net/route", ROUTE),
                ("proc/net/dev", &dev(received, sent)),
                ("proc/uptime", uptime),
                ("clock", clock),
            ])
        };
        let mut first = source("");
        sample(&mut *first, &on("2026-11-23T12:00:10+00:00", "10.0 1\n", 1000, 10).1);
        let memo = first.memo().expect("counters");
        let later = |clock: &str, uptime: &str| {
            let mut second = source("");
            second.recall(&memo);
            rates(&sample(&mut *second, &on(clock, uptime, 2000, 20).1).expect("shown"))
        };
        assert_eq!(later("2026-11-23T12:00:20+00:00", "20.0 1\n"), Some((100.0, 1.0)));
        assert_eq!(later("2026-11-23T13:00:20+00:00", "20.0 1\n"), None, "another boot");
        for memo in ["", "1", "1 2 eth0", "2 1 1 2 3 eth0", "1 1 a b c eth0", "1 1 1 2 3 ../x"] {
            source("").recall(memo);
        }
    }
}
