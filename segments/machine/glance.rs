//! The door to the processors' counters for whoever looks once and leaves: the file is opened anew
//! for each look.
//!
//! What stands at `/proc/stat` may be a FIFO that answers each reader with one sample (a test bench,
//! a recorder). Then it is waited for, at most so long, and held until the next look has opened it:
//! what a writer says when there is no reader at all is lost.

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};

use super::native::processors::parse;
use super::{Error, MAX_FILE, Machine, Processors, ProcessorsReader, Reader, World};

const STAT: &str = "/proc/stat";

impl ProcessorsReader {
    /// Reads the counters into `now`, from a file opened for this one look.
    pub fn glance(
        &mut self,
        machine: &Machine,
        now: &mut Processors,
        limit: Duration,
    ) -> Result<(), Error> {
        if machine.reader() == Reader::Portable {
            return self.read(machine, now);
        }
        let text = match &machine.world {
            World::Real if !self.next.is_empty() => Ok(std::mem::take(&mut self.next)),
            World::Real => open().and_then(|(file, is_fifo)| {
                if !is_fifo {
                    let mut bytes = Vec::new();
                    file.take(MAX_FILE as u64).read_to_end(&mut bytes)?;
                    return Ok(bytes);
                }
                let read = drain(&file, limit);
                self.held = Some(file);
                read
            }),
            World::Fixture(_) => machine.read(STAT),
        };
        let mut text = text.map_err(|cause| Error::Read { path: STAT.into(), cause })?;
        self.next = second(&mut text);
        parse(&text, now).map_err(|what| Error::Strange { path: STAT.into(), what: what.into() })
    }
}

impl Machine {
    /// Whether the processors' counters are the kernel's own, which every process on this machine
    /// sees alike, and not a fixture's or something that was put in their place.
    pub fn counts_for_all(&self) -> bool {
        let own = |stat: rustix::fs::Stat| FileType::from_raw_mode(stat.st_mode).is_file();
        self.is_real()
            && (self.reader() == Reader::Portable || rustix::fs::stat(STAT).is_ok_and(own))
    }
}

/// Cuts off what begins with another line of all processors: a FIFO's second writer, who came before
/// we had read the first.
fn second(text: &mut Vec<u8>) -> Vec<u8> {
    const START: &[u8] = b"\ncpu ";
    let at = text.windows(START.len()).position(|part| part == START);
    at.map_or(Vec::new(), |at| text.split_off(at + 1))
}

/// What is there now, and whether it is a FIFO.
fn open() -> io::Result<(File, bool)> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    #[allow(clippy::disallowed_methods, reason = "this is the reader")]
    let file = File::from(rustix::fs::open(STAT, flags, Mode::empty())?);
    let is_fifo = std::os::unix::fs::FileTypeExt::is_fifo(&file.metadata()?.file_type());
    Ok((file, is_fifo))
}

/// What one writer says into a FIFO, from its first byte to its end.
#[allow(clippy::disallowed_methods, reason = "a deadline by the monotonic clock")]
fn drain(mut fifo: &File, limit: Duration) -> io::Result<Vec<u8>> {
    let deadline = std::time::Instant::now() + limit;
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    // An end that was there before we opened it is read, not polled.
    let mut wait = true;
    loop {
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        let left =
            Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        // Before the first writer comes a FIFO is neither readable nor hung up.
        if wait {
            match poll(&mut [PollFd::new(fifo, PollFlags::IN)], Some(&left)) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match fifo.read(&mut chunk) {
            Ok(0) => return Ok(bytes),
            Ok(count) => {
                bytes.extend_from_slice(&chunk[..count]);
                wait = false;
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                wait = true;
            }
            Err(error) => return Err(error),
        }
        if bytes.len() > MAX_FILE {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::machine_with;
    use std::io::Write;

    fn fifo() -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("fifo");
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, FileType::Fifo, mode, 0).expect("a FIFO");
        (dir, path)
    }

    #[allow(clippy::disallowed_methods, reason = "a test arranges its files")]
    fn reader(path: &std::path::Path) -> File {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        File::from(rustix::fs::open(path, flags, Mode::empty()).expect("a reader"))
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test arranges its files")]
    fn a_fifo_is_read_from_its_writer_to_its_end() {
        let (_dir, path) = fifo();
        let reader = reader(&path);
        let writer = std::thread::spawn(move || {
            let mut file = std::fs::OpenOptions::new().write(true).open(path).expect("a writer");
            file.write_all(b"cpu  1 2 3 4\n").expect("written");
        });
        let read = drain(&reader, Duration::from_secs(60)).expect("read");
        writer.join().expect("ended");
        assert_eq!(read, b"cpu  1 2 3 4\n");
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test arranges its files")]
    fn what_is_said_between_two_looks_is_heard() {
        let (_dir, path) = fifo();
        let say = |what: &[u8]| {
            let file = std::fs::OpenOptions::new().write(true).open(&path);
            file.and_then(|mut file| file.write_all(what)).expect("written");
        };
        let long = Duration::from_secs(60);
        let first = reader(&path);
        say(b"cpu  1\n");
        assert_eq!(drain(&first, long).expect("read"), b"cpu  1\n");
        say(b"cpu  2\n");
        let second = reader(&path);
        drop(first);
        assert_eq!(drain(&second, long).expect("read"), b"cpu  2\n");
    }

    #[test]
    fn a_fifo_without_a_writer_is_given_up() {
        let (_dir, path) = fifo();
        let error = drain(&reader(&path), Duration::from_millis(1)).expect_err("nobody writes");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn two_writers_at_once_are_two_samples() {
        let mut text = b"cpu  1 2 3 4\ncpu0 1 2 3 4\ncpu  5 6 7 8\n".to_vec();
        assert_eq!(second(&mut text), b"cpu  5 6 7 8\n");
        assert_eq!(text, b"cpu  1 2 3 4\ncpu0 1 2 3 4\n");
        assert!(second(&mut text).is_empty());
    }

    #[test]
    fn two_glances_are_two_samples() {
        let (_dir, machine) =
            machine_with(&[("proc/stat", "cpu  1 0 0 9\n"), ("proc/stat@2", "cpu  5 0 0 15\n")]);
        let (mut door, mut now) = (ProcessorsReader::default(), Processors::default());
        let mut look = || {
            door.glance(&machine, &mut now, Duration::ZERO).expect("readable");
            now.all.user
        };
        assert_eq!((look(), look()), (1, 5));
        assert!(!machine.counts_for_all());
    }
}
