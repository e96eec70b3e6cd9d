//! How long a prompt takes, from Enter to the last byte of it, in a real terminal; how much processor
//! time that is, and how many processes.
//!
//! What counts is by how much a prompt is later than the plain one of the same turn: both met the
//! same busy moment. Of these differences the median is shown, and the quarters around it say how far
//! to trust it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::Options;
use crate::peers::{PROMPTS, Prompt};
use crate::support::{House, childrens_cpu, cpu_of_all, has, quantile};

/// A prompt that has written nothing for so long has written all.
const SILENCE: Duration = Duration::from_millis(60);

pub fn run(options: &Options) {
    let powerline = House::new("");
    let mut helper = powerline.command("powerline-daemon");
    let helper = helper.arg("--foreground").stdout(Stdio::null()).spawn();
    println!("### A prompt, {} times in turns, from Enter to its last byte\n", options.rounds);
    println!(
        "More than plain: the median of the differences in a turn, and its quarters. Processor: of the\n\
         shell, its children and Rainline's daemon.\n"
    );
    println!(
        "| shell | prompt | an empty directory, ms | more than plain | processor, ms | a small repository, ms | more than plain | processor, ms | processes |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for shell in ["bash", "zsh", "fish"] {
        if !has(shell) {
            println!("| {shell} | not installed: skipped | | | | | | | |");
            continue;
        }
        measure(shell, options.rounds);
    }
    println!();
    if let Ok(mut helper) = helper {
        let _ = helper.kill();
        let _ = helper.wait();
    }
}

fn measure(shell: &str, rounds: usize) {
    let of_shell = PROMPTS.iter().filter(|prompt| prompt.shell == shell);
    let (there, missing): (Vec<_>, Vec<_>) = of_shell.partition(|prompt| prompt.is_there());
    let places = ["empty", "repository"];
    let mut taken: BTreeMap<(&str, &str), Taken> = BTreeMap::new();
    for place in places {
        let mut shells: Vec<(&Prompt, Shell, Taken)> = there
            .iter()
            .map(|prompt| (*prompt, Shell::start(prompt, place, false), Taken::default()))
            .collect();
        for (_, shell, taken) in &mut shells {
            shell.warm(5);
            taken.cpu = -shell.cpu();
        }
        for _ in 0..rounds {
            for (_, shell, taken) in &mut shells {
                taken.times.push(shell.enter().as_secs_f64() * 1e3);
            }
            shells.rotate_left(1);
        }
        for (prompt, shell, mut of_prompt) in shells {
            of_prompt.cpu = (of_prompt.cpu + shell.cpu()) / rounds.max(1) as f64;
            taken.insert((place, prompt.name), of_prompt);
        }
    }
    for prompt in &there {
        print!("| {shell} | {} |", prompt.name);
        for place in places {
            let [plain, own] = ["plain", prompt.name].map(|name| &taken[&(place, name)]);
            let mut more: Vec<f64> =
                own.times.iter().zip(&plain.times).map(|(own, plain)| own - plain).collect();
            let [first, middle, third] = [0.25, 0.5, 0.75].map(|part| quantile(&mut more, part));
            let median = quantile(&mut own.times.clone(), 0.5);
            print!(" {median:.2} | {middle:+.2} ({first:+.2} … {third:+.2}) | {:.2} |", own.cpu);
        }
        println!(" {} |", processes(prompt));
    }
    for prompt in missing {
        println!("| {shell} | {}: not installed, skipped | | | | | | | |", prompt.name);
    }
}

/// What the prompts of one shell took.
#[derive(Default)]
struct Taken {
    /// Of each, in milliseconds, in the order of the turns.
    times: Vec<f64>,
    /// Milliseconds of processor time a prompt.
    cpu: f64,
}

/// How many processes a prompt costs, counted in a pid namespace of its own with a daemon in it.
fn processes(prompt: &Prompt) -> String {
    const PROMPTS: u32 = 10;
    let allowed = Command::new("unshare").args(["-r", "-p", "-f", "--mount-proc", "true"]).status();
    if !allowed.is_ok_and(|status| status.success()) {
        return "not allowed here".into();
    }
    let mut shell = Shell::start(prompt, "repository", true);
    shell.warm(5);
    let before = shell.last_process();
    shell.warm(PROMPTS);
    match (before, shell.last_process()) {
        // The word that asks makes one prompt more.
        (Some(before), Some(after)) => {
            format!("{:.1}", f64::from(after.saturating_sub(before)) / f64::from(PROMPTS + 1))
        }
        _ => "?".into(),
    }
}

/// An interactive shell in a terminal.
struct Shell {
    master: OwnedFd,
    child: Child,
    _house: House,
    daemon: u32,
}

