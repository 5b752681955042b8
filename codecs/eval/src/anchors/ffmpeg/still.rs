//! One frame through one of FFmpeg's encoders or decoders.

use std::sync::OnceLock;

use ffmpeg_next::{Dictionary, Packet, codec, color, decoder, encoder, format::Pixel, frame};

use crate::{Error, Result};

/// FFmpeg's message behind what was tried.
pub(super) fn failed(what: &str) -> impl Fn(ffmpeg_next::Error) -> Error + '_ {
    move |error| Error::Failed(format!("{what}: {error}"))
}

/// Initialises FFmpeg once and keeps it quiet.
fn start() -> Result<()> {
    static STARTED: OnceLock<std::result::Result<(), String>> = OnceLock::new();
    let started = STARTED.get_or_init(|| {
        ffmpeg_next::init().map_err(|error| error.to_string())?;
        ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Fatal);
        Ok(())
    });
    started.clone().map_err(|error| Error::Missing(format!("FFmpeg does not start: {error}")))
}

/// The encoder of the given name.
pub(super) fn find_encoder(name: &str) -> Result<ffmpeg_next::Codec> {
    start()?;
    encoder::find_by_name(name).ok_or_else(|| {
        Error::Missing(format!("this FFmpeg has no encoder {name}; install an FFmpeg that was built with it"))
    })
}

/// The decoder of the given name.
pub(super) fn find_decoder(name: &str) -> Result<ffmpeg_next::Codec> {
    start()?;
    decoder::find_by_name(name).ok_or_else(|| {
        Error::Missing(format!("this FFmpeg has no decoder {name}; install an FFmpeg that was built with it"))
    })
}

/// What FFmpeg says of its codec library, for reports.
pub(super) fn version() -> String {
    let number = codec::version();
    format!("FFmpeg libavcodec {}.{}.{}", number >> 16, (number >> 8) & 255, number & 255)
}

/// Opens an encoder for one sRGB frame of the given layout.
pub(super) fn open(
    codec: ffmpeg_next::Codec,
    (width, height): (u32, u32),
    layout: Pixel,
    space: color::Space,
    options: &[(&str, String)],
) -> Result<encoder::video::Encoder> {
    let name = codec.name().to_owned();
    let mut video = codec::Context::new_with_codec(codec).encoder().video().map_err(failed(&name))?;
    video.set_width(width);
    video.set_height(height);
    video.set_format(layout);
    video.set_time_base((1, 25));
    video.set_color_range(color::Range::JPEG);
    video.set_colorspace(space);
    video.set_color_primaries(color::Primaries::BT709);
    video.set_color_transfer_characteristic(color::TransferCharacteristic::IEC61966_2_1);
    video.set_flags(codec::Flags::GLOBAL_HEADER);
    let mut settings = Dictionary::new();
    for (key, value) in options {
        settings.set(key, value);
    }
    video.open_with(settings).map_err(failed(&name))
}

/// The packets of one frame.
pub(super) fn encode(encoder: &mut encoder::video::Encoder, mut frame: frame::Video) -> Result<Vec<Packet>> {
    frame.set_pts(Some(0));
    encoder.send_frame(&frame).map_err(failed("encoding"))?;
    encoder.send_eof().map_err(failed("encoding"))?;
    let mut packets = Vec::new();
    loop {
        let mut packet = Packet::empty();
        match encoder.receive_packet(&mut packet) {
            Ok(()) => packets.push(packet),
            Err(ffmpeg_next::Error::Eof) => return Ok(packets),
            Err(error) => return Err(failed("encoding")(error)),
        }
    }
}

/// The first frame that a decoder finds in the bytes of one packet.
pub(super) fn decode(codec: ffmpeg_next::Codec, bytes: &[u8]) -> Result<frame::Video> {
    let name = codec.name().to_owned();
    let mut decoder = codec::Context::new_with_codec(codec).decoder().video().map_err(failed(&name))?;
    decoder.send_packet(&Packet::copy(bytes)).map_err(failed(&name))?;
    decoder.send_eof().map_err(failed(&name))?;
    let mut frame = frame::Video::empty();
    decoder.receive_frame(&mut frame).map_err(failed(&name))?;
    Ok(frame)
}

/// Copies rows of `width` bytes into a plane of a frame.
pub(super) fn fill(frame: &mut frame::Video, plane: usize, rows: &[u8], width: usize) {
    let stride = frame.stride(plane);
    for (target, row) in frame.data_mut(plane).chunks_mut(stride).zip(rows.chunks(width)) {
        target[..width].copy_from_slice(row);
    }
}

/// Rows of `width` bytes out of a plane of a frame.
pub(super) fn rows(frame: &frame::Video, plane: usize, width: usize, height: usize) -> Vec<u8> {
    let stride = frame.stride(plane);
    frame.data(plane).chunks(stride).take(height).flat_map(|row| &row[..width]).copied().collect()
}
