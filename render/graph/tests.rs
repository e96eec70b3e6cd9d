use proptest::prelude::*;

use super::stack::deal;
use super::*;
use crate::width::width;
use rainline_caps::Policy;

const COLOUR: Pen = Pen { glyphs: Glyphs::Unicode, colour: true };
const MONO: Pen = Pen { glyphs: Glyphs::Unicode, colour: false };
const ASCII: Pen = Pen { glyphs: Glyphs::Ascii, colour: true };

fn hundred() -> Scale {
    Scale::linear(100.0)
}

fn text(dots: &[Dot]) -> String {
    dots.iter().map(|dot| dot.glyph).collect()
}

fn cells(values: &[f64]) -> Vec<Cell> {
    values.iter().map(|value| Cell::from(*value)).collect()
}

#[test]
fn the_newest_is_at_the_right_edge() {
    let values = cells(&[100.0, 0.0, f64::NAN, 50.0, 99.0]);
    assert_eq!(text(&spark(&values, 7, hundred(), COLOUR)), "  █▁ ▅█");
    assert_eq!(text(&spark(&values, 2, hundred(), COLOUR)), "▅█");
    assert_eq!(text(&spark(&values, 7, hundred(), ASCII)), "  #_ =#");
}

#[test]
fn a_spike_in_a_long_stretch_is_seen_in_the_ink() {
    let minute = Cell { min: 0.0, mean: 10.0, max: 100.0 };
    let dots = spark(&[minute], 1, hundred(), COLOUR);
    assert_eq!((dots[0].glyph, dots[0].fg), ('▁', Ink::At(1.0)));
}

#[test]
fn a_logarithm_shows_what_a_line_does_not() {
    let values = cells(&[0.0, 0.1, 1.0, 10.0, 100.0]);
    let log = Scale { max: 100.0, curve: Curve::Log };
    assert_eq!(text(&spark(&values, 5, hundred(), COLOUR)), "▁▁▁▁█");
    assert_eq!(text(&spark(&values, 5, log, COLOUR)), "▁▁▃▆█");
}

#[test]
fn braille_draws_two_readings_a_cell() {
    let values = cells(&[0.0, 100.0, 100.0]);
    assert_eq!(text(&braille(&values, 3, hundred(), COLOUR)), " ⢀⣿");
    assert_eq!(braille(&values, 3, hundred(), ASCII), spark(&values, 3, hundred(), ASCII));
}

#[test]
fn a_whisker_stands_behind_its_mean() {
    let values =
        [Cell { min: 0.0, mean: 10.0, max: 100.0 }, Cell { min: 9.0, mean: 10.0, max: 11.0 }];
    let dots = whisker(&values, 2, hundred(), COLOUR);
    assert_eq!(text(&dots), "▁▁");
    assert_eq!([dots[0].bg, dots[1].bg], [Ink::Faint(1.0), Ink::Base]);
    assert_eq!(text(&whisker(&values, 2, hundred(), MONO)), "⣈⣀");
    assert_eq!(text(&whisker(&values, 2, hundred(), ASCII)), "^_");
}

#[test]
fn a_pair_is_two_readings_of_one_time() {
    let (a, b) = (cells(&[100.0, f64::NAN, 0.0]), cells(&[50.0, 100.0]));
    let dots = pair(&a, &b, 4, [hundred(); 2], COLOUR);
    let (heat, tide) = (|at| Ink::On(Gradient::Heat, at), |at| Ink::On(Gradient::Tide, at));
    let expected = [
        Dot::BLANK,
        Dot { glyph: '▀', fg: heat(1.0), bg: Ink::Base },
        Dot { glyph: '▄', fg: tide(0.5), bg: Ink::Base },
        Dot { glyph: '▀', fg: heat(0.0), bg: tide(1.0) },
    ];
    assert_eq!(dots, expected);
    assert_eq!(text(&pair(&a, &b, 4, [hundred(); 2], MONO)), " '..");
}

