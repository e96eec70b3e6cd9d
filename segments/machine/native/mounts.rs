//! `/proc/self/mountinfo`.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::machine::{Machine, Mount};

pub fn read(machine: &Machine) -> Vec<Mount> {
    let table = machine.read("/proc/self/mountinfo").unwrap_or_default();
    table.split(|b| *b == b'\n').filter_map(mount).collect()
}

/// Reads `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [MORE…] - TYPE FROM OPTIONS` (proc(5)).
fn mount(line: &[u8]) -> Option<Mount> {
    let mut columns = line.split(|b| *b == b' ');
    let device = std::str::from_utf8(columns.nth(2)?).ok()?;
    let (major, minor) = device.split_once(':')?;
    let device = (major.parse().ok()?, minor.parse().ok()?);
    let point = PathBuf::from(std::ffi::OsStr::from_bytes(&unescaped(columns.nth(1)?)));
    let mut columns = columns.skip_while(|column| *column != b"-").skip(1);
    let kind = String::from_utf8_lossy(columns.next()?).into_owned();
    let from = unescaped(columns.next()?);
    point.is_absolute().then_some(Mount { device, point, kind, from })
}

/// Blanks and backslashes stand as three octal digits in the table.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|digits| digits.iter().all(|d| (b'0'..b'8').contains(d)));
        match octal {
            Some(digits) if *first == b'\\' => {
                plain.push(digits.iter().fold(0, |n: u8, d| n.wrapping_mul(8) | (d - b'0')));
                rest = &after[3..];
            }
            _ => {
                plain.push(*first);
                rest = after;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::machine::tests::machine_with;

    const TABLE: &str = "27 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw\n\
        22 27 0:21 / /proc rw - proc proc rw\n\
        30 27 0:40 / /mnt/my\\040disk rw shared:7 master:2 - nfs4 host:/a\\040b rw\n\
        31 27 0:41 /@home /home rw - btrfs /dev/nvme0n1p3 rw\nnoise\n1 2 x:y / / - a b\n";

    #[test]
    fn a_path_is_in_the_deepest_mount_above_it() {
        let (_dir, machine) = machine_with(&[("proc/self/mountinfo", TABLE)]);
        let of = |path: &str| machine.mount_of(Path::new(path)).expect("a mount");
        assert_eq!((of("/var/lib").point, of("/").device), ("/".into(), (8, 2)));
        assert_eq!(of("/homeless").kind, "ext4");
        assert_eq!(
            (of("/home/me").kind, of("/home/me").from),
            ("btrfs".into(), b"/dev/nvme0n1p3".into())
        );
        assert_eq!(of("/mnt/my disk/x").from, b"host:/a b");
        assert!(of("/proc/1").is_pseudo() && !of("/").is_pseudo());
        assert_eq!(machine_with(&[]).1.mount_of(Path::new("/")), None);
    }

    #[test]
    fn only_three_octal_digits_are_an_escape() {
        assert_eq!(unescaped(br"a\040b\134c\x\04"), br"a b\c\x\04");
    }
}
