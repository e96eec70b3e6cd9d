//! A file that is read again and again: its descriptor and its buffer are kept.
//!
//! For the one-record files of `/proc`, `/sys` and cgroups, which give all they have to one
//! `pread` that is large enough and end with a newline. On a fixture there is no descriptor to
//! keep: each read counts as one (see [`Machine::rooted`]).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{MAX_FILE, Machine};

/// Enough for `/proc/meminfo`; whatever is longer is found out once.
const FIRST: usize = 2 * 1024;
/// Longer than any record of a table that is read here. The kernel hands out a page, or more, unless
/// the next record does not fit into it (fs/seq_file.c): a piece that leaves more than this of the
/// smallest page is the last.
const RECORD: usize = 512;
const PAGE: usize = 4096;

/// A file to be read at every tick.
pub struct Kept {
    path: PathBuf,
    file: Option<File>,
    buffer: Vec<u8>,
    /// Whether a newline at the end of what was read may not be the file's end.
    many: bool,
}

impl Kept {
    pub fn new(path: impl Into<PathBuf>) -> Kept {
        Kept { path: path.into(), file: None, buffer: Vec::new(), many: false }
    }

    /// A file of many records (an interface, a disk, a mount a line), which the kernel hands out a
    /// page at a time: it is read until nothing more comes.
    pub fn records(path: impl Into<PathBuf>) -> Kept {
        Kept { many: true, ..Kept::new(path) }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says now, at most [`MAX_FILE`] bytes.
    pub fn read(&mut self, machine: &Machine) -> io::Result<&[u8]> {
        self.read_until(machine, |_| false)
    }

    /// Like [`Kept::read`], but no further than until `enough` is content with what it sees. A
    /// piece ends with a whole record: who looks for one in a long table may stop there.
    pub fn read_until(
        &mut self,
        machine: &Machine,
        enough: impl Fn(&[u8]) -> bool,
    ) -> io::Result<&[u8]> {
        if !machine.is_real() {
            self.buffer = machine.read(&self.path)?;
            return Ok(&self.buffer);
        }
        let many = self.many;
        let last = |text: &[u8], piece: usize| {
            let whole = !many || piece + RECORD < PAGE;
            (whole && text.ends_with(b"\n")) || enough(text)
        };
        let length = match &self.file {
            // A descriptor outlives what it stood for (a removed cgroup, a proc mounted anew), so
            // a failure is believed only from a file opened just now.
            Some(file) => fill(file, &mut self.buffer, &last).or_else(|_| {
                let file = self.file.insert(super::open(&self.path)?);
                fill(file, &mut self.buffer, &last)
            }),
            None => {
                let file = self.file.insert(super::open(&self.path)?);
                fill(file, &mut self.buffer, &last)
            }
        };
        match length {
            Ok(length) => Ok(&self.buffer[..length]),
            Err(error) => {
                self.file = None;
                Err(error)
            }
        }
    }
}

/// Reads `file` from its start into `buffer`, which grows as needed and never shrinks, until `last` is
/// content with what is there and the length of the last piece; the length read.
fn fill(
    file: &File,
    buffer: &mut Vec<u8>,
    last: &dyn Fn(&[u8], usize) -> bool,
) -> io::Result<usize> {
    if buffer.is_empty() {
        buffer.resize(FIRST, 0);
    }
    let mut length = 0;
    loop {
        let piece = match file.read_at(&mut buffer[length..], length as u64) {
            Ok(0) => return Ok(length),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        length += piece;
        if length == buffer.len() {
            if length >= MAX_FILE {
                return Ok(length);
            }
            // The pieces of a file that is made anew for each read would not fit together: once
            // more from the start, with room for all of it.
            buffer.resize((length * 2).min(MAX_FILE), 0);
            length = 0;
        } else if last(&buffer[..length], piece) {
            return Ok(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test arranges its files")]
    fn sees_what_the_file_says_now() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("counter");
        std::fs::write(&path, "first\n").expect("written");
        let machine = Machine::real();
        let mut kept = Kept::new(&path);
        assert_eq!(kept.read(&machine).expect("readable"), b"first\n");
        std::fs::write(&path, "2\n").expect("written");
        assert_eq!(kept.read(&machine).expect("readable"), b"2\n");
        let long = "no newline at the end ".repeat(10_000);
        std::fs::write(&path, &long).expect("written");
        assert_eq!(kept.read(&machine).expect("readable"), long.as_bytes());
    }

    /// Records that fill more than a page come in several pieces, each ending with a newline.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_of_records_is_read_to_its_end() {
        let machine = Machine::real();
        let path = "/proc/kallsyms";
        let mut kept = Kept::records(path);
        let length = kept.read(&machine).map(<[u8]>::len).unwrap_or(MAX_FILE);
        assert!(length > 16 * 1024, "{length} bytes");
        let some = kept.read_until(&machine, |text| text.len() > 100).map(<[u8]>::len);
        assert!(some.is_ok_and(|some| some < length));
    }

    #[test]
    fn a_missing_file_is_an_error_each_time() {
        let machine = Machine::real();
        let mut kept = Kept::new("/nonexistent/file");
        assert!(kept.read(&machine).is_err());
        assert!(kept.read(&machine).is_err());
    }
}
