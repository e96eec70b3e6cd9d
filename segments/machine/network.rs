//! The door to the network: interfaces and their counters, default routes, own addresses.
//!
//! All of it from the text tables of `/proc/net`, which nobody has to wait for: a netlink dump
//! takes the lock that a stuck driver holds. Where there are none (other systems) there is nothing
//! to say, but for the addresses, which any system tells of a socket.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::path::PathBuf;

use super::processors::Numbers;
use super::{Doors, Kept, Machine};
use crate::base::contract::Error;

/// Bits of a route (`linux/route.h`): usable; a hole that packets fall into.
const UP: u32 = 0x1;
const REJECT: u32 = 0x200;

/// Bytes that an interface has moved since it came up, by a counter of 32 or 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub received: u64,
    pub sent: u64,
}

/// A row of `/proc/net/route`, addresses in host order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// At most 15 bytes of anybody's choice, but no blank and no slash.
    pub interface: &'a [u8],
    pub destination: u32,
    pub gateway: u32,
    pub metric: u32,
    pub mask: u32,
}

/// Keeps what reading the tables again and again needs.
pub struct NetworkDoor {
    interfaces: Kept,
    routes: Kept,
    routes_v6: Kept,
    trie: Kept,
    addresses_v6: Kept,
}

impl Default for NetworkDoor {
    fn default() -> Self {
        NetworkDoor {
            interfaces: Kept::records("/proc/net/dev"),
            routes: Kept::records("/proc/net/route"),
            routes_v6: Kept::records("/proc/net/ipv6_route"),
            trie: Kept::records("/proc/net/fib_trie"),
            addresses_v6: Kept::records("/proc/net/if_inet6"),
        }
    }
}

impl NetworkDoor {
    /// Every interface with its traffic, in the kernel's order; none where there is no table.
    pub fn interfaces(
        &mut self,
        machine: &Machine,
    ) -> Result<impl Iterator<Item = (&[u8], Traffic)>, Error> {
        let table = table(&mut self.interfaces, machine)?;
        Ok(table.split(|b| *b == b'\n').filter_map(interface))
    }

    /// The traffic of this interface; `None` if there is none of that name. The kernel takes its
    /// time for each row: a machine with hundreds of containers has as many.
    pub fn traffic(&mut self, machine: &Machine, name: &[u8]) -> Result<Option<Traffic>, Error> {
        let found = |table: &[u8]| {
            let mut rows = table.split(|b| *b == b'\n').filter_map(interface);
            rows.find_map(|(known, traffic)| (known == name).then_some(traffic))
        };
        let table = self.interfaces.read_until(machine, |table| found(table).is_some());
        Ok(found(or_nothing(table, "/proc/net/dev")?))
    }

    /// The interface of the default route with the lowest metric, of IPv4 before IPv6.
    pub fn default_interface(&mut self, machine: &Machine) -> Result<Option<&[u8]>, Error> {
        let v4 = table(&mut self.routes, machine)?;
        let best = routes(v4)
            .filter(|route| route.destination == 0 && route.mask == 0)
            .min_by_key(|route| route.metric);
        if let Some(route) = best {
            return Ok(Some(route.interface));
        }
        let v6 = table(&mut self.routes_v6, machine)?;
        let defaults = v6.split(|b| *b == b'\n').filter_map(default_v6);
        Ok(defaults.min_by_key(|(metric, _)| *metric).map(|(_, interface)| interface))
    }

    /// The routes of IPv4 that can be used.
    pub fn routes(&mut self, machine: &Machine) -> Result<impl Iterator<Item = Route<'_>>, Error> {
        Ok(routes(table(&mut self.routes, machine)?))
    }

    /// The addresses of this interface.
    pub fn addresses(&mut self, machine: &Machine, interface: &[u8]) -> Result<Addresses, Error> {
        let own = local_v4(table(&mut self.trie, machine)?);
        let routes: Vec<_> = routes(table(&mut self.routes, machine)?).collect();
        let v6 = best_v6(table(&mut self.addresses_v6, machine)?, interface);
        Ok(Addresses { v4: address_on(&own, &routes, interface), v6 })
    }
}

