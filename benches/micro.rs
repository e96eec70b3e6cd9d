//! What the daemon does for one line, in microseconds: `cargo bench --bench micro`.

use rainline::config::{self, Config};
use rainline::daemon::jobs;
use rainline::example::Example;
use rainline::format::Format;
use rainline::graph;
use rainline::render::{self, FULL, Want};
use rainline::targets::{self, Caps, Glyphs};
use rainline_segments::{Ask, Pace, Ring, Where};

mod support;
use support::{machine, run_for, time};

const TEN: &str = "[line.tmux]\nleft = []\nright = [\"cpu\", \"memory\", \"cpu-b\", \"memory-b\", \"clock\", \
\"hostname\", \"cpu-c\", \"memory-c\", \"clock-b\", \"session\"]\n\
[segment.cpu-b]\nuse = \"cpu\"\n[segment.cpu-c]\nuse = \"cpu\"\n[segment.memory-b]\nuse = \"memory\"\n\
[segment.memory-c]\nuse = \"memory\"\n[segment.clock-b]\nuse = \"clock\"\n";

fn main() {
    println!("{}\n\n| step | µs |\n|---|---|", machine());
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("config.toml");
    std::fs::write(&path, TEN).expect("written");
    let ten = config::build(&config::gather(&path));
    assert!(ten.problems.is_empty(), "{:?}", ten.problems);
    let example = Example::of(&ten);
    let want = Want { line: "tmux", slot: "right", theme: "" };
    let caps = Caps { columns: 200, ..Caps::default() };
    let row = |name: &str, micros: f64| println!("| {name} | {micros:.2} |");

    let kind = ten.instances[usize::from(ten.instance("cpu").expect("cpu"))].kind;
    row("parse a format", time(2000, || drop(Format::parse(kind.format, kind))));
    let mut ring = Ring::default();
    (0..600_u64).for_each(|at| ring.push((at * 37 % 100) as f64, at));
    let cells: Vec<_> = ring.recent(60).collect();
    row("graph, 60 cells", time(5000, || drop(graph::spark(&cells, 60, 100.0, Glyphs::default()))));
    let laid = time(500, || drop(render::rows(&ten, want, &example, &caps)));
    row("format, paint and fit 10 segments", laid);
    let narrow = Caps { columns: 60, ..Caps::default() };
    row("the same into 60 cells", time(500, || drop(render::rows(&ten, want, &example, &narrow))));
    let rows = render::rows(&ten, want, &example, &caps);
    for target in targets::ALL {
        let micros = time(500, || drop(render::encode(&rows, target, &caps)));
        row(&format!("encode for {}", target.name), micros);
    }
    let tmux = targets::find("tmux").expect("known");
    let whole = time(500, || {
        drop(render::encode(&render::rows(&ten, want, &example, &caps), tmux, &caps));
    });
    row("**a 10-segment line for tmux** (budget 50)", whole);

    let built_in = Config::built_in();
    let full = Want { line: "tmux", slot: FULL, theme: "" };
    let host = jobs::host(None);
    let shown = render::instances(&built_in, full);
    let mut sources: Vec<_> = shown
        .iter()
        .map(|instance| &built_in.instances[usize::from(*instance)])
        .filter(|instance| instance.kind.place == Where::Daemon && instance.pace != Pace::Ask)
        .map(|instance| (instance.kind.open)(&instance.options).expect("opens"))
        .collect();
    let ask = Ask::default();
    let mut tick = || sources.iter_mut().for_each(|source| drop(source.sample(&host, &ask)));
    row("a tick of the default host segments, at once again", time(300, &mut tick));
    // As it is: after a second in which others had the caches.
    let mut cold: Vec<f64> = (0..8)
        .map(|_| {
            run_for(1);
            let start = std::time::Instant::now();
            tick();
            start.elapsed().as_nanos() as f64 / 1e3
        })
        .collect();
    row("**the same after a second** (budget 150)", support::median(&mut cold));
}
