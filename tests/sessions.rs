//! Which sessions one is in, named from inside real ones: typed into a shell there, read from the
//! terminal outside.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::support::terminal::argv;
use crate::support::{DEADLINE, Sandbox, Terminal, Tmux, program, tool};

/// What is read: the tools around, the session's name, the pane.
const CONFIG: &str = "[line.terminal]\nleft = [\"session\"]\nright = []\n\
                      [segment.session]\nformat = \"nest:$nest:($name):($pane):\"\n";

/// A home with a daemon, and with `where`: a command that names the session it is typed in.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new().with_screens().with_bin().with("PS1", "ready$ ");
    let print = "print terminal left --target plain --columns 100 --deadline 20000";
    sandbox.install("where", &format!("exec {} {print}", program().display()));
    sandbox.configure(CONFIG);
    sandbox.start_daemon(&[]);
    sandbox
}

/// What is typed while a program takes the terminal over may be thrown away: then it is typed again.
const TAKEN_OVER: Duration = Duration::from_secs(10);

/// Types `where` until the answer is this one: a reading is kept for five seconds.
#[track_caller]
fn named(terminal: &mut Terminal, answer: &str) {
    let start = Instant::now();
    for round in 0.. {
        terminal.send(format!("clear; where; echo round-$(({round}+100))\r"));
        let mark = format!("\nround-{}", round + 100);
        terminal.comes(TAKEN_OVER, |screen| screen.contents().contains(&mark));
        let found = terminal.contents();
        if found.contains(answer) {
            return;
        }
        assert!(start.elapsed() < DEADLINE, "waited for {answer:?}; the screen:\n{found}");
    }
}

/// A program of the sandbox that is told to end with the test.
struct Server<'a>(&'a Sandbox, Vec<std::ffi::OsString>);

impl Drop for Server<'_> {
    fn drop(&mut self) {
        // One that is gone already is as good.
        let _ = self.0.command(&self.1[0]).args(&self.1[1..]).output();
    }
}

fn tmux_words(sandbox: &Sandbox) -> (PathBuf, String) {
    let conf = sandbox.write("inner.conf", "set -g status off\nset -g default-command /bin/sh\n");
    let socket = sandbox.path("inner");
    let text = format!("tmux -S {} -f {} new-session -s work", socket.display(), conf.display());
    (socket, text)
}

fn screen_words(sandbox: &Sandbox) -> String {
    let rc = sandbox.write("screenrc", "startup_message off\nshell /bin/sh\n");
    format!("screen -c {} -S deep", rc.display())
}

#[test]
fn dtach_is_named_by_its_socket() {
    let sandbox = sandbox();
    let socket = sandbox.path("notes");
    let words = argv([&tool("dtach"), &"-c", &socket, &"-z", &"sh"]);
    let mut terminal = Terminal::spawn(&sandbox, &words, 10, 100);
    named(&mut terminal, "nest:dtach:notes::");
}

#[test]
fn dvtm_kept_by_dtach() {
    let sandbox = sandbox();
    let socket = sandbox.path("notes");
    let words = argv([&tool("dtach"), &"-c", &socket, &"-z", &"sh"]);
    let mut terminal = Terminal::spawn(&sandbox, &words, 10, 100);
    // A dvtm that begins before dtach has told its terminal's size opens no window, ever.
    terminal.wait_text("ready$");
    let sized = "until stty size | grep -q '^10 100$'; do :; done";
    terminal.send(format!("{sized}; export PS1='within$ '; exec dvtm sh\r"));
    terminal.wait("a window", |screen| screen.contents().starts_with("within$"));
    named(&mut terminal, "nest:dtach › dvtm:notes::");
}

#[test]
fn tmux_in_screen() {
    let sandbox = sandbox();
    let (socket, tmux) = tmux_words(&sandbox);
    let screen = screen_words(&sandbox);
    let words: Vec<_> = screen.split(' ').collect();
    let _screen = Server(&sandbox, argv([&"screen", &"-S", &"deep", &"-X", &"quit"]).to_vec());
    let _tmux = Server(&sandbox, argv([&"tmux", &"-S", &socket, &"kill-server"]).to_vec());
    let mut terminal = Terminal::spawn(&sandbox, &words, 10, 100);
    named(&mut terminal, "nest:screen:deep::");
    terminal.send(format!("clear; exec {tmux}\r"));
    terminal.wait("a tmux", |_| socket.exists());
    named(&mut terminal, "nest:screen › tmux:$0:%0:");
    // Looked at from elsewhere, screen is no longer around it.
    let attach = argv([&"tmux", &"-S", &socket, &"attach-session", &"-d"]);
    let mut elsewhere = Terminal::spawn(&sandbox, &attach, 10, 100);
    named(&mut elsewhere, "nest:tmux:$0:%0:");
}

#[test]
fn screen_in_tmux() {
    let sandbox = sandbox();
    let (socket, tmux) = tmux_words(&sandbox);
    let words: Vec<_> = tmux.split(' ').collect();
    let _screen = Server(&sandbox, argv([&"screen", &"-S", &"deep", &"-X", &"quit"]).to_vec());
    let _tmux = Server(&sandbox, argv([&"tmux", &"-S", &socket, &"kill-server"]).to_vec());
    let mut terminal = Terminal::spawn(&sandbox, &words, 10, 100);
    named(&mut terminal, "nest:tmux:$0:%0:");
    terminal.send(format!("clear; exec {}\r", screen_words(&sandbox)));
    terminal.wait("a screen", |_| {
        std::fs::read_dir(sandbox.path("screens")).is_ok_and(|mut dir| dir.next().is_some())
    });
    named(&mut terminal, "nest:tmux › screen:deep:");
}

/// Begun in one pane of tmux, looked at in another: `$TMUX_PANE` still says the first.
#[test]
fn a_dtach_attached_elsewhere_ignores_tmux_pane() {
    let sandbox = sandbox();
    let conf = "set -g status off\nset -g default-command /bin/sh\n";
    let mut tmux = Tmux::start(&sandbox, conf, 10, 100);
    tmux.terminal.wait_text("ready$");
    named(&mut tmux.terminal, "nest:tmux:$0:%0:");
    let socket = sandbox.path("notes");
    tmux.terminal.send(format!("clear; dtach -c {} -z sh\r", socket.display()));
    tmux.terminal.wait("a dtach", |_| socket.exists());
    // Its first pane is still around it here.
    named(&mut tmux.terminal, "dtach:notes:");
    // Ctrl-\ detaches; the pane ends, and another one comes to look.
    tmux.terminal.send("\x1c");
    tmux.terminal.wait("it detaches", |screen| screen.contents().contains("detached"));
    tmux.run(&["new-window"]);
    tmux.run(&["kill-window", "-t", ":0"]);
    tmux.terminal.wait("an empty window", |screen| !screen.contents().contains("detached"));
    tmux.terminal.send(format!("clear; dtach -a {} -z\r", socket.display()));
    named(&mut tmux.terminal, "nest:dtach:notes::");
    tmux.terminal.send("clear; echo still-$TMUX_PANE\r");
    tmux.terminal.wait_text("still-%0");
}
