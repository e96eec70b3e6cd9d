//! Places and identities, T01–T20: the runtime directory, the socket, the locks, and who answers there.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Stdio};

use rainline_client::protocol::{Body, ReplyHeader, ReplyKind};
use rainline_client::runtime::{LOCK, SPAWN_LOCK, SPAWN_STATE};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::Signal;

use super::{StandIn, print, print_with};
use crate::support::process::output_in_time;
use crate::support::{Sandbox, lives, namespace, rounds, signal, tool, until, until_true};

/// Where the runtime directory is not used: lines all the same, no daemon, and the doctor says why.
#[track_caller]
fn refused(sandbox: &Sandbox, why: &str) {
    for _ in 0..2 {
        let line = print(sandbox);
        assert!(line.contains('!'), "nothing sends one to the doctor: {line:?}");
    }
    let report = sandbox.doctor();
    let place = sandbox.runtime().display().to_string();
    let said = report.lines().any(|line| line.contains(&place) && line.contains(why));
    assert!(said, "no {why:?} of {place}:\n{report}");
    assert!(sandbox.daemons().is_empty());
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("there").mode() & 0o7777
}

#[test]
fn t01_a_link_in_the_place_of_the_runtime_directory() {
    let sandbox = Sandbox::new().without_runtime();
    let behind = sandbox.path("behind");
    fs::create_dir(&behind).expect("made");
    symlink(&behind, sandbox.runtime()).expect("linked");
    refused(&sandbox, "is a symbolic link");
    assert_eq!(fs::read_dir(&behind).expect("a directory").count(), 0);
}

#[test]
fn t03_a_runtime_directory_that_others_can_reach() {
    for wide in [0o755, 0o770, 0o1777] {
        let sandbox = Sandbox::new();
        fs::set_permissions(sandbox.runtime(), PermissionsExt::from_mode(wide)).expect("changed");
        refused(&sandbox, &format!("has mode {wide:04o}"));
        assert_eq!(mode(&sandbox.runtime()), wide, "it is not ours to change");
        assert_eq!(fs::read_dir(sandbox.runtime()).expect("a directory").count(), 0);
    }
}

#[test]
fn t04_something_else_in_the_place_of_the_runtime_directory() {
    type Make = fn(&Sandbox);
    let makes: [(Make, &str); 4] = [
        (|sandbox| fs::write(sandbox.runtime(), "").expect("written"), "is not a directory"),
        (|sandbox| drop(sandbox.fifo("run")), "is not a directory"),
        (|sandbox| drop(UnixListener::bind(sandbox.runtime())), "is not a directory"),
        (|sandbox| symlink("/nowhere", sandbox.runtime()).expect("linked"), "is a symbolic link"),
    ];
    for (make, why) in makes {
        let sandbox = Sandbox::new().without_runtime();
        make(&sandbox);
        refused(&sandbox, why);
    }
}

#[test]
fn t05_whatever_the_umask_is_everything_is_private() {
    for umask in ["0", "0777"] {
        let sandbox = Sandbox::new().without_runtime();
        // The line is drawn and a daemon is on its way.
        let script = format!("umask {umask}; exec \"$@\"");
        let mut command = sandbox.command("sh");
        command.args(["-c", &script, "sh"]).arg(crate::support::program());
        command.args(["print", "tmux", "right"]).stdin(Stdio::null());
        assert!(output_in_time(&mut command).status.success());
        until("a daemon", || sandbox.daemon());
        sandbox.until_history_is_read();
        sandbox.stop_daemon();
        assert_eq!(mode(&sandbox.runtime()), 0o700, "umask {umask}");
        let state = sandbox.home().join(".local/state/rainline");
        for dir in [&sandbox.runtime(), &state] {
            let entries: Vec<_> = fs::read_dir(dir).expect("a directory").flatten().collect();
            assert!(!entries.is_empty(), "{}", dir.display());
            for entry in entries {
                assert_eq!(mode(&entry.path()), 0o600, "umask {umask}: {:?}", entry.path());
            }
        }
        // What was made once serves the next one too.
        sandbox.start_daemon(&[]);
    }
}

