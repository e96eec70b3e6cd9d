//! Alerts as real processes: one notification for all lines, whoever shows the segment, and what
//! it says is a word for the one who is told and never a script.

use std::io::{BufRead, BufReader};
use std::process::{Child, Output, Stdio};

use crate::support::{Sandbox, Terminal, Tmux, until};

/// Writes what it was told, a line each.
fn teller(sandbox: &Sandbox) -> String {
    let file = sandbox.path("told");
    let words = "$RAINLINE_ALERT|$RAINLINE_STATE|$RAINLINE_LEVEL|$RAINLINE_TEXT|$1";
    format!(
        "do = [\"sh\", \"-c\", 'printf \"%s\\n\" \"{words}\" >> {}', \"\", \"{{segment}}\"]\n",
        file.display()
    )
}

fn configure(sandbox: &Sandbox, alert: &str) {
    let text = format!(
        "[line.terminal]\nleft = [\"it\", \"beside\"]\nright = []\n\
         [line.other]\nleft = [\"beside\"]\n\
         [segment.beside]\nuse = \"text\"\ntext = \"still here\"\n\
         [segment.it]\nuse = \"custom\"\n\
         [alert.loud]\nsegment = \"it\"\n{alert}"
    );
    sandbox.write("home/.config/rainline/config.toml", text);
}

