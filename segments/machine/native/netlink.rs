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

use super::wireless::{Attributes, IFINDEX, interface_of, number_u16, station_of};
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
