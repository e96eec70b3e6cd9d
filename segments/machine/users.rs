//! Users: ours, and what `/etc/passwd` has about others.

use std::path::PathBuf;

use super::{Machine, World};

/// A row of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The login name.
    pub name: String,
    /// The home directory.
    pub home: PathBuf,
}

impl Machine {
    /// The user whose sessions and files are shown.
    #[allow(clippy::disallowed_methods, reason = "this is the reader")]
    pub fn uid(&self) -> u32 {
        match &self.world {
            World::Real => rustix::process::getuid().as_raw(),
            World::Fixture(fixture) => fixture.uid(),
        }
    }

    /// The user of this number, as far as `/etc/passwd` knows.
    pub fn user(&self, uid: u32) -> Option<User> {
        let passwd = self.read("/etc/passwd").ok()?;
        String::from_utf8_lossy(&passwd).lines().find_map(|line| {
            let mut columns = line.split(':');
            let name = columns.next().filter(|name| !name.is_empty())?;
            let found = columns.nth(1)?.parse::<u32>().ok()? == uid;
            let home = columns.nth(2).unwrap_or_default();
            found.then(|| User { name: name.into(), home: home.into() })
        })
    }

    /// The login name of this user, as far as `/etc/passwd` knows.
    pub fn user_name(&self, uid: u32) -> Option<String> {
        self.user(uid).map(|user| user.name)
    }
}
