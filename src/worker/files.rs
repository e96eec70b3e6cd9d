//! The history file, read and replaced.

use std::io::{ErrorKind, Read, Result};
use std::path::Path;

use crate::files;
use crate::readings::history::{History, MAX_FILE};

/// The content of the history file; empty if there is none. A damaged one is
/// renamed to `.bad` for inspection.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
    if History::decode(&bytes).is_none() {
        std::fs::rename(path, files::beside(path, ".bad"))?;
        return Ok(Vec::new());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_history_is_put_aside() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("state/history");
        files::replace_durably(&path, &History::default().encode()).expect("written");
        assert!(!read(&path).expect("read").is_empty());
        std::fs::write(&path, "nonsense").expect("written");
        assert!(read(&path).expect("read").is_empty());
        assert!(dir.path().join("state/history.bad").exists() && !path.exists());
        assert!(read(&path).expect("no file is an empty history").is_empty());
    }

    #[test]
    fn a_file_beyond_the_limit_is_never_read_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("history");
        let file = std::fs::File::create(&path).expect("made");
        file.set_len(1 << 40).expect("a sparse file");
        assert!(read(&path).expect("put aside").is_empty());
        assert!(!path.exists());
    }
}
