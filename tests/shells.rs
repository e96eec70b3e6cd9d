//! The prompts of bash, zsh and fish, drawn by the real shells in a terminal.
//!
//! Where a test is about what our program draws, it is the program; where it is about what a shell
//! does with an answer or says in its call, a script stands in its place.

use std::fs;
use std::path::{Path, PathBuf};

use rainline::hosts::{self, Wiring};
use rainline::line::rows::{Prompt, encode_prompt};
use rainline_caps::Caps;
use rainline_caps::Policy;
use rainline_render::frame::{Frame, Piece, Span, Text};
use rainline_render::style::Style;
use rainline_render::targets;
use rainline_render::theme::Theme;
use rainline_segments::Untrusted;

use crate::support::hostile::{Dice, Tried};
use crate::support::terminal::{argv, drawn};
use crate::support::{Look, Sandbox, Terminal, at_once, program, tool, with_deadline};

/// A shell and a mode of it.
#[derive(Clone, Copy)]
pub(crate) struct Mode {
    pub(crate) shell: &'static str,
    /// Said before the wiring lines, as by others who wired the shell first.
    before: &'static str,
    /// Said after them.
    after: &'static str,
}

pub(crate) const fn mode(shell: &'static str, after: &'static str) -> Mode {
    Mode { shell, before: "", after }
}

const BASH: Mode = mode("bash", "");
const ZSH: Mode = mode("zsh", "");
pub(crate) const FISH: Mode = mode("fish", "");
const SHELLS: [Mode; 3] = [BASH, ZSH, FISH];

/// What is said before the wiring lines where bash is in posix mode when it reads them.
const POSIX_FROM_THE_START: &str = ": from the start";

const BASH_POSIX: Mode = Mode { before: POSIX_FROM_THE_START, ..BASH };

/// Hooks around ours: PROMPT_SUBST is off when ours looks, and on when zsh draws.
const ZSH_LATE: &str = "off() { unsetopt promptsubst }; on() { setopt promptsubst }; \
                        precmd_functions=(off $precmd_functions on)";

pub(crate) const MODES: [(&str, Mode); 11] = [
    ("bash", BASH),
    ("bash --posix", BASH_POSIX),
    ("bash, posix mode", mode("bash", "set -o posix")),
    ("bash, promptvars off", mode("bash", "shopt -u promptvars")),
    ("bash, promptvars off, posix mode", mode("bash", "shopt -u promptvars; set -o posix")),
    ("zsh", ZSH),
    ("zsh, PROMPT_SUBST", mode("zsh", "setopt promptsubst")),
    ("zsh, PROMPT_SUBST set after us", mode("zsh", ZSH_LATE)),
    ("zsh, PROMPT_BANG", mode("zsh", "setopt promptbang")),
    ("zsh, PROMPT_SUBST, PROMPT_BANG", mode("zsh", "setopt promptsubst promptbang")),
    ("fish", FISH),
];

fn lines(shell: &str, program: PathBuf) -> String {
    let theme = Theme::built_in("mono").expect("built in");
    let host = hosts::find(shell).expect("a host");
    // What bash has drawn it draws no better later: its first answer must be the right one.
    with_deadline(&(host.init)(&Wiring::new(program, &theme)), 20_000)
}

/// Starts a shell of this mode with the wiring lines, `times` times read.
fn start(
    sandbox: &Sandbox,
    mode: Mode,
    program: &Path,
    times: usize,
    size: (u16, u16),
) -> Terminal {
    let lines = lines(mode.shell, program.to_owned()).repeat(times);
    let text = format!("{}\n{lines}\n{}\n", mode.before, mode.after);
    let shell = tool(mode.shell);
    let words = match mode.shell {
        // It reads the file that ENV names and no other.
        "bash" if mode.before == POSIX_FROM_THE_START => {
            let file = sandbox.write("bashrc", text);
            let env = format!("ENV={}", file.display());
            argv([&"env", &env, &shell, &"--posix", &"-i"])
        }
        "bash" => {
            let file = sandbox.write("bashrc", text);
            argv([&shell, &"--noprofile", &"--rcfile", &file, &"-i"])
        }
        "zsh" => {
            sandbox.write("home/.zshrc", text);
            argv([&shell, &"-d", &"-i"])
        }
        _ => {
            sandbox.write("home/.config/fish/config.fish", format!("set -g fish_greeting\n{text}"));
            argv([&shell, &"-i"])
        }
    };
    Terminal::spawn(sandbox, &words, size.0, size.1)
}

