use std::cell::Cell;

use rainline_caps::{Depth, Glyphs, On, Policy};
use rainline_segments::{Kind, Level, Part, Ring, Sample, Unit, Value};

use super::*;
use crate::format::{Context, Format};
use crate::frame::{Arm, Choice, InstanceId, Text};
use crate::paint::Painter;
use crate::style::Color;
use crate::theme::Separators;

fn theme() -> Theme {
    Theme::built_in("rain").expect("built in")
}

fn block(text: &str, priority: u8) -> Rc<Block> {
    let piece = Piece::Span(Span::ours(text, Style::default()));
    Rc::new(Block::new([piece], priority, 0, Policy::default()))
}

fn laid(blocks: Vec<Rc<Block>>, columns: usize, side: Side) -> String {
    let theme = theme();
    let caps = Caps { columns, ..Caps::default() };
    let layout = plain_layout(&theme, &caps, side);
    text(&layout.row(blocks))
}

fn plain_layout<'a>(theme: &'a Theme, caps: &'a Caps, side: Side) -> Layout<'a> {
    Layout { theme, caps, side, line: Style::default(), separator: Style::default() }
}

fn text(frame: &Frame) -> String {
    let known = |piece: &Piece| match piece {
        Piece::Span(span) => span.text.known().to_owned(),
        Piece::Choice(choice) => choice.pick(&[]).iter().map(|span| span.text.known()).collect(),
        Piece::Mark(_) => String::new(),
    };
    frame.pieces.iter().map(known).collect()
}

#[test]
fn soft_separators_stand_between_equal_backgrounds() {
    let blocks = || vec![block(" a ", 50), block(" b ", 50)];
    assert_eq!(laid(blocks(), 20, Side::Left), " a ╱ b ");
    assert_eq!(laid(blocks(), 20, Side::Right), " a ╱ b ");
}

#[test]
fn the_least_important_goes_first() {
    let blocks = || vec![block(" aaa ", 90), block(" bbb ", 10), block(" ccc ", 50)];
    assert_eq!(laid(blocks(), 17, Side::Right), " aaa ╱ bbb ╱ ccc ");
    assert_eq!(laid(blocks(), 16, Side::Right), " aaa ╱ ccc ");
    assert_eq!(laid(blocks(), 10, Side::Right), " aaa ");
}

#[test]
fn among_equals_the_inner_one_goes() {
    let blocks = || vec![block(" a ", 50), block(" b ", 50)];
    assert_eq!(laid(blocks(), 5, Side::Right), " b ");
    assert_eq!(laid(blocks(), 5, Side::Left), " a ");
}

#[test]
fn the_last_one_is_cut() {
    assert_eq!(laid(vec![block("abcdef", 50)], 4, Side::Left), "abc…");
    assert_eq!(laid(vec![block("漢字漢字", 50)], 4, Side::Left), "漢…");
    assert_eq!(laid(vec![block("abc", 50)], 1, Side::Left), "…");
    assert_eq!(laid(vec![block("abc", 50)], 0, Side::Left), "");
}

#[test]
fn arms_are_padded_to_the_widest() {
    let arm = |case: Option<&str>, text: &str| Arm {
        case: case.map(Into::into),
        spans: vec![Span::ours(text, Style::default())],
    };
    let caps = Caps::default();
    let choice =
        Choice::padded(On::State, vec![arm(Some("prefix"), "long"), arm(None, "a")], caps.policy);
    let widths: Vec<usize> = choice
        .arms
        .iter()
        .map(|arm| arm.spans.iter().map(|span| span.width(caps.policy)).sum())
        .collect();
    assert_eq!(widths, [4, 4]);
}

#[test]
fn a_full_row_fills_its_columns() {
    let theme = theme();
    let caps = Caps { columns: 12, ..Caps::default() };
    let layout = plain_layout(&theme, &caps, Side::Left);
    let row = |text| layout.row(vec![block(text, 50)]);
    let full = layout.full(row("left"), row("right"));
    assert_eq!(text(&full), "left   right");
}

