//! Whether new mail has come: into a file of mails (mbox) or a directory of them (Maildir).
//!
//! A file has new mail if it was written to after it was last read, as ever since `biff`. A
//! directory has one file for each new mail, and those are counted.

use std::path::PathBuf;
use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, Scope, Source, Unit, Where,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

crate::options! {
    /// The file or directory, from `/`; empty: `$MAIL`, else the user's in `/var/mail` or
    /// `/var/spool/mail`.
    path: String = "",
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "mail",
    about: "Whether new mail has come.",
    icons: Icons { nerd: "\u{f01ee}", unicode: "mail", ascii: "mail" },
    format: " $icon( $count) ",
    fields: &[
        Field::new("count", "new mails, where they are files of a directory", Unit::Count),
        Field::new("kind", "`mbox` or `maildir`", Unit::Text),
    ],
    options: OPTIONS,
    env: &["MAIL"],
    scope: Scope::Client,
    place: Where::Worker,
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
        for place in self.places(machine, ask) {
            let Ok(facts) = machine.metadata(&place) else { continue };
            if !facts.is_dir {
                let new = facts.size > 0 && facts.modified > facts.accessed;
                let sample = Sample::new(Level::Info).with("kind", Value::text("mbox"));
                return Ok(new.then_some(sample));
            }
            // A directory without `new` is no Maildir.
            let Ok(entries) = machine.list(place.join("new")) else { continue };
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
    /// Where mail may be, the likeliest place first.
    fn places(&self, machine: &Machine, ask: &Ask) -> Vec<PathBuf> {
        if !self.options.path.is_empty() {
            return vec![PathBuf::from(&self.options.path)];
        }
        if let Some(path) = ask.env("MAIL").filter(|path| path.starts_with('/')) {
            return vec![PathBuf::from(path)];
        }
        // A login name is no path.
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
    use crate::machine::tests::machine_with;

    fn shown(options: &str, mail: &str, files: &[(&str, &str)]) -> Option<Sample> {
        let (_dir, machine) = machine_with(files);
        let mut source = open(&options.parse().expect("TOML")).expect("good options");
        let ask = Ask { env: vec![("MAIL".into(), mail.into())], ..Ask::default() };
        source.sample(&machine, &ask).expect("no error")
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
    fn a_directory_has_its_new_mails_counted() {
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
        assert_eq!(shown("", "home/me/Mail", &files), None, "relative to nobody");
    }

    #[test]
    fn a_relative_path_is_refused() {
        assert!(open(&"path = 'Mail'".parse().expect("TOML")).is_err());
    }
}
