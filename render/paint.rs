//! From the runs of a filled format to styled spans: what the theme makes of a reading.

use std::borrow::Cow;

use rainline_segments::Level;

use crate::format::{Content, Run};
use crate::frame::{InstanceId, Span, Text};
use crate::graph::{Gradient, GraphCell, Tint};
use crate::style::spec::{Paint, Spec};
use crate::style::{Color, Style};
use crate::theme::{Subject, Theme, level_style};
use rainline_caps::Depth;

/// What the spans of one instance have in common.
#[derive(Clone, Copy)]
pub struct Painter<'a> {
    /// Has all colours and styles.
    pub theme: &'a Theme,
    /// The segment's kind, by whose name the theme knows it.
    pub kind: &'a str,
    /// What the reading amounts to.
    pub level: Level,
    /// The instance's own style from the config.
    pub own: Option<&'a Spec>,
    /// The style of a mode (`mode.prefix`) laid over everything.
    pub mode: Option<&'a str>,
    /// Whether the reading is old.
    pub faded: bool,
    /// How many colours there are where it is shown: what lies behind a shape is chosen by it.
    pub depth: Depth,
    /// The instance that is shown.
    pub origin: InstanceId,
}

impl Painter<'_> {
    fn subject(&self, position: Option<f64>) -> Subject<'_> {
        Subject { kind: self.kind, level: self.level, position }
    }

    /// The style of the instance, on which each run puts its own: from the theme's for the line, the
    /// segment, the kind, then the config's, then the theme's for the level and the mode.
    pub fn base(&self) -> Style {
        let subject = self.subject(None);
        let theme = self.theme;
        let mut style = theme.over(Style::default(), "line", &subject);
        style = theme.over(style, "segment", &subject);
        style = theme.over(style, self.kind, &subject);
        if let Some(own) = self.own {
            style = theme.apply(style, own, &subject);
        }
        style = theme.over(style, level_style(self.level), &subject);
        if let Some(mode) = self.mode {
            style = theme.over(style, mode, &subject);
        }
        style
    }

    /// The runs as spans, in order.
    pub fn paint(&self, runs: &[Run]) -> Vec<Span> {
        let base = self.base();
        let mut spans = Vec::with_capacity(runs.len());
        for run in runs {
            let subject = self.subject(run.position);
            let class = match run.content {
                Content::Icon(_) => Some("icon"),
                Content::Graph { .. } => Some("graph"),
                _ => None,
            };
            let mut style = base;
            let mut ground = base.bg;
            // A mode covers the whole segment: nothing inside has a style of its own.
            if self.mode.is_none() {
                if let Some(class) = class {
                    style = self.theme.over(style, class, &subject);
                    ground = style.bg;
                }
                for spec in run.styles.iter().copied().chain(run.own.as_deref()) {
                    style = self.theme.apply(style, spec, &subject);
                }
            }
            let text = match &run.content {
                Content::Ours(text) | Content::Icon(text) => Text::Ours(text.as_str().into()),
                Content::Outside(text) => Text::Outside(text.clone()),
                Content::Live { what, most, known } => {
                    Text::Live { what: *what, most: *most, known: known.clone() }
                }
                Content::Graph { cells, parts } => {
                    let colors = GraphColors::new(self, parts, ground, style, &run.styles);
                    self.graph(cells, &colors, &mut spans);
                    continue;
                }
            };
            spans.push(self.span(text, style));
        }
        spans
    }

    fn span(&self, text: Text, style: Style) -> Span {
        let style = if self.faded { self.theme.faded(style) } else { style };
        Span { origin: self.origin, ..Span::new(text, style) }
    }

    /// One span for neighbours of the same tints.
    fn graph(&self, cells: &[GraphCell], colors: &GraphColors, out: &mut Vec<Span>) {
        let tints = |cell: &GraphCell| (rounded(cell.fg), rounded(cell.bg));
        for alike in cells.chunk_by(|one, next| tints(one) == tints(next)) {
            let text: String = alike.iter().map(|cell| cell.glyph).collect();
            out.push(self.span(Text::Ours(text.into()), colors.style(tints(&alike[0]))));
        }
    }
}

