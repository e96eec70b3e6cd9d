//! What a request means: which line, for which target, with which abilities, asked by whom. Shared
//! by the daemon and by the line that is drawn without one, so that both draw the same.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rainline_segments::{Ask, Kind, Pace, Scope, Untrusted};

use crate::config::{Config, SLOTS};
use crate::line::rows::{self, Age, Reading, Readings, Want};
use rainline_caps::Depth;
use rainline_caps::Policy;
use rainline_caps::{Caps, Glyphs};
use rainline_caps::{On, STATES};
use rainline_client::protocol::{Hash, Request, Sink};
use rainline_client::runtime::hash;
use rainline_render::diagnostic::nearest;
use rainline_render::targets::{self, Target};

/// A request's line, with every name resolved.
#[derive(Clone)]
pub struct Drawing {
    line: String,
    slot: String,
    theme: String,
    target: &'static Target,
    caps: Caps,
    /// What was asked for and is not there, in words. Something stands in for each: any line is
    /// better than none.
    pub unknown: Vec<String>,
}

/// What is asked for against what there is.
#[derive(Default)]
struct Names(Vec<String>);

impl Names {
    /// What the name stands for in a table. A name that is not in it is noted, with what it was
    /// taken for; none at all is not.
    fn find<T: Copy>(&mut self, what: &str, name: &str, known: &[(&str, T)]) -> Option<T> {
        let found = known.iter().find(|(other, _)| *other == name).map(|(_, thing)| *thing);
        if found.is_none() && !name.is_empty() {
            let meant = nearest(name, known.iter().map(|(other, _)| *other));
            let meant = meant.map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
            let name = Untrusted::from(name);
            self.0.push(format!("there is no {what} `{}`{meant}", name.reveal()));
        }
        found
    }
}

impl Drawing {
    /// Resolves a request under a config.
    pub fn of(request: &Request, config: &Config) -> Drawing {
        let mut names = Names::default();
        let known: Vec<_> = targets::ALL.iter().map(|target| (target.name, *target)).collect();
        // Plain text is understood everywhere and obeyed nowhere.
        let plain = || targets::find("plain").unwrap_or(targets::ALL[0]);
        let target = names.find("target", &request.target, &known).unwrap_or_else(plain);
        let policy = names.find("width policy", &request.width, Policy::NAMES);
        let depth = names.find("colour depth", &request.depth, Depth::NAMES);
        let glyphs = names.find("set of glyphs", &request.glyphs, Glyphs::NAMES);
        let known: Vec<_> = config.theme_names().into_iter().map(|name| (name, name)).collect();
        let theme = names.find("theme", &request.theme, &known);
        let known: Vec<_> = config.lines.keys().map(|name| (&**name, &**name)).collect();
        let line = names.find("line", &request.line, &known);
        let known: Vec<_> = SLOTS.iter().map(|(name, _)| *name).chain(rows::WHOLE).collect();
        let known: Vec<_> = known.into_iter().map(|name| (name, name)).collect();
        let slot = names.find("slot", &request.slot, &known);
        let caps = Caps {
            depth: depth.unwrap_or_default().min(target.depth),
            policy: policy.unwrap_or_else(|| (target.policy)(request.version)),
            // What is said here is said for one line; a config speaks for every host.
            glyphs: glyphs.unwrap_or_else(|| config.glyphs.unwrap_or_default().min(target.glyphs)),
            columns: if request.columns == 0 { 80 } else { request.columns.into() },
            version: request.version,
            live: target.fills_in(request.version),
            holds: holds(request),
        };
        Drawing {
            line: line.unwrap_or(rows::ANYWHERE).to_owned(),
            slot: slot.unwrap_or(rows::FULL).to_owned(),
            theme: theme.unwrap_or_default().to_owned(),
            target,
            caps,
            // The built-in config also stands in for one that is on its way and may know the name.
            unknown: if request.config.is_empty() { Vec::new() } else { names.0 },
        }
    }

    pub fn want(&self) -> Want<'_> {
        Want { line: &self.line, slot: &self.slot, theme: &self.theme }
    }

    /// The instances that are shown, each once.
    pub fn instances(&self, config: &Config) -> Vec<u16> {
        let guarded = AssertUnwindSafe(|| rows::instances(config, self.want()));
        let mut instances = catch_unwind(guarded).unwrap_or_default();
        instances.retain(|instance| usize::from(*instance) < config.instances.len());
        instances.sort_unstable();
        instances.dedup();
        instances
    }

    /// The line in its target's language; `None` if drawing broke down.
    pub fn draw(&self, config: &Config, readings: &dyn Readings) -> Option<String> {
        let draw = || {
            if self.slot == rows::ALL {
                let prompt = rows::prompt(config, self.want(), readings, &self.caps);
                return rows::encode_prompt(&prompt, self.target, &self.caps);
            }
            let rows = rows::rows(config, self.want(), readings, &self.caps);
            rows::encode(&rows, self.target, &self.caps)
        };
        catch_unwind(AssertUnwindSafe(draw)).ok()
    }
}

