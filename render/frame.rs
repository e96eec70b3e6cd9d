//! What the renderer makes and the targets encode: styled spans of known width, nothing
//! host-specific, no escapes.

use rainline_caps::{On, Policy};
use rainline_segments::{Live, Untrusted};

use crate::style::Style;
use crate::width;

/// Which instance of the config a span came from; an index into its instances.
pub type InstanceId = u16;

/// A span's text, by who wrote it. An encoder must escape the first kind and may trust the second.
#[derive(Clone, Debug, PartialEq)]
pub enum Text {
    /// Somebody else's words.
    Outside(Untrusted),
    /// Ours: theme, format and graph glyphs, numbers. Escaped all the same, never filtered.
    Ours(Box<str>),
    /// The host fills it in as it draws, cut to `most` cells; other hosts show what is known.
    Live { what: Live, most: u16, known: Untrusted },
}

impl Text {
    /// The text as far as it is known here.
    pub fn known(&self) -> &str {
        match self {
            Text::Outside(text) => text.reveal(),
            Text::Ours(text) => text,
            Text::Live { known, .. } => known.reveal(),
        }
    }
}

/// What a click does: a name from our own table, never text from outside.
pub type Action = &'static str;

/// What two spans must share to become one.
pub type Look<'a> = (Style, InstanceId, Option<Action>, Option<&'a Untrusted>);

/// A piece of text in one style.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub text: Text,
    pub style: Style,
    pub origin: InstanceId,
    pub action: Option<Action>,
    pub link: Option<Untrusted>,
}

impl Span {
    /// A span of our own glyphs.
    pub fn ours(text: impl Into<Box<str>>, style: Style) -> Span {
        Span { text: Text::Ours(text.into()), style, origin: 0, action: None, link: None }
    }

    /// A span of somebody else's words.
    pub fn outside(text: impl Into<Untrusted>, style: Style) -> Span {
        Span { text: Text::Outside(text.into()), style, origin: 0, action: None, link: None }
    }

    /// Everything but the text of a span of ours: spans of one look grow together (see
    /// [`Frame::push`]). `None` for other texts, which stay as they are.
    pub fn look(&self) -> Option<Look<'_>> {
        let ours = matches!(self.text, Text::Ours(_));
        ours.then_some((self.style, self.origin, self.action, self.link.as_ref()))
    }

    /// The cells it takes; for live text the most it may take.
    pub fn width(&self, policy: Policy) -> usize {
        match &self.text {
            Text::Live { most, .. } => usize::from(*most),
            text => width::width(text.known(), policy),
        }
    }
}

/// One outcome of a [`Choice`].
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// A state's name or a pane's id. `None`: otherwise.
    pub case: Option<Box<str>>,
    pub spans: Vec<Span>,
}

/// Spans of which the host draws one arm, picked as it draws. All arms are equally wide.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    pub on: On,
    /// The cases in order, the first that holds is drawn; the arm without a case comes last and is
    /// always there.
    pub arms: Vec<Arm>,
}

impl Choice {
    /// At most this many arms; a tmux format has bounds.
    pub const MOST_ARMS: usize = 33;

    /// The arm that a host without live conditions draws: the first whose case holds, else the
    /// last.
    pub fn pick(&self, holds: &[(On, Box<str>)]) -> &[Span] {
        let held = |arm: &&Arm| {
            let case = arm.case.as_deref();
            holds.iter().any(|(on, known)| *on == self.on && case == Some(&**known))
        };
        self.arms.iter().find(held).or(self.arms.last()).map_or(&[], |arm| &arm.spans)
    }

    pub fn width(&self, policy: Policy) -> usize {
        let arm = |arm: &Arm| arm.spans.iter().map(|span| span.width(policy)).sum();
        self.arms.iter().map(arm).max().unwrap_or(0)
    }
}

/// A place in the line that takes no cells (OSC 133 and the like).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    PromptStart,
    PromptEnd,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    Span(Span),
    Choice(Choice),
    Mark(Mark),
}

impl Piece {
    pub fn width(&self, policy: Policy) -> usize {
        match self {
            Piece::Span(span) => span.width(policy),
            Piece::Choice(choice) => choice.width(policy),
            Piece::Mark(_) => 0,
        }
    }
}

/// A laid-out row of a slot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    pub pieces: Vec<Piece>,
}

impl Frame {
    pub fn width(&self, policy: Policy) -> usize {
        self.pieces.iter().map(|piece| piece.width(policy)).sum()
    }

    /// Adds a span; one that looks like the last and is as trusted grows it instead.
    pub fn push(&mut self, span: Span) {
        if let (Some(Piece::Span(last)), Text::Ours(more)) = (self.pieces.last_mut(), &span.text)
            && last.look() == span.look()
            && let Text::Ours(text) = &mut last.text
        {
            let mut longer = std::mem::take(text).into_string();
            // To the byte: as a boxed text it then stays where it is.
            longer.reserve_exact(more.len());
            longer.push_str(more);
            *text = longer.into();
            return;
        }
        self.pieces.push(Piece::Span(span));
    }

    /// Adds pieces, spans as [`Frame::push`] does.
    pub fn extend(&mut self, pieces: impl IntoIterator<Item = Piece>) {
        let pieces = pieces.into_iter();
        self.pieces.reserve(pieces.size_hint().0);
        for piece in pieces {
            match piece {
                Piece::Span(span) => self.push(span),
                other => self.pieces.push(other),
            }
        }
    }
}
