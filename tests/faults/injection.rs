//! Strings that mean something to a host, sent through the host itself: what it draws is the text,
//! and nothing of it is executed (T60 to T69). CI sends thousands; `RAINLINE_LONG=1` sends all short
//! strings of what is special to the host, and 10 000 in all at least.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rainline_caps::Caps;
use rainline_render::frame::{Frame, Mark, Piece, Span, Text};
use rainline_render::style::Style;
use rainline_render::targets;
use rainline_segments::Untrusted;

use crate::support::hostile::{Dice, Tried, for_sink, seed};
use crate::support::{Sandbox, Tmux, at_once, found, program, rounds, tmux, tool};
use crate::{dvtm, screen, shells, targets as targets_tests};

/// What two passes of tmux look for: formats, styles, arms of a choice, strftime.
const TMUX: &[char] = &['#', '{', '[', '(', 'S', ',', '}', ']', ')', '%', '$', '\\', '"', '\''];
const BASH: &[char] = &['\\', '$', '`', '!', '(', ')', '{', '}', '"', '\'', 'w', '#', '~', ' '];
const ZSH: &[char] = &['%', '{', '}', '!', '$', '(', ')', '`', '\\', 'F', '#', '[', '~', '"'];
const FISH: &[char] = &['$', '(', ')', '\\', ';', '&', '\'', '"', '*', '~', '#', '{', '%', 'n'];
const SCREEN: &[char] = &['%', '`', '{', '}', '=', '2', '\\', '^', '"', '\'', '$', '+', 'E', ' '];
const DVTM: &[char] = &['%', '#', '^', '\\', '$', '`', '[', ']', '"', '\'', '{', '}', 'G', ' '];

#[test]
fn t60_tmux_draws_any_text_and_executes_none() {
    let strings = for_sink(TMUX, 3);
    at_once(tmux::all(), |program| {
        targets_tests::hostile_in_tmux(program, &strings).hold();
    });
}

fn in_modes_of(shell: &str, specials: &[char], longest: usize) {
    let strings = for_sink(specials, longest);
    at_once(shells::MODES.iter().filter(|(_, mode)| mode.shell == shell), |(name, mode)| {
        shells::hostile_in(name, *mode, &strings).hold();
    });
}

/// With and without `promptvars`, in posix mode and not.
#[test]
fn t61_bash_draws_any_text_and_executes_none() {
    in_modes_of("bash", BASH, 4);
}

/// With and without PROMPT_SUBST and PROMPT_BANG.
#[test]
fn t62_zsh_draws_any_text_and_executes_none() {
    in_modes_of("zsh", ZSH, 4);
}

#[test]
fn t63_fish_draws_any_text_and_executes_none() {
    in_modes_of("fish", FISH, 4);
}

/// Besides, every byte alone and behind Ctrl-E, which is screen's escape.
#[test]
fn t64_screen_draws_any_text_and_executes_none() {
    let bytes = (0..=255_u8).flat_map(|byte| [vec![byte], vec![5, byte]]).map(Untrusted::new);
    let strings: Vec<Untrusted> = bytes.chain(for_sink(SCREEN, 4)).collect();
    if let Some(tried) = screen::hostile_in_screen(&strings) {
        tried.hold();
    }
}

#[test]
fn t64_dvtm_draws_any_text_and_executes_none() {
    dvtm::hostile_in_dvtm(&for_sink(DVTM, 4)).hold();
}

/// What a terminal's parser hears besides text.
#[derive(Default)]
struct Heard {
    text: String,
    other: Vec<String>,
    marks: usize,
}

impl vte::Perform for Heard {
    fn print(&mut self, c: char) {
        self.text.push(c);
    }

    fn execute(&mut self, byte: u8) {
        self.other.push(format!("control {byte:#x}"));
    }

    fn csi_dispatch(&mut self, _: &vte::Params, between: &[u8], _: bool, action: char) {
        // Colours and attributes, nothing else.
        if action != 'm' || !between.is_empty() {
            self.other.push(format!("CSI {between:?} {action}"));
        }
    }

    fn osc_dispatch(&mut self, words: &[&[u8]], _: bool) {
        match words {
            [b"133", b"A" | b"B"] => self.marks += 1,
            _ => self.other.push(format!("OSC {words:?}")),
        }
    }

