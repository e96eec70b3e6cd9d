//! GNU screen's hardstatus, drawn by a real screen in a terminal.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use rainline::hosts::{self, Wiring};
use rainline_caps::{Caps, Depth, Policy};
use rainline_render::frame::{Frame, Piece, Span, Text};
use rainline_render::style::{Attrs, Style};
use rainline_render::targets;
use rainline_render::theme::Theme;
use rainline_segments::Untrusted;

use crate::support::hostile::{Dice, Tried};
use crate::support::terminal::{argv, drawn, looks};
use crate::support::{Look, Sandbox, Terminal, program, tool, until_true};

/// A screen of its own in a terminal, with `cat` in its first window.
struct Screen<'a> {
    sandbox: &'a Sandbox,
    terminal: Terminal,
    version: (u16, u16),
}

fn sandbox() -> Sandbox {
    Sandbox::new().with_screens()
}

impl<'a> Screen<'a> {
    fn start(sandbox: &'a Sandbox, rc: &str, size: (u16, u16)) -> Screen<'a> {
        let base = "startup_message off\nshell /bin/cat\ndefutf8 on\n";
        let rc = sandbox.write("screenrc", format!("{base}{rc}"));
        let words = argv([&tool("screen"), &"-U", &"-c", &rc, &"-S", &"tried"]);
        let terminal = Terminal::spawn(sandbox, &words, size.0, size.1);
        let output = sandbox.command(tool("screen")).arg("--version").output().expect("it runs");
        let output = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut numbers =
            output.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
        let mut next = || numbers.next().and_then(|number| number.parse().ok()).unwrap_or(0);
        Screen { sandbox, terminal, version: (next(), next()) }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.sandbox.command(tool("screen"));
        command.args(["-S", "tried"]).args(words);
        command
    }

    fn last_row(&self) -> u16 {
        self.terminal.screen().size().0 - 1
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        // One that is gone already is as good.
        let _ = self.command(&["-X", "quit"]).output();
    }
}

fn lines(program: PathBuf, version: (u16, u16)) -> String {
    let theme = Theme::built_in("rain").expect("built in");
    let host = hosts::find("screen").expect("a host");
    (host.init)(&Wiring { version, ..Wiring::new(program, &theme) })
}

/// A row of the screen without the blanks at its end.
fn row(screen: &vt100::Screen, row: u16) -> String {
    let width = screen.size().1;
    screen.rows(0, width).nth(row.into()).unwrap_or_default().trim_end().to_owned()
}

fn with_a_line() -> Sandbox {
    let sandbox = sandbox();
    let config = "[line.screen]\nleft = [\"one\"]\nright = [\"two\"]\n\
                  [segment.one]\nuse = \"text\"\ntext = \"left %n\"\n\
                  [segment.two]\nuse = \"text\"\ntext = \"right\"\n";
    sandbox.configured(config)
}

#[test]
fn both_sides_and_the_window_list() {
    let sandbox = with_a_line();
    let rc = lines(program(), (4, 9)).repeat(2);
    let mut screen = Screen::start(&sandbox, &rc, (8, 80));
    let last = screen.last_row();
    let whole = |windows: &'static str| {
        move |screen: &vt100::Screen| {
            let text = row(screen, last);
            text.starts_with(" left %n  ") && text.contains(windows) && text.ends_with(" right")
        }
    };
    screen.terminal.wait("a whole line", whole(" 0 cat "));
    // Its last cell may still be on its way.
    screen.terminal.wait("a line of one byte a cell, nothing of it in reverse", |screen| {
        let looks = looks(screen, last);
        let text: String = looks.iter().map(|look| &*look.text).collect();
        text.len() == 80 && text.ends_with(" right ") && looks.iter().all(|look| !look.inverse)
    });
    assert!(screen.command(&["-X", "screen"]).status().expect("it runs").success());
    screen.terminal.wait("a second window", whole(" 0 cat  1 cat "));
}

