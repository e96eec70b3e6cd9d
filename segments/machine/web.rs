//! Web pages, by `curl`: it knows the user's proxies and certificates, and brings no
//! cryptography into the program. Only for sources that run in workers, and only to where a config
//! points.

use std::net::IpAddr;
use std::time::Duration;

use super::Error;
use super::Machine;

/// A little more than curl's own limit, so that curl gets to tell its error.
const LIMIT: Duration = Duration::from_secs(11);

impl Machine {
    /// What is at `url`, as text. `family` is curl's `-4` or `-6`, or empty.
    pub fn fetch(&self, url: &str, family: &str) -> Result<String, Error> {
        let mut command = vec!["curl", "-fsS", "--max-time", "10", "--max-filesize", "65536"];
        command.extend(["--proto", "=http,https"]);
        command.extend(Some(family).filter(|family| !family.is_empty()));
        command.extend(["--", url]);
        match self.run(&command, LIMIT)? {
            Some(printed) => Ok(String::from_utf8_lossy(&printed).into_owned()),
            None => Err(Error::Other("curl is needed, and is not there".into())),
        }
    }
}

/// Whether a text of a config is an address that [`Machine::fetch`] takes.
pub fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic()))
}

/// An address of the Internet protocol, in its usual form; `None` if it is none.
pub fn ip_address(text: &str) -> Option<String> {
    text.trim().parse::<IpAddr>().ok().map(|address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::tests::machine_with;
    use super::*;

    #[test]
    fn addresses_are_told_from_anything_else() {
        assert!(is_url("https://example.org/?a=b") && is_url("http://[::1]:8080/"));
        for text in ["", "https://", "ftp://example.org", "-o/etc/x", "https://a b", "https://a\n"]
        {
            assert!(!is_url(text), "{text:?}");
        }
        assert_eq!(ip_address(" 2001:DB8::1\n").as_deref(), Some("2001:db8::1"));
        assert_eq!(ip_address("198.51.100.7").as_deref(), Some("198.51.100.7"));
        for text in ["", "1.2.3", "<html>", "198.51.100.7 x", "300.1.1.1"] {
            assert_eq!(ip_address(text), None, "{text:?}");
        }
    }

    /// A server on this machine, asked by the real curl where there is one and no proxy between.
    #[test]
    #[allow(clippy::disallowed_methods, reason = "the test asks for what curl obeys")]
    fn a_page_is_fetched_and_a_refusal_is_an_error() {
        use std::io::{Read, Write};
        if std::env::vars().any(|(name, _)| name.eq_ignore_ascii_case("http_proxy")) {
            return;
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let answers = ["200 OK\r\nContent-Length: 12", "500 No\r\nContent-Length: 12"];
        let server = std::thread::spawn(move || {
            for answer in answers {
                let (mut line, _) = listener.accept().expect("a caller");
                let _ = line.read(&mut [0; 1024]);
                let page = format!("HTTP/1.1 {answer}\r\nConnection: close\r\n\r\n203.0.113.9\n");
                line.write_all(page.as_bytes()).expect("listening");
            }
        });
        let url = format!("http://127.0.0.1:{port}/");
        let first = Machine::real().fetch(&url, "-4");
        if first.as_ref().is_err_and(|error| error.to_string().contains("is needed")) {
            return;
        }
        assert_eq!(first.expect("a page"), "203.0.113.9\n");
        let refused = Machine::real().fetch(&url, "").expect_err("refused").to_string();
        assert!(refused.contains("500"), "{refused}");
        server.join().expect("no panic");
    }

    #[test]
    fn without_curl_there_is_an_error_that_names_it() {
        let error = machine_with(&[]).1.fetch("https://example.org", "").expect_err("no curl");
        assert!(error.to_string().contains("curl"));
    }
}
