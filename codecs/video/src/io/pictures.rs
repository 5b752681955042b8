//! Numbered picture files as a video.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use tessera_image::{Format, Metadata, Picture, io as picture_io};

use super::{ReadOptions, square, unreadable, unwritable};
use crate::error::{Error, Result};
use crate::frame::{Frame, Rational, Sink, Source, StreamInfo};

/// Digits that a number has at most.
const MAX_DIGITS: usize = 18;

/// Bytes of a picture file at most.
const MAX_FILE: u64 = 1 << 30;

/// File names that differ in a number: `frame_%06d.png`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    folder: PathBuf,
    before: String,
    /// Least number of digits.
    digits: usize,
    after: String,
}

impl Pattern {
    /// What a path says that ends in a name with `%d` or `%06d` in it and in `.png`; `None` for any other.
    pub fn of_path(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        if !name.to_ascii_lowercase().ends_with(".png") {
            return None;
        }
        let (before, rest) = name.split_once('%')?;
        let (digits, after) = rest.split_once('d')?;
        let digits = match digits {
            "" => 1,
            _ => digits.parse().ok().filter(|digits| (1..=MAX_DIGITS).contains(digits))?,
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(Self { folder: folder.to_owned(), before: before.to_owned(), digits, after: after.to_owned() })
    }

    /// The pattern of a folder's frames: `frame_%06d.png`.
    pub fn of_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), before: "frame_".to_owned(), digits: 6, after: ".png".to_owned() }
    }

    /// The file of a number.
    pub fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{}{number:0width$}{}", self.before, self.after, width = self.digits))
    }

    /// The number in a file name that fits.
    fn number(&self, name: &str) -> Option<u64> {
        let digits = name.strip_prefix(&self.before)?.strip_suffix(&self.after)?;
        let plain =
            (self.digits..=MAX_DIGITS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| plain)
    }
}

/// The frames of picture files, at a constant rate. All must have the size of the first.
pub struct Reader {
    files: IntoIter<PathBuf>,
    info: StreamInfo,
    /// Read already, to know the size.
    first: Option<Frame>,
    options: ReadOptions,
    /// Number of the last frame.
    count: i64,
    done: bool,
}

impl Reader {
    /// The PNG files of a folder in the order of their names, numbers in them by value.
    ///
    /// # Errors
    /// [`Error::Video`] if there are none, or the first is not readable.
    pub fn folder(folder: &Path, options: &ReadOptions) -> Result<Self> {
        let png = |name: &str| name.to_ascii_lowercase().ends_with(".png").then(|| natural(name));
        Self::new(folder, png, "*.png", options)
    }

    /// The files that a pattern names, by number. Numbers may be missing.
    ///
    /// # Errors
    /// [`Error::Video`] if there are none, or the first is not readable.
    pub fn pattern(pattern: &Pattern, options: &ReadOptions) -> Result<Self> {
        let named = format!("{}%0{}d{}", pattern.before, pattern.digits, pattern.after);
        Self::new(&pattern.folder, |name| pattern.number(name), &named, options)
    }