#[test]
fn a_mirror_goes_up_and_down() {
    let (up, down) = (cells(&[0.0, 100.0, 10.0, 0.0]), cells(&[0.0, 0.0, 10.0, 100.0]));
    let dots = mirror(&up, &down, 3, hundred(), COLOUR);
    assert_eq!(text(&dots), " ⠜⢦");
    assert_eq!(
        [dots[1].fg, dots[2].fg].map(|ink| matches!(ink, Ink::On(Gradient::Heat, _))),
        [true, false]
    );
    assert_eq!(text(&mirror(&up, &down, 5, hundred(), ASCII)), " -^:v");
}

#[test]
fn a_bar_is_full_only_when_it_is() {
    let bar = |full| text(&bar(full, None, 4, COLOUR));
    assert_eq!(bar(0.0), "    ");
    assert_eq!(bar(0.000_1), "▏   ");
    assert_eq!(bar(0.5), "██  ");
    assert_eq!(bar(0.999_9), "███▉");
    assert_eq!(bar(1.0), "████");
    assert_eq!(text(&super::bar(0.5, None, 4, ASCII)), "##--");
}

#[test]
fn a_marker_stands_at_the_nearest_edge() {
    let bar = |full, at, pen| bar(full, Some(at), 4, pen);
    assert_eq!(text(&bar(0.25, 0.8, COLOUR)), "█  ▏");
    assert_eq!(text(&bar(0.25, 1.0, COLOUR)), "█  ▕");
    assert_eq!(text(&bar(0.25, 7.0, ASCII)), "#--|");
    // What it stands on is seen behind it.
    assert_eq!(bar(1.0, 0.5, COLOUR)[2], Dot { glyph: '▏', fg: Ink::Mark, bg: Ink::At(1.0) });
    assert_eq!(bar(0.5, 0.5, COLOUR)[2], Dot { glyph: '▏', fg: Ink::Mark, bg: Ink::Base });
    assert_eq!(bar(0.97, 1.0, COLOUR)[3].bg, Ink::Base);
    assert_eq!(bar(0.01, 0.0, COLOUR)[0].bg, Ink::At(0.01));
    assert_eq!(text(&bar(0.5, f64::NAN, COLOUR)), "██  ");
}

#[test]
fn columns_never_lose_the_highest() {
    let columns = |values: &[f64], width| text(&columns(values, width, hundred(), COLOUR));
    assert_eq!(columns(&[0.0, 100.0, f64::NAN], 4), "▁█  ");
    assert_eq!(columns(&[0.0, 100.0, 0.0, 0.0, 50.0], 2), "█▅");
}

#[test]
fn eight_dots_are_eight_steps() {
    let dots = |tenth: u32| gauge(f64::from(tenth) / 8.0, Form::Dots, COLOUR).glyph;
    assert_eq!((0..=8).map(dots).collect::<String>(), "⡀⣀⣄⣤⣦⣶⣷⣿⣿");
    assert_eq!(gauge(0.5, Form::Dots, ASCII), gauge(0.5, Form::Block, ASCII));
}

#[test]
fn heat_has_two_values_a_cell() {
    let ink = |at| Ink::On(Gradient::Heat, at);
    let dots = heat(&[0.0, 100.0, 50.0], 3, hundred(), COLOUR);
    assert_eq!(dots[0], Dot { glyph: '▀', fg: ink(0.0), bg: ink(1.0) });
    assert_eq!(dots[1], Dot { glyph: '▀', fg: ink(0.5), bg: Ink::Base });
    assert_eq!(dots[2], Dot::BLANK);
    assert_eq!(text(&heat(&[0.0, 19.0, 99.0, 100.0, 5.0], 4, hundred(), ASCII)), "190 ");
    // Sixty-four cores, one of them busy, in fewer cells than they fill.
    let mut cores = [0.0; 64];
    cores[40] = 100.0;
    let busy =
        |dots: Vec<Dot>| dots.iter().filter(|dot| dot.fg == ink(1.0) || dot.bg == ink(1.0)).count();
    assert_eq!([32, 10, 1].map(|width| busy(heat(&cores, width, hundred(), COLOUR))), [1; 3]);
}