    fn esc_dispatch(&mut self, between: &[u8], _: bool, byte: u8) {
        // The end of an OSC.
        if !(between.is_empty() && byte == b'\\') {
            self.other.push(format!("ESC {between:?} {byte:#x}"));
        }
    }

    fn hook(&mut self, _: &vte::Params, _: &[u8], _: bool, action: char) {
        self.other.push(format!("DCS {action}"));
    }
}

/// What must never reach a terminal inside of a text.
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// A text of any bytes and code points, with those that terminals obey among them.
fn for_terminal(dice: &mut Dice) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..=dice.below(8) {
        match dice.below(6) {
            0 => bytes.push(dice.below(256) as u8),
            1 => bytes.push(dice.below(32) as u8),
            2 => bytes
                .extend(b"\x1b]\x1b[\x1bP\x1b_\x1b^\x1bX"[..][2 * dice.below(6)..].iter().take(2)),
            3 => bytes.extend(
                ["\u{202e}", "\u{2066}", "\u{9b}", "\u{9d}", "\u{90}", "\u{200d}", "\u{e0041}"]
                    [dice.below(7)]
                .bytes(),
            ),
            4 => bytes.extend(
                char::from_u32(dice.below(0x11_0000) as u32)
                    .map(String::from)
                    .unwrap_or_default()
                    .bytes(),
            ),
            _ => bytes.extend(dice.text().bytes()),
        }
    }
    bytes
}

/// A parser of terminals' language hears colours, our prompt marks and the text, and nothing else.
#[test]
fn t67_a_terminal_hears_colours_and_text_only() {
    let mut dice = Dice(seed());
    for target in ["ansi", "fish"] {
        let encode = targets::find(target).expect("a target").encode;
        let mut tried = Tried { sink: format!("VT parser, {target}"), ..Tried::default() };
        for _ in 0..rounds(5_000, 100_000) {
            let text = Untrusted::new(for_terminal(&mut dice));
            let outside = Span::new(Text::Outside(text.clone()), dice.style());
            let pieces = vec![
                Piece::Mark(Mark::PromptStart),
                Piece::Span(Span::ours("<", Style::default())),
                Piece::Span(outside),
                Piece::Mark(Mark::PromptEnd),
                Piece::Span(Span::ours(">", Style::default())),
            ];
            let mut out = String::new();
            encode(&Frame { pieces }, &Caps::default(), &mut out);
            let mut heard = Heard::default();
            vte::Parser::new().advance(&mut heard, out.as_bytes());
            tried.strings += 1;
            tried.compared += out.len();
            tried.executions += heard.other.len();
            let shown: String = match target {
                "fish" => text.reveal().chars().filter_map(as_fish_is_told).collect(),
                _ => text.reveal().to_owned(),
            };
            let right = heard.text == format!("<{shown}>")
                && heard.marks == 2
                && !heard.text.contains(is_dangerous);
            if !right || !heard.other.is_empty() {
                tried.mismatches += 1;
                tried.first.get_or_insert(format!("{:?}: {out:?}", heard.other));
            }
        }
        tried.hold();
    }
}

/// What fish counts as more cells than terminals draw is left out or replaced.
fn as_fish_is_told(c: char) -> Option<char> {
    match c {
        '\u{fe0f}' => None,
        '\u{f600}'..='\u{f6ff}' => Some(char::REPLACEMENT_CHARACTER),
        c => Some(c),
    }
}

/// A path that means something to every host, were it not quoted.
const ODD: &str = "it's $(touch SENTINEL) `touch SENTINEL` \"x\" #{pid} #(touch SENTINEL) %n !! ^G ~ \\ ; é ) @CONFIG@";

/// This program under an odd name.
fn odd_program(sandbox: &Sandbox) -> PathBuf {
    let folder = sandbox.path(ODD);
    std::fs::create_dir(&folder).expect("a directory");
    let link = folder.join("rain line");
    std::os::unix::fs::symlink(program(), &link).expect("a link");
    link
}

