//! A view is a line that is being shown: the same bytes for the same request, drawn again only when
//! one of its readings changed. A stream, or a lease that requests renew, keeps a view's readings
//! going; nothing else is ever read.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::time::Duration;

use rainline_client::protocol::LineRequest;

use crate::config::Config;
use crate::daemon::lru::{Lru, Weigh};
use crate::daemon::sampler::Cache;
use crate::line::drawing::Drawing;
use crate::line::identity::{self, LineKey};
use crate::line::rows::{Reading, Readings};
use crate::readings::id::{ConfigId, ReadingId};
use crate::readings::schedule;

/// How many bytes views may take: a prompt's or a bar's has two to five thousand.
const BUDGET: usize = 1 << 20;
/// The most lines of which it is remembered which instances they show. A client may ask for any
/// width, and this is cheap to work out again.
const MAX_LINES: usize = 1024;

/// A view's number.
pub type ViewId = u64;

/// What a stream holds of the view that it shows, so that they need not be counted: a thousand
/// streams cost a request nothing.
#[derive(Debug, Default)]
pub struct Token {
    alive: Rc<()>,
    /// Whether it waits for its turn to be sent the view's line.
    pub is_behind: bool,
}

/// A line that is being shown.
struct View {
    config_id: ConfigId,
    config: Rc<Config>,
    /// That of every request that shares it.
    drawing: Drawing,
    /// In the order of their instances.
    readings: Vec<(u16, ReadingId)>,
    /// Those whose failures its sign tells of.
    signed: Vec<ReadingId>,
    /// Each stream that shows it has a copy.
    token: Token,
    /// Each request and each prompt on a screen that waits for a reading of it has a copy.
    awaited: Rc<()>,
    /// Whether there was a stream at the last look.
    is_streamed: bool,
    /// The line that its streams are sent.
    sent: Option<Rc<[u8]>>,
    /// Until when requests keep it going.
    lease: Duration,
    /// The bytes drawn last, and a number for what they were drawn from.
    drawn: Option<(u64, Rc<[u8]>)>,
}

impl View {
    fn has_streams(&self) -> bool {
        Rc::strong_count(&self.token.alive) > 1
    }

    /// Whether someone has it on the screen or waits for it.
    fn is_held(&self) -> bool {
        self.has_streams() || Rc::strong_count(&self.awaited) > 1
    }

    fn is_live(&self, boot: Duration) -> bool {
        self.has_streams() || self.lease > boot
    }

    fn ids(&self) -> impl Iterator<Item = &ReadingId> {
        self.readings.iter().map(|(_, id)| id)
    }
}

impl Weigh for View {
    fn weight(&self) -> usize {
        let readings = self.ids().chain(&self.signed).map(Weigh::weight).sum::<usize>();
        let drawn = self.drawn.as_ref().map_or(0, |(_, line)| line.len());
        size_of::<View>() + readings + drawn + self.drawing.weight()
    }
}

/// The readings that are shown, each once, and until when they are if no view changes.
struct Wanted {
    ids: Rc<[ReadingId]>,
    until: Option<Duration>,
}

/// All views.
pub struct Views {
    all: Lru<ViewId, View>,
    /// `None` after a change. Each pass of the loop asks some times, and views are many: beside a
    /// thousand streams a print cost the daemon 3.7 ms of processor time, and costs 2.1.
    wanted: RefCell<Option<Wanted>>,
    /// Which instances a line of a config shows.
    lines: HashMap<(ConfigId, LineKey), Rc<[u16]>>,
    /// How often a line was drawn.
    drawings: u64,
    /// The configs of which `rainline doctor` has something to tell.
    troubled: HashSet<ConfigId>,
}

impl Default for Views {
    fn default() -> Views {
        Views {
            all: Lru::new(BUDGET),
            wanted: RefCell::default(),
            lines: HashMap::new(),
            drawings: 0,
            troubled: HashSet::new(),
        }
    }
}

impl Views {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn drawings(&self) -> u64 {
        self.drawings
    }

