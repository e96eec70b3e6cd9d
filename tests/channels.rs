//! Prompts that cost no process: what a shell's channel must survive, with the real shells.
//!
//! The program that the wiring lines name is a script which writes down that it was called and then
//! becomes the real one: a prompt that leaves no trace there came through the channel.

mod keymaps;
mod places;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rainline::hosts::{self, Wiring};
use rainline_render::theme::Theme;
use rustix::process::Signal;

use crate::support::hostile::{Dice, NASTY};
use crate::support::terminal::argv;
use crate::support::{
    DEADLINE, Sandbox, Terminal, at_once, program, signal, tool, until_true, wait_end,
    with_deadline,
};

pub const WITH_CHANNELS: [&str; 2] = ["bash", "zsh"];
const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// A home whose prompt says where one is and how the last command ended: `DIRECTORY STATUS> `.
pub fn sandbox() -> Sandbox {
    let config = "theme = \"mono\"\n[line.prompt]\nleft = [\"here\", \"ended\", \"end\"]\n\
        [segment.here]\nuse = \"directory\"\nformat = \"<$last>\"\n\
        [segment.ended]\nuse = \"status\"\nformat = \"<($code)>\"\nhide-when = \"never\"\n\
        [segment.end]\nuse = \"text\"\ntext = \"=>\"\nformat = \"$text\"\n";
    Sandbox::new().configured(config)
}

/// The files of channels in the runtime directory.
fn channel_files(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.runtime()).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("shell-")).collect()
}

/// A line without the theme's separators and the blanks at its end.
fn plain(line: &str) -> String {
    line.trim_end().replace('│', "")
}

pub struct Shell {
    name: &'static str,
    calls: PathBuf,
    /// How long a prompt is waited for before another is asked for.
    again: Duration,
    pub terminal: Terminal,
}

impl Shell {
    /// Starts a shell in the sandbox's home that waits for its answers as long as it takes, with
    /// these lines of its own before and after ours.
    fn start(sandbox: &Sandbox, name: &'static str, before: &str, after: &str) -> Shell {
        Shell::waiting(sandbox, name, Some(20_000), before, after)
    }

    /// One that waits as long as a person would like it to: for tests of what it does then.
    fn with_short_deadline(sandbox: &Sandbox, name: &'static str) -> Shell {
        Shell::waiting(sandbox, name, None, "", "")
    }

    /// The same, run by these words and with files made ready for it by `prepare`.
    pub fn run_by(
        sandbox: &Sandbox,
        name: &'static str,
        words: &[OsString],
        prepare: impl FnOnce(),
    ) -> Shell {
        let (calls, shell) = Shell::wired(sandbox, name, None, "", "");
        prepare();
        Shell::spawn(sandbox, name, calls, None, &[words, &shell].concat())
    }

    fn waiting(
        sandbox: &Sandbox,
        name: &'static str,
        milliseconds: Option<u16>,
        before: &str,
        after: &str,
    ) -> Shell {
        let (calls, words) = Shell::wired(sandbox, name, milliseconds, before, after);
        Shell::spawn(sandbox, name, calls, milliseconds, &words)
    }

    /// Writes its files: where it says that it called a process, and the words that start it.
    fn wired(
        sandbox: &Sandbox,
        name: &str,
        milliseconds: Option<u16>,
        before: &str,
        after: &str,
    ) -> (PathBuf, Vec<OsString>) {
        let calls = sandbox.path("calls");
        let script =
            format!("echo \"$*\" >>'{}'\nexec '{}' \"$@\"", calls.display(), program().display());
        let path = sandbox.install("rainline", &script);
        let theme = Theme::built_in("mono").expect("built in");
        let lines = (hosts::find(name).expect("a host").init)(&Wiring::new(path, &theme));
        let lines = milliseconds.map_or(lines.clone(), |most| with_deadline(&lines, most));
        let text = format!("{before}\n{lines}\n{after}\n");
        let words = match name {
            "bash" => {
                let file = sandbox.write("bashrc", text);
                argv([&tool(name), &"--noprofile", &"--rcfile", &file, &"-i"])
            }
            "zsh" => {
                sandbox.write("home/.zshrc", text);
                argv([&tool(name), &"-d", &"-i"])
            }
            _ => {
                let text = format!("set -g fish_greeting\n{text}");
                sandbox.write("home/.config/fish/config.fish", text);
                argv([&tool(name), &"-i"])
            }
        };
        (calls, words)
    }

