//! FFmpeg's pictures, of whatever layout, as sRGB.

use ffmpeg_next::color::{Range, Space};
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;
use ffmpeg_next::software::scaling::{Context, Flags};
use ffmpeg_next::util::chroma::Location;
use yuv::YuvStandardMatrix;

use super::failed;
use crate::error::{Error, Result};
use crate::io::chroma::Siting;
use crate::io::colour::{Colour, Planes, Sampling, to_8_bits};

/// How a picture lies in memory, for the layouts that are read as they are.
#[derive(Clone, Copy)]
enum Layout {
    Rgb,
    Planes { sampling: Sampling, bits: u32 },
}

impl Layout {
    fn of(format: Pixel) -> Option<Self> {
        use Sampling::{Mono, Yuv420, Yuv422, Yuv444};
        let (sampling, bits) = match format {
            Pixel::RGB24 => return Some(Self::Rgb),
            Pixel::YUV420P | Pixel::YUVJ420P => (Yuv420, 8),
            Pixel::YUV422P | Pixel::YUVJ422P => (Yuv422, 8),
            Pixel::YUV444P | Pixel::YUVJ444P => (Yuv444, 8),
            Pixel::GRAY8 => (Mono, 8),
            Pixel::YUV420P10LE => (Yuv420, 10),
            Pixel::YUV422P10LE => (Yuv422, 10),
            Pixel::YUV444P10LE => (Yuv444, 10),
            Pixel::GRAY10LE => (Mono, 10),
            Pixel::YUV420P12LE => (Yuv420, 12),
            Pixel::YUV422P12LE => (Yuv422, 12),
            Pixel::YUV444P12LE => (Yuv444, 12),
            _ => return None,
        };
        Some(Self::Planes { sampling, bits })
    }

    /// The layout that any other is brought into: with the same kind of colour, and chroma that is as fine or finer.
    fn near(format: Pixel) -> Option<Pixel> {
        let descriptor = format.descriptor()?;
        let name = descriptor.name();
        let rgb = ["rgb", "bgr", "gbr", "pal8", "mono", "xyz", "bayer"].iter().any(|part| name.contains(part));
        Some(match (descriptor.log2_chroma_w(), descriptor.log2_chroma_h()) {
            _ if rgb => Pixel::RGB24,
            _ if name.starts_with("gray") || name.starts_with("ya") => Pixel::GRAY8,
            (1, 1) => Pixel::YUV420P,
            (1, 0) => Pixel::YUV422P,
            _ => Pixel::YUV444P,
        })
    }
}

/// Turns pictures into sRGB, and keeps what it needs for that.
#[derive(Default)]
pub struct Converter {
    scaler: Option<(Pixel, u32, u32, Context)>,
}

impl Converter {
    /// `[y][x][3]` of a picture as it is stored.
    ///
    /// # Errors
    /// [`Error::Video`] for a layout that FFmpeg cannot convert.
    pub fn rgb(&mut self, frame: &frame::Video) -> Result<Vec<u8>> {
        // Rows that lie from the bottom up are no matter for the scaler.
        let upright = (0..frame.planes()).all(|plane| i32::try_from(frame.stride(plane)).is_ok());
        if let Some(layout) = Layout::of(frame.format()).filter(|_| upright) {
            return rgb_of(frame, layout, colour(frame));
        }
        let (format, width, height) = (frame.format(), frame.width(), frame.height());
        let unknown =
            || Error::video(format!("pixels of kind {format:?} are not read; convert the video to MP4 first"));
        let near = Layout::near(format).ok_or_else(unknown)?;
        let layout = Layout::of(near).ok_or_else(unknown)?;
        let held = self.scaler.take().filter(|held| (held.0, held.1, held.2) == (format, width, height));
        let mut held = match held {
            Some(held) => held,
            None => {
                let flags = Flags::BICUBIC | Flags::ACCURATE_RND | Flags::FULL_CHR_H_INP;
                let scaler = Context::get(format, width, height, near, width, height, flags).map_err(|_| unknown())?;
                (format, width, height, scaler)
            }
        };
        let mut plain = frame::Video::empty();
        held.3.run(frame, &mut plain).map_err(failed("converting a frame"))?;
        self.scaler = Some(held);
        rgb_of(&plain, layout, colour(frame))
    }
}

fn rgb_of(frame: &frame::Video, layout: Layout, colour: Colour) -> Result<Vec<u8>> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let Layout::Planes { sampling, bits } = layout else {
        return plane(frame, 0, 3 * width, height);
    };
    let samples = |index: usize, columns: usize, rows: usize| -> Result<Vec<u8>> {
        if bits == 8 {
            return plane(frame, index, columns, rows);
        }
        let bytes = plane(frame, index, 2 * columns, rows)?;
        Ok(bytes.as_chunks::<2>().0.iter().map(|&pair| to_8_bits(u16::from_le_bytes(pair), bits)).collect())
    };
    let (columns, rows) = sampling.chroma_size(width, height);
    let luma = samples(0, width, height)?;
    let chroma = match sampling {
        Sampling::Mono => [Vec::new(), Vec::new()],
        _ => [samples(1, columns, rows)?, samples(2, columns, rows)?],
    };
    Planes { width, height, sampling, luma, chroma }.to_rgb(colour)
}

