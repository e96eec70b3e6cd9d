//! fish's prompt: what `fish_prompt` prints is drawn as it is, so it is a terminal's own escapes.
//!
//! fish finds the escapes itself and measures the rest. It expands nothing and filters nothing; no
//! control character of a text passes here.

use super::ansi;
use super::{Glyphs, Right, Target};
use rainline_caps::Depth;
use rainline_caps::Policy;

pub static TARGET: Target = Target {
    name: "fish",
    about: "fish's prompt.",
    adapts_colour: false,
    live_texts: None,
    depth: Depth::True,
    glyphs: Glyphs::Nerd,
    policy: |_| Policy::Wcwidth,
    encode: |frame, caps, out| (ansi::TARGET.encode)(frame, caps, out),
    right: Right::Own,
};
