//! What the daemon makes of configs that come, change and break.

use std::os::unix::fs::PermissionsExt;

use super::streams::stream;
use super::{print, print_with, running, saying, without_a_place};
use crate::support::until_true;

#[test]
fn a_config_that_cannot_be_read_to_its_end_delays_no_line() {
    let sandbox = running();
    let fifo = sandbox.fifo("fifo");
    let fifo = fifo.to_str().expect("UTF-8");
    print_with(&sandbox, &["--config", fifo]);
    print(&sandbox);
    assert!(sandbox.status().expect("it runs").contains("fifo"));
}

#[test]
fn a_changed_config_is_taken_over_by_lines_and_streams() {
    let sandbox = running();
    sandbox.configure(&saying("first"));
    assert!(print(&sandbox).contains("first"));
    let mut stream = stream(&sandbox);
    assert!(stream.next().contains("first"));
    sandbox.configure(&saying("second"));
    stream.until("second");
    assert!(print(&sandbox).contains("second"));
}

#[test]
fn a_config_that_appears_later_is_noticed() {
    let sandbox = running();
    assert!(!print(&sandbox).contains("here I am"));
    sandbox.configure(&saying("here I am"));
    until_true("the config", || print(&sandbox).contains("here I am"));
}

#[test]
fn a_broken_config_leaves_the_last_good_one_in_force() {
    let sandbox = running();
    sandbox.configure(&saying("good"));
    assert!(print(&sandbox).contains("good"));
    sandbox.configure("[line.tmux\nright = nonsense");
    until_true("the problem", || sandbox.status().expect("it runs").contains("problem"));
    assert!(print(&sandbox).contains("good"));
    sandbox.configure(&saying("better"));
    until_true("the mended config", || print(&sandbox).contains("better"));
    assert!(!sandbox.status().expect("it runs").contains("problem"));
}

#[test]
fn a_config_that_others_may_write_is_not_obeyed() {
    let sandbox = running();
    sandbox.configure(&saying("hostile"));
    let path = sandbox.config();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).expect("changed");
    assert!(!print(&sandbox).contains("hostile"));
    let status = sandbox.status().expect("it runs");
    assert!(status.contains("not trusted"), "{status}");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("changed");
    until_true("the config", || print(&sandbox).contains("hostile"));
}

#[test]
fn a_line_without_a_daemon_obeys_the_config_too() {
    let sandbox = without_a_place();
    sandbox.configure(&saying("alone"));
    assert!(print(&sandbox).contains("alone"));
}

#[test]
fn the_config_of_a_request_is_known_by_its_path() {
    let sandbox = running();
    let config = sandbox.path("mine.toml");
    std::fs::write(&config, "").expect("written");
    print_with(&sandbox, &["--config", config.to_str().expect("UTF-8")]);
    assert!(sandbox.status().expect("it runs").contains("mine.toml"));
}
