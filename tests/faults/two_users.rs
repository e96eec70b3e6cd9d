//! Another local user gets nothing: not by being first at a place, not by changing what stands there
//! after it was looked at, not by connecting.
//!
//! The places are the real ones below `/run/user` and `/tmp`, of users whose numbers no other user has.
//! The test itself is root and does what the other user could do; the program and the shells run as
//! the first one. Without root, or where no number can be taken, a line says so.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{Mode, OFlags};

use crate::channels::{self, Shell, WITH_CHANNELS};
use crate::support::guard;
use crate::support::terminal::argv;
use crate::support::{Sandbox, at_once, make_fifo, program, tool, until, until_true};

/// A user, and another one.
struct Users {
    victim: u32,
    other: u32,
    /// Removes the two places as soon as this process lets go of its input, however it ends.
    keeper: Child,
    // Free again once the keeper is done.
    _number: Number,
}

/// The number of a pair of users, of which each test that runs at this moment has its own.
struct Number(u32);

/// The pairs that are in use.
static IN_USE: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

impl Number {
    /// How many pairs one process can have at a time.
    const MAX: u32 = 16;

    fn take() -> Number {
        let mut in_use = in_use();
        let free = (0..Number::MAX).find(|number| !in_use.contains(number));
        let number = free.expect("fewer tests at a time than pairs of users");
        in_use.insert(number);
        Number(number)
    }

    /// The first user of the pair. Processes have different ones, as far as there are any.
    fn user(&self) -> u32 {
        30_000 + (std::process::id() % 1000 * Number::MAX + self.0) * 2
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        in_use().remove(&self.0);
    }
}