/// screen tells a backtick no width: the stream looks for itself with each new line.
#[test]
fn the_line_goes_with_the_width_of_the_terminal() {
    let sandbox = sandbox();
    let config = "[line.screen]\nright = [\"long\", \"seconds\"]\n\
                  [segment.long]\nuse = \"text\"\ntext = \"as long as forty cells, and then no more ..\"\n\
                  [segment.seconds]\nuse = \"clock\"\ntime = \"at %S s\"\npriority = 100\n";
    sandbox.configure(config);
    let mut screen = Screen::start(&sandbox, &lines(program(), (4, 9)), (8, 200));
    let shows = |long: bool, columns: usize| {
        move |screen: &vt100::Screen| {
            let row = row(screen, 7);
            row.ends_with(" s") && row.len() < columns && row.contains("no more") == long
        }
    };
    screen.terminal.wait("both", shows(true, 200));
    screen.terminal.resize(8, 60);
    screen.terminal.wait("the clock alone", shows(false, 60));
    screen.terminal.resize(8, 120);
    screen.terminal.wait("both again", shows(true, 120));
}

/// A daemon that never answers: what is typed is there all the same.
#[test]
fn typing_never_waits_for_a_line() {
    let sandbox = with_a_line();
    let mute = UnixListener::bind(sandbox.socket()).expect("a socket");
    let mut screen = Screen::start(&sandbox, &lines(program(), (4, 9)), (8, 80));
    mute.accept().expect("a client").0.set_nonblocking(true).expect("set");
    for n in 0..200 {
        screen.terminal.send(format!("k{n}\r"));
        screen.terminal.wait("the echo", |screen| {
            let lines: Vec<String> = screen.rows(0, 80).collect();
            lines.iter().any(|line| line.trim_end() == format!("k{n}"))
        });
    }
    let last = screen.last_row();
    screen.terminal.wait("a line of its own", |screen| row(screen, last).ends_with("right"));
}

/// A stream that screen no longer reads leaves, and does not stay behind.
#[test]
fn streams_leave_with_their_screen() {
    let sandbox = with_a_line();
    let mut screen = Screen::start(&sandbox, &lines(program(), (4, 9)), (8, 80));
    let last = screen.last_row();
    screen.terminal.wait("a line", |screen| row(screen, last).ends_with("right"));
    let streams = || sandbox.processes_named("stream screen").len();
    until_true("both streams", || streams() == 2);
    assert!(screen.command(&["-X", "quit"]).status().expect("it runs").success());
    until_true("the end of the streams", || streams() == 0);
}

#[test]
fn an_odd_path_is_one_word() {
    let sandbox = with_a_line();
    let odd = sandbox.path("it's a #1 $HOME \"place\" ^A 5%");
    std::fs::create_dir(&odd).expect("a directory");
    let link = odd.join("rain\\line");
    std::os::unix::fs::symlink(program(), &link).expect("a link");
    let mut screen = Screen::start(&sandbox, &lines(link, (4, 9)), (8, 80));
    let last = screen.last_row();
    screen.terminal.wait("a line", |screen| row(screen, last).ends_with("right"));
}

/// Wide enough for any line, so that nothing is cut by what screen takes for its width.
const COLUMNS: u16 = 1000;

/// A backtick that reads what the test writes.
fn fed(sandbox: &Sandbox) -> (File, String) {
    let fifo = sandbox.fifo("fifo");
    // Read and write: opening does not wait for the other side.
    let file = OpenOptions::new().read(true).write(true).open(&fifo).expect("a fifo");
    let rc = format!(
        "backtick 1 0 0 cat {}\nbacktick 2 1000 1000 touch SENTINEL\n\
         hardstatus alwayslastline \"%1`\"\n",
        Path::new(&fifo).display()
    );
    (file, rc)
}

/// What a 4.x can show of a style.
fn shown(style: Style) -> Style {
    let attrs = [Attrs::BOLD, Attrs::DIM, Attrs::UNDERLINE, Attrs::REVERSE];
    let known = attrs.into_iter().filter(|attr| style.attrs.contains(*attr));
    Style { attrs: known.fold(Attrs::empty(), Attrs::union), ..style.at(Depth::Ansi16) }
}

fn expected(frame: &Frame) -> Vec<Look> {
    let shown = |piece: &Piece| match piece {
        Piece::Span(span) => Piece::Span(Span { style: shown(span.style), ..span.clone() }),
        other => other.clone(),
    };
    let frame = Frame { pieces: frame.pieces.iter().map(shown).collect() };
    let mut out = String::new();
    (targets::find("ansi").expect("a target").encode)(&frame, &Caps::default(), &mut out);
    drawn(out.as_bytes(), COLUMNS)
}

