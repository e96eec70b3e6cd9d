use super::*;
use crate::config::{Gathered, SourceFile, build};
use rainline_segments::Value;

struct Table(Vec<(Option<Sample>, Age)>);

impl Readings for Table {
    fn reading(&self, id: InstanceId) -> Reading<'_> {
        let (sample, age) = &self.0[usize::from(id)];
        Reading { sample: sample.as_ref(), age: *age, rings: &[] }
    }
}

struct Troubled(Table);

impl Readings for Troubled {
    fn reading(&self, id: InstanceId) -> Reading<'_> {
        self.0.reading(id)
    }
    fn trouble(&self) -> bool {
        true
    }
}

fn config() -> Config {
    let text = "[line.x]\nright = [\"a\", \"b\"]\nleft = [\"a\"]\n\
                [segment.a]\nuse = \"text\"\nformat = \" $text \"\npriority = 90\n\
                [segment.b]\nuse = \"text\"\nformat = \" $text \"\npriority = 10\n";
    let file = SourceFile { path: "x.toml".into(), text: text.into() };
    build(&Gathered { files: vec![file], ..Gathered::default() })
}

fn table(config: &Config, ages: [Age; 2]) -> Table {
    let mut rows: Vec<_> = config.instances.iter().map(|_| (None, Age::Waiting)).collect();
    for (name, age) in ["a", "b"].into_iter().zip(ages) {
        let id = config.instance(name).expect("built");
        let sample = Sample::new(Level::Idle).with("text", Value::text(format!("<{name}>")));
        rows[usize::from(id)] = (Some(sample), age);
    }
    Table(rows)
}

const PLAIN: Want = Want { line: "x", slot: "right", theme: "" };

fn plain(config: &Config, want: Want, readings: &dyn Readings, columns: usize) -> String {
    let caps = Caps { columns, ..Caps::default() };
    let rows = rows(config, want, readings, &caps);
    encode(&rows, rainline_render::targets::find("plain").expect("there"), &caps)
}

#[test]
fn a_slot_shows_its_segments_and_drops_the_least() {
    let config = config();
    let readings = table(&config, [Age::Fresh, Age::Fresh]);
    assert_eq!(plain(&config, PLAIN, &readings, 80), " <a> ╱ <b> ");
    assert_eq!(plain(&config, PLAIN, &readings, 8), " <a> ");
}

#[test]
fn full_is_exactly_as_wide_as_asked() {
    let config = config();
    let readings = table(&config, [Age::Fresh, Age::Fresh]);
    let want = Want { slot: FULL, ..PLAIN };
    for columns in 0..60 {
        let line = plain(&config, want, &readings, columns);
        assert_eq!(
            rainline_render::width::width(&line, rainline_caps::Policy::Wcwidth),
            columns,
            "{line:?}"
        );
    }
}

#[test]
fn old_values_look_old() {
    let config = config();
    let style = |age| {
        let readings = table(&config, [age, age]);
        let frames = rows(&config, PLAIN, &readings, &Caps::default());
        let Some(Piece::Span(span)) = frames[0].pieces.get(1) else { panic!("a span") };
        span.style
    };
    assert_ne!(style(Age::Fresh), style(Age::Stale));
}

#[test]
fn trouble_is_one_cell_at_the_outer_edge() {
    let config = config();
    let readings = Troubled(table(&config, [Age::Fresh, Age::Fresh]));
    assert!(plain(&config, PLAIN, &readings, 80).ends_with('!'));
    assert!(plain(&config, PLAIN, &readings, 3).ends_with('!'));
}

/// Live names were counted with the most cells they may have, also where no host fills them in: the
/// row was short of its columns by the rest.
#[test]
fn a_live_name_is_as_wide_as_known_where_the_host_fills_nothing_in() {
    let config = config();
    let mut readings = table(&config, [Age::Fresh, Age::Fresh]);
    let id = config.instance("a").expect("built");
    let name = Value::Live { what: rainline_segments::Live::SessionName, known: "main".into() };
    readings.0[usize::from(id)].0 = Some(Sample::new(Level::Idle).with("text", name));
    let line = plain(&config, Want { slot: FULL, ..PLAIN }, &readings, 40);
    assert_eq!(
        rainline_render::width::width(&line, rainline_caps::Policy::Wcwidth),
        40,
        "{line:?}"
    );
    assert!(line.contains(" main "), "{line:?}");
}

