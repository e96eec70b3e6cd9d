//! The words: options by the rules of C's `getopt_long`.

/// Options that take a value; then those that don't.
const WITH_VALUE: &[(char, &str)] = &[
    ('i', "interval"),
    ('g', "graph-lines"),
    ('m', "mem-mode"),
    ('t', "cpu-mode"),
    ('a', "averages-count"),
    ('l', "segments-left"),
    ('r', "segments-right"),
];
const PLAIN: &[(char, &str)] = &[
    ('h', "help"),
    ('v', "vertical-graph"),
    ('c', "colors"),
    ('p', "powerline-left"),
    ('q', "powerline-right"),
];

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Look {
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
    pub(super) look: Look,
    pub(super) left: Option<u8>,
    pub(super) right: Option<u8>,
}

/// Why nothing is drawn.
pub(super) enum Refused {
    /// A message for standard error: what stands in a status line has no place for help.
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
        look: Look::Plain,
        left: None,
        right: None,
    };
    let mut words = words.iter();
    let mut strays = 0;
    while let Some(word) = words.next() {
        let mut found: Vec<(char, Option<String>)> = Vec::new();
        if word == "--" {
            strays += words.len();
            break;
        } else if let Some(long) = word.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long, None),
            };
            let all = WITH_VALUE.iter().chain(PLAIN);
            let exact = all.clone().find(|(_, known)| *known == name);
            let mut like = all.filter(|(_, known)| known.starts_with(name));
            let (letter, _) = match (exact, like.next(), like.next()) {
                (Some(exact), ..) => exact,
                (None, Some(one), None) => one,
                (None, None, _) => return Err(format!("unrecognized option '--{name}'\n").into()),
                _ => return Err(format!("option '--{name}' is ambiguous\n").into()),
            };
            if value.is_some() && PLAIN.iter().any(|(known, _)| known == letter) {
                return Err(format!("option '--{name}' doesn't allow an argument\n").into());
            }
            found.push((*letter, value));
        } else if word.len() > 1 && word.starts_with('-') {
            let mut letters = word[1..].chars();
            while let Some(letter) = letters.next() {
                let takes = WITH_VALUE.iter().any(|(known, _)| *known == letter);
                let rest = letters.as_str();
                let value = (takes && !rest.is_empty()).then(|| rest.to_owned());
                if value.is_some() {
                    letters = "".chars();
                }
                found.push((letter, value));
            }
        } else {
            strays += 1;
        }
        for (letter, value) in found {
            let takes = WITH_VALUE.iter().any(|(known, _)| *known == letter);
            let value = match value {
                None if takes => match words.next() {
                    Some(next) => next.clone(),
                    None => {
                        return Err(format!("option requires an argument -- '{letter}'\n").into());
                    }
                },
                value => value.unwrap_or_default(),
            };
            options.take(letter, &value)?;
        }
    }
    match strays {
        0 => Ok(options),
        _ => Err(Refused::Help("Only options are understood, no other words.\n\n")),
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
            // A terminal is never wider.
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
            'c' if self.look == Look::Plain => self.look = Look::Colours,
            'c' => {}
            'p' if self.look != Look::Right => self.look = Look::Left,
            'p' => {}
            // Of both this one wins.
            'q' => self.look = Look::Right,
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
    fn what_is_out_of_range_or_unknown_is_refused() {
        for words in [
            "-h",
            "-i -1",
            "-i 0",
            "-i x",
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
