//! Options by the rules of C's `getopt_long`.

use lexopt::Arg;

use crate::compat::base::options::{getopt, named, value};

/// Every option; `true`: it takes a value.
const ALL: [(char, &str, bool); 12] = [
    ('i', "interval", true),
    ('g', "graph-lines", true),
    ('m', "mem-mode", true),
    ('t', "cpu-mode", true),
    ('a', "averages-count", true),
    ('l', "segments-left", true),
    ('r', "segments-right", true),
    ('h', "help", false),
    ('v', "vertical-graph", false),
    ('c', "colors", false),
    ('p', "powerline-left", false),
    ('q', "powerline-right", false),
];

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Colouring {
    Plain,
    Colours,
    Left,
    Right,
}

pub(super) struct Options {
    pub(super) interval: u64,
    pub(super) cells: usize,
    pub(super) upright: bool,
    pub(super) memory: u64,
    pub(super) each: bool,
    pub(super) averages: usize,
    pub(super) colouring: Colouring,
    pub(super) left: Option<u8>,
    pub(super) right: Option<u8>,
}

/// Why nothing is drawn.
pub(super) enum Refused {
    /// A message for standard error: a status line that shows standard output has no place for help.
    Wrong(String),
    /// Help, with a reason before it.
    Help(&'static str),
}

impl From<String> for Refused {
    fn from(message: String) -> Refused {
        Refused::Wrong(message)
    }
}

pub(super) fn parse(words: &[String]) -> Result<Options, Refused> {
    let mut options = Options {
        interval: 1,
        cells: 10,
        upright: false,
        memory: 0,
        each: false,
        averages: 3,
        colouring: Colouring::Plain,
        left: None,
        right: None,
    };
    let mut has_other_words = false;
    let mut parser = getopt(words);
    while let Some(word) = parser.next().map_err(|error| format!("{error}\n"))? {
        let letter = match word {
            Arg::Value(_) => {
                has_other_words = true;
                continue;
            }
            Arg::Short(letter) => letter,
            Arg::Long(name) => {
                let letter = letter_of(name)?;
                let message = format!("option '--{name}' doesn't allow an argument\n");
                if !takes_value(letter) && parser.optional_value().is_some() {
                    return Err(message.into());
                }
                letter
            }
        };
        let missing = || format!("option requires an argument -- '{letter}'\n");
        let value = match takes_value(letter) {
            true => value(&mut parser).ok_or_else(missing)?,
            false => String::new(),
        };
        options.take(letter, &value)?;
    }
    match has_other_words {
        false => Ok(options),
        true => Err(Refused::Help("Only options are understood, no other words.\n\n")),
    }
}

fn takes_value(letter: char) -> bool {
    ALL.iter().any(|(known, _, takes)| *known == letter && *takes)
}

/// The letter of a long option, whose name may be abbreviated.
fn letter_of(name: &str) -> Result<char, String> {
    let all = ALL.map(|(letter, name, _)| (name.to_owned(), letter));
    match named(name, &all) {
        Ok((_, letter)) => Ok(letter),
        Err(none) if none.is_empty() => Err(format!("unrecognized option '--{name}'\n")),
        Err(_) => Err(format!("option '--{name}' is ambiguous\n")),
    }
}

impl Options {
    fn take(&mut self, letter: char, value: &str) -> Result<(), Refused> {
        let number = leading(value);
        let between = |least: i64, most: i64, what: &str| match number {
            number if (least..=most).contains(&number) => Ok(number as u64),
            _ => Err(format!("{what}\n")),
        };
        let colour = |what| between(0, 255, what).map(|number| Some(number as u8));
        match letter {
            'i' => self.interval = between(1, i64::MAX, "The interval is at least 1 second.")?,
            // No terminal is wider.
            'g' => {
                self.cells =
                    between(0, i64::MAX, "A bar has no fewer than 0 cells.")?.min(4096) as usize;
            }
            'm' => self.memory = between(0, i64::MAX, "The mode of memory is 0, 1 or 2.")?,
            't' => self.each = between(0, i64::MAX, "The mode of the processors is 0 or 1.")? == 1,
            'a' => self.averages = between(0, 3, "There are 0 to 3 load averages.")? as usize,
            'l' => self.left = colour("A colour is 0 to 255.")?,
            'r' => self.right = colour("A colour is 0 to 255.")?,
            'v' => self.upright = true,
            'c' if self.colouring == Colouring::Plain => self.colouring = Colouring::Colours,
            'c' => {}
            'p' if self.colouring != Colouring::Right => self.colouring = Colouring::Left,
            'p' => {}
            // Of both this one wins.
            'q' => self.colouring = Colouring::Right,
            'h' => return Err(Refused::Help("")),
            other => return Err(format!("invalid option -- '{other}'\n").into()),
        }
        Ok(())
    }
}

/// The number that a word begins with, as C's `atoi` reads it; 0 without one.
fn leading(word: &str) -> i64 {
    let word = word.trim_start();
    let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let number = digits[..end].bytes().fold(0_i64, |number, digit| {
        number.saturating_mul(10).saturating_add(i64::from(digit - b'0'))
    });
    if word.starts_with('-') { -number } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &str) -> Option<Options> {
        parse(&words.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).ok()
    }

    #[test]
    fn wrong_words_are_refused() {
        for words in [
            "-h",
            "-i -1",
            "-i 0",
            "-i x",
            "-i=2",
            "--graph-lines -2",
            "2 8",
            "-a 4",
            "-a -1",
            "-l 256",
            "-r -1",
            "-x",
            "--nonsense",
            "--powerline",
            "-g",
            "--colors=1",
            "-- x",
        ] {
            assert!(parsed(words).is_none(), "{words}");
        }
        for words in ["", "-ci2", "-g5 -vm2", "--int=3 --col", "--averages-count 0", "-m 7"] {
            assert!(parsed(words).is_some(), "{words}");
        }
    }
}
