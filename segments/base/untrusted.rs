//! Text from outside: branch, path, title, SSID, command output, host name.
//!
//! [`Untrusted`] is the only type in which such text travels. It is cleaned once, where it enters,
//! and has no `Display`: the only way out is a target's encoder, which escapes it for its host. A
//! removed character is shown as `·`, so that an attempt to spoof is visible.

use std::fmt;

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr;

/// The most bytes of one text. Its width is limited later, by `text(max:…)` and the layout; this
/// only keeps hostile megabytes out of the cache.
pub const MAX_BYTES: usize = 4096;

/// Replaces a removed character.
const REMOVED: char = '·';

/// The most code points that are drawn in one place: a base with its marks, or emoji that are
/// joined. The family of four has seven.
const MAX_CLUSTER: usize = 8;
/// The most combining marks on one base.
const MAX_MARKS: usize = 2;

/// Cleaned text from outside: valid UTF-8, at most [`MAX_BYTES`], without what is forbidden
/// ([`is_forbidden`]), and without piles of characters that are drawn in one place. It neither
/// begins nor ends with something that would join what stands beside it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Untrusted(Box<str>);

impl Untrusted {
    /// Cleans `bytes`. Invalid UTF-8 becomes U+FFFD; each removed character becomes [`REMOVED`].
    pub fn new(bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        let bytes = &bytes[..bytes.len().min(MAX_BYTES)];
        if bytes.iter().all(|b| (0x20..0x7f).contains(b)) {
            // Printable ASCII, the usual case, needs no cleaning.
            return Self(String::from_utf8_lossy(bytes).into());
        }
        let text = String::from_utf8_lossy(bytes);
        let allowed = |c| if is_forbidden(c) { REMOVED } else { c };
        let allowed: String = text.chars().map(allowed).collect();
        let mut clean = String::with_capacity(allowed.len());
        for cluster in allowed.graphemes(true) {
            clean.extend(thinned(cluster, clean.is_empty()));
        }
        while clean.len() > MAX_BYTES {
            clean.pop();
        }
        if clean.ends_with(JOINER) {
            clean.pop();
            clean.push(REMOVED);
        }
        Self(clean.into())
    }

