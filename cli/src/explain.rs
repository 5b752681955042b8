//! Errors of the libraries as a user should read them: what happened, what to do, and the exit code.

use std::io::Cursor;

use tessera_core::{
    Limits,
    container::{self, Header, MediaShape},
};

use crate::{
    failure::{Exit, Failure, Result},
    files,
};

/// A damaged, foreign or too large `.tsr` file.
pub fn core(error: &tessera_core::Error) -> Failure {
    use tessera_core::Error as E;
    let (exit, fix) = match error {
        E::Truncated { .. } => {
            (Exit::Input, "get the whole file again, or see what survives with 'tessera decode --salvage'")
        }
        E::Corrupt { .. } => (Exit::Input, "get the file again, or see what survives with 'tessera decode --salvage'"),
        E::Unsupported { .. } => (Exit::Input, "use a newer tessera"),
        E::Limit { .. } => {
            (Exit::Input, "if you trust the file, raise the limit with --max-megapixels, --max-minutes or --max-points")
        }
        E::Mismatch { .. } => (Exit::Pack, "decode it with the model pack it was made with; 'tessera info' names it"),
        E::Parameter { .. } => (Exit::Usage, "see 'tessera --help'"),
        _ => (Exit::Failed, "see 'tessera --help'"),
    };
    Failure::new(exit, error.to_string(), fix)
}

/// A missing or damaged pack, a missing or unusable runtime.
pub fn models(error: &tessera_models::Error) -> Failure {
    use tessera_models::Error as E;
    let exit = match error {
        E::RuntimeMissing { .. } | E::RuntimeBroken { .. } | E::Graph { .. } => Exit::Runtime,
        E::PackMissing { .. } | E::PackDamaged { .. } => Exit::Pack,
        E::Registry { .. } | E::NotPublished { .. } => Exit::Input,
        _ => Exit::Failed,
    };
    // These messages end with what to do.
    Failure::new(exit, error.to_string(), "")
}

/// Anything that the image codec refuses.
pub fn image(error: &tessera_image::Error) -> Failure {
    use tessera_image::Error as E;
    match error {
        E::Core(error) => core(error),
        E::Models(error) => models(error),
        E::PackMismatch { .. } | E::Pack { .. } => Failure::new(Exit::Pack, error.to_string(), ""),
        E::TooSmall { .. } => Failure::new(Exit::Failed, error.to_string(), ""),
        E::Parameter { .. } => Failure::new(Exit::Usage, error.to_string(), "see 'tessera --help'"),
        _ => Failure::new(Exit::Input, error.to_string(), ""),
    }
}

/// Anything that the sound codec refuses.
pub fn sound(error: &tessera_audio::Error) -> Failure {
    use tessera_audio::Error as E;
    match error {
        E::Core(error) => core(error),
        E::Models(error) => models(error),
        E::PackMismatch { .. } | E::Pack { .. } => Failure::new(Exit::Pack, error.to_string(), ""),
        E::Parameter { .. } => Failure::new(Exit::Usage, error.to_string(), "see 'tessera --help'"),
        _ => Failure::new(Exit::Input, error.to_string(), ""),
    }
}

/// Anything that the geometry codec refuses.
pub fn shape(error: &tessera_geometry::Error) -> Failure {
    use tessera_geometry::Error as E;
    match error {
        E::Core(error) => core(error),
        E::Models(error) => models(error),
        E::Parameter { .. } => Failure::new(Exit::Usage, error.to_string(), "see 'tessera --help'"),
        _ => Failure::new(Exit::Input, error.to_string(), ""),
    }
}

/// Anything that the video codec refuses.
pub fn video(error: &tessera_video::Error) -> Failure {
    use tessera_video::Error as E;
    match error {
        E::Core(error) => core(error),
        E::Image(error) => image(error),
        E::PackMismatch { .. } => Failure::new(Exit::Pack, error.to_string(), ""),
        E::TooSmall { .. } => Failure::new(Exit::Failed, error.to_string(), ""),
        E::Parameter { .. } => Failure::new(Exit::Usage, error.to_string(), "see 'tessera --help'"),
        _ => Failure::new(Exit::Input, error.to_string(), ""),
    }
}

