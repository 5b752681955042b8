//! AVIF.

use ffmpeg_next::{color, format::Pixel, frame};
use yuv::{
    YuvChromaSubsampling, YuvConversionMode, YuvPlanarImage, YuvPlanarImageMut, YuvRange, YuvStandardMatrix,
    rgb_to_yuv420, yuv420_to_rgb_bilinear,
};

use super::still::{self, failed};
use crate::anchors::{Codec, Rate};
use crate::{Error, Result, Rgb8};

/// Which encoder makes the AV1 frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Av1Encoder {
    /// libaom in its all-intra mode at speed 4.
    Aom,
    /// SVT-AV1 at preset 4.
    Svt,
}

/// AVIF with 8-bit 4:2:0, full range, BT.601 matrix. Odd sides are coded one pixel longer and cut after decoding.
pub struct Avif {
    kind: Av1Encoder,
    encoder: ffmpeg_next::Codec,
    decoder: ffmpeg_next::Codec,
    /// Sides of the last encoded picture: a file of even sides does not hold an odd one.
    size: (u32, u32),
}

impl Avif {
    /// # Errors
    /// [`Error::Missing`] where FFmpeg was built without the encoder, or without dav1d.
    pub fn new(kind: Av1Encoder) -> Result<Self> {
        let encoder = still::find_encoder(match kind {
            Av1Encoder::Aom => "libaom-av1",
            Av1Encoder::Svt => "libsvtav1",
        })?;
        Ok(Self { kind, encoder, decoder: still::find_decoder("libdav1d")?, size: (0, 0) })
    }

    fn options(&self, crf: f64) -> Vec<(&'static str, String)> {
        let crf = ("crf", crf.clamp(0.0, 63.0).to_string());
        let fixed: &[(&str, &str)] = match self.kind {
            Av1Encoder::Aom => &[("usage", "allintra"), ("cpu-used", "4"), ("still-picture", "1"), ("tune", "ssim")],
            Av1Encoder::Svt => &[("preset", "4")],
        };
        fixed.iter().map(|&(key, value)| (key, value.to_owned())).chain([crf]).collect()
    }
}

impl Codec for Avif {
    fn name(&self) -> &str {
        match self.kind {
            Av1Encoder::Aom => "avif-aom",
            Av1Encoder::Svt => "avif-svt",
        }
    }

    fn describe(&self) -> String {
        let encoder = match self.kind {
            Av1Encoder::Aom => "libaom, all-intra, speed 4, tune ssim",
            Av1Encoder::Svt => "SVT-AV1, preset 4, one key frame",
        };
        format!("{encoder}, by crf, 8 bit 4:2:0, through {}; decoded by dav1d, chroma bilinear", still::version())
    }

    fn extension(&self) -> &str {
        "avif"
    }

    fn ladder(&self) -> Vec<Rate> {
        Rate::ladder("crf", &[63.0, 56.0, 48.0, 40.0, 31.0, 22.0])
    }

    fn encode(&mut self, picture: &Rgb8, rate: &Rate) -> Result<Vec<u8>> {
        self.size = (picture.width(), picture.height());
        let even = (self.size.0.next_multiple_of(2), self.size.1.next_multiple_of(2));
        let mut planes = YuvPlanarImageMut::<u8>::alloc(even.0, even.1, YuvChromaSubsampling::Yuv420);
        rgb_to_yuv420(
            &mut planes,
            &padded(picture, even),
            3 * even.0,
            YuvRange::Full,
            YuvStandardMatrix::Bt601,
            YuvConversionMode::Balanced,
        )
        .map_err(|error| Error::Failed(format!("RGB to YUV: {error}")))?;
        let mut frame = frame::Video::new(Pixel::YUV420P, even.0, even.1);
        let widths = [planes.y_stride, planes.u_stride, planes.v_stride];
        for (index, plane) in [&planes.y_plane, &planes.u_plane, &planes.v_plane].into_iter().enumerate() {
            still::fill(&mut frame, index, plane.borrow(), widths[index] as usize);
        }
        let mut encoder =
            still::open(self.encoder, even, Pixel::YUV420P, color::Space::SMPTE170M, &self.options(rate.value))?;
        let packets = still::encode(&mut encoder, frame)?;
        file(&encoder, packets)
    }

