//! One request, and what its answer means for a file that has come in part.

use std::{
    io::{self, Read},
    time::Duration,
};

use ureq::{Agent, Body, BodyReader, http::Response};

use super::{Remote, part::Part};
use crate::{Error, Result};

/// How long a server may take to be reached, to answer, and between two pieces of an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks for one file.
pub(super) struct Client<'a> {
    agent: Agent,
    url: &'a str,
}

/// What a server has to say.
pub(super) enum Answer<'a> {
    /// The file is there already, to its end.
    Whole,
    /// The rest of the file.
    Rest(Rest<'a>),
}

/// Bytes from where the file ends to its end.
pub(super) struct Rest<'a> {
    reader: BodyReader<'a>,
    total: Option<u64>,
}

/// Why there is nothing to read.
pub(super) enum Refusal {
    /// Trying again may help.
    Passing(String),
    /// It will not.
    Final(String),
    /// It is not the server's doing.
    Local(Error),
}

impl<'a> Client<'a> {
    /// `HTTPS_PROXY` and the like are honoured. Who asked for encryption gets no answer without it.
    pub fn new(url: &'a str) -> Self {
        let config = Agent::config_builder()
            .https_only(url.starts_with("https://"))
            .http_status_as_error(false)
            .timeout_resolve(Some(PATIENCE))
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_per_read(Some(PATIENCE))
            .user_agent(concat!("tessera/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into(), url }
    }

    /// Asks for what `part` lacks; where the server gives the whole file instead, `part` begins anew.
    pub fn get(&self, part: &mut Part, remote: &Remote) -> std::result::Result<Answer<'static>, Refusal> {
        let have = part.length();
        // Nothing would show that two versions were joined, so a version without a name is not gone on with.
        if have > 0 && remote.sha256.is_none() && part.tag().is_none() {
            part.restart(None).map_err(Refusal::Local)?;
            return self.get(part, remote);
        }
        let mut request = self.agent.get(self.url).header("Accept-Encoding", "identity");
        if have > 0 {
            request = request.header("Range", format!("bytes={have}-"));
            if let Some(tag) = part.tag() {
                request = request.header("If-Range", tag);
            }
        }
        let response = request.call().map_err(|error| refusal(&error))?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let tag = header("etag").filter(|tag| tag.starts_with('"')).map(str::to_owned);
        let length = header("content-length").and_then(|text| text.parse().ok());
        match response.status().as_u16() {
            200 => {
                check(&response, length, remote)?;
                part.restart(tag.as_deref()).map_err(Refusal::Local)?;
                Ok(rest(response, length))
            }
            206 => match header("content-range").and_then(range) {
                Some((start, total)) if start == have => {
                    check(&response, total, remote)?;
                    Ok(rest(response, total))
                }
                _ => Err(Refusal::Final(
                    "the server answered with another piece of the file than was asked for".to_owned(),
                )),
            },
            // Nothing follows what has come: it is whole, or of another version.
            416 if have > 0 => {
                match header("content-range").and_then(|text| text.strip_prefix("bytes */")?.parse::<u64>().ok()) {
                    Some(total) if have == total => Ok(Answer::Whole),
                    _ => {
                        part.restart(None).map_err(Refusal::Local)?;
                        Err(Refusal::Passing("the server has a shorter file than what has come of it".to_owned()))
                    }
                }
            }
            status => Err(of_status(status)),
        }
    }
}

impl Rest<'_> {
    /// Copies to the end. Returns how it broke off, if it did.
    pub fn copy(
        &mut self,
        part: &mut Part,
        limit: u64,
        progress: &mut dyn FnMut(u64, Option<u64>),
    ) -> Result<Option<String>> {
        let mut buffer = vec![0; 1 << 16];
        loop {
            progress(part.length(), self.total);
            let count = match self.reader.read(&mut buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Ok(Some(broken(&error))),
            };
            if count == 0 {
                let short = self.total.is_some_and(|total| part.length() < total);
                return Ok(short.then(|| "the connection ended before the file did".to_owned()));
            }
            // One byte past the limit is enough to know that the file is another one.
            let room = (limit + 1).saturating_sub(part.length());
            part.write(&buffer[..count.min(usize::try_from(room).unwrap_or(count))])?;
            if part.length() > limit {
                return Ok(None);
            }
        }
    }
}

fn rest(response: Response<Body>, total: Option<u64>) -> Answer<'static> {
    Answer::Rest(Rest { reader: response.into_body().into_reader(), total })
}

/// Refuses what is no file, or a file of another length than the published one, before any of it is kept.
fn check(response: &Response<Body>, total: Option<u64>, remote: &Remote) -> std::result::Result<(), Refusal> {
    let kind = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.starts_with("text/html") && remote.sha256.is_none() {
        return Err(Refusal::Final("the server sent a web page instead of the file".to_owned()));
    }
    match (total, remote.bytes) {
        (Some(total), Some(wanted)) if total != wanted => {
            Err(Refusal::Final(format!("the server has a file of {total} bytes where the published one has {wanted}")))
        }
        (None, None) => Err(Refusal::Final(
            "the server does not say how long the file is, so nothing shows whether it is whole".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// Start and, where it is given, total of `bytes START-END/TOTAL`.
fn range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, total.parse().ok()))
}

fn of_status(status: u16) -> Refusal {
    match status {
        401 | 403 => Refusal::Final(format!("the server wants to know who asks (status {status})")),
        404 | 410 => Refusal::Final(format!("the server has no such file (status {status})")),
        408 | 429 | 500.. => Refusal::Passing(format!("the server cannot answer now (status {status})")),
        _ => Refusal::Final(format!("the server did not send the file (status {status})")),
    }
}

fn refusal(error: &ureq::Error) -> Refusal {
    use ureq::Error as E;
    match error {
        E::HostNotFound => {
            Refusal::Passing("its server was not found: there is no network, or no such server".to_owned())
        }
        E::Io(error) => Refusal::Passing(format!("its server was not reached ({error})")),
        E::Timeout(_) => Refusal::Passing(format!("its server did not answer within {} s", PATIENCE.as_secs())),
        E::ConnectionFailed => Refusal::Passing("its server was not reached".to_owned()),
        E::TooManyRedirects => Refusal::Final("the server sends one from place to place without end".to_owned()),
        E::RequireHttpsOnly(_) => Refusal::Final("the server sends one to a place without encryption".to_owned()),
        error => Refusal::Final(format!("the answer could not be read ({error})")),
    }
}

fn broken(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            format!("nothing came for {} s", PATIENCE.as_secs())
        }
        _ => format!("the connection broke ({error})"),
    }
}