fn in_use() -> MutexGuard<'static, BTreeSet<u32>> {
    // A test that failed leaves the set whole.
    IN_USE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Users {
    fn run_dir(&self) -> PathBuf {
        format!("/run/user/{}", self.victim).into()
    }

    fn temporary(&self) -> PathBuf {
        format!("/tmp/rainline-{}", self.victim).into()
    }

    /// Gives something to the other user.
    fn give(&self, path: &Path) {
        rustix::fs::chownat(
            rustix::fs::CWD,
            path,
            Some(rustix::fs::Uid::from_raw(self.other)),
            Some(rustix::fs::Gid::from_raw(self.other)),
            rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
        )
        .expect("given");
    }

    /// The directory for the victim's own files, as a login makes it.
    fn log_in(&self) {
        fs::create_dir_all("/run/user").expect("made");
        fs::DirBuilder::new().mode(0o700).create(self.run_dir()).expect("made");
        chown(self.run_dir(), Some(self.victim), Some(self.victim)).expect("given");
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// The words that run a command as this user.
fn words_of(uid: u32) -> Vec<OsString> {
    let uid = uid.to_string();
    argv([&tool("setpriv"), &"--reuid", &uid, &"--regid", &uid, &"--clear-groups"])
}

/// The victim's home, with nothing in its environment that names a runtime directory.
struct Home {
    // Its processes end before the places are removed.
    sandbox: Sandbox,
    users: Users,
}

impl Home {
    /// `None`, with a line that says why, where there can be no other users.
    fn new() -> Option<Home> {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: only root can be two other users");
            return None;
        }
        let number = Number::take();
        let victim = number.user();
        let can_run = Command::new(tool("setpriv"))
            .args(words_of(victim).into_iter().skip(1))
            .arg(program())
            .arg("--version")
            .output();
        if !can_run.as_ref().is_ok_and(|output| output.status.success()) {
            println!("skipped: user {victim} cannot run {}: {can_run:?}", program().display());
            return None;
        }
        let script = "read -r _; rm -rf \"$@\"";
        let mut keeper = Command::new("sh");
        keeper.args(["-c", script, "sh"]).arg(format!("/tmp/rainline-{victim}"));
        keeper.arg(format!("/run/user/{victim}")).current_dir("/").stdin(Stdio::piped());
        let keeper = keeper.spawn().expect("a shell");
        let users = Users { victim, other: victim + 1, keeper, _number: number };
        let sandbox = channels::sandbox().with_only(&["PATH", "HOME", "LANG", "TERM"]);
        for dir in [guard::directory(), &sandbox.path("")] {
            fs::set_permissions(dir, PermissionsExt::from_mode(0o711)).expect("open to others");
        }
        let home = Home { sandbox, users };
        home.hand_over();
        Some(home)
    }

    /// Gives the victim everything in the sandbox.
    fn hand_over(&self) {
        let victim = format!("{0}:{0}", self.users.victim);
        let status =
            Command::new("chown").args(["-R", &victim]).arg(self.sandbox.path("")).status();
        assert!(status.expect("it runs").success());
    }

    /// The program as the victim.
    fn run(&self, words: &[&str]) -> Output {
        self.command(self.users.victim, words).output().expect("it runs")
    }

    fn command(&self, uid: u32, words: &[&str]) -> Command {
        let as_user = words_of(uid);
        let mut command = self.sandbox.command(&as_user[0]);
        command.args(&as_user[1..]).arg(program()).args(words).stdin(Stdio::null());
        command
    }

    fn text(&self, words: &[&str]) -> String {
        String::from_utf8_lossy(&self.run(words).stdout).into_owned()
    }

    fn start_daemon(&self) {
        self.run(&["daemon", "start"]);
        until_true("a daemon", || self.run(&["daemon", "status"]).status.success());
    }

    /// A shell of the victim's, wired as `init` says.
    fn shell(&self, name: &'static str) -> Shell {
        Shell::run_by(&self.sandbox, name, &words_of(self.users.victim), || {
            // Of what it writes itself it must be the owner.
            fs::write(self.sandbox.path("calls"), "").expect("written");
            self.hand_over();
        })
    }

    /// There is a line, the doctor says why there is no daemon, and both shells have prompts.
    #[track_caller]
    fn is_alone(&self, thing: &str, place: &Path, why: &str) {
        let line = self.text(&["print", "tmux", "right", "--target", "plain"]);
        assert!(!line.trim().is_empty(), "{thing}");
        let report = self.text(&["doctor"]);
        let said = |line: &str| line.contains(&*place.to_string_lossy()) && line.contains(why);
        assert!(report.lines().any(said), "{thing}: no {why:?} in\n{report}");
        for name in WITH_CHANNELS {
            let mut shell = self.shell(name);
            shell.run("sh -c 'exit 3'", "<3>=>");
        }
    }
}

fn make_open_fifo(path: &Path, mode: u32) {
    make_fifo(path);
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("changed");
}

fn make_open_dir(path: &Path) {
    fs::create_dir(path).expect("made");
    fs::set_permissions(path, PermissionsExt::from_mode(0o777)).expect("changed");
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// The other user was first at the place below /tmp, and there is no login.
#[test]
fn a_place_that_another_user_took_first_is_not_used() {
    type Take = fn(&Home, &Path);
    let takes: [(&str, Take, &str); 6] = [
        ("a directory", |_, place| make_open_dir(place), "is owned by user"),
        ("a closed directory", |_, place| fs::create_dir(place).expect("made"), "is owned by user"),
        ("a file", |_, place| fs::write(place, "").expect("written"), "is not a directory"),
        ("a FIFO", |_, place| make_open_fifo(place, 0o666), "is not a directory"),
        ("a socket", |_, place| drop(UnixListener::bind(place)), "is not a directory"),
        (
            "a link to the victim's own directory",
            |home, place| {
                let own = home.sandbox.path("tmp/own");
                fs::DirBuilder::new().mode(0o700).create(&own).expect("made");
                home.hand_over();
                symlink(own, place).expect("linked");
            },
            "is a symbolic link",
        ),
    ];
    for (thing, take, why) in takes {
        let Some(home) = Home::new() else { return };
        let place = home.users.temporary();
        take(&home, &place);
        home.users.give(&place);
        home.is_alone(thing, &place, why);
        assert_eq!(names(&place), [""; 0], "{thing}: something was made there");
    }
}

/// A login's directory that is not private is none, and there is one other place, not two.
#[test]
fn of_two_bad_places_neither_is_used() {
    let spoil: [fn(&Users); 3] = [
        |users| users.give(&users.run_dir()),
        |users| {
            fs::set_permissions(users.run_dir(), PermissionsExt::from_mode(0o755))
                .expect("changed");
        },
        |users| {
            fs::remove_dir(users.run_dir()).expect("removed");
            symlink("/tmp", users.run_dir()).expect("linked");
        },
    ];
    for spoil in spoil {
        let Some(home) = Home::new() else { return };
        home.users.log_in();
        spoil(&home.users);
        let place = home.users.temporary();
        make_open_dir(&place);
        home.users.give(&place);
        home.is_alone("both places", &place, "is owned by user");
        assert_eq!(names(&place), [""; 0]);
        assert!(names(&home.users.run_dir()).iter().all(|name| name != "rainline"));
    }
}

/// What the other user would have made to be asked in the daemon's stead: FIFOs for a shell's channel
/// that all users may use, and a line of his own.
struct Trap {
    asks: Vec<OwnedFd>,
}

impl Trap {
    /// Sets it for the channel files of these names.
    fn set(users: &Users, place: &Path, files: &[String]) -> Trap {
        let mut asks = Vec::new();
        for file in files {
            let path = place.join(file);
            if file.ends_with(".line") {
                fs::write(&path, "0\n\n\nEVIL\n").expect("written");
                fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).expect("changed");
            } else {
                make_open_fifo(&path, 0o666);
                let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
                asks.push(rustix::fs::open(&path, flags, Mode::empty()).expect("open"));
            }
            users.give(&path);
        }
        Trap { asks }
    }

    #[track_caller]
    fn caught_nothing(&self, how: &str) {
        for ask in &self.asks {
            let mut bytes = [0; 4096];
            if let Ok(count @ 1..) = rustix::io::read(ask, &mut bytes) {
                panic!("{how}: told: {}", String::from_utf8_lossy(&bytes[..count]));
            }
        }
    }
}

/// The daemon runs where it should; what stands at the other place is not looked at.
#[test]
fn the_second_place_is_not_looked_at() {
    at_once(WITH_CHANNELS, |name| {
        let Some(home) = Home::new() else { return };
        home.users.log_in();
        home.start_daemon();
        let mut shell = home.shell(name);
        shell.settle();
        let files = names(&home.users.run_dir().join("rainline"));
        let files: Vec<_> = files.into_iter().filter(|file| file.starts_with("shell-")).collect();
        assert_eq!(files.len(), 3);
        let place = home.users.temporary();
        make_open_dir(&place);
        let trap = Trap::set(&home.users, &place, &files);
        home.users.give(&place);
        // A daemon that is gone is looked for again.
        home.run(&["daemon", "stop"]);
        for status in [3, 4] {
            shell.run(&format!("sh -c 'exit {status}'"), &format!("<{status}>=>"));
        }
        shell.settle();
        trap.caught_nothing(name);
    });
}

/// The place was good when the shell was told of it. Then it goes, and the other user is there first.
#[test]
fn a_place_changed_under_a_living_shell_is_not_used() {
    type Change = fn(&Home, &Path, &[String]) -> Trap;
    let changes: [(&str, Change); 3] = [
        ("a directory of the other user's", |home, place, files| {
            make_open_dir(place);
            let trap = Trap::set(&home.users, place, files);
            home.users.give(place);
            trap
        }),
        ("a link to one", |home, place, files| {
            let elsewhere = home.sandbox.path("elsewhere");
            make_open_dir(&elsewhere);
            let trap = Trap::set(&home.users, &elsewhere, files);
            home.users.give(&elsewhere);
            symlink(elsewhere, place).expect("linked");
            home.users.give(place);
            trap
        }),
        ("a link to one of the victim's that is open to all", |home, place, files| {
            let open = home.sandbox.path("open");
            make_open_dir(&open);
            let trap = Trap::set(&home.users, &open, files);
            chown(&open, Some(home.users.victim), Some(home.users.victim)).expect("given");
            symlink(open, place).expect("linked");
            home.users.give(place);
            trap
        }),
    ];
    let cases = WITH_CHANNELS.map(|name| changes.map(|change| (name, change)));
    at_once(cases.into_iter().flatten(), |(name, (how, change))| {
        let Some(home) = Home::new() else { return };
        home.start_daemon();
        let mut shell = home.shell(name);
        shell.settle();
        let place = home.users.temporary();
        let daemon = until("its number", || {
            let status = home.text(&["daemon", "status"]);
            status.split_whitespace().nth(1)?.parse::<u32>().ok()
        });
        let files: Vec<_> =
            names(&place).into_iter().filter(|file| file.starts_with("shell-")).collect();
        assert_eq!(files.len(), 3, "{files:?}");
        fs::rename(&place, home.sandbox.path("moved")).expect("moved");
        let trap = change(&home, &place, &files);
        // zsh keeps what it has open, so it is made to open its channel again.
        let open = match name {
            "zsh" => format!(
                "__rainline_close; __rainline_at={} __rainline_daemon={daemon} __rainline_wait=0;",
                place.display()
            ),
            _ => String::new(),
        };
        for status in [3, 4] {
            shell.run(&format!("{open}sh -c 'exit {status}'"), &format!("<{status}>=>"));
        }
        trap.caught_nothing(&format!("{name}: {how}"));
        assert!(!shell.terminal.contents().contains("EVIL"), "{name}: {how}");
    });
}

/// The other user's process listens under the daemon's name: it is told nothing.
#[test]
fn a_socket_of_another_user_is_asked_nothing() {
    let Some(home) = Home::new() else { return };
    let place = home.users.temporary();
    fs::DirBuilder::new().mode(0o700).create(&place).expect("made");
    chown(&place, Some(home.users.victim), Some(home.users.victim)).expect("given");
    let socket = place.join(rainline_client::runtime::SOCKET);
    // Root is another user, too.
    let listener = UnixListener::bind(&socket).expect("bound");
    fs::set_permissions(&socket, PermissionsExt::from_mode(0o666)).expect("changed");
    let line = home.text(&["print", "tmux", "right", "--target", "plain"]);
    assert!(!line.trim().is_empty());
    let status = home.run(&["daemon", "status"]);
    let why = String::from_utf8_lossy(&status.stderr).into_owned();
    assert!(why.contains("another user's process"), "{why}");
    listener.set_nonblocking(true).expect("set");
    let mut asked = 0;
    while let Ok((mut client, _)) = listener.accept() {
        asked += 1;
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).expect("read");
        assert_eq!(bytes, b"");
    }
    assert_eq!(asked, 2);
}

