//! Commands that end within a limit.

use std::time::Duration;

use super::child::{Child, monotonic_now, start, take};
use super::{Call, MAX_COMPLAINT, MAX_OUTPUT, Output, Surroundings};
use crate::machine::{Error, Machine, World};

impl Machine {
    /// What `command` prints, if it ends well within `limit`. The first word is a path or looked up
    /// in the daemon's `PATH`. A command that is not there is `Ok(None)`.
    ///
    /// In a fixture the answer is the file `commands/WORDS`, all words with spaces between and `/`
    /// as `_`, else `commands/FIRST-WORD`.
    pub fn run(&self, command: &[&str], limit: Duration) -> Result<Option<Vec<u8>>, Error> {
        self.run_well(command, limit, &[0])
    }

    /// Like [`Machine::run`], for a command that tells something by its exit status: each of
    /// `fine` is a good end.
    pub fn run_well(
        &self,
        command: &[&str],
        limit: Duration,
        fine: &[i32],
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(program) = command.first() else { return Ok(None) };
        let task = Call { words: command, surroundings: Surroundings::Source, env: &[] };
        let Some(output) = self.perform(&task, limit)? else { return Ok(None) };
        match output.code {
            Some(code) if fine.contains(&code) => Ok(Some(output.printed)),
            _ => Err(Error::Other(format!("{program}: {}", output.reason()))),
        }
    }

    /// Runs a command to its end, however that is; past `limit` it is killed, which is an error. A
    /// command that is not there is `Ok(None)`.
    pub fn perform(&self, task: &Call, limit: Duration) -> Result<Option<Output>, Error> {
        let Some(program) = task.words.first() else { return Ok(None) };
        if let World::Fixture(_) = &self.world {
            let answer = self.fixture_answer(task.words);
            return Ok(answer.map(|printed| Output {
                printed,
                code: Some(0),
                ..Output::default()
            }));
        }
        let failed = |what: String| Error::Other(format!("{program}: {what}"));
        let Some(mut child) = start(task, self.in_worker).map_err(failed)? else { return Ok(None) };
        child.finish(limit, self.in_worker).map(Some).map_err(failed)
    }
}

