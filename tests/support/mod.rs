//! What the tests share: a sandbox with a daemon and clients of its own, a terminal to look at, real
//! hosts, golden files. Everything a test starts is gone when its owner is dropped, and when the test
//! process is killed ([`guard`]).
//!
//! A wait is a poll for bytes or for an exit, or for what can only be asked for again ([`until`]),
//! with a deadline that only a real hang meets.
#![allow(dead_code)] // Not every test module uses every helper.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub mod golden;
pub mod guard;
pub mod hostile;
pub mod machine;
pub mod namespace;
pub mod process;
pub mod sandbox;
pub mod stream;
pub mod terminal;
pub mod tmux;
pub mod wire;

pub use golden::Goldens;
pub use process::{lives, signal, wait_end};
pub use sandbox::Sandbox;
pub use stream::Stream;
pub use terminal::{Look, Terminal};
pub use tmux::Tmux;

/// How long anything may take before a test says that it hangs.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Waits until `there` gives something, however slow the machine is.
#[track_caller]
pub fn until<T>(what: &str, mut there: impl FnMut() -> Option<T>) -> T {
    let give_up = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = there() {
            return found;
        }
        assert!(Instant::now() < give_up, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until this is true.
#[track_caller]
pub fn until_true(what: &str, mut there: impl FnMut() -> bool) {
    until(what, || there().then_some(()));
}

/// Does the same with each, at the same time: most of it is waiting.
pub fn at_once<T: Send>(items: impl IntoIterator<Item = T>, act: impl Fn(T) + Sync) {
    let act = &act;
    std::thread::scope(|scope| {
        for item in items {
            scope.spawn(move || act(item));
        }
    });
}

/// Makes a FIFO that its owner alone may use.
#[track_caller]
pub fn make_fifo(path: &Path) {
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).expect("a FIFO");
}

/// A config whose tmux line says just this.
pub fn saying(text: &str) -> String {
    format!("[line.tmux]\nright = [\"said\"]\n[segment.said]\nuse = \"text\"\ntext = \"{text}\"\n")
}

/// The path of an installed program. Fails with what to do where there is none.
pub fn tool(name: &str) -> PathBuf {
    found(name).unwrap_or_else(|| {
        panic!("{name} is not installed; `tests/run` installs what the tests need")
    })
}

/// The path of a program on `PATH`, or `None`.
pub fn found(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// The project's own folder; `RAINLINE_TEST_ROOT` where the tests run from a copy.
pub fn root() -> PathBuf {
    let copy = std::env::var_os("RAINLINE_TEST_ROOT").map(PathBuf::from);
    copy.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into())
}

/// The program under test; `RAINLINE_TEST_BIN` where it is another build or a copy.
pub fn program() -> PathBuf {
    let copy = std::env::var_os("RAINLINE_TEST_BIN").map(PathBuf::from);
    copy.unwrap_or_else(|| env!("CARGO_BIN_EXE_rainline").into())
}

/// The lines that wire a shell, changed so that the answer to a prompt may take this long: what a
/// prompt shows then does not depend on how busy the machine is.
pub fn with_deadline(lines: &str, milliseconds: u16) -> String {
    let ask = "print prompt all ";
    assert!(lines.contains(ask), "no call to change in:\n{lines}");
    // bash and zsh wait for their channel. fish has none.
    let lines = lines.replace(" -t 0.04 ", &format!(" -t {} ", DEADLINE.as_secs() / 2));
    let lines = lines.replace(ask, &format!("{ask}--deadline={milliseconds} "));
    // As bash writes it into its channel.
    lines.replace(r"\0all\0", &format!(r"\0all\0--deadline={milliseconds}\0"))
}

/// How many rounds a test does: the second number where `RAINLINE_LONG=1` asks for the long run.
pub fn rounds(short: usize, long: usize) -> usize {
    if std::env::var_os("RAINLINE_LONG").is_some_and(|value| value == "1") { long } else { short }
}
