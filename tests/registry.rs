//! Every file is registered, and what the tables hold fits together across crates.

use std::collections::BTreeSet;

use rainline_caps::Depth;
use rainline_caps::Glyphs;
use rainline_caps::Policy;
use rainline_client::protocol;
use rainline_render::format::Format;
use rainline_render::style::Color;
use rainline_render::theme::{BUILT_IN, Theme};
use rainline_render::width::width;
use rainline_segments::{ALL, Unit};

#[test]
fn the_environment_that_travels_is_what_segments_declare() {
    let declared: BTreeSet<&str> = ALL.iter().flat_map(|kind| kind.env.iter().copied()).collect();
    let sent: BTreeSet<&str> = protocol::ENV.iter().copied().collect();
    if let Some(name) = declared.difference(&sent).next() {
        panic!("client/protocol/request.rs: add {name:?} to ENV, as a segment declares it");
    }
    if let Some(name) = sent.difference(&declared).next() {
        panic!("client/protocol/request.rs: remove {name:?} from ENV, as no segment declares it");
    }
    assert!(protocol::ENV.is_sorted(), "client/protocol/request.rs: ENV is not sorted");
}

#[test]
fn default_formats_parse() {
    for kind in ALL {
        if let Err(faults) = Format::parse(kind.format, kind) {
            panic!("segments: the format of `{}`: {faults:?}", kind.name);
        }
    }
}

/// All width policies but the one for East Asian fonts agree on every built-in glyph.
fn agreed(text: &str) -> bool {
    width(text, Policy::Wcwidth) == width(text, Policy::Unicode)
}

#[test]
fn built_in_glyphs_are_counted_alike_everywhere() {
    for kind in ALL {
        for icon in [kind.icons.nerd, kind.icons.unicode, kind.icons.ascii] {
            assert!(agreed(icon), "{}: {icon:?}", kind.name);
        }
        assert!(kind.icons.ascii.is_ascii(), "{}", kind.name);
    }
    for (name, _) in BUILT_IN {
        let theme = Theme::built_in(name).expect("built in");
        for glyphs in [Glyphs::Ascii, Glyphs::Unicode, Glyphs::Nerd] {
            let s = theme.separators(glyphs);
            for text in [&s.left_hard, &s.left_soft, &s.right_hard, &s.right_soft] {
                assert!(agreed(text), "{name}: {text:?}");
                assert!(glyphs != Glyphs::Ascii || text.is_ascii(), "{name}: {text:?}");
            }
        }
    }
}

#[test]
fn themes_can_be_read_on_their_own_ground() {
    use rainline_render::theme::Subject;
    for (name, _) in BUILT_IN {
        let theme = Theme::built_in(name).expect("built in");
        let line = theme.over(Default::default(), "line", &Subject::default());
        let text = theme.contrast;
        let mut checked = Vec::new();
        for style in [
            "segment",
            "label",
            "strong",
            "level.good",
            "level.info",
            "level.warning",
            "level.critical",
        ] {
            checked.push((style.to_owned(), theme.over(line, style, &Subject::default()), text));
        }
        for style in theme.styles.keys().filter(|name| name.starts_with("tmux.")) {
            // Borders are shapes, and quiet ones on purpose.
            let wanted = if style.contains("border") { 1.5 } else { text };
            checked.push((style.clone(), theme.over(line, style, &Subject::default()), wanted));
        }
        for kind in ALL {
            let subject = Subject { kind: kind.name, ..Subject::default() };
            let own = theme.over(line, kind.name, &subject);
            checked.push((kind.name.into(), own, text));
            // Icons and graphs are shapes: WCAG asks 3 to 1 of them.
            checked.push((format!("{} icon", kind.name), theme.over(own, "icon", &subject), 3.0));
            if kind.fields.iter().any(|field| matches!(field.unit, Unit::History(_) | Unit::Parts))
            {
                let graph = theme.over(own, "graph", &subject);
                checked.push((format!("{} graph", kind.name), graph, 3.0));
            }
        }
        for mode in ["prefix", "zoomed", "synced", "copy-mode"] {
            let style = theme.over(line, &format!("mode.{mode}"), &Subject::default());
            checked.push((mode.into(), style, text));
        }
        for (what, style, wanted) in checked {
            if let Some(contrast) = style.fg.contrast(style.bg) {
                assert!(contrast >= wanted, "{name}: {what} has a contrast of {contrast:.2}");
            }
        }
    }
}

/// The classes of a memory in their order, which is the order of their neighbours.
const CLASSES: [&str; 5] = ["kernel", "anonymous", "shared", "cache", "free"];

