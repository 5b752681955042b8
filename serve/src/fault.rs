//! Why a stream ends before its time, as a client reads it.

use axum::extract::ws::close_code;

/// A failure of one stream: a word for programs, a sentence for people, and the code that the WebSocket closes with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub code: &'static str,
    pub message: String,
    pub close: u16,
}

impl Fault {
    fn new(code: &'static str, close: u16, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), close }
    }

    /// A message that does not fit the protocol or the stream.
    pub fn message(what: impl Into<String>) -> Self {
        Self::new("bad-message", close_code::INVALID, what)
    }

    /// A message longer than the server takes.
    pub fn size(limit: usize) -> Self {
        Self::new("too-large", close_code::SIZE, format!("a message is longer than {limit} bytes; send shorter ones"))
    }

    /// Nothing came for too long.
    pub fn idle(seconds: f64) -> Self {
        Self::new("idle", close_code::POLICY, format!("nothing came for {seconds} s; send silence or end the stream"))
    }

    /// What a message asks for is beyond the limits or wrong, as the codec says, or the codec failed.
    pub fn codec(error: &tessera_audio::Error) -> Self {
        use tessera_audio::Error as E;
        match error {
            E::Models(_) | E::Pack { .. } => {
                Self::new("failed", close_code::ERROR, "the codec failed on the server; see 'tessera doctor' there")
            }
            _ => Self::message(error.to_string()),
        }
    }

    /// The work on a message did not return.
    pub fn crashed() -> Self {
        Self::new("failed", close_code::ERROR, "the server failed on this message")
    }
}
