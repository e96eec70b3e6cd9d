//! tmux's status line, fed through the output of a `#()` job.
//!
//! tmux expands that output once more as a format and then draws the styles in it, so text passes
//! two interpreters. One escape is exact for both in every version from 2.6 on: each `#` becomes
//! `###[]`, which the format pass leaves as a doubled `#` and an empty style, and the drawing pass
//! shows as one `#`. (Doubling alone still styles on ≤ 3.1 and loses every second `#`.)
//!
//! What differs per pane or key table is left to tmux: a [`Choice`] becomes `#{?…}` and is decided
//! anew at each redraw without any process. In there a `,` ends an arm and a `}` the whole, so text
//! escapes them as `#,` and `#}`, and the words of a style are kept apart by spaces, here and
//! everywhere. Colours are written in lower case, because `#D`, `#F` and others are short formats.

use std::fmt::Write;

use rainline_caps::{Caps, Depth, On, Policy, Version};
use rainline_segments::Live;

use super::{Target, plain_text};
use crate::frame::{Arm, Choice, Frame, Piece, Span, Text};
use crate::style::{Attrs, Color, Style, push_hex};

pub static TARGET: Target = Target {
    name: "tmux",
    about: "tmux's status line, with what differs per pane decided by tmux as it draws.",
    adapts_colour: true,
    depth: Depth::True,
    policy,
    encode,
    ..Target::TEXT
};

/// The most bytes a choice may take. tmux copies an arm several times as it expands it.
const MOST_BYTES: usize = 4096;

/// The first version whose `#()` output may hold a choice that is decided anew at each redraw.
const CHOICES: Version = rainline_caps::hosts::TMUX_CHOICES;

/// tmux's words for the attributes.
const ATTRS: [(Attrs, &str); 6] = [
    (Attrs::BOLD, "bold"),
    (Attrs::DIM, "dim"),
    (Attrs::ITALIC, "italics"),
    (Attrs::UNDERLINE, "underscore"),
    (Attrs::REVERSE, "reverse"),
    (Attrs::STRIKE, "strikethrough"),
];

/// Up to 3.3 tmux adds up `wcwidth`; from 3.4 on it joins code points into one cell one after the
/// other (modifiers, joiners, flags) and comes nearer to graphemes.
fn policy(version: Version) -> Policy {
    if version > (3, 3) { Policy::Unicode } else { Policy::Wcwidth }
}

fn encode(frame: &Frame, caps: &Caps, out: &mut String) {
    let mut writer =
        Writer { out, caps, now: Some(Style::default()), maybe: Attrs::empty(), arm: false };
    for piece in &frame.pieces {
        match piece {
            Piece::Span(span) => writer.span(span),
            Piece::Choice(choice) => writer.choice(choice),
            // tmux marks no prompts in its status line.
            Piece::Mark(_) => (),
        }
    }
    if writer.now != Some(Style::default()) {
        writer.out.push_str("#[default]");
    }
}

/// Writes spans one after the other and remembers which style is in force.
struct Writer<'a> {
    out: &'a mut String,
    caps: &'a Caps,
    /// The style in force; `None` where it depends on what tmux decides.
    now: Option<Style>,
    /// Attributes that may be on where `now` is not known.
    maybe: Attrs,
    /// Whether this is inside an arm of a choice.
    arm: bool,
}

