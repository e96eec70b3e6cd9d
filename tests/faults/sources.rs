//! Every way in which a text of others comes to a line, through a real daemon (T60 to T69, "each
//! source"): what it says to each target is what the target's encoder makes of the cleaned text, which
//! `injection` has shown to be harmless there.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::Duration;

use rainline_caps::{Caps, Depth};
use rainline_client::protocol::{Body, ENV, LineRequest, Request};
use rainline_render::frame::{Frame, Piece, Span, Text};
use rainline_render::style::Style;
use rainline_render::targets::{self, Target};
use rainline_segments::{ALL, Unit, Untrusted};

use crate::support::hostile::{Dice, Tried, for_sink, seed};
use crate::support::wire::{bytes, connect, reply};
use crate::support::{Sandbox, rounds, until};

/// A connection to a daemon, by its protocol.
struct Asker<'a> {
    sandbox: &'a Sandbox,
    stream: UnixStream,
}

impl<'a> Asker<'a> {
    fn new(sandbox: &'a Sandbox) -> Asker<'a> {
        Asker { sandbox, stream: connect(sandbox) }
    }

    fn line(&self, line: &str, target: &Target) -> LineRequest {
        LineRequest {
            config: self.sandbox.config(),
            line: line.to_owned(),
            slot: "left".to_owned(),
            target: target.name.to_owned(),
            columns: 4000,
            version: (3, 3),
            terminal: Depth::True,
            cwd: self.sandbox.home(),
            ..LineRequest::default()
        }
    }

    /// The reply to a request for a line.
    fn print(&mut self, line: LineRequest) -> Vec<u8> {
        let request = Request::new(Body::Print(line), Duration::from_secs(20));
        self.stream.write_all(&bytes(&request)).expect("it listens");
        reply(&mut self.stream).1
    }
}

/// What a target says of a text between brackets, in no style.
fn said(target: &Target, text: &Untrusted) -> String {
    let ours = |text: &str| Piece::Span(Span::ours(text, Style::default()));
    let outside = Piece::Span(Span::new(Text::Outside(text.clone()), Style::default()));
    let mut out = String::new();
    let caps = Caps { version: (3, 3), ..Caps::default() };
    let frame = Frame { pieces: vec![ours("<"), outside, ours(">")] };
    (target.encode)(&frame, &caps, &mut out);
    // screen is told a colour at the start of a line.
    out.replace("\x05{= dd}", "")
}

/// Targets whose lines are short, or that are no line, say less than all.
fn whole() -> impl Iterator<Item = &'static Target> {
    targets::ALL.iter().copied().filter(|target| !matches!(target.name, "screen" | "dvtm" | "svg"))
}

impl Tried {
    fn of(source: &str) -> Tried {
        Tried { sink: format!("from {source}"), ..Tried::default() }
    }

    fn expect(&mut self, reply: &[u8], target: &Target, text: &Untrusted) {
        let wanted = said(target, text);
        self.strings += 1;
        self.compared += wanted.len();
        if !String::from_utf8_lossy(reply).contains(&wanted) {
            self.mismatches += 1;
            let reply = String::from_utf8_lossy(reply);
            self.first.get_or_insert(format!("{}: no {wanted:?} in {reply:?}", target.name));
        }
    }

    fn end(mut self, sandbox: &Sandbox) {
        self.executions = sandbox.files_named("SENTINEL").len();
        self.hold();
    }
}

const SPECIALS: &[char] = &['#', '$', '`', '%', '{', '(', '\\', '!', '"', '\''];

/// Texts that can be an argument, a variable or a name: no NUL, not empty.
fn texts() -> Vec<Vec<u8>> {
    let mut dice = Dice(seed());
    let raw = std::iter::repeat_with(|| {
        let mut bytes = dice.text().into_bytes();
        // Also what is no UTF-8, and what a terminal obeys.
        for byte in [0xff, 0x1b, 0x05, 0x01, 0x02, 0x9b] {
            if dice.below(8) == 0 {
                bytes.insert(dice.below(bytes.len() + 1), byte);
            }
        }
        bytes
    });
    let raw: Vec<Vec<u8>> = raw.take(rounds(300, 3_000)).collect();
    let clean = for_sink(SPECIALS, 3).into_iter().map(|text| text.reveal().as_bytes().to_vec());
    let all = clean.take(rounds(1_000, 10_000)).chain(raw);
    all.filter(|text| !text.is_empty() && !text.contains(&0)).collect()
}

const MONO: &str = "theme = 'mono'\n";

