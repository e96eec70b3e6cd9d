//! Byobu with our lines, on both of its back ends, and its user's scripts as segments.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::support::{DEADLINE, Sandbox, Terminal, tool};

/// A home in which Byobu finds these lines in its own file.
fn wired(host: &str, file: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let byobu = sandbox.path("home/.byobu");
    let run = sandbox.path("screens");
    std::fs::create_dir(&run).expect("a directory");
    std::fs::set_permissions(&run, PermissionsExt::from_mode(0o700)).expect("changed");
    let sandbox = sandbox.with("BYOBU_CONFIG_DIR", byobu).with("SCREENDIR", run);
    let config = "[line.tmux]\nleft = [\"one\"]\nright = [\"two\"]\n\
                  [line.screen]\nleft = [\"one\"]\nright = [\"two\"]\n\
                  [segment.one]\nuse = \"text\"\ntext = \"our left\"\n\
                  [segment.two]\nuse = \"text\"\ntext = \"our right\"\n";
    sandbox.write("home/.config/rainline/config.toml", config);
    let lines = sandbox.rainline().args(["init", host]).output().expect("it runs").stdout;
    sandbox.write(&format!("home/.byobu/{file}"), lines);
    sandbox
}

#[test]
fn on_tmux_nothing_of_its_own_runs() {
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
fn on_screen_its_backticks_are_gone() {
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
        let path = sandbox.write(&format!("home/.byobu/bin/{name}"), text);
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("changed");
    };
    script("1_load", "#!/bin/sh\nprintf '#[fg=red]%s#[default]' \"my load\"\n");
    sandbox.write("home/.byobu/status", "tmux_right=\"custom #mail\"\n$(touch gone)\n");
    let import = ["config", "import", "byobu"];
    let made = sandbox.rainline().args(import).output().expect("it runs");
    assert!(made.status.success());
    sandbox.write("home/.config/rainline/byobu.toml", made.stdout);
    sandbox.write("home/.config/rainline/config.toml", "include = \"byobu.toml\"\n");
    assert!(
        sandbox.rainline().args(["daemon", "start"]).output().expect("it runs").status.success()
    );
    let print = ["print", "tmux", "right", "--target", "plain", "--deadline", "2000"];
    let since = std::time::Instant::now();
    loop {
        let line = sandbox.rainline().args(print).output().expect("it runs").stdout;
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.contains("my load") {
            assert!(!line.contains("#["), "{line}");
            break;
        }
        assert!(line.ends_with('\n') && since.elapsed() < DEADLINE, "{line}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(sandbox.files_named("gone").is_empty());
}
