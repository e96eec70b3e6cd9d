//! The contract between a segment and the engine: a static [`Kind`] and a [`Source`].
//!
//! A kind is data: name, icons, fields, options, default format. The engine lists, documents,
//! checks and schedules kinds without knowing any of them. A source is the code that reads an
//! instance's values; it sees the machine only through [`Machine`] and the asker through [`Ask`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::untrusted::Untrusted;
use super::value::{Level, Sample};
use super::variant::Variant;
use crate::machine::Machine;

pub use crate::machine::Error;

/// One kind of segment. Its file in `segments/`, its config key and its heading in the docs all
/// bear its `name`.
pub struct Kind {
    pub name: &'static str,
    /// One sentence, for lists and docs.
    pub about: &'static str,
    pub icons: Icons,
    /// The default format, in the format language.
    pub format: &'static str,
    /// Every name that a sample may carry and a format may use.
    pub fields: &'static [Field],
    pub options: &'static [Opt],
    /// Environment variables of the asker that the source wants to see in [`Ask::env`].
    pub env: &'static [&'static str],
    pub scope: Scope,
    pub place: Where,
    pub pace: Pace,
    /// Who stays when a line is narrow: 100 goes last, 0 goes first.
    pub priority: u8,
    /// Builds a source from checked options; an error names the option whose value makes no sense.
    pub open: fn(&toml::Table) -> Result<Box<dyn Source>, OptionError>,
}

/// A segment's icon at each glyph level. `unicode` and `ascii` may be empty: better no icon than
/// one that half the terminals draw as a box.
#[derive(Clone, Copy, Debug)]
pub struct Icons {
    pub nerd: &'static str,
    pub unicode: &'static str,
    pub ascii: &'static str,
}

/// A value that a sample of this kind may carry.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub name: &'static str,
    pub about: &'static str,
    pub unit: Unit,
}

impl Field {
    pub const fn new(name: &'static str, about: &'static str, unit: Unit) -> Field {
        Field { name, about, unit }
    }
}

/// What a field's value is measured in. Static, so that a formatter on the wrong kind of value is
/// an error of the config and not an empty bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Text,
    Percent,
    Bytes,
    Count,
    Celsius,
    Watts,
    Duration,
    Time,
    /// Disjoint parts of a whole in the unit named.
    Parts,
    /// The past of a numeric field of the same kind; the engine keeps it.
    History(&'static str),
}

impl Unit {
    /// The word used in messages and docs.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Text => "text",
            Unit::Percent => "percent",
            Unit::Bytes => "bytes",
            Unit::Count => "count",
            Unit::Celsius => "celsius",
            Unit::Watts => "watts",
            Unit::Duration => "duration",
            Unit::Time => "time",
            Unit::Parts => "parts",
            Unit::History(_) => "history",
        }
    }

    pub fn is_number(self) -> bool {
        matches!(self, Unit::Percent | Unit::Bytes | Unit::Count | Unit::Celsius | Unit::Watts)
    }
}

/// With whom a sample is shared; what the cache key is made of beside the instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The same for everybody on this machine.
    Machine,
    /// One per client: its environment and its session.
    Client,
    /// One per directory, and per what the source sees of the asker's environment.
    Place,
}

/// Where the source runs. Whatever opens a path that a client named, runs a command or may block
/// is a [`Where::Worker`]: a process that can be killed and, if it will not die, left behind. An
/// instance stays with its worker, and so with its past, unless another one holds that up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    Daemon,
    Worker,
    /// A worker of its own for as long as somebody looks: for a source that stays with a command or
    /// a connection and tells by itself when there is something new. It is not sampled but followed,
    /// see [`Source::follow`]; its pace is [`Pace::Change`]. Without a daemon it shows what one heard last, if one did, as old.
    Own,
}

/// When the source runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// By clockwork, aligned to the second.
    Tick(Duration),
    /// Once, and again when the engine says that something changed.
    Change,
    /// With each request: it only reshapes what the request carries.
    Ask,
}

