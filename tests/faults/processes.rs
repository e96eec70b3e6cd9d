//! A machine with more processes than can be looked at each second.

use std::time::{Duration, Instant};

use crate::support::{Sandbox, process, until_true};

const PROCESSES: u32 = 30_000;
/// How long the workers are watched.
const STRETCH: Duration = Duration::from_secs(5);
/// Milliseconds of processor time a second. The budget is 5; what else a worker does, and that this is
/// no release, is in it. To look at all of them takes hundreds.
const MOST: f64 = 50.0;

#[test]
fn thirty_thousand_processes_cost_a_share_of_a_second() {
    let sandbox = Sandbox::new().configured(
        "[line.x]\nleft = [\"processes\"]\n\
         [segment.processes]\ninterval = \"1s\"\nformat = \"count $count.num(w:5)\"\n",
    );
    let proc = sandbox.path("machine/proc");
    for pid in 1..=PROCESSES {
        let dir = proc.join(pid.to_string());
        std::fs::create_dir_all(&dir).expect("a directory");
        let stat = format!("{pid} (x) S 1 1 1 0 -1 0 0 0 0 0 9 0 0 0 20 0 1 0 5 0 9 0\n");
        std::fs::write(dir.join("stat"), stat).expect("written");
    }
    let machine = sandbox.path("machine");
    sandbox.start_daemon(&["--root", machine.to_str().expect("UTF-8")]);
    let mut stream = sandbox.stream(&["x", "left", "--target", "plain"]);
    // Their number is known before all of them were looked at.
    stream.until("count 30");
    let daemon = sandbox.daemon().expect("it runs");
    let spent = || -> f64 {
        let spent = |pid: u32| {
            let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<f64>().ok()
        };
        process::children(daemon).into_iter().filter_map(spent).sum::<f64>() / 1e6
    };
    let (before, start) = (spent(), Instant::now());
    until_true("some readings", || start.elapsed() >= STRETCH);
    let each = (spent() - before) / start.elapsed().as_secs_f64();
    println!("{each:.1} ms of processor time a second");
    assert!(each > 0.0 && each < MOST, "{each:.1} ms a second");
}
