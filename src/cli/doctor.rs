//! `rainline doctor`
//!
//! Each section is looked at by a process of its own, because a file or a program that it looks at may
//! hang. What is not known in time is said to be unknown: nothing is called fine that was not seen.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use super::config::NO_HOME;
use super::{init, live, say};
use crate::error::Error;
use crate::quote::word;
use crate::worker::{Answer, Job, Process, Worker as _};
use crate::{config, hosts, paths};
use rainline_caps::Depth;
use rainline_client::environment::Environment;
use rainline_client::sys;

mod daemon;
mod part;

/// How long a section may take. All of them are looked at together.
const LIMIT: Duration = Duration::from_secs(5);
/// How long the comparison of the readers may take; it needs a third of a second.
const COMPARING: Duration = Duration::from_secs(4);

/// A section: its title, its name as an argument, and what the report says if it hangs.
struct Section {
    title: &'static str,
    name: &'static str,
    unknown: &'static str,
    look: fn(&mut Report),
}

const SECTIONS: &[Section] = &[
    Section {
        title: "installation",
        name: "installation",
        unknown: "the program's own file could not be looked at",
        look: installation,
    },
    Section {
        title: "daemon",
        name: "daemon",
        unknown: "the daemon could not be asked",
        look: daemon::look,
    },
    Section {
        title: "config",
        name: "config",
        unknown: "the config, or a file that it includes, could not be read",
        look: settings,
    },
    Section {
        title: "readers of the machine",
        name: "readers",
        unknown: "the readers could not be compared",
        look: readers,
    },
    Section {
        title: "terminal",
        name: "terminal",
        unknown: "the terminal could not be looked at",
        look: terminal,
    },
    Section {
        title: "hosts",
        name: "hosts",
        unknown: "a host, or a file that may wire one, could not be looked at",
        look: wiring,
    },
];

/// Report what works here, what does not, and what to do about it.
///
/// Exit code 0: all is well; 1: something needs attention; 2: something is broken.
#[derive(clap::Args)]
pub struct Args {
    /// Only this section, here
    #[arg(long, hide = true, value_name = "NAME")]
    section: Option<String>,
}

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Health {
    Fine,
    Warning,
    Broken,
}

/// The bytes before the words of a finding.
const SIGNED: usize = "  ok  ".len();

/// What was found, line by line, and the worst of it.
struct Report {
    text: String,
    worst: Health,
}

impl Report {
    fn add(&mut self, health: Health, what: &str) {
        let sign = match health {
            Health::Fine => "ok",
            Health::Warning => "!!",
            Health::Broken => "XX",
        };
        self.text.push_str(&format!("  {sign}  {what}\n"));
        self.worst = self.worst.max(health);
    }

    /// Adds a detail of the line before: usually what to do about it.
    fn cure(&mut self, what: &str) {
        self.text.push_str(&format!("      {what}\n"));
    }
}

/// Prints the report.
pub fn run(args: Args) -> Result<i32, Error> {
    let mut report = Report { text: String::new(), worst: Health::Fine };
    if let Some(name) = args.section {
        let section = SECTIONS.iter().find(|section| section.name == name);
        let section = section.ok_or(Error::Usage(format!("there is no section `{name}`")))?;
        (section.look)(&mut report);
        say(&report.text);
        return Ok(report.worst as i32);
    }
    let until = sys::awake() + LIMIT;
    let parts: Vec<_> = SECTIONS.iter().map(|section| part::Part::start(section.name)).collect();
    let mut told = HashSet::new();
    for (section, part) in SECTIONS.iter().zip(parts) {
        let gap = if report.text.is_empty() { "" } else { "\n" };
        report.text.push_str(&format!("{gap}{}\n", section.title));
        match part.and_then(|part| part.wait(until)) {
            Ok((text, health)) => {
                report.text.push_str(&without_told(&text, &mut told));
                report.worst = report.worst.max(health);
            }
            Err(why) => report.add(Health::Broken, &format!("{}: {why}", section.unknown)),
        }
    }
    say(&report.text);
    Ok(report.worst as i32)
}

/// The findings of a section without those that another one has told: what is wrong with the config the
/// daemon says too.
fn without_told(text: &str, told: &mut HashSet<String>) -> String {
    let mut is_told = false;
    let is_new = |line: &&str| {
        // A sign starts a finding, and the lines after it are about that.
        if let Some((_, finding)) = line.split_at_checked(SIGNED)
            && !line.starts_with("    ")
        {
            is_told = !told.insert(finding.to_owned());
        }
        !is_told
    };
    text.split_inclusive('\n').filter(is_new).collect()
}

