//! The past that outlives a process: rings of readings, and counters for the next true difference.
//!
//! One codec for the history file, which survives reboots, and for the memo beside the socket,
//! which survives the daemon. Damaged bytes are no past at all: better an empty graph than a wrong
//! one. Keys are texts made of config, instance and kind, so an instance that is renamed starts
//! anew. Pure: reading and writing files is a worker's business.

use std::collections::BTreeMap;
use std::time::Duration;

use rainline_segments::{Cell, Kind, Ring, Sample, Unit};

use crate::config::Instance;
use rainline_client::runtime::hash;

const MAGIC: &[u8; 4] = b"RLh1";
/// The most series that are kept.
const MOST_SERIES: usize = 128;

/// A field's ring under its name.
pub type Rings = Vec<(&'static str, Ring)>;

/// What is kept of each instance.
#[derive(Debug, Default)]
pub struct Past {
    /// Counters, by instance.
    pub memos: BTreeMap<String, String>,
    /// Readings, by instance and field.
    rings: BTreeMap<(String, String), Ring>,
}

/// What an instance's past is found by.
pub fn key(config: &std::path::Path, instance: &Instance) -> String {
    format!("{}\u{1f}{}\u{1f}{}", config.display(), instance.name, instance.kind.name)
}

/// The fields of a kind whose past is kept, each once.
pub fn fields(kind: &Kind) -> Vec<&'static str> {
    let mut fields = Vec::new();
    for field in kind.fields {
        if let Unit::History(of) = field.unit
            && !fields.contains(&of)
        {
            fields.push(of);
        }
    }
    fields
}

/// Adds a sample's numbers to the rings. `pause` is the time since the last one: much more than
/// the pace leaves a gap, as does a number that is missing.
pub fn push(
    rings: &mut Rings,
    sample: Option<&Sample>,
    at: Duration,
    pause: Duration,
    pace: Duration,
) {
    for (field, ring) in rings {
        if pause > (pace * 3).max(Duration::from_secs(5)) {
            ring.gap();
        }
        match sample.and_then(|sample| sample.get(field)).and_then(|value| value.as_number()) {
            Some(number) if number.is_finite() => ring.push(number, at.as_secs()),
            _ => ring.gap(),
        }
    }
}

impl Past {
    /// Takes the rings of an instance out; a gap marks the time between.
    pub fn take(&mut self, key: &str, kind: &Kind) -> Rings {
        let ring = |field: &'static str| {
            let mut ring =
                self.rings.remove(&(key.to_owned(), field.to_owned())).unwrap_or_default();
            ring.gap();
            (field, ring)
        };
        fields(kind).into_iter().map(ring).collect()
    }

    /// Keeps a copy of an instance's rings.
    pub fn put(&mut self, key: &str, rings: &Rings) {
        for (field, ring) in rings.iter().filter(|(_, ring)| !ring.is_empty()) {
            self.rings.insert((key.to_owned(), (*field).to_owned()), ring.clone());
        }
    }

    /// Takes over what the other knows and this does not.
    pub fn adopt(&mut self, other: Past) {
        for (key, memo) in other.memos {
            self.memos.entry(key).or_insert(memo);
        }
        for (key, ring) in other.rings {
            self.rings.entry(key).or_insert(ring);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.memos.is_empty() && self.rings.is_empty()
    }

    /// Magic, checksum of the rest, then counted and length-prefixed entries; little-endian.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        let text = |body: &mut Vec<u8>, text: &str| {
            body.extend_from_slice(&(text.len() as u32).to_le_bytes());
            body.extend_from_slice(text.as_bytes());
        };
        body.extend_from_slice(&(self.memos.len() as u32).to_le_bytes());
        for (key, memo) in &self.memos {
            text(&mut body, key);
            text(&mut body, memo);
        }
        let series = self.rings.iter().take(MOST_SERIES);
        body.extend_from_slice(&(series.len() as u32).to_le_bytes());
        for ((key, field), ring) in series {
            text(&mut body, key);
            text(&mut body, field);
            let (fine, coarse) = ring.parts();
            body.extend_from_slice(&(fine.len() as u32).to_le_bytes());
            fine.iter().for_each(|value| body.extend_from_slice(&value.to_le_bytes()));
            body.extend_from_slice(&(coarse.len() as u32).to_le_bytes());
            for cell in &coarse {
                for value in [cell.min, cell.mean, cell.max] {
                    body.extend_from_slice(&value.to_le_bytes());
                }
            }
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&checksum(&body).to_le_bytes());
        bytes.extend(body);
        bytes
    }

    /// `None` for anything that [`Past::encode`] did not write whole.
    pub fn decode(bytes: &[u8]) -> Option<Past> {
        let mut input = Input(bytes.strip_prefix(MAGIC)?);
        let sum = u64::from_le_bytes(*input.0.first_chunk()?);
        input.0 = &input.0[8..];
        if checksum(input.0) != sum {
            return None;
        }
        let mut past = Past::default();
        for _ in 0..input.count()? {
            let key = input.text()?;
            past.memos.insert(key, input.text()?);
        }
        for _ in 0..input.count()? {
            let key = (input.text()?, input.text()?);
            let fine = input.floats(1)?;
            let coarse = input.floats(3)?;
            let cell = |part: &[f32]| Cell { min: part[0], mean: part[1], max: part[2] };
            let coarse: Vec<Cell> = coarse.chunks_exact(3).map(cell).collect();
            past.rings.insert(key, Ring::from_parts(&fine, &coarse));
        }
        Some(past)
    }
}