#[test]
fn graphs_can_be_read_on_the_grounds_of_their_theme() {
    use rainline_render::graph::Gradient;
    use rainline_render::theme::Subject;
    for (name, _) in BUILT_IN {
        let theme = Theme::built_in(name).expect("built in");
        if theme.colourless() {
            continue;
        }
        let line = theme.over(Default::default(), "line", &Subject::default());
        let tile = theme.over(line, "graph", &Subject::default());
        let grounds: Vec<_> =
            CLASSES.iter().enumerate().map(|(at, class)| theme.ground(class, at)).collect();
        // Shapes: WCAG asks 3 to 1 of them.
        let mut poor = Vec::new();
        let mut check = |what: String, a: Color, b: Color, wanted: f64| {
            let contrast = a.contrast(b).expect("known colours");
            if contrast < wanted {
                poor.push(format!("{what} {contrast:.2}"));
            }
        };
        for at in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let work = theme.gradient("work", at).expect("a gradient");
            for (class, ground) in CLASSES.iter().zip(&grounds) {
                check(format!("work {at} on {class}"), work, *ground, 3.0);
            }
            // Shapes in them keep away from their quiet beginning.
            for gradient in [Gradient::Heat, Gradient::Tide] {
                let color = theme.gradient(gradient.name(), 0.35 + 0.65 * at).expect("a gradient");
                check(format!("{} {at}", gradient.name()), color, tile.bg, 3.0);
            }
            let charge = theme.gradient("charge", at).expect("a gradient");
            let tank = theme.color("raised").expect("in the palette");
            check(format!("charge {at}"), charge, tank, 3.0);
        }
        assert!(poor.is_empty(), "{name}: {poor:?}");
        for depth in [Depth::True, Depth::Ansi256] {
            for pair in grounds.windows(2) {
                let same = pair[0].at(depth) == pair[1].at(depth);
                assert!(!same, "{name}: neighbours at {depth:?}: {grounds:?}");
            }
        }
    }
}

#[test]
fn themes_come_down_without_losing_their_text() {
    use rainline_render::theme::Subject;
    for (name, _) in BUILT_IN {
        let theme = Theme::built_in(name).expect("built in");
        let line = theme.over(Default::default(), "line", &Subject::default());
        for depth in [Depth::Ansi256, Depth::Ansi16, Depth::Mono] {
            let style = theme.over(line, "segment", &Subject::default()).at(depth);
            let same = style.fg == style.bg && style.fg != rainline_render::style::Color::Default;
            assert!(!same, "{name}: text vanishes at {depth:?}");
        }
    }
}

/// How a colour looks to an eye without one kind of cone, in linear light (Machado, Oliveira and
/// Fernandes 2009, severity 1).
fn simulated(color: rainline_render::style::Color, matrix: &[[f64; 3]; 3]) -> [f64; 3] {
    let (r, g, b) = color.rgb().expect("a known colour");
    let linear = |c: u8| (f64::from(c) / 255.0).powf(2.2);
    let light = [linear(r), linear(g), linear(b)];
    matrix.map(|row| row.iter().zip(light).map(|(m, c)| m * c).sum::<f64>().clamp(0.0, 1.0))
}

#[test]
fn the_contrast_theme_is_told_apart_by_colour_blind_eyes() {
    const PROTAN: [[f64; 3]; 3] = [
        [0.152_286, 1.052_583, -0.204_868],
        [0.114_503, 0.786_281, 0.099_216],
        [-0.003_882, -0.048_116, 1.051_998],
    ];
    const DEUTAN: [[f64; 3]; 3] = [
        [0.367_322, 0.860_646, -0.227_968],
        [0.280_085, 0.672_501, 0.047_413],
        [-0.011_820, 0.042_940, 0.968_881],
    ];
    let theme = Theme::built_in("contrast").expect("built in");
    let levels = ["cyan", "yellow", "red"].map(|name| theme.color(name).expect("in the palette"));
    for matrix in [&PROTAN, &DEUTAN] {
        for (index, a) in levels.iter().enumerate() {
            for b in &levels[index + 1..] {
                let (x, y) = (simulated(*a, matrix), simulated(*b, matrix));
                let apart: f64 =
                    x.iter().zip(y).map(|(x, y)| (x.sqrt() - y.sqrt()).powi(2)).sum::<f64>().sqrt();
                assert!(apart > 0.2, "{a:?} and {b:?} are {apart:.2} apart");
            }
        }
    }
}
