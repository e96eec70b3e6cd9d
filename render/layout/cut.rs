//! A row that is too wide even with one block.

use rainline_caps::Caps;

use super::Layout;
use crate::frame::{Choice, Frame, Piece, Span, Text};
use crate::width;

/// Cuts a row to the columns there are, with a mark where something was cut away.
pub(super) fn cut(frame: Frame, layout: &Layout) -> Frame {
    let caps = layout.caps;
    let mark = caps.glyphs.ellipsis(caps.policy);
    let mut left = caps.columns.saturating_sub(width::width(mark, caps.policy));
    let mut out = Frame::default();
    let mut style = layout.line;
    for piece in frame.pieces {
        let cells = piece.width(caps.policy);
        match piece {
            Piece::Span(span) => {
                style = span.style;
                out.pieces.extend(start(span, left, caps).map(Piece::Span));
            }
            Piece::Choice(mut whole) => {
                for arm in &mut whole.arms {
                    let mut rest = left;
                    let spans = std::mem::take(&mut arm.spans).into_iter();
                    let cut = |span: Span| {
                        let cells = span.width(caps.policy);
                        let span = start(span, rest, caps);
                        rest = rest.saturating_sub(cells);
                        span
                    };
                    arm.spans = spans.filter_map(cut).collect();
                }
                let whole = Choice::padded(whole.on, whole.arms, caps.policy);
                style = whole.pick(&[]).last().map_or(style, |span| span.style);
                out.pieces.push(Piece::Choice(whole));
            }
            Piece::Mark(_) => out.pieces.push(piece),
        }
        if cells > left {
            break;
        }
        left -= cells;
    }
    if caps.columns > 0 && width::width(mark, caps.policy) <= caps.columns {
        out.push(Span::ours(mark, style));
    }
    out
}

/// The start of a span that fits into `cells`.
fn start(span: Span, cells: usize, caps: &Caps) -> Option<Span> {
    if span.width(caps.policy) <= cells {
        return Some(span);
    }
    if cells == 0 {
        return None;
    }
    let fitting = |text: &str| width::prefix(text, cells, caps.policy).0.to_owned();
    let text = match &span.text {
        Text::Live { what, known, .. } => {
            let most = u16::try_from(cells).unwrap_or(u16::MAX);
            Text::Live { what: *what, most, known: fitting(known.reveal()).into() }
        }
        Text::Outside(text) => Text::Outside(fitting(text.reveal()).into()),
        Text::Ours(text) => Text::Ours(fitting(text).into()),
    };
    Some(Span { text, ..span })
}
