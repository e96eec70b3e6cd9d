//! The format language: the user's template that turns a sample into runs of text.
//!
//! ```text
//! $field  ${field}             the field's value, as its unit is usually written
//! $field.formatter(k:v, …)     the same, written by a formatter
//! [text](style)                a style for what is inside
//! (text)                       shown only if something inside has a value
//! {a|b}                        the first that has all its values
//! \c                           the character c itself
//! ```
//! `$icon` is the segment's icon. Formats are trusted; the values in them are not.
//!
//! Knows values and glyph levels, nothing of themes: a style is carried along as it was written.
//! Parsing reports every fault with its place and never guesses.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use rainline_segments::{Field, Kind, Live, Ring, Sample, Styled, Unit, Untrusted, Value};

use crate::diagnostic::Fault;
use crate::graph::{Canvas, GraphCell};
use crate::style::spec::Spec;
use crate::width::{self, Cut};
use rainline_caps::{Glyphs, Policy};

mod args;
pub mod formatter;
mod history;
mod parse;

use formatter::Formatter;

/// A template, parsed and checked against its kind.
#[derive(Clone, Debug, Default)]
pub struct Format {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
enum Node {
    Text(String),
    Icon,
    Field {
        name: String,
        formatter: Arc<dyn Formatter>,
    },
    Styled {
        nodes: Vec<Node>,
        style: Spec,
    },
    /// Shown only if something inside has a value.
    Group(Vec<Node>),
    /// The first that has all its values.
    First(Vec<Vec<Node>>),
}

/// What a format is filled from.
pub struct Context<'a> {
    /// What was read.
    pub sample: &'a Sample,
    /// The past of numeric fields, by the field's name.
    pub rings: &'a [(&'static str, Ring)],
    /// Declares the fields that the template names.
    pub kind: &'static Kind,
    /// What `$icon` stands for; empty: nothing.
    pub icon: &'a str,
    /// The richest glyphs there are where it is shown.
    pub glyphs: Glyphs,
    /// Whether there are colours where it is shown.
    pub colour: bool,
    /// How cells are counted there.
    pub policy: Policy,
    /// The values are too old to be believed: numbers are written as `?`.
    pub lost: bool,
    /// How much of their cells graphs get.
    pub graphs: Graphs,
    /// Set to the cells that the widest graph asked for, where that is more.
    pub asked: &'a Cell<usize>,
}

/// How much graphs get of the cells that they ask for. In a narrow row they shrink before a segment
/// is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Graphs {
    /// All.
    #[default]
    Whole,
    /// Wide ones give up to half.
    Slim,
    /// All but the smallest give half.
    Least,
}

impl Graphs {
    /// The widest first.
    pub const ALL: [Graphs; 3] = [Graphs::Whole, Graphs::Slim, Graphs::Least];

    /// The cells that a graph gets that asks for `wanted`.
    pub fn cells(self, wanted: usize) -> usize {
        /// A graph of so many cells or fewer keeps them.
        const ENOUGH: [usize; 2] = [16, 4];
        let enough = match self {
            Graphs::Whole => return wanted,
            Graphs::Slim => ENOUGH[0],
            Graphs::Least => ENOUGH[1],
        };
        wanted.div_ceil(2).max(wanted.min(enough))
    }
}

impl Context<'_> {
    fn cells(&self, wanted: usize) -> usize {
        self.cells_at(self.graphs, wanted)
    }

    fn cells_at(&self, graphs: Graphs, wanted: usize) -> usize {
        self.asked.set(self.asked.get().max(wanted));
        graphs.cells(wanted)
    }

    fn canvas(&self) -> Canvas {
        Canvas { glyphs: self.glyphs, colour: self.colour }
    }

    /// The past of a numeric field.
    fn ring(&self, of: &str) -> Option<&Ring> {
        self.rings.iter().find(|(name, _)| *name == of).map(|(_, ring)| ring)
    }
}

/// A piece of the filled template, with the styles around it from the outside in.
#[derive(Clone, Debug, PartialEq)]
pub struct Run<'a> {
    /// What is shown.
    pub content: Content,
    /// The styles that the template puts around it.
    pub styles: Vec<&'a Spec>,
    /// A style that came with the value, inside of all those.
    pub own: Option<Box<Spec>>,
    /// Where the value stands between nothing and full, 0–1, for gradients.
    pub position: Option<f64>,
}

