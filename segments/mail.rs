//! Whether there is new mail in a file (mbox) or a directory (Maildir).
//!
//! A file has new mail if it was written after it was last read, as for `biff`. A directory has one
//! file for each new mail, and they are counted.

use std::path::PathBuf;
use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

options! {
    /// The file or directory, from `/`; empty: `$MAIL`, else the user's in `/var/mail` or
    /// `/var/spool/mail`.
    path: String = "",
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "mail",
    about: "Whether there is new mail.",
    icons: Icons { nerd: "\u{f01ee}", unicode: "mail", ascii: "mail" },
    format: " $icon( $count) ",
    fields: &[
        Field::new("count", "number of new mails, in a Maildir", Unit::Count),
        Field::new("kind", "`mbox` or `maildir`", Unit::Text),
    ],
    options: OPTIONS,
    env: &["MAIL"],
    scope: Scope::Client,
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(30)),
    priority: 50,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    if !options.path.is_empty() && !options.path.starts_with('/') {
        let message = "expected a path from `/`".into();
        return Err(OptionError { key: "path".into(), message });
    }
    Ok(Box::new(Mail { options }))
}

struct Mail {
    options: Options,
}

impl Source for Mail {
    fn sample(&mut self, machine: &Machine, ask: &Ask) -> Result<Option<Sample>, Error> {
        for path in self.paths(machine, ask) {
            let Ok(facts) = machine.metadata(&path) else { continue };
            if !facts.is_dir {
                let new = facts.size > 0 && facts.modified > facts.accessed;
                let sample = Sample::new(Level::Info).with("kind", Value::text("mbox"));
                return Ok(new.then_some(sample));
            }
            // A directory without `new` is not a Maildir.
            let Ok(entries) = machine.list(path.join("new")) else { continue };
            let visible = |name: &std::ffi::OsString| !name.as_encoded_bytes().starts_with(b".");
            let count = entries.iter().filter(|entry| visible(&entry.name)).count();
            let sample = Sample::new(Level::Info)
                .with("count", Value::number(count as f64))
                .with("kind", Value::text("maildir"));
            return Ok((count > 0).then_some(sample));
        }
        Ok(None)
    }
}

impl Mail {
    /// Where mail may be, in order of preference.
    fn paths(&self, machine: &Machine, ask: &Ask) -> Vec<PathBuf> {
        if !self.options.path.is_empty() {
            return vec![PathBuf::from(&self.options.path)];
        }
        if let Some(path) = ask.env("MAIL").filter(|path| path.starts_with('/')) {
            return vec![PathBuf::from(path)];
        }
        // A login name must not change the directory.
        let name =
            machine.user_name(machine.uid()).filter(|name| !name.contains('/') && name != "..");
        let name = name.unwrap_or_default();
        if name.is_empty() {
            return Vec::new();
        }
        ["/var/mail", "/var/spool/mail"].map(|dir| PathBuf::from(dir).join(&name)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::{refused, sample_for};
    use crate::machine::tests::machine_with;

    fn shown(options: &str, mail: &str, files: &[(&str, &str)]) -> Option<Sample> {
        let (_dir, machine) = machine_with(files);
        let ask = Ask { env: vec![("MAIL".into(), mail.into())], ..Ask::default() };
        sample_for(&SEGMENT, options, &machine, &ask)
    }

    const ME: (&str, &str) = ("etc/passwd", "me:x:1000:1000::/home/me:/bin/sh\n");

    #[test]
    fn a_file_written_after_it_was_read_has_new_mail() {
        let times = |text| [ME, ("var/mail/me", "From x\n"), ("times", text)];
        let new = shown("", "", &times("/var/mail/me 20 10\n")).expect("mail");
        assert_eq!((new.level, new.get("count")), (Level::Info, None));
        assert_eq!(shown("", "", &times("/var/mail/me 10 20\n")), None);
        assert_eq!(shown("", "/nowhere", &times("/var/mail/me 20 10\n")), None);
        let empty = [ME, ("var/spool/mail/me", ""), ("times", "/var/spool/mail/me 20 10\n")];
        assert_eq!(shown("", "", &empty), None);
    }

    #[test]
    fn new_mails_in_a_directory_are_counted() {
        let files = [
            ("home/me/Mail/new/1", ""),
            ("home/me/Mail/new/2", ""),
            ("home/me/Mail/new/.hidden", ""),
            ("home/me/Mail/cur/3", ""),
        ];
        let count = Some(Value::number(2.0));
        let sample = shown("", "/home/me/Mail", &files).expect("mail");
        assert_eq!(sample.get("count"), count.as_ref());
        let sample = shown("path = '/home/me/Mail'", "/nowhere", &files).expect("mail");
        assert_eq!(sample.get("count"), count.as_ref());
        assert_eq!(shown("", "/home/me", &files), None, "no Maildir");
        assert_eq!(shown("", "home/me/Mail", &files), None, "a relative path");
    }

    #[test]
    fn a_relative_path_is_refused() {
        refused(&SEGMENT, "path = 'Mail'");
    }
}
