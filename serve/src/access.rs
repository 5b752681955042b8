//! Who may open a stream.
//!
//! A page of any site can open a WebSocket to 127.0.0.1, and the browser says in `Origin` whose page it is: only the server's own
//! and those that were allowed may. A site can also point a name of its own at 127.0.0.1, and then its origin looks like ours; so
//! a server on the loopback address answers only to names of the loopback address.

use std::net::IpAddr;

use axum::http::{HeaderMap, header};

use crate::options::Options;

/// What a request lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The name that it calls the server by.
    Host,
    /// The page that it comes from.
    Origin,
    /// The key, or the right one.
    Key,
}

impl Denied {
    /// For people.
    pub fn message(self) -> &'static str {
        match self {
            Self::Host => {
                "this server answers only to the names of the loopback address; start it with --allow-origin to allow more"
            }
            Self::Origin => {
                "pages of this origin may not open streams; start the server with --allow-origin to allow it"
            }
            Self::Key => "the key is missing or wrong; pass it as ?key=... or as 'Authorization: Bearer ...'",
        }
    }
}

/// Whether the request calls the server by a name that is its own.
pub(crate) fn check_host(headers: &HeaderMap, options: &Options) -> Result<(), Denied> {
    if !options.listen.ip().is_loopback() {
        // The key protects it, and its names are not known.
        return Ok(());
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).ok_or(Denied::Host)?;
    let known = is_loopback_name(name_of(host)) || options.origins.iter().any(|origin| host_of(origin) == Some(host));
    if known { Ok(()) } else { Err(Denied::Host) }
}

/// Whether the request may open a stream. `key` is that of the query.
pub(crate) fn check_stream(headers: &HeaderMap, key: Option<&str>, options: &Options) -> Result<(), Denied> {
    check_host(headers, options)?;
    if let Some(origin) = headers.get(header::ORIGIN) {
        let origin = origin.to_str().map_err(|_| Denied::Origin)?;
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let own = host.is_some() && host_of(origin) == host;
        if !own && !options.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
            return Err(Denied::Origin);
        }
    }
    check_key(headers, key, options)
}

/// Whether the request has the key, if there is one.
pub(crate) fn check_key(headers: &HeaderMap, key: Option<&str>, options: &Options) -> Result<(), Denied> {
    let Some(wanted) = &options.key else { return Ok(()) };
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let given = key.or(bearer).unwrap_or_default();
    if same(given.as_bytes(), wanted.as_bytes()) { Ok(()) } else { Err(Denied::Key) }
}

/// Whether two strings are equal, in a time that does not tell where they differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// Name and port of an origin `scheme://name:port`.
pub(crate) fn host_of(origin: &str) -> Option<&str> {
    let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    (!host.is_empty() && host.chars().all(plain)).then_some(host)
}

/// The name in `name:port` or `[address]:port`.
fn name_of(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

fn is_loopback_name(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_loopback_server_answers_to_loopback_names_only() {
        let options = Options::default();
        for host in ["127.0.0.1:8750", "localhost:8750", "LOCALHOST", "[::1]:8750", "127.1.2.3"] {
            assert_eq!(check_host(&headers(&[(header::HOST, host)]), &options), Ok(()), "{host}");
        }
        for host in ["example.org", "example.org:8750", "127.0.0.1.example.org", "", "[]", "10.0.0.1"] {
            assert_eq!(check_host(&headers(&[(header::HOST, host)]), &options), Err(Denied::Host), "{host}");
        }
        assert_eq!(check_host(&headers(&[]), &options), Err(Denied::Host));
    }

    #[test]
    fn pages_of_other_origins_may_not_open_streams() {
        let mut options = Options::default();
        let from = |origin: &str| headers(&[(header::HOST, "localhost:8750"), (header::ORIGIN, origin)]);
        assert_eq!(check_stream(&from("http://localhost:8750"), None, &options), Ok(()));
        for origin in ["http://localhost:9000", "https://example.org", "null", "file://"] {
            assert_eq!(check_stream(&from(origin), None, &options), Err(Denied::Origin), "{origin}");
        }
        options.origins.push("https://example.org".to_owned());
        assert_eq!(check_stream(&from("https://example.org"), None, &options), Ok(()));
        let behind_a_proxy = headers(&[(header::HOST, "example.org"), (header::ORIGIN, "https://example.org")]);
        assert_eq!(check_stream(&behind_a_proxy, None, &options), Ok(()));
    }

    #[test]
    fn a_key_comes_in_the_query_or_in_a_header() {
        let key = "correct-horse-battery";
        let options = Options { key: Some(key.to_owned()), ..Options::default() };
        let bare = headers(&[(header::HOST, "localhost")]);
        assert_eq!(check_stream(&bare, Some(key), &options), Ok(()));
        assert_eq!(check_stream(&bare, None, &options), Err(Denied::Key));
        assert_eq!(check_stream(&bare, Some("correct-horse-batterz"), &options), Err(Denied::Key));
        let bearer = format!("Bearer {key}");
        let bearer = headers(&[(header::HOST, "localhost"), (header::AUTHORIZATION, &bearer)]);
        assert_eq!(check_stream(&bearer, None, &options), Ok(()));
    }
}
