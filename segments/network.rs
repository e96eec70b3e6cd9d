//! How much an interface receives and sends, in bytes per second of the time between two readings.
//!
//! - When a counter goes backwards (a new interface, or a 32-bit counter that wrapped) the last
//!   rates are kept, and the next reading is right again.
//! - An interface that disappeared is hidden. When it comes back, its rates begin with the second
//!   reading.
//! - Without a name it is the interface of the current default route.

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::rate::{Meter, SAME_BOOT};
use crate::base::untrusted::Untrusted;
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Machine, NetworkReader, Traffic};

options! {
    /// The interface; empty: the one of the default route.
    interface: String = "",
    /// Hidden while both directions are below this many bytes per second.
    hide_when_below: f64 = 0.0,
    /// Bytes per second in one direction from which the level is `warning`; 0: never.
    warning: f64 = 0.0,
    /// Bytes per second in one direction from which the level is `critical`; 0: never.
    critical: f64 = 0.0,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "network",
    about: "How much the network receives and sends.",
    icons: Icons { nerd: "\u{f06f3}", unicode: "net", ascii: "net" },
    format: " ($icon )[$down_arrow](label)$down.eng(w:2) [$up_arrow](label)$up.eng(w:2) \
             [$down_history.mirror(w:8,with:up_history)](fg:gradient(cool) bg:gradient(tide)) ",
    fields: &[
        Field::new("down", "bytes received per second", Unit::Bytes),
        Field::new("up", "bytes sent per second", Unit::Bytes),
        Field::new("received", "bytes received since the interface exists", Unit::Bytes),
        Field::new("sent", "bytes sent since the interface exists", Unit::Bytes),
        Field::new("interface", "the interface's name", Unit::Text),
        Field::new("state", "the kernel's state: `up`, `down`, `dormant`, …", Unit::Text),
        Field::new("down_arrow", "an arrow down", Unit::Text),
        Field::new("up_arrow", "an arrow up", Unit::Text),
        Field::new("down_history", "history of `down`", Unit::History("down")),
        Field::new("up_history", "history of `up`", Unit::History("up")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Daemon,
    pace: Pace::Tick(Duration::from_secs(1)),
    priority: 52,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    if options.interface.contains('/') {
        let message = "an interface name has no slash".into();
        return Err(OptionError { key: "interface".into(), message });
    }
    Ok(Box::new(Network {
        options,
        reader: NetworkReader::default(),
        current: None,
        restored: None,
        boot: None,
        level: Level::Idle,
    }))
}

struct Network {
    options: Options,
    reader: NetworkReader,
    current: Option<Current>,
    /// The counters of an earlier process, and the boot time that it saw.
    restored: Option<(Current, i64)>,
    /// When the machine booted, in seconds since 1970.
    boot: Option<i64>,
    level: Level,
}

/// The interface of the last reading.
struct Current {
    name: Vec<u8>,
    /// Received and sent.
    meter: Meter<2>,
}

impl Current {
    fn new(name: &[u8]) -> Current {
        Current { name: name.to_owned(), meter: Meter::default() }
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
            self.current = None;
            return Ok(None);
        };
        let now = machine.uptime();
        let boot = *self.boot.get_or_insert_with(|| {
            machine.now().timestamp().saturating_sub_unsigned(now.as_secs())
        });
        if let Some((restored, then)) = self.restored.take()
            && boot.abs_diff(then) <= SAME_BOOT
        {
            self.current = Some(restored);
        }
        if self.current.as_ref().is_none_or(|current| current.name != *name) {
            self.current = Some(Current::new(name));
        }
        let Some(current) = &mut self.current else { return Ok(None) };
        let Traffic { received, sent } = traffic;
        let rates = current.meter.read([received, sent], now);
        let state = self.reader.state(machine, &current.name);
        let down = matches!(&*state, b"down" | b"lowerlayerdown");
        if let Some(rates) = rates
            && !down
            && rates.iter().all(|rate| *rate < self.options.hide_when_below)
        {
            return Ok(None);
        }
        let most = rates.map_or(0.0, |[down, up]| down.max(up));
        let warning = Level::threshold(self.options.warning);
        let critical = Level::threshold(self.options.critical);
        // Hysteresis is for percentages, so each threshold is 100 %.
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
                .with("interface", Value::text(Untrusted::new(&current.name)))
                .with("state", Value::text(Untrusted::new(state)))
                .with("down_arrow", Value::sign("↓", "↓", "v"))
                .with("up_arrow", Value::sign("↑", "↑", "^")),
        ))
    }

    /// `1 BOOT RECEIVED SENT NANOSECONDS NAME`.
    fn save(&self) -> Option<String> {
        let current = self.current.as_ref()?;
        let name = std::str::from_utf8(&current.name).ok()?;
        Some(format!("1 {} {} {name}", self.boot?, current.meter.save()?))
    }

    fn restore(&mut self, saved: &str) {
        if self.current.is_none() {
            self.restored = parse_saved(saved);
        }
    }
}

