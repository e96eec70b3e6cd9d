//! Colours and styles as plain data, and how a colour comes down to a poorer terminal.
//!
//! Knows nothing of themes or targets. Blending is done in OKLab, where halfway between two colours
//! looks halfway (Björn Ottosson, "A perceptual color space for image processing", 2020).

pub mod spec;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::LazyLock;

use rainline_caps::Depth;

/// A colour as a theme means it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Color {
    /// Whatever the terminal's own foreground or background is.
    #[default]
    Default,
    /// The terminal's own palette: 0–7 plain, 8–15 bright, 16–255 the xterm cube and greys.
    Indexed(u8),
    /// Red, green and blue in sRGB.
    Rgb(u8, u8, u8),
}

bitflags::bitflags! {
    /// A set of attributes of text. What a host cannot show is left out by its target.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Attrs: u8 {
        /// Thick strokes, or a brighter colour.
        const BOLD = 1;
        /// Half as bright.
        const DIM = 2;
        /// Slanted.
        const ITALIC = 4;
        /// With a line below.
        const UNDERLINE = 8;
        /// Foreground and background change places.
        const REVERSE = 16;
        /// With a line through it.
        const STRIKE = 32;
    }
}

impl Attrs {
    /// The words of the style language.
    pub const NAMES: &'static [(&'static str, Attrs)] = &[
        ("bold", Attrs::BOLD),
        ("dim", Attrs::DIM),
        ("italic", Attrs::ITALIC),
        ("underline", Attrs::UNDERLINE),
        ("reverse", Attrs::REVERSE),
        ("strike", Attrs::STRIKE),
    ];
}

/// How a span looks: colours, not names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Style {
    /// The colour of text.
    pub fg: Color,
    /// The colour behind it.
    pub bg: Color,
    /// Bold, dim and so on.
    pub attrs: Attrs,
}

impl Style {
    /// With the nearest colours that a place of this depth can show.
    pub fn at(self, depth: Depth) -> Style {
        Style { fg: self.fg.at(depth), bg: self.bg.at(depth), attrs: self.attrs }
    }
}

/// The terminal's own sixteen colours by index: the name, and the red, green and blue of xterm's
/// defaults, by which the nearest is found.
const ANSI: [(&str, (u8, u8, u8)); 16] = [
    ("black", (0, 0, 0)),
    ("red", (205, 0, 0)),
    ("green", (0, 205, 0)),
    ("yellow", (205, 205, 0)),
    ("blue", (0, 0, 238)),
    ("magenta", (205, 0, 205)),
    ("cyan", (0, 205, 205)),
    ("white", (229, 229, 229)),
    ("bright-black", (127, 127, 127)),
    ("bright-red", (255, 0, 0)),
    ("bright-green", (0, 255, 0)),
    ("bright-yellow", (255, 255, 0)),
    ("bright-blue", (92, 92, 255)),
    ("bright-magenta", (255, 0, 255)),
    ("bright-cyan", (0, 255, 255)),
    ("bright-white", (255, 255, 255)),
];

/// The names of the terminal's own sixteen colours, by index.
pub fn ansi_names<'a>() -> impl Iterator<Item = &'a str> {
    ANSI.iter().map(|(name, _)| *name)
}

