//! What is in the `.tsr` file of a sound.

use serde::Serialize;
use tessera_audio::{AudioCodec, inspect};
use tessera_core::{
    Limits,
    container::{Channels, Header, PriorKind},
};

use super::{PartReport, parts_table};
use crate::{engine::Shared, explain, failure::Result, print};

/// Samples per token of the packs' audio tokenizers, and more that the last ones cover, where the pack itself is not at hand.
const USUAL_HOP: usize = 200;
const USUAL_OVERLAP: u64 = 440;

/// Everything `info` tells about the file of a sound; `--json` prints it as it is.
#[derive(Debug, Serialize)]
pub struct Report {
    file: String,
    modality: &'static str,
    /// Samples per second that the tokens stand for.
    rate: u32,
    channels: u8,
    layout: &'static str,
    /// Samples of a channel at that rate; absent for a live stream.
    samples: Option<u64>,
    duration: Option<f64>,
    /// Rate and samples before the sound was resampled.
    source_rate: Option<u32>,
    source_samples: Option<u32>,
    /// Whether it is a live stream, and whether all of it is there.
    live: bool,
    complete: bool,
    packets: Option<u64>,
    tokens_per_packet: Option<u32>,
    /// Packets that frames are dealt to in turn, and leading bits that packets repeat, of a live stream.
    interleave: Option<u32>,
    repeat: Option<u8>,
    /// The rate that a live stream announces.
    announced_bits_per_second: Option<u32>,
    pack_hash: String,
    pack: Option<String>,
    pack_found: bool,
    /// Whether the pack decodes it in windows, which is an approximation; absent where the pack is not at hand.
    windowed: Option<bool>,
    prior: &'static str,
    levels: u8,
    /// Bits of the last level's tokens, and of all of a frame's where the pack is at hand or there is but one.
    depth: u8,
    frame_bits: Option<u32>,
    tokens: Option<u64>,
    raw_bits: Option<u64>,
    token_bytes: u64,
    bytes: u64,
    bits_per_second: Option<f64>,
    parts: Vec<PartReport>,
}

pub fn inspect_sound(file: String, bytes: &[u8], header: &Header, shared: &Shared) -> Result<Report> {
    let held = inspect(bytes, &Limits::default()).map_err(|error| explain::sound(&error))?;
    let pack = shared.find_pack(header).ok();
    let codec = pack.as_ref().and_then(|pack| shared.sound_tables(pack).ok());
    let usual = |samples: u64| (samples + USUAL_OVERLAP).div_ceil(USUAL_HOP as u64);
    let per_channel = |samples| codec.as_ref().map_or_else(|| usual(samples), |codec| codec.frame_count(samples));
    // A finished live stream says where it ends in tokens' samples, which takes its model to read.
    let of_live = |codec: &AudioCodec| held.reach.zip(held.live).map(|(reach, live)| codec.live_samples(live, reach));
    let samples = held.samples.or_else(|| codec.as_ref().and_then(of_live));
    let frames = samples.map(|samples| per_channel(samples) * u64::from(held.layout.count()));
    let full = codec.as_ref().map(AudioCodec::depth).or((held.rung.levels == 1).then_some(held.rung.depth));
    let frame_bits = full.map(|full| held.rung.bits_per_position(full));
    let seconds = |samples: u64| samples as f64 / f64::from(held.rate);
    Ok(Report {
        file,
        modality: "audio",
        rate: held.rate,
        channels: held.layout.count(),
        layout: match held.layout {
            Channels::Mono => "mono",
            Channels::LeftRight => "left and right",
            Channels::MidSide => "mid and side",
        },
        samples,
        duration: samples.map(seconds),
        source_rate: held.source.map(|source| source.rate),
        source_samples: held.source.map(|source| source.samples),
        live: held.live.is_some(),
        complete: held.complete,
        packets: held.live.map(|_| held.packets),
        tokens_per_packet: held.live.map(|live| live.packet_frames),
        interleave: held.live.map(|live| live.interleave),
        repeat: held.live.map(|live| live.repeat),
        announced_bits_per_second: held.live.and_then(|live| live.bits_per_second),
        pack_hash: explain::hex(&held.pack.hash),
        pack: held.pack.id.clone().or(pack.as_ref().map(|pack| pack.id().to_owned())),
        pack_found: pack.is_some(),
        windowed: codec.as_ref().map(|codec| held.samples.is_some_and(|samples| codec.is_windowed(samples))),
        prior: match held.prior {
            PriorKind::Trained => "trained",
            PriorKind::Uniform => "uniform",
        },
        levels: held.rung.levels,
        depth: held.rung.depth,
        frame_bits,
        raw_bits: frames.zip(frame_bits).map(|(frames, bits)| frames * u64::from(bits)),
        tokens: frames.map(|frames| frames * u64::from(held.rung.levels)),
        token_bytes: held.token_bytes,
        bytes: bytes.len() as u64,
        bits_per_second: samples.map(|samples| bytes.len() as f64 * 8.0 / seconds(samples)),
        parts: held.parts.into_iter().map(PartReport::from).collect(),
    })
}

