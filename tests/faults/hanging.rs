//! What hangs or floods, T21–T30: dead mounts, commands without end, peers that never answer.

use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rainline_client::protocol::{Body, LineRequest, Request};
use rustix::process::Signal;

use crate::support::namespace::DeadMount;
use crate::support::process::{output_in_time, peak_memory, stat, ticks};
use crate::support::sandbox::one_line;
use crate::support::wire::{bytes, connect, reply};
use crate::support::{Sandbox, lives, program, rounds, signal, until, until_true};

/// Starts the daemon where it sees the dead mount.
fn start_daemon(mount: &DeadMount, sandbox: &Sandbox) {
    let mut command = mount.command(sandbox, program());
    output_in_time(command.args(["daemon", "start"]));
    until("an answer of the daemon", || sandbox.status());
}

/// A line that is drawn where the dead mount is seen.
#[track_caller]
fn print(mount: &DeadMount, sandbox: &Sandbox, more: &[&str]) -> String {
    let mut command = mount.command(sandbox, program());
    command.args(["print", "terminal", "left", "--target", "plain", "--columns", "80"]);
    one_line(output_in_time(command.args(more)))
}

/// A line of a text and of what is on the dead mount.
fn config(mount: &Path) -> String {
    format!(
        "[line.terminal]\nleft = ['text', 'disk', 'directory']\n[segment.text]\ntext = 'here'\n\
         [segment.disk]\npath = {mount:?}\ninterval = '1s'\nformat = ' used $usage.pct(w:1)'\n\
         [segment.directory]\nformat = ' in $path'\n"
    )
}

/// The workers that the kernel does not let go.
fn stuck(sandbox: &Sandbox) -> Vec<u32> {
    let is_stuck = |pid: &u32| stat(*pid).is_some_and(|stat| stat[0] == "D");
    sandbox.workers().into_iter().filter(is_stuck).collect()
}

fn until_one_is_stuck(mount: &DeadMount, sandbox: &Sandbox) {
    // One that waits for a disk is soon let go.
    until_true("a worker that hangs", || {
        let before = stuck(sandbox);
        print(mount, sandbox, &["--deadline", "100"]);
        stuck(sandbox).iter().any(|pid| before.contains(pid))
    });
}

#[test]
fn t21_whatever_lies_on_a_dead_mount_the_rest_of_the_line_is_there() {
    let sandbox = Sandbox::new();
    let Some(mount) = DeadMount::new(&sandbox) else { return };
    sandbox.configure(&config(&mount.path));
    start_daemon(&mount, &sandbox);
    // The first answer of a daemon may come before it has read the config.
    until_true("the text", || print(&mount, &sandbox, &["--deadline", "1000"]).contains("here"));
    until_true("the reason", || {
        let line = print(&mount, &sandbox, &["--deadline", "1000"]);
        assert!(line.contains("here"), "{line:?}");
        sandbox
            .status()
            .expect("it runs")
            .contains("segment disk has no value yet; the last attempt failed")
    });
    // A config on it, a whole home, and a daemon that is not there.
    let lost = mount.path.join("config.toml");
    let lost = lost.to_str().expect("UTF-8");
    print(&mount, &sandbox, &["--deadline", "300", "--config", lost]);
    let mut command = mount.command(&sandbox, program());
    command.env("HOME", &mount.path).env("XDG_CONFIG_HOME", mount.path.join(".config"));
    one_line(output_in_time(command.args(["print", "terminal", "left", "--deadline", "300"])));
    assert!(print(&mount, &sandbox, &["--deadline", "20000"]).contains("here"));
    let report = output_in_time(mount.command(&sandbox, program()).arg("doctor")).stdout;
    assert!(String::from_utf8_lossy(&report).contains("segment disk"));
    sandbox.stop_daemon();
    for _ in 0..2 {
        print(&mount, &sandbox, &["--deadline", "300"]);
    }
}

