//! Codecs at a ladder of rates: the suite's own and those that a user would pick instead.

use crate::{Result, Rgb8};

/// One setting on a codec's ladder.
#[derive(Clone, Debug, PartialEq)]
pub struct Rate {
    /// As the codec's users write it: `q 35`, `cqp 55`, `0.03 bpp`.
    pub name: String,
    /// The number behind it.
    pub value: f64,
}

/// A still-picture codec.
pub trait Codec: Send {
    /// Short name, the key in reports: `jpeg`, `webp`, `avif-aom`, `avif-svt`, `jxl`, `tessera`.
    fn name(&self) -> &str;
    /// Library with its version and all fixed settings, in one line, printed in reports.
    fn describe(&self) -> String;
    /// Extension of its files, without a dot.
    fn extension(&self) -> &str;
    /// Its ladder, from the fewest bytes up.
    fn ladder(&self) -> Vec<Rate>;
    /// A whole file.
    ///
    /// # Errors
    /// What the encoder said.
    fn encode(&mut self, picture: &Rgb8, rate: &Rate) -> Result<Vec<u8>>;
    /// The picture in a file.
    ///
    /// # Errors
    /// What the decoder said.
    fn decode(&mut self, file: &[u8]) -> Result<Rgb8>;
}
