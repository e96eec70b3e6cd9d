//! Odd surroundings, T51–T58: /proc, batteries, locales, clocks, environments, configs.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rainline_caps::Policy;
use rainline_render::width::width;
use rainline_segments::{ALL, Scope};
use rustix::process::Signal;

use super::print;
use crate::broken_machines;
use crate::support::machine::Machine;
use crate::support::process::output_in_time;
use crate::support::sandbox::one_line;
use crate::support::{
    Sandbox, at_once, guard, namespace, program, rounds, saying, signal, until, until_true,
};

/// A line with every kind that reads the machine; those that ask the web would wait for it.
fn everything() -> String {
    let asks_the_web = |name: &str| ["public-ip", "weather"].contains(&name);
    let machine = ALL.iter().filter(|kind| kind.scope == Scope::Machine);
    let machine = machine.filter(|kind| !asks_the_web(kind.name));
    let names: Vec<_> = machine.map(|kind| kind.name).collect();
    format!("[line.tmux]\nright = {names:?}\n")
}

/// What no reading may be shown as.
#[track_caller]
fn is_sane(line: &str) {
    let words = line.split(|c: char| !(c.is_alphanumeric() || c == '%' || c == '.' || c == '-'));
    for word in words {
        let lower = word.to_lowercase();
        assert!(!["nan", "inf", "-inf", "nan%", "inf%"].contains(&&*lower), "{word:?} in {line:?}");
        if let Some(percent) = word.strip_suffix('%').and_then(|text| text.parse::<f64>().ok()) {
            assert!((0.0..=100.0).contains(&percent), "{word:?} in {line:?}");
        }
    }
}

#[test]
fn t51_without_proc_or_sys_there_is_a_line() {
    // `prog` prints three lines: without a daemon, and twice with one that started here.
    let lines = r#"
        lines() {
            timeout 60 "$1" print tmux right --target plain --columns 200 --deadline 3000 || exit 79
            timeout 60 "$1" daemon start >&2
            for i in 1 2; do
                timeout 60 "$1" print tmux right --target plain --columns 200 --deadline 20000 || exit 79
            done
            timeout 60 "$1" daemon stop >&2 || exit 81
        }
    "#;
    let cases = [
        ("no /proc", "mount -t tmpfs none /proc || exit 77; lines \"$2\""),
        ("no /sys", "mount -t tmpfs none /sys || exit 77; lines \"$2\""),
        (
            "neither",
            "mount -t tmpfs none /sys && mount -t tmpfs none /proc || exit 77; lines \"$2\"",
        ),
        (
            "a /proc that cannot be written",
            "mount --rbind /proc /proc && mount -o remount,bind,ro /proc || exit 77; lines \"$2\"",
        ),
        (
            "a /proc that hides",
            "unshare -p -f sh -c \"$lines
             mount -t proc -o hidepid=2 none /proc || exit 77
             lines \\\"\\$1\\\"\" sh \"$2\"",
        ),
    ];
    at_once(cases, |(name, script)| {
        let sandbox = Sandbox::new().configured(&everything());
        let script = format!("lines='{}'\n{lines}\n{script}", lines.replace('\'', "'\\''"));
        let Some(output) = namespace::run(&sandbox, &script, Path::new("/")) else { return };
        assert_eq!(output.lines().count(), 3, "{name}: {output}");
        for line in output.lines() {
            assert!(!line.trim().is_empty(), "{name}");
            is_sane(line);
        }
    });
}

/// A machine of these files, whose line is every segment.
fn machine(files: &[(&str, String)]) -> (tempfile::TempDir, Machine) {
    let config = everything().replace("tmux", "terminal").replace("right", "left");
    broken_machines::machine(files, &config)
}

