//! What every host shows of the same segments on the same machine, as its own screen has it: cells
//! with their colours, at three widths, kept in `golden/host_screens`.
//!
//! The machine is a directory (`daemon start --root`), so that every value is known; the hosts are
//! the real ones, wired by what `rainline init` prints. A difference is looked at and then either
//! kept or mended.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::golden::kept;
use crate::support::terminal::{argv, looks};
use crate::support::{
    DEADLINE, Goldens, Look, Sandbox, Terminal, Tmux, namespace, process, program, root, tool,
    wait_end,
};

const WIDTHS: [u16; 3] = [200, 80, 40];
const ROWS: u16 = 8;
/// How long a screen may take to become what it was before.
const SETTLED: Duration = DEADLINE;
/// A screen that shows something else and does not change for so long is done; on a busy machine it
/// may stand still for some seconds before what is right comes.
const STILL: Duration = Duration::from_secs(20);

/// Bars by their defaults, and prompts with a bar's segments at their right.
const CONFIG: &str = r#"
[line.dvtm]
right = ["cpu", "memory", "battery", "hostname", "clock"]
[line.prompt]
left  = [["directory"], ["character"]]
right = [["cpu", "memory", "battery", "hostname", "clock"], ["status", "jobs"]]
"#;

fn at_home(config: &str) -> Sandbox {
    Sandbox::new().with("COLORTERM", "truecolor").with_screens().configured(config)
}

/// One whose daemon takes the directory `machine` for its machine.
fn on_machine(machine: &Path, config: &str) -> Sandbox {
    let sandbox = at_home(config);
    sandbox.start_daemon(&["--root", machine.to_str().expect("UTF-8")]);
    sandbox
}

fn fixture(name: &str) -> std::path::PathBuf {
    root().join("tests/hosts").join(name)
}

/// The lines that wire a host.
fn wiring(sandbox: &Sandbox, host: &str) -> String {
    match host {
        // What a shell has drawn it draws no better later: its first answer must be the right one.
        "bash" | "zsh" | "fish" => sandbox.wiring_with_long_deadline(host),
        _ => sandbox.wiring(host),
    }
}

/// A stream that keeps the counters moving, once they have filled their graphs.
fn warm(sandbox: &Sandbox, line: &str, done: &str) -> Terminal {
    let words = ["stream", line, "right", "--target", "plain", "--columns", "200"];
    let words = words.into_iter().chain(["--deadline", "20000"]).map(OsString::from);
    let words: Vec<_> = [program().into()].into_iter().chain(words).collect();
    let mut terminal = Terminal::spawn(sandbox, &words, 3, 220);
    terminal.wait_text(done);
    terminal
}

/// A host that runs: its terminal, the rows that are ours, and what must end with it.
struct Running<'a> {
    terminal: Terminal,
    first: u16,
    rows: u16,
    /// Ends what would stay behind.
    end: Option<std::process::Command>,
    tmux: Option<Tmux<'a>>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(tmux) = &self.tmux {
            // The next one takes its socket.
            let server = tmux.server();
            tmux.run(&["kill-server"]);
            wait_end(server);
        }
        if let Some(end) = &mut self.end {
            // One that is gone already is as good.
            let _ = end.output();
        }
    }
}

const HOSTS: [&str; 6] = ["tmux", "screen", "dvtm", "bash", "zsh", "fish"];