fn script(sandbox: &Sandbox, text: &str) -> PathBuf {
    sandbox.write_program("bin/rainline", &format!("#!/bin/sh\n{text}\n"))
}

/// Waits until the row with the cursor holds `text`, and gives its number.
pub(crate) fn prompt_with(terminal: &mut Terminal, text: &str) -> u16 {
    terminal.wait(&format!("a prompt with {text:?}"), |screen| {
        let row = usize::from(screen.cursor_position().0);
        screen.rows(0, screen.size().1).nth(row).is_some_and(|row| row.contains(text))
    });
    terminal.screen().cursor_position().0
}

/// The row by which a shell that asked for a channel is told that there is none.
pub(crate) fn no_channel(mode: Mode) -> &'static str {
    if mode.shell == "fish" { "" } else { "\n" }
}

pub(crate) const COLUMNS: u16 = 400;
/// Rows of a prompt that are full of text, besides the one with the end.
const FULL: usize = 8;

/// A stand-in that answers with what the test writes, in a shell that asks for it.
pub(crate) struct Answering<'a> {
    sandbox: &'a Sandbox,
    mode: Mode,
    pub(crate) terminal: Terminal,
    count: usize,
    compared: usize,
    differ: usize,
    first: Option<String>,
}

impl<'a> Answering<'a> {
    pub(crate) fn start(sandbox: &'a Sandbox, mode: Mode) -> Answering<'a> {
        let answer = sandbox.path("answer");
        let program = script(sandbox, &format!("exec cat '{}'", answer.display()));
        sandbox.write("answer", format!("{}\n\n<first> \n", no_channel(mode)));
        let mut terminal = start(sandbox, mode, &program, 1, (FULL as u16 + 3, COLUMNS));
        prompt_with(&mut terminal, "<first>");
        Answering { sandbox, mode, terminal, count: 0, compared: 0, differ: 0, first: None }
    }

    pub(crate) fn caps(&self) -> Caps {
        Caps { columns: COLUMNS.into(), ..Caps::default() }
    }

    /// Draws a prompt and compares its rows with the terminal model's own reading of the frames.
    pub(crate) fn draw(&mut self, rows: Vec<Frame>, right: Frame) {
        self.count += 1;
        let end = format!("<END {}>", self.count);
        let mut left = rows;
        let last = Frame { pieces: vec![Piece::Span(Span::ours(&*end, Style::default()))] };
        left.push(last);
        let target = targets::find(self.mode.shell).expect("a target");
        let prompt = Prompt { left, right, continuation: Frame::default() };
        let answer = encode_prompt(&prompt, target, &self.caps());
        let answer = format!("{}{answer}\n", no_channel(self.mode));
        self.sandbox.write("answer", answer);
        self.terminal.send("\r");
        let row = prompt_with(&mut self.terminal, &end);
        let width = prompt.right.width(Policy::Wcwidth);
        if width > 0 {
            // zsh and fish draw the right side after the left one.
            let last = drawn(&self.ansi(&prompt.right), width as u16);
            let at = usize::from(COLUMNS) - width - usize::from(self.mode.shell != "fish");
            self.terminal.wait("the right side", |screen| {
                let found = crate::support::terminal::looks(screen, row);
                found[at..at + width] == last[..]
            });
            self.compared += width;
        }
        let count = prompt.left.len() as u16;
        for (frame, row) in prompt.left[..prompt.left.len() - 1].iter().zip(row + 1 - count..) {
            let wanted = drawn(&self.ansi(frame), COLUMNS);
            self.compare(&self.terminal.row(row), &wanted);
        }
    }

    fn ansi(&self, frame: &Frame) -> Vec<u8> {
        let mut out = String::new();
        (targets::find("ansi").expect("a target").encode)(frame, &self.caps(), &mut out);
        out.into_bytes()
    }

    fn compare(&mut self, found: &[Look], wanted: &[Look]) {
        self.compared += wanted.len();
        self.differ += found.iter().zip(wanted).filter(|(a, b)| a != b).count();
        if let Some(at) = found.iter().zip(wanted).position(|(a, b)| a != b) {
            let near = |looks: &[Look]| -> String {
                looks[at.saturating_sub(20)..].iter().take(50).map(|look| &*look.text).collect()
            };
            self.first.get_or_insert(format!(
                "cell {at}: {:?} {:?}\n    for {:?} {:?}",
                near(found),
                found[at],
                near(wanted),
                wanted[at]
            ));
        }
    }
}

/// Texts in rows of the terminal's width, each set off by a bar and in a style of its own.
fn in_rows(texts: &[Untrusted], dice: &mut Dice) -> Vec<Frame> {
    let mut rows = vec![Frame::default()];
    let mut used = 0;
    for text in texts {
        let span = Span::new(Text::Outside(text.clone()), dice.style());
        let width = span.width(Policy::Wcwidth) + 1;
        if used + width > usize::from(COLUMNS) - 10 {
            rows.push(Frame::default());
            used = 0;
        }
        used += width;
        let row = rows.last_mut().expect("a row");
        row.pieces.push(Piece::Span(span));
        row.pieces.push(Piece::Span(Span::ours("│", Style::default())));
    }
    rows
}

/// The promise of the shells' targets: what a real shell draws of these texts, in rows full of them
/// and some of them alone, is they themselves.
pub(crate) fn hostile_in(name: &str, mode: Mode, texts: &[Untrusted]) -> Tried {
    let sandbox = Sandbox::new();
    let mut proof = Answering::start(&sandbox, mode);
    let mut dice = Dice(5);
    for rows in in_rows(texts, &mut dice).chunks(FULL) {
        proof.draw(rows.to_vec(), Frame::default());
    }
    // And some alone, where no other text closes what they open: in a row, and at the right.
    for text in texts.iter().step_by(texts.len().div_ceil(160)) {
        let alone = Frame {
            pieces: vec![Piece::Span(Span::new(Text::Outside(text.clone()), dice.style()))],
        };
        let right =
            if alone.width(Policy::Wcwidth) == 0 { Frame::default() } else { alone.clone() };
        proof.draw(vec![alone], right);
    }
    Tried {
        sink: name.to_owned(),
        strings: texts.len(),
        compared: proof.compared,
        mismatches: proof.differ,
        executions: sandbox.files_named("SENTINEL").len(),
        first: proof.first,
    }
}

/// A stand-in that writes down what it is called with and answers `<N> `, N for the Nth call.
struct Recording {
    calls: PathBuf,
    terminal: Terminal,
}

impl Recording {
    fn start(sandbox: &Sandbox, mode: Mode, times: usize) -> Recording {
        let calls = sandbox.path("calls");
        let text = format!(
            "echo \"$@\" >>'{0}'\nprintf '%s\\n\\n<%s> \\n' '{1}' \"$(wc -l <'{0}')\"",
            calls.display(),
            no_channel(mode)
        );
        let program = script(sandbox, &text);
        let mut terminal = start(sandbox, mode, &program, times, (24, 80));
        prompt_with(&mut terminal, "<1>");
        Recording { calls, terminal }
    }

