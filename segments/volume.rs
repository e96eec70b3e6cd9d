//! The volume of the sound in percent, and whether it is muted.
//!
//! There is no file to read: PipeWire, PulseAudio and ALSA are asked by their own commands; the
//! first one that answers is used.

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, choice, options,
};
use crate::base::value::{Level, Sample, Value};
use crate::machine::Machine;

choice! {
    /// A sound device.
    Device { Output = "output", Input = "input" }
}

options! {
    /// The loudspeakers (`output`) or the microphone (`input`).
    device: Device = Device::Output,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "volume",
    about: "The volume of the sound, and whether it is muted.",
    icons: Icons { nerd: "", unicode: "", ascii: "" },
    format: " $sign $volume.pct(w:1) ",
    fields: &[
        Field::new("volume", "the volume, at most 100 %", Unit::Percent),
        Field::new("muted", "`muted`, if it is", Unit::Text),
        Field::new("sign", "a loudspeaker or a microphone, crossed out if muted", Unit::Text),
        Field::new("history", "history of the volume", Unit::History("volume")),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(2)),
    priority: 25,
    open,
};

/// Each command takes a few milliseconds while its server runs.
const LIMIT: Duration = Duration::from_millis(500);

/// The state of a device.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sound {
    /// In percent; may be above 100.
    volume: f64,
    muted: bool,
}

/// A sound server: the commands for the output and for the input, and the parser of what they print
/// together.
struct Server {
    output: &'static [&'static [&'static str]],
    input: &'static [&'static [&'static str]],
    read: fn(&str) -> Option<Sound>,
}

static SERVERS: [Server; 3] = [
    Server {
        output: &[&["wpctl", "get-volume", "@DEFAULT_AUDIO_SINK@"]],
        input: &[&["wpctl", "get-volume", "@DEFAULT_AUDIO_SOURCE@"]],
        read: wpctl,
    },
    Server {
        output: &[
            &["pactl", "get-sink-volume", "@DEFAULT_SINK@"],
            &["pactl", "get-sink-mute", "@DEFAULT_SINK@"],
        ],
        input: &[
            &["pactl", "get-source-volume", "@DEFAULT_SOURCE@"],
            &["pactl", "get-source-mute", "@DEFAULT_SOURCE@"],
        ],
        read: pactl,
    },
    Server {
        output: &[&["amixer", "sget", "Master"]],
        input: &[&["amixer", "sget", "Capture"]],
        read: amixer,
    },
];

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Volume { options: Options::read(table)?, server: None }))
}

struct Volume {
    options: Options,
    /// The server that answered last.
    server: Option<&'static Server>,
}

impl Source for Volume {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let known = self.server.take();
        let mut failure = None;
        for server in known.into_iter().chain(&SERVERS) {
            match self.ask(server, machine) {
                Ok(Some(sound)) => {
                    self.server = Some(server);
                    return Ok(Some(self.sample_of(sound)));
                }
                Ok(None) => {}
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        // A command that fails is an error; without any command there is no sound.
        failure.map_or(Ok(None), Err)
    }
}

impl Volume {
    fn ask(&self, server: &Server, machine: &Machine) -> Result<Option<Sound>, Error> {
        let commands = match self.options.device {
            Device::Output => server.output,
            Device::Input => server.input,
        };
        let mut answer = String::new();
        for command in commands {
            let Some(printed) = machine.run(command, LIMIT)? else { return Ok(None) };
            answer.push_str(&String::from_utf8_lossy(&printed));
            answer.push('\n');
        }
        Ok((server.read)(&answer).filter(|sound| (0.0..1e4).contains(&sound.volume)))
    }

