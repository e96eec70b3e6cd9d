//! The door to other programs, for sources that run in a worker: what has no file to read.
//!
//! No shell is ever asked: a command is a list of words. It gets a process group of its own and no
//! input. [`Machine::run`] and [`Machine::perform`] give it a limit; [`Machine::follow`] stays with it.
//!
//! No command outlives its use. Its whole group is killed at the limit, at its end (what it left
//! behind would pile up) and when the one for whom it runs is gone: a worker is on a leash
//! ([`Machine::leashed`]), and when it is killed itself the daemon ends everything of its session. What
//! leaves that session on purpose is a daemon and no business of ours.

use std::ffi::OsString;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use super::{Machine, World};
use crate::base::contract::Error;

/// The most bytes that are taken of what a command prints; a longer output is an error, and so is a
/// longer line of one that is followed.
pub const MAX_OUTPUT: usize = 64 * 1024;
/// The most bytes that are kept of its complaints.
const MAX_COMPLAINT: usize = 1024;
/// One that is followed is heard no more often than this, and [`MAX_OUTPUT`] bytes at a time:
/// whoever prints more is kept waiting by its own pipe.
const SLOT: Duration = Duration::from_millis(100);
/// When one that has not said anything yet is told to have said nothing.
const FIRST: Duration = Duration::from_millis(300);
/// How often we look after a command where the kernel has no word for its end.
const LOOK: Duration = Duration::from_millis(20);

/// A command and what it runs in.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The program, a path or looked up in the daemon's `PATH`, and its arguments.
    pub words: &'a [&'a str],
    pub surroundings: Surroundings,
    /// Set besides what the daemon has.
    pub env: &'a [(&'a str, &'a str)],
}

/// Whose command it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surroundings {
    /// A source's own: it starts in `/` and speaks English.
    Source,
    /// One of the user's config: it starts at home and speaks the user's language. `~/` at the
    /// front of its first word is the home.
    User,
}

/// What came of a command that ended in time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    pub printed: Vec<u8>,
    /// The start of its standard error.
    pub complaint: String,
    /// Its exit status; `None`: a signal ended it.
    pub code: Option<i32>,
}

impl Output {
    /// What to say about a command that failed: its own first words, if it has any.
    pub fn reason(&self) -> String {
        let how = match self.code {
            Some(code) => format!("exit status {code}"),
            None => "ended by a signal".to_owned(),
        };
        match self.complaint.lines().map(str::trim).find(|line| !line.is_empty()) {
            Some(line) => format!("{line} ({how})"),
            None => how,
        }
    }
}

impl Machine {
    /// Commands end when standard input does: that of a worker is held by the daemon.
    pub fn leashed(mut self) -> Machine {
        self.leash = true;
        self
    }

    /// What `command` prints, if it ends well within `limit`. The first word is a path or looked up
    /// in the daemon's `PATH`. A command that is not there is `Ok(None)`.
    ///
    /// In a fixture the answer is the file `commands/WORDS`, all words with spaces between and `/`
    /// as `_`, else `commands/FIRST-WORD`.
    pub fn run(&self, command: &[&str], limit: Duration) -> Result<Option<Vec<u8>>, Error> {
        self.run_well(command, limit, &[0])
    }

