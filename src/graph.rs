//! Graphs from numbers: each a pure function that gives exactly `width` cells.
//!
//! A graph knows shapes, not colours: it says of each cell where its value stands or which part it
//! belongs to, and the painter asks the theme. A reading that is not there (NaN) is a blank cell; a
//! reading that is nothing still draws the lowest glyph, so that the two can be told apart.
//! A bar or a stack shows "full" only when it is, and "something" whenever there is something.
//!
//! All glyphs are older than Unicode 15 and one cell wide, except that terminals with wide East
//! Asian ambiguous characters draw blocks two cells wide: those want [`Glyphs::Ascii`].

use rainline_segments::Cell;

use crate::targets::Glyphs;

/// What a half of a cell (its glyph, or what is behind it) is coloured by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ink {
    /// The span's own style.
    Base,
    /// A position on the span's gradient, 0–1.
    At(f64),
    /// The colour of the part with this index.
    Part(usize),
}

/// One cell of a graph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dot {
    pub glyph: char,
    pub fg: Ink,
    pub bg: Ink,
}

impl Dot {
    const BLANK: Dot = Dot { glyph: ' ', fg: Ink::Base, bg: Ink::Base };

    fn new(glyph: char, fg: Ink) -> Dot {
        Dot { glyph, fg, bg: Ink::Base }
    }
}

/// Heights of one cell, lowest first.
const RISING: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The same without Unicode: from lying low to dense.
const RISING_ASCII: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];
/// Left parts of one cell by eighths, 0–8.
const FILLING: [char; 9] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
/// Parts of a stack without Unicode, in turn.
const PARTS_ASCII: [char; 8] = ['#', '=', '+', 'o', '*', 'x', ':', '~'];
/// What is left empty without Unicode.
const EMPTY_ASCII: char = '-';
/// The steps of one cell.
const STEPS: usize = 8;
/// Braille dots of the left and of the right column, lowest first.
const BRAILLE: [[u32; 4]; 2] = [[0x40, 0x04, 0x02, 0x01], [0x80, 0x20, 0x10, 0x08]];

/// A line of heights, one reading a cell, the newest at the right edge. The height is the mean of
/// a cell's stretch; its ink stands where the maximum does, so that a spike is seen in the colour.
/// Readings are scaled from 0 to `max`.
pub fn spark(values: &[Cell], width: usize, max: f64, glyphs: Glyphs) -> Vec<Dot> {
    let ladder = if glyphs == Glyphs::Ascii { &RISING_ASCII } else { &RISING };
    let newest = &values[values.len().saturating_sub(width)..];
    let mut dots = vec![Dot::BLANK; width - newest.len()];
    dots.extend(newest.iter().map(|cell| match position(f64::from(cell.mean), max) {
        Some(height) => Dot::new(ladder[step(height, STEPS)], Ink::At(peak(cell, max))),
        None => Dot::BLANK,
    }));
    dots
}

/// A line of heights with two readings a cell and four heights, in braille dots. Falls back to
/// [`spark`] without Unicode.
pub fn braille(values: &[Cell], width: usize, max: f64, glyphs: Glyphs) -> Vec<Dot> {
    if glyphs == Glyphs::Ascii {
        return spark(values, width, max, glyphs);
    }
    let newest = &values[values.len().saturating_sub(2 * width)..];
    // Pairs are counted from the right edge: with an odd number the oldest stands alone.
    let mut pairs: Vec<&[Cell]> = newest.rchunks(2).collect();
    pairs.reverse();
    let mut dots = vec![Dot::BLANK; width - pairs.len()];
    dots.extend(pairs.into_iter().map(|pair| {
        let mut bits = 0;
        let mut ink: f64 = 0.0;
        for (cell, column) in pair.iter().rev().zip(BRAILLE.iter().rev()) {
            if let Some(height) = position(f64::from(cell.mean), max) {
                bits |= column[..=step(height, 4)].iter().sum::<u32>();
                ink = ink.max(peak(cell, max));
            }
        }
        match char::from_u32(0x2800 + bits) {
            Some(glyph) if bits > 0 => Dot::new(glyph, Ink::At(ink)),
            // The empty pattern is drawn as eight rings by some fonts.
            _ => Dot::BLANK,
        }
    }));
    dots
}

