//! The text form of a request: the words of `print`, `stream` and `set`.
//!
//! A client has them as arguments, and a shell's channel carries the same words, so both are read
//! here. Each option is declared once, in [`LINE`] or [`SET`]: help, completions and the manual are
//! made from these tables by the command line. Read without clap, which costs more than all the
//! rest of a print.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use rainline_caps::{Depth, Glyphs, Policy, hosts, parse_version};
use rustix::fs::OFlags;

use crate::environment::{Environment, MOST_COLUMNS};
use crate::protocol::{Body, LineRequest, Request, Set, next_nonce};
use crate::sys;

/// How long a script that sets a value waits for the daemon.
const SET_DEADLINE: Duration = Duration::from_secs(2);

/// The words of a command: those that stand by themselves, and options.
pub struct Syntax<D: 'static> {
    /// The words without an option's name, in order.
    pub words: &'static [Word],
    /// The options.
    pub options: &'static [Opt<D>],
    take: fn(&mut D, usize, &str) -> Result<(), String>,
    /// Takes a dash that stands for a word: what standard input says. `None`: there is no such word.
    take_input: Option<fn(&mut D, usize)>,
}

/// A word that stands by itself.
pub struct Word {
    /// What it is, in help.
    pub name: &'static str,
    /// A sentence for help.
    pub help: &'static str,
    /// What it is if it is left out; `None`: it must be there.
    pub usual: Option<&'static str>,
    /// Whether it may come several times.
    pub repeated: bool,
}

/// `--name VALUE`, or `--name` alone.
pub struct Opt<D> {
    /// Its name, without dashes.
    pub name: &'static str,
    /// What its value is, in help; empty: it has none.
    pub value: &'static str,
    /// A sentence for help.
    pub help: &'static str,
    /// The values it may have; none: any that [`check`](Opt::check) takes.
    pub choices: fn() -> Vec<&'static str>,
    /// For programs only: not in help.
    pub is_hidden: bool,
    set: fn(&mut D, &OsStr) -> Result<(), String>,
}

impl<D: Default> Opt<D> {
    /// Why a value is not taken.
    pub fn check(&self, value: &OsStr) -> Result<(), String> {
        (self.set)(&mut D::default(), value)
    }
}

const fn opt<D>(
    name: &'static str,
    value: &'static str,
    help: &'static str,
    set: fn(&mut D, &OsStr) -> Result<(), String>,
) -> Opt<D> {
    Opt { name, value, help, choices: Vec::new, is_hidden: false, set }
}

