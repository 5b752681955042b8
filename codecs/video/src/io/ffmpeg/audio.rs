//! Sound tracks out of files, into files, decoded and coded.

use std::io::{self, Cursor, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use ffmpeg_next::codec::{self, Context, Id};
use ffmpeg_next::format::context::{Input, Output, StreamIo};
use ffmpeg_next::format::sample::{Sample, Type as Packing};
use ffmpeg_next::{
    ChannelLayout, Dictionary, Error as FfmpegError, Packet, Rational as Ratio, decoder, encoder, format, frame, media,
};

use super::{NO_TIME, beginning, failed, from_stream, open, rescale, start};
use crate::error::{Error, Result};
use crate::io::track::{Pcm, TrackInfo};
use crate::io::{Format, IoLimits};

/// Bits a second of one channel that is coded anew.
const CHANNEL_RATE: usize = 64_000;

/// A sound track that is read packet by packet.
pub struct Track {
    input: Input,
    stream: usize,
    base: Ratio,
}

impl Track {
    /// # Errors
    /// [`Error::Video`] if the bytes hold no sound track.
    pub fn new(bytes: Vec<u8>) -> Result<Self> {
        start()?;
        let bytes = StreamIo::from_read_seek(Cursor::new(bytes)).map_err(failed("FFmpeg"))?;
        let none = || Error::video("the sound track is damaged; decode without sound, or fetch a good copy");
        Self::of(from_stream(bytes, None).map_err(|_| none())?).ok_or_else(none)
    }

    fn of(input: Input) -> Option<Self> {
        let stream = input.streams().best(media::Type::Audio)?;
        let (number, base) = (stream.index(), stream.time_base());
        (base.numerator() > 0 && base.denominator() > 0).then_some(Self { input, stream: number, base })
    }

    /// Seconds of one unit of its packets' times.
    pub fn base(&self) -> Ratio {
        self.base
    }

    /// # Errors
    /// [`Error::Video`] if the stream is not there, which FFmpeg does not do.
    pub fn parameters(&self) -> Result<codec::Parameters> {
        let stream = self.input.stream(self.stream);
        stream.map(|stream| stream.parameters()).ok_or_else(|| Error::video("the sound track is gone; report this"))
    }

    /// The next packet; `None` at the end or where the file is damaged.
    pub fn next_packet(&mut self) -> Option<Packet> {
        loop {
            let mut packet = Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) if packet.stream() == self.stream && packet.size() > 0 => return Some(packet),
                Ok(()) | Err(FfmpegError::InvalidData) => {}
                Err(_) => return None,
            }
        }
    }
}

/// Whether players of a format expect a codec in it.
pub fn is_taken(id: Id, format: Format) -> bool {
    match format {
        Format::Mp4 => matches!(id, Id::AAC | Id::MP3 | Id::AC3 | Id::EAC3 | Id::ALAC | Id::OPUS | Id::FLAC),
        Format::Mkv => true,
        Format::WebM => matches!(id, Id::OPUS | Id::VORBIS),
        Format::Y4m | Format::Pictures => false,
    }
}

/// The best sound track of a file as a file of its own; `None` if it has none.
pub fn copy(path: &Path, limits: &IoLimits) -> Result<Option<Vec<u8>>> {
    // MP4 keeps times exactly, but does not take every codec, nor those whose tag another container gave them.
    for container in [MP4, MATROSKA] {
        let Some(mut track) = Track::of(open(path)?) else { return Ok(None) };
        if let Some(bytes) = container.copy(&mut track, limits)? {
            return Ok(Some(bytes));
        }
    }
    Err(Error::video(
        "its sound cannot be kept as it is; leave it out with --audio none or code it with --audio tokens",
    ))
}

#[derive(Clone, Copy)]
struct Container {
    name: &'static str,
    /// Whether codecs may keep tags that other containers gave them.
    foreign_tags: bool,
}

const MP4: Container = Container { name: "mp4", foreign_tags: false };
const MATROSKA: Container = Container { name: "matroska", foreign_tags: true };