    fn spawn(
        sandbox: &Sandbox,
        name: &'static str,
        calls: PathBuf,
        milliseconds: Option<u16>,
        words: &[OsString],
    ) -> Shell {
        let timeout = Duration::from_millis(milliseconds.unwrap_or(0).into());
        let again = (timeout * 2).max(Duration::from_secs(3));
        let terminal = Terminal::spawn(sandbox, words, 24, 80);
        let mut shell = Shell { name, calls, again, terminal };
        shell.prompt("=>");
        shell
    }

    /// The same, once its prompts come through the channel.
    fn with_channel(sandbox: &Sandbox, name: &'static str, before: &str, after: &str) -> Shell {
        let mut shell = Shell::start(sandbox, name, before, after);
        shell.settle();
        shell
    }

    /// Waits for a prompt of this text in the cursor's row, with the cursor behind it. A shell
    /// with a short deadline may have drawn another one, because the daemon was stopped or is busy: an empty command
    /// asks again and changes nothing.
    fn prompt(&mut self, text: &str) {
        self.prompt_below(text, 0);
    }

    fn prompt_below(&mut self, text: &str, top: u16) {
        let start = Instant::now();
        let there = |screen: &vt100::Screen| {
            let (row, column) = screen.cursor_position();
            let line = screen.rows(0, column).nth(usize::from(row));
            row >= top && line.is_some_and(|line| plain(&line).ends_with(text))
        };
        while !self.terminal.comes(self.again, there) {
            let screen = self.terminal.contents();
            assert!(
                start.elapsed() < DEADLINE,
                "no {text:?} in {}; the screen:\n{screen}",
                self.name
            );
            self.terminal.send("\r");
        }
    }

    /// Types a command on an empty screen and waits for the next prompt of this text.
    pub fn run(&mut self, command: &str, text: &str) -> String {
        self.terminal.send("\x0c");
        self.terminal.wait("an empty screen", |screen| screen.cursor_position().0 == 0);
        self.prompt("=>");
        self.terminal.send(format!("{command}\r"));
        self.prompt_below(text, 1);
        self.terminal.contents()
    }

    fn calls(&self) -> usize {
        fs::read_to_string(&self.calls).unwrap_or_default().lines().count()
    }

    /// Whether a prompt comes without a process.
    fn is_quiet(&mut self) -> bool {
        let before = self.calls();
        self.run(":", "<0>=>");
        self.calls() == before
    }

    /// Waits until its prompts come through the channel.
    pub fn settle(&mut self) {
        let start = Instant::now();
        while !self.is_quiet() {
            assert!(start.elapsed() < DEADLINE, "{} gets no channel", self.name);
        }
    }

    fn pid(&self) -> u32 {
        self.terminal.pid()
    }

    /// Does something that should need no process.
    fn quietly(&mut self, act: impl FnOnce(&mut Shell)) {
        self.settle();
        let before = self.calls();
        act(self);
        assert_eq!(self.calls(), before, "{} called a process", self.name);
    }
}

#[test]
fn prompts_are_right_without_a_process() {
    at_once(WITH_CHANNELS, |name| {
        let sandbox = sandbox();
        let mut shell = Shell::with_channel(&sandbox, name, "", "");
        shell.quietly(|shell| {
            shell.run("cd /usr/share", "<share><0>=>");
            shell.run("(exit 3)", "<share><3>=>");
            shell.run("cd /", "</><0>=>");
        });
    });
}