impl Child {
    /// Everything it prints until it ends, which it must within the limit. A process of its own that
    /// holds its outputs longer is not waited for.
    fn finish(&mut self, limit: Duration, with_stdin: bool) -> Result<Output, String> {
        let deadline = monotonic_now() + limit;
        let (mut printed, mut complaint) = (Vec::new(), Vec::new());
        let mut ended = false;
        loop {
            let left = deadline.saturating_sub(monotonic_now());
            if left.is_zero() && !ended {
                return Err(format!("no end after {} ms", limit.as_millis()));
            }
            // Past the limit standard error is not read any more: the command blocks.
            let open = (true, complaint.len() <= MAX_OUTPUT);
            let left = if ended { Duration::ZERO } else { left };
            let ready = self.wait(open, with_stdin, Some(left))?;
            if ready.released {
                return Err("it was not needed any more".into());
            }
            if ready.out {
                take(&mut self.out, &mut printed).map_err(|error| error.to_string())?;
                if printed.len() > MAX_OUTPUT {
                    return Err(format!("more than {MAX_OUTPUT} bytes of output"));
                }
            }
            if ready.err {
                take(&mut self.err, &mut complaint).map_err(|error| error.to_string())?;
            }
            if ended && !ready.out && !ready.err {
                complaint.truncate(MAX_COMPLAINT);
                let complaint = String::from_utf8_lossy(&complaint).into_owned();
                return Ok(Output { printed, complaint, code: self.code()? });
            }
            ended |= ready.ended;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::machine_with;

    const LIMIT: Duration = Duration::from_secs(20);

    fn run(command: &[&str]) -> Result<Option<Vec<u8>>, String> {
        Machine::real().run(command, LIMIT).map_err(|error| error.to_string())
    }

    fn task<'a>(words: &'a [&'a str]) -> Call<'a> {
        Call { words, surroundings: Surroundings::User, env: &[("RAINLINE_TEST", "a b")] }
    }

    /// Whether a process of this number is there and not only waiting to be collected.
    fn lives(pid: &str) -> bool {
        let stat = Machine::real().read(format!("/proc/{}/stat", pid.trim()));
        stat.is_ok_and(|stat| !String::from_utf8_lossy(&stat).contains(") Z "))
    }

    #[test]
    fn words_are_words() {
        let printed =
            run(&["printf", "%s|", "$(id)", "a b"]).expect("it runs").expect("it is there");
        assert_eq!(String::from_utf8_lossy(&printed), "$(id)|a b|");
        assert_eq!(run(&["rainline-no-such-program"]), Ok(None));
    }

    #[test]
    fn failures_say_why() {
        let error = run(&["sh", "-c", "echo broken >&2; exit 3"]).expect_err("it fails");
        assert_eq!(error, "sh: broken (exit status 3)");
        let fine = Machine::real().run_well(&["sh", "-c", "echo 7; exit 3"], LIMIT, &[0, 3]);
        assert_eq!(fine.expect("a good end"), Some(b"7\n".to_vec()));
        let error = run(&["sh", "-c", "kill -9 $$"]).expect_err("it fails");
        assert_eq!(error, "sh: ended by a signal");
        let error = run(&["sh", "-c", "yes"]).expect_err("too much");
        assert!(error.contains("65536 bytes"), "{error}");
    }

    #[test]
    fn what_never_ends_is_ended_with_its_children() {
        let (dir, _) = machine_with(&[]);
        let pids = dir.path().join("pids");
        let script = format!("sleep 600 & echo $! > {}; sleep 600", pids.display());
        // On a busy machine a shell takes longer to begin.
        let mut limit = Duration::from_millis(400);
        let pid = loop {
            let error = Machine::real().run(&["sh", "-c", &script], limit).expect_err("too long");
            assert!(error.to_string().contains(&format!("{} ms", limit.as_millis())), "{error}");
            match Machine::real().read(&pids) {
                Ok(pid) if pid.ends_with(b"\n") => break pid,
                _ => limit *= 2,
            }
        };
        let pid = String::from_utf8_lossy(pid.trim_ascii_end()).into_owned();
        // The signal was sent when the error is returned, and arrives soon after.
        while lives(&pid) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn what_closes_its_outputs_and_goes_on_is_ended_at_the_limit_too() {
        let script = "exec >&- 2>&-; sleep 600";
        let error = Machine::real().run(&["sh", "-c", script], Duration::from_millis(200));
        assert!(error.expect_err("too long").to_string().contains("200 ms"));
    }

    #[test]
    fn a_child_that_holds_the_pipe_is_not_waited_for() {
        let printed = run(&["sh", "-c", "echo done; sleep 600 & exit 0"]);
        assert_eq!(printed, Ok(Some(b"done\n".to_vec())));
    }

    #[test]
    fn complaints_without_end_do_not_fill_the_memory() {
        let limit = Duration::from_millis(300);
        let error = Machine::real().run(&["sh", "-c", "yes >&2"], limit).expect_err("too long");
        assert!(error.to_string().contains("300 ms"), "{error}");
    }

    #[test]
    fn a_command_of_the_users_has_words_and_surroundings() {
        let words = ["sh", "-c", "echo \"$RAINLINE_TEST\" $1; exit 33", "", "x"];
        let output = Machine::real().perform(&task(&words), LIMIT).expect("it runs");
        let output = output.expect("it is there");
        assert_eq!((&*output.printed, output.code), (&b"a b x\n"[..], Some(33)));
    }

    #[test]
    fn a_fixture_answers_from_its_table() {
        let (_dir, machine) = machine_with(&[("commands/a b", "both"), ("commands/a", "one")]);
        let run = |command: &[&str]| machine.run(command, LIMIT).expect("it runs");
        assert_eq!(run(&["a", "b"]), Some(b"both".to_vec()));
        assert_eq!(run(&["a", "c"]), Some(b"one".to_vec()));
        assert_eq!(run(&["c"]), None);
    }
}
