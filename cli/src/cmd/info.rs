//! `tessera info`: what is in a `.tsr` file, byte by byte. Needs no ONNX Runtime, and no model pack
//! except to name it.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tessera_core::{
    LatentShape, Limits,
    container::{self, ChunkKind, Color, MediaShape, Part, PriorKind},
};

use crate::{
    args::ModelArgs,
    batch,
    cmd::decode::MAX_INPUT_BYTES,
    engine::{PackHandle, Shared},
    explain,
    failure::{Exit, Failure, Result},
    files::{self, Source},
    print,
};

/// Pixels per token and side of the packs' image tokenizers, where the pack itself is not at hand.
const USUAL_STRIDE: u32 = 16;

/// Show what is in .tsr files
///
/// Picture, model pack, tokens, and where every byte goes. Needs no ONNX Runtime. For what other
/// coders would need for the same tokens see 'tessera stats'.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tessera info photo.tsr
  tessera info --json *.tsr | jq .bpp
  tessera info - < photo.tsr")]
pub struct Info {
    /// .tsr files; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Report one JSON object per file
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    models: ModelArgs,
}

/// Everything `info` tells about a file; `--json` prints it as it is.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    modality: &'static str,
    width: u32,
    height: u32,
    color: &'static str,
    alpha: bool,
    pack_hash: String,
    /// Id of the pack, from the file or from the packs at hand.
    pack: Option<String>,
    /// Whether the pack is at hand.
    pack_found: bool,
    prior: &'static str,
    levels: u8,
    depth: u8,
    /// Rows and columns of the token grid.
    grid: [u32; 2],
    tokens: u64,
    /// Bits of the tokens before entropy coding; absent without the pack for more than one level.
    raw_bits: Option<u64>,
    /// Bytes of entropy-coded tokens.
    token_bytes: u64,
    bytes: u64,
    bpp: f64,
    parts: Vec<PartReport>,
}

#[derive(Debug, Serialize)]
struct PartReport {
    name: String,
    offset: u64,
    bytes: u64,
    bits: u64,
}

pub fn run(arguments: &Info) -> Result<std::result::Result<(), Exit>> {
    let shared = Shared::for_packs(&arguments.models)?;
    let mut failures = Vec::new();
    for (n, path) in arguments.files.iter().enumerate() {
        let source = if path.as_os_str() == "-" { Source::Stdin } else { Source::File(path.clone()) };
        match inspect(&source, &shared).map_err(|failure| failure.at(&source)) {
            Ok(report) if arguments.json => print::json(&report)?,
            Ok(report) => print::text(&format!("{}{}", if n > 0 { "\n" } else { "" }, report.page()))?,
            Err(failure) => failures.push(failure),
        }
    }
    Ok(batch::conclude(arguments.files.len(), &failures))
}

