//! How many containers and virtual machines run here, from the names of control groups and
//! systemd's list of machines.
//!
//! A control group's name says which engine made it. No engine's socket is used: that would need
//! permissions, and would wake engines that start on demand. Containers within containers are not
//! counted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

options! {
    /// Engines to count: `docker`, `podman`, `cri-o`, `containerd`, `kubernetes`, `lxc`, `machine`;
    /// empty: all.
    engines: Vec<String> = Vec::<String>::new(),
    /// Hidden below this number; with 0, an installed engine without containers shows 0.
    hide_when_below: u32 = 1_u32,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "containers",
    about: "How many containers and virtual machines run here.",
    icons: Icons { nerd: "\u{f0868}", unicode: "ctr", ascii: "ctr" },
    format: " ($icon )$count ",
    fields: &[
        Field::new("count", "running containers and virtual machines", Unit::Count),
        Field::new("engines", "the number of each engine: `docker 2, podman 1`", Unit::Text),
        Field::new("names", "the names of those that have one", Unit::Text),
        Field::new("history", "history of the count", Unit::History("count")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    // It lists a few hundred directories.
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(10)),
    priority: 25,
    open,
};

/// Prefixes of control groups before the container's ID, and their engines. A `.scope` suffix is
/// optional.
const PREFIXES: [(&str, &str); 5] = [
    ("docker-", "docker"),
    ("libpod-", "podman"),
    ("crio-", "cri-o"),
    ("cri-containerd-", "containerd"),
    ("nerdctl-", "containerd"),
];
/// Parent groups in which a name that is only an ID is a container.
const PARENTS: [(&str, &str); 3] =
    [("docker", "docker"), ("libpod_parent", "podman"), ("kubepods", "kubernetes")];
/// Sockets of engines: one that exists means that the engine is installed.
const SOCKETS: [(&str, &str); 6] = [
    ("/run/docker.sock", "docker"),
    ("/run/podman/podman.sock", "podman"),
    ("/run/crio/crio.sock", "cri-o"),
    ("/run/containerd/containerd.sock", "containerd"),
    ("/var/lib/incus/unix.socket", "lxc"),
    ("/var/lib/lxd/unix.socket", "lxc"),
];
const MACHINES: &str = "/run/systemd/machines";
const ROOT: &str = "/sys/fs/cgroup";
/// Hierarchies of cgroup v1; every container is in one of them.
const V1_HIERARCHIES: [&str; 3] = ["pids", "memory", "systemd"];
/// `user.slice/user-1000.slice/user@1000.service/user.slice/libpod-….scope` is five deep,
/// Kubernetes' four.
const MAX_DEPTH: usize = 7;
/// The most directories that are listed.
const MAX_DIRECTORIES: usize = 4096;

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Containers { options: Options::read(table)? }))
}

struct Containers {
    options: Options,
}

/// The containers and machines that run.
#[derive(Default)]
struct Running {
    by_engine: BTreeMap<&'static str, usize>,
    names: Vec<String>,
}

impl Source for Containers {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let mut running = Running::default();
        let is_v2 = machine.lstat(format!("{ROOT}/cgroup.controllers")).is_ok();
        let root = match is_v2 {
            true => Some(PathBuf::from(ROOT)),
            false => V1_HIERARCHIES
                .iter()
                .map(|name| Path::new(ROOT).join(name))
                .find(|dir| machine.lstat(dir).is_ok_and(|stat| stat.is_dir)),
        };
        if let Some(root) = root {
            walk(machine, &root, "", 0, &mut { MAX_DIRECTORIES }, &mut running);
        }
        for entry in machine.list(MACHINES).unwrap_or_default() {
            // `unit:…` are links to the named entries.
            let name = entry.name.to_string_lossy();
            if !name.contains(':') && !entry.is_dir {
                *running.by_engine.entry("machine").or_default() += 1;
                running.names.push(name.into_owned());
            }
        }
        let wanted = &self.options.engines;
        let is_wanted =
            |engine: &str| wanted.is_empty() || wanted.iter().any(|name| name == engine);
        running.by_engine.retain(|engine, _| is_wanted(engine));
        let count: usize = running.by_engine.values().sum();
        if count < self.options.hide_when_below as usize {
            return Ok(None);
        }
        if count == 0 {
            let is_installed = |(path, engine): &(&str, &str)| {
                is_wanted(engine) && machine.lstat(path).is_ok_and(|stat| stat.is_socket)
            };
            if !SOCKETS.iter().any(is_installed) {
                return Ok(None);
            }
        }
        let each = running.by_engine.iter().map(|(engine, count)| format!("{engine} {count}"));
        let engines: Vec<String> = each.collect();
        let mut sample = Sample::new(Level::Idle)
            .with("count", Value::number(count as f64))
            .with_some("engines", (!engines.is_empty()).then(|| Value::text(engines.join(", "))));
        if !running.names.is_empty() && (is_wanted("machine") || is_wanted("lxc")) {
            sample = sample.with("names", Value::text(running.names.join(" ")));
        }
        Ok(Some(sample))
    }
}

