//! The tokens of sounds.

use tessera_audio::{AudioCodec, EncodeOptions, Tokens};
use tessera_core::{Limits, container::Header};

use super::{
    Stats,
    baselines::Baselines,
    table::{Costs, Row},
};
use crate::{cmd::encode, engine::Shared, explain, failure::Result};

/// Tokens of a `.tsr` file: its own choice, so there is nothing to search.
pub fn of_file(bytes: &[u8], header: &Header, shared: &Shared) -> Result<Row> {
    let codec = shared.sound_tables(&shared.find_pack(header)?)?;
    let tokens = codec.tokens_of(bytes, &Limits::default()).map_err(|error| explain::sound(&error))?;
    row(&codec, &tokens)
}

/// Tokens of a sound: the nearest and, where bits are worth some distance, those of the search.
pub fn of_sound(bytes: &[u8], arguments: &Stats, shared: &Shared) -> Result<Row> {
    let codec = shared.sound_codec(&shared.sound_pack(arguments.pack.as_deref())?)?;
    let (sound, _) = encode::sound::prepare(bytes, &arguments.sound.limits(), &codec)?;
    let lambda = arguments.lambda.unwrap_or(codec.search_lambda());
    let tokens_at = |lambda: f32| {
        let options = EncodeOptions {
            bits: arguments.sound.depth,
            stereo: arguments.sound.stereo(),
            lambda,
            ..EncodeOptions::default()
        };
        let encoded = codec.encode(&sound, &options)?;
        codec.tokens_of(&encoded.bytes, &Limits::default())
    };
    let nearest = tokens_at(0.0).map_err(|error| explain::sound(&error))?;
    let searched = match lambda {
        0.0 => None,
        lambda => Some(costs(&codec, &tokens_at(lambda).map_err(|error| explain::sound(&error))?)?),
    };
    Ok(Row { searched, ..row(&codec, &nearest)? })
}

fn row(codec: &AudioCodec, tokens: &Tokens) -> Result<Row> {
    let depths = codec.depths(tokens.bits).map_err(|error| explain::sound(&error))?;
    let mut baselines = Baselines::default();
    let mut streams = Vec::new();
    for channel in &tokens.channels {
        for (level, &depth) in depths.iter().enumerate() {
            let stream: Vec<u16> = channel.iter().skip(level).step_by(depths.len()).copied().collect();
            baselines.add(&Baselines::of(&stream, depth)?);
            streams.push((depth, stream));
        }
    }
    Ok(Row { tokens: streams, baselines, prior: costs(codec, tokens)?, searched: None })
}

fn costs(codec: &AudioCodec, tokens: &Tokens) -> Result<Costs> {
    let cost = codec.cost_of(tokens).map_err(|error| explain::sound(&error))?;
    Ok(Costs { ideal: cost.ideal, written: cost.written })
}
