//! `tmux-plugins`: the names that tmux-cpu and tmux-battery give to tmux's status line, without
//! their scripts.
//!
//! Called without words it does what those plugins do when tmux reads its config: it finds their
//! names in the options of the status line and puts a job in their place. Here that is one job for
//! each stretch of names with plain text between, and it prints for ever: tmux starts nothing to
//! refresh it. A job it is, and not an option of tmux's own (`#{@name}`): setting one draws every
//! pane of every client anew, in all versions so far. What tmux itself must fill in (a time, another
//! job, a condition) stays outside of the job.
//!
//! The text and the user's options travel as words of the job in an encoding of letters and digits,
//! so nothing of them goes through a shell or is taken for a format.

mod battery;
mod machine;
mod options;
mod printf;
mod wiring;

use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use self::machine::Machine;
use self::options::Options;
use self::wiring::{decoded, given, rewrite};
use super::{Call, Deviation, Peer, Printed};
use crate::hosts::{in_quotes, shell_word};
use rainline_caps::pacing::{Pacer, Pacing};
use rainline_client::sys;
use rainline_client::{timespec, write_whole};

/// What `init` and `compat` call it.
pub const NAME: &str = "tmux-plugins";

pub(super) static PEER: Peer = Peer {
    name: NAME,
    about: "the names of tmux-cpu and tmux-battery in tmux's status line",
    link: false,
    deviations: &[
        Deviation {
            case: "a refresh of the status line",
            peer: "20 to 100 processes",
            ours: "none",
        },
        Deviation { case: "time in iowait", peer: "busy", ours: "idle" },
        Deviation {
            case: "no iostat and no sar",
            peer: "the mean since each process began",
            ours: "the last two seconds",
        },
        Deviation { case: "no sensors", peer: "`-nan`", ours: "nothing" },
        Deviation {
            case: "temperatures in °F",
            peer: "high from 90 °F on",
            ours: "from 90 °C on, or from the threshold that is set",
        },
        Deviation {
            case: "no GPU",
            peer: "`No GPU`, with the icon and the colours of a high load",
            ours: "`No GPU`, without",
        },
        Deviation {
            case: "`#{battery_remain}` on Linux",
            peer: "nothing, or the time to full while it discharges",
            ours: "the time until empty or full",
        },
        Deviation {
            case: "`#{battery_graph}` below 95 %",
            peer: "a stray `▇`, or a digit lost",
            ours: "the bar",
        },
        Deviation {
            case: "several batteries, or a mouse's",
            peer: "the last of all, a mouse's as well",
            ours: "all of this machine, weighed by what they hold",
        },
        Deviation {
            case: "`#{battery_percentage}` without acpi and upower",
            peer: "a number without its `%`",
            ours: "with it",
        },
        Deviation {
            case: "plugged in, and kept from charging",
            peer: "`?`",
            ours: "the icon and the colours of `attached`",
        },
        Deviation { case: "no battery", peer: "a full battery, or `?`", ours: "nothing" },
    ],
    run,
};

/// How often numbers are read: as long as tmux-cpu keeps its own.
const EVERY: Duration = Duration::from_secs(2);
const LOADS: [&str; 6] = ["cpu", "gpu", "ram", "gram", "cpu_temp", "gpu_temp"];
const BATTERY: [&str; 13] = [
    "battery_charging_watts",
    "battery_color_bg",
    "battery_color_charge_bg",
    "battery_color_charge_fg",
    "battery_color_fg",
    "battery_color_status_bg",
    "battery_color_status_fg",
    "battery_graph",
    "battery_icon",
    "battery_icon_charge",
    "battery_icon_status",
    "battery_percentage",
    "battery_remain",
];

/// Every name that is filled in.
pub fn names() -> Vec<String> {
    let of = |load: &&str| {
        let value = if load.ends_with("temp") { "" } else { "_percentage" };
        [value, "_icon", "_fg_color", "_bg_color"].map(|end| format!("{load}{end}"))
    };
    let loads = LOADS.iter().flat_map(of);
    loads.chain(BATTERY.iter().map(|name| (*name).to_owned())).collect()
}

/// The lines for tmux's config.
pub fn init(program: &Path) -> String {
    let command = format!("{} compat {NAME}", shell_word(program)).replace('#', "##");
    format!(
        "# Rainline fills in what tmux-cpu and tmux-battery would: #{{cpu_percentage}}, \
         #{{battery_icon}} …\n\
         # Put this at the end of ~/.tmux.conf, in place of those plugins.\n\
         run-shell {}\n",
        in_quotes(&command, "\"\\$")
    )
}

fn run(call: &mut Call) -> Printed {
    let words = call.words();
    match words.split_first() {
        None => rewrite(),
        Some((what, [template, options @ ..])) if what == "print" => {
            let mut machine = Machine::default();
            Printed::line(machine.line(call, &decoded(template), &given(options)))
        }
        Some((what, [template, options @ ..])) if what == "stream" => {
            stream(call, &decoded(template), &given(options));
            Printed::default()
        }
        Some(_) => {
            Printed::wrong("", "rainline: only `rainline init tmux-plugins` is for people\n")
        }
    }
}

/// Prints the line now and whenever it changes, until nobody reads.
fn stream(call: &Call, template: &str, options: &Options) {
    let mut machine = Machine::default();
    let mut pacer = Pacer::new(Pacing::OncePerSecond);
    let mut due = sys::awake();
    loop {
        if sys::awake() >= due {
            pacer.offer(machine.line(call, template, options).into_bytes());
            due = sys::awake() + EVERY;
        }
        if let Some(line) = pacer.due(sys::wall())
            && !write_whole(line)
        {
            return;
        }
        let wall = sys::wall();
        let mut left = due.saturating_sub(sys::awake());
        if let Some(at) = pacer.wake(wall) {
            left = left.min(at.saturating_sub(wall).min(EVERY));
        }
        // Without wanted events poll still tells of the reader's end.
        let stdout = rustix::stdio::stdout();
        let mut fds = [PollFd::from_borrowed_fd(stdout, PollFlags::empty())];
        let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        if poll(&mut fds, Some(&timespec(left))).is_ok() && fds[0].revents().intersects(gone) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_seven_names_and_no_one_twice() {
        let mut names = names();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 24 + 13);
    }
}