    fn new<K: Ord>(folder: &Path, key: impl Fn(&str) -> Option<K>, named: &str, options: &ReadOptions) -> Result<Self> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(|error| unreadable(&error))? {
            let path = entry.map_err(|error| unreadable(&error))?.path();
            if let Some(key) = path.file_name().and_then(|name| name.to_str()).and_then(&key).filter(|_| path.is_file())
            {
                files.push((key, path));
            }
        }
        if files.is_empty() {
            return Err(Error::video(format!("the folder holds no file {named}; check the path")));
        }
        files.sort();
        let frames = files.len() as u64;
        let mut files = files.into_iter().map(|(_, path)| path).collect::<Vec<_>>().into_iter();
        let first = files.next().map(|file| read(&file, options)).transpose()?;
        let (width, height) = first.as_ref().map_or((0, 0), |picture| (picture.width, picture.height));
        square::check(width, height, &options.limits)?;
        let rate = options.frame_rate.unwrap_or(ReadOptions::USUAL_RATE);
        let info = StreamInfo {
            width,
            height,
            time_base: Rational { num: rate.den, den: rate.num },
            frame_rate: Some(rate),
            frames: Some(frames),
            duration: i64::try_from(frames).ok(),
        };
        let first = first.map(|picture| Frame { rgb: picture.rgb, time: 0 });
        Ok(Self { files, info, first, options: options.clone(), count: 0, done: false })
    }

    fn read(&mut self) -> Result<Option<Frame>> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let Some(file) = self.files.next() else { return Ok(None) };
        let picture = read(&file, &self.options)?;
        if (picture.width, picture.height) != (self.info.width, self.info.height) {
            return Err(Error::video(format!(
                "{} has {} x {} pixels, but the frames before it {} x {}; scale all to one size",
                file.display(),
                picture.width,
                picture.height,
                self.info.width,
                self.info.height
            )));
        }
        self.count += 1;
        Ok(Some(Frame { rgb: picture.rgb, time: self.count }))
    }
}

impl Source for Reader {
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

fn read(file: &Path, options: &ReadOptions) -> Result<Picture> {
    let named = |what: String| Error::video(format!("{}: {what}", file.display()));
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|opened| opened.take(MAX_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| named(format!("cannot read it ({error}); check its permissions")))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(named(format!("it is longer than {} MiB; check that it is a picture", MAX_FILE >> 20)));
    }
    let limits = tessera_image::IoLimits { max_pixels: options.limits.max_pixels, ..Default::default() };
    picture_io::read(&bytes, &limits, Metadata::Strip).map_err(|error| named(error.to_string()))
}

/// A name by which `frame_9` comes before `frame_10`: text, then the length and digits of a number, and so on.
fn natural(name: &str) -> Vec<(String, usize, String)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let (text, after) = rest.split_at(rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len()));
        let (digits, after) = after.split_at(after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len()));
        let significant = digits.trim_start_matches('0');
        parts.push((text.to_owned(), significant.len(), significant.to_owned()));
        rest = after;
    }
    parts
}

/// Writes frames as PNG files, numbered from 1. A file that exists is an error. Times are not kept.
pub struct Writer {
    pattern: Pattern,
    size: (u32, u32),
    count: u64,
}

impl Writer {
    /// Into a folder, which is made if it is not there, or by a pattern.
    ///
    /// # Errors
    /// [`Error::Video`] if the folder cannot be made.
    pub fn new(path: &Path, info: &StreamInfo) -> Result<Self> {
        let pattern = Pattern::of_path(path).unwrap_or_else(|| Pattern::of_folder(path));
        fs::create_dir_all(&pattern.folder).map_err(|error| unwritable(&error))?;
        Ok(Self { pattern, size: (info.width, info.height), count: 0 })
    }
}

impl Sink for Writer {
    fn write_frame(&mut self, frame: &Frame) -> Result<()> {
        let (width, height) = self.size;
        let picture =
            Picture { width, height, rgb: frame.rgb.clone(), alpha: None, gray: false, icc: None, exif: None };
        let bytes = picture_io::write(&picture, Format::Png, &picture_io::WriteOptions::default())
            .map_err(|error| Error::video(error.to_string()))?;
        self.count += 1;
        let path = self.pattern.path(self.count);
        let written = File::create_new(&path).and_then(|mut file| file.write_all(&bytes));
        written.map_err(|error| {
            Error::video(format!("cannot write {} ({error}); use an empty folder and check the disk", path.display()))
        })
    }

    fn finish(&mut self, _end: i64) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::{WriteOptions, create, open};

    fn info(width: u32, height: u32) -> StreamInfo {
        let rate = Rational { num: 25, den: 1 };
        let time_base = Rational { num: 1, den: 25 };
        StreamInfo { width, height, time_base, frame_rate: Some(rate), frames: None, duration: None }
    }

