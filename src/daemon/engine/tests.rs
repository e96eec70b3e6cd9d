//! Requests from their arrival to their reply, with a scripted clock, scripted workers and clients
//! that are real sockets.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};

use rainline_client::protocol::ReplyHeader;

use super::*;
use crate::daemon::sampler::test_support::{at, gathered};
use crate::readings::sample::PortableSample;
use crate::worker::{Answer, Job};
use rainline_segments::{Sample, Value};

mod soak;

const SECOND: Duration = Duration::from_secs(1);

/// A line with a text and with a reading that a worker takes.
const TEXT: &str = "[line.x]\nleft = [\"text\", \"disk\"]\n[segment.text]\ntext = \"one\"\n\
[segment.disk]\nformat = \"$path\"\n";

/// An engine without its loop.
struct Harness {
    engine: Engine,
    listener: OwnedFd,
    clients: Vec<UnixStream>,
    root: tempfile::TempDir,
}

impl Harness {
    fn new() -> Harness {
        let root = tempfile::tempdir().expect("a directory");
        let runtime = Rc::new(Runtime::at(root.path().join("r")).expect("made"));
        let listener = UnixListener::bind(root.path().join("s")).expect("bound");
        listener.set_nonblocking(true).expect("set");
        let engine = Engine::new(&runtime, Some(root.path().join("machine")));
        Harness { engine, listener: listener.into(), clients: Vec::new(), root }
    }

    /// Has a new client ask; the number of its connection is its place among the clients, plus one.
    fn ask(&mut self, body: Body, deadline: Duration, now: &Now) -> usize {
        let client = UnixStream::connect(self.root.path().join("s")).expect("connected");
        client.set_nonblocking(true).expect("set");
        self.engine.lines.receive(Some(&self.listener), Vec::new(), now.boot);
        self.clients.push(client);
        let request = Request::new(body, deadline);
        assert!(self.engine.request(self.clients.len() as u64, request, now).is_none());
        self.clients.len() - 1
    }

    fn print(&mut self, now: &Now) -> usize {
        self.ask(Body::Print(line("/config")), SECOND * 4, now)
    }

    /// The replies that a client got since the last time.
    fn replies(&mut self, client: usize) -> Vec<(ReplyKind, String)> {
        let mut bytes = Vec::new();
        let _ = self.clients[client].read_to_end(&mut bytes);
        let mut replies = Vec::new();
        while let Ok(Some(header)) = ReplyHeader::decode(&bytes) {
            let start = rainline_client::protocol::HEADER;
            let body = &bytes[start..start + header.length];
            replies.push((header.kind, String::from_utf8_lossy(body).into_owned()));
            bytes.drain(..start + header.length);
        }
        replies
    }

    fn reply(&mut self, client: usize) -> (ReplyKind, String) {
        let mut replies = self.replies(client);
        assert_eq!(replies.len(), 1, "{replies:?}");
        replies.remove(0)
    }

    /// The job of this sort that waits for a worker; others are lost.
    fn job(&mut self, is_it: impl Fn(&Job) -> bool) -> (Ticket, Purpose) {
        let mut submitted = self.engine.jobs.take().0.into_iter();
        let found = submitted.find(|submission| is_it(&submission.job)).expect("a job");
        (found.ticket, found.purpose)
    }

    /// Answers the job that reads the config.
    fn config(&mut self, text: &str, now: &Now) {
        let (ticket, purpose) = self.job(|job| matches!(job, Job::ReadConfig { .. }));
        let answer = Answer::ConfigRead(gathered(text));
        self.engine.outcome(ticket, purpose, Ok(answer), now);
        self.turn(now);
    }

    /// Answers the job that reads the disk.
    fn disk(&mut self, path: &str, now: &Now) {
        let (ticket, purpose) = self.job(|job| matches!(job, Job::Sample { .. }));
        let sample = Sample::new(Level::Idle).with("path", Value::text(path));
        let sample = Ok(Some(PortableSample::new(sample)));
        self.engine.outcome(ticket, purpose, Ok(Answer::Sampled { sample, saved: None }), now);
        self.turn(now);
    }

