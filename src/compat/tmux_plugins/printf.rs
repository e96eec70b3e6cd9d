//! awk's `printf` for one number: how the plugins' `…_format` options are written.

/// One number by a format of awk's `printf`: flags, a width, a precision, `f`, `g`, `e`, `d`, `i` or
/// `s` (which is a `g` there); `%%` is a `%`. Anything else is printed as it is.
pub(super) fn printf(format: &str, number: f64) -> String {
    /// The widest number; more is a mistake.
    const MAX_WIDTH: usize = 80;
    let mut out = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        out += before;
        if let Some(after) = after.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let end = after.find(|c: char| !"-+ 0123456789.#".contains(c)).unwrap_or(after.len());
        let (spec, tail) = after.split_at(end);
        let mut letters = tail.chars();
        let kind = letters.next().filter(|c| "fFgGeEdis".contains(*c));
        let Some(kind) = kind else {
            out.push('%');
            rest = after;
            continue;
        };
        let flags = spec.len() - spec.trim_start_matches(['-', '+', ' ', '0', '#']).len();
        let (flags, sizes) = spec.split_at(flags);
        let (width, precision) = match sizes.split_once('.') {
            Some((width, precision)) => (width, Some(precision.parse().unwrap_or(0))),
            None => (sizes, None),
        };
        let width = width.parse::<usize>().unwrap_or(0).min(MAX_WIDTH);
        let digits = precision.unwrap_or(6).min(MAX_WIDTH);
        let mut text = match kind {
            'd' | 'i' => format!("{}", number.trunc()),
            'e' | 'E' => exponential(number, digits),
            'g' | 'G' => shortest(number, digits),
            's' => shortest(number, 6).chars().take(precision.unwrap_or(MAX_WIDTH)).collect(),
            _ => format!("{number:.digits$}"),
        };
        if kind.is_ascii_uppercase() {
            text = text.to_uppercase();
        }
        for sign in ['+', ' '] {
            if flags.contains(sign) && text.starts_with(|c: char| c.is_ascii_digit()) {
                text.insert(0, sign);
            }
        }
        out += &match () {
            () if flags.contains('-') => format!("{text:<width$}"),
            () if flags.contains('0') => format!("{text:0>width$}"),
            () => format!("{text:>width$}"),
        };
        rest = letters.as_str();
    }
    out + rest
}

/// As C's `%e`: an exponent of two digits at least.
fn exponential(number: f64, digits: usize) -> String {
    let text = format!("{number:.digits$e}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{exponent:0>2}")
}

/// As C's `%g`: so many digits in all, whichever form is shorter, no zeros at the end.
fn shortest(number: f64, digits: usize) -> String {
    let digits = digits.max(1);
    let scientific = exponential(number, digits - 1);
    let exponent = scientific.rsplit_once('e').and_then(|(_, exponent)| exponent.parse().ok());
    let exponent: i64 = exponent.unwrap_or(0);
    let without_zeros = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..digits as i64).contains(&exponent) {
        let decimals = usize::try_from(digits as i64 - 1 - exponent).unwrap_or(0);
        return without_zeros(&format!("{number:.decimals$}"));
    }
    match scientific.split_once('e') {
        Some((mantissa, exponent)) => format!("{}e{exponent}", without_zeros(mantissa)),
        None => scientific,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_of_c() {
        for (format, number, text) in [
            ("%3.1f%%", 40.0, "40.0%"),
            ("%3.1f%%", 5.06, "5.1%"),
            ("%2.0f", 7.4, " 7"),
            ("%5.1f%%", 5.0, "  5.0%"),
            ("%-5.1f|", 5.0, "5.0  |"),
            ("%03.0f", 7.0, "007"),
            ("%d %i", 7.9, "7 7"),
            ("%g %.3g %G", 40.0, "40 40 40"),
            ("%g %.2g", 12.345_678_9, "12.3457 12"),
            ("%g %G", 1_234_567.0, "1.23457e+06 1.23457E+06"),
            ("%s|%5.1s", 32.9, "32.9|    3"),
            ("%.1e %E", 40.0, "4.0e+01 4.000000E+01"),
            ("%+d % .1f", 7.9, "+7  7.9"),
            ("%n %", 7.0, "%n %"),
            ("%99999999f", 1.0, &format!("{:>80}", "1.000000")),
        ] {
            assert_eq!(printf(format, number), text, "{format}");
        }
    }
}
