//! What runs in another process because it may block: paths that clients name, configs, the history
//! file, commands, and lines that are drawn without a daemon.
//!
//! A thread stuck in a dead file system keeps its whole process from dying, lock and socket
//! included; a separate process can be killed and, if it will not die, left behind. A worker is our
//! own program run again, with two pipes: it reads [`Job`]s, does one at a time and writes
//! [`Answer`]s. It may hang or be killed at any point, so it holds nothing that cannot be lost, and
//! it ends with its input. Who gets which job and when is decided by the daemon's pool.

use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Duration;

use rainline_client::{runtime, sys};
use rainline_segments::base::reader_comparison;
use rainline_segments::{Ask, Call, Machine, Sample, Surroundings};

use crate::config;
use crate::readings::sample::PortableSample;
use crate::readings::source;

mod files;
mod line;
mod message;
pub mod notify;
mod process;
mod sources;
mod watch;

pub use line::of_request;
pub use message::{Answer, Job, Old};
pub use process::{CONFIG_TIMEOUT, Process, Worker, describe_program, load_config, read_config};
pub use sources::MAX_SOURCES;

use message::{decode, encode};
use sources::Sources;

/// What a worker is called in lists of processes, by the runtime directory that it works for: who
/// looks for those that hang shall not count another's.
pub fn name() -> String {
    format!("rainline-{:06x}", runtime::hash(runtime::path()) & 0xff_ffff)
}

/// How much is read from a pipe at once.
const CHUNK: usize = 16 * 1024;

/// Does jobs from standard input until it ends. `root` stands for `/` in what sources read.
pub fn main(root: Option<PathBuf>) -> i32 {
    crate::sys::close_from(3);
    // What a user's command starts with is not what a shell or the daemon did to its own signals.
    crate::sys::reset_signals();
    sys::fail_beyond_file_limit();
    std::panic::set_hook(Box::new(|_| {}));
    let _ = rustix::process::setsid();
    rainline_segments::set_name(&name());
    // Whatever our commands leave behind stays below us, so that it is found and ended.
    rainline_segments::adopt_orphans();
    // Stuck in a file system, we would never see the end of our input.
    rainline_segments::end_with_parent(true);
    // A directory that stands for the machine is a fixture: nothing in it changes by itself.
    let mut sources = Sources::new(root.is_none());
    let machine = source::machine(root).of_worker();
    let mut input = Vec::new();
    let mut chunk = [0; CHUNK];
    loop {
        match decode::<Job>(&mut input) {
            Ok(Some(job)) => {
                if perform(job, &machine, &mut sources).is_err() {
                    return 0;
                }
                continue;
            }
            Ok(None) => {}
            Err(_) => return 1,
        }
        if sources.wait_for_input(|id| send(&Answer::Outdated(id))).is_err() {
            return 0;
        }
        match std::io::stdin().read(&mut chunk) {
            Ok(0) => return 0,
            Ok(count) => input.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return 1,
        }
    }
}

fn send(answer: &Answer) -> std::io::Result<()> {
    let bytes = encode(answer).map_err(std::io::Error::other)?;
    let mut stdout = std::io::stdout();
    stdout.write_all(&bytes)?;
    stdout.flush()
}

/// Does a job. `Err`: the daemon does not read our answers any more.
fn perform(job: Job, machine: &Machine, sources: &mut Sources) -> std::io::Result<()> {
    let text = |error: std::io::Error| error.to_string();
    match job {
        Job::ReadConfig { path } => send(&Answer::ConfigRead(config::gather(&path))),
        Job::Sample { id, options, ask, saved, reader } => {
            let machine = machine.by(reader).at(sys::boot());
            send(&sources.sample(id, &options, &ask, &saved, machine))
        }
        Job::Follow { kind, options, ask, interval } => {
            let ended = follow(&kind, &options, machine, &ask, interval);
            send(&Answer::Ended(ended))
        }
        Job::ReadHistory { path } => send(&Answer::HistoryRead(files::read(&path).map_err(text))),
        Job::WriteHistory { path, bytes } => send(&Answer::HistoryWritten(
            crate::files::replace_durably(&path, &bytes).map_err(text),
        )),
        Job::CompareReaders => {
            let all = reader_comparison::compare_readers(rainline_segments::ALL);
            let differ = all.iter().filter(|one| !one.agrees()).map(|one| one.to_string());
            let (summary, differ) = (reader_comparison::summary(&all), differ.collect());
            send(&Answer::ReadersCompared { summary, differ })
        }
        Job::Describe { words, beside, limit } => {
            send(&Answer::Described(describe(machine, &words, beside.as_deref(), limit)))
        }
        Job::Notify(alert) => send(&Answer::Notified(notify::notify(&alert, machine))),
        Job::Watch { paths } => watch::run(&paths, || send(&Answer::FilesChanged)),
        Job::Line { request, history, since, trouble, is_quick } => {
            let order =
                line::Order { request: &request, history: &history, since, trouble, is_quick };
            line::draw(&order, machine, send)
        }
    }
}

/// What a program says that it is, if it and another one are there.
fn describe(
    machine: &Machine,
    words: &[String],
    beside: Option<&str>,
    limit: Duration,
) -> Option<String> {
    if beside.is_some_and(|other| !machine.has_program(other)) {
        return None;
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let call = Call { words: &words, surroundings: Surroundings::Source, env: &[] };
    let output = machine.perform(&call, limit).ok()??;
    // dvtm writes it to standard error.
    let printed = String::from_utf8_lossy(&output.printed).into_owned();
    Some(if printed.is_empty() { output.complaint } else { printed })
}

/// Sends each reading of a source until the source ends or the pipe is closed.
fn follow(
    kind: &str,
    options: &str,
    machine: &Machine,
    ask: &Ask,
    interval: Duration,
) -> Result<(), String> {
    let mut source = sources::open(kind, options)?;
    let mut receive = |sampled: Result<Option<Sample>, rainline_segments::Error>| {
        let sample = sampled.map(|sample| sample.map(PortableSample::new));
        let sample = sample.map_err(|error| error.to_string());
        send(&Answer::Sampled { sample, saved: None }).is_ok()
    };
    let follow = || source.follow(machine, ask, interval, &mut receive);
    match catch_unwind(AssertUnwindSafe(follow)) {
        Ok(ended) => ended.map_err(|error| error.to_string()),
        Err(_) => Err(source::PANICKED.into()),
    }
}
