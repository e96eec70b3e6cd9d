//! What of an answer is printed: a line as our own targets write it, no larger than what was asked for.
//!
//! The process that listens on the socket is of our user, but may be a broken build or another program,
//! and its answer goes into bars and prompts. Widths are tables that the client does not have, so a row
//! is held to what needs none: characters that certainly take cells, and the bytes that its cells can
//! have at most.

use rainline_caps::hosts;

use crate::protocol::LineRequest;

/// The most rows of a prompt.
pub const MOST_ROWS: usize = 64;
/// The most bytes of a cell's text: eight code points.
const MOST_CELL: usize = 32;

/// Whether these bytes are a line that this request can have.
pub fn is_line(request: &LineRequest, bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let language = Language::of(&request.target);
    let is_control = |c: char| c.is_control() && !language.controls.contains(c);
    let is_short = |row: &str| language.is_row(row, request.columns.into());
    let mut rows = text.split('\n');
    rows.by_ref().take(most_rows(request)).all(|row| !row.contains(is_control) && is_short(row))
        && rows.next().is_none()
}

/// How many rows the place that shows it has at most. A bar has one.
pub fn most_rows(request: &LineRequest) -> usize {
    let is_bar = |name: &str| matches!(name, "tmux" | "screen" | "dvtm");
    let host = hosts::of_line(&request.line);
    match is_bar(&request.target) || host.is_some_and(|host| is_bar(host.name)) {
        true => 1,
        false => MOST_ROWS,
    }
}

/// What a target writes beside text.
struct Language {
    /// The control characters.
    controls: &'static str,
    /// The bytes and cells of what stands at the start of a text, if that is not the text itself.
    /// `None`: this target does not write it.
    code: fn(&str) -> Option<Code>,
    /// How often a row may fill the columns: bash's has the right side in it.
    rows: usize,
}

/// What stands at the start of a text.
enum Code {
    /// The text's own character.
    Text,
    /// So many bytes, and the cells they show.
    Of(usize, usize),
}

impl Language {
    fn of(target: &str) -> Language {
        let language = |controls, code| Language { controls, code, rows: 1 };
        match target {
            "ansi" | "fish" => language("\x1b", terminal),
            "bash" => Language { controls: "\x1b\x01\x02\r", code: bash, rows: 2 },
            "zsh" => language("\x1b", zsh),
            "screen" => language("\x05", screen),
            "tmux" => language("", tmux),
            // A picture has a size of its own, and no cells.
            "svg" => language("", |rest| Some(Code::Of(rest.len(), 0))),
            _ => language("", |_| Some(Code::Text)),
        }
    }

    /// Whether a row has only what this target writes, and fits into so many columns.
    fn is_row(&self, row: &str, columns: usize) -> bool {
        let (mut rest, mut cells, mut bytes) = (row, 0, 0);
        let mut is_joined = false;
        while let Some(c) = rest.chars().next() {
            let Some(code) = (self.code)(rest) else { return false };
            let (length, width) = match code {
                Code::Of(length, width) => (length, width),
                Code::Text => {
                    bytes += c.len_utf8();
                    (c.len_utf8(), if is_joined { 0 } else { least_cells(c) })
                }
            };
            // What follows a joiner may take no cell of its own.
            is_joined = c == '\u{200d}';
            cells += width;
            rest = &rest[length..];
        }
        // The narrowest prompt has a sign and a blank.
        let columns = columns.max(2) * self.rows;
        cells <= columns && bytes <= columns * MOST_CELL
    }
}

/// The cells that a character takes at least, wherever it is shown.
fn least_cells(c: char) -> usize {
    match c {
        ' '..='~' | '\u{2500}'..='\u{259f}' | '\u{2800}'..='\u{28ff}' => 1,
        '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => 2,
        _ => 0,
    }
}

/// Styles (SGR), links (OSC 8) and marks (OSC 133).
fn terminal(rest: &str) -> Option<Code> {
    let Some(escape) = rest.strip_prefix('\x1b') else { return Some(Code::Text) };
    let length = if let Some(style) = escape.strip_prefix('[') {
        2 + parameters(style, 'm')?
    } else {
        let known = escape.starts_with("]8;;") || escape.starts_with("]133;");
        let end = escape.find('\x1b').filter(|end| known && escape[*end..].starts_with("\x1b\\"));
        1 + end? + 2
    };
    Some(Code::Of(length, 0))
}

/// The bytes of numbers and of the letter that ends them.
fn parameters(text: &str, end: char) -> Option<usize> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    text[at..].starts_with(end).then_some(at + 1)
}

/// A terminal's, and the way to the right side.
fn bash(rest: &str) -> Option<Code> {
    if rest.starts_with(['\x01', '\x02', '\r']) {
        return Some(Code::Of(1, 0));
    }
    let right = rest.strip_prefix("\x1b[").and_then(|rest| parameters(rest, 'C'));
    right.map_or_else(|| terminal(rest), |length| Some(Code::Of(2 + length, 0)))
}

