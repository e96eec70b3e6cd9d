//! Reading config files: the file, what it includes, the themes beside it. May block.
//!
//! Whatever stands where a file is expected, reading is bounded: what is opened is checked before it
//! is read, and the files of one config have a limit of their number and of their bytes.

use std::collections::HashSet;
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::{Gathered, SourceFile};
use crate::files;

/// A longer config or theme is refused.
const MAX_BYTES: u64 = 1 << 20;
/// The most bytes of all files of a config together.
const MAX_TOTAL: usize = 4 << 20;
/// The most memory that all files of a config together may take while they are parsed, about: dotted
/// keys take a thousand times their text.
const MAX_PARSED: usize = 96 << 20;
/// The most files that a config may consist of, themes not counted.
const MAX_FILES: usize = 64;
/// Includes may go this deep.
const MAX_DEPTH: usize = 8;
/// Theme files looked at beside a config.
const MAX_THEMES: usize = 200;
/// No path is longer than this (PATH_MAX), and no more of one is told.
const MAX_PATH: usize = 4096;
const MAX_TOLD: usize = 1000;

/// Reads the config at `path`, what it includes and the themes beside it.
pub fn gather(path: &Path) -> Gathered {
    let gathered = Gathered { host: host_name(), ..Gathered::default() };
    let mut gatherer =
        Gatherer { gathered, seen: HashSet::new(), bytes: 0, parsed: 0, is_full: false };
    gatherer.config(path);
    if let Some(folder) = path.parent() {
        gatherer.themes(&folder.join("themes"));
    }
    gatherer.gathered
}

/// Which file a descriptor is of, whatever its path: device and inode.
type Identity = (u64, u64);

struct Gatherer {
    gathered: Gathered,
    /// The files that were read, and those that are being read.
    seen: HashSet<Identity>,
    /// How much was read so far.
    bytes: usize,
    /// About how many bytes that takes while it is parsed.
    parsed: usize,
    /// Whether a limit was met: no further file is included.
    is_full: bool,
}

impl Gatherer {
    fn config(&mut self, path: &Path) {
        self.gathered.watched.push(path.to_owned());
        match self.read(path) {
            Ok(Some(text)) => self.file(path, text, 0),
            // No config is an ordinary state.
            Ok(None) => {}
            Err(problem) => {
                self.gathered.unreadable = true;
                self.gathered.problems.push(problem);
            }
        }
    }

    /// The file's includes, then the file, so that later layers win.
    fn file(&mut self, path: &Path, text: String, depth: usize) {
        let folder = path.parent().unwrap_or(Path::new("/"));
        for include in includes(&text) {
            if self.is_full {
                break;
            }
            self.include(path, &folder.join(include), depth + 1);
        }
        self.gathered.files.push(SourceFile { path: path.to_owned(), text });
    }

    fn include(&mut self, from: &Path, path: &Path, depth: usize) {
        if self.gathered.watched.iter().any(|known| known == path) {
            return;
        }
        if self.gathered.watched.len() >= MAX_FILES || depth > MAX_DEPTH {
            self.is_full = true;
            let what = match depth > MAX_DEPTH {
                true => format!("includes nested deeper than {MAX_DEPTH}"),
                false => format!("more than {MAX_FILES} files"),
            };
            return self.incomplete(told(from, &what));
        }
        if path.as_os_str().len() > MAX_PATH {
            return self.incomplete(told(path, "longer than a path may be"));
        }
        self.gathered.watched.push(path.to_owned());
        match self.read(path) {
            Ok(Some(text)) => self.file(path, text, depth),
            Ok(None) => self.incomplete(told(path, "no such file")),
            Err(problem) => self.incomplete(problem),
        }
    }

    fn incomplete(&mut self, problem: String) {
        self.gathered.incomplete = true;
        self.gathered.problems.push(problem);
    }

