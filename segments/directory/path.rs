//! A path as parts, and how it is shortened. It works on bytes only and reads no files.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::Options;
use crate::base::untrusted::Untrusted;

/// The most parts of a path; a deeper one is cut before its last part.
const MAX_PARTS: usize = 256;

/// A path from the home directory or from `/`.
pub struct Parts<'a> {
    /// `~` or nothing.
    head: &'static str,
    /// The path that `head` stands for.
    base: PathBuf,
    parts: Vec<&'a OsStr>,
}

impl<'a> Parts<'a> {
    pub fn of(path: &'a Path, home: Option<&Path>) -> Parts<'a> {
        let below = home.and_then(|home| Some((home, path.strip_prefix(home).ok()?)));
        let (head, base, rest) = match below {
            Some((home, rest)) => ("~", home, rest),
            None => ("", Path::new("/"), path),
        };
        let mut names = rest.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        });
        let mut parts: Vec<&OsStr> = names.clone().take(MAX_PARTS).collect();
        // The last part matters more than the middle.
        if let (Some(last), Some(end)) = (parts.last_mut(), names.next_back()) {
            *last = end;
        }
        Parts { head, base: base.to_owned(), parts }
    }

    /// The whole path.
    pub fn whole(&self) -> Untrusted {
        let mut bytes = self.head.as_bytes().to_vec();
        for part in &self.parts {
            bytes.push(b'/');
            bytes.extend_from_slice(part.as_bytes());
        }
        Untrusted::new(if bytes.is_empty() { b"/".as_slice() } else { &bytes })
    }

    /// The shortened parents, with a `/` at the end, and the last part. `tree` is the root of the
    /// work tree.
    pub fn short(&self, options: &Options, tree: Option<&Path>) -> (Untrusted, Untrusted) {
        let Some((last, before)) = self.parts.split_last() else {
            let alone = if self.head.is_empty() { "/" } else { self.head };
            return (Untrusted::default(), alone.into());
        };
        let last = clean(last);
        let depth = match options.depth {
            0 => usize::MAX,
            depth => depth as usize,
        };
        let first_whole = self.parts.len().saturating_sub(depth);
        let first_whole = first_whole.min(self.index_of(tree).unwrap_or(usize::MAX));
        let letters = options.letters as usize;
        let mut parents: Vec<String> = before
            .iter()
            .enumerate()
            .map(|(index, part)| {
                let part = clean(part);
                if index < first_whole { cut(part.reveal(), letters) } else { part.reveal().into() }
            })
            .collect();
        // From the left, until the path is short enough.
        let length = options.length as usize;
        let count = |parents: &[String]| {
            let letters = |text: &str| text.chars().count();
            let parents: usize = parents.iter().map(|part| letters(part) + 1).sum();
            self.head.len() + parents + letters(last.reveal())
        };
        for index in 0..parents.len() {
            if length == 0 || count(&parents) <= length {
                break;
            }
            parents[index] = cut(&parents[index], letters.max(1));
        }
        let mut text = self.head.to_owned();
        text.push('/');
        for part in parents.iter().filter(|part| !part.is_empty()) {
            text.push_str(part);
            text.push('/');
        }
        (text.into(), last)
    }

    /// The index of the part at which this path ends, if it is one of the parents.
    fn index_of(&self, tree: Option<&Path>) -> Option<usize> {
        let below = tree?.strip_prefix(&self.base).ok()?;
        below.components().count().checked_sub(1)
    }
}

/// The first letters of a part; a leading dot does not count.
fn cut(part: &str, letters: usize) -> String {
    let dot = usize::from(part.starts_with('.'));
    if letters == 0 { String::new() } else { part.chars().take(letters + dot).collect() }
}

pub fn clean(name: &OsStr) -> Untrusted {
    Untrusted::new(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(options: &str, path: &str, tree: Option<&str>) -> String {
        let options = Options::read(&options.parse().expect("TOML")).expect("good options");
        let parts = Parts::of(Path::new(path), Some(Path::new("/home/ann")));
        let (parents, last) = parts.short(&options, tree.map(Path::new));
        [parents.reveal(), last.reveal()].concat()
    }

    #[test]
    fn depth_and_letters_follow_the_options() {
        let path = "/home/ann/.config/nvim/lua/plugins";
        assert_eq!(short("depth = 1", path, None), "~/.c/n/l/plugins");
        assert_eq!(short("depth = 2\nletters = 3", path, None), "~/.con/nvi/lua/plugins");
        assert_eq!(short("depth = 1\nletters = 0", path, None), "~/plugins");
        assert_eq!(short("depth = 0", path, None), "~/.config/nvim/lua/plugins");
    }

    #[test]
    fn a_work_tree_is_shown_whole_at_any_depth() {
        let path = "/srv/code/rain/a/b/c/d";
        assert_eq!(short("", path, Some("/srv/code/rain")), "/s/c/rain/a/b/c/d");
        assert_eq!(short("depth = 1", path, Some("/srv/code/rain/a/b/c/d")), "/s/c/r/a/b/c/d");
        // A home directory that is a work tree (for dot files) is not a project.
        assert_eq!(short("", "/home/ann/ab/cd/e/f/g", Some("/home/ann")), "~/a/c/e/f/g");
    }

    #[test]
    fn a_long_path_is_shortened_from_the_left() {
        let path = "/srv/some-long-name/another-long-name/the-last-name";
        assert_eq!(short("length = 40", path, None), "/s/s/another-long-name/the-last-name");
        assert_eq!(short("length = 10", path, None), "/s/s/a/the-last-name");
        assert_eq!(
            short("length = 0", path, None),
            "/s/some-long-name/another-long-name/the-last-name"
        );
    }

    #[test]
    fn letters_are_not_bytes() {
        assert_eq!(short("depth = 1", "/äpfel/日本/x", None), "/ä/日/x");
    }
}