/// After each of many hostile directories and variables, the channel's answer and the bytes that
/// the client prints at the same moment.
#[test]
fn hostile_text_breaks_no_framing_and_changes_no_byte() {
    at_once(WITH_CHANNELS, |name| {
        let sandbox = sandbox();
        let mut dice = Dice(7);
        let texts: Vec<String> = (0..100).map(|_| dice.text()).collect();
        let texts = NASTY.iter().copied().chain(texts.iter().map(String::as_str));
        let raw =
            [&b"a\nask 0000000001"[..], b"a\n--", b"--", b"\xff\xfe", b"\x01=\n", b"-n", b" "];
        let names = texts.map(str::as_bytes).chain(raw);
        for name in names.filter(|name| !name.contains(&b'/') && name.len() < 200) {
            use std::os::unix::ffi::OsStrExt;
            let path = sandbox.path("home/d").join(std::ffi::OsStr::from_bytes(name));
            // Some are there already, `..` among them.
            let _ = fs::create_dir_all(path);
        }
        let made = fs::read_dir(sandbox.path("home/d")).expect("readable").count();
        assert!(made > 100, "{made} directories");
        let real = program().display().to_string();
        let (ask, left, all) = match name {
            "bash" => {
                ("__rainline_prompt", "$__rainline_ps1", "\"$HOME\"/d/*/ \"$HOME\"/d/.[!.]*/")
            }
            _ => ("__rainline_precmd", "$__rainline_left", "$HOME/d/*(DN/)"),
        };
        // Asked twice: the first time the directory may not be known yet.
        let after = format!(
            "check() {{ local d want got n=0 bad=0; for d in {all}; do \
               cd -- \"$d\" 2>/dev/null || continue; export TERM_PROGRAM=\"$PWD\" NODE_ENV=$'x\\nask 1\\n'\"$d\"; \
               '{real}' print prompt all --deadline 2000 >/dev/null; : ; {ask}; got={left}; \
               want=$('{real}' print prompt all --target={name} --status=0 --columns=80 --deadline 2000); \
               want=${{want#*$'\\n'*$'\\n'}}; n=$((n+1)); \
               if [ \"$got\" != \"$want\" ]; then bad=$((bad+1)); printf '%s|%s|%s\\n' \"$d\" \"$got\" \"$want\" >>$HOME/bad; fi; \
             done; cd; echo \"$n asked $bad differ\"; }}"
        );
        let mut shell = Shell::with_channel(&sandbox, name, "", &after);
        let before = shell.calls();
        let output = shell.run("check", "<0>=>");
        let bad = fs::read(sandbox.path("home/bad")).unwrap_or_default();
        assert!(
            output.contains(" 0 differ"),
            "{name}: {output}\n{}",
            String::from_utf8_lossy(&bad)
        );
        let asked = output.split(" asked").next().and_then(|text| text.rsplit('\n').next());
        let asked: usize = asked.and_then(|text| text.trim().parse().ok()).expect("a number");
        assert!(asked >= made, "{asked} of {made}");
        assert_eq!(shell.calls(), before, "{name}: an answer was lost to its text");
        assert!(sandbox.files_named("SENTINEL").is_empty());
    });
}

#[test]
fn no_job_no_hang_and_no_descriptor_for_children() {
    at_once(WITH_CHANNELS, |name| {
        let sandbox = sandbox();
        let mut shell = Shell::with_channel(&sandbox, name, "", "");
        shell.quietly(|shell| {
            let output = shell.run("echo \"jobs[$(jobs)]\"; wait; echo waited", "<0>=>");
            assert!(output.contains("jobs[]\nwaited\n"), "{name}: {output}");
            shell.run("ls -l /proc/self/fd >fds; (ls -l /proc/self/fd; :) >>fds", "<0>=>");
            let fds = fs::read_to_string(sandbox.path("home/fds")).expect("written");
            assert!(fds.contains("/fds") && !fds.contains("shell-"), "{name}: {fds}");
        });
    });
}

#[test]
fn a_killed_daemon_kills_no_shell_and_the_next_one_serves_it() {
    at_once(SHELLS, |name| {
        let sandbox = sandbox();
        let mut shell = Shell::with_short_deadline(&sandbox, name);
        if name != "fish" {
            shell.settle();
        }
        for status in ["4", "5"] {
            // The more daemons were lost the longer it takes to the next.
            until_true("a daemon", || {
                shell.run(":", "<0>=>");
                sandbox.daemon().is_some()
            });
            let pid = sandbox.daemon().expect("a daemon");
            signal(pid, Signal::KILL);
            wait_end(pid);
            shell.run(&format!("sh -c 'exit {status}'"), &format!("<{status}>=>"));
            if name != "fish" {
                shell.settle();
            }
        }
    });
}

#[test]
fn a_daemon_that_stalls_delays_no_prompt_for_long() {
    at_once(SHELLS, |name| {
        let sandbox = sandbox();
        let mut shell = Shell::with_short_deadline(&sandbox, name);
        if name != "fish" {
            shell.settle();
        }
        until_true("a daemon", || sandbox.daemon().is_some());
        let pid = sandbox.daemon().expect("a daemon");
        signal(pid, Signal::STOP);
        shell.run("sh -c 'exit 7'", "<7>=>");
        shell.run(":", "<0>=>");
        signal(pid, Signal::CONT);
        // A late answer to what was asked meanwhile must not be shown now.
        shell.run("sh -c 'exit 8'", "<8>=>");
        if name != "fish" {
            shell.settle();
            shell.run("sh -c 'exit 9'", "<9>=>");
        }
    });
}

