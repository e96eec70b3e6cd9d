//! fish's prompt: what `fish_prompt` prints is drawn as it is, so it is a terminal's own escapes.
//!
//! fish finds the escapes itself and measures the rest. It expands nothing and filters nothing; no
//! control character of a text passes here.

use rainline_caps::Depth;

use super::ansi;
use super::{Right, Target};

pub static TARGET: Target = Target {
    name: "fish",
    about: "fish's prompt.",
    depth: Depth::True,
    encode: |frame, caps, out| (ansi::TARGET.encode)(frame, caps, out),
    right: Right::Own,
    ..Target::TEXT
};