fn run<'a>(sandbox: &'a Sandbox, host: &str, columns: u16) -> Running<'a> {
    let lines = wiring(sandbox, host);
    let plain = |terminal, first, rows| Running { terminal, first, rows, end: None, tmux: None };
    match host {
        "tmux" => {
            let tmux = Tmux::start(sandbox, &lines, ROWS, columns);
            // By itself tmux names a window after what runs in it just then.
            tmux.run(&["rename-window", "cat"]);
            let terminal = tmux.attach(ROWS, columns);
            Running { terminal, first: ROWS - 1, rows: 1, end: None, tmux: Some(tmux) }
        }
        "screen" => {
            let rc = format!("startup_message off\nshell /bin/cat\ndefutf8 on\n{lines}");
            let rc = sandbox.write("screenrc", rc);
            let name = format!("screen{columns}");
            let words = argv([&tool("screen"), &"-U", &"-c", &rc, &"-S", &name]);
            let terminal = Terminal::spawn(sandbox, &words, ROWS, columns);
            let mut end = sandbox.command(tool("screen"));
            end.args(["-S", &name, "-X", "quit"]);
            Running { terminal, first: ROWS - 1, rows: 1, end: Some(end), tmux: None }
        }
        "dvtm" => {
            let file = sandbox.write("dvtm.sh", lines);
            let words = argv([&"sh", &"-c", &". \"$0\"; dvtm cat", &file]);
            plain(Terminal::spawn(sandbox, &words, ROWS, columns), 0, 1)
        }
        "bash" => {
            let file = sandbox.write("bashrc", lines);
            let words = argv([&tool("bash"), &"--noprofile", &"--rcfile", &file, &"-i"]);
            typed(plain(Terminal::spawn(sandbox, &words, ROWS, columns), 0, ROWS), "(exit 3)\r")
        }
        "zsh" => {
            sandbox.write("home/.zshrc", lines);
            let words = argv([&tool("zsh"), &"-d", &"-i"]);
            typed(plain(Terminal::spawn(sandbox, &words, ROWS, columns), 0, ROWS), "(exit 3)\r")
        }
        _ => {
            let text = format!("set -g fish_greeting\n{lines}");
            sandbox.write("home/.config/fish/config.fish", text);
            let words = argv([&tool("fish"), &"-i"]);
            let shell = plain(Terminal::spawn(sandbox, &words, ROWS, columns), 0, ROWS);
            typed(shell, "sh -c 'exit 3'\r")
        }
    }
}

/// A shell that has drawn its first prompt and was told something.
fn typed<'a>(mut shell: Running<'a>, keys: &str) -> Running<'a> {
    // A fixture's user is an ordinary one; the real one may be root.
    let prompts = |screen: &vt100::Screen| {
        let rows = screen.contents();
        rows.lines().filter(|row| row.starts_with(['❯', '#'])).count()
    };
    shell.terminal.wait("a prompt", |screen| prompts(screen) == 1);
    shell.terminal.send(keys);
    shell.terminal.wait("a second prompt", |screen| prompts(screen) >= 2);
    shell
}

/// Rows of a screen as text, each followed by its runs of equal looks.
fn picture(screen: &vt100::Screen, first: u16, rows: u16) -> String {
    let mut rows: Vec<Vec<Look>> = (first..first + rows).map(|row| looks(screen, row)).collect();
    let blank = |row: &Vec<Look>| {
        row.iter().all(|look| look.text == " " && look.bg == vt100::Color::Default)
    };
    while rows.last().is_some_and(blank) {
        rows.pop();
    }
    let mut out = String::new();
    for row in rows {
        let text: String = row.iter().map(|look| &*look.text).collect();
        let _ = writeln!(out, "{text}|");
        for run in row.chunk_by(|a, b| style(a) == style(b)) {
            let text: String = run.iter().map(|look| &*look.text).collect();
            let _ = writeln!(out, "    {:<24} {text:?}", style(&run[0]));
        }
    }
    out
}

/// How a cell looks, in words. The colour of the letters of a blank cannot be seen.
fn style(look: &Look) -> String {
    let color = |color| match color {
        vt100::Color::Default => "default".to_owned(),
        vt100::Color::Idx(index) => index.to_string(),
        vt100::Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
    };
    let mut out = format!("{} on {}", color(look.fg), color(look.bg));
    for (name, has) in [
        ("bold", look.bold),
        ("dim", look.dim),
        ("italic", look.italic),
        ("underline", look.underline),
        ("reverse", look.inverse),
    ] {
        if has {
            let _ = write!(out, " {name}");
        }
    }
    out
}

