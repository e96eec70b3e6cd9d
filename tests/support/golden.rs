//! Golden files: what the code makes, kept in the tree. A file that differs is rewritten, and a test
//! names all that did when it fails, once: look at `git diff`, and keep the change or mend the code.

use std::fs;
use std::path::Path;

use super::root;

/// Files that are compared together.
#[derive(Default)]
#[must_use]
pub struct Goldens {
    rewritten: Vec<String>,
}

impl Goldens {
    /// Compares with `tests/golden/NAME`.
    pub fn compare(&mut self, name: &str, fresh: impl AsRef<[u8]>) {
        self.compare_file(&format!("tests/golden/{name}"), fresh);
    }

    /// Compares with a file of the project.
    pub fn compare_file(&mut self, path: &str, fresh: impl AsRef<[u8]>) {
        if known(path).as_deref() != Some(fresh.as_ref()) {
            let file = root().join(path);
            fs::create_dir_all(file.parent().unwrap_or(Path::new("."))).expect("a directory");
            fs::write(&file, fresh).expect("a file");
            self.rewritten.push(path.to_owned());
        }
    }

    /// Compares with the part of a file between these two marks.
    pub fn compare_part(&mut self, path: &str, (begin, end): (&str, &str), fresh: &str) {
        let text = fs::read_to_string(root().join(path)).expect("the file");
        let (before, rest) = text.split_once(begin).expect("where it begins");
        let (_, after) = rest.split_once(end).expect("where it ends");
        self.compare_file(path, format!("{before}{begin}\n{fresh}{end}{after}"));
    }

    /// Takes over what another found.
    pub fn add(&mut self, other: Goldens) {
        self.rewritten.extend(other.rewritten);
    }

    /// Fails if any file differed.
    #[track_caller]
    pub fn finish(self) {
        let count = self.rewritten.len();
        assert!(
            count == 0,
            "{count} files differed and were rewritten: {}; see `git diff`",
            self.rewritten.join(", ")
        );
    }
}

/// Compares one file.
#[track_caller]
pub fn golden(name: &str, fresh: &str) {
    let mut goldens = Goldens::default();
    goldens.compare(name, fresh);
    goldens.finish();
}

/// What `tests/golden/NAME` holds.
pub fn kept(name: &str) -> String {
    let bytes = known(&format!("tests/golden/{name}")).unwrap_or_default();
    String::from_utf8(bytes).expect("UTF-8")
}

fn known(path: &str) -> Option<Vec<u8>> {
    fs::read(root().join(path)).ok()
}
