//! The text tables of `/proc/net`. A netlink dump would tell as much, but takes a lock that a stuck
//! driver holds.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::ffi::OsStrExt;

use super::numbers::Numbers;
use crate::machine::{Addresses, CachedFile, Error, Machine, Route, Traffic};

/// Bits of a route (`linux/route.h`): usable; a hole that packets fall into.
const UP: u32 = 0x1;
const REJECT: u32 = 0x200;

/// The tables, kept open.
pub struct Tables {
    interfaces: CachedFile,
    routes: CachedFile,
    routes_v6: CachedFile,
    trie: CachedFile,
    addresses_v6: CachedFile,
    /// An interface and its state: as a rule only one is asked for.
    state: Option<(Vec<u8>, CachedFile)>,
}

impl Default for Tables {
    fn default() -> Self {
        Tables {
            interfaces: CachedFile::new("/proc/net/dev"),
            routes: CachedFile::new("/proc/net/route"),
            routes_v6: CachedFile::new("/proc/net/ipv6_route"),
            trie: CachedFile::new("/proc/net/fib_trie"),
            addresses_v6: CachedFile::new("/proc/net/if_inet6"),
            state: None,
        }
    }
}

impl Tables {
    pub fn interfaces(
        &mut self,
        machine: &Machine,
    ) -> Result<impl Iterator<Item = (&[u8], Traffic)>, Error> {
        let table = self.interfaces.table(machine)?;
        Ok(table.split(|b| *b == b'\n').filter_map(interface))
    }

    pub fn state(&mut self, machine: &Machine, name: &[u8]) -> Vec<u8> {
        if self.state.as_ref().is_none_or(|(known, _)| known != name) {
            // The name is a kernel's and has no slash; `..` cannot be one either.
            let dir =
                std::path::Path::new("/sys/class/net").join(std::ffi::OsStr::from_bytes(name));
            self.state = Some((name.to_owned(), CachedFile::new(dir.join("operstate"))));
        }
        let state = self.state.as_mut().and_then(|(_, file)| file.read(machine).ok());
        state.unwrap_or_default().trim_ascii().to_owned()
    }

    pub fn default_interface(&mut self, machine: &Machine) -> Result<Option<&[u8]>, Error> {
        let v4 = self.routes.table(machine)?;
        let best = routes(v4)
            .filter(|route| route.destination == 0 && route.mask == 0)
            .min_by_key(|route| route.metric);
        if let Some(route) = best {
            return Ok(Some(route.interface));
        }
        let v6 = self.routes_v6.table(machine)?;
        let defaults = v6.split(|b| *b == b'\n').filter_map(default_v6);
        Ok(defaults.min_by_key(|(metric, _)| *metric).map(|(_, interface)| interface))
    }

    pub fn routes(&mut self, machine: &Machine) -> Result<impl Iterator<Item = Route<'_>>, Error> {
        Ok(routes(self.routes.table(machine)?))
    }

    pub fn addresses(&mut self, machine: &Machine, interface: &[u8]) -> Result<Addresses, Error> {
        let own = local_v4(self.trie.table(machine)?);
        let routes: Vec<_> = routes(self.routes.table(machine)?).collect();
        let v6 = best_v6(self.addresses_v6.table(machine)?, interface);
        Ok(Addresses { v4: address_on(&own, &routes, interface), v6 })
    }
}

/// Reads `  eth0: RECEIVED and seven more SENT …` (proc(5)).
fn interface(line: &[u8]) -> Option<(&[u8], Traffic)> {
    // An alias has a colon in its name (`eth0:1`); the last one ends it.
    let colon = line.iter().rposition(|b| *b == b':')?;
    let name = line[..colon].trim_ascii();
    let mut columns = Numbers(&line[colon + 1..]);
    let (received, sent) = (columns.next()?, columns.nth(7)?);
    (!name.is_empty()).then_some((name, Traffic { received, sent }))
}

fn routes(table: &[u8]) -> impl Iterator<Item = Route<'_>> {
    table.split(|b| *b == b'\n').skip(1).filter_map(|line| {
        // Iface Destination Gateway Flags RefCnt Use Metric Mask …, addresses in memory's order.
        let mut columns = words(line);
        let interface = columns.next()?;
        let address = |word: Option<&[u8]>| hexadecimal(word?).map(u32::from_be);
        let (destination, gateway) = (address(columns.next())?, address(columns.next())?);
        let flags = hexadecimal(columns.next()?)?;
        let metric = std::str::from_utf8(columns.nth(2)?).ok()?.parse().ok()?;
        let mask = address(columns.next())?;
        let usable = flags & UP != 0 && flags & REJECT == 0;
        usable.then_some(Route { interface, destination, gateway, metric, mask })
    })
}

