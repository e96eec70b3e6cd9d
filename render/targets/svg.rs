//! A picture of the row: one self-contained SVG, the same bytes for the same frame.
//!
//! Text is laid on a grid of cells and stretched to it (`textLength`), so that it lines up in
//! whatever monospaced font the viewer has. Blocks, braille and Powerline arrows are drawn as
//! shapes: no font draws them edge to edge, and many viewers have none that has them.

use std::fmt::Write;

use rainline_caps::{Caps, Depth, Policy};

use super::{Flat, Target, flat, plain_text};
use crate::frame::Frame;
use crate::style::{Attrs, Color, Style};
use crate::width;

pub static TARGET: Target = Target {
    name: "svg",
    about: "A picture of the row, for documents.",
    adapts_colour: true,
    depth: Depth::True,
    encode,
    ..Target::TEXT
};

/// What `default` looks like in a picture: the colours of the terminal that a reader imagines.
const FOREGROUND: &str = "#d8dee9";
const BACKGROUND: &str = "#12161d";
/// A cell, and the card around the cells, in pixels. The cell is even, so that halves are whole.
const CELL: (usize, usize) = (10, 22);
const MARGIN: usize = 12;
/// Where text stands in a cell, and how big.
const BASELINE: usize = 16;
const FONT_SIZE: usize = 16;

fn encode(frame: &Frame, caps: &Caps, out: &mut String) {
    let mut cells: Vec<Placed> = Vec::new();
    let mut column = 0;
    for piece in flat(frame, caps) {
        let Flat::Span(span) = piece else { continue };
        let text = plain_text(&span.text, caps);
        place(&text, span.style.at(caps.depth), &mut column, &mut cells, caps.policy);
    }
    let (width, height) = (column.max(1) * CELL.0 + 2 * MARGIN, CELL.1 + 2 * MARGIN);
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\">\
         <rect width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"{BACKGROUND}\"/>\
         <g shape-rendering=\"crispEdges\">"
    );
    for run in runs(&cells, |a, b| a.paint().1 == b.paint().1) {
        let Some(background) = run[0].paint().1 else { continue };
        let cells: usize = run.iter().map(|placed| placed.cells).sum();
        rect((left(run[0].column), MARGIN), (cells * CELL.0, CELL.1), &background, out);
    }
    let _ = write!(
        out,
        "</g><g font-family=\"ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace\" \
         font-size=\"{FONT_SIZE}\" xml:space=\"preserve\">"
    );
    // Wide characters apart: their font may stretch them by another factor.
    let alike = |a: &Placed, b: &Placed| {
        a.style == b.style && a.cells == b.cells && !a.is_shape() && !b.is_shape()
    };
    for run in runs(&cells, alike) {
        if run[0].is_shape() {
            shape(&run[0], out);
        } else {
            text(run, out);
        }
    }
    out.push_str("</g></svg>");
}

/// A character with what follows it on the same cell, in its place.
struct Placed {
    text: String,
    column: usize,
    cells: usize,
    style: Style,
}

/// Lays `text` on the grid from `column` on.
fn place(text: &str, style: Style, column: &mut usize, cells: &mut Vec<Placed>, policy: Policy) {
    for c in text.chars() {
        let mut buffer = [0; 4];
        let c = c.encode_utf8(&mut buffer);
        // A mark, a joiner or a modifier that takes no cell of its own belongs to the one before.
        match (width::width(c, policy), cells.last_mut()) {
            (0, Some(last)) => last.text.push_str(c),
            (0, None) => (),
            (wide, _) => {
                cells.push(Placed { text: c.into(), column: *column, cells: wide, style });
                *column += wide;
            }
        }
    }
}

