//! Rainline beside what else there is: `cargo bench --bench compare`, with `-- --seconds N` for how
//! long a refresh is watched and `-- --install` to have apt and pip fetch the others first.
//!
//! What is compared runs at the same time or in turns, so that a busy moment meets all alike; what
//! counts is the ratio. Processor time is the kernel's own count of it, forks are process numbers
//! used up in a pid namespace of our own where one is allowed.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

mod support;
use support::{House, children, childrens_cpu, cpu, figure, has, machine, median, run_for};

/// Everybody shares these readings, so that a print finds a frame file.
const SHARED: &str = "[line.tmux]\nright = [\"cpu\", \"memory\", \"clock\"]\n";

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let seconds = args.iter().position(|arg| arg == "--seconds").and_then(|at| args.get(at + 1));
    let seconds = seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or(30);
    if args.iter().any(|arg| arg == "--install") {
        install();
    }
    println!("{}; {}\n", machine(), support::program().display());
    floor();
    refresh(seconds);
    daemon(seconds);
}

/// Fetches the others; what fails is skipped later.
fn install() {
    let run = |program: &str, args: &[&str]| {
        let _ = Command::new(program).args(args).stdout(Stdio::null()).status();
    };
    run("apt-get", &["install", "-y", "-qq", "tmux", "musl-tools", "byobu", "tmux-mem-cpu-load"]);
    run("pip", &["install", "--user", "--quiet", "powerline-status"]);
}

/// An empty static program: nothing that starts can be cheaper.
fn empty(folder: &std::path::Path) -> Option<(PathBuf, &'static str)> {
    let (source, out) = (folder.join("empty.c"), folder.join("empty"));
    std::fs::write(&source, "int main(void) { return 0; }\n").ok()?;
    let compilers = [("musl-gcc", "musl"), ("cc", "glibc")];
    compilers.into_iter().filter(|(compiler, _)| has(compiler)).find_map(|(compiler, libc)| {
        let mut command = Command::new(compiler);
        command.args(["-O2", "-static", "-s", "-o"]).arg(&out).arg(&source);
        command.status().ok()?.success().then(|| (out.clone(), libc))
    })
}

