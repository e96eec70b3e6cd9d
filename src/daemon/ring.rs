//! Telling of an alert, in a worker. What is told is text from outside: it goes as a word or a
//! variable, and no shell and no host's language ever reads it.

use std::time::Duration;

use rainline_segments::{Call, Level, Machine, Surroundings, Untrusted};
use serde::{Deserialize, Serialize};

use super::alerts::Ring;
use crate::config::alerts::Action;

/// How long each command may take.
const LIMIT: Duration = Duration::from_secs(4);
/// The most clients of a tmux that are told.
const MOST_CLIENTS: usize = 16;

/// What happened, and to whom it may be told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct News {
    pub alert: String,
    pub segment: String,
    pub level: Level,
    pub ring: Ring,
    /// What the segment shows.
    pub shown: Untrusted,
    pub action: Action,
    /// The sockets of the tmux servers that show our lines.
    pub servers: Vec<String>,
    /// The leaders of other sessions that asked for one.
    pub sessions: Vec<u32>,
}

impl News {
    fn title(&self) -> String {
        match self.ring {
            Ring::Reached | Ring::Again => format!("{}: {}", self.segment, self.level.name()),
            Ring::Back => format!("{}: normal again", self.segment),
        }
    }

    fn text(&self) -> String {
        match self.shown.is_empty() {
            true => self.title(),
            false => format!("{}: {}", self.title(), self.shown.reveal()),
        }
    }
}

/// Tells it; `Err` says why nobody heard.
pub fn tell(news: &News, host: &Machine) -> Result<(), String> {
    match &news.action {
        Action::Command(words) => command(words, news, host),
        Action::Desktop => {
            let urgency = match news.level {
                Level::Critical if news.ring != Ring::Back => "critical",
                _ => "normal",
            };
            // The body may be marked up, in a language of its own.
            let body = news.shown.reveal().replace('&', "&amp;").replace('<', "&lt;");
            let urgency = format!("--urgency={urgency}");
            let words =
                ["notify-send", "--app-name=Rainline", &urgency, "--", &news.title(), &body];
            perform(&words, &[], host).map(drop)
        }
        Action::Tmux => {
            let mut told = Err("no tmux shows a line of ours".to_owned());
            for server in &news.servers {
                for client in clients(server, "client_name", host) {
                    let message = for_tmux(&news.text());
                    let words = ["tmux", "-S", server, "display-message", "-c", &client, &message];
                    told = perform(&words, &[], host).map(drop).or(told);
                }
            }
            told
        }
        Action::Bell => {
            let of_tmux =
                news.servers.iter().flat_map(|server| clients(server, "client_tty", host));
            let of_others = news.sessions.iter().filter_map(|leader| terminal(*leader));
            let mut terminals: Vec<String> = of_tmux.chain(of_others).collect();
            terminals.sort_unstable();
            terminals.dedup();
            let rung = terminals.iter().filter(|path| ring(path)).count();
            if rung > 0 { Ok(()) } else { Err("there is no terminal to ring in".into()) }
        }
    }
}

/// Runs a command of the config: its placeholders are whole words, so that none ends up inside of a
/// script.
fn command(words: &[String], news: &News, host: &Machine) -> Result<(), String> {
    let text = news.text();
    let said = [
        ("{alert}", "RAINLINE_ALERT", news.alert.as_str()),
        ("{segment}", "RAINLINE_SEGMENT", news.segment.as_str()),
        ("{level}", "RAINLINE_LEVEL", news.level.name()),
        ("{state}", "RAINLINE_STATE", news.ring.name()),
        ("{text}", "RAINLINE_TEXT", text.as_str()),
    ];
    let filled = |word: &'_ String| {
        said.iter().find(|(name, ..)| name == word).map_or(word.clone(), |said| said.2.to_owned())
    };
    let words: Vec<String> = words.iter().map(filled).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    perform(&words, &said.map(|(_, name, value)| (name, value)), host).map(drop)
}

fn perform(words: &[&str], env: &[(&str, &str)], host: &Machine) -> Result<Vec<u8>, String> {
    let task = Call { words, surroundings: Surroundings::User, env };
    let program = words.first().copied().unwrap_or_default();
    match host.perform(&task, LIMIT).map_err(|error| error.to_string())? {
        None => Err(format!("{program}: not found")),
        Some(output) if output.code == Some(0) => Ok(output.printed),
        Some(output) => Err(format!("{program}: {}", output.reason())),
    }
}

/// What tmux says of each of its clients; none if it does not answer.
fn clients(server: &str, what: &str, host: &Machine) -> Vec<String> {
    let format = format!("#{{{what}}}");
    let said = perform(&["tmux", "-S", server, "list-clients", "-F", &format], &[], host);
    let text = String::from_utf8_lossy(&said.unwrap_or_default()).into_owned();
    text.lines().filter(|line| !line.is_empty()).take(MOST_CLIENTS).map(str::to_owned).collect()
}

/// A message for tmux, which takes it for a time's pattern, a format and then for styles.
fn for_tmux(text: &str) -> String {
    text.replace('%', "%%").replace('#', "###[]")
}

/// The terminal of a session's leader, as far as it has one open.
fn terminal(leader: u32) -> Option<String> {
    (0..3).find_map(|fd| {
        let path = std::fs::read_link(format!("/proc/{leader}/fd/{fd}")).ok()?;
        let path = path.to_str()?;
        let is_one = path.starts_with("/dev/pts/") || path.starts_with("/dev/tty");
        is_one.then(|| path.to_owned())
    })
}

/// Rings in a terminal, without waiting for one that is stopped.
fn ring(path: &str) -> bool {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(terminal) = rustix::fs::open(path, flags, Mode::empty()) else { return false };
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
    fn what_is_told_says_what_shows_it_and_how_it_stands() {
        let news = News {
            alert: "full".into(),
            segment: "disk".into(),
            level: Level::Critical,
            ring: Ring::Reached,
            shown: "/ 97%".into(),
            action: Action::Bell,
            servers: Vec::new(),
            sessions: Vec::new(),
        };
        assert_eq!(news.text(), "disk: critical: / 97%");
        let over = News { ring: Ring::Back, shown: "".into(), ..news };
        assert_eq!(over.text(), "disk: normal again");
    }
}
