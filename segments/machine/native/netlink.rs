//! Generic netlink, as far as `nl80211` needs it: the kernel is asked for the wireless interfaces and
//! their stations.

use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::net::netlink::{GENERIC, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
};

use crate::machine::Wireless;

/// How long the kernel may take for one answer.
const TIMEOUT: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
/// The kernel's pages for a dump are at most this large.
const PAGE: usize = 32 * 1024;
/// Messages of one answer; no machine has as many interfaces.
const MOST: usize = 1024;

// `linux/netlink.h` and `linux/genetlink.h`.
const REQUEST: u16 = 0x1;
const ACKNOWLEDGE: u16 = 0x4;
const DUMP: u16 = 0x300;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const CONTROL: u16 = 16;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
// `linux/nl80211.h`.
const GET_INTERFACE: u8 = 5;
const GET_STATION: u8 = 17;

/// The connected interfaces; `None` where the kernel knows nothing of `nl80211`.
pub fn ask() -> io::Result<Option<Vec<Wireless>>> {
    let socket = open()?;
    let Some(family) = family(&socket, "nl80211")? else { return Ok(None) };
    let mut found = Vec::new();
    for attributes in talk(&socket, family, GET_INTERFACE, DUMP, &[])? {
        let Some((index, mut wireless)) = interface_of(&attributes) else { continue };
        let which = attribute(IFINDEX, &index.to_ne_bytes());
        // One that is none of a network's has no stations, and may not be asked.
        let stations = talk(&socket, family, GET_STATION, DUMP, &which).unwrap_or_default();
        if let Some((signal, rate)) = stations.iter().find_map(|a| station_of(a)) {
            (wireless.signal, wireless.rate) = (signal, rate);
            found.push(wireless);
        }
    }
    Ok(Some(found))
}

pub fn open() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(GENERIC))?;
    connect(&socket, &SocketAddrNetlink::new(0, 0))?;
    Ok(socket)
}

/// The number that the kernel has for this family today; `None` if it has none.
pub fn family(socket: &OwnedFd, name: &str) -> io::Result<Option<u16>> {
    let name = attribute(FAMILY_NAME, format!("{name}\0").as_bytes());
    match talk(socket, CONTROL, GET_FAMILY, ACKNOWLEDGE, &name) {
        Ok(answers) => {
            Ok(answers.iter().find_map(|answer| number_u16(Attributes::find(answer, FAMILY_ID)?)))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// An attribute as bytes, filled up to its boundary.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 + value.len().next_multiple_of(4));
    bytes.extend_from_slice(&((4 + value.len()) as u16).to_ne_bytes());
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Asks, and takes the attributes of each message of the answer.
fn talk(
    socket: &OwnedFd,
    family: u16,
    command: u8,
    flags: u16,
    attributes: &[u8],
) -> io::Result<Vec<Vec<u8>>> {
    const HEAD: usize = 16 + 4;
    let mut message = Vec::with_capacity(HEAD + attributes.len());
    message.extend_from_slice(&((HEAD + attributes.len()) as u32).to_ne_bytes());
    message.extend_from_slice(&family.to_ne_bytes());
    message.extend_from_slice(&(REQUEST | flags).to_ne_bytes());
    // Sequence number and port: we ask one thing at a time, and the kernel fills in the port.
    message.extend_from_slice(&[0; 8]);
    message.extend_from_slice(&[command, 1, 0, 0]);
    message.extend_from_slice(attributes);
    send(socket, &message, SendFlags::empty())?;
    let mut answers = Vec::new();
    let mut page = vec![0; PAGE];
    while answers.len() < MOST {
        let mut fds = [PollFd::new(socket, PollFlags::IN)];
        if poll(&mut fds, Some(&TIMEOUT))? == 0 {
            let what = format!("no answer within {:?}", Duration::from_secs(1));
            return Err(io::Error::new(io::ErrorKind::TimedOut, what));
        }
        let (_, length) = recv(socket, &mut page[..], RecvFlags::empty())?;
        let mut rest = &page[..length.min(PAGE)];
        while let Some((head, _)) = rest.split_first_chunk::<16>() {
            let length = u32::from_ne_bytes([head[0], head[1], head[2], head[3]]) as usize;
            let kind = u16::from_ne_bytes([head[4], head[5]]);
            let Some(body) = rest.get(16..length) else { break };
            match kind {
                DONE => return Ok(answers),
                ERROR => {
                    let code = body.first_chunk().map_or(0, |code| i32::from_ne_bytes(*code));
                    // Zero is an acknowledgement: the answer is whole.
                    return match code {
                        0 => Ok(answers),
                        code => Err(io::Error::from_raw_os_error(code.saturating_neg())),
                    };
                }
                kind if kind == family => {
                    answers.push(body.get(4..).unwrap_or_default().to_vec());
                }
                _ => {}
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
    }
    Ok(answers)
}

/// Attributes of netlink: type and bytes, whatever stands there.
struct Attributes<'a>(&'a [u8]);

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
    fn find(bytes: &'a [u8], wanted: u16) -> Option<&'a [u8]> {
        Attributes(bytes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
    }
}

fn number_u16(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.first_chunk()?))
}

fn number_u32(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.first_chunk()?))
}

// Attributes of `linux/nl80211.h`.
const IFINDEX: u16 = 3;
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
fn interface_of(attributes: &[u8]) -> Option<(u32, Wireless)> {
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
fn station_of(attributes: &[u8]) -> Option<(Option<f64>, Option<f64>)> {
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
    fn the_kernel_answers_over_netlink() {
        let Ok(socket) = open() else { return };
        assert_eq!(family(&socket, "nlctrl").expect("an answer"), Some(16));
        assert_eq!(family(&socket, "rainline-none").expect("an answer"), None);
        assert!(ask().is_ok());
    }
}
