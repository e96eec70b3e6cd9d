use super::*;
use crate::daemon::sampler::test_support::{at, gathered};

/// Configs and what they want of workers.
#[derive(Default)]
struct Harness {
    configs: Configs,
    jobs: Jobs,
}

impl Harness {
    fn request(&mut self, path: &str, seconds: u32) -> Result<Found, String> {
        self.configs.request(Path::new(path), &at(seconds), |_| false, &mut self.jobs)
    }

    /// The jobs that wait, as their purposes.
    fn purposes(&mut self) -> Vec<Purpose> {
        self.jobs.take().0.into_iter().map(|request| request.purpose).collect()
    }

    /// The ticket of the job that reads a config, and how long it may take.
    fn reading(&mut self) -> (Ticket, Duration) {
        let requests = self.jobs.take().0;
        let mut reads = requests.into_iter().filter(|r| matches!(r.job, Job::ReadConfig { .. }));
        let read = reads.next().expect("it is being read");
        (read.ticket, read.timeout.expect("a timeout"))
    }

    fn answer(&mut self, id: &str, outcome: Outcome, seconds: u32) -> Change {
        let (ticket, _) = self.reading();
        let id = Path::new(id).into();
        self.configs.answered(ticket, &id, outcome, &at(seconds), &mut self.jobs)
    }

    fn is_loaded(&self, path: &str) -> bool {
        let id = self.configs.find(Path::new(path)).expect("a config");
        self.configs.slots[&id].loaded
    }
}

fn read(text: &str) -> Outcome {
    Ok(Answer::ConfigRead(gathered(text)))
}

#[test]
fn the_one_unused_for_longest_makes_room() {
    let mut harness = Harness::default();
    for n in 0..MAX_CONFIGS as u32 {
        let path = format!("/{n}");
        harness.request(&path, n).expect("room");
        harness.answer(&path, read(""), n);
    }
    let used = harness.configs.request(Path::new("/x"), &at(9), |_| true, &mut harness.jobs);
    assert!(used.is_err());
    let found = harness.request("/x", 9).expect("room");
    assert_eq!(found.removed.as_deref(), Some(Path::new("/0")));
    assert_eq!(harness.configs.find(Path::new("/0")), None);
}

#[test]
fn one_that_is_being_read_for_the_first_time_makes_no_room() {
    let mut harness = Harness::default();
    for n in 0..=MAX_CONFIGS as u32 {
        let found = harness.request(&format!("/{n}"), n).expect("it waits");
        assert!(found.config.is_none() && found.removed.is_none());
    }
    assert_eq!(harness.configs.slots.len(), MAX_CONFIGS);
    assert!(harness.request("", 9).expect("room").config.is_some(), "the built-in one");
    assert_eq!(harness.request("/8", 9).expect("room").removed.as_deref(), Some(Path::new("")));
}

#[test]
fn a_config_is_read_once_watched_and_in_force() {
    let mut harness = Harness::default();
    assert!(harness.request("/a", 1).expect("room").config.is_none());
    assert!(harness.request("/a", 2).expect("room").config.is_none());
    let change = harness.answer("/a", read("theme = \"rain\"\n"), 3);
    assert!(matches!(change, Change::Swapped { id, .. } if *id == *Path::new("/a")));
    assert_eq!(harness.purposes(), [Purpose::WatchConfig(Path::new("/a").into())]);
    let (id, _) = harness.request("/a", 4).expect("room").config.expect("in force");
    assert!(harness.configs.is_own(&id) && *id == *Path::new("/a"));
    assert!(harness.jobs.is_empty());
}

#[test]
fn one_that_cannot_be_read_is_tried_again_soon_and_with_a_longer_timeout() {
    let mut harness = Harness::default();
    harness.request("/a", 100).expect("room");
    let mut tried = Vec::new();
    let mut boot = 100;
    for _ in 0..7 {
        let (ticket, timeout) = harness.reading();
        let why = Err("it took too long".into());
        harness.configs.answered(
            ticket,
            &Path::new("/a").into(),
            why,
            &at(boot),
            &mut harness.jobs,
        );
        assert!(harness.is_loaded("/a"), "the built-in one stands in");
        let wake = harness.configs.wake().expect("a retry").as_secs() as u32;
        harness.configs.retry(&at(wake - 1), &mut harness.jobs);
        assert!(harness.jobs.is_empty());
        harness.configs.retry(&at(wake), &mut harness.jobs);
        tried.push((timeout.as_secs(), wake - boot));
        boot = wake;
    }
    assert_eq!(tried, [(5, 1), (10, 2), (20, 4), (40, 8), (40, 16), (40, 30), (40, 30)]);
    harness.answer("/a", read(""), boot);
    assert_eq!(harness.configs.slots.values().next().map(Slot::timeout), Some(FIRST_TIMEOUT));
}

