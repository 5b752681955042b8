//! Formats that decoded files are written in.

use std::path::Path;

use clap::ValueEnum;
use tessera_image::Format;

use super::sound;
use crate::{
    failure::{Failure, Result},
    files::Kind,
};

/// Formats that pictures, sounds, videos and shapes are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FileFormat {
    Png,
    #[value(alias = "jpg")]
    Jpeg,
    Webp,
    Wav,
    /// WAV of 32-bit floating point
    WavFloat,
    Flac,
    Ply,
    Obj,
    Stl,
    #[value(alias = "gltf")]
    Glb,
    Xyz,
    Spz,
    Y4m,
    Mp4,
    Mkv,
    Webm,
}

impl FileFormat {
    /// What the ending of a path asks for, which a format that was asked for must agree with; without an ending, that format.
    pub fn of_path(path: &Path, asked: Option<Self>) -> Result<Option<Self>> {
        let Some(ending) = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()) else {
            return Ok(asked);
        };
        let of_ending = match ending.as_str() {
            "png" => Some(Self::Png),
            "jpg" | "jpeg" => Some(Self::Jpeg),
            "webp" => Some(Self::Webp),
            "wav" => Some(Self::Wav),
            "flac" => Some(Self::Flac),
            "ply" => Some(Self::Ply),
            "obj" => Some(Self::Obj),
            "stl" => Some(Self::Stl),
            "glb" => Some(Self::Glb),
            "xyz" => Some(Self::Xyz),
            "spz" => Some(Self::Spz),
            "y4m" => Some(Self::Y4m),
            "mp4" | "m4v" => Some(Self::Mp4),
            "mkv" => Some(Self::Mkv),
            "webm" => Some(Self::Webm),
            _ => None,
        };
        match (asked, of_ending) {
            (Some(format), None) => Ok(Some(format)),
            (Some(format), Some(other)) if format.extension() == other.extension() => Ok(Some(format)),
            (Some(format), Some(_)) => Err(Failure::usage(
                format!("the ending .{ending} does not fit --format {}", format.extension()),
                "change one of them",
            )
            .at(path.display())),
            (None, Some(format)) => Ok(Some(format)),
            (None, None) => Err(Failure::usage(
                format!("no format of pictures, sounds, videos or shapes has the ending .{ending}"),
                "use .png, .jpg, .webp, .wav, .flac, .ply, .obj, .stl, .glb, .xyz, .spz, .mp4, .mkv, .webm or .y4m, or pass --format",
            )
            .at(path.display())),
        }
    }

    /// That of a medium if none is asked for.
    pub fn usual(kind: Kind) -> Self {
        match kind {
            Kind::Picture => Self::Png,
            Kind::Sound => Self::Wav,
            Kind::Video if cfg!(feature = "ffmpeg") => Self::Mp4,
            Kind::Video => Self::Y4m,
            Kind::Shape => Self::Ply,
        }
    }

    pub fn kind(self) -> Kind {
        match self {
            Self::Png | Self::Jpeg | Self::Webp => Kind::Picture,
            Self::Wav | Self::WavFloat | Self::Flac => Kind::Sound,
            Self::Y4m | Self::Mp4 | Self::Mkv | Self::Webm => Kind::Video,
            Self::Ply | Self::Obj | Self::Stl | Self::Glb | Self::Xyz | Self::Spz => Kind::Shape,
        }
    }

    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
            Self::Wav | Self::WavFloat => "wav",
            Self::Flac => "flac",
            Self::Ply => "ply",
            Self::Obj => "obj",
            Self::Stl => "stl",
            Self::Glb => "glb",
            Self::Xyz => "xyz",
            Self::Spz => "spz",
            Self::Y4m => "y4m",
            Self::Mp4 => "mp4",
            Self::Mkv => "mkv",
            Self::Webm => "webm",
        }
    }

    pub fn picture_format(self) -> Option<Format> {
        match self {
            Self::Png => Some(Format::Png),
            Self::Jpeg => Some(Format::Jpeg),
            Self::Webp => Some(Format::WebP),
            _ => None,
        }
    }

    pub fn sound_form(self) -> Option<sound::Form> {
        match self {
            Self::Wav => Some(sound::Form::Wav),
            Self::WavFloat => Some(sound::Form::WavFloat),
            Self::Flac => Some(sound::Form::Flac),
            _ => None,
        }
    }

    pub fn shape_format(self) -> Option<tessera_geometry::io::Format> {
        use tessera_geometry::io::Format;
        match self {
            Self::Ply => Some(Format::Ply),
            Self::Obj => Some(Format::Obj),
            Self::Stl => Some(Format::Stl),
            Self::Glb => Some(Format::Gltf),
            Self::Xyz => Some(Format::Xyz),
            Self::Spz => Some(Format::Spz),
            _ => None,
        }
    }
}

/// A format that is not of the medium that a file holds.
pub fn of_another_medium(kind: Kind) -> Failure {
    let (what, fix) = match kind {
        Kind::Sound => ("it holds a sound, which cannot be written like that", "use .wav or .flac, or --format"),
        Kind::Picture => {
            ("it holds a picture, which cannot be written like that", "use .png, .jpg or .webp, or --format")
        }
        Kind::Video => (
            "it holds a video, which cannot be written like that",
            "use .mp4, .mkv, .webm, .y4m or a pattern such as frame_%06d.png, or --format",
        ),
        Kind::Shape => (
            "it holds a shape, which cannot be written like that",
            "use .ply, .obj, .stl, .glb, .xyz or .spz, or --format",
        ),
    };
    Failure::usage(what, fix)
}
