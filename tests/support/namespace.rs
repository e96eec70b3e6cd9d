//! A mount namespace of its own, in which a test mounts what it cannot make up otherwise. Where that
//! is not permitted, the test says so and passes.

use std::path::Path;
use std::process::Output;

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

/// The output of a shell script that is run in a namespace, with this path as `$1` and the program
/// under test as `$2`. `None` where there can be no namespace, or where the script exits with 77
/// because it may not mount.
#[track_caller]
pub fn run(sandbox: &Sandbox, script: &str, path: &Path) -> Option<String> {
    let mut command = sandbox.command("unshare");
    command.args(["-r", "-m", "sh", "-c", script, "sh"]).arg(path).arg(program());
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