/// Waits until the screen is what the golden file holds, or stays another.
fn settles(goldens: &mut Goldens, name: &str, host: &mut Running) {
    let name = format!("host_screens/{name}");
    let known = kept(&name);
    let start = Instant::now();
    let mut last = (String::new(), start);
    loop {
        let found = picture(host.terminal.screen(), host.first, host.rows);
        let done = found == known && !known.is_empty();
        if found != last.0 {
            last = (found, Instant::now());
        }
        let still = !last.0.is_empty() && last.1.elapsed() > STILL;
        if done || still || start.elapsed() > SETTLED {
            return goldens.compare(&name, &last.0);
        }
        host.terminal.watch(Duration::from_millis(50));
    }
}

#[test]
fn the_same_segments_in_every_host() {
    let sandbox = on_machine(&fixture("laptop"), CONFIG);
    let _moving = warm(&sandbox, "dvtm", "42% ▄▄▄▄▄▄▄▄");
    let mut goldens = Goldens::default();
    for host in HOSTS {
        for columns in WIDTHS {
            let mut running = run(&sandbox, host, columns);
            settles(&mut goldens, &format!("{host}-{columns}.txt"), &mut running);
        }
    }
    goldens.finish();
}

/// A bar that shows everything of the machine.
const RESOURCES: &str = r#"
[line.tmux]
share = { left = 16, right = 80 }
left  = ["session"]
right = [
    "rainbar", "cpu", "memory", "network", "disk-io", "temperature", "pressure", "battery",
]
"#;

/// What the laptop's own files do not tell: bytes over the wire and from the disk in the ten seconds
/// that pass between the first readings and the twentieth of the clock, and tasks that wait.
const MOVING: [(&str, &str); 5] = [
    ("proc/uptime@20", "80031.37 301274.55\n"),
    ("proc/net/dev@2", "\n\nwlp2s0: 747003200 0 0 0 0 0 0 0 55428800 0 0 0 0 0 0 0\n"),
    (
        "proc/diskstats@2",
        " 259 0 nvme0n1 254016 11324 18339114 61234 310221 240012 24619332 401221 0 216340 470011\n",
    ),
    ("proc/pressure/cpu", "some avg10=4.20 avg60=0.40 avg300=0.10 total=58761459\n"),
    ("proc/pressure/io", "some avg10=2.60 avg60=0.40 avg300=0.10 total=2761459\n"),
];

#[test]
fn a_bar_of_resources_in_tmux() {
    let machine = Sandbox::new();
    let mut copy = machine.command("cp");
    copy.arg("-r").arg(fixture("laptop")).arg(machine.path("machine"));
    assert!(copy.status().expect("it runs").success());
    for (file, text) in MOVING {
        machine.write(&format!("machine/{file}"), text);
    }
    let sandbox = on_machine(&machine.path("machine"), RESOURCES);
    let mut moving = warm(&sandbox, "tmux", "1.2M");
    // The widest graph is full when its first cell is: after 38 seconds, if no reading is late.
    let is_full =
        |screen: &vt100::Screen| screen.contents().lines().any(|row| row.starts_with(" ▃"));
    assert!(moving.comes(DEADLINE * 3, is_full), "no past:\n{}", moving.contents());
    let mut goldens = Goldens::default();
    for columns in [200, 120, 80, 60] {
        let name = format!("resources-{columns}");
        let mut running = run(&sandbox, "tmux", columns);
        settles(&mut goldens, &format!("{name}.txt"), &mut running);
        let columns = columns.to_string();
        let words = ["tmux", "right", "--target", "svg", "--glyphs", "unicode"];
        let name = format!("host_screens/{name}.svg");
        let start = Instant::now();
        let drawn = loop {
            let mut picture = sandbox.printing(&[&words[..], &["--columns", &columns]].concat());
            let drawn = picture.output().expect("it runs").stdout;
            // A graph may still be on its way to the left.
            if drawn == kept(&name).as_bytes() || start.elapsed() > SETTLED {
                break drawn;
            }
            moving.watch(Duration::from_millis(50));
        };
        goldens.compare(&name, &drawn);
    }
    goldens.finish();
}

