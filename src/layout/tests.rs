use super::*;
use crate::frame::On;
use crate::width::Policy;

fn theme() -> Theme {
    Theme::built_in("rain").expect("built in")
}

fn block(text: &str, priority: u8) -> Block {
    let pieces = vec![Piece::Span(Span::ours(text, Style::default()))];
    Block { pieces, priority, origin: 0 }
}

fn laid(blocks: Vec<Block>, columns: usize, side: Side) -> String {
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
    let whole = Block { pieces: vec![Piece::Choice(choice)], priority: 50, origin: 0 };
    let plain = Block { pieces: spans().into_iter().map(Piece::Span).collect(), ..whole.clone() };
    for block in [whole, plain] {
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
