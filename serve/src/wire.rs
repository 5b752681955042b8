//! The messages of a stream. docs/live.md describes them.

use serde::{Deserialize, Serialize};

/// Bytes before a packet's tokens: the number of its first token, u16, and how many there are, u8.
pub const HEAD: usize = 3;
/// Most tokens of a packet.
pub const MAX_PACKET_TOKENS: usize = 80;

/// Tokens that go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Number of the first token, modulo 2^16.
    pub first: u16,
    /// The tokens, 1 to [`MAX_PACKET_TOKENS`]. Where frames have tokens of several levels, they are the bits of one, first level first.
    pub tokens: Vec<u64>,
}

impl Packet {
    /// The bytes of a packet of tokens of `depth` bits: its head, then the tokens, most significant bit first, then zero bits.
    pub fn to_bytes(&self, depth: u8) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD + (self.tokens.len() * usize::from(depth)).div_ceil(8));
        out.extend(self.first.to_le_bytes());
        out.push(self.tokens.len() as u8);
        let bits = self.tokens.iter().flat_map(|&token| (0..depth).rev().map(move |bit| (token >> bit & 1) as u8));
        let bits: Vec<u8> = bits.collect();
        out.extend(bits.chunks(8).map(|bits| bits.iter().zip((0..8).rev()).map(|(bit, at)| bit << at).sum::<u8>()));
        out
    }

    /// The packet in a message. `None` unless its length is that of its tokens and the bits after them are 0.
    pub fn parse(message: &[u8], depth: u8) -> Option<Self> {
        let (head, body) = message.split_at_checked(HEAD)?;
        let (first, count) = (u16::from_le_bytes([head[0], head[1]]), usize::from(head[2]));
        let depth = usize::from(depth);
        if !(1..=MAX_PACKET_TOKENS).contains(&count) || body.len() != (count * depth).div_ceil(8) {
            return None;
        }
        let bit = |n: usize| body[n / 8] >> (7 - n % 8) & 1;
        let token = |n: usize| (n * depth..(n + 1) * depth).fold(0u64, |token, at| token << 1 | u64::from(bit(at)));
        if (count * depth..body.len() * 8).any(|at| bit(at) != 0) {
            return None;
        }
        Some(Self { first, tokens: (0..count).map(token).collect() })
    }
}

/// What a client says in a text message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// How long the sound is that is decoded. Said before the last packet, it keeps the last hop from being longer than the sound;
    /// what is lost at the end is concealed up to here.
    Length {
        /// Samples of the whole sound at the model's rate.
        samples: u64,
    },
    /// No more comes: give me what is left.
    End {},
}

/// What the server says in a text message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Reply {
    /// The stream may begin.
    Ready(Ready),
    /// How long the sound is that was encoded: before the last packets, so that whoever decodes them knows in time.
    Length {
        /// Samples of the whole sound at the model's rate.
        samples: u64,
    },
    /// The stream has ended; nothing comes after it.
    End(Ended),
    /// The stream failed; nothing comes after it.
    Error {
        /// A word for programs.
        code: String,
        /// A sentence for people.
        message: String,
    },
}

/// How a stream is coded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ready {
    /// `tokens` or `tsr`.
    pub format: Format,
    /// Samples per second of the PCM of this stream.
    pub rate: u32,
    /// Samples per second of the model.
    pub model_rate: u32,
    /// Samples of the model's rate per token.
    pub hop: u32,
    /// Bits of a token, at most 64; 0 where the stream's own header will say so.
    pub depth: u8,
    /// Tokens of a packet that the server sends.
    pub packet: u32,
    /// Samples, at the model's rate, that the codec needs after a sample before it comes back.
    pub delay: u32,
    /// Id of the model pack.
    pub pack: String,
    /// Hash of the model pack.
    pub hash: String,
    /// Most bytes of a message.
    pub max_message: usize,
}

/// What a stream was when it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// `finished`, because the client said so, or `shutdown`, because the server ends.
    pub reason: String,
    /// Samples of the sound at the model's rate.
    pub samples: u64,
    /// Tokens of the stream, lost ones included.
    pub tokens: u64,
    /// Lost tokens for which sound was made up.
    #[serde(default)]
    pub concealed: u64,
    /// Lost tokens of gaps too long for that.
    #[serde(default)]
    pub skipped: u64,
    /// Packets that came twice or too late.
    #[serde(default)]
    pub late: u64,
    /// Bytes of a `tsr` stream that belong to no whole packet.
    #[serde(default)]
    pub damaged_bytes: u64,
}

/// How tokens travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A [`Packet`] a message.
    #[default]
    Tokens,
    /// The bytes of a live `.tsr` stream (FORMAT.md).
    Tsr,
}

/// 16-bit little-endian samples to numbers from -1 to 1. A last odd byte is left out.
pub fn samples_of(bytes: &[u8]) -> impl Iterator<Item = f32> + '_ {
    bytes.chunks_exact(2).map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0)
}

/// Numbers from -1 to 1 to 16-bit little-endian samples; what exceeds full scale is clipped.
pub fn pcm_of(samples: &[f32]) -> Vec<u8> {
    // The cast saturates.
    samples.iter().flat_map(|sample| ((sample * 32_768.0).round() as i16).to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_back_at_every_depth_and_length() {
        for depth in 1..=64u8 {
            for count in 1..=MAX_PACKET_TOKENS {
                let token = |n: usize| (n as u64 + 7).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - depth);
                let packet = Packet { first: 65_530, tokens: (0..count).map(token).collect() };
                let bytes = packet.to_bytes(depth);
                assert_eq!(bytes.len(), HEAD + (count * usize::from(depth)).div_ceil(8));
                assert_eq!(Packet::parse(&bytes, depth), Some(packet), "{depth} {count}");
            }
        }
    }

    #[test]
    fn a_packet_has_one_form() {
        let bytes = Packet { first: 1, tokens: vec![4095] }.to_bytes(12);
        assert_eq!(bytes, [1, 0, 1, 0xff, 0xf0]);
        let with = |at: usize, value: u8| {
            let mut bytes = bytes.clone();
            bytes[at] = value;
            bytes
        };
        for wrong in [
            vec![],
            bytes[..4].to_vec(),
            [&bytes[..], &[0]].concat(),
            with(2, 0),
            with(2, 2),
            with(2, 81),
            with(4, 0xf1),
        ] {
            assert_eq!(Packet::parse(&wrong, 12), None, "{wrong:?}");
        }
    }

    #[test]
    fn samples_are_as_loud_as_before_and_loud_ones_are_clipped() {
        let all: Vec<u8> = (i16::MIN..=i16::MAX).flat_map(i16::to_le_bytes).collect();
        let samples: Vec<f32> = samples_of(&all).collect();
        assert_eq!(pcm_of(&samples), all);
        assert_eq!(pcm_of(&[2.0, -2.0, f32::NAN]), [0xff, 0x7f, 0x00, 0x80, 0, 0]);
    }

    #[test]
    fn requests_are_what_the_documentation_says() {
        let parse = |text: &str| serde_json::from_str::<Request>(text).ok();
        assert_eq!(parse(r#"{"type":"end"}"#), Some(Request::End {}));
        assert_eq!(parse(r#"{"type":"length","samples":1234}"#), Some(Request::Length { samples: 1234 }));
        for wrong in [
            "",
            "{}",
            "end",
            r#"{"type":"stop"}"#,
            r#"{"type":"length"}"#,
            r#"{"type":"length","samples":-1}"#,
            r#"{"type":"end","more":1}"#,
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
