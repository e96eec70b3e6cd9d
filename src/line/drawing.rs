//! What a request means: which line, for which target, with which abilities, asked by whom. Shared
//! by the daemon and by the line that is drawn without one, so that both draw the same.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rainline_segments::{Ask, Kind, Untrusted};

use crate::config::{Config, SLOTS};
use crate::line::identity;
use crate::line::rows::{self, Age, Reading, Readings, Want, WithoutSign};
use rainline_caps::{Caps, Depth, On, STATES};
use rainline_client::gate;
use rainline_client::protocol::LineRequest;
use rainline_render::diagnostic::suggestion;
use rainline_render::targets::{self, Right, Target};

/// A request's line, with every name resolved.
#[derive(Clone)]
pub struct Drawing {
    line: String,
    slot: String,
    theme: String,
    target: &'static Target,
    caps: Caps,
    /// How many rows are drawn; the client takes no more.
    most_rows: usize,
    /// What was asked for and does not exist, a sentence each. A default is drawn instead: any line
    /// is better than none.
    pub unknown: Vec<String>,
}

/// What is asked for against what there is.
#[derive(Default)]
struct Names(Vec<String>);

impl Names {
    /// What the name stands for in a table. A name that is not in it is noted, with the nearest one;
    /// an empty name is not.
    fn find<T: Copy>(&mut self, what: &str, name: &str, known: &[(&str, T)]) -> Option<T> {
        let found = known.iter().find(|(other, _)| *other == name).map(|(_, thing)| *thing);
        if found.is_none() && !name.is_empty() {
            let meant = suggestion(name, known.iter().map(|(other, _)| *other));
            let name = Untrusted::from(name);
            self.0.push(format!("there is no {what} `{}`{meant}", name.reveal()));
        }
        found
    }
}

impl Drawing {
    /// Resolves a request under a config.
    pub fn of(request: &LineRequest, config: &Config) -> Drawing {
        let mut names = Names::default();
        let known: Vec<_> = targets::ALL.iter().map(|target| (target.name, *target)).collect();
        // Plain text is readable everywhere, and no host takes it for a command.
        let plain = || targets::find("plain").unwrap_or(targets::ALL[0]);
        let target = names.find("target", &request.target, &known).unwrap_or_else(plain);
        let known: Vec<_> = config.theme_names().into_iter().map(|name| (name, name)).collect();
        let theme = names.find("theme", &request.theme, &known);
        let known: Vec<_> = config.lines.keys().map(|name| (&**name, &**name)).collect();
        let line = names.find("line", &request.line, &known);
        let known: Vec<_> = SLOTS.iter().map(|(name, _)| *name).chain(rows::WHOLE).collect();
        let known: Vec<_> = known.into_iter().map(|name| (name, name)).collect();
        let most_rows = gate::most_rows(request);
        // A bar shows no prompt.
        let slot = names.find("slot", &request.slot, &known);
        let slot = slot.filter(|slot| most_rows > 1 || *slot != rows::ALL);
        let terminal = if target.adapts_colour { Depth::True } else { request.terminal };
        let caps = Caps {
            depth: request.depth.unwrap_or(terminal).min(target.depth),
            policy: request.width.unwrap_or_else(|| (target.policy)(request.version)),
            // A request is for one line, so it overrides the config, which is for every host.
            glyphs: request
                .glyphs
                .unwrap_or_else(|| config.glyphs.unwrap_or_default().min(target.glyphs)),
            columns: request.columns.into(),
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
            most_rows,
            // The built-in config is also drawn while the right one, which may know the name, is read.
            unknown: if request.config.as_os_str().is_empty() { Vec::new() } else { names.0 },
        }
    }

    /// About how many bytes it owns beside its own size.
    pub fn weight(&self) -> usize {
        let unknown = self.unknown.iter().map(|text| size_of::<String>() + text.capacity());
        let holds =
            self.caps.holds.iter().map(|(_, text)| size_of::<(On, Box<str>)>() + text.len());
        let names = [&self.line, &self.slot, &self.theme].map(|name| name.capacity());
        unknown.chain(holds).chain(names).sum()
    }

