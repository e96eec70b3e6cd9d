//! `rainline doctor`

use std::path::PathBuf;
use std::time::Duration;

use super::{init, live, say};
use crate::daemon::status::Status;
use crate::error::Error;
use crate::worker::{Answer, Job, Process, Worker as _};
use crate::{config, hosts, paths};
use rainline_caps::Depth;
use rainline_client::environment::Environment;
use rainline_client::protocol::{Admin, ReplyKind, build_id};
use rainline_client::{self, Why};
use rainline_client::{runtime, spawn, sys};

/// How long the comparison of the readers may take; it needs a third of a second.
const COMPARING: Duration = Duration::from_secs(5);

/// Report what works here, what does not, and what to do about it.
///
/// Exit code 0: all is well; 1: something needs attention; 2: something is broken.
#[derive(clap::Args)]
pub struct Args {}

/// How bad a finding is.
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

    /// Adds a detail of the line before: usually what to do about it.
    fn cure(&mut self, what: &str) {
        self.text.push_str(&format!("      {what}\n"));
    }
}

/// Prints the report.
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
        Err((path, why)) => {
            report.add(Health::Broken, &format!("{}: {why}", path.display()));
            report.cure("without it there is no daemon: each client draws its own line");
            return;
        }
    };
    report.add(Health::Fine, &format!("runtime directory {}", runtime.path.display()));
    match rainline_client::admin(&runtime, Admin::Status, Duration::from_secs(2)) {
        Ok((ReplyKind::Text, text)) => {
            report.add(Health::Fine, "the daemon answers");
            match serde_json::from_slice::<Status>(&text) {
                Ok(status) => state(&status, report),
                Err(_) => outdated(report),
            }
        }
        Ok(_) => report.add(Health::Warning, "the daemon refuses to report its state"),
        Err(Why::Absent) => {
            report.add(Health::Fine, "no daemon is running; the next line starts one");
            let starts = spawn::starts(&runtime);
            if starts > 2 {
                report.add(Health::Warning, &format!("started {starts} times in ten minutes"));
            }
        }
        Err(why) => {
            report.add(Health::Broken, &why.to_string());
            if why == Why::Late {
                report.cure("lines are drawn without it; wait, or run rainline daemon stop");
            }
        }
    }
}

/// What the daemon says of itself.
fn state(status: &Status, report: &mut Report) {
    let Status { clients, streams, workers, uptime_seconds, .. } = status;
    report.cure(&format!("pid {}, up for {uptime_seconds} s", status.pid));
    report.cure(&format!("clients: {clients}, of them streams: {streams}; workers: {workers}"));
    for warning in status.warnings() {
        let mut lines = warning.lines();
        report.add(Health::Warning, lines.next().unwrap_or_default());
        lines.for_each(|line| report.cure(line));
    }
    if status.abandoned > 0 {
        report.add(
            Health::Warning,
            &format!("{} workers hang and cannot be ended", status.abandoned),
        );
    }
    status.notes.iter().for_each(|note| report.cure(&format!("note: {note}")));
    if status.build != build_id() {
        outdated(report);
    }
}

fn outdated(report: &mut Report) {
    report.add(Health::Warning, "the daemon is of another version");
    report.cure("rainline daemon stop; the next line starts a new one");
}

fn settings(report: &mut Report) {
    report.section("config");
    let Some(path) = paths::config() else {
        report
            .add(Health::Fine, "HOME is not set, so there is no config: the defaults are in force");
        return;
    };
    let gathered = config::gather(&path);
    let there = gathered.files.iter().any(|file| file.path == path);
    let config = config::build(&gathered);
    let shown = path.display();
    match there {
        true => report.add(Health::Fine, &format!("{shown}")),
        false => {
            report.add(Health::Fine, &format!("no {shown}: the defaults are in force"));
        }
    }
    for problem in &config.problems {
        let health = if config.unusable { Health::Broken } else { Health::Warning };
        let mut lines = problem.lines();
        report.add(health, lines.next().unwrap_or_default());
        lines.for_each(|line| report.cure(line));
    }
    report.add(Health::Fine, &format!("theme {}", config.theme.name));
}

/// Whether the machine is the same by both readers. A worker compares them: a mount that hangs may
/// block the portable one.
fn readers(report: &mut Report) {
    report.section("readers of the machine");
    let answer = Process::start(None).ok().and_then(|mut worker| {
        worker.send(&Job::CompareReaders).ok()?;
        worker.wait(sys::awake() + COMPARING)
    });
    let Some(Answer::ReadersCompared { summary, differ }) = answer else {
        let seconds = COMPARING.as_secs();
        let what = format!("the two readers could not be compared within {seconds} s");
        return report.add(Health::Warning, &what);
    };
    report.add(Health::Fine, &format!("native against portable: {summary}"));
    for field in differ {
        report.add(Health::Warning, &format!("they disagree on {field}"));
    }
}

fn terminal(report: &mut Report) {
    report.section("terminal");
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
    report.section("hosts");
    for host in hosts::ALL {
        let Some((text, version)) = init::version(host) else {
            report.add(Health::Fine, &format!("{}: not installed", host.name));
            continue;
        };
        match wired(host) {
            Some(file) => {
                let file = file.display();
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
