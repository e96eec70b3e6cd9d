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
    /// The interface's name, any bytes.
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

#[cfg(test)]
mod tests {
    use crate::machine::tests::machine_with;

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
