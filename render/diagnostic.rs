//! A message with a place in a file: where, what was expected, an excerpt, "did you mean".
//!
//! The first line stands alone (`config.toml:4:7: unknown key …`), so that it can be shown where
//! there is room for one; the excerpt follows.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use rainline_segments::Untrusted;

use crate::width::width;
use rainline_caps::Policy;

/// The most characters of a message.
const MAX_MESSAGE: usize = 1000;
/// The most characters of an excerpt on each side of what is marked, and marked.
const AROUND: usize = 120;
/// A word of more bytes is not looked up for what was meant.
const MAX_WORD: usize = 100;
/// With fewer letters a word may be short for anything.
const MIN_SHORT: usize = 3;
/// The most words among which the meant one is looked for.
const MAX_KNOWN: usize = 2000;

/// A file's text and the name it goes by in messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name that it has in messages.
    pub path: PathBuf,
    /// All of it.
    pub text: String,
}

/// Something wrong with a piece of text, not yet tied to a file: bytes, message, suggestion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The bytes that are wrong.
    pub span: Range<usize>,
    /// What is wrong with them.
    pub message: String,
    /// What was probably meant.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault without a suggestion.
    pub fn new(span: Range<usize>, message: impl Into<String>) -> Fault {
        let mut message = message.into();
        // It may quote a name, which may be as long as a file.
        if let Some((end, _)) = message.char_indices().nth(MAX_MESSAGE) {
            message.truncate(end);
            message.push('…');
        }
        Fault { span, message, hint: None }
    }

    /// Adds the nearest of `known` to `word` as a suggestion, if one is near.
    pub fn meant<'a>(mut self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Fault {
        self.hint = nearest(word, known).map(str::to_owned);
        self
    }

    /// The same fault in a text in which this one starts at byte `by`.
    pub fn shifted(mut self, by: usize) -> Fault {
        self.span = self.span.start + by..self.span.end + by;
        self
    }
}

/// A fault in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file.
    pub source: Arc<Source>,
    /// What is wrong in it, and where.
    pub fault: Fault,
}

impl Diagnostic {
    /// The first line: place, message, suggestion.
    pub fn headline(&self) -> String {
        let (line, column) = place(&self.source.text, self.fault.span.start);
        let path = self.source.path.display();
        let hint = self.fault.hint.as_deref().map(question).map(|question| format!("; {question}"));
        let hint = hint.unwrap_or_default();
        // A name may have a newline in it.
        format!("{path}:{line}:{column}: {}{hint}", self.fault.message).replace('\n', "\\n")
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.source.text;
        let start = floor(text, self.fault.span.start);
        let line = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        // A fault that spans lines is marked to the end of its first one.
        let end = ceil(text, self.fault.span.end).clamp(start, line_end);
        let (before, marked, after) = (&text[line..start], &text[start..end], &text[end..line_end]);
        // It goes to a terminal, so nothing in it may act as an escape sequence.
        let parts = [last(before, AROUND), first(marked, AROUND), first(after, AROUND)];
        let [before, marked, after] = parts.map(|part| {
            let plain = Untrusted::new(part.trim_end_matches('\r').replace('\t', "    "));
            plain.reveal().to_owned()
        });
        let number = place(text, start).0.to_string();
        let margin = " ".repeat(number.len());
        let gap = " ".repeat(width(&before, Policy::Unicode));
        let marks = "^".repeat(width(&marked, Policy::Unicode).max(1));
        let label = self.fault.hint.as_deref().map(question).map(|question| format!(" {question}"));
        let excerpt = format!("{number} | {before}{marked}{after}");
        writeln!(f, "{}", self.headline())?;
        writeln!(f, "{}", excerpt.trim_end())?;
        writeln!(f, "{margin} | {gap}{marks}{}", label.unwrap_or_default())
    }
}

/// The end of a message about an unknown word: "; did you mean …?" with the nearest of `known`, or
/// nothing where none is near.
pub fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map(|near| format!("; {}", question(near))).unwrap_or_default()
}

fn question(meant: &str) -> String {
    format!("did you mean `{meant}`?")
}

/// The nearest of `known` to `word`, if it is near enough to have been meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_of(word, &mut known.into_iter())
}

/// Whether a word is the start of another one, or has some of its parts between dashes, in order.
fn is_short_for(word: &str, whole: &str) -> bool {
    if word.len() < MIN_SHORT || whole.len() > 2 * MAX_WORD {
        return false;
    }
    let mut parts = whole.split('-');
    let mut has_all = || word.split('-').all(|wanted| parts.any(|part| part == wanted));
    whole.starts_with(word) || (word.contains('-') && has_all())
}

