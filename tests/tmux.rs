//! The main job: a real tmux, wired by what `rainline init tmux` prints, looked at cell by cell.
//!
//! Whatever is measured here is compared with what the kernel says of the same span, so that a busy
//! machine moves both.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::process::{self, children, command_line};
use crate::support::{DEADLINE, Look, Sandbox, Terminal, Tmux, signal, until_true, wait_end};

const ROWS: u16 = 6;
/// The clock with its seconds: a line that has to move every second, and a number to go by.
const SECONDS: &str = "[segment.clock]\ntime = \"%H:%M:%S\"\n";

fn home(config: &str) -> Sandbox {
    Sandbox::new().configured(config)
}

/// A tmux that is wired, with a client of so many columns.
fn wired(sandbox: &Sandbox, columns: u16) -> Tmux<'_> {
    let tmux = Tmux::start(sandbox, &sandbox.wiring("tmux"), ROWS, columns);
    // By itself tmux names a window after what runs in it just then.
    tmux.run(&["rename-window", "cat"]);
    tmux
}

/// The status line of a screen, blanks included.
fn bar(screen: &vt100::Screen) -> String {
    let (rows, columns) = screen.size();
    screen.rows(0, columns).nth(usize::from(rows - 1)).unwrap_or_default()
}

/// The text between the first `start` and the next `end`.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let rest = &text[text.find(start)? + start.len()..];
    Some(&rest[..rest.find(end)?])
}

fn wait_bar(terminal: &mut Terminal, what: &str, mut done: impl FnMut(&str) -> bool) -> String {
    let mut found = String::new();
    terminal.wait(what, |screen| {
        found = bar(screen);
        done(&found)
    });
    found
}

/// Waits until the drawn clock shows another second than `before`, and gives the line.
fn next_second(terminal: &mut Terminal, before: &mut String) -> String {
    let line = wait_bar(terminal, "the next second", |line| {
        clock_of(line).is_some_and(|clock| clock != before)
    });
    *before = clock_of(&line).expect("just seen").to_owned();
    line
}

/// `HH:MM:SS` at the end of a line.
fn clock_of(line: &str) -> Option<&str> {
    let line = line.trim_end();
    let clock = line.get(line.len().checked_sub(8)?..)?;
    let shape = |(at, c): (usize, char)| if at % 3 == 2 { c == ':' } else { c.is_ascii_digit() };
    clock.char_indices().all(shape).then_some(clock)
}

/// The streaming jobs of a tmux server.
fn streams(server: u32) -> Vec<u32> {
    let jobs = children(server).into_iter();
    jobs.filter(|pid| command_line(*pid).contains(" stream tmux ")).collect()
}

/// Whether a bar is whole: nothing cut by tmux, the windows there, the clock on the last cells.
fn fits(line: &str, columns: u16) -> bool {
    let cells = line.chars().count();
    let clock = line.trim_end().rsplit(' ').next().unwrap_or_default();
    let at_the_end = clock.len() == 5 && clock.as_bytes()[2] == b':';
    // The clock's own blank is the last cell.
    let to_the_edge = line.trim_end().chars().count() == usize::from(columns) - 1;
    let whole = !line.contains(['<', '>', '…']) && line.contains(" 0 cat ");
    cells <= usize::from(columns) && at_the_end && to_the_edge && whole && line.contains("main")
}

#[test]
fn session_window_and_pane_have_their_right_names_and_follow_them() {
    let sandbox = home(
        "[line.tmux]\nleft = ['session']\nright = ['clock']\n\
         [segment.session]\nformat = '($name/$window/$window_name/$pane/$pane_title;)'\n",
    );
    let mut tmux = wired(&sandbox, 160);
    let shows = |tmux: &mut Tmux, text: &str| {
        wait_bar(&mut tmux.terminal, text, |line| line.starts_with(text));
    };
    tmux.run(&["select-pane", "-T", "a title"]);
    shows(&mut tmux, "main/0/cat/0/a title;");
    tmux.run(&["rename-session", "renamed"]);
    shows(&mut tmux, "renamed/0/cat/0/a title;");
    tmux.run(&["new-window", "-n", "second"]);
    tmux.run(&["split-window"]);
    tmux.run(&["select-pane", "-T", "other"]);
    shows(&mut tmux, "renamed/1/second/1/other;");
    tmux.run(&["rename-window", "漢字 é"]);
    shows(&mut tmux, "renamed/1/漢字 é/1/other;");
    tmux.run(&["select-window", "-t", ":0"]);
    shows(&mut tmux, "renamed/0/cat/0/a title;");
}

