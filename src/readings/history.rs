//! What is kept of readings beyond a process: the recent numbers of each field, and counters from
//! which the next process computes its first true difference.
//!
//! One format for the history file, which survives reboots, and for the file beside the socket,
//! which survives the daemon. A damaged file is no history: better an empty graph than a wrong one.
//! Pure: files are read and written by workers.

use std::collections::BTreeMap;
use std::time::Duration;

use rainline_segments::{Cell, Kind, Ring, Sample, Unit};
use serde::{Deserialize, Serialize};

use super::id::{ConfigId, ReadingId};
use super::sample::LastSample;

/// The start of every file; another format has another number.
const MAGIC: &[u8; 4] = b"RLh2";
/// The start and the checksum.
const HEADER: usize = 8;
/// The most series that are written.
const MAX_SERIES: usize = 128;
/// Of how many configs that are not in use any more what is kept stays; of those in use all of it
/// does.
const MAX_RETIRED: usize = 8;
/// The largest file: three times what the most series of a day take.
pub const MAX_FILE: usize = 8 << 20;
/// A pause of this many intervals between two readings is a gap, and never less than five seconds.
const GAP_INTERVALS: u32 = 3;
const SHORTEST_GAP: Duration = Duration::from_secs(5);

/// The recent numbers of each field that keeps them.
pub type Rings = Vec<(&'static str, Ring)>;

/// What is kept, by reading. Only readings that are the same for all requests are in it.
#[derive(Debug, Default)]
pub struct History {
    /// What sources get when they are opened again, to go on counting.
    saved: BTreeMap<ReadingId, String>,
    /// The last samples of followed sources.
    last: BTreeMap<ReadingId, LastSample>,
    /// Numbers, by reading and field.
    rings: BTreeMap<(ReadingId, String), Ring>,
    /// The configs that are not in use any more, the last one last.
    retired: Vec<ConfigId>,
}

/// A history as it is written.
#[derive(Serialize, Deserialize)]
struct Stored {
    saved: BTreeMap<ReadingId, String>,
    last: BTreeMap<ReadingId, LastSample>,
    series: Vec<Series>,
}

#[derive(Serialize, Deserialize)]
struct Series {
    reading: ReadingId,
    field: String,
    fine: Vec<f32>,
    /// Minimum, mean and maximum of each minute.
    coarse: Vec<[f32; 3]>,
}

/// The fields of a kind whose numbers are kept, each once.
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
/// the interval leaves a gap, as does a number that is missing.
pub fn push(
    rings: &mut Rings,
    sample: Option<&Sample>,
    at: Duration,
    pause: Duration,
    interval: Duration,
) {
    for (field, ring) in rings {
        if pause > interval.saturating_mul(GAP_INTERVALS).max(SHORTEST_GAP) {
            ring.gap();
        }
        match sample.and_then(|sample| sample.get(field)).and_then(|value| value.as_number()) {
            Some(number) if number.is_finite() => ring.push(number, at.as_secs()),
            _ => ring.gap(),
        }
    }
}

impl History {
    /// Takes the rings of a reading out. A gap marks the time between, unless they go on at once.
    pub fn take_rings(&mut self, id: &ReadingId, kind: &Kind, goes_on: bool) -> Rings {
        let ring = |field: &'static str| {
            let mut ring = self.rings.remove(&(id.clone(), field.to_owned())).unwrap_or_default();
            if !goes_on {
                ring.gap();
            }
            (field, ring)
        };
        fields(kind).into_iter().map(ring).collect()
    }

    /// Keeps a copy of a reading's rings.
    pub fn put_rings(&mut self, id: &ReadingId, rings: &Rings) {
        for (field, ring) in rings.iter().filter(|(_, ring)| !ring.is_empty()) {
            self.rings.insert((id.clone(), (*field).to_owned()), ring.clone());
        }
    }

    /// What a source saved at its last reading.
    pub fn saved(&self, id: &ReadingId) -> Option<&str> {
        self.saved.get(id).map(String::as_str)
    }

    /// Keeps what a source saved.
    pub fn put_saved(&mut self, id: &ReadingId, saved: String) {
        self.saved.insert(id.clone(), saved);
    }

    /// The last sample of a followed source.
    pub fn last(&self, id: &ReadingId) -> Option<&LastSample> {
        self.last.get(id)
    }

    /// Keeps the last sample of a followed source.
    pub fn put_last(&mut self, id: &ReadingId, last: LastSample) {
        self.last.insert(id.clone(), last);
    }

    /// Notes that a config is not in use any more. Of too many such ones what was kept is forgotten,
    /// the first one's first.
    pub fn retire(&mut self, config: &ConfigId) {
        self.retired.retain(|known| known != config);
        let is_of = |id: &ReadingId, config: &ConfigId| id.config == *config;
        let is_kept = self.saved.keys().chain(self.last.keys()).any(|id| is_of(id, config))
            || self.rings.keys().any(|(id, _)| is_of(id, config));
        if is_kept {
            self.retired.push(config.clone());
        }
        if self.retired.len() > MAX_RETIRED {
            let oldest = self.retired.remove(0);
            self.saved.retain(|id, _| !is_of(id, &oldest));
            self.last.retain(|id, _| !is_of(id, &oldest));
            self.rings.retain(|(id, _), _| !is_of(id, &oldest));
        }
    }

    /// Takes over what the other knows and this does not.
    pub fn adopt(&mut self, other: History) {
        fn fill<K: Ord, V>(ours: &mut BTreeMap<K, V>, theirs: BTreeMap<K, V>) {
            for (key, value) in theirs {
                ours.entry(key).or_insert(value);
            }
        }
        fill(&mut self.saved, other.saved);
        fill(&mut self.last, other.last);
        fill(&mut self.rings, other.rings);
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.saved.is_empty() && self.last.is_empty() && self.rings.is_empty()
    }

    /// Magic, CRC-32 of the rest, then everything by postcard.
    pub fn encode(&self) -> Vec<u8> {
        let series = |((reading, field), ring): (&(ReadingId, String), &Ring)| {
            let (fine, coarse) = ring.parts();
            let coarse = coarse.iter().map(|cell| [cell.min, cell.mean, cell.max]).collect();
            Series { reading: reading.clone(), field: field.clone(), fine, coarse }
        };
        let stored = Stored {
            saved: self.saved.clone(),
            last: self.last.clone(),
            series: self.rings.iter().take(MAX_SERIES).map(series).collect(),
        };
        let bytes = postcard::to_extend(&stored, [MAGIC.as_slice(), &[0; 4]].concat());
        // Nothing in it can fail to be written; without it the next process starts anew.
        let mut bytes: Vec<u8> = bytes.unwrap_or_default();
        if let Some((head, body)) = bytes.split_at_mut_checked(HEADER) {
            head[MAGIC.len()..].copy_from_slice(&crc32fast::hash(body).to_le_bytes());
        }
        bytes
    }

    /// `None` for anything that [`History::encode`] did not write whole.
    pub fn decode(bytes: &[u8]) -> Option<History> {
        if bytes.len() > MAX_FILE {
            return None;
        }
        let (sum, body) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
        if crc32fast::hash(body) != u32::from_le_bytes(*sum) {
            return None;
        }
        let stored: Stored = postcard::from_bytes(body).ok()?;
        let cell = |[min, mean, max]: &[f32; 3]| Cell { min: *min, mean: *mean, max: *max };
        let ring = |series: Series| {
            let coarse: Vec<Cell> = series.coarse.iter().map(cell).collect();
            ((series.reading, series.field), Ring::from_parts(&series.fine, &coarse))
        };
        let rings = stored.series.into_iter().map(ring).collect();
        Some(History { saved: stored.saved, last: stored.last, rings, retired: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

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

    fn cpu() -> ReadingId {
        let config = Config::built_in();
        let cpu = config.instance("cpu").expect("it is built in");
        ReadingId::shared_by_all(&Path::new("/c").into(), &config.instances[usize::from(cpu)])
    }

    fn history() -> History {
        let mut ring = Ring::default();
        (0..130).for_each(|second| ring.push(f64::from(second), second as u64));
        let mut history = History::default();
        history.put_saved(&cpu(), "1 2 3".into());
        history.put_rings(&cpu(), &vec![("usage", ring)]);
        history.put_last(&cpu(), LastSample { at: Duration::from_secs(7), sample: None });
        history
    }

    #[test]
    fn a_history_comes_back_as_it_went() {
        let again = History::decode(&history().encode()).expect("whole");
        assert_eq!(again.saved(&cpu()), Some("1 2 3"));
        assert_eq!(again.last(&cpu()).map(|last| last.at), Some(Duration::from_secs(7)));
        let ring = &again.rings[&(cpu(), "usage".to_owned())];
        assert_eq!(ring.recent(1).next().map(|cell| cell.mean), Some(129.0));
        assert_eq!(ring.minutes(10).count(), 3);
    }

    #[test]
    fn only_what_does_not_go_on_at_once_begins_with_a_gap() {
        let kind = rainline_segments::ALL.iter().find(|kind| kind.name == "cpu").expect("a kind");
        let newest = |goes_on| {
            let rings = history().take_rings(&cpu(), kind, goes_on);
            let (_, ring) = rings.into_iter().find(|(field, _)| *field == "usage").expect("a ring");
            ring.recent(1).next().expect("a cell")
        };
        assert_eq!(newest(true).mean, 129.0);
        assert!(newest(false).is_gap());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        let bytes = history().encode();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                assert!(History::decode(&damaged).is_none(), "byte {at}, bit {bit}");
            }
            assert!(History::decode(&bytes[..at]).is_none(), "cut at {at}");
        }
    }

    /// A checksum that is right says nothing about what it covers.
    #[test]
    fn lengths_beyond_the_end_and_files_beyond_the_limit_are_no_history() {
        let whole = |body: &[u8]| [MAGIC, &crc32fast::hash(body).to_le_bytes()[..], body].concat();
        assert!(History::decode(&whole(&[0, 0, 0])).is_some_and(|empty| empty.is_empty()));
        assert!(History::decode(&whole(&[0xff, 0xff, 0xff, 0xff, 0x0f, 1, b'x'])).is_none());
        assert!(History::decode(&whole(&vec![0; MAX_FILE])).is_none());
    }

    #[test]
    fn no_more_series_are_written_than_fit() {
        let mut history = History::default();
        let mut ring = Ring::default();
        ring.push(1.0, 1);
        for asker in 0..MAX_SERIES as u64 + 9 {
            history.put_rings(&cpu().of_asker(asker, None), &vec![("usage", ring.clone())]);
        }
        let again = History::decode(&history.encode()).expect("whole");
        assert_eq!(again.rings.len(), MAX_SERIES);
    }

    #[test]
    fn a_path_that_is_no_text_is_kept_all_the_same() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/\xff"));
        let id = ReadingId { config: path.into(), ..cpu() };
        let mut history = History::default();
        history.put_saved(&id, "1".into());
        let again = History::decode(&history.encode()).expect("whole");
        assert_eq!(again.saved(&id), Some("1"));
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
        let mut ours = History::default();
        ours.put_saved(&cpu(), "ours".into());
        ours.adopt(history());
        assert_eq!(ours.saved(&cpu()), Some("ours"));
        assert_eq!(ours.rings.len(), 1);
    }
}
