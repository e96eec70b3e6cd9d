//! Whatever stands where a config, a theme or an include is expected: it is told, costs little, and
//! throws nothing away.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use rainline::config::{Config, Gathered, SourceFile, build};

use crate::support::process::output_in_time;
use crate::support::{Sandbox, Stream, make_fifo, until};

const GOOD: &str =
    "[segment.text]\ntext = \"GOOD\"\n[line.tmux]\nleft = [\"text\"]\nright = [\"text\"]\n";

/// A way to spoil a path, and what is said of it.
type Spoil = (fn(&Path), &'static str);

/// What may stand at a path instead of a file of text.
const SPOILT: [Spoil; 8] = [
    (|path| fs::create_dir(path).expect("made"), "not a regular file"),
    (make_fifo, "not a regular file"),
    (|path| drop(UnixListener::bind(path).expect("bound")), "No such device"),
    (|path| symlink("/dev/zero", path).expect("linked"), "not a regular file"),
    (|path| symlink(path, path).expect("linked"), "symbolic link"),
    (|path| symlink("/nowhere/at/all", path).expect("linked"), "is not there"),
    (make_sparse, "longer than a megabyte"),
    (|path| write(path, b"theme = \"\xff\"\n"), "not UTF-8"),
];

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("written");
    fs::set_permissions(path, PermissionsExt::from_mode(0o600)).expect("changed");
}

fn make_sparse(path: &Path) {
    write(path, b"");
    let file = fs::OpenOptions::new().write(true).open(path).expect("opened");
    file.set_len(10 << 30).expect("a file with a hole");
}

fn clear(path: &Path) {
    if path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
        fs::remove_dir(path).expect("removed");
    } else {
        let _ = fs::remove_file(path);
    }
}

/// What `config check` says, which must end by itself.
fn check(sandbox: &Sandbox) -> (Option<i32>, String) {
    // On a busy machine it takes longer than the command waits.
    until("a config that is read", || {
        let output = output_in_time(sandbox.rainline().args(["config", "check"]));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (!said.contains("not read within")).then_some((output.status.code(), said))
    })
}

#[test]
fn what_is_no_file_of_text_is_told_wherever_it_stands() {
    let sandbox = Sandbox::new().configured(GOOD);
    let folder = sandbox.config().parent().expect("a folder").to_owned();
    fs::create_dir(folder.join("themes")).expect("made");
    for (place, config) in [
        ("config.toml", None),
        ("more.toml", Some(format!("include = \"more.toml\"\n{GOOD}"))),
        ("themes/mine.toml", Some(format!("theme = \"mine\"\n{GOOD}"))),
    ] {
        for (spoil, why) in SPOILT {
            if let Some(config) = &config {
                sandbox.configure(config);
            }
            let path = folder.join(place);
            clear(&path);
            spoil(&path);
            let (code, said) = check(&sandbox);
            assert_eq!(code, Some(1), "{place}: {said}");
            let told = said.lines().any(|line| line.contains(place) && line.contains(why));
            assert!(told, "{place}, {why:?}: {said}");
            clear(&path);
        }
    }
}

#[test]
fn includes_end_whatever_they_name() {
    let sandbox = Sandbox::new();
    let folder = sandbox.config().parent().expect("a folder").to_owned();
    sandbox.configure("include = [\"a.toml\", \"config.toml\", \"./config.toml\"]\n");
    write(&folder.join("a.toml"), b"include = [\"../rainline/a.toml\", \"b.toml\"]\n");
    symlink("config.toml", folder.join("b.toml")).expect("linked");
    assert_eq!(check(&sandbox).0, Some(0), "a loop is no mistake: {}", check(&sandbox).1);
    // Each of them includes all of them, and thousands that are not there.
    let names: String = (0..5000).map(|n| format!("\"x{n}.toml\",")).collect();
    sandbox.configure(&format!("include = [{names}]\n"));
    (0..50).for_each(|n| {
        write(&folder.join(format!("x{n}.toml")), format!("include = [{names}]\n").as_bytes())
    });
    let (code, said) = check(&sandbox);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("more than 64 files") || said.contains("nested deeper"), "{said}");
    assert!(said.lines().count() < 200, "{said}");
    // More bytes than all files together may have.
    let text = "# comment\n".repeat(100_000);
    let names: String = (0..10).map(|n| format!("\"x{n}.toml\",")).collect();
    (0..10).for_each(|n| write(&folder.join(format!("x{n}.toml")), text.as_bytes()));
    sandbox.configure(&format!("include = [{names}]\n"));
    let (code, said) = check(&sandbox);
    assert!(code == Some(1) && said.contains("more than 4 megabytes"), "{said}");
}

