//! A notification whose command hangs, while the alert comes and goes.

use std::io::Write;

use crate::support::{Sandbox, until_true};

/// How often the level is reached and left meanwhile.
const TIMES: usize = 20;

#[test]
fn notifications_do_not_queue_up_behind_one_that_hangs() {
    let sandbox = Sandbox::new().with_bin();
    let (told, hang, fifo) = (sandbox.path("told"), sandbox.path("hang"), sandbox.fifo("fifo"));
    let [told_at, hang_at, fifo_at] = [&told, &hang, &fifo].map(|path| path.display());
    sandbox.install(
        "tell-it",
        &format!("echo $RAINLINE_STATE >> {told_at}\n[ -e {hang_at} ] && read x < {fifo_at}\ntrue"),
    );
    sandbox.configure(
        "[line.terminal]\nleft = [\"it\"]\nright = []\n[segment.it]\nuse = \"custom\"\n\
         [alert.loud]\nsegment = \"it\"\nhold = \"0s\"\nback = true\ndo = [\"tell-it\"]\n",
    );
    std::fs::write(&hang, "").expect("written");
    sandbox.start_daemon(&[]);
    let mut stream = sandbox.stream(&["terminal", "left", "--target", "plain"]);
    stream.next();
    let set = |level: &str| drop(sandbox.output(&["set", "it", level, "--level", level]));
    let lines = || std::fs::read_to_string(&told).unwrap_or_default();
    set("critical");
    until_true("the first one", || !lines().is_empty());
    for _ in 0..TIMES {
        assert!(sandbox.processes_named("tell-it").len() <= 1, "one at a time");
        set("idle");
        set("critical");
    }
    set("idle");
    std::fs::remove_file(&hang).expect("it was there");
    // Open for both directions: what hangs no more does not read it.
    let mut options = std::fs::OpenOptions::new();
    let mut fifo = options.read(true).write(true).open(&fifo).expect("opened");
    fifo.write_all(b"\n").expect("written");
    until_true("the newest one", || lines().ends_with("back\n"));
    // The hung one is killed after some seconds: on a slow machine there were a few more.
    assert!(lines().lines().count() < TIMES, "{}", lines());
}
