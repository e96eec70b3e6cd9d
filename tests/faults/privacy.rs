//! What others may know of a user: files, memory, variables.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rainline_client::protocol::{Body, ENV, ReplyHeader, ReplyKind, Request};
use rainline_segments::ALL;

use crate::support::{Sandbox, process, program, until, until_true};

/// Everything below a directory, itself included.
fn all_below(path: &Path, found: &mut Vec<PathBuf>) {
    found.push(path.to_owned());
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        all_below(&entry.path(), found);
    }
}

/// A shell of the same user that asks for a channel: the test's own process, as `/proc` knows it.
fn channel() -> String {
    let pid = std::process::id();
    format!("{pid}-{}", process::stat(pid).expect("we live")[19])
}

/// Whatever umask it is started with, all that the daemon makes is the user's alone: the socket, the
/// lock, a shell's channel, the history, and their directories.
#[test]
fn what_the_daemon_makes_is_for_its_user_only() {
    for umask in ["0000", "0022", "0777"] {
        let sandbox = Sandbox::new().without_runtime();
        let script = format!(
            "umask {umask}; exec \"$0\" print prompt all --target=bash --deadline=20000 --channel={}",
            channel()
        );
        let mut command = sandbox.command("sh");
        let output = command.args(["-c", &script]).arg(program()).stdin(Stdio::null()).output();
        assert!(output.expect("it runs").status.success(), "umask {umask}");
        until("a daemon", || sandbox.daemon());
        // Asked once more: the first answer may have been the client's own.
        let mut command = sandbox.command("sh");
        let output = command.args(["-c", &script]).arg(program()).stdin(Stdio::null()).output();
        assert!(output.expect("it runs").status.success(), "umask {umask}");
        let ask = sandbox.runtime().join(format!("shell-{}.ask", channel()));
        until_true("a channel", || ask.exists());
        let check = |dir: &Path| {
            let mut found = Vec::new();
            all_below(dir, &mut found);
            for path in &found {
                let metadata = fs::symlink_metadata(path).expect("there");
                let kind = metadata.file_type();
                let wanted = if kind.is_dir() { 0o700 } else { 0o600 };
                let mode = metadata.permissions().mode() & 0o7777;
                assert_eq!(mode, wanted, "umask {umask}: {} is {mode:o}", path.display());
                let known = kind.is_dir() || kind.is_file() || kind.is_fifo() || kind.is_socket();
                assert!(known, "{}", path.display());
            }
            found.len()
        };
        assert!(check(&sandbox.runtime()) > 4, "umask {umask}");
        sandbox.until_history_is_read();
        sandbox.stop_daemon();
        let state = sandbox.home().join(".local");
        until_true("a history", || check(&state) > 3);
        check(&sandbox.runtime());
    }
}

/// The memory of the daemon and of its workers holds what clients sent: it is not written to a disk
/// when one of them crashes.
#[test]
fn no_process_of_the_daemon_leaves_a_core_file() {
    let sandbox = Sandbox::running("[line.terminal]\nleft = ['directory', 'disk']\n");
    sandbox.print(&["terminal", "left"]);
    let daemon = sandbox.daemon().expect("it runs");
    let workers = until("a worker", || {
        let workers = process::children(daemon);
        (!workers.is_empty()).then_some(workers)
    });
    for pid in workers.into_iter().chain([daemon]) {
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("readable");
        let core = limits.lines().find(|line| line.starts_with("Max core file size"));
        let words: Vec<&str> = core.expect("a limit").split_whitespace().collect();
        assert_eq!(words[4..6], ["0", "0"], "{pid}: {}", process::command_line(pid));
    }
}

const SECRET: &str = "s3cr3t-of-mine";

/// A daemon that writes down what it is asked: of all variables only those on the list travel.
#[test]
fn only_listed_variables_travel() {
    let mut sandbox = Sandbox::new();
    let mine = ["AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "PASSWORD", "SSH_AUTH_SOCK", "LS_COLORS"];
    for name in mine {
        sandbox = sandbox.with(name, SECRET);
    }
    for n in 0..200 {
        sandbox = sandbox.with(&format!("MY_{n}"), SECRET);
    }
    let sandbox = sandbox.with("KUBECONFIG", "a-path");
    let listener = UnixListener::bind(sandbox.socket()).expect("a socket");
    for verb in ["print", "stream"] {
        let mut command = sandbox.rainline();
        command.args([verb, "tmux", "right", "--deadline", "20000"]);
        let client = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let mut client = client.expect("it runs");
        let (mut stream, _) = listener.accept().expect("a client");
        let mut bytes = Vec::new();
        let request = loop {
            let mut some = [0; 4096];
            let count = stream.read(&mut some).expect("readable");
            assert!(count > 0, "it left");
            bytes.extend(&some[..count]);
            if let Some((request, _)) = Request::decode(&bytes).expect("a request") {
                break request;
            }
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains(SECRET) && !text.contains("MY_1"), "{verb}: {text:?}");
        let (Body::Print(line) | Body::Stream(line)) = &request.body else { panic!("{request:?}") };
        assert!(line.env.iter().all(|(name, _)| ENV.contains(&&**name)), "{:?}", line.env);
        assert!(line.env.iter().any(|(name, _)| name == "KUBECONFIG"), "{:?}", line.env);
        let mut reply = Vec::new();
        ReplyHeader::encode(ReplyKind::Line, request.nonce, b"line", &mut reply);
        stream.write_all(&reply).expect("written");
        drop(stream);
        let _ = client.kill();
        client.wait().expect("its end");
    }
}

/// The list names no variable that holds a secret by its usual meaning.
#[test]
fn no_listed_variable_is_a_secret() {
    for name in ENV {
        let words = ["SECRET", "TOKEN", "PASS", "KEY", "CREDENTIAL", "COOKIE", "AUTH"];
        let found = words.iter().find(|word| name.contains(**word));
        assert_eq!(found, None, "{name}");
    }
}

/// What variables hold is shown in lines that say so, and nowhere else: not by `doctor`, not by the
/// status, not in a file.
#[test]
fn values_of_variables_are_in_no_report_and_no_file() {
    let names: Vec<&str> = ALL.iter().map(|kind| kind.name).collect();
    let config = format!(
        "[line.terminal]\nleft = {names:?}\n[segment.env]\nname = 'AWS_PROFILE'\nformat = '$value'\n"
    );
    let sandbox = Sandbox::running(&config);
    let mut printing = sandbox.printing(&["terminal", "left", "--columns", "4000"]);
    // What these name is looked for or decides how a line looks.
    let kept = ["HOME", "LANG", "LC_ALL", "TERM", "TZ", "PWD", "SHLVL"];
    for name in ENV.iter().filter(|name| !kept.contains(name)) {
        printing.env(name, format!("{SECRET}-{name}"));
    }
    let output = printing.output().expect("it runs");
    let line = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(line.contains(&format!("{SECRET}-AWS_PROFILE")), "{line}");
    let reports = [sandbox.doctor(), sandbox.status().expect("it runs")];
    for report in &reports {
        assert!(report.len() > 100 && !report.contains(SECRET), "{report}");
    }
    sandbox.stop_daemon();
    let mut files = Vec::new();
    all_below(&sandbox.path(""), &mut files);
    for file in files.iter().filter(|file| file.is_file()) {
        let bytes = fs::read(file).unwrap_or_default();
        let found = bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
        assert!(!found, "{}", file.display());
    }
}
