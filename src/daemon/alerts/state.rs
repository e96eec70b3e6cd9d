//! When an alert fires: its level is reached and held, still reached, or left. Pure; no clock is read.

use std::time::Duration;

use crate::config::alerts::Alert;
use crate::worker::notify::Event;

/// How an alert stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct State {
    /// Since when the level is reached, or left after the alert fired; by the boot clock.
    since: Option<Duration>,
    /// Whether the last reading had the level.
    reached: bool,
    /// When it fired last, until it is over.
    fired: Option<Duration>,
}

impl State {
    /// Takes a reading into account: `reached` says whether it has the alert's level or a higher one.
    pub fn update(&mut self, alert: &Alert, reached: bool, boot: Duration) -> Option<Event> {
        if reached != self.reached {
            (self.reached, self.since) = (reached, None);
        }
        let since = *self.since.get_or_insert(boot);
        let held = boot.saturating_sub(since) >= alert.hold;
        match (reached, self.fired) {
            (true, None) if held => {
                self.fired = Some(boot);
                Some(Event::Reached)
            }
            (true, Some(fired))
                if alert.again.is_some_and(|again| boot >= fired.saturating_add(again)) =>
            {
                self.fired = Some(boot);
                Some(Event::Again)
            }
            (false, Some(_)) if held => {
                self.fired = None;
                alert.back.then_some(Event::Back)
            }
            _ => None,
        }
    }

    /// When it may fire although no reading comes.
    pub fn due(&self, alert: &Alert) -> Option<Duration> {
        match (self.reached, self.fired) {
            (true, None) | (false, Some(_)) => Some(self.since?.saturating_add(alert.hold)),
            (true, Some(fired)) => Some(fired.saturating_add(alert.again?)),
            (false, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::alerts::Action;
    use rainline_segments::Level;

    const SECOND: Duration = Duration::from_secs(1);

    fn alert() -> Alert {
        Alert {
            name: "x".into(),
            instance: 0,
            level: Level::Critical,
            hold: SECOND * 5,
            again: Some(SECOND * 60),
            action: Action::Bell,
            back: true,
        }
    }

    /// What happens at which second, of levels reached at seconds.
    fn events(alert: &Alert, readings: &[(u32, bool)]) -> Vec<(u32, Event)> {
        let mut state = State::default();
        let update = |(at, reached): &(u32, bool)| {
            state.update(alert, *reached, SECOND * *at).map(|event| (*at, event))
        };
        readings.iter().filter_map(update).collect()
    }

    #[test]
    fn it_fires_once_the_level_held_and_again_and_when_it_is_over() {
        let readings = [(0, true), (4, true), (5, true), (6, true), (65, true), (66, false)];
        let mut readings = readings.to_vec();
        readings.extend([(70, false), (71, false), (72, false)]);
        let expected = [(5, Event::Reached), (65, Event::Again), (71, Event::Back)];
        assert_eq!(events(&alert(), &readings), expected);
        let quiet = Alert { again: None, back: false, ..alert() };
        assert_eq!(events(&quiet, &readings), [(5, Event::Reached)]);
    }

    #[test]
    fn a_spike_and_a_short_relief_are_nothing() {
        assert_eq!(events(&alert(), &[(0, true), (3, false), (4, true), (8, true)]), []);
        let relief = [(0, true), (5, true), (6, false), (8, true), (20, true), (30, true)];
        assert_eq!(events(&alert(), &relief), [(5, Event::Reached)]);
    }

    #[test]
    fn the_longest_times_there_are_never_come() {
        let forever = Alert { hold: Duration::MAX, again: Some(Duration::MAX), ..alert() };
        assert_eq!(events(&forever, &[(0, true), (u32::MAX, true), (u32::MAX, false)]), []);
        let once = Alert { hold: Duration::ZERO, ..forever };
        let readings = [(0, true), (u32::MAX, true)];
        assert_eq!(events(&once, &readings), [(0, Event::Reached)]);
        let mut state = State::default();
        state.update(&once, true, SECOND);
        assert_eq!(state.due(&once), Some(Duration::MAX));
    }

    #[test]
    fn it_is_due_when_no_reading_may_wake_it() {
        let mut state = State::default();
        assert_eq!(state.due(&alert()), None);
        state.update(&alert(), true, SECOND);
        assert_eq!(state.due(&alert()), Some(SECOND * 6));
        state.update(&alert(), true, SECOND * 6);
        assert_eq!(state.due(&alert()), Some(SECOND * 66));
        state.update(&alert(), false, SECOND * 7);
        assert_eq!(state.due(&alert()), Some(SECOND * 12));
    }
}
