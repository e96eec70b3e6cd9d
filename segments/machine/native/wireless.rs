//! Wireless networks that this machine is connected to, and how well each is received.
//!
//! The kernel is asked over generic netlink (`nl80211`), with messages made here: nothing else tells
//! the network's name without another program or unsafe code. The crates for it (neli, nl80211-ng and
//! what is below them) would be a dozen for these two requests. Where that family is missing, the
//! old `/proc/net/wireless` still tells the signal. A driver may block: only sources that run in
//! workers may ask. The portable reader does not know.

use std::io;

use super::os;
use crate::machine::{Machine, Reader, World};

/// A wireless interface that is connected.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wireless {
    pub interface: Vec<u8>,
    /// The network's name, at most 32 bytes of any kind.
    pub ssid: Option<Vec<u8>>,
    /// dBm, below 0.
    pub signal: Option<f64>,
    /// Bits a second at which it sends.
    pub rate: Option<f64>,
}

impl Machine {
    /// The wireless interfaces that are connected. In a fixture they are in the table `wireless`:
    /// `INTERFACE SIGNAL RATE SSID` a line, in dBm and bits a second.
    pub fn wireless(&self) -> io::Result<Vec<Wireless>> {
        if self.reader() == Reader::Portable {
            return Ok(Vec::new());
        }
        let found = match &self.world {
            World::Real => os::wireless()?,
            World::Fixture(_) => self
                .read("/wireless")
                .ok()
                .map(|table| String::from_utf8_lossy(&table).lines().filter_map(row).collect()),
        };
        Ok(found.unwrap_or_else(|| {
            let table = self.read("/proc/net/wireless").unwrap_or_default();
            table.split(|b| *b == b'\n').filter_map(old_row).collect()
        }))
    }
}

fn row(line: &str) -> Option<Wireless> {
    let mut words = line.splitn(4, ' ');
    let interface = words.next()?.as_bytes().to_vec();
    let (signal, rate) = (words.next()?.parse().ok(), words.next()?.parse().ok());
    let ssid = words.next().map(|name| name.as_bytes().to_vec());
    Some(Wireless { interface, ssid, signal, rate })
}

/// Reads ` wlan0: 0000   56.  -54.  -256 …`: status, link, level, noise.
fn old_row(line: &[u8]) -> Option<Wireless> {
    let line = std::str::from_utf8(line).ok()?;
    let (interface, rest) = line.split_once(':')?;
    let level = rest.split_ascii_whitespace().nth(2)?;
    let signal = level.trim_end_matches('.').parse::<f64>().ok()?;
    // Some drivers count from 0 upwards: that is no dBm.
    (-200.0..0.0).contains(&signal).then(|| Wireless {
        interface: interface.trim().as_bytes().to_vec(),
        signal: Some(signal),
        ..Wireless::default()
    })
}

/// Attributes of netlink: type and bytes, whatever stands there.
pub struct Attributes<'a>(pub &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        /// The upper two bits say that it is nested, or in the net's byte order.
        const TYPE: u16 = 0x3fff;
        let (head, _) = self.0.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let kind = u16::from_ne_bytes([head[2], head[3]]) & TYPE;
        let value = self.0.get(4..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

impl<'a> Attributes<'a> {
    pub fn find(bytes: &'a [u8], wanted: u16) -> Option<&'a [u8]> {
        Attributes(bytes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
    }
}

pub fn number_u16(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.first_chunk()?))
}

fn number_u32(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.first_chunk()?))
}

// Attributes of `linux/nl80211.h`.
pub const IFINDEX: u16 = 3;
const IFNAME: u16 = 4;
const IFTYPE: u16 = 5;
const STATION_INFO: u16 = 21;
const SSID: u16 = 52;
const INFO_SIGNAL: u16 = 7;
const INFO_SEND_RATE: u16 = 8;
const RATE: u16 = 1;
const RATE_LONG: u16 = 5;

/// An interface's number, name and network, from the answer to GET_INTERFACE; `None` for one that
/// is no guest of a network (an access point's stations are its own guests).
pub fn interface_of(attributes: &[u8]) -> Option<(u32, Wireless)> {
    // `linux/nl80211.h`: STATION, P2P_CLIENT.
    const GUEST: [u32; 2] = [2, 8];
    let kind = Attributes::find(attributes, IFTYPE).and_then(number_u32);
    if kind.is_some_and(|kind| !GUEST.contains(&kind)) {
        return None;
    }
    let index = number_u32(Attributes::find(attributes, IFINDEX)?)?;
    let name = Attributes::find(attributes, IFNAME)?;
    let interface = name.split(|b| *b == 0).next().unwrap_or_default().to_vec();
    let ssid = Attributes::find(attributes, SSID).map(<[u8]>::to_vec);
    Some((index, Wireless { interface, ssid, ..Wireless::default() }))
}

