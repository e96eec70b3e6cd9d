//! A terminal itself, by ECMA-48: colours and attributes (SGR), and nothing that moves, sets or asks.
//!
//! The only other escapes are our own: OSC 133 for prompt marks (as FinalTerm defined them) and
//! OSC 8 for links. What leaves this file leaves the terminal as it was: the last style is reset.
//!
//! Shells draw the same escapes, each with its own way to mark them: a [`Dialect`].

use std::fmt::Write;

use rainline_caps::{Caps, Depth};

use super::{Flat, Target, flat, plain_text};
use crate::frame::{Frame, Mark};
use crate::style::{Attrs, Color, Style};

pub static TARGET: Target = Target {
    name: "ansi",
    about: "A terminal's own colour escapes.",
    depth: Depth::True,
    encode: |frame, caps, out| draw(frame, caps, &PLAIN, out),
    ..Target::TEXT
};

/// The SGR number that switches each attribute on.
const ATTRS: [(Attrs, u8); 6] = [
    (Attrs::BOLD, 1),
    (Attrs::DIM, 2),
    (Attrs::ITALIC, 3),
    (Attrs::UNDERLINE, 4),
    (Attrs::REVERSE, 7),
    (Attrs::STRIKE, 9),
];

/// How a shell wants escapes marked and text escaped.
pub(super) struct Dialect {
    /// Stands before and after each escape, so that it is not measured.
    pub begin: &'static str,
    pub end: &'static str,
    /// The one character of texts that is not plain, and how it is escaped.
    pub doubled: Option<(char, &'static str)>,
}

const PLAIN: Dialect = Dialect { begin: "", end: "", doubled: None };

/// The frame in a dialect.
pub(super) fn draw(frame: &Frame, caps: &Caps, dialect: &Dialect, out: &mut String) {
    let mut now = Style::default();
    let escape = |text: &str, out: &mut String| {
        if !text.is_empty() {
            let _ = write!(out, "{}{text}{}", dialect.begin, dialect.end);
        }
    };
    for piece in flat(frame, caps) {
        let span = match piece {
            Flat::Mark(mark) => {
                let letter = if mark == Mark::PromptStart { 'A' } else { 'B' };
                escape(&format!("\x1b]133;{letter}\x1b\\"), out);
                continue;
            }
            Flat::Span(span) => span,
        };
        let mut text = plain_text(&span.text, caps);
        if text.is_empty() {
            continue;
        }
        if let Some((special, doubled)) = dialect.doubled
            && text.contains(special)
        {
            text = text.replace(special, doubled).into();
        }
        let next = span.style.at(caps.depth);
        escape(&change(now, next), out);
        now = next;
        match span.link.as_ref().map(|link| link.reveal()).filter(|link| is_link(link)) {
            Some(link) => {
                let link = match dialect.doubled {
                    Some((special, doubled)) => link.replace(special, doubled),
                    None => link.to_owned(),
                };
                escape(&format!("\x1b]8;;{link}\x1b\\"), out);
                out.push_str(&text);
                escape("\x1b]8;;\x1b\\", out);
            }
            None => out.push_str(&text),
        }
    }
    escape(&change(now, Style::default()), out);
}

/// The shortest way from one style to the next. Attributes are taken away by a reset: 22 would take
/// bold and dim together, and old terminals lack the single ones.
fn change(from: Style, to: Style) -> String {
    if from == to {
        return String::new();
    }
    if to == Style::default() {
        return "\x1b[0m".into();
    }
    let lost =
        ATTRS.iter().any(|(attr, _)| from.attrs.contains(*attr) && !to.attrs.contains(*attr));
    let from = if lost { Style::default() } else { from };
    let mut out = String::from("\x1b[");
    if lost {
        out.push_str("0;");
    }
    for (attr, number) in ATTRS {
        if to.attrs.contains(attr) && !from.attrs.contains(attr) {
            let _ = write!(out, "{number};");
        }
    }
    if to.fg != from.fg {
        color(to.fg, 30, &mut out);
    }
    if to.bg != from.bg {
        color(to.bg, 40, &mut out);
    }
    out.pop(); // the last `;`
    out.push('m');
    out
}

/// Appends the SGR numbers of a colour and a `;`; `base` is 30 for the foreground and 40 behind it.
fn color(color: Color, base: u8, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = match color {
        Color::Default => write!(out, "{};", base + 9),
        Color::Indexed(index @ 0..=7) => write!(out, "{};", base + index),
        Color::Indexed(index @ 8..=15) => write!(out, "{};", base + 60 + index - 8),
        Color::Indexed(index) => write!(out, "{};5;{index};", base + 8),
        Color::Rgb(r, g, b) => write!(out, "{};2;{r};{g};{b};", base + 8),
    };
}

/// Whether a link may stand in an OSC 8: a known scheme, visible ASCII only, not absurdly long
/// (2083 is what terminals take: the OSC 8 specification's own survey).
fn is_link(link: &str) -> bool {
    ["https://", "http://", "file://", "mailto:"].iter().any(|scheme| link.starts_with(scheme))
        && link.len() <= 2083
        && link.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Piece, Span, Text};
    use rainline_caps::Depth;

