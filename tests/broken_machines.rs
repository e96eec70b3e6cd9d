//! Machines on which something is wrong: the line stays whole and true, the client ends well, and
//! `rainline doctor` knows the reason.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Instant;

use rainline_segments::{ALL, Scope};
use rustix::process::Signal;

use crate::support::machine::{Machine, SETTLED, fixtures};
use crate::support::{Sandbox, at_once, guard, namespace, root, signal};

/// A machine of these files, and a daemon on it with this config.
pub(crate) fn machine(
    files: &[(&str, impl AsRef<[u8]>)],
    config: &str,
) -> (tempfile::TempDir, Machine) {
    let root = guard::temporary();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
    let machine = Machine::new(root.path());
    machine.sandbox.configure(config);
    (root, machine)
}

/// What the left side shows, each change once, until it shows `last`.
#[track_caller]
fn changes(machine: &Machine, last: &str) -> Vec<String> {
    let start = Instant::now();
    let mut seen: Vec<String> = Vec::new();
    loop {
        let line = machine.print("plain", "left", 80).trim_end().to_owned();
        if seen.last() != Some(&line) {
            seen.push(line);
        }
        if seen.last().is_some_and(|line| line == last) {
            return seen;
        }
        assert!(start.elapsed() < SETTLED, "never {last:?}: {seen:?}");
    }
}

const NETWORK: &str = "[line.terminal]\nleft = ['text', 'network']\n[segment.text]\ntext = 'here'\n\
    format = '$text'\n[segment.network]\ninterface = 'eth0'\n\
    format = ' $down.num() $up.num() $state'\n";

/// A machine whose interface moved so many bytes at each second of its life; `None`: it is away.
fn network(readings: &[Option<(u64, u64)>]) -> (tempfile::TempDir, Machine) {
    let mut files = vec![("sys/class/net/eth0/operstate".to_owned(), "up\n".to_owned())];
    let mut reads = 0;
    for (second, reading) in (1..).zip(readings) {
        let mut text = "head\nhead\n    lo: 9 9 0 0 0 0 0 0 9 9\n".to_owned();
        if let Some((down, up)) = reading {
            writeln!(text, "  eth0: {down} 1 0 0 0 0 0 0 {up} 1").expect("a string");
            // The clock is looked at only where there is an interface.
            reads += 1;
            files.push((format!("proc/uptime@{reads}"), format!("{}.00 1.00\n", 100 + second)));
        }
        files.push((format!("proc/net/dev@{second}"), text));
    }
    let files: Vec<_> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
    machine(&files, NETWORK)
}

/// A stretch of readings may pass between two looks; what is seen must be among them, in order.
#[track_caller]
fn in_order(seen: &[String], expected: &[&str]) {
    let mut rest = expected.iter();
    for line in seen {
        assert!(rest.any(|known| known == line), "{line:?} of {seen:?} is out of {expected:?}");
    }
}

#[test]
fn an_interface_that_vanishes_leaves_the_line_and_comes_back_without_a_jump() {
    let away = None;
    let (_root, machine) = network(&[
        Some((0, 0)),
        Some((1000, 500)),
        away,
        away,
        Some((9_000_000_000, 7_000_000_000)),
        Some((9_000_000_020, 7_000_000_010)),
    ]);
    let seen = changes(&machine, "here╱ 20 10 up");
    in_order(
        &seen,
        &["here", "here╱ – – up", "here╱ 1000 500 up", "here", "here╱ – – up", "here╱ 20 10 up"],
    );
}

#[test]
fn counters_that_go_backwards_or_come_round_make_no_jump() {
    let wrap = u64::from(u32::MAX);
    let (_root, machine) = network(&[
        Some((wrap - 3000, 10)),
        Some((wrap - 1000, 20)),
        Some((500, 30)),
        Some((700, 10)),
        Some((800, 17)),
    ]);
    let seen = changes(&machine, "here╱ 100 7 up");
    in_order(&seen, &["here", "here╱ – – up", "here╱ 2000 10 up", "here╱ 100 7 up"]);
}

