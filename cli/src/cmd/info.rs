//! `tessera info`: what is in a `.tsr` file, byte by byte. Needs no ONNX Runtime, and no model pack
//! except to name it.

mod shape;
mod sound;
mod video;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tessera_core::{
    LatentShape, Limits,
    container::{self, ChunkKind, Color, MediaShape, Modality, Part, PriorKind},
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
/// Picture, sound, video or shape, model pack, tokens, and where every byte goes. Needs no ONNX Runtime. For what other
/// coders would need for the same tokens see 'tessera stats'.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tessera info photo.tsr
  tessera info speech.tsr                       a live stream that was kept, too
  tessera info --json *.tsr | jq .bytes
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
#[serde(untagged)]
enum Report {
    Picture(Box<PictureReport>),
    Sound(Box<sound::Report>),
    Shape(Box<shape::Report>),
    Video(Box<video::Report>),
}

impl Report {
    fn page(&self) -> String {
        match self {
            Self::Picture(report) => report.page(),
            Self::Sound(report) => report.page(),
            Self::Shape(report) => report.page(),
            Self::Video(report) => report.page(),
        }
    }
}

#[derive(Debug, Serialize)]
struct PictureReport {
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
    /// Whether the networks see windows of a picture that they should see whole; absent without the pack.
    windowed: Option<bool>,
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
    if container::is_live(&bytes, &limits) {
        let header = explain::header(&bytes, &limits, false)?;
        return Ok(Report::Sound(Box::new(sound::inspect_sound(source.to_string(), &bytes, &header, shared)?)));
    }
    let file = container::read(&bytes, &limits).map_err(|error| explain::foreign_or(&bytes, &error))?;
    if file.header.modality() == Modality::Audio {
        return Ok(Report::Sound(Box::new(sound::inspect_sound(source.to_string(), &bytes, &file.header, shared)?)));
    }
    if file.header.modality() == Modality::Video {
        let report = video::inspect_video(source.to_string(), &bytes, &file.header, shared)?;
        return Ok(Report::Video(Box::new(report)));
    }
    if file.header.modality() == Modality::Geometry {
        return Ok(Report::Shape(Box::new(shape::inspect_shape(source.to_string(), &bytes)?)));
    }
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
    let of_tokens = [ChunkKind::Tokens, ChunkKind::Interleaved].map(|kind| file.of_kind(kind));
    let token_bytes = of_tokens.into_iter().flatten().map(|chunk| chunk.payload.len() as u64).sum();
    Ok(Report::Picture(Box::new(PictureReport {
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
        windowed: pack.as_ref().map(|pack| pack.is_windowed(positions.len())),
        tokens: positions.grid(header.rung.levels).len(),
        raw_bits: full_depth.map(|full| positions.len() * u64::from(header.rung.bits_per_position(full))),
        token_bytes,
        bytes: bytes.len() as u64,
        bpp: 8.0 * bytes.len() as f64 / (f64::from(width) * f64::from(height)),
        parts: parts.into_iter().map(PartReport::from).collect(),
    })))
}

/// Name of a pack, where it is known.
fn pack_line(id: Option<&str>, hash: &str, found: bool) -> String {
    match (id, found) {
        (Some(id), true) => format!("{id} (hash {hash})"),
        (Some(id), false) => format!("{id} (hash {hash}), not installed"),
        (None, _) => format!("hash {hash}, not installed"),
    }
}

/// Where every byte of a file goes.
fn parts_table(parts: &[PartReport], bytes: u64) -> String {
    let mut rows = vec![["part", "offset", "bytes", "bits", "share"].map(str::to_owned).to_vec()];
    rows.extend(parts.iter().map(|part| {
        let share = format!("{:.1} %", 100.0 * part.bytes as f64 / bytes as f64);
        let numbers = [part.offset, part.bytes, part.bits].map(print::grouped);
        [vec![part.name.clone()], numbers.to_vec(), vec![share]].concat()
    }));
    print::table(&rows).lines().map(|line| format!("  {line}\n")).collect()
}

impl From<Part> for PartReport {
    fn from(part: Part) -> Self {
        Self { name: part.name, offset: part.offset, bytes: part.bytes, bits: 8 * part.bytes }
    }
}

impl PictureReport {
    fn page(&self) -> String {
        let pack = pack_line(self.pack.as_deref(), &self.pack_hash, self.pack_found);
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
            "{}\n  picture  {} x {}, {color}{}\n  pack     {pack}\n  rung     {} {levels}, the last at {} bits; {} prior\n  tokens   {} x {} x {} = {}{raw}\n  coded    {} bytes, {:.3} bits per token{saving}\n  file     {} bytes, {:.4} bits per pixel, 1 : {:.0} of the raw picture\n\n",
            self.file,
            print::grouped(u64::from(self.width)),
            print::grouped(u64::from(self.height)),
            if self.windowed == Some(true) { ", in windows: an approximation" } else { "" },
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
        page.push_str(&parts_table(&self.parts, self.bytes));
        page
    }
}
