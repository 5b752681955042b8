//! Files of tokens.

use std::collections::HashMap;

use clap::ValueEnum;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use tessera_audio::{AudioCodec, Tokens};
use tessera_core::container::Channels;

use super::{npy, tar};
use crate::{
    explain,
    failure::{Exit, Failure, Result},
};

/// Formats of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    Jsonl,
    Npy,
    Safetensors,
    Txt,
    Tar,
}

impl Form {
    pub const ENDINGS: &[&str] = &["jsonl", "json", "npy", "safetensors", "txt", "tar"];

    pub fn of_ending(ending: &str) -> Option<Self> {
        match ending {
            "jsonl" | "json" => Some(Self::Jsonl),
            "npy" => Some(Self::Npy),
            "safetensors" => Some(Self::Safetensors),
            "txt" => Some(Self::Txt),
            "tar" => Some(Self::Tar),
            _ => None,
        }
    }

    pub fn extension(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Npy => "npy",
            Self::Safetensors => "safetensors",
            Self::Txt => "txt",
            Self::Tar => "tar",
        }
    }

    pub fn is_binary(self) -> bool {
        matches!(self, Self::Npy | Self::Safetensors | Self::Tar)
    }

    /// A file; of an archive, the members of the sample `key`.
    pub fn bytes(self, tokens: &Tokenised, key: &str) -> Result<Vec<u8>> {
        let refused = |error: &dyn std::fmt::Display| {
            Failure::new(Exit::Failed, format!("the tokens cannot be written ({error})"), "use --format jsonl")
        };
        match self {
            Self::Jsonl => {
                let mut line = serde_json::to_vec(tokens).map_err(|error| refused(&error))?;
                line.push(b'\n');
                Ok(line)
            }
            Self::Npy => Ok(npy::write(&tokens.tokens)),
            Self::Txt => {
                let line = |row: &Vec<u32>| row.iter().map(u32::to_string).collect::<Vec<_>>().join(" ") + "\n";
                Ok(tokens.tokens.iter().map(line).collect::<String>().into_bytes())
            }
            Self::Tar => {
                let about = serde_json::to_vec(&tokens.about).map_err(|error| refused(&error))?;
                let members: [(&str, &[u8]); 2] = [("json", &about), ("npy", &npy::write(&tokens.tokens))];
                tar::sample(key, &members).map_err(|error| refused(&error))
            }
            Self::Safetensors => {
                let wide = tokens.tokens.iter().flatten().any(|&token| token > u32::from(u16::MAX));
                let flat = tokens.tokens.iter().flatten();
                let (kind, data): (_, Vec<u8>) = match wide {
                    true => (Dtype::U32, flat.flat_map(|token| token.to_le_bytes()).collect()),
                    false => (Dtype::U16, flat.flat_map(|&token| (token as u16).to_le_bytes()).collect()),
                };
                let shape = vec![tokens.tokens.len(), tokens.tokens.first().map_or(0, Vec::len)];
                let view = TensorView::new(kind, shape, &data).map_err(|error| refused(&error))?;
                safetensors::serialize([("tokens", view)], Some(tokens.about.metadata()))
                    .map_err(|error| refused(&error))
            }
        }
    }
}

/// The tokens of a sound and all that is needed to turn them back.
#[derive(Debug, Serialize)]
pub struct Tokenised {
    #[serde(flatten)]
    about: About,
    /// `[channel][token]`, the offset added.
    tokens: Vec<Vec<u32>>,
}

/// What tokens are of.
#[derive(Debug, Serialize)]
struct About {
    pack: String,
    pack_hash: String,
    /// Samples per second, and per token.
    rate: u32,
    hop: usize,
    /// Bits of a frame.
    depth: u8,
    /// Tokens of a frame.
    levels: usize,
    vocabulary: u32,
    offset: u32,
    samples: u64,
    layout: &'static str,
}

