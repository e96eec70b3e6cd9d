//! `rainline themes`

use std::io::IsTerminal as _;

use super::{live, output, say};
use crate::config::Config;
use crate::error::Error;
use crate::quote::visible;
use crate::worker::{self, CONFIG_TIMEOUT};
use crate::{docs, paths};
use rainline_caps::Depth;
use rainline_render::diagnostic::suggestion;
use rainline_render::style::Color;
use rainline_render::theme::Theme;

/// List the themes, each with this terminal's line in it, or describe one.
#[derive(clap::Args)]
pub struct Args {
    /// The theme to describe.
    name: Option<String>,
}

/// Prints the list or the description.
pub fn run(args: Args) -> Result<i32, Error> {
    let config = worker::load_config(paths::config().as_deref(), CONFIG_TIMEOUT);
    if let Some(name) = &args.name {
        describe(&*find(&config, name)?);
        return Ok(0);
    }
    let names = config.theme_names();
    for (name, line) in names.iter().zip(live::lines_in(&names)) {
        output(&format!("{}\n{line}\n", heading(&config, name)));
    }
    Ok(0)
}

/// The theme of this name.
pub fn find(config: &Config, name: &str) -> Result<std::sync::Arc<Theme>, Error> {
    config.theme_named(name).ok_or_else(|| {
        let hint = suggestion(name, config.theme_names());
        Error::Usage(format!("there is no theme `{name}`{hint}"))
    })
}

/// What stands above an example of a theme.
pub fn heading(config: &Config, name: &str) -> String {
    let about = config.theme_named(name).map(|theme| theme.about.clone()).unwrap_or_default();
    visible(&format!("{name}: {about}"))
}

fn describe(theme: &Theme) {
    let shown = std::io::stdout().is_terminal() && live::depth() > Depth::Mono;
    say(&format!("{}: {}\n\n", theme.name, theme.about));
    for (name, color) in &theme.palette {
        let swatch = match color.at(live::depth()) {
            Color::Rgb(r, g, b) if shown => format!("\x1b[48;2;{r};{g};{b}m      \x1b[m "),
            Color::Indexed(index) if shown => format!("\x1b[48;5;{index}m      \x1b[m "),
            _ => String::new(),
        };
        let name = visible(name);
        output(&format!("  {swatch}{name:12} {}\n", color.written()));
    }
    say(&docs::theme_text(theme));
}
