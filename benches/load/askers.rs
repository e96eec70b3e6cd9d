//! Two hundred clients that ask at once, alone and beside others that are a nuisance.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rainline_client::protocol::{Body, LineRequest, ReplyKind, Request};
use rainline_client::timespec;
use rustix::event::{PollFd, PollFlags, poll};

use crate::client::{Replies, connect, socket};
use crate::line;
use crate::support::{House, figure, quantile};

const ASKERS: usize = 200;
const OTHERS: usize = 1000;
const PROCESSES: usize = 4;
/// The words that make this program one of the other processes.
pub const HOLD: &str = "hold";
const HALF: &str = "half";
/// How often all of them ask.
const ROUNDS: usize = 50;

pub fn run() {
    println!("| {ASKERS} askers at once | p50 ms | p99 ms | most ms | RSS kB |");
    println!("|---|---|---|---|---|");
    let house = House::new("");
    // Everything was read once.
    (0..3).for_each(|_| drop(round(&house)));
    let row = |name: &str| {
        let mut times: Vec<f64> = (0..ROUNDS).flat_map(|_| round(&house)).collect();
        let [p50, p99, most] = [0.5, 0.99, 0.99999].map(|part| quantile(&mut times, part));
        let memory = figure(house.daemon(), "status", "VmRSS:");
        println!("| {name} | {p50:.1} | {p99:.1} | {most:.1} | {memory} |");
    };
    row("alone");
    let half = Others::start(&house, HALF);
    row(&format!("beside {OTHERS} that sent half a request"));
    drop(half);
    let silent = Others::start(&house, "silent");
    row(&format!("beside {OTHERS} unread streams"));
    drop(silent);
    row("alone again");
}

/// What each of them asks: the same line from terminals of four widths.
fn asked(asker: usize) -> LineRequest {
    LineRequest { columns: 80 + 20 * (asker % 4) as u16, session: asker as u32 + 1, ..line() }
}

/// All of them connect and ask, and each has its line after so many milliseconds.
fn round(house: &House) -> Vec<f64> {
    let start = Instant::now();
    let mut open: Vec<(UnixStream, Replies, Instant)> = (0..ASKERS)
        .map(|asker| {
            let mut request = Request::new(Body::Print(asked(asker)), Duration::from_secs(1));
            request.last = true;
            let mut bytes = Vec::new();
            request.encode(&mut bytes);
            let began = Instant::now();
            let mut stream = connect(house);
            stream.write_all(&bytes).expect("written");
            (stream, Replies::default(), began)
        })
        .collect();
    let mut times = Vec::new();
    while !open.is_empty() {
        assert!(start.elapsed() < Duration::from_secs(60), "{} got no line", open.len());
        let mut fds: Vec<_> =
            open.iter().map(|(stream, ..)| PollFd::new(stream, PollFlags::IN)).collect();
        poll(&mut fds, Some(&timespec(Duration::from_secs(1)))).expect("polled");
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        let mut ready = ready.into_iter();
        open.retain_mut(|(stream, replies, began)| {
            if ready.next() != Some(true) {
                return true;
            }
            assert!(replies.read(stream), "the daemon is gone");
            let Some((kind, _, body)) = replies.next() else { return true };
            assert!(kind == ReplyKind::Line && !body.is_empty(), "no line");
            times.push(began.elapsed().as_secs_f64() * 1e3);
            false
        });
    }
    times
}

/// Other processes with connections of this kind: each may have a share only.
struct Others(Vec<Child>);

impl Others {
    fn start(house: &House, what: &str) -> Others {
        let one = |_| {
            let mut command = Command::new(std::env::current_exe().expect("this program"));
            command.args([HOLD, what]).arg(socket(house));
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = command.spawn().expect("it runs");
            let ready = child.stdout.as_mut().expect("a pipe").read_exact(&mut [0]);
            ready.expect("its connections are open");
            child
        };
        Others((0..PROCESSES).map(one).collect())
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        for child in &mut self.0 {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}

/// What one of the other processes does: opens its connections to this socket and keeps them until its
/// input ends. Of a half request the rest is never sent; of a stream nothing is ever read.
pub fn hold(what: &str, socket: &str) {
    let half = what == HALF;
    let connections: Vec<UnixStream> = (0..OTHERS / PROCESSES)
        .map(|asker| {
            let body = if half { Body::Print(line()) } else { Body::Stream(asked(asker)) };
            let mut bytes = Vec::new();
            Request::new(body, Duration::from_secs(1)).encode(&mut bytes);
            let end = if half { bytes.len() / 2 } else { bytes.len() };
            let mut stream = UnixStream::connect(socket).expect("a daemon listens");
            stream.write_all(&bytes[..end]).expect("written");
            stream
        })
        .collect();
    std::io::stdout().write_all(b".").expect("written");
    std::io::stdout().flush().expect("written");
    let _ = std::io::stdin().read(&mut [0]);
    drop(connections);
}
