//! What must hold for any input: a config, a theme, a format, bytes on a socket, a
//! name. Nothing here knows an example; the examples are with the code.

use proptest::prelude::*;
use rainline::config::{self, Config, Gathered, SourceFile};
use rainline::line::rows::{self, Age, Reading, Readings, Want};
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;

use rainline_caps::{Caps, Depth, Glyphs, Policy};
use rainline_client::gate::is_line;
use rainline_client::protocol::{
    Admin, Body, HEADER, LineRequest, Malformed, ReplyHeader, ReplyKind, Request, Set,
};
use rainline_render::format::formatter::TABLE;
use rainline_render::format::{Context, Format, Graphs};
use rainline_render::frame::Frame;
use rainline_render::style::Color;
use rainline_render::style::spec::Spec;
use rainline_render::targets;
use rainline_render::theme::Theme;
use rainline_render::width::{self, Cut};
use rainline_segments::{ALL, Kind, Level, Live, Part, Sample, Unit, Value, find};
use unicode_segmentation::UnicodeSegmentation;

use crate::support::hostile::NASTY;

/// Text with everything in it that is wide, narrow, joined, hostile or of the format language.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => any::<String>(),
        3 => prop::sample::select(NASTY).prop_map(str::to_owned),
        2 => "[ -~]{0,12}",
        1 => prop::sample::select(
            &["👨\u{200d}👩\u{200d}👧", "🇩🇪", "\u{301}", "\u{200b}", "ก็", "é", "漢", "\u{fe0f}", "\n"][..]
        )
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn policy() -> impl Strategy<Value = Policy> {
    prop::sample::select(&[Policy::Wcwidth, Policy::Unicode, Policy::Cjk][..])
}

fn glyphs() -> impl Strategy<Value = Glyphs> {
    prop::sample::select(&[Glyphs::Ascii, Glyphs::Unicode, Glyphs::Nerd][..])
}

/// The name of a kind, since a kind cannot be printed.
fn kind() -> impl Strategy<Value = &'static str> {
    prop::sample::select(ALL.iter().map(|kind| kind.name).collect::<Vec<_>>())
}

fn named(kind: &str) -> &'static Kind {
    find(kind).expect("a kind")
}

/// Words of the format language in any order, with fields that there are and are not.
fn grammar() -> impl Strategy<Value = String> {
    let names = ALL.iter().flat_map(|kind| kind.fields).map(|field| field.name);
    let mut names: Vec<&'static str> = names.chain(["icon", "nosuch"]).collect();
    names.sort();
    names.dedup();
    let formatters = TABLE.iter().map(|entry| entry.name).chain(["nosuch"]);
    let formatter = prop::sample::select(formatters.collect::<Vec<_>>());
    let arguments = prop::sample::select(
        &[
            "",
            "w:3",
            "w:0",
            "w:-1",
            "w:99999",
            "max:24",
            "max:0",
            "cut:middle",
            "'%H:%M'",
            "'%Q'",
            "unit:'B'",
            "base:1000",
            "w:3,",
            "w",
            ":",
            "w:3,w:4",
            "w:20,with:history",
            "over:memory,hue:work_history",
            "over:parts",
            "over:nosuch",
            "every:3,scale:log",
            "marker:50",
            "marker:usage",
            "form:dots",
            "glyphs:braille",
            "'unended",
        ][..],
    );
    let field = (prop::sample::select(names), prop::option::of((formatter, arguments))).prop_map(
        |(name, call)| match call {
            None => format!("${name}"),
            Some((formatter, arguments)) => format!("${name}.{formatter}({arguments})"),
        },
    );
    let mark = prop::sample::select(
        &[
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            "|",
            "\\",
            "$",
            "${",
            "](fg:red)",
            "](bold nosuch)",
            "](fg:gradient(load))",
            "](",
            " ",
            "x",
            "漢",
            "\\$",
            "${usage}",
            ".",
        ][..],
    );
    let word = prop_oneof![field, mark.prop_map(str::to_owned)];
    prop::collection::vec(word, 0..12).prop_map(|words| words.concat())
}

