//! What the daemon says of itself, as text, as data and in `doctor`.

use rustix::process::Signal;

use rainline_client::runtime::LOCK;

use crate::support::process::stop;
use crate::support::{Sandbox, signal, until};

/// The output of a command that must succeed with this exit code.
fn run(sandbox: &Sandbox, args: &[&str], code: i32) -> String {
    let output = sandbox.rainline().args(args).output().expect("it runs");
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A segment may be called anything: only what the daemon reports as an error is one.
#[test]
fn a_segment_with_an_alarming_name_is_no_warning_and_a_failing_one_is() {
    let sandbox = Sandbox::new();
    let config = |name: &str, command: &str| {
        let text = format!(
            "[line.x]\nleft = [\"{name}\"]\n[segment.{name}]\nuse = \"custom\"\n\
             command = [\"{command}\"]\n"
        );
        sandbox.write("home/.config/rainline/config.toml", text);
    };
    config("error-rate", "true");
    sandbox.start_daemon(&[]);
    let print = ["print", "x", "left", "--target", "plain", "--deadline", "20000"];
    run(&sandbox, &print, 0);
    let data = run(&sandbox, &["daemon", "status", "--json"], 0);
    let status: serde_json::Value = serde_json::from_str(&data).expect("JSON");
    assert_eq!(status["segments"][0]["name"], "error-rate", "{data}");
    assert!(run(&sandbox, &["daemon", "status"], 0).contains("segment error-rate age "));
    run(&sandbox, &["doctor"], 0);

    config("fine", "no-such-program");
    run(&sandbox, &["daemon", "reload"], 0);
    let found = || {
        run(&sandbox, &print, 0);
        let output = sandbox.rainline().arg("doctor").output().expect("it runs");
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        let is_named = report.contains("segment fine fails: no-such-program: not found");
        (is_named && output.status.code() == Some(1)).then_some(())
    };
    until("the doctor's warning", found);
    run(&sandbox, &["daemon", "stop"], 0);
}

/// The report of `doctor`, which must find something broken.
#[track_caller]
fn broken(sandbox: &Sandbox) -> String {
    run(sandbox, &["doctor"], 2)
}

#[test]
fn the_doctor_names_a_stopped_daemon_and_what_it_is_doing() {
    let sandbox = Sandbox::running("");
    let pid = sandbox.daemon().expect("it runs");
    signal(pid, Signal::STOP);
    let report = broken(&sandbox);
    signal(pid, Signal::CONT);
    assert!(report.contains(&format!("pid {pid} has its lock and is stopped")), "{report}");
}

#[test]
fn the_doctor_names_what_stands_in_the_sockets_place() {
    let sandbox = Sandbox::running("");
    let pid = sandbox.daemon().expect("it runs");
    std::fs::remove_file(sandbox.socket()).expect("removed");
    std::fs::create_dir(sandbox.socket()).expect("made");
    let report = broken(&sandbox);
    assert!(report.contains("is a directory: no daemon is reached"), "{report}");
    assert!(report.contains(&format!("pid {pid} has its lock")), "{report}");
}

#[test]
fn the_doctor_brings_a_daemon_back_that_was_not_reached() {
    let sandbox = Sandbox::running("");
    std::fs::remove_file(sandbox.socket()).expect("removed");
    assert!(run(&sandbox, &["doctor"], 0).contains("the daemon answers"));
}

#[test]
fn the_doctor_says_no_line_starts_a_daemon_where_none_can_be_started() {
    let blocked = Sandbox::new();
    std::fs::create_dir(blocked.runtime().join("spawn.lock")).expect("made");
    let report = broken(&blocked);
    assert!(report.contains("no daemon can be started: ") && report.contains("spawn.lock"));

    // Nothing can be written, as on a full disk.
    let full = Sandbox::new();
    let mut command = full.command("bash");
    command.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" doctor | cat"]);
    let output = command.arg(crate::support::program()).output().expect("it runs");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(report.contains("no daemon can be started: "), "{report}");
    assert!(!report.contains("the next line starts one"), "{report}");
}

/// A file that hangs when it is opened, as on a dead mount.
#[test]
fn the_doctor_ends_although_a_file_hangs_and_does_not_call_it_fine() {
    let sandbox = Sandbox::new();
    sandbox.fifo("home/.tmux.conf");
    let report = broken(&sandbox);
    assert!(report.contains("a file that may wire one, could not be looked at"), "{report}");
    // The other sections are there.
    assert!(report.contains("both ways to read this machine, native and portable: "), "{report}");
}

#[test]
fn a_history_that_cannot_be_saved_is_told() {
    let sandbox = Sandbox::new().with("XDG_STATE_HOME", "/dev/null");
    sandbox.start_daemon(&[]);
    // A worker finds it out, after the daemon answers.
    until("the problem", || {
        let output = sandbox.rainline().arg("doctor").output().expect("it runs");
        let is_told = String::from_utf8_lossy(&output.stdout).contains("the history ");
        (is_told && output.status.code() == Some(1)).then_some(())
    });
}

/// Somebody cleaned the runtime directory while it stood still.
#[test]
fn a_daemon_without_socket_and_lock_is_not_called_none() {
    let sandbox = Sandbox::running("");
    let pid = sandbox.daemon().expect("it runs");
    stop(pid);
    for file in [sandbox.socket(), sandbox.runtime().join(LOCK)] {
        std::fs::remove_file(file).expect("it was there");
    }
    let status = sandbox.run(&["daemon", "status"]);
    let said = String::from_utf8_lossy(&status.stderr).into_owned();
    let report = broken(&sandbox);
    signal(pid, Signal::CONT);
    assert!(said.contains("no daemon is reached, and one may run"), "{said}");
    assert!(report.contains("a daemon runs, and its socket is not there"), "{report}");
    assert!(!report.contains("the next line starts one"), "{report}");
}