    /// The line, slot and theme that are drawn.
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

    /// Whether this is the one slot that shows the sign of trouble, so that a host that shows several
    /// of a line's slots shows it once: a bar at its right side, a prompt where it begins. A line
    /// `tmux.2` is a further row of `tmux`, which has the sign.
    pub fn has_sign(&self, config: &Config) -> bool {
        let is_further = |(of, _): (&str, &str)| config.lines.contains_key(of);
        if self.line.split_once('.').is_some_and(is_further) {
            return false;
        }
        let order = match self.target.right {
            Right::Nowhere => ["right", "left", "title"],
            Right::Own | Right::Moves(_) => ["left", "right", "title"],
        };
        let first = order.into_iter().find(|slot| rows::has_rows(config, &self.line, slot));
        rows::WHOLE.contains(&&*self.slot) || first == Some(&*self.slot)
    }

    /// The instances whose failures this drawing's sign tells of: those of the whole line, also
    /// where the drawing is one slot of it.
    pub fn signed_instances(&self, config: &Config) -> Vec<u16> {
        if !self.has_sign(config) {
            return Vec::new();
        }
        Drawing { slot: rows::FULL.to_owned(), ..self.clone() }.instances(config)
    }

    /// The line in its target's language; `None` if drawing broke down.
    pub fn draw(&self, config: &Config, readings: &dyn Readings) -> Option<String> {
        let draw = || {
            let unsigned = &WithoutSign(readings);
            let readings = if self.has_sign(config) { readings } else { unsigned };
            if self.slot == rows::ALL {
                let prompt = rows::prompt(config, self.want(), readings, &self.caps);
                return rows::encode_prompt(&prompt, self.target, &self.caps);
            }
            let mut rows = rows::rows(config, self.want(), readings, &self.caps);
            rows.truncate(self.most_rows);
            rows::encode(&rows, self.target, &self.caps)
        };
        catch_unwind(AssertUnwindSafe(draw)).ok()
    }
}

/// `prefix,zoomed,pane=%3` as the conditions that hold.
fn holds(request: &LineRequest) -> Vec<(On, Box<str>)> {
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

/// Readings where nothing was read yet, for a test frame.
#[derive(Default)]
struct Nothing {
    /// Whether `rainline doctor` has something to tell.
    trouble: bool,
}

impl Readings for Nothing {
    fn reading(&self, _instance: u16) -> Reading<'_> {
        Reading { sample: None, age: Age::Waiting, rings: &[] }
    }

    fn trouble(&self) -> bool {
        self.trouble
    }
}

/// Draws every slot of a config with nothing read: a config that breaks this is not taken.
pub fn test_frames(config: &Config) -> bool {
    let target = targets::ALL[0];
    config.lines.iter().all(|(line, shape)| {
        shape.slots.keys().all(|slot| {
            let (line, slot, theme) = (line.clone(), slot.clone(), String::new());
            let (caps, unknown) = (Caps::default(), Vec::new());
            let most_rows = gate::MOST_ROWS;
            let drawing = Drawing { line, slot, theme, target, caps, most_rows, unknown };
            drawing.draw(config, &Nothing::default()).is_some()
        })
    })
}