#[test]
fn every_client_gets_a_line_of_its_own_width() {
    let sandbox = Sandbox::new();
    let mut tmux = wired(&sandbox, 120);
    let mut narrow = tmux.attach(ROWS, 60);
    let mut wide = tmux.attach(ROWS, 200);
    let check = |terminal: &mut Terminal, columns: u16| {
        let line = wait_bar(terminal, &format!("a line of {columns} cells"), |line| {
            fits(line, columns) && line.contains("cpu")
        });
        println!("{columns:>4} {line}");
    };
    check(&mut tmux.terminal, 120);
    check(&mut narrow, 60);
    check(&mut wide, 200);
    // The same again after all changed their widths.
    tmux.terminal.resize(ROWS, 60);
    narrow.resize(ROWS, 200);
    wide.resize(ROWS, 121);
    check(&mut tmux.terminal, 60);
    check(&mut narrow, 200);
    check(&mut wide, 121);
}

/// The background of the first cell: the session segment's.
fn first(terminal: &Terminal) -> Look {
    terminal.row(ROWS - 1)[0].clone()
}

#[test]
fn the_prefix_key_changes_the_style_while_our_processes_are_stopped() {
    // Nothing in the line moves by itself, so what is drawn late is the same.
    let sandbox = home("[line.tmux]\nright = ['it']\n[segment.it]\nuse = 'text'\ntext = 'right'\n");
    let mut tmux = wired(&sandbox, 100);
    wait_bar(&mut tmux.terminal, "a line", |line| {
        line.contains("main") && line.contains(" 0 cat ") && line.trim_end().ends_with("right")
    });
    until_true("both streams at a daemon", || sandbox.figure("streams") == Some(2));
    // All that could help is stopped: what happens now tmux does alone.
    let held: Vec<u32> = streams(tmux.server()).into_iter().chain(sandbox.daemon()).collect();
    assert_eq!(held.len(), 3, "two streams and a daemon");
    held.iter().for_each(|pid| signal(*pid, Signal::STOP));
    // What was on its way is drawn within tmux's next second; a refresh would start new streams.
    tmux.run(&["display-message", "-p", ""]);
    let (mut calm, mut text) = (first(&tmux.terminal), String::new());
    while text != tmux.terminal.text(ROWS - 1) {
        text = tmux.terminal.text(ROWS - 1);
        tmux.terminal.watch(Duration::from_millis(1200));
        calm = first(&tmux.terminal);
    }
    tmux.terminal.send("\x02");
    tmux.terminal.wait("another style", |screen| {
        crate::support::terminal::looks(screen, ROWS - 1)[0].bg != calm.bg
    });
    assert_eq!(tmux.terminal.text(ROWS - 1), text, "only the style has changed");
    tmux.terminal.send("Q");
    tmux.terminal.wait("the style as before", |screen| {
        crate::support::terminal::looks(screen, ROWS - 1)[0] == calm
    });
    held.iter().for_each(|pid| signal(*pid, Signal::CONT));
}

#[test]
fn the_line_keeps_moving_without_a_single_new_process() {
    let sandbox = home(SECONDS);
    let mut tmux = wired(&sandbox, 120);
    let mut clock = String::new();
    next_second(&mut tmux.terminal, &mut clock);
    next_second(&mut tmux.terminal, &mut clock);
    let server = tmux.server();
    let jobs = children(server);
    assert_eq!(streams(server).len(), 2);
    assert_eq!(jobs.len(), 3, "the pane and two streams: {jobs:?}");
    let ended = || process::cost_of_ended_children(server);
    let before = ended();
    for _ in 0..8 {
        next_second(&mut tmux.terminal, &mut clock);
    }
    assert_eq!(ended(), before, "no child of the server has come and gone");
    assert_eq!(children(server), jobs, "and none has come");
}

#[test]
fn the_line_comes_back_after_its_daemon_was_killed() {
    let sandbox = home(SECONDS);
    let mut tmux = wired(&sandbox, 120);
    let mut clock = String::new();
    next_second(&mut tmux.terminal, &mut clock);
    next_second(&mut tmux.terminal, &mut clock);
    let killed = sandbox.daemon().expect("a daemon");
    signal(killed, Signal::KILL);
    wait_end(killed);
    let start = Instant::now();
    loop {
        let line = next_second(&mut tmux.terminal, &mut clock);
        assert!(line.contains(" 0 cat ") && line.contains("main"), "{line:?}");
        if sandbox.daemon().is_some_and(|pid| pid != killed) {
            break;
        }
        assert!(start.elapsed() < DEADLINE, "no daemon came back");
    }
    next_second(&mut tmux.terminal, &mut clock);
}