/// Reads an instance's values. `None`: nothing to show here.
pub trait Source: Send {
    fn sample(&mut self, machine: &Machine, ask: &Ask) -> Result<Option<Sample>, Error>;

    /// Counters that the next process needs to make its first reading a true difference. They are
    /// kept beside the socket while no daemon runs, and go from worker to worker.
    fn memo(&self) -> Option<String> {
        None
    }

    /// Takes over what [`Source::memo`] gave earlier, in a worker before each reading. Nonsense is
    /// ignored.
    fn recall(&mut self, _memo: &str) {}

    /// For [`Where::Worker`]: whether there is something on this machine that it would rather stay
    /// with than ask anew for each reading. Then it is followed in a worker of its own, as one of
    /// [`Where::Own`] is. Asked where a reading is due; without a daemon it is sampled all the same.
    fn stays(&self, _host: &Machine) -> bool {
        false
    }

    /// For [`Where::Own`] and whatever [`Source::stays`]: hands each reading to `heard` as it comes,
    /// until that says `false` or there will be no more. `every` is how often it would be sampled.
    /// An error handed over is said by `doctor`, and the source goes on; one that is returned, or an
    /// end, is followed by a new start after a pause that grows. Calls that block
    /// go through [`Machine::follow`] or [`Machine::pause`], which return when it is not wanted any more.
    fn follow(
        &mut self,
        machine: &Machine,
        ask: &Ask,
        _every: Duration,
        heard: &mut Heard,
    ) -> Result<(), Error> {
        let sampled = self.sample(machine, ask);
        heard(sampled);
        Ok(())
    }

    /// For [`Where::Worker`]: the paths on which its last reading depends, whether they are there or
    /// not. Where the system can tell, a change of one makes it due; it is looked at now and then
    /// all the same, as nobody tells of a change on another machine.
    fn depends(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Takes a value from outside (`rainline set`), which shows at once. It runs in the daemon,
    /// whatever the kind's place, so it only computes. The error says what was expected.
    fn take(&mut self, _host: &Machine, _pushed: &Pushed) -> Result<Option<Sample>, Error> {
        Err(Error::Other("takes no values; only `custom` does".into()))
    }

    /// For kinds whose fields are the user's own to declare: the kind as these options make it.
    /// Asked once, when the config is read.
    fn variant(&self) -> Option<Variant> {
        None
    }

    /// How long a reading in a worker may take, where that is the user's to say.
    fn patience(&self) -> Option<Duration> {
        None
    }
}

/// Takes a reading; `false`: nobody wants more.
pub type Heard<'a> = dyn FnMut(Result<Option<Sample>, Error>) -> bool + 'a;

/// A value from outside, as it was said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pushed {
    /// A text, `field=value` lines or a JSON object.
    pub text: String,
    pub level: Option<Level>,
    /// How long it is good for; `None`: until another comes.
    pub lasts: Option<Duration>,
}

/// What a request tells about the one who asks. Times and texts are the asker's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ask {
    /// Same number, same asker: for sources of [`Scope::Client`].
    pub client: u64,
    /// The asker's process, 0 if unknown; [`Machine::lineage`] starts from it.
    pub pid: u32,
    /// Any bytes: a directory's name need not be UTF-8.
    #[serde(with = "raw_path")]
    pub cwd: Option<PathBuf>,
    /// The declared variables that are set, in the order of their names.
    pub env: Vec<(String, Untrusted)>,
    pub columns: u16,
    /// Exit status of the last command, then of each command of its pipe.
    pub status: Option<i32>,
    pub pipestatus: Vec<i32>,
    /// How long the last command ran.
    pub duration: Option<Duration>,
    pub jobs: u32,
    pub keymap: Option<Untrusted>,
    /// The pane that asks, in the multiplexer's own words (`%3`).
    pub pane: Option<Untrusted>,
}

