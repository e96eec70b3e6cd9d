//! Where the user's files are. The runtime directory is not here: the hot path has its own.

use std::env;
use std::path::{Path, PathBuf};

/// The config: `$RAINLINE_CONFIG`, else where it usually is; `None` without a home.
pub fn config() -> Option<PathBuf> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(named) = set("RAINLINE_CONFIG") {
        return Some(named);
    }
    usual_config(set("XDG_CONFIG_HOME"), set("HOME"))
}

/// `$XDG_CONFIG_HOME/rainline/config.toml`, else `~/.config/rainline/config.toml`. The client has a
/// faster way to the same path.
fn usual_config(xdg: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |path: &PathBuf| path.is_absolute();
    let base = xdg.filter(absolute);
    let base = base.or_else(|| Some(home.filter(absolute)?.join(".config")))?;
    Some(base.join("rainline/config.toml"))
}

/// The absolute path of this program, for another program's config. Links are not resolved.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_decides_where_a_config_is() {
        let path = |xdg: Option<&str>, home: Option<&str>| {
            usual_config(xdg.map(PathBuf::from), home.map(PathBuf::from))
        };
        let there = |path: &str| Some(PathBuf::from(path));
        assert_eq!(path(None, Some("/h")), there("/h/.config/rainline/config.toml"));
        assert_eq!(path(Some("/x"), None), there("/x/rainline/config.toml"));
        assert_eq!(path(Some("relative"), Some("/h")), there("/h/.config/rainline/config.toml"));
        assert_eq!(path(Some("relative"), None), None);
    }
}
