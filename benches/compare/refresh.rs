//! What one refresh of tmux's status line costs, filled by each of several programs.

use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Options;
use crate::peers::BARS;
use crate::support::{House, children, childrens_cpu, cpu, has, program, run_for};

/// A way to fill the line.
#[derive(Clone)]
struct Mode {
    name: &'static str,
    /// tmux's options; `RAINLINE` is our program.
    config: String,
    /// A process that it needs all the time; its time counts, too.
    helper: &'static str,
    /// A file at home.
    file: (&'static str, &'static str),
}

impl Mode {
    fn new(name: &'static str, interval: u8, right: &str) -> Mode {
        let config = format!("set -g status-interval {interval}\nset -g status-right '{right}'");
        Mode { name, config, helper: "", file: ("", "") }
    }
}

const STREAM: &str = "#(exec RAINLINE stream tmux right --columns 100)";

/// tmux alone, tmux with the same bytes as text, and us in both ways.
fn ours() -> Vec<Mode> {
    let sample = House::new("");
    let print = ["print", "tmux", "right", "--columns", "100"];
    sample.print(&print);
    run_for(2);
    let line = sample.print(&print).trim_end().replace('\'', "").replace('%', "%%");
    vec![
        Mode::new("a bare `%S`", 1, "%S"),
        Mode::new("the same bytes and `%S`", 1, &format!("{line}%S")),
        Mode::new("`rainline stream`", 0, STREAM),
        Mode::new("`rainline print`", 1, "#(exec RAINLINE print tmux right --columns 100)"),
    ]
}

fn can_run() -> bool {
    let can = has("tmux") && has("script");
    if !can {
        println!("no tmux or no script: the refresh is skipped\n");
    }
    can
}

pub fn run(options: &Options) {
    if !can_run() {
        return;
    }
    let modes = ours();
    println!("### One refresh a second, {} s, all at the same time\n", options.seconds);
    table(&start(&modes), options.seconds);
    forks(&modes, options.seconds);
}

/// Beside others' bars, all at the same time: they are heavy, so the light ones are dearer here.
pub fn peers(options: &Options) {
    if !can_run() {
        return;
    }
    let mut modes: Vec<Mode> = ours();
    for bar in BARS {
        if has(bar.program) {
            let config =
                format!("set -g status-interval 1\nset -g status-right '#({})'", bar.command);
            modes.push(Mode { name: bar.name, config, helper: bar.helper, file: bar.file });
        } else {
            println!("{} is not installed: skipped\n", bar.name);
        }
    }
    println!("### Beside other bars, {} s, all at the same time\n", options.seconds);
    table(&start(&modes), options.seconds);
    forks(&modes, options.seconds.min(15));
}

/// With a long history in the server: what is forked from it, or copied of it, grows.
pub fn scrollback(options: &Options) {
    if !can_run() {
        return;
    }
    let modes: Vec<Mode> = ours().into_iter().take(3).collect();
    let mut servers = start(&modes);
    servers.extend(start(&modes));
    let full = servers.len() / 2;
    for server in &servers[full..] {
        fill(server);
    }
    let resident = |server: &Tmux| crate::support::figure(server.server, "status", "VmRSS:") / 1024;
    println!("### A long history in the server, {} s, all at the same time\n", options.seconds);
    println!(
        "The upper half: {} MB resident, the lower half: {} MB.\n",
        resident(&servers[0]),
        resident(&servers[full])
    );
    table(&servers, options.seconds);
}

/// Fills a server's history with some 400 MB.
fn fill(server: &Tmux) {
    server.say(&["set", "-g", "history-limit", "2000000"]);
    let lines =
        "seq -f '%.0f abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789' 900000";
    server.say(&["new-window", &format!("{lines}; tmux wait-for -S filled; exec sleep 1000000")]);
    server.say(&["wait-for", "filled"]);
    // The words are through the pipe, and the server still reads.
    let limit = Instant::now() + Duration::from_secs(120);
    while server
        .say(&["display", "-p", "#{history_size}"])
        .parse()
        .is_ok_and(|size: u64| size < 890_000)
        && Instant::now() < limit
    {}
}

