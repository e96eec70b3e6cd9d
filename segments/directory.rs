//! The current directory, shortened, with the work tree that it belongs to.
//!
//! - The path is the one that the shell walked (`PWD`) if it leads to the asker's directory, else
//!   the real one. Below the home directory it begins with `~`.
//! - The last parts are shown whole, those before by their first letter, so that no level is
//!   hidden: `~/s/r/segments/base`. The root of a work tree and everything below it count as last
//!   parts.
//! - Work trees are found by looking for their marks; no program is run. All of it runs in a
//!   worker: a path on a dead mount blocks only that.
//! - Names of directories are untrusted. They are joined as bytes, then cleaned.

mod path;

use std::path::{Path, PathBuf};

use path::Parts;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

options! {
    /// How many of the last parts are shown whole; 0: all.
    depth: u32 = 3_u32,
    /// How many letters remain of each part before those; 0: none, the part is left out.
    letters: u32 = 1_u32,
    /// Longest path in letters; a longer one is shortened even in its last parts; 0: no limit.
    length: u32 = 40_u32,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "directory",
    about: "The current directory, shortened, within its work tree.",
    icons: Icons { nerd: "\u{f07c}", unicode: "", ascii: "" },
    format: " ($icon )[$parents](label)[$last.text(max:32,cut:middle)](strong)( $readonly)( $gone) ",
    fields: &[
        Field::new("path", "the whole path, from `~` or `/`", Unit::Text),
        Field::new("short", "the path, shortened", Unit::Text),
        Field::new("parents", "the shortened path up to the last `/`", Unit::Text),
        Field::new("last", "the last part", Unit::Text),
        Field::new("repository", "name of the work tree's root", Unit::Text),
        Field::new("within", "path below that root", Unit::Text),
        Field::new("readonly", "`ro` if you cannot create files here", Unit::Text),
        Field::new("gone", "`gone` if the directory was removed", Unit::Text),
    ],
    options: OPTIONS,
    env: &["HOME", "PWD"],
    scope: Scope::Directory,
    runs_in: RunsIn::Worker,
    pace: Pace::Change,
    priority: 95,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Directory { options: Options::read(table)?, dependencies: Vec::new() }))
}

struct Directory {
    options: Options,
    /// The directory itself, and the marks of work trees in it and its parents.
    dependencies: Vec<PathBuf>,
}

impl Source for Directory {
    fn sample(&mut self, machine: &Machine, ask: &Ask) -> Result<Option<Sample>, Error> {
        let walked = ask.env("PWD").map(Path::new).filter(|path| path.is_absolute());
        let (here, gone) = match (&ask.cwd, walked) {
            // A name that was cleaned on its way here may not lead there any more.
            (Some(cwd), Some(walked)) if walked == cwd || machine.is_same_place(walked, cwd) => {
                (walked.to_owned(), false)
            }
            (Some(cwd), _) => (cwd.clone(), false),
            // A process whose directory was removed has none.
            (None, Some(walked)) => (walked.to_owned(), true),
            (None, None) => return Ok(None),
        };
        let tree = if gone { None } else { machine.work_tree(&here) };
        self.dependencies = machine.work_tree_marks(&here, tree.as_deref());
        self.dependencies.insert(0, here.clone());
        let parts = Parts::of(&here, home(machine, ask).as_deref());
        let (parents, last) = parts.short(&self.options, tree.as_deref());
        let readonly = !gone && machine.is_writable(&here) == Some(false);
        let mut sample = Sample::new(if gone { Level::Warning } else { Level::Idle })
            .with("path", Value::Text(parts.whole()))
            .with("short", Value::text([parents.reveal(), last.reveal()].concat()))
            .with("parents", Value::Text(parents))
            .with("last", Value::Text(last));
        if let Some(tree) = tree {
            let name = tree.file_name().unwrap_or_default();
            let within = here.strip_prefix(&tree).unwrap_or(Path::new(""));
            sample = sample
                .with("repository", Value::Text(path::clean(name)))
                .with("within", Value::Text(path::clean(within.as_os_str())));
        }
        Ok(Some(
            sample
                .with_some("readonly", readonly.then(|| Value::text("ro")))
                .with_some("gone", gone.then(|| Value::text("gone"))),
        ))
    }

    fn dependencies(&self) -> Vec<PathBuf> {
        self.dependencies.clone()
    }
}

