//! The IP address under which others see this machine, from a service on the web.
//!
//! The service is asked by `curl`, only if this segment is on a line, and at most every quarter of
//! an hour. It learns nothing but the address. An answer that is not an address is not shown.

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, choice, options,
};
use crate::base::http_cache::HttpCache;
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Machine, ip_address, is_url};

choice! {
    /// A version of the Internet Protocol.
    Version { Any = "any", Four = "4", Six = "6" }
}

options! {
    /// The address of a service that answers with the IP address and nothing else.
    url: String = "https://icanhazip.com",
    /// The version of the Internet Protocol.
    version: Version = Version::Any,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "public-ip",
    about: "The IP address under which others see this machine, from a service on the web.",
    icons: Icons { nerd: "\u{f059f}", unicode: "ip", ascii: "ip" },
    format: " ($icon )$ip ",
    fields: &[Field::new("ip", "the address", Unit::Text)],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(900)),
    priority: 15,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    if !is_url(&options.url) {
        let message = format!("{:?} is not a web address", options.url);
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

    fn save(&self) -> Option<String> {
        self.fetched.save()
    }

    fn restore(&mut self, saved: &str) {
        self.fetched.restore(saved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::refused;
    use crate::machine::tests::machine_with;

    fn answer(text: &str) -> Result<Option<Sample>, Error> {
        let (_dir, machine) = machine_with(&[("commands/curl", text)]);
        open(&toml::Table::new()).expect("defaults are fine").sample(&machine, &Ask::default())
    }

    #[test]
    fn only_an_address_is_shown() {
        let sample = answer("203.0.113.9\n").expect("an answer").expect("an address");
        assert_eq!(sample.get("ip"), Some(&Value::text("203.0.113.9")));
        for text in ["", "<html>login here</html>", "203.0.113.9 203.0.113.9"] {
            assert!(answer(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_invalid_url_is_refused() {
        assert_eq!(refused(&SEGMENT, "url = '-o/etc/x'").key, "url");
    }
}
