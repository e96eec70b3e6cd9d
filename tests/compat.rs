//! The drop-ins against what their peers printed, case by case, through the real program: on
//! fixtures as any user, and on the machine's own `/proc` and `/sys` with other files mounted over
//! them, where that is permitted.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use rainline::compat;

use crate::support::{Sandbox, found, program, root};

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

/// Cases that were recorded where the peer crashes, lies or stays blank: which, and why. What is
/// right there has tests of its own below.
const UNCLEAN: &[(&str, &str, &str, &str)] = &[
    ("rainbarf", "mem=meminfoB", "", "the cache is counted twice and loses its cells"),
    ("rainbarf", "bat=ps_two", "", "the second battery is left out"),
    ("rainbarf", "bat=ps_dis50", "--rgb", "a colour that is none"),
    ("rainbarf", "conf='skip=0", "", "a usage error for a right config"),
    ("rainbarf", "conf='fg=#", "", "a usage error for a right config"),
    // What these print but for that byte is among the derived cases.
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

/// A home as the case had it.
fn home(machine: &Machine) -> Sandbox {
    let sandbox = Sandbox::new();
    if !machine.conf.is_empty() {
        sandbox.write("home/.rainbarf.conf", &machine.conf);
    }
    if machine.history {
        copy(&fake("hist.dat"), &sandbox.home().join(".rainbarf.dat"));
    }
    if machine.spark {
        fs::create_dir(sandbox.path("bin")).expect("a folder");
        std::os::unix::fs::symlink(program(), sandbox.path("bin/spark")).expect("a link");
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let bin = if machine.spark { "bin" } else { "none" };
    let path = format!("{}:{path}", sandbox.path(bin).display());
    sandbox.with("PATH", path)
}

/// The machine as a folder.
fn fixture(sandbox: &Sandbox, machine: &Machine) -> PathBuf {
    let at = sandbox.path("machine");
    fs::create_dir_all(&at).expect("a folder");
    if !machine.meminfo.is_empty() {
        copy(&fake(&machine.meminfo), &at.join("proc/meminfo"));
    }
    if let Some((first, second)) = &machine.stat {
        copy(&fake(first), &at.join("proc/stat"));
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

/// Runs a drop-in on a machine that is a folder.
fn on_fixture(sandbox: &Sandbox, machine: &Machine, words: &[&str]) -> Output {
    let at = fixture(sandbox, machine);
    for word in words.iter().filter(|word| word.starts_with("fake/")) {
        copy(&root().join("tests/compat").join(word), &at.join(word));
    }
    let mut command = sandbox.rainline();
    command.arg("compat").arg("--root").arg(at).args(words).stdin(Stdio::null());
    command.output().expect("it runs")
}

/// Whether files may be mounted over others here, as root or as root of a namespace.
fn mounting() -> Option<&'static [&'static str]> {
    let ways: [&[&str]; 2] = [&["unshare", "-m"], &["unshare", "-r", "-m"]];
    found("perl")?;
    ways.into_iter().find_map(|way| {
        let mut command = Command::new(way[0]);
        command.args(&way[1..]).args(["mount", "--bind", "/proc/version", "/proc/loadavg"]);
        let done = command.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        done.then_some(if way.len() == 2 { &[] } else { &["unshare", "-r"] as &[&str] })
    })
}

/// Runs a drop-in by a link of its name, on this machine with the case's files mounted over it.
fn on_mounts(sandbox: &Sandbox, machine: &Machine, words: &[&str], way: &[&str]) -> Output {
    let at = sandbox.path("case");
    copy(&root().join("tests/compat/with-fakes"), &at.join("with-fakes"));
    let or_none = |name: &str| if name.is_empty() { "-".to_owned() } else { name.to_owned() };
    let (first, second) = machine.stat.clone().unwrap_or_default();
    for name in [&machine.meminfo, &machine.power, &first, &second] {
        if !name.is_empty() {
            copy(&fake(name), &at.join("fake").join(name));
        }
    }
    if !machine.power.is_empty() {
        fs::create_dir_all(at.join("fake").join(&machine.power)).expect("a folder");
    }
    let loadavg = machine.loadavg.as_deref().unwrap_or("1.25 0.80 0.33 1/200 1234\n");
    sandbox.write("case/fake/loadavg", loadavg);
    for word in words.iter().filter(|word| word.starts_with("fake/")) {
        copy(&root().join("tests/compat").join(word), &at.join(word));
    }
    let link = sandbox.path(&format!("link/{}", words[0]));
    fs::create_dir_all(sandbox.path("link")).expect("a folder");
    if !link.exists() {
        std::os::unix::fs::symlink(program(), &link).expect("a link");
    }
    let with_fakes = at.join("with-fakes").into_os_string();
    let mut all: Vec<std::ffi::OsString> = way.iter().map(Into::into).collect();
    all.push("bash".into());
    all.push(with_fakes);
    for name in [&machine.meminfo, &machine.power, &first, &second] {
        all.push(or_none(name).into());
    }
    all.push(link.into());
    all.extend(words[1..].iter().map(Into::into));
    let mut command = sandbox.command(&all[0]);
    command.args(&all[1..]).current_dir(&at).stdin(Stdio::null());
    command.output().expect("it runs")
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    text.strip_suffix('\n').unwrap_or(&text).to_owned()
}

/// What is wrong with an answer; `None`: nothing.
fn wrong(case: &Case, output: &Output) -> Option<String> {
    let (out, rc) = (said(output), output.status.code());
    if out != case.out || rc != Some(case.rc) {
        return Some(format!("{out:?} ({rc:?}) is not {:?} ({})", case.out, case.rc));
    }
    let complaint = String::from_utf8_lossy(&output.stderr).replace('\n', "|");
    let exact = !case.stderr.starts_with('(');
    (exact && complaint != case.stderr).then(|| format!("said {complaint:?} on standard error"))
}

/// Runs each case; the table of what came of it, and what went wrong.
fn table(
    file: &str,
    run: impl Fn(&Case, &Machine, &[&str]) -> Output + Sync,
) -> (String, Vec<String>) {
    let cases = cases(file);
    let next = AtomicUsize::new(0);
    let results = std::sync::Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((at, case)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    cases.get(at).map(|case| (at, case))
                } {
                    let words: Vec<&str> = case.command.split_whitespace().collect();
                    let result = match unclean(case).filter(|_| file == RECORDED) {
                        Some(why) => Ok(format!("deviates: {why}")),
                        None => {
                            let output = run(case, &Machine::of(case), &words);
                            wrong(case, &output).map_or(Ok("passed".to_owned()), Err)
                        }
                    };
                    results.lock().expect("unbroken").insert(at, result);
                }
            });
        }
    });
    let (mut table, mut broken) = (String::new(), Vec::new());
    for (at, result) in results.into_inner().expect("unbroken") {
        let name = format!("{} [{}]", cases[at].command, cases[at].context);
        let what = result.unwrap_or_else(|why| {
            broken.push(format!("{name}: {why}"));
            format!("FAILED {why}")
        });
        table += &format!("{name}: {what}\n");
    }
    (table, broken)
}

