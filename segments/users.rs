//! How many users are logged in, from systemd's list of sessions, else from `utmp`.
//!
//! Sessions of programs (greeters, managers) do not count, nor do records of processes that have
//! ended, as after a crash.

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::untrusted::Untrusted;
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

options! {
    /// Hidden below this number of users.
    hide_when_below: u32 = 2u32,
    /// Number of users from which the level is `warning`; 0: never.
    warning: u32 = 0u32,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "users",
    about: "How many users are logged in.",
    icons: Icons { nerd: "\u{f0849}", unicode: "users", ascii: "users" },
    format: " ($icon )$users ",
    fields: &[
        Field::new("users", "number of users", Unit::Count),
        Field::new("sessions", "number of their sessions", Unit::Count),
        Field::new("remote", "number of sessions from other machines", Unit::Count),
        Field::new("names", "names of the users, separated by spaces", Unit::Text),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(15)),
    priority: 25,
    open,
};

/// The most sessions that are counted.
const MAX_SESSIONS: usize = 1024;

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Users { options: Options::read(table)? }))
}

struct Users {
    options: Options,
}

#[derive(Debug, PartialEq)]
struct Session {
    user: Vec<u8>,
    remote: bool,
}

impl Source for Users {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let sessions = match of_systemd(machine) {
            Some(sessions) => sessions,
            None => of_utmp(machine),
        };
        let mut users: Vec<&[u8]> = sessions.iter().map(|session| &*session.user).collect();
        users.sort_unstable();
        users.dedup();
        let (Ok(count), Self { options }) = (u32::try_from(users.len()), self) else {
            return Ok(None);
        };
        if count == 0 || count < options.hide_when_below {
            return Ok(None);
        }
        let many = options.warning > 0 && count >= options.warning;
        let level = if many { Level::Warning } else { Level::Idle };
        let remote = sessions.iter().filter(|session| session.remote).count();
        Ok(Some(
            Sample::new(level)
                .with("users", Value::number(f64::from(count)))
                .with("sessions", Value::number(sessions.len() as f64))
                .with("remote", Value::number(remote as f64))
                .with("names", Value::text(Untrusted::new(users.join(&b' ')))),
        ))
    }
}

/// The sessions that systemd lists; `None` if it lists none.
fn of_systemd(machine: &Machine) -> Option<Vec<Session>> {
    const DIR: &str = "/run/systemd/sessions";
    let entries = machine.list(DIR).ok()?;
    // Beside each session there is a FIFO, `NAME.ref`.
    let names = entries.iter().filter_map(|entry| entry.name.to_str());
    let names = names.filter(|name| !name.contains('.')).take(MAX_SESSIONS);
    let sessions = names.filter_map(|name| {
        let text = machine.read(format!("{DIR}/{name}")).ok()?;
        let value = |key: &str| {
            let mut lines = text.split(|b| *b == b'\n');
            lines.find_map(|line| line.strip_prefix(key.as_bytes())?.strip_prefix(b"="))
        };
        let class = value("CLASS").unwrap_or_default();
        let person = class.is_empty() || class == b"user" || class.starts_with(b"user-");
        let user = value("USER").or_else(|| value("UID")).filter(|user| !user.is_empty())?;
        (person && value("STATE") != Some(b"closing"))
            .then(|| Session { user: user.to_vec(), remote: value("REMOTE") == Some(b"1") })
    });
    Some(sessions.collect())
}

/// The sessions in the records of `utmp`.
fn of_utmp(machine: &Machine) -> Vec<Session> {
    let records = ["/run/utmp", "/var/run/utmp"].iter().find_map(|path| machine.read(path).ok());
    let records = records.unwrap_or_default();
    // If other users' processes are hidden (`hidepid`), it is unknown which ones run.
    let hidden = machine.lstat("/proc/1").is_err();
    let alive = |pid: u32| hidden || machine.lstat(format!("/proc/{pid}")).is_ok();
    records
        .chunks_exact(RECORD)
        .filter_map(|bytes| record(bytes, &alive))
        .take(MAX_SESSIONS)
        .collect()
}

/// The size of a record of utmp(5) on Linux, the same for 32 and 64 bits.
const RECORD: usize = 384;

