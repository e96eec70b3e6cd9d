//! Compressed swap in memory: what the zram devices that are swapped to really take. The portable
//! reader does not know.

use super::numbers::Numbers;
use crate::machine::{Machine, Reader};

/// Swap devices that are looked at; more than a few is a broken table.
const MOST: usize = 64;

/// What is kept in zram, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zram {
    /// What the pages would take as they were.
    pub original: u64,
    /// The memory that they take compressed, overhead included.
    pub taken: u64,
}

impl Machine {
    /// All zram devices that are swapped to together; `None` if there are none.
    pub fn zram(&self) -> Option<Zram> {
        if self.reader() == Reader::Portable {
            return None;
        }
        let table = self.read("/proc/swaps").ok()?;
        let text = String::from_utf8_lossy(&table);
        let names = text.lines().skip(1).filter_map(|row| {
            let name = row.strip_prefix("/dev/")?.split_ascii_whitespace().next()?;
            let number = name.strip_prefix("zram")?;
            number.bytes().all(|b| b.is_ascii_digit()).then_some(name)
        });
        let mut sum: Option<Zram> = None;
        for name in names.take(MOST) {
            let Ok(stat) = self.read(format!("/sys/block/{name}/mm_stat")) else { continue };
            // orig_data_size compr_data_size mem_used_total …, in bytes (zram.rst).
            let mut columns = Numbers(&stat);
            let (Some(original), Some(taken)) = (columns.next(), columns.nth(1)) else { continue };
            let sum = sum.get_or_insert_default();
            sum.original = sum.original.saturating_add(original);
            sum.taken = sum.taken.saturating_add(taken);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::machine_with;

    const HEAD: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

    #[test]
    fn devices_that_are_swapped_to_are_summed() {
        let table = format!(
            "{HEAD}/dev/zram0  partition 8388604 1 100\n/dev/sda2 partition 1 1 -2\n/dev/zram1 partition 1 1 5\n"
        );
        let (_dir, machine) = machine_with(&[
            ("proc/swaps", &table),
            ("sys/block/zram0/mm_stat", "  4096000  1000000  1200000  0 1200000 5 0 0 0\n"),
            ("sys/block/zram1/mm_stat", "1000 100 200 0 0 0 0 0 0\n"),
            ("sys/block/zram2/mm_stat", "9 9 9\n"),
        ]);
        assert_eq!(machine.zram(), Some(Zram { original: 4_097_000, taken: 1_200_200 }));
    }

    #[test]
    fn without_any_there_is_nothing_to_say() {
        for table in ["", HEAD, "x\n/dev/zramx a\n", "x\n/dev/zram0\n"] {
            let (_dir, machine) =
                machine_with(&[("proc/swaps", table), ("sys/block/zram0/mm_stat", "1")]);
            assert_eq!(machine.zram(), None, "{table:?}");
        }
        assert_eq!(machine_with(&[]).1.zram(), None);
    }
}