fn checksum(bytes: &[u8]) -> u64 {
    use std::os::unix::ffi::OsStrExt;
    hash(std::ffi::OsStr::from_bytes(bytes))
}

/// Bytes that are read from the front.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn bytes(&mut self, length: usize) -> Option<&[u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn count(&mut self) -> Option<usize> {
        self.bytes(4)?.try_into().ok().map(|four| u32::from_le_bytes(four) as usize)
    }

    fn text(&mut self) -> Option<String> {
        let length = self.count()?;
        String::from_utf8(self.bytes(length)?.to_vec()).ok()
    }

    fn floats(&mut self, each: usize) -> Option<Vec<f32>> {
        let length = self.count()?.checked_mul(each * 4)?;
        let bytes = self.bytes(length)?;
        Some(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half of what the daemon may hold for itself; deques may have twice the room they need.
    #[test]
    fn a_day_of_every_segment_fits_into_two_megabytes() {
        let mut bytes = 0;
        for kind in rainline_segments::ALL {
            for _ in fields(kind) {
                let mut ring = Ring::default();
                (0..86_400).for_each(|second| ring.push(f64::from(second), second as u64));
                let (fine, coarse) = ring.parts();
                bytes += 2 * (size_of_val(&*fine) + size_of_val(&*coarse));
            }
        }
        assert!(bytes > 10_000 && bytes < 2 << 20, "{bytes} bytes");
    }

    fn past() -> Past {
        let mut ring = Ring::default();
        (0..130).for_each(|second| ring.push(f64::from(second), second as u64));
        let mut past = Past::default();
        past.memos.insert("cpu".into(), "1 2 3".into());
        past.put("cpu", &vec![("usage", ring)]);
        past
    }

    #[test]
    fn a_past_comes_back_as_it_went() {
        let again = Past::decode(&past().encode()).expect("whole");
        assert_eq!(again.memos["cpu"], "1 2 3");
        let ring = &again.rings[&("cpu".to_owned(), "usage".to_owned())];
        assert_eq!(ring.recent(1).next().map(|cell| cell.mean), Some(129.0));
        assert_eq!(ring.minutes(10).count(), 3);
    }

    #[test]
    fn damage_is_seen_wherever_it_is() {
        let bytes = past().encode();
        for at in (0..bytes.len()).step_by(7) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x40;
            assert!(Past::decode(&damaged).is_none(), "byte {at}");
            assert!(Past::decode(&bytes[..at]).is_none(), "cut at {at}");
        }
    }

    #[test]
    fn a_pause_leaves_a_gap() {
        let second = Duration::from_secs(1);
        let sample = Sample::default().with("usage", rainline_segments::Value::percent(5.0));
        let mut rings: Rings = vec![("usage", Ring::default())];
        push(&mut rings, Some(&sample), second, Duration::ZERO, second);
        push(&mut rings, Some(&sample), second * 2, second, second);
        push(&mut rings, Some(&sample), second * 60, second * 58, second);
        let gaps: Vec<bool> = rings[0].1.recent(9).map(|cell| cell.is_gap()).collect();
        assert_eq!(gaps, [false, false, true, false]);
    }

    #[test]
    fn what_is_known_already_is_not_replaced() {
        let mut mine = Past::default();
        mine.memos.insert("cpu".into(), "mine".into());
        mine.adopt(past());
        assert_eq!(mine.memos["cpu"], "mine");
        assert_eq!(mine.rings.len(), 1);
    }
}
