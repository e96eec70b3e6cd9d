//! Something else than a Rainline daemon listens on the socket, as the same user, and says what it
//! likes. Nothing of it is printed unless it is one line of the size that was asked for.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rainline_client::protocol::{HEADER, ReplyHeader, ReplyKind, Request};

use crate::support::sandbox::one_line;
use crate::support::{DEADLINE, Sandbox, at_once};

/// A second hand, so that there is always another line to draw.
const CONFIG: &str = "[line.tmux]\nright = [\"clock\"]\n[segment.clock]\ntime = \"own %S\"\n";
/// A liar's, in every text.
const LIE: &str = "LIE";

type Script = fn(&mut UnixStream, &Request) -> std::io::Result<()>;

fn reply(kind: ReplyKind, nonce: u64, body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    ReplyHeader::encode(kind, nonce, body.as_ref(), &mut bytes);
    bytes
}

fn line(request: &Request, body: impl AsRef<[u8]>) -> Vec<u8> {
    reply(ReplyKind::Line, request.nonce, body)
}

/// A reply whose header says another kind, or another length of its body.
fn odd(request: &Request, at: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = line(request, LIE);
    bytes[at..at + value.len()].copy_from_slice(value);
    bytes
}

/// Sends a byte now and then, until the other side is gone.
fn drip(stream: &mut UnixStream, bytes: &[u8], pause: Duration) -> std::io::Result<()> {
    for byte in bytes {
        stream.write_all(&[*byte])?;
        std::thread::sleep(pause);
    }
    Ok(())
}

/// Keeps the connection until the other side leaves.
fn hold(stream: &mut UnixStream) -> std::io::Result<()> {
    std::io::copy(stream, &mut std::io::sink()).map(drop)
}

const LIES: &[(&str, Script)] = &[
    ("garbage", |stream, _| stream.write_all(b"220 LIE ESMTP\r\n")),
    ("no answer at all", |_, _| Ok(())),
    ("silence", |stream, _| hold(stream)),
    ("an answer to another request", |stream, request| {
        stream.write_all(&reply(ReplyKind::Line, request.nonce ^ 1, LIE))
    }),
    ("a huge length", |stream, request| {
        stream.write_all(&odd(request, HEADER - 4, &u32::MAX.to_le_bytes()))?;
        hold(stream)
    }),
    ("a length without a body", |stream, request| {
        stream.write_all(&odd(request, HEADER - 4, &200_000_u32.to_le_bytes()))?;
        hold(stream)
    }),
    ("two lines", |stream, request| stream.write_all(&line(request, "LIE\nLIE"))),
    ("a line with its end", |stream, request| stream.write_all(&line(request, "LIE\n"))),
    ("a megabyte", |stream, request| {
        let mut bytes = odd(request, HEADER - 4, &(1_u32 << 20).to_le_bytes());
        bytes.resize(HEADER + (1 << 20), b'x');
        stream.write_all(&bytes)
    }),
    ("the longest answer", |stream, request| stream.write_all(&line(request, LIE.repeat(80_000)))),
    ("an escape", |stream, request| stream.write_all(&line(request, "\x1b]0;LIE\x07"))),
    ("a control byte", |stream, request| stream.write_all(&line(request, "LIE\x0b"))),
    ("a C1 control", |stream, request| stream.write_all(&line(request, "LIE\u{9b}2J"))),
    ("bytes that are no text", |stream, request| stream.write_all(&line(request, b"LIE\xff"))),
    ("a wider line", |stream, request| {
        stream.write_all(&line(request, format!("{LIE}{}", "x".repeat(78))))
    }),
    ("a line of wide characters", |stream, request| {
        stream.write_all(&line(request, format!("{LIE}{}", "漢".repeat(39))))
    }),
    ("a pile of marks", |stream, request| {
        stream.write_all(&line(request, format!("{LIE}{}", "\u{301}".repeat(5000))))
    }),
    ("many lines at once", |stream, request| stream.write_all(&line(request, "LIE\n").repeat(500))),
    ("texts without end", |stream, request| {
        let text = reply(ReplyKind::Text, request.nonce, LIE);
        while stream.write_all(&text).is_ok() {}
        Ok(())
    }),
    ("half a line", |stream, request| stream.write_all(&line(request, LIE)[..HEADER + 1])),
    ("a byte now and then", |stream, request| {
        drip(stream, &line(request, LIE.repeat(50)), Duration::from_millis(300))
    }),
    ("bytes without a pause", |stream, request| {
        let long = line(request, LIE.repeat(80_000));
        drip(stream, &long, Duration::ZERO)
    }),
    ("a kind that is no more", |stream, request| stream.write_all(&odd(request, 4, &[4]))),
    ("an unknown kind", |stream, request| stream.write_all(&odd(request, 4, &[200]))),
    ("another protocol", |stream, request| stream.write_all(&odd(request, 3, &[99]))),
    ("a request", |stream, request| {
        let mut bytes = Vec::new();
        request.encode(&mut bytes);
        stream.write_all(&bytes)
    }),
    ("a refusal", |stream, request| {
        stream.write_all(&reply(ReplyKind::Refused, request.nonce, LIE))
    }),
    ("a farewell", |stream, request| stream.write_all(&reply(ReplyKind::Bye, request.nonce, LIE))),
    ("a farewell that stays", |stream, request| {
        stream.write_all(&reply(ReplyKind::Bye, request.nonce, LIE))?;
        hold(stream)
    }),
];

