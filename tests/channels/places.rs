//! Whatever becomes of the runtime directory and of a channel's files under a living shell: its next
//! prompt comes, and nothing is waited for or made. All shells here wait as long for an answer as a
//! person would like them to, so that a prompt which comes only after a long wait is none.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rainline::hosts::{self, Wiring};
use rainline_render::theme::Theme;
use rustix::fs::{Mode, OFlags};
use rustix::process::Signal;

use super::{SHELLS, Shell, WITH_CHANNELS, channel_files, plain, sandbox};
use crate::support::sandbox::output_of;
use crate::support::{Sandbox, at_once, make_fifo, signal, wait_end};

/// A shell that asks through its channel.
fn asking(sandbox: &Sandbox, name: &'static str) -> Shell {
    let mut shell = Shell::with_short_deadline(sandbox, name);
    shell.settle();
    shell
}

/// The file of the one channel with this ending.
fn channel_file(sandbox: &Sandbox, what: &str) -> PathBuf {
    let name = channel_files(sandbox).into_iter().find(|name| name.ends_with(what));
    sandbox.runtime().join(name.expect("a channel"))
}

/// zsh keeps open what it has: a command that makes it open its channel again, at the same place.
fn open_again(sandbox: &Sandbox, name: &str) -> String {
    if name != "zsh" {
        return ":;".into();
    }
    let (place, daemon) = (sandbox.runtime(), sandbox.daemon().expect("a daemon"));
    let place = place.display();
    format!("__rainline_close; __rainline_at={place} __rainline_daemon={daemon} __rainline_wait=0;")
}