/// The other user gets as far as the daemon's socket: it is heard no further.
#[test]
fn a_client_of_another_user_is_turned_away() {
    let Some(home) = Home::new() else { return };
    home.start_daemon();
    let place = home.users.temporary();
    let socket = place.join(rainline_client::runtime::SOCKET);
    let mut client = UnixStream::connect(&socket).expect("root may");
    let _ = client.write_all(b"RLq");
    let mut bytes = Vec::new();
    // Closed with what it said unread.
    let end = client.read_to_end(&mut bytes);
    assert!(end.is_ok() || end.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset));
    assert_eq!(bytes, b"");
    let status = home.text(&["daemon", "status"]);
    assert!(status.contains("refused 1"), "{status}");
    // And by the program itself, in the same place.
    for path in [&place, &socket] {
        fs::set_permissions(path, PermissionsExt::from_mode(0o777)).expect("changed");
    }
    let mut command = home.command(home.users.other, &["daemon", "status"]);
    let output = command.env("RAINLINE_RUNTIME_DIR", &place).output().expect("it runs");
    assert!(!output.status.success());
    let owner = format!("is owned by user {}", home.users.victim);
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(why.contains(&owner), "{why}");
    assert_eq!(fs::metadata(&place).expect("there").uid(), home.users.victim);
}
