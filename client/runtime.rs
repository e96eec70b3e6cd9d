//! The runtime directory: where the socket and the small files beside it live.
//!
//! Its path follows from the user's number and not from the environment, which differs between a
//! terminal, a tmux server and cron; `RAINLINE_RUNTIME_DIR` is the one override. The directory is
//! ours alone or it is not used at all: who may write to it could answer for us. Everything in it
//! is reached through one descriptor, so a swapped path changes nothing. std and rustix only.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};
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
/// Names the process that answers the channels of shells, see `daemon::channel`.
pub const SHELLS: &str = "shells";
/// How the names of a channel's files start; the shell follows, and what each is for.
pub const SHELL: &str = "shell-";
/// The bytes of a path that fit into a socket's address.
const SUN_PATH: usize = 107;
/// The most that is read of a file.
const MAX_FILE: u64 = 4 << 20;

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

/// Whether it is a directory that only this user may look into.
fn is_private(path: &Path, uid: u32) -> bool {
    rustix::fs::stat(path).is_ok_and(|stat| {
        FileType::from_raw_mode(stat.st_mode).is_dir()
            && stat.st_uid == uid
            && stat.st_mode & 0o077 == 0
    })
}

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
            Refused::Other(errno) => write!(f, "cannot be used: {errno}"),
        }
    }
}

/// Where the runtime directory is, whether or not it exists.
pub fn path() -> PathBuf {
    if let Some(dir) = overridden() {
        return dir;
    }
    let uid = sys::uid();
    let user = PathBuf::from(format!("/run/user/{uid}"));
    if is_private(&user, uid) {
        return user.join("rainline");
    }
    format!("/tmp/rainline-{uid}").into()
}

/// `RAINLINE_RUNTIME_DIR`, if it is set.
pub fn overridden() -> Option<PathBuf> {
    std::env::var_os("RAINLINE_RUNTIME_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from)
}

/// Opens the runtime directory and makes it first where it is missing.
pub fn open() -> Result<Runtime, (PathBuf, Refused)> {
    let path = path();
    open_at(&path).map(|dir| Runtime { dir, path: path.clone() }).map_err(|why| (path, why))
}

fn open_at(path: &Path) -> Result<OwnedFd, Refused> {
    if !path.is_absolute() {
        return Err(Refused::Relative);
    }
    let (dir, made) = match rustix::fs::open(path, DIRECTORY, Mode::empty()) {
        Err(Errno::NOENT) => {
            let made = match rustix::fs::mkdir(path, Mode::RWXU) {
                Ok(()) => true,
                // Another client made it first.
                Err(Errno::EXIST) => false,
                Err(errno) => return Err(Refused::Other(errno)),
            };
            if made {
                // A umask of 0777 takes even the owner's bits away. Only our own directory is changed.
                let _ = rustix::fs::chmod(path, Mode::RWXU);
            }
            (rustix::fs::open(path, DIRECTORY, Mode::empty()), made)
        }
        opened => (opened, false),
    };
    let dir = dir.map_err(|errno| match errno {
        // The error does not say which of the two it is.
        Errno::LOOP | Errno::NOTDIR => match rustix::fs::lstat(path) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode).is_symlink() => Refused::Symlink,
            _ => Refused::NotDirectory,
        },
        errno => Refused::Other(errno),
    })?;
    let stat = rustix::fs::fstat(&dir).map_err(Refused::Other)?;
    if stat.st_uid != sys::uid() {
        return Err(Refused::WrongOwner(stat.st_uid));
    }
    if stat.st_mode & 0o077 != 0 && !made {
        return Err(Refused::WrongMode(stat.st_mode & 0o7777));
    }
    Ok(dir)
}

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

    /// The address of a socket of this name. A path too long for an address goes through /proc.
    pub fn address(&self, name: &str) -> Result<SocketAddrUnix, Errno> {
        let path = self.path.join(name);
        if path.as_os_str().len() <= SUN_PATH {
            return SocketAddrUnix::new(&path);
        }
        SocketAddrUnix::new(format!("/proc/self/fd/{}/{name}", self.dir.as_raw_fd()))
    }

    /// Takes the lock of this name; `None` if another process has it. Dropping the descriptor
    /// releases it.
    pub fn lock(&self, name: &str) -> Result<Option<OwnedFd>, Errno> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.dir, name, flags, Mode::RUSR | Mode::WUSR)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Opens a FIFO for both directions, so that opening does not wait for the other end, and makes it
    /// first where it is missing. Anything else under that name is an error.
    pub fn fifo(&self, name: &str) -> Result<OwnedFd, Errno> {
        let ours = Mode::RUSR | Mode::WUSR;
        match rustix::fs::mknodat(&self.dir, name, FileType::Fifo, ours, 0) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fifo = rustix::fs::openat(&self.dir, name, flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&fifo)?;
        let is_fifo = FileType::from_raw_mode(stat.st_mode).is_fifo();
        if is_fifo { Ok(fifo) } else { Err(Errno::EXIST) }
    }

    /// Opens a file to write what others of this user read, and makes it first where it is missing.
    pub fn file(&self, name: &str) -> Result<OwnedFd, Errno> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(&self.dir, name, flags, Mode::RUSR | Mode::WUSR)
    }

    /// What a file holds; `None` if there is none that can be read.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&self.dir, name, flags, Mode::empty()).ok()?);
        let mut bytes = Vec::new();
        file.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Replaces a file in one step: a reader sees the old bytes or the new ones.
    pub fn write(&self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        let draft = format!("{name}.{}", std::process::id());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = rustix::fs::openat(&self.dir, &*draft, flags | OFlags::CLOEXEC, mode)?;
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
            let writer = number.and_then(rustix::process::Pid::from_raw);
            let is_dead = |pid| rustix::process::test_kill_process(pid) == Err(Errno::SRCH);
            if writer.is_some_and(is_dead) {
                self.remove(name);
            }
        }
    }

    /// Tells the daemon with the lock that it is not reached. Where none listens nothing happens.
    pub fn knock(&self) {
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if let Ok(fifo) = rustix::fs::openat(&self.dir, KNOCK, flags, Mode::empty()) {
            let _ = rustix::io::write(&fifo, b"!");
        }
    }

    /// Whether its path leads to it no more: it was removed or renamed, or something else took its
    /// place.
    pub fn is_lost(&self) -> bool {
        let there = rustix::fs::lstat(&self.path);
        let ours = rustix::fs::fstat(self.dir.as_fd());
        !matches!((there, ours), (Ok(there), Ok(ours))
            if (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino))
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

    #[test]
    fn a_lock_is_held_by_one() {
        let root = tempfile::tempdir().expect("a directory");
        let path = root.path().join("r");
        let runtime = Runtime { dir: open_at(&path).expect("made"), path };
        let held = runtime.lock(LOCK).expect("a lock").expect("free");
        assert!(runtime.lock(LOCK).expect("a lock").is_none());
        drop(held);
        assert!(runtime.lock(LOCK).expect("a lock").is_some());
    }

    #[test]
    fn a_written_file_reads_back_and_leaves_no_draft() {
        let root = tempfile::tempdir().expect("a directory");
        let path = root.path().join("r");
        let runtime = Runtime { dir: open_at(&path).expect("made"), path: path.clone() };
        runtime.write(HISTORY, b"one").expect("written");
        runtime.write(HISTORY, b"two").expect("written");
        assert_eq!(runtime.read(HISTORY).as_deref(), Some(&b"two"[..]));
        assert_eq!(std::fs::read_dir(path).expect("a directory").count(), 1);
    }
}