/// A path as its bytes: serde's own way refuses one that is not UTF-8.
mod raw_path {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::PathBuf;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(path: &Option<PathBuf>, s: S) -> Result<S::Ok, S::Error> {
        path.as_ref().map(|path| path.as_os_str().as_bytes()).serialize(s)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<PathBuf>, D::Error> {
        let bytes = Option::<Vec<u8>>::deserialize(d)?;
        Ok(bytes.map(|bytes| OsString::from_vec(bytes).into()))
    }
}

impl Ask {
    /// A declared environment variable, if it is set and not empty.
    pub fn env(&self, name: &str) -> Option<&str> {
        let (_, value) = self.env.iter().find(|(known, _)| known == name)?;
        (!value.is_empty()).then(|| value.reveal())
    }
}

/// An option whose value has the right type and makes no sense all the same.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {message}")]
pub struct OptionError {
    /// As written in a config, in kebab-case.
    pub key: String,
    pub message: String,
}

/// An option of a kind, as [`options!`](crate::options) declares it.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// As written in a config, in kebab-case.
    pub name: &'static str,
    pub about: &'static str,
    pub shape: Shape,
    /// The value in force when the config says nothing.
    pub default: fn() -> toml::Value,
}

/// What an option's value looks like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    Bool,
    Integer,
    Number,
    Text,
    /// A list of texts.
    List,
    /// Names, each with a text.
    Table,
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl Shape {
    /// In words, for messages and docs.
    pub fn describe(self) -> String {
        match self {
            Shape::Bool => "true or false".into(),
            Shape::Integer => "a whole number".into(),
            Shape::Number => "a number".into(),
            Shape::Text => "a text".into(),
            Shape::List => "a list of texts".into(),
            Shape::Table => "names with texts: { load = \"percent\" }".into(),
            Shape::Choice(words) => {
                let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
                format!("one of {}", quoted.join(", "))
            }
        }
    }
}

/// A type that an option may have.
pub trait OptionType: Sized {
    const SHAPE: Shape;
    /// `Err` says what was expected.
    fn from_toml(value: &toml::Value) -> Result<Self, String>;
    fn to_toml(&self) -> toml::Value;
}

/// The message for a value of the wrong type.
pub fn expected(shape: Shape, value: &toml::Value) -> String {
    format!("expected {}, found {}", shape.describe(), value.type_str())
}

impl OptionType for bool {
    const SHAPE: Shape = Shape::Bool;
    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| expected(Self::SHAPE, value))
    }
    fn to_toml(&self) -> toml::Value {
        (*self).into()
    }
}

impl OptionType for f64 {
    const SHAPE: Shape = Shape::Number;
    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::Integer(n) => Ok(*n as f64),
            toml::Value::Float(n) if n.is_finite() => Ok(*n),
            _ => Err(expected(Self::SHAPE, value)),
        }
    }
    fn to_toml(&self) -> toml::Value {
        // Written as a person would: 70, not 70.0.
        if self.fract() == 0.0 { (*self as i64).into() } else { (*self).into() }
    }
}

impl OptionType for u32 {
    const SHAPE: Shape = Shape::Integer;
    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::Integer(n) => {
                u32::try_from(*n).map_err(|_| format!("{n} is out of range; 0 or more is meant"))
            }
            _ => Err(expected(Self::SHAPE, value)),
        }
    }
    fn to_toml(&self) -> toml::Value {
        i64::from(*self).into()
    }
}

impl OptionType for String {
    const SHAPE: Shape = Shape::Text;
    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        value.as_str().map(str::to_owned).ok_or_else(|| expected(Self::SHAPE, value))
    }
    fn to_toml(&self) -> toml::Value {
        self.as_str().into()
    }
}

impl OptionType for Vec<String> {
    const SHAPE: Shape = Shape::List;
    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        let list = value.as_array().ok_or_else(|| expected(Self::SHAPE, value))?;
        list.iter().map(String::from_toml).collect()
    }
    fn to_toml(&self) -> toml::Value {
        self.clone().into()
    }
}

