//! The columns of numbers that `/proc` is full of.

/// Numbers separated by blanks, up to the first thing that is none; too large ones saturate.
pub struct Numbers<'a>(pub &'a [u8]);

impl Iterator for Numbers<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let mut rest = self.0;
        while let [b' ' | b'\t' | b'\n' | b'\r' | b'\x0c', more @ ..] = rest {
            rest = more;
        }
        let start = rest.len();
        let mut number = 0u64;
        while let [digit @ b'0'..=b'9', more @ ..] = rest {
            number = number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
            rest = more;
        }
        let ends = rest.first().is_none_or(u8::is_ascii_whitespace);
        let found = rest.len() < start && ends;
        self.0 = if found { rest } else { &[] };
        found.then_some(number)
    }
}
