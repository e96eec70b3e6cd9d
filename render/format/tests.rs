use super::*;
use rainline_segments::{Ask, Error, Icons, Level, Machine, Pace, Part, RunsIn, Scope, Source};

const FIELDS: &[Field] = &[
    Field { name: "usage", about: "", unit: Unit::Percent },
    Field { name: "bytes", about: "", unit: Unit::Bytes },
    Field { name: "name", about: "", unit: Unit::Text },
    Field { name: "other", about: "", unit: Unit::Text },
    Field { name: "at", about: "", unit: Unit::Time },
    Field { name: "past", about: "", unit: Unit::History("usage") },
    Field { name: "limit", about: "", unit: Unit::Percent },
    Field { name: "bytes-past", about: "", unit: Unit::History("bytes") },
    Field { name: "limit-past", about: "", unit: Unit::History("limit") },
    Field { name: "parts", about: "", unit: Unit::Parts },
];

struct Nothing;
impl Source for Nothing {
    fn sample(&mut self, _: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
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
    scope: Scope::Machine,
    runs_in: RunsIn::Daemon,
    pace: Pace::Ask,
    priority: 50,
    open: |_| Ok(Box::new(Nothing)),
};

pub(super) fn fill(template: &str, sample: &Sample) -> String {
    fill_with(template, sample, &[], Glyphs::Unicode)
}

fn fill_with(
    template: &str,
    sample: &Sample,
    rings: &[(&'static str, Ring)],
    glyphs: Glyphs,
) -> String {
    let format = Format::parse(template, &KIND).expect("a right template");
    let context = Context {
        sample,
        rings,
        kind: &KIND,
        icon: "I",
        glyphs,
        colour: true,
        policy: Policy::Wcwidth,
        lost: false,
        graphs: Default::default(),
        asked: &Default::default(),
    };
    let text = |run: Run| match run.content {
        Content::Ours(text) | Content::Icon(text) => text,
        Content::Outside(text) => text.reveal().to_owned(),
        Content::Live { known, .. } => known.reveal().to_owned(),
        Content::Graph { cells, .. } => cells.iter().map(|cell| cell.glyph).collect(),
    };
    format.fill(&context).into_iter().map(text).collect()
}

pub(super) fn sample() -> Sample {
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

/// Rings in which `usage` rises from 0 to 100, and the others fall.
fn rings() -> [(&'static str, Ring); 3] {
    let mut rings = ["usage", "bytes", "limit"].map(|field| (field, Ring::default()));
    for second in 0..=10_u64 {
        for (field, ring) in &mut rings {
            let at = if *field == "usage" { second } else { 10 - second };
            ring.push(at as f64 * 10.0, second);
        }
    }
    rings
}

#[test]
fn a_second_field_of_the_sample_is_drawn_with_the_first() {
    let part = |(name, value): (&'static str, f64)| Part { name: name.into(), value };
    let parts = [("a", 3.0), ("b", 5.0)].map(part).into();
    let sample = sample().with("parts", Value::Parts { parts, whole: 8.0 });
    let drawn = |template, glyphs| fill_with(template, &sample, &rings(), glyphs);
    assert_eq!(drawn("$past.pair(4,with:bytes-past)", Glyphs::Unicode), "▀▀▀▀");
    assert_eq!(drawn("$past.pair(11,with:bytes-past)", Glyphs::Ascii), ".....:'''''");
    assert_eq!(drawn("$past.mirror(5,with:limit-past)", Glyphs::Ascii), "^^^^^");
    assert_eq!(drawn("$past.rain(4,over:parts)", Glyphs::Unicode), "▆▌▇▇");
    assert_eq!(drawn("$past.whisker(2,every:3)", Glyphs::Ascii), "+#");
    assert_eq!(drawn("$parts.columns()$parts.heat()", Glyphs::Ascii), "*#9");
    // Those fields count as used, so the source reads them.
    let format = Format::parse("$past.rain(over:parts,hue:limit-past)", &KIND).expect("right");
    assert_eq!(format.fields(), ["past", "parts", "limit-past"]);
}

#[test]
fn a_second_field_that_does_not_fit_is_a_fault() {
    let fault = |template: &str| {
        let faults = Format::parse(template, &KIND).expect_err("wrong");
        assert_eq!(faults.len(), 1, "{faults:?}");
        faults[0].clone()
    };
    let hint = |template: &str| fault(template).hint;
    let says = |template: &str, part: &str| {
        let message = fault(template).message;
        assert!(message.contains(part), "{message}");
    };
    assert_eq!(hint("$past.pair(with:byte-past)").as_deref(), Some("bytes-past"));
    says("$past.pair(with:limit)", "`limit` is percent");
    assert_eq!(fault("$past.pair()").span, 6..10);
    says("$past.pair()", "needs `with:` and a field: past, bytes-past");
    says("$past.mirror(with:bytes-past)", "of bytes");
    assert_eq!(hint("$past.rain(over:partz)").as_deref(), Some("parts"));
    assert_eq!(hint("$past.rain(over:parts,hue:limit-pats)").as_deref(), Some("limit-past"));
    says("$past.rain(over:parts,hue:bytes-past)", "`bytes-past` is history, not fit for `hue`");
    assert_eq!(hint("$usage.bar(marker:limt)").as_deref(), Some("limit"));
    says("$usage.bar(marker:bytes)", "`bytes` is bytes");
    assert_eq!(hint("$past.spark(scale:lgo)").as_deref(), Some("log"));
}

#[test]
fn a_marker_is_a_number_or_a_field() {
    let sample = sample().with("limit", Value::percent(80.0));
    assert_eq!(fill("$usage.bar(w:10,marker:80)", &sample), "████▎   ▏ ");
    assert_eq!(fill("$usage.bar(w:10,marker:limit)", &sample), "████▎   ▏ ");
    assert_eq!(fill("$bytes.bar(w:4,marker:8e9)", &sample), "█▉ ▕");
    // Without the field there is nothing to mark.
    assert_eq!(fill("$usage.bar(w:10,marker:limit)", &self::sample()), "████▎     ");
}

#[test]
fn deep_nesting_ends() {
    assert!(Format::parse(&"(".repeat(100_000), &KIND).is_err());
    assert!(Format::parse(&"{[".repeat(100_000), &KIND).is_err());
}

/// The digits of infinity were counted.
#[test]
fn numbers_that_are_none_keep_their_place_empty() {
    for number in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        let sample = Sample::new(Level::Idle).with("bytes", Value::number(number));
        assert_eq!(fill("$bytes.eng(w:3)", &sample).trim(), "–");
        assert_eq!(fill("$bytes.num(w:3)", &sample), "  –");
    }
}
