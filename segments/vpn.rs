//! The VPN tunnels that are up: WireGuard, TUN (OpenVPN, Tailscale and most others), PPP.
//!
//! They are recognised by what sysfs says of an interface, not by its name. An interface is
//! examined once, when it appears: machines with many containers have hundreds. A TAP device is a
//! tunnel only if it has a route of its own; the others are network cards of virtual machines.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::untrusted::Untrusted;
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Machine, NetworkReader};

options! {
    /// Interfaces that are not shown.
    ignore: Vec<String> = Vec::new(),
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "vpn",
    about: "The VPN tunnels that are up.",
    icons: Icons { nerd: "\u{f0582}", unicode: "vpn", ascii: "vpn" },
    format: " ($icon )$name ",
    fields: &[
        Field::new("name", "the first tunnel, or the one with the default route", Unit::Text),
        Field::new("kind", "`wireguard`, `tun`, `tap` or `ppp`", Unit::Text),
        Field::new("names", "the names of all, separated by spaces", Unit::Text),
        Field::new("count", "number of tunnels", Unit::Count),
        Field::new("default", "`default` if the default route goes through it", Unit::Text),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(5)),
    priority: 45,
    open,
};

/// The most interfaces that are read.
const MAX_INTERFACES: usize = 4096;

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    Ok(Box::new(Vpn { options, reader: NetworkReader::default(), known: HashMap::new() }))
}

struct Vpn {
    options: Options,
    reader: NetworkReader,
    /// The tunnel that each interface is, if it is one.
    known: HashMap<Vec<u8>, Option<Tunnel>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tunnel {
    WireGuard,
    Tun,
    Tap,
    Ppp,
}

impl Tunnel {
    fn word(self) -> &'static str {
        match self {
            Tunnel::WireGuard => "wireguard",
            Tunnel::Tun => "tun",
            Tunnel::Tap => "tap",
            Tunnel::Ppp => "ppp",
        }
    }

    /// The tunnel that the interface in this directory of sysfs is.
    fn of(machine: &Machine, dir: &Path) -> Option<Tunnel> {
        // `linux/if_arp.h`: ARPHRD_PPP; `linux/if_tun.h`: IFF_TAP.
        const PPP: u32 = 512;
        const TAP: u32 = 2;
        let text = |file: &str| machine.read(dir.join(file)).unwrap_or_default();
        let uevent = text("uevent");
        if uevent.split(|b| *b == b'\n').any(|line| line == b"DEVTYPE=wireguard") {
            return Some(Tunnel::WireGuard);
        }
        if let Some(flags) = hexadecimal(&text("tun_flags")) {
            return Some(if flags & TAP != 0 { Tunnel::Tap } else { Tunnel::Tun });
        }
        let kind = text("type");
        let kind = std::str::from_utf8(kind.trim_ascii()).ok()?.parse::<u32>().ok()?;
        (kind == PPP).then_some(Tunnel::Ppp)
    }
}

