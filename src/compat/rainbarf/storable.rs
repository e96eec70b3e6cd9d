//! Reads the file in which rainbarf keeps its history: a list of numbers in Perl's `Storable` format.
//! It is never written.
//!
//! `pst0`, major and minor version, the byte order's name with its length, four sizes, then `02`
//! and a count, then the items: `07` a double, `08` a byte plus 128, `06` a native integer, `09` a
//! 32-bit integer of network order, `0a` a short text. Only what rainbarf writes is read; a file
//! that is cut or of another kind is no history.

/// The samples, oldest first; `None` for anything that is not a list of numbers.
pub(super) fn samples(bytes: &[u8]) -> Option<Vec<f64>> {
    let mut rest = bytes.strip_prefix(b"pst0")?;
    let _version = take(&mut rest, 2)?;
    let order = usize::from(take(&mut rest, 1)?[0]);
    let order = take(&mut rest, order)?;
    if order != b"12345678" {
        return None;
    }
    let _sizes = take(&mut rest, 4)?;
    if take(&mut rest, 1)? != [2] {
        return None;
    }
    let count = u32::from_le_bytes(take(&mut rest, 4)?.try_into().ok()?);
    let mut samples = Vec::new();
    for _ in 0..count {
        let sample = match take(&mut rest, 1)?[0] {
            7 => f64::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?),
            8 => f64::from(take(&mut rest, 1)?[0]) - 128.0,
            6 => i64::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?) as f64,
            9 => f64::from(i32::from_be_bytes(take(&mut rest, 4)?.try_into().ok()?)),
            10 => {
                let length = usize::from(take(&mut rest, 1)?[0]);
                std::str::from_utf8(take(&mut rest, length)?).ok()?.trim().parse().ok()?
            }
            _ => return None,
        };
        samples.push(if sample.is_finite() { sample } else { 0.0 });
    }
    Some(samples)
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(count: u32, items: &[u8]) -> Vec<u8> {
        let mut bytes = b"pst0\x04\x0b\x0812345678\x04\x08\x08\x08\x02".to_vec();
        bytes.extend(count.to_le_bytes());
        bytes.extend(items);
        bytes
    }

    #[test]
    fn every_kind_of_number_is_read() {
        let mut items = vec![8, 129, 7];
        items.extend(0.25_f64.to_le_bytes());
        items.push(6);
        items.extend(7_i64.to_le_bytes());
        items.extend([9, 0, 0, 1, 0, 10, 4]);
        items.extend(b"1.25");
        assert_eq!(samples(&file(5, &items)), Some(vec![1.0, 0.25, 7.0, 256.0, 1.25]));
    }

    #[test]
    fn a_file_that_is_cut_or_of_another_kind_is_none() {
        let whole = file(2, &[8, 128, 8, 129]);
        assert!((0..whole.len()).all(|end| samples(&whole[..end]).is_none()));
        assert_eq!(samples(&file(1, &[3, 0, 0, 0, 0])), None);
        assert_eq!(samples(&file(u32::MAX, &[8, 128])), None);
        assert_eq!(samples(b"garbage"), None);
    }
}