/// What a source of this kind may know about the asker.
pub fn ask(request: &LineRequest, kind: &Kind) -> Ask {
    let env = request.env.iter().filter(|(name, _)| kind.env.contains(&name.as_str()));
    let mut env: Vec<_> = env.map(|(name, value)| (name.clone(), Untrusted::new(value))).collect();
    env.sort_unstable();
    Ask {
        client: identity::client(request, kind),
        pid: request.pid,
        cwd: identity::directory(request).map(Path::to_owned),
        env,
        columns: request.columns,
        status: request.status,
        pipestatus: request.pipestatus.clone(),
        duration: request.duration,
        jobs: request.jobs,
        keymap: (!request.keymap.is_empty()).then(|| Untrusted::from(&*request.keymap)),
        pane: (!request.pane.is_empty()).then(|| Untrusted::from(&*request.pane)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Gathered, SourceFile};

    fn request() -> LineRequest {
        LineRequest { line: "tmux".into(), target: "tmux".into(), ..LineRequest::default() }
    }

    #[test]
    fn an_unknown_name_is_replaced_and_reported() {
        let odd = LineRequest {
            target: "teletype".into(),
            slot: "rigt".into(),
            line: "tmx".into(),
            config: "/home/config.toml".into(),
            ..request()
        };
        let drawing = Drawing::of(&odd, &Config::built_in());
        assert_eq!(drawing.want(), Want { line: "terminal", slot: "full", theme: "" });
        assert_eq!(drawing.target.name, "plain");
        let reported = drawing.unknown.join("\n");
        for part in ["target `teletype`", "slot `rigt`; did you mean `right`?", "line `tmx`;"] {
            assert!(reported.contains(part), "{reported}");
        }
        let usual = Drawing::of(&request(), &Config::built_in());
        assert_eq!(usual.unknown, Vec::<String>::new());
    }

    #[test]
    fn conditions_are_read_and_the_pane_is_one() {
        let request =
            LineRequest { holds: "zoomed,pane=%3,moon".into(), pane: "%9".into(), ..request() };
        let caps = Drawing::of(&request, &Config::built_in()).caps;
        assert!(caps.holds(On::Pane, "%3") && !caps.holds(On::Pane, "%9"));
        assert!(caps.holds(On::State, "zoomed") && !caps.holds(On::State, "prefix"));
    }

    /// Each side of a bar had a sign of its own, so that one mistake was shown twice.
    #[test]
    fn a_host_shows_one_sign() {
        let text = "[line.\"tmux.2\"]\nleft = [\"text\"]\n[line.dvtm]\nleft = [\"text\"]\n\
                    [line.tmux]\nleft = [[\"text\"], [\"text\"]]\nright = [[\"text\"], [\"text\"]]\n\
                    [line.screen]\ntitle = [\"text\"]\nleft = []\nright = []\n\
                    [line.one]\nright = [\"text\"]\n[line.two]\nright = [[\"text\"], [\"text\"]]\n";
        let file = SourceFile { path: "x.toml".into(), text: text.into() };
        let config = config::build(&Gathered { files: vec![file], ..Gathered::default() });
        assert_eq!(config.problems, [""; 0]);
        let signs = |target: &str, line: &str, slots: &[&str], trouble| {
            let drawn = slots.iter().map(|slot| {
                let [target, line, slot] = [target, line, slot].map(str::to_owned);
                let request = LineRequest { target, line, slot, columns: 60, ..request() };
                let drawing = Drawing::of(&request, &config);
                let drawn = drawing.draw(&config, &Nothing { trouble }).expect("a line");
                // A bar of two rows was refused by each client.
                assert!(gate::is_line(&request, drawn.as_bytes()), "{request:?} {drawn:?}");
                drawn.matches('!').count()
            });
            drawn.sum::<usize>()
        };
        let all: Vec<&str> = SLOTS.iter().map(|(slot, _)| *slot).collect();
        for target in targets::ALL.iter().map(|target| target.name) {
            for line in ["tmux", "dvtm", "screen", "prompt", "terminal", "one", "two"] {
                for slots in [&all[..], &["full"], &["all"]] {
                    let count = |trouble| signs(target, line, slots, trouble);
                    assert_eq!(count(true), count(false) + 1, "{target} {line} {slots:?}");
                }
            }
            assert_eq!(signs(target, "tmux.2", &all, true), signs(target, "tmux.2", &all, false));
        }
    }

    #[test]
    fn a_target_that_adapts_colours_gets_all_of_them_unless_fewer_are_asked_for() {
        let depth = |target: &str, depth| {
            let (terminal, target) = (Depth::Ansi16, target.to_owned());
            let request = LineRequest { terminal, target, depth, ..request() };
            Drawing::of(&request, &Config::built_in()).caps.depth
        };
        for target in targets::ALL {
            let terminal = if target.adapts_colour { Depth::True } else { Depth::Ansi16 };
            assert_eq!(depth(target.name, None), terminal.min(target.depth), "{}", target.name);
            assert_eq!(depth(target.name, Some(Depth::Mono)), Depth::Mono, "{}", target.name);
        }
    }
}
