//! A program that is replaced while others ask: no line may be lost.

use std::io::{BufRead, BufReader, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rainline_client::protocol::{Body, Request};

use crate::client::connect;
use crate::line;
use crate::support::House;

const UPGRADES: usize = 20;
const ASKERS: usize = 4;
/// Longer than any upgrade takes.
const PATIENCE: Duration = Duration::from_secs(30);

pub fn run() {
    let house = House::new("");
    let (is_over, asked, lost) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let streamed = AtomicUsize::new(0);
    let mut stream = house.rainline(&["stream", "tmux", "right"]).spawn().expect("it runs");
    let lines = BufReader::new(stream.stdout.take().expect("piped")).split(b'\n');
    let mut times = Vec::new();
    std::thread::scope(|scope| {
        for _ in 0..ASKERS {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let output = house.rainline(&["print", "tmux", "right"]).output();
                    let output = output.expect("it runs");
                    let is_line = is_line(output.stdout.strip_suffix(b"\n"));
                    lost.fetch_add(
                        usize::from(!is_line || !output.status.success()),
                        Ordering::Relaxed,
                    );
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        scope.spawn(|| {
            for line in lines.map_while(Result::ok) {
                lost.fetch_add(usize::from(!is_line(Some(&line))), Ordering::Relaxed);
                streamed.fetch_add(1, Ordering::Relaxed);
            }
        });
        for _ in 0..UPGRADES {
            times.push(upgrade(&house));
        }
        is_over.store(true, Ordering::Relaxed);
        stream.kill().expect("it ran to the end");
        stream.wait().expect("waited for");
    });
    let most = times.iter().max().expect("some").as_secs_f64();
    println!("| upgrades | prints | lines of a stream | lost | longest without a daemon s |");
    println!("|---|---|---|---|---|");
    let [asked, streamed, lost] = [asked, streamed, lost].map(AtomicUsize::into_inner);
    println!("| {UPGRADES} | {asked} | {streamed} | {lost} | {most:.2} |");
    assert_eq!(lost, 0);
}

/// One line of text that is not empty.
fn is_line(line: Option<&[u8]>) -> bool {
    line.is_some_and(|line| {
        !line.is_empty() && !line.contains(&b'\n') && std::str::from_utf8(line).is_ok()
    })
}

/// A client of a later version asks; until another daemon answers.
fn upgrade(house: &House) -> Duration {
    let before = house.daemon();
    let newer = Request { build: u64::MAX, ..Request::new(Body::Print(line()), Duration::ZERO) };
    let mut bytes = Vec::new();
    newer.encode(&mut bytes);
    let start = Instant::now();
    connect(house).write_all(&bytes).expect("written");
    loop {
        assert!(start.elapsed() < PATIENCE, "no other daemon came");
        match house.find_daemon() {
            Some(pid) if pid != before => return start.elapsed(),
            _ => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}
