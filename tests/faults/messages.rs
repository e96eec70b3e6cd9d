//! What people read of others' texts: nothing in it acts on their terminal.

use std::process::Output;

use crate::support::process::output_in_time;
use crate::support::{Sandbox, until};

/// A title, an answerback, the end of a paste, a new line's start, C1, DEL and what turns text round.
const EVIL: &str = "\nrainline: fine\n\u{1b}]0;pwned\u{7}\u{1b}[201~\r\u{9b}31m\u{7f}\u{202e}\u{2028}\u{200b}\u{e0041}";

fn acts(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e0000}'..='\u{e0fff}')
}

#[track_caller]
fn inert(what: &str, output: &Output) -> String {
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let found = said.chars().find(|c| acts(*c));
    assert_eq!(found, None, "{what}: {said:?}");
    said
}

#[test]
fn no_message_acts_on_the_terminal() {
    let sandbox = Sandbox::running(
        "[segment.x]\nuse = \"custom\"\ntimeout = \"5s\"\ncommand = [\"sh\", \"-c\", \
         \"printf 'host \\\\033]0;pwned\\\\007\\\\302\\\\233' >&2; exit 3\"]\n\
         [line.tmux]\nright = [\"x\"]\n",
    );
    let run = |words: &[&str]| output_in_time(sandbox.rainline().args(words));
    sandbox.print(&["tmux", "right"]);
    until("a command that failed", || {
        let status = sandbox.run(&["daemon", "status"]);
        let said = inert("status", &status);
        said.contains("host \\x1b]0;pwned\\x07").then_some(())
    });
    inert("doctor", &run(&["doctor"]));
    let json = run(&["daemon", "status", "--json"]);
    let said = inert("status as JSON", &json);
    let status: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert!(status.to_string().contains("pwned"), "{status}");
    for words in [
        &["set", EVIL, "v"][..],
        &["set", "x", "v", "--level", EVIL],
        &["set", "x", "v", "--for", EVIL],
        &["set", "x", "--json", EVIL],
        &[EVIL],
        &["print", "tmux", "right", &format!("--{EVIL}")],
        &["print", "tmux", "right", "--columns", EVIL],
        &["themes", EVIL],
        &["segments", EVIL],
        &["compat", EVIL],
        &["preview", EVIL],
        &["init", EVIL],
        &["config", "check", EVIL],
        &["config", "import", "byobu", EVIL],
        &["completions", EVIL],
    ] {
        let output = run(words);
        let said = inert(&words.join(" "), &output);
        assert!(!said.is_empty() && !said.contains("\nrainline: fine"), "{words:?}: {said}");
        assert_ne!(output.status.code(), Some(0), "{words:?}");
    }
}

#[test]
fn no_text_of_a_config_acts_on_the_terminal() {
    let escaped: String = EVIL.chars().map(|c| format!("\\U{:08x}", u32::from(c))).collect();
    for config in [
        format!("\"k{escaped}\" = 1\n"),
        format!("theme = \"{escaped}\"\n"),
        format!("[line.tmux]\nright = [\"{escaped}\"]\n"),
        format!("[segment.cpu]\nformat = \"$usgae {escaped}\"\n"),
        format!("[segment.cpu]\nstyle = \"fg:{escaped}\"\n"),
        format!("[segment.\"{escaped}\"]\nuse = \"cpu\"\nx = 1\n"),
        format!("[alert.\"{escaped}\"]\n"),
        format!("include = \"{escaped}\"\n"),
        format!("# {EVIL}\nx = [\n"),
        format!("[segment.cpu]\n# {EVIL}\nuse = 3 # {EVIL}\n"),
    ] {
        let sandbox = Sandbox::new().configured(&config);
        for words in [&["config", "check"][..], &["doctor"]] {
            let output = output_in_time(sandbox.rainline().args(words));
            inert(&format!("{words:?} of {config:?}"), &output);
        }
        // One mistake is one message: a newline in a name makes no line of its own.
        let newline = Sandbox::new().configured("\"k\\nrainline: fine\" = 1\n");
        let output = output_in_time(newline.rainline().args(["config", "check"]));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!said.lines().any(|line| line.starts_with("rainline: fine")), "{said}");
    }
}
