//! `rainline try` without a terminal: a picture of each host, and nothing left behind.

use crate::support::{Sandbox, at_once, tool};

fn picture(host: &str) -> String {
    tool(if host == "byobu" { "byobu-tmux" } else { host });
    tool("tmux");
    let sandbox = Sandbox::new();
    let output = sandbox
        .rainline()
        .args(["try", host, "--columns", "100"])
        .stdin(std::process::Stdio::null())
        .output()
        .expect("it runs");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{host}: {errors}");
    assert_eq!(errors, "", "{host}");
    let left = std::fs::read_dir(sandbox.path("tmp")).expect("a folder").flatten();
    let left: Vec<_> = left.map(|entry| entry.path()).collect();
    assert!(left.iter().all(|path| !path.to_string_lossy().contains("rainline")), "{left:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The line without its colours.
fn plain(line: &str) -> String {
    let pieces = line.split('\x1b').enumerate();
    let text = |(index, piece)| match index {
        0 => piece,
        _ => str::split_once(piece, 'm').map_or("", |(_, text)| text),
    };
    pieces.map(text).collect()
}

/// The time of day, which every bar of the defaults ends with.
fn has_a_clock(text: &str) -> bool {
    text.as_bytes()
        .windows(5)
        .any(|part| part[2] == b':' && [0, 1, 3, 4].into_iter().all(|at| part[at].is_ascii_digit()))
}

#[test]
fn try_shows_a_prompt_of_each_shell() {
    at_once(["bash", "zsh", "fish"], |shell| {
        let picture = picture(shell);
        assert!(picture.contains("/usr/share"), "{shell}: {picture}");
        // The failed command, told by the prompt after it, at its right.
        let told = picture.lines().any(|line| plain(line).trim_end().ends_with("✘ 3"));
        assert!(told, "{shell}: {picture}");
    });
}

#[test]
fn try_shows_the_bar_of_each_host() {
    at_once(["byobu", "dvtm", "screen", "tmux"], |host| {
        let picture = picture(host);
        assert!(picture.contains('%') && has_a_clock(&picture), "{host}: {picture}");
    });
}