#[test]
fn t22_a_daemon_killed_while_a_worker_hangs_is_followed_by_another() {
    let sandbox = Sandbox::new();
    let Some(mount) = DeadMount::new(&sandbox) else { return };
    sandbox.configure(&config(&mount.path));
    start_daemon(&mount, &sandbox);
    until_one_is_stuck(&mount, &sandbox);
    let first = sandbox.daemon().expect("it runs");
    signal(first, Signal::KILL);
    until_true("its end", || !lives(first));
    // What still hangs has neither the lock nor the socket.
    assert!(!stuck(&sandbox).is_empty());
    assert!(UnixStream::connect(sandbox.socket()).is_err());
    start_daemon(&mount, &sandbox);
    assert_ne!(sandbox.daemon().expect("it runs"), first);
    assert!(print(&mount, &sandbox, &["--deadline", "20000"]).contains("here"));
}

#[test]
fn t23_a_thousand_requests_for_a_dead_mount_cost_few_workers_and_no_memory() {
    let sandbox = Sandbox::new();
    let Some(mut mount) = DeadMount::new(&sandbox) else { return };
    sandbox.configure(
        "[line.terminal]\nleft = ['text', 'directory']\n[segment.text]\ntext = 'here'\n",
    );
    start_daemon(&mount, &sandbox);
    let mut stream = connect(&sandbox);
    let mut ask = |round: usize| {
        let line = LineRequest {
            line: "terminal".into(),
            slot: "left".into(),
            target: "plain".into(),
            config: sandbox.config(),
            cwd: mount.path.join(format!("d{round}")),
            pid: 1,
            ..LineRequest::default()
        };
        let request = Request::new(Body::Print(line), Duration::from_millis(1));
        stream.write_all(&bytes(&request)).expect("sent");
        // Answers are as many as requests: none is left unread for long.
        reply(&mut stream);
    };
    let all = rounds(1000, 100_000);
    (0..100).for_each(&mut ask);
    let before = sandbox.figure("memory").expect("a number");
    (100..all).for_each(&mut ask);
    let after = sandbox.figure("memory").expect("a number");
    // What is kept of requests has a budget, and this is far below what all of them would take.
    assert!(after < before + 8192, "{before} kB, then {after} kB");
    let daemon = sandbox.daemon().expect("it runs").to_string();
    let of_daemon = |pid: &u32| stat(*pid).is_some_and(|stat| stat[1] == daemon);
    let hanging: Vec<u32> = stuck(&sandbox).into_iter().filter(of_daemon).collect();
    // Four that it gave up, and four that it has not yet.
    assert!((1..=8).contains(&hanging.len()), "{hanging:?} hang");
    mount.release();
    until_true("their end", || !hanging.iter().any(|pid| lives(*pid)));
}

#[test]
fn t24_a_link_to_a_dead_mount_beside_us_is_not_followed() {
    let sandbox = Sandbox::new();
    let Some(mount) = DeadMount::new(&sandbox) else { return };
    let place = sandbox.path("place");
    std::fs::create_dir(&place).expect("made");
    for name in ["package.json", "Cargo.toml", ".venv", "a", "z"] {
        std::os::unix::fs::symlink(&mount.path, place.join(name)).expect("linked");
    }
    sandbox.configure(
        "[line.terminal]\nleft = ['directory']\n[segment.directory]\nformat = 'in $last'\n",
    );
    start_daemon(&mount, &sandbox);
    let script = "cd \"$1\" && exec \"$0\" print terminal left --target plain --deadline 20000";
    let mut command = mount.command(&sandbox, "sh");
    command.args(["-c", script]).arg(program()).arg(&place);
    assert!(one_line(output_in_time(&mut command)).contains("in place"));
    until_true("no worker that hangs", || stuck(&sandbox).is_empty());
}

/// A sandbox whose line is `TEXT|here`, the text from a command.
fn showing(command: &str, more: &str) -> Sandbox {
    Sandbox::running(&format!(
        "[line.terminal]\nleft = ['it', 'text']\n[segment.text]\ntext = 'here'\n[segment.it]\n\
         use = 'custom'\nformat = '$text|'\ncommand = ['sh', '-c', {command:?}]\n{more}\n"
    ))
}