/// The colours of one graph.
struct GraphColors<'a> {
    painter: &'a Painter<'a>,
    parts: &'a [Cow<'static, str>],
    /// What the theme colours each part with.
    colors: Vec<Color>,
    style: Style,
    specs: &'a [&'a Spec],
    /// Whether the style itself names a gradient for the foreground and for the background.
    own: [bool; 2],
}

/// The least contrast of a shape with what is behind it (WCAG 2.1, 1.4.11).
const SHAPES: f64 = 3.0;
/// The least contrast of a shape with its own shade.
const SHADES: f64 = 1.5;

/// Steps of a graph's gradients.
const SHARPNESS: f64 = 20.0;

/// Positions that hardly differ become one: each change of colour is bytes in every frame, and a
/// blend to work out.
fn rounded(tint: Tint) -> Tint {
    let step = |position: f64| (position * SHARPNESS).round() / SHARPNESS;
    match tint {
        Tint::At(position) => Tint::At(step(position)),
        Tint::Faint(position) => Tint::Faint(step(position)),
        Tint::On(gradient, position) => Tint::On(gradient, step(position)),
        tint => tint,
    }
}

impl<'a> GraphColors<'a> {
    fn new(
        painter: &'a Painter,
        parts: &'a [Cow<'static, str>],
        ground: Color,
        style: Style,
        specs: &'a [&'a Spec],
    ) -> GraphColors<'a> {
        let color = |(index, name): (usize, &Cow<str>)| painter.theme.part(name, index);
        let colors = parts.iter().enumerate().map(color).collect();
        let mut graph = GraphColors { painter, parts, colors, style, specs, own: [false; 2] };
        let moves = |paint: fn(&Spec) -> Option<&Paint>| {
            let last = specs.iter().rev().find_map(|spec| paint(spec));
            // A level's colour may be a gradient, too.
            matches!(last, Some(Paint::Gradient(_) | Paint::Level))
        };
        graph.own = [moves(|spec| spec.fg.as_ref()), moves(|spec| spec.bg.as_ref())];
        if graph.own[1] {
            // It colours the second series, not the background of all cells.
            graph.style.bg = ground;
        }
        graph
    }

    /// The style of a cell at this position, where the style names a gradient.
    fn at(&self, position: f64) -> Style {
        let subject = self.painter.subject(Some(position));
        let apply = |style, spec: &&Spec| self.painter.theme.apply(style, spec, &subject);
        self.specs.iter().fold(self.style, apply)
    }

    fn style(&self, tints: (Tint, Tint)) -> Style {
        let (fg, bg) = (self.tint(tints.0, self.style.fg), self.tint(tints.1, self.style.bg));
        let fg = match tints {
            // Two parts side by side.
            (Tint::Ground(_), _) => fg,
            (_, Tint::Ground(_)) => self.readable(fg, bg, SHAPES),
            (_, Tint::Faint(_)) => self.readable(fg, bg, SHADES),
            _ => fg,
        };
        Style { fg, bg, attrs: self.style.attrs }
    }

    fn tint(&self, tint: Tint, plain: Color) -> Color {
        let theme = self.painter.theme;
        let part = |index: usize| self.colors.get(index).copied().unwrap_or_default();
        match tint {
            Tint::Base => plain,
            Tint::At(position) if self.own[0] => self.at(position).fg,
            Tint::At(_) => self.style.fg,
            Tint::Faint(position) => theme.grounded(self.tint(Tint::At(position), plain)),
            Tint::On(Gradient::Tide, position) if self.own[1] => self.at(position).bg,
            Tint::On(Gradient::Heat | Gradient::Work, position) if self.own[0] => {
                self.at(position).fg
            }
            Tint::On(gradient, position) => theme
                .gradient(gradient.name(), position)
                .unwrap_or_else(|| self.style.bg.blend(self.style.fg, position)),
            Tint::Part(index) => part(index),
            // Among sixteen colours there are no quiet ones.
            Tint::Ground(index) if self.painter.depth <= Depth::Ansi16 => part(index),
            Tint::Ground(index) => {
                let name = self.parts.get(index).map_or("", |name| name);
                theme.ground(name, index)
            }
            Tint::Strong => theme.over(self.style, "strong", &self.painter.subject(None)).fg,
        }
    }

    /// The colour, or where its contrast with the background is too low the one with most contrast
    /// of it, the theme's strongest and the line's background.
    fn readable(&self, fg: Color, bg: Color, least: f64) -> Color {
        let contrast =
            |color: Color| color.at(self.painter.depth).contrast(bg.at(self.painter.depth));
        if contrast(fg).is_none_or(|contrast| contrast >= least) {
            return fg;
        }
        let bright = self.tint(Tint::Strong, fg);
        let better = |a: Color, b: Color| if contrast(a) >= contrast(b) { a } else { b };
        better(fg, better(bright, self.style.bg))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theme::BUILT_IN;

    const CLASSES: [&str; 5] = ["kernel", "anonymous", "shared", "cache", "free"];

    /// The styles of these cells, one each, in a graph styled as written.
    fn styles(theme: &Theme, depth: Depth, written: &str, cells: &[GraphCell]) -> Vec<Style> {
        let painter = Painter {
            theme,
            kind: "rainbar",
            level: Level::Idle,
            own: None,
            mode: None,
            faded: false,
            depth,
            origin: 0,
        };
        let spec = Spec::parse(written).expect("a style");
        let parts = CLASSES.map(Cow::Borrowed);
        let style = theme.apply(painter.base(), &spec, &painter.subject(None));
        let specs = [&spec];
        let graph = GraphColors::new(&painter, &parts, painter.base().bg, style, &specs);
        cells.iter().map(|cell| graph.style((cell.fg, cell.bg))).collect()
    }

    fn cell(fg: Tint, bg: Tint) -> GraphCell {
        GraphCell { glyph: '▄', fg, bg }
    }

    #[test]
    fn what_stands_before_a_part_can_be_read_in_every_theme_at_every_depth() {
        for (name, _) in BUILT_IN {
            let theme = Theme::built_in(name).expect("built in");
            for depth in [Depth::True, Depth::Ansi256, Depth::Ansi16] {
                for part in 0..CLASSES.len() {
                    let hues = [0.0, 0.5, 1.0].map(|at| Tint::On(Gradient::Work, at));
                    let cells = hues.map(|hue| cell(hue, Tint::Ground(part)));
                    for style in styles(&theme, depth, "", &cells) {
                        let Style { fg, bg, .. } = style.at(depth);
                        let contrast = fg.contrast(bg).unwrap_or(SHAPES);
                        assert!(contrast >= SHAPES, "{name} {depth:?} {part}: {contrast:.2}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_style_may_bring_its_own_gradients_for_two_series() {
        let theme = Theme::built_in("rain").expect("built in");
        let pair = cell(Tint::On(Gradient::Heat, 1.0), Tint::On(Gradient::Tide, 0.0));
        let blank = cell(Tint::Base, Tint::Base);
        let both = |written| styles(&theme, Depth::True, written, &[pair, blank]);
        let own = both("fg:gradient(load) bg:gradient(cool)");
        assert_eq!(Some(own[0].fg), theme.gradient("load", 1.0));
        assert_eq!(Some(own[0].bg), theme.gradient("cool", 0.0));
        // A blank cell keeps the background of the line.
        assert_eq!(own[1].bg, both("")[1].bg);
        let usual = &both("fg:text")[0];
        assert_eq!(Some(usual.fg), theme.gradient("heat", 1.0));
        assert_eq!(Some(usual.bg), theme.gradient("tide", 0.0));
    }

    #[test]
    fn a_theme_without_the_gradients_of_graphs_has_shades() {
        let mut theme = Theme::built_in("rain").expect("built in");
        theme.gradients.clear();
        let heat = |at| cell(Tint::On(Gradient::Heat, at), Tint::Base);
        let shades = styles(&theme, Depth::True, "fg:text", &[heat(0.0), heat(0.5), heat(1.0)]);
        assert_eq!(Some(shades[2].fg), theme.color("text"));
        assert_eq!(shades[0].fg, shades[0].bg);
        assert!(shades[1].fg != shades[0].fg && shades[1].fg != shades[2].fg);
    }
}
