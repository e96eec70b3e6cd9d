//! Options by the rules of C's `getopt` and `getopt_long`, on the crate `lexopt`, and the rule of
//! abbreviated names, which Perl's `Getopt::Long` shares.
//!
//! Perl's other rules (one dash before a whole name, `+`, any case) `lexopt` does not have: the one
//! peer in Perl splits its words itself.

use lexopt::Parser;

/// Reads words as `getopt` does: `-o=x` has the value `=x`.
pub fn getopt(words: &[String]) -> Parser {
    let mut parser = Parser::from_args(words);
    parser.set_short_equals(false);
    parser
}

/// The value of the option that was read last, from the rest of its word or the next word.
pub fn value(parser: &mut Parser) -> Option<String> {
    Some(parser.value().ok()?.to_string_lossy().into_owned())
}

/// The option of this name, or the only one whose name begins so, with its whole name. Names of the
/// same option are no rivals. `Err`: the names that begin so, none or several.
pub fn named<'a, T: Clone + PartialEq>(
    given: &str,
    all: &'a [(String, T)],
) -> Result<(&'a str, T), Vec<&'a str>> {
    let mut like: Vec<_> = all.iter().filter(|(name, _)| name.starts_with(given)).collect();
    match like.iter().find(|(name, _)| name == given) {
        Some(exact) => like = vec![exact],
        None => like.dedup_by(|a, b| a.1 == b.1),
    }
    match like[..] {
        [(name, option)] => Ok((name, option.clone())),
        _ => Err(like.iter().map(|(name, _)| name.as_str()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_rest_of_the_word_or_the_whole_next_one() {
        let words = ["-ab=x", "-b", "-a", "--", "-a"].map(str::to_owned);
        let mut parser = getopt(&words);
        let mut read = Vec::new();
        while let Ok(Some(word)) = parser.next() {
            read.push(match word {
                lexopt::Arg::Short('b') => value(&mut parser).expect("a value"),
                word => format!("{word:?}"),
            });
        }
        assert_eq!(read, ["Short('a')", "=x", "-a", "Value(\"-a\")"]);
        assert_eq!(value(&mut parser), None);
    }

    #[test]
    fn a_name_may_be_abbreviated_while_one_option_is_meant() {
        let all = [("col", 1), ("color", 2), ("nocolor", 3), ("no-color", 3), ("no", 4)];
        let all = all.map(|(name, option)| (name.to_owned(), option));
        assert_eq!(named("col", &all), Ok(("col", 1)));
        assert_eq!(named("colo", &all), Ok(("color", 2)));
        assert_eq!(named("no", &all), Ok(("no", 4)));
        assert_eq!(named("no-", &all), Ok(("no-color", 3)));
        assert_eq!(named("co", &all), Err(vec!["col", "color"]));
        assert_eq!(named("n", &all), Err(vec!["nocolor", "no"]));
        assert_eq!((named("x", &all), named("", &all).is_err()), (Err(vec![]), true));
    }
}
