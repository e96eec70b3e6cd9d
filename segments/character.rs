//! The prompt's last character, such as `❯`. Red after a failed command, reversed in vi's normal
//! mode, `#` for root.
//!
//! The usual character is the icon, so that a theme or a config can change it; only a different one
//! is a field.

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

options! {
    /// The character for root; empty: the same as for other users.
    root: String = "#",
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "character",
    about: "The character after which you type; its colour shows how the last command ended.",
    icons: Icons { nerd: "❯", unicode: "❯", ascii: ">" },
    format: "[{$sign|$icon}](bold fg:level)",
    fields: &[Field::new(
        "sign",
        "the character, where it is not the icon: root's, or vi's normal mode",
        Unit::Text,
    )],
    options: OPTIONS,
    env: &[],
    scope: Scope::Client,
    runs_in: RunsIn::Daemon,
    pace: Pace::Ask,
    priority: 100,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Character { options: Options::read(table)? }))
}

struct Character {
    options: Options,
}

impl Source for Character {
    fn sample(&mut self, machine: &Machine, ask: &Ask) -> Result<Option<Sample>, Error> {
        let failed = ask.status.is_some_and(|status| status != 0);
        let sample = Sample::new(if failed { Level::Critical } else { Level::Good });
        let keymap = ask.keymap.as_ref().map_or("", |keymap| keymap.reveal());
        // The same names as in `keymap`. fish calls vi's normal mode `default`.
        let normal = matches!(
            keymap,
            "vicmd" | "viopp" | "vi-command" | "vi-move" | "vi" | "command" | "normal" | "default"
        );
        let root = machine.uid() == 0 && !self.options.root.is_empty();
        Ok(Some(match (normal, root) {
            (true, _) => sample.with("sign", Value::sign("❮", "❮", "<")),
            (false, true) => sample.with("sign", Value::text(self.options.root.as_str())),
            (false, false) => sample,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::sample_for;
    use crate::machine::fixture;

    fn sample(options: &str, machine: &str, status: i32, keymap: &str) -> Sample {
        let ask = Ask { status: Some(status), keymap: Some(keymap.into()), ..Ask::default() };
        sample_for(&SEGMENT, options, &fixture(machine), &ask).expect("always there")
    }

    #[test]
    fn the_level_follows_the_last_command() {
        assert_eq!(sample("", "laptop", 0, "").level, Level::Good);
        assert_eq!(sample("", "laptop", 1, "").level, Level::Critical);
        assert_eq!(sample("", "laptop", 0, "").get("sign"), None);
    }

    #[test]
    fn normal_mode_reverses_it() {
        for keymap in ["vicmd", "vi-command", "default"] {
            let sign = Value::sign("❮", "❮", "<");
            assert_eq!(sample("", "container", 0, keymap).get("sign"), Some(&sign));
        }
        assert_eq!(sample("", "laptop", 0, "viins").get("sign"), None);
    }

    #[test]
    fn root_has_its_own_character() {
        assert_eq!(sample("", "container", 0, "").get("sign"), Some(&Value::text("#")));
        assert_eq!(sample("root = ''", "container", 0, "").get("sign"), None);
    }

    #[test]
    fn before_the_first_command_it_is_good() {
        let mut source = open(&toml::Table::new()).expect("defaults are fine");
        let sample = source.sample(&fixture("empty"), &Ask::default()).expect("no error");
        assert_eq!(sample.expect("always there").level, Level::Good);
    }
}
