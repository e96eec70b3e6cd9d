use super::*;
use rainline_segments::{Ask, Error, Host, Icons, Level, Pace, Scope, Source, Where};

const FIELDS: &[Field] = &[
    Field { name: "usage", about: "", unit: Unit::Percent },
    Field { name: "bytes", about: "", unit: Unit::Bytes },
    Field { name: "name", about: "", unit: Unit::Text },
    Field { name: "other", about: "", unit: Unit::Text },
    Field { name: "at", about: "", unit: Unit::Time },
    Field { name: "past", about: "", unit: Unit::History("usage") },
];

struct Nothing;
impl Source for Nothing {
    fn sample(&mut self, _: &Host, _: &Ask) -> Result<Option<Sample>, Error> {
        Ok(None)
    }
}

static KIND: Kind = Kind {
    name: "kind",
    about: "",
    icons: Icons { nerd: "", unicode: "", ascii: "" },
    format: "",
    fields: FIELDS,
    options: &[],
    env: &[],
    scope: Scope::Host,
    place: Where::Daemon,
    pace: Pace::Ask,
    priority: 50,
    open: |_| Ok(Box::new(Nothing)),
};

fn fill(template: &str, sample: &Sample) -> String {
    let format = Format::parse(template, &KIND).expect("a right template");
    let context = Context {
        sample,
        rings: &[],
        kind: &KIND,
        icon: "I",
        glyphs: Glyphs::Unicode,
        colour: true,
        policy: Policy::Wcwidth,
        lost: false,
    };
    let text = |run: Run| match run.content {
        Content::Ours(text) | Content::Icon(text) => text,
        Content::Outside(text) => text.reveal().to_owned(),
        Content::Live { known, .. } => known.reveal().to_owned(),
        Content::Graph { dots, .. } => dots.iter().map(|dot| dot.glyph).collect(),
    };
    format.fill(&context).into_iter().map(text).collect()
}

fn sample() -> Sample {
    Sample::new(Level::Idle)
        .with("usage", Value::percent(42.4))
        .with("bytes", Value::of(3.5 * 1024.0 * 1024.0 * 1024.0, 8e9))
        .with("name", Value::text("main"))
}

#[test]
fn fields_text_and_escapes() {
    assert_eq!(fill(r"$icon $usage \$ \[$name\]", &sample()), "I  42% $ [main]");
    assert_eq!(fill("${name}s. $name.", &sample()), "mains. main.");
}

#[test]
fn a_group_without_a_value_is_not_shown() {
    assert_eq!(fill("a( on $name)( in $other)", &sample()), "a on main");
}

#[test]
fn an_icon_alone_in_a_group_is_shown_if_there_is_one() {
    assert_eq!(fill("($icon )$name( $icon $other)", &sample()), "I main");
}

#[test]
fn the_first_whole_alternative_is_shown() {
    assert_eq!(fill("{$other!|$name?|none}", &sample()), "main?");
    assert_eq!(fill("{$other|none}", &sample()), "none");
}

#[test]
fn formatters_write_what_they_say() {
    assert_eq!(fill("$bytes.eng(unit:B)", &sample()), "3.50GB");
    assert_eq!(fill("$usage.num(w:6,p:2)", &sample()), " 42.40");
    assert_eq!(fill("$name.text(max:3)", &sample()), "ma…");
    assert_eq!(fill("$name.text(3,cut:start)", &sample()), "…in");
}

#[test]
fn prefixes_never_make_a_number_wider() {
    for (value, text) in
        [(0.0, "    0"), (999.4, "  999"), (999.6, "0.98K"), (1023e3, " 999K"), (1024e4, "9.77M")]
    {
        let sample = Sample::new(Level::Idle).with("bytes", Value::number(value));
        assert_eq!(fill("$bytes", &sample), text, "{value}");
    }
}

#[test]
fn what_was_not_read_yet_keeps_its_cells() {
    let empty = Sample::new(Level::Idle);
    assert_eq!(fill("$usage|$bytes|$name", &empty), "  –%|    –|");
}

#[test]
fn faults_have_places_and_suggestions() {
    let faults = |template: &str| -> Vec<(Range<usize>, Option<String>)> {
        let faults = Format::parse(template, &KIND).expect_err("wrong");
        faults.into_iter().map(|fault| (fault.span, fault.hint)).collect()
    };
    assert_eq!(faults("a $usgae"), [(3..8, Some("usage".into()))]);
    assert_eq!(faults("$usage.pcr()"), [(7..10, Some("pct".into()))]);
    assert_eq!(faults("$name.pct()"), [(6..9, None)]);
    assert_eq!(faults("$usage.bar(w:x)"), [(11..14, None)]);
    assert_eq!(faults("$usage.bar(width:9)"), [(11..18, None)]);
    assert_eq!(faults("$at.time('%H:%Q')"), [(9..16, None)]);
    assert_eq!(faults("[a]"), [(0..3, None)]);
    assert_eq!(faults("[a](fg:#1)"), [(7..9, None)]);
    assert_eq!(faults("a)"), [(1..2, None)]);
    assert_eq!(faults("(a"), [(0..1, None)]);
}

#[test]
fn deep_nesting_ends() {
    assert!(Format::parse(&"(".repeat(100_000), &KIND).is_err());
    assert!(Format::parse(&"{[".repeat(100_000), &KIND).is_err());
}

/// The digits of what is infinite were counted.
#[test]
fn numbers_that_are_none_keep_their_place_empty() {
    for number in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        let sample = Sample::new(Level::Idle).with("bytes", Value::number(number));
        assert_eq!(fill("$bytes.eng(w:3)", &sample).trim(), "–");
        assert_eq!(fill("$bytes.num(w:3)", &sample), "  –");
    }
}
