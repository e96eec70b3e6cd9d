//! Hostile text: pieces that mean something to tmux, a shell, strftime or
//! a terminal, alone and mixed.
//!
//! Each piece that would run a command leaves a file named `SENTINEL` if it does.

use rainline_render::style::{Attrs, Color, Style};
use rainline_segments::Untrusted;

use super::rounds;

/// Pieces with a meaning: tmux formats and styles, shells, strftime, terminals.
pub const NASTY: &[&str] = &[
    "#(touch SENTINEL)",
    "$(touch SENTINEL)",
    "`touch SENTINEL`",
    ";touch SENTINEL;",
    "'\"$(touch SENTINEL)\"'",
    "#{pane_pid}",
    "#{E:@x}",
    "#{?client_prefix,a,b}",
    "#{q:",
    "#{",
    "#[fg=red]",
    "#[default]",
    "#[",
    "[fg=red]",
    "#S",
    "#D",
    "#F",
    "#h",
    "##",
    "###",
    "###[]",
    "##[fg=red]",
    "#,",
    "#}",
    "#{}",
    "#[]",
    "%H",
    "%%",
    "%",
    "%3",
    "\\",
    "\\#",
    "\\(",
    "\n",
    "\r",
    "\t",
    "\x1b[31m",
    "\x1b]0;x\x07",
    "\u{9b}31m",
    "\u{202e}",
    "\u{2028}",
    "\u{7f}",
    "\\u{1b}",
    "漢字",
    "é",
    "e\u{301}",
    "n\u{303}",
    "ﬀ",
    "한글",
    "👍",
    "🔋",
    "▁█",
    "…",
    "·",
    "…}",
    "→,",
    "main",
    "a b",
    "  ",
    "S",
    "feature/x",
    "ß",
    "Ω",
    "я",
];
pub const SPECIAL: &[char] = &[
    '#', '{', '}', '[', ']', '(', ')', ',', '%', '$', '\\', '`', '"', '\'', ';', 'S', ':', '?',
    '=', '|', ' ', 'a', '&', '~', '!', '@', '*', '<', '>', '-', '/', '漢', '\u{301}',
];

/// A small generator with a fixed start: the same strings each time.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit
    }

    /// A text of a few pieces.
    pub fn text(&mut self) -> String {
        let pieces = 1 + self.below(6);
        let mut text = String::new();
        for _ in 0..pieces {
            if self.below(2) == 0 {
                text.push_str(NASTY[self.below(NASTY.len())]);
            } else {
                let count = 1 + self.below(4);
                text.extend((0..count).map(|_| SPECIAL[self.below(SPECIAL.len())]));
            }
        }
        text
    }

    /// A style of any colours.
    pub fn style(&mut self) -> Style {
        let mut color = || match self.below(4) {
            0 => Color::Default,
            1 => Color::Indexed(self.below(256) as u8),
            _ => Color::Rgb(self.below(256) as u8, self.below(256) as u8, self.below(256) as u8),
        };
        let (fg, bg) = (color(), color());
        // Not both at once: the terminal model shows either bold or dim.
        let weight = [Attrs::empty(), Attrs::BOLD, Attrs::DIM][self.below(3)];
        let attrs = [Attrs::ITALIC, Attrs::UNDERLINE, Attrs::REVERSE, Attrs::STRIKE];
        let attrs = attrs.into_iter().filter(|_| self.below(4) == 0).fold(weight, Attrs::union);
        Style { fg, bg, attrs }
    }
}

/// Every nasty piece alone, all strings of one and two special characters, the rest by dice.
pub fn hostile(count: usize) -> Vec<Untrusted> {
    mixed(exhaustive(SPECIAL, 2), 0x9e37_79b9_7f4a_7c15).take(count).map(Untrusted::from).collect()
}

/// All strings of these characters, one at least and `longest` at most, the short ones first.
pub fn exhaustive(specials: &[char], longest: u32) -> Vec<String> {
    let of_length = |length: u32| {
        (0..specials.len().pow(length)).map(move |mut number| {
            let one = || {
                let c = specials[number % specials.len()];
                number /= specials.len();
                c
            };
            std::iter::repeat_with(one).take(length as usize).collect()
        })
    };
    (1..=longest).flat_map(of_length).collect()
}

/// What a sink is tried with: every nasty piece alone, all strings of at most two characters that
/// are special to it (in the long run of at most `longest`), and a thousand mixtures by dice at
/// least; 2 000 together, and 10 000 in the long run. `RAINLINE_SEED` throws others.
pub fn for_sink(specials: &[char], longest: usize) -> Vec<Untrusted> {
    let short = exhaustive(specials, rounds(2, longest) as u32);
    let count = rounds(2_000, 10_000).max(NASTY.len() + short.len() + 1000);
    mixed(short, seed()).take(count).map(Untrusted::from).collect()
}

/// What the dice start with, said so that a failure can be had again: `RAINLINE_SEED`, or always
/// the same.
pub fn seed() -> u64 {
    let seed = std::env::var("RAINLINE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or(0x2545_f491_4f6c_dd1d).max(1);
    println!("RAINLINE_SEED={seed}");
    seed
}

fn mixed(first: Vec<String>, seed: u64) -> impl Iterator<Item = String> {
    let nasty = NASTY.iter().map(|text| (*text).to_owned());
    let mut dice = Dice(seed);
    let rest = std::iter::repeat_with(move || dice.text());
    nasty.chain(first).chain(rest)
}

/// What became of hostile strings in a sink.
#[derive(Debug, Default)]
pub struct Tried {
    pub sink: String,
    pub strings: usize,
    /// Cells or bytes that were compared, and those that are not what they should be.
    pub compared: usize,
    pub mismatches: usize,
    pub executions: usize,
    pub first: Option<String>,
}

impl Tried {
    /// Says what became of them; fails where one was drawn as another, or executed.
    #[track_caller]
    pub fn hold(self) {
        println!(
            "{}: {} strings tried, {} mismatches (of {} compared), {} executions",
            self.sink, self.strings, self.mismatches, self.compared, self.executions
        );
        assert!(self.strings >= 300 && self.compared >= self.strings, "{}: too few", self.sink);
        assert_eq!(self.mismatches, 0, "{}: {}", self.sink, self.first.unwrap_or_default());
        assert_eq!(self.executions, 0, "{}", self.sink);
    }
}