/// The line, which is whole whatever the command does.
#[track_caller]
fn line(sandbox: &Sandbox) -> String {
    let args = ["terminal", "left", "--target", "plain", "--columns", "80"];
    let line = one_line(output_in_time(&mut sandbox.printing(&args)));
    assert!(line.contains("here"), "{line:?}");
    line
}

#[track_caller]
fn until_said(sandbox: &Sandbox, reason: &str) {
    until_true(reason, || {
        line(sandbox);
        sandbox.status().expect("it runs").contains(reason)
    });
}

#[test]
fn t25_a_command_that_will_not_end_is_ended_with_all_it_started() {
    let many = rounds(50, 500);
    let commands = [
        "exec sleep 600",
        "trap '' TERM HUP INT; while :; do sleep 600; done",
        "(sleep 600 & sleep 600 &) & exec sleep 600",
        &format!("for i in $(seq {many}); do sleep 600 & done; wait"),
    ];
    for command in commands {
        let sandbox = showing(command, "timeout = '500ms'\ninterval = '600s'");
        until_said(&sandbox, "no end after 500 ms");
        until_true("the end of all that it started", || sandbox.processes_named("600").is_empty());
        let zombie = |pid: &u32| stat(*pid).is_some_and(|stat| stat[0] == "Z");
        until_true("no zombie", || {
            let workers = sandbox.workers();
            let children = workers.iter().flat_map(|pid| crate::support::process::children(*pid));
            !children.collect::<Vec<_>>().iter().any(zombie)
        });
    }
}

#[test]
fn t26_of_what_a_command_floods_us_with_little_is_kept() {
    let shows = [
        ("printf 'no end'", "no end|"),
        ("printf 'a\\000b\\377c\\n'", "a·b\u{fffd}c|"),
        ("seq 3000", "1|"),
    ];
    for (command, wanted) in shows {
        let sandbox = showing(command, "");
        until_true(wanted, || line(&sandbox).contains(wanted));
    }
    for command in ["head -c 1000000000 /dev/zero", "yes", "yes | tr -d '\\n'"] {
        let sandbox = showing(command, "interval = '200ms'\ntimeout = '60s'");
        until_said(&sandbox, "more than 65536 bytes");
        for pid in [sandbox.workers(), vec![sandbox.daemon().expect("it runs")]].concat() {
            let peak = peak_memory(pid);
            assert!(peak < 64 << 10, "{command}: {pid} had {peak} kB");
        }
    }
}

/// A worker that ends in the middle of a reading, however it ends.
#[test]
fn t27_what_ends_a_worker_costs_its_reading_and_nothing_else() {
    let sandbox = showing("sleep 600", "timeout = '600s'\ninterval = '1s'");
    let daemon = sandbox.daemon().expect("it runs");
    let mut before = Vec::new();
    for ending in [Signal::ABORT, Signal::SEGV, Signal::BUS, Signal::KILL] {
        // The shell that runs the command is the worker's child.
        let worker = until("a worker with a command", || {
            line(&sandbox);
            let commands = sandbox.processes_named("600").into_iter();
            let parent = |pid| stat(pid).and_then(|stat| stat[1].parse().ok());
            let mut workers = sandbox.workers();
            let shells: Vec<u32> = commands.filter_map(parent).collect();
            let parents: Vec<u32> = shells.iter().filter_map(|pid| parent(*pid)).collect();
            workers.retain(|pid| shells.contains(pid) || parents.contains(pid));
            workers.into_iter().find(|pid| !before.contains(pid))
        });
        signal(worker, ending);
        until_true("its end", || !lives(worker));
        line(&sandbox);
        assert_eq!(sandbox.daemon(), Some(daemon), "{ending:?}");
        before.push(worker);
    }
}

/// A program that notes each of its starts.
fn install(sandbox: &Sandbox, name: &str, script: &str) {
    let starts = sandbox.path("starts");
    sandbox.install(name, &format!("echo start >> {}\n{script}", starts.display()));
}

fn starts(sandbox: &Sandbox) -> usize {
    std::fs::read_to_string(sandbox.path("starts")).unwrap_or_default().lines().count()
}

