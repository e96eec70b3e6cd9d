//! The messages between the daemon and a worker, and their framing. Nothing here knows of processes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rainline_segments::{Ask, Reader};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::notify::Notification;
use crate::config::Gathered;
use crate::readings::history;
use crate::readings::id::ReadingId;
use crate::readings::sample::PortableSample;

/// The most bytes of one message: a whole history and a request fit.
const MAX_MESSAGE: usize = history::MAX_FILE + (128 << 10);
/// The length of the body and its CRC-32, little-endian.
const HEADER: usize = 8;

/// What a worker is asked to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Job {
    /// Read a config and what it includes.
    ReadConfig {
        /// The config file.
        #[serde(with = "rainline_segments::base::path_bytes")]
        path: PathBuf,
    },
    /// Take a reading. The source stays open, so that its counters go on.
    Sample {
        /// Which reading.
        id: ReadingId,
        /// The options of its instance, as TOML.
        options: Arc<str>,
        /// What the request says about its asker.
        ask: Ask,
        /// What the source saved at its last reading, which may have been another worker's.
        saved: String,
        /// How the machine is read.
        reader: Reader,
    },
    /// Follow a source, which would be sampled at this interval: an answer for each of its readings,
    /// until it ends.
    Follow {
        /// The name of the segment's kind.
        kind: String,
        /// The options of its instance, as TOML.
        options: Arc<str>,
        /// What the request says about its asker.
        ask: Ask,
        /// How often it would be sampled.
        interval: Duration,
    },
    /// Read the history file.
    ReadHistory {
        /// The history file.
        #[serde(with = "rainline_segments::base::path_bytes")]
        path: PathBuf,
    },
    /// Replace the history file.
    WriteHistory {
        /// The history file.
        #[serde(with = "rainline_segments::base::path_bytes")]
        path: PathBuf,
        /// Its new content.
        bytes: Vec<u8>,
    },
    /// Say so whenever one of these files may have changed; never ends.
    Watch {
        /// The files, which need not exist.
        #[serde(with = "rainline_segments::base::path_bytes::list")]
        paths: Vec<PathBuf>,
    },
    /// Compare the readers of the machine.
    CompareReaders,
    /// Run a program that says which one it is.
    Describe {
        /// The program and its arguments.
        words: Vec<String>,
        /// Another one that must be there, too.
        beside: Option<String>,
        /// How long it may take.
        limit: Duration,
    },
    /// Deliver the notification of an alert.
    Notify(Notification),
    /// Draw a whole line without a daemon, from this history.
    Line {
        /// The encoded request.
        request: Vec<u8>,
        /// The encoded history.
        history: Vec<u8>,
        /// How long ago the last line was drawn that its graphs go on from; `None`: not by this asker.
        since: Option<Duration>,
        /// Whether the line has the sign of trouble, whatever its readings say.
        trouble: bool,
        /// Whether segments that may hang are left out.
        is_quick: bool,
    },
}

/// What came of a job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// What was read of a config.
    ConfigRead(Gathered),
    /// A reading, and what the source saved.
    Sampled {
        /// The reading; `None`: there is nothing to show.
        sample: Result<Option<PortableSample>, String>,
        /// What the source saved.
        saved: Option<String>,
    },
    /// It was not sampled: the source wants to be followed.
    WantsFollowing,
    /// A followed source ended.
    Ended(Result<(), String>),
    /// Something on which this reading depends has changed. It belongs to no job.
    Outdated(ReadingId),
    /// The file's content; empty if there is none.
    HistoryRead(Result<Vec<u8>, String>),
    /// The history file was replaced.
    HistoryWritten(Result<(), String>),
    /// A watched file may have changed.
    FilesChanged,
    /// How many fields were compared, and those on which the readers disagree, in words.
    ReadersCompared {
        /// How much was compared and found equal, in words.
        summary: String,
        /// The fields that differ.
        differ: Vec<String>,
    },
    /// What a program says that it is; `None`: it is not there, or it failed.
    Described(Option<String>),
    /// A notification was delivered, or why not.
    Notified(Result<(), String>),
    /// A line and the history to keep. One that is not the `last` is followed by a better one.
    Line {
        /// The line, encoded for its target.
        line: String,
        /// Whether no better one follows.
        last: bool,
        /// The encoded history.
        history: Vec<u8>,
        /// How it looks when it is shown again later; only of the `last`.
        old: Old,
    },
}

/// A line as it looks when it is shown again later: without the sign of trouble, and with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Old {
    /// After some seconds.
    pub soon: [String; 2],
    /// After a minute.
    pub late: [String; 2],
}

