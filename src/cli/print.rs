//! `rainline print`

use clap::builder::PossibleValuesParser;

use crate::error::Error;
use rainline_caps::Depth;
use rainline_caps::Glyphs;
use rainline_caps::Policy;
use rainline_render::targets;

/// Print one line now.
///
/// Never waits long and never fails: without a daemon it draws what it can by itself.
#[derive(clap::Args)]
#[command(after_help = "Example: rainline print tmux right --columns 80")]
pub struct Args {
    #[command(flatten)]
    line: LineArgs,
}

/// Which line, and what the place that shows it is like. The fast path reads the same words; here
/// they are for help, completions and the messages about what it does not understand.
#[derive(clap::Args)]
pub struct LineArgs {
    /// A line of the config: `tmux`, `prompt`, `terminal` …
    line: String,
    /// A slot of the line: `left`, `right` …; `full` for both in one row; `all` for a shell: the
    /// right side, the continuation and the prompt's rows, a line each.
    #[arg(default_value = "full")]
    slot: String,
    /// Cells that there are for the slot.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    columns: Option<u16>,
    /// Cells that the host has for its whole line; the slot takes its share.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    client_columns: Option<u16>,
    /// That share, in percent; without it 25 at the left, 65 at the right.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=100))]
    share: Option<u16>,
    /// The escape language; without it that of the line.
    #[arg(long, value_parser = PossibleValuesParser::new(targets::ALL.iter().map(|t| t.name)))]
    target: Option<String>,
    /// Another theme than the config's.
    #[arg(long)]
    theme: Option<String>,
    /// Which glyphs may be used.
    #[arg(long, value_parser = PossibleValuesParser::new(Glyphs::NAMES.iter().map(|(n, _)| *n)))]
    glyphs: Option<String>,
    /// How many colours there are.
    #[arg(long, value_parser = PossibleValuesParser::new(Depth::NAMES.iter().map(|(n, _)| *n)))]
    depth: Option<String>,
    /// How the place counts cells.
    #[arg(long, value_parser = PossibleValuesParser::new(Policy::NAMES.iter().map(|(n, _)| *n)))]
    width: Option<String>,
    /// A config file.
    #[arg(long)]
    config: Option<std::path::PathBuf>,
    /// The host's version.
    #[arg(long)]
    host_version: Option<String>,
    /// The pane that asks, as the host names it.
    #[arg(long)]
    pane: Option<String>,
    /// Exit status of the last command.
    #[arg(long)]
    status: Option<u32>,
    /// Exit status of each command of the last pipe.
    #[arg(long)]
    pipestatus: Option<String>,
    /// Milliseconds that the last command took.
    #[arg(long)]
    duration: Option<u32>,
    /// Background jobs.
    #[arg(long)]
    jobs: Option<u32>,
    /// The keymap of the line editor.
    #[arg(long)]
    keymap: Option<String>,
    /// States that hold now, where the host cannot pick live: `prefix`, `zoomed`, `pane=%3`.
    #[arg(long)]
    holds: Option<String>,
    /// A shell that would ask without a process from now on: its number and when it started.
    #[arg(long, hide = true)]
    channel: Option<String>,
    /// Milliseconds to wait at the most.
    #[arg(long)]
    deadline: Option<u16>,
}

/// Words that clap understands and the fast path did not: a number or version out of its range.
pub fn run(_: Args) -> Result<i32, Error> {
    Err(Error::Usage("a value is out of range; see `rainline print --help`".into()))
}
