//! A day of the engine in seconds (T74): 86 400 ticks of a simulated clock with faults of all kinds.
//! Workers hang, die, lie and answer late; configs break; clocks jump; clients leave. The same seed
//! makes the same day; without `RAINLINE_LONG=1` it has four hours.

use std::io::Write;

use rainline_segments::Sample;

use super::*;
use crate::daemon::jobs::Submission;

const DAY: u32 = 86_400;
const MORNING: u32 = DAY / 6;
/// As long as anything is left alone after it failed, and more.
const CALM: u32 = 1_800;

const GOOD: &str = "[line.x]\nleft = [\"text\", \"disk\", \"cpu\", \"it\"]\n[segment.text]\n\
text = \"one\"\n[segment.disk]\nformat = \"$path\"\n[segment.it]\nuse = \"custom\"\n\
[alert.full]\nsegment = \"disk\"\ndo = \"bell\"\nagain = \"1m\"\n";

/// What the config's file may hold.
const TEXTS: [&str; 6] = [
    GOOD,
    TEXT,
    "= nonsense",
    "",
    "[line.x]\nleft = [\"nosuch\"]\nright = 3\n",
    "[line.x]\nleft = [\"clock\", \"disk\"]\n[segment.disk]\ninterval = \"1s\"\n",
];

struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % limit
    }

    /// Whether something happens that does so once in so many times.
    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// The engine, what workers have taken of it, and what is expected of it.
struct Soak {
    seed: u64,
    harness: Harness,
    dice: Dice,
    now: Now,
    tick: u32,
    /// Jobs, and the tick at which each has its outcome.
    taken: Vec<(u32, Submission)>,
    /// The stream's client, and the one that prints with the tick of its request.
    stream: usize,
    printer: usize,
    asked: Option<u32>,
    faults: bool,
    prints: u32,
    lines: u32,
}

impl Soak {
    fn new(seed: u64) -> Soak {
        let mut harness = Harness::new();
        let now = at(1_000_000);
        let stream = harness.ask(Body::Stream(line("/config")), SECOND * 4, &now);
        let printer = harness.print(&now);
        let (dice, taken, asked) = (Dice(seed), Vec::new(), Some(0));
        let (prints, lines) = (0, 0);
        Soak {
            seed,
            harness,
            dice,
            now,
            tick: 0,
            taken,
            stream,
            printer,
            asked,
            faults: true,
            prints,
            lines,
        }
    }

    /// Where in which day something went wrong.
    fn at(&self) -> String {
        format!("tick {} of RAINLINE_SEED={}", self.tick, self.seed)
    }

    fn tick(&mut self) {
        self.tick += 1;
        let before = self.now;
        self.clocks();
        if self.now.jumped(&before) {
            self.harness.engine.jump();
        }
        self.take_jobs();
        self.outcomes();
        self.turn();
        if self.tick.is_multiple_of(60) {
            self.harness.engine.sweep(&self.now);
            self.harness.engine.save(&self.now);
        }
        if self.faults && self.dice.once_in(3_000) {
            self.harness.engine.reload();
        }
        self.take_jobs();
        self.clients();
        // The loop would spin if it were never to wait.
        self.turn();
        self.take_jobs();
        let wake = self.harness.engine.wake(&self.now);
        assert!(wake.is_none_or(|wake| wake > self.now.boot), "{}: no wait", self.at());
        assert!(self.taken.len() < 200, "{}: {} jobs", self.at(), self.taken.len());
    }

    /// A turn of the loop, as far as it needs no process.
    fn turn(&mut self) {
        let engine = &mut self.harness.engine;
        engine.configs.retry(&self.now, &mut engine.jobs);
        engine.alerts.check(engine.sampler.cache(), self.now.boot, &mut engine.jobs);
        engine.finish_prompts(&self.now);
        self.harness.turn(&self.now);
    }

    /// A second passes; now and then the machine sleeps, or its clock is set.
    fn clocks(&mut self) {
        self.now.boot += SECOND;
        self.now.awake += SECOND;
        self.now.wall += SECOND;
        if self.faults && self.dice.once_in(5_000) {
            let slept = SECOND * self.dice.below(3 * u64::from(DAY)) as u32;
            self.now.boot += slept;
            self.now.wall += slept;
        }
        if self.faults && self.dice.once_in(5_000) {
            let years = SECOND * DAY * 365 * self.dice.below(10) as u32;
            self.now.wall = match self.dice.once_in(2) {
                true => self.now.wall + years,
                false => self.now.wall.saturating_sub(years),
            };
        }
    }

    fn take_jobs(&mut self) {
        // Those that workers have begun are done all the same.
        self.harness.engine.jobs.take_withdrawn();
        let (submitted, cancelled) = self.harness.engine.jobs.take();
        self.taken.retain(|(_, taken)| !cancelled.contains(&taken.ticket));
        for submission in submitted {
            let hangs = self.faults && self.dice.once_in(20);
            let limit = submission.timeout.map_or(600, |timeout| timeout.as_secs().max(1));
            let delay = if hangs { limit } else { self.dice.below(limit.min(3)) };
            self.taken.push((self.tick + delay as u32, submission));
        }
    }

    /// What is due of the workers, good or bad.
    fn outcomes(&mut self) {
        let tick = self.tick;
        let due: Vec<Submission> =
            self.taken.extract_if(.., |(due, _)| *due <= tick).map(|(_, job)| job).collect();
        for submission in due {
            let goes_on = matches!(submission.job, Job::Watch { .. } | Job::Follow { .. });
            let outcome = self.outcome(&submission.job);
            let ended = outcome.is_err() || matches!(outcome, Ok(Answer::Ended(_)));
            let (ticket, purpose) = (submission.ticket, submission.purpose.clone());
            if goes_on && !ended {
                self.taken.push((tick + 30, submission));
            }
            self.harness.engine.outcome(ticket, purpose, outcome, &self.now);
        }
    }

