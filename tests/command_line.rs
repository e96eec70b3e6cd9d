//! What a person or a host types, and what comes of it when something is missing, broken or foreign.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output};

use rainline_caps::Policy;
use rainline_render::format::formatter::TABLE;
use rainline_render::width::width;
use rainline_segments::ALL;
use rustix::process::Signal;

use rainline_render::theme::BUILT_IN;

use crate::support::sandbox::{one_line, output_of};
use crate::support::{DEADLINE, Sandbox, Terminal, process, program, signal, until_true, wait_end};

fn run(sandbox: &Sandbox, args: &[&str]) -> Output {
    sandbox.run(args)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// The exit code and everything printed.
fn ended(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

/// A line that is good for a bar: one, whole, not blank, and nothing but it.
#[track_caller]
fn good_line(output: Output) -> String {
    let line = one_line(output);
    assert!(!line.trim().is_empty(), "{line:?}");
    line
}

/// As a bar asks for it, in plain text; a busy daemon is given time for the whole line.
const PRINT: [&str; 7] =
    ["print", "tmux", "right", "--target", "plain", "--columns=80", "--deadline=20000"];

/// A line with the clock in it, within its columns.
#[track_caller]
fn good_right(output: Output) {
    has_clock(&good_line(output));
}

#[track_caller]
fn has_clock(line: &str) {
    let clock = line.trim_end().rsplit(' ').next().unwrap_or_default().to_owned();
    assert!(clock.len() == 5 && clock.contains(':'), "no clock: {line:?}");
    assert!(width(line.trim_end_matches('\n'), Policy::Wcwidth) <= 80, "{line:?}");
}

fn start(sandbox: &Sandbox) -> u32 {
    sandbox.start_daemon(&[]);
    sandbox.daemon().expect("a daemon")
}

#[test]
fn a_bar_gets_its_line_whatever_has_become_of_the_daemon() {
    let sandbox = Sandbox::new();
    good_right(run(&sandbox, &PRINT));
    let pid = start(&sandbox);
    good_right(run(&sandbox, &PRINT));
    signal(pid, Signal::KILL);
    good_right(run(&sandbox, &PRINT));
    // The last print may have started a daemon that only now makes its files.
    until_true("nothing left", || {
        sandbox.processes().into_iter().for_each(|pid| signal(pid, Signal::KILL));
        let left = || fs::read_dir(sandbox.runtime()).expect("a directory").flatten();
        left().for_each(|entry| drop(fs::remove_file(entry.path())));
        sandbox.processes().is_empty() && left().next().is_none()
    });
    drop(UnixListener::bind(sandbox.socket()).expect("bound"));
    good_right(run(&sandbox, &PRINT));
}

#[test]
fn a_bar_gets_its_line_without_a_usable_runtime_directory() {
    let mode = |sandbox: &Sandbox, mode| {
        fs::set_permissions(sandbox.runtime(), PermissionsExt::from_mode(mode)).expect("changed");
    };
    let unwritable = Sandbox::new();
    mode(&unwritable, 0o500);
    let unreadable = Sandbox::new();
    mode(&unreadable, 0o000);
    let others = Sandbox::new();
    mode(&others, 0o755);
    let file = Sandbox::new().without_runtime();
    fs::write(file.runtime(), "").expect("written");
    let link = Sandbox::new().without_runtime();
    symlink("/tmp", link.runtime()).expect("linked");
    // Not even root can make a directory there.
    let nowhere = Sandbox::new().with("RAINLINE_RUNTIME_DIR", "/proc/self/missing/rainline");
    let foreign = Sandbox::new().with("RAINLINE_RUNTIME_DIR", "/proc/self");
    let relative = Sandbox::new().with("RAINLINE_RUNTIME_DIR", "run");
    for sandbox in [&unwritable, &unreadable] {
        let line = good_line(run(sandbox, &PRINT));
        has_clock(line.trim_end().trim_end_matches(" !"));
    }
    // No daemon can be asked there, which is a thing for `rainline doctor` to tell.
    for sandbox in [&others, &file, &link, &nowhere, &foreign, &relative] {
        for _ in 0..2 {
            let line = good_line(run(sandbox, &PRINT));
            has_clock(line.trim_end().strip_suffix(" !").expect("the sign"));
        }
    }
}

#[test]
fn a_bar_gets_its_line_without_a_home_and_without_any_environment() {
    let sandbox = Sandbox::new();
    let runtime = sandbox.runtime();
    let bare = || {
        let mut command = Command::new(program());
        command.env_clear().env("RAINLINE_RUNTIME_DIR", &runtime).args(PRINT);
        command
    };
    good_right(bare().output().expect("it runs"));
    good_right(bare().current_dir("/").output().expect("it runs"));
    good_right(bare().env("HOME", "").env("PATH", "").output().expect("it runs"));
    good_right(bare().env("HOME", "relative").output().expect("it runs"));
    good_right(bare().env("HOME", sandbox.path("missing")).output().expect("it runs"));
}

#[test]
fn a_bar_gets_its_line_in_a_directory_that_is_gone() {
    let sandbox = Sandbox::new();
    let script = "mkdir gone; cd gone; rmdir ../gone; exec \"$0\" \"$@\"";
    let mut command = sandbox.command("sh");
    command.args(["-c", script]).arg(program()).args(PRINT);
    good_right(command.output().expect("it runs"));
}

#[test]
fn a_closed_or_full_output_is_no_error() {
    let sandbox = Sandbox::new();
    for words in ["print tmux right", "segments", "config default", "doctor", "themes mono", "man"]
    {
        for target in [">&-", ">/dev/full", "| exec true"] {
            let script = format!("exec \"$0\" {words} {target}");
            let mut command = sandbox.command("sh");
            let output = command.args(["-c", &script]).arg(program()).output().expect("it runs");
            let fine = output.status.success() && output.stderr.is_empty();
            assert!(fine, "{words} {target}: {output:?}");
        }
    }
}

#[test]
fn alone_and_without_a_terminal_it_prints_a_line_and_what_to_do_next() {
    let sandbox = Sandbox::new().with("COLUMNS", "90").with("NO_COLOR", "1");
    let printed = output_of(run(&sandbox, &[]));
    let line = printed.lines().next().expect("a line");
    assert!(line.contains("cpu") && line.contains("mem") && line.contains('%'), "{line:?}");
    for next in ["rainline try tmux", "rainline init tmux", "rainline segments"] {
        assert!(printed.contains(next), "{printed}");
    }
}

#[test]
fn alone_in_a_terminal_it_lives_and_puts_the_terminal_back() {
    let sandbox = Sandbox::new();
    sandbox.configure("[segment.clock]\ntime = \"%H:%M:%S\"\n");
    let script = "stty -a >before; \"$0\"; code=$?; stty -a >after; echo left with $code; read x";
    let argv = ["sh".into(), "-c".into(), script.into(), program().into_os_string()];
    let mut terminal = Terminal::spawn(&sandbox, &argv, 12, 100);
    terminal.wait_text("press any key to quit");
    let clock = |screen: &vt100::Screen| {
        let row = screen.rows(0, 100).next().unwrap_or_default();
        row.trim_end().rsplit(' ').next().unwrap_or_default().to_owned()
    };
    let mut seen = vec![clock(terminal.screen())];
    terminal.wait("three further seconds", |screen| {
        let now = clock(screen);
        if seen.last() != Some(&now) {
            seen.push(now);
        }
        seen.len() > 3
    });
    let row = terminal.text(0);
    assert!(row.contains("cpu") && row.trim_end().chars().count() == 99, "{row:?}");
    terminal.send("x");
    terminal.wait_text("left with 0");
    assert!(!terminal.contents().contains("press any key to quit"), "{}", terminal.contents());
    let [before, after] = ["before", "after"]
        .map(|name| fs::read_to_string(sandbox.home().join(name)).expect("what stty printed"));
    assert_eq!(before, after);
    assert!(terminal.contents().contains("rainline segments"), "what is next stays on the screen");
}

#[test]
fn a_try_without_a_terminal_shows_a_screen_and_leaves_nothing() {
    let sandbox = Sandbox::new();
    let screen = output_of(run(&sandbox, &["try", "tmux", "--columns", "100"]));
    let last = screen.trim_end().lines().last().expect("a line");
    assert!(last.contains("cpu") && last.contains("rainline") && last.contains('%'), "{last:?}");
    let mut parser = vt100::Parser::new(1, 120, 0);
    parser.process(last.as_bytes());
    let row = parser.screen().contents();
    assert!(width(row.trim_end(), Policy::Wcwidth) <= 100, "{row:?}");
    let left: Vec<_> = fs::read_dir(sandbox.path("tmp")).expect("a directory").flatten().collect();
    assert!(left.is_empty(), "{left:?}");
    // Its processes have that folder in their environment; a worker ends with its daemon's pipe.
    let folder = sandbox.path("tmp").into_os_string().into_encoded_bytes();
    process::with_environment(&folder).into_iter().for_each(wait_end);
}

#[test]
fn the_wiring_names_this_program_and_only_it() {
    let sandbox = Sandbox::new();
    let lines = output_of(run(&sandbox, &["init", "tmux"]));
    assert!(lines.contains(&format!("exec {} stream tmux left", program().display())));
    assert!(lines.lines().all(|line| line.starts_with("set -g ") || line.starts_with('#')));
    let named = output_of(run(&sandbox, &["init", "tmux", "--config", "it's.toml"]));
    let path = sandbox.home().join("it's.toml");
    let path = path.display().to_string().replace('\'', "'\\\\''");
    assert!(named.contains(&format!("--config '{path}'")), "{named}");
    assert!(!sandbox.home().join(".tmux.conf").exists());
}

#[test]
fn segments_are_listed_described_and_suggested() {
    let sandbox = Sandbox::new();
    let list = output_of(run(&sandbox, &["segments"]));
    for kind in rainline_segments::ALL {
        assert!(list.lines().any(|line| line.split(' ').next() == Some(kind.name)), "{list}");
        let about = output_of(run(&sandbox, &["segments", kind.name]));
        let fields = kind.fields.iter().map(|field| field.name);
        let options = kind.options.iter().map(|option| option.name);
        for word in fields.chain(options) {
            assert!(about.contains(word), "{word} in {about}");
        }
    }
    let two = output_of(run(&sandbox, &["segments", "cpu", "memory"]));
    assert!(two.starts_with("cpu: ") && two.contains("\nmemory: "), "{two}");
    let (code, message) = ended(&run(&sandbox, &["segments", "cpuu"]));
    assert_eq!(code, Some(2));
    assert!(message.contains("did you mean `cpu`?"), "{message}");
}

#[test]
fn themes_are_shown_described_and_suggested() {
    let sandbox = Sandbox::new().with("COLUMNS", "90");
    let list = output_of(run(&sandbox, &["themes"]));
    for (theme, _) in BUILT_IN {
        assert!(list.contains(&format!("{theme}: ")), "{list}");
    }
    assert_eq!(list.matches("cpu").count(), BUILT_IN.len(), "each with its line");
    let rain = output_of(run(&sandbox, &["themes", "rain"]));
    assert!(rain.contains("palette") || rain.contains('#'), "{rain}");
    let (code, message) = ended(&run(&sandbox, &["themes", "rian"]));
    assert_eq!(code, Some(2));
    assert!(message.contains("did you mean `rain`?"), "{message}");
}

#[test]
fn every_segment_is_previewed_in_every_graph_of_its_fields() {
    let sandbox = Sandbox::new();
    let all = output_of(run(&sandbox, &["preview", "segments", "--columns", "400"]));
    for kind in ALL {
        assert!(all.contains(&format!("\n{}: {}\n", kind.name, kind.about)), "{}", kind.name);
    }
    // Each formatter that draws finds some field to be shown on.
    for entry in TABLE.iter().filter(|entry| entry.graph) {
        assert!(all.contains(&format!(".{}", entry.name)), "{}", entry.name);
    }
    // With all colours, 256, sixteen, none.
    for escape in ["\x1b[38;2;", "\x1b[38;5;", "\x1b[36;40m"] {
        assert!(all.contains(escape), "{escape:?}");
    }
    let cpu = output_of(run(&sandbox, &["preview", "segments", "cpu", "--theme", "rain-light"]));
    assert!(cpu.starts_with("\ncpu: ") && !cpu.contains("\nmemory: "), "{cpu}");
    let (code, errors) = ended(&run(&sandbox, &["preview", "segments", "--theme", "rian"]));
    assert!(code == Some(2) && errors.contains("no theme `rian`"), "{errors}");
}

#[test]
fn a_config_is_checked_with_places() {
    let sandbox = Sandbox::new();
    let path = sandbox.config();
    assert_eq!(output_of(run(&sandbox, &["config", "path"])), format!("{}\n", path.display()));
    assert!(output_of(run(&sandbox, &["config", "check"])).contains("no such file"));
    sandbox.configure("theme = \"mono\"\n");
    assert_eq!(
        output_of(run(&sandbox, &["config", "check"])),
        format!("{}: fine\n", path.display())
    );
    sandbox.configure("\n[segment.cpu]\n  warnin = 70\n");
    let (code, message) = ended(&run(&sandbox, &["config", "check"]));
    assert_eq!(code, Some(1));
    assert!(message.contains(&format!("{}:3:3", path.display())), "{message}");
    assert!(message.contains("warning"), "did you mean: {message}");
    sandbox.configure("[segment.cpu\n");
    let (code, message) = ended(&run(&sandbox, &["config", "check"]));
    assert_eq!(code, Some(1));
    assert!(message.contains("config.toml:1:"), "{message}");
    let (code, _) = ended(&run(&sandbox, &["config", "check", "missing.toml"]));
    assert_eq!(code, Some(1));
    let missing = sandbox.path("missing").display().to_string();
    let (code, message) = ended(&run(&sandbox, &["config", "import", "byobu", &missing]));
    assert_eq!((code, message), (Some(1), format!("rainline: {missing}: no such directory\n")));
}

#[test]
fn the_default_config_and_the_schema_are_valid() {
    let sandbox = Sandbox::new();
    let default = output_of(run(&sandbox, &["config", "default"]));
    sandbox.configure(&default);
    let checked = output_of(run(&sandbox, &["config", "check"]));
    assert!(checked.ends_with(": fine\n"), "{checked}");
    let schema = output_of(run(&sandbox, &["config", "schema"]));
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
    assert!(schema["$defs"]["layer"]["properties"]["theme"].is_object(), "{schema}");
}

#[test]
fn the_doctor_finds_nothing_here_and_names_what_is_broken() {
    let sandbox = Sandbox::new();
    let (code, report) = ended(&run(&sandbox, &["doctor"]));
    assert_eq!(code, Some(0), "{report}");
    start(&sandbox);
    let (code, report) = ended(&run(&sandbox, &["doctor"]));
    assert_eq!((code, report.contains("the daemon answers")), (Some(0), true), "{report}");

    let latin = Sandbox::new().with("LANG", "C");
    let (code, report) = ended(&run(&latin, &["doctor"]));
    assert_eq!((code, report.contains("not UTF-8")), (Some(1), true), "{report}");

    let link = Sandbox::new().without_runtime();
    symlink(link.path("tmp"), link.runtime()).expect("linked");
    let open = Sandbox::new();
    fs::set_permissions(open.runtime(), PermissionsExt::from_mode(0o777)).expect("changed");
    let file = Sandbox::new().without_runtime();
    fs::write(file.runtime(), "").expect("written");
    // Root's, and ours if we are root: then it is too open.
    let foreign = Sandbox::new().with("RAINLINE_RUNTIME_DIR", "/usr");
    let cases = [
        (&link, "is a symbolic link"),
        (&open, "has mode 0777"),
        (&file, "is not a directory"),
        (&foreign, if rustix::process::getuid().is_root() { "has mode" } else { "is owned by" }),
    ];
    for (sandbox, cause) in cases {
        let (code, report) = ended(&run(sandbox, &["doctor"]));
        assert_eq!((code, report.contains(cause)), (Some(2), true), "{cause}: {report}");
    }
}

#[test]
fn a_misspelt_name_still_draws_and_the_doctor_names_it() {
    let sandbox = Sandbox::new();
    start(&sandbox);
    let plain = |words: &str| {
        let words: Vec<_> = words.split(' ').chain(["--deadline", "20000"]).collect();
        ended(&run(&sandbox, &words))
    };
    for (words, meant) in [
        ("print terminal rigt --target plain", "slot `rigt`; did you mean `right`?"),
        ("print termnal right --target plain", "line `termnal`; did you mean `terminal`?"),
        ("print terminal right --target plain --theme ran", "theme `ran`; did you mean `rain`?"),
    ] {
        let (code, line) = plain(words);
        assert_eq!(
            (code, line.contains("cpu"), line.contains('!')),
            (Some(0), true, true),
            "{line}"
        );
        let (code, report) = ended(&run(&sandbox, &["doctor"]));
        let named = report.contains(&format!("there is no {meant}"));
        assert_eq!((code, named), (Some(1), true), "{report}");
    }
}

#[test]
fn completions_and_the_manual_are_whole() {
    let sandbox = Sandbox::new();
    for (shell, check) in [("bash", "bash"), ("zsh", "zsh"), ("fish", "fish")] {
        let script = output_of(run(&sandbox, &["completions", shell]));
        assert!(script.contains("rainline") && script.contains("doctor"), "{shell}");
        // Where the shell is here, it reads the script without a word.
        if crate::support::found(check).is_some() {
            let file = sandbox.write(&format!("home/completion.{shell}"), &script);
            output_of(sandbox.command(check).arg("-n").arg(file).output().expect("it runs"));
        }
    }
    let manual = output_of(run(&sandbox, &["man"]));
    assert!(manual.contains(".TH rainline 1"), "{}", &manual[..200]);
    assert!(rainline_segments::ALL.iter().all(|kind| manual.contains(kind.name)));
}

#[test]
fn every_subcommand_has_help_and_wrong_words_exit_with_2() {
    let sandbox = Sandbox::new();
    let verbs = [
        "try",
        "init",
        "daemon",
        "segments",
        "themes",
        "config",
        "doctor",
        "completions",
        "man",
        "print",
        "stream",
    ];
    let whole = output_of(run(&sandbox, &["--help"]));
    for verb in verbs {
        let help = output_of(run(&sandbox, &[verb, "--help"]));
        assert!(help.contains(&format!("rainline {verb}")), "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
        assert!(whole.contains(&format!("  {verb} ")), "{whole}");
        // Those with a table of options have as many lines as it takes.
        let most = if matches!(verb, "print" | "stream") { 90 } else { 24 };
        assert!(help.lines().count() <= most, "{verb}: {} lines", help.lines().count());
    }
    assert!(output_of(run(&sandbox, &["--version"])).starts_with("rainline "));
    let wrong: [&[&str]; 6] = [
        &["--nonsense"],
        &["nonsense"],
        &["segments", "--nonsense"],
        &["print"],
        &["print", "tmux", "right", "--columns", "wide"],
        &["init", "teletype"],
    ];
    for words in wrong {
        let output = run(&sandbox, words);
        assert_eq!((output.status.code(), &*output.stdout), (Some(2), &b""[..]), "{words:?}");
        assert!(output.stderr.starts_with(b"rainline: "), "{words:?}: {output:?}");
    }
}

/// An unknown name is for `config check` and `doctor`; the bar gets what can be drawn.
#[test]
fn a_bar_gets_its_line_whatever_it_asks_for() {
    let sandbox = Sandbox::new();
    for words in [
        &["print", "tmux", "right", "--target", "teletype"][..],
        &["print", "tmux", "right", "--theme", "nosuch"],
        &["print", "nosuch"],
        &["print", "tmux", "nosuch"],
        &["print", "terminal", "full", "--columns", "0"],
        &["print", "tmux", "right", "--config", "missing/config.toml"],
        &["print", "tmux", "right", "--holds", "nonsense,=,pane="],
        &["print", "tmux", "right", "--deadline", "1"],
    ] {
        let line = output_of(run(&sandbox, words));
        assert!(line.ends_with('\n') && line.lines().count() == 1, "{words:?}: {line:?}");
    }
}

#[test]
fn the_theme_mono_has_no_colour() {
    let sandbox = Sandbox::new().with("COLORTERM", "truecolor");
    let line = good_line(run(&sandbox, &["print", "terminal", "full", "--theme", "mono"]));
    assert_eq!(ladder(&line), "attributes", "{line:?}");
}

/// Whether a line has 24-bit colours, 256, 16, attributes alone or nothing.
fn ladder(line: &str) -> &'static str {
    let has = |mark: &str| line.contains(mark);
    match () {
        () if has("38;2;") => "true",
        () if has("38;5;") => "256",
        () if line.split('\x1b').any(is_sixteen) => "16",
        () if has("\x1b[") => "attributes",
        () => "plain",
    }
}

/// Whether an escape sequence sets one of the sixteen colours.
fn is_sixteen(sequence: &str) -> bool {
    let Some(end) = sequence.find('m') else { return false };
    let codes = sequence[..end].trim_start_matches('[').split(';');
    codes
        .filter_map(|code| code.parse().ok())
        .any(|code: u8| matches!(code, 30..=37 | 40..=47 | 90..=97 | 100..=107))
}

#[test]
fn colours_and_glyphs_follow_what_the_terminal_says() {
    let line = |env: &[(&str, &str)]| {
        let sandbox =
            env.iter().fold(Sandbox::new(), |known, (name, value)| known.with(name, value));
        good_line(run(&sandbox, &["print", "terminal", "full", "--columns", "80"]))
    };
    for (env, colours) in [
        (&[("COLORTERM", "truecolor")][..], "true"),
        (&[("COLORTERM", "24bit"), ("TERM", "xterm")], "true"),
        (&[("TERM", "xterm-256color")], "256"),
        (&[("TERM", "xterm-direct")], "true"),
        (&[("TERM", "xterm")], "16"),
        (&[("TERM", "linux")], "16"),
        (&[("NO_COLOR", "1"), ("COLORTERM", "truecolor")], "plain"),
        (&[("NO_COLOR", "")], "256"),
        (&[("TERM", "dumb")], "plain"),
    ] {
        let line = line(env);
        assert_eq!(ladder(&line), colours, "{env:?}: {line:?}");
    }
    for (env, ascii) in [
        (&[("LANG", "C.UTF-8")][..], false),
        (&[("LANG", "de_DE.utf8")], false),
        (&[("LANG", "C")], true),
        (&[("LANG", "")], true),
        (&[("LC_ALL", "POSIX"), ("LANG", "C.UTF-8")], true),
        (&[("LC_CTYPE", "C.UTF-8"), ("LANG", "C")], false),
    ] {
        assert_eq!(line(env).is_ascii(), ascii, "{env:?}");
    }
}

#[test]
fn a_running_daemon_follows_its_config_and_keeps_the_last_good_one() {
    let sandbox = Sandbox::new();
    // The clock moves the stream, so that each wait has a next line.
    let config = |say: &str| {
        format!(
            "[line.tmux]\nright = ['say', 'clock']\n[segment.say]\nuse = 'text'\n\
             format = ' {say} '\ntext = 'x'\n[segment.clock]\ntime = '%H:%M:%S'\n"
        )
    };
    sandbox.configure(&config("first $text"));
    let mut stream = sandbox.stream(&["tmux", "right", "--target=plain", "--columns=80"]);
    stream.until("first x");
    let status = || sandbox.status().expect("it runs");
    sandbox.configure(&config("second $text"));
    stream.until("second x");

    sandbox.configure("[line.tmux\n");
    let start = std::time::Instant::now();
    while !status().contains("stays in force") {
        assert!(start.elapsed() < DEADLINE, "{}", status());
        stream.until("second x");
    }
    stream.until("second x");
    assert!(status().contains("config.toml:1:"), "{}", status());
    let (code, report) = ended(&run(&sandbox, &["doctor"]));
    assert_ne!(code, Some(0), "{report}");
    assert!(report.contains("config.toml:1:"), "{report}");

    sandbox.configure(&config("third $text"));
    stream.until("third x");
    assert!(!status().contains("problem"), "{}", status());
    assert!(stream.close().success());
}

#[test]
fn the_second_line_without_a_daemon_has_true_differences() {
    // No daemon may be started: there were five starts in ten minutes.
    let sandbox = Sandbox::new();
    let now = rainline_client::sys::boot().as_secs();
    let starts: String = (0..5).map(|_| format!("{now}\n")).collect();
    sandbox.write("run/spawn.state", starts);
    let first = good_line(run(&sandbox, &PRINT));
    assert!(first.contains("–%"), "{first:?}");
    let start = std::time::Instant::now();
    loop {
        let line = good_line(run(&sandbox, &PRINT));
        let usage = line.split('%').next().and_then(|text| text.rsplit(' ').next());
        if usage.is_some_and(|usage| usage.parse::<f64>().is_ok()) {
            break;
        }
        assert!(start.elapsed() < DEADLINE, "{line:?}");
    }
    assert!(sandbox.daemon().is_none());
    assert!(Path::new(&sandbox.runtime()).join("history").exists());
}
