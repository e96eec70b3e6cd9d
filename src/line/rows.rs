//! From readings to frames: format, paint, fit; plain functions on plain data.

use std::cell::Cell;

use rainline_caps::{Caps, Depth, Glyphs, On};
use rainline_render::format::{Content, Context, Graphs, Run};
use rainline_render::frame::{Arm, Choice, Frame, InstanceId, Piece, Span};
use rainline_render::layout::{Block, Fitting, Layout, Side};
use rainline_render::paint::Painter;
use rainline_render::style::Style;
use rainline_render::targets::Target;
use rainline_render::theme::{Subject, Theme, level_style};
use rainline_segments::{Level, Ring, Sample, Untrusted};

use crate::config::{Config, Instance};

mod prompt;

pub use prompt::{Prompt, encode_prompt, prompt};

/// How old a value is, against its pace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Age {
    /// Not read yet: shown as a placeholder.
    #[default]
    Waiting,
    /// As its pace has it.
    Fresh,
    /// Older than three times its pace: drawn dim.
    Stale,
    /// Older than ten times: drawn as `?`.
    Lost,
}

/// What is known of an instance at the moment of drawing.
#[derive(Clone, Copy, Default)]
pub struct Reading<'a> {
    /// The last good sample. `None` with an age of `Fresh`: there is nothing to show.
    pub sample: Option<&'a Sample>,
    /// How old it is.
    pub age: Age,
    /// The past of each numeric field that some field of the kind declares as its history.
    pub rings: &'a [(&'static str, Ring)],
}

/// Where the renderer gets readings from: the daemon's cache, or the local stand-in.
pub trait Readings {
    /// What is known of an instance.
    fn reading(&self, instance: InstanceId) -> Reading<'_>;
    /// Whether `rainline doctor` has something to tell: what is drawn then has a `!`.
    fn trouble(&self) -> bool {
        false
    }
}

/// Readings without the sign: another part of the same line has it.
pub struct WithoutSign<'a>(pub &'a dyn Readings);

impl Readings for WithoutSign<'_> {
    fn reading(&self, instance: InstanceId) -> Reading<'_> {
        self.0.reading(instance)
    }
}

/// Which line is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Want<'a> {
    /// By its name in the config.
    pub line: &'a str,
    /// A slot, or `full`: the left and the right one in a row that fills all columns.
    pub slot: &'a str,
    /// Another theme than the config's, by name; empty for none.
    pub theme: &'a str,
}

/// The slot that is the left and the right one in one full-width row.
pub const FULL: &str = "full";

/// Everything that a shell's prompt needs, in one answer: see [`prompt()`].
pub const ALL: &str = "all";

/// The slots that are made of others.
pub const WHOLE: [&str; 2] = [FULL, ALL];

/// The line that stands in for one that the config does not have.
pub const ANYWHERE: &str = "terminal";

/// The slots that a request's slot is made of.
fn slots<'a>(want: &'a Want) -> &'a [&'a str] {
    match want.slot {
        FULL => &["left", "right"],
        ALL => &["left", "right", "continuation"],
        _ => std::slice::from_ref(&want.slot),
    }
}

/// The rows of one slot; none for a line or a slot that the config does not have.
fn slot_rows<'a>(config: &'a Config, line: &str, slot: &str) -> &'a [Vec<InstanceId>] {
    config.lines.get(line).and_then(|line| line.slots.get(slot)).map_or(&[], Vec::as_slice)
}

/// Whether a slot of a line has something that it could show.
pub fn has_rows(config: &Config, line: &str, slot: &str) -> bool {
    slot_rows(config, line, slot).iter().any(|row| !row.is_empty())
}

/// The instances that are shown, each once, in order; empty for a slot that there is not.
pub fn instances(config: &Config, want: Want) -> Vec<InstanceId> {
    let mut found = Vec::new();
    for slot in slots(&want) {
        for id in slot_rows(config, want.line, slot).iter().flatten() {
            if !found.contains(id) {
                found.push(*id);
            }
        }
    }
    found
}