/// Each would take hundreds of megabytes while it is parsed.
#[test]
fn a_config_that_would_fill_the_memory_is_refused_before_it_is_parsed() {
    let sandbox = Sandbox::new();
    let many = |unit: &str| unit.repeat(1_000_000 / unit.len());
    let deep: String = (0..7000).map(|n| format!("a{n}{} = 1\n", ".b".repeat(64))).collect();
    for (what, text) in [
        ("dotted keys", deep),
        ("dots", many(".")),
        ("carriage returns", many("\r")),
        ("equals signs", many("=")),
        ("brackets", many("[")),
        ("commas", many(",")),
        ("lines without a value", many("a\n")),
    ] {
        sandbox.configure(&text);
        let (code, said) = check(&sandbox);
        assert!(code == Some(1) && said.contains("more keys and tables"), "{what}: {said}");
    }
    // Large parts of it are no harm to the rest of the files.
    sandbox.configure(&format!("include = [\"more.toml\"]\n{GOOD}"));
    write(&sandbox.config().with_file_name("more.toml"), many(".").as_bytes());
    assert!(sandbox.print(&["tmux", "right", "--target", "plain"]).contains("GOOD"));
}

#[test]
fn names_as_long_as_a_file_and_hundreds_of_broken_themes_are_told_in_part() {
    let sandbox = Sandbox::new();
    sandbox.configure(&format!("include = [\"{}\", \"other.toml\"]\n", "a".repeat(900_000)));
    let (code, said) = check(&sandbox);
    assert!(code == Some(1) && said.contains("other.toml: no such file"), "{}", said.len());
    assert!(said.len() < 10_000, "{} bytes", said.len());
    let themes = sandbox.config().with_file_name("themes");
    fs::create_dir(&themes).expect("made");
    (0..150).for_each(|n| fs::create_dir(themes.join(format!("t{n}.toml"))).expect("made"));
    sandbox.configure(GOOD);
    let (code, said) = check(&sandbox);
    assert!(code == Some(1) && said.contains("… and 100 more"), "{said}");
    assert!(said.lines().count() < 60, "{said}");
}

fn built(text: String) -> Config {
    let file = SourceFile { path: "config.toml".into(), text };
    build(&Gathered { files: vec![file], ..Gathered::default() })
}

/// Each with about as many mistakes as a megabyte holds. Without a bound each of these takes minutes.
#[test]
fn a_megabyte_of_mistakes_is_told_in_part() {
    let many = |count: usize, of: fn(usize) -> String| (0..count).map(of).collect::<String>();
    for (what, text) in [
        ("keys", many(80_000, |n| format!("k{n:06}x = 1\n"))),
        (
            "names in a row",
            format!("[line.x]\nleft = [{}]\n", many(70_000, |n| format!("\"memroy{n}\","))),
        ),
        ("options", format!("[segment.cpu]\n{}", many(80_000, |n| format!("warnign{n} = 1\n")))),
        (
            "segments",
            many(10_000, |n| {
                format!("[segment.s{n}]\nuse = \"cpu\"\nwarnign = 1\nformat = \"$usgae\"\n")
            }),
        ),
        (
            "formats",
            many(250, |n| {
                format!("[segment.s{n}]\nuse = \"cpu\"\nformat = \"{}\"\n", "$usgae ".repeat(550))
            }),
        ),
        ("alerts", many(10_000, |n| format!("[alert.a{n}]\nsegmnet = \"cpu\"\n"))),
        ("no TOML", "= [[[ x\n".repeat(120_000)),
        ("one line", format!("[segment.cpu]\nformat = \"{}\"\n", "$usgae ".repeat(140_000))),
    ] {
        let config = built(text);
        assert!((1..=51).contains(&config.problems.len()), "{what}: {}", config.problems.len());
        assert_eq!(config.untold > 0, config.problems.len() == 51, "{what}");
        let told: usize = config.problems.iter().map(String::len).sum();
        assert!(told < 100_000, "{what}: {told} bytes");
        if config.untold > 0 {
            assert_eq!(config.problems[50], format!("… and {} more", config.untold), "{what}");
        }
    }
}