    /// What the loop does after the workers' outcomes.
    fn turn(&mut self, now: &Now) {
        self.engine.sample_due(now);
        self.engine.answer_pending(now);
        self.engine.lines.update_streams(self.engine.sampler.cache(), now);
    }
}

fn line(config: &str) -> LineRequest {
    LineRequest {
        line: "x".into(),
        slot: "left".into(),
        target: "plain".into(),
        config: config.into(),
        ..LineRequest::default()
    }
}

fn set(segment: &str, value: &str) -> Body {
    let (segment, value) = (segment.into(), value.into());
    Body::Set(Set { config: "/config".into(), segment, value, ..Set::default() })
}

#[test]
fn of_requests_that_come_together_one_is_taken_a_pass() {
    let mut harness = Harness::new();
    let mut client = UnixStream::connect(harness.root.path().join("s")).expect("connected");
    let mut bytes = Vec::new();
    (0..3).for_each(|_| Request::new(Body::Print(line("/config")), SECOND).encode(&mut bytes));
    client.write_all(&bytes).expect("sent");
    let lines = &mut harness.engine.lines;
    assert_eq!(lines.receive(Some(&harness.listener), Vec::new(), SECOND).len(), 1);
    // More comes meanwhile, so that the poll finds it, too.
    client.write_all(&bytes).expect("sent");
    assert_eq!(lines.receive(None, vec![(1, PollFlags::IN)], SECOND).len(), 1);
}

#[test]
fn a_print_waits_for_its_config_and_for_its_first_reading() {
    let mut harness = Harness::new();
    let client = harness.print(&at(100));
    assert_eq!(harness.replies(client), []);
    harness.config(TEXT, &at(101));
    assert_eq!(harness.replies(client), [], "its reading was ordered");
    harness.disk("/data", &at(102));
    let (kind, line) = harness.reply(client);
    assert!(kind == ReplyKind::Line && line.contains("one") && line.contains("/data"), "{line}");
}

#[test]
fn a_reading_that_is_known_is_waited_for_no_more() {
    let mut harness = Harness::new();
    let client = harness.print(&at(100));
    harness.config(TEXT, &at(100));
    harness.disk("/data", &at(100));
    harness.reply(client);
    let again = harness.print(&at(130));
    let (_, line) = harness.reply(again);
    assert!(line.contains("/data"), "the old one, while the next is on its way: {line}");
}

#[test]
fn the_built_in_config_stands_in_for_one_that_is_late() {
    let mut harness = Harness::new();
    let client = harness.print(&at(100));
    assert_eq!(harness.engine.wake(&at(100)), Some(Duration::ZERO), "jobs come first");
    let jobs = harness.engine.jobs.take();
    assert_eq!(harness.engine.wake(&at(100)), Some(SECOND * 103), "three quarters of its deadline");
    harness.turn(&at(102));
    assert_eq!(harness.replies(client), []);
    harness.turn(&at(103));
    assert_eq!(harness.reply(client).0, ReplyKind::Line, "of the built-in config");
    let [read] =
        &jobs.0.iter().filter(|j| matches!(j.job, Job::ReadConfig { .. })).collect::<Vec<_>>()[..]
    else {
        panic!("{jobs:?}")
    };
    let answer = Answer::ConfigRead(gathered(TEXT));
    harness.engine.outcome(read.ticket, read.purpose.clone(), Ok(answer), &at(104));
    let own = harness.print(&at(105));
    harness.turn(&at(108));
    assert!(harness.reply(own).1.contains("one"));
}

