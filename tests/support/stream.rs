//! Somebody who looks: an open stream and its lines.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A `rainline stream` that is ended with its owner.
pub struct Stream {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Stream {
    pub fn start(command: &mut Command) -> Stream {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
        let lines = BufReader::new(child.stdout.take().expect("a pipe"));
        Stream { child, lines }
    }

    pub fn next(&mut self) -> String {
        let mut line = String::new();
        assert!(self.lines.read_line(&mut line).expect("a line") > 0, "the stream ended");
        line
    }

    pub fn until(&mut self, part: &str) -> String {
        loop {
            let line = self.next();
            if line.contains(part) {
                return line;
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