fn nearest_of<'a>(word: &str, known: &mut dyn Iterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > MAX_WORD {
        return None;
    }
    let known: Vec<&str> = known.take(MAX_KNOWN).collect();
    let shortened = known.iter().filter(|candidate| is_short_for(word, candidate));
    if let Some(meant) = shortened.min_by_key(|candidate| candidate.len()) {
        return Some(meant);
    }
    let most = 1 + word.chars().count() / 3;
    let letters_of_word = letters(word);
    // Each letter that only one of them has is an edit at least. Nearly all are told apart by that.
    let may_be_near = |candidate: &&str| {
        let letters = letters(candidate);
        let only_one_has = [letters_of_word & !letters, letters & !letters_of_word];
        candidate.len() <= 2 * MAX_WORD
            && only_one_has.iter().all(|letters| letters.count_ones() as usize <= most)
    };
    let near = known.into_iter().filter(may_be_near);
    let (distance, best) =
        near.map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate)).min()?;
    (distance <= most).then_some(best)
}

/// The letters of a word as a set; some share a place in it.
fn letters(word: &str) -> u64 {
    word.chars().fold(0, |letters, c| letters | 1 << (u32::from(c) % 64))
}

/// The first characters of a text.
fn first(text: &str, count: usize) -> &str {
    text.char_indices().nth(count).map_or(text, |(end, _)| &text[..end])
}

/// The last characters of a text.
fn last(text: &str, count: usize) -> &str {
    text.char_indices().rev().nth(count).map_or(text, |(at, c)| &text[at + c.len_utf8()..])
}

/// Line and column, both from 1, columns in characters.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..floor(text, at)];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (line, before[start..].chars().count() + 1)
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

fn ceil(text: &str, at: usize) -> usize {
    (at.min(text.len())..=text.len()).find(|i| text.is_char_boundary(*i)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_place_excerpt_and_suggestion() {
        let text = "theme = \"rain\"\n\n[segment.cpu]\nwarnign = 70\n";
        let fault =
            Fault::new(30..37, "unknown key `warnign`").meant("warnign", ["warning", "critical"]);
        let source = Arc::new(Source { path: "config.toml".into(), text: text.into() });
        let shown = Diagnostic { source, fault }.to_string();
        assert!(
            shown.starts_with("config.toml:4:1: unknown key `warnign`; did you mean `warning`?\n"),
            "{shown}"
        );
        assert!(shown.contains("4 | warnign = 70\n"), "{shown}");
        assert!(shown.contains("^^^^^^^ did you mean `warning`?"), "{shown}");
    }

    #[test]
    fn a_span_past_the_end_or_inside_a_character_is_no_panic() {
        for span in [0..0, 2..3, 900..901, 6..6] {
            let source = Arc::new(Source { path: "x".into(), text: "é = \"ü".into() });
            let _ = Diagnostic { source, fault: Fault::new(span, "m") }.to_string();
        }
        let source = Arc::new(Source { path: "x".into(), text: String::new() });
        let _ = Diagnostic { source, fault: Fault::new(0..0, "m") }.to_string();
    }

    #[test]
    fn whatever_the_file_holds_a_message_is_short_and_of_few_lines() {
        let name = "n\n\u{1b}[2J".repeat(200_000);
        let text = format!("\"{name}\" = 1");
        let fault = Fault::new(500_000..700_000, format!("unknown key `{name}`"));
        let fault = fault.meant(&name, ["near"]);
        let source = Arc::new(Source { path: "a\nb".into(), text });
        let shown = Diagnostic { source, fault }.to_string();
        assert!(shown.len() < 10_000 && shown.lines().count() == 3, "{} {shown}", shown.len());
    }

    #[test]
    fn far_words_are_not_suggested() {
        assert_eq!(nearest("zzz", ["cpu", "memory"]), None);
        assert_eq!(nearest("memroy", ["cpu", "memory"]), Some("memory"));
        assert_eq!(suggestion("memroy", ["cpu", "memory"]), "; did you mean `memory`?");
        assert_eq!(nearest("net", ["env", "network", "network-history"]), Some("network"));
        let options = ["hide-when", "hide-when-above", "hide-when-below"];
        assert_eq!(nearest("hide-above", options), Some("hide-when-above"));
        assert_eq!(nearest("above-hide", options), None, "in order");
        assert_eq!(suggestion("zzz", ["cpu", "memory"]), "");
    }
}