/// A bar filled from the left up to `full`, 0–1, in eighths of a cell.
pub fn bar(full: f64, width: usize, glyphs: Glyphs) -> Vec<Dot> {
    let full = position(full, 1.0).unwrap_or(0.0);
    let steps = if glyphs == Glyphs::Ascii { 1 } else { STEPS };
    let filled = filled(full, width * steps);
    let cell = |index: usize| match filled.saturating_sub(index * steps).min(steps) {
        0 if glyphs == Glyphs::Ascii => Dot::new(EMPTY_ASCII, Ink::Base),
        0 => Dot::BLANK,
        _ if glyphs == Glyphs::Ascii => Dot::new('#', Ink::At(full)),
        eighths => Dot::new(FILLING[eighths], Ink::At(full)),
    };
    (0..width).map(cell).collect()
}

/// One cell whose height is `full`, 0–1.
pub fn gauge(full: f64, glyphs: Glyphs) -> Dot {
    let ladder = if glyphs == Glyphs::Ascii { &RISING_ASCII } else { &RISING };
    match position(full, 1.0) {
        Some(full) => Dot::new(ladder[step(full, STEPS)], Ink::At(full)),
        None => Dot::BLANK,
    }
}

/// Disjoint parts of `whole` side by side, in eighths of a cell; what they leave is empty. A cell
/// with a boundary in it is one eighth-block: the left part before, the right part behind.
///
/// Eighths are dealt by largest remainder, so that their sum is exact. A cell can show two parts
/// at most, so boundaries then make way for each other: every part that is more than nothing is
/// seen, if there are at most twice as many parts (the empty one included) as cells.
pub fn stack(parts: &[f64], whole: f64, width: usize, glyphs: Glyphs) -> Vec<Dot> {
    let sizes: Vec<f64> = parts.iter().map(|part| amount(*part)).collect();
    let sum: f64 = sizes.iter().sum();
    let rest = (amount(whole) - sum).max(0.0);
    // Rounding of the caller's sums is not an empty part.
    let rest = if rest <= sum * 1e-9 { 0.0 } else { rest };
    let shown: Vec<(Option<usize>, f64)> = sizes
        .iter()
        .enumerate()
        .map(|(index, size)| (Some(index), *size))
        .chain([(None, rest)])
        .filter(|(_, size)| *size > 0.0)
        .collect();
    if shown.is_empty() {
        let empty = if glyphs == Glyphs::Ascii { EMPTY_ASCII } else { ' ' };
        return vec![Dot::new(empty, Ink::Base); width];
    }
    let shares: Vec<f64> = shown.iter().map(|(_, size)| size / (sum + rest)).collect();
    if glyphs == Glyphs::Ascii {
        let cells = deal(&shares, width);
        let symbol = |part: Option<usize>| match part {
            Some(index) => Dot::new(PARTS_ASCII[index % PARTS_ASCII.len()], Ink::Part(index)),
            None => Dot::new(EMPTY_ASCII, Ink::Base),
        };
        let runs = shown.iter().zip(cells);
        return runs.flat_map(|((part, _), cells)| vec![symbol(*part); cells]).collect();
    }
    let ends = make_way(&deal(&shares, width * STEPS), width);
    (0..width)
        .map(|cell| {
            let (start, end) = (cell * STEPS, (cell + 1) * STEPS);
            // The parts that own the first and the last eighth of this cell.
            let first = ends.iter().position(|at| *at > start).unwrap_or(0);
            let last = ends.iter().position(|at| *at >= end).unwrap_or(ends.len() - 1);
            let ink = |part: usize| shown[part].0.map_or(Ink::Base, Ink::Part);
            match (first == last, shown[first].0) {
                (true, None) => Dot::BLANK,
                // Coloured behind as well: fonts leave hairlines between full blocks.
                (true, Some(_)) => Dot { glyph: '█', fg: ink(first), bg: ink(first) },
                (false, _) => {
                    Dot { glyph: FILLING[ends[first] - start], fg: ink(first), bg: ink(last) }
                }
            }
        })
        .collect()
}