#[test]
fn a_first_reading_that_is_late_is_left_out() {
    let mut harness = Harness::new();
    let client = harness.print(&at(100));
    harness.config(TEXT, &at(101));
    harness.turn(&at(102));
    assert_eq!(harness.replies(client), []);
    harness.turn(&at(103));
    let (_, line) = harness.reply(client);
    assert!(line.contains("one") && !line.contains("/data"), "{line}");
}

#[test]
fn a_client_that_is_gone_gets_no_reply_and_holds_nothing_up() {
    let mut harness = Harness::new();
    let client = harness.print(&at(100));
    let events = vec![(client as u64 + 1, PollFlags::HUP)];
    harness.engine.lines.receive(None, events, SECOND * 100);
    harness.engine.jobs.take();
    harness.turn(&at(101));
    assert!(harness.engine.lines.take_pending().is_empty());
}

#[test]
fn a_stream_gets_a_line_when_it_changes_and_the_new_one_after_a_reload() {
    let mut harness = Harness::new();
    let body = Body::Stream(line("/config"));
    let client = harness.ask(body, SECOND * 4, &at(100));
    harness.config(TEXT, &at(100));
    harness.disk("/data", &at(100));
    assert!(harness.reply(client).1.contains("/data"));
    harness.turn(&at(101));
    assert_eq!(harness.replies(client), [], "nothing is new");
    assert_eq!(harness.engine.idle_end(SECOND), None, "a stream is open");
    harness.engine.jump();
    harness.turn(&at(102));
    harness.disk("/other", &at(102));
    assert!(harness.reply(client).1.contains("/other"));
    harness.engine.reload();
    harness.config(&TEXT.replace("one", "two"), &at(103));
    let (kind, line) = harness.reply(client);
    assert!(kind == ReplyKind::Line && line.contains("two") && line.contains("/other"), "{line}");
}

/// More than are sent a line in one pass, and a line that changes again meanwhile.
#[test]
fn many_streams_get_their_line_in_several_passes_and_then_the_next_one() {
    let mut harness = Harness::new();
    let text = "[line.x]\nleft = [\"note\"]\n[segment.note]\nuse = \"custom\"\n";
    let body = || Body::Stream(line("/config"));
    let first = harness.ask(body(), SECOND, &at(100));
    harness.config(text, &at(100));
    let streams: Vec<usize> = (1..150).map(|_| harness.ask(body(), SECOND, &at(100))).collect();
    let streams = [vec![first], streams].concat();
    for client in &streams {
        harness.reply(*client);
    }
    let mut got = vec![String::new(); streams.len()];
    for value in ["two", "three"] {
        harness.ask(set("note", value), SECOND, &at(101));
        harness.turn(&at(101));
    }
    loop {
        for (client, got) in streams.iter().zip(&mut got) {
            for (kind, line) in harness.replies(*client) {
                assert!(kind == ReplyKind::Line && *got != line);
                *got = line;
            }
        }
        if got.iter().all(|line| line.contains("three")) {
            break;
        }
        let wake = harness.engine.lines.wake(at(101).boot, false);
        assert_eq!(wake, Some(Duration::ZERO), "there is more to send");
        harness.turn(&at(101));
    }
}

#[test]
fn a_broken_config_after_a_reload_leaves_the_old_line_with_a_sign() {
    let mut harness = Harness::new();
    let client = harness.ask(Body::Stream(line("/config")), SECOND * 4, &at(100));
    harness.config(TEXT, &at(100));
    harness.disk("/data", &at(100));
    let (_, good) = harness.reply(client);
    harness.engine.reload();
    harness.config(TEXT, &at(101));
    assert_eq!(harness.replies(client), [], "nothing is new");
    harness.engine.reload();
    harness.config("= nonsense", &at(101));
    let (_, line) = harness.reply(client);
    assert!(line.contains("one") && line.contains('!') && !good.contains('!'), "{good} {line}");
    harness.turn(&at(102));
    assert_eq!(harness.replies(client), []);
    let status = harness.engine.status(&at(102));
    assert!(status.warnings().join("\n").contains("stays in force"), "{status}");
}