/// A session's name in tmux may take 24 cells and takes four: at a quarter of 100 columns the row
/// was cut, and the mark of the cut stood behind each name.
#[test]
fn a_live_name_gives_cells_away_before_anything_is_cut() {
    let theme = theme();
    let live = |most| {
        let what = rainline_segments::Live::SessionName;
        Span::new(Text::Live { what, most, known: "".into() }, Style::default())
    };
    let spans =
        || vec![Span::ours(" ❐ ", Style::default()), live(24), Span::ours(" ", Style::default())];
    let arm = |case: Option<&str>| Arm { case: case.map(Into::into), spans: spans() };
    let choice = Choice { on: On::State, arms: vec![arm(Some("prefix")), arm(None)] };
    let whole = vec![Piece::Choice(choice)];
    let plain = spans().into_iter().map(Piece::Span).collect();
    for pieces in [whole, plain] {
        let block = Rc::new(Block::new(pieces, 50, 0, Policy::default()));
        let laid = |columns, blocks| {
            let caps = Caps { columns, ..Caps::default() };
            let layout = plain_layout(&theme, &caps, Side::Left);
            layout.row(blocks)
        };
        let frame = laid(25, vec![block.clone()]);
        assert_eq!((frame.width(Policy::Wcwidth), &*text(&frame)), (25, " ❐  "));
        let frame = laid(20, vec![block.clone(), self::block(" vm ", 10)]);
        assert_eq!((frame.width(Policy::Wcwidth), &*text(&frame)), (20, " ❐  ╱ vm "));
        let frame = laid(5, vec![block]);
        assert_eq!((frame.width(Policy::Wcwidth), &*text(&frame)), (5, " ❐  "));
    }
}

/// Texts that grow together in every awkward way, and some that do not.
const TEXTS: [&str; 16] = [
    "", " a ", "bc", "漢", "e", "\u{301}", "👨", "\u{200d}", "👩", "🇩", "🇪", "▁▂", "क", "\u{94d}",
    "\r", "\n",
];