/// `print` and `stream`.
pub static LINE: Syntax<LineWords> = Syntax {
    words: &[
        Word {
            name: "LINE",
            help: "A line of the config: `tmux`, `prompt`, `terminal` …",
            usual: None,
            repeated: false,
        },
        Word {
            name: "SLOT",
            help: "A slot of the line: `left`, `right` …; `full` for both in one row; `all` for a \
                   shell: the right side, the continuation and the prompt's rows, a line each",
            usual: Some("full"),
            repeated: false,
        },
    ],
    options: &[
        opt("columns", "CELLS", "Cells that there are for the slot", |line, text| {
            line.columns = Some(number::<u16>(text)?.clamp(1, MOST_COLUMNS));
            Ok(())
        }),
        opt(
            "client-columns",
            "CELLS",
            "Cells that the host has for its whole line; the slot takes its share",
            |line, text| {
                line.client_columns = Some(number(text)?);
                Ok(())
            },
        ),
        opt(
            "share",
            "PERCENT",
            "That share; without it 25 at the left, 65 at the right",
            |line, text| {
                line.share = Some(number::<u16>(text)?.clamp(1, 100));
                Ok(())
            },
        ),
        opt(
            "target",
            "TARGET",
            "The escape language; without it that of the line",
            |line, text| words(text).map(|text| line.request.target = text),
        ),
        opt("theme", "THEME", "Another theme than the config's", |line, text| {
            words(text).map(|text| line.request.theme = text)
        }),
        Opt {
            choices: || names(Glyphs::NAMES),
            ..opt("glyphs", "GLYPHS", "Which glyphs may be used", |line, text| {
                choice(text, Glyphs::NAMES).map(|glyphs| line.request.glyphs = Some(glyphs))
            })
        },
        Opt {
            choices: || names(Depth::NAMES),
            ..opt("depth", "DEPTH", "How many colours there are", |line, text| {
                choice(text, Depth::NAMES).map(|depth| line.request.depth = Some(depth))
            })
        },
        Opt {
            choices: || names(Policy::NAMES),
            ..opt("width", "POLICY", "How the host counts cells", |line, text| {
                choice(text, Policy::NAMES).map(|policy| line.request.width = Some(policy))
            })
        },
        opt("config", "FILE", "A config file", |line, text| {
            line.config = Some(text.to_owned());
            Ok(())
        }),
        opt("host-version", "VERSION", "The host's version", |line, text| {
            let version = parse_version(&words(text)?).ok_or("not a version, such as 3.3a")?;
            line.request.version = version;
            Ok(())
        }),
        opt("pane", "PANE", "The pane that asks, as the host names it", |line, text| {
            words(text).map(|text| line.request.pane = text)
        }),
        opt("status", "CODE", "The last command's exit code", |line, text| {
            line.request.status = Some(number::<u32>(text)? as i32);
            Ok(())
        }),
        opt("pipestatus", "CODES", "The exit codes of the last pipeline", |line, text| {
            let codes = words(text)?;
            let codes = codes.split_whitespace().map(str::parse);
            let codes = codes.collect::<Result<_, _>>();
            line.request.pipestatus = codes.map_err(|_| "not exit codes with spaces between")?;
            Ok(())
        }),
        opt("duration", "MILLISECONDS", "How long the last command took", |line, text| {
            line.request.duration = Some(Duration::from_millis(number::<u32>(text)?.into()));
            Ok(())
        }),
        opt("jobs", "COUNT", "Background jobs", |line, text| {
            line.request.jobs = number(text)?;
            Ok(())
        }),
        opt("keymap", "KEYMAP", "The keymap of the line editor", |line, text| {
            words(text).map(|text| line.request.keymap = text)
        }),
        opt(
            "holds",
            "STATES",
            "States that hold now, where the host cannot tell: `prefix`, `zoomed`, `pane=%3`",
            |line, text| words(text).map(|text| line.request.holds = text),
        ),
        Opt {
            is_hidden: true,
            ..opt(
                "channel",
                "SHELL",
                "A shell that would ask without a process from now on: its number and when it \
                 started",
                |line, text| words(text).map(|text| line.request.channel = text),
            )
        },
        opt("deadline", "MILLISECONDS", "How long to wait at the most", |line, text| {
            line.deadline = Some(Duration::from_millis(number::<u16>(text)?.max(1).into()));
            Ok(())
        }),
    ],
    take: |line, at, text| {
        match at {
            0 => line.request.line = text.to_owned(),
            1 => line.request.slot = text.to_owned(),
            _ => return Err(format!("\"{text}\" is one word too many")),
        }
        Ok(())
    },
    take_input: None,
};

/// `set`.
pub static SET: Syntax<SetWords> = Syntax {
    words: &[
        Word {
            name: "NAME",
            help: "The segment, as the config calls it",
            usual: None,
            repeated: false,
        },
        Word {
            name: "VALUE",
            help: "What it shows; -: what standard input says",
            usual: None,
            repeated: true,
        },
    ],
    options: &[
        opt(
            "level",
            "LEVEL",
            "How much it asks for attention: idle, good, info, warning, critical",
            |value, text| words(text).map(|text| value.set.level = text),
        ),
        opt("for", "TIME", "How long it is good for: 90s, 10m, 2h", |value, text| {
            words(text).map(|text| value.set.hold = text)
        }),
        opt("json", "", "The value is a JSON object: fields, `text`, `level`", |value, _| {
            value.set.json = true;
            Ok(())
        }),
        opt("config", "FILE", "The config that has the segment", |value, text| {
            value.config = Some(text.to_owned());
            Ok(())
        }),
    ],
    take: |value, at, text| {
        match at {
            0 => value.set.segment = text.to_owned(),
            1 => value.set.value = text.to_owned(),
            _ => value.set.value = format!("{}\n{text}", value.set.value),
        }
        value.words = at + 1;
        Ok(())
    },
    take_input: Some(|value, at| {
        value.input = Some(at);
        value.words = at + 1;
    }),
};

