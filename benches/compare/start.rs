//! How long a start takes, from fork to the last byte, against a program that does nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::Options;
use crate::support::{House, has, median};

/// An empty static program: nothing that starts can be cheaper. It is linked to the same libc as the
/// program that is measured, if that compiler is there.
fn empty(folder: &Path, program: &Path) -> Option<(PathBuf, &'static str)> {
    let (source, out) = (folder.join("empty.c"), folder.join("empty"));
    std::fs::write(&source, "int main(void) { return 0; }\n").ok()?;
    let mut compilers = [("musl-gcc", "musl"), ("cc", "glibc")];
    if !program.to_string_lossy().contains("-musl/") {
        compilers.reverse();
    }
    compilers.into_iter().filter(|(compiler, _)| has(compiler)).find_map(|(compiler, libc)| {
        let mut command = Command::new(compiler);
        command.args(["-O2", "-static", "-s", "-o"]).arg(&out).arg(&source);
        command.status().ok()?.success().then(|| (out.clone(), libc))
    })
}

pub fn run(_: &Options) {
    const ROUNDS: usize = 500;
    let house = House::new("");
    let Some((empty, libc)) = empty(&house.home(), &house.program) else {
        return println!("no C compiler: the floor is skipped\n");
    };
    println!("### A start, five times {ROUNDS} in turns\n");
    println!("Empty: a static C program linked to {libc}. Best median of five.\n");
    let own =
        |args: &[&str]| (house.program.clone(), args.iter().map(|a| (*a).to_owned()).collect());
    let print = ["print", "tmux", "right", "--columns", "100"];
    let candidates: [(&str, (PathBuf, Vec<String>)); 3] = [
        ("empty", (empty, Vec::new())),
        ("`rainline print`", own(&print)),
        ("/bin/true", ("/bin/true".into(), Vec::new())),
    ];
    for _ in 0..3 {
        house.print(&print);
    }
    let mut best = [f64::INFINITY; 3];
    let mut ratio = [f64::INFINITY; 3];
    for _ in 0..5 {
        let mut each = vec![Vec::with_capacity(ROUNDS); candidates.len()];
        for round in 0..ROUNDS {
            for turn in 0..candidates.len() {
                let at = (round + turn) % candidates.len();
                let (program, args) = &candidates[at].1;
                let mut command = house.command(program);
                command.args(args);
                let start = Instant::now();
                let output = command.output().expect("it runs");
                each[at].push(start.elapsed().as_nanos() as f64 / 1e3);
                assert!(output.status.success());
            }
        }
        let medians: Vec<f64> = each.iter_mut().map(|each| median(each)).collect();
        for at in 0..candidates.len() {
            best[at] = best[at].min(medians[at]);
            ratio[at] = ratio[at].min(medians[at] / medians[0]);
        }
    }
    println!("| | µs | × empty |\n|---|---|---|");
    for (at, (name, _)) in candidates.iter().enumerate() {
        println!("| {name} | {:.0} | {:.2} |", best[at], ratio[at]);
    }
    println!();
}
