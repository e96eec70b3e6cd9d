//! `rainline themes`

use std::io::IsTerminal as _;

use super::{here, say};
use crate::config::{self, Config};
use crate::error::Error;
use crate::{docs, paths};
use rainline_caps::Depth;
use rainline_render::diagnostic::nearest;
use rainline_render::style::Color;
use rainline_render::theme::Theme;

/// List the themes, each with this terminal's line in it, or describe one.
#[derive(clap::Args)]
pub struct Args {
    /// The theme to describe.
    name: Option<String>,
}

pub fn run(args: Args) -> Result<i32, Error> {
    let config = match paths::config() {
        Some(path) => config::build(&config::gather(&path)),
        None => Config::built_in(),
    };
    let names = config.theme_names();
    if let Some(name) = &args.name {
        let theme = config.theme_named(name).ok_or_else(|| {
            let hint = nearest(name, names.iter().copied());
            let hint = hint.map_or(String::new(), |hint| format!("; did you mean `{hint}`?"));
            Error::Usage(format!("there is no theme `{name}`{hint}"))
        })?;
        describe(&theme);
        return Ok(0);
    }
    let lines = here::lines_in(&names);
    for (name, line) in names.iter().zip(lines) {
        let about = config.theme_named(name).map(|theme| theme.about.clone()).unwrap_or_default();
        say(&format!("{name}: {about}\n{line}\n"));
    }
    Ok(0)
}

fn describe(theme: &Theme) {
    let shown = std::io::stdout().is_terminal() && here::depth() > Depth::Mono;
    say(&format!("{}: {}\n\n", theme.name, theme.about));
    for (name, color) in &theme.palette {
        let swatch = match color.at(here::depth()) {
            Color::Rgb(r, g, b) if shown => format!("\x1b[48;2;{r};{g};{b}m      \x1b[m "),
            Color::Indexed(index) if shown => format!("\x1b[48;5;{index}m      \x1b[m "),
            _ => String::new(),
        };
        say(&format!("  {swatch}{name:12} {}\n", color.written()));
    }
    say(&docs::theme_text(theme));
}
