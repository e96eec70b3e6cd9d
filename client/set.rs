//! `set NAME VALUE…`: a value for a segment, from any script. Read without clap, so that a script
//! may call it as often as it likes; what the words mean is the daemon's to say.

use super::conversation::nonce;
use super::words::{Around, Directory, config_path};
use crate::protocol::{Request, Verb, build_id};

/// How long a person's script waits for the daemon, in milliseconds.
const PATIENCE: u16 = 2000;

/// The request that these words (the verb first) mean. `None`: something is not known here.
#[cold]
pub(super) fn read<'e>(
    args: impl Iterator<Item = &'e [u8]>,
    around: &Around<'e>,
) -> Option<Request> {
    let mut request = Request { verb: Verb::Set, deadline: PATIENCE, ..Request::default() };
    let mut config = None;
    let mut words = Vec::new();
    let mut args = args.skip(1);
    let mut options = true;
    while let Some(bytes) = args.next() {
        let is_number = bytes.get(1).is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.');
        if !options || !bytes.starts_with(b"-") || is_number {
            words.push(std::str::from_utf8(bytes).ok()?);
            continue;
        }
        if bytes == b"--" {
            options = false;
            continue;
        }
        let cut = bytes.iter().position(|byte| *byte == b'=');
        let value = match cut {
            Some(cut) => &bytes[cut + 1..],
            None => args.next()?,
        };
        match &bytes[..cut.unwrap_or(bytes.len())] {
            b"--config" => config = Some(value),
            b"--level" => request.slot = std::str::from_utf8(value).ok()?.to_owned(),
            b"--for" => request.holds = std::str::from_utf8(value).ok()?.to_owned(),
            _ => return None,
        }
    }
    let (name, values) = words.split_first().filter(|(_, values)| !values.is_empty())?;
    request.line = (*name).to_owned();
    request.admin = values.join("\n");
    let mut directory = Directory::default();
    request.config = config_path(config, around, &mut directory).concat();
    request.build = build_id();
    request.nonce = nonce();
    Some(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_words(text: &'static str) -> Option<Request> {
        let env: [&[u8]; 1] = [b"HOME=/h"];
        let around = Around::of(env.into_iter());
        read(text.split(' ').map(str::as_bytes), &around)
    }

    #[test]
    fn words_are_a_name_and_values() {
        let request = read_words("set ci passed=3 failed=0 --level=good --for 10m").expect("known");
        assert_eq!((&*request.line, &*request.admin), ("ci", "passed=3\nfailed=0"));
        assert_eq!((&*request.slot, &*request.holds), ("good", "10m"));
        assert_eq!(request.config, b"/h/.config/rainline/config.toml");
        assert_eq!(read_words("set outside -4").expect("a number").admin, "-4");
        assert_eq!(read_words("set ci -- --help").expect("a text").admin, "--help");
    }

    #[test]
    fn what_is_not_known_goes_to_clap() {
        for text in ["set", "set ci", "set ci --help", "set ci x --lasts 3", "set ci x --level"] {
            assert!(read_words(text).is_none(), "{text}");
        }
    }
}
