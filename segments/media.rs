//! What is playing: title, artist, how far it is.
//!
//! MPD is asked over its own socket; every other player by `playerctl`, which speaks MPRIS to the one
//! that was used last. A title is somebody else's text, as is all of it.

use std::time::Duration;

use crate::base::contract::{
    Ask, Error, Field, Icons, Kind, OptionError, Pace, Scope, Source, Unit, Where,
};
use crate::base::host::Host;
use crate::base::marquee::marquee;
use crate::base::untrusted::Untrusted;
use crate::base::value::{Level, Sample, Value};

crate::choice! {
    /// Who is asked.
    Players { Auto = "auto", Mpd = "mpd", Mpris = "mpris" }
}

crate::options! {
    /// Who is asked: MPD, the players of the desktop by `playerctl`, or (auto) both in this order.
    players: Players = Players::Auto,
    /// Where MPD listens, a path or `HOST:PORT`; empty: at its usual places.
    mpd: String = "",
    /// The cells of `$song` while it moves.
    width: u32 = 30_u32,
    /// Cells in a second by which a longer `$song` moves; 0: it stands still and is cut.
    scroll: u32 = 0_u32,
    /// Show nothing while it is paused.
    hide_paused("hide-paused"): bool = false,
}

pub(crate) static SEGMENT: Kind = Kind {
    name: "media",
    about: "What is playing.",
    icons: Icons { nerd: "\u{f075a}", unicode: "♫", ascii: "" },
    format: " $sign $song.text(max:30) ",
    fields: &[
        Field::new("song", "artist and title, or what there is of it", Unit::Text),
        Field::new("title", "the title", Unit::Text),
        Field::new("artist", "the artist", Unit::Text),
        Field::new("album", "the album", Unit::Text),
        Field::new("status", "`playing` or `paused`", Unit::Text),
        Field::new("sign", "the status as a sign", Unit::Text),
        Field::new("player", "who plays", Unit::Text),
        Field::new("position", "how far it is", Unit::Duration),
        Field::new("length", "how long it is", Unit::Duration),
        Field::new("progress", "how far of how long", Unit::Percent),
    ],
    options: OPTIONS,
    env: &[],
    scope: Scope::Host,
    place: Where::Worker,
    pace: Pace::Tick(Duration::from_secs(2)),
    priority: 20,
    open,
};

/// Each of those asked answers within milliseconds, or hangs.
const LIMIT: Duration = Duration::from_millis(500);
/// While nobody plays the command is run only so often.
const SILENCE: Duration = Duration::from_secs(10);

fn open(table: &toml::Table) -> Result<Box<dyn Source>, OptionError> {
    Ok(Box::new(Media { options: Options::read(table)?, silent: None }))
}

struct Media {
    options: Options,
    /// When `playerctl` last knew nobody, by the boot clock.
    silent: Option<Duration>,
}

