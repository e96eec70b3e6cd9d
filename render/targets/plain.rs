//! Text alone: for pipes, logs, dumb terminals and hosts that take no escapes.
//!
//! Nothing is escaped, because nothing that reads plain text interprets it; outside text was
//! cleaned when it came in.

use rainline_caps::Caps;

use super::{Flat, Target, flat, plain_text};
use crate::frame::Frame;

pub static TARGET: Target =
    Target { name: "plain", about: "Text alone, without colours or escapes.", ..Target::TEXT };

pub(super) fn encode(frame: &Frame, caps: &Caps, out: &mut String) {
    for piece in flat(frame, caps) {
        if let Flat::Span(span) = piece {
            out.push_str(&plain_text(&span.text, caps));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Arm, Choice, Frame, Mark, Piece, Span, Text};
    use crate::style::Style;
    use rainline_caps::Caps;
    use rainline_caps::On;

    fn encoded(pieces: Vec<Piece>, caps: &Caps) -> String {
        let mut out = String::new();
        (TARGET.encode)(&Frame { pieces }, caps, &mut out);
        out
    }

    #[test]
    fn shows_text_and_drops_controls_of_ours() {
        let span = Span::ours("a\x1b[1m\n#{x}", Style::default());
        let pieces = vec![Piece::Mark(Mark::PromptStart), Piece::Span(span)];
        assert_eq!(encoded(pieces, &Caps::default()), "a[1m#{x}");
    }

    #[test]
    fn draws_the_arm_that_holds() {
        let arm = |case: Option<&str>, text: &str| Arm {
            case: case.map(Into::into),
            spans: vec![Span::ours(text, Style::default())],
        };
        let arms = vec![arm(Some("prefix"), "yes"), arm(None, "no ")];
        let choice = Piece::Choice(Choice { on: On::State, arms });
        assert_eq!(encoded(vec![choice.clone()], &Caps::default()), "no ");
        let holds = vec![(On::State, "prefix".into())];
        assert_eq!(encoded(vec![choice], &Caps { holds, ..Caps::default() }), "yes");
    }

    #[test]
    fn cuts_live_text_to_its_cells() {
        let what = rainline_segments::Live::SessionName;
        let text = Text::Live { what, most: 4, known: "漢字漢字".into() };
        let span = Span::new(text, Style::default());
        assert_eq!(encoded(vec![Piece::Span(span)], &Caps::default()), "漢…");
    }
}
