//! `custom` segments and `rainline set` as real processes: whatever a command does, the line stays
//! whole, `doctor` says why, and nothing is left behind.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Sandbox, Stream, lives, until};

/// A home whose daemon runs and whose line is `NAME| still here`.
struct Place {
    sandbox: Sandbox,
}

impl Place {
    /// With these options of the segment `it`.
    fn new(options: &str) -> Place {
        let place = Place { sandbox: Sandbox::new() };
        place.configure(options);
        assert!(place.run(&["daemon", "start"]).status.success());
        // Its config is read when somebody asks. From then on every line is of it, whole, however
        // long it took.
        place.line_of(&["--deadline", "1"]);
        until("a config that was read", || {
            let status =
                String::from_utf8_lossy(&place.run(&["daemon", "status"]).stdout).into_owned();
            let config = status.lines().find(|line| line.starts_with("config /"))?;
            (!config.ends_with("(being read)")).then_some(())
        });
        place
    }

    fn configure(&self, options: &str) {
        let format = if options.contains("format") { "" } else { "format = \"$text|\"\n" };
        let text = format!(
            "[line.terminal]\nleft = [\"it\", \"beside\"]\nright = []\n\
             [segment.beside]\nuse = \"text\"\ntext = \"still here\"\n\
             [segment.it]\nuse = \"custom\"\n{format}{options}\n"
        );
        self.sandbox.write("home/.config/rainline/config.toml", text);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sandbox.path(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        self.sandbox.rainline().args(args).stdin(Stdio::null()).output().expect("it runs")
    }

    /// The line now, which must be whole whatever the segment does.
    fn line(&self, target: &str) -> String {
        let line = self.line_of(&["--deadline", "2000", "--target", target]);
        assert!(line.contains("still here"), "{line:?}");
        line.trim_end().to_owned()
    }

    fn line_of(&self, more: &[&str]) -> String {
        let args = ["print", "terminal", "left", "--columns", "70"];
        let output = self.run(&[&args[..], more].concat());
        let line = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(output.status.success() && output.stderr.is_empty(), "{line}");
        assert!(line.ends_with('\n') && line.lines().count() == 1, "{line:?}");
        line
    }

    fn doctor(&self) -> String {
        let output = self.run(&["doctor"]);
        assert!(output.stderr.is_empty());
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Asks for lines until doctor says this, and gives what it says of the segment.
    #[track_caller]
    fn until_doctor(&self, reason: &str) -> String {
        until(&format!("doctor: {reason}"), || {
            self.line("plain");
            let said = self.doctor();
            let line = said.lines().find(|line| line.contains("segment it "))?;
            line.contains(reason).then(|| line.to_owned())
        })
    }

    #[track_caller]
    fn until_line(&self, part: &str) -> String {
        until(&format!("a line with {part}"), || {
            Some(self.line("plain")).filter(|line| line.contains(part))
        })
    }

    fn stop(&self) {
        assert!(self.run(&["daemon", "stop"]).status.success());
    }

    fn daemon(&self) -> u32 {
        let status = String::from_utf8_lossy(&self.run(&["daemon", "status"]).stdout).into_owned();
        let pid = status.lines().find_map(|line| line.strip_prefix("pid "));
        pid.expect("it runs").parse().expect("a number")
    }

    /// The numbers that the command wrote there, once it has.
    #[track_caller]
    fn pids(&self, name: &str) -> Vec<u32> {
        let path = self.path(name);
        until("the command's numbers", || {
            let text = std::fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n'))?;
            text.split_whitespace().map(|pid| pid.parse().ok()).collect()
        })
    }

    fn stream(&self) -> Stream {
        self.stream_of(&[])
    }

    fn stream_of(&self, more: &[&str]) -> Stream {
        let mut command = self.sandbox.rainline();
        command.args(["stream", "terminal", "left", "--target", "plain", "--columns", "70"]);
        command.args(more);
        Stream::start(&mut command)
    }
}

#[track_caller]
fn until_gone(pids: &[u32]) {
    until("their end", || (!pids.iter().any(|pid| lives(*pid))).then_some(()));
}

fn kill(pid: u32) {
    let _ = kill_process(Pid::from_raw(pid as i32).expect("a pid"), Signal::KILL);
}

/// Ticks of a processor that a process has used.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
    let rest = stat.rsplit(") ").next().expect("its columns");
    let column = |at| rest.split(' ').nth(at).and_then(|word| word.parse::<u64>().ok());
    column(11).expect("utime") + column(12).expect("stime")
}

#[test]
fn what_a_command_prints_is_text() {
    let place =
        Place::new("command = [\"printf\", \"a #(touch here) \\\\033[31m\\\\000\\\\377 b\"]");
    let line = place.until_line("a #(touch");
    assert!(line.starts_with("a #(touch here) ·[31m·\u{fffd} b|"), "{line:?}");
    assert!(place.line("tmux").contains("###[](touch here)"));
    assert!(place.sandbox.files_named("here").is_empty());
}

#[test]
fn no_shell_reads_the_words_and_the_home_is_where_it_runs() {
    let place = Place::new("command = [\"echo\", \"$HOME\", \"; id\"]");
    place.until_line("$HOME ; id|");
    place.sandbox.write("home/bin/say", "#!/bin/sh\npwd\n");
    let script = place.path("home/bin/say");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, executable).expect("changed");
    place.configure("command = [\"~/bin/say\"]");
    place.until_line(&format!("{}|", place.path("home").display()));
}

