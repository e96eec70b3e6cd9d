//! What is playing: title, artist, position and length.
//!
//! MPD is asked over its own socket, all other players by `playerctl`, which uses MPRIS and reports
//! the last used player. Where `playerctl` is installed it keeps running and reports changes by
//! itself. All texts are untrusted.

use std::time::Duration;

use crate::base::contract::{
    Ask, Emit, Error, Field, Icons, Kind, OptionError, Pace, RunsIn, Scope, Source, Unit, choice,
    options,
};
use crate::base::marquee::marquee;
use crate::base::untrusted::Untrusted;
use crate::base::value::{Level, Sample, Value};
use crate::machine::{Call, Machine, Surroundings};

choice! {
    /// Which players are asked.
    Players { Auto = "auto", Mpd = "mpd", Mpris = "mpris" }
}

choice! {
    /// When it is hidden.
    HideWhen { Never = "never", Paused = "paused" }
}

options! {
    /// Which players: `mpd`, `mpris` (desktop players, by `playerctl`), or `auto`: both, in this
    /// order.
    players: Players = Players::Auto,
    /// Where MPD listens, a path or `HOST:PORT`; empty: the usual places.
    mpd: String = "",
    /// Width of `$song` in cells while it scrolls.
    width: u32 = 30_u32,
    /// How many cells per second a long `$song` scrolls; 0: it is cut instead.
    scroll: u32 = 0_u32,
    /// `paused`: hidden while the player is paused.
    hide_when: HideWhen = HideWhen::Never,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "media",
    about: "What is playing.",
    icons: Icons { nerd: "\u{f075a}", unicode: "♫", ascii: "" },
    format: " $sign $song.text(max:30) ",
    fields: &[
        Field::new("song", "artist and title, or whichever of them is known", Unit::Text),
        Field::new("title", "the title", Unit::Text),
        Field::new("artist", "the artist", Unit::Text),
        Field::new("album", "the album", Unit::Text),
        Field::new("status", "`playing` or `paused`", Unit::Text),
        Field::new("sign", "the status as a sign", Unit::Text),
        Field::new("player", "name of the player", Unit::Text),
        Field::new("position", "position in the song", Unit::Duration),
        Field::new("length", "length of the song", Unit::Duration),
        Field::new("progress", "position in percent of the length", Unit::Percent),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Machine,
    runs_in: RunsIn::Worker,
    pace: Pace::Tick(Duration::from_secs(2)),
    priority: 20,
    open,
};

/// A player answers within milliseconds, or not at all.
const LIMIT: Duration = Duration::from_millis(500);
const PROGRAM: &str = "playerctl";
/// The values are separated by control characters, as a title may contain anything else, even line
/// breaks. The title comes last, so that it cannot shift another value.
const FORMAT: &str = "\x1e{{status}}\x1f{{playerName}}\x1f{{position}}\x1f{{mpris:length}}\x1f\
    {{album}}\x1f{{artist}}\x1f{{title}}\x1d";
const BEGIN: char = '\x1e';
const SEPARATOR: char = '\x1f';
const END: char = '\x1d';

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Media { options: Options::read(table)? }))
}

struct Media {
    options: Options,
}

/// What a player reports.
#[derive(Clone, Debug, Default, PartialEq)]
struct Song {
    player: String,
    playing: bool,
    artist: String,
    title: String,
    album: String,
    position: Option<Duration>,
    length: Option<Duration>,
}

impl Source for Media {
    fn sample(&mut self, machine: &Machine, _: &Ask) -> Result<Option<Sample>, Error> {
        let players = self.options.players;
        if players != Players::Mpris
            && let Some(song) = ask_mpd(machine, &self.options.mpd)?
        {
            return Ok(self.show(machine, Some(song)));
        }
        match players {
            Players::Mpd => Ok(None),
            // Without either there is nothing to report.
            Players::Auto if !machine.has_program(PROGRAM) => Ok(None),
            Players::Auto | Players::Mpris => Ok(self.show(machine, ask_mpris(machine)?)),
        }
    }

    fn prefers_follow(&self, machine: &Machine) -> bool {
        self.options.players != Players::Mpd && machine.has_program(PROGRAM)
    }

