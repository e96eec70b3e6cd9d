//! How many cells a text takes, which differs between the programs that draw it: a [`Policy`].
//!
//! tmux up to 3.3 and most C programs add up `wcwidth` code point by code point; newer terminals
//! count graphemes. Cutting is by grapheme under both. Built-in glyphs are those on which all
//! policies agree (a test holds it).

use rainline_caps::Policy;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The cells that `text` takes.
pub fn width(text: &str, policy: Policy) -> usize {
    if is_plain(text) {
        return text.len();
    }
    match policy {
        Policy::Wcwidth => text.chars().map(|c| cells(c, c.width())).sum(),
        Policy::Cjk => text.chars().map(|c| cells(c, c.width_cjk())).sum(),
        // The crate gives a control character a cell here and none above; no host draws one.
        Policy::Unicode => {
            let drawn = text.graphemes(true).filter(|part| !part.contains(char::is_control));
            let drawn: usize = drawn.map(UnicodeWidthStr::width).sum();
            let more = |c: char| cells(c, c.width()) - c.width().unwrap_or(0);
            drawn + text.chars().map(more).sum::<usize>()
        }
    }
}

/// Characters that are a cell to the C library, zsh and fish, and nothing to the crate, which counts what
/// joins the letter before it as nothing. They go by the general category, in which a vowel sign takes
/// room (Mc). In order.
const ONE_CELL: [u32; 67] = [
    0x605, 0x70f, 0x890, 0x891, 0x8e2, 0x9be, 0x9d7, 0xb3e, 0xb57, 0xbbe, 0xbd7, 0xcc0, 0xcc2,
    0xcc7, 0xcc8, 0xcca, 0xccb, 0xcd5, 0xcd6, 0xd3e, 0xd4e, 0xd57, 0xdcf, 0xddf, 0x1715, 0x1734,
    0x1b35, 0x1b3b, 0x1b3d, 0x1b43, 0x1b44, 0x1baa, 0x1bf2, 0x1bf3, 0xa8fa, 0xa953, 0xa9c0,
    0x111c0, 0x111c2, 0x111c3, 0x11235, 0x1133e, 0x1134d, 0x11357, 0x114b0, 0x114bd, 0x115af,
    0x116b6, 0x11930, 0x1193d, 0x1193f, 0x11941, 0x11a84, 0x11a85, 0x11a86, 0x11a87, 0x11a88,
    0x11a89, 0x11d46, 0x1d165, 0x1d166, 0x1d16d, 0x1d16e, 0x1d16f, 0x1d170, 0x1d171, 0x1d172,
];
/// The same of two cells, where the crate gives one or none.
const TWO_CELLS: [u32; 12] = [
    0x302e, 0x302f, 0x3248, 0x3249, 0x324a, 0x324b, 0x324c, 0x324d, 0x324e, 0x324f, 0x16ff0,
    0x16ff1,
];

/// The cells of a character: those that the crate gives it, or what the hosts do where that is more, so
/// that a row is never wider than any of them says.
fn cells(c: char, known: Option<usize>) -> usize {
    let is_in = |table: &[u32]| table.binary_search(&c.into()).is_ok();
    let least = if is_in(&ONE_CELL) {
        1
    } else if is_in(&TWO_CELLS) {
        2
    } else {
        0
    };
    known.unwrap_or(0).max(least)
}

/// Whether every byte is a cell.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The longest start of `text` that fits into `cells`, and the cells it takes. Never splits a
/// grapheme; may be a cell short where a wide one does not fit.
pub fn prefix(text: &str, cells: usize, policy: Policy) -> (&str, usize) {
    if is_plain(text) {
        let end = text.len().min(cells);
        return (&text[..end], end);
    }
    let (end, used) = fitting(text.graphemes(true), cells, policy);
    (&text[..end], used)
}

