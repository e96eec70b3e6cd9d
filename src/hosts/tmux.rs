//! tmux: one streaming job for each side, styles from the theme.
//!
//! No text of a pane, window or session stands inside `#()`: only numbers of the client do, since
//! what stands there goes through a shell. `exec` saves a process and lets tmux end the right one.

use std::fmt::Write as _;

use super::{Ability, Host, Trial, Whole, Wiring, shell_word};
use crate::style::{Color, Style};
use crate::theme::{Look, Theme};

pub(super) static HOST: Host = Host {
    name: "tmux",
    about: "status-left and status-right, by one streaming process each",
    program: "tmux",
    version: "-V",
    wired_in: "~/.tmux.conf",
    files: &[".tmux.conf", ".config/tmux/tmux.conf"],
    marks: &["stream tmux", "init tmux"],
    versioned: false,
    init,
    abilities: |version| {
        let live = "from tmux 2.9 on: older ones show how it was when the line was drawn";
        vec![
            Ability::there("both sides of the status line, without a process per refresh"),
            Ability::from(version, (2, 9), "prefix, zoom and copy mode at once", live),
            Ability::from(
                version,
                (3, 2),
                "names of windows filled in by tmux",
                "from tmux 3.2 on",
            ),
        ]
    },
    trial: Trial {
        file: "tmux.conf",
        env: &[],
        argv: &["tmux", "-S", "{dir}/inner", "-f", "{file}", "new-session", "-s", "rainline"],
        end: &["tmux", "-S", "{dir}/inner", "kill-server"],
        typed: &[],
        whole: Whole::Bar("rainline"),
    },
};

fn init(wiring: &Wiring) -> String {
    let line = style(wiring.theme, "line");
    let mut out = String::new();
    let mut say = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    say("# Rainline. Put this into ~/.tmux.conf, or: rainline init tmux >> ~/.tmux.conf");
    say("set -g status on");
    // The jobs draw by themselves; the timer only starts one again that somebody ended.
    say("set -g status-interval 15");
    say(&format!("set -g status-style {}", quoted(&line)));
    // Lengths are upper bounds: each side is told its share of the client's width.
    say("set -g status-left-length 200");
    say("set -g status-right-length 400");
    for side in ["left", "right"] {
        say(&format!("set -g status-{side} {}", quoted(&job(wiring, side))));
    }
    for (option, name) in [
        ("window-status-style", "tmux.window"),
        ("window-status-current-style", "tmux.window-current"),
        ("window-status-activity-style", "tmux.window-activity"),
        ("pane-border-style", "tmux.pane-border"),
        ("pane-active-border-style", "tmux.pane-border-active"),
        ("message-style", "tmux.message"),
    ] {
        if wiring.theme.styles.contains_key(name) {
            say(&format!("set -g {option} {}", quoted(&style(wiring.theme, name))));
        }
    }
    say("set -g window-status-separator ''");
    // A window's name may be a style in tmux's eyes (`#[fg=red]`), and whoever writes to the pane may
    // choose it: `q/h` shows it as it is, from 3.2 on.
    let old = wiring.version != (0, 0) && wiring.version < (3, 2);
    let name = if old { "#W" } else { "#{q/h:window_name}" };
    say(&format!("set -g window-status-format ' #I {name} '"));
    say(&format!("set -g window-status-current-format ' #I {name} '"));
    out
}

/// `#(exec rainline stream tmux SIDE …)`. Formats inside are numbers of the client only: a change
/// of them starts the job again, which a change of width must do and nothing else should.
fn job(wiring: &Wiring, side: &str) -> String {
    let mut command = format!("exec {} stream tmux {side}", shell_word(&wiring.program));
    if let Some(config) = &wiring.config {
        let _ = write!(command, " --config {}", shell_word(config));
    }
    // A `#` would begin a format and a `%` a time: the client's numbers come after this.
    let command = command.replace('#', "##").replace('%', "%%");
    format!("#({command} --client-columns #{{client_width}} --host-version #{{version}})")
}

/// A style in tmux's words.
fn style(theme: &Theme, name: &str) -> String {
    let look = Look::default();
    let style = theme.over(theme.over(Style::default(), "line", &look), name, &look);
    let color = |color: Color| match color {
        Color::Indexed(index) => format!("colour{index}"),
        other => other.written(),
    };
    let mut words = vec![format!("fg={}", color(style.fg)), format!("bg={}", color(style.bg))];
    for (attrs, word) in [
        (crate::style::Attrs::BOLD, "bold"),
        (crate::style::Attrs::DIM, "dim"),
        (crate::style::Attrs::ITALIC, "italics"),
        (crate::style::Attrs::UNDERLINE, "underscore"),
        (crate::style::Attrs::REVERSE, "reverse"),
        (crate::style::Attrs::STRIKE, "strikethrough"),
    ] {
        if style.attrs.has(attrs) {
            words.push(word.into());
        }
    }
    words.join(",")
}

/// A word for tmux's config, in double quotes.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '$') {
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

    fn lines(program: &str) -> String {
        lines_for(program, (3, 3))
    }

    fn lines_for(program: &str, version: (u16, u16)) -> String {
        let theme = Theme::built_in("rain").expect("built in");
        let program = program.into();
        init(&Wiring { program, config: None, theme: &theme, version })
    }

    #[test]
    fn only_numbers_of_the_client_stand_inside_a_job() {
        let lines = lines("/usr/bin/rainline");
        let jobs: Vec<&str> = lines.lines().filter(|line| line.contains("#(")).collect();
        assert_eq!(jobs.len(), 2);
        for job in jobs {
            let formats: Vec<&str> = job.match_indices("#{").map(|(at, _)| &job[at..]).collect();
            assert!(formats.iter().all(|format| {
                format.starts_with("#{client_width}") || format.starts_with("#{version}")
            }));
        }
    }

    #[test]
    fn an_old_tmux_gets_no_modifier_that_it_does_not_know() {
        assert!(!lines_for("/r", (3, 1)).contains("q/h"));
        assert!(lines_for("/r", (3, 2)).contains("#{q/h:window_name}"));
        assert!(lines_for("/r", (0, 0)).contains("#{q/h:window_name}"));
    }

    #[test]
    fn a_path_with_odd_characters_stays_one_word() {
        let lines = lines("/opt/it's 5% \"off\" #1/$x/rainline");
        let right =
            lines.lines().find(|line| line.starts_with("set -g status-right \"")).expect("");
        assert!(
            right
                .contains(r#"exec '/opt/it'\\''s 5%% \"off\" ##1/\$x/rainline' stream tmux right"#),
            "{right}"
        );
    }
}
