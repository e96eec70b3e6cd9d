//! Text as one word of another program's language, in which it means nothing but itself.

use std::ffi::OsStr;

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