/// A value that the field may have, and now and then one that it may not.
fn value(unit: Unit) -> BoxedStrategy<Value> {
    let number = prop_oneof![any::<f64>(), 0.0..100.0, Just(f64::NAN), Just(f64::INFINITY)];
    let live = prop::sample::select(&[Live::SessionName, Live::WindowName, Live::PaneTitle][..]);
    let texts = prop_oneof![
        text().prop_map(Value::text),
        (live, text()).prop_map(|(what, known)| Value::Live { what, known: known.into() }),
    ];
    let parts = prop::collection::vec((text(), -1.0..100.0), 0..5);
    let parts = (parts, -1.0..500.0).prop_map(|(parts, whole)| {
        let part = |(name, value): (String, f64)| Part { name: name.into(), value };
        Value::Parts { parts: parts.into_iter().map(part).collect(), whole }
    });
    match unit {
        Unit::Text => texts.boxed(),
        Unit::Parts => parts.boxed(),
        Unit::Percent => number.prop_map(Value::percent).boxed(),
        _ => prop_oneof![
            number.clone().prop_map(Value::number),
            (number, 0.0..1e12).prop_map(|(value, whole)| Value::of(value, whole))
        ]
        .boxed(),
    }
}

fn level() -> impl Strategy<Value = Level> {
    prop::sample::select(
        &[Level::Idle, Level::Good, Level::Info, Level::Warning, Level::Critical][..],
    )
}

/// A sample with some of the fields of its kind.
fn sample(kind: &'static Kind) -> BoxedStrategy<Sample> {
    let fields = kind.fields.iter().filter(|field| !matches!(field.unit, Unit::History(_)));
    let values: Vec<_> = fields
        .map(|field| prop::option::of(value(field.unit)).prop_map(move |v| (field.name, v)))
        .collect();
    (level(), values)
        .prop_map(|(level, values)| {
            let there = values.into_iter().filter_map(|(name, value)| Some((name, value?)));
            there.fold(Sample::new(level), |sample, (name, value)| sample.with(name, value))
        })
        .boxed()
}

