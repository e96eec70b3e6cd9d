//! Kinds that need not be asked again and again. Those that stay with a command where there is one: a
//! single start for many readings, nothing left once nobody looks, and a last good value that looks
//! old while the command fails. And those that depend on files: a change is seen without a look.

use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Sandbox, Stream, lives, program, until};

/// A home whose line is one segment, with programs of its own on the `PATH`.
struct Place {
    sandbox: Sandbox,
}

impl Place {
    fn new(segment: &str, format: &str) -> Place {
        let sandbox = Sandbox::new();
        let usual = std::env::var_os("PATH").unwrap_or_default();
        let dirs = [sandbox.path("bin")].into_iter().chain(std::env::split_paths(&usual));
        let path = std::env::join_paths(dirs).expect("no colons");
        let sandbox = sandbox.with("PATH", path);
        let config = format!(
            "[line.terminal]\nleft = [\"{segment}\"]\nright = []\n\
             [segment.{segment}]\nformat = \"{format}|\"\n"
        );
        sandbox.write("home/.config/rainline/config.toml", config);
        Place { sandbox }
    }

    /// A program that notes each of its starts by its number.
    fn install(&self, name: &str, script: &str) {
        let starts = self.starts_file();
        let script = format!("#!/bin/sh\necho $$ >> {}\n{script}\n", starts.display());
        let path = self.sandbox.write(&format!("bin/{name}"), script);
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(path, executable).expect("changed");
    }

    fn starts_file(&self) -> PathBuf {
        self.sandbox.path("starts")
    }

    fn starts(&self) -> Vec<u32> {
        let text = std::fs::read_to_string(self.starts_file()).unwrap_or_default();
        text.lines().map(|pid| pid.parse().expect("a number")).collect()
    }

    fn stream(&self) -> Stream {
        let mut command = self.sandbox.rainline();
        command.args(["stream", "terminal", "left", "--target", "ansi", "--depth", "true"]);
        Stream::start(command.args(["--columns", "70"]).stdin(Stdio::null()))
    }

