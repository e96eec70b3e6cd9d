//! What the daemon takes while it runs: no client, one stream, and every segment there is.

use std::process::Stdio;

use crate::Options;
use crate::support::{self, House, cpu, figure, run_for};

pub fn run(options: &Options) {
    let every = support::everything();
    let shown = [
        ("no client", "", false),
        ("one stream, 1 Hz", "", true),
        ("one stream of all segments", &every, true),
    ];
    let houses: Vec<_> = shown
        .iter()
        .map(|(name, config, looks)| {
            let house = House::new(config);
            let args = ["stream", "tmux", "right", "--columns", "1000"];
            let stream = looks
                .then(|| house.rainline(&args).stdout(Stdio::null()).spawn().expect("it runs"));
            (name, house.daemon(), stream, house)
        })
        .collect();
    run_for(4);
    let seconds = options.seconds;
    println!("### The daemon, {seconds} s\n");
    println!("| | µs CPU/s | wake-ups/s | RSS kB | private kB |\n|---|---|---|---|---|");
    let wakes = |pid| figure(pid, "status", "voluntary_ctxt_switches:");
    let before: Vec<_> = houses.iter().map(|(_, pid, ..)| (cpu(*pid), wakes(*pid))).collect();
    run_for(seconds);
    for ((name, pid, ..), (cpu_before, wakes_before)) in houses.iter().zip(before) {
        let private = ["Private_Clean:", "Private_Dirty:"].map(|w| figure(*pid, "smaps_rollup", w));
        println!(
            "| {name} | {:.0} | {:.2} | {} | {} |",
            (cpu(*pid) - cpu_before) as f64 / 1e3 / seconds as f64,
            (wakes(*pid) - wakes_before) as f64 / seconds as f64,
            figure(*pid, "status", "VmRSS:"),
            private.iter().sum::<u64>(),
        );
    }
    println!();
    for (_, _, stream, _house) in houses {
        if let Some(mut stream) = stream {
            stream.kill().expect("killed");
            stream.wait().expect("over");
        }
    }
}
