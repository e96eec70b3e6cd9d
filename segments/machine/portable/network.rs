//! The network by sysinfo, and by asking the system for the address of a socket.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv6Addr, UdpSocket};
use std::os::unix::ffi::OsStrExt;

use sysinfo::{InterfaceOperationalState as State, NetworkData, Networks};

use crate::machine::{Addresses, Error, Traffic};

#[derive(Default)]
pub struct Interfaces(Option<Networks>);

impl Interfaces {
    #[allow(clippy::disallowed_methods, reason = "this is the reader")]
    fn refreshed(&mut self) -> Result<&Networks, Error> {
        let networks = super::made(&mut self.0, Networks::new)?;
        networks.refresh(true);
        Ok(networks)
    }

    fn known(&self, name: &[u8]) -> Option<&NetworkData> {
        self.0.as_ref()?.get(OsStr::from_bytes(name))
    }

    /// By name: sysinfo keeps them in no order.
    pub fn interfaces(&mut self) -> Result<impl Iterator<Item = (&[u8], Traffic)>, Error> {
        let mut all: Vec<_> = self.refreshed()?.iter().collect();
        all.sort_unstable_by_key(|(name, _)| *name);
        Ok(all.into_iter().map(|(name, data)| {
            let (received, sent) = (data.total_received(), data.total_transmitted());
            (name.as_bytes(), Traffic { received, sent })
        }))
    }

    /// In the words that Linux has for them (RFC 2863). As of the last look at the interfaces.
    pub fn state(&self, name: &[u8]) -> Vec<u8> {
        let state = match self.known(name).map(NetworkData::operational_state) {
            Some(State::Up) => "up",
            Some(State::Down) => "down",
            Some(State::Testing) => "testing",
            Some(State::Dormant) => "dormant",
            Some(State::NotPresent) => "notpresent",
            Some(State::LowerLayerDown) => "lowerlayerdown",
            Some(State::Unknown) => "unknown",
            _ => "",
        };
        state.into()
    }

    /// The interface that has the address of a packet to the world. The sockets are connected and send
    /// nothing.
    pub fn default_interface(&mut self) -> Result<Option<&[u8]>, Error> {
        let networks = self.refreshed()?;
        // Addresses for documentation (RFC 5737, RFC 3849), routed like any other.
        let targets = [("0.0.0.0:0", "203.0.113.1:9"), ("[::]:0", "[2001:db8::1]:9")];
        for (from, to) in targets {
            let Some(own) = outward(from, to).filter(|own| !own.is_unspecified()) else { continue };
            let has = |data: &NetworkData| data.ip_networks().iter().any(|net| net.addr == own);
            if let Some((name, _)) = networks.iter().find(|(_, data)| has(data)) {
                return Ok(Some(name.as_bytes()));
            }
        }
        Ok(None)
    }

    pub fn addresses(&mut self, interface: &[u8]) -> Result<Addresses, Error> {
        self.refreshed()?;
        let networks = self.known(interface).map_or(&[][..], NetworkData::ip_networks);
        let own = || networks.iter().map(|network| network.addr).filter(|own| !own.is_loopback());
        let v4 = own().find_map(|own| match own {
            IpAddr::V4(own) => Some(own),
            IpAddr::V6(_) => None,
        });
        let v6 = own().filter_map(|own| match own {
            IpAddr::V6(own) if !own.is_unicast_link_local() => Some(own),
            _ => None,
        });
        Ok(Addresses { v4, v6: v6.min_by_key(Ipv6Addr::is_unique_local) })
    }
}

fn outward(from: &str, to: &str) -> Option<IpAddr> {
    let socket = UdpSocket::bind(from).ok()?;
    socket.connect(to).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