    fn encoded(spans: Vec<Span>, depth: Depth) -> String {
        let frame = Frame { pieces: spans.into_iter().map(Piece::Span).collect() };
        let mut out = String::new();
        (TARGET.encode)(&frame, &Caps { depth, ..Caps::default() }, &mut out);
        out
    }

    fn style(fg: Color, attrs: Attrs) -> Style {
        Style { fg, attrs, ..Style::default() }
    }

    #[test]
    fn says_only_what_changes() {
        let red = Color::Rgb(255, 0, 0);
        let spans = vec![
            Span::ours("a", style(red, Attrs::empty())),
            Span::new(Text::Outside("b".into()), style(red, Attrs::empty())),
            Span::ours("c", style(red, Attrs::BOLD)),
            Span::ours("d", style(Color::Default, Attrs::BOLD)),
            Span::ours("e", style(red, Attrs::ITALIC)),
            Span::ours("f", Style::default()),
        ];
        assert_eq!(
            encoded(spans, Depth::True),
            "\x1b[38;2;255;0;0mab\x1b[1mc\x1b[39md\x1b[0;3;38;2;255;0;0me\x1b[0mf"
        );
    }

    #[test]
    fn comes_down_the_ladder_and_resets_at_the_end() {
        let span = || vec![Span::ours("x", style(Color::Rgb(255, 0, 0), Attrs::BOLD))];
        assert_eq!(encoded(span(), Depth::Ansi256), "\x1b[1;38;5;196mx\x1b[0m");
        assert_eq!(encoded(span(), Depth::Ansi16), "\x1b[1;91mx\x1b[0m");
        assert_eq!(encoded(span(), Depth::Mono), "\x1b[1mx\x1b[0m");
    }

    #[test]
    fn links_only_what_is_safe() {
        let linked = |link: &str| {
            let span = Span { link: Some(link.into()), ..Span::ours("x", Style::default()) };
            encoded(vec![span], Depth::True)
        };
        assert_eq!(linked("https://a.b/c"), "\x1b]8;;https://a.b/c\x1b\\x\x1b]8;;\x1b\\");
        for odd in ["javascript:x", "https://a b", "https://é", "https://a\x07", ""] {
            assert_eq!(linked(odd), "x", "{odd}");
        }
    }

    #[test]
    fn marks_take_no_cells() {
        let pieces = vec![Piece::Mark(Mark::PromptStart), Piece::Mark(Mark::PromptEnd)];
        let mut out = String::new();
        (TARGET.encode)(&Frame { pieces }, &Caps::default(), &mut out);
        assert_eq!(out, "\x1b]133;A\x1b\\\x1b]133;B\x1b\\");
    }
}