/// The rows of a slot, each never wider than `caps.columns`; `full` is exactly that wide.
pub fn rows(config: &Config, want: Want, readings: &dyn Readings, caps: &Caps) -> Vec<Frame> {
    rows_at_least(0, config, want, readings, caps)
}

/// The rows of a slot; if it has fewer than this, empty ones follow.
fn rows_at_least(
    least: usize,
    config: &Config,
    want: Want,
    readings: &dyn Readings,
    caps: &Caps,
) -> Vec<Frame> {
    let named = (!want.theme.is_empty()).then(|| config.theme_named(want.theme)).flatten();
    let theme: &Theme = named.as_deref().unwrap_or(&config.theme);
    let subject = Subject::default();
    let line = theme.over(Style::default(), "line", &subject);
    let layout = Layout {
        theme,
        caps,
        side: if want.slot == "right" { Side::Right } else { Side::Left },
        line,
        separator: theme.over(line, "separator", &subject),
    };
    let draw = |id, graphs| {
        let asked = Cell::default();
        (block(config, id, readings, &layout, graphs, &asked), asked.get())
    };
    let fitting = Fitting::new(&draw);
    let row = |ids: &[InstanceId], layout: &Layout, trouble: bool| {
        if !trouble {
            return fitting.row(ids, layout);
        }
        let caps = within(layout.caps, layout.caps.columns.saturating_sub(1));
        with_sign(fitting.row(ids, &Layout { caps: &caps, ..*layout }), layout)
    };
    if want.slot != FULL {
        let all = slot_rows(config, want.line, want.slot);
        let draw = |index: usize| {
            let ids = all.get(index).map_or(&[][..], Vec::as_slice);
            row(ids, &layout, index == 0 && readings.trouble())
        };
        return (0..all.len().max(least)).map(draw).collect();
    }
    let (lefts, rights) =
        (slot_rows(config, want.line, "left"), slot_rows(config, want.line, "right"));
    let compose = |index: usize| {
        let [lefts, rights] =
            [lefts, rights].map(|rows| rows.get(index).map_or(&[][..], Vec::as_slice));
        // The right side may take all that the left one leaves of its third, the left one then gets
        // the rest.
        let left = |columns| row(lefts, &Layout { caps: &within(caps, columns), ..layout }, false);
        let third = left(caps.columns / 3).width(caps.policy);
        let rest = within(caps, caps.columns - third);
        let beside = Layout { caps: &rest, side: Side::Right, ..layout };
        let right = row(rights, &beside, index == 0 && readings.trouble());
        let left = left(caps.columns.saturating_sub(right.width(caps.policy)));
        layout.full(left, right)
    };
    (0..lefts.len().max(rights.len()).max(1)).map(compose).collect()
}

fn within(caps: &Caps, columns: usize) -> Caps {
    Caps { columns, ..caps.clone() }
}

/// What one instance shows; `None` if it has nothing to show.
fn block(
    config: &Config,
    id: InstanceId,
    readings: &dyn Readings,
    layout: &Layout,
    graphs: Graphs,
    asked: &Cell<usize>,
) -> Option<Block> {
    let instance = config.instances.get(usize::from(id))?;
    let reading = readings.reading(id);
    let nothing = Sample::default();
    let sample = match (reading.sample, reading.age) {
        (Some(sample), _) => sample,
        (None, Age::Waiting) => &nothing,
        (None, _) => return None,
    };
    let runs = fill(instance, sample, &reading, layout, graphs, asked);
    if !runs.iter().any(|run| run.shows()) {
        return None;
    }
    let painter = Painter {
        theme: layout.theme,
        kind: instance.kind.name,
        level: if reading.age == Age::Lost { Level::Idle } else { sample.level },
        own: instance.style.as_ref(),
        mode: None,
        faded: matches!(reading.age, Age::Stale | Age::Lost),
        depth: layout.caps.depth,
        origin: id,
    };
    let spans = painter.paint(&runs);
    let reacted = reacting(instance, layout);
    let whole = |pieces: Vec<Piece>| Block::new(pieces, instance.priority, id, layout.caps.policy);
    if reacted.is_empty() {
        return Some(whole(spans.into_iter().map(Piece::Span).collect()));
    }
    let arm = |name: &&'static str| {
        let mode = format!("mode.{name}");
        let spans = Painter { mode: Some(&mode), ..painter }.paint(&runs);
        Arm { case: Some((*name).into()), spans }
    };
    let mut arms: Vec<Arm> = reacted.iter().map(arm).collect();
    arms.push(Arm { case: None, spans });
    Some(whole(vec![Piece::Choice(Choice::padded(On::State, arms, layout.caps.policy))]))
}