impl Color {
    /// Reads `default`, an ANSI name, a palette number or `#rrggbb`.
    pub fn parse(text: &str) -> Option<Color> {
        if text == "default" {
            return Some(Color::Default);
        }
        if let Some(hex) = text.strip_prefix('#') {
            if hex.len() != 6 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
                return None;
            }
            let value = u32::from_str_radix(hex, 16).ok()?;
            return Some(Color::Rgb((value >> 16) as u8, (value >> 8) as u8, value as u8));
        }
        if let Some(index) = ansi_names().position(|name| name == text) {
            return Some(Color::Indexed(index as u8));
        }
        text.parse::<u8>().ok().map(Color::Indexed)
    }

    /// As a theme file writes it.
    pub fn written(self) -> String {
        match self {
            Color::Default => "default".into(),
            Color::Indexed(index) => index.to_string(),
            Color::Rgb(r, g, b) => {
                let mut out = String::new();
                push_hex(&mut out, (r, g, b));
                out
            }
        }
    }

    /// Its red, green and blue in sRGB; `None` for the terminal's own, which is not known.
    pub fn rgb(self) -> Option<(u8, u8, u8)> {
        match self {
            Color::Default => None,
            Color::Rgb(r, g, b) => Some((r, g, b)),
            Color::Indexed(index @ 0..=15) => Some(ANSI[usize::from(index)].1),
            Color::Indexed(index @ 16..=231) => {
                let level = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
                let cube = index - 16;
                Some((level(cube / 36), level(cube / 6 % 6), level(cube % 6)))
            }
            Color::Indexed(index) => {
                let grey = 8 + 10 * (index - 232);
                Some((grey, grey, grey))
            }
        }
    }

    /// The nearest colour that a place of this depth can show.
    pub fn at(self, depth: Depth) -> Color {
        match (self, depth) {
            (Color::Default, _) | (_, Depth::True) => self,
            (_, Depth::Mono) => Color::Default,
            (Color::Indexed(_), Depth::Ansi256) | (Color::Indexed(0..=15), Depth::Ansi16) => self,
            (_, Depth::Ansi256) => self.known_nearest(16, 255),
            (_, Depth::Ansi16) => self.known_nearest(0, 15),
        }
    }

    /// As [`Color::nearest`], remembered: a line asks for the same few dozen colours each time.
    /// `cargo bench --bench micro`, "encode for tmux in 256 colours": 85 µs without, 7.7 with.
    fn known_nearest(self, first: u8, last: u8) -> Color {
        thread_local! {
            static KNOWN: RefCell<HashMap<(Color, u8), Color>> = RefCell::default();
        }
        KNOWN.with_borrow_mut(|known| {
            if known.len() >= 1024 {
                known.clear();
            }
            *known.entry((self, first)).or_insert_with(|| self.nearest(first..=last))
        })
    }

    fn nearest(self, among: std::ops::RangeInclusive<u8>) -> Color {
        let Some(rgb) = self.rgb() else { return self };
        let wanted = Lab::from_rgb(rgb);
        // The sixteen are four greys and loud colours: what is nearly grey becomes a grey.
        const GREYS: [u8; 4] = [0, 7, 8, 15];
        const NEARLY: f64 = 0.045;
        let grey = *among.end() < 16 && wanted.a.hypot(wanted.b) < NEARLY;
        // A dark background becomes black, not the darkest grey.
        const DARK: f64 = 0.35;
        if grey && wanted.l < DARK {
            return Color::Indexed(0);
        }
        let among = among.filter(|index| !grey || GREYS.contains(index));
        let apart = |index| (wanted.distance(PALETTE[usize::from(index)]), index);
        let best = among.map(apart).min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, index)| index);
        best.map_or(self, Color::Indexed)
    }

    /// `t` of the way from `self` to `other`, as the eye sees it. A colour of unknown value
    /// (`default`) is not mixed: the nearer end wins.
    pub fn blend(self, other: Color, t: f64) -> Color {
        match (self.rgb(), other.rgb()) {
            (Some(a), Some(b)) => {
                let (a, b) = (Lab::from_rgb(a), Lab::from_rgb(b));
                let mix = |x: f64, y: f64| x + (y - x) * t.clamp(0.0, 1.0);
                let (r, g, b) =
                    Lab { l: mix(a.l, b.l), a: mix(a.a, b.a), b: mix(a.b, b.b) }.to_rgb();
                Color::Rgb(r, g, b)
            }
            _ if t < 0.5 => self,
            _ => other,
        }
    }

    /// The same hue at this lightness of OKLab (0–1), neither loud nor so pale that the nearest of
    /// 256 colours would be a grey.
    pub fn toned(self, lightness: f64) -> Color {
        /// Distances from grey: what is nearer than the first is one.
        const GREY: f64 = 0.02;
        const PALE: f64 = 0.08;
        const LOUD: f64 = 0.09;
        let Some(rgb) = self.rgb() else { return self };
        let Lab { a, b, .. } = Lab::from_rgb(rgb);
        let chroma = a.hypot(b);
        let factor = if chroma < GREY { 1.0 } else { chroma.clamp(PALE, LOUD) / chroma };
        let (r, g, b) = Lab { l: lightness, a: a * factor, b: b * factor }.to_rgb();
        Color::Rgb(r, g, b)
    }

    /// WCAG 2 relative luminance, 0 (black) to 1 (white); `None` where the colour is not known.
    pub fn luminance(self) -> Option<f64> {
        let (r, g, b) = self.rgb()?;
        Some(0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b))
    }

    /// WCAG 2 contrast ratio, 1 to 21; `None` where a colour is not known.
    pub fn contrast(self, other: Color) -> Option<f64> {
        let (a, b) = (self.luminance()?, other.luminance()?);
        Some((a.max(b) + 0.05) / (a.min(b) + 0.05))
    }
}