/// The environment of a shell, a cron job and an ssh session of one user differ.
#[test]
fn t06_one_daemon_whatever_the_environment_calls_the_runtime_directory() {
    let sandbox = Sandbox::new();
    let long = "x".repeat(300);
    // In a place of its own for `/run` and `/tmp`: nothing of the user's own daemon is touched.
    let script = format!(
        r#"
        mount -t tmpfs none /run || exit 77
        mkdir -p /run/user/0 /run/other /run/sandbox || exit 77
        chmod 700 /run/user/0
        chmod 755 /run/other
        unset RAINLINE_RUNTIME_DIR XDG_RUNTIME_DIR
        start_daemon
        for dir in /run/user/0 "" relative /run/other /nowhere /{long}; do
            XDG_RUNTIME_DIR=$dir "$2" print tmux right --deadline 20000 >&2 || exit 79
            XDG_RUNTIME_DIR=$dir "$2" daemon status | head -n 1 || exit 80
        done
        "$2" daemon status | head -n 1
        "$2" daemon stop >&2
        (export XDG_RUNTIME_DIR=/run/other; start_daemon) || exit 78
        "$2" daemon status | head -n 1
        XDG_RUNTIME_DIR=relative "$2" daemon stop >&2
        find /run -name 'rainline-*.sock'
        ls -A /run/other
        "#
    );
    let Some(output) = namespace::run(&sandbox, &script, &sandbox.path("")) else { return };
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), 8, "a socket is left or something lies where it should not:\n{output}");
    assert!(lines[..7].iter().all(|line| line == &lines[0]), "more than one daemon:\n{output}");
    assert!(lines[7].starts_with("pid ") && lines[7] != lines[0], "{output}");
}

#[test]
fn t07_a_path_of_any_length_leads_to_the_one_daemon() {
    for length in [107, 108, 4000] {
        let sandbox = Sandbox::new();
        let name = sandbox.socket().file_name().expect("a name").len();
        // Directories as long as they may be, and then one that makes it the length that is wanted.
        let mut place = sandbox.path("p");
        while length - name - 1 > place.as_os_str().len() + 1 {
            let left = length - name - 1 - place.as_os_str().len() - 1;
            // No rest of nothing but a separator.
            let part = if left > 200 { 198 } else { left };
            fs::create_dir_all(&place).expect("made");
            place.push("d".repeat(part));
        }
        let sandbox = sandbox.with("RAINLINE_RUNTIME_DIR", &place);
        assert_eq!(sandbox.socket().as_os_str().len(), length);
        print(&sandbox);
        let pid = until("a daemon", || sandbox.daemon());
        let before = sandbox.figure("requests").expect("a number");
        print(&sandbox);
        assert!(sandbox.figure("requests").expect("a number") >= before + 2, "{length}");
        until_true("one daemon", || sandbox.daemons() == [pid]);
        let name = sandbox.socket().file_name().expect("a name").to_owned();
        let found = sandbox.files_named(name.to_str().expect("UTF-8"));
        assert_eq!(found, [sandbox.socket()], "{length}");
        sandbox.stop_daemon();
    }
}

#[test]
fn t10_a_socket_on_which_no_process_listens_is_replaced() {
    let sandbox = Sandbox::new();
    drop(UnixListener::bind(sandbox.socket()).expect("bound"));
    let stale = fs::metadata(sandbox.socket()).expect("there").ino();
    print(&sandbox);
    let pid = until("a daemon", || sandbox.daemon());
    assert_ne!(fs::metadata(sandbox.socket()).expect("there").ino(), stale);
    until_true("one daemon", || sandbox.daemons() == [pid]);
}

/// As a cleaner of temporary files does it: the daemon is not told.
#[test]
fn t11_a_removed_socket_is_made_again_without_a_word() {
    let sandbox = Sandbox::running("");
    let pid = sandbox.daemon().expect("it runs");
    fs::remove_file(sandbox.socket()).expect("removed");
    until_true("the same daemon", || {
        print(&sandbox);
        sandbox.daemon() == Some(pid)
    });
    until_true("the end of all others", || sandbox.daemons() == [pid]);
}

#[test]
fn t12_a_removed_lock_makes_no_second_daemon() {
    // A second daemon asks the one at the socket and leaves, unless its answer takes too long, which it
    // may on a busy machine: then the second one takes over.
    until_true("a second daemon that leaves", || {
        let sandbox = Sandbox::running("");
        let pid = sandbox.daemon().expect("it runs");
        fs::remove_file(sandbox.runtime().join(LOCK)).expect("removed");
        let clients: Vec<Child> = (0..50)
            .map(|_| {
                let mut command = sandbox.printing(&["tmux", "right"]);
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs")
            })
            .collect();
        for client in clients {
            crate::support::sandbox::one_line(client.wait_with_output().expect("it ends"));
        }
        let mut second = sandbox.rainline().args(["daemon", "run"]).spawn().expect("it runs");
        let left =
            until("its end, or its answer", || match second.try_wait().expect("our child") {
                Some(status) => Some(Some(status)),
                None => (sandbox.daemon() == Some(second.id())).then_some(None),
            });
        let Some(status) = left else {
            second.kill().expect("killed");
            second.wait().expect("our child");
            return false;
        };
        assert!(status.success(), "{status}");
        assert_eq!((sandbox.daemon(), sandbox.daemons()), (Some(pid), vec![pid]));
        true
    });
}