#[test]
fn an_interrupt_while_a_prompt_is_asked_for_costs_nothing() {
    at_once(WITH_CHANNELS, |name| {
        let sandbox = sandbox();
        let mut shell = Shell::with_short_deadline(&sandbox, name);
        shell.settle();
        let pid = sandbox.daemon().expect("a daemon");
        signal(pid, Signal::STOP);
        shell.terminal.send(":\r");
        shell.terminal.wait("its echo", |screen| screen.cursor_position().0 > 0);
        shell.terminal.send("\x03");
        // The interrupt throws away what was typed and not read yet.
        let start = Instant::now();
        let answered = |screen: &vt100::Screen| screen.contents().contains("still 42");
        while !shell.terminal.comes(Duration::from_secs(2), answered) {
            assert!(start.elapsed() < DEADLINE, "{}", shell.terminal.contents());
            shell.terminal.send("echo still $((40+2))\r");
        }
        signal(pid, Signal::CONT);
        shell.run("sh -c 'exit 6'", "<6>=>");
        shell.settle();
    });
}

#[test]
fn nested_and_replaced_shells_have_channels_of_their_own() {
    at_once(WITH_CHANNELS, |name| {
        let sandbox = sandbox();
        let mut shell = Shell::with_channel(&sandbox, name, "", "");
        let again = match name {
            "bash" => format!("bash --noprofile --rcfile {} -i", sandbox.path("bashrc").display()),
            _ => "zsh -d -i".to_owned(),
        };
        shell.run(&again, "=>");
        shell.settle();
        shell.run("(cd /; sh -c 'exit 2')", "<2>=>");
        assert_eq!(channel_files(&sandbox).len(), 6, "two shells");
        shell.terminal.send("exit 5\r");
        shell.prompt("<5>=>");
        shell.settle();
        until_true("the end of the inner one's files", || channel_files(&sandbox).len() == 3);
        // The same process, another shell in it.
        shell.run(&format!("exec {again}"), "=>");
        shell.settle();
        shell.run("sh -c 'exit 3'", "<3>=>");
        assert_eq!(channel_files(&sandbox).len(), 3, "one process");
    });
}

#[test]
fn two_shells_at_once_get_their_own_answers() {
    let sandbox = sandbox();
    let mut one = Shell::with_channel(&sandbox, "bash", "", "");
    let mut two = Shell::with_channel(&sandbox, "zsh", "", "");
    for round in 1..20 {
        one.terminal.send(format!("cd /usr; sh -c 'exit {round}'\r"));
        two.terminal.send(format!("cd /var; sh -c 'exit {}'\r", round + 100));
        one.prompt(&format!("<usr><{round}>=>"));
        two.prompt(&format!("<var><{}>=>", round + 100));
    }
}

#[test]
fn the_files_go_with_their_shell() {
    at_once(WITH_CHANNELS, |name| {
        let sandbox = sandbox();
        let shell = Shell::with_channel(&sandbox, name, "", "");
        assert_eq!(channel_files(&sandbox).len(), 3, "{name}");
        let pid = shell.pid();
        signal(pid, Signal::KILL);
        drop(shell);
        until_true("the end of its files", || channel_files(&sandbox).is_empty());
        // And where no daemon saw it go, the next one finds out.
        let shell = Shell::with_channel(&sandbox, name, "", "");
        let daemon_was = sandbox.daemon().expect("a daemon");
        signal(daemon_was, Signal::KILL);
        wait_end(daemon_was);
        drop(shell);
        assert_eq!(channel_files(&sandbox).len(), 3, "{name}");
        sandbox.start_daemon(&[]);
        assert_eq!(channel_files(&sandbox), [""; 0], "{name}");
    });
}

