//! Whether the machine needs a restart: a package asked for it (`/run/reboot-required`), or the
//! running kernel's modules were replaced, so that it cannot load any more of them.
//!
//! In a container the kernel is that of the host, and its modules do not matter.

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

options! {
    /// Whether the running kernel's modules are checked, too.
    kernel: bool = true,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "reboot-required",
    about: "Whether the machine needs a restart.",
    icons: Icons { nerd: "\u{f0709}", unicode: "reboot", ascii: "reboot" },
    format: " $icon( $packages) ",
    fields: &[
        Field::new("reason", "`packages` or `kernel`", Unit::Text),
        Field::new("packages", "number of packages that need it, if known", Unit::Count),
        Field::new("names", "names of these packages, separated by spaces", Unit::Text),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(60)),
    priority: 55,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(RebootRequired { options: Options::read(table)? }))
}

struct RebootRequired {
    options: Options,
}

/// Files that packages create to ask for a restart, on Debian and on openSUSE.
const FLAGS: [&str; 2] = ["/run/reboot-required", "/run/reboot-needed"];

impl Source for RebootRequired {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        if FLAGS.iter().any(|flag| machine.lstat(flag).is_ok()) {
            let names = machine.read("/run/reboot-required.pkgs").unwrap_or_default();
            let names = String::from_utf8_lossy(&names).into_owned();
            // A package that was upgraded twice is listed twice.
            let mut names: Vec<&str> = names.split_ascii_whitespace().collect();
            names.sort_unstable();
            names.dedup();
            let sample = Sample::new(Level::Warning).with("reason", Value::text("packages"));
            if names.is_empty() {
                return Ok(Some(sample));
            }
            let count = Value::number(names.len() as f64);
            let names = Value::text(names.join(" "));
            return Ok(Some(sample.with("packages", count).with("names", names)));
        }
        let replaced = self.options.kernel && !is_container(machine) && is_replaced(machine);
        Ok(replaced.then(|| Sample::new(Level::Warning).with("reason", Value::text("kernel"))))
    }
}

/// Whether the running kernel's modules are gone and another kernel's exist. A kernel without
/// modules has no such directory at all.
fn is_replaced(machine: &Machine) -> bool {
    const DIR: &str = "/lib/modules";
    let kernel = machine.kernel();
    if kernel.is_empty() || kernel.contains('/') || machine.lstat(format!("{DIR}/{kernel}")).is_ok()
    {
        return false;
    }
    let others = machine.list(DIR).unwrap_or_default();
    let is_kernel = |name: &std::ffi::OsStr| {
        // A removed kernel may leave an empty directory.
        name.to_str().is_some_and(|name| machine.lstat(format!("{DIR}/{name}/modules.dep")).is_ok())
    };
    others.iter().any(|entry| entry.is_dir && is_kernel(&entry.name))
}

/// By the marks of systemd, Docker and Podman.
fn is_container(machine: &Machine) -> bool {
    ["/run/systemd/container", "/.dockerenv", "/run/.containerenv"]
        .iter()
        .any(|mark| machine.lstat(mark).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::sample_with;
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    #[test]
    fn packages_can_ask_for_a_restart() {
        let asked = [("run/reboot-required", "*** System restart required ***\n")];
        let sample = sample_with(&SEGMENT, "", &machine_with(&asked).1).expect("asked for");
        assert_eq!((sample.level, sample.get("packages")), (Level::Warning, None));
        assert!(sample_with(&SEGMENT, "", &machine_with(&[("run/reboot-needed", "")]).1).is_some());
        let named = [asked[0], ("run/reboot-required.pkgs", "linux-image-6.1\nlibc6\nlibc6\n")];
        let sample = sample_with(&SEGMENT, "", &machine_with(&named).1).expect("asked for");
        assert_eq!(sample.get("packages"), Some(&Value::number(2.0)));
        assert_eq!(sample.get("names"), Some(&Value::text("libc6 linux-image-6.1")));
    }

    #[test]
    fn a_kernel_without_its_modules_needs_a_restart() {
        let running = ("proc/sys/kernel/osrelease", "6.9.1\n");
        let other = ("lib/modules/6.10.0/modules.dep", "");
        let reason = |options: &str, files: &[(&str, &str)]| {
            sample_with(&SEGMENT, options, &machine_with(files).1)
                .and_then(|sample| sample.get("reason").cloned())
        };
        assert_eq!(reason("", &[running, other]), Some(Value::text("kernel")));
        assert_eq!(reason("kernel = false", &[running, other]), None);
        assert_eq!(reason("", &[running, other, (".dockerenv", "")]), None);
        assert_eq!(reason("", &[running, other, ("lib/modules/6.9.1/x", "")]), None);
        assert_eq!(reason("", &[running, ("lib/modules/6.10.0/extra/x", "")]), None);
        assert_eq!(reason("", &[running]), None, "a kernel that has no modules");
        assert_eq!(reason("", &[other]), None, "no telling");
        assert_eq!(reason("", &[("proc/sys/kernel/osrelease", "../../x\n"), other]), None);
    }

    #[test]
    fn only_the_server_needs_a_restart() {
        assert!(sample_with(&SEGMENT, "", &fixture("server")).is_some());
        for machine in ["laptop", "container", "empty", "broken"] {
            assert_eq!(sample_with(&SEGMENT, "", &fixture(machine)), None, "{machine}");
        }
    }
}
