//! GNU screen: a continuous backtick for each side, the window list between them.
//!
//! A backtick with a life span would hold up all windows while its command runs; `0 0` starts one
//! process that prints for ever and never waits for anybody. The window list is screen's own, in a
//! colour of the theme: without an explicit one screen draws the whole line in reverse.

use std::path::Path;

use super::{Ability, Host, Trial, Whole, Wiring};
use rainline_render::style::Style;
use rainline_render::targets::screen_rendition;
use rainline_render::theme::Subject;

pub(super) static HOST: Host = Host {
    name: "screen",
    about: "the hardstatus line, by one streaming process a side",
    program: "screen",
    base: None,
    version: "--version",
    wired_in: "~/.screenrc",
    files: &[".screenrc"],
    marks: &["stream screen", "init screen"],
    versioned: true,
    init,
    abilities: |version| {
        let old = "from screen 5.0 on: 4.x has sixteen";
        vec![
            Ability::there("both sides of the hardstatus, without a process per refresh"),
            Ability::from(version, (5, 0), "256 colours", old),
            Ability::never("graphs of block glyphs", "screen aligns by bytes: they are ASCII"),
        ]
    },
    trial: Trial {
        file: "screenrc",
        env: &[("SCREENDIR", "{dir}/run"), ("SCREENRC", "{file}")],
        argv: &["screen", "-S", "rainline"],
        end: &["screen", "-S", "rainline", "-X", "quit"],
        typed: &[],
        whole: Whole::Bar(""),
    },
};

/// The numbers of our two backticks: high, so that they are nobody else's.
const BACKTICKS: [(u16, &str); 2] = [(7211, "left"), (7212, "right")];

fn init(wiring: &Wiring) -> String {
    let head = "# Rainline. Put this into ~/.screenrc, or: rainline init screen >> ~/.screenrc\n";
    format!("{head}{}", lines(wiring))
}

/// The lines without the one that says where they go.
pub(super) fn lines(wiring: &Wiring) -> String {
    let (major, minor) = wiring.version;
    let version = match wiring.version {
        (0, 0) => String::new(),
        _ => format!(" --host-version {major}.{minor}"),
    };
    let mut out = String::new();
    for (number, side) in BACKTICKS {
        out.push_str(&format!(
            "backtick {number} 0 0 @PROGRAM@ stream screen {side}{version}@CONFIG@\n"
        ));
    }
    let subject = Subject::default();
    let line = wiring.theme.over(Style::default(), "line", &subject);
    let said = |name: &str| {
        let style = wiring.theme.over(line, name, &subject);
        screen_rendition(style, wiring.version).replace('\x05', "%")
    };
    let (line, windows, current) = (said("line"), said("window"), said("mode.current"));
    let [(left, _), (right, _)] = BACKTICKS;
    out.push_str(&format!(
        "hardstatus alwayslastline \"{line}%{left}`{windows} %-w{current}%n %t{windows}%+w {line}%=%{right}`\"\n"
    ));
    super::filled(&out, wiring, quoted)
}

/// A word for a screenrc, in double quotes.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into_owned();
    }
    super::in_quotes(&text, "\"\\$#^'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rainline_render::theme::Theme;

    fn lines(program: &str, version: (u16, u16)) -> String {
        let theme = Theme::built_in("rain").expect("built in");
        init(&Wiring { version, ..Wiring::new(program, &theme) })
    }

    #[test]
    fn both_backticks_are_continuous_and_know_the_version() {
        let lines = lines("/usr/bin/rainline", (4, 9));
        let backticks: Vec<&str> = lines.lines().filter(|l| l.starts_with("backtick ")).collect();
        assert_eq!(backticks.len(), 2);
        for backtick in backticks {
            assert!(backtick.contains(" 0 0 /usr/bin/rainline stream screen "), "{backtick}");
            assert!(backtick.ends_with("--host-version 4.9"), "{backtick}");
        }
    }

    #[test]
    fn odd_paths_are_one_word() {
        assert_eq!(quoted(Path::new("/it's $x \"#1\"/^r")), r#""/it\'s \$x \"\#1\"/\^r""#);
    }
}
