//! Byobu on tmux: tmux's own lines, in the file that Byobu reads last.
//!
//! These lines replace the options that name Byobu's status commands, so none of those runs.

use super::{Host, Ready, Trial, Wiring, tmux};

pub(super) static HOST: Host = Host {
    name: "byobu",
    about: "Byobu on tmux: status-left and status-right, in place of its own commands",
    program: "byobu-tmux",
    base: Some(&tmux::HOST),
    version: "",
    how_to_wire: "rainline init byobu >> ~/.byobu/.tmux.conf",
    files: &[".byobu/.tmux.conf", ".config/byobu/.tmux.conf"],
    marks: &["stream tmux", "init byobu"],
    versioned: true,
    init,
    abilities: |version| (tmux::HOST.abilities)(version),
    trial: Trial {
        // Byobu's folder is the home itself: it makes its files there.
        file: "home/.tmux.conf",
        env: &[("BYOBU_CONFIG_DIR", "{dir}/home"), ("TMUX_TMPDIR", "{dir}/run")],
        argv: &["byobu-tmux", "new-session", "-s", "rainline"],
        end: &["tmux", "kill-server"],
        typed: &[],
        ready: Ready::Bar("rainline"),
    },
};

fn init(wiring: &Wiring) -> String {
    let head = "# Rainline. For Byobu on tmux: rainline init byobu >> ~/.byobu/.tmux.conf\n\
                # For Byobu on screen: rainline init byobu-screen >> ~/.byobu/.screenrc\n";
    format!("{head}{}", tmux::lines(wiring))
}
