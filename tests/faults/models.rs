//! What must hold for any input and for every call (T70 to T76). The parsers of requests, replies,
//! configs and themes are in `properties`, a day of faults is in `src/daemon/engine/tests/soak.rs`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rainline::readings::history::History;
use rainline::readings::source;
use rainline_segments::{ALL, Ask, Kind, Machine, Unit, Untrusted, Value};
use rustix::process::Signal;

use crate::support::hostile::{Dice, seed};
use crate::support::machine::fixtures;
use crate::support::{Sandbox, guard, root, rounds, signal, until, until_true};

/// What a number in a kernel's file becomes.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "999999999999999999999999999999",
    "0.0000000001",
    "1e999",
    "nan",
    "",
    "0x10",
    "٣",
    " ",
    "4096",
];

/// Changes a file as no kernel and no program should: bytes, numbers, lines, its length.
fn mangle(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        match dice.below(7) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, dice.below(256) as u8),
            2 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = dice.below(256) as u8;
                }
            }
            3 => {
                let end = (at + 1 + dice.below(200)).min(bytes.len());
                bytes.drain(at.min(end)..end);
            }
            4 => {
                let copy = bytes[at..].to_vec();
                bytes.extend(copy.into_iter().take(4096));
            }
            5 => {
                let text = dice.text();
                bytes.splice(at..at, text.bytes());
            }
            _ => {
                // The number that begins at or after the place.
                let digit = |byte: &u8| byte.is_ascii_digit();
                let Some(start) = bytes[at..].iter().position(digit).map(|n| at + n) else {
                    continue;
                };
                let length = bytes[start..].iter().take_while(|byte| digit(byte)).count();
                let number = NUMBERS[dice.below(NUMBERS.len())];
                bytes.splice(start..start + length, number.bytes());
            }
        }
    }
    bytes.truncate(1 << 20);
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_below(&entry.path(), found),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
}

/// A number is what its unit can be, and a text is clean.
fn is_honest(kind: &Kind, name: &str, value: &Value) -> bool {
    let unit = kind.fields.iter().find(|field| field.name == name).map(|field| field.unit);
    let clean = |text: &Untrusted| Untrusted::new(text.reveal()) == *text;
    match value {
        Value::Number { value, full } => {
            let percent = unit != Some(Unit::Percent) || (0.0..=100.0).contains(value);
            value.is_finite() && full.is_none_or(f64::is_finite) && percent
        }
        Value::Text(text) | Value::Live { known: text, .. } => clean(text),
        Value::Parts { parts, whole } => {
            whole.is_finite()
                && parts.iter().all(|part| part.value.is_finite() && part.value >= 0.0)
        }
        _ => true,
    }
}

/// Every parser of `/proc`, `/sys` and other programs' files, on real files with something changed.
#[test]
fn t70_a_mangled_machine_gives_honest_readings_or_none() {
    let mut dice = Dice(seed());
    let mut read = 0;
    for name in fixtures() {
        let copy = guard::temporary();
        let from = root().join("tests/hosts").join(&name);
        let status =
            std::process::Command::new("cp").arg("-r").arg(&from).arg(copy.path()).status();
        assert!(status.expect("cp runs").success());
        let machine_root = copy.path().join(&name);
        let mut files = Vec::new();
        files_below(&machine_root, &mut files);
        // What is at the top describes the fixture itself.
        files.retain(|file| file.parent() != Some(&machine_root));
        if files.is_empty() {
            continue;
        }
        files.sort();
        for round in 0..rounds(12, 1_000) {
            let mangled: Vec<&PathBuf> =
                (0..=files.len() / 8).map(|_| &files[dice.below(files.len())]).collect();
            for file in &mangled {
                let mut bytes = fs::read(file).expect("readable");
                mangle(&mut bytes, &mut dice);
                fs::write(file, bytes).expect("writable");
            }
            let machine = Machine::rooted(&machine_root);
            let ask = Ask { cwd: Some("/".into()), columns: 80, ..Ask::default() };
            for kind in ALL {
                let mut source = source::open(kind, &toml::Table::new()).expect("its defaults");
                for _ in 0..2 {
                    let sample = source::sample(&mut *source, &machine, &ask);
                    assert_ne!(
                        sample.as_ref().err().map(String::as_str),
                        Some(source::PANICKED),
                        "{name}, round {round}: {}",
                        kind.name
                    );
                    let Ok(Some(sample)) = sample else { continue };
                    read += 1;
                    for (field, value) in &sample.values {
                        let place = format!("{name}, round {round}: {}.{field}", kind.name);
                        assert!(is_honest(kind, field, value), "{place} is {value:?}");
                    }
                }
            }
            for file in mangled {
                let name = file.strip_prefix(&machine_root).expect("below it");
                fs::copy(from.join(name), file).expect("as it was");
            }
        }
    }
    println!("{read} readings of mangled files");
    assert!(read > 1000);
}