#[test]
fn recorded_and_derived_cases_on_fixtures() {
    for file in [RECORDED, DERIVED] {
        let (table, broken) = table(file, |_, machine, words| {
            let sandbox = home(machine);
            on_fixture(&sandbox, machine, words)
        });
        println!("{table}");
        assert_eq!(broken, [""; 0]);
    }
}

#[test]
fn recorded_cases_on_mounts() {
    let Some(way) = mounting() else {
        return println!("skipped: no mount namespace, or no perl");
    };
    let (table, broken) = table(RECORDED, |_, machine, words| {
        let sandbox = home(machine);
        on_mounts(&sandbox, machine, words, way)
    });
    println!("{table}");
    assert_eq!(broken, [""; 0]);
}

#[test]
fn every_excuse_is_used() {
    let cases = cases(RECORDED);
    for excuse in UNCLEAN {
        let used = cases.iter().any(|case| unclean(case) == Some(excuse.3));
        assert!(used, "{excuse:?}");
    }
}

/// What a drop-in says on a machine; it never fails.
fn fine(machine: &Machine, words: &[&str]) -> String {
    let sandbox = home(machine);
    let output = on_fixture(&sandbox, machine, words);
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && complaint.is_empty(), "{words:?}: {complaint}");
    said(&output)
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
        let chart = fine(&machine, &["rainbarf", "--width", cells]);
        assert_eq!(width(&chart).to_string(), cells, "{chart}");
        let cyan = bands(&chart).into_iter().find(|(style, _)| style == "fg=cyan,bg=cyan");
        assert_eq!(cyan.expect("a cache").1, cached, "{chart}");
    }
    let chart = fine(&Machine::on("meminfoLXC", "", BUSY), &["rainbarf"]);
    assert_eq!(bands(&chart)[0], ("fg=green,bg=green".into(), 19), "{chart}");
    assert_eq!(width(&chart), 38, "{chart}");
}

