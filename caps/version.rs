//! A host's version, as far as it decides on anything.

/// A host's version, major and minor; `(0, 0)` is unknown.
pub type Version = (u16, u16);

/// The first version in a text: `tmux 3.3a`, `next-3.8`, `Screen version 4.09.00 (GNU)`, `5`.
pub fn parse_version(text: &str) -> Option<Version> {
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let mut parts = digits.split(|c: char| !c.is_ascii_digit());
    let major = parts.next()?.parse().ok()?;
    Some((major, parts.next().and_then(|minor| minor.parse().ok()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_hosts_say() {
        for (text, version) in [
            ("5", Some((5, 0))),
            ("tmux 3.3a", Some((3, 3))),
            ("tmux next-3.8", Some((3, 8))),
            ("Screen version 4.09.00 (GNU) 30-Jan-22", Some((4, 9))),
            ("GNU bash, version 5.2.15(1)-release (x86_64-pc-linux-gnu)", Some((5, 2))),
            ("dvtm-0.15+40 \u{a9} 2007-2016", Some((0, 15))),
            ("zsh 5.9 (x86_64-debian-linux-gnu)", Some((5, 9))),
            ("nothing", None),
            ("99999999999999", None),
        ] {
            assert_eq!(parse_version(text), version, "{text}");
        }
    }
}
