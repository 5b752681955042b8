//! What lost packets do to pictures.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tessera_core::{Limits, Rung};
use tessera_eval::{
    Rgb8,
    metrics::{self, Metric},
};
use tessera_image::{DecodeOptions, EncodeOptions, ImageCodec, Picture, Target};
use tessera_models::{Addition, Store};

use super::Loss;
use crate::{
    batch,
    cmd::{
        decode::{Conceal, lossy},
        encode,
    },
    engine::{Need, Shared},
    explain,
    failure::{Exit, Failure, Result},
    files::{self, Source},
    print,
};

/// Metrics of the table, where they are at hand.
const METRICS: [&str; 2] = ["lpips", "psnr"];
/// Rows of files that are not resilient.
const PLAIN: &str = "plain";
const HEALED: &str = "healed";

/// Means over pictures at one share of lost packets and one way of concealing them.
#[derive(Debug, Default, Serialize)]
struct Row {
    /// `plain` for files that are not resilient, of which nothing is lost; `healed` for the same, healed.
    conceal: &'static str,
    percent: f64,
    pictures: u32,
    /// Tokens lost, of a hundred.
    lost: f64,
    bpp: f64,
    metrics: Vec<(&'static str, f64)>,
}

pub fn run(arguments: &Loss, paths: &[PathBuf]) -> Result<std::result::Result<(), Exit>> {
    let shared = Shared::new(&arguments.models, &arguments.runtime, 1)?;
    let pack = shared.pack_to_encode_with(arguments.pack.as_deref())?;
    let rung = arguments.rung.unwrap_or(Rung { levels: 1, depth: pack.full_depth() });
    let mut engine = shared.engine();
    let codec = engine.codec_with(&pack, &[(Addition::Masked, Need::IfAtHand)])?;
    let store = Store::standard(arguments.models.models.as_deref());
    let mut chosen: Vec<Box<dyn Metric>> = Vec::new();
    for name in METRICS {
        match metrics::by_name_in(name, &store) {
            Ok(metric) => chosen.push(metric),
            Err(tessera_eval::Error::Missing(_)) => {}
            Err(error) => return Err(Failure::new(Exit::Failed, error.to_string(), "")),
        }
    }
    let ways = match codec.has(Addition::Masked) {
        true => [Some(("model", Conceal::Model)), Some(("mean", Conceal::Mean)), Some(("repeat", Conceal::Repeat))],
        false => [Some(("mean", Conceal::Mean)), Some(("repeat", Conceal::Repeat)), None],
    };
    let ways: Vec<(&'static str, Conceal)> = ways.into_iter().flatten().collect();
    let empty: Vec<(&'static str, f64)> = chosen.iter().map(|metric| (metric.name(), 0.0)).collect();
    let mut rows = vec![Row { conceal: PLAIN, metrics: empty.clone(), ..Row::default() }];
    // Of a whole first level there is nothing to heal.
    if codec.has(Addition::Masked) && rung.levels == 1 && rung.depth < pack.full_depth() {
        rows.push(Row { conceal: HEALED, metrics: empty.clone(), ..Row::default() });
    }
    for (conceal, _) in &ways {
        rows.extend(arguments.percent.iter().map(|&percent| Row {
            conceal,
            percent,
            metrics: empty.clone(),
            ..Row::default()
        }));
    }
    let mut failures = Vec::new();
    for (place, path) in (0u64..).zip(paths) {
        let job = Job { path, rung, seed: arguments.seed.wrapping_mul(1_000_003).wrapping_add(place), ways: &ways };
        if let Err(failure) = job.measure(codec, &mut chosen, &mut rows) {
            failures.push(failure.at(path.display()));
        }
    }
    for row in &mut rows {
        let pictures = f64::from(row.pictures.max(1));
        row.lost /= pictures;
        row.bpp /= pictures;
        row.metrics.iter_mut().for_each(|(_, value)| *value /= pictures);
    }
    if rows.iter().any(|row| row.pictures > 0) {
        match arguments.json {
            true => rows.iter().try_for_each(print::json)?,
            false => print::text(&table(&rows))?,
        }
    }
    Ok(batch::conclude(paths.len(), &failures))
}

/// One picture.
struct Job<'a> {
    path: &'a Path,
    rung: Rung,
    seed: u64,
    ways: &'a [(&'static str, Conceal)],
}