    /// Types a command, waits for the next prompt and gives the call that it made.
    fn after(&mut self, command: &str) -> String {
        let count = self.all().len();
        self.terminal.send(format!("{command}\r"));
        prompt_with(&mut self.terminal, &format!("<{}>", count + 1));
        let calls = self.all();
        assert_eq!(calls.len(), count + 1, "one call a prompt");
        calls[count].clone()
    }

    fn all(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.calls).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// The word after `name` in a call.
fn value_of<'a>(call: &'a str, name: &str) -> Option<&'a str> {
    call.split_once(&format!("{name}="))?.1.split(" --").next()
}

/// What we hand to a shell to be read again must mean the same in each of its modes: there is no
/// prompt's text in it that a mode replaces or runs.
#[test]
fn typed_commands_run_in_every_mode() {
    let mut modes = MODES.to_vec();
    modes.extend([
        ("bash --posix, promptvars off", Mode { after: "shopt -u promptvars", ..BASH_POSIX }),
        ("bash, every history expansion", mode("bash", "set -H; shopt -s histverify histreedit")),
        ("zsh, as sh", mode("zsh", "emulate sh")),
        ("zsh, as ksh", mode("zsh", "emulate ksh")),
        (
            "zsh, every expansion",
            mode("zsh", "setopt promptbang promptsubst banghist cshjunkiehistory"),
        ),
    ]);
    at_once(modes, |(name, mode)| {
        let sandbox = Sandbox::new();
        let mut shell = Recording::start(&sandbox, mode, 1);
        // Twice: what the first command sets up the second one meets.
        for number in [6, 7] {
            let sum = match mode.shell {
                "fish" => format!("(math {number} + 1)"),
                _ => format!("$(({number} + 1))"),
            };
            shell.after(&format!("echo ran:{sum}"));
            let ran = format!("ran:{}", number + 1);
            assert!(
                shell.terminal.contents().contains(&ran),
                "{name}:\n{}",
                shell.terminal.contents()
            );
        }
        let call = shell.after("sh -c 'exit 7'");
        assert_eq!(value_of(&call, "--status"), Some("7"), "{name}: {call}");
        if mode.shell == "bash" {
            // There and back.
            for command in ["set -o posix", ":", "set +o posix", "shopt -s promptvars"] {
                shell.after(command);
            }
            let took = shell.after(":");
            assert!(value_of(&took, "--duration").is_some(), "{name}: {took}");
        }
        shell.terminal.send("exit 5\r");
        assert_eq!(shell.terminal.end(), Some(5), "{name}");
    });
}

