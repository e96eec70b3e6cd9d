//! The runtime directory: where the socket and the small files beside it live.
//!
//! Its path follows from the user's number and not from the environment, which differs between a
//! terminal, a tmux server and cron; `RAINLINE_RUNTIME_DIR` is the one override. The rule is written
//! here alone: a shell is told by `print` where its channel is.
//!
//! The directory is ours alone or it is not used at all: a process that may write to it could answer
//! for the daemon. What is checked is what is used: a directory or file is opened first, without
//! waiting and without following a link, and the open descriptor is looked at. Everything is reached
//! through the one of the directory, so a swapped path changes nothing. std and rustix only.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::SocketAddrUnix;

use crate::protocol::{Hash, PROTOCOL};
use crate::sys;

/// Held for life by the one daemon. Never removed.
pub const LOCK: &str = "lock";
/// Held while a client starts a daemon.
pub const SPAWN_LOCK: &str = "spawn.lock";
/// A FIFO that the daemon with the lock listens to, for one that finds the lock taken and no answer.
pub const KNOCK: &str = "knock";
/// When daemons were started lately.
pub const SPAWN_STATE: &str = "spawn.state";
/// Counters and a short past, for reading without a daemon.
pub const HISTORY: &str = "history";
/// How the names of a channel's files start; the shell follows, and what each is for.
pub const SHELL: &str = "shell-";
/// The most that is read of a file. A longer one is not one that we wrote.
const MAX_FILE: u64 = 4 << 20;
/// The mode of a file.
const OURS: Mode = Mode::RUSR.union(Mode::WUSR);

/// The socket's name. It holds the protocol, so that old and new never meet.
pub const SOCKET: &str = "rainline-1.sock";
const _: () = assert!(PROTOCOL == 1, "the socket's name is that of another protocol");

/// The runtime directory, checked.
pub struct Runtime {
    dir: OwnedFd,
    /// Where it is.
    pub path: PathBuf,
}

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Why a directory is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// `RAINLINE_RUNTIME_DIR` is not an absolute path.
    Relative,
    /// A symbolic link stands there.
    Symlink,
    /// Something else than a directory stands there.
    NotDirectory,
    /// It belongs to this user.
    WrongOwner(u32),
    /// Others have access by this mode.
    WrongMode(u32),
    /// The system does not let us use it.
    Other(Errno),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Relative => f.write_str("is not an absolute path"),
            Refused::Symlink => f.write_str("is a symbolic link"),
            Refused::NotDirectory => f.write_str("is not a directory"),
            Refused::WrongOwner(uid) => write!(f, "is owned by user {uid}"),
            Refused::WrongMode(mode) => {
                write!(f, "has mode {mode:04o}, and others must have no access")
            }
            Refused::Other(Errno::NOENT) => {
                f.write_str("cannot be made: the directory above it is not there")
            }
            Refused::Other(Errno::ACCESS) => {
                f.write_str("cannot be opened or made: permission denied")
            }
            Refused::Other(errno) => write!(f, "cannot be used: {}", plain(errno)),
        }
    }
}

/// Where the runtime directory is, whether or not it exists.
pub fn path() -> PathBuf {
    place().1
}

/// Its path, and the directory above it where that was looked at to choose.
fn place() -> (Option<OwnedFd>, PathBuf) {
    if let Some(dir) = overridden() {
        // Without a slash at its end, which would follow a link.
        return (None, dir.components().collect());
    }
    let uid = sys::uid();
    let user = PathBuf::from(format!("/run/user/{uid}"));
    match rustix::fs::open(&user, DIRECTORY, Mode::empty()) {
        Ok(above) if private(&above).is_ok() => (Some(above), user.join("rainline")),
        _ => (None, format!("/tmp/rainline-{uid}").into()),
    }
}

