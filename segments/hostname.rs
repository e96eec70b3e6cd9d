//! The name of this machine, and whether one looks at it from afar.
//!
//! `ssh` says what the asker's environment says: a tmux server that was reached by ssh and is now
//! looked at locally hands its old environment to its old panes (`update-environment` helps new
//! ones).

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::untrusted::Untrusted;
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

options! {
    /// Show the name only to those who came by ssh.
    ssh_only: bool = false,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "hostname",
    about: "The name of this machine, and whether you came by ssh.",
    icons: Icons { nerd: "\u{f233}", unicode: "", ascii: "" },
    format: " ($ssh )($icon )$short ",
    fields: &[
        Field::new("name", "the whole name", Unit::Text),
        Field::new("short", "the name up to its first dot", Unit::Text),
        Field::new("ssh", "`ssh` if you came by it", Unit::Text),
        Field::new("client", "the address you came from", Unit::Text),
    ],
    options: OPTIONS,
    env: &["SSH_CONNECTION", "SSH_TTY"],
    scope: Scope::Client,
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
        if name.is_empty() || (self.options.ssh_only && !ssh) {
            return Ok(None);
        }
        // A name that begins with its dot is all there is to show.
        let short = match name.reveal().split('.').next() {
            Some(short) if !short.is_empty() => Untrusted::from(short),
            _ => name.clone(),
        };
        let mut sample = Sample::new(if ssh { Level::Info } else { Level::Idle })
            .with("name", Value::Text(name))
            .with("short", Value::Text(short));
        if ssh {
            sample = sample.with("ssh", Value::text("ssh"));
        }
        if let Some(client) = connection.and_then(|connection| connection.split(' ').next()) {
            sample = sample.with("client", Value::text(client));
        }
        Ok(Some(sample))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fixture;

    fn sample(options: &str, machine: &str, env: &[(&str, &str)]) -> Option<Sample> {
        let env = env.iter().map(|(name, value)| (name.to_string(), (*value).into())).collect();
        let ask = Ask { env, ..Ask::default() };
        let mut source = open(&options.parse().expect("TOML")).expect("good options");
        source.sample(&fixture(machine), &ask).expect("no error")
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
    fn may_be_kept_for_those_from_afar() {
        assert_eq!(sample("ssh-only = true", "laptop", &[]), None);
        assert!(sample("ssh-only = true", "laptop", &[("SSH_TTY", "/dev/pts/1")]).is_some());
    }

    #[test]
    fn a_hostile_name_is_cleaned_and_none_is_nothing() {
        let sample_of = sample("", "broken", &[]).expect("a name");
        assert_eq!(sample_of.get("name"), Some(&Value::text("evil·]0;x·#(id)")));
        assert_eq!(sample("", "empty", &[]), None);
    }
}
