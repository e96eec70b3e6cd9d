//! GNU screen: a continuous backtick for each side, the window list between them.
//!
//! A periodic backtick would hold up all windows while its command runs; `0 0` starts one process that
//! keeps printing and holds up nothing. The window list is screen's own, in a
//! colour of the theme: without an explicit one screen draws the whole line in reverse.

use super::{Ability, Host, Ready, Trial, Wiring};
use crate::quote;
use rainline_render::style::Style;
use rainline_render::targets::screen_rendition;
use rainline_render::theme::Subject;

pub(super) static HOST: Host = Host {
    name: "screen",
    about: "the hardstatus line, by one streaming process a side",
    program: "screen",
    base: None,
    version: "--version",
    how_to_wire: "rainline init screen >> ~/.screenrc",
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
        ready: Ready::Bar(""),
    },
};

/// The numbers of our two backticks: high, so that no other config uses them.
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
    let rendition = |name: &str| {
        let style = wiring.theme.over(line, name, &subject);
        screen_rendition(style, wiring.version).replace('\x05', "%")
    };
    let (line, windows, current) =
        (rendition("line"), rendition("window"), rendition("mode.current"));
    let [(left, _), (right, _)] = BACKTICKS;
    out.push_str(&format!(
        "hardstatus alwayslastline \"{line}%{left}`{windows} %-w{current}%n %t{windows}%+w {line}%=%{right}`\"\n"
    ));
    super::filled(&out, wiring, quote::screen)
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
}
