//! What survives of damaged files.

use tessera_core::container::{Chunk, ChunkKind, Loss};
use tessera_core::entropy::{bands, packets};
use tessera_core::{Error as CoreError, TokenGrid};

use super::decode::{Received, TokenLayout};
use crate::conceal::Known;
use crate::error::{Error, Result};

/// A loss as a sentence.
pub(super) fn describe(loss: &Loss) -> String {
    match loss.bytes {
        0 => format!("at byte {}: {}", loss.offset, loss.error),
        bytes => format!("{bytes} bytes at byte {} are lost: {}", loss.offset, loss.error),
    }
}

/// The bands or packets that decode; the tokens of others are zeros and not known.
///
/// # Errors
/// `Corrupt` if nothing decodes.
pub(super) fn tokens(chunks: &[Chunk], layout: &TokenLayout<'_>, losses: &mut Vec<String>) -> Result<Received> {
    let received = match layout.interleaved(chunks) {
        true => of_packets(chunks, layout, losses)?,
        false => of_bands(chunks, layout, losses)?,
    };
    if !received.known.positions.contains(&true) {
        return Err(Error::corrupt("no tokens survive; fetch a good copy of the file"));
    }
    Ok(received)
}

fn of_bands(chunks: &[Chunk], layout: &TokenLayout<'_>, losses: &mut Vec<String>) -> Result<Received> {
    let TokenLayout { shape, depths, prior, limits, .. } = layout;
    let mut grid = TokenGrid::with_limits(*shape, depths, limits)?;
    let columns = shape.x as usize;
    let mut known = Known::nothing(shape.y as usize, columns);
    for (n, band) in (0u32..).zip(bands::split(*shape, limits)?) {
        let is_band = |chunk: &&Chunk| chunk.kind == ChunkKind::Tokens && chunk.sequence == n;
        let decoded = match chunks.iter().find(is_band) {
            Some(chunk) => chunk.band().and_then(|coded| bands::decode_band(&band, &coded, depths, *prior, limits)),
            None => Err(missing()),
        };
        let rows = band.rows.start as usize..band.rows.end as usize;
        match decoded.and_then(|tokens| bands::insert(&mut grid, &band, &tokens)) {
            Ok(()) => known.positions[rows.start * columns..rows.end * columns].fill(true),
            Err(error) => losses.push(format!(
                "token rows {} to {} of {} are lost and filled from those around them: {error}",
                rows.start,
                rows.end - 1,
                shape.y
            )),
        }
    }
    Ok(Received { grid, known })
}

fn of_packets(chunks: &[Chunk], layout: &TokenLayout<'_>, losses: &mut Vec<String>) -> Result<Received> {
    let TokenLayout { shape, depths, prior, limits, .. } = layout;
    let mut grid = TokenGrid::with_limits(*shape, depths, limits)?;
    let mut known = Known::nothing(shape.y as usize, shape.x as usize);
    let all = packets::split(*shape, limits)?;
    let mut lost: Vec<String> = Vec::new();
    let mut first_error = None;
    for (n, packet) in (0u32..).zip(&all) {
        let is_packet = |chunk: &&Chunk| chunk.kind == ChunkKind::Interleaved && chunk.sequence == n;
        let decoded = match chunks.iter().find(is_packet) {
            Some(chunk) => packets::decode_packet(packet, &chunk.payload, depths, *prior, limits),
            None => Err(missing()),
        };
        match decoded.and_then(|tokens| packets::insert(&mut grid, packet, &tokens)) {
            Ok(()) => packet.places(shape.x).for_each(|place| known.positions[place] = true),
            Err(error) => {
                lost.push(n.to_string());
                first_error.get_or_insert(error);
            }
        }
    }
    if let Some(error) = first_error {
        const NAMED: usize = 8;
        let more = if lost.len() > NAMED { ", …" } else { "" };
        losses.push(format!(
            "{} of {} packets are lost, {:.1} % of the tokens, and concealed: {}{more}: {error}",
            lost.len(),
            all.len(),
            100.0 * known.lost() as f64 / known.positions.len() as f64,
            lost[..lost.len().min(NAMED)].join(", "),
        ));
    }
    Ok(Received { grid, known })
}

fn missing() -> CoreError {
    CoreError::Truncated { what: "its chunk is missing".to_owned() }
}
