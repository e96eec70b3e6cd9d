//! What hangs, beyond the cases of the catalogue: what commands leave behind, lines without a daemon,
//! configs and time zones on dead mounts.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use rustix::process::Signal;

use crate::support::namespace::DeadMount;
use crate::support::process::{children, output_in_time, stat, stop};
use crate::support::sandbox::one_line;
use crate::support::{Sandbox, lives, program, signal, until, until_true};

/// A config whose line is `TEXT|here`, the text from a shell's command.
fn config(command: &str, more: &str) -> String {
    format!(
        "[line.terminal]\nright = ['it', 'text']\n[segment.text]\ntext = 'here'\n[segment.it]\n\
         use = 'custom'\nformat = '$text|'\ncommand = ['sh', '-c', {command:?}]\n{more}\n"
    )
}

/// What leaves the command's group, its session and its parent, and what stays in none of them.
const LEAVING: &str = "setsid sleep 600 & (setsid sleep 600 & ) ; (sleep 600 &)";

const LINE: [&str; 6] = ["terminal", "right", "--target", "plain", "--columns", "80"];

fn line(sandbox: &Sandbox) -> String {
    one_line(output_in_time(&mut sandbox.printing(&LINE)))
}

fn sleepers(sandbox: &Sandbox) -> Vec<u32> {
    sandbox.processes_named("600")
}

fn until_none_is_left(sandbox: &Sandbox) {
    until_true("the end of all that was started", || sleepers(sandbox).is_empty());
}

#[test]
fn what_a_command_leaves_behind_is_ended_with_it_in_whatever_session() {
    let endings = [
        ("; echo done", "timeout = '600s'", "done|"),
        ("; echo failed >&2; exit 3", "timeout = '600s'", ""),
        ("; sleep 600", "timeout = '500ms'", ""),
        ("; kill -KILL $$", "timeout = '600s'", ""),
    ];
    for (end, more, shown) in endings {
        let command = format!("{LEAVING}{end}");
        let sandbox = Sandbox::running(&config(&command, &format!("{more}\ninterval = '600s'")));
        until_true("its end", || {
            let line = line(&sandbox);
            assert!(line.contains("here"), "{line:?}");
            let failed = sandbox
                .status()
                .expect("it runs")
                .contains("segment it has no value yet; the last attempt failed");
            if shown.is_empty() { failed } else { line.contains(shown) }
        });
        until_none_is_left(&sandbox);
        let daemon = sandbox.daemon().expect("it runs");
        let zombies = || {
            let all = [vec![daemon], sandbox.workers()].concat();
            let mut children = all.into_iter().flat_map(children);
            children.any(|pid| stat(pid).is_some_and(|stat| stat[0] == "Z"))
        };
        until_true("no zombie", || !zombies());
    }
}

/// Of the daemon or of its worker, in every way.
#[test]
fn what_a_command_started_ends_with_who_wanted_it() {
    let text = config(&format!("{LEAVING}; sleep 600"), "timeout = '600s'\ninterval = '600s'");
    let end = |of_worker: bool, how: Signal| {
        let sandbox = Sandbox::running(&text);
        let args = [&LINE[..], &["--deadline", "100"]].concat();
        until_true("what the command starts", || {
            // A busy daemon may not have seen a client that is gone already.
            one_line(output_in_time(&mut sandbox.printing(&args)));
            sleepers(&sandbox).len() >= 3
        });
        let daemon = sandbox.daemon().expect("it runs");
        let shells = sandbox.processes_named("-c");
        let parent = |pid: &u32| stat(*pid).and_then(|stat| stat[1].parse().ok());
        let workers: Vec<u32> = shells.iter().filter_map(parent).collect();
        let is_busy = |pid: &u32| workers.contains(pid);
        let worker = sandbox.workers().into_iter().find(is_busy).expect("one runs it");
        let pid = if of_worker { worker } else { daemon };
        signal(pid, how);
        until_true("its end", || !lives(pid));
        until_none_is_left(&sandbox);
    };
    end(false, Signal::KILL);
    end(false, Signal::TERM);
    end(true, Signal::KILL);
    end(true, Signal::ABORT);
    // A line that is drawn without a daemon, and a host that does not wait for it.
    let sandbox = Sandbox::new().configured(&text);
    set_permissions(sandbox.runtime(), Permissions::from_mode(0o755)).expect("changed");
    for verb in ["print", "stream"] {
        let mut command = sandbox.rainline();
        command.arg(verb).args(LINE).args(["--deadline", "20000"]).stdout(Stdio::null());
        let mut client = command.spawn().expect("it runs");
        until_true("what the command starts", || sleepers(&sandbox).len() >= 3);
        client.kill().expect("killed");
        client.wait().expect("its end");
        until_none_is_left(&sandbox);
    }
}

