//! The mode of a line editor with vi's keys, as the shell reports it.
//!
//! Insert mode is hidden by default, and emacs' keys have no modes. fish calls vi's normal mode
//! `default`, and has that name also without vi's keys: its shell code sends a keymap only if they
//! are in use. bash does not report the mode: readline draws its own sign (`set show-mode-in-prompt
//! on`).

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, choice, options,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

choice! {
    /// When it is hidden.
    HideWhen { Never = "never", Insert = "insert" }
}

options! {
    /// `insert`: hidden in insert mode.
    hide_when: HideWhen = HideWhen::Insert,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "keymap",
    about: "The mode of a line editor with vi's keys.",
    icons: Icons { nerd: "", unicode: "", ascii: "" },
    format: " $mode ",
    fields: &[
        Field::new("mode", "`normal`, `insert`, `visual`, `replace`", Unit::Text),
        Field::new("short", "its first letter as a capital", Unit::Text),
        Field::new("keymap", "the shell's name for it", Unit::Text),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Client,
    runs_in: RunsIn::Daemon,
    pace: Pace::Ask,
    priority: 88,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Keymap { options: Options::read(table)? }))
}

struct Keymap {
    options: Options,
}

impl Source for Keymap {
    fn sample(&mut self, _: &Machine, ask: &Ask) -> Result<Option<Sample>, Error> {
        let Some(keymap) = &ask.keymap else { return Ok(None) };
        // The names of zsh, bash and fish.
        let (mode, short, level) = match keymap.reveal() {
            "vicmd" | "viopp" | "vi-command" | "vi-move" | "vi" | "command" | "normal"
            | "default" => ("normal", "N", Level::Info),
            "viins" | "vi-insert" | "insert" => ("insert", "I", Level::Good),
            "visual" | "vivis" | "vivli" => ("visual", "V", Level::Warning),
            "virep" | "replace" | "replace_one" | "replace-one" => {
                ("replace", "R", Level::Critical)
            }
            _ => return Ok(None),
        };
        if mode == "insert" && self.options.hide_when == HideWhen::Insert {
            return Ok(None);
        }
        let sample = Sample::new(level)
            .with("mode", Value::text(mode))
            .with("short", Value::text(short))
            .with("keymap", Value::Text(keymap.clone()));
        Ok(Some(sample))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::sample_for;
    use crate::machine::fixture;

    fn sample(options: &str, keymap: &str) -> Option<Sample> {
        let keymap = (!keymap.is_empty()).then(|| keymap.into());
        let ask = Ask { keymap, ..Ask::default() };
        sample_for(&SEGMENT, options, &fixture("empty"), &ask)
    }

    #[test]
    fn the_modes_of_all_shells_are_known() {
        for (words, mode) in [
            (["vicmd", "vi-command", "default"], "normal"),
            (["viins", "vi-insert", "insert"], "insert"),
            (["visual", "visual", "vivis"], "visual"),
            (["virep", "replace", "replace_one"], "replace"),
        ] {
            for word in words {
                let sample = sample("hide-when = \"never\"", word).expect(word);
                assert_eq!(sample.get("mode"), Some(&Value::text(mode)), "{word}");
            }
        }
    }

    #[test]
    fn insert_mode_emacs_and_unknown_keymaps_show_nothing() {
        for word in ["", "viins", "main", "emacs", "emacs-standard", "\u{1b}[2J", "VICMD "] {
            assert_eq!(sample("", word), None, "{word:?}");
        }
    }

    #[test]
    fn each_mode_has_its_level() {
        let levels = ["vicmd", "visual", "replace"].map(|word| sample("", word).expect(word).level);
        assert_eq!(levels, [Level::Info, Level::Warning, Level::Critical]);
    }
}
