//! How values become fields and back, and the header that requests and replies share.
//!
//! A field is sent only where it differs from its default, so a default must keep its meaning for
//! as long as [`PROTOCOL`] stays the same.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use rainline_caps::{Depth, Glyphs, Policy, Version};

use super::{HEADER, PROTOCOL};

/// The most fields of one list (variables of the environment, exit codes).
const MOST_ITEMS: usize = 256;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Not ours at all: wrong magic, wrong protocol, unknown verb or kind.
    Foreign,
    /// Longer than a message may be.
    TooLong,
    /// A field's length runs past the end, or its bytes are not what its tag means.
    Broken,
}

/// What both kinds of messages begin with.
pub(super) struct Header {
    /// The verb or the kind, and three bytes that depend on it.
    pub start: [u8; 4],
    pub nonce: u64,
    pub build: u64,
    /// Bytes after the header.
    pub length: usize,
}

impl Header {
    pub fn put(&self, magic: &[u8; 3], out: &mut Vec<u8>) {
        out.extend_from_slice(magic);
        out.push(PROTOCOL);
        out.extend_from_slice(&self.start);
        out.extend_from_slice(&self.nonce.to_le_bytes());
        out.extend_from_slice(&self.build.to_le_bytes());
        out.extend_from_slice(&(self.length as u32).to_le_bytes());
    }

    /// Reads a header; `Ok(None)`: not all of it is here yet.
    pub fn take(bytes: &[u8], magic: &[u8; 3]) -> Result<Option<Header>, Malformed> {
        let seen = bytes.len().min(3);
        if bytes[..seen] != magic[..seen] || bytes.get(3).is_some_and(|proto| *proto != PROTOCOL) {
            return Err(Malformed::Foreign);
        }
        let Some(bytes) = bytes.first_chunk::<HEADER>() else { return Ok(None) };
        let long = |at: usize| {
            let mut eight = [0; 8];
            eight.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(eight)
        };
        Ok(Some(Header {
            start: [bytes[4], bytes[5], bytes[6], bytes[7]],
            nonce: long(8),
            build: long(16),
            length: u32::from_le_bytes([bytes[24], bytes[25], bytes[26], bytes[27]]) as usize,
        }))
    }
}

/// A number for bytes that is the same in every build, which the standard hasher's is not: FNV-1a.
#[derive(Clone, Copy, Debug)]
pub struct Hash(u64);

impl Hash {
    /// The hash of nothing.
    pub fn new() -> Hash {
        Hash(0xcbf2_9ce4_8422_2325)
    }

    /// With these bytes appended.
    #[must_use]
    pub fn with(self, bytes: &[u8]) -> Hash {
        let add = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Hash(bytes.iter().fold(self.0, add))
    }

    /// The number.
    pub fn value(self) -> u64 {
        self.0
    }
}

impl Default for Hash {
    fn default() -> Self {
        Hash::new()
    }
}

/// Appends a field; a value too long for one is cut.
pub(super) fn put_field(out: &mut Vec<u8>, tag: u8, value: &[u8]) {
    let value = &value[..value.len().min(u16::MAX.into())];
    let [low, high] = (value.len() as u16).to_le_bytes();
    out.extend_from_slice(&[tag, low, high]);
    out.extend_from_slice(value);
}

