//! Asking a running server over HTTP: as little of a client as `health` and `status` need.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::{Exit, Failure};

/// Largest answer that is read.
const MAX_ANSWER: u64 = 8 << 20;

/// Where a server is.
#[derive(Debug, Clone)]
pub struct Server {
    authority: String,
    timeout: Duration,
}

impl Server {
    /// From `http://host:port`, with or without the scheme.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`] for another scheme or no host.
    pub fn new(url: &str, timeout: Duration) -> Result<Self, Failure> {
        let rest = match url.split_once("://") {
            Some(("http", rest)) => rest,
            Some((scheme, _)) => {
                let text = format!(
                    "{scheme}:// cannot be asked here, only http://; ask /readyz of --metrics-listen"
                );
                return Err(Failure::msg(Exit::Usage, text));
            }
            None => url,
        };
        let authority = rest.split('/').next().unwrap_or("");
        if authority.is_empty() {
            return Err(Failure::msg(
                Exit::Usage,
                format!("{url:?} is no address such as http://127.0.0.1:3000"),
            ));
        }
        let authority = if authority.rsplit(']').next().is_some_and(|tail| tail.contains(':')) {
            authority.to_owned()
        } else {
            format!("{authority}:80")
        };
        Ok(Self { authority, timeout })
    }

    /// Status and body of a GET.
    ///
    /// # Errors
    ///
    /// [`Exit::Io`] when there is no answer in time, or one that is not HTTP.
    pub fn get(&self, path: &str) -> Result<(u16, Vec<u8>), Failure> {
        let failed = |what: &str, error: std::io::Error| {
            Failure::msg(
                Exit::Io,
                format!("{what} http://{}{path}: {error}; is the server running?", self.authority),
            )
        };
        let addresses = self.authority.to_socket_addrs().map_err(|e| failed("cannot find", e))?;
        let mut last = std::io::Error::other("no address");
        for address in addresses {
            match TcpStream::connect_timeout(&address, self.timeout) {
                Ok(stream) => return self.exchange(stream, path).map_err(|e| failed("no answer from", e)),
                Err(error) => last = error,
            }
        }
        Err(failed("cannot reach", last))
    }

    fn exchange(&self, mut stream: TcpStream, path: &str) -> std::io::Result<(u16, Vec<u8>)> {
        stream.set_read_timeout(Some(self.timeout))?;
        stream.set_write_timeout(Some(self.timeout))?;
        // HTTP/1.0: the answer ends with the connection and is never chunked.
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nHost: {}\r\nAccept: application/json\r\n\r\n",
            self.authority
        )?;
        let mut answer = Vec::new();
        stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
        let no = || std::io::Error::new(std::io::ErrorKind::InvalidData, "not an HTTP answer");
        let head = answer.windows(4).position(|w| w == b"\r\n\r\n").ok_or_else(no)?;
        let line = std::str::from_utf8(&answer[..head]).map_err(|_| no())?;
        let status = line.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(no)?;
        Ok((status, answer.split_off(head + 4)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_with_and_without_scheme() {
        let authority = |url: &str| Server::new(url, Duration::from_secs(1)).map(|s| s.authority).ok();
        assert_eq!(authority("http://127.0.0.1:3000/").as_deref(), Some("127.0.0.1:3000"));
        assert_eq!(authority("localhost").as_deref(), Some("localhost:80"));
        assert_eq!(authority("http://[::1]:3000").as_deref(), Some("[::1]:3000"));
        assert_eq!(authority("https://example.org"), None);
        assert_eq!(authority(""), None);
    }
}