fn context<'a>(kind: &'static Kind, sample: &'a Sample, glyphs: Glyphs, lost: bool) -> Context<'a> {
    let (icon, colour, policy) = ("I", !lost, Policy::Wcwidth);
    let graphs = if lost { Graphs::Least } else { Graphs::Whole };
    let asked = Box::leak(Box::default());
    Context { sample, rings: &[], kind, icon, glyphs, colour, policy, lost, graphs, asked }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_format_or_a_fault_with_its_place(kind in kind(), text in text()) {
        if let Err(faults) = Format::parse(&text, named(kind)) {
            prop_assert!(!faults.is_empty());
            for fault in faults {
                let span = fault.span.clone();
                prop_assert!(span.start <= span.end && span.end <= text.len());
                prop_assert!(text.get(span).is_some(), "not between characters");
            }
        }
    }

    #[test]
    fn what_parses_is_filled_with_any_sample(
        (kind, sample) in kind().prop_flat_map(|kind| (Just(kind), sample(named(kind)))),
        text in grammar(), glyphs in glyphs(), lost: bool,
    ) {
        match Format::parse(&text, named(kind)) {
            Ok(format) => { format.fill(&context(named(kind), &sample, glyphs, lost)); }
            Err(faults) => {
                prop_assert!(faults.iter().all(|fault| text.get(fault.span.clone()).is_some()));
            }
        }
    }

    #[test]
    fn a_style_is_read_or_refused_with_its_place(text in text()) {
        if let Err(faults) = Spec::parse(&text) {
            prop_assert!(faults.iter().all(|fault| text.get(fault.span.clone()).is_some()));
        }
        let _ = Color::parse(&text);
    }

    #[test]
    fn a_start_or_end_fits_and_splits_nothing(text in text(), cells in 0_usize..40, policy in policy()) {
        let borders: Vec<usize> =
            text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]).collect();
        let (start, used) = width::prefix(&text, cells, policy);
        prop_assert!(used <= cells && used == width::width(start, policy));
        prop_assert!(text.starts_with(start) && borders.contains(&start.len()));
        let (end, used) = width::suffix(&text, cells, policy);
        prop_assert!(used <= cells && used == width::width(end, policy));
        prop_assert!(text.ends_with(end) && borders.contains(&(text.len() - end.len())));
    }

    #[test]
    fn a_cut_text_fits(
        text in text(), cells in 0_usize..40, policy in policy(),
        at in prop::sample::select(&[Cut::Start, Cut::Middle, Cut::End][..]),
        mark in prop::sample::select(&["…", "~", "..", ""][..]),
    ) {
        let cut = width::cut(&text, cells, at, mark, policy);
        prop_assert!(width::width(&cut, policy) <= cells, "{cut:?}");
        if width::width(&text, policy) <= cells {
            prop_assert_eq!(cut, text);
        }
    }

    #[test]
    fn any_bytes_are_a_message_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200), magic: bool) {
        let bytes = if magic { [&b"RLq\x01"[..], &bytes].concat() } else { bytes };
        if let Ok(Some((_, taken))) = Request::decode(&bytes) {
            prop_assert!((HEADER..=bytes.len()).contains(&taken));
        }
        let reply = if magic { [&b"RLr\x01"[..], &bytes[4..]].concat() } else { bytes };
        let _ = ReplyHeader::decode(&reply);
    }

    #[test]
    fn a_request_comes_back_as_it_went(request in request()) {
        let mut bytes = Vec::new();
        request.encode(&mut bytes);
        prop_assert_eq!(Request::decode(&bytes), Ok(Some((request, bytes.len()))));
    }

    #[test]
    fn a_mangled_request_is_refused_or_read(
        request in request(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        end in any::<prop::sample::Index>(),
    ) {
        let mut bytes = Vec::new();
        request.encode(&mut bytes);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(end.index(bytes.len()) + 1);
        match Request::decode(&bytes) {
            Ok(Some((_, taken))) => prop_assert!(taken <= bytes.len()),
            Ok(None) | Err(Malformed::Foreign | Malformed::TooLong | Malformed::Broken) => {}
        }
    }

    #[test]
    fn a_reply_comes_back_as_it_went(
        kind in prop::sample::select(
            &[ReplyKind::Line, ReplyKind::Text, ReplyKind::Refused, ReplyKind::Bye][..]
        ),
        nonce: u64, body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut bytes = Vec::new();
        ReplyHeader::encode(kind, nonce, &body, &mut bytes);
        let header = ReplyHeader::decode(&bytes).expect("ours").expect("whole");
        prop_assert_eq!((header.kind, header.nonce, header.length), (kind, nonce, body.len()));
        prop_assert_eq!(&bytes[HEADER..], &body);
    }

    #[test]
    fn any_text_is_a_config_in_which_lines_can_be_drawn(text in toml_like()) {
        let config = config_of(&text);
        for kind in ["tmux", "terminal"] {
            let rows = rows(&config, kind, "full", &Unread, &Caps::default());
            prop_assert!(rows.iter().all(|row| row.width(Policy::Wcwidth) == 80));
        }
    }

    #[test]
    fn any_text_is_a_theme_that_can_be_drawn_with(text in theme_like()) {
        let file = source("/themes/mine.toml", &text);
        let config = config::build(&Gathered {
            files: vec![source("/config.toml", "theme = 'mine'\n")],
            themes: vec![("mine".into(), file)],
            ..Gathered::default()
        });
        let rows = rows(&config, "terminal", "full", &Unread, &Caps::default());
        prop_assert!(rows.iter().all(|row| row.width(Policy::Wcwidth) == 80));
    }

    #[test]
    fn rows_never_exceed_their_columns_and_full_is_exact(
        config in right_config(), columns in 0_usize..140, policy in policy(), glyphs in glyphs(),
        depth in prop::sample::select(&[Depth::Mono, Depth::Ansi256, Depth::True][..]),
        live: bool,
        samples in samples(),
    ) {
        let config = config_of(&config);
        prop_assert!(config.problems.is_empty(), "{:?}", config.problems);
        let caps = Caps { columns, policy, glyphs, depth, live, version: (3, 3), ..Caps::default() };
        let readings = Read(&config, samples);
        for slot in ["left", "right"] {
            for row in rows(&config, "x", slot, &readings, &caps) {
                prop_assert!(row.width(policy) <= columns, "{slot}: {row:?}");
            }
        }
        for row in rows(&config, "x", "full", &readings, &caps) {
            prop_assert_eq!(row.width(policy), columns, "{:?}", row);
            let plain = rows::encode(&[row], targets::find("plain").expect("there"), &caps);
            // What a host fills in is not drawn here, and what is joined across spans may shrink.
            if !live && policy != Policy::Unicode {
                prop_assert_eq!(width::width(&plain, policy), columns, "{:?}", plain);
            }
            for target in targets::ALL {
                rows::encode(&[Frame::default()], target, &caps);
            }
        }
        // What a daemon sends is printed by its clients.
        let columns = columns.max(1);
        let caps = Caps { columns, ..caps };
        for target in targets::ALL {
            let passes = |line: &str, text: &str| {
                let (line, target) = (line.into(), target.name.into());
                let columns = columns as u16;
                let request = LineRequest { line, target, columns, ..LineRequest::default() };
                is_line(&request, text.as_bytes())
            };
            for slot in ["left", "right", "full"] {
                for row in rows(&config, "x", slot, &readings, &caps) {
                    let text = rows::encode(&[row], target, &caps);
                    prop_assert!(passes("tmux", &text), "{}: {text:?}", target.name);
                }
            }
            if ["ansi", "bash", "fish", "zsh", "plain"].contains(&target.name) {
                let want = Want { line: "x", slot: rows::ALL, theme: "" };
                let prompt = rows::prompt(&config, want, &readings, &caps);
                let text = rows::encode_prompt(&prompt, target, &caps);
                prop_assert!(passes("prompt", &text), "{}: {text:?}", target.name);
            }
        }
    }

    #[test]
    fn no_target_lets_a_control_character_of_others_through(text in text(), columns in 1_usize..100) {
        let config = config_of("[line.x]\nleft = ['session']\n[segment.session]\nformat = '$name'\n");
        let sample = Sample::new(Level::Idle).with("name", Value::text(text));
        let readings = Read(&config, vec![("session", sample)]);
        let caps = Caps { columns, ..Caps::default() };
        let rows = rows(&config, "x", "left", &readings, &caps);
        for target in targets::ALL {
            let line = rows::encode(&rows, target, &caps);
            // What a host's own escapes are made of, and nothing else.
            let own = match target.name {
                "plain" | "dvtm" | "tmux" => "\n",
                "bash" => "\x1b\n\r\x01\x02",
                "screen" => "\n\x05",
                _ => "\x1b\n",
            };
            let escapes = |c: &char| own.contains(*c);
            prop_assert!(!line.chars().filter(|c| !escapes(c)).any(char::is_control), "{}: {line:?}", target.name);
        }
    }
}