#[test]
fn a_prompt_is_told_of_the_last_command() {
    at_once(SHELLS, |mode| {
        let sandbox = Sandbox::new();
        let mut shell = Recording::start(&sandbox, mode, 1);
        let call = shell.after("true | sh -c 'exit 7' | sh -c 'exit 3'");
        assert_eq!(value_of(&call, "--status"), Some("3"), "{}: {call}", mode.shell);
        assert_eq!(value_of(&call, "--pipestatus"), Some("0 7 3"), "{}: {call}", mode.shell);
        assert_eq!(value_of(&call, "--columns"), Some("80"), "{}: {call}", mode.shell);
        // No option means no jobs.
        assert_eq!(value_of(&call, "--jobs").unwrap_or("0"), "0", "{}: {call}", mode.shell);
        let took = value_of(&call, "--duration").and_then(|ms| ms.parse::<u32>().ok());
        assert!(took.is_some(), "{}: {call}", mode.shell);
        let call = shell.after("sleep 0.3");
        let took = value_of(&call, "--duration").and_then(|ms| ms.parse::<u32>().ok());
        assert!(took.is_some_and(|ms| ms >= 300), "{}: {call}", mode.shell);
        let call = shell.after("sleep 1000 | sleep 1000 &");
        assert_eq!(value_of(&call, "--jobs"), Some("1"), "{}: {call}", mode.shell);
        assert!(call.starts_with("print prompt all "), "{}: {call}", mode.shell);
    });
}

#[test]
fn the_users_own_status_is_kept() {
    let status = [
        (BASH, "echo \"kept:$?:${PIPESTATUS[*]}\""),
        (ZSH, "echo \"kept:$?:$pipestatus\""),
        (FISH, "echo \"kept:$status:$pipestatus\""),
    ];
    for (mode, ask) in status {
        let sandbox = Sandbox::new();
        let mut shell = Recording::start(&sandbox, mode, 1);
        shell.after("true | sh -c 'exit 4' | sh -c 'exit 9'");
        shell.after(ask);
        let screen = shell.terminal.contents();
        assert!(screen.contains("kept:9:0 4 9"), "{}:\n{screen}", mode.shell);
    }
}

#[test]
fn other_peoples_hooks_see_what_they_saw_before() {
    let first = "one() { echo \"one:$?:${PIPESTATUS[*]}\"; false; }; PROMPT_COMMAND=one";
    let list = "one() { echo \"one:$?:${PIPESTATUS[*]}\"; }; PROMPT_COMMAND=(true one)";
    let zsh = "one() { echo \"one:$?:$pipestatus\"; false }; precmd_functions=(one)";
    let fish = "function one --on-event fish_prompt; echo \"one:$status:$pipestatus\"; end";
    for (shell, before) in [("bash", first), ("bash", list), ("zsh", zsh), ("fish", fish)] {
        let sandbox = Sandbox::new();
        let mut recording = Recording::start(&sandbox, Mode { shell, before, after: "" }, 1);
        recording.after("sh -c 'exit 4' | sh -c 'exit 9'");
        let screen = recording.terminal.contents();
        assert!(screen.contains("one:9:4 9"), "{shell}:\n{screen}");
    }
    // A hook that came after ours.
    let after = "two() { echo \"two:$?:${PIPESTATUS[*]}\"; }; PROMPT_COMMAND+=(two)";
    let sandbox = Sandbox::new();
    let mut recording = Recording::start(&sandbox, mode("bash", after), 1);
    recording.after("sh -c 'exit 4' | sh -c 'exit 9'");
    assert!(recording.terminal.contents().contains("two:9:4 9"));
}