/// What a run shows, by who wrote it.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Text of the template, or a value that we wrote.
    Ours(String),
    /// The segment's icon.
    Icon(String),
    /// Text from outside.
    Outside(Untrusted),
    /// Text that the host fills in as it draws.
    Live {
        /// Which.
        what: Live,
        /// The most cells it gets.
        most: u16,
        /// What is known of it here.
        known: Untrusted,
    },
    /// A graph.
    Graph {
        /// From the left.
        cells: Vec<GraphCell>,
        /// The names of the parts that cells refer to, if there are any.
        parts: Vec<Cow<'static, str>>,
    },
}

impl Content {
    /// A graph of one series.
    fn graph(cells: Vec<GraphCell>) -> Content {
        Content::Graph { cells, parts: Vec::new() }
    }
}

impl Run<'_> {
    /// Whether it shows anything but blanks.
    pub fn shows(&self) -> bool {
        match &self.content {
            Content::Ours(text) | Content::Icon(text) => !text.trim().is_empty(),
            Content::Outside(text) => !text.is_empty(),
            Content::Live { .. } | Content::Graph { .. } => true,
        }
    }

    /// For a host that fills nothing in: a live text becomes a text like any other, as far as it is
    /// known.
    pub fn settle(&mut self, glyphs: Glyphs, policy: Policy) {
        if let Content::Live { most, known, .. } = &self.content {
            let mark = glyphs.ellipsis(policy);
            let text = width::cut(known.reveal(), usize::from(*most), Cut::End, mark, policy);
            self.content = Content::Outside(text.into());
        }
    }
}

impl Format {
    /// Reads a template for segments of this kind. Faults are counted in bytes of `text`.
    pub fn parse(text: &str, kind: &Kind) -> Result<Format, Vec<Fault>> {
        parse::parse(text, kind).map(|nodes| Format { nodes })
    }

    /// Fills the template.
    pub fn fill<'a>(&'a self, context: &Context) -> Vec<Run<'a>> {
        let mut filled = Fill { context, runs: Vec::new(), styles: Vec::new() };
        for node in &self.nodes {
            filled.node(node);
        }
        filled.runs
    }

    /// The names of the fields it uses.
    pub fn fields(&self) -> Vec<&str> {
        let mut found = Vec::new();
        walk(&self.nodes, &mut |node| {
            if let Node::Field { name, formatter } = node {
                found.push(&**name);
                found.extend(formatter.other_fields());
            }
        });
        found
    }

    /// The styles it uses, to be checked against a theme.
    pub fn styles(&self) -> Vec<&Spec> {
        let mut found = Vec::new();
        walk(&self.nodes, &mut |node| {
            if let Node::Styled { style, .. } = node {
                found.push(style);
            }
        });
        found
    }
}

/// Visits the nodes and all that is inside of them, in the order of the template.
fn walk<'a>(nodes: &'a [Node], visit: &mut dyn FnMut(&'a Node)) {
    for node in nodes {
        visit(node);
        match node {
            Node::Styled { nodes, .. } | Node::Group(nodes) => walk(nodes, visit),
            Node::First(arms) => arms.iter().for_each(|arm| walk(arm, visit)),
            Node::Text(_) | Node::Icon | Node::Field { .. } => {}
        }
    }
}

/// Whether this holds for one of the nodes or of those inside of them.
fn any(nodes: &[Node], holds: impl Fn(&Node) -> bool) -> bool {
    let mut found = false;
    walk(nodes, &mut |node| found |= holds(node));
    found
}

/// A template being filled.
struct Fill<'a, 'c> {
    context: &'c Context<'c>,
    runs: Vec<Run<'a>>,
    styles: Vec<&'a Spec>,
}

