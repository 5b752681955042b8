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

/// The tokens of a message: each of all the bits of a frame, whose tokens have `depths` bits.
fn joined(frames: &[u16], depths: &[u8]) -> Vec<u64> {
    let join =
        |frame: &[u16]| frame.iter().zip(depths).fold(0, |bits, (&token, depth)| bits << depth | u64::from(token));
    frames.chunks(depths.len()).map(join).collect()
}

/// And back.
fn parted(tokens: &[u64], depths: &[u8]) -> Vec<u16> {
    let part = |token: &u64| {
        let mut bits = *token;
        let mut frame: Vec<u16> = depths.iter().rev().map(|depth| take(&mut bits, *depth)).collect();
        frame.reverse();
        frame
    };
    tokens.iter().flat_map(part).collect()
}

/// The last `depth` bits, at most 16, which are taken away.
fn take(bits: &mut u64, depth: u8) -> u16 {
    let token = *bits & ((1 << depth) - 1);
    *bits >>= depth;
    token as u16
}

/// What a turn brought.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Messages for the client.
    pub messages: Vec<Vec<u8>>,
    /// Seconds of sound that it was about.
    pub seconds: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_the_bits_of_its_frame() {
        let frames = [4095, 3, 17, 30];
        let tokens = joined(&frames, &[12, 5]);
        assert_eq!(tokens, [4095 << 5 | 3, 17 << 5 | 30]);
        assert_eq!(parted(&tokens, &[12, 5]), frames);
        assert_eq!(parted(&joined(&frames, &[12]), &[12]), frames);
    }
}
