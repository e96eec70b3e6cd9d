//! What shells do with a prompt beyond drawing its text: hand it to other shells, and count its cells
//! (T54, T61 to T63).

use std::fs::File;

use rainline_caps::Policy;
use rainline_render::frame::{Frame, Piece, Span, Text};
use rainline_render::style::Style;
use rainline_render::targets;
use rainline_render::width::width;
use rainline_segments::Untrusted;
use rainline_segments::base::untrusted::is_forbidden;

use crate::shells::{Answering, COLUMNS, FISH, mode, no_channel, prompt_with};
use crate::support::{Sandbox, at_once, tool};

/// Without `promptvars` the text is PS1 itself. Exported, it was expanded by the shells below.
#[test]
fn t61_a_shell_below_is_given_no_text_as_its_prompt() {
    let sandbox = Sandbox::new();
    let before = mode("bash", "shopt -u promptvars; export PS1 PS2; set -a");
    let mut proof = Answering::start(&sandbox, before);
    let text = Untrusted::from("$(touch SENTINEL)`touch SENTINEL`");
    let span = Span::new(Text::Outside(text), Style::default());
    proof.draw(vec![Frame { pieces: vec![Piece::Span(span)] }], Frame::default());
    for shell in ["bash --noprofile --norc -i", "sh -i"] {
        proof.terminal.send(format!("clear; {shell}\r"));
        proof.terminal.wait("a prompt at the top", |screen| {
            let (row, column) = screen.cursor_position();
            row == 0 && column > 0 && !screen.contents().contains("END")
        });
        proof.terminal.send("exit\r");
        prompt_with(&mut proof.terminal, "<END 1>");
    }
    assert!(sandbox.files_named("SENTINEL").is_empty());
}

/// zsh's escapes cannot say it where they are off, so it is left out.
#[test]
fn t62_without_escapes_nothing_is_left_to_a_later_expansion() {
    let sandbox = Sandbox::new();
    // As ours looks, and as zsh draws.
    let late = "off() { unsetopt promptsubst promptpercent }; on() { setopt promptsubst }; \
                precmd_functions=(off $precmd_functions on)";
    let mode = mode("zsh", late);
    let mut proof = Answering::start(&sandbox, mode);
    let row = "$(touch SENTINEL)`touch SENTINEL`$HOME <literal>$ ";
    sandbox.write("answer", format!("{}\n\n{row}\n", no_channel(mode)));
    proof.terminal.send("\r");
    let at = prompt_with(&mut proof.terminal, "<literal>$");
    let shown = proof.terminal.text(at);
    assert_eq!(shown.trim_end(), "·(touch SENTINEL)·touch SENTINEL··HOME <literal>$");
    assert!(sandbox.files_named("SENTINEL").is_empty());
}

/// fish counts a sign of emoji as a cell more, and cut the start off a row that it held for too wide.
#[test]
fn t63_fish_cuts_nothing_off_a_row_of_emoji() {
    let sandbox = Sandbox::new();
    let mut proof = Answering::start(&sandbox, FISH);
    let hearts = Span::ours("❤\u{fe0f}".repeat(COLUMNS.into()), Style::default());
    let row = Frame { pieces: vec![Piece::Span(hearts)] };
    let mut out = String::new();
    (targets::find("fish").expect("a target").encode)(&row, &proof.caps(), &mut out);
    sandbox.write("answer", format!("\n\n{out}\n<hearts> \n"));
    proof.terminal.send("\r");
    let end = prompt_with(&mut proof.terminal, "<hearts>");
    assert_eq!(proof.terminal.text(end - 1), "❤".repeat(COLUMNS.into()));
}

/// A row in which a shell counts more cells than we do would be wrapped or cut.
#[test]
fn t54_no_shell_counts_more_cells_than_we_do() {
    let sandbox = Sandbox::new();
    let all = ('\u{a1}'..='\u{1ffff}').filter(|c| !is_forbidden(*c));
    // What fish is never given: `render/targets/fish.rs`.
    let all: Vec<char> =
        all.filter(|c| !matches!(c, '\u{fe0f}' | '\u{f600}'..='\u{f6ff}')).collect();
    // As it is drawn behind a letter, where all that may stand in a text stands.
    let texts: Vec<String> =
        all.iter().map(|c| Untrusted::from(format!("x{c}")).reveal().to_owned()).collect();
    let file = sandbox.write("texts", texts.join("\n") + "\n");
    let zsh = "while IFS= read -r line; do print -r -- ${(m)#line}; done";
    let fish = "while read -l line; string length --visible -- $line; end";
    at_once([("zsh", "-f", zsh), ("fish", "-N", fish)].iter(), |(shell, flag, text)| {
        let input = File::open(&file).expect("it is there");
        let output = sandbox.command(tool(shell)).args([flag, "-c", text]).stdin(input).output();
        let output = String::from_utf8(output.expect("it runs").stdout).expect("UTF-8");
        let counts: Vec<usize> =
            output.lines().map(|line| line.parse().expect("a count")).collect();
        assert_eq!(counts.len(), texts.len(), "{shell}");
        for (text, count) in texts.iter().zip(counts) {
            let ours = width(text, Policy::Wcwidth);
            assert!(ours >= count, "{shell} {text:?}: {ours} {count}");
        }
    });
}