fn wiring_of(sandbox: &Sandbox, program: &Path, host: &str) -> String {
    let output = sandbox.command(program).args(["init", host]).output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// In each shell the lines name the program as it is called, and read twice they leave what they
/// leave when read once.
#[test]
fn t69_the_lines_of_a_shell_mean_what_they_say() {
    let hooks = "echo \"${PROMPT_COMMAND[@]}\"; declare -p PS1 PS0; shopt -q promptvars; echo $?";
    let zsh = "echo $precmd_functions $preexec_functions; print -r -- $PROMPT";
    let fish = "functions fish_prompt fish_right_prompt | string collect";
    for (shell, flags, posix, hooks) in [
        ("bash", &["--norc", "--noprofile", "-i"][..], "", hooks),
        ("bash", &["--norc", "--noprofile", "-i"], "set -o posix; ", hooks),
        ("zsh", &["-f", "-i"], "", zsh),
        ("fish", &["-N", "-i"], "", fish),
    ] {
        let sandbox = Sandbox::new();
        let link = odd_program(&sandbox);
        let file = sandbox.write("lines", wiring_of(&sandbox, &link, shell));
        let says = |times: usize| {
            let read = format!(". '{}'; ", file.display()).repeat(times);
            let read = if shell == "fish" { read.replace(". '", "source '") } else { read };
            let text = format!("{posix}{read}printf '<%s>\\n' \"$__rainline_program\"; {hooks}");
            let mut command = sandbox.command(tool(shell));
            let output = command.args(flags).args(["-c", &text]).stdin(Stdio::null()).output();
            String::from_utf8(output.expect("it runs").stdout).expect("UTF-8")
        };
        let once = says(1);
        assert!(once.contains(&format!("<{}>\n", link.display())), "{shell}: {once}");
        assert!(once.lines().count() > 1, "{shell}: {once}");
        assert_eq!(says(2), once, "{shell}");
        assert!(sandbox.files_named("SENTINEL").is_empty(), "{shell}");
    }
}

/// tmux runs the program by its odd name, and twice read the lines set the same options. screen and
/// dvtm have their own tests of this, `an_odd_path_is_one_word`.
#[test]
fn t69_the_lines_of_tmux_mean_what_they_say() {
    for tmux_program in tmux::all() {
        let sandbox = Sandbox::new()
            .configured("[line.tmux]\nright = ['a']\n[segment.a]\nuse = 'text'\ntext = 'BAR'\n");
        let link = odd_program(&sandbox);
        let lines = wiring_of(&sandbox, &link, "tmux");
        let mut tmux = Tmux::start_program(&sandbox, tmux_program, &lines, 6, 100);
        tmux.terminal.wait_text("BAR");
        let once = tmux.run(&["show", "-g"]);
        let file = sandbox.write("again", &lines);
        tmux.run(&["source-file", &file.display().to_string()]);
        assert_eq!(tmux.run(&["show", "-g"]), once);
        tmux.terminal.wait_text("BAR");
        // The daemon holds nothing of the hosts' job.
        sandbox.output(&["daemon", "stop"]);
        assert!(sandbox.files_named("SENTINEL").is_empty());
    }
}

/// A path that no config can name is refused, with a message that obeys nothing itself.
#[test]
fn t69_a_path_of_several_lines_or_no_utf8_is_refused() {
    let sandbox = Sandbox::new();
    for path in [&b"/tmp/a\nscreen touch SENTINEL"[..], b"/tmp/\xff", b"/tmp/a\x1b[31m"] {
        for host in rainline::hosts::ALL {
            let mut command = sandbox.rainline();
            command.args(["init", host.name, "--config"]).arg(OsStr::from_bytes(path));
            let output = command.output().expect("it runs");
            assert_eq!(output.status.code(), Some(2), "{}: {output:?}", host.name);
            assert!(output.stdout.is_empty(), "{}", host.name);
            let said = String::from_utf8(output.stderr).expect("UTF-8");
            assert_eq!(said.chars().filter(|c| c.is_control()).collect::<String>(), "\n", "{said}");
        }
    }
}

/// Where shellcheck is installed, it finds no error in what shells read.
#[test]
fn t69_shellcheck_finds_no_error() {
    let Some(shellcheck) = found("shellcheck") else {
        return println!("skipped: shellcheck is not installed");
    };
    let sandbox = Sandbox::new();
    for (host, dialect) in [("bash", "bash"), ("dvtm", "sh")] {
        let file = sandbox.write("lines", sandbox.wiring(host));
        let mut command = sandbox.command(&shellcheck);
        let output = command.args(["-S", "error", "-s", dialect]).arg(file).output();
        let output = output.expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}