#[test]
fn a_boundary_cell_shows_both_parts() {
    let dots = stack(&[3.0, 3.0], 8.0, 2, COLOUR);
    assert_eq!(text(&dots), "▊▌");
    assert_eq!((dots[0].fg, dots[0].bg), (Ink::Part(0), Ink::Part(1)));
    assert_eq!((dots[1].fg, dots[1].bg), (Ink::Part(1), Ink::Base));
    assert_eq!(text(&stack(&[3.0, 3.0], 8.0, 8, ASCII)), "###===--");
    assert_eq!(text(&stack(&[3.0, 3.0], 8.0, 8, MONO)), "###===--");
}

#[test]
fn small_parts_make_way_for_each_other() {
    let dots = stack(&[1.0, 1.0, 1.0, 1.0], 1000.0, 3, COLOUR);
    assert_eq!(eighths_by_part(&dots), [1, 7, 1, 7, 8]);
}

#[test]
fn rain_falls_before_its_ground() {
    let values = cells(&[0.0, 100.0, 50.0]);
    let hues = cells(&[0.0, 50.0, 100.0]);
    let classes = Classes { parts: &[3.0, 5.0], whole: 8.0 };
    let dots = rain(&values, &hues, classes, 4, hundred(), COLOUR);
    assert_eq!(text(&dots), "▁▌▇▄");
    let work = |at| Ink::On(Gradient::Work, at);
    assert_eq!(dots[0], Dot { glyph: '▁', fg: work(0.0), bg: Ink::Ground(0) });
    assert_eq!(dots[1], Dot { glyph: '▌', fg: Ink::Ground(0), bg: Ink::Ground(1) });
    assert_eq!(dots[3], Dot { glyph: '▄', fg: work(1.0), bg: Ink::Ground(1) });
    assert_eq!(text(&rain(&values, &[], classes, 4, hundred(), ASCII)), " _*-");
    assert_eq!(text(&rain(&values, &[], classes, 4, hundred(), MONO)), "▁▇▏▄");
    let mono = Pen { colour: false, ..ASCII };
    assert_eq!(text(&rain(&values, &[], classes, 4, hundred(), mono)), "_*|-");
    assert_eq!(rain(&values, &[], classes, 4, hundred(), COLOUR)[3].fg, Ink::At(0.5));
}

/// What is drawn of each part against what it is, over 20 000 random splits of the whole. Eighths
/// alone make 0.17 %; the rest is that a cell has two colours and no more, and there the places
/// that are taken are the best there are.
#[test]
fn a_stack_of_twenty_cells_is_as_exact_as_cells_can_be() {
    const SPLITS: usize = 20_000;
    const WIDTH: usize = 20;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    // xorshift64*: the same splits each time.
    let mut random = move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    };
    for (count, most) in [(2, 0.17), (3, 0.20), (4, 0.22), (5, 0.25)] {
        let (mut sum, mut worst, mut vanished) = (0.0, 0.0f64, 0);
        for _ in 0..SPLITS {
            let mut cuts: Vec<f64> = (1..count).map(|_| random()).collect();
            cuts.extend([0.0, 1.0]);
            cuts.sort_by(f64::total_cmp);
            let parts: Vec<f64> = cuts.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let drawn = eighths_by_part(&stack(&parts, 1.0, WIDTH, COLOUR));
            for (part, eighths) in parts.iter().zip(&drawn) {
                let error = (part - *eighths as f64 / (WIDTH * STEPS) as f64).abs();
                sum += error;
                worst = worst.max(error);
                vanished += usize::from(*eighths == 0 && *part > 0.0);
            }
        }
        let mean = 100.0 * sum / (SPLITS * count) as f64;
        let worst = 100.0 * worst;
        println!("{count} parts: mean error {mean:.3} %, worst {worst:.2} %, {vanished} vanished");
        assert!(mean <= most, "{count} parts: {mean}");
        assert_eq!(vanished, 0);
    }
}

