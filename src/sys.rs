//! What is unsafe in the daemon and its workers, beside what `rainline_client::sys` has.

#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_long, c_uint, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::Pid;

/// musl's allocator is small and hard to corrupt, and takes 90 ns for a block and its end where this
/// one takes 55: a line that is drawn is some hundreds of blocks.
#[cfg(target_env = "musl")]
#[global_allocator]
static HEAP: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[cfg(target_env = "gnu")]
unsafe extern "C" {
    fn malloc_trim(pad: usize) -> c_int;
}

/// Gives the system back what the heap does not need. glibc by itself keeps all that lies below a block
/// in use; dlmalloc gives back what it can with each block.
pub fn trim_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes a plain number and may be called at any time.
    unsafe {
        malloc_trim(0);
    }
}

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn close(fd: c_int) -> c_int;
    fn signal(number: c_int, handler: usize) -> usize;
    fn write(fd: c_int, bytes: *const c_void, count: usize) -> isize;
}

/// Closes every descriptor from `first` up by one call (Linux 5.9); whether there is such a call. Of
/// another system its number may be another call.
///
/// # Safety
/// Nothing in this process may use one of them any more.
unsafe fn close_range(first: c_uint) -> bool {
    /// The same on every architecture.
    const NUMBER: c_long = 436;
    // SAFETY: plain numbers; what is closed the caller answers for.
    cfg!(target_os = "linux") && unsafe { syscall(NUMBER, first, c_uint::MAX, 0 as c_uint) == 0 }
}

/// Closes every descriptor from `first` up. Only for a process that has just been executed. An
/// inherited descriptor keeps the parent's pipe open and hangs tmux, checkpoints and ssh.
pub fn close_from(first: c_uint) {
    let open = || -> Vec<c_int> {
        match std::fs::read_dir("/proc/self/fd") {
            Ok(entries) => {
                let names = entries.flatten().map(|entry| entry.file_name());
                names.filter_map(|name| name.to_str()?.parse().ok()).collect()
            }
            // No /proc: 1 024 is the usual limit, and a foreign descriptor above it is unheard of.
            Err(_) => (0..1024).collect(),
        }
    };
    // SAFETY: plain numbers, and one that is not open gives EBADF; called before this process has
    // opened anything of its own.
    unsafe {
        if !close_range(first) {
            for fd in open().into_iter().filter(|fd| *fd as c_uint >= first) {
                close(fd);
            }
        }
    }
}

/// Becomes another program by the kernel's own call: C's functions, `syscall` among them, may have been
/// replaced by a library that adds itself to every program. Returns only where that failed.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub fn execute(program: &CStr, arguments: &[CString], environment: &[CString]) {
    let list = |words: &[CString]| -> Vec<*const c_char> {
        words.iter().map(|word| word.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (arguments, environment) = (list(arguments), list(environment));
    let (program, arguments, environment) =
        (program.as_ptr(), arguments.as_ptr(), environment.as_ptr());
    // SAFETY: execve with three pointers to what C promises to a new program, which live until the end
    // of the call. Where it returns, only the registers named here have changed.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        std::arch::asm!(
            "syscall",
            inlateout("rax") 59_usize => _,
            in("rdi") program,
            in("rsi") arguments,
            in("rdx") environment,
            lateout("rcx") _,
            lateout("r11") _,
        );
        #[cfg(target_arch = "aarch64")]
        std::arch::asm!(
            "svc 0",
            in("x8") 221_usize,
            inlateout("x0") program => _,
            in("x1") arguments,
            in("x2") environment,
        );
    }
}

unsafe extern "C" {
    fn fork() -> c_int;
    fn dup2(from: c_int, to: c_int) -> c_int;
    fn chdir(path: *const c_char) -> c_int;
    fn execv(program: *const c_char, arguments: *const *const c_char) -> c_int;
    fn _exit(code: c_int) -> !;
}

/// What lists of processes call this one, where a process has a name of its own.
fn be_called(name: &CStr) {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_name(name);
    #[cfg(not(target_os = "linux"))]
    let _ = name;
}

/// Starts a program in `/` and does not wait until the kernel has opened it, as std does: its file may
/// be on a dead mount. Where it cannot be run the process ends. `streams` are its input, output and
/// errors; it has no other descriptor, also while it has not begun yet, when it is called `name`. For a
/// process of one thread.
pub fn start(
    program: &CStr,
    arguments: &[CString],
    name: &CStr,
    streams: [BorrowedFd; 3],
) -> io::Result<Pid> {
    let list: Vec<*const c_char> =
        arguments.iter().map(|word| word.as_ptr()).chain([std::ptr::null()]).collect();
    // None of them is overwritten by another one.
    let copies = streams.map(|stream| fcntl_dupfd_cloexec(stream, 3));
    let [input, output, errors] = copies;
    let copies = [input?, output?, errors?];
    // SAFETY: the child only makes system calls, with plain numbers and with what was made before it and
    // is never freed in it, and becomes another program or ends.
    let pid = unsafe {
        let pid = fork();
        if pid == 0 {
            for (copy, number) in copies.iter().zip(0..) {
                dup2(copy.as_raw_fd(), number);
            }
            // Not with a lock or a socket: whoever hangs here shall hold none.
            if !close_range(3) {
                for fd in 3..1024 {
                    close(fd);
                }
            }
            be_called(name);
            chdir(c"/".as_ptr());
            execv(program.as_ptr(), list.as_ptr());
            _exit(127);
        }
        pid
    };
    if pid > 0 { Pid::from_raw(pid) } else { None }.ok_or_else(io::Error::last_os_error)
}

