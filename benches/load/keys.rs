//! Requests that name something else each time: what the daemon keeps for them must not grow.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use rainline_client::protocol::{Body, LineRequest, Set};

use crate::client::{Replies, connect};
use crate::support::{House, children, figure, run_for};
use crate::{bytes, line};

/// After so many the daemon is as large as it gets.
const FIRST: usize = 10_000;
/// How many requests are on their way at once.
const WINDOW: usize = 32;
/// Leases last a minute, and half a minute later at most what is not wanted is dropped.
const SWEPT: u64 = 100;

/// How a request differs from the one before.
type Change = fn(&mut LineRequest, u32);

const CHANGES: &[(&str, Change)] = &[
    ("columns", |line, n| line.columns = n as u16),
    ("line", |line, n| line.line = format!("line-{n}")),
    ("directory", |line, n| line.cwd = format!("/nowhere/{n}").into()),
    ("theme", |line, n| line.theme = format!("theme-{n}")),
    ("environment", |line, n| {
        line.env = vec![("SSH_TTY".into(), n.to_string().into()), ("TERM".into(), "x".into())];
    }),
    ("pane", |line, n| line.pane = format!("%{n}")),
    ("target", |line, n| line.target = format!("target-{n}")),
    ("config", |line, n| line.config = PathBuf::from(format!("/nowhere/{n}.toml"))),
    ("status", |line, n| (line.line, line.status) = ("prompt".into(), Some(n as i32))),
    ("session", |line, n| (line.session, line.pid) = (n, n)),
    ("names of 4 kB", |line, n| {
        line.cwd = format!("/{}/{n}", "x".repeat(4000)).into();
        line.holds = format!("pane={}{n}", "x".repeat(4000));
    }),
];

/// A prompt's segments, too, some of which workers read.
const CONFIG: &str = "[line.tmux]\nright = [\"cpu\", \"memory\", \"clock\", \"session\", \"git\", \
\"directory\", \"hostname\", \"user\"]\n";

pub fn run(requests: usize) {
    println!(
        "| {requests} requests, each with another | requests/s | RSS kB after {FIRST} | at the end | grown |"
    );
    println!("|---|---|---|---|---|");
    let house = House::new(CONFIG);
    let config = house.home().join(".config/rainline/config.toml");
    let mut all = 0;
    for (name, change) in CHANGES {
        let start = Instant::now();
        let mut at_first = 0;
        send(&house, requests, |n| {
            if n == FIRST {
                at_first = memory(&house);
            }
            let mut line = LineRequest { config: config.clone(), cwd: "/".into(), ..line() };
            change(&mut line, all + n as u32);
            Body::Print(line)
        });
        all += requests as u32;
        row(&house, name, requests, start, at_first);
    }
    let before = memory(&house);
    let workers: u64 = workers(&house);
    run_for(SWEPT);
    println!(
        "\nA minute after the last one: {before} kB → {} kB, workers {workers} kB → {} kB.",
        memory(&house),
        self::workers(&house)
    );
    print!(
        "{}",
        house
            .print(&["daemon", "status"])
            .lines()
            .filter(|line| line.starts_with("views"))
            .collect::<String>()
    );
    println!();
}

/// Values for segments, whose names exist or do not.
pub fn sets() {
    println!("| 10 000 values and more | requests/s | RSS kB after {FIRST} | at the end | grown |");
    println!("|---|---|---|---|---|");
    let text = "[line.tmux]\nright = [\"mine\"]\n[segment.mine]\nkind = \"custom\"\n";
    let house = House::new(text);
    let config = house.home().join(".config/rainline/config.toml");
    for (name, is_one) in [("value for one name", true), ("name", false)] {
        let start = Instant::now();
        let (requests, mut at_first) = (3 * FIRST, 0);
        send(&house, requests, |n| {
            if n == FIRST {
                at_first = memory(&house);
            }
            let segment = if is_one { "mine".into() } else { format!("other-{n}") };
            let (config, value) = (config.clone(), n.to_string());
            Body::Set(Set {
                config,
                segment,
                value,
                level: String::new(),
                hold: String::new(),
                json: false,
            })
        });
        row(&house, name, requests, start, at_first);
    }
}

/// Asks so many times, some at once over one connection; each gets its answer.
fn send(house: &House, requests: usize, mut body: impl FnMut(usize) -> Body) {
    let mut stream = connect(house);
    let mut replies = Replies::default();
    let (mut sent, mut answered) = (0, 0);
    while answered < requests {
        let mut out = Vec::new();
        while sent < requests && sent - answered < WINDOW {
            out.extend(bytes(body(sent), sent as u64 + 1));
            sent += 1;
        }
        stream.write_all(&out).expect("the daemon reads");
        assert!(replies.read(&stream), "the daemon is gone");
        while let Some((_, nonce, _)) = replies.next() {
            answered += 1;
            assert_eq!(nonce, answered as u64);
        }
    }
}

fn row(house: &House, name: &str, requests: usize, start: Instant, at_first: u64) {
    let rate = requests as f64 / start.elapsed().as_secs_f64();
    let end = memory(house);
    let grown = 100.0 * (end as f64 / at_first as f64 - 1.0);
    println!("| {name} | {rate:.0} | {at_first} | {end} | {grown:+.0} % |");
}

/// Resident kilobytes of the daemon, and of its workers.
fn memory(house: &House) -> u64 {
    figure(house.pid, "status", "VmRSS:")
}

fn workers(house: &House) -> u64 {
    children(house.pid).into_iter().map(|pid| figure(pid, "status", "VmRSS:")).sum()
}
