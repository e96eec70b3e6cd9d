//! `battery`: the charge with a small graph, for a shell's prompt or tmux.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::base::power::{self, SUPPLIES, number, power, word};
use super::{Call, Deviation, Peer, Printed, spark};

pub(super) static PEER: Peer = Peer {
    name: "battery",
    about: "the charge with a small graph, for a prompt or tmux",
    link: true,
    deviations: &[
        Deviation {
            case: "Ubuntu, Arch, openSUSE",
            peer: "always `⚡`: it compares an energy with `Discharging`",
            ours: "`⚡` while it does not discharge",
        },
        Deviation {
            case: "a battery that counts in energy only",
            peer: "a syntax error",
            ours: "its charge",
        },
        Deviation { case: "no battery", peer: "`[%] ⚡` and errors", ours: "nothing" },
        Deviation {
            case: "several batteries",
            peer: "the first",
            ours: "all, weighed by what they hold",
        },
        Deviation { case: "`LC_ALL=C`", peer: "half a character", ours: "the whole one" },
        Deviation {
            case: "more than 100 %, or a full charge of 0",
            peer: "more than 100 %, a division by zero",
            ours: "100 %, nothing",
        },
    ],
    run,
};

const HELP: &str = "\
Usage: battery [OPTION]...
The charge of the battery with a small graph.

  -t         for tmux
  -z         for zsh
  -e         no sign for the charger
  -a         a bar of plain characters
  -b DIR     the battery's own directory
  -p         ask pmset (macOS)
  -g COLOUR  colour of a good charge, after -t or -z
  -m COLOUR  of a middling one
  -w COLOUR  of a low one
";

#[derive(Clone, Copy, PartialEq)]
enum Format {
    Plain,
    Tmux,
    Zsh,
}

struct Battery {
    percent: u64,
    connected: bool,
}

fn run(call: &mut Call) -> Printed {
    let words = call.words();
    if matches!(words.first().map(String::as_str), Some("-h" | "--help" | "-?")) {
        return Printed { out: HELP.into(), ..Printed::default() };
    }
    let mut format = Format::Plain;
    let mut colours = ["1;32", "1;33", "0;31"].map(str::to_owned);
    let (mut ascii, mut emoji) = (false, true);
    let mut named: Option<PathBuf> = None;
    let mut err = String::new();
    let usual = Path::new(SUPPLIES).join("BAT0");
    let mut at = 0;
    while let Some(word) = words.get(at).filter(|word| word.len() > 1 && word.starts_with('-')) {
        at += 1;
        if word == "--" {
            break;
        }
        let mut letters = word[1..].chars();
        while let Some(letter) = letters.next() {
            let mut value = String::new();
            if "gmwb".contains(letter) {
                value = letters.as_str().to_owned();
                letters = "".chars();
                if value.is_empty() {
                    let Some(next) = words.get(at) else {
                        let out = format!("Option -{letter} requires an argument\n");
                        return Printed::wrong(out, err);
                    };
                    value = next.clone();
                    at += 1;
                }
            }
            match letter {
                't' => {
                    (format, colours) =
                        (Format::Tmux, ["green", "yellow", "red"].map(str::to_owned));
                }
                'z' => (format, colours) = (Format::Zsh, ["64", "136", "160"].map(str::to_owned)),
                'e' => emoji = false,
                'a' => ascii = true,
                'p' => {}
                'g' => colours[0] = value,
                'm' => colours[1] = value,
                'w' => colours[2] = value,
                'b' => {
                    let dir = PathBuf::from(value);
                    if call.host.list(&dir).is_ok() {
                        named = Some(dir);
                        continue;
                    }
                    err.push_str("Battery not found, trying to use default path...\n");
                    if call.host.list(&usual).is_err() {
                        err.push_str("Default battery path is also unreachable\n");
                        return Printed::wrong("", err);
                    }
                    named = None;
                }
                other => return Printed::wrong(format!("Invalid option: -{other}\n"), err),
            }
        }
    }
    let found = match named {
        Some(dir) => read(call, &dir),
        None if call.host.batteries().is_ok_and(|all| all.len() > 1) => together(call),
        None => read(call, &usual).or_else(|| together(call)),
    };
    let Some(battery) = found else { return Printed { err, ..Printed::default() } };
    let graph = match () {
        () if ascii => bar(battery.percent),
        () if battery.connected && emoji => "⚡".to_owned(),
        () if !has_spark(call) => bar(battery.percent),
        () => {
            let bars = spark::chart(&format!("0 {} 100", battery.percent));
            bars.chars().nth(1).unwrap_or(' ').to_string()
        }
    };
    let colour = &colours[match battery.percent {
        75.. => 0,
        25.. => 1,
        _ => 2,
    }];
    let percent = battery.percent;
    let out = match format {
        Format::Plain => format!("\x1b[0;{colour}m[{percent}%] {graph} \x1b[m\n"),
        Format::Tmux => format!("#[fg={colour}][{percent}%] {graph}#[default]"),
        Format::Zsh => format!("%B%F{{{colour}}}[{percent}%%] {graph}"),
    };
    Printed { out, err, code: 0 }
}

fn read(call: &Call, dir: &Path) -> Option<Battery> {
    let number = |name: &str| number(call.host, dir.join(name));
    let pair = |now, full| Some((number(now)?, number(full).filter(|full| *full > 0.0)?));
    let (now, full) =
        pair("charge_now", "charge_full").or_else(|| pair("energy_now", "energy_full"))?;
    let percent = ((100.0 * now / full) as u64).min(100);
    let connected = word(call.host, dir.join("status")).is_none_or(|word| word != "Discharging");
    Some(Battery { percent, connected })
}

fn together(call: &Call) -> Option<Battery> {
    let power::Power { share, discharging, .. } = power(call.host)?;
    Some(Battery { percent: (100.0 * share + 1e-9) as u64, connected: !discharging })
}

/// `[=====     ]`, at least one of ten.
fn bar(percent: u64) -> String {
    let filled = (percent / 10 + 1).min(10) as usize;
    format!("[{:<10}]", "=".repeat(filled))
}

/// Whether there is a `spark` to draw with: without one the peer's graph is of plain characters.
fn has_spark(call: &Call) -> bool {
    let paths = call.variable("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|dir| {
        let file = std::fs::metadata(dir.join("spark"));
        file.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_bar_is_never_empty_and_full_from_ninety() {
        assert_eq!(bar(0), "[=         ]");
        assert_eq!([bar(50), bar(89)], ["[======    ]", "[========= ]"]);
        assert_eq!([bar(90), bar(100)], ["[==========]", "[==========]"]);
    }
}