fn hexadecimal(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// The directory of an interface in sysfs.
fn directory(name: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    Path::new("/sys/class/net").join(std::ffi::OsStr::from_bytes(name))
}

/// Whether it is up, and connected if its driver reports that.
fn is_up(machine: &Machine, name: &[u8]) -> bool {
    const UP: u32 = 0x1;
    let dir = directory(name);
    let flags = machine.read(dir.join("flags")).ok().and_then(|flags| hexadecimal(&flags));
    let state = machine.read(dir.join("operstate")).unwrap_or_default();
    flags.is_some_and(|flags| flags & UP != 0) && state.trim_ascii() != b"down"
}

impl Source for Vpn {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let mut found = Vec::new();
        let mut count = 0;
        for (name, _) in self.reader.interfaces(machine)?.take(MAX_INTERFACES) {
            count += 1;
            if name.contains(&b'/') {
                continue;
            }
            let kind = match self.known.get(name) {
                Some(kind) => *kind,
                None => {
                    let kind = Tunnel::of(machine, &directory(name));
                    self.known.insert(name.to_owned(), kind);
                    kind
                }
            };
            let ignored = self.options.ignore.iter().any(|other| other.as_bytes() == name);
            if let Some(kind) = kind.filter(|_| !ignored && is_up(machine, name)) {
                found.push((name.to_owned(), kind));
            }
        }
        if self.known.len() > count {
            // Interfaces that are gone are forgotten: a new one with the same name may be another
            // kind.
            let there: Vec<_> = self.reader.interfaces(machine)?.map(|(name, _)| name).collect();
            self.known.retain(|name, _| there.contains(&&**name));
        }
        if found.iter().any(|(_, kind)| *kind == Tunnel::Tap) {
            let routes: Vec<_> = self.reader.routes(machine)?.collect();
            let routed = |name: &[u8]| routes.iter().any(|route| route.interface == name);
            found.retain(|(name, kind)| *kind != Tunnel::Tap || routed(name));
        }
        let default = self.reader.default_interface(machine)?;
        if let Some(at) = found.iter().position(|(name, _)| Some(&**name) == default) {
            found.swap(0, at);
        }
        let Some((name, kind)) = found.first() else { return Ok(None) };
        let through = if Some(&**name) == default { "default" } else { "" };
        let names: Vec<_> = found.iter().map(|(name, _)| &**name).collect();
        Ok(Some(
            Sample::new(Level::Good)
                .with("name", Value::text(Untrusted::new(name)))
                .with("kind", Value::text(kind.word()))
                .with("names", Value::text(Untrusted::new(names.join(&b' '))))
                .with("count", Value::number(found.len() as f64))
                .with("default", Value::text(through)),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::opened;
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    /// All names, kind and whether the default route goes through it.
    fn shown(source: &mut dyn Source, machine: &Machine) -> Option<[String; 3]> {
        let sample = source.sample(machine, &Ask::default()).expect("readable")?;
        Some(["names", "kind", "default"].map(|field| match sample.get(field) {
            Some(Value::Text(text)) => text.reveal().to_owned(),
            other => panic!("{other:?}"),
        }))
    }

    fn words(words: [&str; 3]) -> Option<[String; 3]> {
        Some(words.map(Into::into))
    }

    const DEV: &str = "a\nb\n eth0: 1 0 0 0 0 0 0 0 1\n tun0: 1 0 0 0 0 0 0 0 1\n\
        vnet0: 1 0 0 0 0 0 0 0 1\n tap0: 1 0 0 0 0 0 0 0 1\n ppp0: 1 0 0 0 0 0 0 0 1\n\
        tun1: 1 0 0 0 0 0 0 0 1\n";
    const ROUTES: &str = "head\nppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\n\
        tap0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\n";
    const LINKS: &[(&str, &str)] = &[
        ("sys/class/net/eth0/type", "1\n"),
        ("sys/class/net/eth0/flags", "0x1003\n"),
        ("sys/class/net/tun0/tun_flags", "0x1001\n"),
        ("sys/class/net/tun0/flags", "0x1091\n"),
        ("sys/class/net/tun0/operstate", "unknown\n"),
        ("sys/class/net/tun1/tun_flags", "0x1001\n"),
        ("sys/class/net/tun1/flags", "0x1091\n"),
        ("sys/class/net/tun1/operstate", "down\n"),
        ("sys/class/net/vnet0/tun_flags", "0x5002\n"),
        ("sys/class/net/vnet0/flags", "0x1003\n"),
        ("sys/class/net/tap0/tun_flags", "0x1002\n"),
        ("sys/class/net/tap0/flags", "0x1003\n"),
        ("sys/class/net/ppp0/type", "512\n"),
        ("sys/class/net/ppp0/flags", "0x10d1\n"),
    ];

    #[test]
    fn tunnels_are_recognised_by_their_kind() {
        let files = [&[("proc/net/dev", DEV), ("proc/net/route", ROUTES)], LINKS].concat();
        let (_dir, machine) = machine_with(&files);
        assert_eq!(
            shown(&mut *opened(&SEGMENT, ""), &machine),
            words(["ppp0 tap0 tun0", "ppp", "default"])
        );
        let ignoring = "ignore = ['ppp0', 'tap0']";
        assert_eq!(shown(&mut *opened(&SEGMENT, ignoring), &machine), words(["tun0", "tun", ""]));
    }

    #[test]
    fn a_new_interface_with_an_old_name_is_examined_again() {
        let with = "a\nb\n tun0: 1 0 0 0 0 0 0 0 1\n";
        let files = [
            &[
                ("proc/net/dev", with),
                ("proc/net/dev@2", "a\nb\n"),
                ("proc/net/dev@4", with),
                ("sys/class/net/tun0/type", "1\n"),
                ("sys/class/net/tun0/type@2", "512\n"),
                ("sys/class/net/tun0/flags", "0x1\n"),
            ],
            &[][..],
        ]
        .concat();
        let (_dir, machine) = machine_with(&files);
        let mut source = opened(&SEGMENT, "");
        // The second reading reads the table twice: an interface is gone.
        let seen = [0; 3].map(|_| shown(&mut *source, &machine));
        assert_eq!(seen, [None, None, words(["tun0", "ppp", ""])]);
    }

    #[test]
    fn a_laptop_has_its_wireguard_and_a_server_none() {
        let wg0 = words(["wg0", "wireguard", ""]);
        assert_eq!(shown(&mut *opened(&SEGMENT, ""), &fixture("laptop")), wg0);
        for machine in ["server", "broken", "empty"] {
            assert_eq!(shown(&mut *opened(&SEGMENT, ""), &fixture(machine)), None, "{machine}");
        }
    }
}
