//! What a model pack finds of interest in pictures.

use ndarray::Array4;
use tessera_models::{InterestSection, Pack, Session};

use crate::error::{Error, Result};
use crate::keep::Interest;
use crate::scale::Scaler;

/// A graph that scores pictures, and the score from which one is of interest.
#[derive(Debug)]
pub struct Classifier {
    section: InterestSection,
    id: String,
    session: Session,
    pictures: u64,
}

impl Classifier {
    /// Loads the graph of a pack of the kind `interest`.
    ///
    /// # Errors
    /// [`Error::Image`] if the pack is damaged or of another kind, or ONNX Runtime is missing or does not take the graph.
    pub fn new(pack: &Pack) -> Result<Self> {
        let (section, graph) = pack.interest().map_err(tessera_image::Error::from)?;
        let session = Session::load(&graph, 1).map_err(tessera_image::Error::from)?;
        Ok(Self { section: section.clone(), id: pack.id().to_owned(), session, pictures: 0 })
    }

    /// Pictures that were scored.
    pub fn pictures(&self) -> u64 {
        self.pictures
    }

    /// The score of a picture `[y][x][3]`, columns and rows.
    ///
    /// # Errors
    /// [`Error::Image`] if the graph does not run, [`Error::Pack`] if what it gives is no number.
    pub fn score(&mut self, rgb: &[u8], size: (u32, u32)) -> Result<f32> {
        let [columns, rows] = self.section.size;
        let [black, white] = self.section.range;
        let scaled = Scaler::new(size, (columns, rows)).scale(rgb);
        let (columns, rows) = (columns as usize, rows as usize);
        let input = Array4::from_shape_fn((1, 3, rows, columns), |(_, c, y, x)| {
            black + (white - black) * f32::from(scaled[(y * columns + x) * 3 + c]) / 255.0
        });
        let scores = self.session.run(input.view()).map_err(tessera_image::Error::from)?;
        self.pictures += 1;
        let greatest = scores.iter().copied().reduce(f32::max).filter(|_| scores.iter().all(|score| !score.is_nan()));
        greatest.ok_or_else(|| Error::Pack { what: format!("{} gives no score for a picture", self.id) })
    }
}

impl Interest for Classifier {
    fn is_of_interest(&mut self, rgb: &[u8], size: (u32, u32)) -> Result<bool> {
        Ok(self.score(rgb, size)? >= self.section.threshold)
    }
}
