//! Puts jobs in the place of the names, and encodes texts as words of a job.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use super::options::{Options, defaults};
use super::{LOADS, NAME, names};
use crate::compat::Printed;
use crate::paths;
use crate::quote;

/// Puts jobs in the place of the names, in the options of the tmux that runs this.
pub(super) fn rewrite() -> Printed {
    let known: Vec<String> = defaults().into_keys().collect();
    let list = "@plugin_interpolated_options".to_owned();
    let mut wanted = vec![list.clone(), "status-left".into(), "status-right".into()];
    wanted.extend(known.iter().map(|name| format!("@{name}")));
    let Some(mut all) = shown(&wanted) else {
        return Printed::wrong("", "rainline: tmux does not answer\n");
    };
    let more: Vec<String> = all
        .get(&list)
        .map(|names| names.split_whitespace().map(str::to_owned).collect())
        .unwrap_or_default();
    let is_name = |name: &String| !name.starts_with('-') && !name.contains(';');
    let more: Vec<String> =
        more.into_iter().filter(|name| is_name(name) && !wanted.contains(name)).collect();
    if !more.is_empty() {
        all.extend(shown(&more).unwrap_or_default());
    }
    let set: Vec<(String, String)> = known
        .into_iter()
        .filter_map(|name| Some((name.clone(), all.get(&format!("@{name}"))?.clone())))
        .collect();
    let mut command = Command::new("tmux");
    let mut any = false;
    for name in ["status-left", "status-right"].into_iter().chain(more.iter().map(String::as_str)) {
        let Some(value) = all.get(name) else { continue };
        let new = rewritten(value, &paths::program(), &set);
        if new != *value {
            if any {
                command.arg(";");
            }
            // A `;` at a word's end would end the command.
            let new = match new.strip_suffix(';') {
                Some(new) => format!("{new}\\;"),
                None => new,
            };
            command.args(["set-option", "-g", name]).arg(new);
            any = true;
        }
    }
    if any && !command.stdin(Stdio::null()).status().is_ok_and(|status| status.success()) {
        return Printed::wrong("", "rainline: tmux does not take its new status line\n");
    }
    Printed::default()
}

/// Those of tmux's global options that are set, read by one process.
fn shown(names: &[String]) -> Option<BTreeMap<String, String>> {
    const MARK: &str = "@rainline_mark";
    let mut command = Command::new("tmux");
    command.args(["set-option", "-gq", MARK, MARK]);
    for name in names {
        command.args([";", "show", "-gqv", name, ";", "show", "-gqv", MARK]);
    }
    command.args([";", "set-option", "-gqu", MARK]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mark = format!("{MARK}\n");
    let values = text.split(&mark).map(|value| value.strip_suffix('\n').unwrap_or(value));
    let mut found = BTreeMap::new();
    for (name, value) in names.iter().zip(values).filter(|(_, value)| !value.is_empty()) {
        found.insert(name.clone(), value.to_owned());
    }
    output.status.success().then_some(found)
}

/// An option's text with a job for each stretch of names.
fn rewritten(text: &str, program: &Path, set: &[(String, String)]) -> String {
    let names = names();
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, _)) = first(rest, &names) {
        let mut end = before;
        // Name after name, as long as only plain text is between.
        while let Some((gap, length)) = first(&rest[end..], &names) {
            if end > before && !is_plain(&rest[end..end + gap]) {
                break;
            }
            end += gap + length;
        }
        out += &rest[..before];
        out += &job(&rest[before..end], program, set);
        rest = &rest[end..];
    }
    out + rest
}

/// Where the next name is, and how long it is with its braces.
pub(super) fn first(text: &str, names: &[String]) -> Option<(usize, usize)> {
    let mut from = 0;
    while let Some(at) = text[from..].find("#{").map(|at| from + at) {
        let inside = &text[at + 2..];
        let name = inside.split('}').next().unwrap_or_default();
        // `##{` is a `#` and a brace.
        let hashes = text[..at].bytes().rev().take_while(|byte| *byte == b'#').count();
        if hashes % 2 == 0 && inside.len() > name.len() && names.iter().any(|known| known == name) {
            return Some((at, name.len() + 3));
        }
        from = at + 2;
    }
    None
}

