//! fish: one `print` per prompt, from `fish_prompt`.
//!
//! fish draws the left prompt first, so what the one call says of the right side is kept in a
//! variable for `fish_right_prompt`. Nothing is expanded a second time. fish has no continuation
//! prompt.
//!
//! One process a prompt: fish would wait for ever on a FIFO without an answer, so the client asks,
//! which has a deadline. The daemon announces late readings by SIGWINCH, which a shell that does not
//! expect it ignores.

use super::{Ability, Host, Ready, Trial, Wiring};
use crate::quote;

pub(super) static HOST: Host = Host {
    name: "fish",
    about: "the prompt: both sides, any number of rows",
    program: "fish",
    base: None,
    version: "--version",
    how_to_wire: "put `rainline init fish | source` into ~/.config/fish/config.fish",
    files: &[".config/fish/config.fish"],
    marks: &["print prompt all --target=$target", "init fish"],
    versioned: false,
    init,
    abilities: |version| {
        vec![
            Ability::from(version, (3, 1), "a prompt of both sides", "from fish 3.1 on"),
            Ability::there("duration and jobs"),
            Ability::there("vi's modes at once, besides fish's own sign (`fish_mode_prompt`)"),
            Ability::never("a continuation prompt", "fish has none"),
        ]
    },
    trial: Trial {
        file: "home/.config/fish/config.fish",
        env: &[("fish_greeting", "")],
        argv: &["fish", "-i"],
        end: &[],
        typed: &["cd /usr/share\n", "false | true\n", "sh -c 'exit 3'\n"],
        ready: Ready::Still,
    },
};

const LINES: &str = r#"# Rainline. Put this into ~/.config/fish/config.fish, or this line:  rainline init fish | source
if status is-interactive
    set -g __rainline_program @PROGRAM@
    set -g __rainline_right ''
    # This shell and when it started, which is the 22nd field; the second may hold anything.
    set -g __rainline_self
    if test -r /proc/$fish_pid/stat
        read -l stat </proc/$fish_pid/stat
        set -l fields (string split ' ' -- (string replace -r '^.*\) ' '' -- $stat))
        set -q fields[20]; and set -g __rainline_self --channel=winch-$fish_pid-$fields[20]
    end

    # A reading came after the prompt was drawn. The next drawing asks for no further signal.
    function __rainline_repaint --on-signal WINCH
        set -g __rainline_again 1
        commandline -f repaint
    end

    # Vi's mode changed: fish itself draws only its own sign of it again.
    function __rainline_mode --on-variable fish_bind_mode
        __rainline_vi; and commandline -f repaint
    end

    function __rainline_vi
        contains -- "$fish_key_bindings" fish_vi_key_bindings fish_hybrid_key_bindings
    end

    function fish_prompt
        set -l codes $status $pipestatus
        set -l target fish
        set -l more
        test "$TERM" = dumb; and set target plain
        set -q CMD_DURATION[1]; and set -a more --duration=$CMD_DURATION
        set -q COLUMNS[1]; and test "$COLUMNS" -gt 0; and set -a more --columns=$COLUMNS
        __rainline_vi; and set -a more --keymap="$fish_bind_mode"
        set -q __rainline_again; or set -a more $__rainline_self
        set -e __rainline_again
        # Each substitution is a turn of fish's other thread, so jobs are counted if there are any.
        jobs -q; and set -a more --jobs=(count (jobs -g))
        set -l lines
        if test -f $__rainline_program; and test -x $__rainline_program
            set lines ($__rainline_program print prompt all --target=$target --status=$codes[1] --pipestatus="$codes[2..-1]" $more@CONFIG@)
        end
        # The right side, the continuation (fish has none), the rows.
        if set -q lines[3]
            set -g __rainline_right $lines[1]
            string join \n -- $lines[3..-1]
        else
            set -g __rainline_right ''
            echo '> '
        end
    end

    function fish_right_prompt
        printf '%s' $__rainline_right
    end
end
"#;

fn init(wiring: &Wiring) -> String {
    super::filled(LINES, wiring, quote::fish)
}
