//! The whole program on a machine that is only a directory.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use rainline_caps::Policy;
use rainline_render::width::width;

use super::sandbox::output_of;
use super::{Sandbox, root, until_true};

/// How long a line may take to settle: sparklines fill with a cell a second.
pub const SETTLED: Duration = super::DEADLINE;

/// The widest sparkline would take more than half a minute.
const CONFIG: &str = "[segment.rainbar]\n\
    format = \"$history.rain(w:12,over:memory,hue:work_history)( $charge.gauge()$arrow) \"\n";

/// A daemon on a fixture, in a sandbox of its own.
pub struct Machine {
    pub sandbox: Sandbox,
    pub daemon: Child,
}

impl Machine {
    pub fn new(root: &Path) -> Machine {
        let sandbox = Sandbox::new().configured(CONFIG);
        let mut command = sandbox.rainline();
        command.args(["daemon", "run", "--root"]).arg(root);
        let daemon = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs");
        let machine = Machine { sandbox, daemon };
        // Before it answers, a line would be drawn from the real machine.
        until_true("an answer of the daemon", || machine.sandbox.status().is_some());
        machine
    }

    pub fn fixture(name: &str) -> Machine {
        Machine::new(&root().join("tests/hosts").join(name))
    }

    /// A line by the real client.
    #[track_caller]
    pub fn print(&self, target: &str, slot: &str, columns: usize) -> String {
        let columns_word = columns.to_string();
        let args = ["terminal", slot, "--target", target, "--columns", &columns_word];
        let more = ["--depth", "true", "--host-version", "3.3"];
        let mut command = self.sandbox.printing(&[&args[..], &more].concat());
        let text = output_of(command.output().expect("it runs"));
        let line = text.strip_suffix('\n').expect("a whole line").to_owned();
        assert!(!line.contains('\n') || target != "plain", "{line:?}");
        if target == "plain" && slot == "full" {
            assert_eq!(width(&line, Policy::Wcwidth), columns, "{line:?}");
        }
        line
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// The names of the fixture machines.
pub fn fixtures() -> Vec<String> {
    let entries = fs::read_dir(root().join("tests/hosts")).expect("fixtures").flatten();
    let mut names: Vec<_> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
    names.sort();
    names
}