/// `prefix,zoomed,pane=%3` as the conditions that hold.
fn holds(request: &Request) -> Vec<(On, Box<str>)> {
    let mut holds = Vec::new();
    for word in request.holds.split(',') {
        match word.strip_prefix("pane=") {
            Some(pane) => holds.push((On::Pane, pane.into())),
            None if STATES.iter().any(|(name, _)| *name == word) => {
                holds.push((On::State, word.into()));
            }
            None => {}
        }
    }
    if !request.pane.is_empty() && holds.iter().all(|(on, _)| *on != On::Pane) {
        holds.push((On::Pane, request.pane.as_str().into()));
    }
    holds
}

/// Readings where nothing was read yet: for a test frame, and for the poorest line there is.
pub struct Nothing;

impl Readings for Nothing {
    fn reading(&self, _instance: u16) -> Reading<'_> {
        Reading { sample: None, age: Age::Waiting, rings: &[] }
    }

    fn trouble(&self) -> bool {
        false
    }
}

/// Draws every slot of a config with nothing read: a config that breaks this is not taken.
pub fn test_frames(config: &Config) -> bool {
    let target = targets::ALL[0];
    config.lines.iter().all(|(line, shape)| {
        shape.slots.keys().all(|slot| {
            let (line, slot, theme) = (line.clone(), slot.clone(), String::new());
            let (caps, unknown) = (Caps::default(), Vec::new());
            let drawing = Drawing { line, slot, theme, target, caps, unknown };
            drawing.draw(config, &Nothing).is_some()
        })
    })
}

/// What a source of this kind may know about the asker.
pub fn ask(request: &Request, kind: &Kind) -> Ask {
    let env = request.env.iter().filter(|(name, _)| kind.env.contains(&name.as_str()));
    let mut env: Vec<_> = env.map(|(name, value)| (name.clone(), Untrusted::new(value))).collect();
    env.sort_unstable();
    Ask {
        client: client(request, kind),
        pid: request.pid,
        cwd: directory(request),
        env,
        columns: request.columns,
        status: request.status.checked_sub(1).map(|status| status as i32),
        pipestatus: request.pipestatus.clone(),
        duration: request.duration.checked_sub(1).map(|ms| Duration::from_millis(ms.into())),
        jobs: request.jobs,
        keymap: (!request.keymap.is_empty()).then(|| Untrusted::from(&*request.keymap)),
        pane: (!request.pane.is_empty()).then(|| Untrusted::from(&*request.pane)),
    }
}

/// The asker's directory, if it is one.
pub fn directory(request: &Request) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    let path = Path::new(std::ffi::OsStr::from_bytes(&request.cwd));
    path.is_absolute().then(|| path.to_owned())
}

/// The same number for the same terminal: its session and what a source of this kind sees of the
/// asker's environment. What it does not see (the directory, for most) makes nobody another.
pub fn client(request: &Request, kind: &Kind) -> u64 {
    let mut who = Hash::default();
    who.put(&request.session.to_le_bytes());
    who.put(request.pane.as_bytes());
    who.value() ^ environment(request, kind)
}

/// A number for the variables that a kind declares, as they are set; 0 for a kind without any.
fn environment(request: &Request, kind: &Kind) -> u64 {
    if kind.env.is_empty() {
        return 0;
    }
    let mut hash = Hash::default();
    for (name, value) in &request.env {
        if kind.env.contains(&name.as_str()) {
            [name.as_bytes(), b"=", value, &[0]].iter().for_each(|part| hash.put(part));
        }
    }
    hash.value()
}

/// Everything that the request says about this one moment.
fn moment(request: &Request, kind: &Kind) -> u64 {
    let mut hash = Hash::default();
    hash.put(&client(request, kind).to_le_bytes());
    for number in [request.status, request.duration, request.jobs, request.pid] {
        hash.put(&number.to_le_bytes());
    }
    hash.put(&request.columns.to_le_bytes());
    hash.put(request.keymap.as_bytes());
    hash.put(&[0]);
    request.pipestatus.iter().for_each(|status| hash.put(&status.to_le_bytes()));
    hash.value() ^ hash_bytes(&request.cwd).rotate_left(1)
}

