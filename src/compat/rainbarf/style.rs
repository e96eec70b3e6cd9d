//! How colours are written: for tmux, a terminal or GNU screen.

use super::options::Options;

/// Colours as one target has them.
pub(super) struct Style {
    target: Target,
    bright: bool,
    rgb: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Target {
    Tmux,
    Ansi,
    Screen,
}

/// A colour's name, its number, and its numbers in the cube as foreground and as background.
const COLOURS: [(&str, u8, u8, u8); 8] = [
    ("black", 0, 16, 16),
    ("red", 1, 196, 88),
    ("green", 2, 46, 28),
    ("yellow", 3, 226, 100),
    ("blue", 4, 21, 18),
    ("magenta", 5, 201, 90),
    ("cyan", 6, 51, 30),
    ("white", 7, 231, 102),
];

impl Style {
    pub(super) fn of(options: &Options, terminal: bool) -> Style {
        let target = match options.tmux.unwrap_or(!terminal) {
            _ if options.screen => Target::Screen,
            true => Target::Tmux,
            false => Target::Ansi,
        };
        Style { target, bright: options.bright, rgb: options.rgb }
    }

    pub(super) fn reset(&self) -> String {
        match self.target {
            Target::Tmux => "#[fg=default,bg=default]".into(),
            Target::Ansi => "\x1b[0m".into(),
            Target::Screen => "\x05{= dd}".into(),
        }
    }

    pub(super) fn fore(&self, fg: &str) -> String {
        self.colour(fg, None)
    }

    pub(super) fn both(&self, fg: &str, bg: &str) -> String {
        self.colour(fg, Some(bg))
    }

    /// The colour of a battery's charge.
    pub(super) fn level(&self, share: f64) -> String {
        if self.rgb && self.target != Target::Screen {
            // The cube has six steps: exactly the half would be a seventh.
            let step = |part: f64| ((12.0 * part) as u8).min(5);
            let (red, green) = match share {
                share if share > 0.5 => (step(1.0 - share), 5),
                share => (5, step(share)),
            };
            return self.of_cube(16 + 36 * red + 6 * green, None);
        }
        self.fore(match share {
            share if share < 0.333 => "red",
            share if share < 0.666 => "yellow",
            _ => "green",
        })
    }

    fn colour(&self, fg: &str, bg: Option<&str>) -> String {
        let named = |name: &str| COLOURS.iter().find(|(known, ..)| *known == name);
        match self.target {
            Target::Screen => {
                let letter = |name: &str| name.chars().next().filter(char::is_ascii_alphabetic);
                let fore = letter(fg).unwrap_or('d');
                let fore = if self.bright { fore.to_ascii_uppercase() } else { fore };
                let back = bg.map_or('.', |bg| letter(bg).unwrap_or('d'));
                format!("\x05{{{back}{fore}}}")
            }
            _ if self.rgb && fg != "default" => {
                let fore = named(fg).map_or(16, |(_, _, number, _)| *number);
                let back = bg.map(|bg| named(bg).map_or(16, |(.., number)| *number));
                self.of_cube(fore, back)
            }
            Target::Tmux => {
                let bright = if self.bright && fg != "default" { ",bright" } else { "" };
                match bg {
                    Some(bg) => format!("#[fg={fg}{bright},bg={bg}]"),
                    None => format!("#[fg={fg}{bright}]"),
                }
            }
            Target::Ansi => {
                let code = |name: &str, base: u8| {
                    let name = name.to_lowercase();
                    let plain = name.strip_prefix("bright_").unwrap_or(&name);
                    let bright = plain.len() < name.len() || (self.bright && base == 30);
                    match named(plain) {
                        Some((_, number, ..)) if bright => (base + 60 + number).to_string(),
                        Some((_, number, ..)) => (base + number).to_string(),
                        None => other(&name, base),
                    }
                };
                match bg {
                    Some(bg) => format!("\x1b[{};{}m", code(fg, 30), code(bg, 40)),
                    None => format!("\x1b[{}m", code(fg, 30)),
                }
            }
        }
    }

