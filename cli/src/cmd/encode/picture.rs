//! Pictures to `.tsr` files.

use std::time::Instant;

use serde::Serialize;
use tessera_image::{EncodeOptions, Metadata};

use crate::{
    engine::{Engine, PackHandle},
    explain,
    failure::Result,
    files::{Job, Output},
    print,
};

/// One encoded picture, as `--json` reports it.
#[derive(Debug, Serialize)]
pub struct Report {
    input: String,
    output: String,
    width: u32,
    height: u32,
    bytes: u64,
    bpp: f64,
    pack: String,
    levels: u8,
    depth: u8,
    lambda: f32,
    /// Encoding alone: the picture is read and the model is loaded.
    seconds: f64,
}

pub fn encode(
    engine: &mut Engine<'_>,
    pack: &PackHandle,
    job: &Job,
    bytes: Vec<u8>,
    (options, metadata): &(EncodeOptions, Metadata),
    output: Output,
) -> Result<Report> {
    let (width, height) =
        tessera_image::io::dimensions(&bytes).map_err(|error| explain::unreadable_picture(&bytes, &error))?;
    let _held = engine.hold(u64::from(width) * u64::from(height));
    let picture = tessera_image::io::read(&bytes, &Default::default(), *metadata)
        .map_err(|error| explain::unreadable_picture(&bytes, &error))?;
    drop(bytes);
    let codec = engine.codec(pack)?;
    let start = Instant::now();
    let encoded = codec.encode(&picture, options).map_err(|error| explain::image(&error))?;
    let seconds = start.elapsed().as_secs_f64();
    output.write(&job.sink, &encoded.bytes)?;
    let (width, height) = (picture.width, picture.height);
    Ok(Report {
        input: job.source.to_string(),
        output: job.sink.to_string(),
        width,
        height,
        bytes: encoded.bytes.len() as u64,
        bpp: 8.0 * encoded.bytes.len() as f64 / (f64::from(width) * f64::from(height)),
        pack: pack.id().to_owned(),
        levels: encoded.rung.levels,
        depth: encoded.rung.depth,
        lambda: encoded.lambda,
        seconds,
    })
}

impl Report {
    pub fn line(&self) -> String {
        format!(
            "{} -> {}  {} bytes  {:.4} bpp  rung {}x{}  {:.2} s",
            self.input,
            self.output,
            print::grouped(self.bytes),
            self.bpp,
            self.levels,
            self.depth,
            self.seconds
        )
    }
}