    /// The view of a request under a config.
    pub fn find(&mut self, request: &LineRequest, id: &ConfigId, config: &Rc<Config>) -> ViewId {
        let key = (id.clone(), request.key());
        let instances = match self.lines.get(&key) {
            Some(instances) => instances.clone(),
            None => {
                let instances: Rc<[u16]> = Drawing::of(request, config).instances(config).into();
                if self.lines.len() > MAX_LINES {
                    self.lines.clear();
                }
                self.lines.insert(key, instances.clone());
                instances
            }
        };
        let reading = |index: &u16| {
            let instance = &config.instances[usize::from(*index)];
            let shared = ReadingId::shared_by_all(id, instance);
            let reading = match identity::sharing(request, instance.kind) {
                (0, None) => shared,
                (asker, directory) => shared.of_asker(asker, directory),
            };
            (*index, reading)
        };
        let signed = |drawing: &Drawing| {
            let instances = drawing.signed_instances(config);
            instances.iter().map(|index| reading(index).1).collect()
        };
        let readings: Vec<_> = instances.iter().map(reading).collect();
        let mut hasher = DefaultHasher::new();
        (id, request.key(), &readings).hash(&mut hasher);
        let number = hasher.finish();
        if !self.all.contains_key(&number) {
            if !self.all.make_room(|_, view| view.is_held()).is_empty() {
                self.wanted.take();
            }
            let drawing = Drawing::of(request, config);
            let view = View {
                config_id: id.clone(),
                config: config.clone(),
                signed: signed(&drawing),
                drawing,
                readings,
                token: Token::default(),
                awaited: Rc::default(),
                is_streamed: false,
                sent: None,
                lease: Duration::ZERO,
                drawn: None,
            };
            self.all.insert(number, view);
        }
        number
    }

    /// Takes the configs of which `rainline doctor` has something to tell.
    pub fn set_troubled(&mut self, configs: HashSet<ConfigId>) {
        self.troubled = configs;
    }

    /// The config that a view is of.
    pub fn config(&self, view: ViewId) -> Option<&ConfigId> {
        self.all.get(&view).map(|view| &view.config_id)
    }

    /// What a view shows: instances of its config, and their readings.
    pub fn readings(&self, view: ViewId) -> &[(u16, ReadingId)] {
        self.all.get(&view).map_or(&[], |view| &view.readings)
    }

    /// Keeps a view's readings going, for this time or (`None`) as long as they say.
    pub fn renew(&mut self, view: ViewId, lease: Option<Duration>, boot: Duration) {
        let was_live = self.all.change(&view, |view| {
            let was_live = view.is_live(boot);
            let own = |(index, _): &(u16, ReadingId)| {
                schedule::lease(view.config.instances[usize::from(*index)].pace)
            };
            let lease = lease.or(view.readings.iter().map(own).max()).unwrap_or_default();
            view.lease = view.lease.max(boot.saturating_add(lease));
            was_live
        });
        if was_live == Some(false) {
            self.wanted.take();
        }
    }

    /// What a stream holds as long as it shows a view. It is sent its line anew.
    pub fn hold(&mut self, view: ViewId) -> Token {
        self.all.get_mut(&view).map_or_else(Token::default, |view| {
            view.sent = None;
            Token { alive: view.token.alive.clone(), is_behind: false }
        })
    }

    /// What a request or a prompt holds as long as it waits for a reading of a view.
    pub fn wait_for(&self, view: ViewId) -> Option<Rc<()>> {
        self.all.get(&view).map(|view| view.awaited.clone())
    }

    /// Looks which views have streams. What the last one leaves is kept going for a moment.
    pub fn note_streams(&mut self, boot: Duration) {
        for view in self.all.values_mut() {
            let has_streams = view.has_streams();
            if view.is_streamed != has_streams {
                self.wanted.take();
            }
            if view.is_streamed && !has_streams {
                view.lease = view.lease.max(boot.saturating_add(schedule::STREAM_GRACE));
            }
            view.is_streamed = has_streams;
        }
    }

    /// Whether a stream is open.
    pub fn has_streams(&self) -> bool {
        self.all.values().any(View::has_streams)
    }