/// What an instance shows, in words alone.
pub fn words(config: &Config, id: InstanceId, readings: &dyn Readings) -> Untrusted {
    let caps = &Caps { depth: Depth::Mono, ..Caps::default() };
    let theme: &Theme = &config.theme;
    let (line, separator) = Default::default();
    let layout = Layout { theme, caps, side: Side::Left, line, separator };
    let reading = readings.reading(id);
    let (Some(instance), Some(sample)) = (config.instances.get(usize::from(id)), reading.sample)
    else {
        return Untrusted::default();
    };
    let mut text = String::new();
    for run in fill(instance, sample, &reading, &layout, Graphs::Whole, &Cell::default()) {
        match run.content {
            Content::Ours(part) => text.push_str(&part),
            Content::Outside(part) | Content::Live { known: part, .. } => {
                text.push_str(part.reveal());
            }
            Content::Icon(_) | Content::Graph { .. } => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ").into()
}

fn fill<'a>(
    instance: &'a Instance,
    sample: &Sample,
    reading: &Reading,
    layout: &Layout,
    graphs: Graphs,
    asked: &Cell<usize>,
) -> Vec<Run<'a>> {
    let glyphs = layout.caps.glyphs;
    let icons = instance.kind.icons;
    let usual = match glyphs {
        Glyphs::Ascii => icons.ascii,
        Glyphs::Unicode => icons.unicode,
        Glyphs::Nerd => icons.nerd,
    };
    let themed = layout.theme.icon(instance.kind.name, glyphs);
    let icon = instance.icon.as_deref().or(themed).unwrap_or(usual);
    let mut runs = instance.format.fill(&Context {
        sample,
        rings: reading.rings,
        kind: instance.kind,
        icon,
        glyphs,
        // Parts that no colour tells apart are drawn with a sign each.
        colour: layout.caps.depth > Depth::Mono && !layout.theme.colourless(),
        policy: layout.caps.policy,
        lost: reading.age == Age::Lost,
        graphs,
        asked,
    });
    if !layout.caps.live {
        runs.iter_mut().for_each(|run| run.settle(glyphs, layout.caps.policy));
    }
    runs
}

/// The states that the instance reacts to and the theme has a style for.
fn reacting(instance: &Instance, layout: &Layout) -> Vec<&'static str> {
    let styled = |name: &&str| layout.theme.styles.contains_key(&format!("mode.{name}"));
    instance.react.iter().copied().filter(styled).collect()
}

/// The row with one cell more at its outer edge: `!`, see [`Readings::trouble`].
fn with_sign(mut row: Frame, layout: &Layout) -> Frame {
    if layout.caps.columns > 0 {
        let style =
            layout.theme.over(layout.line, level_style(Level::Warning), &Subject::default());
        let sign = Piece::Span(Span::ours("!", style));
        let edge = if layout.side == Side::Left { 0 } else { row.pieces.len() };
        row.pieces.insert(edge, sign);
    }
    row
}

/// The rows in the target's language, with a newline between them and none at the end.
pub fn encode(rows: &[Frame], target: &Target, caps: &Caps) -> String {
    let mut out = String::new();
    for (index, frame) in rows.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        (target.encode)(frame, caps, &mut out);
    }
    out
}

#[cfg(test)]
mod tests;