impl Tokenised {
    pub fn new(codec: &AudioCodec, tokens: Tokens, depths: &[u8], offset: u32) -> Self {
        let raised = |channel: Vec<u16>| channel.into_iter().map(|token| u32::from(token) + offset).collect();
        let about = About {
            pack: codec.pack().id().to_owned(),
            pack_hash: explain::hex(&codec.pack().hash8()),
            rate: codec.rate(),
            hop: codec.hop(),
            depth: tokens.bits,
            levels: depths.len(),
            vocabulary: 1 << depths[0],
            offset,
            samples: tokens.samples,
            layout: name(tokens.layout),
        };
        Self { about, tokens: tokens.channels.into_iter().map(raised).collect() }
    }
}

impl About {
    fn metadata(&self) -> HashMap<String, String> {
        let entries = [
            ("pack", self.pack.clone()),
            ("pack_hash", self.pack_hash.clone()),
            ("rate", self.rate.to_string()),
            ("hop", self.hop.to_string()),
            ("depth", self.depth.to_string()),
            ("levels", self.levels.to_string()),
            ("vocabulary", self.vocabulary.to_string()),
            ("offset", self.offset.to_string()),
            ("samples", self.samples.to_string()),
            ("layout", self.layout.to_owned()),
        ];
        entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

const LAYOUTS: [(&str, Channels); 3] =
    [("mono", Channels::Mono), ("left_right", Channels::LeftRight), ("mid_side", Channels::MidSide)];

fn name(layout: Channels) -> &'static str {
    LAYOUTS.iter().find(|(_, known)| *known == layout).map_or("mono", |(name, _)| name)
}

/// What a file of tokens says.
#[derive(Debug, Default, PartialEq)]
pub struct Found {
    /// Hash of the pack.
    pub pack: Option<String>,
    pub depth: Option<u8>,
    pub offset: Option<u32>,
    pub samples: Option<u64>,
    pub layout: Option<Channels>,
    pub channels: Vec<Vec<u32>>,
}

#[derive(Deserialize)]
struct Line {
    pack_hash: Option<String>,
    depth: Option<u8>,
    offset: Option<u32>,
    samples: Option<u64>,
    layout: Option<String>,
    tokens: Option<Vec<Vec<u32>>>,
}

/// Reads a file of tokens, told by its content.
pub fn read(bytes: &[u8]) -> Result<Found> {
    let found = if bytes.starts_with(b"\x93NUMPY") {
        npy::read(bytes).map(|channels| Found { channels, ..Found::default() })
    } else if tar::is_archive(bytes) {
        sample(bytes)
    } else if bytes.get(8) == Some(&b'{') {
        tensors(bytes)
    } else if bytes.trim_ascii_start().starts_with(b"{") {
        object(bytes)
    } else {
        text(bytes)
    };
    let found = found.map_err(|why| {
        Failure::new(Exit::Input, format!("it holds no tokens: {why}"), "give it what 'tessera tokens' writes")
    })?;
    let lengths = |channel: &Vec<u32>| !channel.is_empty() && channel.len() == found.channels[0].len();
    match found.depth {
        Some(0) => Err(Failure::new(Exit::Input, "frames of 0 bits", "check where it came from")),
        _ if !(1..=2).contains(&found.channels.len()) || !found.channels.iter().all(lengths) => Err(Failure::new(
            Exit::Input,
            "it does not hold 1 or 2 channels of as many tokens",
            "check where it came from",
        )),
        _ => Ok(found),
    }
}

fn layout(name: Option<&str>) -> std::result::Result<Option<Channels>, String> {
    let Some(name) = name else { return Ok(None) };
    let known = LAYOUTS.iter().find(|(known, _)| *known == name);
    known.map(|(_, layout)| Some(*layout)).ok_or_else(|| format!("the layout {name:?} is not known"))
}

fn object(bytes: &[u8]) -> std::result::Result<Found, String> {
    let found = about(bytes)?;
    if found.channels.is_empty() { Err("there are no tokens".to_owned()) } else { Ok(found) }
}

fn about(bytes: &[u8]) -> std::result::Result<Found, String> {
    let line: Line = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    Ok(Found {
        pack: line.pack_hash,
        depth: line.depth,
        offset: line.offset,
        samples: line.samples,
        layout: layout(line.layout.as_deref())?,
        channels: line.tokens.unwrap_or_default(),
    })
}

/// The one sample of an archive; it may lack its `.json`, as bare numbers do.
fn sample(bytes: &[u8]) -> std::result::Result<Found, String> {
    let members = tar::members(bytes)?;
    let member = |wanted: &str| members.iter().find(|(ending, _)| ending == wanted).map(|(_, bytes)| &bytes[..]);
    let tokens = npy::read(member("npy").ok_or("the archive has no .npy")?)?;
    let found = member("json").map_or_else(|| Ok(Found::default()), about)?;
    Ok(Found { channels: tokens, ..found })
}

fn tensors(bytes: &[u8]) -> std::result::Result<Found, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let tensor = file.tensor("tokens").map_err(|error| error.to_string())?;
    let &[rows, columns] = tensor.shape() else { return Err("the tensor is not [channel, token]".to_owned()) };
    let values: Vec<u32> = match tensor.dtype() {
        Dtype::U16 => tensor.data().chunks_exact(2).map(|b| u32::from(u16::from_le_bytes([b[0], b[1]]))).collect(),
        Dtype::U32 => tensor.data().chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        other => return Err(format!("tokens of type {other:?}; use U16 or U32")),
    };
    if rows == 0 || columns == 0 {
        return Err("the tensor is empty".to_owned());
    }
    let entries = metadata.metadata().clone().unwrap_or_default();
    let number = |key: &str| entries.get(key).and_then(|value| value.parse::<u64>().ok());
    Ok(Found {
        pack: entries.get("pack_hash").cloned(),
        depth: number("depth").and_then(|depth| u8::try_from(depth).ok()),
        offset: number("offset").and_then(|offset| u32::try_from(offset).ok()),
        samples: number("samples"),
        layout: layout(entries.get("layout").map(String::as_str))?,
        channels: values.chunks(columns).map(<[u32]>::to_vec).collect(),
    })
}