#[test]
fn the_same_text_again_changes_nothing_and_a_broken_one_leaves_it_in_force() {
    let mut harness = Harness::default();
    harness.request("/a", 0).expect("room");
    harness.answer("/a", read("theme = \"rain\"\n"), 1);
    let mut reload = |text: &str| {
        harness.jobs.take();
        harness.configs.reload(&mut harness.jobs);
        harness.answer("/a", read(text), 2)
    };
    assert!(matches!(reload("theme = \"rain\"\n"), Change::None));
    assert!(matches!(reload("theme = \n"), Change::None));
    assert!(matches!(reload("theme = \"mono\"\n"), Change::Swapped { .. }));
    let problems = |harness: &Harness| harness.configs.status()[0].problems.join("\n");
    harness.configs.reload(&mut harness.jobs);
    harness.answer("/a", read("= nonsense"), 3);
    assert!(problems(&harness).contains("stays in force"), "{}", problems(&harness));
}

#[test]
fn what_cannot_be_read_throws_nothing_away() {
    let mut harness = Harness::default();
    harness.request("/a", 0).expect("room");
    harness.answer("/a", read("theme = \"mono\"\n"), 1);
    let id: ConfigId = Path::new("/a").into();
    let mut answer = |gathered: Gathered| {
        harness.jobs.take();
        harness.configs.reload(&mut harness.jobs);
        let change = harness.answer("/a", Ok(Answer::ConfigRead(gathered)), 2);
        let is_troubled = harness.configs.troubled().contains(&id);
        let theme = harness.configs.slots[&id].config.theme.name.clone();
        let wake = harness.configs.wake();
        (matches!(change, Change::Swapped { .. }), theme, is_troubled, wake)
    };
    let retry = Some(Duration::from_secs(2) + MAX_PAUSE);
    let problems = vec!["/a: Permission denied".into()];
    let unreadable = Gathered { unreadable: true, problems, ..Gathered::default() };
    assert_eq!(answer(unreadable), (false, "mono".into(), true, retry));
    let same = gathered("theme = \"mono\"\n");
    assert_eq!(answer(same.clone()), (true, "mono".into(), false, None), "readable again");
    let problems = vec!["/b: not UTF-8".into()];
    let incomplete = Gathered { incomplete: true, problems, ..gathered("theme = \"rain\"\n") };
    assert_eq!(answer(incomplete), (false, "mono".into(), true, retry));
    assert!(!answer(same).2);
}

#[test]
fn one_that_is_taken_away_is_in_force_for_a_moment_yet() {
    let mut harness = Harness::default();
    harness.request("/a", 0).expect("room");
    harness.answer("/a", read("theme = \"mono\"\n"), 1);
    let mut answer = |text: Option<&str>, seconds| {
        harness.jobs.take();
        harness.configs.reload(&mut harness.jobs);
        let gathered = text.map_or_else(Gathered::default, gathered);
        let is_taken = harness.answer("/a", Ok(Answer::ConfigRead(gathered)), seconds);
        let id: ConfigId = Path::new("/a").into();
        let theme = harness.configs.slots[&id].config.theme.name.clone();
        (matches!(is_taken, Change::Swapped { .. }), theme, harness.configs.wake())
    };
    let mono = || "mono".to_owned();
    let soon = |seconds| Some(Duration::from_secs(seconds) + GONE);
    assert_eq!(answer(None, 2), (false, mono(), soon(2)));
    assert_eq!(answer(None, 2), (false, mono(), soon(2)), "something changed beside it");
    assert_eq!(answer(Some("theme = \"mono\"\n"), 2), (false, mono(), None), "back");
    assert_eq!(answer(None, 5), (false, mono(), soon(5)));
    assert_eq!(answer(None, 6), (true, "rain".into(), None), "there is nothing to tell");
}

#[test]
fn a_failure_to_look_is_forgotten_once_its_files_are_seen_again() {
    let mut harness = Harness::default();
    harness.request("/a", 0).expect("room");
    harness.answer("/a", read("theme = \"mono\"\n"), 1);
    harness.jobs.take();
    harness.configs.reload(&mut harness.jobs);
    harness.answer("/a", Err("it took too long".into()), 2);
    assert_eq!(harness.configs.troubled().len(), 1);
    harness.configs.retry(&at(100), &mut harness.jobs);
    harness.answer("/a", read("theme = \"mono\"\n"), 101);
    assert_eq!(harness.configs.troubled().len(), 0);
}