/// A history file of any bytes is none, or one that can be written and read again; also where its
/// sum is right.
#[test]
fn t70_a_mangled_history_is_read_or_refused() {
    let sandbox = Sandbox::running("[line.x]\nleft = ['cpu', 'memory', 'load', 'updates']\n");
    let file = sandbox.home().join(".local/state/rainline");
    for _ in 0..3 {
        sandbox.print(&["x", "left"]);
    }
    sandbox.until_history_is_read();
    sandbox.stop_daemon();
    let mut files = Vec::new();
    files_below(&file, &mut files);
    let good = files.iter().map(|file| fs::read(file).expect("readable"));
    let good = good.max_by_key(Vec::len).expect("a history file");
    assert!(History::decode(&good).is_some_and(|history| !history.is_empty()));
    // Where the sum is: the only place that changes with what follows it.
    let header = good.len()
        - (0..good.len())
            .find_map(|start| {
                let sum = crc32fast::hash(&good[start..]).to_le_bytes();
                (start >= 4 && good[start - 4..start] == sum).then_some(good.len() - start)
            })
            .expect("a sum");
    let mut dice = Dice(seed());
    let mut accepted = 0;
    for _ in 0..rounds(3_000, 300_000) {
        let mut body = good[header..].to_vec();
        mangle(&mut body, &mut dice);
        let sum = crc32fast::hash(&body).to_le_bytes();
        let bytes = [&good[..header - 4], &sum, &body].concat();
        if let Some(history) = History::decode(&bytes) {
            accepted += 1;
            assert!(History::decode(&history.encode()).is_some());
        }
        let mut bytes = good.clone();
        mangle(&mut bytes, &mut dice);
        assert!(bytes == good || History::decode(&bytes).is_none(), "a wrong sum");
    }
    println!("{accepted} mangled histories with a right sum were histories");
}

/// The lines of an strace log that are calls of these kinds.
fn calls_of<'a>(log: &'a str, names: &'a [&str]) -> impl Iterator<Item = &'a str> {
    log.lines().filter(move |line| {
        let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        names.iter().any(|name| call.strip_prefix(name).is_some_and(|rest| rest.starts_with('(')))
    })
}

const INET: [&str; 2] = ["AF_INET,", "AF_INET6,"];

/// All that a client opens beside what every program does, and whom it connects to.
#[test]
fn t76_a_client_opens_its_runtime_directory_and_nothing_else() {
    let sandbox = Sandbox::running("[line.tmux]\nleft = ['cpu', 'directory', 'session']\n");
    let log = sandbox.path("strace");
    for words in [
        &["print", "tmux", "left", "--deadline", "9000"][..],
        &["set", "nosuch", "1"],
        &["stream", "tmux", "left", "--deadline", "9000"],
    ] {
        let mut command = sandbox.command("strace");
        command.args(["-f", "-e", "trace=%file,%network,open,openat,creat"]);
        command.arg("-o").arg(&log).arg(crate::support::program()).args(words);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("strace runs");
        if words[0] == "stream" {
            until_true("its stream", || sandbox.figure("streams") == Some(1));
            let stream =
                sandbox.processes_named("stream tmux").into_iter().find(|pid| rainline_of(*pid));
            signal(stream.expect("a stream"), Signal::TERM);
        }
        child.wait().expect("it ends");
        let log = fs::read_to_string(&log).expect("a log");
        let opened = calls_of(&log, &["open", "openat", "creat", "openat2"]);
        let runtime = sandbox.runtime();
        // The loader's own, the runtime directory on the way down to it, ourselves; `/dev/null` where
        // a standard descriptor is closed.
        let known = ["/etc/ld.so", "/lib", "/usr/lib", "/proc/self/", "/dev/null"];
        let mut seen = 0;
        for call in opened {
            seen += 1;
            let path = call.split('"').nth(1).unwrap_or_default();
            let ours = runtime.starts_with(path) || Path::new(path).starts_with(&runtime);
            let relative = !path.starts_with('/');
            let good = ours || relative || known.iter().any(|known| path.starts_with(known));
            assert!(good, "{words:?} opens {path}: {call}\n{log}");
        }
        assert!(seen > 0, "{log}");
        let sockets: Vec<&str> = calls_of(&log, &["socket", "connect"]).collect();
        assert!(!sockets.is_empty(), "{words:?} asks no daemon: {log}");
        assert!(sockets.iter().all(|call| call.contains("AF_UNIX")), "{words:?}: {sockets:?}");
    }
}

fn rainline_of(pid: u32) -> bool {
    let exe = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    exe.file_name().is_some_and(|name| name == "rainline")
}

/// A daemon with the default lines has no socket of the network, nor have its workers; one that shows
/// every kind but those that ask a service on the web talks to no other machine.
#[test]
fn t76_a_daemon_without_a_network_segment_uses_no_network() {
    let local = ALL.iter().filter(|kind| kind.options.iter().all(|option| option.name != "url"));
    let names: Vec<&str> = local.map(|kind| kind.name).collect();
    let config = format!("[line.terminal]\nleft = {names:?}\n");
    for config in ["", &*config] {
        let sandbox = Sandbox::new().configured(config);
        let log = sandbox.path("strace");
        let mut command = sandbox.command("strace");
        command.args(["-f", "-e", "trace=socket,connect,sendto", "-o"]).arg(&log);
        command.arg(crate::support::program()).args(["daemon", "run"]);
        let daemon = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut daemon = daemon.expect("strace runs");
        until("an answer of the daemon", || sandbox.status());
        for line in ["terminal", "tmux", "prompt"] {
            for _ in 0..2 {
                for slot in ["left", "right"] {
                    let printed = sandbox.printing(&[line, slot, "--columns", "300"]).output();
                    assert!(printed.expect("it runs").status.success());
                }
            }
        }
        // Under strace it takes longer than `daemon stop` waits.
        signal(sandbox.daemon().expect("it runs"), Signal::TERM);
        daemon.wait().expect("its end");
        let log = fs::read_to_string(&log).expect("a log");
        assert!(calls_of(&log, &["socket"]).any(|call| call.contains("AF_UNIX")), "{log}");
        // `media` asks a player on this machine; no default line shows it.
        let is_local = |call: &str| {
            !config.is_empty() && (call.contains("\"127.0.0.1\"") || call.contains("socket("))
        };
        let network: Vec<&str> = calls_of(&log, &["socket", "connect", "sendto"])
            .filter(|call| INET.iter().any(|family| call.contains(family)) && !is_local(call))
            .collect();
        assert!(network.is_empty(), "{network:?}");
    }
}