/// `RAINLINE_RUNTIME_DIR`, if it is set.
fn overridden() -> Option<PathBuf> {
    std::env::var_os("RAINLINE_RUNTIME_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from)
}

/// Opens the runtime directory and makes it first where it is missing.
pub fn open() -> Result<Runtime, (PathBuf, Refused)> {
    let (above, path) = place();
    let dir = match (&above, path.file_name()) {
        (Some(above), Some(name)) => open_in(above, name.as_ref()),
        _ => open_at(&path),
    };
    match dir {
        Ok(dir) => Ok(Runtime { dir, path }),
        Err(why) => Err((path, why)),
    }
}

fn open_at(path: &Path) -> Result<OwnedFd, Refused> {
    if path.is_absolute() { open_in(CWD, path) } else { Err(Refused::Relative) }
}

/// Opens a directory by its path from another one, and makes it first where it is missing.
fn open_in(above: impl AsFd, path: &Path) -> Result<OwnedFd, Refused> {
    let above = above.as_fd();
    let open = || rustix::fs::openat(above, path, DIRECTORY, Mode::empty());
    let opened = match open() {
        Err(Errno::NOENT) => {
            match rustix::fs::mkdirat(above, path, Mode::RWXU) {
                Ok(()) => let_us_in(above, path, Mode::RWXU).map_err(Refused::Other)?,
                // Another client made it first.
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(Refused::Other(errno)),
            }
            open()
        }
        opened => opened,
    };
    let dir = opened.map_err(|errno| match errno {
        // The error does not say which of the two it is.
        Errno::LOOP | Errno::NOTDIR => {
            match rustix::fs::statat(above, path, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if FileType::from_raw_mode(stat.st_mode).is_symlink() => Refused::Symlink,
                _ => Refused::NotDirectory,
            }
        }
        errno => Refused::Other(errno),
    })?;
    private(&dir)?;
    Ok(dir)
}

/// `Ok` if an open directory is ours and other users may not look into it.
fn private(dir: impl AsFd) -> Result<(), Refused> {
    let stat = rustix::fs::fstat(dir).map_err(Refused::Other)?;
    if stat.st_uid != sys::uid() {
        return Err(Refused::WrongOwner(stat.st_uid));
    }
    if stat.st_mode & 0o077 != 0 {
        return Err(Refused::WrongMode(stat.st_mode & 0o7777));
    }
    Ok(())
}

/// Gives a file or directory that we made the bits of this mode that a umask took from its owner. It
/// cannot be opened without them, so it is held by a descriptor that stands for its name only.
fn let_us_in(dir: impl AsFd, name: impl AsRef<Path>, mode: Mode) -> Result<(), Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = rustix::fs::openat(dir, name.as_ref(), flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&held)?;
    if stat.st_uid != sys::uid() {
        return Err(Errno::PERM);
    }
    if Mode::from_raw_mode(stat.st_mode).contains(mode) {
        return Ok(());
    }
    rustix::fs::chmod(through(held.as_fd(), ""), mode)
}

/// The path of an open file or directory, or of what is in it, which no renaming changes.
fn through(fd: BorrowedFd, name: &str) -> String {
    let slash = if name.is_empty() { "" } else { "/" };
    format!("{OPEN}/{}{slash}{name}", fd.as_raw_fd())
}

/// Where Linux shows what a process has open.
const OPEN: &str = "/proc/self/fd";

impl Runtime {
    /// The runtime directory at a path; it is made if there is none.
    pub fn at(path: PathBuf) -> Result<Runtime, Refused> {
        open_at(&path).map(|dir| Runtime { dir, path })
    }

    /// The names of everything in it.
    pub fn names(&self) -> Vec<OsString> {
        let Ok(entries) = rustix::fs::Dir::read_from(&self.dir) else { return Vec::new() };
        let names = entries
            .flatten()
            .map(|entry| OsStr::from_bytes(entry.file_name().to_bytes()).to_owned());
        names.filter(|name| name != "." && name != "..").collect()
    }

    /// Does something with the address of a socket of this name. It goes through the directory that
    /// was checked, however long its path is and whatever stands there now.
    pub fn at_address<T>(
        &self,
        name: &str,
        act: impl Fn(&SocketAddrUnix) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        match act(&SocketAddrUnix::new(through(self.dir.as_fd(), name))?) {
            // Without /proc the path must do. Who listens there is checked again anyway.
            Err(Errno::NOENT) if rustix::fs::stat(OPEN).is_err() => {
                act(&SocketAddrUnix::new(self.path.join(name))?)
            }
            done => done,
        }
    }

