//! `battery`: the charge with a small graph, for a shell's prompt or tmux.

use std::path::{Path, PathBuf};

use lexopt::Arg;
use rainline_client::sys;
use rainline_segments::Machine;

use super::base::options::{getopt, value};
use super::base::peer::{Call, Deviation, Peer, Printed};
use super::base::power::{SUPPLIES, number, power};
use super::spark;

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

struct Options {
    format: Format,
    /// Of a good, a middling and a low charge.
    colours: [String; 3],
    ascii: bool,
    emoji: bool,
    /// The battery's own directory.
    dir: Option<PathBuf>,
}

impl Options {
    /// A format, with its own colours.
    fn set(&mut self, format: Format, colours: [&str; 3]) {
        self.format = format;
        self.colours = colours.map(str::to_owned);
    }
}

struct Battery {
    percent: u64,
    connected: bool,
}

fn run(call: &mut Call) -> Printed {
    if call.words.first().is_some_and(|word| ["-h", "--help", "-?"].contains(&&**word)) {
        return Printed::text(HELP);
    }
    let mut err = String::new();
    let options = match parse(call, &mut err) {
        Ok(options) => options,
        Err(out) => return Printed::wrong(out, err),
    };
    let machine = call.machine;
    let found = match &options.dir {
        // The caller's own, where the machine is a fixture that has none of this name.
        Some(dir) if !is_dir(machine, dir) => read(&Machine::real(), dir),
        Some(dir) => read(machine, dir),
        None if machine.batteries().is_ok_and(|all| all.len() > 1) => together(machine),
        None => read(machine, &default_dir()).or_else(|| together(machine)),
    };
    let out = found.map(|battery| line(&options, &battery)).unwrap_or_default();
    Printed { out, err, code: 0 }
}

/// By the rules of the shell's `getopts`: the first word that is no option ends them. `Err`: what is
/// printed instead.
fn parse(call: &Call, err: &mut String) -> Result<Options, String> {
    let mut options = Options {
        format: Format::Plain,
        colours: ["1;32", "1;33", "0;31"].map(str::to_owned),
        ascii: false,
        emoji: true,
        dir: None,
    };
    let mut parser = getopt(call.words);
    while let Ok(Some(word @ (Arg::Short(_) | Arg::Long(_)))) = parser.next() {
        let letter = if let Arg::Short(letter) = word { letter } else { '-' };
        let mut value =
            || value(&mut parser).ok_or_else(|| format!("Option -{letter} requires an argument\n"));
        match letter {
            't' => options.set(Format::Tmux, ["green", "yellow", "red"]),
            'z' => options.set(Format::Zsh, ["64", "136", "160"]),
            'e' => options.emoji = false,
            'a' => options.ascii = true,
            'p' => {}
            'g' => options.colours[0] = value()?,
            'm' => options.colours[1] = value()?,
            'w' => options.colours[2] = value()?,
            'b' => {
                let dir = PathBuf::from(value()?);
                let found = is_dir(call.machine, &dir) || is_dir(&Machine::real(), &dir);
                if !found {
                    err.push_str("Battery not found, trying to use default path...\n");
                    if !is_dir(call.machine, &default_dir()) {
                        err.push_str("Default battery path is also unreachable\n");
                        return Err(String::new());
                    }
                }
                options.dir = Some(dir).filter(|_| found);
            }
            other => return Err(format!("Invalid option: -{other}\n")),
        }
    }
    Ok(options)
}

fn default_dir() -> PathBuf {
    Path::new(SUPPLIES).join("BAT0")
}

fn is_dir(machine: &Machine, dir: &Path) -> bool {
    machine.list(dir).is_ok()
}

fn read(machine: &Machine, dir: &Path) -> Option<Battery> {
    let number = |name: &str| number(machine, dir.join(name));
    let pair = |now, full| Some((number(now)?, number(full).filter(|full| *full > 0.0)?));
    let (now, full) =
        pair("charge_now", "charge_full").or_else(|| pair("energy_now", "energy_full"))?;
    let percent = ((100.0 * now / full) as u64).min(100);
    let connected = machine.word(dir.join("status")).is_none_or(|word| word != "Discharging");
    Some(Battery { percent, connected })
}

fn together(machine: &Machine) -> Option<Battery> {
    let power = power(machine)?;
    Some(Battery { percent: power.percent(), connected: !power.discharging })
}

fn line(options: &Options, battery: &Battery) -> String {
    let percent = battery.percent;
    let graph = match () {
        () if options.ascii => bar(percent),
        () if battery.connected && options.emoji => "⚡".to_owned(),
        () if !has_spark() => bar(percent),
        () => {
            let bars = spark::chart(&format!("0 {percent} 100"));
            bars.chars().nth(1).unwrap_or(' ').to_string()
        }
    };
    let colour = &options.colours[match percent {
        75.. => 0,
        25.. => 1,
        _ => 2,
    }];
    match options.format {
        Format::Plain => format!("\x1b[0;{colour}m[{percent}%] {graph} \x1b[m\n"),
        Format::Tmux => format!("#[fg={colour}][{percent}%] {graph}#[default]"),
        Format::Zsh => format!("%B%F{{{colour}}}[{percent}%%] {graph}"),
    }
}

/// `[=====     ]`, at least one of ten.
fn bar(percent: u64) -> String {
    let filled = (percent / 10 + 1).min(10) as usize;
    format!("[{:<10}]", "=".repeat(filled))
}

/// Whether there is a `spark`: the peer draws with it, and without one with plain characters.
fn has_spark() -> bool {
    sys::find_program("spark").is_some()
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