fn start(modes: &[Mode]) -> Vec<Tmux> {
    modes.iter().filter_map(Tmux::start).collect()
}

fn table(servers: &[Tmux], seconds: u64) {
    run_for(4);
    let before: Vec<u64> = servers.iter().map(Tmux::cpu).collect();
    run_for(seconds);
    println!("tmux server, its jobs and the daemons behind them; 200 × 50, one client.\n");
    println!("| | µs CPU/s | × bare | × same bytes |\n|---|---|---|---|");
    let spent =
        |(server, before): (&Tmux, &u64)| (server.cpu() - before) as f64 / 1e3 / seconds as f64;
    let each: Vec<f64> = servers.iter().zip(&before).map(spent).collect();
    for (server, micros) in servers.iter().zip(&each) {
        println!(
            "| {} | {micros:.0} | {:.2} | {:.2} |",
            server.name,
            micros / each[0],
            micros / each[1]
        );
    }
    println!();
}

/// A tmux server with one client, and a status line of its own.
struct Tmux {
    name: &'static str,
    house: House,
    viewer: Child,
    server: u32,
    /// A daemon that the mode needs besides ours.
    helper: Option<Child>,
}

impl Tmux {
    fn start(mode: &Mode) -> Option<Tmux> {
        let Mode { name, config, helper, file: (file, content) } = mode;
        let house = House::new("");
        if !file.is_empty() {
            std::fs::write(house.home().join(file), content).ok()?;
        }
        let path = house.home().join("tmux.conf");
        let program = house.program.display().to_string();
        let text = format!(
            "set -g status-right-length 200\nset -g status-left ''\nset -g window-status-format ''\n\
             set -g window-status-current-format ''\n{}\n",
            config.replace("RAINLINE", &program)
        );
        let helper = helper.split(' ').collect::<Vec<_>>();
        let helper = match helper.split_first() {
            Some((program, args)) if !program.is_empty() => {
                house.command(program).args(args).stdout(Stdio::null()).spawn().ok()
            }
            _ => None,
        };
        std::fs::write(&path, text).ok()?;
        let socket = house.home().join("tmux");
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
                return Some(Tmux { name, house, viewer, server, helper });
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
        let helper = self.helper.as_ref().map_or(0, |helper| cpu(helper.id()));
        cpu(self.server) + childrens_cpu(self.server) + living + helper + cpu(self.house.daemon())
    }

    /// Says something to the server.
    fn say(&self, words: &[&str]) -> String {
        let socket = self.house.home().join("tmux");
        let output = self.house.command("tmux").arg("-S").arg(socket).args(words).output();
        String::from_utf8_lossy(&output.expect("it runs").stdout).trim().to_owned()
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let socket = self.house.home().join("tmux");
        let _ = self.house.command("tmux").arg("-S").arg(socket).arg("kill-server").status();
        for child in self.helper.iter_mut().chain([&mut self.viewer]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// How many processes one refresh starts, of everything in a pid namespace of our own.
fn forks(modes: &[Mode], seconds: u64) {
    let allowed = Command::new("unshare").args(["-r", "-p", "-f", "--mount-proc", "true"]).status();
    if !allowed.is_ok_and(|status| status.success()) {
        return println!("no pid namespace is allowed here: forks are not counted\n");
    }
    println!("### Processes per refresh\n\n| | processes/s |\n|---|---|");
    for Mode { name, config, helper, file: (file, content) } in modes {
        let program = program().display().to_string();
        let mut script = String::new();
        let _ = write!(
            script,
            "export TMUX_TMPDIR=$(mktemp -d) HOME=$(mktemp -d); export RAINLINE_RUNTIME_DIR=$HOME/r\n\
             printf '%s' '{content}' >$HOME/{file}.\n\
             mv $HOME/{file}. $HOME/{file} 2>/dev/null\n\
             cat >$HOME/t.conf <<'END'\n{}\nEND\n\
             '{program}' daemon start >/dev/null; {helper} >/dev/null 2>&1 &\n\
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