/// What is playing, as told.
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
    fn sample(&mut self, host: &Host, _: &Ask) -> Result<Option<Sample>, Error> {
        let mut song = None;
        if self.options.players != Players::Mpris {
            song = ask_mpd(host, &self.options.mpd)?;
        }
        if song.is_none() && self.options.players != Players::Mpd {
            song = self.ask_mpris(host)?;
        }
        let Some(song) = song.filter(|song| song.playing || !self.options.hide_paused) else {
            return Ok(None);
        };
        let shown = match (&*song.artist, &*song.title) {
            ("", title) => title.to_owned(),
            (artist, "") => artist.to_owned(),
            (artist, title) => format!("{artist} – {title}"),
        };
        if shown.is_empty() {
            return Ok(None);
        }
        // Cleaned before it is measured: what is taken out has other widths.
        let shown = Untrusted::new(shown);
        let shown = match self.options.scroll {
            0 => shown,
            speed => {
                let cells = host.uptime().as_secs().wrapping_mul(u64::from(speed));
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
        if let Some(position) = song.position {
            sample = sample.with("position", Value::Duration(position));
        }
        if let Some(length) = song.length.filter(|length| !length.is_zero()) {
            sample = sample.with("length", Value::Duration(length));
            if let Some(position) = song.position {
                let share = 100.0 * position.as_secs_f64() / length.as_secs_f64();
                sample = sample.with("progress", Value::percent(share));
            }
        }
        Ok(Some(sample))
    }
}

impl Media {
    fn ask_mpris(&mut self, host: &Host) -> Result<Option<Song>, Error> {
        let now = host.uptime();
        if self.silent.is_some_and(|at| now.saturating_sub(at) < SILENCE) {
            return Ok(None);
        }
        // A line each; the title last, since it alone may hold anything.
        let format = "{{status}}\n{{playerName}}\n{{position}}\n{{mpris:length}}\n{{album}}\n\
            {{artist}}\n{{title}}";
        let song = match host.run(&["playerctl", "metadata", "--format", format], LIMIT) {
            Ok(printed) => printed.and_then(|printed| mpris(&String::from_utf8_lossy(&printed))),
            // Its way to say that there is nobody.
            Err(error) if error.to_string().contains("No player") => None,
            Err(error) => return Err(error),
        };
        self.silent = song.is_none().then_some(now);
        Ok(song)
    }
}

fn mpris(text: &str) -> Option<Song> {
    let mut lines = text.splitn(7, '\n');
    let mut line = || lines.next().map(str::trim);
    let playing = match line()? {
        "Playing" => true,
        "Paused" => false,
        _ => return None,
    };
    let player = line()?.to_owned();
    let mut microseconds = || line()?.parse::<u64>().ok().map(Duration::from_micros);
    let (position, length) = (microseconds(), microseconds());
    let (album, artist) = (line()?.to_owned(), line()?.to_owned());
    let title = line()?.to_owned();
    Some(Song { player, playing, artist, title, album, position, length })
}

/// What MPD plays, where it is reachable.
fn ask_mpd(host: &Host, address: &str) -> Result<Option<Song>, Error> {
    let usual = [
        format!("/run/user/{}/mpd/socket", host.uid()),
        "/run/mpd/socket".into(),
        "127.0.0.1:6600".into(),
    ];
    let addresses = if address.is_empty() { &usual[..] } else { &[address.to_owned()] };
    for address in addresses {
        if let Some(answer) = host.converse(address, "status\ncurrentsong\nclose\n", LIMIT)? {
            return Ok(mpd(&String::from_utf8_lossy(&answer)));
        }
    }
    Ok(None)
}

/// Reads `OK MPD VERSION` and then `Name: value` lines, as the protocol has it.
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
        // A file without any words is called by its own name.
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
    use crate::base::host::fixture;
    use crate::base::host::tests::machine;
    use crate::base::trial::sample_with;

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
        assert_eq!(sample_with(&SEGMENT, "hide-paused = true", &fixture("two-batteries")), None);
        assert_eq!(sample_with(&SEGMENT, "mpd = '/elsewhere'", &fixture("two-batteries")), None);
    }

    #[test]
    fn a_radio_and_a_file_have_names_too() {
        let song = |lines: &str| mpd(&format!("OK MPD 0.23.5\nstate: play\n{lines}OK\n"));
        assert_eq!(song("Name: Radio\nfile: http://x/y\n").expect("a song").title, "Radio");
        assert_eq!(song("file: a/b: c.ogg\n").expect("a song").title, "b: c.ogg");
    }

    #[test]
    fn a_long_song_moves_by_the_clock() {
        let at = |uptime: &str| {
            let (_dir, host) = machine(&[
                ("proc/uptime", uptime),
                ("answers/_s", "OK MPD 0.23\nstate: play\nTitle: abcdef\nOK\n"),
            ]);
            let options = "mpd = '/s'\nwidth = 4\nscroll = 1";
            sample_with(&SEGMENT, options, &host).and_then(|sample| sample.get("song").cloned())
        };
        assert_eq!(at("9.0 1"), Some(Value::text("abcd")));
        assert_eq!(at("10.0 1"), Some(Value::text("bcde")));
    }

    #[test]
    fn silence_and_nonsense_show_nothing() {
        for name in ["empty", "broken"] {
            assert_eq!(sample_with(&SEGMENT, "", &fixture(name)), None, "{name}");
        }
        for text in
            ["", "Playing", "Playing\na\n1\n2\n3", "Stopped\n\n\n\n\n\n\n", "\n\n\n\n\n\n\n"]
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