/// The asker's home directory, unless it is `/`: a `~` for that would be useless.
fn home(machine: &Machine, ask: &Ask) -> Option<PathBuf> {
    let named = ask.env("HOME").map(PathBuf::from);
    let fits = |home: &PathBuf| home.is_absolute() && home.parent().is_some();
    named.filter(fits).or_else(|| machine.user(machine.uid()).map(|user| user.home).filter(fits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::sample_for;
    use crate::machine::tests::machine_with;

    const FILES: &[(&str, &str)] = &[
        ("etc/passwd", "ann:x:1000:1000::/home/ann:/bin/sh\n"),
        ("home/ann/src/rain/.git/HEAD", ""),
        ("home/ann/src/rain/segments/machine/x", ""),
        ("home/ann/notes/2026/november/week/x", ""),
        ("usr/share/doc/x", ""),
    ];

    fn ask(cwd: Option<&str>, env: &[(&str, &str)]) -> Ask {
        let env = env.iter().map(|(name, value)| (name.to_string(), (*value).into())).collect();
        Ask { cwd: cwd.map(PathBuf::from), env, ..Ask::default() }
    }

    fn sample_of(options: &str, ask: &Ask) -> Option<Sample> {
        let (_dir, machine) = machine_with(FILES);
        sample_for(&SEGMENT, options, &machine, ask)
    }

    fn field(sample: &Sample, field: &str) -> String {
        match sample.get(field) {
            Some(Value::Text(text)) => text.reveal().to_owned(),
            _ => String::new(),
        }
    }

    fn short(cwd: &str) -> String {
        field(&sample_of("", &ask(Some(cwd), &[])).expect("a place"), "short")
    }

    #[test]
    fn the_last_parts_are_whole_and_home_is_a_tilde() {
        assert_eq!(short("/"), "/");
        assert_eq!(short("/home/ann"), "~");
        assert_eq!(short("/home/annex"), "/home/annex");
        assert_eq!(short("/usr/share/doc"), "/usr/share/doc");
        assert_eq!(short("/home/ann/notes/2026/november/week"), "~/n/2026/november/week");
    }

    #[test]
    fn a_work_tree_begins_at_its_root() {
        let here = ask(Some("/home/ann/src/rain/segments/base/host"), &[]);
        let sample = sample_of("", &here).expect("a place");
        assert_eq!(field(&sample, "short"), "~/s/rain/segments/base/host");
        assert_eq!(field(&sample, "parents"), "~/s/rain/segments/base/");
        assert_eq!(
            (field(&sample, "last"), field(&sample, "repository")),
            ("host".into(), "rain".into())
        );
        assert_eq!(field(&sample, "within"), "segments/base/host");
    }

    #[test]
    fn pwd_counts_only_if_it_leads_to_the_current_directory() {
        let (dir, machine) = machine_with(FILES);
        #[allow(clippy::disallowed_methods, reason = "a test arranges its files")]
        std::os::unix::fs::symlink("../usr/share", dir.path().join("home/link")).expect("a link");
        let mut source = open(&toml::Table::new()).expect("defaults are fine");
        let mut path = |pwd| {
            let here = ask(Some("/usr/share"), &[("PWD", pwd)]);
            field(&source.sample(&machine, &here).expect("no error").expect("a place"), "path")
        };
        assert_eq!(path("/home/link"), "/home/link");
        for lie in ["/home/ann", "/none", "relative", "", "/usr/share/../.."] {
            assert_eq!(path(lie), "/usr/share", "{lie}");
        }
    }

    #[test]
    fn an_unusable_home_leaves_the_path_alone() {
        let path = |home| {
            let here = ask(Some("/home/ann/notes"), &[("HOME", home)]);
            field(&sample_of("", &here).expect("a place"), "path")
        };
        assert_eq!(path("/home"), "~/ann/notes");
        assert_eq!(path("/elsewhere/not/there"), "/home/ann/notes");
        // Then the system's entry is used.
        assert_eq!(["", "/", "relative"].map(path), ["~/notes"; 3]);
    }

    #[test]
    fn a_removed_directory_is_named_and_marked() {
        let sample = sample_of("", &ask(None, &[("PWD", "/home/ann/tmp")])).expect("a place");
        assert_eq!(
            (field(&sample, "short"), field(&sample, "gone")),
            ("~/tmp".into(), "gone".into())
        );
        assert_eq!(sample.level, Level::Warning);
        assert_eq!(sample_of("", &ask(None, &[])), None);
    }

    #[test]
    fn a_missing_directory_is_shown() {
        let sample = sample_of("", &ask(Some("/none/at/all"), &[])).expect("a place");
        assert_eq!(
            (field(&sample, "short"), field(&sample, "readonly")),
            ("/none/at/all".into(), String::new())
        );
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test arranges its files")]
    fn a_directory_that_cannot_be_written_says_so() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, machine) = machine_with(FILES);
        let mode = |mode| {
            let path = dir.path().join("usr/share/doc");
            std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("changed");
        };
        mode(0o555);
        let mut source = open(&toml::Table::new()).expect("defaults are fine");
        let here = ask(Some("/usr/share/doc"), &[]);
        let sample = source.sample(&machine, &here).expect("no error").expect("a place");
        mode(0o755);
        assert_eq!(field(&sample, "readonly"), "ro");
    }

    #[test]
    fn hostile_names_are_cleaned_and_long_ones_bounded() {
        use std::os::unix::ffi::OsStringExt;
        let deep = format!("/{}", "x/".repeat(3_000));
        let long = format!("/{}", "é".repeat(5_000));
        let raw = std::ffi::OsString::from_vec(b"/a\xff\x1b]0;x\x07/$(id)\n#[bg=red]".to_vec());
        for cwd in [deep.into(), long.into(), raw, "/a/ b /\u{202e}c".into()] {
            let here = Ask { cwd: Some(PathBuf::from(cwd)), ..Ask::default() };
            for (_, value) in sample_of("", &here).expect("a place").values {
                let Value::Text(text) = value else { panic!("{value:?}") };
                assert!(!text.reveal().chars().any(char::is_control), "{text:?}");
            }
        }
        assert_eq!(short("/a\n/$(id)"), "/a·/$(id)");
    }
}