    fn sample_of(&self, sound: Sound) -> Sample {
        let sign = match (self.options.device, sound.muted, sound.volume) {
            (Device::Input, false, _) => Value::sign("\u{f036c}", "mic", "mic"),
            (Device::Input, true, _) => Value::sign("\u{f036d}", "mic off", "mic off"),
            (Device::Output, true, _) => Value::sign("\u{f075f}", "mute", "mute"),
            (Device::Output, false, low) if low < 34.0 => Value::sign("\u{f057f}", "vol", "vol"),
            (Device::Output, false, middle) if middle < 67.0 => {
                Value::sign("\u{f0580}", "vol", "vol")
            }
            (Device::Output, false, _) => Value::sign("\u{f057e}", "vol", "vol"),
        };
        let sample = Sample::new(Level::Idle)
            .with("volume", Value::percent(sound.volume))
            .with("sign", sign);
        if sound.muted { sample.with("muted", Value::text("muted")) } else { sample }
    }
}

/// `Volume: 0.40 [MUTED]`.
fn wpctl(text: &str) -> Option<Sound> {
    let mut words = text.trim().strip_prefix("Volume:")?.split_ascii_whitespace();
    let volume = words.next()?.parse::<f64>().ok()? * 100.0;
    Some(Sound { volume, muted: words.any(|word| word == "[MUTED]") })
}

/// `Volume: front-left: 26214 /  40% / -23.88 dB,   front-right: …` and `Mute: no`.
fn pactl(text: &str) -> Option<Sound> {
    let line = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name));
    let volume = line("Volume:")?;
    let shares = volume.split('/').filter_map(|share| share.trim().strip_suffix('%'));
    let volume = shares.filter_map(|share| share.parse::<f64>().ok()).reduce(f64::max)?;
    Some(Sound { volume, muted: line("Mute:")?.trim() == "yes" })
}

/// `Front Left: Playback 26214 [40%] [-23.88dB] [on]` for each channel.
fn amixer(text: &str) -> Option<Sound> {
    let channels = text.lines().filter(|line| line.contains('['));
    let mut loudest: Option<f64> = None;
    let mut muted = true;
    for channel in channels {
        let marks = channel.split('[').skip(1).filter_map(|mark| mark.split(']').next());
        for mark in marks {
            match mark.strip_suffix('%') {
                Some(percent) => {
                    let percent = percent.parse().ok();
                    loudest = [loudest, percent].into_iter().flatten().reduce(f64::max);
                }
                None => muted &= mark != "on",
            }
        }
        // A control without a switch cannot be muted.
        muted &= channel.contains("[off]") || channel.contains("[on]");
    }
    Some(Sound { volume: loudest?, muted })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::sample_with;
    use crate::machine::fixture;

    fn shown_with(options: &str, name: &str) -> Option<Sample> {
        sample_with(&SEGMENT, options, &fixture(name))
    }

    #[test]
    fn each_servers_output_is_parsed() {
        let sound = |volume, muted| Some(Sound { volume, muted });
        assert_eq!(wpctl("Volume: 0.40\n"), sound(40.0, false));
        assert_eq!(wpctl("Volume: 1.25 [MUTED]\n"), sound(125.0, true));
        let stereo = "Volume: front-left: 26214 /  40% / -23.88 dB,   front-right: 29491 /  45% / \
            -20 dB\n        balance 0.06\n";
        assert_eq!(pactl(&format!("{stereo}\nMute: yes\n")), sound(45.0, true));
        assert_eq!(pactl(stereo), None);
        let head = "Simple mixer control 'Master',0\n  Limits: Playback 0 - 65536\n";
        let channel =
            |mark: &str| format!("{head}  Front Left: Playback 26214 [40%] [-9dB]{mark}\n");
        assert_eq!(amixer(&channel(" [on]")), sound(40.0, false));
        assert_eq!(amixer(&channel(" [off]")), sound(40.0, true));
        assert_eq!(amixer(&channel("")), sound(40.0, false));
    }

    #[test]
    fn malformed_output_is_ignored() {
        for text in ["", "Volume:", "Volume: loud", "Volume: /%/", "[%]", "[", "Mute: yes"] {
            let read = SERVERS.each_ref().map(|server| (server.read)(text));
            assert_eq!(read, [None; 3], "{text:?}");
        }
    }

    #[test]
    fn output_and_input_are_shown() {
        let sample = shown_with("", "laptop").expect("sound");
        assert_eq!(sample.get("volume"), Some(&Value::percent(40.0)));
        assert_eq!(sample.get("muted"), None);
        let microphone = shown_with("device = 'input'", "laptop").expect("sound");
        assert_eq!(microphone.get("muted"), Some(&Value::text("muted")));
    }

    #[test]
    fn the_next_server_is_asked_if_the_first_is_missing() {
        let sample = shown_with("", "two-batteries").expect("sound");
        assert_eq!(sample.get("volume"), Some(&Value::percent(65.0)));
    }

    #[test]
    fn a_machine_without_sound_shows_nothing() {
        assert_eq!(shown_with("", "empty"), None);
        assert_eq!(shown_with("", "broken"), None);
    }
}