    fn doctor(&self) -> String {
        let output = self.sandbox.rainline().arg("doctor").output().expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Starts the daemon where the machine has this card; `None` where no namespace is to be had.
    fn with_card(self) -> Option<Place> {
        let (driver, devices) = (self.sandbox.path("driver"), self.sandbox.path("devices"));
        self.sandbox.write("driver/nvidia/gpus/0000:01:00.0/information", "Model: Fake\n");
        // It may fall asleep, and is awake.
        self.sandbox.write("devices/0000:01:00.0/power/control", "auto\n");
        self.sandbox.write(STATUS, "active\n");
        // The daemon inherits the namespace of the one who starts it.
        let script = "mount --bind \"$1\" /proc/driver || exit 77
            mount --bind \"$2\" /sys/bus/pci/devices || exit 77
            \"$3\" daemon start >/dev/null || exit 78";
        let mut command = self.sandbox.command("unshare");
        command.args(["-r", "-m", "sh", "-c", script, "sh"]);
        command.args([&driver, &devices]).arg(program());
        let output = match command.output() {
            Ok(output) => output,
            Err(error) => {
                println!("skipped: unshare: {error}");
                return None;
            }
        };
        let why = String::from_utf8_lossy(&output.stderr);
        // 1: unshare itself may not; 77: mount may not.
        if matches!(output.status.code(), Some(1 | 77)) {
            println!("skipped: no mount namespace: {}", why.trim());
            return None;
        }
        assert!(output.status.success(), "{}: {why}", output.status);
        Some(self)
    }
}

/// Where a card says whether it sleeps.
const STATUS: &str = "devices/0000:01:00.0/power/runtime_status";

fn kill(pid: u32) {
    let _ = kill_process(Pid::from_raw(pid as i32).expect("a pid"), Signal::KILL);
}

/// How a line begins to look; what is old looks otherwise.
fn look(line: &str) -> String {
    line.split_once('m').expect("a style").0.to_owned()
}

#[test]
fn nvidias_command_is_started_once_and_gone_with_the_last_who_looks() {
    let place = Place::new("gpu", "$usage.pct(w:1) $name");
    let refuse = place.sandbox.path("refuse");
    // Each answer is another number, none of them a warning.
    place.install(
        "nvidia-smi",
        &format!(
            "case \"$*\" in *'-l 2') ;; *) echo \"wrong words: $*\" >&2; exit 9 ;; esac
             [ -e {} ] && {{ echo 'no luck' >&2; exit 9; }}
             n=0
             while n=$((n % 70 + 1)); do
                 echo \"0, Fake #(id), $n, 1024, 8192, 50, 75, 900, 1900\"
                 sleep 0.3
             done",
            refuse.display()
        ),
    );
    let Some(place) = place.with_card() else { return };
    let mut stream = place.stream();
    let fresh = look(&stream.until("Fake #(id)"));
    for _ in 0..3 {
        assert_eq!(look(&stream.until("Fake #(id)")), fresh);
    }
    let starts = place.starts();
    assert_eq!(starts.len(), 1);
    assert!(lives(starts[0]));
    drop(stream);
    until("its end", || (!lives(starts[0])).then_some(()));
    assert_eq!(place.starts().len(), 1);

    // Somebody looks again.
    let mut stream = place.stream();
    until("another start", || (place.starts().len() == 2).then_some(()));
    stream.until("Fake");
    place.sandbox.write("refuse", "");
    kill(place.starts()[1]);
    // The last good value.
    while look(&stream.until("% Fake")) == fresh {}
    until("the reason", || {
        place.doctor().contains("nvidia-smi: no luck (exit status 9)").then_some(())
    });
    std::fs::remove_file(refuse).expect("removed");
    while look(&stream.until("% Fake")) != fresh {}
}

/// The card falls asleep only where the command has let it go.
#[test]
fn a_card_that_has_nothing_to_do_is_left_alone_and_asked_again_when_it_wakes() {
    let place = Place::new("gpu", "$usage.pct(w:1) $name( $state)");
    let status = place.sandbox.path(STATUS);
    place.install(
        "nvidia-smi",
        &format!(
            "echo suspended > {}
             while echo '0, Fake, 0, 1024, 8192, 50, 75, 900, 1900'; do sleep 0.1; done",
            status.display()
        ),
    );
    let Some(place) = place.with_card() else { return };
    let mut stream = place.stream();
    stream.until("0% Fake");
    stream.until("asleep");
    let starts = place.starts();
    assert_eq!(starts.len(), 1);
    assert!(!lives(starts[0]));
    place.sandbox.write(STATUS, "active\n");
    until("another start", || (place.starts().len() == 2).then_some(()));
    stream.until("0% Fake");
}

#[test]
fn players_say_what_is_new_to_a_command_that_stays() {
    let place = Place::new("media", "$status $title");
    let fifo = place.sandbox.path("fifo");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, kind, mode, 0).expect("a FIFO");
    place.install(
        "playerctl",
        &format!(
            "case \"$*\" in *--follow*) ;; *) exit 9 ;; esac
             while read -r song < {}; do
                 case \"$song\" in
                 '') echo ;;
                 *) printf '\\036Playing\\037p\\0371\\0372\\037\\037\\037%s\\035\\n' \"$song\" ;;
                 esac
             done",
            fifo.display()
        ),
    );
    // Until there is a daemon it is asked for each line.
    let started = place.sandbox.rainline().args(["daemon", "start"]).output().expect("it runs");
    assert!(started.status.success());
    let mut stream = place.stream();
    let play = |song: &str| std::fs::write(&fifo, format!("{song}\n")).expect("somebody reads");
    play("one #[fg=red]");
    stream.until("playing one #[fg=red]");
    play("two");
    stream.until("playing two");
    play("");
    while stream.next().contains('|') {}
    let starts = place.starts();
    assert_eq!(starts.len(), 1);
    drop(stream);
    until("its end", || (!lives(starts[0])).then_some(()));
}

/// Looked at now and then only, each of these changes would take a minute.
#[test]
fn a_work_tree_that_comes_and_goes_is_seen_when_it_does() {
    let place = Place::new("directory", "<$last>( in $repository)( $readonly)");
    let here = place.sandbox.path("home/rain/src");
    std::fs::create_dir_all(&here).expect("made");
    let started = place.sandbox.rainline().args(["daemon", "start"]).output().expect("it runs");
    assert!(started.status.success());
    let line = || {
        let mut command = place.sandbox.rainline();
        command.args(["print", "terminal", "left", "--target", "plain", "--columns", "70"]);
        let output = command.current_dir(&here).env("PWD", &here).output().expect("it runs");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let mark = |at: &str| here.join(at).join(".git");
    let change = [
        ("<src>|", None),
        ("<src> in rain|", Some(("..", true))),
        ("<src> in src|", Some((".", true))),
        ("<src> in rain|", Some((".", false))),
        ("<src>|", Some(("..", false))),
        ("<src> in rain|", Some(("..", true))),
    ];
    let mut steps = change.iter();
    let mut step = steps.next();
    until("all changes in less than the time of three looks", || {
        let (expected, _) = step?;
        if line().trim() == *expected {
            step = steps.next();
            let Some((_, Some((at, there)))) = step else { return Some(()) };
            let done = match there {
                true => std::fs::create_dir(mark(at)),
                false => std::fs::remove_dir(mark(at)),
            };
            done.expect("changed");
        }
        None
    });
    assert!(step.is_none());
}
