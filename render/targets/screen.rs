//! GNU screen's lines, fed through a backtick command.
//!
//! In a backtick's output the escape character is Ctrl-E, and it alone is one: `%`, `"` and the rest
//! are plain text. With Ctrl-E a text could run other backticks, so no text keeps a control character.
//!
//! The colour grammar of 5.0 has nothing in common with that of 4.x (`screen.c`, `process.c`:
//! `ParseAttrColor`). 4.x: `{= kG}`, attributes, background, foreground, sixteen colours, and `dd`
//! for the terminal's own. 5.0: `{b 12;236}`, attributes, foreground, background, 256 colours, what
//! is missing is the terminal's own; but a style with nothing in it means "the one before", so each
//! style is taken back before the next.
//!
//! `%=` counts bytes, therefore graphs are of ASCII unless the request says otherwise.

use std::fmt::Write;

use rainline_caps::{Caps, Depth, Glyphs, Version};

use super::{Flat, Target, flat, plain_text};
use crate::frame::Frame;
use crate::style::{Attrs, Color, Style};

pub static TARGET: Target = Target {
    name: "screen",
    about: "GNU screen's caption and hardstatus, through a backtick command.",
    depth: Depth::True,
    glyphs: Glyphs::Ascii,
    encode,
    ..Target::TEXT
};

/// The most bytes of a backtick's line. 4.x drops a line of more than 767; the window list shares
/// those, so some are left to it.
const MOST_BYTES: usize = 740;

/// The first version with the new grammar.
const NEW_GRAMMAR: Version = (5, 0);

fn encode(frame: &Frame, caps: &Caps, out: &mut String) {
    let new = caps.version >= NEW_GRAMMAR;
    let depth = caps.depth.min(if new { Depth::Ansi256 } else { Depth::Ansi16 });
    let plain = change(Style { attrs: Attrs::BOLD, ..Style::default() }, Style::default(), new);
    let start = out.len();
    let most = start + MOST_BYTES - plain.len();
    let mut now = Style::default();
    // 4.x draws a hardstatus in reverse until a colour is set.
    let mut is_set = new;
    for piece in flat(frame, caps) {
        let Flat::Span(span) = piece else { continue };
        let text = plain_text(&span.text, caps);
        if text.is_empty() {
            continue;
        }
        let next = shown(span.style.at(depth), new);
        let style = match is_set {
            true => change(now, next, new),
            false => rendition(next, caps.version),
        };
        if out.len() + style.len() + text.len() > most {
            if out.len() == start {
                // One text longer than the line: its start is better than a blank line.
                let end = text.floor_char_boundary(most - start - style.len());
                out.push_str(&style);
                out.push_str(&text[..end]);
                now = next;
            }
            break;
        }
        out.push_str(&style);
        out.push_str(&text);
        (now, is_set) = (next, true);
    }
    out.push_str(&change(now, Style::default(), new));
}

/// The style without what this grammar has no letter for.
fn shown(style: Style, new: bool) -> Style {
    let known =
        letters(new).iter().map(|(attr, _)| *attr).filter(|attr| style.attrs.contains(*attr));
    Style { attrs: known.fold(Attrs::empty(), Attrs::union), ..style }
}

fn letters(new: bool) -> &'static [(Attrs, char)] {
    const LETTERS: [(Attrs, char); 5] = [
        (Attrs::BOLD, 'b'),
        (Attrs::DIM, 'd'),
        (Attrs::UNDERLINE, 'u'),
        (Attrs::REVERSE, 'r'),
        (Attrs::ITALIC, 'i'),
    ];
    if new { &LETTERS } else { &LETTERS[..4] }
}

/// The way from one style to the next.
fn change(from: Style, to: Style, new: bool) -> String {
    if from == to {
        return String::new();
    }
    let mut out = String::new();
    if new {
        if from != Style::default() {
            out.push_str("\x05{-}");
        }
        if to != Style::default() {
            let _ = write!(out, "\x05{{{}}}", words(to, new));
        }
    } else if from.attrs == to.attrs {
        // Two letters alone are colours; attributes stay.
        let _ = write!(out, "\x05{{{}{}}}", letter(to.bg), letter(to.fg));
    } else {
        let _ = write!(out, "\x05{{{}}}", words(to, new));
    }
    out
}

