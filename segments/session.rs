//! The terminal session (tmux, screen, abduco, dtach, dvtm, xpra, ssh, or one within another), and
//! the user's other sessions.
//!
//! - No program is run: the environment, the process's ancestors and the permission bits of sockets
//!   are enough, and about 200 times faster.
//! - The environment is outdated after a re-attach: `$TMUX_PANE` is where a shell was started, not
//!   where it is shown now. So a tool counts only if its server is among the asker's ancestors.
//! - What tmux knows better (names that change), it fills in itself as it draws.
//! - [`nest`] finds the tools around the asker, [`others`] the other sessions. They do not depend
//!   on each other; both use [`tool`].

mod nest;
mod others;
mod tool;

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

use others::{Other, State};
use tool::Layer;

options! {
    /// Separator between the names in `$nest`.
    join: String = " › ",
    /// Directories with sockets of dtach, which has no usual place for them.
    dtach_directories: Vec<String> = Vec::<String>::new(),
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "session",
    about: "The terminal session you are in, what it is nested in, and your other sessions.",
    icons: Icons { nerd: "\u{ebc8}", unicode: "❐", ascii: "" },
    format: "( ($icon ){$name.text(max:24)|$tool} )",
    fields: &[
        Field::new(
            "tool",
            "the innermost of tmux, screen, abduco, dtach, dvtm, xpra, mosh, ssh",
            Unit::Text,
        ),
        Field::new("name", "the session's name", Unit::Text),
        Field::new("window", "the window's number", Unit::Text),
        Field::new("window_name", "the window's name", Unit::Text),
        Field::new("pane", "the pane's number", Unit::Text),
        Field::new("pane_title", "the pane's title", Unit::Text),
        Field::new("nest", "all tools around you, the outermost first", Unit::Text),
        Field::new("attached", "number of other attached sessions, if any", Unit::Count),
        Field::new("detached", "number of other detached sessions, if any", Unit::Count),
        Field::new("dead", "sockets without a server and ended commands, if any", Unit::Count),
        Field::new("others", "the other sessions: `*` attached, `+` ended, `!` dead", Unit::Text),
    ],
    options: OPTIONS,
    env: &[
        "ABDUCO_SESSION",
        "ABDUCO_SOCKET",
        "ABDUCO_SOCKET_DIR",
        "DVTM",
        "DVTM_WINDOW_ID",
        "SCREENDIR",
        "SSH_CONNECTION",
        "SSH_TTY",
        "STY",
        "TMUX",
        "TMUX_PANE",
        "TMUX_TMPDIR",
        "WINDOW",
        "XPRA_SERVER_SOCKET",
    ],
    scope: Scope::Client,
    // It lists directories that the asker's environment names.
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(5)),
    priority: 95,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    let options = Options::read(table)?;
    if let Some(path) = options
        .dtach_directories
        .iter()
        .find(|path| !path.starts_with('/') && !path.starts_with("~/"))
    {
        let message = format!("{path:?} does not begin with / or ~/");
        return Err(OptionError { key: "dtach-directories".into(), message });
    }
    Ok(Box::new(Session { options, known: None }))
}

struct Session {
    options: Options,
    /// The last client whose ancestors could be read, and its tools. An asker that has printed its
    /// line and ended has no ancestors any more, but its tools are the same.
    known: Option<(u64, Vec<Layer>)>,
}

impl Source for Session {
    fn sample(&mut self, machine: &Machine, ask: &Ask) -> Result<Option<Sample>, Error> {
        let layers = self.layers(machine, ask);
        let others = others::find(machine, ask, &layers, &self.options.dtach_directories);
        if layers.is_empty() && others.is_empty() {
            return Ok(None);
        }
        let mut sample = Sample::new(Level::Idle)
            .with_some("tool", layers.last().map(|innermost| Value::text(innermost.tool.name())));
        let mut inside_out = layers.iter().rev();
        sample = sample.with_some("name", inside_out.clone().find_map(|layer| layer.name.clone()));
        if let Some(layer) = inside_out.find(|layer| !layer.fields.is_empty()) {
            sample.values.extend(layer.fields.iter().cloned());
        }
        if !layers.is_empty() {
            let names: Vec<_> = layers.iter().map(|layer| layer.tool.name()).collect();
            sample = sample.with("nest", Value::text(names.join(&self.options.join)));
        }
        for (field, states) in [
            ("attached", &[State::Attached][..]),
            ("detached", &[State::Detached]),
            ("dead", &[State::Ended, State::Dead]),
        ] {
            let count = others.iter().filter(|other| states.contains(&other.state)).count();
            if count > 0 {
                sample = sample.with(field, Value::number(count as f64));
            }
        }
        if !others.is_empty() {
            let names: Vec<_> = others.iter().map(Other::label).collect();
            sample = sample.with("others", Value::text(names.join(" ")));
        }
        Ok(Some(sample))
    }
}