#[test]
fn markup_is_obeyed_only_where_the_config_says_so() {
    let command = "command = [\"echo\", \"[x](bold) #[fg=red]\"]\n";
    let place = Place::new(command);
    place.until_line("[x](bold) #[fg=red]|");
    place.configure(&format!("{command}markup = true"));
    place.until_line("x #[fg=red]|");
    let ansi = until("bold", || Some(place.line("ansi")).filter(|line| line.contains("\u{1b}[1")));
    assert!(ansi.contains("#[fg=red]"), "{ansi:?}");
}

#[test]
fn commands_that_fail_are_said_by_doctor_and_hurt_nothing() {
    let place = Place::new("command = [\"no-such-program\"]\ninterval = '200ms'");
    place.until_doctor("no-such-program: not found");
    let plain = place.sandbox.write("plain", "no program");
    place.configure(&format!("command = [\"{}\"]\ninterval = '200ms'", plain.display()));
    place.until_doctor("Permission denied");
    place.configure("command = [\"sh\", \"-c\", \"echo no luck >&2; exit 7\"]\ninterval = '200ms'");
    place.until_doctor("sh: no luck (exit status 7)");
    place.configure("command = [\"true\"]");
    until("nothing", || (place.line("plain").trim() == "still here").then_some(()));
    place.configure("command = [\"yes\"]\ninterval = '200ms'");
    place.until_doctor("more than 65536 bytes");
}

#[test]
fn what_never_ends_is_ended_with_its_children() {
    let place = Place::new("");
    let pids = place.path("pids");
    let script = format!("sleep 600 & echo $! $$ > {}; sleep 600", pids.display());
    place.configure(&format!("command = [\"sh\", \"-c\", \"{script}\"]\ntimeout = '500ms'"));
    place.until_doctor("no end after 500 ms");
    until_gone(&place.pids("pids"));
    // One that is running when the daemon stops goes with it.
    std::fs::remove_file(&pids).expect("removed");
    place.configure(&format!("command = [\"sh\", \"-c\", \"{script}\"]\ntimeout = '60s'"));
    until("a start", || {
        place.line("plain");
        pids.exists().then_some(())
    });
    let started = place.pids("pids");
    place.stop();
    until_gone(&started);
}

#[test]
fn slow_commands_do_not_hold_up_others() {
    let place = Place::new("");
    let mut config = String::from("[line.terminal]\nleft = [\"a\", \"b\", \"c\", \"d\", \"e\"]\n");
    for name in ["a", "b", "c", "d"] {
        let command = "command = [\"sleep\", \"600\"]\ntimeout = '60s'";
        config.push_str(&format!("[segment.{name}]\nuse = \"custom\"\n{command}\n"));
    }
    config.push_str("[segment.e]\nuse = \"custom\"\ncommand = [\"echo\", \"still here\"]\n");
    config.push_str("timeout = '900ms'\n");
    place.sandbox.write("home/.config/rainline/config.toml", config);
    until("the quick one", || {
        let line = place.run(&["print", "terminal", "left", "--target", "plain"]).stdout;
        String::from_utf8_lossy(&line).contains("still here").then_some(())
    });
}

/// A config whose line is another text.
fn another(place: &Place) -> String {
    let text = "[line.terminal]\nleft = [\"text\"]\n[segment.text]\ntext = \"another\"\n";
    place.sandbox.write("another.toml", text).display().to_string()
}

