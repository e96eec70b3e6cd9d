//! The chart's samples: those kept between calls, begun with the peer's own file.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rainline_segments::Machine;

use super::options::Options;
use super::storable;
use crate::compat::base::peer::Call;
use crate::compat::base::state::{self, Chart};
use crate::compat::base::usage;
use rainline_client::{runtime, sys};

/// The last `width` samples with the newest, oldest first; fewer where there are fewer.
pub(super) fn history(
    call: &Call,
    options: &Options,
    width: usize,
    home: Option<&Path>,
) -> Vec<f64> {
    let dat = match &*options.datfile {
        "" => home.map(|home| home.join(".rainbarf.dat")),
        named => Some(PathBuf::from(named)),
    };
    let dat = dat.and_then(|path| std::path::absolute(path).ok());
    let path = dat.as_ref().map(|path| path.as_os_str().as_bytes()).unwrap_or_default();
    let what = if options.loadavg { "load" } else { "cpu" };
    let key = format!("{what}-{:016x}", runtime::hash(std::ffi::OsStr::from_bytes(path)));
    let skip = options.skip.trim().parse::<f64>().unwrap_or(0.0);
    let now = sys::wall().as_secs();
    let known = state::read(call.state.as_deref()).charts.remove(&key);
    let stored = known.map_or(now, |chart| chart.stored);
    let sample = match options.loadavg {
        true => call.machine.load().ok().flatten().map(|load| load.one),
        false => usage::busy(call, now.saturating_sub(stored)),
    };
    let mut samples = Vec::new();
    state::update(call.state.as_deref(), |state| {
        let known = state.charts.remove(&key).unwrap_or_default();
        let mut chart = dat.as_deref().and_then(|path| imported(path, &known)).unwrap_or(known);
        if chart.samples.is_empty() && !options.loadavg && call.machine.is_real() {
            chart.samples = usage::daemon_history().unwrap_or_default();
            chart.samples.retain(|sample| sample.is_finite());
        }
        let newest = sample.or(chart.samples.last().copied()).unwrap_or(0.0);
        samples.clone_from(&chart.samples);
        samples.push(newest);
        let is_due = now.saturating_sub(chart.stored) as f64 >= skip || chart.stored > now;
        if is_due {
            chart.samples.push(newest);
            chart.stored = now;
            let surplus = chart.samples.len().saturating_sub(state::MAX_SAMPLES);
            chart.samples.drain(..surplus);
        }
        state.charts.insert(key, chart);
    });
    let surplus = samples.len().saturating_sub(width.max(1));
    samples.drain(..surplus);
    samples
}

/// A chart that begins with the peer's own file, unless `known` began with this very file already.
fn imported(path: &Path, known: &Chart) -> Option<Chart> {
    let file = std::fs::metadata(path).ok()?;
    let (second, nanosecond) = (file.mtime(), file.mtime_nsec());
    let version = format!("{second}.{nanosecond}.{}.{}", file.len(), file.ino());
    if version == known.imported {
        return None;
    }
    let samples = storable::samples(&Machine::real().read(path).ok()?)?;
    Some(Chart { stored: u64::try_from(second).unwrap_or(0), imported: version, samples })
}