fn run(sandbox: &Sandbox, args: &[&str]) -> Output {
    let output = sandbox.rainline().args(args).stdin(Stdio::null()).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn told(sandbox: &Sandbox) -> Vec<String> {
    let text = std::fs::read_to_string(sandbox.path("told")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[track_caller]
fn until_told(sandbox: &Sandbox, count: usize) -> Vec<String> {
    until(&format!("{count} times"), || Some(told(sandbox)).filter(|told| told.len() >= count))
}

/// Somebody who shows the segment, and has shown it once.
struct Stream(Child);

impl Stream {
    fn open(sandbox: &Sandbox) -> Stream {
        let mut command = sandbox.rainline();
        command.args(["stream", "terminal", "left", "--target", "plain"]).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        Stream(child)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn one_for_all_lines_and_one_when_it_is_over() {
    let sandbox = Sandbox::new();
    configure(&sandbox, &format!("hold = \"200ms\"\nback = true\n{}", teller(&sandbox)));
    run(&sandbox, &["daemon", "start"]);
    let lines: Vec<Stream> = (0..3).map(|_| Stream::open(&sandbox)).collect();
    run(&sandbox, &["set", "it", "calm"]);
    run(&sandbox, &["set", "it", "$(touch gone) 97%", "--level", "critical"]);
    let said = until_told(&sandbox, 1);
    assert_eq!(said, ["loud|reached|critical|it: critical: $(touch gone) 97%|it"]);
    run(&sandbox, &["set", "it", "worse", "--level", "critical"]);
    run(&sandbox, &["set", "it", "fine", "--level", "good"]);
    let said = until_told(&sandbox, 2);
    assert_eq!(said[1..], ["loud|back|good|it: normal again: fine|it"]);
    assert!(sandbox.files_named("gone").is_empty());
    drop(lines);
}

#[test]
fn it_rings_again_while_it_lasts() {
    let sandbox = Sandbox::new();
    configure(&sandbox, &format!("again = \"200ms\"\nlevel = \"info\"\n{}", teller(&sandbox)));
    run(&sandbox, &["set", "it", "low", "--level", "good"]);
    run(&sandbox, &["set", "it", "up", "--level", "warning"]);
    let said = until_told(&sandbox, 3);
    assert_eq!(said[0], "loud|reached|warning|it: warning: up|it");
    assert_eq!(said[1], "loud|again|warning|it: warning: up|it");
}

#[test]
fn what_nobody_shows_is_watched_and_nothing_else() {
    let sandbox = Sandbox::new();
    let command = |name: &str| {
        let script = format!("echo x >> {}; echo full; echo; echo ff0000", name);
        format!(
            "command = [\"sh\", \"-c\", \"{script}\"]\noutput = \"i3blocks\"\ninterval = '200ms'\n"
        )
    };
    let (seen, unseen) = (sandbox.path("seen"), sandbox.path("unseen"));
    let text = format!(
        "[line.terminal]\nleft = [\"beside\"]\n[segment.beside]\nuse = \"text\"\ntext = \"x\"\n\
         [segment.it]\nuse = \"custom\"\n{}[segment.idle]\nuse = \"custom\"\n{}\
         [alert.loud]\nsegment = \"it\"\n{}",
        command(&seen.display().to_string()),
        command(&unseen.display().to_string()),
        teller(&sandbox)
    );
    sandbox.write("home/.config/rainline/config.toml", text);
    run(&sandbox, &["daemon", "start"]);
    run(&sandbox, &["print", "terminal", "left"]);
    assert_eq!(until_told(&sandbox, 1), ["loud|reached|critical|it: critical: full|it"]);
    assert!(seen.exists() && !unseen.exists());
}

/// Its level settles, so it must know what it was: another worker would not.
#[test]
fn a_reading_in_a_worker_keeps_its_past_while_others_are_busy() {
    let sandbox = Sandbox::new();
    let (value, reads) = (sandbox.write("value", "60"), sandbox.path("reads"));
    let mut text = format!(
        "[segment.it]\nuse = \"custom\"\ninterval = '100ms'\nfields = {{ v = \"count\" }}\n\
         level-by = \"v\"\nwarning = 50\ncritical = 100\n\
         command = [\"sh\", \"-c\", 'echo x >> {}; echo \"{{\\\"v\\\": $(cat {})}}\"']\n\
         [alert.loud]\nsegment = \"it\"\nlevel = \"warning\"\nback = true\n{}",
        reads.display(),
        value.display(),
        teller(&sandbox)
    );
    let others: Vec<String> = (0..5).map(|number| format!("\"o{number}\"")).collect();
    for name in &others {
        text.push_str(&format!(
            "[segment.{name}]\nuse = \"custom\"\ninterval = '100ms'\ncommand = [\"sleep\", \"0.02\"]\n"
        ));
    }
    text.push_str(&format!("[line.terminal]\nleft = [{}, \"clock\"]\n", others.join(", ")));
    sandbox.write("home/.config/rainline/config.toml", text);
    run(&sandbox, &["daemon", "start"]);
    let _line = Stream::open(&sandbox);
    assert_eq!(until_told(&sandbox, 1), ["loud|reached|warning|it: warning: 60|it"]);
    sandbox.write("value", "49");
    let count = || std::fs::read_to_string(&reads).map_or(0, |text| text.lines().count());
    let before = count();
    until("some readings", || (count() >= before + 20).then_some(()));
    assert_eq!(told(&sandbox).len(), 1);
    sandbox.write("value", "10");
    assert_eq!(until_told(&sandbox, 2)[1], "loud|back|idle|it: normal again: 10|it");
}

#[test]
fn one_that_cannot_be_told_is_said_by_doctor() {
    let sandbox = Sandbox::new();
    configure(&sandbox, "do = [\"no-such-program\"]\n");
    run(&sandbox, &["set", "it", "x", "--level", "critical"]);
    until("a word", || {
        let said = sandbox.rainline().arg("doctor").output().expect("it runs");
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        said.contains("alert loud: error: no-such-program: not found").then_some(())
    });
}

#[test]
fn a_desktop_is_told_in_words_of_its_own() {
    let sandbox = Sandbox::new();
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", sandbox.path("bin").display());
    let sandbox = sandbox.with("PATH", path);
    let told = sandbox.path("told");
    let script =
        format!("#!/bin/sh\nprintf '%s\\n' \"$@\" > {0}.new; mv {0}.new {0}\n", told.display());
    let program = sandbox.write("bin/notify-send", script);
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(program, executable).expect("changed");
    configure(&sandbox, "do = \"desktop\"\n");
    run(&sandbox, &["set", "it", "<b>97%</b> & more", "--level", "critical"]);
    let said = until_told(&sandbox, 1);
    let words = ["--app-name=Rainline", "--urgency=critical", "--", "it: critical"];
    assert_eq!(said[..4], words);
    assert_eq!(said[4], "&lt;b>97%&lt;/b> &amp; more");
}

#[test]
fn tmux_shows_the_message_and_obeys_nothing_in_it() {
    let sandbox = Sandbox::new();
    configure(&sandbox, "do = \"tmux\"\n");
    run(&sandbox, &["daemon", "start"]);
    let wired = run(&sandbox, &["init", "tmux"]).stdout;
    let mut tmux = Tmux::start(&sandbox, &String::from_utf8_lossy(&wired), 10, 100);
    // The line was asked for from inside.
    tmux.terminal.wait_text("%");
    let touched = sandbox.path("touched");
    let text = format!("93% #(touch {}) #[reverse]", touched.display());
    run(&sandbox, &["set", "it", &text, "--level", "critical"]);
    tmux.terminal.wait_text(&format!("it: critical: {text}"));
    assert!(!touched.exists());
}

#[test]
fn a_bell_rings_in_the_terminal_of_who_asked() {
    let sandbox = Sandbox::new();
    configure(&sandbox, "do = \"bell\"\n");
    run(&sandbox, &["daemon", "start"]);
    let program = crate::support::program().display().to_string();
    let script = format!("{program} print terminal left --target plain; echo asked; exec cat");
    let mut terminal = Terminal::spawn(&sandbox, &["sh", "-c", &script], 4, 60);
    terminal.wait_text("asked");
    run(&sandbox, &["set", "it", "x", "--level", "critical"]);
    terminal.wait_bell();
}