/// A file system whose server never answers: a FUSE mount without a server, in a [`namespace`].
#[test]
fn a_mount_that_hangs_delays_no_line_and_the_doctor_names_it() {
    let sandbox = Sandbox::new();
    let mount = sandbox.path("hung");
    fs::create_dir(&mount).expect("a directory");
    let config = format!(
        "[line.terminal]\nleft = ['text', 'root', 'hung']\n[segment.text]\ntext = 'here'\n\
         format = '$text'\n[segment.root]\nuse = 'disk'\nformat = ' root $usage.pct(w:1)'\n\
         [segment.hung]\nuse = 'disk'\npath = {mount:?}\nformat = ' hung $usage.pct(w:1)'\n"
    );
    sandbox.configure(&config);
    // A print fails the test by failing, or by not coming to an end.
    let script = r#"
        # Redirecting fails a subshell only; the same for `exec` here would end the script with 2.
        (exec 3<>/dev/fuse) || exit 77
        exec 3<>/dev/fuse
        mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none "$1" || exit 77
        { start_daemon
          until "$2" daemon status | grep -q '^segment hung .*failed'; do
              timeout 30 "$2" print terminal left --target plain --columns 80 --deadline 3000 || exit 79
          done
          timeout 30 "$2" print terminal left --target plain --columns 80 --deadline 3000 || exit 79
          "$2" doctor | grep 'segment hung' || exit 80
          "$2" daemon stop >&2 || exit 81; } 3>&-
    "#;
    let Some(output) = namespace::run(&sandbox, script, &mount) else { return };
    let lines: Vec<_> = output.lines().collect();
    let (reason, lines) = lines.split_last().expect("a reason");
    assert!(reason.contains("segment hung") && reason.contains("took too long"), "{output}");
    assert!(lines.len() > 1, "{output}");
    for line in lines {
        assert!(line.trim_start_matches('!').trim_start().starts_with("here"), "{line:?}");
        assert!(!line.contains("hung 0%") && line.chars().count() <= 80, "{line:?}");
    }
    let last = lines.last().expect("a line");
    assert!(last.contains(" root ") && last.contains('%'), "another disk was held up: {last:?}");
}

/// What one format of one kind shows on a machine of these files, once it shows that.
#[track_caller]
fn shows(files: &[(&str, &str)], kind: &str, format: &str, expected: &str) {
    let config =
        format!("[line.terminal]\nleft = ['{kind}']\n[segment.{kind}]\nformat = '{format}'\n");
    let (_root, machine) = machine(files, &config);
    changes(&machine, expected);
}

/// Without `MemAvailable` (Linux before 3.14) free memory and cache are available.
#[test]
fn memory_is_known_without_the_kernels_own_available() {
    let meminfo = "MemTotal: 1000 kB\nMemFree: 300 kB\nCached: 150 kB\nBuffers: 50 kB\n";
    shows(&[("proc/meminfo", meminfo)], "memory", "$usage.pct(w:1) $used.num()", "50% 512000");
}

/// A container that sees its own limit and its host's cache.
#[test]
fn memory_of_two_machines_mixed_stays_within_the_whole() {
    let meminfo = "MemTotal: 4000000 kB\nMemFree: 2000000 kB\nMemAvailable: 11000000 kB\n\
        Buffers: 100000 kB\nCached: 2500000 kB\nShmem: 200000 kB\nSReclaimable: 300000 kB\n\
        SwapTotal: 2048000 kB\nSwapFree: 1024000 kB\n";
    let files = [("proc/meminfo", meminfo)];
    shows(&files, "memory", "$usage.pct(w:1) $parts.stack(w:8)", "5% +ooo----");
    let config = "[line.terminal]\nleft = ['memory', 'swap']\n[segment.memory]\nformat = '$used.num() '\n\
        [segment.swap]\nformat = '$usage.pct(w:1)'\n";
    let (_root, machine) = machine(&files, config);
    changes(&machine, "204800000 ╱50%");
}

/// Counters that stand still say nothing; they are neither 0 % nor 100 %.
#[test]
fn frozen_counters_of_processors_are_no_reading() {
    let frozen = "cpu 100 0 100 800 0 0 0 0 0 0\ncpu0 100 0 100 800 0 0 0 0 0 0\n";
    let moved = "cpu 150 0 100 850 0 0 0 0 0 0\ncpu0 150 0 100 850 0 0 0 0 0 0\n";
    let config =
        "[line.terminal]\nleft = ['cpu']\n[segment.cpu]\nformat = '$usage.pct(w:1) of $count'\n";
    let (_root, machine) = machine(&[("proc/stat", frozen), ("proc/stat@4", moved)], config);
    let seen = changes(&machine, "50% of 1");
    in_order(&seen, &["", "–% of 1", "50% of 1"]);
}

#[test]
fn a_machine_without_batteries_has_no_battery_in_its_line() {
    let config = "[line.terminal]\nleft = ['text', 'battery']\n[segment.text]\ntext = 'here'\nformat = '$text'\n";
    let mains = [
        ("sys/class/power_supply/AC/type", "Mains\n"),
        ("sys/class/power_supply/AC/online", "1\n"),
        ("sys/class/power_supply/mouse/type", "Battery\n"),
        ("sys/class/power_supply/mouse/scope", "Device\n"),
        ("sys/class/power_supply/mouse/capacity", "50\n"),
    ];
    for files in [&mains[..], &[("proc/version", "")]] {
        let (_root, machine) = machine(files, config);
        let seen = changes(&machine, "here");
        assert_eq!(seen.last().map(String::as_str), Some("here"));
        let report = machine.sandbox.status().expect("it runs");
        assert!(!report.contains("error"), "{report}");
    }
}

