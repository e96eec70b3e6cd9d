//! Where the user's files are, and this program. The runtime directory is the client's.

use std::env;
use std::path::{Path, PathBuf};

use rainline_client::environment::Environment;

/// The config: `$RAINLINE_CONFIG`, else where it usually is; `None` without a home.
pub fn config() -> Option<PathBuf> {
    let path = Environment::current().config(None);
    (!path.as_os_str().is_empty()).then_some(path)
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
