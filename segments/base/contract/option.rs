//! The options of a kind: declared once, from which parser, docs, schema and default config follow.

use std::collections::BTreeMap;
use std::time::Duration;

use super::OptionError;
use crate::base::time_span;

/// An option of a kind, as `options!` declares it.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// As written in a config, in kebab-case.
    pub name: &'static str,
    /// What it does, in one sentence, for docs.
    pub about: &'static str,
    /// What it accepts.
    pub accepts: OptionType,
    /// The value in force when the config says nothing.
    pub default: fn() -> toml::Value,
}

/// What an option's value looks like in a config.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OptionType {
    /// True or false.
    Bool,
    /// A whole number.
    Integer,
    /// A number, with or without a fraction.
    Number,
    /// A number with its unit: `"30s"`, `"5m"`, `"200ms"`.
    TimeSpan,
    /// Any text.
    Text,
    /// A list of texts.
    List,
    /// Names, each with a text.
    Table,
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl OptionType {
    /// In words, for messages and docs.
    pub fn describe(self) -> String {
        match self {
            OptionType::Bool => "true or false".into(),
            OptionType::Integer => "a whole number".into(),
            OptionType::Number => "a number".into(),
            OptionType::TimeSpan => time_span::expected("").into(),
            OptionType::Text => "a text".into(),
            OptionType::List => "a list of texts".into(),
            OptionType::Table => "names with texts: { load = \"percent\" }".into(),
            OptionType::Choice(words) => {
                let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
                format!("one of {}", quoted.join(", "))
            }
        }
    }
}

/// A Rust type that an option may have.
pub trait OptionValue: Sized {
    /// What the option accepts.
    const TYPE: OptionType;
    /// `Err` says what was expected.
    fn from_toml(value: &toml::Value) -> Result<Self, String>;
    /// The value as it is written in a config.
    fn to_toml(&self) -> toml::Value;
}

/// The message for a value of the wrong type.
pub fn expected(wanted: OptionType, value: &toml::Value) -> String {
    format!("expected {}, found {}", wanted.describe(), value.type_str())
}

impl OptionValue for bool {
    const TYPE: OptionType = OptionType::Bool;
    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| expected(Self::TYPE, value))
    }
    fn to_toml(&self) -> toml::Value {
        (*self).into()
    }
}

impl OptionValue for f64 {
    const TYPE: OptionType = OptionType::Number;
    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::Integer(n) => Ok(*n as f64),
            toml::Value::Float(n) if n.is_finite() => Ok(*n),
            _ => Err(expected(Self::TYPE, value)),
        }
    }
    fn to_toml(&self) -> toml::Value {
        // Written as a person would: 70, not 70.0.
        if self.fract() == 0.0 { (*self as i64).into() } else { (*self).into() }
    }
}

impl OptionValue for u32 {
    const TYPE: OptionType = OptionType::Integer;
    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::Integer(n) => u32::try_from(*n)
                .map_err(|_| format!("{n} is out of range; expected 0 to {}", u32::MAX)),
            _ => Err(expected(Self::TYPE, value)),
        }
    }
    fn to_toml(&self) -> toml::Value {
        i64::from(*self).into()
    }
}

impl OptionValue for Duration {
    const TYPE: OptionType = OptionType::TimeSpan;
    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        let number = match value {
            toml::Value::String(text) => match time_span::parse(text) {
                Some(span) => return Ok(span),
                None => text.clone(),
            },
            other => other.to_string(),
        };
        let wanted = time_span::expected(&number);
        let message = format!("expected {wanted}, found {value}");
        let with_unit = format!("{number}s");
        Err(match time_span::parse(&with_unit) {
            Some(_) => format!("{message}; did you mean {with_unit:?}?"),
            None => message,
        })
    }
    fn to_toml(&self) -> toml::Value {
        time_span::write(*self).into()
    }
}

impl OptionValue for String {
    const TYPE: OptionType = OptionType::Text;
    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        value.as_str().map(str::to_owned).ok_or_else(|| expected(Self::TYPE, value))
    }
    fn to_toml(&self) -> toml::Value {
        self.as_str().into()
    }
}

impl OptionValue for Vec<String> {
    const TYPE: OptionType = OptionType::List;
    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        let list = value.as_array().ok_or_else(|| expected(Self::TYPE, value))?;
        list.iter().map(String::from_toml).collect()
    }
    fn to_toml(&self) -> toml::Value {
        self.clone().into()
    }
}

impl OptionValue for BTreeMap<String, String> {
    const TYPE: OptionType = OptionType::Table;
    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        let table = value.as_table().ok_or_else(|| expected(Self::TYPE, value))?;
        table.iter().map(|(name, text)| Ok((name.clone(), String::from_toml(text)?))).collect()
    }
    fn to_toml(&self) -> toml::Value {
        let pairs = self.iter().map(|(name, text)| (name.clone(), text.as_str().into()));
        toml::Value::Table(pairs.collect())
    }
}

/// The value that the table has for this option, if any.
pub(crate) fn read_option<T: OptionValue>(
    table: &toml::Table,
    key: &str,
) -> Result<Option<T>, OptionError> {
    let value = table.get(key).map(T::from_toml).transpose();
    value.map_err(|message| OptionError::new(key, message))
}

