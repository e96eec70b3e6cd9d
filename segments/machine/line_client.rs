//! A client of servers that speak in lines over a socket: the whole request is sent at once, and the
//! answer read until the server closes.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::Error;
use super::command::MAX_OUTPUT;
use super::{Machine, World};

/// A connection, and how to limit what it waits.
trait Line: Read + Write {
    fn limit(&self, limit: Option<Duration>) -> std::io::Result<()>;
}

impl Line for TcpStream {
    fn limit(&self, limit: Option<Duration>) -> std::io::Result<()> {
        self.set_read_timeout(limit)?;
        self.set_write_timeout(limit)
    }
}

impl Line for UnixStream {
    fn limit(&self, limit: Option<Duration>) -> std::io::Result<()> {
        self.set_read_timeout(limit)?;
        self.set_write_timeout(limit)
    }
}

impl Machine {
    /// All that the server at `address` (a path, or `HOST:PORT`) answers to `request` within `limit`.
    /// `Ok(None)`: there is no server. Only for sources that run in workers.
    ///
    /// In a fixture the answer is the file `answers/ADDRESS`, `/` as `_`.
    pub fn query_server(
        &self,
        address: &str,
        request: &str,
        limit: Duration,
    ) -> Result<Option<Vec<u8>>, Error> {
        if let World::Fixture(_) = &self.world {
            return Ok(self.read(format!("/answers/{}", address.replace('/', "_"))).ok());
        }
        match query(address, request, limit) {
            Ok(answer) => Ok(Some(answer)),
            Err(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused => Ok(None),
                _ => Err(Error::Other(format!("{address}: {error}"))),
            },
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "a deadline by the monotonic clock")]
fn query(address: &str, request: &str, limit: Duration) -> std::io::Result<Vec<u8>> {
    let deadline = std::time::Instant::now() + limit;
    let mut line: Box<dyn Line> = if address.starts_with('/') {
        Box::new(UnixStream::connect(address)?)
    } else {
        let Some(first) = address.to_socket_addrs()?.next() else {
            return Err(ErrorKind::NotFound.into());
        };
        Box::new(TcpStream::connect_timeout(&first, limit)?)
    };
    line.limit(Some(limit))?;
    line.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        line.limit(Some(left))?;
        match line.read(&mut chunk) {
            Ok(0) => return Ok(answer),
            Ok(count) => answer.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if answer.len() > MAX_OUTPUT {
            return Err(std::io::Error::other("the answer is too long"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    const LIMIT: Duration = Duration::from_secs(20);

    /// A process that is just being started by another test holds a closed listener for a moment.
    fn until_nobody_answers(address: &str) {
        while !matches!(Machine::real().query_server(address, "x", LIMIT), Ok(None)) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn an_answer_is_read_to_its_end() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).expect("bound");
        let server = std::thread::spawn(move || {
            let (mut line, _) = listener.accept().expect("a caller");
            let mut heard = [0; 5];
            line.read_exact(&mut heard).expect("five bytes");
            line.write_all(b"you said ").and_then(|()| line.write_all(&heard)).expect("listening");
        });
        let answer = Machine::real().query_server(&path.to_string_lossy(), "hello", LIMIT);
        server.join().expect("no panic");
        assert_eq!(answer.expect("no error").as_deref(), Some(&b"you said hello"[..]));
    }

    #[test]
    fn a_port_is_asked_as_a_path_is() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let server = std::thread::spawn(move || {
            let (mut line, _) = listener.accept().expect("a caller");
            line.write_all(b"OK MPD 0.23\n").expect("listening");
            let mut heard = [0; 6];
            line.read_exact(&mut heard).expect("six bytes");
            heard
        });
        let answer = Machine::real().query_server(&address, "close\n", LIMIT).expect("no error");
        assert_eq!(answer.as_deref(), Some(&b"OK MPD 0.23\n"[..]));
        assert_eq!(&server.join().expect("no panic"), b"close\n");
        until_nobody_answers(&address);
    }

    #[test]
    fn no_server_is_no_error() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("none");
        let answer = Machine::real().query_server(&path.to_string_lossy(), "x", LIMIT);
        assert!(matches!(answer, Ok(None)));
        drop(UnixListener::bind(&path).expect("bound"));
        until_nobody_answers(&path.to_string_lossy());
    }

    #[test]
    fn a_silent_server_is_given_up() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("socket");
        let _listener = UnixListener::bind(&path).expect("bound");
        let limit = Duration::from_millis(20);
        assert!(Machine::real().query_server(&path.to_string_lossy(), "x", limit).is_err());
    }
}