    fn outcome(&mut self, job: &Job) -> Outcome {
        let bad = self.faults && self.dice.once_in(10);
        if bad && self.dice.once_in(3) {
            return Err("the worker died".into());
        }
        let answer = match job {
            Job::ReadConfig { .. } => {
                let which = if bad { self.dice.below(TEXTS.len() as u64) as usize } else { 0 };
                Answer::ConfigRead(gathered(TEXTS[which]))
            }
            Job::Sample { .. } if bad && self.dice.once_in(3) => Answer::WantsFollowing,
            Job::Follow { .. } if bad => Answer::Ended(Err("it left".into())),
            Job::Sample { .. } | Job::Follow { .. } => {
                let level = if self.dice.once_in(50) { Level::Critical } else { Level::Idle };
                let sample = Sample::new(level).with("path", Value::text("/data"));
                let sample = match bad {
                    true if self.dice.once_in(2) => Ok(None),
                    true => Err("no such disk".into()),
                    false => Ok(Some(PortableSample::new(sample))),
                };
                Answer::Sampled { sample, saved: None }
            }
            Job::Watch { .. } => Answer::FilesChanged,
            Job::Notify(_) if bad => Answer::Notified(Err("no bell".into())),
            Job::Notify(_) => Answer::Notified(Ok(())),
            Job::ReadHistory { .. } => {
                let bytes = (0..self.dice.below(400)).map(|_| self.dice.below(256) as u8).collect();
                Answer::HistoryRead(if bad { Err("no".into()) } else { Ok(bytes) })
            }
            _ if bad => Answer::HistoryWritten(Err("the disk is full".into())),
            _ => Answer::HistoryWritten(Ok(())),
        };
        // An answer to another question.
        if bad && self.dice.once_in(20) { Ok(Answer::FilesChanged) } else { Ok(answer) }
    }

    /// Each client that asked gets one whole line in time; then the next one asks.
    fn clients(&mut self) {
        let said = self.harness.replies(self.stream);
        for (kind, line) in &said {
            self.lines += 1;
            assert!(*kind == ReplyKind::Line && is_whole(line), "{}: {line:?}", self.at());
        }
        let replies = self.harness.replies(self.printer);
        if let Some(asked) = self.asked {
            // Its deadline is four seconds.
            assert!(self.tick - asked < 5 || !replies.is_empty(), "{}: no reply", self.at());
        }
        if let [(kind, line)] = &replies[..] {
            let good = matches!(kind, ReplyKind::Line) && is_whole(line);
            assert!(good || *kind != ReplyKind::Line, "{}: {kind:?} {line:?}", self.at());
            self.asked = None;
            self.prints += 1;
        }
        assert!(replies.len() < 2, "{}: {replies:?}", self.at());
        if self.asked.is_none() && self.dice.once_in(3) {
            let body = match self.dice.below(12) {
                0 => set(
                    "it",
                    ["1", "{\"", "", "a\nb", "99999999999999999999s"][self.tick as usize % 5],
                ),
                1 => Body::History(line("/config")),
                _ => Body::Print(line("/config")),
            };
            let mut bytes = Vec::new();
            Request::new(body, SECOND * 4).encode(&mut bytes);
            if self.faults && self.dice.once_in(200) {
                // Broken at some place. What is left of it is answered or is the end.
                let at = self.dice.below(bytes.len() as u64) as usize;
                bytes[at] ^= 1 << self.dice.below(8);
                self.send(&bytes);
                return self.another();
            }
            self.send(&bytes);
            self.asked = Some(self.tick);
        }
        if self.faults && self.dice.once_in(2_000) {
            self.another();
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        if self.harness.clients[self.printer].write_all(bytes).is_err() {
            // It was idle for too long: the machine slept meanwhile.
            return self.another();
        }
        let events = vec![(self.printer as u64 + 1, PollFlags::IN)];
        let lines = &mut self.harness.engine.lines;
        for (id, request) in lines.receive(None, events, self.now.boot) {
            self.harness.engine.request(id, request, &self.now);
        }
    }

    /// The client leaves amid whatever it waits for, and another one comes.
    fn another(&mut self) {
        let gone = vec![(self.printer as u64 + 1, PollFlags::HUP)];
        self.harness.engine.lines.receive(None, gone, self.now.boot);
        self.printer = self.harness.print(&self.now);
        self.asked = Some(self.tick);
    }
}

fn is_whole(line: &str) -> bool {
    !line.trim_end_matches('\n').contains('\n')
        && !line.contains(|c: char| c.is_control() && c != '\n')
}

#[test]
fn t74_a_day_of_faults() {
    let seed = std::env::var("RAINLINE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or(0x9e37_79b9_7f4a_7c15_u64).max(1);
    let is_long = std::env::var_os("RAINLINE_LONG").is_some_and(|value| value == "1");
    let end = if is_long { DAY } else { MORNING };
    let mut soak = Soak::new(seed);
    while soak.tick < end {
        soak.tick();
    }
    assert!(soak.prints > 1_000 && soak.lines > 100);
    // All is well again: what is shown is right, and nothing of the day is left.
    soak.faults = false;
    while soak.tick < end + CALM {
        soak.tick();
    }
    soak.harness.engine.reload();
    for _ in 0..CALM {
        soak.tick();
    }
    let client = soak.harness.print(&soak.now);
    for _ in 0..5 {
        soak.tick();
    }
    let (_, line) = soak.harness.reply(client);
    assert!(line.contains("one") && line.contains("/data"), "{line}");
}