#[test]
fn t51_counters_that_are_cut_vanish_or_come_round_are_shown_within_bounds() {
    let table = |processors: std::ops::Range<u32>, busy: u64, idle: u64| {
        let mut text = format!("cpu {busy} 0 0 {idle} 0 0 0 0 0 0\n");
        for number in processors {
            writeln!(text, "cpu{number} {busy} 0 0 {idle} 0 0 0 0 0 0").expect("a string");
        }
        text
    };
    let cases: [(&str, [String; 3]); 6] = [
        ("4096", [table(0..4096, 1, 1), table(0..4096, 2, 2), table(0..4096, 3, 9)]),
        ("unplugged", [table(0..8, 10, 10), table(0..3, 20, 20), table(2..5, 30, 30)]),
        ("backwards", [table(0..2, 90, 90), table(0..2, 10, 10), table(0..2, 5, 50)]),
        ("round", [table(0..2, u64::MAX, 5), table(0..2, 3, 9), table(0..2, 0, u64::MAX)]),
        ("cut", [table(0..2, 10, 10), "cpu 1".into(), String::new()]),
        ("still", [table(0..2, 10, 10), table(0..2, 10, 10), table(0..2, 10, 10)]),
    ];
    for (name, [first, second, third]) in cases {
        let (_root, machine) = machine(&[
            ("proc/stat", first),
            ("proc/stat@2", second),
            ("proc/stat@3", third),
            ("proc/meminfo", "MemTotal: 0 kB\nMemFree: 99999999999999999999 kB\n".into()),
            ("proc/loadavg", "nan inf -1 9/9 9".into()),
            ("proc/uptime", "-5 nan".into()),
        ]);
        for _ in 0..4 {
            is_sane(&machine.print("plain", "left", 200));
        }
        let status = machine.sandbox.status().expect("it runs");
        assert!(!status.contains("a bug"), "{name}: {status}");
    }
}

#[test]
fn t52_a_battery_that_is_taken_out_leaves_the_line() {
    let supply = "sys/class/power_supply/BAT0";
    let file = |name: &str, text: &str| (format!("{supply}/{name}"), format!("{text}\n"));
    let files = [
        file("type", "Battery"),
        file("status", "Discharging"),
        file("energy_now", "21000000"),
        file("energy_full", "50000000"),
        file("power_now", "0"),
    ];
    let files: Vec<(&str, String)> =
        files.iter().map(|(path, text)| (&**path, text.clone())).collect();
    let (root, machine) = machine(&files);
    machine.sandbox.configure(
        "[line.terminal]\nleft = ['battery', 'text']\n[segment.text]\ntext = 'here'\n\
         [segment.battery]\nformat = '$charge.pct(w:1) '\ninterval = '1s'\n",
    );
    until_true("its charge", || machine.print("plain", "left", 80).contains("42%"));
    fs::remove_dir_all(root.path().join(supply)).expect("removed");
    until_true("a line without it", || {
        let line = machine.print("plain", "left", 80);
        assert!(line.contains("here") && !line.contains("0%"), "{line:?}");
        !line.contains("42%")
    });
}

/// Version 2, version 1 beside it, and a group without a limit: what is shown is of the one that is
/// named.
#[test]
fn t53_a_containers_limit_is_shown_as_its_own() {
    let shown = |name: &str, limit: &str| {
        let machine = Machine::fixture(name);
        machine.sandbox.configure(&format!(
            "[line.terminal]\nleft = ['text', 'memory']\n[segment.text]\ntext = 'here'\n\
             [segment.memory]\nlimit = '{limit}'\nformat = 'scope:$scope of $total.num() '\n"
        ));
        let line = until("a reading", || {
            Some(machine.print("plain", "left", 80)).filter(|line| line.contains(" of "))
        });
        let (_, shown) = line.split_once("scope:").expect("a scope");
        shown.trim().to_owned()
    };
    for (name, group, host) in [
        ("container", "cgroup of 2147483648", "4096000000"),
        ("container-v1", "cgroup of 536870912", ""),
        ("laptop", "of 25276510208", "25276510208"),
    ] {
        assert!(shown(name, "auto").contains(group), "{name}: {}", shown(name, "auto"));
        let machine = shown(name, "machine");
        assert!(machine.contains(host) && !machine.contains("cgroup"), "{name}: {machine}");
    }
}