impl<'a> Fill<'a, '_> {
    fn node(&mut self, node: &'a Node) {
        match node {
            Node::Text(text) => self.push(Content::Ours(text.clone()), None),
            Node::Icon => {
                if !self.context.icon.is_empty() {
                    self.push(Content::Icon(self.context.icon.to_owned()), None);
                }
            }
            Node::Field { name, formatter } => self.field(name, &**formatter),
            Node::Styled { nodes, style } => {
                self.styles.push(style);
                nodes.iter().for_each(|node| self.node(node));
                self.styles.pop();
            }
            Node::Group(nodes) => {
                // Where there are fields they decide; an icon counts only on its own.
                let shown = match any(nodes, |node| matches!(node, Node::Field { .. })) {
                    true => any(
                        nodes,
                        |node| matches!(node, Node::Field { name, .. } if self.has_value(name)),
                    ),
                    false => {
                        !self.context.icon.is_empty()
                            && any(nodes, |node| matches!(node, Node::Icon))
                    }
                };
                if shown {
                    nodes.iter().for_each(|node| self.node(node));
                }
            }
            Node::First(arms) => {
                let whole = arms.iter().find(|arm| arm.iter().all(|node| self.has_all(node)));
                if let Some(arm) = whole {
                    arm.iter().for_each(|node| self.node(node));
                }
            }
        }
    }

    fn push(&mut self, content: Content, position: Option<f64>) {
        self.runs.push(Run { content, styles: self.styles.clone(), own: None, position });
    }

    fn field(&mut self, name: &str, formatter: &dyn Formatter) {
        let context = self.context;
        let Some(field) = context.kind.fields.iter().find(|field| field.name == name) else {
            return;
        };
        if let Unit::History(of) = field.unit {
            let graph = formatter.history(of, context);
            return graph.into_iter().for_each(|graph| self.push(graph, None));
        }
        let value = context.sample.get(name);
        let content = match value {
            Some(Value::Styled(pieces)) if formatter.is_whole(&Styled::text(pieces), context) => {
                return self.marked(pieces);
            }
            Some(
                value @ (Value::Text(_) | Value::Live { .. } | Value::Sign(_) | Value::Styled(_)),
            ) => formatter.value(value, context),
            Some(Value::Number { value, .. }) if !value.is_finite() => {
                formatter.placeholder(context)
            }
            Some(value) if !context.lost => formatter.value(value, context),
            // Nothing read yet, or nothing to be believed: the cells stay.
            _ => formatter.placeholder(context),
        };
        if let Some(content) = content {
            self.push(content, value.and_then(Value::position));
        }
    }

    /// A text whose parts have styles of their own.
    fn marked(&mut self, pieces: &[Styled]) {
        for piece in pieces {
            self.push(Content::Outside(piece.text.clone()), None);
            // A style with a fault in it leaves its text plain.
            if let (Ok(style), Some(run)) = (Spec::parse(&piece.style), self.runs.last_mut()) {
                run.own = Some(Box::new(style));
            }
        }
    }

    fn has_value(&self, name: &str) -> bool {
        let history = self.context.kind.fields.iter().find_map(|field| match field.unit {
            Unit::History(of) if field.name == name => Some(of),
            _ => None,
        });
        match history {
            Some(of) => self.context.ring(of).is_some_and(|ring| !ring.is_empty()),
            None => self.context.sample.get(name).is_some_and(|value| !value.is_empty()),
        }
    }

    fn has_all(&self, node: &Node) -> bool {
        match node {
            // A group decides for itself whether it is shown.
            Node::Text(_) | Node::Icon | Node::Group(_) => true,
            Node::Field { name, .. } => self.has_value(name),
            Node::Styled { nodes, .. } => nodes.iter().all(|node| self.has_all(node)),
            Node::First(arms) => arms.iter().any(|arm| arm.iter().all(|node| self.has_all(node))),
        }
    }
}

/// The field of this kind with this name, or a fault that names the nearest.
fn declared<'k>(kind: &'k Kind, name: &str, span: Range<usize>) -> Result<&'k Field, Fault> {
    kind.fields.iter().find(|field| field.name == name).ok_or_else(|| {
        let known = kind.fields.iter().map(|field| field.name).chain(["icon"]);
        Fault::new(span, format!("`{}` has no field `{name}`", kind.name)).meant(name, known)
    })
}

#[cfg(test)]
mod tests;