fn prompt_lines(text: &str, target: &str, columns: usize) -> String {
    let segments = ["a", "b", "c"].map(|name| {
        format!("[segment.{name}]\nuse = \"text\"\nformat = \"<$text>\"\nstyle = \"fg:default bg:default\"\n")
    });
    let text = format!("theme = \"mono\"\n[line.p]\n{text}\n{}", segments.concat());
    let file = SourceFile { path: "x.toml".into(), text };
    let config = build(&Gathered { files: vec![file], ..Gathered::default() });
    assert_eq!(config.problems, [""; 0]);
    let mut rows: Vec<_> = config.instances.iter().map(|_| (None, Age::Waiting)).collect();
    for name in ["a", "b", "c"] {
        if let Some(id) = config.instance(name) {
            let sample = Sample::new(Level::Idle).with("text", Value::text(name));
            rows[usize::from(id)] = (Some(sample), Age::Fresh);
        }
    }
    let want = Want { line: "p", slot: ALL, theme: "" };
    let caps = Caps { columns, depth: Depth::Mono, ..Caps::default() };
    let prompt = prompt(&config, want, &Table(rows), &caps);
    encode_prompt(&prompt, rainline_render::targets::find(target).expect("there"), &caps)
}

#[test]
fn a_prompt_is_its_right_side_its_continuation_and_its_rows() {
    let one = "left = [\"a\"]\nright = [\"b\"]\ncontinuation = [\"c\"]";
    assert_eq!(prompt_lines(one, "zsh", 30), "<b>\n<c> \n<a> ");
    assert_eq!(prompt_lines(one, "plain", 30), "\n<c> \n<a> ");
    // bash draws it there itself: 26 cells, three of its own, and the last column is free.
    assert_eq!(prompt_lines(one, "bash", 30), "\n<c> \n\x01\r\x1b[26C<b>\r\x02<a> ");
}

#[test]
fn a_right_row_stands_beside_the_left_one_of_its_number() {
    let two = "left = [[\"a\"], [\"b\"]]\nright = [\"c\"]";
    assert_eq!(prompt_lines(two, "zsh", 12), "\n\n<a>     <c>\n<b> ");
    let last = "left = [[\"a\"], [\"b\"]]\nright = [[], [\"c\"]]";
    assert_eq!(prompt_lines(last, "zsh", 20), format!("<c>\n\n<a>{}\n<b> ", " ".repeat(16)));
}

#[test]
fn a_prompt_is_never_empty_and_leaves_room_to_type() {
    assert_eq!(prompt_lines("left = []", "zsh", 30), "\n\n ");
    assert_eq!(prompt_lines("left = [\"a\"]\nright = [\"b\"]", "zsh", 8), "\n\n<a> ");
}

/// How many whole blocks a bar of so many cells that is 42 % full has beside a text of eight cells,
/// and whether the text is there, at each of these widths.
fn beside_a_text(cells: usize, widths: &[usize]) -> Vec<(usize, bool)> {
    let text = format!(
        "[line.x]\nleft = [\"wide\", \"text\"]\n\
         [segment.wide]\nuse = \"cpu\"\nformat = \"$usage.bar(w:{cells})\"\n\
         [segment.text]\nformat = \" a text \"\npriority = 1\n"
    );
    let file = SourceFile { path: "x.toml".into(), text };
    let config = build(&Gathered { files: vec![file], ..Gathered::default() });
    assert_eq!(config.problems, [""; 0]);
    let readings = crate::sample_data::SampleData::of(&config);
    let want = Want { slot: "left", ..PLAIN };
    let cells = |columns: &usize| {
        let row = plain(&config, want, &readings, *columns);
        (row.matches('█').count(), row.contains("a text"))
    };
    widths.iter().map(cells).collect()
}

#[test]
fn a_wide_graph_makes_room_before_a_neighbour_goes() {
    // 42 % of 40 cells, of half of them, of those again.
    assert_eq!(beside_a_text(40, &[48, 47, 27]), [(16, true), (8, true), (8, false)]);
}

#[test]
fn a_graph_takes_the_room_back_when_the_neighbour_went_all_the_same() {
    let seen = beside_a_text(8, &[16, 15, 12, 11, 7]);
    assert_eq!(seen, [(3, true), (1, true), (1, true), (3, false), (1, false)]);
}
