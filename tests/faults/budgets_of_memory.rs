//! Requests that name something else each time.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rainline_client::protocol::{Body, HEADER, LineRequest, ReplyHeader, Request};

use crate::support::{DEADLINE, Sandbox};

/// Asks for so many lines, none like another; each is answered.
fn ask(sandbox: &Sandbox, numbers: std::ops::Range<u32>) {
    let mut stream = UnixStream::connect(sandbox.socket()).expect("a daemon listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("set");
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
        let mut bytes = Vec::new();
        request.encode(&mut bytes);
        stream.write_all(&bytes).expect("the daemon reads");
        let mut head = vec![0; HEADER];
        stream.read_exact(&mut head).expect("a reply");
        let header = ReplyHeader::decode(&head).expect("the protocol").expect("whole");
        let mut body = vec![0; header.length];
        stream.read_exact(&mut body).expect("a body");
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