fn installation(report: &mut Report) {
    let version = env!("CARGO_PKG_VERSION");
    let program = paths::program();
    report.add(Health::Fine, &format!("rainline {version} at {}", word(&program)));
}

fn settings(report: &mut Report) {
    let Some(path) = paths::config() else {
        return report.add(Health::Fine, NO_HOME);
    };
    let gathered = config::gather(&path);
    let config = config::build(&gathered);
    let shown = word(&path);
    if config.problems.is_empty() {
        let is_there = gathered.files.iter().any(|file| file.path == path);
        let what =
            if is_there { "has no mistakes" } else { "is not there: the defaults are in force" };
        report.add(Health::Fine, &format!("{shown} {what}"));
    } else if config.unusable {
        let what = "cannot be used: the last good one stays in force, else the built-in one is";
        report.add(Health::Broken, &format!("{shown} {what}"));
    } else {
        report.add(Health::Warning, &format!("{shown} has mistakes"));
    }
    for problem in &config.problems {
        let health = if config.unusable { Health::Broken } else { Health::Warning };
        let mut lines = problem.lines();
        report.add(health, lines.next().unwrap_or_default());
        lines.for_each(|line| report.cure(line));
    }
    if !config.unusable {
        report.add(Health::Fine, &format!("theme {}", config.theme.name));
    }
}

/// Whether the machine is the same by both readers. A worker compares them: a mount that hangs may
/// block the portable one.
fn readers(report: &mut Report) {
    let answer = Process::start(None).ok().and_then(|mut worker| {
        worker.send(&Job::CompareReaders).ok()?;
        worker.wait(sys::awake() + COMPARING)
    });
    let Some(Answer::ReadersCompared { summary, differ }) = answer else {
        let seconds = COMPARING.as_secs();
        let what =
            format!("the two ways to read this machine could not be compared within {seconds} s");
        return report.add(Health::Warning, &what);
    };
    report.add(
        Health::Fine,
        &format!("both ways to read this machine, native and portable: {summary}"),
    );
    for field in differ {
        report.add(Health::Warning, &format!("the two ways disagree on {field}"));
    }
}

fn terminal(report: &mut Report) {
    let environment = Environment::current();
    let term = environment.text("TERM").unwrap_or_default();
    let depth = match live::depth() {
        Depth::Mono => "no colours",
        Depth::Ansi16 => "16 colours",
        Depth::Ansi256 => "256 colours",
        Depth::True => "24-bit colour",
    };
    report.add(Health::Fine, &format!("TERM={term}, {depth}"));
    let locale = environment.locale().to_string_lossy();
    if environment.is_utf8() {
        report.add(Health::Fine, &format!("locale {locale}"));
    } else {
        report.add(Health::Warning, &format!("locale {locale:?} is not UTF-8: ASCII glyphs only"));
        report.cure("export LC_ALL=C.UTF-8");
    }
}

fn wiring(report: &mut Report) {
    for host in hosts::ALL {
        let Some((text, version)) = init::version(host) else {
            report.add(Health::Fine, &format!("{}: not installed", host.name));
            continue;
        };
        match wired(host) {
            Some(file) => {
                let file = word(&file);
                report.add(Health::Fine, &format!("{}: wired in {file}; {text}", host.name));
            }
            None => {
                report.add(Health::Fine, &format!("{}: not wired; {text}", host.name));
                report.cure(&format!("to wire it: {}", host.how_to_wire));
            }
        }
        for ability in (host.abilities)(version) {
            match ability.missing {
                None => report.cure(&format!("+ {}", ability.what)),
                Some(why) => report.cure(&format!("- {}: {why}", ability.what)),
            }
        }
    }
}

/// The file in which this user wires the host, among the usual ones.
fn wired(host: &hosts::Host) -> Option<PathBuf> {
    let home = PathBuf::from(std::env::var_os("HOME")?);
    let wires = |text: &str| host.marks.iter().any(|mark| text.contains(mark));
    host.files
        .iter()
        .map(|file| home.join(file))
        .find(|file| std::fs::read(file).is_ok_and(|text| wires(&String::from_utf8_lossy(&text))))
}
