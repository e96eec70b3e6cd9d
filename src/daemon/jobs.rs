//! The other end of the pipe: what a worker process does with the jobs that `workers` describes.
//!
//! A worker may hang or die at any point; it holds nothing that anybody would miss. It ends with
//! its input.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rainline_segments::base::agreement;
use rainline_segments::{Ask, Machine, Pace, Sample, Source, Where};

use super::drawing::{self, Drawing};
use super::history::{self, Past, Rings};
use super::ring;
use super::schedule;
use super::watch::{self, Places};
use super::workers::{Answer, Job, Kept, MOST_SOURCES, Wire, pack, unpack};
use crate::config::{self, Config, Gathered};
use crate::protocol::Request;
use crate::render::{Age, Reading, Readings};
use crate::sys;

/// Does jobs from standard input until it ends.
pub fn main(root: Option<PathBuf>) -> i32 {
    sys::close_from(3);
    std::panic::set_hook(Box::new(|_| {}));
    // Whoever ends us finds by it what we started.
    let _ = rustix::process::setsid();
    // What stands for the machine does not change by itself.
    let places = root.is_none().then(Places::default);
    let mut open = Open { sources: HashMap::new(), places };
    let host = host(root).ending_with_stdin();
    let mut input = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        match unpack::<Job>(&mut input) {
            Ok(Some((job, raw))) => {
                if work(job, &raw, &host, &mut open).is_err() {
                    return 0;
                }
                continue;
            }
            Ok(None) => {}
            Err(_) => return 1,
        }
        if let Some(places) = &mut open.places
            && places.wait(|source| say(&Answer::Touched { source }, &[])).is_err()
        {
            return 0;
        }
        match std::io::stdin().read(&mut chunk) {
            Ok(0) => return 0,
            Ok(count) => input.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return 1,
        }
    }
}

/// What a worker has open from one job to the next.
struct Open {
    sources: HashMap<u64, Box<dyn Source>>,
    /// What they depend on; `None`: nothing is watched.
    places: Option<Places>,
}

/// The machine as sources see it, or a directory that stands for it.
pub fn host(root: Option<PathBuf>) -> Machine {
    root.map_or_else(Machine::real, Machine::rooted)
}

fn say(answer: &Answer, raw: &[u8]) -> std::io::Result<()> {
    let mut stdout = std::io::stdout();
    stdout.write_all(&pack(answer, raw))?;
    stdout.flush()
}

/// `Err` when nobody listens any more.
fn work(job: Job, raw: &[u8], host: &Machine, open: &mut Open) -> std::io::Result<()> {
    let Open { sources, places } = open;
    match job {
        Job::Gather { path } => {
            let gathered = config::gather(&path);
            let canonical = std::fs::canonicalize(&path).unwrap_or(path);
            say(&Answer::Gathered { canonical, gathered }, &[])
        }
        Job::Sample { key, kind, options, ask, reader } => {
            let host = host.by(reader).at(sys::boot());
            if sources.len() >= MOST_SOURCES && !sources.contains_key(&key) {
                sources.clear();
                places.iter_mut().for_each(Places::clear);
            }
            let memo = String::from_utf8_lossy(raw);
            let source = source(sources, key, &kind, &options, &memo);
            let sampled = match source {
                Ok(source) if stays(source, host) => return say(&Answer::Stays, &[]),
                Ok(source) => {
                    places.iter_mut().for_each(|places| places.again(key));
                    let mut sampled = guarded(source, host, &ask);
                    if let Some(places) = places
                        && places.arm(key, depends(source))
                    {
                        // What changed before it was watched.
                        sampled = guarded(source, host, &ask);
                    }
                    sampled
                }
                Err(why) => Err(why),
            };
            if sampled.is_err() {
                // Opened anew next time: what broke it may have left it broken.
                sources.remove(&key);
            }
            let memo = sources.get(&key).and_then(|source| source.memo()).unwrap_or_default();
            let sampled = sampled.map(|sample| sample.map(Wire::new));
            say(&Answer::Sampled(sampled), memo.as_bytes())
        }
        Job::Follow { kind, options, ask, every } => {
            let ended = follow(&kind, &options, host, &ask, every);
            say(&Answer::Ended(ended), &[])
        }
        Job::Read { path } => match read(&path) {
            Ok(bytes) => say(&Answer::Read(Ok(())), &bytes),
            Err(error) => say(&Answer::Read(Err(error.to_string())), &[]),
        },
        Job::Write { path } => {
            let written = write(&path, raw).map_err(|error| error.to_string());
            say(&Answer::Wrote(written), &[])
        }
        Job::Compare => {
            let all = agreement::compare_readers(rainline_segments::ALL);
            let differ = all.iter().filter(|one| !one.agrees()).map(|one| one.to_string());
            let (summary, differ) = (agreement::summary(&all), differ.collect());
            say(&Answer::Compared { summary, differ }, &[])
        }
        Job::Ring(news) => say(&Answer::Rang(ring::tell(&news, host)), &[]),
        Job::Watch { paths } => watch::run(&paths, || say(&Answer::Changed, &[])),
        Job::Line { request } => line(&request, raw, host),
    }
}

