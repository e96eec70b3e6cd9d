//! Every target against what really reads it: a terminal model, or a real tmux. Cells are compared,
//! not escape strings.

use std::path::PathBuf;

use proptest::prelude::*;
use rainline_caps::Caps;
use rainline_caps::On;
use rainline_caps::Policy;
use rainline_render::frame::{Arm, Choice, Frame, Mark, Piece, Span, Text};
use rainline_render::style::{Attrs, Color, Style};
use rainline_render::targets;
use rainline_render::width;
use rainline_segments::{Live, Untrusted};

use crate::support::golden::golden;
use crate::support::hostile::{Dice, NASTY, SPECIAL, Tried, hostile};
use crate::support::terminal::drawn;
use crate::support::{Look, Sandbox, Tmux, tool};

fn encoded(target: &str, frame: &Frame, caps: &Caps) -> String {
    let mut out = String::new();
    (targets::find(target).expect("a target").encode)(frame, caps, &mut out);
    out
}

fn frame(spans: impl IntoIterator<Item = Span>) -> Frame {
    Frame { pieces: spans.into_iter().map(Piece::Span).collect() }
}

/// The cells of a frame by the terminal model's own reading of each text, styles laid over them.
fn expected(spans: &[Span], columns: u16) -> Vec<Look> {
    let mut parser = vt100::Parser::new(1, columns, 0);
    let mut looks = drawn(b"", columns);
    for span in spans {
        let start = usize::from(parser.screen().cursor_position().1);
        parser.process(span.text.known().as_bytes());
        let end = usize::from(parser.screen().cursor_position().1);
        let color = |color| match color {
            Color::Default => vt100::Color::Default,
            Color::Indexed(index) => vt100::Color::Idx(index),
            Color::Rgb(r, g, b) => vt100::Color::Rgb(r, g, b),
        };
        for look in &mut looks[start..end] {
            look.fg = color(span.style.fg);
            look.bg = color(span.style.bg);
            look.bold = span.style.attrs.contains(Attrs::BOLD);
            look.dim = span.style.attrs.contains(Attrs::DIM);
            look.italic = span.style.attrs.contains(Attrs::ITALIC);
            look.underline = span.style.attrs.contains(Attrs::UNDERLINE);
            look.inverse = span.style.attrs.contains(Attrs::REVERSE);
        }
    }
    let texts = crate::support::terminal::looks(parser.screen(), 0);
    for (look, text) in looks.iter_mut().zip(texts) {
        look.text = text.text;
    }
    looks
}

fn any_color() -> impl Strategy<Value = Color> {
    prop_oneof![
        Just(Color::Default),
        any::<u8>().prop_map(Color::Indexed),
        any::<(u8, u8, u8)>().prop_map(|(r, g, b)| Color::Rgb(r, g, b)),
    ]
}

fn any_style() -> impl Strategy<Value = Style> {
    // Not dim: the model shows either bold or dim.
    let names = vec!["bold", "italic", "underline", "reverse"];
    let named =
        |name: &str| Attrs::NAMES.iter().find(|(known, _)| *known == name).expect("a name").1;
    let attrs = prop::collection::vec(prop::sample::select(names).prop_map(named), 0..4);
    (any_color(), any_color(), attrs).prop_map(|(fg, bg, attrs)| Style {
        fg,
        bg,
        attrs: attrs.into_iter().fold(Attrs::empty(), Attrs::union),
    })
}

fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(NASTY).prop_map(str::to_owned),
        prop::collection::vec(prop::sample::select(SPECIAL), 0..4).prop_map(String::from_iter),
        "\\PC{0,3}",
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn any_span() -> impl Strategy<Value = Span> {
    (any_text(), any_style()).prop_map(|(text, style)| Span::new(Text::Outside(text.into()), style))
}

