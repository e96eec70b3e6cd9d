//! This machine's own address: of the interface of the default route, or of one that is named.
//!
//! Nothing is sent to find it out. The address that the world sees may be another (NAT).

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, Scope, Source, Unit, Where,
};
use crate::base::untrusted::Untrusted;
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Addresses, Machine, NetworkReader};

crate::options! {
    /// The interface; empty: the one of the default route.
    interface: String = "",
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "ip",
    about: "This machine's own address.",
    icons: Icons { nerd: "\u{f0a60}", unicode: "ip", ascii: "ip" },
    format: " ($icon ){$v4|$v6} ",
    fields: &[
        Field::new("v4", "the address of IPv4", Unit::Text),
        Field::new("v6", "the address of IPv6 that others can use and that stays", Unit::Text),
        Field::new("interface", "whose addresses they are", Unit::Text),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    place: Where::Daemon,
    pace: Pace::Tick(Duration::from_secs(10)),
    priority: 30,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Ip { options: Options::read(table)?, reader: NetworkReader::default() }))
}

struct Ip {
    options: Options,
    reader: NetworkReader,
}

impl Source for Ip {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let interface = match &*self.options.interface {
            "" => self.reader.default_interface(machine)?.map(<[u8]>::to_owned),
            name => Some(name.as_bytes().to_owned()),
        };
        let Some(interface) = interface else { return Ok(None) };
        let Addresses { v4, v6 } = self.reader.addresses(machine, &interface)?;
        if v4.is_none() && v6.is_none() {
            return Ok(None);
        }
        let mut sample = Sample::new(Level::Idle);
        if let Some(address) = v4 {
            sample = sample.with("v4", Value::text(address.to_string()));
        }
        if let Some(address) = v6 {
            sample = sample.with("v6", Value::text(address.to_string()));
        }
        Ok(Some(sample.with("interface", Value::text(Untrusted::new(interface)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fixture;

    /// Both addresses on a fixture machine.
    fn shown(machine: &str, options: &str) -> Option<[Option<Value>; 2]> {
        let mut source = open(&options.parse().expect("TOML")).expect("good options");
        let sample = source.sample(&fixture(machine), &Ask::default()).expect("readable")?;
        Some(["v4", "v6"].map(|field| sample.get(field).cloned()))
    }

    fn text(text: &str) -> Option<Value> {
        Some(Value::text(text))
    }

    #[test]
    fn the_address_is_the_default_routes_or_the_named_ones() {
        let both = [text("192.168.0.23"), text("2001:db8:1:2::42")];
        assert_eq!(shown("laptop", ""), Some(both));
        assert_eq!(shown("laptop", "interface = 'wg0'"), Some([text("10.9.0.2"), None]));
        assert_eq!(shown("server", ""), Some([text("10.10.10.7"), None]));
    }

    #[test]
    fn without_an_address_nothing_is_shown() {
        assert_eq!(shown("laptop", "interface = 'eth9'"), None);
        for machine in ["empty", "broken", "old"] {
            assert_eq!(shown(machine, ""), None, "{machine}");
        }
    }
}
