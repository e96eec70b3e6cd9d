//! Nothing outlives the tests: everything they make lies below one directory a test process, and a
//! shell beside it waits for the end of that process, by a pipe that only it holds open. Then the
//! shell names what is left there, ends it and removes the directory, so that a killed test run
//! leaves no daemon either.
//!
//! `RAINLINE_TEST_TMP` is where `tests/run` wants the directory, and where it looks for the names:
//! in the file `left`.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

const SCRIPT: &str = r#"
dir=$1 report=$2
read -r _
remaining() { grep -laF -e "$dir/" /proc/[0-9]*/environ 2>/dev/null; }
for moment in 1 2 3 4 5 6 7 8 9 10; do
    [ -n "$(remaining)" ] || break
    sleep 0.2
done
say() { echo "left behind: $*" | tee -a "$report" >&2; }
# grep fails for each process that has just ended.
while files=$(remaining); [ -n "$files" ]; do
    for file in $files; do
        pid=${file#/proc/} pid=${pid%/environ}
        say "process $pid: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
        kill -KILL "$pid"
    done
    sleep 0.1
done
find "$dir" -mindepth 1 | head -n 20 | while read -r name; do say "$name"; done
rm -rf "$dir"
"#;

/// The directory for everything this test process makes.
pub fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<(PathBuf, Child)> = OnceLock::new();
    &DIRECTORY.get_or_init(start).0
}

/// A directory of its own for a test, removed when it is dropped.
pub fn temporary() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("").tempdir_in(directory()).expect("a directory")
}

fn start() -> (PathBuf, Child) {
    // Directly below /tmp: a socket's path has 107 bytes at most.
    let place = std::env::var_os("RAINLINE_TEST_TMP").map_or("/tmp".into(), PathBuf::from);
    let dir = tempfile::Builder::new().prefix("rl-").tempdir_in(&place).expect("a directory");
    let dir = dir.keep();
    let report = match std::env::var_os("RAINLINE_TEST_TMP") {
        Some(_) => place.join("left"),
        None => "/dev/null".into(),
    };
    let mut command = Command::new("sh");
    command.args(["-c", SCRIPT, "sh"]).arg(&dir).arg(report);
    command.env_clear().env("PATH", "/usr/bin:/bin").current_dir("/");
    // A group of its own: what is typed to end the tests does not end it.
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null());
    // Its end of the pipe is open as long as this process lives.
    (dir, command.spawn().expect("a shell"))
}

mod tests {
    use std::io::{BufRead, BufReader};
    use std::path::PathBuf;
    use std::process::{Command, Stdio};

    use super::super::{Sandbox, lives, until_true};

    /// Not a test: what the test below kills.
    #[test]
    #[ignore = "ends only by being killed"]
    fn a_daemon_and_a_test_without_end() {
        let sandbox = Sandbox::running("");
        let pid = sandbox.daemon().expect("it runs");
        println!("daemon {pid} {}", sandbox.path("").display());
        loop {
            std::thread::park();
        }
    }

    #[test]
    fn a_killed_test_process_leaves_no_daemon_and_no_directory() {
        let name = module_path!().split_once("::").expect("a path").1;
        let name = format!("{name}::a_daemon_and_a_test_without_end");
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--ignored", "--exact", "--nocapture", &name]);
        // What it leaves behind is no fault of the tests.
        command.env_remove("RAINLINE_TEST_TMP").stderr(Stdio::null()).stdout(Stdio::piped());
        let mut tests = command.spawn().expect("it runs");
        let lines = BufReader::new(tests.stdout.take().expect("a pipe")).lines();
        // What the test says stands behind its name.
        let found = lines.map_while(Result::ok).find_map(|line| {
            let (_, words) =
                line.split_once("daemon ").filter(|_| !line.contains("::a_daemon "))?;
            let (pid, dir) = words.split_once(' ')?;
            Some((pid.parse().ok()?, PathBuf::from(dir)))
        });
        let (pid, dir): (u32, PathBuf) = found.expect("a daemon");
        assert!(lives(pid) && dir.is_dir());
        tests.kill().expect("killed");
        tests.wait().expect("its end");
        until_true("the end of the daemon", || !lives(pid));
        until_true("the end of the directory", || !dir.parent().expect("a parent").exists());
    }
}
