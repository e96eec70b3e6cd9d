//! The whole program on machines that are only directories: `daemon run --root`, asked by `print`.
//!
//! What a machine looks like is kept in `golden/machines`. A fixture's counters stand still after a
//! few readings, so its line settles; the tests wait for the known line, and show what came instead.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rainline_client::protocol::{Body, LineRequest, ReplyKind, Request};

use crate::support::golden::{golden, kept};
use crate::support::machine::{Machine, SETTLED, fixtures};
use crate::support::wire::{bytes, connect, reply};
use crate::support::{Goldens, at_once, guard, root};

/// Waits until `text` gives what the golden file holds, and leaves the rest to [`Goldens`].
fn settles(goldens: &mut Goldens, name: &str, mut text: impl FnMut() -> String) {
    let known = kept(name);
    let start = Instant::now();
    let mut found = text();
    while found != known && start.elapsed() < SETTLED {
        found = text();
        // What a reader of the daemon does: it asks, and asks again.
        std::thread::sleep(Duration::from_millis(100));
    }
    goldens.compare(name, &found);
}

/// Without a clock that can be read the real one goes: its digits are no matter.
fn clock_hidden(name: &str, line: &str) -> String {
    let clock = fs::read_to_string(root().join("tests/hosts").join(name).join("clock"));
    if clock.is_ok_and(|clock| clock.starts_with("20")) {
        return line.to_owned();
    }
    let mut bytes: Vec<u8> = line.bytes().collect();
    for at in 0..bytes.len().saturating_sub(4) {
        let window = &mut bytes[at..at + 5];
        if window[2] == b':' && [0, 1, 3, 4].iter().all(|n| window[*n].is_ascii_digit()) {
            window.copy_from_slice(b"--:--");
        }
    }
    String::from_utf8(bytes).expect("only ASCII was changed")
}

/// Every fixture at two widths, at the same time: a sparkline takes ten seconds to fill.
#[test]
fn every_machine_has_its_line() {
    let goldens = Mutex::new(Goldens::default());
    // Its processes have numbers that the client may have, too: it has its own test.
    let names = fixtures().into_iter().filter(|name| name != "terminals");
    at_once(names, |name| machine_has_its_line(&name, &goldens));
    goldens.into_inner().expect("no panic").finish();
}

fn machine_has_its_line(name: &str, goldens: &Mutex<Goldens>) {
    let machine = Machine::fixture(name);
    let mut own = Goldens::default();
    settles(&mut own, &format!("machines/{name}.txt"), || {
        let lines = [100, 60].map(|columns| machine.print("plain", "full", columns));
        lines.map(|line| clock_hidden(name, &line) + "|\n").concat()
    });
    goldens.lock().expect("no panic").add(own);
}

/// What the whole machine's segments show that are in no line by default.
#[test]
fn segments_outside_the_default_line_on_every_machine() {
    const CONFIG: &str = "[line.terminal]\nleft = ['os', 'ip', 'wifi', 'vpn', 'network', 'disk', \
        'efi', 'disk-io']\nright = ['raid', 'users', 'services', 'updates', 'reboot-required']\n\
        [segment.efi]\nuse = 'disk'\npath = '/boot/efi'\n";
    let machines = ["laptop", "server", "container", "old", "empty"].map(|name| {
        let machine = Machine::fixture(name);
        machine.sandbox.configure(CONFIG);
        (name, machine)
    });
    let mut goldens = Goldens::default();
    settles(&mut goldens, "machines/duties.txt", || {
        let shown = machines.iter().map(|(name, machine)| {
            let [left, right] = ["left", "right"].map(|slot| machine.print("plain", slot, 200));
            format!("{name}:\n{}|\n{}|\n", left.trim_end(), right.trim())
        });
        shown.collect()
    });
    goldens.finish();
}

/// Segments that want the processors' counters at the same moment get the same ones. If each read for
/// itself, each would see others of these files.
#[test]
fn segments_of_one_moment_share_the_counters() {
    const CONFIG: &str = "[line.terminal]\nleft = ['cpu', 'cores', 'rainbar']\n\
        [segment.cpu]\nformat = '$usage.pct() '\n[segment.cores]\nformat = '$usage.pct() '\n\
        [segment.rainbar]\nformat = '$cpu.pct() '\n";
    let root = tempfile::tempdir().expect("a directory");
    fs::create_dir(root.path().join("proc")).expect("a directory");
    for (name, busy, idle) in [("stat", 0, 1000), ("stat@2", 500, 1500), ("stat@3", 750, 2250)] {
        let text = format!("cpu  {busy} 0 0 {idle}\ncpu0 {busy} 0 0 {idle}\n");
        fs::write(root.path().join("proc").join(name), text).expect("written");
    }
    let machine = Machine::new(root.path());
    machine.sandbox.write("home/.config/rainline/config.toml", CONFIG);
    let start = Instant::now();
    let mut line = String::new();
    while line.matches("25%").count() < 3 {
        assert!(start.elapsed() < SETTLED, "{line:?}");
        line = machine.print("plain", "left", 80);
    }
}

