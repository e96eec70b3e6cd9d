//! A bar that fills from the left.

use super::{Dot, EMPTY_ASCII, FILLING, Ink, Pen, STEPS, position};

/// A bar filled from the left up to `full`, 0–1, in eighths of a cell; `marker`, 0–1, is a bright
/// line at the nearest edge between two cells.
pub fn bar(full: f64, marker: Option<f64>, width: usize, pen: Pen) -> Vec<Dot> {
    let full = position(full, 1.0).unwrap_or(0.0);
    let steps = if pen.ascii() { 1 } else { STEPS };
    let filled = filled(full, width * steps);
    let cell = |index: usize| match filled.saturating_sub(index * steps).min(steps) {
        0 if pen.ascii() => Dot::new(EMPTY_ASCII, Ink::Base),
        0 => Dot::BLANK,
        _ if pen.ascii() => Dot::new('#', Ink::At(full)),
        eighths => Dot::new(FILLING[eighths], Ink::At(full)),
    };
    let mut dots: Vec<Dot> = (0..width).map(cell).collect();
    if let Some(at) = marker.and_then(|marker| position(marker, 1.0)) {
        mark(&mut dots, at, pen);
    }
    dots
}

/// Puts the line into the cell that it is the edge of. What the cell held stays behind the line as
/// far as two colours allow: filled or not, by what it was mostly.
fn mark(dots: &mut [Dot], at: f64, pen: Pen) {
    let edge = (at * dots.len() as f64).round() as usize;
    let last = dots.len().saturating_sub(1);
    let Some(dot) = dots.get_mut(edge.min(last)) else { return };
    let held = FILLING.iter().position(|glyph| *glyph == dot.glyph).unwrap_or(0);
    // The last cell looks full only when it is, the first one empty only when it is.
    let enough = match edge {
        0 => 1,
        edge if edge >= last => STEPS,
        _ => STEPS / 2,
    };
    let glyph = match edge > last {
        _ if pen.ascii() => '|',
        false => '▏',
        true => '▕',
    };
    *dot = Dot { glyph, fg: Ink::Mark, bg: if held >= enough { dot.fg } else { Ink::Base } };
}

/// How many of `units` are filled: some if there is something, all only if it is full.
fn filled(full: f64, units: usize) -> usize {
    if full <= 0.0 || units == 0 {
        0
    } else if full >= 1.0 {
        units
    } else {
        ((full * units as f64).round() as usize).min(units - 1).max(1)
    }
}