#[test]
fn a_debug_trap_stays_the_users() {
    let sandbox = Sandbox::new();
    let before = "trap 'seen=$BASH_COMMAND' DEBUG";
    let mut shell = Recording::start(&sandbox, Mode { before, ..BASH }, 1);
    shell.after("trap -p DEBUG");
    assert!(shell.terminal.contents().contains("trap -- 'seen=$BASH_COMMAND' DEBUG"));
}

#[test]
fn the_lines_may_be_read_twice() {
    at_once(SHELLS, |mode| {
        let sandbox = Sandbox::new();
        let mut shell = Recording::start(&sandbox, mode, 2);
        let call = shell.after("true");
        assert!(value_of(&call, "--duration").is_some(), "{}: {call}", mode.shell);
    });
}

#[test]
fn a_strict_shell_is_served_without_a_word() {
    for mode in [mode("bash", "set -u"), mode("zsh", "setopt nounset ksharrays warncreateglobal")] {
        let sandbox = Sandbox::new();
        let mut shell = Recording::start(&sandbox, mode, 2);
        shell.after("true");
        shell.after("false");
        let screen = shell.terminal.contents();
        let wanted = "<1> true\n<2> false\n<3>";
        assert_eq!(screen.trim_end(), wanted, "{}", mode.shell);
    }
}

#[test]
fn without_the_program_there_is_still_a_prompt() {
    for (mode, sign) in [(BASH, "$ "), (ZSH, "% "), (FISH, "> ")] {
        let sandbox = Sandbox::new();
        let gone = sandbox.path("bin/nothing");
        let mut terminal = start(&sandbox, mode, &gone, 1, (10, 80));
        let sign = if rustix::process::geteuid().is_root() && sign != "> " { "# " } else { sign };
        terminal.wait("a prompt", |screen| screen.contents().starts_with(sign.trim()));
        terminal.send("echo $((6*7))x\r");
        terminal.wait("an answer", |screen| screen.contents().contains("\n42x") || sign == "> ");
    }
}

/// A home whose prompt has two rows, a right side and a continuation.
fn with_a_prompt(config: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let text = |name: &str| {
        format!("[segment.{name}]\nuse = \"text\"\ntext = \"{name}\"\nformat = \"<$text>\"\n")
    };
    let segments: String = ["one", "two", "right", "more"].map(text).concat();
    let config = format!("theme = \"mono\"\n[line.prompt]\n{config}\n{segments}");
    sandbox.configure(&config);
    sandbox.start_daemon(&[]);
    sandbox
}

#[test]
fn both_sides_two_rows_and_a_continuation() {
    at_once(SHELLS, |mode| {
        let sandbox = with_a_prompt(
            "left = [[\"one\"], [\"two\"]]\nright = [[\"right\"], [\"right\"]]\ncontinuation = [\"more\"]",
        );
        let mut terminal = start(&sandbox, mode, &program(), 1, (12, 40));
        let shell = mode.shell;
        terminal.wait("both rows", |screen| screen.contents().matches("<right>").count() == 2);
        assert_eq!(
            terminal.text(0).trim_end(),
            format!("<one>{}<right>", " ".repeat(27)),
            "{shell}"
        );
        let edge = if shell == "fish" { 28 } else { 27 };
        let second = format!("<two>{}<right>", " ".repeat(edge));
        assert_eq!(terminal.text(1).trim_end(), second, "{shell}");
        assert_eq!(terminal.screen().cursor_position(), (1, 6), "{shell}");
        if shell != "fish" {
            terminal.send("echo 'a\r");
            terminal.wait("a continuation", |screen| screen.contents().contains("\n<more>"));
            assert_eq!(terminal.screen().cursor_position(), (2, 7), "{shell}");
            terminal.send("b'\r");
            terminal.wait("its output", |screen| screen.contents().contains("a\nb"));
        }
    });
}

