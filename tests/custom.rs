//! `custom` segments and `rainline set` as real processes: whatever a command does, the line stays
//! whole, `doctor` says why, and nothing is left behind.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::ops::Deref;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::process::output_in_time;
use crate::support::sandbox::one_line;
use crate::support::{Sandbox, Stream, lives, process, program, signal, until, until_true};

/// A sandbox whose daemon runs and whose line is `NAME| still here`.
struct Custom(Sandbox);

impl Deref for Custom {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        &self.0
    }
}

impl Custom {
    /// With these options of the segment `it`.
    fn new(options: &str) -> Custom {
        let sandbox = Custom(Sandbox::new());
        sandbox.show(options);
        sandbox.start_daemon(&[]);
        // Its config is read when it is asked for. From then on every line is of it, whole, however
        // long it took.
        sandbox.line_of(&["--deadline", "1"]);
        until_true("a config that was read", || {
            let status = sandbox.status().expect("it runs");
            let config = status.lines().find(|line| line.starts_with("config /"));
            config.is_some_and(|config| !config.ends_with("(being read)"))
        });
        sandbox
    }

    /// Writes a config with these options of the segment `it`.
    fn show(&self, options: &str) {
        let format = if options.contains("format") { "" } else { "format = \"$text|\"\n" };
        let text = format!(
            "[line.terminal]\nleft = [\"it\", \"beside\"]\nright = []\n\
             [segment.beside]\nuse = \"text\"\ntext = \"still here\"\n\
             [segment.it]\nuse = \"custom\"\n{format}{options}\n"
        );
        self.configure(&text);
    }

    /// The line now, which must be whole whatever the segment does.
    fn line(&self, target: &str) -> String {
        let line = self.line_of(&["--deadline", "2000", "--target", target]);
        assert!(line.contains("still here"), "{line:?}");
        line.trim_end().to_owned()
    }

    fn line_of(&self, more: &[&str]) -> String {
        let args = ["terminal", "left", "--columns", "70"];
        one_line(self.printing(&[&args[..], more].concat()).output().expect("it runs"))
    }

    /// Asks for lines until doctor says this, and gives what it says of the segment.
    #[track_caller]
    fn until_doctor(&self, reason: &str) -> String {
        until(&format!("doctor: {reason}"), || {
            self.line("plain");
            let report = self.doctor();
            let line = report.lines().find(|line| line.contains("segment it "))?;
            line.contains(reason).then(|| line.to_owned())
        })
    }