/// What two requests must share to get the same line whatever is read.
pub fn shape(request: &Request) -> u64 {
    let (major, minor) = request.version;
    let text = [
        &request.line,
        &request.slot,
        &request.target,
        &request.theme,
        &request.glyphs,
        &request.depth,
        &request.width,
        &request.holds,
        &request.pane,
        &format!("{} {major} {minor}", request.columns),
    ];
    hash_bytes(text.map(String::as_str).join("\0").as_bytes())
}

/// With whom a reading is shared, as numbers and a path; part of its key.
pub fn sharing(request: &Request, kind: &Kind) -> (u64, Option<PathBuf>) {
    let place = if kind.scope == Scope::Place { directory(request) } else { None };
    let who = match (kind.pace, kind.scope) {
        (Pace::Ask, _) => moment(request, kind),
        (_, Scope::Client) => client(request, kind),
        (_, Scope::Place) => environment(request, kind),
        (_, Scope::Machine) => 0,
    };
    (who, place)
}

fn hash_bytes(bytes: &[u8]) -> u64 {
    use std::os::unix::ffi::OsStrExt;
    hash(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request { line: "tmux".into(), target: "tmux".into(), columns: 80, ..Request::default() }
    }

    #[test]
    fn something_stands_in_for_an_unknown_name_and_it_is_told() {
        let odd = Request {
            target: "teletype".into(),
            slot: "rigt".into(),
            line: "tmx".into(),
            config: b"/home/config.toml".to_vec(),
            ..request()
        };
        let drawing = Drawing::of(&odd, &Config::built_in());
        assert_eq!(drawing.want(), Want { line: "terminal", slot: "full", theme: "" });
        assert_eq!(drawing.target.name, "plain");
        let told = drawing.unknown.join("\n");
        for part in ["target `teletype`", "slot `rigt`; did you mean `right`?", "line `tmx`;"] {
            assert!(told.contains(part), "{told}");
        }
        let usual = Drawing::of(&request(), &Config::built_in());
        assert_eq!(usual.unknown, Vec::<String>::new());
    }

    #[test]
    fn conditions_are_read_and_the_pane_is_one() {
        let request =
            Request { holds: "zoomed,pane=%3,moon".into(), pane: "%9".into(), ..request() };
        let caps = Drawing::of(&request, &Config::built_in()).caps;
        assert!(caps.holds(On::Pane, "%3") && !caps.holds(On::Pane, "%9"));
        assert!(caps.holds(On::State, "zoomed") && !caps.holds(On::State, "prefix"));
    }

    fn kind(name: &str) -> &'static Kind {
        rainline_segments::find(name).expect("a kind")
    }

    #[test]
    fn a_moment_differs_where_a_client_does_not() {
        let session = kind("session");
        let after = Request { status: 2, nonce: 9, ..request() };
        assert_eq!(client(&request(), session), client(&after, session));
        assert_eq!(shape(&request()), shape(&after));
        assert_ne!(moment(&request(), session), moment(&after, session));
        let elsewhere = Request { session: 7, ..request() };
        assert_ne!(client(&request(), session), client(&elsewhere, session));
    }

    #[test]
    fn only_the_environment_that_a_source_sees_tells_askers_apart() {
        let with = |name: &str, value: &str| Request {
            env: vec![(name.into(), value.into())],
            cwd: b"/here".to_vec(),
            ..request()
        };
        let (one, other) = (with("PWD", "/a"), with("PWD", "/b"));
        let shared = |kind| sharing(&one, kind) == sharing(&other, kind);
        assert!(shared(kind("session")) && shared(kind("cpu")));
        assert!(!shared(kind("directory")));
        assert_eq!(sharing(&one, kind("cpu")), (0, None));
    }

    /// Two prompts at once, one after a failure: neither shows what belongs to the other.
    #[test]
    fn what_only_reshapes_a_request_is_never_shared_with_another() {
        for name in ["character", "duration", "jobs", "keymap", "status", "user", "env"] {
            let kind = kind(name);
            let of = |request: Request| sharing(&request, kind);
            let all = [
                of(request()),
                of(Request { status: 2, ..request() }),
                of(Request { pipestatus: vec![1, 0], ..request() }),
                of(Request { duration: 9, ..request() }),
                of(Request { jobs: 1, ..request() }),
                of(Request { keymap: "vicmd".into(), ..request() }),
            ];
            let different: std::collections::HashSet<_> = all.iter().collect();
            assert_eq!(different.len(), all.len(), "{name}");
        }
    }
}