/// A `print` without the words that say how wide and for what.
fn bare(sandbox: &Sandbox) -> Command {
    let mut command = sandbox.rainline();
    command
        .args(["print", "terminal", "full", "--target", "plain", "--deadline", "20000"])
        .stdin(Stdio::null());
    command
}

#[test]
fn t54_locales_terminals_and_widths() {
    let sandbox = Sandbox::running("");
    let columns = 60;
    let whole = |command: &mut Command| {
        let line = one_line(output_in_time(command)).trim_end_matches('\n').to_owned();
        assert!(!line.trim().is_empty());
        line
    };
    let locales = ["C", "POSIX", "", "de_DE.ISO-8859-1", "tr_TR", "ar", "no such locale", "\u{1}"];
    for locale in locales {
        for name in ["LANG", "LC_ALL"] {
            let mut command = bare(&sandbox);
            command.env_remove("LANG").env(name, locale).env("TERM", "dumb");
            let line = whole(command.env("COLUMNS", columns.to_string()));
            assert!(line.is_ascii(), "{name}={locale:?}: {line:?}");
            assert!(width(&line, Policy::Wcwidth) <= columns, "{line:?}");
        }
    }
    for locale in ["de_DE.UTF-8", "tr_TR.utf8", "ar_EG.UTF-8", "C.UTF-8"] {
        let mut command = bare(&sandbox);
        command.env("LC_ALL", locale).env("TERM", "dumb").env("COLUMNS", columns.to_string());
        let line = whole(&mut command);
        assert!(width(&line, Policy::Wcwidth) <= columns, "{locale}: {line:?}");
    }
    for term in ["dumb", "vt100", "", "no-such-terminal", "\u{1b}[31m"] {
        let mut command = bare(&sandbox);
        command.env("TERM", term).env("COLUMNS", columns.to_string());
        whole(&mut command);
    }
    whole(bare(&sandbox).env_remove("TERM"));
    // What is no number is as if it were not set; the widest line there is has 4096 cells.
    let given = [("0", 80), ("1", 1), ("-5", 80), ("1000000000", 4096), ("x", 80), ("", 80)];
    for (text, most) in given {
        let mut command = bare(&sandbox);
        let line = one_line(output_in_time(command.env("COLUMNS", text).env("TERM", "dumb")));
        let cells = width(line.trim_end_matches('\n'), Policy::Wcwidth);
        assert!(cells <= most, "COLUMNS={text:?}: {cells} cells");
    }
}

#[test]
fn t55_a_clock_that_jumps_and_a_zone_that_is_none() {
    let directory = guard::temporary();
    let zones = [
        "garbage",
        ":",
        ":/etc/passwd",
        "/dev/zero",
        "/dev/null",
        "../../../etc/passwd",
        "/",
        "<+99>-99",
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "\u{1b}[31m",
        &"x".repeat(5000),
        directory.path().to_str().expect("UTF-8"),
    ];
    let config = "[line.tmux]\nright = ['clock', 'uptime', 'load', 'cpu']\n";
    for zone in zones {
        let sandbox = Sandbox::new().configured(config).with("TZ", zone);
        output_in_time(sandbox.rainline().args(["daemon", "start"]));
        until(&format!("an answer with TZ={zone:?}"), || sandbox.status());
        let line = print(&sandbox);
        assert!(line.contains(':') && !line.contains('\u{1b}'), "TZ={zone:?}: {line:?}");
    }
    // Ten days more since boot than the askers have.
    let sandbox = Sandbox::new().configured(config);
    let mut command = sandbox.command("unshare");
    command.args(["-r", "-T", "--boottime", "864000", "--monotonic", "864000", "--fork"]);
    command.arg(program()).args(["daemon", "start"]);
    let output = output_in_time(&mut command);
    if output.status.success() {
        for _ in 0..3 {
            is_sane(&print(&sandbox));
        }
        let status = sandbox.status().expect("it runs");
        assert!(!status.contains("age -") && !status.contains("uptime -"), "{status}");
        sandbox.stop_daemon();
        // What it left is of another boot by its clock.
        is_sane(&print(&sandbox));
    } else {
        println!("skipped: no time namespace: {}", String::from_utf8_lossy(&output.stderr));
    }
    // One that stood still for a while.
    let sandbox = Sandbox::running(config);
    print(&sandbox);
    let pid = sandbox.daemon().expect("it runs");
    signal(pid, Signal::STOP);
    let since = Instant::now();
    until_true("some seconds", || since.elapsed() > Duration::from_secs(4));
    signal(pid, Signal::CONT);
    is_sane(&print(&sandbox));
    assert_eq!(sandbox.daemon(), Some(pid));
}