#[test]
fn two_hundred_processors_are_counted_to_the_last() {
    let table = |busy: u32, idle: u32| {
        let mut text = format!("cpu {} 0 0 {} 0 0 0 0 0 0\n", 200 * busy, 200 * idle);
        for number in 0..200 {
            writeln!(text, "cpu{number} {busy} 0 0 {idle} 0 0 0 0 0 0").expect("a string");
        }
        text + "intr 1 2 3\nbtime 1700000000\n"
    };
    let files = [("proc/stat", &*table(1000, 1000)), ("proc/stat@2", &*table(1025, 1075))];
    shows(&files, "cpu", "$count $usage.pct(w:1) $cores.stack(w:4)", "200 25% #---");
}

/// A worker's death costs a reading, not what its source knows: a package manager that is asked once
/// an hour is not asked again.
#[test]
fn what_a_source_remembers_outlives_its_worker() {
    let upgradable = |count: usize| "a/stable 2 amd64 [upgradable from: 1]\n".repeat(count);
    let files = [
        ("clock", "2026-11-23T12:00:00+00:00"),
        ("var/lib/dpkg/status", ""),
        ("times", "/var/lib/dpkg/status 100 100\n"),
        ("commands/apt", &*upgradable(2)),
        ("space", "/ 100 90 90 0 0\n"),
    ];
    let config = "[line.terminal]\nleft = ['updates', 'disk']\n[segment.updates]\ninterval = '1s'\n\
        format = '$count'\n[segment.disk]\ninterval = '1s'\nformat = '$usage.pct(w:1)'\n";
    let (root, machine) = machine(&files, config);
    changes(&machine, "2╱10%");
    let write = |path: &str, text: &str| {
        let draft = root.path().join("draft");
        fs::write(&draft, text).expect("a file");
        fs::rename(draft, root.path().join(path)).expect("a file");
    };
    let kill_workers = || {
        machine.sandbox.workers().into_iter().for_each(|pid| signal(pid, Signal::KILL));
    };
    write("commands/apt", &upgradable(5));
    write("space", "/ 100 80 80 0 0\n");
    kill_workers();
    changes(&machine, "2╱20%");
    // Both are read in the same seconds: a whole round later it would have been asked again.
    write("space", "/ 100 70 70 0 0\n");
    changes(&machine, "2╱30%");
    // A fixture's clock is read as its worker starts.
    write("clock", "2026-11-23T13:00:00+00:00");
    kill_workers();
    changes(&machine, "5╱30%");
}

/// What becomes of a file.
type Mangle = fn(&[u8]) -> Vec<u8>;

/// Every kind there is in one line, on every fixture machine and on ruins of two of them.
#[test]
fn no_segment_breaks_on_any_machine() {
    let names: Vec<_> =
        ALL.iter().filter(|kind| kind.scope == Scope::Machine).map(|kind| kind.name).collect();
    let config = format!("[line.terminal]\nleft = {names:?}\n");
    let ruins = guard::temporary();
    let mangled: [(&str, Mangle); 3] = [
        ("half", |bytes| bytes[..bytes.len() / 2].to_vec()),
        ("numbers", |bytes| {
            bytes.iter().map(|b| if b.is_ascii_digit() { b'9' } else { *b }).collect()
        }),
        ("noise", |bytes| bytes.iter().map(|b| b.wrapping_mul(37).wrapping_add(11)).collect()),
    ];
    let hosts = root().join("tests/hosts");
    let mut roots: Vec<_> = fixtures().into_iter().map(|name| hosts.join(name)).collect();
    for name in ["laptop", "server"] {
        for (how, mangle) in mangled {
            let ruin = ruins.path().join(format!("{name}-{how}"));
            copy(&hosts.join(name), &ruin, mangle);
            roots.push(ruin);
        }
    }
    at_once(roots, |root| {
        let mut machine = Machine::new(&root);
        machine.sandbox.configure(&config);
        for columns in [400, 80, 3] {
            machine.print("plain", "full", columns);
        }
        let ended = machine.daemon.try_wait().expect("ours");
        let status = machine.sandbox.status().expect("it runs");
        assert!(ended.is_none(), "{}: {ended:?}", root.display());
        assert!(!status.contains("a bug"), "{}: {status}", root.display());
    });
}

fn copy(from: &Path, to: &Path, mangle: Mangle) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory").flatten() {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().expect("a type").is_dir() {
            true => copy(&source, &target, mangle),
            false => {
                fs::write(target, mangle(&fs::read(&source).expect("a file"))).expect("a file")
            }
        }
    }
}
