//! Lives, T41–T50: who starts the daemon, what ends it, how it is replaced.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rainline_client::protocol::{Body, LineRequest, Request};
use rainline_client::runtime::{LOCK, SPAWN_STATE};
use rustix::process::Signal;

use super::{LINE, StandIn, print, print_with};
use crate::support::hostile::Dice;
use crate::support::process::{is_ignored, output_in_time};
use crate::support::sandbox::one_line;
use crate::support::terminal::argv;
use crate::support::wire::{bytes, connect};
use crate::support::{
    Sandbox, Terminal, Tmux, found, lives, program, rounds, signal, tool, until, until_true,
    wait_end,
};

/// A job of tmux starts the daemon, and the server goes: the daemon has nothing of either.
#[test]
fn t41_a_daemon_started_by_a_job_of_tmux_outlives_it() {
    let sandbox = Sandbox::new().with_bin();
    let calls = sandbox.path("calls");
    let words = LINE.join(" ");
    let script = format!(
        "echo >>'{}'\nexec '{}' print {words} --deadline 20000",
        calls.display(),
        program().display()
    );
    let job = sandbox.install("job", &script);
    let conf = format!("set -g status-interval 1\nset -g status-right '#({})'\n", job.display());
    let tmux = Tmux::start(&sandbox, &conf, 10, 120);
    let server = tmux.server();
    let daemon = until("a daemon", || sandbox.daemon());
    // tmux runs a job again once nothing has its end of the pipe any more.
    let count = || fs::read_to_string(&calls).map_or(0, |text| text.lines().count());
    until_true("the job to run again and again", || count() >= 5);
    let stat = |pid| crate::support::process::stat(pid).expect("it lives");
    // Neither its session nor its terminal.
    assert_ne!(stat(daemon)[3], stat(server)[3]);
    assert_eq!(stat(daemon)[4], "0");
    tmux.run(&["kill-server"]);
    wait_end(server);
    assert_eq!(sandbox.daemon(), Some(daemon));
}

/// Each caller reads to the end of what it started, and that end comes.
#[test]
fn t42_no_caller_is_kept_waiting_by_the_daemon_that_it_started() {
    let words = format!("{} --deadline 20000", LINE.join(" "));
    let callers = [
        ("bash", "x=$(\"$1\" print WORDS); echo \"$x|\""),
        ("bash", "read -r x < <(\"$1\" print WORDS); \"$1\" print WORDS | cat; wait"),
        ("zsh", "x=$(\"$1\" print WORDS); cat <(\"$1\" print WORDS) | cat"),
        ("fish", "set x (eval $argv[1] print WORDS); echo $x"),
        ("sh", "echo \"`\"$1\" print WORDS`\""),
    ];
    for (shell, text) in callers {
        let sandbox = Sandbox::new();
        let mut command = sandbox.command(tool(shell));
        command.arg("-c").arg(text.replace("WORDS", &words));
        // fish has no name before the first argument.
        command.args(if shell == "fish" { &[][..] } else { &["caller"] }).arg(program());
        let output = output_in_time(command.stdin(Stdio::null()));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.is_empty(), "{shell}: {said}");
        assert!(!output.stdout.trim_ascii().is_empty(), "{shell}");
        until("a daemon", || sandbox.daemon());
    }
}

/// GNU screen runs a backtick to its end before it does anything else.
#[test]
fn t42_a_backtick_of_screen_ends_although_it_started_a_daemon() {
    let sandbox = Sandbox::new().with_screens();
    let job = format!("{} print {}", program().display(), LINE.join(" "));
    let rc = format!(
        "startup_message off\nshell /bin/cat\nbacktick 1 2 2 {job}\nhardstatus alwayslastline '%1`'\n"
    );
    let rc = sandbox.write("screenrc", rc);
    let words = argv([&tool("screen"), &"-U", &"-c", &rc, &"-S", &"tried"]);
    let mut terminal = Terminal::spawn(&sandbox, &words, 8, 120);
    until("a daemon", || sandbox.daemon());
    terminal.send("typed\r");
    terminal.wait("an echo", |screen| screen.contents().matches("typed").count() >= 2);
    let mut quit = sandbox.command(tool("screen"));
    let _ = quit.args(["-S", "tried", "-X", "quit"]).output();
}