    fn write(path: &Path, size: (u32, u32), shades: &[u8]) {
        let mut sink = create(path, &info(size.0, size.1), WriteOptions::default()).unwrap();
        for (n, &shade) in shades.iter().enumerate() {
            let rgb = [shade, 1, 2].repeat((size.0 * size.1) as usize);
            sink.write_frame(&Frame { rgb, time: n as i64 }).unwrap();
        }
        sink.finish(shades.len() as i64).unwrap();
    }

    fn read_all(path: &Path) -> (Vec<(u8, i64)>, Option<String>) {
        let mut source = open(path, &ReadOptions::default()).unwrap();
        let mut frames = Vec::new();
        loop {
            match source.next_frame() {
                Ok(Some(frame)) => frames.push((frame.rgb[0], frame.time)),
                Ok(None) => return (frames, None),
                Err(error) => return (frames, Some(error.to_string())),
            }
        }
    }

    #[test]
    fn frames_come_back_exactly_from_folders_and_patterns() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("frames");
        fs::create_dir(&folder).unwrap();
        write(&folder, (5, 3), &[10, 20, 30]);
        assert!(folder.join("frame_000001.png").is_file());
        assert_eq!(read_all(&folder).0, [(10, 0), (20, 1), (30, 2)]);
        let pattern = root.path().join("other/f%d.png");
        write(&pattern, (2, 2), &(1..=11).collect::<Vec<u8>>());
        let shades: Vec<u8> = read_all(&pattern).0.into_iter().map(|(shade, _)| shade).collect();
        assert_eq!(shades, (1..=11).collect::<Vec<u8>>());
        let by_folder: Vec<u8> = read_all(&root.path().join("other")).0.into_iter().map(|(shade, _)| shade).collect();
        assert_eq!(by_folder, shades);
        let info =
            open(&pattern, &ReadOptions { frame_rate: Some(Rational { num: 10, den: 1 }), ..Default::default() });
        assert_eq!(info.unwrap().info().time_base, Rational { num: 1, den: 10 });
    }

    #[test]
    fn a_change_of_size_and_a_damaged_picture_end_the_video_after_what_is_good() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), (4, 4), &[1, 2]);
        write(&root.path().join("later_%02d.png"), (4, 5), &[3]);
        let (frames, error) = read_all(root.path());
        assert_eq!(frames.len(), 2);
        assert!(error.unwrap().contains("4 x 5"));
        fs::write(root.path().join("frame_000002.png"), b"\x89PNG\r\n\x1a\nbroken").unwrap();
        let (frames, error) = read_all(root.path());
        assert_eq!(frames.len(), 1);
        assert!(error.unwrap().contains("frame_000002.png"));
    }

    #[test]
    fn nothing_is_overwritten_and_an_empty_folder_is_said_to_be() {
        let root = tempfile::tempdir().unwrap();
        assert!(open(root.path(), &ReadOptions::default()).err().unwrap().to_string().contains("no file *.png"));
        write(root.path(), (1, 1), &[9]);
        let mut again = create(root.path(), &info(1, 1), WriteOptions::default()).unwrap();
        let error = again.write_frame(&Frame { rgb: vec![0; 3], time: 0 }).unwrap_err();
        assert!(error.to_string().contains("frame_000001.png"), "{error}");
        assert_eq!(read_all(root.path()).0, [(9, 0)]);
    }

    #[test]
    fn names_sort_as_people_count() {
        let mut names = ["f10.png", "f9.png", "f009b.png", "a1.png"];
        names.sort_by_key(|name| natural(name));
        assert_eq!(names, ["a1.png", "f9.png", "f009b.png", "f10.png"]);
        for not in ["x.png", "%d.jpg", "a%99d.png", "a%xd.png"] {
            assert_eq!(Pattern::of_path(Path::new(not)), None, "{not}");
        }
    }
}
