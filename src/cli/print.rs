//! `rainline print`

use std::ffi::{OsStr, OsString};

use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser as _};
use clap::{Arg, ArgAction, Command};

use crate::error::Error;
use rainline_client::args::{self, LINE, Opt, Syntax, Word};
use rainline_client::environment::Environment;
use rainline_client::sys;
use rainline_render::targets;

/// Declares `Args`, the words of a command that the client reads: clap knows them for help,
/// completions and what is wrong with them, and keeps none of their values.
macro_rules! client_command {
    ($syntax:path, $about:literal, $more:literal, $examples:literal) => {
        #[doc = $about]
        pub struct Args;

        impl clap::Args for Args {
            fn augment_args(command: clap::Command) -> clap::Command {
                let command = crate::cli::print::declared(command, &$syntax);
                let long = concat!($about, "\n\n", $more);
                command.about($about).long_about(long).after_help($examples)
            }

            fn augment_args_for_update(command: clap::Command) -> clap::Command {
                Args::augment_args(command)
            }
        }

        impl clap::FromArgMatches for Args {
            fn from_arg_matches(_: &clap::ArgMatches) -> Result<Self, clap::Error> {
                Ok(Args)
            }

            fn update_from_arg_matches(&mut self, _: &clap::ArgMatches) -> Result<(), clap::Error> {
                Ok(())
            }
        }
    };
}
pub(super) use client_command;

client_command!(
    LINE,
    "Print one line now",
    "Never waits long and never fails: without a daemon it draws what it can by itself.",
    "Example: rainline print tmux right --columns 80"
);

/// Words that clap takes and the client did not.
pub fn run(_: Args) -> Result<i32, Error> {
    let words = sys::arguments().iter().skip(1).map(OsString::as_os_str);
    let read = args::line(words, &Environment::current());
    Err(Error::Usage(read.err().unwrap_or_else(|| "see `rainline print --help`".into())))
}

/// A command with the words and options of a client's table.
pub fn declared<D: Default>(command: Command, syntax: &'static Syntax<D>) -> Command {
    command.args(syntax.words.iter().map(word)).args(syntax.options.iter().map(option))
}

fn word(word: &'static Word) -> Arg {
    let arg = Arg::new(word.name).help(word.help).required(word.usual.is_none());
    let arg = if word.repeated { arg.num_args(1..).allow_negative_numbers(true) } else { arg };
    match word.usual {
        Some(usual) => arg.default_value(usual),
        None => arg,
    }
}

fn option<D: Default>(option: &'static Opt<D>) -> Arg {
    let arg = Arg::new(option.name).long(option.name).help(option.help).hide(option.is_hidden);
    if option.value.is_empty() {
        return arg.action(ArgAction::SetTrue);
    }
    let arg = arg.value_name(option.value);
    let choices = match option.name {
        // The client takes any: a target that is not there is drawn as plain text.
        "target" => targets::ALL.iter().map(|target| target.name).collect(),
        _ => (option.choices)(),
    };
    if !choices.is_empty() {
        return arg.value_parser(PossibleValuesParser::new(choices));
    }
    let checked = |value: OsString| -> Result<OsString, String> {
        option.check(OsStr::new(&value)).map_err(|why| format!("it is {why}"))?;
        Ok(value)
    };
    arg.value_parser(OsStringValueParser::new().try_map(checked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clap_says_of_a_wrong_value_names_its_option() {
        for (option, value) in [
            ("--host-version", "abc"),
            ("--pipestatus", "1 x"),
            ("--columns", "many"),
            ("--status", "70000000000"),
            ("--depth", "blue"),
        ] {
            let words = ["rainline", "print", "tmux", option, value];
            let Err(error) = crate::cli::command().try_get_matches_from(words) else {
                panic!("{option}")
            };
            let text = error.to_string();
            assert!(text.contains(option) && text.contains(value), "{text}");
        }
    }

    #[test]
    fn every_option_of_the_tables_is_in_help_and_none_twice() {
        for command in crate::cli::command().get_subcommands_mut() {
            fn names<D>(options: &[Opt<D>]) -> Vec<(String, bool)> {
                let value = |o: &Opt<D>| if o.value.is_empty() { "\n" } else { " <" };
                options.iter().map(|o| (o.name.to_owned() + value(o), o.is_hidden)).collect()
            }
            let names = match command.get_name() {
                "print" | "stream" => names(LINE.options),
                "set" => names(args::SET.options),
                _ => continue,
            };
            let help = command.render_long_help().to_string();
            for (name, is_hidden) in names {
                let count = help.matches(&format!("--{name}")).count();
                assert_eq!(count, usize::from(!is_hidden), "--{name} in {help}");
            }
        }
    }
}