#[test]
fn the_wiring_may_be_read_twice() {
    let sandbox = Sandbox::new();
    let mut tmux = wired(&sandbox, 100);
    wait_bar(&mut tmux.terminal, "a line", |line| fits(line, 100));
    let options = |tmux: &Tmux| {
        [["show-options", "-g"], ["show-options", "-gw"], ["show-options", "-s"]]
            .map(|words| tmux.run(&words))
    };
    let before = options(&tmux);
    let file = sandbox.write("wiring", sandbox.wiring("tmux"));
    assert_eq!(tmux.run(&["source-file", &file.to_string_lossy()]), "");
    assert_eq!(options(&tmux), before);
    tmux.run(&["refresh-client", "-S"]);
    wait_bar(&mut tmux.terminal, "a line", |line| fits(line, 100));
    // tmux ends the jobs of before as it starts those of now; their ends take a moment.
    until_true("two jobs", || streams(tmux.server()).len() == 2);
}

#[test]
fn the_streams_end_with_their_server() {
    let sandbox = Sandbox::new();
    let mut tmux = wired(&sandbox, 100);
    wait_bar(&mut tmux.terminal, "a line", |line| fits(line, 100));
    let server = tmux.server();
    let jobs = streams(server);
    assert_eq!(jobs.len(), 2);
    signal(server, Signal::KILL);
    jobs.into_iter().for_each(wait_end);
}

#[test]
fn hostile_names_are_shown_and_not_obeyed() {
    let sandbox = home(
        "[segment.session]\nformat = '($name:$window_name;)'\n[line.tmux]\nright = ['clock']\n",
    );
    let mut tmux = wired(&sandbox, 160);
    for name in ["#(touch SENTINEL)", "#[fg=red]x", "#{pane_pid}", "#h", "%H %%", "a,b}c"] {
        // Names are formats when they are given: `##` is one `#` there, but not before a `[`.
        let given = name.replace('#', "##").replace("##[", "#[");
        tmux.run(&["rename-session", &given]);
        tmux.run(&["rename-window", &given]);
        let stored = tmux.run(&["display-message", "-p", "#{session_name}"]);
        let window = tmux.run(&["display-message", "-p", "#{window_name}"]);
        assert_eq!(stored, name, "tmux keeps it");
        let ours = format!("{stored}:{window};");
        let windows = format!(" 0 {window} ");
        wait_bar(&mut tmux.terminal, name, |line| {
            line.starts_with(&ours) && line.contains(&windows)
        });
        let calm = first(&tmux.terminal);
        let row = tmux.terminal.row(ROWS - 1);
        let own = &row[..ours.chars().count()];
        assert!(own.iter().all(|look| (look.fg, look.bg) == (calm.fg, calm.bg)), "{name}");
        let at = ours.chars().count();
        let list = &row[at..at + windows.chars().count()];
        assert!(list.iter().all(|look| (look.fg, look.bg) == (list[0].fg, list[0].bg)), "{name}");
    }
    assert_eq!(sandbox.files_named("SENTINEL"), Vec::<std::path::PathBuf>::new());
}

/// Busy and all time of the processors so far, in ticks; waiting for a disk is not busy.
fn ticks() -> (f64, f64) {
    let text = fs::read_to_string("/proc/stat").expect("/proc/stat");
    let numbers = text.lines().next().expect("a line").split_whitespace().skip(1).take(8);
    let ticks: Vec<f64> = numbers.map(|number| number.parse().expect("a number")).collect();
    let all: f64 = ticks.iter().sum();
    (all - ticks[3] - ticks[4], all)
}

