//! Frame files: lines that lie ready for whoever prints them, so that a print asks nobody.
//!
//! Only lines of readings that everybody on this machine shares lie there, and never prompts. Such
//! a file counts until its readings would look old, or until half of the lease is over that
//! requests give it: then the next print asks over the socket again, and so says that somebody
//! still looks. A line that was asked for only once is not worth a file.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use rainline_client::protocol::build_id;
use rainline_client::runtime::{self, Runtime};

/// The most files.
const MOST: usize = 64;

/// A line that may lie in a file.
struct Frame {
    view: u64,
    prints: u32,
    /// Until when it is published unless somebody asks again.
    until: Duration,
    /// What lies there, and until when it counts.
    lies: Option<(Rc<[u8]>, Duration)>,
}

/// All frame files, by the key that requests have in common.
#[derive(Default)]
pub struct Frames {
    all: HashMap<u64, Frame>,
}

impl Frames {
    /// None yet; those of an earlier daemon are gone afterwards.
    pub fn swept(runtime: &Runtime) -> Frames {
        for name in runtime.names() {
            if name.as_encoded_bytes().starts_with(runtime::FRAME.as_bytes()) {
                runtime.remove(name);
            }
        }
        Frames::default()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Notes that a line was asked for over the socket; `until` is half of its lease.
    pub fn asked(&mut self, key: u64, view: u64, until: Duration) {
        if self.all.len() >= MOST && !self.all.contains_key(&key) {
            return;
        }
        let frame = self.all.entry(key).or_insert(Frame { view, prints: 0, until, lies: None });
        frame.prints = frame.prints.saturating_add(1);
        (frame.view, frame.until) = (view, until);
    }

    /// Writes what is new, and removes what nobody asked for lately. `draw` gives the line of a
    /// view and how long its readings look fresh; `None`: it is nothing to keep.
    pub fn publish(
        &mut self,
        runtime: &Runtime,
        boot: Duration,
        mut draw: impl FnMut(u64) -> Option<(Rc<[u8]>, Duration)>,
    ) {
        self.all.retain(|key, frame| {
            if boot >= frame.until {
                frame.remove(runtime, *key);
                return false;
            }
            if frame.prints < 2 {
                return true;
            }
            let Some((line, fresh)) = draw(frame.view) else {
                frame.remove(runtime, *key);
                return true;
            };
            let counts = fresh.min(frame.until);
            if frame.is_due(&line, counts, boot) {
                let mut bytes = Vec::with_capacity(runtime::FRAME_HEADER + line.len() + 1);
                runtime::frame_header(build_id(), counts, &mut bytes);
                bytes.extend_from_slice(&line);
                bytes.push(b'\n');
                // Without room for it prints go on asking.
                let written = runtime.write(&runtime::frame_name(*key), &bytes).is_ok();
                frame.lies = written.then_some((line, counts));
            }
            true
        });
    }

    /// Takes every file away: what they were drawn from is not in force any more.
    pub fn clear(&mut self, runtime: &Runtime) {
        for (key, mut frame) in self.all.drain() {
            frame.remove(runtime, key);
        }
    }
}

impl Frame {
    /// Whether what lies there is another line, or counts for less than half as long as it could.
    fn is_due(&self, line: &Rc<[u8]>, counts: Duration, boot: Duration) -> bool {
        let Some((old, until)) = &self.lies else { return counts > boot };
        let left = |until: Duration| until.saturating_sub(boot);
        (old != line && counts > boot) || left(*until) * 2 < left(counts)
    }

    fn remove(&mut self, runtime: &Runtime, key: u64) {
        if self.lies.take().is_some() {
            runtime.remove(&*runtime::frame_name(key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn runtime() -> (tempfile::TempDir, Runtime) {
        let root = tempfile::tempdir().expect("a directory");
        let runtime = Runtime::at(root.path().join("r")).expect("made");
        (root, runtime)
    }

    fn files(runtime: &Runtime) -> usize {
        runtime.names().len()
    }

    fn line(text: &str) -> Rc<[u8]> {
        Rc::from(text.as_bytes())
    }

    #[test]
    fn a_line_is_worth_a_file_when_it_is_asked_for_again_and_only_for_a_while() {
        let (_root, runtime) = runtime();
        let mut frames = Frames::swept(&runtime);
        let draw = |_| Some((line("a"), SECOND * 13));
        frames.asked(7, 1, SECOND * 40);
        frames.publish(&runtime, SECOND * 10, draw);
        assert_eq!(files(&runtime), 0);
        frames.asked(7, 1, SECOND * 40);
        frames.publish(&runtime, SECOND * 10, draw);
        assert_eq!(files(&runtime), 1);
        frames.publish(&runtime, SECOND * 40, draw);
        assert_eq!((files(&runtime), frames.is_empty()), (0, true));
    }

    #[test]
    fn what_did_not_change_is_written_again_only_before_it_ends() {
        let frame =
            |until| Frame { view: 1, prints: 2, until, lies: Some((line("a"), SECOND * 13)) };
        let frame = frame(SECOND * 40);
        assert!(!frame.is_due(&line("a"), SECOND * 14, SECOND * 11));
        assert!(frame.is_due(&line("a"), SECOND * 15, SECOND * 12));
        assert!(frame.is_due(&line("b"), SECOND * 14, SECOND * 11));
        // The end of the lease is near: nothing is gained.
        assert!(!frame.is_due(&line("a"), SECOND * 13, SECOND * 12));
    }

    #[test]
    fn there_are_few_and_a_new_daemon_finds_none() {
        let (_root, runtime) = runtime();
        let mut frames = Frames::swept(&runtime);
        for key in (0..100).chain(0..100) {
            frames.asked(key, key, SECOND * 40);
        }
        frames.publish(&runtime, SECOND, |_| Some((line("a"), SECOND * 4)));
        assert_eq!(files(&runtime), MOST);
        assert!(Frames::swept(&runtime).is_empty());
        assert_eq!(files(&runtime), 0);
    }
}
