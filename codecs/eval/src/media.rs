//! What the evaluation needs to know of pictures, sounds, videos and shapes.

use std::{borrow::Cow, fmt, path::Path};

use serde::{Deserialize, Serialize};

use crate::{Clip, Form, Result, Rgb8, Solid, Speech};

/// A medium that is coded, decoded and measured.
pub trait Media: Sized + Send {
    /// Ending of the lossless files that it is kept in.
    const ENDING: &'static str;

    /// The content of a file as everything here sees or hears it.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) where the file cannot be read, [`Error::Failed`](crate::Error::Failed) where it holds nothing
    /// of this medium.
    fn read(path: &Path) -> Result<Self>;

    /// A lossless file.
    ///
    /// # Errors
    /// [`Error::Failed`](crate::Error::Failed) where it is too large for one.
    fn to_file(&self) -> Result<Vec<u8>>;

    /// How much there is.
    fn extent(&self) -> Extent;

    /// Whether `decoded` is of the same extent, or of another that can be compared with it all the same.
    fn is_comparable(&self, decoded: &Self) -> bool {
        self.extent() == decoded.extent()
    }

    /// Why nothing can be measured on it, if so.
    fn unfit(&self) -> Option<&'static str> {
        None
    }

    /// The samples as bytes, which with the extent tell it from all others.
    fn bytes(&self) -> Cow<'_, [u8]>;
}

/// How much was coded.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Extent {
    /// A video. Before pictures, whose fields it has too.
    Clip {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// Frames.
        frames: u32,
    },
    /// A picture.
    Picture {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// A sound.
    Sound {
        /// Duration.
        seconds: f64,
    },
    /// A mesh.
    Mesh {
        /// Triangles.
        faces: u64,
    },
    /// A point cloud.
    Cloud {
        /// Points.
        points: u64,
    },
    /// Gaussian splats.
    Splats {
        /// Splats.
        splats: u64,
    },
}

impl Extent {
    /// Bits per pixel of a picture or of all frames, kilobits per second of a sound, kilobytes of a mesh, bits per point, bytes per splat.
    pub fn cost(self, bytes: u64) -> f64 {
        match self {
            Self::Picture { width, height } => 8.0 * bytes as f64 / (f64::from(width) * f64::from(height)),
            Self::Clip { width, height, frames } => {
                8.0 * bytes as f64 / (f64::from(width) * f64::from(height) * f64::from(frames))
            }
            Self::Sound { seconds } => 0.008 * bytes as f64 / seconds,
            Self::Mesh { .. } => bytes as f64 / 1000.0,
            Self::Cloud { points } => 8.0 * bytes as f64 / points as f64,
            Self::Splats { splats } => bytes as f64 / splats as f64,
        }
    }

    /// Whether there is anything.
    pub(crate) fn is_empty(self) -> bool {
        match self {
            Self::Picture { width, height } => width == 0 || height == 0,
            Self::Clip { width, height, frames } => width == 0 || height == 0 || frames == 0,
            Self::Sound { seconds } => !(seconds.is_finite() && seconds > 0.0),
            Self::Mesh { faces: count } | Self::Cloud { points: count } | Self::Splats { splats: count } => count == 0,
        }
    }

    /// Whether both are of the same medium.
    pub(crate) fn is_like(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Picture { width, height } => write!(f, "{width} x {height} pixels"),
            Self::Clip { width, height, frames } => write!(f, "{frames} frames of {width} x {height} pixels"),
            Self::Sound { seconds } => write!(f, "{seconds:.3} seconds"),
            Self::Mesh { faces } => write!(f, "{faces} faces"),
            Self::Cloud { points } => write!(f, "{points} points"),
            Self::Splats { splats } => write!(f, "{splats} splats"),
        }
    }
}

impl Media for Rgb8 {
    const ENDING: &'static str = "png";

    fn read(path: &Path) -> Result<Self> {
        Self::read(path)
    }

    fn to_file(&self) -> Result<Vec<u8>> {
        self.to_png()
    }

    fn extent(&self) -> Extent {
        Extent::Picture { width: self.width(), height: self.height() }
    }

    fn bytes(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.data())
    }
}

impl Media for Clip {
    const ENDING: &'static str = "rgb";

    fn read(path: &Path) -> Result<Self> {
        Self::read(path)
    }

    fn to_file(&self) -> Result<Vec<u8>> {
        Ok(self.to_bytes())
    }

    fn extent(&self) -> Extent {
        let (width, height) = self.size();
        Extent::Clip { width, height, frames: self.frames().len() as u32 }
    }

    fn bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.to_bytes())
    }
}

impl Media for Speech {
    const ENDING: &'static str = "wav";

    fn read(path: &Path) -> Result<Self> {
        Self::read(path)
    }

    fn to_file(&self) -> Result<Vec<u8>> {
        self.to_wav()
    }

    fn extent(&self) -> Extent {
        Extent::Sound { seconds: self.seconds() }
    }

    fn unfit(&self) -> Option<&'static str> {
        self.is_silent().then_some("it is silent, and metrics of speech say nothing of silence; leave it out")
    }

    fn bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.samples().iter().flat_map(|sample| sample.to_le_bytes()).collect())
    }
}

impl Media for Solid {
    const ENDING: &'static str = "ply";

    fn read(path: &Path) -> Result<Self> {
        Self::read(path)
    }

    fn to_file(&self) -> Result<Vec<u8>> {
        self.to_ply()
    }

    fn extent(&self) -> Extent {
        let count = self.count() as u64;
        match self.form() {
            Form::Mesh => Extent::Mesh { faces: count },
            Form::Cloud => Extent::Cloud { points: count },
            Form::Splats => Extent::Splats { splats: count },
        }
    }

    fn is_comparable(&self, decoded: &Self) -> bool {
        // What codecs of shapes leave out is a loss like any other.
        self.form() == decoded.form()
    }

    fn bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.to_ply().unwrap_or_default())
    }
}
