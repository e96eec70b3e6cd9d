//! How long a key takes from the keyboard to the screen in GNU screen: plain, with Rainline while
//! one of its segments hangs, and with all of Rainline but its streams hanging.
//!
//! `cargo bench --bench typing`. The screens take turns key by key, so that a busy machine moves
//! all of them; what counts is the difference. It measures and judges nothing.
#![allow(clippy::print_stdout, reason = "a bench says what it measured")]

#[allow(unused_imports)] // Not everything that the tests stand on is needed here.
#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::process::command_line;
use support::terminal::argv;
use support::{Sandbox, Terminal, program, signal, tool};

const ROUNDS: usize = 5;
const KEYS: usize = 200;
/// Keys in a row.
const ROW: u16 = 60;

/// The clock moves every second and the session is read by a worker.
const CONFIG: &str = "[line.screen]\nleft = [\"session\"]\n\
                      right = [\"cpu\", \"memory\", \"clock\"]\n\
                      [segment.clock]\ntime = \"%H:%M:%S\"\n";

struct Typed<'a> {
    name: &'static str,
    sandbox: &'a Sandbox,
    terminal: Terminal,
    times: Vec<Duration>,
}

impl<'a> Typed<'a> {
    fn start(name: &'static str, sandbox: &'a Sandbox, lines: &str) -> Typed<'a> {
        let rc = format!("startup_message off\ndefutf8 on\n{lines}");
        let rc = sandbox.write("screenrc", rc);
        // Nothing but the echo is ever written.
        let cat = "stty -icanon; echo go; exec cat >/dev/null";
        let screen = tool("screen");
        let words = argv([&screen, &"-U", &"-c", &rc, &"-S", &"typed", &"sh", &"-c", &cat]);
        let mut terminal = Terminal::spawn(sandbox, &words, 12, 120);
        terminal.wait_text("go");
        Typed { name, sandbox, terminal, times: Vec::new() }
    }

    /// One key, until it stands on the screen.
    fn key(&mut self) {
        let (row, column) = self.terminal.screen().cursor_position();
        if column >= ROW {
            self.terminal.send("\r");
            self.terminal.wait("a new row", |screen| screen.cursor_position().1 == 0);
            return self.key();
        }
        let start = Instant::now();
        self.terminal.send("x");
        self.terminal.wait("the echo", |screen| screen.cursor_position() == (row, column + 1));
        self.times.push(start.elapsed());
    }

    fn percentile(&self, share: f64) -> f64 {
        let mut times = self.times.clone();
        times.sort_unstable();
        let at = ((times.len() as f64 * share).ceil() as usize).clamp(1, times.len()) - 1;
        times[at].as_secs_f64() * 1000.0
    }
}

impl Drop for Typed<'_> {
    fn drop(&mut self) {
        let mut quit = self.sandbox.command(tool("screen"));
        // One that is gone already is as good.
        let _ = quit.args(["-S", "typed", "-X", "quit"]).output();
    }
}

fn sandbox() -> Sandbox {
    Sandbox::new().with_screens().configured(CONFIG)
}

/// Stops the processes of a sandbox whose command line has one of these words as its first.
fn stop(sandbox: &Sandbox, words: &[&str]) -> usize {
    let program = program().display().to_string();
    let ours = |pid: &u32| {
        let line = command_line(*pid);
        let mut parts = line.split(' ');
        let own = parts.next().is_some_and(|first| first == program || first == "/proc/self/exe");
        own && parts.next().is_some_and(|verb| words.contains(&verb))
    };
    let stopped: Vec<u32> = sandbox.processes().into_iter().filter(ours).collect();
    stopped.iter().for_each(|pid| signal(*pid, Signal::STOP));
    stopped.len()
}

fn main() {
    let (plain, hung, mute) = (sandbox(), sandbox(), sandbox());
    let lines = hung.wiring("screen");
    let own = "hardstatus alwayslastline \"%{= Kk} %-w%n %t%+w %=%0c:%s \"\n";
    let mut screens = [
        Typed::start("plain screen", &plain, own),
        Typed::start("rainline, a segment hangs", &hung, &lines),
        Typed::start("rainline, its daemon hangs", &mute, &lines),
    ];
    for screen in &mut screens[1..] {
        screen.terminal.wait("a whole line", |screen| {
            let found = screen.contents();
            let numbers = found
                .match_indices('%')
                .any(|(at, _)| found[..at].ends_with(|c: char| c.is_ascii_digit()));
            numbers && found.contains("mem")
        });
    }
    println!(
        "held: {} workers; {} daemons and workers",
        stop(&hung, &["worker"]),
        stop(&mute, &["daemon", "worker"])
    );
    let mut pause = 0;
    for round in 1..=ROUNDS {
        for _ in 0..KEYS {
            // 3 to 20 ms, so that keys meet every phase of the redraw each second.
            pause = (pause * 7 + 5) % 18;
            std::thread::sleep(Duration::from_millis(3 + pause));
            screens.iter_mut().for_each(Typed::key);
            screens.rotate_left(1);
        }
        screens.sort_by_key(|screen| screen.name.len());
        println!("round {round}, {KEYS} keys each, ms:        median    99 %     most");
        let base = screens[0].percentile(0.99);
        for screen in &mut screens {
            let [half, most, all] = [0.5, 0.99, 1.0].map(|share| screen.percentile(share));
            let more = most - base;
            println!("  {:<28} {half:>12.3} {most:>7.3} {all:>8.3}   99 % {more:+.3}", screen.name);
            screen.times.clear();
        }
    }
}