/// Hands each field to `take`.
pub(super) fn each_field(
    mut bytes: &[u8],
    mut take: impl FnMut(u8, &[u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    while let [tag, low, high, rest @ ..] = bytes {
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let (value, after) = rest.split_at_checked(length).ok_or(Malformed::Broken)?;
        take(*tag, value)?;
        bytes = after;
    }
    if bytes.is_empty() { Ok(()) } else { Err(Malformed::Broken) }
}

/// Fields under their tags.
pub(super) trait Record {
    /// Appends the fields that are of this class (`None`: all), unless they are at their default.
    fn put(&self, class: Option<Class>, out: &mut Vec<u8>);

    /// Takes a field. An unknown tag is passed over.
    fn take(&mut self, tag: u8, value: &[u8]) -> Result<(), Malformed>;
}

/// What a field decides on, besides being sent.
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(non_camel_case_types, reason = "the names stand in tables of fields")]
pub(super) enum Class {
    /// The line that is drawn, whatever is read for it.
    line,
    /// What is read for this one request, and for no other.
    moment,
}

/// Declares a struct with its fields, their tags, defaults and classes: all that is written down of
/// a field. Tags never change their meaning; new ones are added at the end.
macro_rules! record {
    (
        $(#[$about:meta])*
        $name:ident {
            $($(#[$doc:meta])* $tag:literal $field:ident: $type:ty $(= $default:expr)?, [$($class:ident)*];)*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $($field: record!(@default $($default)?),)* }
            }
        }

        impl $crate::protocol::codec::Record for $name {
            fn put(&self, class: Option<$crate::protocol::codec::Class>, out: &mut Vec<u8>) {
                let usual = $name::default();
                $(
                    let classes: &[$crate::protocol::codec::Class] =
                        &[$($crate::protocol::codec::Class::$class),*];
                    if self.$field != usual.$field
                        && class.is_none_or(|class| classes.contains(&class))
                    {
                        $crate::protocol::codec::Value::put(&self.$field, $tag, out);
                    }
                )*
            }

            fn take(
                &mut self,
                tag: u8,
                value: &[u8],
            ) -> Result<(), $crate::protocol::codec::Malformed> {
                match tag {
                    $($tag => $crate::protocol::codec::Value::take(&mut self.$field, value),)*
                    _ => Ok(()),
                }
            }
        }
    };
    (@default) => { Default::default() };
    (@default $default:expr) => { $default };
}
pub(super) use record;

/// A value that a field can have.
pub(super) trait Value: Sized {
    /// Appends it as a field, or as several with the same tag.
    fn put(&self, tag: u8, out: &mut Vec<u8>);

    /// Takes what a field holds.
    fn take(&mut self, bytes: &[u8]) -> Result<(), Malformed>;
}

macro_rules! numbers {
    ($($type:ty),*) => {
        $(impl Value for $type {
            fn put(&self, tag: u8, out: &mut Vec<u8>) {
                put_field(out, tag, &self.to_le_bytes());
            }

            fn take(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
                *self = bytes.try_into().map(<$type>::from_le_bytes).map_err(|_| Malformed::Broken)?;
                Ok(())
            }
        })*
    };
}
numbers!(u16, u32, i32);

/// `false` is never sent: it is the default of every field.
impl Value for bool {
    fn put(&self, tag: u8, out: &mut Vec<u8>) {
        put_field(out, tag, &[u8::from(*self)]);
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        *self = bytes == [1];
        Ok(())
    }
}

impl Value for String {
    fn put(&self, tag: u8, out: &mut Vec<u8>) {
        put_field(out, tag, self.as_bytes());
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        *self = text(bytes)?.to_owned();
        Ok(())
    }
}

impl Value for PathBuf {
    fn put(&self, tag: u8, out: &mut Vec<u8>) {
        put_field(out, tag, self.as_os_str().as_bytes());
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        *self = std::ffi::OsString::from_vec(bytes.to_vec()).into();
        Ok(())
    }
}

/// In milliseconds.
impl Value for Duration {
    fn put(&self, tag: u8, out: &mut Vec<u8>) {
        u32::try_from(self.as_millis()).unwrap_or(u32::MAX).put(tag, out);
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let mut millis = 0_u32;
        millis.take(bytes)?;
        *self = Duration::from_millis(millis.into());
        Ok(())
    }
}

impl Value for Version {
    fn put(&self, tag: u8, out: &mut Vec<u8>) {
        (u32::from(self.0) << 16 | u32::from(self.1)).put(tag, out);
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let mut both = 0_u32;
        both.take(bytes)?;
        *self = ((both >> 16) as u16, both as u16);
        Ok(())
    }
}

/// `None` is never sent.
impl<T: Value + Default> Value for Option<T> {
    fn put(&self, tag: u8, out: &mut Vec<u8>) {
        if let Some(value) = self {
            value.put(tag, out);
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        self.insert(T::default()).take(bytes)
    }
}

/// By its name, which says more than a number in a hexadecimal dump and outlives a reordering.
macro_rules! named {
    ($($type:ty),*) => {
        $(impl Value for $type {
            fn put(&self, tag: u8, out: &mut Vec<u8>) {
                let name = <$type>::NAMES.iter().find(|(_, known)| known == self);
                name.map(|(name, _)| put_field(out, tag, name.as_bytes()));
            }

            fn take(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
                *self = <$type>::named(text(bytes)?).ok_or(Malformed::Broken)?;
                Ok(())
            }
        })*
    };
}
named!(Depth, Glyphs, Policy);

/// A field each.
impl Value for Vec<i32> {
    fn put(&self, tag: u8, out: &mut Vec<u8>) {
        self.iter().take(MOST_ITEMS).for_each(|item| item.put(tag, out));
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let mut item = 0;
        item.take(bytes)?;
        if self.len() >= MOST_ITEMS {
            return Err(Malformed::TooLong);
        }
        self.push(item);
        Ok(())
    }
}

/// `NAME=VALUE`, a field each.
impl Value for Vec<(String, Vec<u8>)> {
    fn put(&self, tag: u8, out: &mut Vec<u8>) {
        for (name, value) in self.iter().take(MOST_ITEMS) {
            put_field(out, tag, &[name.as_bytes(), b"=", value].concat());
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let at = bytes.iter().position(|byte| *byte == b'=').ok_or(Malformed::Broken)?;
        if self.len() >= MOST_ITEMS {
            return Err(Malformed::TooLong);
        }
        self.push((text(&bytes[..at])?.to_owned(), bytes[at + 1..].to_vec()));
        Ok(())
    }
}

fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed::Broken)
}