    /// Takes the lock of this name; `None` if another process has it. Dropping the descriptor
    /// releases it.
    pub fn lock(&self, name: &str) -> Result<Option<OwnedFd>, Errno> {
        let file = self.regular(name, OFlags::RDWR | OFlags::CREATE)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Opens a FIFO for both directions, so that opening does not wait for the other end, and makes it
    /// first where it is missing. Anything else under that name is an error.
    pub fn fifo(&self, name: &str) -> Result<OwnedFd, Errno> {
        match rustix::fs::mknodat(&self.dir, name, FileType::Fifo, OURS, 0) {
            Ok(()) => let_us_in(&self.dir, name, OURS)?,
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
        self.ours(name, OFlags::RDWR, FileType::Fifo)
    }

    /// Opens a file to write what others of this user read, and makes it first where it is missing.
    /// Anything else under that name is an error.
    pub fn file(&self, name: &str) -> Result<OwnedFd, Errno> {
        self.regular(name, OFlags::WRONLY | OFlags::CREATE)
    }

    fn regular(&self, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let file = self.ours(name, flags, FileType::RegularFile)?;
        if flags.contains(OFlags::CREATE) {
            // The umask was another process's choice.
            rustix::fs::fchmod(&file, OURS)?;
        }
        Ok(file)
    }

    /// Opens what has this name, without waiting, and looks at what was opened: it must be of this
    /// type, ours, and have no other name elsewhere.
    fn ours(&self, name: &str, flags: OFlags, wanted: FileType) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let open = || rustix::fs::openat(&self.dir, name, flags, OURS);
        let file = match open() {
            // A umask of 0777 was in force when we made it, or the directory lets us make none.
            Err(Errno::ACCESS) => {
                let_us_in(&self.dir, name, OURS).map_err(|_| Errno::ACCESS)?;
                open()?
            }
            opened => opened?,
        };
        let stat = rustix::fs::fstat(&file)?;
        let is_ours = FileType::from_raw_mode(stat.st_mode) == wanted
            && stat.st_uid == sys::uid()
            && stat.st_nlink <= 1;
        if is_ours { Ok(file) } else { Err(Errno::EXIST) }
    }

    /// What a file holds; `None` if there is none that can be read as a whole.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        let file = File::from(self.regular(name, OFlags::RDONLY).ok()?);
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 <= MAX_FILE).then_some(bytes)
    }

    /// Replaces a file in one step: a reader sees the old bytes or the new ones.
    pub fn write(&self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        let draft = format!("{name}.{}", std::process::id());
        let make = || self.regular(&draft, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL);
        let file = match make() {
            // Left by a process of the same number that was killed.
            Err(Errno::EXIST) => {
                self.remove(&draft);
                make()?
            }
            made => made?,
        };
        let written = File::from(file).write_all(bytes);
        let placed = written.and_then(|()| Ok(self.rename(&draft, name)?));
        if placed.is_err() {
            self.remove(&draft);
        }
        placed
    }

    /// Gives a file another name in one step, in the place of what has it.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), Errno> {
        rustix::fs::renameat(&self.dir, from, &self.dir, to)
    }

    /// Removes a file, if it is there.
    pub fn remove(&self, name: impl AsRef<OsStr>) {
        let _ = rustix::fs::unlinkat(&self.dir, name.as_ref(), AtFlags::empty());
    }

    /// Sets who may use a file.
    pub fn chmod(&self, name: &str, mode: Mode) -> Result<(), Errno> {
        rustix::fs::chmodat(&self.dir, name, mode, AtFlags::empty())
    }

    /// Whether this name still leads to an open file.
    pub fn leads_to(&self, name: &str, file: impl AsFd) -> bool {
        let open = rustix::fs::fstat(file).ok().map(|stat| (stat.st_dev, stat.st_ino));
        open.is_some() && open == self.identity(name).map(|(device, inode, _)| (device, inode))
    }

    /// Which file stands under a name (device and inode), and whether it is a socket.
    pub fn identity(&self, name: &str) -> Option<(u64, u64, bool)> {
        let stat = rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some((stat.st_dev, stat.st_ino, FileType::from_raw_mode(stat.st_mode).is_socket()))
    }

    /// Makes a file look used, so that cleaners of temporary files leave it alone.
    pub fn touch(&self, name: &str) {
        let now = rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
        let times = rustix::fs::Timestamps { last_access: now, last_modification: now };
        let _ = rustix::fs::utimensat(&self.dir, name, &times, AtFlags::SYMLINK_NOFOLLOW);
    }

    /// Removes the drafts of processes that were killed before they could rename them.
    pub fn remove_drafts(&self) {
        for name in self.names() {
            let number = name.to_str().and_then(|name| name.rsplit_once('.')?.1.parse().ok());
            // A negative number would be a process group.
            let writer = number.filter(|pid| *pid > 0).and_then(rustix::process::Pid::from_raw);
            let is_dead = |pid| rustix::process::test_kill_process(pid) == Err(Errno::SRCH);
            if writer.is_some_and(is_dead) {
                self.remove(name);
            }
        }
    }

    /// Tells the daemon with the lock that it is not reached. Whether one listens.
    pub fn knock(&self) -> bool {
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(fifo) = rustix::fs::openat(&self.dir, KNOCK, flags, Mode::empty()) else {
            return false;
        };
        let kind = rustix::fs::fstat(&fifo).map(|stat| FileType::from_raw_mode(stat.st_mode));
        kind == Ok(FileType::Fifo) && rustix::io::write(&fifo, b"!").is_ok()
    }

    /// Whether no client would use it any more: its path leads to something else or nowhere, or others
    /// have access now.
    pub fn is_lost(&self) -> bool {
        let file = |fd: &OwnedFd| rustix::fs::fstat(fd).ok().map(|stat| (stat.st_dev, stat.st_ino));
        match rustix::fs::open(&self.path, DIRECTORY, Mode::empty()) {
            Ok(there) => private(&there).is_err() || file(&there) != file(&self.dir),
            // Nothing was learned.
            Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::INTR) => false,
            Err(_) => true,
        }
    }
}

