//! The program: the client first, everything else after it.
//!
//! There is no `main` of std's around this: what it prepares (a handler for stack overflows above
//! all) costs 18 system calls, and a whole print may take 24. What the rest of the program relies on
//! is done in [`settle`].

#![no_main]
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rainline::{cli, compat, local};
use rainline_client::sys::{self, Arguments};
use rainline_client::{self, Outcome, Why};
use rainline_client::{runtime, spawn};

/// The exit code of a panic, as std's start has it.
const PANICKED: i32 = 101;

/// Called by C's start. No panic leaves it.
#[unsafe(no_mangle)]
pub extern "C" fn main(_: c_int, args: Arguments) -> c_int {
    let code = catch_unwind(AssertUnwindSafe(|| {
        sys::ignore_sigpipe();
        let args = args.keep();
        // As a drop-in its words are another program's, whatever they look like.
        let is_drop_in = args.first().is_some_and(|program| compat::is_link(program));
        finish(if is_drop_in { Outcome::Cli } else { rainline_client::run(args) })
    }));
    // Not a return: this flushes what std has buffered.
    std::process::exit(code.unwrap_or(PANICKED))
}

/// Opens those of the descriptors 0 to 2 that are closed, so that no file that is
/// opened later gets their number. No file that cannot be written ends us.
fn settle() {
    sys::fail_beyond_file_limit();
    while let Ok(null) = std::fs::File::options().read(true).write(true).open("/dev/null") {
        // The lowest free number is the one that is given.
        if std::os::fd::AsRawFd::as_raw_fd(&null) > 2 {
            return;
        }
        std::mem::forget(null);
    }
}

/// Does what the client did not; the exit code.
fn finish(outcome: Outcome) -> i32 {
    if !matches!(outcome, Outcome::Done(_)) {
        settle();
    }
    match outcome {
        Outcome::Done(code) => code,
        Outcome::Outdated => {
            if let Ok(runtime) = runtime::open() {
                spawn::start(&runtime);
            }
            0
        }
        Outcome::Miss(request, why) => {
            let line = local::line(&request, why);
            rainline_client::write_whole(&rainline_client::printed(&request, None, &line));
            if why == Why::Absent
                && let Ok(runtime) = runtime::open()
            {
                spawn::start(&runtime);
            }
            0
        }
        Outcome::Stream(request) => {
            let mut local = local::Local::default();
            rainline_client::stream(request, &mut |request, why| local.line(request, why))
        }
        Outcome::Set(request, reads) => cli::push(request, reads),
        Outcome::Cli => {
            let args = sys::arguments().to_vec();
            compat::called(&args).unwrap_or_else(|| cli::main(args))
        }
    }
}