    fn follow(
        &mut self,
        machine: &Machine,
        _: &Ask,
        every: Duration,
        emit: &mut Emit,
    ) -> Result<(), Error> {
        let words = [PROGRAM, "metadata", "--follow", "--format", FORMAT];
        let call = Call { words: &words, surroundings: Surroundings::Source, env: &[] };
        let (mut song, mut asked, mut mpd) = (None, None, Ok(None));
        machine.follow(&call, Some(every), &mut |lines| {
            if let Some(newest) = newest(lines) {
                song = newest;
            }
            let now = machine.uptime();
            if self.options.players == Players::Auto
                && asked.is_none_or(|at| now.saturating_sub(at) >= every)
            {
                (asked, mpd) = (Some(now), ask_mpd(machine, &self.options.mpd));
            }
            match &mpd {
                Ok(Some(song)) => emit(Ok(self.show(machine, Some(song.clone())))),
                Ok(None) => emit(Ok(self.show(machine, song.clone()))),
                // Another player is shown without MPD.
                Err(_) if song.is_some() => emit(Ok(self.show(machine, song.clone()))),
                Err(why) => emit(Err(Error::Other(why.to_string()))),
            }
        })
    }
}

impl Media {
    fn show(&self, machine: &Machine, song: Option<Song>) -> Option<Sample> {
        let song =
            song.filter(|song| song.playing || self.options.hide_when != HideWhen::Paused)?;
        let shown = match (&*song.artist, &*song.title) {
            ("", title) => title.to_owned(),
            (artist, "") => artist.to_owned(),
            (artist, title) => format!("{artist} – {title}"),
        };
        if shown.is_empty() {
            return None;
        }
        // Cleaned before it is measured, as that may change its width.
        let shown = Untrusted::new(shown);
        let shown = match self.options.scroll {
            0 => shown,
            speed => {
                let cells = machine.uptime().as_secs().wrapping_mul(u64::from(speed));
                let window = self.options.width.clamp(1, 400) as usize;
                marquee(shown.reveal(), window, cells as usize).into()
            }
        };
        let (status, sign) = match song.playing {
            true => ("playing", Value::sign("\u{f040a}", "▸", ">")),
            false => ("paused", Value::sign("\u{f03e4}", "▮", "=")),
        };
        let mut sample = Sample::new(if song.playing { Level::Info } else { Level::Idle })
            .with("song", Value::Text(shown))
            .with("status", Value::text(status))
            .with("sign", sign);
        let texts = [
            ("title", song.title),
            ("artist", song.artist),
            ("album", song.album),
            ("player", song.player),
        ];
        for (name, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            sample = sample.with(name, Value::text(text));
        }
        sample = sample.with_some("position", song.position.map(Value::Duration));
        if let Some(length) = song.length.filter(|length| !length.is_zero()) {
            sample = sample.with("length", Value::Duration(length));
            if let Some(position) = song.position {
                let share = 100.0 * position.as_secs_f64() / length.as_secs_f64();
                sample = sample.with("progress", Value::percent(share));
            }
        }
        Some(sample)
    }
}

/// What desktop players play, from one run of `playerctl`.
fn ask_mpris(machine: &Machine) -> Result<Option<Song>, Error> {
    let missing = || Error::Other(format!("{PROGRAM}: not found; desktop players are asked by it"));
    match machine.run(&[PROGRAM, "metadata", "--format", FORMAT], LIMIT) {
        Ok(printed) => Ok(newest(&printed.ok_or_else(missing)?).flatten()),
        // This means that no player runs.
        Err(error) if error.to_string().contains("No player") => Ok(None),
        Err(error) => Err(error),
    }
}

/// The newest song in the output of `playerctl`. An empty line means that nothing plays any more;
/// `None` that there is no news. A title of several lines may arrive in parts; the first is enough.
fn newest(printed: &[u8]) -> Option<Option<Song>> {
    let text = String::from_utf8_lossy(printed);
    let (song, rest) = match text.rsplit_once(BEGIN) {
        Some((_, last)) => {
            let (song, rest) = last.split_once(END).unwrap_or((last, ""));
            (Some(mpris(song)), rest)
        }
        None => (None, text.rsplit_once(END).map_or(&*text, |(_, rest)| rest)),
    };
    // The line break after a song is not an empty line.
    let own = song.is_some() || text.contains(END);
    let rest = rest.strip_prefix('\n').filter(|_| own).unwrap_or(rest);
    match rest.lines().any(str::is_empty) {
        true => Some(None),
        false => song,
    }
}