/// A line as far as its words say it.
#[derive(Default)]
pub struct LineWords {
    request: LineRequest,
    config: Option<OsString>,
    columns: Option<u16>,
    client_columns: Option<u16>,
    share: Option<u16>,
    deadline: Option<Duration>,
}

/// A value as far as its words say it.
#[derive(Default)]
pub struct SetWords {
    set: Set,
    config: Option<OsString>,
    words: usize,
    /// The place of the word that standard input says.
    input: Option<usize>,
}

/// The request of a `print` or `stream` with these words (the verb first), and with this process as
/// the asker. `Err`: what is wrong with them.
pub fn line<'a>(
    words: impl Iterator<Item = &'a OsStr>,
    env: &Environment,
) -> Result<Request, String> {
    let mut request = line_of(words, env)?;
    if let Body::Print(line) | Body::Stream(line) = &mut request.body {
        // The system call alone: libc's own looks for a directory that was unmounted.
        let cwd = rustix::process::getcwd(Vec::new()).unwrap_or_default();
        let cwd = PathBuf::from(OsString::from_vec(cwd.into_bytes()));
        line.cwd = if cwd.is_absolute() { cwd } else { PathBuf::new() };
        // Our pid is gone by the time it is looked at, so the parent's is sent.
        line.pid = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get() as u32);
        line.session = sys::session(0);
    }
    request.nonce = next_nonce();
    Ok(request)
}

/// The same without an asker: its directory, process and session are not known here.
pub fn line_of<'a>(
    mut words: impl Iterator<Item = &'a OsStr>,
    env: &Environment,
) -> Result<Request, String> {
    let verb: fn(LineRequest) -> Body = match words.next().map(OsStr::as_bytes) {
        Some(b"print") => Body::Print,
        Some(b"stream") => Body::Stream,
        _ => return Err("neither `print` nor `stream`".into()),
    };
    let LineWords { mut request, config, columns, client_columns, share, deadline } =
        LINE.read(words)?;
    if request.line.is_empty() {
        return Err("no line is named".into());
    }
    let host = hosts::of_line(&request.line).map(|host| host.name);
    let client_columns = client_columns.or_else(|| (host == Some("screen")).then(screen_columns));
    request.columns = match (columns, client_columns) {
        (Some(columns), _) => columns,
        (None, Some(columns)) => slot_columns(&request.slot, share, columns),
        (None, None) => env.columns(),
    };
    if request.target.is_empty() {
        request.target = hosts::target(&request.line).to_owned();
    }
    if env.is_colourless() {
        request.depth.get_or_insert(Depth::Mono);
    }
    request.terminal = env.depth();
    if !env.is_utf8() {
        request.glyphs.get_or_insert(Glyphs::Ascii);
    }
    if request.pane.is_empty() {
        request.pane = env.text("TMUX_PANE").unwrap_or_default().to_owned();
    }
    request.config = env.config(config.as_deref());
    request.env = env.travelling();
    let usual = Duration::from_millis(hosts::deadline(&request.line).into());
    Ok(Request::new(verb(request), deadline.unwrap_or(usual)))
}

/// The request of a `set` with these words (the verb left out), and whether standard input says its
/// value. `Err`: what is wrong with them.
pub fn set<'a>(
    words: impl Iterator<Item = &'a OsStr>,
    env: &Environment,
) -> Result<(Request, bool), String> {
    let SetWords { mut set, config, words, input } = SET.read(words)?;
    match input {
        None if words < 2 => return Err("no value is given".into()),
        Some(at) if (at, words) != (1, 2) => {
            return Err("- stands for the whole value: rainline set NAME -".into());
        }
        _ => {}
    }
    set.config = env.config(config.as_deref());
    Ok((Request::new(Body::Set(set), SET_DEADLINE), input.is_some()))
}

