//! A long text that scrolls through a narrow window.

use unicode_width::UnicodeWidthChar;

/// The gap between the end and the beginning that follows it.
const GAP: &str = "   ";

/// A window of `width` cells on `text`, scrolled by `cells`; after its end the text begins again. A
/// text that fits does not scroll. A wide character that is half in the window becomes a space, so
/// that the result is exactly `width` cells.
pub fn marquee(text: &str, width: usize, cells: usize) -> String {
    let cells_of = |c: char| c.width().unwrap_or(0);
    let whole: usize = text.chars().map(cells_of).sum();
    if whole <= width {
        return text.to_owned();
    }
    let period = whole + GAP.len();
    let (from, to) = (cells % period, cells % period + width);
    let mut shown = String::new();
    let (mut at, mut filled) = (0, 0);
    // The window may contain a short text more than once.
    for c in text.chars().chain(GAP.chars()).cycle() {
        let next = at + cells_of(c);
        if at >= to && next > at {
            break;
        }
        if at >= from && next <= to && (next > at || filled > 0) {
            shown.push(c);
            filled += next - at;
        } else if next > from && at < to {
            // Half inside: a space for each of its cells that is.
            let inside = next.min(to) - at.max(from);
            shown.extend(std::iter::repeat_n(' ', inside));
            filled += inside;
        }
        at = next;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr;

    #[test]
    fn a_text_that_fits_does_not_scroll() {
        assert_eq!(marquee("abc", 3, 7), "abc");
        assert_eq!(marquee("", 3, 7), "");
    }

    #[test]
    fn a_long_text_scrolls_and_begins_again() {
        let seen: Vec<_> = [0, 1, 4, 7, 8].map(|cells| marquee("abcde", 4, cells)).into();
        assert_eq!(seen, ["abcd", "bcde", "e   ", " abc", "abcd"]);
    }

    #[test]
    fn half_of_a_wide_character_is_a_space() {
        let seen: Vec<_> = [0, 1, 2, 3].map(|cells| marquee("漢字x", 3, cells)).into();
        assert_eq!(seen, ["漢 ", " 字", "字x", " x "]);
    }

    #[test]
    fn marks_stay_with_their_letter() {
        assert_eq!(marquee("e\u{301}fgh", 2, 0), "e\u{301}f");
        assert_eq!(marquee("e\u{301}fgh", 2, 1), "fg");
    }

    proptest! {
        #[test]
        fn always_as_wide_as_its_window(text in "[a-z漢字\u{301} ]{0,20}", width in 0..12usize, cells in 0..99usize) {
            let shown = marquee(&text, width, cells);
            let whole: usize = text.chars().map(|c| c.width().unwrap_or(0)).sum();
            let by_char: usize = shown.chars().map(|c| c.width().unwrap_or(0)).sum();
            prop_assert_eq!(by_char, whole.min(width), "{:?}", shown);
            prop_assert!(shown.width() <= whole.max(width));
        }
    }
}
