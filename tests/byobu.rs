//! Byobu with our lines, on both of its back ends, and its user's scripts as segments.

use std::process::Stdio;

use crate::support::{Sandbox, Terminal, tool, until};

/// A home in which Byobu finds these lines in its own file.
fn wired(host: &str, file: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let byobu = sandbox.path("home/.byobu");
    let sandbox = sandbox.with("BYOBU_CONFIG_DIR", byobu).with_screens();
    let config = "[line.tmux]\nleft = [\"one\"]\nright = [\"two\"]\n\
                  [line.screen]\nleft = [\"one\"]\nright = [\"two\"]\n\
                  [segment.one]\nuse = \"text\"\ntext = \"our left\"\n\
                  [segment.two]\nuse = \"text\"\ntext = \"our right\"\n";
    sandbox.configure(config);
    let lines = sandbox.wiring(host);
    sandbox.write(&format!("home/.byobu/{file}"), lines);
    sandbox
}

#[test]
fn byobus_own_status_does_not_run_in_tmux() {
    let sandbox = wired("byobu", ".tmux.conf");
    let program = tool("byobu-tmux");
    let words = ["new-session", "-s", "here", "exec cat"];
    let argv = [&[program.to_str().expect("UTF-8")], &words[..]].concat();
    let mut terminal = Terminal::spawn(&sandbox, &argv, 10, 100);
    terminal.wait_text("our left");
    terminal.wait_text("our right");
    let tmux = |args: &[&str]| {
        let output = sandbox.command(tool("tmux")).args(args).output().expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let options = tmux(&["show", "-g"]);
    assert!(
        options.contains("stream tmux right") && !options.contains("byobu-status"),
        "{options}"
    );
    tmux(&["kill-server"]);
}

#[test]
fn byobus_own_backticks_are_gone_in_screen() {
    let sandbox = wired("byobu-screen", ".screenrc");
    let program = tool("byobu-screen");
    let argv = [program.to_str().expect("UTF-8"), "-S", "here"];
    let mut terminal = Terminal::spawn(&sandbox, &argv, 10, 100);
    terminal.wait_text("our left");
    terminal.wait_text("our right");
    // What its caption would show.
    assert!(!terminal.contents().contains("Menu:"), "{}", terminal.contents());
    let quit = ["-S", "here", "-X", "quit"];
    sandbox.command(tool("screen")).args(quit).stdout(Stdio::null()).status().expect("it runs");
}

#[test]
fn scripts_are_run_because_the_config_names_them() {
    let sandbox = Sandbox::new();
    let script = |name: &str, text: &str| {
        sandbox.write_program(&format!("home/.byobu/bin/{name}"), text);
    };
    script("1_load", "#!/bin/sh\nprintf '#[fg=red]%s#[default]' \"my load\"\n");
    sandbox.write("home/.byobu/status", "tmux_right=\"custom #mail\"\n$(touch gone)\n");
    let made = sandbox.run(&["config", "import", "byobu"]);
    assert!(made.status.success());
    sandbox.write("home/.config/rainline/byobu.toml", made.stdout);
    sandbox.configure("include = \"byobu.toml\"\n");
    sandbox.start_daemon(&[]);
    let line = until("the script's text", || {
        Some(sandbox.print(&["tmux", "right", "--target", "plain", "--deadline", "2000"]))
            .filter(|line| line.contains("my load"))
    });
    assert!(!line.contains("#["), "{line}");
    assert!(sandbox.files_named("gone").is_empty());
}
