//! One pack: a manifest and its verified parts.

mod addition;
mod archive;
mod audio;
mod geometry;
mod image;
mod manifest;
mod relay;
mod tensors;

use std::{fmt::Write, path::Path, sync::Arc};

use sha2::{Digest, Sha256};

pub use addition::{
    Addition, MaskedPack, MaskedSection, PixelSection, Refined, RefinerGraphs, RefinerPack, RefinerSection, VideoPack,
    VideoSection,
};
pub use audio::{AudioPack, WholeGraphs};
pub use geometry::{GeometryPack, GeometrySection};
pub use image::ImagePack;
pub use manifest::{
    AudioSection, ImageSection, InterestSection, Manifest, MetricInput, MetricSection, Part, PictureInput,
    SoundFeatures, SoundInput, WholePictures, WholeSection,
};
pub use relay::{RelayGraphs, RelaySection};

use crate::{Error, Result, embedded};
use archive::Archive;
#[cfg(feature = "fetch")]
pub(crate) use manifest::is_plain_name;

/// Name of the manifest inside a pack.
pub(crate) const MANIFEST: &str = "pack.toml";
/// Longest manifest that is read, bytes.
const MAX_MANIFEST: u64 = 1 << 20;

/// A pack: manifest read, parts verified against it as they are taken out.
#[derive(Debug)]
pub struct Pack {
    manifest: Manifest,
    digest: [u8; 32],
    archive: Archive,
}

/// An ONNX graph of a pack, its digest verified.
#[derive(Clone, Debug)]
pub struct Graph {
    /// `<pack id>/<file>`, for messages.
    pub name: String,
    /// The ONNX protobuf.
    pub bytes: Arc<[u8]>,
}

impl Pack {
    /// Opens a folder or a `.tpack` archive (ZIP). Only the manifest is read.
    ///
    /// # Errors
    /// [`Error::Io`] where there is nothing to read, [`Error::PackDamaged`] where the manifest is missing or makes no sense.
    pub fn open(path: &Path) -> Result<Self> {
        Self::from_archive(Archive::open(path)?)
    }

    /// Opens an archive that lies in memory.
    pub(crate) fn from_bytes(bytes: &'static [u8]) -> Result<Self> {
        Self::from_archive(Archive::Memory(bytes))
    }

    fn from_archive(archive: Archive) -> Result<Self> {
        let text = archive.read(MANIFEST, MAX_MANIFEST)?;
        let digest = Sha256::digest(&text).into();
        let text = String::from_utf8(text).map_err(|_| Error::damaged(archive.name(), "pack.toml is not UTF-8"))?;
        let manifest = Manifest::parse(&text).map_err(|what| Error::damaged(archive.name(), what))?;
        Ok(Self { manifest, digest, archive })
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The pack's id, such as `image-f16-1`.
    pub fn id(&self) -> &str {
        &self.manifest.id
    }

    /// First eight bytes of the SHA-256 of `pack.toml`: the name of the pack inside coded files.
    pub fn hash8(&self) -> [u8; 8] {
        let mut hash = [0; 8];
        hash.copy_from_slice(&self.digest[..8]);
        hash
    }

    /// [`hash8`](Self::hash8) in hexadecimal.
    pub fn hash_text(&self) -> String {
        hex(&self.hash8())
    }

    /// Whether this pack is built into the program, so that coded files need not spell out its id.
    pub fn is_default(&self) -> bool {
        embedded::PACKS.iter().any(|bytes| Self::from_bytes(bytes).is_ok_and(|pack| pack.digest == self.digest))
    }

    /// The bytes of one part, verified against the manifest.
    ///
    /// # Errors
    /// [`Error::PackDamaged`] where the part is missing, too long, too short or has another digest.
    pub fn part(&self, file: &str) -> Result<Vec<u8>> {
        let part = self.manifest.parts.iter().find(|part| part.file == file);
        let part = part.ok_or_else(|| self.damaged(format!("{file} is not listed in pack.toml")))?;
        let bytes = self.archive.read(file, part.bytes)?;
        if bytes.len() as u64 != part.bytes {
            return Err(self.damaged(format!("{file} has {} bytes where {} belong", bytes.len(), part.bytes)));
        }
        if hex(&Sha256::digest(&bytes)) != part.sha256 {
            return Err(self.damaged(format!("{file} has another SHA-256 than pack.toml says")));
        }
        Ok(bytes)
    }

    /// Reads every part and checks that the codec's tables can be built from them.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(&self) -> Result<()> {
        for part in &self.manifest.parts {
            self.part(&part.file)?;
        }
        if self.manifest.image.is_some() {
            self.image()?;
        }
        if self.manifest.audio.is_some() {
            self.audio()?;
        }
        if self.manifest.geometry.is_some() {
            self.geometry()?;
        }
        if self.manifest.metric.is_some() {
            self.metric()?;
        }
        if self.manifest.interest.is_some() {
            self.interest()?;
        }
        if self.manifest.refiner.is_some() {
            self.refiner()?;
        }
        if self.manifest.masked.is_some() {
            self.masked()?;
        }
        if self.manifest.video.is_some() {
            self.video()?;
        }
        Ok(())
    }

    /// The model card: what the pack was trained on, what it reaches, where it fails.
    ///
    /// # Errors
    /// As [`part`](Self::part).
    pub fn card(&self) -> Result<String> {
        let bytes = self.part(&self.manifest.card)?;
        String::from_utf8(bytes).map_err(|_| self.damaged(format!("{} is not UTF-8", self.manifest.card)))
    }

    /// The tables and graphs of an image pack.
    ///
    /// # Errors
    /// [`Error::PackDamaged`] where a part is damaged or the pack is not an image pack.
    pub fn image(&self) -> Result<ImagePack> {
        ImagePack::read(self)
    }

    /// The tables and graphs of an audio pack.
    ///
    /// # Errors
    /// [`Error::PackDamaged`] where a part is damaged or the pack is not an audio pack.
    pub fn audio(&self) -> Result<AudioPack> {
        AudioPack::read(self)
    }

    /// The tables and graphs of a geometry pack.
    ///
    /// # Errors
    /// [`Error::PackDamaged`] where a part is damaged or the pack is not a geometry pack.
    pub fn geometry(&self) -> Result<GeometryPack> {
        GeometryPack::read(self)
    }

    /// What a metric pack says of itself, and its graph.
    ///
    /// # Errors
    /// [`Error::PackDamaged`] where the graph is damaged or the pack is not a metric pack.
    pub fn metric(&self) -> Result<(&MetricSection, Graph)> {
        let section = self.manifest.metric.as_ref();
        let section = section.ok_or_else(|| self.damaged("it has no table [metric], so it is no metric pack"))?;
        Ok((section, self.graph(&section.graph)?))
    }

    /// What a pack says of itself that tells which pictures are of interest, and its graph.
    ///
    /// # Errors
    /// [`Error::PackDamaged`] where the graph is damaged or the pack is none of that kind.
    pub fn interest(&self) -> Result<(&InterestSection, Graph)> {
        let section = self.manifest.interest.as_ref();
        let section = section
            .ok_or_else(|| self.damaged("it has no table [interest], so it does not say what is of interest"))?;
        Ok((section, self.graph(&section.graph)?))
    }

    fn graph(&self, file: &str) -> Result<Graph> {
        Ok(Graph { name: format!("{}/{file}", self.id()), bytes: self.part(file)?.into() })
    }

    fn damaged(&self, what: impl ToString) -> Error {
        Error::damaged(self.id(), what)
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String does not fail
        text
    })
}
