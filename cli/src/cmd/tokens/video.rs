//! The tokens of videos, and what they are reduced to.

use std::{fs::File, io, path::Path, time::Instant};

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tessera_core::{
    Limits, Rung,
    container::{FULL_SCALE, Header, MediaShape, VideoShape},
};
use tessera_video::{
    Clusters, DecodeOptions, EncodeOptions, GopTokens, Latents, MOST_CLUSTERS, Reduced, Target, VideoCodec,
};

use super::{
    Entry, Of, Report, Tokens,
    form::Form,
    volume::{Beside, Volume},
};
use crate::{
    args::FrameNetworks,
    cmd::encode::{parse_rung, video::Input},
    engine::{PackHandle, Shared},
    explain,
    failure::{Failure, Result},
    files::{Output, Sink},
};

/// Options for videos.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Videos")]
pub struct VideoArgs {
    /// Reduce a video to K tokens made for it, or to as many as it asks for, and a label for each place and time
    #[arg(long, value_name = "K|auto", value_parser = parse_clusters)]
    pub reduce: Option<Clusters>,

    /// Rung of a video's tokens, LEVELSxDEPTH: residual levels and bits per token of the last; one whole level if absent
    #[arg(long, value_name = "LxD", value_parser = parse_rung, conflicts_with = "reduce")]
    pub rung: Option<Rung>,

    /// Sides of the frames that tokens stand for, in eighths of the video's; 8 if absent
    #[arg(long, value_name = "1-8", value_parser = clap::value_parser!(u8).range(1..=8))]
    pub eighths: Option<u8>,

    /// Whose network sees a video's frames; without it, the frame pack's where one with an encoder is at hand
    #[arg(long, value_enum, value_name = "WHOSE")]
    pub encoder: Option<FrameNetworks>,
}

fn parse_clusters(text: &str) -> std::result::Result<Clusters, String> {
    let count = || text.parse().ok().filter(|count| (1..=MOST_CLUSTERS).contains(count)).map(Clusters::Fixed);
    (text == "auto")
        .then_some(Clusters::Knee)
        .or_else(count)
        .ok_or_else(|| format!("a video is reduced to 1 to {MOST_CLUSTERS} tokens, or to 'auto'"))
}

/// What `--json` reports of a video's tokens.
#[derive(Debug, Serialize)]
pub struct Grids {
    pub frames: usize,
    pub rows: usize,
    pub columns: usize,
    pub levels: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reduced: Option<Reduction>,
}

/// What a reduction kept.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Reduction {
    /// Tokens of the clip's own codebook that stand anywhere.
    pub kept: usize,
    /// Places times frames for each of them.
    pub ratio: f64,
    /// Mean squared error of the latents, per value.
    pub latent_error: f64,
    /// Share of their variance that is explained.
    pub explained: f64,
    /// Explained variance in per cent for each token that is kept.
    pub density: f64,
}

impl From<Reduced> for Reduction {
    fn from(reduced: Reduced) -> Self {
        Self {
            kept: reduced.kept,
            ratio: reduced.ratio(),
            latent_error: reduced.error,
            explained: reduced.explained(),
            density: reduced.density(),
        }
    }
}

/// A video, open or in a `.tsr` file.
pub enum Clip<'a> {
    File(Input),
    Coded(&'a [u8], &'a Header),
}

pub fn tokenise(
    shared: &Shared,
    entry: &Entry,
    arguments: &Tokens,
    form: Form,
    output: Output,
    clip: Clip<'_>,
) -> Result<Report> {
    let start = Instant::now();
    let pack = match &clip {
        Clip::File(_) => shared.pack_to_encode_with(arguments.pack.as_deref())?,
        Clip::Coded(_, header) => {
            let VideoArgs { rung, eighths, encoder, .. } = &arguments.video;
            if rung.is_some() || eighths.is_some() || encoder.is_some() {
                let what = "--rung, --eighths and --encoder do not apply to a .tsr file, which has its tokens";
                return Err(Failure::usage(what, "leave them out"));
            }
            shared.find(header)?
        }
    };
    let written = match arguments.video.reduce {
        Some(clusters) => reduced(shared, &pack, clip, arguments, clusters)?,
        None => grids(shared, &pack, clip, arguments)?,
    };
    let (job, Written { volume, beside, grids, duration, depth }) = (&entry.job, written);
    let mut report = Report {
        input: job.source.to_string(),
        output: job.sink.to_string(),
        duration,
        depth,
        tokens: (grids.frames * grids.rows * grids.columns * grids.levels) as u64,
        of: Of::Video(grids),
        seconds: 0.0,
        x_real_time: 0.0,
        sample: Vec::new(),
    };
    match (form, &job.sink) {
        (Form::Tar, _) => volume.write(form, &entry.key, &beside, &mut report.sample)?,
        (_, Sink::Stdout) => volume.write(form, "", &beside, &mut io::stdout().lock())?,
        (_, sink) => output.make(sink, |path: &Path| {
            let mut file = File::create(path).map_err(|error| Failure::write(path, &error))?;
            volume.write(form, "", &beside, &mut file)
        })?,
    }
    Ok(report.timed(start))
}

