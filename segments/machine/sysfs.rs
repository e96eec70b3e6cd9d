//! Files that hold one number or one word, as `/sys` is full of them, and walks that need not be
//! made each time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{MAX_ENTRIES, Machine};

/// How long what a walk found is believed: a plugged-in card or fan is seen after a minute.
const AGAIN: Duration = Duration::from_secs(60);
/// What failed to be read is looked for again no sooner than this: it may only be asleep.
const DOUBT: Duration = Duration::from_secs(10);
/// Longer than any number, and than the words of a battery.
const ROOM: usize = 64;
/// The most bytes of a file's one word.
const MAX_WORD: usize = 256;

impl Machine {
    /// The one number in a file; `None` if there is none, or no such file.
    pub fn number(&self, path: impl AsRef<Path>) -> Option<i64> {
        number(&self.read(path).ok()?)
    }

    /// A file's text without the blanks around it; `None` if it is empty or not there.
    pub fn word(&self, path: impl AsRef<Path>) -> Option<String> {
        let bytes = self.read(path).ok()?;
        let text = bytes.trim_ascii();
        let text = String::from_utf8_lossy(&text[..text.len().min(MAX_WORD)]).into_owned();
        (!text.is_empty()).then_some(text)
    }

    /// The directories in a directory, by name; links are none. Quicker than [`Machine::list`].
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    pub fn directories(&self, dir: impl AsRef<Path>) -> Vec<String> {
        let dir = dir.as_ref();
        let mut names: Vec<String> = if self.is_real() {
            let entries = std::fs::read_dir(dir).into_iter().flatten().take(MAX_ENTRIES);
            let name = |entry: std::io::Result<std::fs::DirEntry>| {
                let entry = entry.ok()?;
                entry.file_type().ok()?.is_dir().then(|| entry.file_name().into_string().ok())?
            };
            entries.filter_map(name).collect()
        } else {
            let entries = self.list(dir).unwrap_or_default();
            let dirs = entries.into_iter().filter(|entry| entry.is_dir);
            dirs.filter_map(|entry| entry.name.into_string().ok()).collect()
        };
        names.sort_unstable();
        names
    }

    /// The names in a directory that are `prefix` and a number, in the order of the numbers.
    pub fn numbered(&self, dir: impl AsRef<Path>, prefix: &str) -> Vec<(u32, PathBuf)> {
        let dir = dir.as_ref();
        let entries = self.list(dir).unwrap_or_default();
        let mut found: Vec<(u32, PathBuf)> = entries
            .iter()
            .filter_map(|entry| {
                let digits = entry.name.to_str()?.strip_prefix(prefix)?;
                let plain = digits.bytes().all(|b| b.is_ascii_digit());
                Some((digits.parse().ok().filter(|_| plain)?, dir.join(&entry.name)))
            })
            .collect();
        found.sort_unstable();
        found
    }
}

fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

/// A file with one number or word that is read again and again: its descriptor is kept. Lighter than
/// [`super::Kept`] where there are many.
pub struct Figure {
    path: PathBuf,
    file: Option<File>,
}

impl Figure {
    pub fn new(path: impl Into<PathBuf>) -> Figure {
        Figure { path: path.into(), file: None }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says now; `None` if that is no number, or it is gone.
    pub fn read(&mut self, machine: &Machine) -> Option<i64> {
        self.parse(machine, number).ok()?
    }

    /// What `parse` makes of what the file says now.
    pub fn parse<T>(&mut self, machine: &Machine, parse: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
        if !machine.is_real() {
            return machine.read(&self.path).map(|text| parse(&text));
        }
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(super::open(&self.path)?),
        };
        let mut room = [0; ROOM];
        match file.read_at(&mut room, 0) {
            Ok(length) => Ok(parse(&room[..length])),
            Err(error) => {
                // A sleeping device refuses; one that is gone does so for ever. Opened anew, both
                // are told apart next time.
                self.file = None;
                Err(error)
            }
        }
    }
}

/// What a walk through directories found: made once, and again every minute, or sooner when told that
/// something of it is gone.
pub struct Found<T> {
    found: Option<(T, Duration)>,
    believed: Duration,
}

impl<T> Default for Found<T> {
    fn default() -> Self {
        Found { found: None, believed: AGAIN }
    }
}

impl<T> Found<T> {
    /// What there is, by `walk` if it is time for one.
    pub fn look(&mut self, machine: &Machine, walk: impl FnOnce(&Machine) -> T) -> &mut T {
        let now = machine.uptime();
        if self.found.as_ref().is_some_and(|(_, at)| now.saturating_sub(*at) >= self.believed) {
            *self = Found::default();
        }
        &mut self.found.get_or_insert_with(|| (walk(machine), now)).0
    }

    /// Something of it could not be read.
    pub fn doubt(&mut self) {
        self.believed = DOUBT;
    }

    /// Looks anew next time.
    pub fn forget(&mut self) {
        self.found = None;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::machine_with;
    use super::*;

    #[test]
    fn numbers_words_and_nothing() {
        let (_dir, machine) =
            machine_with(&[("a", " -42\n"), ("b", "4 2\n"), ("c", "\n"), ("d", "two words \n")]);
        let number = |path: &str| machine.number(path);
        assert_eq!(["/a", "/b", "/c", "/none"].map(number), [Some(-42), None, None, None]);
        assert_eq!(machine.word("/d").as_deref(), Some("two words"));
        assert_eq!(machine.word("/c"), None);
    }

    #[test]
    fn numbered_names_are_in_the_order_of_their_numbers() {
        let (_dir, machine) =
            machine_with(&[("x/hw10/a", ""), ("x/hw9/a", ""), ("x/hw/a", ""), ("x/hw+1", "")]);
        let numbers: Vec<_> = machine.numbered("/x", "hw").into_iter().map(|(n, _)| n).collect();
        assert_eq!(numbers, [9, 10]);
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test arranges its files")]
    fn directories_are_no_files_and_no_links() {
        let (dir, machine) = machine_with(&[("x/b/file", ""), ("x/a/file", ""), ("x/file", "")]);
        std::os::unix::fs::symlink("a", dir.path().join("x/link")).expect("a link");
        assert_eq!(machine.directories("/x"), ["a", "b"]);
        assert_eq!(Machine::real().directories(dir.path().join("x")), ["a", "b"]);
        assert_eq!(machine.directories("/none"), [""; 0]);
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test arranges its files")]
    fn a_figure_sees_what_the_file_says_now() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("value");
        let mut figure = Figure::new(&path);
        assert_eq!(figure.read(&Machine::real()), None);
        std::fs::write(&path, "12\n").expect("written");
        assert_eq!(figure.read(&Machine::real()), Some(12));
        std::fs::write(&path, "7\n").expect("written");
        assert_eq!(figure.read(&Machine::real()), Some(7));
    }

    #[test]
    fn a_walk_is_made_again_after_a_minute_or_when_told() {
        let times = [100, 100, 159, 161, 165, 171, 230, 230];
        let files: Vec<_> = (1..)
            .zip(times)
            .map(|(read, time)| (format!("proc/uptime@{read}"), format!("{time}.0 1\n")))
            .collect();
        let files: Vec<_> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
        let (_dir, machine) = machine_with(&files);
        let mut walks = 0;
        let mut found = Found::default();
        let seen = (0..times.len()).map(|look| {
            match look {
                4 => found.doubt(),
                7 => found.forget(),
                _ => {}
            }
            *found.look(&machine, |_| {
                walks += 1;
                walks
            })
        });
        assert_eq!(seen.collect::<Vec<_>>(), [1, 1, 1, 2, 2, 3, 3, 4]);
    }
}