/// Whether a text means the same in a job's output: no time, no job, no format with braces, and
/// nothing that ends an arm of one. A style may have commas.
fn is_plain(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find(['%', '#', '{', '}', ',', '\n']) {
        let Some(style) = rest[at..].strip_prefix("#[") else { return false };
        let Some(end) = style.find(']') else { return false };
        if style[..end].contains(['#', '%', '{', '}']) {
            return false;
        }
        rest = &style[end + 1..];
    }
    true
}

fn job(template: &str, program: &Path, set: &[(String, String)]) -> String {
    let command = format!("exec {} compat {NAME} stream", quote::sh(program.as_ref()));
    // A `#` would begin a format and a `%` a time.
    let command = command.replace('#', "##").replace('%', "%%");
    let uses = |option: &str| match option.strip_prefix("batt_") {
        Some(_) => template.contains("#{battery_"),
        None => LOADS.iter().any(|load| {
            option.starts_with(&format!("{load}_")) && template.contains(&format!("#{{{load}"))
        }),
    };
    let options = set.iter().filter(|(name, _)| uses(name));
    let options: String =
        options.map(|(name, value)| format!(" {name}:{}", encoded(value))).collect();
    format!("#({command} {}{options})", encoded(template))
}

/// A text as one word that means nothing else to a shell or tmux: letters, digits, and `=` with two
/// hexadecimal digits for any other byte.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' => out.push(char::from(byte)),
            other => out += &format!("={other:02x}"),
        }
    }
    out
}

pub(super) fn decoded(word: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = word.as_bytes();
    while let [first, after @ ..] = rest {
        let pair = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).filter(|_| *first == b'=') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(super) fn given(words: &[String]) -> Options {
    let pairs = words.iter().filter_map(|word| word.split_once(':'));
    Options::with(pairs.map(|(name, value)| (name.to_owned(), decoded(value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_job_for_a_stretch_of_names() {
        let rewritten = |text: &str| rewritten(text, Path::new("/r"), &[]);
        let job = |text: &str| format!("#(exec /r compat tmux-plugins stream {})", encoded(text));
        let whole = "#{cpu_bg_color} CPU: #{cpu_icon}#[fg=red,bold] #{ram_percentage}";
        assert_eq!(rewritten(&format!("#S {whole} | %H:%M")), format!("#S {} | %H:%M", job(whole)));
        // A time, a job, an arm of a condition, a format.
        for gap in [" %H ", "#(date)", ",", "}#{?x,", "#S", "#{host}", "{"] {
            let text = format!("a#{{cpu_icon}}{gap}#{{battery_icon}}b");
            let one = format!("a{}{gap}{}b", job("#{cpu_icon}"), job("#{battery_icon}"));
            assert_eq!(rewritten(&text), one);
        }
        for same in ["", "#S", "##{cpu_icon}", "#{cpu_icons}", "#{cpu_icon", "#{@cpu_icon}"] {
            assert_eq!(rewritten(same), same);
        }
    }

    #[test]
    fn a_job_holds_nothing_that_a_shell_or_tmux_would_expand() {
        let set = [
            ("cpu_low_icon".to_owned(), "$(id) '#(x)'\"%H;é".to_owned()),
            ("ram_low_icon".to_owned(), "unused".to_owned()),
        ];
        let job =
            rewritten("#{cpu_icon} `id` $(id) \\ '\" #{cpu_percentage}", Path::new("/r"), &set);
        let inside = job.strip_prefix("#(").and_then(|job| job.strip_suffix(')')).expect("a job");
        let plain = |c: char| c.is_ascii_alphanumeric() || "=_./: -".contains(c);
        assert!(inside.chars().all(plain), "{inside}");
        let words: Vec<&str> = inside.split(' ').collect();
        assert_eq!(decoded(words[5]), "#{cpu_icon} `id` $(id) \\ '\" #{cpu_percentage}");
        assert_eq!(given(&[words[6].to_owned()]).get("cpu_low_icon"), set[0].1);
        assert_eq!(words.len(), 7, "only what is used");
    }
}