/// A whole style as a backtick sets it, whatever was before; 5.0 takes it back by `{-}`. With `%` in
/// place of Ctrl-E it is what a template sets it by.
pub fn rendition(style: Style, version: Version) -> String {
    let new = version >= NEW_GRAMMAR;
    let depth = if new { Depth::Ansi256 } else { Depth::Ansi16 };
    format!("\x05{{{}}}", words(shown(style.at(depth), new), new))
}

fn words(style: Style, new: bool) -> String {
    let attrs: String = letters(new)
        .iter()
        .filter(|(attr, _)| style.attrs.contains(*attr))
        .map(|(_, letter)| *letter)
        .collect();
    if !new {
        return format!("={attrs} {}{}", letter(style.bg), letter(style.fg));
    }
    let number = |color| match color {
        Color::Indexed(index) => index.to_string(),
        _ => String::new(),
    };
    let (fg, bg) = (number(style.fg), number(style.bg));
    let gap = if attrs.is_empty() || (fg.is_empty() && bg.is_empty()) { "" } else { " " };
    let bg = if bg.is_empty() { bg } else { format!(";{bg}") };
    format!("{attrs}{gap}{fg}{bg}")
}

/// A colour in the letters of 4.x: capitals are bright.
fn letter(color: Color) -> char {
    match color {
        Color::Indexed(index @ 0..=15) => char::from(b"krgybmcwKRGYBMCW"[usize::from(index)]),
        _ => 'd',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Piece, Span, Text};

    fn encoded(spans: Vec<Span>, version: Version) -> String {
        let frame = Frame { pieces: spans.into_iter().map(Piece::Span).collect() };
        let mut out = String::new();
        encode(&frame, &Caps { version, ..Caps::default() }, &mut out);
        out
    }

    fn spans() -> Vec<Span> {
        let style = |fg, bg, attrs| Style { fg, bg, attrs };
        let blue = Color::Indexed(4);
        vec![
            Span::ours("a", style(Color::Indexed(10), blue, Attrs::empty())),
            Span::ours("b", style(Color::Default, blue, Attrs::empty())),
            Span::ours("c", style(Color::Default, blue, Attrs::BOLD)),
            Span::ours("d", Style::default()),
        ]
    }

    #[test]
    fn speaks_the_grammar_of_each_version() {
        assert_eq!(encoded(spans(), (4, 9)), "\x05{= bG}a\x05{bd}b\x05{=b bd}c\x05{= dd}d");
        assert_eq!(encoded(spans(), (4, 9)), encoded(spans(), (0, 0)));
        assert_eq!(
            encoded(spans(), (5, 0)),
            "\x05{10;4}a\x05{-}\x05{;4}b\x05{-}\x05{b ;4}c\x05{-}d"
        );
    }

    #[test]
    fn begins_with_a_colour_and_ends_plain() {
        let bold = Style { attrs: Attrs::BOLD, ..Style::default() };
        let one = |style| vec![Span::ours("x", style)];
        assert_eq!(encoded(one(Style::default()), (4, 9)), "\x05{= dd}x");
        assert_eq!(encoded(one(bold), (4, 9)), "\x05{=b dd}x\x05{= dd}");
        assert_eq!(encoded(one(bold), (5, 0)), "\x05{b}x\x05{-}");
    }

    #[test]
    fn comes_down_to_its_colours() {
        let style = Style { fg: Color::Rgb(255, 0, 0), ..Style::default() };
        assert_eq!(rendition(style, (4, 9)), "\x05{= dR}");
        assert_eq!(rendition(style, (5, 0)), "\x05{196}");
    }

    #[test]
    fn is_cut_between_two_spans() {
        let spans = (0..400).map(|n| {
            let style = Style { fg: Color::Indexed(n as u8 % 16), ..Style::default() };
            Span::new(Text::Outside("漢字 text".into()), style)
        });
        for version in [(4, 9), (5, 0)] {
            let out = encoded(spans.clone().collect(), version);
            assert!((700..=740).contains(&out.len()), "{}", out.len());
            assert!(out.trim_end_matches(|c| "\x05{-}= d".contains(c)).ends_with("text"));
        }
    }

    #[test]
    fn no_control_of_a_text_passes() {
        let out = encoded(vec![Span::ours("a\x051`\u{7f}\u{85}b", Style::default())], (4, 9));
        assert_eq!(out, "\x05{= dd}a1`b");
    }
}
