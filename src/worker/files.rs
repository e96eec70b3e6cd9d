//! The history file, read and replaced.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::path::{Path, PathBuf};

use crate::readings::history::{History, MAX_FILE};

/// The content of the history file; empty if there is none. A damaged one is put aside once, to
/// be looked at, and not used.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
    if History::decode(&bytes).is_none() {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".bad");
        std::fs::rename(path, aside)?;
        return Ok(Vec::new());
    }
    Ok(bytes)
}

/// Replaces a file in one step that survives a power cut: new file, fsync, rename.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    let dir = path.parent().ok_or(Error::from(ErrorKind::InvalidInput))?;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = PathBuf::from(draft);
    let mut options = std::fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(&draft);
    let written = opened.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&draft, path)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_history_is_put_aside() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("state/history");
        write(&path, &History::default().encode()).expect("written");
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