fn text(bytes: &[u8]) -> std::result::Result<Found, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is neither numbers nor a known format".to_owned())?;
    let parse = |word: &str| word.parse::<u32>().map_err(|_| format!("{word:?} is no token"));
    let short = |error: String| error.chars().take(60).collect::<String>();
    let rows =
        text.lines().map(|line| line.split_ascii_whitespace().map(parse).collect::<std::result::Result<Vec<_>, _>>());
    let rows = rows.collect::<std::result::Result<Vec<_>, _>>().map_err(short)?;
    Ok(Found { channels: rows.into_iter().filter(|row| !row.is_empty()).collect(), ..Found::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenised(offset: u32) -> Tokenised {
        let about = About {
            pack: "p".into(),
            pack_hash: "0011".into(),
            rate: 16_000,
            hop: 200,
            depth: 12,
            levels: 1,
            vocabulary: 4096,
            offset,
            samples: 300,
            layout: "mid_side",
        };
        Tokenised { about, tokens: vec![vec![offset, 4095 + offset], vec![17 + offset, 3 + offset]] }
    }

    #[test]
    fn every_format_is_read_back() {
        for offset in [0, 100_000] {
            let written = tokenised(offset);
            for form in [Form::Jsonl, Form::Npy, Form::Safetensors, Form::Txt, Form::Tar] {
                let found = read(&form.bytes(&written, "key").unwrap()).unwrap();
                assert_eq!(found.channels, written.tokens, "{form:?}");
                if matches!(form, Form::Jsonl | Form::Safetensors | Form::Tar) {
                    assert_eq!((found.depth, found.offset, found.samples), (Some(12), Some(offset), Some(300)));
                    assert_eq!((found.pack.as_deref(), found.layout), (Some("0011"), Some(Channels::MidSide)));
                }
            }
        }
    }

    #[test]
    fn what_is_no_tokens_is_refused() {
        let bad: [&[u8]; 9] = [
            b"",
            b"one two",
            b"1 2\n3",
            b"1\n2\n3",
            b"-4",
            b"{}",
            br#"{"tokens":[[1],[2,3]]}"#,
            br#"{"tokens":[[1]],"layout":"sideways"}"#,
            br#"{"tokens":[[1]],"depth":0}"#,
        ];
        for bytes in bad {
            assert_eq!(read(bytes).unwrap_err().exit, Exit::Input, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