impl Report {
    pub fn page(&self) -> String {
        let pack = super::pack_line(self.pack.as_deref(), &self.pack_hash, self.pack_found);
        let mut sound = match self.duration {
            Some(duration) if self.live => format!("{duration:.3} s, {}, a live stream", self.layout),
            Some(duration) => format!("{duration:.3} s, {}", self.layout),
            None if self.complete => format!("a live stream, {}", self.layout),
            None => format!("a live stream without its end, {}", self.layout),
        };
        if let (Some(rate), Some(samples)) = (self.source_rate, self.source_samples) {
            let (rate, samples) = (print::grouped(rate.into()), print::grouped(samples.into()));
            sound.push_str(&format!(", {samples} samples at {rate} Hz before"));
        }
        let mut page = format!(
            "{}\n  sound    {sound}\n  pack     {pack}{}\n  tokens   of {} at {} Hz; {} prior",
            self.file,
            if self.windowed == Some(true) {
                "\n  decoded  in windows: an approximation of what the pack gives whole"
            } else {
                ""
            },
            match self.levels {
                1 => format!("{} bits", self.depth),
                levels => format!("{levels} levels, the last of {} bits,", self.depth),
            },
            print::grouped(self.rate.into()),
            self.prior
        );
        if let (Some(tokens), Some(raw)) = (self.tokens, self.raw_bits) {
            let coded = 8.0 * self.token_bytes as f64;
            page.push_str(&format!(
                "\n           {}, {} bits uncoded\n  coded    {} bytes, {:.3} bits per token, {:.1} % saved",
                print::grouped(tokens),
                print::grouped(raw),
                print::grouped(self.token_bytes),
                coded / tokens as f64,
                100.0 * (1.0 - coded / raw as f64)
            ));
        }
        if let (Some(packets), Some(each)) = (self.packets, self.tokens_per_packet) {
            page.push_str(&format!("\n  packets  {} of {each} tokens", print::grouped(packets)));
            if let Some(interleave) = self.interleave.filter(|&interleave| interleave > 1) {
                page.push_str(&format!(", dealt to {interleave} in turn"));
            }
            if let Some(repeat) = self.repeat.filter(|&repeat| repeat > 0) {
                page.push_str(&format!(", {repeat} bits of each token repeated"));
            }
        }
        page.push_str(&format!("\n  file     {} bytes", print::grouped(self.bytes)));
        if let Some(bits) = self.bits_per_second {
            page.push_str(&format!(", {} bits per second", print::grouped(bits.round() as u64)));
        }
        if let Some(announced) = self.announced_bits_per_second {
            page.push_str(&format!(", {} announced", print::grouped(announced.into())));
        }
        page.push('\n');
        if !self.parts.is_empty() {
            page.push('\n');
            page.push_str(&parts_table(&self.parts, self.bytes));
        }
        page
    }
}
