//! fish's prompt: what `fish_prompt` prints is drawn as it is, so it is a terminal's own escapes.
//!
//! fish finds the escapes itself and measures the rest. It expands nothing and filters nothing; no
//! control character of a text passes here.
//!
//! It counts the variation selector of emoji as a cell, whatever it stands behind (`fish_wcwidth`), and
//! cuts a row that is too wide by its count. So that selector is left out, and what stands before it is
//! as wide as all programs say. Some private characters are its own, and three cells by its count.

use rainline_caps::{Caps, Depth};

use super::ansi;
use super::{Right, Target};
use crate::frame::Frame;

pub static TARGET: Target = Target {
    name: "fish",
    about: "fish's prompt.",
    depth: Depth::True,
    encode,
    right: Right::Own,
    ..Target::TEXT
};

/// The variation selector of emoji.
const EMOJI: char = '\u{fe0f}';

fn encode(frame: &Frame, caps: &Caps, out: &mut String) {
    let start = out.len();
    (ansi::TARGET.encode)(frame, caps, out);
    if out[start..].contains(|c| c == EMOJI || is_byte(c)) {
        let all = out.split_off(start);
        let drawn = all.chars().filter(|c| *c != EMOJI);
        out.extend(drawn.map(|c| if is_byte(c) { char::REPLACEMENT_CHARACTER } else { c }));
    }
}

/// Whether fish keeps bytes that are no UTF-8 as this character (`ENCODE_DIRECT_BASE`).
fn is_byte(c: char) -> bool {
    matches!(c, '\u{f600}'..='\u{f6ff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Piece, Span};
    use crate::style::Style;

    #[test]
    fn what_fish_counts_otherwise_is_left_out() {
        let frame = Frame {
            pieces: vec![Piece::Span(Span::ours("a\u{fe0f}❤\u{fe0f}b\u{f61b}", Style::default()))],
        };
        let mut out = String::from("\u{fe0f}");
        (TARGET.encode)(&frame, &Caps::default(), &mut out);
        assert_eq!(out, "\u{fe0f}a❤b\u{fffd}");
    }
}