/// Rows of `width` bytes out of a plane.
fn plane(frame: &frame::Video, index: usize, width: usize, height: usize) -> Result<Vec<u8>> {
    let damaged = || Error::video("a decoded frame lacks a plane; fetch a good copy of the file");
    if index >= frame.planes() || width == 0 {
        return Err(damaged());
    }
    let mut rows = Vec::with_capacity(width * height);
    for row in frame.data(index).chunks(frame.stride(index)).take(height) {
        rows.extend_from_slice(row.get(..width).ok_or_else(damaged)?);
    }
    if rows.len() == width * height { Ok(rows) } else { Err(damaged()) }
}

/// What the file says of the colours of a picture, and the usual where it does not.
fn colour(frame: &frame::Video) -> Colour {
    let matrix = match frame.color_space() {
        Space::BT709 => YuvStandardMatrix::Bt709,
        Space::BT470BG | Space::SMPTE170M => YuvStandardMatrix::Bt601,
        Space::SMPTE240M => YuvStandardMatrix::Smpte240,
        Space::FCC => YuvStandardMatrix::Fcc,
        Space::BT2020NCL | Space::BT2020CL => YuvStandardMatrix::Bt2020,
        _ => Colour::usual_matrix(frame.height()),
    };
    let full = frame.color_range() == Range::JPEG
        || matches!(frame.format(), Pixel::YUVJ420P | Pixel::YUVJ422P | Pixel::YUVJ444P)
        // What is gray and nothing else is that of pictures, unless the file says otherwise.
        || (frame.format() == Pixel::GRAY8 && frame.color_range() == Range::Unspecified);
    let centre = matches!(frame.chroma_location(), Location::Center | Location::Top | Location::Bottom);
    Colour { matrix, full, siting: if centre { Siting::Centre } else { Siting::Left } }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A flat picture whose planes have the given samples, in bytes that repeat.
    fn flat(format: Pixel, planes: &[&[u8]]) -> frame::Video {
        let mut frame = frame::Video::new(format, 5, 4);
        for (index, pattern) in planes.iter().enumerate() {
            frame.data_mut(index).iter_mut().zip(pattern.iter().cycle()).for_each(|(byte, &value)| *byte = value);
        }
        frame
    }

    fn pixel(frame: &frame::Video) -> [u8; 3] {
        let rgb = Converter::default().rgb(frame).unwrap();
        assert_eq!(rgb.len(), 3 * 5 * 4);
        let first = [rgb[0], rgb[1], rgb[2]];
        for pixel in rgb.as_chunks::<3>().0 {
            assert!(pixel.iter().zip(&first).all(|(a, b)| a.abs_diff(*b) <= 2), "{pixel:?} among {first:?}");
        }
        first
    }

    fn near(a: [u8; 3], b: [u8; 3]) -> bool {
        a.iter().zip(&b).all(|(a, b)| a.abs_diff(*b) <= 3)
    }

    #[test]
    fn every_layout_gives_the_same_colour() {
        let reference = pixel(&flat(Pixel::YUV420P, &[&[100], &[90], &[180]]));
        // 10 bits in two bytes: four times the value.
        let [y, u, v] = [400u16, 360, 720].map(u16::to_le_bytes);
        for frame in [
            flat(Pixel::YUV422P, &[&[100], &[90], &[180]]),
            flat(Pixel::YUV444P, &[&[100], &[90], &[180]]),
            flat(Pixel::YUV420P10LE, &[&y, &u, &v]),
            flat(Pixel::YUV444P10LE, &[&y, &u, &v]),
            flat(Pixel::NV12, &[&[100], &[90, 180]]),
            flat(Pixel::YUYV422, &[&[100, 90, 100, 180]]),
            flat(Pixel::YUV411P, &[&[100], &[90], &[180]]),
            flat(
                Pixel::P010LE,
                &[&(400u16 << 6).to_le_bytes(), &[(360u16 << 6).to_le_bytes(), (720u16 << 6).to_le_bytes()].concat()],
            ),
        ] {
            let got = pixel(&frame);
            assert!(near(got, reference), "{:?}: {got:?} for {reference:?}", frame.format());
        }
        let [r, g, b] = reference;
        for frame in [flat(Pixel::BGRA, &[&[b, g, r, 255]]), flat(Pixel::GBRP, &[&[g], &[b], &[r]])] {
            let got = pixel(&frame);
            assert!(near(got, reference), "{:?}: {got:?} for {reference:?}", frame.format());
        }
    }

    #[test]
    fn range_and_matrix_are_heeded() {
        let gray = |luma: u8, range| {
            let mut frame = flat(Pixel::YUV420P, &[&[luma], &[128], &[128]]);
            frame.set_color_range(range);
            pixel(&frame)[0]
        };
        assert_eq!((gray(235, Range::MPEG), gray(235, Range::Unspecified), gray(235, Range::JPEG)), (255, 255, 235));
        assert_eq!(pixel(&flat(Pixel::YUVJ420P, &[&[16], &[128], &[128]])), [16; 3]);
        let green = |space| {
            let mut frame = flat(Pixel::YUV420P, &[&[120], &[60], &[60]]);
            frame.set_color_space(space);
            pixel(&frame)
        };
        assert_eq!(green(Space::Unspecified), green(Space::SMPTE170M));
        assert!(!near(green(Space::BT709), green(Space::SMPTE170M)));
    }
}
