//! The machine by the crates `sysinfo` and `battery`, which know Linux, macOS, the BSDs and others. What
//! they do not tell is left out: `base/reader_comparison.rs` lists it with the reason.

pub mod batteries;
pub mod disks;
pub mod load;
pub mod memory;
pub mod network;
pub mod processes;
pub mod processors;
pub mod sensors;
pub mod system;

use super::Error;

/// A view of sysinfo, made by `new` when it is first asked for.
fn made<T>(view: &mut Option<T>, new: fn() -> Result<T, sysinfo::Error>) -> Result<&mut T, Error> {
    let failed = |error| Error::Other(format!("sysinfo cannot read this system: {error}."));
    Ok(match view {
        Some(view) => view,
        none => none.insert(new().map_err(failed)?),
    })
}

#[allow(clippy::disallowed_methods, reason = "this is the reader")]
fn system(view: &mut Option<sysinfo::System>) -> Result<&mut sysinfo::System, Error> {
    made(view, sysinfo::System::new)
}
