//! Sounds for the page: each with its spectrogram, few enough that the page stays small.

use std::fmt::Write as _;
use std::io::Cursor;
use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use image::codecs::jpeg::JpegEncoder;
use tessera_audio::io::write_flac;

use super::escape::markup;
use super::figures;
use super::gallery::{contained, original, spread, values};
use super::index::Index;
use super::spectrogram::spectrogram;
use crate::{Cell, Error, Media, Result, Speech, speech::RATE};

/// Bytes of all sounds and spectrograms in base64.
const BUDGET: usize = 8_000_000;
const MOST_FILES: usize = 8;
/// Longest stretch of a sound that the page plays, in seconds.
const LONGEST: usize = 8;
/// Sides of a spectrogram.
const SIDES: (u32, u32) = (480, 128);

/// The section of sounds.
pub(super) struct Sounds {
    /// One block a file.
    pub(super) html: String,
    /// How many files of how many, and what was cut.
    pub(super) note: String,
}

/// `None` where no sound was kept.
pub(super) fn sounds(index: &Index<'_>, folder: &Path) -> Result<Option<Sounds>> {
    let has = |file: &str| index.run.cells.iter().any(|cell| cell.file == file && cell.kept.is_some());
    let files: Vec<&str> = index.files.iter().copied().filter(|file| has(file)).collect();
    let (mut html, mut shown, mut cut) = (String::new(), 0, false);
    for file in spread(&files, MOST_FILES) {
        let block = block(index, folder, file, &mut cut)?;
        // The first is shown whatever it takes.
        if shown > 0 && html.len() + block.len() > BUDGET {
            break;
        }
        html.push_str(&block);
        shown += 1;
    }
    let cut = if cut { format!(" Of longer ones the first {LONGEST} seconds are here.") } else { String::new() };
    let note = format!("{shown} of {}.{cut}", figures::count(files.len(), "file"));
    Ok((shown > 0).then_some(Sounds { html, note }))
}

fn block(index: &Index<'_>, folder: &Path, file: &str, cut: &mut bool) -> Result<String> {
    let mut html = format!("<h3>{}</h3>\n<div class=\"sounds\">\n", markup(file));
    html.push_str(&shot(&read(folder, &original(file, Speech::ENDING), cut)?, "Original", "", "not coded")?);
    for (codec, info) in index.run.codecs.iter().enumerate() {
        let cells = index.files_of(codec).get(file).into_iter().flat_map(|cells| cells.values().copied());
        for cell in cells {
            let Some(name) = &cell.kept else { continue };
            let sound = read(folder, name, cut)?;
            html.push_str(&shot(&sound, &info.name, &cell.rate, &caption(index, cell))?);
        }
    }
    html.push_str("</div>\n");
    Ok(html)
}

fn caption(index: &Index<'_>, cell: &Cell) -> String {
    let unit = index.run.unit().short;
    let mut parts =
        vec![format!("{}\u{a0}bytes, {}\u{a0}{unit}", figures::bytes(cell.bytes), figures::cost(cell.cost()))];
    parts.extend(values(index, cell).into_iter().map(|(name, value)| format!("{name}\u{a0}{value}")));
    parts.join(" · ")
}

/// One sound: what it is, its spectrogram, and a player.
fn shot(sound: &Speech, codec: &str, rate: &str, caption: &str) -> Result<String> {
    let picture = spectrogram(sound, SIDES.0, SIDES.1)?;
    let mut jpeg = Cursor::new(Vec::new());
    JpegEncoder::new_with_quality(&mut jpeg, 80)
        .encode_image(&picture)
        .map_err(|error| Error::Failed(format!("cannot write a spectrogram: {error}")))?;
    let flac = write_flac(&sound.to_sound()).map_err(|error| Error::Failed(error.to_string()))?;
    let name = [markup(codec), markup(rate)].join(" ");
    let name = name.trim();
    let mut html = format!("<figure><figcaption><b>{name}</b> <span>{}</span></figcaption>\n", markup(caption));
    let _ = writeln!(
        html,
        "<img width=\"{}\" height=\"{}\" alt=\"Spectrogram of {name}: 0 to 8 kHz over {:.1} seconds\" src=\"data:image/jpeg;base64,{}\">",
        SIDES.0,
        SIDES.1,
        sound.seconds(),
        STANDARD.encode(jpeg.into_inner())
    );
    let _ = writeln!(
        html,
        "<audio controls preload=\"metadata\" aria-label=\"{name}\" src=\"data:audio/flac;base64,{}\"></audio></figure>",
        STANDARD.encode(flac)
    );
    Ok(html)
}

fn read(folder: &Path, name: &str, cut: &mut bool) -> Result<Speech> {
    let sound = Speech::read(&contained(folder, name)?)?;
    let most = LONGEST * RATE as usize;
    if sound.samples().len() <= most {
        return Ok(sound);
    }
    *cut = true;
    Speech::new(sound.samples()[..most].to_vec())
}