proptest! {
    #[test]
    fn ansi_draws_the_frames_own_cells(spans in prop::collection::vec(any_span(), 0..8)) {
        let bytes = encoded("ansi", &frame(spans.clone()), &Caps::default());
        let difference = difference(&drawn(bytes.as_bytes(), 300), &expected(&spans, 300));
        prop_assert!(difference.is_none(), "{}", difference.unwrap_or_default());
    }

    #[test]
    fn ansi_says_nothing_but_styles(
        mut spans in prop::collection::vec(any_span(), 0..8),
        ours in any::<String>(),
    ) {
        spans.push(Span::ours(ours, Style::default()));
        let bytes = encoded("ansi", &frame(spans), &Caps::default());
        for part in bytes.split('\x1b').skip(1) {
            let sgr = part.strip_prefix('[').and_then(|rest| rest.split_once('m'));
            let (numbers, text) = sgr.expect("an SGR sequence");
            prop_assert!(numbers.bytes().all(|b| b.is_ascii_digit() || b == b';'), "{:?}", numbers);
            prop_assert!(!text.contains(char::is_control));
        }
    }

    #[test]
    fn tmux_gets_only_whole_styles_of_known_words(spans in prop::collection::vec(any_span(), 0..8)) {
        let bare = encoded("tmux", &frame(spans.clone()), &Caps::default());
        let arms = vec![Arm { case: Some("synced".into()), spans: spans.clone() }, Arm { case: None, spans }];
        let choice = Frame { pieces: vec![Piece::Choice(Choice { on: On::State, arms })] };
        let in_arms = encoded("tmux", &choice, &Caps::default());
        for out in [bare, in_arms] {
            let out = out.replace("###[]", "");
            for part in out.split("#[").skip(1) {
                let (style, _) = part.split_once(']').expect("an end");
                // tmux drops a style of more than 255 bytes as a whole.
                prop_assert!(style.len() < 255);
                let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || " =#".contains(c);
                prop_assert!(style.chars().all(known), "{}", style);
            }
        }
    }

    #[test]
    fn plain_is_the_text(spans in prop::collection::vec(any_span(), 0..8)) {
        let text: String = spans.iter().map(|span| span.text.known()).collect();
        prop_assert_eq!(encoded("plain", &frame(spans), &Caps::default()), text);
    }

    #[test]
    fn no_target_lets_a_control_of_ours_pass(text in any::<String>()) {
        for target in ["plain", "tmux", "svg", "dvtm"] {
            let out = encoded(target, &frame([Span::ours(text.clone(), Style::default())]), &Caps::default());
            prop_assert!(!out.contains(|c: char| c.is_control() && (c != '\n' || target != "svg")), "{}", target);
        }
    }
}

#[test]
fn the_same_bytes_for_the_same_frame() {
    let style = Style { fg: Color::Rgb(255, 135, 0), bg: Color::Indexed(4), attrs: Attrs::BOLD };
    let arm = |case: Option<&str>, text: &str| Arm {
        case: case.map(Into::into),
        spans: vec![Span::ours(text, style)],
    };
    let frame = Frame {
        pieces: vec![
            Piece::Mark(Mark::PromptStart),
            Piece::Span(Span::ours(" ▃█ ", style)),
            Piece::Span(Span::new(Text::Outside("#S 漢".into()), Style::default())),
            Piece::Choice(Choice {
                on: On::State,
                arms: vec![arm(Some("zoomed"), "Z"), arm(None, " ")],
            }),
            Piece::Mark(Mark::PromptEnd),
        ],
    };
    let known = [
        ("plain", " ▃█ #S 漢 "),
        (
            "ansi",
            "\x1b]133;A\x1b\\\x1b[1;38;2;255;135;0;44m ▃█ \x1b[0m#S 漢\x1b[1;38;2;255;135;0;44m \x1b]133;B\x1b\\\x1b[0m",
        ),
        (
            "tmux",
            "#[fg=#ff8700 bg=colour4 bold] ▃█ #[fg=default bg=default nobold]###[]S 漢\
                  #{?window_zoomed_flag,#[fg=#ff8700 bg=colour4 bold]Z,#[fg=#ff8700 bg=colour4 bold] }#[default]",
        ),
    ];
    for (target, text) in known {
        assert_eq!(encoded(target, &frame, &Caps::default()), text, "{target}");
    }
    let known = [
        ("dvtm", " ▃█ #S 漢 "),
        ("screen", "\x05{=b bR} ▃█ \x05{= dd}#S 漢\x05{=b bR} \x05{= dd}"),
        (
            "bash",
            "\x01\x1b]133;A\x1b\\\x02\x01\x1b[1;38;2;255;135;0;44m\x02 ▃█ \x01\x1b[0m\x02#S 漢\x01\x1b[1;38;2;255;135;0;44m\x02 \x01\x1b]133;B\x1b\\\x02\x01\x1b[0m\x02",
        ),
        (
            "zsh",
            "%{\x1b]133;A\x1b\\%}%{\x1b[1;38;2;255;135;0;44m%} ▃█ %{\x1b[0m%}#S 漢%{\x1b[1;38;2;255;135;0;44m%} %{\x1b]133;B\x1b\\%}%{\x1b[0m%}",
        ),
    ];
    for (target, text) in known {
        assert_eq!(encoded(target, &frame, &Caps::default()), text, "{target}");
    }
    let ansi = encoded("ansi", &frame, &Caps::default());
    assert_eq!(encoded("fish", &frame, &Caps::default()), ansi);
    golden("target.svg", &(encoded("svg", &frame, &Caps::default()) + "\n"));
}

