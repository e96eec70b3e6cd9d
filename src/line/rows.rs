//! From readings to frames: format, paint, fit; plain functions on plain data.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use rainline_segments::{Level, Ring, Sample, Untrusted};

use crate::config::{Config, Instance};
use rainline_caps::Depth;
use rainline_caps::On;
use rainline_caps::{Caps, Glyphs};
use rainline_render::format::{Content, Context, Graphs, Run};
use rainline_render::frame::{Arm, Frame, InstanceId, Piece, Span};
use rainline_render::layout::{self, Block, Room, Side};
use rainline_render::paint::Painter;
use rainline_render::style::Style;
use rainline_render::targets::{Right, Target};
use rainline_render::theme::{Look, Theme, level_style};

/// How old a value is, against its pace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Age {
    /// Never read: its place is kept.
    #[default]
    Waiting,
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
    pub age: Age,
    /// The past of each numeric field that some field of the kind declares as its history.
    pub rings: &'a [(&'static str, Ring)],
}

/// Where the renderer gets readings from: the daemon's cache, or the local stand-in.
pub trait Readings {
    fn reading(&self, instance: InstanceId) -> Reading<'_>;
    /// Whether the one-cell `!` should say that `rainline doctor` knows more.
    fn trouble(&self) -> bool;
}

/// Which line is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Want<'a> {
    pub line: &'a str,
    /// A slot, or `full`: the left and the right one in a row that fills all columns.
    pub slot: &'a str,
    /// Another theme than the config's, by name; empty for none.
    pub theme: &'a str,
}

/// The slot that is the left and the right one in one full-width row.
pub const FULL: &str = "full";

/// Everything that a shell's prompt needs, in one answer: see [`prompt`].
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
    let named = (!want.theme.is_empty()).then(|| config.theme_named(want.theme)).flatten();
    let theme: &Theme = named.as_deref().unwrap_or(&config.theme);
    let look = Look::default();
    let line = theme.over(Style::default(), "line", &look);
    let room = Room {
        theme,
        caps,
        side: if want.slot == "right" { Side::Right } else { Side::Left },
        line,
        separator: theme.over(line, "separator", &look),
        graphs: Graphs::Whole,
    };
    let parts = Parts { config, readings, room, drawn: RefCell::default() };
    let fitted = |ids: &[InstanceId], room: &Room| parts.fitted(ids, room);
    let row = |ids: &[InstanceId], room: &Room, trouble: bool| {
        if !trouble {
            return fitted(ids, room);
        }
        let columns = room.caps.columns.saturating_sub(1);
        let caps = Caps { columns, ..room.caps.clone() };
        marked(fitted(ids, &Room { caps: &caps, ..*room }), room)
    };
    if want.slot != FULL {
        let all = slot_rows(config, want.line, want.slot);
        let trouble = |index: usize| index == 0 && readings.trouble();
        let rows = all.iter().enumerate().map(|(index, ids)| row(ids, &room, trouble(index)));
        return rows.collect();
    }
    let (lefts, rights) =
        (slot_rows(config, want.line, "left"), slot_rows(config, want.line, "right"));
    let compose = |index: usize| {
        let none = Vec::new();
        let ids = |rows: &'_ [Vec<InstanceId>]| rows.get(index).unwrap_or(&none).clone();
        // The right side may take all that the left one leaves of its third, the left one then gets
        // the rest.
        let within = |columns| Caps { columns, ..caps.clone() };
        let left = |columns| {
            let caps = &within(columns);
            row(&ids(lefts), &Room { caps, ..room }, false)
        };
        let third = left(caps.columns / 3).width(caps.policy);
        let right_room = Room { caps: &within(caps.columns - third), side: Side::Right, ..room };
        let right = row(&ids(rights), &right_room, index == 0 && readings.trouble());
        let left = left(caps.columns.saturating_sub(right.width(caps.policy)));
        layout::full(left, right, &room)
    };
    (0..lefts.len().max(rights.len()).max(1)).map(compose).collect()
}

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
    let calm = &Calm(readings);
    let (mut lefts, mut rights) = (slot("left", readings), slot("right", calm));
    let count = lefts.len().max(rights.len()).max(1);
    lefts.resize(count, Frame::default());
    rights.resize(count, Frame::default());
    let (last, right) = (lefts.pop().unwrap_or_default(), rights.pop().unwrap_or_default());
    let mut left = if count > 1 { slot(FULL, readings) } else { Vec::new() };
    left.truncate(count - 1);
    left.push(ended(last));
    // It stays away where it would leave no room to type.
    let used = left.last().map_or(0, |last| last.width(caps.policy)) + right.width(caps.policy);
    let right = if used + caps.columns / 4 > caps.columns { Frame::default() } else { right };
    let continuation = slot("continuation", calm).into_iter().next().unwrap_or_default();
    let shows = !continuation.pieces.is_empty();
    let continuation = if shows { ended(continuation) } else { continuation };
    Prompt { left, right, continuation }
}

/// Readings without the sign that something is wrong: once is enough.
struct Calm<'a>(&'a dyn Readings);

impl Readings for Calm<'_> {
    fn reading(&self, instance: InstanceId) -> Reading<'_> {
        self.0.reading(instance)
    }

    fn trouble(&self) -> bool {
        false
    }
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

/// What the instances of a line show, each drawn once at each size of its graphs that makes a
/// difference: rows try which of it has room.
struct Parts<'a> {
    config: &'a Config,
    readings: &'a dyn Readings,
    /// How wide it is, and which side it is, is up to each row.
    room: Room<'a>,
    drawn: RefCell<Vec<(InstanceId, Part)>>,
}

