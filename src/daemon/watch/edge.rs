//! What the system tells of changed files: Linux by inotify. Where there is nothing of the kind,
//! whoever would watch looks now and then instead.

use std::ffi::OsString;
use std::os::fd::BorrowedFd;
use std::path::Path;

/// Something that happened in a watched directory.
pub struct Event {
    /// Of which watch; `None`: some were lost.
    pub watch: Option<i32>,
    /// To which of its files; `None`: to the directory itself.
    pub name: Option<OsString>,
}

pub use system::Eyes;

#[cfg(target_os = "linux")]
mod system {
    use std::mem::MaybeUninit;
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::ffi::OsStringExt;

    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
    use rustix::io::Errno;

    use super::*;

    /// Directories that are watched. Adding one may hang where its mount is dead.
    pub struct Eyes(OwnedFd);

    impl Eyes {
        /// `None`: this system has none, or no more of them.
        pub fn open() -> Option<Eyes> {
            inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok().map(Eyes)
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
                    // The end of a watch, which its owner knows or was told of.
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
    pub enum Eyes {}

    impl Eyes {
        pub fn open() -> Option<Eyes> {
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
