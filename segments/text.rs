//! A text from the config, shown as it is.

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

options! {
    /// The text to show.
    text: String = "",
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "text",
    about: "A text of your own.",
    icons: Icons { nerd: "", unicode: "", ascii: "" },
    format: " $text ",
    fields: &[Field::new("text", "the text", Unit::Text)],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Daemon,
    pace: Pace::Change,
    priority: 50,
    open: |table| Ok(Box::new(Text { text: Options::read(table)?.text })),
};

struct Text {
    text: String,
}

impl Source for Text {
    fn sample(&mut self, _: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        if self.text.is_empty() {
            return Ok(None);
        }
        Ok(Some(Sample::new(Level::Idle).with("text", Value::text(self.text.as_str()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::sample_with;
    use crate::machine::fixture;

    fn sample(text: &str) -> Option<Sample> {
        sample_with(&SEGMENT, &format!("text = {text:?}"), &fixture("empty"))
    }

    #[test]
    fn shows_the_text_and_hides_an_empty_one() {
        let sample_of = sample("$HOME #[bold] é");
        assert_eq!(
            sample_of.expect("something to show").get("text"),
            Some(&Value::text("$HOME #[bold] é"))
        );
        assert_eq!(sample(""), None);
    }
}
