//! The alerts of all configs: which reading each looks at, how it stands, and where its notification
//! may be shown. When one fires is decided in `state`; a worker delivers it.
//!
//! Of one alert at most one notification is on its way and one waits for it: where delivering hangs,
//! the news of an hour ago is no news.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use rainline_client::protocol::LineRequest;
use rainline_segments::Level;

use super::jobs::{Jobs, Outcome, Purpose, Ticket};
use super::sampler::{Cache, CachedReading};
use super::status::AlertStatus;
use crate::config::Config;
use crate::config::alerts::Alert;
use crate::line::rows::{self, Age, Reading, Readings};
use crate::readings::id::{ConfigId, ReadingId};
use crate::worker::notify::Notification;
use crate::worker::{Answer, Job};

mod state;

use state::State;

/// How long delivering a notification may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The most places of each sort where notifications are shown.
const MAX_PLACES: usize = 8;

/// An alert and how it stands.
struct Known {
    alert: Alert,
    config: Rc<Config>,
    reading: ReadingId,
    state: State,
    /// Why its last notification was not delivered.
    error: Option<String>,
    /// The job that delivers a notification of it.
    sending: Option<Ticket>,
    /// What has happened since, and is to be delivered next.
    next: Option<Notification>,
}

impl Known {
    /// Delivers what is to be delivered next, unless something is being delivered.
    fn send(&mut self, id: &ConfigId, name: &str, jobs: &mut Jobs) {
        if self.sending.is_none()
            && let Some(notification) = self.next.take()
        {
            let purpose = Purpose::Notify(id.clone(), name.to_owned());
            self.sending = Some(jobs.submit(purpose, Job::Notify(notification), Some(TIMEOUT)));
        }
    }
}

/// The alerts of all configs.
#[derive(Default)]
pub struct Alerts {
    known: HashMap<(ConfigId, String), Known>,
    /// Where notifications may be shown: the sockets of tmux servers, and the leaders of other
    /// sessions; the latest last.
    servers: Vec<String>,
    sessions: Vec<u32>,
}

impl Alerts {
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Remembers where the client of a request would see a notification.
    pub fn note_client(&mut self, request: &LineRequest) {
        let tmux = request.env.iter().find(|(name, _)| name == "TMUX");
        let socket = tmux.and_then(|(_, value)| {
            let socket = value.split(|byte| *byte == b',').next()?;
            String::from_utf8(socket.to_vec()).ok().filter(|socket| socket.starts_with('/'))
        });
        match socket {
            Some(socket) => put_last(&mut self.servers, socket),
            None if request.session > 0 => put_last(&mut self.sessions, request.session),
            None => {}
        }
    }

    /// Takes over the alerts of a config; those that stay the same keep their state. The instances
    /// that they look at, with their readings.
    pub fn config_changed(
        &mut self,
        id: &ConfigId,
        config: &Rc<Config>,
        jobs: &mut Jobs,
    ) -> Vec<(u16, ReadingId)> {
        let mut before: HashMap<_, _> = self.known.extract_if(|(of, _), _| of == id).collect();
        for alert in &config.alerts {
            let instance = &config.instances[usize::from(alert.instance)];
            let reading = ReadingId::shared_by_all(id, instance);
            let key = (id.clone(), alert.name.clone());
            let old = before.remove(&key);
            // Of a changed alert, too, no second one is sent before the first one ended.
            let sending = old.as_ref().and_then(|known| known.sending);
            let same = old.filter(|known| {
                let old = Alert { instance: alert.instance, ..known.alert.clone() };
                old == *alert && known.reading == reading
            });
            let same = same.map(|known| (known.state, known.error, known.next));
            let (state, error, next) = same.unwrap_or_default();
            let (alert, config) = (alert.clone(), config.clone());
            self.known.insert(key, Known { alert, config, reading, state, error, sending, next });
        }
        withdraw(before.into_values(), jobs);
        let of_config = self.known.iter().filter(|((of, _), _)| of == id);
        of_config.map(|(_, known)| (known.alert.instance, known.reading.clone())).collect()
    }

    pub fn forget_config(&mut self, id: &ConfigId, jobs: &mut Jobs) {
        withdraw(self.known.extract_if(|(of, _), _| of == id).map(|(_, known)| known), jobs);
    }

