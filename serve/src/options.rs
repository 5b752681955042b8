//! What whoever runs the server decides.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::error::{Error, Result};

/// Fewest characters of a key.
const SHORTEST_KEY: usize = 16;
/// Least message size, bytes: less than a block of samples would fit no client.
const LEAST_MESSAGE: usize = 1024;

/// Where a server listens, who may use it, and what a client may ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Where to listen. Port 0 is any free one. Default 127.0.0.1:8750, which other machines cannot reach.
    pub listen: SocketAddr,
    /// What a client must know to open a stream, at least 16 characters. Required for addresses that other machines can reach.
    pub key: Option<String>,
    /// Origins of pages of other servers that may open streams, such as `https://example.org`, and their host names behind a
    /// proxy. The server's own page always may.
    pub origins: Vec<String>,
    /// Streams at once. Default 64.
    pub max_streams: usize,
    /// Bytes of a message. Default 65,536: two seconds at 16 kHz.
    pub max_message: usize,
    /// Seconds of sound that a stream may take per second, beyond [`burst`](Self::burst). A faster client is held back. Default 16.
    pub max_speed: f64,
    /// Seconds of sound that a stream may take at once. Default 4.
    pub burst: f64,
    /// How long a client may send no sound or tokens. Default 30 s.
    pub idle: Duration,
    /// How long a client may leave what it is sent unread, and how long a connection may take to ask. Default 10 s.
    pub stall: Duration,
    /// How long streams may take to end when the server does. Default 5 s.
    pub grace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8750)),
            key: None,
            origins: Vec::new(),
            max_streams: 64,
            max_message: 1 << 16,
            max_speed: 16.0,
            burst: 4.0,
            idle: Duration::from_secs(30),
            stall: Duration::from_secs(10),
            grace: Duration::from_secs(5),
        }
    }
}

impl Options {
    /// Checks every range, and that a server that others can reach has a key.
    pub(crate) fn check(&self) -> Result<()> {
        let fails = |what: String| Err(Error::Option { what });
        if let Some(key) = &self.key {
            if key.chars().count() < SHORTEST_KEY || !key.chars().all(|c| c.is_ascii_graphic()) {
                return fails(format!("a key has at least {SHORTEST_KEY} letters, digits and signs, and no spaces"));
            }
        } else if !self.listen.ip().is_loopback() {
            return Err(Error::Unprotected { address: self.listen });
        }
        if self.max_streams == 0 || self.max_streams > 1 << 16 {
            return fails("the number of streams is 1 to 65,536".to_owned());
        }
        if !(LEAST_MESSAGE..=1 << 24).contains(&self.max_message) {
            return fails(format!("the size of a message is {LEAST_MESSAGE} to 16,777,216 bytes"));
        }
        if !(self.max_speed >= 1.0 && self.max_speed.is_finite() && self.burst >= 0.0 && self.burst.is_finite()) {
            return fails("the speed of a stream is at least 1 x real time".to_owned());
        }
        if let Some(origin) = self.origins.iter().find(|origin| crate::access::host_of(origin).is_none()) {
            return fails(format!("origin {origin:?} is not of the form https://example.org"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(listen: &str, key: Option<&str>) -> Options {
        Options { listen: listen.parse().unwrap(), key: key.map(str::to_owned), ..Options::default() }
    }

    #[test]
    fn others_reach_a_server_only_with_a_key() {
        assert!(options("127.0.0.1:0", None).check().is_ok());
        assert!(options("[::1]:0", None).check().is_ok());
        assert!(matches!(options("0.0.0.0:0", None).check(), Err(Error::Unprotected { .. })));
        assert!(options("0.0.0.0:0", Some("0123456789abcdef")).check().is_ok());
        assert!(matches!(options("0.0.0.0:0", Some("short")).check(), Err(Error::Option { .. })));
        assert!(matches!(options("0.0.0.0:0", Some("with a space in between")).check(), Err(Error::Option { .. })));
    }

    #[test]
    fn ranges_are_checked() {
        for wrong in [
            Options { max_streams: 0, ..Options::default() },
            Options { max_message: 10, ..Options::default() },
            Options { max_speed: f64::NAN, ..Options::default() },
            Options { max_speed: 0.5, ..Options::default() },
            Options { origins: vec!["example.org".to_owned()], ..Options::default() },
        ] {
            assert!(matches!(wrong.check(), Err(Error::Option { .. })), "{wrong:?}");
        }
    }
}