#[test]
fn t13_something_else_in_the_place_of_the_socket_is_left_alone() {
    let makes: [fn(&Path); 2] = [
        |path| fs::write(path, "mine").expect("written"),
        |path| fs::create_dir(path).expect("made"),
    ];
    for make in makes {
        let sandbox = Sandbox::running("");
        let pid = sandbox.daemon().expect("it runs");
        fs::remove_file(sandbox.socket()).expect("removed");
        make(&sandbox.socket());
        let foreign = fs::metadata(sandbox.socket()).expect("there").ino();
        print(&sandbox);
        print(&sandbox);
        let report = sandbox.doctor();
        assert!(!report.contains("the next line starts one"), "{report}");
        // One that was started meanwhile finds the lock taken.
        until_true("the end of all others", || sandbox.daemons() == [pid]);
        let now = fs::metadata(sandbox.socket()).expect("there");
        assert_eq!((now.ino(), now.file_type().is_socket()), (foreign, false));
        let _ = fs::remove_file(sandbox.socket());
        let _ = fs::remove_dir(sandbox.socket());
        signal(pid, Signal::USR1);
        until_true("the same daemon", || sandbox.daemon() == Some(pid));
    }
}

#[test]
fn t14_a_removed_runtime_directory_ends_in_one_daemon() {
    let sandbox = Sandbox::running("");
    let first = sandbox.daemon().expect("it runs");
    fs::remove_dir_all(sandbox.runtime()).expect("removed");
    let pid = until("a daemon that answers", || {
        print(&sandbox);
        sandbox.daemon()
    });
    until_true("the end of all others", || sandbox.daemons() == [pid]);
    assert!(pid == first || !lives(first));
    assert_eq!(mode(&sandbox.runtime()), 0o700);
}

#[test]
fn t15_a_stopped_daemon_is_named_and_gets_no_second_beside_it() {
    let sandbox = Sandbox::running("");
    let pid = sandbox.daemon().expect("it runs");
    signal(pid, Signal::STOP);
    for _ in 0..4 {
        print_with(&sandbox, &["--deadline", "200"]);
    }
    let report = sandbox.doctor();
    assert!(report.contains("does not answer"), "{report}");
    assert_eq!(sandbox.daemons(), [pid]);
    signal(pid, Signal::CONT);
    assert_eq!(until("it to go on", || sandbox.daemon()), pid);
}

#[test]
fn t16_a_full_queue_of_connections() {
    let sandbox = Sandbox::new();
    let flags = SocketFlags::CLOEXEC;
    let listener = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .expect("a socket");
    let address = SocketAddrUnix::new(sandbox.socket()).expect("short");
    rustix::net::bind(&listener, &address).expect("bound");
    rustix::net::listen(&listener, 1).expect("listening");
    // None of them is ever accepted.
    let mut waiting = Vec::new();
    let full = loop {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
            .expect("a socket");
        match rustix::net::connect(&socket, &address) {
            Ok(()) => waiting.push(socket),
            Err(errno) => break errno,
        }
    };
    assert_eq!((full, waiting.is_empty()), (rustix::io::Errno::AGAIN, false));
    for _ in 0..3 {
        print_with(&sandbox, &["--deadline", "200"]);
    }
    let report = sandbox.doctor();
    assert!(report.contains("does not answer"), "{report}");
    assert!(sandbox.daemons().is_empty(), "a second daemon beside one that is alive");
}