    fn decode(&mut self, file: &[u8]) -> Result<Rgb8> {
        if !is_whole(file) {
            return Err(Error::Failed("AVIF: the file is cut off".to_owned()));
        }
        let parsed = avif_parse::read_avif(&mut &*file).map_err(|error| Error::Failed(format!("AVIF: {error}")))?;
        let frame = still::decode(self.decoder, &parsed.primary_item)?;
        if !matches!(frame.format(), Pixel::YUV420P | Pixel::YUVJ420P) {
            return Err(Error::Failed(format!("dav1d gave {:?} instead of 4:2:0", frame.format())));
        }
        let (width, height) = (frame.width(), frame.height());
        let planes = YuvPlanarImage {
            y_plane: frame.data(0),
            y_stride: frame.stride(0) as u32,
            u_plane: frame.data(1),
            u_stride: frame.stride(1) as u32,
            v_plane: frame.data(2),
            v_stride: frame.stride(2) as u32,
            width,
            height,
        };
        let mut rgb = vec![0; 3 * width as usize * height as usize];
        yuv420_to_rgb_bilinear(&planes, &mut rgb, 3 * width, YuvRange::Full, YuvStandardMatrix::Bt601)
            .map_err(|error| Error::Failed(format!("YUV to RGB: {error}")))?;
        let keep = if width.abs_diff(self.size.0) < 2 && height.abs_diff(self.size.1) < 2 {
            self.size
        } else {
            (width, height)
        };
        cut(&rgb, width, keep)
    }
}

/// Whether boxes (ISO/IEC 14496-12: length, kind, content) fill a file; the parser takes that for granted, and in debug builds asserts it.
fn is_whole(file: &[u8]) -> bool {
    let mut rest = file;
    while let Some(head) = rest.first_chunk::<8>() {
        let length = match u32::from_be_bytes([head[0], head[1], head[2], head[3]]) {
            0 => rest.len(),
            1 => return false, // 64 bits of length: no still picture needs them
            length => length as usize,
        };
        match rest.get(length.max(8)..) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty() && !file.is_empty()
}

/// `[y][x][3]` with the last column and row repeated up to `even`.
fn padded(picture: &Rgb8, even: (u32, u32)) -> Vec<u8> {
    let row = 3 * picture.width() as usize;
    let mut rows: Vec<u8> = Vec::with_capacity(3 * even.0 as usize * even.1 as usize);
    for y in 0..even.1.min(picture.height() + 1) {
        let start = row * y.min(picture.height() - 1) as usize;
        let line = &picture.data()[start..start + row];
        rows.extend_from_slice(line);
        if even.0 > picture.width() {
            rows.extend_from_slice(&line[row - 3..]);
        }
    }
    rows
}

fn cut(rgb: &[u8], width: u32, (to_width, to_height): (u32, u32)) -> Result<Rgb8> {
    let rows = rgb.chunks(3 * width as usize).take(to_height as usize);
    Rgb8::new(to_width, to_height, rows.flat_map(|row| &row[..3 * to_width as usize]).copied().collect())
}

/// The packet of one frame as an AVIF file.
fn file(encoder: &ffmpeg_next::encoder::video::Encoder, packets: Vec<ffmpeg_next::Packet>) -> Result<Vec<u8>> {
    let io = |path: &std::path::Path| {
        let path = path.display().to_string();
        move |source| Error::Io { path: path.clone(), source }
    };
    let folder = tempfile::tempdir().map_err(io(&std::env::temp_dir()))?;
    let path = folder.path().join("still.avif");
    let mut output = ffmpeg_next::format::output_as(&path, "avif").map_err(failed("AVIF"))?;
    output.add_stream_with(encoder).map_err(failed("AVIF"))?;
    output.write_header().map_err(failed("AVIF"))?;
    for mut packet in packets {
        packet.set_stream(0);
        packet.write_interleaved(&mut output).map_err(failed("AVIF"))?;
    }
    output.write_trailer().map_err(failed("AVIF"))?;
    drop(output);
    std::fs::read(&path).map_err(io(&path))
}
