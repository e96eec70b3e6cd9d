//! What runs out, T31–T40: descriptors, memory, disk, processes, standard streams.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rainline_client::protocol::{Body, ReplyHeader, ReplyKind};
use rainline_client::runtime::{SPAWN_LOCK, SPAWN_STATE};
use rustix::process::Signal;

use super::{Foreground, LINE, StandIn, print, print_with};
use crate::support::process::{output_in_time, ticks};
use crate::support::sandbox::{copy_program, one_line};
use crate::support::terminal::argv;
use crate::support::{
    Sandbox, Terminal, lives, namespace, program, signal, tool, until, until_true, wait_end,
};

/// How much of this time a process has a processor, in hundredths.
fn load(pid: u32, span: Duration) -> u64 {
    let (before, since) = (ticks(pid), Instant::now());
    until_true("the end of a span", || since.elapsed() >= span);
    (ticks(pid) - before) * 1000 / u64::try_from(since.elapsed().as_millis()).expect("short")
}

/// A command with a limit, before the words of the program.
fn limited(sandbox: &Sandbox, limit: &str) -> Command {
    let mut command = sandbox.command(tool("prlimit"));
    command.arg(limit).stdin(Stdio::null());
    command
}

#[test]
fn t31_few_descriptors_are_enough_or_the_reason_is_told() {
    let sandbox = Sandbox::new();
    // The holder of this lock is starting a daemon; no client will.
    let lock = fs::File::create(sandbox.runtime().join(SPAWN_LOCK)).expect("a lock");
    lock.lock().expect("held");
    for most in 4..=10 {
        let mut command = limited(&sandbox, &format!("--nofile={most}"));
        command.arg(program()).arg("print").args(LINE).args(["--deadline", "300"]);
        assert!(!one_line(output_in_time(&mut command)).trim().is_empty(), "{most}");
    }
    // With fewer than a daemon needs it says so and leaves.
    for most in [8, 12, 15] {
        let mut command = limited(&sandbox, &format!("--nofile={most}"));
        let output = output_in_time(command.arg(program()).args(["daemon", "run"]));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("open files"), "{most}: {said}");
    }
    let daemon = Foreground::start(&sandbox, limited(&sandbox, "--nofile=16"));
    print(&sandbox);
    // One whose limit is lowered while it runs does not turn round and round: it leaves.
    let mut command = sandbox.command(tool("prlimit"));
    command.args(["--nofile=1", "--pid", &daemon.0.id().to_string()]);
    assert!(command.status().expect("it runs").success());
    wait_end(daemon.0.id());
}

/// The kernel refuses memory from the k-th time on that it is asked. `None`: it did not come to our own
/// code, because the loader needs memory first.
fn without_memory(sandbox: &Sandbox, k: usize, words: &[&str]) -> Option<Output> {
    let trace = sandbox.path("trace");
    let mut command = sandbox.command(tool("strace"));
    command.arg("-qq").arg("-o").arg(&trace).args(["-e", "trace=brk,mmap,rt_sigaction"]);
    command.args(["-e", &format!("inject=brk,mmap:error=ENOMEM:when={k}+")]);
    command.arg(program()).args(words).stdin(Stdio::null());
    let output = output_in_time(&mut command);
    // The first that the program does is to ignore this signal.
    let trace = fs::read_to_string(trace).unwrap_or_default();
    trace.contains("SIGPIPE").then_some(output)
}

#[test]
fn t32_a_line_is_there_wherever_memory_ends() {
    let print = [&["print"], &LINE[..], &["--deadline", "20000"]].concat();
    for sandbox in [Sandbox::new(), Sandbox::running("")] {
        let mut lines = 0;
        for k in 1..45 {
            if let Some(output) = without_memory(&sandbox, k, &print) {
                let line = one_line(output);
                assert!(!line.trim().is_empty(), "without memory from the {k}th time on");
                lines += 1;
            }
        }
        assert!(lines > 20, "{lines} lines");
    }
    // A daemon without memory may leave; the next client starts another.
    let sandbox = Sandbox::new();
    for k in [20, 25, 30, 40, 60] {
        without_memory(&sandbox, k, &["daemon", "run", "--idle", "1"]);
        super::print(&sandbox);
    }
    sandbox.start_daemon(&[]);
    super::print(&sandbox);
}