/// The source of this number, opened if it is not, with what it kept the last time.
fn source<'a>(
    sources: &'a mut HashMap<u64, Box<dyn Source>>,
    key: u64,
    kind: &str,
    options: &str,
    memo: &str,
) -> Result<&'a mut dyn Source, String> {
    let source = match sources.entry(key) {
        std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
        std::collections::hash_map::Entry::Vacant(entry) => entry.insert(open(kind, options)?),
    };
    if !memo.is_empty() {
        // Another worker may have read it since this one did.
        let recall = AssertUnwindSafe(|| source.recall(memo));
        let _ = catch_unwind(recall);
    }
    Ok(source.as_mut())
}

/// What its last reading depends on; nothing if it breaks down.
fn depends(source: &dyn Source) -> Vec<PathBuf> {
    catch_unwind(AssertUnwindSafe(|| source.depends())).unwrap_or_default()
}

/// Whether it wants to be followed; one that breaks down does not.
fn stays(source: &dyn Source, host: &Machine) -> bool {
    catch_unwind(AssertUnwindSafe(|| source.stays(host))).unwrap_or(false)
}

fn open(kind: &str, options: &str) -> Result<Box<dyn Source>, String> {
    let kind = rainline_segments::find(kind).ok_or("there is no such kind of segment")?;
    let options = toml::from_str(options).map_err(|error| error.to_string())?;
    (kind.open)(&options).map_err(|error| error.to_string())
}

/// Tells each reading of a source until it ends, or nobody listens any more.
fn follow(
    kind: &str,
    options: &str,
    host: &Machine,
    ask: &Ask,
    every: Duration,
) -> Result<(), String> {
    let mut source = open(kind, options)?;
    let mut heard = |sampled: Result<Option<Sample>, rainline_segments::Error>| {
        let sampled = sampled.map(|sample| sample.map(Wire::new));
        let sampled = sampled.map_err(|error| error.to_string());
        say(&Answer::Sampled(sampled), &[]).is_ok()
    };
    match catch_unwind(AssertUnwindSafe(|| source.follow(host, ask, every, &mut heard))) {
        Ok(ended) => ended.map_err(|error| error.to_string()),
        Err(_) => Err("it broke down (a bug)".into()),
    }
}

/// Reads a source; a panic is an error like any other.
pub fn guarded(
    source: &mut dyn Source,
    host: &Machine,
    ask: &Ask,
) -> Result<Option<Sample>, String> {
    match catch_unwind(AssertUnwindSafe(|| source.sample(host, ask))) {
        Ok(sampled) => sampled.map_err(|error| error.to_string()),
        Err(_) => Err("it broke down (a bug)".into()),
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    match std::fs::read(path) {
        // A damaged past is put aside once, for whoever wants to know, and not used.
        Ok(bytes) if Past::decode(&bytes).is_none() => {
            let mut aside = path.as_os_str().to_owned();
            aside.push(".bad");
            std::fs::rename(path, aside)?;
            Ok(Vec::new())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

/// Replaces a file in one step that survives a power cut: new file, fsync, rename.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    if let Some(dir) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = PathBuf::from(draft);
    let mut options = std::fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(&draft);
    let written = opened.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&draft, path)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written
}

/// Draws a line from nothing but a config and one reading of each source.
fn line(request: &[u8], past: &[u8], host: &Machine) -> std::io::Result<()> {
    let Ok(Some((request, _))) = Request::decode(request) else { return Ok(()) };
    let path = config_path(&request);
    let gathered =
        if path.as_os_str().is_empty() { Gathered::default() } else { config::gather(&path) };
    let config = config::build(&gathered);
    let drawing = Drawing::of(&request, &config);
    let mut past = Past::decode(past).unwrap_or_default();
    let mut readings = Once::open(&config, &path, &drawing, &mut past);
    readings.trouble = !config.problems.is_empty();
    readings.sample(&config, host, &request, Where::Daemon);
    let slow =
        |instance: &u16| config.instances[usize::from(*instance)].kind.place == Where::Worker;
    if readings.each.keys().any(slow) {
        // What may hang comes last: until it is there this line is good enough.
        let line = drawing.draw(&config, &readings).unwrap_or_default();
        say(&Answer::Line { line, last: false }, &[])?;
        readings.sample(&config, host, &request, Where::Worker);
    }
    let line = drawing.draw(&config, &readings).unwrap_or_default();
    readings.keep(&config, &path, &mut past);
    say(&Answer::Line { line, last: true }, &past.encode())
}

/// The config that a request names; empty for the built-in one.
pub fn config_path(request: &Request) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(&request.config))
}