/// The longest end of `text` that fits into `cells`, and the cells it takes. Never splits a grapheme.
pub fn suffix(text: &str, cells: usize, policy: Policy) -> (&str, usize) {
    let (length, used) = fitting(text.graphemes(true).rev(), cells, policy);
    (&text[text.len() - length..], used)
}

/// The bytes and the cells of the first graphemes that fit into `cells`.
fn fitting<'a>(
    graphemes: impl Iterator<Item = &'a str>,
    cells: usize,
    policy: Policy,
) -> (usize, usize) {
    let (mut bytes, mut used) = (0, 0);
    for grapheme in graphemes {
        let more = width(grapheme, policy);
        if used + more > cells {
            break;
        }
        used += more;
        bytes += grapheme.len();
    }
    (bytes, used)
}

/// Where a text that is too long loses its cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Cut {
    /// Its start stays.
    #[default]
    End,
    /// Its start and its end stay.
    Middle,
    /// Its end stays.
    Start,
}

/// `text` in at most `cells` cells, with `ellipsis` where something was cut away.
pub fn cut(text: &str, cells: usize, at: Cut, ellipsis: &str, policy: Policy) -> String {
    if width(text, policy) <= cells {
        return text.to_owned();
    }
    let mark = width(ellipsis, policy);
    if mark > cells {
        return prefix(text, cells, policy).0.to_owned();
    }
    let rest = cells - mark;
    let (before, after) = match at {
        Cut::End => (rest, 0),
        Cut::Start => (0, rest),
        Cut::Middle => (rest.div_ceil(2), rest / 2),
    };
    let start = if before == 0 { "" } else { prefix(text, before, policy).0 };
    let end = if after == 0 { "" } else { suffix(text, after, policy).0 };
    format!("{start}{ellipsis}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_differ_where_terminals_do() {
        let family = "👨\u{200d}👩\u{200d}👧";
        assert_eq!(width(family, Policy::Wcwidth), 6);
        assert_eq!(width(family, Policy::Unicode), 2);
        assert_eq!(width("▁█·", Policy::Wcwidth), 3);
        assert_eq!(width("▁█·", Policy::Cjk), 6);
    }

    /// One counted a cell in ASCII and none beside other characters: a sum was not that of its parts.
    #[test]
    fn control_characters_take_no_cell() {
        for policy in [Policy::Wcwidth, Policy::Unicode, Policy::Cjk] {
            assert_eq!(
                ["\n", "a\x1b", "\u{9b}é", "\r\né"].map(|text| width(text, policy)),
                [0, 1, 1, 1]
            );
        }
        assert_eq!(prefix("a\nb", 2, Policy::Wcwidth), ("a\nb", 2));
    }

    /// A row of such letters was wider in every host than what was asked for.
    #[test]
    fn signs_that_take_room_are_counted() {
        for (text, cells) in
            [("কা", 2), ("கா", 2), ("ಕೀ", 2), ("ക\u{d3e}", 2), ("한\u{302e}", 4), ("㉈", 2)]
        {
            assert_eq!(width(text, Policy::Wcwidth), cells, "{text}");
            assert!(width(text, Policy::Unicode) >= cells, "{text}");
        }
        assert_eq!(prefix("কাকা", 3, Policy::Wcwidth), ("কা", 2));
        assert!(ONE_CELL.is_sorted() && TWO_CELLS.is_sorted());
    }

    #[test]
    fn cuts_where_told() {
        let cut = |at| cut("abcdefgh", 5, at, "…", Policy::Wcwidth);
        assert_eq!(cut(Cut::End), "abcd…");
        assert_eq!(cut(Cut::Start), "…efgh");
        assert_eq!(cut(Cut::Middle), "ab…gh");
    }

    #[test]
    fn never_splits_a_wide_character() {
        assert_eq!(prefix("漢字", 3, Policy::Wcwidth), ("漢", 2));
        assert_eq!(suffix("漢字", 3, Policy::Wcwidth), ("字", 2));
        assert_eq!(cut("漢字漢字", 4, Cut::End, "…", Policy::Wcwidth), "漢…");
    }
}