/// What listens in a sandbox's runtime directory instead of a daemon.
struct Liar {
    listener: Arc<UnixListener>,
    asked: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Liar {
    /// Each client is answered by the script. `first` is said before anything is read.
    fn listen(sandbox: &Sandbox, first: &'static [u8], script: Script) -> Liar {
        let listener = Arc::new(UnixListener::bind(sandbox.socket()).expect("bound"));
        let asked = Arc::new(AtomicUsize::new(0));
        let (accepts, count) = (listener.clone(), asked.clone());
        let thread = std::thread::spawn(move || {
            let mut talks = Vec::new();
            while let Ok((mut stream, _)) = accepts.accept() {
                let end = stream.try_clone().expect("a descriptor");
                let count = count.clone();
                let talk = std::thread::spawn(move || {
                    // The other side may leave at any moment.
                    let _ = stream.write_all(first);
                    let mut chunk = vec![0; 64 * 1024];
                    let read = stream.read(&mut chunk).unwrap_or(0);
                    if let Ok(Some((request, _))) = Request::decode(&chunk[..read]) {
                        count.fetch_add(1, Ordering::Relaxed);
                        let _ = script(&mut stream, &request);
                    }
                    let _ = stream.shutdown(Shutdown::Both);
                });
                talks.push((end, talk));
            }
            for (end, talk) in talks {
                let _ = end.shutdown(Shutdown::Both);
                talk.join().expect("no panic");
            }
        });
        Liar { listener, asked, thread: Some(thread) }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        // Ends its `accept`.
        let _ = rustix::net::shutdown(&*self.listener, rustix::net::Shutdown::Both);
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join)
            && !std::thread::panicking()
        {
            panic!("the liar panicked");
        }
    }
}

const WORDS: [&str; 8] =
    ["tmux", "right", "--target", "plain", "--columns", "80", "--deadline", "300"];

#[test]
fn a_print_shows_nothing_of_it() {
    at_once(LIES, |(what, script)| {
        let sandbox = Sandbox::new().configured(CONFIG);
        let _liar = Liar::listen(&sandbox, b"", *script);
        let line = one_line(sandbox.printing(&WORDS).output().expect("it runs"));
        assert!(!line.contains(LIE) && !line.trim().is_empty(), "{what}: {line:?}");
    });
}