/// A control group of its own with 8 MiB of memory; `None` where it cannot be had.
struct Group(PathBuf);

impl Group {
    fn new(name: &str) -> Option<Group> {
        let places =
            [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];
        for (place, limit) in places {
            let group = Path::new(place).join(name);
            if !Path::new(place).join("cgroup.procs").exists() || fs::create_dir(&group).is_err() {
                continue;
            }
            let group = Group(group);
            if fs::write(group.0.join(limit), "8388608").is_ok() {
                return Some(group);
            }
        }
        println!("skipped: no control group with a limit");
        None
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        until_true("the group's end", || {
            let left = fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default();
            left.lines()
                .filter_map(|pid| pid.parse().ok())
                .for_each(|pid| signal(pid, Signal::KILL));
            fs::remove_dir(&self.0).is_ok()
        });
    }
}

#[test]
fn t33_eight_megabytes_for_all_of_us() {
    let sandbox = Sandbox::new();
    let Some(group) = Group::new(&format!("rl-{}", std::process::id())) else { return };
    let procs = group.0.join("cgroup.procs");
    let mut command = sandbox.command("sh");
    command.args(["-c", "echo $$ >\"$1\" && shift && exec \"$@\"", "sh"]).arg(&procs);
    command.arg(program()).args(["daemon", "run", "--idle", "600"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut daemon = Foreground(command.spawn().expect("it runs"));
    let answers = until("an answer or its end", || {
        let ended = daemon.0.try_wait().expect("ours").is_some();
        sandbox.daemon().map(|_| true).or(ended.then_some(false))
    });
    println!("{}", if answers { "it lives" } else { "it was ended" });
    for columns in 40..80 {
        print_with(&sandbox, &["--columns", &columns.to_string()]);
    }
    // A daemon that was ended was not started again and again.
    let starts = sandbox.runtime().join(SPAWN_STATE);
    let starts = fs::read_to_string(starts).unwrap_or_default().lines().count();
    assert!(starts <= 5, "{starts} starts");
    drop(daemon);
}

#[test]
fn t34_full_and_read_only_file_systems() {
    let sandbox = Sandbox::new();
    sandbox.start_daemon(&[]);
    sandbox.until_history_is_read();
    sandbox.stop_daemon();
    let state = sandbox.home().join(".local/state/rainline");
    assert_eq!(fs::read_dir(&state).expect("a directory").count(), 1);
    // Each time: two lines, a daemon or none, and the history as it was.
    let script = r#"
        run=$RAINLINE_RUNTIME_DIR state=$1
        cp -a "$state" "$state.old"
        mkdir "$state.full"
        lines() {
            for i in 1 2; do
                timeout 60 "$prog" print tmux right --target plain --deadline "$1" || exit 79
            done
        }
        prog=$2
        fill() { dd if=/dev/zero of="$1/fill" bs=1024 2>/dev/null; :; }
        files() { i=0; while : 2>/dev/null >"$1/f$i"; do i=$((i+1)); done; }
        same() { cmp "$state.old"/history-* "$state"/history-* >&2 || exit 82; }
        mount -t tmpfs -o size=64k,mode=700 none "$run" || exit 77
        fill "$run"
        lines 2000
        umount -l "$run"
        mount -t tmpfs -o nr_inodes=3,mode=700 none "$run" || exit 77
        (files "$run") 2>/dev/null
        lines 2000
        umount -l "$run"
        mount -t tmpfs -o ro,mode=700 none "$run" || exit 77
        lines 2000
        umount -l "$run"
        same
        # The runtime directory is fine, and there is no space for the history.
        mount -t tmpfs -o size=64k,mode=700 none "$state" || exit 77
        cp -a "$state.old"/. "$state"
        fill "$state"
        start_daemon
        lines 20000
        "$prog" daemon stop >&2 || exit 81
        same
        mount -o remount,ro "$state" || exit 77
        start_daemon
        lines 20000
        "$prog" daemon stop >&2 || exit 81
        same
    "#;
    let Some(output) = namespace::run(&sandbox, script, &state) else { return };
    assert_eq!(output.lines().count(), 10, "{output}");
    assert!(output.lines().all(|line| !line.trim().is_empty()), "{output}");
}

/// Runs a shell's script whose `$0` is the program.
fn script(sandbox: &Sandbox, words: &str) -> Output {
    let mut command = sandbox.command("bash");
    output_in_time(command.args(["-c", words]).arg(program()).stdin(Stdio::null()))
}

#[test]
fn t35_outputs_that_take_nothing() {
    for sandbox in [Sandbox::running(""), Sandbox::new().without_runtime()] {
        if !sandbox.runtime().exists() {
            fs::write(sandbox.runtime(), "").expect("no place for a daemon");
        }
        for words in ["print tmux right", "print tmux right --deadline 300", "stream tmux right"] {
            for target in [">&-", ">/dev/full", "| exec true"] {
                if words.starts_with("stream") && target == ">/dev/full" {
                    // A full disk may have space later: it goes on until it is ended.
                    continue;
                }
                let output = script(&sandbox, &format!("\"$0\" {words} {target}"));
                let code = output.status.code();
                assert!(code <= Some(1) && code.is_some(), "{words} {target}: {output:?}");
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(said.is_empty(), "{words} {target}: {said}");
            }
        }
        // A reader that takes nothing, and a pipe that does not wait for it.
        let (reader, writer) = std::io::pipe().expect("a pipe");
        rustix::io::ioctl_fionbio(&writer, true).expect("set");
        while rustix::io::write(&writer, &[b'x'; 4096]).is_ok() {}
        let mut command = sandbox.printing(&LINE);
        command.stdout(OwnedFd::from(writer)).stderr(Stdio::piped());
        let child = command.spawn().expect("it runs");
        drop(command);
        wait_end(child.id());
        let output = child.wait_with_output().expect("ours");
        assert!(output.status.code() <= Some(1) && output.stderr.is_empty(), "{output:?}");
        drop(reader);
    }
}

#[test]
fn t35_a_stream_ends_with_its_terminal() {
    let sandbox = Sandbox::running("");
    let words = "trap '' HUP; \"$0\" stream tmux right --target plain --deadline 20000; \
                 echo $? >ended";
    let words = argv([&"sh", &"-c", &words, &program()]);
    let mut terminal = Terminal::spawn(&sandbox, &words, 5, 100);
    terminal.wait("a line", |screen| !screen.contents().trim().is_empty());
    drop(terminal);
    let ended = sandbox.home().join("ended");
    until_true("the stream's end", || {
        ended.exists() || sandbox.processes_named("stream").is_empty()
    });
}

#[test]
fn t36_nothing_is_taken_from_standard_input() {
    let sandbox = Sandbox::running("");
    let print = format!("\"$0\" print {} --deadline 20000", LINE.join(" "));
    let output = script(&sandbox, &format!("printf abc | {{ {print}; cat; }}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.ends_with("\nabc"), "{text:?}");
    // A pipe without end, none at all, and a terminal with something typed.
    for input in ["< <(yes)", "<&-"] {
        assert!(!one_line(script(&sandbox, &format!("{print} {input}"))).trim().is_empty());
    }
    let words = format!("echo go; read x; sleep 0; {print} | cut -c1-9; read y; echo \"<$x$y>\"");
    let words = argv([&"bash", &"-c", &words, &program()]);
    let mut terminal = Terminal::spawn(&sandbox, &words, 8, 100);
    terminal.wait_text("go");
    terminal.send("one\ntwo\n");
    terminal.wait_text("<onetwo>");
}

#[test]
fn t37_with_all_three_streams_closed_nothing_lands_on_a_wrong_one() {
    let sandbox = Sandbox::new();
    let (sender, received) = mpsc::channel();
    let stand_in = StandIn::start(&sandbox, move |mut stream, request| {
        let mut bytes = Vec::new();
        ReplyHeader::encode(ReplyKind::Line, request.nonce, b"a line", &mut bytes);
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        if matches!(request.body, Body::Print(_)) {
            let _ = sender.send(rest);
        }
    });
    for closed in ["<&- >&- 2>&-", "<&- >&-", ">&- 2>&-", ">&-"] {
        let output =
            script(&sandbox, &format!("\"$0\" print tmux right --deadline 20000 {closed}"));
        assert!(output.status.success() && output.stderr.is_empty(), "{closed}: {output:?}");
        let rest = received.recv_timeout(crate::support::DEADLINE).expect("a request");
        let rest = String::from_utf8_lossy(&rest).into_owned();
        assert_eq!(rest, "", "{closed}: the line went to the daemon");
    }
    drop(stand_in);
    // A daemon that was started so has its own three.
    script(&sandbox, "\"$0\" print tmux right <&- >&- 2>&-");
    let pid = until("a daemon", || sandbox.daemon());
    for fd in 0..3 {
        let target = fs::read_link(format!("/proc/{pid}/fd/{fd}")).expect("ours to see");
        assert_eq!(target, Path::new("/dev/null"));
    }
}

/// What the program is started from may go away or stop working under it.
#[test]
fn t39_without_new_processes_a_line_is_drawn_and_nothing_turns_round() {
    let sandbox = Sandbox::new();
    let calls = "clone,clone3,vfork,fork";
    let mut command = sandbox.command(tool("strace"));
    command.args(["-qq", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
    command.args(["-e", &format!("inject={calls}:error=EAGAIN"), "--"]);
    command.arg(program()).arg("print").args(LINE).stdin(Stdio::null());
    assert!(!one_line(output_in_time(&mut command)).trim().is_empty());
    assert!(sandbox.daemons().is_empty());

    let copy = sandbox.path("copy");
    copy_program(&program(), &copy);
    let spoils: [fn(&Path); 2] = [
        |copy| fs::set_permissions(copy, PermissionsExt::from_mode(0o644)).expect("changed"),
        |copy| fs::remove_file(copy).expect("removed"),
    ];
    for spoil in spoils {
        fs::set_permissions(&copy, PermissionsExt::from_mode(0o755)).expect("changed");
        let sandbox = Sandbox::new().with_program(&copy);
        let mut stream = sandbox.stream(&LINE);
        stream.next();
        let daemon = until("a daemon", || sandbox.daemon());
        until_true("its stream", || sandbox.figure("streams") == Some(1));
        let client = sandbox.processes_named("stream")[0];
        spoil(&copy);
        signal(daemon, Signal::KILL);
        until_true("its end", || !lives(daemon));
        // Lines go on without it, and at a pace.
        let line = stream.next();
        assert!(!line.trim().is_empty());
        let busy = load(client, Duration::from_secs(2));
        assert!(busy < 30, "it turned round and round: {busy} %");
        assert!(stream.is_running());
    }
}

/// The kernel ends who writes beyond the limit, unless that is an error to it.
#[test]
fn a_limit_of_the_size_of_files_ends_no_print() {
    for size in ["--fsize=0", "--fsize=10"] {
        let sandbox = Sandbox::new();
        let mut command = limited(&sandbox, size);
        let output = command.arg(program()).arg("print").args(LINE).output().expect("it runs");
        assert!(!one_line(output).trim().is_empty(), "{size}");
        let mut command = limited(&sandbox, size);
        let output = command.arg(program()).args(["init", "bash"]).output().expect("it runs");
        assert!(output.status.success(), "{size}: {output:?}");
    }
}