/// A round number (1, 2 or 5 times a power of ten) that no reading exceeds; 1 if there is none
/// above nothing.
pub fn ceiling(values: &[Cell]) -> f64 {
    let readings = values.iter().filter(|cell| !cell.is_gap()).map(|cell| f64::from(cell.max));
    let most = readings.filter(|value| value.is_finite()).fold(0.0, f64::max);
    if most <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(most.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|round| *round >= most)
        .unwrap_or(most)
}

/// Where `value` stands between 0 and `max`; `None` for a gap.
fn position(value: f64, max: f64) -> Option<f64> {
    if value.is_nan() {
        None
    } else if max.is_nan() || max <= 0.0 || value <= 0.0 {
        Some(0.0)
    } else if value >= max {
        Some(1.0)
    } else {
        Some(value / max)
    }
}

/// Where the highest reading of the stretch stands.
fn peak(cell: &Cell, max: f64) -> f64 {
    position(f64::from(cell.max), max).unwrap_or(0.0)
}

/// Which of `steps` equal steps a position falls into.
fn step(position: f64, steps: usize) -> usize {
    ((position * steps as f64) as usize).min(steps - 1)
}

/// How many of `units` are filled: some if there is something, all only if it is full.
fn filled(full: f64, units: usize) -> usize {
    if full <= 0.0 || units == 0 {
        0
    } else if full >= 1.0 {
        units
    } else {
        ((full * units as f64).round() as usize).min(units - 1).max(1)
    }
}

/// A part's size, were it NaN, negative or infinite.
fn amount(value: f64) -> f64 {
    // Far beyond any byte count, and a few of them still add up to something finite.
    const MOST: f64 = 1e300;
    if value.is_nan() { 0.0 } else { value.clamp(0.0, MOST) }
}

/// Deals `units` by shares that add up to 1, by largest remainder. Each gets one at least, if there
/// are enough; those come from whoever has most.
fn deal(shares: &[f64], units: usize) -> Vec<usize> {
    let quotas: Vec<f64> = shares.iter().map(|share| share * units as f64).collect();
    let mut dealt: Vec<usize> = quotas.iter().map(|quota| quota.floor() as usize).collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|a, b| quotas[*b].fract().total_cmp(&quotas[*a].fract()));
    let mut left = units.saturating_sub(dealt.iter().sum());
    for index in order.into_iter().cycle() {
        if left == 0 {
            break;
        }
        dealt[index] += 1;
        left -= 1;
    }
    let biggest = |dealt: &[usize]| (0..dealt.len()).rev().max_by_key(|index| dealt[*index]);
    // Shares that do not quite add up to 1 could have given one too many.
    while dealt.iter().sum::<usize>() > units {
        let Some(index) = biggest(&dealt) else { break };
        dealt[index] -= 1;
    }
    if shares.len() <= units {
        while let Some(none) = dealt.iter().position(|count| *count == 0) {
            let Some(index) = biggest(&dealt) else { break };
            dealt[index] -= 1;
            dealt[none] += 1;
        }
    }
    dealt
}