/// Ten years ahead, ten years back, a second that comes twice, one that is skipped.
#[test]
fn t55_any_moment_is_a_time() {
    let moments = [
        "2036-11-23T12:00:00+00:00",
        "2016-12-31T23:59:60+00:00",
        "1970-01-01T00:00:00+00:00",
        "2026-03-29T01:59:59+00:00",
        "2026-10-25T00:59:59+00:00",
        "9999-12-31T23:59:59+00:00",
    ];
    for moment in moments {
        let (_root, machine) = machine(&[("clock", moment.to_owned())]);
        let line = machine.print("plain", "left", 200);
        is_sane(&line);
        assert!(line.contains(':'), "{moment}: {line:?}");
    }
}

#[test]
fn t56_an_environment_of_any_kind() {
    let sandbox = Sandbox::new();
    let config = sandbox.config();
    let sandbox = sandbox
        .with("RAINLINE_CONFIG", config)
        .configured("[line.prompt]\nleft = ['directory', 'text']\n[segment.text]\ntext = 'here'\n");
    sandbox.start_daemon(&[]);
    let here = sandbox.home();
    let gone = here.join("gone");
    let line = |change: &dyn Fn(&mut Command)| {
        let mut command = sandbox.rainline();
        command.args(["print", "prompt", "left", "--target", "plain", "--columns", "80"]);
        command.args(["--deadline", "20000"]).stdin(Stdio::null());
        change(&mut command);
        let line = one_line(output_in_time(&mut command));
        let shown = line.strip_suffix('\n').expect("a whole line");
        let is_whole = shown.contains("here") && !shown.chars().any(char::is_control);
        assert!(is_whole, "{shown:?}");
    };
    line(&|command| {
        command.env("TMUX", "x".repeat(100 << 10));
    });
    line(&|command| {
        for number in 0..2000 {
            command.env(format!("VARIABLE_{number}"), "some value");
        }
    });
    for home in ["relative", "/no/such/place", "/", "", "/dev/null"] {
        line(&|command| {
            command.env("HOME", home).env_remove("XDG_CONFIG_HOME");
        });
    }
    line(&|command| {
        command.env_remove("HOME").env_remove("XDG_CONFIG_HOME");
    });
    for pwd in ["/", "/no/such/place", "relative", "", "\u{1b}]0;x\u{7}"] {
        line(&|command| {
            command.env("PWD", pwd);
        });
    }
    let not_utf8 = OsString::from_vec(b"/\xff\xfe".to_vec());
    line(&|command| {
        command.env("PWD", &not_utf8).env("HOME", &not_utf8);
    });

    let odd: [&[u8]; 4] = [b"new\nline", b"\xff\xfe", b"\x1b]0;title\x07", b"$(touch x)`touch x`"];
    for name in odd {
        let place = here.join(OsString::from_vec(name.to_vec()));
        fs::create_dir(&place).expect("made");
        line(&|command| {
            command.current_dir(&place).env("PWD", &place);
        });
    }
    assert!(sandbox.files_named("x").is_empty());
    // Removed under us, closed to us, and deeper than a path may be long.
    fs::create_dir(&gone).expect("made");
    let within = |script: &str| {
        let mut command = sandbox.command("bash");
        let script =
            format!("{script}; exec \"$0\" print prompt left --target plain --deadline 20000");
        command.args(["-c", &script]).arg(program()).stdin(Stdio::null());
        let line = one_line(output_in_time(&mut command));
        assert!(!line.trim().is_empty(), "{script}");
    };
    within("cd gone && rmdir ~/gone");
    within("mkdir closed && cd closed && chmod 0 .");
    let long = "d".repeat(200);
    within(&format!("for i in $(seq 25); do mkdir {long} && cd {long} || exit 9; done"));
}