impl Placed {
    /// The colours of what is before and of what is behind, if that is not the card.
    fn paint(&self) -> (String, Option<String>) {
        let hex = |color: Color| color.rgb().map(|(r, g, b)| Color::Rgb(r, g, b).written());
        let (fg, bg) = (hex(self.style.fg), hex(self.style.bg));
        if self.style.attrs.contains(Attrs::REVERSE) {
            let fg = fg.unwrap_or_else(|| FOREGROUND.into());
            return (bg.unwrap_or_else(|| BACKGROUND.into()), Some(fg));
        }
        (fg.unwrap_or_else(|| FOREGROUND.into()), bg)
    }

    /// The one character of this cell.
    fn glyph(&self) -> char {
        self.text.chars().next().unwrap_or(' ')
    }

    fn is_shape(&self) -> bool {
        matches!(self.glyph(), '▀'..='▏' | '▕' | '\u{2801}'..='\u{28ff}' | '\u{e0b0}'..='\u{e0b3}')
    }
}

/// The cells in stretches of neighbours that are alike.
fn runs(
    cells: &[Placed],
    alike: impl Fn(&Placed, &Placed) -> bool,
) -> impl Iterator<Item = &[Placed]> {
    cells.chunk_by(move |a, b| alike(a, b))
}

fn left(column: usize) -> usize {
    MARGIN + column * CELL.0
}

fn rect((x, y): (usize, usize), (width, height): (usize, usize), fill: &str, out: &mut String) {
    let _ = write!(
        out,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\"/>"
    );
}

/// Cells of one style as text. Blanks are drawn only where a line goes through or below them.
fn text(run: &[Placed], out: &mut String) {
    let style = run[0].style;
    let lined = style.attrs.contains(Attrs::UNDERLINE) || style.attrs.contains(Attrs::STRIKE);
    let run = if lined {
        run
    } else {
        let blank = |placed: &Placed| placed.text == " ";
        let first = run.iter().position(|placed| !blank(placed)).unwrap_or(run.len());
        let last = run.iter().rposition(|placed| !blank(placed)).map_or(first, |last| last + 1);
        &run[first..last]
    };
    let Some(first) = run.first() else { return };
    let length = run.iter().map(|placed| placed.cells).sum::<usize>() * CELL.0;
    let _ = write!(
        out,
        "<text x=\"{}\" y=\"{}\" textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{}\"",
        left(first.column),
        MARGIN + BASELINE,
        first.paint().0
    );
    for (attr, attribute) in [
        (Attrs::BOLD, " font-weight=\"bold\""),
        (Attrs::DIM, " opacity=\"0.6\""),
        (Attrs::ITALIC, " font-style=\"italic\""),
    ] {
        if style.attrs.contains(attr) {
            out.push_str(attribute);
        }
    }
    let lines: Vec<&str> = [(Attrs::UNDERLINE, "underline"), (Attrs::STRIKE, "line-through")]
        .into_iter()
        .filter_map(|(attr, line)| style.attrs.contains(attr).then_some(line))
        .collect();
    if !lines.is_empty() {
        let _ = write!(out, " text-decoration=\"{}\"", lines.join(" "));
    }
    out.push('>');
    run.iter().for_each(|placed| escape(&placed.text, out));
    out.push_str("</text>");
}

