//! The name of this machine, and whether the asker came by ssh.
//!
//! `ssh` comes from the asker's environment. It may be outdated: a tmux server that was reached by
//! ssh, and is now used locally, passes its old environment to its old panes (`update-environment`
//! helps new ones).

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, choice, options,
};
use crate::base::untrusted::Untrusted;
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

choice! {
    /// When it is hidden.
    HideWhen { Never = "never", Local = "local" }
}

options! {
    /// `local`: hidden unless you came by ssh.
    hide_when: HideWhen = HideWhen::Never,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "hostname",
    about: "The name of this machine, and whether you came by ssh.",
    icons: Icons { nerd: "\u{f233}", unicode: "", ascii: "" },
    format: " ($ssh )($icon )$short ",
    fields: &[
        Field::new("name", "the full name", Unit::Text),
        Field::new("short", "the name up to its first dot", Unit::Text),
        Field::new("ssh", "`ssh` if you came by it", Unit::Text),
        Field::new("client", "the address you came from", Unit::Text),
    ],
    options: OPTIONS,
    env: &["SSH_CONNECTION", "SSH_TTY"],
    scope: Scope::Environment,
    runs_in: RunsIn::Daemon,
    pace: Pace::Ask,
    priority: 60,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Hostname { options: Options::read(table)? }))
}

struct Hostname {
    options: Options,
}

impl Source for Hostname {
    fn sample(&mut self, machine: &Machine, ask: &Ask) -> Result<Option<Sample>, Error> {
        let connection = ask.env("SSH_CONNECTION");
        let ssh = connection.is_some() || ask.env("SSH_TTY").is_some();
        let name = Untrusted::new(machine.hostname());
        if name.is_empty() || (self.options.hide_when == HideWhen::Local && !ssh) {
            return Ok(None);
        }
        // A name that begins with a dot is shown whole.
        let short = match name.reveal().split('.').next() {
            Some(short) if !short.is_empty() => Untrusted::from(short),
            _ => name.clone(),
        };
        let client = connection.and_then(|connection| connection.split(' ').next());
        let sample = Sample::new(if ssh { Level::Info } else { Level::Idle })
            .with("name", Value::Text(name))
            .with("short", Value::Text(short))
            .with_some("ssh", ssh.then(|| Value::text("ssh")))
            .with_some("client", client.map(Value::text));
        Ok(Some(sample))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::sample_for;
    use crate::machine::fixture;

    fn sample(options: &str, machine: &str, env: &[(&str, &str)]) -> Option<Sample> {
        let env = env.iter().map(|(name, value)| (name.to_string(), (*value).into())).collect();
        let ask = Ask { env, ..Ask::default() };
        sample_for(&SEGMENT, options, &fixture(machine), &ask)
    }

    #[test]
    fn short_is_up_to_the_first_dot() {
        let sample = sample("", "laptop", &[]).expect("a name");
        assert_eq!(sample.get("name"), Some(&Value::text("slate.home.example")));
        assert_eq!(sample.get("short"), Some(&Value::text("slate")));
        assert_eq!((sample.get("ssh"), sample.level), (None, Level::Idle));
    }

    #[test]
    fn ssh_is_known_with_the_clients_address() {
        let env = [("SSH_CONNECTION", "10.0.0.7 51234 10.0.0.1 22"), ("SSH_TTY", "/dev/pts/1")];
        let sample = sample("", "server", &env).expect("a name");
        assert_eq!(sample.get("ssh"), Some(&Value::text("ssh")));
        assert_eq!(sample.get("client"), Some(&Value::text("10.0.0.7")));
        assert_eq!(sample.level, Level::Info);
    }

    #[test]
    fn can_be_hidden_for_local_users() {
        assert_eq!(sample("hide-when = 'local'", "laptop", &[]), None);
        assert!(sample("hide-when = 'local'", "laptop", &[("SSH_TTY", "/dev/pts/1")]).is_some());
    }

    #[test]
    fn a_hostile_name_is_cleaned_and_an_empty_one_hidden() {
        let sample_of = sample("", "broken", &[]).expect("a name");
        assert_eq!(sample_of.get("name"), Some(&Value::text("evil·]0;x·#(id)")));
        assert_eq!(sample("", "empty", &[]), None);
    }
}
