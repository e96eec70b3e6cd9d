//! A path as its bytes, for `#[serde(with = …)]`: serde's own way refuses one that is not UTF-8.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes the path's bytes.
pub fn serialize<P: AsRef<Path>, S: Serializer>(path: &P, s: S) -> Result<S::Ok, S::Error> {
    path.as_ref().as_os_str().as_bytes().serialize(s)
}

/// Reads a path's bytes.
pub fn deserialize<'de, P: From<PathBuf>, D: Deserializer<'de>>(d: D) -> Result<P, D::Error> {
    let bytes = Vec::<u8>::deserialize(d)?;
    Ok(PathBuf::from(OsString::from_vec(bytes)).into())
}

/// The same of a path that there may not be.
pub mod option {
    use super::{Deserialize, Deserializer, OsStrExt, OsString, OsStringExt, PathBuf};
    use super::{Serialize, Serializer};

    /// Writes the path's bytes, if there is one.
    pub fn serialize<S: Serializer>(path: &Option<PathBuf>, s: S) -> Result<S::Ok, S::Error> {
        path.as_ref().map(|path| path.as_os_str().as_bytes()).serialize(s)
    }

    /// Writes the path for a person, if there is one.
    pub fn as_text<S: Serializer>(path: &Option<PathBuf>, s: S) -> Result<S::Ok, S::Error> {
        path.as_ref().map(|path| path.to_string_lossy()).serialize(s)
    }

    /// Reads a path's bytes, if there are any.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<PathBuf>, D::Error> {
        let bytes = Option::<Vec<u8>>::deserialize(d)?;
        Ok(bytes.map(|bytes| OsString::from_vec(bytes).into()))
    }
}

/// Writes a path for a person, as text: what is no UTF-8 in it is replaced.
pub fn as_text<P: AsRef<Path>, S: Serializer>(path: &P, s: S) -> Result<S::Ok, S::Error> {
    path.as_ref().to_string_lossy().serialize(s)
}

/// The bytes of several paths.
pub mod list {
    use super::{Deserialize, Deserializer, OsStrExt, OsString, OsStringExt, PathBuf};
    use super::{Serialize, Serializer};

    /// Writes the bytes of each path.
    pub fn serialize<S: Serializer>(paths: &[PathBuf], s: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<&[u8]> = paths.iter().map(|path| path.as_os_str().as_bytes()).collect();
        bytes.serialize(s)
    }

    /// Reads the bytes of each path.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<PathBuf>, D::Error> {
        let all = Vec::<Vec<u8>>::deserialize(d)?;
        Ok(all.into_iter().map(|bytes| OsString::from_vec(bytes).into()).collect())
    }
}
