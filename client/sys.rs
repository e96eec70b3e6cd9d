//! Everything unsafe of the client, and what only the operating system knows.
//!
//! rustix covers nearly all of it safely; what is left is what a program does by itself that has no
//! `main` of std's around it. Nothing here knows what a daemon or a request is.

#![allow(unsafe_code)]

use std::ffi::{CStr, OsStr, OsString, c_char, c_int, c_uint, c_void};
use std::fmt::Display;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::fs::{Access, Mode, OFlags, access};
use rustix::time::{ClockId, clock_gettime};

unsafe extern "C" {
    fn signal(number: c_int, handler: usize) -> usize;
    fn getsockopt(
        socket: c_int,
        level: c_int,
        option: c_int,
        value: *mut c_void,
        length: *mut c_uint,
    ) -> c_int;
    safe fn getsid(pid: c_int) -> c_int;
}

// As in Linux's asm/socket.h.
const SOL_SOCKET: c_int = if HAS_BSD_NUMBERS { 0xffff } else { 1 };
const SO_PEERCRED: c_int = match () {
    () if cfg!(any(target_arch = "powerpc", target_arch = "powerpc64")) => 21,
    () if cfg!(target_arch = "sparc64") => 0x40,
    () if HAS_BSD_NUMBERS => 18,
    () => 17,
};
const HAS_BSD_NUMBERS: bool =
    cfg!(any(target_arch = "mips", target_arch = "mips64", target_arch = "sparc64"));

/// The session of a process (0: this one). 0 where it has no number here: its leader is outside of
/// our pid namespace, or the process is gone. rustix's own panics on that 0.
pub fn session(pid: i32) -> u32 {
    u32::try_from(getsid(pid)).unwrap_or(0)
}

/// Makes a write to a closed pipe an error instead of a signal that kills.
pub fn ignore_sigpipe() {
    const SIGPIPE: c_int = 13;
    const SIG_IGN: usize = 1;
    // SAFETY: this program installs no handler for this signal.
    unsafe { signal(SIGPIPE, SIG_IGN) };
}

extern "C" fn pass_signal(_: c_int) {}

/// Makes a write beyond the limit of a file's size (`ulimit -f`) an error instead of a signal that
/// kills. It is not ignored: programs that are started would inherit that.
pub fn fail_beyond_file_limit() {
    let handler: extern "C" fn(c_int) = pass_signal;
    // SAFETY: the handler does nothing.
    unsafe { signal(rustix::process::Signal::XFSZ.as_raw(), handler as usize) };
}

/// This program's arguments, its name first.
pub fn arguments() -> &'static [OsString] {
    ARGUMENTS.get_or_init(|| std::env::args_os().collect())
}

/// The name that this program was started by.
pub fn program() -> OsString {
    arguments().first().cloned().unwrap_or_default()
}

static ARGUMENTS: OnceLock<Vec<OsString>> = OnceLock::new();

/// The arguments as C's start hands them to `main`, and only that: a list that is never changed,
/// ended by a null pointer. There is no other way to get one.
#[repr(transparent)]
pub struct Arguments(*const *const c_char);

impl Arguments {
    /// Keeps them for [`arguments`]: without std's own start some C libraries do not hand them on.
    pub fn keep(self) -> &'static [OsString] {
        ARGUMENTS.get_or_init(|| {
            let mut all = Vec::new();
            let mut next = self.0;
            // SAFETY: what C promises to `main`; the end is never passed.
            unsafe {
                while !(*next).is_null() {
                    all.push(OsStr::from_bytes(CStr::from_ptr(*next).to_bytes()).to_owned());
                    next = next.add(1);
                }
            }
            all
        })
    }
}

/// Time since boot, suspend included: for ages, leases and deadlines that outlive a process.
pub fn boot() -> Duration {
    read(ClockId::Boottime)
}

/// Time since boot while awake. [`boot`] running ahead of it means that the machine slept.
pub fn awake() -> Duration {
    read(ClockId::Monotonic)
}

/// Time since 1970.
pub fn wall() -> Duration {
    read(ClockId::Realtime)
}

fn read(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.max(0) as u64, time.tv_nsec.clamp(0, 999_999_999) as u32)
}

/// Our user, for files and peers.
pub fn uid() -> u32 {
    // It never changes, and a print asks for it three times.
    static UID: OnceLock<u32> = OnceLock::new();
    *UID.get_or_init(|| rustix::process::geteuid().as_raw())
}

/// The process at the other end of a Unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its user.
    pub uid: u32,
    /// Its number; `None`: it has none here, because it runs in another pid namespace.
    pub pid: Option<u32>,
}

/// Who is at the other end of a Unix socket. rustix's own takes a process without a number here
/// (the kernel says 0) for one with a number that cannot be 0.
pub fn peer(socket: impl AsFd) -> Option<Peer> {
    // unix(7): `struct ucred`.
    let mut credentials: [u32; 3] = [0; 3];
    let whole = size_of_val(&credentials) as c_uint;
    let mut length = whole;
    // SAFETY: the descriptor is open, and the kernel writes at most `length` bytes, which are there
    // and may hold any bits.
    let failed = unsafe {
        getsockopt(
            socket.as_fd().as_raw_fd(),
            SOL_SOCKET,
            SO_PEERCRED,
            credentials.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    let [pid, uid, _] = credentials;
    (failed == 0 && length == whole).then_some(Peer { uid, pid: (pid != 0).then_some(pid) })
}

/// Whether a process is in another pid namespace than this one, as far as that can be seen.
pub fn is_elsewhere(pid: u32) -> bool {
    let namespace = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/pid")).ok();
    namespace(&pid.to_string()).is_some_and(|its| namespace("self").is_some_and(|our| our != its))
}

/// The path of a process's terminal behind one of its descriptors; `None` for anything else.
pub fn terminal(pid: u32, fd: impl Display) -> Option<PathBuf> {
    let path = std::fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok()?;
    let name = path.to_str()?;
    (name.starts_with("/dev/pts/") || name.starts_with("/dev/tty")).then_some(path)
}

/// Opens a terminal, without waiting and without making it ours.
pub fn open_terminal(path: &Path, access: OFlags) -> Option<OwnedFd> {
    let flags = access | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).ok()
}

/// The executable file of a program in the first absolute directory of `PATH` that has one.
pub fn find_program(name: impl AsRef<Path>) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    let files = std::env::split_paths(&paths).map(|dir| dir.join(&name));
    let runs = |path: &PathBuf| access(path, Access::EXEC_OK).is_ok() && path.is_file();
    files.filter(|path| path.is_absolute()).find(runs)
}

/// The columns of a terminal; `None` for anything else.
pub fn columns(terminal: impl AsFd) -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    (size.ws_col > 0).then_some(size.ws_col)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_peer_is_known_by_user_and_number() {
        let (one, _two) = UnixStream::pair().expect("a pair");
        assert_eq!(peer(&one), Some(Peer { uid: uid(), pid: Some(std::process::id()) }));
        assert_eq!(peer(std::io::pipe().expect("a pipe").0), None, "not a socket");
    }

    #[test]
    fn our_own_namespace_is_not_another_and_a_process_without_one_is_none() {
        assert!(!is_elsewhere(std::process::id()) && !is_elsewhere(0));
    }
}
