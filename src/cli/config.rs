//! `rainline config`

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;

use super::{output, say};
use crate::error::Error;
use crate::quote::word;
use crate::worker::{self, CONFIG_TIMEOUT};
use crate::{config, docs, imports, paths};

/// What is said where no variable tells where the config is.
pub const NO_HOME: &str = "HOME is not set, so there is no config: the defaults are in force";

/// Check the config, print its path, its defaults or its schema, or import another program's.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Read a config as the daemon does and print what is wrong with it.
    Check {
        /// The file [default: your config].
        file: Option<PathBuf>,
    },
    /// Print a config with every option, its default and its meaning.
    Default,
    /// Print the JSON schema of a config, for editors.
    Schema,
    /// Print the path of your config.
    Path,
    /// Print a config made from another program's settings.
    ///
    /// Save it beside your config and include it there: include = "byobu.toml".
    Import {
        /// The program.
        #[arg(value_parser = PossibleValuesParser::new(imports::ALL.iter().map(|i| i.name)))]
        from: String,
        /// The folder with its settings [default: the usual one].
        folder: Option<PathBuf>,
    },
}

/// Does what the word asks for.
pub fn run(args: Args) -> Result<i32, Error> {
    match args.action {
        Action::Check { file } => check(file),
        Action::Default => {
            output(&docs::default_config());
            Ok(0)
        }
        Action::Schema => {
            output(&docs::schema());
            Ok(0)
        }
        Action::Import { from, folder } => {
            output(&import(&from, folder)?);
            Ok(0)
        }
        Action::Path => {
            let path = paths::config().ok_or_else(|| Error::Failed(NO_HOME.into()))?;
            say(&format!("{}\n", word(path)));
            Ok(0)
        }
    }
}

fn import(from: &str, folder: Option<PathBuf>) -> Result<String, Error> {
    let import = imports::find(from)
        .ok_or_else(|| Error::Usage(format!("there is no import from `{from}`")))?;
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let usual = || import.folders.iter().map(|folder| home.join(folder)).find(|path| path.is_dir());
    if let Some(named) = folder.as_ref().filter(|named| !named.is_dir()) {
        return Err(Error::Failed(format!("{}: no such directory", word(named))));
    }
    let folder = folder.or_else(usual).ok_or_else(|| {
        Error::Failed(format!("there is no ~/{}, so there is nothing to import", import.folders[0]))
    })?;
    let folder = std::path::absolute(folder).map_err(Error::io("the folder's path"))?;
    (import.read)(&folder).map_err(Error::Failed)
}

fn check(file: Option<PathBuf>) -> Result<i32, Error> {
    let named = file.is_some();
    let Some(path) = file.or_else(paths::config) else {
        say(&format!("{NO_HOME}\n"));
        return Ok(0);
    };
    let path = std::path::absolute(path).map_err(Error::io("the config's path"))?;
    let gathered = worker::read_config(&path, CONFIG_TIMEOUT)
        .map_err(|why| Error::Failed(format!("{}: {why}", word(&path))))?;
    let there = gathered.files.iter().any(|file| file.path == path);
    if named && !there && gathered.problems.is_empty() {
        return Err(Error::Failed(format!("{}: no such file", word(&path))));
    }
    let config = config::build(&gathered);
    for problem in &config.problems {
        say(&format!("{}\n", problem.trim_end()));
    }
    let path = word(&path);
    match (config.problems.len(), there) {
        (0, true) => say(&format!("{path}: fine\n")),
        (0, false) => say(&format!("{path}: no such file; the defaults are in force\n")),
        (listed, _) => {
            // The last one tells how many there are besides.
            let count = listed + config.untold - usize::from(config.untold > 0);
            let noun = if count == 1 { "problem" } else { "problems" };
            say(&format!("{path}: {count} {noun}\n"));
        }
    }
    Ok(i32::from(!config.problems.is_empty()))
}
