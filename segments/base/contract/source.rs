//! The code that reads an instance's values.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Ask, Error, Variant};
use crate::base::value::{Level, Sample};
use crate::machine::Machine;

/// Reads an instance's values.
pub trait Source: Send {
    /// One reading; `None` means that there is nothing to show.
    fn sample(&mut self, machine: &Machine, ask: &Ask) -> Result<Option<Sample>, Error>;

    /// State that another process needs to go on from here, such as the counters from which the
    /// next reading takes a difference. It is stored while no daemon runs, and handed from worker
    /// to worker.
    fn save(&self) -> Option<String> {
        None
    }

    /// Takes over what [`Source::save`] returned earlier; in a worker before each reading. Anything
    /// else is ignored.
    fn restore(&mut self, _saved: &str) {}

    /// For [`RunsIn::Worker`](super::RunsIn::Worker): whether this machine has something that is
    /// better followed than sampled. Then it is followed in a worker of its own, like one of
    /// [`RunsIn::OwnWorker`](super::RunsIn::OwnWorker). Asked when a reading is due; without a daemon
    /// the source is sampled all the same.
    fn prefers_follow(&self, _machine: &Machine) -> bool {
        false
    }

    /// Hands each reading to `emit` as it comes, until `emit` returns `false` or there will be no
    /// more. `every` is how often the source would be sampled.
    ///
    /// An error given to `emit` is shown by `doctor`, and the source goes on. After an error that is
    /// returned, or a normal end, the source is started again with a growing delay. Anything that
    /// blocks must go through a method of [`Machine`] that returns when the engine wants no more,
    /// such as [`Machine::follow`].
    fn follow(
        &mut self,
        machine: &Machine,
        ask: &Ask,
        _every: Duration,
        emit: &mut Emit,
    ) -> Result<(), Error> {
        let sampled = self.sample(machine, ask);
        emit(sampled);
        Ok(())
    }

    /// For [`RunsIn::Worker`](super::RunsIn::Worker): the paths that the last reading depends on,
    /// whether they exist or not. Where the system can watch them, a change makes a reading due. They
    /// are also read from time to time, as changes on a network file system are not reported.
    fn dependencies(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Takes a value from outside (`rainline set`), which is shown at once. It is called in the
    /// daemon, wherever the source runs, so it must not block. The error says what was expected.
    fn set(&mut self, _machine: &Machine, _value: &SetValue) -> Result<Option<Sample>, Error> {
        Err(Error::Other("this segment takes no values; only `custom` does".into()))
    }

    /// For kinds whose fields are declared in the config: the kind as these options make it. Asked
    /// once, when the config is read.
    fn variant(&self) -> Option<Variant> {
        None
    }

    /// How long a reading in a worker may take, where the user can choose that.
    fn timeout(&self) -> Option<Duration> {
        None
    }
}

/// Takes a reading; returns `false` when no more are wanted.
pub type Emit<'a> = dyn FnMut(Result<Option<Sample>, Error>) -> bool + 'a;

/// A value from outside, not yet parsed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SetValue {
    /// A text, or `field=value` lines where the source has fields.
    pub text: String,
    /// Whether the text is a JSON object instead.
    pub json: bool,
    /// How much attention it needs; `None` leaves that to the source.
    pub level: Option<Level>,
    /// How long it is valid; `None` means until the next one.
    pub valid_for: Option<Duration>,
}