impl Writer<'_> {
    fn span(&mut self, span: &Span) {
        let style = span.style.at(self.caps.depth);
        match &span.text {
            Text::Live { most: 0, .. } => (),
            Text::Live { what, most, .. } if self.caps.live => {
                self.style(style);
                self.out.push_str(&live(*what, *most, self.caps));
            }
            text => {
                let text = plain_text(text, self.caps);
                if !text.is_empty() {
                    self.style(style);
                    push_escaped(self.out, &text, self.arm);
                }
            }
        }
    }

    fn choice(&mut self, choice: &Choice) {
        let Some(otherwise) = choice.arms.iter().find(|arm| arm.case.is_none()) else { return };
        if self.caps.version != (0, 0) && self.caps.version < CHOICES {
            let spans = choice.pick(&self.caps.holds);
            spans.iter().for_each(|span| self.span(span));
        } else if let Some((template, maybe)) = self.template(choice, otherwise) {
            self.out.push_str(&template);
            self.now = None;
            self.maybe = maybe;
        } else {
            // Too much for one format. What holds now would be wrong a moment later.
            otherwise.spans.iter().for_each(|span| self.span(span));
        }
    }

    /// The choice as a format, and the attributes that may be on after it.
    fn template(&self, choice: &Choice, otherwise: &Arm) -> Option<(String, Attrs)> {
        let cases: Vec<(&str, &Arm)> = match choice.on {
            On::Pane => distinct_panes(choice),
            On::State => choice.arms.iter().filter_map(|arm| Some((flag(arm)?, arm))).collect(),
        };
        if cases.is_empty() || cases.len() >= Choice::MOST_ARMS {
            return None;
        }
        let mut maybe = self.possible();
        let mut arm = |arm: &Arm| {
            let mut out = String::new();
            let mut writer = Writer {
                out: &mut out,
                caps: self.caps,
                now: None,
                maybe: self.possible(),
                arm: true,
            };
            arm.spans.iter().for_each(|span| writer.span(span));
            maybe |= writer.possible();
            out
        };
        let mut out = String::new();
        // Writing to a String cannot fail.
        if choice.on == On::Pane {
            // One after the other and not nested: tmux ≤ 3.1 expands only ten levels deep.
            for (pane, one) in &cases {
                let _ = write!(out, "#{{?#{{==:#{{pane_id}},{pane}}},{},}}", arm(one));
            }
            let panes: Vec<&str> = cases.iter().map(|(pane, _)| *pane).collect();
            let panes = panes.join("|");
            let _ = write!(out, "#{{?#{{m:*|#{{pane_id}}|*,|{panes}|}},,{}}}", arm(otherwise));
        } else {
            // One inside the other, so that the first that holds is the one; they are few.
            for (name, one) in &cases {
                let _ = write!(out, "#{{?{name},{},", arm(one));
            }
            let _ = write!(out, "{}{}", arm(otherwise), "}".repeat(cases.len()));
        }
        (out.len() <= MOST_BYTES).then_some((out, maybe))
    }

    /// The attributes that may be on now.
    fn possible(&self) -> Attrs {
        self.now.map_or(self.maybe, |now| now.attrs)
    }

    /// Brings `style` into force: what changes, or all of it where we do not know what is.
    fn style(&mut self, style: Style) {
        if self.now == Some(style) {
            return;
        }
        let (now, possible) = (self.now, self.possible());
        let out = &mut self.out;
        let mut before = "#[";
        let mut word = |out: &mut String, word: &str| {
            out.push_str(std::mem::replace(&mut before, " "));
            out.push_str(word);
        };
        if now.is_none_or(|now| now.fg != style.fg) {
            word(out, "fg=");
            push_color(out, style.fg);
        }
        if now.is_none_or(|now| now.bg != style.bg) {
            word(out, "bg=");
            push_color(out, style.bg);
        }
        if now.is_none_or(|now| now.attrs != style.attrs) {
            for (attr, name) in ATTRS {
                let on = now.map(|now| now.attrs.contains(attr));
                match style.attrs.contains(attr) {
                    true if on != Some(true) => word(out, name),
                    false if on != Some(false) && possible.contains(attr) => {
                        word(out, "no");
                        out.push_str(name);
                    }
                    _ => (),
                }
            }
        }
        if before == "#[" {
            out.push_str(before);
        }
        out.push(']');
        self.now = Some(style);
    }
}