#[test]
fn a_chart_is_never_narrower_than_it_should_be() {
    let five_fifths = Machine::on("meminfoC", "", BUSY);
    for cells in ["5", "7", "11", "12", "13", "38", "200"] {
        let chart = fine(&five_fifths, &["rainbarf", "--width", cells]);
        assert_eq!(width(&chart).to_string(), cells, "{chart}");
    }
    for meminfo in ["meminfoEmpty", "meminfoMin", ""] {
        let chart = fine(&Machine::on(meminfo, "", BUSY), &["rainbarf"]);
        assert_eq!(width(&chart), 38, "{meminfo}: {chart}");
        assert!(chart.ends_with("#[fg=default,bg=default]"), "{chart}");
    }
    let none = fine(&five_fifths, &["rainbarf", "--width", "0"]);
    assert_eq!(width(&none), 0, "{none}");
}

#[test]
fn every_mix_of_ticks_is_told_right() {
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
        let line = fine(&machine, &["tmux-mem-cpu-load", "-g", "0", "-a", "0"]);
        assert_eq!(line, format!("8804MB/15GB{percent:>6}%"), "{second}");
        let chart = fine(&machine, &["rainbarf"]);
        assert!(chart.ends_with(&format!("{level}#[fg=default,bg=default]")), "{second}: {chart}");
    }
}