/// A bar at each second left one more worker behind.
#[test]
fn without_a_daemon_few_workers_hang_on_a_dead_mount_and_the_rest_is_drawn() {
    for is_refused in [true, false] {
        let sandbox = Sandbox::new();
        let Some(mut mount) = DeadMount::new(&sandbox) else { return };
        sandbox.configure(&format!(
            "[line.terminal]\nright = ['text', 'disk']\n[segment.text]\ntext = 'here'\n\
             [segment.disk]\npath = {:?}\nformat = ' used $usage.pct(w:1)'\n",
            mount.path
        ));
        if is_refused {
            set_permissions(sandbox.runtime(), Permissions::from_mode(0o755)).expect("changed");
        } else {
            // One that is stopped: it listens, and none is started beside it.
            sandbox.start_daemon(&[]);
            signal(sandbox.daemon().expect("it runs"), Signal::STOP);
        }
        let daemons = sandbox.daemons();
        let print = || {
            let mut command = mount.command(&sandbox, program());
            command.arg("print").args(LINE).args(["--deadline", "400"]);
            one_line(output_in_time(&mut command))
        };
        let hung = || {
            let all = sandbox.workers().into_iter();
            all.filter(|pid| stat(*pid).is_some_and(|stat| stat[0] == "D")).collect::<Vec<_>>()
        };
        until_true("some that hang", || {
            print();
            hung().len() >= 3
        });
        for _ in 0..8 {
            let line = print();
            assert_eq!(line.matches('!').count(), 1, "{line:?}");
        }
        // One that waits for a disk is soon let go.
        let mut all = hung();
        print();
        let still = hung();
        all.retain(|pid| still.contains(pid));
        assert!(all.len() <= 4, "{all:?} hang");
        mount.release();
        until_true("their end", || !all.iter().any(|pid| lives(*pid)));
        daemons.into_iter().for_each(|pid| signal(pid, Signal::KILL));
    }
}

#[test]
fn a_line_without_a_daemon_has_the_sign_if_that_will_last() {
    let sandbox =
        Sandbox::running("[line.terminal]\nright = ['text']\n[segment.text]\ntext = 'here'\n");
    let line = |sandbox: &Sandbox| {
        let args = [&LINE[..], &["--deadline", "300"]].concat();
        one_line(output_in_time(&mut sandbox.printing(&args)))
    };
    let signs = |sandbox: &Sandbox| line(sandbox).matches('!').count();
    assert_eq!(signs(&sandbox), 0, "it answers");
    let daemon = sandbox.daemon().expect("it runs");
    stop(daemon);
    assert_eq!(signs(&sandbox), 1, "it is stopped");
    signal(daemon, Signal::CONT);
    until_true("an answer", || signs(&sandbox) == 0);
    signal(daemon, Signal::KILL);
    until_true("its end", || !lives(daemon));
    assert_eq!(signs(&sandbox), 0, "another one is started");
}

#[test]
fn nothing_that_reads_the_config_hangs_on_an_include_of_a_dead_mount() {
    let sandbox = Sandbox::new();
    let Some(mount) = DeadMount::new(&sandbox) else { return };
    sandbox.configure(&format!("include = {:?}\n", mount.path.join("team.toml")));
    let run = |args: &[&str]| output_in_time(mount.command(&sandbox, program()).args(args));
    for shell in ["bash", "zsh", "fish", "tmux"] {
        let output = run(&["init", shell]);
        assert!(output.status.success() && !output.stdout.is_empty(), "{shell}");
    }
    assert!(!run(&["config", "check"]).status.success(), "it cannot be called fine");
    for args in [&["themes"][..], &["preview"], &["preview", "segments"]] {
        assert!(run(args).status.success(), "{args:?}");
    }
}

/// Where to look for the host comes after where this program is; tmux itself looks for its own config.
#[test]
fn the_version_of_a_host_on_a_dead_mount_is_not_waited_for() {
    let sandbox = Sandbox::new();
    let Some(mount) = DeadMount::new(&sandbox) else { return };
    let dead = mount.path.to_str().expect("UTF-8");
    let path = format!("{dead}:{}", std::env::var("PATH").expect("set"));
    for (name, value) in [("PATH", &*path), ("XDG_CONFIG_HOME", dead), ("HOME", dead)] {
        for host in ["tmux", "byobu"] {
            let mut command = mount.command(&sandbox, program());
            let output = output_in_time(command.env(name, value).args(["init", host]));
            assert!(output.status.success() && !output.stdout.is_empty(), "{host}, {name}");
        }
    }
}

#[test]
fn whatever_tz_names_the_daemon_answers() {
    let text = "[line.terminal]\nright = ['text', 'clock']\n[segment.text]\ntext = 'here'\n";
    let sandbox = Sandbox::new();
    let fifo = sandbox.fifo("fifo");
    let mount = DeadMount::new(&sandbox);
    let places = mount.iter().map(|mount| mount.path.join("zone"));
    let mut places: Vec<_> =
        places.chain([fifo, "/dev/zero".into(), "/proc/kmsg".into()]).collect();
    places.push("/usr/share/zoneinfo/../../../dev/zero".into());
    sandbox.configure(text);
    for place in places {
        let run = |args: &[&str]| {
            let mut command = match &mount {
                Some(mount) => mount.command(&sandbox, program()),
                None => sandbox.rainline(),
            };
            command.env("TZ", format!(":{}", place.display())).args(args);
            output_in_time(&mut command)
        };
        run(&["daemon", "start"]);
        let print = ["print", "terminal", "right", "--target", "plain", "--deadline", "1000"];
        // The first answer of a daemon may come before it has read the config.
        until_true("the text", || one_line(run(&print)).contains("here"));
        let daemon = until("an answer", || sandbox.daemon());
        assert!(stat(daemon).is_some_and(|stat| stat[0] != "D"));
        let status = sandbox.status().expect("it answers");
        assert!(status.contains("read by workers: TZ names /"), "{status}");
        sandbox.stop_daemon();
    }
}
