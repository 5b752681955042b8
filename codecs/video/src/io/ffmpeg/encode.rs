//! Frames to packets of one of FFmpeg's encoders.

use std::collections::BTreeMap;

use ffmpeg_next::{Dictionary, Packet, Rational as Ratio, codec, color, encoder, format::Pixel, frame};

use super::{failed, ratio, start};
use crate::error::{Error, Result};
use crate::frame::{Frame, StreamInfo};
use crate::io::Coding;
use crate::io::chroma::Siting;
use crate::io::colour::{Colour, Planes};

/// An encoder at work: 8-bit 4:2:0, limited range, BT.709 from 720 rows up and BT.601 below.
///
/// An odd side is coded one pixel longer, with the last column or row again, where the encoder cannot take it.
pub struct Encoder {
    name: String,
    encoder: encoder::video::Encoder,
    base: Ratio,
    /// Columns and rows of the frames.
    size: (usize, usize),
    /// Columns and rows as coded.
    coded: (usize, usize),
    colour: Colour,
    /// The frame that waits for its end, which is the next one's time.
    waiting: Option<Frame>,
    /// How long the frames in the encoder are shown, by their time.
    durations: BTreeMap<i64, i64>,
}

impl Encoder {
    /// # Errors
    /// [`Error::Video`] if FFmpeg has no such encoder or it refuses the frames.
    pub fn new(coding: &Coding, info: &StreamInfo, global_header: bool) -> Result<Self> {
        start()?;
        let codec = encoder::find_by_name(&coding.encoder).ok_or_else(|| {
            Error::video(format!("this FFmpeg has no encoder {}; install one that was built with it", coding.encoder))
        })?;
        let odd = coding.encoder.starts_with("libvpx");
        let coded = |side: u32| if odd { side as usize } else { (side as usize).next_multiple_of(2) };
        let coded = (coded(info.width), coded(info.height));
        let base = ratio(info.time_base)?;
        let colour = Colour { matrix: Colour::usual_matrix(info.height), full: false, siting: Siting::Left };
        let mut video = codec::Context::new_with_codec(codec).encoder().video().map_err(failed(&coding.encoder))?;
        video.set_width(coded.0 as u32);
        video.set_height(coded.1 as u32);
        video.set_format(Pixel::YUV420P);
        video.set_time_base(base);
        video.set_frame_rate(info.frame_rate.map(ratio).transpose()?);
        video.set_color_range(color::Range::MPEG);
        let hd = info.height >= 720;
        video.set_colorspace(if hd { color::Space::BT709 } else { color::Space::SMPTE170M });
        video.set_color_primaries(color::Primaries::BT709);
        video.set_color_transfer_characteristic(color::TransferCharacteristic::BT709);
        if global_header {
            video.set_flags(codec::Flags::GLOBAL_HEADER);
        }
        let mut options = Dictionary::new();
        // As many threads as there are processors, unless the coding says otherwise.
        options.set("threads", "auto");
        for (key, value) in &coding.options {
            options.set(key, value);
        }
        let encoder = video.open_with(options).map_err(failed(&coding.encoder))?;
        let size = (info.width as usize, info.height as usize);
        let (waiting, durations) = (None, BTreeMap::new());
        Ok(Self { name: coding.encoder.clone(), encoder, base, size, coded, colour, waiting, durations })
    }

    /// What a stream of its packets is.
    pub fn context(&self) -> &codec::Context {
        self.encoder.as_ref()
    }

    /// Seconds of one unit of its packets' times.
    pub fn base(&self) -> Ratio {
        self.base
    }

    /// Takes a frame; its time is that of its packet.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a frame of another size or a time that does not rise.
    pub fn push(&mut self, frame: &Frame) -> Result<()> {
        if let Some(waiting) = self.waiting.take() {
            self.send(&waiting, frame.time)?;
        }
        self.waiting = Some(frame.clone());
        Ok(())
    }

    /// Ends the stream; the last frame ends at `end`.
    ///
    /// # Errors
    /// What the encoder said.
    pub fn finish(&mut self, end: i64) -> Result<()> {
        if let Some(waiting) = self.waiting.take() {
            self.send(&waiting, end.max(waiting.time.saturating_add(1)))?;
        }
        self.encoder.send_eof().map_err(failed(&self.name))
    }

    /// The next packet, with its duration; `None` where the encoder wants frames first.
    ///
    /// # Errors
    /// What the encoder said.
    pub fn pull(&mut self) -> Result<Option<Packet>> {
        let mut packet = Packet::empty();
        match self.encoder.receive_packet(&mut packet) {
            Ok(()) => {
                if let Some(duration) = packet.pts().and_then(|time| self.durations.remove(&time)) {
                    packet.set_duration(duration);
                }
                Ok(Some(packet))
            }
            Err(ffmpeg_next::Error::Eof | ffmpeg_next::Error::Other { .. }) => Ok(None),
            Err(error) => Err(failed(&self.name)(error)),
        }
    }

    fn send(&mut self, frame: &Frame, end: i64) -> Result<()> {
        if end <= frame.time {
            return Err(Error::parameter("times rise from frame to frame"));
        }
        self.durations.insert(frame.time, end.saturating_sub(frame.time));
        let rgb = padded(&frame.rgb, self.size, self.coded)?;
        let planes = Planes::from_rgb(&rgb, self.coded.0, self.coded.1, self.colour)?;
        let mut picture = frame::Video::new(Pixel::YUV420P, self.coded.0 as u32, self.coded.1 as u32);
        fill(&mut picture, 0, &planes.luma, self.coded.0);
        for (index, plane) in planes.chroma.iter().enumerate() {
            fill(&mut picture, index + 1, plane, self.coded.0.div_ceil(2));
        }
        picture.set_pts(Some(frame.time));
        self.encoder.send_frame(&picture).map_err(failed(&self.name))
    }
}

/// `[y][x][3]` with the last column and row repeated up to `coded`.
fn padded(rgb: &[u8], size: (usize, usize), coded: (usize, usize)) -> Result<std::borrow::Cow<'_, [u8]>> {
    let row = 3 * size.0;
    if rgb.len() != row * size.1 || row == 0 {
        return Err(Error::parameter("a frame's samples do not fit its sides"));
    }
    if size == coded {
        return Ok(rgb.into());
    }
    let mut rows = Vec::with_capacity(3 * coded.0 * coded.1);
    let lines = rgb.chunks_exact(row).chain(rgb.chunks_exact(row).last());
    for line in lines.take(coded.1) {
        rows.extend_from_slice(line);
        if coded.0 > size.0 {
            rows.extend_from_slice(&line[row - 3..]);
        }
    }
    Ok(rows.into())
}

/// Copies rows of `width` bytes into a plane.
fn fill(picture: &mut frame::Video, plane: usize, rows: &[u8], width: usize) {
    let stride = picture.stride(plane);
    for (target, row) in picture.data_mut(plane).chunks_mut(stride).zip(rows.chunks(width)) {
        target[..width].copy_from_slice(row);
    }
}