impl<D: Default> Syntax<D> {
    fn read<'a>(&self, mut words: impl Iterator<Item = &'a OsStr>) -> Result<D, String> {
        let mut draft = D::default();
        let mut count = 0;
        let mut only_words = false;
        while let Some(word) = words.next() {
            let bytes = word.as_bytes();
            if only_words || !is_option(bytes) {
                let text = word.to_str().ok_or("a word is not UTF-8")?;
                (self.take)(&mut draft, count, text)?;
                count += 1;
            } else if let Some(take) = self.take_input.filter(|_| bytes == b"-") {
                take(&mut draft, count);
                count += 1;
            } else if bytes == b"--" {
                only_words = true;
            } else {
                let cut = bytes.iter().position(|byte| *byte == b'=');
                let name = &bytes[..cut.unwrap_or(bytes.len())];
                let known = |option: &&Opt<D>| {
                    name.strip_prefix(b"--").is_some_and(|name| name == option.name.as_bytes())
                };
                let shown = String::from_utf8_lossy(name);
                let option = self.options.iter().find(known);
                let option = option.ok_or_else(|| format!("there is no option {shown}"))?;
                let value = match cut {
                    Some(_) if option.value.is_empty() => {
                        return Err(format!("{shown} has no value"));
                    }
                    Some(cut) => OsStr::from_bytes(&bytes[cut + 1..]),
                    None if option.value.is_empty() => OsStr::new(""),
                    None => words.next().ok_or_else(|| format!("{shown} needs a value"))?,
                };
                (option.set)(&mut draft, value)
                    .map_err(|why| format!("{shown}: {:?} is {why}", value.to_string_lossy()))?;
            }
        }
        Ok(draft)
    }
}

/// A dash, unless a number follows.
fn is_option(word: &[u8]) -> bool {
    word.starts_with(b"-")
        && !word.get(1).is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.')
}

fn words(text: &OsStr) -> Result<String, String> {
    text.to_str().map(str::to_owned).ok_or_else(|| "not UTF-8".into())
}

fn number<T: std::str::FromStr>(text: &OsStr) -> Result<T, String> {
    let digits = text.to_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("not a number up to {}", (1_u64 << (8 * size_of::<T>())) - 1))
}

fn choice<T: Copy>(text: &OsStr, names: &[(&str, T)]) -> Result<T, String> {
    let found = names.iter().find(|(name, _)| text == *name);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = names.iter().map(|(name, _)| *name).collect();
        format!("none of {}", names.join(", "))
    })
}

