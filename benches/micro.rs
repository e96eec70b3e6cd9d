//! What the daemon does for one line and in one tick, in microseconds: `cargo bench --bench micro`.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rainline::config;
use rainline::daemon::Engine;
use rainline::line::rows::{self, Want};
use rainline::readings::schedule::Now;
use rainline::sample_data::SampleData;
use rainline::worker;
use rainline_caps::Caps;
use rainline_caps::Depth;
use rainline_client::protocol::{Body, LineRequest, Request};
use rainline_client::{runtime, timespec};
use rainline_render::format::Format;
use rainline_render::format::formatter::{
    bar::bar,
    braille::braille,
    columns::columns,
    heat::heat,
    mirror::mirror,
    pair::pair,
    rain::{Classes, rain},
    spark::spark,
    stack::stack,
    whisker::whisker,
};
use rainline_render::graph::{Canvas, Curve, GraphCell, Scale};
use rainline_render::targets;
use rainline_segments::Ring;
use rustix::event::{PollFd, poll};

mod support;
use support::{children, childrens_cpu, cpu, machine, median, time};

const TEN: &str = "[line.tmux]\nleft = []\nright = [\"cpu\", \"memory\", \"cpu-b\", \"memory-b\", \"clock\", \
\"hostname\", \"cpu-c\", \"memory-c\", \"clock-b\", \"session\"]\n\
[segment.cpu-b]\nuse = \"cpu\"\n[segment.cpu-c]\nuse = \"cpu\"\n[segment.memory-b]\nuse = \"memory\"\n\
[segment.memory-c]\nuse = \"memory\"\n[segment.clock-b]\nuse = \"clock\"\n";

fn main() {
    if std::env::args().nth(1).as_deref() == Some("worker") {
        std::process::exit(worker::main(None));
    }
    if let Some(house) = std::env::var_os(TICKS) {
        return ticks(Path::new(&house));
    }
    println!("{}\n\n| step | µs |\n|---|---|", machine());
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("config.toml");
    std::fs::write(&path, TEN).expect("written");
    let ten = config::build(&config::gather(&path));
    assert!(ten.problems.is_empty(), "{:?}", ten.problems);
    let samples = SampleData::of(&ten);
    let want = Want { line: "tmux", slot: "right", theme: "" };
    let caps = Caps { columns: 200, ..Caps::default() };
    let row = |name: &str, micros: f64| println!("| {name} | {micros:.2} |");

    let kind = ten.instances[usize::from(ten.instance("cpu").expect("cpu"))].kind;
    row("parse a format", time(2000, || drop(Format::parse(kind.format, kind))));
    let mut ring = Ring::default();
    (0..600_u64).for_each(|at| ring.push((at * 37 % 100) as f64, at));
    let cells: Vec<_> = ring.recent(60).collect();
    let (scale, canvas) = (Scale::linear(100.0), Canvas::default());
    let values: Vec<f64> = cells.iter().map(|cell| f64::from(cell.mean)).collect();
    let classes = Classes { parts: &[9.0, 31.0, 6.0, 28.0, 26.0], whole: 100.0 };
    let graphs: [(&str, &dyn Fn() -> Vec<GraphCell>); 10] = [
        ("spark", &|| spark(&cells, 60, scale, canvas)),
        ("braille", &|| braille(&cells, 60, scale, canvas)),
        ("whisker", &|| whisker(&cells, 60, scale, canvas)),
        ("pair", &|| pair(&cells, &cells, 60, [scale; 2], canvas)),
        ("mirror", &|| mirror(&cells, &cells, 60, scale, canvas)),
        ("rain", &|| rain(&cells, &cells, classes, 60, scale, canvas)),
        ("stack", &|| stack(classes.parts, classes.whole, 60, canvas)),
        ("bar with a marker", &|| bar(0.42, Some(0.8), 60, canvas)),
        ("columns", &|| columns(&values, 60, scale, canvas)),
        ("heat", &|| heat(&values, 60, scale, canvas)),
    ];
    for (name, draw) in graphs {
        row(&format!("{name}, 60 cells"), time(2000, || drop(draw())));
    }
    let log = Scale { curve: Curve::Log, ..scale };
    row("spark by logarithm, 60 cells", time(2000, || drop(spark(&cells, 60, log, canvas))));
    let laid = time(500, || drop(rows::rows(&ten, want, &samples, &caps)));
    row("format, paint and fit 10 segments", laid);
    let narrow = Caps { columns: 60, ..Caps::default() };
    row("the same into 60 cells", time(500, || drop(rows::rows(&ten, want, &samples, &narrow))));
    let rows = rows::rows(&ten, want, &samples, &caps);
    for target in targets::ALL {
        let micros = time(500, || drop(rows::encode(&rows, target, &caps)));
        row(&format!("encode for {}", target.name), micros);
    }
    let tmux = targets::find("tmux").expect("known");
    for (name, depth) in [("256", Depth::Ansi256), ("16", Depth::Ansi16)] {
        let fewer = Caps { depth, ..caps.clone() };
        let micros = time(500, || drop(rows::encode(&rows, tmux, &fewer)));
        row(&format!("encode for tmux in {name} colours"), micros);
    }
    let whole = time(500, || {
        drop(rows::encode(&rows::rows(&ten, want, &samples, &caps), tmux, &caps));
    });
    row("**a 10-segment line for tmux** (budget 50)", whole);

    println!();
    // In a home of its own, and as a process that does nothing else.
    let mut again = std::process::Command::new(std::env::current_exe().expect("ourselves"));
    again.env_clear().env("HOME", folder.path()).env(TICKS, folder.path());
    again.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LANG", "C.UTF-8");
    again.env("RAINLINE_RUNTIME_DIR", folder.path().join("runtime"));
    assert!(again.status().expect("it runs").success());
}

