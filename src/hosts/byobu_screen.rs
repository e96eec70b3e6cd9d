//! Byobu on screen: screen's own lines, in the file that Byobu reads last.
//!
//! Byobu's four backticks are removed: two of them are periodic, and all windows freeze while such a
//! command runs.

use super::{Host, Ready, Trial, Wiring, screen};

pub(super) static HOST: Host = Host {
    name: "byobu-screen",
    about: "Byobu on screen: the hardstatus line, in place of its own commands",
    program: "byobu-screen",
    base: Some(&screen::HOST),
    version: "",
    how_to_wire: "rainline init byobu-screen >> ~/.byobu/.screenrc",
    files: &[".byobu/.screenrc", ".config/byobu/.screenrc"],
    marks: &["stream screen", "init byobu-screen"],
    versioned: true,
    init,
    abilities: |version| (screen::HOST.abilities)(version),
    trial: Trial {
        file: "home/.screenrc",
        env: &[("BYOBU_CONFIG_DIR", "{dir}/home"), ("SCREENDIR", "{dir}/run")],
        argv: &["byobu-screen", "-S", "rainline"],
        end: &["screen", "-S", "rainline", "-X", "quit"],
        typed: &[],
        ready: Ready::Bar(""),
    },
};

/// The numbers of Byobu's backticks.
const THEIRS: [u16; 4] = [1001, 1002, 1003, 1004];

fn init(wiring: &Wiring) -> String {
    let mut out = String::from(
        "# Rainline. For Byobu on screen: rainline init byobu-screen >> ~/.byobu/.screenrc\n",
    );
    for number in THEIRS {
        out.push_str(&format!("backtick {number}\n"));
    }
    // Our line has the windows in it, so no caption is needed.
    out.push_str("caption splitonly \"%n %t\"\n");
    out + &screen::lines(wiring)
}