    /// The cleaned text, not yet escaped for any host: for encoders, measuring and comparing only.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether nothing is left of the text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Quoted and escaped: for logs, never for a line.
impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl From<&str> for Untrusted {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Untrusted {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl serde::Serialize for Untrusted {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

/// Cleans again: what comes over a pipe is text from outside.
impl<'de> serde::Deserialize<'de> for Untrusted {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d).map(Self::from)
    }
}

/// Joins the emoji around it.
const JOINER: char = '\u{200d}';

/// The characters of a cluster that may stay, with [`REMOVED`] for each of the others.
fn thinned(cluster: &str, is_first: bool) -> impl Iterator<Item = char> {
    let is_pile = cluster.chars().nth(MAX_CLUSTER).is_some();
    // It would be drawn over what is before, as often as one likes.
    let is_nothing = UnicodeWidthStr::width(cluster) == 0;
    // A sign that stands before its base would be drawn in one place with the first replacement.
    let most = MAX_CLUSTER - usize::from(is_pile);
    let mut marks = 0;
    cluster.chars().enumerate().map(move |(index, c)| {
        marks = if is_mark(c) { marks + 1 } else { 0 };
        let has_no_base = index == 0 && is_first && joins_what_is_before(c);
        let stays = index < most && marks <= MAX_MARKS && !has_no_base && !is_nothing;
        if stays { c } else { REMOVED }
    })
}

/// Whether a character is drawn in one place with a letter before it.
fn joins_what_is_before(c: char) -> bool {
    String::from_iter(['x', c]).graphemes(true).nth(1).is_none()
}

/// Whether a character shows nothing, or acts on what stands around it: controls (C0, C1 and
/// DEL), bidirectional controls, line and paragraph separators, blanks that look like nothing, tags,
/// and what is no character at all.
pub fn is_forbidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' | '\u{fdd0}'..='\u{fdef}')
        || (c as u32 & 0xfffe) == 0xfffe
}

/// Combining marks, roughly: enough to limit their number, as some terminals crash on too many.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{0300}'..='\u{036f}' | '\u{0483}'..='\u{0489}' | '\u{0591}'..='\u{05bd}'
        | '\u{064b}'..='\u{065f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_characters_are_shown_as_dots() {
        let text = Untrusted::new("a\x1b]0;x\x07b\u{202e}c\nd\u{9b}e");
        assert_eq!(text.reveal(), "a·]0;x·b·c·d·e");
    }

    #[test]
    fn invalid_utf8_is_replaced_and_length_is_bounded() {
        assert_eq!(Untrusted::new(b"a\xffb").reveal(), "a\u{fffd}b");
        assert!(Untrusted::new("é".repeat(10_000)).reveal().len() <= MAX_BYTES);
        assert!(Untrusted::new([0xff; 9000]).reveal().len() <= MAX_BYTES);
    }

    /// The most code points of a cluster, and of the text when it stands between two others.
    fn longest_cluster(text: &str) -> usize {
        let between = format!("e\u{301}\u{301}{text}\u{301}\u{301}");
        let clusters = between.graphemes(true).map(|cluster| cluster.chars().count());
        clusters.max().unwrap_or_default()
    }

    #[test]
    fn piles_are_thinned_and_families_stay_whole() {
        for pile in [
            "e\u{301}\u{200d}",
            "\u{e49}",
            "ก\u{e49}",
            "\u{200d}",
            "👩\u{200d}",
            "\u{1100}",
            "\u{1161}",
            "\u{fe0f}",
            "\u{200c}",
            "\u{e0100}",
            "\u{e0067}",
            "क\u{94d}",
            "\u{600}",
            "🏽",
            "\u{20e3}",
            "\u{202e}",
        ] {
            for count in [1, 7, 8, 9, 300] {
                let clean = Untrusted::new(pile.repeat(count));
                let longest = longest_cluster(clean.reveal());
                assert!(longest <= MAX_CLUSTER + 2, "{pile:?} x {count}: {longest}");
                assert_eq!(Untrusted::new(clean.reveal()), clean, "{pile:?} x {count}");
            }
        }
        for whole in ["👨‍👩‍👧‍👦", "🏳️‍🌈", "👩🏽‍🚀", "🇩🇪🇫🇷", "ก็", "क्ष्म", "한국", "e\u{301}", "فارسی‌زبان"]
        {
            assert_eq!(Untrusted::new(whole).reveal(), whole);
        }
    }

    /// Of these a row of one cell could hold kilobytes, and no client takes such a row.
    #[test]
    fn what_takes_no_cell_is_removed() {
        for nothing in
            ["\u{11ab}\u{1161}", "\u{1161}", "\u{1bca0}", "\u{fff0}", "\u{2065}", "\u{11ab}\u{9be}"]
        {
            let clean = Untrusted::new(format!("a{}", nothing.repeat(300)));
            let text = clean.reveal();
            assert!(text.graphemes(true).all(|cluster| cluster.width() > 0), "{nothing:?}");
            assert_eq!(Untrusted::new(text), clean, "{nothing:?}");
        }
        for whole in ["\u{1112}\u{1161}\u{11ab}", "\u{600}1", "கா", "👍🏽"] {
            assert_eq!(Untrusted::new(whole).reveal(), whole);
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_is_clean_and_stays_so(
            text in proptest::collection::vec(
                proptest::prop_oneof![
                    proptest::char::any(),
                    proptest::sample::select(vec!['e', '\u{1161}', '\u{11ab}', '\u{301}', '\u{200d}', '👩', '\u{fe0f}', '\u{1100}', '\u{94d}', 'क', '🇩']),
                ],
                0..60,
            ),
        ) {
            let clean = Untrusted::new(text.iter().collect::<String>());
            let text = clean.reveal();
            proptest::prop_assert!(!text.chars().any(is_forbidden), "{:?}", text);
            proptest::prop_assert!(longest_cluster(text) <= MAX_CLUSTER + 2, "{:?}", text);
            proptest::prop_assert!(text.graphemes(true).all(|c| c.width() > 0), "{:?}", text);
            proptest::prop_assert_eq!(Untrusted::new(text), clean);
        }
    }

    #[test]
    fn more_than_two_combining_marks_are_removed() {
        let text = Untrusted::new("e\u{301}\u{301}\u{301}\u{301}x");
        assert_eq!(text.reveal(), "e\u{301}\u{301}··x");
    }
}