/// A line as a client could ask for it: variables it may send, in their order.
#[allow(clippy::needless_update, reason = "a new field need not be named here")]
fn line_request() -> impl Strategy<Value = LineRequest> {
    let word = || "[a-z.\u{e9}漢 ]{0,9}";
    let path = || {
        prop::collection::vec(1_u8.., 0..40)
            .prop_map(|bytes| std::path::PathBuf::from(std::ffi::OsString::from_vec(bytes)))
    };
    let names = rainline_client::protocol::ENV;
    let bytes = prop::collection::vec(any::<u8>(), 0..40);
    let env = prop::collection::btree_map(0..names.len(), bytes, 0..5);
    let span = prop::option::of(any::<u32>());
    let numbers =
        (any::<u16>(), any::<(u16, u16)>(), any::<[u32; 3]>(), any::<Option<i32>>(), span);
    let words = (word(), word(), word(), word(), word(), word(), word(), word());
    let looks = (
        prop::option::of(prop::sample::select(Glyphs::NAMES)),
        prop::option::of(prop::sample::select(Depth::NAMES)),
        prop::option::of(prop::sample::select(Policy::NAMES)),
        prop::sample::select(Depth::NAMES),
    );
    let rest = (path(), path(), env, prop::collection::vec(any::<i32>(), 0..5));
    (numbers, words, looks, rest).prop_map(move |(numbers, words, looks, rest)| {
        let (columns, version, [pid, session, jobs], status, span) = numbers;
        let (line, slot, target, theme, keymap, pane, holds, channel) = words;
        let (glyphs, depth, width, terminal) = looks;
        let (config, cwd, env, pipestatus) = rest;
        LineRequest {
            env: env.into_iter().map(|(at, value)| (names[at].to_owned(), value)).collect(),
            config,
            line,
            slot,
            target,
            theme,
            glyphs: glyphs.map(|(_, glyphs)| glyphs),
            depth: depth.map(|(_, depth)| depth),
            width: width.map(|(_, width)| width),
            columns,
            version,
            terminal: terminal.1,
            cwd,
            pid,
            session,
            status,
            pipestatus,
            duration: span.map(|millis| Duration::from_millis(millis.into())),
            jobs,
            keymap,
            pane,
            holds,
            channel,
            ..LineRequest::default()
        }
    })
}