#[test]
fn a_theme_that_cannot_be_read_is_the_one_read_before() {
    let theme = |style: &str| {
        let text = format!("[style]\nline = \"{style}\"\n");
        ("mine".to_owned(), crate::config::SourceFile { path: "/mine.toml".into(), text })
    };
    let config = || gathered("theme = \"mine\"\n");
    let mut slot = Slot::new(Path::new("/a"), Duration::ZERO);
    assert!(slot.take(Gathered { themes: vec![theme("bold")], ..config() }));
    let lost = Gathered {
        unreadable_themes: vec!["mine".into()],
        problems: vec!["/mine.toml: not UTF-8".into()],
        ..config()
    };
    assert!(slot.take(lost.clone()), "to tell of the problem");
    assert!(slot.config.theme.styles.contains_key("line"));
    let broken = theme("bold\"\nx = [\n\"");
    assert!(!slot.take(Gathered { themes: vec![broken], ..config() }));
    assert!(slot.all_problems().any(|problem| problem.contains("stays in force")));
    let mut new = Slot::new(Path::new("/a"), Duration::ZERO);
    assert!(new.take(lost), "what there is is better than the built-in config");
}

/// A folder of themes that could not be read kept every later change of the config away.
#[test]
fn without_the_folder_of_themes_a_config_is_taken_with_the_themes_before() {
    let text = "[style]\nline = \"bold\"\n".into();
    let theme = crate::config::SourceFile { path: "/mine.toml".into(), text };
    let mut slot = Slot::new(Path::new("/a"), Duration::ZERO);
    let themes = vec![("mine".to_owned(), theme)];
    assert!(slot.take(Gathered { themes, ..gathered("theme = \"mine\"\n") }));
    for glyphs in ["ascii", "unicode"] {
        let text = format!("theme = \"mine\"\nglyphs = \"{glyphs}\"\n");
        assert!(slot.take(Gathered { no_themes: true, ..gathered(&text) }), "{glyphs}");
        assert!(slot.config.theme.styles.contains_key("line"));
    }
    assert!(slot.take(Gathered { no_themes: true, ..gathered("theme = \"mono\"\n") }));
    let other = Gathered { no_themes: true, ..gathered("theme = \"other\"\n") };
    assert!(!slot.take(other), "its theme may be there");
}

#[test]
fn a_change_while_it_is_read_has_it_read_again() {
    let mut harness = Harness::default();
    harness.request("/a", 0).expect("room");
    harness.answer("/a", read(""), 1);
    let watch = harness.jobs.take().0[0].ticket;
    let id = Path::new("/a").into();
    let changed = |harness: &mut Harness| {
        let outcome = Ok(Answer::FilesChanged);
        harness.configs.watched(watch, &id, &outcome, &at(2), &mut harness.jobs);
    };
    changed(&mut harness);
    let (first, _) = harness.reading();
    changed(&mut harness);
    assert!(harness.jobs.is_empty(), "one at a time");
    let text = read("theme = \"mono\"\n");
    harness.configs.answered(first, &Path::new("/a").into(), text, &at(3), &mut harness.jobs);
    assert_eq!(harness.purposes(), [Purpose::ReadConfig(Path::new("/a").into())]);
}

#[test]
fn a_watcher_that_dies_is_replaced_after_a_pause() {
    let mut harness = Harness::default();
    harness.request("/a", 0).expect("room");
    harness.answer("/a", read(""), 1);
    let watch = harness.jobs.take().0[0].ticket;
    let id = Path::new("/a").into();
    let dead = Err("the worker ended".into());
    harness.configs.watched(watch, &id, &dead, &at(10), &mut harness.jobs);
    assert_eq!(harness.configs.wake(), Some(Duration::from_secs(10) + WATCH_RETRY));
    harness.configs.retry(&at(40), &mut harness.jobs);
    harness.answer("/a", read(""), 41);
    assert_eq!(harness.purposes(), [Purpose::WatchConfig(id)]);
}

#[test]
fn a_reply_to_an_earlier_attempt_is_ignored() {
    let mut harness = Harness::default();
    harness.request("/a", 0).expect("room");
    let (ticket, _) = harness.reading();
    let id = Path::new("/a").into();
    let late = Err("late".into());
    harness.configs.answered(ticket + 1, &id, late, &at(1), &mut harness.jobs);
    assert!(!harness.is_loaded("/a"));
}
