//! FLAC out.

use flacenc::{bitsink::ByteSink, component::BitRepr, config, error::Verify, source::MemSource};

use super::wav::pcm16;
use crate::{
    Sound,
    error::{Error, Result},
};

/// A whole FLAC file of 16-bit samples; what exceeds full scale is clipped.
///
/// # Errors
/// [`Error::Sound`] for a sound without samples, of more than 8 channels, or of a rate above 655,350 Hz, which FLAC does not
/// know.
pub fn write_flac(sound: &Sound) -> Result<Vec<u8>> {
    sound.check()?;
    if sound.channels.len() > 8 || sound.rate > 655_350 {
        return Err(Error::sound(format!(
            "FLAC has at most 8 channels and 655,350 Hz, the sound has {} and {}; write WAV",
            sound.channels.len(),
            sound.rate
        )));
    }
    let refused = |why: String| Error::sound(format!("the sound cannot be written as FLAC ({why}); write WAV"));
    let settings = config::Encoder::default().into_verified().map_err(|(_, error)| refused(error.to_string()))?;
    let samples: Vec<i32> =
        (0..sound.len()).flat_map(|n| sound.channels.iter().map(move |channel| i32::from(pcm16(channel[n])))).collect();
    let source = MemSource::from_samples(&samples, sound.channels.len(), 16, sound.rate as usize);
    let mut stream = flacenc::encode_with_fixed_block_size(&settings, source, settings.block_size)
        .map_err(|error| refused(format!("{error:?}")))?;
    // The last block is shorter, but the format wants the size of the others named.
    stream
        .stream_info_mut()
        .set_block_sizes(settings.block_size, settings.block_size)
        .map_err(|error| refused(error.to_string()))?;
    let mut out = ByteSink::new();
    stream.write(&mut out).map_err(|error| refused(format!("{error:?}")))?;
    Ok(out.into_inner())
}
