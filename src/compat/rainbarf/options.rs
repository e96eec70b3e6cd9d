//! The words: options by the rules of Perl's `Getopt::Long`.

#[derive(Debug)]
pub(super) struct Options {
    pub(super) battery: bool,
    pub(super) remaining: bool,
    pub(super) bolt: bool,
    pub(super) bright: bool,
    pub(super) rgb: bool,
    pub(super) loadavg: bool,
    pub(super) swap: bool,
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

/// What an option is.
pub(super) enum Slot<'a> {
    /// On, or off with `no` before it.
    Switch(&'a mut bool),
    Maybe(&'a mut Option<bool>),
    /// On.
    Flag(&'a mut bool),
    Text(&'a mut String),
    Whole(&'a mut i64),
}

impl Options {
    pub(super) fn new() -> Options {
        Options {
            battery: true,
            remaining: false,
            bolt: false,
            bright: false,
            rgb: false,
            loadavg: false,
            swap: false,
            tmux: None,
            screen: false,
            help: false,
            width: 38,
            max: 1,
            fg: String::new(),
            bg: String::new(),
            order: "fwaic".into(),
            datfile: String::new(),
            skip: String::new(),
        }
    }

    pub(super) fn slot(&mut self, name: &str) -> Slot<'_> {
        match name {
            "battery" => Slot::Switch(&mut self.battery),
            "remaining" => Slot::Switch(&mut self.remaining),
            "bolt" => Slot::Switch(&mut self.bolt),
            "bright" => Slot::Switch(&mut self.bright),
            "rgb" => Slot::Switch(&mut self.rgb),
            "loadavg" => Slot::Switch(&mut self.loadavg),
            "swap" => Slot::Switch(&mut self.swap),
            "tmux" => Slot::Maybe(&mut self.tmux),
            "screen" => Slot::Flag(&mut self.screen),
            "help" => Slot::Flag(&mut self.help),
            "width" => Slot::Whole(&mut self.width),
            "max" => Slot::Whole(&mut self.max),
            "fg" => Slot::Text(&mut self.fg),
            "bg" => Slot::Text(&mut self.bg),
            "order" => Slot::Text(&mut self.order),
            "datfile" => Slot::Text(&mut self.datfile),
            _ => Slot::Text(&mut self.skip),
        }
    }

    /// By the rules of Perl's `Getopt::Long`: any case, unique beginnings, one dash or two, a value
    /// after `=` or in the next word; words that are no options are passed over.
    pub(super) fn read(words: &[String]) -> Result<Options, String> {
        let mut options = Options::new();
        let mut errors = String::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--" {
                break;
            }
            if word == "+" {
                errors += "Missing option after +\n";
            }
            let Some(rest) = word.strip_prefix(['-', '+']).filter(|rest| !rest.is_empty()) else {
                continue;
            };
            let rest = match word.starts_with("--") {
                true => &word[2..],
                false => rest,
            };
            let (said, value) = match rest.split_once('=') {
                Some((said, value)) => (said, Some(value.to_owned())),
                None => (rest, None),
            };
            let (full, name, on) = match resolve(said) {
                Ok(found) => found,
                Err(error) => {
                    errors += &error;
                    continue;
                }
            };
            let slot = options.slot(name);
            let takes = matches!(slot, Slot::Text(_) | Slot::Whole(_));
            if !takes && value.is_some() {
                errors += &format!("Option {full} does not take an argument\n");
                continue;
            }
            // Nothing after `=` is no value; an empty word of its own is one.
            let value = match value {
                Some(value) => Some(value).filter(|value| !value.is_empty()),
                None if takes => words.next().cloned(),
                None => None,
            };
            match (slot, value) {
                (Slot::Switch(slot), _) => *slot = on,
                (Slot::Maybe(slot), _) => *slot = Some(on),
                (Slot::Flag(slot), _) => *slot = true,
                (Slot::Text(slot), Some(value)) => *slot = value,
                (Slot::Whole(slot), Some(text)) => match whole(&text) {
                    Some(number) => *slot = number,
                    None => {
                        errors += &format!(
                            "Value \"{text}\" invalid for option {name} (number expected)\n"
                        );
                    }
                },
                (_, None) => errors += &format!("Option {name} requires an argument\n"),
            }
        }
        if errors.is_empty() && !options.help { Ok(options) } else { Err(errors) }
    }
}

const NAMES: [&str; 17] = [
    "battery",
    "bg",
    "bolt",
    "bright",
    "datfile",
    "fg",
    "help",
    "loadavg",
    "max",
    "order",
    "remaining",
    "rgb",
    "screen",
    "skip",
    "swap",
    "tmux",
    "width",
];
const SWITCHES: [&str; 8] =
    ["battery", "bolt", "bright", "loadavg", "remaining", "rgb", "swap", "tmux"];

/// A whole number as Perl's options have it: a sign, digits, and `_` between them.
fn whole(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let plain = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || c == '_');
    let size = plain.then(|| digits.replace('_', "").parse().unwrap_or(i64::MAX))?;
    Some(if text.starts_with('-') { -size } else { size })
}

/// The option that is meant, with all its letters, its name, and whether it is put on or off.
pub(super) fn resolve(said: &str) -> Result<(String, &'static str, bool), String> {
    let said = said.to_lowercase();
    let off = SWITCHES.iter().flat_map(|name| {
        [(format!("no{name}"), (*name, false)), (format!("no-{name}"), (*name, false))]
    });
    let all = NAMES.iter().map(|name| ((*name).to_owned(), (*name, true))).chain(off);
    let all: Vec<_> = all.collect();
    if let Some((_, (name, on))) = all.iter().find(|(name, _)| *name == said) {
        return Ok((said, name, *on));
    }
    let mut like: Vec<_> = all.iter().filter(|(name, _)| name.starts_with(&said)).collect();
    // `no` and `no-` before one name are one option.
    like.dedup_by_key(|(_, meant)| *meant);
    match *like {
        [(full, (name, on))] if !said.is_empty() => Ok((full.clone(), name, *on)),
        [] => Err(format!("Unknown option: {said}\n")),
        _ => {
            let names: Vec<_> = like.iter().map(|(name, _)| name.as_str()).collect();
            Err(format!("Option {said} is ambiguous ({})\n", names.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_whole() {
        let said = ["7", "+7", "-7", "1_000", "", "+", "7.5", "0x7", " 7", "99999999999999999999"];
        let read = [Some(7), Some(7), Some(-7), Some(1000), None, None, None, None, None];
        assert_eq!(said.map(whole)[..9], read);
        assert_eq!(whole(said[9]), Some(i64::MAX));
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
