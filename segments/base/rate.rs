//! Growing counters into differences that cannot lie: no jump when a counter wraps or is reset.

/// What a counter grew by since the last reading, in its own unit.
///
/// A counter that went backwards (hot-unplugged CPU, reset interface, suspend) grew by nothing:
/// the reading after it is right again.
pub fn growth(before: u64, now: u64) -> u64 {
    now.saturating_sub(before)
}

#[cfg(test)]
mod tests {
    #[test]
    fn backwards_is_nothing() {
        assert_eq!(super::growth(10, 15), 5);
        assert_eq!(super::growth(15, 10), 0);
    }
}
