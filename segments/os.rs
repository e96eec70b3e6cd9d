//! The operating system: distribution, release, architecture and kernel, from `os-release` and
//! `uname`.

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::untrusted::Untrusted;
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

options! {}

pub(crate) static SEGMENT: Kind = Kind {
    name: "os",
    about: "The distribution, its release, the architecture and the kernel.",
    icons: Icons { nerd: "\u{f033d}", unicode: "", ascii: "" },
    format: " ($icon )$name.text(max:24)( $release) ",
    fields: &[
        Field::new("name", "the distribution's name, else the kernel's", Unit::Text),
        Field::new("id", "the distribution's short name (`debian`)", Unit::Text),
        Field::new("release", "the release's number, if it has one", Unit::Text),
        Field::new("codename", "the release's name, if it has one", Unit::Text),
        Field::new("arch", "the architecture (`x86_64`)", Unit::Text),
        Field::new("kernel", "the running kernel's version", Unit::Text),
        Field::new("logo", "the distribution's logo in nerd fonts, else its id", Unit::Text),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Daemon,
    pace: Pace::Tick(Duration::from_secs(600)),
    priority: 15,
    open,
};

/// Logos of Nerd Fonts (Font Logos), by the id of os-release(5).
const LOGOS: &[(&str, &str)] = &[
    ("almalinux", "\u{f31d}"),
    ("alpine", "\u{f300}"),
    ("arch", "\u{f303}"),
    ("centos", "\u{f304}"),
    ("debian", "\u{f306}"),
    ("devuan", "\u{f307}"),
    ("elementary", "\u{f309}"),
    ("fedora", "\u{f30a}"),
    ("freebsd", "\u{f30c}"),
    ("gentoo", "\u{f30d}"),
    ("linuxmint", "\u{f30e}"),
    ("manjaro", "\u{f312}"),
    ("nixos", "\u{f313}"),
    ("opensuse", "\u{f314}"),
    ("raspbian", "\u{f315}"),
    ("rhel", "\u{f316}"),
    ("slackware", "\u{f318}"),
    ("ubuntu", "\u{f31b}"),
];

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Options::read(table)?;
    Ok(Box::new(Os))
}

struct Os;

impl Source for Os {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let release = machine.os_release();
        let (kernel, arch) = (machine.kernel(), machine.architecture());
        let id = release.id.unwrap_or_default();
        let Some(name) = release
            .name
            .or_else(|| (!id.is_empty()).then(|| id.clone()))
            .or_else(|| (!kernel.is_empty()).then(|| format!("{} {kernel}", machine.system())))
        else {
            return Ok(None);
        };
        let mut sample = Sample::new(Level::Idle).with("name", Value::text(Untrusted::new(name)));
        // `opensuse-leap` is opensuse; a distribution without a logo has the one it is based on.
        let mut candidates = [&*id, id.split('-').next().unwrap_or_default()]
            .into_iter()
            .chain(release.id_like.iter().map(String::as_str));
        let logo = candidates.find_map(|id| LOGOS.iter().find(|(known, _)| *known == id));
        if !id.is_empty() {
            let glyph = logo.map_or(&*id, |(_, glyph)| glyph);
            // An id should be ASCII only (os-release(5)).
            let plain = Untrusted::new(id.replace(|c: char| !c.is_ascii_graphic(), "?"));
            let plain = plain.reveal();
            sample = sample
                .with("logo", Value::sign(glyph, plain, plain))
                .with("id", Value::text(Untrusted::new(&id)));
        }
        let more = [
            ("release", release.version_id),
            ("codename", release.codename),
            ("arch", Some(arch)),
            ("kernel", Some(kernel)),
        ];
        for (field, value) in more {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                sample = sample.with(field, Value::text(Untrusted::new(value)));
            }
        }
        Ok(Some(sample))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    fn shown(machine: &Machine) -> Option<Sample> {
        let mut source = open(&toml::Table::new()).expect("no options");
        source.sample(machine, &Ask::default()).expect("no error")
    }

    #[test]
    fn a_laptop_knows_its_distribution() {
        let sample = shown(&fixture("laptop")).expect("known");
        let of = |field| sample.get(field).cloned();
        assert_eq!(of("name"), Some(Value::text("Ubuntu")));
        assert_eq!(
            (of("release"), of("codename")),
            (Some(Value::text("24.04")), Some(Value::text("noble")))
        );
        assert_eq!(of("logo"), Some(Value::sign("\u{f31b}", "ubuntu", "ubuntu")));
        assert_eq!(of("arch"), Some(Value::text("x86_64")));
    }

    #[test]
    fn a_related_logo_and_the_kernels_name_are_fallbacks() {
        let (_dir, machine) =
            machine_with(&[("etc/os-release", "ID=mine\nID_LIKE=\"odd debian\"\n")]);
        let sample = shown(&machine).expect("known");
        assert_eq!(sample.get("logo"), Some(&Value::sign("\u{f306}", "mine", "mine")));
        assert_eq!(sample.get("name"), Some(&Value::text("mine")));
        let (_dir, machine) = machine_with(&[("proc/sys/kernel/osrelease", "2.6.32\n")]);
        let sample = shown(&machine).expect("known");
        assert_eq!(sample.get("name"), Some(&Value::text("Linux 2.6.32")));
        assert_eq!(shown(&machine_with(&[]).1), None);
        let logos: Vec<_> = LOGOS.iter().map(|(id, _)| id).collect();
        assert!(logos.is_sorted());
    }
}