/// Where the history is kept over reboots; `None` without a home.
pub fn history_file() -> Option<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    // A daemon with a runtime directory of its own has a history of its own.
    let name = match overridden() {
        Some(dir) => format!("history-{:016x}", hash(dir.as_os_str())),
        None => "history".to_owned(),
    };
    Some(state.join("rainline").join(name))
}

/// What an error of the system says, without its number.
pub fn plain(error: impl fmt::Display) -> String {
    let text = error.to_string();
    text.split(" (os error ").next().unwrap_or_default().to_owned()
}

/// A number for these bytes, the same in every build.
pub fn hash(bytes: impl AsRef<OsStr>) -> u64 {
    Hash::new().with(bytes.as_ref().as_bytes()).value()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_missing_directory_is_made_for_us_alone() {
        let root = tempfile::tempdir().expect("a directory");
        let path = root.path().join("r");
        open_at(&path).expect("made");
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o700);
    }

    #[test]
    fn what_others_could_write_is_refused() {
        let root = tempfile::tempdir().expect("a directory");
        let file = root.path().join("file");
        std::fs::write(&file, "").expect("written");
        assert_eq!(open_at(&file).unwrap_err(), Refused::NotDirectory);
        let link = root.path().join("link");
        symlink(root.path(), &link).expect("linked");
        assert_eq!(open_at(&link).unwrap_err(), Refused::Symlink);
        let wide = root.path().join("wide");
        std::fs::create_dir(&wide).expect("made");
        std::fs::set_permissions(&wide, PermissionsExt::from_mode(0o755)).expect("changed");
        assert_eq!(open_at(&wide).unwrap_err(), Refused::WrongMode(0o755));
        assert_eq!(open_at(Path::new("r")).unwrap_err(), Refused::Relative);
    }

    /// A runtime directory, and what keeps it.
    fn runtime() -> (tempfile::TempDir, Runtime) {
        let root = tempfile::tempdir().expect("a directory");
        let runtime = Runtime::at(root.path().join("r")).expect("made");
        (root, runtime)
    }

    /// A umask is the whole process's, and other tests make files meanwhile: so in a child.
    #[test]
    fn nothing_of_ours_is_closed_to_us_whatever_the_umask() {
        const ASKED: &str = "RAINLINE_TEST_UMASK";
        let root = tempfile::tempdir().expect("a directory");
        if let Some(root) = std::env::var_os(ASKED) {
            rustix::process::umask(Mode::from_raw_mode(0o777));
            let runtime = Runtime::at(PathBuf::from(root).join("r")).expect("made");
            runtime.write(HISTORY, b"x").expect("written");
            drop(runtime.lock(LOCK).expect("a lock"));
            drop(runtime.file("line").expect("a file"));
            drop(runtime.fifo("ask").expect("a FIFO"));
            return;
        }
        let test = "runtime::tests::nothing_of_ours_is_closed_to_us_whatever_the_umask";
        let child = std::process::Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", test])
            .env(ASKED, root.path())
            .output()
            .expect("it runs");
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
        let mode = |path: &Path| path.symlink_metadata().expect("there").permissions().mode();
        assert_eq!(mode(&root.path().join("r")) & 0o7777, 0o700);
        let made: Vec<_> =
            std::fs::read_dir(root.path().join("r")).expect("listed").flatten().collect();
        assert_eq!(made.len(), 4);
        for file in made {
            assert_eq!(mode(&file.path()) & 0o7777, 0o600, "{:?}", file.file_name());
        }
    }

    /// Of an earlier version, made under a umask of 0777. Root may open it anyway.
    #[test]
    fn a_lock_of_ours_without_a_mode_is_mended() {
        let (_root, runtime) = runtime();
        drop(runtime.lock(SPAWN_LOCK).expect("a lock"));
        runtime.chmod(SPAWN_LOCK, Mode::empty()).expect("changed");
        assert!(runtime.lock(SPAWN_LOCK).expect("a lock").is_some());
        let mode = std::fs::metadata(runtime.path.join(SPAWN_LOCK)).expect("there");
        assert_eq!(mode.permissions().mode() & 0o7777, 0o600);
    }

    #[test]
    fn what_is_not_a_file_of_ours_is_neither_waited_for_nor_used() {
        type Put = fn(&Path, &Path);
        let (root, mut runtime) = runtime();
        let things: [(&str, Put); 5] = [
            ("a FIFO", |path, _| {
                rustix::fs::mknodat(CWD, path, FileType::Fifo, OURS, 0).expect("made");
            }),
            ("a directory", |path, _| std::fs::create_dir(path).expect("made")),
            ("a link", |path, other| symlink(other, path).expect("linked")),
            ("another file's name", |path, other| std::fs::hard_link(other, path).expect("linked")),
            ("a socket", |path, _| {
                drop(std::os::unix::net::UnixListener::bind(path).expect("bound"));
            }),
        ];
        for (thing, put) in things {
            let other = root.path().join("other");
            std::fs::write(&other, "precious").expect("written");
            let path = runtime.path.join("x");
            put(&path, &other);
            assert!(runtime.lock("x").is_err(), "{thing}");
            assert!(runtime.file("x").is_err(), "{thing}");
            assert_eq!(runtime.read("x"), None, "{thing}");
            let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir(&path));
            // As a draft it is only in the way.
            put(&runtime.path.join(format!("x.{}", std::process::id())), &other);
            let written = runtime.write("x", b"new");
            assert_eq!(written.is_ok(), thing != "a directory", "{thing}");
            assert_eq!(std::fs::read(&other).expect("there"), b"precious", "{thing}");
            std::fs::remove_dir_all(&runtime.path).expect("removed");
            runtime = Runtime::at(runtime.path).expect("made");
        }
        std::fs::write(runtime.path.join("ask"), "").expect("written");
        assert_eq!(runtime.fifo("ask").unwrap_err(), Errno::EXIST);
    }

    #[test]
    fn a_file_that_is_too_long_is_not_read_in_part() {
        let (_root, runtime) = runtime();
        let file = File::from(runtime.file(HISTORY).expect("made"));
        file.set_len(MAX_FILE).expect("set");
        assert_eq!(runtime.read(HISTORY).map(|bytes| bytes.len() as u64), Some(MAX_FILE));
        file.set_len(MAX_FILE + 1).expect("set");
        assert_eq!(runtime.read(HISTORY), None);
    }

    #[test]
    fn a_directory_that_was_moved_is_still_the_one_that_is_used() {
        let (root, runtime) = runtime();
        let moved = root.path().join("moved");
        std::fs::rename(&runtime.path, &moved).expect("moved");
        std::fs::create_dir(&runtime.path).expect("another");
        let bind = |address: &SocketAddrUnix| {
            let kind = rustix::net::SocketType::STREAM;
            let socket = rustix::net::socket(rustix::net::AddressFamily::UNIX, kind, None)?;
            rustix::net::bind(&socket, address)
        };
        runtime.at_address(SOCKET, bind).expect("bound");
        assert!(moved.join(SOCKET).exists() && !runtime.path.join(SOCKET).exists());
    }

    #[test]
    fn a_lock_is_held_by_one() {
        let (_root, runtime) = runtime();
        let held = runtime.lock(LOCK).expect("a lock").expect("free");
        assert!(runtime.lock(LOCK).expect("a lock").is_none());
        drop(held);
        assert!(runtime.lock(LOCK).expect("a lock").is_some());
    }

    #[test]
    fn a_written_file_reads_back_and_leaves_no_draft() {
        let (_root, runtime) = runtime();
        runtime.write(HISTORY, b"one").expect("written");
        runtime.write(HISTORY, b"two").expect("written");
        assert_eq!(runtime.read(HISTORY).as_deref(), Some(&b"two"[..]));
        assert_eq!(std::fs::read_dir(&runtime.path).expect("a directory").count(), 1);
    }
}
