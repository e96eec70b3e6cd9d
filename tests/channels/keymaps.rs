//! Prompts that show the keymap, changed while a line is edited.

use std::fs;

use rustix::process::Signal;

use super::{Shell, plain};
use crate::support::{Sandbox, signal};

/// A home whose prompt says the mode of vi's keys and how the last command ended: `<insert><0>=>`.
fn modal() -> Sandbox {
    let config = "theme = \"mono\"\n[line.prompt]\nleft = [\"mode\", \"ended\", \"end\"]\n\
        [segment.mode]\nuse = \"keymap\"\nformat = \"<$mode>\"\nhide-when = \"never\"\n\
        [segment.ended]\nuse = \"status\"\nformat = \"<($code)>\"\nhide-when = \"never\"\n\
        [segment.end]\nuse = \"text\"\ntext = \"=>\"\nformat = \"$text\"\n";
    Sandbox::new().configured(config)
}

#[test]
fn zsh_shows_vis_modes_at_once_without_a_process_and_beside_the_users_own_widget() {
    let vi = "bindkey -v\nKEYTIMEOUT=1";
    let theirs = "zle-keymap-select() { print -r -- $KEYMAP $1 >>$HOME/modes }\n\
                  zle -N zle-keymap-select";
    let chained = "autoload -Uz add-zle-hook-widget\n\
                   other() { print -r -- $KEYMAP $1 >>$HOME/modes }\n\
                   add-zle-hook-widget keymap-select other";
    // Theirs comes before ours or after it, alone or by zsh's own chain.
    let ways = [(theirs, ""), ("", theirs), (chained, ""), ("", chained)];
    for (before, after) in ways {
        let sandbox = modal();
        let before = format!("{vi}\n{before}");
        let mut shell = Shell::with_channel(&sandbox, "zsh", &before, after);
        // The first prompts may have had another keymap than the first keys.
        shell.run(":", "<insert><0>=>");
        shell.quietly(|shell| {
            shell.run("(exit 3)", "<insert><3>=>");
            for _ in 0..3 {
                shell.terminal.send("\x1b");
                shell.prompt("<normal><3>=>");
                shell.terminal.send("i");
                shell.prompt("<insert><3>=>");
            }
            shell.terminal.send("\x1b");
            shell.prompt("<normal><3>=>");
            // The next line is typed into again.
            shell.terminal.send("\r");
            shell.prompt("<insert><3>=>");
        });
        let modes = fs::read_to_string(sandbox.path("home/modes")).expect("theirs was called");
        let turn = "vicmd main\nmain vicmd\n";
        assert_eq!(modes, format!("{}vicmd main\n", turn.repeat(3)), "{before} | {after}");
    }
}

#[test]
fn zsh_without_its_functions_shows_vis_modes_too_and_emacs_keys_have_none() {
    let sandbox = modal();
    let mut shell = Shell::with_channel(&sandbox, "zsh", "fpath=()\nbindkey -v\nKEYTIMEOUT=1", "");
    shell.quietly(|shell| {
        shell.terminal.send("\x1b");
        shell.prompt("<normal><0>=>");
        shell.terminal.send("a");
        shell.prompt("<insert><0>=>");
    });
    let mut shell = Shell::with_channel(&sandbox, "zsh", "bindkey -e", "");
    shell.run("(exit 3)", "<3>=>");
    let contents = shell.terminal.contents();
    assert!(!contents.contains("insert"), "{contents}");
}

/// A key in vi's normal mode while the daemon stands still: the line is as it was, and typing goes
/// on.
#[test]
fn a_keymap_that_no_segment_shows_delays_no_prompt() {
    let sandbox = modal();
    let mut shell = Shell::waiting(&sandbox, "zsh", None, "bindkey -v\nKEYTIMEOUT=1", "");
    shell.settle();
    shell.run(":", "<insert><0>=>");
    let pid = sandbox.daemon().expect("a daemon");
    signal(pid, Signal::STOP);
    shell.terminal.send("echo typed\x1b");
    shell.terminal.send("0isay=1 \r");
    shell.terminal.wait("the command", |screen| {
        screen
            .contents()
            .lines()
            .any(|line| line.trim_end().ends_with("typed") && !line.contains('='))
    });
    signal(pid, Signal::CONT);
}

#[test]
fn fish_shows_vis_modes_at_once() {
    let sandbox = modal();
    let mut shell = Shell::start(&sandbox, "fish", "fish_vi_key_bindings", "");
    shell.run("sh -c 'exit 3'", "<insert><3>=>");
    for _ in 0..2 {
        shell.terminal.send("\x1b");
        // In this mode fish puts the cursor of an empty line at the edge.
        shell.terminal.wait("normal mode", |screen| {
            screen.rows(0, 80).any(|row| plain(&row).contains("<normal><3>=>"))
        });
        shell.terminal.send("i");
        shell.prompt("<insert><3>=>");
    }
}
