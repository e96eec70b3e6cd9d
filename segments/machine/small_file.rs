//! Files that hold one number or one word, as `/sys` is full of them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{MAX_ENTRIES, Machine};

/// Bytes: more than any number has, and than the words of a battery.
const BUFFER: usize = 64;
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
    #[allow(clippy::disallowed_methods, reason = "this is the reader")]
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
/// [`super::CachedFile`] where there are many.
pub struct SmallFile {
    path: PathBuf,
    file: Option<File>,
}

impl SmallFile {
    /// A file that is opened at its first read.
    pub fn new(path: impl Into<PathBuf>) -> SmallFile {
        SmallFile { path: path.into(), file: None }
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's number now; `None` if it holds none, or is gone.
    pub fn read(&mut self, machine: &Machine) -> Option<i64> {
        self.parse(machine, number).ok()?
    }

    /// What `parse` makes of the file now.
    pub fn parse<T>(&mut self, machine: &Machine, parse: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
        if !machine.is_real() {
            return machine.read(&self.path).map(|text| parse(&text));
        }
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(super::open(&self.path)?),
        };
        let mut buffer = [0; BUFFER];
        match file.read_at(&mut buffer, 0) {
            Ok(length) => Ok(parse(&buffer[..length])),
            Err(error) => {
                // A sleeping device refuses to be read, and so does one that is gone. The next read
                // opens the file anew and tells which.
                self.file = None;
                Err(error)
            }
        }
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
    fn a_small_file_is_read_anew_each_time() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("value");
        let mut file = SmallFile::new(&path);
        assert_eq!(file.read(&Machine::real()), None);
        std::fs::write(&path, "12\n").expect("written");
        assert_eq!(file.read(&Machine::real()), Some(12));
        std::fs::write(&path, "7\n").expect("written");
        assert_eq!(file.read(&Machine::real()), Some(7));
    }
}