type Mischief = (&'static str, fn(&Path));

/// What may stand in the place of a file.
const IN_ITS_PLACE: [Mischief; 5] = [
    ("nothing", |_| ()),
    ("a file", |path| fs::write(path, "0\n\n\nnot yours\n").expect("written")),
    ("a FIFO", make_fifo),
    ("a link to a FIFO", |path| {
        let fifo = path.with_extension("elsewhere");
        make_fifo(&fifo);
        std::os::unix::fs::symlink(fifo, path).expect("linked");
    }),
    ("a directory", |path| fs::create_dir(path).expect("made")),
];

#[test]
fn anything_in_the_place_of_a_channels_file_delays_no_prompt() {
    let files = WITH_CHANNELS.map(|name| ["ask", "ack", "line"].map(|what| (name, what)));
    at_once(files.into_iter().flatten(), |(name, what)| {
        let sandbox = sandbox();
        let mut shell = asking(&sandbox, name);
        for (number, (thing, put)) in (3..).zip(IN_ITS_PLACE) {
            let path = channel_file(&sandbox, what);
            fs::remove_file(&path).expect("it was there");
            put(&path);
            let open = open_again(&sandbox, name);
            shell.run(&format!("{open}sh -c 'exit {number}'"), &format!("<{number}>=>"));
            assert!(!shell.terminal.contents().contains("not yours"), "{thing} for .{what}");
            // Only what cannot be removed by a name alone stays in the way.
            if thing == "a directory" {
                fs::remove_dir(&path).expect("it is still there");
            }
            // zsh asked a process at most, and that put right what was wrong.
            shell.run(&open_again(&sandbox, name), "<0>=>");
            shell.settle();
            let kind = |what| fs::symlink_metadata(channel_file(&sandbox, what)).expect("there");
            assert!(kind("ask").file_type().is_fifo() && kind("ack").file_type().is_fifo());
            assert!(kind("line").is_file(), "{name}: after {thing} for .{what}");
        }
    });
}

#[test]
fn anything_in_the_place_of_the_runtime_directory_delays_no_prompt() {
    let closed: Mischief = ("a closed directory", |path| {
        fs::create_dir(path).expect("made");
        fs::set_permissions(path, PermissionsExt::from_mode(0o000)).expect("changed");
    });
    let cases = WITH_CHANNELS
        .map(|name| IN_ITS_PLACE.into_iter().chain([closed]).map(move |mischief| (name, mischief)));
    at_once(cases.into_iter().flatten(), |(name, (thing, put))| {
        let sandbox = sandbox();
        let mut shell = asking(&sandbox, name);
        let place = sandbox.runtime();
        // Away as a whole: the daemon keeps what it has open.
        fs::rename(&place, sandbox.path("moved")).expect("moved");
        put(&place);
        for status in [3, 4] {
            shell.run(&format!("sh -c 'exit {status}'"), &format!("<{status}>=>"));
        }
        let kind = fs::symlink_metadata(&place).map(|place| place.file_type());
        if thing != "nothing" && !thing.ends_with("directory") {
            assert!(kind.is_ok_and(|kind| !kind.is_dir()), "{name}: {thing} was replaced");
        }
        // Where it can be, the place is good again.
        let _ = fs::remove_file(&place);
        let _ = fs::set_permissions(&place, PermissionsExt::from_mode(0o700));
        shell.settle();
    });
}

/// bash opened a FIFO that it was told to run, and waited.
#[test]
fn anything_in_the_place_of_the_program_delays_no_prompt() {
    let cases = SHELLS.map(|name| IN_ITS_PLACE.map(|mischief| (name, mischief)));
    at_once(cases.into_iter().flatten(), |(name, (thing, put))| {
        let sandbox = sandbox();
        let mut shell = Shell::with_short_deadline(&sandbox, name);
        let program = sandbox.path("bin/rainline");
        fs::remove_file(&program).expect("it was there");
        put(&program);
        if fs::symlink_metadata(&program).is_ok_and(|file| !file.is_file()) {
            fs::set_permissions(&program, PermissionsExt::from_mode(0o777)).expect("changed");
        }
        sandbox.stop_daemon();
        for (one, two) in [("sto", "ne"), ("ri", "ver")] {
            shell.terminal.send(format!("printf '%s%s\\n' {one} {two}\r"));
            let said = format!("{one}{two}");
            shell.terminal.wait("the next command", |screen| screen.contents().contains(&said));
        }
        let screen = shell.terminal.contents();
        assert!(!screen.contains("bin/rainline"), "{name}, {thing}: an error is shown:\n{screen}");
    });
}

/// The channel's way to the daemon, as the shell itself opens it.
fn question_pipe(sandbox: &Sandbox) -> OwnedFd {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(channel_file(sandbox, "ask"), flags, Mode::empty()).expect("open")
}

fn stop_daemon(sandbox: &Sandbox) -> u32 {
    let pid = sandbox.daemon().expect("a daemon");
    signal(pid, Signal::STOP);
    pid
}

#[test]
fn a_full_pipe_to_a_stopped_daemon_blocks_no_shell() {
    at_once(WITH_CHANNELS, |name| {
        let sandbox = sandbox();
        let mut shell = asking(&sandbox, name);
        let pipe = question_pipe(&sandbox);
        let daemon = stop_daemon(&sandbox);
        while rustix::io::write(&pipe, &[0; 4096]).is_ok() {}
        shell.run("sh -c 'exit 3'", "<3>=>");
        signal(daemon, Signal::CONT);
        shell.settle();
    });
}

/// The smallest pipe that there is takes a page. What is asked is counted in bytes, whatever the
/// locale says of characters.
#[test]
fn a_long_question_to_a_stopped_daemon_blocks_no_shell() {
    at_once(WITH_CHANNELS, |name| {
        let sandbox = sandbox();
        let mut shell = asking(&sandbox, name);
        shell.run("export KUBECONFIG=$(printf '/\u{20ac}%.0s' $(seq 1000))", "<0>=>");
        let pipe = question_pipe(&sandbox);
        let daemon = stop_daemon(&sandbox);
        rustix::pipe::fcntl_setpipe_size(&pipe, 4096).expect("a small pipe");
        shell.run("sh -c 'exit 3'", "<3>=>");
        signal(daemon, Signal::CONT);
        shell.run("unset KUBECONFIG", "<0>=>");
        shell.settle();
    });
}

/// Another question than the last one is not added to an unread one, however often it is time to
/// try again.
#[test]
fn a_stopped_daemon_is_left_alone() {
    let sandbox = sandbox();
    let mut shell = asking(&sandbox, "bash");
    let pipe = question_pipe(&sandbox);
    let daemon = stop_daemon(&sandbox);
    let place = sandbox.runtime();
    let again = format!(
        "__rainline_later=0 __rainline_at={} __rainline_daemon={daemon}; sh -c 'exit 3'",
        place.display()
    );
    shell.run(&again, "<3>=>");
    let asked = || rustix::io::ioctl_fionread(&pipe).expect("a pipe");
    let first = asked();
    assert!(first > 0, "nothing was asked");
    shell.run(&again, "<3>=>");
    assert_eq!(asked(), first);
    signal(daemon, Signal::CONT);
    shell.settle();
}

#[test]
fn a_shell_is_told_where_to_ask_and_fish_is_told_nothing() {
    let sandbox = sandbox();
    sandbox.start_daemon(&[]);
    let printed = |more: &[&str]| {
        output_of(sandbox.printing(&[&["prompt", "all"], more].concat()).output().expect("it runs"))
    };
    let rows = |channel: &str| printed(&["--channel", channel]);
    let daemon = sandbox.daemon().expect("it runs");
    let place = format!("{daemon} {}\n", sandbox.runtime().display());
    assert!(rows("none").starts_with(&place), "{}", rows("none"));
    let without = printed(&[]);
    assert_eq!(without.lines().count() + 1, rows("none").lines().count());
    assert_eq!(without.lines().count(), rows("winch-1-1").lines().count());
    // No daemon answers: the row is there and empty.
    sandbox.stop_daemon();
    fs::remove_dir_all(sandbox.runtime()).expect("removed");
    fs::write(sandbox.runtime(), "").expect("a file in its place");
    assert!(rows("none").starts_with('\n'), "{}", rows("none"));
}

/// A checkpoint is restored as another process, or at another time.
#[test]
fn a_shell_that_is_another_process_than_it_was_gets_another_channel() {
    at_once(WITH_CHANNELS, |name| {
        let sandbox = sandbox();
        let mut shell = asking(&sandbox, name);
        let files = channel_files(&sandbox);
        shell.run("__rainline_self=1-1; __rainline_at=", "<0>=>");
        shell.settle();
        let mut after = channel_files(&sandbox);
        after.retain(|file| !files.contains(file));
        assert_eq!(after, [""; 0], "{name}");
    });
}

/// Where the directory is one program decides.
#[test]
fn no_shell_has_a_rule_of_its_own() {
    for name in WITH_CHANNELS {
        let theme = Theme::built_in("mono").expect("built in");
        let host = hosts::find(name).expect("a host");
        let lines = (host.init)(&Wiring::new("/bin/rainline", &theme));
        for word in ["/run/user", "/tmp/", "EUID"] {
            assert!(!lines.contains(word), "{name}: {word}");
        }
    }
}

/// A shell has its channel open, and would never see by itself that the directory is refused.
#[test]
fn a_place_that_clients_refuse_is_told_at_the_prompt() {
    let spoil: [fn(&Sandbox); 3] = [
        |sandbox| {
            let wide = PermissionsExt::from_mode(0o755);
            fs::set_permissions(sandbox.runtime(), wide).expect("changed");
        },
        |sandbox| {
            fs::rename(sandbox.runtime(), sandbox.path("moved")).expect("moved");
            std::os::unix::fs::symlink("moved", sandbox.runtime()).expect("linked");
        },
        |sandbox| {
            fs::rename(sandbox.runtime(), sandbox.path("moved")).expect("moved");
            fs::write(sandbox.runtime(), "").expect("written");
        },
    ];
    at_once(
        WITH_CHANNELS.map(|name| spoil.map(|spoil| (name, spoil))).into_iter().flatten(),
        |(name, spoil)| {
            let sandbox = sandbox();
            let mut shell = asking(&sandbox, name);
            let daemon = sandbox.daemon().expect("a daemon");
            spoil(&sandbox);
            shell.run("sh -c 'exit 3'", "<3>=>");
            wait_end(daemon);
            shell.run("sh -c 'exit 4'", "<4>=>");
            let contents = shell.terminal.contents();
            let prompt =
                contents.lines().map(plain).find(|line| line.contains("<4>=>")).unwrap_or_default();
            assert_eq!(prompt.matches('!').count(), 1, "{name}: {prompt}");
        },
    );
}
