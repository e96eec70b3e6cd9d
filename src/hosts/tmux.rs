//! tmux: one streaming job for each side, styles from the theme.
//!
//! What is inside `#()` goes through a shell, so it has no text of a pane, window or session in it,
//! only numbers of the client. `exec` saves a process and lets tmux end the right one.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{Ability, Host, Ready, Trial, Wiring};
use crate::quote;
use rainline_caps::hosts::{TMUX_CHOICES, TMUX_LIVE_TEXTS};
use rainline_render::style::Style;
use rainline_render::targets::tmux_style;
use rainline_render::theme::{Subject, Theme};

pub(super) static HOST: Host = Host {
    name: "tmux",
    about: "status-left and status-right, by one streaming process each",
    program: "tmux",
    base: None,
    version: "-V",
    how_to_wire: "rainline init tmux >> ~/.tmux.conf",
    files: &[".tmux.conf", ".config/tmux/tmux.conf"],
    marks: &["stream tmux", "init tmux"],
    versioned: true,
    init,
    abilities: |version| {
        let live = "from tmux 2.9 on: older ones show how it was when the line was drawn";
        vec![
            Ability::there("both sides of the status line, without a process per refresh"),
            Ability::from(version, TMUX_CHOICES, "prefix, zoom and copy mode at once", live),
            Ability::from(
                version,
                TMUX_LIVE_TEXTS,
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
        ready: Ready::Bar("rainline"),
    },
};

fn init(wiring: &Wiring) -> String {
    let head = "# Rainline. Put this into ~/.tmux.conf, or: rainline init tmux >> ~/.tmux.conf\n";
    format!("{head}{}", lines(wiring))
}

/// The lines without the one that says where they go.
pub(super) fn lines(wiring: &Wiring) -> String {
    let line = style(wiring.theme, &["line"]);
    let mut out = String::new();
    let mut say = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    let lines = wiring.further.len() + 1;
    match lines {
        1 => say("set -g status on"),
        _ => say(&format!("set -g status {lines}")),
    }
    // The jobs write by themselves; the timer only restarts one that has ended.
    say("set -g status-interval 15");
    say(&format!("set -g status-style {}", quote::tmux(&line)));
    // Upper bounds only: each side gets its share of the client's width as an option.
    say("set -g status-left-length 200");
    say("set -g status-right-length 400");
    for side in ["left", "right"] {
        let share = wiring.shares.get(side).map(|percent| format!("--share {percent} "));
        let columns = format!("{}--client-columns", share.unwrap_or_default());
        say(&format!("set -g status-{side} {}", quote::tmux(&job(wiring, "tmux", side, &columns))));
    }
    for (index, name) in wiring.further.iter().enumerate() {
        let row = job(wiring, name, "full", "--columns");
        say(&format!("set -g status-format[{}] {}", index + 1, quote::tmux(&row)));
    }
    for (option, name) in [
        ("pane-border-style", "tmux.pane-border"),
        ("pane-active-border-style", "tmux.pane-border-active"),
        ("message-style", "tmux.message"),
        ("mode-style", "tmux.mode"),
    ] {
        if wiring.theme.styles.contains_key(name) {
            say(&format!("set -g {option} {}", quote::tmux(&style(wiring.theme, &["line", name]))));
        }
    }
    say("set -g window-status-separator ''");
    windows(wiring, &mut say);
    out
}

/// The window list. What a window looks like is in its format, which tmux fills in for each of
/// them; one that cannot (before 3.2) gets styles and a plain format.
fn windows(wiring: &Wiring, say: &mut impl FnMut(&str)) {
    let plain = wiring.windows.is_empty();
    for (option, mode) in [
        ("style", None),
        ("last-style", None),
        ("current-style", Some("mode.current")),
        ("activity-style", Some("mode.activity")),
        ("bell-style", Some("mode.bell")),
    ] {
        let names = ["line", "window", mode.unwrap_or("window")];
        let look = style(wiring.theme, if plain { &names } else { &names[..1] });
        say(&format!("set -g window-status-{option} {}", quote::tmux(&look)));
    }
    // tmux would read a `%` as part of a time.
    let format = if plain { " #I #W ".into() } else { wiring.windows.replace('%', "%%") };
    for option in ["format", "current-format"] {
        say(&format!("set -g window-status-{option} {}", quote::tmux(&format)));
    }
}

/// `#(exec rainline stream LINE SLOT …)` with the client's width as an option. The only formats inside
/// are numbers of the client: tmux restarts the job when one changes, which it should do for a new
/// width only.
fn job(wiring: &Wiring, line: &str, slot: &str, columns: &str) -> String {
    let mut command = format!("exec {} stream {line} {slot}", quote::sh(wiring.program.as_ref()));
    if let Some(config) = &wiring.config {
        let _ = write!(command, " --config {}", quote::sh(config.as_ref()));
    }
    let command: String = command.chars().map(in_job).collect();
    format!("#({command} {columns} #{{client_width}} --host-version #{{version}})")
}

/// A character of a path in the words of a job. A `#` would begin a format and a `%` a time. A bracket
/// would end the job, whatever quotes it stands in, so it is said by a command whose own ones are a pair.
fn in_job(c: char) -> Cow<'static, str> {
    match c {
        '#' => "##".into(),
        '%' => "%%".into(),
        // Only a word in single quotes has one.
        '(' => r#"'"$(printf '\050')"'"#.into(),
        ')' => r#"'"$(printf '\051')"'"#.into(),
        _ => c.to_string().into(),
    }
}

/// Styles of the theme, one over the other, in tmux's words.
fn style(theme: &Theme, names: &[&str]) -> String {
    let subject = Subject::default();
    let over = |style, name: &&str| theme.over(style, name, &subject);
    tmux_style(names.iter().fold(Style::default(), over))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(program: &str) -> String {
        let theme = Theme::built_in("rain").expect("built in");
        init(&Wiring::new(program, &theme))
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
    fn a_tmux_that_fills_in_nothing_gets_a_list_of_its_own_words() {
        let theme = Theme::built_in("rain").expect("built in");
        let with =
            |windows: &str| init(&Wiring { windows: windows.into(), ..Wiring::new("/r", &theme) });
        assert!(with("").contains("set -g window-status-format \" #I #W \""));
        let ours = with("#{window_index} 5%");
        assert!(ours.contains("set -g window-status-format \"#{window_index} 5%%\""), "{ours}");
        assert!(!ours.contains("#W"));
    }

    #[test]
    fn a_share_is_said_where_the_config_says_one() {
        let theme = Theme::built_in("rain").expect("built in");
        let shares = [("right".to_owned(), 70)].into();
        let lines = init(&Wiring { shares, ..Wiring::new("/r", &theme) });
        assert!(lines.contains("stream tmux right --share 70 --client-columns #{client_width}"));
        assert!(lines.contains("stream tmux left --client-columns #{client_width}"));
    }

    #[test]
    fn further_lines_are_rows_of_their_own() {
        let theme = Theme::built_in("rain").expect("built in");
        let further = vec!["tmux.2".into(), "tmux.3".into()];
        let lines = init(&Wiring { further, ..Wiring::new("/r", &theme) });
        assert!(lines.contains("set -g status 3\n"), "{lines}");
        assert!(
            lines.contains("set -g status-format[2] \"#(exec /r stream tmux.3 full --columns ")
        );
    }

    /// tmux ran what stood before the bracket and showed the rest.
    #[test]
    fn a_bracket_of_a_path_ends_no_job() {
        let lines = lines("/opt/a)b(/rainline");
        let job = lines.lines().find(|line| line.starts_with("set -g status-left \"")).expect("");
        assert!(
            job.contains(
                r#"exec '/opt/a'\"\$(printf '\\051')\"'b'\"\$(printf '\\050')\"'/rainline' stream"#
            ),
            "{job}"
        );
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
