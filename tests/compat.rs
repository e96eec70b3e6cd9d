//! The drop-ins against what their peers printed, case by case, through the real program on fixture
//! machines.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rainline::compat;

use crate::support::{Sandbox, program, root, until};

/// What was recorded of a peer.
#[derive(Clone, Debug, serde::Deserialize)]
struct Case {
    tool: String,
    context: String,
    command: String,
    out: String,
    rc: i32,
    stderr: String,
}

/// Cases that were recorded where the peer crashes, is wrong or prints nothing: which, and why. What
/// is right there has tests of its own below.
const UNCLEAN: &[(&str, &str, &str, &str)] = &[
    ("rainbarf", "mem=meminfoB", "", "the cache is counted twice and loses its cells"),
    ("rainbarf", "bat=ps_two", "", "the second battery is left out"),
    ("rainbarf", "bat=ps_dis50", "--rgb", "a colour that is none"),
    ("rainbarf", "conf='skip=0", "", "a usage error for a right config"),
    ("rainbarf", "conf='fg=#", "", "a usage error for a right config"),
    // What these print besides that byte is among the derived cases.
    ("tmux-mem-cpu-load", "", "-a 0", "a NUL byte, with which the recording lost the line"),
    ("battery", "", "battery\0", "no battery, and a sign for a charger"),
];

fn unclean(case: &Case) -> Option<&'static str> {
    let has = |text: &str, part: &str| format!("{text}\0").contains(part);
    let found = UNCLEAN.iter().find(|(tool, context, command, _)| {
        case.tool == *tool && has(&case.context, context) && has(&case.command, command)
    });
    found.map(|(.., why)| *why)
}

/// What was recorded of the peers.
const RECORDED: &str = "cases.jsonl";
/// Siblings of those, worked out from what the peers are known to do: the same families with other
/// values, every step of a scale, machines of one processor and of two hundred.
const DERIVED: &str = "derived.jsonl";

fn cases(file: &str) -> Vec<Case> {
    let text = fs::read_to_string(root().join("tests/compat").join(file)).expect("the cases");
    text.lines().map(|line| serde_json::from_str(line).expect("a case")).collect()
}

/// What a case's machine is made of.
#[derive(Clone, Default)]
struct Machine {
    meminfo: String,
    power: String,
    stat: Option<(String, String)>,
    loadavg: Option<String>,
    conf: String,
    history: bool,
    spark: bool,
    /// Which processors are there, as the kernel lists them; empty: two.
    cpus: String,
}

impl Machine {
    fn of(case: &Case) -> Machine {
        let mut machine = Machine::default();
        let (words, conf) = case.context.split_once("conf='").unwrap_or((&case.context, ""));
        machine.conf = conf.split("' hist=").next().unwrap_or_default().replace("\\n", "\n");
        machine.history = case.context.ends_with("hist=ramp");
        machine.spark = case.context.ends_with("spark in PATH=y");
        for (name, value) in words.split_whitespace().filter_map(|word| word.split_once('=')) {
            match name {
                "mem" => machine.meminfo = value.into(),
                "bat" => machine.power = value.into(),
                "cpus" => machine.cpus = value.into(),
                "cpu" => {
                    let (first, second) = value.split_once(',').expect("two samples");
                    machine.stat = Some((first.into(), second.into()));
                }
                _ => {}
            }
        }
        // The load was that of the moment: what was printed of it is what it was.
        let number = |word: &&str| word.contains('.') && word.parse::<f64>().is_ok();
        let words = case.out.replace('#', " ");
        let loads: Vec<&str> = words.split(' ').filter(number).collect();
        machine.loadavg = match &*case.tool {
            "tmux-mem-cpu-load" if !loads.is_empty() => {
                let at = |at: usize| loads.get(at).copied().unwrap_or("1.00");
                Some(format!("{} {} {} 1/200 1234\n", at(0), at(1), at(2)))
            }
            "rainbarf" => Some("9.00 0.80 0.33 1/200 1234\n".into()),
            _ => None,
        };
        machine
    }