/// Where each part ends, in eighths, with at most one end inside any cell (ends between two cells
/// are free), as long as there are at most two parts a cell.
fn make_way(eighths: &[usize], width: usize) -> Vec<usize> {
    let mut ends: Vec<usize> = eighths
        .iter()
        .scan(0, |end, count| {
            *end += count;
            Some(*end)
        })
        .collect();
    if ends.len() > 2 * width {
        return ends;
    }
    let inside = |at: usize| !at.is_multiple_of(STEPS);
    // The last place where each may end so that those after it still find room.
    let mut latest = vec![width * STEPS; ends.len()];
    for index in (1..ends.len()).rev() {
        let next = latest[index];
        latest[index - 1] = if inside(next) { next / STEPS * STEPS } else { next - 1 };
    }
    let mut before = 0;
    for (end, latest) in ends.iter_mut().zip(latest) {
        let earliest = if inside(before) { before.next_multiple_of(STEPS) } else { before + 1 };
        *end = (*end).clamp(earliest.min(latest), latest);
        before = *end;
    }
    ends
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::width::{Policy, width};

    fn text(dots: &[Dot]) -> String {
        dots.iter().map(|dot| dot.glyph).collect()
    }

    fn cells(values: &[f64]) -> Vec<Cell> {
        values.iter().map(|value| Cell::from(*value)).collect()
    }

    #[test]
    fn the_newest_is_at_the_right_edge() {
        let values = cells(&[100.0, 0.0, f64::NAN, 50.0, 99.0]);
        assert_eq!(text(&spark(&values, 7, 100.0, Glyphs::Unicode)), "  █▁ ▅█");
        assert_eq!(text(&spark(&values, 2, 100.0, Glyphs::Unicode)), "▅█");
        assert_eq!(text(&spark(&values, 7, 100.0, Glyphs::Ascii)), "  #_ =#");
    }

    #[test]
    fn a_spike_in_a_long_stretch_is_seen_in_the_ink() {
        let minute = Cell { min: 0.0, mean: 10.0, max: 100.0 };
        let dots = spark(&[minute], 1, 100.0, Glyphs::Unicode);
        assert_eq!((dots[0].glyph, dots[0].fg), ('▁', Ink::At(1.0)));
    }

    #[test]
    fn braille_draws_two_readings_a_cell() {
        let values = cells(&[0.0, 100.0, 100.0]);
        assert_eq!(text(&braille(&values, 3, 100.0, Glyphs::Unicode)), " ⢀⣿");
        assert_eq!(
            braille(&values, 3, 100.0, Glyphs::Ascii),
            spark(&values, 3, 100.0, Glyphs::Ascii)
        );
    }

    #[test]
    fn a_bar_is_full_only_when_it_is() {
        let bar = |full| text(&bar(full, 4, Glyphs::Unicode));
        assert_eq!(bar(0.0), "    ");
        assert_eq!(bar(0.000_1), "▏   ");
        assert_eq!(bar(0.5), "██  ");
        assert_eq!(bar(0.999_9), "███▉");
        assert_eq!(bar(1.0), "████");
        assert_eq!(text(&super::bar(0.5, 4, Glyphs::Ascii)), "##--");
    }

    #[test]
    fn a_boundary_cell_shows_both_parts() {
        let dots = stack(&[3.0, 3.0], 8.0, 2, Glyphs::Unicode);
        assert_eq!(text(&dots), "▊▌");
        assert_eq!((dots[0].fg, dots[0].bg), (Ink::Part(0), Ink::Part(1)));
        assert_eq!((dots[1].fg, dots[1].bg), (Ink::Part(1), Ink::Base));
        assert_eq!(text(&stack(&[3.0, 3.0], 8.0, 8, Glyphs::Ascii)), "###===--");
    }

    #[test]
    fn small_parts_make_way_for_each_other() {
        let dots = stack(&[1.0, 1.0, 1.0, 1.0], 1000.0, 3, Glyphs::Unicode);
        assert_eq!(eighths_by_part(&dots), [1, 7, 1, 7, 8]);
    }

    #[test]
    fn the_ceiling_is_round_and_above() {
        assert_eq!(ceiling(&cells(&[3.0, 42.0, f64::NAN])), 50.0);
        assert_eq!(ceiling(&cells(&[100.0])), 100.0);
        assert_eq!(ceiling(&cells(&[0.07])), 0.1);
        assert_eq!(ceiling(&[]), 1.0);
    }

    /// How many eighths each part got, counted from what is drawn; the empty rest last.
    fn eighths_by_part(dots: &[Dot]) -> Vec<usize> {
        let parts = dots.iter().flat_map(|dot| [dot.fg, dot.bg]).filter_map(|ink| match ink {
            Ink::Part(index) => Some(index + 1),
            _ => None,
        });
        let mut counts = vec![0; parts.max().unwrap_or(0) + 1];
        for dot in dots {
            let left = FILLING.iter().position(|glyph| *glyph == dot.glyph).expect("a block");
            let (last, all) = (counts.len() - 1, STEPS);
            let slot = |ink| if let Ink::Part(index) = ink { index } else { last };
            counts[slot(dot.fg)] += left;
            counts[slot(dot.bg)] += all - left;
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

    fn glyphs() -> impl Strategy<Value = Glyphs> {
        prop::sample::select(vec![Glyphs::Ascii, Glyphs::Unicode, Glyphs::Nerd])
    }

    proptest! {
        #[test]
        fn always_exactly_as_wide_as_asked(
            numbers in prop::collection::vec(number(), 0..80),
            max in number(),
            wanted in 0usize..60,
            glyphs in glyphs(),
        ) {
            let values = cells(&numbers);
            let full = numbers.first().copied().unwrap_or(max);
            for dots in [
                spark(&values, wanted, max, glyphs),
                braille(&values, wanted, max, glyphs),
                bar(full, wanted, glyphs),
                stack(&numbers, max, wanted, glyphs),
                vec![gauge(full, glyphs); wanted],
            ] {
                prop_assert_eq!(dots.len(), wanted);
                let text = text(&dots);
                prop_assert_eq!(width(&text, Policy::Wcwidth), wanted);
                prop_assert_eq!(width(&text, Policy::Unicode), wanted);
                if glyphs == Glyphs::Ascii {
                    prop_assert!(text.is_ascii());
                } else {
                    // Blocks and braille: in Unicode since 3.0.
                    let known = |c| matches!(c, ' ' | '▁'..='▏' | '\u{2800}'..='\u{28ff}');
                    prop_assert!(text.chars().all(known), "{}", text);
                }
                for dot in dots {
                    if let Ink::At(at) = dot.fg {
                        prop_assert!((0.0..=1.0).contains(&at));
                    }
                }
            }
            let ceiling = ceiling(&values);
            prop_assert!(ceiling > 0.0);
        }

        #[test]
        fn more_is_never_drawn_lower(a in number(), b in number(), max in 0.0..2000.0f64, glyphs in glyphs()) {
            prop_assume!(!a.is_nan() && !b.is_nan());
            let (low, high) = (a.min(b), a.max(b));
            let ladder = if glyphs == Glyphs::Ascii { RISING_ASCII } else { RISING };
            let height = |value: f64| {
                let dot = spark(&cells(&[value]), 1, max, glyphs)[0];
                ladder.iter().position(|glyph| *glyph == dot.glyph)
            };
            prop_assert!(height(low) <= height(high));
            let bits = |value: f64| {
                let dot = braille(&cells(&[value]), 1, max, Glyphs::Unicode)[0];
                (dot.glyph as u32 & 0xff).count_ones()
            };
            prop_assert!(bits(low) <= bits(high));
            let length = |value: f64| {
                let dots = bar(value / 1000.0, 9, Glyphs::Unicode);
                dots.iter().filter_map(|dot| FILLING.iter().position(|glyph| *glyph == dot.glyph)).sum::<usize>()
            };
            prop_assert!(length(low) <= length(high));
        }

        #[test]
        fn a_stack_adds_up_and_hides_no_part(
            parts in prop::collection::vec(prop_oneof![3 => 0.001..1000.0f64, 1 => Just(0.0)], 1..12),
            rest in prop_oneof![Just(0.0), 0.001..5000.0f64],
            width in 1usize..30,
        ) {
            let whole = parts.iter().sum::<f64>() + rest;
            let dots = stack(&parts, whole, width, Glyphs::Unicode);
            let shown = parts.iter().filter(|part| **part > 0.0).count() + usize::from(rest > 0.0);
            prop_assume!(shown <= 2 * width);
            let counts = eighths_by_part(&dots);
            prop_assert_eq!(counts.iter().sum::<usize>(), width * STEPS);
            for (index, part) in parts.iter().enumerate() {
                let drawn = if index + 1 < counts.len() { counts[index] } else { 0 };
                prop_assert_eq!(drawn > 0, *part > 0.0, "part {} of {:?} in {:?}", index, parts, counts);
            }
        }

        #[test]
        fn eighths_are_dealt_exactly(
            parts in prop::collection::vec(0.001..1000.0f64, 1..40),
            units in 1usize..400,
        ) {
            let sum: f64 = parts.iter().sum();
            let shares: Vec<f64> = parts.iter().map(|part| part / sum).collect();
            let dealt = deal(&shares, units);
            prop_assert_eq!(dealt.iter().sum::<usize>(), units);
            prop_assert!(parts.len() > units || dealt.iter().all(|count| *count > 0));
            // Who needed no charity and gave none is within one of the exact quota.
            if shares.iter().all(|share| share * units as f64 >= 1.0) {
                for (share, count) in shares.iter().zip(&dealt) {
                    prop_assert!((share * units as f64 - *count as f64).abs() <= 1.0 + 1e-9);
                }
            }
        }
    }
}
