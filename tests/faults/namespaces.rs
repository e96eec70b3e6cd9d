//! A container that shares the runtime directory: the same user, another pid namespace. Numbers of
//! processes mean something else on the two sides, so neither serves the other, and both say why.

use std::process::{Child, Command, Stdio};

use crate::support::sandbox::one_line;
use crate::support::{Sandbox, program, until_true};

const WHY: &str = "another pid namespace";

/// A command in a pid namespace of its own; `None`, with a line that says why, where there can be none.
fn in_another(sandbox: &Sandbox, words: &[&str]) -> Option<Command> {
    let unshare = |sandbox: &Sandbox| {
        let mut command = sandbox.command("unshare");
        command.args(["-r", "-p", "-f", "--kill-child", "--mount-proc"]);
        command.stdin(Stdio::null());
        command
    };
    match unshare(sandbox).arg("true").output() {
        Ok(output) if output.status.success() => {}
        why => {
            println!("skipped: no pid namespace: {why:?}");
            return None;
        }
    }
    let mut command = unshare(sandbox);
    command.arg(program()).args(words);
    Some(command)
}

fn stderr(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const LINE: [&str; 5] = ["print", "tmux", "right", "--target", "plain"];

#[test]
fn a_client_in_a_container_says_that_the_daemon_is_outside() {
    let sandbox = Sandbox::new();
    let Some(mut status) = in_another(&sandbox, &["daemon", "status"]) else { return };
    sandbox.start_daemon(&[]);
    assert!(stderr(&mut status).contains(WHY));
    let mut doctor = in_another(&sandbox, &["doctor"]).expect("as before");
    let report = String::from_utf8_lossy(&doctor.output().expect("it runs").stdout).into_owned();
    assert!(report.lines().any(|line| line.contains("XX") && line.contains(WHY)), "{report}");
    // It draws by itself, and starts no daemon of its own.
    let mut print = in_another(&sandbox, &LINE).expect("as before");
    assert!(!one_line(print.output().expect("it runs")).trim().is_empty());
    assert!(!sandbox.runtime().join("spawn.state").exists());
    // The daemon outside serves as before.
    assert!(sandbox.daemon().is_some());
}

/// A daemon in a container, ended with the test.
struct Contained(Child);

impl Drop for Contained {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_client_outside_says_that_the_daemon_is_in_a_container() {
    let sandbox = Sandbox::new();
    let Some(mut daemon) = in_another(&sandbox, &["daemon", "run"]) else { return };
    let _daemon = Contained(daemon.stdout(Stdio::null()).spawn().expect("it runs"));
    until_true("its socket", || sandbox.socket().exists());
    let mut status = sandbox.rainline();
    assert!(stderr(status.args(["daemon", "status"])).contains(WHY));
    let report = sandbox.doctor();
    assert!(report.lines().any(|line| line.contains("XX") && line.contains(WHY)), "{report}");
    let line = sandbox.print(&LINE[1..]);
    assert!(!line.trim().is_empty());
    assert!(!sandbox.runtime().join("spawn.state").exists());
}