/// A request as a client could make it.
fn request() -> impl Strategy<Value = Request> {
    let word = || "[a-z.\u{e9}漢 ]{0,9}";
    let admins = [Admin::Ping, Admin::Status, Admin::Reload, Admin::Stop];
    let body = prop_oneof![
        line_request().prop_map(Body::Print),
        line_request().prop_map(Body::Stream),
        line_request().prop_map(Body::History),
        prop::sample::select(admins.to_vec()).prop_map(Body::Admin),
        (word(), word(), word(), word(), word()).prop_map(
            |(config, segment, value, level, hold)| {
                Body::Set(Set {
                    config: config.into(),
                    segment,
                    value,
                    level,
                    hold,
                    ..Set::default()
                })
            }
        ),
    ];
    (any::<u64>(), any::<u16>(), any::<bool>(), body).prop_map(|(nonce, deadline, last, body)| {
        let request = Request::new(body, Duration::from_millis(deadline.into()));
        Request { nonce, last, ..request }
    })
}

fn source(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.into(), text: text.into() }
}

fn config_of(text: &str) -> Config {
    config::build(&Gathered { files: vec![source("/config.toml", text)], ..Gathered::default() })
}

/// Lines that are, or nearly are, those of a config.
fn toml_like() -> impl Strategy<Value = String> {
    let tables = &[
        "[line.tmux]",
        "[line.terminal]",
        "[segment.cpu]",
        "[segment.session]",
        "[segment.a]",
        "[[segment]]",
        "[line]",
        "[",
        "[segment.cpu.x]",
        "[host.x]",
    ][..];
    let keys = &[
        "theme", "glyphs", "include", "left", "right", "format", "use", "style", "icon",
        "priority", "react", "warning", "interval", "every", "time", "limit", "text", "nosuch",
    ][..];
    let key = prop::sample::select(keys);
    let simple = &[
        "'rain'",
        "'mono'",
        "70",
        "-1",
        "1e400",
        "true",
        "[]",
        "['cpu', 'nosuch']",
        "[['cpu'], ['memory', 'a']]",
        "'$usage.pct()'",
        "'$usage.spark(w:3)'",
        "'bold fg:red'",
        "'fg:nosuch'",
        "{ a = 1 }",
        "[[[]]]",
        "''",
        "2020-01-01",
        "'unended",
        "['prefix']",
        "'%Q'",
        "99999999999",
        "'cpu'",
    ][..];
    let quoted = text().prop_map(|text| toml::Value::String(text).to_string());
    let value = prop_oneof![3 => prop::sample::select(simple).prop_map(str::to_owned), 1 => quoted];
    let line = prop_oneof![
        2 => prop::sample::select(tables).prop_map(str::to_owned),
        5 => (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
        1 => text(),
    ];
    prop::collection::vec(line, 0..10).prop_map(|lines| lines.join("\n"))
}

/// Lines that are, or nearly are, those of a theme.
fn theme_like() -> impl Strategy<Value = String> {
    let tables = &[
        "[palette]",
        "[style]",
        "[styles]",
        "[gradient]",
        "[gradients]",
        "[accent]",
        "[icons]",
        "[icons.cpu]",
        "[separators]",
        "[separators.unicode]",
        "[mode.prefix]",
        "[",
    ][..];
    let keys = &[
        "about",
        "inherits",
        "background",
        "line",
        "cpu",
        "load",
        "default",
        "part.free",
        "left-hard",
        "right-soft",
        "blue",
        "level.warning",
        "unicode",
        "nerd",
        "nosuch",
    ][..];
    let simple = &[
        "'rain'",
        "'mine'",
        "'#fff'",
        "'#12345'",
        "'blue'",
        "'bold fg:blue bg:#000000'",
        "['#000000', '#ffffff']",
        "[]",
        "['blue']",
        "'fg:gradient(load)'",
        "1",
        "{}",
        "'▶'",
        "'漢'",
        "'dark'",
        "''",
        "'fg:level'",
    ][..];
    let quoted = text().prop_map(|text| toml::Value::String(text).to_string());
    let value = prop_oneof![3 => prop::sample::select(simple).prop_map(str::to_owned), 1 => quoted];
    let line = prop_oneof![
        2 => prop::sample::select(tables).prop_map(str::to_owned),
        5 => (prop::sample::select(keys), value).prop_map(|(key, value)| format!("{key} = {value}")),
        1 => text(),
    ];
    prop::collection::vec(line, 0..10).prop_map(|lines| lines.join("\n"))
}

/// A config without a fault whose line `x` has any segments in any order, styles and themes.
fn right_config() -> impl Strategy<Value = String> {
    let names: Vec<&'static str> = ALL.iter().map(|kind| kind.name).collect();
    let side = || prop::collection::vec(prop::sample::select(names.clone()), 0..6);
    let theme = prop::sample::select(&["rain", "rain-light", "mono"][..]);
    let style = prop::sample::select(&["", "bg:red", "bold fg:level", "bg:#102030", "reverse"][..]);
    (side(), side(), theme, style, prop::sample::subsequence(names.clone(), 0..names.len()))
        .prop_map(|(left, right, theme, style, styled)| {
            let mut text =
                format!("theme = '{theme}'\n[line.x]\nleft = {left:?}\nright = {right:?}\n");
            for name in styled {
                text += &format!("[segment.{name}]\nstyle = '{style}'\nreact = ['prefix']\n");
            }
            text
        })
}

/// A sample of every kind.
fn samples() -> impl Strategy<Value = Vec<(&'static str, Sample)>> {
    ALL.iter()
        .map(|kind| sample(kind).prop_map(move |sample| (kind.name, sample)))
        .collect::<Vec<_>>()
}

fn rows(
    config: &Config,
    line: &str,
    slot: &str,
    readings: &dyn Readings,
    caps: &Caps,
) -> Vec<Frame> {
    rows::rows(config, Want { line, slot, theme: "" }, readings, caps)
}

/// Nothing was read yet.
struct Unread;

impl Readings for Unread {
    fn reading(&self, _: u16) -> Reading<'_> {
        Reading { sample: None, age: Age::Waiting, rings: &[] }
    }
    fn trouble(&self) -> bool {
        true
    }
}

/// A sample for each instance that has the name of its kind.
struct Read<'a>(&'a Config, Vec<(&'static str, Sample)>);

impl Readings for Read<'_> {
    fn reading(&self, instance: u16) -> Reading<'_> {
        let name = self.0.instances[usize::from(instance)].kind.name;
        let sample = self.1.iter().find(|(known, _)| *known == name).map(|(_, sample)| sample);
        Reading { sample, age: Age::Fresh, rings: &[] }
    }
    fn trouble(&self) -> bool {
        false
    }
}

/// Themes are only read by name; this one is not there.
#[test]
fn a_theme_of_no_name_is_none() {
    assert!(Theme::built_in("no such theme").is_none());
}
