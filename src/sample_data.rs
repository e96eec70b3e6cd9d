//! Made-up readings, from what the kinds declare of their fields: for previews and pictures, where
//! a machine's own values would show too little.

use std::f64::consts::PI;
use std::time::Duration;

use chrono::DateTime;
use rainline_segments::{Field, Kind, Level, Part, Ring, Sample, Unit, Value};

use crate::config::Config;
use crate::line::rows::{Age, Reading, Readings};
use rainline_render::frame::InstanceId;

/// Readings of every instance of a config, the same each time.
pub struct SampleData {
    readings: Vec<(Sample, Vec<(&'static str, Ring)>)>,
}

impl SampleData {
    /// Readings for the instances of this config.
    pub fn of(config: &Config) -> SampleData {
        let reading = |(index, kind): (usize, &'static Kind)| (sample(kind), rings(kind, index));
        let kinds = config.instances.iter().map(|instance| instance.kind).enumerate();
        SampleData { readings: kinds.map(reading).collect() }
    }
}

impl Readings for SampleData {
    fn reading(&self, instance: InstanceId) -> Reading<'_> {
        match self.readings.get(usize::from(instance)) {
            Some((sample, rings)) => Reading { sample: Some(sample), age: Age::Fresh, rings },
            None => Reading::default(),
        }
    }
}

/// Text fields that hold a sign, whatever their kind.
const SIGNS: [(&str, &str); 4] =
    [("arrow", "↓"), ("down_arrow", "↓"), ("up_arrow", "↑"), ("unit", "°C")];

/// 42 % of everything, a text for every text.
fn sample(kind: &'static Kind) -> Sample {
    const GIB: f64 = (1 << 30) as f64;
    let mut sample = Sample::new(Level::Idle);
    for field in kind.fields {
        let value = match field.unit {
            Unit::Text => {
                let sign = SIGNS.iter().find(|(name, _)| *name == field.name);
                Value::text(sign.map_or(field.name, |(_, sign)| sign))
            }
            Unit::Percent => Value::percent(42.0),
            Unit::Bytes => Value::of(3.36 * GIB, 8.0 * GIB),
            Unit::Count => Value::of(2.0, 5.0),
            Unit::Celsius => Value::of(54.0, 100.0),
            Unit::Watts => Value::number(7.4),
            Unit::Duration => Value::Duration(Duration::from_secs(11_520)),
            // 2026-11-23 14:32:05 UTC.
            Unit::Time => Value::Time(DateTime::UNIX_EPOCH.fixed_offset() + MOMENT),
            Unit::Parts => parts(kind, field),
            Unit::History(_) => continue,
        };
        sample.values.push((field.name, value));
    }
    sample
}

const MOMENT: Duration = Duration::from_secs(1_795_444_325);

/// `bands` are the percentages among the kind's fields, `cores` sixteen processors at work; all
/// other parts are those of a memory.
fn parts(kind: &'static Kind, field: &Field) -> Value {
    const MEMORY: [(&str, f64); 5] =
        [("kernel", 9.0), ("anonymous", 31.0), ("shared", 6.0), ("cache", 28.0), ("free", 26.0)];
    let parts: Vec<Part> = match field.name {
        "bands" => {
            let bands = kind.fields.iter().filter(|f| f.unit == Unit::Percent && f.name != "usage");
            bands.zip([26.0, 4.0, 11.0, 1.0]).map(|(f, value)| part(f.name, value)).collect()
        }
        "cores" => (0..16).map(|core| part("core", f64::from(core * 61 % 101))).collect(),
        _ => MEMORY.into_iter().map(|(name, value)| part(name, value)).collect(),
    };
    let whole = if field.name == "cores" { 100.0 * parts.len() as f64 } else { 100.0 };
    Value::Parts { parts, whole }
}

fn part(name: &'static str, value: f64) -> Part {
    Part { name: name.into(), value }
}

/// Quiet stretches and a few peaks, different for each instance and field.
fn rings(kind: &'static Kind, index: usize) -> Vec<(&'static str, Ring)> {
    let mut rings = Vec::new();
    for field in kind.fields {
        let Unit::History(of) = field.unit else { continue };
        let mut ring = Ring::default();
        for second in 0..120_u64 {
            let t = second as f64 / 6.0 + (index + 2 * rings.len()) as f64;
            let wave = 38.0 + 24.0 * (t * PI / 3.0).sin() + 20.0 * (t * 2.3).sin();
            ring.push(wave.clamp(2.0, 98.0), second);
        }
        rings.push((of, ring));
    }
    rings
}