#[test]
fn the_drawn_cpu_is_what_the_kernel_counts() {
    let sandbox = home(SECONDS);
    let mut tmux = wired(&sandbox, 160);
    let mut clock = String::new();
    for _ in 0..3 {
        next_second(&mut tmux.terminal, &mut clock);
    }
    let busy = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let spinning = busy.clone();
    let spinner = std::thread::spawn(move || {
        while spinning.load(std::sync::atomic::Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    });
    let mut drawn: Vec<f64> = Vec::new();
    // The value of a second is drawn at its end.
    next_second(&mut tmux.terminal, &mut clock);
    let (mut before, mut again) = (ticks(), 0);
    while drawn.len() < 18 {
        let line = next_second(&mut tmux.terminal, &mut clock);
        let number = between(&line, "cpu", "%").expect("a value").trim();
        match number.parse() {
            Ok(number) => drawn.push(number),
            // A daemon that got no time is not waited for, and the first value that a stream measures
            // itself is none: the span begins again.
            Err(_) => {
                again += 1;
                assert!(again < 4, "{line}");
                drawn.clear();
                before = ticks();
            }
        }
    }
    let after = ticks();
    busy.store(false, std::sync::atomic::Ordering::Relaxed);
    spinner.join().expect("it ends");
    let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
    let kernel = 100.0 * (after.0 - before.0) / (after.1 - before.1);
    println!("cpu: {} values drawn, mean {mean:.1} %, /proc/stat {kernel:.1} %", drawn.len());
    println!("     {drawn:?}");
    assert!((mean - kernel).abs() < 5.0, "{mean} and {kernel}");
    assert!(kernel > 100.0 / (2.0 * num_cpus() as f64), "a processor was busy");
}

fn num_cpus() -> usize {
    fs::read_to_string("/proc/stat")
        .expect("/proc/stat")
        .lines()
        .filter(|line| line.starts_with("cpu") && !line.starts_with("cpu "))
        .count()
        .max(1)
}

/// A number of `/proc/meminfo`, in bytes.
fn meminfo(name: &str) -> f64 {
    let text = fs::read_to_string("/proc/meminfo").expect("/proc/meminfo");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    number.expect("a number") * 1024.0
}

/// `1.062G` in bytes.
fn bytes(text: &str) -> f64 {
    let text = text.trim();
    let power = match text.chars().last() {
        Some('K') => 1,
        Some('M') => 2,
        Some('G') => 3,
        Some('T') => 4,
        _ => 0,
    };
    let number = text.trim_end_matches(char::is_alphabetic).parse::<f64>();
    number.unwrap_or_else(|_| panic!("{text:?}")) * 1024_f64.powi(power)
}

/// The available memory, read again and again while others run.
struct Watched {
    available: Arc<Mutex<Vec<(Instant, f64)>>>,
    watching: Arc<AtomicBool>,
}

impl Watched {
    fn begin() -> Watched {
        let (available, watching) = (Arc::default(), Arc::new(AtomicBool::new(true)));
        let (log, on): (Arc<Mutex<Vec<_>>>, _) = (Arc::clone(&available), watching.clone());
        std::thread::spawn(move || {
            while on.load(Relaxed) {
                let reading = (Instant::now(), meminfo("MemAvailable"));
                log.lock().expect("no panic").push(reading);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Watched { available, watching }
    }

    /// The least and the most of the last seconds: what is drawn was read in between.
    fn lately(&self) -> (f64, f64) {
        let available = self.available.lock().expect("no panic");
        let recent =
            available.iter().rev().take_while(|(at, _)| at.elapsed() < Duration::from_secs(3));
        recent.fold((f64::MAX, 0.0), |(least, most), (_, available)| {
            (least.min(*available), most.max(*available))
        })
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watching.store(false, Relaxed);
    }
}

#[test]
fn the_drawn_memory_is_what_the_kernel_says() {
    let config = "[segment.memory]\nlimit = 'machine'\nformat = ' mem $used.eng(w:6) '\n";
    let sandbox = home(&format!("{config}{SECONDS}"));
    let mut tmux = wired(&sandbox, 160);
    let (mut clock, watched) = (String::new(), Watched::begin());
    let (mega, total) = (1024.0 * 1024.0, meminfo("MemTotal"));
    // 2 GB where there is room for it.
    let size = (2.0 * 1024_f64.powi(3)).min(meminfo("MemAvailable") / 2.0);
    // The mean of what is drawn, each figure compared with what was available meanwhile.
    let mut readings = |tmux: &mut Tmux| {
        // What is drawn first may be of the time before.
        (0..4).for_each(|_| drop(next_second(&mut tmux.terminal, &mut clock)));
        let mut mean = 0.0;
        for _ in 0..4 {
            let line = next_second(&mut tmux.terminal, &mut clock);
            let figure = between(&line, " mem ", " ╱").unwrap_or_else(|| panic!("{line}"));
            let (drawn, (least, most)) = (bytes(figure), watched.lately());
            let (low, high) = ((total - most) / mega, (total - least) / mega);
            println!("memory: {:.0} MB drawn, {low:.0} to {high:.0} read", drawn / mega);
            let near = 0.02 * size / mega;
            assert!((low - near..=high + near).contains(&(drawn / mega)));
            mean += drawn / 4.0;
        }
        mean
    };
    let before = readings(&mut tmux);
    let mut touched = vec![0_u8; size as usize];
    touched.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
    let after = readings(&mut tmux);
    assert!(std::hint::black_box(&touched)[4096] == 1);
    // By how much is not asked: what others take and give back meanwhile is in it.
    println!("memory: {:.0} MB touched, {:.0} drawn", size / mega, (after - before) / mega);
}
