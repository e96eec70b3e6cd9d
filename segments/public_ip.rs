//! The address under which the world sees this machine.
//!
//! Only a service out there can tell. It is asked when this segment is on a line, by `curl`, at most
//! every quarter of an hour; it learns nothing but that address. What it answers is an address or is
//! not shown.

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, Scope, Source, Unit, Where,
};
use crate::base::http_cache::HttpCache;
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Machine, ip_address, is_url};

crate::choice! {
    /// The version of the Internet protocol.
    Version { Any = "any", Four = "4", Six = "6" }
}

crate::options! {
    /// Who is asked: any address that answers with nothing but ours.
    url: String = "https://icanhazip.com",
    /// The version of the Internet protocol.
    version: Version = Version::Any,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "public-ip",
    about: "The address under which the world sees this machine; asks a service on the web.",
    icons: Icons { nerd: "\u{f059f}", unicode: "ip", ascii: "ip" },
    format: " ($icon )$ip ",
    fields: &[Field::new("ip", "the address", Unit::Text)],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    place: Where::Worker,
    pace: Pace::Tick(Duration::from_secs(900)),
    priority: 15,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    if !is_url(&options.url) {
        let message = format!("{:?} is no address of the web", options.url);
        return Err(OptionError { key: "url".into(), message });
    }
    let family = match options.version {
        Version::Any => "",
        Version::Four => "-4",
        Version::Six => "-6",
    };
    Ok(Box::new(PublicIp { fetched: HttpCache::new(options.url, family, ip_address) }))
}

struct PublicIp {
    fetched: HttpCache<String>,
}

impl Source for PublicIp {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let ip = self.fetched.get(machine)?;
        Ok(Some(Sample::new(Level::Idle).with("ip", Value::text(&**ip))))
    }

    fn memo(&self) -> Option<String> {
        self.fetched.memo()
    }

    fn recall(&mut self, memo: &str) {
        self.fetched.recall(memo);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::machine_with;

    fn answer(text: &str) -> Result<Option<Sample>, Error> {
        let (_dir, machine) = machine_with(&[("commands/curl", text)]);
        open(&toml::Table::new()).expect("defaults are fine").sample(&machine, &Ask::default())
    }

    #[test]
    fn an_address_is_shown_and_nothing_else_is() {
        let sample = answer("203.0.113.9\n").expect("an answer").expect("an address");
        assert_eq!(sample.get("ip"), Some(&Value::text("203.0.113.9")));
        for text in ["", "<html>login here</html>", "203.0.113.9 203.0.113.9"] {
            assert!(answer(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_address_of_the_web_is_refused() {
        let table = "url = '-o/etc/x'".parse().expect("TOML");
        assert_eq!(open(&table).err().expect("refused").key, "url");
    }
}
