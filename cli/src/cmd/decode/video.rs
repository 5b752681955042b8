//! `.tsr` files back to videos.

use std::{io, time::Instant};

use serde::Serialize;
use tessera_core::container::Header;
use tessera_video::{
    DecodeOptions, inspect,
    io::{self as formats, pictures::Pattern},
};

use crate::{
    cmd::beside,
    engine::Shared,
    explain,
    failure::Result,
    files::{Output, Sink, Source},
    print,
};

/// One decoded video, as `--json` reports it.
#[derive(Debug, Serialize)]
pub struct Report {
    input: String,
    output: String,
    width: u32,
    height: u32,
    frames: u64,
    /// Of what was written.
    duration: f64,
    /// Where it begins in the video.
    start: f64,
    /// What was not written as it came; with --salvage, what of the file was lost.
    pub losses: Vec<String>,
    /// Decoding and writing; the model is loaded on the way.
    seconds: f64,
}

pub fn decode(
    shared: &Shared,
    (source, header): (&Source, &Header),
    bytes: &[u8],
    sink: &Sink,
    options: &DecodeOptions,
    output: Output,
) -> Result<Report> {
    let said = inspect(bytes, &options.limits, options.salvage).map_err(|error| explain::video(&error))?;
    let codec = shared.video_codec(&shared.find(header)?, options.decoder)?;
    let start = Instant::now();
    let mut notes = Vec::new();
    let format = sink.path().and_then(formats::Format::of_path);
    let sound = beside::track(shared, bytes, options.salvage, format, &mut notes)?;
    let (from, to) = options.span.unwrap_or((0.0, f64::INFINITY));
    let ticks = |seconds: f64| (seconds * f64::from(said.shape.tick.1) / f64::from(said.shape.tick.0)).round() as i64;
    let sound_start = if from > 0.0 { said.shown_at(from) as i64 } else { 0 };
    let how = formats::WriteOptions { sound, sound_start, sound_stop: to.is_finite().then(|| ticks(to)), coding: None };
    let write = |frames: &mut dyn tessera_video::Sink| {
        codec.decode(bytes, frames, options).map_err(|error| explain::video(&error))
    };
    let explained = |error| explain::video(&error);
    let decoded = match sink {
        Sink::Stdout => write(&mut formats::y4m::Writer::new(io::stdout().lock(), &said.info).map_err(explained)?)?,
        // Numbered pictures: each is made whole, and none replaces another.
        Sink::File(path) | Sink::Mirrored(path) if Pattern::of_path(path).is_some() => {
            write(&mut *formats::create(path, &said.info, how).map_err(explained)?)?
        }
        sink => output.make(sink, |path| {
            let mut frames = formats::create(path, &said.info, how).map_err(explained)?;
            let decoded = write(&mut *frames)?;
            notes.extend(frames.notes());
            Ok(decoded)
        })?,
    };
    let tick = f64::from(said.shape.tick.0) / f64::from(said.shape.tick.1);
    Ok(Report {
        input: source.to_string(),
        output: sink.to_string(),
        width: said.shape.width,
        height: said.shape.height,
        frames: decoded.frames,
        duration: decoded.seconds,
        start: decoded.start as f64 * tick,
        losses: decoded.losses.into_iter().chain(notes).collect(),
        seconds: start.elapsed().as_secs_f64(),
    })
}

impl Report {
    pub fn line(&self) -> String {
        format!(
            "{} -> {}  {} x {}  {} frames, {:.1} s  {:.2} s, {:.1} frames/s",
            self.input,
            self.output,
            print::grouped(u64::from(self.width)),
            print::grouped(u64::from(self.height)),
            print::grouped(self.frames),
            self.duration,
            self.seconds,
            self.frames as f64 / self.seconds.max(1e-6)
        )
    }
}