/// How many eighths each part got, counted from what is drawn; the empty rest last.
fn eighths_by_part(dots: &[Dot]) -> Vec<usize> {
    let part = |ink| match ink {
        Ink::Part(index) | Ink::Ground(index) => Some(index),
        _ => None,
    };
    let parts = dots.iter().flat_map(|dot| [dot.fg, dot.bg]).filter_map(part);
    let mut counts = vec![0; parts.max().map_or(1, |most| most + 2)];
    let last = counts.len() - 1;
    for dot in dots {
        // A reading stands before one part.
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

fn pen() -> impl Strategy<Value = Pen> {
    let glyphs = prop::sample::select(vec![Glyphs::Ascii, Glyphs::Unicode, Glyphs::Nerd]);
    (glyphs, any::<bool>()).prop_map(|(glyphs, colour)| Pen { glyphs, colour })
}

fn scale() -> impl Strategy<Value = Scale> {
    let curve = prop::sample::select(vec![Curve::Linear, Curve::Log]);
    (number(), curve).prop_map(|(max, curve)| Scale { max, curve })
}

/// How much of a cell is filled from below, in eighths; dots count two.
fn height(dot: Dot) -> usize {
    let place = |ladder: &[char]| ladder.iter().position(|glyph| *glyph == dot.glyph);
    match dot.glyph {
        '\u{2800}'..='\u{28ff}' => (dot.glyph as u32 & 0xff).count_ones() as usize,
        _ => place(&RISING).or(place(&RISING_ASCII)).expect("a height") + 1,
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
        pen in pen(),
    ) {
        let full = numbers.first().copied().unwrap_or(a.max);
        let classes = Classes { parts: &numbers, whole: b.max };
        for dots in [
            spark(&values, wanted, a, pen),
            braille(&values, wanted, a, pen),
            whisker(&values, wanted, a, pen),
            pair(&values, &others, wanted, [a, b], pen),
            mirror(&values, &others, wanted, a, pen),
            rain(&values, &others, classes, wanted, a, pen),
            bar(full, None, wanted, pen),
            bar(full, Some(b.max), wanted, pen),
            stack(&numbers, a.max, wanted, pen),
            columns(&numbers, wanted, a, pen),
            heat(&numbers, wanted, a, pen),
            vec![gauge(full, Form::Block, pen); wanted],
            vec![gauge(full, Form::Dots, pen); wanted],
        ] {
            prop_assert_eq!(dots.len(), wanted);
            let text = text(&dots);
            prop_assert_eq!(width(&text, Policy::Wcwidth), wanted);
            prop_assert_eq!(width(&text, Policy::Unicode), wanted);
            if pen.glyphs == Glyphs::Ascii {
                prop_assert!(text.is_ascii());
            } else {
                // Blocks and braille: in Unicode since 3.0. ASCII where there are no colours.
                let known = |c| matches!(c, ' '..='~' | '▀'..='▕' | '\u{2801}'..='\u{28ff}');
                prop_assert!(text.chars().all(known), "{}", text);
            }
            for ink in dots.iter().flat_map(|dot| [dot.fg, dot.bg]) {
                if let Ink::At(at) | Ink::Faint(at) | Ink::On(_, at) = ink {
                    prop_assert!((0.0..=1.0).contains(&at), "{:?}", ink);
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
        pen in pen(),
    ) {
        prop_assume!(!a.is_nan() && !b.is_nan());
        let (low, high) = (a.min(b), a.max(b));
        let scale = Scale { max, curve };
        let one = |value: f64| cells(&[value]);
        let shapes: [&dyn Fn(f64) -> Dot; 6] = [
            &|value| spark(&one(value), 1, scale, pen)[0],
            &|value| braille(&one(value), 1, scale, pen)[0],
            &|value| whisker(&one(value), 1, scale, pen)[0],
            &|value| columns(&[value], 1, scale, pen)[0],
            &|value| gauge(value / 1000.0, Form::Block, pen),
            &|value| gauge(value / 1000.0, Form::Dots, pen),
        ];
        for (index, shape) in shapes.iter().enumerate() {
            prop_assert!(height(shape(low)) <= height(shape(high)), "shape {}", index);
        }
        let over = Classes { parts: &[1.0], whole: 1.0 };
        let rain = |value: f64| height(rain(&one(value), &[], over, 1, scale, pen)[0]);
        prop_assert!(rain(low) <= rain(high));
        let length = |value: f64| {
            let dots = bar(value / 1000.0, None, 9, COLOUR);
            let filled = |dot: &Dot| FILLING.iter().position(|glyph| *glyph == dot.glyph);
            dots.iter().filter_map(filled).sum::<usize>()
        };
        prop_assert!(length(low) <= length(high));
        // Where colour says it, it is the colour that does not sink.
        let hot = |dot: Dot| match dot.fg {
            Ink::On(_, at) | Ink::At(at) => at,
            _ => panic!("no colour"),
        };
        let heat = |value: f64| hot(heat(&[value], 1, scale, pen)[0]);
        prop_assert!(heat(low) <= heat(high));
        let pair = |value: f64| hot(pair(&one(value), &one(0.0), 1, [scale; 2], pen)[0]);
        prop_assert!(pair(low) <= pair(high));
    }

    #[test]
    fn a_mirror_grows_away_from_its_middle(
        a in 0.0..1000.0f64,
        b in 0.0..1000.0f64,
        other in 0.0..1000.0f64,
        curve in prop::sample::select(vec![Curve::Linear, Curve::Log]),
    ) {
        // Of each half, both columns.
        const UPPER: u32 = 0x1b;
        const LOWER: u32 = 0xe4;
        let scale = Scale { max: 800.0, curve };
        let bits = |up: f64, down: f64| {
            mirror(&cells(&[up, up]), &cells(&[down, down]), 1, scale, COLOUR)[0].glyph as u32
        };
        let (low, high) = (a.min(b), a.max(b));
        let upper = |value: f64| (bits(value, other) & UPPER).count_ones();
        let lower = |value: f64| (bits(other, value) & LOWER).count_ones();
        prop_assert!(upper(low) <= upper(high));
        prop_assert!(lower(low) <= lower(high));
        // The other half does not move.
        prop_assert_eq!(bits(low, other) & LOWER & !0x24, bits(high, other) & LOWER & !0x24);
        prop_assert_eq!(bits(other, low) & UPPER, bits(other, high) & UPPER);
    }

    #[test]
    fn no_peak_is_lost(mean in 0.0..100.0f32, above in 0.0..100.0f32) {
        let calm = Cell { min: mean, mean, max: mean };
        let spike = Cell { max: (mean + above).min(100.0), ..calm };
        let draw = |cell, pen| whisker(&[cell], 1, hundred(), pen)[0];
        let steps = |value: f32, count| step(f64::from(value) / 100.0, count);
        if steps(spike.max, STEPS) > steps(mean, STEPS) {
            prop_assert!(matches!(draw(spike, COLOUR).bg, Ink::Faint(at) if at > 0.0));
        }
        if steps(spike.max, 4) > steps(mean, 4) {
            prop_assert_ne!(draw(spike, MONO).glyph, draw(calm, MONO).glyph);
        }
        if steps(spike.max, STEPS) >= steps(mean, STEPS) + STEPS / 2 {
            prop_assert_eq!(draw(spike, ASCII).glyph, '^');
        }
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

    /// Between the oldest and the newest reading that are shown none is left out.
    #[test]
    fn rain_leaves_out_no_reading(
        parts in prop::collection::vec(0.001..1000.0f64, 1..8),
        width in 4usize..60,
        pen in pen(),
    ) {
        let values: Vec<f64> = (0..80).map(|index| f64::from(index % 7) * 100.0 / 7.0 + 1.0).collect();
        let whole = parts.iter().sum();
        let dots = rain(&cells(&values), &[], Classes { parts: &parts, whole }, width, hundred(), pen);
        let ladder = pen.ladder();
        let drawn: Vec<usize> = dots
            .iter()
            .filter(|dot| matches!(dot.fg, Ink::At(_)))
            .map(|dot| ladder.iter().position(|glyph| *glyph == dot.glyph).expect("a height"))
            .collect();
        let expected: Vec<usize> = (80 - drawn.len()..80).map(|index| index % 7).collect();
        prop_assert!(drawn.len() + parts.len() > width);
        prop_assert_eq!(drawn, expected);
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