    /// The readings that alerts look at.
    pub fn wanted(&self) -> impl Iterator<Item = &ReadingId> {
        self.known.values().map(|known| &known.reading)
    }

    /// When an alert may fire although no reading comes.
    pub fn wake(&self, boot: Duration) -> Option<Duration> {
        let due = self.known.values().filter_map(|known| known.state.due(&known.alert));
        // One whose reading is not known does nothing when its time comes.
        due.filter(|at| *at > boot).min()
    }

    /// Has notifications delivered for the alerts that fire with the readings as they are.
    pub fn check(&mut self, cache: &Cache, boot: Duration, jobs: &mut Jobs) {
        for ((id, name), known) in &mut self.known {
            let entry = cache.get(&known.reading).filter(|entry| entry.taken().is_some());
            let Some(entry) = entry.filter(|entry| entry.age(boot) != Age::Lost) else {
                // Nothing is known: the level is neither reached nor left.
                continue;
            };
            let level = entry.sample().map_or(Level::Idle, |sample| sample.level);
            let reached = level >= known.alert.level;
            let Some(event) = known.state.update(&known.alert, reached, boot) else { continue };
            let index = known.alert.instance;
            let shown = || rows::words(&known.config, index, &Alone(entry, boot));
            // What waited is not the newest any more.
            known.next = Some(Notification {
                alert: name.clone(),
                segment: known.reading.instance.to_string(),
                level,
                event,
                shown: catch_unwind(AssertUnwindSafe(shown)).unwrap_or_default(),
                action: known.alert.action.clone(),
                servers: self.servers.clone(),
                sessions: self.sessions.clone(),
            });
            known.send(id, name, jobs);
        }
    }

    /// Takes what came of a notification, and delivers what has happened since.
    pub fn notified(
        &mut self,
        ticket: Ticket,
        id: ConfigId,
        name: String,
        outcome: Outcome,
        jobs: &mut Jobs,
    ) {
        let error = match outcome {
            Ok(Answer::Notified(delivered)) => delivered.err(),
            Ok(_) => Some("its worker gave an unexpected answer".into()),
            Err(why) => Some(why),
        };
        let key = (id, name);
        if let Some(known) = self.known.get_mut(&key)
            && known.sending == Some(ticket)
        {
            (known.error, known.sending) = (error, None);
            known.send(&key.0, &key.1, jobs);
        }
    }

    /// The alerts whose last notification was not delivered.
    pub fn status(&self) -> Vec<AlertStatus> {
        let failed = |((_, name), known): (&(ConfigId, String), &Known)| {
            Some(AlertStatus { name: name.clone(), error: known.error.clone()? })
        };
        self.known.iter().filter_map(failed).collect()
    }
}

/// Has nothing begun that is still to be delivered of alerts that are gone.
fn withdraw(gone: impl Iterator<Item = Known>, jobs: &mut Jobs) {
    gone.filter_map(|known| known.sending).for_each(|ticket| jobs.withdraw(ticket));
}

/// A reading by itself.
struct Alone<'a>(&'a CachedReading, Duration);

impl Readings for Alone<'_> {
    fn reading(&self, _: u16) -> Reading<'_> {
        let Alone(entry, boot) = self;
        entry.reading(*boot)
    }
}