/// Five status lines, each the output of a `#()` job that reads a file.
fn five_lines(sandbox: &Sandbox) -> String {
    let lines = (0..5).map(|n| {
        let file = sandbox.write(&format!("line{n}"), "ready");
        format!("set -g status-format[{n}] '#(exec cat {})'\n", file.display())
    });
    let rest =
        "set -g status 5\nset -g status-interval 1\nset -g status-style fg=default,bg=default\n";
    lines.chain([rest.to_owned()]).collect()
}

const ROWS: u16 = 6;
const COLUMNS: u16 = 2000;

fn cells_differ(found: &[Look], wanted: &[Look]) -> usize {
    found.iter().zip(wanted).filter(|(a, b)| a != b).count()
}

/// What two rows of cells differ in, from the first cell that does: `None` if nothing.
fn difference(found: &[Look], wanted: &[Look]) -> Option<String> {
    let differ = cells_differ(found, wanted);
    let first = found.iter().zip(wanted).position(|(a, b)| a != b)?;
    let near = |looks: &[Look]| -> String {
        looks[first.saturating_sub(30)..(first + 30).min(looks.len())]
            .iter()
            .map(|look| &*look.text)
            .collect()
    };
    let (a, b) = (&found[first], &wanted[first]);
    Some(format!(
        "{differ} cells, from {first}: {:?}\n   for {:?}\n {a:?}\n {b:?}",
        near(found),
        near(wanted)
    ))
}

/// Draws rows in a real tmux, five at a time, and keeps what differs from the `ansi` target's cells.
struct Proof<'a> {
    tmux: Tmux<'a>,
    sandbox: &'a Sandbox,
    caps: Caps,
    batch: usize,
    compared: usize,
    differ: usize,
    details: Vec<String>,
}

/// A moment to look: what is typed first, and the cases that hold then.
struct Phase {
    keys: &'static str,
    holds: &'static [(On, &'static str)],
}

const AT_REST: Phase = Phase { keys: "", holds: &[(On::Pane, "%0")] };
const PREFIX: Phase = Phase { keys: "\x02", holds: &[(On::Pane, "%0"), (On::State, "prefix")] };
/// No key of the prefix table: back at rest.
const LEAVE: Phase = Phase { keys: "Q", ..AT_REST };