    #[track_caller]
    fn until_line(&self, part: &str) -> String {
        until(&format!("a line with {part}"), || {
            Some(self.line("plain")).filter(|line| line.contains(part))
        })
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

    fn follow(&self, more: &[&str]) -> Stream {
        let args = ["terminal", "left", "--target", "plain", "--columns", "70"];
        self.stream(&[&args[..], more].concat())
    }
}

#[track_caller]
fn until_gone(pids: &[u32]) {
    until_true("their end", || !pids.iter().any(|pid| lives(*pid)));
}

#[test]
fn what_a_command_prints_is_text() {
    let sandbox =
        Custom::new("command = [\"printf\", \"a #(touch here) \\\\033[31m\\\\000\\\\377 b\"]");
    let line = sandbox.until_line("a #(touch");
    assert!(line.starts_with("a #(touch here) ·[31m·\u{fffd} b|"), "{line:?}");
    assert!(sandbox.line("tmux").contains("###[](touch here)"));
    assert!(sandbox.files_named("here").is_empty());
}

#[test]
fn no_shell_reads_the_words_and_the_home_is_where_it_runs() {
    let sandbox = Custom::new("command = [\"echo\", \"$HOME\", \"; id\"]");
    sandbox.until_line("$HOME ; id|");
    sandbox.write_program("home/bin/say", "#!/bin/sh\npwd\n");
    sandbox.show("command = [\"~/bin/say\"]");
    sandbox.until_line(&format!("{}|", sandbox.path("home").display()));
}

#[test]
fn markup_is_obeyed_only_where_the_config_says_so() {
    let command = "command = [\"echo\", \"[x](bold) #[fg=red]\"]\n";
    let sandbox = Custom::new(command);
    sandbox.until_line("[x](bold) #[fg=red]|");
    sandbox.show(&format!("{command}markup = true"));
    sandbox.until_line("x #[fg=red]|");
    let ansi =
        until("bold", || Some(sandbox.line("ansi")).filter(|line| line.contains("\u{1b}[1")));
    assert!(ansi.contains("#[fg=red]"), "{ansi:?}");
}

#[test]
fn doctor_names_commands_that_fail() {
    let sandbox = Custom::new("command = [\"no-such-program\"]\ninterval = '200ms'");
    sandbox.until_doctor("no-such-program: not found");
    let plain = sandbox.write("plain", "no program");
    sandbox.show(&format!("command = [\"{}\"]\ninterval = '200ms'", plain.display()));
    sandbox.until_doctor("Permission denied");
    sandbox.show("command = [\"sh\", \"-c\", \"echo no luck >&2; exit 7\"]\ninterval = '200ms'");
    sandbox.until_doctor("sh: no luck (exit status 7)");
    sandbox.show("command = [\"true\"]");
    until_true("nothing", || sandbox.line("plain").trim() == "still here");
    sandbox.show("command = [\"yes\"]\ninterval = '200ms'");
    sandbox.until_doctor("more than 65536 bytes");
}

#[test]
fn a_timeout_kills_the_command_and_its_children() {
    let sandbox = Custom::new("");
    let pids = sandbox.path("pids");
    let script = format!("sleep 600 & echo $! $$ > {}; sleep 600", pids.display());
    sandbox.show(&format!("command = [\"sh\", \"-c\", \"{script}\"]\ntimeout = '500ms'"));
    sandbox.until_doctor("no end after 500 ms");
    until_gone(&sandbox.pids("pids"));
    // One that is running when the daemon stops goes with it.
    std::fs::remove_file(&pids).expect("removed");
    sandbox.show(&format!("command = [\"sh\", \"-c\", \"{script}\"]\ntimeout = '60s'"));
    until_true("a start", || {
        sandbox.line("plain");
        pids.exists()
    });
    let started = sandbox.pids("pids");
    sandbox.stop_daemon();
    until_gone(&started);
}

#[test]
fn slow_commands_delay_no_others() {
    let sandbox = Custom::new("");
    let mut config = String::from("[line.terminal]\nleft = [\"a\", \"b\", \"c\", \"d\", \"e\"]\n");
    for name in ["a", "b", "c", "d"] {
        let command = "command = [\"sleep\", \"600\"]\ntimeout = '60s'";
        config.push_str(&format!("[segment.{name}]\nuse = \"custom\"\n{command}\n"));
    }
    config.push_str("[segment.e]\nuse = \"custom\"\ncommand = [\"echo\", \"still here\"]\n");
    config.push_str("timeout = '900ms'\n");
    sandbox.configure(&config);
    until("the quick one", || {
        let line = sandbox.line_of(&["--target", "plain", "--deadline", "2000"]);
        line.contains("still here").then_some(())
    });
}

/// A config whose line is another text.
fn another(sandbox: &Custom) -> String {
    let text = "[line.terminal]\nleft = [\"text\"]\n[segment.text]\ntext = \"another\"\n";
    sandbox.write("another.toml", text).display().to_string()
}

#[test]
fn slow_commands_delay_no_config() {
    let sandbox = Custom::new("");
    let names = ["a", "b", "c", "d"];
    let mut config = String::from("[line.terminal]\nleft = [\"a\", \"b\", \"c\", \"d\"]\n");
    for name in names {
        let script = format!("echo $$ > {}; exec sleep 600", sandbox.path(name).display());
        config.push_str(&format!("[segment.{name}]\nuse = \"custom\"\ntimeout = '600s'\n"));
        config.push_str(&format!("command = [\"sh\", \"-c\", \"{script}\"]\n"));
    }
    sandbox.configure(&config);
    for name in names {
        until("a slow command", || {
            sandbox.line_of(&["--deadline", "1"]);
            sandbox.path(name).exists().then_some(())
        });
    }
    let more = ["--target", "plain", "--config", &another(&sandbox)];
    assert!(sandbox.line_of(&more).contains("another"));
}

/// Its readers stand still until the built-in config has stood in for it.
#[test]
fn a_stream_gets_its_config_however_late_that_is() {
    let sandbox = Custom::new("");
    let config = another(&sandbox);
    until_true("its workers", || !sandbox.workers().is_empty());
    let stopped = sandbox.workers();
    stopped.iter().for_each(|pid| signal(*pid, Signal::STOP));
    let mut stream = sandbox.follow(&["--deadline", "1", "--config", &config]);
    until_true("an answer to the stream", || sandbox.figure("streams") == Some(1));
    stopped.iter().for_each(|pid| signal(*pid, Signal::CONT));
    // Until it was answered it may have shown a line of its own, which was right.
    sandbox.write(
        "another.toml",
        std::fs::read_to_string(&config).expect("readable").replace("another", "changed"),
    );
    stream.until("changed");
}

#[test]
fn without_a_daemon_the_last_line_of_a_command_is_shown_as_old() {
    let sandbox = Custom::new(
        "command = [\"sh\", \"-c\", \"echo 'one #(id)'; exec sleep 600\"]\nmode = \"streaming\"",
    );
    sandbox.until_line("one #(id)|");
    let ansi = ["--target", "ansi", "--depth", "true"];
    let fresh = sandbox.line_of(&ansi);
    sandbox.stop_daemon();
    let old = sandbox.line_of(&ansi);
    assert!(old.contains("one #(id)|") && old.contains("still here"), "{old:?}");
    let look = |line: &str| line.split_once('m').expect("a style").0.to_owned();
    assert_ne!(look(&old), look(&fresh));
}

/// Writes its number and a line a moment, for ever.
fn streaming(sandbox: &Custom, more: &str) -> String {
    let pids = sandbox.path("pids");
    let script = format!("sleep 600 & echo $! $$ > {}; {more}", pids.display());
    format!("command = [\"sh\", \"-c\", \"{script}\"]\nmode = \"streaming\"")
}

#[test]
fn a_streaming_command_pushes_its_lines_and_ends_when_it_is_not_wanted() {
    let sandbox = Custom::new("");
    // The second line comes when the first was seen: of two at once only the newer one is shown.
    let seen = sandbox.fifo("seen");
    let more = format!("echo one; read x < {}; echo two; sleep 600", seen.display());
    let options = streaming(&sandbox, &more);
    sandbox.show(&options);
    let mut stream = sandbox.follow(&[]);
    stream.until("one|");
    // Open in both directions, so that a command which is gone is not waited for.
    let mut seen = OpenOptions::new().read(true).write(true).open(seen).expect("a FIFO");
    seen.write_all(b"\n").expect("written");
    stream.until("two|");
    let pids = sandbox.pids("pids");
    assert!(pids.iter().all(|pid| lives(*pid)));
    // The same instance of a changed config goes on.
    sandbox.show(&format!("{options}\nstyle = \"bold\""));
    sandbox.show("");
    until_gone(&pids);
}

#[test]
fn a_stream_ends_with_the_daemon_its_worker_and_its_stop() {
    let sandbox = Custom::new("");
    let options = streaming(&sandbox, "echo one; sleep 600");
    for end in ["stop", "daemon", "worker"] {
        let _ = std::fs::remove_file(sandbox.path("pids"));
        sandbox.show(&options);
        sandbox.start_daemon(&[]);
        sandbox.until_line("one|");
        let pids = sandbox.pids("pids");
        assert!(pids.iter().all(|pid| lives(*pid)), "{end}");
        match end {
            "stop" => sandbox.stop_daemon(),
            "daemon" => signal(sandbox.daemon().expect("it runs"), Signal::KILL),
            _ => {
                // The worker is the parent of the command.
                let parent = &process::stat(pids[1]).expect("it lives")[1];
                signal(parent.parse().expect("a number"), Signal::KILL);
            }
        }
        until_gone(&pids);
    }
    // The daemon noticed, and starts it anew.
    sandbox.until_line("one|");
}

#[test]
fn a_flood_of_output_costs_the_daemon_next_to_nothing() {
    let sandbox = Custom::new("command = [\"yes\", \"wet\"]\nmode = \"streaming\"");
    let mut stream = sandbox.follow(&[]);
    stream.until("wet|");
    let daemon = sandbox.daemon().expect("it runs");
    let (before, since) = (process::ticks(daemon), Instant::now());
    // Nothing new to see in it, so the line stays as it is: readings are counted by their age.
    until_true("some readings", || since.elapsed() > Duration::from_secs(3));
    let used = process::ticks(daemon) - before;
    let passed = since.elapsed().as_secs_f64() * 100.0;
    assert!((used as f64) < passed * 0.2, "{used} of {passed:.0} ticks");
    assert!(sandbox.line("plain").starts_with("wet|"));
}

#[test]
fn a_command_that_keeps_dying_is_restarted_with_backoff() {
    let sandbox = Custom::new("");
    let starts = sandbox.path("starts");
    let script = format!("echo x >> {}; echo up; echo broken >&2; exit 3", starts.display());
    sandbox.show(&format!("command = [\"sh\", \"-c\", \"{script}\"]\nmode = \"streaming\""));
    let since = Instant::now();
    let mut stream = sandbox.follow(&[]);
    stream.until("up|");
    let count = || std::fs::read_to_string(&starts).map_or(0, |text| text.lines().count());
    until_true("its fourth start", || count() >= 4);
    // After one, two and four seconds.
    assert!(since.elapsed() >= Duration::from_millis(6_900), "{:?}", since.elapsed());
    sandbox.until_doctor("sh: broken (exit status 3)");
}

#[test]
fn declared_values_have_formats_graphs_levels_and_reasons() {
    let fields = "fields = { load = \"percent\", at = \"duration\" }\nlevel-by = \"load\"\n\
                  format = \"$load $at $load_history.spark(w:3)|\"\ninterval = '200ms'\n";
    let sandbox = Custom::new("");
    let write = |json: &str| sandbox.show(&format!("{fields}command = ['echo', '{json}']"));
    write("{\"load\": 96, \"at\": 5400}");
    sandbox.until_line("96% 1h 30m");
    until("a graph", || Some(sandbox.line("plain")).filter(|line| line.contains('█')));
    write("{\"laod\": 96}");
    sandbox.until_doctor("no field \"laod\"; there are at, load, text, short, level");
}

#[test]
fn a_value_that_is_set_shows_at_once_on_every_line() {
    let sandbox = Custom::new("");
    let (mut one, mut other) = (sandbox.follow(&[]), sandbox.follow(&[]));
    one.next();
    other.next();
    let set = sandbox.run(&["set", "it", "#(id) \u{1b}[1m up", "--level", "info"]);
    assert!(set.status.success() && set.stdout.is_empty() && set.stderr.is_empty());
    one.until("#(id) ·[1m up|");
    other.until("#(id) ·[1m up|");
    assert!(sandbox.run(&["set", "it", ""]).status.success());
    assert!(!one.next().contains('|'));
}

#[test]
fn a_value_that_is_set_ends_with_its_time_and_outlives_the_daemon() {
    let sandbox = Custom::new("");
    let mut stream = sandbox.follow(&[]);
    assert!(sandbox.run(&["set", "it", "brief", "--for", "1h"]).status.success());
    stream.until("brief|");
    assert!(sandbox.run(&["set", "it", "brief", "--for", "300ms"]).status.success());
    assert!(!stream.next().contains("brief"));
    drop(stream);
    assert!(sandbox.run(&["set", "it", "kept", "--for", "1h"]).status.success());
    sandbox.stop_daemon();
    // The next one is started by `set` as well as by a line.
    sandbox.start_daemon(&[]);
    sandbox.until_line("kept|");
    sandbox.stop_daemon();
    // Its first answer may take longer than `set` waits.
    until_true("a daemon", || sandbox.run(&["set", "it", "woken"]).status.success());
    sandbox.until_line("woken|");
}

#[test]
fn a_dash_is_what_standard_input_says() {
    let sandbox = Custom::new("");
    let push = |script: &str| {
        let mut command = sandbox.command("sh");
        command.args(["-c", script]).arg(program());
        let output = output_in_time(&mut command);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(push("printf '{one} two\\n\\n' | \"$0\" set it -"), (Some(0), String::new()));
    sandbox.until_line("{one} two|");
    assert_eq!(push("\"$0\" set it -- - </dev/null"), (Some(0), String::new()), "a text");
    sandbox.until_line("-|");
    for (script, why) in [
        ("\"$0\" set it - </dev/zero", "at most 16384 bytes"),
        // What is read of it at once ends within a character.
        ("yes €€ | \"$0\" set it -", "at most 16384 bytes"),
        ("printf '\\377' | \"$0\" set it -", "standard input is not UTF-8"),
        ("\"$0\" set it - </", "standard input: Is a directory"),
    ] {
        let (code, said) = push(script);
        assert!(code == Some(1) && said.contains(why), "{script}: {said}");
    }
    for script in ["\"$0\" set - it", "\"$0\" set it - more", "\"$0\" set -"] {
        assert_eq!(push(script).0, Some(2), "{script}");
    }
}

#[test]
fn a_bad_value_is_refused_with_what_is_expected() {
    let sandbox = Custom::new("fields = { used = \"bytes\" }\nformat = \"$used.eng(w:2)|\"");
    let refused = |args: &[&str], why: &str| {
        let output = sandbox.run(&[&["set"], args].concat());
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {errors}");
        assert!(errors.contains(why), "{errors}");
    };
    refused(&["ti", "x"], "no segment `ti` in the config; did you mean `it`?");
    refused(&["beside", "x"], "only `custom`");
    refused(&["it", "lots"], "\"lots\" is not a number of bytes, 0 or more: 1500, 3.5G");
    refused(&["it", "--json", "{\"usde\": 1}"], "there is no field \"usde\"");
    refused(&["it", "3G", "--level", "bad"], "idle, good, info, warning");
    refused(&["it", "3G", "--for", "ever"], "a time span such as");
    refused(&["it", &"x".repeat(20_000)], "at most 16384 bytes");
    assert_eq!(sandbox.run(&["set", "it"]).status.code(), Some(2));
    assert!(sandbox.run(&["set", "it", "used=1.5 GiB"]).status.success());
    sandbox.until_line("1.5G|");
}