    fn on(meminfo: &str, power: &str, stat: (&str, &str)) -> Machine {
        Machine {
            meminfo: meminfo.into(),
            power: power.into(),
            stat: Some((stat.0.into(), stat.1.into())),
            ..Machine::default()
        }
    }
}

fn fake(name: &str) -> PathBuf {
    root().join("tests/compat/fake").join(name)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
    if from.is_dir() {
        fs::create_dir_all(to).expect("a folder");
        for entry in fs::read_dir(from).expect("a folder").flatten() {
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else if from.is_file() {
        fs::copy(from, to).expect("copied");
    }
}

/// A home as the case had it, in which the drop-ins see the case's machine.
fn home(machine: &Machine) -> Sandbox {
    let sandbox = Sandbox::new();
    if !machine.conf.is_empty() {
        sandbox.write("home/.rainbarf.conf", &machine.conf);
    }
    if machine.history {
        copy(&fake("hist.dat"), &sandbox.home().join(".rainbarf.dat"));
    }
    for peer in compat::ALL.iter().filter(|peer| peer.link) {
        link(&sandbox, &format!("links/{}", peer.name));
    }
    if machine.spark {
        link(&sandbox, "bin/spark");
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", sandbox.path("bin").display());
    let root = fixture(&sandbox, machine);
    sandbox.with("PATH", path).with("RAINLINE_ROOT", root)
}

/// A link of this name to the program.
fn link(sandbox: &Sandbox, name: &str) -> PathBuf {
    let link = sandbox.path(name);
    fs::create_dir_all(link.parent().expect("a folder")).expect("a folder");
    std::os::unix::fs::symlink(program(), &link).expect("a link");
    link
}

/// The machine as a folder.
fn fixture(sandbox: &Sandbox, machine: &Machine) -> PathBuf {
    let at = sandbox.path("machine");
    fs::create_dir_all(&at).expect("a folder");
    if !machine.meminfo.is_empty() {
        copy(&fake(&machine.meminfo), &at.join("proc/meminfo"));
    }
    if let Some((first, second)) = &machine.stat {
        copy(&fake(first), &at.join("proc/stat@1"));
        copy(&fake(second), &at.join("proc/stat@2"));
    }
    if let Some(loadavg) = &machine.loadavg {
        sandbox.write("machine/proc/loadavg", loadavg);
    }
    if !machine.power.is_empty() {
        copy(&fake(&machine.power), &at.join("sys/class/power_supply"));
    }
    let cpus = if machine.cpus.is_empty() { "0-1" } else { &machine.cpus };
    sandbox.write("machine/sys/devices/system/cpu/online", format!("{cpus}\n"));
    at
}

/// Runs a drop-in by its name after `compat`.
fn by_name(sandbox: &Sandbox, words: &[&str]) -> Output {
    finish(sandbox.rainline().arg("compat").args(words))
}

/// Runs a drop-in by a link of its name.
fn by_link(sandbox: &Sandbox, words: &[&str]) -> Output {
    finish(sandbox.command(sandbox.path("links").join(words[0])).args(&words[1..]))
}

fn finish(command: &mut Command) -> Output {
    // Cases name folders of `fake`.
    let command = command.current_dir(root().join("tests/compat")).stdin(Stdio::null());
    command.output().expect("it runs")
}

/// The standard output, without its last newline.
fn stdout(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    text.strip_suffix('\n').unwrap_or(&text).to_owned()
}

/// What is wrong with an answer; `None`: nothing.
fn wrong(case: &Case, output: &Output) -> Option<String> {
    let (out, rc) = (stdout(output), output.status.code());
    if out != case.out || rc != Some(case.rc) {
        return Some(format!("{out:?} ({rc:?}) is not {:?} ({})", case.out, case.rc));
    }
    let complaint = String::from_utf8_lossy(&output.stderr).replace('\n', "|");
    let exact = !case.stderr.starts_with('(');
    (exact && complaint != case.stderr).then(|| format!("{complaint:?} on standard error"))
}

/// Runs each case, prints a table of what came of it, and fails for those that went wrong.
fn check(file: &str, run: fn(&Sandbox, &[&str]) -> Output) {
    let cases = cases(file);
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    let work = || {
        let next = || cases.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed));
        while let Some((at, case)) = next() {
            let sandbox = home(&Machine::of(case));
            let missing = sandbox.path("missing").display().to_string();
            let command = case.command.replace("/nonexistent", &missing);
            let words: Vec<&str> = command.split_whitespace().collect();
            let result = match unclean(case).filter(|_| file == RECORDED) {
                Some(why) => Ok(format!("deviates: {why}")),
                None => wrong(case, &run(&sandbox, &words)).map_or(Ok("passed".to_owned()), Err),
            };
            results.lock().expect("unbroken").insert(at, result);
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
    let mut broken = Vec::new();
    for (at, result) in results.into_inner().expect("unbroken") {
        let name = format!("{} [{}]", cases[at].command, cases[at].context);
        println!("{name}: {result:?}");
        broken.extend(result.err().map(|why| format!("{name}: {why}")));
    }
    assert_eq!(broken, [""; 0]);
}

#[test]
fn recorded_cases_by_links() {
    check(RECORDED, by_link);
}

#[test]
fn derived_cases_by_names() {
    check(DERIVED, by_name);
}

#[test]
fn every_unclean_case_is_there() {
    let cases = cases(RECORDED);
    for listed in UNCLEAN {
        let used = cases.iter().any(|case| unclean(case) == Some(listed.3));
        assert!(used, "{listed:?}");
    }
}

/// What a drop-in prints on a machine, without an error.
fn printed(machine: &Machine, words: &[&str]) -> String {
    let output = by_name(&home(machine), words);
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && complaint.is_empty(), "{words:?}: {complaint}");
    stdout(&output)
}

/// The cells of a chart of each class, by the colour before them.
fn bands(chart: &str) -> Vec<(String, usize)> {
    let parts = chart.split("#[").skip(1).map(|part| part.split_once(']').expect("a style"));
    let count = |cells: &str| cells.chars().filter(|c| ('▁'..='█').contains(c)).count();
    parts.map(|(style, cells)| (style.to_owned(), count(cells))).collect()
}

fn width(chart: &str) -> usize {
    bands(chart).iter().map(|(_, count)| count).sum()
}

const BUSY: (&str, &str) = ("stat1", "stat2");

#[test]
fn memory_adds_up_where_the_cache_was_counted_twice() {
    for (cells, cached) in [("38", 4), ("20", 2), ("12", 1)] {
        let machine = Machine::on("meminfoB", "", BUSY);
        let chart = printed(&machine, &["rainbarf", "--width", cells]);
        assert_eq!(width(&chart).to_string(), cells, "{chart}");
        let cyan = bands(&chart).into_iter().find(|(style, _)| style == "fg=cyan,bg=cyan");
        assert_eq!(cyan.expect("a cache").1, cached, "{chart}");
    }
    let chart = printed(&Machine::on("meminfoLXC", "", BUSY), &["rainbarf"]);
    assert_eq!(bands(&chart)[0], ("fg=green,bg=green".into(), 19), "{chart}");
    assert_eq!(width(&chart), 38, "{chart}");
}

#[test]
fn a_chart_is_never_narrower_than_it_should_be() {
    let five_fifths = Machine::on("meminfoC", "", BUSY);
    for cells in ["5", "7", "11", "12", "13", "38", "200"] {
        let chart = printed(&five_fifths, &["rainbarf", "--width", cells]);
        assert_eq!(width(&chart).to_string(), cells, "{chart}");
    }
    for meminfo in ["meminfoEmpty", "meminfoMin", ""] {
        let chart = printed(&Machine::on(meminfo, "", BUSY), &["rainbarf"]);
        assert_eq!(width(&chart), 38, "{meminfo}: {chart}");
        assert!(chart.ends_with("#[fg=default,bg=default]"), "{chart}");
    }
    let none = printed(&five_fifths, &["rainbarf", "--width", "0"]);
    assert_eq!(width(&none), 0, "{none}");
}

#[test]
fn every_mix_of_ticks_is_shown_right() {
    for (second, percent, level) in [
        ("stat_xio", "0.0", '▁'),
        ("stat_xirq", "90.0", '▇'),
        ("stat_xsteal", "90.0", '▇'),
        ("stat_xguest", "90.0", '▇'),
        ("stat_xnice", "90.0", '▇'),
        // Nothing happened between the two.
        ("stat1", "0.0", '▁'),
        ("stat_100", "100.0", '█'),
    ] {
        let machine = Machine::on("meminfoA", "", ("stat1", second));
        let line = printed(&machine, &["tmux-mem-cpu-load", "-g", "0", "-a", "0"]);
        assert_eq!(line, format!("8804MB/15GB{percent:>6}%"), "{second}");
        let chart = printed(&machine, &["rainbarf"]);
        assert!(chart.ends_with(&format!("{level}#[fg=default,bg=default]")), "{second}: {chart}");
    }
}

#[test]
fn missing_counters_and_contradicting_memory_are_no_failure() {
    let machine = Machine { meminfo: "meminfoLXC".into(), ..Machine::default() };
    let line = printed(&machine, &["tmux-mem-cpu-load", "-c"]);
    assert!(line.contains("0/3906MB") && line.contains("   0.0%"), "{line}");
    let empty = Machine { meminfo: "meminfoEmpty".into(), ..Machine::default() };
    assert_eq!(printed(&empty, &["tmux-mem-cpu-load", "-g0"]), "0/0MB   0.0%");
    assert_eq!(printed(&empty, &["tmux-mem-cpu-load", "-g0", "-m2"]), "0.00%   0.0%");
    assert_eq!(printed(&empty, &["tmux-mem-cpu-load", "-g0", "-m1"]), "0.00MB   0.0%");
    assert_eq!(width(&printed(&empty, &["rainbarf"])), 38);
}

#[test]
fn exit_codes_of_tmux_mem_cpu_load() {
    let sandbox = Sandbox::new();
    for words in [&["-h"] as &[&str], &["-i", "-1"], &["--graph-lines", "-2"], &["2", "8"]] {
        let mut command = sandbox.rainline();
        let output = command.args(["compat", "tmux-mem-cpu-load"]).args(words).output();
        let output = output.expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        // A status line shows what is on standard output.
        assert_eq!(output.stdout.is_empty(), words.len() == 2 && words[0] != "2", "{words:?}");
    }
}

#[test]
fn batteries_are_shown_right() {
    let power = |name: &str| Machine::on("meminfoA", name, BUSY);
    let half = printed(&power("ps_dis50"), &["rainbarf", "--rgb", "--remaining"]);
    assert!(
        half.ends_with("#[fg=colour196]|#[fg=colour226]▄ 5h0m#[fg=default,bg=default]"),
        "{half}"
    );
    let two = printed(&power("ps_two"), &["rainbarf", "--remaining"]);
    assert!(two.ends_with("#[fg=red]|#[fg=green]▆ 7h24m#[fg=default,bg=default]"), "{two}");
    assert_eq!(
        printed(&power("ps_two"), &["battery", "-at"]),
        "#[fg=yellow][74%] [========  ]#[default]"
    );
    assert_eq!(printed(&power("ps_chg40"), &["battery", "-z"]), "%B%F{136}[40%%] ⚡");
    assert_eq!(printed(&Machine::default(), &["battery"]), "");
    let charges = printed(&power("ps_charge_only"), &["rainbarf", "--remaining"]);
    assert!(charges.ends_with("▅ 2h0m#[fg=default,bg=default]"), "{charges}");
    let energies = printed(&Machine::default(), &["battery", "-ab", "fake/gb_energy"]);
    assert_eq!(energies, "\x1b[0;1;33m[50%] [======    ] \x1b[m");
}

#[test]
fn every_line_of_a_config_counts() {
    let with = |conf: &str| Machine { conf: conf.into(), ..Machine::on("meminfoA", "", BUSY) };
    assert_eq!(width(&printed(&with("skip=0\nwidth=12\n"), &["rainbarf"])), 12);
    let chart = printed(&with("width=7\nwidth=\nfg=\nbright=0\nswap=0\nrgb=1\n"), &["rainbarf"]);
    assert!(chart.starts_with("#[fg=colour46,bg=colour28]") && width(&chart) == 7, "{chart}");
    let colour = printed(&with("fg=#ff8800 # orange\nwidth = 12# twelve\n"), &["rainbarf"]);
    assert!(colour.starts_with("#[fg=#ff8800,bg=green]") && width(&colour) == 12, "{colour}");
    let first = printed(&with("width=7\nwidth=9\n# width=3\n\n=\n"), &["rainbarf"]);
    assert_eq!(width(&first), 7);
    assert_eq!(width(&printed(&with("--width=7\n"), &["rainbarf", "-WID=5"])), 5);
    let sandbox = home(&with("nonsense=1\n"));
    let output = by_name(&sandbox, &["rainbarf"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Unknown option: nonsense"));
}

#[test]
fn options_are_read_as_perl_reads_them() {
    let machine = Machine::on("meminfoA", "ps_dis80", BUSY);
    for words in [
        &["--nobattery"] as &[&str],
        &["-NO-BATTERY"],
        &["--nobat"],
        &["stray", "--no-bat", "more"],
        &["--nobattery", "--", "--width", "3"],
    ] {
        let chart = printed(&machine, &[&["rainbarf"], words].concat());
        assert!(!chart.contains('|') && width(&chart) == 38, "{words:?}: {chart}");
    }
    for (words, complaint) in [
        (&["--b"] as &[&str], "Option b is ambiguous (battery, bg, bolt, bright)"),
        (&["--width", "x"], "Value \"x\" invalid for option width (number expected)"),
        (&["--width"], "Option width requires an argument"),
        (&["--fg"], "Option fg requires an argument"),
        (&["--bol=1"], "Option bolt does not take an argument"),
        (&["--da"], "Option datfile requires an argument"),
        (&["+"], "Missing option after +"),
        (&["--nofg"], "Unknown option: nofg"),
    ] {
        let sandbox = home(&machine);
        let output = by_name(&sandbox, &[&["rainbarf"], words].concat());
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert!(stdout(&output).starts_with("Usage"), "{words:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr).trim_end(), complaint);
    }
}

#[test]
fn history_is_never_lost_and_a_peers_file_is_never_written() {
    let machine = Machine { history: true, ..Machine::on("meminfoA", "", BUSY) };
    let sandbox = home(&machine);
    let dat = sandbox.home().join(".rainbarf.dat");
    let before = fs::read(&dat).expect("a history");
    let chart = |words: &[&str]| {
        let output = by_name(&sandbox, &[&["rainbarf"], words].concat());
        assert!(output.status.success());
        let cells = stdout(&output);
        cells.chars().filter(|c| ('▁'..='█').contains(c)).collect::<String>()
    };
    let first = chart(&[]);
    let narrow = chart(&["--width", "5"]);
    let again = chart(&[]);
    let tail: String = first.chars().skip(2).collect();
    assert_eq!(again, format!("{tail}▃▃"), "a narrow chart takes nothing away");
    assert!(first.ends_with(&narrow[..narrow.len() - "▃".len()]));
    let skipped = chart(&["--skip", "1000"]);
    assert_eq!(skipped.chars().last(), Some('▃'));
    assert_eq!(chart(&["--skip", "1000"]), skipped, "nothing was kept");
    assert_eq!(fs::read(&dat).expect("a history"), before);
}

#[test]
fn ten_at_once_leave_ten_samples() {
    let machine = Machine::on("meminfoA", "", BUSY);
    let sandbox = home(&machine);
    let start = || {
        let mut command = sandbox.rainline();
        command.args(["compat", "rainbarf"]).stdout(Stdio::null()).spawn().expect("it runs")
    };
    let children: Vec<_> = (0..10).map(|_| start()).collect();
    for mut child in children {
        assert!(child.wait().expect("it ends").success());
    }
    let chart = stdout(&by_name(&sandbox, &["rainbarf"]));
    assert_eq!(chart.chars().filter(|c| *c == '▃').count(), 11, "{chart}");
}

#[test]
fn a_line_needs_no_home_and_no_place_to_write() {
    let machine = Machine::on("meminfoA", "ps_dis80", BUSY);
    let sandbox = home(&machine);
    let run = |words: &[&str], env: &[(&str, &str)]| {
        let mut command = Command::new(program());
        command.env_clear().envs(env.iter().copied());
        command.env("RAINLINE_ROOT", sandbox.path("machine"));
        let output = command.arg("compat").args(words).output();
        let output = output.expect("it runs");
        assert!(output.status.success(), "{env:?}");
        stdout(&output)
    };
    let nowhere = ("RAINLINE_RUNTIME_DIR", "/proc/nowhere");
    for env in [&[nowhere] as &[_], &[nowhere, ("HOME", "/proc/nowhere")], &[nowhere, ("HOME", "")]]
    {
        assert_eq!(width(run(&["rainbarf"], env).split('|').next().expect("a chart")), 38);
        assert!(run(&["tmux-mem-cpu-load"], env).contains("40.0%"));
        assert!(!run(&["battery"], env).is_empty());
    }
    let dat = ["rainbarf", "--datfile", "/proc/nowhere/x.dat"];
    assert_eq!(width(run(&dat, &[nowhere]).split('|').next().expect("a chart")), 38);
}

#[test]
fn no_word_is_run() {
    let sandbox = Sandbox::new();
    let trap = sandbox.path("trap");
    let touch = format!("touch {}", trap.display());
    for word in [
        format!("a[$({touch})]"),
        format!("$({touch})"),
        format!("`{touch}`"),
        format!("1;{touch}"),
        format!("1|{touch}"),
        format!("x[\"$({touch})\"]=1"),
    ] {
        let output = sandbox.rainline().args(["compat", "spark", "1", &word, "3"]).output();
        let output = output.expect("it runs");
        let words = word.split([' ', ',']).count() + 2;
        assert_eq!(stdout(&output).chars().count(), words, "{word}");
        for peer in ["rainbarf", "battery", "tmux-mem-cpu-load"] {
            let _ = sandbox.rainline().args(["compat", peer, &word]).output().expect("it runs");
        }
        sandbox.write("home/.rainbarf.conf", format!("fg={word}\norder={word}\ndatfile={word}\n"));
        let _ = sandbox.rainline().args(["compat", "rainbarf"]).output().expect("it runs");
        assert!(!trap.exists(), "{word}");
    }
}

#[test]
fn a_link_is_the_drop_in_whatever_its_words_are() {
    let sandbox = home(&Machine::default());
    let output = by_link(&sandbox, &["spark", "print", "1", "stream"]);
    assert_eq!(stdout(&output), " ▅ ", "words of the fast path are words here");
}

#[test]
fn input_is_read_only_where_no_word_is_given() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.rainline();
    command.args(["compat", "spark", "1", "2"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    // It is open until the program has ended: reading it would not return.
    let input = child.stdin.take();
    assert_eq!(stdout(&child.wait_with_output().expect("it ends")), "▁█");
    drop(input);
}

#[test]
fn a_line_that_cannot_be_written_is_a_failure() {
    let sandbox = Sandbox::new();
    let Ok(full) = fs::File::options().write(true).open("/dev/full") else {
        return println!("skipped: no /dev/full");
    };
    let status = sandbox.rainline().args(["compat", "spark", "1", "2"]).stdout(full).status();
    assert_eq!(status.expect("it runs").code(), Some(1));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = sandbox.rainline().args(["compat", "spark", "1", "2"]).stdout(writer).output();
    let output = output.expect("it runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

/// The daemon reads a fixture that is at 40 % all the time: a drop-in that shows 40 % asked it.
#[test]
fn a_running_daemon_is_asked() {
    let sandbox = Sandbox::new();
    let at = fixture(&sandbox, &Machine::on("meminfoA", "", BUSY));
    sandbox.start_daemon(&["--root", at.to_str().expect("UTF-8")]);
    // A drop-in waits only shortly for the daemon, and then measures this machine instead.
    until("a reading by the daemon", || {
        let line = stdout(&by_name(&sandbox, &["tmux-mem-cpu-load", "-g0", "-a0"]));
        line.ends_with("  40.0%").then_some(())
    });
    let mut number = 0;
    until("a new chart with the daemon's history", || {
        number += 1;
        let dat = format!("/proc/self/missing-{number}");
        let words = ["rainbarf", "--width", "20", "--nobattery", "--datfile", &dat];
        let chart = stdout(&by_name(&sandbox, &words));
        let cells: String = chart.chars().filter(|c| ('▁'..='█').contains(c)).collect();
        cells.ends_with("▃▃").then_some(())
    });
    let stopped = sandbox.rainline().args(["daemon", "stop"]).output();
    assert!(stopped.expect("it runs").status.success());
}

#[test]
fn without_a_daemon_the_second_call_compares_with_the_first() {
    let sandbox = Sandbox::new();
    let run = || {
        let output = sandbox.rainline().args(["compat", "tmux-mem-cpu-load"]).output();
        assert!(output.expect("it runs").status.success());
        let kept = sandbox.home().join(".local/state/rainline");
        let file = fs::read_dir(kept).expect("a folder").flatten().find(|entry| {
            let name = entry.file_name().into_string().expect("a name");
            name.starts_with("drop-ins") && !name.contains('.')
        });
        let text = fs::read_to_string(file.expect("what is kept").path()).expect("readable");
        text.lines().filter(|line| line.starts_with("counted ")).count()
    };
    assert_eq!(run(), 1);
    // A call within the same tenth of a second measures by the reading it has, and keeps it.
    let counts: Vec<usize> = (0..3).map(|_| run()).collect();
    assert!(counts.iter().all(|count| (1..=2).contains(count)), "{counts:?}");
    assert!(!sandbox.runtime().join("rainline-1.sock").exists(), "no daemon is started");
}

#[test]
fn the_plugins_names_are_filled_in_by_one_job_of_a_real_tmux() {
    let sandbox = Sandbox::new();
    let output = sandbox.rainline().args(["init", "tmux-plugins"]).output().expect("it runs");
    assert!(output.status.success());
    let wiring = String::from_utf8(output.stdout).expect("UTF-8");
    let conf = format!(
        "set -g status-interval 1\nset -g status-right-length 100\nset -g status-left ''\n\
         set -g @cpu_percentage_format 'C%05.1f'\nset -g @ram_low_icon 'L$(id);#'\n\
         set -g @ram_medium_icon 'M'\nset -g @ram_high_icon 'H'\nset -g @ram_medium_thresh 101\n\
         set -g @ram_high_thresh 102\nset -g window-status-current-format 'w #{{ram_icon}}'\n\
         set -g @plugin_interpolated_options 'status-right window-status-current-format'\n\
         set -g @cpu_low_bg_color '#[bg=colour20]'\n\
         set -g @cpu_medium_thresh 101\nset -g @cpu_high_thresh 102\n\
         set -g status-right '%S #S #{{cpu_bg_color}} x #{{cpu_percentage}}#[default] r #{{ram_icon}} #{{?#{{==:1,1}},#{{ram_percentage}},no}} end'\n\
         {wiring}"
    );
    let mut tmux = crate::support::Tmux::start(&sandbox, &conf, 6, 120);
    let number = |text: &str| text.chars().filter(char::is_ascii_digit).count();
    let mut line = String::new();
    tmux.terminal.wait("names filled in", |screen| {
        line = screen.rows(0, 120).last().unwrap_or_default();
        // Each job may be the last one to print.
        line.starts_with("w L$(id);") && line.contains(" x C") && line.contains("% end")
    });
    let after = line.split(" x C").nth(1).expect("the percentage");
    assert_eq!(number(&after[..5]), 4, "{line}");
    assert!(line.contains(" main "), "what is tmux's own stays: {line}");
    assert!(line.contains(" r L$(id);") && line.starts_with("w L$(id);"), "{line}");
    let option = tmux.run(&["show-options", "-gv", "status-right"]);
    assert_eq!(option.matches("#(exec ").count(), 2, "{option}");
    assert!(option.starts_with("%S #S #(exec ") && option.contains("#{?#{==:1,1},#(exec "));
    // Read again, nothing is left to put in.
    tmux.run(&["run-shell", &format!("{} compat tmux-plugins", program().display())]);
    assert_eq!(tmux.run(&["show-options", "-gv", "status-right"]), option);
    let jobs = || sandbox.processes_named("tmux-plugins stream");
    let before = jobs();
    assert_eq!(before.len(), 3);
    // A second and more of refreshes: the same processes.
    tmux.terminal.wait("another second", |screen| {
        let now = screen.rows(0, 120).last().unwrap_or_default();
        now != line
    });
    assert_eq!(jobs(), before);
}

#[test]
fn plugins_values_on_fixtures() {
    let machine = Machine::on("meminfoA", "ps_dis80", BUSY);
    let value = |template: &str| printed(&machine, &["tmux-plugins", "print", template]);
    let print = |name: &str| value(&format!("=23=7b{name}=7d"));
    assert_eq!(print("cpu_percentage"), "40.0%");
    assert_eq!((print("cpu_icon"), print("cpu_fg_color")), ("≡".into(), "#[fg=yellow]".into()));
    assert_eq!((print("ram_percentage"), print("ram_icon")), ("32.9%".into(), "≡".into()));
    assert_eq!((print("gpu_percentage"), print("gpu_icon")), ("No GPU".into(), String::new()));
    assert_eq!((print("cpu_temp"), print("cpu_temp_bg_color")), (String::new(), String::new()));
    assert_eq!(
        (print("battery_percentage"), print("battery_remain")),
        ("80%".into(), "04:00".into())
    );
    assert_eq!((print("battery_graph"), print("battery_icon")), ("▆".into(), "▇".into()));
    assert_eq!(print("battery_color_bg"), "#[bg=#55ff00,fg=colour0]");
    for name in rainline::compat::tmux_plugins::names() {
        assert!(!print(&name).contains(&name), "{name} is filled in");
    }
    let none = Machine::default();
    for name in rainline::compat::tmux_plugins::names() {
        printed(&none, &["tmux-plugins", "print", &format!("=23=7b{name}=7d")]);
    }
}

#[test]
fn on_a_terminal_spark_helps_and_rainbarf_has_the_terminals_colours() {
    use crate::support::Terminal;
    let machine = Machine::on("meminfoA", "", BUSY);
    let sandbox = home(&machine);
    let text = |path: PathBuf| path.to_str().expect("UTF-8").to_owned();
    let spark = text(sandbox.path("links/spark"));
    let mut terminal = Terminal::spawn(&sandbox, &[&spark], 20, 80);
    terminal.wait_text("USAGE");
    assert_eq!(terminal.end(), Some(0));
    let words = [&*text(program()), "compat", "rainbarf", "--bg", "black"];
    let mut terminal = Terminal::spawn(&sandbox, &words, 5, 80);
    terminal.wait_text("▃");
    let looks = terminal.row(0);
    let colours = [2, 1, 3, 4, 6].map(vt100::Color::Idx);
    let mut seen: Vec<_> = looks.iter().take(38).map(|look| (look.fg, look.bg)).collect();
    seen.dedup();
    assert_eq!(seen, colours.map(|fg| (fg, vt100::Color::Idx(0))));
}

#[test]
fn the_command_line_lists_the_drop_ins_and_knows_no_others() {
    let sandbox = Sandbox::new();
    let run =
        |words: &[&str]| sandbox.rainline().arg("compat").args(words).output().expect("it runs");
    let list = stdout(&run(&[]));
    assert_eq!(list.lines().count(), compat::ALL.len());
    assert!(compat::ALL.iter().all(|peer| list.contains(peer.about)));
    assert_eq!(run(&["--help"]).status.code(), Some(0));
    let unknown = run(&["sparc", "1"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("did you mean `spark`?"));
}