#[test]
fn missing_counters_and_contradicting_memory_are_no_crash() {
    let machine = Machine { meminfo: "meminfoLXC".into(), ..Machine::default() };
    let line = fine(&machine, &["tmux-mem-cpu-load", "-c"]);
    assert!(line.contains("0/3906MB") && line.contains("   0.0%"), "{line}");
    let empty = Machine { meminfo: "meminfoEmpty".into(), ..Machine::default() };
    assert_eq!(fine(&empty, &["tmux-mem-cpu-load", "-g0"]), "0/0MB   0.0%");
    assert_eq!(fine(&empty, &["tmux-mem-cpu-load", "-g0", "-m2"]), "0.00%   0.0%");
    assert_eq!(fine(&empty, &["tmux-mem-cpu-load", "-g0", "-m1"]), "0.00MB   0.0%");
    assert_eq!(width(&fine(&empty, &["rainbarf"])), 38);
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
fn batteries_are_told_right() {
    let power = |name: &str| Machine::on("meminfoA", name, BUSY);
    let half = fine(&power("ps_dis50"), &["rainbarf", "--rgb", "--remaining"]);
    assert!(
        half.ends_with("#[fg=colour196]|#[fg=colour226]▄ 5h0m#[fg=default,bg=default]"),
        "{half}"
    );
    let two = fine(&power("ps_two"), &["rainbarf", "--remaining"]);
    assert!(two.ends_with("#[fg=red]|#[fg=green]▆ 7h24m#[fg=default,bg=default]"), "{two}");
    assert_eq!(
        fine(&power("ps_two"), &["battery", "-at"]),
        "#[fg=yellow][74%] [========  ]#[default]"
    );
    assert_eq!(fine(&power("ps_chg40"), &["battery", "-z"]), "%B%F{136}[40%%] ⚡");
    assert_eq!(fine(&Machine::default(), &["battery"]), "");
    let charges = fine(&power("ps_charge_only"), &["rainbarf", "--remaining"]);
    assert!(charges.ends_with("▅ 2h0m#[fg=default,bg=default]"), "{charges}");
    let energies = fine(&Machine::default(), &["battery", "-ab", "fake/gb_energy"]);
    assert_eq!(energies, "\x1b[0;1;33m[50%] [======    ] \x1b[m");
}

#[test]
fn a_config_says_what_it_says() {
    let with = |conf: &str| Machine { conf: conf.into(), ..Machine::on("meminfoA", "", BUSY) };
    assert_eq!(width(&fine(&with("skip=0\nwidth=12\n"), &["rainbarf"])), 12);
    let said = fine(&with("width=7\nwidth=\nfg=\nbright=0\nswap=0\nrgb=1\n"), &["rainbarf"]);
    assert!(said.starts_with("#[fg=colour46,bg=colour28]") && width(&said) == 7, "{said}");
    let colour = fine(&with("fg=#ff8800 # orange\nwidth = 12# twelve\n"), &["rainbarf"]);
    assert!(colour.starts_with("#[fg=#ff8800,bg=green]") && width(&colour) == 12, "{colour}");
    let first = fine(&with("width=7\nwidth=9\n# width=3\n\n=\n"), &["rainbarf"]);
    assert_eq!(width(&first), 7);
    assert_eq!(width(&fine(&with("--width=7\n"), &["rainbarf", "-WID=5"])), 5);
    let sandbox = home(&with("nonsense=1\n"));
    let output = on_fixture(&sandbox, &with(""), &["rainbarf"]);
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
        let chart = fine(&machine, &[&["rainbarf"], words].concat());
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
        let output = on_fixture(&sandbox, &machine, &[&["rainbarf"], words].concat());
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert!(said(&output).starts_with("Usage"), "{words:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr).trim_end(), complaint);
    }
}

#[test]
fn a_past_is_kept_whole_and_a_peers_file_is_never_written() {
    let machine = Machine { history: true, ..Machine::on("meminfoA", "", BUSY) };
    let sandbox = home(&machine);
    let dat = sandbox.home().join(".rainbarf.dat");
    let before = fs::read(&dat).expect("a history");
    let chart = |words: &[&str]| {
        let output = on_fixture(&sandbox, &machine, &[&["rainbarf"], words].concat());
        assert!(output.status.success());
        let cells = said(&output);
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
    let at = fixture(&sandbox, &machine);
    let start = || {
        let mut command = sandbox.rainline();
        command.args(["compat", "--root"]).arg(&at).arg("rainbarf").stdout(Stdio::null());
        command.spawn().expect("it runs")
    };
    let children: Vec<_> = (0..10).map(|_| start()).collect();
    for mut child in children {
        assert!(child.wait().expect("it ends").success());
    }
    let chart = said(&on_fixture(&sandbox, &machine, &["rainbarf"]));
    assert_eq!(chart.chars().filter(|c| *c == '▃').count(), 11, "{chart}");
}

#[test]
fn no_home_and_nowhere_to_write_are_no_reason_to_show_nothing() {
    let machine = Machine::on("meminfoA", "ps_dis80", BUSY);
    let sandbox = home(&machine);
    let at = fixture(&sandbox, &machine);
    let run = |words: &[&str], env: &[(&str, &str)]| {
        let mut command = Command::new(program());
        command.env_clear().envs(env.iter().copied());
        let output = command.args(["compat", "--root"]).arg(&at).args(words).output();
        let output = output.expect("it runs");
        assert!(output.status.success(), "{env:?}");
        said(&output)
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
fn nothing_of_a_word_is_run() {
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
        assert_eq!(said(&output).chars().count(), words, "{word}");
        for peer in ["rainbarf", "battery", "tmux-mem-cpu-load"] {
            let _ = sandbox.rainline().args(["compat", peer, &word]).output().expect("it runs");
        }
        sandbox.write("home/.rainbarf.conf", format!("fg={word}\norder={word}\ndatfile={word}\n"));
        let _ = sandbox.rainline().args(["compat", "rainbarf"]).output().expect("it runs");
        assert!(!trap.exists(), "{word}");
    }
}

#[test]
fn a_link_is_the_drop_in_and_the_client_knows_the_names() {
    let links: Vec<&str> =
        compat::ALL.iter().filter(|peer| peer.link).map(|peer| peer.name).collect();
    assert_eq!(links, rainline::client::DROP_INS);
    let sandbox = Sandbox::new();
    let link = sandbox.path("spark");
    std::os::unix::fs::symlink(program(), &link).expect("a link");
    let output = sandbox.command(&link).args(["print", "1", "stream"]).output().expect("it runs");
    assert_eq!(said(&output), " ▅ ", "words of the fast path are words here");
}

#[test]
fn input_is_read_only_where_no_word_is_given() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.rainline();
    command.args(["compat", "spark", "1", "2"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    // Open until it has ended: whoever reads it waits for ever.
    let input = child.stdin.take();
    assert_eq!(said(&child.wait_with_output().expect("it ends")), "▁█");
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

#[test]
fn drop_ins_are_listed_sorted() {
    let files: Vec<String> = {
        let entries = fs::read_dir(root().join("src/compat")).expect("a folder").flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".rs")?.to_owned()))
            .collect();
        names.sort();
        names
    };
    let listed: Vec<String> = compat::ALL.iter().map(|peer| peer.name.replace('-', "_")).collect();
    assert_eq!(files, listed);
}

/// The daemon looks at a machine of its own, which is at 40 % for ever: whoever says 40 % asked it.
#[test]
fn where_the_daemon_runs_it_is_asked() {
    let machine = Machine::on("meminfoA", "", BUSY);
    let sandbox = home(&machine);
    let at = fixture(&sandbox, &machine);
    let started = sandbox.rainline().args(["daemon", "start", "--root"]).arg(&at).output();
    assert!(started.expect("it runs").status.success());
    let run = |words: &[&str]| {
        said(&sandbox.rainline().arg("compat").args(words).output().expect("it runs"))
    };
    let until = std::time::Instant::now() + crate::support::DEADLINE;
    let load = ["tmux-mem-cpu-load", "-g0", "-a0"];
    // Each of these measures as long as the daemon knows nothing.
    while !run(&load).ends_with("  40.0%") {
        assert!(std::time::Instant::now() < until, "the daemon's reading is never used");
    }
    // A call that is not answered in time keeps a reading of its own, so each begins with an empty
    // chart, which the daemon's past fills.
    let chart = || {
        let _ = fs::remove_dir_all(sandbox.home().join(".local/state/rainline"));
        let chart = run(&["rainbarf", "--width", "20", "--nobattery"]);
        chart.chars().filter(|c| ('▁'..='█').contains(c)).collect::<String>()
    };
    crate::support::until_true("the daemon's past in a chart", || chart().ends_with("▃▃"));
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
        line.contains(" x C") && line.contains("% end")
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
    let value = |template: &str| fine(&machine, &["tmux-plugins", "print", template]);
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
        fine(&none, &["tmux-plugins", "print", &format!("=23=7b{name}=7d")]);
    }
}

#[test]
fn on_a_terminal_spark_helps_and_rainbarf_has_the_terminals_colours() {
    use crate::support::Terminal;
    let machine = Machine::on("meminfoA", "", BUSY);
    let sandbox = home(&machine);
    let link = sandbox.path("spark");
    std::os::unix::fs::symlink(program(), &link).expect("a link");
    let mut terminal = Terminal::spawn(&sandbox, &[link.to_str().expect("UTF-8")], 20, 80);
    terminal.wait_text("USAGE");
    assert_eq!(terminal.end(), Some(0));
    let (program, at) = (program(), fixture(&sandbox, &machine));
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let (program, at) = (text(&program), text(&at));
    let words = [&*program, "compat", "--root", &*at, "rainbarf", "--bg", "black"];
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
    let list = said(&run(&[]));
    assert_eq!(list.lines().count(), compat::ALL.len());
    assert!(compat::ALL.iter().all(|peer| list.contains(peer.about)));
    assert_eq!(run(&["--help"]).status.code(), Some(0));
    let unknown = run(&["sparc", "1"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("did you mean `spark`?"));
}
