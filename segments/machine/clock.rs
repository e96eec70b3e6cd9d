//! Clocks: the wall clock in local time, and the time since boot.

use std::time::Duration;

use chrono::{DateTime, FixedOffset, Offset, Utc};

use super::fixture::Fixture;
use super::{Machine, Reader, World, native, portable};

impl Machine {
    /// The wall clock with the local offset.
    #[allow(clippy::disallowed_methods, reason = "this is the reader")]
    pub fn now(&self) -> DateTime<FixedOffset> {
        match &self.world {
            World::Fixture(Fixture { clock: Some(clock), .. }) => *clock,
            _ => {
                let now = Utc::now();
                let offset = self.local_offset(now.timestamp());
                let offset = FixedOffset::east_opt(offset).unwrap_or(Utc.fix());
                now.with_timezone(&offset)
            }
        }
    }

    /// Time since boot, suspended time included; it never goes back. For measuring how much time
    /// passed.
    pub fn uptime(&self) -> Duration {
        if let World::Fixture(_) = &self.world
            && let Ok(bytes) = self.read("/proc/uptime")
            && let Some(seconds) = String::from_utf8_lossy(&bytes).split(' ').next()
            && let Ok(uptime) = Duration::try_from_secs_f64(seconds.parse().unwrap_or(-1.0))
        {
            return uptime;
        }
        native::os::boot_clock()
    }

    /// How long the machine has been up, in the words of its system: whole seconds by the portable
    /// reader.
    pub fn time_since_boot(&self) -> Duration {
        match self.reader() {
            Reader::Native => self.uptime(),
            Reader::Portable => portable::system::uptime().unwrap_or_else(|| self.uptime()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::machine_with;
    use super::*;

    #[test]
    fn the_clock_and_the_uptime_can_be_set() {
        let (_dir, machine) = machine_with(&[
            ("clock", "2031-02-03T04:05:06+07:00\n"),
            ("proc/uptime", "12.50 3.00\n"),
        ]);
        assert_eq!(machine.now().to_rfc3339(), "2031-02-03T04:05:06+07:00");
        assert_eq!(machine.uptime(), Duration::from_millis(12_500));
    }

    #[test]
    fn the_real_machine_has_been_up_for_a_while() {
        assert!(Machine::real().uptime() > Duration::ZERO);
    }
}
