//! The user whose shell asks, and the one before `su` or `sudo`.
//!
//! The name is the system's for the user of this process, not that of the environment: `USER`
//! survives `su`. The environment is used only if the system does not list the user (accounts of a
//! directory service, containers).

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, choice, options,
};
use crate::base::untrusted::Untrusted;
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

choice! {
    /// When it is hidden.
    HideWhen { Never = "never", Usual = "usual" }
}

options! {
    /// `usual`: hidden unless the user is root or came by ssh, su or sudo.
    hide_when: HideWhen = HideWhen::Never,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "user",
    about: "The user; root is a warning.",
    icons: Icons { nerd: "\u{f007}", unicode: "", ascii: "" },
    format: " ($icon )($from> )$name ",
    fields: &[
        Field::new("name", "the user's name", Unit::Text),
        Field::new("root", "`root` for the superuser", Unit::Text),
        Field::new("from", "the user before su or sudo", Unit::Text),
        Field::new("ssh", "`ssh` if you came by it", Unit::Text),
    ],
    options: OPTIONS,
    env: &["LOGNAME", "SSH_CONNECTION", "SSH_TTY", "SUDO_USER", "USER"],
    scope: Scope::Environment,
    runs_in: RunsIn::Daemon,
    pace: Pace::Ask,
    priority: 62,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(User { options: Options::read(table)? }))
}

struct User {
    options: Options,
}

impl Source for User {
    fn sample(&mut self, machine: &Machine, ask: &Ask) -> Result<Option<Sample>, Error> {
        let uid = machine.uid();
        let claimed = ask.env("LOGNAME").or_else(|| ask.env("USER"));
        let name = match machine.user_name(uid) {
            Some(name) => Untrusted::from(name),
            None => claimed.map_or_else(|| Untrusted::from(uid.to_string()), Untrusted::from),
        };
        let before = ask.env("SUDO_USER").or(claimed).filter(|before| *before != name.reveal());
        let ssh = ask.env("SSH_CONNECTION").is_some() || ask.env("SSH_TTY").is_some();
        let root = uid == 0;
        if self.options.hide_when == HideWhen::Usual && !root && !ssh && before.is_none() {
            return Ok(None);
        }
        let level = match (root, before) {
            (true, _) => Level::Warning,
            (false, Some(_)) => Level::Info,
            (false, None) => Level::Idle,
        };
        let sample = Sample::new(level)
            .with("name", Value::Text(name))
            .with_some("root", root.then(|| Value::text("root")))
            .with_some("from", before.map(Value::text));
        Ok(Some(sample.with_some("ssh", ssh.then(|| Value::text("ssh")))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::sample_for;
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    fn sample_on(options: &str, machine: &Machine, env: &[(&str, &str)]) -> Option<Sample> {
        let env = env.iter().map(|(name, value)| (name.to_string(), (*value).into())).collect();
        sample_for(&SEGMENT, options, machine, &Ask { env, ..Ask::default() })
    }

    fn sample(options: &str, machine: &str, env: &[(&str, &str)]) -> Option<Sample> {
        sample_on(options, &fixture(machine), env)
    }

    fn text<'a>(sample: &'a Sample, field: &str) -> &'a str {
        match sample.get(field) {
            Some(Value::Text(text)) => text.reveal(),
            _ => "",
        }
    }

    #[test]
    fn the_system_names_the_user() {
        let sample = sample("", "laptop", &[("USER", "ann")]).expect("a user");
        assert_eq!((text(&sample, "name"), text(&sample, "from")), ("ann", ""));
        assert_eq!((sample.level, sample.get("root")), (Level::Idle, None));
    }

    #[test]
    fn root_is_a_warning_with_or_without_su() {
        let sample = sample("", "container", &[("SUDO_USER", "ann"), ("USER", "root")]);
        let sample = sample.expect("a user");
        assert_eq!((text(&sample, "name"), text(&sample, "from")), ("root", "ann"));
        assert_eq!(sample.level, Level::Warning);
    }

    #[test]
    fn su_shows_the_user_before() {
        let sample = sample("", "server", &[("LOGNAME", "ann"), ("USER", "ann")]);
        let sample = sample.expect("a user");
        assert_eq!((text(&sample, "name"), text(&sample, "from")), ("ops", "ann"));
        assert_eq!(sample.level, Level::Info);
    }

    #[test]
    fn can_be_hidden_for_the_usual_user() {
        let other = "hide-when = 'usual'";
        assert_eq!(sample(other, "laptop", &[("USER", "ann")]), None);
        assert!(sample(other, "laptop", &[("SSH_TTY", "/dev/pts/1")]).is_some());
        assert!(sample(other, "laptop", &[("SUDO_USER", "root")]).is_some());
        assert!(sample(other, "container", &[]).is_some());
    }

    #[test]
    fn an_unlisted_user_is_named_by_the_environment_or_a_number() {
        let (_dir, machine) = machine_with(&[("etc/passwd", "root:x:0:0::/root:/bin/sh\n")]);
        let name = |env| text(&sample_on("", &machine, env).expect("a user"), "name").to_owned();
        assert_eq!(name(&[("USER", "dir\u{1b}user")]), "dir·user");
        assert_eq!(name(&[]), "1000");
    }
}