/// What is to be written.
struct Written {
    volume: Volume,
    beside: Beside,
    grids: Grids,
    duration: f64,
    depth: u8,
}

/// What is said of any tokens of a video.
fn about(pack: &PackHandle, shape: &VideoShape) -> Map<String, Value> {
    let (width, height) = shape.coded();
    let about = json!({
        "pack": pack.id(),
        "pack_hash": explain::hex(&pack.hash8()),
        "picture": [shape.width, shape.height],
        "coded": [width, height],
        "frame_rate": shape.rate.map(|(num, den)| f64::from(num) / f64::from(den)),
    });
    about.as_object().cloned().unwrap_or_default()
}

fn failed(error: &tessera_video::Error) -> Failure {
    explain::video(error)
}

fn grids(shared: &Shared, pack: &PackHandle, clip: Clip<'_>, arguments: &Tokens) -> Result<Written> {
    let offset = arguments.offset;
    let (mut volume, mut times, mut shape, mut refused) = (Volume::new()?, Vec::new(), None, None);
    let mut end = 0;
    let mut take = |group: GopTokens| {
        let of = group.grid.shape();
        let (frames, places, levels) = (of.t as usize, of.y as usize * of.x as usize, usize::from(of.levels));
        shape.get_or_insert_with(|| (of, group.grid.depths().to_vec()));
        let mut time = group.times.start;
        for (t, ticks) in group.times.ticks.iter().enumerate().take(frames) {
            let token = |n: usize| offset + u32::from(group.grid.level(n % levels)[t * places + n / levels]);
            let axes = [of.y as usize, of.x as usize, levels];
            times.push(time);
            time += ticks;
            if let Err(failure) = volume.put(&axes, (0..places * levels).map(token)) {
                refused.get_or_insert(failure);
                return Err(tessera_video::Error::Video { what: "the tokens cannot be kept".to_owned() });
            }
        }
        end = time;
        Ok(())
    };
    let taken = match clip {
        Clip::File(input) => {
            let codec = shared.video_codec(pack, FrameNetworks::wanted(arguments.video.encoder))?;
            let mut frames = input.open()?;
            let options = options(&codec, arguments);
            codec.tokenise(&mut *frames, &options, &mut take)
        }
        Clip::Coded(bytes, header) => shared
            .video_tables(pack)?
            .tokens(bytes, &DecodeOptions::default(), &mut take)
            .and_then(|_| shape_of(header)),
    };
    if let Some(failure) = refused {
        return Err(failure);
    }
    let video = taken.map_err(|error| failed(&error))?;
    let Some((of, depths)) = shape else {
        return Err(Failure::usage("none of its groups has tokens", "decode it, and tokenise what comes of it"));
    };
    let seconds = |ticks: u64| ticks as f64 * f64::from(video.tick.0) / f64::from(video.tick.1);
    let mut about = about(pack, &video);
    let depth = depths.iter().sum();
    about.insert("axes".to_owned(), json!(["frame", "row", "column", "level"]));
    about.insert("depths".to_owned(), json!(depths));
    about.insert("vocabulary".to_owned(), json!(1u32 << depths.first().copied().unwrap_or_default()));
    about.insert("offset".to_owned(), json!(offset));
    about.insert("duration".to_owned(), json!(seconds(end)));
    about.insert("times".to_owned(), times.iter().map(|&ticks| seconds(ticks)).collect());
    let grids = Grids {
        frames: volume.frames(),
        rows: of.y as usize,
        columns: of.x as usize,
        levels: usize::from(of.levels),
        reduced: None,
    };
    Ok(Written {
        volume,
        beside: Beside { name: "tokens", about, vectors: None },
        grids,
        duration: seconds(end),
        depth,
    })
}