/// What tmux calls the state of this arm. A name that is none never reaches a format.
fn flag(arm: &Arm) -> Option<&'static str> {
    Some(match arm.case.as_deref()? {
        "prefix" => "client_prefix",
        "copy-mode" => "pane_in_mode",
        "synced" => "pane_synchronized",
        "zoomed" => "window_zoomed_flag",
        "current" => "window_active",
        "bell" => "window_bell_flag",
        "activity" => "window_activity_flag",
        "last" => "window_last_flag",
        _ => return None,
    })
}

/// The arms whose case is a pane's id, the first of each. Anything else never reaches a format.
fn distinct_panes(choice: &Choice) -> Vec<(&str, &Arm)> {
    let mut cases: Vec<(&str, &Arm)> = Vec::new();
    for arm in &choice.arms {
        let Some(case) = arm.case.as_deref() else { continue };
        let digits = case.strip_prefix('%').unwrap_or_default();
        let is_id = (1..=10).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if is_id && !cases.iter().any(|(known, _)| *known == case) {
            cases.push((case, arm));
        }
    }
    cases
}

/// A style as an option of tmux's config takes it: `fg=#102030,bg=default,bold`.
pub fn style(style: Style) -> String {
    let mut out = String::from("fg=");
    push_color(&mut out, style.fg);
    out.push_str(",bg=");
    push_color(&mut out, style.bg);
    for (_, word) in ATTRS.iter().filter(|(attr, _)| style.attrs.contains(*attr)) {
        out.push(',');
        out.push_str(word);
    }
    out
}

fn push_color(out: &mut String, color: Color) {
    match color {
        Color::Default => out.push_str("default"),
        Color::Indexed(index) => {
            // Writing to a String cannot fail.
            let _ = write!(out, "colour{index}");
        }
        Color::Rgb(r, g, b) => push_hex(out, (r, g, b)),
    }
}

