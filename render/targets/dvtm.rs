//! dvtm's bar: plain text from a FIFO.
//!
//! A line of more than 511 bytes with its newline, or with a control character or invalid UTF-8 in
//! it, freezes the bar for good; so none of these leaves this file.

use rainline_caps::Glyphs;

use super::{Target, plain};

pub static TARGET: Target = Target {
    name: "dvtm",
    about: "dvtm's bar: plain text, one short line.",
    glyphs: Glyphs::Unicode,
    encode: |frame, caps, out| {
        let start = out.len();
        plain::encode(frame, caps, out);
        let end = out.floor_char_boundary(start + MOST_BYTES);
        out.truncate(end);
    },
    ..Target::TEXT
};

/// The most bytes of a line without its newline.
const MOST_BYTES: usize = 510;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, Piece, Span};
    use crate::style::Style;
    use rainline_caps::Caps;

    #[test]
    fn is_cut_at_a_character() {
        for before in 0..3 {
            let text = format!("{}{}", "x".repeat(before), "漢".repeat(300));
            let frame = Frame { pieces: vec![Piece::Span(Span::ours(text, Style::default()))] };
            let mut out = String::new();
            (TARGET.encode)(&frame, &Caps::default(), &mut out);
            assert!(out.len() <= 510 && out.len() > 507, "{}", out.len());
        }
    }

    #[test]
    fn no_control_passes() {
        let frame =
            Frame { pieces: vec![Piece::Span(Span::ours("a\tb\x1b\u{9b}", Style::default()))] };
        let mut out = String::new();
        (TARGET.encode)(&frame, &Caps::default(), &mut out);
        assert_eq!(out, "ab");
    }
}