/// What a table says.
fn table<'a>(kept: &'a mut Kept, machine: &Machine) -> Result<&'a [u8], Error> {
    let path = kept.path().to_owned();
    or_nothing(kept.read(machine), path)
}

/// A system without the table has nothing to say.
fn or_nothing(read: io::Result<&[u8]>, path: impl Into<PathBuf>) -> Result<&[u8], Error> {
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(&[]),
        read => read.map_err(|cause| Error::Read { path: path.into(), cause }),
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

/// An interface's own addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    pub v4: Option<Ipv4Addr>,
    pub v6: Option<Ipv6Addr>,
}

impl Machine {
    /// The addresses that a packet to the world would bear, where there are no tables to read. The
    /// sockets are connected and send nothing.
    pub fn outward_addresses(&self) -> Addresses {
        if self.doors() == Doors::Proc {
            return Addresses::default();
        }
        // Addresses for documentation (RFC 5737, RFC 3849): nobody's, and routed like any other.
        let (mut v4, mut v6) = (None, None);
        if let Some(IpAddr::V4(own)) = outward("0.0.0.0:0", "203.0.113.1:9") {
            v4 = (!own.is_unspecified()).then_some(own);
        }
        if let Some(IpAddr::V6(own)) = outward("[::]:0", "[2001:db8::1]:9") {
            v6 = (!own.is_unspecified()).then_some(own);
        }
        Addresses { v4, v6 }
    }
}

fn outward(from: &str, to: &str) -> Option<IpAddr> {
    let socket = UdpSocket::bind(from).ok()?;
    socket.connect(to).ok()?;
    Some(socket.local_addr().ok()?.ip())
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
/// the only one that is in nobody's network (clouds give out lone addresses).
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

/// The best address of the interface in the text of `/proc/net/if_inet6`: one that the world
/// knows before a site's own, one that stays before one of the day (RFC 8981).
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
    use super::super::tests::machine_with;
    use super::*;

    const DEV: &str = "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes\n\
        \x20   lo:   11039     142    0    0    0     0          0         0    11039     142    0 0\n\
        eth0:1:1 2 3 4 5 6 7 8 9\n  wlan0:12 0 0 0 0 0 0 0 18446744073709551616 1\n eth9: 5\n";
    const HEAD: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n";

    #[test]
    fn interfaces_have_their_bytes_and_nothing_else_is_one() {
        let (_dir, machine) = machine_with(&[("proc/net/dev", DEV)]);
        let mut door = NetworkDoor::default();
        let seen: Vec<_> = door.interfaces(&machine).expect("readable").collect();
        let traffic = |received, sent| Traffic { received, sent };
        assert_eq!(
            seen,
            [
                (&b"lo"[..], traffic(11039, 11039)),
                (b"eth0:1", traffic(1, 9)),
                (b"wlan0", traffic(12, u64::MAX)),
            ]
        );
        let of = |name: &[u8]| NetworkDoor::default().traffic(&machine, name).expect("readable");
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
            let mut door = NetworkDoor::default();
            let found = door.default_interface(&machine).expect("readable");
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
            let found = NetworkDoor::default().addresses(&machine, name.as_bytes());
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

    /// The kernel names one of the addresses that its tables hold.
    #[test]
    #[cfg(target_os = "linux")]
    fn sockets_and_tables_tell_the_same() {
        let Some(IpAddr::V4(address)) = outward("0.0.0.0:0", "203.0.113.1:9") else { return };
        let own = local_v4(&Machine::real().read("/proc/net/fib_trie").expect("readable"));
        assert!(own.contains(&address), "{address} is not in {own:?}");
    }
}