    fn of_cube(&self, fg: u8, bg: Option<u8>) -> String {
        match (self.target, bg) {
            (Target::Ansi, Some(bg)) => format!("\x1b[38;5;{fg};48;5;{bg}m"),
            (Target::Ansi, None) => format!("\x1b[38;5;{fg}m"),
            (_, Some(bg)) => format!("#[fg=colour{fg},bg=colour{bg}]"),
            (_, None) => format!("#[fg=colour{fg}]"),
        }
    }
}

/// A colour for a terminal by one of Perl's other names (`ansi9`, `grey23`, `rgb520`,
/// `r255g136b0`) or of tmux's (`colour235`, `#ff8800`); anything else is its default.
fn other(name: &str, base: u8) -> String {
    let after = |start: &str, most: u8| {
        let digits = name.strip_prefix(start).filter(|digits| !digits.starts_with('+'));
        digits?.parse::<u8>().ok().filter(|number| *number <= most)
    };
    let cube = || {
        let steps: Option<Vec<u8>> =
            name.strip_prefix("rgb")?.bytes().map(|b| b.checked_sub(b'0')).collect();
        match *steps? {
            [red, green, blue] if red.max(green).max(blue) < 6 => {
                Some(16 + 36 * red + 6 * green + blue)
            }
            _ => None,
        }
    };
    let numbered = after("colour", 255)
        .or_else(|| after("color", 255))
        .or_else(|| after("ansi", 15))
        .or_else(|| after("grey", 23).map(|grey| 232 + grey))
        .or_else(cube);
    if let Some(number) = numbered {
        return format!("{};5;{number}", base + 8);
    }
    let digits = name.strip_prefix('#').filter(|digits| digits.len() == 6);
    let hexadecimal = || {
        let rgb = u32::from_str_radix(digits?, 16).ok()?;
        Some([rgb >> 16, rgb >> 8 & 255, rgb & 255])
    };
    let spelled = || {
        let (red, rest) = name.strip_prefix('r')?.split_once('g')?;
        let (green, blue) = rest.split_once('b')?;
        let part = |text: &str| text.parse::<u8>().ok().map(u32::from);
        Some([part(red)?, part(green)?, part(blue)?])
    };
    match hexadecimal().or_else(spelled) {
        Some([red, green, blue]) => format!("{};2;{red};{green};{blue}", base + 8),
        None => (base + 9).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(words: &[&str]) -> Style {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Style::of(&Options::read(&words).expect("known"), false)
    }

    #[test]
    fn a_charge_has_its_colour() {
        let rgb = style(&["--rgb"]);
        for (share, colour) in
            [(0.0, 196), (0.2, 208), (0.5, 226), (0.51, 226), (0.8, 118), (1.0, 46)]
        {
            assert_eq!(rgb.level(share), format!("#[fg=colour{colour}]"), "{share}");
        }
        assert_eq!(style(&["--screen", "--rgb"]).level(0.1), "\x05{.r}");
        assert_eq!(style(&["--notmux"]).level(0.4), "\x1b[33m");
        assert_eq!(style(&["--bright"]).level(0.7), "#[fg=green,bright]");
    }

    #[test]
    fn a_terminal_gets_colours_it_knows() {
        let ansi = style(&["--notmux"]);
        assert_eq!(ansi.both("#ff8000", "colour235"), "\x1b[38;2;255;128;0;48;5;235m");
        assert_eq!(ansi.both("purple", "#12"), "\x1b[39;49m");
        for (name, codes) in [
            ("bright_red", "91;101"),
            ("RED", "31;41"),
            ("ansi9", "38;5;9;48;5;9"),
            ("ansi16", "39;49"),
            ("grey23", "38;5;255;48;5;255"),
            ("rgb520", "38;5;208;48;5;208"),
            ("rgb560", "39;49"),
            ("r255g136b0", "38;2;255;136;0;48;2;255;136;0"),
        ] {
            assert_eq!(ansi.both(name, name), format!("\x1b[{codes}m"));
        }
        assert_eq!(style(&["--screen"]).both("#f00", "é"), "\x05{dd}");
    }
}
