//! The output of scripts that were written for i3blocks and Byobu.
//!
//! i3blocks' scripts print a full text, a short text and a colour, and exit with 33 if urgent. As a
//! source has no colours, the hue becomes a level. Byobu's have the colours of tmux or screen in
//! their text; they are removed.

use crate::base::value::Level;

/// i3blocks' exit status for what is urgent.
pub(super) const URGENT: i32 = 33;

/// A line without the colours of tmux (`#[…]`) and of screen (`^E{…}`).
pub(super) fn without_colours(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let colour = [("#[", ']'), ("\u{5}{", '}')].into_iter().find_map(|(open, close)| {
            let inside = rest.strip_prefix(open)?;
            inside.find(close).map(|at| &inside[at + 1..])
        });
        match colour {
            Some(after) => rest = after,
            None => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out
}

/// `#RRGGBB` as a level by its hue: red, yellow, green, blue. Grey, or any other text, is idle.
pub(super) fn level_of_colour(colour: &str) -> Level {
    let digits = colour.trim().trim_start_matches('#');
    if digits.len() < 6 || !digits.is_ascii() {
        return Level::Idle;
    }
    let part = |at| u8::from_str_radix(&digits[at..at + 2], 16).ok().map(f64::from);
    let (Some(r), Some(g), Some(b)) = (part(0), part(2), part(4)) else { return Level::Idle };
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    // Below this difference a colour looks grey.
    if most - least < 48.0 {
        return Level::Idle;
    }
    let sixth = 60.0 / (most - least);
    let hue = match most {
        _ if most == r => ((g - b) * sixth).rem_euclid(360.0),
        _ if most == g => 120.0 + (b - r) * sixth,
        _ => 240.0 + (r - g) * sixth,
    };
    match hue {
        ..20.0 | 330.0.. => Level::Critical,
        20.0..75.0 => Level::Warning,
        75.0..165.0 => Level::Good,
        _ => Level::Info,
    }
}
