//! The catalogue of faults, T01–T76: what may be wrong around the program, and what it does then.
//!
//! `catalogue.tsv` has a line for each case: its number, its state, and
//!
//! - `tested`: the tests that show it, as `FILE::FUNCTION`, with blanks between them;
//! - `pending`: the feature that it waits for;
//! - `skipped`: what is missing here to try it.

mod alert_queue;
mod budgets_of_memory;
mod config_bounds;
mod connections;
mod extremes;
mod hanging;
mod hangs;
mod histories;
mod injection;
mod life_cycle;
mod lying_daemon;
mod messages;
mod models;
mod namespaces;
mod oddities;
mod places;
mod privacy;
mod prompts;
mod resources;
mod sources;
mod trust;
mod two_users;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rainline_client::protocol::Request;

use crate::support::process::output_in_time;
use crate::support::sandbox::one_line;
use crate::support::{Sandbox, program, root, until};

/// The line that most cases ask for.
const LINE: [&str; 6] = ["tmux", "right", "--target", "plain", "--columns", "80"];

/// A line as a bar wants it, however it came about: in time, whole, alone, not blank, and without a
/// word on standard error.
#[track_caller]
fn print(sandbox: &Sandbox) -> String {
    print_with(sandbox, &[])
}

#[track_caller]
fn print_with(sandbox: &Sandbox, more: &[&str]) -> String {
    let line = one_line(output_in_time(&mut sandbox.printing(&[&LINE[..], more].concat())));
    assert!(!line.trim().is_empty(), "nothing on the line");
    line
}

/// A daemon in the foreground, for a test that says how it is started.
struct Foreground(Child);

impl Foreground {
    /// Starts this command with the words of a daemon added, and waits for its first answer.
    fn start(sandbox: &Sandbox, mut command: Command) -> Foreground {
        command.arg(program()).args(["daemon", "run"]).stdin(Stdio::null()).stderr(Stdio::null());
        let daemon = Foreground(command.spawn().expect("it runs"));
        until("an answer of the daemon", || sandbox.status());
        daemon
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What does the daemon's part where it listens.
struct StandIn {
    socket: PathBuf,
    is_over: Arc<AtomicBool>,
}

impl StandIn {
    /// One that does this with each request that comes; the connection is closed with it.
    fn start(sandbox: &Sandbox, act: impl Fn(UnixStream, Request) + Send + Sync + 'static) -> Self {
        let socket = sandbox.socket();
        let listener = UnixListener::bind(&socket).expect("bound");
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, act) = (is_over.clone(), Arc::new(act));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let act = act.clone();
                std::thread::spawn(move || {
                    if let Some(request) = request_from(&mut stream) {
                        act(stream, request);
                    }
                });
            }
        });
        StandIn { socket, is_over }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // Wakes the listening thread, which sees that it is over.
        let _ = UnixStream::connect(&self.socket);
        let _ = fs::remove_file(&self.socket);
    }
}

/// The next whole request on a connection; `None` where it ends before that.
fn request_from(stream: &mut UnixStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        if let Some((request, _)) = Request::decode(&bytes).ok()? {
            return Some(request);
        }
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
    }
}

const CASES: u32 = 76;

/// A line of the catalogue.
struct Case<'a> {
    number: &'a str,
    state: &'a str,
    rest: &'a str,
}

/// Whether a file of the project has this test.
fn has_test(name: &str) -> bool {
    let Some((file, function)) = name.split_once("::") else { return false };
    let text = fs::read_to_string(root().join(file)).unwrap_or_default();
    let Some((before, _)) = text.split_once(&format!("fn {function}(")) else { return false };
    // The attributes stand between the item before and the name.
    let attributes = before.rsplit("\n\n").next().unwrap_or_default();
    attributes.contains("#[test]") || before.trim_end().ends_with("#[test]")
}

/// The names `tNN_…` of the tests in this folder.
fn numbered_tests() -> Vec<String> {
    let entries = fs::read_dir(root().join("tests/faults")).expect("this folder").flatten();
    let mut names = Vec::new();
    for path in entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|it| it == "rs"))
    {
        let file = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("readable");
        let functions = text.lines().filter_map(|line| line.strip_prefix("fn t")?.split_once('('));
        let numbered = functions.filter(|(name, _)| name.starts_with(|c: char| c.is_ascii_digit()));
        names.extend(numbered.map(|(name, _)| format!("tests/faults/{file}::t{name}")));
    }
    names
}

#[test]
fn every_case_of_the_catalogue_is_tested_pending_or_skipped() {
    let text =
        fs::read_to_string(root().join("tests/faults/catalogue.tsv")).expect("the catalogue");
    let cases: Vec<Case> = text
        .lines()
        .map(|line| {
            let mut columns = line.splitn(3, '\t');
            let mut next = || columns.next().unwrap_or_default();
            Case { number: next(), state: next(), rest: next() }
        })
        .collect();
    let numbers: Vec<&str> = cases.iter().map(|case| case.number).collect();
    let wanted: Vec<String> = (1..=CASES).map(|number| format!("T{number:02}")).collect();
    assert_eq!(numbers, wanted, "each case once, in order");

    let mut tested = 0;
    let mut others: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for Case { number, state, rest } in &cases {
        assert!(!rest.is_empty(), "{number} says nothing");
        match *state {
            "tested" => {
                tested += 1;
                for name in rest.split(' ') {
                    assert!(has_test(name), "{number}: there is no test {name}");
                }
            }
            "pending" | "skipped" => others.entry((state, rest)).or_default().push(number),
            _ => panic!("{number} is neither tested, pending nor skipped: {state:?}"),
        }
    }
    for name in numbered_tests() {
        let (_, function) = name.split_once("::").expect("made so");
        let number = function[..3].to_uppercase();
        let case = cases.iter().find(|case| case.number == number);
        let is_listed = case.is_some_and(|case| case.rest.split(' ').any(|listed| listed == name));
        assert!(is_listed, "{name} is not in the line of {number}");
    }

    let count = |state: &str| cases.iter().filter(|case| case.state == state).count();
    println!("{tested} tested, {} skipped, {} pending", count("skipped"), count("pending"));
    for ((state, reason), numbers) in others {
        println!("{state} {}: {reason}", numbers.join(" "));
    }
}
