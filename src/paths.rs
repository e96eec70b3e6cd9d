//! Where the user's files are. The runtime directory is not here: the hot path has its own.

use std::env;
use std::path::{Path, PathBuf};

/// The config: `$RAINLINE_CONFIG`, else where it usually is; `None` without a home.
pub fn config() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(named) = set("RAINLINE_CONFIG") {
        return Some(named);
    }
    let (xdg, home) = (set("XDG_CONFIG_HOME"), set("HOME"));
    crate::config::usual_path(xdg.as_deref(), home.as_deref())
}

/// This program, so that it can be named in another's config: absolute, links kept.
pub fn program() -> PathBuf {
    let named = PathBuf::from(rainline_client::sys::program());
    if named.is_absolute() {
        return named;
    }
    if named.components().count() > 1
        && let Ok(absolute) = std::path::absolute(&named)
    {
        return absolute;
    }
    let by_path = env::var_os("PATH").and_then(|path| {
        env::split_paths(&path)
            .map(|folder| folder.join(&named))
            .find(|path| path.is_absolute() && path.is_file())
    });
    by_path.or_else(|| env::current_exe().ok()).unwrap_or_else(|| Path::new("rainline").into())
}
