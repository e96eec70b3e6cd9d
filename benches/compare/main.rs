//! Rainline beside what else there is: `cargo bench --bench compare`.
//!
//! ```text
//! -- PART …        only these of: start refresh scrollback peers prompts daemon
//! -- --seconds N   how long a refresh is watched
//! -- --rounds N    how many prompts are asked for
//! -- --install     has apt and pip fetch the others first; `--install=all` builds cargo's, too
//! ```
//!
//! What is compared runs at the same time or in turns, so that a busy moment meets all alike; what
//! counts is the ratio. Processor time is the kernel's own count of it, forks are process numbers
//! used up in a pid namespace of our own where one is allowed. Needs no root, and skips with a line
//! what is not installed.

mod daemon;
mod peers;
mod prompts;
mod refresh;
mod start;
#[path = "../support/mod.rs"]
mod support;

/// What is measured, under the word that asks for it alone.
type Part = (&'static str, fn(&Options));

/// All of it, in order.
const PARTS: [Part; 6] = [
    ("start", start::run),
    ("refresh", refresh::run),
    ("scrollback", refresh::scrollback),
    ("peers", refresh::peers),
    ("prompts", prompts::run),
    ("daemon", daemon::run),
];

/// What the words after `--` ask for.
pub struct Options {
    /// How long a refresh is watched, in seconds.
    pub seconds: u64,
    /// How many prompts are asked for of each shell.
    pub rounds: usize,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)?.parse::<u64>().ok()
    };
    let options = Options {
        seconds: number("--seconds").unwrap_or(30),
        rounds: number("--rounds").unwrap_or(100) as usize,
    };
    if let Some(how) = args.iter().find_map(|arg| arg.strip_prefix("--install")) {
        peers::install(how == "=all");
    }
    println!("{}; {}\n", support::machine(), support::program().display());
    let named = |part: &str| args.iter().any(|arg| arg == part);
    let any = PARTS.iter().any(|(part, _)| named(part));
    for (part, run) in PARTS {
        if !any || named(part) {
            run(&options);
        }
    }
}