/// Many variables in one line: each request tries as many texts.
#[test]
fn t60_a_variable_of_the_environment_is_a_text() {
    let shown: Vec<&str> = ALL.iter().find(|kind| kind.name == "env").expect("a kind").env.to_vec();
    let ids: Vec<String> = (0..shown.len()).map(|n| format!("e{n}")).collect();
    let mut config = format!("{MONO}[line.x]\nleft = {ids:?}\n");
    for (id, name) in ids.iter().zip(&shown) {
        config += &format!(
            "[segment.{id}]\nuse = 'env'\nname = '{name}'\nformat = '<$value.text(max:300)>'\n"
        );
    }
    let sandbox = Sandbox::running(&config);
    let mut asker = Asker::new(&sandbox);
    let mut tried = Tried::of("a variable");
    // The segment shows no variable that is no UTF-8.
    let texts: Vec<Vec<u8>> =
        texts().into_iter().filter(|text| std::str::from_utf8(text).is_ok()).collect();
    for some in texts.chunks(shown.len()) {
        let mut env: Vec<(String, Vec<u8>)> =
            shown.iter().zip(some).map(|(name, text)| ((*name).to_owned(), text.clone())).collect();
        env.sort_by_key(|(name, _)| ENV.iter().position(|known| known == name));
        for target in whole() {
            let reply = asker.print(LineRequest { env: env.clone(), ..asker.line("x", target) });
            some.iter().for_each(|text| tried.expect(&reply, target, &Untrusted::new(text)));
        }
    }
    tried.end(&sandbox);
}

#[test]
fn t60_a_directory_is_a_text() {
    let config = format!(
        "{MONO}[line.x]\nleft = ['directory']\n[segment.directory]\nformat = '<$last.text(max:300)>'\n"
    );
    let sandbox = Sandbox::running(&config);
    let mut asker = Asker::new(&sandbox);
    let mut tried = Tried::of("a directory");
    let plain = targets::find("plain").expect("there");
    let names = texts().into_iter().filter(|name| {
        name.len() < 200 && !name.contains(&b'/') && *name != b"." && *name != b".."
    });
    // Hundreds do: each has a process look at its directory.
    for (n, name) in names.step_by(rounds(3, 1)).enumerate() {
        let cwd = sandbox.path("home").join(OsString::from_vec(name.clone()));
        std::fs::create_dir_all(&cwd).expect("a directory");
        let text = Untrusted::new(&name);
        // Its directory is looked at by another process: the first answer may not have it yet.
        until("the directory", || {
            let reply = asker.print(LineRequest { cwd: cwd.clone(), ..asker.line("x", plain) });
            (reply.starts_with(b"<")).then_some(())
        });
        let target = whole().nth(n % whole().count()).expect("a target");
        let reply = asker.print(LineRequest { cwd: cwd.clone(), ..asker.line("x", target) });
        tried.expect(&reply, target, &text);
        std::fs::remove_dir(&cwd).expect("it is empty");
    }
    tried.end(&sandbox);
}

/// `STY` names a session of screen.
#[test]
fn t60_the_name_of_a_session_is_a_text() {
    let config = format!(
        "{MONO}[line.x]\nleft = ['session']\n[segment.session]\nreact = []\nformat = '<$name.text(max:300)>'\n"
    );
    let sandbox = Sandbox::running(&config);
    let mut asker = Asker::new(&sandbox);
    let mut tried = Tried::of("the name of a session");
    let names = texts().into_iter().filter(|name| std::str::from_utf8(name).is_ok());
    for (n, name) in names.enumerate() {
        let env = vec![("STY".to_owned(), [b"7.", &*name].concat())];
        let target = whole().nth(n % whole().count()).expect("a target");
        let reply = asker.print(LineRequest { env, ..asker.line("x", target) });
        tried.expect(&reply, target, &Untrusted::new(&name));
    }
    tried.end(&sandbox);
}

/// What a command prints: a file with a text for each of many segments, read again for each batch.
#[test]
fn t60_the_output_of_a_command_is_a_text() {
    const SEGMENTS: usize = 40;
    let ids: Vec<String> = (0..SEGMENTS).map(|n| format!("c{n}")).collect();
    let sandbox = Sandbox::new();
    let texts: Vec<Vec<u8>> = texts()
        .into_iter()
        // A command's output is its first line, without blanks around it.
        .filter(|text| {
            !text.contains(&b'\n') && !text.contains(&b'\r') && text.trim_ascii() == text
        })
        .take(rounds(400, 4_000))
        .collect();
    let mut tried = Tried::of("the output of a command");
    for (batch, some) in texts.chunks(SEGMENTS).enumerate() {
        let mut config = format!("{MONO}[line.x]\nleft = {ids:?}\n");
        for (n, text) in some.iter().enumerate() {
            let file = sandbox.write(&format!("outputs/{batch}-{n}"), [&**text, b"\n"].concat());
            config += &format!(
                "[segment.c{n}]\nuse = 'custom'\ncommand = ['cat', '{}']\noutput = 'text'\n\
                 format = '<$text.text(max:300)>'\n",
                file.display()
            );
        }
        for id in &ids[some.len()..] {
            config += &format!("[segment.{id}]\nuse = 'text'\n");
        }
        sandbox.configure(&config);
        if batch == 0 {
            sandbox.start_daemon(&[]);
        } else {
            sandbox.output(&["daemon", "reload"]);
        }
        let mut asker = Asker::new(&sandbox);
        for target in whole() {
            let reply = until("all outputs", || {
                let reply = asker.print(asker.line("x", target));
                let there = some.iter().all(|text| {
                    let wanted = said(target, &Untrusted::new(text));
                    String::from_utf8_lossy(&reply).contains(&wanted)
                });
                there.then_some(reply)
            });
            some.iter().for_each(|text| tried.expect(&reply, target, &Untrusted::new(text)));
        }
    }
    tried.end(&sandbox);
}

