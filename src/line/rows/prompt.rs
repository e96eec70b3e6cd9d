//! A shell's prompt: its rows, its right side and the prompt of further lines, in one answer.

use rainline_caps::Caps;
use rainline_render::frame::{Frame, Piece, Span};
use rainline_render::style::Style;
use rainline_render::targets::{Right, Target};

use super::{FULL, Readings, Want, WithoutSign, rows, rows_at_least};
use crate::config::Config;

/// A prompt laid out: each right row stands beside the left one of its number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prompt {
    /// All rows but the last are whole; one types behind the last.
    pub left: Vec<Frame>,
    /// What stands at the right of the last row, where there is room for it.
    pub right: Frame,
    /// The prompt of a command's further lines.
    pub continuation: Frame,
}

/// The rows of a prompt. All leave the last column free: a shell that writes there wraps.
pub fn prompt(config: &Config, want: Want, readings: &dyn Readings, caps: &Caps) -> Prompt {
    let caps = &Caps { columns: caps.columns.saturating_sub(1).max(1), ..caps.clone() };
    let slot = |slot, readings: &dyn Readings| rows(config, Want { slot, ..want }, readings, caps);
    let unmarked = &WithoutSign(readings);
    // One types behind the left side, so it has a row also where nothing stands in it.
    let mut lefts = rows_at_least(1, config, Want { slot: "left", ..want }, readings, caps);
    let mut rights = slot("right", unmarked);
    let count = lefts.len().max(rights.len());
    lefts.resize(count, Frame::default());
    rights.resize(count, Frame::default());
    let (last, right) = (lefts.pop().unwrap_or_default(), rights.pop().unwrap_or_default());
    let mut left = if count > 1 { slot(FULL, readings) } else { Vec::new() };
    left.truncate(count - 1);
    left.push(ended(last));
    // Dropped where it would leave no room to type.
    let used = left.last().map_or(0, |last| last.width(caps.policy)) + right.width(caps.policy);
    let right = if used + caps.columns / 4 > caps.columns { Frame::default() } else { right };
    let continuation = slot("continuation", unmarked).into_iter().next().unwrap_or_default();
    let shows = !continuation.pieces.is_empty();
    let continuation = if shows { ended(continuation) } else { continuation };
    Prompt { left, right, continuation }
}

/// Sets off what one types: the row ends with a blank of no colour. So no prompt is ever empty.
fn ended(mut row: Frame) -> Frame {
    let blank = match row.pieces.last() {
        Some(Piece::Span(span)) => {
            span.text.known().ends_with(' ') && span.style.bg == Style::default().bg
        }
        _ => false,
    };
    if !blank {
        row.push(Span::ours(" ", Style::default()));
    }
    row
}

/// A prompt as a shell takes it apart: the row for the right side, the one of the continuation (both
/// may be empty), then the rows of the prompt itself, of which the last is never empty.
pub fn encode_prompt(prompt: &Prompt, target: &Target, caps: &Caps) -> String {
    let row = |frame: &Frame| {
        let mut out = String::new();
        (target.encode)(frame, caps, &mut out);
        out
    };
    let mut right = String::new();
    let mut left: Vec<String> = prompt.left.iter().map(row).collect();
    match target.right {
        Right::Own => right = row(&prompt.right),
        Right::Moves(draw) if !prompt.right.pieces.is_empty() => {
            let mut moved = String::new();
            draw(&prompt.right, caps, &mut moved);
            if let Some(last) = left.last_mut() {
                last.insert_str(0, &moved);
            }
        }
        Right::Moves(_) | Right::Nowhere => {}
    }
    let mut lines = vec![right, row(&prompt.continuation)];
    lines.append(&mut left);
    lines.join("\n")
}