    /// Like [`Machine::run`], for a command that says something with its exit status: all of `fine`
    /// are good ends.
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
            let answer = self.told(task.words);
            return Ok(answer.map(|printed| Output {
                printed,
                code: Some(0),
                ..Output::default()
            }));
        }
        let failed = |what: String| Error::Other(format!("{program}: {what}"));
        let Some(mut running) = start(task).map_err(failed)? else { return Ok(None) };
        running.finish(limit, self.leash).map(Some).map_err(failed)
    }

    /// Stays with a command that goes on, and hands over what it prints: whole lines, many at once
    /// if they came at once, ten times a second at most; a last line may lack its newline. With a
    /// `beat` it is also told that it heard nothing, by no bytes at all: soon after the start, then
    /// whenever nothing came for so long. Ends well when `heard` says `false`, the leash is let go
    /// or the command ends well.
    ///
    /// In a fixture the answer is that of [`Machine::run`], again at each beat; without a leash it ends
    /// after the first.
    pub fn follow(
        &self,
        task: &Call,
        beat: Option<Duration>,
        heard: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<(), Error> {
        let Some(program) = task.words.first() else { return Ok(()) };
        let failed = |what: String| Error::Other(format!("{program}: {what}"));
        if let World::Fixture(_) = &self.world {
            let answer = self.told(task.words).ok_or_else(|| failed("not found".into()))?;
            let mut wanted = heard(&answer);
            while wanted && self.rest(beat) {
                wanted = heard(&self.told(task.words).unwrap_or_default());
            }
            return Ok(());
        }
        let running = start(task).map_err(failed)?;
        let mut running = running.ok_or_else(|| failed("not found".into()))?;
        running.attend(self.leash, beat, heard).map_err(failed)
    }

    /// Waits for so long, or until the leash is let go: then, and where there is no leash, there is
    /// nobody to go on for, and it says `false`. For a source that is followed.
    pub fn rest(&self, pause: Option<Duration>) -> bool {
        let until = pause.map(|pause| now() + pause);
        if !self.leash {
            return false;
        }
        loop {
            let left = until.map(|until| until.saturating_sub(now()));
            if left.is_some_and(|left| left.is_zero()) {
                return true;
            }
            // Asked for nothing it tells only that the other side is gone.
            let stdin = rustix::stdio::stdin();
            let mut fds = [PollFd::from_borrowed_fd(stdin, PollFlags::empty())];
            let _ = poll(&mut fds, left.map(timespec).as_ref());
            if !fds[0].revents().is_empty() {
                return false;
            }
        }
    }

    /// Whether there is such a program: a path, or found in the daemon's `PATH`. In a fixture it is
    /// there if `commands/` knows it by its name alone.
    pub fn has_program(&self, name: &str) -> bool {
        use rustix::fs::{Access, access};
        if let World::Fixture(_) = &self.world {
            return self.lstat(format!("/commands/{}", name.replace('/', "_"))).is_ok();
        }
        #[allow(clippy::disallowed_methods, reason = "the daemon's own, of one user")]
        let dirs = std::env::var_os("PATH").unwrap_or_default();
        let runs = |path: &Path| access(path, Access::EXEC_OK).is_ok() && path.is_file();
        if name.contains('/') {
            return runs(Path::new(name));
        }
        std::env::split_paths(&dirs).any(|dir| runs(&dir.join(name)))
    }

    /// What the fixture's table answers.
    fn told(&self, words: &[&str]) -> Option<Vec<u8>> {
        let whole = words.join(" ").replace('/', "_");
        let first = words.first()?.replace('/', "_");
        let named = |name: &str| self.read(format!("/commands/{name}")).ok();
        named(&whole).or_else(|| named(&first))
    }
}