/// Puts the latest last, and forgets the oldest of too many.
fn put_last<T: PartialEq>(known: &mut Vec<T>, new: T) {
    known.retain(|old| *old != new);
    known.push(new);
    if known.len() > MAX_PLACES {
        known.remove(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::alerts::Action;
    use crate::daemon::sampler::test_support::{at, cache_with};
    use crate::worker::notify::Event;
    use rainline_segments::Sample;
    use std::path::Path;

    const SECOND: Duration = Duration::from_secs(1);

    fn id() -> ConfigId {
        Path::new("/config").into()
    }

    /// A config whose one alert fires when its first segment is critical for five seconds.
    fn config(change: impl FnOnce(&mut Alert)) -> Rc<Config> {
        let mut config = Config::built_in();
        let mut alert = Alert {
            name: "loud".into(),
            instance: 0,
            level: Level::Critical,
            hold: SECOND * 5,
            again: None,
            action: Action::Bell,
            back: true,
        };
        change(&mut alert);
        config.alerts = vec![alert];
        Rc::new(config)
    }

    /// The events that alerts have delivered with a reading at this moment.
    fn check(alerts: &mut Alerts, level: Level, taken: u32, boot: u32) -> Vec<Event> {
        let reading = alerts.wanted().next().expect("an alert").clone();
        let config = alerts.known.values().next().expect("an alert").config.clone();
        let cache = cache_with(reading, &config, 0, Ok(Some(Sample::new(level))), &at(taken));
        let mut jobs = Jobs::default();
        alerts.check(&cache, SECOND * boot, &mut jobs);
        let sent = sent(&mut jobs);
        if let Some((ticket, _)) = sent {
            alerts.notified(ticket, id(), "loud".into(), Ok(Answer::Notified(Ok(()))), &mut jobs);
        }
        sent.map(|(_, event)| event).into_iter().collect()
    }

    #[test]
    fn an_alert_fires_when_its_level_held_and_when_it_is_over() {
        let mut alerts = Alerts::default();
        alerts.config_changed(&id(), &config(|_| {}), &mut Jobs::default());
        assert_eq!(check(&mut alerts, Level::Critical, 10, 10), []);
        assert_eq!(alerts.wake(SECOND * 10), Some(SECOND * 15));
        assert_eq!(check(&mut alerts, Level::Critical, 15, 15), [Event::Reached]);
        assert_eq!(check(&mut alerts, Level::Idle, 20, 20), []);
        assert_eq!(check(&mut alerts, Level::Idle, 25, 25), [Event::Back]);
    }

    #[test]
    fn a_lost_reading_neither_reaches_nor_leaves_a_level() {
        let mut alerts = Alerts::default();
        alerts.config_changed(&id(), &config(|_| {}), &mut Jobs::default());
        check(&mut alerts, Level::Critical, 10, 10);
        assert_eq!(check(&mut alerts, Level::Critical, 10, 90_000), []);
        assert_eq!(alerts.wake(SECOND * 90_000), None, "what is over is no reason to wake up");
        assert_eq!(check(&mut alerts, Level::Critical, 90_001, 90_001), [Event::Reached]);
    }

    #[test]
    fn a_reload_in_between_keeps_the_state_of_what_stays_the_same() {
        let mut alerts = Alerts::default();
        alerts.config_changed(&id(), &config(|_| {}), &mut Jobs::default());
        check(&mut alerts, Level::Critical, 10, 10);
        alerts.config_changed(&id(), &config(|_| {}), &mut Jobs::default());
        assert_eq!(check(&mut alerts, Level::Critical, 15, 15), [Event::Reached]);
        alerts.config_changed(&id(), &config(|alert| alert.hold = SECOND), &mut Jobs::default());
        assert_eq!(check(&mut alerts, Level::Critical, 16, 16), [], "another alert starts anew");
        assert_eq!(check(&mut alerts, Level::Critical, 17, 17), [Event::Reached]);
        alerts.forget_config(&id(), &mut Jobs::default());
        assert!(alerts.is_empty() && alerts.wanted().next().is_none());
    }

    #[test]
    fn a_failed_delivery_is_an_error_until_one_succeeds_or_the_alert_is_gone() {
        let mut alerts = Alerts::default();
        let mut jobs = Jobs::default();
        alerts.config_changed(&id(), &config(|alert| alert.again = Some(SECOND)), &mut jobs);
        fire(&mut alerts, &mut jobs, Level::Critical, 10);
        let mut deliver = |alerts: &mut Alerts, boot, outcome| {
            let ticket = fire(alerts, &mut jobs, Level::Critical, boot).expect("it is sent").0;
            alerts.notified(ticket, id(), "loud".into(), outcome, &mut jobs);
        };
        deliver(&mut alerts, 15, Err("it took too long".into()));
        let failed = AlertStatus { name: "loud".into(), error: "it took too long".into() };
        assert_eq!(alerts.status(), [failed]);
        deliver(&mut alerts, 16, Ok(Answer::Notified(Ok(()))));
        assert_eq!(alerts.status(), []);
        deliver(&mut alerts, 17, Ok(Answer::Notified(Err("not found".into()))));
        assert_eq!(alerts.status().len(), 1);
        alerts.forget_config(&id(), &mut Jobs::default());
        assert_eq!(alerts.status(), []);
    }

    /// What is sent with a reading at this moment, by which job.
    fn fire(
        alerts: &mut Alerts,
        jobs: &mut Jobs,
        level: Level,
        boot: u32,
    ) -> Option<(Ticket, Event)> {
        let reading = alerts.wanted().next().expect("an alert").clone();
        let config = alerts.known.values().next().expect("an alert").config.clone();
        let cache = cache_with(reading, &config, 0, Ok(Some(Sample::new(level))), &at(boot));
        alerts.check(&cache, SECOND * boot, jobs);
        sent(jobs)
    }

    /// The one notification that is to be sent.
    fn sent(jobs: &mut Jobs) -> Option<(Ticket, Event)> {
        let mut sent = jobs.take().0.into_iter().map(|submission| match submission.job {
            Job::Notify(notification) => (submission.ticket, notification.event),
            other => panic!("{other:?}"),
        });
        let first = sent.next();
        assert_eq!(sent.count(), 0, "one at a time");
        first
    }

    #[test]
    fn while_one_is_on_its_way_only_the_newest_waits() {
        let mut alerts = Alerts::default();
        let mut jobs = Jobs::default();
        alerts.config_changed(&id(), &config(|alert| alert.hold = SECOND), &mut jobs);
        let mut hung = None;
        for boot in 10..1_000 {
            let level = if boot / 4 % 2 == 0 { Level::Critical } else { Level::Idle };
            let sent = fire(&mut alerts, &mut jobs, level, boot);
            assert!(sent.is_none() || hung.is_none(), "{boot}");
            hung = hung.or(sent);
        }
        let ticket = hung.expect("the first one is sent").0;
        alerts.notified(ticket + 99, id(), "loud".into(), Err("another's".into()), &mut jobs);
        assert_eq!(sent(&mut jobs), None);
        alerts.notified(ticket, id(), "loud".into(), Err("it took too long".into()), &mut jobs);
        let (ticket, event) = sent(&mut jobs).expect("the newest one");
        assert_eq!(event, Event::Back, "which is what is true now");
        alerts.notified(ticket, id(), "loud".into(), Ok(Answer::Notified(Ok(()))), &mut jobs);
        assert_eq!(sent(&mut jobs), None);
    }

    #[test]
    fn a_changed_alert_sends_no_second_one_beside_one_that_hangs() {
        let mut alerts = Alerts::default();
        let mut jobs = Jobs::default();
        let changed =
            |hold| config(move |alert| (alert.hold, alert.level) = (hold, Level::Critical));
        alerts.config_changed(&id(), &changed(SECOND), &mut jobs);
        fire(&mut alerts, &mut jobs, Level::Critical, 10);
        let hung = fire(&mut alerts, &mut jobs, Level::Critical, 11).expect("it is sent").0;
        for n in 2..20 {
            alerts.config_changed(&id(), &changed(SECOND * n), &mut jobs);
            fire(&mut alerts, &mut jobs, Level::Critical, 100 * n);
            assert_eq!(fire(&mut alerts, &mut jobs, Level::Critical, 100 * n + n), None);
        }
        alerts.forget_config(&id(), &mut jobs);
        assert!(jobs.take_withdrawn().contains(&hung));
    }

    #[test]
    fn the_latest_clients_are_where_notifications_are_shown() {
        let mut alerts = Alerts::default();
        let request = |session| LineRequest { session, ..LineRequest::default() };
        (1..=MAX_PLACES as u32 + 2).for_each(|session| alerts.note_client(&request(session)));
        alerts.note_client(&request(5));
        assert_eq!((alerts.sessions.len(), alerts.sessions.last()), (MAX_PLACES, Some(&5)));
        let env = vec![("TMUX".to_owned(), b"/tmp/tmux,1,0".to_vec())];
        alerts.note_client(&LineRequest { env, session: 7, ..LineRequest::default() });
        assert_eq!(
            (&*alerts.servers, alerts.sessions.last()),
            (&["/tmp/tmux".to_owned()][..], Some(&5))
        );
    }
}
