//! Themes: one TOML file each, resolved into colours, styles, gradients, separators and icons.
//!
//! A theme says how things look and nothing of what they are: kinds, parts and levels appear in it
//! as names only. Themes are trusted markup, like the config.

use std::collections::BTreeMap;
use std::sync::Arc;

use rainline_segments::Level;

use crate::diagnostic::Diagnostic;
use crate::style::spec::{Paint, Spec};
use crate::style::{Attrs, Color, Style};
use rainline_caps::Glyphs;

mod read;

pub use read::{TABLES, unknown_names};

macro_rules! built_in {
    ($name:literal) => {
        ($name, include_str!(concat!("themes/", $name, ".toml")))
    };
}

/// The themes that are built in, each a file of `themes/` and a line here: name and text, the
/// default first.
pub static BUILT_IN: &[(&str, &str)] = &[
    built_in!("rain"),
    built_in!("rain-light"),
    built_in!("mono"),
    built_in!("contrast"),
    built_in!("catppuccin"),
    built_in!("dracula"),
    built_in!("gruvbox"),
    built_in!("nord"),
];

/// The most named styles that one style is made of.
const MAX_NAMED: u32 = 32;

/// For which background a theme is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Background {
    /// Bright text on dark.
    #[default]
    Dark,
    /// Dark text on bright.
    Light,
}

/// A theme, resolved: its parents merged in, every name known.
#[derive(Clone, Debug, Default)]
pub struct Theme {
    /// As configs name it.
    pub name: String,
    /// One sentence, for lists and docs.
    pub about: String,
    /// What it is made for.
    pub background: Background,
    /// Its colours by name.
    pub palette: BTreeMap<String, Color>,
    /// Its styles by name (`line`, a kind, `level.warning`), to be laid over one another.
    pub styles: BTreeMap<String, Spec>,
    /// The colour of a kind (`cpu`) or a part (`part.cache`), by palette name or colour.
    pub accents: BTreeMap<String, Paint>,
    /// Stops at equal distances from 0 to 1.
    pub gradients: BTreeMap<String, Vec<Paint>>,
    /// The least contrast of its texts with what is behind them (WCAG 2, 1 to 21); a test holds it.
    pub contrast: f64,
    /// Separators at each glyph level.
    pub separators: [Separators; 3],
    /// Icons that replace a kind's own, by kind and glyph level.
    pub icons: BTreeMap<String, [Option<String>; 3]>,
}

/// What stands between segments. Empty: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Separators {
    /// In a left slot, where the background changes.
    pub left_hard: String,
    /// In a right slot, where the background changes.
    pub right_hard: String,
    /// In a left slot, where it does not.
    pub left_soft: String,
    /// In a right slot, where it does not.
    pub right_soft: String,
}

/// The name of a level's style.
pub fn level_style(level: Level) -> &'static str {
    match level {
        Level::Idle => "level.idle",
        Level::Good => "level.good",
        Level::Info => "level.info",
        Level::Warning => "level.warning",
        Level::Critical => "level.critical",
    }
}

impl Theme {
    /// The built-in theme of this name.
    pub fn built_in(name: &str) -> Option<Theme> {
        let (theme, problems) = Theme::load(name, &[])?;
        // A test checks every built-in theme.
        debug_assert!(problems.is_empty(), "{}", problems[0]);
        Some(theme)
    }

    /// The theme of this name from the user's files or the built-in ones (the user's win), with
    /// what is wrong with it. `None`: there is no such theme.
    pub fn load(
        name: &str,
        user: &[(String, Arc<crate::diagnostic::Source>)],
    ) -> Option<(Theme, Vec<Diagnostic>)> {
        read::load(name, user)
    }

    /// The style of this name, on top of `base`. Unknown names change nothing.
    pub fn over(&self, base: Style, name: &str, subject: &Subject) -> Style {
        match self.styles.get(name) {
            Some(spec) => self.apply(base, spec, subject),
            None => base,
        }
    }

    /// `spec` on top of `base`.
    pub fn apply(&self, base: Style, spec: &Spec, subject: &Subject) -> Style {
        self.apply_within(base, spec, subject, &mut { MAX_NAMED })
    }

    /// The same, with so many named styles at the most: those that name each other never end, and
    /// each may name many.
    fn apply_within(&self, base: Style, spec: &Spec, subject: &Subject, left: &mut u32) -> Style {
        let mut style = base;
        for name in &spec.named {
            if let Some(named) = self.styles.get(name)
                && *left > 0
            {
                *left -= 1;
                style = self.apply_within(style, named, subject, left);
            }
        }
        if let Some(paint) = &spec.bg {
            style.bg = self.paint(paint, base, subject).unwrap_or(style.bg);
        }
        if let Some(paint) = &spec.fg {
            style.fg = self.paint(paint, style, subject).unwrap_or(style.fg);
        }
        style.attrs = (style.attrs | spec.add) - spec.remove;
        style
    }

