//! The machine by the crates `sysinfo` and `battery`, which know Linux, macOS, the BSDs and others. What
//! they do not tell is left out: `base/agreement.rs` lists it with the reason.

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

/// sysinfo's view of the system, made when it is first asked for.
#[allow(clippy::disallowed_methods, reason = "this is the reader")]
fn system(system: &mut Option<sysinfo::System>) -> Result<&mut sysinfo::System, Error> {
    Ok(match system {
        Some(system) => system,
        none => none.insert(sysinfo::System::new().map_err(failed("system"))?),
    })
}

fn failed(what: &str) -> impl Fn(sysinfo::Error) -> Error {
    move |error| Error::Other(format!("The {what} cannot be read: {error}."))
}
