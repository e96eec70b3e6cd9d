//! What the daemon does for one line, in microseconds: `cargo bench --bench micro`.

use rainline::config::{self, Config};
use rainline::daemon::jobs;
use rainline::example::Example;
use rainline::format::Format;
use rainline::graph::{self, Classes, Curve, Dot, Pen, Scale};
use rainline::render::{self, FULL, Want};
use rainline::style::Depth;
use rainline::targets::{self, Caps};
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
    let (scale, pen) = (Scale::linear(100.0), Pen::default());
    let values: Vec<f64> = cells.iter().map(|cell| f64::from(cell.mean)).collect();
    let classes = Classes { parts: &[9.0, 31.0, 6.0, 28.0, 26.0], whole: 100.0 };
    let graphs: [(&str, &dyn Fn() -> Vec<Dot>); 10] = [
        ("spark", &|| graph::spark(&cells, 60, scale, pen)),
        ("braille", &|| graph::braille(&cells, 60, scale, pen)),
        ("whisker", &|| graph::whisker(&cells, 60, scale, pen)),
        ("pair", &|| graph::pair(&cells, &cells, 60, [scale; 2], pen)),
        ("mirror", &|| graph::mirror(&cells, &cells, 60, scale, pen)),
        ("rain", &|| graph::rain(&cells, &cells, classes, 60, scale, pen)),
        ("stack", &|| graph::stack(classes.parts, classes.whole, 60, pen)),
        ("bar with a marker", &|| graph::bar(0.42, Some(0.8), 60, pen)),
        ("columns", &|| graph::columns(&values, 60, scale, pen)),
        ("heat", &|| graph::heat(&values, 60, scale, pen)),
    ];
    for (name, draw) in graphs {
        row(&format!("{name}, 60 cells"), time(2000, || drop(draw())));
    }
    let log = Scale { curve: Curve::Log, ..scale };
    row("spark by logarithm, 60 cells", time(2000, || drop(graph::spark(&cells, 60, log, pen))));
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
    for (name, depth) in [("256", Depth::Ansi256), ("16", Depth::Ansi16)] {
        let fewer = Caps { depth, ..caps.clone() };
        let micros = time(500, || drop(render::encode(&rows, tmux, &fewer)));
        row(&format!("encode for tmux in {name} colours"), micros);
    }
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