impl Job<'_> {
    /// Adds the picture to every row; to none if it fails.
    fn measure(&self, codec: &mut ImageCodec, metrics: &mut [Box<dyn Metric>], rows: &mut [Row]) -> Result<()> {
        let refused = |error: tessera_image::Error| explain::image(&error);
        let bytes = files::read(&Source::File(self.path.to_owned()), encode::MAX_INPUT_BYTES)?;
        let picture =
            tessera_image::io::read(&bytes, &Default::default(), tessera_image::Metadata::Strip).map_err(refused)?;
        let original = rgb(&picture)?;
        let target = Target::Rung { rung: self.rung, lambda: None };
        let plain = EncodeOptions { target, ..EncodeOptions::default() };
        let resilient = EncodeOptions { resilient: true, ..plain };
        let files = [plain, resilient].map(|options| codec.encode(&picture, &options).map_err(refused));
        let [plain, resilient] = files;
        let (plain, resilient) = (plain?.bytes, resilient?.bytes);
        let mut measured = Vec::new();
        for row in rows.iter() {
            let file = match row.conceal {
                PLAIN | HEALED => plain.clone(),
                // The same packets are lost however they are concealed.
                _ => lossy::lose(&resilient, &Limits::default(), row.percent, self.seed)?,
            };
            let way = self.ways.iter().find(|(name, _)| *name == row.conceal);
            let options = DecodeOptions {
                salvage: true,
                heal: row.conceal == HEALED,
                conceal: way.map(|(_, way)| way.concealment()).unwrap_or_default(),
                ..DecodeOptions::default()
            };
            let decoded = codec.decode(&file, &options).map_err(refused)?;
            let lost = 100.0 * decoded.lost_tokens as f64 / decoded.tokens.max(1) as f64;
            let shown = rgb(&decoded.picture)?;
            let values = metrics.iter_mut().map(|metric| metric.measure(&original, &shown));
            let values = values.collect::<tessera_eval::Result<Vec<f64>>>();
            let values = values.map_err(|error| Failure::new(Exit::Input, error.to_string(), ""))?;
            let whole = if way.is_some() { resilient.len() } else { plain.len() };
            measured.push((lost, 8.0 * whole as f64 / picture.pixels() as f64, values));
        }
        for (row, (lost, bpp, values)) in rows.iter_mut().zip(measured) {
            row.pictures += 1;
            row.lost += lost;
            row.bpp += bpp;
            row.metrics.iter_mut().zip(values).for_each(|((_, sum), value)| *sum += value);
        }
        Ok(())
    }
}

fn rgb(picture: &Picture) -> Result<Rgb8> {
    Rgb8::new(picture.width, picture.height, picture.rgb.clone())
        .map_err(|error| Failure::new(Exit::Input, error.to_string(), ""))
}

fn table(rows: &[Row]) -> String {
    let names = rows.first().map(|row| row.metrics.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
    let head = ["concealed by", "lost, asked", "tokens lost", "bpp"].map(str::to_owned).into_iter();
    let head: Vec<String> = head.chain(names.unwrap_or_default()).collect();
    let line = |row: &Row| {
        let cells = [
            row.conceal.to_owned(),
            format!("{} %", row.percent),
            format!("{:.1} %", row.lost),
            format!("{:.4}", row.bpp),
        ];
        cells.into_iter().chain(row.metrics.iter().map(|(_, value)| format!("{value:.4}"))).collect()
    };
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(rows.iter().map(line)).collect();
    let pictures = rows.first().map_or(0, |row| row.pictures);
    format!(
        "{}means over {pictures} pictures; lpips: lower is better; psnr, dB: higher is better\n",
        print::table(&lines)
    )
}