/// What one instance shows.
#[derive(Default)]
struct Part {
    /// By the size of graphs; the inner `None`: nothing to show.
    blocks: [Option<Option<Rc<Block>>>; Graphs::ALL.len()],
    /// The cells of its widest graph, if it were up to that.
    asked: usize,
}

impl Parts<'_> {
    /// These instances in a row. Before a neighbour goes, graphs make room; what is left when one
    /// went they share again.
    fn fitted(&self, ids: &[InstanceId], room: &Room) -> Frame {
        if let Some(row) = self.fitting(ids, room) {
            return row;
        }
        let kept = layout::kept(self.blocks(ids, Graphs::Least), room);
        let ids: Vec<InstanceId> = kept.iter().map(|block| block.origin).collect();
        self.fitting(&ids, room).unwrap_or_else(|| layout::row(kept, room))
    }

    /// The row in which all of them have room, if there is one.
    fn fitting(&self, ids: &[InstanceId], room: &Room) -> Option<Frame> {
        let mut sizes = Graphs::ALL.into_iter().map(|graphs| self.blocks(ids, graphs));
        sizes.find_map(|blocks| match layout::whole(&blocks, room) {
            Some(row) => Some(row),
            None => layout::fits(&blocks, room).then(|| layout::row(blocks, room)),
        })
    }

    fn blocks(&self, ids: &[InstanceId], graphs: Graphs) -> Vec<Rc<Block>> {
        ids.iter().filter_map(|id| self.block(*id, graphs)).collect()
    }

    fn block(&self, id: InstanceId, graphs: Graphs) -> Option<Rc<Block>> {
        let mut drawn = self.drawn.borrow_mut();
        let at = drawn.iter().position(|(known, _)| *known == id).unwrap_or_else(|| {
            drawn.push((id, Part::default()));
            drawn.len() - 1
        });
        let part = &mut drawn[at].1;
        let asked = Cell::new(part.asked);
        let draw = |graphs| {
            let room = Room { graphs, ..self.room };
            block(self.config, id, self.readings, &room, &asked).map(Rc::new)
        };
        let whole = part.blocks[0].get_or_insert_with(|| draw(Graphs::Whole)).clone();
        part.asked = asked.get();
        // Where no graph gives anything up it looks the same.
        match graphs.cells(part.asked) == part.asked {
            true => whole,
            false => part.blocks[graphs as usize].get_or_insert_with(|| draw(graphs)).clone(),
        }
    }
}

/// What one instance shows; `None` if it has nothing to show.
fn block(
    config: &Config,
    id: InstanceId,
    readings: &dyn Readings,
    room: &Room,
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
    let runs = fill(instance, sample, &reading, room, asked);
    if !runs.iter().any(|run| run.shows()) {
        return None;
    }
    let painter = Painter {
        theme: room.theme,
        kind: instance.kind.name,
        level: if reading.age == Age::Lost { Level::Idle } else { sample.level },
        own: instance.style.as_ref(),
        mode: None,
        faded: matches!(reading.age, Age::Stale | Age::Lost),
        depth: room.caps.depth,
        origin: id,
    };
    let spans = painter.paint(&runs);
    let reacted = reacting(instance, room);
    let whole = |pieces: Vec<Piece>| Block::new(pieces, instance.priority, id, room.caps.policy);
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
    Some(whole(vec![Piece::Choice(layout::choice(On::State, arms, room.caps))]))
}

/// What an instance shows, in words alone.
pub fn words(config: &Config, id: InstanceId, readings: &dyn Readings) -> Untrusted {
    let caps = &Caps { depth: Depth::Mono, ..Caps::default() };
    let theme: &Theme = &config.theme;
    let (line, separator) = Default::default();
    let room = Room { theme, caps, side: Side::Left, line, separator, graphs: Graphs::Whole };
    let reading = readings.reading(id);
    let (Some(instance), Some(sample)) = (config.instances.get(usize::from(id)), reading.sample)
    else {
        return Untrusted::default();
    };
    let mut text = String::new();
    for run in fill(instance, sample, &reading, &room, &Cell::default()) {
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
    room: &Room,
    asked: &Cell<usize>,
) -> Vec<Run<'a>> {
    let glyphs = room.caps.glyphs;
    let icons = instance.kind.icons;
    let usual = match glyphs {
        Glyphs::Ascii => icons.ascii,
        Glyphs::Unicode => icons.unicode,
        Glyphs::Nerd => icons.nerd,
    };
    let themed = room.theme.icon(instance.kind.name, glyphs);
    let icon = instance.icon.as_deref().or(themed).unwrap_or(usual);
    let mut runs = instance.format.fill(&Context {
        sample,
        rings: reading.rings,
        kind: instance.kind,
        icon,
        glyphs,
        // Parts that no colour tells apart are drawn with a sign each.
        colour: room.caps.depth > Depth::Mono && !room.theme.colourless(),
        policy: room.caps.policy,
        lost: reading.age == Age::Lost,
        graphs: room.graphs,
        asked,
    });
    if !room.caps.live {
        runs.iter_mut().for_each(|run| run.settle(glyphs, room.caps.policy));
    }
    runs
}

/// The states that the instance reacts to and the theme has a style for.
fn reacting(instance: &Instance, room: &Room) -> Vec<&'static str> {
    let styled = |name: &&str| room.theme.styles.contains_key(&format!("mode.{name}"));
    instance.react.iter().copied().filter(styled).collect()
}

/// The row with the one cell that says that `rainline doctor` knows more, at its outer edge.
fn marked(mut row: Frame, room: &Room) -> Frame {
    if room.caps.columns > 0 {
        let style = room.theme.over(room.line, level_style(Level::Warning), &Look::default());
        let mark = Piece::Span(Span::ours("!", style));
        let edge = if room.side == Side::Left { 0 } else { row.pieces.len() };
        row.pieces.insert(edge, mark);
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
