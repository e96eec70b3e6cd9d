//! Text as one word of another program's language, in which it means nothing but itself.

use std::ffi::OsStr;

use rainline_segments::base::untrusted::is_forbidden;

/// A word for sh, bash and zsh.
pub fn sh(word: &OsStr) -> String {
    unless_plain(word, |text| format!("'{}'", text.replace('\'', "'\\''")))
}

/// A word for fish.
pub fn fish(word: &OsStr) -> String {
    unless_plain(word, |text| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")))
}

/// A word for a screenrc.
pub fn screen(word: &OsStr) -> String {
    unless_plain(word, |text| in_double_quotes(text, "\"\\$#^'"))
}

/// A word for tmux's config.
pub fn tmux(text: &str) -> String {
    in_double_quotes(text, "\"\\$")
}

/// A name for a person: [`visible`], and in one line.
pub fn word(name: impl AsRef<OsStr>) -> String {
    visible(&name.as_ref().to_string_lossy()).replace('\n', "\\x0a").replace('\t', "\\x09")
}

/// A word for sh that a person copies, in one line.
pub fn shown_sh(name: impl AsRef<OsStr>) -> String {
    word(sh(name.as_ref()))
}

/// A text for a person, with what would act on the terminal, or show nothing there, as an escape:
/// `\x1b`, `\u{202e}`. Newlines and tabs stay.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            '\0'..='\x7f' if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            _ if is_forbidden(c) => out.extend(c.escape_unicode()),
            _ => out.push(c),
        }
    }
    out
}

/// JSON with what must not reach a terminal in escapes, which mean the same.
pub fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && is_forbidden(c) {
            let units = &mut [0; 2];
            out.extend(c.encode_utf16(units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

/// The word as it is if no program gives one of its characters a meaning, else quoted.
fn unless_plain(word: &OsStr, quoted: fn(&str) -> String) -> String {
    let text = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.into_owned() } else { quoted(&text) }
}

/// The text in double quotes, with a backslash before each of the characters that are `special`.
fn in_double_quotes(text: &str, special: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        if special.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_seen_instead() {
        let text = "a\tb\n\u{1b}]0;x\u{7}\r\u{7f}\u{9b}\u{202e}\u{2028}\u{200b}é漢";
        assert_eq!(
            visible(text),
            "a\tb\n\\x1b]0;x\\x07\\x0d\\x7f\\u{9b}\\u{202e}\\u{2028}\\u{200b}é漢"
        );
        assert_eq!(word("a\tb\n\u{1b}c"), "a\\x09b\\x0a\\x1bc");
        let quoted = serde_json::to_string(&format!("{text}\u{e0041}")).expect("JSON");
        let escaped = json(&quoted);
        assert!(!escaped.chars().any(is_forbidden), "{escaped}");
        let back: String = serde_json::from_str(&escaped).expect("JSON");
        assert_eq!(back, format!("{text}\u{e0041}"));
    }

    #[test]
    fn each_program_reads_one_word() {
        type Quote = fn(&OsStr) -> String;
        let each: [(Quote, &str); 3] = [
            (sh, r##"'/a\b/it'\''s $x "#1"/^r'"##),
            (fish, r##"'/a\\b/it\'s $x "#1"/^r'"##),
            (screen, r##""/a\\b/it\'s \$x \"\#1\"/\^r""##),
        ];
        for (quote, quoted) in each {
            assert_eq!(quote(r##"/a\b/it's $x "#1"/^r"##.as_ref()), quoted);
            assert_eq!(quote("/bin/rain-line_2.0+".as_ref()), "/bin/rain-line_2.0+");
            assert_ne!(quote("".as_ref()), "");
        }
        assert_eq!(tmux(r#"a\b "$x""#), r#""a\\b \"\$x\"""#);
    }
}