impl Container {
    fn header(self, output: &mut Output) -> bool {
        let mut options = Dictionary::new();
        if self.foreign_tags {
            options.set("strict", "experimental");
        }
        output.write_header_with(options).is_ok()
    }

    /// The packets of a track in this container, or `None` if it does not take them.
    fn copy(self, track: &mut Track, limits: &IoLimits) -> Result<Option<Vec<u8>>> {
        let (zero, zero_base) = beginning(&track.input);
        let zero = rescale(zero, zero_base, track.base);
        let memory = Memory::new(limits.max_sound);
        let mut output = memory.output(self.name)?;
        let mut stream = output.add_stream(encoder::find(Id::None)).map_err(failed("the sound track"))?;
        stream.set_parameters(track.parameters()?);
        stream.set_time_base(track.base);
        if !self.header(&mut output) {
            return Ok(None);
        }
        let base = output.stream(0).map_or(track.base, |stream| stream.time_base());
        let mut any = false;
        while let Some(mut packet) = track.next_packet() {
            // Some files name no times; the muxer counts on from the durations.
            packet.set_pts(packet.pts().map(|time| time.saturating_sub(zero)));
            packet.set_dts(
                packet
                    .dts()
                    .or(packet.pts().map(|time| time.saturating_add(zero)))
                    .map(|time| time.saturating_sub(zero)),
            );
            packet.rescale_ts(track.base, base);
            packet.set_position(-1);
            packet.set_stream(0);
            any |= packet.write_interleaved(&mut output).is_ok();
        }
        let ended = output.write_trailer();
        drop(output);
        memory.into_bytes(any && ended.is_ok())
    }
}

/// What a track is.
pub fn describe(bytes: &[u8]) -> Result<TrackInfo> {
    let track = Track::new(bytes.to_vec())?;
    let (decoder, codec) = opened(&track)?;
    let duration = track.input.stream(track.stream).map_or(0, |stream| stream.duration());
    let seconds = match duration {
        NO_TIME => track.input.duration().max(0) as f64 / 1e6,
        _ => duration as f64 * f64::from(track.base.numerator()) / f64::from(track.base.denominator()),
    };
    Ok(TrackInfo { codec, channels: decoder.channels(), rate: decoder.rate(), seconds })
}

fn opened(track: &Track) -> Result<(decoder::Audio, String)> {
    let context = Context::from_parameters(track.parameters()?).map_err(failed("the sound track"))?;
    let id = context.id();
    let name = decoder::find(id).map(|codec| codec.name().to_owned());
    let name = name.ok_or_else(|| {
        Error::video(format!("this FFmpeg has no decoder for {id:?}; install one that was built with it"))
    })?;
    let mut decoder = context.decoder().audio().map_err(failed("the sound track"))?;
    decoder.set_packet_time_base(track.base);
    Ok((decoder, name))
}

/// The samples of a track.
pub fn decode(bytes: &[u8], limits: &IoLimits) -> Result<Pcm> {
    let mut track = Track::new(bytes.to_vec())?;
    let (mut decoder, _) = opened(&track)?;
    let mut pcm = Pcm { rate: 0, channels: Vec::new() };
    let mut received = frame::Audio::empty();
    let mut draining = false;
    loop {
        match decoder.receive_frame(&mut received) {
            Ok(()) => take(&received, track.base, &mut pcm, limits)?,
            Err(FfmpegError::Other { .. }) if !draining => match track.next_packet() {
                // A packet that cannot be decoded is left out.
                Some(packet) => _ = decoder.send_packet(&packet),
                None => {
                    draining = true;
                    _ = decoder.send_eof();
                }
            },
            Err(FfmpegError::InvalidData) if !draining => {}
            Err(_) => break,
        }
    }
    match pcm.channels.first().is_some_and(|channel| !channel.is_empty()) {
        true => Ok(pcm),
        false => Err(Error::video("none of its sound can be decoded; leave it out with --audio none")),
    }
}