impl Session {
    fn layers(&mut self, machine: &Machine, ask: &Ask) -> Vec<Layer> {
        let ancestors = machine.lineage(ask.pid);
        match (&self.known, &ancestors) {
            (Some((client, layers)), None) if ask.pid != 0 && *client == ask.client => {
                layers.clone()
            }
            _ => {
                let layers = nest::find(machine, ask, ancestors.as_deref());
                if ancestors.is_some() {
                    self.known = Some((ask.client, layers.clone()));
                }
                layers
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::{refused, sample_for};
    use crate::machine::fixture;

    const TMUX: (&str, &str) = ("TMUX", "/tmp/tmux-1000/default,300,2");
    const PANE: (&str, &str) = ("TMUX_PANE", "%7");

    /// What an asker with this process ID and environment sees on the fixture `terminals`.
    fn sample(pid: u32, env: &[(&str, &str)]) -> Option<Sample> {
        shown_with("", pid, env)
    }

    fn shown_with(options: &str, pid: u32, env: &[(&str, &str)]) -> Option<Sample> {
        sample_for(&SEGMENT, options, &fixture("terminals"), &ask(pid, env))
    }

    fn ask(pid: u32, env: &[(&str, &str)]) -> Ask {
        let env = env.iter().map(|(name, value)| (name.to_string(), (*value).into())).collect();
        Ask { client: 1, pid, env, ..Ask::default() }
    }

    /// The field as text, with our own value where tmux would fill it in.
    fn shown<'a>(sample: &'a Sample, field: &str) -> &'a str {
        match sample.get(field) {
            Some(Value::Text(text) | Value::Live { known: text, .. }) => text.reveal(),
            None => "",
            Some(other) => panic!("{other:?}"),
        }
    }

    fn where_am_i(pid: u32, env: &[(&str, &str)]) -> [String; 4] {
        let sample = sample(pid, env).expect("others at least");
        ["nest", "name", "window", "pane"].map(|field| shown(&sample, field).to_owned())
    }

    #[test]
    fn a_shell_in_tmux_has_names_that_tmux_fills_in() {
        use crate::base::value::Live;
        let sample = sample(310, &[TMUX, PANE]).expect("a session");
        assert_eq!(shown(&sample, "tool"), "tmux");
        for (field, what) in [
            ("name", Live::SessionName),
            ("window", Live::WindowIndex),
            ("window_name", Live::WindowName),
            ("pane", Live::PaneIndex),
            ("pane_title", Live::PaneTitle),
        ] {
            let value = sample.get(field);
            assert!(matches!(value, Some(Value::Live { what: found, .. }) if *found == what));
        }
        assert_eq!((shown(&sample, "name"), shown(&sample, "pane")), ("$2", "%7"));
    }

    #[test]
    fn a_status_job_is_a_child_of_the_server_and_has_no_pane() {
        assert_eq!(where_am_i(320, &[TMUX]), ["tmux", "$2", "", ""]);
        assert_eq!(where_am_i(100, &[TMUX]), ["tmux", "$2", "", ""], "a job that left its parent");
    }

    /// Started in tmux, now in dtach, which was started there and is attached elsewhere.
    #[test]
    fn tmux_without_its_server_is_ignored() {
        assert_eq!(where_am_i(420, &[TMUX, PANE]), ["dtach", "work", "", ""]);
        assert_eq!(where_am_i(100, &[TMUX, PANE]), ["", "", "", ""]);
    }

    #[test]
    fn tmux_with_another_server_is_ignored() {
        let other = ("TMUX", "/tmp/tmux-1000/default,999,5");
        assert_eq!(where_am_i(310, &[other, PANE]), ["tmux", "", "", ""]);
    }

    #[test]
    fn dvtm_within_tmux_reached_by_ssh() {
        let env = [
            ("DVTM", "0.15"),
            ("DVTM_WINDOW_ID", "3"),
            ("SSH_CONNECTION", "10.0.0.7 5 10.0.0.1 22"),
            TMUX,
            PANE,
        ];
        assert_eq!(where_am_i(330, &env), ["ssh › tmux › dvtm", "$2", "3", ""]);
    }

    #[test]
    fn dvtm_within_abduco() {
        let env = [
            ("ABDUCO_SESSION", "demo"),
            ("ABDUCO_SOCKET", "/home/ann/.abduco/demo@slate"),
            ("DVTM", "0.15"),
            ("DVTM_WINDOW_ID", "1"),
        ];
        assert_eq!(where_am_i(520, &env), ["abduco › dvtm", "demo", "1", ""]);
    }

    /// Its first client still runs, so the line of ancestors continues into tmux.
    #[test]
    fn screen_within_tmux() {
        let env = [("STY", "350.build"), ("WINDOW", "4"), TMUX, PANE];
        assert_eq!(where_am_i(351, &env), ["tmux › screen", "build", "4", ""]);
    }

    #[test]
    fn a_detached_screen_is_the_only_tool() {
        let env = [("STY", "600.pts-0.slate"), ("WINDOW", "0"), TMUX, PANE];
        assert_eq!(where_am_i(610, &env), ["screen", "pts-0.slate", "0", ""]);
    }

    /// A backtick command of screen has none of its variables.
    #[test]
    fn a_screen_without_variables_is_named_by_its_socket() {
        assert_eq!(where_am_i(610, &[]), ["screen", "pts-0.slate", "", ""]);
    }

    #[test]
    fn xpra_and_plain_ssh() {
        let xpra = ("XPRA_SERVER_SOCKET", "/run/user/1000/xpra/slate-177");
        assert_eq!(where_am_i(710, &[xpra]), ["xpra", ":177", "", ""]);
        let ssh = [("SSH_CONNECTION", "fe80::1 5 fe80::2 22"), ("SSH_TTY", "/dev/pts/0")];
        assert_eq!(where_am_i(100, &ssh), ["ssh", "fe80::1", "", ""]);
        assert_eq!(where_am_i(810, &ssh), ["mosh", "fe80::1", "", ""]);
    }

    #[test]
    fn an_inherited_xpra_behind_a_detaching_server_is_ignored() {
        let xpra = ("XPRA_SERVER_SOCKET", "/run/user/1000/xpra/slate-177");
        assert_eq!(where_am_i(310, &[TMUX, PANE, xpra])[0], "tmux");
    }

    #[test]
    fn without_ancestors_the_environment_is_used() {
        let env = [("STY", "350.build"), TMUX, PANE];
        assert_eq!(where_am_i(0, &env)[0], "screen › tmux");
    }

    #[test]
    fn an_asker_that_ended_keeps_its_tools() {
        let mut source = open(&toml::Table::new()).expect("defaults are fine");
        let machine = fixture("terminals");
        let mut nest = |pid| {
            let sample = source.sample(&machine, &ask(pid, &[TMUX, PANE])).expect("no error");
            shown(&sample.expect("a session"), "nest").to_owned()
        };
        assert_eq!([nest(420), nest(99_999)], ["dtach", "dtach"]);
    }

    #[test]
    fn other_sessions_are_counted_by_permission_bits() {
        let sample = sample(310, &[TMUX, PANE]).expect("a session");
        assert_eq!(
            shown(&sample, "others"),
            "abduco:demo abduco:over+ screen:build* screen:gone! screen:pts-0.slate tmux:work* \
             xpra::177",
        );
        let counts = ["attached", "detached", "dead"]
            .map(|field| sample.get(field).and_then(Value::as_number).unwrap_or(0.0));
        assert_eq!(counts, [2.0, 2.0, 2.0]);
    }

    #[test]
    fn sockets_of_dtach_are_found_in_the_given_directories() {
        let options = "dtach-directories = ['~/.dtach']";
        let with = shown_with(options, 310, &[TMUX, PANE]).expect("a session");
        assert!(shown(&with, "others").contains("dtach:notes* dtach:work "));
        // Our own is not among the others.
        let own = shown_with(options, 420, &[]).expect("a session");
        assert!(shown(&own, "others").contains("dtach:notes* screen:"));
    }

    #[test]
    fn a_relative_directory_is_refused() {
        assert_eq!(refused(&SEGMENT, "dtach-directories = ['sockets']").key, "dtach-directories");
    }

    #[test]
    fn a_terminal_without_sessions_shows_nothing() {
        let mut source = open(&toml::Table::new()).expect("defaults are fine");
        assert_eq!(source.sample(&fixture("empty"), &Ask::default()).expect("no error"), None);
    }

    #[test]
    fn hostile_environments_are_cleaned_and_harmless() {
        let long = "x,".repeat(50_000);
        for value in ["", ",", ",,,", "\u{1b}]0;x\u{7}", ".", "/", "..", "-", "@", &long] {
            let env: Vec<_> = SEGMENT.env.iter().map(|name| (*name, value)).collect();
            for pid in [0, 100, 310, 520] {
                for (_, value) in sample(pid, &env).map(|s| s.values).unwrap_or_default() {
                    if let Value::Text(text) | Value::Live { known: text, .. } = value {
                        assert!(!text.reveal().chars().any(char::is_control));
                    }
                }
            }
        }
    }
}
