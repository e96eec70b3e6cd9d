//! Hostile text: pieces that mean something to tmux, a shell, strftime or
//! a terminal, alone and mixed.
//!
//! Each piece that would run a command leaves a file named `SENTINEL` if it does.

use rainline_render::style::{Attrs, Color, Style};
use rainline_segments::Untrusted;

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

/// Every hostile string: all of one and two special characters, every nasty piece alone, the rest
/// by dice.
pub fn hostile(count: usize) -> Vec<Untrusted> {
    let ones = SPECIAL.iter().map(|c| c.to_string());
    let twos = SPECIAL.iter().flat_map(|a| SPECIAL.iter().map(move |b| format!("{a}{b}")));
    let nasty = NASTY.iter().map(|text| (*text).to_owned());
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let rest = std::iter::repeat_with(move || dice.text());
    ones.chain(nasty).chain(twos).chain(rest).take(count).map(Untrusted::from).collect()
}
