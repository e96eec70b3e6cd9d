//! `rainline doctor`

use std::path::PathBuf;
use std::time::Duration;

use super::{here, init, say};
use crate::client::{self, Why};
use crate::daemon::workers::{Answer, Job, Process};
use crate::error::Error;
use crate::protocol::{ReplyKind, build_id};
use crate::{config, hosts, paths, runtime, spawn, sys};

/// How long the comparison of the readers may take; it needs a third of a second.
const COMPARING: Duration = Duration::from_secs(5);

/// Tell what works here, what does not, and what to do about it.
///
/// Exit code 0: fine; 1: something wants attention; 2: something is broken.
#[derive(clap::Args)]
pub struct Args {}

/// How a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Health {
    Fine,
    Warning,
    Broken,
}

/// What was found, line by line, and the worst of it.
struct Report {
    text: String,
    worst: Health,
}

impl Report {
    fn section(&mut self, name: &str) {
        self.text.push_str(&format!("\n{name}\n"));
    }

    fn add(&mut self, health: Health, what: &str) {
        let sign = match health {
            Health::Fine => "ok",
            Health::Warning => "!!",
            Health::Broken => "XX",
        };
        self.text.push_str(&format!("  {sign}  {what}\n"));
        self.worst = self.worst.max(health);
    }

    /// What to do about the line before.
    fn cure(&mut self, what: &str) {
        self.text.push_str(&format!("      {what}\n"));
    }
}

pub fn run(_: Args) -> Result<i32, Error> {
    let mut report = Report { text: String::new(), worst: Health::Fine };
    installation(&mut report);
    daemon(&mut report);
    settings(&mut report);
    readers(&mut report);
    terminal(&mut report);
    wiring(&mut report);
    say(report.text.trim_start_matches('\n'));
    Ok(report.worst as i32)
}

fn installation(report: &mut Report) {
    report.section("installation");
    let version = env!("CARGO_PKG_VERSION");
    let program = paths::program();
    report.add(Health::Fine, &format!("rainline {version} at {}", program.display()));
}

fn daemon(report: &mut Report) {
    report.section("daemon");
    let runtime = match runtime::open() {
        Ok(runtime) => runtime,
        Err((place, why)) => {
            report.add(Health::Broken, &format!("{}: {why}", place.display()));
            report.cure("every line is drawn without a daemon until this is mended");
            return;
        }
    };
    report.add(Health::Fine, &format!("runtime directory {}", runtime::place().display()));
    match client::admin(&runtime, "status", 2000) {
        Ok((ReplyKind::Text, text)) => {
            let text = String::from_utf8_lossy(&text);
            let ours = text.contains(&format!("{:016x}", build_id()));
            report.add(Health::Fine, "it answers");
            for line in text.lines() {
                let error = line.contains("error") || line.contains("problem");
                match error {
                    true => report.add(Health::Warning, line.trim()),
                    false => report.cure(line.trim_end()),
                }
            }
            if !ours {
                report.add(Health::Warning, "it is of another build");
                report.cure("rainline daemon stop; the next line starts a new one");
            }
        }
        Ok(_) => report.add(Health::Warning, "it does not know the word `status`"),
        Err(Why::Absent) => {
            report.add(Health::Fine, "none runs; the next line starts one");
            let starts = spawn::starts(&runtime);
            if starts > 2 {
                report.add(Health::Warning, &format!("started {starts} times in ten minutes"));
            }
        }
        Err(Why::Late) => {
            report.add(Health::Broken, "it listens and does not answer");
            report.cure("lines are drawn without it; rainline daemon stop, or wait");
        }
        Err(Why::Foreign) => {
            report.add(Health::Broken, "another user's process listens where ours should");
        }
        Err(Why::Nowhere | Why::Refused) => {
            report.add(Health::Broken, "it cannot be asked");
        }
    }
}

fn settings(report: &mut Report) {
    report.section("config");
    let Some(path) = paths::config() else {
        report.add(Health::Fine, "no home, so no config: the defaults are in force");
        return;
    };
    let gathered = config::gather(&path);
    let there = gathered.files.iter().any(|file| file.path == path);
    let config = config::build(&gathered);
    let shown = path.display();
    match there {
        true => report.add(Health::Fine, &format!("{shown}")),
        false => report.add(Health::Fine, &format!("{shown} is not there: the defaults")),
    }
    for problem in &config.problems {
        let health = if config.unusable { Health::Broken } else { Health::Warning };
        let mut lines = problem.lines();
        report.add(health, lines.next().unwrap_or_default());
        lines.for_each(|line| report.cure(line));
    }
    report.add(Health::Fine, &format!("theme {}", config.theme.name));
}

/// Whether the machine is the same by both readers, as far as a worker finds out in time: a mount that
/// hangs may hold up whoever reads it.
fn readers(report: &mut Report) {
    report.section("readers of the machine");
    let answer = Process::start(None).ok().and_then(|mut worker| {
        worker.send(&Job::Compare, &[]).ok()?;
        worker.wait(sys::awake() + COMPARING)
    });
    let Some((Answer::Compared { summary, differ }, _)) = answer else {
        let seconds = COMPARING.as_secs();
        let what = format!("native and portable cannot be compared within {seconds} s");
        return report.add(Health::Warning, &what);
    };
    report.add(Health::Fine, &format!("native against portable: {summary}"));
    for field in differ {
        report.add(Health::Warning, &format!("they disagree on {field}"));
    }
}

fn terminal(report: &mut Report) {
    report.section("terminal");
    let set = |name: &str| std::env::var(name).unwrap_or_default();
    let term = set("TERM");
    report.add(Health::Fine, &format!("TERM={term}, {:?} colours", here::depth()));
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(set).into_iter().find(|text| !text.is_empty());
    let locale = locale.unwrap_or_default();
    let lower = locale.to_lowercase();
    if lower.contains("utf-8") || lower.contains("utf8") {
        report.add(Health::Fine, &format!("locale {locale}"));
    } else {
        report.add(Health::Warning, &format!("locale {locale:?} is not UTF-8: ASCII glyphs only"));
        report.cure("export LC_ALL=C.UTF-8");
    }
}

fn wiring(report: &mut Report) {
    report.section("hosts");
    for host in hosts::ALL {
        let Some((said, version)) = init::version(host) else {
            report.add(Health::Fine, &format!("{}: not installed", host.name));
            continue;
        };
        match wired(host) {
            Some(file) => {
                let file = file.display();
                report.add(Health::Fine, &format!("{}: wired in {file}; {said}", host.name));
            }
            None => {
                report.add(Health::Fine, &format!("{}: not wired; {said}", host.name));
                report.cure(&format!("rainline init {} >> {}", host.name, host.wired_in));
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

/// The file of this user that wires the host, among those where it is usually wired.
fn wired(host: &hosts::Host) -> Option<PathBuf> {
    let home = PathBuf::from(std::env::var_os("HOME")?);
    let wires = |text: &str| host.marks.iter().any(|mark| text.contains(mark));
    host.files
        .iter()
        .map(|file| home.join(file))
        .find(|file| std::fs::read(file).is_ok_and(|text| wires(&String::from_utf8_lossy(&text))))
}
