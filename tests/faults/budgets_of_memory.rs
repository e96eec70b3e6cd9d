//! Requests that name something else each time.

use std::io::Write;
use std::time::Duration;

use rainline_client::protocol::{Body, LineRequest, Request};

use crate::support::wire::{bytes, connect, reply};
use crate::support::{Sandbox, until_true};

/// Asks for so many lines, none like another; each is answered.
fn ask(sandbox: &Sandbox, numbers: std::ops::Range<u32>) {
    let mut stream = connect(sandbox);
    let long = "x".repeat(4000);
    for n in numbers {
        let mut line = LineRequest {
            line: format!("line-{n}"),
            target: "plain".into(),
            config: sandbox.config(),
            session: n,
            columns: (n % 300) as u16 + 20,
            pane: format!("%{n}"),
            cwd: format!("/nowhere/{n}/{long}").into(),
            holds: format!("pane={long}{n}"),
            env: vec![("SSH_TTY".into(), format!("/dev/{n}{long}").into())],
            ..LineRequest::default()
        };
        match n % 4 {
            0 => line.config = format!("/nowhere/{n}.toml").into(),
            1 => (line.theme, line.target) = (format!("theme-{n}"), format!("target-{n}")),
            _ => line.line = "all".into(),
        }
        let request =
            Request { nonce: n.into(), ..Request::new(Body::Print(line), Duration::ZERO) };
        stream.write_all(&bytes(&request)).expect("the daemon reads");
        let (header, body) = reply(&mut stream);
        assert!(header.nonce == u64::from(n) && !body.is_empty(), "{n}");
    }
}

#[test]
fn requests_of_changing_keys_take_no_more_memory_than_the_first_ones() {
    let sandbox = Sandbox::running(
        "[line.all]\nleft = [\"git\", \"directory\", \"hostname\", \"user\", \"session\", \"mail\"]\n\
         right = [\"status\", \"jobs\", \"keymap\", \"env\", \"clock\"]\n",
    );
    let memory = || sandbox.figure("memory").expect("a status that fits into a reply");
    ask(&sandbox, 0..300);
    let first = memory();
    ask(&sandbox, 300..1200);
    let grown = memory().saturating_sub(first);
    // 900 of them have more than 10 MB of names, each of which is kept some times.
    assert!(grown < 5_000, "{first} kB grew by {grown} kB");
    assert!(sandbox.figure("views").expect("a status") < 1000);
    assert!(!sandbox.print(&["all", "left", "--target", "plain"]).trim().is_empty());
}

/// Streams are left a few seconds after their end, prints after a minute.
#[test]
fn what_many_different_requests_took_is_given_back() {
    let sandbox = Sandbox::running("[line.all]\nleft = [\"env\", \"status\", \"keymap\"]\n");
    let memory = || sandbox.figure("memory").expect("a status");
    sandbox.print(&["all", "left", "--target", "plain"]);
    let before = memory();
    let streams: Vec<_> = (0..500)
        .map(|n| {
            let line = LineRequest {
                line: "all".into(),
                target: "plain".into(),
                config: sandbox.config(),
                session: n,
                cwd: format!("/nowhere/{n}/{}", "x".repeat(4000)).into(),
                holds: "prefix,".repeat(2000),
                ..LineRequest::default()
            };
            let mut stream = connect(&sandbox);
            let request = Request::new(Body::Stream(line), Duration::ZERO);
            stream.write_all(&bytes(&request)).expect("the daemon reads");
            assert!(!reply(&mut stream).1.is_empty(), "{n}");
            stream
        })
        .collect();
    let most = memory();
    assert!(most > before + 5_000, "{before} kB, and {most} kB with what is to be given back");
    drop(streams);
    until_true("less memory", || memory() < before + (most - before) / 4);
    assert_eq!(sandbox.figure("streams"), Some(0));
}
