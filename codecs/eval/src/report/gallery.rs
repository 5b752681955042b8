//! Pictures for the page, of shapes as they are seen: few enough that it stays small, and the same few every time.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Component, Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use image::codecs::{jpeg::JpegEncoder, webp::WebPEncoder};
use image::{ExtendedColorType, RgbImage};
use serde::Serialize;
use tessera_geometry::metrics::views::Camera;
use tessera_geometry::{Bounds, Shape};

use super::figures::{self, Decimals};
use super::index::Index;
use super::output::io;
use crate::preview::{preview, seen};
use crate::{Cell, Error, Extent, Media, Result, Rgb8, Solid};

/// Bytes of all pictures in base64: with the rest of a page about 8 MB.
const BUDGET: usize = 7_000_000;
const MOST_FILES: usize = 8;
/// A gallery of fewer files than this is worth less detail on each.
const FEWEST_FILES: usize = 3;

/// Pictures of some files, in the form of one [`Plan`].
#[derive(Serialize)]
pub(super) struct Gallery {
    pub(super) files: Vec<Pictures>,
    /// Files of which pictures were kept.
    #[serde(skip)]
    pub(super) of: usize,
    /// What was left out or changed to keep the page small, in a sentence; empty for nothing.
    #[serde(skip)]
    pub(super) note: String,
}

/// One file: the original first, then what codecs made of it.
#[derive(Clone, Serialize)]
pub(super) struct Pictures {
    name: String,
    width: u32,
    height: u32,
    shots: Vec<Shot>,
}

/// One picture.
#[derive(Clone, Serialize)]
struct Shot {
    /// Position of the codec in the run; none for the original.
    codec: Option<usize>,
    rate: String,
    bytes: u64,
    /// Bytes and what they cost as a reader sees them.
    size: String,
    /// `(metric, value)`.
    values: Vec<(String, String)>,
    /// A `data:` address.
    src: String,
}

/// How what was kept becomes pictures: as they are, or of shapes as the original is looked at.
enum Eye {
    Picture,
    Shape(Bounds),
    Splats(Camera),
}

/// Columns and rows of pictures of shapes.
const SHAPE_SIDE: u32 = 480;

impl Eye {
    /// For what was made of an original.
    fn of(original: &Solid) -> Self {
        let camera = match original.shape() {
            Shape::Splats(splats) => Camera::ring(splats, SHAPE_SIDE as usize).into_iter().next(),
            _ => None,
        };
        let bounds = || Bounds::of(original.shape().positions()).map_or(Self::Picture, Self::Shape);
        camera.map_or_else(bounds, Self::Splats)
    }

    fn look(&self, folder: &Path, name: &str) -> Result<RgbImage> {
        let path = contained(folder, name)?;
        match self {
            Self::Picture => read(&path),
            Self::Shape(bounds) => Ok(preview(Solid::read(&path)?.shape(), bounds, SHAPE_SIDE)),
            Self::Splats(camera) => match Solid::read(&path)?.shape() {
                Shape::Splats(splats) => Ok(seen(splats, camera)),
                _ => Err(Error::Failed(format!("{} holds no splats", path.display()))),
            },
        }
    }
}

/// How pictures are put on the page; from the best to the smallest.
#[derive(Clone, Copy)]
struct Plan {
    /// JPEG quality; none for lossless WebP.
    quality: Option<u8>,
    /// Largest sides; more is cut off around the centre.
    sides: (u32, u32),
    /// Rates per codec.
    steps: usize,
}

const PLANS: [Plan; 5] = [
    Plan { quality: None, sides: (1024, 768), steps: usize::MAX },
    Plan { quality: Some(92), sides: (768, 576), steps: usize::MAX },
    Plan { quality: Some(92), sides: (640, 480), steps: 4 },
    Plan { quality: Some(90), sides: (512, 384), steps: 3 },
    Plan { quality: Some(90), sides: (448, 336), steps: 2 },
];

