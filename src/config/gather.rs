//! Reading config files: the file, what it includes, the themes beside it. May block.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::{Gathered, SourceFile};

/// A config or theme longer than this is none.
const MAX_BYTES: u64 = 1 << 20;
/// Includes may go this deep.
const MAX_DEPTH: usize = 8;
/// Theme files looked at beside a config.
const MAX_THEMES: usize = 200;

/// Reads the config at `path`, what it includes and the themes beside it.
pub fn gather(path: &Path) -> Gathered {
    let mut gathered = Gathered { host: host_name(), ..Gathered::default() };
    file(path, 0, &mut gathered);
    if let Some(folder) = path.parent() {
        themes(&folder.join("themes"), &mut gathered);
    }
    gathered
}

/// The file's includes, then the file, so that later layers win.
fn file(path: &Path, depth: usize, gathered: &mut Gathered) {
    if gathered.watched.iter().any(|seen| seen == path) {
        return;
    }
    gathered.watched.push(path.to_owned());
    let text = match read(path) {
        Ok(Some(text)) => text,
        // No config is an ordinary state; an include that is not there is a mistake.
        Ok(None) if depth == 0 => return,
        Ok(None) => return gathered.problems.push(format!("{}: no such file", path.display())),
        Err(problem) => return gathered.problems.push(problem),
    };
    let folder = path.parent().unwrap_or(Path::new("/"));
    for include in includes(&text) {
        if depth + 1 > MAX_DEPTH {
            let problem = format!("{}: includes nested deeper than {MAX_DEPTH}", path.display());
            return gathered.problems.push(problem);
        }
        file(&folder.join(include), depth + 1, gathered);
    }
    gathered.files.push(SourceFile { path: path.to_owned(), text });
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

fn themes(folder: &Path, gathered: &mut Gathered) {
    gathered.watched.push(folder.to_owned());
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries
        .take(MAX_THEMES)
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort_unstable();
    for path in paths {
        let Some(name) = path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned) else {
            continue;
        };
        match read(&path) {
            Ok(Some(text)) => gathered.themes.push((name, SourceFile { path, text })),
            Ok(None) => {}
            Err(problem) => gathered.problems.push(problem),
        }
    }
}

/// The file's text; `None` if there is no such file. A config is trusted markup, so it must belong
/// to its user (or root), and no other user may be able to write it.
fn read(path: &Path) -> Result<Option<String>, String> {
    let say = |what: &str| format!("{}: {what}", path.display());
    // Without waiting: a FIFO of that name must not hold us.
    let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = match fs::OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(say(&error.to_string())),
    };
    let meta = file.metadata().map_err(|error| say(&error.to_string()))?;
    if !meta.is_file() {
        return Err(say("not a regular file"));
    }
    let me = rustix::process::geteuid().as_raw();
    if meta.uid() != me && meta.uid() != 0 {
        return Err(say(&format!("belongs to user {}, so it is not trusted", meta.uid())));
    }
    if meta.mode() & 0o022 != 0 {
        return Err(say("other users can write it, so it is not trusted; run chmod go-w"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| say(&error.to_string()))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(say("longer than a megabyte"));
    }
    let text = String::from_utf8(bytes).map_err(|_| say("not UTF-8"))?;
    Ok(Some(text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned)))
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
