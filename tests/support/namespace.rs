//! A mount namespace of its own, in which a test mounts what it cannot make up otherwise. Where that
//! is not permitted, the test says so and passes.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use super::{Sandbox, program};

/// A supply: its name, and its files with what they hold.
pub type Supply<'a> = (&'a str, &'a [(&'a str, &'a str)]);

/// A discharging battery of 42 percent, as the kernel of a laptop shows it.
pub const DISCHARGING_BATTERY: [(&str, &str); 6] = [
    ("type", "Battery"),
    ("status", "Discharging"),
    ("capacity", "42"),
    ("energy_now", "21000000"),
    ("energy_full", "50000000"),
    ("power_now", "8400000"),
];

/// What every script has: on a busy machine a daemon's first answer takes longer than `daemon start`
/// waits.
const START_DAEMON: &str = r#"program=$2
start_daemon() {
    "$program" daemon start >&2 && return
    for moment in $(seq 1200); do
        "$program" daemon status >/dev/null 2>&1 && return
        sleep 0.1
    done
    exit 78
}
"#;

/// The output of a shell script that is run in a namespace, with this path as `$1`, the program under
/// test as `$2`, and `start_daemon`. `None` where there can be no namespace, or where the script exits
/// with 77 because it may not mount.
#[track_caller]
pub fn run(sandbox: &Sandbox, script: &str, path: &Path) -> Option<String> {
    let mut command = sandbox.command("unshare");
    let script = format!("{START_DAEMON}{script}");
    command.args(["-r", "-m", "sh", "-c", &script, "sh"]).arg(path).arg(program());
    let Output { status, stdout, stderr } = match command.output() {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: unshare: {error}");
            return None;
        }
    };
    let (output, errors) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    // 1: unshare itself is not permitted.
    if matches!(status.code(), Some(1 | 77)) {
        println!("skipped: no mount namespace: {}", errors.trim());
        return None;
    }
    assert!(status.success(), "{status}: {output}{errors}");
    Some(output.into_owned())
}

/// The same, where the machine has these batteries. A daemon inherits the namespace of the process
/// that starts it.
#[track_caller]
pub fn run_with_batteries(sandbox: &Sandbox, supplies: &[Supply], script: &str) -> Option<String> {
    let folder = sandbox.path("power_supply");
    std::fs::create_dir(&folder).expect("a directory");
    for (name, files) in supplies {
        for (file, text) in *files {
            sandbox.write(&format!("power_supply/{name}/{file}"), format!("{text}\n"));
        }
    }
    let mount = "mount --bind \"$1\" /sys/class/power_supply || exit 77";
    run(sandbox, &format!("{mount}\n{script}"), &folder)
}

/// A file system whose server agreed to its mount and has answered nothing since, as one of a dead
/// NFS server: what looks into it waits, and cannot be killed. It is in a namespace of its own, and
/// is answered with errors at its end.
pub struct DeadMount {
    child: Child,
    /// Where it is.
    pub path: PathBuf,
}

const DEAD_MOUNT: &str = r#"
    # Redirecting fails a subshell only; the same for `exec` here would end the script with 2.
    (exec 3<>/dev/fuse) || exit 77
    exec 3<>/dev/fuse
    mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none "$1" || exit 77
    # The first message, FUSE_INIT, wants its number back, and the version 7.31.
    set -- $(dd bs=131072 count=1 <&3 2>/dev/null | od -An -v -to1)
    zeros() { printf '\000%.0s' $(seq "$1"); }
    { printf '\120'; zeros 7; printf "\\$9\\${10}\\${11}\\${12}\\${13}\\${14}\\${15}\\${16}"
      printf '\007\000\000\000\037\000\000\000'; zeros 8
      printf '\020\000\010\000\000\020\000\000\001'; zeros 39
    } | dd bs=80 count=1 iflag=fullblock >&3 2>/dev/null || exit 77
    # What is asked from now on is taken, and that is all.
    cat <&3 >/dev/null &
    exec 3>&-
    echo ready
    read -r _
    kill $!
"#;

impl DeadMount {
    /// One at `hung` in the sandbox. `None` where it cannot be had.
    #[track_caller]
    pub fn new(sandbox: &Sandbox) -> Option<DeadMount> {
        let path = sandbox.path("hung");
        std::fs::create_dir(&path).expect("a directory");
        let mut command = sandbox.command("unshare");
        command.args(["-r", "-m", "sh", "-c", DEAD_MOUNT, "sh"]).arg(&path);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                println!("skipped: unshare: {error}");
                return None;
            }
        };
        let mut said = String::new();
        let output = child.stdout.as_mut().expect("a pipe");
        BufReader::new(output).read_line(&mut said).expect("a line");
        if said == "ready\n" {
            return Some(DeadMount { child, path });
        }
        let status = child.wait().expect("our child");
        assert!(matches!(status.code(), Some(1 | 77)), "{status}");
        println!("skipped: no file system of our own");
        None
    }

    /// A command that sees it.
    pub fn command(&self, sandbox: &Sandbox, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = sandbox.command("nsenter");
        command.args(["--preserve-credentials", "-U", "-m", "-t", &self.child.id().to_string()]);
        command.arg("--").arg(program).stdin(Stdio::null());
        command
    }

    /// Answers all that waits with an error.
    pub fn release(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl Drop for DeadMount {
    fn drop(&mut self) {
        self.release();
    }
}