/// Where the original of a file lies below the folder of what was kept: `originals/<file>.<ending>`.
pub fn original(file: &str, ending: &str) -> String {
    format!("originals/{file}.{ending}")
}

/// `None` where no picture was kept, or not one file of them fits.
pub(super) fn gallery(index: &Index<'_>, folder: &Path) -> Result<Option<Gallery>> {
    let has = |file: &str| index.run.cells.iter().any(|cell| cell.file == file && cell.kept.is_some());
    let files: Vec<&str> = index.files.iter().copied().filter(|file| has(file)).collect();
    for (i, plan) in PLANS.iter().enumerate() {
        let last = i + 1 == PLANS.len();
        let fewest = if last { 1 } else { FEWEST_FILES.min(files.len()) };
        let mut made = BTreeMap::new();
        for count in (fewest.max(1)..=MOST_FILES.min(files.len())).rev() {
            if let Some(pictures) = fitting(index, folder, *plan, &spread(&files, count), &mut made)? {
                let note = plan.note(&pictures, index);
                return Ok(Some(Gallery { files: pictures, of: files.len(), note }));
            }
        }
    }
    Ok(None)
}

/// `count` of `all`, evenly spread, the first and the last among them.
pub(super) fn spread<T: Copy>(all: &[T], count: usize) -> Vec<T> {
    let count = count.min(all.len());
    if count < 2 {
        return all[..count].to_vec();
    }
    (0..count).map(|i| all[i * (all.len() - 1) / (count - 1)]).collect()
}

/// The pictures of all `files`, or `None` as soon as they are too many bytes.
fn fitting<'r>(
    index: &Index<'r>,
    folder: &Path,
    plan: Plan,
    files: &[&'r str],
    made: &mut BTreeMap<&'r str, Pictures>,
) -> Result<Option<Vec<Pictures>>> {
    let mut total = 0;
    let mut all = Vec::new();
    for &file in files {
        let pictures = match made.get(file) {
            Some(pictures) => pictures.clone(),
            None => plan.pictures(index, folder, file)?,
        };
        total += pictures.shots.iter().map(|shot| shot.src.len()).sum::<usize>();
        made.insert(file, pictures.clone());
        all.push(pictures);
        if total > BUDGET {
            return Ok(None);
        }
    }
    Ok(Some(all))
}

impl Plan {
    fn pictures(self, index: &Index<'_>, folder: &Path, file: &str) -> Result<Pictures> {
        let is_picture = matches!(index.run.extent(), Extent::Picture { .. });
        let name = original(file, if is_picture { Rgb8::ENDING } else { Solid::ENDING });
        let eye = match is_picture {
            true => Eye::Picture,
            false => Eye::of(&Solid::read(&contained(folder, &name)?)?),
        };
        let whole = eye.look(folder, &name)?;
        let picture = self.cut(&whole);
        let mut shots = vec![Shot {
            codec: None,
            rate: String::new(),
            bytes: 0,
            size: String::new(),
            values: Vec::new(),
            src: self.encode(&picture)?,
        }];
        for codec in 0..index.run.codecs.len() {
            let cells = index.files_of(codec).get(file).into_iter().flat_map(|cells| cells.values().copied());
            let kept: Vec<&Cell> = cells.filter(|cell| cell.kept.is_some()).collect();
            for cell in spread(&kept, self.steps) {
                let Some(name) = &cell.kept else { continue };
                let decoded = eye.look(folder, name)?;
                if decoded.dimensions() != whole.dimensions() {
                    let ((w, h), (x, y)) = (decoded.dimensions(), whole.dimensions());
                    return Err(Error::Failed(format!("{name:?} is {w} x {h}, the original of {file:?} {x} x {y}")));
                }
                shots.push(Shot {
                    codec: Some(codec),
                    rate: cell.rate.clone(),
                    bytes: cell.bytes,
                    size: format!(
                        "{}\u{a0}bytes, {}\u{a0}{}",
                        figures::bytes(cell.bytes),
                        figures::cost(cell.cost()),
                        index.run.unit().short
                    ),
                    values: values(index, cell),
                    src: self.encode(&self.cut(&decoded))?,
                });
            }
        }
        Ok(Pictures { name: file.to_owned(), width: picture.width(), height: picture.height(), shots })
    }