/// A glyph that has to meet its neighbours edge to edge.
fn shape(placed: &Placed, out: &mut String) {
    let (fill, _) = placed.paint();
    let (x, y, (width, height)) = (left(placed.column), MARGIN, CELL);
    let glyph = placed.glyph();
    if placed.style.attrs.contains(Attrs::DIM) {
        out.push_str("<g opacity=\"0.6\">");
    }
    match glyph {
        '▀' => rect((x, y), (width, height / 2), &fill, out),
        '▕' => rect((x + width - width.div_ceil(8), y), (width.div_ceil(8), height), &fill, out),
        '▁'..='█' => {
            let eighths = glyph as usize - '▁' as usize + 1;
            let tall = (height * eighths).div_ceil(8);
            rect((x, y + height - tall), (width, tall), &fill, out);
        }
        '▉'..='▏' => {
            let eighths = '▏' as usize - glyph as usize + 1;
            rect((x, y), ((width * eighths).div_ceil(8), height), &fill, out);
        }
        '\u{2800}'..='\u{28ff}' => {
            // Dots 1–3, 4–6 are the upper three of each column; 7 and 8 the lowest.
            const ROWS: [(usize, usize); 8] =
                [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)];
            for (bit, (column, row)) in ROWS.into_iter().enumerate() {
                if (glyph as u32 >> bit) & 1 == 1 {
                    let at = (x + 1 + 5 * column, y + 2 + row * 5);
                    rect(at, (3, 3), &fill, out);
                }
            }
        }
        arrow => {
            let (right, bottom, middle) = (x + width, y + height, y + height / 2);
            let (base, tip) = if arrow < '\u{e0b2}' { (x, right) } else { (right, x) };
            let points = format!("{base},{y} {tip},{middle} {base},{bottom}");
            let _ = if matches!(arrow, '\u{e0b0}' | '\u{e0b2}') {
                write!(out, "<polygon points=\"{points}\" fill=\"{fill}\"/>")
            } else {
                write!(out, "<polyline points=\"{points}\" fill=\"none\" stroke=\"{fill}\"/>")
            };
        }
    }
    if placed.style.attrs.contains(Attrs::DIM) {
        out.push_str("</g>");
    }
}

/// As XML character data. What XML 1.0 cannot hold at all is left out.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A blank that no viewer may swallow.
            ' ' => out.push('\u{a0}'),
            '\u{fffe}' | '\u{ffff}' => (),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Piece, Span, Text};

    fn encoded(spans: Vec<Span>) -> String {
        let frame = Frame { pieces: spans.into_iter().map(Piece::Span).collect() };
        let mut out = String::new();
        encode(&frame, &Caps::default(), &mut out);
        out
    }

    #[test]
    fn text_is_stretched_to_its_cells_and_escaped() {
        let svg = encoded(vec![Span::new(Text::Outside(" <a>漢&b ".into()), Style::default())]);
        for (x, length, text) in [(22, 30, "&lt;a&gt;"), (52, 20, "漢"), (72, 20, "&amp;b")] {
            let text = format!(
                "<text x=\"{x}\" y=\"28\" textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\" \
                 fill=\"#d8dee9\">{text}</text>"
            );
            assert!(svg.contains(&text), "{text} in {svg}");
        }
        assert!(svg.contains("viewBox=\"0 0 114 46\""), "{svg}");
    }

    #[test]
    fn neighbours_of_one_background_share_a_rectangle() {
        let style = |fg| Style { fg, bg: Color::Rgb(1, 2, 3), ..Style::default() };
        let svg = encoded(vec![
            Span::ours("ab", style(Color::Default)),
            Span::ours("c", style(Color::Indexed(9))),
            Span::ours("d", Style { attrs: Attrs::REVERSE, ..Style::default() }),
        ]);
        assert_eq!(svg.matches("fill=\"#010203\"").count(), 1, "{svg}");
        assert!(
            svg.contains("<rect x=\"12\" y=\"12\" width=\"30\" height=\"22\" fill=\"#010203\"/>")
        );
        assert!(
            svg.contains("<rect x=\"42\" y=\"12\" width=\"10\" height=\"22\" fill=\"#d8dee9\"/>")
        );
    }

    #[test]
    fn blocks_fill_their_part_of_the_cell() {
        let svg = encoded(vec![Span::ours("█▄▌▀▕", Style::default())]);
        for (x, y, width, height) in
            [(12, 12, 10, 22), (22, 23, 10, 11), (32, 12, 5, 22), (42, 12, 10, 11), (60, 12, 2, 22)]
        {
            let rect = format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"");
            assert!(svg.contains(&rect), "{rect} in {svg}");
        }
        assert!(!svg.contains("<text"));
    }
}