/// Signal and rate, from the answer to GET_STATION.
pub fn station_of(attributes: &[u8]) -> Option<(Option<f64>, Option<f64>)> {
    let info = Attributes::find(attributes, STATION_INFO)?;
    let signal = Attributes::find(info, INFO_SIGNAL).and_then(<[u8]>::first);
    let rate = Attributes::find(info, INFO_SEND_RATE).and_then(|rate| {
        // In 100 kbit/s; the short one is there as long as it fits.
        let long = Attributes::find(rate, RATE_LONG).and_then(number_u32);
        let short = || Attributes::find(rate, RATE).and_then(number_u16).map(u32::from);
        long.or_else(short)
    });
    let signal = signal.map(|byte| f64::from(byte.cast_signed()));
    Some((signal, rate.map(|rate| f64::from(rate) * 100_000.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::machine_with;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = ((4 + value.len()) as u16).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn answers_are_read_attribute_by_attribute() {
        let interface = [
            attribute(IFINDEX, &7_u32.to_ne_bytes()),
            attribute(IFNAME, b"wlan0\0"),
            attribute(99, b"odd"),
            attribute(SSID, b"cafe \xff"),
        ];
        let (index, wireless) = interface_of(&interface.concat()).expect("an interface");
        assert_eq!((index, &*wireless.interface), (7, &b"wlan0"[..]));
        assert_eq!(wireless.ssid.as_deref(), Some(&b"cafe \xff"[..]));
        let access_point = [interface.concat(), attribute(IFTYPE, &3_u32.to_ne_bytes())].concat();
        assert_eq!(interface_of(&access_point), None);
        let rate = attribute(RATE_LONG, &8667_u32.to_ne_bytes());
        let info = [
            attribute(INFO_SIGNAL, &[(-54_i8).cast_unsigned()]),
            attribute(INFO_SEND_RATE | 0x8000, &rate),
        ];
        let station = attribute(STATION_INFO | 0x8000, &info.concat());
        assert_eq!(station_of(&station), Some((Some(-54.0), Some(866_700_000.0))));
    }

    #[test]
    fn cut_and_mangled_answers_are_no_panic() {
        let whole =
            [attribute(IFINDEX, &[1, 2]), attribute(STATION_INFO, &[9, 0, 7, 0, 1])].concat();
        for end in 0..whole.len() {
            interface_of(&whole[..end]);
            station_of(&whole[..end]);
        }
        assert_eq!(Attributes(&[0, 0, 1, 0, 9]).count(), 0, "an attribute shorter than its head");
        assert_eq!(Attributes(&[255, 255, 1, 0]).count(), 0);
    }

    /// The family that hands out families is one itself.
    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_answers_over_netlink() {
        use crate::machine::native::netlink;
        let Ok(socket) = netlink::open() else { return };
        assert_eq!(netlink::family(&socket, "nlctrl").expect("an answer"), Some(16));
        assert_eq!(netlink::family(&socket, "rainline-none").expect("an answer"), None);
        assert!(netlink::ask().is_ok());
    }

    #[test]
    fn the_old_table_tells_the_signal() {
        let table = "Inter-| sta-|   Quality        |   Discarded packets\n face | tus | link level\n\
            wlp2s0: 0000   56.  -54.  -256        0      0      0      0      0        0\n\
            odd0: 0000 10. 80. 0\n x\n";
        let (_dir, machine) = machine_with(&[("proc/net/wireless", table)]);
        let found = machine.wireless().expect("readable");
        assert_eq!(found.len(), 1);
        assert_eq!((&*found[0].interface, found[0].signal), (&b"wlp2s0"[..], Some(-54.0)));
        let (_dir, machine) = machine_with(&[("wireless", "wlan0 -61 1e8 my net\nx\n")]);
        let found = machine.wireless().expect("readable");
        assert_eq!((found.len(), found[0].ssid.as_deref()), (1, Some(&b"my net"[..])));
    }
}
