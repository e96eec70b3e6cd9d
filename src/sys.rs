//! What is unsafe in the daemon and its workers, beside what `rainline_client::sys` has.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_long, c_uint};

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
}

/// The same number on every architecture (Linux 5.9).
const SYS_CLOSE_RANGE: c_long = 436;

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
        if syscall(SYS_CLOSE_RANGE, first, c_uint::MAX, 0 as c_uint) != 0 {
            for fd in open().into_iter().filter(|fd| *fd as c_uint >= first) {
                close(fd);
            }
        }
    }
}
