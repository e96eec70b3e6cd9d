//! `rainline try` without a terminal: a picture of each host, and nothing left behind.

use crate::support::{Sandbox, tool};

fn picture(host: &str) -> String {
    tool(host);
    tool("tmux");
    let sandbox = Sandbox::new();
    let output = sandbox
        .rainline()
        .args(["try", host, "--columns", "100"])
        .stdin(std::process::Stdio::null())
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{host}: {said}");
    assert_eq!(said, "", "{host}");
    let left = std::fs::read_dir(sandbox.path("tmp")).expect("a folder").flatten();
    let left: Vec<_> = left.map(|entry| entry.path()).collect();
    assert!(left.iter().all(|path| !path.to_string_lossy().contains("rainline")), "{left:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The time of day, which every bar of the defaults ends with.
fn has_a_clock(text: &str) -> bool {
    text.as_bytes()
        .windows(5)
        .any(|part| part[2] == b':' && [0, 1, 3, 4].into_iter().all(|at| part[at].is_ascii_digit()))
}

#[test]
fn prompts() {
    for shell in ["bash", "zsh", "fish"] {
        let picture = picture(shell);
        assert!(picture.contains("/usr/share"), "{shell}: {picture}");
        assert!(
            picture.lines().filter(|line| has_a_clock(line)).count() >= 4,
            "{shell}: {picture}"
        );
    }
}

#[test]
fn bars() {
    for host in ["dvtm", "screen", "tmux"] {
        let picture = picture(host);
        assert!(picture.contains('%') && has_a_clock(&picture), "{host}: {picture}");
    }
}
