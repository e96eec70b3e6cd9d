//! From readings to frames: format, paint, fit; one function on plain data.
use rainline_segments::{Ring, Sample};

use crate::config::Config;
use crate::frame::{Frame, InstanceId};
use crate::targets::{Caps, Target};

/// How old a value is, against its pace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Age {
    /// Never read: its place is kept.
    #[default]
    Waiting,
    Fresh,
    /// Older than three times its pace: drawn dim.
    Stale,
    /// Older than ten times: drawn as `?`.
    Lost,
}

/// What is known of an instance at the moment of drawing.
#[derive(Clone, Copy, Default)]
pub struct Reading<'a> {
    /// The last good sample. `None` with an age of `Fresh`: there is nothing to show.
    pub sample: Option<&'a Sample>,
    pub age: Age,
    /// The past of each numeric field that some field of the kind declares as its history.
    pub rings: &'a [(&'static str, Ring)],
}

/// Where the renderer gets readings from: the daemon's cache, or the local stand-in.
pub trait Readings {
    fn reading(&self, instance: InstanceId) -> Reading<'_>;
    /// Whether the one-cell `!` should say that `rainline doctor` knows more.
    fn trouble(&self) -> bool;
}

/// Which line is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Want<'a> {
    pub line: &'a str,
    pub slot: &'a str,
    /// Another theme than the config's, by name; empty for none.
    pub theme: &'a str,
}

/// The instances that a slot shows, row by row; empty for a slot that the config does not have.
pub fn instances(config: &Config, want: Want) -> Vec<InstanceId> {
    let _ = (config, want);
    Vec::new()
}

/// The rows of a slot, each exactly as wide as it needs to be and never wider than `caps.columns`.
pub fn rows(config: &Config, want: Want, readings: &dyn Readings, caps: &Caps) -> Vec<Frame> {
    let _ = (config, want, readings, caps);
    vec![Frame::default()]
}

/// The rows in the target's language, with a newline between them and none at the end.
pub fn encode(rows: &[Frame], target: &Target, caps: &Caps) -> String {
    let mut out = String::new();
    for (index, frame) in rows.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        (target.encode)(frame, caps, &mut out);
    }
    out
}