/// Parses type (at 0), pid (at 4), user (at 44, 32 bytes) and host (at 76, 256 bytes); numbers in
/// native byte order.
fn record(bytes: &[u8], alive: &dyn Fn(u32) -> bool) -> Option<Session> {
    const USER_PROCESS: i16 = 7;
    let kind = i16::from_ne_bytes(*bytes.first_chunk()?);
    let pid = u32::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
    let text = |from: usize, length: usize| {
        let text = bytes.get(from..from + length)?;
        text.split(|b| *b == 0).next()
    };
    let (user, from) = (text(44, 32)?, text(76, 256)?);
    // A display (`:0`) or a multiplexer's window is not another machine.
    let remote = !from.is_empty() && !from.starts_with(b":") && !from.contains(&b'(');
    (kind == USER_PROCESS && !user.is_empty() && alive(pid))
        .then(|| Session { user: user.to_vec(), remote })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::{number, sample_with};
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    fn shown(options: &str, machine: &Machine) -> Option<[Option<f64>; 3]> {
        let sample = sample_with(&SEGMENT, options, machine)?;
        Some(["users", "sessions", "remote"].map(|field| number(&sample, field)))
    }

    #[test]
    fn users_are_counted_once_and_programs_not_at_all() {
        let (_dir, machine) = machine_with(&[
            ("run/systemd/sessions/1", "UID=0\nUSER=root\nREMOTE=1\nCLASS=user\nSTATE=active\n"),
            ("run/systemd/sessions/2", "UID=7\nUSER=me\nREMOTE=0\nCLASS=user\nSTATE=online\n"),
            ("run/systemd/sessions/3", "UID=7\nUSER=me\nREMOTE=1\nCLASS=user-early\n"),
            ("run/systemd/sessions/4", "USER=me\nSTATE=closing\nCLASS=user\n"),
            ("run/systemd/sessions/c1", "USER=gdm\nCLASS=greeter\nSTATE=active\n"),
            ("run/systemd/sessions/2.ref", "USER=x\n"),
            ("run/systemd/sessions/5", "noise\n"),
        ]);
        assert_eq!(shown("", &machine), Some([Some(2.0), Some(3.0), Some(2.0)]));
        assert_eq!(shown("hide-when-below = 3", &machine), None);
    }

    fn bytes(kind: i16, pid: u32, user: &str, from: &str) -> Vec<u8> {
        let mut bytes = vec![0; RECORD];
        bytes[..2].copy_from_slice(&kind.to_ne_bytes());
        bytes[4..8].copy_from_slice(&pid.to_ne_bytes());
        bytes[44..44 + user.len()].copy_from_slice(user.as_bytes());
        bytes[76..76 + from.len()].copy_from_slice(from.as_bytes());
        bytes
    }

    #[test]
    fn records_of_ended_processes_do_not_count() {
        let alive = |pid| pid != 9;
        let read =
            |kind, pid, user: &str, from: &str| record(&bytes(kind, pid, user, from), &alive);
        let session = |user: &str, remote| Some(Session { user: user.into(), remote });
        assert_eq!(read(7, 5, "me", "10.0.0.1"), session("me", true));
        assert_eq!(read(7, 5, "me", ":0"), session("me", false));
        assert_eq!(read(7, 5, "me", "tmux(12).%0"), session("me", false));
        assert_eq!(read(7, 5, &"x".repeat(32), ""), session(&"x".repeat(32), false));
        assert_eq!(
            [read(7, 9, "me", ""), read(8, 5, "me", ""), read(7, 5, "", "")],
            [None, None, None]
        );
        assert_eq!(record(&[7, 0, 0], &alive), None);
    }

    #[test]
    fn utmp_is_read_without_systemd() {
        let records = [bytes(7, 5, "me", "far"), bytes(7, 5, "you", ""), bytes(2, 1, "reboot", "")];
        let text = String::from_utf8(records.concat()).expect("small numbers");
        let utmp = ("run/utmp", &*(text + "cut off"));
        let both = Some([Some(2.0), Some(2.0), Some(1.0)]);
        let (_dir, machine) = machine_with(&[utmp, ("proc/1/stat", ""), ("proc/5/stat", "")]);
        assert_eq!(shown("", &machine), both);
        assert_eq!(shown("", &machine_with(&[utmp]).1), both, "processes are hidden");
        let (_dir, machine) = machine_with(&[utmp, ("proc/1/stat", "")]);
        assert_eq!(shown("hide-when-below = 0", &machine), None, "leftovers");
    }

    #[test]
    fn a_server_has_remote_users_and_an_empty_machine_none() {
        assert_eq!(shown("", &fixture("server")), Some([Some(2.0), Some(3.0), Some(3.0)]));
        assert_eq!(shown("hide-when-below = 0", &fixture("empty")), None);
    }
}
