//! dvtm: it has no config file, so what is wired is the command: a shell function that gives dvtm
//! a FIFO for its bar and a streaming process that writes into it.
//!
//! The process ends by itself once the FIFO has no reader any more, however dvtm ended; the trap ends
//! one that never had a reader.

use super::{Ability, Host, Ready, Trial, Wiring};
use crate::quote;

pub(super) static HOST: Host = Host {
    name: "dvtm",
    about: "the bar, by one streaming process and a FIFO",
    program: "dvtm",
    base: None,
    version: "-v",
    how_to_wire: "rainline init dvtm >> ~/.bashrc",
    files: &[".bashrc", ".zshrc", ".profile"],
    marks: &["stream dvtm", "init dvtm"],
    versioned: false,
    init,
    abilities: |_| {
        vec![
            Ability::there("the right side of its bar"),
            Ability::never("colours", "dvtm's bar takes plain text"),
        ]
    },
    trial: Trial {
        file: "dvtm.sh",
        env: &[],
        argv: &["sh", "-c", ". \"$0\"; dvtm", "{file}"],
        end: &[],
        typed: &[],
        ready: Ready::Still,
    },
};

const LINES: &str = r#"# Rainline. Put this into ~/.bashrc or ~/.zshrc: dvtm has no config file of its own.
dvtm() (
    dir=$(mktemp -d "${TMPDIR:-/tmp}/rainline-dvtm.XXXXXX") || exit 1
    writer=
    trap '[ -z "$writer" ] || kill "$writer" 2>/dev/null; rm -rf "$dir"' EXIT
    trap 'exit 129' HUP
    trap 'exit 143' TERM
    mkfifo -m 600 "$dir/bar" || exit 1
    # What the tags and the layout leave of the bar.
    columns=$(stty size 2>/dev/null)
    columns=$((${columns#* } - 36))
    [ "$columns" -gt 12 ] 2>/dev/null || columns=12
    @PROGRAM@ stream dvtm right --columns "$columns"@CONFIG@ >"$dir/bar" </dev/null 2>/dev/null &
    writer=$!
    command dvtm -s "$dir/bar" "$@"
)
"#;

fn init(wiring: &Wiring) -> String {
    super::filled(LINES, wiring, quote::sh)
}
