//! The system's notice of changed files: inotify on Linux. Elsewhere nothing is watched, and readings
//! are taken at their usual interval.

use std::ffi::OsString;
use std::os::fd::BorrowedFd;
use std::path::Path;

/// Something that happened in a watched directory.
pub struct Event {
    /// The watch; `None`: events were lost.
    pub watch: Option<i32>,
    /// The file in the directory; `None`: the directory itself.
    pub name: Option<OsString>,
}

pub use system::Watcher;

#[cfg(target_os = "linux")]
mod system {
    use std::mem::MaybeUninit;
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::ffi::OsStringExt;

    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
    use rustix::io::Errno;

    use super::*;

    /// Directories that are watched. Adding one may hang where its mount is dead.
    pub struct Watcher(OwnedFd);

    impl Watcher {
        /// `None`: the system has no inotify instance left.
        pub fn open() -> Option<Watcher> {
            inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok().map(Watcher)
        }

        /// Watches a directory; the same one twice is one watch.
        pub fn add(&self, dir: &Path) -> Option<i32> {
            let flags = WatchFlags::CREATE
                | WatchFlags::CLOSE_WRITE
                | WatchFlags::MOVED_TO
                | WatchFlags::MOVED_FROM
                | WatchFlags::DELETE
                | WatchFlags::ATTRIB
                | WatchFlags::DELETE_SELF
                | WatchFlags::MOVE_SELF
                | WatchFlags::ONLYDIR;
            inotify::add_watch(&self.0, dir, flags).ok()
        }

        pub fn remove(&self, watch: i32) {
            let _ = inotify::remove_watch(&self.0, watch);
        }

        /// Readable when there are events.
        pub fn fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }

        /// What happened since the last time.
        pub fn events(&self) -> std::io::Result<Vec<Event>> {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut reader = inotify::Reader::new(&self.0, &mut buffer);
            let mut events = Vec::new();
            loop {
                match reader.next() {
                    // The end of a watch; its reason came as an event of its own.
                    Ok(event) if event.events().contains(ReadFlags::IGNORED) => {}
                    Ok(event) => events.push(Event {
                        watch: (!event.events().contains(ReadFlags::QUEUE_OVERFLOW))
                            .then_some(event.wd()),
                        name: event
                            .file_name()
                            .map(|name| OsString::from_vec(name.to_bytes().into())),
                    }),
                    Err(Errno::WOULDBLOCK) => return Ok(events),
                    Err(Errno::INTR) => {}
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::*;

    /// Nothing is watched here.
    pub enum Watcher {}

    impl Watcher {
        pub fn open() -> Option<Watcher> {
            None
        }

        pub fn add(&self, _: &Path) -> Option<i32> {
            match *self {}
        }

        pub fn remove(&self, _: i32) {
            match *self {}
        }

        pub fn fd(&self) -> BorrowedFd<'_> {
            match *self {}
        }

        pub fn events(&self) -> std::io::Result<Vec<Event>> {
            match *self {}
        }
    }
}