/// A terminal's between `%{` and `%}`; `%%` is a percent sign.
fn zsh(rest: &str) -> Option<Code> {
    match rest.strip_prefix('%') {
        Some(rest) if rest.starts_with(['{', '}']) => Some(Code::Of(2, 0)),
        Some(rest) => rest.starts_with('%').then_some(Code::Of(2, 1)),
        None => terminal(rest),
    }
}

/// Renditions. Anything else after Ctrl-E could run another backtick command.
fn screen(rest: &str) -> Option<Code> {
    match rest.strip_prefix('\x05') {
        Some(rest) => Some(Code::Of(1 + rest.starts_with('{').then(|| rest.find('}'))?? + 1, 0)),
        None => Some(Code::Text),
    }
}

/// Styles, escaped signs, and formats, which may hold all of these. Nothing runs a command.
fn tmux(rest: &str) -> Option<Code> {
    let bytes = rest.as_bytes();
    match bytes {
        [b'#', b'#', ..] => Some(Code::Of(2, 1)),
        [b'#', b'[', ..] => Some(Code::Of(rest.find(']')? + 1, 0)),
        [b'#', b'{', ..] => {
            let (mut at, mut depth) = (0, 0_usize);
            loop {
                at += match bytes.get(at..)? {
                    [b'#', b'{', ..] => {
                        depth += 1;
                        2
                    }
                    [b'#', b'[', ..] => rest[at..].find(']')? + 1,
                    [b'#', b'#' | b',' | b'}', ..] => 2,
                    [b'}', ..] if depth == 1 => return Some(Code::Of(at + 1, 0)),
                    [b'}', ..] => {
                        depth -= 1;
                        1
                    }
                    [b'#', ..] | [] => return None,
                    _ => 1,
                };
            }
        }
        [b'#', ..] => None,
        _ => Some(Code::Text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(line: &str, target: &str, columns: u16, text: &str) -> bool {
        let (line, target) = (line.into(), target.into());
        is_line(&LineRequest { line, target, columns, ..LineRequest::default() }, text.as_bytes())
    }

    #[test]
    fn a_bar_takes_one_line_of_its_size() {
        let plain = |text: &str| passes("tmux", "plain", 10, text);
        assert!(
            plain("") && plain("cpu  97 %░") && plain("漢字漢字漢") && plain("e\u{301}\u{301}")
        );
        for odd in
            ["eleven cell", "漢字漢字漢字", "██████████▏▏▏▏▏█", "a\nb", "a\n", "a\tb", "\x1b[0m"]
        {
            assert!(!plain(odd), "{odd:?}");
        }
        assert!(!plain("a\u{85}b") && !plain(&format!("a{}", "\u{301}".repeat(1000))));
        let request = LineRequest { line: "tmux".into(), ..LineRequest::default() };
        assert!(!is_line(&request, b"\xff"));
    }

    #[test]
    fn a_prompt_has_rows() {
        let rows = |count: usize| vec!["12345"; count].join("\n");
        assert!(passes("prompt", "fish", 5, &rows(MOST_ROWS)));
        assert!(!passes("prompt", "fish", 5, &rows(MOST_ROWS + 1)));
        assert!(!passes("prompt", "fish", 4, &rows(2)));
        assert!(!passes("prompt", "tmux", 5, &rows(2)) && !passes("screen", "ansi", 5, &rows(2)));
    }

    #[test]
    fn each_target_writes_its_own_codes_and_no_others() {
        for (target, ours, others) in [
            ("ansi", "\x1b[1;38;2;0;0;9mab\x1b[0m", "\x1b[2J"),
            ("ansi", "\x1b]8;;https://a/long/link\x1b\\ab\x1b]8;;\x1b\\", "\x1b]52;c;YQ==\x1b\\"),
            ("fish", "\x1b]133;A\x1b\\ab", "\x1b]133;A"),
            ("bash", "\x01\r\x1b[70C\x1b[1mab\x1b[0m\r\x02ab", "\x1b[2Aa"),
            ("zsh", "%{\x1b[1m%}%%b", "%(!.a.b)"),
            ("screen", "\x05{= kG}ab\x05{-}", "\x051`"),
            ("tmux", "#[fg=#ff0000 bold]a###[]#[default]", "#(id)"),
            (
                "tmux",
                "#{?client_prefix,#[fg=#0a0b0c]a#,#}###[](id),#{=3;q/h:pane_title}}ab",
                "#{?a,#(id),}",
            ),
            ("tmux", "ab", "#{?a,b"),
            ("svg", "<svg>text of any length</svg>", "<svg>\n</svg>"),
            ("teletype", "ab", "\x1b[0m"),
        ] {
            assert!(passes("tmux", target, 2, ours), "{target}: {ours:?}");
            assert!(!passes("tmux", target, 20, others), "{target}: {others:?}");
        }
        let too_wide = "\x1b[1mabc\x1b[0m";
        assert!(passes("tmux", "ansi", 3, too_wide) && !passes("tmux", "ansi", 2, too_wide));
    }
}
