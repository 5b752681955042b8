//! `tessera stats`: what coding the tokens of real pictures and sounds costs, method by method.

mod baselines;
mod sound;
mod table;

use std::path::{Path, PathBuf};

use clap::Args;
use tessera_core::{
    GridShape, LatentShape, Limits, Rung, TokenGrid,
    container::{self, Header, MediaShape, PriorKind},
    entropy::{bands, encode_tokens, ideal_bits},
};
use tessera_image::{EncodeOptions, Metadata, Target};

use self::{
    baselines::Baselines,
    table::{Costs, Row, Table},
};
use crate::{
    args::{ModelArgs, RuntimeArgs},
    batch,
    cmd::encode::{self, sound::SoundArgs},
    engine::{Engine, PackHandle, Shared},
    explain,
    failure::{Exit, Result},
    files::{self, Kind, Source},
    print,
};

/// Compare ways to code the tokens of pictures or sounds
///
/// Turns pictures or sounds into tokens and prints, in bits per token: log2 of the codebook's size, zlib, zstd, adaptive
/// order-0 and order-1 models, the pack's trained prior, and the prior with entropy-constrained
/// search; for the prior both its ideal code length and the bytes really written. General methods
/// start afresh in every file in one column and run over all files as one stream in the
/// other. Pictures and sounds need ONNX Runtime; .tsr files do not, and show no search. Pictures and sounds
/// have tables of their own: name one medium at a time.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tessera stats photos/                     at full depth
  tessera stats *.jpg --rung 1x8            with 8-bit tokens
  tessera stats *.jpg --lambda 0.5          a stronger search
  tessera stats speech/ --depth 10          sounds, with 10-bit tokens
  tessera stats --json photos/ | jq .prior")]
pub struct Stats {
    /// Pictures or sounds, .tsr files or folders of them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Rung to tokenise pictures at, LEVELSxDEPTH; one level at full depth if absent
    #[arg(long, value_name = "LxD", value_parser = encode::parse_rung)]
    rung: Option<Rung>,

    /// Squared latent error that one bit is worth in the search
    #[arg(long, value_name = "LAMBDA", value_parser = encode::parse_lambda)]
    lambda: Option<f32>,

    /// How hard to search, 0 to 9
    #[arg(long, value_name = "0-9", default_value_t = 5, value_parser = clap::value_parser!(u8).range(0..=9))]
    effort: u8,

    #[command(flatten)]
    sound: SoundArgs,

    /// Model pack to tokenise with, by id or hash
    #[arg(long, value_name = "ID", help_heading = "Models")]
    pack: Option<String>,

    /// Report one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    models: ModelArgs,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

pub fn run(arguments: &Stats) -> Result<std::result::Result<(), Exit>> {
    let shared = Shared::new(&arguments.models, &arguments.runtime, 1)?;
    let mut engine = shared.engine();
    let files = list(&arguments.files)?;
    let mut failures = Vec::new();
    let mut table = Table::default();
    for path in &files {
        let measured = of(path, arguments, &shared, &mut engine).and_then(|(kind, row)| table.add(kind, row));
        failures.extend(measured.err().map(|failure| failure.at(path.display())));
    }
    if !table.is_empty() {
        let summary = table.summary()?;
        if arguments.json { print::json(&summary)? } else { print::text(&summary.page())? }
    }
    Ok(batch::conclude(files.len(), &failures))
}

/// The files themselves, and from folders the pictures, sounds and `.tsr` files.
fn list(inputs: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for input in inputs {
        if !input.is_dir() {
            files.push(input.clone());
            continue;
        }
        let takes = [encode::PICTURES, encode::SOUNDS, &["tsr"]].concat();
        files.extend(files::walk(input, &takes, None)?);
    }
    Ok(files)
}

/// One file, told by its content.
fn of(path: &Path, arguments: &Stats, shared: &Shared, engine: &mut Engine<'_>) -> Result<(Kind, Row)> {
    let bytes = files::read(&Source::File(path.to_owned()), encode::MAX_INPUT_BYTES)?;
    if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("tsr")) {
        let header = explain::header(&bytes, &Limits::default(), false)?;
        return match header.media {
            MediaShape::Audio { .. } => Ok((Kind::Sound, sound::of_file(&bytes, &header, shared)?)),
            _ => Ok((Kind::Picture, of_file(&bytes, engine)?)),
        };
    }
    match Kind::of(&bytes) {
        Some(Kind::Sound) => Ok((Kind::Sound, sound::of_sound(&bytes, arguments, shared)?)),
        _ => Ok((Kind::Picture, of_picture(&bytes, arguments, shared, engine)?)),
    }
}

