//! Where the user's files are, and this program. The runtime directory is the client's.

use std::env;
use std::path::{Path, PathBuf};

use rainline_client::environment::Environment;
use rainline_client::sys;

/// The config: `$RAINLINE_CONFIG`, else where it usually is; `None` without a home.
pub fn config() -> Option<PathBuf> {
    let path = Environment::current().config(None);
    (!path.as_os_str().is_empty()).then_some(path)
}

/// The absolute path of this program, for another program's config. Links are not resolved.
pub fn program() -> PathBuf {
    let named = PathBuf::from(sys::program());
    if named.is_absolute() {
        return named;
    }
    if named.components().count() > 1
        && let Ok(absolute) = std::path::absolute(&named)
    {
        return absolute;
    }
    sys::find_program(&named)
        .or_else(|| env::current_exe().ok())
        .unwrap_or_else(|| Path::new("rainline").into())
}