/// A message with its length and checksum in front.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, String> {
    let mut bytes = postcard::to_extend(message, vec![0; HEADER]).map_err(|e| e.to_string())?;
    let length = bytes.len().saturating_sub(HEADER);
    if length > MAX_MESSAGE {
        return Err("a message is too long".into());
    }
    let sum = crc32fast::hash(&bytes[HEADER..]);
    bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
    bytes[4..HEADER].copy_from_slice(&sum.to_le_bytes());
    Ok(bytes)
}

/// Takes a message from the front of `bytes`. `Ok(None)`: not all of it is here yet.
pub fn decode<T: DeserializeOwned>(bytes: &mut Vec<u8>) -> Result<Option<T>, String> {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*length) as usize;
    if length > MAX_MESSAGE {
        return Err("a message is too long".into());
    }
    let Some((sum, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
    let Some(body) = rest.get(..length) else { return Ok(None) };
    if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
        return Err("a message is damaged".into());
    }
    let message = postcard::from_bytes(body).map_err(|error| error.to_string())?;
    bytes.drain(..HEADER + length);
    Ok(Some(message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rainline_segments::{Level, Live, Part, Sample, Styled, Value};

    fn job() -> Job {
        Job::WriteHistory { path: "/x".into(), bytes: b"raw".to_vec() }
    }

    #[test]
    fn a_message_comes_back_as_it_went_and_waits_until_it_is_whole() {
        let whole = encode(&job()).expect("encoded");
        for end in 0..whole.len() {
            let mut part = whole[..end].to_vec();
            assert!(matches!(decode::<Job>(&mut part), Ok(None)), "{end} bytes");
        }
        let mut bytes = [whole, b"next".to_vec()].concat();
        assert_eq!(decode::<Job>(&mut bytes), Ok(Some(job())));
        assert_eq!(&*bytes, b"next");
    }

    /// Readings go through a format that knows no names: what serde leaves out of one end, the other
    /// would take for something else.
    #[test]
    fn every_sort_of_value_and_every_fact_about_an_asker_comes_back() {
        let parts = vec![Part { name: "used".into(), value: 0.5 }];
        let time = chrono::DateTime::parse_from_rfc3339("2026-01-02T03:04:05+01:00");
        let values = [
            Value::text("a\n#(id)"),
            Value::Live { what: Live::PaneTitle, known: "x".into() },
            Value::sign("n", "u", "a"),
            Value::Styled(Styled::parse("[a](bold) b")),
            Value::of(1.0, 2.0),
            Value::number(f64::MAX),
            Value::Duration(Duration::from_millis(1500)),
            Value::Time(time.expect("a time")),
            Value::Parts { parts, whole: 1.0 },
        ];
        let mut sample = Sample::new(Level::Critical);
        sample.values.extend(values.map(|value| ("text", value)));
        let sample = Ok(Some(PortableSample::new(sample)));
        let mut bytes =
            encode(&Answer::Sampled { sample: sample.clone(), saved: None }).expect("encoded");
        let Ok(Some(Answer::Sampled { sample: again, saved: None })) = decode(&mut bytes) else {
            panic!("another answer");
        };
        assert_eq!(again, sample);
        let ask = Ask {
            client: u64::MAX,
            pid: 1,
            cwd: Some("/here".into()),
            env: vec![("TERM".into(), "x".into())],
            columns: 80,
            status: Some(-1),
            pipestatus: vec![0, -1],
            duration: Some(Duration::from_millis(9)),
            jobs: 2,
            keymap: Some("vicmd".into()),
            pane: Some("%1".into()),
        };
        let (kind, options) = ("cpu".to_owned(), "".into());
        let job = Job::Follow { kind, options, ask, interval: Duration::from_secs(1) };
        assert_eq!(decode(&mut encode(&job).expect("encoded")), Ok(Some(job)));
    }

    #[test]
    fn every_flipped_bit_of_the_body_or_its_checksum_is_seen() {
        let whole = encode(&job()).expect("encoded");
        for at in 4..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[at] ^= 1 << bit;
                assert!(decode::<Job>(&mut damaged).is_err(), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn what_is_too_long_is_refused_before_it_is_read_and_never_written() {
        assert!(decode::<Job>(&mut vec![0xff; 64]).is_err());
        let length = (MAX_MESSAGE as u32 + 1).to_le_bytes();
        assert!(decode::<Job>(&mut length.to_vec()).is_err());
        let bytes = vec![0; MAX_MESSAGE];
        assert!(encode(&Job::WriteHistory { path: "/x".into(), bytes }).is_err());
    }

    #[test]
    fn a_checksum_that_is_right_makes_no_message_of_nonsense() {
        let body = [0xff; 4];
        let mut bytes = [&4_u32.to_le_bytes()[..], &crc32fast::hash(&body).to_le_bytes(), &body];
        assert!(decode::<Job>(&mut bytes.as_mut_slice().concat()).is_err());
    }
}
