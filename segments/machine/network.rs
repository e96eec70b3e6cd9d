//! The network: interfaces and their counters, default routes, own addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Error, Machine, Reader, native, portable};

/// Bytes that an interface has moved since it came up, by a counter of 32 or 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes that came in.
    pub received: u64,
    /// Bytes that went out.
    pub sent: u64,
}

/// A row of `/proc/net/route`, addresses in host order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// At most 15 bytes of any kind, but no blank and no slash.
    pub interface: &'a [u8],
    /// The network that it leads to; 0 is the default route.
    pub destination: u32,
    /// The next router; 0 if there is none.
    pub gateway: u32,
    /// Routes of a lower metric come first.
    pub metric: u32,
    /// The bits of an address that count.
    pub mask: u32,
}

/// An interface's own addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// The IPv4 address.
    pub v4: Option<Ipv4Addr>,
    /// The IPv6 address.
    pub v6: Option<Ipv6Addr>,
}

/// Reads the network again and again.
#[derive(Default)]
pub struct NetworkReader {
    native: native::network::Tables,
    portable: portable::network::Interfaces,
}

impl NetworkReader {
    /// Every interface with its traffic; none where the system does not tell.
    pub fn interfaces(
        &mut self,
        machine: &Machine,
    ) -> Result<impl Iterator<Item = (&[u8], Traffic)>, Error> {
        let (native, portable) = match machine.reader() {
            Reader::Native => (Some(self.native.interfaces(machine)?), None),
            Reader::Portable => (None, Some(self.portable.interfaces()?)),
        };
        Ok(native.into_iter().flatten().chain(portable.into_iter().flatten()))
    }

    /// The traffic of this interface; `None` if there is none of that name.
    pub fn traffic(&mut self, machine: &Machine, name: &[u8]) -> Result<Option<Traffic>, Error> {
        let mut interfaces = self.interfaces(machine)?;
        Ok(interfaces.find_map(|(known, traffic)| (known == name).then_some(traffic)))
    }

    /// What the system calls the state of an interface (`up`, `lowerlayerdown`); empty if unknown.
    pub fn state(&mut self, machine: &Machine, name: &[u8]) -> Vec<u8> {
        match machine.reader() {
            Reader::Native => self.native.state(machine, name),
            Reader::Portable => self.portable.state(name),
        }
    }

    /// The interface of the default route with the lowest metric, of IPv4 before IPv6.
    pub fn default_interface(&mut self, machine: &Machine) -> Result<Option<&[u8]>, Error> {
        match machine.reader() {
            Reader::Native => self.native.default_interface(machine),
            Reader::Portable => self.portable.default_interface(),
        }
    }

    /// The routes of IPv4 that can be used; none by the portable reader, which knows no routes.
    pub fn routes(&mut self, machine: &Machine) -> Result<impl Iterator<Item = Route<'_>>, Error> {
        let native = match machine.reader() {
            Reader::Native => Some(self.native.routes(machine)?),
            Reader::Portable => None,
        };
        Ok(native.into_iter().flatten())
    }

    /// The addresses of this interface.
    pub fn addresses(&mut self, machine: &Machine, interface: &[u8]) -> Result<Addresses, Error> {
        match machine.reader() {
            Reader::Native => self.native.addresses(machine, interface),
            Reader::Portable => self.portable.addresses(interface),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The way to the world goes over the same interface, with an address that both know.
    #[test]
    #[cfg(target_os = "linux")]
    fn both_readers_see_the_same_default_interface() {
        let [native, portable] = Reader::ALL.map(|reader| {
            let machine = Machine::read_by(reader);
            let mut network = NetworkReader::default();
            let interface = network.default_interface(&machine).expect("readable")?.to_owned();
            let addresses = network.addresses(&machine, &interface).expect("readable");
            Some((interface, addresses.v4))
        });
        // Without a route to the world the kernel names no address.
        if portable.is_some() {
            assert_eq!(native, portable);
        }
    }
}
