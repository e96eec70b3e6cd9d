//! What every host shows of the same segments on the same machine, as its own screen has it: cells
//! with their colours, at three widths, kept in `golden/looks`.
//!
//! The machine is a directory (`daemon start --root`), so that every value is known; the hosts are
//! the real ones, wired by what `rainline init` prints. A difference is looked at and then either
//! kept or mended.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::terminal::{argv, looks};
use crate::support::{Look, Sandbox, Terminal, Tmux, program, root, tool, wait_end};

const WIDTHS: [u16; 3] = [200, 80, 40];
const ROWS: u16 = 8;
/// How long a screen may take to become what it was before.
const SETTLED: Duration = Duration::from_secs(30);
/// A screen that shows something else and does not change for so long is done.
const STILL: Duration = Duration::from_secs(3);

/// Bars by their defaults, and prompts with a bar's segments at their right.
const CONFIG: &str = r#"
[line.dvtm]
right = ["cpu", "memory", "battery", "hostname", "clock"]
[line.prompt]
left  = [["directory"], ["character"]]
right = [["cpu", "memory", "battery", "hostname", "clock"], ["status", "jobs"]]
"#;

/// A home with this config, and a daemon on the machine `root`.
fn on_machine(root: &Path, config: &str) -> Sandbox {
    let sandbox = Sandbox::new().with("COLORTERM", "truecolor").with("USER", "ann");
    let screens = sandbox.path("screens");
    fs::create_dir(&screens).expect("a directory");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(&screens, private).expect("permissions");
    let sandbox = sandbox.with("SCREENDIR", screens);
    sandbox.write("home/.config/rainline/config.toml", config);
    let mut start = sandbox.rainline();
    let status = start.args(["daemon", "start", "--root"]).arg(root).status().expect("it runs");
    assert!(status.success());
    sandbox
}

fn fixture(name: &str) -> std::path::PathBuf {
    root().join("tests/hosts").join(name)
}

/// What `rainline init HOST` prints here.
fn wiring(sandbox: &Sandbox, host: &str) -> String {
    let output = sandbox.rainline().args(["init", host]).output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A stream that keeps the counters moving, once they have filled their graphs.
fn warm<'a>(sandbox: &'a Sandbox, line: &str, done: &str) -> Terminal {
    let words = ["stream", line, "right", "--target", "plain", "--columns", "200"];
    let mut words: Vec<OsString> = words.map(OsString::from).to_vec();
    words.insert(0, program().into());
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
            let name = format!("looks{columns}");
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
    shell.terminal.wait("a prompt", |screen| screen.contents().contains('❯'));
    shell.terminal.send(keys);
    shell.terminal.wait("a second prompt", |screen| screen.contents().matches('❯').count() >= 2);
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

/// How a cell looks, in words. The colour of the letters of a blank is nobody's business.
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

/// Waits until the screen is what the golden file holds. One that stays another rewrites it, and
/// its name is given back.
fn settles(name: &str, host: &mut Running) -> Option<String> {
    let path = root().join("tests/golden/looks").join(name);
    let known = fs::read_to_string(&path).unwrap_or_default();
    let start = Instant::now();
    let mut last = (String::new(), start);
    loop {
        let found = picture(host.terminal.screen(), host.first, host.rows);
        if found == known && !known.is_empty() {
            return None;
        }
        if found != last.0 {
            last = (found, Instant::now());
        }
        let still = !last.0.is_empty() && last.1.elapsed() > STILL;
        if still || start.elapsed() > SETTLED {
            fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("a directory");
            fs::write(&path, &last.0).expect("a file");
            return Some(name.to_owned());
        }
        host.terminal.watch(Duration::from_millis(50));
    }
}

#[test]
fn the_same_segments_in_every_host() {
    let sandbox = on_machine(&fixture("laptop"), CONFIG);
    let _moving = warm(&sandbox, "dvtm", "42% ▄▄▄▄▄▄▄▄");
    let mut changed = Vec::new();
    let only = std::env::var("LOOKS").unwrap_or_default();
    for host in HOSTS.into_iter().filter(|host| host.contains(&only)) {
        for columns in WIDTHS {
            let mut running = run(&sandbox, host, columns);
            changed.extend(settles(&format!("{host}-{columns}.txt"), &mut running));
        }
    }
    assert!(changed.is_empty(), "rewritten, see `git diff tests/golden/looks`: {changed:?}");
}