/// The targets' own languages, on the machine where everything is there.
#[test]
fn a_laptop_in_colours_and_in_tmux() {
    let machine = Machine::fixture("laptop");
    let mut goldens = Goldens::default();
    settles(&mut goldens, "machines/laptop.ansi", || {
        [200, 80, 40].map(|columns| machine.print("ansi", "full", columns) + "\n").concat()
    });
    settles(&mut goldens, "machines/laptop.tmux", || {
        [200, 80, 40].map(|columns| machine.print("tmux", "full", columns) + "\n").concat()
    });
    goldens.finish();
}

/// What becomes of a file; `None`: it is not there.
type Mangle = fn(&[u8]) -> Option<Vec<u8>>;

/// Missing, empty and mangled files: always a line, always the whole width, and a daemon that lives.
#[test]
fn no_file_of_a_machine_is_needed() {
    let laptop = root().join("tests/hosts/laptop");
    let machines = guard::temporary();
    let files = files_below(&laptop);
    let mangled: [(&str, Mangle); 4] = [
        ("missing", |_| None),
        ("empty", |_| Some(Vec::new())),
        ("half", |bytes| Some(bytes[..bytes.len() / 2].to_vec())),
        ("garbage", |_| Some(b"\xff\xfe\0 #(id) %s 99999999999999999999999 -1\n\n:\n".to_vec())),
    ];
    for (how, change) in mangled {
        let machine = machines.path().join(how);
        for file in &files {
            let place = machine.join(file.strip_prefix(&laptop).expect("below it"));
            fs::create_dir_all(place.parent().expect("a parent")).expect("a directory");
            if let Some(bytes) = change(&fs::read(file).expect("a file")) {
                fs::write(place, bytes).expect("a file");
            }
        }
        let mut machine = Machine::new(&machine);
        for columns in [100, 60, 20, 5, 1] {
            machine.print("plain", "full", columns);
            machine.print("plain", "full", columns);
            machine.print("tmux", "right", columns);
        }
        let ended = machine.daemon.try_wait().expect("ours");
        assert!(ended.is_none(), "{how}: {ended:?}");
        assert!(machine.sandbox.status().is_some(), "{how}");
    }
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("a directory").flatten();
    entries
        .flat_map(|entry| match entry.file_type().expect("a type").is_dir() {
            true => files_below(&entry.path()),
            false => vec![entry.path()],
        })
        .collect()
}

type Env<'a> = &'a [(&'a str, &'a str)];

/// The line of a client with this process and environment on the fixture `terminals`.
fn asked_by(machine: &Machine, session: u32, pid: u32, env: Env) -> String {
    let line = LineRequest {
        line: "terminal".into(),
        slot: "left".into(),
        target: "plain".into(),
        columns: 200,
        config: machine.sandbox.config(),
        env: env.iter().map(|(name, value)| ((*name).into(), value.as_bytes().to_vec())).collect(),
        pid,
        session,
        ..LineRequest::default()
    };
    let request = Request::new(Body::Print(line), Duration::from_secs(20));
    let mut stream = connect(&machine.sandbox);
    stream.write_all(&bytes(&request)).expect("written");
    let (header, body) = reply(&mut stream);
    assert_eq!(header.kind, ReplyKind::Line);
    String::from_utf8(body).expect("UTF-8")
}

#[test]
fn each_client_is_shown_its_own_session() {
    let machine = Machine::fixture("terminals");
    let config = "[line.terminal]\nleft = ['session']\n[segment.session]\n\
                  format = '$nest/($name)/($window)/$others.text(max:200)'\n";
    machine.sandbox.configure(config);
    let tmux = ("TMUX", "/tmp/tmux-1000/default,300,2");
    let pane = ("TMUX_PANE", "%7");
    let dvtm = [
        ("DVTM", "0.15"),
        ("DVTM_WINDOW_ID", "3"),
        ("SSH_CONNECTION", "10.0.0.7 5 10.0.0.1 22"),
        tmux,
        pane,
    ];
    let screen = [("STY", "350.build"), ("WINDOW", "4"), tmux, pane];
    let askers: [(&str, u32, Env); 4] = [
        ("tmux", 310, &[tmux, pane]),
        ("dvtm in tmux by ssh", 330, &dvtm),
        ("screen in tmux", 351, &screen),
        ("nothing", 100, &[]),
    ];
    let mut found = String::new();
    for (session, (who, pid, env)) in (1..).zip(askers) {
        found += &format!("{who}:\n{}\n", asked_by(&machine, session, pid, env));
    }
    golden("machines/terminals.txt", &found);
}

/// Others' sessions alone left an icon with nothing behind it.
#[test]
fn a_terminal_in_no_session_shows_none_although_others_have_some() {
    let machine = Machine::fixture("terminals");
    let line = asked_by(&machine, 1, 100, &[]);
    assert!(line.contains("slate") && !line.contains('❐'), "{line:?}");
}
