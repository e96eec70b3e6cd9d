//! The history file, read and replaced.

use std::fs::File;
use std::io::{ErrorKind, Read, Result};
use std::path::Path;

use rustix::process::{Pid, test_kill_process};

use crate::files;
use crate::readings::history::{History, MAX_FILE};

/// The content of the history file; empty if there is none. What is no history, or cannot be opened,
/// gets the name `.bad`, so that there can be one again. An error may be over the next time.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    remove_drafts(path);
    match open(path) {
        Ok(Some(file)) => {
            let mut bytes = Vec::new();
            file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
            if History::decode(&bytes).is_some() {
                return Ok(bytes);
            }
        }
        Ok(None) => {}
        Err(error) => match error.kind() {
            ErrorKind::NotFound if path.symlink_metadata().is_err() => return Ok(Vec::new()),
            ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::NotADirectory => {}
            _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {}
            _ => return Err(error),
        },
    }
    put_aside(path)?;
    Ok(Vec::new())
}

/// Opens a regular file of no more than the limit, without waiting for another end; `None` for
/// anything else.
fn open(path: &Path) -> Result<Option<File>> {
    let file = match files::open(path) {
        // A FIFO without a writer, or a device that is not there.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
            return Ok(None);
        }
        other => other?,
    };
    let about = file.metadata()?;
    Ok((about.is_file() && about.len() <= MAX_FILE as u64).then_some(file))
}

/// Renames to `.bad`; what had that name before goes.
fn put_aside(path: &Path) -> Result<()> {
    let aside = files::beside(path, ".bad");
    std::fs::rename(path, &aside).or_else(|_| {
        // A file and a directory do not replace each other. A directory with something in it stays.
        let _ = std::fs::remove_file(&aside).or_else(|_| std::fs::remove_dir(&aside));
        std::fs::rename(path, &aside)
    })
}

/// Removes the drafts of processes that were killed before they could rename them.
fn remove_drafts(path: &Path) {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
    else {
        return;
    };
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let writer = entry.file_name().to_str().and_then(|draft| {
            Pid::from_raw(draft.strip_prefix(name)?.strip_prefix('.')?.parse().ok()?)
        });
        if writer.is_some_and(|pid| test_kill_process(pid) == Err(rustix::io::Errno::SRCH)) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
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

    #[test]
    fn whatever_stands_in_its_place_is_put_aside_at_once_and_makes_room() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("history");
        let fifo = |path: &Path| {
            let kind = rustix::fs::FileType::Fifo;
            rustix::fs::mknodat(rustix::fs::CWD, path, kind, 0o600.into(), 0).expect("made");
        };
        let put: [&dyn Fn(&Path); 6] = [
            &|path| std::fs::create_dir(path).expect("made"),
            &|path| fifo(path),
            &|path| symlink("/dev/zero", path).expect("linked"),
            &|path| symlink("nowhere", path).expect("linked"),
            &|path| symlink("history", path).expect("linked to itself"),
            &|path| std::fs::write(path, "nonsense").expect("written"),
        ];
        for (index, put) in put.iter().enumerate() {
            put(&path);
            assert!(read(&path).expect("put aside").is_empty(), "{index}");
            assert!(path.symlink_metadata().is_err(), "{index}");
            files::replace_durably(&path, &History::default().encode()).expect("written again");
            assert!(!read(&path).expect("read").is_empty(), "{index}");
            std::fs::remove_file(&path).expect("removed");
        }
        assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 1, "one `.bad`");
    }

    #[test]
    fn every_damage_to_a_history_is_an_empty_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("history");
        let whole = History::default().encode();
        let flipped = (0..whole.len()).map(|at| {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            bytes
        });
        let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
        for bytes in flipped.chain(cut) {
            std::fs::write(&path, &bytes).expect("written");
            assert!(read(&path).expect("no error").is_empty(), "{bytes:?}");
        }
    }

    #[test]
    fn drafts_of_the_dead_are_removed_and_those_of_the_living_stay() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("history");
        let mut child = std::process::Command::new("true").spawn().expect("it runs");
        child.wait().expect("it ends");
        let mine = files::beside(&path, &format!(".{}", std::process::id()));
        let (dead, other) = (files::beside(&path, &format!(".{}", child.id())), "history.old");
        for draft in [&mine, &dead, &dir.path().join(other)] {
            std::fs::write(draft, "").expect("written");
        }
        assert!(read(&path).expect("none").is_empty());
        assert!(mine.exists() && !dead.exists() && dir.path().join(other).exists());
    }
}