fn walk(
    machine: &Machine,
    dir: &Path,
    parent: &str,
    depth: usize,
    left: &mut usize,
    into: &mut Running,
) {
    for name in machine.directories(dir) {
        if *left == 0 {
            return;
        }
        *left -= 1;
        match engine(&name, parent) {
            Some((engine, named)) => {
                *into.by_engine.entry(engine).or_default() += 1;
                into.names.extend(named);
            }
            None if depth < MAX_DEPTH => {
                // Everything below `kubepods` belongs to Kubernetes, at any depth.
                let parent = if parent == "kubepods" { parent } else { &*name };
                let parent = if name.starts_with("kubepods") { "kubepods" } else { parent };
                walk(machine, &dir.join(&name), parent, depth + 1, left, into);
            }
            None => {}
        }
    }
}

/// The engine of a control group that is a container, and the container's name if it has one.
fn engine(name: &str, parent: &str) -> Option<(&'static str, Option<String>)> {
    let bare = name.strip_suffix(".scope").unwrap_or(name);
    for (prefix, engine) in PREFIXES {
        // `libpod-conmon-…` and similar groups hold the monitor, not the container.
        if bare.strip_prefix(prefix).is_some_and(is_id) {
            return Some((engine, None));
        }
    }
    if let Some((_, engine)) = PARENTS.iter().find(|(known, _)| *known == parent)
        && is_id(bare)
    {
        return Some((engine, None));
    }
    let lxc = bare.strip_prefix("lxc.payload.").or_else(|| {
        let keeper = bare.starts_with("lxc.") || bare.starts_with("lxc-");
        (parent == "lxc" && !keeper).then_some(bare)
    });
    lxc.map(|name| ("lxc", Some(name.to_owned())))
}

/// Whether it is a container ID: 64 hexadecimal digits, or a shortened form of at least 12.
fn is_id(text: &str) -> bool {
    (12..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::sample_with;
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    const NUMBER: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn names_of_control_groups_give_the_engine() {
        let whose = |name: &str, parent: &str| engine(&name.replace('#', NUMBER), parent);
        let plain = |engine| Some((engine, None));
        assert_eq!(whose("docker-#.scope", "system.slice"), plain("docker"));
        assert_eq!(whose("libpod-#.scope", "user.slice"), plain("podman"));
        assert_eq!(whose("libpod-conmon-#.scope", "user.slice"), None);
        assert_eq!(whose("#", "docker"), plain("docker"));
        assert_eq!(whose("#", "elsewhere"), None);
        assert_eq!(whose("lxc.payload.web", ""), Some(("lxc", Some("web".into()))));
        assert_eq!(whose("lxc.monitor.web", ""), None);
        assert_eq!(whose("web", "lxc"), Some(("lxc", Some("web".into()))));
        assert_eq!(whose("docker.service", "system.slice"), None);
        assert_eq!(whose("docker-abc.scope", "system.slice"), None);
    }

    #[test]
    fn containers_of_all_engines_are_counted() {
        let sample = sample_with(&SEGMENT, "", &fixture("server")).expect("containers");
        assert_eq!(sample.get("count"), Some(&Value::number(4.0)));
        let engines = "docker 2, kubernetes 1, machine 1";
        assert_eq!(sample.get("engines"), Some(&Value::text(engines)));
        assert_eq!(sample.get("names"), Some(&Value::text("build")));
        let some =
            sample_with(&SEGMENT, "engines = ['docker']", &fixture("server")).expect("containers");
        assert_eq!(some.get("count"), Some(&Value::number(2.0)));
        assert_eq!(some.get("names"), None);
    }

    #[test]
    fn cgroup_v1_is_read_in_one_hierarchy() {
        let path = |controller: &str| format!("sys/fs/cgroup/{controller}/docker/{NUMBER}/tasks");
        let (_dir, machine) = machine_with(&[(&path("pids"), "1\n"), (&path("memory"), "1\n")]);
        let sample = sample_with(&SEGMENT, "", &machine).expect("a container");
        assert_eq!(sample.get("count"), Some(&Value::number(1.0)));
    }

    #[test]
    fn containers_in_containers_are_not_counted() {
        let path = format!("sys/fs/cgroup/docker/{NUMBER}/docker/{NUMBER}/cgroup.procs");
        let (_dir, machine) =
            machine_with(&[("sys/fs/cgroup/cgroup.controllers", "\n"), (&path, "1\n")]);
        let sample = sample_with(&SEGMENT, "", &machine).expect("a container");
        assert_eq!(sample.get("count"), Some(&Value::number(1.0)));
    }

    #[test]
    fn an_engine_without_containers_can_show_zero() {
        let (_dir, machine) = machine_with(&[("sockets", "/run/docker.sock 660 listening\n")]);
        assert_eq!(sample_with(&SEGMENT, "", &machine), None);
        let sample = sample_with(&SEGMENT, "hide-when-below = 0", &machine).expect("an engine");
        assert_eq!(sample.get("count"), Some(&Value::number(0.0)));
        assert_eq!(sample_with(&SEGMENT, "hide-when-below = 0", &fixture("empty")), None);
    }
}
