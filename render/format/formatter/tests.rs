use proptest::prelude::*;

use rainline_caps::Policy;
use rainline_segments::Cell;

use super::bar::bar;
use super::braille::braille;
use super::columns::columns;
use super::gauge::{Form, gauge};
use super::heat::heat;
use super::mirror::mirror;
use super::pair::pair;
use super::rain::{Classes, rain};
use super::spark::spark;
use super::stack::stack;
use super::whisker::whisker;
use super::*;
use crate::graph::{Canvas, Curve, FILLING, GraphCell, RISING, RISING_ASCII, STEPS, Scale, Tint};
use crate::width::width;

pub(super) const COLOUR: Canvas = Canvas { glyphs: Glyphs::Unicode, colour: true };
pub(super) const MONO: Canvas = Canvas { glyphs: Glyphs::Unicode, colour: false };
pub(super) const ASCII: Canvas = Canvas { glyphs: Glyphs::Ascii, colour: true };

pub(super) fn hundred() -> Scale {
    Scale::linear(100.0)
}

pub(super) fn text(dots: &[GraphCell]) -> String {
    dots.iter().map(|dot| dot.glyph).collect()
}

pub(super) fn cells(values: &[f64]) -> Vec<Cell> {
    values.iter().map(|value| Cell::from(*value)).collect()
}

/// How many eighths each part got, counted from what is drawn; the empty rest last.
pub(super) fn eighths_by_part(dots: &[GraphCell]) -> Vec<usize> {
    let part = |tint| match tint {
        Tint::Part(index) | Tint::Ground(index) => Some(index),
        _ => None,
    };
    let parts = dots.iter().flat_map(|dot| [dot.fg, dot.bg]).filter_map(part);
    let mut counts = vec![0; parts.max().map_or(1, |most| most + 2)];
    let last = counts.len() - 1;
    for dot in dots {
        // A reading is drawn before one part.
        let left = match part(dot.fg) {
            None => 0,
            Some(_) => FILLING.iter().position(|glyph| *glyph == dot.glyph).expect("a block"),
        };
        counts[part(dot.fg).unwrap_or(last)] += left;
        counts[part(dot.bg).unwrap_or(last)] += STEPS - left;
    }
    counts
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => 0.0..1000.0f64,
        1 => any::<f64>(),
        1 => prop::sample::select(vec![
            0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE,
        ]),
    ]
}

fn stretch() -> impl Strategy<Value = Cell> {
    prop_oneof![
        4 => number().prop_map(Cell::from),
        1 => prop::collection::vec(number().prop_map(Cell::from), 1..6).prop_map(Cell::merge),
        1 => (any::<f32>(), any::<f32>(), any::<f32>())
            .prop_map(|(min, mean, max)| Cell { min, mean, max }),
    ]
}

pub(super) fn canvas() -> impl Strategy<Value = Canvas> {
    let glyphs = prop::sample::select(vec![Glyphs::Ascii, Glyphs::Unicode, Glyphs::Nerd]);
    (glyphs, any::<bool>()).prop_map(|(glyphs, colour)| Canvas { glyphs, colour })
}

fn scale() -> impl Strategy<Value = Scale> {
    let curve = prop::sample::select(vec![Curve::Linear, Curve::Log]);
    (number(), curve).prop_map(|(max, curve)| Scale { max, curve })
}

/// How much of a cell is filled from below, in eighths; dots count two.
fn height(dot: GraphCell) -> usize {
    let place = |ladder: &[char]| ladder.iter().position(|glyph| *glyph == dot.glyph);
    match dot.glyph {
        '\u{2800}'..='\u{28ff}' => (dot.glyph as u32 & 0xff).count_ones() as usize,
        _ => place(&RISING).or(place(&RISING_ASCII)).expect("a height") + 1,
    }
}

/// Every entry builds with its declared defaults, for every field that it takes.
#[test]
fn every_formatter_is_declared_whole() {
    use rainline_segments::ALL;
    for entry in TABLE {
        assert!(!entry.about.is_empty() && !entry.about.ends_with('.'), "{}", entry.name);
        let mut built = 0;
        for (kind, field) in
            ALL.iter().flat_map(|kind| kind.fields.iter().map(move |field| (kind, field)))
        {
            let second = match entry.second {
                Some((name, fits)) => {
                    let fits = |field: &&rainline_segments::Field| fits(field.unit);
                    let Some(other) = kind.fields.iter().find(fits) else { continue };
                    Some(Arg { key: name, value: other.name.to_owned(), span: 0..0 })
                }
                None => None,
            };
            if !(entry.takes)(field.unit) {
                continue;
            }
            match build(entry.name, 0..0, second.as_slice(), kind, field.unit) {
                Ok(_) => built += 1,
                // Two histories of one kind may be of two units.
                Err(fault) => assert!(fault.message.contains("stands above"), "{fault:?}"),
            }
        }
        assert!(built > 0, "no field of any kind can be written by `{}`", entry.name);
    }
}

