//! Delivers the notification of an alert. Its text comes from outside: it is passed as a whole word
//! or a variable, never to a shell, and is escaped for tmux and for the desktop.

use std::time::Duration;

use rainline_client::sys;
use rainline_segments::{Call, Level, Machine, Surroundings, Untrusted};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use crate::config::alerts::Action;

/// How long each command may take.
const TIMEOUT: Duration = Duration::from_secs(4);
/// The most clients of a tmux server that are notified.
const MAX_CLIENTS: usize = 16;

/// What happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The level was reached.
    Reached,
    /// The level is still reached.
    Again,
    /// The level was left.
    Back,
}

impl Event {
    /// The word for commands.
    pub fn name(self) -> &'static str {
        match self {
            Event::Reached => "reached",
            Event::Again => "again",
            Event::Back => "back",
        }
    }
}

/// What happened, and where it may be shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// The alert's name.
    pub alert: String,
    /// The segment's name.
    pub segment: String,
    /// The level the segment has now.
    pub level: Level,
    /// What happened.
    pub event: Event,
    /// What the segment shows.
    pub shown: Untrusted,
    /// How it is delivered.
    pub action: Action,
    /// The sockets of the tmux servers that show our lines.
    pub servers: Vec<String>,
    /// The leaders of other sessions that asked for a line.
    pub sessions: Vec<u32>,
}

impl Notification {
    fn title(&self) -> String {
        match self.event {
            Event::Reached | Event::Again => format!("{}: {}", self.segment, self.level.name()),
            Event::Back => format!("{}: normal again", self.segment),
        }
    }

    fn text(&self) -> String {
        match self.shown.is_empty() {
            true => self.title(),
            false => format!("{}: {}", self.title(), self.shown.reveal()),
        }
    }
}

/// Delivers it; `Err` says why nothing was reached.
pub fn notify(alert: &Notification, machine: &Machine) -> Result<(), String> {
    match &alert.action {
        Action::Command(words) => command(words, alert, machine),
        Action::Desktop => {
            let urgency = match alert.level {
                Level::Critical if alert.event != Event::Back => "critical",
                _ => "normal",
            };
            // The body may be marked up, in a language of its own.
            let body = alert.shown.reveal().replace('&', "&amp;").replace('<', "&lt;");
            let urgency = format!("--urgency={urgency}");
            let words =
                ["notify-send", "--app-name=Rainline", &urgency, "--", &alert.title(), &body];
            perform(&words, &[], machine).map(drop)
        }
        Action::Tmux => {
            let mut shown = Err("no tmux server shows a Rainline line".to_owned());
            for server in &alert.servers {
                for client in clients(server, "client_name", machine) {
                    let message = for_tmux(&alert.text());
                    let words = ["tmux", "-S", server, "display-message", "-c", &client, &message];
                    shown = perform(&words, &[], machine).map(drop).or(shown);
                }
            }
            shown
        }
        Action::Bell => {
            let of_tmux =
                alert.servers.iter().flat_map(|server| clients(server, "client_tty", machine));
            let of_others = alert.sessions.iter().filter_map(|leader| terminal(*leader));
            let mut terminals: Vec<String> = of_tmux.chain(of_others).collect();
            terminals.sort_unstable();
            terminals.dedup();
            let rung = terminals.iter().filter(|path| ring_bell(path)).count();
            if rung > 0 { Ok(()) } else { Err("there is no terminal to ring the bell of".into()) }
        }
    }
}

/// Runs a command of the config: its placeholders are whole words, so that none ends up inside of a
/// script.
fn command(words: &[String], alert: &Notification, machine: &Machine) -> Result<(), String> {
    let text = alert.text();
    let values = [
        ("{alert}", "RAINLINE_ALERT", alert.alert.as_str()),
        ("{segment}", "RAINLINE_SEGMENT", alert.segment.as_str()),
        ("{level}", "RAINLINE_LEVEL", alert.level.name()),
        ("{state}", "RAINLINE_STATE", alert.event.name()),
        ("{text}", "RAINLINE_TEXT", text.as_str()),
    ];
    let filled = |word: &'_ String| {
        let value = values.iter().find(|(name, ..)| name == word);
        value.map_or(word.clone(), |(_, _, value)| (*value).to_owned())
    };
    let words: Vec<String> = words.iter().map(filled).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    perform(&words, &values.map(|(_, name, value)| (name, value)), machine).map(drop)
}

fn perform(words: &[&str], env: &[(&str, &str)], machine: &Machine) -> Result<Vec<u8>, String> {
    let task = Call { words, surroundings: Surroundings::User, env };
    let program = words.first().copied().unwrap_or_default();
    match machine.perform(&task, TIMEOUT).map_err(|error| error.to_string())? {
        None => Err(format!("{program}: not found")),
        Some(output) if output.code == Some(0) => Ok(output.printed),
        Some(output) => Err(format!("{program}: {}", output.reason())),
    }
}

/// A format's value for each client of a tmux server; none if it does not answer.
fn clients(server: &str, what: &str, machine: &Machine) -> Vec<String> {
    let format = format!("#{{{what}}}");
    let printed = perform(&["tmux", "-S", server, "list-clients", "-F", &format], &[], machine);
    let text = String::from_utf8_lossy(&printed.unwrap_or_default()).into_owned();
    text.lines().filter(|line| !line.is_empty()).take(MAX_CLIENTS).map(str::to_owned).collect()
}

/// A message for tmux, which expands strftime sequences, formats and styles in it.
fn for_tmux(text: &str) -> String {
    text.replace('%', "%%").replace('#', "###[]")
}

/// The terminal of a session's leader, as far as it has one open.
fn terminal(leader: u32) -> Option<String> {
    (0..3).find_map(|fd| sys::terminal(leader, fd))?.into_os_string().into_string().ok()
}

/// Rings a terminal's bell, without waiting for a terminal that is stopped.
fn ring_bell(path: &str) -> bool {
    let Some(terminal) = sys::open_terminal(path.as_ref(), OFlags::WRONLY) else { return false };
    rustix::termios::isatty(&terminal) && rustix::io::write(&terminal, b"\x07").is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_neither_a_time_nor_a_format() {
        assert_eq!(for_tmux("93% #(id)"), "93%% ###[](id)");
    }

    #[test]
    fn the_text_names_the_segment_its_level_and_what_it_shows() {
        let alert = Notification {
            alert: "full".into(),
            segment: "disk".into(),
            level: Level::Critical,
            event: Event::Reached,
            shown: "/ 97%".into(),
            action: Action::Bell,
            servers: Vec::new(),
            sessions: Vec::new(),
        };
        assert_eq!(alert.text(), "disk: critical: / 97%");
        let over = Notification { event: Event::Back, shown: "".into(), ..alert };
        assert_eq!(over.text(), "disk: normal again");
    }
}
