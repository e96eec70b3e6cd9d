//! When an alert rings: a level that is reached, held, left. Pure; no clock is read here.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::alerts::Alert;

/// How an alert stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watch {
    /// Since when the level is reached, or left after it rang; by the boot clock.
    since: Option<Duration>,
    /// Whether the last reading had the level.
    reached: bool,
    /// When it rang last, until it is over.
    rung: Option<Duration>,
}

/// What there is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ring {
    Reached,
    /// It lasts.
    Again,
    /// It is over.
    Back,
}

impl Ring {
    /// The word for commands.
    pub fn name(self) -> &'static str {
        match self {
            Ring::Reached => "reached",
            Ring::Again => "again",
            Ring::Back => "back",
        }
    }
}

impl Watch {
    /// Looks at a reading: whether it has the alert's level or a higher one.
    pub fn look(&mut self, alert: &Alert, reached: bool, boot: Duration) -> Option<Ring> {
        if reached != self.reached {
            (self.reached, self.since) = (reached, None);
        }
        let since = *self.since.get_or_insert(boot);
        let held = boot.saturating_sub(since) >= alert.hold;
        match (reached, self.rung) {
            (true, None) if held => {
                self.rung = Some(boot);
                Some(Ring::Reached)
            }
            (true, Some(rung)) if alert.again.is_some_and(|again| boot >= rung + again) => {
                self.rung = Some(boot);
                Some(Ring::Again)
            }
            (false, Some(_)) if held => {
                self.rung = None;
                alert.back.then_some(Ring::Back)
            }
            _ => None,
        }
    }

    /// When it has something to tell although no reading comes.
    pub fn due(&self, alert: &Alert) -> Option<Duration> {
        match (self.reached, self.rung) {
            (true, None) | (false, Some(_)) => Some(self.since? + alert.hold),
            (true, Some(rung)) => Some(rung + alert.again?),
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

    /// What is told at which second, of levels reached at seconds.
    fn told(alert: &Alert, readings: &[(u32, bool)]) -> Vec<(u32, Ring)> {
        let mut watch = Watch::default();
        let look = |(at, reached): &(u32, bool)| {
            watch.look(alert, *reached, SECOND * *at).map(|ring| (*at, ring))
        };
        readings.iter().filter_map(look).collect()
    }

    #[test]
    fn a_level_rings_once_it_held_and_again_and_when_it_is_over() {
        let readings = [(0, true), (4, true), (5, true), (6, true), (65, true), (66, false)];
        let mut readings = readings.to_vec();
        readings.extend([(70, false), (71, false), (72, false)]);
        let expected = [(5, Ring::Reached), (65, Ring::Again), (71, Ring::Back)];
        assert_eq!(told(&alert(), &readings), expected);
        let quiet = Alert { again: None, back: false, ..alert() };
        assert_eq!(told(&quiet, &readings), [(5, Ring::Reached)]);
    }

    #[test]
    fn a_spike_and_a_short_relief_are_nothing() {
        assert_eq!(told(&alert(), &[(0, true), (3, false), (4, true), (8, true)]), []);
        let relief = [(0, true), (5, true), (6, false), (8, true), (20, true), (30, true)];
        assert_eq!(told(&alert(), &relief), [(5, Ring::Reached)]);
    }

    #[test]
    fn it_is_due_when_nothing_else_may_wake_it() {
        let mut watch = Watch::default();
        assert_eq!(watch.due(&alert()), None);
        watch.look(&alert(), true, SECOND);
        assert_eq!(watch.due(&alert()), Some(SECOND * 6));
        watch.look(&alert(), true, SECOND * 6);
        assert_eq!(watch.due(&alert()), Some(SECOND * 66));
        watch.look(&alert(), false, SECOND * 7);
        assert_eq!(watch.due(&alert()), Some(SECOND * 12));
    }
}
