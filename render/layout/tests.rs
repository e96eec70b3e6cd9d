use super::*;
use rainline_caps::On;
use rainline_caps::Policy;

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
    let style = Style::default();
    let room = Room {
        theme: &theme,
        caps: &caps,
        side,
        line: style,
        separator: style,
        graphs: Default::default(),
    };
    text(&row(blocks, &room))
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
    let choice = choice(On::State, vec![arm(Some("prefix"), "long"), arm(None, "a")], &caps);
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
    let style = Style::default();
    let room = Room {
        theme: &theme,
        caps: &caps,
        side: Side::Left,
        line: style,
        separator: style,
        graphs: Default::default(),
    };
    let row = |text| row(vec![block(text, 50)], &room);
    let full = full(row("left"), row("right"), &room);
    assert_eq!(text(&full), "left   right");
}

/// A session's name in tmux may take 24 cells and takes four: at a quarter of 100 columns the row
/// was cut, and the mark of the cut stood behind each name.
#[test]
fn a_live_name_gives_cells_away_before_anything_is_cut() {
    let theme = theme();
    let live = |most| Span {
        text: Text::Live { what: rainline_segments::Live::SessionName, most, known: "".into() },
        ..Span::ours("", Style::default())
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
            let style = Style::default();
            let room = Room {
                theme: &theme,
                caps: &caps,
                side: Side::Left,
                line: style,
                separator: style,
                graphs: Default::default(),
            };
            row(blocks, &room)
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
        6 => Piece::Span(Span { origin, ..Span::outside(TEXTS[text], style) }),
        7 => Piece::Span(Span { text: live(), ..ours() }),
        8 => {
            let arm = |case, spans| Arm { case, spans };
            let arms = vec![
                arm(Some("zoomed".into()), vec![Span { text: live(), ..ours() }]),
                arm(None, vec![ours(), ours()]),
            ];
            Piece::Choice(choice(On::State, arms, &Caps::default()))
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
        let graphs = Graphs::Whole;
        let room =
            Room { theme: &theme, caps: &caps, side, line, separator: Style::default(), graphs };
        let blocks: Vec<Rc<Block>> = numbers
            .into_iter()
            .map(|(pieces, priority, origin)| {
                let pieces = pieces.into_iter().map(|numbers| piece(numbers, origin));
                Rc::new(Block::new(pieces, priority, origin, policy))
            })
            .collect();
        assert_eq!(cells(&blocks, &room), reference::cells(&blocks, &room));
        let blocks_of = |ids: &[InstanceId]| -> Vec<Rc<Block>> {
            // One that is asked for again by its number is the same again.
            let of = |id: &InstanceId| blocks.iter().find(|block| block.origin == *id).cloned();
            match ids.len() == blocks.len() {
                true => blocks.clone(),
                false => ids.iter().filter_map(of).collect(),
            }
        };
        let ids: Vec<InstanceId> = blocks.iter().map(|block| block.origin).collect();
        let plain = reference::fitted(&ids, &room, |ids, _| blocks_of(ids));
        let fitting = |blocks: Vec<Rc<Block>>| {
            let fitting = || fits(&blocks, &room).then(|| row(blocks.clone(), &room));
            whole(&blocks, &room).or_else(fitting)
        };
        let quick = fitting(blocks.clone()).unwrap_or_else(|| {
            let kept = kept(blocks.clone(), &room);
            let ids: Vec<InstanceId> = kept.iter().map(|block| block.origin).collect();
            fitting(blocks_of(&ids)).unwrap_or_else(|| row(kept, &room))
        });
        assert_eq!(quick, plain);
    }
}
