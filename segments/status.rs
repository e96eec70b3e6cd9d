//! The exit status of the last command, of each command of its pipe, and what the number means; as
//! the shell reports it.
//!
//! A pipe counts as failed only if its last command failed, as in the shell: a `head` that has read
//! enough ends the command before it by SIGPIPE every day. `hide-when = "all-ok"` shows those
//! failures, too.

use rustix::process::Signal;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, choice, options,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

choice! {
    /// When it is hidden.
    HideWhen { Never = "never", Ok = "ok", AllOk = "all-ok" }
}

options! {
    /// `ok`: hidden if the last command succeeded; `all-ok`: hidden only if each command of its
    /// pipe did.
    hide_when: HideWhen = HideWhen::Ok,
    /// Separator between the statuses of a pipe.
    join: String = "|",
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "status",
    about: "The exit status of the last command, if it failed.",
    icons: Icons { nerd: "\u{f00d}", unicode: "✘", ascii: "x" },
    format: " ($icon )$text( $meaning) ",
    fields: &[
        Field::new("text", "the status, or the statuses of the pipe", Unit::Text),
        Field::new("code", "the status of the last command", Unit::Count),
        Field::new("pipe", "the statuses of the pipe, in order", Unit::Text),
        Field::new("signal", "the signal that ended the command: `SIGINT`", Unit::Text),
        Field::new("meaning", "the signal, or the meaning of 126 and 127", Unit::Text),
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
        let hidden = match self.options.hide_when {
            HideWhen::Never => false,
            HideWhen::Ok => status == 0,
            HideWhen::AllOk => level == Level::Good,
        };
        if hidden {
            return Ok(None);
        }
        let mut sample = Sample::new(level);
        if earlier {
            let each: Vec<_> = pipe.iter().map(i32::to_string).collect();
            let joined = Value::text(each.join(&self.options.join));
            sample = sample.with("text", joined.clone()).with("pipe", joined);
        } else {
            sample = sample.with("text", Value::text(status.to_string()));
        }
        // Statuses of Windows programs are negative; they are shown as unsigned 32-bit numbers.
        sample = sample.with("code", Value::number(f64::from(status.cast_unsigned())));
        let signal = signal(status);
        sample = sample.with_some("signal", signal.map(Value::text));
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

/// The name of the signal for a shell's status of 128 and its number.
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
    use crate::base::test_support::sample_for;
    use crate::machine::fixture;

    fn sample(options: &str, status: Option<i32>, pipestatus: &[i32]) -> Option<Sample> {
        let ask = Ask { status, pipestatus: pipestatus.to_vec(), ..Ask::default() };
        sample_for(&SEGMENT, options, &fixture("empty"), &ask)
    }

    fn text(status: i32, pipestatus: &[i32], field: &str) -> String {
        match sample("", Some(status), pipestatus).expect("a failure").get(field) {
            Some(Value::Text(text)) => text.reveal().to_owned(),
            _ => String::new(),
        }
    }

    #[test]
    fn a_failure_is_critical_and_a_success_hidden() {
        let failed = sample("", Some(1), &[1]).expect("a failure");
        assert_eq!((failed.level, failed.get("text")), (Level::Critical, Some(&Value::text("1"))));
        assert_eq!(sample("", Some(0), &[0]), None);
        assert_eq!(sample("", None, &[]), None);
        assert_eq!(
            sample("hide-when = \"never\"", Some(0), &[]).expect("shown").level,
            Level::Good
        );
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
    fn an_earlier_failure_in_a_pipe_can_be_shown() {
        assert_eq!(sample("", Some(0), &[141, 0]), None);
        let shown = sample("hide-when = \"all-ok\"", Some(0), &[141, 0]).expect("shown");
        assert_eq!((shown.level, shown.get("pipe")), (Level::Warning, Some(&Value::text("141|0"))));
        assert_eq!(sample("hide-when = \"all-ok\"", Some(0), &[0, 0]), None);
    }

    #[test]
    fn an_absurd_status_is_shown_as_a_number() {
        let sample = sample("", Some(-1_073_741_510), &[]).expect("a failure");
        assert_eq!(sample.get("text"), Some(&Value::text("-1073741510")));
        assert_eq!(sample.get("code"), Some(&Value::number(f64::from(0xC000_013A_u32))));
    }
}