/// One reading of each instance of a line.
struct Once {
    each: HashMap<u16, Taken>,
    trouble: bool,
}

struct Taken {
    source: Option<Box<dyn Source>>,
    sample: Option<Sample>,
    age: Age,
    rings: Rings,
}

impl Once {
    fn open(config: &Config, path: &Path, drawing: &Drawing, past: &mut Past) -> Once {
        let mut each = HashMap::new();
        for id in drawing.instances(config) {
            let instance = &config.instances[usize::from(id)];
            let key = history::key(path, instance);
            let mut source = (instance.kind.open)(&instance.options).ok();
            if let (Some(source), Some(memo)) = (&mut source, past.memos.get(&key)) {
                let recall = || source.recall(memo);
                let _ = catch_unwind(AssertUnwindSafe(recall));
            }
            let rings = past.take(&key, instance.kind);
            let mut taken = Taken { source, sample: None, age: Age::Waiting, rings };
            // Nobody follows it here: it shows what a daemon heard last, and looks old.
            if instance.kind.place == Where::Own
                && let Some(kept) = past.memos.get(&key).and_then(|memo| Kept::decode(memo))
            {
                let since = sys::wall().saturating_sub(kept.at);
                taken.sample = kept.sample.map(|wire| wire.sample(instance.kind));
                taken.age = match schedule::age(instance.pace, Some(since), 0) {
                    Age::Fresh => Age::Stale,
                    age => age,
                };
            }
            each.insert(id, taken);
        }
        Once { each, trouble: false }
    }

    fn sample(&mut self, config: &Config, host: &Machine, request: &Request, place: Where) {
        let host = host.by(config.reader).at(sys::boot());
        for (id, taken) in &mut self.each {
            let instance = &config.instances[usize::from(*id)];
            if instance.kind.place != place {
                continue;
            }
            let Some(source) = &mut taken.source else { continue };
            match guarded(source.as_mut(), host, &drawing::ask(request, instance.kind)) {
                Ok(sample) => (taken.sample, taken.age) = (sample, Age::Fresh),
                Err(_) => {
                    taken.age = Age::Lost;
                    self.trouble = true;
                }
            }
            let pace = schedule::interval(instance.pace);
            let sample = taken.sample.as_ref();
            history::push(&mut taken.rings, sample, sys::boot(), Default::default(), pace);
        }
    }

    fn keep(&self, config: &Config, path: &Path, past: &mut Past) {
        for (id, taken) in &self.each {
            let instance = &config.instances[usize::from(*id)];
            if instance.pace == Pace::Ask {
                continue;
            }
            let key = history::key(path, instance);
            past.put(&key, &taken.rings);
            if let Some(memo) = taken.source.as_ref().and_then(|source| source.memo()) {
                past.memos.insert(key, memo);
            }
        }
    }
}

impl Readings for Once {
    fn reading(&self, instance: u16) -> Reading<'_> {
        let Some(taken) = self.each.get(&instance) else { return Reading::default() };
        Reading { sample: taken.sample.as_ref(), age: taken.age, rings: &taken.rings }
    }

    fn trouble(&self) -> bool {
        self.trouble
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_past_is_put_aside() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("state/history");
        write(&path, &Past::default().encode()).expect("written");
        assert!(!read(&path).expect("read").is_empty());
        std::fs::write(&path, "nonsense").expect("written");
        assert!(read(&path).expect("read").is_empty());
        assert!(dir.path().join("state/history.bad").exists() && !path.exists());
        assert!(read(&path).expect("no file is an empty past").is_empty());
    }
}