impl Shell {
    fn start(prompt: &Prompt, place: &str, alone: bool) -> Shell {
        let house = House::new("");
        let root = house.home();
        let lines = prompt.lines.replace("RAINLINE", &house.program.display().to_string());
        let folder = root.join("fish");
        std::fs::create_dir_all(&folder).expect("a directory");
        let file = match prompt.shell {
            "fish" => folder.join("config.fish"),
            "zsh" => root.join(".zshrc"),
            _ => root.join("rc"),
        };
        std::fs::write(&file, format!("{lines}\n")).expect("written");
        let directory = root.join(place);
        std::fs::create_dir_all(&directory).expect("a directory");
        if place == "repository" {
            repository(&house, &directory);
        }
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a pty");
        grantpt(&master).expect("a pty");
        unlockpt(&master).expect("a pty");
        let size = Winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).expect("a size");
        let name = ptsname(&master, Vec::new()).expect("a pty's name");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = open(OsStr::from_bytes(name.as_bytes()), flags, Mode::empty());
        let slave = slave.expect("the other end");
        let stdio = || Stdio::from(slave.try_clone().expect("a descriptor"));
        let mut command = house.command("setsid");
        command.arg("--ctty");
        if alone {
            command.args(["unshare", "-r", "-p", "-f", "--mount-proc", "--kill-child"]);
            command.env("RAINLINE_RUNTIME_DIR", root.join("alone"));
        }
        match prompt.shell {
            "bash" => command.args(["bash", "--noprofile", "--rcfile"]).arg(&file).arg("-i"),
            other => command.args([other, "-i"]),
        };
        command.env("XDG_CONFIG_HOME", &root).env("ZDOTDIR", &root).env("USER", "user");
        command.current_dir(directory).stdin(stdio()).stdout(stdio()).stderr(stdio());
        let child = command.spawn().expect("it runs");
        let daemon = house.daemon();
        let mut shell = Shell { master, child, _house: house, daemon };
        shell.listen(Duration::from_secs(3), &mut |_| ());
        shell
    }

    /// Takes what is written until nothing comes for a while; when the last byte came. At least the
    /// first one is waited for.
    fn listen(&mut self, first: Duration, take: &mut dyn FnMut(&[u8])) -> Option<Instant> {
        let mut last = None;
        loop {
            let timeout = if last.is_none() { first } else { SILENCE };
            let timeout = Timespec::try_from(timeout).expect("a short time");
            let mut fds = [PollFd::new(&self.master, PollFlags::IN)];
            if !matches!(poll(&mut fds, Some(&timeout)), Ok(1..)) {
                return last;
            }
            let mut chunk = [0; 4096];
            match rustix::io::read(&self.master, &mut chunk) {
                Ok(count) if count > 0 => {
                    last = Some(Instant::now());
                    take(&chunk[..count]);
                }
                _ => return last,
            }
        }
    }

    /// One empty command.
    fn enter(&mut self) -> Duration {
        let start = Instant::now();
        let _ = rustix::io::write(&self.master, b"\r");
        let last = self.listen(Duration::from_secs(5), &mut |_| ());
        last.map_or(Duration::MAX, |last| last - start)
    }

    /// Milliseconds that the shell, what it started and the daemon it asks have used up so far.
    fn cpu(&self) -> f64 {
        let shell = self.child.id();
        (cpu_of_all(shell) + childrens_cpu(shell) + cpu_of_all(self.daemon)) as f64 / 1e6
    }

    fn warm(&mut self, prompts: u32) {
        for _ in 0..prompts {
            self.enter();
        }
    }

    /// The number of the last process that was started here, as the shell itself reads it.
    fn last_process(&mut self) -> Option<u32> {
        let _ = rustix::io::write(&self.master, b"read a b c d e </proc/loadavg; echo \"<$e>\"\r");
        let mut output = Vec::new();
        self.listen(Duration::from_secs(5), &mut |bytes| output.extend_from_slice(bytes));
        let output = String::from_utf8_lossy(&output).into_owned();
        output.split('<').filter_map(|rest| rest.split_once('>')?.0.parse().ok()).next_back()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A few files, all of them committed.
fn repository(house: &House, directory: &Path) {
    for name in ["README.md", "main.c", "Makefile"] {
        std::fs::write(directory.join(name), format!("{name}\n")).expect("written");
    }
    let words = "init --quiet\nadd .\n-c user.name=a -c user.email=a@b commit --quiet -m first";
    for line in words.lines() {
        let _ = house.command("git").args(line.split(' ')).current_dir(directory).status();
    }
}
