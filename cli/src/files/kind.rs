//! What bytes hold, told by what is in them and never by a name.

/// A medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Picture,
    Sound,
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

impl Kind {
    /// The medium that bytes seem to be of: a picture unless they begin as sounds do.
    pub fn of(bytes: &[u8]) -> Self {
        let begins = SOUNDS.iter().any(|(at, magic)| bytes.get(*at..).is_some_and(|rest| rest.starts_with(magic)));
        let mpeg = matches!(bytes, [0xff, second, ..] if second & 0xe0 == 0xe0);
        // AVIF and HEIC are of the family of MP4.
        let still = bytes.get(8..12).is_some_and(|brand| [&b"avif"[..], b"heic", b"mif1", b"avis"].contains(&brand));
        if (begins && !still) || mpeg { Self::Sound } else { Self::Picture }
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
            assert_eq!(Kind::of(sound), Kind::Sound, "{sound:?}");
        }
        for other in [&b"RIFF....WEBPVP8 "[..], b"\xff\xd8\xff\xe0", b"\x89PNG", b"....ftypavif", b"Dear all", b""] {
            assert_eq!(Kind::of(other), Kind::Picture, "{other:?}");
        }
    }
}