#[test]
fn slow_commands_do_not_hold_up_a_config() {
    let place = Place::new("");
    let names = ["a", "b", "c", "d"];
    let mut config = String::from("[line.terminal]\nleft = [\"a\", \"b\", \"c\", \"d\"]\n");
    for name in names {
        let script = format!("echo $$ > {}; exec sleep 600", place.path(name).display());
        config.push_str(&format!("[segment.{name}]\nuse = \"custom\"\ntimeout = '600s'\n"));
        config.push_str(&format!("command = [\"sh\", \"-c\", \"{script}\"]\n"));
    }
    place.sandbox.write("home/.config/rainline/config.toml", config);
    for name in names {
        until("a slow command", || {
            place.line_of(&["--deadline", "1"]);
            place.path(name).exists().then_some(())
        });
    }
    let more = ["--target", "plain", "--deadline", "20000", "--config", &another(&place)];
    assert!(place.line_of(&more).contains("another"));
}

/// Its readers stand still until the built-in config has stood in for it.
#[test]
fn a_stream_gets_its_config_however_late_that_is() {
    let place = Place::new("");
    let config = another(&place);
    until("its workers", || (!place.sandbox.workers().is_empty()).then_some(()));
    let stopped = place.sandbox.workers();
    let tell = |signal| {
        for pid in &stopped {
            // One whose time is over is gone.
            let _ = kill_process(Pid::from_raw(*pid as i32).expect("a pid"), signal);
        }
    };
    tell(Signal::STOP);
    let mut stream = place.stream_of(&["--deadline", "1", "--config", &config]);
    until("an answer to the stream", || {
        let status = String::from_utf8_lossy(&place.run(&["daemon", "status"]).stdout).into_owned();
        status.contains("streams 1").then_some(())
    });
    tell(Signal::CONT);
    // Until it was answered it may have shown a line of its own, which was right.
    place.sandbox.write(
        "another.toml",
        std::fs::read_to_string(&config).expect("readable").replace("another", "changed"),
    );
    stream.until("changed");
}

#[test]
fn without_a_daemon_a_stream_shows_what_it_said_last_and_that_it_is_old() {
    let place = Place::new(
        "command = [\"sh\", \"-c\", \"echo 'one #(id)'; exec sleep 600\"]\nmode = \"streaming\"",
    );
    place.until_line("one #(id)|");
    let ansi = ["--target", "ansi", "--depth", "true", "--deadline", "20000"];
    let fresh = place.line_of(&ansi);
    place.stop();
    let old = place.line_of(&ansi);
    assert!(old.contains("one #(id)|") && old.contains("still here"), "{old:?}");
    let look = |line: &str| line.split_once('m').expect("a style").0.to_owned();
    assert_ne!(look(&old), look(&fresh));
}

/// Writes its number and a line a moment, for ever.
fn streaming(place: &Place, more: &str) -> String {
    let pids = place.path("pids");
    let script = format!("sleep 600 & echo $! $$ > {}; {more}", pids.display());
    format!("command = [\"sh\", \"-c\", \"{script}\"]\nmode = \"streaming\"")
}

#[test]
fn a_streaming_command_pushes_its_lines_and_ends_when_it_is_not_wanted() {
    let place = Place::new("");
    let options = streaming(&place, "echo one; sleep 0.3; echo two; sleep 600");
    place.configure(&options);
    let mut stream = place.stream();
    stream.until("one|");
    stream.until("two|");
    let pids = place.pids("pids");
    assert!(pids.iter().all(|pid| lives(*pid)));
    // The same instance of a changed config goes on.
    place.configure(&format!("{options}\nstyle = \"bold\""));
    place.configure("");
    until_gone(&pids);
}

#[test]
fn a_stream_ends_with_the_daemon_its_worker_and_its_stop() {
    let place = Place::new("");
    let options = streaming(&place, "echo one; sleep 600");
    for end in ["stop", "daemon", "worker"] {
        let _ = std::fs::remove_file(place.path("pids"));
        place.configure(&options);
        assert!(place.run(&["daemon", "start"]).status.success());
        place.until_line("one|");
        let pids = place.pids("pids");
        assert!(pids.iter().all(|pid| lives(*pid)), "{end}");
        match end {
            "stop" => place.stop(),
            "daemon" => kill(place.daemon()),
            _ => {
                // The worker is the parent of the command.
                let status = format!("/proc/{}/status", pids[1]);
                let status = std::fs::read_to_string(status).expect("it lives");
                let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
                kill(parent.expect("a parent").trim().parse().expect("a number"));
            }
        }
        until_gone(&pids);
    }
    // The daemon noticed, and starts it anew.
    place.until_line("one|");
}

