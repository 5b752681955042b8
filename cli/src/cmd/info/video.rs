//! What is in the `.tsr` file of a video.

use serde::Serialize;
use tessera_core::{
    Limits,
    container::{self, Header, PriorKind},
};
use tessera_video::inspect;

use super::{PartReport, pack_line, parts_table};
use crate::{engine::Shared, explain, failure::Result, print};

/// Everything `info` tells about the file of a video; `--json` prints it as it is.
#[derive(Debug, Serialize)]
pub struct Report {
    file: String,
    modality: &'static str,
    width: u32,
    height: u32,
    /// Columns and rows of the frames that the tokens stand for.
    coded: [u32; 2],
    /// Their sides in eighths of those shown.
    eighths: u8,
    frames: u64,
    frame_rate: Option<f64>,
    duration: f64,
    /// Frames of each group of pictures.
    gops: Vec<u32>,
    /// Groups all of whose frames follow each other as those of the video do, and groups with a frame that is shown for longer, because nothing new was kept after it.
    whole_gops: u32,
    thinned_gops: u32,
    /// Seconds that such frames are shown beyond their own time.
    held: f64,
    pack_hash: String,
    /// Id of the pack, from the file or from the packs at hand.
    pack: Option<String>,
    /// Whether the pack is at hand.
    pack_found: bool,
    prior: &'static str,
    levels: u8,
    depth: u8,
    /// Mean bits of key frames and of others, and the share of tokens that frames change; absent without the pack.
    key_bits: Option<f64>,
    inter_bits: Option<f64>,
    changed: Option<f64>,
    gop_bytes: u64,
    /// Of each group, whether it carries AV1 at half the sides instead of tokens.
    base: Vec<bool>,
    sound_bytes: u64,
    bytes: u64,
    bpp: f64,
    bits_per_second: f64,
    parts: Vec<PartReport>,
}

pub fn inspect_video(file: String, bytes: &[u8], header: &Header, shared: &Shared) -> Result<Report> {
    let limits = Limits::default();
    let held = inspect(bytes, &limits, false).map_err(|error| explain::video(&error))?;
    let parts = container::layout(bytes, &limits).map_err(|error| explain::core(&error))?;
    let pack = shared.find(header).ok();
    let tally = match &pack {
        Some(pack) => Some(shared.video_tables(pack)?.tally(bytes, &limits).map_err(|error| explain::video(&error))?),
        None => None,
    };
    let (width, height) = held.shape.coded();
    let thinned = held.held();
    let pixels = f64::from(held.shape.width) * f64::from(held.shape.height) * held.frames as f64;
    // Rates are those of the frames.
    let bits = 8.0 * (bytes.len() as u64 - held.sound_bytes) as f64;
    Ok(Report {
        file,
        modality: "video",
        width: held.shape.width,
        height: held.shape.height,
        coded: [width, height],
        eighths: held.shape.eighths,
        frames: held.frames,
        frame_rate: held.shape.rate.map(|(num, den)| f64::from(num) / f64::from(den)),
        duration: held.seconds,
        whole_gops: thinned.iter().filter(|seconds| **seconds == 0.0).count() as u32,
        thinned_gops: thinned.iter().filter(|seconds| **seconds > 0.0).count() as u32,
        held: thinned.iter().sum(),
        gops: held.gops,
        pack_hash: explain::hex(&header.pack.hash),
        pack: header.pack.id.clone().or(pack.as_ref().map(|pack| pack.id().to_owned())),
        pack_found: pack.is_some(),
        prior: match header.prior {
            PriorKind::Trained => "trained",
            PriorKind::Uniform => "uniform",
        },
        levels: header.rung.levels,
        depth: header.rung.depth,
        key_bits: tally.map(|tally| tally.key_bits),
        inter_bits: tally.map(|tally| tally.inter_bits),
        changed: tally.map(|tally| tally.changed),
        gop_bytes: held.gop_bytes,
        base: held.base,
        sound_bytes: held.sound_bytes,
        bytes: bytes.len() as u64,
        bpp: bits / pixels,
        bits_per_second: bits / held.seconds,
        parts: parts.into_iter().map(PartReport::from).collect(),
    })
}

impl Report {
    pub fn page(&self) -> String {
        let pack = pack_line(self.pack.as_deref(), &self.pack_hash, self.pack_found);
        let rate = self.frame_rate.map_or(String::new(), |rate| format!(" at {rate:.3} a second"));
        let mut page = format!(
            "{}\n  video    {} x {}, {} frames{rate}, {:.2} s\n  coded    {} x {}, {} eighths of the sides\n  pack     {pack}\n  rung     {} {}, the last at {} bits; {} prior\n  groups   {} of {} to {} frames\n",
            self.file,
            print::grouped(u64::from(self.width)),
            print::grouped(u64::from(self.height)),
            print::grouped(self.frames),
            self.duration,
            print::grouped(u64::from(self.coded[0])),
            print::grouped(u64::from(self.coded[1])),
            self.eighths,
            self.levels,
            if self.levels == 1 { "level" } else { "levels" },
            self.depth,
            self.prior,
            self.gops.len(),
            self.gops.iter().min().unwrap_or(&0),
            self.gops.iter().max().unwrap_or(&0),
        );
        if let (Some(key), Some(inter), Some(changed)) = (self.key_bits, self.inter_bits, self.changed)
            && key > 0.0
        {
            page.push_str(&format!(
                "  frames   {} bits a key frame, {} any other, {:.1} % of that; {:.1} % of their tokens change\n",
                print::grouped(key.round() as u64),
                print::grouped(inter.round() as u64),
                100.0 * inter / key,
                100.0 * changed
            ));
        }
        if self.thinned_gops > 0 {
            page.push_str(&format!(
                "  kept     {} groups whole, {} thinned: a frame is held there, {:.2} s in all\n",
                self.whole_gops, self.thinned_gops, self.held
            ));
        }
        let numbers = |of: bool| {
            let numbers = self.base.iter().enumerate().filter(|&(_, &base)| base == of).map(|(n, _)| n.to_string());
            numbers.collect::<Vec<_>>().join(" ")
        };
        if self.base.contains(&true) {
            page.push_str(&format!(
                "  base     groups {} carry AV1 at half the sides, tokens {}\n",
                numbers(true),
                match numbers(false) {
                    numbers if numbers.is_empty() => "none".to_owned(),
                    numbers => numbers,
                }
            ));
        }
        if self.sound_bytes > 0 {
            page.push_str(&format!("  sound    {} bytes\n", print::grouped(self.sound_bytes)));
        }
        let without = if self.sound_bytes > 0 { "; without the sound" } else { "," };
        page.push_str(&format!(
            "  file     {} bytes{without} {:.5} bits per pixel, {} bits per second\n\n",
            print::grouped(self.bytes),
            self.bpp,
            print::grouped(self.bits_per_second.round() as u64)
        ));
        page.push_str(&parts_table(&self.parts, self.bytes));
        page
    }
}