fn mpris(song: &str) -> Option<Song> {
    let mut values = song.splitn(7, SEPARATOR);
    let mut value = || values.next().map(str::trim);
    let playing = match value()? {
        "Playing" => true,
        "Paused" => false,
        _ => return None,
    };
    let player = value()?.to_owned();
    let mut microseconds = || value()?.parse::<u64>().ok().map(Duration::from_micros);
    let (position, length) = (microseconds(), microseconds());
    let (album, artist) = (value()?.to_owned(), value()?.to_owned());
    let title = value()?.to_owned();
    Some(Song { player, playing, artist, title, album, position, length })
}

/// What MPD plays, if it can be reached.
fn ask_mpd(machine: &Machine, address: &str) -> Result<Option<Song>, Error> {
    let usual = [
        format!("/run/user/{}/mpd/socket", machine.uid()),
        "/run/mpd/socket".into(),
        "127.0.0.1:6600".into(),
    ];
    let addresses = if address.is_empty() { &usual[..] } else { &[address.to_owned()] };
    for address in addresses {
        if let Some(answer) =
            machine.query_server(address, "status\ncurrentsong\nclose\n", LIMIT)?
        {
            return Ok(mpd(&String::from_utf8_lossy(&answer)));
        }
    }
    Ok(None)
}