#[test]
fn t43_what_happens_in_a_terminal_does_not_reach_the_daemon() {
    let sandbox = Sandbox::new().with("PS1", "ready$ ");
    // What runs the tests may have ignored interrupts.
    let words = argv([&"env", &"--default-signal", &"bash", &"--norc", &"-i"]);
    let mut terminal = Terminal::spawn(&sandbox, &words, 10, 100);
    terminal.wait_text("ready$");
    let words = format!("{} print {} --deadline 20000", program().display(), LINE.join(" "));
    terminal.send(format!("{words}; echo do''ne\r"));
    terminal.wait_text("done");
    let daemon = until("a daemon", || sandbox.daemon());
    // A command in the foreground gets what is typed.
    let foreground = |terminal: &mut Terminal, key: &str, sign: &str| {
        terminal.send("sleep 600\r");
        until_true("a command", || !sandbox.processes_named("600").is_empty());
        terminal.send(key);
        terminal.wait_text(sign);
    };
    // A script that runs the tests in its background makes all of them ignore this.
    if !is_ignored(Signal::INT) {
        foreground(&mut terminal, "\x03", "^C");
        until_true("its end", || sandbox.processes_named("600").is_empty());
    }
    foreground(&mut terminal, "\x1a", "Stopped");
    assert_eq!(sandbox.daemon(), Some(daemon));
    let leader = terminal.pid();
    drop(terminal);
    until_true("the end of its shell", || !lives(leader));
    assert_eq!(sandbox.daemon(), Some(daemon));
}

#[test]
fn t44_any_number_of_harmless_signals_changes_nothing() {
    let sandbox = Sandbox::running("");
    let pid = sandbox.daemon().expect("it runs");
    let harmless = [
        Signal::HUP,
        Signal::USR1,
        Signal::USR2,
        Signal::PIPE,
        Signal::ALARM,
        Signal::VTALARM,
        Signal::PROF,
        Signal::WINCH,
        Signal::URG,
        Signal::CHILD,
        Signal::CONT,
    ];
    let mut dice = Dice(44);
    for _ in 0..rounds(1000, 10_000) {
        signal(pid, harmless[dice.below(harmless.len())]);
    }
    assert_eq!(sandbox.daemon(), Some(pid));
    print(&sandbox);
}

/// A request of a newer build is served, and then the daemon makes room for its like.
#[test]
fn t45_upgrades_under_load_lose_no_line() {
    let sandbox = Sandbox::running("");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let askers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut lines = 0;
                    while !is_over.load(Ordering::Relaxed) {
                        print(&sandbox);
                        lines += 1;
                    }
                    lines
                })
            })
            .collect();
        for _ in 0..rounds(5, 20) {
            let before = until("a daemon", || sandbox.daemon());
            let line = LineRequest { line: "tmux".into(), ..LineRequest::default() };
            let request = Request::new(Body::Print(line), Duration::from_secs(5));
            let newer = Request { build: u64::MAX, ..request };
            let mut stream = connect(&sandbox);
            stream.write_all(&bytes(&newer)).expect("sent");
            until_true("another daemon", || sandbox.daemon().is_some_and(|pid| pid != before));
        }
        is_over.store(true, Ordering::Relaxed);
        let lines: Vec<usize> =
            askers.into_iter().map(|asker| asker.join().expect("lines")).collect();
        println!("{lines:?} lines, all of them whole");
        assert!(lines.iter().all(|lines| *lines > 0));
    });
    until_true("the end of all but one", || sandbox.daemons().len() == 1);
}

