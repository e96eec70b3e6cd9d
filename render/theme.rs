//! Themes: one TOML file each, resolved into colours, styles, gradients, separators and icons.
//!
//! A theme says how things subject and nothing of what they are: kinds, parts and levels appear in it
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

/// The themes that are built in: name and file, the default first.
pub static BUILT_IN: &[(&str, &str)] = &[
    ("rain", include_str!("themes/rain.toml")),
    ("rain-light", include_str!("themes/rain-light.toml")),
    ("mono", include_str!("themes/mono.toml")),
    ("contrast", include_str!("themes/contrast.toml")),
    ("catppuccin", include_str!("themes/catppuccin.toml")),
    ("dracula", include_str!("themes/dracula.toml")),
    ("gruvbox", include_str!("themes/gruvbox.toml")),
    ("nord", include_str!("themes/nord.toml")),
];

/// For which background a theme is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Background {
    #[default]
    Dark,
    Light,
}

/// A theme, resolved: its parents merged in, every name known.
#[derive(Clone, Debug, Default)]
pub struct Theme {
    pub name: String,
    pub about: String,
    pub background: Background,
    pub palette: BTreeMap<String, Color>,
    pub styles: BTreeMap<String, Spec>,
    /// The colour of a kind (`cpu`) or a part (`part.cache`), by palette name or colour.
    pub accents: BTreeMap<String, Paint>,
    /// Stops at equal distances from 0 to 1.
    pub gradients: BTreeMap<String, Vec<Paint>>,
    /// The contrast that its texts have on their grounds at least (WCAG 2); a test holds it.
    pub contrast: f64,
    /// Separators at each glyph level.
    pub separators: [Separators; 3],
    /// Icons that replace a kind's own, by kind and glyph level.
    pub icons: BTreeMap<String, [Option<String>; 3]>,
}

/// What stands between segments. Empty: nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Separators {
    /// Where the background changes, in a left slot and in a right one.
    pub left_hard: String,
    pub right_hard: String,
    /// Where it does not.
    pub left_soft: String,
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
        // A test lints every built-in theme; a fault here would be one of this build.
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
        let mut style = base;
        for name in &spec.named {
            if let Some(named) = self.styles.get(name)
                && subject.depth < 8
            {
                style = self.apply(style, named, &Subject { depth: subject.depth + 1, ..*subject });
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

    /// The colour that a paint stands for.
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

    /// A palette name, or one of the terminal's own colours.
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
            // Its parts are told apart by their signs.
            None if self.colourless() => None,
            None => self.color(TURNS[index % TURNS.len()]),
        };
        color.unwrap_or_default()
    }

    /// The colour of the `index`th part as a ground that shapes are drawn on: the theme's own
    /// (`ground.NAME`), else the part's colour as [`Theme::grounded`] makes it.
    pub fn ground(&self, name: &str, index: usize) -> Color {
        let own = self.accent_of(&format!("ground.{name}"));
        own.unwrap_or_else(|| self.grounded(self.part(name, index)))
    }

    /// A colour come so near to the background that others can be read on it.
    pub fn grounded(&self, color: Color) -> Color {
        // Lightness in OKLab: dark enough for the bright ones of a theme, and the other way round.
        color.toned(match self.background {
            Background::Dark => 0.40,
            Background::Light => 0.87,
        })
    }

    /// The colour at `position` (0–1) of a gradient.
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

    pub fn separators(&self, glyphs: Glyphs) -> &Separators {
        &self.separators[glyphs as usize]
    }

    /// The theme's own icon for this kind, if it has one.
    pub fn icon(&self, kind: &str, glyphs: Glyphs) -> Option<&str> {
        self.icons.get(kind)?[glyphs as usize].as_deref()
    }

    /// Whether nothing in it has a colour of its own.
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

/// What a style may depend on beside the theme.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    pub kind: &'a str,
    pub level: Level,
    pub position: Option<f64>,
    /// How deep named styles are nested; a circle ends at 8.
    pub depth: u8,
}

#[cfg(test)]
mod tests;