/// Declares a kind's options once: the struct `Options` with its parser, and the table `OPTIONS`
/// that docs, schema and default config are made from. A field `hide_when` is the option
/// `hide-when`.
macro_rules! options {
    ($($(#[doc = $doc:literal])+ $name:ident : $ty:ty = $default:expr),* $(,)?) => {
        /// The options of this kind, parsed.
        #[derive(Clone, Debug)]
        #[allow(dead_code, reason = "a kind may have no options, or use them only when it opens")]
        pub(crate) struct Options {
            $($(#[doc = $doc])+ pub(crate) $name: $ty,)*
        }

        /// The options of this kind, for docs and checks.
        pub(crate) const OPTIONS: &[$crate::Opt] = &[
            $($crate::Opt {
                name: $crate::base::contract::option_key!($name),
                about: concat!($($doc),+),
                accepts: <$ty as $crate::OptionValue>::TYPE,
                default: || {
                    let value: $ty = ($default).into();
                    $crate::OptionValue::to_toml(&value)
                },
            },)*
        ];

        impl Options {
            /// Reads the table; what it does not have is the default.
            pub(crate) fn read(table: &toml::Table) -> Result<Self, $crate::OptionError> {
                let _ = table;
                Ok(Options {
                    $($name: {
                        let key = $crate::base::contract::option_key!($name);
                        match $crate::base::contract::read_option(table, key)? {
                            Some(value) => value,
                            None => ($default).into(),
                        }
                    },)*
                })
            }
        }
    };
}
pub(crate) use options;

/// Declares the words that an option may be, as an enum.
macro_rules! choice {
    ($(#[doc = $doc:literal])+ $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = concat!("`", $word, "`")] $variant,)+
        }

        impl $crate::OptionValue for $name {
            const TYPE: $crate::OptionType = $crate::OptionType::Choice(&[$($word),+]);

            fn from_toml(value: &toml::Value) -> Result<Self, String> {
                match value.as_str() {
                    $(Some($word) => Ok($name::$variant),)+
                    Some(other) => {
                        Err(format!("expected {}, found {other:?}", Self::TYPE.describe()))
                    }
                    None => Err($crate::expected(Self::TYPE, value)),
                }
            }

            fn to_toml(&self) -> toml::Value {
                match self {
                    $($name::$variant => $word,)+
                }
                .into()
            }
        }
    };
}
pub(crate) use choice;

/// An option's key: the field's name in kebab-case, made at compile time.
macro_rules! option_key {
    ($name:ident) => {{
        const NAME: &str = stringify!($name);
        const BYTES: [u8; NAME.len()] = $crate::base::contract::kebab(NAME);
        const KEY: &str = match std::str::from_utf8(&BYTES) {
            Ok(key) => key,
            Err(_) => panic!("an option's name is ASCII"),
        };
        KEY
    }};
}
pub(crate) use option_key;

/// The bytes of a `snake_case` name in kebab-case; `N` is its length.
pub(crate) const fn kebab<const N: usize>(name: &str) -> [u8; N] {
    let mut bytes = [0; N];
    let mut at = 0;
    while at < N {
        let byte = name.as_bytes()[at];
        bytes[at] = if byte == b'_' { b'-' } else { byte };
        at += 1;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    options! {
        /// When it is hidden.
        hide_when: When = When::Never,
        /// How long it waits.
        wait: Duration = Duration::from_secs(90),
    }

    choice! {
        /// When.
        When { Never = "never", Idle = "idle" }
    }

    fn read(text: &str) -> Result<Options, String> {
        Options::read(&text.parse().expect("TOML")).map_err(|error| error.to_string())
    }

    #[test]
    fn names_are_kebab_case_and_defaults_are_written_as_they_are_read() {
        assert_eq!(OPTIONS.iter().map(|o| o.name).collect::<Vec<_>>(), ["hide-when", "wait"]);
        let text: String =
            OPTIONS.iter().map(|o| format!("{} = {}\n", o.name, (o.default)())).collect();
        assert_eq!(text, "hide-when = \"never\"\nwait = \"1m 30s\"\n");
        let options = read(&text).expect("the defaults");
        assert_eq!((options.hide_when, options.wait), (When::Never, Duration::from_secs(90)));
        assert_eq!(read("hide-when = \"idle\"").expect("fine").hide_when, When::Idle);
        assert!(read("hide-when = \"busy\"").expect_err("wrong").contains("\"never\", \"idle\""));
    }

    #[test]
    fn a_time_span_needs_its_unit() {
        assert_eq!(read("wait = \"200ms\"").expect("fine").wait, Duration::from_millis(200));
        for (written, meant) in [("60", "60s"), ("0.5", "0.5s"), ("\"60\"", "60s")] {
            let message = read(&format!("wait = {written}")).expect_err("no unit");
            assert!(message.starts_with("wait: expected a time span such as \"30s\""), "{message}");
            assert!(message.ends_with(&format!("; did you mean \"{meant}\"?")), "{message}");
        }
        for wrong in ["-1", "true", "\"soon\"", "\"-1s\""] {
            let message = read(&format!("wait = {wrong}")).expect_err("no time span");
            assert!(!message.contains("did you mean"), "{message}");
        }
    }
}
