//! The past of a view's numbers, as drop-ins with a picture of their own ask for it. It reads what
//! the cache has and knows nothing of who asks, of workers or of the clock.

use std::fmt::Write as _;

use rainline_segments::base::history::FINE;

use crate::daemon::cache::Cache;
use crate::daemon::configs::Configs;
use rainline_client::protocol::MAX_REPLY;

/// A line for each number, as [`Body::History`](rainline_client::protocol::Body::History) has them.
pub fn text(view: u64, cache: &Cache, configs: &Configs) -> String {
    let mut text = String::new();
    let Some(view) = cache.views.get(&view) else { return text };
    for key in view.keys.iter() {
        let instance = configs.instance(key.config, key.instance);
        let (Some((_, instance)), Some(entry)) = (instance, cache.entries.get(key)) else {
            continue;
        };
        for (field, ring) in &entry.rings {
            // A number has hardly more than a dozen bytes.
            if text.len() + 16 * FINE > MAX_REPLY {
                return text;
            }
            let _ = write!(text, "{}\t{}\t{field}", instance.name, instance.kind.name);
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