#[test]
fn far_more_than_is_ever_written_is_left_out() {
    let many = |of: fn(usize) -> String| (0..10_000).map(of).collect::<String>();
    let segments = built(many(|n| format!("[segment.s{n}]\nuse = \"text\"\n")));
    let lines = built(many(|n| format!("[line.l{n}]\nleft = [\"cpu\"]\n")));
    let rows = built(format!("[line.x]\nleft = [{}]\n", many(|_| "[\"cpu\"],".into())));
    let row = built(format!("[line.x]\nleft = [{}]\n", many(|_| "\"cpu\",".into())));
    let alert = "segment = \"cpu\"\ndo = \"bell\"\n";
    let alerts = built((0..10_000).map(|n| format!("[alert.a{n}]\n{alert}")).collect());
    for (config, kept) in [
        (&segments, segments.instances.len()),
        (&lines, lines.lines.len()),
        (&alerts, alerts.alerts.len()),
        (&rows, rows.lines["x"].slots["left"].len()),
        (&row, row.lines["x"].slots["left"][0].len()),
    ] {
        assert!((50..5000).contains(&kept), "{kept}");
        assert!(
            !config.unusable && config.problems[0].contains("left out"),
            "{}",
            config.problems[0]
        );
    }
}

#[test]
fn deep_nesting_is_an_error_and_no_overflow_of_the_stack() {
    for (open, close) in [("[", "]"), ("{a=", "}"), ("[[", "")] {
        let config = built(format!("x = {}1{}\n", open.repeat(100_000), close.repeat(100_000)));
        assert!(config.unusable, "{open}");
    }
    built(format!("{} = 1\n", ["a"; 200_000].join(".")));
    let styles: String =
        (0..40).map(|n| format!("s{n} = \"{}\"\n", "s1 s2 s3 s4 s5 ".repeat(30))).collect();
    let themes =
        SourceFile { path: "mine.toml".into(), text: format!("[style]\nline = \"s0\"\n{styles}") };
    let file = SourceFile { path: "config.toml".into(), text: "theme = \"mine\"\n".into() };
    let gathered = Gathered {
        files: vec![file],
        themes: vec![("mine".into(), themes)],
        ..Gathered::default()
    };
    let config = build(&gathered);
    assert_eq!(config.theme.name, "mine");
    // Styles that name each other end.
    let (base, subject) = Default::default();
    config.theme.over(base, "line", &subject);
}

/// A stream of one side of the bar.
fn side(sandbox: &Sandbox, slot: &str) -> Stream {
    sandbox.stream(&["tmux", slot, "--target", "plain", "--columns", "80"])
}

#[test]
fn the_last_good_one_stays_and_one_sign_tells_of_it() {
    let sandbox = Sandbox::running(GOOD);
    let (path, mut bar) = (sandbox.config(), side(&sandbox, "right"));
    bar.until("GOOD");
    let mut spoilt: Vec<Spoil> = SPOILT.to_vec();
    spoilt.push((|path| write(path, b"x = [\n"), "unclosed array"));
    if !rustix::process::geteuid().is_root() {
        spoilt.push((
            |path| {
                write(path, GOOD.as_bytes());
                fs::set_permissions(path, PermissionsExt::from_mode(0o000)).expect("changed");
            },
            "ermission denied",
        ));
    }
    for (spoil, why) in spoilt {
        // In one step: a config that is not there for a moment is one that was taken away.
        let beside = path.with_extension("beside");
        clear(&beside);
        spoil(&beside);
        if beside.symlink_metadata().expect("there").is_dir() || why == "symbolic link" {
            clear(&beside);
            clear(&path);
            spoil(&path);
        } else {
            fs::rename(&beside, &path).expect("replaced");
        }
        let line = bar.until("!");
        let (line, good) = (line.matches('!').count(), line.contains("GOOD"));
        let replaced = path.symlink_metadata().expect("there").is_dir() || why == "symbolic link";
        assert!(line == 1 && (good || replaced), "{why}: {line} {good}");
        assert!(sandbox.doctor().contains(why), "{why}: {}", sandbox.doctor());
        let left = sandbox.print(&["tmux", "left", "--target", "plain", "--columns", "80"]);
        assert!(!left.contains('!'), "the bar has it once: {left}");
        clear(&path);
        sandbox.configure(GOOD);
        until("a line without a sign", || {
            Some(bar.next()).filter(|line| !line.contains('!') && line.contains("GOOD"))
        });
    }
    clear(&path);
    until("the built-in line", || {
        Some(bar.next()).filter(|line| !line.contains("GOOD") && !line.contains('!'))
    });
}

