//! The runtime directory: where the socket and the small files beside it live.
//!
//! Its place follows from the user's number and not from the environment, which differs between a
//! terminal, a tmux server and cron; `RAINLINE_RUNTIME_DIR` is the one override. The directory is
//! ours alone or it is not used at all: whoever may write it could answer for us. Everything in it
//! is reached through one descriptor, so a swapped path changes nothing. std and rustix only.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::SocketAddrUnix;

use crate::protocol::{Fixed, Hash, PROTOCOL, Sink};
use crate::sys;

/// Held for life by the one daemon. Never removed.
pub const LOCK: &str = "lock";
/// Held while a client starts a daemon.
pub const SPAWN_LOCK: &str = "spawn.lock";
/// When daemons were started lately.
pub const SPAWN_STATE: &str = "spawn.state";
/// Counters and a short past, for reading without a daemon.
pub const MEMO: &str = "memo";
/// Names the process that answers the channels of shells, see `daemon::channel`.
pub const SHELLS: &str = "shells";
/// How the names of a channel's files start; the shell follows, and what each is for.
pub const SHELL: &str = "shell-";
/// How the names of frame files start; a key follows, in hexadecimal digits.
pub const FRAME: &str = "frame-";
/// Bytes before the line in a frame file.
pub const FRAME_HEADER: usize = 20;
/// The bytes of a path that fit into a socket's address.
const SUN_PATH: usize = 107;
/// No file of ours here is longer.
const MAX_FILE: u64 = 4 << 20;

/// The socket's name holds the protocol: old and new never meet.
const SOCKET: &str = "rainline-1.sock";
const _: () = assert!(PROTOCOL == 1, "the socket's name is that of another protocol");

/// The socket's name.
pub fn socket_name() -> String {
    SOCKET.to_owned()
}

/// The name of the frame file of a key.
pub fn frame_name(key: u64) -> String {
    frame_bytes(key).iter().map(|byte| char::from(*byte)).collect()
}

#[inline(always)]
fn frame_bytes(key: u64) -> [u8; FRAME.len() + 16] {
    let mut name = [0; FRAME.len() + 16];
    name[..FRAME.len()].copy_from_slice(FRAME.as_bytes());
    let (high, low) = name[FRAME.len()..].split_at_mut(8);
    high.copy_from_slice(&hexadecimal((key >> 32) as u32));
    low.copy_from_slice(&hexadecimal(key as u32));
    name
}