/// Metric and interface of a line of `/proc/net/ipv6_route` that is a default route.
fn default_v6(line: &[u8]) -> Option<(u32, &[u8])> {
    // Destination, its prefix, source, its prefix, next hop, metric, references, use, flags, name.
    let mut columns = words(line);
    let (destination, prefix) = (columns.next()?, columns.next()?);
    if prefix != b"00" || destination.iter().any(|b| *b != b'0') {
        return None;
    }
    let metric = hexadecimal(columns.nth(3)?)?;
    let flags = hexadecimal(columns.nth(2)?)?;
    let interface = columns.next()?;
    (flags & UP != 0 && flags & REJECT == 0 && interface != b"lo").then_some((metric, interface))
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

fn hexadecimal(word: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()
}

/// The machine's own addresses in the text of `/proc/net/fib_trie`, loopback left out.
fn local_v4(trie: &[u8]) -> Vec<Ipv4Addr> {
    let mut found: Vec<Ipv4Addr> = Vec::new();
    let mut leaf: &[u8] = &[];
    for line in trie.split(|b| *b == b'\n') {
        let line = line.trim_ascii();
        if let Some(address) = line.strip_prefix(b"|-- ") {
            leaf = address;
        } else if line == b"/32 host LOCAL"
            && let Some(address) = std::str::from_utf8(leaf).ok().and_then(|leaf| leaf.parse().ok())
            && !Ipv4Addr::is_loopback(&address)
            // Every table that knows it lists it.
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

/// The one of `own` that is on the interface: in a network that it reaches without a gateway, else
/// the only one that is in no interface's network (clouds give out lone addresses).
fn address_on(own: &[Ipv4Addr], routes: &[Route], interface: &[u8]) -> Option<Ipv4Addr> {
    let holds = |route: &Route, address: &Ipv4Addr| {
        // The widest networks are routes for more than neighbours.
        route.gateway == 0
            && route.mask != 0
            && address.to_bits() & route.mask == route.destination & route.mask
    };
    let near = |address: &&Ipv4Addr| {
        routes.iter().any(|route| route.interface == interface && holds(route, address))
    };
    let mut lone = own.iter().filter(|address| !routes.iter().any(|route| holds(route, address)));
    own.iter().find(near).copied().or_else(|| match (lone.next(), lone.next()) {
        (Some(one), None) => Some(*one),
        _ => None,
    })
}

/// The best address of the interface in the text of `/proc/net/if_inet6`: a global one before a
/// site's own, a lasting one before a temporary one (RFC 8981).
fn best_v6(table: &[u8], interface: &[u8]) -> Option<Ipv6Addr> {
    const TEMPORARY: u32 = 0x01;
    // Found to be taken by another, not to be used any more, not tried yet (`linux/if_addr.h`).
    const UNFIT: u32 = 0x08 | 0x20 | 0x40;
    const GLOBAL: u32 = 0;
    let lines = table.split(|b| *b == b'\n');
    let fit = lines.filter_map(|line| {
        let mut columns = words(line);
        let address = std::str::from_utf8(columns.next()?).ok().filter(|word| word.len() == 32)?;
        let address = Ipv6Addr::from_bits(u128::from_str_radix(address, 16).ok()?);
        let (scope, flags) = (hexadecimal(columns.nth(2)?)?, hexadecimal(columns.next()?)?);
        let fits = scope == GLOBAL && flags & UNFIT == 0 && columns.next()? == interface;
        fits.then_some((address.is_unique_local(), flags & TEMPORARY != 0, address))
    });
    fit.min_by_key(|(local, temporary, _)| (*local, *temporary)).map(|(_, _, address)| address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::NetworkReader;
    use crate::machine::tests::machine_with;

    const DEV: &str = "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes\n\
        \x20   lo:   11039     142    0    0    0     0          0         0    11039     142    0 0\n\
        eth0:1:1 2 3 4 5 6 7 8 9\n  wlan0:12 0 0 0 0 0 0 0 18446744073709551616 1\n eth9: 5\n";
    const HEAD: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n";

    #[test]
    fn interfaces_have_their_bytes_and_nothing_else_is_one() {
        let (_dir, machine) = machine_with(&[("proc/net/dev", DEV)]);
        let mut reader = NetworkReader::default();
        let seen: Vec<_> = reader.interfaces(&machine).expect("readable").collect();
        let traffic = |received, sent| Traffic { received, sent };
        assert_eq!(
            seen,
            [
                (&b"lo"[..], traffic(11039, 11039)),
                (b"eth0:1", traffic(1, 9)),
                (b"wlan0", traffic(12, u64::MAX)),
            ]
        );
        let of = |name: &[u8]| NetworkReader::default().traffic(&machine, name).expect("readable");
        assert_eq!([of(b"wlan0"), of(b"wlan")], [Some(traffic(12, u64::MAX)), None]);
    }

    #[test]
    fn the_default_route_of_the_lowest_metric_counts_and_v6_only_without_v4() {
        let v4 = format!(
            "{HEAD}wlan0\t00000000\t010200C0\t0003\t0\t0\t600\t00000000\t0\n\
             eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\n\
             down0\t00000000\t010200C0\t0002\t0\t0\t1\t00000000\t0\n\
             hole0\t00000000\t010200C0\t0201\t0\t0\t1\t00000000\t0\n\
             half0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\nnoise\n"
        );
        let none = "0".repeat(32);
        let v6 = format!(
            "{none} 00 {none} 00 fe80 00000400 00000001 00000000 00000003 tun0\n\
             {none} 00 {none} 00 fe80 00000100 00000001 00000000 00000003 eth6\n\
             {none} 00 {none} 00 fe80 ffffffff 00000001 00000000 00200200 lo\n"
        );
        let of = |files: &[(&str, &str)]| {
            let (_dir, machine) = machine_with(files);
            let mut reader = NetworkReader::default();
            let found = reader.default_interface(&machine).expect("readable");
            found.map(|name| String::from_utf8_lossy(name).into_owned())
        };
        let (v4, v6) = (("proc/net/route", &*v4), ("proc/net/ipv6_route", &*v6));
        assert_eq!(of(&[v4, v6]).as_deref(), Some("eth0"));
        assert_eq!(of(&[v6]).as_deref(), Some("eth6"));
        assert_eq!(of(&[]), None);
    }

    const TRIE: &str = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n\
        |-- 127.0.0.1\n   /32 host LOCAL\n  |-- 192.0.2.0\n    /24 link UNICAST\n\
        |-- 192.0.2.2\n   /32 host LOCAL\n |-- 172.17.0.1\n   /32 host LOCAL\n\
        |-- 192.0.2.2\n   /32 host LOCAL\n |-- nonsense\n   /32 host LOCAL\n";

    #[test]
    fn an_address_is_on_the_interface_that_reaches_its_network() {
        let routes = format!(
            "{HEAD}eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\n\
             docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\n\
             eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\n"
        );
        let inet6 = "20010db8000000000000000000000009 02 40 00 21 eth0\n\
            fd000000000000000000000000000002 02 40 00 80 eth0\n\
            20010db8000000000000000000000007 02 40 00 01 eth0\n\
            20010db8000000000000000000000008 02 40 00 80 eth0\n\
            20010db8000000000000000000000001 03 40 00 80 docker0\n\
            fe8000000000000000fc00fffe000001 02 40 20 80 eth0\nxyz\n";
        let (_dir, machine) = machine_with(&[
            ("proc/net/route", &routes),
            ("proc/net/fib_trie", TRIE),
            ("proc/net/if_inet6", inet6),
        ]);
        let of = |name: &str| {
            let found = NetworkReader::default().addresses(&machine, name.as_bytes());
            let Addresses { v4, v6 } = found.expect("readable");
            (v4.map(|a| a.to_string()), v6.map(|a| a.to_string()))
        };
        assert_eq!(of("eth0"), (Some("192.0.2.2".into()), Some("2001:db8::8".into())));
        assert_eq!(of("docker0"), (Some("172.17.0.1".into()), Some("2001:db8::1".into())));
        assert_eq!(of("none0"), (None, None));
    }

    #[test]
    fn a_lone_address_in_nobodys_network_is_the_interfaces() {
        let own = [Ipv4Addr::new(10, 128, 0, 5), Ipv4Addr::new(172, 17, 0, 1)];
        let bytes = format!(
            "{HEAD}ens4\t0100800A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\n\
             docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\n"
        );
        let routes: Vec<_> = routes(bytes.as_bytes()).collect();
        assert_eq!(address_on(&own, &routes, b"ens4"), Some(own[0]));
        assert_eq!(address_on(&own, &[], b"ens4"), None, "two candidates");
    }
}
