//! The recent numbers of a line's readings as text, for drop-ins that draw pictures of their own.

use std::fmt::Write as _;

use rainline_client::protocol::MAX_REPLY;
use rainline_segments::base::history::FINE;

use super::sampler::Cache;
use crate::readings::id::ReadingId;

/// A number takes hardly more bytes than this.
const NUMBER: usize = 16;

/// A line for each number that is kept, as [`Body::History`](rainline_client::protocol::Body::History)
/// describes it.
pub fn text<'a>(shown: impl Iterator<Item = &'a ReadingId>, cache: &Cache) -> String {
    let mut text = String::new();
    for id in shown {
        let Some(entry) = cache.get(id) else { continue };
        for (field, ring) in entry.rings() {
            if text.len() + NUMBER * FINE > MAX_REPLY {
                return text;
            }
            let _ = write!(text, "{}\t{}\t{field}", id.instance, id.kind);
            for cell in ring.recent(usize::MAX) {
                let _ = match cell.is_gap() {
                    true => write!(text, "\t-"),
                    false => write!(text, "\t{}", cell.mean),
                };
            }
            text.push('\n');
        }
    }
    text
}