#[test]
fn a_flood_costs_the_daemon_next_to_nothing() {
    let place = Place::new("command = [\"yes\", \"wet\"]\nmode = \"streaming\"");
    let mut stream = place.stream();
    stream.until("wet|");
    let daemon = place.daemon();
    let (before, since) = (ticks(daemon), Instant::now());
    // Nothing new to see in it, so the line stays as it is: readings are counted by their age.
    until("some readings", || (since.elapsed() > Duration::from_secs(3)).then_some(()));
    let used = ticks(daemon) - before;
    let passed = since.elapsed().as_secs_f64() * 100.0;
    assert!((used as f64) < passed * 0.2, "{used} of {passed:.0} ticks");
    assert!(place.line("plain").starts_with("wet|"));
}

#[test]
fn one_that_dies_again_and_again_is_started_ever_more_rarely() {
    let place = Place::new("");
    let starts = place.path("starts");
    let script = format!("echo x >> {}; echo up; echo broken >&2; exit 3", starts.display());
    place.configure(&format!("command = [\"sh\", \"-c\", \"{script}\"]\nmode = \"streaming\""));
    let since = Instant::now();
    let mut stream = place.stream();
    stream.until("up|");
    let count = || std::fs::read_to_string(&starts).map_or(0, |text| text.lines().count());
    until("its fourth start", || (count() >= 4).then_some(()));
    // After one, two and four seconds.
    assert!(since.elapsed() >= Duration::from_millis(6_900), "{:?}", since.elapsed());
    place.until_doctor("sh: broken (exit status 3)");
}

#[test]
fn declared_values_have_formats_graphs_levels_and_reasons() {
    let fields = "fields = { load = \"percent\", at = \"duration\" }\nlevel-by = \"load\"\n\
                  format = \"$load $at $load_history.spark(w:3)|\"\ninterval = '200ms'\n";
    let place = Place::new("");
    let write = |json: &str| place.configure(&format!("{fields}command = ['echo', '{json}']"));
    write("{\"load\": 96, \"at\": 5400}");
    place.until_line("96% 1h 30m");
    until("a graph", || Some(place.line("plain")).filter(|line| line.contains('█')));
    write("{\"laod\": 96}");
    place.until_doctor("no field \"laod\"; there are at, load, text, short, level");
}

#[test]
fn a_value_that_is_set_shows_at_once_on_every_line() {
    let place = Place::new("");
    let (mut one, mut other) = (place.stream(), place.stream());
    one.next();
    other.next();
    let set = place.run(&["set", "it", "#(id) \u{1b}[1m up", "--level", "info"]);
    assert!(set.status.success() && set.stdout.is_empty() && set.stderr.is_empty());
    one.until("#(id) ·[1m up|");
    other.until("#(id) ·[1m up|");
    assert!(place.run(&["set", "it", ""]).status.success());
    assert!(!one.next().contains('|'));
}

#[test]
fn a_value_that_is_set_ends_with_its_time_and_outlives_the_daemon() {
    let place = Place::new("");
    let mut stream = place.stream();
    assert!(place.run(&["set", "it", "brief", "--for", "300ms"]).status.success());
    stream.until("brief|");
    assert!(!stream.next().contains("brief"));
    drop(stream);
    assert!(place.run(&["set", "it", "kept", "--for", "1h"]).status.success());
    place.stop();
    // The next one is started by whoever sets or asks.
    assert!(place.run(&["daemon", "start"]).status.success());
    place.until_line("kept|");
    place.stop();
    assert!(place.run(&["set", "it", "woken"]).status.success());
    place.until_line("woken|");
}

#[test]
fn what_cannot_be_set_is_said_with_what_was_expected() {
    let place = Place::new("fields = { used = \"bytes\" }\nformat = \"$used.eng(w:2)|\"");
    let refused = |args: &[&str], why: &str| {
        let output = place.run(&[&["set"], args].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains(why), "{said}");
    };
    refused(&["ti", "x"], "no segment `ti` in the config; did you mean `it`?");
    refused(&["beside", "x"], "only `custom`");
    refused(&["it", "lots"], "\"lots\" is not a number of bytes: 1500, 3.5G");
    refused(&["it", "{\"usde\": 1}"], "there is no field \"usde\"");
    refused(&["it", "3G", "--level", "bad"], "idle, good, info, warning");
    refused(&["it", "3G", "--for", "ever"], "a time span such as");
    refused(&["it", &"x".repeat(20_000)], "at most 16384 bytes");
    assert_eq!(place.run(&["set", "it"]).status.code(), Some(2));
    assert!(place.run(&["set", "it", "used=1.5 GiB"]).status.success());
    place.until_line("1.5G|");
}