/// The promise of screen's target, kept by a real one; `None` where it is of another grammar.
pub(crate) fn hostile_in_screen(strings: &[Untrusted]) -> Option<Tried> {
    let sandbox = sandbox();
    let (mut fifo, rc) = fed(&sandbox);
    let mut screen = Screen::start(&sandbox, &rc, (4, COLUMNS));
    let caps = Caps { version: screen.version, columns: COLUMNS.into(), ..Caps::default() };
    if caps.version >= (5, 0) {
        println!("screen {:?} has another grammar; only 4.x is compared here", caps.version);
        return None;
    }
    let target = targets::find("screen").expect("a target");
    let last = screen.last_row();
    let mut dice = Dice(3);
    // Besides what means something to others, what does to screen.
    let own = ["\x052`", "\x05", "\x05{= kr}", "%2`", "a\x05\x052`", "\u{7f}", "%=", "%{= kr}"];
    let texts: Vec<_> =
        own.map(Untrusted::from).into_iter().chain(strings.iter().cloned()).collect();
    let (mut compared, mut differ, mut lines, mut first) = (0, 0, 0, None);
    let mut left = texts.iter().peekable();
    while left.peek().is_some() {
        lines += 1;
        let end = Piece::Span(Span::ours(format!("<END {lines}>"), Style::default()));
        let mut frame = Frame::default();
        // As many as the line has bytes for, the last piece with its escapes included.
        while let Some(text) = left.peek() {
            let mut longer = frame.clone();
            longer
                .pieces
                .push(Piece::Span(Span::new(Text::Outside((*text).clone()), dice.style())));
            longer.pieces.push(Piece::Span(Span::ours("|", Style::default())));
            let mut whole = longer.clone();
            whole.pieces.push(end.clone());
            let mut out = String::new();
            (target.encode)(&whole, &caps, &mut out);
            if !out.ends_with('>') {
                break;
            }
            frame = longer;
            left.next();
        }
        frame.pieces.push(end);
        let mut out = String::new();
        (target.encode)(&frame, &caps, &mut out);
        fifo.write_all(format!("{out}\n").as_bytes()).expect("written");
        let mark = format!("<END {lines}>");
        screen.terminal.wait(&mark, |screen| row(screen, last).ends_with(&mark));
        let width = frame.width(Policy::Wcwidth);
        let (found, wanted) = (screen.terminal.row(last), expected(&frame));
        for (at, (found, wanted)) in found.iter().zip(&wanted).take(width).enumerate() {
            compared += 1;
            if found != wanted {
                differ += 1;
                first.get_or_insert(format!("line {lines}, cell {at}: {found:?} for {wanted:?}"));
            }
        }
    }
    let executions = sandbox.files_named("SENTINEL").len();
    // The trap is live: had one Ctrl-E passed, it would have run.
    fifo.write_all(b"\x052`<TRAP>\n").expect("written");
    screen.terminal.wait("the trap", |screen| row(screen, last).ends_with("<TRAP>"));
    assert_eq!(sandbox.files_named("SENTINEL").len(), 1);
    let sink = format!("screen {:?}", caps.version);
    let strings = texts.len();
    Some(Tried { sink, strings, compared, mismatches: differ, executions, first })
}

/// As much as a line may have comes out whole, beside a window list.
#[test]
fn the_longest_line_comes_out_whole() {
    let sandbox = sandbox();
    let (mut fifo, rc) = fed(&sandbox);
    let mut screen = Screen::start(&sandbox, &rc, (4, COLUMNS));
    let caps = Caps { version: screen.version, ..Caps::default() };
    let spans = (0..200).map(|n| {
        let style = Style { attrs: [Attrs::empty(), Attrs::BOLD][n % 2], ..Style::default() };
        Piece::Span(Span::new(Text::Outside(format!("{n:04}").into()), style))
    });
    let mut out = String::new();
    let frame = Frame { pieces: spans.collect() };
    (targets::find("screen").expect("a target").encode)(&frame, &caps, &mut out);
    assert!((700..=740).contains(&out.len()));
    let shown = out.matches("00").count();
    assert!(shown > 40, "{out:?}");
    let text: String = (0..200).map(|n| format!("{n:04}")).collect();
    fifo.write_all(format!("{out}\n").as_bytes()).expect("written");
    let last = screen.last_row();
    screen.terminal.wait("the line", |screen| {
        let row = row(screen, last);
        row.len() > 200 && text.starts_with(&row)
    });
}
