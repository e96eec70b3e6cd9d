//! Options by the rules of Perl's `Getopt::Long`.

use crate::compat::base::options::named;

#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) battery: bool,
    pub(super) remaining: bool,
    pub(super) bolt: bool,
    pub(super) bright: bool,
    pub(super) rgb: bool,
    pub(super) loadavg: bool,
    pub(super) swap: bool,
    /// `None`: unless on a terminal.
    pub(super) tmux: Option<bool>,
    pub(super) screen: bool,
    pub(super) help: bool,
    pub(super) width: i64,
    pub(super) max: i64,
    pub(super) fg: String,
    pub(super) bg: String,
    pub(super) order: String,
    pub(super) datfile: String,
    pub(super) skip: String,
}

/// What an option sets.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// On, or off with `no` before its name.
    Switch(fn(&mut Options, bool)),
    /// On.
    Flag(fn(&mut Options) -> &mut bool),
    Text(fn(&mut Options) -> &mut String),
    Whole(fn(&mut Options) -> &mut i64),
}

/// Every option, by name.
const ALL: [(&str, Kind); 17] = [
    ("battery", Kind::Switch(|options, on| options.battery = on)),
    ("bg", Kind::Text(|options| &mut options.bg)),
    ("bolt", Kind::Switch(|options, on| options.bolt = on)),
    ("bright", Kind::Switch(|options, on| options.bright = on)),
    ("datfile", Kind::Text(|options| &mut options.datfile)),
    ("fg", Kind::Text(|options| &mut options.fg)),
    ("help", Kind::Flag(|options| &mut options.help)),
    ("loadavg", Kind::Switch(|options, on| options.loadavg = on)),
    ("max", Kind::Whole(|options| &mut options.max)),
    ("order", Kind::Text(|options| &mut options.order)),
    ("remaining", Kind::Switch(|options, on| options.remaining = on)),
    ("rgb", Kind::Switch(|options, on| options.rgb = on)),
    ("screen", Kind::Flag(|options| &mut options.screen)),
    ("skip", Kind::Text(|options| &mut options.skip)),
    ("swap", Kind::Switch(|options, on| options.swap = on)),
    ("tmux", Kind::Switch(|options, on| options.tmux = Some(on))),
    ("width", Kind::Whole(|options| &mut options.width)),
];

/// An option as it was written.
pub(super) struct Given {
    /// With all its letters.
    pub(super) written: String,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Whether a switch is put on.
    pub(super) on: bool,
}

impl Options {
    /// Any case, abbreviated names, one dash or two, a value after `=` or in the next word; words
    /// that are no options are passed over. `Err`: the messages; empty where help is asked for.
    pub(super) fn read(words: &[String]) -> Result<Options, String> {
        let mut options = Options {
            battery: true,
            width: 38,
            max: 1,
            order: "fwaic".into(),
            ..Options::default()
        };
        let mut errors = String::new();
        let mut words = words.iter();
        while let Some(word) = words.next().filter(|word| *word != "--") {
            if word == "+" {
                errors += "Missing option after +\n";
            }
            let option = word.strip_prefix("--").or_else(|| word.strip_prefix(['-', '+']));
            let Some(option) = option.filter(|_| word.len() > 1) else { continue };
            if let Err(error) = options.take(option, &mut words) {
                errors += &error;
            }
        }
        if errors.is_empty() && !options.help { Ok(options) } else { Err(errors) }
    }

    fn take<'a>(
        &mut self,
        option: &str,
        words: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(), String> {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (option, None),
        };
        let Given { written, name, kind, on } = resolve(name)?;
        if let Kind::Switch(_) | Kind::Flag(_) = kind
            && value.is_some()
        {
            return Err(format!("Option {written} does not take an argument\n"));
        }
        // Nothing after `=` is no value; an empty word of its own is one.
        let mut value = || {
            let value = match value {
                Some(value) => Some(value).filter(|value| !value.is_empty()),
                None => words.next().map(String::as_str),
            };
            value.ok_or_else(|| format!("Option {name} requires an argument\n"))
        };
        match kind {
            Kind::Switch(set) => set(self, on),
            Kind::Flag(field) => *field(self) = true,
            Kind::Text(field) => *field(self) = value()?.to_owned(),
            Kind::Whole(field) => {
                let text = value()?;
                *field(self) = whole(text).ok_or_else(|| {
                    format!("Value \"{text}\" invalid for option {name} (number expected)\n")
                })?;
            }
        }
        Ok(())
    }
}

/// A whole number as Perl's options have it: a sign, digits, and `_` between them.
fn whole(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_plain = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || c == '_');
    let size = is_plain.then(|| digits.replace('_', "").parse().unwrap_or(i64::MAX))?;
    Some(if text.starts_with('-') { -size } else { size })
}

/// The option of this name or abbreviation; `Err`: the message.
pub(super) fn resolve(name: &str) -> Result<Given, String> {
    let name = name.to_lowercase();
    // The place in `ALL`, and whether it is put on.
    let on = (0..).zip(ALL).map(|(at, (name, _))| (name.to_owned(), (at, true)));
    let switches = (0..).zip(ALL).filter(|(_, (_, kind))| matches!(kind, Kind::Switch(_)));
    let off = switches
        .flat_map(|(at, (name, _))| ["no", "no-"].map(|no| (format!("{no}{name}"), (at, false))));
    let all: Vec<(String, (usize, bool))> = on.chain(off).collect();
    match named(&name, &all) {
        Ok((written, (at, on))) => {
            let (name, kind) = ALL[at];
            Ok(Given { written: written.to_owned(), name, kind, on })
        }
        Err(none) if none.is_empty() => Err(format!("Unknown option: {name}\n")),
        Err(several) => Err(format!("Option {name} is ambiguous ({})\n", several.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_whole() {
        let texts = ["7", "+7", "-7", "1_000", "", "+", "7.5", "0x7", " 7", "99999999999999999999"];
        let read = [Some(7), Some(7), Some(-7), Some(1000), None, None, None, None, None];
        assert_eq!(texts.map(whole)[..9], read);
        assert_eq!(whole(texts[9]), Some(i64::MAX));
    }

    proptest! {
        #[test]
        fn no_words_break_it(
            words in proptest::collection::vec("([-+]{0,2}[a-zA-Z-]{0,9}(=\\PC{0,9})?|\\PC{0,9})", 0..9),
        ) {
            let _ = Options::read(&words);
        }
    }
}
