//! A tmux server of its own, with a client in a [`Terminal`].

use std::path::{Path, PathBuf};

use super::terminal::argv;
use super::{Sandbox, Terminal, tool};

pub struct Tmux<'a> {
    sandbox: &'a Sandbox,
    program: PathBuf,
    socket: PathBuf,
    conf: PathBuf,
    /// The first client's terminal.
    pub terminal: Terminal,
}

impl<'a> Tmux<'a> {
    /// Starts a server with this configuration and a client of this size, attached to a session
    /// `main` whose only pane runs `cat`: nothing moves on the screen that the test does not move.
    /// 24-bit colours reach the terminal.
    pub fn start(sandbox: &'a Sandbox, conf: &str, rows: u16, columns: u16) -> Tmux<'a> {
        Tmux::start_program(sandbox, tool("tmux"), conf, rows, columns)
    }

    /// The same of this tmux.
    pub fn start_program(
        sandbox: &'a Sandbox,
        program: PathBuf,
        conf: &str,
        rows: u16,
        columns: u16,
    ) -> Tmux<'a> {
        let socket = sandbox.path("tmux.sock");
        let base = "set -g default-command 'exec cat'\nset -as terminal-features ',xterm-256color:RGB'\n\
                    set -s escape-time 0\nset -g default-size 80x24\n";
        let conf = sandbox.write("tmux.conf", format!("{base}{conf}"));
        let new = ["new-session", "-s", "main"];
        let terminal = client(sandbox, &program, &socket, &conf, &new, rows, columns);
        let mut tmux = Tmux { sandbox, program, socket, conf, terminal };
        tmux.terminal.wait("a tmux client", |screen| !screen.contents().is_empty());
        tmux
    }

    /// A further client, of its own size, on the session `main`.
    pub fn attach(&self, rows: u16, columns: u16) -> Terminal {
        let attach = ["attach-session", "-t", "main"];
        client(self.sandbox, &self.program, &self.socket, &self.conf, &attach, rows, columns)
    }

    /// Runs a tmux command and gives what it prints. Panics if it fails.
    pub fn run(&self, args: &[&str]) -> String {
        let mut command = self.sandbox.command(&self.program);
        let output = command.arg("-S").arg(&self.socket).args(args).output().expect("tmux runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\n').to_owned();
        assert!(output.status.success(), "tmux {args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// The version, major and minor.
    pub fn version(&self) -> (u16, u16) {
        let version = self.run(&["display-message", "-p", "#{version}"]);
        let mut numbers =
            version.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
        let mut next = || numbers.next().and_then(|number| number.parse().ok()).unwrap_or(0);
        (next(), next())
    }

    /// The server's own process.
    pub fn server(&self) -> u32 {
        self.run(&["display-message", "-p", "#{pid}"]).parse().expect("a number")
    }
}

/// The tmuxes that are tried: those that `RAINLINE_TMUXES` names, with colons between them, else the
/// one that is installed.
pub fn all() -> Vec<PathBuf> {
    let named = std::env::var_os("RAINLINE_TMUXES").unwrap_or("tmux".into());
    std::env::split_paths(&named)
        .filter(|program| !program.as_os_str().is_empty())
        .map(
            |program| {
                if program.is_absolute() { program } else { tool(&program.to_string_lossy()) }
            },
        )
        .collect()
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        let mut command = self.sandbox.command(&self.program);
        // A server that is gone already is as good.
        let _ = command.arg("-S").arg(&self.socket).arg("kill-server").output();
    }
}

fn client(
    sandbox: &Sandbox,
    program: &Path,
    socket: &Path,
    conf: &Path,
    words: &[&str],
    rows: u16,
    columns: u16,
) -> Terminal {
    let mut line = argv([&program, &"-S", &socket, &"-f", &conf]);
    line.extend(words.iter().map(Into::into));
    Terminal::spawn(sandbox, &line, rows, columns)
}