/// Parses MPD's answer: `OK MPD VERSION`, then `Name: value` lines.
fn mpd(answer: &str) -> Option<Song> {
    let rest = answer.strip_prefix("OK MPD ")?;
    let value = |name: &str| {
        let mut pairs = rest.lines().filter_map(|line| line.split_once(": "));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    };
    let playing = match &*value("state")? {
        "play" => true,
        "pause" => false,
        _ => return None,
    };
    let time = |name: &str| Duration::try_from_secs_f64(value(name)?.parse().ok()?).ok();
    let title = value("Title").or_else(|| value("Name")).or_else(|| {
        // A file without tags is shown by its name.
        value("file").map(|file| file.rsplit('/').next().unwrap_or_default().to_owned())
    });
    Some(Song {
        player: "mpd".into(),
        playing,
        artist: value("Artist").unwrap_or_default(),
        title: title.unwrap_or_default(),
        album: value("Album").unwrap_or_default(),
        position: time("elapsed"),
        length: time("duration"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::test_support::{opened, sample_with};
    use crate::machine::fixture;
    use crate::machine::tests::machine_with;

    #[test]
    fn the_desktops_player_is_shown() {
        let sample = sample_with(&SEGMENT, "", &fixture("laptop")).expect("a song");
        assert_eq!(sample.get("song"), Some(&Value::text("Nina Simone – Sinnerman")));
        assert_eq!(sample.get("status"), Some(&Value::text("playing")));
        assert_eq!(sample.get("position"), Some(&Value::Duration(Duration::from_secs(155))));
        assert_eq!(sample.get("progress"), Some(&Value::percent(25.0)));
        assert_eq!(sample_with(&SEGMENT, "players = 'mpd'", &fixture("laptop")), None);
    }

    #[test]
    fn mpd_is_asked_over_its_socket() {
        let sample = sample_with(&SEGMENT, "", &fixture("two-batteries")).expect("a song");
        assert_eq!(sample.get("song"), Some(&Value::text("Can – Halleluwah")));
        assert_eq!(sample.get("status"), Some(&Value::text("paused")));
        assert_eq!(sample.get("player"), Some(&Value::text("mpd")));
        assert_eq!(
            sample_with(&SEGMENT, "hide-when = \"paused\"", &fixture("two-batteries")),
            None
        );
        assert_eq!(sample_with(&SEGMENT, "mpd = '/elsewhere'", &fixture("two-batteries")), None);
    }

    #[test]
    fn radio_stations_and_files_are_named() {
        let song = |lines: &str| mpd(&format!("OK MPD 0.23.5\nstate: play\n{lines}OK\n"));
        assert_eq!(song("Name: Radio\nfile: http://x/y\n").expect("a song").title, "Radio");
        assert_eq!(song("file: a/b: c.ogg\n").expect("a song").title, "b: c.ogg");
    }

    #[test]
    fn a_long_song_scrolls() {
        let at = |uptime: &str| {
            let (_dir, machine) = machine_with(&[
                ("proc/uptime", uptime),
                ("answers/_s", "OK MPD 0.23\nstate: play\nTitle: abcdef\nOK\n"),
            ]);
            let options = "mpd = '/s'\nwidth = 4\nscroll = 1";
            sample_with(&SEGMENT, options, &machine).and_then(|sample| sample.get("song").cloned())
        };
        assert_eq!(at("9.0 1"), Some(Value::text("abcd")));
        assert_eq!(at("10.0 1"), Some(Value::text("bcde")));
    }

    #[test]
    fn a_missing_command_is_an_error_only_if_it_was_chosen() {
        let why = |options: &str| {
            let (_dir, machine) = machine_with(&[]);
            let mut source = opened(&SEGMENT, options);
            assert!(!source.prefers_follow(&machine));
            match source.sample(&machine, &Ask::default()) {
                Ok(sample) => format!("{sample:?}"),
                Err(why) => why.to_string(),
            }
        };
        let missing = "playerctl: not found; desktop players are asked by it";
        assert_eq!(why("players = 'mpris'"), missing);
        assert_eq!([why(""), why("players = 'mpd'")], ["None"; 2]);
    }

    #[test]
    fn a_followed_player_reports_changes_and_its_end() {
        let line = |title: &str| format!("\x1ePlaying\x1fp\x1f1\x1f2\x1fal\x1far\x1f{title}\x1d\n");
        let title = |text: &str| newest(text.as_bytes()).map(|song| song.map(|song| song.title));
        let plays = |title: &str| Some(Some(title.to_owned()));
        assert_eq!(title(&line("a")), plays("a"));
        assert_eq!(title(&(line("a") + &line("b"))), plays("b"));
        assert_eq!((title(&(line("a") + "\n")), title("\n")), (Some(None), Some(None)));
        assert_eq!(title(&("\n".to_owned() + &line("a"))), plays("a"));
        // Its title has several lines, one of them empty; the second part is no news.
        assert_eq!(title(&line("a\n\nb")), plays("a\n\nb"));
        let whole = line("a\n\nb");
        let (first, second) = whole.split_at(whole.find("\n\n").expect("a line") + 1);
        assert_eq!((title(first), title(second)), (plays("a"), None));
        assert_eq!(title(""), None);
        assert_eq!(title("\x1eStopped\x1f\x1f\x1f\x1f\x1f\x1f\x1d\n"), Some(None));
    }

    #[test]
    fn mpd_comes_before_a_followed_player() {
        let song = "\x1ePlaying\x1fp\x1f1\x1f2\x1fal\x1far\x1fdesk\x1d\n";
        let shown = |files: &[(&str, &str)]| {
            let (_dir, machine) = machine_with(files);
            let mut source = open(&toml::Table::new()).expect("defaults are fine");
            assert!(source.prefers_follow(&machine));
            let mut emitted = None;
            let every = Duration::from_secs(2);
            let done = source.follow(&machine, &Ask::default(), every, &mut |sampled| {
                emitted = sampled.expect("no error").and_then(|song| song.get("title").cloned());
                true
            });
            assert!(done.is_ok());
            emitted
        };
        let desktop = ("commands/playerctl", song);
        let mpd = ("answers/_run_mpd_socket", "OK MPD 0.23\nstate: play\nTitle: disc\nOK\n");
        assert_eq!(shown(&[desktop]), Some(Value::text("desk")));
        assert_eq!(shown(&[desktop, mpd]), Some(Value::text("disc")));
        assert_eq!(shown(&[("commands/playerctl", "\n")]), None);
    }

    #[test]
    fn no_player_and_malformed_output_show_nothing() {
        for name in ["empty", "broken"] {
            assert_eq!(sample_with(&SEGMENT, "", &fixture(name)), None, "{name}");
        }
        for text in
            ["", "Playing", "Playing\x1fa\x1f1\x1f2\x1f3", "Stopped\x1f\x1f\x1f\x1f\x1f\x1f"]
        {
            assert_eq!(mpris(text), None, "{text:?}");
        }
        for text in ["", "OK MPD 0.23\n", "OK MPD 0.23\nstate: stop\nOK\n", "ACK [4@0] {} no"] {
            assert_eq!(mpd(text), None, "{text:?}");
        }
        let odd = mpd("OK MPD 0.23\nstate: play\nelapsed: -5\nduration: 1e300\nTitle: t\n");
        let odd = odd.expect("a song");
        assert_eq!((odd.position, odd.length), (None, None));
    }
}
