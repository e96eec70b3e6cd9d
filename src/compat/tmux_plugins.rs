//! `tmux-plugins`: the names that tmux-cpu and tmux-battery give to tmux's status line, without
//! their scripts.
//!
//! Called without words it does what those plugins do when tmux reads its config: it finds their
//! names in the options of the status line and puts a job in their place. Here that is one job for
//! each stretch of names with plain text between, and it prints for ever: tmux starts nothing to
//! refresh it. It is a job and not an option of tmux's own (`#{@name}`), because setting an option
//! redraws every pane of every client, in all versions so far. What tmux itself must fill in (a time,
//! another job, a condition) stays outside of the job.
//!
//! The text and the user's options travel as words of the job in an encoding of letters and digits,
//! so nothing of them goes through a shell or is taken for a format.

mod battery;
mod options;
mod printf;
mod readings;
mod wiring;

use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::options::Options;
use self::readings::Readings;
use self::wiring::{decoded, given, rewrite};
use super::{Call, Deviation, Peer, Printed};
use crate::quote;
use rainline_caps::pacing::{Pacer, Pacing};
use rainline_client::sys;
use rainline_client::write_whole;

/// Its name in `init` and `compat`.
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

/// How often the machine is read: as long as tmux-cpu keeps what it read.
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
    let command = format!("{} compat {NAME}", quote::sh(program.as_ref())).replace('#', "##");
    format!(
        "# Rainline fills in what tmux-cpu and tmux-battery would: #{{cpu_percentage}}, \
         #{{battery_icon}} …\n\
         # Put this at the end of ~/.tmux.conf, in place of those plugins.\n\
         run-shell {}\n",
        quote::tmux(&command)
    )
}

fn run(call: &mut Call) -> Printed {
    match call.words {
        [] => rewrite(),
        [what, template, options @ ..] if what == "print" => {
            let mut readings = Readings::default();
            Printed::line(readings.line(call, &decoded(template), &given(options)))
        }
        [what, template, options @ ..] if what == "stream" => {
            stream(call, &decoded(template), &given(options));
            Printed::default()
        }
        _ => Printed::wrong("", "rainline: only `rainline init tmux-plugins` is for people\n"),
    }
}

/// Prints the line now and whenever it changes, until its reader is gone.
fn stream(call: &Call, template: &str, options: &Options) {
    let mut readings = Readings::default();
    let mut pacer = Pacer::new(Pacing::OncePerSecond);
    let mut due = sys::awake();
    loop {
        if sys::awake() >= due {
            pacer.offer(readings.line(call, template, options).into_bytes());
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
        // Even where it waits for nothing else, poll reports that the reader is gone.
        let stdout = rustix::stdio::stdout();
        let mut fds = [PollFd::from_borrowed_fd(stdout, PollFlags::empty())];
        let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        let timeout = Timespec::try_from(left).ok();
        if poll(&mut fds, timeout.as_ref()).is_ok() && fds[0].revents().intersects(gone) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_thirty_seven_names() {
        let mut names = names();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 24 + 13);
    }
}
