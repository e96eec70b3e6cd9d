//! Time spans and numbers of any size: refused or kept, and the daemon lives.

use std::time::Duration;

use rainline::config::{Config, Gathered, SourceFile, alerts, build, common};
use rainline::line::rows::{self, Age, Reading, Readings, Want};
use rainline_caps::{Caps, Policy};
use rainline_render::width::width;
use rainline_segments::{ALL, Machine, OptionType, Ring, Sample, SetValue, Unit, find, quantity};

use crate::support::{Sandbox, until_true};

const LONG: [&str; 9] = [
    "0s",
    "1ms",
    "36500d",
    "36501d",
    "18446744073709549568s",
    "18446744073709551615s",
    "18446744073709551615999s",
    "9999999999999999w 6d 23h 59m 59s 999ms",
    "99999999999999999999999999999999999999999999999999w",
];

fn built(text: String) -> Config {
    let file = SourceFile { path: "config.toml".into(), text };
    build(&Gathered { files: vec![file], ..Gathered::default() })
}

/// Every option that is a time span, of every kind, of all kinds, and of alerts. What is fine is
/// short enough to be added to any clock.
#[test]
fn a_time_span_of_any_option_is_refused_or_has_a_limit() {
    let is_span = |accepts: &OptionType| matches!(accepts, OptionType::TimeSpan);
    let mut sections = Vec::new();
    for kind in ALL {
        for option in kind.options.iter().chain(common::OPTIONS).filter(|o| is_span(&o.accepts)) {
            sections.push(format!("[segment.x]\nuse = \"{}\"\n{} = ", kind.name, option.name));
        }
    }
    for option in alerts::OPTIONS.iter().filter(|option| is_span(&option.accepts)) {
        let alert = "[alert.x]\nsegment = \"cpu\"\ndo = \"bell\"";
        sections.push(format!("{alert}\n{} = ", option.name));
    }
    assert!(sections.len() > 40, "{}", sections.len());
    let limit = Duration::from_secs(100 * 366 * 24 * 3600);
    for section in sections {
        for span in LONG {
            let config = built(format!("{section}\"{span}\"\n"));
            let refused = config.problems.iter().any(|problem| problem.starts_with("config.toml:"));
            let is_long = span.len() > 15 || span == "36501d";
            assert!(refused || !is_long, "{section}{span}");
            let timeouts = config.instances.iter().filter_map(|instance| instance.timeout);
            let alerts = config.alerts.iter().flat_map(|alert| [Some(alert.hold), alert.again]);
            assert!(timeouts.chain(alerts.flatten()).all(|span| span <= limit), "{section}{span}");
        }
    }
}

#[test]
fn the_longest_time_spans_work_and_longer_ones_end_no_daemon() {
    let options = "[segment.x]\nuse = \"custom\"\nfields = { v = \"percent\" }\nlevel-by = \"v\"\n\
                   interval = \"36500d\"\nformat = \"<$v>\"\n[line.tmux]\nright = [\"x\"]\n\
                   [alert.a]\nsegment = \"x\"\nlevel = \"warning\"\ndo = [\"true\"]\n";
    let sandbox = Sandbox::running(&format!("{options}hold = \"36500d\"\nagain = \"36500d\"\n"));
    let daemon = sandbox.daemon();
    sandbox.print(&["tmux", "right"]);
    for span in LONG {
        let pushed = sandbox.run(&["set", "x", "v=99", "--for", span]);
        let said = String::from_utf8_lossy(&pushed.stderr).into_owned();
        let is_long = span.len() > 15 || span == "36501d";
        assert_eq!(pushed.status.success(), !is_long, "{span}: {said}");
        assert_eq!(said.contains("at most 100 years"), is_long, "{span}: {said}");
        assert_eq!(sandbox.daemon(), daemon, "{span}");
    }
    for span in LONG {
        sandbox.configure(&format!("{options}hold = \"0s\"\nagain = \"{span}\"\n"));
        sandbox.output(&["daemon", "reload"]);
        sandbox.output(&["set", "x", "v=99"]);
        until_true("a line", || sandbox.print(&["tmux", "right"]).contains("<"));
        assert_eq!(sandbox.daemon(), daemon, "{span}");
    }
}

/// One sample for all instances.
struct All<'a>(&'a Sample, &'a [(&'static str, Ring)]);

impl Readings for All<'_> {
    fn reading(&self, _: u16) -> Reading<'_> {
        Reading { sample: Some(self.0), age: Age::Fresh, rings: self.1 }
    }
}

#[test]
fn a_pushed_number_of_any_size_is_refused_or_drawn_in_its_cells() {
    let nines = "9".repeat(400);
    let numbers = [
        "0",
        "-0",
        "1e308",
        "-1e308",
        "1e-320",
        "NaN",
        "inf",
        "-inf",
        "1e999",
        &nines,
        "18446744073709551616",
        "-9223372036854775809",
        "0/0",
        "5/0",
        "1e308/1e-308",
        "9999999999999999999999999999P",
        "1/3",
        "-1/-1",
    ];
    let machine = Machine::real();
    for unit in quantity::UNITS.iter().filter(|unit| **unit != Unit::Text) {
        let graphs = if unit.is_number() {
            "$v_history.spark(w:9) $v_history.braille() $v_history.whisker()"
        } else {
            ""
        };
        let options = format!("fields = {{ v = \"{}\" }}\n", unit.name());
        let config = built(format!(
            "[segment.x]\nuse = \"custom\"\n{options}format = \"$v {graphs}\"\n[line.x]\nleft = [\"x\"]\n"
        ));
        assert_eq!(config.problems, [""; 0]);
        let kind = config.instances[usize::from(config.instance("x").expect("built"))].kind;
        let mut source = (find("custom").expect("a kind").open)(&options.parse().expect("TOML"))
            .unwrap_or_else(|error| panic!("{error}"));
        let mut drawn = 0;
        for number in numbers {
            let json = |text: String| SetValue { text, json: true, ..SetValue::default() };
            for value in [
                SetValue { text: number.into(), ..SetValue::default() },
                SetValue { text: format!("v={number}"), ..SetValue::default() },
                json(format!("{{\"v\": {number}}}")),
                json(format!("{{\"v\": \"{number}\"}}")),
                json(format!("{{\"v\": [{number}, {number}]}}")),
                json(format!("{{\"v\": [{number}, 1e-308]}}")),
                json(format!("{{\"v\": [1, {number}]}}")),
            ] {
                let Ok(Some(sample)) = source.set(&machine, &value) else { continue };
                let mut ring = Ring::default();
                for number in [1.0, -1e308, 1e308, f64::INFINITY, f64::NAN, -0.0] {
                    ring.push(number, 60);
                    let pushed = sample.get("v").and_then(rainline_segments::Value::as_number);
                    ring.push(pushed.unwrap_or(f64::NAN), 120);
                }
                let fields = kind.fields.iter().map(|field| field.name);
                let rings: Vec<_> = fields.map(|name| (name, ring.clone())).collect();
                for columns in [1, 9, 40, 400] {
                    let caps = Caps { columns, ..Caps::default() };
                    let want = Want { line: "x", slot: "left", theme: "" };
                    let frames = rows::rows(&config, want, &All(&sample, &rings), &caps);
                    let plain = rainline_render::targets::find("plain").expect("there");
                    let line = rows::encode(&frames, plain, &caps);
                    assert!(width(&line, Policy::Wcwidth) <= columns, "{number}: {line}");
                    drawn += 1;
                }
            }
        }
        assert!(drawn > 0, "{}", unit.name());
    }
}
