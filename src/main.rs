//! The program: the fast path first, everything else after it.
//!
//! There is no `main` of std's around this: what it prepares (a handler for stack overflows, three
//! open descriptors, the list of arguments) costs a print a fifth of its time. Whatever leaves the
//! fast path gets what it needs of that in [`settle`]. No panic leaves [`main`].

#![no_main]
#![allow(unsafe_code)]

use std::ffi::{OsStr, OsString, c_int};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rainline::{cli, compat, local};
use rainline_client::sys::{self, Strings};
use rainline_client::{self, Outcome, Why};
use rainline_client::{runtime, spawn};

/// What std's own start gives to a program that panicked.
const PANICKED: i32 = 101;

/// The place keeps what a print runs through in one piece, near where C starts.
#[unsafe(link_section = ".text.hot.main")]
#[unsafe(no_mangle)]
pub extern "C" fn main(_: c_int, args: Strings, env: Strings) -> c_int {
    // Outside of what catches panics, or it would lie elsewhere: a panic in it ends the program.
    let is_drop_in = args.clone().next().is_some_and(|program| compat::is_link(program.to_bytes()));
    let outcome = if is_drop_in { Outcome::Cli } else { rainline_client::fast(args.clone(), env) };
    let code = catch_unwind(AssertUnwindSafe(|| {
        settle(args.clone());
        slow(outcome, args)
    }));
    // Not a return: this flushes what std has buffered.
    std::process::exit(code.unwrap_or(PANICKED))
}

/// Does what std's start would have done and something here relies on.
fn settle(mut args: Strings) {
    sys::ignore_sigpipe();
    rainline_client::open_standard();
    args.next().into_iter().for_each(sys::hand_on_program);
}

fn slow(outcome: Outcome, args: Strings) -> i32 {
    match outcome {
        Outcome::Done(code) => code,
        Outcome::Miss(request, why) => {
            let mut line = local::line(&request);
            line.push(b'\n');
            rainline_client::write_whole(&line);
            if why == Why::Absent
                && let Ok(runtime) = runtime::open()
            {
                spawn::start(&runtime);
            }
            0
        }
        Outcome::Stream(request) => {
            let mut local = local::Local::default();
            rainline_client::stream(*request, &mut |request| local.line(request))
        }
        Outcome::Set(request) => cli::push(&request),
        Outcome::Cli => {
            let args = args.map(|arg| OsStr::from_bytes(arg.to_bytes()).to_owned());
            let args = args.collect::<Vec<OsString>>();
            compat::called(&args).unwrap_or_else(|| cli::main(args))
        }
    }
}