fn reduced(
    shared: &Shared,
    pack: &PackHandle,
    clip: Clip<'_>,
    arguments: &Tokens,
    clusters: Clusters,
) -> Result<Written> {
    let (mut latents, video): (Latents, VideoShape) = match clip {
        Clip::File(input) => {
            let codec = shared.video_codec(pack, FrameNetworks::wanted(arguments.video.encoder))?;
            let mut frames = input.open()?;
            codec.latents(&mut *frames, arguments.video.eighths).map_err(|error| failed(&error))?
        }
        Clip::Coded(bytes, header) => {
            let codec = shared.video_tables(pack)?;
            let (latents, _) = codec.latents_of(bytes, &DecodeOptions::default()).map_err(|error| failed(&error))?;
            (latents, shape_of(header).map_err(|error| failed(&error))?)
        }
    };
    let (rows, columns) = latents.places();
    let dim = latents.dim();
    let codebook = latents.codebook(clusters).map_err(|error| failed(&error))?;
    let axes = [rows as usize, columns as usize];
    let (mut volume, mut refused) = (Volume::new()?, None);
    let labelled = latents.labels(&codebook, shared.threads(), |labels| {
        volume.put(&axes, labels.iter().map(|&label| u32::from(label) + arguments.offset)).map_err(|failure| {
            refused.get_or_insert(failure);
            tessera_video::Error::Video { what: "the labels cannot be kept".to_owned() }
        })
    });
    if let Some(failure) = refused {
        return Err(failure);
    }
    let reduction = Reduction::from(labelled.map_err(|error| failed(&error))?);
    let duration = latents.ticks() as f64 * f64::from(video.tick.0) / f64::from(video.tick.1);
    let mut about = about(pack, &video);
    about.insert("axes".to_owned(), json!(["frame", "row", "column"]));
    about.insert("vocabulary".to_owned(), json!(codebook.len()));
    about.insert("offset".to_owned(), json!(arguments.offset));
    about.insert("duration".to_owned(), json!(duration));
    let chosen =
        if clusters == Clusters::Knee { "knee of explained variance over log2 of the tokens" } else { "given" };
    about.insert("length".to_owned(), json!(chosen));
    about.insert("reduced".to_owned(), json!(reduction));
    let grids = Grids { frames: volume.frames(), rows: axes[0], columns: axes[1], levels: 1, reduced: Some(reduction) };
    let vectors = Some((codebook.vectors().to_vec(), dim));
    // Bits of a label.
    let depth = codebook.len().next_power_of_two().trailing_zeros() as u8;
    Ok(Written { volume, beside: Beside { name: "labels", about, vectors }, grids, duration, depth })
}

fn options(codec: &VideoCodec, arguments: &Tokens) -> EncodeOptions {
    let rung = arguments.video.rung.unwrap_or_else(|| codec.whole_level());
    let eighths = Some(arguments.video.eighths.unwrap_or(FULL_SCALE));
    let encoder = FrameNetworks::wanted(arguments.video.encoder);
    EncodeOptions { target: Target::Rung { rung, lambda: None }, eighths, encoder, ..EncodeOptions::default() }
}

fn shape_of(header: &Header) -> tessera_video::Result<VideoShape> {
    match header.media {
        MediaShape::Video(shape) => Ok(shape),
        _ => Err(tessera_video::Error::Video { what: "the file holds no video".to_owned() }),
    }
}

/// The header of a `.tsr` file of a video.
pub fn header(bytes: &[u8]) -> Option<Header> {
    let header = explain::header(bytes, &Limits::default(), false).ok()?;
    matches!(header.media, MediaShape::Video(_)).then_some(header)
}

impl Grids {
    /// What is said of them in a line.
    pub fn line(&self, depth: u8) -> String {
        let Self { frames, rows, columns, levels, .. } = self;
        match self.reduced {
            None => format!("{frames} frames of {rows} x {columns} x {levels} tokens, {depth} bits a place"),
            Some(Reduction { kept, ratio, explained, density, .. }) => format!(
                "{frames} frames of {rows} x {columns} labels of {kept} tokens, {ratio:.0} to 1; {:.1} % of the variance explained, {density:.3} % a token",
                100.0 * explained
            ),
        }
    }
}
