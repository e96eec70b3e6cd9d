//! The sampler against a scripted clock and scripted workers.

use super::test_support::{at, config_id, reading};
use super::*;
use crate::line::rows::Age;
use crate::readings::sample::PortableSample;
use rainline_segments::{Level, Value};

const SECOND: Duration = Duration::from_secs(1);

/// Read by a worker, read here, and one with numbers that are kept.
const TEXT: &str = "[line.tmux]\nleft = [\"disk\", \"text\", \"cpu\"]\n\
[segment.text]\ntext = \"a\"\n";

/// A config in which disks are read every ten seconds.
fn config(text: &str) -> Rc<Config> {
    let mut config = test_support::config(text);
    let instances = &mut Rc::get_mut(&mut config).expect("the only one").instances;
    let disks = instances.iter_mut().filter(|instance| instance.name == "disk");
    disks.for_each(|disk| disk.pace = Pace::Tick(SECOND * 10));
    config
}

/// A sampler with the readings of a config, and what it wants of workers.
struct Harness {
    sampler: Sampler,
    jobs: Jobs,
    config: Rc<Config>,
    _root: tempfile::TempDir,
}

impl Harness {
    fn new(text: &str) -> Harness {
        let root = tempfile::tempdir().expect("a directory");
        let config = config(text);
        let mut sampler = Sampler::new(Machine::rooted(root.path()), History::default());
        for index in 0..config.instances.len() as u16 {
            let instance = &config.instances[usize::from(index)];
            sampler.add(&ReadingId::shared_by_all(&config_id(), instance), &config, index);
        }
        Harness { sampler, jobs: Jobs::default(), config, _root: root }
    }

    fn id(&self, name: &str) -> ReadingId {
        reading(&self.config, name).0
    }

    fn entry(&self, name: &str) -> &CachedReading {
        self.sampler.cache.get(&self.id(name)).expect("an entry")
    }

    /// Takes the reading of this name if it is due; the jobs that workers get for it.
    fn read_due(&mut self, name: &str, now: &Now) -> Vec<(Ticket, Job)> {
        let id = self.id(name);
        self.sampler.read_due([&id].into_iter(), now, &mut self.jobs);
        self.taken()
    }

    fn taken(&mut self) -> Vec<(Ticket, Job)> {
        self.jobs.take().0.into_iter().map(|request| (request.ticket, request.job)).collect()
    }

    fn ticket(&mut self, name: &str, now: &Now) -> Ticket {
        let jobs = self.read_due(name, now);
        assert_eq!(jobs.len(), 1, "{jobs:?}");
        jobs[0].0
    }

    fn answer(&mut self, ticket: Ticket, name: &str, outcome: Outcome, now: &Now) {
        let id = self.id(name);
        self.sampler.answered(ticket, &id, outcome, now, &mut self.jobs);
    }

    fn wake(&self, name: &str) -> Option<Duration> {
        self.sampler.wake([&self.id(name)].into_iter())
    }
}

fn sampled(saved: &str) -> Outcome {
    let sample = Sample::new(Level::Good).with("used", Value::percent(5.0));
    Ok(Answer::Sampled { sample: Ok(Some(PortableSample::new(sample))), saved: Some(saved.into()) })
}

#[test]
fn a_reading_is_taken_when_it_is_due_and_once_at_a_time() {
    let mut harness = Harness::new(TEXT);
    let ticket = harness.ticket("disk", &at(100));
    assert_eq!(harness.wake("disk"), Some(SECOND * 100 + until_next(100)));
    assert!(harness.entry("disk").awaits_first());
    assert_eq!(harness.read_due("disk", &at(115)), [], "its worker is still at it");
    harness.answer(ticket, "disk", sampled(""), &at(115));
    assert_eq!(harness.entry("disk").age(SECOND * 115), Age::Fresh);
    assert_eq!(harness.read_due("disk", &at(116)), [], "not due");
    assert_eq!(harness.read_due("disk", &at(121)).len(), 1);
}

/// How long after a full second the next reading of ten seconds is due.
fn until_next(second: u32) -> Duration {
    schedule::next(Pace::Tick(SECOND * 10), 0, at(second).wall)
}

#[test]
fn what_is_wanted_twice_is_read_once() {
    let mut harness = Harness::new(TEXT);
    let id = harness.id("text");
    let count = harness.sampler.read_due([&id, &id].into_iter(), &at(100), &mut harness.jobs);
    assert_eq!(count, 1);
    assert!(harness.entry("text").taken().is_some() && harness.jobs.is_empty());
}