/// No signal has a higher number. The two or three that C's library keeps for itself cannot be set.
const LAST_SIGNAL: c_int = 64;
const SIGPIPE: c_int = 13;
const SIG_DFL: usize = 0;
/// The signals that were noted and not taken yet, a bit each.
static NOTED: AtomicU64 = AtomicU64::new(0);
/// What is written to when the first of them comes.
static WAKE: AtomicI32 = AtomicI32::new(-1);

/// The place of a signal in [`take_signals`]; 0 for what is none.
pub fn signal_bit(number: c_int) -> u64 {
    if (1..=LAST_SIGNAL).contains(&number) { 1 << (number - 1) } else { 0 }
}

/// Notes a signal. It does only what a handler may: two atomics and one write.
extern "C" fn note_signal(number: c_int) {
    // One byte for all that come until they are taken: the pipe is never full, and `errno` stays.
    if NOTED.fetch_or(signal_bit(number), Ordering::SeqCst) == 0 {
        // SAFETY: one byte that lives for ever, to a descriptor that is never closed (or to -1).
        unsafe { write(WAKE.load(Ordering::SeqCst), c"!".as_ptr().cast(), 1) };
    }
}

/// Notes a signal that tells of a fault. Where a process only sent it, that is all; after a real fault
/// the instruction is tried again, and the signal has its own effect then.
extern "C" fn note_fault(number: c_int) {
    // SAFETY: no handler, for the signal that has one.
    unsafe { signal(number, SIG_DFL) };
    note_signal(number);
}

extern "C" fn pass_signal(_: c_int) {}

/// Gives every signal its own effect back, which a process that started this one may have taken away.
/// A write to a closed pipe stays an error.
pub fn reset_signals() {
    for number in (1..=LAST_SIGNAL).filter(|number| *number != SIGPIPE) {
        // SAFETY: no handler; what is no signal, or cannot be set, is refused.
        unsafe { signal(number, SIG_DFL) };
    }
}

/// What a process does with signals.
pub struct Handling<'a> {
    /// They keep their own effect.
    pub kept: &'a [c_int],
    /// They are noted for [`take_signals`].
    pub noted: &'a [c_int],
    /// They are noted too, unless a fault of this process is the reason.
    pub faults: &'a [c_int],
}

/// Handles all signals so that a byte is written to `wake` when one is noted. What is in no list passes
/// without effect.
pub fn handle_signals(handling: &Handling, wake: OwnedFd) {
    WAKE.store(wake.into_raw_fd(), Ordering::SeqCst);
    let free = |number: &c_int| *number != SIGPIPE && !handling.kept.contains(number);
    for number in (1..=LAST_SIGNAL).filter(free) {
        let handler: extern "C" fn(c_int) = if handling.faults.contains(&number) {
            note_fault
        } else if handling.noted.contains(&number) {
            note_signal
        } else {
            pass_signal
        };
        // SAFETY: the handlers do only what is allowed in one; what is no signal is refused.
        unsafe { signal(number, handler as usize) };
    }
}

/// The signals noted since the last time.
pub fn take_signals() -> u64 {
    NOTED.swap(0, Ordering::SeqCst)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::process::{WaitOptions, waitpid};
    use std::os::fd::AsFd;

    unsafe extern "C" {
        fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
    }

    const F_SETLEASE: c_int = 1024;
    const F_WRLCK: c_int = 1;
    const F_UNLCK: c_int = 2;
    const SIGIO: c_int = 29;
    const SIG_IGN: usize = 1;

    /// Whoever opens a file that is leased to another waits until it is given back.
    #[test]
    fn a_program_that_cannot_be_opened_yet_is_not_waited_for() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("program");
        // By another process: what is open for writing in one that is forked just now cannot be run.
        let copied = std::process::Command::new("cp").arg("/bin/sh").arg(&path).status();
        assert!(copied.expect("cp runs").success());
        let file = std::fs::File::open(&path).expect("open");
        // SAFETY: plain numbers; the signal would tell that the file is wanted.
        let leased = unsafe {
            signal(SIGIO, SIG_IGN);
            fcntl(file.as_raw_fd(), F_SETLEASE, F_WRLCK)
        };
        if leased != 0 {
            // A file system without leases.
            return;
        }
        let word = |text: &str| CString::new(text).expect("no NUL");
        let program = word(path.to_str().expect("UTF-8"));
        let words = [word("sh"), word("-c"), word("pwd; ls /proc/$$/fd; exit")];
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let null = std::fs::File::open("/dev/null").expect("open");
        let streams = [null.as_fd(), writer.as_fd(), null.as_fd()];
        let pid = start(&program, &words, c"waiting", streams).expect("it forks");
        drop(writer);
        let comm = format!("/proc/{}/comm", pid.as_raw_nonzero());
        while std::fs::read_to_string(&comm).expect("it is there") != "waiting\n" {
            let ended = waitpid(Some(pid), WaitOptions::NOHANG).expect("our child");
            assert!(ended.is_none(), "it was not held up");
            std::thread::yield_now();
        }
        assert!(waitpid(Some(pid), WaitOptions::NOHANG).expect("our child").is_none());
        // SAFETY: as above.
        unsafe { fcntl(file.as_raw_fd(), F_SETLEASE, F_UNLCK) };
        let mut said = String::new();
        io::Read::read_to_string(&mut reader, &mut said).expect("read");
        assert_eq!(said, "/\n0\n1\n2\n");
        waitpid(Some(pid), WaitOptions::empty()).expect("our child");
    }
}
