//! Replacing a file in one step, and reading one that may be anything.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Result, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Replaces a file in one step: a reader sees the old bytes or the new ones. Missing directories are
/// made; all of it is readable by this user only. Two threads of one process must not replace the
/// same file at once: its draft is named by the process.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    replace_after(path, bytes, |_| Ok(()))
}

/// [`replace`], in a way that survives a power cut, too: the disk has the bytes before the name.
pub fn replace_durably(path: &Path, bytes: &[u8]) -> Result<()> {
    replace_after(path, bytes, File::sync_all)
}

fn replace_after(path: &Path, bytes: &[u8], settle: fn(&File) -> Result<()>) -> Result<()> {
    if let Some(dir) = path.parent() {
        private_dir(dir)?;
    }
    let draft = beside(path, &format!(".{}", std::process::id()));
    // Left by a process of the same number that was killed.
    let _ = std::fs::remove_file(&draft);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft);
    let placed = file.and_then(|mut file| {
        file.write_all(bytes)?;
        settle(&file)?;
        std::fs::rename(&draft, path)
    });
    if placed.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    placed
}

/// Opens what may be anything, to read it: a FIFO is not waited for, and no terminal becomes ours.
pub fn open(path: &Path) -> Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// The first bytes of a file, at most so many; nothing of what is no regular file, which may have no
/// end or keep us waiting.
pub fn read_start(path: &Path, most: u64) -> Result<Vec<u8>> {
    let file = open(path)?;
    let mut bytes = Vec::new();
    if file.metadata()?.is_file() {
        file.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Makes a directory, and those above it, that only this user can enter.
pub fn private_dir(dir: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// The path with this ending after its file name.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_replaced_whole_and_is_private() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a/b/file");
        for (replace, text) in [(replace as fn(&Path, &[u8]) -> _, "1"), (replace_durably, "2")] {
            replace(&path, text.as_bytes()).expect("replaced");
            assert_eq!(std::fs::read_to_string(&path).expect("readable"), text);
        }
        let mode = |path: &Path| path.metadata().expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&dir.path().join("a"))), (0o600, 0o700));
    }

    #[test]
    fn only_the_start_of_a_regular_file_is_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        std::fs::write(&path, "0123456789").expect("written");
        assert_eq!(read_start(&path, 4).expect("readable"), b"0123");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let (here, kind) = (rustix::fs::CWD, rustix::fs::FileType::Fifo);
        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(here, &fifo, kind, mode, 0).expect("a FIFO");
        for endless in [&*fifo, Path::new("/dev/zero")] {
            assert_eq!(read_start(endless, 4).expect("opened"), b"");
        }
    }

    #[test]
    fn a_draft_is_neither_left_nor_in_the_way() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        std::fs::write(beside(&path, &format!(".{}", std::process::id())), "old").expect("written");
        replace(&path, b"new").expect("replaced");
        assert_eq!(std::fs::read(&path).expect("readable"), b"new");
        // A directory cannot be replaced by a file.
        std::fs::create_dir(dir.path().join("taken")).expect("a directory");
        assert!(replace(&dir.path().join("taken"), b"").is_err());
        assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 2);
    }
}