#[test]
fn a_worker_gets_what_the_last_reading_saved_wherever_that_was_taken() {
    let mut harness = Harness::new(TEXT);
    let mut history = History::default();
    history.put_saved(&harness.id("disk"), "old".into());
    harness.sampler.adopt_history(history);
    let saved = |jobs: Vec<(Ticket, Job)>| match jobs.into_iter().next() {
        Some((_, Job::Sample { saved, .. })) => saved,
        other => panic!("{other:?}"),
    };
    let first = harness.ticket("disk", &at(100));
    harness.answer(first, "disk", sampled("new"), &at(100));
    assert_eq!(saved(harness.read_due("disk", &at(111))), "new");
    let mut fresh = Harness::new(TEXT);
    let mut history = History::default();
    history.put_saved(&fresh.id("disk"), "old".into());
    fresh.sampler.adopt_history(history);
    assert_eq!(saved(fresh.read_due("disk", &at(100))), "old");
}

#[test]
fn failures_back_off_and_a_success_ends_that() {
    let mut harness = Harness::new(TEXT);
    let mut now = 1_000;
    let mut pauses = Vec::new();
    for _ in 0..7 {
        let ticket = harness.ticket("disk", &at(now));
        harness.answer(ticket, "disk", Err("it took too long".into()), &at(now));
        let due = harness.wake("disk").expect("a moment").as_secs() as u32;
        pauses.push(due - now);
        now = due + 1;
    }
    assert!(pauses.is_sorted() || pauses.iter().all(|pause| *pause <= 300), "{pauses:?}");
    assert!(pauses[6] > 60, "{pauses:?}");
    assert!(harness.entry("disk").is_in_trouble());
    let ticket = harness.ticket("disk", &at(now));
    harness.answer(ticket, "disk", sampled(""), &at(now));
    let pause = harness.wake("disk").expect("a moment").saturating_sub(SECOND * now);
    assert!(pause <= SECOND * 10 && harness.entry("disk").error.as_deref().is_none(), "{pause:?}");
}

#[test]
fn a_reply_that_comes_too_late_or_to_another_is_ignored() {
    let mut harness = Harness::new(TEXT);
    let ticket = harness.ticket("disk", &at(100));
    harness.answer(ticket + 1, "disk", Err("lost".into()), &at(101));
    assert!(
        harness.entry("disk").awaits_first() && harness.entry("disk").error.as_deref().is_none()
    );
    harness.answer(ticket, "disk", sampled(""), &at(102));
    harness.answer(ticket, "disk", Err("again".into()), &at(103));
    assert!(harness.entry("disk").error.as_deref().is_none());
}

#[test]
fn after_suspend_everything_is_due_and_the_time_between_is_a_gap() {
    let mut harness = Harness::new(TEXT);
    harness.read_due("cpu", &at(105));
    let ticket = harness.ticket("disk", &at(105));
    harness.answer(ticket, "disk", sampled(""), &at(105));
    assert_eq!(harness.read_due("disk", &at(106)), []);
    harness.sampler.jump();
    assert_eq!(harness.wake("disk"), Some(Duration::ZERO));
    assert_eq!(harness.read_due("disk", &at(106)).len(), 1);
}

#[test]
fn a_wall_clock_set_back_delays_no_reading_beyond_its_interval() {
    let mut harness = Harness::new(TEXT);
    let back = Now { wall: SECOND * 3, ..at(90_000) };
    let ticket = harness.ticket("disk", &back);
    harness.answer(ticket, "disk", sampled(""), &back);
    let due = harness.wake("disk").expect("a moment");
    assert!(due > back.boot && due <= back.boot + SECOND * 10, "{due:?}");
    assert_eq!(harness.entry("disk").age(back.boot), Age::Fresh);
}

#[test]
fn a_change_makes_due_what_depends_on_it_but_not_what_is_being_read() {
    let mut harness = Harness::new(TEXT);
    let id = harness.id("disk");
    let ticket = harness.ticket("disk", &at(100));
    harness.sampler.outdated(std::slice::from_ref(&id));
    assert_ne!(harness.wake("disk"), Some(Duration::ZERO));
    harness.answer(ticket, "disk", sampled(""), &at(100));
    harness.sampler.outdated(&[id]);
    assert_eq!(harness.read_due("disk", &at(100)).len(), 1);
}

#[test]
fn a_source_that_wants_it_is_followed_until_it_is_not_wanted() {
    let mut harness = Harness::new(TEXT);
    let ticket = harness.ticket("disk", &at(100));
    harness.answer(ticket, "disk", Ok(Answer::WantsFollowing), &at(100));
    let jobs = harness.taken();
    let [(follow, Job::Follow { interval, .. })] = &jobs[..] else { panic!("{jobs:?}") };
    assert_eq!(*interval, SECOND * 10);
    harness.answer(*follow, "disk", sampled(""), &at(101));
    assert!(harness.entry("disk").taken().is_some() && harness.wake("disk").is_none());
    let id = harness.id("disk");
    harness.sampler.stop_unwanted([&id].into_iter(), &mut harness.jobs);
    assert!(harness.jobs.is_empty());
    harness.sampler.stop_unwanted([].into_iter(), &mut harness.jobs);
    assert_eq!(harness.jobs.take().1, [*follow]);
    assert_eq!(harness.wake("disk"), Some(Duration::ZERO));
}