    /// The middle of a picture that is larger than the plan allows.
    fn cut(self, picture: &RgbImage) -> RgbImage {
        let (w, h) = (picture.width().min(self.sides.0), picture.height().min(self.sides.1));
        image::imageops::crop_imm(picture, (picture.width() - w) / 2, (picture.height() - h) / 2, w, h).to_image()
    }

    fn encode(self, picture: &RgbImage) -> Result<String> {
        let mut file = Cursor::new(Vec::new());
        let (w, h) = picture.dimensions();
        let (kind, done) = match self.quality {
            None => ("webp", WebPEncoder::new_lossless(&mut file).encode(picture, w, h, ExtendedColorType::Rgb8)),
            Some(quality) => ("jpeg", JpegEncoder::new_with_quality(&mut file, quality).encode_image(picture)),
        };
        done.map_err(|e| Error::Failed(format!("cannot write a picture for the page: {e}")))?;
        Ok(format!("data:image/{kind};base64,{}", STANDARD.encode(file.into_inner())))
    }

    fn note(self, pictures: &[Pictures], index: &Index<'_>) -> String {
        let mut notes = Vec::new();
        if !matches!(index.run.extent(), Extent::Picture { .. }) {
            notes.push("Shapes are drawn as their originals are looked at, from above the front; splats by the renderer that measures them.".to_owned());
        }
        if let Some(quality) = self.quality {
            notes.push(format!(
                "Pictures on this page, originals too, are JPEG copies of quality {quality} of what was measured."
            ));
        } else {
            notes.push("Pictures on this page are lossless.".to_owned());
        }
        let larger = |p: &Pictures| {
            index.run.cells.iter().any(|c| {
                let Extent::Picture { width, height } = c.extent else { return false };
                c.file == p.name && (width > p.width || height > p.height)
            })
        };
        if pictures.iter().any(larger) {
            notes.push(format!(
                "Of larger ones the middle {} × {} pixels are shown, unscaled.",
                self.sides.0, self.sides.1
            ));
        }
        if (0..index.run.codecs.len()).any(|codec| index.steps(codec).len() > self.steps) {
            notes.push(format!("Up to {} rates of each codec are here.", self.steps));
        }
        notes.join(" ")
    }
}

pub(super) fn values(index: &Index<'_>, cell: &Cell) -> Vec<(String, String)> {
    let value = |metric: &super::run::MetricInfo| {
        let value = *cell.metrics.get(&metric.name)?;
        Some((metric.name.clone(), Decimals::of(index.run, metric).write(value)))
    };
    index.run.metrics.iter().filter_map(value).collect()
}

/// A path below `folder`; names come from outside and may not leave it.
pub(super) fn contained(folder: &Path, name: &str) -> Result<PathBuf> {
    if !Path::new(name).components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(Error::Parameter(format!(
            "{name:?} is not below the folder of what was kept; use a relative path without .."
        )));
    }
    Ok(folder.join(name))
}

fn read(path: &Path) -> Result<RgbImage> {
    let bytes = std::fs::read(path).map_err(|source| io(path, source))?;
    let picture = image::load_from_memory(&bytes).map_err(|e| Error::Failed(format!("{}: {e}", path.display())))?;
    Ok(picture.to_rgb8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_of_many_are_evenly_spread() {
        assert_eq!(spread(&[0, 1, 2, 3, 4, 5, 6, 7, 8], 3), [0, 4, 8]);
        assert_eq!(spread(&[0, 1], 5), [0, 1]);
        assert_eq!(spread(&[3, 4], 1), [3]);
        assert!(spread::<u8>(&[], 3).is_empty());
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for name in ["../a.png", "/a.png", "b/../../a.png"] {
            assert!(matches!(Eye::Picture.look(Path::new("."), name), Err(Error::Parameter(_))), "{name}");
        }
    }
}
