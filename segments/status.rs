//! How the last command ended: its exit status, those of its pipe, and what the number means.
//!
//! A pipe whose last command went well went well, as the shell sees it; a `head` that has seen
//! enough ends what it reads from with SIGPIPE every day. So only `pipe-failures` asks for those.

use rustix::process::Signal;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, options,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

options! {
    /// Show it after a success, too.
    success: bool = false,
    /// Show it where an earlier command of a pipe failed and the last did not.
    pipe_failures: bool = false,
    /// What stands between the statuses of a pipe.
    join: String = "|",
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "status",
    about: "How the last command ended, if it failed.",
    icons: Icons { nerd: "\u{f00d}", unicode: "✘", ascii: "x" },
    format: " ($icon )$text( $meaning) ",
    fields: &[
        Field::new("text", "the status, or those of the pipe", Unit::Text),
        Field::new("code", "the status alone", Unit::Count),
        Field::new("pipe", "the statuses of a pipe, in its order", Unit::Text),
        Field::new("signal", "the signal that ended it: `SIGINT`", Unit::Text),
        Field::new("meaning", "the signal, or what 126 and 127 say of the command", Unit::Text),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Client,
    runs_in: RunsIn::Daemon,
    pace: Pace::Ask,
    priority: 92,
    open,
};

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Status { options: Options::read(table)? }))
}

struct Status {
    options: Options,
}

impl Source for Status {
    fn sample(&mut self, _: &Machine, ask: &Ask) -> Result<Option<Sample>, Error> {
        let Some(status) = ask.status else { return Ok(None) };
        let pipe = if ask.pipestatus.len() > 1 { &*ask.pipestatus } else { &[] };
        let earlier = pipe.iter().any(|status| *status != 0);
        let level = match (status, earlier) {
            (0, false) => Level::Good,
            (0, true) => Level::Warning,
            _ => Level::Critical,
        };
        let shown = match level {
            Level::Critical => true,
            Level::Warning => self.options.pipe_failures || self.options.success,
            _ => self.options.success,
        };
        if !shown {
            return Ok(None);
        }
        let mut sample = Sample::new(level);
        let alone = status.to_string();
        if earlier {
            let each: Vec<_> = pipe.iter().map(i32::to_string).collect();
            let joined = Value::text(each.join(&self.options.join));
            sample = sample.with("text", joined.clone()).with("pipe", joined);
        } else {
            sample = sample.with("text", Value::text(alone));
        }
        // Windows' statuses are negative, written as 32 bits without a sign.
        sample = sample.with("code", Value::number(f64::from(status.cast_unsigned())));
        let signal = signal(status);
        if let Some(signal) = signal {
            sample = sample.with("signal", Value::text(signal));
        }
        let meaning = match status {
            126 => Some("not executable"),
            127 => Some("not found"),
            _ => signal,
        };
        Ok(Some(match meaning {
            Some(meaning) => sample.with("meaning", Value::text(meaning)),
            None => sample,
        }))
    }
}

/// The name of the signal that a shell's status stands for: 128 and its number.
fn signal(status: i32) -> Option<&'static str> {
    const NAMES: [(Signal, &str); 24] = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL"),
        (Signal::USR1, "SIGUSR1"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::USR2, "SIGUSR2"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::ALARM, "SIGALRM"),
        (Signal::TERM, "SIGTERM"),
        (Signal::CHILD, "SIGCHLD"),
        (Signal::CONT, "SIGCONT"),
        (Signal::STOP, "SIGSTOP"),
        (Signal::TSTP, "SIGTSTP"),
        (Signal::TTIN, "SIGTTIN"),
        (Signal::TTOU, "SIGTTOU"),
        (Signal::XCPU, "SIGXCPU"),
        (Signal::XFSZ, "SIGXFSZ"),
        (Signal::SYS, "SIGSYS"),
    ];
    let number = status.checked_sub(128)?;
    NAMES.iter().find(|(signal, _)| signal.as_raw() == number).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fixture;

    fn sample(options: &str, status: Option<i32>, pipestatus: &[i32]) -> Option<Sample> {
        let mut source = open(&options.parse().expect("TOML")).expect("good options");
        let ask = Ask { status, pipestatus: pipestatus.to_vec(), ..Ask::default() };
        source.sample(&fixture("empty"), &ask).expect("no error")
    }

    fn text(status: i32, pipestatus: &[i32], field: &str) -> String {
        match sample("", Some(status), pipestatus).expect("a failure").get(field) {
            Some(Value::Text(text)) => text.reveal().to_owned(),
            _ => String::new(),
        }
    }

    #[test]
    fn a_failure_is_critical_and_a_success_is_quiet() {
        let failed = sample("", Some(1), &[1]).expect("a failure");
        assert_eq!((failed.level, failed.get("text")), (Level::Critical, Some(&Value::text("1"))));
        assert_eq!(sample("", Some(0), &[0]), None);
        assert_eq!(sample("", None, &[]), None);
        assert_eq!(sample("success = true", Some(0), &[]).expect("shown").level, Level::Good);
    }

    #[test]
    fn signals_have_their_names() {
        let named = |status| text(status, &[], "meaning");
        assert_eq!([130, 137, 139, 143].map(named), ["SIGINT", "SIGKILL", "SIGSEGV", "SIGTERM"]);
        assert_eq!([126, 127].map(named), ["not executable", "not found"]);
        assert_eq!([1, 128, 255, 192, i32::MIN].map(named), [""; 5]);
    }

    #[test]
    fn a_pipe_shows_each_of_its_commands() {
        assert_eq!(text(141, &[0, 1, 141], "text"), "0|1|141");
        assert_eq!(text(1, &[1], "text"), "1");
        // Negated, and without a failure in it.
        assert_eq!(text(1, &[0, 0], "text"), "1");
    }

    #[test]
    fn a_failure_early_in_a_pipe_is_shown_to_those_who_ask() {
        assert_eq!(sample("", Some(0), &[141, 0]), None);
        let shown = sample("pipe-failures = true", Some(0), &[141, 0]).expect("shown");
        assert_eq!((shown.level, shown.get("pipe")), (Level::Warning, Some(&Value::text("141|0"))));
        assert_eq!(sample("pipe-failures = true", Some(0), &[0, 0]), None);
    }

    #[test]
    fn an_absurd_status_is_a_number_all_the_same() {
        let sample = sample("", Some(-1_073_741_510), &[]).expect("a failure");
        assert_eq!(sample.get("text"), Some(&Value::text("-1073741510")));
        assert_eq!(sample.get("code"), Some(&Value::number(f64::from(0xC000_013A_u32))));
    }
}