#[test]
fn the_users_descriptors_status_and_hooks_are_kept() {
    let hooks = [
        (
            "bash",
            "one() { echo \"one:$?:${PIPESTATUS[*]}\"; }; PROMPT_COMMAND=(one)",
            "two() { echo \"two:$?:${PIPESTATUS[*]}\"; }; PROMPT_COMMAND+=(two)",
            "exec 8>eight 9>nine",
            "echo \"kept:$?:${PIPESTATUS[*]}\"; echo 8 >&8; echo 9 >&9",
        ),
        (
            "zsh",
            "one() { echo \"one:$?:$pipestatus\" }; precmd_functions=(one)",
            "two() { echo \"two:$?:$pipestatus\" }; precmd_functions+=(two)",
            "exec 8>eight 9>nine",
            "echo \"kept:$?:$pipestatus\"; echo 8 >&8; echo 9 >&9",
        ),
    ];
    at_once(hooks, |(name, before, after, open, ask)| {
        let sandbox = sandbox();
        let mut shell = Shell::with_channel(&sandbox, name, before, after);
        shell.quietly(|shell| {
            shell.run(open, "<0>=>");
            let output = shell.run("sh -c 'exit 4' | sh -c 'exit 9'", "<9>=>");
            assert!(
                output.contains("one:9:4 9") && output.contains("two:9:4 9"),
                "{name}: {output}"
            );
        });
        shell.terminal.send(format!("{ask}\r"));
        shell.terminal.wait_text("kept:9:4 9");
        shell.prompt("<0>=>");
        let read = |file: &str| fs::read_to_string(sandbox.home().join(file)).expect("there");
        assert_eq!((&*read("eight"), &*read("nine")), ("8\n", "9\n"), "{name}");
    });
}

/// The shells that show by themselves what comes late, and for how long an answer is waited for:
/// long enough for the daemon's own part of it, and fish's client needs some more to be told.
const WATCHING: [(&str, u16); 2] = [("zsh", 1_000), ("fish", 4_000)];

/// The reading is one that ends when the test says so: that the prompt comes first is no matter of
/// time, nor is what appears afterwards.
#[test]
fn what_is_read_late_appears_without_a_key() {
    at_once(WATCHING, |(name, timeout)| {
        let sandbox = sandbox();
        let released = sandbox.path("released");
        let config = fs::read_to_string(sandbox.config()).expect("readable");
        let config = config.replace("\"ended\", ", "\"ended\", \"late\", ");
        let script = format!("until [ -e {} ]; do sleep 0.1; done; echo late", released.display());
        let late = format!(
            "[segment.late]\nuse = \"custom\"\ntimeout = '600s'\nformat = \"(<$text>)\"\n\
             command = [\"sh\", \"-c\", \"{script}\"]\n"
        );
        sandbox.configure(&(config + &late));
        let mut shell = Shell::waiting(&sandbox, name, Some(timeout), "", "");
        until_true("a daemon", || sandbox.daemon().is_some());
        if name == "zsh" {
            shell.settle();
        }
        shell.run("sh -c 'exit 3'", "<3>=>");
        assert!(!shell.terminal.contents().contains("<late>"), "{}", shell.terminal.contents());
        shell.terminal.send("echo typed");
        fs::write(released, "").expect("written");
        shell.terminal.wait("the reading before what was typed", |screen| {
            plain(&screen.contents()).contains("<3><late>=> echo typed")
        });
        shell.terminal.send("\r");
        shell.prompt("<0><late>=>");
    });
}

/// A config that was never named before is read by a worker. While all workers are stopped the
/// built-in config is used.
#[test]
fn a_config_read_late_appears_without_a_key() {
    at_once(WATCHING, |(name, timeout)| {
        let sandbox = sandbox();
        let other = fs::read_to_string(sandbox.config()).expect("readable");
        let other = sandbox.write("other.toml", other.replace("\"=>\"", "\"other>\""));
        let mut shell = Shell::waiting(&sandbox, name, Some(timeout), "", "");
        if name == "zsh" {
            shell.settle();
        }
        shell.run(":", "<~><0>=>");
        until_true("its workers", || !sandbox.workers().is_empty());
        let stopped = sandbox.workers();
        stopped.iter().for_each(|pid| signal(*pid, Signal::STOP));
        shell.terminal.send("\x0c");
        shell.terminal.wait("an empty screen", |screen| screen.cursor_position().0 == 0);
        let set =
            if name == "zsh" { "export RAINLINE_CONFIG=" } else { "set -gx RAINLINE_CONFIG " };
        shell.terminal.send(format!("{set}{}\r", other.display()));
        shell.terminal.wait("a prompt", |screen| {
            let (row, column) = screen.cursor_position();
            row > 0 && column > 0
        });
        shell.terminal.send("echo typed");
        stopped.iter().for_each(|pid| signal(*pid, Signal::CONT));
        shell.terminal.wait("the config's own line before what was typed", |screen| {
            plain(&screen.contents()).contains("<0>other> echo typed")
        });
    });
}

#[test]
fn the_files_of_a_channel_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = sandbox();
    let _shell = Shell::with_channel(&sandbox, "bash", "", "");
    for name in channel_files(&sandbox) {
        let path: &Path = &sandbox.runtime().join(&name);
        let mode = fs::metadata(path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