    /// Draws the views that have streams; whether there is a line that those were not sent yet.
    pub fn draw_streamed(&mut self, cache: &Cache, boot: Duration) -> bool {
        let streamed = self.all.iter().filter(|(_, view)| view.has_streams());
        let streamed: Vec<ViewId> = streamed.map(|(id, _)| *id).collect();
        let mut is_new = false;
        for id in streamed {
            let line = self.draw(id, cache, boot);
            if let (Some(line), Some(view)) = (line, self.all.get_mut(&id))
                && view.sent.as_ref() != Some(&line)
            {
                view.sent = Some(line);
                is_new = true;
            }
        }
        is_new
    }

    /// The line that a view's streams are to show.
    pub fn newest(&self, view: ViewId) -> Option<&Rc<[u8]>> {
        self.all.get(&view)?.sent.as_ref()
    }

    /// The readings that are shown, each once.
    pub fn wanted(&self, boot: Duration) -> Rc<[ReadingId]> {
        let mut known = self.wanted.borrow_mut();
        let is_so = |wanted: &&mut Wanted| wanted.until.is_none_or(|until| boot < until);
        if let Some(wanted) = known.as_mut().filter(is_so) {
            return wanted.ids.clone();
        }
        let live = self.all.values().filter(|view| view.is_live(boot));
        let ids: HashSet<&ReadingId> = live.flat_map(View::ids).collect();
        let ids: Rc<[ReadingId]> = ids.into_iter().cloned().collect();
        *known = Some(Wanted { ids: ids.clone(), until: self.lease_end(boot) });
        ids
    }

    /// The readings of views that someone has on the screen or waits for.
    pub fn held(&self) -> impl Iterator<Item = &ReadingId> {
        self.all.values().filter(|view| view.is_held()).flat_map(View::ids)
    }

    /// Drops the views that show one of these readings: with the next request for one it is read anew.
    pub fn forget_readings(&mut self, dropped: &HashSet<ReadingId>) {
        if !dropped.is_empty() {
            self.wanted.take();
            self.all.retain(|_, view| !view.ids().any(|id| dropped.contains(id)));
        }
    }

    /// When the next lease ends, so that its readings may not be wanted any more.
    pub fn lease_end(&self, boot: Duration) -> Option<Duration> {
        let leased = self.all.values().filter(|view| !view.has_streams() && view.lease > boot);
        leased.map(|view| view.lease).min()
    }

    /// Whether a reading of the view is on its way.
    pub fn is_unfinished(&self, view: ViewId, cache: &Cache) -> bool {
        let mut entries = self.readings(view).iter().filter_map(|(_, id)| cache.get(id));
        entries.any(|entry| entry.is_running())
    }

    /// The bytes of a view, drawn again if something it shows is new. `None`: drawing failed and
    /// there is no older line.
    pub fn draw(&mut self, view: ViewId, cache: &Cache, boot: Duration) -> Option<Rc<[u8]>> {
        let known = self.all.get(&view)?;
        let failing = |id| cache.get(id).is_some_and(|entry| entry.is_in_trouble());
        let trouble = self.troubled.contains(&known.config_id)
            || !known.drawing.unknown.is_empty()
            || known.signed.iter().any(failing);
        let shown = Shown { cache, view: known, boot, trouble };
        let stamp = shown.stamp();
        if let Some((known, line)) = &known.drawn
            && *known == stamp
        {
            return Some(line.clone());
        }
        self.drawings += 1;
        let line = known.drawing.draw(&known.config, &shown);
        self.all.change(&view, |view| {
            match line {
                Some(line) => view.drawn = Some((stamp, Rc::from(line.into_bytes()))),
                None => view.drawn.as_mut()?.0 = stamp,
            }
            view.drawn.as_ref().map(|(_, line)| line.clone())
        })?
    }

    /// What requests asked for and no config has.
    pub fn unknown(&self) -> impl Iterator<Item = &String> {
        self.all.values().flat_map(|view| &view.drawing.unknown)
    }