    /// The colour that a paint stands for, between what is around it; `None` for unknown names.
    pub fn paint(&self, paint: &Paint, around: Style, subject: &Subject) -> Option<Color> {
        match paint {
            Paint::Color(color) => Some(*color),
            Paint::Palette(name) => self.color(name),
            Paint::Fg => Some(around.fg),
            Paint::Bg => Some(around.bg),
            Paint::Gradient(name) => self.gradient(name, subject.position.unwrap_or(0.0)),
            Paint::Accent => self.accent(subject.kind),
            Paint::Level => {
                let spec = self.styles.get(level_style(subject.level));
                match spec.and_then(|spec| spec.fg.as_ref()) {
                    // A level without a colour of its own leaves the segment its accent.
                    None | Some(Paint::Level) => self.accent(subject.kind),
                    Some(paint) => self.paint(paint, around, subject),
                }
            }
        }
    }

    /// The colour of a palette's name, or of one of [`Color::parse`]'s.
    pub fn color(&self, name: &str) -> Option<Color> {
        self.palette.get(name).copied().or_else(|| Color::parse(name))
    }

    /// The colour of exactly this name.
    fn accent_of(&self, name: &str) -> Option<Color> {
        self.named(self.accents.get(name)?)
    }

    fn accent(&self, name: &str) -> Option<Color> {
        self.named(self.accents.get(name).or_else(|| self.accents.get("default"))?)
    }

    /// The colour of the `index`th part of a graph; parts without a colour of their own take turns.
    pub fn part(&self, name: &str, index: usize) -> Color {
        const TURNS: [&str; 6] = ["blue", "green", "yellow", "magenta", "cyan", "red"];
        let color = match self.accents.get(&format!("part.{name}")) {
            Some(own) => self.named(own),
            // Its parts differ by their signs.
            None if self.colourless() => None,
            None => self.color(TURNS[index % TURNS.len()]),
        };
        color.unwrap_or_default()
    }

    /// The colour of the `index`th part as a ground, which is a background that shapes are drawn on:
    /// the theme's own (`ground.NAME`), else the part's colour by [`Theme::grounded`].
    pub fn ground(&self, name: &str, index: usize) -> Color {
        let own = self.accent_of(&format!("ground.{name}"));
        own.unwrap_or_else(|| self.grounded(self.part(name, index)))
    }

    /// The colour, brought so close to the background that others can be read on it.
    pub fn grounded(&self, color: Color) -> Color {
        // Lightness in OKLab, far from that of the theme's text.
        color.toned(match self.background {
            Background::Dark => 0.40,
            Background::Light => 0.87,
        })
    }

    /// The colour at `position` (0–1) of a gradient; `None` where the theme has none of this name.
    pub fn gradient(&self, name: &str, position: f64) -> Option<Color> {
        let stops = self.gradients.get(name)?;
        let last = stops.len().checked_sub(1)?;
        let place = position.clamp(0.0, 1.0) * last as f64;
        let index = (place.floor() as usize).min(last.saturating_sub(1));
        let next = stops.get(index + 1).unwrap_or(&stops[index]);
        Some(self.named(&stops[index])?.blend(self.named(next)?, place - index as f64))
    }

    /// A colour or a name of the palette.
    fn named(&self, paint: &Paint) -> Option<Color> {
        match paint {
            Paint::Color(color) => Some(*color),
            Paint::Palette(name) => self.color(name),
            _ => None,
        }
    }

    /// The separators at a level of glyphs.
    pub fn separators(&self, glyphs: Glyphs) -> &Separators {
        &self.separators[glyphs as usize]
    }

    /// The theme's own icon for this kind, if it has one.
    pub fn icon(&self, kind: &str, glyphs: Glyphs) -> Option<&str> {
        self.icons.get(kind)?[glyphs as usize].as_deref()
    }

    /// Whether it has no colours of its own: neither a palette nor one for the line.
    pub fn colourless(&self) -> bool {
        let line = || self.styles.get("line").and_then(|spec| spec.fg.as_ref());
        self.palette.is_empty() && matches!(line(), None | Some(Paint::Color(Color::Default)))
    }

    /// A style faded toward its background: how an old value looks.
    pub fn faded(&self, style: Style) -> Style {
        let fg = style.fg.blend(style.bg, 0.55);
        let attrs = if fg == style.fg { style.attrs | Attrs::DIM } else { style.attrs };
        Style { fg, attrs: attrs - Attrs::BOLD, ..style }
    }
}

/// What is styled, as far as a style may depend on it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// The segment's kind; empty: no segment.
    pub kind: &'a str,
    /// Its level.
    pub level: Level,
    /// Where its value stands between nothing and full, 0–1.
    pub position: Option<f64>,
}

#[cfg(test)]
mod tests;
