//! Frames and sound to MP4, MKV and WebM.

use std::path::Path;

use ffmpeg_next::codec::Id;
use ffmpeg_next::format::context::Output;
use ffmpeg_next::{Dictionary, Packet, Rational as Ratio, encoder, format};

use super::audio::{self, Track};
use super::encode::Encoder;
use super::{failed, ratio, rescale, start};
use crate::error::{Error, Result};
use crate::frame::{Frame, Sink, StreamInfo};
use crate::io::track::SoundTrack;
use crate::io::{Coding, Format, IoLimits, WriteOptions};

/// Encoders for a format, the best first, at a quality that adds little to what the codec has lost.
fn codings(format: Format, info: &StreamInfo) -> Vec<Coding> {
    let pixels = f64::from(info.width) * f64::from(info.height);
    let rate = info.frame_rate.map_or(25.0, |rate| f64::from(rate.num) / f64::from(rate.den)).min(120.0);
    let bits = format!("{:.0}", (pixels * rate * 0.2).max(200_000.0));
    match format {
        Format::WebM => vec![
            Coding::new("libvpx-vp9", &[("crf", "22"), ("b", "0"), ("cpu-used", "4"), ("row-mt", "1")]),
            Coding::new("libsvtav1", &[("crf", "22"), ("preset", "8")]),
            Coding::new("libaom-av1", &[("crf", "22"), ("cpu-used", "6")]),
            Coding::new("libvpx", &[("crf", "8"), ("b", &bits)]),
        ],
        _ => vec![
            // Without B-frames the last packet is the last frame, and the file ends when that does. Slower presets take up to three times as long for files of that size.
            Coding::new("libx264", &[("crf", "16"), ("preset", "veryfast"), ("bf", "0")]),
            Coding::new("libopenh264", &[("b", &bits)]),
            Coding::new("h264_videotoolbox", &[("b", &bits)]),
            Coding::new("mpeg4", &[("b", &bits)]),
        ],
    }
}

/// Writes a video file with its sound.
///
/// Times are kept exactly in MP4 and to the millisecond in MKV and WebM. MP4 has its index in front. Sound that the format's players do not expect is coded
/// anew, and [`Sink::notes`] says so.
pub struct Writer {
    output: Output,
    encoder: Encoder,
    /// Seconds of a unit of the video stream's times in the file.
    base: Ratio,
    sound: Option<Sound>,
    any: bool,
    notes: Vec<String>,
}

/// A sound track on its way into the file.
struct Sound {
    track: Track,
    waiting: Option<Packet>,
    /// Seconds of a unit of the stream's times in the file.
    base: Ratio,
    /// Start and stop in units of the track's times.
    from: i64,
    to: Option<i64>,
}

impl Writer {
    /// # Errors
    /// [`Error::Video`] if FFmpeg has no encoder for the format, or the file cannot be made.
    pub fn new(path: &Path, kind: Format, info: &StreamInfo, options: WriteOptions) -> Result<Self> {
        start()?;
        let name = match kind {
            Format::Mp4 => "mp4",
            Format::WebM => "webm",
            _ => "matroska",
        };
        let encoder = match &options.coding {
            Some(coding) => Encoder::new(coding, info, true)?,
            None => first_encoder(kind, info)?,
        };
        let mut notes = Vec::new();
        let track = options.sound.map(|sound| fitting(sound, kind, &mut notes)).transpose()?;

        let mut output = format::output_as(path, name).map_err(failed("it cannot be made"))?;
        let mut stream = output.add_stream_with(encoder.context()).map_err(failed(name))?;
        stream.set_time_base(encoder.base());
        if let Some(rate) = info.frame_rate {
            stream.set_rate(ratio(rate)?);
            stream.set_avg_frame_rate(ratio(rate)?);
        }
        if let Some(track) = &track {
            let mut stream = output.add_stream(encoder::find(Id::None)).map_err(failed(name))?;
            stream.set_parameters(track.parameters()?);
            stream.set_time_base(track.base());
        }
        let mut settings = Dictionary::new();
        if kind == Format::Mp4 {
            settings.set("movflags", "+faststart");
        }
        // Tags that another container gave a sound track are no reason to refuse it.
        settings.set("strict", "experimental");
        output.write_header_with(settings).map_err(failed("it cannot be written"))?;

        let base = |number: usize| output.stream(number).map_or(encoder.base(), |stream| stream.time_base());
        let sound = track.map(|track| Sound {
            from: rescale(options.sound_start, encoder.base(), track.base()),
            to: options.sound_stop.map(|stop| rescale(stop, encoder.base(), track.base())),
            base: base(1),
            track,
            waiting: None,
        });
        let base = base(0);
        Ok(Self { output, encoder, base, sound, any: false, notes })
    }