/// What a daemon may do instead of answering.
#[test]
fn t17_a_daemon_that_lies() {
    fn reply(nonce: u64, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        ReplyHeader::encode(ReplyKind::Line, nonce, body, &mut bytes);
        bytes
    }
    type Lie = fn(UnixStream, u64);
    let lies: [(&str, Lie); 8] = [
        ("silence", |mut stream, _| drop(stream.read(&mut [0; 1]))),
        ("a byte and then silence", |mut stream, nonce| {
            let _ = stream.write_all(&reply(nonce, b"LIE")[..1]);
            let _ = stream.read(&mut [0; 1]);
        }),
        ("a megabyte", |mut stream, nonce| {
            let _ = stream.write_all(&reply(nonce, "LIE ".repeat(1 << 18).as_bytes()));
        }),
        ("garbage", |mut stream, _| drop(stream.write_all(b"LIE LIE LIE LIE LIE LIE LIE LIE\n"))),
        ("another's answer", |mut stream, nonce| {
            let _ = stream.write_all(&reply(nonce ^ 1, b"LIE"));
        }),
        ("half a line", |mut stream, nonce| {
            let bytes = reply(nonce, b"LIE LIE LIE");
            let _ = stream.write_all(&bytes[..bytes.len() - 4]);
        }),
        ("two lines", |mut stream, nonce| {
            let _ = stream.write_all(&reply(nonce, b"LIE\nLIE"));
        }),
        ("nothing", |stream, _| drop(stream)),
    ];
    for (name, lie) in lies {
        let sandbox = Sandbox::new();
        // Whatever is absent is not started here.
        let lock = fs::File::create(sandbox.runtime().join(SPAWN_LOCK)).expect("a lock");
        lock.lock().expect("held");
        let stand_in = StandIn::start(&sandbox, move |stream, request| {
            if matches!(request.body, Body::Print(_)) {
                lie(stream, request.nonce);
            }
        });
        for _ in 0..2 {
            let line = print_with(&sandbox, &["--deadline", "300"]);
            assert!(!line.contains("LIE"), "{name}: {} bytes", line.len());
        }
        drop(stand_in);
    }
}

#[test]
fn t18_two_hundred_clients_at_once_start_one_daemon() {
    for _ in 0..rounds(1, 100) {
        let sandbox = Sandbox::new();
        let script = "for i in $(seq 200); do \
            \"$0\" print tmux right --target plain --deadline 60000 || echo failed & done; wait";
        let mut command = sandbox.command("sh");
        command.args(["-c", script]).arg(crate::support::program()).stdin(Stdio::null());
        let output = output_in_time(&mut command);
        let lines = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(lines.lines().count(), 200, "{lines}");
        assert!(lines.lines().all(|line| !line.trim().is_empty() && line != "failed"), "{lines}");
        let pid = until("a daemon", || sandbox.daemon());
        until_true("the end of all others", || sandbox.daemons() == [pid]);
        let starts = fs::read_to_string(sandbox.runtime().join(SPAWN_STATE)).expect("counted");
        // A second one only where the first took longer than its pause.
        let starts: Vec<u64> = starts.lines().map(|at| at.parse().expect("a number")).collect();
        let apart = |two: &[u64]| two[0] < two[1];
        assert!(starts.len() < 4 && starts.windows(2).all(apart), "{starts:?}");
    }
}

/// Killed at each step towards listening, by the kernel, as the step is taken.
#[test]
fn t19_a_daemon_killed_while_it_starts_is_in_no_way() {
    let sandbox = Sandbox::new();
    let steps = ["flock", "bind", "fchmodat", "chmod", "listen", "renameat", "rename", "poll"];
    let mut killed = 0;
    for step in steps {
        let mut command = sandbox.command(tool("strace"));
        command.args(["-qq", "-o", "/dev/null", "-e", &format!("trace={step}")]);
        command.args(["-e", &format!("inject={step}:signal=KILL:when=1")]);
        command.arg(crate::support::program()).args(["daemon", "run", "--idle", "1"]);
        let output = output_in_time(command.stdin(Stdio::null()));
        // A call that it does not make kills nothing, and it leaves when it was idle.
        killed += usize::from(!output.status.success());
        let pid = until("a daemon", || {
            print(&sandbox);
            sandbox.daemon()
        });
        until_true("the end of all others", || sandbox.daemons() == [pid]);
        sandbox.stop_daemon();
    }
    assert!(killed >= 5, "killed at {killed} steps of {steps:?}");
}

/// A number in a file may be that of another process by now.
#[test]
fn t20_no_process_is_signalled_because_a_file_names_it() {
    let sandbox = Sandbox::new();
    let mut bystander = sandbox.command("sleep").arg("600").spawn().expect("it runs");
    let number = bystander.id().to_string();
    let plant = || {
        for name in [LOCK, SPAWN_STATE, "pid", "rainline.pid"] {
            fs::write(sandbox.runtime().join(name), &number).expect("written");
        }
    };
    plant();
    sandbox.stop_daemon();
    print(&sandbox);
    sandbox.start_daemon(&[]);
    let daemon = sandbox.daemon().expect("it runs");
    assert_ne!(daemon, bystander.id());
    plant();
    sandbox.doctor();
    sandbox.stop_daemon();
    until_true("the daemon's end", || !lives(daemon));
    plant();
    assert!(sandbox.run(&["daemon", "stop"]).status.success());
    assert!(matches!(bystander.try_wait(), Ok(None)), "it was ended by its number");
    bystander.kill().expect("it lives");
    bystander.wait().expect("our child");
}
