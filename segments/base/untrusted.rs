//! Text from outside: branch, path, title, SSID, command output, host name.
//!
//! [`Untrusted`] is the only type in which such text travels. It is cleaned once, where it enters,
//! and has no `Display`: the only way out is a target's encoder, which escapes it for its host. A
//! removed character is shown as `·`, so that an attempt to spoof is visible.

use std::fmt;

/// The most bytes of one text. Its width is limited later, by `text(max:…)` and the layout; this
/// only keeps hostile megabytes out of the cache.
pub const MAX_BYTES: usize = 4096;

/// Replaces a removed character.
pub const REMOVED: char = '·';

/// Cleaned text from outside: valid UTF-8, at most [`MAX_BYTES`], without control characters,
/// bidirectional controls, line separators, tag characters or more than two combining marks in a
/// row.
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
        let mut clean = String::with_capacity(bytes.len());
        let mut marks = 0;
        for c in String::from_utf8_lossy(bytes).chars() {
            marks = if is_mark(c) { marks + 1 } else { 0 };
            if is_forbidden(c) || marks > 2 {
                clean.push(REMOVED);
            } else {
                clean.push(c);
            }
        }
        while clean.len() > MAX_BYTES {
            clean.pop();
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

fn is_forbidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}' | '\u{fdd0}'..='\u{fdef}')
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

    #[test]
    fn more_than_two_combining_marks_are_removed() {
        let text = Untrusted::new("e\u{301}\u{301}\u{301}\u{301}x");
        assert_eq!(text.reveal(), "e\u{301}\u{301}··x");
    }
}