    fn drain(&mut self) -> Result<()> {
        while let Some(mut packet) = self.encoder.pull()? {
            // Sound up to here goes first, so that the muxer has to hold back little.
            let time = packet.dts().or(packet.pts()).unwrap_or(0);
            self.write_sound(Some(time))?;
            packet.rescale_ts(self.encoder.base(), self.base);
            packet.set_stream(0);
            packet.write_interleaved(&mut self.output).map_err(failed("it cannot be written; check the disk"))?;
        }
        Ok(())
    }

    /// Writes the sound up to a time in the encoder's units after the start, or all of it.
    fn write_sound(&mut self, up_to: Option<i64>) -> Result<()> {
        let Some(sound) = &mut self.sound else { return Ok(()) };
        let base = sound.track.base();
        let limit = up_to.map(|time| rescale(time, self.encoder.base(), base));
        while let Some(mut packet) = sound.waiting.take().or_else(|| sound.track.next_packet()) {
            let time = packet.pts().or(packet.dts()).unwrap_or(0);
            let shifted = time.saturating_sub(sound.from);
            // What is before the start of an excerpt is left out; the very beginning may have a negative time, for the decoder to start up with.
            if sound.from > 0 && shifted < 0 {
                continue;
            }
            if sound.to.is_some_and(|to| time >= to) {
                self.sound = None;
                return Ok(());
            }
            if limit.is_some_and(|limit| shifted > limit) {
                sound.waiting = Some(packet);
                return Ok(());
            }
            packet.set_pts(packet.pts().map(|time| time.saturating_sub(sound.from)));
            packet.set_dts(packet.dts().map(|time| time.saturating_sub(sound.from)));
            packet.rescale_ts(base, sound.base);
            packet.set_stream(1);
            packet.set_position(-1);
            packet.write_interleaved(&mut self.output).map_err(failed("its sound cannot be written"))?;
        }
        Ok(())
    }
}

impl Sink for Writer {
    fn write_frame(&mut self, frame: &Frame) -> Result<()> {
        self.any = true;
        self.encoder.push(frame)?;
        self.drain()
    }

    fn finish(&mut self, end: i64) -> Result<()> {
        if !self.any {
            return Err(Error::video("there are no frames to write; decode a part that has some"));
        }
        self.encoder.finish(end)?;
        self.drain()?;
        self.write_sound(None)?;
        self.output.write_trailer().map_err(failed("its end cannot be written; check the disk"))
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}

fn first_encoder(kind: Format, info: &StreamInfo) -> Result<Encoder> {
    let codings = codings(kind, info);
    let mut why = Error::video("this FFmpeg has no video encoder; install one with libx264");
    for coding in &codings {
        match Encoder::new(coding, info, true) {
            Ok(encoder) => return Ok(encoder),
            Err(error) => why = error,
        }
    }
    Err(why)
}

/// The track as the format takes it.
fn fitting(sound: SoundTrack, kind: Format, notes: &mut Vec<String>) -> Result<Track> {
    let track = Track::new(sound.as_bytes().to_vec())?;
    let id = track.parameters()?.id();
    if audio::is_taken(id, kind) {
        return Ok(track);
    }
    let recoded = SoundTrack::from_pcm(&sound.to_pcm(&IoLimits::default())?, kind)?;
    let track = Track::new(recoded.as_bytes().to_vec())?;
    notes.push(format!(
        "players of {} do not expect {id:?}, so the sound was coded anew as {:?}",
        kind.extension(),
        track.parameters()?.id()
    ));
    Ok(track)
}
