//! Styles as they are written: `bold fg:blue bg:gradient(load) dim`, names not yet looked up.

use crate::diagnostic::Fault;
use crate::style::{Attrs, Color, ansi_names};

/// A longer style is refused, because it is applied each time that it is drawn.
const MAX_BYTES: usize = 500;

/// A style as written. What it leaves out is inherited from around it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spec {
    /// The colour of text.
    pub fg: Option<Paint>,
    /// The colour behind it.
    pub bg: Option<Paint>,
    /// Attributes that it switches on.
    pub add: Attrs,
    /// Attributes that it switches off.
    pub remove: Attrs,
    /// Named styles of the theme, applied first, in order.
    pub named: Vec<String>,
}

/// Where a colour comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Paint {
    /// This colour.
    Color(Color),
    /// A name of the theme's palette.
    Palette(String),
    /// The foreground of the level's style.
    Level,
    /// The colour that the theme gives the segment's kind.
    Accent,
    /// A named gradient at the value's position.
    Gradient(String),
    /// The foreground around it.
    Fg,
    /// The background around it.
    Bg,
}

impl Spec {
    /// Reads words separated by spaces. Faults are counted in bytes of `text`.
    pub fn parse(text: &str) -> Result<Spec, Vec<Fault>> {
        let mut spec = Spec::default();
        let mut faults = Vec::new();
        if text.len() > MAX_BYTES {
            return Err(vec![Fault::new(0..text.len(), format!("longer than {MAX_BYTES} bytes"))]);
        }
        let mut at = 0;
        for word in text.split(' ') {
            let span = at..at + word.len();
            at = span.end + 1;
            if word.is_empty() {
                continue;
            }
            if let Some((side @ ("fg:" | "bg:"), color)) = word.split_at_checked(3) {
                match (Paint::parse(color), side) {
                    (Ok(paint), "fg:") => spec.fg = Some(paint),
                    (Ok(paint), _) => spec.bg = Some(paint),
                    (Err(fault), _) => faults.push(Fault::new(span.start + 3..span.end, fault)),
                }
            } else if let Some(attrs) = attribute(word) {
                spec.add |= attrs;
            } else if let Some(attrs) = word.strip_prefix("no-").and_then(attribute) {
                spec.remove |= attrs;
            } else if word.contains(':') {
                let fault = Fault::new(span, format!("`{word}` is no style: fg:COLOUR, bg:COLOUR"));
                faults.push(fault);
            } else {
                spec.named.push(word.to_owned());
            }
        }
        if faults.is_empty() { Ok(spec) } else { Err(faults) }
    }
}

impl Paint {
    fn parse(text: &str) -> Result<Paint, String> {
        if let Some(rest) = text.strip_prefix("gradient(") {
            return match rest.strip_suffix(')') {
                Some(name) if !name.is_empty() => Ok(Paint::Gradient(name.to_owned())),
                _ => Err("expected gradient(NAME)".into()),
            };
        }
        match text {
            "level" => return Ok(Paint::Level),
            "accent" => return Ok(Paint::Accent),
            "fg" => return Ok(Paint::Fg),
            "bg" => return Ok(Paint::Bg),
            "" => return Err("expected a colour".into()),
            _ => {}
        }
        // Palette names win over the terminal's own: a theme may say what its `red` is.
        if text.starts_with('#') || text == "default" || text.parse::<u32>().is_ok() {
            return Color::parse(text).map(Paint::Color).ok_or_else(|| {
                format!("`{text}` is no colour: #rrggbb, 0 to 255, a name, default")
            });
        }
        Ok(Paint::Palette(text.to_owned()))
    }
}

/// The attribute of this name.
pub fn attribute(name: &str) -> Option<Attrs> {
    Attrs::NAMES.iter().find(|(known, _)| *known == name).map(|(_, attrs)| *attrs)
}

/// Every attribute and terminal colour name, for suggestions.
pub fn words<'a>() -> impl Iterator<Item = &'a str> {
    Attrs::NAMES.iter().map(|(name, _)| *name).chain(ansi_names())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_words_in_any_order() {
        let spec = Spec::parse("label bold  fg:blue bg:gradient(load) no-dim").expect("right");
        assert_eq!(spec.fg, Some(Paint::Palette("blue".into())));
        assert_eq!(spec.bg, Some(Paint::Gradient("load".into())));
        assert_eq!(spec.named, ["label"]);
        assert!(spec.add.contains(Attrs::BOLD) && spec.remove.contains(Attrs::DIM));
    }

    #[test]
    fn says_where_it_is_wrong() {
        let faults = Spec::parse("bold fg:#12 bg:300 fx:red").expect_err("wrong");
        let spans: Vec<_> = faults.iter().map(|fault| fault.span.clone()).collect();
        assert_eq!(spans, [8..11, 15..18, 19..25]);
    }
}
