//! What the daemon and a worker say to each other: a job, what came of it, and both as bytes. Words
//! are JSON; contents of files and memos travel raw beside them. Nothing here knows of processes.

use std::path::PathBuf;
use std::time::Duration;

use rainline_segments::{Ask, Level, Reader, Sample, Value};
use serde::{Deserialize, Serialize};

use crate::config::Gathered;
use crate::daemon::ring::News;

/// The most bytes of one message: a history of many series fits ten times.
const MAX_MESSAGE: usize = 8 << 20;

/// What a worker is asked to do. Raw bytes travel beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Job {
    /// Read a config and what it includes.
    Gather { path: PathBuf },
    /// Read an instance. Sources stay open under their `key`, so that counters have a past; the
    /// bytes are the source's memo, there and back, as the next worker may be another.
    Sample { key: u64, kind: String, options: String, ask: Ask, reader: Reader },
    /// Follow an instance, which would be sampled `every` so often: an answer for each of its
    /// readings, until it ends.
    Follow { kind: String, options: String, ask: Ask, every: Duration },
    /// Read a file.
    Read { path: PathBuf },
    /// Write a file in one step; the bytes are its content.
    Write { path: PathBuf },
    /// Say whenever one of these files may have changed; never ends.
    Watch { paths: Vec<PathBuf> },
    /// Compare the readers of the machine.
    Compare,
    /// Tell of an alert.
    Ring(News),
    /// Draw a whole line; the bytes are the past of its counters.
    Line { request: Vec<u8> },
}

impl Job {
    /// The number of the source that it leaves open.
    pub fn source(&self) -> Option<u64> {
        match self {
            Job::Sample { key, .. } => Some(*key),
            _ => None,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// The file's one true path and what was read.
    Gathered {
        canonical: PathBuf,
        gathered: Gathered,
    },
    Sampled(Result<Option<Wire>, String>),
    /// It was not sampled: it wants to be followed.
    Stays,
    Rang(Result<(), String>),
    /// What was followed is over.
    Ended(Result<(), String>),
    /// The bytes are the content; empty if there is no file.
    Read(Result<(), String>),
    Wrote(Result<(), String>),
    /// How many fields were compared, and those on which the readers disagree, in words.
    Compared {
        summary: String,
        differ: Vec<String>,
    },
    Changed,
    /// Something on which a source depends has changed. It belongs to no job.
    Touched {
        source: u64,
    },
    /// The bytes are the past to keep; a line that is not the `last` is followed by a better one.
    Line {
        line: String,
        last: bool,
    },
}

/// A sample as it travels: names are words until their kind turns them into its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Wire {
    level: Level,
    values: Vec<(String, Value)>,
}

impl Wire {
    pub fn new(sample: Sample) -> Wire {
        let values = sample.values.into_iter().map(|(name, value)| (name.to_owned(), value));
        Wire { level: sample.level, values: values.collect() }
    }

    /// The sample, with the names that its kind declares; others are dropped.
    pub fn sample(self, kind: &rainline_segments::Kind) -> Sample {
        let mut sample = Sample::new(self.level);
        for (name, value) in self.values {
            if let Some(field) = kind.fields.iter().find(|field| field.name == name) {
                sample.values.push((field.name, value));
            }
        }
        sample
    }
}

/// The last sample of what is followed, for a line that is drawn while no daemon follows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// When it was right, by the wall clock.
    pub at: Duration,
    pub sample: Option<Wire>,
}

impl Kept {
    /// As a memo.
    pub fn encode(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    pub fn decode(memo: &str) -> Option<Kept> {
        serde_json::from_str(memo).ok()
    }
}

/// A message as bytes: both lengths, then the words, then the raw bytes.
pub fn pack<T: Serialize>(words: &T, raw: &[u8]) -> Vec<u8> {
    let words = serde_json::to_vec(words).unwrap_or_default();
    let mut bytes = Vec::with_capacity(8 + words.len() + raw.len());
    bytes.extend_from_slice(&(words.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&(raw.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&words);
    bytes.extend_from_slice(raw);
    bytes
}

/// Takes a message from the front of `bytes`. `Ok(None)`: not all of it is here yet.
pub fn unpack<T: for<'a> Deserialize<'a>>(
    bytes: &mut Vec<u8>,
) -> Result<Option<(T, Vec<u8>)>, String> {
    let Some(head) = bytes.first_chunk::<8>() else { return Ok(None) };
    let words = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let raw = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
    if words > MAX_MESSAGE || raw > MAX_MESSAGE {
        return Err("a message is too long".into());
    }
    if bytes.len() < 8 + words + raw {
        return Ok(None);
    }
    let message =
        serde_json::from_slice(&bytes[8..8 + words]).map_err(|error| error.to_string())?;
    let blob = bytes[8 + words..8 + words + raw].to_vec();
    bytes.drain(..8 + words + raw);
    Ok(Some((message, blob)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rainline_segments::Untrusted;

    #[test]
    fn a_message_comes_back_as_it_went_and_waits_until_it_is_whole() {
        let whole = pack(&Job::Read { path: "/x".into() }, b"raw");
        for end in 0..whole.len() {
            let mut part = whole[..end].to_vec();
            assert!(matches!(unpack::<Job>(&mut part), Ok(None)), "{end} bytes");
        }
        let mut bytes = [whole, b"next".to_vec()].concat();
        let (job, raw) = unpack::<Job>(&mut bytes).expect("a message").expect("whole");
        assert!(matches!(job, Job::Read { path } if path == std::path::Path::new("/x")));
        assert_eq!((&*raw, &*bytes), (&b"raw"[..], &b"next"[..]));
    }

    #[test]
    fn what_is_kept_comes_back_and_nonsense_is_nothing() {
        let sample = Sample::new(Level::Info).with("text", Value::text("a\n#(id)"));
        let kept = Kept { at: Duration::from_secs(7), sample: Some(Wire::new(sample.clone())) };
        let back = Kept::decode(&kept.encode().expect("a memo")).expect("the same");
        let kind = rainline_segments::find("custom").expect("a kind");
        assert_eq!((back.at, back.sample.map(|wire| wire.sample(kind))), (kept.at, Some(sample)));
        for memo in ["", "{}", "{\"text\":\"x\",\"level\":null,\"until\":null}", "[1, 2]"] {
            assert!(Kept::decode(memo).is_none(), "{memo}");
        }
    }

    #[test]
    fn nonsense_is_no_message() {
        assert!(unpack::<Job>(&mut vec![0xff; 64]).is_err());
        assert!(unpack::<Job>(&mut vec![4, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]).is_err());
    }

    #[test]
    fn a_sample_keeps_only_the_names_of_its_kind() {
        let kind = rainline_segments::ALL[0];
        let value = Value::Text(Untrusted::from("x"));
        let names = kind.fields.iter().map(|field| field.name.to_owned());
        let values = names.chain(["no-such-field".to_owned()]).map(|name| (name, value.clone()));
        let wire = Wire { level: Level::Good, values: values.collect() };
        let sample = wire.sample(kind);
        assert_eq!(sample.values.len(), kind.fields.len());
        assert_eq!(sample.level, Level::Good);
    }
}