/// Tokens of a `.tsr` file: its own choice, so there is nothing to search.
fn of_file(bytes: &[u8], engine: &Engine<'_>) -> Result<Row> {
    let file = container::read(bytes, &Limits::default()).map_err(|error| explain::foreign_or(bytes, &error))?;
    let pack = engine.pack_of(&file.header)?;
    let grid = tokens(&file, &pack)?;
    Ok(Row { prior: costs(&grid, &pack)?, searched: None, ..row(&grid)? })
}

fn of_picture(bytes: &[u8], arguments: &Stats, shared: &Shared, engine: &mut Engine<'_>) -> Result<Row> {
    let picture = tessera_image::io::read(bytes, &Default::default(), Metadata::Strip)
        .map_err(|error| explain::unreadable_picture(bytes, &error))?;
    let pack = shared.pack_to_encode_with(arguments.pack.as_deref())?;
    let rung = arguments.rung.unwrap_or(Rung { levels: 1, depth: pack.full_depth() });
    let mut grid_at = |lambda: f32| -> Result<TokenGrid> {
        let options = EncodeOptions {
            target: Target::Rung { rung, lambda: Some(lambda) },
            effort: arguments.effort,
            ..EncodeOptions::default()
        };
        let encoded = engine.codec(&pack)?.encode(&picture, &options).map_err(|error| explain::image(&error))?;
        let file = container::read(&encoded.bytes, &Limits::default()).map_err(|error| explain::core(&error))?;
        tokens(&file, &pack)
    };
    let nearest = grid_at(0.0)?;
    let searched = grid_at(arguments.lambda.unwrap_or(pack.search_lambda()))?;
    Ok(Row { prior: costs(&nearest, &pack)?, searched: Some(costs(&searched, &pack)?), ..row(&nearest)? })
}

fn row(grid: &TokenGrid) -> Result<Row> {
    let mut baselines = Baselines::default();
    let mut tokens = Vec::new();
    for (level, &depth) in grid.depths().iter().enumerate() {
        baselines.add(&Baselines::of(grid.level(level), depth)?);
        tokens.push((depth, grid.level(level).to_vec()));
    }
    Ok(Row { tokens, baselines, ..Row::default() })
}

fn tokens(file: &container::File, pack: &PackHandle) -> Result<TokenGrid> {
    let shape = grid_shape(&file.header, pack);
    let depths = file.header.rung.depths(pack.full_depth());
    let prior = pack.prior(file.header.prior)?;
    file.tokens(shape, &depths, prior, &Limits::default(), 1).map_err(|error| explain::core(&error))
}

/// The token grid of a picture: one position per stride, rows before columns.
fn grid_shape(header: &Header, pack: &PackHandle) -> GridShape {
    let (width, height) = explain::size(header);
    LatentShape { t: 1, y: height.div_ceil(pack.stride()), x: width.div_ceil(pack.stride()) }.grid(header.rung.levels)
}

/// What the trained prior needs, band by band as the codec writes them.
fn costs(grid: &TokenGrid, pack: &PackHandle) -> Result<Costs> {
    let prior = pack.prior(PriorKind::Trained)?;
    let work = || -> tessera_core::Result<Costs> {
        let mut costs = Costs::default();
        for band in bands::split(grid.shape(), &Limits::default())? {
            let band = bands::extract(grid, &band)?;
            costs.ideal += ideal_bits(&band, prior)?;
            costs.written += 8.0 * encode_tokens(&band, prior)?.len() as f64;
        }
        Ok(costs)
    };
    work().map_err(|error| explain::core(&error))
}