/// Appends the samples of a decoded frame. What comes first is preceded by silence up to its time.
fn take(received: &frame::Audio, base: Ratio, pcm: &mut Pcm, limits: &IoLimits) -> Result<()> {
    let (rate, channels) = (received.rate(), usize::from(received.channels()));
    if pcm.rate == 0 {
        let late = received.timestamp().map_or(0, |time| rescale(time, base, Ratio::new(1, rate as i32)));
        let silence = usize::try_from(late).unwrap_or(0);
        room(silence, channels, limits)?;
        *pcm = Pcm { rate, channels: vec![vec![0.0; silence]; channels] };
    }
    if rate != pcm.rate || channels != pcm.channels.len() {
        return Err(Error::video(
            "its sound changes its rate or its channels midway; convert the sound to one form first",
        ));
    }
    room(pcm.channels.first().map_or(0, Vec::len).saturating_add(received.samples()), channels, limits)?;
    for (number, channel) in pcm.channels.iter_mut().enumerate() {
        append(received, number, channels, channel)?;
    }
    Ok(())
}

fn room(samples: usize, channels: usize, limits: &IoLimits) -> Result<()> {
    match samples.saturating_mul(channels) as u64 > limits.max_sound {
        true => Err(Error::video(format!("its sound has more than {} samples; keep it as it is", limits.max_sound))),
        false => Ok(()),
    }
}

fn append(received: &frame::Audio, number: usize, channels: usize, out: &mut Vec<f32>) -> Result<()> {
    let format = received.format();
    let (plane, step, at) = if format.is_planar() { (number, 1, 0) } else { (0, channels, number) };
    let bytes = format.bytes();
    if plane >= received.planes() || bytes == 0 {
        return Err(Error::video("a decoded piece of sound lacks a channel; fetch a good copy of the file"));
    }
    // The binding says how long the first plane is; all are alike.
    let data = received.data(plane);
    let samples = data.chunks_exact(bytes).skip(at).step_by(step).take(received.samples());
    let array = |sample: &[u8]| sample.first_chunk::<4>().copied().unwrap_or_default();
    match format {
        Sample::U8(_) => out.extend(samples.map(|s| (f32::from(s[0]) - 128.0) / 128.0)),
        Sample::I16(_) => out.extend(samples.map(|s| f32::from(i16::from_ne_bytes([s[0], s[1]])) / 32_768.0)),
        Sample::I32(_) => out.extend(samples.map(|s| i32::from_ne_bytes(array(s)) as f32 / 2_147_483_648.0)),
        Sample::F32(_) => out.extend(samples.map(|s| f32::from_ne_bytes(array(s)))),
        Sample::F64(_) => {
            out.extend(samples.map(|s| f64::from_ne_bytes(s.first_chunk::<8>().copied().unwrap_or_default()) as f32))
        }
        other => return Err(Error::video(format!("sound of samples {other:?} is not read; convert it first"))),
    }
    Ok(())
}

