//! The encoders: one file a host, each from a frame to that host's escape language.
//!
//! Invariant: a target knows frames, styles and widths. It never names theme, config, segments'
//! kinds or the daemon, and it never decides what is shown.

use std::borrow::Cow;

use crate::frame::{Frame, Mark, On, Piece, Span, Text};
use crate::style::Depth;
use crate::width::{self, Cut, Policy};

mod ansi;
mod bash;
mod dvtm;
mod fish;
mod plain;
mod screen;
mod svg;
mod tmux;
mod zsh;

pub use screen::rendition as screen_rendition;

/// Every target, by name.
pub static ALL: &[&Target] = &[
    &ansi::TARGET,
    &bash::TARGET,
    &dvtm::TARGET,
    &fish::TARGET,
    &plain::TARGET,
    &screen::TARGET,
    &svg::TARGET,
    &tmux::TARGET,
    &zsh::TARGET,
];

/// The target of this name.
pub fn find(name: &str) -> Option<&'static Target> {
    ALL.iter().copied().find(|target| target.name == name)
}

/// Whether a host of this version fills live texts in by itself.
pub fn fills_in(target: &Target, version: Version) -> bool {
    std::ptr::eq(target, &tmux::TARGET) && version >= tmux::LIVE_TEXT
}

/// One host's escape language.
pub struct Target {
    pub name: &'static str,
    /// One sentence, for lists and docs.
    pub about: &'static str,
    /// Whether the host itself comes down to the colours of each client, so that it is always
    /// given 24-bit ones.
    pub adapts_colour: bool,
    /// The most colours that come out here.
    pub depth: Depth,
    /// The richest glyphs that come out right here, unless the request says otherwise.
    pub glyphs: Glyphs,
    /// The width policy of a host of this version.
    pub policy: fn(Version) -> Policy,
    /// Appends the frame in the host's language. Never fails: what a host cannot show is left out.
    pub encode: fn(&Frame, &Caps, &mut String),
    /// How a prompt's right side is drawn on the row in which one types.
    pub right: Right,
}

/// How a shell draws what stands at the right of the row in which one types.
#[derive(Clone, Copy)]
pub enum Right {
    /// It has a place for it and puts it there itself.
    Own,
    /// It has none: what this appends goes there, one column before the edge, and comes back to the
    /// row's start. It takes no cells and stands before the row's own text.
    Moves(fn(&Frame, &Caps, &mut String)),
    /// It cannot be drawn there.
    Nowhere,
}

/// A host's version, major and minor; `(0, 0)` is unknown.
pub type Version = (u16, u16);

/// Which glyphs may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Glyphs {
    Ascii,
    /// What every terminal font has: blocks, braille, arrows.
    #[default]
    Unicode,
    /// A patched font: Powerline arrows and Nerd Font icons.
    Nerd,
}

impl Glyphs {
    pub const NAMES: &'static [(&'static str, Glyphs)] =
        &[("ascii", Glyphs::Ascii), ("unicode", Glyphs::Unicode), ("nerd", Glyphs::Nerd)];

    /// What stands where text was cut away: one cell under every policy.
    pub fn ellipsis(self, policy: Policy) -> &'static str {
        if self == Glyphs::Ascii || policy == Policy::Cjk { "~" } else { "…" }
    }

    pub fn named(name: &str) -> Option<Glyphs> {
        Glyphs::NAMES.iter().find(|(known, _)| *known == name).map(|(_, glyphs)| *glyphs)
    }
}

/// What the place that asked can show.
#[derive(Clone, Debug, PartialEq)]
pub struct Caps {
    pub depth: Depth,
    pub policy: Policy,
    pub glyphs: Glyphs,
    /// The cells there are for this slot.
    pub columns: usize,
    pub version: Version,
    /// Whether the host fills live texts in ([`fills_in`]); where not, they are as long as known.
    pub live: bool,
    /// For hosts without live conditions: what holds at the moment of the request, with its case.
    pub holds: Vec<(On, Box<str>)>,
}

impl Caps {
    /// Whether a state or a pane holds, where that had to be said with the request.
    pub fn holds(&self, on: On, case: &str) -> bool {
        self.holds.iter().any(|(held, known)| *held == on && &**known == case)
    }
}

impl Default for Caps {
    fn default() -> Self {
        Caps {
            depth: Depth::True,
            policy: Policy::Wcwidth,
            glyphs: Glyphs::Unicode,
            columns: 80,
            version: (0, 0),
            live: false,
            holds: Vec::new(),
        }
    }
}

/// What a host without live conditions draws, in order.
enum Flat<'a> {
    Span(&'a Span),
    Mark(Mark),
}

/// The frame for a host without live conditions: of each choice the arm that holds now.
fn flat<'a>(frame: &'a Frame, caps: &'a Caps) -> impl Iterator<Item = Flat<'a>> {
    frame.pieces.iter().flat_map(|piece| {
        let (spans, mark) = match piece {
            Piece::Span(span) => (std::slice::from_ref(span), None),
            Piece::Choice(choice) => (choice.pick(&caps.holds), None),
            Piece::Mark(mark) => (&[][..], Some(Flat::Mark(*mark))),
        };
        spans.iter().map(Flat::Span).chain(mark)
    })
}

/// A span's text for a host that fills nothing in: live text as far as it is known, cut to its
/// cells. Without control characters, whoever wrote it: no target has a use for them.
fn plain_text<'a>(text: &'a Text, caps: &Caps) -> Cow<'a, str> {
    match text {
        Text::Live { most, known, .. } => {
            let (most, known) = (usize::from(*most), visible(known.reveal()));
            Cow::Owned(width::cut(
                &known,
                most,
                Cut::End,
                caps.glyphs.ellipsis(caps.policy),
                caps.policy,
            ))
        }
        text => visible(text.known()),
    }
}

/// The text without control characters (C0, DEL, C1).
fn visible(text: &str) -> Cow<'_, str> {
    // C0 and DEL are bytes of their own, C1 all begin with 0xc2.
    if text.bytes().any(|byte| matches!(byte, 0..b' ' | 0x7f | 0xc2)) {
        Cow::Owned(text.chars().filter(|c| !c.is_control()).collect())
    } else {
        Cow::Borrowed(text)
    }
}
