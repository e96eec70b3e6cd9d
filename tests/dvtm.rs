//! dvtm's bar, drawn by a real dvtm in a terminal.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use rainline::hosts::{self, Wiring};
use rainline_caps::{Caps, Policy};
use rainline_render::frame::{Frame, Piece, Span, Text};
use rainline_render::style::Style;
use rainline_render::targets;
use rainline_render::theme::Theme;
use rainline_render::width::width;
use rainline_segments::Untrusted;

use crate::support::hostile::Tried;
use crate::support::terminal::{argv, drawn};
use crate::support::{Sandbox, Terminal, program, tool, until_true};

fn lines(program: PathBuf) -> String {
    let theme = Theme::built_in("rain").expect("built in");
    let host = hosts::find("dvtm").expect("a host");
    (host.init)(&Wiring::new(program, &theme))
}

/// dvtm as the wiring lines start it, with `cat` in its window.
fn wired(sandbox: &Sandbox, program: PathBuf, columns: u16) -> Terminal {
    let config = "[line.dvtm]\nright = [\"one\"]\n[segment.one]\nuse = \"text\"\ntext = \"bar\"\n";
    sandbox.configure(config);
    let file = sandbox.write("dvtm.sh", lines(program).repeat(2));
    let words = argv([&"sh", &"-c", &". \"$0\"; dvtm cat; echo left >left", &file]);
    Terminal::spawn(sandbox, &words, 10, columns)
}

fn streams(sandbox: &Sandbox) -> usize {
    sandbox.processes_named("stream dvtm").len()
}

#[test]
fn the_bar_shows_the_line_and_nothing_stays_behind() {
    let sandbox = Sandbox::new().with("SHELL", "/bin/sh");
    let mut terminal = wired(&sandbox, program(), 80);
    terminal
        .wait("the bar", |screen| screen.contents().lines().next().unwrap_or("").contains("bar"));
    assert!(terminal.text(0).trim_end().ends_with("bar ]"), "{:?}", terminal.text(0));
    assert_eq!(streams(&sandbox), 1);
    // Its own key to leave: Ctrl-G, twice q.
    terminal.send("\x07qq");
    assert_eq!(terminal.end(), Some(0));
    assert!(sandbox.home().join("left").exists());
    until_true("the end of the stream", || streams(&sandbox) == 0);
    assert_eq!(std::fs::read_dir(sandbox.path("tmp")).expect("a folder").count(), 0);
}

#[test]
fn an_odd_path_is_one_word() {
    let sandbox = Sandbox::new().with("SHELL", "/bin/sh");
    let odd = sandbox.path("it's $(touch SENTINEL) \"here\"");
    std::fs::create_dir(&odd).expect("a directory");
    let link = odd.join("rain line");
    std::os::unix::fs::symlink(program(), &link).expect("a link");
    let mut terminal = wired(&sandbox, link, 80);
    terminal
        .wait("the bar", |screen| screen.contents().lines().next().unwrap_or("").contains("bar"));
    assert!(sandbox.files_named("SENTINEL").is_empty());
}

/// Wide enough for the longest line beside dvtm's tags.
const COLUMNS: u16 = 620;

/// The promise of dvtm's target, kept by a real one.
pub(crate) fn hostile_in_dvtm(texts: &[Untrusted]) -> Tried {
    let sandbox = Sandbox::new().with("SHELL", "/bin/sh");
    let fifo = sandbox.fifo("bar");
    let mut bar = OpenOptions::new().read(true).write(true).open(&fifo).expect("a fifo");
    let words = argv([&tool("dvtm"), &"-s", &fifo, &"cat"]);
    let mut terminal = Terminal::spawn(&sandbox, &words, 6, COLUMNS);
    let target = targets::find("dvtm").expect("a target");
    let (mut lines, mut compared, mut differ, mut first) = (0, 0, 0, None);
    let mut left = texts.iter().peekable();
    while left.peek().is_some() {
        lines += 1;
        let (start, end) = (format!("<START {lines}>"), format!("<END {lines}>"));
        let ours = |text: &str| Piece::Span(Span::ours(text, Style::default()));
        let mut frame = Frame { pieces: vec![ours(&start)] };
        let mut bytes = start.len() + end.len();
        while let Some(text) = left.next_if(|text| bytes + text.reveal().len() < 510) {
            bytes += text.reveal().len() + 1;
            frame
                .pieces
                .push(Piece::Span(Span::new(Text::Outside(text.clone()), Style::default())));
            frame.pieces.push(ours("|"));
        }
        frame.pieces.push(ours(&end));
        let mut out = String::new();
        (target.encode)(&frame, &Caps::default(), &mut out);
        assert!(out.ends_with(&end), "it fits");
        bar.write_all(format!("{out}\n").as_bytes()).expect("written");
        terminal.wait(&end, |screen| {
            screen.rows(0, COLUMNS).next().is_some_and(|row| row.contains(&end))
        });
        let texts = |looks: &[crate::support::Look]| -> Vec<String> {
            looks.iter().map(|look| look.text.clone()).collect()
        };
        let found = texts(&terminal.row(0));
        let mut wanted = texts(&drawn(out.as_bytes(), COLUMNS));
        for text in &mut wanted {
            // ncurses has no place for marks behind a wide character.
            let wide = text.chars().next().filter(|c| width(&c.to_string(), Policy::Wcwidth) == 2);
            wide.into_iter().for_each(|c| *text = c.into());
        }
        let at = (0..found.len())
            .find(|at| found[*at..].concat().starts_with(&start))
            .unwrap_or_else(|| panic!("no start in {:?}", found.concat()));
        let cells = width(&out, Policy::Wcwidth);
        for (cell, (found, wanted)) in found[at..].iter().zip(&wanted).take(cells).enumerate() {
            compared += 1;
            if found != wanted {
                differ += 1;
                first.get_or_insert(format!("line {lines}, cell {cell}: {found:?} for {wanted:?}"));
            }
        }
    }
    let executions = sandbox.files_named("SENTINEL").len();
    let (sink, strings) = ("dvtm".to_owned(), texts.len());
    Tried { sink, strings, compared, mismatches: differ, executions, first }
}
