//! What is the same: which requests get the same line, and which share a reading.
//!
//! A line is identified by its [`LineKey`], made from all that shapes it. With whom a reading is
//! shared depends on what its kind looks at: the machine, a directory, the asker's
//! environment, a client or this one moment.

use std::path::{Path, PathBuf};

use rainline_segments::{Kind, Pace, Scope};

pub use rainline_client::protocol::LineKey;
use rainline_client::protocol::{Hash, LineRequest};

/// The asker's directory, if it is one.
pub fn directory(request: &LineRequest) -> Option<&Path> {
    Some(&*request.cwd).filter(|path| path.is_absolute())
}

/// The same number for the same terminal: its session and what a source of this kind sees of the
/// asker's environment. What it does not see (the directory, for most) makes no difference.
pub fn client(request: &LineRequest, kind: &Kind) -> u64 {
    let session = Hash::new().with(&request.session.to_le_bytes());
    session.with(request.pane.as_bytes()).value() ^ environment(request, kind)
}

/// A number for the variables that a kind declares, as they are set; 0 for a kind without any.
fn environment(request: &LineRequest, kind: &Kind) -> u64 {
    if kind.env.is_empty() {
        return 0;
    }
    let seen = request.env.iter().filter(|(name, _)| kind.env.contains(&name.as_str()));
    let add = |hash: Hash, (name, value): &(String, Vec<u8>)| {
        hash.with(name.as_bytes()).with(b"=").with(value).with(&[0])
    };
    seen.fold(Hash::new(), add).value()
}

/// With whom a reading is shared, as a number and a path: part of an instance's identity. `(0,
/// None)`: it is the same for everyone on this machine.
pub fn sharing(request: &LineRequest, kind: &Kind) -> (u64, Option<PathBuf>) {
    let place = match kind.scope {
        Scope::Directory => directory(request).map(Path::to_owned),
        _ => None,
    };
    let who = match (kind.pace, kind.scope) {
        (_, Scope::Environment) => environment(request, kind),
        (Pace::Ask, _) => request.moment() ^ environment(request, kind),
        (_, Scope::Client) => client(request, kind),
        (_, Scope::Directory) => environment(request, kind),
        (_, Scope::Machine) => 0,
    };
    (who, place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn request() -> LineRequest {
        LineRequest { line: "tmux".into(), target: "tmux".into(), ..LineRequest::default() }
    }

    fn kind(name: &str) -> &'static Kind {
        rainline_segments::find(name).expect("a kind")
    }

    #[test]
    fn a_moment_differs_where_a_client_does_not() {
        let session = kind("session");
        let after = LineRequest { status: Some(2), ..request() };
        assert_eq!(client(&request(), session), client(&after, session));
        assert_eq!(request().key(), after.key());
        assert_ne!(request().moment(), after.moment());
        let elsewhere = LineRequest { session: 7, ..request() };
        assert_ne!(client(&request(), session), client(&elsewhere, session));
    }

    #[test]
    fn only_the_environment_that_a_source_sees_tells_askers_apart() {
        let with = |name: &str, value: &str| LineRequest {
            env: vec![(name.into(), value.into())],
            cwd: "/here".into(),
            ..request()
        };
        let (one, other) = (with("PWD", "/a"), with("PWD", "/b"));
        let shared = |kind| sharing(&one, kind) == sharing(&other, kind);
        assert!(shared(kind("session")) && shared(kind("cpu")));
        assert!(!shared(kind("directory")));
        assert_eq!(sharing(&one, kind("cpu")), (0, None));
    }

    #[test]
    fn what_only_the_environment_decides_is_shared_by_all_who_have_the_same() {
        let ssh = |request| {
            let env = vec![("SSH_TTY".into(), "/dev/pts/1".into())];
            LineRequest { env, ..request }
        };
        for name in ["hostname", "user", "env"] {
            let of = |request: LineRequest| sharing(&request, kind(name));
            let other = LineRequest { session: 7, pane: "%1".into(), status: Some(2), ..request() };
            assert_eq!(of(request()), of(other.clone()), "{name}");
            assert_ne!(of(request()), (0, None), "{name}: others have another environment");
            assert_eq!(of(ssh(request())), of(ssh(other)), "{name}");
        }
        for name in ["hostname", "user"] {
            let kind = kind(name);
            assert_ne!(sharing(&request(), kind), sharing(&ssh(request()), kind), "{name}");
        }
    }

    /// Two prompts at once, one after a failure: neither shows what belongs to the other.
    #[test]
    fn what_only_reshapes_a_request_is_never_shared_with_another() {
        for name in ["character", "duration", "jobs", "keymap", "status"] {
            let kind = kind(name);
            let of = |request: LineRequest| sharing(&request, kind);
            let all = [
                of(request()),
                of(LineRequest { status: Some(0), ..request() }),
                of(LineRequest { status: Some(2), ..request() }),
                of(LineRequest { pipestatus: vec![1, 0], ..request() }),
                of(LineRequest { duration: Some(Duration::from_millis(9)), ..request() }),
                of(LineRequest { jobs: 1, ..request() }),
                of(LineRequest { keymap: "vicmd".into(), ..request() }),
            ];
            let different: std::collections::HashSet<_> = all.iter().collect();
            assert_eq!(different.len(), all.len(), "{name}");
        }
    }
}