/// Starts a command; `None` where there is no such program.
fn start(task: &Call) -> Result<Option<Running>, String> {
    let Some((program, arguments)) = task.words.split_first() else { return Ok(None) };
    #[allow(clippy::disallowed_methods, reason = "the daemon's own home, of one user")]
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    let mut program = OsString::from(program);
    let mut place = OsString::from("/");
    if task.surroundings == Surroundings::User
        && let Some(home) = home
    {
        if let Some(rest) = task.words[0].strip_prefix("~/") {
            program = home.clone();
            program.push("/");
            program.push(rest);
        }
        if Path::new(&home).is_dir() {
            place = home;
        }
    }
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    let mut command = Command::new(program);
    if task.surroundings == Surroundings::Source {
        command.env("LC_ALL", "C.UTF-8");
    }
    command
        .args(arguments)
        .envs(task.env.iter().copied())
        .current_dir(place)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    match command.spawn() {
        Ok(child) => Ok(Some(Running::of(child))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// A command whose group does not outlive us.
struct Running {
    child: Child,
    out: Option<ChildStdout>,
    err: Option<ChildStderr>,
    /// Readable once the command has ended.
    end: Option<OwnedFd>,
    /// Whether it has ended and its group with it.
    over: bool,
}

/// What there is to do after a wait.
#[derive(Default)]
struct Ready {
    out: bool,
    err: bool,
    ended: bool,
    released: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end_group();
        let _ = self.child.wait();
    }
}

impl Running {
    fn of(mut child: Child) -> Running {
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let end = end_of(&child);
        Running { child, out, err, end, over: false }
    }

    /// Kills whatever is left of the group. Only before the command is waited for: until then its
    /// number is nobody else's.
    fn end_group(&mut self) {
        if !std::mem::replace(&mut self.over, true)
            && let Some(group) = Pid::from_raw(self.child.id() as i32)
        {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// How it ended, once it has.
    fn code(&mut self) -> Result<Option<i32>, String> {
        self.end_group();
        let status = self.child.wait().map_err(|error| error.to_string())?;
        Ok(status.code().filter(|_| status.signal().is_none()))
    }

    /// Waits until something is to be done, `most` at the longest. Outputs that are not `open` are
    /// left alone.
    fn wait(
        &mut self,
        open: (bool, bool),
        leash: bool,
        most: Option<Duration>,
    ) -> Result<Ready, String> {
        let most = match (self.end.is_some(), most) {
            (true, most) => most,
            // No descriptor tells of the end.
            (false, most) => Some(most.map_or(LOOK, |most| most.min(LOOK))),
        };
        let stdin = rustix::stdio::stdin();
        let out = self.out.as_ref().filter(|_| open.0).map(AsFd::as_fd);
        let err = self.err.as_ref().filter(|_| open.1).map(AsFd::as_fd);
        let places: [(Option<BorrowedFd>, PollFlags); 4] = [
            (out, PollFlags::IN),
            (err, PollFlags::IN),
            (self.end.as_ref().map(AsFd::as_fd), PollFlags::IN),
            // Asked for nothing it tells only that the other side is gone.
            (leash.then_some(stdin), PollFlags::empty()),
        ];
        let mut fds = Vec::with_capacity(4);
        let mut at = [None; 4];
        for (index, (fd, flags)) in places.into_iter().enumerate() {
            if let Some(fd) = fd {
                at[index] = Some(fds.len());
                fds.push(PollFd::from_borrowed_fd(fd, flags));
            }
        }
        match poll(&mut fds, most.map(timespec).as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.to_string()),
        }
        let [out, err, ended, released] =
            at.map(|at| at.is_some_and(|at| !fds[at].revents().is_empty()));
        let ended = match self.end {
            Some(_) => ended,
            None => !matches!(self.child.try_wait(), Ok(None)),
        };
        Ok(Ready { out, err, ended, released })
    }

    /// Everything it prints until it ends, which it must within the limit. Who still holds its
    /// outputs then is not waited for.
    fn finish(&mut self, limit: Duration, leash: bool) -> Result<Output, String> {
        let deadline = now() + limit;
        let (mut printed, mut complaint) = (Vec::new(), Vec::new());
        let mut ended = false;
        loop {
            let left = deadline.saturating_sub(now());
            if left.is_zero() && !ended {
                return Err(format!("no end after {} ms", limit.as_millis()));
            }
            // Complaints without end: it is left to wait for us in vain.
            let open = (true, complaint.len() <= MAX_OUTPUT);
            let left = if ended { Duration::ZERO } else { left };
            let ready = self.wait(open, leash, Some(left))?;
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

    /// Hands over its lines until it ends or somebody does not want it any more.
    fn attend(
        &mut self,
        leash: bool,
        beat: Option<Duration>,
        heard: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<(), String> {
        let (mut held, mut complaint) = (Vec::new(), Vec::new());
        // Until when it may say nothing before that is told.
        let mut silent = beat.map(|beat| now() + beat.min(FIRST));
        // When the next lines may be handed over.
        let mut next = Duration::ZERO;
        // How much was read in this slot, and when it is over.
        let (mut read, mut slot) = (0, Duration::ZERO);
        let mut ended = false;
        loop {
            let at = now();
            let lines = held.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            if lines > 0 && at >= next {
                let told: Vec<u8> = held.drain(..lines).collect();
                if !heard(&told) {
                    return Ok(());
                }
                next = now() + SLOT;
                silent = beat.map(|beat| now() + beat);
                continue;
            }
            if lines == 0 && silent.is_some_and(|until| at >= until) {
                if !heard(&[]) {
                    return Ok(());
                }
                silent = beat.map(|beat| now() + beat);
                continue;
            }
            if lines == 0 && held.len() > MAX_OUTPUT {
                return Err(format!("a line of more than {MAX_OUTPUT} bytes"));
            }
            if at >= slot {
                (read, slot) = (0, at + SLOT);
            }
            let open = read < MAX_OUTPUT && held.len() <= 2 * MAX_OUTPUT;
            let most = match (ended, lines > 0, open) {
                (true, ..) => Some(Duration::ZERO),
                (false, true, _) => Some(next.saturating_sub(at)),
                (false, false, false) => Some(slot.saturating_sub(at)),
                (false, false, true) => silent.map(|until| until.saturating_sub(at)),
            };
            let ready = self.wait((open, open), leash, most)?;
            if ready.released {
                return Ok(());
            }
            if ready.out {
                read += take(&mut self.out, &mut held).map_err(|error| error.to_string())?;
            }
            if ready.err {
                read += take(&mut self.err, &mut complaint).map_err(|error| error.to_string())?;
                // The last words count.
                let long = complaint.len().saturating_sub(MAX_COMPLAINT);
                complaint.drain(..long);
            }
            if ended && !ready.out && !ready.err {
                if !held.is_empty() && !heard(&held) {
                    return Ok(());
                }
                let complaint = String::from_utf8_lossy(&complaint).into_owned();
                let last = complaint.lines().rev().find(|line| !line.trim().is_empty());
                let complaint = last.unwrap_or_default().to_owned();
                let output = Output { printed: Vec::new(), complaint, code: self.code()? };
                return if output.code == Some(0) { Ok(()) } else { Err(output.reason()) };
            }
            ended |= ready.ended;
        }
    }
}

/// Reads what is there, and closes the pipe at its end; how many bytes there were.
fn take(pipe: &mut Option<impl Read>, into: &mut Vec<u8>) -> std::io::Result<usize> {
    let mut buffer = [0; 4096];
    let count = pipe.as_mut().map_or(Ok(0), |pipe| pipe.read(&mut buffer))?;
    into.extend_from_slice(&buffer[..count]);
    if count == 0 {
        *pipe = None;
    }
    Ok(count)
}

/// A descriptor that tells of a child's end, where the kernel has one (Linux 5.3).
#[cfg(target_os = "linux")]
fn end_of(child: &Child) -> Option<OwnedFd> {
    let pid = Pid::from_raw(child.id() as i32)?;
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn end_of(_: &Child) -> Option<OwnedFd> {
    None
}

/// A clock that only goes forward.
fn now() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::new(now.tv_sec.max(0) as u64, now.tv_nsec.clamp(0, 999_999_999) as u32)
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: duration.as_secs().min(1 << 31) as i64,
        tv_nsec: i64::from(duration.subsec_nanos()),
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
        let error = Machine::real().run(&["sh", "-c", &script], Duration::from_millis(400));
        assert!(error.expect_err("too long").to_string().contains("400 ms"));
        let pid = Machine::real().read(&pids).expect("it was started");
        let pid = String::from_utf8_lossy(&pid).into_owned();
        // A kill is on its way when we are told; that it arrives is the kernel's word.
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
    fn one_that_is_followed_is_heard_line_by_line_and_let_go() {
        let words = ["sh", "-c", "echo one; sleep 0.3; echo two; printf three; sleep 600"];
        let mut heard = Vec::new();
        let done = Machine::real().follow(&task(&words), None, &mut |lines| {
            heard.push(String::from_utf8_lossy(lines).into_owned());
            heard.len() < 2
        });
        assert!(done.is_ok());
        assert_eq!(heard, ["one\n", "two\n"]);
    }

    #[test]
    fn the_last_line_needs_no_newline_and_the_last_words_are_the_reason() {
        let mut heard = Vec::new();
        let mut follow = |script: &str| {
            Machine::real().follow(&task(&["sh", "-c", script]), None, &mut |lines| {
                heard.extend_from_slice(lines);
                true
            })
        };
        assert!(follow("printf last").is_ok());
        let error = follow("echo first >&2; echo gone >&2; exit 4").expect_err("it fails");
        assert_eq!(error.to_string(), "sh: gone (exit status 4)");
        let error = follow("tr '\\0' x < /dev/zero").expect_err("no newline ever");
        assert!(error.to_string().contains("a line of more than"), "{error}");
        assert_eq!(heard, b"last");
    }

    #[test]
    fn who_says_nothing_is_heard_saying_nothing() {
        let (mut heard, beat) = (Vec::new(), Some(Duration::from_millis(10)));
        let words = ["sh", "-c", "read x < \"$0\"; echo one; exec sleep 600"];
        let (dir, _) = machine_with(&[]);
        let fifo = dir.path().join("fifo");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0)
            .expect("a FIFO");
        let fifo = fifo.to_string_lossy().into_owned();
        let words = [&words[..], &[&*fifo]].concat();
        let done = Machine::real().follow(&task(&words), beat, &mut |lines| {
            if heard.len() == 1 {
                #[allow(clippy::disallowed_methods, reason = "a test lets its command go on")]
                std::fs::write(&fifo, "go\n").expect("somebody reads");
            }
            heard.push(String::from_utf8_lossy(lines).into_owned());
            // Silence, the line, and silence again.
            !heard.windows(2).any(|pair| pair == ["one\n", ""])
        });
        assert!(done.is_ok());
        assert_eq!((&*heard[0], heard.iter().filter(|said| *said == "one\n").count()), ("", 1));
    }

    #[test]
    fn a_program_is_there_if_it_can_be_run() {
        assert!(["sh", "/bin/sh"].map(|name| Machine::real().has_program(name)) == [true, true]);
        for name in ["rainline-no-such-program", "/etc/passwd", "/etc", ""] {
            assert!(!Machine::real().has_program(name), "{name:?}");
        }
    }

    #[test]
    fn a_flood_is_taken_in_spoonfuls() {
        let (mut times, mut bytes) = (0, 0);
        let done = Machine::real().follow(&task(&["yes"]), None, &mut |lines| {
            (times, bytes) = (times + 1, bytes + lines.len());
            times < 4
        });
        assert!(done.is_ok());
        assert!(bytes <= times * (MAX_OUTPUT + 8192), "{bytes} bytes in {times} slots");
    }

    #[test]
    fn a_fixture_answers_from_its_table() {
        let (_dir, machine) = machine_with(&[("commands/a b", "both"), ("commands/a", "one")]);
        let run = |command: &[&str]| machine.run(command, LIMIT).expect("it runs");
        assert_eq!(run(&["a", "b"]), Some(b"both".to_vec()));
        assert_eq!(run(&["a", "c"]), Some(b"one".to_vec()));
        assert_eq!(run(&["c"]), None);
        let mut heard = Vec::new();
        let done = machine.follow(&task(&["a", "b"]), None, &mut |lines| {
            heard.extend_from_slice(lines);
            true
        });
        assert!(done.is_ok() && heard == b"both");
        assert!(machine.follow(&task(&["c"]), None, &mut |_| true).is_err());
        assert!(machine.has_program("a") && !machine.has_program("c"));
    }
}
