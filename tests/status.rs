//! What the daemon says of itself, as text, as data and in `doctor`.

use crate::support::{Sandbox, until};

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
    run(&sandbox, &["daemon", "start"], 0);
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