#[test]
fn a_stream_shows_nothing_of_it_goes_on_and_asks_seldom() {
    at_once(LIES, |(what, script)| {
        let sandbox = Sandbox::new().configured(CONFIG);
        let liar = Liar::listen(&sandbox, b"", *script);
        let mut stream = sandbox.stream(&WORDS);
        for _ in 0..3 {
            let line = stream.next();
            assert!(!line.contains(LIE) && line.len() <= 80, "{what}: {line:?}");
        }
        // Ten thousand times in a second it was once.
        assert!((1..=20).contains(&liar.asked()), "{what}: asked {} times", liar.asked());
        assert!(stream.close().success());
    });
}

/// As a reply to the first requests that a process can make, if they were simply counted.
#[test]
fn an_answer_that_comes_before_the_question_is_none() {
    let guesses: Vec<u8> = (0..4).flat_map(|nonce| reply(ReplyKind::Line, nonce, LIE)).collect();
    for at in 0..4 {
        let sandbox = Sandbox::new().configured(CONFIG);
        let first: &'static [u8] = guesses[at * guesses.len() / 4..].to_vec().leak();
        let _liar = Liar::listen(&sandbox, first, |stream, _| hold(stream));
        let line = one_line(sandbox.printing(&WORDS).output().expect("it runs"));
        assert!(!line.contains(LIE), "{line:?}");
        let mut stream = sandbox.stream(&WORDS);
        assert!(!stream.next().contains(LIE));
    }
}

/// The other half: it is the lie that is refused, and not every answer.
#[test]
fn one_line_of_the_size_is_shown_from_any_process() {
    let sandbox = Sandbox::new().configured(CONFIG);
    let liar = Liar::listen(&sandbox, b"", |stream, request| {
        stream.write_all(&line(request, format!("true{}", " ".repeat(76))))?;
        hold(stream)
    });
    assert!(sandbox.print(&WORDS[..6]).starts_with("true"));
    let mut stream = sandbox.stream(&WORDS[..6]);
    assert!(stream.next().starts_with("true"));
    // It keeps silent then, and so a line of our own comes.
    let start = std::time::Instant::now();
    assert!(!stream.next().starts_with("true"));
    assert!(start.elapsed() < DEADLINE && liar.asked() >= 2);
}

/// For people it is not obeyed and not without end either.
#[test]
fn what_it_says_to_commands_is_short_and_acts_on_no_terminal() {
    let said: &[(&str, Script)] = &[
        ("a long text", |stream, request| {
            stream.write_all(&reply(ReplyKind::Text, request.nonce, LIE.repeat(80_000)))
        }),
        ("a long refusal", |stream, request| {
            stream.write_all(&reply(ReplyKind::Refused, request.nonce, LIE.repeat(80_000)))
        }),
        ("lines without end", |stream, request| {
            stream.write_all(&reply(ReplyKind::Refused, request.nonce, "LIE\n".repeat(50_000)))
        }),
        ("escapes", |stream, request| {
            let text = "\x1b]0;LIE\x07\x1b[2J\u{9b}2J\x08\0\x7f";
            stream.write_all(&reply(ReplyKind::Refused, request.nonce, text))
        }),
        ("nesting", |stream, request| {
            stream.write_all(&reply(ReplyKind::Text, request.nonce, "[".repeat(200_000)))
        }),
    ];
    let commands: [&[&str]; 5] = [
        &["set", "x", "value"],
        &["daemon", "status"],
        &["daemon", "reload"],
        &["daemon", "stop"],
        &["doctor", "--section", "daemon"],
    ];
    let cases: Vec<_> =
        said.iter().flat_map(|lie| commands.iter().map(move |words| (lie, *words))).collect();
    at_once(&cases, |((what, script), words)| {
        let sandbox = Sandbox::new().configured(CONFIG);
        let _liar = Liar::listen(&sandbox, b"", *script);
        let output = sandbox.rainline().args(*words).output().expect("it runs");
        let shown = String::from_utf8([output.stdout, output.stderr].concat()).expect("a text");
        assert!(shown.len() < 20_000, "{what}, {words:?}: {} bytes", shown.len());
        let acts = shown.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(acts, None, "{what}, {words:?}: {shown}");
    });
}