#[test]
fn a_value_waits_for_its_config_and_is_refused_where_it_makes_no_sense() {
    let mut harness = Harness::new();
    let text = format!("{TEXT}[segment.build]\nuse = \"custom\"\n");
    let good = harness.ask(set("build", "done"), SECOND * 4, &at(100));
    let unknown = harness.ask(set("biuld", "done"), SECOND * 4, &at(100));
    let other = harness.ask(set("text", "done"), SECOND * 4, &at(100));
    assert_eq!(harness.replies(good), []);
    harness.config(&text, &at(101));
    assert_eq!(harness.reply(good), (ReplyKind::Text, String::new()));
    // The others may be of a config that was saved meanwhile.
    assert_eq!((harness.replies(unknown), harness.replies(other)), (vec![], vec![]));
    harness.config(&text, &at(101));
    harness.config(&text, &at(101));
    let (kind, why) = harness.reply(unknown);
    assert!(kind == ReplyKind::Refused && why.contains("did you mean `build`?"), "{why}");
    assert_eq!(harness.reply(other).0, ReplyKind::Refused);
    let mut late = Harness::new();
    let client = late.ask(set("build", "done"), SECOND * 4, &at(100));
    late.turn(&at(103));
    assert_eq!(late.reply(client).1, "the config cannot be read in time");
}

#[test]
fn a_value_for_what_was_saved_a_moment_ago_arrives() {
    let custom = "[line.x]\nleft = [\"build\"]\n[segment.build]\nuse = \"custom\"\n";
    let load = format!("{custom}fields = {{ load = \"percent\" }}\nformat = \"$load\"\n");
    let mut harness = Harness::new();
    let show = |harness: &mut Harness, second| {
        let client = harness.ask(Body::Print(line("/config")), SECOND, &at(second));
        harness.turn(&at(second));
        harness.reply(client).1
    };
    let first = harness.ask(set("text", "x"), SECOND * 4, &at(100));
    harness.config(TEXT, &at(100));
    // The segment was saved, and the watcher has not told yet.
    let client = harness.ask(set("build", "load=97"), SECOND * 4, &at(101));
    harness.config(custom, &at(101));
    harness.config(custom, &at(101));
    assert_eq!(harness.reply(client), (ReplyKind::Text, String::new()));
    assert_eq!(harness.reply(first).0, ReplyKind::Refused);
    assert!(show(&mut harness, 102).contains("load=97"));
    // Declared a moment before the value came, and read after it: it is what it means now.
    harness.engine.reload();
    harness.config(&load, &at(103));
    let line = show(&mut harness, 103);
    assert!(line.contains("97%") && !line.contains("load"), "{line}");
    // What does not fit any more is gone.
    harness.engine.reload();
    harness.config(&load.replace("load", "left"), &at(104));
    assert!(!show(&mut harness, 104).contains("97"));
}

#[test]
fn history_is_a_line_of_text_for_each_number() {
    let mut harness = Harness::new();
    let text = "[line.x]\nleft = [\"text\"]\n[segment.text]\ntext = \"one\"\n";
    let client = harness.ask(Body::History(line("/config")), SECOND * 4, &at(100));
    harness.config(text, &at(100));
    assert_eq!(harness.reply(client), (ReplyKind::Text, String::new()), "a text has no numbers");
}

#[test]
fn when_the_daemon_leaves_streams_get_a_goodbye_and_waiting_prints_their_line() {
    let mut harness = Harness::new();
    let waiting = harness.print(&at(100));
    let body = Body::Stream(LineRequest { line: "tmux".into(), ..line("") });
    let stream = harness.ask(body, Duration::ZERO, &at(100));
    assert_eq!(harness.reply(stream).0, ReplyKind::Line);
    harness.engine.lines.dismiss();
    assert_eq!(harness.reply(stream).0, ReplyKind::Bye);
    assert!(harness.engine.lines.has_pending());
    harness.turn(&at(200));
    assert_eq!(harness.reply(waiting).0, ReplyKind::Line);
    assert!(!harness.engine.lines.has_pending() && harness.engine.lines.is_flushed());
}