#[test]
fn t60_a_value_that_is_set_is_a_text() {
    let config = format!(
        "{MONO}[line.x]\nleft = ['it']\n[segment.it]\nuse = 'custom'\nformat = '<$text.text(max:300)>'\n"
    );
    let sandbox = Sandbox::running(&config);
    let mut asker = Asker::new(&sandbox);
    let mut tried = Tried::of("`rainline set`");
    let texts = texts().into_iter().filter(|text| {
        // An object is one, and blanks around are none.
        text[0] != b'{' && !text.contains(&b'\n') && text.trim_ascii() == text
    });
    for text in texts.take(rounds(200, 2_000)) {
        let value = std::ffi::OsStr::from_bytes(&text);
        let mut set = sandbox.rainline();
        let set = set.args(["set", "it", "--"]).arg(value).stdin(Stdio::null()).output();
        let output = set.expect("it runs");
        if !output.status.success() {
            // What is no UTF-8 may be refused, and nothing else.
            assert!(std::str::from_utf8(&text).is_err(), "{text:?}: {output:?}");
            continue;
        }
        for target in whole() {
            let reply = asker.print(asker.line("x", target));
            tried.expect(&reply, target, &Untrusted::new(&text));
        }
    }
    tried.end(&sandbox);
}

/// A config below a path that is no UTF-8 was not read, and no status said.
#[test]
fn t56_a_config_below_a_path_of_any_bytes_is_obeyed() {
    let sandbox = Sandbox::running(MONO);
    let folder = sandbox.path("home").join(OsString::from_vec(b"\xff $(x)".to_vec()));
    let file = folder.join("rainline/config.toml");
    std::fs::create_dir_all(folder.join("rainline")).expect("a directory");
    let config = "[line.x]\nleft = ['a']\n[segment.a]\nuse = 'text'\ntext = 'BAR'\n";
    std::fs::write(&file, config).expect("a file");
    let says = |words: &[&str]| {
        let mut command = sandbox.rainline();
        let output = command.args(words).env("XDG_CONFIG_HOME", &folder).output();
        output.expect("it runs")
    };
    until("the line of the config", || {
        let line = says(&["print", "x", "left", "--target", "plain"]).stdout;
        line.windows(3).any(|text| text == b"BAR").then_some(())
    });
    for words in [&["daemon", "status"][..], &["config", "check"]] {
        let output = says(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
    }
}

/// Everything at once: every variable hostile, every text of every kind shown. Nothing is executed,
/// and a terminal hears no control character.
#[test]
fn t60_all_kinds_with_a_hostile_environment() {
    let mut config = format!("{MONO}[line.x]\n");
    let names: Vec<&str> = ALL.iter().map(|kind| kind.name).collect();
    config += &format!("left = {names:?}\n");
    for kind in ALL {
        let fields = kind.fields.iter().filter(|field| matches!(field.unit, Unit::Text));
        let format: String =
            fields.map(|field| format!("(<${}.text(max:99)>)", field.name)).collect();
        if !format.is_empty() {
            config += &format!("[segment.{}]\nformat = \"{format}\"\n", kind.name);
        }
    }
    let sandbox = Sandbox::running(&config);
    let mut asker = Asker::new(&sandbox);
    let mut dice = Dice(seed());
    for round in 0..rounds(60, 2_000) {
        // What these name is looked for: they stay what they are.
        let names = ENV.iter().filter(|name| !matches!(**name, "HOME" | "TZ"));
        let env: Vec<(String, Vec<u8>)> =
            names.map(|name| ((*name).to_owned(), dice.text().into_bytes())).collect();
        let mut word = || dice.text();
        let (theme, keymap, pane, holds) = (word(), word(), word(), word());
        let target = targets::ALL[round % targets::ALL.len()];
        let line = LineRequest { env, keymap, pane, holds, ..asker.line("x", target) };
        let line = if round % 5 == 0 { LineRequest { theme, ..line } } else { line };
        let reply = String::from_utf8(asker.print(line)).expect("UTF-8");
        let own = match target.name {
            "plain" | "dvtm" | "tmux" => "\n",
            "bash" => "\x1b\n\r\x01\x02",
            "screen" => "\n\x05",
            _ => "\x1b\n",
        };
        let found = reply.chars().find(|c| c.is_control() && !own.contains(*c));
        assert_eq!(found, None, "{}: {reply:?}", target.name);
    }
    assert!(sandbox.files_named("SENTINEL").is_empty());
}
