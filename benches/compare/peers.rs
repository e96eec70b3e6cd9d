//! The others: how they are installed and run.

use std::process::{Command, Stdio};

use crate::support::has;

/// A status bar for tmux.
pub struct Bar {
    pub name: &'static str,
    /// What must be installed.
    pub program: &'static str,
    /// What tmux runs.
    pub command: &'static str,
    /// What runs all the time besides.
    pub helper: &'static str,
    /// A file of its own: where, from home, and what is in it.
    pub file: (&'static str, &'static str),
}

const I3STATUS: &str = "general { interval = 1\n output_format = none }\norder += \"cpu_usage\"\n\
                        order += \"memory\"\norder += \"load\"\norder += \"tztime local\"\n";

pub const BARS: [Bar; 4] = [
    Bar {
        name: "tmux-mem-cpu-load",
        program: "tmux-mem-cpu-load",
        command: "exec tmux-mem-cpu-load -i 1",
        helper: "",
        file: ("", ""),
    },
    Bar {
        name: "byobu-status",
        program: "byobu-status",
        command: "byobu-status tmux_right",
        helper: "",
        file: ("", ""),
    },
    Bar {
        name: "Powerline, C client and daemon",
        program: "powerline",
        command: "exec powerline tmux right",
        helper: "powerline-daemon --foreground",
        file: ("", ""),
    },
    Bar {
        name: "i3status, one line a second",
        program: "i3status",
        command: "exec i3status",
        helper: "",
        file: (".i3status.conf", I3STATUS),
    },
];

/// A prompt for a shell.
pub struct Prompt {
    pub name: &'static str,
    pub shell: &'static str,
    /// What must be there, a program or a file.
    pub needs: &'static str,
    /// What stands in the shell's start-up file; `RAINLINE` is our program.
    pub lines: &'static str,
}

impl Prompt {
    pub fn is_there(&self) -> bool {
        self.needs.is_empty() || std::path::Path::new(self.needs).is_file() || has(self.needs)
    }
}

/// The first of each shell is the plain one.
pub const PROMPTS: [Prompt; 15] = [
    prompt("plain", "bash", "", "PS1='\\w \\$ '"),
    prompt("Rainline", "bash", "", "eval \"$(RAINLINE init bash)\""),
    prompt(
        "git-prompt.sh",
        "bash",
        "/usr/lib/git-core/git-sh-prompt",
        ". /usr/lib/git-core/git-sh-prompt; PS1='\\w$(__git_ps1) \\$ '",
    ),
    prompt("starship", "bash", "starship", "eval \"$(starship init bash)\""),
    prompt(
        "Powerline",
        "bash",
        POWERLINE_BASH,
        ". /usr/share/powerline/bindings/bash/powerline.sh",
    ),
    prompt("plain", "zsh", "", "PROMPT='%~ %# '"),
    prompt("Rainline", "zsh", "", "eval \"$(RAINLINE init zsh)\""),
    prompt(
        "vcs_info",
        "zsh",
        "git",
        "autoload -Uz vcs_info; precmd() { vcs_info }; setopt prompt_subst\n\
         PROMPT='%~ ${vcs_info_msg_0_} %# '",
    ),
    prompt("starship", "zsh", "starship", "eval \"$(starship init zsh)\""),
    prompt("Powerline", "zsh", POWERLINE_ZSH, ". /usr/share/powerline/bindings/zsh/powerline.zsh"),
    prompt("plain", "fish", "", "function fish_prompt; echo -n \"$PWD > \"; end"),
    prompt("Rainline", "fish", "", "RAINLINE init fish | source"),
    prompt(
        "fish_git_prompt",
        "fish",
        "git",
        "function fish_prompt; echo -n \"$PWD\"(fish_git_prompt)\" > \"; end",
    ),
    prompt("starship", "fish", "starship", "starship init fish | source"),
    prompt(
        "Powerline",
        "fish",
        "/usr/share/powerline/bindings/fish/powerline-setup.fish",
        "set fish_function_path $fish_function_path /usr/share/powerline/bindings/fish\n\
         powerline-setup",
    ),
];

const POWERLINE_BASH: &str = "/usr/share/powerline/bindings/bash/powerline.sh";
const POWERLINE_ZSH: &str = "/usr/share/powerline/bindings/zsh/powerline.zsh";

const fn prompt(
    name: &'static str,
    shell: &'static str,
    needs: &'static str,
    lines: &'static str,
) -> Prompt {
    Prompt { name, shell, needs, lines }
}

/// Fetches the others; what fails is skipped later.
pub fn install(all: bool) {
    let run = |program: &str, args: &[&str]| {
        let _ = Command::new(program).args(args).stdout(Stdio::null()).status();
    };
    for package in
        ["tmux", "musl-tools", "zsh", "fish", "byobu", "powerline", "i3status", "tmux-mem-cpu-load"]
    {
        run("apt-get", &["install", "-y", "-qq", "--no-install-recommends", package]);
    }
    if !has("powerline") {
        run("pip", &["install", "--user", "--quiet", "powerline-status"]);
    }
    if all {
        run("cargo", &["install", "--quiet", "starship"]);
    }
}