fn inspect(source: &Source, shared: &Shared) -> Result<Report> {
    if let Source::File(path) = source
        && path.is_dir()
    {
        return Err(Failure::new(Exit::Failed, "it is a folder, not a file", "name its .tsr files"));
    }
    let bytes = files::read(source, MAX_INPUT_BYTES)?;
    let limits = Limits::default();
    let file = container::read(&bytes, &limits).map_err(|error| explain::foreign_or(&bytes, &error))?;
    let parts = container::layout(&bytes, &limits).map_err(|error| explain::core(&error))?;
    let header = &file.header;
    let MediaShape::Image { width, height, color, alpha } = header.media else {
        return Err(Failure::new(Exit::Input, "it holds no image", "use a newer tessera"));
    };
    let pack = shared.find(header).ok();
    let stride = pack.as_ref().map_or(USUAL_STRIDE, PackHandle::stride);
    let positions = LatentShape { t: 1, y: height.div_ceil(stride), x: width.div_ceil(stride) };
    let full_depth = match (&pack, header.rung.levels) {
        (Some(pack), _) => Some(pack.full_depth()),
        // A single level is as deep as the file says.
        (None, 1) => Some(header.rung.depth),
        _ => None,
    };
    let token_bytes = file.of_kind(ChunkKind::Tokens).map(|chunk| chunk.payload.len() as u64).sum();
    Ok(Report {
        file: source.to_string(),
        modality: "image",
        width,
        height,
        color: match color {
            Color::Gray => "gray",
            Color::Rgb => "rgb",
        },
        alpha,
        pack_hash: explain::hex(&header.pack.hash),
        pack: header.pack.id.clone().or(pack.as_ref().map(|pack| pack.id().to_owned())),
        pack_found: pack.is_some(),
        prior: match header.prior {
            PriorKind::Trained => "trained",
            PriorKind::Uniform => "uniform",
        },
        levels: header.rung.levels,
        depth: header.rung.depth,
        grid: [positions.y, positions.x],
        tokens: positions.grid(header.rung.levels).len(),
        raw_bits: full_depth.map(|full| positions.len() * u64::from(header.rung.bits_per_position(full))),
        token_bytes,
        bytes: bytes.len() as u64,
        bpp: 8.0 * bytes.len() as f64 / (f64::from(width) * f64::from(height)),
        parts: parts.into_iter().map(PartReport::from).collect(),
    })
}

impl From<Part> for PartReport {
    fn from(part: Part) -> Self {
        Self { name: part.name, offset: part.offset, bytes: part.bytes, bits: 8 * part.bytes }
    }
}

impl Report {
    fn page(&self) -> String {
        let pack = match (&self.pack, self.pack_found) {
            (Some(id), true) => format!("{id} (hash {})", self.pack_hash),
            (Some(id), false) => format!("{id} (hash {}), not installed", self.pack_hash),
            (None, _) => format!("hash {}, not installed", self.pack_hash),
        };
        let color = match (self.color, self.alpha) {
            (color, false) => color.to_owned(),
            (color, true) => format!("{color} with alpha"),
        };
        let levels = if self.levels == 1 { "level" } else { "levels" };
        let raw = self.raw_bits.map_or(String::new(), |bits| format!(", {} bits uncoded", print::grouped(bits)));
        let coded = 8.0 * self.token_bytes as f64;
        let saving =
            self.raw_bits.map_or(String::new(), |raw| format!(", {:.1} % saved", 100.0 * (1.0 - coded / raw as f64)));
        let pixels = f64::from(self.width) * f64::from(self.height);
        let channels = if self.color == "gray" { 1.0 } else { 3.0 } + if self.alpha { 1.0 } else { 0.0 };
        let mut page = format!(
            "{}\n  picture  {} x {}, {color}\n  pack     {pack}\n  rung     {} {levels}, the last at {} bits; {} prior\n  tokens   {} x {} x {} = {}{raw}\n  coded    {} bytes, {:.3} bits per token{saving}\n  file     {} bytes, {:.4} bits per pixel, 1 : {:.0} of the raw picture\n\n",
            self.file,
            print::grouped(u64::from(self.width)),
            print::grouped(u64::from(self.height)),
            self.levels,
            self.depth,
            self.prior,
            self.levels,
            self.grid[0],
            self.grid[1],
            print::grouped(self.tokens),
            print::grouped(self.token_bytes),
            coded / self.tokens as f64,
            print::grouped(self.bytes),
            self.bpp,
            pixels * channels / self.bytes as f64,
        );
        let mut rows = vec![["part", "offset", "bytes", "bits", "share"].map(str::to_owned).to_vec()];
        rows.extend(self.parts.iter().map(|part| {
            let share = format!("{:.1} %", 100.0 * part.bytes as f64 / self.bytes as f64);
            vec![
                part.name.clone(),
                print::grouped(part.offset),
                print::grouped(part.bytes),
                print::grouped(part.bits),
                share,
            ]
        }));
        for line in print::table(&rows).lines() {
            page.push_str(&format!("  {line}\n"));
        }
        page
    }
}
