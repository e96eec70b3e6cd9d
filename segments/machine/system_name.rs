//! What the machine, its processor and its kernel are called.

use super::{Machine, Reader, World, portable};

impl Machine {
    /// The machine's own name, as bytes that may be anything; empty if it has none.
    pub fn hostname(&self) -> Vec<u8> {
        self.uname("hostname", portable::system::host_name, |uname| uname.nodename())
    }

    /// What the processor calls itself (`x86_64`); empty if it is not known.
    pub fn architecture(&self) -> String {
        let name = self.uname("arch", portable::system::architecture, |uname| uname.machine());
        String::from_utf8_lossy(&name).into_owned()
    }

    /// The version of the running kernel (`6.1.0-13-amd64`); empty if it is not known.
    pub fn kernel(&self) -> String {
        let name = self.uname("osrelease", portable::system::kernel, |uname| uname.release());
        String::from_utf8_lossy(&name).into_owned()
    }

    /// What the kernel calls itself (`Linux`).
    #[allow(clippy::disallowed_methods, reason = "this is the reader")]
    pub fn system(&self) -> String {
        match &self.world {
            World::Real => rustix::system::uname().sysname().to_string_lossy().into_owned(),
            World::Fixture(_) => "Linux".into(),
        }
    }

    /// One of the system's names: by uname(2), by sysinfo, or of a fixture's `/proc/sys/kernel`.
    #[allow(clippy::disallowed_methods, reason = "this is the reader")]
    fn uname(
        &self,
        file: &str,
        portable: fn() -> Option<String>,
        native: fn(&rustix::system::Uname) -> &std::ffi::CStr,
    ) -> Vec<u8> {
        match (&self.world, self.reader()) {
            (World::Real, Reader::Native) => native(&rustix::system::uname()).to_bytes().to_vec(),
            (World::Real, Reader::Portable) => portable().unwrap_or_default().into_bytes(),
            (World::Fixture(_), _) => {
                let mut name = self.read(format!("/proc/sys/kernel/{file}")).unwrap_or_default();
                name.truncate(name.trim_ascii_end().len());
                name
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_machine_and_its_kernel_and_processor_have_names() {
        for reader in Reader::ALL {
            let machine = Machine::read_by(reader);
            assert!(!machine.hostname().is_empty());
            assert!(!machine.kernel().is_empty() && !machine.architecture().is_empty());
        }
    }
}
