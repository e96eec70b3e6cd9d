//! A line from nothing but a config, a history and one reading of each source: what is shown while
//! no daemon answers.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use rainline_caps::Glyphs;
use rainline_client::protocol::{LineRequest, Request};
use rainline_client::sys;
use rainline_segments::{Kind, Machine, Pace, RunsIn, Sample, Source};

use super::message::{Answer, Old};
use crate::config::{self, Config, Gathered};
use crate::line::drawing::{self, Drawing};
use crate::line::rows::{Age, Reading, Readings};
use crate::readings::history::{self, History, Rings};
use crate::readings::id::{ConfigId, ReadingId};
use crate::readings::{schedule, source};

/// How old the values of a line are taken to be that is shown again soon, and of one that is shown
/// again later.
const SOON: Duration = Duration::from_secs(5);
const LATE: Duration = Duration::from_secs(60);

/// What is to be drawn, see [`Job::Line`](super::message::Job::Line).
pub struct Order<'a> {
    pub request: &'a [u8],
    pub history: &'a [u8],
    pub since: Option<Duration>,
    pub trouble: bool,
    pub is_quick: bool,
}

/// Draws the line of an encoded request and sends it. Where a segment may hang, a line without it
/// goes first.
pub fn draw(
    order: &Order,
    machine: &Machine,
    send: impl Fn(&Answer) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let Ok(Some((request, _))) = Request::decode(order.request) else { return Ok(()) };
    let Some(request) = request.line() else { return Ok(()) };
    let path = &request.config;
    let gathered =
        if path.as_os_str().is_empty() { Gathered::default() } else { config::gather(path) };
    let config = config::build(&gathered);
    let drawing = Drawing::of(request, &config);
    let machine = machine.by(config.reader).at(sys::boot());
    let mut history = History::decode(order.history).unwrap_or_default();
    let mut readings = Single::open(&config, path, &drawing, &mut history, order.since);
    readings.trouble |= order.trouble;
    let line = |readings: &dyn Readings| drawing.draw(&config, readings).unwrap_or_default();
    readings.sample(machine, request, |kind| kind.runs_in == RunsIn::Daemon);
    let may_hang = |taken: &Taken| taken.instance.kind.runs_in == RunsIn::Worker;
    if !order.is_quick && readings.all.values().any(may_hang) {
        let (history, old) = Default::default();
        send(&Answer::Line { line: line(&readings), last: false, history, old })?;
        readings.sample(machine, request, |kind| kind.runs_in == RunsIn::Worker);
    }
    let after =
        |since| [false, true].map(|trouble| line(&Aged { readings: &readings, since, trouble }));
    let old = Old { soon: after(SOON), late: after(LATE) };
    let line = line(&readings);
    readings.keep(&mut history);
    send(&Answer::Line { line, last: true, history: history.encode(), old })
}

/// The line by the built-in config of what the request itself says, for where no worker draws one
/// in time: what the last command came to is known, and the machine is not read.
pub fn of_request(request: &LineRequest, trouble: bool) -> String {
    let config = Config::built_in();
    let drawing = Drawing::of(request, &config);
    let mut readings =
        Single::open(&config, Path::new(""), &drawing, &mut History::default(), None);
    let is_said = |kind: &Kind| kind.pace == Pace::Ask && kind.runs_in == RunsIn::Daemon;
    readings.sample(&Machine::real(), request, is_said);
    readings.trouble = trouble;
    let line = drawing.draw(&config, &readings).unwrap_or_default();
    if !line.is_empty() {
        return line;
    }
    let dots = if request.glyphs == Some(Glyphs::Ascii) { "..." } else { "…" };
    let sign = if trouble && drawing.has_sign(&config) { "!" } else { "" };
    format!("{dots}{sign}")
}

/// One reading of each instance of a line.
struct Single<'a> {
    all: HashMap<u16, Taken<'a>>,
    /// How long ago the readings were taken that these go on from.
    since: Option<Duration>,
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
        since: Option<Duration>,
    ) -> Single<'a> {
        let path: ConfigId = path.into();
        let open = |index: u16| {
            let instance = &config.instances[usize::from(index)];
            let id = ReadingId::shared_by_all(&path, instance);
            let mut source = source::open(instance.kind, &instance.options).ok();
            if let (Some(source), Some(saved)) = (&mut source, history.saved(&id)) {
                source::restore(source.as_mut(), saved);
            }
            let rings = history.take_rings(&id, instance.kind, since.is_some());
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
        Single { all, since, trouble: !config.problems.is_empty() }
    }

    /// Reads those of the kinds that are wanted.
    fn sample(
        &mut self,
        machine: &Machine,
        request: &LineRequest,
        is_wanted: impl Fn(&Kind) -> bool,
    ) {
        for taken in self.all.values_mut() {
            let kind = taken.instance.kind;
            let Some(source) = taken.source.as_mut().filter(|_| is_wanted(kind)) else {
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
            let pause = self.since.unwrap_or_default();
            history::push(&mut taken.rings, sample, sys::boot(), pause, interval);
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

/// The same readings when some time has passed.
struct Aged<'a> {
    readings: &'a Single<'a>,
    since: Duration,
    trouble: bool,
}

impl Readings for Aged<'_> {
    fn reading(&self, instance: u16) -> Reading<'_> {
        let reading = self.readings.reading(instance);
        let pace = self.readings.all.get(&instance).map(|taken| taken.instance.pace);
        let age = match (reading.age, pace) {
            (Age::Fresh, Some(pace)) if pace != Pace::Ask => {
                schedule::age(pace, Some(self.since), 0)
            }
            (age, _) => age,
        };
        Reading { age, ..reading }
    }

    fn trouble(&self) -> bool {
        self.trouble || self.readings.trouble()
    }
}
