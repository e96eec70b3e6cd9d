//! One variable of the asker's environment, such as the Python environment, the cloud account or
//! the cluster in use.
//!
//! Only declared variables travel from a client to the daemon, so the list is fixed. It holds
//! variables that say where one works, and none that is likely to hold a secret.

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, OptionType, OptionValue, Pace, RunsIn, Scope,
    Source, Unit, expected, options,
};
use crate::base::untrusted::Untrusted;
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

options! {
    /// The variable to show.
    name: Name = Name("VIRTUAL_ENV"),
}

/// The variables that can be shown, in the order of their names.
const NAMES: &[&str] = &[
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_VAULT",
    "CLOUDSDK_ACTIVE_CONFIG_NAME",
    "CONDA_DEFAULT_ENV",
    "CONTAINER_ID",
    "DIRENV_DIR",
    "DISPLAY",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "GUIX_ENVIRONMENT",
    "IN_NIX_SHELL",
    "KUBECONFIG",
    "LANG",
    "LC_ALL",
    "NODE_ENV",
    "OS_CLOUD",
    "PYENV_VERSION",
    "RAILS_ENV",
    "RUSTUP_TOOLCHAIN",
    "SHLVL",
    "TERM",
    "TERM_PROGRAM",
    "TF_WORKSPACE",
    "TZ",
    "VAGRANT_CWD",
    "VIRTUAL_ENV",
    "WAYLAND_DISPLAY",
];

pub(crate) static SEGMENT: Kind = Kind {
    name: "env",
    about: "A variable of your environment.",
    icons: Icons { nerd: "", unicode: "", ascii: "" },
    format: " ($icon )$short.text(max:24,cut:middle) ",
    fields: &[
        Field::new("name", "the variable's name", Unit::Text),
        Field::new("value", "its value", Unit::Text),
        Field::new("short", "the last part of the value, if it is a path", Unit::Text),
    ],
    options: OPTIONS,
    env: NAMES,
    scope: Scope::Environment,
    runs_in: RunsIn::Daemon,
    pace: Pace::Ask,
    priority: 58,
    open,
};

/// A name among [`NAMES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name(&'static str);

impl OptionValue for Name {
    const TYPE: OptionType = OptionType::Choice(NAMES);

    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        let text = value.as_str().ok_or_else(|| expected(Self::TYPE, value))?;
        let known = NAMES.iter().find(|known| **known == text);
        known
            .copied()
            .map(Name)
            .ok_or_else(|| format!("expected {}, found {text:?}", Self::TYPE.describe()))
    }

    fn to_toml(&self) -> toml::Value {
        self.0.into()
    }
}

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Env { name: Options::read(table)?.name.0 }))
}

struct Env {
    name: &'static str,
}

impl Source for Env {
    fn sample(&mut self, _: &Machine, ask: &Ask) -> Result<Option<Sample>, Error> {
        let Some(value) = ask.env(self.name) else { return Ok(None) };
        let sample = Sample::new(Level::Idle)
            .with("name", Value::text(self.name))
            .with("value", Value::text(value))
            .with("short", Value::Text(short(value)));
        Ok(Some(sample))
    }
}

/// A path's last part. A Python environment without a name of its own is named after its project.
fn short(value: &str) -> Untrusted {
    if !value.starts_with('/') {
        return value.into();
    }
    let mut parts = value.split('/').filter(|part| !part.is_empty()).rev();
    let usual = |part: &&str| matches!(*part, ".venv" | "venv" | ".env" | "env");
    match (parts.next(), parts.next()) {
        (Some(last), Some(project)) if usual(&last) => project.into(),
        (Some(last), _) => last.into(),
        (None, _) => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::{refused, sample_for};
    use crate::machine::fixture;

    fn sample(name: &str, env: &[(&str, &str)]) -> Option<Sample> {
        let env = env.iter().map(|(name, value)| (name.to_string(), (*value).into())).collect();
        let options = format!("name = {name:?}");
        sample_for(&SEGMENT, &options, &fixture("empty"), &Ask { env, ..Ask::default() })
    }

    #[test]
    fn shows_its_variable_and_no_other() {
        let env = [("AWS_PROFILE", "production"), ("LANG", "C.UTF-8")];
        let shown = sample("AWS_PROFILE", &env).expect("set");
        assert_eq!(shown.get("value"), Some(&Value::text("production")));
        assert_eq!(sample("VIRTUAL_ENV", &env), None);
        assert_eq!(sample("LANG", &[("LANG", "")]), None);
    }

    #[test]
    fn a_path_is_shortened_and_a_venv_is_named_after_its_project() {
        let short = |value| short(value).reveal().to_owned();
        assert_eq!(short("/home/ann/envs/web"), "web");
        assert_eq!(short("/home/ann/shop/.venv/"), "shop");
        assert_eq!(
            ["/", "base", "tcp://a/b", "/.venv"].map(short),
            ["/", "base", "tcp://a/b", ".venv"]
        );
    }

    #[test]
    fn an_undeclared_variable_is_refused() {
        let error = refused(&SEGMENT, "name = 'AWS_SECRET_ACCESS_KEY'");
        assert!(error.key == "name" && error.message.contains("AWS_PROFILE"));
    }

    #[test]
    fn names_are_in_order() {
        assert!(NAMES.is_sorted());
    }
}