fn floor() {
    const ROUNDS: usize = 500;
    let house = House::new(SHARED);
    let Some((empty, libc)) = empty(house.root.path()) else {
        return println!("no C compiler: the floor is skipped\n");
    };
    println!("### A start, five times {ROUNDS} in turns\n");
    println!("Empty: a static C program linked to {libc}. Best median of five.\n");
    let own =
        |args: &[&str]| (house.program.clone(), args.iter().map(|a| (*a).to_owned()).collect());
    let ready = ["print", "tmux", "right", "--columns", "100"];
    let asked = ["print", "tmux", "left", "--columns", "100"];
    let candidates: [(&str, (PathBuf, Vec<String>)); 4] = [
        ("empty", (empty, Vec::new())),
        ("`rainline print`, frame file", own(&ready)),
        ("`rainline print`, socket", own(&asked)),
        ("/bin/true", ("/bin/true".into(), Vec::new())),
    ];
    for _ in 0..3 {
        house.print(&ready);
        house.print(&asked);
    }
    let mut best = [f64::INFINITY; 4];
    let mut ratio = [f64::INFINITY; 4];
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

/// A tmux server with one client, and a status line of its own.
struct Tmux {
    name: &'static str,
    house: House,
    viewer: Child,
    server: u32,
    before: u64,
}

impl Tmux {
    fn start(name: &'static str, config: &str) -> Option<Tmux> {
        let house = House::new("");
        let path = house.root.path().join("tmux.conf");
        let program = house.program.display().to_string();
        let text = format!(
            "set -g status-right-length 200\nset -g status-left ''\nset -g window-status-format ''\n\
             set -g window-status-current-format ''\n{}\n",
            config.replace("RAINLINE", &program)
        );
        std::fs::write(&path, text).ok()?;
        let socket = house.root.path().join("tmux");
        let line = format!(
            "stty cols 200 rows 50; exec tmux -S {} -f {} new-session 'exec sleep 1000000'",
            socket.display(),
            path.display()
        );
        let mut command = house.command("script");
        command.args(["-qfc", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::null());
        let viewer = command.spawn().ok()?;
        let give_up = Instant::now();
        loop {
            let mut ask = house.command("tmux");
            let ask = ask.arg("-S").arg(&socket).args(["display", "-p", "#{pid}"]).output().ok()?;
            if let Ok(server) = String::from_utf8_lossy(&ask.stdout).trim().parse() {
                return Some(Tmux { name, house, viewer, server, before: 0 });
            }
            if give_up.elapsed().as_secs() > 10 {
                return None;
            }
        }
    }

    /// The server, what it runs for the status line, and the daemon behind that.
    fn cpu(&self) -> u64 {
        let jobs = children(self.server);
        let living: u64 = jobs.iter().map(|job| cpu(*job)).sum();
        cpu(self.server) + childrens_cpu(self.server) + living + cpu(self.house.daemon())
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let socket = self.house.root.path().join("tmux");
        let _ = self.house.command("tmux").arg("-S").arg(socket).arg("kill-server").status();
        let _ = self.viewer.kill();
        let _ = self.viewer.wait();
    }
}

fn refresh(seconds: u64) {
    if !has("tmux") || !has("script") {
        return println!("no tmux or no script: the refresh is skipped\n");
    }
    // The same bytes, but for the numbers, as text that tmux only draws.
    let sample = House::new("");
    let print = ["print", "tmux", "right", "--columns", "100"];
    sample.print(&print);
    run_for(2);
    let line = sample.print(&print).trim_end().replace('\'', "").replace('%', "%%");
    drop(sample);
    let mut modes: Vec<(&'static str, String)> = vec![
        ("a bare `%S`", "set -g status-interval 1\nset -g status-right '%S'".into()),
        ("the same bytes and `%S`", format!("set -g status-interval 1\nset -g status-right '{line}%S'")),
        (
            "`rainline stream`",
            "set -g status-interval 0\nset -g status-right '#(exec RAINLINE stream tmux right --columns 100)'".into(),
        ),
        (
            "`rainline print`",
            "set -g status-interval 1\nset -g status-right '#(exec RAINLINE print tmux right --columns 100)'".into(),
        ),
    ];
    let poll =
        |command: &str| format!("set -g status-interval 1\nset -g status-right '#({command})'");
    for (name, program, command) in [
        ("tmux-mem-cpu-load", "tmux-mem-cpu-load", "exec tmux-mem-cpu-load -i 1"),
        ("byobu-status", "byobu-status", "byobu-status tmux_right"),
        ("Powerline", "powerline", "exec powerline tmux right"),
    ] {
        if has(program) {
            modes.push((name, poll(command)));
        } else {
            println!("{name} is not installed: skipped\n");
        }
    }
    let mut servers: Vec<Tmux> =
        modes.iter().filter_map(|(name, config)| Tmux::start(name, config)).collect();
    run_for(4);
    servers.iter_mut().for_each(|server| server.before = server.cpu());
    run_for(seconds);
    println!("### One refresh a second, {seconds} s, all at the same time\n");
    println!("tmux server, its jobs and the daemon; 200 × 50, one client.\n");
    println!("| | µs CPU/s | × bare | × same bytes |\n|---|---|---|---|");
    let each: Vec<f64> = servers
        .iter()
        .map(|server| (server.cpu() - server.before) as f64 / 1e3 / seconds as f64)
        .collect();
    for (server, micros) in servers.iter().zip(&each) {
        println!(
            "| {} | {micros:.0} | {:.2} | {:.2} |",
            server.name,
            micros / each[0],
            micros / each.get(1).copied().unwrap_or(f64::NAN)
        );
    }
    println!();
    drop(servers);
    forks(&modes, seconds.min(10));
}

/// How many processes one refresh starts, of everything in a pid namespace of our own.
fn forks(modes: &[(&'static str, String)], seconds: u64) {
    let allowed = Command::new("unshare").args(["-r", "-p", "-f", "--mount-proc", "true"]).status();
    if !allowed.is_ok_and(|status| status.success()) {
        return println!("no pid namespace is allowed here: forks are not counted\n");
    }
    println!("### Processes per refresh\n\n| | processes/s |\n|---|---|");
    for (name, config) in modes {
        let program = support::program().display().to_string();
        let mut script = String::new();
        let _ = write!(
            script,
            "export TMUX_TMPDIR=$(mktemp -d) HOME=$(mktemp -d); export RAINLINE_RUNTIME_DIR=$HOME/r\n\
             cat >$HOME/t.conf <<'END'\n{}\nEND\n\
             '{program}' daemon start >/dev/null\n\
             script -qfc \"stty cols 200 rows 50; exec tmux -f $HOME/t.conf new-session 'exec sleep 1000'\" /dev/null >/dev/null 2>&1 </dev/zero &\n\
             sleep 5; read -r a b c d before </proc/loadavg\n\
             sleep {seconds}; read -r a b c d after </proc/loadavg\n\
             echo $((after - before - 1)); tmux kill-server; '{program}' daemon stop >/dev/null",
            config.replace("RAINLINE", &program)
        );
        let mut command = Command::new("unshare");
        command.args(["-r", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-c", &script]);
        command.env_remove("TMUX").stderr(Stdio::null());
        let output = command.output().expect("it runs");
        let count: f64 = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or(f64::NAN);
        println!("| {name} | {:.2} |", count / seconds as f64);
    }
    println!();
}

fn daemon(seconds: u64) {
    let idle = House::new("");
    let busy = House::new("");
    let mut stream = busy.rainline(&["stream", "tmux", "right", "--columns", "100"]);
    let mut stream = stream.stdout(Stdio::null()).spawn().expect("it runs");
    run_for(4);
    println!("### The daemon, {seconds} s\n");
    println!("| | µs CPU/s | wake-ups/s | RSS kB | private kB |\n|---|---|---|---|---|");
    let houses = [("nobody looks", idle.daemon()), ("one stream, 1 Hz", busy.daemon())];
    let wakes = |pid| figure(pid, "status", "voluntary_ctxt_switches:");
    let before = houses.map(|(_, pid)| (cpu(pid), wakes(pid)));
    run_for(seconds);
    for ((name, pid), (cpu_before, wakes_before)) in houses.into_iter().zip(before) {
        let private = ["Private_Clean:", "Private_Dirty:"].map(|w| figure(pid, "smaps_rollup", w));
        println!(
            "| {name} | {:.0} | {:.2} | {} | {} |",
            (cpu(pid) - cpu_before) as f64 / 1e3 / seconds as f64,
            (wakes(pid) - wakes_before) as f64 / seconds as f64,
            figure(pid, "status", "VmRSS:"),
            private.iter().sum::<u64>(),
        );
    }
    println!();
    stream.kill().expect("killed");
    stream.wait().expect("over");
}