#[test]
fn the_daemon_stays_while_requests_come_and_longer_with_alerts() {
    let mut harness = Harness::new();
    harness.print(&at(100));
    assert_eq!(harness.engine.idle_end(SECOND * 60), Some(SECOND * 160));
    harness.config(&format!("{TEXT}[alert.full]\nsegment = \"disk\"\ndo = \"bell\"\n"), &at(101));
    assert_eq!(harness.engine.idle_end(SECOND * 60), Some(SECOND * 100 + ALERTED_IDLE));
}

/// The segments of a prompt, whose readings are of one directory each.
const PROMPT: &str =
    "[line.x]\nleft = [\"directory\", \"git\", \"status\", \"jobs\", \"keymap\"]\n";

#[test]
fn readings_keep_to_their_budget_although_leases_want_more_and_waiting_requests_keep_theirs() {
    let mut harness = Harness::new();
    let client = harness.print(&at(100));
    harness.config(PROMPT, &at(100));
    harness.replies(client);
    let of =
        |n: u32| LineRequest { cwd: format!("/{n}").into(), status: Some(1), ..line("/config") };
    let waiting = harness.ask(Body::Print(of(0)), SECOND * 4, &at(100));
    let jobs = harness.engine.jobs.take().0;
    let other = client as u64 + 1;
    let mut most = 0;
    for n in 1..3000 {
        let request = Request::new(Body::Print(of(n)), Duration::ZERO);
        assert!(harness.engine.request(other, request, &at(101)).is_none());
        most = most.max(harness.engine.sampler.size());
    }
    // Each view has a lease of a minute and five readings.
    assert!((200..5000).contains(&most), "{most} readings");
    let views = harness.engine.lines.size();
    assert!(most > views && views > 50, "{most} readings of {views} views");
    assert_eq!(harness.replies(waiting), []);
    for job in jobs.into_iter().filter(|job| matches!(job.job, Job::Sample { .. })) {
        let sample = Ok(Some(PortableSample::new(Sample::new(Level::Idle))));
        let answer = Ok(Answer::Sampled { sample, saved: None });
        harness.engine.outcome(job.ticket, job.purpose, answer, &at(101));
    }
    harness.turn(&at(101));
    assert_eq!(harness.reply(waiting).0, ReplyKind::Line, "what it waited for was kept");
}

#[test]
fn a_prompt_on_a_screen_keeps_the_reading_that_it_waits_for() {
    let mut harness = Harness::new();
    let client = harness.print(&at(100));
    harness.config(PROMPT, &at(100));
    harness.replies(client);
    let pid = std::process::id();
    let start = rainline_segments::family::Stat::of(pid).expect("it is there").start;
    let of = |n: u32| LineRequest { cwd: format!("/{n}").into(), ..line("/config") };
    let shown = LineRequest { channel: format!("winch-{pid}-{start}"), ..of(0) };
    let prompt = harness.ask(Body::Print(shown), Duration::ZERO, &at(100));
    assert_eq!(harness.reply(prompt).0, ReplyKind::Line);
    let other = client as u64 + 1;
    for n in 1..3000 {
        let request = Request::new(Body::Print(of(n)), Duration::ZERO);
        assert!(harness.engine.request(other, request, &at(101)).is_none());
    }
    let Engine { lines, sampler, .. } = &harness.engine;
    let awaited: Vec<_> =
        lines.views.held().filter(|id| id.directory.as_os_str() == "/0").collect();
    assert!(!awaited.is_empty());
    assert!(awaited.iter().all(|id| sampler.cache().get(id).is_some_and(|one| one.is_running())));
}