/// Appends `#rrggbb`. By a table of digits: `cargo bench --bench micro`, "encode for tmux", takes
/// 5.1 µs by `write!` and 3.2 this way.
pub(crate) fn push_hex(out: &mut String, (r, g, b): (u8, u8, u8)) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push('#');
    for half in [r >> 4, r & 15, g >> 4, g & 15, b >> 4, b & 15] {
        out.push(char::from(DIGITS[usize::from(half)]));
    }
}

/// sRGB component to linear light. From a table a blend takes 0.13 µs, by the power 0.23; each cell
/// of a graph may need one.
fn linear(component: u8) -> f64 {
    static LIGHTS: LazyLock<[f64; 256]> = LazyLock::new(|| {
        std::array::from_fn(|component| {
            let c = component as f64 / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        })
    });
    LIGHTS[usize::from(component)]
}

/// The 256 colours in OKLab. With it the nearest of them is found in 0.4 µs, without it in 9.8.
static PALETTE: LazyLock<[Lab; 256]> = LazyLock::new(|| {
    std::array::from_fn(|index| {
        Lab::from_rgb(Color::Indexed(index as u8).rgb().unwrap_or_default())
    })
});

/// Linear light to sRGB component.
fn gamma(light: f64) -> u8 {
    let light = light.clamp(0.0, 1.0);
    let c =
        if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
    (c * 255.0).round() as u8
}

/// A colour in OKLab.
#[derive(Clone, Copy)]
struct Lab {
    l: f64,
    a: f64,
    b: f64,
}

impl Lab {
    fn from_rgb((r, g, b): (u8, u8, u8)) -> Lab {
        let (r, g, b) = (linear(r), linear(g), linear(b));
        let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
        let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
        let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
        Lab {
            l: 0.210_454_255_3 * l + 0.793_617_785_0 * m - 0.004_072_046_8 * s,
            a: 1.977_998_495_1 * l - 2.428_592_205_0 * m + 0.450_593_709_9 * s,
            b: 0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766_0 * s,
        }
    }

    fn to_rgb(self) -> (u8, u8, u8) {
        let l = (self.l + 0.396_337_777_4 * self.a + 0.215_803_757_3 * self.b).powi(3);
        let m = (self.l - 0.105_561_345_8 * self.a - 0.063_854_172_8 * self.b).powi(3);
        let s = (self.l - 0.089_484_177_5 * self.a - 1.291_485_548_0 * self.b).powi(3);
        (
            gamma(4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s),
            gamma(-1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s),
            gamma(-0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s),
        )
    }

    fn distance(self, other: Lab) -> f64 {
        (self.l - other.l).powi(2) + (self.a - other.a).powi(2) + (self.b - other.b).powi(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form() {
        assert_eq!(Color::parse("#1b2230"), Some(Color::Rgb(0x1b, 0x22, 0x30)));
        assert_eq!(Color::parse("bright-blue"), Some(Color::Indexed(12)));
        assert_eq!(Color::parse("214"), Some(Color::Indexed(214)));
        assert_eq!(Color::parse("default"), Some(Color::Default));
        for wrong in ["#12345", "#gggggg", "256", "mauve", "", "#", "#+12345"] {
            assert_eq!(Color::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn comes_down_to_the_nearest() {
        assert_eq!(Color::Rgb(255, 0, 0).at(Depth::Ansi16), Color::Indexed(9));
        assert_eq!(Color::Rgb(34, 48, 64).at(Depth::Ansi16), Color::Indexed(0));
        assert_eq!(Color::Rgb(95, 135, 175).at(Depth::Ansi256), Color::Indexed(67));
        assert_eq!(Color::Rgb(1, 2, 3).at(Depth::Mono), Color::Default);
        assert_eq!(Color::Indexed(200).at(Depth::Ansi256), Color::Indexed(200));
    }

    #[test]
    fn blends_end_where_they_should() {
        let (a, b) = (Color::Rgb(10, 200, 30), Color::Rgb(240, 20, 90));
        assert_eq!(a.blend(b, 0.0), a);
        assert_eq!(a.blend(b, 1.0), b);
        assert_eq!(Color::Default.blend(b, 0.4), Color::Default);
    }

    #[test]
    fn black_on_white_has_the_full_contrast() {
        let ratio = Color::Rgb(0, 0, 0).contrast(Color::Rgb(255, 255, 255)).expect("known");
        assert!((ratio - 21.0).abs() < 1e-9);
    }
}
