//! bash's prompt, as the value of a variable that `PS1='${…}'` names.
//!
//! A prompt is expanded once more after its escapes were read, and what that yields is not looked at
//! again: text that arrives through a variable needs no escaping at all, in every mode of the shell
//! (assembling a `PS1` takes three layers that differ between modes). `\001` and `\002` are what
//! `\[` and `\]` become: they tell readline which bytes take no cells.

use rainline_caps::{Caps, Depth};

use super::ansi::{self, Dialect};
use super::{Right, Target};
use crate::frame::Frame;

pub static TARGET: Target = Target {
    name: "bash",
    about: "bash's prompt, as the value of a variable.",
    depth: Depth::True,
    // `plain_text` leaves no `\001` or `\002` in any text.
    encode: |frame, caps, out| {
        ansi::draw(frame, caps, &Dialect { begin: "\x01", end: "\x02", doubled: None }, out);
    },
    right: Right::Moves(moved),
    ..Target::TEXT
};

/// All of it stands between one pair of marks, which do not nest. readline draws it again with the
/// prompt, and erases it when one types that far.
fn moved(frame: &Frame, caps: &Caps, out: &mut String) {
    let before = caps.columns.saturating_sub(1 + frame.width(caps.policy));
    out.push_str("\x01\r");
    if before > 0 {
        out.push_str(&format!("\x1b[{before}C"));
    }
    (ansi::TARGET.encode)(frame, caps, out);
    out.push_str("\r\x02");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Piece, Span, Text};
    use crate::style::{Attrs, Style};

    #[test]
    fn escapes_are_marked_and_text_is_left_alone() {
        let bold = Style { attrs: Attrs::BOLD, ..Style::default() };
        let spans = [
            Span::ours("\u{1}a", bold),
            Span::new(Text::Outside("$(x)`\\w%".into()), Style::default()),
        ];
        let frame = Frame { pieces: spans.into_iter().map(Piece::Span).collect() };
        let mut out = String::new();
        (TARGET.encode)(&frame, &Caps::default(), &mut out);
        assert_eq!(out, "\x01\x1b[1m\x02a\x01\x1b[0m\x02$(x)`\\w%");
    }
}
