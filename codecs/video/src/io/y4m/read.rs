//! YUV4MPEG2 to frames.

use std::io::{BufRead, BufReader, Read};

use super::MAGIC;
use crate::error::{Error, Result};
use crate::frame::{Frame, Rational, Source, StreamInfo};
use crate::io::chroma::Siting;
use crate::io::colour::{Colour, Planes, Sampling, to_8_bits};
use crate::io::{ReadOptions, square};

/// Bytes of the header and of a frame's line at most.
const LONGEST_LINE: u64 = 4096;

/// The frames of a YUV4MPEG2 stream, from a file or a pipe.
///
/// 4:2:0 of every siting, 4:2:2, 4:4:4 and gray, of 8 to 16 bits, limited and full range. Interlaced pictures come as they lie. The matrix is
/// BT.709 from 720 rows up and BT.601 below, since the format cannot say. Pixels that are not square are made so.
pub struct Reader<R> {
    bytes: BufReader<R>,
    info: StreamInfo,
    /// Columns and rows as stored.
    stored: (u32, u32),
    sampling: Sampling,
    colour: Colour,
    /// 8 to 16.
    bits: u32,
    /// Frames read so far.
    count: i64,
    done: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Error::Video`] if it is damaged, of an unknown kind, or asks for more than the limits allow.
    pub fn new(bytes: R, options: &ReadOptions) -> Result<Self> {
        let mut bytes = BufReader::with_capacity(1 << 16, bytes);
        let Some(line) = line(&mut bytes)? else {
            return Err(Error::video("it is empty; use a video with content"));
        };
        let header = Header::parse(&line)?;
        let (width, height) = header.size;
        square::check(width, height, &options.limits)?;
        let shown = square::size(width, height, header.aspect);
        square::check(shown.0, shown.1, &options.limits)?;
        let frame_rate = header.rate.or(options.frame_rate);
        let rate = frame_rate.unwrap_or(ReadOptions::USUAL_RATE);
        let info = StreamInfo {
            width: shown.0,
            height: shown.1,
            time_base: Rational { num: rate.den, den: rate.num },
            frame_rate,
            frames: None,
            duration: None,
        };
        let colour = Colour { matrix: Colour::usual_matrix(height), full: header.full, siting: header.siting };
        let (stored, sampling, bits) = (header.size, header.sampling, header.bits);
        Ok(Self { bytes, info, stored, sampling, colour, bits, count: 0, done: false })
    }

    fn read(&mut self) -> Result<Option<Frame>> {
        let Some(line) = line(&mut self.bytes)? else {
            return Ok(None);
        };
        if line != b"FRAME" && !line.starts_with(b"FRAME ") {
            return Err(Error::video(format!(
                "frame {} does not begin as a YUV4MPEG2 frame does; the frames before it are good, fetch a good copy for the rest",
                self.count + 1
            )));
        }
        let (width, height) = (self.stored.0 as usize, self.stored.1 as usize);
        let (columns, rows) = self.sampling.chroma_size(width, height);
        let luma = self.plane(width * height)?;
        let chroma = [self.plane(columns * rows)?, self.plane(columns * rows)?];
        let rgb = Planes { width, height, sampling: self.sampling, luma, chroma }.to_rgb(self.colour)?;
        let rgb = square::resize(rgb, self.stored, (self.info.width, self.info.height))?;
        let time = self.count;
        self.count += 1;
        Ok(Some(Frame { rgb, time }))
    }

    /// A plane of so many samples, of which the file has two bytes each above 8 bits.
    fn plane(&mut self, samples: usize) -> Result<Vec<u8>> {
        let bytes = if self.bits > 8 { 2 * samples } else { samples };
        let mut plane = Vec::new();
        let read = (&mut self.bytes).take(bytes as u64).read_to_end(&mut plane);
        read.map_err(|error| unreadable(&error))?;
        if plane.len() < bytes {
            return Err(Error::video(format!(
                "it ends within frame {}; the frames before it are good, fetch a whole copy for the rest",
                self.count + 1
            )));
        }
        if self.bits > 8 {
            let (pairs, bits) = (plane.as_chunks::<2>().0, self.bits);
            return Ok(pairs.iter().map(|&pair| to_8_bits(u16::from_le_bytes(pair), bits)).collect());
        }
        Ok(plane)
    }
}

impl<R: Read> Source for Reader<R> {
    fn info(&self) -> &StreamInfo {
        &self.info
    }

    fn next_frame(&mut self) -> Result<Option<Frame>> {
        if self.done {
            return Ok(None);
        }
        let frame = self.read();
        self.done = !matches!(frame, Ok(Some(_)));
        frame
    }
}

struct Header {
    size: (u32, u32),
    rate: Option<Rational>,
    /// Width of a pixel by its height, or 1.
    aspect: f64,
    sampling: Sampling,
    siting: Siting,
    bits: u32,
    full: bool,
}

impl Header {
    fn parse(line: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(line).ok().filter(|text| text.as_bytes().starts_with(MAGIC));
        let mut words = text
            .ok_or_else(|| Error::video("it is no YUV4MPEG2 stream; check that it is the right file"))?
            .split_ascii_whitespace()
            .skip(1);
        let damaged = |word: &str| {
            Error::video(format!(
                "the YUV4MPEG2 header is damaged at {word:?}; write it again with the tool it came from"
            ))
        };
        let (mut width, mut height) = (0, 0);
        let mut header = Self {
            size: (0, 0),
            rate: None,
            aspect: 1.0,
            sampling: Sampling::Yuv420,
            siting: Siting::Left,
            bits: 8,
            full: false,
        };
        words.try_for_each(|word| {
            let (tag, value) = word.split_at_checked(1).ok_or_else(|| damaged(word))?;
            match tag {
                "W" => width = value.parse().map_err(|_| damaged(word))?,
                "H" => height = value.parse().map_err(|_| damaged(word))?,
                "F" => header.rate = ratio(value).ok_or_else(|| damaged(word))?,
                "A" => {
                    let aspect = ratio(value).ok_or_else(|| damaged(word))?;
                    header.aspect = aspect.map_or(1.0, |r| f64::from(r.num) / f64::from(r.den));
                }
                "C" => header.set_colour_space(value)?,
                "X" if value == "COLORRANGE=FULL" => header.full = true,
                // Interlacing and remarks.
                _ => {}
            }
            Ok::<(), Error>(())
        })?;
        if width == 0 || height == 0 {
            return Err(Error::video(
                "the YUV4MPEG2 header names no width or no height; write it again with the tool it came from",
            ));
        }
        header.size = (width, height);
        Ok(header)
    }

    fn set_colour_space(&mut self, value: &str) -> Result<()> {
        let unknown = || {
            Error::video(format!(
                "YUV4MPEG2 of colour space {value:?} is not read; convert it to C420jpeg, C422, C444, Cmono or C420p10 first"
            ))
        };
        // `420p10`, `mono10`: the depth comes last.
        let (kind, bits) = match value {
            "420jpeg" | "420mpeg2" | "420paldv" | "420" | "422" | "444" | "mono" => (value, 8),
            _ => {
                let (kind, bits) = value
                    .split_once('p')
                    .or_else(|| Some(("mono", value.strip_prefix("mono")?)))
                    .ok_or_else(unknown)?;
                (kind, bits.parse().ok().filter(|bits| (9..=16).contains(bits)).ok_or_else(unknown)?)
            }
        };
        self.sampling = match kind {
            "420jpeg" | "420mpeg2" | "420paldv" | "420" => Sampling::Yuv420,
            "422" => Sampling::Yuv422,
            "444" => Sampling::Yuv444,
            "mono" => Sampling::Mono,
            _ => return Err(unknown()),
        };
        // 4:2:0 without a word is that of JPEG; 4:2:2 has its samples on the left.
        self.siting = if matches!(kind, "420jpeg" | "420") && bits == 8 { Siting::Centre } else { Siting::Left };
        self.bits = bits;
        Ok(())
    }
}

/// `30000:1001`; `Some(None)` where a part is 0, which stands for unknown, `None` where it is no ratio.
fn ratio(value: &str) -> Option<Option<Rational>> {
    let (num, den) = value.split_once(':')?;
    let (num, den): (u32, u32) = (num.parse().ok()?, den.parse().ok()?);
    Some((num > 0 && den > 0).then_some(Rational { num, den }))
}

/// The bytes up to a line feed, which is left out; `None` where there are none.
fn line(bytes: &mut impl BufRead) -> Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    bytes.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(|error| unreadable(&error))?;
    match (line.pop(), line.len() as u64 + 1) {
        (None, _) => Ok(None),
        (Some(b'\n'), _) => Ok(Some(line)),
        (Some(_), LONGEST_LINE) => Err(Error::video("a YUV4MPEG2 line has no end; check that it is the right file")),
        _ => Err(Error::video("it ends within a YUV4MPEG2 line; the frames before it are good, fetch a whole copy")),
    }
}

fn unreadable(error: &std::io::Error) -> Error {
    Error::video(format!("cannot read it ({error}); check the disk or what is piped in"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::IoLimits;

    fn frames(bytes: &[u8]) -> (Vec<Frame>, Option<Error>) {
        let mut reader = match Reader::new(bytes, &ReadOptions::default()) {
            Ok(reader) => reader,
            Err(error) => return (Vec::new(), Some(error)),
        };
        let mut frames = Vec::new();
        loop {
            match reader.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => return (frames, None),
                Err(error) => {
                    assert_eq!(reader.next_frame().unwrap(), None);
                    return (frames, Some(error));
                }
            }
        }
    }

    fn stream(header: &str, bytes_per_frame: usize, count: u8) -> Vec<u8> {
        let mut stream = format!("YUV4MPEG2 {header}\n").into_bytes();
        for n in 0..count {
            stream.extend_from_slice(b"FRAME\n");
            stream.extend(std::iter::repeat_n(100 + n, bytes_per_frame));
        }
        stream
    }

    #[test]
    fn every_colour_space_has_its_size() {
        for (space, bytes) in [
            ("", 5 * 3 + 2 * 3 * 2),
            ("C420jpeg", 27),
            ("C420mpeg2 XYSCSS=420MPEG2", 27),
            ("C420paldv", 27),
            ("C422", 15 + 2 * 9),
            ("C444", 45),
            ("Cmono", 15),
            ("C420p10 XYSCSS=420P10", 54),
            ("C422p10", 66),
            ("C444p12", 90),
            ("Cmono10", 30),
        ] {
            let (frames, error) = frames(&stream(&format!("W5 H3 F25:1 {space}"), bytes, 3));
            assert!(error.is_none(), "{space}: {error:?}");
            assert_eq!(frames.iter().map(|frame| frame.time).collect::<Vec<_>>(), [0, 1, 2], "{space}");
            assert!(frames.iter().all(|frame| frame.rgb.len() == 45), "{space}");
        }
    }

    #[test]
    fn range_decides_what_is_white() {
        let gray = |range: &str, luma: u8| {
            let mut bytes = stream(&format!("W2 H2 F25:1 Cmono{range}"), 0, 1);
            bytes.extend([luma; 4]);
            frames(&bytes).0[0].rgb[0]
        };
        assert_eq!([gray("", 235), gray("", 16), gray(" XCOLORRANGE=LIMITED", 235)], [255, 0, 255]);
        assert_eq!([gray(" XCOLORRANGE=FULL", 255), gray(" XCOLORRANGE=FULL", 16)], [255, 16]);
    }

    #[test]
    fn a_rate_becomes_the_time_base_and_pixels_become_square() {
        let reader =
            Reader::new(&b"YUV4MPEG2 W720 H576 F30000:1001 Ip A16:15 C420mpeg2\n"[..], &ReadOptions::default())
                .unwrap();
        let info = reader.info();
        assert_eq!((info.width, info.height), (768, 576));
        assert_eq!(info.time_base, Rational { num: 1001, den: 30_000 });
        assert_eq!(info.frame_rate, Some(Rational { num: 30_000, den: 1001 }));
        let unknown = Reader::new(&b"YUV4MPEG2 W2 H2 F0:0\n"[..], &ReadOptions::default()).unwrap();
        assert_eq!((unknown.info().frame_rate, unknown.info().time_base), (None, Rational { num: 1, den: 25 }));
    }

    #[test]
    fn every_cut_gives_the_frames_before_it_and_says_so() {
        let whole = stream("W4 H4 F25:1 C420jpeg", 24, 3);
        let (head, frame) = (whole.len() - 3 * 30, 30);
        for cut in 0..=whole.len() {
            let (frames, error) = frames(&whole[..cut]);
            assert_eq!(frames.len(), cut.saturating_sub(head) / frame);
            assert_eq!(error.is_none(), cut >= head && (cut - head) % frame == 0, "cut at {cut}: {error:?}");
        }
    }

    #[test]
    fn damaged_headers_say_what_is_wrong() {
        for (header, said) in [
            ("YUV4MPEG2 H2 F25:1\n", "no width"),
            ("YUV4MPEG2 W2 H0\n", "no height"),
            ("YUV4MPEG2 W-2 H2\n", "W-2"),
            ("YUV4MPEG2 W99999999999 H2\n", "W99999999999"),
            ("YUV4MPEG2 W2 H2 F25\n", "F25"),
            ("YUV4MPEG2 W2 H2 C411\n", "411"),
            ("YUV4MPEG2 W2 H2 C420p99\n", "420p99"),
            ("YUV4MPEG2 W60000 H60000\n", "exceed the limit"),
            ("YUV4MPEG2 W70000 H1\n", "exceed the limit"),
            ("YUV3 W2 H2\n", "no YUV4MPEG2"),
            ("", "empty"),
        ] {
            let error = frames(header.as_bytes()).1.unwrap().to_string();
            assert!(error.contains(said) && !error.contains('\n'), "{header:?}: {error}");
        }
        assert!(frames(&[b"YUV4MPEG2 ".as_slice(), &[b'X'; 9000]].concat()).1.unwrap().to_string().contains("no end"));
        let small =
            ReadOptions { limits: IoLimits { max_pixels: 10, ..IoLimits::default() }, ..ReadOptions::default() };
        assert!(Reader::new(&b"YUV4MPEG2 W4 H4\n"[..], &small).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(mut bytes: Vec<u8>, at in 0usize..200, flip: u8, prefix: bool) {
            if prefix {
                let mut whole = stream("W4 H4 F25:1 A1:1 C420p10", 48, 3);
                let at = at.min(whole.len() - 1);
                whole[at] ^= flip;
                bytes.splice(0..0, whole);
            }
            let _ = frames(&bytes);
        }
    }
}
