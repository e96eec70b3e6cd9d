//! What the renderer makes and the targets encode: styled spans of known width, nothing
//! host-specific, no escapes.

use rainline_caps::{On, Policy};
use rainline_segments::{Live, Untrusted};

use crate::style::Style;
use crate::width;

/// The instance of the config that a span shows: an index into the config's instances.
pub type InstanceId = u16;

/// A span's text, by who wrote it. An encoder must escape the first kind and may trust the second.
#[derive(Clone, Debug, PartialEq)]
pub enum Text {
    /// From outside: file names, titles, songs.
    Outside(Untrusted),
    /// Ours: theme, format and graph glyphs, numbers. Escaped all the same, never filtered.
    Ours(Box<str>),
    /// The host fills it in as it draws, cut to `most` cells; other hosts show what is known.
    Live {
        /// Which of its texts.
        what: Live,
        /// The most cells it may take.
        most: u16,
        /// What it was when the line was drawn.
        known: Untrusted,
    },
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
pub type Click = &'static str;

/// What two neighbouring spans must share to be joined: all but their text.
pub(crate) type SpanKey<'a> = (Style, InstanceId, Option<Click>, Option<&'a Untrusted>);

/// A piece of text in one style.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// What it says.
    pub text: Text,
    /// How it looks.
    pub style: Style,
    /// The instance that it is a part of.
    pub origin: InstanceId,
    /// What a click on it does.
    pub action: Option<Click>,
    /// Where it leads, for hosts that have links (OSC 8).
    pub link: Option<Untrusted>,
}

impl Span {
    /// A text in a style, of no instance, without a click or a link.
    pub fn new(text: Text, style: Style) -> Span {
        Span { text, style, origin: 0, action: None, link: None }
    }

    /// A span of our own glyphs.
    pub fn ours(text: impl Into<Box<str>>, style: Style) -> Span {
        Span::new(Text::Ours(text.into()), style)
    }

    /// What [`Frame::push`] joins spans by. `None` for texts that are not ours: those stay apart.
    pub(crate) fn key(&self) -> Option<SpanKey<'_>> {
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
    /// What is drawn then.
    pub spans: Vec<Span>,
}

/// Spans of which the host draws one arm, picked as it draws. All arms are equally wide.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// What the cases are values of.
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

    /// A choice whose arms are all padded to the widest; arms beyond [`Choice::MOST_ARMS`] are
    /// dropped.
    pub fn padded(on: On, mut arms: Vec<Arm>, policy: Policy) -> Choice {
        let cells = |arm: &Arm| arm.spans.iter().map(|span| span.width(policy)).sum::<usize>();
        let widest = arms.iter().map(&cells).max().unwrap_or(0);
        for arm in &mut arms {
            let gap = widest - cells(arm);
            if gap > 0 {
                let style = arm.spans.last().map_or(Style::default(), |span| span.style);
                arm.spans.push(Span::ours(" ".repeat(gap), style));
            }
        }
        arms.truncate(Choice::MOST_ARMS);
        Choice { on, arms }
    }

    /// The cells of its widest arm.
    pub fn width(&self, policy: Policy) -> usize {
        let arm = |arm: &Arm| arm.spans.iter().map(|span| span.width(policy)).sum();
        self.arms.iter().map(arm).max().unwrap_or(0)
    }
}

/// A place in the line that takes no cells (OSC 133 and the like).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Before the prompt.
    PromptStart,
    /// Behind it, where typing begins.
    PromptEnd,
}

/// A part of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Text in one style.
    Span(Span),
    /// Spans of which the host picks some.
    Choice(Choice),
    /// A place of no cells.
    Mark(Mark),
}

impl Piece {
    /// The cells it takes at most.
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
    /// From the left.
    pub pieces: Vec<Piece>,
}

impl Frame {
    /// The cells it takes at most.
    pub fn width(&self, policy: Policy) -> usize {
        self.pieces.iter().map(|piece| piece.width(policy)).sum()
    }

    /// Adds a span. Where the last one and this one are ours and differ in nothing but their text,
    /// they become one.
    pub fn push(&mut self, span: Span) {
        if let (Some(Piece::Span(last)), Text::Ours(more)) = (self.pieces.last_mut(), &span.text)
            && last.key() == span.key()
            && let Text::Ours(text) = &mut last.text
        {
            *text = [&**text, more].concat().into();
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
