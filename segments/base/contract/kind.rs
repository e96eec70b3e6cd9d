//! A kind of segment as static data.

use std::time::Duration;

use super::{Field, Opt, OptionError, Source};

/// One kind of segment. Its file in `segments/`, its config key and its heading in the docs all
/// have its `name`.
pub struct Kind {
    /// Its name in configs, themes and docs, in kebab-case.
    pub name: &'static str,
    /// One sentence, for lists and docs.
    pub about: &'static str,
    /// The icons that the default format shows.
    pub icons: Icons,
    /// The default format, in the format language.
    pub format: &'static str,
    /// Every name that a sample may carry and a format may use.
    pub fields: &'static [Field],
    /// What a config may set.
    pub options: &'static [Opt],
    /// Environment variables of the asker that the source wants to see in
    /// [`Ask::env`](super::Ask::env).
    pub env: &'static [&'static str],
    /// With whom a sample is shared.
    pub scope: Scope,
    /// The process in which the source runs.
    pub runs_in: RunsIn,
    /// When the source is sampled.
    pub pace: Pace,
    /// Which segments stay when a line is narrow: those of priority 0 go first, of 100 last.
    pub priority: u8,
    /// Builds a source from checked options. An error names the option whose value makes no sense.
    pub open: fn(&toml::Table) -> Result<Box<dyn Source>, OptionError>,
}

/// A segment's icon at each glyph level. `unicode` and `ascii` may be empty: better no icon than
/// one that half the terminals draw as a box.
#[derive(Clone, Copy, Debug)]
pub struct Icons {
    /// With a Nerd Font.
    pub nerd: &'static str,
    /// With the glyphs that every terminal font has.
    pub unicode: &'static str,
    /// With ASCII alone.
    pub ascii: &'static str,
}

/// With whom a sample is shared: what the cache key consists of beside the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The same for all clients on this machine.
    Machine,
    /// One per client: its environment and its session.
    Client,
    /// The same for all clients with the same values of the variables that the source sees: it looks at
    /// nothing else of the asker.
    Environment,
    /// One per directory, and per what the source sees of the asker's environment.
    Directory,
}

/// The process in which the source runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunsIn {
    /// For sources that cannot block: they open what is in `machine::quick::QUICK`, and no path that a
    /// client or a config named. A test holds it.
    Daemon,
    /// A process that can be killed or, if it is stuck in the kernel, left behind. An instance keeps
    /// its worker, and with it the source's state, unless another instance blocks that worker.
    Worker,
    /// A worker of its own, for as long as a client shows the segment: for a source that keeps a
    /// command or a connection open and reports changes by itself. It is followed instead of
    /// sampled, see [`Source::follow`], and its pace is [`Pace::Change`]. Without a daemon the last
    /// value of an earlier run is shown, marked as old.
    OwnWorker,
}

/// When the source is sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Periodically, aligned to the second.
    Tick(Duration),
    /// Once, and again when the engine is told of a change.
    Change,
    /// With each request: the source only reshapes what the request carries.
    Ask,
}

/// What options make of a kind whose fields are declared in the config.
#[derive(Clone, Debug)]
pub struct Variant {
    /// The fields, in place of the kind's.
    pub fields: Vec<Field>,
    /// The default format, in place of the kind's.
    pub format: String,
    /// The process, in place of the kind's.
    pub runs_in: RunsIn,
    /// The pace, in place of the kind's.
    pub pace: Pace,
}