#[test]
fn a_daemon_that_finds_a_broken_config_says_so_in_every_slot_s_place() {
    let sandbox = Sandbox::running("x = [\n");
    for (line, slots) in [
        ("tmux", &["left", "right"][..]),
        ("screen", &["left", "right"]),
        ("dvtm", &["right"]),
        ("terminal", &["full"]),
    ] {
        let shown: String =
            slots.iter().map(|slot| sandbox.print(&[line, slot, "--target", "plain"])).collect();
        assert_eq!(shown.matches('!').count(), 1, "{line}: {shown}");
    }
    let prompt = output_in_time(&mut sandbox.printing(&["prompt", "all", "--target", "zsh"]));
    let prompt = String::from_utf8_lossy(&prompt.stdout).into_owned();
    assert_eq!(prompt.matches('!').count(), 1, "{prompt:?}");
}

fn link_to(target: &str, path: &Path) {
    let beside = path.with_extension("beside");
    symlink(target, &beside).expect("linked");
    fs::rename(beside, path).expect("replaced");
}

/// A config in the user's files for other programs: links and directories on the way to it.
#[test]
fn a_change_anywhere_on_the_way_to_a_config_is_seen() {
    let sandbox = Sandbox::new();
    let says = |text: &str| GOOD.replace("GOOD", text);
    let close = |path: &Path, mode| {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("changed");
    };
    sandbox.write("one/rainline/config.toml", says("ONE"));
    let second = sandbox.write("two/rainline/config.toml", says("TWO"));
    fs::remove_dir_all(sandbox.home().join(".config")).expect("it was there");
    link_to("../one", &sandbox.home().join(".config"));
    sandbox.start_daemon(&[]);
    let mut bar = side(&sandbox, "right");
    bar.until("ONE");
    link_to("../two", &sandbox.home().join(".config"));
    bar.until("TWO");
    // Away for the moment, with the disk that it is on.
    let (there, away) = (sandbox.path("two"), sandbox.path("away"));
    fs::rename(&there, &away).expect("moved");
    let line = bar.until("!");
    assert!(line.contains("TWO"), "{line}");
    fs::rename(&away, &there).expect("moved back");
    until("a line without a sign", || Some(bar.next()).filter(|line| !line.contains('!')));
    for text in ["THREE", "FOUR"] {
        let target = sandbox.write(&format!("{text}.toml"), says(text));
        link_to(target.to_str().expect("UTF-8"), &second);
        bar.until(text);
    }
    fs::remove_file(&second).expect("a link");
    write(&second, says("FIVE").as_bytes());
    bar.until("FIVE");
    // A directory that its user may not read: of what changes in it the system tells nothing.
    let folder = second.parent().expect("a directory");
    close(folder, 0o100);
    write(&second, says("SIX").as_bytes());
    bar.until("SIX");
    close(folder, 0o000);
    if !rustix::process::geteuid().is_root() {
        let line = bar.until("!");
        assert!(line.contains("SIX"), "{line}");
    }
    close(folder, 0o700);
    write(&second, says("SEVEN").as_bytes());
    let line = bar.until("SEVEN");
    assert!(!line.contains('!'), "{line}");
}

#[test]
fn what_holds_all_segments_and_is_no_table_throws_none_away() {
    let sandbox = Sandbox::running(GOOD);
    let mut bar = side(&sandbox, "right");
    bar.until("GOOD");
    for config in ["segment = 3\n", "line = []\n", "alert = \"bell\"\n"] {
        sandbox.configure(config);
        let line = bar.until("!");
        assert!(line.contains("GOOD") && line.matches('!').count() == 1, "{config}: {line}");
        sandbox.configure(GOOD);
        until("a line without a sign", || Some(bar.next()).filter(|line| !line.contains('!')));
    }
}

/// What the daemon and the file say is one finding.
#[test]
fn the_doctor_tells_a_mistake_once() {
    let sandbox = Sandbox::running("theme = \"rian\"\n");
    sandbox.print(&["tmux", "right"]);
    let report = until("the mistake", || {
        let report = sandbox.doctor();
        let (daemon, _) = report.split_once("\nconfig\n")?;
        daemon.contains("no theme `rian`").then_some(report)
    });
    assert_eq!(report.matches("no theme `rian`").count(), 1, "{report}");
    assert!(report.contains("config.toml has mistakes"), "{report}");
}