fn push_escaped(out: &mut String, text: &str, arm: bool) {
    let special = |byte: u8| byte == b'#' || (arm && matches!(byte, b',' | b'}'));
    let mut rest = text;
    while let Some(at) = rest.bytes().position(special) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b',' => "#,",
            b'}' => "#}",
            _ => "###[]",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

/// A format that shows the name as it is (`q/h` doubles each `#` for the drawing pass; a format's
/// value is not expanded again), whole if it fits, else cut with an ellipsis. `=N` counts cells.
fn live(what: Live, most: u16, caps: &Caps) -> String {
    let name = match what {
        Live::SessionName => "session_name",
        // Numbers: nothing to cut or to escape.
        Live::WindowIndex => return "#{window_index}".into(),
        Live::WindowName => "window_name",
        Live::WindowFlags => "window_flags",
        Live::PaneIndex => return "#{pane_index}".into(),
        Live::PaneTitle => "pane_title",
    };
    let whole = format!("#{{q/h:{name}}}");
    let start = match most {
        // `=0` would not cut at all.
        0 | 1 => String::new(),
        most => format!("#{{={};q/h:{name}}}", most - 1),
    };
    let fits = format!("#{{==:#{{={most};q/h:{name}}},{whole}}}");
    format!("#{{?{fits},{whole},{start}{}}}", caps.glyphs.ellipsis(caps.policy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rainline_caps::Depth;

    fn encoded(pieces: Vec<Piece>, caps: &Caps) -> String {
        let mut out = String::new();
        encode(&Frame { pieces }, caps, &mut out);
        out
    }

    fn bold(fg: Color) -> Style {
        Style { fg, attrs: Attrs::BOLD, ..Style::default() }
    }

    fn arm(case: Option<&str>, span: Span) -> Arm {
        Arm { case: case.map(Into::into), spans: vec![span] }
    }

    #[test]
    fn hashes_are_escaped_in_every_text() {
        let pieces = vec![
            Piece::Span(Span::ours("a#[x]\n\u{9b},}", Style::default())),
            Piece::Span(Span::new(Text::Outside("#(id)".into()), Style::default())),
        ];
        assert_eq!(encoded(pieces, &Caps::default()), "a###[][x],}###[](id)");
    }

    #[test]
    fn equal_styles_are_merged_and_one_default_ends_the_line() {
        let red = Color::Rgb(0xff, 0, 0xd0);
        let pieces = vec![
            Piece::Span(Span::ours("a", bold(red))),
            Piece::Span(Span::new(Text::Outside("b".into()), bold(red))),
            Piece::Span(Span::ours(
                "c",
                Style { attrs: Attrs::empty(), bg: Color::Indexed(9), ..bold(red) },
            )),
        ];
        let expected = "#[fg=#ff00d0 bold]ab#[bg=colour9 nobold]c#[default]";
        assert_eq!(encoded(pieces.clone(), &Caps::default()), expected);
        let mono = Caps { depth: Depth::Mono, ..Caps::default() };
        assert_eq!(encoded(pieces, &mono), "#[bold]ab#[nobold]c");
    }

    #[test]
    fn a_choice_is_left_to_tmux_and_styles_are_said_again_after_it() {
        let arms = vec![
            arm(Some("prefix"), Span::ours("x,}", bold(Color::Default))),
            arm(None, Span::ours("   ", Style::default())),
        ];
        let pieces = vec![
            Piece::Choice(Choice { on: On::State, arms }),
            Piece::Span(Span::ours("y", Style::default())),
        ];
        assert_eq!(
            encoded(pieces.clone(), &Caps::default()),
            "#{?client_prefix,#[fg=default bg=default bold]x#,#},#[fg=default bg=default]   }\
             #[fg=default bg=default nobold]y"
        );
        let old = Caps { version: (2, 8), ..Caps::default() };
        assert_eq!(encoded(pieces, &old), "   y");
    }

    #[test]
    fn panes_that_are_none_never_reach_a_format() {
        let span = |text: &str| Span::ours(text, Style::default());
        let arms = vec![
            arm(Some("%3}#(id)"), span("a")),
            arm(Some("%3"), span("b")),
            arm(Some("%3"), span("c")),
            arm(None, span("d")),
        ];
        let choice = Piece::Choice(Choice { on: On::Pane, arms });
        assert_eq!(
            encoded(vec![choice], &Caps::default()),
            "#{?#{==:#{pane_id},%3},#[fg=default bg=default]b,}\
             #{?#{m:*|#{pane_id}|*,|%3|},,#[fg=default bg=default]d}#[default]"
        );
    }

    #[test]
    fn too_many_or_too_long_arms_leave_the_last_alone() {
        let many = (0..40).map(|n| arm(Some(&format!("%{n}")), Span::ours("a", Style::default())));
        let last = || arm(None, Span::ours("z", Style::default()));
        let arms = many.chain([last()]).collect();
        let choice = Piece::Choice(Choice { on: On::Pane, arms });
        assert_eq!(encoded(vec![choice], &Caps::default()), "z");
        let arms = vec![arm(Some("zoomed"), Span::ours("#".repeat(900), Style::default())), last()];
        let choice = Piece::Choice(Choice { on: On::State, arms });
        assert_eq!(encoded(vec![choice], &Caps::default()), "z");
    }

    #[test]
    fn live_text_is_filled_in_by_tmux_or_said_as_known() {
        let text = Text::Live { what: Live::WindowName, most: 8, known: "a#b".into() };
        let span = || vec![Piece::Span(Span::new(text.clone(), Style::default()))];
        let caps = |live| Caps { live, ..Caps::default() };
        assert_eq!(
            encoded(span(), &caps(true)),
            "#{?#{==:#{=8;q/h:window_name},#{q/h:window_name}},#{q/h:window_name},#{=7;q/h:window_name}…}"
        );
        assert_eq!(encoded(span(), &caps(false)), "a###[]b");
    }
}
