//! The encoders: one file a host, each from a frame to that host's escape language.
//!
//! A target is registered by two lines here: its `mod` and its place in [`ALL`]. It knows frames,
//! styles and widths. It never names theme, config, segments' kinds or the daemon, and it never
//! decides what is shown.

use std::borrow::Cow;

use rainline_caps::{Caps, Depth, Glyphs, Policy, Version};

use crate::frame::{Frame, Mark, Piece, Span, Text};
use crate::width::{self, Cut};

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
pub use tmux::style as tmux_style;

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

/// One host's escape language.
pub struct Target {
    /// As requests write it; the name of its file.
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

impl Target {
    /// A target of text alone for a host that does nothing by itself: what most targets change a
    /// part of.
    const TEXT: Target = Target {
        name: "",
        about: "",
        adapts_colour: false,
        depth: Depth::Mono,
        glyphs: Glyphs::Nerd,
        policy: |_| Policy::Wcwidth,
        encode: plain::encode,
        right: Right::Nowhere,
    };

    /// Whether a host of this version fills live texts in by itself.
    pub fn fills_in(&self, version: Version) -> bool {
        rainline_caps::hosts::find(self.name).is_some_and(|host| host.is_live(version))
    }
}

/// How a shell draws what stands at the right of the row in which one types.
#[derive(Clone, Copy)]
pub enum Right {
    /// By itself: it has a prompt for the right side.
    Own,
    /// By what this appends before the row's own text: it moves the cursor, draws one column before
    /// the edge, and comes back to the row's start. It counts as no cells.
    Moves(fn(&Frame, &Caps, &mut String)),
    /// Not at all.
    Nowhere,
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
/// cells. Control characters are taken out of every text, ours too: no target has a use for them.
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