#[test]
fn a_followed_source_that_exits_is_started_again_after_a_growing_pause() {
    let mut harness = Harness::new(TEXT);
    let mut now = 100;
    let mut pauses = Vec::new();
    for _ in 0..4 {
        let ticket = harness.ticket("disk", &at(now));
        harness.answer(ticket, "disk", Ok(Answer::WantsFollowing), &at(now));
        let follow = harness.taken()[0].0;
        harness.answer(follow, "disk", Ok(Answer::Ended(Ok(()))), &at(now));
        assert_eq!(harness.jobs.take().1, [follow], "its worker goes with it");
        let due = harness.wake("disk").expect("a moment").as_secs() as u32;
        pauses.push(due - now);
        now = due;
    }
    assert_eq!(pauses, [1, 2, 4, 8]);
    assert_eq!(harness.entry("disk").error.as_deref(), Some("it ended although it should stay"));
}

#[test]
fn a_reload_in_between_keeps_unchanged_readings_and_reads_the_pending_ones_again() {
    let mut harness = Harness::new(TEXT);
    let ticket = harness.ticket("disk", &at(100));
    harness.read_due("text", &at(100));
    let before = harness.config.clone();
    let after =
        config(&TEXT.replace("\"a\"", "\"b\"").replace("\"disk\", \"text\"", "\"text\", \"disk\""));
    harness.sampler.config_changed(&config_id(), &before, &after, &mut harness.jobs);
    assert!(harness.sampler.cache.get(&harness.id("text")).is_none(), "its options changed");
    harness.answer(ticket, "disk", sampled(""), &at(101));
    assert!(harness.entry("disk").taken().is_none(), "a reading under the old config");
    assert_eq!(harness.read_due("disk", &at(101)).len(), 1);
    assert!(std::ptr::eq(harness.entry("disk").instance(), {
        let (_, index) = reading(&after, "disk");
        &after.instances[usize::from(index)]
    }));
}

#[test]
fn a_config_that_is_forgotten_leaves_its_history() {
    let mut harness = Harness::new(TEXT);
    let ticket = harness.ticket("disk", &at(100));
    harness.answer(ticket, "disk", sampled("kept"), &at(100));
    harness.sampler.forget_config(&config_id(), &at(101), &mut harness.jobs);
    assert!(harness.sampler.cache.entries.len() == 0);
    let id = harness.id("disk");
    assert_eq!(harness.sampler.history(&at(101)).saved(&id), Some("kept"));
}

#[test]
fn readings_for_one_asker_go_when_they_are_not_wanted_and_shared_ones_stay() {
    let mut harness = Harness::new(TEXT);
    let (shared, index) = reading(&harness.config, "text");
    let single = shared.of_asker(7, Some("/here".into()));
    harness.sampler.add(&single, &harness.config, index);
    harness.sampler.sweep([&single].into_iter(), &at(100));
    assert!(harness.sampler.cache.get(&single).is_some());
    harness.sampler.sweep([].into_iter(), &at(100));
    assert!(harness.sampler.cache.get(&single).is_none());
    assert!(harness.sampler.cache.get(&shared).is_some());
}

#[test]
fn a_pushed_value_shows_at_once_and_is_looked_at_when_it_is_over() {
    let mut harness = Harness::new(
        "[line.tmux]\nleft = [\"build\"]\n[segment.build]\nuse = \"custom\"\ncommand = [\"true\"]\n",
    );
    let id = harness.id("build");
    let pushed =
        SetValue { text: "ok".into(), json: false, level: None, valid_for: Some(SECOND * 30) };
    let ticket = harness.ticket("build", &at(100));
    harness.sampler.push(&id, &pushed, &at(101)).expect("taken");
    assert!(harness.entry("build").sample().is_some());
    harness.answer(
        ticket,
        "build",
        Ok(Answer::Sampled { sample: Ok(None), saved: None }),
        &at(102),
    );
    assert!(harness.entry("build").sample().is_some(), "an older reading does not replace it");
    assert_eq!(harness.wake("build"), Some(SECOND * 131 + AFTER_END));
}

#[test]
fn what_the_history_file_holds_comes_before_what_was_read_since() {
    let mut harness = Harness::new(TEXT);
    let id = harness.id("cpu");
    let mut ring = rainline_segments::Ring::default();
    ring.push(1.0, 1);
    let field = harness.entry("cpu").rings[0].0;
    let mut older = History::default();
    older.put_rings(&id, &vec![(field, ring)]);
    let entry = harness.sampler.cache.entries.get_mut(&id).expect("an entry");
    entry.rings[0].1.push(2.0, 100);
    harness.sampler.adopt_history(older);
    let numbers: Vec<f32> =
        harness.entry("cpu").rings[0].1.recent(9).map(|cell| cell.mean).collect();
    assert_eq!((numbers[0], numbers[numbers.len() - 1]), (1.0, 2.0));
    assert!(numbers[1].is_nan(), "a gap between them");
}