/// A number's eight digits, a byte each. A table of digits, or what a loop over them is made into,
/// would lie in a page of the program that no start needs otherwise.
#[inline(always)]
fn hexadecimal(number: u32) -> [u8; 8] {
    let mut digits = u64::from(number);
    digits = (digits | digits << 16) & 0x0000_ffff_0000_ffff;
    digits = (digits | digits << 8) & 0x00ff_00ff_00ff_00ff;
    digits = (digits | digits << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    let letters = (digits + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    let from_nine_to_a = u64::from(b'a' - b'9' - 1);
    (digits + 0x3030_3030_3030_3030 + letters * from_nine_to_a).to_be_bytes()
}

/// Puts the header of a frame file: whose it is, and until when (by the boot clock) it counts.
pub fn frame_header(build: u64, until: Duration, out: &mut Vec<u8>) {
    out.extend_from_slice(b"RLf");
    out.push(PROTOCOL);
    out.extend_from_slice(&build.to_le_bytes());
    out.extend_from_slice(&(until.as_nanos() as u64).to_le_bytes());
}

/// The line in a frame file, newline included, if it is whole, of this build, and still counts.
#[inline(always)]
pub fn frame_line(bytes: &[u8], build: u64) -> Option<&[u8]> {
    let (header, line) = bytes.split_at_checked(FRAME_HEADER)?;
    let number =
        |at: usize| header[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let ours = header.starts_with(b"RLf") && header[3] == PROTOCOL && number(4) == build;
    let counts = ours && line.ends_with(b"\n") && sys::boot_once().as_nanos() < number(12).into();
    counts.then_some(line)
}

/// The runtime directory, checked.
pub struct Runtime {
    dir: OwnedFd,
    pub path: PathBuf,
}

/// The runtime directory for one question: opened and checked, nothing made, nothing on a heap.
pub struct Door<'a> {
    dir: OwnedFd,
    path: &'a [u8],
    /// Our own user.
    pub uid: u32,
}

impl<'a> Door<'a> {
    /// The directory if it is there and ours; whoever gets `None` asks [`open`] for the reason.
    /// `overridden` is `RAINLINE_RUNTIME_DIR`.
    #[inline(always)]
    pub fn find(overridden: Option<&'a [u8]>, room: &'a mut Fixed<48>) -> Option<Door<'a>> {
        let uid = sys::uid();
        let path = match overridden {
            Some(path) => path,
            None => {
                usual(uid, room);
                room.whole()?
            }
        };
        if !path.starts_with(b"/") {
            return None;
        }
        let dir = rustix::fs::open(path, DIRECTORY, Mode::empty()).ok()?;
        let stat = rustix::fs::fstat(&dir).ok()?;
        (stat.st_uid == uid && stat.st_mode & 0o077 == 0).then_some(Door { dir, path, uid })
    }

    /// The frame file of a key, as much of it as there is room for.
    #[inline(always)]
    pub fn frame<'r>(&self, key: u64, room: &'r mut [MaybeUninit<u8>]) -> Option<&'r [u8]> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file =
            rustix::fs::openat(&self.dir, &frame_bytes(key)[..], flags, Mode::empty()).ok()?;
        let (bytes, rest) = rustix::io::read(&file, room).ok()?;
        // Whoever is not found out to be whole is not shown.
        (!rest.is_empty()).then_some(&*bytes)
    }

    /// The address of the daemon's socket; `None` where the path is too long for one.
    #[inline(always)]
    pub fn socket(&self) -> Option<SocketAddrUnix> {
        let mut place = Fixed::<SUN_PATH>::default();
        place.put(self.path);
        place.put(b"/");
        place.put(SOCKET.as_bytes());
        SocketAddrUnix::new(place.whole()?).ok()
    }
}

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Puts the usual place, the same as [`place`] says.
#[inline(always)]
fn usual(uid: u32, room: &mut Fixed<48>) {
    let mut digits = [0; 10];
    let mut at = digits.len();
    let mut rest = uid;
    while rest > 0 || at == digits.len() {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    room.put(b"/run/user/");
    room.put(&digits[at..]);
    if is_private(room.as_mut(), uid) {
        return room.put(b"/rainline");
    }
    *room = Fixed::default();
    room.put(b"/tmp/rainline-");
    room.put(&digits[at..]);
}

/// Whether it is a directory that nobody else may look into.
#[inline(always)]
fn is_private(path: &[u8], uid: u32) -> bool {
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
    Symlink,
    NotDirectory,
    WrongOwner(u32),
    WrongMode(u32),
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
pub fn place() -> PathBuf {
    if let Some(dir) = overridden() {
        return dir;
    }
    let mut room = Fixed::default();
    usual(sys::uid(), &mut room);
    PathBuf::from(OsStr::from_bytes(room.as_mut()))
}

/// `RAINLINE_RUNTIME_DIR`, if it is set.
pub fn overridden() -> Option<PathBuf> {
    std::env::var_os("RAINLINE_RUNTIME_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from)
}

/// Opens the runtime directory and makes it first where it is missing.
pub fn open() -> Result<Runtime, (PathBuf, Refused)> {
    let path = place();
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
                // Another client was quicker.
                Err(Errno::EXIST) => false,
                Err(errno) => return Err(Refused::Other(errno)),
            };
            if made {
                // A umask of 0777 takes even the owner's bits away. Only what we made is mended.
                let _ = rustix::fs::chmod(path, Mode::RWXU);
            }
            (rustix::fs::open(path, DIRECTORY, Mode::empty()), made)
        }
        opened => (opened, false),
    };
    let dir = dir.map_err(|errno| match errno {
        // Which of the two it is only the name itself tells.
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
    /// The runtime directory at a place; it is made if there is none.
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

    /// Takes the lock of this name, or says that another has it. It is let go with the descriptor.
    pub fn lock(&self, name: &str) -> Result<Option<OwnedFd>, Errno> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.dir, name, flags, Mode::RUSR | Mode::WUSR)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Opens a FIFO for both directions, which waits for nobody, and makes it first where it is
    /// missing. Whatever else stands there is an error.
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

    pub fn rename(&self, from: &str, to: &str) -> Result<(), Errno> {
        rustix::fs::renameat(&self.dir, from, &self.dir, to)
    }

    pub fn remove(&self, name: impl AsRef<OsStr>) {
        let _ = rustix::fs::unlinkat(&self.dir, name.as_ref(), AtFlags::empty());
    }

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

    /// Whether the directory was removed under us.
    pub fn is_gone(&self) -> bool {
        rustix::fs::fstat(self.dir.as_fd()).map_or(true, |stat| stat.st_nlink == 0)
    }
}

/// Where the past is kept over reboots; `None` without a home.
pub fn history_file() -> Option<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    // A daemon in a place of its own has a past of its own.
    let name = match overridden() {
        Some(dir) => format!("history-{:016x}", hash(dir.as_os_str())),
        None => "history".to_owned(),
    };
    Some(state.join("rainline").join(name))
}

/// A number for these bytes, the same in every build.
pub fn hash(bytes: impl AsRef<OsStr>) -> u64 {
    let mut hash = Hash::default();
    hash.put(bytes.as_ref().as_bytes());
    hash.value()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_frame_is_named_by_its_key_in_hexadecimal() {
        for key in [0, 9, 0x0123_4567_89ab_cdef, u64::MAX, 0xfedc_ba98_7654_3210] {
            assert_eq!(&frame_bytes(key)[..], format!("{FRAME}{key:016x}").as_bytes());
        }
    }

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
        runtime.write(MEMO, b"one").expect("written");
        runtime.write(MEMO, b"two").expect("written");
        assert_eq!(runtime.read(MEMO).as_deref(), Some(&b"two"[..]));
        assert_eq!(std::fs::read_dir(path).expect("a directory").count(), 1);
    }
}