impl OptionType for BTreeMap<String, String> {
    const SHAPE: Shape = Shape::Table;
    fn from_toml(value: &toml::Value) -> Result<Self, String> {
        let table = value.as_table().ok_or_else(|| expected(Self::SHAPE, value))?;
        let mut texts = BTreeMap::new();
        for (name, value) in table {
            texts.insert(name.clone(), String::from_toml(value)?);
        }
        Ok(texts)
    }
    fn to_toml(&self) -> toml::Value {
        let mut table = toml::Table::new();
        for (name, text) in self {
            table.insert(name.clone(), text.as_str().into());
        }
        toml::Value::Table(table)
    }
}

/// Declares a kind's options once: the struct, its parser and the table that docs, schema and
/// default config are made from. Names are written in `snake_case` and read in kebab-case.
///
/// ```
/// rainline_segments::options! {
///     /// Usage in percent from which the level is `warning`.
///     warning: f64 = 80.0,
/// }
/// let options = Options::read(&toml::Table::new()).unwrap();
/// assert_eq!(options.warning, 80.0);
/// assert_eq!(OPTIONS[0].name, "warning");
/// ```
#[macro_export]
macro_rules! options {
    ($($(#[doc = $doc:literal])+ $name:ident $(($key:literal))? : $ty:ty = $default:expr),* $(,)?) => {
        /// The options of this kind, read.
        #[derive(Clone, Debug)]
        #[allow(dead_code)]
        pub(crate) struct Options {
            $($(#[doc = $doc])+ pub(crate) $name: $ty,)*
        }

        /// The options of this kind, for everybody who lists or checks them.
        pub(crate) const OPTIONS: &[$crate::Opt] = &[
            $($crate::Opt {
                name: $crate::option_key!($name $($key)?),
                about: concat!($($doc),+),
                shape: <$ty as $crate::OptionType>::SHAPE,
                default: || {
                    let value: $ty = ($default).into();
                    $crate::OptionType::to_toml(&value)
                },
            },)*
        ];

        #[allow(dead_code)]
        impl Options {
            /// Reads what the table says and takes the default for the rest.
            pub(crate) fn read(table: &toml::Table) -> Result<Self, $crate::OptionError> {
                let _ = table;
                Ok(Options {
                    $($name: match table.get($crate::option_key!($name $($key)?)) {
                        Some(value) => <$ty as $crate::OptionType>::from_toml(value).map_err(
                            |message| $crate::OptionError {
                                key: $crate::option_key!($name $($key)?).into(),
                                message,
                            },
                        )?,
                        None => ($default).into(),
                    },)*
                })
            }
        }
    };
}

/// Declares the words that an option may be, as an enum.
///
/// ```
/// rainline_segments::choice! {
///     /// What is counted.
///     By { Cpu = "cpu", Memory = "memory" }
/// }
/// use rainline_segments::OptionType;
/// assert!(matches!(By::from_toml(&"memory".into()), Ok(By::Memory)));
/// assert!(By::from_toml(&"disk".into()).is_err());
/// ```
#[macro_export]
macro_rules! choice {
    ($(#[doc = $doc:literal])+ $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($variant,)+
        }

        impl $crate::OptionType for $name {
            const SHAPE: $crate::Shape = $crate::Shape::Choice(&[$($word),+]);

            fn from_toml(value: &toml::Value) -> Result<Self, String> {
                match value.as_str() {
                    $(Some($word) => Ok($name::$variant),)+
                    Some(other) => {
                        Err(format!("expected {}, found {other:?}", Self::SHAPE.describe()))
                    }
                    None => Err($crate::expected(Self::SHAPE, value)),
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

/// An option's key: its name, or the kebab-case form given beside it.
#[doc(hidden)]
#[macro_export]
macro_rules! option_key {
    ($name:ident) => {
        stringify!($name)
    };
    ($name:ident $key:literal) => {
        $key
    };
}
