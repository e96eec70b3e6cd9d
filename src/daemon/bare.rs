//! The engine without its loop and its socket, one tick at a time: for benchmarks, which want to know
//! what a tick costs where it happens.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use rustix::event::{PollFd, poll};

use super::engine::Engine;
use super::schedule::Now;
use rainline_client::protocol::Request;
use rainline_client::timespec;
use rainline_client::{runtime, sys};

/// A daemon that nobody can ask but its owner.
pub struct Bare(Engine);

impl Bare {
    /// In the runtime directory of this process, which must be its own: no lock is taken.
    pub fn new(root: Option<PathBuf>) -> Result<Bare, String> {
        let runtime = runtime::open().map_err(|(path, why)| format!("{} {why}", path.display()))?;
        Ok(Bare(Engine::new(&Rc::new(runtime), root)))
    }

    /// Takes a request as from a client that does not wait for its answer.
    pub fn ask(&mut self, request: Request) {
        self.0.request(0, request, &Now::read());
    }

    /// Reads everything that somebody looks at and that is due, as each turn of the loop does; what
    /// runs in workers is only ordered. How many readings were due.
    pub fn tick(&mut self) -> usize {
        self.0.tick(&Now::read())
    }

    /// Makes everything that is not on its way due.
    pub fn hasten(&mut self) {
        self.0.jump();
    }

    /// Lets the workers have their orders and takes what they say, for so long.
    pub fn hear(&mut self, time: Duration) {
        let until = sys::boot() + time;
        loop {
            for (ticket, outcome) in self.0.pool.turn(true) {
                self.0.outcome(ticket, outcome, &Now::read());
            }
            let left = until.saturating_sub(Now::read().boot);
            if left.is_zero() {
                return;
            }
            let mut fds: Vec<_> =
                self.0.pool.fds().map(|(fd, flags)| PollFd::from_borrowed_fd(fd, flags)).collect();
            // Interrupted or not: what there is is looked at.
            let _ = poll(&mut fds, Some(&timespec(left)));
        }
    }
}
