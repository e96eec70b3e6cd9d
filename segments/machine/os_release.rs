//! Which operating system runs: os-release(5), or what sysinfo has in its place.

use super::{Machine, Reader, portable};

/// What the distribution says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OsRelease {
    /// The name for people (`Debian GNU/Linux`).
    pub name: Option<String>,
    /// The name that programs use (`debian`).
    pub id: Option<String>,
    /// The ids of what it is made from, nearest first.
    pub id_like: Vec<String>,
    /// The version (`13`).
    pub version_id: Option<String>,
    /// The release's name (`trixie`).
    pub codename: Option<String>,
}

impl Machine {
    /// What the distribution says of itself; all empty where nothing is known.
    pub fn os_release(&self) -> OsRelease {
        if self.reader() == Reader::Portable {
            return portable::system::os_release();
        }
        // The first is the machine's own, the second the distribution's (os-release(5)).
        let paths = ["/etc/os-release", "/usr/lib/os-release"];
        let text = paths.iter().find_map(|path| self.read(path).ok()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let value = |key| value(&text, key).filter(|value| !value.is_empty());
        OsRelease {
            name: value("NAME"),
            id: value("ID"),
            id_like: value("ID_LIKE")
                .map(|ids| ids.split_ascii_whitespace().map(str::to_owned).collect())
                .unwrap_or_default(),
            version_id: value("VERSION_ID"),
            codename: value("VERSION_CODENAME"),
        }
    }
}

/// The value of a key in os-release(5), whose lines are assignments of a shell. They are read, not
/// run: quotes come off, a backslash keeps the next character.
fn value(text: &str, key: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='))?;
    let mut plain = String::new();
    let mut quote = None;
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' if quote != Some('\'') => plain.extend(characters.next()),
            '"' | '\'' if quote.is_none() => quote = Some(c),
            c if quote == Some(c) => quote = None,
            c => plain.push(c),
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_read_and_never_run() {
        let text =
            "NAME='a $(id) \"b\"'\nVERSION_ID=\"22\\\".04\"\nID=`id`\n#ID=x\nPRETTY_NAME=z\n";
        assert_eq!(value(text, "NAME").as_deref(), Some("a $(id) \"b\""));
        assert_eq!(value(text, "VERSION_ID").as_deref(), Some("22\".04"));
        assert_eq!(value(text, "ID").as_deref(), Some("`id`"));
        assert_eq!(value(text, "NONE"), None);
        assert_eq!(value("ID=\"open", "ID").as_deref(), Some("open"));
    }
}