/// Samples as a track that a format takes.
pub fn encode(pcm: &Pcm, format: Format) -> Result<Vec<u8>> {
    start()?;
    let count = pcm.channels.first().map_or(0, Vec::len);
    if count == 0
        || pcm.rate == 0
        || pcm.channels.len() > 8
        || pcm.channels.iter().any(|channel| channel.len() != count)
    {
        return Err(Error::parameter("sound has one to eight channels of one length and a rate"));
    }
    let opus = [8000, 12_000, 16_000, 24_000, 48_000].contains(&pcm.rate);
    let (codecs, container): (&[&str], _) = match format {
        Format::WebM if opus => (&["libopus", "libvorbis"], MATROSKA),
        Format::WebM => (&["libvorbis"], MATROSKA),
        _ => (&["aac", "libfdk_aac"], MP4),
    };
    let codec = codecs.iter().find_map(|name| encoder::find_by_name(name)).ok_or_else(|| {
        Error::video(format!(
            "this FFmpeg has none of the encoders {}; write MP4 or leave the sound out",
            codecs.join(", ")
        ))
    })?;
    let sample = if codec.name() == "libopus" { Sample::F32(Packing::Packed) } else { Sample::F32(Packing::Planar) };
    let layout = ChannelLayout::default(pcm.channels.len() as i32);
    let base = Ratio::new(1, i32::try_from(pcm.rate).map_err(|_| Error::parameter("the rate of sound is below 2^31"))?);
    let mut context = Context::new_with_codec(codec).encoder().audio().map_err(failed(codec.name()))?;
    context.set_rate(base.denominator());
    context.set_format(sample);
    context.set_channel_layout(layout);
    context.set_bit_rate(CHANNEL_RATE * pcm.channels.len());
    context.set_time_base(base);
    context.set_flags(codec::Flags::GLOBAL_HEADER);
    let mut encoder = context.open().map_err(failed(codec.name()))?;

    let memory = Memory::new(u64::MAX);
    let mut output = memory.output(container.name)?;
    output.add_stream_with(&encoder).map_err(failed("the sound track"))?.set_time_base(base);
    if !container.header(&mut output) {
        return Err(Error::video("the sound track cannot be written; leave it out with --audio none"));
    }
    let stream_base = output.stream(0).map_or(base, |stream| stream.time_base());
    let piece = match encoder.frame_size() {
        0 => 1024,
        size => size as usize,
    };
    let mut drain = |encoder: &mut encoder::audio::Encoder| -> Result<()> {
        let mut packet = Packet::empty();
        while encoder.receive_packet(&mut packet).is_ok() {
            packet.rescale_ts(base, stream_base);
            packet.set_stream(0);
            packet.write_interleaved(&mut output).map_err(failed("the sound track"))?;
            packet = Packet::empty();
        }
        Ok(())
    };
    for at in (0..count).step_by(piece) {
        let length = piece.min(count - at);
        let mut input = frame::Audio::new(sample, length, layout);
        input.set_rate(pcm.rate);
        input.set_pts(i64::try_from(at).ok());
        fill(&mut input, &pcm.channels, at, length);
        encoder.send_frame(&input).map_err(failed(codec.name()))?;
        drain(&mut encoder)?;
    }
    encoder.send_eof().map_err(failed(codec.name()))?;
    drain(&mut encoder)?;
    output.write_trailer().map_err(failed("the sound track"))?;
    drop(output);
    memory
        .into_bytes(true)?
        .ok_or_else(|| Error::video("the sound track cannot be written; leave it out with --audio none"))
}

fn fill(input: &mut frame::Audio, channels: &[Vec<f32>], at: usize, length: usize) {
    if input.is_planar() {
        for (number, channel) in channels.iter().enumerate() {
            input.plane_mut::<f32>(number)[..length].copy_from_slice(&channel[at..at + length]);
        }
        return;
    }
    let bytes = input.data_mut(0).chunks_exact_mut(4);
    let samples = (at..at + length).flat_map(|n| channels.iter().map(move |channel| channel[n]));
    bytes.zip(samples).for_each(|(bytes, sample)| bytes.copy_from_slice(&sample.to_ne_bytes()));
}

/// Bytes that FFmpeg writes and we keep.
#[derive(Clone)]
pub struct Memory {
    bytes: Arc<Mutex<Cursor<Vec<u8>>>>,
    most: u64,
    /// Whether more was written than fits.
    full: Arc<Mutex<bool>>,
}

impl Memory {
    /// Room for `most` bytes.
    pub fn new(most: u64) -> Self {
        Self { bytes: Arc::default(), most, full: Arc::default() }
    }

    /// A container of the given kind that is written here.
    pub fn output(&self, container: &str) -> Result<Output> {
        let stream = StreamIo::from_write_seek(self.clone()).map_err(failed("FFmpeg"))?;
        format::output_to_stream(stream, None, Some(container)).map_err(failed(container))
    }

    /// What was written, if it is good; the container must be gone.
    pub fn into_bytes(self, good: bool) -> Result<Option<Vec<u8>>> {
        if *self.full.lock().unwrap_or_else(PoisonError::into_inner) {
            let most = self.most >> 20;
            return Err(Error::video(format!(
                "its sound is longer than {most} MiB; code it with --audio tokens or leave it out with --audio none"
            )));
        }
        let bytes = std::mem::take(&mut *self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_inner();
        Ok(good.then_some(bytes))
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut held = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        if held.position().saturating_add(bytes.len() as u64) > self.most {
            *self.full.lock().unwrap_or_else(PoisonError::into_inner) = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        held.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Memory {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).seek(to)
    }
}