#[test]
fn t46_other_protocols_are_refused_and_left_alone() {
    // One of another protocol has another name, and both live.
    let sandbox = Sandbox::new();
    let other = sandbox.runtime().join("rainline-200.sock");
    let listener = UnixListener::bind(&other).expect("bound");
    print(&sandbox);
    let pid = until("a daemon", || sandbox.daemon());
    // A client of another protocol that asks all the same.
    let line = LineRequest { line: "tmux".into(), ..LineRequest::default() };
    let mut bytes = bytes(&Request::new(Body::Print(line), Duration::from_secs(5)));
    let version = bytes.iter().position(|byte| *byte == 1).expect("the version");
    bytes[version] = 200;
    let mut stream = connect(&sandbox);
    stream.write_all(&bytes).expect("sent");
    let mut reply = Vec::new();
    let _ = stream.read_to_end(&mut reply);
    assert!(!reply.windows(3).any(|bytes| bytes == b"cpu"), "it was answered");
    assert_eq!(sandbox.daemon(), Some(pid));
    sandbox.stop_daemon();
    assert!(other.exists());
    drop(listener);

    // A daemon of another protocol under our name.
    let stand_in = StandIn::start(&sandbox, |mut stream, _| {
        let _ = stream.write_all(b"RLr\xc8 another protocol, in which a line is here\n");
        let _ = stream.read(&mut [0; 1]);
    });
    let line = print_with(&sandbox, &["--deadline", "1000"]);
    assert!(!line.contains("another"), "{line:?}");
    let output = sandbox.run(&["daemon", "status"]);
    assert!(!output.status.success() && !output.stderr.is_empty(), "{output:?}");
    assert!(sandbox.daemons().is_empty());
    drop(stand_in);
}

#[test]
fn t47_a_daemon_that_ends_at_once_is_started_a_few_times_and_no_more() {
    let sandbox = Sandbox::new();
    // It takes a file for its lock.
    fs::create_dir(sandbox.runtime().join(LOCK)).expect("made");
    for _ in 0..rounds(30, 1000) {
        print(&sandbox);
    }
    let starts = fs::read_to_string(sandbox.runtime().join(SPAWN_STATE)).expect("counted");
    assert!((1..=5).contains(&starts.lines().count()), "{starts:?}");
    until_true("the end of them", || sandbox.daemons().is_empty());
}

#[test]
fn t48_a_stream_keeps_a_daemon_that_would_leave() {
    let sandbox = Sandbox::new().configured(
        "[line.tmux]\nright = ['it']\n[segment.it]\nuse = 'custom'\ncommand = ['date', '+%s']\n\
         interval = '1s'\n",
    );
    // It may leave before the stream comes, which then starts one that stays longer.
    let (pid, mut stream) = until("a stream at a daemon that would leave", || {
        sandbox.run(&["daemon", "start", "--idle", "1"]);
        let stream = sandbox.stream(&LINE);
        until_true("the stream", || sandbox.figure("streams") == Some(1));
        let pid = sandbox.daemon().expect("it runs");
        if sandbox.processes_named("--idle 1").contains(&pid) {
            return Some((pid, stream));
        }
        drop(stream);
        sandbox.stop_daemon();
        None
    });
    // Each is of another second, and the status is not asked for, which would be a use.
    let seconds: Vec<String> = (0..4).map(|_| stream.next()).collect();
    assert!(seconds.windows(2).all(|two| two[0] != two[1]), "{seconds:?}");
    assert!(lives(pid));
    stream.close();
    until_true("its end", || !lives(pid));
    print(&sandbox);
    until("another", || sandbox.daemon());
}

/// A container of the same user that shares the runtime directory.
#[test]
fn t50_another_pid_namespace_is_served_or_told_the_true_reason() {
    let sandbox = Sandbox::running("");
    let pid = sandbox.daemon().expect("it runs");
    if found("unshare").is_none() {
        println!("skipped: no unshare");
        return;
    }
    let inside = |words: &[&str]| {
        let mut command = sandbox.command("unshare");
        command.args(["-r", "-p", "-f", "-m", "--mount-proc"]).arg(program()).args(words);
        output_in_time(command.stdin(Stdio::null()))
    };
    let status = inside(&["daemon", "status"]);
    let said = String::from_utf8_lossy(&[status.stdout, status.stderr].concat()).into_owned();
    if said.starts_with("unshare:") {
        println!("skipped: {said}");
        return;
    }
    assert!(!said.contains("another user"), "{said}");
    assert!(status.status.success() || !said.trim().is_empty(), "no reason");
    for _ in 0..2 {
        one_line(inside(&[&["print"], &LINE[..], &["--deadline", "20000"]].concat()));
    }
    // A number of one namespace was not taken for a process of the other.
    assert_eq!(sandbox.daemon(), Some(pid));
    print(&sandbox);
}
