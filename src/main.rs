//! The program: the fast path first, everything else after it.

use std::ffi::OsString;

use rainline::client::{self, Outcome, Why};
use rainline::{cli, local, runtime, spawn};

fn main() {
    let args: Vec<OsString> = std::env::args_os().collect();
    let code = match client::fast(args.get(1..).unwrap_or_default()) {
        Outcome::Done(code) => code,
        Outcome::Miss(request, why) => {
            let mut line = local::line(&request);
            line.push(b'\n');
            client::write_whole(&line);
            if why == Why::Absent
                && let Ok(runtime) = runtime::open()
            {
                spawn::start(&runtime);
            }
            0
        }
        Outcome::Stream(request) => {
            let mut local = local::Local::default();
            client::stream(request, &mut |request| local.line(request))
        }
        Outcome::Cli => cli::main(args),
    };
    std::process::exit(code);
}
