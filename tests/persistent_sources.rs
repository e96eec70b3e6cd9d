//! Sources that need not be asked again and again. Those that keep a command running where there is
//! one: a single start for many readings, nothing left once no line shows it, and a last good value
//! that looks old while the command fails. And those that depend on files: a change is seen at once.

use rustix::process::Signal;

use crate::support::sandbox::one_line;
use crate::support::{Sandbox, Stream, lives, program, signal, until, until_true};

/// A home whose line is one segment, with programs of its own on the `PATH`.
fn showing(segment: &str, format: &str) -> Sandbox {
    Sandbox::new().with_bin().configured(&format!(
        "[line.terminal]\nleft = [\"{segment}\"]\nright = []\n\
         [segment.{segment}]\nformat = \"{format}|\"\n"
    ))
}

/// Installs a program that notes each of its starts by its number.
fn install(sandbox: &Sandbox, name: &str, script: &str) {
    let starts = sandbox.path("starts");
    sandbox.install(name, &format!("echo $$ >> {}\n{script}", starts.display()));
}

/// The numbers of the processes that were started so far.
fn starts(sandbox: &Sandbox) -> Vec<u32> {
    let text = std::fs::read_to_string(sandbox.path("starts")).unwrap_or_default();
    text.lines().map(|pid| pid.parse().expect("a number")).collect()
}

fn styled_stream(sandbox: &Sandbox) -> Stream {
    let words = ["terminal", "left", "--target", "ansi", "--depth", "true", "--columns", "70"];
    sandbox.stream(&words)
}

/// Starts the daemon where the machine has a card of NVIDIA; `false` where no namespace is to be had.
fn start_with_card(sandbox: &Sandbox) -> bool {
    let (driver, devices) = (sandbox.path("driver"), sandbox.path("devices"));
    sandbox.write("driver/nvidia/gpus/0000:01:00.0/information", "Model: Fake\n");
    // It may fall asleep, and is awake.
    sandbox.write("devices/0000:01:00.0/power/control", "auto\n");
    sandbox.write(STATUS, "active\n");
    // The daemon inherits the namespace of the one who starts it.
    let script = "mount --bind \"$1\" /proc/driver || exit 77
        mount --bind \"$2\" /sys/bus/pci/devices || exit 77
        \"$3\" daemon start >/dev/null; exit 0";
    let mut command = sandbox.command("unshare");
    command.args(["-r", "-m", "sh", "-c", script, "sh"]);
    command.args([&driver, &devices]).arg(program());
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: unshare: {error}");
            return false;
        }
    };
    let why = String::from_utf8_lossy(&output.stderr);
    // 1: unshare itself may not; 77: mount may not.
    if matches!(output.status.code(), Some(1 | 77)) {
        println!("skipped: no mount namespace: {}", why.trim());
        return false;
    }
    assert!(output.status.success(), "{}: {why}", output.status);
    until("an answer of the daemon", || sandbox.status());
    true
}

/// Where a card says whether it sleeps.
const STATUS: &str = "devices/0000:01:00.0/power/runtime_status";

/// How a line begins to look; what is old looks otherwise.
fn look(line: &str) -> String {
    line.split_once('m').expect("a style").0.to_owned()
}

#[test]
fn nvidias_command_is_started_once_and_ends_with_the_last_stream() {
    let sandbox = showing("gpu", "$usage.pct(w:1) $name");
    let refuse = sandbox.path("refuse");
    // Each answer is another number, none of them a warning.
    install(
        &sandbox,
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
    if !start_with_card(&sandbox) {
        return;
    }
    let mut stream = styled_stream(&sandbox);
    let fresh = look(&stream.until("Fake #(id)"));
    for _ in 0..3 {
        assert_eq!(look(&stream.until("Fake #(id)")), fresh);
    }
    let started = starts(&sandbox);
    assert_eq!(started.len(), 1);
    assert!(lives(started[0]));
    drop(stream);
    until_true("its end", || !lives(started[0]));
    assert_eq!(starts(&sandbox).len(), 1);

    // Another stream.
    let mut stream = styled_stream(&sandbox);
    until_true("another start", || starts(&sandbox).len() == 2);
    stream.until("Fake");
    sandbox.write("refuse", "");
    signal(starts(&sandbox)[1], Signal::KILL);
    // The last good value.
    while look(&stream.until("% Fake")) == fresh {}
    until_true("the reason", || sandbox.doctor().contains("nvidia-smi: no luck (exit status 9)"));
    std::fs::remove_file(refuse).expect("removed");
    while look(&stream.until("% Fake")) != fresh {}
}

/// The card falls asleep only where the command has let it go.
#[test]
fn a_sleeping_card_is_left_alone_and_asked_again_when_it_wakes() {
    let sandbox = showing("gpu", "$usage.pct(w:1) $name( $state)");
    let status = sandbox.path(STATUS);
    install(
        &sandbox,
        "nvidia-smi",
        &format!(
            "echo suspended > {}
             while echo '0, Fake, 0, 1024, 8192, 50, 75, 900, 1900'; do sleep 0.1; done",
            status.display()
        ),
    );
    if !start_with_card(&sandbox) {
        return;
    }
    let mut stream = styled_stream(&sandbox);
    stream.until("0% Fake");
    stream.until("asleep");
    let started = starts(&sandbox);
    assert_eq!(started.len(), 1);
    assert!(!lives(started[0]));
    sandbox.write(STATUS, "active\n");
    until_true("another start", || starts(&sandbox).len() == 2);
    stream.until("0% Fake");
}

#[test]
fn one_playerctl_follows_the_players() {
    let sandbox = showing("media", "$status $title");
    let fifo = sandbox.fifo("fifo");
    install(
        &sandbox,
        "playerctl",
        &format!(
            "case \"$*\" in *--follow*) ;; *) exit 9 ;; esac
             exec 3<>{}
             while read -r song <&3; do
                 case \"$song\" in
                 '') echo ;;
                 *) printf '\\036Playing\\037p\\0371\\0372\\037\\037\\037%s\\035\\n' \"$song\" ;;
                 esac
             done",
            fifo.display()
        ),
    );
    // Without a daemon it is started for each line.
    sandbox.start_daemon(&[]);
    let mut stream = styled_stream(&sandbox);
    let play = |song: &str| std::fs::write(&fifo, format!("{song}\n")).expect("a reader");
    play("one #[fg=red]");
    stream.until("playing one #[fg=red]");
    play("two");
    stream.until("playing two");
    play("");
    while stream.next().contains('|') {}
    let started = starts(&sandbox);
    assert_eq!(started.len(), 1);
    drop(stream);
    until_true("its end", || !lives(started[0]));
}

/// By readings alone each of these changes would take a minute to be seen.
#[test]
fn a_work_tree_that_comes_and_goes_is_seen_when_it_does() {
    let sandbox = showing("directory", "<$last>( in $repository)( $readonly)");
    let here = sandbox.path("home/rain/src");
    std::fs::create_dir_all(&here).expect("made");
    sandbox.start_daemon(&[]);
    let line = || {
        let words = ["terminal", "left", "--target", "plain", "--columns", "70"];
        let mut command = sandbox.printing(&words);
        one_line(command.current_dir(&here).env("PWD", &here).output().expect("it runs"))
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