/// A piece from numbers: what it is, which text and which of two looks.
fn piece((sort, text, looks, most): (u8, usize, bool, u16), origin: InstanceId) -> Piece {
    let bg = if looks { Color::Indexed(1) } else { Color::Default };
    let style = Style { bg, ..Style::default() };
    let ours = || Span { origin, ..Span::ours(TEXTS[text], style) };
    let live = || Text::Live { what: rainline_segments::Live::PaneTitle, most, known: "".into() };
    match sort {
        0..6 => Piece::Span(ours()),
        6 => Piece::Span(Span { origin, ..Span::new(Text::Outside(TEXTS[text].into()), style) }),
        7 => Piece::Span(Span { text: live(), ..ours() }),
        8 => {
            let arm = |case, spans| Arm { case, spans };
            let arms = vec![
                arm(Some("zoomed".into()), vec![Span { text: live(), ..ours() }]),
                arm(None, vec![ours(), ours()]),
            ];
            Piece::Choice(Choice::padded(On::State, arms, Policy::default()))
        }
        _ => Piece::Mark(crate::frame::Mark::PromptStart),
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_worked_out_is_what_joining_gives(
        numbers in proptest::collection::vec(
            (
                proptest::collection::vec((0..10_u8, 0..TEXTS.len(), proptest::bool::ANY, 0..30_u16), 0..4),
                0..3_u8,
                0..3_u16,
            ),
            0..6,
        ),
        separators in proptest::array::uniform4(0..TEXTS.len()),
        policy in proptest::sample::select(vec![Policy::Wcwidth, Policy::Unicode, Policy::Cjk]),
        side in proptest::sample::select(vec![Side::Left, Side::Right]),
        columns in 0..60_usize,
        coloured in proptest::bool::ANY,
    ) {
        let mut theme = theme();
        let caps = Caps { columns, policy, ..Caps::default() };
        let [left_hard, right_hard, left_soft, right_soft] = separators.map(|at| TEXTS[at].into());
        theme.separators[caps.glyphs as usize] =
            Separators { left_hard, right_hard, left_soft, right_soft };
        let bg = if coloured { Color::Indexed(1) } else { Color::Default };
        let line = Style { bg, ..Style::default() };
        let layout = Layout { line, ..plain_layout(&theme, &caps, side) };
        let blocks: Vec<Rc<Block>> = numbers
            .into_iter()
            .enumerate()
            .map(|(at, (pieces, priority, origin))| {
                let pieces = pieces.into_iter().map(|numbers| piece(numbers, origin));
                Rc::new(Block::new(pieces, priority, at as InstanceId, policy))
            })
            .collect();
        assert_eq!(measure::cells(&blocks, &layout), reference::cells(&blocks, &layout));
        // An instance that stands in a row twice is drawn the same twice.
        let drawn = |id: InstanceId| blocks.iter().find(|block| block.origin == id).cloned();
        let draw = |id, _| (drawn(id).map(|block| (*block).clone()), 0);
        let ids: Vec<InstanceId> = blocks.iter().map(|block| block.origin).collect();
        let plain = reference::fitted(&ids, &layout, |ids, _| {
            ids.iter().filter_map(|id| drawn(*id)).collect()
        });
        assert_eq!(Fitting::new(&draw).row(&ids, &layout), plain);
    }
}

/// A reading of every field of a kind, and of a text for a host that fills it in where `live`.
fn sample(kind: &Kind, live: bool) -> Sample {
    let part = |(name, value): (&'static str, f64)| Part { name: name.into(), value };
    kind.fields.iter().fold(Sample::new(Level::Warning), |sample, field| {
        let value = match field.unit {
            Unit::Text if live && field.name == "name" => {
                let what = rainline_segments::Live::SessionName;
                Value::Live { what, known: "a session".into() }
            }
            Unit::Text => Value::text(format!("{} 漢", field.name)),
            Unit::Percent => Value::percent(42.0),
            Unit::Bytes => Value::of(3e9, 8e9),
            Unit::Count | Unit::Celsius | Unit::Watts => Value::number(61.0),
            Unit::Duration => Value::Duration(std::time::Duration::from_secs(5000)),
            Unit::Time => Value::Time(chrono::DateTime::UNIX_EPOCH.into()),
            Unit::Parts => {
                let parts = [("kernel", 1.0), ("cache", 5.0), ("free", 2.0)].map(part).into();
                Value::Parts { parts, whole: 8.0 }
            }
            Unit::History(_) => return sample,
        };
        sample.with(field.name, value)
    })
}

/// Every kind by its usual format in rows of all widths: what is drawn once and only added up is
/// what is drawn again, joined and measured for each try.
#[test]
fn a_row_is_the_same_however_often_it_is_tried() {
    let kinds = rainline_segments::ALL;
    let policies = [Policy::Wcwidth, Policy::Unicode, Policy::Cjk];
    let theme = theme();
    let mut ring = Ring::default();
    (0..80_u64).for_each(|at| ring.push((at * 37 % 100) as f64, at));
    for (round, columns) in (0..260).step_by(7).enumerate() {
        let glyphs = [Glyphs::Ascii, Glyphs::Unicode, Glyphs::Nerd][round % 3];
        let (policy, live) = (policies[round / 3 % 3], round % 2 == 0);
        let caps = Caps { columns, policy, glyphs, live, ..Caps::default() };
        let side = if live { Side::Left } else { Side::Right };
        let layout = plain_layout(&theme, &caps, side);
        let draw = |id: InstanceId, graphs| {
            let kind = kinds[usize::from(id)];
            let (sample, format) = (sample(kind, live), Format::parse(kind.format, kind));
            let numbers = kind.fields.iter().filter(|field| field.unit.is_number());
            let rings: Vec<_> = numbers.map(|field| (field.name, ring.clone())).collect();
            let asked = Cell::default();
            let format = format.expect("a right format");
            let runs = format.fill(&Context {
                sample: &sample,
                rings: &rings,
                kind,
                icon: kind.icons.unicode,
                glyphs,
                colour: true,
                policy,
                lost: false,
                graphs,
                asked: &asked,
            });
            let painter = Painter {
                theme: &theme,
                kind: kind.name,
                level: sample.level,
                own: None,
                mode: None,
                faded: false,
                depth: Depth::True,
                origin: id,
            };
            let spans = painter.paint(&runs);
            let shows = runs.iter().any(|run| run.shows());
            // Some react to a state of the host.
            let pieces = if id.is_multiple_of(5) {
                let spans = Painter { mode: Some("mode.prefix"), ..painter }.paint(&runs);
                let prefix = Arm { case: Some("prefix".into()), spans };
                let arms = vec![prefix, Arm { case: None, spans: painter.paint(&runs) }];
                vec![Piece::Choice(Choice::padded(On::State, arms, policy))]
            } else {
                spans.into_iter().map(Piece::Span).collect()
            };
            let block = Block::new(pieces, kind.priority, id, policy);
            (shows.then_some(block), asked.get())
        };
        let blocks = |ids: &[InstanceId], graphs| -> Vec<Rc<Block>> {
            ids.iter().filter_map(|id| draw(*id, graphs).0.map(Rc::new)).collect()
        };
        let fitting = Fitting::new(&draw);
        // Few and many, one of them twice.
        for count in [1, 3, 10, kinds.len()] {
            let all = 0..kinds.len() as InstanceId;
            let mut ids: Vec<InstanceId> = all.cycle().skip(round * 5).take(count).collect();
            ids.push(ids[0]);
            let plain = reference::fitted(&ids, &layout, blocks);
            assert_eq!(fitting.row(&ids, &layout), plain, "{columns} columns, {ids:?}");
        }
    }
}
