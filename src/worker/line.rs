//! A line from nothing but a config, a history and one reading of each source: what is shown while
//! no daemon answers.

use std::collections::HashMap;
use std::path::Path;

use rainline_client::protocol::{LineRequest, Request};
use rainline_client::sys;
use rainline_segments::{Machine, Pace, RunsIn, Sample, Source};

use super::message::Answer;
use crate::config::{self, Config, Gathered};
use crate::line::drawing::{self, Drawing};
use crate::line::rows::{Age, Reading, Readings};
use crate::readings::history::{self, History, Rings};
use crate::readings::id::{ConfigId, ReadingId};
use crate::readings::{schedule, source};

/// Draws the line of an encoded request and sends it. Where a segment may hang, a line without it
/// goes first.
pub fn draw(
    request: &[u8],
    history: &[u8],
    machine: &Machine,
    send: impl Fn(&Answer) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let Ok(Some((request, _))) = Request::decode(request) else { return Ok(()) };
    let Some(request) = request.line() else { return Ok(()) };
    let path = &request.config;
    let gathered =
        if path.as_os_str().is_empty() { Gathered::default() } else { config::gather(path) };
    let config = config::build(&gathered);
    let path = std::fs::canonicalize(path).unwrap_or(path.clone());
    let drawing = Drawing::of(request, &config);
    let machine = machine.by(config.reader).at(sys::boot());
    let mut history = History::decode(history).unwrap_or_default();
    let mut readings = Single::open(&config, &path, &drawing, &mut history);
    let line = |readings: &Single| drawing.draw(&config, readings).unwrap_or_default();
    readings.sample(machine, request, RunsIn::Daemon);
    if readings.all.values().any(|taken| taken.instance.kind.runs_in == RunsIn::Worker) {
        let line = line(&readings);
        send(&Answer::Line { line, last: false, history: Vec::new() })?;
        readings.sample(machine, request, RunsIn::Worker);
    }
    let line = line(&readings);
    readings.keep(&mut history);
    send(&Answer::Line { line, last: true, history: history.encode() })
}

/// One reading of each instance of a line.
struct Single<'a> {
    all: HashMap<u16, Taken<'a>>,
    trouble: bool,
}

/// A reading that is taken once.
struct Taken<'a> {
    instance: &'a config::Instance,
    id: ReadingId,
    source: Option<Box<dyn Source>>,
    sample: Option<Sample>,
    age: Age,
    rings: Rings,
}

impl<'a> Single<'a> {
    fn open(
        config: &'a Config,
        path: &Path,
        drawing: &Drawing,
        history: &mut History,
    ) -> Single<'a> {
        let path: ConfigId = path.into();
        let open = |index: u16| {
            let instance = &config.instances[usize::from(index)];
            let id = ReadingId::shared_by_all(&path, instance);
            let mut source = source::open(instance.kind, &instance.options).ok();
            if let (Some(source), Some(saved)) = (&mut source, history.saved(&id)) {
                source::restore(source.as_mut(), saved);
            }
            let rings = history.take_rings(&id, instance.kind);
            let mut taken = Taken { instance, id, source, sample: None, age: Age::Waiting, rings };
            // It is not followed here: it shows what a daemon received last, and looks old.
            if instance.kind.runs_in == RunsIn::OwnWorker
                && let Some(last) = history.last(&taken.id).cloned()
            {
                let since = sys::wall().saturating_sub(last.at);
                taken.sample = last.sample.map(|sample| sample.sample(instance.kind));
                taken.age = match schedule::age(instance.pace, Some(since), 0) {
                    Age::Fresh => Age::Stale,
                    age => age,
                };
            }
            (index, taken)
        };
        let all = drawing.instances(config).into_iter().map(open).collect();
        Single { all, trouble: !config.problems.is_empty() }
    }

    /// Reads those whose kind runs in this place.
    fn sample(&mut self, machine: &Machine, request: &LineRequest, place: RunsIn) {
        for taken in self.all.values_mut() {
            let kind = taken.instance.kind;
            let Some(source) = taken.source.as_mut().filter(|_| kind.runs_in == place) else {
                continue;
            };
            match source::sample(source.as_mut(), machine, &drawing::ask(request, kind)) {
                Ok(sample) => (taken.sample, taken.age) = (sample, Age::Fresh),
                Err(_) => {
                    taken.age = Age::Lost;
                    self.trouble = true;
                }
            }
            let interval = schedule::interval(taken.instance.pace);
            let sample = taken.sample.as_ref();
            history::push(&mut taken.rings, sample, sys::boot(), Default::default(), interval);
        }
    }

    /// Puts what the next line needs into the history.
    fn keep(&self, history: &mut History) {
        for taken in self.all.values().filter(|taken| taken.instance.pace != Pace::Ask) {
            history.put_rings(&taken.id, &taken.rings);
            if let Some(saved) = taken.source.as_ref().and_then(|source| source.save()) {
                history.put_saved(&taken.id, saved);
            }
        }
    }
}

impl Readings for Single<'_> {
    fn reading(&self, instance: u16) -> Reading<'_> {
        let Some(taken) = self.all.get(&instance) else { return Reading::default() };
        Reading { sample: taken.sample.as_ref(), age: taken.age, rings: &taken.rings }
    }

    fn trouble(&self) -> bool {
        self.trouble
    }
}
