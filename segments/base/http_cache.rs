//! The last answer of a service on the web: used for a quarter of an hour, over restarts too, and for
//! longer while the service does not answer.

use super::contract::Error;
use crate::machine::Machine;

/// Seconds for which the service is not asked again: a little less than the pace of the segments.
const FRESH: i64 = 14 * 60;
/// Seconds for which an answer is shown where there is no newer one.
const GOOD: i64 = 3600;
/// The longest answer that is kept for the next process, in bytes.
const MOST_KEPT: usize = 8 * 1024;

/// The last answer of a service, read.
pub struct HttpCache<T> {
    url: String,
    /// curl's `-4` or `-6`, or empty.
    family: &'static str,
    read: fn(&str) -> Option<T>,
    last: Option<Answer<T>>,
}

struct Answer<T> {
    /// When it came, in seconds since 1970.
    at: i64,
    text: String,
    value: T,
}

impl<T> HttpCache<T> {
    /// `read` takes an answer or refuses it.
    pub fn new(url: String, family: &'static str, read: fn(&str) -> Option<T>) -> HttpCache<T> {
        HttpCache { url, family, read, last: None }
    }

    /// The service's answer, or its last one if that is not too old.
    pub fn get(&mut self, machine: &Machine) -> Result<&T, Error> {
        let now = machine.now().timestamp();
        let age = |answer: &Answer<T>| now.saturating_sub(answer.at);
        if !self.last.as_ref().is_some_and(|last| (0..FRESH).contains(&age(last))) {
            match self.ask(machine) {
                Ok((text, value)) => self.last = Some(Answer { at: now, text, value }),
                Err(error) => {
                    if !self.last.as_ref().is_some_and(|last| (0..GOOD).contains(&age(last))) {
                        return Err(error);
                    }
                }
            }
        }
        let never = || Error::Other("no answer was kept".into());
        self.last.as_ref().map(|answer| &answer.value).ok_or_else(never)
    }

    fn ask(&self, machine: &Machine) -> Result<(String, T), Error> {
        let text = machine.fetch(&self.url, self.family)?;
        match (self.read)(&text) {
            Some(value) => Ok((text, value)),
            None => Err(Error::Strange {
                path: self.url.clone().into(),
                what: format!("an answer of the known form, not {} bytes of another", text.len()),
            }),
        }
    }

    /// `1 SECONDS URL`, then the answer.
    pub fn save(&self) -> Option<String> {
        let last = self.last.as_ref().filter(|last| last.text.len() <= MOST_KEPT)?;
        Some(format!("1 {} {}\n{}", last.at, self.url, last.text))
    }

    /// Takes over what [`HttpCache::save`] gave, if it is a newer answer to the same question.
    pub fn restore(&mut self, saved: &str) {
        let known = || {
            let (head, text) = saved.split_once('\n')?;
            let (at, url) = head.strip_prefix("1 ")?.split_once(' ')?;
            let (at, value) = (at.parse().ok()?, (self.read)(text)?);
            (url == self.url).then(|| Answer { at, text: text.to_owned(), value })
        };
        if let Some(known) = known()
            && self.last.as_ref().is_none_or(|last| last.at < known.at)
        {
            self.last = Some(known);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::machine_with;

    fn number(text: &str) -> Option<u32> {
        text.trim().parse().ok()
    }

    fn fetched() -> HttpCache<u32> {
        HttpCache::new("https://example.org".into(), "", number)
    }

    fn at(time: &str, curl: Option<&str>) -> (tempfile::TempDir, Machine) {
        let clock = format!("2026-11-23T{time}Z");
        let mut files = vec![("clock", &*clock)];
        files.extend(curl.map(|text| ("commands/curl", text)));
        machine_with(&files)
    }

    #[test]
    fn no_service_is_asked_again_within_a_quarter_of_an_hour() {
        let mut fetched = fetched();
        let mut get = |time, curl| fetched.get(&at(time, curl).1).ok().copied();
        assert_eq!(get("07:00:00", Some("1\n")), Some(1));
        assert_eq!(get("07:13:59", Some("2\n")), Some(1));
        assert_eq!(get("07:15:00", Some("2\n")), Some(2));
    }

    #[test]
    fn the_last_answer_is_good_for_an_hour_where_there_is_no_other() {
        let mut fetched = fetched();
        let mut get = |time, curl| fetched.get(&at(time, curl).1).ok().copied();
        assert_eq!(get("07:00:00", None), None);
        assert_eq!(get("07:00:00", Some("1")), Some(1));
        assert_eq!(get("07:30:00", None), Some(1));
        assert_eq!(get("07:59:59", Some("<html>")), Some(1));
        assert_eq!(get("08:00:01", None), None);
        // After the clock was set back an answer's age is unknown.
        assert_eq!(get("06:00:00", None), None);
    }

    #[test]
    fn an_answer_is_handed_on_to_who_asks_the_same() {
        let mut first = fetched();
        assert_eq!(first.get(&at("07:00:00", Some("1")).1).ok(), Some(&1));
        let saved = first.save().expect("an answer");
        let mut second = fetched();
        second.restore(&saved);
        assert_eq!(second.get(&at("07:01:00", None).1).ok(), Some(&1));
        assert_eq!(first.get(&at("07:30:00", Some("2")).1).ok(), Some(&2));
        first.restore(&saved);
        assert_eq!(first.get(&at("07:31:00", None).1).ok(), Some(&2), "an older one");
        let mut other = HttpCache::new("https://example.com".into(), "", number);
        for saved in [&*saved, "", "1", "1 x https://example.com\n1", "1 5 https://example.com\nx"]
        {
            other.restore(saved);
            assert!(other.last.is_none(), "{saved:?}");
        }
    }
}