#[test]
fn a_long_command_wraps_where_the_shell_thinks_it_does() {
    at_once(SHELLS, |mode| {
        let sandbox = with_a_prompt("left = [\"one\"]\nright = [\"right\"]");
        let mut terminal = start(&sandbox, mode, &program(), 1, (12, 40));
        terminal.wait("a prompt", |screen| screen.contents().contains("<right>"));
        terminal.send("a".repeat(100));
        // Six cells of prompt, a hundred of text: two whole rows of forty and twenty-six cells.
        terminal.wait(&format!("the whole text in {}", mode.shell), |screen| {
            screen.cursor_position() == (2, 26)
        });
        assert_eq!(terminal.text(1), "a".repeat(40), "{}", mode.shell);
        // Back to the start, and on: what is there moves, and nothing is left behind.
        terminal.send("\x01x");
        let rows = |screen: &vt100::Screen| -> Vec<String> {
            screen.rows(0, 40).map(|row| row.trim_end().to_owned()).collect()
        };
        terminal.wait("a letter at the start", |screen| {
            let rows = rows(screen);
            screen.cursor_position() == (0, 7)
                && rows[0].starts_with("<one> xaaa")
                && rows[1] == "a".repeat(40)
                && rows[2] == "a".repeat(27)
        });
        // All of it gone again: the prompt as it was, and one can go on.
        terminal.send("\x05\x15echo $((6*7))\x01");
        terminal.wait("a short line", |screen| {
            let rows = rows(screen);
            screen.cursor_position() == (0, 6)
                && rows[0].starts_with("<one> echo $((6*7))")
                && rows[1..].iter().all(String::is_empty)
        });
    });
}

#[test]
fn a_prompt_costs_no_process_and_in_fish_one() {
    at_once(SHELLS, |mode| {
        let sandbox = with_a_prompt("left = [\"one\"]\nright = [\"right\"]");
        let log = sandbox.path("forks");
        let shell = tool(mode.shell);
        // A shell of its own under strace, which follows no child: only its own forks are counted.
        let traced = sandbox.path("traced");
        let rest = "-qq -e trace=clone,clone3,fork,vfork -o";
        let strace = tool("strace");
        let text = format!(
            "exec {} {rest} {} {} \"$@\"\n",
            strace.display(),
            log.display(),
            shell.display()
        );
        sandbox.write("traced", text);
        let lines = lines(mode.shell, program());
        let words = match mode.shell {
            "bash" => {
                let file = sandbox.write("bashrc", lines);
                argv([&"sh", &traced, &"--noprofile", &"--rcfile", &file, &"-i"])
            }
            "zsh" => {
                sandbox.write("home/.zshrc", lines);
                argv([&"sh", &traced, &"-d", &"-i"])
            }
            _ => {
                let text = format!("set -g fish_greeting\n{lines}");
                sandbox.write("home/.config/fish/config.fish", text);
                argv([&"sh", &traced, &"-i"])
            }
        };
        let mut terminal = Terminal::spawn(&sandbox, &words, 30, 40);
        let prompts = |n: usize| {
            move |screen: &vt100::Screen| screen.contents().matches("<right>").count() == n
        };
        terminal.wait("a prompt", prompts(1));
        // A call that a signal interrupted has no number.
        let forks = || {
            let log = fs::read_to_string(&log).unwrap_or_default();
            let done = |line: &&str| {
                let result = line.rsplit_once(" = ").map(|(_, result)| result);
                result.is_some_and(|result| result.starts_with(|c: char| c.is_ascii_digit()))
            };
            log.lines().filter(done).count()
        };
        terminal.send("\r");
        terminal.wait("a second prompt", prompts(2));
        let before = forks();
        for n in 3..13 {
            terminal.send("\r");
            terminal.wait("a further prompt", prompts(n));
        }
        let cost = forks() - before;
        println!("{}: {cost} processes for 10 prompts", mode.shell);
        let wanted = if mode.shell == "fish" { 10 } else { 0 };
        assert_eq!(cost, wanted, "{}", mode.shell);
    });
}