proptest! {
    #[test]
    fn always_exactly_as_wide_as_asked(
        values in prop::collection::vec(stretch(), 0..80),
        others in prop::collection::vec(stretch(), 0..80),
        numbers in prop::collection::vec(number(), 0..80),
        (a, b) in (scale(), scale()),
        wanted in 0usize..60,
        canvas in canvas(),
    ) {
        let full = numbers.first().copied().unwrap_or(a.max);
        let classes = Classes { parts: &numbers, whole: b.max };
        for dots in [
            spark(&values, wanted, a, canvas),
            braille(&values, wanted, a, canvas),
            whisker(&values, wanted, a, canvas),
            pair(&values, &others, wanted, [a, b], canvas),
            mirror(&values, &others, wanted, a, canvas),
            rain(&values, &others, classes, wanted, a, canvas),
            bar(full, None, wanted, canvas),
            bar(full, Some(b.max), wanted, canvas),
            stack(&numbers, a.max, wanted, canvas),
            columns(&numbers, wanted, a, canvas),
            heat(&numbers, wanted, a, canvas),
            vec![gauge(full, Form::Block, canvas); wanted],
            vec![gauge(full, Form::Dots, canvas); wanted],
        ] {
            prop_assert_eq!(dots.len(), wanted);
            let text = text(&dots);
            prop_assert_eq!(width(&text, Policy::Wcwidth), wanted);
            prop_assert_eq!(width(&text, Policy::Unicode), wanted);
            if canvas.glyphs == Glyphs::Ascii {
                prop_assert!(text.is_ascii());
            } else {
                // Blocks and braille: in Unicode since 3.0. ASCII where there are no colours.
                let known = |c| matches!(c, ' '..='~' | '▀'..='▕' | '\u{2801}'..='\u{28ff}');
                prop_assert!(text.chars().all(known), "{}", text);
            }
            for tint in dots.iter().flat_map(|dot| [dot.fg, dot.bg]) {
                if let Tint::At(at) | Tint::Faint(at) | Tint::On(_, at) = tint {
                    prop_assert!((0.0..=1.0).contains(&at), "{:?}", tint);
                }
            }
        }
    }

    #[test]
    fn more_is_never_drawn_lower(
        a in number(),
        b in number(),
        max in 0.0..2000.0f64,
        curve in prop::sample::select(vec![Curve::Linear, Curve::Log]),
        canvas in canvas(),
    ) {
        prop_assume!(!a.is_nan() && !b.is_nan());
        let (low, high) = (a.min(b), a.max(b));
        let scale = Scale { max, curve };
        let one = |value: f64| cells(&[value]);
        let shapes: [&dyn Fn(f64) -> GraphCell; 6] = [
            &|value| spark(&one(value), 1, scale, canvas)[0],
            &|value| braille(&one(value), 1, scale, canvas)[0],
            &|value| whisker(&one(value), 1, scale, canvas)[0],
            &|value| columns(&[value], 1, scale, canvas)[0],
            &|value| gauge(value / 1000.0, Form::Block, canvas),
            &|value| gauge(value / 1000.0, Form::Dots, canvas),
        ];
        for (index, shape) in shapes.iter().enumerate() {
            prop_assert!(height(shape(low)) <= height(shape(high)), "shape {}", index);
        }
        let over = Classes { parts: &[1.0], whole: 1.0 };
        let rain = |value: f64| height(rain(&one(value), &[], over, 1, scale, canvas)[0]);
        prop_assert!(rain(low) <= rain(high));
        let length = |value: f64| {
            let dots = bar(value / 1000.0, None, 9, COLOUR);
            let filled = |dot: &GraphCell| FILLING.iter().position(|glyph| *glyph == dot.glyph);
            dots.iter().filter_map(filled).sum::<usize>()
        };
        prop_assert!(length(low) <= length(high));
        // Of graphs by colour the position on the gradient never sinks.
        let hot = |dot: GraphCell| match dot.fg {
            Tint::On(_, at) | Tint::At(at) => at,
            _ => panic!("no colour"),
        };
        let heat = |value: f64| hot(heat(&[value], 1, scale, canvas)[0]);
        prop_assert!(heat(low) <= heat(high));
        let pair = |value: f64| hot(pair(&one(value), &one(0.0), 1, [scale; 2], canvas)[0]);
        prop_assert!(pair(low) <= pair(high));
    }

    #[test]
    fn a_stack_adds_up_and_hides_no_part(
        parts in prop::collection::vec(prop_oneof![3 => 0.001..1000.0f64, 1 => Just(0.0)], 1..12),
        rest in prop_oneof![Just(0.0), 0.001..5000.0f64],
        width in 1usize..30,
    ) {
        let whole = parts.iter().sum::<f64>() + rest;
        let shown = parts.iter().filter(|part| **part > 0.0).count() + usize::from(rest > 0.0);
        prop_assume!(shown <= 2 * width);
        let readings = cells(&[0.0; 40]);
        for dots in [
            stack(&parts, whole, width, COLOUR),
            rain(&readings, &[], Classes { parts: &parts, whole }, width, hundred(), COLOUR),
        ] {
            let counts = eighths_by_part(&dots);
            prop_assert_eq!(counts.iter().sum::<usize>(), width * STEPS);
            for (index, part) in parts.iter().enumerate() {
                let drawn = if index + 1 < counts.len() { counts[index] } else { 0 };
                prop_assert_eq!(drawn > 0, *part > 0.0, "part {} of {:?} in {:?}", index, parts, counts);
            }
        }
    }

}