    fn themes(&mut self, folder: &Path) {
        self.gathered.watched.push(folder.to_owned());
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound && !leads_nowhere(folder) => return,
            Err(error) => {
                self.gathered.no_themes = true;
                return self.gathered.problems.push(told(folder, &error.to_string()));
            }
        };
        let mut paths: Vec<PathBuf> = entries
            .take(MAX_THEMES)
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .collect();
        paths.sort_unstable();
        for path in paths {
            let name = path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned);
            let Some(name) = name else { continue };
            // The same file under two names is two themes.
            self.seen.clear();
            self.gathered.watched.push(path.clone());
            match self.read(&path) {
                Ok(Some(text)) => self.gathered.themes.push((name, SourceFile { path, text })),
                Ok(None) => {}
                Err(problem) => {
                    self.gathered.unreadable_themes.push(name);
                    self.gathered.problems.push(problem);
                }
            }
        }
    }

    /// The file's text; `None` if there is no such file. One that was read already is empty: a loop
    /// of includes ends there.
    fn read(&mut self, path: &Path) -> Result<Option<String>, String> {
        let say = |what: &str| told(path, what);
        let Some((file, identity)) = open(path).map_err(|why| say(&why))? else { return Ok(None) };
        if !self.seen.insert(identity) {
            return Ok(Some(String::new()));
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| say(&error.to_string()))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(say(TOO_LONG));
        }
        self.bytes += bytes.len();
        if self.bytes > MAX_TOTAL {
            self.is_full = true;
            return Err(say(&format!(
                "more than {} megabytes with the files before",
                MAX_TOTAL >> 20
            )));
        }
        self.parsed += parsed_size(&bytes);
        if self.parsed > MAX_PARSED {
            self.is_full = true;
            return Err(say(TOO_MANY));
        }
        let mut text = String::from_utf8(bytes).map_err(|_| say("not UTF-8"))?;
        if text.starts_with('\u{feff}') {
            text.remove(0);
        }
        Ok(Some(text))
    }
}

const TOO_LONG: &str = "longer than a megabyte";
const TOO_MANY: &str = "more keys and tables than a config may have";

/// What is wrong with a file. Its name may be as long as the file that includes it.
fn told(path: &Path, what: &str) -> String {
    let path = path.display().to_string();
    match path.char_indices().nth(MAX_TOLD) {
        Some((end, _)) => format!("{}…: {what}", &path[..end]),
        None => format!("{path}: {what}"),
    }
}

/// About how many bytes a text takes while it is parsed, measured with megabytes of nothing else: a
/// kilobyte for the table that a dot makes, a quarter for a line, a key, a value, or a mistake in it, less
/// for an item of a list.
fn parsed_size(text: &[u8]) -> usize {
    let of_byte = |byte: &u8| match byte {
        b'.' => 1024,
        b'=' | b'[' | b'\r' => 256,
        b',' => 144,
        _ => 0,
    };
    let of_line = |line: &[u8]| match line.trim_ascii().first() {
        None | Some(b'#') => line.iter().filter(|byte| **byte == b'\r').map(of_byte).sum(),
        Some(_) => 256 + line.iter().map(of_byte).sum::<usize>(),
    };
    text.split(|byte| *byte == b'\n').map(of_line).sum()
}

/// Opens a file that may be a config; `None`: there is none. A config is trusted markup, so it must
/// belong to its user (or root), and no other user may be able to write it. All of that is checked
/// on what was opened.
fn open(path: &Path) -> Result<Option<(fs::File, Identity)>, String> {
    let file = match files::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return if leads_nowhere(path) {
                Err("leads to a file that is not there".into())
            } else {
                Ok(None)
            };
        }
        Err(error) => return Err(error.to_string()),
    };
    let meta = file.metadata().map_err(|error| error.to_string())?;
    if !meta.is_file() {
        return Err("not a regular file".into());
    }
    let me = rustix::process::geteuid().as_raw();
    if meta.uid() != me && meta.uid() != 0 {
        return Err(format!("belongs to user {}, so it is not trusted", meta.uid()));
    }
    if meta.mode() & 0o022 != 0 {
        return Err("other users can write it, so it is not trusted; run chmod go-w".into());
    }
    if meta.len() > MAX_BYTES {
        return Err(TOO_LONG.into());
    }
    Ok(Some((file, (meta.dev(), meta.ino()))))
}

/// Whether a link, at a path that is not there or on the way to it, leads to what is not there: it may be
/// away for the moment, and was not taken away.
fn leads_nowhere(path: &Path) -> bool {
    let there = path.ancestors().find_map(|above| Some((above, fs::symlink_metadata(above).ok()?)));
    there.is_some_and(|(above, meta)| meta.is_symlink() && fs::metadata(above).is_err())
}

fn includes(text: &str) -> Vec<PathBuf> {
    let (table, _) = DeTable::parse_recoverable(text);
    let Some(value) = table.get_ref().get("include") else { return Vec::new() };
    match value.get_ref().as_array() {
        Some(list) => {
            list.iter().filter_map(|item| item.get_ref().as_str().map(PathBuf::from)).collect()
        }
        None => value.get_ref().as_str().map(PathBuf::from).into_iter().collect(),
    }
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
