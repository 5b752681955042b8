//! What bytes hold, told by what is in them and never by a name.

use std::{fs::File, io::Read, path::Path};

/// A medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Picture,
    Sound,
    Video,
    Shape,
}

/// First bytes of sound files. MPEG audio begins with 11 set bits, where JPEG has 8 set bits and 0xd8.
const SOUNDS: [(usize, &[u8]); 8] = [
    (8, b"WAVE"),
    (0, b"fLaC"),
    (0, b"OggS"),
    (0, b"ID3"),
    (8, b"AIFF"),
    (0, b"caff"),
    (4, b"ftyp"),
    (0, b"\x1a\x45\xdf\xa3"),
];

/// First bytes of picture files: PNG, JPEG, WebP, GIF, TIFF of both byte orders, BMP.
const PICTURES: [(usize, &[u8]); 7] =
    [(0, b"\x89PNG"), (0, b"\xff\xd8\xff"), (8, b"WEBP"), (0, b"GIF8"), (0, b"II*\0"), (0, b"MM\0*"), (0, b"BM")];

impl Kind {
    /// The medium that a file begins as, of which no more than `most` bytes are read; `None` for neither, or where it cannot be read.
    pub fn of_file(path: &Path, most: u64) -> Option<Self> {
        let start = |bytes: u64| {
            let mut start = Vec::new();
            let read = File::open(path).and_then(|file| file.take(bytes).read_to_end(&mut start));
            read.ok().and_then(|_| Self::of(&start))
        };
        // Some shapes are told by their length alone.
        start(most.min(1 << 16)).or_else(|| start(most))
    }

    /// The medium that bytes begin as; `None` for neither.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let begins = |list: &[(usize, &[u8])]| {
            list.iter().any(|(at, magic)| bytes.get(*at..).is_some_and(|rest| rest.starts_with(magic)))
        };
        if bytes.starts_with(tessera_video::io::y4m::MAGIC) {
            return Some(Self::Video);
        }
        let mpeg = matches!(bytes, [0xff, second, ..] if second & 0xe0 == 0xe0);
        // AVIF and HEIC are of the family of MP4.
        let still = bytes.get(8..12).is_some_and(|brand| [&b"avif"[..], b"heic", b"mif1", b"avis"].contains(&brand));
        if (begins(&SOUNDS) && !still) || mpeg {
            return Some(Self::Sound);
        }
        if begins(&PICTURES) {
            return Some(Self::Picture);
        }
        tessera_geometry::io::Format::of(bytes).map(|_| Self::Shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_are_told_apart_by_their_bytes() {
        for sound in
            [&b"RIFF....WAVEfmt "[..], b"fLaC", b"OggS", b"ID3\x04", b"\xff\xfb\x90", b"\xff\xf1\x50", b"....ftypM4A "]
        {
            assert_eq!(Kind::of(sound), Some(Kind::Sound), "{sound:?}");
        }
        for picture in [&b"RIFF....WEBPVP8 "[..], b"\xff\xd8\xff\xe0", b"\x89PNG", b"MM\0*"] {
            assert_eq!(Kind::of(picture), Some(Kind::Picture), "{picture:?}");
        }
        for shape in [
            &b"ply\nformat ascii 1.0\n"[..],
            b"glTF\x02\0\0\0",
            b"NGSP\x04\0\0\0",
            b"# made by hand\nv 1 2 3\n",
            b"1.5 2 3\n4 5 6\n",
        ] {
            assert_eq!(Kind::of(shape), Some(Kind::Shape), "{shape:?}");
        }
        assert_eq!(Kind::of(b"YUV4MPEG2 W4 H4\nFRAME\n"), Some(Kind::Video));
        for neither in [&b"....ftypavif"[..], b"Dear all", b"", b"\xff"] {
            assert_eq!(Kind::of(neither), None, "{neither:?}");
        }
    }
}
