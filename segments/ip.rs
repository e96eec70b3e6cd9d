//! This machine's own IP addresses: those of the interface of the default route, or of a chosen
//! one.
//!
//! They are read from the kernel; nothing is sent. The address that others see may be different
//! (NAT), see `public-ip`.

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::untrusted::Untrusted;
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Addresses, Machine, NetworkReader};

options! {
    /// The interface; empty: the one of the default route.
    interface: String = "",
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "ip",
    about: "This machine's own IP address.",
    icons: Icons { nerd: "\u{f0a60}", unicode: "ip", ascii: "ip" },
    format: " ($icon ){$v4|$v6} ",
    fields: &[
        Field::new("v4", "the IPv4 address", Unit::Text),
        Field::new("v6", "the IPv6 address that others can use, not a temporary one", Unit::Text),
        Field::new("interface", "the interface with these addresses", Unit::Text),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Daemon,
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
        let sample = Sample::new(Level::Idle)
            .with_some("v4", v4.map(|address| Value::text(address.to_string())))
            .with_some("v6", v6.map(|address| Value::text(address.to_string())))
            .with("interface", Value::text(Untrusted::new(interface)));
        Ok(Some(sample))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::sample_with;
    use crate::machine::fixture;

    /// Both addresses on a fixture machine.
    fn shown(machine: &str, options: &str) -> Option<[Option<Value>; 2]> {
        let sample = sample_with(&SEGMENT, options, &fixture(machine))?;
        Some(["v4", "v6"].map(|field| sample.get(field).cloned()))
    }

    fn text(text: &str) -> Option<Value> {
        Some(Value::text(text))
    }

    #[test]
    fn the_address_is_of_the_default_route_or_the_chosen_interface() {
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
