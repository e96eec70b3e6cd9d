//! zsh's prompt: `%` is doubled, escapes stand between `%{` and `%}`.
//!
//! With PROMPT_SUBST the text must come through a variable (`PROMPT='${…}'`), whose value is not
//! expanded a second time; without it the text is the prompt. `%` means the same in both.

use rainline_caps::Depth;

use super::ansi::{self, Dialect};
use super::{Right, Target};

pub static TARGET: Target = Target {
    name: "zsh",
    about: "zsh's prompt.",
    depth: Depth::True,
    encode: |frame, caps, out| {
        let dialect = Dialect { begin: "%{", end: "%}", doubled: Some(('%', "%%")) };
        ansi::draw(frame, caps, &dialect, out);
    },
    right: Right::Own,
    ..Target::TEXT
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, Piece, Span, Text};
    use crate::style::{Attrs, Style};
    use rainline_caps::Caps;

    #[test]
    fn escapes_are_marked_and_percents_doubled() {
        let bold = Style { attrs: Attrs::BOLD, ..Style::default() };
        let link = Span { link: Some("https://a/%20".into()), ..Span::ours("l", bold) };
        let spans = [link, Span::new(Text::Outside("%n%{$(x)".into()), Style::default())];
        let frame = Frame { pieces: spans.into_iter().map(Piece::Span).collect() };
        let mut out = String::new();
        (TARGET.encode)(&frame, &Caps::default(), &mut out);
        let link = "%{\x1b]8;;https://a/%%20\x1b\\%}l%{\x1b]8;;\x1b\\%}";
        assert_eq!(out, format!("%{{\x1b[1m%}}{link}%{{\x1b[0m%}}%%n%%{{$(x)"));
    }
}