/// A home whose daemon runs where this battery is the machine's own, by a mount; `None` where no
/// mount namespace is to be had.
fn on_real_battery(config: &str) -> Option<Sandbox> {
    let sandbox = at_home(config);
    let batteries = [("BAT0", &namespace::DISCHARGING_BATTERY[..])];
    namespace::run_with_batteries(&sandbox, &batteries, "start_daemon")?;
    Some(sandbox)
}

#[test]
fn a_battery_of_42_percent_in_tmux_screen_and_a_prompt() {
    let config = "[line.prompt]\nleft = [[\"battery\"], [\"character\"]]\n";
    let Some(sandbox) = on_real_battery(config) else { return };
    for (host, shown) in
        [("tmux", " 42%↓ 2h 30m "), ("screen", " 42%- 2h 30m "), ("bash", " 42%↓ 2h 30m ")]
    {
        let mut running = run(&sandbox, host, 80);
        running.terminal.wait(shown, |screen| {
            let found = screen.contents();
            let row = found.lines().find(|row| row.contains(shown));
            row.inspect(|row| println!("{host:>6}  {row}")).is_some()
        });
    }
}

#[test]
fn two_batteries_are_weighed_in_tmux() {
    let sandbox = on_machine(&fixture("two-batteries"), "");
    let mut running = run(&sandbox, "tmux", 80);
    // 2 of 20 Wh and 72 of 80 Wh, with 10 W between them.
    running.terminal.wait_text(" 74%↓ 7h 24m ");
    println!("{}", running.terminal.text(ROWS - 1));
}

#[test]
fn the_past_of_a_charge_is_a_sparkline() {
    let machine = Sandbox::new();
    let mut copy = machine.command("cp");
    copy.arg("-r").arg(fixture("laptop")).arg(machine.path("machine"));
    assert!(copy.status().expect("it runs").success());
    // A reading a second: 90, 70, 56, and then 42 percent for good.
    let supply = "machine/sys/class/power_supply/BAT0/energy_now";
    for (read, energy) in [("", 45), ("@2", 35), ("@3", 28), ("@4", 21)] {
        machine.write(&format!("{supply}{read}"), format!("{energy}000000\n"));
    }
    let config = "[segment.battery]\ninterval = '1s'\n\
                  format = \" $charge.pct(w:1) $history.spark(w:12) \"\n";
    let sandbox = on_machine(&machine.path("machine"), config);
    let mut running = run(&sandbox, "tmux", 80);
    running.terminal.wait_text("█▆▅▄");
    println!("{}", running.terminal.text(ROWS - 1));
}

/// What the server's ended children cost, and those it has: both stand still while it starts none.
fn children(server: u32) -> ([String; 3], Vec<u32>) {
    (process::cost_of_ended_children(server), process::children(server))
}

#[test]
fn the_prefix_is_seen_with_no_process_started() {
    let sandbox = on_machine(&fixture("laptop"), "[line.tmux]\nright = [\"clock\"]\n");
    let mut running = run(&sandbox, "tmux", 80);
    running.terminal.wait_text(" main ");
    let tmux = running.tmux.as_ref().expect("a tmux");
    // Keys that follow each other at once would be text.
    tmux.run(&["set-option", "-g", "assume-paste-time", "0"]);
    let server = tmux.server();
    let first = |screen: &vt100::Screen| looks(screen, ROWS - 1)[0].clone();
    let calm = first(running.terminal.screen());
    let before = children(server);
    for round in 0..10 {
        running.terminal.send("\x02");
        running.terminal.wait("the prefix", |screen| first(screen).bg != calm.bg);
        if round == 0 {
            println!("calm {}; prefix {}", style(&calm), style(&first(running.terminal.screen())));
        }
        running.terminal.send("Q");
        running.terminal.wait("none", |screen| first(screen) == calm);
    }
    assert_eq!(children(server), before, "processes of the server");
}