/// Bytes that begin as no medium does.
pub fn neither(bytes: &[u8]) -> Failure {
    match bytes {
        [] => Failure::new(Exit::Input, "it is empty", "check where it came from"),
        _ if container::is_live(bytes, &Limits::default()) || container::read(bytes, &Limits::default()).is_ok() => {
            Failure::new(Exit::Input, "it is a .tsr file already", "use 'tessera decode' to turn it into what it was")
        }
        _ => Failure::new(
            Exit::Input,
            "it is neither a picture nor a sound nor a video nor a shape in a known format",
            "use PNG, JPEG, WebP, TIFF, BMP or GIF; WAV, FLAC, MP3, AAC, Ogg Vorbis, AIFF, CAF, MP4 or Matroska; YUV4MPEG2; PLY, OBJ, STL, glTF, XYZ or SPZ",
        ),
    }
}

/// A file of the family of MP4 that is not whole.
pub fn cut_off(bytes: &[u8]) -> Option<Failure> {
    let what = files::missing(&mut Cursor::new(bytes)).ok().flatten()?;
    Some(Failure::new(
        Exit::Input,
        format!("it is a damaged video or sound, an MP4 that was cut off: {what}"),
        "copy or download it again, or end the recording as its program wants; a tool that mends MP4 files may save what is there",
    ))
}

/// Bytes that are no picture, with a better word for files that are known to be something else.
pub fn unreadable_picture(bytes: &[u8], error: &tessera_image::Error) -> Failure {
    if bytes.is_empty() {
        return Failure::new(Exit::Input, "it is empty", "check where it came from");
    }
    if container::read(bytes, &Limits::default()).is_ok() {
        return Failure::new(
            Exit::Input,
            "it is a .tsr file already",
            "use 'tessera decode' to turn it into a picture or a sound",
        );
    }
    image(error)
}

/// Bytes that are no `.tsr` file, with a better word for what can be encoded.
pub fn foreign_or(bytes: &[u8], error: &tessera_core::Error) -> Failure {
    if bytes.is_empty() {
        return Failure::new(Exit::Input, "it is empty", "check where it came from");
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WAVE") {
        return Failure::new(Exit::Input, "it is a WAV file, not a .tsr file", "use 'tessera encode' to make one");
    }
    let others: [(&[u8], &str); 12] = [
        (b"\x89PNG", "PNG"),
        (b"\xff\xd8\xff", "JPEG"),
        (b"RIFF", "WebP"),
        (b"GIF8", "GIF"),
        (b"II*\0", "TIFF"),
        (b"BM", "BMP"),
        (b"fLaC", "FLAC"),
        (b"OggS", "Ogg"),
        (b"ID3", "MP3"),
        (b"\xff\xfb", "MP3"),
        (b"ply", "PLY"),
        (b"glTF", "glTF"),
    ];
    match others.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        Some((_, name)) => Failure::new(
            Exit::Input,
            format!("it is a {name} file, not a .tsr file"),
            "use 'tessera encode' to make one",
        ),
        None if container::is_signed(bytes) => core(error),
        None => Failure::new(
            Exit::Input,
            "it is not a .tsr file",
            "check where it came from, or use 'tessera encode' to make one",
        ),
    }
}

/// The header of a `.tsr` file; with `salvage`, of a damaged one too.
pub fn header(bytes: &[u8], limits: &Limits, salvage: bool) -> Result<Header> {
    if container::is_live(bytes, limits) {
        return live_header(bytes, limits);
    }
    let header = if salvage {
        container::salvage(bytes, limits).map(|salvaged| salvaged.header)
    } else {
        container::read(bytes, limits).map(|file| file.header)
    };
    header.map_err(|error| foreign_or(bytes, &error))
}

fn live_header(bytes: &[u8], limits: &Limits) -> Result<Header> {
    let events = container::live::PacketReader::new(*limits).push(bytes).map_err(|error| core(&error))?;
    let header = events.into_iter().find_map(|event| match event {
        container::live::Event::Header(header) => Some(header),
        _ => None,
    });
    header.ok_or_else(|| Failure::new(Exit::Input, "it ends in its header", "get the whole file again"))
}

/// Width and height of the picture in a file, pixels.
pub fn size(header: &Header) -> (u32, u32) {
    match header.media {
        MediaShape::Image { width, height, .. } => (width, height),
        MediaShape::Video(shape) => (shape.width, shape.height),
        _ => (0, 0),
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
