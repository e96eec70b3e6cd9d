//! From the runs of a filled format to styled spans: where a theme meets a reading.

use std::borrow::Cow;

use rainline_segments::Level;

use crate::format::{Content, Run};
use crate::frame::{InstanceId, Span, Text};
use crate::graph::{Dot, Ink};
use crate::style::Style;
use crate::style::spec::Spec;
use crate::theme::{Look, Theme, level_style};

/// What the spans of one instance have in common.
#[derive(Clone, Copy)]
pub struct Painter<'a> {
    pub theme: &'a Theme,
    pub kind: &'a str,
    pub level: Level,
    /// The instance's own style from the config.
    pub own: Option<&'a Spec>,
    /// The style of a mode (`mode.prefix`) laid over everything.
    pub mode: Option<&'a str>,
    pub faded: bool,
    pub origin: InstanceId,
}

impl Painter<'_> {
    fn look(&self, position: Option<f64>) -> Look<'_> {
        Look { kind: self.kind, level: self.level, position, depth: 0 }
    }

    /// The style of the instance before any run has its say: line, segment, kind, own, level, mode.
    pub fn base(&self) -> Style {
        let look = self.look(None);
        let theme = self.theme;
        let mut style = theme.over(Style::default(), "line", &look);
        style = theme.over(style, "segment", &look);
        style = theme.over(style, self.kind, &look);
        if let Some(own) = self.own {
            style = theme.apply(style, own, &look);
        }
        style = theme.over(style, level_style(self.level), &look);
        if let Some(mode) = self.mode {
            style = theme.over(style, mode, &look);
        }
        style
    }

    /// The runs as spans, in order.
    pub fn paint(&self, runs: &[Run]) -> Vec<Span> {
        let base = self.base();
        let mut spans = Vec::new();
        for run in runs {
            let look = self.look(run.position);
            let class = match run.content {
                Content::Icon(_) => Some("icon"),
                Content::Graph { .. } => Some("graph"),
                _ => None,
            };
            let mut style = base;
            // A mode covers the whole segment: nothing inside stands out from it.
            if self.mode.is_none() {
                if let Some(class) = class {
                    style = self.theme.over(style, class, &look);
                }
                for spec in &run.styles {
                    style = self.theme.apply(style, spec, &look);
                }
            }
            let text = match &run.content {
                Content::Ours(text) | Content::Icon(text) => Text::Ours(text.as_str().into()),
                Content::Outside(text) => Text::Outside(text.clone()),
                Content::Live { what, most, known } => {
                    Text::Live { what: *what, most: *most, known: known.clone() }
                }
                Content::Graph { dots, parts } => {
                    self.graph(dots, parts, style, &run.styles, &mut spans);
                    continue;
                }
            };
            spans.push(self.span(text, style));
        }
        spans
    }

    fn span(&self, text: Text, style: Style) -> Span {
        let style = if self.faded { self.theme.faded(style) } else { style };
        Span { text, style, origin: self.origin, action: None, link: None }
    }

    /// One span for each run of cells of one look.
    fn graph(
        &self,
        dots: &[Dot],
        parts: &[String],
        style: Style,
        specs: &[Cow<Spec>],
        out: &mut Vec<Span>,
    ) {
        let ink = |ink: Ink, plain: crate::style::Color, foreground: bool| match ink {
            Ink::Base => plain,
            Ink::Part(index) => self.theme.part(parts.get(index).map_or("", String::as_str), index),
            Ink::At(position) => {
                // Where the style names a gradient, each cell stands at its own place on it.
                let look = self.look(Some(position));
                let styled =
                    specs.iter().fold(style, |style, spec| self.theme.apply(style, spec, &look));
                if foreground { styled.fg } else { styled.bg }
            }
        };
        let mut text = String::new();
        let mut current = None;
        for dot in dots {
            let look = Style {
                fg: ink(dot.fg, style.fg, true),
                bg: ink(dot.bg, style.bg, false),
                attrs: style.attrs,
            };
            if current != Some(look) {
                if let Some(style) = current {
                    out.push(self.span(Text::Ours(std::mem::take(&mut text).into()), style));
                }
                current = Some(look);
            }
            text.push(dot.glyph);
        }
        if let Some(style) = current {
            out.push(self.span(Text::Ours(text.into()), style));
        }
    }
}