    /// Drops the views of a config.
    pub fn forget_config(&mut self, id: &ConfigId) {
        self.wanted.take();
        self.lines.retain(|(of, _), _| of != id);
        self.all.retain(|_, view| view.config_id != *id);
    }

    /// Drops views that are not shown any more.
    pub fn sweep(&mut self, boot: Duration) {
        self.wanted.take();
        self.all.retain(|_, view| view.is_live(boot));
        self.all.shrink();
        if self.all.len() == 0 {
            self.lines = HashMap::new();
        }
    }
}

/// A view's readings at a moment.
struct Shown<'a> {
    cache: &'a Cache,
    view: &'a View,
    boot: Duration,
    trouble: bool,
}

impl Shown<'_> {
    /// A number that changes whenever the line may.
    fn stamp(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.trouble.hash(&mut hasher);
        for entry in self.view.ids().filter_map(|id| self.cache.get(id)) {
            (entry.version(), entry.age(self.boot)).hash(&mut hasher);
        }
        hasher.finish()
    }
}

impl Readings for Shown<'_> {
    fn reading(&self, instance: u16) -> Reading<'_> {
        let readings = &self.view.readings;
        let index = readings.binary_search_by_key(&instance, |(index, _)| *index);
        let entry = index.ok().and_then(|index| self.cache.get(&readings[index].1));
        entry.map_or_else(Reading::default, |entry| entry.reading(self.boot))
    }

    fn trouble(&self) -> bool {
        self.trouble
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::sampler::test_support::{at, cache_with, config, config_id, fail};
    use rainline_segments::{Level, Sample, Value};

    const SECOND: Duration = Duration::from_secs(1);
    const TEXT: &str =
        "[line.x]\nleft = [\"text\", \"directory\"]\n[segment.text]\nformat = \"$text\"\n";

    fn request(cwd: &str) -> LineRequest {
        LineRequest {
            line: "x".into(),
            slot: "left".into(),
            target: "plain".into(),
            config: "/config".into(),
            cwd: cwd.into(),
            ..LineRequest::default()
        }
    }

    fn views() -> (Views, impl Fn(&mut Views, &str) -> ViewId) {
        let config = config(TEXT);
        let find =
            move |views: &mut Views, cwd: &str| views.find(&request(cwd), &config_id(), &config);
        (Views::default(), find)
    }

    fn wanted(views: &Views, boot: Duration) -> Vec<String> {
        let mut names: Vec<_> =
            views.wanted(boot).iter().map(|id| id.instance.to_string()).collect();
        names.sort();
        names
    }

    #[test]
    fn requests_that_show_the_same_share_a_view() {
        let (mut views, find) = views();
        let here = find(&mut views, "/here");
        assert_eq!(find(&mut views, "/here"), here);
        assert_ne!(find(&mut views, "/there"), here);
        assert_eq!(views.len(), 2);
    }

    #[test]
    fn a_lease_keeps_readings_wanted_until_it_ends() {
        let (mut views, find) = views();
        let view = find(&mut views, "/here");
        assert_eq!(wanted(&views, SECOND), [""; 0]);
        views.renew(view, Some(SECOND * 5), SECOND);
        assert_eq!(wanted(&views, SECOND), ["directory", "text"]);
        assert_eq!(views.lease_end(SECOND), Some(SECOND * 6));
        assert_eq!((wanted(&views, SECOND * 6), views.lease_end(SECOND * 6)), (vec![], None));
        views.renew(view, None, SECOND * 10);
        assert_eq!(views.lease_end(SECOND * 10), Some(SECOND * 70), "the shortest there is");
        views.sweep(SECOND * 69);
        assert_eq!(views.len(), 1);
        views.sweep(SECOND * 70);
        assert_eq!(views.len(), 0);
    }

    #[test]
    fn a_stream_keeps_readings_wanted_and_leaves_a_grace() {
        let (mut views, find) = views();
        let view = find(&mut views, "/here");
        let streams = [views.hold(view), views.hold(view)];
        views.note_streams(SECOND);
        assert!(views.has_streams() && !wanted(&views, SECOND * 90_000).is_empty());
        assert_eq!(views.lease_end(SECOND), None);
        drop(streams);
        views.note_streams(SECOND * 100);
        assert!(!views.has_streams());
        assert_eq!(views.lease_end(SECOND * 100), Some(SECOND * 100 + schedule::STREAM_GRACE));
    }

    #[test]
    fn a_line_is_drawn_again_only_when_it_may_be_another() {
        let (mut views, find) = views();
        let view = find(&mut views, "/here");
        let text = views.readings(view).iter().find(|(_, id)| *id.instance == *"text");
        let (index, id) = text.expect("it is shown").clone();
        let sample = Sample::new(Level::Idle).with("text", Value::text("one"));
        let cache = cache_with(id, &config(TEXT), index, Ok(Some(sample)), &at(10));
        let line = |views: &mut Views, boot: u32| {
            let line = views.draw(view, &cache, SECOND * boot).expect("a line");
            String::from_utf8_lossy(&line).into_owned()
        };
        assert!(line(&mut views, 10).contains("one"));
        line(&mut views, 11);
        assert_eq!(views.drawings(), 1);
        line(&mut views, 90_000);
        assert_eq!(views.drawings(), 2, "it is old by now");
    }

    #[test]
    fn the_sign_comes_and_goes_with_the_trouble_of_the_config() {
        let (mut views, find) = views();
        let view = find(&mut views, "/here");
        let mut is_signed = |troubled: &[ConfigId]| {
            views.set_troubled(troubled.iter().cloned().collect());
            let line = views.draw(view, &Cache::default(), SECOND).expect("a line");
            line.contains(&b'!')
        };
        assert!(!is_signed(&[]));
        assert!(is_signed(&[config_id()]));
        assert!(!is_signed(&[std::path::Path::new("/other").into()]));
    }

    #[test]
    fn a_bar_s_sign_tells_of_failures_at_its_other_side_too() {
        let text = "[line.x]\nleft = [\"load\"]\nright = [\"text\"]\n";
        let (mut views, config) = (Views::default(), config(text));
        let mut find = |slot: &str| {
            let request = LineRequest { slot: slot.into(), ..request("/here") };
            views.find(&request, &config_id(), &config)
        };
        let (left, right) = (find("left"), find("right"));
        let (index, id) = views.readings(left)[0].clone();
        let mut cache = cache_with(id.clone(), &config, index, Ok(None), &at(1));
        let signs = |views: &mut Views, cache: &Cache| {
            let mut line = |view| views.draw(view, cache, SECOND).expect("a line");
            [left, right].map(|view| line(view).contains(&b'!'))
        };
        assert_eq!(signs(&mut views, &cache), [false, false]);
        fail(&mut cache, &id, 3);
        assert_eq!(signs(&mut views, &cache), [false, true]);
    }

    #[test]
    fn views_that_were_used_longest_ago_make_room_and_streams_stay() {
        let (mut views, find) = views();
        let streamed = find(&mut views, "/streamed");
        let _stream = views.hold(streamed);
        let mut most = 0;
        for n in 0..20_000 {
            let view = find(&mut views, &format!("/{n}"));
            views.renew(view, Some(SECOND * 1000), SECOND);
            most = most.max(views.len());
        }
        let newest = find(&mut views, "/19999");
        assert!(views.config(newest).is_some() && views.config(streamed).is_some());
        assert!(most > 100 && most * size_of::<View>() < BUDGET, "{most}");
        let long = "x".repeat(60_000);
        for n in 0..100 {
            find(&mut views, &format!("/{long}/{n}"));
        }
        assert!(views.len() < 40, "long names are dearer: {}", views.len());
        assert!(views.config(streamed).is_some());
    }

    #[test]
    fn a_changed_config_takes_its_views_along_and_no_others() {
        let (mut views, find) = views();
        let view = find(&mut views, "/here");
        let other =
            views.find(&request("/here"), &std::path::Path::new("/o").into(), &config(TEXT));
        views.forget_config(&config_id());
        assert_eq!((views.config(view), views.readings(view)), (None, &[][..]));
        assert!(views.config(other).is_some());
    }
}