#[test]
fn t28_a_network_that_is_gone_or_silent_is_asked_rarely() {
    let fails = "echo 'curl: (6) Could not resolve host' >&2; exit 6";
    for (script, reason) in [(fails, "Could not resolve host"), ("exec sleep 600", "no end after")]
    {
        let sandbox = Sandbox::new().with_bin().configured(
            "[line.terminal]\nleft = ['public-ip', 'text']\n[segment.text]\ntext = 'here'\n",
        );
        install(&sandbox, "curl", script);
        let quarter = || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
            now.as_secs() as usize / 900
        };
        let first = quarter();
        sandbox.start_daemon(&[]);
        until_said(&sandbox, "segment public-ip has no value yet; the last attempt failed: ");
        let status = sandbox.status().expect("it runs");
        assert!(status.contains(reason), "{status}");
        // Half a minute of lines, if each asked for one.
        (0..30).for_each(|_| drop(line(&sandbox)));
        sandbox.output(&["daemon", "reload"]);
        line(&sandbox);
        // It is asked at the quarters of an hour.
        let (starts, quarters) = (starts(&sandbox), quarter() - first);
        assert!(starts <= 2 + quarters, "{starts} starts");
    }
}

/// A player and a bus that take a connection and say nothing.
#[test]
fn t29_a_peer_that_never_answers_delays_no_line() {
    let sandbox = Sandbox::new().with_bin();
    let silent = sandbox.path("silent");
    let listener = UnixListener::bind(&silent).expect("bound");
    install(&sandbox, "playerctl", "exec sleep 600");
    sandbox.configure(&format!(
        "[line.terminal]\nleft = ['mpd', 'mpris', 'text']\n[segment.text]\ntext = 'here'\n\
         [segment.mpd]\nuse = 'media'\nplayers = 'mpd'\nmpd = {silent:?}\n\
         [segment.mpris]\nuse = 'media'\nplayers = 'mpris'\n"
    ));
    let bus = format!("unix:path={}", silent.display());
    let sandbox = sandbox.with("DBUS_SESSION_BUS_ADDRESS", bus);
    sandbox.start_daemon(&[]);
    until_said(&sandbox, "segment mpd has no value yet; the last attempt failed");
    assert!(line(&sandbox).contains("here"));
    assert!(starts(&sandbox) <= 2, "{} starts", starts(&sandbox));
    drop(listener);
}

/// A busy build server: what is looked at in a second is bounded, not what there is.
#[test]
fn t30_thousands_of_processes_cost_no_more_than_their_share() {
    let root = crate::support::guard::temporary();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().expect("below the root")).expect("a directory");
        std::fs::write(path, text).expect("a file");
    };
    write("proc/stat", "cpu 1 0 1 8 0 0 0 0 0 0\ncpu0 1 0 1 8 0 0 0 0 0 0\n");
    write("proc/uptime", "1000.00 1.00\n");
    for pid in 1..=rounds(4000, 30_000) {
        let rest = "S 1 1 1 0 -1 0 0 0 0 0 7 5 0 0 20 0 1 0 100 4096 25 0";
        write(&format!("proc/{pid}/stat"), &format!("{pid} (made) {rest}\n"));
    }
    let sandbox = Sandbox::on_machine(
        root.path(),
        "[line.terminal]\nleft = ['processes', 'text']\n[segment.text]\ntext = 'here'\n",
    );
    let mut stream = sandbox.stream(&["terminal", "left", "--target", "plain", "--columns", "80"]);
    stream.until("here");
    until_true("a stream", || sandbox.figure("streams") == Some(1));
    let daemon = sandbox.daemon().expect("it runs");
    let all = || sandbox.workers().into_iter().chain([daemon]).map(ticks).sum::<u64>();
    let since = std::time::Instant::now();
    let before = all();
    until_true("five seconds", || since.elapsed() > Duration::from_secs(5));
    let used = all() - before;
    // A hundred ticks are a second of one processor.
    let share = used as f64 / since.elapsed().as_secs_f64();
    assert!(share < 5.0, "{share:.1} % of a processor");
    assert!(stream.is_running());
}
