//! The program: the client first, everything else after it.

use std::ffi::OsString;

use rainline::{cli, compat, local};
use rainline_client::{self, Outcome, Why};
use rainline_client::{runtime, spawn};

fn main() {
    let args: Vec<OsString> = std::env::args_os().collect();
    std::process::exit(match rainline_client::run(&args) {
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
            rainline_client::stream(request, &mut |request| local.line(request))
        }
        Outcome::Set(request) => cli::push(&request),
        Outcome::Cli => compat::called(&args).unwrap_or_else(|| cli::main(args)),
    })
}
