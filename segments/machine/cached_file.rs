//! A file that is read again and again: its descriptor and its buffer are kept.
//!
//! For the files of `/proc`, `/sys` and cgroups. On a fixture there is no descriptor to keep: each
//! read counts as one (see [`Machine::rooted`]).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::{Error, MAX_FILE, Machine};

/// Enough for `/proc/meminfo`; the buffer grows for longer files.
const INITIAL: usize = 2 * 1024;

/// A file to be read at every tick.
pub struct CachedFile {
    path: PathBuf,
    file: Option<File>,
    buffer: Vec<u8>,
}

impl CachedFile {
    /// A file that is opened at its first read.
    pub fn new(path: impl Into<PathBuf>) -> CachedFile {
        CachedFile { path: path.into(), file: None, buffer: Vec::new() }
    }

    /// What the file holds now, at most [`MAX_FILE`] bytes.
    pub fn read(&mut self, machine: &Machine) -> io::Result<&[u8]> {
        let length = self.load(machine)?;
        Ok(&self.buffer[..length])
    }

    /// Like [`CachedFile::read`], with the file's name in the error.
    pub(super) fn text(&mut self, machine: &Machine) -> Result<&[u8], Error> {
        match self.load(machine) {
            Ok(length) => Ok(&self.buffer[..length]),
            Err(cause) => Err(Error::Read { path: self.path.clone(), cause }),
        }
    }

    /// Like [`CachedFile::text`]; a system without the file has nothing to tell.
    pub(super) fn table(&mut self, machine: &Machine) -> Result<&[u8], Error> {
        match self.load(machine) {
            Ok(length) => Ok(&self.buffer[..length]),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(&[]),
            Err(cause) => Err(Error::Read { path: self.path.clone(), cause }),
        }
    }

    /// Fills the buffer; how much of it.
    fn load(&mut self, machine: &Machine) -> io::Result<usize> {
        if !machine.is_real() {
            self.buffer = machine.read(&self.path)?;
            return Ok(self.buffer.len());
        }
        // A descriptor outlives what it stood for (a removed cgroup, a proc mounted anew), so an error
        // counts only if the file was opened just now.
        if let Some(file) = &self.file
            && let Ok(length) = fill(file, &mut self.buffer)
        {
            return Ok(length);
        }
        self.file = None;
        let file = super::open(&self.path)?;
        let length = fill(&file, &mut self.buffer)?;
        self.file = Some(file);
        Ok(length)
    }
}

/// Reads `file` from its start to its end into `buffer`, which grows as needed and never shrinks; the
/// length read.
fn fill(file: &File, buffer: &mut Vec<u8>) -> io::Result<usize> {
    if buffer.is_empty() {
        buffer.resize(INITIAL, 0);
    }
    let mut length = 0;
    loop {
        match file.read_at(&mut buffer[length..], length as u64) {
            Ok(0) => return Ok(length),
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if length >= MAX_FILE {
            return Ok(length);
        }
        if length == buffer.len() {
            // The pieces of a file that the kernel makes anew for each read would not fit together:
            // once more from the start, with room for all of it.
            buffer.resize((length * 2).min(MAX_FILE), 0);
            length = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test arranges its files")]
    fn reads_what_the_file_holds_now() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("counter");
        std::fs::write(&path, "first\n").expect("written");
        let machine = Machine::real();
        let mut file = CachedFile::new(&path);
        assert_eq!(file.read(&machine).expect("readable"), b"first\n");
        std::fs::write(&path, "2\n").expect("written");
        assert_eq!(file.read(&machine).expect("readable"), b"2\n");
        let long = "no newline at the end ".repeat(10_000);
        std::fs::write(&path, &long).expect("written");
        assert_eq!(file.read(&machine).expect("readable"), long.as_bytes());
        std::fs::write(&path, "x".repeat(MAX_FILE + 1)).expect("written");
        assert_eq!(file.read(&machine).expect("readable").len(), MAX_FILE);
    }

    /// Records that fill more than a page come in several pieces, each ending with a newline.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_of_records_is_read_to_its_end() {
        let mut file = CachedFile::new("/proc/kallsyms");
        let length = file.read(&Machine::real()).map(<[u8]>::len).unwrap_or(MAX_FILE);
        assert!(length > 16 * 1024, "{length} bytes");
    }

    #[test]
    fn a_missing_file_is_an_error_each_time() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let machine = Machine::real();
        let mut file = CachedFile::new(dir.path().join("missing"));
        assert!(file.read(&machine).is_err());
        assert!(file.read(&machine).is_err());
    }
}
