//! A sample outside of the process that took it.

use std::time::Duration;

use rainline_segments::{Kind, Level, Sample, Value};
use serde::{Deserialize, Serialize};

/// A sample whose field names are texts, until its kind turns them into its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PortableSample {
    level: Level,
    values: Vec<(String, Value)>,
}

impl PortableSample {
    /// Turns the field names of a sample into texts.
    pub fn new(sample: Sample) -> PortableSample {
        let values = sample.values.into_iter().map(|(name, value)| (name.to_owned(), value));
        PortableSample { level: sample.level, values: values.collect() }
    }

    /// The sample, with the names that its kind declares; others are dropped.
    pub fn sample(self, kind: &Kind) -> Sample {
        let mut sample = Sample::new(self.level);
        for (name, value) in self.values {
            if let Some(field) = kind.fields.iter().find(|field| field.name == name) {
                sample.values.push((field.name, value));
            }
        }
        sample
    }
}

/// The last sample of a followed source, for a line that is drawn while no daemon follows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastSample {
    /// When it was last known to be right, by the wall clock.
    pub at: Duration,
    /// `None`: there was nothing to show.
    pub sample: Option<PortableSample>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_keeps_only_the_names_of_its_kind() {
        let kind = rainline_segments::ALL[0];
        let value = Value::text("x");
        let names = kind.fields.iter().map(|field| field.name.to_owned());
        let values = names.chain(["no-such-field".to_owned()]).map(|name| (name, value.clone()));
        let portable = PortableSample { level: Level::Good, values: values.collect() };
        let sample = portable.sample(kind);
        assert_eq!(sample.values.len(), kind.fields.len());
        assert_eq!(sample.level, Level::Good);
    }
}