/// Parses what [`Network::save`] wrote.
fn parse_saved(saved: &str) -> Option<(Current, i64)> {
    let (boot, rest) = saved.strip_prefix("1 ")?.split_once(' ')?;
    let (counters, name) = rest.rsplit_once(' ')?;
    let meter = Meter::restored(counters)?;
    let current = Current { meter, ..Current::new(name.as_bytes()) };
    (!name.contains('/')).then_some((current, boot.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::{number, opened, refused};
    use crate::machine::tests::machine_with;

    const ROUTE: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n\
        eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\n";

    fn dev(received: u64, sent: u64) -> String {
        format!("head\nhead\n eth0: {received} 0 0 0 0 0 0 0 {sent} 0\n")
    }

    fn sample(source: &mut dyn Source, machine: &Machine) -> Option<Sample> {
        source.sample(machine, &Ask::default()).expect("readable")
    }

    fn rates(sample: &Sample) -> Option<(f64, f64)> {
        Some((number(sample, "down")?, number(sample, "up")?))
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
        let mut source = opened(&SEGMENT, "");
        readings
            .iter()
            .map(|_| sample(&mut *source, &machine).map(|sample| rates(&sample)))
            .collect()
    }

    #[test]
    fn rates_are_per_second_of_the_elapsed_time() {
        let seen = seen(&[Some((1000, 0)), Some((3000, 500)), Some((3000, 2500))]);
        assert_eq!(seen, [Some(None), Some(Some((1000.0, 250.0))), Some(Some((0.0, 1000.0)))]);
    }

    #[test]
    fn counters_that_go_backwards_give_no_spike() {
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
    fn an_interface_that_comes_back_starts_again() {
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
        assert_eq!(sample(&mut *opened(&SEGMENT, ""), &machine), None, "no default route");
        let shown = sample(&mut *opened(&SEGMENT, "interface = 'eth0'"), &machine).expect("shown");
        assert_eq!((shown.level, shown.get("state")), (Level::Warning, Some(&Value::text("down"))));
        assert_eq!(sample(&mut *opened(&SEGMENT, "interface = 'eth1'"), &machine), None);
        refused(&SEGMENT, "interface = '../x'");
    }

    #[test]
    fn levels_have_hysteresis_and_a_quiet_interface_can_be_hidden() {
        let readings = [0, 2000, 3980, 4000];
        let mut files = vec![("proc/net/route".to_owned(), ROUTE.to_owned())];
        for (index, received) in (1..).zip(readings) {
            files.push((format!("proc/net/dev@{index}"), dev(received, 0)));
            files.push((format!("proc/uptime@{index}"), format!("{index}.00 0\n")));
        }
        let files: Vec<_> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
        let levels = |options: &str| {
            let (_dir, machine) = machine_with(&files);
            let mut source = opened(&SEGMENT, options);
            readings.map(|_| sample(&mut *source, &machine).map(|sample| sample.level))
        };
        let (idle, warning) = (Some(Level::Idle), Some(Level::Warning));
        assert_eq!(levels("warning = 2000"), [idle, warning, warning, idle]);
        assert_eq!(levels("critical = 1500")[1..3], [Some(Level::Critical); 2]);
        assert_eq!(levels("hide-when-below = 100")[3], None);
    }

    #[test]
    fn saved_counters_give_rates_at_the_first_reading() {
        let on = |clock: &str, uptime: &str, received: u64, sent: u64| {
            machine_with(&[
                ("proc/net/route", ROUTE),
                ("proc/net/dev", &dev(received, sent)),
                ("proc/uptime", uptime),
                ("clock", clock),
            ])
        };
        let mut first = opened(&SEGMENT, "");
        sample(&mut *first, &on("2026-11-23T12:00:10+00:00", "10.0 1\n", 1000, 10).1);
        let saved = first.save().expect("counters");
        let later = |clock: &str, uptime: &str| {
            let mut second = opened(&SEGMENT, "");
            second.restore(&saved);
            rates(&sample(&mut *second, &on(clock, uptime, 2000, 20).1).expect("shown"))
        };
        assert_eq!(later("2026-11-23T12:00:20+00:00", "20.0 1\n"), Some((100.0, 1.0)));
        assert_eq!(later("2026-11-23T13:00:20+00:00", "20.0 1\n"), None, "another boot");
        for saved in ["", "1", "1 2 eth0", "2 1 1 2 3 eth0", "1 1 a b c eth0", "1 1 1 2 3 ../x"] {
            opened(&SEGMENT, "").restore(saved);
        }
    }
}