fn names<T>(names: &[(&'static str, T)]) -> Vec<&'static str> {
    names.iter().map(|(name, _)| *name).collect()
}

/// What a slot may take of its host's whole line, in cells: so many percent, or what leaves room
/// for the windows between. Of 80 columns the right side gets the 52 that cpu, battery and clock
/// need.
pub(crate) fn slot_columns(slot: &str, percent: Option<u16>, columns: u16) -> u16 {
    let percent = percent.unwrap_or(match slot {
        "left" => 25,
        "right" => 65,
        _ => 100,
    });
    ((u32::from(columns) * u32::from(percent) / 100) as u16).clamp(1, MOST_COLUMNS)
}

/// The columns of the terminal that shows the screen above us, of the narrowest if there are more.
/// A backtick command has no terminal and no variable about one, but its parent is screen itself,
/// which keeps the terminals open. 80 where that cannot be seen, and while screen is detached.
pub(crate) fn screen_columns() -> u16 {
    let parent = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get() as u32);
    let open = std::fs::read_dir(format!("/proc/{parent}/fd"));
    let columns = |entry: std::fs::DirEntry| {
        let path = sys::terminal(parent, entry.file_name().to_str()?)?;
        sys::columns(sys::open_terminal(&path, OFlags::RDONLY)?)
    };
    open.into_iter().flatten().flatten().filter_map(columns).min().unwrap_or(80)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn environment() -> Environment {
        Environment::of_words([&b"HOME=/h"[..], b"LANG=C.UTF-8", b"TERM=dumb"].into_iter())
    }

    fn read(text: &str) -> Result<Request, String> {
        line_of(text.split_whitespace().map(OsStr::new), &environment())
    }

    fn print(text: &str) -> LineRequest {
        match read(text) {
            Ok(Request { body: Body::Print(line), .. }) => line,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn words_and_options_make_a_request() {
        let text = "print tmux right --columns 120 --target=plain --host-version 3.3a --status 0";
        let line = print(text);
        assert_eq!((&*line.line, &*line.slot, &*line.target), ("tmux", "right", "plain"));
        assert_eq!((line.columns, line.version, line.status), (120, (3, 3), Some(0)));
        assert_eq!((line.terminal, line.depth, line.glyphs), (Depth::Mono, None, None));
        let line = print("print prompt --pipestatus= --duration 5 --depth 256");
        assert_eq!((line.pipestatus, line.depth), (Vec::new(), Some(Depth::Ansi256)));
        assert_eq!((line.duration, &*line.slot), (Some(Duration::from_millis(5)), "full"));
        assert_eq!(line.config, PathBuf::from("/h/.config/rainline/config.toml"));
    }

    #[test]
    fn a_line_knows_its_target_and_how_long_it_can_wait() {
        assert_eq!(print("print tmux.windows").target, "tmux");
        let deadline = |text| read(text).map(|request| request.deadline.as_millis());
        assert_eq!(deadline("print prompt"), Ok(30));
        assert_eq!(deadline("print screen"), Ok(50));
        assert_eq!(deadline("stream tmux"), Ok(200));
        assert_eq!(deadline("stream tmux --deadline 7"), Ok(7));
    }

    #[test]
    fn a_wrong_value_is_said_with_its_option() {
        for (text, why) in [
            ("print", "no line is named"),
            ("print tmux right x", "\"x\" is one word too many"),
            ("print tmux --help", "there is no option --help"),
            ("print tmux --columns", "--columns needs a value"),
            ("print tmux --columns x", "--columns: \"x\" is not a number up to 65535"),
            ("print tmux --status=-1", "--status: \"-1\" is not a number up to 4294967295"),
            (
                "print tmux --host-version abc",
                "--host-version: \"abc\" is not a version, such as 3.3a",
            ),
            (
                "print tmux --pipestatus x",
                "--pipestatus: \"x\" is not exit codes with spaces between",
            ),
            ("print tmux --depth blue", "--depth: \"blue\" is none of mono, 16, 256, true"),
            ("doctor", "neither `print` nor `stream`"),
        ] {
            assert_eq!(read(text).unwrap_err(), why, "{text}");
        }
    }

    #[test]
    fn a_slot_takes_its_share_of_the_clients_columns() {
        assert_eq!(print("print tmux right --client-columns 80").columns, 52);
        assert_eq!(print("print tmux left --client-columns 80 --share 50").columns, 40);
        assert_eq!(print("print tmux left --client-columns 1").columns, 1);
        assert_eq!(print("print tmux --client-columns 9999 --columns 9999").columns, MOST_COLUMNS);
    }

    #[test]
    fn a_value_is_a_name_words_and_options() {
        let read = |text: &str| -> Result<Set, String> {
            match set(text.split(' ').map(OsStr::new), &environment())?.0.body {
                Body::Set(set) => Ok(set),
                other => panic!("{other:?}"),
            }
        };
        let ci = read("ci passed=3 failed=0 --level=good --for 10m").expect("known");
        assert_eq!((&*ci.segment, &*ci.value), ("ci", "passed=3\nfailed=0"));
        assert_eq!((&*ci.level, &*ci.hold), ("good", "10m"));
        assert_eq!(ci.config, PathBuf::from("/h/.config/rainline/config.toml"));
        assert_eq!(read("outside -4").expect("a number").value, "-4");
        assert_eq!(read("ci -- --help").expect("a text").value, "--help");
        for text in ["ci", "ci --help", "ci x --lasts 3", "ci x --level"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
