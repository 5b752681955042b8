//! The sound of a video, into its `.tsr` file and out of it.

#[cfg(feature = "ffmpeg")]
use tessera_audio::{Sound, io as sounds};
use tessera_core::Limits;
#[cfg(feature = "ffmpeg")]
use tessera_video::SoundForm;
use tessera_video::io::track::SoundTrack;
#[cfg(feature = "ffmpeg")]
use tessera_video::io::{IoLimits, track::Pcm};
use tessera_video::{SideSound, io::Format};

use super::encode::video::{Audio, Input};
#[cfg(not(feature = "ffmpeg"))]
use crate::failure::{Exit, Failure};
use crate::{engine::Shared, explain, failure::Result};

/// The sound of a video file as it goes into a `.tsr` file; pipes and YUV4MPEG2 have none.
#[cfg(feature = "ffmpeg")]
pub fn sound(shared: &Shared, input: &Input, audio: Audio) -> Result<Option<SideSound>> {
    let (Input::File(path), Audio::Keep | Audio::Tokens) = (input, audio) else { return Ok(None) };
    if !tessera_video::io::has_sound(path) {
        return Ok(None);
    }
    let limits = IoLimits::default();
    let Some(track) = SoundTrack::of_file(path, &limits).map_err(|error| explain::video(&error))? else {
        return Ok(None);
    };
    if audio == Audio::Keep {
        return Ok(Some(SideSound { form: SoundForm::Track, bytes: track.as_bytes().to_vec() }));
    }
    let codec = shared.sound_codec(&shared.sound_pack(None)?)?;
    let pcm = track.to_pcm(&limits).map_err(|error| explain::video(&error))?;
    let sound = Sound { rate: pcm.rate, channels: pcm.channels };
    let sound = sounds::resample(sounds::mono(sound), codec.rate()).map_err(|error| explain::sound(&error))?;
    let options = tessera_audio::EncodeOptions { lambda: codec.search_lambda(), ..Default::default() };
    let encoded = codec.encode(&sound, &options).map_err(|error| explain::sound(&error))?;
    Ok(Some(SideSound { form: SoundForm::Tokens, bytes: encoded.bytes }))
}

/// Without FFmpeg no input has sound.
#[cfg(not(feature = "ffmpeg"))]
pub fn sound(_: &Shared, _: &Input, _: Audio) -> Result<Option<SideSound>> {
    Ok(None)
}

/// The sound of a `.tsr` file for a video file, if it has one and the format takes it, and what there is to say of it.
pub fn track(
    shared: &Shared,
    bytes: &[u8],
    salvage: bool,
    format: Option<Format>,
    notes: &mut Vec<String>,
) -> Result<Option<SoundTrack>> {
    let held = match SideSound::of_file(bytes, &Limits::default(), salvage) {
        Err(error) if salvage => {
            notes.push(format!("the sound is lost: {error}"));
            return Ok(None);
        }
        held => held.map_err(|error| explain::video(&error))?,
    };
    let Some(held) = held else { return Ok(None) };
    match format.filter(|format| format.has_sound()) {
        Some(format) => of(shared, held, format).map(Some),
        None => {
            notes
                .push("the sound is left out, since the format has none; write MP4, MKV or WebM to have it".to_owned());
            Ok(None)
        }
    }
}

#[cfg(feature = "ffmpeg")]
fn of(shared: &Shared, held: SideSound, format: Format) -> Result<SoundTrack> {
    let explained = |error| explain::video(&error);
    if held.form == SoundForm::Track {
        return SoundTrack::from_bytes(held.bytes).map_err(explained);
    }
    let header =
        tessera_core::container::header_of(&held.bytes, &Limits::default()).map_err(|error| explain::core(&error))?;
    let codec = shared.sound_codec(&shared.find_pack(&header)?)?;
    let decoded = codec.decode(&held.bytes, &Default::default()).map_err(|error| explain::sound(&error))?;
    SoundTrack::from_pcm(&Pcm { rate: decoded.sound.rate, channels: decoded.sound.channels }, format).map_err(explained)
}

/// Without FFmpeg no format has sound.
#[cfg(not(feature = "ffmpeg"))]
fn of(_: &Shared, _: SideSound, _: Format) -> Result<SoundTrack> {
    Err(Failure::new(
        Exit::Failed,
        "sound is not written without FFmpeg's libraries",
        "write .y4m, or build with the feature ffmpeg",
    ))
}