/// Set where only the ticks are measured: the folder to do it in.
const TICKS: &str = "RAINLINE_BENCH_TICKS";
/// How many ticks are looked at of each sort, a second apart.
const SECONDS: usize = 20;

/// What one tick of the daemon takes: the engine's own, as its loop calls it, a second after the last
/// one, when others had the caches. What workers do is theirs and is told apart.
fn ticks(folder: &Path) {
    println!("| one tick, a second after the last | readings | µs | µs CPU | most µs |");
    println!("|---|---|---|---|---|");
    let all = folder.join("all.toml");
    std::fs::write(&all, support::everything()).expect("written");
    let lines = [("the default line", 150, PathBuf::new()), ("every segment", 400, all)];
    let mut workers = Vec::new();
    for (name, budget, config) in lines {
        let runtime = runtime::open().expect("a directory of its own");
        let mut engine = Engine::new(&Rc::new(runtime), None);
        let line = LineRequest {
            line: "tmux".into(),
            target: "tmux".into(),
            config,
            columns: 200,
            pid: std::process::id(),
            ..LineRequest::default()
        };
        let request = Request::new(Body::Print(line), Duration::ZERO);
        // The first one has its config read, the second looks at its line, whatever comes of the
        // readings that are still on their way.
        engine.request(0, request.clone(), &Now::read());
        run_jobs(&mut engine, Duration::from_secs(1));
        engine.request(0, request, &Now::read());
        run_jobs(&mut engine, Duration::from_secs(2));
        let others = || -> u64 {
            children(std::process::id()).iter().map(|pid| cpu(*pid) + childrens_cpu(*pid)).sum()
        };
        let (before, start) = (others(), Instant::now());
        for (sort, mark) in [("as it comes", ""), ("everything at once", "**")] {
            let (mut walls, mut cpus, mut readings) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..SECONDS {
                // Jobs come first, so that nothing of them is in a CPU cache at the tick.
                run_jobs(&mut engine, Duration::from_millis(500));
                if !mark.is_empty() {
                    // Then everything is due.
                    engine.jump();
                }
                std::thread::sleep(Duration::from_millis(500));
                let (wall, cpu) = (Instant::now(), own_cpu());
                let count = engine.sample_due(&Now::read());
                let (cpu, wall) = (own_cpu() - cpu, wall.elapsed());
                readings.push(count as f64);
                walls.push(wall.as_nanos() as f64 / 1e3);
                cpus.push(cpu as f64 / 1e3);
            }
            let budget =
                if mark.is_empty() { String::new() } else { format!(" (budget {budget})") };
            println!(
                "| {mark}{name}, {sort}{mark}{budget} | {:.0} | {:.1} | {:.1} | {:.1} |",
                median(&mut readings),
                median(&mut walls),
                median(&mut cpus),
                walls.last().expect("sorted"),
            );
        }
        let spent = others().saturating_sub(before) as f64 / 1e3 / start.elapsed().as_secs_f64();
        workers.push(format!(
            "{name} {spent:.0} µs CPU/s in {} workers",
            children(std::process::id()).len()
        ));
    }
    println!("\nBeside these, at their own pace: {}.", workers.join("; "));
}

/// Gives the workers their jobs and takes their answers, for so long.
fn run_jobs(engine: &mut Engine, time: Duration) {
    let end = Instant::now() + time;
    loop {
        engine.run_jobs(true, &Now::read());
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        let fds = engine.worker_fds();
        let mut fds: Vec<_> = fds.map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags)).collect();
        // Interrupted or not: what there is is taken.
        let _ = poll(&mut fds, Some(&timespec(left)));
    }
}

/// Nanoseconds that this thread has spent on processors.
fn own_cpu() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