impl<'a> Proof<'a> {
    fn start(sandbox: &'a Sandbox) -> Proof<'a> {
        Proof::start_program(sandbox, tool("tmux"))
    }

    fn start_program(sandbox: &'a Sandbox, program: PathBuf) -> Proof<'a> {
        let tmux = Tmux::start_program(sandbox, program, &five_lines(sandbox), ROWS, COLUMNS);
        let version = tmux.version();
        let live = targets::find("tmux").is_some_and(|target| target.fills_in(version));
        let caps = Caps { version, live, ..Caps::default() };
        Proof { tmux, sandbox, caps, batch: 0, compared: 0, differ: 0, details: Vec::new() }
    }

    /// Compares at most five rows, once in each phase.
    fn batch(&mut self, rows: &[Vec<Piece>], phases: &[Phase]) {
        self.batch += 1;
        let frames: Vec<Frame> = (0..5).map(|n| self.ended(rows.get(n))).collect();
        for (n, frame) in frames.iter().enumerate() {
            let line = encoded("tmux", frame, &self.caps);
            self.sandbox.write(&format!("line{n}"), line + "\n");
        }
        for phase in phases {
            let holds = phase.holds.iter().map(|(on, case)| (*on, (*case).into())).collect();
            let caps = Caps { holds, ..self.caps.clone() };
            let prefix = caps.holds(On::State, "prefix");
            let end = self.end(if prefix { "prefix" } else { "resting" });
            self.tmux.terminal.send(phase.keys);
            self.tmux.terminal.wait(&end, |screen| {
                screen.rows(0, COLUMNS).skip(usize::from(ROWS - 5)).all(|row| row.ends_with(&end))
            });
            for (frame, row) in frames.iter().zip(ROWS - 5..) {
                let wanted = drawn(encoded("ansi", frame, &caps).as_bytes(), COLUMNS);
                let found = self.tmux.terminal.row(row);
                self.compared += wanted.len();
                self.differ += cells_differ(&found, &wanted);
                self.details.extend(difference(&found, &wanted));
            }
        }
    }

    /// The row filled up to its last cell, with an end that says which batch it is and whether the
    /// prefix was pressed: when that is drawn, all of it is.
    fn ended(&self, row: Option<&Vec<Piece>>) -> Frame {
        let arm = |case: Option<&str>, text| Arm {
            case: case.map(Into::into),
            spans: vec![Span::ours(self.end(text), Style::default())],
        };
        let mut frame = Frame { pieces: row.cloned().unwrap_or_default() };
        let end = self.end("prefix").len();
        let blank = usize::from(COLUMNS) - frame.width(Policy::Wcwidth) - end;
        frame.pieces.push(Piece::Span(Span::ours(" ".repeat(blank), Style::default())));
        let arms = vec![arm(Some("prefix"), "prefix"), arm(None, "resting")];
        frame.pieces.push(Piece::Choice(Choice { on: On::State, arms }));
        frame
    }

    fn end(&self, phase: &str) -> String {
        format!("<END {} {phase:>7}>", self.batch)
    }
}

/// Pieces in rows that fit, each piece set off by a bar.
fn in_rows(pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    let mut rows: Vec<Vec<Piece>> = vec![Vec::new()];
    let mut used = 0;
    for piece in pieces {
        let width = piece.width(Policy::Wcwidth) + 1;
        if used + width > usize::from(COLUMNS) - 40 {
            rows.push(Vec::new());
            used = 0;
        }
        used += width;
        let row = rows.last_mut().expect("a row");
        row.push(piece);
        row.push(Piece::Span(Span::ours("│", Style::default())));
    }
    rows
}

/// `text` and `other` as the arms of a choice, equally wide, in styles of their own.
fn choice(on: On, case: &str, text: &Untrusted, other: &Untrusted, dice: &mut Dice) -> Piece {
    let cells = [text, other].map(|text| width::width(text.reveal(), Policy::Wcwidth));
    let widest = cells[0].max(cells[1]);
    let mut arm = |case: Option<&str>, text: &Untrusted, cells: usize| Arm {
        case: case.map(Into::into),
        spans: vec![
            Span::new(Text::Outside(text.clone()), dice.style()),
            Span::ours(" ".repeat(widest - cells), dice.style()),
        ],
    };
    Piece::Choice(Choice {
        on,
        arms: vec![arm(Some(case), text, cells[0]), arm(None, other, cells[1])],
    })
}

/// The promise of the tmux target, kept by a real tmux: no string from outside is executed or
/// obeyed, and each is drawn cell by cell as it is, bare and inside the arms of choices.
pub(crate) fn hostile_in_tmux(program: PathBuf, strings: &[Untrusted]) -> Tried {
    let sandbox = Sandbox::new();
    let mut proof = Proof::start_program(&sandbox, program);
    let mut dice = Dice(7);

    let bare = strings
        .iter()
        .map(|text| Piece::Span(Span::new(Text::Outside(text.clone()), dice.style())));
    for rows in in_rows(bare.collect()).chunks(5) {
        proof.batch(rows, &[AT_REST]);
    }
    let mut dice = Dice(11);
    let others = strings.iter().skip(1).chain(strings.first());
    let in_arms = strings.iter().zip(others).enumerate().map(|(n, (text, other))| match n % 3 {
        0 => choice(On::Pane, "%0", text, other, &mut dice),
        1 => choice(On::Pane, "%99", other, text, &mut dice),
        _ => choice(On::State, "prefix", text, other, &mut dice),
    });
    for rows in in_rows(in_arms.collect()).chunks(5) {
        proof.batch(rows, &[AT_REST, PREFIX, LEAVE]);
    }

    Tried {
        sink: format!("tmux {:?}", proof.tmux.version()),
        strings: strings.len(),
        compared: proof.compared,
        mismatches: proof.differ,
        executions: sandbox.files_named("SENTINEL").len(),
        first: proof.details.first().cloned(),
    }
}

/// A choice of as many panes as there may be draws the arm of the active one, at every pane.
#[test]
fn thirty_two_panes_each_draw_their_own_arm() {
    let sandbox = Sandbox::new();
    let mut proof = Proof::start(&sandbox);
    let arm = |case: Option<String>, text: String| Arm {
        case: case.map(Into::into),
        spans: vec![Span::ours(text, Style::default())],
    };
    let mut arms: Vec<Arm> =
        (0..32).map(|n| arm(Some(format!("%{n}")), format!("arm {n:02}"))).collect();
    arms.push(arm(None, "no arm".into()));
    let row = vec![Piece::Choice(Choice { on: On::Pane, arms })];
    let line = encoded("tmux", &Frame { pieces: row }, &proof.caps);
    assert!(line.contains("%31"), "the choice is left to tmux");
    sandbox.write("line0", line + "\n");
    let shows = |text: String| {
        move |screen: &vt100::Screen| {
            screen
                .rows(0, COLUMNS)
                .nth(usize::from(ROWS - 5))
                .is_some_and(|row| row.trim_end() == text)
        }
    };
    proof.tmux.terminal.wait("the first pane's arm", shows("arm 00".into()));
    for n in 1..34 {
        let pane = proof.tmux.run(&["new-window", "-P", "-F", "#{pane_id}"]);
        let text = if n < 32 { format!("arm {n:02}") } else { "no arm".into() };
        proof.tmux.terminal.wait(&format!("the arm of {pane}"), shows(text));
    }
}

/// Each two-valued condition follows what is done to the pane, without any new output of ours.
#[test]
fn zoom_synchronised_typing_and_copy_mode_pick_their_arms() {
    let sandbox = Sandbox::new();
    let mut proof = Proof::start(&sandbox);
    let arm = |case: Option<&str>, text: &str| Arm {
        case: case.map(Into::into),
        spans: vec![Span::ours(text, Style::default())],
    };
    let states = [("zoomed", "Z"), ("synced", "S"), ("copy-mode", "M"), ("prefix", "P")];
    let pieces = states.map(|(state, text)| {
        let arms = vec![arm(Some(state), text), arm(None, "-")];
        Piece::Choice(Choice { on: On::State, arms })
    });
    let line = encoded("tmux", &Frame { pieces: pieces.into() }, &proof.caps);
    sandbox.write("line0", line + "\n");
    let shows = |tmux: &mut Tmux, text: &str| {
        tmux.terminal.wait(text, |screen| {
            screen
                .rows(0, COLUMNS)
                .nth(usize::from(ROWS - 5))
                .is_some_and(|row| row.trim_end() == text)
        });
    };
    let tmux = &mut proof.tmux;
    shows(tmux, "----");
    tmux.run(&["split-window", "-h"]);
    tmux.run(&["resize-pane", "-Z"]);
    shows(tmux, "Z---");
    tmux.run(&["set", "-w", "synchronize-panes", "on"]);
    shows(tmux, "ZS--");
    tmux.run(&["copy-mode"]);
    shows(tmux, "ZSM-");
    tmux.terminal.send("\x02");
    shows(tmux, "ZSMP");
    tmux.terminal.send("Q");
    tmux.run(&["resize-pane", "-Z"]);
    shows(tmux, "-SM-");
}

/// As tmux cuts: at the first character past the last cell, a mark on that cell included.
fn cut_by_tmux(name: &str, most: usize) -> String {
    let start = |cells: usize| {
        let mut used = 0;
        let fits = |c: &char| {
            let before = used;
            used += width::width(c.encode_utf8(&mut [0; 4]), Policy::Wcwidth);
            before < cells && used <= cells
        };
        name.chars().take_while(fits).collect::<String>()
    };
    if start(most) == name { name.to_owned() } else { start(most - 1) + "…" }
}

/// Names that tmux fills in itself are shown as they are, cut to their cells, and never obeyed.
#[test]
fn live_names_are_drawn_as_they_are() {
    let sandbox = Sandbox::new();
    let mut proof = Proof::start(&sandbox);
    let live = |most| Text::Live { what: Live::WindowName, most, known: "".into() };
    let span = |most| Span::new(live(most), Style::default());
    let widths = [1, 2, 7, 8, 20, 200];
    let names = hostile(260)
        .into_iter()
        .filter(|name| !name.is_empty() && !name.reveal().trim().is_empty());
    let (mut shown, mut kept, mut wrong) = (0, 0, Vec::new());
    let mut pieces = Vec::new();
    for most in widths {
        pieces.push(Piece::Span(span(most)));
        pieces.push(Piece::Span(Span::ours("│", Style::default())));
    }
    // And once inside an arm, before text that has to be escaped there.
    let arms = vec![
        Arm { case: Some("on".into()), spans: vec![Span::ours("synced", Style::default())] },
        Arm { case: None, spans: vec![span(8), Span::ours(",}#{", Style::default())] },
    ];
    pieces.push(Piece::Choice(Choice { on: On::State, arms }));
    let line = encoded("tmux", &Frame { pieces }, &proof.caps);
    sandbox.write("line0", line + "<#{window_id}>\n");
    for name in names {
        // A window of its own for each name, told apart by its id at the end of the line. A name
        // is itself a format when it is given: `##` is one `#` there.
        let given = name.reveal().replace('#', "##");
        let id = proof.tmux.run(&["new-window", "-P", "-F", "#{window_id}", "-n", &given]);
        let stored = Untrusted::from(proof.tmux.run(&["display-message", "-p", "#{window_name}"]));
        let mut wanted = String::new();
        for most in widths {
            wanted += &cut_by_tmux(stored.reveal(), usize::from(most));
            wanted += "│";
        }
        wanted += &cut_by_tmux(stored.reveal(), 8);
        wanted += ",}#{";
        let end = format!("<{id}>");
        wanted += &end;
        let row = usize::from(ROWS - 5);
        proof.tmux.terminal.wait(&end, |screen| {
            screen.rows(0, COLUMNS).nth(row).is_some_and(|row| row.trim_end().ends_with(&end))
        });
        shown += 1;
        kept += usize::from(stored == name);
        let found = proof.tmux.terminal.row(row as u16);
        if let Some(difference) = difference(&found, &drawn(wanted.as_bytes(), COLUMNS)) {
            wrong.push(format!("{stored:?}: {difference}"));
        }
        proof.tmux.run(&["kill-window"]);
    }
    println!("{shown} names, {kept} kept by tmux as given, {} drawn differently", wrong.len());
    assert!(
        wrong.is_empty(),
        "{} names differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(8)].join("\n")
    );
    assert_eq!(sandbox.files_named("SENTINEL"), Vec::<std::path::PathBuf>::new());
}
