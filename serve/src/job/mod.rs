//! What a stream does with its messages, one bounded piece of work at a time.

mod decoding;
mod encoding;

pub(crate) use decoding::Decoding;
pub(crate) use encoding::Encoding;

use crate::fault::Fault;
use crate::wire::Ended;

/// Tokens that a stream codes in one turn, so that the others need not wait long for theirs.
const TURN: usize = 16;

/// One stream's codec and what waits for it.
pub(crate) trait Job: Send {
    /// Takes a message. Cheap: the work is done by [`work`](Self::work).
    fn take(&mut self, message: &[u8]) -> Result<(), Fault>;

    /// Bytes or tokens that wait for their turn.
    fn waiting(&self) -> usize;

    /// One turn.
    fn work(&mut self) -> Result<Turn, Fault>;

    /// Takes the client's word for how long the sound is, samples at the model's rate.
    fn set_length(&mut self, samples: u64) -> Result<(), Fault>;

    /// Ends the stream: what is left of it. Nothing waits when this is called.
    fn finish(&mut self) -> Result<Vec<Vec<u8>>, Fault>;

    /// Samples of the whole sound, which the client is to know before the last messages.
    fn length(&self) -> Option<u64>;

    /// What the stream was, for the last message.
    fn ended(&self, reason: &str) -> Ended;
}

/// What a turn brought.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Messages for the client.
    pub messages: Vec<Vec<u8>>,
    /// Seconds of sound that it was about.
    pub seconds: f64,
}