#[test]
fn t58_whatever_becomes_of_a_config_the_last_good_one_is_shown() {
    let sandbox = Sandbox::new().configured(&saying("good"));
    sandbox.start_daemon(&[]);
    until_true("the config", || print(&sandbox).contains("good"));
    let path = sandbox.config();
    let huge = format!("# {}\n", "x".repeat(10 << 20));
    let texts: [(&str, &[u8]); 9] = [
        ("ten megabytes", huge.as_bytes()),
        ("no TOML", b"[line.tmux\nright = nonsense"),
        ("another type", b"line = 5\nsegment = 'x'\n"),
        ("not a number", b"[line.tmux]\nright = nan\n"),
        ("a zero byte", b"[line.tmux]\nright = ['a\0b']\n"),
        ("not UTF-8", b"[line.tmux]\nright = ['\xff']\n"),
        ("itself", b"include = ['config.toml', '../rainline/config.toml']\n[line.tmux\n"),
        ("deep", &[b'['; 100_000]),
        ("a directory", b""),
    ];
    for (name, text) in texts {
        if name == "a directory" {
            fs::remove_file(&path).expect("removed");
            fs::create_dir(&path).expect("made");
        } else {
            sandbox.write("home/.config/rainline/config.toml", text);
        }
        until_true(&format!("a problem with {name}"), || {
            let line = print(&sandbox);
            // What can be read is obeyed as far as it means something.
            let is_mistake = ["another type", "not a number"].contains(&name);
            assert!(is_mistake || line.contains("good"), "{name}: {line:?}");
            let sign = line.matches('!').count();
            assert!(sign <= 1, "{name}: {line:?}");
            sign == 1 && sandbox.status().expect("it runs").contains("problem ")
        });
        if name == "a directory" {
            fs::remove_dir(&path).expect("empty");
        }
        sandbox.configure(&saying("good"));
        until_true(&format!("an end of the problem with {name}"), || {
            !print(&sandbox).contains('!')
        });
    }
    // Marks that mean nothing.
    for (mark, text) in
        [("\u{feff}", saying("marked")), ("", saying("ended").replace('\n', "\r\n"))]
    {
        sandbox.configure(&format!("{mark}{text}"));
        until_true("its text", || {
            let line = print(&sandbox);
            line.contains("marked") || line.contains("ended")
        });
    }
}

#[test]
fn t58_a_line_is_of_the_old_config_or_of_the_new_one() {
    let text = |word: &str| {
        format!(
            "[line.tmux]\nright = ['a', 'b']\n[segment.a]\nuse = 'text'\ntext = '{word}'\n\
             [segment.b]\nuse = 'text'\ntext = '{word}'\n"
        )
    };
    let sandbox = Sandbox::new().configured(&text("old"));
    sandbox.start_daemon(&[]);
    until_true("the config", || print(&sandbox).matches("old").count() == 2);
    for round in 0..rounds(40, 1000) {
        let word = if round % 2 == 0 { "new" } else { "old" };
        for _ in 0..25 {
            sandbox.configure(&text(word));
        }
        let line = print(&sandbox);
        let [old, new] = ["old", "new"].map(|word| line.matches(word).count());
        assert!(matches!((old, new), (2, 0) | (0, 2)), "{line:?}");
    }
    until_true("the last one", || print(&sandbox).matches("old").count() == 2);
}
