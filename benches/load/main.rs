//! What the daemon bears: `cargo bench --bench load`, or some of its parts by name: `streams`,
//! `askers`, `keys`, `sets`, `upgrades`. `--requests 1000000` is for `keys`.

use rainline_client::protocol::{Body, LineRequest, Request};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::time::Duration;

mod askers;
mod client;
mod keys;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod upgrades;

/// How many requests of changing keys are sent of each kind, unless `--requests` says otherwise.
const REQUESTS: usize = 20_000;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let [word, what, socket] = &*args
        && word == askers::HOLD
    {
        return askers::hold(what, socket);
    }
    let number = args.iter().position(|arg| arg == "--requests").map(|at| &args[at + 1]);
    let requests = number.map_or(REQUESTS, |number| number.parse().expect("a number"));
    let names = ["streams", "askers", "keys", "sets", "upgrades"];
    let named: Vec<&str> =
        names.into_iter().filter(|name| args.iter().any(|arg| arg == name)).collect();
    let named = if named.is_empty() { names.to_vec() } else { named };
    // Thousands of connections are ours as well.
    let files = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files });
    println!("{}", support::machine());
    for name in named {
        println!();
        match name {
            "streams" => streams::run(),
            "askers" => askers::run(),
            "keys" => keys::run(requests),
            "sets" => keys::sets(),
            _ => upgrades::run(),
        }
    }
}

/// A request for the right side of tmux's line.
fn line() -> LineRequest {
    LineRequest {
        line: "tmux".into(),
        slot: "right".into(),
        target: "tmux".into(),
        columns: 200,
        pid: 1,
        session: 1,
        ..LineRequest::default()
    }
}

/// The bytes of a request that waits for no reading.
fn bytes(body: Body, nonce: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    Request { nonce, ..Request::new(body, Duration::ZERO) }.encode(&mut bytes);
    bytes
}
